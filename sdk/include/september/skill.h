/* SPDX-License-Identifier: Apache-2.0 */
/*
 * skill.h - sept.skill/1: documents that tell the agent how to do a thing.
 *
 * scan() reads every skill below a directory and completes with
 *   {"skills":[{"name","description","category","allowed_tools":[...],
 *      "capabilities":[...], "body", "dir", "scripts":{file:text},
 *      "references":[file, ...]}, ...],
 *    "problems":[{"file","line","message"}, ...]}
 * Script names are relative to the skill's scripts/, references to its
 * references/. `file` is relative to the directory, `line` counts from 1 (0:
 * whole file).
 * A directory that does not exist has no skills and no problems.
 */
#ifndef SEPTEMBER_SKILL_H
#define SEPTEMBER_SKILL_H

#include "call.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SEPT_EXT_SKILL "sept.skill/1"
struct sept_skill {
	uint32_t size;
	uint32_t reserved; /* 0 */
	/* [pool] dir: absolute path. */
	sept_status (*scan)(struct sept_plugin *, struct sept_call *,
	    struct sept_slice dir);
};

#ifdef __cplusplus
}
#endif
#endif

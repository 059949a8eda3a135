/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tool.h - sept.tool/1: functions that a model may call.
 *
 * The host checks a call's arguments against input_schema before invoke().
 *
 * Completion object: {"output": string, "truncated": bool} with SEPT_OK, or
 * {"error": string, "output": string} with another status, where `error` is
 * a short snake_case code and `output` tells the model what went wrong.
 * Further members are allowed. Invalid UTF-8 is replaced by the host.
 */
#ifndef SEPTEMBER_TOOL_H
#define SEPTEMBER_TOOL_H

#include "call.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Tool flags: what the turn loop may do with the tool. */
#define SEPT_TOOL_READONLY (1u << 0)    /* changes nothing anywhere */
#define SEPT_TOOL_IDEMPOTENT (1u << 1)  /* twice is as good as once */
#define SEPT_TOOL_DESTRUCTIVE (1u << 2) /* may destroy; policy looks */
#define SEPT_TOOL_BLOCKING (1u << 3)    /* invoke() runs on the pool */
#define SEPT_TOOL_PERMISSION (1u << 4)  /* a human must agree first */
#define SEPT_TOOL_NETWORK (1u << 5)     /* reaches other machines */

struct sept_tool_info {
	uint32_t size;
	uint32_t flags;           /* SEPT_TOOL_* */
	const char *name;         /* [A-Za-z0-9_.-]{1,64}, NUL terminated */
	const char *description;  /* for the model, NUL terminated */
	const char *input_schema; /* JSON Schema object, NUL terminated */
	uint32_t timeout_ms;      /* deadline of a call; 0: the host's */
	uint32_t max_parallel;    /* calls at once; 0: no limit of its own */
};

#define SEPT_EXT_TOOL "sept.tool/1"
struct sept_tool {
	uint32_t size;
	/* [loop] Number of tools; constant while running. */
	uint32_t (*count)(struct sept_plugin *);
	/* [loop] Valid until destroy; the host copies what it keeps. */
	const struct sept_tool_info *(*info)(struct sept_plugin *,
	    uint32_t i);
	/* [loop], or [pool] with SEPT_TOOL_BLOCKING. args: a JSON object. */
	sept_status (*invoke)(struct sept_plugin *, uint32_t i,
	    struct sept_call *, struct sept_slice args);
	/*
	 * [loop] A turn has ended: end what its calls left behind (child
	 * processes, temporary files). May be NULL.
	 */
	void (*turn_ended)(struct sept_plugin *, struct sept_slice task_id,
	    struct sept_slice turn_id);
};

#ifdef __cplusplus
}
#endif
#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health.h - sept.health/1: a cheap probe of a running plugin.
 */
#ifndef SEPTEMBER_HEALTH_H
#define SEPTEMBER_HEALTH_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SEPT_EXT_HEALTH "sept.health/1"
struct sept_health {
	uint32_t size;
	uint32_t reserved; /* 0 */
	/* [loop] SEPT_OK, or why not (text into err). No network, no disk. */
	sept_status (*check)(struct sept_plugin *, struct sept_err *);
};

#ifdef __cplusplus
}
#endif
#endif

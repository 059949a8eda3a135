/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.h - wall and monotonic time, and the ISO 8601 form of the wire.
 */
#ifndef CORE_BASE_CLOCK_H
#define CORE_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define CLOCK_ISO_LEN 24 /* 2026-04-27T12:34:56.000Z, without the NUL */

/* [any] Monotonic, nanoseconds. */
uint64_t clock_mono_ns(void);
/* [any] Wall clock, Unix milliseconds. */
int64_t clock_wall_ms(void);
/* [any] Writes CLOCK_ISO_LEN characters and a NUL. ms: years 1970..9999. */
void clock_iso(int64_t ms, char out[CLOCK_ISO_LEN + 1]);
/*
 * [any] Parses an ISO 8601 time with date, `T` or a blank, optional fraction
 * and `Z` or an offset (none means UTC). 0, or -1 when it is not one.
 */
int clock_parse_iso(const char *s, int64_t *ms);

#endif

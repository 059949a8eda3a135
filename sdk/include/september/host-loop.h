/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host-loop.h - sept.host.loop/1 and sept.host.pool/1: timers, posted
 * functions and blocking work.
 */
#ifndef SEPTEMBER_HOST_LOOP_H
#define SEPTEMBER_HOST_LOOP_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

struct sept_timer; /* opaque */

#define SEPT_HOST_LOOP "sept.host.loop/1"
struct sept_host_loop {
	uint32_t size;
	uint32_t reserved;
	/* [any] Runs fn(arg) once on the loop, later. */
	sept_status (*post)(const struct sept_host *, void (*fn)(void *),
	    void *arg);
	/* [loop] Runs fn(arg) once on the loop in delay_ms milliseconds. */
	sept_status (*timer)(const struct sept_host *, uint32_t delay_ms,
	    void (*fn)(void *), void *arg, struct sept_timer **out);
	/* [loop] Ends a timer that has not run; afterwards it is gone. */
	void (*timer_cancel)(struct sept_timer *);
};

#define SEPT_HOST_POOL "sept.host.pool/1"
struct sept_host_pool {
	uint32_t size;
	uint32_t reserved;
	/*
	 * [any] Runs work(arg) on a worker, then done(arg) on the loop (done
	 * may be NULL). SEPT_EUNAVAIL when the queue is full.
	 */
	sept_status (*submit)(const struct sept_host *, void (*work)(void *),
	    void (*done)(void *), void *arg);
};

#ifdef __cplusplus
}
#endif
#endif

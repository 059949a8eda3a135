/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.h - the event loop: one libevent base on one thread, functions posted
 * to it from any thread, one-shot timers, and the section marks that the
 * watchdog reads.
 *
 * Invariant: the loop thread never blocks. What blocks goes to pool.h.
 */
#ifndef CORE_LOOP_LOOP_H
#define CORE_LOOP_LOOP_H

#include <event2/event.h>
#include <stdint.h>

#include "../base/err.h"

struct loop;
struct loop_timer;

/* [main] The thread that calls this becomes the loop thread. */
struct loop *loop_new(struct err *e);
/* [loop] After loop_run() has returned. Posted functions left are dropped. */
void loop_free(struct loop *l);
struct event_base *loop_base(struct loop *l);
/* [loop] Runs until loop_stop(). */
int loop_run(struct loop *l);
/*
 * [loop] One round that waits at most wait_ms, also after loop_stop(): for a
 * module that must wait for its last callbacks. Not from inside a callback.
 */
void loop_turn(struct loop *l, unsigned wait_ms);
/* [any] */
void loop_stop(struct loop *l);
/* [any] 1 on the loop thread. */
int loop_here(const struct loop *l);

/*
 * A function to be posted. Embed it in what it is about: posting never
 * allocates and so never fails. An item may be posted again once its function
 * has been entered.
 */
struct loop_post {
	struct loop_post *next;
	void (*fn)(void *arg);
	void *arg;
};
/* [any] Runs p->fn(p->arg) on the loop, in order, one wake-up a batch. */
void loop_post(struct loop *l, struct loop_post *p);

/*
 * [loop] One shot after delay_ms; *out is gone once fn was entered.
 * -1: out of memory.
 */
int loop_timer(struct loop *l, uint64_t delay_ms, void (*fn)(void *),
    void *arg, struct loop_timer **out);
/* [loop] NULL is allowed. */
void loop_timer_cancel(struct loop_timer *t);

/*
 * [loop] Names what runs now, for the watchdog; returns the name before, to
 * be put back. name must be static or live until put back.
 */
const char *loop_section(struct loop *l, const char *name);

/*
 * [main] Starts a thread that logs each stretch of more than limit_ms on the
 * loop with the section's name, not counting time in which other processes
 * had the processor. loop_stalls() counts them.
 */
int loop_watchdog_start(struct loop *l, unsigned limit_ms, struct err *e);
uint64_t loop_stalls(const struct loop *l);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool.h - worker threads for what may block. The pool knows nothing of the
 * items; an item is owned by one side at a time: the caller until submit, the
 * pool until done() is entered on the loop, then the caller again.
 */
#ifndef CORE_LOOP_POOL_H
#define CORE_LOOP_POOL_H

#include "loop.h"

struct pool;

struct pool_job {
	void (*work)(void *arg); /* [pool] */
	void (*done)(void *arg); /* [loop] may be NULL */
	void *arg;
	/* The pool's own: */
	struct pool_job *next;
	struct loop_post post;
	struct pool *pool;
};

/*
 * [main] max_threads are started as they are needed and end when idle for 10
 * s; max_queue jobs may wait.
 */
struct pool *pool_new(struct loop *l, unsigned max_threads,
    unsigned max_queue, struct err *e);
/*
 * [loop] Waits for running work; waiting jobs are dropped without done().
 */
void pool_free(struct pool *p);
/* [any] -1: the queue is full or no thread could be had. */
int pool_submit(struct pool *p, struct pool_job *job);

#endif

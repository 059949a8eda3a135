/* SPDX-License-Identifier: Apache-2.0 */
/*
 * brain-thread.h - the brain's own struct, between brain.c (threads, queues)
 * and brain-writer.c (what the threads run).
 */
#ifndef CORE_STORE_BRAIN_THREAD_H
#define CORE_STORE_BRAIN_THREAD_H

#include <pthread.h>

#include "brain-internal.h"

#define BRAIN_READERS 2

struct op_queue {
	struct brain_op *head, **tail;
};

struct brain_worker {
	struct brain *b;
	struct brain_db db;  /* the thread's; ours while none runs */
	pthread_t thread;
	int started;
	pthread_cond_t wake;
	int sleeping;        /* guarded by the lock */
};

struct brain {
	struct loop *loop;
	char *path;
	int lock_fd;
	int fd;              /* eventfd: something has finished */
	struct event *ev;
	pthread_mutex_t lock;
	struct op_queue writes, reads, done;
	unsigned queued;     /* in writes */
	int closing;
	int checkpointed;    /* writer: log pages when it last tried */
	struct brain_worker writer, reader[BRAIN_READERS];
	_Atomic int64_t ttl_active_ms;
	_Atomic uint64_t commits, ops, failed, checkpoints;
	_Atomic int healthy;
};

/* [any] Operations that have finished; wakes the loop once. */
void brain_deliver(struct brain *b, struct brain_op *list);
/* [writer] Runs and commits the operations, then delivers them. */
void brain_write_batch(struct brain *b, struct brain_db *db,
    struct brain_op *list);
/* [writer] Never waits for a reader. */
void brain_checkpoint(struct brain *b, struct brain_db *db);
/* [reader] Runs one operation on one snapshot. */
void brain_read_one(struct brain *b, struct brain_db *db,
    struct brain_op *op);

#endif

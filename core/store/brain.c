/* SPDX-License-Identifier: Apache-2.0 */
/*
 * brain.c - opening and closing the brain, its threads and queues, and how
 * finished operations come back to the loop. What a transaction is: see
 * brain-writer.c.
 *
 * One mutex guards the queues; nothing is called under it. A thread that is
 * awake is never signalled. Finished operations gather in one list and an
 * eventfd, watched edge-triggered so that nobody has to read it, wakes the
 * loop once for all of them. It is an event of the brain's own, not a
 * loop_post(), because a post cannot be taken back when the brain closes.
 *
 * Readers open their connections when first used: a start costs nothing for
 * them, and the second is only woken while the first is busy.
 */
#include "brain-thread.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "../base/clock.h"

/* A pause in which the writer may checkpoint, and when it must. */
#define QUIET_MS 50
#define CHECKPOINT_PAGES 256
#define CHECKPOINT_FORCED 4000

static pthread_once_t sqlite_once = PTHREAD_ONCE_INIT;

/* Each connection has one thread, and nobody asks for memory statistics. */
static void
configure_sqlite(void)
{
	/* MISUSE when somebody was faster: then its settings hold. */
	(void)sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	(void)sqlite3_initialize();
}

static void
queue_init(struct op_queue *q)
{
	q->head = NULL;
	q->tail = &q->head;
}

static void
queue_add(struct op_queue *q, struct brain_op *op)
{
	op->next = NULL;
	*q->tail = op;
	q->tail = &op->next;
}

/* [any] Appends finished operations, in order, and wakes the loop. */
void
brain_deliver(struct brain *b, struct brain_op *list)
{
	struct brain_op *op, *next;
	uint64_t one = 1;
	ssize_t r;
	int first;

	(void)pthread_mutex_lock(&b->lock);
	first = b->done.head == NULL;
	for (op = list; op != NULL; op = next) {
		next = op->next;
		queue_add(&b->done, op);
	}
	(void)pthread_mutex_unlock(&b->lock);
	if (first) {
		r = write(b->fd, &one, sizeof one);
		(void)r; /* cannot block before 2^64 of them */
	}
}

/* [loop] Runs done() of everything that has finished; 0: there was none. */
static int
run_done(struct brain *b)
{
	struct brain_op *op, *next;

	(void)pthread_mutex_lock(&b->lock);
	op = b->done.head;
	queue_init(&b->done);
	(void)pthread_mutex_unlock(&b->lock);
	if (op == NULL)
		return 0;
	for (; op != NULL; op = next) {
		/* done() may free the operation or hand it over again. */
		next = op->next;
		op->done(op->arg, &op->err);
	}
	return 1;
}

static void
on_done(evutil_socket_t fd, short what, void *arg)
{
	struct brain *b = arg;
	const char *was = loop_section(b->loop, "store: done");

	(void)fd;
	(void)what;
	(void)run_done(b);
	loop_section(b->loop, was);
}

/* Waits for a signal, at most ms when that is not 0; 1: time is up. */
static int
worker_wait(struct brain *b, struct brain_worker *w, unsigned ms)
{
	struct timespec ts;
	uint64_t until;
	int r = 0;

	w->sleeping = 1;
	if (ms == 0) {
		while (w->sleeping)
			(void)pthread_cond_wait(&w->wake, &b->lock);
		return 0;
	}
	until = clock_mono_ns() + ms * UINT64_C(1000000);
	ts.tv_sec = (time_t)(until / 1000000000);
	ts.tv_nsec = (long)(until % 1000000000);
	while (w->sleeping && r == 0)
		r = pthread_cond_timedwait(&w->wake, &b->lock, &ts);
	w->sleeping = 0;
	return r == ETIMEDOUT;
}

static void
worker_wake(struct brain_worker *w)
{
	if (w->sleeping) {
		w->sleeping = 0;
		(void)pthread_cond_signal(&w->wake);
	}
}

static void *
writer_main(void *arg)
{
	struct brain_worker *w = arg;
	struct brain *b = w->b;
	struct brain_op *list;
	int due;

	(void)pthread_mutex_lock(&b->lock);
	for (;;) {
		if (w->db.wal_pages < b->checkpointed)
			b->checkpointed = 0; /* the log began anew */
		due = w->db.wal_pages - b->checkpointed;
		if (due > CHECKPOINT_FORCED || (due > CHECKPOINT_PAGES &&
		    b->writes.head == NULL && !b->closing &&
		    worker_wait(b, w, QUIET_MS))) {
			(void)pthread_mutex_unlock(&b->lock);
			brain_checkpoint(b, &w->db);
			(void)pthread_mutex_lock(&b->lock);
			continue;
		}
		list = b->writes.head;
		if (list == NULL && b->closing)
			break;
		if (list == NULL) {
			if (due <= CHECKPOINT_PAGES)
				(void)worker_wait(b, w, 0);
			continue;
		}
		queue_init(&b->writes);
		b->queued = 0;
		(void)pthread_mutex_unlock(&b->lock);
		brain_write_batch(b, &w->db, list);
		(void)pthread_mutex_lock(&b->lock);
	}
	(void)pthread_mutex_unlock(&b->lock);
	return NULL;
}

static void *
reader_main(void *arg)
{
	struct brain_worker *w = arg;
	struct brain *b = w->b;
	struct brain_op *op;

	(void)pthread_mutex_lock(&b->lock);
	for (;;) {
		op = b->reads.head;
		if (op == NULL && b->closing)
			break;
		if (op == NULL) {
			(void)worker_wait(b, w, 0);
			continue;
		}
		b->reads.head = op->next;
		if (op->next == NULL)
			b->reads.tail = &b->reads.head;
		(void)pthread_mutex_unlock(&b->lock);
		brain_read_one(b, &w->db, op);
		op->next = NULL;
		brain_deliver(b, op);
		(void)pthread_mutex_lock(&b->lock);
	}
	(void)pthread_mutex_unlock(&b->lock);
	return NULL;
}

static int
worker_start(struct brain *b, struct brain_worker *w, void *(*fn)(void *),
    struct err *e)
{
	pthread_condattr_t attr;
	int r;

	w->b = b;
	w->db.ttl_active_ms = &b->ttl_active_ms;
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&w->wake, &attr);
	(void)pthread_condattr_destroy(&attr);
	r = pthread_create(&w->thread, NULL, fn, w);
	if (r != 0) {
		(void)pthread_cond_destroy(&w->wake);
		return err_set(e, ERR_UNAVAILABLE,
		    "cannot start a thread of the brain: %s", strerror(r));
	}
	w->started = 1;
	return 0;
}

static void
worker_join(struct brain_worker *w)
{
	if (!w->started)
		return;
	(void)pthread_join(w->thread, NULL);
	(void)pthread_cond_destroy(&w->wake);
	w->started = 0;
}

/* Ends the threads; they first finish what is queued. */
static void
stop_workers(struct brain *b)
{
	int i;

	(void)pthread_mutex_lock(&b->lock);
	b->closing = 1;
	if (b->writer.started)
		worker_wake(&b->writer);
	for (i = 0; i < BRAIN_READERS; i++)
		if (b->reader[i].started)
			worker_wake(&b->reader[i]);
	(void)pthread_mutex_unlock(&b->lock);
	worker_join(&b->writer);
	for (i = 0; i < BRAIN_READERS; i++)
		worker_join(&b->reader[i]);
}

static void
brain_free(struct brain *b)
{
	int i;

	/* The last to close is the writer: closing it checkpoints. */
	for (i = 0; i < BRAIN_READERS; i++)
		brain_db_close(&b->reader[i].db);
	brain_db_close(&b->writer.db);
	if (b->ev != NULL)
		event_free(b->ev);
	if (b->fd >= 0)
		(void)close(b->fd);
	if (b->lock_fd >= 0)
		(void)close(b->lock_fd);
	(void)pthread_mutex_destroy(&b->lock);
	free(b->path);
	free(b);
}

/* The file, up to date; errors name it. */
static int
open_file(struct brain *b, struct err *e)
{
	struct err why;

	err_clear(&why);
	b->lock_fd = brain_lock(b->path, e);
	if (b->lock_fd < 0)
		return -1;
	if (brain_db_open(&b->writer.db, b->path, BRAIN_DB_WRITER, &why)
	    != 0)
		return err_set(e, why.code, "%s: %s", b->path, why.text);
	if (brain_migrate(&b->writer.db, b->path, &why) == 0)
		return 0;
	if (b->writer.db.disk_error)
		return err_set(e, why.code, "%s: %s", b->path, why.text);
	if (e != NULL)
		*e = why;
	return -1;
}

static int
start(struct brain *b, struct err *e)
{
	int i;

	b->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (b->fd >= 0)
		b->ev = event_new(loop_base(b->loop), b->fd,
		    EV_READ | EV_PERSIST | EV_ET, on_done, b);
	if (b->ev == NULL || event_add(b->ev, NULL) != 0)
		return err_set(e, ERR_UNAVAILABLE,
		    "cannot connect the brain to the loop");
	if (worker_start(b, &b->writer, writer_main, e) != 0)
		return -1;
	for (i = 0; i < BRAIN_READERS; i++)
		if (worker_start(b, &b->reader[i], reader_main, e) != 0)
			return -1;
	return 0;
}

struct brain *
brain_open(struct loop *l, const char *path, struct err *e)
{
	struct brain *b = calloc(1, sizeof *b);

	if (b == NULL) {
		err_nomem(e);
		return NULL;
	}
	(void)pthread_once(&sqlite_once, configure_sqlite);
	(void)pthread_mutex_init(&b->lock, NULL);
	queue_init(&b->writes);
	queue_init(&b->reads);
	queue_init(&b->done);
	b->loop = l;
	b->fd = b->lock_fd = -1;
	atomic_init(&b->healthy, 1);
	b->path = strdup(path);
	if (b->path == NULL) {
		err_nomem(e);
		goto fail;
	}
	if (open_file(b, e) != 0 || start(b, e) != 0)
		goto fail;
	return b;
fail:
	stop_workers(b);
	brain_free(b);
	return NULL;
}

void
brain_close(struct brain *b)
{
	if (b == NULL)
		return;
	stop_workers(b);
	/* What these hand over now comes back refused, until none does. */
	while (run_done(b))
		;
	if (b->writer.db.h != NULL && !b->writer.db.must_reopen)
		(void)sqlite3_wal_checkpoint_v2(b->writer.db.h, NULL,
		    SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	brain_free(b);
}

/* Takes an operation into a queue, or refuses it; 0: refused. */
static int
accept_op(struct brain *b, struct op_queue *q, struct brain_op *op)
{
	err_clear(&op->err);
	if (!b->closing) {
		queue_add(q, op);
		return 1;
	}
	err_set(&op->err, ERR_UNAVAILABLE, "the brain is closing");
	queue_add(&b->done, op);
	return 0;
}

void
brain_write(struct brain *b, struct brain_op *op)
{
	(void)pthread_mutex_lock(&b->lock);
	if (accept_op(b, &b->writes, op)) {
		b->queued++;
		worker_wake(&b->writer);
	}
	(void)pthread_mutex_unlock(&b->lock);
}

void
brain_read(struct brain *b, struct brain_op *op)
{
	int i;

	(void)pthread_mutex_lock(&b->lock);
	if (accept_op(b, &b->reads, op)) {
		for (i = 0; i < BRAIN_READERS - 1 &&
		    !b->reader[i].sleeping; i++)
			;
		worker_wake(&b->reader[i]);
	}
	(void)pthread_mutex_unlock(&b->lock);
}

void
brain_stats(struct brain *b, struct brain_stats *out)
{
	memset(out, 0, sizeof *out);
	(void)pthread_mutex_lock(&b->lock);
	out->queued = b->queued;
	(void)pthread_mutex_unlock(&b->lock);
	out->commits = atomic_load(&b->commits);
	out->ops = atomic_load(&b->ops);
	out->failed = atomic_load(&b->failed);
	out->checkpoints = atomic_load(&b->checkpoints);
	out->healthy = atomic_load(&b->healthy);
}

void
brain_set_ttl(struct brain *b, int64_t active_ms)
{
	atomic_store(&b->ttl_active_ms, active_ms);
}

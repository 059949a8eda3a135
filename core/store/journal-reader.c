/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal-reader.c - readers, and the tails they read from.
 *
 * A reader has a cursor, the id of the last event it was given. While the
 * tail of its channel holds everything after the cursor it is served from
 * memory, at the moment of the commit; when it has fallen behind, or has not
 * begun, it reads pages of rows on the reader thread until the tail holds
 * the rest. Rows newer than what the tail has are left alone, so both give
 * the same events at the same time, and the cursor alone makes that none is
 * lost or given twice.
 *
 * A tail outlives its channel for the readers that are still busy with what
 * they were given: the end of a turn never waits for a slow client.
 */
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/log.h"
#include "journal-internal.h"

struct tail *
tail_new(struct journal *j, int64_t last_id)
{
	struct tail *t = calloc(1, sizeof *t);

	if (t == NULL)
		return NULL;
	t->refs = 1;
	t->j = j;
	t->floor = t->last_id = last_id;
	TAILQ_INIT(&t->chunks);
	LIST_INIT(&t->readers);
	return t;
}

static void
drop_first(struct tail *t)
{
	struct chunk *k = TAILQ_FIRST(&t->chunks);

	TAILQ_REMOVE(&t->chunks, k, link);
	t->floor = k->last_id;
	t->bytes -= k->b.n;
	t->j->stats.tail_bytes -= k->b.n;
	chunk_free(t->j, k);
}

void
tail_unref(struct tail *t)
{
	if (--t->refs > 0)
		return;
	while (!TAILQ_EMPTY(&t->chunks))
		drop_first(t);
	free(t);
}

void
tail_add(struct tail *t, struct chunk_list *list)
{
	struct chunk *k;

	TAILQ_FOREACH(k, list, link) {
		t->bytes += k->b.n;
		t->j->stats.tail_bytes += k->b.n;
		t->last_id = k->last_id;
	}
	TAILQ_CONCAT(&t->chunks, list, link);
}

/*
 * Not called from within a reader's callback, which may look at the bytes of
 * the first chunk.
 */
void
tail_trim(struct tail *t)
{
	struct journal_reader *r;
	struct chunk *k;
	int64_t passed = t->last_id;

	LIST_FOREACH(r, &t->readers, on_tail)
		if (r->after_id < passed)
			passed = r->after_id;
	while ((k = TAILQ_FIRST(&t->chunks)) != NULL &&
	    (k->last_id <= passed || t->bytes > JOURNAL_TAIL_MAX))
		drop_first(t);
}

static void
make_ready(struct journal_reader *r)
{
	if (r->ready || r->over || !r->want || r->reading)
		return;
	r->ready = 1;
	TAILQ_INSERT_TAIL(&r->j->ready, r, ready_link);
	r->j->ready_n++;
}

static void
leave_tail(struct journal_reader *r)
{
	if (r->tail == NULL)
		return;
	LIST_REMOVE(r, on_tail);
	tail_unref(r->tail);
	r->tail = NULL;
}

void
tail_wake(struct tail *t)
{
	struct journal_reader *r;

	LIST_FOREACH(r, &t->readers, on_tail)
		make_ready(r);
}

void
tail_fail(struct tail *t, const struct err *e)
{
	struct journal_reader *r;

	t->refs++;
	while ((r = LIST_FIRST(&t->readers)) != NULL) {
		leave_tail(r);
		r->failed = 1;
		r->err = *e;
		make_ready(r);
	}
	tail_unref(t);
}

/* [reader] */
static int
page_run(struct brain_db *db, void *arg, struct err *e)
{
	struct journal_reader *r = arg;

	return event_read_page(db, &r->page, e);
}

static void
page_done(void *arg, const struct err *e)
{
	struct journal_reader *r = arg;

	r->reading = 0;
	if (r->closed) {
		buf_fini(&r->page.b);
		free(r);
		return;
	}
	if (e->code != ERR_NONE) {
		r->failed = 1;
		r->err = *e;
		leave_tail(r);
	} else {
		r->have_page = 1;
	}
	make_ready(r);
	reader_run_ready(r->j);
}

static void
read_page(struct journal_reader *r)
{
	struct journal *j = r->j;
	struct channel *c = journal_channel(j, r->task_no);
	struct event_page *p = &r->page;

	p->task_no = r->task_no;
	p->after_id = r->after_id;
	p->after_ts = r->after_ts;
	p->limit_id = r->tail != NULL ? r->tail->last_id : r->limit_id;
	p->live = c != NULL;
	p->waiting = c != NULL && c->waiting;
	p->now = clock_wall_ms();
	p->ttl_active_ms = j->ttl_active_ms;
	p->ttl_hitl_ms = j->ttl_hitl_ms;
	p->more = 0;
	p->last_id = r->after_id;
	buf_reset(&p->b);
	r->op.run = page_run;
	r->op.done = page_done;
	r->op.arg = r;
	r->reading = 1;
	brain_read(j->brain, &r->op);
}

/*
 * Hands bytes over. The callback may close the reader and end the channel:
 * the tail is held so that the bytes stay.
 */
static void
give(struct journal_reader *r, const char *p, size_t n)
{
	struct tail *t = r->tail;

	r->want = 0;
	if (t != NULL)
		t->refs++;
	r->ops->frames(r->user, p, n);
	if (t != NULL)
		tail_unref(t);
}

/* What was read of the rows; 1: something was given. */
static int
take_page(struct journal_reader *r)
{
	struct event_page *p = &r->page;
	struct buf b;

	r->have_page = 0;
	if (r->tail == NULL && !p->more)
		r->stored_all = 1;
	if (p->b.n > 0) {
		r->after_id = p->last_id;
		/* The reader may be gone when the callback returns. */
		b = p->b;
		buf_init(&p->b, b.max);
		give(r, b.p, b.n);
		buf_fini(&b);
		return 1;
	}
	/* Nothing wanted up to there. */
	if (r->tail != NULL && r->after_id < p->limit_id)
		r->after_id = p->limit_id;
	return 0;
}

/* From memory; 1: something was given. */
static int
take_tail(struct journal_reader *r)
{
	struct buf *out = &r->j->scratch;
	struct chunk *k, *first = NULL;
	size_t at = 0;
	int n = 0;

	buf_reset(out);
	TAILQ_FOREACH(k, &r->tail->chunks, link) {
		if (k->last_id <= r->after_id || k->last_ts <= r->after_ts)
			continue;
		if (first == NULL) {
			first = k;
			if (k->first_id <= r->after_id ||
			    k->first_ts <= r->after_ts)
				at = frame_skip(k->b.p, k->b.n, r->after_id,
				    r->after_ts);
			if (at == k->b.n)
				first = NULL;
			r->after_id = k->last_id;
			continue;
		}
		/* The second one makes a copy worth its while. */
		if ((n == 0 && buf_add(out, first->b.p + at,
		    first->b.n - at) != 0) || out->n + k->b.n > JOURNAL_PAGE
		    || buf_add(out, k->b.p, k->b.n) != 0)
			break;
		r->after_id = k->last_id;
		n++;
	}
	if (first == NULL)
		return 0;
	if (n > 0)
		give(r, out->p, out->n);
	else
		give(r, first->b.p + at, first->b.n - at);
	return 1;
}

/* One step of a reader that wants something. */
static void
step(struct journal_reader *r)
{
	struct tail *t = r->tail;

	if (r->failed) {
		r->over = 1;
		r->ops->failed(r->user, &r->err);
		return;
	}
	if (r->have_page && take_page(r))
		return;
	if (t == NULL) {
		if (!r->stored_all) {
			read_page(r);
			return;
		}
	} else if (r->after_id < t->floor) {
		read_page(r);
		return;
	} else if (take_tail(r) || !t->ended) {
		return;
	}
	r->over = 1;
	leave_tail(r);
	r->ops->end(r->user);
}

void
reader_run_ready(struct journal *j)
{
	struct journal_reader *r;
	unsigned n;

	/* Those that are ready again at once have their turn later. */
	for (n = j->ready_n; n > 0 &&
	    (r = TAILQ_FIRST(&j->ready)) != NULL; n--) {
		TAILQ_REMOVE(&j->ready, r, ready_link);
		j->ready_n--;
		r->ready = 0;
		step(r);
	}
	if (j->ready_n > 0)
		journal_wake(j);
}

struct journal_reader *
journal_read(struct journal *j, int64_t task_no,
    const struct journal_cursor *from, int follow,
    const struct journal_reader_ops *ops, void *user)
{
	struct journal_reader *r = calloc(1, sizeof *r);
	struct channel *c = journal_channel(j, task_no);

	if (r == NULL)
		return NULL;
	r->j = j;
	r->ops = ops;
	r->user = user;
	r->task_no = task_no;
	r->after_id = from->after_id >= 0 ? from->after_id : -1;
	if (r->after_id == INT64_MAX)
		r->after_id--;
	r->after_ts = from->after_id >= 0 ? INT64_MIN : from->after_ts;
	buf_init(&r->page.b, JOURNAL_PENDING_MAX + JOURNAL_PAGE);
	LIST_INSERT_HEAD(&j->readers, r, all);
	j->stats.readers++;
	r->limit_id = c != NULL ? c->tail->last_id : INT64_MAX;
	if (follow && c != NULL) {
		r->tail = c->tail;
		r->tail->refs++;
		LIST_INSERT_HEAD(&r->tail->readers, r, on_tail);
	}
	r->want = 1;
	make_ready(r);
	journal_wake(j);
	return r;
}

void
journal_reader_next(struct journal_reader *r)
{
	r->want = 1;
	make_ready(r);
	if (r->ready)
		journal_wake(r->j);
}

void
journal_reader_close(struct journal_reader *r)
{
	if (r == NULL)
		return;
	leave_tail(r);
	if (r->ready) {
		TAILQ_REMOVE(&r->j->ready, r, ready_link);
		r->j->ready_n--;
	}
	LIST_REMOVE(r, all);
	r->j->stats.readers--;
	r->closed = 1;
	if (r->reading)
		return; /* page_done() frees it */
	buf_fini(&r->page.b);
	free(r);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal.c - the journal itself: which channels and readers there are, the
 * end-of-round flush, the purge of expired events.
 *
 * The flush is an event of our own that is made active by hand: libevent
 * runs it after the callbacks of the round, and it can be taken back when the
 * journal is freed.
 */
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/log.h"
#include "journal-internal.h"

#define SPARE_CHUNKS 64
#define SPARE_BYTES 4096
#define PURGE_PAUSE_MS 20 /* between two pieces */

static void
on_flush(evutil_socket_t fd, short what, void *arg)
{
	struct journal *j = arg;
	struct channel *c;
	const char *was = loop_section(j->loop, "journal: flush");

	(void)fd;
	(void)what;
	j->flush_set = 0;
	while ((c = TAILQ_FIRST(&j->dirty)) != NULL) {
		TAILQ_REMOVE(&j->dirty, c, dirty_link);
		c->dirty = 0;
		channel_push(c);
	}
	reader_run_ready(j);
	loop_section(j->loop, was);
}

void
journal_wake(struct journal *j)
{
	if (j->flush_set)
		return;
	j->flush_set = 1;
	event_active(j->flush, EV_TIMEOUT, 0);
}

static void
on_ms(evutil_socket_t fd, short what, void *arg)
{
	struct journal *j = arg;

	(void)fd;
	(void)what;
	j->ms_set = 0;
	channel_ms_over(j);
}

struct channel *
journal_channel(struct journal *j, int64_t task_no)
{
	struct channel *c;

	HASH_FIND(hh, j->channels, &task_no, sizeof task_no, c);
	return c;
}

struct chunk *
chunk_new(struct journal *j)
{
	struct chunk *c = TAILQ_FIRST(&j->spare);

	if (c != NULL) {
		TAILQ_REMOVE(&j->spare, c, link);
		j->spare_n--;
		return c;
	}
	c = calloc(1, sizeof *c);
	if (c != NULL)
		buf_init(&c->b, JOURNAL_PENDING_MAX);
	return c;
}

void
chunk_free(struct journal *j, struct chunk *c)
{
	if (j != NULL && j->spare_n < SPARE_CHUNKS &&
	    c->b.cap <= SPARE_BYTES) {
		buf_reset(&c->b);
		TAILQ_INSERT_HEAD(&j->spare, c, link);
		j->spare_n++;
		return;
	}
	buf_fini(&c->b);
	free(c);
}

static void purge_start(void *arg);

/* Looks for expired events often enough for short times-to-live. */
static void
purge_later(struct journal *j, int more)
{
	int64_t ms = j->ttl_active_ms / 4;

	if (ms > j->ttl_hitl_ms / 4)
		ms = j->ttl_hitl_ms / 4;
	ms = ms < 250 ? 250 : ms > 60000 ? 60000 : ms;
	if (loop_timer(j->loop, (uint64_t)(more ? PURGE_PAUSE_MS : ms),
	    purge_start, j, &j->purge_timer) != 0)
		log_warn("journal", "no memory for the purge timer");
}

static void
purge_done(void *arg, const struct err *e)
{
	struct purge *p = arg;
	struct journal *j = p->j;

	p->busy = 0;
	if (j == NULL) {
		free(p);
		return;
	}
	if (e->code != ERR_NONE) {
		log_warn("journal", "cannot purge events: %s", e->text);
		p->more = 0;
	}
	if (!p->more)
		p->task_no = 0;
	purge_later(j, p->more);
}

static void
purge_start(void *arg)
{
	struct journal *j = arg;
	struct purge *p = j->purge;

	j->purge_timer = NULL;
	p->now = clock_wall_ms();
	p->ttl_active_ms = j->ttl_active_ms;
	p->ttl_hitl_ms = j->ttl_hitl_ms;
	p->more = 0;
	p->op.run = event_purge;
	p->op.done = purge_done;
	p->op.arg = p;
	p->busy = 1;
	brain_write(j->brain, &p->op);
}

struct journal *
journal_new(struct loop *l, struct brain *b,
    const struct journal_config *cfg, struct err *e)
{
	struct journal *j = calloc(1, sizeof *j);

	if (j == NULL) {
		err_nomem(e);
		return NULL;
	}
	j->loop = l;
	j->brain = b;
	j->ttl_active_ms = cfg->ttl_active_s * 1000;
	j->ttl_hitl_ms = cfg->ttl_hitl_s * 1000;
	LIST_INIT(&j->readers);
	TAILQ_INIT(&j->dirty);
	TAILQ_INIT(&j->ms_wait);
	TAILQ_INIT(&j->ready);
	TAILQ_INIT(&j->spare);
	buf_init(&j->scratch, JOURNAL_PAGE);
	j->flush = event_new(loop_base(l), -1, 0, on_flush, j);
	j->ms_timer = evtimer_new(loop_base(l), on_ms, j);
	j->purge = calloc(1, sizeof *j->purge);
	if (j->flush == NULL || j->ms_timer == NULL || j->purge == NULL) {
		err_nomem(e);
		journal_free(j);
		return NULL;
	}
	j->purge->j = j;
	brain_set_ttl(b, j->ttl_active_ms);
	purge_later(j, 0);
	return j;
}

void
journal_free(struct journal *j)
{
	struct channel *c, *next;
	struct journal_reader *r;
	struct chunk *k;

	if (j == NULL)
		return;
	while ((r = LIST_FIRST(&j->readers)) != NULL)
		journal_reader_close(r);
	HASH_ITER(hh, j->channels, c, next)
		channel_drop(c);
	/* A purge that is under way frees itself. */
	if (j->purge != NULL) {
		j->purge->j = NULL;
		if (!j->purge->busy)
			free(j->purge);
	}
	loop_timer_cancel(j->purge_timer);
	if (j->flush != NULL)
		event_free(j->flush);
	if (j->ms_timer != NULL)
		event_free(j->ms_timer);
	while ((k = TAILQ_FIRST(&j->spare)) != NULL) {
		TAILQ_REMOVE(&j->spare, k, link);
		buf_fini(&k->b);
		free(k);
	}
	buf_fini(&j->scratch);
	free(j);
}

void
journal_stats(const struct journal *j, struct journal_stats *out)
{
	*out = j->stats;
}

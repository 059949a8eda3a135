/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel.c - the living end of one task's events: appending, joining
 * deltas, handing rows to the writer, what follows their commit.
 *
 * Invariants: one operation of a channel is with the writer at a time; what
 * is appended meanwhile gathers and goes with the next. Nothing reaches a
 * reader before its commit. When a commit fails its rows stay, in order, and
 * go again with what comes next: ids that were given out are never used for
 * other events, and no event is left out between two that are stored.
 */
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/log.h"
#include "journal-internal.h"

#define RETRY_MS 250
#define RETRY_MAX_MS 5000

static void channel_done(void *arg, const struct err *e);

static void
mark_dirty(struct channel *c)
{
	if (c->dirty)
		return;
	c->dirty = 1;
	TAILQ_INSERT_TAIL(&c->j->dirty, c, dirty_link);
	journal_wake(c->j);
}

static void
list_free(struct journal *j, struct chunk_list *list)
{
	struct chunk *k;

	while ((k = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, k, link);
		chunk_free(j, k);
	}
}

/* Frees the channel, which is on no list and not with the writer. */
static void
channel_free(struct channel *c)
{
	struct sync *s;

	list_free(c->j, &c->pending);
	list_free(c->j, &c->flying);
	while ((s = TAILQ_FIRST(&c->syncs)) != NULL) {
		TAILQ_REMOVE(&c->syncs, s, link);
		free(s);
	}
	buf_fini(&c->delta);
	free(c->task_id);
	free(c);
}

/* Takes the channel out of everything that could still find it. */
static void
detach(struct channel *c)
{
	HASH_DEL(c->j->channels, c);
	if (c->dirty)
		TAILQ_REMOVE(&c->j->dirty, c, dirty_link);
	if (c->in_ms)
		TAILQ_REMOVE(&c->j->ms_wait, c, ms_link);
	c->dirty = c->in_ms = 0;
	loop_timer_cancel(c->retry);
	c->retry = NULL;
}

void
channel_drop(struct channel *c)
{
	detach(c);
	tail_unref(c->tail);
	c->tail = NULL;
	c->j = NULL;
	if (!c->in_flight)
		channel_free(c);
}

struct channel *
channel_open(struct journal *j, int64_t task_no, const char *task_id,
    int64_t last_id, int64_t last_ts)
{
	struct channel *c;

	if (journal_channel(j, task_no) != NULL) {
		log_error("journal", "task %s already has a channel",
		    task_id);
		return NULL;
	}
	c = calloc(1, sizeof *c);
	if (c == NULL)
		return NULL;
	c->j = j;
	c->task_no = task_no;
	c->last_id = last_id;
	c->last_ts = last_ts;
	c->task_id = strdup(task_id);
	c->tail = tail_new(j, last_id);
	buf_init(&c->delta, JOURNAL_PENDING_MAX);
	TAILQ_INIT(&c->pending);
	TAILQ_INIT(&c->flying);
	TAILQ_INIT(&c->syncs);
	if (c->task_id == NULL || c->tail == NULL) {
		if (c->tail != NULL)
			tail_unref(c->tail);
		channel_free(c);
		return NULL;
	}
	HASH_ADD(hh, j->channels, task_no, sizeof c->task_no, c);
	if (c->hh.tbl == NULL) {
		tail_unref(c->tail);
		channel_free(c);
		return NULL;
	}
	return c;
}

int
journal_put_first(struct brain_db *db, int64_t task_no, int64_t last_id,
    int64_t last_ts, const char *type, const char *members, size_t n,
    struct journal_first *out, struct err *e)
{
	struct iso_cache iso = { 0, "" };
	struct chunk k;
	int64_t now = clock_wall_ms(), ttl = *db->ttl_active_ms;
	int r = -1;

	memset(out, 0, sizeof *out);
	memset(&k, 0, sizeof k);
	buf_init(&k.b, JOURNAL_PENDING_MAX);
	k.first_id = k.last_id = last_id + 1;
	k.first_ts = k.last_ts = now > last_ts ? now : last_ts + 1;
	if (frame_event(&k.b, &iso, k.first_id, type, k.first_ts, members, n)
	    != 0) {
		(void)err_nomem(e);
		goto out;
	}
	/* A new turn does not bring back what has expired. */
	if (ttl >= 0 && last_id > 0 && now - last_ts > ttl &&
	    event_expire(db, task_no, last_id, e) != 0)
		goto out;
	if (event_log(db, task_no, &k, e) != 0 ||
	    event_note_last(db, task_no, k.last_id, k.last_ts, e) != 0)
		goto out;
	out->id = k.first_id;
	out->ts = k.first_ts;
	out->frame = buf_take(&k.b, &out->n);
	r = out->frame != NULL ? 0 : err_nomem(e);
out:
	buf_fini(&k.b);
	return r;
}

struct channel *
channel_open_with(struct journal *j, int64_t task_no, const char *task_id,
    struct journal_first *first)
{
	struct channel *c = channel_open(j, task_no, task_id, first->id - 1,
	    first->ts - 1);
	struct chunk_list list = TAILQ_HEAD_INITIALIZER(list);
	struct chunk *k = NULL;

	if (c != NULL)
		k = chunk_new(j);
	if (k == NULL || buf_add(&k->b, first->frame, first->n) != 0) {
		if (k != NULL)
			chunk_free(j, k);
		if (c != NULL)
			channel_drop(c);
		c = NULL;
		goto out;
	}
	k->first_id = k->last_id = c->last_id = first->id;
	k->first_ts = k->last_ts = c->last_ts = first->ts;
	c->logged_n = 1;
	c->logged_bytes = first->n;
	TAILQ_INSERT_TAIL(&list, k, link);
	tail_add(c->tail, &list);
	j->stats.events++;
	j->stats.rows++;
out:
	free(first->frame);
	first->frame = NULL;
	return c;
}

/* The chunk that takes a frame of about n bytes; NULL: no memory. */
static struct chunk *
room(struct channel *c, size_t n)
{
	struct chunk *k = TAILQ_LAST(&c->pending, chunk_list);

	if (c->pending_bytes + n > JOURNAL_PENDING_MAX)
		return NULL;
	if (k != NULL && k->b.n + n + 128 <= JOURNAL_PAGE)
		return k;
	k = chunk_new(c->j);
	if (k == NULL)
		return NULL;
	k->first_id = k->last_id = 0;
	TAILQ_INSERT_TAIL(&c->pending, k, link);
	return k;
}

/* Appends one event; members or, when is_text, the text of a delta. */
static int64_t
append(struct channel *c, const char *type, const char *p, size_t n,
    int is_text, int64_t now)
{
	struct chunk *k = room(c, n);
	int64_t id = c->last_id + 1, ts = now;
	size_t before;
	int r;

	if (k == NULL)
		return 0;
	if (ts <= c->last_ts)
		ts = c->last_ts + 1;
	before = k->b.n;
	r = is_text ? frame_delta(&k->b, &c->j->iso, id, type, ts, p, n) :
	    frame_event(&k->b, &c->j->iso, id, type, ts, p, n);
	if (r != 0) {
		if (k->first_id == 0) {
			TAILQ_REMOVE(&c->pending, k, link);
			chunk_free(c->j, k);
		}
		return 0;
	}
	if (k->first_id == 0) {
		k->first_id = id;
		k->first_ts = ts;
	}
	k->last_id = c->last_id = id;
	k->last_ts = c->last_ts = ts;
	c->pending_bytes += k->b.n - before;
	c->j->stats.events++;
	mark_dirty(c);
	return id;
}

/* Makes an event of the pending delta, if there is one. */
static int
end_delta(struct channel *c, int64_t now)
{
	if (c->delta.n == 0)
		return 0;
	if (append(c, c->delta_type, c->delta.p, c->delta.n, 1, now) == 0)
		return -1;
	c->delta_ms = now;
	buf_reset(&c->delta);
	if (c->delta.cap > 4096)
		buf_fini(&c->delta);
	return 0;
}

int64_t
channel_event(struct channel *c, const char *type, const char *members,
    size_t n)
{
	int64_t now = clock_wall_ms();

	if (end_delta(c, now) != 0)
		return 0;
	return append(c, type, members, n, 0, now);
}

int
channel_delta(struct channel *c, const char *type, const char *text,
    size_t n)
{
	size_t len = strlen(type);

	if (n == 0)
		return 0;
	if (len >= sizeof c->delta_type)
		return -1;
	if (c->delta.n > 0 && (c->delta.n + n > JOURNAL_PAGE / 2 ||
	    strcmp(type, c->delta_type) != 0) &&
	    end_delta(c, clock_wall_ms()) != 0)
		return -1;
	memcpy(c->delta_type, type, len + 1);
	if (buf_add(&c->delta, text, n) != 0) {
		c->delta.failed = 0; /* holds what it held before */
		return -1;
	}
	if (!c->in_ms)
		mark_dirty(c);
	return 0;
}

int64_t
channel_last_id(struct channel *c)
{
	if (c->delta.n > 0)
		(void)end_delta(c, clock_wall_ms());
	return c->last_id;
}

int
channel_sync(struct channel *c, void (*fn)(void *arg, const struct err *e),
    void *arg)
{
	struct sync *s = calloc(1, sizeof *s);

	if (s == NULL || (c->delta.n > 0 &&
	    end_delta(c, clock_wall_ms()) != 0)) {
		free(s);
		return -1;
	}
	s->id = c->last_id;
	s->with = c->with != NULL;
	s->fn = fn;
	s->arg = arg;
	TAILQ_INSERT_TAIL(&c->syncs, s, link);
	mark_dirty(c);
	return 0;
}

void
channel_set_waiting(struct channel *c, int waiting)
{
	c->waiting = waiting;
}

/*
 * Runs the syncs up to id; e: as their result. Those that are added by them
 * wait for their own turn.
 */
static void
run_syncs(struct channel *c, int64_t id, const struct err *e)
{
	struct sync *s, *last = TAILQ_LAST(&c->syncs, sync_list);
	int more = last != NULL;

	while (more && (s = TAILQ_FIRST(&c->syncs))->id <= id &&
	    !(s->with && c->with != NULL)) {
		TAILQ_REMOVE(&c->syncs, s, link);
		more = s != last;
		s->fn(s->arg, e);
		free(s);
	}
}

/* The turn is over and readers have what there is: goodbye. */
static void
finish(struct channel *c)
{
	void (*fn)(void *) = c->end_fn;
	struct journal *j = c->j;
	void *arg = c->end_arg;
	struct tail *t = c->tail;

	detach(c);
	t->ended = 1;
	tail_wake(t);
	channel_free(c);
	reader_run_ready(j);
	tail_trim(t);
	tail_unref(t);
	fn(arg);
}

/*
 * [writer] One row of the log a chunk; large rows now and then and with the
 * last event, and then the task's row.
 */
static int
channel_run(struct brain_db *db, void *arg, struct err *e)
{
	struct channel *c = arg;
	struct chunk *k;

	if (c->op_with != NULL && c->op_with(db, c->op_with_arg, e) != 0)
		return -1;
	if (c->op_packs) {
		if (event_pack(db, c->task_no, &c->flying, e) != 0)
			return -1;
	} else {
		TAILQ_FOREACH(k, &c->flying, link)
			if (event_log(db, c->task_no, k, e) != 0)
				return -1;
	}
	return c->op_ends ? event_note_last(db, c->task_no, c->op_last_id,
	    c->op_last_ts, e) : 0;
}

/* Lets the pending delta gather until the millisecond is over. */
static void
wait_ms(struct channel *c)
{
	struct timeval tv = { 0, 1000 };
	struct journal *j = c->j;

	c->in_ms = 1;
	TAILQ_INSERT_TAIL(&j->ms_wait, c, ms_link);
	if (!j->ms_set && evtimer_add(j->ms_timer, &tv) == 0)
		j->ms_set = 1;
}

void
channel_ms_over(struct journal *j)
{
	struct channel *c;

	while ((c = TAILQ_FIRST(&j->ms_wait)) != NULL) {
		TAILQ_REMOVE(&j->ms_wait, c, ms_link);
		c->in_ms = 0;
		mark_dirty(c);
	}
}

void
channel_push(struct channel *c)
{
	struct err ok;
	int64_t now;

	if (c->delta.n > 0 && !c->in_ms) {
		now = clock_wall_ms();
		if (now == c->delta_ms)
			wait_ms(c);
		else if (end_delta(c, now) != 0)
			log_warn("journal", "no memory for a delta");
	}
	if (c->in_flight || c->retry != NULL)
		return;
	if (TAILQ_EMPTY(&c->pending) && !c->ending && c->with == NULL) {
		err_clear(&ok);
		run_syncs(c, c->tail->last_id, &ok);
		return;
	}
	c->op_ends = c->ending;
	c->op_packs = c->ending || c->logged_n >= JOURNAL_LOG_ROWS ||
	    c->logged_bytes + c->pending_bytes >= JOURNAL_PAGE;
	TAILQ_CONCAT(&c->flying, &c->pending, link);
	c->pending_bytes = 0;
	c->op_last_id = c->last_id;
	c->op_last_ts = c->last_ts;
	c->op_with = c->with;
	c->op_with_arg = c->with_arg;
	c->op.one_statement = !c->op_packs && c->with == NULL &&
	    TAILQ_FIRST(&c->flying) == TAILQ_LAST(&c->flying, chunk_list);
	c->op.run = channel_run;
	c->op.done = channel_done;
	c->op.arg = c;
	c->in_flight = 1;
	brain_write(c->j->brain, &c->op);
}

static void
on_retry(void *arg)
{
	struct channel *c = arg;

	c->retry = NULL;
	mark_dirty(c);
}

/*
 * The rows go back, in front of what gathered behind them. The end of a turn
 * is tried until it is written: a turn without its end would go on at the
 * next start, and its task is of no use while the brain cannot be written.
 */
static void
commit_failed(struct channel *c, const struct err *e)
{
	uint64_t wait = RETRY_MS;
	struct chunk *k;

	TAILQ_FOREACH(k, &c->flying, link)
		c->pending_bytes += k->b.n;
	TAILQ_CONCAT(&c->flying, &c->pending, link);
	TAILQ_CONCAT(&c->pending, &c->flying, link);
	if (c->op_ends && ++c->end_tries > 1)
		wait = c->end_tries > 5 ? RETRY_MAX_MS :
		    RETRY_MS << (c->end_tries - 1);
	if (loop_timer(c->j->loop, wait, on_retry, c, &c->retry) != 0) {
		c->retry = NULL;
		mark_dirty(c); /* no memory to wait with: at once */
	}
	if (!c->ending)
		c->with = NULL;
	tail_fail(c->tail, e);
	run_syncs(c, INT64_MAX, e);
	reader_run_ready(c->j);
}

static void
channel_done(void *arg, const struct err *e)
{
	struct channel *c = arg;
	struct chunk *k;
	struct err ok;

	c->in_flight = 0;
	if (c->j == NULL) {
		channel_free(c);
		return;
	}
	if (e->code != ERR_NONE) {
		commit_failed(c, e);
		return;
	}
	if (c->op_with != NULL)
		c->with = NULL;
	if (c->op_packs) {
		c->logged_n = 0;
		c->logged_bytes = 0;
	}
	TAILQ_FOREACH(k, &c->flying, link) {
		c->j->stats.rows++;
		if (!c->op_packs) {
			c->logged_n++;
			c->logged_bytes += k->b.n;
		}
	}
	err_clear(&ok);
	run_syncs(c, c->op_last_id, &ok);
	tail_add(c->tail, &c->flying);
	tail_wake(c->tail);
	if (c->op_ends) {
		finish(c);
		return;
	}
	if (!TAILQ_EMPTY(&c->pending) || c->ending ||
	    !TAILQ_EMPTY(&c->syncs))
		mark_dirty(c);
	reader_run_ready(c->j);
	tail_trim(c->tail);
}

void
channel_with(struct channel *c, int (*run)(struct brain_db *, void *,
    struct err *), void *arg)
{
	c->with = run;
	c->with_arg = arg;
	mark_dirty(c);
}

void
channel_end(struct channel *c, void (*done)(void *arg), void *arg)
{
	(void)end_delta(c, clock_wall_ms());
	c->ending = 1;
	c->end_fn = done;
	c->end_arg = arg;
	mark_dirty(c);
}

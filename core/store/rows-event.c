/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows-event.c - the journal's rows: writing, reading a page, expiry.
 *
 * Expiry is by task: when the time-to-live has passed since its last event,
 * all its events are gone at once. tasks.events_from says which ids have
 * expired, so that a later turn does not bring back what was gone but not
 * deleted yet. A task with a turn running never expires: a client that
 * reconnects gets the turn from its beginning, however long it is.
 */
#include <string.h>

#include "journal-internal.h"
#include "rows-internal.h"

#define PURGE_TASKS 64 /* looked at in one piece */
#define PURGE_ROWS 200 /* deleted in one piece */

int
event_insert(struct brain_db *db, int64_t task_no, const struct chunk *c,
    struct err *e)
{
	struct row_stmt s;

	row_stmt_init(&s, db, "INSERT INTO events (task_no, first_id,"
	    " last_id, first_ts, last_ts, frames) VALUES (?, ?, ?, ?, ?, ?)",
	    e);
	row_int(&s, task_no);
	row_int(&s, c->first_id);
	row_int(&s, c->last_id);
	row_int(&s, c->first_ts);
	row_int(&s, c->last_ts);
	row_blob(&s, c->b.p, c->b.n);
	return row_run(&s);
}

int
event_note_last(struct brain_db *db, int64_t task_no, int64_t last_id,
    int64_t last_ts, struct err *e)
{
	struct row_stmt s;

	row_stmt_init(&s, db, "UPDATE tasks SET last_event_id = ?2,"
	    " last_event_ts = ?3 WHERE task_no = ?1", e);
	row_int(&s, task_no);
	row_int(&s, last_id);
	row_int(&s, last_ts);
	return row_run(&s);
}

int
event_expire(struct brain_db *db, int64_t task_no, int64_t last_id,
    struct err *e)
{
	struct row_stmt s;

	row_stmt_init(&s, db, "UPDATE tasks SET events_from = ?2"
	    " WHERE task_no = ?1", e);
	row_int(&s, task_no);
	row_int(&s, last_id + 1);
	return row_run(&s);
}

/* How far a task's journal has come. */
struct extent {
	enum task_state state;
	int64_t from, last_id, last_ts;
};

/* 1, 0 no such task, -1. */
static int
get_extent(struct brain_db *db, int64_t task_no, struct extent *x,
    struct err *e)
{
	struct row_stmt s;
	int r;

	row_stmt_init(&s, db, "SELECT state, events_from,"
	    " max(last_event_id, coalesce((SELECT last_id FROM events"
	    " WHERE task_no = ?1 ORDER BY first_id DESC LIMIT 1), 0)),"
	    " max(last_event_ts, coalesce((SELECT last_ts FROM events"
	    " WHERE task_no = ?1 ORDER BY first_id DESC LIMIT 1), 0))"
	    " FROM tasks WHERE task_no = ?1", e);
	row_int(&s, task_no);
	r = row_step(&s);
	if (r <= 0)
		return r;
	x->state = (enum task_state)row_get(&s, 0);
	x->from = row_get(&s, 1);
	x->last_id = row_get(&s, 2);
	x->last_ts = row_get(&s, 3);
	(void)sqlite3_reset(s.st);
	return 1;
}

static int
is_expired(int64_t last_ts, int64_t ttl_ms, int64_t now)
{
	return now - last_ts > ttl_ms;
}

static int
page_expired(const struct event_page *p, const struct extent *x)
{
	enum task_state state = x->state;

	if (p->live)
		state = p->waiting ? TASK_WAITING_HUMAN : TASK_RUNNING;
	if (state == TASK_RUNNING)
		return 0;
	return is_expired(x->last_ts, state == TASK_WAITING_HUMAN ?
	    p->ttl_hitl_ms : p->ttl_active_ms, p->now);
}

/* The wanted part of one row; 0, -1, or 1: does not fit any more. */
static int
take_row(struct event_page *p, const struct row_stmt *s, struct err *e)
{
	const char *blob = sqlite3_column_blob(s->st, 4);
	size_t n = (size_t)sqlite3_column_bytes(s->st, 4), at = 0;

	if (blob == NULL)
		return n == 0 ? 0 : err_nomem(e);
	if (row_get(s, 0) <= p->after_id || row_get(s, 2) <= p->after_ts)
		at = frame_skip(blob, n, p->after_id, p->after_ts);
	if (at == n)
		return 0;
	if (p->b.n > 0 && p->b.n + n - at > JOURNAL_PAGE) {
		p->more = 1;
		return 1;
	}
	p->last_id = row_get(s, 1);
	return buf_add(&p->b, blob + at, n - at) == 0 ? 0 : err_nomem(e);
}

/*
 * The id from which on timestamps are greater than after_ts. Both grow
 * together, so it is found by halving: a scan would read the whole task.
 */
static int
seek_ts(struct brain_db *db, const struct event_page *p,
    const struct extent *x, int64_t *id, struct err *e)
{
	struct row_stmt s;
	int64_t lo = x->from, hi = x->last_id + 1, mid;
	int r;

	if (x->last_ts <= p->after_ts)
		lo = hi;
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		row_stmt_init(&s, db, "SELECT first_id, last_id, last_ts"
		    " FROM events WHERE task_no = ?1 AND first_id <= ?2"
		    " ORDER BY first_id DESC LIMIT 1", e);
		row_int(&s, p->task_no);
		row_int(&s, mid);
		r = row_step(&s);
		if (r < 0)
			return -1;
		if (r == 0 || row_get(&s, 1) < mid)
			lo = mid + 1; /* not stored */
		else if (row_get(&s, 2) <= p->after_ts)
			lo = row_get(&s, 1) + 1;
		else
			hi = row_get(&s, 0) < mid ? row_get(&s, 0) : mid;
		(void)sqlite3_reset(s.st);
	}
	*id = lo;
	return 0;
}

int
event_read_page(struct brain_db *db, struct event_page *p, struct err *e)
{
	struct row_stmt s;
	struct extent x;
	int64_t from;
	int r;

	r = get_extent(db, p->task_no, &x, e);
	if (r <= 0 || page_expired(p, &x))
		return r < 0 ? -1 : 0;
	from = x.from;
	if (p->after_ts > 0 && seek_ts(db, p, &x, &from, e) != 0)
		return -1;
	/* The row before may end with events that are wanted. */
	row_stmt_init(&s, db, "SELECT first_id, last_id, first_ts, last_ts,"
	    " frames FROM events WHERE task_no = ?1 AND first_id >="
	    " max(?2, coalesce((SELECT first_id FROM events"
	    " WHERE task_no = ?1 AND first_id <= ?3 + 1"
	    " ORDER BY first_id DESC LIMIT 1), 0))"
	    " AND first_id <= ?4 ORDER BY first_id", e);
	row_int(&s, p->task_no);
	row_int(&s, from);
	row_int(&s, p->after_id);
	row_int(&s, p->limit_id);
	while ((r = row_step(&s)) > 0) {
		r = take_row(p, &s, e);
		if (r != 0)
			break;
	}
	if (s.st != NULL)
		(void)sqlite3_reset(s.st);
	return r < 0 ? -1 : 0;
}

/* Deletes rows of a task up to id below `from`: how many, or -1. */
static int
delete_some(struct brain_db *db, int64_t task_no, int64_t from, int max,
    struct err *e)
{
	struct row_stmt s;

	row_stmt_init(&s, db, "DELETE FROM events WHERE task_no = ?1"
	    " AND first_id IN (SELECT first_id FROM events"
	    " WHERE task_no = ?1 AND first_id < ?2"
	    " ORDER BY first_id LIMIT ?3)", e);
	row_int(&s, task_no);
	row_int(&s, from);
	row_int(&s, max);
	if (row_run(&s) != 0)
		return -1;
	return sqlite3_changes(brain_handle(db));
}

/* One task with stored events: how many rows were deleted, or -1. */
static int
purge_task(struct brain_db *db, const struct purge *p, int64_t task_no,
    int max, struct err *e)
{
	struct extent x;
	int r = get_extent(db, task_no, &x, e);

	if (r < 0)
		return -1;
	if (r == 0) /* a task that is no more */
		return delete_some(db, task_no, INT64_MAX, max, e);
	if (x.state != TASK_RUNNING && x.from <= x.last_id &&
	    is_expired(x.last_ts, x.state == TASK_WAITING_HUMAN ?
	    p->ttl_hitl_ms : p->ttl_active_ms, p->now)) {
		/* The ids and times must outlive the rows. */
		if (event_note_last(db, task_no, x.last_id, x.last_ts, e)
		    != 0 || event_expire(db, task_no, x.last_id, e) != 0)
			return -1;
		x.from = x.last_id + 1;
	}
	return delete_some(db, task_no, x.from, max, e);
}

static int
next_task(struct brain_db *db, int64_t *task_no, struct err *e)
{
	struct row_stmt s;
	int r;

	row_stmt_init(&s, db, "SELECT task_no FROM events WHERE task_no > ?"
	    " ORDER BY task_no LIMIT 1", e);
	row_int(&s, *task_no);
	r = row_step(&s);
	if (r > 0) {
		*task_no = row_get(&s, 0);
		(void)sqlite3_reset(s.st);
	}
	return r;
}

int
event_purge(struct brain_db *db, void *arg, struct err *e)
{
	struct purge *p = arg;
	int64_t task_no = p->task_no;
	int i, r = 1, n, left = PURGE_ROWS;

	for (i = 0; i < PURGE_TASKS && left > 0; i++) {
		r = next_task(db, &task_no, e);
		if (r <= 0)
			break;
		n = purge_task(db, p, task_no, left, e);
		if (n < 0)
			return -1;
		/* Not all of it, perhaps: look at it again. */
		p->task_no = n < left ? task_no : task_no - 1;
		left -= n;
	}
	p->more = r > 0;
	return r < 0 ? -1 : 0;
}

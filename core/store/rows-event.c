/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows-event.c - the journal's rows: writing, reading a page, expiry.
 *
 * Rows are appended to events_log and later packed into rows of `events`, at
 * most 64 KiB each, so that a token costs a small row at the end of one table
 * and not a page of its own. The packed rows of the log are left there, dead,
 * and swept together: deleted one task at a time they would cost what logging
 * has saved. A task's events are its rows of `events` and then those of the
 * log that are newer.
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
#define SWEEP_ROWS 2000 /* of the log */

int
event_log(struct brain_db *db, int64_t task_no, const struct chunk *c,
    struct err *e)
{
	struct row_stmt s;

	row_stmt_init(&s, db, "INSERT INTO events_log (task_no, first_id,"
	    " last_id, first_ts, last_ts, frames) VALUES (?, ?, ?, ?, ?, ?)",
	    e);
	row_int(&s, task_no);
	row_int(&s, c->first_id);
	row_int(&s, c->last_id);
	row_int(&s, c->first_ts);
	row_int(&s, c->last_ts);
	row_blob(&s, c->b.p, c->b.n);
	db->logged++;
	return row_run(&s);
}

static int
insert_packed(struct brain_db *db, int64_t task_no, struct chunk *c,
    struct err *e)
{
	struct row_stmt s;

	if (c->b.n == 0)
		return 0;
	row_stmt_init(&s, db, "INSERT INTO events (task_no, first_id,"
	    " last_id, first_ts, last_ts, frames) VALUES (?, ?, ?, ?, ?, ?)",
	    e);
	row_int(&s, task_no);
	row_int(&s, c->first_id);
	row_int(&s, c->last_id);
	row_int(&s, c->first_ts);
	row_int(&s, c->last_ts);
	row_blob(&s, c->b.p, c->b.n);
	if (row_run(&s) != 0)
		return -1;
	buf_reset(&c->b);
	return 0;
}

/* Adds a row to the one being packed, which is stored first when full. */
static int
pack_row(struct brain_db *db, int64_t task_no, struct chunk *to,
    const struct chunk *row, const void *p, size_t n, struct err *e)
{
	if (to->b.n > 0 && to->b.n + n > JOURNAL_PAGE &&
	    insert_packed(db, task_no, to, e) != 0)
		return -1;
	if (to->b.n == 0) {
		to->first_id = row->first_id;
		to->first_ts = row->first_ts;
	}
	to->last_id = row->last_id;
	to->last_ts = row->last_ts;
	return buf_add(&to->b, p, n) == 0 ? 0 : err_nomem(e);
}

/*
 * Deletes the rows of the log that have been packed. That looks at the whole
 * log, so it waits until as many rows have come as the last time had to stay.
 * It goes by task: each is looked up once, and rows by the index alone.
 */
static int
sweep_log(struct brain_db *db, struct err *e)
{
	struct row_stmt s;
	int total = db->log_left + db->logged;

	if (db->logged < SWEEP_ROWS || db->logged < db->log_left)
		return 0;
	row_stmt_init(&s, db, "DELETE FROM events_log WHERE log_no IN ("
	    "WITH packed AS MATERIALIZED (SELECT task_no, (SELECT last_id"
	    " FROM events e WHERE e.task_no = d.task_no"
	    " ORDER BY first_id DESC LIMIT 1) AS last_id"
	    " FROM (SELECT DISTINCT task_no FROM events_log) d)"
	    " SELECT l.log_no FROM packed p CROSS JOIN events_log l"
	    " ON l.task_no = p.task_no AND l.first_id <= p.last_id)", e);
	if (row_run(&s) != 0)
		return -1;
	db->log_left = total - sqlite3_changes(brain_handle(db));
	db->logged = 0;
	return 0;
}

#define LOG_ROWS \
	"SELECT first_id, last_id, first_ts, last_ts, frames" \
	" FROM events_log WHERE task_no = ?1 AND first_id > max(?2," \
	" coalesce((SELECT last_id FROM events WHERE task_no = ?1" \
	" ORDER BY first_id DESC LIMIT 1), 0)) ORDER BY first_id"

int
event_pack(struct brain_db *db, int64_t task_no,
    const struct chunk_list *list, struct err *e)
{
	struct row_stmt s;
	struct chunk to, row;
	const struct chunk *k;
	int r;

	memset(&to, 0, sizeof to);
	memset(&row, 0, sizeof row);
	buf_init(&to.b, JOURNAL_PENDING_MAX + JOURNAL_PAGE);
	row_stmt_init(&s, db, LOG_ROWS, e);
	row_int(&s, task_no);
	row_int(&s, 0);
	while ((r = row_step(&s)) > 0) {
		row.first_id = row_get(&s, 0);
		row.last_id = row_get(&s, 1);
		row.first_ts = row_get(&s, 2);
		row.last_ts = row_get(&s, 3);
		r = pack_row(db, task_no, &to, &row,
		    sqlite3_column_blob(s.st, 4),
		    (size_t)sqlite3_column_bytes(s.st, 4), e);
		if (r != 0)
			break;
	}
	TAILQ_FOREACH(k, list, link)
		if (r == 0)
			r = pack_row(db, task_no, &to, k, k->b.p, k->b.n, e);
	if (r == 0)
		r = insert_packed(db, task_no, &to, e);
	buf_fini(&to.b);
	return r == 0 ? sweep_log(db, e) : -1;
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
	    EVENT_LAST("last_id", "?1", "last_event_id") ","
	    EVENT_LAST("last_ts", "?1", "last_event_ts")
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
	int64_t last_id = row_get(s, 1);
	const char *blob;
	size_t n, at = 0;

	if (last_id <= p->after_id || row_get(s, 3) <= p->after_ts)
		return 0;
	blob = sqlite3_column_blob(s->st, 4);
	n = (size_t)sqlite3_column_bytes(s->st, 4);
	if (blob == NULL)
		return err_nomem(e);
	if (row_get(s, 0) <= p->after_id || row_get(s, 2) <= p->after_ts)
		at = frame_skip(blob, n, p->after_id, p->after_ts);
	/* Packed together with what is not published yet. */
	if (last_id > p->limit_id) {
		n = frame_skip(blob, n, p->limit_id, INT64_MIN);
		last_id = p->limit_id;
	}
	if (at >= n)
		return 0;
	if (p->b.n > 0 && p->b.n + n - at > JOURNAL_PAGE) {
		p->more = 1;
		return 1;
	}
	p->last_id = last_id;
	return buf_add(&p->b, blob + at, n - at) == 0 ? 0 : err_nomem(e);
}

/*
 * The packed id from which on timestamps are greater than after_ts. Both grow
 * together, so it is found by halving: a scan would read the whole task.
 */
static int
seek_ts(struct brain_db *db, const struct event_page *p,
    const struct extent *x, int64_t *id, struct err *e)
{
	struct row_stmt s;
	int64_t lo = x->from, hi = x->last_id + 1, mid;
	int r;

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
		if (r == 0)
			lo = mid + 1; /* deleted */
		else if (row_get(&s, 1) < mid)
			hi = row_get(&s, 1) + 1; /* not packed yet */
		else if (row_get(&s, 2) <= p->after_ts)
			lo = row_get(&s, 1) + 1;
		else
			hi = row_get(&s, 0) < mid ? row_get(&s, 0) : mid;
		(void)sqlite3_reset(s.st);
	}
	*id = lo;
	return 0;
}

/* Rows until the page is full (1), or all of them (0), or -1. */
static int
take_rows(struct event_page *p, struct row_stmt *s, struct err *e)
{
	int r;

	while ((r = row_step(s)) > 0) {
		r = take_row(p, s, e);
		if (r != 0)
			break;
	}
	if (s->st != NULL)
		(void)sqlite3_reset(s->st);
	return r;
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
	r = take_rows(p, &s, e);
	if (r != 0)
		return r < 0 ? -1 : 0;
	row_stmt_init(&s, db, LOG_ROWS, e);
	row_int(&s, p->task_no);
	row_int(&s, x.from - 1);
	return take_rows(p, &s, e) < 0 ? -1 : 0;
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

/* A few at most: a turn that has ended has none that are not packed. */
static int
forget_log(struct brain_db *db, int64_t task_no, int64_t from,
    struct err *e)
{
	struct row_stmt s;

	row_stmt_init(&s, db, "DELETE FROM events_log WHERE task_no = ?1"
	    " AND first_id < ?2", e);
	row_int(&s, task_no);
	row_int(&s, from);
	return row_run(&s);
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
	if (x.state != TASK_RUNNING && forget_log(db, task_no, x.from, e) != 0)
		return -1;
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

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal-util.h - for the tests of the journal: a journal on a brain, tasks,
 * and clients that collect whole frames, are slow, are cut off and come back.
 */
#ifndef T_UNIT_JOURNAL_UTIL_H
#define T_UNIT_JOURNAL_UTIL_H

#include "../../core/base/buf.h"
#include "../../core/base/clock.h"
#include "../../core/store/journal.h"
#include "../../core/store/rows.h"
#include "store-util.h"

static struct brain *brain;
static struct journal *journal;
static unsigned seed;

static inline unsigned
rnd(unsigned below)
{
	seed = seed * 1103515245u + 12345u;
	return (seed >> 8) % below;
}

static inline void
open_all(int64_t ttl_active_s, int64_t ttl_hitl_s)
{
	struct journal_config cfg = { ttl_active_s, ttl_hitl_s };
	struct err e;

	err_clear(&e);
	brain = brain_open(loop, path, &e);
	if (brain != NULL)
		journal = journal_new(loop, brain, &cfg, &e);
	if (brain == NULL || journal == NULL) {
		printf("Bail out! %s\n", e.text);
		exit(1);
	}
}

static inline void
close_all(void)
{
	journal_free(journal);
	brain_close(brain);
}

/* A task and its row. */

struct task {
	const char *id;
	int64_t no, last_id, last_ts, state;
};

static inline int
op_task(struct brain_db *db, void *arg, struct err *e)
{
	struct task *t = arg;
	struct task_row row;
	int r = task_find(db, t->id, &row, e);

	if (r < 0)
		return -1;
	if (r == 0)
		return task_insert(db, t->id, "a", 1, &t->no, e);
	t->no = row.task_no;
	t->last_id = row.last_event_id;
	t->last_ts = row.last_event_ts;
	task_row_fini(&row);
	return 0;
}

static inline int
op_state(struct brain_db *db, void *arg, struct err *e)
{
	struct task *t = arg;

	return task_set(db, t->no, (enum task_state)t->state, NULL, 1, e);
}

static inline struct task
get_task(const char *id)
{
	struct task t = { id, 0, 0, 0, 0 };
	struct err e;

	if (do_write(brain, op_task, &t, &e) != ERR_NONE)
		printf("# %s\n", e.text);
	return t;
}

static inline struct channel *
open_channel(struct task *t)
{
	*t = get_task(t->id);
	return channel_open(journal, t->no, t->id, t->last_id, t->last_ts);
}

static inline void
set_flag(void *arg)
{
	*(int *)arg = 1;
}

static inline void
end_channel(struct channel *c)
{
	int over = 0;

	channel_end(c, set_flag, &over);
	wait_for(&over);
}

/* A client: collects whole frames, may be slow, may be cut off. */

struct client {
	struct journal_reader *r;
	int64_t task_no;
	struct buf got;      /* complete frames */
	int64_t last_id, last_ts;
	int outstanding, ended, failed;
	int auto_next;
	int cut;             /* take part of the next bytes, then leave */
	struct err e;
};

/*
 * The blank line that ends a frame. Not memmem(): the address sanitizer looks
 * at all n bytes at each call.
 */
static inline const char *
frame_end(const char *p, size_t n)
{
	const char *end = p + n;

	while ((p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		if (p + 1 < end && p[1] == '\n')
			return p;
		p++;
	}
	return NULL;
}

/* Takes the complete frames of p; notes the last one's id and time. */
static inline void
take_frames(struct client *c, const char *p, size_t n)
{
	const char *q, *ts;
	char iso[CLOCK_ISO_LEN + 1];

	while ((q = frame_end(p, n)) != NULL) {
		size_t len = (size_t)(q + 2 - p);

		buf_add(&c->got, p, len);
		c->last_id = strtoll(p + 4, NULL, 10);
		ts = memmem(p, len, "\"timestamp\":\"", 13);
		if (ts == NULL)
			abort();
		memcpy(iso, ts + 13, CLOCK_ISO_LEN);
		iso[CLOCK_ISO_LEN] = '\0';
		if (clock_parse_iso(iso, &c->last_ts) != 0)
			abort();
		p += len;
		n -= len;
	}
}

static inline void
on_frames(void *user, const char *p, size_t n)
{
	struct client *c = user;

	if (c->cut) {
		c->cut = 0;
		take_frames(c, p, rnd((unsigned)n + 1));
		journal_reader_close(c->r);
		c->r = NULL;
		return;
	}
	take_frames(c, p, n);
	c->outstanding = 1;
	if (c->auto_next) {
		c->outstanding = 0;
		journal_reader_next(c->r);
	}
}

static inline void
on_end(void *user)
{
	((struct client *)user)->ended = 1;
}

static inline void
on_failed(void *user, const struct err *e)
{
	struct client *c = user;

	c->failed = 1;
	c->e = *e;
}

static const struct journal_reader_ops client_ops = {
	on_frames, on_end, on_failed
};

static inline void
client_init(struct client *c, int64_t task_no, int auto_next)
{
	memset(c, 0, sizeof *c);
	c->task_no = task_no;
	c->auto_next = auto_next;
	buf_init(&c->got, 256u << 20);
}

/* Connects behind what it has, by id or by timestamp. */
static inline void
client_connect(struct client *c, int by_ts, int follow)
{
	struct journal_cursor from = { -1, 0 };

	if (by_ts)
		from.after_ts = c->last_ts;
	else
		from.after_id = c->last_id;
	c->outstanding = c->ended = c->failed = 0;
	c->r = journal_read(journal, c->task_no, &from, follow, &client_ops,
	    c);
}

static inline void
client_fini(struct client *c)
{
	journal_reader_close(c->r);
	buf_fini(&c->got);
}

static inline void
client_read_all(struct client *c, int64_t task_no, int follow)
{
	client_init(c, task_no, 1);
	client_connect(c, 0, follow);
	wait_for(&c->ended);
}

static inline int
same(const struct client *a, const struct client *b)
{
	return a->got.n == b->got.n && (a->got.n == 0 ||
	    memcmp(a->got.p, b->got.p, a->got.n) == 0);
}

/* Ids 1, 2, 3..., timestamps that grow: how many events; -1: broken. */
static inline int64_t
check_order(const struct client *c, int64_t first)
{
	const char *p = c->got.p, *q, *end = p + c->got.n;
	struct client one;
	int64_t n = 0, ts = 0, id = first;

	client_init(&one, 0, 0);
	while (p < end &&
	    (q = frame_end(p, (size_t)(end - p))) != NULL) {
		take_frames(&one, p, (size_t)(q + 2 - p));
		if (one.last_id != id || one.last_ts <= ts) {
			printf("# event %lld: id %lld, ts %lld after %lld\n",
			    (long long)n, (long long)one.last_id,
			    (long long)one.last_ts, (long long)ts);
			n = -1;
			break;
		}
		ts = one.last_ts;
		id++;
		n++;
		p = q + 2;
	}
	client_fini(&one);
	return n;
}

static inline void
round_(void)
{
	(void)event_base_loop(loop_base(loop), EVLOOP_NONBLOCK);
}

/* journal_put_first() in the turn's own operation. */

struct first_op {
	struct task *t;
	struct journal_first first;
	int fail;
};

static inline int
op_first(struct brain_db *db, void *arg, struct err *e)
{
	struct first_op *f = arg;

	if (journal_put_first(db, f->t->no, f->t->last_id, f->t->last_ts,
	    "thread_lifecycle", "\"phase\":\"started\"", 17, &f->first, e)
	    != 0)
		return -1;
	return f->fail ? err_set(e, ERR_INTERNAL, "on purpose") : 0;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-journal.c - the journal's promises: every reader, whenever and
 * wherever it starts, is cut off and comes back, gets the same bytes; nothing
 * is lost or given twice; what a reader was given survives kill -9; memory is
 * bounded; expired events are gone; failing disks are told and outlived.
 */
#include <sys/resource.h>
#include <sys/wait.h>

#include "../../core/base/buf.h"
#include "../../core/base/clock.h"
#include "../../core/store/journal.h"
#include "../../core/store/rows.h"
#include "store-util.h"

static struct brain *brain;
static struct journal *journal;
static unsigned seed;

static unsigned
rnd(unsigned below)
{
	seed = seed * 1103515245u + 12345u;
	return (seed >> 8) % below;
}

static void
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

static void
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

static int
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

static int
op_state(struct brain_db *db, void *arg, struct err *e)
{
	struct task *t = arg;

	return task_set(db, t->no, (enum task_state)t->state, NULL, 1, e);
}

static struct task
get_task(const char *id)
{
	struct task t = { id, 0, 0, 0, 0 };
	struct err e;

	if (do_write(brain, op_task, &t, &e) != ERR_NONE)
		printf("# %s\n", e.text);
	return t;
}

static struct channel *
open_channel(struct task *t)
{
	*t = get_task(t->id);
	return channel_open(journal, t->no, t->id, t->last_id, t->last_ts);
}

static void
set_flag(void *arg)
{
	*(int *)arg = 1;
}

static void
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
static const char *
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
static void
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

static void
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

static void
on_end(void *user)
{
	((struct client *)user)->ended = 1;
}

static void
on_failed(void *user, const struct err *e)
{
	struct client *c = user;

	c->failed = 1;
	c->e = *e;
}

static const struct journal_reader_ops client_ops = {
	on_frames, on_end, on_failed
};

static void
client_init(struct client *c, int64_t task_no, int auto_next)
{
	memset(c, 0, sizeof *c);
	c->task_no = task_no;
	c->auto_next = auto_next;
	buf_init(&c->got, 256u << 20);
}

/* Connects behind what it has, by id or by timestamp. */
static void
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

static void
client_fini(struct client *c)
{
	journal_reader_close(c->r);
	buf_fini(&c->got);
}

static void
client_read_all(struct client *c, int64_t task_no, int follow)
{
	client_init(c, task_no, 1);
	client_connect(c, 0, follow);
	wait_for(&c->ended);
}

static int
same(const struct client *a, const struct client *b)
{
	return a->got.n == b->got.n && (a->got.n == 0 ||
	    memcmp(a->got.p, b->got.p, a->got.n) == 0);
}

/* Ids 1, 2, 3..., timestamps that grow: how many events; -1: broken. */
static int64_t
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

static void
round_(void)
{
	(void)event_base_loop(loop_base(loop), EVLOOP_NONBLOCK);
}

static void
test_form(void)
{
	struct task t = { "form", 0, 0, 0, 0 };
	struct channel *c = open_channel(&t);
	struct client r;
	struct task now;
	int64_t id;
	const char *p;

	check(channel_open(journal, t.no, "form", 0, 0) == NULL,
	    "a task has one channel");
	id = channel_event(c, "thread_lifecycle", "\"phase\":\"started\"", 17);
	check_int(id, 1, "the first event");
	check_int(channel_delta(c, "text_delta", "a\"b\n", 4), 0, "a delta");
	check_int(channel_delta(c, "text_delta", "c", 1), 0, "and more");
	check_int(channel_delta(c, "thinking_delta", "d", 1), 0, "another");
	check_int(channel_last_id(c), 3, "deltas of one type are joined");
	check_int(channel_event(c, "empty", NULL, 0), 4, "no members");
	end_channel(c);
	client_read_all(&r, t.no, 1);
	check_int(check_order(&r, 1), 4, "four events in order");
	p = r.got.p;
	check(strncmp(p, "id: 1\nevent: thread_lifecycle\ndata:"
	    " {\"timestamp\":\"20", 52) == 0 &&
	    strstr(p, "Z\",\"phase\":\"started\"}\n\nid: 2\nevent: text_delta"
	    "\ndata: {\"timestamp\":\"") != NULL &&
	    strstr(p, "Z\",\"text\":\"a\\\"b\\nc\"}\n\nid: 3\nevent:"
	    " thinking_delta\n") != NULL && strstr(p, "Z\",\"text\":\"d\"}\n\n"
	    "id: 4\nevent: empty\ndata: {\"timestamp\":\"") != NULL &&
	    strcmp(p + r.got.n - 5, "Z\"}\n\n") == 0, "framed as the wire");
	now = get_task("form");
	check_int(now.last_id, 4, "the task knows its last id");
	check_int(now.last_ts, r.last_ts, "and time");
	client_fini(&r);
}

/* Random events and deltas; the text of all deltas goes to `text`. */
static void
emit(struct channel *c, struct buf *text, unsigned n)
{
	char s[600];
	unsigned i, k, len;

	for (i = 0; i < n; i++) {
		k = rnd(10);
		len = k == 9 ? rnd(500) : 1 + rnd(12);
		memset(s, 'a' + (char)rnd(26), len);
		if (k < 7) {
			(void)channel_delta(c, "text_delta", s, len);
			(void)buf_add(text, s, len);
		} else {
			char m[700];
			int l = snprintf(m, sizeof m, "\"x\":\"%.*s\"",
			    (int)len, s);

			(void)channel_event(c, "tool_call", m, (size_t)l);
		}
	}
}

/* The text of all deltas that a client got. */
static void
delta_text(const struct client *c, struct buf *out)
{
	const char *p = c->got.p, *q, *end = p + c->got.n, *t;

	while (p < end && (q = frame_end(p, (size_t)(end - p))) != NULL) {
		t = memmem(p, (size_t)(q - p), "\"text\":\"", 8);
		if (t != NULL)
			(void)buf_add(out, t + 8, (size_t)(q - t) - 10);
		p = q + 2;
	}
}

#define CLIENTS 12
#define CUTS 300 /* in each of two runs */

/*
 * A turn of random events with clients that come, are slow, are cut off at
 * any byte and come back by id or timestamp, some only when all is over.
 */
static void
test_cuts(unsigned with)
{
	struct task t = { "cuts", 0, 0, 0, 0 };
	struct client cl[CLIENTS], ref;
	struct channel *c;
	struct buf text, got;
	char id[32];
	int i, cuts = 0, open = 1, over = 0, bad = 0;
	unsigned burst;

	seed = with;
	(void)snprintf(id, sizeof id, "cuts-%u", with);
	t.id = id;
	c = open_channel(&t);
	buf_init(&text, 64u << 20);
	buf_init(&got, 64u << 20);
	for (i = 0; i < CLIENTS; i++) {
		client_init(&cl[i], t.no, 0);
		client_connect(&cl[i], 0, 1);
	}
	while (cuts < CUTS || open || !over) {
		burst = rnd(100) == 0 ? 400 : rnd(3) == 0 ? rnd(6) : 0;
		if (open && cuts < CUTS)
			emit(c, &text, burst);
		else if (open) {
			channel_end(c, set_flag, &over);
			open = 0;
		}
		round_();
		for (i = 0; i < CLIENTS; i++) {
			if (cl[i].r == NULL) {
				cuts++;
				client_connect(&cl[i], (int)rnd(2), 1);
			} else if (cl[i].outstanding &&
			    rnd(1u << (i % 6)) == 0) {
				cl[i].outstanding = 0;
				cl[i].cut = rnd(2) == 0;
				journal_reader_next(cl[i].r);
			} else if (rnd(300) == 0) {
				journal_reader_close(cl[i].r);
				cl[i].r = NULL;
			}
		}
	}
	/* Everybody may finish now. */
	for (i = 0; i < CLIENTS; i++) {
		cl[i].auto_next = 1;
		cl[i].cut = 0;
		if (cl[i].r == NULL)
			client_connect(&cl[i], 0, 1);
		else if (cl[i].outstanding)
			journal_reader_next(cl[i].r);
		while (!cl[i].ended && !cl[i].failed)
			(void)event_base_loop(loop_base(loop), EVLOOP_ONCE);
	}
	client_read_all(&ref, t.no, 0);
	delta_text(&ref, &got);
	check(check_order(&ref, 1) > 0, "ids grow by one, time grows");
	check(got.n == text.n && memcmp(got.p, text.p, got.n) == 0,
	    "the joined deltas are the text");
	for (i = 0; i < CLIENTS; i++) {
		if (!same(&cl[i], &ref)) {
			bad++;
			printf("# client %d: %zu bytes of %zu\n", i,
			    cl[i].got.n, ref.got.n);
		}
		client_fini(&cl[i]);
	}
	check_int(bad, 0, "every client has the same bytes");
	printf("# %d cuts, %zu bytes, %lld events\n", cuts, ref.got.n,
	    (long long)ref.last_id);
	client_fini(&ref);
	buf_fini(&text);
	buf_fini(&got);
}

static void
test_cursors(void)
{
	struct task t = { "cursors", 0, 0, 0, 0 };
	struct channel *c = open_channel(&t);
	struct client all, part, future, none;
	int64_t i;
	int bad = 0;

	for (i = 0; i < 60; i++) {
		(void)channel_event(c, "e", "\"k\":1", 5);
		if (i % 7 == 0)
			round_();
	}
	client_init(&future, t.no, 1);
	future.last_id = 65;
	client_connect(&future, 0, 1);
	for (i = 0; i < 10; i++)
		(void)channel_event(c, "e", "\"k\":2", 5);
	end_channel(c);
	client_read_all(&all, t.no, 1);
	wait_for(&future.ended);
	check_int(check_order(&future, 66), 5,
	    "a cursor ahead of the journal waits for its id");
	client_fini(&future);
	for (i = 0; i <= 71; i++) {
		client_init(&part, t.no, 1);
		part.last_id = i;
		client_connect(&part, 0, 0);
		wait_for(&part.ended);
		if ((i < 70 && (check_order(&part, i + 1) != 70 - i ||
		    memcmp(part.got.p, all.got.p + all.got.n - part.got.n,
		    part.got.n) != 0)) || (i >= 70 && part.got.n != 0))
			bad++;
		client_fini(&part);
	}
	check_int(bad, 0, "after every id, in the middle of rows too");
	client_init(&part, t.no, 1);
	part.last_ts = all.last_ts;
	client_connect(&part, 1, 1);
	wait_for(&part.ended);
	check_int(part.got.n, 0, "nothing after the last timestamp");
	journal_reader_close(part.r);
	part.last_ts = all.last_ts - 1;
	client_connect(&part, 1, 1);
	wait_for(&part.ended);
	check_int(check_order(&part, 70), 1, "one after the one before");
	client_fini(&part);
	client_init(&none, t.no + 1000, 1);
	client_connect(&none, 0, 1);
	wait_for(&none.ended);
	check_int(none.got.n, 0, "a task that is not there has no events");
	client_fini(&none);
	client_fini(&all);
}

/* A reader that stops: the turn goes on and memory stays bounded. */
static void
test_slow(void)
{
	struct task t = { "slow", 0, 0, 0, 0 };
	struct channel *c = open_channel(&t);
	struct client slow, fast, ref;
	struct journal_stats s;
	static char m[4000];
	size_t most = 0;
	int i, over = 0;

	memset(m, 'm', sizeof m);
	memcpy(m, "\"m\":\"", 5);
	m[sizeof m - 1] = '"';
	client_init(&slow, t.no, 0);
	client_init(&fast, t.no, 1);
	client_connect(&slow, 0, 1);
	client_connect(&fast, 0, 1);
	for (i = 0; i < 600; i++) {
		(void)channel_event(c, "e", m, sizeof m);
		(void)event_base_loop(loop_base(loop), EVLOOP_NONBLOCK);
		journal_stats(journal, &s);
		if (s.tail_bytes > most)
			most = s.tail_bytes;
	}
	channel_end(c, set_flag, &over);
	wait_for(&over);
	check(!slow.ended && slow.got.n < 600 * sizeof m,
	    "the end of a turn does not wait for a slow reader");
	wait_for(&fast.ended);
	check(most <= (256 << 10) + (64 << 10),
	    "the tail in memory is bounded");
	printf("# tail at most %zu bytes of %zu\n", most, fast.got.n);
	client_read_all(&ref, t.no, 0);
	check(same(&fast, &ref), "the fast reader has everything");
	slow.auto_next = 1;
	journal_reader_next(slow.r);
	wait_for(&slow.ended);
	check(same(&slow, &ref), "the slow one catches up");
	client_fini(&slow);
	client_fini(&fast);
	client_fini(&ref);
	journal_stats(journal, &s);
	check_int(s.tail_bytes, 0, "nothing is held for nobody");
	check_int(s.readers, 0, "no reader is left");
}

/* Deltas of one millisecond are joined, none is held back for long. */
static void
test_delta_times(void)
{
	struct task t = { "delta", 0, 0, 0, 0 };
	struct channel *c = open_channel(&t);
	struct client r;
	uint64_t t0 = clock_mono_ns(), dt;
	int64_t n, i, sent = 0;

	client_init(&r, t.no, 1);
	client_connect(&r, 0, 1);
	for (i = 0; clock_mono_ns() - t0 < 50000000; i++) {
		(void)channel_delta(c, "text_delta", "x", 1);
		sent++;
		round_();
	}
	t0 = clock_mono_ns();
	while (r.got.n == 0 || channel_last_id(c) != r.last_id)
		(void)event_base_loop(loop_base(loop), EVLOOP_ONCE);
	dt = clock_mono_ns() - t0;
	end_channel(c);
	wait_for(&r.ended);
	n = check_order(&r, 1);
	check(n > 0 && n <= 60, "at most one delta a millisecond");
	printf("# %lld deltas, %lld events, the last after %llu us\n",
	    (long long)sent, (long long)n, (unsigned long long)dt / 1000);
	client_fini(&r);
}

/* journal_put_first() in the turn's own operation. */

struct first_op {
	struct task *t;
	struct journal_first first;
	int fail;
};

static int
op_first(struct brain_db *db, void *arg, struct err *e)
{
	struct first_op *f = arg;

	if (journal_put_first(db, f->t->no, f->t->last_id, f->t->last_ts,
	    "thread_lifecycle", "\"phase\":\"started\"", 17, &f->first, e)
	    != 0)
		return -1;
	return f->fail ? err_set(e, ERR_INTERNAL, "on purpose") : 0;
}

static int
op_newest(struct brain_db *db, void *arg, struct err *e)
{
	struct task_row t;

	if (task_newest(db, &t, e) != 1)
		return -1;
	(void)snprintf(arg, 64, "%s", t.task_id);
	task_row_fini(&t);
	return 0;
}

static void
test_first(void)
{
	struct task t = { "first", 0, 0, 0, 0 };
	struct first_op f;
	struct channel *c;
	struct client r;
	char newest[64];

	t = get_task("first");
	memset(&f, 0, sizeof f);
	f.t = &t;
	f.fail = 1;
	check_int(do_write(brain, op_first, &f, NULL), ERR_INTERNAL,
	    "the turn's operation fails");
	free(f.first.frame);
	client_read_all(&r, t.no, 1);
	check_int(r.got.n, 0, "then its first event is not there");
	client_fini(&r);
	f.fail = 0;
	check_int(do_write(brain, op_first, &f, NULL), ERR_NONE, "again");
	check_int(f.first.id, 1, "the first id");
	t.state = TASK_RUNNING;
	(void)do_write(brain, op_state, &t, NULL);
	c = channel_open_with(journal, t.no, "first", &f.first);
	client_init(&r, t.no, 1);
	client_connect(&r, 0, 1);
	(void)channel_delta(c, "text_delta", "hello", 5);
	while (r.last_id < 2)
		(void)event_base_loop(loop_base(loop), EVLOOP_ONCE);
	check_int(do_read(brain, op_newest, newest, NULL), ERR_NONE,
	    "the newest task");
	check_str(newest, "first", "is the one that runs");
	end_channel(c);
	wait_for(&r.ended);
	check_int(check_order(&r, 1), 2, "first event and what followed");
	t.state = TASK_IDLE;
	(void)do_write(brain, op_state, &t, NULL);
	client_fini(&r);
	/* The next turn goes on counting. */
	t = get_task("first");
	check_int(t.last_id, 2, "ids so far");
	check_int(do_write(brain, op_first, &f, NULL), ERR_NONE, "a turn");
	check_int(f.first.id, 3, "goes on");
	c = channel_open_with(journal, t.no, "first", &f.first);
	end_channel(c);
	client_read_all(&r, t.no, 1);
	check_int(check_order(&r, 1), 3, "one journal");
	client_fini(&r);
}

/* Makes the events of a task look older. */
static int
op_age(struct brain_db *db, void *arg, struct err *e)
{
	char sql[600];
	struct task *t = arg;

	(void)snprintf(sql, sizeof sql, "UPDATE events SET"
	    " first_ts = first_ts - 5000, last_ts = last_ts - 5000"
	    " WHERE task_no = %lld; UPDATE events_log SET"
	    " first_ts = first_ts - 5000, last_ts = last_ts - 5000"
	    " WHERE task_no = %lld; UPDATE tasks SET"
	    " last_event_ts = last_event_ts - 5000 WHERE task_no = %lld",
	    (long long)t->no, (long long)t->no, (long long)t->no);
	if (sqlite3_exec(brain_handle(db), sql, NULL, NULL, NULL) !=
	    SQLITE_OK)
		return err_set(e, ERR_INTERNAL, "sql");
	return 0;
}

static int
op_rows(struct brain_db *db, void *arg, struct err *e)
{
	struct task *t = arg;
	sqlite3_stmt *st = brain_stmt(db,
	    "SELECT count(*) FROM events WHERE task_no = ?", e);

	if (st == NULL)
		return -1;
	sqlite3_bind_int64(st, 1, t->no);
	if (brain_step(db, st, e) != 1)
		return -1;
	t->state = sqlite3_column_int64(st, 0);
	return 0;
}

static struct task
make_events(const char *id, int n, int state)
{
	struct task t = { id, 0, 0, 0, 0 };
	struct channel *c = open_channel(&t);
	int i, over;

	for (i = 0; i < n; i++) {
		(void)channel_event(c, "e", "\"k\":1", 5);
		over = 0;
		round_();
	}
	over = 0;
	channel_end(c, set_flag, &over);
	wait_for(&over);
	t = get_task(id);
	t.state = state;
	(void)do_write(brain, op_state, &t, NULL);
	return t;
}

static void
test_ttl(void)
{
	struct task idle, waiting, running, revived;
	struct first_op f;
	struct channel *c;
	struct client r;

	(void)snprintf(path, sizeof path, "%s/ttl.db", dir);
	open_all(2, 1000);
	idle = make_events("idle", 500, TASK_IDLE);
	waiting = make_events("waiting", 5, TASK_WAITING_HUMAN);
	running = make_events("running", 5, TASK_RUNNING);
	revived = make_events("revived", 5, TASK_IDLE);
	client_read_all(&r, idle.no, 1);
	check_int(check_order(&r, 1), 500, "fresh events are there");
	client_fini(&r);
	(void)do_write(brain, op_age, &idle, NULL);
	(void)do_write(brain, op_age, &waiting, NULL);
	(void)do_write(brain, op_age, &running, NULL);
	(void)do_write(brain, op_age, &revived, NULL);
	client_read_all(&r, idle.no, 1);
	check_int(r.got.n, 0, "past the TTL there are none");
	client_fini(&r);
	client_read_all(&r, waiting.no, 1);
	check_int(check_order(&r, 1), 5, "a waiting task has the other TTL");
	client_fini(&r);
	client_read_all(&r, running.no, 1);
	check_int(check_order(&r, 1), 5, "a running one keeps its events");
	client_fini(&r);

	memset(&f, 0, sizeof f);
	revived = get_task("revived");
	f.t = &revived;
	check_int(do_write(brain, op_first, &f, NULL), ERR_NONE, "new turn");
	c = channel_open_with(journal, revived.no, "revived", &f.first);
	client_read_all(&r, revived.no, 0);
	check_int(check_order(&r, 6), 1,
	    "a new turn does not bring back what had expired");
	client_fini(&r);
	end_channel(c);

	do {
		(void)event_base_loop(loop_base(loop), EVLOOP_ONCE);
		(void)do_read(brain, op_rows, &idle, NULL);
	} while (idle.state > 0);
	check(1, "expired rows are deleted in the end");
	(void)do_read(brain, op_rows, &waiting, NULL);
	check(waiting.state > 0, "others are not");
	idle = get_task("idle");
	check_int(idle.last_id, 500, "ids go on after a purge");
	c = open_channel(&idle);
	check_int(channel_event(c, "e", NULL, 0), 501, "from there");
	end_channel(c);
	close_all();
}

/* The disk fails in mid-turn and comes back. */

static struct rlimit limit0;
static int sync_calls;
static enum err_code sync_code;

static void
on_sync(void *arg, const struct err *e)
{
	sync_calls++;
	sync_code = e->code;
	*(int *)arg = 1;
}

static void
test_disk(void)
{
	struct task t = { "disk", 0, 0, 0, 0 };
	struct channel *c;
	struct client r, ref;
	struct rlimit small;
	static char m[30000];
	int over = 0, i, n = 0;

	(void)signal(SIGXFSZ, SIG_IGN);
	(void)getrlimit(RLIMIT_FSIZE, &limit0);
	(void)snprintf(path, sizeof path, "%s/disk.db", dir);
	open_all(100, 100);
	c = open_channel(&t);
	client_init(&r, t.no, 1);
	client_connect(&r, 0, 1);
	(void)channel_event(c, "e", NULL, 0);
	n++;
	check_int(channel_sync(c, on_sync, &over), 0, "sync");
	wait_for(&over);
	check_int(sync_code, ERR_NONE, "a sync says that all is stored");

	small = limit0;
	small.rlim_cur = 1 << 20;
	(void)setrlimit(RLIMIT_FSIZE, &small);
	memset(m, 'm', sizeof m);
	memcpy(m, "\"m\":\"", 5);
	m[sizeof m - 1] = '"';
	for (i = 0; i < 100 && !r.failed; i++, n++) {
		(void)channel_event(c, "e", m, sizeof m);
		over = 0;
		(void)channel_sync(c, on_sync, &over);
		wait_for(&over);
		if (sync_code != ERR_NONE) {
			i = 100;
			while (!r.failed)
				(void)event_base_loop(loop_base(loop),
				    EVLOOP_ONCE);
		}
	}
	check_int(sync_code, ERR_UNAVAILABLE, "a sync says that it failed");
	check(r.failed && r.e.code == ERR_UNAVAILABLE,
	    "readers are told that the brain failed");
	check(r.last_id < n, "and were not given what is not stored");
	(void)setrlimit(RLIMIT_FSIZE, &limit0);
	(void)channel_event(c, "e", "\"after\":1", 9);
	n++;
	over = 0;
	(void)channel_sync(c, on_sync, &over);
	wait_for(&over);
	check_int(sync_code, ERR_NONE, "with room again all is stored");
	journal_reader_close(r.r);
	client_connect(&r, 0, 1);
	end_channel(c);
	wait_for(&r.ended);
	client_read_all(&ref, t.no, 0);
	check_int(check_order(&ref, 1), n, "no event is missing");
	check(same(&r, &ref), "the reader that came back has them all");
	client_fini(&r);
	client_fini(&ref);

	/* For good: the end of a turn is not held up for ever. */
	t.id = "disk2";
	c = open_channel(&t);
	(void)setrlimit(RLIMIT_FSIZE, &small);
	for (i = 0; i < 60; i++)
		(void)channel_event(c, "e", m, sizeof m);
	over = 0;
	channel_end(c, set_flag, &over);
	wait_for(&over);
	(void)setrlimit(RLIMIT_FSIZE, &limit0);
	t = get_task("disk2");
	check_int(t.last_id, 0, "a turn that could not be stored has ended");
	close_all();
}

/*
 * A child runs a turn and tells the last id its reader was given; it is
 * killed. What was given is there, without a gap.
 */
static void
child(int fd)
{
	struct task t = { "kill", 0, 0, 0, 0 };
	struct client r;
	struct channel *c;
	struct err e;
	int64_t told = 0, sent = 0;

	loop = loop_new(&e);
	open_all(1000, 1000);
	c = open_channel(&t);
	client_init(&r, t.no, 1);
	r.last_id = t.last_id;
	client_connect(&r, 0, 1);
	told = t.last_id;
	for (;;) {
		/* A little ahead of the reader, so that commits overlap. */
		if (sent < r.last_id + 40) {
			(void)channel_delta(c, "text_delta", "hello", 5);
			if (rnd(3) == 0)
				sent = channel_event(c, "e", "\"k\":1", 5);
		}
		round_();
		if (r.last_id > told) {
			told = r.last_id;
			if (write(fd, &told, sizeof told) !=
			    (ssize_t)sizeof told)
				_exit(3);
			buf_reset(&r.got);
		}
	}
}

#define KILLS 50

static void
test_kill(void)
{
	int fds[2], i, kills = 0, bad = 0;
	int64_t told = 0, base = 0, v, n;
	struct client r;
	struct task t;
	pid_t pid;

	(void)snprintf(path, sizeof path, "%s/kill.db", dir);
	for (i = 0; i < KILLS; i++) {
		if (pipe(fds) != 0)
			abort();
		(void)fflush(stdout);
		pid = fork();
		if (pid == 0)
			child(fds[1]);
		(void)close(fds[1]);
		for (n = 0; n < 1 + i % 9 * 5; n++)
			if (read(fds[0], &v, sizeof v) == (ssize_t)sizeof v)
				told = v;
		(void)kill(pid, SIGKILL);
		if (waitpid(pid, NULL, 0) == pid)
			kills++;
		while (read(fds[0], &v, sizeof v) == (ssize_t)sizeof v)
			told = v;
		(void)close(fds[0]);
		open_all(1000, 1000);
		t = get_task("kill");
		client_init(&r, t.no, 1);
		r.last_id = base;
		client_connect(&r, 0, 1);
		wait_for(&r.ended);
		if (t.last_id < told ||
		    check_order(&r, base + 1) != t.last_id - base) {
			printf("# told %lld, stored %lld\n", (long long)told,
			    (long long)t.last_id);
			bad++;
		}
		base = t.last_id;
		client_fini(&r);
		close_all();
	}
	check_int(kills, KILLS, "turns killed");
	check_int(bad, 0, "what a reader was given is stored, without a gap");
	printf("# %lld events\n", (long long)told);
}

/* Leaving in the middle of everything. */
static void
test_leave(void)
{
	struct task t = { "leave", 0, 0, 0, 0 }, t2;
	struct channel *c;
	struct client r[4];
	int i, over = 0;

	(void)snprintf(path, sizeof path, "%s/leave.db", dir);
	open_all(1000, 1000);
	t2 = make_events("other", 300, TASK_IDLE);
	c = open_channel(&t);
	for (i = 0; i < 4; i++) {
		client_init(&r[i], i < 2 ? t.no : t2.no, 1);
		client_connect(&r[i], 0, 1);
	}
	(void)channel_event(c, "e", NULL, 0);
	(void)channel_delta(c, "text_delta", "x", 1);
	(void)channel_sync(c, on_sync, &over);
	(void)event_base_loop(loop_base(loop), EVLOOP_NONBLOCK);
	(void)channel_delta(c, "text_delta", "x", 1);
	journal_reader_close(r[0].r);
	journal_reader_close(r[2].r);
	journal_free(journal);
	brain_close(brain);
	for (i = 0; i < 4; i++) {
		r[i].r = NULL;
		client_fini(&r[i]);
	}
	round_();
	check(1, "a journal is freed with all that is under way");
	open_all(1000, 1000);
	t = get_task("leave");
	check(t.last_id >= 1, "what was handed over is stored");
	close_all();
}

int
main(void)
{
	tap_start(400);
	set_up();
	open_all(10800, 259200);
	test_form();
	test_cursors();
	test_delta_times();
	test_first();
	test_slow();
	test_cuts(1);
	test_cuts(2);
	close_all();
	test_ttl();
	test_disk();
	test_leave();
	test_kill();
	loop_free(loop);
	clean_up();
	return tap_done();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-journal.c - the journal's promises: every reader, whenever and
 * wherever it starts, is cut off and comes back, gets the same bytes; nothing
 * is lost or given twice; memory is bounded.
 */
#include "journal-util.h"

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

/*
 * A timestamp in the middle of a turn whose events are packed in part: the
 * search among the packed ones must not be led astray by the others.
 */
#define STEPS 120

static void
note_sync(void *arg, const struct err *e)
{
	*(int *)arg = e->code == ERR_NONE ? 1 : -1;
}

static void
test_times_in_turn(void)
{
	struct task t = { "times", 0, 0, 0, 0 };
	struct channel *c = open_channel(&t);
	struct client one, part;
	int64_t id[STEPS], ts[STEPS];
	int i, k, bad = 0, over;

	client_init(&one, t.no, 1);
	client_connect(&one, 0, 1);
	for (i = 0; i < STEPS; i++) {
		over = 0;
		/* The first are packed, then many more are not. */
		for (k = 0; k < (i < 70 ? 1 : 6); k++)
			id[i] = channel_event(c, "e", "\"k\":1", 5);
		(void)channel_sync(c, note_sync, &over);
		while (!over || one.last_id < id[i])
			(void)event_base_loop(loop_base(loop), EVLOOP_ONCE);
		ts[i] = one.last_ts;
	}
	for (i = 0; i < STEPS; i++) {
		client_init(&part, t.no, 1);
		part.last_ts = ts[i];
		client_connect(&part, 1, 0);
		wait_for(&part.ended);
		if (check_order(&part, id[i] + 1) != id[STEPS - 1] - id[i])
			bad++;
		client_fini(&part);
	}
	check_int(bad, 0, "after every timestamp of a turn under way");
	end_channel(c);
	client_fini(&one);
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

int
main(void)
{
	tap_start(300);
	set_up();
	open_all(10800, 259200);
	test_first(); /* before others, whose times may run ahead */
	test_form();
	test_cursors();
	test_times_in_turn();
	test_delta_times();
	test_slow();
	test_cuts(1);
	test_cuts(2);
	close_all();
	loop_free(loop);
	clean_up();
	return tap_done();
}

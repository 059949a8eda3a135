/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-journal-faults.c - what the journal promises when things end: expired
 * events are gone, failing disks are told and outlived, what a reader was
 * given survives kill -9, and it can be freed in the middle of everything.
 */
#include <sys/resource.h>
#include <sys/wait.h>

#include "journal-util.h"

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

/* [writer] */
static int
count_run(struct brain_db *db, void *arg, struct err *e)
{
	(void)db;
	(void)e;
	++*(int *)arg;
	return 0;
}

/* Runs the loop until so many more operations have failed. */
static void
wait_failed(uint64_t more)
{
	struct brain_stats st;
	uint64_t want;

	brain_stats(brain, &st);
	want = st.failed + more;
	while (st.failed < want) {
		(void)loop_turn(loop, 10);
		brain_stats(brain, &st);
	}
}

static void
test_disk(void)
{
	struct task t = { "disk", 0, 0, 0, 0 };
	struct channel *c;
	struct client r, ref;
	struct rlimit small;
	static char m[30000];
	int over = 0, i, n = 0, ran = 0;

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

	/* The end of a turn is tried until there is room for it. */
	t.id = "disk2";
	c = open_channel(&t);
	(void)setrlimit(RLIMIT_FSIZE, &small);
	for (i = 0; i < 60; i++)
		(void)channel_event(c, "e", m, sizeof m);
	over = 0;
	channel_with(c, count_run, &ran);
	channel_end(c, set_flag, &over);
	wait_failed(2);
	check_int(over, 0, "a turn that cannot be stored does not end");
	(void)setrlimit(RLIMIT_FSIZE, &limit0);
	wait_for(&over);
	t = get_task("disk2");
	check_int(t.last_id, 60, "with room again it has ended");
	check(ran > 2, "what goes with its events was tried with them");
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
	tap_start(300);
	set_up();
	test_ttl();
	test_disk();
	test_leave();
	test_kill();
	loop_free(loop);
	clean_up();
	return tap_done();
}

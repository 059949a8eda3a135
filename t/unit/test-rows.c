/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-rows.c - tasks, messages, turns, tool calls, settings; how much a
 * stored task weighs.
 */
#include "../../core/store/rows.h"
#include "store-util.h"

/* Every test is one operation; checks run on the brain's thread. */

struct seen {
	int n;
	char text[400];
};

static int
see(struct seen *s, const char *text)
{
	size_t have = strlen(s->text);

	s->n++;
	(void)snprintf(s->text + have, sizeof s->text - have, "%s%s",
	    have > 0 ? " " : "", text);
	return 0;
}

static int
see_task(void *arg, const struct task_row *t)
{
	return see(arg, t->task_id);
}

static int
see_message(void *arg, const struct message_row *m)
{
	return see(arg, m->message_id);
}

static int
see_turn(void *arg, const struct turn_row *t)
{
	return see(arg, t->turn_id);
}

static int
see_effect(void *arg, const struct effect_row *f)
{
	see(arg, f->call_id);
	see(arg, f->finished_at == 0 ? "open" : f->error != NULL ? f->error :
	    f->output);
	return 0;
}

static int
see_skill(void *arg, const char *name, const char *json)
{
	see(arg, name);
	return see(arg, json);
}

static int
stop_at_once(void *arg, const struct task_row *t)
{
	(void)arg;
	(void)t;
	return -1;
}

static int
test_tasks(struct brain_db *db, void *arg, struct err *e)
{
	struct task_row t;
	struct seen s = { 0, "" };
	int64_t a, b, c, total;

	(void)arg;
	check_int(task_newest(db, &t, e), 0, "no task, no newest");
	check_int(task_find(db, "a", &t, e), 0, "a task that is not there");
	check_int(task_insert(db, "a", "default", 1000, &a, e), 0, "insert");
	check_int(task_insert(db, "b", "other", 2000, &b, e), 0, "insert");
	check_int(task_insert(db, "c", "x", 3000, &c, e), 0, "insert");
	check_int(task_insert(db, "a", "x", 3000, &c, e), -1,
	    "a task id is used once");
	check_int(task_find(db, "a", &t, e), 1, "found");
	check(t.task_no == a && strcmp(t.agent, "default") == 0 &&
	    t.state == TASK_IDLE && t.created_at == 1000 &&
	    t.updated_at == 1000 && t.message_count == 0 &&
	    t.last_event_id == 0, "as inserted");
	task_row_fini(&t);
	check_int(task_set(db, a, TASK_RUNNING, "new", 4000, e), 0, "set");
	check_int(task_find(db, "a", &t, e), 1, "found");
	check(t.state == TASK_RUNNING && strcmp(t.agent, "new") == 0 &&
	    t.updated_at == 4000, "as set");
	task_row_fini(&t);
	check_int(task_set(db, a, TASK_IDLE, NULL, 4000, e), 0, "set");
	check_int(task_find(db, "a", &t, e), 1, "found");
	check_str(t.agent, "new", "without an agent the old one is kept");
	task_row_fini(&t);
	check_int(task_list(db, 2, 0, see_task, &s, &total, e), 0, "list");
	check_str(s.text, "a c", "newest first, limited");
	check_int(total, 3, "the total counts all");
	memset(&s, 0, sizeof s);
	check_int(task_list(db, 2, 2, see_task, &s, &total, e), 0, "list");
	check_str(s.text, "b", "from an offset");
	check_int(task_list(db, 9, 0, stop_at_once, NULL, &total, e), -1,
	    "a list that was stopped fails");
	err_clear(e);
	return 0;
}

static int
test_messages(struct brain_db *db, void *arg, struct err *e)
{
	struct task_row t;
	struct message_row m;
	struct seen s = { 0, "" };
	int64_t no;

	(void)arg;
	if (task_find(db, "b", &t, e) != 1)
		return -1;
	no = t.task_no;
	task_row_fini(&t);
	message_insert(db, no, "m1", "user", "[1]", "t1", 10, e);
	message_insert(db, no, "m2", "assistant", "[2]", "t1", 11, e);
	message_insert(db, no, "m3", "user", "[3]", "t2", 12, e);
	check_int(message_insert(db, no, "m4", "assistant", "[4]", "t2", 13,
	    e), 0, "messages");
	check_int(message_list(db, no, see_message, &s, e), 0, "list");
	check_str(s.text, "m1 m2 m3 m4", "oldest first");
	check_int(message_find(db, no, "m3", &m, e), 1, "one by id");
	check(m.msg_no == 3 && strcmp(m.role, "user") == 0 &&
	    strcmp(m.content, "[3]") == 0 && strcmp(m.turn_id, "t2") == 0 &&
	    m.created_at == 12, "as inserted");
	message_row_fini(&m);
	check_int(message_find(db, no + 1, "m3", &m, e), 0,
	    "not in another task");
	check_int(message_void_from(db, no, 3, 20, e), 0, "void from m3");
	check_int(message_find(db, no, "m3", &m, e), 0, "m3 is gone");
	check_int(message_insert(db, no, "m5", "user", "[5]", "t3", 21, e),
	    0, "go on");
	memset(&s, 0, sizeof s);
	check_int(message_list(db, no, see_message, &s, e), 0, "list");
	check_str(s.text, "m1 m2 m5", "without the voided");
	check_int(message_find(db, no, "m5", &m, e), 1, "found");
	check_int(m.msg_no, 5, "numbers are not used twice");
	message_row_fini(&m);
	check_int(task_find(db, "b", &t, e), 1, "the task");
	check_int(t.message_count, 3, "counts those not voided");
	task_row_fini(&t);
	return 0;
}

static int
test_turns(struct brain_db *db, void *arg, struct err *e)
{
	struct task_row t;
	struct seen s = { 0, "" };
	int64_t no;

	(void)arg;
	if (task_find(db, "c", &t, e) != 1)
		return -1;
	no = t.task_no;
	task_row_fini(&t);
	check_int(turn_insert(db, no, "turn-1", "x", "{}", 100, e), 0, "turn");
	check_int(turn_end(db, "turn-1", TURN_COMPLETED, "end_turn", 150, e),
	    0, "ended");
	turn_insert(db, no, "turn-3", "x", "{}", 300, e);
	turn_insert(db, no, "turn-2", "x", NULL, 200, e);
	check_int(turn_end(db, "turn-3", TURN_WAITING_HUMAN, NULL, 310, e), 0,
	    "waiting");
	check_int(turn_unfinished(db, see_turn, &s, e), 0, "unfinished");
	check_str(s.text, "turn-2 turn-3", "the open ones, oldest first");

	check_int(effect_start(db, "call-1", "turn-1", "t", "{}", 1, e), -1,
	    "no tool call in a turn that ended");
	err_clear(e);
	check_int(effect_start(db, "call-1", "turn-2", "t", "{}", 1, e), 0,
	    "tool call");
	check_int(effect_finish(db, "call-1", "out", NULL, 2, e), 0, "done");
	effect_start(db, "call-1", "turn-2", "t", "{}", 3, e);
	effect_start(db, "call-2", "turn-2", "t", "{}", 4, e);
	check_int(effect_finish(db, "call-2", "", "failed", 5, e), 0, "done");
	memset(&s, 0, sizeof s);
	check_int(effect_list(db, "turn-2", see_effect, &s, e), 0, "list");
	check_str(s.text, "call-1 out call-1 open call-2 failed",
	    "the ledger knows what finished");
	check_int(usage_insert(db, no, "turn-2", "m", 1, 2, 0, 5, e), 0,
	    "usage");
	check_int(usage_insert(db, no, "turn-2", "m", 1, 2, 0, 6, e), 0,
	    "usage again");
	check_int(feedback_insert(db, "fb-1", no, "rating", NULL, "{}", 5,
	    e), 0, "feedback");
	check_int(turn_end(db, "turn-2", TURN_CANCELLED, "cancelled", 9, e),
	    0, "ended");
	check_int(turn_end(db, "turn-3", TURN_ERRORED, "INTERNAL", 9, e), 0,
	    "ended");
	memset(&s, 0, sizeof s);
	check_int(turn_unfinished(db, see_turn, &s, e), 0, "unfinished");
	check_int(s.n, 0, "none left");
	return 0;
}

static int64_t
rows_of(struct brain_db *db, const char *sql)
{
	sqlite3_stmt *st = NULL;
	int64_t n = -1;

	if (sqlite3_prepare_v2(brain_handle(db), sql, -1, &st, NULL) ==
	    SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int64(st, 0);
	(void)sqlite3_finalize(st);
	return n;
}

static int
test_delete(struct brain_db *db, void *arg, struct err *e)
{
	struct task_row t;
	int64_t no, no2;

	(void)arg;
	if (task_find(db, "c", &t, e) != 1)
		return -1;
	no = t.task_no;
	task_row_fini(&t);
	check_int(task_delete(db, no, e), 0, "delete a task");
	check_int(task_find(db, "c", &t, e), 0, "gone");
	check_int(rows_of(db, "SELECT (SELECT count(*) FROM turns) +"
	    " (SELECT count(*) FROM effects) + (SELECT count(*) FROM usage)"
	    " + (SELECT count(*) FROM feedback)"), 0, "with all it had");
	check_int(rows_of(db, "SELECT count(*) FROM messages"), 5,
	    "other tasks keep theirs");
	check_int(task_insert(db, "c", "x", 1, &no2, e), 0, "anew");
	check(no2 > no, "a task's number is never used again");
	return 0;
}

static int
test_small(struct brain_db *db, void *arg, struct err *e)
{
	struct seen s = { 0, "" };
	char *v = NULL;

	(void)arg;
	check_int(meta_get(db, "k", &v, e), 0, "a setting");
	check(v == NULL, "that is unset");
	check_int(meta_set(db, "k", "one", e), 0, "set");
	check_int(meta_set(db, "k", "two", e), 0, "set again");
	check_int(meta_get(db, "k", &v, e), 0, "get");
	check_str(v, "two", "the newer value");
	free(v);
	check_int(meta_set(db, "k", NULL, e), 0, "unset");
	check_int(meta_get(db, "k", &v, e), 0, "get");
	check(v == NULL, "unset again");
	skill_row_put(db, "b", "{\"v\":1}", 1, e);
	skill_row_put(db, "a", "{}", 1, e);
	check_int(skill_row_put(db, "b", "{\"v\":2}", 2, e), 0, "skills");
	check_int(skill_row_list(db, see_skill, &s, e), 0, "list");
	check_str(s.text, "a {} b {\"v\":2}", "by name, newest text");
	check_int(skill_row_delete(db, "a", e), 0, "delete");
	memset(&s, 0, sizeof s);
	check_int(skill_row_list(db, see_skill, &s, e), 0, "list");
	check_int(s.n, 2, "one left");
	return 0;
}

/* 10,000 tasks of one finished turn: question, answer, usage. */
#define TASKS 10000

static int
make_many(struct brain_db *db, void *arg, struct err *e)
{
	int64_t no, *from = arg;
	char id[64], turn[64], msg[64], text[400];
	int i, r = 0;

	memset(text, 'w', sizeof text);
	memcpy(text, "[{\"type\":\"text\",\"text\":\"", 24);
	memcpy(text + 396, "\"}]", 4);
	for (i = 0; r == 0 && i < 1000; i++, (*from)++) {
		(void)snprintf(id, sizeof id,
		    "5f0c2f8e-8e0b-4b51-%012lld", (long long)*from);
		(void)snprintf(turn, sizeof turn,
		    "turn-abcdefghijkl%012lld", (long long)*from);
		(void)snprintf(msg, sizeof msg,
		    "msg-abcdefghijkl%012lld", (long long)*from);
		r = task_insert(db, id, "default", *from, &no, e);
		r += turn_insert(db, no, turn, "default", "{}", *from, e);
		r += message_insert(db, no, msg, "user", text, turn, 1, e);
		msg[4] = 'z';
		r += message_insert(db, no, msg, "assistant", text, turn, 2,
		    e);
		r += usage_insert(db, no, turn, "model-name", 10, 20, 0, 2,
		    e);
		r += turn_end(db, turn, TURN_COMPLETED, "end_turn", 3, e);
	}
	return r;
}

static void
test_weight(void)
{
	struct brain *b;
	struct err e;
	struct stat st;
	int64_t from = 0;
	int i, bad = 0;

	(void)snprintf(path, sizeof path, "%s/many.db", dir);
	b = brain_open(loop, path, &e);
	for (i = 0; i < TASKS / 1000; i++)
		bad += do_write(b, make_many, &from, &e) != ERR_NONE;
	check_int(bad, 0, "10,000 tasks");
	brain_close(b);
	check(stat(path, &st) == 0 && st.st_size / TASKS <= 4096,
	    "each is stored in 4 KiB or less");
	printf("# %lld bytes a task\n", (long long)st.st_size / TASKS);
}

int
main(void)
{
	static int (*const tests[])(struct brain_db *, void *,
	    struct err *) = {
		test_tasks, test_messages, test_turns, test_delete,
		test_small
	};
	struct brain *b;
	struct err e;
	size_t i;

	tap_start(120);
	set_up();
	b = brain_open(loop, path, &e);
	if (b == NULL) {
		printf("Bail out! %s\n", e.text);
		return 1;
	}
	for (i = 0; i < sizeof tests / sizeof tests[0]; i++) {
		if (do_write(b, tests[i], NULL, &e) != ERR_NONE)
			printf("# %s\n", e.text);
		check_int(e.code, ERR_NONE, "the operation succeeded");
	}
	brain_close(b);
	test_weight();
	loop_free(loop);
	clean_up();
	return tap_done();
}

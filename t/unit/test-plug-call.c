/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-plug-call.c - calls into well and badly behaved tools: completion,
 * events, back-pressure, cancel, deadline, slots, host services.
 */
#include <event2/thread.h>
#include <sodium.h>
#include <time.h>

#include "../../core/base/clock.h"
#include "../../core/loop/proc.h"
#include "plug-fixture.h"
#include "tap.h"

static struct fix f;

/* A call, its output, its status. */
static void
expect(const char *tool, const char *output, sept_status status)
{
	struct result r;

	check_str(fix_call(&f, &r, tool), output, tool);
	check(r.status == status && r.done == 1, "its status, once");
	result_fini(&r);
}

static void
test_results(void)
{
	struct result r;

	memset(&r, 0, sizeof r);
	fix_begin(&f, &r, "echo", "{\"output\":\"hello\",\"n\":[1,{}]}", 0,
	    NULL);
	check(r.call != NULL && !r.done, "completing inside is not inside");
	fix_wait(&f, &r);
	check_str(result_str(&r, "output"), "hello", "arguments come back");
	result_fini(&r);
	expect("thread", "from a thread", SEPT_OK);
	expect("utf8", "a\xef\xbf\xbd\xef\xbf\xbd" "b", SEPT_OK);
	(void)fix_call(&f, &r, "malformed");
	check_str(result_str(&r, "error"), "malformed_result", "malformed");
	check_int(r.status, SEPT_EFAILED, "is a failure");
	result_fini(&r);
	(void)fix_call(&f, &r, "array");
	check_str(result_str(&r, "error"), "malformed_result", "no object");
	result_fini(&r);
	(void)fix_call(&f, &r, "huge");
	check_str(result_str(&r, "error"), "result_too_big", "100 MiB");
	check_int(r.status, SEPT_ETOOBIG, "is too big");
	result_fini(&r);
	(void)fix_call(&f, &r, "refuse");
	check_str(result_str(&r, "error"), "invalid_argument", "refused");
	check_int(r.status, SEPT_EINVAL, "with the plugin's status");
	result_fini(&r);
	(void)fix_call(&f, &r, "info");
	check_str(result_str(&r, "output"), "task-1 call-1 /w 1 1",
	    "who calls");
	result_fini(&r);
}

static void
test_twice(void)
{
	struct result r;

	check_str(fix_call(&f, &r, "twice"), "first", "the first counts");
	fix_run(&f, 20);
	check_int(r.done, 1, "the second does not");
	result_fini(&r);
	expect("again", "", SEPT_OK);
	check(1, "a third one, later, meets an inert handle");
}

static void
test_events(void)
{
	struct result r;
	clock_t t0 = clock();

	check_str(fix_call(&f, &r, "flood"), "waited", "5,000 events, "
	    "the queue was full in between");
	check(r.events == 5000 && r.disorder == 0 && r.after_done == 0 &&
	    r.bytes == 50000, "all came, in order, before the end");
	printf("# %ld ns of CPU an event, emitted and delivered\n",
	    (long)((clock() - t0) * 1000 / 5000));
	result_fini(&r);
	/* Whether the queue was full depends on who was faster. */
	check(strcmp(fix_call(&f, &r, "flood_pool"), "lost") != 0,
	    "the same from a worker");
	check(r.events == 5000 && r.disorder == 0, "all came, in order");
	result_fini(&r);
	check_str(fix_call(&f, &r, "thread"), "from a thread", "a thread");
	check(r.events == 100 && r.disorder == 0, "and its events");
	result_fini(&r);
}

static void
test_pause(void)
{
	struct result r;
	int seen;

	memset(&r, 0, sizeof r);
	r.pause_at = 10;
	fix_begin(&f, &r, "flood", "{}", 0, NULL);
	fix_run(&f, 50);
	seen = r.events;
	check(seen >= 10 && seen <= 1024 && !r.done,
	    "a paused call brings what was queued, no more");
	fix_run(&f, 50);
	check_int(r.events, seen, "and stands still");
	r.pause_at = 0;
	plug_call_pause(r.call, 0);
	fix_wait(&f, &r);
	check(r.events == 5000 && r.disorder == 0, "until it may go on");
	result_fini(&r);
	r.pause_at = 10;
	fix_begin(&f, &r, "flood_pool", "{}", 0, NULL);
	while (r.events < 10)
		loop_turn(f.loop, 100);
	plug_call_cancel(r.call);
	fix_wait(&f, &r);
	check(r.status == SEPT_OK && strcmp(result_str(&r, "output"),
	    "lost") == 0, "cancel ends the wait of a paused worker");
	result_fini(&r);
}

static unsigned
ms_since(uint64_t t0)
{
	return (unsigned)((clock_mono_ns() - t0) / 1000000);
}

static void
test_cancel(void)
{
	struct result r = { .call = NULL };
	uint64_t t0;

	fix_begin(&f, &r, "patient", "{}", 0, NULL);
	fix_run(&f, 5);
	plug_call_cancel(r.call);
	plug_call_cancel(r.call);
	check(!r.done, "not from inside cancel");
	fix_wait(&f, &r);
	check_int(r.status, SEPT_ECANCELLED, "cancelled");
	result_fini(&r);
	fix_begin(&f, &r, "patient", "{}", 20, NULL);
	fix_wait(&f, &r);
	check_int(r.status, SEPT_ETIMEOUT, "ended by its deadline");
	result_fini(&r);
	fix_begin(&f, &r, "poll", "{}", 0, NULL);
	fix_run(&f, 20);
	plug_call_cancel(r.call);
	fix_wait(&f, &r);
	check_int(r.status, SEPT_ECANCELLED, "a worker that polls");
	result_fini(&r);
	t0 = clock_mono_ns();
	fix_begin(&f, &r, "never", "{}", 50, NULL);
	fix_wait(&f, &r);
	check_int(r.status, SEPT_ETIMEOUT, "never completes: timeout");
	check_str(result_str(&r, "error"), "timeout", "says so");
	check(ms_since(t0) >= 2040, "after the grace time");
	result_fini(&r);
	t0 = clock_mono_ns();
	fix_begin(&f, &r, "never", "{}", 0, NULL);
	plug_call_cancel(r.call);
	fix_wait(&f, &r);
	check_int(r.status, SEPT_ECANCELLED, "never completes: cancelled");
	check(ms_since(t0) < 10000, "in time");
	expect("release", "released", SEPT_OK);
	fix_run(&f, 20);
	check(r.done == 1 && r.events == 0,
	    "completions after the end are dropped");
	result_fini(&r);
}

#define MANY 30

static void
test_slots(void)
{
	static struct result r[MANY];
	long most = 0, n;
	int i, bad = 0;

	for (i = 0; i < MANY; i++) {
		memset(&r[i], 0, sizeof r[i]);
		fix_begin(&f, &r[i], "sleep", "{}", 0, NULL);
	}
	for (i = 0; i < MANY; i++) {
		fix_wait(&f, &r[i]);
		n = strtol(result_str(&r[i], "output"), NULL, 10);
		most = n > most ? n : most;
		bad += r[i].status != SEPT_OK;
		result_fini(&r[i]);
	}
	check(bad == 0 && most == 2, "30 calls, two at a time");
	for (i = 0; i < 3; i++)
		fix_begin(&f, &r[i], "poll", "{}", i == 2 ? 30 : 0, NULL);
	fix_run(&f, 20);
	plug_call_cancel(r[1].call);
	fix_wait(&f, &r[1]);
	check_int(r[1].status, SEPT_ECANCELLED, "cancelled while it waits");
	fix_wait(&f, &r[2]);
	check_int(r[2].status, SEPT_ETIMEOUT, "its deadline while it waits");
	check(!r[0].done, "the one before goes on");
	plug_call_cancel(r[0].call);
	for (i = 0; i < 3; i++) {
		fix_wait(&f, &r[i]);
		result_fini(&r[i]);
	}
	expect("flood_pool", "waited", SEPT_OK);
}

static void
test_full_queue(void)
{
	static struct result w[300];
	struct err e = { .code = ERR_NONE };
	int i, k = 0;

	for (i = 0; i < 300; i++) {
		fix_begin(&f, &w[i], "poll", "{}", 0, &e);
		if (w[i].call == NULL)
			break;
		k++;
	}
	check(k == 257 && e.code == ERR_UNAVAILABLE,
	    "a full queue refuses at once");
	for (i = 0; i < k; i++)
		plug_call_cancel(w[i].call);
	for (i = 0; i < k; i++) {
		fix_wait(&f, &w[i]);
		result_fini(&w[i]);
	}
}

static void
test_services(void)
{
	struct result r = { .call = NULL };

	expect("steps", "42", SEPT_OK);
	expect("proc", "child 0 0", SEPT_OK);
	expect("secret", "-7 -8 0 open sesame", SEPT_OK);
	expect("http", "http 0 200", SEPT_OK);
	check(fake_http_deadline > clock_mono_ns() &&
	    fake_http_deadline < clock_mono_ns() + UINT64_C(60000000000),
	    "bounded by the call's deadline");
	fake_http_ms = 100000;
	fix_begin(&f, &r, "http", "{}", 0, NULL);
	fix_run(&f, 10);
	plug_call_cancel(r.call);
	fix_wait(&f, &r);
	check_str(result_str(&r, "output"), "http -2 0",
	    "cancel aborts the call's requests");
	fake_http_ms = 5;
	result_fini(&r);
}

static void
test_watchdog(void)
{
	if (loop_watchdog_start(f.loop, 60, NULL) != 0)
		abort();
	expect("block", "held", SEPT_OK);
	check(loop_stalls(f.loop) >= 1, "the watchdog saw it");
}

static void
on_llm_event(void *user, const struct sept_event *ev)
{
	struct result *r = user;

	if (ev->kind == SEPT_EV_TEXT && ev->text.n == 1 &&
	    ev->text.p[0] == "model-x"[r->bytes])
		r->bytes++;
	r->events++;
}

static void
on_llm_done(void *user, sept_status status, json_t *json)
{
	struct result *r = user;

	r->done++;
	r->status = status;
	r->json = json_incref(json);
}

static void
test_llm(void)
{
	static const struct plug_call_ops ops = { on_llm_event, on_llm_done };
	struct plug_snapshot *s = plug_current(f.plug);
	const struct plug_llm *l = plug_llm_find(s, "test");
	struct sept_llm_request req = { .size = sizeof req };
	struct plug_caller who = { .agent = "a" };
	struct result r = { .call = NULL };

	check(l != NULL && plug_llm_find(s, "other") == NULL, "by name");
	check_str(plug_llm_info(l)->default_model, "small", "its model");
	check_int(plug_llm_window(l, "big"), 1000000, "its window");
	req.model.p = "model-x";
	req.model.n = 7;
	r.call = plug_llm_generate(l, &who, &req, &ops, &r, NULL);
	plug_snapshot_unref(s);
	fix_wait(&f, &r);
	check(r.events == 9 && r.bytes == 7, "its events");
	check_str(result_str(&r, "stop_reason"), "end_turn", "its end");
	result_fini(&r);
}

static void
on_skills(void *user, json_t *skills, json_t *problems, const struct err *e)
{
	json_t **out = user;

	*out = e == NULL && json_array_size(problems) == 0 ?
	    json_incref(skills) : json_null();
}

static void
test_rest(void)
{
	struct plug_snapshot *s = plug_current(f.plug);
	json_t *skills = NULL;
	struct result r;
	char buf[128];

	check_int(plug_skill_scan(s, "/skills", on_skills, &skills, NULL), 0,
	    "a scan");
	check(skills == NULL, "not from inside");
	while (skills == NULL)
		loop_turn(f.loop, 1000);
	check_str(json_string_value(json_object_get(json_array_get(skills, 0),
	    "dir")), "/skills", "finds");
	json_decref(skills);
	plug_turn_ended(s, "task-9", "turn-9");
	(void)fix_call(&f, &r, "info");
	check_str(result_str(&r, "turn"), "turn-9", "a turn's end is told");
	check_int(json_integer_value(json_object_get(r.json, "early")), 0,
	    "no extension before start");
	result_fini(&r);
	check_str(plug_health(s, buf, sizeof buf), "ok", "healthy");
	expect("leave", "", SEPT_OK);
	check_str(plug_health(s, buf, sizeof buf),
	    "plugin test.plugin: feels ill", "not healthy");
	plug_snapshot_unref(s);
}

int
main(void)
{
	struct result r = { .call = NULL };

	tap_start(120);
	(void)signal(SIGPIPE, SIG_IGN);
	if (sodium_init() < 0)
		return 1;
	evthread_use_pthreads();
	fix_good(&f);
	test_results();
	test_twice();
	test_events();
	test_pause();
	test_cancel();
	test_slots();
	test_full_queue();
	test_services();
	test_llm();
	test_rest();
	test_watchdog();
	/* One is abandoned at the end: quiesce completes it. */
	fix_begin(&f, &r, "never", "{}", 1, NULL);
	fix_wait(&f, &r);
	result_fini(&r);
	proc_fini();
	fix_fini(&f);
	return tap_done();
}

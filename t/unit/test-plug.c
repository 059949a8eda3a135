/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-plug.c - manifests, the checks of the loader, snapshots, replacing a
 * plugin while calls are in flight.
 */
#include <event2/thread.h>
#include <sodium.h>
#include <sys/stat.h>

#include "plug-fixture.h"
#include "tap.h"

static char msg[512];

/* Loads one build under one manifest; checks the message. */
static void
refused(const char *build, const char *id, const char *caps,
    const char *more, const char *want, const char *what)
{
	struct fix f;
	struct plug_snapshot *s;

	fix_init(&f);
	fix_install(&f, build, "x");
	fix_manifest(&f, "x", id, caps, more);
	check_str(fix_load(&f, msg, sizeof msg), want, what);
	s = plug_current(f.plug);
	check_int(plug_count(s), 0, "nothing was loaded");
	plug_snapshot_unref(s);
	fix_run(&f, 30);
	check_int(fix_state_files(&f), 0, "no copy is left");
	fix_fini(&f);
}

static void
test_refusals(void)
{
	refused("major", "test.plugin", FIX_CAPS, "",
	    "test.plugin: built for interface 2.x, this engine speaks 1.0",
	    "another interface");
	refused("good-a", "test.other", FIX_CAPS, "",
	    "test.other: the shared object calls itself test.plugin",
	    "another id");
	refused("good-a", "test.plugin", "\"net\"", "",
	    "test.plugin: the shared object asks for capabilities 0x19, the "
	    "manifest for 0x1", "a manifest that asks for less");
	refused("needs", "test.plugin", "", "",
	    "test.plugin: needs sept.host.http/1, which is absent or not "
	    "granted", "a capability that is missing");
	refused("nostart", "test.plugin", FIX_CAPS, "",
	    "test.plugin: start failed (io_error): will not start",
	    "a failing start");
	refused("good-a", "test.plugin", FIX_CAPS,
	    ", \"config\": {\"x\": \"bad\"}",
	    "test.plugin: configure failed (invalid_argument): bad setting",
	    "a failing configure");
	refused("noentry", "test.plugin", "", "",
	    "test.plugin: exports no september_plugin_v1", "no entry");
	refused("good-a", "test.plugin", FIX_CAPS, ", \"sha256\": \"00\"",
	    "test.plugin: the SHA-256 of x.so is not the manifest's",
	    "another hash");
	refused("good-a", "test.plugin", FIX_CAPS,
	    ", \"isolation\": \"process\"", "isolation must be \"none\": "
	    "this engine runs no plugin in its own process", "isolation");
}

/* A manifest text; checks message and line of the first problem. */
static void
bad_manifest(const char *text, int line, const char *want)
{
	struct fix f;
	json_t *problems = NULL, *first;

	fix_init(&f);
	fix_write(&f, "x.json", text);
	check_int(plug_load(f.plug, &problems, NULL), -1, "a bad manifest");
	first = json_array_get(problems, 0);
	check_str(json_string_value(json_object_get(first, "message")), want,
	    "what is wrong");
	check_int(json_integer_value(json_object_get(first, "line")), line,
	    "in which line");
	json_decref(problems);
	fix_fini(&f);
}

static void
test_manifests(void)
{
	bad_manifest("{\n\"id\": \"a\",\n\"version\"}", 3,
	    "':' expected near '}'");
	bad_manifest("[]", 1, "must be a JSON object");
	bad_manifest("{\"version\":\"1\",\"file\":\"a.so\"}", 1,
	    "id is missing");
	bad_manifest("{\"id\":\"a\",\n\"version\":\"1\",\n"
	    "\"file\":\"../a.so\"}", 3,
	    "file must be in the manifest's own folder");
	bad_manifest("{\"id\":\"a/b\",\"version\":\"1\",\"file\":\"a.so\"}",
	    1, "id may hold letters, digits, '.', '_', '-'");
	bad_manifest("{\"id\":\"a\",\"version\":\"1\",\"file\":\"a.so\",\n"
	    "\"capabilities\":[\"root\"]}", 2, "capabilities names one that "
	    "does not exist (net, fs_read, fs_write, exec, secret, mem_read, "
	    "mem_write)");
	bad_manifest("{\"id\":\"a\",\"version\":\"1\",\"file\":\"a.so\",\n"
	    "\n\"abi\":\"2.0\"}", 3, "abi is not one this engine speaks");
	bad_manifest("{\"id\":\"a\",\"version\":\"1\",\"file\":\"a.so\",\n"
	    "\"kinds\":[1]}", 2, "kinds must be an array of strings");
}

static void
test_files(void)
{
	struct fix f;
	char path[256], other[256], want[512];

	fix_good(&f);
	check_int(fix_state_files(&f), 1, "one private copy");
	fix_manifest(&f, "twin", "test.plugin", FIX_CAPS, "");
	(void)snprintf(want, sizeof want, "id test.plugin is also in "
	    "%s/good.json", f.plugins);
	check_str(fix_load(&f, msg, sizeof msg), want, "one id twice");
	(void)snprintf(path, sizeof path, "%s/twin.json", f.plugins);
	(void)unlink(path);
	(void)snprintf(path, sizeof path, "%s/good.so", f.plugins);
	(void)snprintf(other, sizeof other, "%s/moved.so", f.plugins);
	(void)chmod(path, 0775);
	check_str(fix_load(&f, msg, sizeof msg), "", "unchanged bytes");
	fix_install(&f, "good-b", "good");
	(void)chmod(path, 0775);
	(void)snprintf(want, sizeof want,
	    "%s may be written by its group or by anybody", path);
	check_str(fix_load(&f, msg, sizeof msg), want, "a writable object");
	(void)rename(path, other);
	if (symlink(other, path) != 0)
		abort();
	(void)snprintf(want, sizeof want, "%s: is a symbolic link", path);
	check_str(fix_load(&f, msg, sizeof msg), want, "a symbolic link");
	(void)unlink(path);
	if (mkdir(path, 0755) != 0)
		abort();
	(void)snprintf(want, sizeof want, "%s is not a regular file", path);
	check_str(fix_load(&f, msg, sizeof msg), want, "a folder");
	(void)rmdir(path);
	(void)snprintf(want, sizeof want, "%s: No such file or directory",
	    path);
	check_str(fix_load(&f, msg, sizeof msg), want, "nothing there");
	fix_fini(&f);
}

static void
test_path(void)
{
	struct fix f;
	struct plug_config cfg = { .path = "/nowhere/plugins" };
	struct plug *p;
	json_t *problems = NULL;
	char stale[256];
	FILE *o;

	fix_init(&f);
	(void)snprintf(stale, sizeof stale, "%s/a.1.00000000.so", f.state);
	o = fopen(stale, "w");
	if (o == NULL || fclose(o) != 0)
		abort();
	cfg.loop = f.loop;
	cfg.pool = f.pool;
	cfg.state_dir = f.state;
	p = plug_new(&cfg, NULL);
	check_int(fix_state_files(&f), 0, "a stale copy is swept");
	check_int(plug_load(p, &problems, NULL), -1, "a missing folder");
	check_str(json_string_value(json_object_get(json_array_get(problems,
	    0), "message")), "cannot be read: No such file or directory",
	    "is a problem");
	json_decref(problems);
	plug_free(p);
	fix_fini(&f);
}

static void
test_snapshot(void)
{
	struct plug_snapshot *s;
	struct plug_info i;
	struct fix f;
	struct result r;
	size_t k;
	int sorted = 1;

	fix_init(&f);
	f.config = "{\"b\":2}";
	fix_install(&f, "good-a", "good");
	fix_manifest(&f, "good", "test.plugin", FIX_CAPS,
	    ", \"config\": {\"a\": 1, \"b\": 1}");
	check_str(fix_load(&f, msg, sizeof msg), "", "loads");
	s = plug_current(f.plug);
	check_int(plug_count(s), 1, "one plugin");
	plug_get(s, 0, &i);
	check_str(i.id, "test.plugin", "its id");
	check_str(i.state, "running", "its state");
	check(strcmp(i.kinds[0], "tool") == 0 && i.kinds[3] == NULL,
	    "its kinds");
	for (k = 1; k < plug_tool_count(s); k++)
		if (strcmp(plug_tool_info(plug_tool_at(s, k - 1))->name,
		    plug_tool_info(plug_tool_at(s, k))->name) >= 0)
			sorted = 0;
	check(sorted && k == 24, "its tools, sorted");
	check_str(plug_tool_plugin(plug_tool_find(s, "echo")), "test.plugin",
	    "a tool's plugin");
	check(plug_tool_find(s, "nothing") == NULL, "no such tool");
	(void)fix_call(&f, &r, "info");
	check_str(result_str(&r, "config"), "{a:1,b:2}",
	    "the operator's configuration over the manifest's");
	result_fini(&r);
	plug_snapshot_unref(s);
	fix_fini(&f);
}

/* A running snapshot keeps its plugin; the old one goes when it may. */
static void
test_replace(void)
{
	struct plug_snapshot *s;
	struct plug_info a, b;
	struct result r = { .call = NULL }, r2;
	struct fix f;

	fix_good(&f);
	s = plug_current(f.plug);
	plug_get(s, 0, &a);
	check_str(fix_call(&f, &r2, "build"), "a", "build a");
	result_fini(&r2);
	fix_begin(&f, &r, "patient", "{}", 0, NULL);
	check_str(fix_load(&f, msg, sizeof msg), "", "nothing new");
	check_int(fix_state_files(&f), 1, "makes no new copy");
	fix_install(&f, "good-b", "good");
	check_str(fix_load(&f, msg, sizeof msg), "", "a new build");
	check_str(fix_call(&f, &r2, "build"), "b",
	    "new calls enter it, its own helper answers");
	result_fini(&r2);
	check_int(fix_state_files(&f), 2, "the old one is still there");
	plug_get(s, 0, &b);
	check_str(b.state, "running", "and serves its snapshot");
	plug_snapshot_unref(s);
	fix_run(&f, 50);
	check_int(fix_state_files(&f), 2, "a call keeps it alone");
	plug_call_cancel(r.call);
	fix_wait(&f, &r);
	check_int(r.status, SEPT_ECANCELLED, "the old build answers it");
	result_fini(&r);
	fix_run(&f, 50);
	check_int(fix_state_files(&f), 1, "then it is gone");
	(void)fix_write(&f, "good.json", "{");
	check(*fix_load(&f, msg, sizeof msg) != '\0', "a bad reload");
	check_str(fix_call(&f, &r2, "build"), "b", "changes nothing");
	result_fini(&r2);
	fix_fini(&f);
}

static void
test_abandoned(void)
{
	struct result r = { .call = NULL };
	struct fix f;

	fix_good(&f);
	fix_begin(&f, &r, "never", "{}", 1, NULL);
	fix_wait(&f, &r);
	check_int(r.status, SEPT_ETIMEOUT, "abandoned");
	result_fini(&r);
	fix_install(&f, "good-b", "good");
	check_str(fix_load(&f, msg, sizeof msg), "", "replaced");
	fix_run(&f, 100);
	check_int(fix_state_files(&f), 1,
	    "an abandoned call does not hold its plugin back");
	fix_fini(&f);
}

static void
test_plain(void)
{
	struct plug_snapshot *s;
	struct fix f;
	struct result r;
	char path[256];

	fix_init(&f);
	fix_install(&f, "plain", "x");
	fix_manifest(&f, "x", "test.plugin", "", "");
	check_str(fix_load(&f, msg, sizeof msg), "", "without capabilities");
	check_str(fix_call(&f, &r, "http"), "no http", "no network");
	result_fini(&r);
	check_str(fix_call(&f, &r, "proc"), "no child", "no children");
	result_fini(&r);
	check_str(fix_call(&f, &r, "secret"), "no secrets", "no secrets");
	result_fini(&r);
	fix_install(&f, "good-a", "good");
	fix_manifest(&f, "good", "test.plugin.two", FIX_CAPS, "");
	check(*fix_load(&f, msg, sizeof msg) != '\0', "a bad second plugin");
	(void)snprintf(path, sizeof path, "%s/x.json", f.plugins);
	(void)unlink(path);
	fix_manifest(&f, "good", "test.plugin", FIX_CAPS, "");
	check_str(fix_load(&f, msg, sizeof msg), "", "the same id elsewhere");
	check_str(fix_call(&f, &r, "build"), "a", "is a replacement");
	result_fini(&r);
	(void)snprintf(path, sizeof path, "%s/good.json", f.plugins);
	(void)unlink(path);
	check_str(fix_load(&f, msg, sizeof msg), "", "a folder without any");
	s = plug_current(f.plug);
	check_int(plug_count(s), 0, "has none");
	plug_snapshot_unref(s);
	fix_run(&f, 50);
	check_int(fix_state_files(&f), 0, "and none is left");
	fix_fini(&f);
}

/* Static: what cannot be ended is left in place, and stays reachable. */
static void
test_stubborn(void)
{
	static struct fix f;

	fix_init(&f);
	fix_install(&f, "stubborn", "x");
	fix_manifest(&f, "x", "test.plugin", FIX_CAPS, "");
	check_str(fix_load(&f, msg, sizeof msg), "", "a stubborn plugin");
	fix_fini(&f);
	check(1, "does not keep the engine from ending");
}

#define CALLS 64
#define ROUNDS 12

/* Calls of all kinds in flight, a reload every few. */
static void
test_storm(void)
{
	static const char *const tools[] = { "thread", "sleep", "steps",
		"flood", "echo", "flood_pool", "build", "http" };
	static struct result r[CALLS];
	struct fix f;
	int i, k, bad = 0;

	fix_good(&f);
	for (k = 0; k < ROUNDS; k++) {
		for (i = 0; i < CALLS; i++) {
			memset(&r[i], 0, sizeof r[i]);
			fix_begin(&f, &r[i], tools[(i + k) % 8], "{}", 0,
			    NULL);
			if (i % 32 != 31)
				continue;
			fix_install(&f, (i / 32 + k) % 2 ? "good-a" :
			    "good-b", "good");
			bad += *fix_load(&f, msg, sizeof msg) != '\0';
			loop_turn(f.loop, 0);
		}
		for (i = 0; i < CALLS; i++) {
			if (r[i].call != NULL || r[i].done)
				fix_wait(&f, &r[i]);
			bad += r[i].done != 1 || r[i].status != SEPT_OK;
			result_fini(&r[i]);
		}
	}
	check_int(bad, 0, "64 calls in flight, reloaded again and again: "
	    "every one answered once");
	fix_run(&f, 200);
	check_int(fix_state_files(&f), 1, "old generations are gone");
	fix_fini(&f);
}

int
main(void)
{
	tap_start(180);
	(void)signal(SIGPIPE, SIG_IGN);
	if (sodium_init() < 0)
		return 1;
	evthread_use_pthreads();
	test_manifests();
	test_refusals();
	test_files();
	test_path();
	test_snapshot();
	test_replace();
	test_abandoned();
	test_plain();
	test_storm();
	test_stubborn();
	return tap_done();
}

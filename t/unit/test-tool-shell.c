/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-tool-shell.c - the tool bash: output, ends of all kinds, and that
 * nothing outlives a call.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include "tap.h"
#include "toolhost.h"

static struct toolhost *th;
static char dir[] = "/tmp/sept-shell-XXXXXX";
static char other[] = "/tmp/sept-other-XXXXXX";

static struct th_result
sh(const char *cmd)
{
	return th_do(th, "bash", json_pack("{s:s}", "command", cmd));
}

/* Output and exit code of one command. */
static void
run_is(const char *cmd, const char *want, int code)
{
	struct th_result r = sh(cmd);

	check_int(r.status, SEPT_OK, cmd);
	check_str(th_str(&r, "output"), want, "  its output");
	check_int(th_int(&r, "exit_code"), code, "  its exit code");
	th_drop(&r);
}

static int
alive(const char *pidfile)
{
	char path[256];
	FILE *f;
	long pid = 0;

	(void)snprintf(path, sizeof path, "%s/%s", dir, pidfile);
	f = fopen(path, "r");
	if (f == NULL || fscanf(f, "%ld", &pid) != 1)
		pid = 0;
	if (f != NULL)
		(void)fclose(f);
	if (pid <= 1)
		return -1;
	/* A zombie of another parent is dead enough. */
	(void)snprintf(path, sizeof path, "/proc/%ld/stat", pid);
	f = fopen(path, "r");
	if (f == NULL)
		return 0;
	path[0] = '\0';
	(void)fread(path, 1, sizeof path - 1, f);
	(void)fclose(f);
	return strstr(path, ") Z ") == NULL && path[0] != '\0';
}

static void
test_output(void)
{
	struct th_result r;

	run_is("echo hello", "hello\n", 0);
	run_is("true", "", 0);
	run_is("exit 7", "[exit code 7]", 7);
	run_is("printf abc; exit 1", "abc\n[exit code 1]", 1);
	run_is("cat; echo end", "end\n", 0);
	run_is("read x || echo closed", "closed\n", 0);
	run_is("test -t 0 || test -t 1 || echo none", "none\n", 0);
	r = sh("pwd");
	check(strncmp(th_str(&r, "output"), dir, strlen(dir)) == 0,
	    "it starts in the workspace");
	th_drop(&r);
	r = sh("echo out; echo err >&2; echo out2");
	check_str(th_str(&r, "stdout"), "out\nout2\n", "stdout alone");
	check_str(th_str(&r, "stderr"), "err\n", "stderr alone");
	check_int(th_int(&r, "truncated"), 0, "not truncated");
	th_drop(&r);
	r = sh("kill -9 $$");
	check_int(r.status, SEPT_OK, "killed by itself is no failure");
	check_str(th_str(&r, "output"), "[ended by signal 9 (SIGKILL)]",
	    "it says which signal");
	check_int(th_int(&r, "signal"), 9, "the signal is a member");
	check_int(th_int(&r, "exit_code"), -1, "exit code -1");
	th_drop(&r);
	run_is("no-such-program-here", "/bin/bash: line 1: "
	    "no-such-program-here: command not found\n[exit code 127]", 127);
}

static void
test_bytes(void)
{
	struct th_result r;
	const char *s;

	run_is("printf 'a\\000b\\377c'", "a\xef\xbf\xbd" "b\xef\xbf\xbd" "c",
	    0);
	run_is("printf '\\303\\244\\342\\202\\254'", "\xc3\xa4\xe2\x82\xac",
	    0);
	r = sh("printf start; head -c 20000 /dev/zero; printf end");
	s = th_str(&r, "output");
	check(strlen(s) <= 30100 && strncmp(s, "start", 5) == 0 &&
	    strlen(s) > 3 && strcmp(s + strlen(s) - 3, "end") == 0,
	    "too long only when mended: head and tail are kept");
	check_int(th_int(&r, "truncated"), 1, "and it is marked");
	th_drop(&r);
	r = sh("head -c 100000 /dev/urandom");
	check_int(r.status, SEPT_OK, "random bytes");
	check(strlen(th_str(&r, "output")) <= 30100, "bounded when mended");
	check_int(th_int(&r, "truncated"), 1, "and marked");
	th_drop(&r);
	r = sh("echo first; yes 0123456789 | head -c 100000000; echo last");
	s = th_str(&r, "output");
	check_int(r.status, SEPT_OK, "100 MB of output");
	check(strlen(s) <= 30100, "output is bounded");
	check(strncmp(s, "first\n", 6) == 0, "the head is kept");
	check(strlen(s) > 5 && strcmp(s + strlen(s) - 5, "last\n") == 0,
	    "the tail is kept");
	check(strstr(s, "[... 99970011 bytes cut ...]") != NULL,
	    "it says how much was cut");
	check_int(th_int(&r, "truncated"), 1, "truncated is set");
	th_drop(&r);
	/* 3-byte characters; 15,000 is no border after one more byte. */
	r = sh("printf x; for i in $(seq 20000); do printf "
	    "'\\342\\202\\254'; done");
	s = th_str(&r, "output");
	check(strstr(s, "\xef\xbf\xbd") == NULL,
	    "no character is cut in half");
	th_drop(&r);
}

static void
test_env(void)
{
	struct th_result r;
	const char *s;

	check_int(setenv("SEPT_TEST_SECRET", "do-not-leak", 1), 0, "setenv");
	r = sh("env; cat /proc/self/environ | tr '\\0' '\\n'");
	s = th_str(&r, "output");
	check(strstr(s, "do-not-leak") == NULL, "no variable leaks");
	check(strstr(s, "LC_ALL=C.UTF-8\n") != NULL, "LC_ALL is set");
	check(strstr(s, "TERM=dumb\n") != NULL, "TERM is set");
	check(strstr(s, "SEPTEMBER_TASK_ID=task-1\n") != NULL, "task id");
	check(strstr(s, "SEPTEMBER_TURN_ID=turn-1\n") != NULL, "turn id");
	check(strstr(s, "SEPTEMBER_CALL_ID=call-") != NULL, "call id");
	th_drop(&r);
	run_is("test \"$HOME\" = \"$PWD\" && test \"$TMPDIR\" = \"$PWD\" && "
	    "echo same", "same\n", 0);
	run_is("env -i /usr/bin/env", "", 0);
	run_is("for f in $(seq 3 255); do test -e /proc/$$/fd/$f && echo $f; "
	    "done; true", "", 0);
}

static void
test_cwd(void)
{
	static const char *const bad[] = { "/", "/etc", "..", "../..",
		"missing", "file", "link", "sub/../../.." };
	struct th_result r;
	size_t i;

	r = sh("mkdir -p sub; echo x >file; ln -s /etc link");
	th_drop(&r);
	r = th_do(th, "bash", json_pack("{s:s,s:s}", "command", "pwd",
	    "cwd", "sub"));
	check(strstr(th_str(&r, "output"), "/sub\n") != NULL, "a subfolder");
	th_drop(&r);
	r = th_do(th, "bash", json_pack("{s:s,s:s}", "command", "pwd",
	    "cwd", other));
	check_int(r.status, SEPT_OK, "another root");
	th_drop(&r);
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		r = th_do(th, "bash", json_pack("{s:s,s:s}", "command",
		    "pwd", "cwd", bad[i]));
		check_int(r.status, SEPT_EDENIED, bad[i]);
		check_str(th_str(&r, "error"), "bad_cwd", "  is refused");
		th_drop(&r);
	}
}

static void
test_children(void)
{
	static const char *const left[] = {
		"sleep 300 & echo $! >pid",
		"sleep 300 >/dev/null 2>&1 & echo $! >pid",
		"setsid sleep 300 & echo $! >pid",
		"setsid sleep 300 </dev/null >/dev/null 2>&1 & echo $! >pid",
		"nohup sleep 300 >/dev/null 2>&1 & echo $! >pid",
		"(setsid bash -c 'echo $$ >pid; exec sleep 300' "
		    "</dev/null >/dev/null 2>&1 &) ; while ! test -s pid; do "
		    ":; done",
		"env -i sleep 300 >/dev/null 2>&1 & echo $! >pid",
		"bash -c 'trap \"\" TERM HUP INT; echo $$ >pid; while :; do "
		    "sleep 1; done' >/dev/null 2>&1 & "
		    "while ! test -s pid; do :; done",
		"perl -MPOSIX -e 'fork and exit; POSIX::setsid(); fork and "
		    "exit; open F,\">pid\"; print F $$; close F; sleep 300' "
		    "</dev/null >/dev/null 2>&1; while ! test -s pid; do :; "
		    "done",
		/* clears its environment in a new session, parent lives */
		"bash -c 'env -i setsid sleep 300 & echo $! >pid; sleep 300' "
		    ">/dev/null 2>&1 & while ! test -s pid; do :; done",
	};
	struct th_result r;
	size_t i;

	for (i = 0; i < sizeof left / sizeof left[0]; i++) {
		r = sh("rm -f pid");
		th_drop(&r);
		r = sh(left[i]);
		check_int(r.status, SEPT_OK, left[i]);
		th_drop(&r);
		check_int(alive("pid"), 0, "  is gone at the end");
	}
}

static void
test_ends(void)
{
	struct th_result r;
	struct th_call *c;

	r = th_do(th, "bash", json_pack("{s:s,s:i}", "command",
	    "echo $$ >pid; echo before; sleep 300; echo after",
	    "timeout_ms", 300));
	check_int(r.status, SEPT_ETIMEOUT, "a time limit ends it");
	check_str(th_str(&r, "error"), "timeout", "error code");
	check_str(th_str(&r, "output"), "before\n[timed out after 300 ms; the "
	    "command was ended]", "what was printed is kept");
	check_int(alive("pid"), 0, "it is gone");
	th_drop(&r);
	r = th_do(th, "bash", json_pack("{s:s,s:i}", "command",
	    "echo $$ >pid; trap '' TERM; while :; do :; done",
	    "timeout_ms", 200));
	check_int(r.status, SEPT_ETIMEOUT, "one that ignores SIGTERM");
	check_int(alive("pid"), 0, "is gone too");
	th_drop(&r);
	th_deadline(th, 300);
	r = sh("sleep 300");
	check_int(r.status, SEPT_ETIMEOUT, "the host's deadline counts");
	th_drop(&r);
	th_deadline(th, 0);
	c = th_begin(th, "bash", json_pack("{s:s}", "command",
	    "echo $$ >pid; echo some; setsid -w sleep 300"));
	th_spin(th, 300);
	th_cancel(c);
	th_cancel(c);
	r = th_wait(c);
	check_int(r.status, SEPT_ECANCELLED, "cancel");
	check_str(th_str(&r, "stdout"), "some\n", "keeps the output");
	check_int(alive("pid"), 0, "and ends the command");
	th_drop(&r);
	th_ids(th, "task-1", "turn-ends");
	c = th_begin(th, "bash", json_pack("{s:s}", "command",
	    "sleep 300 & wait"));
	th_ids(th, "task-1", "turn-2");
	th_spin(th, 100);
	th_turn_ended(th, "turn-ends");
	r = th_wait(c);
	check_int(r.status, SEPT_ECANCELLED, "the end of its turn ends it");
	th_drop(&r);
	r = sh("echo still here");
	check_int(r.status, SEPT_OK, "another turn is untouched");
	th_drop(&r);
}

/* turn_ended() ends what only its marker still ties to the turn. */
static void
test_turn_marker(void)
{
	pid_t pid;
	char *env[] = { NULL, NULL };
	char *argv[] = { NULL, NULL, NULL };
	char var[] = "SEPTEMBER_TURN_ID=turn-late", prog[] = "/bin/sleep";
	char arg[] = "300";
	int i, st;

	env[0] = var;
	argv[0] = prog;
	argv[1] = arg;
	pid = fork();
	if (pid == 0) {
		(void)execve(prog, argv, env);
		_exit(1);
	}
	th_spin(th, 100);
	th_turn_ended(th, "turn-lat");
	th_spin(th, 100);
	check_int(waitpid(pid, &st, WNOHANG), 0, "another turn's id: lives");
	th_turn_ended(th, "turn-late");
	for (i = 0; i < 100 && waitpid(pid, &st, WNOHANG) == 0; i++)
		th_spin(th, 20);
	check(i < 100 && WIFSIGNALED(st) && WTERMSIG(st) == SIGKILL,
	    "its own turn's id: ended");
}

static void
test_args(void)
{
	static const char *const bad[] = { "{}", "[]", "", "null", "{",
		"{\"command\":1}", "{\"command\":\"a\\u0000b\"}",
		"{\"command\":\"ls\",\"timeout_ms\":0}",
		"{\"command\":\"ls\",\"timeout_ms\":600001}",
		"{\"command\":\"ls\",\"timeout_ms\":\"1\"}",
		"{\"command\":\"ls\",\"cwd\":7}" };
	struct th_result r;
	json_t *schema;
	size_t i;

	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		r = th_do_text(th, "bash", bad[i]);
		check_int(r.status, SEPT_EINVAL, bad[i]);
		check_str(th_str(&r, "error"), "invalid_arguments",
		    "  is refused");
		th_drop(&r);
	}
	schema = json_loads(th_info(th, "bash")->input_schema, 0, NULL);
	check(json_is_object(schema), "the schema is JSON");
	check(json_is_false(json_object_get(schema, "additionalProperties")),
	    "and closed");
	json_decref(schema);
}

static void
test_many(void)
{
	struct th_call *c[10];
	struct th_result r;
	char cmd[64], want[16];
	int i, good = 0;

	for (i = 0; i < 10; i++) {
		(void)snprintf(cmd, sizeof cmd, "sleep 0.1; echo n%d", i);
		c[i] = th_begin(th, "bash", json_pack("{s:s}", "command",
		    cmd));
	}
	for (i = 0; i < 10; i++) {
		r = th_wait(c[i]);
		(void)snprintf(want, sizeof want, "n%d\n", i);
		good += r.status == SEPT_OK &&
		    strcmp(th_str(&r, "output"), want) == 0;
		th_drop(&r);
	}
	check_int(good, 10, "ten at once, each its own output");
}

static void
test_quiesce(void)
{
	struct th_call *c = th_begin(th, "bash", json_pack("{s:s}",
	    "command", "echo $$ >pid; sleep 300"));
	struct th_result r;

	th_spin(th, 200);
	th_quiesce(th);
	r = th_wait(c);
	check_int(r.status, SEPT_ECANCELLED, "quiesce ends a running call");
	check_int(alive("pid"), 0, "the command is gone");
	th_drop(&r);
	r = sh("echo late");
	check_int(r.status, SEPT_EUNAVAIL, "new calls are refused");
	th_drop(&r);
	check_int(th_free(th), 0, "no call is left");
}

int
main(void)
{
	char cmd[128];

	tap_start(120);
	if (mkdtemp(dir) == NULL || mkdtemp(other) == NULL)
		return 99;
	th = th_new(september_plugin_v1(), json_pack("{s:[s,s]}",
	    "allowed_roots", dir, other));
	if (th == NULL)
		return 99;
	th_workspace(th, dir);
	test_output();
	test_bytes();
	test_env();
	test_cwd();
	test_children();
	test_ends();
	test_turn_marker();
	test_args();
	test_many();
	test_quiesce();
	(void)snprintf(cmd, sizeof cmd, "rm -rf %s %s", dir, other);
	check_int(system(cmd), 0, "clean up");
	return tap_done();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-proc.c - child processes: output, input, ends, escapes, errors, leaks.
 */
#include <dirent.h>
#include <event2/thread.h>
#include <limits.h>
#include <sodium.h>
#include <sys/wait.h>

#include "../../core/base/buf.h"
#include "../../core/base/clock.h"
#include "../../core/loop/loop.h"
#include "../../core/loop/proc.h"
#include "tap.h"

static struct loop *loop;
static const char *const env[] = { "PATH=/usr/bin:/bin", "X=1", NULL };

struct run {
	struct buf out[3];
	int code, signal, exits, late;
	struct proc *p;
};

static void
on_output(void *user, int fd, const char *s, size_t n)
{
	struct run *r = user;

	if (r->exits > 0)
		r->late++;
	(void)buf_add(&r->out[fd], s, n);
}

static void
on_exit_(void *user, int code, int sig)
{
	struct run *r = user;

	r->exits++;
	r->code = code;
	r->signal = sig;
	r->p = NULL;
}

static void
run_init(struct run *r)
{
	memset(r, 0, sizeof *r);
	buf_init(&r->out[1], 64 << 20);
	buf_init(&r->out[2], 64 << 20);
	r->code = r->signal = -99;
}

static void
run_fini(struct run *r)
{
	buf_fini(&r->out[1]);
	buf_fini(&r->out[2]);
}

static const char *
text(const struct run *r, int fd)
{
	return r->out[fd].p != NULL ? r->out[fd].p : "";
}

static void
spec_sh(struct proc_spec *s, struct run *r, const char *argv[4],
    const char *script)
{
	memset(s, 0, sizeof *s);
	argv[0] = "sh";
	argv[1] = "-c";
	argv[2] = script;
	argv[3] = NULL;
	s->path = "sh";
	s->argv = argv;
	s->envp = env;
	s->user = r;
	s->on_output = on_output;
	s->on_exit = on_exit_;
}

static void
wait_for(struct run *r)
{
	while (r->exits == 0)
		loop_turn(loop, 1000);
}

/* Runs a shell script to its end; milliseconds. */
static unsigned
sh(struct run *r, const char *script)
{
	uint64_t t0 = clock_mono_ns();
	struct proc_spec s;
	const char *argv[4];

	run_init(r);
	spec_sh(&s, r, argv, script);
	r->p = proc_spawn(loop, &s, NULL);
	if (r->p == NULL)
		return 0;
	wait_for(r);
	return (unsigned)((clock_mono_ns() - t0) / 1000000);
}

static int
open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (d != NULL && readdir(d) != NULL)
		n++;
	if (d != NULL)
		(void)closedir(d);
	return n;
}

static void
test_simple(void)
{
	struct run r;

	(void)sh(&r, "echo out; echo err >&2; exit 7");
	check_str(text(&r, 1), "out\n", "standard output");
	check_str(text(&r, 2), "err\n", "standard error");
	check(r.exits == 1 && r.code == 7 && r.signal == 0, "exit code");
	check_int(r.late, 0, "nothing after the end");
	run_fini(&r);
	(void)sh(&r, "kill -9 $$");
	check(r.code == -1 && r.signal == SIGKILL, "ended by a signal");
	run_fini(&r);
	(void)sh(&r, "ls /proc/self/fd | wc -l; cat; echo ${X}${HOME}");
	check_str(text(&r, 1), "4\n1\n",
	    "three descriptors (ls has a fourth), null input, only its "
	    "environment");
	run_fini(&r);
	/* Bits 31 and 32 are the C library's own signals. */
	(void)sh(&r, "test $$ = $(ps -o sid= -p $$) && "
	    "grep -cE '^Sig(Blk|Ign).*0000000$' /proc/self/status");
	check_str(text(&r, 1), "2\n", "own session, no signal ignored");
	run_fini(&r);
}

static void
test_input(void)
{
	struct proc_spec s;
	struct run r;
	const char *argv[4];
	size_t n = 8 << 20, i;
	char *big = malloc(n);

	if (big == NULL)
		abort();
	for (i = 0; i < n; i++)
		big[i] = (char)('a' + i % 23);
	run_init(&r);
	spec_sh(&s, &r, argv, "cat");
	s.input = big;
	s.input_n = n;
	r.p = proc_spawn(loop, &s, NULL);
	wait_for(&r);
	check(r.out[1].n == n && memcmp(r.out[1].p, big, n) == 0,
	    "8 MiB in and out at once");
	run_fini(&r);
	run_init(&r);
	spec_sh(&s, &r, argv, "exec 0<&-; echo closed");
	s.input = big;
	s.input_n = n;
	r.p = proc_spawn(loop, &s, NULL);
	wait_for(&r);
	check(r.code == 0 && strcmp(text(&r, 1), "closed\n") == 0,
	    "a child that does not read its input");
	run_fini(&r);
	run_init(&r);
	spec_sh(&s, &r, argv, "while read -r l; do echo \"<$l>\"; done");
	s.keep_stdin = 1;
	r.p = proc_spawn(loop, &s, NULL);
	check_int(proc_write(r.p, "one\n", 4), 0, "a write");
	while (r.out[1].n < 6)
		loop_turn(loop, 1000);
	check_int(proc_write(r.p, "two\n", 4), 0, "another one");
	check_int(proc_write(r.p, big, (1 << 20) + 1), -1,
	    "not over 1 MiB");
	proc_close_stdin(r.p);
	wait_for(&r);
	check_str(text(&r, 1), "<one>\n<two>\n", "a conversation");
	run_fini(&r);
	free(big);
}

static void
on_force(void *arg)
{
	proc_kill(arg, 1);
}

static void
test_kill(void)
{
	struct proc_spec s;
	struct loop_timer *t;
	struct run r;
	const char *argv[4];
	uint64_t t0;

	run_init(&r);
	spec_sh(&s, &r, argv, "trap 'echo bye; exit 3' TERM; echo up; "
	    "while :; do sleep 1; done");
	r.p = proc_spawn(loop, &s, NULL);
	while (r.out[1].n < 3)
		loop_turn(loop, 1000);
	proc_kill(r.p, 0);
	proc_kill(r.p, 0);
	wait_for(&r);
	check(r.code == 3 && strcmp(text(&r, 1), "up\nbye\n") == 0,
	    "SIGTERM first");
	run_fini(&r);
	run_init(&r);
	spec_sh(&s, &r, argv, "trap '' TERM; echo up; sleep 100 & sleep 100");
	s.grace_ms = 100;
	r.p = proc_spawn(loop, &s, NULL);
	while (r.out[1].n < 3)
		loop_turn(loop, 1000);
	t0 = clock_mono_ns();
	proc_kill(r.p, 0);
	wait_for(&r);
	check(r.signal == SIGKILL, "then SIGKILL, to the whole group");
	check(clock_mono_ns() - t0 >= 100000000, "after the grace time");
	run_fini(&r);
	run_init(&r);
	spec_sh(&s, &r, argv, "sleep 100");
	r.p = proc_spawn(loop, &s, NULL);
	if (loop_timer(loop, 1, on_force, r.p, &t) != 0)
		abort();
	wait_for(&r);
	check(r.signal == SIGKILL, "by force");
	run_fini(&r);
}

/* 1 when a process with that number exists (zombies count). */
static int
lives(const char *number)
{
	long pid = strtol(number, NULL, 10);

	return pid > 0 && kill((pid_t)pid, 0) == 0;
}

static void
settle(const struct run *r)
{
	int i;

	for (i = 0; i < 50 && lives(text(r, 1)); i++)
		loop_turn(loop, 100);
}

static void
test_escapes(void)
{
	struct run r;
	unsigned ms;

	ms = sh(&r, "sleep 100 & echo $!");
	check(r.code == 0 && ms >= 200 && ms < 20000,
	    "a grandchild that holds the pipe is waited for, not for ever");
	settle(&r);
	check(!lives(text(&r, 1)), "and killed with the group");
	run_fini(&r);
	(void)sh(&r, "sleep 100 >/dev/null 2>&1 & echo $!");
	settle(&r);
	check(r.exits == 1 && !lives(text(&r, 1)), "one without pipes too");
	run_fini(&r);
	(void)sh(&r, "f=$(mktemp); setsid sh -c 'echo $$ >$0; exec sleep 100' "
	    "$f & until [ -s $f ]; do sleep .02; done; cat $f; rm $f");
	settle(&r);
	check(r.exits == 1 && strlen(text(&r, 1)) > 1 &&
	    !lives(text(&r, 1)), "one that left the session");
	run_fini(&r);
	(void)sh(&r, "f=$(mktemp); setsid sh -c 'setsid sh -c \"echo \\$\\$ "
	    ">$0; exec sleep 100\" & sleep 100' $f & "
	    "until [ -s $f ]; do sleep .02; done; cat $f; rm $f");
	settle(&r);
	check(r.exits == 1 && strlen(text(&r, 1)) > 1 &&
	    !lives(text(&r, 1)), "one that left twice");
	run_fini(&r);
}

static void
test_together(void)
{
	static struct run r[40];
	struct proc_spec s;
	const char *argv[4];
	int i, bad = 0;

	for (i = 0; i < 40; i++) {
		run_init(&r[i]);
		spec_sh(&s, &r[i], argv, "echo $PPID; exit 5");
		r[i].p = proc_spawn(loop, &s, NULL);
		if (r[i].p == NULL)
			abort();
	}
	check_int(proc_running(), 40, "forty at once");
	for (i = 0; i < 40; i++) {
		wait_for(&r[i]);
		if (r[i].code != 5 || r[i].exits != 1 || r[i].out[1].n == 0)
			bad++;
		run_fini(&r[i]);
	}
	check_int(bad, 0, "each with its own end");
	check_int(proc_running(), 0, "none left");
}

static void
test_errors(void)
{
	const char *argv[4] = { "foo", NULL, NULL, NULL };
	struct proc_spec s;
	struct err e;
	struct run r;
	char *huge;

	run_init(&r);
	spec_sh(&s, &r, argv, "true");
	s.path = "no-such-program-here";
	check(proc_spawn(loop, &s, &e) == NULL, "a missing program");
	check_str(e.text, "no such program: no-such-program-here", "is said");
	s.path = "/nowhere/foo";
	check(proc_spawn(loop, &s, &e) == NULL, "a missing path");
	check_str(e.text, "no such program: /nowhere/foo", "is said");
	s.path = "/etc/passwd";
	check(proc_spawn(loop, &s, &e) == NULL, "no program");
	check_str(e.text, "not permitted to run /etc/passwd", "is said");
	s.path = "sh";
	s.cwd = "/nowhere";
	check(proc_spawn(loop, &s, &e) == NULL, "a missing folder");
	check_str(e.text, "no such directory: /nowhere", "is said");
	s.cwd = NULL;
	huge = malloc(4 << 20);
	if (huge == NULL)
		abort();
	memset(huge, 'x', (4 << 20) - 1);
	huge[(4 << 20) - 1] = '\0';
	argv[2] = huge;
	check(proc_spawn(loop, &s, &e) == NULL, "arguments of 4 MiB");
	check(strstr(e.text, "are too long") != NULL, "are said");
	free(huge);
	check_int(r.exits, 0, "no callback for any");
	argv[2] = "pwd";
	s.cwd = "/usr";
	r.p = proc_spawn(loop, &s, &e);
	wait_for(&r);
	check_str(text(&r, 1), "/usr\n", "the working folder");
	run_fini(&r);
}

int
main(void)
{
	struct err e;
	int fds;

	tap_start(120);
	(void)signal(SIGPIPE, SIG_IGN);
	if (sodium_init() < 0)
		return 1;
	evthread_use_pthreads();
	loop = loop_new(&e);
	if (loop == NULL)
		return 1;
	test_simple();
	fds = open_fds();
	test_input();
	test_kill();
	test_escapes();
	test_together();
	test_errors();
	while (waitpid(-1, NULL, WNOHANG) >= 0)
		loop_turn(loop, 100);
	check_int(open_fds(), fds, "no descriptor is left open");
	proc_fini();
	loop_free(loop);
	return tap_done();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proc.c - one child: its pipes, its time limits and its end.
 *
 * Exit and end of output come in either order. The end is reported when the
 * process has exited and both output pipes are closed, or when they are still
 * open linger_ms after the exit (a descendant holds them); in both cases the
 * rest of the group is killed first, and on_exit is the last callback.
 *
 * Nothing blocks: our pipe ends are non-blocking, so that large input and
 * large output at once only wait for each other in the loop. SIGPIPE must be
 * ignored by the program.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proc-internal.h"

#define PIECE_BYTES (64 * 1024)
#define DEFAULT_GRACE_MS 2000
#define DEFAULT_LINGER_MS 200

/* The loop thread's only; no callback keeps it. */
static char piece[PIECE_BYTES];

static void
close_fd(struct proc *p, int i)
{
	if (p->ev[i] != NULL)
		event_free(p->ev[i]);
	p->ev[i] = NULL;
	if (p->fd[i] >= 0)
		(void)close(p->fd[i]);
	p->fd[i] = -1;
}

void
proc_free(struct proc *p)
{
	int i;

	for (i = 0; i < 3; i++)
		close_fd(p, i);
	loop_timer_cancel(p->grace);
	loop_timer_cancel(p->linger);
	buf_fini(&p->in);
	free(p);
}

/* Reads what is left without waiting; for a group that has been killed. */
static void
drain(struct proc *p)
{
	size_t left = 16 * 1024 * 1024; /* a writer may outrun us */
	ssize_t n;
	int i;

	for (i = 1; i <= 2; i++)
		while (p->fd[i] >= 0 && left > 0) {
			n = read(p->fd[i], piece, sizeof piece);
			if (n <= 0)
				break;
			left -= (size_t)n < left ? (size_t)n : left;
			if (p->on_output != NULL)
				p->on_output(p->user, i, piece, (size_t)n);
		}
}

static void
finish(struct proc *p)
{
	void (*on_exit)(void *, int, int) = p->on_exit;
	void *user = p->user;
	int code = p->code, sig = p->signal;

	proc_reap_end(p);
	p->over = 1;
	drain(p);
	proc_free(p);
	if (on_exit != NULL)
		on_exit(user, code, sig);
}

static void
finish_when_done(struct proc *p)
{
	if (p->exited && p->fd[1] < 0 && p->fd[2] < 0)
		finish(p);
}

static void
on_linger(void *arg)
{
	struct proc *p = arg;

	p->linger = NULL;
	finish(p);
}

void
proc_ended(struct proc *p)
{
	close_fd(p, 0);
	if (p->fd[1] < 0 && p->fd[2] < 0) {
		finish(p);
		return;
	}
	if (loop_timer(p->loop, p->linger_ms, on_linger, p, &p->linger) != 0)
		finish(p); /* no memory to wait with */
}

static void
read_output(struct proc *p, int i)
{
	ssize_t n = read(p->fd[i], piece, sizeof piece);

	if (n > 0) {
		if (p->on_output != NULL)
			p->on_output(p->user, i, piece, (size_t)n);
		return;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	close_fd(p, i);
	finish_when_done(p);
}

static void
on_stdout(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	read_output(arg, 1);
}

static void
on_stderr(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	read_output(arg, 2);
}

/* Writes what the pipe takes; waits for the rest or closes. */
static void
pump(struct proc *p)
{
	ssize_t n;

	while (p->fd[0] >= 0 && p->in_off < p->in.n) {
		n = write(p->fd[0], p->in.p + p->in_off, p->in.n - p->in_off);
		if (n > 0) {
			p->in_off += (size_t)n;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			if (event_add(p->ev[0], NULL) == 0)
				return;
		}
		close_fd(p, 0); /* the child reads no more */
		return;
	}
	buf_reset(&p->in);
	p->in_off = 0;
	if (!p->keep_stdin) {
		close_fd(p, 0);
		buf_fini(&p->in);
	}
}

static void
on_stdin(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	pump(arg);
}

/* Moves a descriptor out of 0..2, where the child's own ones go. */
static int
above_stdio(int fd)
{
	int other;

	if (fd < 0 || fd > 2)
		return fd;
	other = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	(void)close(fd);
	return other;
}

/* A pipe of which end `ours` (0: read, 1: write) does not block. */
static int
make_pipe(int fd[2], int ours)
{
	if (pipe2(fd, O_CLOEXEC) != 0)
		return -1;
	fd[0] = above_stdio(fd[0]);
	fd[1] = above_stdio(fd[1]);
	if (fd[0] < 0 || fd[1] < 0)
		return -1;
	return fcntl(fd[ours], F_SETFL, O_NONBLOCK);
}

static int
watch(struct proc *p)
{
	struct event_base *base = loop_base(p->loop);

	p->ev[1] = event_new(base, p->fd[1], EV_READ | EV_PERSIST, on_stdout,
	    p);
	p->ev[2] = event_new(base, p->fd[2], EV_READ | EV_PERSIST, on_stderr,
	    p);
	if (p->ev[1] == NULL || p->ev[2] == NULL ||
	    event_add(p->ev[1], NULL) != 0 || event_add(p->ev[2], NULL) != 0)
		return -1;
	if (p->fd[0] < 0)
		return 0;
	p->ev[0] = event_new(base, p->fd[0], EV_WRITE, on_stdin, p);
	return p->ev[0] == NULL ? -1 : 0;
}

static struct proc *
proc_make(struct loop *l, const struct proc_spec *spec, struct err *e)
{
	struct proc *p = calloc(1, sizeof *p);

	if (p == NULL) {
		err_nomem(e);
		return NULL;
	}
	p->loop = l;
	p->fd[0] = p->fd[1] = p->fd[2] = -1;
	p->keep_stdin = spec->keep_stdin;
	p->grace_ms = spec->grace_ms != 0 ? spec->grace_ms : DEFAULT_GRACE_MS;
	p->linger_ms = spec->linger_ms != 0 ? spec->linger_ms :
	    DEFAULT_LINGER_MS;
	p->user = spec->user;
	p->on_output = spec->on_output;
	p->on_exit = spec->on_exit;
	buf_init(&p->in, PROC_INPUT_MAX);
	if (spec->input_n > 0 &&
	    buf_add(&p->in, spec->input, spec->input_n) != 0) {
		free(p);
		err_set(e, ERR_BODY_TOO_LARGE,
		    "the input is over %d MiB or memory is short",
		    PROC_INPUT_MAX / (1024 * 1024));
		return NULL;
	}
	return p;
}

static void
close_pair(int fd[2])
{
	if (fd[0] >= 0)
		(void)close(fd[0]);
	if (fd[1] >= 0)
		(void)close(fd[1]);
}

struct proc *
proc_spawn(struct loop *l, const struct proc_spec *spec, struct err *e)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, err[2] = { -1, -1 };
	struct proc *p = proc_make(l, spec, e);

	if (p == NULL)
		return NULL;
	if (proc_reap_begin(l, e) != 0)
		goto fail;
	if (((spec->input_n > 0 || spec->keep_stdin) &&
	    make_pipe(in, 1) != 0) || make_pipe(out, 0) != 0 ||
	    make_pipe(err, 0) != 0) {
		err_set(e, ERR_UNAVAILABLE, "no pipe for the process: %s",
		    strerror(errno));
		goto fail;
	}
	p->fd[0] = in[1];
	p->fd[1] = out[0];
	p->fd[2] = err[0];
	in[1] = out[0] = err[0] = -1;
	/* Events first: once the child runs nothing may fail. */
	if (watch(p) != 0) {
		err_nomem(e);
		goto fail;
	}
	if (proc_start(p, spec, in[0], out[1], err[1], e) != 0)
		goto fail;
	close_pair(in);
	close_pair(out);
	close_pair(err);
	proc_reap_add(p);
	if (p->fd[0] >= 0)
		pump(p);
	return p;
fail:
	close_pair(in);
	close_pair(out);
	close_pair(err);
	proc_free(p);
	return NULL;
}

int
proc_write(struct proc *p, const char *s, size_t n)
{
	if (p->fd[0] < 0 || !p->keep_stdin)
		return -1;
	if (n > PROC_QUEUE_MAX || p->in.n - p->in_off > PROC_QUEUE_MAX - n)
		return -1;
	if (p->in_off > PROC_QUEUE_MAX) {
		buf_drop(&p->in, p->in_off);
		p->in_off = 0;
	}
	if (buf_reserve(&p->in, n) != 0) {
		p->in.failed = 0;
		return -1;
	}
	(void)buf_add(&p->in, s, n);
	pump(p);
	return 0;
}

void
proc_close_stdin(struct proc *p)
{
	p->keep_stdin = 0;
	if (p->fd[0] >= 0)
		pump(p);
}

static void
on_grace(void *arg)
{
	struct proc *p = arg;

	p->grace = NULL;
	(void)kill(-p->pid, SIGKILL);
}

void
proc_kill(struct proc *p, int force)
{
	/* The number of the group stays ours until the leader is reaped. */
	if (p->over)
		return;
	if (force) {
		(void)kill(-p->pid, SIGKILL);
		return;
	}
	if (p->terminated)
		return;
	p->terminated = 1;
	(void)kill(-p->pid, SIGTERM);
	/* A stopped process would not see it. */
	(void)kill(-p->pid, SIGCONT);
	if (loop_timer(p->loop, p->grace_ms, on_grace, p, &p->grace) != 0)
		(void)kill(-p->pid, SIGKILL);
}

pid_t
proc_pid(const struct proc *p)
{
	return p->pid;
}

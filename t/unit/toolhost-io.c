/* SPDX-License-Identifier: Apache-2.0 */
/*
 * toolhost-io.c - processes and canned HTTP of the test host.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "toolhost-internal.h"

#define LINGER_MS 200u

struct sept_proc {
	struct toolhost *th;
	pid_t pid;
	int pidfd, fd[2];
	struct event *ev[2], *exit_ev;
	struct sept_timer *linger, *grace;
	unsigned grace_ms;
	int exited, ended;
	void *user;
	void (*on_output)(void *, int32_t, struct sept_slice);
	void (*on_exit)(void *, int32_t, int32_t);
};

static void
proc_end(struct sept_proc *p)
{
	int st = 0, i;

	if (p->ended)
		return;
	p->ended = 1;
	/* Not reaped before, so the id is still ours. */
	(void)kill(-p->pid, SIGKILL);
	(void)waitpid(p->pid, &st, 0);
	for (i = 0; i < 2; i++) {
		if (p->ev[i] != NULL)
			event_free(p->ev[i]);
		(void)close(p->fd[i]);
	}
	event_free(p->exit_ev);
	(void)close(p->pidfd);
	if (p->linger != NULL)
		th_timer_cancel(p->linger);
	if (p->grace != NULL)
		th_timer_cancel(p->grace);
	p->on_exit(p->user, WIFEXITED(st) ? WEXITSTATUS(st) : -1,
	    WIFSIGNALED(st) ? WTERMSIG(st) : 0);
	free(p);
}

static void
proc_check(struct sept_proc *p)
{
	if (p->exited && p->ev[0] == NULL && p->ev[1] == NULL)
		proc_end(p);
}

static void
proc_linger(void *arg)
{
	struct sept_proc *p = arg;

	p->linger = NULL;
	proc_end(p);
}

static void
proc_exit_cb(evutil_socket_t fd, short ev, void *arg)
{
	struct sept_proc *p = arg;

	(void)fd;
	(void)ev;
	p->exited = 1;
	p->linger = th_timer(p->th, LINGER_MS, proc_linger, p);
	proc_check(p);
}

static void
proc_read_cb(evutil_socket_t fd, short ev, void *arg)
{
	struct sept_proc *p = arg;
	int which = fd == p->fd[0] ? 0 : 1;
	char buf[65536];
	ssize_t n = read(fd, buf, sizeof buf);

	(void)ev;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		p->on_output(p->user, which + 1, sept_slice_of(buf,
		    (size_t)n));
		return;
	}
	event_free(p->ev[which]);
	p->ev[which] = NULL;
	proc_check(p);
}

static int
proc_start(struct sept_proc *p, const struct sept_proc_spec *s)
{
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	sigset_t all, none;
	int out[2], err[2], rc;

	if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0)
		th_die("no pipe");
	(void)sigfillset(&all);
	(void)sigemptyset(&none);
	(void)posix_spawn_file_actions_init(&fa);
	(void)posix_spawnattr_init(&at);
	(void)posix_spawnattr_setflags(&at, POSIX_SPAWN_SETSID |
	    POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	(void)posix_spawnattr_setsigdefault(&at, &all);
	(void)posix_spawnattr_setsigmask(&at, &none);
	(void)posix_spawn_file_actions_addopen(&fa, 0, "/dev/null",
	    O_RDONLY, 0);
	(void)posix_spawn_file_actions_adddup2(&fa, out[1], 1);
	(void)posix_spawn_file_actions_adddup2(&fa, err[1], 2);
	(void)posix_spawn_file_actions_addclosefrom_np(&fa, 3);
	if (s->cwd != NULL)
		(void)posix_spawn_file_actions_addchdir_np(&fa, s->cwd);
	rc = posix_spawn(&p->pid, s->path, &fa, &at,
	    (char *const *)(uintptr_t)s->argv,
	    (char *const *)(uintptr_t)s->envp);
	(void)posix_spawn_file_actions_destroy(&fa);
	(void)posix_spawnattr_destroy(&at);
	(void)close(out[1]);
	(void)close(err[1]);
	p->fd[0] = out[0];
	p->fd[1] = err[0];
	return rc;
}

static sept_status
proc_spawn(const struct sept_host *h, const struct sept_proc_spec *s,
    struct sept_proc **out, struct sept_err *e)
{
	struct sept_proc *p = calloc(1, sizeof *p);
	int i;

	if (p == NULL)
		th_die("out of memory");
	p->th = h->impl;
	th_on_loop(p->th, "spawn");
	p->user = s->user;
	p->on_output = s->on_output;
	p->on_exit = s->on_exit;
	p->grace_ms = s->grace_ms > 0 ? s->grace_ms : 2000;
	if (proc_start(p, s) != 0) {
		h->fail(e, SEPT_EIO, sept_str("spawn failed"));
		(void)close(p->fd[0]);
		(void)close(p->fd[1]);
		free(p);
		return SEPT_EIO;
	}
	p->pidfd = pidfd_open(p->pid, 0);
	if (p->pidfd < 0)
		th_die("no pidfd");
	for (i = 0; i < 2; i++) {
		(void)evutil_make_socket_nonblocking(p->fd[i]);
		p->ev[i] = event_new(p->th->base, p->fd[i], EV_READ |
		    EV_PERSIST, proc_read_cb, p);
		(void)event_add(p->ev[i], NULL);
	}
	p->exit_ev = event_new(p->th->base, p->pidfd, EV_READ, proc_exit_cb,
	    p);
	(void)event_add(p->exit_ev, NULL);
	*out = p;
	return SEPT_OK;
}

static void
proc_grace(void *arg)
{
	struct sept_proc *p = arg;

	p->grace = NULL;
	(void)kill(-p->pid, SIGKILL);
}

static void
proc_kill(struct sept_proc *p, int32_t force)
{
	th_on_loop(p->th, "kill");
	(void)kill(-p->pid, force ? SIGKILL : SIGTERM);
	if (!force && p->grace == NULL)
		p->grace = th_timer(p->th, p->grace_ms, proc_grace, p);
}

static int32_t
proc_pid(const struct sept_proc *p)
{
	return (int32_t)p->pid;
}

const struct sept_host_proc th_proc = {
	.size = sizeof th_proc,
	.spawn = proc_spawn,
	.kill = proc_kill,
	.pid = proc_pid,
};

/* ---- HTTP ---- */

struct sept_http {
	struct toolhost *th;
	struct sept_call *call;
	struct sept_http_request req; /* callbacks and user only */
	struct th_reply reply;
	char url[8192];
};

static void
http_run(void *arg)
{
	struct sept_http *x = arg;
	const struct th_reply *r = &x->reply;
	struct sept_http_response head = { .size = sizeof head,
	    .retry_after_s = -1 };
	size_t n = r->n > 0 || r->body == NULL ? r->n : strlen(r->body);
	size_t at, piece = n > 100000 ? 16384 : 7;
	sept_status st = r->status;

	head.status = r->http;
	head.url = sept_str(r->url != NULL ? r->url : x->url);
	head.content_type = sept_str(r->type);
	if (x->call != NULL && atomic_load(&x->call->cancelled))
		st = SEPT_ECANCELLED;
	if (st == SEPT_OK && x->req.on_head != NULL)
		x->req.on_head(x->req.user, &head);
	for (at = 0; st == SEPT_OK && at < n; at += piece) {
		if (piece > n - at)
			piece = n - at;
		if (at + piece > x->req.max_body) {
			st = SEPT_ETOOBIG;
			break;
		}
		x->req.on_data(x->req.user, sept_slice_of(r->body + at,
		    piece));
	}
	x->req.on_done(x->req.user, st, sept_str(st == SEPT_OK ? "" :
	    "canned failure"), &head);
	free(x);
}

static sept_status
http_request(const struct sept_host *h, struct sept_call *call,
    const struct sept_http_request *q, struct sept_http **out,
    struct sept_err *e)
{
	struct toolhost *th = h->impl;
	struct th_asked *a = &th->asked;
	struct sept_http *x = calloc(1, sizeof *x);
	size_t i, n;

	(void)e;
	th_on_loop(th, "request");
	if (x == NULL)
		th_die("out of memory");
	a->count++;
	(void)snprintf(a->method, sizeof a->method, "%s", q->method);
	(void)snprintf(a->url, sizeof a->url, "%s", q->url);
	a->headers[0] = '\0';
	for (i = 0, n = 0; q->headers != NULL && q->headers[i] != NULL; i++)
		n += (size_t)snprintf(a->headers + n, sizeof a->headers - n,
		    "%s\n", q->headers[i]);
	free(a->body);
	a->body = strndup(q->body.n > 0 ? q->body.p : "", q->body.n);
	a->body_n = q->body.n;
	a->flags = q->flags;
	a->max_body = q->max_body;
	if (th->reply_head == th->reply_tail)
		th_die("unexpected request: %s", q->url);
	x->reply = th->replies[th->reply_head++ % TH_REPLIES];
	x->th = th;
	x->call = call;
	x->req = *q;
	(void)snprintf(x->url, sizeof x->url, "%s", q->url);
	*out = x;
	th_post(th, http_run, x);
	return SEPT_OK;
}

static void
http_abort(struct sept_http *x)
{
	x->reply.status = SEPT_ECANCELLED;
}

static void
http_pause(struct sept_http *x, int32_t paused)
{
	(void)x;
	(void)paused;
}

const struct sept_host_http th_http_table = {
	.size = sizeof th_http_table,
	.request = http_request,
	.abort = http_abort,
	.pause = http_pause,
};

void
th_http(struct toolhost *th, const struct th_reply *r)
{
	if (th->reply_tail - th->reply_head == TH_REPLIES)
		th_die("too many replies");
	th->replies[th->reply_tail++ % TH_REPLIES] = *r;
}

const struct th_asked *
th_asked(struct toolhost *th)
{
	return &th->asked;
}

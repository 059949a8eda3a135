/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http-got.c - sends requests through the client and writes down what every
 * callback brought.
 */
#include "http-got.h"

#include <event2/thread.h>
#include <signal.h>

#include "../../core/base/clock.h"

struct loop *loop;
struct http_client *client;
struct odd_server *server;
static char urlbuf[4096];
static int inside; /* a public function is running */

const char *
at(const char *path)
{
	(void)snprintf(urlbuf, sizeof urlbuf, "http://127.0.0.1:%d%s",
	    odd_port(server), path);
	return urlbuf;
}

static void
put(char *to, size_t room, struct sept_slice s)
{
	size_t n = s.n < room ? s.n : room - 1;

	memcpy(to, s.p, n);
	to[n] = '\0';
}

void
do_abort(struct got *g)
{
	inside++;
	http_client_abort(g->h);
	inside--;
	g->aborted = 1;
}

static void
on_head(void *user, const struct sept_http_response *r)
{
	struct got *g = user;

	g->nested += inside + g->done + g->aborted;
	g->heads++;
	g->status = r->status;
	put(g->type, sizeof g->type, r->content_type);
	if (g->abort_in_head)
		do_abort(g);
}

static void
on_data(void *user, struct sept_slice s)
{
	struct got *g = user;
	size_t n = sizeof g->body - 1 - g->body_n;

	g->nested += inside + g->done + g->aborted;
	g->datas++;
	if (s.n < n)
		n = s.n;
	if (g->body_n < sizeof g->body - 1) {
		memcpy(g->body + g->body_n, s.p, n);
		g->body[g->body_n + n] = '\0';
	}
	g->body_n += s.n;
	if (g->abort_in_data)
		do_abort(g);
	if (g->pause_in_data)
		http_client_pause(g->h, 1);
}

static void
on_sse(void *user, const struct sept_sse *s)
{
	struct got *g = user;
	size_t n = strlen(g->events);

	g->nested += inside + g->done + g->aborted;
	g->sses++;
	put(g->last, sizeof g->last, s->data);
	if (n < 300)
		(void)snprintf(g->events + n, sizeof g->events - n,
		    "[%.*s|%.*s|%.20s]", (int)s->event.n, s->event.p,
		    (int)s->id.n, s->id.p, g->last);
	if (g->abort_in_sse)
		do_abort(g);
	if (g->next != NULL && g->sses == 1)
		send_req(g->next, at("/ok"), 0, NULL);
}

static void
on_done(void *user, sept_status st, struct sept_slice msg,
    const struct sept_http_response *r)
{
	struct got *g = user;

	g->nested += inside;
	g->done++;
	g->st = st;
	put(g->msg, sizeof g->msg, msg);
	put(g->url, sizeof g->url, r->url);
	put(g->type, sizeof g->type, r->content_type);
	g->status = r->status;
	g->retry_s = r->retry_after_s;
	if (g->abort_in_done)
		http_client_abort(g->h);
	if (g->chain-- > 0)
		send_req(g, at("/ok"), 0, NULL);
}

void
fill(struct sept_http_request *q, struct got *g, const char *url,
    unsigned flags)
{
	memset(q, 0, sizeof *q);
	q->size = sizeof *q;
	q->flags = flags;
	q->method = "GET";
	q->url = url;
	q->user = g;
	q->on_head = on_head;
	q->on_data = on_data;
	q->on_sse = on_sse;
	q->on_done = on_done;
}

void
send_req(struct got *g, const char *url, unsigned flags,
    const struct sept_http_request *more)
{
	struct sept_http_request q;
	struct err e;

	fill(&q, g, url, flags);
	if (more != NULL) {
		q.method = more->method != NULL ? more->method : "GET";
		q.headers = more->headers;
		q.body = more->body;
		q.deadline_ns = more->deadline_ns;
		q.idle_timeout_ms = more->idle_timeout_ms;
		q.max_body = more->max_body;
		q.max_redirects = more->max_redirects;
	}
	inside++;
	if (http_client_request(client, &q, &g->h, &e) != 0) {
		printf("# %s\n", e.text);
		abort();
	}
	inside--;
}

void
turn(void)
{
	(void)event_base_loop(loop_base(loop), EVLOOP_ONCE);
}

void
wait_done(struct got *g)
{
	while (!g->done)
		turn();
}

static struct got g0; /* of fetch() */

struct got *
fetch_with(const char *path, unsigned flags,
    const struct sept_http_request *more)
{
	memset(&g0, 0, sizeof g0);
	send_req(&g0, path[0] == '/' ? at(path) : path, flags, more);
	wait_done(&g0);
	return &g0;
}

struct got *
fetch(const char *path, unsigned flags)
{
	return fetch_with(path, flags, NULL);
}

void
fresh(const char *allow)
{
	struct http_client_config cfg = { .allow = allow,
		.user_agent = "test/1" };
	struct err e;

	http_client_free(client);
	client = http_client_new(loop, &cfg, &e);
	if (client == NULL)
		abort();
}

void
spin_ms(unsigned ms)
{
	uint64_t until = clock_mono_ns() + ms * UINT64_C(1000000);
	struct timeval tv = { 0, 5000 };

	while (clock_mono_ns() < until) {
		(void)event_base_loopexit(loop_base(loop), &tv);
		(void)event_base_loop(loop_base(loop), 0);
	}
}

const char *
to(int code, const char *host, const char *path)
{
	static char b[2100];

	(void)snprintf(b, sizeof b, "/to?%d,http://%s:%d%s", code, host,
	    odd_port(server), path);
	return b;
}

void
got_start(void)
{
	struct err e;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)unsetenv("http_proxy");
	(void)unsetenv("ALL_PROXY");
	(void)unsetenv("all_proxy");
	evthread_use_pthreads();
	loop = loop_new(&e);
	server = odd_start();
	if (loop == NULL)
		abort();
	fresh(NULL);
}

void
got_stop(void)
{
	http_client_free(client);
	odd_stop(server);
	loop_free(loop);
}

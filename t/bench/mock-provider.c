/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A provider that answers POST .../chat/completions with a stream of stamped
 * tokens: one HTTP chunk and one send() for each, "t<monotonic ns> " as its
 * text.  A finish_reason chunk, a usage chunk and [DONE] follow in one send.
 *
 * How many tokens, how far apart, and whether the stream ends at all is given
 * on the command line, by the query of the URL, or inside the last user
 * message as "@bench n=64 us=10000 hold=1@", which passes through whatever
 * stands between; the last of these wins.  Raw sockets on libevent, because a
 * chunk must be exactly one send() and nothing may gather them.
 *
 * Not a model of a provider's faults: it never fails, throttles or stalls but
 * for `hold`.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#define REQUEST_MAX	(8U << 20)
/*
 * Tokens in one go before the other connections get their turn.  With one,
 * the streams interleave as those of a real provider do, and a first token
 * is not held up by the rest of its own turn.
 */
#define BURST		1

struct plan {
	uint64_t	tokens;
	uint64_t	delay_us;
	uint64_t	hold;		/* send the tokens, then never end */
};

struct mock {
	struct event_base *base;
	struct event	*accept_ev;
	struct event	*term_ev;
	struct plan	plan;
	uint64_t	requests;
	uint64_t	held;		/* streams held open now */
	LIST_HEAD(, conn) conns;
};

struct conn {
	LIST_ENTRY(conn) entry;
	struct mock	*mock;
	int		fd;
	struct event	*read_ev;
	struct event	*write_ev;
	struct event	*timer;
	char		*in;		/* the request so far, owned */
	size_t		in_len, in_cap;
	size_t		request_len;	/* of the request being answered */
	struct plan	plan;
	bool		streaming;
	bool		holding;
	uint64_t	sent;		/* tokens */
	uint64_t	due;		/* ns, of the next token */
	uint64_t	last;		/* the stamp before */
	size_t		out_len;	/* what one send() left over */
	char		out[1024];
};

static void
conn_requests(struct conn *);

static void
conn_free(struct conn *c)
{
	LIST_REMOVE(c, entry);
	if (c->holding)
		c->mock->held--;
	if (c->read_ev != NULL)
		event_free(c->read_ev);
	if (c->write_ev != NULL)
		event_free(c->write_ev);
	if (c->timer != NULL)
		event_free(c->timer);
	close(c->fd);
	free(c->in);
	free(c);
}

/* 0 all sent, 1 the rest waits for the socket, -1 the connection is dead. */
static int
conn_send(struct conn *c, const char *p, size_t len)
{
	ssize_t n;

	n = send(c->fd, p, len, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return -1;
	if (n < 0)
		n = 0;
	if ((size_t)n == len)
		return 0;
	c->out_len = len - (size_t)n;
	if (c->out_len > sizeof(c->out))
		return -1;
	memmove(c->out, p + n, c->out_len);
	return event_add(c->write_ev, NULL) == 0 ? 1 : -1;
}

static int
send_head(struct conn *c)
{
	static const char head[] = "HTTP/1.1 200 OK\r\n"
	    "Content-Type: text/event-stream\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n";

	return conn_send(c, head, sizeof(head) - 1);
}

static int
send_token(struct conn *c)
{
	char body[320], out[400];
	uint64_t now;
	int n, m;

	/* Two stamps are never equal, so that a reader can tell order. */
	now = bench_now();
	c->last = now > c->last ? now : c->last + 1;
	n = snprintf(body, sizeof(body), "data: {\"id\":\"c-1\",\"object\":"
	    "\"chat.completion.chunk\",\"created\":1,\"model\":\"mock\","
	    "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"t%" PRIu64
	    " \"},\"finish_reason\":null}]}\n\n", c->last);
	m = snprintf(out, sizeof(out), "%x\r\n%s\r\n", (unsigned)n, body);
	c->sent++;
	return conn_send(c, out, (size_t)m);
}

static int
send_tail(struct conn *c)
{
	char body[640], out[720];
	int n, m;

	n = snprintf(body, sizeof(body), "data: {\"id\":\"c-1\",\"object\":"
	    "\"chat.completion.chunk\",\"created\":1,\"model\":\"mock\","
	    "\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":"
	    "\"stop\"}]}\n\n"
	    "data: {\"id\":\"c-1\",\"object\":\"chat.completion.chunk\","
	    "\"created\":1,\"model\":\"mock\",\"choices\":[],\"usage\":"
	    "{\"prompt_tokens\":10,\"completion_tokens\":%" PRIu64
	    ",\"total_tokens\":%" PRIu64 "}}\n\ndata: [DONE]\n\n",
	    c->plan.tokens, c->plan.tokens + 10);
	m = snprintf(out, sizeof(out), "%x\r\n%s\r\n0\r\n\r\n", (unsigned)n,
	    body);
	return conn_send(c, out, (size_t)m);
}

static void
conn_next_request(struct conn *c)
{
	c->in_len -= c->request_len;
	memmove(c->in, c->in + c->request_len, c->in_len);
	c->request_len = 0;
	c->streaming = false;
}

/* Wait for the time of the next token; due times do not drift. */
static int
conn_wait(struct conn *c)
{
	uint64_t now, ns = 0;
	struct timeval tv;

	if (c->plan.delay_us > 0) {
		now = bench_now();
		ns = c->due > now ? c->due - now : 0;
	}
	tv.tv_sec = (time_t)(ns / 1000000000U);
	tv.tv_usec = (suseconds_t)(ns / 1000 % 1000000);
	return event_add(c->timer, &tv);
}

/* Go on with a stream until it must wait or is over; may free c. */
static void
conn_stream(struct conn *c)
{
	unsigned burst = 0;
	int r = 0;

	while (c->sent < c->plan.tokens) {
		if (c->plan.delay_us > 0 ? bench_now() < c->due :
		    burst++ >= BURST) {
			r = conn_wait(c);
			break;
		}
		r = send_token(c);
		if (c->plan.delay_us > 0)
			c->due += c->plan.delay_us * 1000;
		if (r != 0)
			break;
	}
	if (r < 0) {
		conn_free(c);
		return;
	}
	if (r > 0 || c->sent < c->plan.tokens)
		return;
	if (c->plan.hold) {
		if (!c->holding)
			c->mock->held++;
		c->holding = true;
		return;
	}
	r = send_tail(c);
	if (r < 0) {
		conn_free(c);
		return;
	}
	conn_next_request(c);
	if (r == 0 && c->in_len > 0)
		conn_requests(c);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	conn_stream(arg);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	size_t len = c->out_len;
	int r;

	(void)fd;
	(void)what;
	c->out_len = 0;
	r = conn_send(c, c->out, len);
	if (r < 0)
		conn_free(c);
	else if (r == 0 && c->streaming)
		conn_stream(c);
	else if (r == 0)
		conn_requests(c);
}

static void
plan_set(struct plan *p, const char *text, size_t len)
{
	const char *end = text + len;
	uint64_t v;
	char *stop;

	for (; text < end; text++) {
		if (text + 2 < end && strncmp(text, "n=", 2) == 0) {
			v = strtoull(text + 2, &stop, 10);
			if (v <= 1000000)
				p->tokens = v;
		} else if (text + 3 < end && strncmp(text, "us=", 3) == 0) {
			v = strtoull(text + 3, &stop, 10);
			if (v <= 10000000)
				p->delay_us = v;
		} else if (text + 5 < end && strncmp(text, "hold=", 5) == 0) {
			p->hold = text[5] == '1';
		}
	}
}

/* The last marker in the body: a history before it may hold others. */
static void
plan_from_body(struct plan *p, const char *body, size_t len)
{
	static const char mark[] = "@bench ";
	const char *at, *found = NULL, *end = body + len, *stop;

	for (at = body; (at = memmem(at, (size_t)(end - at), mark,
	    sizeof(mark) - 1)) != NULL; at++)
		found = at;
	if (found == NULL)
		return;
	found += sizeof(mark) - 1;
	stop = memchr(found, '@', (size_t)(end - found));
	if (stop != NULL)
		plan_set(p, found, (size_t)(stop - found));
}

static int
reply_json(struct conn *c, const char *status, const char *json)
{
	char out[700];
	int n;

	n = snprintf(out, sizeof(out), "HTTP/1.1 %s\r\nContent-Type: "
	    "application/json\r\nContent-Length: %zu\r\n\r\n%s", status,
	    strlen(json), json);
	conn_next_request(c);
	return conn_send(c, out, (size_t)n);
}

static int
reply_whole(struct conn *c)
{
	char json[400];

	snprintf(json, sizeof(json), "{\"id\":\"c-1\",\"object\":"
	    "\"chat.completion\",\"created\":1,\"model\":\"mock\","
	    "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
	    "\"content\":\"ok\"},\"finish_reason\":\"stop\"}],\"usage\":{"
	    "\"prompt_tokens\":10,\"completion_tokens\":1,"
	    "\"total_tokens\":11}}");
	return reply_json(c, "200 OK", json);
}

/*
 * Answer the request that stands complete in the buffer: `head` bytes of
 * head, then the body.  Returns as conn_send; a stream counts as waiting.
 */
static int
conn_answer(struct conn *c, size_t head)
{
	struct mock *m = c->mock;
	const char *body = c->in + head, *q, *eol;
	size_t len = c->request_len - head;
	char json[160];
	int r;

	eol = memchr(c->in, '\r', head);
	if (strncmp(c->in, "GET /stats ", 11) == 0) {
		snprintf(json, sizeof(json), "{\"requests\":%" PRIu64
		    ",\"held\":%" PRIu64 "}", m->requests, m->held);
		return reply_json(c, "200 OK", json);
	}
	if (eol == NULL || strncmp(c->in, "POST ", 5) != 0 ||
	    memmem(c->in, (size_t)(eol - c->in), "/chat/completions",
	    17) == NULL)
		return reply_json(c, "404 Not Found", "{\"error\":{"
		    "\"message\":\"POST /v1/chat/completions only\"}}");
	m->requests++;
	if (memmem(body, len, "\"stream\":true", 13) == NULL &&
	    memmem(body, len, "\"stream\": true", 14) == NULL)
		return reply_whole(c);
	c->plan = m->plan;
	q = memchr(c->in, '?', (size_t)(eol - c->in));
	if (q != NULL)
		plan_set(&c->plan, q, (size_t)(eol - q));
	plan_from_body(&c->plan, body, len);
	c->streaming = true;
	c->sent = 0;
	c->due = bench_now();
	r = send_head(c);
	if (r == 0) {
		conn_stream(c);
		r = 1;
	}
	return r;
}

/* 0 not all there yet, -1 nonsense, 1 complete with its head's length. */
static int
conn_complete(struct conn *c, size_t *head)
{
	uint64_t body = 0;
	char *end, *p;

	end = memmem(c->in, c->in_len, "\r\n\r\n", 4);
	if (end == NULL)
		return 0;
	*head = (size_t)(end - c->in) + 4;
	*end = '\0';
	p = strcasestr(c->in, "\r\ncontent-length:");
	if (p != NULL)
		body = strtoull(p + 17, NULL, 10);
	p = strcasestr(c->in, "\r\nexpect: 100");
	*end = '\r';
	if (body > REQUEST_MAX || p != NULL)
		return -1;
	c->request_len = *head + (size_t)body;
	if (c->in_len >= c->request_len)
		return 1;
	c->request_len = 0;
	return 0;
}

static void
conn_requests(struct conn *c)
{
	size_t head;
	int r;

	while (!c->streaming && c->in_len > 0) {
		r = conn_complete(c, &head);
		if (r == 0)
			return;
		if (r > 0) {
			/* A stream may free c: it reports waiting, 1. */
			r = conn_answer(c, head);
			if (r > 0)
				return;
		}
		if (r < 0) {
			conn_free(c);
			return;
		}
	}
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	size_t cap;
	ssize_t n;
	char *p;

	(void)what;
	if (c->in_cap - c->in_len < 2048) {
		cap = c->in_cap > 0 ? c->in_cap * 2 : 4096;
		/* One byte stays free for the terminator of a search. */
		p = cap <= REQUEST_MAX ? realloc(c->in, cap + 1) : NULL;
		if (p == NULL) {
			conn_free(c);
			return;
		}
		c->in = p;
		c->in_cap = cap;
	}
	n = recv(fd, c->in + c->in_len, c->in_cap - c->in_len, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		conn_free(c);
		return;
	}
	c->in_len += (size_t)n;
	if (!c->streaming && c->out_len == 0)
		conn_requests(c);
}

static void
on_accept(evutil_socket_t lfd, short what, void *arg)
{
	struct mock *m = arg;
	struct conn *c;
	int fd, one = 1;

	(void)what;
	while ((fd = accept4(lfd, NULL, NULL,
	    SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one,
		    sizeof(one));
		c = calloc(1, sizeof(*c));
		if (c == NULL) {
			close(fd);
			continue;
		}
		c->mock = m;
		c->fd = fd;
		LIST_INSERT_HEAD(&m->conns, c, entry);
		c->read_ev = event_new(m->base, fd, EV_READ | EV_PERSIST,
		    on_readable, c);
		c->write_ev = event_new(m->base, fd, EV_WRITE, on_writable,
		    c);
		c->timer = evtimer_new(m->base, on_timer, c);
		if (c->read_ev == NULL || c->write_ev == NULL ||
		    c->timer == NULL || event_add(c->read_ev, NULL) != 0)
			conn_free(c);
	}
	if (errno == EMFILE || errno == ENFILE)
		bench_die("out of file descriptors");
}

static void
on_term(evutil_socket_t sig, short what, void *arg)
{
	(void)sig;
	(void)what;
	event_base_loopbreak(arg);
}

static const char usage[] =
"usage: mock-provider [--port N] [--tokens N] [--delay-us N] [--seconds N]\n"
"An OpenAI-compatible streaming provider on 127.0.0.1 for benchmarks.\n"
"Prints its port as one line, serves until SIGTERM.\n"
"  --port N      port to listen on (0: any, the default)\n"
"  --tokens N    tokens in an answer (64)\n"
"  --delay-us N  microseconds between tokens (0)\n"
"  --seconds N   end after so long in any case (3600)\n"
"The query of the URL (?n=64&us=10000&hold=1) and the last \"@bench n=64\n"
"us=10000 hold=1@\" in the request's body override these for one request;\n"
"hold=1 leaves the stream open after the last token.  GET /stats tells the\n"
"number of completions asked for and of streams held.\n";

int
main(int argc, char **argv)
{
	static const struct option opts[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "tokens", required_argument, NULL, 'n' },
		{ "delay-us", required_argument, NULL, 'd' },
		{ "seconds", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 }
	};
	struct mock m = { .plan = { .tokens = 64 } };
	struct event_config *cfg;
	unsigned port = 0, seconds = 3600;
	int c, fd;

	while ((c = getopt_long(argc, argv, "", opts, NULL)) != -1) {
		if (c == 'p')
			port = (unsigned)bench_number("--port", optarg, 0,
			    65535);
		else if (c == 'n')
			m.plan.tokens = bench_number("--tokens", optarg, 0,
			    1000000);
		else if (c == 'd')
			m.plan.delay_us = bench_number("--delay-us", optarg,
			    0, 10000000);
		else if (c == 's')
			seconds = (unsigned)bench_number("--seconds", optarg,
			    1, 86400);
		else
			bench_usage(usage, c == 'h' ? 0 : 2);
	}
	if (optind != argc)
		bench_usage(usage, 2);
	bench_init();
	alarm(seconds);
	fd = bench_listen(&port);
	cfg = event_config_new();
	if (cfg == NULL || event_config_set_flag(cfg,
	    EVENT_BASE_FLAG_PRECISE_TIMER) != 0 ||
	    (m.base = event_base_new_with_config(cfg)) == NULL)
		bench_die("cannot start the event loop");
	event_config_free(cfg);
	m.accept_ev = event_new(m.base, fd, EV_READ | EV_PERSIST, on_accept,
	    &m);
	m.term_ev = evsignal_new(m.base, SIGTERM, on_term, m.base);
	if (m.accept_ev == NULL || m.term_ev == NULL ||
	    event_add(m.accept_ev, NULL) != 0 ||
	    event_add(m.term_ev, NULL) != 0)
		bench_die("out of memory");
	printf("%u\n", port);
	fflush(stdout);
	event_base_dispatch(m.base);
	while (!LIST_EMPTY(&m.conns))
		conn_free(LIST_FIRST(&m.conns));
	event_free(m.accept_ev);
	event_free(m.term_ev);
	event_base_free(m.base);
	close(fd);
	return 0;
}

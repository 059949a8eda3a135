/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http-rig.h - a real server on a loopback port in a thread of its own, and
 * blocking clients. Used by the test-http-* and test-sse-out programs.
 */
#ifndef T_UNIT_HTTP_RIG_H
#define T_UNIT_HTTP_RIG_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>

#include "../../core/base/clock.h"
#include "../../core/base/log.h"
#include "../../core/net/http_server.h"
#include "tap.h"

/*
 * Clients that come and go fast get descriptor numbers that the server has
 * just closed and libevent is about to remove from its epoll set (a call that
 * then fails, as it expects). ThreadSanitizer takes that for a race.
 */
#ifdef __SANITIZE_THREAD__
#define RIG_CHURN 0
#else
#define RIG_CHURN 1
#endif

struct rig {
	struct http_server_config cfg; /* to be filled in */
	struct loop *loop;
	struct http_server *server;
	pthread_t thread;
	sem_t ready;
	int port;
	struct err err;
};

static void *
rig_run_(void *arg)
{
	struct rig *g = arg;

	g->loop = loop_new(&g->err);
	if (g->loop == NULL)
		abort();
	g->server = http_server_new(g->loop, &g->cfg, &g->err);
	if (g->server != NULL)
		g->port = http_server_port(g->server);
	(void)sem_post(&g->ready);
	if (g->server != NULL)
		(void)loop_run(g->loop);
	return NULL;
}

static inline struct http_server_config
rig_config(void (*handle)(void *, struct http_req *))
{
	struct http_server_config c = { .host = "127.0.0.1",
	    .max_body = 1 << 20, .max_connections = 1000,
	    .head_timeout_ms = 10000, .body_timeout_ms = 10000,
	    .idle_timeout_ms = 10000, .handle = handle };

	return c;
}

static inline void
rig_start(struct rig *g)
{
	(void)signal(SIGPIPE, SIG_IGN); /* as the server asks for */
	(void)sem_init(&g->ready, 0, 0);
	if (pthread_create(&g->thread, NULL, rig_run_, g) != 0)
		abort();
	while (sem_wait(&g->ready) != 0)
		;
}

static inline void
rig_stop(struct rig *g)
{
	if (g->server != NULL)
		loop_stop(g->loop);
	(void)pthread_join(g->thread, NULL);
	/* Here, where the call that stopped the loop has returned. */
	http_server_free(g->server);
	loop_free(g->loop);
	(void)sem_destroy(&g->ready);
}

struct rig_call_ {
	struct loop_post post;
	void (*fn)(void *);
	void *arg;
	sem_t done;
};

static void
rig_enter_(void *arg)
{
	struct rig_call_ *c = arg;

	c->fn(c->arg);
	(void)sem_post(&c->done);
}

/* Runs fn(arg) on the loop and waits for it. */
static inline void
rig_call(struct rig *g, void (*fn)(void *), void *arg)
{
	struct rig_call_ c = { .fn = fn, .arg = arg };

	(void)sem_init(&c.done, 0, 0);
	c.post.fn = rig_enter_;
	c.post.arg = &c;
	loop_post(g->loop, &c.post);
	while (sem_wait(&c.done) != 0)
		;
	(void)sem_destroy(&c.done);
}

struct rig_stats_ {
	struct rig *g;
	struct http_server_stats st;
};

static void
rig_get_stats_(void *arg)
{
	struct rig_stats_ *s = arg;

	http_server_stats(s->g->server, &s->st);
}

static inline struct http_server_stats
rig_stats(struct rig *g)
{
	struct rig_stats_ s = { .g = g };

	rig_call(g, rig_get_stats_, &s);
	return s.st;
}

/* Waits until n connections are left; 0 when that has not come in 10 s. */
static inline int
rig_wait_connections(struct rig *g, unsigned n)
{
	uint64_t until = clock_mono_ns() + UINT64_C(10000000000);
	struct timespec nap = { 0, 2000000 };

	while (rig_stats(g).connections != n) {
		if (clock_mono_ns() > until)
			return 0;
		(void)nanosleep(&nap, NULL);
	}
	return 1;
}

static inline int
rig_connect(struct rig *g)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
	    .sin_port = htons((uint16_t)g->port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval tv = { 20, 0 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv,
	    sizeof tv) != 0 || connect(fd, (struct sockaddr *)&sin,
	    sizeof sin) != 0)
		abort();
	return fd;
}

/* 0, or -1 when the server has hung up. */
static inline int
rig_send(int fd, const void *p, size_t n)
{
	const char *s = p;
	ssize_t r;

	while (n > 0) {
		r = send(fd, s, n, MSG_NOSIGNAL);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return -1;
		s += r;
		n -= (size_t)r;
	}
	return 0;
}

static inline int
rig_sends(int fd, const char *s)
{
	return rig_send(fd, s, strlen(s));
}

/* Bytes until the end or n; *reset tells ECONNRESET from an end. */
static inline size_t
rig_read_all(int fd, char *out, size_t n, int *reset)
{
	size_t got = 0;
	ssize_t r;

	*reset = 0;
	while (got + 1 < n) {
		r = recv(fd, out + got, n - got - 1, 0);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0) {
			*reset = r < 0;
			break;
		}
		got += (size_t)r;
	}
	out[got] = '\0';
	return got;
}

/*
 * One reply with Content-Length (or none to a HEAD): its status, head and
 * body in out. 0: the connection ended first.
 */
static inline int
rig_read_reply(int fd, char *out, size_t n, int head_only)
{
	size_t got = 0, want = 0;
	char *body = NULL, *p;
	ssize_t r;

	while (got + 1 < n && (body == NULL || got < want)) {
		/* Byte by byte in the head: nothing of the next is taken. */
		r = recv(fd, out + got, body == NULL ? 1 : want - got, 0);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			break;
		got += (size_t)r;
		out[got] = '\0';
		if (body != NULL || got < 4 ||
		    memcmp(out + got - 4, "\r\n\r\n", 4) != 0)
			continue;
		body = out + got;
		p = strstr(out, "Content-Length: ");
		want = got + (p != NULL && !head_only ?
		    strtoul(p + 16, NULL, 10) : 0);
	}
	out[got] = '\0';
	if (body == NULL || got < want || strncmp(out, "HTTP/1.", 7) != 0)
		return 0;
	return (int)strtol(out + 9, NULL, 10);
}

static inline const char *
rig_body(const char *reply)
{
	const char *p = strstr(reply, "\r\n\r\n");

	return p != NULL ? p + 4 : "";
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_server.c - the server as a whole: listener and connection limit,
 * deadlines, and what is to be done soon.
 *
 * Deadlines cost no timer a connection: time-outs of one kind are equal, so
 * connections wait in one queue a kind, in order, and one timer watches the
 * heads of the queues.
 *
 * evhttp makes a connection of its own, without our filter, when the callback
 * that is to provide one returns NULL. So the next connection is made ready
 * before it is accepted, and nothing is accepted while there is none.
 */
#include "http_server.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../base/clock.h"
#include "../base/log.h"
#include "http-internal.h"

#define BACKLOG 1024
#define PAUSE_MS 100
#define SECOND_NS UINT64_C(1000000000)

/* evhttp fixes the argument of the listener's callbacks: found by it. */
static LIST_HEAD(server_list, http_server) servers =
    LIST_HEAD_INITIALIZER(servers);

static void
on_kick(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *s = arg;
	struct http_conn *c;
	unsigned n;

	(void)fd;
	(void)what;
	/* Those that are kicked in the meantime have their turn next round. */
	n = s->kicked_n;
	s->kicked_n = 0;
	while (n-- > 0 && (c = TAILQ_FIRST(&s->kicked)) != NULL)
		conn_run(c);
	if (!TAILQ_EMPTY(&s->kicked))
		server_kick(s);
}

/* Not event_active(), which would run it before what else is ready. */
void
server_kick(struct http_server *s)
{
	struct timeval now = { 0, 0 };

	if (!evtimer_pending(s->kick, NULL))
		(void)evtimer_add(s->kick, &now);
}

static void
arm_tick(struct http_server *s, uint64_t at)
{
	uint64_t now = clock_mono_ns(), us;
	struct timeval tv;

	us = at > now ? (at - now) / 1000 + 1 : 0;
	tv.tv_sec = (time_t)(us / 1000000);
	tv.tv_usec = (suseconds_t)(us % 1000000);
	s->tick_at = at;
	(void)evtimer_add(s->tick, &tv);
}

void
server_wait(struct http_server *s, struct http_conn *c, enum conn_wait kind)
{
	if (c->waiting != WAIT_NONE)
		TAILQ_REMOVE(&s->waits[c->waiting], c, wait);
	c->waiting = (uint8_t)kind;
	if (kind == WAIT_NONE)
		return;
	c->deadline = clock_mono_ns() + s->timeout[kind];
	TAILQ_INSERT_TAIL(&s->waits[kind], c, wait);
	if (s->tick_at == 0 || c->deadline < s->tick_at)
		arm_tick(s, c->deadline);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *s = arg;
	struct http_conn *c;
	uint64_t now = clock_mono_ns(), next = 0;
	int kind;

	(void)fd;
	(void)what;
	s->tick_at = UINT64_MAX; /* armed once, below */
	for (kind = WAIT_NONE + 1; kind < WAIT_KINDS; kind++) {
		while ((c = TAILQ_FIRST(&s->waits[kind])) != NULL &&
		    c->deadline <= now) {
			server_wait(s, c, WAIT_NONE);
			conn_expired(c);
		}
	}
	for (kind = WAIT_NONE + 1; kind < WAIT_KINDS; kind++) {
		c = TAILQ_FIRST(&s->waits[kind]);
		if (c != NULL && (next == 0 || c->deadline < next))
			next = c->deadline;
	}
	s->tick_at = 0;
	if (next != 0)
		arm_tick(s, next);
}

int
server_map_fd(struct http_server *s, int fd, struct http_conn *c)
{
	size_t n = s->by_fd_n != 0 ? s->by_fd_n : 64;
	struct http_conn **p;

	while (n <= (size_t)fd)
		n *= 2;
	if (n != s->by_fd_n) {
		p = realloc(s->by_fd, n * sizeof *p);
		if (p == NULL)
			return -1;
		memset(p + s->by_fd_n, 0, (n - s->by_fd_n) * sizeof *p);
		s->by_fd = p;
		s->by_fd_n = n;
	}
	s->by_fd[fd] = c;
	return 0;
}

/* until: a timer wakes us; otherwise the end of a connection does. */
static void
pause_accept(struct http_server *s, int timed)
{
	struct timeval tv = { 0, PAUSE_MS * 1000 };

	(void)evconnlistener_disable(s->lev);
	s->paused = 1;
	if (timed)
		(void)evtimer_add(s->resume, &tv);
}

static void
resume_accept(struct http_server *s)
{
	if (!s->paused || s->closing ||
	    s->stats.connections >= s->cfg.max_connections)
		return;
	if (s->next == NULL)
		s->next = conn_new(s);
	if (s->next == NULL) {
		pause_accept(s, 1);
		return;
	}
	s->paused = 0;
	(void)evtimer_del(s->resume);
	(void)evconnlistener_enable(s->lev);
}

static void
on_resume(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	resume_accept(arg);
}

void
server_conn_gone(struct http_server *s)
{
	s->stats.connections--;
	/* A pause for want of descriptors ends by its timer. */
	if (!evtimer_pending(s->resume, NULL))
		resume_accept(s);
}

/* evhttp accepts a connection and asks for its bufferevent. */
static struct bufferevent *
give_bufferevent(struct event_base *base, void *arg)
{
	struct http_server *s = arg;
	struct http_conn *c = s->next;

	(void)base;
	c->accepted = 1;
	s->stats.connections++;
	conn_rearm(c);
	conn_kick(c);
	s->next = conn_new(s);
	if (s->next == NULL ||
	    s->stats.connections >= s->cfg.max_connections)
		pause_accept(s, s->next == NULL);
	return c->bev;
}

static void
log_accept(struct http_server *s, const char *why)
{
	uint64_t now = clock_mono_ns();

	if (s->logged_at != 0 && now - s->logged_at < SECOND_NS)
		return;
	s->logged_at = now;
	log_warn("http", "cannot accept a connection: %s", why);
}

/*
 * Without a free descriptor the connection would stay ready and the loop spin.
 * The spare one is given up to accept it and hang up.
 */
static void
on_accept_error(struct evconnlistener *lev, void *arg)
{
	int err = errno, fd;
	struct http_server *s;

	LIST_FOREACH(s, &servers, all)
		if ((void *)s->http == arg)
			break;
	if (s == NULL)
		return;
	log_accept(s, strerror(err));
	if ((err == EMFILE || err == ENFILE) && s->spare >= 0) {
		(void)close(s->spare);
		fd = accept4(evconnlistener_get_fd(lev), NULL, NULL,
		    SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0)
			(void)close(fd);
		s->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
	pause_accept(s, 1);
}

static int
bind_one(const struct addrinfo *ai)
{
	int fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, ai->ai_protocol), on = 1, err;

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
	    bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 &&
	    listen(fd, BACKLOG) == 0)
		return fd;
	err = errno;
	(void)close(fd);
	errno = err;
	return -1;
}

/* A name is looked up here, before the loop runs. */
static int
open_listener(const char *host, int port, struct err *e)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_PASSIVE | AI_NUMERICSERV }, *list = NULL, *ai;
	char name[256], service[12];
	size_t n = strlen(host);
	int fd = -1, r;

	if (n > 1 && host[0] == '[' && host[n - 1] == ']') {
		host++;
		n -= 2;
	}
	(void)snprintf(name, sizeof name, "%.*s", (int)n, host);
	(void)snprintf(service, sizeof service, "%d", port);
	r = getaddrinfo(name, service, &hints, &list);
	if (r != 0)
		return err_set(e, ERR_UNAVAILABLE, "cannot listen on %s:%d: "
		    "%s", host, port, gai_strerror(r));
	for (ai = list; ai != NULL && fd < 0; ai = ai->ai_next)
		fd = bind_one(ai);
	if (fd < 0)
		(void)err_set(e, ERR_UNAVAILABLE, "cannot listen on %s:%d: "
		    "%s", host, port, strerror(errno));
	freeaddrinfo(list);
	return fd;
}

static int
bound_port(int fd)
{
	struct sockaddr_storage ss;
	socklen_t n = sizeof ss;
	char service[12];

	if (getsockname(fd, (struct sockaddr *)&ss, &n) != 0 ||
	    getnameinfo((struct sockaddr *)&ss, n, NULL, 0, service,
	    sizeof service, NI_NUMERICSERV) != 0)
		return -1;
	return (int)strtol(service, NULL, 10);
}

/* -1: out of memory. fd is evhttp's from the listener on. */
static int
start_evhttp(struct http_server *s, int *fd)
{
	s->http = evhttp_new(s->base);
	if (s->http == NULL)
		return -1;
	/* The filter has limits of its own; these never act first. */
	evhttp_set_max_headers_size(s->http, HTTP_HEAD_MAX);
	evhttp_set_max_body_size(s->http, (ev_ssize_t)s->cfg.max_body);
	evhttp_set_default_content_type(s->http, NULL);
	evhttp_set_allowed_methods(s->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD |
	    EVHTTP_REQ_POST | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
	    EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH);
	evhttp_set_gencb(s->http, http_req_arrived, s);
	evhttp_set_bevcb(s->http, give_bufferevent, s);
	s->lev = evconnlistener_new(s->base, NULL, NULL,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, *fd);
	if (s->lev == NULL)
		return -1;
	*fd = -1;
	evconnlistener_set_error_cb(s->lev, on_accept_error);
	if (evhttp_bind_listener(s->http, s->lev) == NULL) {
		evconnlistener_free(s->lev);
		return -1;
	}
	return 0;
}

static void
set_timeouts(struct http_server *s)
{
	const uint64_t ms = 1000000;

	s->timeout[WAIT_HEAD] = s->cfg.head_timeout_ms * ms;
	s->timeout[WAIT_BODY] = s->cfg.body_timeout_ms * ms;
	s->timeout[WAIT_KEEP] = s->cfg.idle_timeout_ms * ms;
	s->timeout[WAIT_REPLY] = HTTP_REPLY_MS * ms;
	s->timeout[WAIT_LINGER] = HTTP_LINGER_MS * ms;
	s->timeout[WAIT_BEAT] = HTTP_BEAT_MS * ms;
}

struct http_server *
http_server_new(struct loop *l, const struct http_server_config *cfg,
    struct err *e)
{
	struct http_server *s = calloc(1, sizeof *s);
	int fd = -1, i;

	if (s == NULL) {
		err_nomem(e);
		return NULL;
	}
	s->base = loop_base(l);
	s->cfg = *cfg;
	s->cfg.host = NULL; /* the caller's */
	s->spare = -1;
	TAILQ_INIT(&s->conns);
	TAILQ_INIT(&s->kicked);
	for (i = 0; i < WAIT_KINDS; i++)
		TAILQ_INIT(&s->waits[i]);
	set_timeouts(s);
	LIST_INSERT_HEAD(&servers, s, all);
	fd = open_listener(cfg->host, cfg->port, e);
	if (fd < 0)
		goto fail;
	s->port = bound_port(fd);
	s->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	s->kick = evtimer_new(s->base, on_kick, s);
	s->tick = evtimer_new(s->base, on_tick, s);
	s->resume = evtimer_new(s->base, on_resume, s);
	s->next = conn_new(s);
	if (s->kick == NULL || s->tick == NULL || s->resume == NULL ||
	    s->next == NULL || start_evhttp(s, &fd) != 0) {
		err_nomem(e);
		goto fail;
	}
	return s;
fail:
	if (fd >= 0)
		(void)close(fd);
	http_server_free(s);
	return NULL;
}

void
http_server_free(struct http_server *s)
{
	struct http_conn *c;

	if (s == NULL)
		return;
	s->closing = 1;
	if (s->http != NULL)
		evhttp_free(s->http);
	while ((c = TAILQ_FIRST(&s->conns)) != NULL) {
		if (c == s->next)
			bufferevent_free(c->bev); /* evhttp's reference */
		conn_free(c);
	}
	if (s->tick != NULL)
		event_free(s->tick);
	if (s->resume != NULL)
		event_free(s->resume);
	if (s->kick != NULL)
		event_free(s->kick);
	if (s->spare >= 0)
		(void)close(s->spare);
	LIST_REMOVE(s, all);
	free(s->by_fd);
	free(s);
}

int
http_server_port(const struct http_server *s)
{
	return s->port;
}

void
http_server_stats(const struct http_server *s, struct http_server_stats *out)
{
	*out = s->stats;
}

void
http_server_set_wait(struct http_server *s, enum conn_wait kind, unsigned ms)
{
	s->timeout[kind] = ms * UINT64_C(1000000);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * odd-server.c - the server that misbehaves on request. Blocking sockets and
 * a thread a connection, so that each bad habit is a few straight lines. A
 * handler returns 0 when the connection can go on, -1 to close it.
 */
#include "odd-server.h"

#include <errno.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNS 4096

struct conn {
	struct odd_server *s;
	pthread_t thread;
	int fd;
	char head[32768];
	size_t have; /* bytes read past what was taken */
	char *method, *path, *headers;
	char *body;
	size_t body_n;
};

struct odd_server {
	int fd, port;
	pthread_t thread;
	atomic_int accepted, requests, stop;
	atomic_size_t sent;
	struct conn *conns[CONNS];
};

static void
nap(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	(void)nanosleep(&t, NULL);
}

static int
put(struct conn *c, const char *p, size_t n)
{
	ssize_t r;

	while (n > 0) {
		r = send(c->fd, p, n, MSG_NOSIGNAL);
		if (r <= 0)
			return -1;
		atomic_fetch_add(&c->s->sent, (size_t)r);
		p += r;
		n -= (size_t)r;
	}
	return 0;
}

static int
puts_(struct conn *c, const char *s)
{
	return put(c, s, strlen(s));
}

static int
chunk(struct conn *c, const char *p, size_t n)
{
	char h[32];

	(void)snprintf(h, sizeof h, "%zx\r\n", n);
	return puts_(c, h) || put(c, p, n) || puts_(c, "\r\n") ? -1 : 0;
}

static int
chunks(struct conn *c, const char *s)
{
	return chunk(c, s, strlen(s));
}

static int
reply(struct conn *c, const char *status, const char *more, const char *body)
{
	char h[4096];

	(void)snprintf(h, sizeof h, "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n"
	    "\r\n%s", status, more, strlen(body),
	    strcmp(c->method, "HEAD") == 0 ? "" : body);
	return puts_(c, h);
}

/* Waits until the client goes away. */
static int
hang(struct conn *c)
{
	char b[64];

	while (recv(c->fd, b, sizeof b, 0) > 0)
		;
	return -1;
}

#define SSE "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; " \
	"charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
#define TEXT "Content-Type: text/plain\r\n"

static int
do_ok(struct conn *c, const char *arg)
{
	(void)arg;
	return reply(c, "200 OK", TEXT, "hello");
}

/* The head as it came, a blank line, length and sum of the body. */
static int
do_echo(struct conn *c, const char *arg)
{
	char b[8192];
	unsigned sum = 0;
	size_t i;

	(void)arg;
	for (i = 0; i < c->body_n; i++)
		sum = sum * 31 + (unsigned char)c->body[i];
	(void)snprintf(b, sizeof b, "%s %s\n%s\nbody %zu %u\n", c->method,
	    c->path, c->headers, c->body_n, sum);
	return reply(c, "200 OK", TEXT, b);
}

/* arg: number of events, and the pause between them in ms. */
static int
do_sse(struct conn *c, const char *arg)
{
	long n = 3, ms = 0, i;
	char ev[80];

	(void)sscanf(arg, "%ld,%ld", &n, &ms);
	if (puts_(c, SSE) != 0)
		return -1;
	for (i = 0; i < n; i++) {
		(void)snprintf(ev, sizeof ev, "id: %ld\nevent: e\ndata: "
		    "{\"n\":%ld}\n\n", i, i);
		if (chunks(c, ev) != 0)
			return -1;
		nap(ms);
	}
	return puts_(c, "0\r\n\r\n");
}

static int
do_hang(struct conn *c, const char *arg)
{
	(void)arg;
	return hang(c);
}

static int
do_hang_mid(struct conn *c, const char *arg)
{
	(void)arg;
	if (puts_(c, SSE) != 0 || chunks(c, "data: one\n\ndata: tw") != 0)
		return -1;
	return hang(c);
}

static int
do_cut_chunk(struct conn *c, const char *arg)
{
	(void)arg;
	(void)puts_(c, SSE);
	(void)chunks(c, "data: whole\n\n");
	(void)puts_(c, "20\r\ndata: half");
	return -1;
}

static int
do_cut_length(struct conn *c, const char *arg)
{
	(void)arg;
	(void)puts_(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort");
	return -1;
}

static int
do_cut_head(struct conn *c, const char *arg)
{
	(void)arg;
	(void)puts_(c, "HTTP/1.1 200 OK\r\nContent-Ty");
	return -1;
}

static int
do_garbage(struct conn *c, const char *arg)
{
	(void)arg;
	(void)put(c, "\x16\x03\x01\x00\xff\x00 not http\r\n\r\n", 19);
	return -1;
}

/* arg: "302 http://..." */
static int
do_to(struct conn *c, const char *arg)
{
	char status[64], more[2048];
	const char *url = strchr(arg, ',');

	(void)snprintf(status, sizeof status, "%.3s Elsewhere", arg);
	(void)snprintf(more, sizeof more, "Location: %s\r\n",
	    url != NULL ? url + 1 : "/ok");
	return reply(c, status, more, "not for you");
}

/* A redirect whose body has no end. */
static int
do_to_big(struct conn *c, const char *arg)
{
	char fill[4096];

	(void)arg;
	memset(fill, 'x', sizeof fill);
	if (puts_(c, "HTTP/1.1 302 Found\r\nLocation: /ok\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n") != 0)
		return -1;
	while (chunk(c, fill, sizeof fill) == 0)
		;
	return -1;
}

static int
do_big(struct conn *c, const char *arg)
{
	size_t n = strtoul(arg, NULL, 10), k;
	char fill[16384], h[128];

	memset(fill, 'x', sizeof fill);
	(void)snprintf(h, sizeof h, "HTTP/1.1 200 OK\r\n"
	    "Content-Length: %zu\r\n\r\n", n);
	if (puts_(c, h) != 0)
		return -1;
	for (; n > 0; n -= k) {
		k = n < sizeof fill ? n : sizeof fill;
		if (put(c, fill, k) != 0)
			return -1;
	}
	return 0;
}

static int
do_endless(struct conn *c, const char *arg)
{
	char fill[4096];

	memset(fill, 'x', sizeof fill);
	if (puts_(c, *arg == 's' ? SSE : "HTTP/1.1 200 OK\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n") != 0 ||
	    chunks(c, "data:") != 0)
		return -1;
	while (chunk(c, fill, sizeof fill) == 0)
		;
	return -1;
}

/* A euro sign and an emoji, each cut in the middle by a chunk. */
static int
do_utf8(struct conn *c, const char *arg)
{
	(void)arg;
	if (puts_(c, SSE) != 0 || chunks(c, "data: \xe2\x82") != 0)
		return -1;
	nap(20);
	if (chunks(c, "\xac \xf0\x9f") != 0)
		return -1;
	nap(20);
	return chunks(c, "\x98\x80\n\n") || puts_(c, "0\r\n\r\n") ? -1 : 0;
}

static int
do_status(struct conn *c, const char *arg)
{
	char status[64], h[128];

	(void)snprintf(status, sizeof status, "%.3s Said", arg);
	if (strncmp(arg, "304", 3) == 0 || strncmp(arg, "204", 3) == 0) {
		(void)snprintf(h, sizeof h, "HTTP/1.1 %s\r\nETag: \"x\"\r\n"
		    "\r\n", status);
		return puts_(c, h);
	}
	return reply(c, status, TEXT, "as asked");
}

/* arg: the value, + standing for a blank. */
static int
do_retry_after(struct conn *c, const char *arg)
{
	char more[256], date[64], *p;
	time_t t;
	struct tm tm;

	(void)snprintf(date, sizeof date, "%s", arg);
	for (p = date; *p != '\0'; p++)
		if (*p == '+')
			*p = ' ';
	if (strcmp(arg, "date") == 0) {
		t = time(NULL) + 60;
		(void)gmtime_r(&t, &tm);
		(void)strftime(date, sizeof date,
		    "%a, %d %b %Y %H:%M:%S GMT", &tm);
	}
	(void)snprintf(more, sizeof more, "Content-Type: application/json"
	    "\r\nRetry-After: %s\r\n", date);
	return reply(c, "429 Too Many Requests", more, "{\"slow\":1}");
}

static int
do_interim(struct conn *c, const char *arg)
{
	(void)arg;
	if (puts_(c, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n"
	    "Content-Type: text/wrong\r\n\r\n") != 0)
		return -1;
	return do_ok(c, arg);
}

static int
do_interim_flood(struct conn *c, const char *arg)
{
	(void)arg;
	while (puts_(c, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n") == 0)
		;
	return -1;
}

static int
do_head_flood(struct conn *c, const char *arg)
{
	(void)arg;
	if (puts_(c, "HTTP/1.1 200 OK\r\n") != 0)
		return -1;
	while (puts_(c, "X-Fill: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n")
	    == 0)
		;
	return -1;
}

/* "hello" packed. */
static int
do_gzip(struct conn *c, const char *arg)
{
	static const char gz[] = {
		'\x1f', '\x8b', 8, 0, 0, 0, 0, 0, 0, 3, '\xcb', '\x48',
		'\xcd', '\xc9', '\xc9', 7, 0, '\x86', '\xa6', '\x10',
		'\x36', 5, 0, 0, 0
	};

	(void)arg;
	return puts_(c, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
	    "Content-Length: 25\r\n\r\n") || put(c, gz, sizeof gz) ? -1 : 0;
}

static int
do_json(struct conn *c, const char *arg)
{
	(void)arg;
	return reply(c, "200 OK", "Content-Type: application/json\r\n",
	    "data: {}\n\n");
}

/* arg: ms between two bytes. */
static int
do_drip(struct conn *c, const char *arg)
{
	const char *s = "HTTP/1.1 200 OK\r\nX: 1\r\nContent-Length: 10\r\n"
	    "\r\n0123456789";

	for (; *s != '\0'; s++) {
		if (put(c, s, 1) != 0)
			return -1;
		nap(strtol(arg, NULL, 10));
	}
	return 0;
}

static int
do_trailer(struct conn *c, const char *arg)
{
	(void)arg;
	return puts_(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
	    "Content-Type: text/good\r\n\r\n") || chunks(c, "hello") ||
	    puts_(c, "0\r\nContent-Type: text/evil\r\nHTTP/1.1: 500\r\n\r\n")
	    ? -1 : 0;
}

/* Keeps alive by its words, closes by its deeds. */
static int
do_close(struct conn *c, const char *arg)
{
	(void)do_ok(c, arg);
	return -1;
}

/* The end of the body is the end of the connection. */
static int
do_until_close(struct conn *c, const char *arg)
{
	(void)arg;
	(void)puts_(c, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream"
	    "\r\nConnection: close\r\n\r\ndata: a\n\ndata: b\n\ndata: lost");
	return -1;
}

static const struct {
	const char *path;
	int (*fn)(struct conn *, const char *arg);
} table[] = {
	{ "/ok", do_ok }, { "/echo", do_echo }, { "/sse", do_sse },
	{ "/hang", do_hang }, { "/hang-mid", do_hang_mid },
	{ "/cut-chunk", do_cut_chunk }, { "/cut-length", do_cut_length },
	{ "/cut-head", do_cut_head }, { "/garbage", do_garbage },
	{ "/to", do_to }, { "/to-big", do_to_big }, { "/big", do_big },
	{ "/endless", do_endless }, { "/utf8", do_utf8 },
	{ "/status", do_status }, { "/retry-after", do_retry_after },
	{ "/interim", do_interim }, { "/interim-flood", do_interim_flood },
	{ "/head-flood", do_head_flood }, { "/gzip", do_gzip },
	{ "/json", do_json }, { "/drip", do_drip },
	{ "/trailer", do_trailer }, { "/close", do_close },
	{ "/until-close", do_until_close },
};

static int
dispatch(struct conn *c)
{
	size_t n = strcspn(c->path, "?"), i;
	const char *arg = c->path[n] == '?' ? c->path + n + 1 : "";

	for (i = 0; i < sizeof table / sizeof table[0]; i++)
		if (strlen(table[i].path) == n &&
		    strncmp(table[i].path, c->path, n) == 0)
			return table[i].fn(c, arg);
	return reply(c, "404 Not Found", TEXT, "no such path");
}

static int
read_body(struct conn *c, size_t head_n)
{
	const char *cl = strcasestr(c->headers, "content-length:");
	size_t want = cl != NULL ? strtoul(cl + 15, NULL, 10) : 0, got;
	ssize_t r;

	free(c->body);
	c->body = malloc(want + 1);
	if (c->body == NULL)
		return -1;
	got = c->have - head_n < want ? c->have - head_n : want;
	memcpy(c->body, c->head + head_n, got);
	c->body_n = want;
	/* The client never pipelines: nothing follows the body. */
	while (got < want) {
		r = recv(c->fd, c->body + got, want - got, 0);
		if (r <= 0)
			return -1;
		got += (size_t)r;
	}
	return 0;
}

static int
one_request(struct conn *c)
{
	char *end, *sp;
	ssize_t r;
	size_t head_n;

	c->have = 0;
	for (;;) {
		r = recv(c->fd, c->head + c->have,
		    sizeof c->head - 1 - c->have, 0);
		if (r <= 0)
			return -1;
		c->have += (size_t)r;
		c->head[c->have] = '\0';
		end = strstr(c->head, "\r\n\r\n");
		if (end != NULL)
			break;
	}
	head_n = (size_t)(end - c->head) + 4;
	end[2] = '\0';
	c->method = c->head;
	c->path = strchr(c->head, ' ');
	sp = c->path != NULL ? strchr(c->path + 1, ' ') : NULL;
	if (sp == NULL)
		return -1;
	*c->path++ = '\0';
	*sp = '\0';
	c->headers = strstr(sp + 1, "\r\n");
	if (c->headers == NULL || read_body(c, head_n) != 0)
		return -1;
	c->headers += 2;
	atomic_fetch_add(&c->s->requests, 1);
	return dispatch(c);
}

static void *
serve(void *arg)
{
	struct conn *c = arg;

	while (one_request(c) == 0)
		;
	(void)shutdown(c->fd, SHUT_RDWR);
	return NULL;
}

static void *
accept_loop(void *arg)
{
	struct odd_server *s = arg;
	struct conn *c;
	int fd, n = 0, one = 1;

	while (n < CONNS) {
		fd = accept(s->fd, NULL, NULL);
		if (fd < 0 && errno == EINTR)
			continue;
		if (fd < 0 || atomic_load(&s->stop)) {
			if (fd >= 0)
				(void)close(fd);
			break;
		}
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one,
		    sizeof one);
		c = calloc(1, sizeof *c);
		if (c == NULL)
			abort();
		c->s = s;
		c->fd = fd;
		if (pthread_create(&c->thread, NULL, serve, c) != 0)
			abort();
		s->conns[n++] = c;
		atomic_fetch_add(&s->accepted, 1);
	}
	return NULL;
}

struct odd_server *
odd_start(void)
{
	struct odd_server *s = calloc(1, sizeof *s);
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t n = sizeof a;

	if (s == NULL)
		abort();
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->fd < 0 || bind(s->fd, (struct sockaddr *)&a, sizeof a) != 0 ||
	    listen(s->fd, 1024) != 0 ||
	    getsockname(s->fd, (struct sockaddr *)&a, &n) != 0)
		abort();
	s->port = ntohs(a.sin_port);
	if (pthread_create(&s->thread, NULL, accept_loop, s) != 0)
		abort();
	return s;
}

void
odd_stop(struct odd_server *s)
{
	int i;

	atomic_store(&s->stop, 1);
	(void)shutdown(s->fd, SHUT_RDWR);
	(void)pthread_join(s->thread, NULL);
	for (i = 0; i < CONNS && s->conns[i] != NULL; i++) {
		(void)shutdown(s->conns[i]->fd, SHUT_RDWR);
		(void)pthread_join(s->conns[i]->thread, NULL);
		(void)close(s->conns[i]->fd);
		free(s->conns[i]->body);
		free(s->conns[i]);
	}
	(void)close(s->fd);
	free(s);
}

int
odd_port(const struct odd_server *s)
{
	return s->port;
}

int
odd_connections(struct odd_server *s)
{
	return atomic_load(&s->accepted);
}

int
odd_requests(struct odd_server *s)
{
	return atomic_load(&s->requests);
}

size_t
odd_sent(struct odd_server *s)
{
	return atomic_load(&s->sent);
}

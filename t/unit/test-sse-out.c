/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-sse-out.c - event streams to real clients: framing, back-pressure,
 * close detection, heartbeats.
 */
#include <sys/resource.h>

#include "../../core/net/http-internal.h"
#include "../../core/net/sse_out.h"
#include "http-rig.h"

struct stream {
	struct sse_out *out;
	long left;      /* events to write; -1: without end */
	size_t size;    /* of one event's data */
	long seq;
	int writing;
};

static atomic_long writes, closed_n, opened_n, ended_n;
static atomic_int reentered;
static sem_t received;
static struct rig g;
static char buf[1 << 20];

static void
write_one(struct stream *st)
{
	size_t n = st->size + 64;
	char *frame = malloc(n);
	int len;

	if (frame == NULL)
		abort();
	len = snprintf(frame, n, "id: %ld\nevent: e\ndata: ", ++st->seq);
	memset(frame + len, 'd', st->size);
	memcpy(frame + len + st->size, "\n\n", 2);
	st->writing = 1;
	if (sse_out_write(st->out, frame, (size_t)len + st->size + 2) != 0)
		abort();
	st->writing = 0;
	atomic_fetch_add(&writes, 1);
	free(frame);
}

static void
on_writable(void *user)
{
	struct stream *st = user;

	if (st->writing)
		atomic_store(&reentered, 1);
	if (!sse_out_ready(st->out))
		abort();
	if (st->left == 0) {
		sse_out_end(st->out);
		free(st);
		atomic_fetch_add(&ended_n, 1);
		return;
	}
	if (st->left > 0)
		st->left--;
	write_one(st);
}

static void
on_closed(void *user)
{
	free(user);
	atomic_fetch_add(&closed_n, 1);
}

/* A stream that is never written to stays open. */
static void
on_writable_idle(void *user)
{
	(void)user;
}

static const struct sse_out_ops ops = { on_writable, on_closed };
static const struct sse_out_ops idle_ops = { on_writable_idle, on_closed };

static long
number(struct http_req *r, const char *name)
{
	const char *s = http_req_query(r, name);

	return s != NULL ? strtol(s, NULL, 10) : 0;
}

static void
handle(void *user, struct http_req *r)
{
	const char *path = http_req_path(r);
	struct stream *st;
	struct timespec until;
	int idle = strcmp(path, "/idle") == 0;
	int now = strcmp(path, "/now") == 0;

	(void)user;
	if (strcmp(path, "/plain") == 0) {
		http_reply_json(r, 200, json_pack("{s:s}", "plain", "yes"));
		return;
	}
	st = calloc(1, sizeof *st);
	if (st == NULL)
		abort();
	st->left = number(r, "n");
	st->size = (size_t)number(r, "size");
	st->out = sse_out_open(r, idle ? &idle_ops : &ops, st);
	if (st->out == NULL)
		abort();
	atomic_fetch_add(&opened_n, 1);
	if (idle)
		return;
	if (st->left == 0) {
		sse_out_end(st->out);
		free(st);
		return;
	}
	if (st->left > 0)
		st->left--;
	write_one(st);
	if (!now)
		return;
	/* The loop does not turn until the client has it. */
	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 5;
	if (sem_timedwait(&received, &until) != 0)
		atomic_store(&reentered, 1);
}

/* Undoes the chunks in place; the length, or -1 when they are broken. */
static long
unchunk(char *p, size_t n)
{
	size_t i = 0, o = 0, len;
	char *end;

	for (;;) {
		len = strtoul(p + i, &end, 16);
		if (end == p + i || memcmp(end, "\r\n", 2) != 0)
			return -1;
		i = (size_t)(end - p) + 2;
		if (i + len + 2 > n || memcmp(p + i + len, "\r\n", 2) != 0)
			return -1;
		memmove(p + o, p + i, len);
		o += len;
		i += len + 2;
		if (len == 0)
			return i == n ? (long)o : -1;
	}
}

/* Reads until the text has come; 0 when it does not. */
static int
read_until(int fd, const char *text)
{
	size_t got = 0;
	ssize_t r;

	while (got + 1 < sizeof buf) {
		r = recv(fd, buf + got, sizeof buf - 1 - got, 0);
		if (r <= 0)
			return 0;
		got += (size_t)r;
		buf[got] = '\0';
		if (strstr(buf, text) != NULL)
			return 1;
	}
	return 0;
}

static int
wait_for(atomic_long *what, long n)
{
	uint64_t until = clock_mono_ns() + UINT64_C(5000000000);
	struct timespec nap = { 0, 1000000 };

	while (atomic_load(what) < n && clock_mono_ns() < until)
		(void)nanosleep(&nap, NULL);
	return atomic_load(what) >= n;
}

static int
open_stream(const char *target)
{
	char head[200];
	int fd = rig_connect(&g);

	(void)snprintf(head, sizeof head, "GET %s HTTP/1.1\r\nHost: a\r\n"
	    "\r\n", target);
	(void)rig_sends(fd, head);
	return fd;
}

static void
test_stream(void)
{
	int fd = open_stream("/s?n=500&size=20"), i, good = 1;
	char want[100], *p;
	long n;

	check(read_until(fd, "\r\n0\r\n\r\n"), "a stream of 500 events");
	p = strstr(buf, "\r\n\r\n");
	check(strncmp(buf, "HTTP/1.1 200 OK\r\n", 17) == 0 && p != NULL &&
	    strstr(buf, "\r\nContent-Type: text/event-stream\r\n") != NULL &&
	    strstr(buf, "\r\nCache-Control: no-cache\r\n") != NULL &&
	    strstr(buf, "\r\nX-Accel-Buffering: no\r\n") != NULL &&
	    strstr(buf, "\r\nX-Request-Id: req-") != NULL, "its head");
	if (p == NULL)
		return;
	p += 4;
	n = unchunk(p, strlen(p));
	check(n > 0, "in whole chunks to the last");
	check(n > 3 && memcmp(p, ":\n\n", 3) == 0, "a comment goes first");
	p += 3;
	for (i = 1; i <= 500; i++) {
		n = snprintf(want, sizeof want, "id: %d\nevent: e\ndata: "
		    "dddddddddddddddddddd\n\n", i);
		good &= memcmp(p, want, (size_t)n) == 0;
		p += n;
	}
	check(good, "every event once, in order");
	(void)rig_sends(fd, "GET /plain HTTP/1.1\r\nHost: a\r\n\r\n");
	check_int(rig_read_reply(fd, buf, sizeof buf, 0), 200,
	    "the connection is good for a request after it");
	(void)rig_sends(fd, "GET /s HTTP/1.1\r\nHost: a\r\n\r\n");
	check(read_until(fd, "3\r\n:\n\n\r\n0\r\n\r\n"), "an empty stream");
	(void)close(fd);
}

static void
test_http10(void)
{
	int fd = rig_connect(&g), reset;
	long total = 0;
	ssize_t r;
	char *p;

	(void)rig_sends(fd, "GET /s?n=2&size=1 HTTP/1.0\r\nConnection: "
	    "keep-alive\r\n\r\n");
	(void)rig_read_all(fd, buf, sizeof buf, &reset);
	p = strstr(buf, "\r\n\r\n");
	check_str(p, "\r\n\r\n:\n\nid: 1\nevent: e\ndata: d\n\nid: 2\n"
	    "event: e\ndata: d\n\n", "HTTP/1.0: no chunks, then the end");
	check(strstr(buf, "\r\nConnection: close\r\n") != NULL && !reset &&
	    strstr(buf, "keep-alive") == NULL, "and says so");
	(void)close(fd);
	fd = rig_connect(&g);
	(void)rig_sends(fd, "GET /s?n=9&size=1000000 HTTP/1.0\r\n\r\n");
	while ((r = recv(fd, buf, sizeof buf, 0)) > 0)
		total += r;
	check(r == 0 && total > 9 * 1000000 && total < 9 * 1000000 + 1000,
	    "a long one comes whole");
	(void)close(fd);
}

static void
test_now(void)
{
	int fd = open_stream("/now?n=1&size=7");

	check(read_until(fd, "data: ddddddd\n\n"), "a lone token");
	(void)sem_post(&received);
	check(read_until(fd, "0\r\n\r\n"), "and the end");
	check_int(atomic_load(&reentered), 0, "it came before the loop went "
	    "on; writable never comes from inside a write");
	(void)close(fd);
}

/* Events of 64 KiB without end to one who does not read. */
static void
test_stopped_reader(void)
{
	struct timespec nap = { 0, 100000000 };
	struct rusage before, after;
	long seen, closed = atomic_load(&closed_n), last = -1;
	int fds[10], i, stable = 0;
	uint64_t until = clock_mono_ns() + UINT64_C(10000000000);

	(void)getrusage(RUSAGE_SELF, &before);
	for (i = 0; i < 10; i++)
		fds[i] = open_stream("/s?n=-1&size=65536");
	/* Over when the sockets are full: nothing is written any more. */
	while (stable < 5 && clock_mono_ns() < until) {
		seen = atomic_load(&writes);
		stable = seen == last ? stable + 1 : 0;
		last = seen;
		(void)nanosleep(&nap, NULL);
	}
	check(stable == 5, "no more is written to who does not read");
	(void)getrusage(RUSAGE_SELF, &after);
#ifndef __SANITIZE_ADDRESS__ /* it keeps what is freed */
	check(after.ru_maxrss - before.ru_maxrss < 10 * 256,
	    "ten of them cost little more than one piece each");
#endif
	check(rig_stats(&g).streams == 10, "the streams stay");
	seen = atomic_load(&writes);
	for (i = 0; i < 100; i++)
		if (recv(fds[0], buf, sizeof buf, 0) <= 0)
			break;
	check(wait_for(&writes, seen + 10), "reading makes it go on");
	for (i = 0; i < 10; i++)
		(void)close(fds[i]);
	check(wait_for(&closed_n, closed + 10), "all are seen to leave");
}

static void
test_close(void)
{
	static char junk[20000];
	long closed = atomic_load(&closed_n), opened;
	struct linger hard = { 1, 0 };
	int fd = open_stream("/idle");

	check(read_until(fd, ":\n\n"), "an idle stream");
	(void)close(fd);
	check(wait_for(&closed_n, closed + 1), "its client leaves");
	fd = open_stream("/idle");
	check(read_until(fd, ":\n\n"), "another one");
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
	(void)close(fd);
	check(wait_for(&closed_n, closed + 2), "leaves with a reset");
	opened = atomic_load(&opened_n);
	fd = rig_connect(&g);
	(void)rig_sends(fd, "GET /idle HTTP/1.1\r\nHost: a\r\n\r\n");
	(void)close(fd);
	check(wait_for(&closed_n, closed + 3) &&
	    atomic_load(&opened_n) == opened + 1, "leaves before the reply");
	fd = open_stream("/idle");
	check(read_until(fd, ":\n\n"), "one more");
	(void)rig_send(fd, junk, sizeof junk);
	check(wait_for(&closed_n, closed + 4),
	    "much sent behind a stream ends it");
	(void)close(fd);
	fd = open_stream("/s?n=2000&size=100");
	(void)rig_sends(fd, "GET /plain HTTP/1.1\r\nHost: a\r\n\r\n");
	check(read_until(fd, "{\"plain\":\"yes\"}"),
	    "one request behind it is answered after it");
	(void)close(fd);
	check(rig_wait_connections(&g, 0) && rig_stats(&g).streams == 0,
	    "no stream and no connection is left");
}

/* Streams of all kinds whose clients leave at any moment. */
static void
test_churn(void)
{
	static const char *const targets[] = { "/idle", "/s?n=3&size=10",
	    "/s?n=-1&size=9000", "/s", "/s?n=50&size=100", "/plain" };
	struct linger hard = { 1, 0 };
	unsigned seed = 11;
	int fd[8], i, j;

	for (i = 0; i < 200; i++) {
		for (j = 0; j < 8; j++) {
			fd[j] = open_stream(targets[rand_r(&seed) % 6]);
			if (rand_r(&seed) % 4 == 0)
				(void)rig_sends(fd[j], "GET /s?n=9&size=9 "
				    "HTTP/1.0\r\n\r\n");
		}
		for (j = 0; j < 8; j++) {
			if (rand_r(&seed) % 2 == 0)
				(void)recv(fd[j], buf, 1000, 0);
			if (rand_r(&seed) % 3 == 0)
				(void)setsockopt(fd[j], SOL_SOCKET, SO_LINGER,
				    &hard, sizeof hard);
			(void)close(fd[j]);
		}
	}
	check(rig_wait_connections(&g, 0) && rig_stats(&g).streams == 0,
	    "1,600 streams came and went");
}

static void
set_beat(void *arg)
{
	http_server_set_wait(g.server, WAIT_BEAT, *(unsigned *)arg);
}

static void
test_heartbeat(void)
{
	unsigned ms = 50;
	int fd;
	char *p, *q;

	rig_call(&g, set_beat, &ms);
	fd = open_stream("/idle");
	check(read_until(fd, "event: heartbeat\ndata: {\"timestamp\":\"2"),
	    "a heartbeat");
	check(strstr(buf, "id:") == NULL, "has no id");
	check(read_until(fd, "heartbeat") && read_until(fd, "heartbeat"),
	    "and comes again");
	(void)close(fd);
	fd = open_stream("/s?n=20000&size=10");
	check(read_until(fd, "id: 9000\n"), "a busy stream");
	p = strstr(buf, "heartbeat");
	q = strstr(buf, "id: 9000\n");
	check(p == NULL || p > q, "has none");
	(void)close(fd);
	ms = 15000;
	rig_call(&g, set_beat, &ms);
}

static void
test_stop(void)
{
	long closed = atomic_load(&closed_n);
	int a = open_stream("/idle"), b = open_stream("/s?n=-1&size=65536");

	check(read_until(a, ":\n\n") && read_until(b, ":\n\n"),
	    "two streams");
	rig_stop(&g);
	check_int(atomic_load(&closed_n), closed + 2,
	    "both are closed with the server");
	(void)close(a);
	(void)close(b);
}

int
main(void)
{
	tap_start(120);
	if (sodium_init() < 0)
		return 1;
	(void)sem_init(&received, 0, 0);
	g.cfg = rig_config(handle);
	rig_start(&g);
	if (!check(g.server != NULL, "listens"))
		return tap_done();
	test_stream();
	test_http10();
	test_now();
	test_stopped_reader();
	test_close();
	if (RIG_CHURN)
		test_churn();
	test_heartbeat();
	test_stop();
	return tap_done();
}

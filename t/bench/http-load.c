/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET requests over keep-alive connections, one at a time on each, as fast as
 * the server answers; reports requests a second, latency and the server's CPU
 * a request.  For machines without wrk, and for runs that must check every
 * status: any reply that is not a 200 ends the run as invalid.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

struct http_load {
	struct event_base *base;
	unsigned	port, count, seconds;
	const char	*path, *key;
	pid_t		pid;
	char		request[2048];
	size_t		request_len;
	bool		measuring;
	uint64_t	begin_at, end_at, cpu_begin, cpu_end;
	uint64_t	requests, reconnects;
	struct bench_hist latency;
};

struct client {
	struct http_load *h;
	struct event	*ev;
	int		fd;
	uint64_t	sent_at;
	struct rx	rx;
};

static void
on_readable(evutil_socket_t, short, void *);

static void
client_send(struct client *c)
{
	struct http_load *h = c->h;

	if (c->fd < 0) {
		c->fd = bench_connect(h->port);
		if (c->fd < 0)
			bench_die("cannot connect to 127.0.0.1:%u: %s",
			    h->port, strerror(errno));
		c->ev = event_new(h->base, c->fd, EV_READ | EV_PERSIST,
		    on_readable, c);
		if (c->ev == NULL || event_add(c->ev, NULL) != 0)
			bench_die("out of memory");
	}
	rx_init(&c->rx, NULL, NULL);
	c->sent_at = bench_now();
	if (send(c->fd, h->request, h->request_len, MSG_NOSIGNAL) !=
	    (ssize_t)h->request_len)
		bench_die("cannot send the request");
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;
	char buf[16384];
	ssize_t n;

	(void)what;
	n = recv(fd, buf, sizeof(buf), 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		if (n < 0 || !rx_eof(&c->rx))
			bench_die("the connection broke");
		c->rx.close = true;
	} else if (rx_feed(&c->rx, buf, (size_t)n) != n) {
		bench_die("not an HTTP reply, or bytes after it");
	}
	if (c->rx.state != RX_DONE)
		return;
	if (c->rx.status != 200)
		bench_die("GET %s: status %d", c->h->path, c->rx.status);
	if (c->h->measuring) {
		c->h->requests++;
		bench_hist_add(&c->h->latency, bench_now() - c->sent_at);
	}
	if (c->rx.close) {
		event_free(c->ev);
		close(c->fd);
		c->fd = -1;
		c->h->reconnects++;
	}
	client_send(c);
}

static void
on_begin(evutil_socket_t fd, short what, void *arg)
{
	struct http_load *h = arg;

	(void)fd;
	(void)what;
	h->cpu_begin = h->pid != 0 ? bench_cpu(h->pid) : 0;
	h->begin_at = bench_now();
	h->measuring = true;
}

static void
on_end(evutil_socket_t fd, short what, void *arg)
{
	struct http_load *h = arg;

	(void)fd;
	(void)what;
	h->end_at = bench_now();
	h->cpu_end = h->pid != 0 ? bench_cpu(h->pid) : 0;
	event_base_loopbreak(h->base);
}

static const char usage[] =
"usage: http-load --port N [--path PATH] [options]\n"
"Keep-alive GET requests to 127.0.0.1:N; prints requests a second.\n"
"  --path PATH       what to get (/health)\n"
"  --key KEY         X-Engine-Key (bench)\n"
"  --connections C   at once (32)\n"
"  --seconds T       measured time after 200 ms of warm-up (3)\n"
"  --pid PID         server whose CPU a request to report\n";

static const struct option opts[] = {
	{ "port", required_argument, NULL, 'p' },
	{ "path", required_argument, NULL, 'P' },
	{ "key", required_argument, NULL, 'k' },
	{ "connections", required_argument, NULL, 'c' },
	{ "seconds", required_argument, NULL, 't' },
	{ "pid", required_argument, NULL, 'i' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

static void
parse(struct http_load *h, int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "", opts, NULL)) != -1) {
		if (c == 'p')
			h->port = (unsigned)bench_number("--port", optarg, 1,
			    65535);
		else if (c == 'P')
			h->path = optarg;
		else if (c == 'k')
			h->key = optarg;
		else if (c == 'c')
			h->count = (unsigned)bench_number("--connections",
			    optarg, 1, 10000);
		else if (c == 't')
			h->seconds = (unsigned)bench_number("--seconds",
			    optarg, 1, 3600);
		else if (c == 'i')
			h->pid = (pid_t)bench_number("--pid", optarg, 1,
			    4194304);
		else
			bench_usage(usage, c == 'h' ? 0 : 2);
	}
	if (optind != argc || h->port == 0)
		bench_usage(usage, 2);
}

int
main(int argc, char **argv)
{
	static struct http_load h = {
		.count = 32, .seconds = 3, .path = "/health", .key = "bench"
	};
	struct timeval tv = { .tv_sec = 0, .tv_usec = 200000 };
	struct event *begin, *end;
	struct client *all;
	unsigned i;
	double s;
	int n;

	parse(&h, argc, argv);
	bench_init();
	alarm(h.seconds + 30);
	n = snprintf(h.request, sizeof(h.request), "GET %s HTTP/1.1\r\n"
	    "Host: 127.0.0.1:%u\r\nX-Engine-Key: %s\r\n\r\n", h.path, h.port,
	    h.key);
	if (n < 0 || (size_t)n >= sizeof(h.request))
		bench_die("the path is too long");
	h.request_len = (size_t)n;
	h.base = event_base_new();
	all = calloc(h.count, sizeof(*all));
	if (h.base == NULL || all == NULL)
		bench_die("out of memory");
	begin = evtimer_new(h.base, on_begin, &h);
	end = evtimer_new(h.base, on_end, &h);
	if (begin == NULL || end == NULL || event_add(begin, &tv) != 0)
		bench_die("out of memory");
	tv.tv_sec = (time_t)h.seconds;
	if (event_add(end, &tv) != 0)
		bench_die("out of memory");
	for (i = 0; i < h.count; i++) {
		all[i].h = &h;
		all[i].fd = -1;
		client_send(&all[i]);
	}
	event_base_dispatch(h.base);
	if (h.requests == 0)
		bench_die("no reply in %u s", h.seconds);
	s = (double)(h.end_at - h.begin_at) / 1e9;
	bench_print(json_pack("{s:b,s:I,s:f,s:f,s:I,s:o}", "valid", 1,
	    "requests", (json_int_t)h.requests, "requests_per_s",
	    (double)h.requests / s, "cpu_us_per_request",
	    (double)(h.cpu_end - h.cpu_begin) / 1e3 / (double)h.requests,
	    "reconnects", (json_int_t)h.reconnects,
	    "latency_us", bench_hist_json(&h.latency)));
	for (i = 0; i < h.count; i++) {
		event_free(all[i].ev);
		close(all[i].fd);
	}
	free(all);
	event_free(begin);
	event_free(end);
	event_base_free(h.base);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fetches one event stream that ends by itself (a replay with follow=false,
 * or the bare relay's /events) again and again on S connections, and counts
 * events a second and the server's CPU an event.
 *
 * Events are counted by their blank lines, nothing else is looked at, so that
 * the client is not what is measured.  Every reply must be a 200 with the
 * same number of events, at least the number demanded; anything else makes
 * the run invalid and ends it at once.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

struct replay {
	struct event_base *base;
	unsigned	port, count, seconds;
	const char	*path, *key;
	uint64_t	at_least;
	pid_t		pid;
	bool		measuring;
	uint64_t	begin_at, end_at, cpu_begin, cpu_end;
	uint64_t	events, replies, bytes, events_a_reply;
	struct bench_hist first, whole;
};

struct fetch {
	struct replay	*r;
	struct event	*ev;
	int		fd;
	char		last;		/* the byte before, for \n\n */
	bool		first;
	uint64_t	events, sent_at;
	struct rx	rx;
};

static void
on_readable(evutil_socket_t, short, void *);

static void
fetch_begin(struct fetch *f)
{
	struct replay *r = f->r;
	char out[2048];
	int n;

	if (f->fd < 0) {
		f->fd = bench_connect(r->port);
		if (f->fd < 0)
			bench_die("cannot connect to 127.0.0.1:%u: %s",
			    r->port, strerror(errno));
		f->ev = event_new(r->base, f->fd, EV_READ | EV_PERSIST,
		    on_readable, f);
		if (f->ev == NULL || event_add(f->ev, NULL) != 0)
			bench_die("out of memory");
	}
	n = snprintf(out, sizeof(out), "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u"
	    "\r\nX-Engine-Key: %s\r\nAccept: text/event-stream\r\n\r\n",
	    r->path, r->port, r->key);
	if (n < 0 || (size_t)n >= sizeof(out))
		bench_die("the path is too long");
	f->events = 0;
	f->last = 0;
	f->first = false;
	f->sent_at = bench_now();
	if (send(f->fd, out, (size_t)n, MSG_NOSIGNAL) != n)
		bench_die("cannot send the request");
}

static void
on_body(void *arg, const char *buf, size_t len)
{
	struct fetch *f = arg;
	const char *p = buf, *end = buf + len;

	if (f->rx.status != 200)
		bench_die("status %d: %.*s", f->rx.status,
		    (int)(len > 300 ? 300 : len), buf);
	if (!f->first && f->r->measuring)
		bench_hist_add(&f->r->first, bench_now() - f->sent_at);
	f->first = true;
	f->r->bytes += f->r->measuring ? len : 0;
	if (f->last == '\n' && *p == '\n')
		f->events++;
	f->last = end[-1];
	while ((p = memchr(p, '\n', (size_t)(end - p))) != NULL &&
	    ++p < end)
		if (*p == '\n')
			f->events++;
}

static void
fetch_end(struct fetch *f)
{
	struct replay *r = f->r;

	if (r->events_a_reply == 0)
		r->events_a_reply = f->events;
	if (f->events != r->events_a_reply || f->events < r->at_least)
		bench_die("a reply of %" PRIu64 " events, expected %" PRIu64,
		    f->events, r->events_a_reply > r->at_least ?
		    r->events_a_reply : r->at_least);
	if (r->measuring) {
		r->events += f->events;
		r->replies++;
		bench_hist_add(&r->whole, bench_now() - f->sent_at);
	}
	if (f->rx.close) {
		event_free(f->ev);
		close(f->fd);
		f->fd = -1;
	}
	rx_init(&f->rx, on_body, f);
	fetch_begin(f);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	static char buf[1 << 18];
	struct fetch *f = arg;
	ssize_t n, used;

	(void)what;
	n = recv(fd, buf, sizeof(buf), 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		if (n < 0 || !rx_eof(&f->rx))
			bench_die("the connection broke");
		f->rx.close = true;
	} else {
		used = rx_feed(&f->rx, buf, (size_t)n);
		if (used != n)
			bench_die("not an HTTP reply, or bytes after it");
	}
	if (f->rx.state == RX_DONE)
		fetch_end(f);
}

static void
on_begin(evutil_socket_t fd, short what, void *arg)
{
	struct replay *r = arg;

	(void)fd;
	(void)what;
	r->cpu_begin = r->pid != 0 ? bench_cpu(r->pid) : 0;
	r->begin_at = bench_now();
	r->measuring = true;
}

static void
on_end(evutil_socket_t fd, short what, void *arg)
{
	struct replay *r = arg;

	(void)fd;
	(void)what;
	r->end_at = bench_now();
	r->cpu_end = r->pid != 0 ? bench_cpu(r->pid) : 0;
	event_base_loopbreak(r->base);
}

static const char usage[] =
"usage: replay-client --port N --path PATH [options]\n"
"Reads an event stream that ends, over and over; prints events a second.\n"
"  --key KEY      X-Engine-Key (bench)\n"
"  --streams S    connections at once (1)\n"
"  --seconds T    measured time after 300 ms of warm-up (3)\n"
"  --at-least N   events that each reply must have (1)\n"
"  --pid PID      server whose CPU to report\n";

static const struct option opts[] = {
	{ "port", required_argument, NULL, 'p' },
	{ "path", required_argument, NULL, 'P' },
	{ "key", required_argument, NULL, 'k' },
	{ "streams", required_argument, NULL, 's' },
	{ "seconds", required_argument, NULL, 't' },
	{ "at-least", required_argument, NULL, 'n' },
	{ "pid", required_argument, NULL, 'i' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

static void
parse(struct replay *r, int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "", opts, NULL)) != -1) {
		if (c == 'p')
			r->port = (unsigned)bench_number("--port", optarg, 1,
			    65535);
		else if (c == 'P')
			r->path = optarg;
		else if (c == 'k')
			r->key = optarg;
		else if (c == 's')
			r->count = (unsigned)bench_number("--streams", optarg,
			    1, 10000);
		else if (c == 't')
			r->seconds = (unsigned)bench_number("--seconds",
			    optarg, 1, 3600);
		else if (c == 'n')
			r->at_least = bench_number("--at-least", optarg, 1,
			    100000000);
		else if (c == 'i')
			r->pid = (pid_t)bench_number("--pid", optarg, 1,
			    4194304);
		else
			bench_usage(usage, c == 'h' ? 0 : 2);
	}
	if (optind != argc || r->port == 0 || r->path == NULL)
		bench_usage(usage, 2);
}

int
main(int argc, char **argv)
{
	static struct replay r = {
		.count = 1, .seconds = 3, .key = "bench", .at_least = 1
	};
	struct timeval tv = { .tv_sec = 0, .tv_usec = 300000 };
	struct event *begin, *end;
	struct fetch *all;
	double s, cpu;
	unsigned i;

	parse(&r, argc, argv);
	bench_init();
	alarm(r.seconds + 30);
	r.base = event_base_new();
	all = calloc(r.count, sizeof(*all));
	if (r.base == NULL || all == NULL)
		bench_die("out of memory");
	begin = evtimer_new(r.base, on_begin, &r);
	end = evtimer_new(r.base, on_end, &r);
	if (begin == NULL || end == NULL || event_add(begin, &tv) != 0)
		bench_die("out of memory");
	tv.tv_sec = (time_t)r.seconds;
	if (event_add(end, &tv) != 0)
		bench_die("out of memory");
	for (i = 0; i < r.count; i++) {
		all[i].r = &r;
		all[i].fd = -1;
		rx_init(&all[i].rx, on_body, &all[i]);
		fetch_begin(&all[i]);
	}
	event_base_dispatch(r.base);
	if (r.replies == 0)
		bench_die("no reply was complete in %u s", r.seconds);
	s = (double)(r.end_at - r.begin_at) / 1e9;
	cpu = (double)(r.cpu_end - r.cpu_begin) / 1e3;
	bench_print(json_pack("{s:b,s:I,s:I,s:f,s:f,s:f,s:o,s:o}", "valid", 1,
	    "replies", (json_int_t)r.replies, "events_a_reply",
	    (json_int_t)r.events_a_reply, "events_per_s",
	    (double)r.events / s, "mb_per_s", (double)r.bytes / s / 1e6,
	    "cpu_us_per_event", cpu / (double)r.events,
	    "first_us", bench_hist_json(&r.first),
	    "reply_us", bench_hist_json(&r.whole)));
	for (i = 0; i < r.count; i++) {
		event_free(all[i].ev);
		close(all[i].fd);
	}
	free(all);
	event_free(begin);
	event_free(end);
	event_base_free(r.base);
	return 0;
}

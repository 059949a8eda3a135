/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs S streams of turns at once against the engine, the bare relay, nginx
 * or the mock provider itself, and measures from the client's side: turns a
 * second, time to the first token, age of each token when it is seen (the
 * mock stamps them), and the CPU and memory of the server meanwhile.
 *
 * Every turn is checked: status 200, each stamp once and in order, as many
 * as were asked for, and the end the protocol demands (thread_lifecycle
 * `completed`, or [DONE]).  A run with a single error is invalid: it says so
 * and ends with status 1.
 *
 * Turns that straddle the beginning or the end of the measured time run to
 * their end but are not counted; tokens are counted by the time they come.
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

#define STREAMS_MAX	10000
#define ERRORS_SHOWN	5

struct load;

struct stream {
	struct load	*load;
	struct event	*read_ev;
	struct event	*start_ev;
	unsigned	index;
	int		fd;
	bool		busy;
	bool		completed;
	bool		first;		/* the first token was seen */
	uint64_t	turns;		/* begun */
	uint64_t	sent_at;
	struct stamps	stamps;
	struct rx	rx;
	struct lines	lines;
	char		event[32];
};

struct probe {
	struct event	*timer, *read_ev;
	int		fd;
	uint64_t	sent_at;	/* 0: none under way */
	struct rx	rx;
	struct bench_hist latency;
};

struct load {
	struct event_base *base;
	struct event	*tick, *begin_ev, *end_ev;
	struct stream	*streams;
	/* options */
	unsigned	port, count, probe_ms, stagger_ms;
	bool		openai;
	const char	*key, *path, *agent, *tag;
	const char	*task;		/* for all turns, else one a turn */
	uint64_t	tokens, delay_us, seconds, warmup_ms, timeout_ms;
	uint64_t	turn_limit;	/* in all; 0: by time */
	pid_t		pid;
	/* state */
	bool		measuring, stopping;
	uint64_t	started, now, begin_at, end_at, cpu_begin, cpu_end;
	unsigned	busy;
	uint64_t	begun, turns, turns_all, events, tokens_seen;
	uint64_t	errors, reconnects;
	struct bench_mem mem_begin, mem_end;
	struct bench_hist first, token, turn;
	struct probe	probe;
};

static void
turn_begin(struct stream *);

static void
load_error(struct load *l, const char *what, const char *detail, size_t len)
{
	if (++l->errors <= ERRORS_SHOWN)
		fprintf(stderr, "load-client: %s%s%.*s\n", what,
		    len > 0 ? ": " : "", (int)(len > 400 ? 400 : len),
		    detail);
}

static void
load_finished(struct load *l)
{
	if (l->stopping && l->busy == 0)
		event_base_loopbreak(l->base);
}

static void
measure_begin(struct load *l)
{
	if (l->measuring || l->begin_at != 0)
		return;
	if (l->pid != 0) {
		l->cpu_begin = bench_cpu(l->pid);
		(void)bench_mem(l->pid, &l->mem_begin);
	}
	l->begin_at = bench_now();
	l->measuring = true;
}

static void
measure_end(struct load *l)
{
	l->stopping = true;
	if (!l->measuring)
		return;
	l->end_at = bench_now();
	l->measuring = false;
	if (l->pid != 0) {
		l->cpu_end = bench_cpu(l->pid);
		if (bench_mem(l->pid, &l->mem_end) != 0)
			load_error(l, "the server is gone", "", 0);
	}
}

/* ---- one stream ---- */

static void
stream_disconnect(struct stream *s)
{
	if (s->read_ev != NULL) {
		event_free(s->read_ev);
		s->read_ev = NULL;
	}
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

static void
turn_end(struct stream *s, const char *failure)
{
	struct load *l = s->load;
	char text[96];

	s->busy = false;
	l->busy--;
	l->turns_all++;
	if (failure == NULL && s->rx.status != 200) {
		snprintf(text, sizeof(text), "status %d", s->rx.status);
		failure = text;
	} else if (failure == NULL && !s->completed) {
		failure = "the turn did not end as completed";
	} else if (failure == NULL && (s->stamps.bad ||
	    s->stamps.count != l->tokens)) {
		snprintf(text, sizeof(text), "%" PRIu64 " of %" PRIu64
		    " tokens%s", s->stamps.count, l->tokens,
		    s->stamps.bad ? ", text damaged" : "");
		failure = text;
	}
	if (failure != NULL) {
		load_error(l, "bad turn", failure, strlen(failure));
		stream_disconnect(s);
	} else if (l->measuring && s->sent_at >= l->begin_at) {
		l->turns++;
		bench_hist_add(&l->turn, l->now - s->sent_at);
	} else if (l->measuring) {
		l->turns++;
	}
	if (s->rx.close)
		stream_disconnect(s);
	if (l->turn_limit > 0 && l->turns_all >= l->turn_limit)
		measure_end(l);
	if (l->errors > 100 && !l->stopping) {
		load_error(l, "too many errors, giving up", "", 0);
		measure_end(l);
	}
	if (!l->stopping && (l->turn_limit == 0 ||
	    l->begun < l->turn_limit))
		event_active(s->start_ev, EV_TIMEOUT, 0);
	load_finished(l);
}

static void
on_text(struct stream *s, const char *text, size_t len)
{
	struct load *l = s->load;
	uint64_t before = s->stamps.count;
	bool count;

	/* Latencies of warm-up turns are left out, their tokens are not. */
	count = l->measuring && s->sent_at >= l->begin_at;
	if (!s->first && len > 0) {
		s->first = true;
		if (count)
			bench_hist_add(&l->first, l->now - s->sent_at);
	}
	stamps_feed(&s->stamps, text, len, l->now, count ? &l->token : NULL);
	if (l->measuring)
		l->tokens_seen += s->stamps.count - before;
}

static void
on_data(struct stream *s, const char *data, size_t len)
{
	const char *text;
	size_t n;

	if (s->load->openai) {
		if (len == 6 && memcmp(data, "[DONE]", 6) == 0) {
			s->completed = true;
			return;
		}
		text = bench_member(data, len, "content", &n);
		if (text != NULL)
			on_text(s, text, n);
		return;
	}
	if (strcmp(s->event, "text_delta") == 0) {
		text = bench_member(data, len, "text", &n);
		if (text != NULL)
			on_text(s, text, n);
		else
			load_error(s->load, "text_delta without text", data,
			    len);
	} else if (strcmp(s->event, "thread_lifecycle") == 0) {
		text = bench_member(data, len, "phase", &n);
		if (text != NULL && n == 9 &&
		    memcmp(text, "completed", 9) == 0)
			s->completed = true;
	} else if (strcmp(s->event, "error") == 0) {
		load_error(s->load, "error event", data, len);
	}
}

static void
on_line(void *arg, const char *line, size_t len)
{
	struct stream *s = arg;

	if (len > 6 && memcmp(line, "data: ", 6) == 0) {
		on_data(s, line + 6, len - 6);
	} else if (len > 7 && memcmp(line, "event: ", 7) == 0 &&
	    len - 7 < sizeof(s->event)) {
		memcpy(s->event, line + 7, len - 7);
		s->event[len - 7] = '\0';
	} else if (len == 0) {
		s->event[0] = '\0';
		if (s->load->measuring)
			s->load->events++;
	}
}

static void
on_body(void *arg, const char *buf, size_t len)
{
	struct stream *s = arg;

	if (s->rx.status != 200)
		load_error(s->load, "refused", buf, len);
	else if (lines_feed(&s->lines, buf, len) != 0)
		load_error(s->load, "a line is too long", "", 0);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	static char buf[65536];
	struct stream *s = arg;
	ssize_t n, used;

	(void)what;
	n = recv(fd, buf, sizeof(buf), 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	s->load->now = bench_now();
	if (n <= 0) {
		if (!s->busy) {
			stream_disconnect(s);
		} else if (n == 0 && rx_eof(&s->rx)) {
			s->rx.close = true;
			turn_end(s, NULL);
		} else {
			turn_end(s, "the connection broke");
		}
		return;
	}
	if (!s->busy) {
		load_error(s->load, "bytes after the reply", buf, (size_t)n);
		stream_disconnect(s);
		return;
	}
	used = rx_feed(&s->rx, buf, (size_t)n);
	if (used < 0)
		turn_end(s, "not an HTTP reply");
	else if (s->rx.state == RX_DONE && used < n)
		turn_end(s, "bytes after the reply");
	else if (s->rx.state == RX_DONE)
		turn_end(s, NULL);
}

static int
stream_connect(struct stream *s)
{
	struct load *l = s->load;

	if (s->fd >= 0)
		return 0;
	s->fd = bench_connect(l->port);
	if (s->fd < 0) {
		load_error(l, "connect", strerror(errno),
		    strlen(strerror(errno)));
		return -1;
	}
	if (s->turns > 0)
		l->reconnects++;
	s->read_ev = event_new(l->base, s->fd, EV_READ | EV_PERSIST,
	    on_readable, s);
	if (s->read_ev == NULL || event_add(s->read_ev, NULL) != 0)
		bench_die("out of memory");
	return 0;
}

static int
build_request(struct stream *s, char *out, size_t cap)
{
	struct load *l = s->load;
	char body[1024], agent[128] = "", task[300];
	int n;

	if (l->task != NULL)
		n = snprintf(task, sizeof(task), "%s", l->task);
	else
		n = snprintf(task, sizeof(task), "bench-%s-%" PRIx64 "-%u-%"
		    PRIu64, l->tag, l->started, s->index, s->turns);
	if (n < 0 || (size_t)n >= sizeof(task))
		return -1;
	if (l->agent != NULL)
		snprintf(agent, sizeof(agent), ",\"agent\":\"%s\"", l->agent);
	if (l->openai)
		n = snprintf(body, sizeof(body), "{\"model\":\"mock\","
		    "\"stream\":true,\"stream_options\":{\"include_usage\":"
		    "true},\"messages\":[{\"role\":\"user\",\"content\":"
		    "\"hello @bench n=%" PRIu64 " us=%" PRIu64 "@\"}]}",
		    l->tokens, l->delay_us);
	else
		n = snprintf(body, sizeof(body), "{\"task_id\":\"%s\","
		    "\"message\":\"hello @bench n=%" PRIu64 " us=%" PRIu64
		    "@\"%s}", task, l->tokens, l->delay_us, agent);
	if (n < 0 || (size_t)n >= sizeof(body))
		return -1;
	n = snprintf(out, cap, "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
	    "Content-Type: application/json\r\nAccept: text/event-stream\r\n"
	    "X-Engine-Key: %s\r\nContent-Length: %d\r\n\r\n%s", l->path,
	    l->port, l->key, n, body);
	return n < 0 || (size_t)n >= cap ? -1 : n;
}

static void
turn_begin(struct stream *s)
{
	struct load *l = s->load;
	char out[2048];
	int n;

	if (l->stopping || (l->turn_limit > 0 && l->begun >= l->turn_limit))
		return;
	if (stream_connect(s) != 0) {
		if (l->errors > 100)
			bench_die("cannot connect to 127.0.0.1:%u", l->port);
		event_active(s->start_ev, EV_TIMEOUT, 0);
		return;
	}
	n = build_request(s, out, sizeof(out));
	if (n < 0)
		bench_die("the request is too long");
	rx_init(&s->rx, on_body, s);
	s->lines.len = 0;
	memset(&s->stamps, 0, sizeof(s->stamps));
	s->completed = s->first = false;
	s->event[0] = '\0';
	s->busy = true;
	l->busy++;
	l->begun++;
	s->turns++;
	s->sent_at = bench_now();
	if (send(s->fd, out, (size_t)n, MSG_NOSIGNAL) != n)
		turn_end(s, "cannot send the request");
}

static void
on_start(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	turn_begin(arg);
}

/* ---- the probe: one small request every few milliseconds ---- */

static void
on_probe_readable(evutil_socket_t fd, short what, void *arg)
{
	struct load *l = arg;
	struct probe *p = &l->probe;
	char buf[4096];
	ssize_t n;

	(void)what;
	n = recv(fd, buf, sizeof(buf), 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || rx_feed(&p->rx, buf, (size_t)n) < 0) {
		load_error(l, "the probe's connection broke", "", 0);
		event_del(p->read_ev);
		event_del(p->timer);
		return;
	}
	if (p->rx.state != RX_DONE)
		return;
	if (p->rx.status != 200)
		load_error(l, "the probe was refused", "", 0);
	else if (l->measuring)
		bench_hist_add(&p->latency, bench_now() - p->sent_at);
	p->sent_at = 0;
}

static void
on_probe_timer(evutil_socket_t fd, short what, void *arg)
{
	static const char get[] = "GET /health HTTP/1.1\r\n"
	    "Host: 127.0.0.1\r\n\r\n";
	struct load *l = arg;
	struct probe *p = &l->probe;

	(void)fd;
	(void)what;
	if (p->sent_at != 0)
		return;
	rx_init(&p->rx, NULL, NULL);
	p->sent_at = bench_now();
	if (send(p->fd, get, sizeof(get) - 1, MSG_NOSIGNAL) < 0)
		load_error(l, "cannot send the probe", "", 0);
}

static void
probe_start(struct load *l)
{
	struct timeval tv;
	struct probe *p = &l->probe;

	if (l->probe_ms == 0)
		return;
	p->fd = bench_connect(l->port);
	if (p->fd < 0)
		bench_die("connect: %s", strerror(errno));
	tv.tv_sec = l->probe_ms / 1000;
	tv.tv_usec = l->probe_ms % 1000 * 1000;
	p->read_ev = event_new(l->base, p->fd, EV_READ | EV_PERSIST,
	    on_probe_readable, l);
	p->timer = event_new(l->base, -1, EV_PERSIST, on_probe_timer, l);
	if (p->read_ev == NULL || p->timer == NULL ||
	    event_add(p->read_ev, NULL) != 0 ||
	    event_add(p->timer, &tv) != 0)
		bench_die("out of memory");
}

/* ---- the run ---- */

static void
on_begin(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	measure_begin(arg);
}

static void
on_end(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	measure_end(arg);
	load_finished(arg);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct load *l = arg;
	uint64_t now = bench_now();
	unsigned i;

	(void)fd;
	(void)what;
	l->now = now;
	for (i = 0; i < l->count; i++)
		if (l->streams[i].busy && now - l->streams[i].sent_at >
		    l->timeout_ms * 1000000)
			turn_end(&l->streams[i], "the turn took too long");
}

static struct event *
load_timer(struct load *l, short flags, event_callback_fn cb, void *arg,
    uint64_t ms)
{
	struct event *ev;
	struct timeval tv;

	tv.tv_sec = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	ev = event_new(l->base, -1, flags, cb, arg);
	if (ev == NULL || event_add(ev, &tv) != 0)
		bench_die("out of memory");
	return ev;
}

static void
load_start(struct load *l)
{
	struct stream *s;
	unsigned i;

	l->base = event_base_new();
	l->streams = calloc(l->count, sizeof(*l->streams));
	if (l->base == NULL || l->streams == NULL)
		bench_die("out of memory");
	l->started = bench_now();
	/* Connections first, so that no accept falls into the measurement. */
	for (i = 0; i < l->count; i++) {
		s = &l->streams[i];
		s->load = l;
		s->index = i;
		s->fd = -1;
		lines_init(&s->lines, on_line, s);
		if (stream_connect(s) != 0)
			bench_die("cannot connect to 127.0.0.1:%u", l->port);
	}
	for (i = 0; i < l->count; i++)
		l->streams[i].start_ev = load_timer(l, 0, on_start,
		    &l->streams[i], (uint64_t)l->stagger_ms * i / l->count);
	l->tick = load_timer(l, EV_PERSIST, on_tick, l, 250);
	if (l->turn_limit > 0 && l->warmup_ms == 0)
		measure_begin(l);
	else
		l->begin_ev = load_timer(l, 0, on_begin, l, l->warmup_ms);
	if (l->turn_limit == 0)
		l->end_ev = load_timer(l, 0, on_end, l,
		    l->warmup_ms + l->seconds * 1000);
	probe_start(l);
}

static json_t *
load_result(struct load *l)
{
	double s = (double)(l->end_at - l->begin_at) / 1e9;
	double cpu = (double)(l->cpu_end - l->cpu_begin);
	json_t *o;

	o = json_pack("{s:b,s:I,s:f,s:I,s:I,s:I,s:f,s:f,s:f,s:I,s:o,s:o,s:o}",
	    "valid", (int)(l->errors == 0 && l->turns > 0),
	    "errors", (json_int_t)l->errors, "seconds", s,
	    "turns", (json_int_t)l->turns,
	    "turns_all", (json_int_t)l->turns_all,
	    "events", (json_int_t)l->events, "turns_per_s",
	    (double)l->turns / s, "tokens_per_s",
	    (double)l->tokens_seen / s, "events_per_s",
	    (double)l->events / s, "reconnects", (json_int_t)l->reconnects,
	    "first_us", bench_hist_json(&l->first),
	    "token_us", bench_hist_json(&l->token),
	    "turn_us", bench_hist_json(&l->turn));
	if (o != NULL && l->pid != 0) {
		json_object_set_new(o, "cpu_us_per_turn", json_real(
		    l->turns > 0 ? cpu / 1e3 / (double)l->turns : 0));
		json_object_set_new(o, "cpu_us_per_token", json_real(
		    l->tokens_seen > 0 ?
		    cpu / 1e3 / (double)l->tokens_seen : 0));
		json_object_set_new(o, "cpu_share", json_real(cpu / 1e9 / s));
		json_object_set_new(o, "rss_kib_begin", json_integer(
		    (json_int_t)l->mem_begin.rss_kib));
		json_object_set_new(o, "rss_kib_end", json_integer(
		    (json_int_t)l->mem_end.rss_kib));
		json_object_set_new(o, "rss_kib_peak", json_integer(
		    (json_int_t)l->mem_end.peak_kib));
	}
	if (o != NULL && l->probe_ms > 0)
		json_object_set_new(o, "probe_us",
		    bench_hist_json(&l->probe.latency));
	return o;
}

static const char usage[] =
"usage: load-client --port N [options]\n"
"Runs turns on 127.0.0.1:N and prints one JSON object of measurements.\n"
"  --api engine|openai  POST /execute with events, or the provider's own API\n"
"                       (default engine; the bare relay speaks it too)\n"
"  --path PATH          default /execute or /v1/chat/completions\n"
"  --key KEY            X-Engine-Key (bench)\n"
"  --agent NAME         agent to ask for (none)\n"
"  --task ID            one task for all turns, not a new one for each\n"
"  --tag TEXT           part of the task ids that are made up (x)\n"
"  --streams S          turns at once (1)\n"
"  --tokens N           tokens a turn (64)\n"
"  --delay-us N         between tokens (0)\n"
"  --stagger-ms N       spread the starts of the streams over so long (0)\n"
"  --seconds T          measured time (5)\n"
"  --warmup-ms N        before it (500)\n"
"  --turns N            N turns in all instead of a time, no warm-up\n"
"  --timeout-ms N       longest turn (30000)\n"
"  --pid PID            server whose CPU and memory to report\n"
"  --probe-ms N         GET /health every N ms meanwhile (off)\n"
"Status 0: valid.  1: an error or an incomplete turn, or nothing measured.\n";

static const struct option opts[] = {
	{ "port", required_argument, NULL, 'p' },
	{ "api", required_argument, NULL, 'a' },
	{ "path", required_argument, NULL, 'P' },
	{ "key", required_argument, NULL, 'k' },
	{ "agent", required_argument, NULL, 'A' },
	{ "tag", required_argument, NULL, 'g' },
	{ "task", required_argument, NULL, 'K' },
	{ "streams", required_argument, NULL, 's' },
	{ "tokens", required_argument, NULL, 'n' },
	{ "delay-us", required_argument, NULL, 'd' },
	{ "stagger-ms", required_argument, NULL, 'S' },
	{ "seconds", required_argument, NULL, 't' },
	{ "warmup-ms", required_argument, NULL, 'w' },
	{ "turns", required_argument, NULL, 'T' },
	{ "pid", required_argument, NULL, 'i' },
	{ "probe-ms", required_argument, NULL, 'b' },
	{ "timeout-ms", required_argument, NULL, 'o' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

static void
set_api(struct load *l, const char *name)
{
	if (strcmp(name, "openai") == 0)
		l->openai = true;
	else if (strcmp(name, "engine") != 0)
		bench_usage(usage, 2);
}

static void
set_option(struct load *l, int c, const char *arg)
{
	switch (c) {
	case 'p': l->port = (unsigned)bench_number("--port", arg, 1, 65535);
		break;
	case 'a': set_api(l, arg); break;
	case 'P': l->path = arg; break;
	case 'k': l->key = arg; break;
	case 'A': l->agent = arg; break;
	case 'g': l->tag = arg; break;
	case 'K': l->task = arg; break;
	case 's': l->count = (unsigned)bench_number("--streams", arg, 1,
		    STREAMS_MAX);
		break;
	case 'n': l->tokens = bench_number("--tokens", arg, 0, 1000000);
		break;
	case 'd': l->delay_us = bench_number("--delay-us", arg, 0, 10000000);
		break;
	case 'S': l->stagger_ms = (unsigned)bench_number("--stagger-ms", arg,
		    0, 60000);
		break;
	case 't': l->seconds = bench_number("--seconds", arg, 1, 3600);
		break;
	case 'w': l->warmup_ms = bench_number("--warmup-ms", arg, 0, 60000);
		break;
	case 'T': l->turn_limit = bench_number("--turns", arg, 1, 10000000);
		break;
	case 'i': l->pid = (pid_t)bench_number("--pid", arg, 1, 4194304);
		break;
	case 'b': l->probe_ms = (unsigned)bench_number("--probe-ms", arg, 1,
		    60000);
		break;
	case 'o': l->timeout_ms = bench_number("--timeout-ms", arg, 1,
		    3600000);
		break;
	default:
		bench_usage(usage, c == 'h' ? 0 : 2);
	}
}

int
main(int argc, char **argv)
{
	/* Static for its size: the histograms are 30 KiB each. */
	static struct load l = {
		.count = 1, .tokens = 64, .seconds = 5, .warmup_ms = 500,
		.timeout_ms = 30000, .key = "bench", .tag = "x"
	};
	unsigned i;
	int c;

	while ((c = getopt_long(argc, argv, "", opts, NULL)) != -1)
		set_option(&l, c, optarg);
	if (optind != argc || l.port == 0)
		bench_usage(usage, 2);
	if (l.path == NULL)
		l.path = l.openai ? "/v1/chat/completions" : "/execute";
	if (l.turn_limit > 0)
		l.warmup_ms = 0;
	bench_init();
	alarm((unsigned)(l.turn_limit > 0 ? 1800 : l.seconds +
	    (l.warmup_ms + l.timeout_ms) / 1000 + 10));
	load_start(&l);
	event_base_dispatch(l.base);
	measure_end(&l);
	bench_print(load_result(&l));
	for (i = 0; i < l.count; i++) {
		stream_disconnect(&l.streams[i]);
		lines_fini(&l.streams[i].lines);
	}
	return l.errors == 0 && l.turns > 0 ? 0 : 1;
}

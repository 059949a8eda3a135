/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens N event streams that have nothing to say and reports how much the
 * server's memory grew for each.
 *
 * --kind inflight: N turns whose provider sends one token and then holds; the
 * stream counts as open when that token has come.  --kind follow: one such
 * turn, and N replays that follow it; each is open when its first event has
 * come.  Kernel memory (sockets) is not in the figure.
 *
 * Memory is read when it has stood still for a second, at most 15 s later;
 * the streams are closed by the end of this program.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct idle {
	unsigned	port, count, warmup;
	const char	*key;
	bool		follow;
	pid_t		pid;
	uint64_t	started;
};

static void
nap(unsigned ms)
{
	struct timespec ts = { .tv_sec = ms / 1000,
	    .tv_nsec = (long)(ms % 1000) * 1000000L };

	nanosleep(&ts, NULL);
}

/* Read until `word` was in the reply; it must come within 20 s. */
static void
await(int fd, const char *word)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char buf[16384];
	size_t len = 0;
	ssize_t n;

	for (;;) {
		if (poll(&pfd, 1, 20000) <= 0)
			bench_die("no %s within 20 s", word);
		n = recv(fd, buf + len, sizeof(buf) - 1 - len, 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			bench_die("the server closed before %s came", word);
		len += (size_t)n;
		buf[len] = '\0';
		if (len > 12 && strncmp(buf + 9, "200", 3) != 0)
			bench_die("not a 200: %.400s", buf);
		if (strstr(buf, word) != NULL)
			return;
		if (len > sizeof(buf) / 2) {
			memmove(buf + 13, buf + len - 100, 100);
			len = 113;
		}
	}
}

static int
open_request(struct idle *d, const char *text, int len, size_t cap)
{
	int fd;

	if (len < 0 || (size_t)len >= cap)
		bench_die("the request is too long");
	fd = bench_connect(d->port);
	if (fd < 0)
		bench_die("cannot connect to 127.0.0.1:%u: %s", d->port,
		    strerror(errno));
	if (send(fd, text, (size_t)len, MSG_NOSIGNAL) != len)
		bench_die("cannot send the request");
	return fd;
}

static int
open_turn(struct idle *d, unsigned i, bool hold)
{
	char body[256], out[640];
	int n;

	n = snprintf(body, sizeof(body), "{\"task_id\":\"idle-%" PRIx64
	    "-%u\",\"message\":\"wait @bench n=1 us=0 hold=%d@\"}",
	    d->started, i, hold);
	n = snprintf(out, sizeof(out), "POST /execute HTTP/1.1\r\n"
	    "Host: 127.0.0.1\r\nContent-Type: application/json\r\n"
	    "X-Engine-Key: %s\r\nContent-Length: %d\r\n\r\n%s", d->key, n,
	    body);
	return open_request(d, out, n, sizeof(out));
}

static int
open_follow(struct idle *d)
{
	char out[640];
	int n;

	n = snprintf(out, sizeof(out), "GET /execute/replay?task_id=idle-%"
	    PRIx64 "-0&follow=true HTTP/1.1\r\nHost: 127.0.0.1\r\n"
	    "X-Engine-Key: %s\r\n\r\n", d->started, d->key);
	return open_request(d, out, n, sizeof(out));
}

static void
settled(struct idle *d, struct bench_mem *m)
{
	struct bench_mem now;
	unsigned i, still = 0;

	if (bench_mem(d->pid, m) != 0)
		bench_die("no process %ld", (long)d->pid);
	for (i = 0; i < 150 && still < 10; i++) {
		nap(100);
		if (bench_mem(d->pid, &now) != 0)
			bench_die("the server is gone");
		still = now.rss_kib == m->rss_kib ? still + 1 : 0;
		*m = now;
	}
}

static const char usage[] =
"usage: idle-streams --port N --pid PID [options]\n"
"Opens idle event streams and prints the server's memory for each.\n"
"  --kind inflight|follow  held turns, or replays that follow one held turn\n"
"                          (default inflight)\n"
"  --count N               streams (500)\n"
"  --warmup N              finished turns before the first reading (64)\n"
"  --key KEY               X-Engine-Key (bench)\n";

static const struct option opts[] = {
	{ "port", required_argument, NULL, 'p' },
	{ "pid", required_argument, NULL, 'i' },
	{ "kind", required_argument, NULL, 'K' },
	{ "count", required_argument, NULL, 'n' },
	{ "warmup", required_argument, NULL, 'w' },
	{ "key", required_argument, NULL, 'k' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

static void
parse(struct idle *d, int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "", opts, NULL)) != -1) {
		if (c == 'p')
			d->port = (unsigned)bench_number("--port", optarg, 1,
			    65535);
		else if (c == 'i')
			d->pid = (pid_t)bench_number("--pid", optarg, 1,
			    4194304);
		else if (c == 'K' && (strcmp(optarg, "inflight") == 0 ||
		    strcmp(optarg, "follow") == 0))
			d->follow = optarg[0] == 'f';
		else if (c == 'n')
			d->count = (unsigned)bench_number("--count", optarg,
			    1, 15000);
		else if (c == 'w')
			d->warmup = (unsigned)bench_number("--warmup", optarg,
			    0, 10000);
		else if (c == 'k')
			d->key = optarg;
		else
			bench_usage(usage, c == 'h' ? 0 : 2);
	}
	if (optind != argc || d->port == 0 || d->pid == 0)
		bench_usage(usage, 2);
}

int
main(int argc, char **argv)
{
	struct idle d = { .count = 500, .warmup = 64, .key = "bench" };
	struct bench_mem before, after;
	unsigned i;
	int *fds;

	parse(&d, argc, argv);
	bench_init();
	alarm(300);
	d.started = bench_now();
	fds = calloc(d.count, sizeof(*fds));
	if (fds == NULL)
		bench_die("out of memory");
	for (i = 0; i < d.warmup; i++) {
		fds[0] = open_turn(&d, d.count + 1 + i, false);
		await(fds[0], "completed");
		close(fds[0]);
	}
	if (d.follow)
		await(open_turn(&d, 0, true), "text_delta");
	settled(&d, &before);
	/* Twenty at a time: a server may well refuse a larger burst. */
	for (i = 0; i < d.count; i++) {
		fds[i] = d.follow ? open_follow(&d) : open_turn(&d, i, true);
		if (i % 20 == 19 || i + 1 == d.count)
			for (unsigned k = i - i % 20; k <= i; k++)
				await(fds[k], d.follow ? "event: " :
				    "text_delta");
	}
	settled(&d, &after);
	bench_print(json_pack("{s:b,s:I,s:f,s:f,s:I,s:I}", "valid", 1,
	    "streams", (json_int_t)d.count, "rss_kib_per_stream",
	    ((double)after.rss_kib - (double)before.rss_kib) / d.count,
	    "anon_kib_per_stream",
	    ((double)after.anon_kib - (double)before.anon_kib) / d.count,
	    "rss_kib_before", (json_int_t)before.rss_kib,
	    "rss_kib_after", (json_int_t)after.rss_kib));
	free(fds);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clock, options, sockets, histogram and process figures for the benchmark
 * programs.  Nothing here allocates but the JSON that is printed.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

uint64_t
bench_now(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_MONOTONIC, &ts) != 0)
		bench_die("clock_gettime: %s", strerror(errno));
	return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
}

void
bench_die(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

uint64_t
bench_number(const char *name, const char *text, uint64_t lo, uint64_t hi)
{
	char *end;
	unsigned long long v;

	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || text[0] == '-' ||
	    v < lo || v > hi) {
		fprintf(stderr, "%s: %s must be a number from %" PRIu64
		    " to %" PRIu64 ", not \"%s\"\n",
		    program_invocation_short_name, name, lo, hi, text);
		exit(2);
	}
	return v;
}

void
bench_usage(const char *text, int status)
{
	fputs(text, status == 0 ? stdout : stderr);
	exit(status);
}

void
bench_init(void)
{
	struct rlimit rl;

	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &rl);
	}
}

static void
loopback(struct sockaddr_in *sin, unsigned port)
{
	memset(sin, 0, sizeof(*sin));
	sin->sin_family = AF_INET;
	sin->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin->sin_port = htons((uint16_t)port);
}

int
bench_connect(unsigned port)
{
	struct sockaddr_in sin;
	int fd, one = 1, saved;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	loopback(&sin, port);
	if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)) != 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0 ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

int
bench_listen(unsigned *port)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);
	int fd, one = 1;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		bench_die("socket: %s", strerror(errno));
	loopback(&sin, *port);
	/*
	 * Accepted sockets inherit TCP_NODELAY.  evhttp does not set it, and
	 * a second small chunk would then wait 40 ms for the delayed ACK.
	 */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0 ||
	    bind(fd, (struct sockaddr *)&sin, sizeof(sin)) != 0 ||
	    listen(fd, 4096) != 0 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) != 0)
		bench_die("cannot listen on 127.0.0.1:%u: %s", *port,
		    strerror(errno));
	*port = ntohs(sin.sin_port);
	return fd;
}

void
bench_print(json_t *object)
{
	if (object == NULL)
		bench_die("out of memory");
	if (json_dumpf(object, stdout,
	    JSON_COMPACT | JSON_REAL_PRECISION(7)) != 0 ||
	    fputc('\n', stdout) == EOF || fflush(stdout) != 0)
		bench_die("cannot write the result");
	json_decref(object);
}

/* Buckets of equal width up to 128 ns, then 128 for each power of two. */
static unsigned
bucket_of(uint64_t v)
{
	unsigned e;

	if (v < 128)
		return (unsigned)v;
	e = 63U - (unsigned)__builtin_clzll(v);
	return (e - 6) * 128 + (unsigned)((v >> (e - 7)) & 127);
}

static double
bucket_mid(unsigned i)
{
	unsigned e;

	if (i < 256)
		return i;
	e = i / 128 + 6;
	return (double)((uint64_t)(128 + i % 128) << (e - 7)) +
	    (double)((uint64_t)1 << (e - 7)) / 2;
}

void
bench_hist_add(struct bench_hist *h, uint64_t ns)
{
	h->bucket[bucket_of(ns)]++;
	h->n++;
	if (ns > h->max)
		h->max = ns;
}

double
bench_hist_at(const struct bench_hist *h, double q)
{
	uint64_t want, seen = 0;
	unsigned i;

	if (h->n == 0)
		return 0;
	want = (uint64_t)(q * (double)(h->n - 1)) + 1;
	for (i = 0; i < BENCH_BUCKETS; i++) {
		seen += h->bucket[i];
		if (seen >= want)
			return bucket_mid(i);
	}
	return (double)h->max;
}

json_t *
bench_hist_json(const struct bench_hist *h)
{
	return json_pack("{s:I,s:f,s:f,s:f,s:f}", "n", (json_int_t)h->n,
	    "p50", bench_hist_at(h, .5) / 1e3,
	    "p90", bench_hist_at(h, .9) / 1e3,
	    "p99", bench_hist_at(h, .99) / 1e3,
	    "max", (double)h->max / 1e3);
}

static uint64_t
children_cpu(const char *path, unsigned depth);

static uint64_t
process_cpu(pid_t pid, unsigned depth)
{
	char path[96];
	struct timespec ts;
	struct dirent *de;
	uint64_t sum;
	clockid_t clock;
	DIR *dir;

	/*
	 * The same figure as schedstat's, summed by the kernel over all
	 * threads, those that have ended included.
	 */
	if (clock_getcpuclockid(pid, &clock) != 0 ||
	    clock_gettime(clock, &ts) != 0)
		return 0;
	sum = (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
	snprintf(path, sizeof(path), "/proc/%ld/task", (long)pid);
	dir = opendir(path);
	if (dir == NULL)
		return sum;
	while ((de = readdir(dir)) != NULL) {
		if (de->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%ld/task/%.20s/children",
		    (long)pid, de->d_name);
		sum += children_cpu(path, depth + 1);
	}
	closedir(dir);
	return sum;
}

static uint64_t
children_cpu(const char *path, unsigned depth)
{
	uint64_t sum = 0;
	long child;
	FILE *f;

	if (depth > 8)
		return 0;
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	while (fscanf(f, "%ld", &child) == 1)
		sum += process_cpu((pid_t)child, depth);
	fclose(f);
	return sum;
}

uint64_t
bench_cpu(pid_t pid)
{
	return process_cpu(pid, 0);
}

int
bench_mem(pid_t pid, struct bench_mem *m)
{
	char line[256], path[64];
	uint64_t v;
	FILE *f;

	memset(m, 0, sizeof(*m));
	snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
	f = fopen(path, "re");
	if (f == NULL)
		return -1;
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "VmRSS: %" SCNu64, &v) == 1)
			m->rss_kib = v;
		else if (sscanf(line, "RssAnon: %" SCNu64, &v) == 1)
			m->anon_kib = v;
		else if (sscanf(line, "VmHWM: %" SCNu64, &v) == 1)
			m->peak_kib = v;
	}
	fclose(f);
	return m->rss_kib != 0 ? 0 : -1;
}

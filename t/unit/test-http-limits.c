/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-http-limits.c - deadlines, the connection limit, and what happens when
 * there are no descriptors left.
 */
#include <fcntl.h>
#include <sys/resource.h>

#include "../../core/net/http-internal.h"
#include "http-rig.h"

#define REPLY_MS 200
#define LINGER_MS 300
#define BIG (16 << 20)
#define HEAD_MS 300
#define BODY_MS 200
#define IDLE_MS 100
#define CLIENTS 40

static struct rig g;
static char buf[1 << 16];

static void
handle(void *user, struct http_req *r)
{
	char *big;

	(void)user;
	if (strcmp(http_req_path(r), "/big") == 0) {
		big = calloc(1, BIG);
		if (big == NULL)
			abort();
		http_reply_raw(r, 200, "text/plain", big, BIG);
		free(big);
		return;
	}
	http_reply_json(r, 200, json_pack("{s:s}", "status", "ok"));
}

static unsigned
since_ms(uint64_t start)
{
	return (unsigned)((clock_mono_ns() - start) / 1000000);
}

static int
ask(int fd)
{
	if (rig_sends(fd, "GET /p HTTP/1.1\r\nHost: a\r\n\r\n") != 0)
		return -1;
	return rig_read_reply(fd, buf, sizeof buf, 0);
}

/*
 * Sends a byte each 20 ms until the server hangs up; the status it answered,
 * 0 for none. *ms: when.
 */
static int
drip(int fd, const char *first, unsigned *ms)
{
	uint64_t start = clock_mono_ns();
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int reset;

	(void)rig_sends(fd, first);
	while (poll(&p, 1, 20) == 0 && since_ms(start) < 5000)
		(void)rig_sends(fd, "a");
	*ms = since_ms(start);
	(void)rig_read_all(fd, buf, sizeof buf, &reset);
	return buf[0] != '\0' ? (int)strtol(buf + 9, NULL, 10) : 0;
}

static void
test_deadlines(void)
{
	int fd = rig_connect(&g);
	unsigned ms;
	uint64_t start;

	check_int(drip(fd, "GET /", &ms), 408, "a slow head");
	check(ms >= HEAD_MS - 50 && ms < HEAD_MS + 1000, "at its deadline");
	(void)close(fd);
	fd = rig_connect(&g);
	check_int(drip(fd, "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: "
	    "1000\r\n\r\n", &ms), 408, "a slow body");
	check(ms >= BODY_MS - 50 && ms < BODY_MS + 1000, "at its deadline");
	(void)close(fd);
	fd = rig_connect(&g);
	start = clock_mono_ns();
	check(recv(fd, buf, 1, 0) == 0 && since_ms(start) >= HEAD_MS - 50,
	    "who says nothing is hung up on");
	(void)close(fd);
	fd = rig_connect(&g);
	check_int(ask(fd), 200, "a request");
	start = clock_mono_ns();
	check(recv(fd, buf, 1, 0) == 0 && since_ms(start) >= IDLE_MS - 50 &&
	    since_ms(start) < IDLE_MS + 1000, "then idle: closed");
	(void)close(fd);
	fd = rig_connect(&g);
	check_int(ask(fd), 200, "a request");
	check_int(drip(fd, "GET /", &ms), 408, "and a slow second one");
	check(ms >= HEAD_MS - 50, "has the time of a head");
	(void)close(fd);
}

static void
set_waits(void *arg)
{
	(void)arg;
	http_server_set_wait(g.server, WAIT_REPLY, REPLY_MS);
	http_server_set_wait(g.server, WAIT_LINGER, LINGER_MS);
}

/* A reply that is not read, and one that is read slowly. */
static void
test_slow_readers(void)
{
	struct timespec nap = { 0, REPLY_MS * 1000000L / 4 };
	size_t got = 0;
	ssize_t r = 1;
	int fd, i;

	rig_call(&g, set_waits, NULL);
	fd = rig_connect(&g);
	(void)rig_sends(fd, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
	check(rig_wait_connections(&g, 1) && rig_wait_connections(&g, 0),
	    "who does not read a reply is closed");
	(void)close(fd);
	fd = rig_connect(&g);
	(void)rig_sends(fd, "GET /big HTTP/1.1\r\nHost: a\r\n"
	    "Connection: close\r\n\r\n");
	for (i = 0; r > 0; i++) {
		if (i % 16 == 0 && i < 16 * 12)
			(void)nanosleep(&nap, NULL);
		r = recv(fd, buf, sizeof buf, 0);
		got += r > 0 ? (size_t)r : 0;
	}
	check(r == 0 && got > BIG, "who reads slowly gets all of it");
	(void)close(fd);
}

/* A refused client that neither reads nor closes. */
static void
test_linger(void)
{
	int fd = rig_connect(&g);
	uint64_t start = clock_mono_ns();

	(void)rig_sends(fd, "BAD\r\n\r\n");
	check(rig_wait_connections(&g, 1) && rig_wait_connections(&g, 0),
	    "a refused connection ends although its client stays");
	check(since_ms(start) >= LINGER_MS - 50, "after its time to read");
	check_int(rig_read_reply(fd, buf, sizeof buf, 0), 400,
	    "the refusal is still there");
	(void)close(fd);
}

static void
test_many_slow(void)
{
	int fds[100], i, closed = 0;
	uint64_t start = clock_mono_ns();

	for (i = 0; i < 100; i++) {
		fds[i] = rig_connect(&g);
		(void)rig_sends(fds[i], "GET / HTTP/1.1\r\nX: ");
	}
	for (i = 0; i < 100; i++) {
		(void)drip(fds[i], "a", &(unsigned){ 0 });
		closed += buf[0] != '\0';
		(void)close(fds[i]);
	}
	check_int(closed, 100, "100 slow heads all end");
	check(since_ms(start) < HEAD_MS + 3000, "soon");
	check(rig_wait_connections(&g, 0), "and are gone");
}

static void
test_connections(void)
{
	struct rig few = { .cfg = rig_config(handle) };
	struct pollfd p = { .events = POLLIN };
	int fd[4], i;

	few.cfg.max_connections = 3;
	rig_start(&few);
	for (i = 0; i < 3; i++) {
		fd[i] = rig_connect(&few);
		check_int(ask(fd[i]), 200, "within the limit");
	}
	fd[3] = rig_connect(&few);
	(void)rig_sends(fd[3], "GET /p HTTP/1.1\r\nHost: a\r\n\r\n");
	p.fd = fd[3];
	check_int(poll(&p, 1, 100), 0, "one more has to wait");
	check_int(rig_stats(&few).connections, 3, "three are counted");
	(void)close(fd[0]);
	check_int(rig_read_reply(fd[3], buf, sizeof buf, 0), 200,
	    "until another one leaves");
	for (i = 1; i < 4; i++)
		(void)close(fd[i]);
	rig_stop(&few);
}

static int
count_lines(int fd)
{
	ssize_t n = pread(fd, buf, sizeof buf - 1, 0), i;
	int lines = 0;

	for (i = 0; i < n; i++)
		lines += buf[i] == '\n';
	return lines;
}

static double
cpu_seconds(void)
{
	struct rusage u;

	(void)getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	    (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static int
reconnect(struct rig *r, int fd)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
	    .sin_port = htons((uint16_t)r->port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval tv = { 5, 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
	return connect(fd, (struct sockaddr *)&sin, sizeof sin);
}

/* The client's sockets exist before the limit falls on the server. */
static void
test_descriptors(void)
{
	struct rig low = { .cfg = rig_config(handle) };
	struct timespec nap = { 0, 700000000 };
	struct rlimit old, now;
	int fd[CLIENTS], last = -1, i, served = 0, saved, log, lines;
	FILE *f = tmpfile();
	double cpu;

	if (f == NULL)
		abort();
	log = fileno(f);
	saved = dup(STDERR_FILENO);
	rig_start(&low);
	for (i = 0; i < CLIENTS; i++)
		fd[i] = socket(AF_INET, SOCK_STREAM, 0);
	last = dup(fd[CLIENTS - 1]);
	(void)close(last);
	(void)dup2(log, STDERR_FILENO);
	(void)getrlimit(RLIMIT_NOFILE, &old);
	now = old;
	now.rlim_cur = (rlim_t)last + 5;
	(void)setrlimit(RLIMIT_NOFILE, &now);
	cpu = cpu_seconds();
	for (i = 0; i < CLIENTS / 2; i++)
		(void)reconnect(&low, fd[i]);
	(void)nanosleep(&nap, NULL);
	cpu = cpu_seconds() - cpu;
	lines = count_lines(log);
	(void)dup2(saved, STDERR_FILENO);
	check(lines >= 1 && lines <= 2, "one log line a second");
	check(cpu < 0.2, "no spinning");
	if (cpu >= 0.2)
		printf("# %.3f s of CPU in 0.7 s\n", cpu);
	for (i = 0; i < CLIENTS / 2; i++) {
		served += i < 5 && ask(fd[i]) == 200;
		(void)close(fd[i]);
	}
	check_int(served, 5, "those that were accepted are served");
	for (served = 0; i < CLIENTS && served == 0; i++) {
		(void)reconnect(&low, fd[i]);
		served = ask(fd[i]) == 200;
	}
	check(served, "then it accepts again");
	(void)setrlimit(RLIMIT_NOFILE, &old);
	for (i = CLIENTS / 2; i < CLIENTS; i++)
		(void)close(fd[i]);
	check(rig_wait_connections(&low, 0), "nothing is left open");
	rig_stop(&low);
	(void)close(saved);
	(void)fclose(f);
}

int
main(void)
{
	tap_start(120);
	if (sodium_init() < 0)
		return 1;
	g.cfg = rig_config(handle);
	g.cfg.head_timeout_ms = HEAD_MS;
	g.cfg.body_timeout_ms = BODY_MS;
	g.cfg.idle_timeout_ms = IDLE_MS;
	rig_start(&g);
	if (!check(g.server != NULL, "listens"))
		return tap_done();
	test_deadlines();
	test_slow_readers();
	test_linger();
	test_many_slow();
	test_connections();
	test_descriptors();
	rig_stop(&g);
	return tap_done();
}

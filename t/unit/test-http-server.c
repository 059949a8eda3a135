/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-http-server.c - requests, replies and refusals over real sockets.
 */
#include <sys/resource.h>

#include "http-requests.h"
#include "http-rig.h"

static atomic_int served, smuggled, checks;
static struct http_req *held[4]; /* loop thread */
static int held_n;
static atomic_int holding;

static void
echo(struct http_req *r)
{
	const char *q = http_req_query(r, "q");
	size_t n;
	const char *body = http_req_body(r, &n);
	json_t *o = json_pack("{s:s,s:s,s:s,s:s?,s:i}", "method",
	    http_req_method(r), "path", http_req_path(r), "raw",
	    http_req_raw_path(r), "q", q, "n", (int)n);

	if (o != NULL && body != NULL && n < 100)
		(void)json_object_set_new(o, "body", json_stringn(body, n));
	http_reply_json(r, 200, o);
}

static void
handle(void *user, struct http_req *r)
{
	const char *path = http_req_path(r);
	struct err e;
	int i;

	(void)user;
	atomic_fetch_add(&served, 1);
	if (strcmp(path, "/smuggled") == 0)
		atomic_fetch_add(&smuggled, 1);
	if (strcmp(path, "/hold") == 0) {
		held[held_n++] = r;
		atomic_store(&holding, held_n);
		return;
	}
	if (strcmp(path, "/release") == 0) {
		for (i = 0; i < held_n; i++)
			echo(held[i]);
		held_n = 0;
		atomic_store(&holding, 0);
	}
	if (strcmp(path, "/err") == 0) {
		err_field(&e, "limit", "must be %d", 7);
		http_reply_err(r, &e, json_pack("{s:i}", "max", 100));
		return;
	}
	if (strcmp(path, "/header") == 0)
		(void)http_req_reply_header(r, "Allow", "GET, POST");
	echo(r);
}

/* "X-Key: no" is refused, whatever the request is. */
static int
check_head(void *user, const char *method, const char *path,
    const char *(*header)(void *, const char *), void *ctx, struct err *e)
{
	const char *key = header(ctx, "X-Key");
	const char *host = header(ctx, "Host");

	(void)user;
	(void)method;
	atomic_fetch_add(&checks, 1);
	if (key == NULL || strcmp(key, "no") != 0)
		return 0;
	if (strcmp(path, "/a b") == 0 && host != NULL &&
	    strcmp(host, "a") == 0)
		return err_field(e, "seen", "the path and the host");
	return err_set(e, ERR_INVALID_KEY, "the key is not valid");
}

static struct rig g;
static char reply[1 << 17];

static int
ask(int fd, const char *request)
{
	if (rig_sends(fd, request) != 0)
		return -1;
	return rig_read_reply(fd, reply, sizeof reply,
	    strncmp(request, "HEAD", 4) == 0);
}

static int
has(const char *text)
{
	return strstr(reply, text) != NULL;
}

/* Sends one of the table, `step` bytes a write, to its end and ours. */
static void
try_raw(const struct raw_request *q, size_t step)
{
	char what[160];
	int fd = rig_connect(&g), reset, status, before, count;
	size_t i;

	before = atomic_load(&served);
	for (i = 0; i < q->n; i += step)
		if (rig_send(fd, q->bytes + i, q->n - i < step ? q->n - i :
		    step) != 0)
			break;
	/* What is complete is answered although we say no more. */
	(void)shutdown(fd, SHUT_WR);
	(void)rig_read_all(fd, reply, sizeof reply, &reset);
	status = reply[0] != '\0' ? (int)strtol(reply + 9, NULL, 10) : 0;
	count = atomic_load(&served) - before;
	(void)snprintf(what, sizeof what, "%s, %zu a write: %d, %d served",
	    q->name, step, q->status, q->served);
	if (!check(status == q->status && count >= (q->served > 0) &&
	    count <= q->served && !reset, what))
		printf("# %d, %d served%s\n", status, count,
		    reset ? ", reset" : "");
	(void)close(fd);
}

static void
test_raw(void)
{
	size_t i;

	for (i = 0; i < RAW_REQUESTS; i++)
		try_raw(&raw_requests[i], raw_requests[i].n);
	for (i = 0; i < RAW_REQUESTS; i++)
		if (raw_requests[i].n < 200)
			try_raw(&raw_requests[i], 1);
	check_int(atomic_load(&smuggled), 0, "no body was run as a request");
}

static void
test_replies(void)
{
	int fd = rig_connect(&g), i, good = 1;

	for (i = 0; i < 100; i++)
		good &= ask(fd, "GET /p HTTP/1.1\r\nHost: a\r\n\r\n") == 200;
	check(good, "100 requests on one connection");
	check(has("\r\nX-Request-Id: req-"), "an id is made");
	check(has("\r\nContent-Type: application/json\r\n"), "JSON");
	check_int(ask(fd, "GET /%61b/c%2Fd?q=1&q=a+%C3%A9 HTTP/1.1\r\n"
	    "Host: a\r\nX-Request-Id: mine-1\r\n\r\n"), 200, "a target");
	check_str(rig_body(reply), "{\"method\":\"GET\",\"path\":\"/ab/c/d\","
	    "\"raw\":\"/%61b/c%2Fd\",\"q\":\"a \xc3\xa9\",\"n\":0}",
	    "decoded once; the last of a name counts");
	check(has("\r\nX-Request-Id: mine-1\r\n"), "the client's id");
	(void)ask(fd, "GET /p HTTP/1.1\r\nHost: a\r\nX-Request-Id: a b\r\n"
	    "\r\n");
	check(has("\r\nX-Request-Id: req-"), "not when it has a blank");
	check_int(ask(fd, "GET /err HTTP/1.1\r\nHost: a\r\n\r\n"), 422,
	    "an error");
	check_str(rig_body(reply), "{\"error\":\"VALIDATION_ERROR\","
	    "\"message\":\"must be 7\",\"details\":{\"max\":100,\"field\":"
	    "\"limit\"}}", "as the flat object");
	check_int(ask(fd, "HEAD /p HTTP/1.1\r\nHost: a\r\n\r\n"), 200,
	    "HEAD");
	check(has("\r\nContent-Length: 5"), "tells the length");
	check_int(ask(fd, "GET /header HTTP/1.1\r\nHost: a\r\n\r\n"), 200,
	    "nothing of a body came behind it");
	check(has("\r\nAllow: GET, POST\r\n"), "a header of the handler");
	check_int(ask(fd, "GET /p HTTP/1.1\r\nHost: a\r\nConnection: close"
	    "\r\n\r\n"), 200, "the last one");
	check_int(recv(fd, reply, 1, 0), 0, "then it closes");
	(void)close(fd);
}

static void
test_http10(void)
{
	int fd = rig_connect(&g), reset;

	(void)rig_sends(fd, "GET /p HTTP/1.0\r\n\r\n");
	(void)rig_read_all(fd, reply, sizeof reply, &reset);
	check(has("HTTP/1.0 200 ") && !has("chunked") && !reset,
	    "HTTP/1.0 ends with the connection");
	(void)close(fd);
	fd = rig_connect(&g);
	check(ask(fd, "GET /p HTTP/1.0\r\nConnection: keep-alive\r\n\r\n") ==
	    200 && ask(fd, "GET /p HTTP/1.0\r\nConnection: keep-alive\r\n"
	    "\r\n") == 200, "or lives when asked to");
	(void)close(fd);
}

static void
test_continue(void)
{
	static const char want[] = "HTTP/1.1 100 Continue\r\n\r\n";
	int fd = rig_connect(&g), reset;

	(void)rig_sends(fd, "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: "
	    "5\r\nExpect: 100-continue\r\n\r\n");
	check(recv(fd, reply, sizeof want - 1, MSG_WAITALL) ==
	    sizeof want - 1 && memcmp(reply, want, sizeof want - 1) == 0,
	    "100 Continue");
	check_int(ask(fd, "abcde"), 200, "then the reply");
	check(has("\"body\":\"abcde\""), "to the body");
	(void)rig_sends(fd, "POST /p HTTP/1.1\r\nHost: a\r\nX-Key: no\r\n"
	    "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n");
	(void)rig_read_all(fd, reply, sizeof reply, &reset);
	check(has("HTTP/1.1 401 ") && has("INVALID_KEY") && !reset,
	    "a refusal comes instead of 100");
	(void)close(fd);
}

static void
send_big(int fd, const char *head, size_t n)
{
	char *p = calloc(1, n);

	if (p == NULL)
		abort();
	memset(p, 'x', n);
	(void)rig_sends(fd, head);
	(void)rig_send(fd, p, n);
	free(p);
}

static void
test_refused_by_head(void)
{
	int fd = rig_connect(&g), before = atomic_load(&served), reset;

	check_int(ask(fd, "GET /p HTTP/1.1\r\nHost: a\r\nX-Key: no\r\n"
	    "X-Request-Id: i7\r\n\r\n"), 401, "refused by its head");
	check_str(rig_body(reply), "{\"error\":\"INVALID_KEY\",\"message\":"
	    "\"the key is not valid\"}", "with a JSON error");
	check(has("\r\nX-Request-Id: i7\r\n"), "and the client's id");
	check_int(ask(fd, "POST /a%20b?x HTTP/1.1\r\nHost: a\r\nX-Key: no"
	    "\r\nContent-Length: 9\r\n\r\n{bad json"), 422,
	    "the connection goes on; it saw the path decoded");
	check_int(ask(fd, "POST /p HTTP/1.1\r\nHost: a\r\nX-Key: no\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"), 401,
	    "chunked");
	check_int(ask(fd, "HEAD /p HTTP/1.1\r\nHost: a\r\nX-Key: no\r\n\r\n"),
	    401, "HEAD");
	send_big(fd, "POST /p HTTP/1.1\r\nHost: a\r\nX-Key: no\r\n"
	    "Content-Length: 65536\r\n\r\n", 65536);
	check_int(rig_read_reply(fd, reply, sizeof reply, 0), 401,
	    "64 KiB are read and dropped");
	check_int(atomic_load(&served), before, "none reached the handler");
	check_int(ask(fd, "GET /p HTTP/1.1\r\nHost: a\r\n\r\n"), 200,
	    "a good one follows");
	send_big(fd, "POST /p HTTP/1.1\r\nHost: a\r\nX-Key: no\r\n"
	    "Content-Length: 65537\r\n\r\n", 65537);
	(void)rig_read_all(fd, reply, sizeof reply, &reset);
	check(has("HTTP/1.1 401 ") && has("\r\nConnection: close\r\n") &&
	    !reset, "more: answered at once and closed, without reset");
	(void)close(fd);
	fd = rig_connect(&g);
	send_big(fd, "POST /p HTTP/1.1\r\nHost: a\r\nX-Key: no\r\n"
	    "Transfer-Encoding: chunked\r\n\r\nffff0\r\n", 0xffff0);
	(void)rig_read_all(fd, reply, sizeof reply, &reset);
	check(has("HTTP/1.1 401 ") && has("INVALID_KEY") && !reset,
	    "the same in chunks");
	(void)close(fd);
}

static void
test_body_limit(void)
{
	int fd = rig_connect(&g), reset;
	char head[200];

	(void)snprintf(head, sizeof head, "POST /p HTTP/1.1\r\nHost: a\r\n"
	    "Content-Length: %d\r\n\r\n", 1 << 20);
	send_big(fd, head, 1 << 20);
	check_int(rig_read_reply(fd, reply, sizeof reply, 0), 200,
	    "a body of the maximum");
	check(has("\"n\":1048576"), "all of it");
	(void)snprintf(head, sizeof head, "POST /p HTTP/1.1\r\nHost: a\r\n"
	    "X-Request-Id: i8\r\nContent-Length: %d\r\n\r\n", (1 << 20) + 1);
	send_big(fd, head, (1 << 20) + 1);
	(void)rig_read_all(fd, reply, sizeof reply, &reset);
	check(has("HTTP/1.1 413 ") && has("\"error\":\"BODY_TOO_LARGE\"") &&
	    has("\r\nX-Request-Id: i8\r\n") && !reset, "one byte more");
	(void)close(fd);
	fd = rig_connect(&g);
	send_big(fd, "POST /p HTTP/1.1\r\nHost: a\r\nX-Request-Id: i9\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n100001\r\n", 0x100001);
	(void)rig_read_all(fd, reply, sizeof reply, &reset);
	check(has("HTTP/1.1 413 ") && has("\"error\":\"BODY_TOO_LARGE\"") &&
	    has("\r\nX-Request-Id: i9\r\n") && !reset, "in chunks");
	(void)close(fd);
	fd = rig_connect(&g);
	(void)snprintf(head, sizeof head, "POST /p HTTP/1.1\r\nHost: a\r\n"
	    "X-Key: no\r\nContent-Length: %d\r\n\r\n", 1 << 30);
	(void)rig_sends(fd, head);
	(void)rig_read_all(fd, reply, sizeof reply, &reset);
	check(has("HTTP/1.1 401 "), "a refusal wins over the limit");
	(void)close(fd);
}

static void
wait_holding(int n)
{
	struct timespec nap = { 0, 1000000 };

	while (atomic_load(&holding) != n)
		(void)nanosleep(&nap, NULL);
}

static void
test_hold(void)
{
	int a = rig_connect(&g), b = rig_connect(&g), before;
	struct pollfd p = { .fd = a, .events = POLLIN };

	before = atomic_load(&served);
	(void)rig_sends(a, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"
	    "GET /second HTTP/1.1\r\nHost: a\r\n\r\nGET /third HTTP/1.1\r\n"
	    "Host: a\r\n\r\n");
	wait_holding(1);
	check_int(poll(&p, 1, 50), 0, "a held request holds those behind it");
	check_int(atomic_load(&served) - before, 1, "none was run");
	check_int(ask(b, "GET /release HTTP/1.1\r\nHost: a\r\n\r\n"), 200,
	    "let go");
	check(rig_read_reply(a, reply, sizeof reply, 0) == 200 &&
	    has("/hold"), "first");
	check(rig_read_reply(a, reply, sizeof reply, 0) == 200 &&
	    has("/second"), "second");
	check(rig_read_reply(a, reply, sizeof reply, 0) == 200 &&
	    has("/third"), "third");
	(void)close(a);
	a = rig_connect(&g);
	(void)rig_sends(a, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
	wait_holding(1);
	(void)close(a);
	check_int(ask(b, "GET /release HTTP/1.1\r\nHost: a\r\n\r\n"), 200,
	    "a held request whose client has left is answered into nothing");
	(void)close(b);
}

/* Requests without reading any reply: what is kept of them is bounded. */
static void
test_flood(void)
{
	static const char one[] = "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n";
	int a = rig_connect(&g), b = rig_connect(&g), flags;
	char *junk = calloc(1, 1 << 16);
	struct rusage before, after;
	size_t sent = 0;
	ssize_t r;

	if (junk == NULL)
		abort();
	memset(junk, 'j', 1 << 16);
	(void)rig_sends(a, one);
	wait_holding(1);
	(void)getrusage(RUSAGE_SELF, &before);
	flags = MSG_NOSIGNAL | MSG_DONTWAIT;
	while (sent < (64 << 20)) {
		struct pollfd p = { .fd = a, .events = POLLOUT };

		r = send(a, junk, 1 << 16, flags);
		if (r < 0 && poll(&p, 1, 300) == 0)
			break;
		sent += r > 0 ? (size_t)r : 0;
	}
	(void)getrusage(RUSAGE_SELF, &after);
	check(sent < (64 << 20), "bytes behind a held request are not read");
	check(after.ru_maxrss - before.ru_maxrss < 8192, "nor kept");
	(void)ask(b, "GET /release HTTP/1.1\r\nHost: a\r\n\r\n");
	check_int(rig_read_reply(a, reply, sizeof reply, 0), 200,
	    "it is answered");
	check_int(rig_read_reply(a, reply, sizeof reply, 0), 431,
	    "and the junk refused");
	(void)close(a);
	(void)close(b);
	free(junk);
}

/* Clients that cut anywhere, pipeline anything and leave at any moment. */
static void
test_churn(void)
{
	struct linger hard = { 1, 0 };
	const struct raw_request *q;
	int fd[8], i, j, k;
	unsigned seed = 7;

	for (i = 0; i < 500; i++) {
		for (j = 0; j < 8; j++) {
			fd[j] = rig_connect(&g);
			for (k = rand_r(&seed) % 4; k >= 0; k--) {
				q = &raw_requests[(unsigned)rand_r(&seed) %
				    RAW_REQUESTS];
				(void)rig_send(fd[j], q->bytes, k > 0 ? q->n :
				    (size_t)rand_r(&seed) % (q->n + 1));
			}
		}
		for (j = 0; j < 8; j++) {
			if (rand_r(&seed) % 3 == 0)
				(void)recv(fd[j], reply, 100, MSG_DONTWAIT);
			if (rand_r(&seed) % 3 == 0)
				(void)setsockopt(fd[j], SOL_SOCKET, SO_LINGER,
				    &hard, sizeof hard);
			(void)close(fd[j]);
		}
	}
	check(rig_wait_connections(&g, 0), "4,000 rude clients are gone");
	check_int(atomic_load(&smuggled), 0, "none smuggled anything");
}

static void
test_stop_with_held(void)
{
	int a = rig_connect(&g), b = rig_connect(&g), i;

	(void)rig_sends(a, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
	(void)rig_sends(b, "POST /hold HTTP/1.1\r\nHost: a\r\n"
	    "Content-Length: 3\r\n\r\nabc");
	wait_holding(2);
	rig_stop(&g);
	check_str(http_req_path(held[0]), "/hold", "held requests outlive");
	for (i = 0; i < held_n; i++)
		echo(held[i]);
	check_int(recv(a, reply, 1, 0), 0, "the server; the client is told");
	(void)close(a);
	(void)close(b);
}

static void
test_bind(void)
{
	struct rig other = { .cfg = rig_config(handle) };
	char want[100];

	other.cfg.port = g.port;
	rig_start(&other);
	(void)snprintf(want, sizeof want, "cannot listen on 127.0.0.1:%d: "
	    "Address already in use", g.port);
	check_str(other.err.text, want, "a port in use");
	rig_stop(&other);
	other.cfg.port = 0;
	other.cfg.host = "localhost";
	rig_start(&other);
	check(other.server != NULL && other.port > 0, "a name");
	rig_stop(&other);
}

int
main(void)
{
	tap_start(240);
	if (sodium_init() < 0)
		return 1;
	(void)log_set_level("ERROR");
	g.cfg = rig_config(handle);
	g.cfg.check_head = check_head;
	rig_start(&g);
	if (!check(g.server != NULL, "listens"))
		return tap_done();
	test_replies();
	test_http10();
	test_continue();
	test_refused_by_head();
	test_body_limit();
	test_hold();
	test_flood();
	test_raw();
	if (RIG_CHURN)
		test_churn();
	test_bind();
	check(rig_wait_connections(&g, 0), "every connection is gone");
	test_stop_with_held();
	return tap_done();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-http-client.c - the HTTP client against a server that misbehaves.
 */
#include <strings.h>

#include "../../core/base/clock.h"
#include "http-got.h"
#include "tap.h"

static void
test_plain(void)
{
	struct got *g = fetch("/ok", 0);

	check_int(g->st, SEPT_OK, "a plain GET");
	check_str(g->body, "hello", "its body");
	check(g->status == 200 && g->heads == 1 && g->done == 1, "one head");
	check_str(g->type, "text/plain", "content type");
	check_str(g->url, at("/ok"), "the URL");
	check_int(g->nested, 0, "no callback from inside a call");
	g = fetch("/status?500", SEPT_HTTP_SSE);
	check(g->st == SEPT_OK && g->status == 500 && strcmp(g->body,
	    "as asked") == 0, "a 500 is a whole reply, its body is data");
	g = fetch("/status?304", 0);
	check(g->st == SEPT_OK && g->status == 304 && g->body_n == 0, "304");
	g = fetch("/status?204", 0);
	check(g->st == SEPT_OK && g->status == 204 && g->body_n == 0, "204");
	g = fetch("/interim", 0);
	check(g->st == SEPT_OK && g->status == 200 && g->heads == 1 &&
	    strcmp(g->type, "text/plain") == 0, "103 is not the reply");
	g = fetch("/gzip", 0);
	check(g->st == SEPT_OK && strcmp(g->body, "hello") == 0, "gzip");
	g = fetch("/trailer", 0);
	check(g->st == SEPT_OK && g->status == 200 && strcmp(g->type,
	    "text/good") == 0, "a trailer changes nothing");
	g = fetch("http://127.0.0.1:1/", 0);
	check_int(g->st, SEPT_EIO, "nobody listens");
	check(g->status == 0 && g->msg[0] != '\0', "status 0, with a reason");
}

static const char *const headers[] = { "Authorization: Bearer s3cret",
	"X-Api-Key: k1", "x-goog-api-key: k2", "Cookie: c=1", "X-Empty:",
	"X-Other: stays", "Content-Type: application/json", NULL };

static void
test_methods(void)
{
	struct sept_http_request q = { .method = "POST", .headers = headers };
	static char big[1 << 20];
	unsigned sum = 0;
	char want[64];
	size_t i;
	struct got *g;

	for (i = 0; i < sizeof big; i++) {
		big[i] = (char)(i * 7 + i / 251);
		sum = sum * 31 + (unsigned char)big[i];
	}
	q.body.p = big;
	q.body.n = sizeof big;
	(void)snprintf(want, sizeof want, "body %zu %u", sizeof big, sum);
	g = fetch_with("/echo", 0, &q);
	check(g->st == SEPT_OK && strstr(g->body, want) != NULL,
	    "a large POST arrives whole");
	check(strncmp(g->body, "POST /echo", 10) == 0, "method and path");
	check(strstr(g->body, "Bearer s3cret\r\n") != NULL &&
	    strstr(g->body, "User-Agent: test/1\r\n") != NULL &&
	    strstr(g->body, "X-Empty:\r\n") != NULL, "headers");
	check(strcasestr(g->body, "\r\nexpect:") == NULL, "no Expect");
	q.headers = NULL;
	q.body.n = 0;
	g = fetch_with("/echo", 0, &q);
	check(strstr(g->body, "Content-Length: 0") != NULL &&
	    strcasestr(g->body, "\r\ncontent-type:") == NULL,
	    "an empty POST has a length and no type");
	q.method = "HEAD";
	g = fetch_with("/ok", 0, &q);
	check(g->st == SEPT_OK && g->status == 200 && g->body_n == 0, "HEAD");
	q.max_body = 2;
	g = fetch_with("/ok", 0, &q);
	check_int(g->st, SEPT_OK, "HEAD of what would be too big");
	q.method = "DELETE";
	q.max_body = 0;
	g = fetch_with("/echo", 0, &q);
	check(strncmp(g->body, "DELETE ", 7) == 0 &&
	    strcasestr(g->body, "content-length") == NULL, "DELETE");
	q.method = "PATCH";
	q.body.n = 3;
	g = fetch_with("/echo", 0, &q);
	check(strncmp(g->body, "PATCH ", 6) == 0 &&
	    strstr(g->body, "body 3 ") != NULL, "PATCH");
	check(strstr(g->body, "127.0.0.1") != NULL, "Host");
}

static void
refused(const char *url, const char *method, const char *header,
    const char *what)
{
	struct sept_http_request q;
	const char *h[2] = { header, NULL };
	struct sept_http *out;
	struct err e = { .code = ERR_NONE };
	struct got g = { .done = 0 };

	fill(&q, &g, url, 0);
	q.method = method;
	q.headers = h;
	check(http_client_request(client, &q, &out, &e) == -1 &&
	    e.code == ERR_VALIDATION && e.text[0] != '\0', what);
}

static void
test_bad_requests(void)
{
	struct http_client_stats s;
	struct got *g;

	refused("nonsense", "GET", NULL, "no URL");
	refused("/relative", "GET", NULL, "a relative URL");
	refused("http://", "GET", NULL, "no host");
	refused("http://user:pw@127.0.0.1/", "GET", NULL, "a password");
	refused("http://a b/", "GET", NULL, "a blank in the host");
	refused("http://127.0.0.1/\r\nX: 1", "GET", NULL, "a line end in it");
	refused(at("/ok"), "GET /x", NULL, "a method with a blank");
	refused(at("/ok"), "", NULL, "no method");
	refused(at("/ok"), "CONNECT", NULL, "CONNECT");
	refused(at("/ok"), "GET", "X: 1\r\nY: 2", "a line end in a header");
	refused(at("/ok"), "GET", "no colon", "a header without colon");
	refused(at("/ok"), "GET", "Content-Length: 5", "own Content-Length");
	refused(at("/ok"), "GET", "Transfer-encoding: x", "own framing");
	refused(at("/ok"), "GET", "Host: other", "own Host");
	http_client_stats(client, &s);
	check_int(s.active, 0, "nothing was started");
	g = fetch("file:///etc/passwd", 0);
	check(g->st == SEPT_EDENIED && g->body_n == 0, "file: is denied");
	g = fetch("ftp://127.0.0.1/", SEPT_HTTP_TOOL);
	check_int(g->st, SEPT_EDENIED, "ftp: is denied");
}

static void
test_sse(void)
{
	struct got *g = fetch("/sse?3,5", SEPT_HTTP_SSE);

	check_int(g->st, SEPT_OK, "an event stream");
	check_str(g->events, "[e|0|{\"n\":0}][e|1|{\"n\":1}][e|2|{\"n\":2}]",
	    "its events");
	check_int(g->datas, 0, "and no data");
	g = fetch("/sse?2", 0);
	check(g->sses == 0 && strncmp(g->body, "id: 0\n", 6) == 0,
	    "raw without the flag");
	g = fetch("/json", SEPT_HTTP_SSE);
	check(g->sses == 0 && strcmp(g->body, "data: {}\n\n") == 0,
	    "another type is data");
	g = fetch("/utf8", SEPT_HTTP_SSE);
	check_str(g->last, "\xe2\x82\xac \xf0\x9f\x98\x80",
	    "a character cut by chunks");
	g = fetch("/until-close", SEPT_HTTP_SSE);
	check(g->st == SEPT_OK && g->sses == 2,
	    "an unfinished event at the end is dropped");
	g = fetch("/sse?5000", SEPT_HTTP_SSE);
	check(g->st == SEPT_OK && g->sses == 5000, "5,000 events");
}

static void
test_cuts(void)
{
	struct got *g = fetch("/cut-chunk", SEPT_HTTP_SSE);

	check(g->st == SEPT_EIO && g->sses == 1 && g->status == 200,
	    "cut in a chunk: the whole event, then EIO");
	g = fetch("/cut-length", 0);
	check(g->st == SEPT_EIO && strcmp(g->body, "short") == 0,
	    "cut before the length");
	g = fetch("/cut-head", 0);
	check(g->st == SEPT_EIO && g->heads == 0 && g->status == 0,
	    "cut in the head");
	g = fetch("/garbage", 0);
	check(g->st == SEPT_EIO && g->heads == 0 && g->body_n == 0,
	    "garbage");
	check(g->msg[0] != '\0', "says why");
}

static void
test_limits(void)
{
	struct sept_http_request q = { .max_body = 100000 };
	size_t before = odd_sent(server);
	struct got *g = fetch_with("/big?50000000", 0, &q);

	check(g->st == SEPT_ETOOBIG && g->body_n == 0,
	    "a length over the limit ends it before the body");
	spin_ms(20);
	check(odd_sent(server) - before < 20000000, "which is not read");
	g = fetch_with("/big?100000", 0, &q);
	check(g->st == SEPT_OK && g->body_n == 100000, "exactly the limit");
	g = fetch_with("/endless", 0, &q);
	check(g->st == SEPT_ETOOBIG && g->body_n <= 100000, "chunks");
	check(strstr(g->msg, "100000") != NULL, "says the limit");
	g = fetch_with("/endless?s", SEPT_HTTP_SSE, &q);
	check(g->st == SEPT_ETOOBIG && g->sses == 0, "an endless event");
	g = fetch_with("/sse?5000", SEPT_HTTP_SSE, &q);
	check(g->st == SEPT_OK && g->sses == 5000, "of events, each counts");
	g = fetch("/head-flood", 0);
	check(g->st != SEPT_OK && g->heads == 0, "an endless head");
	g = fetch("/interim-flood", 0);
	check(g->st != SEPT_OK && g->heads == 0, "endless interim replies");
}

static void
test_time(void)
{
	struct sept_http_request q = { .idle_timeout_ms = 150 };
	uint64_t t0 = clock_mono_ns(), ms;
	struct got *g = fetch_with("/hang", 0, &q);

	ms = (clock_mono_ns() - t0) / 1000000;
	check_int(g->st, SEPT_ETIMEOUT, "silence before the head");
	check(ms >= 150 && ms < 3000, "in time");
	g = fetch_with("/hang-mid", SEPT_HTTP_SSE, &q);
	check(g->st == SEPT_ETIMEOUT && g->sses == 1, "silence in mid-event");
	check(strstr(g->msg, "150 ms") != NULL, "the message says it");
	t0 = clock_mono_ns();
	g = fetch_with("/sse?30,15", SEPT_HTTP_SSE, &q);
	check(g->st == SEPT_OK && g->sses == 30 &&
	    clock_mono_ns() - t0 > 300 * UINT64_C(1000000),
	    "bytes that come keep it alive");
	g = fetch_with("/drip?2", 0, &q);
	check(g->st == SEPT_OK && strcmp(g->body, "0123456789") == 0,
	    "a byte at a time");
	q.deadline_ns = clock_mono_ns() + 200 * UINT64_C(1000000);
	g = fetch_with("/sse?1000,10", SEPT_HTTP_SSE, &q);
	check(g->st == SEPT_ETIMEOUT && g->sses > 0, "the deadline holds");
	check(clock_mono_ns() >= q.deadline_ns, "and not before");
	q.deadline_ns = 1;
	g = fetch_with("/ok", 0, &q);
	check_int(g->st, SEPT_ETIMEOUT, "a deadline in the past");
	q.deadline_ns = UINT64_MAX;
	g = fetch_with("/ok", 0, &q);
	check_int(g->st, SEPT_OK, "UINT64_MAX is none");
}

static void
test_retry_after(void)
{
	struct got *g = fetch("/retry-after?7", SEPT_HTTP_SSE);

	check(g->status == 429 && g->retry_s == 7, "Retry-After: seconds");
	check_str(g->body, "{\"slow\":1}", "the body of a 429");
	g = fetch("/retry-after?date", 0);
	check(g->retry_s >= 58 && g->retry_s <= 60, "a date");
	g = fetch("/retry-after?Wed,+21+Oct+2015+07:28:00+GMT", 0);
	check_int(g->retry_s, 0, "a date long past");
	g = fetch("/retry-after?soon", 0);
	check_int(g->retry_s, -1, "nonsense");
	g = fetch("/retry-after?99999999999999999999", 0);
	check(g->retry_s > 1000000, "a huge number");
	g = fetch("/ok", 0);
	check_int(g->retry_s, -1, "none");
}

static void
test_redirects(void)
{
	struct sept_http_request q = { .method = "POST", .headers = headers,
		.body = { "abc", 3 } };
	unsigned f = SEPT_HTTP_FOLLOW;
	struct got *g = fetch("/to?302,/ok", f);
	int before;

	check(g->st == SEPT_OK && strcmp(g->body, "hello") == 0 &&
	    g->heads == 1, "a relative redirect");
	check_str(g->url, at("/ok"), "the URL is the last one");
	g = fetch("/to?302,/ok", 0);
	check(g->status == 302 && strcmp(g->body, "not for you") == 0,
	    "not followed unless asked");
	g = fetch("/status?302", f);
	check(g->status == 302 && strcmp(g->body, "as asked") == 0,
	    "no Location, no redirect");
	g = fetch("/to-big", f);
	check_str(g->body, "hello", "a redirect with an endless body");
	g = fetch_with(to(302, "127.0.0.1", "/to?302,/ok"), f, NULL);
	check_str(g->body, "hello", "two redirects");
	before = odd_requests(server);
	/* A chain of eight, each relative to the one before. */
	g = fetch("/to?302,?302,?302,?302,?302,?302,?302,?302,/ok", f);
	check_int(g->st, SEPT_EIO, "too many redirects");
	check(strstr(g->msg, "5 redirects") != NULL &&
	    odd_requests(server) - before == 6, "are five, and six requests");
	g = fetch("/to?302,file:///etc/passwd", f);
	check(g->st == SEPT_EDENIED && g->body_n == 0, "to file:");
	g = fetch("/to?302,gopher://127.0.0.1/x", f);
	check_int(g->st, SEPT_EDENIED, "to gopher:");
	g = fetch("/to?302,http://u:p@127.0.0.1/x", f);
	check(g->st == SEPT_EIO && strstr(g->msg, "u:p") == NULL,
	    "to a URL with a password");
	g = fetch("/to?302,http://", f);
	check_int(g->st, SEPT_EIO, "to no URL");
	g = fetch_with(to(307, "127.0.0.1", "/echo"), f, &q);
	check(strncmp(g->body, "POST ", 5) == 0 &&
	    strstr(g->body, "body 3 ") != NULL &&
	    strstr(g->body, "s3cret") != NULL && strstr(g->body, "k2") !=
	    NULL, "307 on the same host keeps all");
	g = fetch_with(to(302, "127.0.0.1", "/echo"), f, &q);
	check(strncmp(g->body, "GET ", 4) == 0 && strstr(g->body,
	    "body 0 ") != NULL && strcasestr(g->body, "\ncontent-") == NULL,
	    "302 turns POST into GET");
	q.method = "PUT";
	g = fetch_with(to(301, "127.0.0.1", "/echo"), f, &q);
	check(strncmp(g->body, "PUT ", 4) == 0, "but not PUT");
	g = fetch_with(to(303, "127.0.0.1", "/echo"), f, &q);
	check(strncmp(g->body, "GET ", 4) == 0, "303 turns it");
	g = fetch_with(to(307, "localhost", "/echo"), f, &q);
	check(g->st == SEPT_OK && strstr(g->body, "X-Other: stays") != NULL,
	    "to another host");
	check(strstr(g->body, "s3cret") == NULL && strstr(g->body, "k1") ==
	    NULL && strstr(g->body, "k2") == NULL && strcasestr(g->body,
	    "cookie") == NULL, "without credentials");
	g = fetch_with(to(307, "localhost", to(307, "127.0.0.1", "/echo")),
	    f, &q);
	check(g->st == SEPT_OK && strstr(g->body, "s3cret") == NULL,
	    "nor when it leads back");
}

static void
test_pause(void)
{
	struct sept_http_request q = { .idle_timeout_ms = 200,
		.max_body = 40000000 };
	struct got g = { .pause_in_data = 1 };
	size_t start = odd_sent(server), held;

	send_req(&g, at("/big?30000000"), 0, &q);
	while (g.datas == 0)
		turn();
	spin_ms(500);
	held = odd_sent(server) - start;
	check(g.datas <= 2 && g.done == 0,
	    "a paused request is quiet, and silence is no time-out then");
	check(held < 20000000, "the server is held back");
	g.pause_in_data = 0;
	http_client_pause(g.h, 0);
	check(g.datas <= 2, "nothing comes from inside resume");
	wait_done(&g);
	check(g.st == SEPT_OK && g.body_n == 30000000, "resumed to the end");

	memset(&g, 0, sizeof g);
	send_req(&g, at("/sse?5"), SEPT_HTTP_SSE, NULL);
	http_client_pause(g.h, 1);
	spin_ms(60);
	check(g.sses == 0 && !g.done, "paused from birth");
	http_client_pause(g.h, 0);
	http_client_pause(g.h, 1);
	http_client_pause(g.h, 0);
	wait_done(&g);
	check(g.st == SEPT_OK && g.sses == 5, "then all of it");

	memset(&g, 0, sizeof g);
	g.pause_in_data = 1;
	send_req(&g, at("/endless"), 0, NULL);
	while (g.datas == 0)
		turn();
	spin_ms(20);
	do_abort(&g);
	wait_done(&g);
	check(g.st == SEPT_ECANCELLED && g.nested == 0, "abort in a pause");
	memset(&g, 0, sizeof g);
	g.pause_in_data = 1;
	q.deadline_ns = clock_mono_ns() + 100 * UINT64_C(1000000);
	send_req(&g, at("/endless"), 0, &q);
	wait_done(&g);
	check_int(g.st, SEPT_ETIMEOUT, "the deadline counts in a pause");
}

static void
test_abort(void)
{
	struct got g = { .abort_in_done = 1 }, g2 = { .done = 0 };

	send_req(&g, at("/ok"), 0, NULL);
	do_abort(&g);
	do_abort(&g);
	check_int(g.done, 0, "on_done is not called from abort");
	wait_done(&g);
	check(g.st == SEPT_ECANCELLED && g.heads == 0, "abort at once");
	memset(&g, 0, sizeof g);
	g.abort_in_head = 1;
	send_req(&g, at("/big?1000000"), 0, NULL);
	wait_done(&g);
	check(g.st == SEPT_ECANCELLED && g.datas == 0 && g.nested == 0,
	    "abort in on_head");
	memset(&g, 0, sizeof g);
	g.abort_in_data = 1;
	send_req(&g, at("/big?1000000"), 0, NULL);
	wait_done(&g);
	check(g.st == SEPT_ECANCELLED && g.datas == 1, "abort in on_data");
	memset(&g, 0, sizeof g);
	g.abort_in_sse = 1;
	send_req(&g, at("/sse?500"), SEPT_HTTP_SSE, NULL);
	wait_done(&g);
	check(g.st == SEPT_ECANCELLED && g.sses == 1 && g.nested == 0,
	    "abort in on_sse: no further event");
	memset(&g, 0, sizeof g);
	send_req(&g, at("/hang"), 0, NULL);
	spin_ms(50);
	do_abort(&g);
	wait_done(&g);
	check_int(g.st, SEPT_ECANCELLED, "abort while waiting for the head");
	memset(&g, 0, sizeof g);
	send_req(&g, "http://name.invalid/", 0, NULL);
	(void)event_base_loop(loop_base(loop), EVLOOP_NONBLOCK);
	if (!g.done) /* a resolver may be that quick */
		do_abort(&g);
	wait_done(&g);
	check(g.st == (g.aborted ? SEPT_ECANCELLED : SEPT_EIO),
	    "abort while resolving");
	memset(&g, 0, sizeof g);
	g.next = &g2;
	send_req(&g, at("/sse?3,5"), SEPT_HTTP_SSE, NULL);
	wait_done(&g);
	wait_done(&g2);
	check(g.st == SEPT_OK && g2.st == SEPT_OK && g2.nested == 0,
	    "a request from inside on_sse");
	spin_ms(20);
	check(g.done == 1 && g2.done == 1, "each ended once");
}

static void
test_reuse(void)
{
	struct http_client_stats a, b;
	struct got g = { .chain = 20 };
	int before = odd_connections(server), i;

	fresh(NULL);
	send_req(&g, at("/ok"), 0, NULL);
	while (g.done < 21)
		turn();
	http_client_stats(client, &a);
	check(a.connections_opened == 1 && a.requests == 21 &&
	    odd_connections(server) - before == 1,
	    "21 requests in a row, one connection");
	for (i = 0; i < 5; i++)
		check(fetch("/close", 0)->st == SEPT_OK,
		    "a connection that died in the pool is no error");
	for (i = 0; i < 10; i++)
		(void)fetch("/sse?2", SEPT_HTTP_SSE);
	http_client_stats(client, &b);
	check(b.connections_opened - a.connections_opened <= 6,
	    "streams that end well are reused too");
	check_int(b.failed, 0, "none failed");
	(void)fetch("/garbage", 0);
	http_client_stats(client, &b);
	check(b.failed == 1 && b.active == 0, "counts failures");
}

#define MANY 200

static void
test_many(void)
{
	static struct got g[MANY];
	struct http_client_stats s;
	int i, good = 0, once = 1;

	fresh(NULL);
	for (i = 0; i < MANY; i++)
		send_req(&g[i], at("/sse?20,5"), SEPT_HTTP_SSE, NULL);
	http_client_stats(client, &s);
	check_int(s.active, MANY, "200 streams");
	for (i = 0; i < MANY; i++)
		wait_done(&g[i]);
	for (i = 0; i < MANY; i++) {
		good += g[i].st == SEPT_OK && g[i].sses == 20;
		once = once && g[i].done == 1 && g[i].nested == 0;
	}
	check_int(good, MANY, "all whole");
	check(once, "each ended once");
	http_client_stats(client, &s);
	check(s.active == 0 && s.connections_opened <= MANY, "none left");
}

static void
test_free(void)
{
	static struct got g[8];
	struct got g2 = { .done = 0 };
	int i, good = 0;

	fresh(NULL);
	for (i = 0; i < 6; i++)
		send_req(&g[i], at(i & 1 ? "/hang" : "/hang-mid"),
		    SEPT_HTTP_SSE, NULL);
	send_req(&g[6], "http://name.invalid/", 0, NULL);
	while (g[0].sses == 0)
		turn();
	send_req(&g[7], at("/ok"), 0, NULL);
	send_req(&g2, at("/ok"), 0, NULL);
	do_abort(&g2);
	http_client_free(client);
	client = NULL;
	for (i = 0; i < 8; i++)
		/* The name may have been refused already. */
		good += g[i].done == 1 && (g[i].st == SEPT_ECANCELLED ||
		    i == 6);
	check_int(good, 8, "free ends what runs, and tells");
	check_int(g2.done, 1, "what was aborted too");
	spin_ms(20);
}

int
main(void)
{
	tap_start(120);
	got_start();
	test_plain();
	test_methods();
	test_bad_requests();
	test_sse();
	test_cuts();
	test_limits();
	test_time();
	test_retry_after();
	test_redirects();
	test_pause();
	test_abort();
	test_reuse();
	test_many();
	test_free();
	got_stop();
	return tap_done();
}

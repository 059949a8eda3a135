/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-http-filter.c - the framing filter alone: every request of
 * http-requests.h in one piece and cut at each byte must come out the same.
 */
#include "../../core/net/http_filter.h"
#include "http-requests.h"
#include "tap.h"

#define MAX_BODY (1 << 20)

struct result {
	int status;  /* of the first one that failed, or 200, or 0 */
	int served;
};

/* One request from p: bytes used, 0: incomplete, -1: refused. */
static int
one(const char *p, size_t n, size_t step, int *status)
{
	struct http_filter f;
	struct http_head h;
	size_t have = 0, used, end;
	int head = 0;

	http_filter_init(&f, MAX_BODY);
	while (head == 0) {
		if (have == n)
			return 0;
		have = n - have < step ? n : have + step;
		head = http_filter_head(&f, p, have, &h);
	}
	if (head < 0) {
		*status = -head;
		return -1;
	}
	if (h.length > MAX_BODY) {
		*status = 413;
		return -1;
	}
	for (used = (size_t)head; f.state != HTTP_FILTER_END; used = end) {
		if (used == n)
			return 0;
		end = n - used < step ? n : used + step;
		end = used + http_filter_body(&f, p + used, end - used,
		    status);
		if (f.state == HTTP_FILTER_BAD)
			return -1;
	}
	return (int)used;
}

static struct result
run(const char *p, size_t n, size_t step)
{
	struct result r = { 0, 0 };
	int used, status = 0;

	while (n > 0) {
		if (r.served == 0 && n >= 2 && memcmp(p, "\r\n", 2) == 0) {
			p += 2;
			n -= 2;
		}
		used = one(p, n, step, &status);
		if (used <= 0) {
			if (used < 0 && r.status == 0)
				r.status = status;
			return r;
		}
		r.served++;
		r.status = 200;
		p += used;
		n -= (size_t)used;
	}
	return r;
}

static void
test_table(void)
{
	const struct raw_request *q;
	struct result r;
	char what[120];
	size_t i, step;
	int good;

	for (i = 0; i < RAW_REQUESTS; i++) {
		q = &raw_requests[i];
		good = 1;
		for (step = 1; step <= q->n && good; step++) {
			r = run(q->bytes, q->n, step);
			good = r.status == q->status && r.served == q->served;
		}
		(void)snprintf(what, sizeof what, "%s: %d, %d served",
		    q->name, q->status, q->served);
		if (!check(good, what))
			printf("# step %zu: %d, %d served\n", step - 1,
			    r.status, r.served);
	}
}

static void
test_find(void)
{
	static const char head[] = "GET / HTTP/1.1\r\nHost: a\r\nX-Key:  k v "
	    "\r\nx-key: 2\r\nEmpty:\r\n\r\n";
	struct http_span v;

	check(http_head_find(head, sizeof head - 1, "x-KEY", &v) == 0 &&
	    v.n == 3 && memcmp(head + v.off, "k v", 3) == 0,
	    "the first of a name, without blanks");
	check(http_head_find(head, sizeof head - 1, "empty", &v) == 0 &&
	    v.n == 0, "an empty value");
	check(http_head_find(head, sizeof head - 1, "X-Ke", &v) != 0,
	    "not a prefix of a name");
	check(http_head_find(head, sizeof head - 1, "GET / HTTP/1.1\r\nHost",
	    &v) != 0, "nor the request line");
}

/* A head of `lines` header lines, n bytes long in all. */
static int
limit(unsigned lines, size_t n)
{
	static char p[HTTP_HEAD_MAX * 2];
	struct http_filter f;
	struct http_head h;
	size_t len;
	unsigned i;

	len = (size_t)snprintf(p, sizeof p, "GET / HTTP/1.1\r\nHost: a\r\n");
	for (i = 1; i + 1 < lines; i++)
		len += (size_t)snprintf(p + len, sizeof p - len, "x:1\r\n");
	memcpy(p + len, "Pad: ", 5);
	len += 5;
	memset(p + len, 'p', sizeof p - len);
	if (n < len + 4)
		n = len + 4;
	memcpy(p + n - 4, "\r\n\r\n", 4);
	http_filter_init(&f, MAX_BODY);
	return http_filter_head(&f, p, n, &h);
}

int
main(void)
{
	struct http_filter f;
	struct http_head h;
	char *p;

	tap_start(60);
	test_table();
	test_find();
	check_int(limit(10, HTTP_HEAD_MAX), HTTP_HEAD_MAX, "16 KiB of head");
	check_int(limit(10, HTTP_HEAD_MAX + 1), -431, "one byte more");
	check(limit(100, 0) > 0, "100 header lines");
	check_int(limit(101, 0), -431, "101 header lines");
	p = malloc(HTTP_HEAD_MAX);
	if (p == NULL)
		abort();
	memset(p, 'A', HTTP_HEAD_MAX);
	http_filter_init(&f, MAX_BODY);
	check_int(http_filter_head(&f, p, HTTP_HEAD_MAX - 1, &h), 0,
	    "a long first line is waited for");
	check_int(http_filter_head(&f, p, HTTP_HEAD_MAX, &h), -431,
	    "to the limit");
	free(p);
	return tap_done();
}

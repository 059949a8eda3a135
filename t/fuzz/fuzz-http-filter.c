/* SPDX-License-Identifier: Apache-2.0 */
/* FUZZ-SOURCES: core/net/http_filter.c */
/*
 * fuzz-http-filter.c - a connection's bytes through the framing filter, whole
 * and cut. How they are cut must change nothing, and what is let pass must
 * keep the filter's promises.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../core/net/http_filter.h"

#define MAX_BODY 100000

struct outcome {
	size_t used[64]; /* where each request ended */
	unsigned n;
	int status;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a second reader would trip over is not in a good head. */
static void
check_head(const char *p, size_t n, const struct http_head *h)
{
	struct http_span v;
	size_t i;

	assert(n <= HTTP_HEAD_MAX && memcmp(p + n - 4, "\r\n\r\n", 4) == 0);
	for (i = 0; i < n; i++) {
		assert(p[i] != '\0');
		assert(p[i] != '\n' || p[i - 1] == '\r');
		assert(p[i] != '\r' || p[i + 1] == '\n');
		assert(i + 2 >= n || p[i] != '\n' ||
		    (p[i + 1] != ' ' && p[i + 1] != '\t'));
	}
	assert(h->target.off + (size_t)h->target.n < n);
	assert(h->id.off + (size_t)h->id.n < n);
	assert(!h->chunked || h->length == 0);
	if (http_head_find(p, n, "Transfer-Encoding", &v) == 0)
		assert(h->chunked && v.n == 7);
	if (http_head_find(p, n, "Content-Length", &v) == 0)
		assert(!h->chunked && v.n > 0);
	else
		assert(h->length == 0);
}

/* One request; bytes used, 0: more is needed, -1: refused. */
static long
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
	check_head(p, (size_t)head, &h);
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
	assert(used <= n);
	return (long)used;
}

static void
run(const char *p, size_t n, size_t step, struct outcome *o)
{
	size_t at = 0;
	long used;

	memset(o, 0, sizeof *o);
	while (at < n && o->n < 64) {
		used = one(p + at, n - at, step, &o->status);
		if (used <= 0)
			break;
		at += (size_t)used;
		o->used[o->n++] = at;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome whole, cut;
	char *p;

	if (size < 2)
		return 0;
	/* A copy of its own size: a read behind it is seen. */
	p = malloc(size - 1);
	if (p == NULL)
		return 0;
	memcpy(p, data + 1, size - 1);
	run(p, size - 1, size, &whole);
	run(p, size - 1, (size_t)data[0] % 32 + 1, &cut);
	assert(memcmp(&whole, &cut, sizeof whole) == 0);
	free(p);
	return 0;
}

/* FUZZ-SOURCES: core/net/sse_parser.c core/base/buf.c core/base/utf8.c */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz-sse-parser.c - the SSE parser must say the same of a stream however
 * it is cut, must keep to its maximum and must never read past a piece.
 *
 * The first byte chooses the maximum, the second the size of the pieces; the
 * rest is the stream.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../core/net/sse_parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct sum {
	uint64_t hash;
	unsigned events;
	size_t most;
};

static void
mix(struct sum *s, const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		s->hash = (s->hash ^ (unsigned char)p[i]) *
		    UINT64_C(1099511628211);
	s->hash = (s->hash ^ 0x100) * UINT64_C(1099511628211);
}

static void
on_event(void *user, const struct sse_parser_event *ev)
{
	struct sum *s = user;
	size_t all = ev->data_n + strlen(ev->event) + strlen(ev->id);

	mix(s, ev->event, strlen(ev->event));
	mix(s, ev->data, ev->data_n);
	mix(s, ev->id, strlen(ev->id));
	s->events++;
	if (all > s->most)
		s->most = all;
	if (ev->data[ev->data_n] != '\0')
		abort();
}

/* Feeds copies of the pieces, each in memory of its own size. */
static int
run(size_t max, const uint8_t *p, size_t n, size_t piece, struct sum *s)
{
	struct sse_parser *sp;
	size_t k;
	char *copy;
	int r = 0;

	memset(s, 0, sizeof *s);
	sp = sse_parser_new(max, on_event, s);
	if (sp == NULL)
		abort();
	for (; n > 0 && r == 0; p += k, n -= k) {
		k = n < piece ? n : piece;
		copy = malloc(k);
		if (copy == NULL)
			abort();
		memcpy(copy, p, k);
		r = sse_parser_feed(sp, copy, k);
		free(copy);
	}
	sse_parser_free(sp);
	return r;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct sum a, b, c;
	size_t max, piece;
	int ra, rb, rc;

	if (n < 2)
		return 0;
	max = (size_t)data[0] * 4 + 1;
	piece = data[1] % 64u + 1;
	ra = run(max, data + 2, n - 2, SIZE_MAX, &a);
	rb = run(max, data + 2, n - 2, piece, &b);
	rc = run(max, data + 2, n - 2, 1, &c);
	if (ra != rb || ra != rc || a.events != b.events ||
	    a.events != c.events || a.hash != b.hash || a.hash != c.hash)
		abort();
	/* "message" stands for no name and is not counted. */
	if (a.most > max + strlen("message"))
		abort();
	return 0;
}

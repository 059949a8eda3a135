/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.c - UTF-8 that is safe to put into JSON, and growing text.
 *
 * Invariant: a tool_buf never grows over its maximum, and what did not fit is
 * cut between characters.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

#define MENDED "\xef\xbf\xbd" /* U+FFFD */

/* Length that the lead byte promises and the least second byte. */
static size_t
utf8_need(unsigned char c, unsigned char *lo, unsigned char *hi)
{
	*lo = 0x80;
	*hi = 0xbf;
	if (c < 0x80)
		return 1;
	if (c >= 0xc2 && c <= 0xdf)
		return 2;
	if (c >= 0xe0 && c <= 0xef) {
		if (c == 0xe0)
			*lo = 0xa0;
		if (c == 0xed)
			*hi = 0x9f; /* no surrogates */
		return 3;
	}
	if (c >= 0xf0 && c <= 0xf4) {
		if (c == 0xf0)
			*lo = 0x90;
		if (c == 0xf4)
			*hi = 0x8f;
		return 4;
	}
	return 0;
}

size_t
tool_utf8_len(const char *p, size_t n)
{
	const unsigned char *u = (const unsigned char *)p;
	unsigned char lo, hi;
	size_t need = utf8_need(u[0], &lo, &hi), i;

	if (need == 0 || need > n)
		return 0;
	for (i = 1; i < need; i++) {
		if (u[i] < lo || u[i] > hi)
			return 0;
		lo = 0x80;
		hi = 0xbf;
	}
	return need;
}

size_t
tool_utf8_cut(const char *p, size_t n)
{
	const unsigned char *u = (const unsigned char *)p;
	unsigned char lo, hi;
	size_t back, i;

	for (back = 1; back <= 3 && back <= n; back++) {
		i = n - back;
		if ((u[i] & 0xc0) == 0x80)
			continue;
		if (utf8_need(u[i], &lo, &hi) > back && (back == 1 ||
		    (u[i + 1] >= lo && u[i + 1] <= hi)))
			return i;
		return n;
	}
	return n;
}

int
tool_binary(const char *p, size_t n)
{
	size_t i, len, bad = 0;

	n = tool_utf8_cut(p, n);
	for (i = 0; i < n; i += len) {
		if (p[i] == '\0')
			return 1;
		len = tool_utf8_len(p + i, n - i);
		if (len == 0) {
			bad++;
			len = 1;
		}
	}
	/* Some stray bytes make no binary: old texts are in Latin-1. */
	return bad * 10 > n * 3;
}

void
tool_buf_init(struct tool_buf *b, size_t max)
{
	memset(b, 0, sizeof *b);
	b->max = max;
}

void
tool_buf_fini(struct tool_buf *b)
{
	free(b->p);
	memset(b, 0, sizeof *b);
}

static int
buf_room(struct tool_buf *b, size_t n)
{
	size_t cap = b->cap > 0 ? b->cap : 256;
	char *p;

	if (n + 1 <= b->cap)
		return 0;
	while (cap < n + 1)
		cap *= 2;
	if (cap > b->max + 1)
		cap = b->max + 1;
	p = realloc(b->p, cap);
	if (p == NULL) {
		b->nomem = 1;
		return -1;
	}
	b->p = p;
	b->cap = cap;
	return 0;
}

int
tool_buf_add(struct tool_buf *b, const char *p, size_t n)
{
	size_t take = n;

	if (b->full || b->nomem)
		return -1;
	if (n > b->max - b->n) {
		take = tool_utf8_cut(p, b->max - b->n);
		b->full = 1;
	}
	if (buf_room(b, b->n + take) != 0)
		return -1;
	if (take > 0)
		memcpy(b->p + b->n, p, take);
	b->n += take;
	b->p[b->n] = '\0';
	return b->full ? -1 : 0;
}

int
tool_buf_str(struct tool_buf *b, const char *s)
{
	return tool_buf_add(b, s, strlen(s));
}

int
tool_buf_printf(struct tool_buf *b, const char *fmt, ...)
{
	char tmp[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(tmp, sizeof tmp, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -1;
	return tool_buf_add(b, tmp, (size_t)n < sizeof tmp ? (size_t)n :
	    tool_utf8_cut(tmp, sizeof tmp - 1));
}

int
tool_buf_mend(struct tool_buf *b, const char *p, size_t n)
{
	size_t i, from = 0, len;

	for (i = 0; i < n; i += len) {
		len = p[i] != '\0' ? tool_utf8_len(p + i, n - i) : 0;
		if (len > 0)
			continue;
		if (tool_buf_add(b, p + from, i - from) != 0 ||
		    tool_buf_add(b, MENDED, sizeof MENDED - 1) != 0)
			return -1;
		len = 1;
		from = i + 1;
	}
	return tool_buf_add(b, p + from, n - from);
}

json_t *
tool_json_text(const char *p, size_t n)
{
	struct tool_buf b;
	json_t *v = NULL;

	v = json_stringn(n > 0 ? p : "", n);
	if (v != NULL && (n == 0 || memchr(p, '\0', n) == NULL))
		return v;
	json_decref(v);
	v = NULL;
	tool_buf_init(&b, n * (sizeof MENDED - 1));
	if (tool_buf_mend(&b, p, n) == 0)
		v = json_stringn(b.p, b.n);
	tool_buf_fini(&b);
	return v;
}

json_t *
tool_buf_json(const struct tool_buf *b)
{
	if (b->nomem)
		return NULL;
	return tool_json_text(b->p, b->n);
}

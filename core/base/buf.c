/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf.c - the growing buffer; doubles, never past its maximum.
 */
#include "buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

void
buf_init(struct buf *b, size_t max)
{
	memset(b, 0, sizeof *b);
	b->max = max;
}

void
buf_fini(struct buf *b)
{
	free(b->p);
	buf_init(b, b->max);
}

void
buf_reset(struct buf *b)
{
	b->n = 0;
	b->failed = 0;
	if (b->p != NULL)
		b->p[0] = '\0';
}

int
buf_reserve(struct buf *b, size_t more)
{
	size_t want, cap;
	char *p;

	if (b->failed)
		return -1;
	if (more > b->max || b->n > b->max - more) {
		b->failed = 1;
		return -1;
	}
	want = b->n + more + 1;
	if (want <= b->cap)
		return 0;
	cap = b->cap != 0 ? b->cap : 64;
	while (cap < want)
		cap = cap > SIZE_MAX / 2 ? want : cap * 2;
	if (cap > b->max + 1)
		cap = b->max + 1;
	p = realloc(b->p, cap);
	if (p == NULL) {
		b->failed = 1;
		return -1;
	}
	b->p = p;
	b->cap = cap;
	return 0;
}

int
buf_add(struct buf *b, const void *p, size_t n)
{
	if (buf_reserve(b, n) != 0)
		return -1;
	if (n > 0)
		memcpy(b->p + b->n, p, n);
	b->n += n;
	b->p[b->n] = '\0';
	return 0;
}

int
buf_adds(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

int
buf_addc(struct buf *b, char c)
{
	return buf_add(b, &c, 1);
}

int
buf_addf(struct buf *b, const char *fmt, ...)
{
	char small[256];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(small, sizeof small, fmt, ap);
	va_end(ap);
	if (n < 0) {
		b->failed = 1;
		return -1;
	}
	if ((size_t)n < sizeof small)
		return buf_add(b, small, (size_t)n);
	if (buf_reserve(b, (size_t)n) != 0)
		return -1;
	va_start(ap, fmt);
	(void)vsnprintf(b->p + b->n, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->n += (size_t)n;
	return 0;
}

int
buf_failed(const struct buf *b)
{
	return b->failed;
}

void
buf_drop(struct buf *b, size_t n)
{
	if (n >= b->n) {
		b->n = 0;
		if (b->p != NULL)
			b->p[0] = '\0';
		return;
	}
	memmove(b->p, b->p + n, b->n - n + 1);
	b->n -= n;
}

char *
buf_take(struct buf *b, size_t *n)
{
	char *p = NULL;

	if (!b->failed && buf_reserve(b, 0) == 0) {
		p = b->p;
		p[b->n] = '\0';
		if (n != NULL)
			*n = b->n;
		b->p = NULL;
	}
	buf_fini(b);
	return p;
}

/* Bytes that need no look in a JSON string: printable ASCII but " and \. */
static int
is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static int
add_escaped(struct buf *b, unsigned char c)
{
	switch (c) {
	case '\0': /* many readers of JSON refuse \u0000 */
		return buf_add(b, "\xef\xbf\xbd", 3);
	case '"':
		return buf_add(b, "\\\"", 2);
	case '\\':
		return buf_add(b, "\\\\", 2);
	case '\n':
		return buf_add(b, "\\n", 2);
	case '\r':
		return buf_add(b, "\\r", 2);
	case '\t':
		return buf_add(b, "\\t", 2);
	default:
		return buf_addf(b, "\\u%04x", c);
	}
}

int
buf_add_json_str(struct buf *b, const char *s, size_t n)
{
	size_t i = 0, start, k;

	if (buf_reserve(b, n + 2) != 0)
		return -1;
	buf_addc(b, '"');
	while (i < n) {
		start = i;
		while (i < n && is_plain((unsigned char)s[i]))
			i++;
		buf_add(b, s + start, i - start);
		if (i == n)
			break;
		k = utf8_seq(s + i, n - i);
		if (k == 0) {
			buf_add(b, "\xef\xbf\xbd", 3);
			k = 1;
		} else if (k == 1) {
			add_escaped(b, (unsigned char)s[i]);
		} else if (k == 2 && memcmp(s + i, "\xc2\x85", 2) == 0) {
			buf_adds(b, "\\u0085");
		} else if (k == 3 && memcmp(s + i, "\xe2\x80", 2) == 0 &&
		    ((unsigned char)s[i + 2] & 0xfe) == 0xa8) {
			buf_addf(b, "\\u%04x",
			    0x2028u + ((unsigned char)s[i + 2] & 1u));
		} else {
			buf_add(b, s + i, k);
		}
		i += k;
	}
	return buf_addc(b, '"');
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf.c - see buf.h. Grows by doubling up to the maximum; never shrinks.
 */
#include "buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
llm_buf_init(struct llm_buf *b, size_t max)
{
	memset(b, 0, sizeof *b);
	b->max = max;
}

void
llm_buf_fini(struct llm_buf *b)
{
	free(b->p);
	b->p = NULL;
	b->n = b->cap = 0;
}

void
llm_buf_reset(struct llm_buf *b)
{
	b->n = 0;
	b->failed = 0;
}

int
llm_buf_room(struct llm_buf *b, size_t n)
{
	size_t need, cap;
	char *p;

	if (b->failed)
		return -1;
	if (n > b->max || b->n > b->max - n) {
		b->failed = 1;
		return -1;
	}
	need = b->n + n + 1;
	if (need <= b->cap)
		return 0;
	cap = b->cap != 0 ? b->cap : 128;
	while (cap < need)
		cap = cap > b->max / 2 ? b->max + 1 : cap * 2;
	p = realloc(b->p, cap);
	if (p == NULL) {
		b->failed = 1;
		return -1;
	}
	b->p = p;
	b->cap = cap;
	return 0;
}

void
llm_buf_add(struct llm_buf *b, const char *p, size_t n)
{
	if (n == 0 || llm_buf_room(b, n) == -1)
		return;
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

void
llm_buf_str(struct llm_buf *b, const char *s)
{
	llm_buf_add(b, s, strlen(s));
}

void
llm_buf_fmt(struct llm_buf *b, const char *fmt, ...)
{
	char tmp[256];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(tmp, sizeof tmp, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof tmp) {
		b->failed = 1;
		return;
	}
	llm_buf_add(b, tmp, (size_t)n);
}

void
llm_buf_escape(struct llm_buf *b, const char *p, size_t n)
{
	size_t i, from = 0;

	for (i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		llm_buf_add(b, p + from, i - from);
		from = i + 1;
		if (c == '"')
			llm_buf_add(b, "\\\"", 2);
		else if (c == '\\')
			llm_buf_add(b, "\\\\", 2);
		else if (c == '\n')
			llm_buf_add(b, "\\n", 2);
		else
			llm_buf_fmt(b, "\\u%04x", c);
	}
	llm_buf_add(b, p + from, n - from);
}

void
llm_buf_quote(struct llm_buf *b, const char *p, size_t n)
{
	llm_buf_add(b, "\"", 1);
	llm_buf_escape(b, p, n);
	llm_buf_add(b, "\"", 1);
}

static int
buf_sink(const char *p, size_t n, void *arg)
{
	struct llm_buf *b = arg;

	llm_buf_add(b, p, n);
	return b->failed ? -1 : 0;
}

void
llm_buf_json(struct llm_buf *b, const json_t *v)
{
	if (v == NULL || json_dump_callback(v, buf_sink, b,
	    JSON_COMPACT | JSON_ENCODE_ANY) != 0)
		b->failed = 1;
}

const char *
llm_buf_cstr(struct llm_buf *b)
{
	if (b->p == NULL || b->failed)
		return "";
	b->p[b->n] = '\0';
	return b->p;
}

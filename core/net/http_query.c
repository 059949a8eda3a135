/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_query.c - the request target: path, raw path and query parameters.
 *
 * The filter has checked the target: each % has two hex digits behind it and
 * none of them make a NUL, so decoded text can be a C string.
 */
#include <stdlib.h>
#include <string.h>

#include "http-internal.h"

struct http_query {
	struct http_query *next;
	char text[];
};

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return (c | 0x20) - 'a' + 10;
}

size_t
http_decode(char *dst, const char *src, size_t n, int plus)
{
	size_t i, o = 0;

	for (i = 0; i < n; i++) {
		if (src[i] == '%' && n - i > 2) {
			dst[o++] = (char)(hex(src[i + 1]) * 16 +
			    hex(src[i + 2]));
			i += 2;
		} else
			dst[o++] = (char)(plus && src[i] == '+' ? ' ' :
			    src[i]);
	}
	return o;
}

int
http_req_set_target(struct http_req *r, const char *target)
{
	const char *q = strchr(target, '?');
	size_t path_n = q != NULL ? (size_t)(q - target) : strlen(target);
	size_t query_n = q != NULL ? strlen(q + 1) : 0;
	char *p = malloc(2 * (path_n + 1) + query_n + 1), *raw, *query;

	if (p == NULL)
		return -1;
	raw = p + path_n + 1;
	query = raw + path_n + 1;
	p[http_decode(p, target, path_n, 0)] = '\0';
	memcpy(raw, target, path_n);
	raw[path_n] = '\0';
	if (q != NULL)
		memcpy(query, q + 1, query_n);
	query[query_n] = '\0';
	r->path = p;
	r->raw_path = raw;
	r->raw_query = q != NULL ? query : NULL;
	return 0;
}

void
http_query_free(struct http_query *q)
{
	struct http_query *next;

	for (; q != NULL; q = next) {
		next = q->next;
		free(q);
	}
}

/* Whether the encoded name of n bytes is `name`. */
static int
same_name(const char *p, size_t n, const char *name)
{
	size_t i, o = 0, len = strlen(name);
	char c;

	for (i = 0; i < n; i++, o++) {
		c = p[i] == '+' ? ' ' : p[i];
		if (c == '%' && n - i > 2) {
			c = (char)(hex(p[i + 1]) * 16 + hex(p[i + 2]));
			i += 2;
		}
		if (o >= len || name[o] != c)
			return 0;
	}
	return o == len;
}

const char *
http_req_query(const struct http_req *r, const char *name)
{
	/* What was decoded hangs on the request; its meaning is the same. */
	struct http_query **list = (struct http_query **)(uintptr_t)&r->query;
	const char *p = r->raw_query, *amp, *eq, *val = NULL;
	struct http_query *v;
	size_t n, val_n = 0;

	for (; p != NULL; p = amp != NULL ? amp + 1 : NULL) {
		amp = strchr(p, '&');
		n = amp != NULL ? (size_t)(amp - p) : strlen(p);
		eq = memchr(p, '=', n);
		if (n == 0 || !same_name(p, eq != NULL ? (size_t)(eq - p) : n,
		    name))
			continue;
		val = eq != NULL ? eq + 1 : p + n;
		val_n = n - (size_t)(val - p);
	}
	if (val == NULL)
		return NULL;
	v = malloc(sizeof *v + val_n + 1);
	if (v == NULL)
		return NULL;
	v->text[http_decode(v->text, val, val_n, 1)] = '\0';
	v->next = *list;
	*list = v;
	return v->text;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalog-line.c - where in a file a member stands, for messages.
 *
 * Walks the text of a document that has been parsed already and so is known
 * to be well-formed; it must not be used for anything else. No recursion.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "catalog-internal.h"

struct scan {
	const char *s;
	size_t n, i;
};

static void
skip_blank(struct scan *c)
{
	while (c->i < c->n && strchr(" \t\r\n", c->s[c->i]) != NULL)
		c->i++;
}

static void
skip_string(struct scan *c)
{
	for (c->i++; c->i < c->n && c->s[c->i] != '"'; c->i++)
		if (c->s[c->i] == '\\')
			c->i++;
	c->i++;
}

static void
skip_value(struct scan *c)
{
	size_t depth = 0;

	while (c->i < c->n) {
		switch (c->s[c->i]) {
		case '"':
			skip_string(c);
			break;
		case '{':
		case '[':
			depth++;
			c->i++;
			break;
		case '}':
		case ']':
			if (depth == 0)
				return;
			depth--;
			c->i++;
			break;
		case ',':
			if (depth == 0)
				return;
			c->i++;
			break;
		default:
			c->i++;
			break;
		}
	}
}

/* 1 when the string literal from `from` to `to` says key. */
static int
is_key(const char *from, const char *to, const char *key)
{
	size_t n = (size_t)(to - from);
	json_t *v;
	int same;

	if (n < 2)
		return 0;
	if (memchr(from, '\\', n) == NULL)
		return strlen(key) == n - 2 &&
		    memcmp(from + 1, key, n - 2) == 0;
	v = json_loadb(from, n, JSON_DECODE_ANY, NULL);
	same = v != NULL && strcmp(json_string_value(v), key) == 0;
	json_decref(v);
	return same;
}

/*
 * Past a key and its colon; 1 when it is the one wanted. The text may end
 * anywhere, as c->i is checked against c->n before it is used.
 */
static int
take_key(struct scan *c, const char *token)
{
	size_t from = c->i;
	int hit;

	skip_string(c);
	hit = c->i <= c->n && is_key(c->s + from, c->s + c->i, token);
	skip_blank(c);
	c->i++;
	skip_blank(c);
	return hit;
}

/*
 * From an opening bracket to the child that the token names; *at becomes the
 * place of its key (of the item in an array). 0 when there is no such.
 */
static int
enter(struct scan *c, const char *token, size_t *at)
{
	int hit, object = c->s[c->i] == '{';
	size_t from, count, want = SIZE_MAX;

	if (!object && c->s[c->i] != '[')
		return 0;
	if (!object && token[0] >= '0' && token[0] <= '9')
		want = (size_t)strtoul(token, NULL, 10);
	for (count = 0; c->i < c->n; count++) {
		c->i++; /* the bracket, or a comma */
		skip_blank(c);
		if (c->i >= c->n || c->s[c->i] == '}' || c->s[c->i] == ']')
			return 0;
		from = c->i;
		hit = object ? take_key(c, token) : count == want;
		if (hit) {
			*at = from;
			return c->i < c->n;
		}
		skip_value(c);
		if (c->i >= c->n || c->s[c->i] != ',')
			return 0;
	}
	return 0;
}

/* The token at p into tok, cut; returns what follows it. */
static const char *
take_token(const char *p, char *tok, size_t size)
{
	size_t n = 0;

	for (; *p != '\0' && *p != '/'; p++) {
		char ch = *p;

		if (ch == '~' && (p[1] == '0' || p[1] == '1'))
			ch = *++p == '1' ? '/' : '~';
		if (n + 1 < size)
			tok[n++] = ch;
	}
	tok[n] = '\0';
	return p;
}

int
catalog_line(const char *text, size_t n, const char *pointer)
{
	struct scan c = { .s = text, .n = n };
	char tok[256];
	size_t i, at;
	int line = 1;

	skip_blank(&c);
	at = c.i;
	while (*pointer == '/' && c.i < n) {
		pointer = take_token(pointer + 1, tok, sizeof tok);
		if (!enter(&c, tok, &at))
			break;
	}
	for (i = 0; i < at && i < n; i++)
		line += text[i] == '\n';
	return line;
}

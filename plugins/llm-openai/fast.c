/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fast.c - the ordinary chunk without a JSON tree.
 *
 * Walks the bytes once, checks them as a strict parser would, and knows only
 * what an ordinary chunk holds: scalars that mean nothing to us, one choice,
 * a delta with one "content" string. Anything else, down to a repeated key
 * or an escape in a key, is "not ordinary", and the slow way reads the same
 * bytes. So being wrong here can only mean being slow.
 */
#include <string.h>

#include "openai.h"

struct scan {
	const char *p, *end;
};

static void
space(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' ||
	    *s->p == '\n' || *s->p == '\r'))
		s->p++;
}

static int
take(struct scan *s, char c)
{
	if (s->p < s->end && (unsigned char)*s->p <= ' ')
		space(s);
	if (s->p >= s->end || *s->p != c)
		return 0;
	s->p++;
	return 1;
}

/* One UTF-8 sequence of 2 to 4 bytes at p; its length, 0 when it is none. */
static size_t
utf8_step(const unsigned char *p, const unsigned char *end)
{
	size_t left = (size_t)(end - p);

	if (p[0] >= 0xc2 && p[0] < 0xe0)
		return left > 1 && (p[1] & 0xc0) == 0x80 ? 2 : 0;
	if (p[0] >= 0xe0 && p[0] < 0xf0) {
		if (left < 3 || (p[1] & 0xc0) != 0x80 ||
		    (p[2] & 0xc0) != 0x80 || (p[0] == 0xe0 && p[1] < 0xa0) ||
		    (p[0] == 0xed && p[1] >= 0xa0))
			return 0;
		return 3;
	}
	if (p[0] >= 0xf0 && p[0] < 0xf5) {
		if (left < 4 || (p[1] & 0xc0) != 0x80 ||
		    (p[2] & 0xc0) != 0x80 || (p[3] & 0xc0) != 0x80 ||
		    (p[0] == 0xf0 && p[1] < 0x90) ||
		    (p[0] == 0xf4 && p[1] >= 0x90))
			return 0;
		return 4;
	}
	return 0;
}

/*
 * The inside of a string up to its quote. 1 with the raw bytes; *escaped
 * tells whether a backslash is in them.
 */
static int
string(struct scan *s, struct sept_slice *raw, int *escaped)
{
	const char *p;
	size_t k;

	*escaped = 0;
	if (!take(s, '"'))
		return 0;
	raw->p = p = s->p;
	while (p < s->end) {
		unsigned char c = (unsigned char)*p;

		if (c == '"') {
			raw->n = (size_t)(p - raw->p);
			s->p = p + 1;
			return 1;
		}
		if (c < 0x20)
			return 0;
		if (c == '\\') {
			*escaped = 1;
			p += 2;
		} else if (c < 0x80) {
			p++;
		} else {
			k = utf8_step((const unsigned char *)p,
			    (const unsigned char *)s->end);
			if (k == 0)
				return 0;
			p += k;
		}
	}
	return 0;
}

static int
hex4(const char *p, const char *end, unsigned *out)
{
	unsigned v = 0;
	int i;

	if (end - p < 4)
		return 0;
	for (i = 0; i < 4; i++) {
		char c = p[i];

		v <<= 4;
		if (c >= '0' && c <= '9')
			v |= (unsigned)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v |= (unsigned)(c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			v |= (unsigned)(c - 'A' + 10);
		else
			return 0;
	}
	*out = v;
	return 1;
}

static char *
utf8_put(char *o, unsigned v)
{
	if (v < 0x80) {
		*o++ = (char)v;
	} else if (v < 0x800) {
		*o++ = (char)(0xc0 | v >> 6);
		*o++ = (char)(0x80 | (v & 0x3f));
	} else if (v < 0x10000) {
		*o++ = (char)(0xe0 | v >> 12);
		*o++ = (char)(0x80 | (v >> 6 & 0x3f));
		*o++ = (char)(0x80 | (v & 0x3f));
	} else {
		*o++ = (char)(0xf0 | v >> 18);
		*o++ = (char)(0x80 | (v >> 12 & 0x3f));
		*o++ = (char)(0x80 | (v >> 6 & 0x3f));
		*o++ = (char)(0x80 | (v & 0x3f));
	}
	return o;
}

/* \uXXXX or a pair at p (behind the u); bytes read, 0: not ordinary. */
static size_t
unescape_u(const char *p, const char *end, char **o)
{
	unsigned hi, lo;

	if (!hex4(p, end, &hi) || hi == 0 || (hi >= 0xdc00 && hi < 0xe000))
		return 0;
	if (hi < 0xd800 || hi >= 0xe000) {
		*o = utf8_put(*o, hi);
		return 4;
	}
	if (end - p < 10 || p[4] != '\\' || p[5] != 'u' ||
	    !hex4(p + 6, end, &lo) || lo < 0xdc00 || lo >= 0xe000)
		return 0;
	*o = utf8_put(*o, 0x10000 + ((hi - 0xd800) << 10) + (lo - 0xdc00));
	return 10;
}

static int
unescape(struct sept_slice raw, struct llm_buf *scratch,
    struct sept_slice *text)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *p = raw.p, *end = raw.p + raw.n, *hit;
	char *o;
	size_t k;

	llm_buf_reset(scratch);
	if (llm_buf_room(scratch, raw.n) == -1)
		return 0;
	o = scratch->p;
	while (p < end) {
		if (*p != '\\') {
			*o++ = *p++;
			continue;
		}
		if (++p >= end || *p == '\0')
			return 0;
		if (*p == 'u') {
			k = unescape_u(p + 1, end, &o);
			if (k == 0)
				return 0;
			p += 1 + k;
			continue;
		}
		hit = strchr(from, *p++);
		if (hit == NULL)
			return 0;
		*o++ = to[hit - from];
	}
	text->p = scratch->p;
	text->n = (size_t)(o - scratch->p);
	return 1;
}

static int
word(struct scan *s, const char *w, size_t n)
{
	if ((size_t)(s->end - s->p) < n || memcmp(s->p, w, n) != 0)
		return 0;
	s->p += n;
	return 1;
}

#define is(k, lit) ((k).n == sizeof(lit) - 1 && \
	memcmp((k).p, (lit), sizeof(lit) - 1) == 0)

/* A string, integer, true, false or null that means nothing to us. */
static int
scalar(struct scan *s)
{
	struct sept_slice raw;
	const char *from;
	int escaped;

	space(s);
	if (s->p >= s->end)
		return 0;
	switch (*s->p) {
	case '"':
		return string(s, &raw, &escaped) && !escaped;
	case 'n':
		return word(s, "null", 4);
	case 't':
		return word(s, "true", 4);
	case 'f':
		return word(s, "false", 5);
	default:
		break;
	}
	from = s->p;
	while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
		s->p++;
	return s->p > from && s->p - from < 16 &&
	    (*from != '0' || s->p - from == 1);
}

static int
null(struct scan *s)
{
	space(s);
	return word(s, "null", 4);
}

/* A key without escapes and its colon. */
static int
key(struct scan *s, struct sept_slice *k)
{
	int escaped;

	return string(s, k, &escaped) && !escaped && take(s, ':');
}

static int
scan_delta(struct scan *s, struct llm_buf *scratch, struct sept_slice *text)
{
	struct sept_slice k, raw;
	int escaped, seen = 0;

	if (!take(s, '{'))
		return 0;
	do {
		if (!key(s, &k))
			return 0;
		if (is(k, "content")) {
			if (seen++ || !string(s, &raw, &escaped))
				return 0;
			*text = raw;
			if (escaped && !unescape(raw, scratch, text))
				return 0;
		} else if (is(k, "role")) {
			if (!scalar(s))
				return 0;
		} else if (!null(s)) {
			return 0;
		}
	} while (take(s, ','));
	return seen && take(s, '}');
}

static int
scan_choice(struct scan *s, struct llm_buf *scratch, struct sept_slice *text)
{
	struct sept_slice k;
	int seen = 0;

	if (!take(s, '[') || !take(s, '{'))
		return 0;
	do {
		if (!key(s, &k))
			return 0;
		if (is(k, "delta")) {
			if (seen++ || !scan_delta(s, scratch, text))
				return 0;
		} else if (is(k, "index")) {
			if (!scalar(s))
				return 0;
		} else if (!null(s)) {
			return 0;
		}
	} while (take(s, ','));
	return seen && take(s, '}') && take(s, ']');
}

int
openai_fast(const char *p, size_t n, struct llm_buf *scratch,
    struct sept_slice *text)
{
	struct scan s = { p, p + n };
	struct sept_slice k;
	int seen = 0;

	if (!take(&s, '{'))
		return 0;
	do {
		if (!key(&s, &k))
			return 0;
		if (is(k, "choices")) {
			if (seen++ || !scan_choice(&s, scratch, text))
				return 0;
		} else if (is(k, "error") || is(k, "usage")) {
			if (!null(&s))
				return 0;
		} else if (!scalar(&s)) {
			return 0;
		}
	} while (take(&s, ','));
	if (!seen || !take(&s, '}'))
		return 0;
	space(&s);
	return s.p == s.end;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_filter.c - the framing rules of http_filter.h.
 *
 * Line ends are searched with memchr() and each byte of a head is searched
 * once, however it is cut; the lines are judged when the head is complete.
 * Nothing is copied and nothing allocated.
 */
#include "http_filter.h"

#include <string.h>
#include <strings.h>

#define TCHAR 1  /* RFC 9110, 5.6.2 */
#define VCHAR 2  /* in header values; HTAB, SP and obs-text included */
#define TARGET 4 /* in a request target */

#define T_ (TCHAR | VCHAR | TARGET)
#define V_ (VCHAR | TARGET)

static const uint8_t class[256] = {
	['\t'] = VCHAR, [' '] = VCHAR, ['!'] = T_, ['"'] = V_, ['#'] = TCHAR |
	VCHAR, ['$'] = T_, ['%'] = T_, ['&'] = T_, ['\''] = T_, ['('] = V_,
	[')'] = V_, ['*'] = T_, ['+'] = T_, [','] = V_, ['-'] = T_, ['.'] =
	T_, ['/'] = V_, ['0' ... '9'] = T_, [':' ... '@'] = V_,
	['A' ... 'Z'] = T_, ['['] = V_, ['\\'] = V_, [']'] = V_, ['^'] = T_,
	['_'] = T_, ['`'] = T_, ['a' ... 'z'] = T_, ['{'] = V_, ['|'] = T_,
	['}'] = V_, ['~'] = T_, [0x80 ... 0xff] = VCHAR
};

/* What the header lines have told so far. */
struct facts {
	unsigned hosts, lengths, codings;
};

void
http_filter_init(struct http_filter *f, uint64_t max_body)
{
	memset(f, 0, sizeof *f);
	f->max_body = max_body;
}

static int
all_of(const char *p, size_t n, unsigned want)
{
	size_t i;

	for (i = 0; i < n; i++)
		if ((class[(unsigned char)p[i]] & want) == 0)
			return 0;
	return 1;
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int
is(const char *p, size_t n, const char *word)
{
	return strlen(word) == n && strncasecmp(p, word, n) == 0;
}

static const char *
find_method(const char *p, size_t n)
{
	static const char *const names[] = { "GET", "POST", "PUT", "DELETE",
	    "HEAD", "OPTIONS", "PATCH" };
	size_t i;

	for (i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strlen(names[i]) == n && memcmp(names[i], p, n) == 0)
			return names[i];
	return NULL;
}

static int
good_target(const char *p, size_t n, const char *method)
{
	const char *q = p, *end = p + n;

	if (n == 1 && *p == '*')
		return strcmp(method, "OPTIONS") == 0;
	if (n == 0 || *p != '/' || !all_of(p, n, TARGET))
		return 0;
	while ((q = memchr(q, '%', (size_t)(end - q))) != NULL) {
		if (end - q < 3 || hex(q[1]) < 0 || hex(q[2]) < 0 ||
		    (q[1] == '0' && q[2] == '0'))
			return 0;
		q += 3;
	}
	return 1;
}

/* One blank between the three parts, none around them. */
static int
request_line(const char *p, size_t n, struct http_head *h)
{
	const char *sp = memchr(p, ' ', n), *t, *v;

	if (sp == NULL || sp == p || !all_of(p, (size_t)(sp - p), TCHAR))
		return 400;
	h->method = find_method(p, (size_t)(sp - p));
	t = sp + 1;
	v = memchr(t, ' ', n - (size_t)(t - p));
	if (v == NULL)
		return 400;
	h->target.off = (uint16_t)(t - p);
	h->target.n = (uint16_t)(v - t);
	v++;
	if (n - (size_t)(v - p) != 8 || memcmp(v, "HTTP/", 5) != 0 ||
	    v[5] < '0' || v[5] > '9' || v[6] != '.' || v[7] < '0' ||
	    v[7] > '9')
		return 400;
	if (v[5] != '1' || v[7] > '1')
		return 505;
	h->minor = (uint8_t)(v[7] - '0');
	if (h->method == NULL)
		return 501;
	return good_target(t, h->target.n, h->method) ? 0 : 400;
}

static int
content_length(const char *v, size_t n, struct http_head *h)
{
	uint64_t x = 0;
	size_t i;

	if (n == 0)
		return 400;
	for (i = 0; i < n; i++) {
		if (v[i] < '0' || v[i] > '9')
			return 400;
		x = x > UINT64_MAX / 16 ? UINT64_MAX / 2 :
		    x * 10 + (uint64_t)(v[i] - '0');
	}
	h->length = x > UINT64_MAX / 16 ? UINT64_MAX : x;
	return 0;
}

/* 1 when the comma-separated list v holds the word. */
static int
listed(const char *v, size_t n, const char *word)
{
	const char *end = v + n, *q, *e;

	for (; v < end; v = q + 1) {
		q = memchr(v, ',', (size_t)(end - v));
		if (q == NULL)
			q = end;
		e = q;
		while (v < e && (*v == ' ' || *v == '\t'))
			v++;
		while (e > v && (e[-1] == ' ' || e[-1] == '\t'))
			e--;
		if (is(v, (size_t)(e - v), word))
			return 1;
	}
	return 0;
}

static int
good_host(const char *v, size_t n)
{
	static const char more[] = ".-_~:[]%!$&'()*+,;=";
	size_t i;

	for (i = 0; i < n; i++)
		if ((v[i] < '0' || v[i] > '9') &&
		    ((v[i] | 0x20) < 'a' || (v[i] | 0x20) > 'z') &&
		    memchr(more, v[i], sizeof more - 1) == NULL)
			return 0;
	return n > 0;
}

/* The few headers that framing depends on, told apart by length first. */
static int
known_header(const char *p, size_t name_n, struct http_span v,
    const char *head, struct facts *k, struct http_head *h)
{
	const char *val = head + v.off;

	switch (name_n) {
	case 4:
		if (is(p, name_n, "host")) {
			k->hosts++;
			return good_host(val, v.n) ? 0 : 400;
		}
		break;
	case 6:
		if (is(p, name_n, "expect")) {
			if (!is(val, v.n, "100-continue"))
				return 417;
			h->expect = 1;
		}
		break;
	case 10:
		if (is(p, name_n, "connection") &&
		    listed(val, v.n, "close"))
			h->close = 1;
		break;
	case 12:
		if (is(p, name_n, "x-request-id") && h->id.n == 0)
			h->id = v;
		break;
	case 14:
		if (is(p, name_n, "content-length")) {
			k->lengths++;
			return content_length(val, v.n, h);
		}
		break;
	case 17:
		if (is(p, name_n, "transfer-encoding")) {
			k->codings++;
			h->chunked = 1;
			return is(val, v.n, "chunked") ? 0 : 400;
		}
		break;
	}
	return 0;
}

static struct http_span
trimmed(const char *head, const char *v, const char *end)
{
	struct http_span s;

	while (v < end && (*v == ' ' || *v == '\t'))
		v++;
	while (end > v && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	s.off = (uint16_t)(v - head);
	s.n = (uint16_t)(end - v);
	return s;
}

static int
header_line(const char *p, size_t n, const char *head, struct facts *k,
    struct http_head *h)
{
	const char *colon = memchr(p, ':', n);
	size_t name_n;

	if (colon == NULL || colon == p)
		return 400;
	name_n = (size_t)(colon - p);
	/* Not a token: a blank before the colon, or a folded line. */
	if (!all_of(p, name_n, TCHAR) ||
	    !all_of(colon + 1, n - name_n - 1, VCHAR))
		return 400;
	return known_header(p, name_n, trimmed(head, colon + 1, p + n), head,
	    k, h);
}

static int
judge(const struct facts *k, struct http_head *h)
{
	if (k->hosts > 1 || (k->hosts == 0 && h->minor == 1))
		return 400;
	if (k->lengths > 1 || k->codings > 1 ||
	    (k->lengths > 0 && k->codings > 0))
		return 400;
	if (h->chunked && h->minor == 0)
		return 400;
	if ((h->chunked || h->length > 0) &&
	    (strcmp(h->method, "GET") == 0 || strcmp(h->method, "HEAD") == 0))
		return 400;
	/* RFC 9110, 10.1.1: an HTTP/1.0 client cannot wait for a 100. */
	if (h->minor == 0)
		h->expect = 0;
	return 0;
}

/* The n bytes at p end with an empty line. */
static int
parse_head(const char *p, size_t n, struct http_head *h)
{
	struct facts k = { 0, 0, 0 };
	const char *q = p, *end = p + n, *lf;
	size_t len;
	int r;

	memset(h, 0, sizeof *h);
	while (q < end) {
		lf = memchr(q, '\n', (size_t)(end - q));
		/* A bare LF; a bare CR is no VCHAR and fails below. */
		if (lf == NULL || lf == q || lf[-1] != '\r')
			return 400;
		len = (size_t)(lf - q) - 1;
		if (q == p)
			r = request_line(q, len, h);
		else if (len == 0)
			return judge(&k, h);
		else
			r = header_line(q, len, p, &k, h);
		if (r != 0)
			return r;
		q = lf + 1;
	}
	return 400;
}

static void
start_body(struct http_filter *f, const struct http_head *h)
{
	f->left = h->length;
	if (h->chunked)
		f->state = HTTP_FILTER_SIZE;
	else if (h->length > 0)
		f->state = HTTP_FILTER_LENGTH;
	else
		f->state = HTTP_FILTER_END;
}

int
http_filter_head(struct http_filter *f, const char *p, size_t n,
    struct http_head *h)
{
	size_t max = n < HTTP_HEAD_MAX ? n : HTTP_HEAD_MAX, len;
	const char *lf;
	int r;

	/* A TLS hello or other noise is not waited for. */
	if (n > 0 && (class[(unsigned char)*p] & TCHAR) == 0) {
		f->state = HTTP_FILTER_BAD;
		return -400;
	}
	while ((lf = memchr(p + f->seen, '\n', max - f->seen)) != NULL) {
		len = (size_t)(lf - p) - f->line;
		f->seen = (uint32_t)(lf - p) + 1;
		if (len == 0 || (len == 1 && lf[-1] == '\r')) {
			r = parse_head(p, f->seen, h);
			if (r != 0) {
				f->state = HTTP_FILTER_BAD;
				return -r;
			}
			start_body(f, h);
			return (int)f->seen;
		}
		f->line = f->seen;
		if (++f->lines > HTTP_HEAD_LINES + 1)
			break;
	}
	f->seen = (uint32_t)max;
	if (n < HTTP_HEAD_MAX && f->lines <= HTTP_HEAD_LINES + 1)
		return 0;
	f->state = HTTP_FILTER_BAD;
	return -431;
}

static int
bad(struct http_filter *f, int status, int *out)
{
	f->state = HTTP_FILTER_BAD;
	*out = status;
	return -1;
}

static int
size_byte(struct http_filter *f, char c, int *status)
{
	int d = hex(c);

	if (c == '\r' && f->digits > 0) {
		f->state = HTTP_FILTER_SIZE_LF;
		return 0;
	}
	if (d < 0 || f->digits == 8)
		return bad(f, 400, status);
	f->digits++;
	f->left = f->left * 16 + (uint64_t)d;
	return 0;
}

/* One byte of what is between the data of chunks. */
static int
frame_byte(struct http_filter *f, char c, int *status)
{
	/* State, the byte that must come, the state after it. */
	static const struct {
		char want;
		uint8_t next;
	} step[] = {
		[HTTP_FILTER_SIZE_LF] = { '\n', HTTP_FILTER_DATA },
		[HTTP_FILTER_DATA_CR] = { '\r', HTTP_FILTER_DATA_LF },
		[HTTP_FILTER_DATA_LF] = { '\n', HTTP_FILTER_SIZE },
		[HTTP_FILTER_LAST_CR] = { '\r', HTTP_FILTER_LAST_LF },
		[HTTP_FILTER_LAST_LF] = { '\n', HTTP_FILTER_END }
	};
	int from = f->state;

	if (from == HTTP_FILTER_SIZE)
		return size_byte(f, c, status);
	if (c != step[from].want)
		return bad(f, 400, status);
	f->state = step[from].next;
	f->digits = 0;
	if (from != HTTP_FILTER_SIZE_LF) {
		f->left = 0;
		return 0;
	}
	if (f->left == 0)
		f->state = HTTP_FILTER_LAST_CR;
	else if (f->left > f->max_body - f->total)
		return bad(f, 413, status);
	f->total += f->left;
	return 0;
}

size_t
http_filter_body(struct http_filter *f, const char *p, size_t n, int *status)
{
	size_t i = 0, step;

	while (i < n && f->state != HTTP_FILTER_END &&
	    f->state != HTTP_FILTER_BAD) {
		if (f->state != HTTP_FILTER_LENGTH &&
		    f->state != HTTP_FILTER_DATA) {
			if (frame_byte(f, p[i], status) != 0)
				break;
			i++;
			continue;
		}
		step = n - i < f->left ? n - i : (size_t)f->left;
		f->left -= step;
		i += step;
		if (f->left == 0)
			f->state = f->state == HTTP_FILTER_LENGTH ?
			    HTTP_FILTER_END : HTTP_FILTER_DATA_CR;
	}
	return i;
}

int
http_head_find(const char *p, size_t n, const char *name,
    struct http_span *out)
{
	const char *q = memchr(p, '\n', n), *end = p + n, *lf;
	size_t want = strlen(name);

	for (; q != NULL; q = lf) {
		q++;
		lf = memchr(q, '\n', (size_t)(end - q));
		if (lf != NULL && (size_t)(lf - q) > want + 1 &&
		    q[want] == ':' && strncasecmp(q, name, want) == 0) {
			*out = trimmed(p, q + want + 1, lf - 1);
			return 0;
		}
	}
	return -1;
}

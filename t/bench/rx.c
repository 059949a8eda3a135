/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The receiving end, kept cheap because the load client shares its core with
 * the provider: an HTTP/1.1 reply parser, a line splitter and the checker of
 * stamped token texts, all incremental.
 *
 * A line or header longer than its maximum is an error, never a growing
 * buffer.  Chunk extensions are skipped, trailers ignored.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void
rx_init(struct rx *rx, void (*body)(void *, const char *, size_t), void *arg)
{
	rx->state = RX_STATUS;
	rx->status = 0;
	rx->chunked = rx->close = rx->has_length = false;
	rx->left = 0;
	rx->line_len = 0;
	rx->body = body;
	rx->arg = arg;
}

static int
rx_number(const char *text, int base, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, base);
	return errno != 0 || end == text ? -1 : 0;
}

static int
rx_header(struct rx *rx, const char *line)
{
	if (strncasecmp(line, "Content-Length:", 15) == 0) {
		rx->has_length = true;
		return rx_number(line + 15, 10, &rx->left);
	}
	if (strncasecmp(line, "Transfer-Encoding:", 18) == 0)
		rx->chunked = strcasestr(line + 18, "chunked") != NULL;
	else if (strncasecmp(line, "Connection:", 11) == 0)
		rx->close = strcasestr(line + 11, "close") != NULL;
	return 0;
}

static void
rx_headers_done(struct rx *rx)
{
	if (rx->status == 204 || rx->status == 304)
		rx->state = RX_DONE;
	else if (rx->chunked)
		rx->state = RX_CHUNK_SIZE;
	else if (!rx->has_length)
		rx->state = RX_UNTIL_CLOSE;
	else
		rx->state = rx->left > 0 ? RX_LENGTH : RX_DONE;
}

/* One complete line outside the body, without its end. */
static int
rx_line(struct rx *rx, const char *line)
{
	uint64_t v;

	switch (rx->state) {
	case RX_STATUS:
		if (strncmp(line, "HTTP/1.", 7) != 0 || strlen(line) < 12 ||
		    rx_number(line + 9, 10, &v) != 0 || v < 100 || v > 599)
			return -1;
		rx->status = (int)v;
		rx->state = RX_HEADER;
		return 0;
	case RX_HEADER:
		if (*line != '\0')
			return rx_header(rx, line);
		rx_headers_done(rx);
		return 0;
	case RX_CHUNK_SIZE:
		if (rx_number(line, 16, &rx->left) != 0)
			return -1;
		rx->state = rx->left > 0 ? RX_CHUNK_DATA : RX_TRAILER;
		return 0;
	case RX_CHUNK_END:
		rx->state = RX_CHUNK_SIZE;
		return *line == '\0' ? 0 : -1;
	case RX_TRAILER:
		if (*line == '\0')
			rx->state = RX_DONE;
		return 0;
	default:
		return -1;
	}
}

static ssize_t
rx_take_line(struct rx *rx, const char *buf, size_t len)
{
	const char *nl;
	size_t n;

	nl = memchr(buf, '\n', len);
	n = nl != NULL ? (size_t)(nl - buf) : len;
	if (rx->line_len + n >= sizeof(rx->line))
		return -1;
	memcpy(rx->line + rx->line_len, buf, n);
	rx->line_len += n;
	if (nl == NULL)
		return (ssize_t)n;
	if (rx->line_len > 0 && rx->line[rx->line_len - 1] == '\r')
		rx->line_len--;
	rx->line[rx->line_len] = '\0';
	rx->line_len = 0;
	return rx_line(rx, rx->line) == 0 ? (ssize_t)n + 1 : -1;
}

static size_t
rx_take_body(struct rx *rx, const char *buf, size_t len)
{
	if (rx->state != RX_UNTIL_CLOSE && len > rx->left)
		len = (size_t)rx->left;
	if (rx->body != NULL)
		rx->body(rx->arg, buf, len);
	if (rx->state == RX_UNTIL_CLOSE)
		return len;
	rx->left -= len;
	if (rx->left == 0)
		rx->state = rx->state == RX_LENGTH ? RX_DONE : RX_CHUNK_END;
	return len;
}

ssize_t
rx_feed(struct rx *rx, const char *buf, size_t len)
{
	size_t used = 0;
	ssize_t n;

	while (used < len && rx->state != RX_DONE) {
		if (rx->state == RX_LENGTH || rx->state == RX_CHUNK_DATA ||
		    rx->state == RX_UNTIL_CLOSE) {
			used += rx_take_body(rx, buf + used, len - used);
			continue;
		}
		n = rx_take_line(rx, buf + used, len - used);
		if (n < 0)
			return -1;
		used += (size_t)n;
	}
	return (ssize_t)used;
}

bool
rx_eof(struct rx *rx)
{
	if (rx->state == RX_UNTIL_CLOSE)
		rx->state = RX_DONE;
	return rx->state == RX_DONE;
}

void
lines_init(struct lines *l, void (*line)(void *, const char *, size_t),
    void *arg)
{
	memset(l, 0, sizeof(*l));
	l->line = line;
	l->arg = arg;
}

void
lines_fini(struct lines *l)
{
	free(l->carry);
	l->carry = NULL;
	l->len = l->cap = 0;
}

static int
lines_keep(struct lines *l, const char *buf, size_t len)
{
	size_t cap = l->cap;
	char *p;

	if (len > LINES_MAX - l->len)
		return -1;
	if (l->len + len > cap) {
		cap = cap > 0 ? cap : 512;
		while (cap < l->len + len)
			cap *= 2;
		p = realloc(l->carry, cap);
		if (p == NULL)
			return -1;
		l->carry = p;
		l->cap = cap;
	}
	memcpy(l->carry + l->len, buf, len);
	l->len += len;
	return 0;
}

int
lines_feed(struct lines *l, const char *buf, size_t len)
{
	const char *nl;
	size_t n;

	while (len > 0) {
		nl = memchr(buf, '\n', len);
		if (nl == NULL)
			return lines_keep(l, buf, len);
		n = (size_t)(nl - buf);
		if (l->len > 0) {
			if (lines_keep(l, buf, n) != 0)
				return -1;
			n = l->len;
			l->len = 0;
			l->line(l->arg, l->carry, n);
		} else {
			l->line(l->arg, buf, n);
		}
		len -= (size_t)(nl - buf) + 1;
		buf = nl + 1;
	}
	return 0;
}

static void
stamps_end(struct stamps *s, uint64_t now, struct bench_hist *age)
{
	s->inside = false;
	if (s->value <= s->last || s->value > now) {
		s->bad = true;
		return;
	}
	s->last = s->value;
	s->count++;
	if (age != NULL)
		bench_hist_add(age, now - s->value);
}

void
stamps_feed(struct stamps *s, const char *text, size_t len, uint64_t now,
    struct bench_hist *age)
{
	size_t i;
	char c;

	for (i = 0; i < len; i++) {
		c = text[i];
		if (s->inside && c >= '0' && c <= '9') {
			s->value = s->value * 10 + (uint64_t)(c - '0');
		} else if (s->inside && c == ' ') {
			stamps_end(s, now, age);
		} else if (!s->inside && c == 't') {
			s->inside = true;
			s->value = 0;
		} else {
			s->bad = true;
		}
	}
}

const char *
bench_member(const char *json, size_t len, const char *name, size_t *out_len)
{
	const char *end = json + len, *p = json, *q;
	size_t n = strlen(name);

	while ((p = memmem(p, (size_t)(end - p), name, n)) != NULL) {
		q = p + n;
		if (p > json && p[-1] == '"' && q < end && *q == '"') {
			for (q++; q < end && (*q == ' ' || *q == ':'); q++)
				;
			if (q < end && *q == '"')
				break;
		}
		p += n;
	}
	if (p == NULL)
		return NULL;
	for (p = ++q; q < end && *q != '"'; q++)
		if (*q == '\\' && q + 1 < end)
			q++;
	*out_len = (size_t)(q - p);
	return q < end ? p : NULL;
}

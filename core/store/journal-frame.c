/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal-frame.c - the bytes of an event: building its SSE frame, finding a
 * place among frames. Frames are built here and nowhere else, always in the
 * same form, which is what makes them cheap to take apart:
 *
 *   id: 7\nevent: text_delta\ndata: {"timestamp":"<24 characters>"...}\n\n
 */
#include <string.h>

#include "../base/clock.h"
#include "journal-internal.h"

/* "2026-04-27T12:34:56.789Z"; the calendar is asked once a second. */
static void
iso(struct iso_cache *c, int64_t ms)
{
	int64_t second = ms / 1000;
	int part = (int)(ms % 1000);

	if (c->second != second || c->text[0] == '\0') {
		clock_iso(ms, c->text);
		c->second = second;
		return;
	}
	c->text[20] = (char)('0' + part / 100);
	c->text[21] = (char)('0' + part / 10 % 10);
	c->text[22] = (char)('0' + part % 10);
}

static void
add_number(struct buf *b, int64_t v)
{
	char digits[24], *p = digits + sizeof digits;

	do {
		*--p = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	(void)buf_add(b, p, (size_t)(digits + sizeof digits - p));
}

static void
add_head(struct buf *b, struct iso_cache *c, int64_t id, const char *type,
    int64_t ts)
{
	iso(c, ts);
	(void)buf_add(b, "id: ", 4);
	add_number(b, id);
	(void)buf_add(b, "\nevent: ", 8);
	(void)buf_adds(b, type);
	(void)buf_add(b, "\ndata: {\"timestamp\":\"", 21);
	(void)buf_add(b, c->text, CLOCK_ISO_LEN);
	(void)buf_addc(b, '"');
}

static int
finish(struct buf *b, size_t before)
{
	(void)buf_add(b, "}\n\n", 3);
	if (!buf_failed(b))
		return 0;
	b->failed = 0;
	b->n = before;
	if (b->p != NULL)
		b->p[before] = '\0';
	return -1;
}

int
frame_event(struct buf *b, struct iso_cache *c, int64_t id, const char *type,
    int64_t ts, const char *members, size_t n)
{
	size_t before = b->n;

	(void)buf_reserve(b, n + 128);
	add_head(b, c, id, type, ts);
	if (n > 0) {
		(void)buf_addc(b, ',');
		(void)buf_add(b, members, n);
	}
	return finish(b, before);
}

int
frame_delta(struct buf *b, struct iso_cache *c, int64_t id, const char *type,
    int64_t ts, const char *text, size_t n)
{
	size_t before = b->n;

	(void)buf_reserve(b, n + 128);
	add_head(b, c, id, type, ts);
	(void)buf_add(b, ",\"text\":", 8);
	(void)buf_add_json_str(b, text, n);
	return finish(b, before);
}

/* Id and timestamp of the frame at p; its length, 0: not a frame. */
static size_t
frame_parse(const char *p, size_t n, int64_t *id, int64_t *ts)
{
	static const char mark[] = "\ndata: {\"timestamp\":\"";
	const char *end = memmem(p, n, "\n\n", 2), *q = p + 4;
	char text[CLOCK_ISO_LEN + 1];

	if (end == NULL || n < 4 || memcmp(p, "id: ", 4) != 0)
		return 0;
	for (*id = 0; *q >= '0' && *q <= '9'; q++)
		*id = *id * 10 + (*q - '0');
	q = memmem(q, (size_t)(end - q), mark, sizeof mark - 1);
	if (q == NULL || end - q < (ptrdiff_t)(sizeof mark + CLOCK_ISO_LEN))
		return 0;
	memcpy(text, q + sizeof mark - 1, CLOCK_ISO_LEN);
	text[CLOCK_ISO_LEN] = '\0';
	if (clock_parse_iso(text, ts) != 0)
		return 0;
	return (size_t)(end + 2 - p);
}

size_t
frame_skip(const char *p, size_t n, int64_t after_id, int64_t after_ts)
{
	size_t at = 0, len;
	int64_t id, ts;

	while (at < n) {
		len = frame_parse(p + at, n - at, &id, &ts);
		if (len == 0 || (id > after_id && ts > after_ts))
			break;
		at += len;
	}
	return at;
}

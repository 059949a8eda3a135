/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sse_parser.c - turns the bytes of an event stream into events.
 *
 * A line that lies whole in the fed piece is read in place; only a line cut
 * by the end of a piece is gathered in `line`. Each byte is looked at once.
 * Comments are dropped as they come, so a stream of them costs no memory.
 *
 * Bounded: event name, id, data and the unfinished line together never hold
 * more than the maximum. Text is passed on as it came; whoever needs valid
 * UTF-8 checks it (a character may be cut across pieces, never across
 * events).
 */
#include "sse_parser.h"

#include <stdlib.h>
#include <string.h>

#include "../base/buf.h"

/* A field's name, colon and blank are not counted as part of the event. */
#define LINE_EXTRA 8

struct sse_parser {
	size_t max;
	void (*on_event)(void *, const struct sse_parser_event *);
	void *user;
	struct buf line;  /* start of a line whose end has not come */
	struct buf event; /* name */
	struct buf data;  /* each line followed by LF */
	struct buf id;    /* last event id; outlives the event */
	long retry;
	unsigned bom;     /* bytes of the BOM seen; 3: past the start */
	int skip_lf;      /* the last line ended in CR */
	int in_comment;   /* the line without an end is a comment */
	int failed;
};

static const char bom[3] = { '\xef', '\xbb', '\xbf' };

struct sse_parser *
sse_parser_new(size_t max_event,
    void (*on_event)(void *user, const struct sse_parser_event *), void *user)
{
	struct sse_parser *p = calloc(1, sizeof *p);

	if (p == NULL)
		return NULL;
	p->max = max_event;
	p->on_event = on_event;
	p->user = user;
	p->retry = -1;
	/* data: one more, for the LF that closes the last line. */
	buf_init(&p->line, max_event + LINE_EXTRA);
	buf_init(&p->event, max_event);
	buf_init(&p->data, max_event + 1);
	buf_init(&p->id, max_event);
	return p;
}

void
sse_parser_free(struct sse_parser *p)
{
	if (p == NULL)
		return;
	buf_fini(&p->line);
	buf_fini(&p->event);
	buf_fini(&p->data);
	buf_fini(&p->id);
	free(p);
}

long
sse_parser_retry(const struct sse_parser *p)
{
	return p->retry;
}

static size_t
held(const struct sse_parser *p)
{
	return p->event.n + p->data.n + p->id.n;
}

static void
dispatch(struct sse_parser *p)
{
	struct sse_parser_event ev;

	if (p->data.n > 0) {
		p->data.p[p->data.n - 1] = '\0';
		ev.event = p->event.n > 0 ? p->event.p : "message";
		ev.data = p->data.p;
		ev.data_n = p->data.n - 1;
		ev.id = p->id.n > 0 ? p->id.p : "";
		p->on_event(p->user, &ev);
	}
	buf_reset(&p->event);
	buf_reset(&p->data);
}

static void
set_retry(struct sse_parser *p, const char *v, size_t n)
{
	long ms = 0;
	size_t i;

	/* More digits than this is more than eleven days. */
	if (n == 0 || n > 9)
		return;
	for (i = 0; i < n; i++) {
		if (v[i] < '0' || v[i] > '9')
			return;
		ms = ms * 10 + (v[i] - '0');
	}
	p->retry = ms;
}

static int
field_is(const char *s, size_t n, const char *name)
{
	return n == strlen(name) && memcmp(s, name, n) == 0;
}

static int
replace(struct buf *b, const char *v, size_t n)
{
	buf_reset(b);
	return buf_add(b, v, n);
}

static int
take_field(struct sse_parser *p, const char *s, size_t n)
{
	const char *colon = memchr(s, ':', n), *v;
	size_t fn = colon != NULL ? (size_t)(colon - s) : n, vn;

	v = s + (colon != NULL ? fn + 1 : n);
	vn = n - (size_t)(v - s);
	if (vn > 0 && *v == ' ') {
		v++;
		vn--;
	}
	if (field_is(s, fn, "data"))
		return buf_add(&p->data, v, vn) != 0 ? -1 :
		    buf_addc(&p->data, '\n');
	if (field_is(s, fn, "event"))
		return replace(&p->event, v, vn);
	if (field_is(s, fn, "id"))
		return memchr(v, '\0', vn) != NULL ? 0 :
		    replace(&p->id, v, vn);
	if (field_is(s, fn, "retry"))
		set_retry(p, v, vn);
	return 0;
}

/*
 * The verdict depends on whole lines only, never on where pieces were cut:
 * what keep_part() refuses early would be refused here too.
 */
static int
take_line(struct sse_parser *p, const char *s, size_t n)
{
	if (n == 0) {
		dispatch(p);
		return 0;
	}
	if (s[0] == ':')
		return 0;
	if (n + held(p) > p->max + LINE_EXTRA || take_field(p, s, n) != 0)
		return -1;
	return held(p) > p->max + (p->data.n > 0) ? -1 : 0;
}

/* The end of the line has come: s, n is its last part. */
static int
end_line(struct sse_parser *p, const char *s, size_t n)
{
	int r;

	if (p->in_comment) {
		p->in_comment = 0;
		return 0;
	}
	if (p->line.n == 0)
		return take_line(p, s, n);
	if (buf_add(&p->line, s, n) != 0)
		return -1;
	r = take_line(p, p->line.p, p->line.n);
	buf_reset(&p->line);
	return r;
}

/* The piece ended before the line. */
static int
keep_part(struct sse_parser *p, const char *s, size_t n)
{
	if (n == 0 || p->in_comment)
		return 0;
	if (p->line.n == 0 && s[0] == ':') {
		p->in_comment = 1;
		return 0;
	}
	if (buf_add(&p->line, s, n) != 0)
		return -1;
	return p->line.n + held(p) > p->max + LINE_EXTRA ? -1 : 0;
}

/* Swallows a byte order mark, which may come in pieces. */
static int
skip_bom(struct sse_parser *p, const char **s, size_t *n)
{
	unsigned seen;

	while (p->bom < 3 && *n > 0) {
		if (**s != bom[p->bom]) {
			seen = p->bom;
			p->bom = 3;
			return keep_part(p, bom, seen);
		}
		p->bom++;
		(*s)++;
		(*n)--;
	}
	return 0;
}

int
sse_parser_feed(struct sse_parser *p, const char *s, size_t n)
{
	const char *stop, *lf = NULL, *eol;

	if (p->failed || (p->bom < 3 && skip_bom(p, &s, &n) != 0))
		goto fail;
	stop = s + n;
	while (s < stop) {
		if (p->skip_lf) {
			p->skip_lf = 0;
			if (*s == '\n') {
				s++;
				continue;
			}
		}
		/* Looked for once a line, or lines of CR would rescan. */
		if (lf == NULL || lf < s)
			lf = memchr(s, '\n', (size_t)(stop - s));
		if (lf == NULL)
			lf = stop;
		eol = memchr(s, '\r', (size_t)(lf - s));
		if (eol == NULL)
			eol = lf;
		if (eol == stop) {
			if (keep_part(p, s, (size_t)(stop - s)) != 0)
				goto fail;
			return 0;
		}
		if (end_line(p, s, (size_t)(eol - s)) != 0)
			goto fail;
		p->skip_lf = *eol == '\r';
		s = eol + 1;
	}
	return 0;
fail:
	p->failed = 1;
	return -1;
}

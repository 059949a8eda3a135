/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-sse-parser.c - the event stream format. The cases follow the
 * "format-*" tests of web-platform-tests' eventsource folder and the examples
 * of the HTML standard; each runs whole, byte by byte and cut at every place.
 */
#include "../../core/base/buf.h"
#include "../../core/net/sse_parser.h"
#include "tap.h"

struct seen {
	char text[4096];
	size_t n;
	int events;
};

static void
show(struct seen *s, const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n && s->n + 8 < sizeof s->text; i++) {
		if (p[i] == '\n')
			s->text[s->n++] = '~';
		else if (p[i] == '\0')
			s->text[s->n++] = '@';
		else
			s->text[s->n++] = p[i];
	}
	s->text[s->n] = '\0';
}

static void
on_event(void *user, const struct sse_parser_event *ev)
{
	struct seen *s = user;

	s->events++;
	show(s, "[", 1);
	show(s, ev->event, strlen(ev->event));
	show(s, "|", 1);
	show(s, ev->id, strlen(ev->id));
	show(s, "|", 1);
	show(s, ev->data, ev->data_n);
	show(s, "]", 1);
	if (ev->data[ev->data_n] != '\0')
		show(s, "UNTERMINATED", 12);
}

/* name, stream, its events, its retry. */
#define S(text) text, sizeof text - 1
static const struct {
	const char *name, *in;
	size_t n;
	const char *want;
	long retry;
} cases[] = {
	{ "plain", S("data:hello\n\n"), "[message||hello]", -1 },
	{ "one blank is dropped", S("data: a\n\ndata:  b\n\n"),
	    "[message||a][message|| b]", -1 },
	{ "a tab is not", S("data:\ta\n\n"), "[message||\ta]", -1 },
	{ "lines are joined", S("data: a\ndata: b\ndata:\ndata: d\n\n"),
	    "[message||a~b~~d]", -1 },
	{ "format-field-data", S("data:\n\ndata\ndata\n\ndata:test\n\n"),
	    "[message||][message||~][message||test]", -1 },
	{ "the standard's stocks", S("data: YHOO\ndata: +2\ndata: 10\n\n"),
	    "[message||YHOO~+2~10]", -1 },
	{ "the standard's ids", S(": test stream\n\ndata: first event\nid: 1"
	    "\n\ndata:second event\nid\n\ndata:  third event\n\n"),
	    "[message|1|first event][message||second event]"
	    "[message|| third event]", -1 },
	{ "unfinished at the end", S("data: a\n\ndata: b\n"),
	    "[message||a]", -1 },
	{ "format-bom", S("\xef\xbb\xbf" "data:1\n\n\xef\xbb\xbf" "data:2\n\n"
	    "data:3\n\n"), "[message||1][message||3]", -1 },
	{ "format-bom-2", S("\xef\xbb\xbf\xef\xbb\xbf" "data:1\n\ndata:2\n\n"),
	    "[message||2]", -1 },
	{ "half a bom", S("\xef\xbb" "data:1\n\ndata:2\n\n"),
	    "[message||2]", -1 },
	{ "bom and nothing", S("\xef\xbb\xbf\n"), "", -1 },
	{ "format-comments", S("data:1\r:\0\n:\r\ndata:2\n:xxxxxxxxxxxxxxxxxxx"
	    "\rdata:3\n:data:fail\r:xxxxxxx\ndata:4\n\n"),
	    "[message||1~2~3~4]", -1 },
	{ "format-newlines", S("data:test\r\ndata\ndata:test\r\n\r"),
	    "[message||test~~test]", -1 },
	{ "cr alone", S("data: a\rdata: b\r\rdata: c\r\r"),
	    "[message||a~b][message||c]", -1 },
	{ "crlf", S("event: x\r\ndata: a\r\n\r\n"), "[x||a]", -1 },
	{ "cr lf cr is one line and one more", S("data: a\r\n\rdata: b\n\n"),
	    "[message||a][message||b]", -1 },
	{ "lf cr is two ends", S("data: a\n\rdata: b\n\n"),
	    "[message||a][message||b]", -1 },
	{ "format-field-event", S("event:test\ndata:x\n\ndata:x\n\n"),
	    "[test||x][message||x]", -1 },
	{ "format-field-event-empty", S("event: \ndata:data\n\n"),
	    "[message||data]", -1 },
	{ "event without data", S("event: lost\n\ndata: a\n\n"),
	    "[message||a]", -1 },
	{ "the last event counts", S("event: a\nevent: b\ndata: x\n\n"),
	    "[b||x]", -1 },
	{ "format-field-id", S("id: 1\ndata: a\n\ndata: b\n\nid:\ndata: c\n\n"
	    ), "[message|1|a][message|1|b][message||c]", -1 },
	{ "format-field-id-3", S("id: one\ndata: a\n\nid:two\n\ndata: b\n\n"),
	    "[message|one|a][message|two|b]", -1 },
	{ "format-field-id-null", S("id: 5\ndata: a\n\nid: 1\0" "2\ndata: b"
	    "\n\n"), "[message|5|a][message|5|b]", -1 },
	{ "id with utf-8", S("id: \xe2\x80\xa6\ndata: a\n\n"),
	    "[message|\xe2\x80\xa6|a]", -1 },
	{ "format-field-retry", S("retry:3000\ndata:x\n\n"),
	    "[message||x]", 3000 },
	{ "format-field-retry-bogus", S("retry:3000\nretry:1000x\ndata:x\n\n"
	    ), "[message||x]", 3000 },
	{ "format-field-retry-empty", S("retry\nretry:\ndata:test\n\n"),
	    "[message||test]", -1 },
	{ "retry below zero, huge", S("retry: -1\nretry: 99999999999999999999"
	    "\n"), "", -1 },
	{ "retry 0", S("retry: 0\n"), "", 0 },
	{ "retry without an event", S("retry: 17\n\n"), "", 17 },
	{ "format-field-parsing", S("data:\0\ndata:  2\rData:1\ndata\0:2\n"
	    "data:1\r\0data:4\nda-ta:3\rdata_5\ndata:3\rdata:\r\n data:32\n"
	    "data:4\n\n"), "[message||@~ 2~1~3~~4]", -1 },
	{ "format-field-unknown", S("data:test\n data\ndata\nfoobar:xxx\n"
	    "justsometext\n:thisisacommentyay\ndata:test\n\n"),
	    "[message||test~~test]", -1 },
	{ "format-leading-space", S("data:\ttest\rdata: \ndata:test\n\n"),
	    "[message||\ttest~~test]", -1 },
	{ "format-null-character", S("data:\0\n\n\n\n"), "[message||@]", -1 },
	{ "format-utf-8", S("data:ok\xe2\x80\xa6\n\n"),
	    "[message||ok\xe2\x80\xa6]", -1 },
	{ "other line ends are text", S("data:a\xc2\x85" "b\xe2\x80\xa8"
	    "c\x0b" "d\x0c\n\n"),
	    "[message||a\xc2\x85" "b\xe2\x80\xa8" "c\x0b" "d\x0c]", -1 },
	{ "a colon in the value", S("data: a: b:c\n\n"),
	    "[message||a: b:c]", -1 },
	{ "a model's stream", S("event: message_start\ndata: {\"a\":1}\n\n"
	    "event: ping\ndata: {}\n\ndata: [DONE]\n\n"),
	    "[message_start||{\"a\":1}][ping||{}][message||[DONE]]", -1 },
	{ "blank lines", S("\n\n\r\r\n\n\ndata: a\n\n\n\n"),
	    "[message||a]", -1 },
	{ "nothing", S(""), "", -1 },
	{ "a line that is a colon", S(":\n\n:\n\ndata\n\n"),
	    "[message||]", -1 },
};

static void
must(struct sse_parser *p, const char *s, size_t n)
{
	char *copy = malloc(n + 1);

	/* Of its exact size, so that a read past it is seen. */
	if (copy == NULL)
		abort();
	copy = realloc(copy, n > 0 ? n : 1);
	if (copy == NULL)
		abort();
	memcpy(copy, s, n);
	if (sse_parser_feed(p, copy, n) != 0)
		abort();
	free(copy);
}

static void
run_case(size_t i)
{
	char what[200];
	struct seen s;
	struct sse_parser *p;
	size_t cut, at;
	int good = 1;
	long retry = -2;

	/* cut == n: whole; n + 1: byte by byte. */
	for (cut = 0; cut <= cases[i].n + 1; cut++) {
		memset(&s, 0, sizeof s);
		p = sse_parser_new(100000, on_event, &s);
		if (p == NULL)
			abort();
		if (cut <= cases[i].n) {
			must(p, cases[i].in, cut);
			must(p, cases[i].in + cut, cases[i].n - cut);
		} else {
			for (at = 0; at < cases[i].n; at++)
				must(p, cases[i].in + at, 1);
		}
		retry = sse_parser_retry(p);
		sse_parser_free(p);
		if (strcmp(s.text, cases[i].want) != 0 ||
		    retry != cases[i].retry) {
			good = 0;
			break;
		}
	}
	(void)snprintf(what, sizeof what, "%s, cut anywhere", cases[i].name);
	if (!check(good, what))
		printf("# cut at %zu\n#  got: %s %ld\n# want: %s %ld\n", cut,
		    s.text, retry, cases[i].want, cases[i].retry);
}

/* Result of feeding text in pieces of the given size. */
static int
fed(size_t max, const char *text, size_t n, size_t piece, int *events)
{
	struct seen s;
	struct sse_parser *p = sse_parser_new(max, on_event, &s);
	size_t at, k;
	int r = 0;

	if (p == NULL)
		abort();
	memset(&s, 0, sizeof s);
	for (at = 0; at < n && r == 0; at += k) {
		k = n - at < piece ? n - at : piece;
		r = sse_parser_feed(p, text + at, k);
	}
	if (r != 0 && sse_parser_feed(p, "\n", 1) == 0)
		r = 99; /* a failed parser must stay failed */
	*events = s.events;
	sse_parser_free(p);
	return r;
}

static void
add_event(struct buf *b, size_t n, const char *name)
{
	size_t i;

	buf_addf(b, "event: %s\ndata: ", name);
	for (i = 0; i < n; i++)
		buf_addc(b, 'x');
	buf_adds(b, "\n\n");
}

static void
test_limits(void)
{
	static const size_t pieces[] = { 1, 7, 100, 1000000 };
	char what[100];
	struct buf b;
	size_t i;
	int ev;

	buf_init(&b, 1 << 20);
	for (i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
		buf_reset(&b);
		add_event(&b, 997, "abc");
		add_event(&b, 997, "abc");
		(void)snprintf(what, sizeof what, "events of exactly the "
		    "maximum, pieces of %zu", pieces[i]);
		check(fed(1000, b.p, b.n, pieces[i], &ev) == 0 && ev == 2,
		    what);
		add_event(&b, 998, "abc");
		(void)snprintf(what, sizeof what, "one byte more, pieces of "
		    "%zu", pieces[i]);
		check(fed(1000, b.p, b.n, pieces[i], &ev) == -1 && ev == 2,
		    what);
	}
	buf_reset(&b);
	for (i = 0; i < 500; i++)
		buf_adds(&b, "data\n");
	check_int(fed(100, b.p, b.n, 64, &ev), -1, "many empty data lines");
	buf_reset(&b);
	buf_adds(&b, ":");
	for (i = 0; i < 5000; i++)
		buf_adds(&b, "comment ");
	buf_adds(&b, "\ndata: a\n\n");
	check(fed(100, b.p, b.n, 64, &ev) == 0 && ev == 1,
	    "an endless comment costs nothing");
	buf_reset(&b);
	for (i = 0; i < 5000; i++)
		buf_adds(&b, "unknown ");
	check_int(fed(100, b.p, b.n, 64, &ev), -1, "an endless field name");
	buf_fini(&b);
}

int
main(void)
{
	size_t i;

	tap_start(60);
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++)
		run_case(i);
	test_limits();
	return tap_done();
}

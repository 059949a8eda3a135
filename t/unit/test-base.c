/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-base.c - buffers, text, time, JSON, ids and scrubbing.
 */
#include <sodium.h>

#include "../../core/base/buf.h"
#include "../../core/base/clock.h"
#include "../../core/base/err.h"
#include "../../core/base/ids.h"
#include "../../core/base/json.h"
#include "../../core/base/scrub.h"
#include "../../core/base/utf8.h"
#include "tap.h"

static void
test_buf(void)
{
	struct buf b;
	char *s;
	size_t n;

	buf_init(&b, 10);
	check_int(buf_adds(&b, "0123456789"), 0, "fills to its maximum");
	check_int(buf_addc(&b, 'x'), -1, "refuses one byte more");
	check(buf_failed(&b), "the failure sticks");
	buf_reset(&b);
	check_int(buf_addf(&b, "%d-%s", 42, "abc"), 0, "formats");
	check_str(b.p, "42-abc", "what was formatted");
	buf_drop(&b, 3);
	check_str(b.p, "abc", "drops from the front");
	s = buf_take(&b, &n);
	check_str(s, "abc", "hands over its memory");
	free(s);
	buf_fini(&b);
}

static void
test_json_str(void)
{
	static const char in[] = "a\"\\\n\x01\xc2\x85\xe2\x80\xa8\xe2\x80\xa9"
	    "\xc3\xa9\xff";
	struct buf b;

	buf_init(&b, 200);
	buf_add_json_str(&b, in, sizeof in - 1);
	check_str(b.p, "\"a\\\"\\\\\\n\\u0001\\u0085\\u2028\\u2029"
	    "\xc3\xa9\xef\xbf\xbd\"", "escapes what a line reader splits at");
	buf_reset(&b);
	buf_add_json_str(&b, "a\0b", 3);
	check_str(b.p, "\"a\xef\xbf\xbd" "b\"", "NUL is not kept");
	buf_fini(&b);
}

static void
test_utf8(void)
{
	char *s;

	check(utf8_valid("h\xc3\xa9llo w\xf0\x9f\x98\x80rld", 15), "valid");
	check(!utf8_valid("\xc0\x80", 2), "overlong");
	check(!utf8_valid("\xed\xa0\x80", 3), "surrogate");
	check(!utf8_valid("\xf4\x90\x80\x80", 4), "above U+10FFFF");
	check(!utf8_valid("abcdefgh\xc3", 9), "cut");
	check_int(utf8_cut("ab\xe2\x82\xac", 4), 2, "cuts before the euro");
	check_int(utf8_cut("ab\xe2\x82\xac", 5), 5, "keeps a whole one");
	s = utf8_mend("a\xff\x62", 3, NULL);
	check_str(s, "a\xef\xbf\xbd" "b", "mends");
	free(s);
}

static void
test_clock(void)
{
	char iso[CLOCK_ISO_LEN + 1];
	int64_t ms = 0;

	clock_iso(INT64_C(1777293296789), iso);
	check_str(iso, "2026-04-27T12:34:56.789Z", "formats");
	check_int(clock_parse_iso(iso, &ms), 0, "parses what it formats");
	check_int(ms, INT64_C(1777293296789), "to the same");
	check_int(clock_parse_iso("2026-04-27T14:34:56+02:00", &ms), 0,
	    "parses an offset");
	check_int(ms, INT64_C(1777293296000), "offset counted");
	check_int(clock_parse_iso("2026-02-29T00:00:00Z", &ms), -1,
	    "no such day");
	check_int(clock_parse_iso("2024-02-29T00:00:00Z", &ms), 0,
	    "a leap day");
	check_int(clock_parse_iso("yesterday", &ms), -1, "not a time");
	check_int(clock_parse_iso("", &ms), -1, "empty");
}

static json_t *
parse(const char *s, struct err *e)
{
	return json_parse_object(s, strlen(s), JSON_REQUEST_DEPTH, e);
}

static void
test_json(void)
{
	struct err e = { 0 };
	json_t *v;
	int64_t i = 7;
	const char *s = NULL;
	char *deep, *line;

	v = parse("{\"a\":1,\"a\":2}", &e);
	check(v == NULL && e.code == ERR_BAD_REQUEST, "duplicate key");
	v = parse("[1]", &e);
	check(v == NULL && e.code == ERR_BAD_REQUEST, "not an object");
	v = json_parse("1\0", 2, 0, &e);
	check(v == NULL, "number and NUL");
	deep = malloc(200002);
	check(deep != NULL, "memory");
	if (deep == NULL)
		return;
	memset(deep, '[', 100000);
	memset(deep + 100000, ']', 100000);
	v = json_parse(deep, 200000, JSON_REQUEST_DEPTH, &e);
	check(v == NULL && e.code == ERR_BAD_REQUEST, "100,000 levels");
	free(deep);
	v = parse("{\"n\":5,\"s\":\"x\\u2028\",\"r\":1.5,\"big\":1e400}", &e);
	check(v == NULL, "a number no double holds");
	v = parse("{\"n\":5,\"s\":\"x\\u2028\",\"r\":1.5,\"z\":null}", &e);
	check(v != NULL, "a good one");
	check_int(json_get_int(v, "n", 1, 0, 4, &i, &e), -1, "out of range");
	check(e.code == ERR_VALIDATION, "is VALIDATION_ERROR");
	check_str(e.field, "n", "with the field");
	check_int(json_get_int(v, "n", 1, 0, 5, &i, &e), 0, "in range");
	check_int(json_get_str(v, "q", 1, &s, &e), -1, "missing");
	check(e.code == ERR_BAD_REQUEST, "is BAD_REQUEST");
	check_int(json_get_str(v, "z", 0, &s, &e), 0, "null is absent");
	check(s == NULL, "and leaves the value");
	line = json_line(v, NULL);
	check_str(line, "{\"n\":5,\"s\":\"x\\u2028\",\"r\":1.5,\"z\":null}",
	    "one line");
	free(line);
	json_decref(v);
}

static void
test_scrub(void)
{
	char b[] = "skate task-list sk-short";
	char c[] = "-----BEGIN RSA PRIVATE KEY-----\nMIIEabc\n"
	    "-----END RSA PRIVATE KEY-----";

	check_int(scrub_in_place(b, strlen(b)), 0, "words are left alone");
	check_str(b, "skate task-list sk-short", "untouched");
	check_int(scrub_in_place(c, strlen(c)), 1, "a private key");
	check(strstr(c, "MIIE") == NULL, "its body is gone");
	check(strstr(c, "-----END RSA") != NULL, "its end is not");
	check_int(scrub_tail("hello sk-an", 11), 5, "holds back a start");
	check_int(scrub_tail("hello ", 6), 0, "nothing to hold");
	check_int(scrub_tail("hello world", 11), 0, "a plain word");
}

static void
test_scrub_pieces(void)
{
	char a[] = "-----BEGIN PRIVATE KEY-----\nAAAA";
	char b[] = "BBBB\n-----END PRIVATE KEY-----\nand on";
	char c[] = "x\\nsk-ant-" "ABCDEFGHIJKLMNOPQRSTUVWX\\ny";
	int inside = 0;

	check_int(scrub_stream(a, strlen(a), &inside), 1, "a key's head");
	check(inside && strstr(a, "AAAA") == NULL, "its body begins");
	check_int(scrub_stream(b, strlen(b), &inside), 1, "the next piece");
	check(!inside && strncmp(b, "****\n-----END", 13) == 0,
	    "is covered up to the end");
	check(strstr(b, "and on") != NULL, "and not behind it");
	check_int(scrub_in_place(c, strlen(c)), 1, "behind a JSON escape");
	check_int(scrub_tail("a -----BEGIN RSA PRI", 20), 18, "half a head");
	check_int(scrub_tail("an sk-", 6), 3, "a dash at the end");
	check_int(scrub_tail("a.sk-ab", 7), 5, "a word behind a dot");
}

static void
test_scrub_key(void)
{
	char a[64];
	size_t i;

	memcpy(a, "x sk-ant-", 9);
	for (i = 9; i < 40; i++)
		a[i] = (char)('a' + i % 20);
	memcpy(a + 40, " y", 3);
	check_int(scrub_in_place(a, strlen(a)), 1, "a provider key");
	check(strstr(a, "sk-ant-*****") != NULL, "covered after its prefix");
	check(strcmp(a + 40, " y") == 0, "the rest is kept");
}

int
main(void)
{
	char id[ID_MAX], hex[65];

	tap_start(60);
	if (sodium_init() < 0)
		return 1;
	test_buf();
	test_json_str();
	test_utf8();
	test_clock();
	test_json();
	test_scrub();
	test_scrub_key();
	test_scrub_pieces();
	id_make(id, "turn-");
	check(strncmp(id, "turn-", 5) == 0 && strlen(id) == 29, "an id");
	id_sha256("abc", 3, hex);
	check_str(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410"
	    "ff61f20015ad", "SHA-256 of abc (FIPS 180-2)");
	check_int(err_status(ERR_TASK_BUSY), 409, "status of a code");
	check_int(err_from_name("TASK_BUSY"), ERR_TASK_BUSY, "code by name");
	return tap_done();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-llm-fast.c - the in-place reader of ordinary chunks never disagrees
 * with the JSON reader: over generated chunks, over every one-byte change of
 * some of them, and over hand-made oddities. Deterministic: the generator
 * has a fixed seed. Speed is printed, and bounded loosely.
 */
#include <jansson.h>
#include <time.h>

#include "../../plugins/llm-openai/openai.h"
#include "tap.h"

static uint64_t seed = 88172645463325252u;
static struct llm_buf scratch;
static size_t taken, seen;

static unsigned
rnd(unsigned n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed >> 33) % n;
}

/* null or absent */
static int
nothing(const json_t *obj, const char *key)
{
	const json_t *v = json_object_get(obj, key);

	return v == NULL || json_is_null(v);
}

/*
 * What the JSON reader would find: 1 and the text when the chunk means text
 * and nothing else, else 0.
 */
static int
slow(const char *p, size_t n, json_t **root, const json_t **text)
{
	const json_t *choice, *d;

	*root = json_loadb(p, n, JSON_ALLOW_NUL, NULL);
	choice = json_array_get(json_object_get(*root, "choices"), 0);
	d = json_object_get(choice, "delta");
	*text = json_object_get(d, "content");
	return json_is_object(*root) && nothing(*root, "error") &&
	    nothing(*root, "usage") && json_is_object(d) &&
	    json_is_string(*text) && nothing(choice, "finish_reason") &&
	    nothing(d, "tool_calls") && nothing(d, "function_call") &&
	    nothing(d, "reasoning") && nothing(d, "reasoning_content") &&
	    nothing(d, "refusal");
}

/* 1 when both agree, or the fast way has passed. */
static int
agree(const char *p, size_t n)
{
	struct sept_slice got = { NULL, 0 };
	const json_t *text;
	json_t *root;
	char *own = malloc(n + 1); /* so that a sanitizer sees the end */
	int good = 1;

	if (own == NULL)
		abort();
	memcpy(own, p, n);
	own = realloc(own, n > 0 ? n : 1);
	seen++;
	if (openai_fast(own, n, &scratch, &got)) {
		taken++;
		good = slow(own, n, &root, &text) &&
		    json_string_length(text) == got.n &&
		    memcmp(json_string_value(text), got.p, got.n) == 0;
		json_decref(root);
	}
	if (!good)
		printf("# differs: %.*s\n", (int)n, p);
	free(own);
	return good;
}

static const char *const pieces[] = {
	"a", "Hello", " ", "\\n", "\\\"", "\\\\", "\\/", "\\u00e9", "\\u0000",
	"\\ud83d\\ude00", "\\ud83d", "\\ude00", "\xc3\xa9",
	"\xf0\x9f\x98\x80", "\xc3", "\xed\xa0\x80", "\\x", "\t", "\x7f",
	"\\uD83D\\uDE00", "\\b\\f\\r\\t", "}", "]", "\\u12", "{\\\"a\\\":1}",
};
#define PICK(a) ((a)[rnd(sizeof(a) / sizeof((a)[0]))])

static size_t
chunk_make(char *out, size_t size)
{
	static const char *const heads[] = { "{", "{\"id\":\"c-1\",",
	    "{\"id\":\"c\",\"created\":123,\"model\":\"m\",",
	    " { \"object\" : \"chat.completion.chunk\" , ",
	    "{\"usage\":null,", "{\"error\":null,", "{\"x\":1.5,",
	    "{\"x\":true,\"y\":false,\"z\":null,", "{\"id\":\"\\u0041\",",
	    "{\"usage\":{},", "{\"error\":{},", "{\"x\":[1],", "{\"x\":01,",
	    "{\"system_fingerprint\":null,\"service_tier\":\"default\"," };
	static const char *const opens[] = {
	    "\"choices\":[{\"index\":0,\"delta\":{",
	    "\"choices\":[{\"delta\":{\"role\":\"assistant\",",
	    "\"choices\":[{\"index\":1,\"logprobs\":null,\"delta\":{",
	    "\"choices\" : [ { \"delta\" : { ",
	    "\"choices\":[{\"finish_reason\":\"stop\",\"delta\":{",
	    "\"choices\":[{\"delta\":{\"refusal\":null,",
	    "\"choices\":[{\"delta\":{\"tool_calls\":[],",
	    "\"choices\":[{\"delta\":{\"reasoning\":\"r\",",
	    "\"choices\":[{\"delta\":{\"content\":\"first\",",
	    "\"choices\":[{\"delta\":{},\"delta\":{" };
	static const char *const closes[] = { "}}]}",
	    "},\"finish_reason\":null}]}", "},\"logprobs\":null}],"
	    "\"usage\":null}", "}},{\"index\":1}]}", "} } ] } ", "}}]}x",
	    "},\"finish_reason\":\"length\"}]}", "}}],\"usage\":{\"a\":1}}",
	    "}}]", "}}],\"choices\":[]}", "}}],}" };
	char text[256];
	size_t n = 0;
	unsigned i, k = rnd(6);
	int len;

	text[0] = '\0';
	for (i = 0; i < k; i++) {
		const char *s = PICK(pieces);

		memcpy(text + n, s, strlen(s) + 1);
		n += strlen(s);
	}
	len = snprintf(out, size, "%s%s\"content\":%s%s%s%s", PICK(heads),
	    PICK(opens), rnd(20) == 0 ? "nul" : "\"", text,
	    rnd(20) == 0 ? "" : "\"", PICK(closes));
	return len < 0 || (size_t)len >= size ? 0 : (size_t)len;
}

static void
generated(void)
{
	char chunk[1024];
	size_t n, i, bad = 0;

	for (i = 0; i < 100000; i++) {
		n = chunk_make(chunk, sizeof chunk);
		bad += !agree(chunk, n);
	}
	check(bad == 0, "100,000 generated chunks");
	printf("# the fast way took %zu of %zu\n", taken, seen);
	check(taken > seen / 40, "and it took a fair share of them");
}

static void
changed(void)
{
	static const char bytes[] = "\"\\{}[]:,0-x \t\n\x01\xc3\xa9u";
	char chunk[1024];
	size_t n, i, k, bad = 0, round;

	for (round = 0; round < 20; round++) {
		n = chunk_make(chunk, sizeof chunk);
		for (i = 0; i < n; i++) {
			char was = chunk[i];

			for (k = 0; k < sizeof bytes; k++) {
				chunk[i] = bytes[k];
				bad += !agree(chunk, n);
			}
			chunk[i] = was;
			bad += !agree(chunk, i);
		}
	}
	check(bad == 0, "every change and cut of one byte");
}

static const char ordinary[] = "{\"id\":\"chatcmpl-B9MBs8CjcvOU2jLn4n570S5"
    "qMJKcT\",\"object\":\"chat.completion.chunk\",\"created\":1741569952,"
    "\"model\":\"gpt-4.1-2025-04-14\",\"service_tier\":\"default\","
    "\"system_fingerprint\":\"fp_44709d6fcb\",\"choices\":[{\"index\":0,"
    "\"delta\":{\"content\":\" token\"},\"logprobs\":null,"
    "\"finish_reason\":null}],\"usage\":null}";

static void
speed(void)
{
	struct sept_slice text = { NULL, 0 };
	struct timespec a, b;
	double ns;
	int i, all = 1;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
	for (i = 0; i < 200000; i++)
		all &= openai_fast(ordinary, sizeof ordinary - 1, &scratch,
		    &text);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
	ns = ((double)(b.tv_sec - a.tv_sec) * 1e9 +
	    (double)(b.tv_nsec - a.tv_nsec)) / 200000;
	check(all && text.n == 6, "the usual chunk is an ordinary one");
	printf("# %.0f ns a chunk of %zu bytes\n", ns, sizeof ordinary - 1);
	/* Sanitizers and busy machines: only gross mistakes fail here. */
	check(ns < 50000, "and is not read slowly");
}

int
main(void)
{
	tap_start(120);
	llm_buf_init(&scratch, 1 << 20);
	generated();
	changed();
	speed();
	llm_buf_fini(&scratch);
	return tap_done();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-schema.c - JSON Schema: the table of cases, patterns, error paths,
 * what is refused, and the bounds.
 */
#include "../../core/base/json.h"
#include "../../core/base/schema.h"
#include "../../core/base/schema-pattern.h"
#include "schema-cases.h"
#include "tap.h"

/* Parses text in which single quotes stand for double ones. */
static json_t *
value(const char *text, size_t n)
{
	char *s = malloc(n + 1);
	json_t *v;
	size_t i;

	if (s == NULL)
		abort();
	for (i = 0; i < n; i++)
		s[i] = text[i] == '\'' ? '"' : text[i];
	s[n] = '\0';
	v = json_loadb(s, n, JSON_DECODE_ANY, NULL);
	if (v == NULL) {
		printf("# not JSON: %s\n", s);
		abort();
	}
	free(s);
	return v;
}

static json_t *
val(const char *text)
{
	return value(text, strlen(text));
}

static struct schema *
compile(const char *text, struct err *e)
{
	json_t *doc = val(text);
	struct schema *s = schema_new(doc, e);

	json_decref(doc);
	return s;
}

static void
run_values(const struct schema *s, const char *schema, const char *list,
    int want)
{
	struct err e = { 0 };
	char what[600];
	const char *end;
	json_t *v;
	int got;

	for (; *list != '\0'; list = *end != '\0' ? end + 1 : end) {
		end = list + strcspn(list, ";");
		v = value(list, (size_t)(end - list));
		got = schema_check(s, v, &e);
		(void)snprintf(what, sizeof what, "%s %s %.*s", schema,
		    want == 0 ? "takes" : "refuses", (int)(end - list), list);
		check(got == want && (want == 0 ||
		    (e.code == ERR_VALIDATION && e.text[0] != '\0')), what);
		json_decref(v);
	}
}

static void
test_cases(void)
{
	struct err e = { 0 };
	struct schema *s;
	size_t i;

	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		s = compile(cases[i].schema, &e);
		if (s == NULL) {
			check(0, cases[i].schema);
			printf("# %s\n", e.text);
			continue;
		}
		run_values(s, cases[i].schema, cases[i].good, 0);
		run_values(s, cases[i].schema, cases[i].bad, -1);
		schema_free(s);
	}
}

/* pattern, texts that match, texts that do not; separated by blanks. */
static const struct {
	const char *re, *yes, *no;
} patterns[] = {
	{ "^[a-z0-9-]{1,8}$", "a abc-1 12345678", "A 123456789 a_b" },
	{ "^\\d{3}-\\d{4}$", "555-1212", "5555-121 55a-1212" },
	{ "^\\w+@\\w+\\.\\w+$", "a@b.c", "a@b a.b@c" },
	{ "^(foo|bar)+$", "foo foobar barfoo", "fo foob" },
	{ "^(?:a|b)?c$", "c ac bc", "abc ab" },
	{ "^(?<year>\\d{4})$", "2026", "26" },
	{ "^a*?b+?$", "b aabb", "a" },
	{ "^[^abc]$", "d Z", "a b c dd" },
	{ "^[\\w.-]+$", "a.b-c_d", "a/b" },
	{ "^[a\\-z]$", "a - z", "b" },
	{ "^[]a]$", "", "a ]" },
	{ "^[^]$", "a \xc3\xa9", "ab" },
	{ "^[\\]\\\\^]$", "] \\ ^", "a" },
	{ "^[^\\d]$", "a", "1" },
	{ "^[\\D5]$", "a 5", "4" },
	{ "^\\S+$", "abc", "a\xc2\xa0" "b" },
	{ "^.$", "a \xc3\xa9 \xf0\x9f\x98\x80", "ab" },
	{ "^.{2}$", "\xc3\xa9\xc3\xa9", "\xc3\xa9" },
	{ "^\\u00e9$", "\xc3\xa9", "e" },
	{ "^\\u{1F600}$", "\xf0\x9f\x98\x80", "x" },
	{ "^\\ud83d\\ude00$", "\xf0\x9f\x98\x80", "x" },
	{ "^[\\u0400-\\u04ff]+$", "\xd0\x96\xd0\xb6", "abc" },
	{ "^\\x41\\x42$", "AB", "ab" },
	{ "\\bcat\\b", "cat a-cat-b", "cats concat" },
	{ "a\\Bb", "ab", "a-b" },
	{ "^{.*}$", "{x} {}", "x" },
	{ "^a{,3}$", "a{,3}", "aaa" },
	{ "^a{2,}$", "aa aaa", "a" },
	{ "^a{0}$", "", "a" },
	{ "^(a{2}){2,3}$", "aaaa aaaaaa", "aaa aaaaa" },
	{ "^(a*)*$", "a aaa", "b" },
	{ "^(|a)+$", "a aa", "b" },
	{ "^(a|ab)(c|bcd)$", "ac abc abcd", "ab" },
	{ "^/api/v[0-9]+/", "/api/v1/x", "/api/v/x api/v1/" },
	{ "\\.json$", "a.json", "a.jsonl ajson" },
	{ "^\\$\\{[A-Z]+\\}$", "${X}", "$X" },
	{ "x|^y|z$", "ax y az", "ay za" },
	{ "^[+*?.()|{}$/]+$", "+*?.()|{}$/", "a" },
	{ "^(?:(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)(?:\\.(?!$)|$)){4}$", NULL,
	    NULL },
	{ "a**", NULL, NULL },
	{ "^*", NULL, NULL },
	{ "(a", NULL, NULL },
	{ "a)", NULL, NULL },
	{ "[a", NULL, NULL },
	{ "[z-a]", NULL, NULL },
	{ "a\\", NULL, NULL },
	{ "(a)\\1", NULL, NULL },
	{ "(?=a)", NULL, NULL },
	{ "(?<=a)b", NULL, NULL },
	{ "(?i)a", NULL, NULL },
	{ "\\p{L}", NULL, NULL },
	{ "\\q", NULL, NULL },
	{ "\\u12", NULL, NULL },
	{ "\\u{110000}", NULL, NULL },
	{ "a{3,2}", NULL, NULL },
	{ "a{1001}", NULL, NULL },
	{ "((a{100}){100}){100}", NULL, NULL },
	{ "((((){1000}){1000}){1000}){1000}", NULL, NULL },
	{ "((((((((((((((((((((((((((((((((((a))))))))))))))))))))))))))))))"
	    "))))", NULL, NULL },
};

static void
run_texts(const struct pattern *p, const char *re, const char *list,
    int want)
{
	char what[300];
	const char *end;
	long steps;

	for (; *list != '\0'; list = *end != '\0' ? end + 1 : end) {
		end = list + strcspn(list, " ");
		steps = 100000;
		(void)snprintf(what, sizeof what, "pattern %s %s %.*s", re,
		    want ? "matches" : "does not match", (int)(end - list),
		    list);
		check_int(pattern_match(p, list, (size_t)(end - list),
		    &steps), want, what);
	}
}

static void
test_patterns(void)
{
	struct err e = { 0 };
	struct pattern *p;
	char what[200];
	size_t i;

	for (i = 0; i < sizeof patterns / sizeof *patterns; i++) {
		p = pattern_new(patterns[i].re, &e);
		(void)snprintf(what, sizeof what, "pattern %s is %s",
		    patterns[i].re, patterns[i].yes ? "taken" : "refused");
		check((p != NULL) == (patterns[i].yes != NULL), what);
		if (p == NULL)
			printf("# %s\n", e.text);
		if (p != NULL && patterns[i].yes != NULL) {
			run_texts(p, patterns[i].re, patterns[i].yes, 1);
			run_texts(p, patterns[i].re, patterns[i].no, 0);
		}
		pattern_free(p);
	}
}

static void
test_pattern_time(void)
{
	struct err e = { 0 };
	struct pattern *p = pattern_new("^(a+)+$", &e);
	char *text = malloc(100001);
	long steps = 2000000;

	check(p != NULL && text != NULL, "a pattern that backtracks badly");
	if (p == NULL || text == NULL)
		return;
	memset(text, 'a', 100000);
	text[100000] = '!';
	check_int(pattern_match(p, text, 100001, &steps), 0,
	    "takes linear time");
	check(steps > 0, "and few steps");
	steps = 1000;
	check_int(pattern_match(p, text, 100001, &steps), -1,
	    "ends when steps run out");
	check_int(pattern_match(p, "", 0, (long[]){ 100 }), 0,
	    "the empty text");
	free(text);
	pattern_free(p);
}

/* Schemas that must not compile, and where they are wrong. */
static const struct {
	const char *schema, *field, *word;
} refused[] = {
	{ "1", "", "an object" },
	{ "[]", "", "an object" },
	{ "{'type':'text'}", "/type", "text is not a type" },
	{ "{'type':[]}", "/type", "empty" },
	{ "{'type':5}", "/type", "not a type" },
	{ "{'enum':1}", "/enum", "array" },
	{ "{'minimum':'1'}", "/minimum", "number" },
	{ "{'multipleOf':0}", "/multipleOf", "above 0" },
	{ "{'multipleOf':-2}", "/multipleOf", "above 0" },
	{ "{'minLength':-1}", "/minLength", "at least 0" },
	{ "{'maxItems':1.5}", "/maxItems", "whole" },
	{ "{'pattern':'['}", "/pattern", "bad pattern" },
	{ "{'pattern':1}", "/pattern", "string" },
	{ "{'patternProperties':{'(':{}}}", "/patternProperties", "pattern" },
	{ "{'required':'a'}", "/required", "array of strings" },
	{ "{'required':[1]}", "/required", "array of strings" },
	{ "{'properties':[]}", "/properties", "object" },
	{ "{'properties':{'a':{'properties':{'b':1}}}}",
	    "/properties/a/properties/b", "an object, true or false" },
	{ "{'properties':{'a/b':1}}", "/properties/a~1b", "schema" },
	{ "{'allOf':[]}", "/allOf", "list" },
	{ "{'anyOf':{}}", "/anyOf", "list" },
	{ "{'oneOf':[{},3]}", "/oneOf/1", "schema" },
	{ "{'not':null}", "/not", "schema" },
	{ "{'if':{},'then':1}", "/if/then", "schema" },
	{ "{'uniqueItems':1}", "/uniqueItems", "true or false" },
	{ "{'dependentRequired':{'a':'b'}}", "/dependentRequired", "array" },
	{ "{'contains':{},'minContains':-1}", "/contains", "at least 0" },
	{ "{'$ref':'#/$defs/none'}", "", "points at nothing" },
	{ "{'$ref':'#nowhere'}", "", "points at nothing" },
	{ "{'$ref':'http://x.test/s.json'}", "", "not fetched" },
	{ "{'$ref':'other.json'}", "", "not fetched" },
	{ "{'$ref':'#/%zz'}", "", "malformed" },
	{ "{'$ref':5}", "/$ref", "string" },
	{ "{'$ref':'#/x','x':5}", "", "schema" },
	{ "{'$schema':'http://x.test/own'}", "/$schema", "unknown dialect" },
	{ "{'$schema':'http://json-schema.org/draft-04/schema#'}", "/$schema",
	    "unknown dialect" },
	{ "{'$dynamicRef':'#x'}", "/$dynamicRef", "not supported" },
	{ "{" D20 ",'items':[{}]}", "/items", "prefixItems" },
	{ "{'$defs':{'a':{'$anchor':'x'},'b':{'$anchor':'x'}}}", "/$defs/b",
	    "twice" },
};

static void
test_refused(void)
{
	struct schema *s;
	struct err e;
	size_t i;

	for (i = 0; i < sizeof refused / sizeof *refused; i++) {
		err_clear(&e);
		s = compile(refused[i].schema, &e);
		check(s == NULL && e.code == ERR_VALIDATION,
		    refused[i].schema);
		check_str(e.field, refused[i].field, "where");
		if (!check(strstr(e.text, refused[i].word) != NULL, "why"))
			printf("# %s\n", e.text);
		schema_free(s);
	}
}

static const struct {
	const char *schema, *value, *field, *text;
} errors[] = {
	{ "{'type':'string'}", "1", "",
	    "the value: expected string, got integer" },
	{ "{'properties':{'a':{'items':{'type':'integer'}}}}",
	    "{'a':[1,'x']}", "/a/1", "/a/1: expected integer, got string" },
	{ "{'required':['path']}", "{}", "",
	    "the value: the required property \"path\" is missing" },
	{ "{'additionalProperties':false}", "{'a/b~':1}", "/a~1b~0",
	    "/a~1b~0: there is no such property" },
	{ "{'properties':{'m':{'enum':['r','w']}}}", "{'m':'x'}", "/m",
	    "/m: expected one of [\"r\",\"w\"]" },
	{ "{'minimum':1}", "0", "", "the value: expected a number of at "
	    "least 1" },
	{ "{'anyOf':[{'type':'string','minLength':3},{'type':'null'}]}",
	    "'x'", "", "the value: expected at least 3 characters, got 1" },
	{ "{'anyOf':[{'minimum':3},{'multipleOf':5}]}", "1", "",
	    "the value: fits none of the 2 alternatives of anyOf" },
	{ "{'items':{'$ref':'#/$defs/p'},'$defs':{'p':{'required':['x']}}}",
	    "[{'x':1},{}]", "/1",
	    "/1: the required property \"x\" is missing" },
	{ "{'propertyNames':{'maxLength':1}}", "{'ab':1}", "/ab",
	    "/ab: expected at most 1 characters, got 2" },
};

static void
test_errors(void)
{
	struct schema *s;
	struct err e;
	json_t *v;
	size_t i;

	for (i = 0; i < sizeof errors / sizeof *errors; i++) {
		err_clear(&e);
		s = compile(errors[i].schema, &e);
		v = val(errors[i].value);
		check(s != NULL && schema_check(s, v, &e) == -1,
		    errors[i].schema);
		check_str(e.field, errors[i].field, "the place");
		check_str(e.text, errors[i].text, "the text");
		json_decref(v);
		schema_free(s);
	}
}

/* depth levels of {"KEY": ...} around {}. */
static json_t *
nest(const char *key, int depth)
{
	json_t *v = json_object(), *o;

	while (depth-- > 0) {
		o = json_object();
		json_object_set_new(o, key, v);
		v = o;
	}
	return v;
}

static void
test_bounds(void)
{
	struct err e = { 0 };
	struct schema *s;
	json_t *v, *defs;
	char key[16];
	int i;

	v = nest("not", 63);
	s = schema_new(v, &e);
	check(s != NULL, "64 levels compile");
	schema_free(s);
	json_decref(v);
	v = nest("not", 64);
	s = schema_new(v, &e);
	check(s == NULL && strstr(e.text, "deeper") != NULL, "65 do not");
	json_decref(v);
	v = json_object();
	defs = json_object();
	json_object_set_new(v, "$defs", defs);
	for (i = 0; i < 10000; i++) {
		(void)snprintf(key, sizeof key, "d%d", i);
		json_object_set_new(defs, key, json_object());
	}
	s = schema_new(v, &e);
	check(s == NULL && strstr(e.text, "10000") != NULL,
	    "10,001 subschemas");
	json_decref(v);
	s = compile("{'properties':{'a':{'$ref':'#'}}}", &e);
	v = nest("a", 1000);
	check(s != NULL && schema_check(s, v, &e) == -1 &&
	    strstr(e.text, "too complex") != NULL, "a deep value");
	json_decref(v);
	schema_free(s);
	s = compile("{'anyOf':[{'$ref':'#'},{}]}", &e);
	check(s != NULL && schema_check(s, json_true(), &e) == -1 &&
	    strstr(e.text, "too complex") != NULL,
	    "a reference to itself, inside anyOf");
	schema_free(s);
	s = compile("{'type':'null'}", NULL);
	check(s != NULL && schema_check(s, json_true(), NULL) == -1,
	    "without a place for the error");
	schema_free(s);
}

static void
test_blow_up(void)
{
	struct err e = { 0 };
	struct schema *s;
	json_t *v;
	int i;

	s = compile("{'$ref':'#/$defs/0','$defs':{"
	    "'0':{'anyOf':[{'$ref':'#/$defs/1'},{'$ref':'#/$defs/1'}]},"
	    "'1':{'anyOf':[{'$ref':'#/$defs/2'},{'$ref':'#/$defs/2'}]},"
	    "'2':{'properties':{'a':{'$ref':'#/$defs/0'}},"
	    "'required':['a']}}}", &e);
	v = nest("a", 40);
	check(s != NULL && schema_check(s, v, &e) == -1 &&
	    strstr(e.text, "too complex") != NULL, "4^40 ways");
	json_decref(v);
	schema_free(s);
	s = compile("{'uniqueItems':true}", &e);
	v = json_array();
	for (i = 0; i < 100000; i++)
		json_array_append_new(v, json_integer(i));
	check_int(schema_check(s, v, &e), 0, "100,000 different items");
	json_array_append_new(v, json_real(500.0));
	check_int(schema_check(s, v, &e), -1, "and one twice");
	check_str(e.text, "the value: expected no item twice, but items 500 "
	    "and 100000 are equal", "which");
	json_decref(v);
	schema_free(s);
	s = compile("{'items':{'pattern':'0(0|1){500}$'}}", &e);
	v = json_array();
	for (i = 0; i < 200; i++)
		json_array_append_new(v, json_sprintf("%0*d", 1000, 0));
	check(s != NULL && schema_check(s, v, &e) == -1 &&
	    strstr(e.text, "too complex") != NULL, "patterns count, too");
	json_decref(v);
	schema_free(s);
}

int
main(void)
{
	tap_start(120);
	test_cases();
	test_patterns();
	test_pattern_time();
	test_refused();
	test_errors();
	test_bounds();
	test_blow_up();
	return tap_done();
}

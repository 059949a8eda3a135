/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules.c - patterns of words with captures, and templates.
 *
 * A pattern is words, {name} for one or more words and {name!} for exactly
 * one. Words compare without case; closing punctuation, quotes and opening
 * courtesies of the message do not count. Texts of more than RULE_WORDS_MAX
 * words and patterns with more than three captures match nothing, which bounds
 * the backtracking.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "scripted.h"

#define CAPTURES_MAX 3

struct words {
	struct sept_slice v[RULE_WORDS_MAX];
	size_t n;
};

static const char builtin[] =
    "[{\"match\":[\"help\"],\"say\":\"I am the scripted backend, not a "
    "language model: I follow fixed rules. Try: list files in PATH, read "
    "PATH, run COMMAND.\"},"
    "{\"match\":[\"list files in {path}\",\"ls {path}\"],\"say\":\"I will "
    "look into {path}.\",\"tool\":{\"name\":\"find\",\"input\":{\"path\":"
    "\"{path}\"}},\"then\":\"In {path}:\\n{output}\"},"
    "{\"match\":[\"read {path}\"],\"say\":\"I will read {path}.\",\"tool\":"
    "{\"name\":\"read_file\",\"input\":{\"path\":\"{path}\"}},\"then\":"
    "\"{path} holds:\\n{output}\"},"
    "{\"match\":[\"run {command}\"],\"say\":\"I will run it.\",\"tool\":"
    "{\"name\":\"bash\",\"input\":{\"command\":\"{command}\"}},\"then\":"
    "\"It printed:\\n{output}\"}]";

json_t *
rules_builtin(void)
{
	return json_loads(builtin, 0, NULL);
}

json_t *
rules_parse(const char *p, size_t n)
{
	json_t *root, *rules;

	root = json_loadb(p, n, 0, NULL);
	rules = json_incref(json_object_get(root, "rules"));
	json_decref(root);
	if (json_array_size(rules) > 0)
		return rules;
	json_decref(rules);
	return NULL;
}

/* -1: too many. */
static int
split(struct words *w, const char *s, size_t n)
{
	const char *end = s + n, *from;

	w->n = 0;
	for (;;) {
		while (s < end && isspace((unsigned char)*s))
			s++;
		if (s == end)
			return 0;
		from = s;
		while (s < end && !isspace((unsigned char)*s))
			s++;
		if (w->n == RULE_WORDS_MAX)
			return -1;
		w->v[w->n++] = sept_slice_of(from, (size_t)(s - from));
	}
}

static int
same(struct sept_slice a, const char *b, size_t n)
{
	while (a.n > n && strchr(",.?!:;", a.p[a.n - 1]) != NULL)
		a.n--;
	return a.n == n && strncasecmp(a.p, b, n) == 0;
}

/* Text from one word to another, without the quotes around it. */
static void
catch(json_t *caught, struct sept_slice name, const struct words *w,
    size_t from, size_t to)
{
	const char *p = w->v[from].p;
	const char *end = w->v[to - 1].p + w->v[to - 1].n;
	char key[32];

	if (caught == NULL || name.n >= sizeof key)
		return;
	memcpy(key, name.p, name.n);
	key[name.n] = '\0';
	if (end - p >= 2 && strchr("\"'`", *p) != NULL && end[-1] == *p) {
		p++;
		end--;
	}
	(void)json_object_set_new(caught, key,
	    json_stringn(p, (size_t)(end - p)));
}

static int
is_capture(struct sept_slice t)
{
	return t.n > 2 && t.p[0] == '{' && t.p[t.n - 1] == '}';
}

static int
match_from(const struct words *pat, size_t i, const struct words *w,
    size_t k, json_t *caught)
{
	struct sept_slice t = { "", 0 }, name;
	size_t to, last;

	for (; i < pat->n; i++, k++) {
		t = pat->v[i];
		if (is_capture(t))
			break;
		if (k >= w->n || !same(w->v[k], t.p, t.n))
			return 0;
	}
	if (i == pat->n)
		return k == w->n;
	name = sept_slice_of(t.p + 1, t.n - 2);
	last = w->n;
	if (name.n > 0 && name.p[name.n - 1] == '!') {
		name.n--;
		last = k + 1;
	}
	for (to = i + 1 == pat->n ? w->n : k + 1; to <= last && to > k &&
	    to <= w->n; to++) {
		if (match_from(pat, i + 1, w, to, caught)) {
			catch(caught, name, w, k, to);
			return 1;
		}
	}
	return 0;
}

static size_t
skip_courtesy(const struct words *w)
{
	static const char *const polite[] = { "please", "can", "could",
	    "would", "you", "kindly", "now" };
	size_t i, k;

	for (i = 0; i < w->n; i++) {
		for (k = 0; k < sizeof polite / sizeof polite[0]; k++)
			if (same(w->v[i], polite[k], strlen(polite[k])))
				break;
		if (k == sizeof polite / sizeof polite[0])
			break;
	}
	return i;
}

/*
 * The length of the text without blanks and punctuation at its end. A last
 * word of dots is a folder, as in "list files in .", and stays.
 */
static size_t
open_end(const char *text)
{
	static const char closing[] = ".?! \t\r\n";
	size_t n = strlen(text), word;

	while (n > 0 && isspace((unsigned char)text[n - 1]))
		n--;
	for (word = n; word > 0 && text[word - 1] == '.'; word--)
		;
	if (word > 0 && word < n && isspace((unsigned char)text[word - 1]))
		return n;
	while (n > 0 && strchr(closing, text[n - 1]) != NULL)
		n--;
	return n;
}

int
rules_match(const char *pattern, const char *text, json_t *caught)
{
	struct words pat, w;
	size_t n = open_end(text), at, captures = 0;

	if (split(&pat, pattern, strlen(pattern)) == -1 || pat.n == 0 ||
	    split(&w, text, n) == -1 || w.n == 0)
		return 0;
	for (at = 0; at < pat.n; at++)
		captures += is_capture(pat.v[at]) ? 1 : 0;
	if (captures > CAPTURES_MAX)
		return 0;
	if (match_from(&pat, 0, &w, 0, caught))
		return 1;
	at = skip_courtesy(&w);
	return at > 0 && at < w.n && match_from(&pat, 0, &w, at, caught);
}

int
rules_ready(const struct ask *a, const json_t *rule)
{
	const json_t *t = json_object_get(rule, "tool"), *v;
	const char *name;
	size_t i;

	if (json_is_array(t)) {
		json_array_foreach(t, i, v) {
			name = json_string_value(json_object_get(v, "name"));
			if (name == NULL || plan_tool(a, name) == NULL)
				return 0;
		}
		return 1;
	}
	name = json_string_value(json_object_get(t, "name"));
	return t == NULL || (name != NULL && plan_tool(a, name) != NULL);
}

const json_t *
rules_find(const struct ask *a, const char *text, json_t **caught)
{
	const json_t *rule, *pat, *found = NULL;
	json_t *got, *kept = NULL;
	size_t i, k;
	int hit;

	json_array_foreach(a->rules, i, rule) {
		got = json_object();
		hit = 0;
		json_array_foreach(json_object_get(rule, "match"), k, pat)
			if (!hit && json_is_string(pat))
				hit = rules_match(json_string_value(pat),
				    text, got);
		if (hit && rules_ready(a, rule)) {
			json_decref(kept);
			*caught = got;
			return rule;
		}
		if (hit && found == NULL) {
			found = rule;
			kept = got;
		} else {
			json_decref(got);
		}
	}
	*caught = kept;
	return found;
}

void
rules_expand(struct llm_buf *b, const char *tmpl, const json_t *caught)
{
	const char *open, *close;
	const json_t *v;
	char key[32];
	size_t n;

	while ((open = strchr(tmpl, '{')) != NULL) {
		llm_buf_add(b, tmpl, (size_t)(open - tmpl));
		close = strchr(open, '}');
		n = close != NULL ? (size_t)(close - open - 1) : sizeof key;
		v = NULL;
		if (n > 0 && n < sizeof key) {
			memcpy(key, open + 1, n);
			key[n] = '\0';
			v = json_object_get(caught, key);
		}
		if (json_is_string(v)) {
			llm_buf_add(b, json_string_value(v),
			    json_string_length(v));
			tmpl = close + 1;
		} else {
			llm_buf_add(b, "{", 1);
			tmpl = open + 1;
		}
	}
	llm_buf_str(b, tmpl);
}

static json_t *
expand_string(const json_t *v, const json_t *caught)
{
	struct llm_buf b;
	json_t *out;

	llm_buf_init(&b, PLAN_TEXT_MAX);
	rules_expand(&b, json_string_value(v), caught);
	out = b.failed ? NULL : json_stringn(b.p != NULL ? b.p : "", b.n);
	llm_buf_fini(&b);
	return out;
}

json_t *
rules_expand_json(const json_t *v, const json_t *caught, unsigned depth)
{
	json_t *out, *x;
	const char *key;
	size_t i;
	int bad = 0;

	if (json_is_string(v))
		return expand_string(v, caught);
	if (depth > 16 || (!json_is_object(v) && !json_is_array(v)))
		return json_deep_copy(v);
	if (json_is_array(v)) {
		out = json_array();
		json_array_foreach(v, i, x)
			bad |= json_array_append_new(out,
			    rules_expand_json(x, caught, depth + 1));
	} else {
		out = json_object();
		json_object_foreach((json_t *)(uintptr_t)v, key, x)
			bad |= json_object_set_new(out, key,
			    rules_expand_json(x, caught, depth + 1));
	}
	if (bad) {
		json_decref(out);
		return NULL;
	}
	return out;
}

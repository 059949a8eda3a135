/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan.c - what to answer to a request: directives first, then rules, then
 * an honest word about what this backend is.
 *
 * The answer depends on nothing but the request, the rules and the number of
 * the attempt.
 */
#include <stdlib.h>
#include <string.h>

#include "scripted.h"

#define QUOTE_MAX 4000 /* bytes of one tool output in an answer */
#define RESULT_TOOL "submit_result"

void
plan_add(struct plan *p, enum step_kind kind, const char *text,
    const char *input)
{
	struct step *s;

	if (p->n == PLAN_STEPS_MAX)
		p->failed = 1;
	if (p->failed)
		return;
	s = &p->v[p->n];
	memset(s, 0, sizeof *s);
	s->kind = kind;
	s->n = kind == STEP_FAIL ? -1 : 0;
	s->text = strdup(text);
	s->input = input != NULL ? strdup(input) : NULL;
	p->n++;
	if (s->text == NULL || (input != NULL && s->input == NULL))
		p->failed = 1;
}

struct step *
plan_last(struct plan *p)
{
	return p->failed || p->n == 0 ? NULL : &p->v[p->n - 1];
}

void
plan_cut(struct plan *p, size_t n)
{
	while (p->n > n) {
		p->n--;
		free(p->v[p->n].text);
		free(p->v[p->n].input);
	}
}

const json_t *
plan_tool(const struct ask *a, const char *name)
{
	const json_t *t;
	const char *s;
	size_t i;

	json_array_foreach(a->tools, i, t) {
		s = json_string_value(json_object_get(t, "name"));
		if (s != NULL && strcmp(s, name) == 0)
			return t;
	}
	return NULL;
}

static int
is(const json_t *v, const char *key, const char *want)
{
	const char *s = json_string_value(json_object_get(v, key));

	return s != NULL && strcmp(s, want) == 0;
}

/* Where the turn stands: the human's last text and what came after it. */
struct turn {
	struct llm_buf text;
	size_t round;         /* replies with tool calls since then */
	const json_t *results; /* content of the last message, if results */
	size_t media;
};

static int
has_block(const json_t *msg, const char *type)
{
	const json_t *b;
	size_t i;

	json_array_foreach(json_object_get(msg, "content"), i, b)
		if (is(b, "type", type))
			return 1;
	return 0;
}

static void
turn_text(struct turn *t, const json_t *msg)
{
	const json_t *b, *s;
	size_t i;

	json_array_foreach(json_object_get(msg, "content"), i, b) {
		s = json_object_get(b, "text");
		if (is(b, "type", "text") && json_is_string(s)) {
			if (t->text.n > 0)
				llm_buf_str(&t->text, "\n");
			llm_buf_str(&t->text, json_string_value(s));
		} else if (is(b, "type", "image") ||
		    is(b, "type", "document") || is(b, "type", "audio")) {
			t->media++;
		}
	}
}

static void
turn_find(struct turn *t, const json_t *messages)
{
	size_t i, n = json_array_size(messages);
	const json_t *m = json_array_get(messages, n > 0 ? n - 1 : 0);

	memset(t, 0, sizeof *t);
	llm_buf_init(&t->text, PLAN_TEXT_MAX);
	if (has_block(m, "tool_result"))
		t->results = json_object_get(m, "content");
	for (i = n; i > 0; i--) {
		m = json_array_get(messages, i - 1);
		if (is(m, "role", "assistant")) {
			t->round += has_block(m, "tool_use") ? 1 : 0;
		} else if (!has_block(m, "tool_result")) {
			turn_text(t, m);
			break;
		}
	}
}

static void
quote_output(struct llm_buf *b, const json_t *r)
{
	const json_t *out = json_object_get(r, "output");
	const char *s = json_is_string(out) ? json_string_value(out) : "";
	size_t n = strlen(s), k = n;

	if (k > QUOTE_MAX)
		k = QUOTE_MAX;
	while (k < n && k > 0 && ((unsigned char)s[k] & 0xc0) == 0x80)
		k--;
	llm_buf_add(b, s, k);
	if (k < n)
		llm_buf_fmt(b, "\n(%zu more bytes)", n - k);
	if (n == 0)
		llm_buf_str(b, "(no output)");
}

/* All results; bad: how many of them are errors. */
static size_t
results_text(struct llm_buf *b, const json_t *blocks, size_t *bad)
{
	const json_t *r;
	const char *error, *name;
	size_t i, n = 0, total = 0;

	json_array_foreach(blocks, i, r)
		total += is(r, "type", "tool_result");
	*bad = 0;
	json_array_foreach(blocks, i, r) {
		if (!is(r, "type", "tool_result"))
			continue;
		name = json_string_value(json_object_get(r, "name"));
		error = json_string_value(json_object_get(r, "error"));
		if (n++ > 0)
			llm_buf_str(b, "\n");
		if (total > 1) {
			llm_buf_str(b, "- ");
			llm_buf_str(b, name != NULL ? name : "a tool");
			llm_buf_str(b, ": ");
		}
		if (error != NULL) {
			llm_buf_str(b, "failed (");
			llm_buf_str(b, error);
			llm_buf_str(b, "): ");
			++*bad;
		}
		quote_output(b, r);
	}
	return n;
}

static void
plan_say(struct plan *p, struct llm_buf *b)
{
	if (b->failed)
		p->failed = 1;
	else
		plan_add(p, STEP_SAY, llm_buf_cstr(b), NULL);
}

/* The answer after the tools have run. */
static void
plan_results(struct plan *p, const struct ask *a, const struct turn *t,
    const char *text)
{
	struct llm_buf out, b;
	const json_t *rule;
	json_t *caught = NULL;
	const char *then;
	size_t n, bad;

	llm_buf_init(&out, PLAN_TEXT_MAX);
	llm_buf_init(&b, PLAN_TEXT_MAX);
	n = results_text(&out, t->results, &bad);
	rule = rules_find(a, text, &caught);
	then = json_string_value(json_object_get(rule, "then"));
	if (bad == n) {
		llm_buf_str(&b, "That did not work: ");
		llm_buf_str(&b, llm_buf_cstr(&out));
	} else if (then != NULL && json_is_object(caught)) {
		(void)json_object_set_new(caught, "output",
		    json_string(llm_buf_cstr(&out)));
		rules_expand(&b, then, caught);
	} else {
		llm_buf_str(&b, n > 1 ? "The tools answered:\n" :
		    "The tool answered:\n");
		llm_buf_str(&b, llm_buf_cstr(&out));
	}
	plan_say(p, &b);
	json_decref(caught);
	llm_buf_fini(&out);
	llm_buf_fini(&b);
}

static void
rule_tool(struct plan *p, const struct ask *a, const json_t *tool,
    const json_t *caught)
{
	const char *name = json_string_value(json_object_get(tool, "name"));
	json_t *input;
	struct llm_buf b;

	if (name == NULL)
		return;
	llm_buf_init(&b, PLAN_TEXT_MAX);
	if (plan_tool(a, name) == NULL) {
		llm_buf_str(&b, "For this I would need the tool ");
		llm_buf_str(&b, name);
		llm_buf_str(&b, ", which I have not been given.");
		plan_say(p, &b);
		llm_buf_fini(&b);
		return;
	}
	input = rules_expand_json(json_object_get(tool, "input"), caught, 0);
	if (input == NULL)
		llm_buf_str(&b, "{}");
	else
		llm_buf_json(&b, input);
	if (b.failed)
		p->failed = 1;
	else
		plan_add(p, STEP_TOOL, name, llm_buf_cstr(&b));
	json_decref(input);
	llm_buf_fini(&b);
}

static void
plan_rule(struct plan *p, const struct ask *a, const json_t *rule,
    const json_t *caught)
{
	const json_t *tool = json_object_get(rule, "tool"), *t;
	const char *say = json_string_value(json_object_get(rule, "say"));
	struct llm_buf b;
	size_t i;

	if (say != NULL && rules_ready(a, rule)) {
		llm_buf_init(&b, PLAN_TEXT_MAX);
		rules_expand(&b, say, caught);
		if (tool != NULL)
			llm_buf_str(&b, " ");
		plan_say(p, &b);
		llm_buf_fini(&b);
	}
	if (json_is_object(tool))
		rule_tool(p, a, tool, caught);
	json_array_foreach(tool, i, t)
		rule_tool(p, a, t, caught);
}

static void
plan_unknown(struct plan *p, const struct turn *t, const char *text)
{
	struct llm_buf b;
	size_t n = strlen(text), k = n > 200 ? 200 : n;

	while (k < n && k > 0 && ((unsigned char)text[k] & 0xc0) == 0x80)
		k--;
	llm_buf_init(&b, PLAN_TEXT_MAX);
	llm_buf_str(&b, "I am the scripted backend, not a language model: I "
	    "follow fixed rules and have none for this. Say \"help\" to see "
	    "them, or set LLM_PROVIDER to use a model.");
	if (n > 0) {
		llm_buf_str(&b, " You wrote: ");
		llm_buf_add(&b, text, k);
		llm_buf_str(&b, k < n ? "..." : "");
	}
	if (t->media > 0)
		llm_buf_fmt(&b, " Attached: %zu.", t->media);
	plan_say(p, &b);
	llm_buf_fini(&b);
}

/* A value for the schema, as the input of a tool or, without one, as text. */
static void
plan_instance(struct plan *p, const json_t *schema, const char *tool)
{
	json_t *v = instance_of(schema);
	struct llm_buf b;

	llm_buf_init(&b, PLAN_TEXT_MAX);
	if (json_is_null(v) || v == NULL)
		llm_buf_str(&b, "{}");
	else
		llm_buf_json(&b, v);
	if (b.failed)
		p->failed = 1;
	else if (tool != NULL)
		plan_add(p, STEP_TOOL, tool, llm_buf_cstr(&b));
	else
		plan_add(p, STEP_SAY, llm_buf_cstr(&b), NULL);
	json_decref(v);
	llm_buf_fini(&b);
}

static int
plan_ends(const struct plan *p)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		if (p->v[i].kind == STEP_TOOL || p->v[i].kind == STEP_FAIL)
			return 0;
	return 1;
}

void
plan_make(struct plan *p, const struct ask *a)
{
	const json_t *choice = json_object_get(a->params, "tool_choice");
	const json_t *schema = json_object_get(a->params, "response_schema");
	const char *force = json_string_value(json_object_get(choice,
	    "name"));
	const json_t *tool, *rule;
	json_t *caught = NULL;
	struct turn t;
	const char *text;

	turn_find(&t, a->messages);
	text = llm_buf_cstr(&t.text);
	tool = force != NULL ? plan_tool(a, force) :
	    plan_tool(a, RESULT_TOOL);
	if (json_is_true(json_object_get(a->params, "thinking")))
		plan_add(p, STEP_THINK, "I follow fixed rules; I look for "
		    "the one that fits this message.", NULL);
	if (directive_plan(p, a, text, t.round)) {
		/* said exactly */
	} else if (force != NULL) {
		plan_instance(p, json_object_get(tool, "input_schema"),
		    force);
	} else if (json_is_object(schema) && tool == NULL) {
		plan_instance(p, schema, NULL);
	} else if (t.results != NULL) {
		plan_results(p, a, &t, text);
	} else if ((rule = rules_find(a, text, &caught)) != NULL) {
		plan_rule(p, a, rule, caught);
	} else {
		plan_unknown(p, &t, text);
	}
	/* A turn that wants a result must not end without one. */
	if (force == NULL && tool != NULL && plan_ends(p))
		plan_instance(p, json_object_get(tool, "input_schema"),
		    RESULT_TOOL);
	json_decref(caught);
	llm_buf_fini(&t.text);
}

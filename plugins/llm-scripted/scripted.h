/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scripted.h - the parts of the scripted backend: rules.c matches messages
 * against patterns, directive.c reads the directives for tests, plan.c turns
 * a request into a plan, instance.c makes a value for a JSON Schema,
 * scripted.c is the plugin and plays the plan.
 */
#ifndef LLM_SCRIPTED_H
#define LLM_SCRIPTED_H

#include <jansson.h>
#include <september/september.h>

#include "../llm-common/buf.h"
#include "../llm-common/fail.h"
#include "../llm-common/out.h"

#define PLAN_TEXT_MAX ((size_t)4 << 20) /* bytes of one text of a plan */
#define PLAN_STEPS_MAX 256

enum step_kind { STEP_SAY, STEP_THINK, STEP_STREAM, STEP_TOOL, STEP_FAIL };

struct step {
	enum step_kind kind;
	char *text;  /* what is said or thought, tool name, error code */
	char *input; /* of a tool, as it will be sent */
	long n, ms;  /* tokens and pause of a stream; n: retry_after or -1 */
	int again;   /* the failure is retryable */
};

/* What a reply will be; `failed` is out of memory or too many steps. */
struct plan {
	struct step v[PLAN_STEPS_MAX];
	size_t n;
	char stop[32]; /* stop reason, "": the natural one */
	int failed;
};

/* A request as the planner sees it. */
struct ask {
	const json_t *rules;     /* array, see rules.json */
	const json_t *messages, *params;
	const json_t *tools;     /* array */
	const char *model;
	uint32_t attempt;        /* from 1 */
};

void plan_add(struct plan *p, enum step_kind kind, const char *text,
    const char *input);
/* The last step, to set its numbers; NULL when the plan failed. */
struct step *plan_last(struct plan *p);
void plan_make(struct plan *p, const struct ask *a);
/* Drops the steps from the n-th on. */
void plan_cut(struct plan *p, size_t n);
/* A tool of the request by name, or NULL. */
const json_t *plan_tool(const struct ask *a, const char *name);

/*
 * The directives in text for one round of a turn (0: first). 1: the plan was
 * made, 0: the text holds none, or none for this round.
 */
int directive_plan(struct plan *p, const struct ask *a, const char *text,
    size_t round);

/* What a pattern caught; strings are owned by the json object. */
#define RULE_WORDS_MAX 400
/*
 * The first rule that matches text and whose tools are there, else the first
 * that matches, else NULL. *caught: new object of the captures.
 */
const json_t *rules_find(const struct ask *a, const char *text,
    json_t **caught);
/* 1 when every tool of the rule is in the request. */
int rules_ready(const struct ask *a, const json_t *rule);
/* 1: text matches the pattern; captures go into caught (may be NULL). */
int rules_match(const char *pattern, const char *text, json_t *caught);
/* Appends a template, {name} replaced by its value in caught. */
void rules_expand(struct llm_buf *b, const char *tmpl, const json_t *caught);
/* A copy of v with every string expanded; NULL: out of memory. */
json_t *rules_expand_json(const json_t *v, const json_t *caught,
    unsigned depth);
/* The rules of the file's text, NULL when it holds none; and ours. */
json_t *rules_parse(const char *p, size_t n);
json_t *rules_builtin(void);

/* A small value that fits the schema, as far as one can be made by rule. */
json_t *instance_of(const json_t *schema);

#endif

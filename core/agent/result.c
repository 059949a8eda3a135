/* SPDX-License-Identifier: Apache-2.0 */
/*
 * result.c - structured results. A schema that is not of type object is
 * wrapped into {"result": ...} for the tool, as tool inputs are objects.
 */
#include "result.h"

#include <stdlib.h>
#include <string.h>

#include "../base/json.h"

static const char description[] =
    "Hand over the final result. Call it exactly once, when the work is "
    "done, instead of a text answer.";

static int
is_native(const struct turn *t)
{
	return t->schema != NULL &&
	    (plug_llm_info(t->llm)->media & SEPT_LLM_SCHEMA) != 0;
}

static int
is_wrapped(const struct turn *t)
{
	const char *type = json_string_value(json_object_get(t->schema,
	    "type"));

	return type == NULL || strcmp(type, "object") != 0;
}

int
result_prepare(struct turn *t, struct err *e)
{
	struct err why;
	json_t *doc;

	if (t->schema == NULL)
		return 0;
	err_clear(&why);
	t->schema_c = schema_new(t->schema, &why);
	if (t->schema_c == NULL)
		return err_field(e, "response_schema",
		    "response_schema: %s", why.text);
	if (is_native(t))
		return 0;
	doc = is_wrapped(t) ? json_pack("{s:s,s:{s:O},s:[s],s:b}", "type",
	    "object", "properties", "result", t->schema, "required",
	    "result", "additionalProperties", 0) : json_incref(t->schema);
	if (doc == NULL)
		return err_nomem(e);
	t->submit.name = RESULT_TOOL;
	t->submit.description = description;
	t->submit.input_schema = doc;
	t->submit.schema = schema_new(doc, &why);
	t->submit.action = ACTION_SUBMIT_RESULT;
	t->submit.flags = SEPT_TOOL_READONLY | SEPT_TOOL_IDEMPOTENT;
	t->submit.source = "platform";
	if (t->submit.schema == NULL)
		return err_field(e, "response_schema",
		    "response_schema: %s", why.text);
	return 0;
}

void
result_params(struct turn *t, struct buf *b)
{
	if (t->schema == NULL || t->result != NULL)
		return;
	if (is_native(t)) {
		buf_adds(b, ",\"response_schema\":");
		json_add(b, t->schema);
	} else if (t->force_result || t->tools->n == 0) {
		buf_adds(b, ",\"tool_choice\":{\"name\":\"" RESULT_TOOL
		    "\"}");
	}
}

struct sept_slice
result_tools(struct turn *t)
{
	const struct toolset *s = t->tools;
	struct buf b;

	if (t->submit.name == NULL)
		return sept_slice_of(s->tools_json, s->tools_n);
	if (t->tools_json == NULL) {
		/* At the end: what comes before stays a cacheable prefix. */
		buf_init(&b, 32u << 20);
		buf_add(&b, s->tools_json, s->tools_n - 1);
		buf_adds(&b, s->n > 0 ? ",{\"name\":\"" : "{\"name\":\"");
		buf_adds(&b, RESULT_TOOL "\",\"description\":");
		buf_add_json_str(&b, description, strlen(description));
		buf_adds(&b, ",\"input_schema\":");
		json_add(&b, t->submit.input_schema);
		buf_adds(&b, "}]");
		t->tools_json = buf_take(&b, NULL);
	}
	return sept_str(t->tools_json);
}

const struct toolset_entry *
result_entry(struct turn *t, const char *name)
{
	if (t->submit.name == NULL || strcmp(name, RESULT_TOOL) != 0)
		return NULL;
	return &t->submit;
}

/* Tells the model what is missing; the words go into the thread. */
static enum result_verdict
nudge(struct turn *t, const char *what, struct err *e)
{
	struct buf b;
	int bad;

	if (++t->schema_tries >= SCHEMA_TRIES) {
		err_set(e, ERR_VALIDATION,
		    "no result that fits response_schema: %.300s", what);
		return RESULT_FAILED;
	}
	buf_init(&b, 1u << 20);
	buf_adds(&b, "[{\"type\":\"text\",\"text\":");
	buf_add_json_str(&b, what, strlen(what));
	buf_adds(&b, "}]");
	bad = buf_failed(&b);
	if (!bad && t->save.content != NULL)
		bad = turn_add_message(t, "assistant", t->save.content) != 0;
	if (!bad)
		bad = turn_add_message(t, "user", b.p) != 0;
	buf_fini(&b);
	if (bad) {
		err_nomem(e);
		return RESULT_FAILED;
	}
	return RESULT_AGAIN;
}

/* The JSON in an answer: models like to put it into a code fence. */
static json_t *
parse_answer(const char *text, struct err *e)
{
	static const char space[] = " \t\r\n";
	const char *end = text + strlen(text);

	text += strspn(text, space);
	while (end > text && strchr(space, end[-1]) != NULL)
		end--;
	if (end - text > 6 && memcmp(text, "```", 3) == 0 &&
	    memcmp(end - 3, "```", 3) == 0) {
		text += 3;
		if (strncmp(text, "json", 4) == 0)
			text += 4;
		end -= 3;
	}
	return json_parse(text, end > text ? (size_t)(end - text) : 0, 0, e);
}

enum result_verdict
result_from_text(struct turn *t, struct err *e)
{
	char *text = NULL;
	json_t *v = NULL;
	struct err why;
	enum result_verdict verdict = RESULT_READY;
	struct buf what;

	if (!is_native(t)) {
		t->force_result = 1;
		return nudge(t, "Now call " RESULT_TOOL
		    " with the final result.", e);
	}
	err_clear(&why);
	text = reply_text(&t->reply);
	if (text != NULL)
		v = parse_answer(text, &why);
	if (v != NULL && schema_check(t->schema_c, v, &why) == 0) {
		t->result = v;
	} else {
		json_decref(v);
		buf_init(&what, 4096);
		buf_addf(&what, "The result does not fit the schema: %s. "
		    "Answer again with JSON that fits.", why.text);
		verdict = nudge(t, what.p != NULL ? what.p : "", e);
		buf_fini(&what);
	}
	free(text);
	return verdict;
}

int
result_from_tool(struct turn *t, json_t *input)
{
	json_t *v = is_wrapped(t) ? json_object_get(input, "result") : input;

	json_decref(t->result);
	t->result = json_incref(v);
	/* The message that holds the call is the answer. */
	if (t->save.role != NULL && strcmp(t->save.role, "assistant") == 0)
		memcpy(t->answer_id, t->save.message_id, ID_MAX);
	return t->result == NULL ? -1 : 0;
}

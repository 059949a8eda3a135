/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.c - one of our requests as a Messages body.
 *
 * Three cache breakpoints: the last tool, the last block of the system
 * prompt, the last block of the last user message. What the interface would
 * refuse is left out: blank text, thinking without its signature.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "anthropic.h"

#define THINK_TOKENS 16000
#define CACHE ",\"cache_control\":{\"type\":\"ephemeral\"}}"

void
anthropic_tool(struct llm_buf *b, const char *name, const json_t *tool,
    int last)
{
	const json_t *schema = json_object_get(tool, "input_schema");

	llm_buf_str(b, "{\"name\":");
	llm_buf_quote(b, name, strlen(name));
	if (*llm_string(tool, "description") != '\0') {
		llm_buf_str(b, ",\"description\":");
		llm_buf_json(b, json_object_get(tool, "description"));
	}
	llm_buf_str(b, ",\"input_schema\":");
	if (json_is_object(schema))
		llm_buf_json(b, schema);
	else
		llm_buf_str(b, "{\"type\":\"object\"}");
	llm_buf_str(b, last ? CACHE : "}");
}

static int
blank(const json_t *text)
{
	const char *s = json_string_value(text);
	size_t i, n = json_string_length(text);

	for (i = 0; i < n; i++)
		if (!isspace((unsigned char)s[i]))
			return 0;
	return 1;
}

/* Ids of other providers may hold what this one refuses. */
static void
put_id(struct llm_buf *b, const char *id)
{
	char c;

	llm_buf_str(b, "\"");
	for (; *id != '\0'; id++) {
		c = isalnum((unsigned char)*id) || *id == '-' ? *id : '_';
		llm_buf_add(b, &c, 1);
	}
	llm_buf_str(b, "\"");
}

static int
media_block(struct llm_run *run, struct llm_buf *b, const json_t *block)
{
	struct llm_media m;
	struct llm_buf text;

	if (llm_media(run, block, &m) == -1)
		return -1;
	if (strcmp(m.type, "image") != 0 && strcmp(m.type, "document") != 0) {
		llm_run_fail(run, LLM_PROVIDER_ERROR, 0,
		    "this backend takes images and documents only");
		return -1;
	}
	llm_buf_fmt(b, "{\"type\":\"%s\",\"source\":{", m.type);
	if (*m.url != '\0') {
		llm_buf_str(b, "\"type\":\"url\",\"url\":");
		llm_buf_quote(b, m.url, strlen(m.url));
	} else if (strncmp(m.mime, "text/", 5) == 0) {
		llm_buf_init(&text, LLM_BODY_MAX);
		if (llm_text_document(run, &m, &text) == -1)
			return -1;
		llm_buf_str(b, "\"type\":\"text\",\"media_type\":"
		    "\"text/plain\",\"data\":");
		llm_buf_quote(b, text.p, text.n);
		llm_buf_fini(&text);
	} else {
		llm_buf_str(b, "\"type\":\"base64\",\"media_type\":");
		llm_buf_quote(b, m.mime, strlen(m.mime));
		llm_buf_str(b, ",\"data\":");
		llm_buf_quote(b, m.data, m.data_n);
	}
	llm_buf_str(b, "}}");
	return 0;
}

static void
thinking_block(struct llm_buf *b, const json_t *block)
{
	const json_t *meta = json_object_get(block, "meta");
	const json_t *v = json_object_get(meta, "redacted");

	if (v != NULL) {
		llm_buf_str(b, "{\"type\":\"redacted_thinking\",\"data\":");
		llm_buf_json(b, v);
	} else {
		llm_buf_str(b, "{\"type\":\"thinking\",\"thinking\":");
		v = json_object_get(block, "text");
		if (json_is_string(v))
			llm_buf_json(b, v);
		else
			llm_buf_str(b, "\"\"");
		llm_buf_str(b, ",\"signature\":");
		llm_buf_json(b, json_object_get(meta, "signature"));
	}
	llm_buf_str(b, "}");
}

static void
tool_blocks(struct llm_run *run, struct llm_buf *b, const json_t *v)
{
	const json_t *out = json_object_get(v, "output");
	const json_t *input = json_object_get(v, "input");
	char name[LLM_NAME_MAX + 1];

	if (strcmp(llm_string(v, "type"), "tool_use") == 0) {
		llm_tools_theirs(run->tools, llm_string(v, "name"), name);
		llm_buf_str(b, "{\"type\":\"tool_use\",\"id\":");
		put_id(b, llm_string(v, "id"));
		llm_buf_str(b, ",\"name\":");
		llm_buf_quote(b, name, strlen(name));
		llm_buf_str(b, ",\"input\":");
		if (json_is_object(input))
			llm_buf_json(b, input);
		else
			llm_buf_str(b, "{}");
		llm_buf_str(b, "}");
		return;
	}
	llm_buf_str(b, "{\"type\":\"tool_result\",\"tool_use_id\":");
	put_id(b, llm_string(v, "tool_use_id"));
	if (json_string_length(out) > 0) {
		llm_buf_str(b, ",\"content\":");
		llm_buf_json(b, out);
	}
	if (*llm_string(v, "error") != '\0') {
		if (json_string_length(out) == 0) {
			llm_buf_str(b, ",\"content\":");
			llm_buf_json(b, json_object_get(v, "error"));
		}
		llm_buf_str(b, ",\"is_error\":true");
	}
	llm_buf_str(b, "}");
}

/* 1 when the block can be sent. */
static int
sendable(const json_t *v)
{
	const json_t *meta = json_object_get(v, "meta");
	const char *type = llm_string(v, "type");

	if (strcmp(type, "text") == 0)
		return !blank(json_object_get(v, "text"));
	if (strcmp(type, "thinking") == 0)
		return json_is_string(json_object_get(meta, "redacted")) ||
		    json_string_length(json_object_get(meta,
		    "signature")) > 0;
	return 1;
}

static int
one_block(struct llm_run *run, struct llm_buf *b, const json_t *v)
{
	const char *type = llm_string(v, "type");

	if (strcmp(type, "text") == 0) {
		llm_buf_str(b, "{\"type\":\"text\",\"text\":");
		llm_buf_json(b, json_object_get(v, "text"));
		llm_buf_str(b, "}");
	} else if (strcmp(type, "thinking") == 0) {
		thinking_block(b, v);
	} else if (strncmp(type, "tool_", 5) == 0) {
		tool_blocks(run, b, v);
	} else {
		return media_block(run, b, v);
	}
	return 0;
}

/* Tool results must stand before everything else in their message. */
static int
message_blocks(struct llm_run *run, struct llm_buf *b, const json_t *blocks,
    int mark)
{
	const json_t *v;
	size_t i;
	int pass, first = 1;

	for (pass = 0; pass < 2; pass++) {
		json_array_foreach(blocks, i, v) {
			if ((strcmp(llm_string(v, "type"), "tool_result") ==
			    0) != (pass == 0) || !sendable(v))
				continue;
			if (!first)
				llm_buf_str(b, ",");
			first = 0;
			if (one_block(run, b, v) == -1)
				return -1;
		}
	}
	if (mark && !b->failed) {
		b->n--; /* the brace of the last block */
		llm_buf_str(b, CACHE);
	}
	return 0;
}

static int
messages(struct llm_run *run, struct llm_buf *b, const json_t *list)
{
	const json_t *m, *v, *blocks;
	size_t i, k, some, n = json_array_size(list);
	int user, first = 1;

	llm_buf_str(b, ",\"messages\":[");
	json_array_foreach(list, i, m) {
		blocks = json_object_get(m, "content");
		some = 0;
		json_array_foreach(blocks, k, v)
			some += sendable(v) ? 1 : 0;
		if (some == 0)
			continue;
		user = strcmp(llm_string(m, "role"), "assistant") != 0;
		llm_buf_fmt(b, "%s{\"role\":\"%s\",\"content\":[",
		    first ? "" : ",", user ? "user" : "assistant");
		first = 0;
		if (message_blocks(run, b, blocks, user && i + 1 == n) == -1)
			return -1;
		llm_buf_str(b, "]}");
	}
	llm_buf_str(b, "]");
	return 0;
}

static void
system_prompt(struct llm_buf *b, const json_t *list)
{
	const json_t *v;
	size_t i;
	int first = 1;

	json_array_foreach(list, i, v) {
		if (blank(json_object_get(v, "text")))
			continue;
		llm_buf_str(b, first ? ",\"system\":[" : ",");
		first = 0;
		llm_buf_str(b, "{\"type\":\"text\",\"text\":");
		llm_buf_json(b, json_object_get(v, "text"));
		llm_buf_str(b, "}");
	}
	if (!first && !b->failed) {
		b->n--;
		llm_buf_str(b, CACHE "]");
	}
}

/*
 * Thinking cannot go with a forced tool, nor into a round of tools whose
 * first reply was made without it.
 */
static int
may_think(const struct llm_req *req)
{
	size_t n = json_array_size(req->messages), i;
	const json_t *m, *v;

	if (!req->thinking || req->force != NULL)
		return 0;
	if (llm_model_is(req->model, "claude-3") &&
	    !llm_model_is(req->model, "claude-3-7"))
		return 0;
	if (n < 2)
		return 1;
	m = json_array_get(req->messages, n - 1);
	v = json_array_get(json_object_get(m, "content"), 0);
	if (strcmp(llm_string(v, "type"), "tool_result") != 0)
		return 1;
	m = json_array_get(req->messages, n - 2);
	json_array_foreach(json_object_get(m, "content"), i, v) {
		if (strcmp(llm_string(v, "type"), "thinking") == 0 &&
		    sendable(v))
			return 1;
		if (strcmp(llm_string(v, "type"), "tool_use") == 0)
			return 0;
	}
	return 1;
}

/* claude-FAMILY-MAJOR-MINOR at 4.6 or later chooses its budget itself. */
static int
is_adaptive(const char *model)
{
	const char *p = strstr(model, "claude-");
	char *end;
	long major, minor = 0;

	if (p == NULL)
		return 0;
	p += strcspn(p, "0123456789");
	if (*p == '\0')
		return 0;
	major = strtol(p, &end, 10);
	if (*end == '-' || *end == '.')
		minor = strtol(end + 1, NULL, 10);
	if (minor > 1000) /* a date */
		minor = 0;
	return major < 1000 && (major > 4 || (major == 4 && minor >= 6));
}

/* Appends max_tokens and, where asked for and possible, thinking. */
static void
limits(struct llm_buf *b, const struct llm_req *req)
{
	long max = req->max_tokens, budget = THINK_TOKENS;

	if (!may_think(req)) {
		llm_buf_fmt(b, ",\"max_tokens\":%ld", max);
		if (req->temperature != NULL) {
			llm_buf_str(b, ",\"temperature\":");
			llm_buf_json(b, req->temperature);
		}
		return;
	}
	/* The budget counts in max_tokens; keep room for the answer. */
	if (max <= THINK_TOKENS)
		max += THINK_TOKENS;
	else
		budget = max / 2;
	llm_buf_fmt(b, ",\"max_tokens\":%ld", max);
	if (is_adaptive(req->model))
		llm_buf_str(b, ",\"thinking\":{\"type\":\"adaptive\"},"
		    "\"output_config\":{\"effort\":\"high\"}");
	else
		llm_buf_fmt(b, ",\"thinking\":{\"type\":\"enabled\","
		    "\"budget_tokens\":%ld}", budget);
}

int
anthropic_build(struct llm_run *run, const struct llm_req *req,
    struct llm_buf *url, struct llm_buf *b)
{
	char name[LLM_NAME_MAX + 1];

	llm_buf_str(url, "/v1/messages");
	llm_buf_str(b, "{\"model\":");
	llm_buf_quote(b, req->model, strlen(req->model));
	limits(b, req);
	llm_buf_str(b, ",\"stream\":true");
	if (req->tools->n > 0) {
		llm_buf_str(b, ",\"tools\":");
		llm_buf_add(b, req->tools->text.p, req->tools->text.n);
		if (req->no_tools) {
			llm_buf_str(b, ",\"tool_choice\":{\"type\":"
			    "\"none\"}");
		} else if (req->force != NULL) {
			llm_tools_theirs(req->tools, req->force, name);
			llm_buf_str(b, ",\"tool_choice\":{\"type\":\"tool\","
			    "\"name\":");
			llm_buf_quote(b, name, strlen(name));
			llm_buf_str(b, "}");
		}
	}
	system_prompt(b, req->system);
	if (req->stop != NULL) {
		llm_buf_str(b, ",\"stop_sequences\":");
		llm_buf_json(b, req->stop);
	}
	if (messages(run, b, req->messages) == -1)
		return -1;
	llm_buf_str(b, "}");
	return 0;
}

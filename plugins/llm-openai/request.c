/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.c - one of our requests as a Chat Completions body.
 *
 * Tool results become messages of their own before the rest of their
 * message; thinking of earlier replies is not sent, the interface has no
 * place for it. Text-only content is sent as a string, which every server
 * takes.
 */
#include <stdlib.h>
#include <string.h>

#include "openai.h"

void
openai_tool(struct llm_buf *b, const char *name, const json_t *tool, int last)
{
	const json_t *schema = json_object_get(tool, "input_schema");
	const char *desc = llm_string(tool, "description");

	(void)last;
	llm_buf_str(b, "{\"type\":\"function\",\"function\":{\"name\":");
	llm_buf_quote(b, name, strlen(name));
	if (*desc != '\0') {
		llm_buf_str(b, ",\"description\":");
		llm_buf_json(b, json_object_get(tool, "description"));
	}
	llm_buf_str(b, ",\"parameters\":");
	if (json_is_object(schema))
		llm_buf_json(b, schema);
	else
		llm_buf_str(b, "{\"type\":\"object\",\"properties\":{}}");
	llm_buf_str(b, "}}");
}

/* Keywords that strict structured output knows. */
static int
strict_key(const char *k)
{
	static const char *const ok[] = { "type", "properties", "required",
	    "additionalProperties", "description", "title", "enum", "const",
	    "items", "anyOf", "minimum", "maximum", "minItems", "maxItems",
	    "pattern", "format", "$schema", NULL };
	size_t i;

	for (i = 0; ok[i] != NULL; i++)
		if (strcmp(k, ok[i]) == 0)
			return 1;
	return 0;
}

static int
strict_object(json_t *s, unsigned depth)
{
	json_t *props = json_object_get(s, "properties"), *v;
	json_t *req = json_object_get(s, "required");
	const char *k;

	if (!json_is_false(json_object_get(s, "additionalProperties")) ||
	    !json_is_object(props) ||
	    json_array_size(req) != json_object_size(props))
		return 0;
	json_object_foreach(props, k, v) {
		size_t i, n = json_array_size(req);

		for (i = 0; i < n; i++)
			if (json_is_string(json_array_get(req, i)) &&
			    strcmp(json_string_value(json_array_get(req, i)),
			    k) == 0)
				break;
		if (i == n || !openai_strict(v, depth + 1))
			return 0;
	}
	return 1;
}

int
openai_strict(const json_t *schema, unsigned depth)
{
	json_t *s = (json_t *)(uintptr_t)schema, *v, *sub;
	const char *k;
	size_t i;

	if (!json_is_object(s) || depth > 5)
		return 0;
	json_object_foreach(s, k, v)
		if (!strict_key(k))
			return 0;
	v = json_object_get(s, "type");
	if (json_is_string(v) && strcmp(json_string_value(v), "object") == 0)
		return strict_object(s, depth);
	if (json_object_get(s, "properties") != NULL)
		return 0;
	json_array_foreach(json_object_get(s, "anyOf"), i, sub)
		if (depth == 0 || !openai_strict(sub, depth + 1))
			return 0;
	v = json_object_get(s, "items");
	if (v != NULL && !openai_strict(v, depth + 1))
		return 0;
	return depth > 0 && (json_object_get(s, "type") != NULL ||
	    json_object_get(s, "anyOf") != NULL ||
	    json_object_get(s, "enum") != NULL ||
	    json_object_get(s, "const") != NULL);
}

static const char *
audio_format(const char *mime)
{
	if (strstr(mime, "mpeg") != NULL || strstr(mime, "mp3") != NULL)
		return "mp3";
	if (strstr(mime, "flac") != NULL)
		return "flac";
	if (strstr(mime, "ogg") != NULL)
		return "ogg";
	return "wav";
}

static void
data_url(struct llm_buf *b, const struct llm_media *m)
{
	llm_buf_str(b, "\"data:");
	llm_buf_escape(b, m->mime, strlen(m->mime));
	llm_buf_str(b, ";base64,");
	llm_buf_escape(b, m->data, m->data_n);
	llm_buf_str(b, "\"");
}

/* A document: PDF as a file, text as text. */
static int
document_part(struct llm_run *run, struct llm_buf *b,
    const struct llm_media *m)
{
	struct llm_buf text;

	if (*m->url != '\0') {
		llm_run_fail(run, LLM_PROVIDER_ERROR, 0, "this backend takes "
		    "documents inline only, not by URL");
		return -1;
	}
	if (strncmp(m->mime, "text/", 5) != 0) {
		llm_buf_str(b, "{\"type\":\"file\",\"file\":{\"filename\":"
		    "\"document.pdf\",\"file_data\":");
		data_url(b, m);
		llm_buf_str(b, "}}");
		return 0;
	}
	llm_buf_init(&text, LLM_BODY_MAX);
	if (llm_text_document(run, m, &text) == -1)
		return -1;
	llm_buf_str(b, "{\"type\":\"text\",\"text\":");
	llm_buf_quote(b, text.p, text.n);
	llm_buf_str(b, "}");
	llm_buf_fini(&text);
	return 0;
}

static int
media_part(struct llm_run *run, struct llm_buf *b, const json_t *block)
{
	struct llm_media m;

	if (llm_media(run, block, &m) == -1)
		return -1;
	if (strcmp(m.type, "document") == 0)
		return document_part(run, b, &m);
	if (strcmp(m.type, "image") == 0) {
		llm_buf_str(b, "{\"type\":\"image_url\",\"image_url\":"
		    "{\"url\":");
		if (*m.url != '\0')
			llm_buf_quote(b, m.url, strlen(m.url));
		else
			data_url(b, &m);
		llm_buf_str(b, "}}");
		return 0;
	}
	if (*m.url != '\0') {
		llm_run_fail(run, LLM_PROVIDER_ERROR, 0, "this backend takes "
		    "audio inline only, not by URL");
		return -1;
	}
	llm_buf_str(b, "{\"type\":\"input_audio\",\"input_audio\":"
	    "{\"data\":");
	llm_buf_quote(b, m.data, m.data_n);
	llm_buf_fmt(b, ",\"format\":\"%s\"}}", audio_format(m.mime));
	return 0;
}

/* Comma before every message but the first. */
static void
next(struct llm_buf *b, int *first)
{
	if (!*first)
		llm_buf_str(b, ",");
	*first = 0;
}

static void
tool_result(struct llm_buf *b, const json_t *block, int *first)
{
	const char *error = llm_string(block, "error");
	const json_t *out = json_object_get(block, "output");

	next(b, first);
	llm_buf_str(b, "{\"role\":\"tool\",\"tool_call_id\":");
	llm_buf_quote(b, llm_string(block, "tool_use_id"),
	    strlen(llm_string(block, "tool_use_id")));
	llm_buf_str(b, ",\"content\":\"");
	if (*error != '\0') {
		llm_buf_str(b, "Error: ");
		llm_buf_escape(b, error, strlen(error));
		llm_buf_str(b, "\\n");
	}
	if (json_is_string(out))
		llm_buf_escape(b, json_string_value(out),
		    json_string_length(out));
	llm_buf_str(b, "\"}");
}

/* All text blocks as one JSON string, a blank line between them. */
static void
joined_text(struct llm_buf *b, const json_t *blocks)
{
	const json_t *v, *t;
	size_t i;
	int first = 1;

	llm_buf_str(b, "\"");
	json_array_foreach(blocks, i, v) {
		t = json_object_get(v, "text");
		if (json_string_length(t) == 0 || (json_object_get(v,
		    "type") != NULL &&
		    strcmp(llm_string(v, "type"), "text") != 0))
			continue;
		if (!first)
			llm_buf_str(b, "\\n\\n");
		first = 0;
		llm_buf_escape(b, json_string_value(t),
		    json_string_length(t));
	}
	llm_buf_str(b, "\"");
}

static int
user_message(struct llm_run *run, struct llm_buf *b, const json_t *blocks,
    int *first)
{
	const json_t *v;
	size_t i, texts = 0, media = 0;
	int inner = 1;

	json_array_foreach(blocks, i, v) {
		const char *type = llm_string(v, "type");

		if (strcmp(type, "tool_result") == 0)
			tool_result(b, v, first);
		else if (strcmp(type, "text") == 0)
			texts++;
		else
			media++;
	}
	if (texts + media == 0)
		return 0;
	next(b, first);
	llm_buf_str(b, "{\"role\":\"user\",\"content\":");
	if (media == 0) {
		joined_text(b, blocks);
		llm_buf_str(b, "}");
		return 0;
	}
	llm_buf_str(b, "[");
	json_array_foreach(blocks, i, v) {
		const char *type = llm_string(v, "type");

		if (strcmp(type, "tool_result") == 0)
			continue;
		next(b, &inner);
		if (strcmp(type, "text") == 0) {
			llm_buf_str(b, "{\"type\":\"text\",\"text\":");
			llm_buf_json(b, json_object_get(v, "text"));
			llm_buf_str(b, "}");
		} else if (media_part(run, b, v) == -1) {
			return -1;
		}
	}
	llm_buf_str(b, "]}");
	return 0;
}

static void
tool_call(struct llm_buf *b, const struct llm_tools *tools, const json_t *v)
{
	char name[LLM_NAME_MAX + 1];
	const json_t *input = json_object_get(v, "input");
	struct llm_buf args;

	llm_tools_theirs(tools, llm_string(v, "name"), name);
	llm_buf_str(b, "{\"id\":");
	llm_buf_quote(b, llm_string(v, "id"), strlen(llm_string(v, "id")));
	llm_buf_str(b, ",\"type\":\"function\",\"function\":{\"name\":");
	llm_buf_quote(b, name, strlen(name));
	llm_buf_str(b, ",\"arguments\":");
	llm_buf_init(&args, LLM_BODY_MAX);
	if (json_is_object(input))
		llm_buf_json(&args, input);
	else
		llm_buf_str(&args, "{}");
	b->failed |= args.failed;
	llm_buf_quote(b, args.p, args.n);
	llm_buf_str(b, "}}");
	llm_buf_fini(&args);
}

static void
assistant_message(struct llm_run *run, struct llm_buf *b,
    const json_t *blocks, int *first)
{
	const json_t *v;
	size_t i, texts = 0, calls = 0;
	int inner = 1;

	json_array_foreach(blocks, i, v) {
		texts += strcmp(llm_string(v, "type"), "text") == 0 &&
		    *llm_string(v, "text") != '\0';
		calls += strcmp(llm_string(v, "type"), "tool_use") == 0;
	}
	if (texts + calls == 0)
		return;
	next(b, first);
	llm_buf_str(b, "{\"role\":\"assistant\",\"content\":");
	if (texts > 0)
		joined_text(b, blocks);
	else
		llm_buf_str(b, "null");
	if (calls > 0) {
		llm_buf_str(b, ",\"tool_calls\":[");
		json_array_foreach(blocks, i, v) {
			if (strcmp(llm_string(v, "type"), "tool_use") != 0)
				continue;
			next(b, &inner);
			tool_call(b, run->tools, v);
		}
		llm_buf_str(b, "]");
	}
	llm_buf_str(b, "}");
}

/* Native structured output wants an object at the root. */
static int
in_words(const json_t *schema)
{
	return schema != NULL &&
	    strcmp(llm_string(schema, "type"), "object") != 0;
}

static int
messages(struct llm_run *run, struct llm_buf *b, const struct llm_req *req)
{
	const json_t *m, *blocks;
	const char *role;
	size_t i;
	int first = 1;

	llm_buf_str(b, ",\"messages\":[");
	if (json_array_size(req->system) > 0 || in_words(req->schema)) {
		next(b, &first);
		llm_buf_str(b, "{\"role\":\"system\",\"content\":");
		joined_text(b, req->system);
		if (in_words(req->schema)) {
			b->n -= !b->failed; /* goes on inside the string */
			llm_schema_words(b, req->schema,
			    json_array_size(req->system) > 0);
			llm_buf_str(b, "\"");
		}
		llm_buf_str(b, "}");
	}
	json_array_foreach(req->messages, i, m) {
		blocks = json_object_get(m, "content");
		role = llm_string(m, "role");
		if (strcmp(role, "assistant") == 0)
			assistant_message(run, b, blocks, &first);
		else if (user_message(run, b, blocks, &first) == -1)
			return -1;
	}
	llm_buf_str(b, "]");
	return 0;
}

static void
response_format(struct llm_buf *b, const json_t *schema)
{
	llm_buf_str(b, ",\"response_format\":{\"type\":\"json_schema\","
	    "\"json_schema\":{\"name\":\"result\",\"schema\":");
	llm_buf_json(b, schema);
	llm_buf_fmt(b, ",\"strict\":%s}}",
	    openai_strict(schema, 0) ? "true" : "false");
}

static void
tools(struct llm_buf *b, const struct llm_req *req)
{
	char name[LLM_NAME_MAX + 1];

	if (req->tools->n == 0)
		return;
	llm_buf_str(b, ",\"tools\":");
	llm_buf_add(b, req->tools->text.p, req->tools->text.n);
	if (req->no_tools) {
		llm_buf_str(b, ",\"tool_choice\":\"none\"");
	} else if (req->force != NULL) {
		llm_tools_theirs(req->tools, req->force, name);
		llm_buf_str(b, ",\"tool_choice\":{\"type\":\"function\","
		    "\"function\":{\"name\":");
		llm_buf_quote(b, name, strlen(name));
		llm_buf_str(b, "}}");
	}
}

/* The number behind "gpt-", also after a vendor's "name/"; 0 for others. */
static long
gpt_number(const char *model)
{
	const char *p = strrchr(model, '/');

	p = p != NULL ? p + 1 : model;
	return strncmp(p, "gpt-", 4) == 0 ? strtol(p + 4, NULL, 10) : 0;
}

/* o1, o3, o4-mini, ...: all that come will be like them. */
static int
is_o_series(const char *model)
{
	const char *p = strrchr(model, '/');

	p = p != NULL ? p + 1 : model;
	return p[0] == 'o' && p[1] >= '1' && p[1] <= '9';
}

/* Models that count hidden reasoning and take no sampling settings. */
static int
is_reasoning(const char *model)
{
	return is_o_series(model) || (gpt_number(model) >= 5 &&
	    strstr(model, "-chat") == NULL);
}

static int
takes_effort(const char *model)
{
	return llm_model_is(model, "gpt-oss") || (is_reasoning(model) &&
	    !llm_model_is(model, "o1-mini") &&
	    !llm_model_is(model, "o1-preview"));
}

int
openai_build(struct llm_run *run, const struct llm_req *req,
    struct llm_buf *url, struct llm_buf *b)
{
	int reasoning = is_reasoning(req->model);

	llm_buf_str(url, "/chat/completions");
	llm_buf_str(b, "{\"model\":");
	llm_buf_quote(b, req->model, strlen(req->model));
	if (messages(run, b, req) == -1)
		return -1;
	llm_buf_str(b, ",\"stream\":true,"
	    "\"stream_options\":{\"include_usage\":true}");
	llm_buf_fmt(b, ",\"%s\":%ld", reasoning ||
	    gpt_number(req->model) >= 5 ? "max_completion_tokens" :
	    "max_tokens", req->max_tokens);
	if (req->thinking && takes_effort(req->model))
		llm_buf_str(b, ",\"reasoning_effort\":\"high\"");
	if (req->temperature != NULL && !reasoning) {
		llm_buf_str(b, ",\"temperature\":");
		llm_buf_json(b, req->temperature);
	}
	if (req->stop != NULL && !reasoning) {
		llm_buf_str(b, ",\"stop\":");
		llm_buf_json(b, req->stop);
	}
	tools(b, req);
	if (req->schema != NULL && !in_words(req->schema))
		response_format(b, req->schema);
	llm_buf_str(b, "}");
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.c - one of our requests as a generateContent body.
 *
 * Signatures that came with parts of earlier replies go back with the same
 * parts. A call of a tool that was made by another backend has none; models
 * that insist get the value that the interface documents for this case.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "gemini.h"

#define THINK_TOKENS 24576

void
gemini_tool(struct llm_buf *b, const char *name, const json_t *tool, int last)
{
	const json_t *schema = json_object_get(tool, "input_schema");
	json_t *s;

	(void)last;
	llm_buf_str(b, "{\"name\":");
	llm_buf_quote(b, name, strlen(name));
	llm_buf_str(b, ",\"description\":");
	if (json_is_string(json_object_get(tool, "description")))
		llm_buf_json(b, json_object_get(tool, "description"));
	else
		llm_buf_str(b, "\"\"");
	/* An object without properties is refused: no parameters at all. */
	if (json_object_size(json_object_get(schema, "properties")) > 0) {
		s = gemini_schema(schema);
		llm_buf_str(b, ",\"parameters\":");
		llm_buf_json(b, s);
		json_decref(s);
	}
	llm_buf_str(b, "}");
}

/* The major number of gemini-N..., 0 for others. */
static long
generation(const char *model)
{
	const char *p = strstr(model, "gemini-");

	return p != NULL ? strtol(p + 7, NULL, 10) : 0;
}

static int
thinks(const char *model)
{
	return generation(model) >= 3 || strstr(model, "gemini-2.5") != NULL;
}

/* The signature that came with the block's part, as a member. */
static void
signature(struct llm_buf *b, const json_t *block)
{
	const json_t *s = json_object_get(json_object_get(block, "meta"),
	    "thought_signature");

	if (json_string_length(s) > 0) {
		llm_buf_str(b, ",\"thoughtSignature\":");
		llm_buf_json(b, s);
	}
}

static void
function_call(struct llm_run *run, struct llm_buf *b, const json_t *v,
    int insist)
{
	const json_t *input = json_object_get(v, "input");
	const json_t *meta = json_object_get(v, "meta");
	char name[LLM_NAME_MAX + 1];

	llm_tools_theirs(run->tools, llm_string(v, "name"), name);
	llm_buf_str(b, "{\"functionCall\":{\"name\":");
	llm_buf_quote(b, name, strlen(name));
	llm_buf_str(b, ",\"args\":");
	if (json_is_object(input))
		llm_buf_json(b, input);
	else
		llm_buf_str(b, "{}");
	llm_buf_str(b, "}");
	signature(b, v);
	if (insist && json_object_get(meta, "thought_signature") == NULL)
		llm_buf_str(b, ",\"thoughtSignature\":"
		    "\"skip_thought_signature_validator\"");
	llm_buf_str(b, "}");
}

static void
function_response(struct llm_run *run, struct llm_buf *b, const json_t *v)
{
	const json_t *out = json_object_get(v, "output");
	const char *error = llm_string(v, "error");
	char name[LLM_NAME_MAX + 1];

	llm_tools_theirs(run->tools, llm_string(v, "name"), name);
	llm_buf_str(b, "{\"functionResponse\":{\"name\":");
	llm_buf_quote(b, name, strlen(name));
	llm_buf_fmt(b, ",\"response\":{\"%s\":\"", *error != '\0' ?
	    "error" : "output");
	if (*error != '\0') {
		llm_buf_escape(b, error, strlen(error));
		llm_buf_str(b, ": ");
	}
	if (json_is_string(out))
		llm_buf_escape(b, json_string_value(out),
		    json_string_length(out));
	llm_buf_str(b, "\"}}}");
}

static int
media_part(struct llm_run *run, struct llm_buf *b, const json_t *v)
{
	struct llm_media m;

	if (llm_media(run, v, &m) == -1)
		return -1;
	llm_buf_str(b, *m.url != '\0' ? "{\"fileData\":{" :
	    "{\"inlineData\":{");
	if (*m.mime != '\0') {
		llm_buf_str(b, "\"mimeType\":");
		llm_buf_quote(b, m.mime, strlen(m.mime));
		llm_buf_str(b, ",");
	}
	llm_buf_str(b, *m.url != '\0' ? "\"fileUri\":" : "\"data\":");
	if (*m.url != '\0')
		llm_buf_quote(b, m.url, strlen(m.url));
	else
		llm_buf_quote(b, m.data, m.data_n);
	llm_buf_str(b, "}}");
	return 0;
}

/* 1 when the block becomes a part. */
static int
sendable(const json_t *v)
{
	const char *type = llm_string(v, "type");

	if (strcmp(type, "thinking") == 0)
		return 0;
	return strcmp(type, "text") != 0 || *llm_string(v, "text") != '\0';
}

static int
parts(struct llm_run *run, struct llm_buf *b, const json_t *blocks,
    int insist)
{
	const json_t *v;
	const char *type;
	size_t i;
	int first = 1;

	json_array_foreach(blocks, i, v) {
		if (!sendable(v))
			continue;
		if (!first)
			llm_buf_str(b, ",");
		first = 0;
		type = llm_string(v, "type");
		if (strcmp(type, "text") == 0) {
			llm_buf_str(b, "{\"text\":");
			llm_buf_json(b, json_object_get(v, "text"));
			signature(b, v);
			llm_buf_str(b, "}");
		} else if (strcmp(type, "tool_use") == 0) {
			/* Only the first of parallel calls is signed. */
			function_call(run, b, v, insist);
			insist = 0;
		} else if (strcmp(type, "tool_result") == 0) {
			function_response(run, b, v);
		} else if (media_part(run, b, v) == -1) {
			return -1;
		}
	}
	return 0;
}

static int
contents(struct llm_run *run, struct llm_buf *b, const struct llm_req *req)
{
	int insist = generation(req->model) >= 3, first = 1;
	const json_t *m, *v, *blocks;
	size_t i, k, some;

	llm_buf_str(b, "{\"contents\":[");
	json_array_foreach(req->messages, i, m) {
		blocks = json_object_get(m, "content");
		some = 0;
		json_array_foreach(blocks, k, v)
			some += sendable(v) ? 1 : 0;
		if (some == 0)
			continue;
		llm_buf_fmt(b, "%s{\"role\":\"%s\",\"parts\":[",
		    first ? "" : ",",
		    strcmp(llm_string(m, "role"), "assistant") == 0 ?
		    "model" : "user");
		first = 0;
		if (parts(run, b, blocks, insist) == -1)
			return -1;
		llm_buf_str(b, "]}");
	}
	llm_buf_str(b, "]");
	return 0;
}

/* Before its third generation JSON output does not go with tools. */
static int
native_schema(const struct llm_req *req)
{
	return req->schema != NULL && (req->tools->n == 0 ||
	    generation(req->model) >= 3);
}

static void
system_prompt(struct llm_buf *b, const struct llm_req *req)
{
	int words = req->schema != NULL && !native_schema(req);
	const json_t *v;
	size_t i;
	int first = 1;

	if (json_array_size(req->system) == 0 && !words)
		return;
	llm_buf_str(b, ",\"systemInstruction\":{\"parts\":[");
	json_array_foreach(req->system, i, v) {
		if (*llm_string(v, "text") == '\0')
			continue;
		llm_buf_str(b, first ? "{\"text\":" : ",{\"text\":");
		first = 0;
		llm_buf_json(b, json_object_get(v, "text"));
		llm_buf_str(b, "}");
	}
	if (words) {
		llm_buf_str(b, first ? "{\"text\":\"" : ",{\"text\":\"");
		llm_schema_words(b, req->schema, 0);
		llm_buf_str(b, "\"}");
	}
	llm_buf_str(b, "]}");
}

static void
tools(struct llm_buf *b, const struct llm_req *req)
{
	char name[LLM_NAME_MAX + 1];

	if (req->tools->n == 0)
		return;
	llm_buf_str(b, ",\"tools\":[{\"functionDeclarations\":");
	llm_buf_add(b, req->tools->text.p, req->tools->text.n);
	llm_buf_str(b, "}]");
	if (req->no_tools) {
		llm_buf_str(b, ",\"toolConfig\":{\"functionCallingConfig\":"
		    "{\"mode\":\"NONE\"}}");
	} else if (req->force != NULL) {
		llm_tools_theirs(req->tools, req->force, name);
		llm_buf_str(b, ",\"toolConfig\":{\"functionCallingConfig\":"
		    "{\"mode\":\"ANY\",\"allowedFunctionNames\":[");
		llm_buf_quote(b, name, strlen(name));
		llm_buf_str(b, "]}}");
	}
}

static void
generation_config(struct llm_buf *b, const struct llm_req *req)
{
	int think = req->thinking && thinks(req->model);
	json_t *s;

	/* Thoughts count as output: keep room for the answer. */
	llm_buf_fmt(b, ",\"generationConfig\":{\"maxOutputTokens\":%ld",
	    req->max_tokens + (think ? THINK_TOKENS : 0));
	if (req->temperature != NULL) {
		llm_buf_str(b, ",\"temperature\":");
		llm_buf_json(b, req->temperature);
	}
	if (req->stop != NULL) {
		llm_buf_str(b, ",\"stopSequences\":");
		llm_buf_json(b, req->stop);
	}
	if (think && generation(req->model) >= 3)
		llm_buf_str(b, ",\"thinkingConfig\":{\"includeThoughts\":"
		    "true,\"thinkingLevel\":\"high\"}");
	else if (think)
		llm_buf_fmt(b, ",\"thinkingConfig\":{\"includeThoughts\":"
		    "true,\"thinkingBudget\":%d}", THINK_TOKENS);
	if (native_schema(req)) {
		s = gemini_schema(req->schema);
		llm_buf_str(b, ",\"responseMimeType\":\"application/json\","
		    "\"responseSchema\":");
		llm_buf_json(b, s);
		json_decref(s);
	}
	llm_buf_str(b, "}");
}

/* The model's name as a part of the path. */
static void
model_path(struct llm_buf *url, const char *model)
{
	const char *p;

	if (strncmp(model, "models/", 7) != 0 &&
	    strncmp(model, "tunedModels/", 12) != 0)
		llm_buf_str(url, "models/");
	for (p = model; *p != '\0'; p++) {
		if (isalnum((unsigned char)*p) || strchr("-._/", *p) != NULL)
			llm_buf_add(url, p, 1);
		else
			llm_buf_fmt(url, "%%%02X", (unsigned char)*p);
	}
}

int
gemini_build(struct llm_run *run, const struct llm_req *req,
    struct llm_buf *url, struct llm_buf *b)
{
	llm_buf_str(url, "/v1beta/");
	model_path(url, req->model);
	llm_buf_str(url, ":streamGenerateContent?alt=sse");
	if (contents(run, b, req) == -1)
		return -1;
	system_prompt(b, req);
	tools(b, req);
	generation_config(b, req);
	llm_buf_str(b, "}");
	return 0;
}

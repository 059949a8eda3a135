/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream.c - reads the pieces of a reply; each is a whole response object
 * with some parts. There is no end marker: a reply is whole when a finish
 * reason has come.
 */
#include <string.h>

#include "gemini.h"

static void
function_call(struct llm_run *run, const json_t *call)
{
	struct gemini_state *st = run->state;
	const json_t *args = json_object_get(call, "args");
	const char *name = llm_string(call, "name");
	struct llm_buf b;

	st->calls = 1;
	llm_buf_init(&b, LLM_REPLY_MAX);
	if (json_is_object(args))
		llm_buf_json(&b, args);
	else
		llm_buf_str(&b, "{}");
	llm_out_tool(&run->out, sept_str(llm_string(call, "id")),
	    llm_tools_ours(run->tools, name, strlen(name)));
	llm_out_input(&run->out, b.p, b.n);
	llm_buf_fini(&b);
}

static void
part(struct llm_run *run, const json_t *p)
{
	const json_t *text = json_object_get(p, "text");
	const json_t *call = json_object_get(p, "functionCall");
	const json_t *sig = json_object_get(p, "thoughtSignature");

	if (json_is_object(call))
		function_call(run, call);
	else if (json_is_true(json_object_get(p, "thought")))
		llm_out_thinking(&run->out, json_string_value(text),
		    json_string_length(text));
	else
		llm_out_text(&run->out, json_string_value(text),
		    json_string_length(text));
	if (json_string_length(sig) > 0)
		llm_out_meta(&run->out, "thought_signature",
		    json_string_value(sig), json_string_length(sig));
	if (json_is_object(call))
		llm_out_close(&run->out);
}

static void
finish(struct llm_run *run, const char *why)
{
	static const struct {
		const char *theirs, *ours;
	} map[] = {
		{ "STOP", "end_turn" }, { "MAX_TOKENS", "max_tokens" },
		{ "SAFETY", "refusal" }, { "RECITATION", "refusal" },
		{ "LANGUAGE", "refusal" }, { "BLOCKLIST", "refusal" },
		{ "PROHIBITED_CONTENT", "refusal" }, { "SPII", "refusal" },
		{ "IMAGE_SAFETY", "refusal" }, { "OTHER", "other" },
	};
	struct gemini_state *st = run->state;
	char text[160];
	size_t i;

	for (i = 0; i < sizeof map / sizeof map[0]; i++) {
		if (strcmp(why, map[i].theirs) == 0) {
			st->finish = map[i].ours;
			return;
		}
	}
	if (strcmp(why, "FINISH_REASON_UNSPECIFIED") == 0)
		return;
	/* MALFORMED_FUNCTION_CALL and whatever is to come. */
	(void)snprintf(text, sizeof text,
	    "the provider ended the reply: %.100s", why);
	llm_run_fail(run, LLM_PROVIDER_ERROR, 1, text);
}

static void
usage(struct llm_run *run, const json_t *u)
{
	if (!json_is_object(u))
		return;
	run->usage = 1;
	run->in_tokens = llm_count(u, "promptTokenCount") +
	    llm_count(u, "toolUsePromptTokenCount");
	run->out_tokens = llm_count(u, "candidatesTokenCount") +
	    llm_count(u, "thoughtsTokenCount");
	run->hit_tokens = llm_count(u, "cachedContentTokenCount");
}

void
gemini_whole(struct llm_run *run, const json_t *root)
{
	const json_t *candidate, *feedback, *p;
	const char *why;
	char text[160];
	size_t i;

	if (json_object_get(root, "error") != NULL) {
		llm_run_fail_object(run, root);
		return;
	}
	llm_run_model(run, json_object_get(root, "modelVersion"));
	usage(run, json_object_get(root, "usageMetadata"));
	feedback = json_object_get(root, "promptFeedback");
	why = llm_string(feedback, "blockReason");
	if (*why != '\0') {
		(void)snprintf(text, sizeof text,
		    "the provider blocked the prompt: %.100s", why);
		llm_run_fail(run, LLM_PROVIDER_ERROR, 0, text);
		return;
	}
	candidate = json_array_get(json_object_get(root, "candidates"), 0);
	json_array_foreach(json_object_get(json_object_get(candidate,
	    "content"), "parts"), i, p)
		part(run, p);
	why = llm_string(candidate, "finishReason");
	if (*why != '\0')
		finish(run, why);
}

void
gemini_event(struct llm_run *run, const char *p, size_t n)
{
	json_t *root = json_loadb(p, n, JSON_ALLOW_NUL, NULL);

	if (json_is_object(root))
		gemini_whole(run, root);
	else
		llm_run_fail(run, LLM_PROVIDER_ERROR, 1, "the provider's "
		    "stream holds a piece that is no JSON object");
	json_decref(root);
}

void
gemini_end(struct llm_run *run)
{
	struct gemini_state *st = run->state;

	if (st->finish == NULL)
		return;
	run->stop_reason = st->calls && strcmp(st->finish, "end_turn") == 0 ?
	    "tool_use" : st->finish;
}

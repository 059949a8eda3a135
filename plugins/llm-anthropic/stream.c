/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream.c - reads the events of a reply. Their JSON carries its own type,
 * so the name of the event is not needed; unknown types are passed over, as
 * the interface asks for.
 */
#include <ctype.h>
#include <string.h>

#include "anthropic.h"

static void
count(const json_t *u, const char *key, uint64_t *out)
{
	if (json_is_integer(json_object_get(u, key)))
		*out = llm_count(u, key);
}

/* Counts grow during the reply; what an event leaves out stays. */
static void
usage(struct llm_run *run, const json_t *u)
{
	struct anthropic_state *st = run->state;

	if (!json_is_object(u))
		return;
	run->usage = 1;
	count(u, "input_tokens", &st->input);
	count(u, "cache_read_input_tokens", &st->hit);
	count(u, "cache_creation_input_tokens", &st->created);
	count(u, "output_tokens", &run->out_tokens);
	run->in_tokens = st->input + st->hit + st->created;
	run->hit_tokens = st->hit;
}

static void
stop_reason(struct llm_run *run, const char *why)
{
	struct anthropic_state *st = run->state;
	size_t n;

	if (strcmp(why, "model_context_window_exceeded") == 0)
		why = "max_tokens";
	for (n = 0; n + 1 < sizeof st->stop && (islower((unsigned char)
	    why[n]) || why[n] == '_'); n++)
		st->stop[n] = why[n];
	st->stop[n] = '\0';
}

/* Ends the open block with what was kept for its end. */
static void
block_end(struct llm_run *run)
{
	struct anthropic_state *st = run->state;

	if (run->out.open == SEPT_BLOCK_TOOL_USE && !st->any_input)
		llm_out_input(&run->out, "{}", 2);
	if (run->out.open == SEPT_BLOCK_THINKING && st->sig.n > 0)
		llm_out_meta(&run->out, "signature", st->sig.p, st->sig.n);
	llm_buf_reset(&st->sig);
	llm_out_close(&run->out);
}

static void
input_json(struct llm_run *run, const json_t *input)
{
	struct anthropic_state *st = run->state;
	struct llm_buf b;

	if (json_object_size(input) == 0)
		return;
	llm_buf_init(&b, LLM_REPLY_MAX);
	llm_buf_json(&b, input);
	llm_out_input(&run->out, b.p, b.failed ? 0 : b.n);
	llm_buf_fini(&b);
	st->any_input = 1;
}

static void
block_start(struct llm_run *run, const json_t *block)
{
	struct anthropic_state *st = run->state;
	const char *type = llm_string(block, "type");
	const char *name = llm_string(block, "name");
	const json_t *v;

	block_end(run);
	st->any_input = 0;
	if (strcmp(type, "text") == 0) {
		v = json_object_get(block, "text");
		llm_out_text(&run->out, json_string_value(v),
		    json_string_length(v));
	} else if (strcmp(type, "thinking") == 0) {
		llm_out_open(&run->out, SEPT_BLOCK_THINKING);
		v = json_object_get(block, "thinking");
		llm_out_thinking(&run->out, json_string_value(v),
		    json_string_length(v));
		v = json_object_get(block, "signature");
		if (json_is_string(v))
			llm_buf_str(&st->sig, json_string_value(v));
	} else if (strcmp(type, "redacted_thinking") == 0) {
		llm_out_open(&run->out, SEPT_BLOCK_THINKING);
		v = json_object_get(block, "data");
		if (json_is_string(v))
			llm_out_meta(&run->out, "redacted",
			    json_string_value(v), json_string_length(v));
	} else if (strcmp(type, "tool_use") == 0) {
		llm_out_tool(&run->out, sept_str(llm_string(block, "id")),
		    llm_tools_ours(run->tools, name, strlen(name)));
		input_json(run, json_object_get(block, "input"));
	}
}

static void
block_delta(struct llm_run *run, const json_t *d)
{
	struct anthropic_state *st = run->state;
	const char *type = llm_string(d, "type");
	const json_t *v;

	if (strcmp(type, "text_delta") == 0) {
		v = json_object_get(d, "text");
		llm_out_text(&run->out, json_string_value(v),
		    json_string_length(v));
	} else if (strcmp(type, "thinking_delta") == 0) {
		v = json_object_get(d, "thinking");
		llm_out_thinking(&run->out, json_string_value(v),
		    json_string_length(v));
	} else if (strcmp(type, "signature_delta") == 0) {
		v = json_object_get(d, "signature");
		llm_buf_add(&st->sig, json_string_value(v),
		    json_string_length(v));
		if (st->sig.failed)
			llm_run_fail(run, LLM_PROVIDER_ERROR, 0,
			    "a signature of the reply is too large");
	} else if (strcmp(type, "input_json_delta") == 0) {
		v = json_object_get(d, "partial_json");
		if (json_string_length(v) > 0)
			st->any_input = 1;
		llm_out_input(&run->out, json_string_value(v),
		    json_string_length(v));
	}
}

static void
one_event(struct llm_run *run, const json_t *root)
{
	const char *type = llm_string(root, "type");
	struct anthropic_state *st = run->state;
	const json_t *v;

	if (strcmp(type, "content_block_delta") == 0) {
		block_delta(run, json_object_get(root, "delta"));
	} else if (strcmp(type, "content_block_start") == 0) {
		block_start(run, json_object_get(root, "content_block"));
	} else if (strcmp(type, "content_block_stop") == 0) {
		block_end(run);
	} else if (strcmp(type, "message_start") == 0) {
		v = json_object_get(root, "message");
		llm_run_model(run, json_object_get(v, "model"));
		usage(run, json_object_get(v, "usage"));
	} else if (strcmp(type, "message_delta") == 0) {
		v = json_object_get(root, "delta");
		if (*llm_string(v, "stop_reason") != '\0')
			stop_reason(run, llm_string(v, "stop_reason"));
		usage(run, json_object_get(root, "usage"));
	} else if (strcmp(type, "message_stop") == 0) {
		if (st->stop[0] == '\0')
			stop_reason(run, "end_turn");
		llm_run_finished(run);
	} else if (strcmp(type, "error") == 0) {
		llm_run_fail_object(run, root);
	}
}

void
anthropic_event(struct llm_run *run, const char *p, size_t n)
{
	struct anthropic_state *st = run->state;
	json_t *root;

	if (st->sig.max == 0)
		llm_buf_init(&st->sig, ANTHROPIC_SIG_MAX);
	root = json_loadb(p, n, JSON_ALLOW_NUL, NULL);
	if (json_is_object(root))
		one_event(run, root);
	else
		llm_run_fail(run, LLM_PROVIDER_ERROR, 1, "the provider's "
		    "stream holds an event that is no JSON object");
	json_decref(root);
}

/* A server that did not stream. */
void
anthropic_whole(struct llm_run *run, const json_t *root)
{
	struct anthropic_state *st = run->state;
	const json_t *v;
	size_t i;

	if (strcmp(llm_string(root, "type"), "message") != 0) {
		llm_run_fail_object(run, root);
		return;
	}
	llm_buf_init(&st->sig, ANTHROPIC_SIG_MAX);
	llm_run_model(run, json_object_get(root, "model"));
	usage(run, json_object_get(root, "usage"));
	json_array_foreach(json_object_get(root, "content"), i, v)
		block_start(run, v);
	block_end(run);
	stop_reason(run, *llm_string(root, "stop_reason") != '\0' ?
	    llm_string(root, "stop_reason") : "end_turn");
}

void
anthropic_end(struct llm_run *run)
{
	struct anthropic_state *st = run->state;

	if (st->stop[0] == '\0')
		return;
	block_end(run);
	run->stop_reason = st->stop;
}

void
anthropic_fini(struct llm_run *run)
{
	struct anthropic_state *st = run->state;

	llm_buf_fini(&st->sig);
}

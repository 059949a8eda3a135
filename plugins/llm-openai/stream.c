/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream.c - reads the chunks of a reply, and the reply of a server that did
 * not stream.
 *
 * Tool calls are collected and handed on when the reply has ended, in the
 * order in which they began: servers mix their pieces, leave out index or
 * id, repeat names, or send the whole call at once. Text and thinking go on
 * as they come.
 */
#include <stdlib.h>
#include <string.h>

#include "openai.h"

static struct openai_call *
call_new(struct llm_run *run, int index, const char *id)
{
	struct openai_state *st = run->state;
	struct openai_call *c;

	if (st->n == OPENAI_CALLS_MAX) {
		llm_run_fail(run, LLM_PROVIDER_ERROR, 0,
		    "the reply has too many tool calls");
		return NULL;
	}
	c = realloc(st->calls, (st->n + 1) * sizeof *c);
	if (c != NULL) {
		st->calls = c;
		c = &st->calls[st->n];
		c->index = index;
		c->id = strdup(id);
	}
	if (c == NULL || c->id == NULL) {
		llm_run_fail(run, LLM_PROVIDER_ERROR, 0, "out of memory");
		return NULL;
	}
	llm_buf_init(&c->name, 1024);
	llm_buf_init(&c->args, OPENAI_ARGS_MAX);
	st->n++;
	return c;
}

/* 1 when the input collected so far is a whole JSON text. */
static int
args_whole(const struct openai_call *c)
{
	json_t *v;

	if (c->args.n == 0 || c->args.p[c->args.n - 1] != '}')
		return 0;
	v = json_loadb(c->args.p, c->args.n, JSON_ALLOW_NUL, NULL);
	json_decref(v);
	return v != NULL;
}

/* The last call with that id, or with that index when id is "". */
static struct openai_call *
call_last(struct openai_state *st, int index, const char *id)
{
	struct openai_call *c;
	size_t i;

	for (i = st->n; i > 0; i--) {
		c = &st->calls[i - 1];
		if (*id != '\0' ? strcmp(id, c->id) == 0 &&
		    (index == -1 || c->index == index) :
		    index == -1 || c->index == index)
			return c;
	}
	return NULL;
}

/*
 * The call a piece belongs to, NULL: a new one. Without a name it goes on
 * with a known call, whatever id it carries (some servers make one up for
 * each piece). With a name it begins a call, unless id or index are known
 * and the call is not complete: names too come in pieces or repeated. Some
 * give every parallel call index 0, so a new id is a new call.
 */
static struct openai_call *
call_find(struct openai_state *st, int index, const char *id,
    const char *name)
{
	struct openai_call *c = NULL;

	if (*id != '\0')
		c = call_last(st, index, id);
	if (c != NULL)
		return c;
	c = call_last(st, index, "");
	if (c == NULL || *name == '\0')
		return c;
	if (*id != '\0')
		return *c->id == '\0' && c->name.n == 0 ? c : NULL;
	if (index == -1)
		return c->name.n == 0 ? c : NULL;
	if (c->args.n > 0 && (args_whole(c) || c->name.n != strlen(name) ||
	    memcmp(c->name.p, name, c->name.n) != 0))
		return NULL;
	return c;
}

static void
call_piece(struct llm_run *run, const json_t *piece, const json_t *fn)
{
	const char *name = llm_string(fn, "name");
	const json_t *args = json_object_get(fn, "arguments");
	const char *id = llm_string(piece, "id");
	const json_t *iv = json_object_get(piece, "index");
	struct openai_call *c;
	int index = -1;
	char *copy;

	if (json_is_integer(iv) && json_integer_value(iv) >= 0 &&
	    json_integer_value(iv) < 1 << 20)
		index = (int)json_integer_value(iv);
	c = call_find(run->state, index, id, name);
	if (c == NULL)
		c = call_new(run, index, id);
	if (c == NULL)
		return;
	if (*c->id == '\0' && *id != '\0' && (copy = strdup(id)) != NULL) {
		free(c->id);
		c->id = copy;
	}
	/* Repeated whole by some, sent in pieces by others. */
	if (c->name.n != strlen(name) || (c->name.n > 0 &&
	    memcmp(c->name.p, name, c->name.n) != 0))
		llm_buf_str(&c->name, name);
	if (json_is_string(args))
		llm_buf_add(&c->args, json_string_value(args),
		    json_string_length(args));
	else if (json_is_object(args))
		llm_buf_json(&c->args, args);
	if (c->name.failed || c->args.failed)
		llm_run_fail(run, LLM_PROVIDER_ERROR, 0,
		    "a tool call of the reply is too large");
}

/* Content as a string, or as an array of typed parts. */
static void
content(struct llm_run *run, const json_t *v, int thinking)
{
	const json_t *part, *t;
	size_t i;

	if (json_is_string(v)) {
		if (thinking)
			llm_out_thinking(&run->out, json_string_value(v),
			    json_string_length(v));
		else
			llm_out_text(&run->out, json_string_value(v),
			    json_string_length(v));
		return;
	}
	json_array_foreach(v, i, part) {
		t = json_object_get(part, "thinking");
		if (json_is_array(t)) {
			const json_t *x;
			size_t k;

			json_array_foreach(t, k, x)
				content(run, json_object_get(x, "text"), 1);
		} else if (t != NULL) {
			content(run, json_is_string(t) ? t : NULL, 1);
		} else {
			t = json_object_get(part, "text");
			content(run, json_is_string(t) ? t : NULL, thinking);
		}
	}
}

static void
delta(struct llm_run *run, const json_t *d)
{
	const json_t *v, *piece;
	size_t i;

	v = json_object_get(d, "reasoning_content");
	if (!json_is_string(v))
		v = json_object_get(d, "reasoning");
	if (json_is_string(v))
		content(run, v, 1);
	content(run, json_object_get(d, "content"), 0);
	v = json_object_get(d, "refusal");
	if (json_string_length(v) > 0) {
		struct openai_state *st = run->state;

		content(run, v, 0);
		st->finish = "refusal";
	}
	json_array_foreach(json_object_get(d, "tool_calls"), i, piece)
		call_piece(run, piece, json_object_get(piece, "function"));
	v = json_object_get(d, "function_call");
	if (json_is_object(v))
		call_piece(run, v, v);
}

static void
finish(struct llm_run *run, const char *why)
{
	struct openai_state *st = run->state;

	if (strcmp(why, "error") == 0) {
		llm_run_fail(run, LLM_PROVIDER_ERROR, 1,
		    "the provider ended the reply with an error");
	} else if (strcmp(why, "length") == 0) {
		st->finish = "max_tokens";
	} else if (strcmp(why, "content_filter") == 0) {
		st->finish = "refusal";
	} else if (strcmp(why, "tool_calls") == 0 ||
	    strcmp(why, "function_call") == 0) {
		st->finish = "tool_use";
	} else if (st->finish == NULL) {
		st->finish = "end_turn";
	}
}

static void
usage(struct llm_run *run, const json_t *u)
{
	const json_t *d;

	if (!json_is_object(u))
		return;
	run->usage = 1;
	run->in_tokens = llm_count(u, "prompt_tokens");
	run->out_tokens = llm_count(u, "completion_tokens");
	d = json_object_get(u, "prompt_tokens_details");
	run->hit_tokens = llm_count(d, "cached_tokens");
	if (run->hit_tokens == 0)
		run->hit_tokens = llm_count(u, "prompt_cache_hit_tokens");
	if (run->hit_tokens > run->in_tokens)
		run->hit_tokens = run->in_tokens;
}

/* A chunk, or a whole reply, which differs by "message" for "delta". */
static void
chunk(struct llm_run *run, const json_t *root, const char *part)
{
	struct openai_state *st = run->state;
	const json_t *choice, *d, *why;

	d = json_object_get(root, "error");
	if (d != NULL && !json_is_null(d)) {
		llm_run_fail_object(run, root);
		return;
	}
	llm_run_model(run, json_object_get(root, "model"));
	usage(run, json_object_get(root, "usage"));
	choice = json_array_get(json_object_get(root, "choices"), 0);
	if (!json_is_object(choice))
		return;
	st->any = 1;
	d = json_object_get(choice, part);
	if (!json_is_object(d))
		d = json_object_get(choice, "message");
	delta(run, d);
	why = json_object_get(choice, "finish_reason");
	if (json_is_string(why) && run->fail.code == NULL)
		finish(run, json_string_value(why));
}

void
openai_event_slow(struct llm_run *run, const char *p, size_t n)
{
	json_t *root;

	while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == '\r'))
		n--;
	if (n == 6 && memcmp(p, "[DONE]", 6) == 0) {
		struct openai_state *st = run->state;

		if (st->finish == NULL && st->any)
			st->finish = "end_turn";
		llm_run_finished(run);
		return;
	}
	root = json_loadb(p, n, JSON_ALLOW_NUL, NULL);
	if (json_is_object(root))
		chunk(run, root, "delta");
	else
		llm_run_fail(run, LLM_PROVIDER_ERROR, 1,
		    "the provider's stream holds a chunk that is no JSON "
		    "object");
	json_decref(root);
}

void
openai_event(struct llm_run *run, const char *p, size_t n)
{
	struct openai_state *st = run->state;
	struct sept_slice text;

	if (st->scratch.max == 0)
		llm_buf_init(&st->scratch, LLM_REPLY_MAX);
	/* The fast way does not look for the model's name. */
	if (run->model[0] == '\0' ||
	    !openai_fast(p, n, &st->scratch, &text)) {
		openai_event_slow(run, p, n);
		return;
	}
	st->any = 1;
	llm_out_text(&run->out, text.p, text.n);
}

void
openai_whole(struct llm_run *run, const json_t *root)
{
	struct openai_state *st = run->state;

	chunk(run, root, "message");
	if (run->fail.code == NULL && !st->any)
		llm_run_fail_object(run, root);
	else if (st->finish == NULL)
		st->finish = "end_turn";
}

void
openai_end(struct llm_run *run)
{
	struct openai_state *st = run->state;
	struct openai_call *c;
	size_t i;

	if (st->finish == NULL)
		return;
	for (i = 0; i < st->n; i++) {
		c = &st->calls[i];
		if (c->name.n == 0)
			continue;
		llm_out_tool(&run->out, sept_str(c->id),
		    llm_tools_ours(run->tools, c->name.p, c->name.n));
		if (c->args.n > 0)
			llm_out_input(&run->out, c->args.p, c->args.n);
		else
			llm_out_input(&run->out, "{}", 2);
		if (strcmp(st->finish, "end_turn") == 0)
			st->finish = "tool_use";
	}
	run->stop_reason = st->finish;
}

void
openai_fini(struct llm_run *run)
{
	struct openai_state *st = run->state;
	size_t i;

	for (i = 0; i < st->n; i++) {
		free(st->calls[i].id);
		llm_buf_fini(&st->calls[i].name);
		llm_buf_fini(&st->calls[i].args);
	}
	free(st->calls);
	llm_buf_fini(&st->scratch);
}

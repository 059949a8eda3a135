/* SPDX-License-Identifier: Apache-2.0 */
/*
 * out.c - see out.h.
 *
 * Held-back events lie in one buffer, each as a head followed by its bytes.
 * While anything is held back new events queue behind it. The owner must not
 * go away while `armed`: the host will still call back.
 */
#include "out.h"

#include <stdio.h>
#include <string.h>

struct out_head {
	uint32_t kind, index, flags;
	size_t text_n, id_n, json_n;
};

static void out_writable(void *arg);

void
llm_out_init(struct llm_out *o, const struct sept_host_call *api,
    struct sept_call *call)
{
	memset(o, 0, sizeof *o);
	o->api = api;
	o->call = call;
	llm_buf_init(&o->held, LLM_OUT_MAX);
}

void
llm_out_fini(struct llm_out *o)
{
	llm_buf_fini(&o->held);
}

static void
out_hold(struct llm_out *o, const struct sept_event *ev)
{
	struct out_head h;

	memset(&h, 0, sizeof h);
	h.kind = ev->kind;
	h.index = ev->index;
	h.flags = ev->flags;
	h.text_n = ev->text.n;
	h.id_n = ev->id.n;
	h.json_n = ev->json.n;
	llm_buf_add(&o->held, (const char *)&h, sizeof h);
	llm_buf_add(&o->held, ev->text.p, ev->text.n);
	llm_buf_add(&o->held, ev->id.p, ev->id.n);
	llm_buf_add(&o->held, ev->json.p, ev->json.n);
	if (o->held.failed)
		o->failed = 1;
}

static void
out_arm(struct llm_out *o)
{
	if (o->armed)
		return;
	if (o->api->on_writable(o->call, out_writable, o) != SEPT_OK) {
		o->failed = 1;
		return;
	}
	o->armed = 1;
}

/* Hands one event to the host: 1 taken or of no use, 0 not now. */
static int
out_emit(struct llm_out *o, const struct sept_event *ev)
{
	sept_status st = o->api->emit(o->call, ev);

	if (st == SEPT_EAGAIN)
		return 0;
	if (st == SEPT_OK)
		o->begun = 1;
	else if (st == SEPT_ECANCELLED)
		o->over = 1;
	else
		o->failed = 1;
	return 1;
}

static void
out_put(struct llm_out *o, struct sept_event *ev)
{
	if (o->over || o->failed)
		return;
	ev->size = sizeof *ev;
	if (o->held.n == 0 && out_emit(o, ev))
		return;
	out_hold(o, ev);
	if (!o->failed && !o->armed) {
		out_arm(o);
		if (o->armed && o->blocked != NULL)
			o->blocked(o->user, 1);
	}
}

/* Emits what is held back; 0 when the host is full again. */
static int
out_flush(struct llm_out *o)
{
	struct sept_event ev;
	struct out_head h;
	const char *p;

	while (!o->over && !o->failed && o->held_at < o->held.n) {
		p = o->held.p + o->held_at;
		memcpy(&h, p, sizeof h);
		p += sizeof h;
		memset(&ev, 0, sizeof ev);
		ev.size = sizeof ev;
		ev.kind = h.kind;
		ev.index = h.index;
		ev.flags = h.flags;
		ev.text.p = p;
		ev.text.n = h.text_n;
		ev.id.p = p + h.text_n;
		ev.id.n = h.id_n;
		ev.json.p = p + h.text_n + h.id_n;
		ev.json.n = h.json_n;
		if (!out_emit(o, &ev))
			return 0;
		o->held_at += sizeof h + h.text_n + h.id_n + h.json_n;
	}
	llm_buf_reset(&o->held);
	o->held_at = 0;
	return 1;
}

static void
out_writable(void *arg)
{
	struct llm_out *o = arg;

	o->armed = 0;
	if (!out_flush(o)) {
		out_arm(o);
		if (o->armed)
			return;
	}
	if (o->blocked != NULL)
		o->blocked(o->user, 0);
	if (o->drained != NULL)
		o->drained(o->user);
}

static void
out_start(struct llm_out *o, uint32_t kind, struct sept_slice id,
    struct sept_slice name)
{
	struct sept_event ev;

	llm_out_close(o);
	memset(&ev, 0, sizeof ev);
	ev.kind = SEPT_EV_BLOCK_START;
	ev.index = o->next++;
	ev.flags = kind;
	ev.text = name;
	ev.id = id;
	o->open = kind;
	out_put(o, &ev);
}

void
llm_out_open(struct llm_out *o, uint32_t kind)
{
	struct sept_slice none = { NULL, 0 };

	out_start(o, kind, none, none);
}

void
llm_out_tool(struct llm_out *o, struct sept_slice id, struct sept_slice name)
{
	out_start(o, SEPT_BLOCK_TOOL_USE, id, name);
}

static void
out_piece(struct llm_out *o, uint32_t kind, const char *p, size_t n)
{
	struct sept_event ev;

	memset(&ev, 0, sizeof ev);
	ev.kind = kind;
	ev.index = o->next - 1;
	ev.text.p = p;
	ev.text.n = n;
	out_put(o, &ev);
}

void
llm_out_text(struct llm_out *o, const char *p, size_t n)
{
	if (n == 0)
		return;
	if (o->open != SEPT_BLOCK_TEXT)
		llm_out_open(o, SEPT_BLOCK_TEXT);
	out_piece(o, SEPT_EV_TEXT, p, n);
}

void
llm_out_thinking(struct llm_out *o, const char *p, size_t n)
{
	if (n == 0)
		return;
	if (o->open != SEPT_BLOCK_THINKING)
		llm_out_open(o, SEPT_BLOCK_THINKING);
	out_piece(o, SEPT_EV_THINKING, p, n);
}

void
llm_out_input(struct llm_out *o, const char *p, size_t n)
{
	if (n != 0 && o->open == SEPT_BLOCK_TOOL_USE)
		out_piece(o, SEPT_EV_TOOL_INPUT, p, n);
}

void
llm_out_meta(struct llm_out *o, const char *key, const char *value, size_t n)
{
	struct sept_event ev;
	struct llm_buf b;

	if (o->open == 0)
		return;
	llm_buf_init(&b, LLM_OUT_MAX);
	llm_buf_fmt(&b, "{\"%s\":", key);
	llm_buf_quote(&b, value, n);
	llm_buf_str(&b, "}");
	if (b.failed) {
		o->failed = 1;
	} else {
		memset(&ev, 0, sizeof ev);
		ev.kind = SEPT_EV_BLOCK_META;
		ev.index = o->next - 1;
		ev.json.p = b.p;
		ev.json.n = b.n;
		out_put(o, &ev);
	}
	llm_buf_fini(&b);
}

void
llm_out_close(struct llm_out *o)
{
	struct sept_event ev;

	if (o->open == 0)
		return;
	memset(&ev, 0, sizeof ev);
	ev.kind = SEPT_EV_BLOCK_STOP;
	ev.index = o->next - 1;
	o->open = 0;
	out_put(o, &ev);
}

void
llm_out_usage(struct llm_out *o, uint64_t input, uint64_t output,
    uint64_t cache_hit)
{
	struct sept_event ev;
	char text[160];
	int n;

	n = snprintf(text, sizeof text, "{\"input_tokens\":%llu,"
	    "\"output_tokens\":%llu,\"cache_hit_tokens\":%llu}",
	    (unsigned long long)input, (unsigned long long)output,
	    (unsigned long long)cache_hit);
	if (n < 0 || (size_t)n >= sizeof text)
		return;
	memset(&ev, 0, sizeof ev);
	ev.kind = SEPT_EV_USAGE;
	ev.json.p = text;
	ev.json.n = (size_t)n;
	out_put(o, &ev);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.c - the payloads of a turn's events (contract, section 3). Text that
 * looks like a credential is covered before it reaches the journal.
 */
#include <stdlib.h>
#include <string.h>

#include "../base/json.h"
#include "../base/scrub.h"
#include "agent-internal.h"

#define EVENT_MAX (64u << 20)

int
wire_event(struct turn *t, const char *type, struct buf *b)
{
	int64_t id = 0;

	if (!buf_failed(b)) {
		if (b->n > 0)
			scrub_in_place(b->p, b->n);
		id = channel_event(t->channel, type, b->p != NULL ? b->p : "",
		    b->n);
	}
	buf_fini(b);
	return id > 0 ? 0 : -1;
}

static void
add_str(struct buf *b, const char *key, const char *value)
{
	buf_addf(b, "%s\"%s\":", b->n > 0 ? "," : "", key);
	buf_add_json_str(b, value, strlen(value));
}

int
wire_started_members(struct buf *b, const char *task_id, const char *turn_id,
    const char *message_id, const char *agent)
{
	add_str(b, "phase", "started");
	add_str(b, "task_id", task_id);
	add_str(b, "turn_id", turn_id);
	add_str(b, "message_id", message_id);
	add_str(b, "agent", agent);
	return buf_failed(b) ? -1 : 0;
}

int
wire_lifecycle(struct turn *t, const char *phase)
{
	struct buf b;

	buf_init(&b, EVENT_MAX);
	add_str(&b, "phase", phase);
	add_str(&b, "task_id", t->task_id);
	add_str(&b, "turn_id", t->turn_id);
	if (strcmp(phase, "completed") == 0) {
		if (t->answer_id[0] != '\0')
			add_str(&b, "message_id", t->answer_id);
		add_str(&b, "stop_reason", t->stop_reason);
		if (t->result != NULL) {
			buf_adds(&b, ",\"result\":");
			json_add(&b, t->result);
		}
	}
	return wire_event(t, "thread_lifecycle", &b);
}

int
wire_error(struct turn *t)
{
	struct buf b;

	buf_init(&b, EVENT_MAX);
	add_str(&b, "error", err_name(t->error.code));
	add_str(&b, "message", t->error.text);
	if (t->error_details != NULL) {
		buf_adds(&b, ",\"details\":");
		json_add(&b, t->error_details);
	}
	return wire_event(t, "error", &b);
}

int
wire_block(struct turn *t, int start, int index, const char *type)
{
	struct buf b;

	buf_init(&b, 256);
	buf_addf(&b, "\"block_index\":%d,\"block_type\":\"%s\"", index, type);
	return wire_event(t, start ? "content_block_start" :
	    "content_block_stop", &b);
}

int
wire_tool_call(struct turn *t, const struct tool_run *r)
{
	struct buf b;

	buf_init(&b, EVENT_MAX);
	add_str(&b, "tool", r->block->name);
	add_str(&b, "tool_call_id", r->block->id);
	buf_adds(&b, ",\"input\":");
	if (r->input != NULL)
		json_add(&b, r->input);
	else
		buf_adds(&b, "{}");
	return wire_event(t, "tool_call", &b);
}

int
wire_tool_result(struct turn *t, const struct tool_run *r,
    uint64_t duration_ms, int truncated)
{
	struct buf b;

	buf_init(&b, EVENT_MAX);
	add_str(&b, "tool", r->block->name);
	add_str(&b, "tool_call_id", r->block->id);
	buf_adds(&b, ",\"output\":");
	buf_add_json_str(&b, r->output != NULL ? r->output : "",
	    r->output_n);
	if (r->error != NULL)
		add_str(&b, "error", r->error);
	buf_addf(&b, ",\"duration_ms\":%llu,\"truncated\":%s",
	    (unsigned long long)duration_ms, truncated ? "true" : "false");
	return wire_event(t, "tool_result", &b);
}

int
wire_usage(struct turn *t, const char *model)
{
	struct buf b;

	buf_init(&b, 4096);
	add_str(&b, "model", model);
	buf_addf(&b, ",\"input_tokens\":%lld,\"output_tokens\":%lld,"
	    "\"cache_hit_tokens\":%lld", (long long)t->reply.input_tokens,
	    (long long)t->reply.output_tokens,
	    (long long)t->reply.cache_hit_tokens);
	return wire_event(t, "usage", &b);
}

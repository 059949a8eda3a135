/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools.c - the tool calls of one reply: checked against their schemas, run
 * at the same time up to the limit, results given to the model in call order.
 *
 * The reply and an "effect" row per call are committed before the first tool
 * runs, so that after a crash it is known what may have happened. A failed
 * tool never ends a turn.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/json.h"
#include "../base/log.h"
#include "../base/utf8.h"
#include "agent-internal.h"
#include "result.h"
#include "workspace.h"

enum { RUN_WAITING, RUN_RUNNING, RUN_DONE };

/* --- one result -------------------------------------------------------- */

/* [writer] One finished call in the ledger. */
struct finish {
	struct brain_op op;
	char *call_id, *output, *error;
};

static int
finish_run(struct brain_db *db, void *arg, struct err *e)
{
	struct finish *f = arg;

	return effect_finish(db, f->call_id, f->output, f->error,
	    clock_wall_ms(), e);
}

static void
finish_free(struct finish *f)
{
	free(f->call_id);
	free(f->output);
	free(f->error);
	free(f);
}

static void
finish_done(void *arg, const struct err *e)
{
	if (e->code != ERR_NONE)
		log_error("agent", "a tool result is not in the ledger: %s",
		    e->text);
	finish_free(arg);
}

static void
to_ledger(struct tool_run *r)
{
	struct finish *f = calloc(1, sizeof *f);

	if (f == NULL)
		return;
	f->call_id = strdup(r->block->id);
	f->output = strdup(r->output != NULL ? r->output : "");
	f->error = r->error != NULL ? strdup(r->error) : NULL;
	if (f->call_id == NULL || f->output == NULL ||
	    (r->error != NULL && f->error == NULL)) {
		finish_free(f);
		return;
	}
	f->op.run = finish_run;
	f->op.done = finish_done;
	f->op.arg = f;
	brain_write(r->turn->agent->cfg.brain, &f->op);
}

/*
 * Ends one run with output and perhaps an error code; both are copied. The
 * output is cut at TOOL_OUTPUT_MAX bytes with a note.
 */
static void
run_end(struct tool_run *r, const char *output, size_t n, const char *error,
    int truncated)
{
	struct turn *t = r->turn;
	uint64_t ms = r->started_ns == 0 ? 0 :
	    (clock_mono_ns() - r->started_ns) / 1000000;
	struct buf b;

	buf_init(&b, TOOL_OUTPUT_MAX + 256);
	if (n > TOOL_OUTPUT_MAX) {
		buf_add(&b, output, utf8_cut(output, TOOL_OUTPUT_MAX));
		buf_addf(&b, "\n[cut: %zu of %zu bytes shown]", b.n, n);
		truncated = 1;
	} else {
		buf_add(&b, output, n);
	}
	r->output = buf_take(&b, &r->output_n);
	r->error = error != NULL ? strdup(error) : NULL;
	if (r->output == NULL || (error != NULL && r->error == NULL)) {
		free(r->error);
		r->error = NULL;
		r->output_n = 0;
		log_error("agent", "turn %s: a tool's output is lost: out of "
		    "memory", t->turn_id);
	}
	r->state = RUN_DONE;
	t->runs_open--;
	if (error != NULL)
		t->agent->stats.tool_failures++;
	if (wire_tool_result(t, r, ms, truncated) != 0)
		log_error("agent", "turn %s: an event is lost: out of "
		    "memory", t->turn_id);
	to_ledger(r);
	turn_step_later(t);
}

void
tool_run_end(struct tool_run *r, const char *output, const char *error)
{
	run_end(r, output, strlen(output), error, 0);
}

int
tool_run_known(struct tool_run *r, const char *output, const char *error)
{
	r->output = strdup(output);
	r->error = error != NULL ? strdup(error) : NULL;
	if (r->output == NULL || (error != NULL && r->error == NULL))
		return -1;
	r->output_n = strlen(output);
	r->state = RUN_DONE;
	r->turn->runs_open--;
	return 0;
}

/* --- plugin calls ------------------------------------------------------- */

static const char *
status_code(sept_status status)
{
	switch (status) {
	case SEPT_ECANCELLED:
		return "cancelled";
	case SEPT_ETIMEOUT:
		return "timeout";
	case SEPT_EUNAVAIL:
		return "unavailable";
	case SEPT_EDENIED:
		return "permission_denied";
	case SEPT_EINVAL:
		return "invalid_input";
	case SEPT_ENOTFOUND:
		return "not_found";
	default:
		return "failed";
	}
}

static void
on_tool_done(void *user, sept_status status, json_t *result)
{
	struct tool_run *r = user;
	json_t *out = json_object_get(result, "output");
	const char *code = json_string_value(json_object_get(result,
	    "error"));
	int cut = json_is_true(json_object_get(result, "truncated"));
	char *text = NULL;
	size_t n = 0;

	r->call = NULL;
	if (r->turn->stop_now && status == SEPT_ECANCELLED) {
		/* Ended by the stop: stays open in the ledger. */
		r->state = RUN_DONE;
		turn_step_later(r->turn);
		return;
	}
	if (status == SEPT_OK && code != NULL)
		status = SEPT_EFAILED;
	if (status != SEPT_OK && code == NULL)
		code = status_code(status);
	if (status == SEPT_OK)
		code = NULL;
	if (json_is_string(out)) {
		run_end(r, json_string_value(out), json_string_length(out),
		    code, cut);
		return;
	}
	/* A plugin that gives an object of its own: that is the output. */
	if (json_object_size(result) > 0)
		text = json_line(out != NULL ? out : result, &n);
	run_end(r, text != NULL ? text : "", n, code, cut);
	free(text);
}

static void
invoke(struct tool_run *r)
{
	static const struct plug_call_ops ops = { NULL, on_tool_done };
	struct turn *t = r->turn;
	struct plug_caller who;
	char *args;
	size_t n;
	struct err e;

	memset(&who, 0, sizeof who);
	err_clear(&e);
	who.task_id = t->task_id;
	who.turn_id = t->turn_id;
	who.call_id = r->block->id;
	who.agent = t->agent_name;
	who.workspace = t->workspace;
	who.attempt = 1;
	if (r->tool->timeout_ms != 0)
		who.deadline_ns = clock_mono_ns() +
		    r->tool->timeout_ms * UINT64_C(1000000);
	args = json_line(r->input, &n);
	if (args == NULL)
		err_nomem(&e);
	else
		r->call = plug_tool_invoke(r->tool->tool, &who, args, n, &ops,
		    r, &e);
	free(args);
	if (r->call == NULL)
		tool_run_end(r, e.text[0] != '\0' ? e.text :
		    "the tool could not be started", "unavailable");
}

/* --- checks before a call ----------------------------------------------- */

/* 1 when the run may go on; else it has been ended with a tool error. */
static int
check_run(struct tool_run *r)
{
	struct buf b;
	struct err e;

	if (r->tool == NULL) {
		buf_init(&b, 1024);
		buf_addf(&b, "there is no tool named %.200s", r->block->name);
		tool_run_end(r, b.p != NULL ? b.p : "", "unknown_tool");
		buf_fini(&b);
		return 0;
	}
	err_clear(&e);
	if (r->input == NULL) {
		json_decref(reply_input(r->block, &e));
		tool_run_end(r, e.text[0] != '\0' ? e.text :
		    "the input is not a JSON object", "invalid_input");
		return 0;
	}
	if (schema_check(r->tool->schema, r->input, &e) != 0) {
		if (r->tool == &r->turn->submit)
			r->turn->schema_tries++;
		tool_run_end(r, e.text, "invalid_input");
		return 0;
	}
	if (r->tool->requires_permission) {
		tool_run_end(r, "this tool needs a human's permission, which "
		    "cannot be asked for", "permission_denied");
		return 0;
	}
	return 1;
}

/* The call is in the journal: from here on it may have happened. */
static void
on_journaled(void *arg, const struct err *e)
{
	struct tool_run *r = arg;
	struct turn *t = r->turn;

	if (t->stop_now) {
		r->state = RUN_DONE;
		turn_step_later(t);
	} else if (t->cancelled) {
		tool_run_end(r, "the turn was cancelled", "cancelled");
	} else if (e->code != ERR_NONE) {
		tool_run_end(r, "the call could not be recorded", "failed");
	} else if (!check_run(r)) {
		;
	} else if (r->tool->action == ACTION_NONE) {
		invoke(r);
	} else if (action_run(r) != 0) {
		tool_run_end(r, "out of memory", "failed");
	}
}

/*
 * A call is journaled before it is made, so that after a crash a call without
 * its event has certainly not happened.
 */
static void
run_start(struct tool_run *r)
{
	struct turn *t = r->turn;

	r->state = RUN_RUNNING;
	r->started_ns = clock_mono_ns();
	t->agent->stats.tool_calls++;
	if ((!r->announced && wire_tool_call(t, r) != 0) ||
	    channel_sync(t->channel, on_journaled, r) != 0)
		tool_run_end(r, "out of memory", "failed");
}

/* --- the calls of a reply ----------------------------------------------- */

int
tools_prepare(struct turn *t)
{
	struct reply_block *b;
	struct tool_run *r;
	size_t i, n = reply_count(&t->reply, SEPT_BLOCK_TOOL_USE);

	tools_fini(t);
	t->runs = calloc(n, sizeof *t->runs);
	if (t->runs == NULL)
		return -1;
	for (i = 0; i < t->reply.n; i++) {
		b = t->reply.blocks[i];
		if (b->kind != SEPT_BLOCK_TOOL_USE)
			continue;
		r = &t->runs[t->runs_n++];
		r->turn = t;
		r->block = b;
		r->tool = result_entry(t, b->name);
		if (r->tool == NULL)
			r->tool = toolset_find(t->tools, b->name);
		r->input = reply_input(b, NULL);
	}
	t->runs_open = t->runs_n;
	t->used_tools = 1;
	t->runs_next = 0;
	return 0;
}

static void
on_workspace(void *arg, const char *path)
{
	struct turn *t = arg;

	if (path != NULL && t->workspace == NULL)
		t->workspace = strdup(path);
	turn_set_state(t, TS_TOOLS);
	turn_step_later(t);
}

static void
saved(struct turn *t)
{
	struct err e;

	if (turn_add_message(t, "assistant", t->saved) != 0) {
		err_nomem(&e);
		turn_fail(t, &e, NULL);
		return;
	}
	free(t->saved);
	t->saved = NULL;
	workspace_need(t->agent, t->task_id, on_workspace, t);
}

void
tools_begin(struct turn *t)
{
	struct err e;

	/* The save gives its text away; the request needs it as well. */
	t->saved = strdup(t->save.content);
	if (t->saved == NULL || tools_prepare(t) != 0) {
		err_nomem(&e);
		turn_fail(t, &e, NULL);
		return;
	}
	t->save.effects = 1;
	t->save.usage = 1;
	turn_set_state(t, TS_SAVE);
	turn_save(t, saved);
}

int
tools_content(struct turn *t, struct buf *b)
{
	const struct tool_run *r;
	size_t i;

	buf_addc(b, '[');
	for (i = 0; i < t->runs_n; i++) {
		r = &t->runs[i];
		buf_addf(b, "%s{\"type\":\"tool_result\",\"tool_use_id\":"
		    "\"%s\",\"name\":", i > 0 ? "," : "", r->block->id);
		buf_add_json_str(b, r->block->name, strlen(r->block->name));
		buf_adds(b, ",\"output\":");
		buf_add_json_str(b, r->output != NULL ? r->output : "",
		    r->output_n);
		if (r->error != NULL) {
			buf_adds(b, ",\"error\":");
			buf_add_json_str(b, r->error, strlen(r->error));
		}
		buf_addc(b, '}');
	}
	return buf_addc(b, ']');
}

static void
results_saved(struct turn *t)
{
	struct err e;

	tools_fini(t);
	if (t->result != NULL) {
		turn_finish(t, OUT_COMPLETED, "end_turn");
		return;
	}
	if (t->schema_tries >= SCHEMA_TRIES) {
		err_set(&e, ERR_VALIDATION,
		    "no result that fits response_schema");
		turn_fail(t, &e, NULL);
		return;
	}
	turn_set_state(t, TS_CONTEXT);
	turn_step_later(t);
}

/* All calls have ended: their results become a message of the thread. */
static void
keep_results(struct turn *t)
{
	struct buf b;
	struct err e;

	buf_init(&b, HISTORY_MAX);
	tools_content(t, &b);
	free(t->save.content);
	t->save.content = NULL;
	if (buf_failed(&b) || turn_add_message(t, "tool", b.p) != 0) {
		buf_fini(&b);
		err_nomem(&e);
		turn_fail(t, &e, NULL);
		return;
	}
	t->save.content = buf_take(&b, NULL);
	id_make(t->save.message_id, "msg-");
	t->save.role = "tool";
	t->save.effects = 0;
	t->save.usage = 0;
	if (t->cancelled) {
		turn_finish(t, OUT_CANCELLED, "cancelled");
		return;
	}
	turn_set_state(t, TS_SAVE);
	turn_save(t, results_saved);
}

void
tools_run(struct turn *t)
{
	struct tool_run *r;
	size_t i, running = 0;

	for (i = 0; i < t->runs_next; i++)
		running += t->runs[i].state == RUN_RUNNING;
	while (!t->stop_now && t->runs_next < t->runs_n &&
	    running < (size_t)t->agent->cfg.tool_concurrency) {
		r = &t->runs[t->runs_next++];
		if (r->state == RUN_WAITING)
			run_start(r);
		running += r->state == RUN_RUNNING;
	}
	if (t->stop_now && running == 0)
		turn_finish(t, OUT_FAILED, "interrupted");
	else if (!t->stop_now && t->runs_open == 0)
		keep_results(t);
}

void
tools_cancel(struct turn *t)
{
	size_t i;

	for (i = 0; i < t->runs_n; i++)
		if (t->runs[i].call != NULL)
			plug_call_cancel(t->runs[i].call);
	turn_step_later(t);
}

void
tools_fini(struct turn *t)
{
	size_t i;

	for (i = 0; i < t->runs_n; i++) {
		json_decref(t->runs[i].input);
		free(t->runs[i].output);
		free(t->runs[i].error);
	}
	free(t->runs);
	t->runs = NULL;
	t->runs_n = t->runs_next = t->runs_open = 0;
}

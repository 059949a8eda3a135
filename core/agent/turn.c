/* SPDX-License-Identifier: Apache-2.0 */
/*
 * turn.c - the turn's state machine: one setter, one table of legal moves,
 * one step function with a case per state.
 *
 * Whoever works for a turn (model, tools, writer, journal) reports back with
 * turn_step_later(); a step is never entered from inside another. A turn is
 * freed only in TS_ENDED, when the journal has its last event.
 */
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/json.h"
#include "../base/log.h"
#include "agent-internal.h"

static const char *const state_names[TS_STATES_] = {
	"NEW", "CONTEXT", "MODEL", "SAVE", "TOOLS", "FINISH", "ENDED"
};

#define BIT(s) (1u << (s))

/* Where each state may go. */
static const unsigned legal[TS_STATES_] = {
	[TS_NEW] = BIT(TS_CONTEXT) | BIT(TS_SAVE) | BIT(TS_FINISH),
	[TS_CONTEXT] = BIT(TS_MODEL) | BIT(TS_FINISH),
	[TS_MODEL] = BIT(TS_SAVE) | BIT(TS_CONTEXT) | BIT(TS_FINISH),
	[TS_SAVE] = BIT(TS_TOOLS) | BIT(TS_CONTEXT) | BIT(TS_FINISH),
	[TS_TOOLS] = BIT(TS_SAVE) | BIT(TS_FINISH),
	[TS_FINISH] = BIT(TS_ENDED),
	[TS_ENDED] = 0,
};

void
turn_set_state(struct turn *t, enum tstate to)
{
	if ((legal[t->state] & BIT(to)) == 0) {
		/* Our own mistake; the journal must still get an end. */
		log_error("agent", "turn %s: no way from %s to %s",
		    t->turn_id, state_names[t->state], state_names[to]);
		abort();
	}
	t->state = to;
}

struct turn *
turn_new(struct agent *a, const char *task_id, struct err *e)
{
	struct turn *t = calloc(1, sizeof *t);

	if (t == NULL) {
		err_nomem(e);
		return NULL;
	}
	t->agent = a;
	t->task_id = strdup(task_id);
	if (t->task_id == NULL) {
		free(t);
		err_nomem(e);
		return NULL;
	}
	id_make(t->turn_id, "turn-");
	buf_init(&t->messages, HISTORY_MAX);
	buf_init(&t->hold, REPLY_MAX_BYTES);
	reply_init(&t->reply);
	HASH_ADD_KEYPTR(hh, a->turns, t->task_id, strlen(t->task_id), t);
	if (t->hh.tbl == NULL) {
		free(t->task_id);
		free(t);
		err_nomem(e);
		return NULL;
	}
	a->stats.running++;
	return t;
}

void
turn_free(struct turn *t)
{
	struct agent *a = t->agent;

	HASH_DEL(a->turns, t);
	a->stats.running--;
	model_fini(t);
	tools_fini(t);
	reply_fini(&t->reply);
	buf_fini(&t->messages);
	buf_fini(&t->hold);
	toolset_unref(t->tools);
	plug_snapshot_unref(t->plugs);
	catalog_unref(t->catalog);
	schema_free(t->schema_c);
	json_decref(t->schema);
	json_decref(t->result);
	json_decref(t->error_details);
	json_decref(t->submit.input_schema);
	schema_free(t->submit.schema);
	free(t->tools_json);
	free(t->save.content);
	free(t->params);
	free(t->workspace);
	free(t->saved);
	free(t->agent_name);
	free(t->task_id);
	free(t);
	agent_turn_gone(a);
}

/*
 * Appends a message to the text that the model gets; a message of the same
 * role as the one before becomes part of it, as roles must alternate.
 */
int
turn_add_message(struct turn *t, const char *role, const char *content)
{
	char who = strcmp(role, "assistant") == 0 ? 'a' : 'u';
	struct buf *b = &t->messages;

	if (b->n == 0)
		buf_addc(b, '[');
	if (t->last_role == who) {
		b->n -= 2; /* "]}" */
		buf_addf(b, ",");
		buf_adds(b, content + 1);
	} else {
		buf_adds(b, b->n > 1 ? ",{\"role\":" : "{\"role\":");
		buf_adds(b, who == 'a' ? "\"assistant\"" : "\"user\"");
		buf_adds(b, ",\"content\":");
		buf_adds(b, content);
	}
	t->last_role = who;
	return buf_addc(b, '}');
}

/* [writer] */
static int
save_effects(struct turn *t, struct brain_db *db, int64_t now,
    struct err *e)
{
	const struct tool_run *r;
	const char *input;
	size_t i;

	for (i = 0; i < t->runs_n; i++) {
		r = &t->runs[i];
		input = r->block->text.p != NULL ? r->block->text.p : "{}";
		if (effect_start(db, r->block->id, t->turn_id,
		    r->block->name, input, now, e) != 0)
			return -1;
	}
	return 0;
}

/* [writer] */
static int
save_end(struct turn *t, struct brain_db *db, int64_t now, struct err *e)
{
	enum turn_state state = t->outcome == OUT_FAILED ? TURN_ERRORED :
	    t->outcome == OUT_CANCELLED ? TURN_CANCELLED : TURN_COMPLETED;
	const char *detail = t->outcome == OUT_FAILED ?
	    err_name(t->error.code) : t->stop_reason;

	if (turn_end(db, t->turn_id, state, detail, now, e) != 0)
		return -1;
	return task_set(db, t->task_no, TASK_IDLE, NULL, now, e);
}

/* [writer] The turn is not touched by the loop until it is told. */
static int
save_run(struct brain_db *db, void *arg, struct err *e)
{
	struct turn *t = arg;
	struct save *s = &t->save;
	int64_t now = clock_wall_ms();

	if (s->content != NULL && message_insert(db, t->task_no,
	    s->message_id, s->role, s->content, t->turn_id, now, e) != 0)
		return -1;
	if (s->effects && save_effects(t, db, now, e) != 0)
		return -1;
	if (s->usage && t->reply.has_usage && usage_insert(db, t->task_no,
	    t->turn_id, t->answered_by, t->reply.input_tokens,
	    t->reply.output_tokens, t->reply.cache_hit_tokens, now, e) != 0)
		return -1;
	return s->end ? save_end(t, db, now, e) : 0;
}

static void
save_done(void *arg, const struct err *e)
{
	struct turn *t = arg;

	free(t->save.content);
	t->save.content = NULL;
	if (e->code != ERR_NONE) {
		turn_fail(t, e, NULL);
		return;
	}
	t->save.then(t);
}

/*
 * One transaction with the events of the step: what the thread has the
 * journal has, and the other way round, wherever the process dies.
 */
void
turn_save(struct turn *t, void (*then)(struct turn *t))
{
	struct err e;

	t->save.then = then;
	channel_with(t->channel, save_run, t);
	if (channel_sync(t->channel, save_done, t) != 0) {
		err_nomem(&e);
		save_done(t, &e);
	}
}

static void
on_gone(void *arg)
{
	turn_free(arg);
}

static void
wire_end(struct turn *t)
{
	int bad;

	if (t->outcome == OUT_FAILED) {
		bad = wire_lifecycle(t, "errored") != 0 ||
		    wire_error(t) != 0;
		t->agent->stats.turns_failed++;
	} else {
		bad = wire_lifecycle(t, "completed") != 0;
		if (t->outcome == OUT_CANCELLED)
			t->agent->stats.turns_cancelled++;
		else
			t->agent->stats.turns_completed++;
	}
	if (bad)
		log_error("agent", "turn %s: its last event is lost: out of "
		    "memory", t->turn_id);
}

/*
 * The last events, the message that the turn leaves behind and its end, in
 * one transaction.
 */
static void
step_finish(struct turn *t)
{
	turn_set_state(t, TS_ENDED);
	/* Looking for leftovers costs more than a turn without tools. */
	if (t->used_tools)
		plug_turn_ended(t->plugs, t->task_id, t->turn_id);
	if (!t->stop_now) {
		t->save.effects = 0;
		t->save.usage = t->outcome == OUT_COMPLETED;
		t->save.end = 1;
		wire_end(t);
		channel_with(t->channel, save_run, t);
	}
	/* Else it is left for the next start: no end event, no end row. */
	channel_end(t->channel, on_gone, t);
}

void
turn_finish(struct turn *t, enum outcome how, const char *stop_reason)
{
	t->outcome = how;
	(void)snprintf(t->stop_reason, sizeof t->stop_reason, "%s",
	    stop_reason);
	turn_set_state(t, TS_FINISH);
	turn_step_later(t);
}

void
turn_fail(struct turn *t, const struct err *e, json_t *details)
{
	log_msg(LOG_LEVEL_WARNING, "agent",
	    &(struct log_ctx){ NULL, t->task_id, NULL },
	    "turn %s failed: %s: %s", t->turn_id, err_name(e->code),
	    e->text);
	t->error = *e;
	json_decref(t->error_details);
	t->error_details = json_incref(details);
	turn_finish(t, OUT_FAILED, "error");
}

static void
turn_step(void *arg)
{
	struct turn *t = arg;

	t->stepping = 0;
	switch (t->state) {
	case TS_CONTEXT:
		if (t->cancelled || t->stop_now) {
			turn_finish(t, OUT_CANCELLED, "cancelled");
			break;
		}
		turn_set_state(t, TS_MODEL);
		model_call(t);
		break;
	case TS_TOOLS:
		tools_run(t);
		break;
	case TS_FINISH:
		step_finish(t);
		break;
	case TS_NEW:
	case TS_MODEL:
	case TS_SAVE:
	case TS_ENDED:
	case TS_STATES_:
		break; /* others work; they will report */
	}
}

void
turn_step_later(struct turn *t)
{
	if (t->stepping)
		return;
	t->stepping = 1;
	t->step.fn = turn_step;
	t->step.arg = t;
	loop_post(t->agent->cfg.loop, &t->step);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ending.c - how a turn ended, kept in its row until its last event is in the
 * journal, so that a crash in between costs no client the end of its stream.
 *
 * The row of a turn that is ending stays in state RUNNING, with a JSON object
 * as its detail. Only when the journal has the last event it gets its final
 * state.
 */
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/json.h"
#include "../base/log.h"
#include "agent-internal.h"

#define ENDING_MAX (64u << 20)

static enum turn_state
final_state(enum outcome how)
{
	return how == OUT_FAILED ? TURN_ERRORED :
	    how == OUT_CANCELLED ? TURN_CANCELLED : TURN_COMPLETED;
}

static void
add_str(struct buf *b, const char *key, const char *value)
{
	buf_addf(b, ",\"%s\":", key);
	buf_add_json_str(b, value, strlen(value));
}

char *
ending_write(const struct turn *t)
{
	struct buf b;

	buf_init(&b, ENDING_MAX);
	buf_addf(&b, "{\"outcome\":%d", (int)t->outcome);
	add_str(&b, "stop_reason", t->stop_reason);
	if (t->answer_id[0] != '\0')
		add_str(&b, "message_id", t->answer_id);
	if (t->result != NULL) {
		buf_adds(&b, ",\"result\":");
		json_add(&b, t->result);
	}
	if (t->outcome == OUT_FAILED) {
		add_str(&b, "error", err_name(t->error.code));
		add_str(&b, "message", t->error.text);
	}
	if (t->error_details != NULL) {
		buf_adds(&b, ",\"details\":");
		json_add(&b, t->error_details);
	}
	buf_addc(&b, '}');
	return buf_take(&b, NULL);
}

static void
copy_str(const json_t *o, const char *key, char *to, size_t size)
{
	const char *s = json_string_value(json_object_get(o, key));

	if (s != NULL)
		(void)snprintf(to, size, "%s", s);
}

int
ending_read(struct turn *t, const char *detail)
{
	json_t *o = json_loads(detail, 0, NULL);
	json_int_t how = json_integer_value(json_object_get(o, "outcome"));
	const char *code = json_string_value(json_object_get(o, "error"));

	if (how < OUT_COMPLETED || how > OUT_CANCELLED) {
		json_decref(o);
		return -1;
	}
	t->outcome = (enum outcome)how;
	copy_str(o, "stop_reason", t->stop_reason, sizeof t->stop_reason);
	copy_str(o, "message_id", t->answer_id, sizeof t->answer_id);
	copy_str(o, "message", t->error.text, sizeof t->error.text);
	t->error.code = code != NULL ? err_from_name(code) : ERR_NONE;
	if (t->outcome == OUT_FAILED && t->error.code == ERR_NONE)
		t->error.code = ERR_INTERNAL;
	t->result = json_incref(json_object_get(o, "result"));
	t->error_details = json_incref(json_object_get(o, "details"));
	json_decref(o);
	return 0;
}

/* --- the row's final state ------------------------------------------------ */

struct closing {
	struct brain_op op;
	char turn_id[ID_MAX];
	enum outcome how;
};

/* [writer] */
static int
closing_run(struct brain_db *db, void *arg, struct err *e)
{
	struct closing *c = arg;

	return turn_end(db, c->turn_id, final_state(c->how), NULL,
	    clock_wall_ms(), e);
}

static void
closing_done(void *arg, const struct err *e)
{
	struct closing *c = arg;

	/* The next start finds it ended and writes this anew. */
	if (e->code != ERR_NONE)
		log_warn("agent", "turn %s is still open in the brain: %s",
		    c->turn_id, e->text);
	free(c);
}

void
ending_close(struct agent *a, const char *turn_id, enum outcome how)
{
	struct closing *c = calloc(1, sizeof *c);

	if (c == NULL) {
		log_warn("agent", "turn %s is still open in the brain: out "
		    "of memory", turn_id);
		return;
	}
	(void)snprintf(c->turn_id, sizeof c->turn_id, "%s", turn_id);
	c->how = how;
	c->op.run = closing_run;
	c->op.done = closing_done;
	c->op.arg = c;
	brain_write(a->cfg.brain, &c->op);
}

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

#define RETRY_MS 1000

struct closing {
	struct closing *next;
	struct agent *agent;
	struct brain_op op;
	struct loop_timer *timer; /* NULL: with the brain */
	int64_t task_no;
	char turn_id[ID_MAX];
	char *task_id;
	enum outcome how;
	int idle; /* no other turn of the task had begun */
};

static void submit(void *arg);

static void
closing_free(struct closing *c)
{
	struct closing **p = &c->agent->closings;

	while (*p != c)
		p = &(*p)->next;
	*p = c->next;
	loop_timer_cancel(c->timer);
	free(c->task_id);
	free(c);
}

/* [writer] */
static int
closing_run(struct brain_db *db, void *arg, struct err *e)
{
	const struct closing *c = arg;
	int64_t now = clock_wall_ms();

	if (c->idle && task_set(db, c->task_no, TASK_IDLE, NULL, now, e)
	    != 0)
		return -1;
	return turn_end(db, c->turn_id, final_state(c->how), NULL, now, e);
}

/*
 * Tried until it works: a turn whose failure the client has been told must
 * not go on at the next start, and its task must not be shown as running.
 */
static void
closing_done(void *arg, const struct err *e)
{
	struct closing *c = arg;

	if (e->code == ERR_NONE) {
		closing_free(c);
		return;
	}
	log_warn("agent", "turn %s is still open in the brain: %s",
	    c->turn_id, e->text);
	if (loop_timer(c->agent->cfg.loop, RETRY_MS, submit, c, &c->timer)
	    != 0)
		closing_free(c);
}

/* In the brain's queue before any turn that begins from here on. */
static void
submit(void *arg)
{
	struct closing *c = arg;

	if (c->timer != NULL) {
		c->timer = NULL;
		c->idle = c->task_id != NULL &&
		    !agent_busy(c->agent, c->task_id);
	}
	c->op.run = closing_run;
	c->op.done = closing_done;
	c->op.arg = c;
	brain_write(c->agent->cfg.brain, &c->op);
}

void
ending_close(struct agent *a, const struct turn *t)
{
	struct closing *c = calloc(1, sizeof *c);

	if (c == NULL) {
		log_warn("agent", "turn %s is still open in the brain: out "
		    "of memory", t->turn_id);
		return;
	}
	c->agent = a;
	c->next = a->closings;
	a->closings = c;
	memcpy(c->turn_id, t->turn_id, sizeof c->turn_id);
	c->task_no = t->task_no;
	c->task_id = strdup(t->task_id); /* NULL: the row alone */
	c->how = t->outcome;
	c->idle = 1; /* the task is still locked by this turn */
	submit(c);
}

void
ending_fini(struct agent *a)
{
	while (a->closings != NULL)
		closing_free(a->closings);
}

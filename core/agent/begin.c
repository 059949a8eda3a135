/* SPDX-License-Identifier: Apache-2.0 */
/*
 * begin.c - the beginning of a turn: checks that need no brain, then one
 * operation on the writer that finds or makes the task, applies edit and
 * retry, writes message, turn and the `started` event, and reads the thread.
 *
 * Nothing is changed when any of it fails.
 */
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/json.h"
#include "agent-internal.h"
#include "result.h"

struct begin {
	struct brain_op op;
	struct turn *turn;
	void (*done)(void *arg, const struct err *e,
	    const struct agent_started *s);
	void *arg;
	/* In; read by the writer. */
	char *content, *edit_id, *retry_id, *agent, *options;
	/* Out */
	struct journal_first first;
	char message_id[ID_MAX];
	char *kept_id;         /* the message that is run again */
};

static void
begin_free(struct begin *b)
{
	free(b->content);
	free(b->edit_id);
	free(b->retry_id);
	free(b->agent);
	free(b->options);
	free(b->first.frame);
	free(b->kept_id);
	free(b);
}

/* --- on the writer ------------------------------------------------------ */

/* Which agent runs: the one asked for, the task's last, the default. */
static int
choose_agent(struct begin *b, const struct task_row *task, struct err *e)
{
	struct turn *t = b->turn;
	const struct catalog_agent *def = NULL;
	const char *dflt = t->agent->cfg.default_agent;

	if (b->agent != NULL) {
		def = catalog_agent_find(t->catalog, b->agent);
		if (def == NULL)
			return err_set(e, ERR_AGENT_NOT_FOUND,
			    "there is no agent named %.200s", b->agent);
	}
	if (def == NULL && task->agent != NULL)
		def = catalog_agent_find(t->catalog, task->agent);
	if (def == NULL)
		def = catalog_agent_find(t->catalog, dflt);
	if (def == NULL)
		return err_set(e, ERR_AGENT_NOT_FOUND,
		    "there is no agent named %.200s", dflt);
	t->def = def;
	t->agent_name = strdup(def->name);
	return t->agent_name == NULL ? err_nomem(e) : 0;
}

struct last_user {
	int64_t before, msg_no;
	char *message_id;
	int nomem;
};

static int
see_user(void *arg, const struct message_row *m)
{
	struct last_user *u = arg;

	if (m->msg_no > u->before || strcmp(m->role, "user") != 0)
		return 0;
	free(u->message_id);
	u->msg_no = m->msg_no;
	u->message_id = strdup(m->message_id);
	u->nomem = u->message_id == NULL;
	return u->nomem ? -1 : 0;
}

static int
no_message(struct err *e, const char *id)
{
	return err_set(e, ERR_MESSAGE_NOT_FOUND,
	    "the task has no message %.100s", id);
}

/* retry_message_id: everything behind the user message is void. */
static int
apply_retry(struct begin *b, struct brain_db *db, int64_t task_no,
    int64_t now, struct err *e)
{
	struct last_user u = { 0, 0, NULL, 0 };
	struct message_row m;
	int r = message_find(db, task_no, b->retry_id, &m, e);

	if (r <= 0)
		return r < 0 ? -1 : no_message(e, b->retry_id);
	u.before = m.msg_no;
	message_row_fini(&m);
	if (message_list(db, task_no, see_user, &u, e) != 0 ||
	    u.message_id == NULL) {
		free(u.message_id);
		return u.nomem ? err_nomem(e) : no_message(e, b->retry_id);
	}
	b->kept_id = u.message_id;
	return message_void_from(db, task_no, u.msg_no + 1, now, e);
}

static int
apply_edit(struct begin *b, struct brain_db *db, int64_t task_no,
    int64_t now, struct err *e)
{
	struct message_row m;
	int64_t msg_no;
	int is_user, r = message_find(db, task_no, b->edit_id, &m, e);

	if (r <= 0)
		return r < 0 ? -1 : no_message(e, b->edit_id);
	msg_no = m.msg_no;
	is_user = strcmp(m.role, "user") == 0;
	message_row_fini(&m);
	if (!is_user)
		return err_field(e, "edit_message_id",
		    "edit_message_id names an answer; only a user's message "
		    "can be replaced");
	return message_void_from(db, task_no, msg_no, now, e);
}

static int
see_message(void *arg, const struct message_row *m)
{
	struct turn *t = arg;

	return turn_add_message(t, m->role, m->content);
}

static int
write_started(struct begin *b, struct brain_db *db,
    const struct task_row *task, struct err *e)
{
	struct turn *t = b->turn;
	struct buf m;
	int r;

	buf_init(&m, 1u << 16);
	r = wire_started_members(&m, t->task_id, t->turn_id,
	    b->kept_id != NULL ? b->kept_id : b->message_id, t->agent_name);
	if (r != 0)
		err_nomem(e);
	else
		r = journal_put_first(db, t->task_no, task->last_event_id,
		    task->last_event_ts, "thread_lifecycle", m.p, m.n,
		    &b->first, e);
	buf_fini(&m);
	return r;
}

static int
find_or_make(struct begin *b, struct brain_db *db, struct task_row *task,
    int64_t now, struct err *e)
{
	struct turn *t = b->turn;
	int found = task_find(db, t->task_id, task, e);

	if (found < 0 || choose_agent(b, task, e) != 0)
		return -1;
	if (found) {
		t->task_no = task->task_no;
		if (task->state == TASK_WAITING_HUMAN)
			return err_set(e, ERR_HITL_REQUIRED,
			    "the task waits for a human");
		return 0;
	}
	if (b->edit_id != NULL || b->retry_id != NULL)
		return no_message(e, b->edit_id != NULL ? b->edit_id :
		    b->retry_id);
	return task_insert(db, t->task_id, t->agent_name, now, &t->task_no,
	    e);
}

static int
begin_run(struct brain_db *db, void *arg, struct err *e)
{
	struct begin *b = arg;
	struct turn *t = b->turn;
	struct task_row task;
	int64_t now = clock_wall_ms();
	int r = -1;

	memset(&task, 0, sizeof task);
	if (find_or_make(b, db, &task, now, e) != 0)
		goto out;
	if (b->edit_id != NULL &&
	    apply_edit(b, db, t->task_no, now, e) != 0)
		goto out;
	if (b->retry_id != NULL &&
	    apply_retry(b, db, t->task_no, now, e) != 0)
		goto out;
	if (b->content != NULL && message_insert(db, t->task_no,
	    b->message_id, "user", b->content, t->turn_id, now, e) != 0)
		goto out;
	if (turn_insert(db, t->task_no, t->turn_id, t->agent_name,
	    b->options, now, e) != 0 ||
	    task_set(db, t->task_no, TASK_RUNNING, t->agent_name, now,
	    e) != 0 || write_started(b, db, &task, e) != 0)
		goto out;
	r = message_list(db, t->task_no, see_message, t, e);
	if (r == 0 && buf_failed(&t->messages))
		r = err_set(e, ERR_CONTEXT_OVERFLOW,
		    "the thread is larger than a request can be");
out:
	task_row_fini(&task);
	return r;
}

/* --- back on the loop --------------------------------------------------- */

int
turn_prepare(struct turn *t, const char *agent_name, struct err *e)
{
	if (agent_name != NULL)
		t->def = catalog_agent_find(t->catalog, agent_name);
	if (t->def == NULL)
		return err_set(e, ERR_AGENT_NOT_FOUND,
		    "the turn's agent is not in the catalog");
	t->tools = toolset_get(&t->agent->toolsets, t->catalog, t->plugs,
	    t->def);
	return t->tools == NULL ? err_nomem(e) : 0;
}

static void
begin_done(void *arg, const struct err *op_err)
{
	struct begin *b = arg;
	struct turn *t = b->turn;
	struct agent_started s;
	struct err e = *op_err;

	if (e.code != ERR_NONE) {
		b->done(b->arg, &e, NULL);
		begin_free(b);
		turn_free(t);
		return;
	}
	s.task_no = t->task_no;
	s.first_id = b->first.id;
	s.turn_id = t->turn_id;
	t->channel = channel_open_with(t->agent->cfg.journal, t->task_no,
	    t->task_id, &b->first);
	if (t->channel == NULL) {
		/* What was written is taken up at the next start. */
		err_nomem(&e);
		b->done(b->arg, &e, NULL);
		begin_free(b);
		turn_free(t);
		return;
	}
	t->agent->stats.turns_started++;
	b->done(b->arg, &e, &s);
	begin_free(b);
	if (turn_prepare(t, NULL, &e) != 0) {
		turn_fail(t, &e, NULL);
		return;
	}
	turn_set_state(t, TS_CONTEXT);
	turn_step_later(t);
}

/* --- before the brain --------------------------------------------------- */

static int
check_media(const struct turn *t, unsigned need, struct err *e)
{
	unsigned lacks = need & ~plug_llm_info(t->llm)->media;
	const char *what = lacks & SEPT_LLM_IMAGE ? "images" :
	    lacks & SEPT_LLM_DOCUMENT ? "documents" :
	    lacks & SEPT_LLM_AUDIO ? "audio" :
	    lacks & SEPT_LLM_MEDIA_URL ? "media by URL" :
	    "documents or audio by URL";

	if (lacks == 0)
		return 0;
	return err_field(e, "media", "the backend %s does not take %s",
	    plug_llm_info(t->llm)->name, what);
}

static char *
write_options(const struct agent_exec *x)
{
	struct buf b;

	buf_init(&b, 4u << 20);
	buf_addf(&b, "{\"direct\":%s,\"super_thinking\":%s",
	    x->direct ? "true" : "false", x->thinking ? "true" : "false");
	if (x->schema != NULL) {
		buf_adds(&b, ",\"response_schema\":");
		json_add(&b, x->schema);
	}
	buf_addc(&b, '}');
	return buf_take(&b, NULL);
}

static int
copy_opt(const char *s, char **out)
{
	*out = s != NULL ? strdup(s) : NULL;
	return s != NULL && *out == NULL ? -1 : 0;
}

static int
fill_turn(struct turn *t, const struct agent_exec *x, struct err *e)
{
	struct agent *a = t->agent;

	t->direct = x->direct;
	t->thinking = x->thinking;
	t->schema = json_incref(x->schema);
	t->catalog = catalog_ref(a->catalog);
	t->plugs = plug_snapshot_ref(a->plugs);
	t->llm = plug_llm_find(t->plugs, a->cfg.provider);
	if (t->llm == NULL)
		return err_set(e, ERR_UNAVAILABLE,
		    "no backend plugin is named %s", a->cfg.provider);
	if (check_media(t, x->media, e) != 0)
		return -1;
	return result_prepare(t, e);
}

int
agent_execute(struct agent *a, const struct agent_exec *x,
    void (*done)(void *, const struct err *, const struct agent_started *),
    void *arg, struct err *e)
{
	struct begin *b;
	struct turn *t;

	if (a->draining || agent_starting(a))
		return err_set(e, ERR_UNAVAILABLE, a->draining ?
		    "the engine is stopping" : "the engine is starting");
	if (agent_busy(a, x->task_id))
		return err_set(e, ERR_TASK_BUSY,
		    "a turn of this task is running");
	t = turn_new(a, x->task_id, e);
	if (t == NULL)
		return -1;
	b = calloc(1, sizeof *b);
	if (b == NULL || copy_opt(x->content, &b->content) != 0 ||
	    copy_opt(x->edit_id, &b->edit_id) != 0 ||
	    copy_opt(x->retry_id, &b->retry_id) != 0 ||
	    copy_opt(x->agent, &b->agent) != 0 ||
	    (b->options = write_options(x)) == NULL) {
		err_nomem(e);
		goto fail;
	}
	if (fill_turn(t, x, e) != 0)
		goto fail;
	b->turn = t;
	b->done = done;
	b->arg = arg;
	id_make(b->message_id, "msg-");
	b->op.run = begin_run;
	b->op.done = begin_done;
	b->op.arg = b;
	brain_write(a->cfg.brain, &b->op);
	return 0;
fail:
	if (b != NULL)
		begin_free(b);
	turn_free(t);
	return -1;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resume.c - after a restart: turns that were running go on, under the same
 * id, from their last finished step.
 *
 * The journal says how far a turn has come. A step's rows are written in one
 * transaction with its events. Text of a model call that is not in the thread
 * is superseded and the call made again. Of the tool calls of
 * the last reply those with a result keep it; those that had not begun are
 * made; one whose outcome is unknown is repeated only when the tool is
 * read-only or idempotent, otherwise the model is told that it is unknown.
 */
#include <stdlib.h>
#include <string.h>

#include "../base/json.h"
#include "../base/log.h"
#include "../store/journal-scan.h"
#include "agent-internal.h"
#include "result.h"
#include "workspace.h"

/* What one turn left behind; filled on the reader. */
struct left {
	struct left *next;
	struct turn_row row;
	struct task_row task;
	struct turn *turn;        /* being rebuilt; its messages are filled */
	char *last_content;       /* of the thread's last message */
	char last_role;           /* 'u' user or tool, 'a' assistant */
	int64_t text_from, text_to; /* unfinished text, 0: none */
	int64_t call_from, call_to; /* text of the last finished call */
	unsigned calls_n;         /* finished model calls with blocks */
	unsigned replies_n;       /* of them in the thread */
	json_t *called, *results; /* since the last model call */
};

struct resume {
	struct agent *agent;
	struct brain_op op;
	struct left *head, **tail;
	void (*done)(void *arg, const struct err *e);
	void *arg;
};

static void
left_free(struct left *l)
{
	turn_row_fini(&l->row);
	task_row_fini(&l->task);
	free(l->last_content);
	json_decref(l->called);
	json_decref(l->results);
	free(l);
}

/* --- on the reader ------------------------------------------------------ */

static int
copy_row(const struct turn_row *from, struct turn_row *to)
{
	*to = *from;
	to->turn_id = strdup(from->turn_id);
	to->task_id = strdup(from->task_id);
	to->agent = strdup(from->agent);
	to->options = strdup(from->options);
	to->detail = NULL;
	return to->turn_id == NULL || to->task_id == NULL ||
	    to->agent == NULL || to->options == NULL ? -1 : 0;
}

static int
see_turn(void *arg, const struct turn_row *row)
{
	struct resume *r = arg;
	struct left *l = calloc(1, sizeof *l);

	if (l == NULL)
		return -1;
	*r->tail = l;
	r->tail = &l->next;
	l->called = json_object();
	l->results = json_object();
	return copy_row(row, &l->row) != 0 || l->called == NULL ||
	    l->results == NULL ? -1 : 0;
}

static int
is_text(const char *type)
{
	return strcmp(type, "text_delta") == 0 ||
	    strcmp(type, "thinking_delta") == 0 ||
	    strncmp(type, "content_block_", 14) == 0;
}

/* The turn's own beginning: what came before is another turn's. */
static void
see_lifecycle(struct left *l, const json_t *data)
{
	const char *id = json_string_value(json_object_get(data, "turn_id"));

	if (id == NULL || strcmp(id, l->row.turn_id) != 0)
		return;
	l->calls_n = 0;
	l->call_from = l->call_to = 0;
}

/* The end of a model call. */
static void
see_usage(struct left *l)
{
	json_object_clear(l->called);
	json_object_clear(l->results);
	if (l->text_from == 0)
		return; /* an empty reply leaves no message */
	l->calls_n++;
	l->call_from = l->text_from;
	l->call_to = l->text_to;
}

static int
superseded(const struct journal_event *ev, int64_t id)
{
	json_t *data = json_loadb(ev->data, ev->data_n, 0, NULL);
	int r = json_integer_value(json_object_get(data, "from_id")) <= id;

	json_decref(data);
	return r;
}

/* Events come oldest first; each finished step resets what is open. */
static int
see_event(void *arg, const struct journal_event *ev)
{
	struct left *l = arg;
	json_t *data;
	const char *id;

	if (is_text(ev->type)) {
		if (l->text_from == 0)
			l->text_from = ev->id;
		l->text_to = ev->id;
		return 0;
	}
	if (strcmp(ev->type, "usage") == 0)
		see_usage(l);
	/* A call that is made again had not finished after all. */
	if (strcmp(ev->type, "text_superseded") == 0 && l->call_to != 0 &&
	    superseded(ev, l->call_from)) {
		l->calls_n--;
		l->call_from = l->call_to = 0;
	}
	l->text_from = l->text_to = 0;
	if (strncmp(ev->type, "tool_", 5) != 0 &&
	    strcmp(ev->type, "thread_lifecycle") != 0)
		return 0;
	data = json_loadb(ev->data, ev->data_n, 0, NULL);
	if (*ev->type == 't' && ev->type[1] == 'h') {
		see_lifecycle(l, data);
		json_decref(data);
		return 0;
	}
	id = json_string_value(json_object_get(data, "tool_call_id"));
	if (id != NULL)
		json_object_set(strcmp(ev->type, "tool_call") == 0 ?
		    l->called : l->results, id, data);
	json_decref(data);
	return 0;
}

static int
see_message(void *arg, const struct message_row *m)
{
	struct left *l = arg;

	free(l->last_content);
	l->last_content = strdup(m->content);
	l->last_role = strcmp(m->role, "assistant") == 0 ? 'a' : 'u';
	if (l->last_role == 'a' && m->turn_id != NULL &&
	    strcmp(m->turn_id, l->row.turn_id) == 0)
		l->replies_n++;
	if (l->last_content == NULL)
		return -1;
	return turn_add_message(l->turn, m->role, m->content);
}

static int
find_left(struct brain_db *db, void *arg, struct err *e)
{
	struct resume *r = arg;
	struct left *l;

	if (turn_unfinished(db, see_turn, r, e) != 0)
		return -1;
	for (l = r->head; l != NULL; l = l->next)
		if (task_find(db, l->row.task_id, &l->task, e) < 0)
			return -1;
	return 0;
}

static int
read_left(struct brain_db *db, void *arg, struct err *e)
{
	struct resume *r = arg;
	struct left *l;

	for (l = r->head; l != NULL; l = l->next)
		if (l->turn != NULL && (message_list(db, l->row.task_no,
		    see_message, l, e) != 0 || journal_scan(db,
		    l->row.task_no, 0, see_event, l, e) != 0))
			return -1;
	return 0;
}

/* --- back on the loop --------------------------------------------------- */

static int
is_tool_use(const json_t *block)
{
	const char *type = json_string_value(json_object_get(block, "type"));

	return type != NULL && strcmp(type, "tool_use") == 0;
}

/* The reply as it was, from the message that was kept. */
static int
rebuild_reply(struct turn *t, json_t *content)
{
	struct sept_event ev;
	struct reply_block *b;
	json_t *block;
	const char *id;
	char *input;
	size_t i;
	struct err e;

	json_array_foreach(content, i, block) {
		if (!is_tool_use(block))
			continue;
		memset(&ev, 0, sizeof ev);
		ev.size = sizeof ev;
		ev.kind = SEPT_EV_BLOCK_START;
		ev.flags = SEPT_BLOCK_TOOL_USE;
		ev.index = (uint32_t)i;
		ev.text = sept_str(json_string_value(json_object_get(block,
		    "name")));
		if (reply_event(&t->reply, &ev, &b, NULL, &e) != 0)
			return -1;
		id = json_string_value(json_object_get(block, "id"));
		if (id == NULL || strlen(id) >= ID_MAX)
			return -1;
		memcpy(b->id, id, strlen(id) + 1);
		input = json_line(json_object_get(block, "input"), NULL);
		if (input == NULL)
			return -1;
		(void)buf_adds(&b->text, input);
		free(input);
	}
	return 0;
}

static int
has_tool_use(json_t *content)
{
	json_t *block;
	size_t i;

	json_array_foreach(content, i, block)
		if (is_tool_use(block))
			return 1;
	return 0;
}

static const char unknown_text[] =
    "The engine was restarted while this call was running. It may or may not "
    "have taken effect; check before you repeat it.";

/* What the journal knows of one call of the last reply. */
static int
place_run(struct tool_run *r, const struct left *l)
{
	json_t *done = json_object_get(l->results, r->block->id);
	const char *out;

	if (done != NULL) {
		out = json_string_value(json_object_get(done, "output"));
		return tool_run_known(r, out != NULL ? out : "",
		    json_string_value(json_object_get(done, "error")));
	}
	r->announced = json_object_get(l->called, r->block->id) != NULL;
	if (r->announced && r->tool != NULL &&
	    r->tool->action == ACTION_NONE && (r->tool->flags &
	    (SEPT_TOOL_READONLY | SEPT_TOOL_IDEMPOTENT)) == 0)
		tool_run_end(r, unknown_text, "outcome_unknown");
	return 0;
}

static void
on_workspace(void *arg, const char *path)
{
	struct turn *t = arg;

	if (path != NULL)
		t->workspace = strdup(path);
	turn_set_state(t, TS_TOOLS);
	turn_step_later(t);
}

/* The last message is a reply with tool calls: they are gone on with. */
static int
resume_tools(struct left *l, json_t *content)
{
	struct turn *t = l->turn;
	size_t i;

	if (rebuild_reply(t, content) != 0 || tools_prepare(t) != 0)
		return -1;
	for (i = 0; i < t->runs_n; i++)
		if (place_run(&t->runs[i], l) != 0)
			return -1;
	turn_set_state(t, TS_SAVE);
	workspace_need(t->agent, t->task_id, on_workspace, t);
	return 0;
}

static int
supersede(struct left *l)
{
	struct buf b;

	/* Finished, but its message was not written any more. */
	if (l->calls_n > l->replies_n && l->call_from != 0) {
		l->text_from = l->call_from;
		if (l->text_to == 0)
			l->text_to = l->call_to;
	}
	if (l->text_from == 0)
		return 0;
	buf_init(&b, 256);
	buf_addf(&b, "\"from_id\":%lld,\"to_id\":%lld",
	    (long long)l->text_from, (long long)l->text_to);
	return wire_event(l->turn, "text_superseded", &b);
}

static void
take_up(struct agent *a, struct left *l)
{
	struct turn *t = l->turn;
	json_t *content = NULL;
	int bad;
	struct err e;

	t->channel = channel_open(a->cfg.journal, t->task_no, t->task_id,
	    l->task.last_event_id, l->task.last_event_ts);
	if (t->channel == NULL) {
		log_error("agent", "turn %s is not taken up: out of memory",
		    t->turn_id);
		turn_free(t);
		return;
	}
	log_info("agent", "turn %s of task %s goes on", t->turn_id,
	    t->task_id);
	if (turn_prepare(t, l->row.agent, &e) != 0 ||
	    result_prepare(t, &e) != 0) {
		turn_fail(t, &e, NULL);
		return;
	}
	if (l->last_content != NULL)
		content = json_loads(l->last_content, 0, NULL);
	bad = supersede(l) != 0;
	if (!bad && l->last_role == 'a' && has_tool_use(content)) {
		bad = resume_tools(l, content) != 0;
	} else if (!bad) {
		turn_set_state(t, TS_CONTEXT);
		turn_step_later(t);
	}
	json_decref(content);
	if (bad) {
		err_nomem(&e);
		turn_fail(t, &e, NULL);
	}
}

static void
resume_end(struct resume *r, const struct err *e)
{
	struct left *l, *next;

	for (l = r->head; l != NULL; l = next) {
		next = l->next;
		left_free(l);
	}
	r->agent->resuming = 0;
	r->done(r->arg, e);
	free(r);
}

static void
left_read(void *arg, const struct err *e)
{
	struct resume *r = arg;
	struct left *l;

	for (l = r->head; l != NULL; l = l->next) {
		if (l->turn == NULL)
			continue;
		if (e->code != ERR_NONE)
			turn_free(l->turn);
		else
			take_up(r->agent, l);
	}
	resume_end(r, e);
}

/* A turn object in state NEW: the task is locked from here on. */
static struct turn *
make_turn(struct agent *a, const struct left *l)
{
	struct err e;
	json_t *o = json_loads(l->row.options, 0, NULL);
	struct turn *t = turn_new(a, l->row.task_id, &e);

	if (t != NULL) {
		(void)snprintf(t->turn_id, sizeof t->turn_id, "%s",
		    l->row.turn_id);
		t->task_no = l->row.task_no;
		t->direct = json_is_true(json_object_get(o, "direct"));
		t->thinking = json_is_true(json_object_get(o,
		    "super_thinking"));
		t->schema = json_incref(json_object_get(o,
		    "response_schema"));
		t->catalog = catalog_ref(a->catalog);
		t->plugs = plug_snapshot_ref(a->plugs);
		t->llm = plug_llm_find(t->plugs, a->cfg.provider);
		t->agent_name = strdup(l->row.agent);
		if (t->llm == NULL || t->agent_name == NULL) {
			log_error("agent", "turn %s is not taken up",
			    t->turn_id);
			turn_free(t);
			t = NULL;
		}
	}
	json_decref(o);
	return t;
}

static void
left_found(void *arg, const struct err *e)
{
	struct resume *r = arg;
	struct left *l;

	if (e->code == ERR_NONE)
		for (l = r->head; l != NULL; l = l->next)
			if (!agent_busy(r->agent, l->row.task_id))
				l->turn = make_turn(r->agent, l);
	if (e->code != ERR_NONE || r->head == NULL) {
		resume_end(r, e);
		return;
	}
	r->op.run = read_left;
	r->op.done = left_read;
	brain_read(r->agent->cfg.brain, &r->op);
}

int
agent_resume(struct agent *a, void (*done)(void *, const struct err *),
    void *arg, struct err *e)
{
	struct resume *r = calloc(1, sizeof *r);

	if (r == NULL)
		return err_nomem(e);
	r->agent = a;
	r->tail = &r->head;
	r->done = done;
	r->arg = arg;
	r->op.run = find_left;
	r->op.done = left_found;
	r->op.arg = r;
	a->resuming = 1;
	brain_read(a->cfg.brain, &r->op);
	return 0;
}

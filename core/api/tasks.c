/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tasks.c - the lists of tasks and messages, and the end of a task.
 */
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "api-internal.h"

static const char *
state_name(enum task_state s)
{
	return s == TASK_RUNNING ? "running" :
	    s == TASK_WAITING_HUMAN ? "waiting_human" : "idle";
}

static json_t *
task_json(const struct task_row *t)
{
	char created[CLOCK_ISO_LEN + 1], updated[CLOCK_ISO_LEN + 1];

	clock_iso(t->created_at, created);
	clock_iso(t->updated_at, updated);
	return json_pack("{s:s,s:s,s:s,s:I,s:s,s:s}", "task_id", t->task_id,
	    "agent", t->agent, "state", state_name(t->state),
	    "message_count", (json_int_t)t->message_count, "created_at",
	    created, "updated_at", updated);
}

static int
see_task(void *arg, const struct task_row *t)
{
	return json_array_append_new(arg, task_json(t));
}

static int
list_tasks(struct brain_db *db, void *arg, struct err *e)
{
	struct api_op *o = arg;
	json_t *list = json_array();
	int64_t total = 0;

	if (list == NULL)
		return err_nomem(e);
	if (task_list(db, o->limit, o->offset, see_task, list, &total,
	    e) != 0) {
		json_decref(list);
		return -1;
	}
	o->reply = json_pack("{s:o,s:I}", "tasks", list, "total",
	    (json_int_t)total);
	return o->reply == NULL ? err_nomem(e) : 0;
}

void
api_tasks(struct api_call *c)
{
	int64_t limit = 100, offset = 0;
	struct api_op *o;
	struct err e;

	if (api_query_int(c, "limit", 1, 1000, &limit, &e) != 0 ||
	    api_query_int(c, "offset", 0, INT64_MAX, &offset, &e) != 0) {
		api_fail(c->req, &e, NULL);
		return;
	}
	o = api_op_new(c);
	if (o == NULL)
		return;
	o->limit = limit;
	o->offset = offset;
	api_op_read(o, list_tasks);
}

/* 0 and the row, or -1 and TASK_NOT_FOUND. */
static int
need_task(struct brain_db *db, const char *id, struct task_row *t,
    struct err *e)
{
	int found = task_find(db, id, t, e);

	if (found == 0)
		err_set(e, ERR_TASK_NOT_FOUND, "there is no such task");
	return found == 1 ? 0 : -1;
}

static int
get_task(struct brain_db *db, void *arg, struct err *e)
{
	struct api_op *o = arg;
	struct task_row t;

	if (need_task(db, o->id, &t, e) != 0)
		return -1;
	o->reply = task_json(&t);
	task_row_fini(&t);
	return o->reply == NULL ? err_nomem(e) : 0;
}

void
api_task(struct api_call *c)
{
	struct api_op *o = api_op_new(c);

	if (o != NULL)
		api_op_read(o, get_task);
}

static int
see_message(void *arg, const struct message_row *m)
{
	char created[CLOCK_ISO_LEN + 1];
	json_t *content = json_loads(m->content, 0, NULL);

	if (content == NULL)
		return -1;
	clock_iso(m->created_at, created);
	return json_array_append_new(arg, json_pack(
	    "{s:s,s:s,s:o,s:s,s:s}", "message_id", m->message_id, "role",
	    m->role, "content", content, "turn_id", m->turn_id,
	    "created_at", created));
}

static int
list_messages(struct brain_db *db, void *arg, struct err *e)
{
	struct api_op *o = arg;
	struct task_row t;
	json_t *list;
	int r;

	if (need_task(db, o->id, &t, e) != 0)
		return -1;
	list = json_array();
	r = list == NULL ? err_nomem(e) : message_list(db, t.task_no,
	    see_message, list, e);
	task_row_fini(&t);
	if (r == 0)
		o->reply = json_pack("{s:O}", "messages", list);
	json_decref(list);
	return r == 0 && o->reply == NULL ? err_nomem(e) : r;
}

void
api_task_messages(struct api_call *c)
{
	struct api_op *o = api_op_new(c);

	if (o != NULL)
		api_op_read(o, list_messages);
}

static int
delete_task(struct brain_db *db, void *arg, struct err *e)
{
	struct api_op *o = arg;
	struct task_row t;
	int r;

	if (need_task(db, o->id, &t, e) != 0)
		return -1;
	r = t.state == TASK_IDLE ? task_delete(db, t.task_no, e) :
	    err_set(e, ERR_TASK_BUSY, "a turn of this task is running");
	task_row_fini(&t);
	if (r != 0)
		return -1;
	o->reply = json_pack("{s:s,s:s}", "status", "deleted", "task_id",
	    o->id);
	return o->reply == NULL ? err_nomem(e) : 0;
}

void
api_task_delete(struct api_call *c)
{
	struct api_op *o;
	struct err e;

	if (agent_busy(c->api->cfg.agent, c->param)) {
		err_set(&e, ERR_TASK_BUSY, "a turn of this task is running");
		api_fail(c->req, &e, NULL);
		return;
	}
	o = api_op_new(c);
	if (o != NULL)
		api_op_write(o, delete_task);
}

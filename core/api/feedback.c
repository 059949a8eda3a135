/* SPDX-License-Identifier: Apache-2.0 */
/*
 * feedback.c - POST /feedback: kept whole, with what the contract names
 * checked.
 */
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "api-internal.h"

static const char *
str(const struct api_op *o, const char *key)
{
	return json_string_value(json_object_get(o->body, key));
}

static int
check_message(struct brain_db *db, const struct task_row *t,
    const char *message_id, struct err *e)
{
	struct message_row m;
	int found;

	if (message_id == NULL)
		return 0;
	found = message_find(db, t->task_no, message_id, &m, e);
	if (found == 0)
		err_set(e, ERR_MESSAGE_NOT_FOUND,
		    "the task has no message %.100s", message_id);
	if (found == 1)
		message_row_fini(&m);
	return found == 1 ? 0 : -1;
}

static int
record(struct brain_db *db, void *arg, struct err *e)
{
	struct api_op *o = arg;
	struct task_row t;
	char id[ID_MAX], *text;
	int r, found = task_find(db, str(o, "task_id"), &t, e);

	if (found < 0)
		return -1;
	if (found == 0)
		return err_set(e, ERR_TASK_NOT_FOUND, "there is no such task");
	id_make(id, "fb-");
	text = json_dumps(o->body, JSON_COMPACT);
	r = text == NULL ? err_nomem(e) : check_message(db, &t,
	    str(o, "message_id"), e);
	if (r == 0)
		r = feedback_insert(db, id, t.task_no,
		    str(o, "feedback_type"), str(o, "message_id"), text,
		    clock_wall_ms(), e);
	free(text);
	task_row_fini(&t);
	if (r != 0)
		return -1;
	o->reply = json_pack("{s:s,s:s}", "status", "recorded",
	    "feedback_id", id);
	return o->reply == NULL ? err_nomem(e) : 0;
}

static int
check_fields(const json_t *body, struct err *e)
{
	const char *task = NULL, *type = NULL, *s = NULL;
	json_t *rating = json_object_get(body, "rating");

	if (json_get_str(body, "task_id", 1, &task, e) != 0 ||
	    json_get_str(body, "feedback_type", 1, &type, e) != 0 ||
	    json_get_str(body, "message_id", 0, &s, e) != 0 ||
	    json_get_str(body, "comment", 0, &s, e) != 0)
		return -1;
	if (strcmp(type, "correction") != 0 && strcmp(type, "rating") != 0 &&
	    strcmp(type, "error_report") != 0)
		return err_field(e, "feedback_type", "feedback_type must be "
		    "correction, rating or error_report");
	if (rating != NULL && !json_is_null(rating) &&
	    !json_is_number(rating))
		return err_field(e, "rating", "rating must be a number");
	return 0;
}

void
api_feedback(struct api_call *c)
{
	json_t *body = api_body(c, 0);
	struct api_op *o;
	struct err e;

	if (body == NULL)
		return;
	if (check_fields(body, &e) != 0) {
		api_fail(c->req, &e, NULL);
		json_decref(body);
		return;
	}
	o = api_op_new(c);
	if (o == NULL) {
		json_decref(body);
		return;
	}
	o->body = body;
	api_op_write(o, record);
}

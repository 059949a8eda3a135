/* SPDX-License-Identifier: Apache-2.0 */
/*
 * execute.c - POST /execute and /execute/cancel: the request's fields, the
 * user's message as content blocks, and the stream of the turn.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "../base/utf8.h"
#include "api-internal.h"

#define TASK_ID_MAX 256
#define MEDIA_MAX 100

/* --- media -------------------------------------------------------------- */

static int
media_error(struct err *e, size_t i, const char *field, const char *why)
{
	char name[64];

	(void)snprintf(name, sizeof name, "media[%zu]%s%s", i,
	    *field != '\0' ? "." : "", field);
	return err_field(e, name, "%s %s", name, why);
}

static int
is_base64(const char *s, size_t n)
{
	size_t body = n;

	while (body > 0 && n - body < 2 && s[body - 1] == '=')
		body--;
	return n > 0 && n % 4 == 0 && strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/") == body;
}

static int
type_fits(const char *kind, const char *media_type)
{
	if (strcmp(kind, "image") == 0)
		return strncmp(media_type, "image/", 6) == 0;
	if (strcmp(kind, "audio") == 0)
		return strncmp(media_type, "audio/", 6) == 0;
	return strcmp(media_type, "application/pdf") == 0 ||
	    strncmp(media_type, "text/", 5) == 0;
}

static int
check_source(const json_t *src, const char *kind, size_t i, unsigned *need,
    struct err *e)
{
	const char *type = json_string_value(json_object_get(src, "type"));
	json_t *data = json_object_get(src, "data");
	const char *mt = json_string_value(json_object_get(src,
	    "media_type"));
	const char *url = json_string_value(json_object_get(src, "url"));

	if (type != NULL && strcmp(type, "url") == 0) {
		*need |= SEPT_LLM_MEDIA_URL;
		if (strcmp(kind, "image") != 0)
			*need |= SEPT_LLM_FILE_URL;
		if (url == NULL || (strncmp(url, "https://", 8) != 0 &&
		    strncmp(url, "http://", 7) != 0))
			return media_error(e, i, "source.url",
			    "must be an http or https URL");
		return 0;
	}
	if (type == NULL || strcmp(type, "base64") != 0)
		return media_error(e, i, "source.type",
		    "must be base64 or url");
	if (mt == NULL || !type_fits(kind, mt))
		return media_error(e, i, "source.media_type",
		    "does not fit the type");
	if (!json_is_string(data) || !is_base64(json_string_value(data),
	    json_string_length(data)))
		return media_error(e, i, "source.data", "must be base64");
	return 0;
}

static int
check_media(const json_t *media, unsigned *need, struct err *e)
{
	const char *kind;
	json_t *m, *src;
	size_t i;

	if (json_array_size(media) > MEDIA_MAX)
		return err_field(e, "media", "media holds more than %d items",
		    MEDIA_MAX);
	json_array_foreach((json_t *)(uintptr_t)media, i, m) {
		kind = json_string_value(json_object_get(m, "type"));
		if (kind == NULL)
			return media_error(e, i, "type", "must be a string");
		if (strcmp(kind, "image") == 0)
			*need |= SEPT_LLM_IMAGE;
		else if (strcmp(kind, "document") == 0)
			*need |= SEPT_LLM_DOCUMENT;
		else if (strcmp(kind, "audio") == 0)
			*need |= SEPT_LLM_AUDIO;
		else
			return media_error(e, i, "type",
			    "must be image, document or audio");
		src = json_object_get(m, "source");
		if (!json_is_object(src))
			return media_error(e, i, "source",
			    "must be an object");
		if (check_source(src, kind, i, need, e) != 0)
			return -1;
	}
	return 0;
}

/* --- the other fields --------------------------------------------------- */

static int
check_task_id(const char *id, struct err *e)
{
	const unsigned char *p = (const unsigned char *)id;
	size_t n = strlen(id);

	if (n < 1 || n > TASK_ID_MAX)
		return err_field(e, "task_id",
		    "task_id must have 1 to %d bytes", TASK_ID_MAX);
	for (; *p != '\0'; p++)
		if (*p < 0x20 || *p == 0x7f ||
		    (*p == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f))
			return err_field(e, "task_id",
			    "task_id holds a control character");
	return 0;
}

/* The user's message as a content array: media first, then the text. */
static char *
write_content(const char *message, const json_t *media)
{
	struct buf b;
	json_t *m;
	size_t i;

	buf_init(&b, SIZE_MAX / 4);
	buf_addc(&b, '[');
	json_array_foreach((json_t *)(uintptr_t)media, i, m) {
		json_add(&b, m);
		buf_addc(&b, ',');
	}
	buf_adds(&b, "{\"type\":\"text\",\"text\":");
	buf_add_json_str(&b, message, strlen(message));
	buf_adds(&b, "}]");
	return buf_take(&b, NULL);
}

static int
read_thinking(const json_t *body, int *thinking, struct err *e)
{
	const char *effort = NULL;

	if (json_get_bool(body, "super_thinking", 0, thinking, e) != 0 ||
	    json_get_str(body, "effort", 0, &effort, e) != 0)
		return -1;
	if (effort != NULL && strcmp(effort, "high") == 0)
		*thinking = 1;
	return 0;
}

/* Fills x from the body; *content is new memory. */
static int
read_fields(const json_t *body, struct agent_exec *x, char **content,
    struct err *e)
{
	json_t *media = NULL;
	const char *message = NULL;

	if (json_get_str(body, "retry_message_id", 0, &x->retry_id, e) != 0 ||
	    json_get_str(body, "edit_message_id", 0, &x->edit_id, e) != 0)
		return -1;
	if (x->retry_id != NULL && x->edit_id != NULL)
		return err_set(e, ERR_BAD_REQUEST,
		    "edit_message_id and retry_message_id exclude each "
		    "other");
	if (json_get_str(body, "message", x->retry_id == NULL, &message,
	    e) != 0 || json_get_str(body, "task_id", 1, &x->task_id,
	    e) != 0 || check_task_id(x->task_id, e) != 0 ||
	    json_get_array(body, "media", 0, &media, e) != 0 ||
	    json_get_bool(body, "direct", 0, &x->direct, e) != 0 ||
	    read_thinking(body, &x->thinking, e) != 0 ||
	    json_get_str(body, "agent", 0, &x->agent, e) != 0 ||
	    json_get_object(body, "response_schema", 0, &x->schema, e) != 0)
		return -1;
	if (x->retry_id != NULL)
		return 0;
	if (*message == '\0')
		return err_field(e, "message", "message must not be empty");
	if (check_media(media, &x->media, e) != 0)
		return -1;
	*content = write_content(message, media);
	return *content == NULL ? err_nomem(e) : 0;
}

struct exec {
	struct api *api;
	struct http_req *req;
};

static void
on_begun(void *arg, const struct err *e, const struct agent_started *s)
{
	struct exec *x = arg;
	struct journal_cursor from;

	if (s == NULL) {
		api_fail(x->req, e, NULL);
	} else {
		from.after_id = s->first_id - 1;
		from.after_ts = 0;
		stream_open(x->api, x->req, s->task_no, &from, 1);
	}
	free(x);
}

void
api_execute(struct api_call *c)
{
	struct exec *x;
	struct agent_exec in;
	char *content = NULL;
	struct err e;
	json_t *body = api_body(c, 0);

	if (body == NULL)
		return;
	memset(&in, 0, sizeof in);
	err_clear(&e);
	x = calloc(1, sizeof *x);
	if (x == NULL) {
		err_nomem(&e);
	} else if (read_fields(body, &in, &content, &e) == 0) {
		x->api = c->api;
		x->req = c->req;
		in.content = content;
		if (agent_execute(c->api->cfg.agent, &in, on_begun, x,
		    &e) == 0)
			x = NULL;
	}
	if (e.code != ERR_NONE)
		api_fail(c->req, &e, NULL);
	free(x);
	free(content);
	json_decref(body);
}

/* --- cancel ------------------------------------------------------------- */

/* No turn runs: is it that there is no such task? */
static int
cancel_look(struct brain_db *db, void *arg, struct err *e)
{
	struct api_op *o = arg;
	struct task_row t;
	int found = task_find(db, o->id, &t, e);

	if (found < 0)
		return -1;
	if (found == 0)
		return err_set(e, ERR_TASK_NOT_FOUND, "there is no such task");
	task_row_fini(&t);
	return err_set(e, ERR_TASK_NOT_RUNNING,
	    "no turn of this task is running");
}

void
api_execute_cancel(struct api_call *c)
{
	char turn_id[ID_MAX];
	const char *task_id = NULL;
	struct api_op *o;
	struct err e;
	json_t *body = api_body(c, 0);

	if (body == NULL)
		return;
	if (json_get_str(body, "task_id", 1, &task_id, &e) != 0) {
		api_fail(c->req, &e, NULL);
	} else if (agent_cancel(c->api->cfg.agent, task_id, turn_id,
	    &e) == 0) {
		http_reply_json(c->req, 200, json_pack("{s:s,s:s}", "status",
		    "cancelled", "turn_id", turn_id));
	} else {
		c->param = task_id;
		o = api_op_new(c);
		if (o != NULL)
			api_op_read(o, cancel_look);
	}
	json_decref(body);
}

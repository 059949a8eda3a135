/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay.c - GET /execute/replay: a reader of a task's events from a cursor.
 */
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../loop/loop.h"
#include "api-internal.h"

#define LOOK_AGAIN_MS 10

struct replay {
	struct brain_op op;
	struct api *api;
	struct http_req *req;
	char *task_id;
	struct journal_cursor from;
	int follow;
	int64_t task_no;
};

/* Digits only, and no more than an id or a time can have. */
static int
read_number(const char *s, int64_t *out)
{
	size_t n = strspn(s, "0123456789");

	if (n == 0 || n > 18 || s[n] != '\0')
		return -1;
	*out = strtoll(s, NULL, 10);
	return 0;
}

static int
read_cursor(struct api_call *c, struct journal_cursor *from, struct err *e)
{
	const char *last = http_req_header(c->req, "Last-Event-ID");
	const char *after_id = http_req_query(c->req, "after_id");
	const char *after = http_req_query(c->req, "after");

	from->after_id = -1;
	from->after_ts = 0;
	if (last != NULL && *last != '\0' &&
	    read_number(last, &from->after_id) != 0)
		return err_set(e, ERR_BAD_REQUEST,
		    "Last-Event-ID is not an event id");
	if (after_id != NULL && *after_id != '\0' && from->after_id < 0 &&
	    read_number(after_id, &from->after_id) != 0)
		return err_set(e, ERR_BAD_REQUEST,
		    "after_id is not an event id");
	if (after != NULL && *after != '\0' &&
	    read_number(after, &from->after_ts) != 0 &&
	    clock_parse_iso(after, &from->after_ts) != 0)
		return err_set(e, ERR_BAD_REQUEST,
		    "after is neither Unix milliseconds nor an ISO time");
	return 0;
}

static int
read_follow(struct api_call *c, int *follow, struct err *e)
{
	const char *s = http_req_query(c->req, "follow");

	*follow = 1;
	if (s == NULL || *s == '\0' || strcmp(s, "true") == 0)
		return 0;
	*follow = 0;
	if (strcmp(s, "false") == 0)
		return 0;
	return err_set(e, ERR_BAD_REQUEST, "follow must be true or false");
}

static int
find_task(struct brain_db *db, void *arg, struct err *e)
{
	struct replay *r = arg;
	struct task_row t;
	int found;

	found = r->task_id != NULL ? task_find(db, r->task_id, &t, e) :
	    task_newest(db, &t, e);
	if (found < 0)
		return -1;
	if (found == 0)
		return err_set(e, ERR_TASK_NOT_FOUND, "there is no such task");
	r->task_no = t.task_no;
	task_row_fini(&t);
	return 0;
}

static void
found(void *arg, const struct err *e)
{
	struct replay *r = arg;

	if (e->code != ERR_NONE)
		api_fail(r->req, e, NULL);
	else
		stream_open(r->api, r->req, r->task_no, &r->from, r->follow);
	free(r->task_id);
	free(r);
}

/*
 * While turns of the last run are taken up, none of them can be followed yet;
 * a client that came at once would take its turn for ended.
 */
static void
look(void *arg)
{
	struct replay *r = arg;
	struct loop_timer *t;

	if (!r->follow || !agent_starting(r->api->cfg.agent) ||
	    loop_timer(r->api->cfg.loop, LOOK_AGAIN_MS, look, r, &t) != 0)
		brain_read(r->api->cfg.brain, &r->op);
}

void
api_replay(struct api_call *c)
{
	const char *task_id = http_req_query(c->req, "task_id");
	struct replay *r = calloc(1, sizeof *r);
	struct err e;

	err_clear(&e);
	if (r == NULL)
		err_nomem(&e);
	else if (read_cursor(c, &r->from, &e) == 0 &&
	    read_follow(c, &r->follow, &e) == 0 && task_id != NULL &&
	    *task_id != '\0' && (r->task_id = strdup(task_id)) == NULL)
		err_nomem(&e);
	if (e.code != ERR_NONE) {
		api_fail(c->req, &e, NULL);
		free(r);
		return;
	}
	r->api = c->api;
	r->req = c->req;
	r->op.run = find_task;
	r->op.done = found;
	r->op.arg = r;
	look(r);
}

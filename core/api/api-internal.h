/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api-internal.h - what the route handlers of this folder share.
 */
#ifndef CORE_API_INTERNAL_H
#define CORE_API_INTERNAL_H

#include <jansson.h>

#include "../base/json.h"
#include "../store/rows.h"
#include "api.h"
#include "auth.h"

struct api {
	struct api_config cfg;
	struct http_server *server;
	struct auth *auth;
	uint64_t started_ns;
};

/* One request on its way to its handler. */
struct api_call {
	struct api *api;
	struct http_req *req;
	const char *param; /* the path's {segment}, decoded; or NULL */
};

struct route {
	const char *method, *path;
	void (*handle)(struct api_call *c);
	const char *summary; /* for /openapi.json */
};

/* routes.c; ends with a route without method. */
extern const struct route api_routes[];

/* Answers with the error; UNAVAILABLE gets a Retry-After. */
void api_fail(struct http_req *r, const struct err *e, json_t *details);
/*
 * The body as an object (new reference), or NULL when the request has been
 * answered. With `optional` an empty body is {}.
 */
json_t *api_body(struct api_call *c, int optional);
/* A whole-number query parameter; 0, or -1 and e (422). */
int api_query_int(struct api_call *c, const char *name, int64_t min,
    int64_t max, int64_t *out, struct err *e);
/*
 * An operation on the brain that answers a request: run() fills reply or e,
 * then the request is answered. Freed by itself.
 */
struct api_op {
	struct brain_op op;
	struct api *api;
	struct http_req *req;
	char *id;           /* copy of the path's parameter, or NULL */
	json_t *body;       /* of the request; owned */
	json_t *reply;      /* answered with 200 when there is no error */
	int64_t limit, offset;
	/* Instead of answering, on success; may be NULL. */
	void (*then)(struct api_op *o);
};
struct api_op *api_op_new(struct api_call *c);
void api_op_free(struct api_op *o);
void api_op_read(struct api_op *o,
    int (*run)(struct brain_db *, void *, struct err *));
void api_op_write(struct api_op *o,
    int (*run)(struct brain_db *, void *, struct err *));

/* stream.c: an SSE stream of a task from a cursor; takes the request over. */
void stream_open(struct api *a, struct http_req *r, int64_t task_no,
    const struct journal_cursor *from, int follow);

/* The handlers, one file a group. */
void api_health(struct api_call *c);
void api_metrics(struct api_call *c);
void api_execute(struct api_call *c);
void api_execute_cancel(struct api_call *c);
void api_replay(struct api_call *c);
void api_tasks(struct api_call *c);
void api_task(struct api_call *c);
void api_task_messages(struct api_call *c);
void api_task_delete(struct api_call *c);
void api_agents(struct api_call *c);
void api_tools(struct api_call *c);
void api_plugins(struct api_call *c);
void api_skills(struct api_call *c);
void api_skill(struct api_call *c);
void api_skill_create(struct api_call *c);
void api_skill_update(struct api_call *c);
void api_skill_delete(struct api_call *c);
void api_rpc(struct api_call *c);
void api_reload_catalog(struct api_call *c);
void api_reload_soul(struct api_call *c);
void api_rotate_key(struct api_call *c);
void api_feedback(struct api_call *c);
void api_openapi(struct api_call *c);
void api_knowledge_search(struct api_call *c);
void api_knowledge_write(struct api_call *c);
void api_knowledge_update(struct api_call *c);
void api_knowledge_delete(struct api_call *c);
void api_episodes_search(struct api_call *c);
void api_episodes_write(struct api_call *c);
void api_episodes_update(struct api_call *c);
void api_episodes_delete(struct api_call *c);
void api_social_search(struct api_call *c);
void api_social_write(struct api_call *c);
void api_social_update(struct api_call *c);
void api_social_delete(struct api_call *c);
void api_soul(struct api_call *c);
void api_soul_full(struct api_call *c);
/* An operation of the memory for /rpc; params is borrowed. */
void api_memory_rpc(struct api_call *c, const char *op, json_t *params);
void api_later(struct api_call *c);

#endif

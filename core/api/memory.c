/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.c - /memory/...: every route is one operation of the memory, with
 * the body as its parameters.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api-internal.h"

static void
on_reply(void *arg, const struct err *e, json_t *reply)
{
	struct http_req *r = arg;

	if (e->code != ERR_NONE)
		api_fail(r, e, NULL);
	else
		http_reply_json(r, 200, reply);
}

static void
begin(struct api_call *c, const char *op, json_t *params)
{
	struct err e;

	if (memory_call(c->api->cfg.memory, op, params, on_reply, c->req, &e)
	    != 0)
		api_fail(c->req, &e, NULL);
}

/* The operation's name: "<kind>.<verb>", the kind from the path. */
static void
run(struct api_call *c, const char *kind, const char *verb, int has_body)
{
	json_t *params = has_body ? api_body(c, 0) : json_object();
	char op[40];
	struct err e;

	if (params == NULL && has_body)
		return;
	if (params == NULL || (c->param != NULL && json_object_set_new(params,
	    "id", json_string(c->param)) != 0)) {
		err_nomem(&e);
		api_fail(c->req, &e, NULL);
	} else {
		(void)snprintf(op, sizeof op, "%s.%s", kind, verb);
		begin(c, op, params);
	}
	json_decref(params);
}

#define KIND(kind) \
void \
api_##kind##_search(struct api_call *c) \
{ \
	run(c, #kind, "search", 1); \
} \
void \
api_##kind##_write(struct api_call *c) \
{ \
	run(c, #kind, "write", 1); \
} \
void \
api_##kind##_update(struct api_call *c) \
{ \
	run(c, #kind, "update", 1); \
} \
void \
api_##kind##_delete(struct api_call *c) \
{ \
	run(c, #kind, "delete", 0); \
}

KIND(knowledge)
KIND(episodes)
KIND(social)

/* --- /rpc ---------------------------------------------------------------- */

static void
on_rpc(void *arg, const struct err *e, json_t *reply)
{
	struct http_req *r = arg;
	struct err bad = *e;

	/* The body was in order; the parameters were not. */
	if (bad.code == ERR_BAD_REQUEST)
		bad.code = ERR_VALIDATION;
	if (bad.code != ERR_NONE)
		api_fail(r, &bad, NULL);
	else
		http_reply_json(r, 200, json_pack("{s:o}", "result", reply));
}

void
api_memory_rpc(struct api_call *c, const char *op, json_t *params)
{
	struct err e;

	if (memory_call(c->api->cfg.memory, op, params, on_rpc, c->req, &e)
	    != 0)
		api_fail(c->req, &e, NULL);
}

/* --- the soul ------------------------------------------------------------ */

static int
read_soul(struct brain_db *db, void *arg, struct err *e)
{
	struct api_op *o = arg;

	json_decref(o->reply);
	o->reply = NULL;
	return memory_soul(db, o->body, (int)o->limit, &o->reply, e);
}

static json_t *
core_soul(struct api *a)
{
	const struct catalog *cat = agent_catalog(a->cfg.agent);
	const struct catalog_soul *s = cat != NULL ? catalog_soul(cat) : NULL;

	if (s == NULL)
		return json_pack("{s:s,s:[],s:[]}", "identity", "", "values",
		    "patterns");
	/* Copies: the brain's thread must not share them with the loop. */
	return json_pack("{s:s,s:o,s:o}", "identity", s->identity, "values",
	    json_deep_copy(s->values), "patterns",
	    json_deep_copy(s->patterns));
}

static void
soul(struct api_call *c, int full)
{
	struct api_op *o = api_op_new(c);
	struct err e;

	if (o == NULL)
		return;
	o->body = core_soul(c->api);
	if (o->body == NULL) {
		err_nomem(&e);
		api_fail(c->req, &e, NULL);
		api_op_free(o);
		return;
	}
	o->limit = full;
	/* A write: a soul that has changed becomes a new version. */
	api_op_write(o, read_soul);
}

void
api_soul(struct api_call *c)
{
	soul(c, 0);
}

void
api_soul_full(struct api_call *c)
{
	soul(c, 1);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rpc.c - POST /rpc: one tool or skill without a turn.
 */
#include <stdlib.h>
#include <string.h>

#include "api-internal.h"

static void
on_result(void *arg, const struct err *e, json_t *result)
{
	struct http_req *r = arg;

	if (e->code != ERR_NONE)
		api_fail(r, e, NULL);
	else
		http_reply_json(r, 200, json_pack("{s:o}", "result", result));
}

static void
call(struct api_call *c, const char *method, json_t *params)
{
	struct agent *a = c->api->cfg.agent;
	json_t *result;
	struct err e;

	err_clear(&e);
	if (strncmp(method, "tool.", 5) == 0) {
		if (agent_rpc_tool(a, method + 5, params, on_result, c->req,
		    &e) == 0)
			return;
	} else if (strncmp(method, "skill.", 6) == 0) {
		result = agent_rpc_skill(a, method + 6, params, &e);
		if (result != NULL) {
			on_result(c->req, &e, result);
			return;
		}
	} else if (strncmp(method, "memory.", 7) == 0) {
		api_memory_rpc(c, method + 7, params);
		return;
	} else {
		err_set(&e, ERR_METHOD_NOT_FOUND,
		    "there is no method %.200s", method);
	}
	api_fail(c->req, &e, NULL);
}

void
api_rpc(struct api_call *c)
{
	const char *method = NULL;
	json_t *params = NULL, *body = api_body(c, 0);
	struct err e;

	if (body == NULL)
		return;
	if (json_get_str(body, "method", 1, &method, &e) != 0 ||
	    json_get_object(body, "params", 0, &params, &e) != 0) {
		api_fail(c->req, &e, NULL);
	} else {
		if (params == NULL)
			params = json_object();
		else
			json_incref(params);
		call(c, method, params);
		json_decref(params);
	}
	json_decref(body);
}

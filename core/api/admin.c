/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin.c - reloads and the rotation of the key.
 */
#include "../base/clock.h"
#include "api-internal.h"

static void
on_reload(void *arg, const struct err *e, json_t *reply, json_t *problems)
{
	struct http_req *r = arg;

	if (e->code == ERR_NONE)
		http_reply_json(r, 200, json_incref(reply));
	else if (e->code == ERR_CATALOG_INVALID)
		api_fail(r, e, json_pack("{s:O}", "problems", problems));
	else
		api_fail(r, e, NULL);
}

void
api_reload_catalog(struct api_call *c)
{
	struct err e;

	if (agent_reload(c->api->cfg.agent, on_reload, c->req, &e) != 0)
		api_fail(c->req, &e, NULL);
}

void
api_reload_soul(struct api_call *c)
{
	struct err e;

	if (agent_catalog(c->api->cfg.agent) == NULL)
		err_set(&e, ERR_UNAVAILABLE, "the engine is starting");
	else if (agent_reload_soul(c->api->cfg.agent, on_reload, c->req,
	    &e) == 0)
		return;
	api_fail(c->req, &e, NULL);
}

static void
on_rotated(void *arg, const struct err *e, int64_t until)
{
	struct http_req *r = arg;
	char iso[CLOCK_ISO_LEN + 1];

	if (e->code != ERR_NONE) {
		api_fail(r, e, NULL);
		return;
	}
	clock_iso(until, iso);
	http_reply_json(r, 200, json_pack("{s:s,s:s}", "status", "rotated",
	    "overlap_until", iso));
}

void
api_rotate_key(struct api_call *c)
{
	json_t *body = api_body(c, 0);
	const char *hash = NULL;
	int64_t overlap = c->api->cfg.rotation_max_s;
	struct err e;

	if (body == NULL)
		return;
	if (json_get_str(body, "new_key_hash", 1, &hash, &e) != 0 ||
	    json_get_int(body, "overlap_seconds", 0,
	    c->api->cfg.rotation_min_s, c->api->cfg.rotation_max_s,
	    &overlap, &e) != 0 || auth_rotate(c->api->auth, hash, overlap,
	    on_rotated, c->req, &e) != 0)
		api_fail(c->req, &e, NULL);
	json_decref(body);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lists.c - agents, tools and plugins as they are now.
 */
#include "api-internal.h"

/* 1 when there is a catalog; else the request has been answered. */
static int
ready(struct api_call *c)
{
	struct err e;

	if (agent_catalog(c->api->cfg.agent) != NULL)
		return 1;
	err_set(&e, ERR_UNAVAILABLE, "the engine is starting");
	api_fail(c->req, &e, NULL);
	return 0;
}

static const char *
model_of(const struct api *a, const struct catalog_agent *def)
{
	const struct plug_llm *llm;

	if (def->model != NULL)
		return def->model;
	if (a->cfg.model != NULL)
		return a->cfg.model;
	llm = plug_llm_find(agent_plugins(a->cfg.agent), a->cfg.provider);
	return llm != NULL ? plug_llm_info(llm)->default_model : "";
}

void
api_agents(struct api_call *c)
{
	struct agent *a = c->api->cfg.agent;
	const struct catalog_agent *def;
	json_t *list, *tools;
	size_t i;

	if (!ready(c))
		return;
	list = json_array();
	for (i = 0; list != NULL &&
	    i < catalog_agent_count(agent_catalog(a)); i++) {
		def = catalog_agent_at(agent_catalog(a), i);
		tools = agent_tool_names(a, def);
		if (tools == NULL || json_array_append_new(list, json_pack(
		    "{s:s,s:s,s:s,s:o}", "name", def->name, "description",
		    def->description, "model", model_of(c->api, def),
		    "tools", tools)) != 0) {
			json_decref(list);
			list = NULL;
		}
	}
	http_reply_json(c->req, 200, list);
}

void
api_tools(struct api_call *c)
{
	if (ready(c))
		http_reply_json(c->req, 200,
		    agent_tool_list(c->api->cfg.agent));
}

static json_t *
plugin_json(const struct plug_info *p)
{
	json_t *kinds = json_array();
	size_t i;

	for (i = 0; kinds != NULL && p->kinds[i] != NULL; i++)
		if (json_array_append_new(kinds,
		    json_string(p->kinds[i])) != 0) {
			json_decref(kinds);
			return NULL;
		}
	return json_pack("{s:s,s:s,s:o,s:s,s:I,s:s}", "id", p->id, "version",
	    p->version, "kinds", kinds, "state", p->state, "generation",
	    (json_int_t)p->generation, "isolation", p->isolation);
}

void
api_plugins(struct api_call *c)
{
	struct plug_snapshot *s;
	struct plug_info info;
	json_t *list;
	size_t i;

	if (!ready(c))
		return;
	s = agent_plugins(c->api->cfg.agent);
	list = json_array();
	for (i = 0; list != NULL && i < plug_count(s); i++) {
		plug_get(s, i, &info);
		if (json_array_append_new(list, plugin_json(&info)) != 0) {
			json_decref(list);
			list = NULL;
		}
	}
	http_reply_json(c->req, 200, list);
}

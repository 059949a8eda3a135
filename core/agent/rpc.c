/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rpc.c - calls of tools and skills without a turn, and the list of tools.
 * What would ask a human is refused.
 */
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/json.h"
#include "agent-internal.h"
#include "prompt.h"
#include "workspace.h"

struct rpc {
	struct agent *agent;
	struct plug_snapshot *plugs;
	const struct plug_tool *tool;
	uint32_t timeout_ms;
	char *args;
	size_t args_n;
	char call_id[ID_MAX];
	void (*done)(void *arg, const struct err *e, json_t *result);
	void *arg;
};

static void
rpc_end(struct rpc *r, const struct err *e, json_t *result)
{
	r->done(r->arg, e, result);
	plug_snapshot_unref(r->plugs);
	free(r->args);
	free(r);
}

static enum err_code
code_of(sept_status status)
{
	switch (status) {
	case SEPT_EINVAL:
		return ERR_VALIDATION;
	case SEPT_EDENIED:
		return ERR_PERMISSION_DENIED;
	case SEPT_EUNAVAIL:
		return ERR_UNAVAILABLE;
	default:
		return ERR_NONE;
	}
}

/*
 * A tool that ran and failed is a result as well (its `error` member tells);
 * only what kept it from running is an error of the request.
 */
static void
on_rpc_done(void *user, sept_status status, json_t *result)
{
	struct rpc *r = user;
	enum err_code code = status == SEPT_OK ? ERR_NONE : code_of(status);
	const char *text = json_string_value(json_object_get(result,
	    "output"));
	json_t *copy;
	struct err e;

	err_clear(&e);
	if (code != ERR_NONE) {
		err_set(&e, code, "%s", text != NULL ? text :
		    "the tool could not run");
		rpc_end(r, &e, NULL);
		return;
	}
	copy = json_deep_copy(result);
	if (copy != NULL && status != SEPT_OK &&
	    json_object_get(copy, "error") == NULL)
		json_object_set_new(copy, "error", json_string(
		    status == SEPT_ETIMEOUT ? "timeout" : "failed"));
	if (copy == NULL)
		err_nomem(&e);
	rpc_end(r, &e, copy);
}

static void
on_workspace(void *arg, const char *path)
{
	static const struct plug_call_ops ops = { NULL, on_rpc_done };
	struct rpc *r = arg;
	struct plug_caller who;
	struct err e;

	memset(&who, 0, sizeof who);
	err_clear(&e);
	who.call_id = r->call_id;
	who.workspace = path;
	if (r->timeout_ms != 0)
		who.deadline_ns = clock_mono_ns() +
		    r->timeout_ms * UINT64_C(1000000);
	if (plug_tool_invoke(r->tool, &who, r->args, r->args_n, &ops, r,
	    &e) == NULL)
		rpc_end(r, &e, NULL);
}

static struct rpc *
rpc_new(struct agent *a, const struct toolset_entry *t, json_t *params,
    struct err *e)
{
	struct rpc *r = calloc(1, sizeof *r);

	if (r != NULL)
		r->args = json_line(params, &r->args_n);
	if (r == NULL || r->args == NULL) {
		free(r);
		err_nomem(e);
		return NULL;
	}
	r->agent = a;
	r->plugs = plug_snapshot_ref(a->plugs);
	r->tool = t->tool;
	r->timeout_ms = t->timeout_ms;
	id_make(r->call_id, "call-");
	return r;
}

int
agent_rpc_tool(struct agent *a, const char *name, json_t *params,
    void (*done)(void *, const struct err *, json_t *), void *arg,
    struct err *e)
{
	struct toolset_entry *all;
	struct rpc *r = NULL;
	size_t i, n;

	if (a->catalog == NULL)
		return err_set(e, ERR_UNAVAILABLE, "the engine is starting");
	all = toolset_entries(a->catalog, a->plugs, NULL, &n);
	if (all == NULL)
		return err_nomem(e);
	for (i = 0; i < n && strcmp(all[i].name, name) != 0; i++)
		;
	if (i == n || all[i].tool == NULL)
		err_set(e, ERR_METHOD_NOT_FOUND,
		    "there is no tool named %.200s", name);
	else if (schema_check(all[i].schema, params, e) != 0)
		e->code = ERR_VALIDATION;
	else if (all[i].requires_permission)
		err_set(e, ERR_PERMISSION_DENIED,
		    "%s needs a human's permission", name);
	else
		r = rpc_new(a, &all[i], params, e);
	toolset_entries_free(all, n);
	if (r == NULL)
		return -1;
	r->done = done;
	r->arg = arg;
	workspace_need(a, NULL, on_workspace, r);
	return 0;
}

/* Copies text with each {{key}} replaced by the parameter of that name. */
static char *
fill_template(const char *text, const json_t *params)
{
	const char *open, *close;
	char key[64], *line;
	json_t *v;
	struct buf b;
	size_t n;

	buf_init(&b, 16u << 20);
	while ((open = strstr(text, "{{")) != NULL &&
	    (close = strstr(open, "}}")) != NULL) {
		buf_add(&b, text, (size_t)(open - text));
		n = (size_t)(close - open) - 2;
		v = NULL;
		if (n < sizeof key) {
			memcpy(key, open + 2, n);
			key[n] = '\0';
			v = json_object_get(params, key);
		}
		if (json_is_string(v)) {
			buf_adds(&b, json_string_value(v));
		} else if (v != NULL) {
			line = json_line(v, NULL);
			buf_adds(&b, line != NULL ? line : "");
			free(line);
		} else {
			buf_add(&b, open, n + 4);
		}
		text = close + 2;
	}
	buf_adds(&b, text);
	return buf_take(&b, NULL);
}

json_t *
agent_rpc_skill(struct agent *a, const char *name, json_t *params,
    struct err *e)
{
	const struct catalog_skill *s = a->catalog == NULL ? NULL :
	    catalog_skill_find(a->catalog, name);
	json_t *r;
	char *text;

	if (s == NULL) {
		err_set(e, ERR_METHOD_NOT_FOUND,
		    "there is no skill named %.200s", name);
		return NULL;
	}
	text = fill_template(s->body, params);
	r = text == NULL ? NULL : json_pack("{s:s,s:s,s:O,s:O}", "name",
	    s->name, "prompt", text, "scripts", s->scripts, "capabilities",
	    s->capabilities);
	free(text);
	if (r == NULL)
		err_nomem(e);
	return r;
}

json_t *
agent_tool_list(struct agent *a)
{
	struct toolset_entry *all;
	json_t *list = json_array();
	size_t i, n;

	if (a->catalog == NULL || list == NULL)
		return list;
	all = toolset_entries(a->catalog, a->plugs, NULL, &n);
	if (all == NULL) {
		json_decref(list);
		return NULL;
	}
	for (i = 0; i < n; i++)
		if (json_array_append_new(list, json_pack(
		    "{s:s,s:s,s:O,s:s,s:b}", "name", all[i].name,
		    "description", all[i].description, "input_schema",
		    all[i].input_schema, "source", all[i].source,
		    "requires_permission",
		    all[i].requires_permission)) != 0)
			break;
	toolset_entries_free(all, n);
	if (i < n) {
		json_decref(list);
		return NULL;
	}
	return list;
}

json_t *
agent_tool_names(struct agent *a, const struct catalog_agent *def)
{
	json_t *list = json_array();
	struct toolset *s = toolset_get(&a->toolsets, a->catalog, a->plugs,
	    def);
	size_t i;

	for (i = 0; s != NULL && i < s->n; i++)
		if (json_array_append_new(list,
		    json_string(s->entries[i].name)) != 0)
			break;
	if (s == NULL || i < s->n) {
		json_decref(list);
		list = NULL;
	}
	toolset_unref(s);
	return list;
}

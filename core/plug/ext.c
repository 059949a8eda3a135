/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext.c - what a started instance provides, copied and checked once, so that
 * a listing enters no plugin.
 */
#include <stdlib.h>
#include <string.h>

#include "../base/json.h"
#include "plug-internal.h"

#define TOOLS_MAX 1024

static int
good_name(const char *s)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	size_t n = s != NULL ? strlen(s) : 0;

	return n > 0 && n <= 64 && strspn(s, set) == n;
}

static int
check_schema(const char *id, const char *tool, const char *text,
    struct err *e)
{
	struct err why = { .text = "" };
	json_t *v = NULL;

	if (text != NULL)
		v = json_parse_object(text, strlen(text), 0, &why);
	if (v == NULL)
		return err_set(e, ERR_CATALOG_INVALID,
		    "%s: input_schema of tool %s is no JSON object: %s", id,
		    tool, text != NULL ? why.text : "missing");
	json_decref(v);
	return 0;
}

static int
copy_tool(struct generation *g, struct plug_tool *t, uint32_t i,
    const struct sept_tool_info *info, struct err *e)
{
	if (info == NULL || !SEPT_HAS(struct sept_tool_info, info,
	    max_parallel) || !good_name(info->name))
		return err_set(e, ERR_CATALOG_INVALID,
		    "%s: tool %u has no proper name or information",
		    g->names->id, (unsigned)i);
	if (info->description == NULL)
		return err_set(e, ERR_CATALOG_INVALID,
		    "%s: tool %s has no description", g->names->id,
		    info->name);
	if (check_schema(g->names->id, info->name, info->input_schema, e)
	    != 0)
		return -1;
	t->gen = g;
	t->index = i;
	t->name = strdup(info->name);
	t->description = strdup(info->description);
	t->schema = strdup(info->input_schema);
	if (t->name == NULL || t->description == NULL || t->schema == NULL)
		return err_nomem(e);
	t->info.size = sizeof t->info;
	t->info.flags = info->flags;
	t->info.name = t->name;
	t->info.description = t->description;
	t->info.input_schema = t->schema;
	t->info.timeout_ms = info->timeout_ms;
	t->info.max_parallel = info->max_parallel;
	return 0;
}

static int
read_tools(struct generation *g, struct err *e)
{
	uint32_t n, i;

	if (!SEPT_HAS(struct sept_tool, g->tool, invoke) ||
	    g->tool->count == NULL || g->tool->info == NULL ||
	    g->tool->invoke == NULL)
		return err_set(e, ERR_CATALOG_INVALID,
		    "%s: its tool table is incomplete", g->names->id);
	n = g->tool->count(g->inst);
	if (n > TOOLS_MAX)
		return err_set(e, ERR_CATALOG_INVALID,
		    "%s: has %u tools, %d are allowed", g->names->id,
		    (unsigned)n, TOOLS_MAX);
	g->tools = calloc(n + 1, sizeof *g->tools);
	if (g->tools == NULL)
		return err_nomem(e);
	for (i = 0; i < n; i++) {
		g->n_tools = i + 1;
		if (copy_tool(g, &g->tools[i], i, g->tool->info(g->inst, i),
		    e) != 0)
			return -1;
	}
	return 0;
}

static int
read_llm(struct generation *g, const struct sept_llm *x, struct err *e)
{
	struct plug_llm *l;

	if (!SEPT_HAS(struct sept_llm, x, context_window) ||
	    x->name == NULL || x->generate == NULL)
		return err_set(e, ERR_CATALOG_INVALID,
		    "%s: its backend table is incomplete", g->names->id);
	l = g->llm = calloc(1, sizeof *l);
	if (l == NULL)
		return err_nomem(e);
	l->gen = g;
	l->ext = x;
	l->name = strdup(x->name);
	l->model = strdup(x->default_model != NULL ? x->default_model : "");
	if (l->name == NULL || l->model == NULL)
		return err_nomem(e);
	l->info = *x;
	l->info.size = sizeof l->info;
	l->info.name = l->name;
	l->info.default_model = l->model;
	return 0;
}

static int
lists(const struct generation *g, const char *kind)
{
	const char **k;

	for (k = g->man->kinds; *k != NULL; k++)
		if (strcmp(*k, kind) == 0)
			return 1;
	return 0;
}

/* The table of an extension that the manifest lists; NULL and e if absent. */
static const void *
listed(struct generation *g, const char *kind, const char *id, struct err *e)
{
	const void *x = g->inst->get_ext(g->inst, id);

	if (x == NULL)
		err_set(e, ERR_CATALOG_INVALID,
		    "%s: the manifest says %s, the plugin has no %s",
		    g->names->id, kind, id);
	return x;
}

int
gen_read_ext(struct generation *g, struct err *e)
{
	const struct sept_llm *llm;

	if (lists(g, "tool")) {
		g->tool = listed(g, "tool", SEPT_EXT_TOOL, e);
		if (g->tool == NULL || read_tools(g, e) != 0)
			return -1;
	}
	if (lists(g, "llm")) {
		llm = listed(g, "llm", SEPT_EXT_LLM, e);
		if (llm == NULL || read_llm(g, llm, e) != 0)
			return -1;
	}
	if (lists(g, "skill")) {
		g->skill = listed(g, "skill", SEPT_EXT_SKILL, e);
		if (g->skill == NULL)
			return -1;
		if (!SEPT_HAS(struct sept_skill, g->skill, scan) ||
		    g->skill->scan == NULL)
			return err_set(e, ERR_CATALOG_INVALID,
			    "%s: its skill table is incomplete",
			    g->names->id);
	}
	g->health = g->inst->get_ext(g->inst, SEPT_EXT_HEALTH);
	if (g->health != NULL && (!SEPT_HAS(struct sept_health, g->health,
	    check) || g->health->check == NULL))
		g->health = NULL;
	return 0;
}

void
gen_free_ext(struct generation *g)
{
	size_t i;

	for (i = 0; i < g->n_tools; i++) {
		free(g->tools[i].name);
		free(g->tools[i].description);
		free(g->tools[i].schema);
	}
	free(g->tools);
	if (g->llm != NULL) {
		free(g->llm->name);
		free(g->llm->model);
		free(g->llm);
	}
}

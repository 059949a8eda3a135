/* SPDX-License-Identifier: Apache-2.0 */
/*
 * toolset.c - gathers an agent's tools from the catalog (which may rename and
 * describe anew) and from the plugins, and writes the stable parts of its
 * requests. A tool whose schema does not compile is left out with a log line.
 */
#include "toolset.h"

#include <stdlib.h>
#include <string.h>

#include "../base/buf.h"
#include "../base/json.h"
#include "../base/log.h"
#include "prompt.h"

#define PARTS_MAX (16u << 20)

static const char use_skill_schema[] =
    "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\","
    "\"description\":\"The skill's name\"}},\"required\":[\"name\"],"
    "\"additionalProperties\":false}";
static const char use_skill_text[] =
    "Read a skill: instructions written for a kind of task. Call it with the "
    "skill's name before you begin such a task, then follow what it says.";

struct gather {
	struct toolset_entry *v;
	size_t n, cap;
};

/* The next entry to fill, zeroed; NULL: out of memory. */
static struct toolset_entry *
gather_next(struct gather *g)
{
	struct toolset_entry *v;

	if (g->n == g->cap) {
		v = realloc(g->v, (g->cap + 16) * sizeof *v);
		if (v == NULL)
			return NULL;
		g->v = v;
		g->cap += 16;
	}
	memset(&g->v[g->n], 0, sizeof g->v[0]);
	return &g->v[g->n];
}

/* Compiles the entry's schema and counts the entry in, or drops it. */
static void
gather_keep(struct gather *g, struct toolset_entry *t)
{
	struct err e;

	err_clear(&e);
	if (t->input_schema != NULL)
		t->schema = schema_new(t->input_schema, &e);
	if (t->schema == NULL) {
		log_warn("agent", "tool %s is left out: its input schema: %s",
		    t->name, e.text);
		json_decref(t->input_schema);
		return;
	}
	g->n++;
}

static int
visible(const struct catalog_agent *agent, const char *name)
{
	if (agent == NULL || !agent->has_tools)
		return 1;
	return catalog_matches(agent->tools, name);
}

static int
gather_plugin_tools(struct gather *g, const struct catalog *cat,
    const struct plug_snapshot *plugs, const struct catalog_agent *agent)
{
	const struct sept_tool_info *info;
	struct toolset_entry *t;
	size_t i;

	for (i = 0; i < plug_tool_count(plugs); i++) {
		info = plug_tool_info(plug_tool_at(plugs, i));
		if (!visible(agent, info->name) ||
		    catalog_tool_find(cat, info->name) != NULL)
			continue;
		t = gather_next(g);
		if (t == NULL)
			return -1;
		t->name = info->name;
		t->description = info->description;
		t->input_schema = json_loads(info->input_schema, 0, NULL);
		t->tool = plug_tool_at(plugs, i);
		t->flags = info->flags;
		t->requires_permission =
		    (info->flags & SEPT_TOOL_PERMISSION) != 0;
		t->timeout_ms = info->timeout_ms;
		t->source = "platform";
		gather_keep(g, t);
	}
	return 0;
}

/* Fills what the catalog's entry says; -1: it cannot be used here. */
static int
from_catalog(struct toolset_entry *t, const struct catalog_tool *ct,
    const struct catalog *cat, const struct plug_snapshot *plugs)
{
	const struct sept_tool_info *info;

	t->name = ct->name;
	t->description = ct->description;
	t->source = ct->kind;
	t->requires_permission = ct->requires_permission == 1;
	if (strcmp(ct->kind, "skill") == 0) {
		if (catalog_skill_find(cat, ct->ref) == NULL)
			return -1;
		t->action = ACTION_USE_SKILL;
		t->flags = SEPT_TOOL_READONLY | SEPT_TOOL_IDEMPOTENT;
		return 0;
	}
	if (strcmp(ct->kind, "platform") != 0)
		return -1;
	t->tool = plug_tool_find(plugs, ct->ref);
	if (t->tool == NULL)
		return -1;
	info = plug_tool_info(t->tool);
	t->flags = info->flags;
	t->timeout_ms = info->timeout_ms;
	if (ct->requires_permission == -1)
		t->requires_permission =
		    (info->flags & SEPT_TOOL_PERMISSION) != 0;
	return 0;
}

static int
gather_catalog_tools(struct gather *g, const struct catalog *cat,
    const struct plug_snapshot *plugs, const struct catalog_agent *agent)
{
	const struct catalog_tool *ct;
	struct toolset_entry *t;
	size_t i;

	for (i = 0; i < catalog_tool_count(cat); i++) {
		ct = catalog_tool_at(cat, i);
		if (!visible(agent, ct->name))
			continue;
		t = gather_next(g);
		if (t == NULL)
			return -1;
		if (from_catalog(t, ct, cat, plugs) != 0)
			continue;
		t->input_schema = json_incref(ct->input_schema);
		gather_keep(g, t);
	}
	return 0;
}

static int
gather_actions(struct gather *g, const struct catalog *cat,
    const struct catalog_agent *agent)
{
	struct toolset_entry *t;

	if (!prompt_has_skills(cat, agent) ||
	    (!visible(agent, "use_skill") &&
	    (agent == NULL || agent->skills == NULL)))
		return 0;
	t = gather_next(g);
	if (t == NULL)
		return -1;
	t->name = "use_skill";
	t->description = use_skill_text;
	t->input_schema = json_loads(use_skill_schema, 0, NULL);
	t->action = ACTION_USE_SKILL;
	t->flags = SEPT_TOOL_READONLY | SEPT_TOOL_IDEMPOTENT;
	t->source = "platform";
	gather_keep(g, t);
	return 0;
}

static int
by_name(const void *a, const void *b)
{
	const struct toolset_entry *x = a, *y = b;

	return strcmp(x->name, y->name);
}

struct toolset_entry *
toolset_entries(const struct catalog *catalog,
    const struct plug_snapshot *plugs, const struct catalog_agent *agent,
    size_t *n)
{
	struct gather g = { NULL, 0, 0 };

	if (gather_next(&g) == NULL ||
	    gather_plugin_tools(&g, catalog, plugs, agent) != 0 ||
	    gather_catalog_tools(&g, catalog, plugs, agent) != 0 ||
	    gather_actions(&g, catalog, agent) != 0) {
		toolset_entries_free(g.v, g.n);
		return NULL;
	}
	qsort(g.v, g.n, sizeof g.v[0], by_name);
	*n = g.n;
	return g.v;
}

void
toolset_entries_free(struct toolset_entry *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		json_decref(v[i].input_schema);
		schema_free(v[i].schema);
	}
	free(v);
}

static int
write_tools(struct toolset *s)
{
	const struct toolset_entry *t;
	struct buf b;
	size_t i;

	buf_init(&b, PARTS_MAX);
	buf_addc(&b, '[');
	for (i = 0; i < s->n; i++) {
		t = &s->entries[i];
		buf_adds(&b, i > 0 ? ",{\"name\":" : "{\"name\":");
		buf_add_json_str(&b, t->name, strlen(t->name));
		buf_adds(&b, ",\"description\":");
		buf_add_json_str(&b, t->description, strlen(t->description));
		buf_adds(&b, ",\"input_schema\":");
		json_add(&b, t->input_schema);
		buf_addc(&b, '}');
	}
	buf_addc(&b, ']');
	s->tools_json = buf_take(&b, &s->tools_n);
	return s->tools_json == NULL ? -1 : 0;
}

static void
toolset_free(struct toolset *s)
{
	toolset_entries_free(s->entries, s->n);
	catalog_unref(s->catalog);
	plug_snapshot_unref(s->plugs);
	free(s->tools_json);
	free(s->system_json);
	free(s);
}

static struct toolset *
toolset_new(struct catalog *catalog, struct plug_snapshot *plugs,
    const struct catalog_agent *agent)
{
	struct toolset *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	s->refs = 1;
	s->catalog = catalog_ref(catalog);
	s->plugs = plug_snapshot_ref(plugs);
	s->agent = agent;
	s->entries = toolset_entries(catalog, plugs, agent, &s->n);
	s->system_json = prompt_system(catalog, agent, &s->system_n);
	if (s->entries == NULL || s->system_json == NULL ||
	    write_tools(s) != 0) {
		toolset_free(s);
		return NULL;
	}
	return s;
}

struct toolset *
toolset_get(struct toolset_cache *cache, struct catalog *catalog,
    struct plug_snapshot *plugs, const struct catalog_agent *agent)
{
	struct toolset *s;

	for (s = cache->head; s != NULL; s = s->next)
		if (s->agent == agent && s->catalog == catalog &&
		    s->plugs == plugs)
			break;
	if (s == NULL) {
		s = toolset_new(catalog, plugs, agent);
		if (s == NULL)
			return NULL;
		s->next = cache->head;
		cache->head = s;
	}
	s->refs++;
	return s;
}

void
toolset_unref(struct toolset *s)
{
	if (s != NULL && --s->refs == 0)
		toolset_free(s);
}

void
toolset_cache_clear(struct toolset_cache *cache)
{
	struct toolset *s, *next;

	for (s = cache->head; s != NULL; s = next) {
		next = s->next;
		s->next = NULL;
		toolset_unref(s);
	}
	cache->head = NULL;
}

const struct toolset_entry *
toolset_find(const struct toolset *s, const char *name)
{
	struct toolset_entry key;

	memset(&key, 0, sizeof key);
	key.name = name;
	return bsearch(&key, s->entries, s->n, sizeof key, by_name);
}

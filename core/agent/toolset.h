/* SPDX-License-Identifier: Apache-2.0 */
/*
 * toolset.h - what one agent sees of one catalog and one plugin snapshot:
 * its tools with their compiled schemas, and the request parts made of them
 * (tools and system prompt), byte-identical for every turn so that a
 * provider's prompt cache hits. Immutable, counted, loop thread only.
 */
#ifndef CORE_AGENT_TOOLSET_H
#define CORE_AGENT_TOOLSET_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/err.h"
#include "../base/schema.h"
#include "../catalog/catalog.h"
#include "../plug/plug.h"

/* What the engine itself does, without a plugin. */
enum toolset_action {
	ACTION_NONE = 0,
	ACTION_USE_SKILL,
	ACTION_SUBMIT_RESULT
};

struct toolset_entry {
	const char *name, *description;
	json_t *input_schema;
	struct schema *schema;
	const struct plug_tool *tool; /* NULL for an action */
	enum toolset_action action;
	uint32_t flags;               /* SEPT_TOOL_* */
	int requires_permission;
	uint32_t timeout_ms;          /* 0: the default */
	const char *source;           /* "platform", "skill", "mcp" */
};

struct toolset {
	unsigned refs;
	struct catalog *catalog;
	struct plug_snapshot *plugs;
	const struct catalog_agent *agent;
	struct toolset_entry *entries; /* sorted by name */
	size_t n;
	char *tools_json;   /* for sept_llm_request */
	size_t tools_n;
	char *system_json;
	size_t system_n;
	struct toolset *next; /* in the cache */
};

/* The toolsets of the current generation, made when first used. */
struct toolset_cache {
	struct toolset *head;
};

/* One reference more; NULL: out of memory. */
struct toolset *toolset_get(struct toolset_cache *cache,
    struct catalog *catalog, struct plug_snapshot *plugs,
    const struct catalog_agent *agent);
void toolset_unref(struct toolset *s);
/* Forgets what was made; turns in flight keep theirs. */
void toolset_cache_clear(struct toolset_cache *cache);
const struct toolset_entry *toolset_find(const struct toolset *s,
    const char *name);
/*
 * Every tool that some agent could have, or (agent not NULL) that this one
 * has. *n entries, freed by toolset_entries_free. NULL: out of memory.
 */
struct toolset_entry *toolset_entries(const struct catalog *catalog,
    const struct plug_snapshot *plugs, const struct catalog_agent *agent,
    size_t *n);
void toolset_entries_free(struct toolset_entry *entries, size_t n);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalog.h - the catalog: agents, tools, skills, servers and the soul of one
 * directory, parsed, checked and frozen.
 *
 * A catalog is built in steps (parse on the pool, skills added, checked) and
 * immutable after catalog_seal(); from then on it is counted and may be read
 * on any thread. Strings live as long as the catalog. Its parts (files, soul,
 * platform and custom skills) are counted by themselves, so that the copies
 * of catalog_with_* share them.
 *
 * Limits: 1 MiB a file, 10,000 entries a folder, 1,000 problems. Names that
 * begin with a dot are not looked at. Symbolic links are followed as long as
 * they stay inside of the catalog.
 */
#ifndef CORE_CATALOG_CATALOG_H
#define CORE_CATALOG_CATALOG_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/err.h"

struct catalog;

struct catalog_agent {
	const char *name, *description;
	const char *model;          /* or NULL */
	const char *system_prompt;  /* the file's text, "" when none */
	json_t *tools;              /* array of names or patterns (* ?), or
				     * NULL when absent */
	int has_tools;              /* 0: "tools" absent, all tools */
	json_t *skills;             /* names or patterns, or NULL: all */
	int planning;
	int max_iterations;         /* model calls a turn; default 50 */
	json_t *permissions;        /* as written, or NULL */
	json_t *sandbox;            /* as written, or NULL */
};

struct catalog_tool {
	const char *name, *description;
	json_t *input_schema;
	const char *kind;           /* "platform", "skill", "mcp" */
	const char *ref;
	int requires_permission;    /* -1: absent */
	int high_cost;
};

struct catalog_skill {
	const char *name, *description, *category, *body;
	const char *dir;            /* absolute; "" for a custom skill */
	const char *source;         /* "platform" or "custom" */
	json_t *allowed_tools;      /* arrays, never NULL */
	json_t *capabilities;
	json_t *references;         /* paths below <dir>/references */
	json_t *scripts;            /* object: path below scripts -> text */
};

struct catalog_soul {
	const char *identity;
	json_t *values, *patterns;  /* arrays of strings */
};

/*
 * [pool] Reads agents, tools, servers and core_soul.json below dir. Problems
 * are appended to `problems` (array of {"file","line","message"}, file
 * relative to dir, line from 1), all of them and not only the first; what is
 * wrong is left out of the catalog. NULL only when out of memory or dir
 * cannot be read (e). The caller owns the catalog (catalog_unref).
 *
 * Every order is by name. A server object has got its defaults: display_name
 * (server_name), transport ("stdio" with a command, else "http"),
 * auth_method ("none"). Without "system_prompt_path" an agent's prompt is the
 * file system-prompt.md beside agent.json, when there is one.
 */
struct catalog *catalog_parse(const char *dir, json_t *problems,
    struct err *e);
/*
 * Adds skills in the form of september/skill.h (source "platform") or of
 * GET /skills/{name} (source "custom"). A custom skill never replaces a
 * platform one: skipped with a log line. May be called again before
 * catalog_seal; keeps references, copies no text. -1: out of memory.
 */
int catalog_add_skills(struct catalog *c, json_t *skills,
    const char *source, struct err *e);
/*
 * [any, before catalog_seal] Checks references across files: tools named in
 * agents (patterns need not match), tools' implementations (known: 1 when a
 * plugin or the engine itself has such a tool; asked with kind "platform" for
 * names in agents), duplicate names. A ref of kind "skill" may also be a
 * skill of the catalog, one of kind "mcp" "<server>.<action>" with a server
 * of the catalog, as actions are not known before a connection. Skills named
 * in agents are not checked: custom ones come and go. Appends to problems.
 * -1: out of memory.
 */
int catalog_check(struct catalog *c, int (*known)(void *arg,
    const char *kind, const char *ref), void *arg, json_t *problems,
    struct err *e);
/* Freezes it; generation is what /admin/reload-catalog answers. */
void catalog_seal(struct catalog *c, uint64_t generation);
/*
 * [loop] A sealed copy that shares everything but the custom skills, which
 * are replaced by these (same generation).
 */
struct catalog *catalog_with_custom(const struct catalog *c, json_t *skills,
    struct err *e);
/*
 * [pool] The same with another core_soul.json, read again from dir. NULL and
 * CATALOG_INVALID when it has problems, which are appended.
 */
struct catalog *catalog_with_soul(const struct catalog *c, const char *dir,
    json_t *problems, struct err *e);

/* [any] Counting is atomic. catalog_unref takes NULL. */
struct catalog *catalog_ref(struct catalog *c);
void catalog_unref(struct catalog *c);
uint64_t catalog_generation(const struct catalog *c);

/* [any] Borrowed; find and at give NULL when there is no such. */
size_t catalog_agent_count(const struct catalog *c);
const struct catalog_agent *catalog_agent_at(const struct catalog *c,
    size_t i);
const struct catalog_agent *catalog_agent_find(const struct catalog *c,
    const char *name);
size_t catalog_tool_count(const struct catalog *c);
const struct catalog_tool *catalog_tool_at(const struct catalog *c,
    size_t i);
const struct catalog_tool *catalog_tool_find(const struct catalog *c,
    const char *name);
size_t catalog_skill_count(const struct catalog *c);
const struct catalog_skill *catalog_skill_at(const struct catalog *c,
    size_t i);
const struct catalog_skill *catalog_skill_find(const struct catalog *c,
    const char *name);
size_t catalog_server_count(const struct catalog *c);
json_t *catalog_server_at(const struct catalog *c, size_t i); /* borrowed */
const struct catalog_soul *catalog_soul(const struct catalog *c);

/*
 * [any] 1 when name matches one of the array's names or patterns (* and ?);
 * 0 for a NULL array. Linear in pattern times name.
 */
int catalog_matches(const json_t *patterns, const char *name);

#endif

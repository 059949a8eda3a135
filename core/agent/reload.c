/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reload.c - a new generation of plugins and catalog: plugins are loaded,
 * files parsed on the pool, skills scanned by the plugins, custom skills read
 * from the brain; then everything is checked together and swapped at once, or
 * nothing is. Turns in flight keep what they began with.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/log.h"
#include "agent-internal.h"

enum what { WHAT_ALL, WHAT_SOUL, WHAT_SKILLS };

struct reload {
	struct agent *agent;
	struct reload *next;       /* waits for the one before */
	void (*start)(struct reload *r);
	enum what what;
	struct pool_job job;
	struct brain_op op;
	struct catalog *catalog;   /* being built, or NULL */
	struct plug_snapshot *plugs;
	size_t plugs_before;
	json_t *problems, *custom;
	struct err err;
	agent_reload_done done;
	void *arg;
};

/* Begins a reload, or puts it behind the one that runs. */
static int
reload_begin(struct agent *a, enum what what,
    void (*start)(struct reload *r), agent_reload_done done, void *arg,
    struct err *e)
{
	struct reload *r = calloc(1, sizeof *r), **last;

	if (r != NULL)
		r->problems = json_array();
	if (r == NULL || r->problems == NULL) {
		free(r);
		return err_nomem(e);
	}
	r->agent = a;
	r->what = what;
	r->start = start;
	r->done = done;
	r->arg = arg;
	for (last = &a->reloads; *last != NULL; last = &(*last)->next)
		;
	*last = r;
	if (a->reloads == r)
		r->start(r);
	return 0;
}

static void
reload_end(struct reload *r, json_t *reply)
{
	struct agent *a = r->agent;

	a->reloads = r->next;
	if (r->err.code == ERR_NONE && json_array_size(r->problems) > 0)
		err_set(&r->err, ERR_CATALOG_INVALID,
		    "%zu problems in the catalog",
		    json_array_size(r->problems));
	if (r->err.code == ERR_NONE && reply == NULL)
		err_nomem(&r->err);
	r->done(r->arg, &r->err, reply, r->problems);
	json_decref(reply);
	catalog_unref(r->catalog);
	plug_snapshot_unref(r->plugs);
	json_decref(r->problems);
	json_decref(r->custom);
	free(r);
	if (a->reloads != NULL)
		a->reloads->start(a->reloads);
}

/* --- the last step: check and swap -------------------------------------- */

/*
 * Tools that an agent may name although no plugin has them: what the engine
 * does itself, and what the plugins of this project bring, each of which may
 * be left out of an installation.
 */
static int
is_standard(const char *name)
{
	static const char *const names[] = { "ask_user", "bash", "edit_file",
		"file_search", "find", "forget", "grep", "knowledge_search",
		"memory_episode_write", "read_file", "recall", "relate",
		"remember", "submit_result", "task", "use_skill",
		"web_fetch", "web_search", "working_memory_set",
		"write_file" };
	size_t i;

	for (i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(names[i], name) == 0)
			return 1;
	return 0;
}

/* The catalog itself looks for skills and servers. */
static int
known(void *arg, const char *kind, const char *ref)
{
	struct reload *r = arg;

	return strcmp(kind, "platform") == 0 && (is_standard(ref) ||
	    plug_tool_find(r->plugs, ref) != NULL);
}

static void
swap(struct agent *a, struct catalog *c, struct plug_snapshot *p)
{
	struct catalog *old = a->catalog;
	struct plug_snapshot *old_p = a->plugs;

	a->catalog = catalog_ref(c);
	if (p != NULL)
		a->plugs = plug_snapshot_ref(p);
	toolset_cache_clear(&a->toolsets);
	catalog_unref(old);
	if (p != NULL)
		plug_snapshot_unref(old_p);
}

static json_t *
describe(const struct reload *r)
{
	struct plug_info a, b;
	size_t i, k, reloaded = 0, loaded = 0, unloaded = 0, same;
	struct plug_snapshot *before = r->agent->plugs;

	for (i = 0; i < plug_count(r->plugs); i++) {
		plug_get(r->plugs, i, &b);
		same = 0;
		for (k = 0; before != NULL && k < plug_count(before); k++) {
			plug_get(before, k, &a);
			if (strcmp(a.id, b.id) != 0)
				continue;
			same = 1;
			reloaded += a.generation != b.generation;
		}
		loaded += !same;
	}
	if (before != NULL)
		unloaded = plug_count(before) + loaded - plug_count(r->plugs);
	return json_pack("{s:s,s:I,s:I,s:I,s:I,s:I,s:{s:I,s:I,s:I}}",
	    "status", "reloaded",
	    "generation", (json_int_t)r->agent->generation + 1,
	    "agents", (json_int_t)catalog_agent_count(r->catalog),
	    "skills", (json_int_t)catalog_skill_count(r->catalog),
	    "tools", (json_int_t)catalog_tool_count(r->catalog),
	    "servers", (json_int_t)catalog_server_count(r->catalog),
	    "plugins", "loaded", (json_int_t)loaded, "reloaded",
	    (json_int_t)reloaded, "unloaded", (json_int_t)unloaded);
}

static void
finish_all(struct reload *r)
{
	json_t *reply = NULL;

	if (r->err.code == ERR_NONE && catalog_add_skills(r->catalog,
	    r->custom, "custom", &r->err) == 0 &&
	    catalog_check(r->catalog, known, r, r->problems, &r->err) == 0 &&
	    json_array_size(r->problems) == 0) {
		reply = describe(r);
		if (reply != NULL) {
			r->agent->generation++;
			r->agent->soul_version++;
			catalog_seal(r->catalog, r->agent->generation);
			swap(r->agent, r->catalog, r->plugs);
		}
	}
	reload_end(r, reply);
}

/* --- custom skills ------------------------------------------------------ */

static int
see_skill(void *arg, const char *name, const char *json)
{
	struct reload *r = arg;
	json_t *v = json_loads(json, 0, NULL);

	if (v == NULL) {
		log_error("agent", "the custom skill %s cannot be read", name);
		return 0;
	}
	return json_array_append_new(r->custom, v);
}

static int
read_custom(struct brain_db *db, void *arg, struct err *e)
{
	struct reload *r = arg;

	r->custom = json_array();
	if (r->custom == NULL)
		return err_nomem(e);
	return skill_row_list(db, see_skill, r, e);
}

static void
finish_skills(struct reload *r)
{
	json_t *reply = NULL;

	if (r->err.code == ERR_NONE)
		r->catalog = catalog_with_custom(r->agent->catalog, r->custom,
		    &r->err);
	if (r->catalog != NULL) {
		swap(r->agent, r->catalog, NULL);
		reply = json_pack("{s:s}", "status", "reloaded");
	}
	reload_end(r, reply);
}

static void
custom_read(void *arg, const struct err *e)
{
	struct reload *r = arg;

	if (e->code != ERR_NONE)
		r->err = *e;
	if (r->what == WHAT_SKILLS)
		finish_skills(r);
	else
		finish_all(r);
}

static void
get_custom(struct reload *r)
{
	r->op.run = read_custom;
	r->op.done = custom_read;
	r->op.arg = r;
	brain_read(r->agent->cfg.brain, &r->op);
}

/* --- files and skills of the catalog ------------------------------------ */

/* Skill readers name files below skills/, from line 0 for a whole file. */
static int
add_skill_problems(struct reload *r, json_t *problems)
{
	char file[PATH_MAX];
	json_t *p;
	size_t i;

	json_array_foreach(problems, i, p) {
		json_int_t line = json_integer_value(json_object_get(p,
		    "line"));

		(void)snprintf(file, sizeof file, "skills/%s",
		    json_string_value(json_object_get(p, "file")));
		if (json_array_append_new(r->problems, json_pack(
		    "{s:s,s:I,s:O}", "file", file, "line", line > 0 ? line :
		    1, "message", json_object_get(p, "message"))) != 0)
			return -1;
	}
	return 0;
}

static void
on_scanned(void *arg, json_t *skills, json_t *problems, const struct err *e)
{
	struct reload *r = arg;

	if (e != NULL && e->code != ERR_NONE)
		r->err = *e;
	else if (add_skill_problems(r, problems) != 0)
		err_nomem(&r->err);
	else
		(void)catalog_add_skills(r->catalog, skills, "platform",
		    &r->err);
	get_custom(r);
}

static void
on_parsed(void *arg)
{
	struct reload *r = arg;
	char dir[PATH_MAX];

	if (r->catalog == NULL) {
		if (r->err.code == ERR_NONE)
			err_nomem(&r->err);
		reload_end(r, NULL);
		return;
	}
	(void)snprintf(dir, sizeof dir, "%s/skills",
	    r->agent->cfg.catalog_dir);
	if (plug_skill_scan(r->plugs, dir, on_scanned, r, &r->err) != 0)
		reload_end(r, NULL);
}

static void
parse(void *arg)
{
	struct reload *r = arg;

	r->catalog = catalog_parse(r->agent->cfg.catalog_dir, r->problems,
	    &r->err);
}

static void
start_all(struct reload *r)
{
	struct agent *a = r->agent;
	json_t *problems = NULL;

	if (plug_load(a->cfg.plug, &problems, &r->err) != 0) {
		if (json_array_size(problems) > 0) {
			(void)json_array_extend(r->problems, problems);
			err_clear(&r->err);
		}
		json_decref(problems);
		reload_end(r, NULL);
		return;
	}
	json_decref(problems);
	r->plugs = plug_current(a->cfg.plug);
	r->job.work = parse;
	r->job.done = on_parsed;
	r->job.arg = r;
	if (pool_submit(a->cfg.pool, &r->job) != 0) {
		err_set(&r->err, ERR_UNAVAILABLE, "the worker pool is full");
		reload_end(r, NULL);
	}
}

int
agent_reload(struct agent *a, agent_reload_done done, void *arg,
    struct err *e)
{
	return reload_begin(a, WHAT_ALL, start_all, done, arg, e);
}

int
agent_reload_skills(struct agent *a, agent_reload_done done, void *arg,
    struct err *e)
{
	return reload_begin(a, WHAT_SKILLS, get_custom, done, arg, e);
}

/* --- the soul alone ----------------------------------------------------- */

static void
parse_soul(void *arg)
{
	struct reload *r = arg;

	r->catalog = catalog_with_soul(r->agent->catalog,
	    r->agent->cfg.catalog_dir, r->problems, &r->err);
}

static void
on_soul(void *arg)
{
	struct reload *r = arg;
	json_t *reply = NULL;

	if (r->catalog != NULL && r->err.code == ERR_NONE &&
	    json_array_size(r->problems) == 0) {
		reply = json_pack("{s:s,s:I}", "status", "reloaded",
		    "version", (json_int_t)r->agent->soul_version + 1);
		if (reply != NULL) {
			r->agent->soul_version++;
			swap(r->agent, r->catalog, NULL);
		}
	}
	reload_end(r, reply);
}

static void
start_soul(struct reload *r)
{
	r->job.work = parse_soul;
	r->job.done = on_soul;
	r->job.arg = r;
	if (pool_submit(r->agent->cfg.pool, &r->job) != 0) {
		err_set(&r->err, ERR_UNAVAILABLE, "the worker pool is full");
		reload_end(r, NULL);
	}
}

int
agent_reload_soul(struct agent *a, agent_reload_done done, void *arg,
    struct err *e)
{
	return reload_begin(a, WHAT_SOUL, start_soul, done, arg, e);
}

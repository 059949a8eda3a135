/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalog.c - a catalog as a whole: built, sealed, shared, looked up.
 *
 * Nothing is written after catalog_seal but the counts. A catalog holds one
 * reference to each of its parts; catalog_with_* make a new catalog around
 * the same parts.
 */
#include "catalog.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "catalog-internal.h"

struct catalog *
catalog_parse(const char *dir, json_t *problems, struct err *e)
{
	struct catalog *c = calloc(1, sizeof *c);
	struct reader rd;

	if (c == NULL) {
		err_nomem(e);
		return NULL;
	}
	if (reader_init(&rd, dir, problems, e) != 0) {
		free(c);
		return NULL;
	}
	atomic_init(&c->refs, 1);
	c->files = calloc(1, sizeof *c->files);
	c->platform = skill_set_new();
	c->custom = skill_set_new();
	if (c->files == NULL || c->platform == NULL || c->custom == NULL)
		goto nomem;
	atomic_init(&c->files->refs, 1);
	if (catalog_read_agents(&rd, c->files) != 0 ||
	    catalog_read_servers(&rd, c->files) != 0 ||
	    catalog_read_tools(&rd, c->files) != 0)
		goto nomem;
	c->soul = catalog_read_soul(&rd);
	if (rd.nomem || catalog_index_skills(c) != 0)
		goto nomem;
	reader_fini(&rd);
	return c;
nomem:
	reader_fini(&rd);
	catalog_unref(c);
	err_nomem(e);
	return NULL;
}

int
catalog_add_skills(struct catalog *c, json_t *skills, const char *source,
    struct err *e)
{
	struct skill_set *s;

	assert(!c->sealed);
	s = strcmp(source, "custom") == 0 ? c->custom : c->platform;
	if (skill_set_add(s, skills, source) != 0 ||
	    catalog_index_skills(c) != 0)
		return err_nomem(e);
	return 0;
}

void
catalog_seal(struct catalog *c, uint64_t generation)
{
	c->generation = generation;
	c->sealed = 1;
}

/* A sealed catalog around the same parts, without an index. */
static struct catalog *
copy_of(const struct catalog *c)
{
	struct catalog *n = calloc(1, sizeof *n);

	if (n == NULL)
		return NULL;
	atomic_init(&n->refs, 1);
	n->generation = c->generation;
	n->sealed = 1;
	n->files = c->files;
	n->soul = c->soul;
	n->platform = c->platform;
	n->custom = c->custom;
	atomic_fetch_add(&n->files->refs, 1);
	if (n->soul != NULL)
		atomic_fetch_add(&n->soul->refs, 1);
	atomic_fetch_add(&n->platform->refs, 1);
	atomic_fetch_add(&n->custom->refs, 1);
	return n;
}

struct catalog *
catalog_with_custom(const struct catalog *c, json_t *skills, struct err *e)
{
	struct catalog *n = copy_of(c);

	if (n != NULL) {
		skill_set_unref(n->custom);
		n->custom = skill_set_new();
	}
	if (n == NULL || n->custom == NULL ||
	    skill_set_add(n->custom, skills, "custom") != 0 ||
	    catalog_index_skills(n) != 0) {
		catalog_unref(n);
		err_nomem(e);
		return NULL;
	}
	return n;
}

struct catalog *
catalog_with_soul(const struct catalog *c, const char *dir, json_t *problems,
    struct err *e)
{
	struct catalog_soul_box *soul;
	struct catalog *n;
	struct reader rd;

	if (reader_init(&rd, dir, problems, e) != 0)
		return NULL;
	soul = catalog_read_soul(&rd);
	reader_fini(&rd);
	if (soul == NULL) {
		if (rd.nomem)
			err_nomem(e);
		else
			err_set(e, ERR_CATALOG_INVALID,
			    "core_soul.json is invalid");
		return NULL;
	}
	n = copy_of(c);
	if (n == NULL || catalog_index_skills(n) != 0) {
		catalog_unref(n);
		catalog_soul_unref(soul);
		err_nomem(e);
		return NULL;
	}
	catalog_soul_unref(n->soul);
	n->soul = soul;
	return n;
}

struct catalog *
catalog_ref(struct catalog *c)
{
	atomic_fetch_add(&c->refs, 1);
	return c;
}

void
catalog_unref(struct catalog *c)
{
	if (c == NULL || atomic_fetch_sub(&c->refs, 1) != 1)
		return;
	catalog_files_unref(c->files);
	catalog_soul_unref(c->soul);
	skill_set_unref(c->platform);
	skill_set_unref(c->custom);
	free(c->skills);
	free(c);
}

uint64_t
catalog_generation(const struct catalog *c)
{
	return c->generation;
}

size_t
catalog_agent_count(const struct catalog *c)
{
	return c->files->nagents;
}

const struct catalog_agent *
catalog_agent_at(const struct catalog *c, size_t i)
{
	return i < c->files->nagents ? &c->files->agents[i].pub : NULL;
}

static int
agent_order(const void *key, const void *rec)
{
	return strcmp(key, ((const struct agent_rec *)rec)->pub.name);
}

const struct catalog_agent *
catalog_agent_find(const struct catalog *c, const char *name)
{
	const struct agent_rec *r = NULL;

	if (c->files->nagents > 0)
		r = bsearch(name, c->files->agents, c->files->nagents,
		    sizeof *r, agent_order);
	return r != NULL ? &r->pub : NULL;
}

size_t
catalog_tool_count(const struct catalog *c)
{
	return c->files->ntools;
}

const struct catalog_tool *
catalog_tool_at(const struct catalog *c, size_t i)
{
	return i < c->files->ntools ? &c->files->tools[i].pub : NULL;
}

static int
tool_order(const void *key, const void *rec)
{
	return strcmp(key, ((const struct tool_rec *)rec)->pub.name);
}

const struct catalog_tool *
catalog_tool_find(const struct catalog *c, const char *name)
{
	const struct tool_rec *r = NULL;

	if (c->files->ntools > 0)
		r = bsearch(name, c->files->tools, c->files->ntools,
		    sizeof *r, tool_order);
	return r != NULL ? &r->pub : NULL;
}

size_t
catalog_skill_count(const struct catalog *c)
{
	return c->nskills;
}

const struct catalog_skill *
catalog_skill_at(const struct catalog *c, size_t i)
{
	return i < c->nskills ? c->skills[i] : NULL;
}

static int
skill_order(const void *key, const void *p)
{
	const struct catalog_skill *const *s = p;

	return strcmp(key, (*s)->name);
}

const struct catalog_skill *
catalog_skill_find(const struct catalog *c, const char *name)
{
	const struct catalog_skill *const *s;

	s = bsearch(name, c->skills, c->nskills, sizeof *c->skills,
	    skill_order);
	return s != NULL ? *s : NULL;
}

size_t
catalog_server_count(const struct catalog *c)
{
	return c->files->nservers;
}

json_t *
catalog_server_at(const struct catalog *c, size_t i)
{
	return i < c->files->nservers ? c->files->servers[i].doc : NULL;
}

const struct catalog_soul *
catalog_soul(const struct catalog *c)
{
	static const struct catalog_soul none = { .identity = "" };

	return c->soul != NULL ? &c->soul->pub : &none;
}

/* A star remembers one place to come back to; earlier ones need none. */
static int
glob(const char *p, const char *s)
{
	const char *star = NULL, *mark = NULL;

	while (*s != '\0') {
		if (*p == '*') {
			star = p++;
			mark = s;
		} else if (*p == '?' || *p == *s) {
			p++;
			s++;
		} else if (star != NULL) {
			p = star + 1;
			s = ++mark;
		} else
			return 0;
	}
	while (*p == '*')
		p++;
	return *p == '\0';
}

int
catalog_matches(const json_t *patterns, const char *name)
{
	const char *p;
	size_t i;

	for (i = 0; i < json_array_size(patterns); i++) {
		p = json_string_value(json_array_get(patterns, i));
		if (p != NULL && glob(p, name))
			return 1;
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalog-check.c - what no file can be blamed for alone: names that are
 * used twice or point at nothing.
 */
#include <stdio.h>
#include <string.h>

#include "catalog-internal.h"

struct check {
	struct catalog *c;
	int (*known)(void *, const char *, const char *);
	void *arg;
	struct reader rd; /* for its problems only */
};

static int
is_known(const struct check *k, const char *kind, const char *ref)
{
	return k->known != NULL && k->known(k->arg, kind, ref);
}

/* "<server>.<action>" with a server of the catalog. */
static int
is_action(const struct catalog *c, const char *ref)
{
	size_t i, n = strcspn(ref, ".");
	const char *name;

	if (n == 0 || ref[n] != '.' || ref[n + 1] == '\0')
		return 0;
	for (i = 0; i < c->files->nservers; i++) {
		name = c->files->servers[i].name;
		if (strlen(name) == n && memcmp(name, ref, n) == 0)
			return 1;
	}
	return 0;
}

static void
check_agent(struct check *k, const struct agent_rec *a)
{
	const char *name;
	json_t *v;
	size_t i;

	json_array_foreach(a->pub.tools, i, v) {
		name = json_string_value(v);
		if (strpbrk(name, "*?") != NULL ||
		    catalog_tool_find(k->c, name) != NULL ||
		    is_action(k->c, name) || is_known(k, "platform", name))
			continue;
		reader_problem(&k->rd, a->file, a->tool_lines[i],
		    "there is no tool \"%s\"", name);
	}
}

static void
check_tool(struct check *k, size_t i)
{
	const struct tool_rec *t = &k->c->files->tools[i];
	const char *kind = t->pub.kind, *ref = t->pub.ref;
	int found;

	if (i > 0 && strcmp(t[-1].pub.name, t->pub.name) == 0)
		reader_problem(&k->rd, t->file, t->name_line,
		    "the tool \"%s\" is defined twice, also in %s",
		    t->pub.name, t[-1].file);
	found = is_known(k, kind, ref);
	if (!found && strcmp(kind, "skill") == 0)
		found = catalog_skill_find(k->c, ref) != NULL;
	else if (!found && strcmp(kind, "mcp") == 0)
		found = is_action(k->c, ref);
	if (!found)
		reader_problem(&k->rd, t->file, t->ref_line,
		    "implementation.ref: there is no %s tool \"%s\"", kind,
		    ref);
}

static void
check_server(struct check *k, size_t i)
{
	const struct server_rec *s = &k->c->files->servers[i];

	if (i > 0 && strcmp(s[-1].name, s->name) == 0)
		reader_problem(&k->rd, s->file, s->name_line,
		    "the server \"%s\" is defined twice, also in %s",
		    s->name, s[-1].file);
}

/* Two skill readers, or two folders of one, gave the same name. */
static void
check_skills(struct check *k)
{
	const struct skill_set *s = k->c->platform;
	const struct catalog_skill *first;
	char file[256];
	size_t i;

	for (i = 0; i < s->n; i++) {
		first = catalog_skill_find(k->c, s->v[i].name);
		if (first == NULL || first == &s->v[i])
			continue;
		(void)snprintf(file, sizeof file, "skills/%.200s/SKILL.md",
		    s->v[i].name);
		reader_problem(&k->rd, file, 1, "the skill \"%s\" is defined "
		    "twice", s->v[i].name);
	}
}

int
catalog_check(struct catalog *c, int (*known)(void *arg, const char *kind,
    const char *ref), void *arg, json_t *problems, struct err *e)
{
	struct check k = { .c = c, .known = known, .arg = arg };
	size_t i;

	k.rd.problems = problems;
	for (i = 0; i < c->files->nagents; i++)
		check_agent(&k, &c->files->agents[i]);
	for (i = 0; i < c->files->nservers; i++)
		check_server(&k, i);
	for (i = 0; i < c->files->ntools; i++)
		check_tool(&k, i);
	check_skills(&k);
	return k.rd.nomem ? err_nomem(e) : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalog-skills.c - the skills of a catalog: two sets, that of the platform
 * (from skill plugins) and the custom one (from the brain), and one index
 * over both in which the platform wins.
 */
#include <stdlib.h>
#include <string.h>

#include "../base/log.h"
#include "catalog-internal.h"

struct skill_set *
skill_set_new(void)
{
	struct skill_set *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	atomic_init(&s->refs, 1);
	s->keep = json_array();
	if (s->keep == NULL) {
		free(s);
		return NULL;
	}
	return s;
}

void
skill_set_unref(struct skill_set *s)
{
	if (s == NULL || atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	json_decref(s->keep);
	free(s->v);
	free(s);
}

static const char *
text_or(const json_t *obj, const char *key, const char *other)
{
	const char *s = json_string_value(json_object_get(obj, key));

	return s != NULL ? s : other;
}

/* The member when it has the type, else an empty one kept by the set. */
static json_t *
container(struct skill_set *s, const json_t *obj, const char *key, int array)
{
	json_t *v = json_object_get(obj, key);

	if (v != NULL && (array ? json_is_array(v) : json_is_object(v)))
		return v;
	v = array ? json_array() : json_object();
	if (v == NULL || json_array_append_new(s->keep, v) != 0)
		return NULL;
	return v;
}

static int
fill_skill(struct skill_set *s, json_t *obj, const char *source)
{
	struct catalog_skill *k = &s->v[s->n];

	memset(k, 0, sizeof *k);
	k->name = text_or(obj, "name", "");
	if (k->name[0] == '\0') {
		log_warn("catalog", "a skill without a name is left out");
		return 0;
	}
	k->description = text_or(obj, "description", "");
	k->category = text_or(obj, "category", "general");
	k->body = text_or(obj, "body", text_or(obj, "prompt_template", ""));
	k->dir = text_or(obj, "dir", "");
	k->source = strcmp(source, "custom") == 0 ? "custom" : "platform";
	k->allowed_tools = container(s, obj, "allowed_tools", 1);
	k->capabilities = container(s, obj, "capabilities", 1);
	k->references = container(s, obj, "references", 1);
	k->scripts = container(s, obj, "scripts", 0);
	if (k->allowed_tools == NULL || k->capabilities == NULL ||
	    k->references == NULL || k->scripts == NULL)
		return -1;
	s->n++;
	return 0;
}

int
skill_set_add(struct skill_set *s, json_t *skills, const char *source)
{
	struct catalog_skill *v;
	size_t i, n = json_array_size(skills);
	json_t *obj;

	if (n == 0)
		return 0;
	v = realloc(s->v, (s->n + n) * sizeof *v);
	if (v == NULL)
		return -1;
	s->v = v;
	if (json_array_append(s->keep, skills) != 0)
		return -1;
	json_array_foreach(skills, i, obj)
		if (fill_skill(s, obj, source) != 0)
			return -1;
	return 0;
}

struct entry {
	const struct catalog_skill *skill;
	size_t order; /* platform first, then as they came */
};

static int
by_entry(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int k = strcmp(x->skill->name, y->skill->name);

	return k != 0 ? k : (x->order > y->order) - (x->order < y->order);
}

int
catalog_index_skills(struct catalog *c)
{
	size_t i, n = c->platform->n + c->custom->n, o = 0;
	const struct catalog_skill **index;
	struct entry *all;

	all = calloc(n + 1, sizeof *all);
	index = calloc(n + 1, sizeof *index);
	if (all == NULL || index == NULL) {
		free(all);
		free(index);
		return -1;
	}
	for (i = 0; i < n; i++) {
		all[i].order = i;
		all[i].skill = i < c->platform->n ? &c->platform->v[i] :
		    &c->custom->v[i - c->platform->n];
	}
	qsort(all, n, sizeof *all, by_entry);
	for (i = 0; i < n; i++) {
		if (o > 0 && strcmp(index[o - 1]->name,
		    all[i].skill->name) == 0) {
			if (strcmp(all[i].skill->source, "custom") == 0)
				log_warn("catalog", "custom skill %s is left "
				    "out: the name is taken",
				    all[i].skill->name);
			continue;
		}
		index[o++] = all[i].skill;
	}
	free(all);
	free(c->skills);
	c->skills = index;
	c->nskills = o;
	return 0;
}

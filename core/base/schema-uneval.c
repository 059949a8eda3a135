/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema-uneval.c - which members and items of a value other keywords have
 * looked at, for unevaluatedProperties and unevaluatedItems.
 *
 * No annotations are collected during the check; the question is asked again
 * for one key or index, through the subschemas that apply to the same value.
 * That repeats work only where these two keywords stand. Called when all
 * rules before them have passed, so that allOf and $ref are known to fit.
 */
#include <string.h>

#include "schema-internal.h"

/* What is asked for: a key, or an index when key is NULL. */
struct ask {
	const json_t *v;
	const struct at *at;
	const char *key;
	size_t index;
	const struct rule *self; /* does not count */
};

static int evaluated(struct run *r, const struct node *n,
    const struct ask *a);

/* A subschema that may fit or not: counts only when it does. */
static int
if_fits(struct run *r, const struct node *n, const struct ask *a)
{
	int k = schema_try(r, n, a->v, a->at);

	return k == 1 ? evaluated(r, n, a) : k;
}

static int
by_if(struct run *r, const struct rule *rule, const struct ask *a)
{
	int fits = schema_try(r, rule->sub[0], a->v, a->at), k = 0;

	if (fits < 0)
		return -1;
	if (fits)
		k = evaluated(r, rule->sub[0], a);
	if (k == 0 && rule->sub[fits ? 1 : 2] != NULL)
		k = evaluated(r, rule->sub[fits ? 1 : 2], a);
	return k;
}

static int
by_subs(struct run *r, const struct rule *rule, const struct ask *a)
{
	size_t i;
	int k = 0;

	for (i = 0; i < rule->nsub && k == 0; i++)
		k = rule->kind == RULE_ANY ? if_fits(r, rule->sub[i], a) :
		    evaluated(r, rule->sub[i], a);
	return k;
}

static int
by_dependent(struct run *r, const struct rule *rule, const struct ask *a)
{
	const char *key;
	json_t *arg;
	size_t i = 0;
	int k = 0;

	json_object_foreach(rule->arg, key, arg) {
		if (k == 0 && rule->sub[i] != NULL &&
		    schema_has_key(a->v, key))
			k = evaluated(r, rule->sub[i], a);
		i++;
	}
	return k;
}

static int
by_rule(struct run *r, const struct rule *rule, const struct ask *a)
{
	switch (rule->kind) {
	case RULE_ALL:
	case RULE_ANY:
	case RULE_REF:
		return by_subs(r, rule, a);
	case RULE_IF:
		return by_if(r, rule, a);
	case RULE_DEPENDENT:
		return by_dependent(r, rule, a);
	case RULE_PROPERTIES:
		return a->key != NULL && schema_has_key(rule->arg, a->key);
	case RULE_PATTERNS:
		return a->key != NULL ? schema_key_matches(r, rule, a->key) :
		    0;
	case RULE_ALL_PROPERTIES:
		return a->key != NULL;
	case RULE_PREFIX:
		return a->key == NULL && a->index < rule->nsub;
	case RULE_ALL_ITEMS:
		return a->key == NULL;
	case RULE_CONTAINS:
		return a->key != NULL ? 0 : schema_try(r, rule->sub[0],
		    json_array_get(a->v, a->index), a->at);
	case RULE_PLAIN:
		break;
	}
	return 0;
}

static int
evaluated(struct run *r, const struct node *n, const struct ask *a)
{
	const struct rule *rule;
	int k = 0;

	if (schema_step(r, 1) != 0)
		return -1;
	for (rule = n->rules; rule != NULL && k == 0; rule = rule->next)
		if (rule != a->self)
			k = by_rule(r, rule, a);
	return k;
}

int
schema_key_evaluated(struct run *r, const struct node *n,
    const struct rule *self, const json_t *v, const struct at *at,
    const char *key)
{
	struct ask a = { .v = v, .at = at, .key = key, .self = self };

	return evaluated(r, n, &a);
}

int
schema_item_evaluated(struct run *r, const struct node *n,
    const struct rule *self, const json_t *v, const struct at *at, size_t i)
{
	struct ask a = { .v = v, .at = at, .index = i, .self = self };

	return evaluated(r, n, &a);
}

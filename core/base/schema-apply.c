/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema-apply.c - the keywords that hand a value, its members or its items
 * to subschemas.
 */
#include <stdint.h>
#include <string.h>

#include "schema-internal.h"

int
schema_check_ref(struct run *r, const struct rule *k, const json_t *v,
    const struct at *at)
{
	return schema_node(r, k->sub[0], v, at);
}

int
schema_check_all(struct run *r, const struct rule *k, const json_t *v,
    const struct at *at)
{
	size_t i;

	for (i = 0; i < k->nsub; i++)
		if (schema_node(r, k->sub[i], v, at) != 0)
			return -1;
	return 0;
}

static const struct rule *
type_rule(const struct node *n)
{
	/* The table of keywords begins with it. */
	if (n->rules != NULL && strcmp(n->rules->kw->name, "type") == 0)
		return n->rules;
	return NULL;
}

/*
 * None of the alternatives fits. When the value's type leaves only one of
 * them, its reason says more than the fact.
 */
static int
fail_alternatives(struct run *r, const struct rule *k, const json_t *v,
    const struct at *at)
{
	const struct node *only = NULL;
	size_t i, n = 0;

	if (r->quiet > 0)
		return -1;
	for (i = 0; i < k->nsub; i++)
		if (!json_is_false(k->sub[i]->src) &&
		    schema_type_fits(type_rule(k->sub[i]), v)) {
			only = k->sub[i];
			n++;
		}
	if (n == 1)
		return schema_node(r, only, v, at) != 0 ? -1 : 0;
	return schema_fail(r, at, "fits none of the %zu alternatives of %s",
	    k->nsub, k->kw->name);
}

int
schema_check_any(struct run *r, const struct rule *k, const json_t *v,
    const struct at *at)
{
	size_t i;
	int fits;

	for (i = 0; i < k->nsub; i++) {
		fits = schema_try(r, k->sub[i], v, at);
		if (fits != 0)
			return fits < 0 ? -1 : 0;
	}
	return fail_alternatives(r, k, v, at);
}

int
schema_check_one(struct run *r, const struct rule *k, const json_t *v,
    const struct at *at)
{
	size_t i, first = k->nsub;
	int fits;

	for (i = 0; i < k->nsub; i++) {
		fits = schema_try(r, k->sub[i], v, at);
		if (fits < 0)
			return -1;
		if (fits == 0)
			continue;
		if (first < k->nsub)
			return schema_fail(r, at, "fits more than one of the "
			    "alternatives of oneOf (%zu and %zu)", first, i);
		first = i;
	}
	return first < k->nsub ? 0 : fail_alternatives(r, k, v, at);
}

int
schema_check_not(struct run *r, const struct rule *k, const json_t *v,
    const struct at *at)
{
	int fits = schema_try(r, k->sub[0], v, at);

	if (fits == 0)
		return 0;
	return fits < 0 ? -1 : schema_fail(r, at, "is what \"not\" "
	    "excludes");
}

int
schema_check_if(struct run *r, const struct rule *k, const json_t *v,
    const struct at *at)
{
	int fits = schema_try(r, k->sub[0], v, at);
	const struct node *n;

	if (fits < 0)
		return -1;
	n = fits ? k->sub[1] : k->sub[2];
	return n != NULL ? schema_node(r, n, v, at) : 0;
}

int
schema_check_dependent(struct run *r, const struct rule *k, const json_t *v,
    const struct at *at)
{
	const char *key;
	json_t *arg;
	size_t i = 0;

	if (!json_is_object(v))
		return 0;
	json_object_foreach(k->arg, key, arg) {
		if (k->sub[i] != NULL && schema_has_key(v, key) &&
		    schema_node(r, k->sub[i], v, at) != 0)
			return -1;
		i++;
	}
	/* The lists of names that "dependencies" may hold. */
	return schema_check_dependent_required(r, k, v, at);
}

int
schema_check_properties(struct run *r, const struct rule *k, const json_t *v,
    const struct at *at)
{
	struct at below = { .up = at };
	const char *key;
	json_t *arg, *m;
	size_t i = 0;

	if (!json_is_object(v))
		return 0;
	json_object_foreach(k->arg, key, arg) {
		m = json_object_get(v, key);
		below.key = key;
		if (m != NULL && schema_node(r, k->sub[i], m, &below) != 0)
			return -1;
		i++;
	}
	return 0;
}

int
schema_check_patterns(struct run *r, const struct rule *k, const json_t *v,
    const struct at *at)
{
	json_t *obj = (json_t *)(uintptr_t)v, *m;
	struct at below = { .up = at };
	struct rule one = *k;
	const char *key;
	size_t i;
	int fits;

	if (!json_is_object(v))
		return 0;
	one.npat = 1;
	json_object_foreach(obj, key, m) {
		below.key = key;
		for (i = 0; i < k->npat; i++) {
			one.pat = &k->pat[i];
			fits = schema_key_matches(r, &one, key);
			if (fits < 0 || (fits == 1 &&
			    schema_node(r, k->sub[i], m, &below) != 0))
				return -1;
		}
	}
	return 0;
}

int
schema_check_additional(struct run *r, const struct rule *k, const json_t *v,
    const struct at *at)
{
	json_t *obj = (json_t *)(uintptr_t)v, *m;
	struct at below = { .up = at };
	const char *key;
	int fits;

	if (!json_is_object(v))
		return 0;
	json_object_foreach(obj, key, m) {
		if (k->peer != NULL && schema_has_key(k->peer->arg, key))
			continue;
		fits = k->peer2 != NULL ? schema_key_matches(r, k->peer2,
		    key) : 0;
		if (fits < 0)
			return -1;
		if (fits == 1)
			continue;
		below.key = key;
		if (json_is_false(k->arg))
			return schema_step(r, 1) != 0 ? -1 : schema_fail(r,
			    &below, "there is no such property");
		if (schema_node(r, k->sub[0], m, &below) != 0)
			return -1;
	}
	return 0;
}

int
schema_check_names(struct run *r, const struct rule *k, const json_t *v,
    const struct at *at)
{
	json_t *obj = (json_t *)(uintptr_t)v, *m, *name;
	struct at below = { .up = at };
	const char *key;
	int bad;

	if (!json_is_object(v))
		return 0;
	json_object_foreach(obj, key, m) {
		name = json_string(key);
		if (name == NULL)
			return schema_nomem(r);
		below.key = key;
		bad = schema_node(r, k->sub[0], name, &below);
		json_decref(name);
		if (bad != 0)
			return -1;
	}
	return 0;
}

int
schema_check_prefix(struct run *r, const struct rule *k, const json_t *v,
    const struct at *at)
{
	struct at below = { .up = at };

	if (!json_is_array(v))
		return 0;
	for (; below.index < k->nsub && below.index < json_array_size(v);
	    below.index++)
		if (schema_node(r, k->sub[below.index],
		    json_array_get(v, below.index), &below) != 0)
			return -1;
	return 0;
}

/* items and additionalItems: all items behind the prefix. */
int
schema_check_items(struct run *r, const struct rule *k, const json_t *v,
    const struct at *at)
{
	struct at below = { .up = at };

	if (!json_is_array(v) || k->kind == RULE_PLAIN)
		return 0;
	if (k->kind == RULE_PREFIX)
		return schema_check_prefix(r, k, v, at);
	below.index = k->peer != NULL ? k->peer->nsub : 0;
	for (; below.index < json_array_size(v); below.index++)
		if (schema_node(r, k->sub[0], json_array_get(v, below.index),
		    &below) != 0)
			return -1;
	return 0;
}

int
schema_check_contains(struct run *r, const struct rule *k, const json_t *v,
    const struct at *at)
{
	struct at below = { .up = at };
	json_int_t n = 0;
	int fits;

	if (!json_is_array(v))
		return 0;
	for (; below.index < json_array_size(v); below.index++) {
		fits = schema_try(r, k->sub[0],
		    json_array_get(v, below.index), &below);
		if (fits < 0)
			return -1;
		n += fits;
	}
	if (n < k->min)
		return schema_fail(r, at, "expected at least %lld items that "
		    "fit \"contains\", got %lld", (long long)k->min,
		    (long long)n);
	if (k->max >= 0 && n > k->max)
		return schema_fail(r, at, "expected at most %lld items that "
		    "fit \"contains\", got %lld", (long long)k->max,
		    (long long)n);
	return 0;
}

int
schema_check_unevaluated_items(struct run *r, const struct rule *k,
    const json_t *v, const struct at *at)
{
	struct at below = { .up = at };
	int seen;

	if (!json_is_array(v))
		return 0;
	for (; below.index < json_array_size(v); below.index++) {
		seen = schema_item_evaluated(r, k->owner, k, v, at,
		    below.index);
		if (seen < 0 || (seen == 0 && schema_node(r, k->sub[0],
		    json_array_get(v, below.index), &below) != 0))
			return -1;
	}
	return 0;
}

int
schema_check_unevaluated_properties(struct run *r, const struct rule *k,
    const json_t *v, const struct at *at)
{
	json_t *obj = (json_t *)(uintptr_t)v, *m;
	struct at below = { .up = at };
	const char *key;
	int seen;

	if (!json_is_object(v))
		return 0;
	json_object_foreach(obj, key, m) {
		seen = schema_key_evaluated(r, k->owner, k, v, at, key);
		below.key = key;
		if (seen < 0 || (seen == 0 &&
		    schema_node(r, k->sub[0], m, &below) != 0))
			return -1;
	}
	return 0;
}

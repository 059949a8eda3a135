/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema-assert.c - the keywords that look at one value and no subschema.
 * Each applies to values of its kind only and lets others pass.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "schema-internal.h"
#include "utf8.h"

static const char *
type_name(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return "object";
	case JSON_ARRAY:
		return "array";
	case JSON_STRING:
		return "string";
	case JSON_INTEGER:
		return "integer";
	case JSON_REAL:
		return "number";
	case JSON_NULL:
		return "null";
	default:
		return "boolean";
	}
}

int
schema_type_fits(const struct rule *r, const json_t *v)
{
	unsigned bits;

	if (r == NULL)
		return 1;
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		bits = TYPE_OBJECT;
		break;
	case JSON_ARRAY:
		bits = TYPE_ARRAY;
		break;
	case JSON_STRING:
		bits = TYPE_STRING;
		break;
	case JSON_INTEGER:
	case JSON_REAL:
		bits = TYPE_NUMBER;
		if (schema_is_integer(v))
			bits |= TYPE_INTEGER;
		break;
	case JSON_NULL:
		bits = TYPE_NULL;
		break;
	default:
		bits = TYPE_BOOLEAN;
		break;
	}
	return (r->types & bits) != 0;
}

/* The value as text for a message, cut; free it. NULL: no memory. */
static char *
show(const json_t *v)
{
	char *s = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
	size_t n = s != NULL ? strlen(s) : 0;

	if (n > 200) {
		n = utf8_cut(s, 197);
		memcpy(s + n, "...", 4);
	}
	return s;
}

static int
fail_show(struct run *r, const struct at *at, const char *what,
    const json_t *v, const char *got)
{
	char *s;

	if (r->quiet > 0)
		return -1;
	s = show(v);
	schema_fail(r, at, "expected %s%s%s%s", what, s != NULL ? s : "...",
	    got != NULL ? ", got " : "", got != NULL ? got : "");
	free(s);
	return -1;
}

int
schema_check_type(struct run *r, const struct rule *k, const json_t *v,
    const struct at *at)
{
	if (schema_type_fits(k, v))
		return 0;
	if (json_is_string(k->arg))
		return schema_fail(r, at, "expected %s, got %s",
		    json_string_value(k->arg), type_name(v));
	return fail_show(r, at, "one of the types ", k->arg, type_name(v));
}

int
schema_check_const(struct run *r, const struct rule *k, const json_t *v,
    const struct at *at)
{
	int same = schema_equal(r, k->arg, v);

	if (same == 1)
		return 0;
	return same < 0 ? -1 : fail_show(r, at, "", k->arg, NULL);
}

int
schema_check_enum(struct run *r, const struct rule *k, const json_t *v,
    const struct at *at)
{
	size_t i;
	int same;

	for (i = 0; i < json_array_size(k->arg); i++) {
		same = schema_equal(r, json_array_get(k->arg, i), v);
		if (same != 0)
			return same < 0 ? -1 : 0;
	}
	return fail_show(r, at, "one of ", k->arg, NULL);
}

int
schema_check_minimum(struct run *r, const struct rule *k, const json_t *v,
    const struct at *at)
{
	if (!json_is_number(v) || schema_compare(v, k->arg) >= 0)
		return 0;
	return fail_show(r, at, "a number of at least ", k->arg, NULL);
}

int
schema_check_maximum(struct run *r, const struct rule *k, const json_t *v,
    const struct at *at)
{
	if (!json_is_number(v) || schema_compare(v, k->arg) <= 0)
		return 0;
	return fail_show(r, at, "a number of at most ", k->arg, NULL);
}

int
schema_check_above(struct run *r, const struct rule *k, const json_t *v,
    const struct at *at)
{
	if (!json_is_number(v) || schema_compare(v, k->arg) > 0)
		return 0;
	return fail_show(r, at, "a number above ", k->arg, NULL);
}

int
schema_check_below(struct run *r, const struct rule *k, const json_t *v,
    const struct at *at)
{
	if (!json_is_number(v) || schema_compare(v, k->arg) < 0)
		return 0;
	return fail_show(r, at, "a number below ", k->arg, NULL);
}

int
schema_check_multiple(struct run *r, const struct rule *k, const json_t *v,
    const struct at *at)
{
	if (!json_is_number(v) || schema_is_multiple(v, k->arg))
		return 0;
	return fail_show(r, at, "a multiple of ", k->arg, NULL);
}

int
schema_check_min_length(struct run *r, const struct rule *k, const json_t *v,
    const struct at *at)
{
	if (!json_is_string(v) || (uint64_t)schema_length(v) >=
	    (uint64_t)k->min)
		return 0;
	return schema_fail(r, at, "expected at least %lld characters, got "
	    "%zu", (long long)k->min, schema_length(v));
}

int
schema_check_max_length(struct run *r, const struct rule *k, const json_t *v,
    const struct at *at)
{
	if (!json_is_string(v) || (uint64_t)schema_length(v) <=
	    (uint64_t)k->min)
		return 0;
	return schema_fail(r, at, "expected at most %lld characters, got "
	    "%zu", (long long)k->min, schema_length(v));
}

/* Runs a pattern out of the steps of the run. */
static int
run_pattern(struct run *r, const struct pattern *p, const char *s, size_t n)
{
	int k;

	if (r->over)
		return -1;
	k = pattern_match(p, s, n, &r->steps);
	if (k < 0)
		return r->steps < 0 ? schema_step(r, 0) : schema_nomem(r);
	return k;
}

int
schema_key_matches(struct run *r, const struct rule *rule, const char *key)
{
	size_t i;
	int k;

	for (i = 0; i < rule->npat; i++) {
		k = run_pattern(r, rule->pat[i], key, strlen(key));
		if (k != 0)
			return k;
	}
	return 0;
}

int
schema_check_pattern(struct run *r, const struct rule *k, const json_t *v,
    const struct at *at)
{
	int fits;

	if (!json_is_string(v))
		return 0;
	fits = run_pattern(r, k->pat[0], json_string_value(v),
	    json_string_length(v));
	if (fits == 1)
		return 0;
	return fits < 0 ? -1 : schema_fail(r, at, "expected text that "
	    "matches %.150s", json_string_value(k->arg));
}

int
schema_check_min_items(struct run *r, const struct rule *k, const json_t *v,
    const struct at *at)
{
	if (!json_is_array(v) ||
	    (uint64_t)json_array_size(v) >= (uint64_t)k->min)
		return 0;
	return schema_fail(r, at, "expected at least %lld items, got %zu",
	    (long long)k->min, json_array_size(v));
}

int
schema_check_max_items(struct run *r, const struct rule *k, const json_t *v,
    const struct at *at)
{
	if (!json_is_array(v) ||
	    (uint64_t)json_array_size(v) <= (uint64_t)k->min)
		return 0;
	return schema_fail(r, at, "expected at most %lld items, got %zu",
	    (long long)k->min, json_array_size(v));
}

int
schema_check_unique(struct run *r, const struct rule *k, const json_t *v,
    const struct at *at)
{
	size_t i = 0, j = 0;
	int unique;

	if (!json_is_array(v) || !json_is_true(k->arg))
		return 0;
	unique = schema_unique(r, v, &i, &j);
	if (unique == 1)
		return 0;
	return unique < 0 ? -1 : schema_fail(r, at, "expected no item twice, "
	    "but items %zu and %zu are equal", i, j);
}

int
schema_check_min_properties(struct run *r, const struct rule *k,
    const json_t *v, const struct at *at)
{
	if (!json_is_object(v) ||
	    (uint64_t)json_object_size(v) >= (uint64_t)k->min)
		return 0;
	return schema_fail(r, at, "expected at least %lld properties, got "
	    "%zu", (long long)k->min, json_object_size(v));
}

int
schema_check_max_properties(struct run *r, const struct rule *k,
    const json_t *v, const struct at *at)
{
	if (!json_is_object(v) ||
	    (uint64_t)json_object_size(v) <= (uint64_t)k->min)
		return 0;
	return schema_fail(r, at, "expected at most %lld properties, got "
	    "%zu", (long long)k->min, json_object_size(v));
}

int
schema_check_required(struct run *r, const struct rule *k, const json_t *v,
    const struct at *at)
{
	const char *name;
	size_t i;

	if (!json_is_object(v))
		return 0;
	for (i = 0; i < json_array_size(k->arg); i++) {
		name = json_string_value(json_array_get(k->arg, i));
		if (!schema_has_key(v, name))
			return schema_fail(r, at, "the required property "
			    "\"%.100s\" is missing", name);
	}
	return 0;
}

int
schema_check_dependent_required(struct run *r, const struct rule *k,
    const json_t *v, const struct at *at)
{
	const char *key, *name;
	json_t *names;
	size_t i;

	if (!json_is_object(v))
		return 0;
	json_object_foreach(k->arg, key, names) {
		if (!json_is_array(names) || !schema_has_key(v, key))
			continue;
		for (i = 0; i < json_array_size(names); i++) {
			name = json_string_value(json_array_get(names, i));
			if (!schema_has_key(v, name))
				return schema_fail(r, at, "the property "
				    "\"%.80s\" is required beside \"%.80s\"",
				    name, key);
		}
	}
	return 0;
}

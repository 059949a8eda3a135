/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema-keywords.c - the table of keywords and how each takes its argument.
 *
 * The order of the table is the order of the rules of a node: cheap
 * assertions first, a keyword after those it looks at (additionalProperties
 * after properties), unevaluated* last.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema-internal.h"

static const struct {
	const char *name;
	enum type_bit bit;
} types[] = {
	{ "null", TYPE_NULL }, { "boolean", TYPE_BOOLEAN },
	{ "integer", TYPE_INTEGER }, { "number", TYPE_NUMBER },
	{ "string", TYPE_STRING }, { "array", TYPE_ARRAY },
	{ "object", TYPE_OBJECT },
};

static const struct rule *
find_rule(const struct node *n, const char *name)
{
	const struct rule *r;

	for (r = n->rules; r != NULL; r = r->next)
		if (strcmp(r->kw->name, name) == 0)
			return r;
	return NULL;
}

static int
alloc_subs(struct compiler *c, struct rule *r, size_t n)
{
	r->sub = calloc(n != 0 ? n : 1, sizeof(struct node *));
	if (r->sub == NULL)
		return err_nomem(c->e);
	r->nsub = n;
	return 0;
}

static int
add_type(struct compiler *c, struct rule *r, const json_t *v)
{
	const char *name = json_string_value(v);
	size_t i;

	for (i = 0; name != NULL && i < sizeof types / sizeof *types; i++)
		if (strcmp(types[i].name, name) == 0) {
			r->types |= types[i].bit;
			return 0;
		}
	return schema_refuse(c, "%.40s is not a type", name != NULL ? name :
	    "this");
}

static int
compile_type(struct compiler *c, struct node *n, struct rule *r)
{
	size_t i;

	(void)n;
	if (!json_is_array(r->arg))
		return add_type(c, r, r->arg);
	if (json_array_size(r->arg) == 0)
		return schema_refuse(c, "an empty list of types");
	for (i = 0; i < json_array_size(r->arg); i++)
		if (add_type(c, r, json_array_get(r->arg, i)) != 0)
			return -1;
	return 0;
}

static int
compile_any_value(struct compiler *c, struct node *n, struct rule *r)
{
	(void)c;
	(void)n;
	(void)r;
	return 0;
}

static int
compile_enum(struct compiler *c, struct node *n, struct rule *r)
{
	(void)n;
	if (!json_is_array(r->arg))
		return schema_refuse(c, "an array expected");
	return 0;
}

static int
compile_number(struct compiler *c, struct node *n, struct rule *r)
{
	(void)n;
	if (!json_is_number(r->arg))
		return schema_refuse(c, "a number expected");
	return 0;
}

static int
compile_multiple(struct compiler *c, struct node *n, struct rule *r)
{
	(void)n;
	if (!json_is_number(r->arg) || json_number_value(r->arg) <= 0.0)
		return schema_refuse(c, "a number above 0 expected");
	return 0;
}

static int
take_count(struct compiler *c, const json_t *v, json_int_t *out)
{
	double d;

	if (v == NULL || !schema_is_integer(v) ||
	    (d = json_number_value(v)) < 0.0)
		return schema_refuse(c, "a whole number, at least 0, "
		    "expected");
	if (json_is_integer(v))
		*out = json_integer_value(v);
	else
		*out = d >= 9e15 ? (json_int_t)9e15 : (json_int_t)d;
	return 0;
}

static int
compile_count(struct compiler *c, struct node *n, struct rule *r)
{
	(void)n;
	return take_count(c, r->arg, &r->min);
}

static int
compile_boolean(struct compiler *c, struct node *n, struct rule *r)
{
	(void)n;
	if (!json_is_boolean(r->arg))
		return schema_refuse(c, "true or false expected");
	return 0;
}

/* The regular expression src as pattern i of the rule. */
static int
add_pattern(struct compiler *c, struct rule *r, size_t i, const char *src,
    size_t len)
{
	struct err e = { 0 };

	if (strlen(src) != len)
		return schema_refuse(c, "bad pattern: it holds a NUL");
	r->pat[i] = pattern_new(src, &e);
	if (r->pat[i] != NULL)
		return 0;
	if (e.code == ERR_INTERNAL)
		return err_nomem(c->e);
	return schema_refuse(c, "%s", e.text);
}

static int
alloc_patterns(struct compiler *c, struct rule *r, size_t n)
{
	r->pat = calloc(n != 0 ? n : 1, sizeof(struct pattern *));
	if (r->pat == NULL)
		return err_nomem(c->e);
	r->npat = n;
	return 0;
}

static int
compile_pattern(struct compiler *c, struct node *n, struct rule *r)
{
	(void)n;
	if (!json_is_string(r->arg))
		return schema_refuse(c, "a string expected");
	if (alloc_patterns(c, r, 1) != 0)
		return -1;
	return add_pattern(c, r, 0, json_string_value(r->arg),
	    json_string_length(r->arg));
}

static int
check_names(struct compiler *c, const json_t *v)
{
	size_t i;

	if (!json_is_array(v))
		return schema_refuse(c, "an array of strings expected");
	for (i = 0; i < json_array_size(v); i++)
		if (!json_is_string(json_array_get(v, i)))
			return schema_refuse(c, "an array of strings "
			    "expected");
	return 0;
}

static int
compile_required(struct compiler *c, struct node *n, struct rule *r)
{
	(void)n;
	return check_names(c, r->arg);
}

static int
compile_one(struct compiler *c, struct node *n, struct rule *r)
{
	if (alloc_subs(c, r, 1) != 0)
		return -1;
	return schema_sub(c, n, r->arg, NULL, NULL, &r->sub[0]);
}

static int
compile_list(struct compiler *c, struct node *n, struct rule *r)
{
	char index[24];
	size_t i, k = json_array_size(r->arg);

	if (!json_is_array(r->arg) || k == 0)
		return schema_refuse(c, "a list of schemas expected");
	if (alloc_subs(c, r, k) != 0)
		return -1;
	for (i = 0; i < k; i++) {
		(void)snprintf(index, sizeof index, "%zu", i);
		if (schema_sub(c, n, json_array_get(r->arg, i), index, NULL,
		    &r->sub[i]) != 0)
			return -1;
	}
	return 0;
}

/* An object of schemas; with `lists` also of lists of names. */
static int
compile_members(struct compiler *c, struct node *n, struct rule *r,
    int lists)
{
	const char *key;
	json_t *v;
	size_t i = 0;

	if (!json_is_object(r->arg))
		return schema_refuse(c, "an object expected");
	if (alloc_subs(c, r, json_object_size(r->arg)) != 0)
		return -1;
	json_object_foreach(r->arg, key, v) {
		if (lists && json_is_array(v)) {
			if (check_names(c, v) != 0)
				return -1;
		} else if (schema_sub(c, n, v, key, NULL, &r->sub[i]) != 0)
			return -1;
		i++;
	}
	return 0;
}

static int
compile_map(struct compiler *c, struct node *n, struct rule *r)
{
	return compile_members(c, n, r, 0);
}

static int
compile_dependencies(struct compiler *c, struct node *n, struct rule *r)
{
	return compile_members(c, n, r, 1);
}

static int
compile_dependent_required(struct compiler *c, struct node *n,
    struct rule *r)
{
	const char *key;
	json_t *v;

	(void)n;
	if (!json_is_object(r->arg))
		return schema_refuse(c, "an object expected");
	json_object_foreach(r->arg, key, v)
		if (check_names(c, v) != 0)
			return -1;
	return 0;
}

static int
compile_patterns(struct compiler *c, struct node *n, struct rule *r)
{
	const char *key;
	json_t *v;
	size_t i = 0;

	if (compile_members(c, n, r, 0) != 0 ||
	    alloc_patterns(c, r, r->nsub) != 0)
		return -1;
	json_object_foreach(r->arg, key, v) {
		if (add_pattern(c, r, i, key, strlen(key)) != 0)
			return -1;
		i++;
	}
	return 0;
}

static int
compile_additional(struct compiler *c, struct node *n, struct rule *r)
{
	r->peer = find_rule(n, "properties");
	r->peer2 = find_rule(n, "patternProperties");
	return compile_one(c, n, r);
}

static int
compile_items(struct compiler *c, struct node *n, struct rule *r)
{
	if (json_is_array(r->arg)) {
		if (c->dialect == DIALECT_2020)
			return schema_refuse(c, "a schema expected; in "
			    "2020-12 a list is called prefixItems");
		r->kind = RULE_PREFIX;
		if (json_array_size(r->arg) == 0)
			return alloc_subs(c, r, 0);
		return compile_list(c, n, r);
	}
	r->peer = find_rule(n, "prefixItems");
	return compile_one(c, n, r);
}

/* Counts only beside the list form of items. */
static int
compile_additional_items(struct compiler *c, struct node *n, struct rule *r)
{
	const struct rule *items = find_rule(n, "items");

	if (items == NULL || items->kind != RULE_PREFIX)
		r->kind = RULE_PLAIN;
	else
		r->peer = items;
	return compile_one(c, n, r);
}

static int
compile_contains(struct compiler *c, struct node *n, struct rule *r)
{
	json_t *min = json_object_get(n->src, "minContains");
	json_t *max = json_object_get(n->src, "maxContains");

	r->min = 1;
	if (min != NULL && take_count(c, min, &r->min) != 0)
		return -1;
	if (max != NULL && take_count(c, max, &r->max) != 0)
		return -1;
	return compile_one(c, n, r);
}

static int
compile_if(struct compiler *c, struct node *n, struct rule *r)
{
	json_t *yes = json_object_get(n->src, "then");
	json_t *no = json_object_get(n->src, "else");

	if (alloc_subs(c, r, 3) != 0 ||
	    schema_sub(c, n, r->arg, NULL, NULL, &r->sub[0]) != 0)
		return -1;
	if (yes != NULL &&
	    schema_sub(c, n, yes, "then", NULL, &r->sub[1]) != 0)
		return -1;
	if (no != NULL && schema_sub(c, n, no, "else", NULL,
	    &r->sub[2]) != 0)
		return -1;
	return 0;
}

static int
compile_ref(struct compiler *c, struct node *n, struct rule *r)
{
	struct pending *p;

	if (!json_is_string(r->arg))
		return schema_refuse(c, "a string expected");
	if (alloc_subs(c, r, 1) != 0)
		return -1;
	p = calloc(1, sizeof *p);
	if (p == NULL)
		return err_nomem(c->e);
	p->node = n;
	p->rule = r;
	p->next = c->pending;
	c->pending = p;
	return 0;
}

static int
compile_refused(struct compiler *c, struct node *n, struct rule *r)
{
	(void)n;
	return schema_refuse(c, "%s is not supported", r->kw->name);
}

#define K(name, kind, compile, check) \
	{ name, RULE_##kind, compile_##compile, schema_check_##check }

const struct keyword schema_keywords[] = {
	K("type", PLAIN, type, type),
	K("const", PLAIN, any_value, const),
	K("enum", PLAIN, enum, enum),
	K("minimum", PLAIN, number, minimum),
	K("maximum", PLAIN, number, maximum),
	K("exclusiveMinimum", PLAIN, number, above),
	K("exclusiveMaximum", PLAIN, number, below),
	K("multipleOf", PLAIN, multiple, multiple),
	K("minLength", PLAIN, count, min_length),
	K("maxLength", PLAIN, count, max_length),
	K("pattern", PLAIN, pattern, pattern),
	K("minItems", PLAIN, count, min_items),
	K("maxItems", PLAIN, count, max_items),
	K("minProperties", PLAIN, count, min_properties),
	K("maxProperties", PLAIN, count, max_properties),
	K("required", PLAIN, required, required),
	K("dependentRequired", PLAIN, dependent_required,
	    dependent_required),
	K("properties", PROPERTIES, map, properties),
	K("patternProperties", PATTERNS, patterns, patterns),
	K("additionalProperties", ALL_PROPERTIES, additional, additional),
	K("propertyNames", PLAIN, one, names),
	K("prefixItems", PREFIX, list, prefix),
	K("items", ALL_ITEMS, items, items),
	K("additionalItems", ALL_ITEMS, additional_items, items),
	K("contains", CONTAINS, contains, contains),
	K("uniqueItems", PLAIN, boolean, unique),
	K("$ref", REF, ref, ref),
	K("allOf", ALL, list, all),
	K("anyOf", ANY, list, any),
	K("oneOf", ANY, list, one),
	K("not", PLAIN, one, not),
	K("if", IF, if, if),
	K("dependentSchemas", DEPENDENT, map, dependent),
	K("dependencies", DEPENDENT, dependencies, dependent),
	K("unevaluatedItems", ALL_ITEMS, one, unevaluated_items),
	K("unevaluatedProperties", ALL_PROPERTIES, one,
	    unevaluated_properties),
	{ "$defs", RULE_PLAIN, compile_map, NULL },
	{ "definitions", RULE_PLAIN, compile_map, NULL },
	{ "$dynamicRef", RULE_PLAIN, compile_refused, NULL },
	{ "$recursiveRef", RULE_PLAIN, compile_refused, NULL },
	{ NULL, RULE_PLAIN, NULL, NULL }
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema.c - a JSON Schema as the subset that generateContent accepts.
 *
 * Known keywords are kept, the rest is dropped: the host checks the model's
 * input against the full schema anyway. What has an equivalent is rewritten:
 * lists of types, const, oneOf, allOf, references.
 */
#include <string.h>

#include "gemini.h"

#define DEPTH_MAX 12
#define NODES_MAX 5000

struct cut {
	const json_t *root;
	size_t nodes;
	int failed;
};

static json_t *cut(struct cut *c, const json_t *s, unsigned depth);

static void
put(struct cut *c, json_t *obj, const char *key, json_t *v)
{
	if (json_object_set_new(obj, key, v) == -1)
		c->failed = 1;
}

/* "#", "#/$defs/x"; anything else is NULL. */
static const json_t *
resolve(const json_t *root, const char *ref)
{
	char part[128];
	size_t n;

	if (*ref++ != '#')
		return NULL;
	while (*ref == '/' && root != NULL) {
		n = strcspn(++ref, "/");
		if (n >= sizeof part)
			return NULL;
		memcpy(part, ref, n);
		part[n] = '\0';
		root = json_object_get(root, part);
		ref += n;
	}
	return *ref == '\0' ? root : NULL;
}

/* Keywords that are taken over as they stand. */
static void
plain(struct cut *c, json_t *out, const json_t *s)
{
	static const char *const keys[] = { "title", "description",
	    "nullable", "minimum", "maximum", "minItems", "maxItems",
	    "minLength", "maxLength", "minProperties", "maxProperties",
	    "pattern" };
	json_t *v;
	size_t i;

	for (i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		v = json_object_get(s, keys[i]);
		if (v != NULL)
			put(c, out, keys[i], json_incref(v));
	}
}

/* "type": a name, or a list, of which null becomes nullable. */
static void
type(struct cut *c, json_t *out, const json_t *s)
{
	json_t *t = json_object_get(s, "type"), *any, *v;
	const char *only = NULL;
	size_t i, n = 0;

	if (json_is_string(t)) {
		put(c, out, "type", json_incref(t));
		return;
	}
	json_array_foreach(t, i, v) {
		if (!json_is_string(v))
			continue;
		if (strcmp(json_string_value(v), "null") == 0) {
			put(c, out, "nullable", json_true());
		} else {
			only = json_string_value(v);
			n++;
		}
	}
	if (n == 1) {
		put(c, out, "type", json_string(only));
	} else if (n > 1) {
		any = json_array();
		json_array_foreach(t, i, v)
			if (json_is_string(v) &&
			    strcmp(json_string_value(v), "null") != 0 &&
			    json_array_append_new(any, json_pack("{s:O}",
			    "type", v)) == -1)
				c->failed = 1;
		put(c, out, "anyOf", any);
	}
}

/* Only strings may be enumerated, and only for strings. */
static void
values(struct cut *c, json_t *out, const json_t *s)
{
	json_t *list = json_object_get(s, "enum"), *v, *kept;
	json_t *one = json_object_get(s, "const");
	json_t *f = json_object_get(s, "format");
	const char *name = json_string_value(f);
	size_t i;

	kept = json_array();
	json_array_foreach(list, i, v)
		if (json_is_string(v) && json_string_length(v) > 0 &&
		    json_array_append(kept, v) == -1)
			c->failed = 1;
	if (json_string_length(one) > 0 && json_array_append(kept, one) == -1)
		c->failed = 1;
	if (json_array_size(kept) > 0) {
		put(c, out, "enum", json_incref(kept));
		if (json_object_get(out, "type") == NULL)
			put(c, out, "type", json_string("string"));
	} else if (name != NULL && (strcmp(name, "date-time") == 0 ||
	    strncmp(name, "int", 3) == 0 || strcmp(name, "float") == 0 ||
	    strcmp(name, "double") == 0)) {
		put(c, out, "format", json_incref(f));
	}
	json_decref(kept);
}

static void
object(struct cut *c, json_t *out, const json_t *s, unsigned depth)
{
	json_t *props = json_object_get(s, "properties"), *v, *to;
	json_t *req = json_object_get(s, "required"), *kept;
	const char *key;
	size_t i;

	if (json_object_size(props) == 0)
		return;
	to = json_object();
	json_object_foreach(props, key, v)
		put(c, to, key, cut(c, v, depth + 1));
	put(c, out, "properties", to);
	if (json_object_get(out, "type") == NULL)
		put(c, out, "type", json_string("object"));
	kept = json_array();
	json_array_foreach(req, i, v)
		if (json_is_string(v) && json_object_get(props,
		    json_string_value(v)) != NULL &&
		    json_array_append(kept, v) == -1)
			c->failed = 1;
	if (json_array_size(kept) > 0)
		put(c, out, "required", json_incref(kept));
	json_decref(kept);
}

static void
branches(struct cut *c, json_t *out, const json_t *s, unsigned depth)
{
	static const char *const keys[] = { "anyOf", "oneOf" };
	json_t *v, *any = json_array(), *sub;
	size_t i, k;

	for (k = 0; k < 2; k++) {
		json_array_foreach(json_object_get(s, keys[k]), i, v) {
			if (strcmp(llm_string(v, "type"), "null") == 0)
				put(c, out, "nullable", json_true());
			else if (json_array_append_new(any,
			    cut(c, v, depth + 1)) == -1)
				c->failed = 1;
		}
	}
	if (json_array_size(any) > 1)
		put(c, out, "anyOf", json_incref(any));
	else if (json_array_size(any) == 1 &&
	    json_object_update_missing(out, json_array_get(any, 0)) == -1)
		c->failed = 1;
	json_decref(any);
	json_array_foreach(json_object_get(s, "allOf"), i, v) {
		sub = cut(c, v, depth + 1);
		if (sub == NULL ||
		    json_object_update_missing(out, sub) == -1)
			c->failed = 1;
		json_decref(sub);
	}
}

static json_t *
cut(struct cut *c, const json_t *s, unsigned depth)
{
	const json_t *ref = json_object_get(s, "$ref"), *items;
	json_t *out;

	if (json_is_string(ref) && depth < DEPTH_MAX &&
	    c->nodes < NODES_MAX) {
		c->nodes++;
		return cut(c, resolve(c->root, json_string_value(ref)),
		    depth + 1);
	}
	out = json_object();
	if (!json_is_object(s))
		return out;
	type(c, out, s);
	plain(c, out, s);
	/* What lies too deep is left open. */
	if (depth >= DEPTH_MAX || c->nodes++ >= NODES_MAX)
		return out;
	values(c, out, s);
	object(c, out, s, depth);
	branches(c, out, s, depth);
	items = json_object_get(s, "items");
	if (json_is_object(items))
		put(c, out, "items", cut(c, items, depth + 1));
	else if (strcmp(llm_string(out, "type"), "array") == 0)
		put(c, out, "items", json_pack("{s:s}", "type", "string"));
	return out;
}

json_t *
gemini_schema(const json_t *schema)
{
	struct cut c = { schema, 0, 0 };
	json_t *out = cut(&c, schema, 0);

	if (!c.failed)
		return out;
	json_decref(out);
	return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * instance.c - a small value that fits a JSON Schema: for forced tools and
 * structured answers, where a language model would find a real one.
 *
 * Required members only; the first branch of anyOf and oneOf; patterns and
 * `not` are not looked at. Depth and size are bounded.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "scripted.h"

#define DEPTH_MAX 16
#define FILL_MAX 1000 /* characters or items made up to reach a minimum */

static json_t *make(const json_t *root, const json_t *s, unsigned depth);

/* #, #/a/b; anything else is NULL. */
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
		root = json_is_array(root) ? json_array_get(root,
		    (size_t)strtoul(part, NULL, 10)) :
		    json_object_get(root, part);
		ref += n;
	}
	return *ref == '\0' ? root : NULL;
}

static json_t *
make_string(const json_t *s)
{
	static const struct {
		const char *format, *text;
	} known[] = {
		{ "date-time", "2026-01-01T00:00:00Z" },
		{ "date", "2026-01-01" }, { "time", "00:00:00Z" },
		{ "email", "nobody@example.org" },
		{ "uri", "https://example.org/" },
		{ "uuid", "00000000-0000-4000-8000-000000000000" },
	};
	const char *f = json_string_value(json_object_get(s, "format"));
	json_int_t n = json_integer_value(json_object_get(s, "minLength"));
	char fill[FILL_MAX + 1];
	size_t i;

	for (i = 0; f != NULL && i < sizeof known / sizeof known[0]; i++)
		if (strcmp(f, known[i].format) == 0)
			return json_string(known[i].text);
	if (n < 0)
		n = 0;
	if (n > FILL_MAX)
		n = FILL_MAX;
	memset(fill, 'x', (size_t)n);
	return json_stringn(fill, (size_t)n);
}

static json_t *
make_number(const json_t *s, int integer)
{
	const json_t *v;
	double x = 0, step = integer ? 1 : 0;

	v = json_object_get(s, "multipleOf");
	if (json_is_number(v) && json_number_value(v) > 0)
		step = json_number_value(v);
	v = json_object_get(s, "maximum");
	if (json_is_number(v) && json_number_value(v) < x)
		x = json_number_value(v);
	v = json_object_get(s, "exclusiveMaximum");
	if (json_is_number(v) && json_number_value(v) <= x)
		x = json_number_value(v) - (step > 0 ? step : 1);
	if (step > 0)
		x = floor(x / step) * step;
	v = json_object_get(s, "minimum");
	if (json_is_number(v) && json_number_value(v) > x)
		x = json_number_value(v);
	v = json_object_get(s, "exclusiveMinimum");
	if (json_is_number(v) && json_number_value(v) >= x)
		x = json_number_value(v) + (step > 0 ? step / 2 : 0.5);
	if (step > 0)
		x = ceil(x / step) * step;
	if (integer && x > -9e15 && x < 9e15)
		return json_integer((json_int_t)x);
	return json_real(x);
}

static json_t *
make_array(const json_t *root, const json_t *s, unsigned depth)
{
	const json_t *items = json_object_get(s, "items");
	const json_t *prefix = json_object_get(s, "prefixItems");
	json_int_t i, n = json_integer_value(json_object_get(s, "minItems"));
	json_t *out = json_array(), *v;
	const json_t *one;

	if (n > FILL_MAX)
		n = FILL_MAX;
	for (i = 0; i < n && out != NULL; i++) {
		one = json_array_get(prefix, (size_t)i);
		v = make(root, one != NULL ? one : items, depth + 1);
		if (json_array_append_new(out, v) == -1)
			break;
	}
	return out;
}

static json_t *
make_object(const json_t *root, const json_t *s, unsigned depth)
{
	const json_t *props = json_object_get(s, "properties"), *name;
	json_t *out = json_object();
	size_t i;

	json_array_foreach(json_object_get(s, "required"), i, name)
		if (json_is_string(name))
			(void)json_object_set_new(out,
			    json_string_value(name), make(root,
			    json_object_get(props, json_string_value(name)),
			    depth + 1));
	return out;
}

static json_t *
make_all(const json_t *root, const json_t *s, unsigned depth)
{
	const json_t *sub;
	json_t *out = NULL, *v;
	size_t i;

	json_array_foreach(json_object_get(s, "allOf"), i, sub) {
		v = make(root, sub, depth + 1);
		if (json_is_object(out) && json_is_object(v)) {
			(void)json_object_update_missing(out, v);
			json_decref(v);
		} else {
			json_decref(out);
			out = v;
		}
	}
	v = json_object_get(s, "properties") != NULL ?
	    make_object(root, s, depth) : NULL;
	if (v != NULL && json_is_object(out))
		(void)json_object_update_missing(out, v);
	json_decref(v);
	return out;
}

static const char *
type_of(const json_t *s)
{
	const json_t *t = json_object_get(s, "type");

	if (json_is_array(t))
		t = json_array_get(t, 0);
	if (json_is_string(t))
		return json_string_value(t);
	if (json_object_get(s, "properties") != NULL ||
	    json_object_get(s, "required") != NULL)
		return "object";
	return json_object_get(s, "items") != NULL ? "array" : "string";
}

static json_t *
make(const json_t *root, const json_t *s, unsigned depth)
{
	const json_t *v;
	const char *type;

	if (depth > DEPTH_MAX || !json_is_object(s))
		return json_null();
	v = json_object_get(s, "$ref");
	if (json_is_string(v))
		return make(root, resolve(root, json_string_value(v)),
		    depth + 1);
	v = json_object_get(s, "const");
	if (v == NULL)
		v = json_array_get(json_object_get(s, "enum"), 0);
	if (v == NULL)
		v = json_object_get(s, "default");
	if (v == NULL)
		v = json_array_get(json_object_get(s, "examples"), 0);
	if (v != NULL)
		return json_deep_copy(v);
	v = json_array_get(json_object_get(s, "anyOf"), 0);
	if (v == NULL)
		v = json_array_get(json_object_get(s, "oneOf"), 0);
	if (v != NULL)
		return make(root, v, depth + 1);
	if (json_array_size(json_object_get(s, "allOf")) > 0)
		return make_all(root, s, depth);
	type = type_of(s);
	if (strcmp(type, "object") == 0)
		return make_object(root, s, depth);
	if (strcmp(type, "array") == 0)
		return make_array(root, s, depth);
	if (strcmp(type, "integer") == 0 || strcmp(type, "number") == 0)
		return make_number(s, type[0] == 'i');
	if (strcmp(type, "boolean") == 0)
		return json_false();
	return strcmp(type, "null") == 0 ? json_null() : make_string(s);
}

json_t *
instance_of(const json_t *schema)
{
	return make(schema, schema, 0);
}

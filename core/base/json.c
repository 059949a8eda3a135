/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.c - limits and wire form around jansson.
 *
 * The depth is checked on the bytes before parsing, as jansson's own limit
 * (2048) is more than a request should cost.
 */
#include "json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -1 when the text nests deeper than max; strings are skipped. */
static int
check_depth(const char *p, size_t n, unsigned max)
{
	unsigned depth = 0;
	int in_string = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		if (in_string) {
			if (p[i] == '\\')
				i++;
			else if (p[i] == '"')
				in_string = 0;
			continue;
		}
		switch (p[i]) {
		case '"':
			in_string = 1;
			break;
		case '[':
		case '{':
			if (++depth > max)
				return -1;
			break;
		case ']':
		case '}':
			if (depth > 0)
				depth--;
			break;
		default:
			break;
		}
	}
	return 0;
}

static json_t *
load(const char *p, size_t n, json_error_t *je)
{
	return json_loadb(p, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, je);
}

json_t *
json_parse(const char *p, size_t n, unsigned max_depth, struct err *e)
{
	json_error_t je;
	json_t *v;

	if (max_depth != 0 && check_depth(p, n, max_depth) != 0) {
		err_set(e, ERR_BAD_REQUEST,
		    "JSON is nested deeper than %u levels", max_depth);
		return NULL;
	}
	/* jansson accepts a number followed by a NUL byte. */
	if (n > 0 && memchr(p, '\0', n) != NULL) {
		err_set(e, ERR_BAD_REQUEST, "JSON holds a NUL byte");
		return NULL;
	}
	v = load(p, n, &je);
	if (v == NULL) {
		if (json_error_code(&je) == json_error_out_of_memory)
			err_nomem(e);
		else
			err_set(e, ERR_BAD_REQUEST,
			    "malformed JSON at line %d, column %d: %s",
			    je.line, je.column, je.text);
	}
	return v;
}

json_t *
json_parse_object(const char *p, size_t n, unsigned max_depth, struct err *e)
{
	json_t *v = json_parse(p, n, max_depth, e);

	if (v != NULL && !json_is_object(v)) {
		json_decref(v);
		err_set(e, ERR_BAD_REQUEST, "the body must be a JSON object");
		return NULL;
	}
	return v;
}

json_t *
json_parse_at(const char *p, size_t n, int *line, struct err *e)
{
	json_error_t je;
	json_t *v = load(p, n, &je);

	*line = 0;
	if (v == NULL) {
		*line = je.line > 0 ? je.line : 0;
		err_set(e, ERR_CATALOG_INVALID, "%s", je.text);
	}
	return v;
}

static int
add_object(struct buf *b, const json_t *v)
{
	const char *key;
	json_t *member, *obj = (json_t *)(uintptr_t)v;
	int first = 1;

	buf_addc(b, '{');
	json_object_foreach(obj, key, member) {
		if (!first)
			buf_addc(b, ',');
		first = 0;
		buf_add_json_str(b, key, strlen(key));
		buf_addc(b, ':');
		if (json_add(b, member) != 0)
			return -1;
	}
	return buf_addc(b, '}');
}

static int
add_real(struct buf *b, double d)
{
	char num[32];

	/* JSON has no such numbers. */
	if (!isfinite(d))
		return buf_adds(b, "null");
	(void)snprintf(num, sizeof num, "%.15g", d);
	if (strtod(num, NULL) != d)
		(void)snprintf(num, sizeof num, "%.17g", d);
	if (strpbrk(num, ".eE") == NULL)
		return buf_addf(b, "%s.0", num);
	return buf_adds(b, num);
}

int
json_add(struct buf *b, const json_t *v)
{
	size_t i;

	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return add_object(b, v);
	case JSON_ARRAY:
		buf_addc(b, '[');
		for (i = 0; i < json_array_size(v); i++) {
			if (i > 0)
				buf_addc(b, ',');
			if (json_add(b, json_array_get(v, i)) != 0)
				return -1;
		}
		return buf_addc(b, ']');
	case JSON_STRING:
		return buf_add_json_str(b, json_string_value(v),
		    json_string_length(v));
	case JSON_INTEGER:
		return buf_addf(b, "%lld", (long long)json_integer_value(v));
	case JSON_REAL:
		return add_real(b, json_real_value(v));
	case JSON_TRUE:
		return buf_adds(b, "true");
	case JSON_FALSE:
		return buf_adds(b, "false");
	case JSON_NULL:
		break;
	}
	return buf_adds(b, "null");
}

char *
json_line(const json_t *v, size_t *n)
{
	struct buf b;

	buf_init(&b, SIZE_MAX / 4);
	(void)json_add(&b, v);
	return buf_take(&b, n);
}

/* The field, or NULL; sets e and *bad when it is required and missing. */
static json_t *
field(const json_t *obj, const char *key, int required, int *bad,
    struct err *e)
{
	json_t *v = json_object_get(obj, key);

	*bad = 0;
	if (v != NULL && !json_is_null(v))
		return v;
	if (required) {
		*bad = 1;
		err_set(e, ERR_BAD_REQUEST, "missing required field: %s",
		    key);
	}
	return NULL;
}

int
json_get_str(const json_t *obj, const char *key, int required,
    const char **out, struct err *e)
{
	int bad;
	json_t *v = field(obj, key, required, &bad, e);

	if (v == NULL)
		return bad ? -1 : 0;
	if (!json_is_string(v))
		return err_field(e, key, "%s must be a string", key);
	*out = json_string_value(v);
	return 0;
}

int
json_get_bool(const json_t *obj, const char *key, int required, int *out,
    struct err *e)
{
	int bad;
	json_t *v = field(obj, key, required, &bad, e);

	if (v == NULL)
		return bad ? -1 : 0;
	if (!json_is_boolean(v))
		return err_field(e, key, "%s must be true or false", key);
	*out = json_is_true(v);
	return 0;
}

int
json_get_int(const json_t *obj, const char *key, int required, int64_t min,
    int64_t max, int64_t *out, struct err *e)
{
	int bad;
	json_t *v = field(obj, key, required, &bad, e);

	if (v == NULL)
		return bad ? -1 : 0;
	if (!json_is_integer(v))
		return err_field(e, key, "%s must be an integer", key);
	if (json_integer_value(v) < min || json_integer_value(v) > max)
		return err_field(e, key, "%s must be from %lld to %lld", key,
		    (long long)min, (long long)max);
	*out = json_integer_value(v);
	return 0;
}

int
json_get_array(const json_t *obj, const char *key, int required,
    json_t **out, struct err *e)
{
	int bad;
	json_t *v = field(obj, key, required, &bad, e);

	if (v == NULL)
		return bad ? -1 : 0;
	if (!json_is_array(v))
		return err_field(e, key, "%s must be an array", key);
	*out = v;
	return 0;
}

int
json_get_object(const json_t *obj, const char *key, int required,
    json_t **out, struct err *e)
{
	int bad;
	json_t *v = field(obj, key, required, &bad, e);

	if (v == NULL)
		return bad ? -1 : 0;
	if (!json_is_object(v))
		return err_field(e, key, "%s must be an object", key);
	*out = v;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalog-fields.c - typed access to the members of a catalog file. What is
 * wrong becomes a problem at the member's line, and reading goes on, so that
 * one run tells everything.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "catalog-internal.h"

int
fields_line(const struct fields *f, const char *key)
{
	char ptr[400];
	size_t n = strlen(f->at), k = key != NULL ? strlen(key) + 1 : 0;

	if (key == NULL || n + k + 1 > sizeof ptr)
		return catalog_line(f->text->p, f->text->n, f->at);
	memcpy(ptr, f->at, n);
	ptr[n] = '/';
	memcpy(ptr + n + 1, key, k);
	return catalog_line(f->text->p, f->text->n, ptr);
}

void
fields_problem(struct fields *f, const char *key, const char *fmt, ...)
{
	char text[500];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	f->bad++;
	reader_problem(f->rd, f->file, fields_line(f, key), "%s", text);
}

/* The member, or NULL when absent or null; tells when it is required. */
static json_t *
member(struct fields *f, const char *key, int required)
{
	json_t *v = json_object_get(f->obj, key);

	if (v != NULL && !json_is_null(v))
		return v;
	if (required)
		fields_problem(f, v != NULL ? key : NULL, "%s is missing",
		    key);
	return NULL;
}

const char *
fields_str(struct fields *f, const char *key, int required, size_t max)
{
	json_t *v = member(f, key, required);

	if (v == NULL)
		return NULL;
	if (!json_is_string(v))
		fields_problem(f, key, "%s must be a string", key);
	else if (strlen(json_string_value(v)) != json_string_length(v))
		fields_problem(f, key, "%s holds a NUL", key);
	else if (required && json_string_length(v) == 0)
		fields_problem(f, key, "%s is empty", key);
	else if (json_string_length(v) > max)
		fields_problem(f, key, "%s is longer than %zu bytes", key,
		    max);
	else
		return json_string_value(v);
	return NULL;
}

const char *
fields_word(struct fields *f, const char *key, int required,
    const char *const *words)
{
	const char *s = fields_str(f, key, required, 100);
	char list[200];
	size_t n = 0;
	int i;

	if (s == NULL)
		return NULL;
	list[0] = '\0';
	for (i = 0; words[i] != NULL; i++) {
		if (strcmp(words[i], s) == 0)
			return s;
		(void)snprintf(list + n, sizeof list - n, "%s%s",
		    i > 0 ? ", " : "", words[i]);
		n = strlen(list);
	}
	fields_problem(f, key, "%s must be one of %s, not \"%s\"", key, list,
	    s);
	return NULL;
}

const char *
fields_name(struct fields *f, const char *key, int dots)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
	const char *s = fields_str(f, key, 1, CATALOG_NAME_MAX);

	if (s == NULL)
		return NULL;
	if (strspn(s, chars) == strlen(s) &&
	    (dots || strchr(s, '.') == NULL))
		return s;
	fields_problem(f, key, "%s \"%s\" may only hold letters, digits, "
	    "%s_ and -", key, s, dots ? ". " : "");
	return NULL;
}

int
fields_bool(struct fields *f, const char *key, int absent)
{
	json_t *v = member(f, key, 0);

	if (v == NULL)
		return absent;
	if (!json_is_boolean(v))
		fields_problem(f, key, "%s must be true or false", key);
	return json_is_true(v);
}

int
fields_int(struct fields *f, const char *key, int min, int max, int absent)
{
	json_t *v = member(f, key, 0);

	if (v == NULL)
		return absent;
	if (!json_is_integer(v) || json_integer_value(v) < min ||
	    json_integer_value(v) > max) {
		fields_problem(f, key, "%s must be an integer from %d to %d",
		    key, min, max);
		return absent;
	}
	return (int)json_integer_value(v);
}

json_t *
fields_object(struct fields *f, const char *key, int required)
{
	json_t *v = member(f, key, required);

	if (v != NULL && !json_is_object(v)) {
		fields_problem(f, key, "%s must be an object", key);
		return NULL;
	}
	return v;
}

json_t *
fields_strings(struct fields *f, const char *key)
{
	json_t *v = member(f, key, 0), *item;
	char place[200];
	size_t i;
	int bad = f->bad;

	if (v == NULL)
		return NULL;
	if (!json_is_array(v)) {
		fields_problem(f, key, "%s must be an array of strings", key);
		return NULL;
	}
	json_array_foreach(v, i, item) {
		if (json_is_string(item) && json_string_length(item) > 0)
			continue;
		(void)snprintf(place, sizeof place, "%s/%zu", key, i);
		fields_problem(f, place, "%s must hold strings that are not "
		    "empty", key);
	}
	return f->bad == bad ? v : NULL;
}

json_t *
fields_string_map(struct fields *f, const char *key)
{
	json_t *v = fields_object(f, key, 0), *item;
	const char *name;
	char place[200];
	int bad = f->bad;

	if (v == NULL)
		return NULL;
	json_object_foreach(v, name, item) {
		if (json_is_string(item))
			continue;
		(void)snprintf(place, sizeof place, "%s/%s", key, name);
		fields_problem(f, place, "%s.%s must be a string", key, name);
	}
	return f->bad == bad ? v : NULL;
}

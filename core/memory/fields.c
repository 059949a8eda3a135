/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fields.c - members of items, from JSON to columns and back.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/json.h"
#include "memory-internal.h"

#define TEXT_MAX (1024 * 1024)
#define LINES_MAX 1000

static int
wrong(struct err *e, const char *where, const char *name, const char *what)
{
	char field[96];

	(void)snprintf(field, sizeof field, "%.60s%.30s", where, name);
	return err_field(e, field, "%s %s", field, what);
}

/* NULL: absent or null. */
static const json_t *
member(const json_t *o, const char *name)
{
	const json_t *v = json_object_get(o, name);

	return json_is_null(v) ? NULL : v;
}

int
mem_str(const json_t *o, const char *where, const char *name, int required,
    const char **out, struct err *e)
{
	const json_t *v = member(o, name);

	if (v == NULL && !required)
		return 0;
	if (v == NULL)
		return err_set(e, ERR_BAD_REQUEST, "%s%s is missing", where,
		    name);
	if (!json_is_string(v))
		return wrong(e, where, name, "must be a string");
	if (required && json_string_length(v) == 0)
		return wrong(e, where, name, "must not be empty");
	if (json_string_length(v) > TEXT_MAX)
		return wrong(e, where, name, "is longer than 1 MiB");
	if (strlen(json_string_value(v)) != json_string_length(v))
		return wrong(e, where, name, "has a NUL in it");
	*out = json_string_value(v);
	return 0;
}

int
mem_num(const json_t *o, const char *where, const char *name, double min,
    double max, double *out, struct err *e)
{
	const json_t *v = member(o, name);
	double d;

	if (v == NULL)
		return 0;
	if (!json_is_number(v))
		return wrong(e, where, name, "must be a number");
	d = json_number_value(v);
	if (!(d >= min && d <= max))
		return wrong(e, where, name, "is out of range");
	*out = d;
	return 0;
}

int
mem_time(const json_t *o, const char *where, const char *name, int64_t *out,
    struct err *e)
{
	const json_t *v = json_object_get(o, name);
	char day[40];
	const char *s;

	if (v == NULL)
		return 0;
	if (json_is_null(v)) {
		*out = INT64_MIN;
		return 0;
	}
	s = json_string_value(v);
	if (s == NULL)
		return wrong(e, where, name, "must be a string");
	if (clock_parse_iso(s, out) == 0)
		return 0;
	if (strlen(s) == 10) {
		(void)snprintf(day, sizeof day, "%.10sT00:00:00Z", s);
		if (clock_parse_iso(day, out) == 0)
			return 0;
	}
	return wrong(e, where, name, "must be an ISO 8601 time");
}

int
mem_lines(const json_t *o, const char *where, const char *name, char **out,
    struct err *e)
{
	const json_t *v = member(o, name), *x;
	struct buf b;
	char *p;
	size_t i, n;

	if (v == NULL)
		return 0;
	if (!json_is_array(v) || json_array_size(v) > LINES_MAX)
		return wrong(e, where, name, "must be an array of at most "
		    "1000 strings");
	buf_init(&b, TEXT_MAX);
	json_array_foreach(v, i, x) {
		if (!json_is_string(x)) {
			buf_fini(&b);
			return wrong(e, where, name,
			    "must be an array of strings");
		}
		if (b.n > 0)
			buf_addc(&b, '\n');
		n = b.n;
		buf_adds(&b, json_string_value(x));
		for (p = b.p != NULL ? b.p + n : NULL; p != NULL &&
		    p < b.p + b.n; p++)
			if (*p == '\n')
				*p = ' ';
	}
	if (buf_failed(&b)) {
		buf_fini(&b);
		return wrong(e, where, name, "is longer than 1 MiB");
	}
	if (b.n == 0) {
		buf_fini(&b);
		p = strdup("");
	} else {
		p = buf_take(&b, &n);
	}
	if (p == NULL)
		return err_nomem(e);
	free(*out);
	*out = p;
	return 0;
}

json_t *
mem_json_text(sqlite3_stmt *st, int col)
{
	const unsigned char *s = sqlite3_column_text(st, col);

	if (sqlite3_column_type(st, col) == SQLITE_NULL)
		return json_null();
	return s == NULL ? NULL : json_stringn((const char *)s,
	    (size_t)sqlite3_column_bytes(st, col));
}

json_t *
mem_json_time(sqlite3_stmt *st, int col)
{
	char iso[CLOCK_ISO_LEN + 1];

	if (sqlite3_column_type(st, col) == SQLITE_NULL)
		return json_null();
	clock_iso(sqlite3_column_int64(st, col), iso);
	return json_string(iso);
}

json_t *
mem_json_lines(sqlite3_stmt *st, int col)
{
	const char *s = (const char *)sqlite3_column_text(st, col), *end;
	json_t *list = s == NULL ? NULL : json_array();

	while (list != NULL && *s != '\0') {
		end = strchrnul(s, '\n');
		if (json_array_append_new(list, json_stringn(s,
		    (size_t)(end - s))) != 0) {
			json_decref(list);
			return NULL;
		}
		s = *end != '\0' ? end + 1 : end;
	}
	return list;
}

/* Six digits are enough for any reader. */
json_t *
mem_json_score(double score)
{
	return json_real(round(score * 1e6) / 1e6);
}

void
mem_bind_time(sqlite3_stmt *st, int i, int64_t ms)
{
	if (ms == INT64_MIN)
		(void)sqlite3_bind_null(st, i);
	else
		(void)sqlite3_bind_int64(st, i, ms);
}

void
mem_bind_text(sqlite3_stmt *st, int i, const char *s)
{
	if (s == NULL)
		(void)sqlite3_bind_null(st, i);
	else
		(void)sqlite3_bind_text(st, i, s, -1, SQLITE_STATIC);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * soul.c - the soul as the brain keeps it: every state it had, numbered.
 */
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "memory-internal.h"

#define HISTORY_MAX 100

static int
current(struct brain_db *db, int64_t *version, char **text, int64_t *at,
    struct err *e)
{
	sqlite3_stmt *st = brain_stmt(db, "SELECT version, json, updated_at"
	    " FROM soul WHERE one = 1", e);
	const char *s;
	int r;

	if (st == NULL)
		return -1;
	r = brain_step(db, st, e);
	if (r > 0) {
		s = (const char *)sqlite3_column_text(st, 1);
		*version = sqlite3_column_int64(st, 0);
		*at = sqlite3_column_int64(st, 2);
		*text = s != NULL ? strdup(s) : NULL;
		if (*text == NULL)
			r = err_nomem(e);
	}
	(void)sqlite3_reset(st);
	return r;
}

static int
store(struct brain_db *db, const char *sql, int64_t version,
    const char *text, int64_t now, struct err *e)
{
	sqlite3_stmt *st = brain_stmt(db, sql, e);

	if (st == NULL)
		return -1;
	(void)sqlite3_bind_int64(st, 1, version);
	mem_bind_text(st, 2, text);
	mem_bind_time(st, 3, now);
	return brain_run(db, st, e);
}

static json_t *
history(struct brain_db *db, struct err *e)
{
	sqlite3_stmt *st = brain_stmt(db, "SELECT version, updated_at, json"
	    " FROM soul_history ORDER BY version DESC LIMIT ?", e);
	json_t *list = st == NULL ? NULL : json_array(), *soul;
	const char *s;
	int r = 0;

	if (list == NULL)
		return NULL;
	(void)sqlite3_bind_int(st, 1, HISTORY_MAX);
	while ((r = brain_step(db, st, e)) > 0) {
		s = (const char *)sqlite3_column_text(st, 2);
		soul = s != NULL ? json_loads(s, 0, NULL) : NULL;
		if (json_array_append_new(list, json_pack("{s:I,s:o,s:o}",
		    "version", (json_int_t)sqlite3_column_int64(st, 0),
		    "updated_at", mem_json_time(st, 1), "soul", soul)) != 0) {
			r = err_nomem(e);
			break;
		}
	}
	(void)sqlite3_reset(st);
	if (r != 0) {
		json_decref(list);
		return NULL;
	}
	return list;
}

static int
follow(struct brain_db *db, const char *text, int64_t *version, int64_t *at,
    struct err *e)
{
	char *was = NULL;
	int r = current(db, version, &was, at, e);

	if (r < 0 || (r > 0 && strcmp(was, text) == 0)) {
		free(was);
		return r < 0 ? -1 : 0;
	}
	free(was);
	*version = r > 0 ? *version + 1 : 1;
	*at = clock_wall_ms();
	if (store(db, "INSERT INTO soul (one, version, json, updated_at)"
	    " VALUES (1, ?, ?, ?) ON CONFLICT (one) DO UPDATE SET"
	    " version = excluded.version, json = excluded.json,"
	    " updated_at = excluded.updated_at", *version, text, *at, e) != 0)
		return -1;
	return store(db, "INSERT INTO soul_history (version, json,"
	    " updated_at) VALUES (?, ?, ?)", *version, text, *at, e);
}

int
memory_soul(struct brain_db *db, const json_t *core, int full, json_t **out,
    struct err *e)
{
	char iso[CLOCK_ISO_LEN + 1];
	char *text = json_dumps(core, JSON_COMPACT | JSON_SORT_KEYS);
	int64_t version = 0, at = 0;
	json_t *o, *past;
	int r;

	if (text == NULL)
		return err_nomem(e);
	r = follow(db, text, &version, &at, e);
	free(text);
	if (r != 0)
		return -1;
	o = json_copy((json_t *)(uintptr_t)core);
	if (o != NULL && full) {
		past = history(db, e);
		clock_iso(at, iso);
		if (json_object_set_new(o, "history", past) != 0 ||
		    json_object_set_new(o, "version", json_integer(version))
		    != 0 || json_object_set_new(o, "updated_at",
		    json_string(iso)) != 0) {
			json_decref(o);
			o = NULL;
		}
	}
	*out = o;
	return o == NULL ? err_nomem(e) : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows.c - binding and reading columns; the small tables: usage, feedback,
 * settings, custom skills. Tasks, messages and turns have files of their own.
 */
#include <stdlib.h>
#include <string.h>

#include "rows-internal.h"

void
row_stmt_init(struct row_stmt *s, struct brain_db *db, const char *sql,
    struct err *e)
{
	s->db = db;
	s->e = e;
	s->next = 1;
	s->failed = 0;
	s->st = brain_stmt(db, sql, e);
}

void
row_int(struct row_stmt *s, int64_t v)
{
	if (s->st != NULL && sqlite3_bind_int64(s->st, s->next++, v) !=
	    SQLITE_OK)
		s->failed = 1;
}

void
row_text(struct row_stmt *s, const char *v)
{
	int rc;

	if (s->st == NULL)
		return;
	rc = v == NULL ? sqlite3_bind_null(s->st, s->next) :
	    sqlite3_bind_text64(s->st, s->next, v, strlen(v), SQLITE_STATIC,
	    SQLITE_UTF8);
	s->next++;
	if (rc != SQLITE_OK)
		s->failed = 1;
}

void
row_blob(struct row_stmt *s, const void *p, size_t n)
{
	if (s->st != NULL && sqlite3_bind_blob64(s->st, s->next++, p, n,
	    SQLITE_STATIC) != SQLITE_OK)
		s->failed = 1;
}

/* TOOBIG (over SQLite's 1 GB a value) ends here too. */
static int
bind_failed(const struct row_stmt *s)
{
	return err_set(s->e, ERR_INTERNAL, "a value cannot be stored: %s",
	    sqlite3_errmsg(brain_handle(s->db)));
}

int
row_run(struct row_stmt *s)
{
	if (s->st == NULL)
		return -1;
	if (s->failed)
		return bind_failed(s);
	return brain_run(s->db, s->st, s->e);
}

int
row_step(struct row_stmt *s)
{
	if (s->st == NULL)
		return -1;
	if (s->failed)
		return bind_failed(s);
	return brain_step(s->db, s->st, s->e);
}

char *
row_dup(sqlite3_stmt *st, int col, int *bad)
{
	const unsigned char *v = sqlite3_column_text(st, col);
	size_t n = (size_t)sqlite3_column_bytes(st, col);
	char *p;

	if (v == NULL && sqlite3_column_type(st, col) != SQLITE_NULL) {
		*bad = 1;
		return NULL;
	}
	p = malloc(n + 1);
	if (p == NULL) {
		*bad = 1;
		return NULL;
	}
	if (n > 0)
		memcpy(p, v, n);
	p[n] = '\0';
	return p;
}

int
usage_insert(struct brain_db *db, int64_t task_no, const char *turn_id,
    const char *model, int64_t input, int64_t output, int64_t cached,
    int64_t now, struct err *e)
{
	struct row_stmt s;

	row_stmt_init(&s, db, "INSERT INTO usage (task_no, usage_no, turn_id,"
	    " model, input, output, cached, created_at) VALUES (?1,"
	    " (SELECT coalesce(max(usage_no), 0) + 1 FROM usage"
	    " WHERE task_no = ?1), ?2, ?3, ?4, ?5, ?6, ?7)", e);
	row_int(&s, task_no);
	row_text(&s, turn_id);
	row_text(&s, model);
	row_int(&s, input);
	row_int(&s, output);
	row_int(&s, cached);
	row_int(&s, now);
	return row_run(&s);
}

int
feedback_insert(struct brain_db *db, const char *feedback_id,
    int64_t task_no, const char *type, const char *message_id,
    const char *json, int64_t now, struct err *e)
{
	struct row_stmt s;

	row_stmt_init(&s, db, "INSERT INTO feedback (feedback_id, task_no,"
	    " type, message_id, json, created_at)"
	    " VALUES (?, ?, ?, ?, ?, ?)", e);
	row_text(&s, feedback_id);
	row_int(&s, task_no);
	row_text(&s, type);
	row_text(&s, message_id);
	row_text(&s, json);
	row_int(&s, now);
	return row_run(&s);
}

int
meta_get(struct brain_db *db, const char *key, char **out, struct err *e)
{
	struct row_stmt s;
	int r, bad = 0;

	*out = NULL;
	row_stmt_init(&s, db, "SELECT value FROM meta WHERE key = ?", e);
	row_text(&s, key);
	r = row_step(&s);
	if (r <= 0)
		return r;
	*out = row_dup(s.st, 0, &bad);
	(void)sqlite3_reset(s.st);
	return bad ? err_nomem(e) : 0;
}

int
meta_set(struct brain_db *db, const char *key, const char *value,
    struct err *e)
{
	struct row_stmt s;

	if (value == NULL)
		row_stmt_init(&s, db, "DELETE FROM meta WHERE key = ?1", e);
	else
		row_stmt_init(&s, db, "INSERT INTO meta (key, value)"
		    " VALUES (?1, ?2) ON CONFLICT (key)"
		    " DO UPDATE SET value = excluded.value", e);
	row_text(&s, key);
	if (value != NULL)
		row_text(&s, value);
	return row_run(&s);
}

int
skill_row_list(struct brain_db *db,
    int (*each)(void *arg, const char *name, const char *json), void *arg,
    struct err *e)
{
	struct row_stmt s;
	const char *name, *json;
	int r;

	row_stmt_init(&s, db, "SELECT name, json FROM skills ORDER BY name",
	    e);
	while ((r = row_step(&s)) > 0) {
		name = (const char *)sqlite3_column_text(s.st, 0);
		json = (const char *)sqlite3_column_text(s.st, 1);
		if (name == NULL || json == NULL) {
			r = err_nomem(e);
			break;
		}
		if (each(arg, name, json) != 0) {
			r = err_nomem(e);
			break;
		}
	}
	if (s.st != NULL)
		(void)sqlite3_reset(s.st);
	return r;
}

int
skill_row_put(struct brain_db *db, const char *name, const char *json,
    int64_t now, struct err *e)
{
	struct row_stmt s;

	row_stmt_init(&s, db, "INSERT INTO skills (name, json, updated_at)"
	    " VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET"
	    " json = excluded.json, updated_at = excluded.updated_at", e);
	row_text(&s, name);
	row_text(&s, json);
	row_int(&s, now);
	return row_run(&s);
}

int
skill_row_delete(struct brain_db *db, const char *name, struct err *e)
{
	struct row_stmt s;

	row_stmt_init(&s, db, "DELETE FROM skills WHERE name = ?", e);
	row_text(&s, name);
	return row_run(&s);
}

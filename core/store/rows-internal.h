/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows-internal.h - binding and reading columns, for the rows-*.c files.
 * Failures to bind are out of memory; row_bind_*() report them in one flag
 * that the caller hands to row_run() or row_step().
 */
#ifndef CORE_STORE_ROWS_INTERNAL_H
#define CORE_STORE_ROWS_INTERNAL_H

#include "rows.h"

/* SQL: the greatest last_id or last_ts of a task, stored or noted. */
#define EVENT_LAST(column, task_no, noted) \
	" max(" noted ", coalesce((SELECT " column " FROM events" \
	" WHERE task_no = " task_no " ORDER BY first_id DESC LIMIT 1), 0)," \
	" coalesce((SELECT " column " FROM events_log" \
	" WHERE task_no = " task_no " ORDER BY first_id DESC LIMIT 1), 0))"

/* A statement being filled; st is NULL when something failed. */
struct row_stmt {
	struct brain_db *db;
	sqlite3_stmt *st;
	int next;   /* parameter to bind next, from 1 */
	int failed; /* a bind failed */
	struct err *e;
};

void row_stmt_init(struct row_stmt *s, struct brain_db *db, const char *sql,
    struct err *e);
void row_int(struct row_stmt *s, int64_t v);
/* NULL binds NULL. The text must live until the statement is reset. */
void row_text(struct row_stmt *s, const char *v);
void row_blob(struct row_stmt *s, const void *p, size_t n);
/* As brain_run() and brain_step(). */
int row_run(struct row_stmt *s);
int row_step(struct row_stmt *s);

/* A copy of a text column ("" for NULL); NULL and *bad: out of memory. */
char *row_dup(sqlite3_stmt *st, int col, int *bad);
static inline int64_t
row_get(const struct row_stmt *s, int col)
{
	return sqlite3_column_int64(s->st, col);
}

#endif

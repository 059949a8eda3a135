/* SPDX-License-Identifier: Apache-2.0 */
/*
 * brain-internal.h - what the files of the brain share: connections, the
 * lock file, migrations. Nobody outside core/store includes this.
 */
#ifndef CORE_STORE_BRAIN_INTERNAL_H
#define CORE_STORE_BRAIN_INTERNAL_H

#include <stdatomic.h>

#include "brain.h"

struct brain_stmt;

/* A connection; used by the one thread it belongs to. */
struct brain_db {
	sqlite3 *h;               /* NULL: closed, to be opened again */
	struct brain_stmt *stmts; /* prepared, by address of their text */
	int wal_pages;            /* writer: pages in the log after a commit */
	int disk_error;           /* the disk failed since this was cleared */
	int must_reopen;          /* the connection can no longer be trusted */
	int logged;               /* rows of events_log since it was swept */
	int log_left;             /* that the sweep had to leave */
	/* Of the brain, for the journal's functions inside an operation. */
	const _Atomic int64_t *ttl_active_ms;
};

enum brain_db_kind {
	BRAIN_DB_WRITER,
	BRAIN_DB_READER
};

/*
 * Opens and configures a connection; the file is there. 0, or -1 and
 * UNAVAILABLE; db->h is NULL then.
 */
int brain_db_open(struct brain_db *db, const char *path,
    enum brain_db_kind kind, struct err *e);
void brain_db_close(struct brain_db *db);
/* Runs SQL texts that give no rows. */
int brain_db_exec(struct brain_db *db, const char *sql, struct err *e);
/* Fills e from an SQLite result code and notes what it means; -1. */
int brain_db_fail(struct brain_db *db, int rc, struct err *e);
/* Ends statements an operation left open, which would keep its snapshot. */
void brain_db_settle(struct brain_db *db);
/* One integer of a query, or -1 and e. */
int brain_db_int(struct brain_db *db, const char *sql, int64_t *out,
    struct err *e);

/* The memory's tables; see schema-memory.c. */
extern const char brain_tables_2[];
/*
 * Brings the schema up to date. MIGRATION_REQUIRED: the brain is newer than
 * the program; UNAVAILABLE: not a brain, damaged, or the disk failed.
 */
int brain_migrate(struct brain_db *db, const char *path, struct err *e);

/*
 * Makes the folder and the file when they are not there and takes the lock.
 * A descriptor that holds it, or -1 and e.
 */
int brain_lock(const char *path, struct err *e);

/* [loop] What journal_put_first() needs to know about expiry. */
void brain_set_ttl(struct brain *b, int64_t active_ms);

#endif

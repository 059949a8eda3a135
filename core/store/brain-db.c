/* SPDX-License-Identifier: Apache-2.0 */
/*
 * brain-db.c - one SQLite connection: settings, prepared statements, and
 * what a result code means for the engine.
 *
 * A connection belongs to one thread, so SQLite's mutexes are off. Only the
 * writer's connection may checkpoint; see brain.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* Out of memory must fail the request, not the process. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "../base/log.h"
#include "brain-internal.h"

#define BUSY_MS 2000

struct brain_stmt {
	const char *sql; /* key: the address */
	sqlite3_stmt *st;
	UT_hash_handle hh;
};

/* A full disk, a bad disk, a file that is not ours to write. */
static int
is_disk_code(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_FULL:
	case SQLITE_IOERR:
	case SQLITE_READONLY:
	case SQLITE_CORRUPT:
	case SQLITE_CANTOPEN:
	case SQLITE_NOTADB:
	case SQLITE_PROTOCOL:
		return 1;
	default:
		return 0;
	}
}

static int
is_damage(int rc)
{
	return (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB;
}

int
brain_db_fail(struct brain_db *db, int rc, struct err *e)
{
	const char *why = db->h != NULL ? sqlite3_errmsg(db->h) :
	    sqlite3_errstr(rc);

	if ((rc & 0xff) == SQLITE_NOMEM)
		return err_nomem(e);
	if (is_disk_code(rc)) {
		db->disk_error = 1;
		/* Nothing that a failed write left behind is to be trusted. */
		if ((rc & 0xff) != SQLITE_FULL)
			db->must_reopen = 1;
		return err_set(e, ERR_UNAVAILABLE, "the brain %s: %s",
		    is_damage(rc) ? "is damaged" : "failed", why);
	}
	if ((rc & 0xff) == SQLITE_BUSY)
		return err_set(e, ERR_UNAVAILABLE, "the brain is busy");
	return err_set(e, ERR_INTERNAL, "the brain failed: %s", why);
}

int
brain_db_exec(struct brain_db *db, const char *sql, struct err *e)
{
	int rc = sqlite3_exec(db->h, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : brain_db_fail(db, rc, e);
}

int
brain_db_int(struct brain_db *db, const char *sql, int64_t *out,
    struct err *e)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(db->h, sql, -1, &st, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		*out = sqlite3_column_int64(st, 0);
		rc = SQLITE_OK;
	}
	if (rc != SQLITE_OK)
		brain_db_fail(db, rc, e);
	(void)sqlite3_finalize(st);
	return rc == SQLITE_OK ? 0 : -1;
}

static int
on_wal(void *arg, sqlite3 *h, const char *name, int pages)
{
	struct brain_db *db = arg;

	(void)h;
	(void)name;
	db->wal_pages = pages;
	return SQLITE_OK;
}

int
brain_db_open(struct brain_db *db, const char *path, enum brain_db_kind kind,
    struct err *e)
{
	static const char common[] =
	    "PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY;"
	    "PRAGMA trusted_schema=OFF;";
	/* The triggers that keep the FTS5 indexes need a trusted schema. */
	static const char writer[] =
	    "PRAGMA page_size=1024;"
	    "PRAGMA trusted_schema=ON;"
	    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
	    "PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=4194304;"
	    "PRAGMA cache_size=-1024;";
	static const char reader[] =
	    "PRAGMA wal_autocheckpoint=0; PRAGMA cache_size=-256;"
	    "PRAGMA query_only=1;";
	int rc = sqlite3_open_v2(path, &db->h,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

	if (rc != SQLITE_OK) {
		brain_db_fail(db, rc, e);
		goto fail;
	}
	db->must_reopen = 0;
	(void)sqlite3_extended_result_codes(db->h, 1);
	(void)sqlite3_busy_timeout(db->h, BUSY_MS);
	/* 16 KiB instead of 48 of small allocations a connection. */
	(void)sqlite3_db_config(db->h, SQLITE_DBCONFIG_LOOKASIDE, NULL, 256,
	    64);
	(void)sqlite3_db_config(db->h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE,
	    kind == BRAIN_DB_READER, NULL);
	(void)sqlite3_db_config(db->h, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	if (brain_db_exec(db, common, e) != 0 ||
	    brain_db_exec(db, kind == BRAIN_DB_WRITER ? writer : reader, e)
	    != 0)
		goto fail;
	if (kind == BRAIN_DB_WRITER)
		(void)sqlite3_wal_hook(db->h, on_wal, db);
	return 0;
fail:
	brain_db_close(db);
	return -1;
}

void
brain_db_close(struct brain_db *db)
{
	struct brain_stmt *s, *tmp;

	HASH_ITER(hh, db->stmts, s, tmp) {
		HASH_DEL(db->stmts, s);
		(void)sqlite3_finalize(s->st);
		free(s);
	}
	if (db->h != NULL && sqlite3_close(db->h) != SQLITE_OK) {
		log_error("store", "a statement outlived its operation: %s",
		    sqlite3_errmsg(db->h));
		(void)sqlite3_close_v2(db->h);
	}
	db->h = NULL;
	db->wal_pages = 0;
}

void
brain_db_settle(struct brain_db *db)
{
	struct brain_stmt *s, *tmp;

	HASH_ITER(hh, db->stmts, s, tmp)
		if (sqlite3_stmt_busy(s->st))
			(void)sqlite3_reset(s->st);
}

sqlite3 *
brain_handle(struct brain_db *db)
{
	return db->h;
}

sqlite3_stmt *
brain_stmt(struct brain_db *db, const char *sql, struct err *e)
{
	struct brain_stmt *s;
	int rc;

	HASH_FIND_PTR(db->stmts, &sql, s);
	if (s != NULL) {
		(void)sqlite3_reset(s->st);
		(void)sqlite3_clear_bindings(s->st);
		return s->st;
	}
	s = calloc(1, sizeof *s);
	if (s == NULL) {
		err_nomem(e);
		return NULL;
	}
	s->sql = sql;
	rc = sqlite3_prepare_v3(db->h, sql, -1, SQLITE_PREPARE_PERSISTENT,
	    &s->st, NULL);
	if (rc != SQLITE_OK) {
		brain_db_fail(db, rc, e);
		free(s);
		return NULL;
	}
	HASH_ADD_PTR(db->stmts, sql, s);
	if (s->hh.tbl == NULL) {
		(void)sqlite3_finalize(s->st);
		free(s);
		err_nomem(e);
		return NULL;
	}
	return s->st;
}

int
brain_run(struct brain_db *db, sqlite3_stmt *st, struct err *e)
{
	int rc = sqlite3_step(st);

	if (rc != SQLITE_DONE && rc != SQLITE_ROW) {
		brain_db_fail(db, rc, e);
		(void)sqlite3_reset(st);
		return -1;
	}
	(void)sqlite3_reset(st);
	return 0;
}

int
brain_step(struct brain_db *db, sqlite3_stmt *st, struct err *e)
{
	int rc = sqlite3_step(st);

	if (rc == SQLITE_ROW)
		return 1;
	if (rc != SQLITE_DONE)
		brain_db_fail(db, rc, e);
	(void)sqlite3_reset(st);
	return rc == SQLITE_DONE ? 0 : -1;
}

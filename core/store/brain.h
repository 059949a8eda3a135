/* SPDX-License-Identifier: Apache-2.0 */
/*
 * brain.h - the brain: one SQLite file, one writer thread with group commit,
 * reader threads, numbered migrations.
 *
 * Invariants: exactly one connection writes and checkpoints (SQLite before
 * 3.51.3 loses data otherwise); readers never checkpoint; mmap_size=0; WAL;
 * synchronous=NORMAL. One process a brain: a lock file beside it refuses a
 * second. Operations run in the order they were handed over; each is a
 * savepoint of its own, those that gathered are committed together, and their
 * done() come in that order too. Reads and writes are two queues: a read does
 * not wait for writes handed over before it.
 */
#ifndef CORE_STORE_BRAIN_H
#define CORE_STORE_BRAIN_H

#include <sqlite3.h>
#include <stdint.h>

#include "../base/err.h"
#include "../loop/loop.h"

struct brain;
struct brain_db; /* a connection, inside an operation */

/*
 * One operation. Embed it; memory stays with the caller until done() is
 * entered. run() gets the connection of its thread and may use everything of
 * rows.h; -1 rolls back what this operation did, nothing else.
 */
struct brain_op {
	int (*run)(struct brain_db *db, void *arg, struct err *e);
	/* [loop] After the commit. e->code is ERR_NONE on success. */
	void (*done)(void *arg, const struct err *e);
	void *arg;
	/*
	 * run() is one statement, which SQLite undoes by itself when it
	 * fails: no savepoint is made for it. 0 when in doubt.
	 */
	int one_statement;
	/* The brain's own: */
	struct brain_op *next;
	struct err err;
};

struct brain_stats {
	uint64_t commits, ops, failed, checkpoints;
	unsigned queued; /* waiting for the writer now */
	int healthy;     /* 0 after a failed commit until one succeeds */
};

/*
 * [main] Opens or makes the file (and its folder, mode 0700), takes the lock,
 * migrates, checks FTS5, starts the threads. Errors: UNAVAILABLE "already in
 * use by process 123", MIGRATION_REQUIRED for a newer brain.
 */
struct brain *brain_open(struct loop *l, const char *path, struct err *e);
/*
 * [loop] Finishes every operation handed over (their done() run from inside),
 * checkpoints, closes.
 */
void brain_close(struct brain *b);
/* [loop] On the writer. After brain_close began: done() with UNAVAILABLE. */
void brain_write(struct brain *b, struct brain_op *op);
/* [loop] On a reader; sees every write whose done() has been entered. */
void brain_read(struct brain *b, struct brain_op *op);
void brain_stats(struct brain *b, struct brain_stats *out);

/* Inside an operation: */
sqlite3 *brain_handle(struct brain_db *db);
/*
 * A prepared statement, reset and without bindings, cached by the address of
 * the text (which must be static). NULL and e on failure.
 */
sqlite3_stmt *brain_stmt(struct brain_db *db, const char *sql,
    struct err *e);
/*
 * Runs a statement that gives no row, then resets it: 0 or -1 and e (full
 * disk and read-only brain are UNAVAILABLE, the rest INTERNAL).
 */
int brain_run(struct brain_db *db, sqlite3_stmt *st, struct err *e);
/* One row: 1 there is one, 0 none (statement reset), -1 and e. */
int brain_step(struct brain_db *db, sqlite3_stmt *st, struct err *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * brain-writer.c - the transactions of the brain's threads: group commit,
 * reading on a snapshot, checkpoints, and what is done when the disk fails.
 *
 * Invariants: an operation is reported as done only after the COMMIT that
 * holds it returned. A COMMIT that failed fails every operation in it. After
 * an I/O error the connection is closed and the file opened and checked anew
 * before anything else is acknowledged: what SQLite and the kernel hold in
 * memory then may not be what is on the disk.
 */
#include "brain-thread.h"

#include "../base/log.h"

static void
set_health(struct brain *b, int healthy, const struct err *why)
{
	if (atomic_exchange(&b->healthy, healthy) == healthy)
		return;
	/* Before the first commit the start fails, and says so itself. */
	if (atomic_load(&b->commits) == 0)
		return;
	if (healthy)
		log_info("store", "the brain can be written again");
	else
		log_error("store", "the brain cannot be written: %s",
		    why->text);
}

/* Fails those that have not failed by themselves, up to but not `end`. */
static void
fail_all(struct brain *b, struct brain_op *op, const struct brain_op *end,
    const struct err *why)
{
	for (; op != end; op = op->next) {
		if (op->err.code != ERR_NONE)
			continue;
		op->err = *why;
		atomic_fetch_add(&b->failed, 1);
	}
}

static void
rollback(struct brain_db *db)
{
	brain_db_settle(db);
	if (!sqlite3_get_autocommit(db->h))
		(void)brain_db_exec(db, "ROLLBACK", NULL);
}

static int
run_text(struct brain_db *db, const char *sql, struct err *e)
{
	sqlite3_stmt *st = brain_stmt(db, sql, e);

	return st != NULL ? brain_run(db, st, e) : -1;
}

static int
call_run(struct brain *b, struct brain_db *db, struct brain_op *op)
{
	int r;

	err_clear(&op->err);
	r = op->run(db, op->arg, &op->err);
	brain_db_settle(db);
	if (r == 0) {
		err_clear(&op->err);
		return 0;
	}
	if (op->err.code == ERR_NONE)
		err_set(&op->err, ERR_INTERNAL, "a brain operation failed");
	atomic_fetch_add(&b->failed, 1);
	return -1;
}

/*
 * One of several operations. -1: the transaction as a whole is lost (SQLite
 * ends it by itself on some errors).
 */
static int
run_in_savepoint(struct brain *b, struct brain_db *db, struct brain_op *op,
    struct err *e)
{
	if (op->one_statement) {
		if (call_run(b, db, op) == 0)
			return 0;
		*e = op->err;
		return sqlite3_get_autocommit(db->h) ? -1 : 0;
	}
	if (run_text(db, "SAVEPOINT op", e) != 0)
		return -1;
	if (call_run(b, db, op) != 0) {
		*e = op->err;
		if (sqlite3_get_autocommit(db->h) ||
		    run_text(db, "ROLLBACK TO op", e) != 0)
			return -1;
	}
	return run_text(db, "RELEASE op", e);
}

/*
 * Runs as many of the operations as go into one transaction and commits it;
 * returns the first that was not run.
 */
static struct brain_op *
run_transaction(struct brain *b, struct brain_db *db, struct brain_op *list)
{
	struct brain_op *op = list;
	struct err e;
	int alone = list->next == NULL;

	err_clear(&e);
	db->disk_error = 0;
	if (run_text(db, "BEGIN IMMEDIATE", &e) != 0) {
		op = NULL;
		goto lost;
	}
	if (alone) {
		if (call_run(b, db, list) != 0) {
			e = list->err;
			rollback(db);
			if (db->disk_error)
				set_health(b, 0, &e);
			return NULL;
		}
		op = NULL;
	}
	while (op != NULL) {
		if (run_in_savepoint(b, db, op, &e) != 0) {
			op = op->next;
			goto lost;
		}
		op = op->next;
	}
	if (run_text(db, "COMMIT", &e) != 0)
		goto lost;
	atomic_fetch_add(&b->commits, 1);
	if (!db->disk_error)
		set_health(b, 1, NULL);
	return NULL;
lost:
	rollback(db);
	if (e.code != ERR_UNAVAILABLE)
		err_set(&e, ERR_UNAVAILABLE,
		    "the brain could not commit: out of memory or worse");
	set_health(b, 0, &e);
	fail_all(b, list, op, &e);
	return op;
}

/* The writer's connection, opened anew where it has to be. */
static int
have_connection(struct brain *b, struct brain_db *db, struct err *e)
{
	int64_t problems = 0;

	if (db->h != NULL && !db->must_reopen)
		return 0;
	brain_db_close(db);
	b->checkpointed = 0;
	if (brain_db_open(db, b->path, BRAIN_DB_WRITER, e) != 0)
		return -1;
	if (brain_db_int(db, "SELECT count(*) FROM pragma_quick_check(1)"
	    " WHERE quick_check <> 'ok'", &problems, e) != 0) {
		brain_db_close(db);
		return -1;
	}
	if (problems == 0)
		return 0;
	brain_db_close(db);
	return err_set(e, ERR_UNAVAILABLE, "the brain is damaged");
}

void
brain_write_batch(struct brain *b, struct brain_db *db,
    struct brain_op *list)
{
	struct brain_op *op, *rest = list;
	struct err e;
	unsigned n = 0;

	for (op = list; op != NULL; op = op->next)
		n++;
	atomic_fetch_add(&b->ops, n);
	while (rest != NULL) {
		err_clear(&e);
		if (have_connection(b, db, &e) != 0) {
			set_health(b, 0, &e);
			fail_all(b, rest, NULL, &e);
			break;
		}
		rest = run_transaction(b, db, rest);
	}
	brain_deliver(b, list);
}

void
brain_checkpoint(struct brain *b, struct brain_db *db)
{
	int rc, log = 0, done = 0;

	if (db->h == NULL || db->must_reopen) {
		b->checkpointed = 0;
		db->wal_pages = 0;
		return;
	}
	rc = sqlite3_wal_checkpoint_v2(db->h, NULL,
	    SQLITE_CHECKPOINT_PASSIVE, &log, &done);
	atomic_fetch_add(&b->checkpoints, 1);
	/* All in the file: the next commit begins the log anew. */
	b->checkpointed = rc == SQLITE_OK && log == done ? 0 : log;
	if (rc == SQLITE_OK && log == done)
		db->wal_pages = 0;
	if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY) {
		struct err e;

		(void)brain_db_fail(db, rc, &e);
		set_health(b, 0, &e);
		b->checkpointed = db->wal_pages;
	}
}

void
brain_read_one(struct brain *b, struct brain_db *db, struct brain_op *op)
{
	err_clear(&op->err);
	if (db->must_reopen)
		brain_db_close(db);
	if (db->h == NULL && brain_db_open(db, b->path, BRAIN_DB_READER,
	    &op->err) != 0)
		return;
	if (run_text(db, "BEGIN", &op->err) != 0)
		return;
	(void)call_run(b, db, op);
	if (run_text(db, "COMMIT", NULL) != 0)
		rollback(db);
}

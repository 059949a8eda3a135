/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema.c - the brain's tables, as numbered migrations.
 *
 * Migration n brings a brain from user_version n-1 to n, in a transaction of
 * its own: a crash in between leaves the old brain. A migration that has been
 * released is never changed; add the next one.
 *
 * Every table that belongs to a task is clustered on the task's number: what
 * is read together lies together, a task is deleted by ranges, and no second
 * index has to be kept. What costs on each turn is pages written, so there
 * are few indexes: the rest is found by scanning one task.
 */
#include <string.h>

#include "brain-internal.h"

/* "SepB", so that another program's database is never taken for a brain. */
#define APPLICATION_ID 0x53657042

static const char tables_1[] =
    "CREATE TABLE meta ("
    " key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"

    /*
     * last_event_*: as of the last purge or turn, see task_find().
     * events_from: events below this id have expired, stored or not.
     */
    "CREATE TABLE tasks ("
    " task_no INTEGER PRIMARY KEY AUTOINCREMENT,"
    " task_id TEXT NOT NULL UNIQUE,"
    " agent TEXT NOT NULL,"
    " state INTEGER NOT NULL DEFAULT 0,"
    " created_at INTEGER NOT NULL,"
    " updated_at INTEGER NOT NULL,"
    " message_count INTEGER NOT NULL DEFAULT 0,"
    " last_event_id INTEGER NOT NULL DEFAULT 0,"
    " last_event_ts INTEGER NOT NULL DEFAULT 0,"
    " events_from INTEGER NOT NULL DEFAULT 0);"
    "CREATE INDEX tasks_updated ON tasks (updated_at);"
    "CREATE INDEX tasks_event ON tasks (last_event_ts);"
    "CREATE INDEX tasks_busy ON tasks (task_no) WHERE state <> 0;"

    "CREATE TABLE messages ("
    " task_no INTEGER NOT NULL,"
    " msg_no INTEGER NOT NULL,"
    " message_id TEXT NOT NULL,"
    " role TEXT NOT NULL,"
    " turn_id TEXT NOT NULL,"
    " created_at INTEGER NOT NULL,"
    " voided_at INTEGER,"
    " content TEXT NOT NULL,"
    " PRIMARY KEY (task_no, msg_no)) WITHOUT ROWID;"

    "CREATE TABLE turns ("
    " task_no INTEGER NOT NULL,"
    " turn_no INTEGER NOT NULL,"
    " turn_id TEXT NOT NULL,"
    " agent TEXT NOT NULL,"
    " state INTEGER NOT NULL,"
    " started_at INTEGER NOT NULL,"
    " ended_at INTEGER,"
    " detail TEXT,"
    " options TEXT NOT NULL,"
    " PRIMARY KEY (task_no, turn_no)) WITHOUT ROWID;"
    "CREATE INDEX turns_unfinished ON turns (turn_id) WHERE state < 2;"

    "CREATE TABLE effects ("
    " task_no INTEGER NOT NULL,"
    " turn_no INTEGER NOT NULL,"
    " effect_no INTEGER NOT NULL,"
    " call_id TEXT NOT NULL,"
    " tool TEXT NOT NULL,"
    " started_at INTEGER NOT NULL,"
    " finished_at INTEGER,"
    " input TEXT NOT NULL,"
    " output TEXT,"
    " error TEXT,"
    " PRIMARY KEY (task_no, turn_no, effect_no)) WITHOUT ROWID;"
    "CREATE INDEX effects_open ON effects (call_id)"
    " WHERE finished_at IS NULL;"

    /*
     * A row holds the frames of the events first_id..last_id. While a turn
     * runs its rows go to the end of events_log, all tasks together, which
     * writes a page or two a commit instead of one a task; then they are
     * packed into few large rows of `events`. A row of the log that is not
     * newer than the task's last row in `events` is dead. See rows-event.c.
     */
    "CREATE TABLE events ("
    " task_no INTEGER NOT NULL,"
    " first_id INTEGER NOT NULL,"
    " last_id INTEGER NOT NULL,"
    " first_ts INTEGER NOT NULL,"
    " last_ts INTEGER NOT NULL,"
    " frames BLOB NOT NULL,"
    " PRIMARY KEY (task_no, first_id)) WITHOUT ROWID;"
    "CREATE TABLE events_log ("
    " log_no INTEGER PRIMARY KEY,"
    " task_no INTEGER NOT NULL,"
    " first_id INTEGER NOT NULL,"
    " last_id INTEGER NOT NULL,"
    " first_ts INTEGER NOT NULL,"
    " last_ts INTEGER NOT NULL,"
    " frames BLOB NOT NULL);"
    "CREATE INDEX events_log_task ON events_log (task_no, first_id);"

    "CREATE TABLE usage ("
    " task_no INTEGER NOT NULL,"
    " usage_no INTEGER NOT NULL,"
    " turn_id TEXT NOT NULL,"
    " model TEXT NOT NULL,"
    " input INTEGER NOT NULL,"
    " output INTEGER NOT NULL,"
    " cached INTEGER NOT NULL,"
    " created_at INTEGER NOT NULL,"
    " PRIMARY KEY (task_no, usage_no)) WITHOUT ROWID;"

    "CREATE TABLE feedback ("
    " task_no INTEGER NOT NULL,"
    " feedback_id TEXT NOT NULL,"
    " type TEXT NOT NULL,"
    " message_id TEXT,"
    " json TEXT NOT NULL,"
    " created_at INTEGER NOT NULL,"
    " PRIMARY KEY (task_no, feedback_id)) WITHOUT ROWID;"

    "CREATE TABLE working_memory ("
    " task_no INTEGER NOT NULL,"
    " key TEXT NOT NULL,"
    " value TEXT NOT NULL,"
    " updated_at INTEGER NOT NULL,"
    " PRIMARY KEY (task_no, key)) WITHOUT ROWID;"

    "CREATE TABLE skills ("
    " name TEXT PRIMARY KEY,"
    " json TEXT NOT NULL,"
    " updated_at INTEGER NOT NULL) WITHOUT ROWID;"

    "CREATE TABLE plugin_kv ("
    " plugin TEXT NOT NULL,"
    " key TEXT NOT NULL,"
    " value BLOB NOT NULL,"
    " PRIMARY KEY (plugin, key)) WITHOUT ROWID;"

    "PRAGMA application_id=1399156802;";

static const struct {
	const char *sql;
	const char *set_version;
} migrations[] = {
	{ tables_1, "PRAGMA user_version=1" },
	{ brain_tables_2, "PRAGMA user_version=2" },
};
#define NEWEST ((int64_t)(sizeof migrations / sizeof migrations[0]))

static int
migrate_one(struct brain_db *db, int64_t n, struct err *e)
{
	if (brain_db_exec(db, "BEGIN IMMEDIATE", e) != 0)
		return -1;
	if (brain_db_exec(db, migrations[n].sql, e) == 0 &&
	    brain_db_exec(db, migrations[n].set_version, e) == 0 &&
	    brain_db_exec(db, "COMMIT", e) == 0)
		return 0;
	if (!sqlite3_get_autocommit(db->h))
		(void)brain_db_exec(db, "ROLLBACK", NULL);
	return -1;
}

/* Debian's library has FTS5; the memory's search is built on it. */
static int
check_fts5(struct brain_db *db, struct err *e)
{
	if (brain_db_exec(db, "CREATE VIRTUAL TABLE temp.fts5_probe"
	    " USING fts5(x); DROP TABLE temp.fts5_probe", NULL) == 0)
		return 0;
	return err_set(e, ERR_UNAVAILABLE,
	    "this SQLite library has no FTS5: %s", sqlite3_errmsg(db->h));
}

/* What turns that were cut off had logged; nothing of it is lost. */
static int
pack_log(struct brain_db *db, struct err *e)
{
	int64_t any;

	if (brain_db_int(db, "SELECT EXISTS (SELECT 1 FROM events_log)", &any,
	    e) != 0)
		return -1;
	if (!any)
		return 0;
	if (brain_db_exec(db, "BEGIN IMMEDIATE", e) != 0)
		return -1;
	if (brain_db_exec(db, "INSERT INTO events (task_no, first_id, last_id,"
	    " first_ts, last_ts, frames) SELECT task_no, first_id, last_id,"
	    " first_ts, last_ts, frames FROM events_log l WHERE first_id >"
	    " coalesce((SELECT last_id FROM events WHERE task_no = l.task_no"
	    " ORDER BY first_id DESC LIMIT 1), 0)"
	    " AND task_no IN (SELECT task_no FROM tasks);"
	    "DELETE FROM events_log; COMMIT", e) == 0)
		return 0;
	if (!sqlite3_get_autocommit(db->h))
		(void)brain_db_exec(db, "ROLLBACK", NULL);
	return -1;
}

int
brain_migrate(struct brain_db *db, const char *path, struct err *e)
{
	int64_t version, app, tables, n;

	if (brain_db_int(db, "PRAGMA user_version", &version, e) != 0 ||
	    brain_db_int(db, "PRAGMA application_id", &app, e) != 0 ||
	    brain_db_int(db, "SELECT count(*) FROM sqlite_schema", &tables,
	    e) != 0)
		return -1;
	if (app != APPLICATION_ID && (version != 0 || tables != 0))
		return err_set(e, ERR_UNAVAILABLE,
		    "%s is a database, but not a brain", path);
	if (version < 0 || version > NEWEST)
		return err_set(e, ERR_MIGRATION_REQUIRED,
		    "the brain %s has version %lld, this program knows up to"
		    " %lld: a newer program is needed", path,
		    (long long)version, (long long)NEWEST);
	for (n = version; n < NEWEST; n++)
		if (migrate_one(db, n, e) != 0)
			return -1;
	if (pack_log(db, e) != 0)
		return -1;
	return check_fts5(db, e);
}

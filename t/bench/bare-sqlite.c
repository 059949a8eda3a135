/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of about 200 bytes with one index into SQLite, as a journal of events
 * would write them: WAL, one connection, batches of B rows a transaction.
 * The yardstick for the engine's own journal.  With --count-rows it counts
 * the rows of one table of a database in use instead, read-only.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

static void
run(sqlite3 *db, const char *sql)
{
	char *text = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &text) != SQLITE_OK)
		bench_die("%s: %s", sql, text != NULL ? text : "?");
}

static sqlite3_stmt *
prepare(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *st;

	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
		bench_die("%s: %s", sql, sqlite3_errmsg(db));
	return st;
}

static void
count_rows(const char *path, const char *table)
{
	sqlite3_stmt *st;
	char sql[160];
	sqlite3 *db;

	if (strspn(table, "abcdefghijklmnopqrstuvwxyz_0123456789") !=
	    strlen(table) || strlen(table) > 64)
		bench_die("\"%s\" is no table name", table);
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) !=
	    SQLITE_OK)
		bench_die("%s: %s", path, sqlite3_errmsg(db));
	sqlite3_busy_timeout(db, 5000);
	snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", table);
	st = prepare(db, sql);
	if (sqlite3_step(st) != SQLITE_ROW)
		bench_die("%s: %s", sql, sqlite3_errmsg(db));
	bench_print(json_pack("{s:b,s:I}", "valid", 1, "rows",
	    (json_int_t)sqlite3_column_int64(st, 0)));
	sqlite3_finalize(st);
	sqlite3_close(db);
}

static void
insert(sqlite3 *db, sqlite3_stmt *st, uint64_t n)
{
	char payload[160], task[32];

	memset(payload, 'x', sizeof(payload));
	snprintf(task, sizeof(task), "bench-task-%" PRIu64, n / 64);
	sqlite3_bind_text(st, 1, task, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, (sqlite3_int64)(n % 64));
	sqlite3_bind_int64(st, 3, (sqlite3_int64)n);
	sqlite3_bind_text(st, 4, "text_delta", -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 5, payload, sizeof(payload), SQLITE_STATIC);
	if (sqlite3_step(st) != SQLITE_DONE || sqlite3_reset(st) != SQLITE_OK)
		bench_die("insert: %s", sqlite3_errmsg(db));
}

static void
measure(const char *path, uint64_t batch, uint64_t seconds, const char *sync)
{
	static struct bench_hist tx;
	uint64_t begin, end, now, cpu, n = 0, i;
	sqlite3_stmt *st;
	char sql[64];
	sqlite3 *db;
	double s;

	if (sqlite3_open(path, &db) != SQLITE_OK)
		bench_die("%s: %s", path, sqlite3_errmsg(db));
	run(db, "PRAGMA journal_mode=WAL");
	snprintf(sql, sizeof(sql), "PRAGMA synchronous=%s", sync);
	run(db, sql);
	run(db, "CREATE TABLE events (row INTEGER PRIMARY KEY, task_id TEXT, "
	    "id INTEGER, time INTEGER, type TEXT, payload TEXT)");
	run(db, "CREATE INDEX events_task ON events (task_id, id)");
	st = prepare(db, "INSERT INTO events (task_id, id, time, type, "
	    "payload) VALUES (?, ?, ?, ?, ?)");
	cpu = bench_cpu(getpid());
	begin = now = bench_now();
	end = begin + seconds * 1000000000U;
	while (now < end) {
		run(db, "BEGIN IMMEDIATE");
		for (i = 0; i < batch; i++)
			insert(db, st, n++);
		run(db, "COMMIT");
		i = now;
		now = bench_now();
		bench_hist_add(&tx, now - i);
	}
	cpu = bench_cpu(getpid()) - cpu;
	s = (double)(now - begin) / 1e9;
	sqlite3_finalize(st);
	sqlite3_close(db);
	bench_print(json_pack("{s:b,s:I,s:f,s:f,s:o}", "valid", 1, "rows",
	    (json_int_t)n, "rows_per_s", (double)n / s, "cpu_us_per_row",
	    (double)cpu / 1e3 / (double)n, "tx_us", bench_hist_json(&tx)));
}

static const char usage[] =
"usage: bare-sqlite --db FILE [--batch N] [--seconds T] [--sync MODE]\n"
"       bare-sqlite --db FILE --count-rows TABLE\n"
"Inserts event rows into a new SQLite file; prints rows a second.\n"
"  --batch N    rows a transaction (100)\n"
"  --seconds T  how long (2)\n"
"  --sync MODE  normal, full or off (normal)\n";

int
main(int argc, char **argv)
{
	static const struct option opts[] = {
		{ "db", required_argument, NULL, 'f' },
		{ "batch", required_argument, NULL, 'b' },
		{ "seconds", required_argument, NULL, 't' },
		{ "sync", required_argument, NULL, 's' },
		{ "count-rows", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 }
	};
	const char *path = NULL, *table = NULL, *sync = "normal";
	uint64_t batch = 100, seconds = 2;
	int c;

	while ((c = getopt_long(argc, argv, "", opts, NULL)) != -1) {
		if (c == 'f')
			path = optarg;
		else if (c == 'b')
			batch = bench_number("--batch", optarg, 1, 100000);
		else if (c == 't')
			seconds = bench_number("--seconds", optarg, 1, 600);
		else if (c == 's')
			sync = optarg;
		else if (c == 'c')
			table = optarg;
		else
			bench_usage(usage, c == 'h' ? 0 : 2);
	}
	if (optind != argc || path == NULL || (strcmp(sync, "normal") != 0 &&
	    strcmp(sync, "full") != 0 && strcmp(sync, "off") != 0))
		bench_usage(usage, 2);
	bench_init();
	alarm((unsigned)seconds + 60);
	if (table != NULL)
		count_rows(path, table);
	else if (access(path, F_OK) == 0)
		bench_die("%s exists: a new file is wanted", path);
	else
		measure(path, batch, seconds, sync);
	return 0;
}

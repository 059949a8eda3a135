/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-brain.c - opening, locking and migrating the brain, operations in
 * groups, failing disks, crashes, closing.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "../../core/base/clock.h"
#include "store-util.h"

static struct brain *
open_brain(void)
{
	struct err e;
	struct brain *b;

	err_clear(&e);
	b = brain_open(loop, path, &e);
	if (b == NULL) {
		printf("Bail out! %s\n", e.text);
		exit(1);
	}
	return b;
}

/* Operations on a table of the tests' own. */

static int
op_sql(struct brain_db *db, void *arg, struct err *e)
{
	char *why = NULL;

	if (sqlite3_exec(brain_handle(db), arg, NULL, NULL, &why) ==
	    SQLITE_OK)
		return 0;
	err_set(e, ERR_INTERNAL, "%s", why);
	sqlite3_free(why);
	return -1;
}

static int
op_put(struct brain_db *db, void *arg, struct err *e)
{
	sqlite3_stmt *st = brain_stmt(db, "INSERT INTO x VALUES (?)", e);

	if (st == NULL)
		return -1;
	sqlite3_bind_int64(st, 1, *(int64_t *)arg);
	return brain_run(db, st, e);
}

/* Inserts and then fails: the insert must not be seen. */
static int
op_put_fail(struct brain_db *db, void *arg, struct err *e)
{
	if (op_put(db, arg, e) != 0)
		return -1;
	return err_set(e, ERR_VALIDATION, "on purpose");
}

static int
op_count(struct brain_db *db, void *arg, struct err *e)
{
	sqlite3_stmt *st = brain_stmt(db, "SELECT count(*) FROM x", e);

	if (st == NULL || brain_step(db, st, e) != 1)
		return -1;
	*(int64_t *)arg = sqlite3_column_int64(st, 0);
	return 0; /* left busy on purpose: the brain ends it */
}

static int64_t
count(struct brain *b)
{
	int64_t n = -1;

	(void)do_read(b, op_count, &n, NULL);
	return n;
}

static void
make_x(struct brain *b)
{
	char sql[] = "CREATE TABLE IF NOT EXISTS x (v INTEGER)";

	check_int(do_write(b, op_sql, sql, NULL), ERR_NONE, "a table");
}

static int
op_mode(struct brain_db *db, void *arg, struct err *e)
{
	static const char sql[] = "SELECT (SELECT journal_mode FROM"
	    " pragma_journal_mode) || ' ' || (SELECT synchronous FROM"
	    " pragma_synchronous) || ' ' || (SELECT query_only FROM"
	    " pragma_query_only)";
	sqlite3_stmt *st = brain_stmt(db, sql, e);

	if (st == NULL || brain_step(db, st, e) != 1)
		return -1;
	(void)snprintf(arg, 32, "%s", sqlite3_column_text(st, 0));
	return 0;
}

static void
test_open(void)
{
	struct brain *b, *b2;
	struct err e;
	struct stat st;
	char deep[PATH_MAX], want[64], mode[32];

	(void)snprintf(deep, sizeof deep, "%s/a/b/brain.db", dir);
	b = brain_open(loop, deep, &e);
	check(b != NULL, "a brain is made, with its folders");
	check(stat(deep, &st) == 0 && (st.st_mode & 0777) == 0600,
	    "the file is mode 0600");
	(void)snprintf(deep, sizeof deep, "%s/a/b", dir);
	check(stat(deep, &st) == 0 && (st.st_mode & 0777) == 0700,
	    "the folder is mode 0700");
	(void)snprintf(deep, sizeof deep, "%s/a/b/brain.db", dir);

	b2 = brain_open(loop, deep, &e);
	check(b2 == NULL && e.code == ERR_UNAVAILABLE,
	    "a second opener is refused");
	(void)snprintf(want, sizeof want,
	    "is already in use by process %ld", (long)getpid());
	check(strstr(e.text, want) != NULL && strstr(e.text, deep) != NULL,
	    "and told by whom");
	check_int(do_write(b, op_mode, mode, NULL), ERR_NONE, "settings");
	check_str(mode, "wal 1 0", "the writer: WAL, NORMAL");
	check_int(do_read(b, op_mode, mode, NULL), ERR_NONE, "settings");
	check(strstr(mode, "wal") != NULL && mode[strlen(mode) - 1] == '1',
	    "a reader cannot write");
	brain_close(b);
	b = brain_open(loop, deep, &e);
	check(b != NULL, "after closing it can be opened again");
	brain_close(b);
}

#define GROUP 200
static int order[GROUP * 3], order_n;

struct numbered {
	int64_t v; /* first: op_put() takes a pointer to it */
	struct brain_op op;
	int ok;
};

static void
numbered_done(void *arg, const struct err *e)
{
	struct numbered *n = arg;

	n->ok = e->code == ERR_NONE;
	if (order_n < GROUP * 3)
		order[order_n] = (int)n->v;
	order_n++;
}

static void
test_group(void)
{
	static struct numbered ops[GROUP];
	struct brain *b = open_brain();
	struct brain_stats s0, s;
	int i, bad = 0, sorted = 1, same = 1;

	make_x(b);
	brain_stats(b, &s0);
	order_n = 0;
	for (i = 0; i < GROUP; i++) {
		ops[i].op.run = i % 10 == 3 ? op_put_fail : op_put;
		ops[i].op.done = numbered_done;
		ops[i].op.arg = &ops[i];
		ops[i].v = i;
	}
	for (i = 0; i < GROUP; i++)
		brain_write(b, &ops[i].op);
	while (order_n < GROUP)
		(void)event_base_loop(loop_base(loop), EVLOOP_ONCE);
	for (i = 0; i < GROUP; i++) {
		if (order[i] != i)
			sorted = 0;
		if (ops[i].ok != (i % 10 != 3))
			same = 0;
		bad += !ops[i].ok;
	}
	check(sorted, "done in the order handed over");
	check(same, "those that failed, and only they, are reported");
	check_int(bad, GROUP / 10, "a tenth failed");
	brain_stats(b, &s);
	check_int(s.ops - s0.ops, GROUP, "all were run");
	check_int(s.failed - s0.failed, GROUP / 10, "failures are counted");
	check(s.commits - s0.commits < GROUP / 2,
	    "those that gathered are committed together");
	check_int(s.healthy, 1, "a failed operation is not a sick brain");
	check_int(count(b), GROUP - GROUP / 10, "failed ones left nothing");
	check_int(do_write(b, op_put_fail, &ops[0].v, NULL), ERR_VALIDATION,
	    "alone in its group it fails as well");
	check_int(count(b), GROUP - GROUP / 10, "and leaves nothing");
	brain_close(b);
}

/* A read sees what was committed, whichever thread runs it. */
static void
test_read_your_writes(void)
{
	struct brain *b = open_brain();
	struct call put, get;
	int64_t v = 7, before = count(b), n;
	int i, ok = 1;

	for (i = 1; i <= 200; i++) {
		call_init(&put, op_put, &v);
		brain_write(b, &put.op);
		wait_for(&put.over);
		call_init(&get, op_count, &n);
		brain_read(b, &get.op);
		wait_for(&get.over);
		if (n != before + i)
			ok = 0;
	}
	check(ok, "a read sees every write whose done() was entered");
	brain_close(b);
}

static void
write_file(const char *name, const char *text, size_t n)
{
	FILE *f = fopen(name, "wb");

	if (f == NULL || fwrite(text, 1, n, f) != n || fclose(f) != 0)
		abort();
}

static void
try_bad(const char *sql, enum err_code code, const char *text,
    const char *what)
{
	char name[PATH_MAX];
	struct err e;
	sqlite3 *h;
	struct brain *b;

	(void)snprintf(name, sizeof name, "%s/bad.db", dir);
	(void)unlink(name);
	if (sqlite3_open(name, &h) != SQLITE_OK ||
	    sqlite3_exec(h, sql, NULL, NULL, NULL) != SQLITE_OK)
		abort();
	sqlite3_close(h);
	err_clear(&e);
	b = brain_open(loop, name, &e);
	check(b == NULL && e.code == code, what);
	check(strstr(e.text, text) != NULL && strstr(e.text, name) != NULL &&
	    strchr(e.text, '\n') == NULL, "in one clear line");
	printf("# %s\n", e.text);
	brain_close(b);
}

static void
test_bad_files(void)
{
	static char junk[8192];
	char name[PATH_MAX];
	struct brain *b;
	struct err e;
	struct stat st;

	try_bad("PRAGMA application_id=1399156802; PRAGMA user_version=999;"
	    "CREATE TABLE t (x)", ERR_MIGRATION_REQUIRED, "version 999",
	    "a newer brain is refused");
	try_bad("CREATE TABLE t (x)", ERR_UNAVAILABLE, "not a brain",
	    "another program's database is refused");
	memset(junk, 'j', sizeof junk);
	(void)snprintf(name, sizeof name, "%s/junk.db", dir);
	write_file(name, junk, sizeof junk);
	b = brain_open(loop, name, &e);
	check(b == NULL && e.code == ERR_UNAVAILABLE &&
	    strstr(e.text, "damaged") != NULL, "junk is refused");
	printf("# %s\n", e.text);
	(void)snprintf(name, sizeof name, "%s/half.db", dir);
	b = brain_open(loop, name, &e);
	brain_close(b);
	check(stat(name, &st) == 0 && truncate(name, st.st_size / 2) == 0,
	    "half a brain");
	b = brain_open(loop, name, &e);
	check(b == NULL && e.code == ERR_UNAVAILABLE &&
	    strstr(e.text, "damaged") != NULL, "is refused");
	printf("# %s\n", e.text);
	b = brain_open(loop, dir, &e);
	check(b == NULL && e.code == ERR_UNAVAILABLE,
	    "a folder is refused");
	printf("# %s\n", e.text);
}

/*
 * Fills until an operation fails, lets `mend` free the disk, and wants the
 * brain to work again without being opened anew by us.
 */
static int
op_big(struct brain_db *db, void *arg, struct err *e)
{
	sqlite3_stmt *st = brain_stmt(db,
	    "INSERT INTO x VALUES (zeroblob(100000))", e);

	(void)arg;
	return st != NULL ? brain_run(db, st, e) : -1;
}

static void
fill_and_mend(struct brain *b, void (*mend)(void), const char *what)
{
	struct brain_stats s;
	struct err e;
	int64_t good = 0, v = 1;

	printf("# %s\n", what);
	while (do_write(b, op_big, NULL, &e) == ERR_NONE && good < 1000)
		good++;
	check(good > 0 && good < 1000, "writes go until the disk is full");
	check_int(e.code, ERR_UNAVAILABLE, "then they fail as UNAVAILABLE");
	printf("# %s\n", e.text);
	brain_stats(b, &s);
	check_int(s.healthy, 0, "the brain says that it is not well");
	check_int(count(b), good, "what was acknowledged can be read");
	check(do_write(b, op_big, NULL, NULL) != ERR_NONE, "and still full");
	mend();
	check_int(do_write(b, op_put, &v, &e), ERR_NONE,
	    "with room again writes succeed");
	brain_stats(b, &s);
	check_int(s.healthy, 1, "and the brain is well");
	check_int(count(b), good + 1, "nothing lost, nothing twice");
}

static struct rlimit limit0;

static void
mend_limit(void)
{
	(void)setrlimit(RLIMIT_FSIZE, &limit0);
}

static char mnt[PATH_MAX];

static void
mend_mount(void)
{
	if (mount("none", mnt, "tmpfs", MS_REMOUNT, "size=64m") != 0)
		printf("# remount: %s\n", strerror(errno));
}

static void
test_disk(void)
{
	struct rlimit small;
	struct brain *b;
	struct err e;
	char name[PATH_MAX + 16];

	(void)signal(SIGXFSZ, SIG_IGN);
	(void)snprintf(path, sizeof path, "%s/limit.db", dir);
	b = open_brain();
	make_x(b);
	(void)getrlimit(RLIMIT_FSIZE, &limit0);
	small = limit0;
	small.rlim_cur = 2 << 20;
	(void)setrlimit(RLIMIT_FSIZE, &small);
	fill_and_mend(b, mend_limit, "write errors (file size limit)");
	brain_close(b);

	(void)snprintf(mnt, sizeof mnt, "%s/mnt", dir);
	if (mkdir(mnt, 0700) != 0 ||
	    mount("none", mnt, "tmpfs", 0, "size=2m") != 0) {
		printf("ok # skip no small file system without root\n");
		tap_count_++;
		return;
	}
	(void)snprintf(name, sizeof name, "%s/brain.db", mnt);
	b = brain_open(loop, name, &e);
	check(b != NULL, "a brain on a small disk");
	if (b != NULL) {
		make_x(b);
		fill_and_mend(b, mend_mount, "full disk (small tmpfs)");
		brain_close(b);
	}
	(void)umount(mnt);
}

/* A connection that turned read-only is opened anew. */
static void
test_read_only(void)
{
	struct brain *b;
	struct err e;
	char sql[] = "PRAGMA query_only=1";
	int64_t v = 1;

	(void)snprintf(path, sizeof path, "%s/ro.db", dir);
	b = open_brain();
	make_x(b);
	check_int(do_write(b, op_sql, sql, NULL), ERR_NONE, "turn read-only");
	check_int(do_write(b, op_put, &v, &e), ERR_UNAVAILABLE,
	    "a write to it is UNAVAILABLE");
	printf("# %s\n", e.text);
	check_int(do_write(b, op_put, &v, NULL), ERR_NONE,
	    "the next one finds a fresh connection");
	check_int(count(b), 1, "one row");
	brain_close(b);
}

/*
 * A child commits numbers and reports each one whose done() ran; it is
 * killed at a random moment. All it reported must be there.
 */
static int report_fd;
static struct brain *child_brain;
static int64_t child_next;

static void
child_done(void *arg, const struct err *e)
{
	struct numbered *n = arg;

	if (e->code != ERR_NONE ||
	    write(report_fd, &n->v, sizeof n->v) != (ssize_t)sizeof n->v)
		_exit(3);
	n->v = child_next++;
	brain_write(child_brain, &n->op);
}

static void
child(int64_t from)
{
	static struct numbered ops[8];
	struct err e;
	int i;

	loop = loop_new(&e);
	child_brain = brain_open(loop, path, &e);
	if (child_brain == NULL)
		_exit(2);
	child_next = from;
	for (i = 0; i < 8; i++) {
		ops[i].op.run = op_put;
		ops[i].op.done = child_done;
		ops[i].op.arg = &ops[i];
		ops[i].v = child_next++;
		brain_write(child_brain, &ops[i].op);
	}
	(void)loop_run(loop);
	_exit(4);
}

static int
op_have(struct brain_db *db, void *arg, struct err *e)
{
	int64_t *v = arg; /* in: number, out: how often it is there */
	sqlite3_stmt *st = brain_stmt(db,
	    "SELECT count(*) FROM x WHERE v = ?", e);

	if (st == NULL)
		return -1;
	sqlite3_bind_int64(st, 1, *v);
	if (brain_step(db, st, e) != 1)
		return -1;
	*v = sqlite3_column_int64(st, 0);
	return 0;
}

static int
op_check(struct brain_db *db, void *arg, struct err *e)
{
	sqlite3_stmt *st = brain_stmt(db, "PRAGMA integrity_check", e);

	if (st == NULL || brain_step(db, st, e) != 1)
		return -1;
	(void)snprintf(arg, 64, "%s", sqlite3_column_text(st, 0));
	return 0;
}

#define KILLS 50

static void
test_kill(void)
{
	int fds[2], i, status, bad = 0, opened = 1, kills = 0;
	int64_t acked = 0, v, lo = INT64_MAX, hi = 0;
	struct brain *b;
	struct err e;
	pid_t pid;
	char text[64] = "";

	(void)snprintf(path, sizeof path, "%s/kill.db", dir);
	b = open_brain();
	make_x(b);
	brain_close(b);
	for (i = 0; i < KILLS && opened; i++) {
		if (pipe(fds) != 0)
			abort();
		fflush(stdout);
		pid = fork();
		if (pid == 0) {
			report_fd = fds[1];
			child(hi + 1000);
		}
		(void)close(fds[1]);
		/* Some acknowledgements, then at any moment. */
		lo = INT64_MAX;
		for (v = 0; v < i % 7 * 20 + 1; v++) {
			int64_t got;

			if (read(fds[0], &got, sizeof got) !=
			    (ssize_t)sizeof got)
				break;
			lo = got < lo ? got : lo;
			hi = got > hi ? got : hi;
			acked++;
		}
		(void)kill(pid, SIGKILL);
		if (waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) &&
		    WTERMSIG(status) == SIGKILL)
			kills++;
		while (read(fds[0], &v, sizeof v) == (ssize_t)sizeof v) {
			hi = v > hi ? v : hi;
			acked++;
		}
		(void)close(fds[0]);
		b = brain_open(loop, path, &e);
		opened = b != NULL;
		if (!opened)
			break;
		/* Acknowledged in order: lo..hi without a gap. */
		for (v = lo; v <= hi; v++) {
			int64_t n = v;

			if (do_read(b, op_have, &n, NULL) != ERR_NONE ||
			    n != 1)
				bad++;
		}
		(void)do_read(b, op_check, text, NULL);
		if (strcmp(text, "ok") != 0)
			bad++;
		brain_close(b);
	}
	check(opened, "the brain opens after every kill");
	check_int(kills, KILLS, "children killed in mid-commit");
	check_int(bad, 0, "every acknowledged row is there once");
	printf("# %lld acknowledged\n", (long long)acked);
}

static struct brain *closing;
static struct call late;

static void
late_done(void *arg, const struct err *e)
{
	(void)arg;
	(void)e;
	brain_write(closing, &late.op);
}

static void
test_close(void)
{
	static struct numbered ops[GROUP];
	struct brain_op first;
	int64_t v = 1, n0;
	int i;

	(void)snprintf(path, sizeof path, "%s/close.db", dir);
	closing = open_brain();
	make_x(closing);
	n0 = count(closing);
	order_n = 0;
	for (i = 0; i < GROUP; i++) {
		ops[i].op.run = op_put;
		ops[i].op.done = numbered_done;
		ops[i].op.arg = &ops[i];
		ops[i].v = i;
		brain_write(closing, &ops[i].op);
	}
	call_init(&late, op_put, &v);
	memset(&first, 0, sizeof first);
	first.run = op_put;
	first.arg = &v;
	first.done = late_done;
	brain_write(closing, &first);
	brain_close(closing);
	check_int(order_n, GROUP, "closing finishes what was handed over");
	check(late.over && late.e.code == ERR_UNAVAILABLE,
	    "what comes after is refused");
	closing = open_brain();
	check_int(count(closing), n0 + GROUP + 1, "and it is stored");
	brain_close(closing);
}

static void
test_checkpoint(void)
{
	struct brain *b;
	struct brain_stats s;
	struct stat st;
	char name[PATH_MAX + 8];
	int64_t i;

	(void)snprintf(path, sizeof path, "%s/ckpt.db", dir);
	b = open_brain();
	make_x(b);
	for (i = 0; i < 300; i++)
		(void)do_write(b, op_big, NULL, NULL);
	brain_stats(b, &s);
	check(s.checkpoints > 0, "a long log is checkpointed under load");
	(void)snprintf(name, sizeof name, "%s-wal", path);
	check(stat(name, &st) == 0 && st.st_size < 24 << 20,
	    "and does not grow without bound");
	printf("# log %lld bytes, %llu checkpoints\n", (long long)st.st_size,
	    (unsigned long long)s.checkpoints);
	brain_close(b);
	check(stat(name, &st) != 0, "closing leaves no log");
}

int
main(void)
{
	tap_start(240);
	set_up();
	test_open();
	test_group();
	test_read_your_writes();
	test_bad_files();
	test_read_only();
	test_disk();
	test_close();
	test_checkpoint();
	test_kill();
	loop_free(loop);
	clean_up();
	return tap_done();
}

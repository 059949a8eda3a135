/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-tool-paths.c - attempts to leave the allowed directories with the
 * file tools. A file outside holds a word that must never come back, and
 * must never change.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include "tap.h"
#include "toolhost.h"

#define CANARY "canary-outside-7261"

static struct toolhost *th;
static char top[] = "/tmp/sept-paths-XXXXXX";
static char root[64], out[64], ws[64];

#define DO(tool, ...) th_do(th, (tool), json_pack(__VA_ARGS__))

static void
must(int ok, const char *what)
{
	if (ok)
		return;
	printf("Bail out! %s\n", what);
	exit(99);
}

static void
put(const char *base, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	(void)snprintf(path, sizeof path, "%s/%s", base, name);
	f = fopen(path, "w");
	must(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0, path);
}

static void
link_to(const char *target, const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof path, "%s/%s", ws, name);
	must(symlink(target, path) == 0, path);
}

/* Nothing outside was changed or added. */
static int
untouched(void)
{
	char path[256], buf[64] = "";
	struct stat st;
	FILE *f;

	(void)snprintf(path, sizeof path, "%s/secret", out);
	f = fopen(path, "r");
	if (f == NULL || fgets(buf, sizeof buf, f) == NULL ||
	    strcmp(buf, CANARY) != 0) {
		if (f != NULL)
			(void)fclose(f);
		return 0;
	}
	(void)fclose(f);
	(void)snprintf(path, sizeof path, "%s/new", out);
	if (lstat(path, &st) == 0)
		return 0;
	(void)snprintf(path, sizeof path, "%s/sub/new", out);
	return lstat(path, &st) != 0;
}

static void
refused(struct th_result r, const char *tool, const char *path)
{
	char what[256];
	char *all = json_dumps(r.body, JSON_COMPACT);

	(void)snprintf(what, sizeof what, "%s %.180s: %s", tool, path,
	    th_str(&r, "error"));
	check(r.status != SEPT_OK && th_str(&r, "error")[0] != '\0' &&
	    all != NULL && strstr(all, CANARY) == NULL && untouched(), what);
	free(all);
	th_drop(&r);
}

/* Every tool is refused at path. */
static void
attempt(const char *path)
{
	refused(DO("read_file", "{s:s}", "path", path), "read", path);
	refused(DO("edit_file", "{s:s,s:s,s:s}", "path", path, "old_string",
	    "canary", "new_string", "x"), "edit", path);
	refused(DO("write_file", "{s:s,s:s}", "path", path, "content", "x"),
	    "write", path);
	refused(DO("grep", "{s:s,s:s}", "pattern", "canary", "path", path),
	    "grep", path);
	refused(DO("find", "{s:s}", "path", path), "find", path);
	refused(DO("file_search", "{s:s,s:s}", "query", "secret", "path",
	    path), "search", path);
}

static void
test_names(void)
{
	static const char *const rel[] = {
		"../../out/secret", "../../../..", "..", "../..",
		"./../../out/secret", "sub/../../../out/secret",
		"sub/./.././../../out/secret", "../../out/",
		"..//..//out//secret", "../../out/sub",
		"../../../../../../../../etc/passwd",
		"sub/../../../../../../../etc/passwd",
	};
	static const char *const abs[] = {
		"/", "/etc/passwd", "/etc", "/proc/self/root/etc/passwd",
		"/proc/self/cwd", "/proc/self/environ", "/proc/1/environ",
		"/dev/null", "/dev/zero", "//etc/passwd", "/./etc/passwd",
		"/tmp", "/tmp/..", "/proc/self/fd/0", "/sys", "/root",
	};
	char path[512];
	size_t i;

	for (i = 0; i < sizeof rel / sizeof rel[0]; i++)
		attempt(rel[i]);
	for (i = 0; i < sizeof abs / sizeof abs[0]; i++)
		attempt(abs[i]);
	(void)snprintf(path, sizeof path, "%s/secret", out);
	attempt(path);
	(void)snprintf(path, sizeof path, "%s/../out/secret", root);
	attempt(path);
	(void)snprintf(path, sizeof path, "%s/../out/new", root);
	attempt(path);
	(void)snprintf(path, sizeof path, "%s/ws/../../out/secret", root);
	attempt(path);
	(void)snprintf(path, sizeof path, "%s/../root-evil/secret", root);
	attempt(path);
	(void)snprintf(path, sizeof path, "%s-evil/secret", root);
	attempt(path); /* a prefix of the string, not of the path */
	(void)snprintf(path, sizeof path, "%s-evil", root);
	attempt(path);
	(void)snprintf(path, sizeof path, "/proc/self/root%s/secret", out);
	attempt(path);
	(void)snprintf(path, sizeof path, "/proc/self/cwd/..%s/a.txt", ws);
	attempt(path);
}

static void
test_links(void)
{
	static const char *const names[] = {
		"l-file", "l-dir/secret", "l-dir/new", "l-dir", "l-dir/",
		"l-dir/sub/new", "l-root/etc/passwd", "l-root",
		"l-rel/secret", "l-rel", "l-chain", "l-loop", "l-proc",
		"l-fd/0", "l-cwd/x", "sub/l-up/out/secret",
		"sub/l-up/out/new", "l-dangling", "l-self/../../out/secret",
		"l-magic/etc/passwd", "l-dir/../secret", "l-dev",
	};
	char path[256];
	size_t i;

	(void)snprintf(path, sizeof path, "%s/secret", out);
	link_to(path, "l-file");
	link_to(out, "l-dir");
	link_to("/", "l-root");
	link_to("../../out", "l-rel");
	link_to("l-file", "l-chain");
	link_to("l-loop", "l-loop");
	link_to("/proc/self/environ", "l-proc");
	link_to("/proc/self/fd", "l-fd");
	link_to("/proc/self/cwd", "l-cwd");
	link_to("../../..", "sub/l-up");
	(void)snprintf(path, sizeof path, "%s/new", out);
	link_to(path, "l-dangling");
	link_to(".", "l-self");
	link_to("/proc/self/root", "l-magic");
	link_to("/dev/zero", "l-dev");
	for (i = 0; i < sizeof names / sizeof names[0]; i++)
		attempt(names[i]);
}

static void
test_searches(void)
{
	struct th_result r;
	char *all;

	/* The links of above lie in the tree that is searched. */
	r = DO("grep", "{s:s}", "pattern", "canary|root:");
	all = json_dumps(r.body, 0);
	check(r.status == SEPT_OK && strstr(all, CANARY) == NULL &&
	    strstr(all, "root:x") == NULL, "grep passes links by");
	free(all);
	th_drop(&r);
	r = DO("find", "{s:s}", "name", "*secret*");
	check_str(th_str(&r, "output"), "Nothing found.\n",
	    "find enters none");
	th_drop(&r);
	r = DO("file_search", "{s:s}", "query", "passwd");
	check(strstr(th_str(&r, "output"), "etc/passwd") == NULL,
	    "file_search enters none");
	th_drop(&r);
	r = DO("read_file", "{s:s}", "path", "sub/inside");
	check_str(th_str(&r, "output"), "in\n", "a link that stays inside "
	    "is followed to read");
	th_drop(&r);
	refused(DO("write_file", "{s:s,s:s}", "path", "sub/inside",
	    "content", "x"), "write", "a link");
	refused(DO("edit_file", "{s:s,s:s,s:s}", "path", "sub/inside",
	    "old_string", "in", "new_string", "x"), "edit", "a link");
	r = DO("read_file", "{s:s}", "path", "a.txt");
	check_str(th_str(&r, "output"), "in\n", "its target is unchanged");
	th_drop(&r);
}

static void
test_special(void)
{
	char path[256], other[256], name[6000];
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct th_result r;
	int s;

	(void)snprintf(path, sizeof path, "%s/fifo", ws);
	must(mkfifo(path, 0666) == 0, path);
	(void)snprintf(sa.sun_path, sizeof sa.sun_path, "%s/sock", ws);
	s = socket(AF_UNIX, SOCK_STREAM, 0);
	must(bind(s, (struct sockaddr *)&sa, sizeof sa) == 0, "bind");
	(void)snprintf(path, sizeof path, "%s/dev", ws);
	if (mknod(path, S_IFCHR | 0666, (dev_t)0x105) != 0)
		put(ws, "dev", "no right to make devices\n");
	else
		attempt("dev");
	attempt("fifo");
	attempt("sock");
	(void)close(s);
	(void)snprintf(path, sizeof path, "%s/secret", out);
	(void)snprintf(other, sizeof other, "%s/hard", ws);
	must(link(path, other) == 0, "link");
	refused(DO("write_file", "{s:s,s:s}", "path", "hard", "content",
	    "x"), "write", "a hard link");
	refused(DO("edit_file", "{s:s,s:s,s:s}", "path", "hard",
	    "old_string", "canary", "new_string", "x"), "edit",
	    "a hard link");
	must(unlink(other) == 0, "unlink");
	memset(name, 'n', sizeof name);
	name[300] = '\0';
	attempt(name);
	name[300] = 'n';
	name[sizeof name - 1] = '\0';
	attempt(name);
	attempt("");
	r = th_do_text(th, "read_file", "{\"path\":\"a.txt\\u0000/../x\"}");
	refused(r, "read", "a NUL in the path");
	r = th_do_text(th, "write_file", "{\"path\":\"a\\u0000b\","
	    "\"content\":\"\"}");
	refused(r, "write", "a NUL in the path");
	attempt("a.txt/");
	attempt("a.txt/.");
	attempt("a.txt/../a.txt");
}

/* ---- races: a name that is now a directory, now a link out ---- */

static atomic_int racing;
static unsigned swaps;

static void *
racer(void *arg)
{
	char a[256], b[256];

	(void)snprintf(a, sizeof a, "%s/race", ws);
	(void)snprintf(b, sizeof b, "%s/race-link", ws);
	while (atomic_load(&racing)) {
		if (renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) !=
		    0)
			break;
		swaps++;
	}
	return arg;
}

static double
now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
test_race(void)
{
	char path[256];
	pthread_t t;
	struct th_result r;
	double end = now() + 2;
	unsigned tries = 0, inside = 0, leaks = 0, denied = 0, i;
	char *all;

	(void)snprintf(path, sizeof path, "%s/race", ws);
	must(mkdir(path, 0755) == 0, path);
	put(ws, "race/secret", "inside\n");
	link_to(out, "race-link");
	atomic_store(&racing, 1);
	must(pthread_create(&t, NULL, racer, NULL) == 0, "thread");
	for (i = 0; now() < end; i++) {
		if (i % 4 == 0)
			r = DO("read_file", "{s:s}", "path", "race/secret");
		else if (i % 4 == 1)
			r = DO("write_file", "{s:s,s:s}", "path",
			    "race/new-or-not", "content", "x");
		else if (i % 4 == 2)
			r = DO("grep", "{s:s,s:s}", "pattern", ".", "path",
			    ".");
		else
			r = DO("edit_file", "{s:s,s:s,s:s}", "path",
			    "race/secret", "old_string", "canary",
			    "new_string", "x");
		all = json_dumps(r.body, 0);
		tries++;
		leaks += strstr(all, CANARY) != NULL;
		inside += strstr(all, "inside") != NULL;
		denied += strcmp(th_str(&r, "error"), "outside_roots") == 0;
		free(all);
		th_drop(&r);
	}
	atomic_store(&racing, 0);
	(void)pthread_join(t, NULL);
	printf("# %u tries, %u swaps, %u inside, %u denied\n", tries, swaps,
	    inside, denied);
	check_int(leaks, 0, "a racer that swaps links gains nothing to read");
	(void)snprintf(path, sizeof path, "%s/new-or-not", out);
	check(access(path, F_OK) != 0 && untouched(), "and nothing written");
	check(swaps > 100 && inside > 0 && denied > 0,
	    "both sides of the race were met");
}

/* Roots that come, go, and are replaced. */
static void
test_roots(void)
{
	char late[128], file[160], evil[160];
	struct th_result r;

	(void)snprintf(late, sizeof late, "%s/late", top);
	(void)snprintf(file, sizeof file, "%s/late/f", top);
	refused(DO("read_file", "{s:s}", "path", file), "read",
	    "a root that is not there yet");
	must(symlink(out, late) == 0, "symlink");
	(void)snprintf(evil, sizeof evil, "%s/secret", late);
	refused(DO("read_file", "{s:s}", "path", evil), "read",
	    "a link where a root was to be");
	must(unlink(late) == 0 && mkdir(late, 0755) == 0, "mkdir");
	put(late, "f", "late\n");
	r = DO("read_file", "{s:s}", "path", file);
	check_str(th_str(&r, "output"), "late\n", "a root made later");
	th_drop(&r);
	must(unlink(file) == 0 && rmdir(late) == 0, "rmdir");
	refused(DO("read_file", "{s:s}", "path", file), "read",
	    "a root that has gone");
	must(mkdir(late, 0755) == 0, "mkdir");
	put(late, "f", "again\n");
	r = DO("read_file", "{s:s}", "path", file);
	check_str(th_str(&r, "output"), "again\n", "one made again");
	th_drop(&r);
	(void)snprintf(evil, sizeof evil, "%s/moved", top);
	must(rename(late, evil) == 0 && symlink(out, late) == 0, "rename");
	(void)snprintf(evil, sizeof evil, "%s/secret", late);
	refused(DO("read_file", "{s:s}", "path", evil), "read",
	    "a root replaced by a link");
}

static void
test_workspace(void)
{
	struct th_result r;
	char path[256];

	/* A workspace outside all roots is the host's choice. */
	(void)snprintf(path, sizeof path, "%s/lone", top);
	must(mkdir(path, 0755) == 0, path);
	put(path, "f", "lone\n");
	th_workspace(th, path);
	r = DO("read_file", "{s:s}", "path", "f");
	check_str(th_str(&r, "output"), "lone\n", "a workspace of its own");
	th_drop(&r);
	(void)snprintf(path, sizeof path, "%s/lone/f", top);
	r = DO("read_file", "{s:s}", "path", path);
	check_str(th_str(&r, "output"), "lone\n", "also by absolute path");
	th_drop(&r);
	attempt("../out/secret");
	/* A workspace below a root that is a link out. */
	(void)snprintf(path, sizeof path, "%s/l-dir", ws);
	th_workspace(th, path);
	attempt("secret");
	attempt("new");
	(void)snprintf(path, sizeof path, "%s/none", ws);
	th_workspace(th, path);
	attempt("secret");
	th_workspace(th, ws);
}

int
main(void)
{
	char cmd[128], evil[96], late[96];

	tap_start(120);
	must(mkdtemp(top) != NULL, "mkdtemp");
	(void)snprintf(root, sizeof root, "%s/root", top);
	(void)snprintf(out, sizeof out, "%s/out", top);
	(void)snprintf(ws, sizeof ws, "%s/root/ws", top);
	(void)snprintf(evil, sizeof evil, "%s/root-evil", top);
	(void)snprintf(late, sizeof late, "%s/late", top);
	must(mkdir(root, 0755) == 0 && mkdir(out, 0755) == 0 &&
	    mkdir(ws, 0755) == 0 && mkdir(evil, 0755) == 0, "mkdir");
	(void)snprintf(cmd, sizeof cmd, "%s/sub", out);
	must(mkdir(cmd, 0755) == 0, cmd);
	(void)snprintf(cmd, sizeof cmd, "%s/sub", ws);
	must(mkdir(cmd, 0755) == 0, cmd);
	put(out, "secret", CANARY);
	put(evil, "secret", CANARY);
	put(ws, "a.txt", "in\n");
	link_to("../a.txt", "sub/inside");
	th = th_new(september_plugin_v1(), json_pack("{s:[s,s]}",
	    "allowed_roots", root, late));
	must(th != NULL, "no plugin");
	th_workspace(th, ws);
	test_names();
	test_links();
	test_searches();
	test_special();
	test_race();
	test_roots();
	test_workspace();
	check_int(th_free(th), 0, "no call is left");
	(void)snprintf(cmd, sizeof cmd, "rm -rf %s", top);
	check_int(system(cmd), 0, "clean up");
	return tap_done();
}

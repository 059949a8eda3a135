/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-tool-files.c - what the file tools do inside the allowed directories.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "tap.h"
#include "toolhost.h"

static struct toolhost *th;
static char dir[] = "/tmp/sept-files-XXXXXX";

#define LIT(s) (s), sizeof(s) - 1
#define DO(tool, ...) th_do(th, (tool), json_pack(__VA_ARGS__))

static void
put(const char *name, const char *p, size_t n)
{
	char path[4096];
	FILE *f;

	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "w");
	if (f == NULL || fwrite(p, 1, n, f) != n || fclose(f) != 0)
		abort();
}

static char *
get(const char *name, size_t *n)
{
	static char buf[300000];
	char path[4096];
	FILE *f;

	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "r");
	*n = f != NULL ? fread(buf, 1, sizeof buf - 1, f) : 0;
	if (f != NULL)
		(void)fclose(f);
	buf[*n] = '\0';
	return buf;
}

static void
file_is(const char *name, const char *want, const char *what)
{
	size_t n;

	check_str(get(name, &n), want, what);
}

static void
fails(struct th_result r, sept_status st, const char *code, const char *what)
{
	check_int(r.status, st, what);
	check_str(th_str(&r, "error"), code, "  error code");
	check(th_str(&r, "output")[0] != '\0', "  says why");
	th_drop(&r);
}

static void
works(struct th_result r, const char *want, const char *what)
{
	check_int(r.status, SEPT_OK, what);
	check_str(th_str(&r, "output"), want, "  output");
	th_drop(&r);
}

static void
test_read(void)
{
	put("a.txt", LIT("one\ntwo\n"));
	put("empty", LIT(""));
	put("nul", LIT("ab\0cd"));
	put("latin1", LIT("gr\xfc\xdf" "e aus dem alten Archiv, lange her\n"));
	works(DO("read_file", "{s:s}", "path", "a.txt"), "one\ntwo\n",
	    "a small file");
	works(DO("read_file", "{s:s}", "path", "./a.txt"), "one\ntwo\n",
	    "with a dot");
	works(DO("read_file", "{s:s}", "path", "empty"), "", "an empty one");
	works(DO("read_file", "{s:s,s:i,s:i}", "path", "a.txt", "offset", 4,
	    "limit", 100), "two\n", "from an offset");
	works(DO("read_file", "{s:s,s:i}", "path", "a.txt", "offset", 8), "",
	    "from its end");
	works(DO("read_file", "{s:s,s:i}", "path", "a.txt", "limit", 4),
	    "one\n[bytes 0 to 4 of 8; go on with offset 4]", "with a limit");
	works(DO("read_file", "{s:s}", "path", "latin1"), "gr\xef\xbf\xbd"
	    "\xef\xbf\xbd" "e aus dem alten Archiv, lange her\n",
	    "stray bytes are mended");
	fails(DO("read_file", "{s:s,s:i}", "path", "a.txt", "offset", 9),
	    SEPT_EINVAL, "bad_offset", "past the end");
	fails(DO("read_file", "{s:s}", "path", "nul"), SEPT_EFAILED,
	    "binary_file", "a NUL makes a binary file");
	fails(DO("read_file", "{s:s}", "path", "none"), SEPT_ENOTFOUND,
	    "not_found", "a missing file");
	fails(DO("read_file", "{s:s}", "path", "."), SEPT_EINVAL,
	    "is_a_directory", "a directory");
	fails(DO("read_file", "{s:s}", "path", "a.txt/x"), SEPT_EINVAL,
	    "not_a_directory", "below a file");
	fails(DO("read_file", "{}"), SEPT_EINVAL, "invalid_arguments",
	    "no path");
	fails(DO("read_file", "{s:s,s:i}", "path", "a.txt", "limit", 51201),
	    SEPT_EINVAL, "invalid_arguments", "a limit too high");
	fails(DO("read_file", "{s:s,s:i}", "path", "a.txt", "offset", -1),
	    SEPT_EINVAL, "invalid_arguments", "a negative offset");
}

/* Pages put together are the file, whatever the page size. */
static void
test_pages(void)
{
	static const char *const chars[] = { "a", "\xc3\xa4", "\xe2\x82\xac",
		"\xf0\x9f\x8c\x8d", "\n" };
	static const int limits[] = { 1, 2, 3, 5, 7, 1000, 1024, 51200 };
	static char text[200000], back[200000];
	size_t n = 0, i, k, got, want;
	struct th_result r;
	const char *out, *note;
	int pages, good;
	long long next;

	for (i = 0; n + 8 < 120000; i++) {
		const char *c = chars[(i * 2654435761u >> 7) % 5];

		memcpy(text + n, c, strlen(c));
		n += strlen(c);
	}
	put("big", text, n);
	for (k = 0; k < sizeof limits / sizeof limits[0]; k++) {
		want = limits[k] < 10 ? 500 : n; /* enough for small pages */
		got = 0;
		good = 1;
		next = 0;
		for (pages = 0; next >= 0 && got < want; pages++) {
			r = DO("read_file", "{s:s,s:I,s:i}", "path", "big",
			    "offset", (json_int_t)next, "limit", limits[k]);
			out = th_str(&r, "output");
			note = strstr(out, "[bytes ");
			i = note != NULL ? (size_t)(note - out) :
			    strlen(out);
			next = th_int(&r, "next_offset");
			if (next >= 0)
				i = (size_t)next - got;
			good = good && r.status == SEPT_OK &&
			    strstr(out, "\xef\xbf\xbd") == NULL && i > 0;
			memcpy(back + got, out, i);
			got += i;
			th_drop(&r);
			if (!good)
				break;
		}
		check(good && got >= want && memcmp(text, back, got) == 0,
		    "pages of any size join to the file");
	}
	r = DO("read_file", "{s:s,s:i,s:i}", "path", "big", "offset", 0,
	    "limit", 51200);
	check_int(th_int(&r, "truncated"), 1, "a page is marked truncated");
	check_int(th_int(&r, "size"), (long long)n, "with the file's size");
	th_drop(&r);
}

static void
test_huge(void)
{
	char path[256];
	struct th_result r;
	int fd;

	(void)snprintf(path, sizeof path, "%s/huge", dir);
	fd = open(path, O_RDWR | O_CREAT, 0644);
	check(fd >= 0 && pwrite(fd, "start\n", 6, 0) == 6 &&
	    ftruncate(fd, (off_t)8 << 30) == 0 &&
	    pwrite(fd, "\nthe end\n", 9, ((off_t)8 << 30) - 9) == 9,
	    "a sparse file of 8 GiB");
	(void)close(fd);
	fails(DO("read_file", "{s:s}", "path", "huge"), SEPT_EFAILED,
	    "binary_file", "its holes are NULs");
	fails(DO("edit_file", "{s:s,s:s,s:s}", "path", "huge", "old_string",
	    "start", "new_string", "x"), SEPT_ETOOBIG, "too_large",
	    "too large to edit");
	r = DO("grep", "{s:s}", "pattern", "the end");
	check_int(r.status, SEPT_OK, "grep passes it as binary");
	th_drop(&r);
	(void)unlink(path);
	/* One line of 3 MB of text. */
	fd = open(path, O_RDWR | O_CREAT, 0644);
	{
		static char line[3000000];

		memset(line, 'x', sizeof line);
		memcpy(line + 2500000, "needle", 6);
		check(write(fd, line, sizeof line) == sizeof line,
		    "one line of 3 MB");
	}
	(void)close(fd);
	r = DO("grep", "{s:s,s:s}", "pattern", "needle", "path", "huge");
	check_int(th_int(&r, "matches"), 1, "found in a long line");
	check(strlen(th_str(&r, "output")) < 600, "which is not shown whole");
	check(strstr(th_str(&r, "output"), "needle") != NULL,
	    "but around the match");
	th_drop(&r);
	(void)unlink(path);
}

static void
test_write(void)
{
	struct stat st;
	char path[256];
	struct th_result r;

	works(DO("write_file", "{s:s,s:s}", "path", "new/sub/dir/f.txt",
	    "content", "hello"), "Created new/sub/dir/f.txt (5 bytes)",
	    "a new file in new directories");
	file_is("new/sub/dir/f.txt", "hello", "is there");
	(void)snprintf(path, sizeof path, "%s/new/sub/dir/f.txt", dir);
	check(chmod(path, 0640) == 0, "chmod");
	works(DO("write_file", "{s:s,s:s}", "path", "new/sub/dir/f.txt",
	    "content", ""), "Replaced new/sub/dir/f.txt (0 bytes)",
	    "replaced by nothing");
	check(stat(path, &st) == 0 && (st.st_mode & 07777) == 0640,
	    "the mode is kept");
	check(chmod(path, 04755) == 0, "chmod");
	r = DO("write_file", "{s:s,s:s}", "path", path, "content", "x");
	check_int(r.status, SEPT_OK, "an absolute path");
	th_drop(&r);
	check(stat(path, &st) == 0 && (st.st_mode & 07777) == 0755,
	    "set-id is dropped");
	r = DO("write_file", "{s:s,s:s}", "path", "nul2", "content", "x");
	th_drop(&r);
	r = th_do_text(th, "write_file", "{\"path\":\"nul2\",\"content\":"
	    "\"a\\u0000b\"}");
	check_int(r.status, SEPT_OK, "content may hold a NUL");
	th_drop(&r);
	check(stat(path, &st) == 0, "stat");
	fails(DO("write_file", "{s:s,s:s}", "path", "new/sub", "content",
	    ""), SEPT_EINVAL, "is_a_directory", "onto a directory");
	fails(DO("write_file", "{s:s,s:s}", "path", "new/", "content", ""),
	    SEPT_EINVAL, "bad_path", "a slash at the end");
	fails(DO("write_file", "{s:s,s:s}", "path", "new/sub/..", "content",
	    ""), SEPT_EINVAL, "bad_path", "dots at the end");
	fails(DO("write_file", "{s:s,s:s}", "path", "a.txt/b", "content",
	    ""), SEPT_EINVAL, "not_a_directory", "below a file");
	fails(DO("write_file", "{s:s}", "path", "x"), SEPT_EINVAL,
	    "invalid_arguments", "no content");
	r = DO("find", "{s:s}", "name", ".sept-*");
	check_str(th_str(&r, "output"), "Nothing found.\n",
	    "no temporary file is left");
	th_drop(&r);
}

static void
test_edit(void)
{
	struct th_result r;

	put("e.txt", LIT("a\nb\nc\nd\ne\nf\n"));
	works(DO("edit_file", "{s:s,s:s,s:s}", "path", "e.txt",
	    "old_string", "d\n", "new_string", "D1\nD2\n"),
	    "Replaced 1 occurrence in e.txt\n@@ line 2 @@\n  b\n  c\n- d\n"
	    "+ D1\n+ D2\n  e\n  f\n", "an edit shows what changed");
	file_is("e.txt", "a\nb\nc\nD1\nD2\ne\nf\n", "and is written");
	works(DO("edit_file", "{s:s,s:s,s:s}", "path", "e.txt",
	    "old_string", "1", "new_string", "one"),
	    "Replaced 1 occurrence in e.txt\n@@ line 2 @@\n  b\n  c\n- D1\n"
	    "+ Done\n  D2\n  e\n", "inside of a line");
	works(DO("edit_file", "{s:s,s:s,s:s}", "path", "e.txt",
	    "old_string", "a\nb\nc\n", "new_string", ""),
	    "Replaced 1 occurrence in e.txt\n@@ line 1 @@\n- a\n- b\n- c\n"
	    "  Done\n  D2\n", "a removal");
	put("m.txt", LIT("x y x y x"));
	fails(DO("edit_file", "{s:s,s:s,s:s}", "path", "m.txt",
	    "old_string", "x", "new_string", "z"), SEPT_EFAILED,
	    "many_matches", "more than one match");
	file_is("m.txt", "x y x y x", "changes nothing");
	r = DO("edit_file", "{s:s,s:s,s:s,s:b}", "path", "m.txt",
	    "old_string", "x", "new_string", "zz", "replace_all", 1);
	check_int(th_int(&r, "replacements"), 3, "replace_all");
	th_drop(&r);
	file_is("m.txt", "zz y zz y zz", "changes all");
	fails(DO("edit_file", "{s:s,s:s,s:s}", "path", "m.txt",
	    "old_string", "Y", "new_string", ""), SEPT_EFAILED, "no_match",
	    "no match");
	fails(DO("edit_file", "{s:s,s:s,s:s}", "path", "m.txt",
	    "old_string", "y", "new_string", "y"), SEPT_EINVAL, "no_change",
	    "no change");
	fails(DO("edit_file", "{s:s,s:s,s:s}", "path", "m.txt",
	    "old_string", "", "new_string", "y"), SEPT_EINVAL,
	    "invalid_arguments", "an empty old string");
	fails(DO("edit_file", "{s:s,s:s,s:s}", "path", "none",
	    "old_string", "a", "new_string", "y"), SEPT_ENOTFOUND,
	    "not_found", "a missing file");
	fails(DO("edit_file", "{s:s,s:s,s:s}", "path", "nul",
	    "old_string", "a", "new_string", "y"), SEPT_EFAILED,
	    "binary_file", "a binary file");
}

/* Parallel edits of one file: none is lost. */
static void
test_edit_race(void)
{
	struct th_call *c[10];
	struct th_result r;
	char old[8], now[8];
	int i, good = 0;

	put("r.txt", LIT("o0\no1\no2\no3\no4\no5\no6\no7\no8\no9\n"));
	for (i = 0; i < 10; i++) {
		(void)snprintf(old, sizeof old, "o%d", i);
		(void)snprintf(now, sizeof now, "n%d", i);
		c[i] = th_begin(th, "edit_file", json_pack("{s:s,s:s,s:s}",
		    "path", "r.txt", "old_string", old, "new_string", now));
	}
	for (i = 0; i < 10; i++) {
		r = th_wait(c[i]);
		good += r.status == SEPT_OK;
		th_drop(&r);
	}
	check_int(good, 10, "ten edits at once");
	file_is("r.txt", "n0\nn1\nn2\nn3\nn4\nn5\nn6\nn7\nn8\nn9\n",
	    "none is lost");
}

static void
tree(void)
{
	static const char *const dirs[] = { "t", "t/src", "t/src/deep",
		"t/.git", "t/doc" };
	char path[256];
	size_t i;

	for (i = 0; i < sizeof dirs / sizeof dirs[0]; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", dir, dirs[i]);
		if (mkdir(path, 0755) != 0 && errno != EEXIST)
			abort();
	}
	put("t/src/main.c", LIT("int\nmain(void)\n{\n\treturn 0;\n}\n"));
	put("t/src/util.h", LIT("int util(void);\r\n"));
	put("t/src/deep/x.c", LIT("/* Main */\n"));
	put("t/.git/config", LIT("main\n"));
	put("t/doc/main.md", LIT("main text\n"));
	put("t/doc/bin", LIT("main\0\n"));
	(void)snprintf(path, sizeof path, "%s/t/link", dir);
	if (symlink("src", path) != 0)
		abort();
}

static void
test_grep(void)
{
	works(DO("grep", "{s:s,s:s}", "pattern", "main", "path", "t"),
	    "t/doc/main.md:1:main text\nt/src/main.c:2:main(void)\n",
	    "skips binary files, .git and links");
	works(DO("grep", "{s:s,s:s,s:s}", "pattern", "main", "path", "t",
	    "glob", "*.c"), "t/src/main.c:2:main(void)\n", "with a glob");
	works(DO("grep", "{s:s,s:s,s:s,s:b}", "pattern", "MAIN", "path", "t",
	    "glob", "src/**/*.{c,h}", "ignore_case", 1),
	    "t/src/deep/x.c:1:/* Main */\nt/src/main.c:2:main(void)\n",
	    "without case, ** and braces");
	works(DO("grep", "{s:s,s:s,s:i}", "pattern", "^\\{", "path",
	    "t/src/main.c", "context", 1),
	    "t/src/main.c-2-main(void)\nt/src/main.c:3:{\n"
	    "t/src/main.c-4-\treturn 0;\n", "one file, with context");
	works(DO("grep", "{s:s,s:s}", "pattern", "\\);$", "path", "t"),
	    "t/src/util.h:1:int util(void);\n", "a CR is no part of a line");
	works(DO("grep", "{s:s,s:s}", "pattern", "nothing like it", "path",
	    "t"), "No matches in 5 files.\n", "no match");
	put("t/ctx", LIT("m\n1\n2\n3\n4\nm\nm\n5\n"));
	works(DO("grep", "{s:s,s:s,s:i}", "pattern", "m", "path", "t/ctx",
	    "context", 1), "t/ctx:1:m\nt/ctx-2-1\n--\nt/ctx-5-4\nt/ctx:6:m\n"
	    "t/ctx:7:m\nt/ctx-8-5\n", "groups of context");
	fails(DO("grep", "{s:s}", "pattern", "(("), SEPT_EINVAL,
	    "bad_pattern", "no pattern");
	fails(DO("grep", "{s:s}", "pattern", ""), SEPT_EINVAL,
	    "invalid_arguments", "an empty pattern");
	fails(DO("grep", "{s:s,s:s}", "pattern", "a", "path", "t/none"),
	    SEPT_ENOTFOUND, "not_found", "a missing path");
	fails(DO("grep", "{s:s,s:s}", "pattern", "a", "glob", "[a"),
	    SEPT_EINVAL, "bad_glob", "a bad glob");
}

static double
now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
test_grep_bounds(void)
{
	static const char *const evil[] = { "(a+)+$", "(a|aa)+$",
		"(.*a){20}$", "^(([a-z])+.)+[A-Z]([a-z])+$", "(a*)*b",
		"(?:a?){40}a{40}b", "(x+x+)+y", "(?=(a+))a*b\\1" };
	static char line[100001];
	struct th_result r;
	double t;
	size_t i;
	FILE *f;
	char path[256];

	(void)snprintf(path, sizeof path, "%s/evil", dir);
	f = fopen(path, "w");
	if (f == NULL)
		abort();
	for (i = 0; i < 400; i++)
		(void)fprintf(f, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		    "xxxxxxxxxxxxxxxxxxxxxxxxxxx!\n");
	memset(line, 'a', sizeof line - 1);
	(void)fprintf(f, "%s!\n", line);
	(void)fclose(f);
	for (i = 0; i < sizeof evil / sizeof evil[0]; i++) {
		t = now();
		r = DO("grep", "{s:s,s:s}", "pattern", evil[i], "path",
		    "evil");
		check(r.status == SEPT_OK || strcmp(th_str(&r, "error"),
		    "pattern_too_complex") == 0, evil[i]);
		check(now() - t < 10, "  ends soon");
		th_drop(&r);
	}
	t = now();
	th_deadline(th, 50);
	r = DO("grep", "{s:s,s:s}", "pattern", "(a+)+$", "path", "/tmp");
	th_deadline(th, 0);
	check(r.status != SEPT_OK, "outside or out of time");
	check(now() - t < 5, "a deadline is kept");
	th_drop(&r);
	r = DO("find", "{s:s}", "name",
	    "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b");
	check_int(r.status, SEPT_OK, "a glob of many stars ends");
	th_drop(&r);
	f = fopen(path, "w");
	for (i = 0; f != NULL && i < 1000; i++)
		(void)fprintf(f, "needle %zu\n", i);
	if (f != NULL)
		(void)fclose(f);
	r = DO("grep", "{s:s,s:s}", "pattern", "needle", "path", "evil");
	check_int(th_int(&r, "matches"), 100, "stops at 100 matches");
	check_int(th_int(&r, "truncated"), 1, "and says so");
	th_drop(&r);
	(void)unlink(path);
}

static void
test_find(void)
{
	struct th_result r;
	char abs[300];

	works(DO("find", "{s:s}", "path", "t/src"),
	    "t/src/deep/\nt/src/deep/x.c\nt/src/main.c\nt/src/util.h\n",
	    "in the order of names");
	works(DO("find", "{s:s,s:s}", "path", "t", "name", "*.c"),
	    "t/src/deep/x.c\nt/src/main.c\n", "by name");
	works(DO("find", "{s:s,s:s}", "path", "t", "name", "src/*.c"),
	    "t/src/main.c\n", "by path");
	works(DO("find", "{s:s,s:s}", "path", "t", "name", "**/x.c"),
	    "t/src/deep/x.c\n", "at any depth");
	works(DO("find", "{s:s,s:s}", "path", "t", "name",
	    "{main,util}.[ch]"), "t/src/main.c\nt/src/util.h\n",
	    "braces and classes");
	works(DO("find", "{s:s,s:s}", "path", "t", "type", "directory"),
	    "t/.git/\nt/doc/\nt/src/\nt/src/deep/\n", "directories");
	works(DO("find", "{s:s,s:s}", "path", "t", "type", "symlink"),
	    "t/link\n", "links are listed, not followed");
	works(DO("find", "{s:s,s:i}", "path", "t/src", "max", 2),
	    "t/src/deep/\nt/src/deep/x.c\n[there is more; narrow the path or "
	    "the name]\n", "bounded");
	works(DO("find", "{s:s,s:s}", "path", "t", "name", "zzz"),
	    "Nothing found.\n", "nothing");
	(void)snprintf(abs, sizeof abs, "%s/t/doc", dir);
	r = DO("find", "{s:s}", "path", abs);
	(void)snprintf(abs, sizeof abs, "%s/t/doc/bin\n%s/t/doc/main.md\n",
	    dir, dir);
	check_str(th_str(&r, "output"), abs, "absolute stays absolute");
	th_drop(&r);
	fails(DO("find", "{s:s}", "path", "a.txt"), SEPT_EINVAL,
	    "not_a_directory", "below a file");
	fails(DO("find", "{s:s}", "type", "socket"), SEPT_EINVAL,
	    "invalid_arguments", "an unknown type");
	fails(DO("find", "{s:i}", "max", 1001), SEPT_EINVAL,
	    "invalid_arguments", "too many");
}

static void
test_search(void)
{
	struct th_result r;

	r = DO("file_search", "{s:s,s:s}", "query", "mainc", "path", "t");
	check(strncmp(th_str(&r, "output"), "t/src/main.c\n", 13) == 0,
	    "the name counts most");
	th_drop(&r);
	works(DO("file_search", "{s:s,s:s}", "query", "SRC x", "path", "t"),
	    "t/src/deep/x.c\n", "case and blanks do not");
	works(DO("file_search", "{s:s,s:s}", "query", "zqzq", "path", "t"),
	    "Nothing found among 7 files.\n", "nothing");
	fails(DO("file_search", "{s:s}", "query", "   "), SEPT_EINVAL,
	    "invalid_arguments", "a blank query");
	fails(DO("file_search", "{}"), SEPT_EINVAL, "invalid_arguments",
	    "no query");
}

static void
test_walk_bounds(void)
{
	char path[8192], *p = path;
	struct th_result r;
	int i, depth = 0;

	p += snprintf(path, sizeof path, "%s/deep", dir);
	if (mkdir(path, 0755) != 0 || chdir(path) != 0)
		abort();
	for (i = 0; i < 200; i++)
		if (mkdir("d", 0755) == 0 && chdir("d") == 0)
			depth++;
	check_int(depth, 200, "a tree of 200 levels");
	r = DO("find", "{s:s,s:i}", "path", "deep", "max", 1000);
	check_int(r.status, SEPT_OK, "is walked");
	check_int(th_int(&r, "truncated"), 1, "to a bound");
	check(strstr(th_str(&r, "output"), "not all was searched") != NULL,
	    "which it says");
	th_drop(&r);
	if (chdir("/") != 0)
		abort();
}

static void
test_cancel(void)
{
	struct th_call *c;
	struct th_result r;

	th_deadline(th, 1);
	th_spin(th, 5);
	r = DO("find", "{s:s}", "path", "t");
	/* Either it was quicker than a millisecond or it says so. */
	check(r.status == SEPT_OK || r.status == SEPT_ETIMEOUT,
	    "a deadline of 1 ms");
	th_drop(&r);
	th_deadline(th, 0);
	c = th_begin(th, "grep", json_pack("{s:s,s:s}", "pattern",
	    "(a+)+$", "path", "t"));
	th_cancel(c);
	r = th_wait(c);
	check(r.status == SEPT_ECANCELLED || r.status == SEPT_OK,
	    "a cancel is no crash");
	th_drop(&r);
}

static void
test_tables(void)
{
	static const char *const names[] = { "read_file", "write_file",
		"edit_file", "grep", "find", "file_search" };
	const struct sept_tool_info *in;
	json_t *schema;
	size_t i;

	for (i = 0; i < sizeof names / sizeof names[0]; i++) {
		in = th_info(th, names[i]);
		schema = json_loads(in->input_schema, 0, NULL);
		check(json_is_object(schema) && json_is_false(
		    json_object_get(schema, "additionalProperties")),
		    names[i]);
		json_decref(schema);
		check((in->flags & SEPT_TOOL_BLOCKING) != 0, "  on the pool");
		check_int((in->flags & SEPT_TOOL_READONLY) != 0,
		    strcmp(names[i], "write_file") != 0 &&
		    strcmp(names[i], "edit_file") != 0, "  read-only flag");
		fails(th_do_text(th, names[i], "[]"), SEPT_EINVAL,
		    "invalid_arguments", "  no object");
		fails(th_do_text(th, names[i], "{\"path\":7,\"query\":7,"
		    "\"pattern\":7}"), SEPT_EINVAL, "invalid_arguments",
		    "  wrong types");
	}
}

int
main(void)
{
	char cmd[128];

	tap_start(240);
	if (mkdtemp(dir) == NULL)
		return 99;
	th = th_new(september_plugin_v1(), json_pack("{s:[s]}",
	    "allowed_roots", dir));
	if (th == NULL)
		return 99;
	th_workspace(th, dir);
	test_read();
	test_pages();
	test_huge();
	test_write();
	test_edit();
	test_edit_race();
	tree();
	test_grep();
	test_grep_bounds();
	test_find();
	test_search();
	test_walk_bounds();
	test_cancel();
	test_tables();
	check_int(th_free(th), 0, "no call is left");
	(void)snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	check_int(system(cmd), 0, "clean up");
	return tap_done();
}

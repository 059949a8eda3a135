/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-skill-dir.c - the skill reader as a plugin: a host that only has the
 * call table, folders made for the purpose.
 */
#include <errno.h>
#include <ftw.h>
#include <jansson.h>
#include <september/september.h>
#include <sys/stat.h>

#include "tap.h"

static char top[] = "/tmp/sept-skills-XXXXXX";

struct sept_call {
	int done, stop;
	sept_status status;
	json_t *result;
};

static void
call_complete(struct sept_call *c, sept_status st, struct sept_slice json)
{
	c->done++;
	c->status = st;
	c->result = json_loadb(json.p, json.n, 0, NULL);
}

static int32_t
call_cancelled(const struct sept_call *c)
{
	return c->stop;
}

static const struct sept_host_call call_table = {
	.size = sizeof call_table,
	.complete = call_complete,
	.cancelled = call_cancelled
};

static int no_ext;

static const void *
host_get_ext(const struct sept_host *h, const char *id)
{
	(void)h;
	return !no_ext && strcmp(id, SEPT_HOST_CALL) == 0 ? &call_table :
	    NULL;
}

static int failures;

static void
host_fail(struct sept_err *e, sept_status st, struct sept_slice msg)
{
	(void)e;
	failures += st != SEPT_OK && msg.n > 0;
}

static const struct sept_host host = {
	.size = sizeof host,
	.abi_major = SEPT_ABI_MAJOR,
	.get_ext = host_get_ext,
	.fail = host_fail
};

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return remove(path);
}

static void
clean(void)
{
	(void)nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	if (mkdir(top, 0700) != 0)
		abort();
}

static void
put_n(const char *rel, const char *text, size_t n)
{
	char path[400], *p;
	FILE *f;

	(void)snprintf(path, sizeof path, "%s/%s", top, rel);
	for (p = path + strlen(top) + 1; (p = strchr(p, '/')) != NULL; p++) {
		*p = '\0';
		if (mkdir(path, 0700) != 0 && errno != EEXIST)
			abort();
		*p = '/';
	}
	f = fopen(path, "w");
	if (f == NULL || fwrite(text, 1, n, f) != n || fclose(f) != 0)
		abort();
}

static void
put(const char *rel, const char *text)
{
	put_n(rel, text, strlen(text));
}

/* One scan by a fresh instance; the result is the caller's. */
static json_t *
scan_dir(const char *dir, int stop, sept_status want)
{
	const struct sept_desc *d = september_plugin_v1();
	struct sept_call call = { .stop = stop };
	struct sept_plugin *p = NULL;
	const struct sept_skill *ext;
	sept_status st;

	if (d->create(&host, &p) != SEPT_OK || p->start(p, NULL) != SEPT_OK)
		abort();
	ext = p->get_ext(p, SEPT_EXT_SKILL);
	st = ext->scan(p, &call, sept_str(dir));
	p->destroy(p);
	if (st != want || call.done != (want == SEPT_OK))
		check(0, "the scan's status");
	return call.result;
}

static json_t *
scan(void)
{
	return scan_dir(top, 0, SEPT_OK);
}

static const char *
str(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static int
has_problem(const json_t *r, const char *file, int line, const char *word)
{
	json_t *p;
	size_t i;

	json_array_foreach(json_object_get(r, "problems"), i, p)
		if (strcmp(str(p, "file"), file) == 0 &&
		    json_integer_value(json_object_get(p, "line")) == line &&
		    strstr(str(p, "message"), word) != NULL)
			return 1;
	json_array_foreach(json_object_get(r, "problems"), i, p)
		printf("# %s:%d: %s\n", str(p, "file"),
		    (int)json_integer_value(json_object_get(p, "line")),
		    str(p, "message"));
	return 0;
}

static void
test_good(void)
{
	json_t *r, *s;

	clean();
	put("zip-files/SKILL.md", "\xef\xbb\xbf---\r\nname: zip-files\r\n"
	    "description: >\r\n  Packs files,\r\n  and unpacks them.\r\n"
	    "license: MIT\r\nallowed-tools: Bash(git log:*, -n) read_file,"
	    "grep\r\nmetadata:\r\n  category: files\r\n  version: 1.0\r\n"
	    "  capabilities: net exec\r\n---\r\n\r\n# Zip\r\n---\r\ntext\r\n");
	put("zip-files/scripts/z.sh", "#!/bin/sh\n");
	put("zip-files/scripts/lib/u.py", "pass\n");
	put("zip-files/scripts/__pycache__/u.pyc", "\xff\xff");
	put("zip-files/references/a.md", "A");
	put("zip-files/references/b/c.bin", "\xff");
	put("able/SKILL.md", "---\nname: able\ndescription: D\n"
	    "allowed-tools:\n  - bash\n  - 'web_*'\nextra: [1, {a: b}]\n"
	    "---\nBody");
	put(".git/SKILL.md", "not read");
	put("README.md", "not read");
	r = scan();
	check_int(json_array_size(json_object_get(r, "problems")), 0,
	    "no problems");
	check_int(json_array_size(json_object_get(r, "skills")), 2,
	    "two skills");
	s = json_array_get(json_object_get(r, "skills"), 0);
	check_str(str(s, "name"), "able", "sorted");
	check_str(str(s, "category"), "general", "the usual category");
	check_str(str(s, "body"), "Body", "a body without a last newline");
	check_str(json_string_value(json_array_get(json_object_get(s,
	    "allowed_tools"), 1)), "web_*", "a list of tools");
	check(json_object_size(json_object_get(s, "scripts")) == 0 &&
	    json_is_array(json_object_get(s, "references")),
	    "nothing beside it");
	s = json_array_get(json_object_get(r, "skills"), 1);
	check_str(str(s, "description"), "Packs files, and unpacks them.\n",
	    "a folded text, CRLF and BOM");
	check_str(str(s, "category"), "files", "its category");
	check_str(str(s, "license"), "MIT", "its licence");
	check_str(str(s, "body"), "# Zip\r\n---\r\ntext\r\n",
	    "its body, with a rule in it");
	check_str(json_string_value(json_array_get(json_object_get(s,
	    "allowed_tools"), 0)), "Bash(git log:*, -n)", "a tool with "
	    "blanks in parentheses");
	check_int(json_array_size(json_object_get(s, "allowed_tools")), 3,
	    "three tools");
	check_int(json_array_size(json_object_get(s, "capabilities")), 2,
	    "capabilities");
	check_str(str(json_object_get(s, "metadata"), "version"), "1.0",
	    "numbers stay texts");
	check_str(str(json_object_get(s, "scripts"), "lib/u.py"), "pass\n",
	    "a script in a folder");
	check_int(json_object_size(json_object_get(s, "scripts")), 2,
	    "no more scripts");
	check_str(json_string_value(json_array_get(json_object_get(s,
	    "references"), 1)), "b/c.bin", "a reference");
	check(str(s, "dir")[0] == '/' && strstr(str(s, "dir"),
	    "/zip-files") != NULL, "its folder");
	json_decref(r);
}

#define HEAD "---\nname: a\ndescription: d\n"

static const struct {
	const char *text;
	int line;
	const char *word;
} bad[] = {
	{ "", 1, "does not start with front matter" },
	{ "# Title\n", 1, "does not start with front matter" },
	{ "---\nname: a\n", 1, "no end" },
	{ "---\n---\nbody", 2, "nothing in it" },
	{ "---\n- a\n---\n", 2, "must be a map" },
	{ "---\nname: a\n---\n", 1, "description is missing" },
	{ "---\ndescription: d\n---\n", 1, "name is missing" },
	{ "---\nname: a\n\ndescription:\n---\n", 4, "description is empty" },
	{ "---\nname: a\ndescription: [d]\n---\n", 3, "must be a text" },
	{ "---\nname: b\ndescription: d\n---\n", 2, "differs" },
	{ "---\ndescription: d\nname: A\n---\n", 3, "may only hold" },
	{ "---\ndescription: d\nname: a_b\n---\n", 3, "may only hold" },
	{ "---\ndescription: d\nname: -a\n---\n", 3, "may only hold" },
	{ "---\ndescription: d\nname: a--b\n---\n", 3, "may only hold" },
	{ HEAD "allowed-tools: {a: b}\n---\n", 4, "must be a list" },
	{ HEAD "allowed-tools: [[a]]\n---\n", 4, "names of tools" },
	{ HEAD "metadata: x\n---\n", 4, "must be a map" },
	{ HEAD "metadata:\n  a: [b]\n---\n", 4, "must be a text" },
	{ HEAD "x: *y\n---\n", 4, "aliases" },
	{ HEAD "x: &y z\nw: *y\n---\n", 4, "anchors" },
	{ HEAD "x: !!str y\n---\n", 4, "tags" },
	{ HEAD "name: a\n---\n", 4, "twice" },
	{ HEAD "? [a]\n: b\n---\n", 4, "plain text" },
	{ HEAD "x: [a, b\n---\n", 5, "malformed YAML" },
	{ HEAD "x: a: b\n---\n", 4, "malformed YAML" },
	{ HEAD "x: [[[[[[[[[[a]]]]]]]]]]\n---\n", 4, "too deeply" },
	{ "---\nname: a\ndescription: \xff\n---\n", 3, "UTF-8" },
	{ HEAD "---\nbody\n\xc3\n", 6, "UTF-8" },
	{ HEAD "...\n--- x\n---\n", 5, "second document" },
};

static void
test_bad(void)
{
	json_t *r;
	size_t i;

	for (i = 0; i < sizeof bad / sizeof *bad; i++) {
		clean();
		put("a/SKILL.md", bad[i].text);
		r = scan();
		check(has_problem(r, "a/SKILL.md", bad[i].line, bad[i].word),
		    bad[i].word);
		check(json_array_size(json_object_get(r, "skills")) == 0,
		    "and no skill");
		json_decref(r);
	}
}

static void
test_long(void)
{
	char *big = malloc(1024 * 1024 + 100);
	json_t *r;
	size_t n;
	int i;

	if (big == NULL)
		abort();
	clean();
	n = (size_t)snprintf(big, 100, "---\nname: a\ndescription: ");
	for (i = 0; i < 1024; i++, n += 2)
		memcpy(big + n, "\xc3\xa9", 2);
	memcpy(big + n, "\n---\n", 6);
	put("a/SKILL.md", big);
	memcpy(big + n, "e\n---\n", 7);
	put("b/SKILL.md", big);
	n = (size_t)snprintf(big, 100,
	    "---\nname: c\ndescription: d\n#");
	memset(big + n, 'x', 70000);
	memcpy(big + n + 70000, "\n---\n", 6);
	put("c/SKILL.md", big);
	memset(big, ' ', 1024 * 1024 + 1);
	put_n("d/SKILL.md", big, 1024 * 1024 + 1);
	put("e/SKILL.md", "---\nname: e\ndescription: d\n---\n");
	put_n("e/scripts/big.sh", big, 256 * 1024 + 1);
	put("e/scripts/bin", "ab\n\xff");
	put("e/scripts/1/2/3/4/x", "deep");
	put("f/notes", "no SKILL.md");
	r = scan();
	check_int(json_array_size(json_object_get(r, "skills")), 2,
	    "1,024 characters of description are taken");
	check(has_problem(r, "b/SKILL.md", 3, "longer than 1024"),
	    "1,025 are not");
	check(has_problem(r, "c/SKILL.md", 1, "front matter is larger"),
	    "too much front matter");
	check(has_problem(r, "d/SKILL.md", 0, "larger than"),
	    "a file that is too large");
	check(has_problem(r, "e/scripts/big.sh", 0, "larger than"),
	    "a script that is too large");
	check(has_problem(r, "e/scripts/bin", 2, "not a text"),
	    "a script that is no text");
	check(has_problem(r, "e/scripts/1/2/3/4", 0, "too deeply"),
	    "folders in folders");
	check(has_problem(r, "f/SKILL.md", 0, "is missing"),
	    "a folder without SKILL.md");
	json_decref(r);
	free(big);
}

static void
test_links(void)
{
	char path[300];
	json_t *r;

	clean();
	put("a/SKILL.md", "---\nname: a\ndescription: d\n---\n");
	put("a/scripts/x.sh", "x");
	(void)snprintf(path, sizeof path, "%s/a/scripts/y.sh", top);
	check_int(symlink("x.sh", path), 0, "a link inside");
	(void)snprintf(path, sizeof path, "%s/a/scripts/z.sh", top);
	check_int(symlink("/etc/hostname", path), 0, "a link out");
	(void)snprintf(path, sizeof path, "%s/a/references", top);
	check_int(symlink("/etc", path), 0, "a folder out");
	(void)snprintf(path, sizeof path, "%s/a/scripts/fifo", top);
	check_int(mkfifo(path, 0600), 0, "a FIFO");
	(void)snprintf(path, sizeof path, "%s/a/scripts/loop", top);
	check_int(symlink("loop", path), 0, "a link to itself");
	r = scan();
	check_int(json_array_size(json_object_get(r, "skills")), 1,
	    "the skill");
	check_str(str(json_object_get(json_array_get(json_object_get(r,
	    "skills"), 0), "scripts"), "y.sh"), "x", "through the link");
	check(has_problem(r, "a/scripts/z.sh", 0, "leads out"),
	    "not out of the folder");
	check(has_problem(r, "a/references", 0, "leads out"),
	    "not with folders either");
	check(has_problem(r, "a/scripts/fifo", 0, "ordinary"),
	    "no FIFO is opened");
	check(has_problem(r, "a/scripts/loop", 0, "cannot be read"),
	    "no loop");
	json_decref(r);
}

static void
test_calls(void)
{
	const struct sept_desc *d = september_plugin_v1();
	struct sept_plugin *p = NULL;
	json_t *r;

	clean();
	put("a/SKILL.md", "---\nname: a\ndescription: d\n---\n");
	r = scan_dir(top, 1, SEPT_ECANCELLED);
	check(r == NULL, "a cancelled scan");
	r = scan_dir("/nonexistent/skills", 0, SEPT_OK);
	check(json_array_size(json_object_get(r, "skills")) == 0 &&
	    json_array_size(json_object_get(r, "problems")) == 0,
	    "a missing folder holds nothing");
	json_decref(r);
	r = scan_dir("relative", 0, SEPT_EINVAL);
	check(r == NULL, "a path that is not absolute");
	check(d->create(&host, &p) == SEPT_OK && p->get_ext(p,
	    "sept.tool/1") == NULL, "no other extension");
	no_ext = 1;
	check(p->start(p, NULL) == SEPT_ENOTSUP && failures == 1,
	    "start without the call table");
	no_ext = 0;
	p->destroy(p);
}

/* The skills that are installed with the engine. */
static void
test_bundle(void)
{
	const char *src = getenv("SEPT_SRCDIR");
	char dir[4096], real[4096];
	json_t *r, *s;

	(void)snprintf(dir, sizeof dir, "%s/catalog/skills", src != NULL ?
	    src : ".");
	if (realpath(dir, real) == NULL)
		abort();
	r = scan_dir(real, 0, SEPT_OK);
	s = json_object_get(r, "skills");
	check(json_array_size(json_object_get(r, "problems")) == 0 ||
	    has_problem(r, "", 0, ""), "the bundle has no problems");
	check_int(json_array_size(s), 3, "three skills");
	check_str(str(json_array_get(s, 0), "name"), "code-reviewer",
	    "one of them");
	check(str(json_object_get(json_array_get(s, 0), "scripts"),
	    "overview.sh") != NULL, "with its script");
	check_str(json_string_value(json_array_get(json_object_get(
	    json_array_get(s, 1), "references"), 0)), "sources.md",
	    "another with a reference");
	json_decref(r);
}

int
main(void)
{
	tap_start(60);
	if (mkdtemp(top) == NULL)
		return 1;
	test_good();
	test_bad();
	test_long();
	test_links();
	test_calls();
	test_bundle();
	clean();
	(void)rmdir(top);
	return tap_done();
}

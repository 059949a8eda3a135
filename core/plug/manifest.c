/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest.c - reads and checks one manifest. Every problem names the file
 * and the line of the field it is about (1 when a field is missing). Fields
 * that this version does not know are left to later versions.
 */
#include "manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <september/plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/buf.h"
#include "../base/err.h"
#include "../base/ids.h"
#include "../base/json.h"
#include "plug-internal.h"

#define MANIFEST_MAX (1024 * 1024)

static const struct {
	const char *name;
	uint64_t bit;
} caps[] = {
	{ "net", SEPT_CAP_NET },
	{ "fs_read", SEPT_CAP_FS_READ },
	{ "fs_write", SEPT_CAP_FS_WRITE },
	{ "exec", SEPT_CAP_EXEC },
	{ "secret", SEPT_CAP_SECRET },
	{ "mem_read", SEPT_CAP_MEM_READ },
	{ "mem_write", SEPT_CAP_MEM_WRITE },
};

struct reader {
	struct manifest *m;
	const char *text; /* the file, NUL terminated */
	json_t *problems;
	int bad;
};

/* Line of the first mention of a key, or 1. */
static int
line_of(const char *text, const char *key)
{
	char quoted[64];
	const char *at, *s;
	int line = 1;

	(void)snprintf(quoted, sizeof quoted, "\"%s\"", key);
	at = strstr(text, quoted);
	for (s = text; at != NULL && s < at; s++)
		if (*s == '\n')
			line++;
	return line;
}

static void
complain(struct reader *r, const char *key, const char *what)
{
	plug_problem(r->problems, r->m->path, line_of(r->text, key), "%s %s",
	    key, what);
	r->bad = 1;
}

static const char *
text_field(struct reader *r, const char *key, int required)
{
	json_t *v = json_object_get(r->m->doc, key);

	if (v == NULL || json_is_null(v)) {
		if (required)
			complain(r, key, "is missing");
		return NULL;
	}
	if (!json_is_string(v) || json_string_length(v) == 0) {
		complain(r, key, "must be a non-empty string");
		return NULL;
	}
	return json_string_value(v);
}

/* An array of strings as a NULL-terminated list; never NULL but on memory. */
static const char **
list_field(struct reader *r, const char *key)
{
	json_t *v = json_object_get(r->m->doc, key);
	const char **list;
	size_t i, n = 0;

	if (v != NULL && !json_is_null(v) && !json_is_array(v))
		complain(r, key, "must be an array of strings");
	if (json_is_array(v))
		n = json_array_size(v);
	list = calloc(n + 1, sizeof *list);
	if (list == NULL) {
		complain(r, key, "cannot be read: out of memory");
		return NULL;
	}
	for (i = 0; i < n; i++) {
		list[i] = json_string_value(json_array_get(v, i));
		if (list[i] == NULL) {
			complain(r, key, "must be an array of strings");
			break;
		}
	}
	return list;
}

static int
good_id(const char *s)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t n = strlen(s);

	return n <= 128 && strspn(s, set) == n && s[0] != '.' && s[0] != '-';
}

static void
read_caps(struct reader *r)
{
	const char **list = list_field(r, "capabilities"), **s;
	size_t i;

	for (s = list; s != NULL && *s != NULL; s++) {
		for (i = 0; i < sizeof caps / sizeof caps[0]; i++)
			if (strcmp(*s, caps[i].name) == 0)
				break;
		if (i == sizeof caps / sizeof caps[0])
			complain(r, "capabilities", "names one that does not "
			    "exist (net, fs_read, fs_write, exec, secret, "
			    "mem_read, mem_write)");
		else
			r->m->caps |= caps[i].bit;
	}
	free(list);
}

static void
check_abi(struct reader *r)
{
	const char *s = text_field(r, "abi", 0);
	long major, minor = -1;
	char *end;

	if (s == NULL)
		return;
	major = strtol(s, &end, 10);
	if (*end == '.')
		minor = strtol(end + 1, &end, 10);
	if (*end != '\0' || minor < 0)
		complain(r, "abi", "must look like \"1.0\"");
	else if (major != SEPT_ABI_MAJOR || minor > SEPT_ABI_MINOR)
		complain(r, "abi", "is not one this engine speaks");
}

static void
read_fields(struct reader *r)
{
	struct manifest *m = r->m;
	const char **k;

	m->id = text_field(r, "id", 1);
	m->version = text_field(r, "version", 1);
	m->file = text_field(r, "file", 1);
	m->sha256 = text_field(r, "sha256", 0);
	m->isolation = text_field(r, "isolation", 0);
	m->kinds = list_field(r, "kinds");
	m->secrets = list_field(r, "secrets");
	m->config = json_object_get(m->doc, "config");
	read_caps(r);
	check_abi(r);
	if (m->id != NULL && !good_id(m->id))
		complain(r, "id", "may hold letters, digits, '.', '_', '-'");
	if (m->file != NULL && strchr(m->file, '/') != NULL)
		complain(r, "file", "must be in the manifest's own folder");
	if (m->isolation == NULL)
		m->isolation = "none";
	if (strcmp(m->isolation, "none") != 0)
		complain(r, "isolation", "must be \"none\": this engine runs "
		    "no plugin in its own process");
	if (m->config != NULL && !json_is_object(m->config))
		complain(r, "config", "must be an object");
	for (k = m->kinds; k != NULL && *k != NULL; k++)
		if (strcmp(*k, "tool") != 0 && strcmp(*k, "llm") != 0 &&
		    strcmp(*k, "skill") != 0)
			complain(r, "kinds", "may hold tool, llm and skill");
}

/* The bytes of a regular file of bounded size. */
static int
read_file(const char *path, struct buf *b, struct err *e)
{
	char piece[8192];
	struct stat st;
	ssize_t n = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return err_set(e, ERR_INTERNAL, "cannot be read: %s",
		    strerror(errno));
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		(void)err_set(e, ERR_INTERNAL, "is not a regular file");
	else
		while ((n = read(fd, piece, sizeof piece)) > 0)
			if (buf_add(b, piece, (size_t)n) != 0)
				break;
	(void)close(fd);
	if (buf_failed(b))
		return err_set(e, ERR_INTERNAL, "is over 1 MiB");
	return n == 0 ? 0 : -1;
}

/* The path of the shared object: beside the manifest. */
static char *
beside(const char *path, const char *file)
{
	const char *slash = strrchr(path, '/');
	char *s = NULL;

	if (asprintf(&s, "%.*s%s", slash != NULL ? (int)(slash - path + 1) :
	    0, path, file) < 0)
		return NULL;
	return s;
}

static int
parse(struct manifest *m, const struct buf *b, json_t *problems)
{
	struct reader r = { .m = m, .text = b->p, .problems = problems };
	struct err e = { .text = "" };
	int line = 0;

	m->doc = json_parse_at(b->p != NULL ? b->p : "", b->n, &line, &e);
	if (m->doc == NULL || !json_is_object(m->doc)) {
		plug_problem(problems, m->path, line > 0 ? line : 1, "%s",
		    m->doc == NULL ? e.text : "must be a JSON object");
		return -1;
	}
	id_sha256(b->p, b->n, m->hash);
	read_fields(&r);
	if (r.bad)
		return -1;
	m->so_path = beside(m->path, m->file);
	return m->so_path != NULL ? 0 : -1;
}

struct manifest *
manifest_read(const char *path, json_t *problems)
{
	struct manifest *m = calloc(1, sizeof *m);
	struct err e = { .text = "cannot be read" };
	struct buf b;
	int r = -1;

	buf_init(&b, MANIFEST_MAX);
	if (m != NULL)
		m->path = strdup(path);
	if (m == NULL || m->path == NULL)
		plug_problem(problems, path, 0, "out of memory");
	else if (read_file(path, &b, &e) != 0)
		plug_problem(problems, path, 0, "%s", e.text);
	else
		r = parse(m, &b, problems);
	buf_fini(&b);
	if (r == 0)
		return m;
	manifest_free(m);
	return NULL;
}

void
manifest_free(struct manifest *m)
{
	if (m == NULL)
		return;
	free(m->path);
	free(m->so_path);
	free(m->kinds);
	free(m->secrets);
	json_decref(m->doc);
	free(m);
}

int
manifest_lists_secret(const struct manifest *m, const char *name)
{
	const char **s;

	for (s = m->secrets; *s != NULL; s++)
		if (strcmp(*s, name) == 0)
			return 1;
	return 0;
}

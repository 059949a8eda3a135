/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalog-file.c - files and folders of a catalog, and the list of problems.
 *
 * Blocking; pool threads only. A path is resolved first and must then lie in
 * the (resolved) catalog; that keeps a stray link from pulling foreign files
 * into prompts. It is no defence against somebody who changes the catalog at
 * the same moment: who can write here decides what the engine does anyway.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/json.h"
#include "../base/utf8.h"
#include "catalog-internal.h"

int
reader_init(struct reader *rd, const char *dir, json_t *problems,
    struct err *e)
{
	struct stat st;

	memset(rd, 0, sizeof *rd);
	rd->problems = problems;
	rd->root = realpath(dir, NULL);
	if (rd->root == NULL && errno == ENOMEM)
		return err_nomem(e);
	if (rd->root != NULL && stat(rd->root, &st) == 0 &&
	    !S_ISDIR(st.st_mode))
		errno = ENOTDIR;
	else if (rd->root != NULL && access(rd->root, R_OK | X_OK) == 0)
		return 0;
	err_set(e, ERR_CATALOG_INVALID, "cannot read the catalog %s: %s",
	    dir, strerror(errno));
	reader_fini(rd);
	return -1;
}

void
reader_fini(struct reader *rd)
{
	free(rd->root);
	rd->root = NULL;
}

void
reader_problem(struct reader *rd, const char *file, int line,
    const char *fmt, ...)
{
	char text[600], *good_file, *good_text;
	json_t *p = NULL;
	va_list ap;

	if (json_array_size(rd->problems) >= CATALOG_MAX_PROBLEMS)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	/* Names of files need not be UTF-8; texts may have been cut. */
	good_file = utf8_mend(file, strlen(file), NULL);
	good_text = utf8_mend(text, utf8_cut(text, strlen(text)), NULL);
	if (good_file != NULL && good_text != NULL)
		p = json_pack("{s:s, s:i, s:s}", "file", good_file, "line",
		    line > 0 ? line : 1, "message", good_text);
	free(good_file);
	free(good_text);
	if (p == NULL || json_array_append_new(rd->problems, p) != 0)
		rd->nomem = 1;
}

/* What an errno says of a file; want of memory is no problem of the file. */
static void
tell_errno(struct reader *rd, const char *file, int why)
{
	if (why == ENOMEM)
		rd->nomem = 1;
	else
		reader_problem(rd, file, 1, "cannot be read: %s",
		    strerror(why));
}

static char *
join(struct reader *rd, const char *a, const char *b)
{
	char *p;

	if (asprintf(&p, "%s/%s", a, b) < 0) {
		rd->nomem = 1;
		return NULL;
	}
	return p;
}

/* The resolved path of a file in the catalog; free it. */
static enum read_result
resolve(struct reader *rd, const char *file, char **out)
{
	char *path = join(rd, rd->root, file), *real;
	size_t n = strlen(rd->root);
	int why;

	if (path == NULL)
		return READ_BAD;
	real = realpath(path, NULL);
	why = errno;
	free(path);
	if (real == NULL) {
		if (why == ENOENT || why == ENOTDIR)
			return READ_MISSING;
		tell_errno(rd, file, why);
		return READ_BAD;
	}
	if (strcmp(rd->root, "/") != 0 && (strncmp(real, rd->root, n) != 0 ||
	    (real[n] != '/' && real[n] != '\0'))) {
		reader_problem(rd, file, 1, "leads out of the catalog");
		free(real);
		return READ_BAD;
	}
	*out = real;
	return READ_OK;
}

/* All of an open file; -1 with errno, EFBIG when it is too large. */
static int
read_all(int fd, struct text *t)
{
	struct stat st;
	size_t room;
	ssize_t k;

	if (fstat(fd, &st) != 0)
		return -1;
	if (!S_ISREG(st.st_mode)) {
		errno = EINVAL;
		return -1;
	}
	if (st.st_size > CATALOG_MAX_FILE) {
		errno = EFBIG;
		return -1;
	}
	room = (size_t)st.st_size;
	t->p = malloc(room + 1);
	if (t->p == NULL)
		return -1;
	t->n = 0;
	while (t->n < room) {
		k = read(fd, t->p + t->n, room - t->n);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0) {
			free(t->p);
			t->p = NULL;
			return -1;
		}
		if (k == 0)
			break;
		t->n += (size_t)k;
	}
	t->p[t->n] = '\0';
	return 0;
}

static int
line_of(const struct text *t, size_t i)
{
	int line = 1;
	size_t k;

	for (k = 0; k < i; k++)
		line += t->p[k] == '\n';
	return line;
}

/* 0 when the text is UTF-8 and holds no NUL; else tells. */
static int
check_text(struct reader *rd, const char *file, const struct text *t)
{
	size_t i, k;

	for (i = 0; i < t->n; i += k) {
		k = utf8_seq(t->p + i, t->n - i);
		if (k == 0) {
			reader_problem(rd, file, line_of(t, i),
			    "is not valid UTF-8");
			return -1;
		}
		if (t->p[i] == '\0') {
			reader_problem(rd, file, line_of(t, i),
			    "holds a NUL byte");
			return -1;
		}
	}
	return 0;
}

enum read_result
reader_text(struct reader *rd, const char *file, struct text *t)
{
	enum read_result r;
	char *path = NULL;
	int fd, bad;

	memset(t, 0, sizeof *t);
	r = resolve(rd, file, &path);
	if (r != READ_OK)
		return r;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	free(path);
	bad = fd < 0 || read_all(fd, t) != 0;
	if (bad && errno == EFBIG)
		reader_problem(rd, file, 1, "is larger than 1 MiB");
	else if (bad && fd >= 0 && errno == EINVAL)
		reader_problem(rd, file, 1, "is not a regular file");
	else if (bad)
		tell_errno(rd, file, errno);
	if (fd >= 0)
		(void)close(fd);
	if (bad)
		return READ_BAD;
	if (check_text(rd, file, t) == 0)
		return READ_OK;
	free(t->p);
	t->p = NULL;
	return READ_BAD;
}

enum read_result
reader_object(struct reader *rd, const char *file, struct text *t,
    json_t **obj)
{
	enum read_result r = reader_text(rd, file, t);
	struct err e = { 0 };
	int line = 0;

	*obj = NULL;
	if (r != READ_OK)
		return r;
	*obj = json_parse_at(t->p, t->n, &line, &e);
	if (*obj == NULL && e.text[0] == '\0')
		rd->nomem = 1; /* jansson says nothing more of it */
	else if (*obj == NULL)
		reader_problem(rd, file, line, "malformed JSON: %s", e.text);
	else if (!json_is_object(*obj)) {
		reader_problem(rd, file, 1, "must be a JSON object");
		json_decref(*obj);
		*obj = NULL;
	}
	if (*obj != NULL)
		return READ_OK;
	free(t->p);
	t->p = NULL;
	return READ_BAD;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* 1 when the entry is wanted: a folder, or a name that ends in suffix. */
static int
wanted(DIR *d, const char *name, const char *suffix)
{
	struct stat st;
	size_t n = strlen(name), k;

	if (name[0] == '.')
		return 0;
	if (suffix != NULL) {
		k = strlen(suffix);
		return n > k && strcmp(name + n - k, suffix) == 0;
	}
	return fstatat(dirfd(d), name, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

static char **
collect(struct reader *rd, DIR *d, const char *folder, const char *suffix)
{
	char **v = calloc(1, sizeof *v), **w;
	size_t n = 0, room = 1;
	struct dirent *de;

	while (v != NULL && (de = readdir(d)) != NULL) {
		if (!wanted(d, de->d_name, suffix))
			continue;
		if (n >= CATALOG_MAX_ENTRIES) {
			reader_problem(rd, folder, 1, "holds over %d entries",
			    CATALOG_MAX_ENTRIES);
			break;
		}
		if (n + 1 >= room) {
			room = room * 2 + 16;
			w = realloc(v, room * sizeof *v);
			if (w == NULL)
				goto nomem;
			v = w;
		}
		v[n] = strdup(de->d_name);
		if (v[n] == NULL)
			goto nomem;
		v[++n] = NULL;
	}
	if (v != NULL) {
		qsort(v, n, sizeof *v, by_name);
		return v;
	}
nomem:
	rd->nomem = 1;
	reader_names_free(v);
	return NULL;
}

char **
reader_names(struct reader *rd, const char *folder, const char *suffix)
{
	enum read_result r;
	char *path = NULL, **v;
	DIR *d;

	r = resolve(rd, folder, &path);
	if (r != READ_OK)
		return NULL;
	d = opendir(path);
	free(path);
	if (d == NULL) {
		tell_errno(rd, folder, errno);
		return NULL;
	}
	v = collect(rd, d, folder, suffix);
	(void)closedir(d);
	return v;
}

void
reader_names_free(char **names)
{
	char **p;

	for (p = names; p != NULL && *p != NULL; p++)
		free(*p);
	free(names);
}

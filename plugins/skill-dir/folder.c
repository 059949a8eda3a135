/* SPDX-License-Identifier: Apache-2.0 */
/*
 * folder.c - walks a folder of skills and reads their files.
 *
 * Every path is resolved and must lie in the (resolved) folder, so that a
 * link cannot pull other files of the system into a prompt. Only ordinary
 * files are opened. Sizes, numbers and depth are bounded; what is over a
 * bound is a problem, not silently left out.
 */
#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "front.h"

/* One skill while it is read. */
struct walk {
	const char *root; /* resolved folder of all skills */
	struct notes *n;
	json_t *into;     /* scripts: object; references: array */
	size_t bytes, files;
	int scripts;
};

static char *
join(struct notes *n, const char *a, const char *b)
{
	char *p;

	if (asprintf(&p, "%s/%s", a, b) < 0) {
		n->nomem = 1;
		return NULL;
	}
	return p;
}

/* What an errno says of a file; want of memory is no problem of the file. */
static void
note_errno(struct notes *n, const char *file, int why)
{
	if (why == ENOMEM)
		n->nomem = 1;
	else
		note(n, file, 0, "cannot be read: %s", strerror(why));
}

/* The resolved path of root/file; NULL with *why 0 when it was noted. */
static char *
resolve(struct notes *n, const char *root, const char *file, int *why)
{
	char *path = join(n, root, file), *real;
	size_t k = strlen(root);

	*why = 0;
	if (path == NULL)
		return NULL;
	real = realpath(path, NULL);
	*why = errno;
	free(path);
	if (real == NULL)
		return NULL;
	if (strcmp(root, "/") == 0 || (strncmp(real, root, k) == 0 &&
	    (real[k] == '/' || real[k] == '\0')))
		return real;
	note(n, file, 0, "leads out of the folder of skills");
	free(real);
	*why = 0;
	return NULL;
}

/* 0, or -1 with errno (EFBIG: over max; EINVAL: not an ordinary file). */
static int
read_fd(int fd, size_t max, char **text, size_t *len)
{
	struct stat st;
	size_t got = 0, size;
	ssize_t k = 1;
	char *p;

	if (fstat(fd, &st) != 0)
		return -1;
	if (!S_ISREG(st.st_mode) || st.st_size < 0) {
		errno = EINVAL;
		return -1;
	}
	size = (size_t)st.st_size;
	if (size > max) {
		errno = EFBIG;
		return -1;
	}
	p = malloc(size + 1);
	if (p == NULL)
		return -1;
	while (got < size && k != 0) {
		k = read(fd, p + got, size - got);
		if (k < 0 && errno != EINTR) {
			free(p);
			return -1;
		}
		got += k > 0 ? (size_t)k : 0;
	}
	p[got] = '\0';
	*text = p;
	*len = got;
	return 0;
}

/* 1 when read, 0 when missing, -1 when noted (or n->nomem). */
static int
read_file(struct notes *n, const char *root, const char *file, size_t max,
    char **text, size_t *len)
{
	int why, fd, bad;
	char *path = resolve(n, root, file, &why);

	if (path == NULL && why == ENOENT)
		return 0;
	if (path == NULL && why == 0)
		return -1;
	fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK |
	    O_NOFOLLOW) : -1;
	if (path != NULL)
		why = errno;
	free(path);
	bad = fd < 0;
	if (fd >= 0 && read_fd(fd, max, text, len) != 0) {
		why = errno;
		bad = 1;
	}
	if (fd >= 0)
		(void)close(fd);
	if (!bad)
		return 1;
	if (why == EFBIG)
		note(n, file, 0, "is larger than %zu bytes", max);
	else if (why == EINVAL)
		note(n, file, 0, "is not an ordinary file");
	else
		note_errno(n, file, why);
	return -1;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
free_names(char **v)
{
	char **p;

	for (p = v; p != NULL && *p != NULL; p++)
		free(*p);
	free(v);
}

/* Not listed: hidden files and what interpreters leave behind. */
static int
is_noise(const char *name)
{
	return name[0] == '.' || strcmp(name, "__pycache__") == 0 ||
	    strcmp(name, "node_modules") == 0;
}

/* Sorted names of an open folder, at most max; NULL: no memory. */
static char **
list(struct notes *n, DIR *d, const char *file, size_t max)
{
	char **v = calloc(max + 1, sizeof *v);
	struct dirent *de;
	size_t k = 0;

	if (v == NULL) {
		n->nomem = 1;
		return NULL;
	}
	while ((de = readdir(d)) != NULL) {
		if (is_noise(de->d_name))
			continue;
		if (k == max) {
			note(n, file, 0, "holds over %zu entries", max);
			break;
		}
		v[k] = strdup(de->d_name);
		if (v[k] == NULL) {
			n->nomem = 1;
			free_names(v);
			return NULL;
		}
		k++;
	}
	qsort(v, k, sizeof *v, by_name);
	return v;
}

/* Names in root/file; NULL when there is no such folder (or noted). */
static char **
names_in(struct notes *n, const char *root, const char *file, size_t max)
{
	int why;
	char *path = resolve(n, root, file, &why), **v;
	DIR *d;

	if (path == NULL && why != 0 && why != ENOENT)
		note_errno(n, file, why);
	if (path == NULL)
		return NULL;
	d = opendir(path);
	free(path);
	if (d == NULL) {
		note_errno(n, file, errno);
		return NULL;
	}
	v = list(n, d, file, max);
	(void)closedir(d);
	return v;
}

static int
is_folder(const char *root, const char *file)
{
	struct stat st;
	char *p;
	int yes;

	if (asprintf(&p, "%s/%s", root, file) < 0)
		return 0;
	yes = stat(p, &st) == 0 && S_ISDIR(st.st_mode);
	free(p);
	return yes;
}

static void
take_script(struct walk *w, const char *file, const char *key)
{
	char *text = NULL;
	size_t len = 0, bad;
	json_t *v;

	if (read_file(w->n, w->root, file, FOLDER_MAX_SCRIPT, &text, &len) !=
	    1)
		return;
	bad = note_bad_byte(text, len);
	w->bytes += len;
	if (bad < len)
		note(w->n, file, note_line(text, bad), "is not a text in "
		    "UTF-8");
	else if (w->bytes > FOLDER_MAX_SCRIPTS)
		note(w->n, file, 0, "the scripts of this skill are larger "
		    "than %d bytes", FOLDER_MAX_SCRIPTS);
	else {
		v = json_stringn(text, len);
		if (json_object_set_new(w->into, key, v) != 0)
			w->n->nomem = 1;
	}
	free(text);
}

/* Only its name is listed; a link out is noted all the same. */
static void
take_reference(struct walk *w, const char *file, const char *key)
{
	int why;
	char *path = resolve(w->n, w->root, file, &why);
	json_t *v;

	if (path == NULL && why != 0)
		note_errno(w->n, file, why);
	if (path == NULL)
		return;
	free(path);
	v = json_string(key);
	if (json_array_append_new(w->into, v) != 0)
		w->n->nomem = 1;
}

/*
 * Files below root/file; key is their path so far, without the first folder.
 * Recursion is bounded by FOLDER_MAX_DEPTH.
 */
static void
walk(struct walk *w, const char *file, const char *key, int depth)
{
	char **v = names_in(w->n, w->root, file, FOLDER_MAX_FILES), **p;
	char *below, *name;

	for (p = v; p != NULL && *p != NULL && !w->n->nomem; p++) {
		below = join(w->n, file, *p);
		name = key[0] == '\0' ? strdup(*p) : join(w->n, key, *p);
		if (below == NULL || name == NULL)
			w->n->nomem = 1;
		else if (note_bad_byte(*p, strlen(*p)) < strlen(*p))
			note(w->n, below, 0, "its name is not UTF-8");
		else if (is_folder(w->root, below)) {
			if (depth + 1 < FOLDER_MAX_DEPTH)
				walk(w, below, name, depth + 1);
			else
				note(w->n, below, 0, "is nested too deeply");
		} else if (w->files++ >= FOLDER_MAX_FILES)
			note(w->n, below, 0, "is one of over %d files",
			    FOLDER_MAX_FILES);
		else if (w->scripts)
			take_script(w, below, name);
		else
			take_reference(w, below, name);
		free(below);
		free(name);
	}
	free_names(v);
}

static void
take_files(const char *root, const char *name, struct notes *n, json_t *skill)
{
	struct walk w = { .root = root, .n = n, .scripts = 1 };
	struct walk r = { .root = root, .n = n };
	char *file = join(n, name, "scripts");

	w.into = json_object();
	r.into = json_array();
	if (w.into != NULL && file != NULL)
		walk(&w, file, "", 0);
	free(file);
	file = join(n, name, "references");
	if (r.into != NULL && file != NULL)
		walk(&r, file, "", 0);
	free(file);
	if (json_object_set_new(skill, "scripts", w.into) != 0 ||
	    json_object_set_new(skill, "references", r.into) != 0)
		n->nomem = 1;
}

static void
take_skill(const char *root, const char *name, struct notes *n, json_t *out)
{
	char *file = join(n, name, "SKILL.md"), *text = NULL, *dir = NULL;
	json_t *skill = NULL;
	size_t len = 0;
	int k;

	if (file == NULL)
		return;
	k = read_file(n, root, file, FOLDER_MAX_SKILL_MD, &text, &len);
	if (k == 0)
		note(n, file, 0, "is missing");
	if (k == 1)
		skill = front_parse(text, len, name, file, n);
	if (skill != NULL) {
		dir = join(n, root, name);
		if (dir != NULL && json_object_set_new(skill, "dir",
		    json_string(dir)) != 0)
			n->nomem = 1;
		take_files(root, name, n, skill);
		if (json_array_append(out, skill) != 0)
			n->nomem = 1;
	}
	json_decref(skill);
	free(dir);
	free(text);
	free(file);
}

json_t *
folder_scan(const char *dir, struct notes *n, int (*stop)(void *arg),
    void *arg)
{
	json_t *out = json_array();
	char *root = realpath(dir, NULL), **v, **p;
	int stopped = 0;

	if (root == NULL && errno != ENOENT)
		note_errno(n, ".", errno);
	if (out == NULL)
		n->nomem = 1;
	v = root != NULL && !n->nomem ? names_in(n, root, ".",
	    FOLDER_MAX_SKILLS) : NULL;
	for (p = v; p != NULL && *p != NULL && !n->nomem && !stopped; p++) {
		stopped = stop(arg);
		if (!stopped && is_folder(root, *p))
			take_skill(root, *p, n, out);
	}
	free_names(v);
	free(root);
	if (!n->nomem && !stopped)
		return out;
	json_decref(out);
	return NULL;
}

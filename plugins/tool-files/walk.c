/* SPDX-License-Identifier: Apache-2.0 */
/*
 * walk.c - a directory tree in the order of names, without recursion.
 *
 * Invariants: a directory is opened beneath the start, without links, and
 * closed before its entries are looked at, so a deep tree costs no
 * descriptors and a directory that is swapped for a link is not entered;
 * depth, number of entries and memory are bounded.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"

#define DEPTH_MAX 64
#define ENTRIES_MAX 200000u
#define NAMES_MAX (32u * 1024 * 1024)
#define STOP_EVERY 256u

struct name {
	unsigned char type;
	char s[];
};

struct level {
	struct name **v;
	size_t n, cap, i;
	size_t rel_n; /* of the directory */
};

struct tree {
	struct walk *w;
	struct level level[DEPTH_MAX];
	int depth; /* levels in use */
	size_t memory;
	char rel[PATH_MAX];
};

static int
name_cmp(const void *a, const void *b)
{
	const struct name *const *x = a, *const *y = b;

	return strcmp((*x)->s, (*y)->s);
}

static void
level_free(struct tree *t, struct level *l)
{
	size_t i;

	for (i = 0; i < l->n; i++) {
		t->memory -= sizeof(struct name) + strlen(l->v[i]->s) + 1;
		free(l->v[i]);
	}
	free(l->v);
	memset(l, 0, sizeof *l);
}

static unsigned char
entry_type(int fd, const struct dirent *e)
{
	struct stat st;

	if (e->d_type != DT_UNKNOWN)
		return e->d_type;
	if (fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return DT_UNKNOWN;
	return IFTODT(st.st_mode);
}

/* 0; 1 when a bound is reached; -1 out of memory. */
static int
level_add(struct tree *t, struct level *l, const char *s, unsigned char type)
{
	size_t n = strlen(s) + 1, cap;
	struct name **v, *e;

	if (t->w->entries >= ENTRIES_MAX || t->memory + n > NAMES_MAX)
		return 1;
	if (l->n == l->cap) {
		cap = l->cap > 0 ? l->cap * 2 : 32;
		v = realloc(l->v, cap * sizeof(*v));
		if (v == NULL)
			return -1;
		l->v = v;
		l->cap = cap;
	}
	e = malloc(sizeof *e + n);
	if (e == NULL)
		return -1;
	e->type = type;
	memcpy(e->s, s, n);
	l->v[l->n++] = e;
	t->memory += sizeof *e + n;
	t->w->entries++;
	return 0;
}

/* Reads the directory t->rel as a new level; -1 and the fault. */
static int
level_push(struct tree *t, size_t rel_n)
{
	struct walk *w = t->w;
	struct level *l = &t->level[t->depth];
	struct dirent *e;
	int fd, rc = 0;
	DIR *d;

	fd = beneath_open(w->fd, rel_n > 0 ? t->rel : ".", O_RDONLY |
	    O_DIRECTORY, 0, 1);
	d = fd >= 0 ? fdopendir(fd) : NULL;
	if (d == NULL) {
		if (fd >= 0)
			(void)close(fd);
		w->unread++;
		return 0;
	}
	memset(l, 0, sizeof *l);
	l->rel_n = rel_n;
	t->depth++;
	while (rc == 0 && (e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0)
			continue;
		rc = level_add(t, l, e->d_name, entry_type(fd, e));
		if (w->entries % STOP_EVERY == 0 && job_stopped(w->j) != 0)
			rc = -2;
	}
	(void)closedir(d);
	if (rc == 1)
		w->limited = 1;
	if (rc == -1)
		return job_nomem(w->j);
	if (l->n > 1)
		qsort(l->v, l->n, sizeof(*l->v), name_cmp);
	return rc == -2 ? -1 : job_stopped(w->j);
}

/* The next entry of the deepest level. */
static int
tree_step(struct tree *t)
{
	struct level *l = &t->level[t->depth - 1];
	struct name *e = l->v[l->i++];
	size_t at = l->rel_n + (l->rel_n > 0), n = strlen(e->s);
	struct entry ent;
	int rc;

	if (at + n >= sizeof t->rel) {
		t->w->limited = 1;
		return 0;
	}
	if (l->rel_n > 0)
		t->rel[l->rel_n] = '/';
	memcpy(t->rel + at, e->s, n + 1);
	ent.rel = t->rel;
	ent.name = t->rel + at;
	ent.type = e->type;
	rc = t->w->fn(t->w, &ent);
	if (rc != 0 || e->type != DT_DIR || strcmp(e->s, ".git") == 0)
		return rc;
	if (t->depth == DEPTH_MAX) {
		t->w->limited = 1;
		return 0;
	}
	return level_push(t, at + n);
}

int
walk_run(struct walk *w)
{
	struct tree *t = calloc(1, sizeof *t);
	struct level *l;
	int rc;

	if (t == NULL)
		return job_nomem(w->j);
	t->w = w;
	rc = level_push(t, 0);
	while (rc == 0 && t->depth > 0) {
		l = &t->level[t->depth - 1];
		if (l->i < l->n)
			rc = tree_step(t);
		else {
			level_free(t, l);
			t->depth--;
		}
	}
	while (t->depth > 0)
		level_free(t, &t->level[--t->depth]);
	free(t);
	return rc < 0 ? -1 : 0;
}

void
walk_note(const struct walk *w, struct tool_buf *out)
{
	if (w->limited)
		(void)tool_buf_printf(out, "[not all was searched: more than "
		    "%u entries or %d levels; narrow the path]\n",
		    ENTRIES_MAX, DEPTH_MAX);
	if (w->unread > 0)
		(void)tool_buf_printf(out, "[%u director%s could not be "
		    "read]\n", w->unread, w->unread == 1 ? "y" : "ies");
}

void
show_path(struct tool_buf *out, const char *dir, const char *rel)
{
	size_t n = dir != NULL ? strlen(dir) : 0;

	while (n > 1 && dir[n - 1] == '/')
		n--;
	if (n > 0 && !(n == 1 && dir[0] == '.')) {
		(void)tool_buf_mend(out, dir, n);
		if (dir[n - 1] != '/')
			(void)tool_buf_str(out, "/");
	}
	(void)tool_buf_mend(out, rel, strlen(rel));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roots.c - the allowed directories, and which of them a path begins in.
 *
 * A root is opened once and stays what it was: a descriptor, not a name. One
 * that is missing, was removed or was replaced is opened again by the name
 * that it resolved to at first, without following links, so that nobody who
 * may write in one root can make another one point elsewhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "files.h"

static int
open_plain(const char *path)
{
	struct open_how how;

	memset(&how, 0, sizeof how);
	how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
	how.resolve = RESOLVE_NO_SYMLINKS;
	return (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
}

/* 1 when the descriptor is still what the name stands for. */
static int
root_fresh(const struct root *r)
{
	struct stat a, b;

	return r->fd >= 0 && fstat(r->fd, &a) == 0 && a.st_nlink > 0 &&
	    lstat(r->real, &b) == 0 && a.st_dev == b.st_dev &&
	    a.st_ino == b.st_ino;
}

static void
root_open(struct root *r)
{
	if (root_fresh(r))
		return;
	if (r->fd >= 0)
		(void)close(r->fd);
	r->fd = open_plain(r->real);
}

/*
 * The name without links of a directory that may not exist yet: what exists
 * of it resolved, the rest as it is. What is missing now cannot become a
 * link later, for it is opened without following any.
 */
static char *
real_name(const char *path)
{
	size_t at = strlen(path); /* path[0..at) exists */
	char *head, *real = NULL, *out = NULL;

	while (at > 0 && real == NULL) {
		head = strndup(path, at);
		if (head == NULL)
			return NULL;
		real = realpath(head, NULL);
		free(head);
		if (real == NULL)
			do
				at--;
			while (at > 0 && path[at] != '/');
	}
	if (real == NULL)
		return strdup(path);
	if (strcmp(real, "/") == 0 && path[at] == '/')
		*real = '\0';
	if (asprintf(&out, "%s%s", real, path + at) < 0)
		out = NULL;
	free(real);
	return out;
}

static int
root_add(struct files *fs, const char *path)
{
	struct root *r = &fs->roots[fs->roots_n];

	r->fd = -1;
	r->path = strdup(path);
	r->real = real_name(path);
	fs->roots_n++;
	return r->path != NULL && r->real != NULL ? 0 : -1;
}

int
roots_open(struct files *fs)
{
	size_t i;

	fs->roots = calloc(fs->cfg.roots_n + 1, sizeof *fs->roots);
	if (fs->roots == NULL)
		return -1;
	for (i = 0; i < fs->cfg.roots_n; i++)
		if (root_add(fs, fs->cfg.roots[i]) != 0)
			return -1;
	/* Without roots the workspaces are what may be touched. */
	if (fs->cfg.roots_n == 0 && fs->cfg.workspace != NULL &&
	    root_add(fs, fs->cfg.workspace) != 0)
		return -1;
	for (i = 0; i < fs->roots_n; i++)
		root_open(&fs->roots[i]);
	return 0;
}

void
roots_fini(struct files *fs)
{
	size_t i;

	for (i = 0; i < fs->roots_n; i++) {
		if (fs->roots[i].fd >= 0)
			(void)close(fs->roots[i].fd);
		free(fs->roots[i].path);
		free(fs->roots[i].real);
	}
	free(fs->roots);
}

/* What follows root in path, without slashes before it; NULL: not in it. */
static const char *
rest_of(const char *path, const char *root)
{
	size_t n = root != NULL ? strlen(root) : 0;

	if (n == 0 || strncmp(path, root, n) != 0 ||
	    (root[n - 1] != '/' && path[n] != '/' && path[n] != '\0'))
		return NULL;
	path += n;
	while (*path == '/')
		path++;
	return *path != '\0' ? path : ".";
}

/* The deepest root that path begins with. fd is a duplicate. */
static int
roots_find(struct files *fs, const char *path, const char **rest, int *fd)
{
	struct root *best = NULL;
	size_t i, len, best_len = 0;
	const char *s, *t;

	*fd = -1;
	(void)pthread_mutex_lock(&fs->lock);
	for (i = 0; i < fs->roots_n; i++) {
		root_open(&fs->roots[i]);
		s = rest_of(path, fs->roots[i].path);
		len = strlen(fs->roots[i].path);
		t = rest_of(path, fs->roots[i].real);
		if (t != NULL && (s == NULL || strlen(t) < strlen(s))) {
			s = t;
			len = strlen(fs->roots[i].real);
		}
		if (s == NULL || (best != NULL && len <= best_len))
			continue;
		best = &fs->roots[i];
		best_len = len;
		*rest = s;
	}
	if (best != NULL && best->fd >= 0)
		*fd = fcntl(best->fd, F_DUPFD_CLOEXEC, 3);
	(void)pthread_mutex_unlock(&fs->lock);
	if (best == NULL)
		return EXDEV;
	return *fd >= 0 ? 0 : best->fd >= 0 ? EMFILE : ENOENT;
}

/* A directory by its absolute name: in a root or, the host's own choice,
 * the workspace wherever it is. */
static int
workspace_open(struct files *fs, const char *ws, int *out)
{
	const char *rest = NULL;
	int fd = -1, e = roots_find(fs, ws, &rest, &fd);

	*out = -1;
	if (e == 0) {
		*out = beneath_open(fd, rest, O_PATH | O_DIRECTORY, 0, 0);
		e = errno;
		(void)close(fd);
	} else if (e == EXDEV) {
		*out = open_plain(ws);
		e = errno;
	}
	return *out >= 0 ? 0 : e;
}

static int
place_find(struct job *j, const char *path, const char **rest, int *fd)
{
	struct files *fs = j->fs;
	char *ws = tool_workspace(&fs->cfg, fs->hc->info(j->c.call));
	const char *in;
	int e;

	if (*path != '/') {
		*rest = path;
		e = ws != NULL ? workspace_open(fs, ws, fd) : EXDEV;
		if (e != 0)
			(void)job_errno(j, e, "the workspace");
	} else {
		e = roots_find(fs, path, rest, fd);
		if (e == EXDEV && (in = rest_of(path, ws)) != NULL) {
			*rest = in;
			e = workspace_open(fs, ws, fd);
		}
		if (e != 0)
			(void)job_errno(j, e, path);
	}
	free(ws);
	return e == 0 ? 0 : -1;
}

int
place_init(struct job *j, const char *path, struct place *p)
{
	const char *rest = NULL;

	p->fd = -1;
	p->rest = NULL;
	if (path == NULL)
		path = ".";
	if (*path == '\0')
		return job_fault(j, SEPT_EINVAL, "bad_path",
		    "the path is empty");
	if (strlen(path) >= PATH_MAX)
		return job_fault(j, SEPT_EINVAL, "bad_path",
		    "the path is too long");
	if (place_find(j, path, &rest, &p->fd) != 0)
		return -1;
	p->rest = strdup(rest);
	if (p->rest == NULL) {
		place_fini(p);
		return job_nomem(j);
	}
	return 0;
}

void
place_fini(struct place *p)
{
	if (p->fd >= 0)
		(void)close(p->fd);
	free(p->rest);
	p->fd = -1;
	p->rest = NULL;
}

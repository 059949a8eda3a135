/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target.c - replacing a file: a temporary file in the same directory, then
 * a rename, so that a reader sees the old or the new content and a failure
 * leaves the old one.
 *
 * Links, hard-linked files and what is no regular file are refused: a change
 * must change the one name that was asked for. Keeps mode and owner; not
 * access lists.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"

#define DEPTH_MAX 64

/* One step down: prefix beneath fd, its last component made in cur. */
static int
parent_step(int fd, const char *prefix, int cur, const char *name)
{
	int next = beneath_open(fd, prefix, O_PATH | O_DIRECTORY, 0, 0);

	if (next >= 0 || errno != ENOENT)
		return next;
	if (strcmp(name, "..") == 0 || (mkdirat(cur, name, 0777) != 0 &&
	    errno != EEXIST))
		return -1;
	return beneath_open(fd, prefix, O_PATH | O_DIRECTORY, 0, 0);
}

/* Opens dir beneath fd; makes what is missing of it. -1 and errno. */
static int
parents_open(int fd, char *dir, int mkdirs)
{
	int cur = beneath_open(fd, dir, O_PATH | O_DIRECTORY, 0, 0);
	int next, e, depth = 0;
	char *name = dir, *end, save;

	if (cur >= 0 || errno != ENOENT || !mkdirs)
		return cur;
	cur = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	while (cur >= 0 && *(name += strspn(name, "/")) != '\0') {
		end = name + strcspn(name, "/");
		save = *end;
		*end = '\0';
		errno = ENAMETOOLONG;
		next = ++depth <= DEPTH_MAX ?
		    parent_step(fd, dir, cur, name) : -1;
		e = errno;
		*end = save;
		(void)close(cur);
		errno = e;
		cur = next;
		name = end;
	}
	return cur;
}

/* Splits rest at its last slash; *dir and *name allocated. */
static int
split(struct job *j, const char *path, const char *rest, char **dir,
    char **name)
{
	const char *slash = strrchr(rest, '/');
	const char *last = slash != NULL ? slash + 1 : rest;

	*dir = *name = NULL;
	if (*last == '\0' || strcmp(last, ".") == 0 ||
	    strcmp(last, "..") == 0)
		return job_fault(j, SEPT_EINVAL, "bad_path",
		    "%.400s names a directory, not a file", path);
	/* Room for the temporary name beside it. */
	if (strlen(last) > NAME_MAX)
		return job_errno(j, ENAMETOOLONG, path);
	*dir = slash != NULL ? strndup(rest, (size_t)(slash - rest)) :
	    strdup(".");
	*name = strdup(last);
	if (*dir == NULL || *name == NULL)
		return job_nomem(j);
	return 0;
}

static int
target_check(struct job *j, const char *path, struct target *t)
{
	if (fstatat(t->dir, t->name, &t->st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? 0 : job_errno(j, errno, path);
	t->exists = 1;
	if (S_ISLNK(t->st.st_mode))
		return job_errno(j, ELOOP, path);
	if (S_ISDIR(t->st.st_mode))
		return job_errno(j, EISDIR, path);
	if (!S_ISREG(t->st.st_mode))
		return job_errno(j, ENXIO, path);
	if (t->st.st_nlink > 1)
		return job_fault(j, SEPT_EDENIED, "hard_link",
		    "%.400s has more than one name (hard links); changing it "
		    "is refused", path);
	return 0;
}

int
target_init(struct job *j, const char *path, int mkdirs, struct target *t)
{
	struct place p;
	char *dir = NULL;
	int rc = -1;

	memset(t, 0, sizeof *t);
	t->dir = -1;
	if (place_init(j, path, &p) != 0)
		return -1;
	if (split(j, path, p.rest, &dir, &t->name) != 0)
		goto out;
	t->dir = parents_open(p.fd, dir, mkdirs);
	if (t->dir < 0)
		(void)job_errno(j, errno, path);
	else
		rc = target_check(j, path, t);
out:
	free(dir);
	place_fini(&p);
	if (rc != 0)
		target_fini(t);
	return rc;
}

void
target_fini(struct target *t)
{
	if (t->dir >= 0)
		(void)close(t->dir);
	free(t->name);
	t->dir = -1;
	t->name = NULL;
}

static int
write_all(int fd, const char *p, size_t n)
{
	ssize_t r;

	while (n > 0) {
		r = write(fd, p, n);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -1;
		p += r;
		n -= (size_t)r;
	}
	return 0;
}

/* Mode and owner of the file that is replaced. Set-id bits are dropped. */
static int
like_before(int fd, const struct target *t)
{
	struct stat st;

	if (!t->exists)
		return 0;
	if (fstat(fd, &st) != 0)
		return -1;
	if (st.st_uid != t->st.st_uid || st.st_gid != t->st.st_gid) {
		/* Not ours to give away: then the mode must not open it. */
		if (fchown(fd, t->st.st_uid, t->st.st_gid) != 0)
			return fchmod(fd, t->st.st_mode & 0700);
	}
	return fchmod(fd, t->st.st_mode & 0777);
}

int
target_write(struct job *j, const struct target *t, const char *path,
    const char *p, size_t n)
{
	static atomic_uint serial;
	struct stat now;
	char tmp[96];
	int fd, e = 0;

	(void)snprintf(tmp, sizeof tmp, ".sept-%ld-%" PRIu64 "-%u.tmp",
	    (long)getpid(), j->fs->host->now_ns(j->fs->host),
	    atomic_fetch_add(&serial, 1));
	fd = openat(t->dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
	    O_CLOEXEC, t->exists ? 0600 : 0666);
	if (fd < 0)
		return job_errno(j, errno, path);
	if (write_all(fd, p, n) != 0 || like_before(fd, t) != 0 ||
	    fdatasync(fd) != 0)
		e = errno;
	if (close(fd) != 0 && e == 0)
		e = errno;
	if (e == 0 && t->exists && (fstatat(t->dir, t->name, &now,
	    AT_SYMLINK_NOFOLLOW) != 0 || now.st_ino != t->st.st_ino ||
	    now.st_mtim.tv_sec != t->st.st_mtim.tv_sec ||
	    now.st_mtim.tv_nsec != t->st.st_mtim.tv_nsec ||
	    now.st_size != t->st.st_size)) {
		(void)unlinkat(t->dir, tmp, 0);
		return job_fault(j, SEPT_EFAILED, "changed",
		    "%.400s was changed by something else meanwhile; read it "
		    "again", path);
	}
	if (e == 0 && renameat(t->dir, tmp, t->dir, t->name) != 0)
		e = errno;
	if (e == 0)
		return 0;
	(void)unlinkat(t->dir, tmp, 0);
	return job_errno(j, e, path);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * beneath.c - the only place where these tools open a path.
 *
 * Invariant: every open is openat2 with RESOLVE_BENEATH from a directory
 * that was opened before, so the kernel, not a string, decides what lies
 * inside; there is no check that a second open could outrun.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "files.h"

#define TRIES 128

int
beneath_open(int fd, const char *path, int flags, unsigned mode,
    int no_symlinks)
{
	struct open_how how;
	long r;
	int i;

	memset(&how, 0, sizeof how);
	how.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC);
	how.mode = mode;
	how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS |
	    (no_symlinks ? RESOLVE_NO_SYMLINKS : 0);
	/* EAGAIN: a rename somewhere raced with "..". */
	for (i = 0; i < TRIES; i++) {
		r = syscall(SYS_openat2, fd, path, &how, sizeof how);
		if (r >= 0 || (errno != EAGAIN && errno != EINTR))
			return (int)r;
	}
	return -1;
}

/* Lets regular files pass; else closes fd, -1 and errno. */
static int
regular(int fd, struct stat *st)
{
	int e = ENXIO;

	if (fd < 0)
		return -1;
	if (fstat(fd, st) != 0)
		e = errno;
	else if (S_ISREG(st->st_mode))
		return fd;
	else if (S_ISDIR(st->st_mode))
		e = EISDIR;
	(void)close(fd);
	errno = e;
	return -1;
}

int
file_open(struct job *j, const char *path, struct stat *st)
{
	struct place p;
	int fd;

	if (place_init(j, path, &p) != 0)
		return -1;
	/* NONBLOCK: a FIFO must not hang before it can be refused. */
	fd = regular(beneath_open(p.fd, p.rest, O_RDONLY | O_NONBLOCK |
	    O_NOCTTY, 0, 0), st);
	if (fd < 0)
		(void)job_errno(j, errno, path);
	place_fini(&p);
	return fd;
}

int
file_open_at(int fd, const char *rel, struct stat *st)
{
	return regular(beneath_open(fd, rel, O_RDONLY | O_NONBLOCK |
	    O_NOCTTY, 0, 1), st);
}

int
dir_open(struct job *j, const char *path)
{
	struct place p;
	int fd;

	if (place_init(j, path, &p) != 0)
		return -1;
	fd = beneath_open(p.fd, p.rest, O_RDONLY | O_DIRECTORY, 0, 0);
	if (fd < 0)
		(void)job_errno(j, errno, path != NULL ? path :
		    "the workspace");
	place_fini(&p);
	return fd;
}

char *
file_slurp(struct job *j, int fd, const char *path, size_t *n)
{
	size_t cap = 65536, len = 0;
	char *p = malloc(cap), *q;
	ssize_t r;

	while (p != NULL) {
		r = read(fd, p + len, cap - len - 1);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0) {
			(void)job_errno(j, errno, path);
			goto fail;
		}
		len += (size_t)r;
		if (len > FILE_MAX) {
			(void)job_fault(j, SEPT_ETOOBIG, "too_large",
			    "%.400s is over %u MiB", path, FILE_MAX >> 20);
			goto fail;
		}
		if (r == 0) {
			p[len] = '\0';
			*n = len;
			return p;
		}
		if (cap - len < 4096) {
			cap *= 2;
			q = realloc(p, cap);
			if (q == NULL)
				break;
			p = q;
		}
	}
	(void)job_nomem(j);
fail:
	free(p);
	return NULL;
}

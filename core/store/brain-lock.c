/* SPDX-License-Identifier: Apache-2.0 */
/*
 * brain-lock.c - the brain's folder and file and the lock beside it.
 *
 * The lock is flock() on "<path>.lock": it ends with the process, however
 * that ends, so it never has to be cleaned up. The lock file is never
 * removed (a second process could lock the removed one) and holds the
 * owner's process id for the message.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "brain-internal.h"

/* Makes every folder that is missing on the way to the file. */
static int
make_folders(const char *path, struct err *e)
{
	char *copy = strdup(path), *p;
	int r = 0;

	if (copy == NULL)
		return err_nomem(e);
	for (p = copy + 1; r == 0 && (p = strchr(p, '/')) != NULL; p++) {
		*p = '\0';
		if (mkdir(copy, 0700) != 0 && errno != EEXIST)
			r = err_set(e, ERR_UNAVAILABLE,
			    "cannot make the folder %s: %s", copy,
			    strerror(errno));
		*p = '/';
	}
	free(copy);
	return r;
}

/* SQLite would make it with the umask's mode; log and index inherit ours. */
static int
make_file(const char *path, struct err *e)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_set(e, ERR_UNAVAILABLE,
		    "cannot open the brain %s: %s", path, strerror(errno));
	(void)close(fd);
	return 0;
}

static int
refuse(int fd, const char *path, struct err *e)
{
	char pid[24];
	ssize_t n = pread(fd, pid, sizeof pid - 1, 0);

	if (n < 0)
		n = 0;
	pid[n] = '\0';
	pid[strspn(pid, "0123456789")] = '\0';
	return err_set(e, ERR_UNAVAILABLE,
	    "the brain %s is already in use by process %s", path,
	    pid[0] != '\0' ? pid : "(unknown)");
}

static int
note_owner(int fd)
{
	char pid[24];
	int n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());

	if (ftruncate(fd, 0) != 0)
		return -1;
	return pwrite(fd, pid, (size_t)n, 0) == n ? 0 : -1;
}

int
brain_lock(const char *path, struct err *e)
{
	size_t n = strlen(path) + sizeof ".lock";
	char *lock = malloc(n);
	int fd = -1;

	if (lock == NULL) {
		err_nomem(e);
		return -1;
	}
	(void)snprintf(lock, n, "%s.lock", path);
	if (make_folders(path, e) != 0)
		goto out;
	fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		err_set(e, ERR_UNAVAILABLE, "cannot open %s: %s", lock,
		    strerror(errno));
		goto out;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno == EWOULDBLOCK)
			(void)refuse(fd, path, e);
		else
			err_set(e, ERR_UNAVAILABLE, "cannot lock %s: %s",
			    lock, strerror(errno));
		goto fail;
	}
	/* The id is for the message only: a full disk must not stop us. */
	(void)note_owner(fd);
	if (make_file(path, e) == 0)
		goto out;
fail:
	(void)close(fd);
	fd = -1;
out:
	free(lock);
	return fd;
}

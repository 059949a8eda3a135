/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oom.c - a shared object to be preloaded: fails allocations when it is told
 * to. Made by the test that uses it.
 *
 * OOM_FILE names a file of three ints that both sides map: the number of
 * allocations until one fails (0: none), how many fail from there on, and how
 * many were counted. Without it nothing fails.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

static struct {
	atomic_int until, more, counted;
} *ctl;

__attribute__((constructor)) static void
attach(void)
{
	const char *path = getenv("OOM_FILE");
	int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *p;

	if (fd < 0)
		return;
	p = mmap(NULL, sizeof *ctl, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
	    0);
	(void)close(fd);
	if (p != MAP_FAILED)
		ctl = p;
}

static int
fails(void)
{
	int left;

	if (ctl == NULL)
		return 0;
	atomic_fetch_add(&ctl->counted, 1);
	if (atomic_load(&ctl->until) <= 0)
		return 0;
	left = atomic_fetch_sub(&ctl->until, 1);
	if (left != 1)
		return 0;
	if (atomic_load(&ctl->more) > 0) {
		atomic_fetch_sub(&ctl->more, 1);
		atomic_store(&ctl->until, 1);
	}
	errno = ENOMEM;
	return 1;
}

void *
malloc(size_t n)
{
	return fails() ? NULL : __libc_malloc(n);
}

void *
calloc(size_t n, size_t size)
{
	return fails() ? NULL : __libc_calloc(n, size);
}

void *
realloc(void *p, size_t n)
{
	return fails() ? NULL : __libc_realloc(p, n);
}

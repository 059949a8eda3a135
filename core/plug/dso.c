/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dso.c - from a file on disk to a checked descriptor.
 *
 * Reading the descriptor runs no code of the plugin but the entry function
 * (and constructors, which plugins must not have). Each check has a message
 * of its own; messages copy what they quote, as the object may be unmapped
 * before they are read.
 *
 * A copy is locked as long as its process lives: dso_sweep() removes those
 * whose lock can be had.
 */
#include "dso.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "../base/log.h"

#define DIGEST 32 /* bytes, of either kind */

#define DSO_MAX_BYTES (256 * 1024 * 1024)

static int
check_file(int fd, const char *path, struct dso *d, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return err_set(e, ERR_INTERNAL, "%s: %s", path,
		    strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_PERMISSION_DENIED,
		    "%s is not a regular file", path);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return err_set(e, ERR_PERMISSION_DENIED,
		    "%s belongs to user %ld, not to root or this service",
		    path, (long)st.st_uid);
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return err_set(e, ERR_PERMISSION_DENIED,
		    "%s may be written by its group or by anybody", path);
	if (st.st_size > DSO_MAX_BYTES)
		return err_set(e, ERR_PERMISSION_DENIED, "%s is over %d MiB",
		    path, DSO_MAX_BYTES / (1024 * 1024));
	d->id.dev = st.st_dev;
	d->id.ino = st.st_ino;
	d->id.size = st.st_size;
	d->id.mtime = st.st_mtim;
	d->id.ctime = st.st_ctim;
	return 0;
}

static int
write_all(int fd, const unsigned char *p, size_t n)
{
	ssize_t r;

	while (n > 0) {
		r = write(fd, p, n);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return -1;
		p += r;
		n -= (size_t)r;
	}
	return 0;
}

/*
 * The digest of a file: SHA-256 where the manifest gives one to compare with,
 * else BLAKE2b, which costs a quarter of it at every start.
 */
struct digest {
	int sha256;
	crypto_hash_sha256_state sha;
	crypto_generichash_state blake;
};

static void
digest_begin(struct digest *g, int sha256)
{
	g->sha256 = sha256;
	if (sha256)
		(void)crypto_hash_sha256_init(&g->sha);
	else
		(void)crypto_generichash_init(&g->blake, NULL, 0, DIGEST);
}

static void
digest_add(struct digest *g, const unsigned char *p, size_t n)
{
	if (g->sha256)
		(void)crypto_hash_sha256_update(&g->sha, p, n);
	else
		(void)crypto_generichash_update(&g->blake, p, n);
}

static void
digest_end(struct digest *g, char hash[65])
{
	unsigned char sum[DIGEST];

	if (g->sha256)
		(void)crypto_hash_sha256_final(&g->sha, sum);
	else
		(void)crypto_generichash_final(&g->blake, sum, DIGEST);
	(void)sodium_bin2hex(hash, 65, sum, sizeof sum);
}

/*
 * Copies and hashes in one pass: what is hashed is what is mapped.
 * to: -1 only hashes.
 */
static int
copy_bytes(int from, int to, int sha256, char hash[65])
{
	unsigned char piece[16384];
	struct digest g;
	ssize_t n;

	digest_begin(&g, sha256);
	while ((n = read(from, piece, sizeof piece)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || (to >= 0 && write_all(to, piece, (size_t)n) != 0))
			return -1;
		digest_add(&g, piece, (size_t)n);
	}
	digest_end(&g, hash);
	return 0;
}

/* <id>.<counter>.<hash8>.so in the state directory; d->fd keeps its lock. */
static int
make_copy(struct dso *d, int from, const struct manifest *m,
    const char *state_dir, unsigned counter, struct err *e)
{
	char *tmp = NULL;
	int r = -1;

	if (asprintf(&tmp, "%s/%s.%u.%ld.tmp", state_dir, m->id, counter,
	    (long)getpid()) < 0) {
		tmp = NULL;
		return err_nomem(e);
	}
	(void)unlink(tmp);
	d->fd = open(tmp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    0500);
	if (d->fd < 0 || flock(d->fd, LOCK_SH | LOCK_NB) != 0 ||
	    copy_bytes(from, d->fd, d->sha256, d->hash) != 0 ||
	    fchmod(d->fd, 0500) != 0) {
		err_set(e, ERR_INTERNAL, "cannot copy %s to %s: %s", m->file,
		    state_dir, strerror(errno));
		goto out;
	}
	if (asprintf(&d->copy, "%s/%s.%u.%.8s.so", state_dir, m->id, counter,
	    d->hash) < 0) {
		d->copy = NULL;
		err_nomem(e);
		goto out;
	}
	if (rename(tmp, d->copy) != 0) {
		err_set(e, ERR_INTERNAL, "cannot name %s: %s", d->copy,
		    strerror(errno));
		goto out;
	}
	r = 0;
out:
	if (r != 0)
		(void)unlink(tmp);
	free(tmp);
	return r;
}

static int
check_head(const struct sept_desc *d, const char *id, struct err *e)
{
	if (d->size < offsetof(struct sept_desc, create) + sizeof d->create)
		return err_set(e, ERR_CATALOG_INVALID,
		    "%s: its descriptor of %" PRIu32 " bytes is too short",
		    id, d->size);
	if (d->abi_major != SEPT_ABI_MAJOR)
		return err_set(e, ERR_CATALOG_INVALID,
		    "%s: built for interface %u.x, this engine speaks %d.%d",
		    id, d->abi_major, SEPT_ABI_MAJOR, SEPT_ABI_MINOR);
	if (d->abi_minor > SEPT_ABI_MINOR)
		return err_set(e, ERR_CATALOG_INVALID,
		    "%s: needs interface %u.%u, this engine speaks %d.%d",
		    id, d->abi_major, d->abi_minor, SEPT_ABI_MAJOR,
		    SEPT_ABI_MINOR);
	if (d->layout != SEPT_LAYOUT)
		return err_set(e, ERR_CATALOG_INVALID,
		    "%s: built for another machine (layout %08" PRIx32
		    ", not %08" PRIx32 ")", id, d->layout,
		    (uint32_t)SEPT_LAYOUT);
	if (d->create == NULL)
		return err_set(e, ERR_CATALOG_INVALID,
		    "%s: has no create function", id);
	return 0;
}

static int
check_desc(const struct sept_desc *d, const struct manifest *m,
    int (*granted)(const char *id, uint64_t caps), struct err *e)
{
	const char *const *need;

	if (check_head(d, m->id, e) != 0)
		return -1;
	if (d->id == NULL || strcmp(d->id, m->id) != 0)
		return err_set(e, ERR_CATALOG_INVALID,
		    "%s: the shared object calls itself %.128s", m->id,
		    d->id != NULL ? d->id : "nothing");
	if (d->caps != m->caps)
		return err_set(e, ERR_CATALOG_INVALID,
		    "%s: the shared object asks for capabilities 0x%" PRIx64
		    ", the manifest for 0x%" PRIx64, m->id, d->caps, m->caps);
	if ((d->flags & SEPT_F_ISOLATE) != 0)
		return err_set(e, ERR_CATALOG_INVALID,
		    "%s: asks to run in its own process, which this engine "
		    "does not offer", m->id);
	for (need = d->requires_; need != NULL && *need != NULL; need++)
		if (!granted(*need, m->caps))
			return err_set(e, ERR_CATALOG_INVALID,
			    "%s: needs %.64s, which is absent or not granted",
			    m->id, *need);
	return 0;
}

static int
map_copy(struct dso *d, const struct manifest *m, struct err *e)
{
	const char *why;
	sept_entry_fn entry = NULL;
	void *sym;

	d->handle = dlopen(d->copy, RTLD_NOW | RTLD_LOCAL);
	if (d->handle == NULL) {
		why = dlerror();
		return err_set(e, ERR_CATALOG_INVALID, "%s: %s", m->id,
		    why != NULL ? why : "cannot be mapped");
	}
	sym = dlsym(d->handle, SEPT_ENTRY_SYMBOL);
	if (sym == NULL)
		return err_set(e, ERR_CATALOG_INVALID,
		    "%s: exports no %s", m->id, SEPT_ENTRY_SYMBOL);
	/* C has no cast from object to function pointers. */
	memcpy(&entry, &sym, sizeof entry);
	d->desc = entry();
	if (d->desc == NULL)
		return err_set(e, ERR_CATALOG_INVALID,
		    "%s: gives no descriptor", m->id);
	return 0;
}

static void
remove_copy(struct dso *d)
{
	if (d->copy != NULL)
		(void)unlink(d->copy);
	free(d->copy);
	d->copy = NULL;
	if (d->fd >= 0)
		(void)close(d->fd);
	d->fd = -1;
}

int
dso_open(struct dso *d, const struct manifest *m, const char *state_dir,
    unsigned counter, int (*granted)(const char *id, uint64_t caps),
    struct err *e)
{
	int from, r = -1;

	memset(d, 0, sizeof *d);
	d->fd = -1;
	d->sha256 = m->sha256 != NULL;
	from = open(m->so_path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC |
	    O_NONBLOCK);
	if (from < 0)
		return err_set(e, ERR_CATALOG_INVALID, "%s: %s", m->so_path,
		    errno == ELOOP ? "is a symbolic link" : strerror(errno));
	if (check_file(from, m->so_path, d, e) != 0 ||
	    make_copy(d, from, m, state_dir, counter, e) != 0)
		goto out;
	if (m->sha256 != NULL && strcmp(m->sha256, d->hash) != 0) {
		err_set(e, ERR_CATALOG_INVALID,
		    "%s: the SHA-256 of %s is not the manifest's", m->id,
		    m->file);
		goto out;
	}
	if (map_copy(d, m, e) != 0 || check_desc(d->desc, m, granted, e) != 0)
		goto out;
	r = 0;
out:
	(void)close(from);
	if (r != 0) {
		/* No instance was made: nothing can point into it. */
		if (d->handle != NULL)
			(void)dlclose(d->handle);
		d->handle = NULL;
		remove_copy(d);
	}
	return r;
}

int
dso_close(struct dso *d)
{
	int unload = d->handle != NULL &&
	    (d->desc->flags & SEPT_F_UNLOADABLE) != 0;

	d->desc = NULL;
	if (unload && dlclose(d->handle) != 0)
		unload = 0;
	d->handle = NULL;
	remove_copy(d);
	return unload;
}

static int
same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

int
dso_same_file(const struct dso *d, const char *path)
{
	char hash[65];
	struct stat st;
	int fd, same;

	if (lstat(path, &st) != 0 || !S_ISREG(st.st_mode) ||
	    st.st_size != d->id.size)
		return 0;
	if (st.st_dev == d->id.dev && st.st_ino == d->id.ino &&
	    same_time(&st.st_mtim, &d->id.mtime) &&
	    same_time(&st.st_ctim, &d->id.ctime))
		return 1;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return 0;
	same = copy_bytes(fd, -1, d->sha256, hash) == 0 &&
	    strcmp(hash, d->hash) == 0;
	(void)close(fd);
	return same;
}

static int
has_suffix(const char *s, const char *suffix)
{
	size_t n = strlen(s), k = strlen(suffix);

	return n > k && strcmp(s + n - k, suffix) == 0;
}

void
dso_sweep(const char *state_dir)
{
	struct dirent *de;
	DIR *dir = opendir(state_dir);
	int fd;

	if (dir == NULL)
		return;
	while ((de = readdir(dir)) != NULL) {
		if (!has_suffix(de->d_name, ".so") &&
		    !has_suffix(de->d_name, ".tmp"))
			continue;
		fd = openat(dirfd(dir), de->d_name, O_RDONLY | O_NOFOLLOW |
		    O_CLOEXEC | O_NONBLOCK);
		if (fd < 0)
			continue;
		if (flock(fd, LOCK_EX | LOCK_NB) == 0 &&
		    unlinkat(dirfd(dir), de->d_name, 0) == 0)
			log_debug("plug", "removed stale copy %s",
			    de->d_name);
		(void)close(fd);
	}
	(void)closedir(dir);
}

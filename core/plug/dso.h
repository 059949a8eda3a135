/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dso.h - a private copy of a plugin's shared object: checked, copied,
 * mapped, its descriptor checked.
 *
 * The copy has a name of its own: the dynamic linker answers a second open
 * of a file it knows with the old code, whatever the path holds by then. It
 * lies in the state directory because run-time directories are often mounted
 * without permission to execute. It stays until the object is no longer used,
 * for debuggers.
 */
#ifndef CORE_PLUG_DSO_H
#define CORE_PLUG_DSO_H

#include <september/plugin.h>
#include <sys/stat.h>
#include <time.h>

#include "../base/err.h"
#include "manifest.h"

/* To tell without reading whether a file is still the same. */
struct dso_id {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
};

struct dso {
	void *handle;
	const struct sept_desc *desc;
	struct dso_id id;
	int sha256;    /* the hash is SHA-256, else BLAKE2b */
	char hash[65]; /* of the file, 32 bytes in hex */
	char *copy;    /* path of the private copy */
	int fd;        /* holds the lock that says the copy is in use */
};

/*
 * [loop] Copies, maps and checks. granted: 1 when a host extension of that id
 * exists for these capabilities. 0, or -1 and e with nothing left behind.
 */
int dso_open(struct dso *d, const struct manifest *m, const char *state_dir,
    unsigned counter, int (*granted)(const char *id, uint64_t caps),
    struct err *e);
/*
 * [loop] Removes the copy; unmaps the object if it may be (returns 1), else
 * leaves it mapped (returns 0).
 */
int dso_close(struct dso *d);
/*
 * [loop] 1 when path still is the file that d was copied from, or holds the
 * same bytes.
 */
int dso_same_file(const struct dso *d, const char *path);
/* [loop] Removes copies that a dead process left. */
void dso_sweep(const char *state_dir);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest.h - what a plugin says of itself in NAME.json beside its shared
 * object. Reading it runs no code of the plugin.
 */
#ifndef CORE_PLUG_MANIFEST_H
#define CORE_PLUG_MANIFEST_H

#include <jansson.h>
#include <stdint.h>

struct manifest {
	char *path;    /* of the manifest */
	char *so_path; /* of the shared object */
	json_t *doc;   /* owns the strings below */
	const char *id, *version, *file, *isolation;
	const char *sha256;      /* or NULL */
	const char **kinds;      /* "tool", "llm", "skill"; NULL terminated */
	const char **secrets;    /* NULL terminated */
	uint64_t caps;           /* SEPT_CAP_* */
	json_t *config;          /* object, borrowed from doc; or NULL */
	char hash[65];           /* of the manifest's bytes */
};

/*
 * NULL and at least one entry {"file","line","message"} more in problems when
 * the file is not a manifest this engine can use.
 */
struct manifest *manifest_read(const char *path, json_t *problems);
void manifest_free(struct manifest *m);
/* 1 when the plugin may ask for that secret. */
int manifest_lists_secret(const struct manifest *m, const char *name);

#endif

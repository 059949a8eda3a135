/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth.h - the engine's key and its rotation. Only SHA-256 digests are kept;
 * comparison takes the same time whatever differs.
 */
#ifndef CORE_API_AUTH_H
#define CORE_API_AUTH_H

#include <stdint.h>

#include "api.h"

struct auth;

struct auth *auth_new(const struct api_config *cfg, struct err *e);
/*
 * Reads the rotation from the brain: the environment's key is in force unless
 * it has been seen before, then the rotated one is. Nothing passes before.
 */
void auth_load(struct auth *a, void (*done)(void *arg, const struct err *e),
    void *arg);
void auth_free(struct auth *a);
/* 0, or -1 with INVALID_KEY or KEY_ROTATION_PENDING. key may be NULL. */
int auth_check(struct auth *a, const char *key, struct err *e);
/*
 * The new digest (64 hex digits, either case) is in force when done comes
 * without an error; until: end of the overlap, Unix milliseconds.
 */
int auth_rotate(struct auth *a, const char *new_hash, int64_t overlap_s,
    void (*done)(void *arg, const struct err *e, int64_t until), void *arg,
    struct err *e);

#endif

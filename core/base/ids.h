/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ids.h - opaque ids with a readable prefix, and other random text.
 */
#ifndef CORE_BASE_IDS_H
#define CORE_BASE_IDS_H

#include <stddef.h>

#define ID_MAX 40 /* longest id made here, with the NUL */

/*
 * [any] "<prefix>" (such as "turn-") and 24 random base-32 characters (120
 * bits, libsodium's generator). Prefix at most 15 characters.
 */
void id_make(char out[ID_MAX], const char *prefix);
/* [any] Lower-case SHA-256 of n bytes as 64 hex digits and a NUL. */
void id_sha256(const void *p, size_t n, char out[65]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * utf8.h - checking, mending and cutting UTF-8 (RFC 3629). Pure functions.
 */
#ifndef CORE_BASE_UTF8_H
#define CORE_BASE_UTF8_H

#include <stddef.h>

/* [any] 1 when the n bytes are valid UTF-8 (NUL is a valid character). */
int utf8_valid(const char *s, size_t n);
/* [any] Length of the valid sequence at s (1..4), or 0 when there is none. */
size_t utf8_seq(const char *s, size_t n);
/*
 * [any] The largest m <= n that does not cut a character: for text that was
 * truncated at n bytes.
 */
size_t utf8_cut(const char *s, size_t n);
/*
 * [any] A copy with each invalid byte replaced by U+FFFD, NUL terminated; the
 * caller frees it. *out_n (may be NULL) gets its length. NULL: out of memory.
 */
char *utf8_mend(const char *s, size_t n, size_t *out_n);

#endif

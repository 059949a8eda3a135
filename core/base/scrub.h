/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scrub.h - finds text that looks like a credential and covers it.
 *
 * Known forms only: provider keys, cloud and forge tokens, bearer headers,
 * JSON web tokens and PEM private keys, each with its own prefix and minimum
 * length. What merely looks random is left alone. Same length before and
 * after, so that it works in place and inside JSON strings.
 */
#ifndef CORE_BASE_SCRUB_H
#define CORE_BASE_SCRUB_H

#include <stddef.h>

/* [any] Covers credentials with '*' after their prefix; returns how many. */
size_t scrub_in_place(char *s, size_t n);
/*
 * [any] The same for text that comes in pieces. *inside (0 at first) tells
 * that the text so far ends inside a private key; the rest of it is covered.
 */
size_t scrub_stream(char *s, size_t n, int *inside);
/*
 * [any] How many bytes at the end of s may be the start of a credential that
 * is not complete yet: a streaming caller holds that many back. 0: none.
 */
size_t scrub_tail(const char *s, size_t n);

#endif

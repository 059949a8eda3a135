/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf.h - a growing byte buffer that has a maximum from birth.
 *
 * Owned by one thread at a time. Content is always followed by a NUL that is
 * not counted. The first failure (maximum or memory) sticks: later writes are
 * ignored and buf_failed() tells, so that a builder checks once at its end.
 */
#ifndef CORE_BASE_BUF_H
#define CORE_BASE_BUF_H

#include <stddef.h>

struct buf {
	char *p;     /* NULL while empty and never written */
	size_t n;    /* bytes used */
	size_t cap;
	size_t max;
	int failed;
};

void buf_init(struct buf *b, size_t max);
void buf_fini(struct buf *b);
/* Empties, keeps the memory, clears a failure. */
void buf_reset(struct buf *b);
/* All return 0, or -1 when the buffer has failed. */
int buf_reserve(struct buf *b, size_t more);
int buf_add(struct buf *b, const void *p, size_t n);
int buf_adds(struct buf *b, const char *s);
int buf_addc(struct buf *b, char c);
int buf_addf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int buf_failed(const struct buf *b);
/* Drops the first n bytes. */
void buf_drop(struct buf *b, size_t n);
/* Hands the memory to the caller (free()); NULL when failed. */
char *buf_take(struct buf *b, size_t *n);
/*
 * Appends a JSON string with quotes. Control characters, quote and backslash
 * are escaped, and U+0085, U+2028 and U+2029, at which published SSE clients
 * split lines. Invalid UTF-8 and NUL become
 * U+FFFD.
 */
int buf_add_json_str(struct buf *b, const char *s, size_t n);

#endif

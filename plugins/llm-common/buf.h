/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf.h - a growing byte buffer with a maximum, for request bodies and
 * collected replies.
 *
 * A failed addition (out of memory, over the maximum) is remembered: callers
 * add as they like and look at `failed` once. Any thread, one at a time.
 */
#ifndef LLM_COMMON_BUF_H
#define LLM_COMMON_BUF_H

#include <jansson.h>
#include <stddef.h>

struct llm_buf {
	char *p;  /* NULL until something was added */
	size_t n; /* bytes in use */
	size_t cap, max;
	int failed;
};

/* max: most bytes it may ever hold. Allocates nothing. */
void llm_buf_init(struct llm_buf *b, size_t max);
void llm_buf_fini(struct llm_buf *b);
/* Forgets content and failure, keeps the memory. */
void llm_buf_reset(struct llm_buf *b);
/* Room for n more bytes and a NUL. 0, or -1 and b->failed. */
int llm_buf_room(struct llm_buf *b, size_t n);
void llm_buf_add(struct llm_buf *b, const char *p, size_t n);
void llm_buf_str(struct llm_buf *b, const char *s);
/* printf of at most 255 bytes. */
void llm_buf_fmt(struct llm_buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The inside of a JSON string. */
void llm_buf_escape(struct llm_buf *b, const char *p, size_t n);
/* A JSON string with its quotes; the bytes must be UTF-8. */
void llm_buf_quote(struct llm_buf *b, const char *p, size_t n);
/* The text of v on one line, members in their order. */
void llm_buf_json(struct llm_buf *b, const json_t *v);
/* Content with a NUL after it; "" when empty or failed. Borrowed. */
const char *llm_buf_cstr(struct llm_buf *b);

#endif

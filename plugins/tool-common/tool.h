/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tool.h - what the tool plugins share: reading arguments and configuration,
 * completing calls, text that is safe to put into JSON. Compiled into each
 * plugin; nothing of it is exported.
 *
 * Functions are [any] thread unless said; none keeps global state.
 */
#ifndef PLUGINS_TOOL_COMMON_TOOL_H
#define PLUGINS_TOOL_COMMON_TOOL_H

#include <jansson.h>
#include <september/september.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define TOOL_PRINTF(a, b) __attribute__((format(printf, a, b)))
#else
#define TOOL_PRINTF(a, b)
#endif

/* ---- reply.c: arguments in, completion out ---- */

/* Where a call is answered. */
struct tool_call {
	const struct sept_host_call *hc;
	struct sept_call *call;
};

/* The arguments, an object (new reference), or NULL. */
json_t *tool_args(struct sept_slice json);
/*
 * Members of the arguments. 0 and *out; 1 when absent and not needed (*out
 * untouched); -1 when missing, of the wrong type or out of range. Strings
 * are borrowed from args; one with a NUL inside is refused.
 */
int tool_arg_str(json_t *args, const char *key, int needed,
    const char **out, size_t *n);
int tool_arg_int(json_t *args, const char *key, int64_t min, int64_t max,
    int64_t *out);
int tool_arg_bool(json_t *args, const char *key, int *out);

/*
 * Completes the call; the handle is gone. Steals body; NULL stands for "out
 * of memory" and turns the status into SEPT_ENOMEM.
 */
void tool_complete(struct tool_call c, sept_status st, json_t *body);
/* Completes with {"error": code, "output": text}. */
void tool_fail(struct tool_call c, sept_status st, const char *code,
    const char *fmt, ...) TOOL_PRINTF(4, 5);
/* A member; 0, or -1 when out of memory (v is released). Steals v. */
int tool_set(json_t *body, const char *key, json_t *v);

/* ---- reply.c: configuration ---- */

struct tool_config {
	char **roots;    /* absolute, without a slash at the end */
	size_t roots_n;
	char *workspace; /* absolute, or NULL */
	json_t *doc;     /* all of it */
};

/* SEPT_OK, SEPT_EINVAL or SEPT_ENOMEM; *why names the fault. */
sept_status tool_config_init(struct tool_config *cfg, struct sept_slice json,
    const char **why);
void tool_config_fini(struct tool_config *cfg);
/* The task's workspace, else the configured one, else the first root, or
 * NULL. Allocated. */
char *tool_workspace(const struct tool_config *cfg,
    const struct sept_call_info *info);

/* ---- text.c: UTF-8 and growing text ---- */

/* Bytes of the well-formed character at p (n > 0), or 0. */
size_t tool_utf8_len(const char *p, size_t n);
/* n, or less when p[0..n) ends inside a character that may go on. */
size_t tool_utf8_cut(const char *p, size_t n);
/* 1 when the bytes look like no text: a NUL, or much that is not UTF-8. */
int tool_binary(const char *p, size_t n);

/* Growing bytes with a maximum from birth. */
struct tool_buf {
	char *p;    /* NUL terminated once anything was added */
	size_t n, cap, max;
	int full;   /* something did not fit and was left out */
	int nomem;
};

void tool_buf_init(struct tool_buf *b, size_t max);
void tool_buf_fini(struct tool_buf *b);
/* 0; -1 when it did not fit (what fits is taken, whole characters) or out
 * of memory; see full and nomem. */
int tool_buf_add(struct tool_buf *b, const char *p, size_t n);
int tool_buf_str(struct tool_buf *b, const char *s);
/* At most 1023 bytes at once. */
int tool_buf_printf(struct tool_buf *b, const char *fmt, ...)
    TOOL_PRINTF(2, 3);
/* Like tool_buf_add, with what is not UTF-8, and NUL, as U+FFFD. */
int tool_buf_mend(struct tool_buf *b, const char *p, size_t n);
/* A JSON string of what it holds (mended); NULL when out of memory. */
json_t *tool_buf_json(const struct tool_buf *b);
json_t *tool_json_text(const char *p, size_t n);

/* ---- clip.c: head and tail of a flood ---- */

struct tool_clip {
	char *p;        /* first half: head; second half: ring of the tail */
	size_t cap;     /* even */
	uint64_t total; /* bytes seen */
	int nomem;
};

void tool_clip_init(struct tool_clip *c, size_t cap);
void tool_clip_fini(struct tool_clip *c);
void tool_clip_add(struct tool_clip *c, const char *p, size_t n);
/*
 * Appends at most cap bytes of mended text, and a note where bytes were cut.
 * Returns the number of bytes cut, or -1 when out of memory.
 */
int64_t tool_clip_render(const struct tool_clip *c, struct tool_buf *out);

#endif

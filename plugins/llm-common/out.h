/* SPDX-License-Identifier: Apache-2.0 */
/*
 * out.h - the events of one reply on their way to the host.
 *
 * Keeps track of the open content block, so that a backend says only "here
 * is text", and holds events back while the host's buffer is full: none is
 * lost, order is kept. Loop thread only.
 */
#ifndef LLM_COMMON_OUT_H
#define LLM_COMMON_OUT_H

#include <september/call.h>

#include "buf.h"

#define LLM_OUT_MAX ((size_t)32 << 20) /* bytes held back */

struct llm_out {
	const struct sept_host_call *api;
	struct sept_call *call;
	struct llm_buf held;   /* events the host has not taken yet */
	size_t held_at;        /* start of the first of them */
	uint32_t next;         /* index of the next block */
	uint32_t open;         /* SEPT_BLOCK_* of the open block, 0: none */
	uint8_t armed;         /* an on_writable callback is under way */
	uint8_t over;          /* the host wants no more events */
	uint8_t failed;        /* an event was lost: memory, or too many */
	uint8_t begun;         /* something was emitted */
	/* Reading should stop (1) or may go on (0); may be NULL. */
	void (*blocked)(void *user, int on);
	/* Everything held back has gone out; may free the owner. */
	void (*drained)(void *user);
	void *user;
};

void llm_out_init(struct llm_out *o, const struct sept_host_call *api,
    struct sept_call *call);
void llm_out_fini(struct llm_out *o);

/* A piece of text or thinking; opens a block of that kind when needed. */
void llm_out_text(struct llm_out *o, const char *p, size_t n);
void llm_out_thinking(struct llm_out *o, const char *p, size_t n);
/* Opens a block of a kind, also when one of that kind is open. */
void llm_out_open(struct llm_out *o, uint32_t kind);
/* Opens a tool block; id "" lets the host choose. */
void llm_out_tool(struct llm_out *o, struct sept_slice id,
    struct sept_slice name);
void llm_out_input(struct llm_out *o, const char *p, size_t n);
/* Meta of the open block: {key: value} with a string value. */
void llm_out_meta(struct llm_out *o, const char *key, const char *value,
    size_t n);
/* Closes the open block, if any. */
void llm_out_close(struct llm_out *o);
void llm_out_usage(struct llm_out *o, uint64_t input, uint64_t output,
    uint64_t cache_hit);

#endif

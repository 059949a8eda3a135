/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply.h - one model reply, put together from a backend's events: content
 * blocks in order, tool inputs from their pieces, usage.
 *
 * What a backend sends is not trusted: sizes are bounded, indexes may come
 * in any order, pieces for a block that was never begun begin it.
 */
#ifndef CORE_AGENT_REPLY_H
#define CORE_AGENT_REPLY_H

#include <jansson.h>
#include <september/call.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/buf.h"
#include "../base/err.h"
#include "../base/ids.h"

#define REPLY_MAX_BLOCKS 256
#define REPLY_MAX_BYTES (16u << 20)

struct reply_block {
	uint32_t index;        /* the backend's */
	uint32_t kind;         /* SEPT_BLOCK_* */
	char id[ID_MAX];       /* ours, of a tool call */
	char *name;            /* of a tool call */
	struct buf text;       /* text, thinking, or the input's JSON */
	json_t *meta;
	int stopped;
};

struct reply {
	struct reply_block **blocks;
	size_t n;
	size_t bytes;
	int64_t input_tokens, output_tokens, cache_hit_tokens;
	int has_usage;
};

void reply_init(struct reply *r);
void reply_fini(struct reply *r);
/*
 * Takes one event. *block (may be NULL) gets the block it was about, *fresh 1
 * when the event began it. -1: over a limit, or out of memory.
 */
int reply_event(struct reply *r, const struct sept_event *ev,
    struct reply_block **block, int *fresh, struct err *e);
/*
 * The input of a tool call as an object (new reference; an empty one when the
 * backend sent none), or NULL and e when it is not a JSON object.
 */
json_t *reply_input(const struct reply_block *b, struct err *e);
/* Number of blocks of a kind that are not empty. */
size_t reply_count(const struct reply *r, uint32_t kind);
/*
 * The blocks as canonical content (a JSON array) appended to b. Empty text
 * and thinking blocks are left out, and with text_only everything but text.
 * A tool input that is not a JSON object is written as {}. -1: b failed.
 * *written gets the number of blocks.
 */
int reply_content(const struct reply *r, int text_only, struct buf *b,
    size_t *written);
/* All text blocks joined, new memory. */
char *reply_text(const struct reply *r);

#endif

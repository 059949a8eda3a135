/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openai.h - the parts of the Chat Completions backend: request.c writes the
 * request, stream.c reads the reply, fast.c its ordinary chunks, openai.c
 * holds the descriptor.
 */
#ifndef LLM_OPENAI_H
#define LLM_OPENAI_H

#include "../llm-common/run.h"

#define OPENAI_CALLS_MAX 128            /* tool calls in one reply */
#define OPENAI_ARGS_MAX ((size_t)8 << 20) /* bytes of one call's input */

struct openai_call {
	int index; /* as sent, -1: none */
	char *id;
	struct llm_buf name, args;
};

struct openai_state {
	struct openai_call *calls; /* in the order they began */
	size_t n;
	int any;                /* a choice was seen */
	const char *finish;     /* our stop reason, NULL: not said yet */
	struct llm_buf scratch; /* unescaped text of fast.c */
};

/* Tools the provider way, see llm_tool_fn. */
void openai_tool(struct llm_buf *b, const char *name, const json_t *tool,
    int last);
int openai_build(struct llm_run *run, const struct llm_req *req,
    struct llm_buf *url, struct llm_buf *body);
/* 1 when strict mode of structured output takes the schema. */
int openai_strict(const json_t *schema, unsigned depth);

void openai_event(struct llm_run *run, const char *p, size_t n);
/* The same without the fast path; for tests that compare both. */
void openai_event_slow(struct llm_run *run, const char *p, size_t n);
void openai_whole(struct llm_run *run, const json_t *root);
void openai_end(struct llm_run *run);
void openai_fini(struct llm_run *run);

/*
 * Text of an ordinary chunk: one choice whose delta holds content and
 * nothing else of meaning. 1: *text is set (into p or scratch), 0: anything
 * else, to be read as JSON. Never disagrees with the slow way.
 */
int openai_fast(const char *p, size_t n, struct llm_buf *scratch,
    struct sept_slice *text);

#endif

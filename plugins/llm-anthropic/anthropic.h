/* SPDX-License-Identifier: Apache-2.0 */
/*
 * anthropic.h - the parts of the Messages backend: request.c writes the
 * request, stream.c reads the reply, anthropic.c holds the descriptor.
 */
#ifndef LLM_ANTHROPIC_H
#define LLM_ANTHROPIC_H

#include "../llm-common/run.h"

#define ANTHROPIC_SIG_MAX ((size_t)1 << 20) /* bytes of one signature */

struct anthropic_state {
	struct llm_buf sig; /* signature of the open thinking block */
	int any_input;      /* the open tool block has got input */
	char stop[48];      /* the stop reason's own storage */
	uint64_t input, hit, created; /* counts as the provider splits them */
};

void anthropic_tool(struct llm_buf *b, const char *name, const json_t *tool,
    int last);
int anthropic_build(struct llm_run *run, const struct llm_req *req,
    struct llm_buf *url, struct llm_buf *body);
void anthropic_event(struct llm_run *run, const char *p, size_t n);
void anthropic_whole(struct llm_run *run, const json_t *root);
void anthropic_end(struct llm_run *run);
void anthropic_fini(struct llm_run *run);

#endif

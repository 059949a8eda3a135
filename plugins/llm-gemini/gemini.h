/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gemini.h - the parts of the generateContent backend: request.c writes the
 * request, schema.c cuts JSON Schemas down to what is accepted, stream.c
 * reads the reply, gemini.c holds the descriptor.
 */
#ifndef LLM_GEMINI_H
#define LLM_GEMINI_H

#include "../llm-common/run.h"

struct gemini_state {
	const char *finish; /* our stop reason, NULL: not said yet */
	int calls;          /* a tool was called */
};

void gemini_tool(struct llm_buf *b, const char *name, const json_t *tool,
    int last);
int gemini_build(struct llm_run *run, const struct llm_req *req,
    struct llm_buf *url, struct llm_buf *body);
/*
 * A schema that the interface takes: new reference, NULL out of memory.
 * Bounded in depth and in size, references inside the document resolved.
 */
json_t *gemini_schema(const json_t *schema);
void gemini_event(struct llm_run *run, const char *p, size_t n);
void gemini_whole(struct llm_run *run, const json_t *root);
void gemini_end(struct llm_run *run);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools.h - the tools of a request in the provider's own form, with the map
 * between our tool names and the names a provider accepts.
 *
 * The set is converted once and kept for later requests: the host sends the
 * same bytes for a whole catalog generation. Counted, loop thread only.
 */
#ifndef LLM_COMMON_TOOLS_H
#define LLM_COMMON_TOOLS_H

#include <september/plugin.h>

#include "buf.h"

#define LLM_NAME_MAX 64

struct llm_tools {
	unsigned refs;
	char *source; /* the host's text, to know it again */
	size_t source_n;
	size_t n;
	struct llm_tool_name {
		char *ours;
		char theirs[LLM_NAME_MAX + 1];
	} *names;
	struct llm_buf text; /* JSON array, or "" without tools */
};

/* Appends one tool in the provider's form; last: it ends the list. */
typedef void (*llm_tool_fn)(struct llm_buf *b, const char *name,
    const json_t *tool, int last);

/*
 * The set for a request's tools, one reference more: *cache when the text is
 * the same, else a new one that replaces it. NULL: out of memory or not a
 * tools array.
 */
struct llm_tools *llm_tools_get(struct llm_tools **cache,
    struct sept_slice source, llm_tool_fn fn);
void llm_tools_unref(struct llm_tools *t);
/*
 * The provider's name for ours; for a tool that is no longer in the set too.
 * out has LLM_NAME_MAX + 1 bytes.
 */
void llm_tools_theirs(const struct llm_tools *t, const char *ours,
    char *out);
/* Our name for the provider's; itself when unknown. */
struct sept_slice llm_tools_ours(const struct llm_tools *t, const char *p,
    size_t n);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * result.h - structured turns: what response_schema adds to the requests, and
 * the validated object that it brings. Native where the backend can do it,
 * else a tool `submit_result` that must be called in the end.
 */
#ifndef CORE_AGENT_RESULT_H
#define CORE_AGENT_RESULT_H

#include "agent-internal.h"

#define RESULT_TOOL "submit_result"

enum result_verdict { RESULT_READY, RESULT_AGAIN, RESULT_FAILED };

/* Compiles t->schema. -1 and VALIDATION_ERROR: it is not a schema. */
int result_prepare(struct turn *t, struct err *e);
/* Adds response_schema or tool_choice to the params object. */
void result_params(struct turn *t, struct buf *b);
/* The tools of the request, submit_result among them where needed. */
struct sept_slice result_tools(struct turn *t);
/* The entry of submit_result, or NULL when name is not it. */
const struct toolset_entry *result_entry(struct turn *t, const char *name);
/*
 * The reply came without the tool: takes the result from its text (native),
 * or has the model told what is wrong. RESULT_AGAIN: a message was added.
 */
enum result_verdict result_from_text(struct turn *t, struct err *e);
/* The tool was called with a fitting input. -1: out of memory. */
int result_from_tool(struct turn *t, json_t *input);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run-internal.h - between plugin.c, which parses requests, and run.c, which
 * carries them out. Not for backends.
 */
#ifndef LLM_COMMON_RUN_INTERNAL_H
#define LLM_COMMON_RUN_INTERNAL_H

#include "run.h"

/* A run bound to the call; NULL: out of memory. */
struct llm_run *llm_run_new(struct llm_plugin *pl, struct sept_call *call);
/* Builds and sends the request. The run may be gone when it returns. */
void llm_run_start(struct llm_run *run, const struct llm_req *req);
/* Completes a run that was never sent. The run is gone. */
void llm_run_over(struct llm_run *run);
void llm_run_cancel(struct llm_run *run);

#endif

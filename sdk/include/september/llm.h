/* SPDX-License-Identifier: Apache-2.0 */
/*
 * llm.h - sept.llm/1: a backend that generates one model reply as events.
 *
 * generate() sends one request, emits the reply's content as SEPT_EV_*
 * events in order (BLOCK_START, pieces, BLOCK_STOP, ... USAGE) and completes
 * once. It never retries: the host does, as long as nothing was emitted.
 *
 * Messages are a JSON array, oldest first, alternating roles:
 *   {"role":"user"|"assistant","content":[block, ...]} with blocks
 *   {"type":"text","text"}
 *   {"type":"thinking","text","meta"?}
 *   {"type":"tool_use","id","name","input":{...},"meta"?}
 *   {"type":"tool_result","tool_use_id","name","output","error"?}
 *   {"type":"image"|"document"|"audio","source":{"type":"base64",
 *      "media_type","data"} | {"type":"url","url"}}
 * `meta` is what the backend gave with SEPT_EV_BLOCK_META. Tool results are
 * in user messages. Tool names may hold dots (servers' actions): a backend
 * maps them to what its provider accepts and back.
 *
 * Completion object with SEPT_OK: {"stop_reason": "end_turn"|"tool_use"|
 *   "max_tokens"|"stop_sequence"|"refusal"|..., "model": string?}.
 * With another status: {"code": "LLM_RATE_LIMITED"|"LLM_PROVIDER_ERROR"|
 *   "LLM_TIMEOUT"|"CONTEXT_OVERFLOW", "message": string, "retryable": bool,
 *   "retry_after": seconds?, "http_status": int?}. retry_after is always
 *   seconds, also where the provider sent a date.
 */
#ifndef SEPTEMBER_LLM_H
#define SEPTEMBER_LLM_H

#include "call.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Kinds of media a backend takes. */
#define SEPT_LLM_IMAGE (1u << 0)
#define SEPT_LLM_DOCUMENT (1u << 1)
#define SEPT_LLM_AUDIO (1u << 2)
#define SEPT_LLM_MEDIA_URL (1u << 3)  /* by URL, not only inline */
#define SEPT_LLM_THINKING (1u << 4)
#define SEPT_LLM_SCHEMA (1u << 5)     /* native structured output */
#define SEPT_LLM_FILE_URL (1u << 6)   /* documents and audio by URL too */

/*
 * One request. Slices live until the call completes. Tools and system are
 * byte-identical for every request of one catalog generation and agent, so
 * that a provider's prompt cache hits.
 */
struct sept_llm_request {
	uint32_t size;
	uint32_t flags;            /* none yet */
	struct sept_slice model;   /* empty: the backend's own default */
	struct sept_slice system;  /* JSON array of {"text","cache"?:true} */
	struct sept_slice tools;   /* JSON array of {"name","description",
	                              "input_schema"}, sorted by name */
	struct sept_slice messages;
	/*
	 * JSON object, all optional: "max_tokens", "thinking": bool,
	 * "tool_choice": "auto"|"none"|{"name"}, "response_schema": {...},
	 * "temperature", "stop_sequences"
	 */
	struct sept_slice params;
};

#define SEPT_EXT_LLM "sept.llm/1"
struct sept_llm {
	uint32_t size;
	uint32_t media; /* SEPT_LLM_* */
	/* The name that LLM_PROVIDER selects, NUL terminated. */
	const char *name;
	/* The model used when none is named, NUL terminated. */
	const char *default_model;
	/* [loop] */
	sept_status (*generate)(struct sept_plugin *, struct sept_call *,
	    const struct sept_llm_request *);
	/* [loop] Context window of a model in tokens; 0 when unknown. */
	uint32_t (*context_window)(struct sept_plugin *,
	    struct sept_slice model);
};

#ifdef __cplusplus
}
#endif
#endif

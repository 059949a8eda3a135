/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call.h - the handle of one running invocation: events, completion, cancel.
 *
 * invoke() of an extension that returns SEPT_OK has taken the call: it must
 * complete it exactly once, from any thread, also from inside invoke(). Any
 * other return value: not accepted, the host completes it, the plugin must
 * not touch the handle again.
 *
 * emit() and complete() only enqueue; no user code is entered from them.
 */
#ifndef SEPTEMBER_CALL_H
#define SEPTEMBER_CALL_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Event kinds; `index` numbers the content blocks of one model reply. */
#define SEPT_EV_BLOCK_START 1 /* flags: SEPT_BLOCK_*; text: tool name,
                                 id: tool call id ("" lets the host choose) */
#define SEPT_EV_TEXT 2        /* text: piece of a text block */
#define SEPT_EV_THINKING 3    /* text: piece of a thinking block */
#define SEPT_EV_TOOL_INPUT 4  /* text: piece of the input's JSON text */
#define SEPT_EV_BLOCK_META 5  /* json: object kept with the block and handed
                                 back in later requests as its "meta" */
#define SEPT_EV_BLOCK_STOP 6
#define SEPT_EV_USAGE 7       /* json: {"input_tokens","output_tokens",
                                 "cache_hit_tokens"}; the last one counts */
#define SEPT_EV_PROGRESS 8    /* text: a tool's progress, for people */

#define SEPT_BLOCK_TEXT 1u
#define SEPT_BLOCK_THINKING 2u
#define SEPT_BLOCK_TOOL_USE 3u

struct sept_event {
	uint32_t size;
	uint32_t kind;  /* SEPT_EV_* */
	uint32_t index; /* content block, from 0 */
	uint32_t flags;
	struct sept_slice text;
	struct sept_slice id;
	struct sept_slice json;
};

/* Who calls and on whose behalf. All slices live as long as the call. */
struct sept_call_info {
	uint32_t size;
	uint32_t attempt; /* from 1; more when the host repeats a call */
	struct sept_slice task_id; /* empty outside a task (/rpc) */
	struct sept_slice turn_id;
	struct sept_slice call_id; /* unique; also the idempotency key */
	struct sept_slice agent;
	struct sept_slice workspace; /* absolute directory of this task */
};

#define SEPT_HOST_CALL "sept.host.call/1"
struct sept_host_call {
	uint32_t size;
	/*
	 * [any] Copies the event. SEPT_EAGAIN: the reader is behind; the
	 * event was not taken. SEPT_ECANCELLED: the call is over for the
	 * host, further events are dropped.
	 */
	sept_status (*emit)(struct sept_call *, const struct sept_event *);
	/*
	 * [loop] One shot: cb runs on the loop when emit would succeed again
	 * or the call was cancelled.
	 */
	sept_status (*on_writable)(struct sept_call *, void (*cb)(void *),
	    void *arg);
	/* [pool] Waits until emit would succeed, at most timeout_ms. */
	sept_status (*wait_writable)(struct sept_call *, uint32_t timeout_ms);
	/*
	 * [any] Exactly once; the handle is gone when it returns. json is an
	 * object whose form the extension's header gives; copied.
	 */
	void (*complete)(struct sept_call *, sept_status,
	    struct sept_slice json);
	/* [any] 1 when a cancel was requested or the deadline passed. */
	int32_t (*cancelled)(const struct sept_call *);
	/* [any] Absolute, on sept_host.now_ns's clock; UINT64_MAX for none. */
	uint64_t (*deadline_ns)(const struct sept_call *);
	/* [any] Valid until complete() returns. */
	const struct sept_call_info *(*info)(const struct sept_call *);
	/*
	 * [any] The plugin's own pointer of this call (NULL at first); lets
	 * cancel() find the plugin's state without a table.
	 */
	void (*set_user)(struct sept_call *, void *);
	void *(*user)(const struct sept_call *);
};

#ifdef __cplusplus
}
#endif
#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call-internal.h - the call handle, between call.c (what the plugin sees),
 * deliver.c (what the engine sees), invoke.c (beginning, slots, rest) and
 * host-http.c.
 *
 * One struct is both the plugin's sept_call and the engine's plug_call. The
 * plugin's side ends when it completes, the engine's when done() was called,
 * the entry when invoke() has returned; the struct is put to rest when all
 * three are over (call_settle()).
 *
 * Lock order: the call's mutex, then the loop's (to post); no foreign code
 * runs under either.
 */
#ifndef CORE_PLUG_CALL_INTERNAL_H
#define CORE_PLUG_CALL_INTERNAL_H

#include "plug-internal.h"

#define CALL_QUEUE_BYTES (1024 * 1024)
#define CALL_QUEUE_EVENTS 1024
#define CALL_EVENT_MAX (16 * 1024 * 1024)
#define CALL_RESULT_MAX (16 * 1024 * 1024)

/* Events one after the other: a header, then the bytes of its slices. */
struct event_queue {
	char *p;
	size_t n, cap;
	unsigned events;
};

struct call_record {
	uint32_t kind, index, flags;
	uint32_t text_n, id_n, json_n;
};

#define ALIGN8(n) (((n) + 7) & ~(size_t)7)

enum call_kind { CALL_TOOL, CALL_LLM, CALL_SKILL };

enum call_end {
	END_NONE,
	END_CANCEL,  /* somebody asked for it */
	END_DEADLINE
};

struct host_request {
	LIST_ENTRY(host_request) link;      /* the generation's */
	LIST_ENTRY(host_request) call_link; /* the call's */
	struct sept_call *call;
	struct generation *gen;
	struct sept_http *http;
	struct sept_http_request req;
	int aborted;
};

struct sept_call {
	TAILQ_ENTRY(sept_call) link; /* waiting or calls of gen, or dead */
	struct plug *plug;
	struct generation *gen;        /* NULL at rest */
	const struct plug_names *names;
	enum call_kind kind;
	struct plug_tool *tool;
	/* Copies of the caller's strings, the arguments or the request. */
	char *text;
	struct sept_call_info info;
	struct sept_slice args;
	struct sept_llm_request req;
	uint64_t deadline_ns;
	struct plug_call_ops ops;
	void *user;
	_Atomic(void *) plugin_user;
	atomic_int cancelled;

	pthread_mutex_t lock;     /* guards down to writable_arg */
	pthread_cond_t room;      /* wait_writable */
	struct event_queue queue; /* what emit fills */
	size_t refused;           /* size of the event that found no room */
	int posted;               /* deliver is under way */
	int paused;
	int entered;              /* the plugin has seen the handle */
	int completed;            /* by the plugin, or refused by it */
	int ready;                /* status and result are set */
	int answered;             /* done() was called */
	int at_rest;
	sept_status status;
	json_t *result;
	void (*writable)(void *);
	void *writable_arg;

	/* Loop thread only. */
	struct event_queue out;   /* what deliver reads */
	struct loop_post post;
	struct loop_timer *timer; /* deadline, then grace */
	enum call_end end;
	int waiting;              /* for a slot */
	int has_slot, is_user;    /* of the generation */
	int inside;               /* invoke() has not returned */
	int plugin_done, user_gone;
	LIST_HEAD(, host_request) requests;
	struct pool_job job;
	sept_status returned;     /* by invoke() on the pool */
};

struct plug_call {
	struct sept_call c;
};

/* call.c */
int call_init(struct sept_call *c);
void call_fini(struct sept_call *c);
/* [loop] Drops what a call at rest needs no more. */
void call_strip(struct sept_call *c);
/* [any] Lock held: has what was enqueued delivered. */
void call_schedule(struct sept_call *c);
/* [any] Lock held: no room for an event of that size. */
int call_is_full(const struct sept_call *c, size_t more);
/* [any] {"error": code, "output": text}; NULL: out of memory. */
json_t *call_error(const char *code, const char *text);
/* [any] The host's own completion, if the plugin has not made one. */
void call_refuse(struct sept_call *c, sept_status status, const char *text);
/* [any] */
int call_is_over(struct sept_call *c);
uint64_t call_deadline(const struct sept_call *c);

/* deliver.c [loop] */
void call_deliver(void *arg);
/* Starts the deadline's timer. */
int call_arm(struct sept_call *c);
void call_add_request(struct sept_call *c, struct host_request *r);
void call_drop_request(struct host_request *r);

/* invoke.c [loop] */
void call_settle(struct sept_call *c);
void call_unqueue(struct sept_call *c);

/* host-http.c [loop] */
void host_request_abort(struct host_request *r);
sept_status host_explain(const struct generation *g, struct sept_err *to,
    const struct err *e);

#endif

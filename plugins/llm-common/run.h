/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run.h - what the network backends share: the plugin instance, and the way
 * of one request from generate() over the host's HTTP client to complete().
 *
 * A backend is a const struct llm_provider: how to write the request and how
 * to read the stream. It calls llm_run_fail() or sets run->stop_reason; the
 * rest (pausing, aborting, error bodies, completion) is done here, once.
 * Everything runs on the loop thread.
 */
#ifndef LLM_COMMON_RUN_H
#define LLM_COMMON_RUN_H

#include <jansson.h>
#include <september/september.h>

#include "buf.h"
#include "fail.h"
#include "out.h"
#include "tools.h"

#define LLM_BODY_MAX ((size_t)128 << 20) /* bytes of a request */
#define LLM_REPLY_MAX ((size_t)16 << 20) /* of a reply that is no stream */

struct llm_run;

/* A request, parsed. Borrowed by build(). */
struct llm_req {
	json_t *system, *messages, *params;
	const struct llm_tools *tools;
	const char *model;     /* never empty */
	long max_tokens;
	int thinking;
	int no_tools;          /* tool_choice "none" */
	const char *force;     /* name of the tool to call, or NULL */
	const json_t *schema;  /* response_schema, or NULL */
	const json_t *temperature;
	const json_t *stop;    /* non-empty array, or NULL */
};

struct llm_provider {
	const char *name, *default_model, *default_base;
	const char *key_name;    /* its own secret, after LLM_API_KEY */
	const char *key_header;  /* "Authorization: Bearer ", ... */
	const char *extra_header;  /* or NULL */
	const char *const *trim; /* ends of base_url to drop; NULL ended */
	int needs_key;
	uint32_t media;
	size_t state_size;       /* of run->state, zeroed */
	llm_tool_fn tool;
	uint32_t (*context_window)(struct sept_slice model);
	/* Appends path and query to the URL, and the body. -1: failed. */
	int (*build)(struct llm_run *run, const struct llm_req *req,
	    struct llm_buf *url, struct llm_buf *body);
	/* One event of the stream. */
	void (*event)(struct llm_run *run, const char *p, size_t n);
	/* A JSON object that came instead of a stream. */
	void (*whole)(struct llm_run *run, const json_t *root);
	/*
	 * The reply has ended as HTTP. Emits what is still collected and
	 * sets stop_reason, or leaves it NULL when the reply was cut off.
	 */
	void (*end)(struct llm_run *run);
	void (*fini)(struct llm_run *run); /* frees inside state */
};

struct llm_plugin {
	struct sept_plugin base;
	struct sept_llm ext;
	const struct sept_host *host;
	const struct llm_provider *pv;
	const struct sept_host_call *call;
	const struct sept_host_http *http;
	const struct sept_host_loop *loop;
	struct sept_slice key;  /* borrowed from the host */
	struct llm_tools *tools; /* cache of the last set */
	char *base_url, *model;
	uint32_t timeout_ms;
	long max_tokens;
	int quiescing;
};

struct llm_run {
	struct llm_plugin *pl;
	struct sept_call *call;
	struct sept_http *http;   /* NULL: not begun or ended */
	struct sept_timer *timer; /* bounds a stream that does not close */
	struct llm_tools *tools;
	struct llm_out out;
	struct llm_fail fail;
	struct llm_buf body;      /* of a reply that is not a stream */
	const char *stop_reason;  /* static; set when the reply is whole */
	char model[128];          /* as the provider named it */
	int64_t retry_after;
	int status;
	int sent;                 /* http was begun */
	int done;                 /* on_done has come, or never will */
	int finished;             /* the stream said that it is over */
	int cancelled;
	int usage;                /* something of usage is known */
	uint64_t in_tokens, out_tokens, hit_tokens;
	void *state;
};

/* create() of a backend's descriptor. */
sept_status llm_plugin_new(const struct llm_provider *pv,
    const struct sept_host *host, struct sept_plugin **out);

/* Fails the reply; the rest of the stream is not read. */
void llm_run_fail(struct llm_run *run, const char *code, int retryable,
    const char *text);
/* The same from an object that holds the provider's error. */
void llm_run_fail_object(struct llm_run *run, const json_t *root);
/* The stream said its last word: the connection should close soon. */
void llm_run_finished(struct llm_run *run);
/* Keeps the model's name when there is one. */
void llm_run_model(struct llm_run *run, const json_t *name);
/* A count of tokens from v, 0 when there is none. */
uint64_t llm_count(const json_t *obj, const char *key);
/* Member as string, or "". */
const char *llm_string(const json_t *obj, const char *key);
/* "high"-effort models and such: does the name begin with prefix, also after
   a vendor's "name/"? */
int llm_model_is(const char *model, const char *prefix);
/*
 * Inside a JSON string: asks for JSON under a schema, for where there is no
 * native mode. more: something stands before it.
 */
void llm_schema_words(struct llm_buf *b, const json_t *schema, int more);
/*
 * Parts of a media block: kind "base64" or "url"; what is absent is "".
 * 0, or -1 and the run failed.
 */
struct llm_media {
	const char *type, *mime, *data, *url;
	size_t data_n;
};
int llm_media(struct llm_run *run, const json_t *block,
    struct llm_media *out);
/*
 * The text of an inline text/... document, decoded into b, which the caller
 * ends when 0 came back. -1: the run failed, b is ended.
 */
int llm_text_document(struct llm_run *run, const struct llm_media *m,
    struct llm_buf *b);
/* Decodes base64 into b; -1: not base64. */
int llm_base64(struct llm_buf *b, const char *p, size_t n);

#endif

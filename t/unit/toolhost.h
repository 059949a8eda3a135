/* SPDX-License-Identifier: Apache-2.0 */
/*
 * toolhost.h - a host small enough to read, for tests of tool plugins: calls,
 * loop, pool, processes, secrets, and HTTP with canned replies.
 *
 * It checks what it is called with: a second completion, a [loop] function
 * on another thread or a reply that is not JSON ends the test.
 */
#ifndef T_UNIT_TOOLHOST_H
#define T_UNIT_TOOLHOST_H

#include <jansson.h>
#include <september/september.h>

struct toolhost;
struct th_call;

struct th_result {
	sept_status status;
	json_t *body; /* the caller's */
};

/* Creates, configures, starts; NULL when configure or start failed. Steals
 * config. Ends the test when anything else fails. */
struct toolhost *th_new(const struct sept_desc *d, json_t *config);
/* Quiesces and waits for it; calls may be waited for afterwards. */
void th_quiesce(struct toolhost *th);
/* Quiesces unless done, destroys; 0, or -1 when calls were left. */
int th_free(struct toolhost *th);

/* Of all calls from now on; "" for none. */
void th_workspace(struct toolhost *th, const char *path);
void th_ids(struct toolhost *th, const char *task, const char *turn);
/* Deadline of calls from now on; 0: none. */
void th_deadline(struct toolhost *th, unsigned ms);
/* Must outlive the host. */
void th_secret(struct toolhost *th, const char *name, const char *value);

/* Begins a call of a tool by name; steals args. */
struct th_call *th_begin(struct toolhost *th, const char *name,
    json_t *args);
/* Runs the loop until it is complete. */
struct th_result th_wait(struct th_call *c);
struct th_result th_do(struct toolhost *th, const char *name, json_t *args);
/* The same with the arguments as text. */
struct th_result th_do_text(struct toolhost *th, const char *name,
    const char *args);
void th_cancel(struct th_call *c);
void th_turn_ended(struct toolhost *th, const char *turn);
/* Runs the loop for so long. */
void th_spin(struct toolhost *th, unsigned ms);
const struct sept_tool_info *th_info(struct toolhost *th, const char *name);

/* Members of a result; "" and -1 when missing. */
const char *th_str(const struct th_result *r, const char *key);
long long th_int(const struct th_result *r, const char *key);
void th_drop(struct th_result *r);

/* The next reply of the HTTP client; they are given in order. */
struct th_reply {
	sept_status status;  /* of on_done; SEPT_OK: a reply came */
	int http;            /* HTTP status */
	const char *type;    /* content type */
	const char *url;     /* after redirects; NULL: as asked */
	const char *body;
	size_t n;            /* 0: strlen(body) */
};
void th_http(struct toolhost *th, const struct th_reply *r);
/* What the last request asked; valid until the next one. */
struct th_asked {
	char method[16], url[8192], headers[4096];
	char *body;
	size_t body_n;
	uint32_t flags;
	uint64_t max_body;
	unsigned count; /* requests so far */
};
const struct th_asked *th_asked(struct toolhost *th);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_server.h - the HTTP server: evhttp behind a strict framing filter, with
 * deadlines, a connection limit and JSON errors. Loop thread only.
 *
 * Each accepted request reaches the handler once and is answered once, now or
 * later. A request refused below HTTP never reaches it. The program must have
 * SIGPIPE ignored.
 */
#ifndef CORE_NET_HTTP_SERVER_H
#define CORE_NET_HTTP_SERVER_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/err.h"
#include "../loop/loop.h"

struct http_server;
struct http_req;

struct http_server_config {
	const char *host;          /* IPv4, IPv6 or name; looked up once */
	int port;                  /* 0: any free one */
	size_t max_body;           /* bytes; more: 413 BODY_TOO_LARGE */
	unsigned max_connections;  /* accepting pauses there */
	unsigned head_timeout_ms;  /* accept (or last reply) to end of head */
	unsigned body_timeout_ms;  /* end of head to end of body */
	unsigned idle_timeout_ms;  /* kept-alive connection without request */
	/*
	 * Looks at the head alone, before any body byte is kept: 0 to go on,
	 * -1 and e to refuse. Also used for bodies over max_body, where a
	 * refusal wins over the 413. path: as http_req_path(). header(ctx,
	 * name) gives the first value of that name or NULL. All strings live
	 * until it returns. May be NULL.
	 *
	 * A refused body of up to 64 KiB is read and dropped first, and the
	 * connection goes on; with a larger one, or when the client waits
	 * for 100 Continue, the refusal goes out at once and ends it.
	 */
	int (*check_head)(void *user, const char *method, const char *path,
	    const char *(*header)(void *ctx, const char *name), void *ctx,
	    struct err *e);
	/* Every request that passed, whatever its method and path. */
	void (*handle)(void *user, struct http_req *r);
	void *user;
};

struct http_server_stats {
	unsigned connections;      /* open now */
	unsigned streams;          /* SSE streams open now */
	uint64_t requests, refused; /* since start; refused: below HTTP */
};

/* NULL and e ("cannot listen on 127.0.0.1:8000: Address already in use"). */
struct http_server *http_server_new(struct loop *l,
    const struct http_server_config *cfg, struct err *e);
/*
 * Closes the listener and every connection; streams get `closed`. Requests
 * that were not answered stay the handler's: answering them goes nowhere and
 * frees them.
 */
void http_server_free(struct http_server *s);
/* The port that was bound. */
int http_server_port(const struct http_server *s);
void http_server_stats(const struct http_server *s,
    struct http_server_stats *out);

/*
 * All strings live until the request is answered. A client that leaves before
 * is not noticed; the answer then goes nowhere.
 */
const char *http_req_method(const struct http_req *r); /* "GET" */
/* Path without query, percent-decoded once; never holds NUL. */
const char *http_req_path(const struct http_req *r);
/* The same, not decoded, for routing on segments with %2F in them. */
const char *http_req_raw_path(const struct http_req *r);
/* Decoded query parameter, or NULL; the last one of a name counts. */
const char *http_req_query(const struct http_req *r, const char *name);
const char *http_req_header(const struct http_req *r, const char *name);
/*
 * The body in one piece (NULL and 0 when empty, or without memory for it);
 * valid until answered.
 */
const char *http_req_body(struct http_req *r, size_t *n);
/* X-Request-Id: the client's when it is 1..128 printable characters. */
const char *http_req_id(const struct http_req *r);
/* The caller's own pointer. */
void http_req_set_user(struct http_req *r, void *user);
void *http_req_user(const struct http_req *r);

/* Adds a header to the reply; before it is sent. */
int http_req_reply_header(struct http_req *r, const char *name,
    const char *value);
/* Each of these ends the request; r is gone afterwards. */
/* body: stolen; NULL (out of memory) turns into a 500. */
void http_reply_json(struct http_req *r, int status, json_t *body);
/* The flat error object; details: stolen, may be NULL. */
void http_reply_err(struct http_req *r, const struct err *e,
    json_t *details);
void http_reply_raw(struct http_req *r, int status, const char *type,
    const char *body, size_t n);

#endif

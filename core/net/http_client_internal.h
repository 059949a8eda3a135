/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_client_internal.h - what the files of the HTTP client share.
 *
 *   http_client.c        the public functions, life and end of a request
 *   http_client_hop.c    one exchange: policy, libcurl options, redirects
 *   http_client_reply.c  what libcurl hands up: head, body, events
 *   http_client_multi.c  sockets and timers between libcurl and the loop
 *
 * Invariants: libcurl's multi functions that change the set of transfers are
 * called from client_work() alone, which never runs inside a callback of
 * libcurl. Everything else only notes what is wanted and calls req_wake().
 */
#ifndef CORE_NET_HTTP_CLIENT_INTERNAL_H
#define CORE_NET_HTTP_CLIENT_INTERNAL_H

#include <curl/curl.h>
#include <event2/event_struct.h>
#include <sys/queue.h>

#include "http_client.h"
#include "sse_parser.h"

/*
 * A connection is reused only inside its pool, so the pools differ in what
 * was checked when the socket was opened.
 */
enum pool_id {
	POOL_PLAIN,  /* no check; the environment's proxy is used */
	POOL_PUBLIC, /* public addresses only, never a proxy */
	POOL_LISTED, /* hosts that the operator named, never a proxy */
	POOL_MAX_
};

struct curl_pool {
	struct http_client *client;
	CURLM *multi;
	struct event *timer;
	int kick; /* transfers were added: let libcurl begin */
};

#define EASY_KEEP 128 /* easy handles kept for the next requests */

TAILQ_HEAD(req_list, sept_http);

struct http_client {
	struct loop *loop;
	struct curl_pool pools[POOL_MAX_];
	struct event *work;  /* runs client_work() */
	int working, closing;
	char *allow;         /* NULL: unset */
	char *user_agent;    /* may be NULL */
	char *ca_file, *ca_dir; /* of the environment; may be NULL */
	struct req_list all;
	struct req_list todo; /* linked by todo_link, `queued` set */
	CURL *easy[EASY_KEEP];
	unsigned easy_n;
	struct http_client_stats stats;
};

enum req_state {
	REQ_NEW,     /* the next hop is to be started */
	REQ_RUNNING, /* libcurl has it */
	REQ_HOP_END, /* a redirect was read to its end */
	REQ_ENDED,   /* result is set; on_done is next */
	REQ_GONE     /* inside on_done */
};

struct sept_http {
	TAILQ_ENTRY(sept_http) link, todo_link;
	int queued;
	struct http_client *client;
	enum req_state state;
	sept_status result;
	char message[CURL_ERROR_SIZE];

	/* As asked for; strings and body are ours. */
	struct sept_http_request req;
	char *method, *body;
	size_t body_n;
	struct curl_slist *headers;

	/* The hop. */
	char *url, *host, *origin; /* origin: scheme, host and port */
	struct curl_pool *pool;
	CURL *easy;
	int added;     /* easy is in pool->multi */
	int easy_good; /* its transfer ended well */
	unsigned hops;
	char curl_text[CURL_ERROR_SIZE];
	char denied[160]; /* why a socket was refused; empty: none was */

	/* The reply. */
	int status, head_done, redirecting;
	size_t head_n;
	char *content_type, *retry_after, *location;
	struct sse_parser *sse;
	uint64_t received;

	/* Back-pressure: wanted by the caller, and what libcurl was told. */
	int paused, held;

	/* Time limits. */
	struct event timer;
	uint64_t idle_ns, last_ns; /* last_ns: when a byte last moved */
	curl_off_t moved;
};

/* http_client.c */

/* Queues h for client_work(). */
void req_wake(struct sept_http *h);
/* Sets the result once; later ones are ignored. Calls nobody. */
void req_end(struct sept_http *h, sept_status st, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Does what was noted. Not from inside libcurl. */
void client_work(struct http_client *c);

/* http_client_hop.c */

/* Takes the first URL. -1 and e when it cannot be read at all. */
int hop_first(struct sept_http *h, const char *url, struct err *e);
/* Starts the hop; on failure h has ended. */
void hop_start(struct sept_http *h);
/* libcurl is done with the hop. */
void hop_done(struct sept_http *h, CURLcode rc);
/* Takes the easy handle out of the multi handle and puts it back. */
void hop_release(struct sept_http *h);

/* http_client_reply.c */

void reply_reset(struct sept_http *h);
void reply_view(const struct sept_http *h, struct sept_http_response *out);
/* For CURLOPT_HEADERFUNCTION and CURLOPT_WRITEFUNCTION. */
size_t reply_header(char *p, size_t size, size_t n, void *arg);
size_t reply_body(char *p, size_t size, size_t n, void *arg);

/* http_client_multi.c */

int curl_pool_init(struct curl_pool *p, struct http_client *c,
    unsigned max_connections, struct err *e);
void curl_pool_fini(struct curl_pool *p);
/* Begins what was added; finished transfers go to hop_done(). */
void curl_pool_kick(struct curl_pool *p);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host-http.h - sept.host.http/1: the engine's HTTP client, asynchronous,
 * one connection pool for all plugins, HTTP/2 where offered. Needs
 * SEPT_CAP_NET.
 *
 * All callbacks run on the loop, never from inside request(). Exactly one
 * on_done ends each accepted request, also after abort().
 */
#ifndef SEPTEMBER_HOST_HTTP_H
#define SEPTEMBER_HOST_HTTP_H

#include "call.h"

#ifdef __cplusplus
extern "C" {
#endif

struct sept_http; /* one running request, opaque */

/* Request flags. */
#define SEPT_HTTP_SSE (1u << 0)    /* parse a 2xx text/event-stream reply and
                                      deliver on_sse instead of on_data */
#define SEPT_HTTP_PUBLIC (1u << 1) /* refuse private, loopback, link-local
                                      and other special addresses at connect
                                      time, after DNS, on every redirect */
#define SEPT_HTTP_FOLLOW (1u << 2) /* follow redirects (http, https only,
                                      credentials dropped on host change) */
#define SEPT_HTTP_TOOL (1u << 3)   /* on a tool's behalf: like _PUBLIC, but
                                      hosts that the operator named are
                                      allowed, others may be refused */

struct sept_http_response {
	uint32_t size;
	int32_t status;               /* HTTP status; 0 when none came */
	struct sept_slice url;        /* the last URL, after redirects */
	struct sept_slice content_type;
	struct sept_slice retry_after; /* raw header value, or empty */
	int64_t retry_after_s;        /* the same in seconds; -1: none */
};

struct sept_sse {
	uint32_t size;
	uint32_t reserved;
	struct sept_slice event; /* "message" when the field was absent */
	struct sept_slice data;  /* lines joined with LF */
	struct sept_slice id;    /* last event id, or empty */
};

struct sept_http_request {
	uint32_t size;
	uint32_t flags;        /* SEPT_HTTP_* */
	const char *method;    /* NUL terminated: "GET", "POST", ... */
	const char *url;       /* NUL terminated, http or https */
	const char *const *headers; /* "Name: value", NULL terminated */
	struct sept_slice body;     /* copied */
	uint64_t deadline_ns;  /* absolute; 0: the call's, or none */
	uint32_t idle_timeout_ms; /* so long no byte: SEPT_ETIMEOUT; 0 off */
	uint32_t max_redirects;   /* with _FOLLOW; 0: 5 */
	uint64_t max_body;     /* bytes of the reply; more: SEPT_ETOOBIG; 0:
	                          16 MiB. With _SSE: bytes of one event */
	void *user;
	/* [loop] Head of the final reply. May be NULL. */
	void (*on_head)(void *user, const struct sept_http_response *);
	/* [loop] A piece of the body (of a non-2xx reply also with _SSE). */
	void (*on_data)(void *user, struct sept_slice);
	/* [loop] One event, with _SSE. */
	void (*on_sse)(void *user, const struct sept_sse *);
	/*
	 * [loop] The end: SEPT_OK when a whole reply came (whatever its HTTP
	 * status), SEPT_ETIMEOUT, SEPT_EIO, SEPT_ETOOBIG, SEPT_EDENIED
	 * (address or scheme refused), SEPT_ECANCELLED. message: for people,
	 * without credentials. The request handle is gone when it returns.
	 */
	void (*on_done)(void *user, sept_status, struct sept_slice message,
	    const struct sept_http_response *);
};

#define SEPT_HOST_HTTP "sept.host.http/1"
struct sept_host_http {
	uint32_t size;
	uint32_t reserved;
	/*
	 * [loop] call may be NULL; when given, its cancel aborts the request
	 * and its deadline bounds it. *out is valid until on_done returns.
	 */
	sept_status (*request)(const struct sept_host *, struct sept_call *,
	    const struct sept_http_request *, struct sept_http **out,
	    struct sept_err *);
	/* [loop] Ends the request soon with SEPT_ECANCELLED. */
	void (*abort)(struct sept_http *);
	/*
	 * [loop] Stops (1) or resumes (0) reading the reply; for a plugin
	 * whose emit answered SEPT_EAGAIN. Data already read may still come.
	 */
	void (*pause)(struct sept_http *, int32_t paused);
};

#ifdef __cplusplus
}
#endif
#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_client.h - the asynchronous HTTP client on libcurl's multi interface,
 * in the loop. Requests have the form of the plugin interface
 * (september/host-http.h), which gives the contract of each field and
 * callback. Loop thread only.
 *
 * One connection pool for plain requests and another one for those with
 * SEPT_HTTP_PUBLIC or _TOOL, whose addresses are checked when the socket is
 * opened: a connection opened without the check is never reused with it.
 */
#ifndef CORE_NET_HTTP_CLIENT_H
#define CORE_NET_HTTP_CLIENT_H

#include <september/host-http.h>

#include "../base/err.h"
#include "../loop/loop.h"

struct http_client;

struct http_client_config {
	/* ENGINE_NETWORK_ALLOW: comma-separated hosts, "*.example.org"; NULL:
	 * unset. Governs SEPT_HTTP_TOOL requests. */
	const char *allow;
	const char *user_agent;
	unsigned max_connections; /* per pool, kept for reuse; 0: 256 */
};

struct http_client_stats {
	uint64_t requests, failed, connections_opened, active;
};

struct http_client *http_client_new(struct loop *l,
    const struct http_client_config *cfg, struct err *e);
/* Aborts what runs; on_done of each comes from here. */
void http_client_free(struct http_client *c);
/*
 * 0 and *out (valid until on_done returns), or -1 and e: then no callback
 * comes. deadline_ns is absolute on clock_mono_ns()'s clock.
 */
int http_client_request(struct http_client *c,
    const struct sept_http_request *req, struct sept_http **out,
    struct err *e);
void http_client_abort(struct sept_http *h);
void http_client_pause(struct sept_http *h, int paused);
void http_client_stats(const struct http_client *c,
    struct http_client_stats *out);

#endif

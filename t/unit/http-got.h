/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http-got.h - what the tests of the HTTP client share: one loop, one client,
 * one server, and a record of what a request brought.
 */
#ifndef T_UNIT_HTTP_GOT_H
#define T_UNIT_HTTP_GOT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../core/net/http_client.h"
#include "odd-server.h"

extern struct loop *loop;
extern struct http_client *client;
extern struct odd_server *server;

/* What one request brought. */
struct got {
	struct sept_http *h;
	/* nested: callbacks from inside a call, or after the end. */
	int done, heads, datas, sses, status, nested, aborted;
	sept_status st;
	char msg[300], url[300], type[100], body[20000], last[300];
	char events[400];
	size_t body_n;
	int64_t retry_s;
	/* What to do in a callback. */
	int abort_in_head, abort_in_data, abort_in_sse, pause_in_data;
	int abort_in_done, chain;
	struct got *next;
};

void got_start(void);
void got_stop(void);
/* URL of a path on the server; valid until the next call. */
const char *at(const char *path);
/* Path of a redirect to host and path. */
const char *to(int code, const char *host, const char *path);
void fill(struct sept_http_request *q, struct got *g, const char *url,
    unsigned flags);
/* more: method, headers, body and limits; may be NULL. */
void send_req(struct got *g, const char *url, unsigned flags,
    const struct sept_http_request *more);
void do_abort(struct got *g);
/* One round of the loop. */
void turn(void);
void wait_done(struct got *g);
/* Sends and waits; the record is valid until the next fetch. */
struct got *fetch_with(const char *path, unsigned flags,
    const struct sept_http_request *more);
struct got *fetch(const char *path, unsigned flags);
/* A new client with that allow list. */
void fresh(const char *allow);
/* Lets the loop run for so long. */
void spin_ms(unsigned ms);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host-http.c - sept.host.http/1 over the engine's HTTP client.
 *
 * A request pins its generation until on_done has returned. One that belongs
 * to a call is aborted by the call's cancel and bounded by its deadline; it
 * is let go of when the call ends first.
 */
#include <stdlib.h>
#include <string.h>

#include "../base/log.h"
#include "call-internal.h"

static void
on_head(void *user, const struct sept_http_response *resp)
{
	struct host_request *r = user;
	const char *before;

	if (r->req.on_head == NULL)
		return;
	before = gen_enter(r->gen, r->gen->names->callback);
	r->req.on_head(r->req.user, resp);
	gen_leave(r->gen, before);
}

static void
on_data(void *user, struct sept_slice data)
{
	struct host_request *r = user;
	const char *before;

	if (r->req.on_data == NULL)
		return;
	before = gen_enter(r->gen, r->gen->names->callback);
	r->req.on_data(r->req.user, data);
	gen_leave(r->gen, before);
}

static void
on_sse(void *user, const struct sept_sse *ev)
{
	struct host_request *r = user;
	const char *before;

	if (r->req.on_sse == NULL)
		return;
	before = gen_enter(r->gen, r->gen->names->callback);
	r->req.on_sse(r->req.user, ev);
	gen_leave(r->gen, before);
}

static void
on_done(void *user, sept_status status, struct sept_slice message,
    const struct sept_http_response *resp)
{
	struct host_request *r = user;
	struct generation *g = r->gen;
	const char *before = gen_enter(g, g->names->callback);

	r->req.on_done(r->req.user, status, message, resp);
	gen_leave(g, before);
	LIST_REMOVE(r, link);
	call_drop_request(r);
	free(r);
	gen_unref(g, GEN_HOST);
}

static sept_status
status_of(enum err_code code)
{
	switch (code) {
	case ERR_PERMISSION_DENIED:
		return SEPT_EDENIED;
	case ERR_BAD_REQUEST:
	case ERR_VALIDATION:
		return SEPT_EINVAL;
	case ERR_BODY_TOO_LARGE:
		return SEPT_ETOOBIG;
	case ERR_NOT_FOUND:
		return SEPT_ENOTFOUND;
	case ERR_UNAVAILABLE:
		return SEPT_EUNAVAIL;
	default:
		return SEPT_EIO;
	}
}

sept_status
host_explain(const struct generation *g, struct sept_err *to,
    const struct err *e)
{
	struct sept_slice msg = { e->text, strlen(e->text) };
	sept_status st = status_of(e->code);

	g->host.fail(to, st, msg);
	return st;
}

static sept_status
hh_request(const struct sept_host *h, struct sept_call *call,
    const struct sept_http_request *req, struct sept_http **out,
    struct sept_err *se)
{
	struct generation *g = h->impl;
	struct sept_http_request inner;
	struct host_request *r;
	struct err e = { .code = ERR_INTERNAL };
	uint64_t until;

	if (req == NULL || out == NULL || !SEPT_HAS(struct sept_http_request,
	    req, on_done) || req->on_done == NULL ||
	    !host_on_loop(g, "request"))
		return SEPT_EINVAL;
	if (call != NULL && call_is_over(call))
		return SEPT_ECANCELLED;
	r = calloc(1, sizeof *r);
	if (r == NULL)
		return SEPT_ENOMEM;
	r->gen = g;
	memcpy(&r->req, req, sizeof r->req);
	inner = r->req;
	inner.size = sizeof inner;
	inner.user = r;
	inner.on_head = on_head;
	inner.on_data = on_data;
	inner.on_sse = on_sse;
	inner.on_done = on_done;
	until = call != NULL ? call_deadline(call) : UINT64_MAX;
	if (until != UINT64_MAX && (inner.deadline_ns == 0 ||
	    inner.deadline_ns > until))
		inner.deadline_ns = until;
	if (http_client_request(g->plug->cfg.http, &inner, &r->http, &e)
	    != 0) {
		free(r);
		return host_explain(g, se, &e);
	}
	gen_ref(g, GEN_HOST);
	LIST_INSERT_HEAD(&g->requests, r, link);
	if (call != NULL)
		call_add_request(call, r);
	*out = (struct sept_http *)r;
	return SEPT_OK;
}

void
host_request_abort(struct host_request *r)
{
	if (r->aborted)
		return;
	r->aborted = 1;
	http_client_abort(r->http);
}

static void
hh_abort(struct sept_http *h)
{
	struct host_request *r = (struct host_request *)h;

	if (r != NULL && host_on_loop(r->gen, "abort"))
		host_request_abort(r);
}

static void
hh_pause(struct sept_http *h, int32_t paused)
{
	struct host_request *r = (struct host_request *)h;

	if (r != NULL && host_on_loop(r->gen, "pause") && !r->aborted)
		http_client_pause(r->http, paused != 0);
}

static const struct sept_host_http http_table = {
	.size = sizeof http_table,
	.request = hh_request,
	.abort = hh_abort,
	.pause = hh_pause,
};

const void *
host_http_table(void)
{
	return &http_table;
}

/* Aborting may end a request at once: begin again after each. */
void
host_http_end(struct generation *g)
{
	struct host_request *r;
	unsigned n = 0;

	for (;;) {
		LIST_FOREACH(r, &g->requests, link)
			if (!r->aborted)
				break;
		if (r == NULL)
			break;
		host_request_abort(r);
		n++;
	}
	if (n > 0)
		log_warn("plug", "plugin %s left %u requests behind",
		    g->names->id, n);
}

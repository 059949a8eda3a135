/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_req.c - a request in the handler's hands, and its answer.
 *
 * It outlives its client and its server: when either goes, the request is
 * taken over from evhttp and lives until the handler answers into nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/json.h"
#include "../base/log.h"
#include "http-internal.h"

void
http_req_release(struct http_req *r)
{
	http_query_free(r->query);
	free(r->path);
	free(r);
}

static struct http_req *
req_new(struct evhttp_request *ev)
{
	struct http_req *r = calloc(1, sizeof *r);
	const char *id;

	if (r == NULL)
		return NULL;
	r->ev = ev;
	if (http_req_set_target(r, evhttp_request_get_uri(ev)) != 0) {
		free(r);
		return NULL;
	}
	id = http_req_header(r, "X-Request-Id");
	if (id != NULL && answer_good_id(id, strlen(id)))
		r->client_id = id;
	else
		id_make(r->id, "req-");
	return r;
}

void
http_req_arrived(struct evhttp_request *ev, void *arg)
{
	struct http_server *s = arg;
	struct evhttp_connection *evcon = evhttp_request_get_connection(ev);
	int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(evcon));
	struct http_conn *c = fd >= 0 && (size_t)fd < s->by_fd_n ?
	    s->by_fd[fd] : NULL;
	struct http_req *r;

	/* Two readers of one stream must agree on where a request ends. */
	if (c == NULL || c->evcon != evcon || c->state != CONN_PASSED) {
		log_error("http", "the filter and the parser disagree about "
		    "a request; the connection is closed");
		evhttp_send_error(ev, 400, "Bad Request");
		return;
	}
	r = req_new(ev);
	if (r == NULL) {
		evhttp_send_error(ev, 503, "Service Unavailable");
		return;
	}
	s->stats.requests++;
	evhttp_request_set_on_complete_cb(ev, conn_completed, c);
	conn_set(c, CONN_BUSY);
	r->conn = c;
	c->req = r;
	s->cfg.handle(s->cfg.user, r);
}

void
http_req_client_gone(struct http_req *r)
{
	/* evhttp drops it with its connection, or leaves it to us; now us. */
	evhttp_request_own(r->ev);
	r->conn = NULL;
}

const char *
http_req_method(const struct http_req *r)
{
	switch (evhttp_request_get_command(r->ev)) {
	case EVHTTP_REQ_GET:
		return "GET";
	case EVHTTP_REQ_POST:
		return "POST";
	case EVHTTP_REQ_HEAD:
		return "HEAD";
	case EVHTTP_REQ_PUT:
		return "PUT";
	case EVHTTP_REQ_DELETE:
		return "DELETE";
	case EVHTTP_REQ_OPTIONS:
		return "OPTIONS";
	case EVHTTP_REQ_PATCH:
		return "PATCH";
	default:
		return "";
	}
}

const char *
http_req_path(const struct http_req *r)
{
	return r->path;
}

const char *
http_req_raw_path(const struct http_req *r)
{
	return r->raw_path;
}

const char *
http_req_header(const struct http_req *r, const char *name)
{
	return evhttp_find_header(evhttp_request_get_input_headers(r->ev),
	    name);
}

const char *
http_req_body(struct http_req *r, size_t *n)
{
	struct evbuffer *b = evhttp_request_get_input_buffer(r->ev);
	const unsigned char *p = NULL;

	*n = evbuffer_get_length(b);
	if (*n > 0)
		p = evbuffer_pullup(b, -1);
	if (p == NULL)
		*n = 0;
	return (const char *)p;
}

const char *
http_req_id(const struct http_req *r)
{
	return r->client_id != NULL ? r->client_id : r->id;
}

void
http_req_set_user(struct http_req *r, void *user)
{
	r->user = user;
}

void *
http_req_user(const struct http_req *r)
{
	return r->user;
}

int
http_req_reply_header(struct http_req *r, const char *name, const char *value)
{
	return evhttp_add_header(evhttp_request_get_output_headers(r->ev),
	    name, value);
}

static void
free_text(const void *data, size_t n, void *extra)
{
	(void)n;
	(void)extra;
	free((void *)(uintptr_t)data);
}

/*
 * Sends what is in the request's output; r and perhaps its connection are
 * gone afterwards. n: length of the body, which HEAD is only told about.
 */
static void
finish(struct http_req *r, int status, const char *type, size_t n)
{
	struct http_conn *c = r->conn;
	struct evhttp_request *ev = r->ev;
	char len[24];

	if (c == NULL) {
		evhttp_request_free(ev);
		http_req_release(r);
		return;
	}
	if (type != NULL)
		(void)http_req_reply_header(r, "Content-Type", type);
	(void)http_req_reply_header(r, "X-Request-Id", http_req_id(r));
	if (c->head_only || c->http10) {
		(void)snprintf(len, sizeof len, "%zu", n);
		(void)http_req_reply_header(r, "Content-Length", len);
	}
	c->req = NULL;
	http_req_release(r);
	/* A connection that is to be closed keeps its state. */
	if (c->state < CONN_DOOMED)
		conn_set(c, CONN_REPLY);
	evhttp_send_reply(ev, status, answer_phrase(status), NULL);
	if (c->state < CONN_DOOMED)
		conn_flush(c);
}

/* body: malloc()ed, given away; NULL with n > 0: out of memory. */
static void
reply_text(struct http_req *r, int status, const char *type, char *body,
    size_t n)
{
	struct evbuffer *out = evhttp_request_get_output_buffer(r->ev);

	if (r->conn == NULL || r->conn->head_only || n == 0)
		free(body);
	else if (body == NULL || evbuffer_add_reference(out, body, n,
	    free_text, NULL) != 0) {
		free(body);
		status = 500;
		n = 0;
	}
	finish(r, status, type, n);
}

void
http_reply_json(struct http_req *r, int status, json_t *body)
{
	size_t n = 0;
	char *text = body != NULL ? json_line(body, &n) : NULL;

	json_decref(body);
	if (text == NULL) {
		static const char nomem[] = "{\"error\":\"INTERNAL\","
		    "\"message\":\"out of memory\"}";

		http_reply_raw(r, 500, "application/json", nomem,
		    sizeof nomem - 1);
		return;
	}
	reply_text(r, status, "application/json", text, n);
}

void
http_reply_err(struct http_req *r, const struct err *e, json_t *details)
{
	http_reply_json(r, err_status(e->code), answer_json(e, details));
}

void
http_reply_raw(struct http_req *r, int status, const char *type,
    const char *body, size_t n)
{
	struct evbuffer *out = evhttp_request_get_output_buffer(r->ev);

	if (r->conn != NULL && !r->conn->head_only && n > 0 &&
	    evbuffer_add(out, body, n) != 0) {
		status = 500;
		n = 0;
	}
	finish(r, status, type, n);
}

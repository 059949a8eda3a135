/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sse_out.c - event streams.
 *
 * evhttp sends the head and ends the reply; in between the connection's
 * callbacks are ours and pieces go to the socket directly, with the chunk
 * framing around them. What the socket does not take goes to the output
 * buffer; nothing is sent past it. At most one piece is outstanding, so the
 * buffer never holds more than that and a heartbeat.
 */
#include "sse_out.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "../base/clock.h"
#include "http-internal.h"

struct sse_out {
	struct http_conn *c;
	struct evhttp_request *ev;
	const struct sse_out_ops *ops;
	void *user;
	int busy; /* a piece is outstanding; `writable` is owed */
};

static void
on_drain(struct bufferevent *bev, void *arg)
{
	struct http_conn *c = arg;

	(void)bev;
	if (c->stream != NULL)
		sse_out_drained(c->stream);
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct http_conn *c = arg;

	if (c->evcon != NULL)
		c->s->ev_error(bev, what, c->evcon);
}

static int
send_head(struct http_req *r, struct http_conn *c)
{
	struct evkeyvalq *in = evhttp_request_get_input_headers(r->ev);

	/* Without chunks the stream ends with the connection. */
	if (c->http10) {
		(void)evhttp_remove_header(in, "Connection");
		if (http_req_reply_header(r, "Connection", "close") != 0)
			return -1;
	}
	if (http_req_reply_header(r, "Content-Type",
	    "text/event-stream") != 0 ||
	    http_req_reply_header(r, "Cache-Control", "no-cache") != 0 ||
	    http_req_reply_header(r, "X-Accel-Buffering", "no") != 0 ||
	    http_req_reply_header(r, "X-Request-Id", http_req_id(r)) != 0)
		return -1;
	evhttp_send_reply_start(r->ev, 200, "OK");
	return 0;
}

struct sse_out *
sse_out_open(struct http_req *r, const struct sse_out_ops *ops, void *user)
{
	struct sse_out *o = calloc(1, sizeof *o);
	struct http_conn *c = r->conn;
	struct evbuffer *out;
	struct err e;
	int failed;

	if (o == NULL || c == NULL || c->state != CONN_BUSY ||
	    send_head(r, c) != 0) {
		free(o);
		err_nomem(&e);
		http_reply_err(r, &e, NULL);
		return NULL;
	}
	o->c = c;
	o->ev = r->ev;
	o->ops = ops;
	o->user = user;
	bufferevent_setcb(c->bev, NULL, on_drain, on_event, c);
	c->req = NULL;
	c->stream = o;
	c->s->stats.streams++;
	conn_set(c, CONN_STREAM);
	http_req_release(r);
	out = bufferevent_get_output(c->bev);
	failed = c->http10 ? evbuffer_add(out, ":\n\n", 3) :
	    evbuffer_add(out, "3\r\n:\n\n\r\n", 8);
	if (failed || conn_write_now(c) != 0)
		conn_doom(c, 0); /* `closed` follows */
	o->busy = evbuffer_get_length(out) > 0;
	return o;
}

int
sse_out_ready(const struct sse_out *o)
{
	return !o->busy;
}

static int
queue_rest(struct evbuffer *out, const struct iovec *v, int n, size_t sent)
{
	int i;

	for (i = 0; i < n; i++) {
		if (sent >= v[i].iov_len) {
			sent -= v[i].iov_len;
			continue;
		}
		if (evbuffer_add(out, (char *)v[i].iov_base + sent,
		    v[i].iov_len - sent) != 0)
			return -1;
		sent = 0;
	}
	return 0;
}

/* Bytes that the socket took; -1 when it failed. */
static ssize_t
send_now(struct http_conn *c, struct iovec *v, int n)
{
	struct msghdr m = { .msg_iov = v, .msg_iovlen = (size_t)n };
	ssize_t r;

	do
		r = sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (r < 0 && errno == EINTR);
	if (r < 0 && (errno == EAGAIN || errno == ENOBUFS))
		r = 0;
	return r;
}

int
sse_out_write(struct sse_out *o, const char *frames, size_t n)
{
	struct http_conn *c = o->c;
	struct evbuffer *out = bufferevent_get_output(c->bev);
	size_t total = n, queued = evbuffer_get_length(out);
	struct iovec v[3];
	char size[20];
	ssize_t r = 0;
	int nv = 0, len;

	if (n == 0 || c->state != CONN_STREAM)
		return 0;
	if (!c->http10) {
		len = snprintf(size, sizeof size, "%zx\r\n", n);
		v[nv++] = (struct iovec){ size, (size_t)len };
		total += (size_t)len + 2;
	}
	v[nv++] = (struct iovec){ (void *)(uintptr_t)frames, n };
	if (!c->http10)
		v[nv++] = (struct iovec){ (void *)(uintptr_t)"\r\n", 2 };
	o->busy = 1;
	conn_rearm(c);
	if (queued == 0)
		r = send_now(c, v, nv);
	if (r < 0) {
		conn_doom(c, 0);
		return 0;
	}
	if ((size_t)r == total) {
		conn_kick(c); /* `writable`, from the loop */
		return 0;
	}
	return queue_rest(out, v, nv, (size_t)r);
}

void
sse_out_drained(struct sse_out *o)
{
	if (!o->busy ||
	    evbuffer_get_length(bufferevent_get_output(o->c->bev)) > 0)
		return;
	o->busy = 0;
	o->ops->writable(o->user);
}

void
sse_out_beat(struct sse_out *o)
{
	char frame[96], iso[CLOCK_ISO_LEN + 1];
	int n;

	if (o->busy) {
		conn_rearm(o->c);
		return;
	}
	clock_iso(clock_wall_ms() - 1, iso);
	n = snprintf(frame, sizeof frame, "event: heartbeat\n"
	    "data: {\"timestamp\":\"%s\"}\n\n", iso);
	if (sse_out_write(o, frame, (size_t)n) != 0)
		conn_doom(o->c, 0);
}

void
sse_out_end(struct sse_out *o)
{
	struct http_conn *c = o->c;
	struct evhttp_request *ev = o->ev;
	int doomed = c->state >= CONN_DOOMED, http10 = c->http10;

	c->stream = NULL;
	c->s->stats.streams--;
	free(o);
	/* Framed by the end of the connection, evhttp leaves this to us. */
	if (http10)
		bufferevent_setcb(c->bev, NULL, c->s->ev_write,
		    c->s->ev_error, c->evcon);
	if (!doomed)
		conn_set(c, CONN_REPLY);
	evhttp_send_reply_end(ev);
	/* An HTTP/1.0 connection may be gone already. */
	if (!doomed && !http10)
		conn_flush(c);
}

void
sse_out_gone(struct sse_out *o)
{
	o->c->s->stats.streams--;
	o->ops->closed(o->user);
	/* Still in evhttp's list: it frees it with the connection. */
	if (evhttp_request_get_connection(o->ev) == NULL)
		evhttp_request_free(o->ev);
	free(o);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_conn.c - one connection: its states, its deadlines, its end.
 *
 * The filter sits on the input buffer of the bufferevent that evhttp reads
 * from: a callback takes every byte out as it arrives and puts back what
 * belongs to one good request (http_admit.c). So evhttp's output side stays
 * an ordinary socket bufferevent, whose drain callback means what it says.
 *
 * Traps of evhttp this file lives with:
 * - Its read callback ends the process when it comes while a request is being
 *   answered. Reading is never enabled here in that time, and the callback is
 *   only triggered in CONN_HEAD and CONN_KEEP.
 * - Its write callback takes every call for "all written". It is called by us
 *   at most once a reply, at once and never deferred.
 * - There is no call to learn its connection object before the first request
 *   except from the bufferevent's callback argument. It is checked against
 *   the official one with each request.
 * - It shuts the sending side down when it frees a connection; what is to be
 *   read by the client has been sent before.
 */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "http-internal.h"

static const uint8_t wait_of[CONN_STATES] = {
	[CONN_FRESH] = WAIT_HEAD, [CONN_HEAD] = WAIT_HEAD,
	[CONN_KEEP] = WAIT_KEEP, [CONN_BODY] = WAIT_BODY,
	[CONN_DROP] = WAIT_BODY, [CONN_PASSED] = WAIT_BODY,
	[CONN_BUSY] = WAIT_NONE, [CONN_REPLY] = WAIT_REPLY,
	[CONN_STREAM] = WAIT_BEAT, [CONN_DOOMED] = WAIT_NONE,
	[CONN_LINGER] = WAIT_LINGER
};

void
conn_set(struct http_conn *c, enum conn_state to)
{
	unsigned from = c->state;

	/* Nothing comes back from the end. */
	assert(from < CONN_DOOMED || to > (enum conn_state)from);
	c->state = (uint8_t)to;
	/* From accept to the end of the head is one stretch. */
	if (from != CONN_FRESH)
		server_wait(c->s, c, wait_of[to]);
}

void
conn_rearm(struct http_conn *c)
{
	server_wait(c->s, c, wait_of[c->state]);
}

void
conn_kick(struct http_conn *c)
{
	if (c->kicked)
		return;
	c->kicked = 1;
	c->s->kicked_n++;
	TAILQ_INSERT_TAIL(&c->s->kicked, c, kick);
	server_kick(c->s);
}

void
conn_doom(struct http_conn *c, int linger)
{
	if (c->state >= CONN_DOOMED)
		return;
	c->linger = linger != 0;
	conn_set(c, CONN_DOOMED);
	conn_kick(c);
}

static void
on_input(struct evbuffer *in, const struct evbuffer_cb_info *info, void *arg)
{
	struct http_conn *c = arg;

	if (info->n_added == 0 || c->feeding)
		return;
	c->feeding = 1;
	if (c->state >= CONN_DOOMED)
		(void)evbuffer_drain(in, evbuffer_get_length(in));
	else
		conn_take(c, in, info->n_added);
	c->feeding = 0;
}

struct http_conn *
conn_new(struct http_server *s)
{
	struct http_conn *c = calloc(1, sizeof *c);

	if (c == NULL)
		return NULL;
	c->s = s;
	c->fd = -1;
	http_filter_init(&c->f, s->cfg.max_body);
	c->held = evbuffer_new();
	c->bev = bufferevent_socket_new(s->base, -1, BEV_OPT_CLOSE_ON_FREE);
	if (c->held == NULL || c->bev == NULL)
		goto fail;
	c->input_cb = evbuffer_add_cb(bufferevent_get_input(c->bev), on_input,
	    c);
	if (c->input_cb == NULL)
		goto fail;
	bufferevent_incref(c->bev);
	TAILQ_INSERT_TAIL(&s->conns, c, all);
	return c;
fail:
	if (c->held != NULL)
		evbuffer_free(c->held);
	if (c->bev != NULL)
		bufferevent_free(c->bev);
	free(c);
	return NULL;
}

void
conn_free(struct http_conn *c)
{
	struct http_server *s = c->s;

	if (c->kicked)
		TAILQ_REMOVE(&s->kicked, c, kick);
	server_wait(s, c, WAIT_NONE);
	TAILQ_REMOVE(&s->conns, c, all);
	if (c->fd >= 0 && (size_t)c->fd < s->by_fd_n && s->by_fd[c->fd] == c)
		s->by_fd[c->fd] = NULL;
	(void)evbuffer_remove_cb_entry(bufferevent_get_input(c->bev),
	    c->input_cb);
	evbuffer_free(c->held);
	answer_free(c->refusal);
	free(c->chunk_id);
	bufferevent_setcb(c->bev, NULL, NULL, NULL, NULL);
	(void)bufferevent_disable(c->bev, EV_READ | EV_WRITE);
	(void)bufferevent_decref(c->bev);
	if (c->accepted)
		server_conn_gone(s);
	free(c);
}

/* evhttp is about to free its side. */
static void
on_gone(struct evhttp_connection *evcon, void *arg)
{
	struct http_conn *c = arg;

	(void)evcon;
	c->evcon = NULL;
	if (c->req != NULL)
		http_req_client_gone(c->req);
	c->req = NULL;
	if (c->stream != NULL)
		sse_out_gone(c->stream);
	c->stream = NULL;
	/*
	 * Closing with bytes unread resets the connection, and the client
	 * may lose the reply. evhttp is still at work: go on from the loop.
	 */
	if (!c->s->closing &&
	    (c->linger || evbuffer_get_length(c->held) > 0)) {
		conn_set(c, CONN_LINGER);
		conn_kick(c);
		return;
	}
	conn_free(c);
}

/* Bytes were kept while the request before them was answered. */
static void
go_on(struct http_conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);

	if (evbuffer_get_length(c->held) == 0)
		return;
	c->feeding = 1;
	(void)evbuffer_unfreeze(in, 0);
	conn_pump(c);
	(void)evbuffer_freeze(in, 0);
	c->feeding = 0;
	if (c->state < CONN_DOOMED && evbuffer_get_length(in) > 0)
		bufferevent_trigger(c->bev, EV_READ,
		    BEV_TRIG_IGNORE_WATERMARKS);
}

void
conn_begin(struct http_conn *c)
{
	struct http_server *s = c->s;
	bufferevent_data_cb on_read = NULL, on_write = NULL;
	bufferevent_event_cb on_error = NULL;
	void *arg = NULL;
	int on = 1;

	bufferevent_getcb(c->bev, &on_read, &on_write, &on_error, &arg);
	if (on_error == NULL || on_write == NULL || arg == NULL) {
		conn_doom(c, 0); /* it has gone again already */
		return;
	}
	s->ev_write = on_write;
	s->ev_error = on_error;
	c->evcon = arg;
	evhttp_connection_set_closecb(c->evcon, on_gone, c);
	c->fd = bufferevent_getfd(c->bev);
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	conn_set(c, CONN_HEAD);
	if (server_map_fd(s, c->fd, c) != 0)
		conn_doom(c, 0);
}

void
conn_close(struct http_conn *c)
{
	if (c->evcon == NULL) {
		conn_free(c);
		return;
	}
	/* evhttp is told that the connection broke; on_gone() follows. */
	c->s->ev_error(c->bev, BEV_EVENT_READING | BEV_EVENT_ERROR, c->evcon);
}

static void
on_linger_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	(void)what;
	conn_free(arg);
}

static void
start_linger(struct http_conn *c)
{
	(void)evbuffer_drain(c->held, evbuffer_get_length(c->held));
	bufferevent_setcb(c->bev, NULL, NULL, on_linger_event, c);
	if (bufferevent_enable(c->bev, EV_READ) != 0)
		conn_free(c);
}

void
conn_run(struct http_conn *c)
{
	c->kicked = 0;
	TAILQ_REMOVE(&c->s->kicked, c, kick);
	switch ((enum conn_state)c->state) {
	case CONN_FRESH:
		conn_begin(c);
		if (c->state == CONN_HEAD)
			go_on(c);
		break;
	case CONN_HEAD:
	case CONN_KEEP:
		go_on(c);
		break;
	case CONN_STREAM:
		sse_out_drained(c->stream);
		break;
	case CONN_DOOMED:
		conn_close(c);
		break;
	case CONN_LINGER:
		start_linger(c);
		break;
	default:
		break;
	}
}

static void
reply_expired(struct http_conn *c)
{
	size_t left = evbuffer_get_length(bufferevent_get_output(c->bev));

	/* A slow reader that reads is let. */
	if (left > 0 && left < c->reply_left) {
		c->reply_left = left;
		conn_rearm(c);
		return;
	}
	conn_close(c);
}

void
conn_expired(struct http_conn *c)
{
	switch ((enum conn_state)c->state) {
	case CONN_HEAD:
		if (evbuffer_get_length(c->held) == 0) {
			conn_close(c);
			break;
		}
		/* fall through */
	case CONN_BODY:
	case CONN_DROP:
	case CONN_PASSED:
		conn_refuse(c, 408);
		break;
	case CONN_REPLY:
		reply_expired(c);
		break;
	case CONN_STREAM:
		sse_out_beat(c->stream);
		break;
	case CONN_FRESH:
	case CONN_KEEP:
	case CONN_LINGER:
		conn_close(c);
		break;
	default:
		break;
	}
}

int
conn_write_now(struct http_conn *c)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);
	int r = 0;

	if (evbuffer_get_length(out) == 0)
		return 0;
	(void)evbuffer_unfreeze(out, 1);
	r = evbuffer_write(out, c->fd);
	(void)evbuffer_freeze(out, 1);
	if (r < 0 && (errno == EAGAIN || errno == EINTR))
		r = 0;
	return r < 0 ? -1 : 0;
}

/*
 * Written at once, a reply needs no wait for writability (two changes of the
 * epoll set and a turn of the loop), and a client that has shut its sending
 * side down still gets it: evhttp drops the connection when it sees that.
 */
void
conn_flush(struct http_conn *c)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);

	if (conn_write_now(c) != 0)
		return; /* evhttp will meet the same error */
	c->reply_left = evbuffer_get_length(out);
	if (c->reply_left == 0)
		bufferevent_trigger(c->bev, EV_WRITE, 0);
}

void
conn_completed(struct evhttp_request *ev, void *arg)
{
	struct http_conn *c = arg;

	(void)ev;
	if (c->state != CONN_REPLY)
		return;
	http_filter_init(&c->f, c->s->cfg.max_body);
	if (evbuffer_get_length(c->held) == 0) {
		conn_set(c, CONN_KEEP);
		return;
	}
	conn_set(c, CONN_HEAD);
	conn_kick(c);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http-internal.h - what the files of the HTTP server share: the connection,
 * the request and the server itself. Loop thread only.
 *
 * Who owns what. evhttp owns its connection object (evcon) and its requests;
 * of the bufferevent between them each side holds one reference, so that a
 * connection can outlive evhttp's interest in it (lingering close). A struct
 * http_conn lives from accept to the close of the socket, a struct http_req
 * from the handler's call to its answer, even when the client has left or the
 * server is gone.
 */
#ifndef CORE_NET_HTTP_INTERNAL_H
#define CORE_NET_HTTP_INTERNAL_H

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <sys/queue.h>

#include "../base/buf.h"
#include "../base/ids.h"
#include "http_filter.h"
#include "http_server.h"

/* A refused body up to this is read and dropped to keep the connection. */
#define HTTP_DROP_MAX 65536
/* Bytes kept unread behind a request that is being answered. */
#define HTTP_HELD_MAX 65536
/* The same behind an event stream; more closes it. */
#define HTTP_STREAM_HELD_MAX HTTP_HEAD_MAX
#define HTTP_LINGER_MS 5000
#define HTTP_REPLY_MS 30000
#define HTTP_BEAT_MS 15000

struct sse_out;

/*
 * A request passes HEAD, BODY, PASSED, BUSY, REPLY (or STREAM and REPLY). Of
 * pipelined requests evhttp is given one at a time.
 */
enum conn_state {
	CONN_FRESH,  /* accepted; evhttp's side not known yet */
	CONN_HEAD,   /* waits for the end of a head */
	CONN_KEEP,   /* kept alive, no byte of a request yet */
	CONN_BODY,   /* the head has been passed on */
	CONN_DROP,   /* refused; what is left of the body is dropped */
	CONN_PASSED, /* evhttp has all bytes, the handler comes next */
	CONN_BUSY,   /* the handler has it */
	CONN_REPLY,  /* answered; the reply has not left yet */
	CONN_STREAM, /* an event stream is open */
	CONN_DOOMED, /* to be closed from the loop */
	CONN_LINGER, /* closed for sending; waits for the client to see it */
	CONN_STATES
};

/* Each state waits in one queue, whose time-outs are equal, so in order. */
enum conn_wait {
	WAIT_NONE, WAIT_HEAD, WAIT_BODY, WAIT_KEEP, WAIT_REPLY, WAIT_LINGER,
	WAIT_BEAT, WAIT_KINDS
};

struct http_conn {
	struct http_server *s;
	struct bufferevent *bev;
	struct evbuffer_cb_entry *input_cb;
	struct evhttp_connection *evcon; /* NULL before and after evhttp */
	TAILQ_ENTRY(http_conn) all, wait, kick;
	uint64_t deadline;      /* ns, on the queue of `waiting` */
	struct evbuffer *held;  /* bytes evhttp has not been given */
	struct http_filter f;
	struct http_req *req;   /* handed out, not answered */
	struct sse_out *stream;
	struct buf *refusal;    /* to be sent when the body has been dropped */
	char *chunk_id;         /* X-Request-Id of a chunked request */
	size_t reply_left;      /* output at the last look */
	int fd;
	uint8_t state, waiting;
	unsigned accepted : 1;  /* counted as a connection */
	unsigned feeding : 1;   /* our own changes to the input buffer */
	unsigned kicked : 1;
	unsigned linger : 1;    /* close so that the client sees the reply */
	unsigned http10 : 1;
	unsigned head_only : 1; /* HEAD */
	unsigned ends : 1;      /* the client ends it after this request */
};

TAILQ_HEAD(conn_list, http_conn);

struct http_server {
	struct event_base *base;
	struct http_server_config cfg;
	struct evhttp *http;
	struct evconnlistener *lev;
	struct event *tick;   /* the next deadline */
	struct event *kick;   /* runs `kicked` */
	unsigned kicked_n;
	struct event *resume; /* accepts again */
	/* evhttp's own callbacks, the same for all connections. */
	bufferevent_data_cb ev_write;
	bufferevent_event_cb ev_error;
	struct conn_list conns, kicked, waits[WAIT_KINDS];
	struct http_conn *next;  /* made ready for the next accept */
	struct http_conn **by_fd;
	size_t by_fd_n;
	uint64_t tick_at;     /* ns, 0: not armed */
	uint64_t timeout[WAIT_KINDS]; /* ns */
	uint64_t logged_at;   /* ns, the last line about accept */
	int spare;            /* descriptor to give up when none are left */
	int port;
	int paused;           /* not accepting */
	int closing;          /* in http_server_free() */
	struct http_server_stats stats;
	char head[HTTP_HEAD_MAX + 1]; /* the head that is looked at */
	LIST_ENTRY(http_server) all;
};

struct http_query; /* decoded parameters that were asked for */

struct http_req {
	struct http_conn *conn;    /* NULL: the client is gone */
	struct evhttp_request *ev;
	void *user;
	struct http_query *query;
	char *path;                /* decoded, raw, query; one allocation */
	const char *raw_path;
	const char *raw_query;     /* or NULL */
	char id[ID_MAX];           /* ours, where the client sent none */
	const char *client_id;
};

/* http_conn.c */

/* NULL: out of memory. The bufferevent is for evhttp. */
struct http_conn *conn_new(struct http_server *s);
/* A connection that was never handed to evhttp, or that evhttp has left. */
void conn_free(struct http_conn *c);
/* evhttp has accepted: learn its object and begin. */
void conn_begin(struct http_conn *c);
/* The only way from one state to another; starts the state's deadline. */
void conn_set(struct http_conn *c, enum conn_state to);
/* Starts the deadline of the state anew. */
void conn_rearm(struct http_conn *c);
/* Calls conn_run() soon, from the loop. */
void conn_kick(struct http_conn *c);
void conn_run(struct http_conn *c);
/* To be closed soon; linger: so that the client can read what was sent. */
void conn_doom(struct http_conn *c, int linger);
/* The deadline has come. */
void conn_expired(struct http_conn *c);
/* Closes now; c may be gone. Not from inside evhttp or a filter. */
void conn_close(struct http_conn *c);
/* Writes what is in the output; -1 when the socket failed. */
int conn_write_now(struct http_conn *c);
/* After a reply was given to evhttp: sends it at once. c may be gone. */
void conn_flush(struct http_conn *c);
/* evhttp is done with a request (evhttp_request_set_on_complete_cb). */
void conn_completed(struct evhttp_request *ev, void *arg);

/* http_answer.c: replies that evhttp has no part in */

/* A bare refusal, sent at once; the connection is doomed. */
void conn_refuse(struct http_conn *c, int status);
/*
 * A whole reply with the JSON error, or NULL when out of memory. id: the
 * client's, used when it is good. close: with `Connection: close`.
 */
struct buf *answer_new(const struct err *e, const char *id, size_t id_n,
    int close, int head_only);
void answer_free(struct buf *b);
/* Sends it; -1 when the socket does not take it whole. */
int answer_send(struct http_conn *c, const struct buf *b);
/* The error as a JSON object; details: stolen. NULL: out of memory. */
json_t *answer_json(const struct err *e, json_t *details);
/* NULL: none of ours. */
const char *answer_phrase(int status);
/* 1 when it can be an X-Request-Id. */
int answer_good_id(const char *s, size_t n);

/* http_admit.c: from bytes to requests */

/* n bytes have been added to the end of evhttp's input. */
void conn_take(struct http_conn *c, struct evbuffer *in, size_t n);
/* Moves what the filter lets pass from `held` to evhttp's input. */
void conn_pump(struct http_conn *c);

/* http_req.c */

/* evhttp's callback for every request. arg: the server. */
void http_req_arrived(struct evhttp_request *ev, void *arg);
void http_req_client_gone(struct http_req *r);
/* Frees r but not evhttp's request. */
void http_req_release(struct http_req *r);

/* http_query.c */

/* Cuts and decodes the target into path, raw_path and raw_query. */
int http_req_set_target(struct http_req *r, const char *target);
void http_query_free(struct http_query *q);
/* Decodes %XX (and + as blank when plus); dst may be src. The length. */
size_t http_decode(char *dst, const char *src, size_t n, int plus);

/* sse_out.c */

/* The connection is going: tells the owner and frees. */
void sse_out_gone(struct sse_out *o);
/* The output has drained, or the piece went out at once. */
void sse_out_drained(struct sse_out *o);
void sse_out_beat(struct sse_out *o);

/* http_server.c */

void server_wait(struct http_server *s, struct http_conn *c,
    enum conn_wait kind);
void server_kick(struct http_server *s);
int server_map_fd(struct http_server *s, int fd, struct http_conn *c);
void server_conn_gone(struct http_server *s);
/* For tests, before connections wait in that queue. */
void http_server_set_wait(struct http_server *s, enum conn_wait kind,
    unsigned ms);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_admit.c - from bytes to requests: what the framing filter and
 * check_head let pass goes on to evhttp, one request at a time; the rest is
 * answered here and never reaches it.
 *
 * New bytes are taken from the end of evhttp's input into `held` and come
 * back from there, which moves chains and copies nothing. An incomplete head
 * stays in `held`, so evhttp only ever sees whole, good heads.
 */
#include <stdlib.h>
#include <string.h>

#include "http-internal.h"

/* Looks at the first bytes of `held` in one piece; *n gets their number. */
static const char *
look(struct http_conn *c, size_t *n)
{
	struct evbuffer_iovec v;
	size_t have = evbuffer_get_length(c->held);

	if (have > HTTP_HEAD_MAX)
		have = HTTP_HEAD_MAX;
	*n = have;
	if (evbuffer_peek(c->held, (ev_ssize_t)have, NULL, &v, 1) == 1)
		return v.iov_base;
	return evbuffer_copyout(c->held, c->s->head, have) ==
	    (ev_ssize_t)have ? c->s->head : NULL;
}

struct head_text {
	char *p; /* writable */
	size_t n;
};

/* For check_head: the value, ended by a NUL in the copy. */
static const char *
head_value(void *ctx, const char *name)
{
	struct head_text *t = ctx;
	struct http_span v;

	if (http_head_find(t->p, t->n, name, &v) != 0)
		return NULL;
	t->p[v.off + v.n] = '\0'; /* was the blank or CR behind it */
	return t->p + v.off;
}

/* 0, or -1 and e. p: the head, in s->head. */
static int
ask_check_head(struct http_conn *c, char *p, size_t n,
    const struct http_head *h, struct err *e)
{
	struct http_server *s = c->s;
	struct head_text t = { p, n };
	char *path = p + h->target.off;
	size_t len = h->target.n;
	char *q = memchr(path, '?', len);

	if (s->cfg.check_head == NULL)
		return 0;
	if (q != NULL)
		len = (size_t)(q - path);
	len = http_decode(path, path, len, 0);
	path[len] = '\0';
	return s->cfg.check_head(s->cfg.user, h->method, path, head_value, &t,
	    e);
}

/* Refused by its head: answered now, or when a short body has come. */
static int
refuse_by_head(struct http_conn *c, const struct http_head *h, size_t n,
    const struct err *e)
{
	int now = h->expect || h->length > HTTP_DROP_MAX;
	struct buf *b = answer_new(e, c->s->head + h->id.off, h->id.n,
	    now || c->ends, c->head_only);

	if (b == NULL || now) {
		conn_doom(c, b != NULL && answer_send(c, b) == 0);
		answer_free(b);
		return 0;
	}
	c->refusal = b;
	c->f.max_body = HTTP_DROP_MAX;
	conn_set(c, CONN_DROP);
	(void)evbuffer_drain(c->held, n);
	return 1;
}

/* A good head: 1 to go on with what follows it. */
static int
admit(struct http_conn *c, const char *p, size_t n,
    const struct http_head *h)
{
	struct err e = { 0 };

	if (p != c->s->head)
		memcpy(c->s->head, p, n);
	c->s->head[n] = '\0';
	c->http10 = h->minor == 0;
	c->ends = h->close || h->minor == 0;
	c->head_only = strcmp(h->method, "HEAD") == 0;
	if (ask_check_head(c, c->s->head, n, h, &e) != 0)
		return refuse_by_head(c, h, n, &e);
	if (h->length > c->s->cfg.max_body) {
		err_set(&e, ERR_BODY_TOO_LARGE,
		    "the body is larger than %zu bytes", c->s->cfg.max_body);
		return refuse_by_head(c, h, n, &e);
	}
	free(c->chunk_id); /* for a 413 that comes when the head is gone */
	c->chunk_id = h->chunked && h->id.n > 0 ?
	    strndup(c->s->head + h->id.off, h->id.n) : NULL;
	if (evbuffer_remove_buffer(c->held, bufferevent_get_input(c->bev),
	    n) != (int)n) {
		conn_doom(c, 0);
		return 0;
	}
	conn_set(c, c->f.state == HTTP_FILTER_END ? CONN_PASSED : CONN_BODY);
	return 1;
}

static int
pump_head(struct http_conn *c)
{
	struct http_head h;
	const char *p;
	size_t n;
	int r;

	if (evbuffer_get_length(c->held) == 0)
		return 0;
	if (c->state == CONN_KEEP)
		conn_set(c, CONN_HEAD);
	p = look(c, &n);
	if (p == NULL) {
		conn_doom(c, 0);
		return 0;
	}
	/* RFC 9112, 2.2: an empty line before a request is ignored. */
	if (c->f.seen == 0 && *p == '\r') {
		if (n == 1)
			return 0;
		if (p[1] == '\n') {
			(void)evbuffer_drain(c->held, 2);
			return 1;
		}
	}
	r = http_filter_head(&c->f, p, n, &h);
	if (r < 0)
		conn_refuse(c, -r);
	return r > 0 ? admit(c, p, (size_t)r, &h) : 0;
}

/* The body of a chunked request is over the limit. */
static void
too_large(struct http_conn *c)
{
	struct err e = { 0 };
	struct buf *b = NULL;

	if (c->refusal == NULL) {
		err_set(&e, ERR_BODY_TOO_LARGE,
		    "the body is larger than %zu bytes", c->s->cfg.max_body);
		b = answer_new(&e, c->chunk_id, c->chunk_id != NULL ?
		    strlen(c->chunk_id) : 0, 1, 0);
	}
	conn_doom(c, (b != NULL || c->refusal != NULL) &&
	    answer_send(c, b != NULL ? b : c->refusal) == 0);
	answer_free(b);
}

static void
end_drop(struct http_conn *c)
{
	int r = answer_send(c, c->refusal);

	answer_free(c->refusal);
	c->refusal = NULL;
	if (r != 0 || c->ends) {
		conn_doom(c, r == 0);
		return;
	}
	http_filter_init(&c->f, c->s->cfg.max_body);
	conn_set(c, CONN_KEEP);
}

/* How many bytes of `held` belong to the body. */
static size_t
measure(struct http_conn *c, int *status)
{
	struct evbuffer_iovec v[8];
	size_t total = 0, n;
	int i, got;

	got = evbuffer_peek(c->held, -1, NULL, v, 8);
	for (i = 0; i < got && i < 8; i++) {
		n = http_filter_body(&c->f, v[i].iov_base, v[i].iov_len,
		    status);
		total += n;
		if (n < v[i].iov_len)
			break;
	}
	return total;
}

static int
pump_body(struct http_conn *c)
{
	int status = 0, r = 0;
	size_t n;

	if (c->f.state != HTTP_FILTER_END) {
		n = measure(c, &status);
		if (c->f.state == HTTP_FILTER_BAD) {
			if (status == 413)
				too_large(c);
			else
				conn_refuse(c, status);
			return 0;
		}
		if (c->state == CONN_DROP)
			(void)evbuffer_drain(c->held, n);
		else if (n > 0 && evbuffer_remove_buffer(c->held,
		    bufferevent_get_input(c->bev), n) != (int)n) {
			conn_doom(c, 0);
			return 0;
		}
		r = n > 0;
	}
	if (c->f.state != HTTP_FILTER_END)
		return r;
	if (c->state == CONN_DROP)
		end_drop(c);
	else
		conn_set(c, CONN_PASSED);
	return 1;
}

void
conn_pump(struct http_conn *c)
{
	int more = 1;

	while (more)
		switch ((enum conn_state)c->state) {
		case CONN_HEAD:
		case CONN_KEEP:
			more = pump_head(c);
			break;
		case CONN_BODY:
		case CONN_DROP:
			more = pump_body(c);
			break;
		default:
			more = 0;
			break;
		}
}

/* Moves the last n bytes of in to the end of `held`. */
static int
take_tail(struct http_conn *c, struct evbuffer *in, size_t n)
{
	size_t before = evbuffer_get_length(in) - n;
	struct evbuffer *front;
	int r = -1;

	if (before == 0)
		return evbuffer_add_buffer(c->held, in);
	front = evbuffer_new();
	if (front == NULL)
		return -1;
	if (evbuffer_remove_buffer(in, front, before) == (int)before &&
	    evbuffer_add_buffer(c->held, in) == 0)
		r = evbuffer_add_buffer(in, front);
	evbuffer_free(front);
	return r;
}

void
conn_take(struct http_conn *c, struct evbuffer *in, size_t n)
{
	/* The middle of a body needs no look. */
	if (c->state == CONN_BODY && c->f.state == HTTP_FILTER_LENGTH &&
	    c->f.left > n) {
		c->f.left -= n;
		return;
	}
	if (take_tail(c, in, n) != 0) {
		conn_doom(c, 0);
		return;
	}
	if (c->state == CONN_FRESH)
		conn_begin(c);
	n = evbuffer_get_length(c->held);
	if (c->state == CONN_STREAM) {
		if (n > HTTP_STREAM_HELD_MAX)
			conn_doom(c, 0);
	} else if (c->state == CONN_BUSY || c->state == CONN_REPLY) {
		/* evhttp reads again when it has replied. */
		if (n > HTTP_HELD_MAX)
			(void)bufferevent_disable(c->bev, EV_READ);
	} else
		conn_pump(c);
}

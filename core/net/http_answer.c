/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_answer.c - replies that evhttp has no part in: bare refusals while a
 * request is being parsed, and the JSON error for a request that is refused
 * by its head alone.
 *
 * They are short and go out by one send() on a connection that has nothing
 * else to send; a client that does not even take those is closed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../base/json.h"
#include "http-internal.h"

#define ANSWER_MAX 4096

const char *
answer_phrase(int status)
{
	static const struct {
		int status;
		const char *text;
	} table[] = {
		{ 200, "OK" }, { 201, "Created" }, { 202, "Accepted" },
		{ 204, "No Content" }, { 302, "Found" },
		{ 303, "See Other" }, { 400, "Bad Request" },
		{ 401, "Unauthorized" }, { 403, "Forbidden" },
		{ 404, "Not Found" }, { 405, "Method Not Allowed" },
		{ 408, "Request Timeout" }, { 409, "Conflict" },
		{ 413, "Content Too Large" },
		{ 417, "Expectation Failed" },
		{ 422, "Unprocessable Content" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" }, { 501, "Not Implemented" },
		{ 502, "Bad Gateway" }, { 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
		{ 505, "HTTP Version Not Supported" }
	};
	size_t i;

	for (i = 0; i < sizeof table / sizeof table[0]; i++)
		if (table[i].status == status)
			return table[i].text;
	return NULL;
}

int
answer_good_id(const char *s, size_t n)
{
	size_t i;

	if (n < 1 || n > 128)
		return 0;
	for (i = 0; i < n; i++)
		if (s[i] <= ' ' || s[i] > '~')
			return 0;
	return 1;
}

json_t *
answer_json(const struct err *e, json_t *details)
{
	json_t *o = json_pack("{s:s,s:s}", "error", err_name(e->code),
	    "message", e->text);

	if (o == NULL)
		goto fail;
	if (e->field[0] != '\0') {
		if (details == NULL)
			details = json_object();
		if (json_object_set_new(details, "field",
		    json_string(e->field)) != 0)
			goto fail;
	}
	if (details != NULL && json_object_set(o, "details", details) != 0)
		goto fail;
	json_decref(details);
	return o;
fail:
	json_decref(details);
	json_decref(o);
	return NULL;
}

static void
start_answer(struct buf *b, int status, const char *id, size_t id_n,
    int close)
{
	const char *text = answer_phrase(status);
	char own[ID_MAX], date[40];

	buf_addf(b, "HTTP/1.1 %d %s\r\n", status,
	    text != NULL ? text : "Refused");
	if (evutil_date_rfc1123(date, sizeof date, NULL) > 0)
		buf_addf(b, "Date: %s\r\n", date);
	if (id == NULL || !answer_good_id(id, id_n)) {
		id_make(own, "req-");
		id = own;
		id_n = strlen(own);
	}
	buf_addf(b, "X-Request-Id: %.*s\r\n", (int)id_n, id);
	if (close)
		buf_adds(b, "Connection: close\r\n");
}

struct buf *
answer_new(const struct err *e, const char *id, size_t id_n, int close,
    int head_only)
{
	struct buf *b = calloc(1, sizeof *b);
	json_t *o = answer_json(e, NULL);
	char *text = o != NULL ? json_line(o, NULL) : NULL;

	json_decref(o);
	if (b == NULL || text == NULL)
		goto fail;
	buf_init(b, ANSWER_MAX);
	start_answer(b, err_status(e->code), id, id_n, close);
	buf_addf(b, "Content-Type: application/json\r\n"
	    "Content-Length: %zu\r\n\r\n", strlen(text));
	if (!head_only)
		buf_adds(b, text);
	if (buf_failed(b))
		goto fail;
	free(text);
	return b;
fail:
	free(text);
	answer_free(b);
	return NULL;
}

void
answer_free(struct buf *b)
{
	if (b != NULL)
		buf_fini(b);
	free(b);
}

int
answer_send(struct http_conn *c, const struct buf *b)
{
	ssize_t r;

	/* A 100 Continue may be waiting in front. */
	if (c->fd < 0 || conn_write_now(c) != 0 ||
	    evbuffer_get_length(bufferevent_get_output(c->bev)) > 0)
		return -1;
	do
		r = send(c->fd, b->p, b->n, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (r < 0 && errno == EINTR);
	return r >= 0 && (size_t)r == b->n ? 0 : -1;
}

void
conn_refuse(struct http_conn *c, int status)
{
	struct buf b;

	c->s->stats.refused++;
	buf_init(&b, ANSWER_MAX);
	start_answer(&b, status, NULL, 0, 1);
	buf_adds(&b, "Content-Length: 0\r\n\r\n");
	conn_doom(c, !buf_failed(&b) && answer_send(c, &b) == 0);
	buf_fini(&b);
}

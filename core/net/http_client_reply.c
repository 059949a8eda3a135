/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_client_reply.c - what libcurl hands up, line by line and piece by
 * piece: the head is understood here, the body goes to the caller's callback
 * or through the SSE parser.
 *
 * Runs inside libcurl: the caller's callbacks may start, abort or pause
 * requests, which only takes notes (see http_client_internal.h). Once a
 * result is set nothing reaches the caller but on_done.
 */
#include "http_client_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../base/clock.h"

#define HEAD_MAX 262144
/* A redirect's body is read to keep the connection, but not at any price. */
#define REDIRECT_BODY_MAX 65536

void
reply_reset(struct sept_http *h)
{
	h->status = h->head_done = h->redirecting = 0;
	h->head_n = 0;
	h->received = 0;
	free(h->content_type);
	free(h->retry_after);
	free(h->location);
	h->content_type = h->retry_after = h->location = NULL;
	sse_parser_free(h->sse);
	h->sse = NULL;
}

static struct sept_slice
slice(const char *s)
{
	struct sept_slice r;

	r.p = s != NULL ? s : "";
	r.n = s != NULL ? strlen(s) : 0;
	return r;
}

/* RFC 9110, 10.2.3: delay-seconds or an HTTP date. */
static int64_t
retry_after_s(const char *v)
{
	char *end;
	long long n;
	time_t t;
	int64_t ms;

	if (v == NULL || *v == '\0')
		return -1;
	if (*v >= '0' && *v <= '9') {
		n = strtoll(v, &end, 10);
		/* strtoll stops at the largest number, which will do. */
		if (*end == '\0')
			return n;
	}
	t = curl_getdate(v, NULL);
	if (t == (time_t)-1)
		return -1;
	ms = (int64_t)t * 1000 - clock_wall_ms();
	return ms <= 0 ? 0 : (ms + 999) / 1000;
}

void
reply_view(const struct sept_http *h, struct sept_http_response *out)
{
	memset(out, 0, sizeof *out);
	out->size = sizeof *out;
	out->status = h->head_done ? h->status : 0;
	out->url = slice(h->url);
	out->content_type = slice(h->content_type);
	out->retry_after = slice(h->retry_after);
	out->retry_after_s = retry_after_s(h->retry_after);
}

/* The value of "Name: value" when the line has that name, trimmed. */
static const char *
value_of(const char *line, size_t n, const char *name, size_t *vn)
{
	size_t k = strlen(name);

	if (n <= k || line[k] != ':' || strncasecmp(line, name, k) != 0)
		return NULL;
	line += k + 1;
	n -= k + 1;
	while (n > 0 && (*line == ' ' || *line == '\t')) {
		line++;
		n--;
	}
	while (n > 0 && (line[n - 1] == '\r' || line[n - 1] == '\n' ||
	    line[n - 1] == ' ' || line[n - 1] == '\t'))
		n--;
	*vn = n;
	return line;
}

/* Keeps the first value; -1: out of memory. */
static int
keep(char **to, const char *v, size_t n)
{
	if (v == NULL || *to != NULL)
		return 0;
	*to = strndup(v, n);
	return *to != NULL ? 0 : -1;
}

static int
take_header(struct sept_http *h, const char *p, size_t n)
{
	const char *v;
	size_t vn = 0;

	v = value_of(p, n, "content-type", &vn);
	if (keep(&h->content_type, v, vn) != 0)
		return -1;
	v = value_of(p, n, "retry-after", &vn);
	if (keep(&h->retry_after, v, vn) != 0)
		return -1;
	v = value_of(p, n, "location", &vn);
	return keep(&h->location, v, vn);
}

static int
is_redirect(const struct sept_http *h)
{
	if (!(h->req.flags & SEPT_HTTP_FOLLOW) || h->location == NULL)
		return 0;
	return h->status == 301 || h->status == 302 || h->status == 303 ||
	    h->status == 307 || h->status == 308;
}

static int
is_event_stream(const char *type)
{
	static const char want[] = "text/event-stream";
	size_t k = sizeof want - 1;

	if (type == NULL || strncasecmp(type, want, k) != 0)
		return 0;
	return type[k] == '\0' || type[k] == ';' || type[k] == ' ' ||
	    type[k] == '\t';
}

static void
on_event(void *user, const struct sse_parser_event *ev)
{
	struct sept_http *h = user;
	struct sept_sse s;

	/* Events behind the one at which the caller gave up. */
	if (h->state != REQ_RUNNING || h->req.on_sse == NULL)
		return;
	s.size = sizeof s;
	s.reserved = 0;
	s.event = slice(ev->event);
	s.data.p = ev->data;
	s.data.n = ev->data_n;
	s.id = slice(ev->id);
	h->req.on_sse(h->req.user, &s);
}

static void
too_big(struct sept_http *h)
{
	req_end(h, SEPT_ETOOBIG, h->sse != NULL ?
	    "an event of the stream is over %" PRIu64 " bytes" :
	    "the reply is over %" PRIu64 " bytes", h->req.max_body);
}

/* The blank line has come. */
static void
head_end(struct sept_http *h)
{
	struct sept_http_response r;
	curl_off_t length = -1;
	int no_body = strcmp(h->method, "HEAD") == 0;

	h->head_done = 1;
	h->redirecting = is_redirect(h);
	if (h->redirecting)
		return;
	if ((h->req.flags & SEPT_HTTP_SSE) && h->status / 100 == 2 &&
	    is_event_stream(h->content_type)) {
		h->sse = sse_parser_new((size_t)h->req.max_body, on_event, h);
		if (h->sse == NULL) {
			req_end(h, SEPT_ENOMEM, "out of memory");
			return;
		}
	} else if (!no_body && curl_easy_getinfo(h->easy,
	    CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length) == CURLE_OK &&
	    length > 0 && (uint64_t)length > h->req.max_body) {
		/* Said before, so not a byte of it is read. */
		too_big(h);
		return;
	}
	if (h->req.on_head != NULL) {
		reply_view(h, &r);
		h->req.on_head(h->req.user, &r);
	}
}

/* "HTTP/1.1 200 OK", "HTTP/2 200" */
static int
status_of(const char *p, size_t n)
{
	const char *b = memchr(p, ' ', n);
	int i, s = 0;

	if (b == NULL || (size_t)(b - p) + 4 > n)
		return 0;
	for (i = 1; i <= 3; i++) {
		if (b[i] < '0' || b[i] > '9')
			return 0;
		s = s * 10 + (b[i] - '0');
	}
	return s;
}

size_t
reply_header(char *p, size_t size, size_t n, void *arg)
{
	struct sept_http *h = arg;
	size_t seen;

	(void)size; /* always 1 */
	h->last_ns = clock_mono_ns();
	if (h->state != REQ_RUNNING)
		return 0;
	h->head_n += n;
	if (h->head_n > HEAD_MAX) {
		req_end(h, SEPT_ETOOBIG, "the head of the reply is over %d "
		    "bytes", HEAD_MAX);
	} else if (h->head_done) {
		/* A trailer: nobody asked for it. */
	} else if (n > 5 && strncasecmp(p, "HTTP/", 5) == 0) {
		/* An interim reply (1xx) has a head of its own, but no end
		 * of them may pass the limit. */
		seen = h->head_n;
		reply_reset(h);
		h->head_n = seen;
		h->status = status_of(p, n);
	} else if (*p == '\r' || *p == '\n') {
		if (h->status / 100 != 1 || h->status == 101)
			head_end(h);
	} else if (take_header(h, p, n) != 0) {
		req_end(h, SEPT_ENOMEM, "out of memory");
	}
	return h->state == REQ_RUNNING ? n : 0;
}

size_t
reply_body(char *p, size_t size, size_t n, void *arg)
{
	struct sept_http *h = arg;
	struct sept_slice s;

	(void)size; /* always 1 */
	h->last_ns = clock_mono_ns();
	if (h->state != REQ_RUNNING)
		return 0;
	if (h->paused && !h->redirecting) {
		h->held = 1;
		return CURL_WRITEFUNC_PAUSE;
	}
	h->received += n;
	if (h->redirecting)
		return h->received <= REDIRECT_BODY_MAX ? n : 0;
	if (h->sse != NULL) {
		if (sse_parser_feed(h->sse, p, n) != 0)
			too_big(h);
	} else if (h->received > h->req.max_body) {
		too_big(h);
	} else if (h->req.on_data != NULL) {
		s.p = p;
		s.n = n;
		h->req.on_data(h->req.user, s);
	}
	return h->state == REQ_RUNNING ? n : 0;
}

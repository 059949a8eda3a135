/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_filter.h - strict HTTP/1 framing of requests: where a request begins
 * and ends, and whether it may be looked at at all. Pure functions over
 * bytes, any thread; one struct http_filter a connection.
 *
 * Stricter than RFC 9112 where its tolerance has been used for smuggling: what
 * two readers could frame differently is refused. Accepted are GET, HEAD,
 * POST, PUT, DELETE, OPTIONS and PATCH in HTTP/1.0 and 1.1, lines ending in
 * CRLF, one Host, one Content-Length of digits or one `Transfer-Encoding:
 * chunked` (1.1 only, never both), chunk sizes of 1..8 hex digits without
 * extension, no trailers, no body with GET and HEAD, targets in origin form
 * (and `*` for OPTIONS). The absolute form is for proxies; nobody sends it to
 * an origin server by itself, and it is refused.
 */
#ifndef CORE_NET_HTTP_FILTER_H
#define CORE_NET_HTTP_FILTER_H

#include <stddef.h>
#include <stdint.h>

#define HTTP_HEAD_MAX 16384 /* bytes, request line and empty line included */
#define HTTP_HEAD_LINES 100 /* header lines */

/* A piece of the head's text. */
struct http_span {
	uint16_t off, n;
};

struct http_head {
	const char *method;      /* a literal */
	struct http_span target;
	struct http_span id;     /* X-Request-Id, n is 0 when absent */
	uint64_t length;         /* declared; UINT64_MAX: beyond counting */
	uint8_t minor;           /* of HTTP/1.minor */
	uint8_t chunked;
	uint8_t close;           /* the client ends the connection after it */
	uint8_t expect;          /* waits for 100 Continue */
};

enum http_filter_state {
	HTTP_FILTER_HEAD,
	HTTP_FILTER_LENGTH,   /* `left` bytes of body */
	HTTP_FILTER_SIZE,     /* digits of a chunk size */
	HTTP_FILTER_SIZE_LF,
	HTTP_FILTER_DATA,     /* `left` bytes of chunk */
	HTTP_FILTER_DATA_CR,
	HTTP_FILTER_DATA_LF,
	HTTP_FILTER_LAST_CR,
	HTTP_FILTER_LAST_LF,
	HTTP_FILTER_END,      /* the request is complete */
	HTTP_FILTER_BAD
};

struct http_filter {
	uint64_t left;
	uint64_t total;    /* chunk data announced so far */
	uint64_t max_body; /* of chunked bodies */
	uint32_t seen;     /* bytes of the head searched for line ends */
	uint32_t line;     /* start of the current line */
	uint16_t lines;
	uint8_t digits;
	uint8_t state;     /* enum http_filter_state */
};

/* Ready for the first byte of a request. */
void http_filter_init(struct http_filter *f, uint64_t max_body);
/*
 * p: everything of this request so far, n bytes. Returns the length of the
 * head and fills h when it is complete and good, 0 when more is needed, or
 * the negated status (400, 417, 431, 501, 505) to refuse it with.
 */
int http_filter_head(struct http_filter *f, const char *p, size_t n,
    struct http_head *h);
/*
 * How many of the n bytes belong to the body of this request; fewer than n
 * when it ended (HTTP_FILTER_END) or went wrong (HTTP_FILTER_BAD, *status is
 * 400 or 413).
 */
size_t http_filter_body(struct http_filter *f, const char *p, size_t n,
    int *status);
/*
 * The value of the first header of that name in a head that was found good,
 * without blanks around it. 0, or -1 when there is none.
 */
int http_head_find(const char *p, size_t n, const char *name,
    struct http_span *out);

#endif

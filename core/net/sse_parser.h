/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sse_parser.h - Server-Sent Events in, after the WHATWG HTML standard,
 * section 9.2.6 "Interpreting an event stream": BOM, CR, LF, CRLF, comments,
 * multi-line data, id (ignored with NUL), retry. Bytes may be cut anywhere.
 */
#ifndef CORE_NET_SSE_PARSER_H
#define CORE_NET_SSE_PARSER_H

#include <stddef.h>

struct sse_parser;

struct sse_parser_event {
	const char *event; /* "message" when absent; NUL terminated */
	const char *data;  /* lines joined with LF; NUL terminated */
	size_t data_n;
	const char *id;    /* last event id, may be "" */
};

/* max_event: bytes of one event's fields. NULL: out of memory. */
struct sse_parser *sse_parser_new(size_t max_event,
    void (*on_event)(void *user, const struct sse_parser_event *),
    void *user);
void sse_parser_free(struct sse_parser *p);
/*
 * 0, or -1 when an event is over the maximum or memory ran out; the parser is
 * of no use then. The callback must not free the parser.
 */
int sse_parser_feed(struct sse_parser *p, const char *s, size_t n);
/* Reconnection time that the stream asked for, ms; -1: none. */
long sse_parser_retry(const struct sse_parser *p);

#endif

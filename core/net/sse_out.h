/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sse_out.h - one SSE stream to a client. Loop thread only.
 *
 * The owner pulls: it writes when sse_out_ready(), at most one piece is
 * outstanding, `writable` asks for the next. So a reader that stops costs one
 * piece. Heartbeats (`event: heartbeat` without id) go out by themselves after
 * 15 s of silence, with a timestamp 1 ms before now so that timestamps of a
 * task stay strictly increasing.
 */
#ifndef CORE_NET_SSE_OUT_H
#define CORE_NET_SSE_OUT_H

#include "http_server.h"

struct sse_out;

struct sse_out_ops {
	/*
	 * The last piece (or a heartbeat) has left; never from inside
	 * sse_out_write().
	 */
	void (*writable)(void *user);
	/*
	 * The client has gone, or shut its sending side down, or sent more
	 * than 16 KiB behind its request (less is kept and run after the
	 * stream). The stream is freed when this returns: do not touch it
	 * again. Never from inside a function of this header.
	 */
	void (*closed)(void *user);
};

/*
 * Takes over the request: status 200, the SSE headers and a comment line go
 * out at once. HTTP/1.0 clients get no chunks but the end of the connection.
 * NULL: out of memory, or the client has gone; the request has been answered.
 */
struct sse_out *sse_out_open(struct http_req *r,
    const struct sse_out_ops *ops, void *user);
/* 1 when nothing is outstanding. */
int sse_out_ready(const struct sse_out *s);
/*
 * Sends whole frames; only when ready. Written to the socket at once when it
 * takes them, so that a lone token does not wait for the loop. -1: memory;
 * the stream must be ended.
 */
int sse_out_write(struct sse_out *s, const char *frames, size_t n);
/* Ends the stream after what is outstanding; s is gone, no callback comes. */
void sse_out_end(struct sse_out *s);

#endif

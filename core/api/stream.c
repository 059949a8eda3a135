/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream.c - the one way from the journal to a client: a reader of the
 * journal on one side, an SSE stream on the other, one piece at a time. The
 * stream of /execute, a replay and a reconnect differ only in where they
 * start.
 */
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/log.h"
#include "../net/sse_out.h"
#include "api-internal.h"

struct stream {
	struct sse_out *out;
	struct journal_reader *reader;
	struct buf waiting; /* a piece that came before out was ready */
	int ended;          /* the reader has no more */
};

#define PIECE_MAX (128u << 20)

static void
stream_close(struct stream *s)
{
	if (s->out != NULL)
		sse_out_end(s->out);
	if (s->reader != NULL)
		journal_reader_close(s->reader);
	buf_fini(&s->waiting);
	free(s);
}

static void
on_frames(void *user, const char *p, size_t n)
{
	struct stream *s = user;

	if (!sse_out_ready(s->out)) {
		if (buf_add(&s->waiting, p, n) != 0)
			stream_close(s);
		return;
	}
	if (sse_out_write(s->out, p, n) != 0)
		stream_close(s);
	else if (sse_out_ready(s->out))
		journal_reader_next(s->reader);
}

static void
on_end(void *user)
{
	struct stream *s = user;

	s->ended = 1;
	if (s->waiting.n == 0)
		stream_close(s);
}

/*
 * The journal cannot be read or written: the client is told in an event that
 * is not part of the journal, without an id.
 */
static void
on_failed(void *user, const struct err *e)
{
	struct stream *s = user;
	struct buf b;
	char iso[32];

	log_error("api", "a stream ends early: %s", e->text);
	buf_init(&b, 4096);
	clock_iso(clock_wall_ms(), iso);
	buf_addf(&b, "event: error\ndata: {\"timestamp\":\"%s\","
	    "\"error\":\"%s\",\"message\":", iso, err_name(e->code));
	buf_add_json_str(&b, e->text, strlen(e->text));
	buf_adds(&b, "}\n\n");
	if (!buf_failed(&b) && sse_out_ready(s->out))
		(void)sse_out_write(s->out, b.p, b.n);
	buf_fini(&b);
	stream_close(s);
}

static void
on_writable(void *user)
{
	struct stream *s = user;

	if (s->waiting.n > 0) {
		if (sse_out_write(s->out, s->waiting.p, s->waiting.n) != 0) {
			stream_close(s);
			return;
		}
		buf_fini(&s->waiting);
		buf_init(&s->waiting, PIECE_MAX);
		if (!sse_out_ready(s->out))
			return;
	}
	if (s->ended)
		stream_close(s);
	else
		journal_reader_next(s->reader);
}

static void
on_closed(void *user)
{
	struct stream *s = user;

	s->out = NULL;
	stream_close(s);
}

void
stream_open(struct api *a, struct http_req *r, int64_t task_no,
    const struct journal_cursor *from, int follow)
{
	static const struct sse_out_ops out_ops = { on_writable, on_closed };
	static const struct journal_reader_ops ops = { on_frames, on_end,
		on_failed };
	struct stream *s = calloc(1, sizeof *s);
	struct err e;

	if (s == NULL) {
		err_nomem(&e);
		api_fail(r, &e, NULL);
		return;
	}
	buf_init(&s->waiting, PIECE_MAX);
	s->out = sse_out_open(r, &out_ops, s);
	if (s->out == NULL) {
		free(s);
		return;
	}
	s->reader = journal_read(a->cfg.journal, task_no, from, follow, &ops,
	    s);
	if (s->reader == NULL)
		stream_close(s);
}

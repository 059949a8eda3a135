/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake-http-client.c - core/net/http_client.h without a network, for the
 * tests of core/plug: each request answers 200 after `fake_http_ms`, or with
 * SEPT_ECANCELLED soon after an abort.
 */
#include <stdlib.h>

#include "plug-fixture.h"

struct sept_http {
	struct loop_timer *timer;
	struct sept_http_request req;
	int aborted;
};

unsigned fake_http_ms = 5;
uint64_t fake_http_deadline;
static struct loop *fake_loop;

struct http_client *
http_client_new(struct loop *l, const struct http_client_config *cfg,
    struct err *e)
{
	(void)cfg;
	(void)e;
	fake_loop = l;
	return (struct http_client *)&fake_loop;
}

void
http_client_free(struct http_client *c)
{
	(void)c;
}

static void
finish(void *arg)
{
	struct sept_http *h = arg;
	struct sept_http_response resp = { .size = sizeof resp };
	struct sept_slice none = { NULL, 0 };

	resp.status = h->aborted ? 0 : 200;
	h->req.on_done(h->req.user, h->aborted ? SEPT_ECANCELLED : SEPT_OK,
	    none, &resp);
	free(h);
}

int
http_client_request(struct http_client *c,
    const struct sept_http_request *req, struct sept_http **out,
    struct err *e)
{
	struct sept_http *h = calloc(1, sizeof *h);

	(void)c;
	if (h == NULL)
		return err_nomem(e);
	h->req = *req;
	fake_http_deadline = req->deadline_ns;
	if (loop_timer(fake_loop, fake_http_ms, finish, h, &h->timer) != 0)
		abort();
	*out = h;
	return 0;
}

void
http_client_abort(struct sept_http *h)
{
	loop_timer_cancel(h->timer);
	h->aborted = 1;
	if (loop_timer(fake_loop, 0, finish, h, &h->timer) != 0)
		abort();
}

void
http_client_pause(struct sept_http *h, int paused)
{
	(void)h;
	(void)paused;
}

void
http_client_stats(const struct http_client *c, struct http_client_stats *out)
{
	(void)c;
	(void)out;
}

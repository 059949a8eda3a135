/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_client_multi.c - libcurl's multi socket interface on the loop: which
 * descriptors to watch, when to call back, which transfers have ended.
 *
 * Every entry into libcurl from here (curl_multi_socket_action) is made from
 * an event of the loop or from client_work(), so the callbacks of libcurl
 * never nest. What they find out is noted and acted upon when it has
 * returned. Knows nothing of HTTP.
 */
#include "http_client_internal.h"

#include <event2/event.h>
#include <stdlib.h>

struct watch {
	struct event ev;
	struct curl_pool *pool;
};

static void
drain(struct curl_pool *p)
{
	struct sept_http *h;
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(p->multi, &left)) != NULL) {
		if (m->msg != CURLMSG_DONE)
			continue;
		h = NULL;
		if (curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE,
		    (char **)&h) == CURLE_OK && h != NULL)
			hop_done(h, m->data.result);
	}
}

static void
act(struct curl_pool *p, curl_socket_t fd, int mask)
{
	int running;

	(void)curl_multi_socket_action(p->multi, fd, mask, &running);
	drain(p);
}

void
curl_pool_kick(struct curl_pool *p)
{
	p->kick = 0;
	act(p, CURL_SOCKET_TIMEOUT, 0);
}

static void
on_fd(evutil_socket_t fd, short what, void *arg)
{
	struct watch *w = arg;
	struct http_client *c = w->pool->client;
	const char *before = loop_section(c->loop, "http client");
	int mask = 0;

	if (what & EV_READ)
		mask |= CURL_CSELECT_IN;
	if (what & EV_WRITE)
		mask |= CURL_CSELECT_OUT;
	/* w may be gone when this returns. */
	act(w->pool, fd, mask);
	client_work(c);
	loop_section(c->loop, before);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct curl_pool *p = arg;
	const char *before = loop_section(p->client->loop, "http client");

	(void)fd;
	(void)what;
	act(p, CURL_SOCKET_TIMEOUT, 0);
	client_work(p->client);
	loop_section(p->client->loop, before);
}

/* CURLMOPT_TIMERFUNCTION */
static int
set_timer(CURLM *multi, long ms, void *arg)
{
	struct curl_pool *p = arg;
	struct timeval tv;

	(void)multi;
	if (ms < 0) {
		(void)evtimer_del(p->timer);
		return 0;
	}
	tv.tv_sec = ms / 1000;
	tv.tv_usec = ms % 1000 * 1000;
	return evtimer_add(p->timer, &tv) == 0 ? 0 : -1;
}

/*
 * A descriptor that cannot be watched costs its own request: telling libcurl
 * of the failure would end every transfer of the pool.
 */
static void
cannot_watch(CURL *easy)
{
	struct sept_http *h = NULL;

	if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&h) !=
	    CURLE_OK || h == NULL)
		return;
	req_end(h, SEPT_ENOMEM, "out of memory");
	req_wake(h);
}

static void
unwatch(struct curl_pool *p, curl_socket_t fd, struct watch *w)
{
	if (w == NULL)
		return;
	(void)event_del(&w->ev);
	free(w);
	(void)curl_multi_assign(p->multi, fd, NULL);
}

/* CURLMOPT_SOCKETFUNCTION */
static int
set_watch(CURL *easy, curl_socket_t fd, int what, void *arg, void *sockp)
{
	struct curl_pool *p = arg;
	struct watch *w = sockp;
	short ev = EV_PERSIST;

	if (what == CURL_POLL_REMOVE) {
		unwatch(p, fd, w);
		return 0;
	}
	if (what & CURL_POLL_IN)
		ev |= EV_READ;
	if (what & CURL_POLL_OUT)
		ev |= EV_WRITE;
	if (w == NULL) {
		w = calloc(1, sizeof *w);
		if (w == NULL || curl_multi_assign(p->multi, fd, w) !=
		    CURLM_OK) {
			free(w);
			cannot_watch(easy);
			return 0;
		}
		w->pool = p;
	} else {
		(void)event_del(&w->ev);
	}
	if (event_assign(&w->ev, loop_base(p->client->loop), fd, ev, on_fd,
	    w) != 0 || event_add(&w->ev, NULL) != 0)
		cannot_watch(easy);
	return 0;
}

int
curl_pool_init(struct curl_pool *p, struct http_client *c,
    unsigned max_connections, struct err *e)
{
	CURLMcode rc = CURLM_OK;

	p->client = c;
	p->timer = evtimer_new(loop_base(c->loop), on_timer, p);
	p->multi = curl_multi_init();
	if (p->timer == NULL || p->multi == NULL)
		return err_nomem(e);
#define SET(o, v) \
	do { \
		if (rc == CURLM_OK) \
			rc = curl_multi_setopt(p->multi, (o), (v)); \
	} while (0)
	SET(CURLMOPT_SOCKETFUNCTION, set_watch);
	SET(CURLMOPT_SOCKETDATA, p);
	SET(CURLMOPT_TIMERFUNCTION, set_timer);
	SET(CURLMOPT_TIMERDATA, p);
	SET(CURLMOPT_MAXCONNECTS, (long)max_connections);
	SET(CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
#undef SET
	if (rc != CURLM_OK)
		return err_set(e, ERR_INTERNAL, "libcurl: %s",
		    curl_multi_strerror(rc));
	return 0;
}

void
curl_pool_fini(struct curl_pool *p)
{
	/* Closes the kept connections, which ends their watches. */
	if (p->multi != NULL)
		(void)curl_multi_cleanup(p->multi);
	if (p->timer != NULL)
		event_free(p->timer);
}

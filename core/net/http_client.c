/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_client.c - the public side of the HTTP client: takes a request, keeps
 * its time limits, ends it.
 *
 * A request moves REQ_NEW -> RUNNING (-> HOP_END -> RUNNING)* -> ENDED ->
 * GONE. Public functions only note what is wanted and queue the request;
 * client_work(), run by an event of its own, acts. So they may be called
 * from any callback, and no callback is ever entered from them.
 *
 * What ends a request first counts: req_end() ignores the rest.
 */
#include "http_client_internal.h"

#include <event2/event.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../base/clock.h"
#include "../base/log.h"

#define BODY_DEFAULT (UINT64_C(16) << 20)
#define CONNECTIONS_DEFAULT 256
#define MS UINT64_C(1000000)

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode global;

static void
global_init(void)
{
	global = curl_global_init(CURL_GLOBAL_DEFAULT);
}

void
req_end(struct sept_http *h, sept_status st, const char *fmt, ...)
{
	va_list ap;

	if (h->state == REQ_ENDED || h->state == REQ_GONE)
		return;
	h->state = REQ_ENDED;
	h->result = st;
	va_start(ap, fmt);
	(void)vsnprintf(h->message, sizeof h->message, fmt, ap);
	va_end(ap);
}

void
req_wake(struct sept_http *h)
{
	static const struct timeval soon = { 0, 0 };
	struct http_client *c = h->client;

	if (h->queued || h->state == REQ_GONE)
		return;
	h->queued = 1;
	TAILQ_INSERT_TAIL(&c->todo, h, todo_link);
	/*
	 * Woken out of client_work() itself, the rest of the loop comes
	 * first: a caller that repeats a refused request for ever must not
	 * hold it.
	 */
	if (c->working)
		(void)event_add(c->work, &soon);
	else
		event_active(c->work, EV_TIMEOUT, 1);
}

static void
req_free(struct sept_http *h)
{
	(void)evtimer_del(&h->timer);
	reply_reset(h);
	curl_slist_free_all(h->headers);
	free(h->method);
	free(h->body);
	free(h->url);
	free(h->host);
	free(h->origin);
	free(h);
}

/* h has ended: tells its caller and frees it. */
static void
finish(struct sept_http *h)
{
	struct http_client *c = h->client;
	struct sept_http_response r;
	struct sept_slice msg;

	hop_release(h);
	if (h->queued)
		TAILQ_REMOVE(&c->todo, h, todo_link);
	TAILQ_REMOVE(&c->all, h, link);
	h->queued = 0;
	h->state = REQ_GONE;
	c->stats.active--;
	if (h->result != SEPT_OK && h->result != SEPT_ECANCELLED)
		c->stats.failed++;
	reply_view(h, &r);
	msg.p = h->message;
	msg.n = strlen(h->message);
	h->req.on_done(h->req.user, h->result, msg, &r);
	req_free(h);
}

static void
attend(struct sept_http *h)
{
	CURLcode rc;

	h->queued = 0;
	if (h->state == REQ_NEW || h->state == REQ_HOP_END) {
		hop_release(h);
		hop_start(h);
	} else if (h->state == REQ_RUNNING && h->held && !h->paused) {
		/* May deliver what libcurl had kept, right from here. */
		h->held = 0;
		rc = curl_easy_pause(h->easy, CURLPAUSE_CONT);
		if (rc != CURLE_OK)
			req_end(h, SEPT_EIO, "%s", curl_easy_strerror(rc));
		h->pool->kick = 1;
	}
	if (h->state == REQ_ENDED)
		finish(h);
}

void
client_work(struct http_client *c)
{
	struct sept_http *h, *last = TAILQ_LAST(&c->todo, req_list);
	int i, at_end = last == NULL;

	c->working = 1;
	/* What is queued meanwhile has to wait, see req_wake(). */
	while (!at_end && (h = TAILQ_FIRST(&c->todo)) != NULL) {
		at_end = h == last;
		TAILQ_REMOVE(&c->todo, h, todo_link);
		attend(h);
	}
	for (i = 0; i < POOL_MAX_; i++)
		if (c->pools[i].kick)
			curl_pool_kick(&c->pools[i]);
	c->working = 0;
}

static void
on_work(evutil_socket_t fd, short what, void *arg)
{
	struct http_client *c = arg;
	const char *before = loop_section(c->loop, "http client");

	(void)fd;
	(void)what;
	client_work(c);
	loop_section(c->loop, before);
}

/* Arms the timer for what comes first: the deadline or silence. */
static void
arm_timer(struct sept_http *h, uint64_t now)
{
	uint64_t at = UINT64_MAX, wait;
	struct timeval tv;

	if (h->req.deadline_ns != 0)
		at = h->req.deadline_ns;
	if (h->idle_ns != 0 && h->last_ns + h->idle_ns < at)
		at = h->last_ns + h->idle_ns;
	if (at == UINT64_MAX)
		return;
	wait = at > now ? at - now : 0;
	tv.tv_sec = (time_t)(wait / (1000 * MS));
	/* Rounded up: a timer that fires early is armed twice. */
	tv.tv_usec = (suseconds_t)(wait % (1000 * MS) / 1000);
	if (++tv.tv_usec == 1000000) {
		tv.tv_sec++;
		tv.tv_usec = 0;
	}
	if (evtimer_add(&h->timer, &tv) != 0)
		req_end(h, SEPT_ENOMEM, "out of memory");
}

/*
 * Bytes of the reply stamp last_ns as they come. Bytes of the request are
 * only counted by libcurl, so they are looked at when the time is up: silence
 * after an upload is noticed after one to two periods.
 */
static int
upload_moved(struct sept_http *h)
{
	curl_off_t n = 0;

	if (h->easy == NULL || curl_easy_getinfo(h->easy,
	    CURLINFO_SIZE_UPLOAD_T, &n) != CURLE_OK || n == h->moved)
		return 0;
	h->moved = n;
	return h->body_n > 0;
}

/*
 * The timer is not moved for each byte; it fires after the shortest possible
 * silence and is armed again for the rest.
 */
static void
on_time(evutil_socket_t fd, short what, void *arg)
{
	struct sept_http *h = arg;
	struct http_client *c = h->client;
	const char *before = loop_section(c->loop, "http client");
	uint64_t now = clock_mono_ns();

	(void)fd;
	(void)what;
	if (h->req.deadline_ns != 0 && now >= h->req.deadline_ns) {
		req_end(h, SEPT_ETIMEOUT, "the deadline has passed");
	} else if (h->idle_ns != 0 && now >= h->last_ns + h->idle_ns) {
		if (h->paused || upload_moved(h))
			h->last_ns = now;
		else
			req_end(h, SEPT_ETIMEOUT, "no byte for %u ms",
			    (unsigned)h->req.idle_timeout_ms);
	}
	if (h->state != REQ_ENDED)
		arm_timer(h, now);
	if (h->state == REQ_ENDED)
		req_wake(h);
	client_work(c);
	loop_section(c->loop, before);
}

static int
is_token(const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!((s[i] >= 'a' && s[i] <= 'z') ||
		    (s[i] >= 'A' && s[i] <= 'Z') ||
		    (s[i] >= '0' && s[i] <= '9') ||
		    (s[i] != '\0' && strchr("!#$%&'*+-.^_`|~", s[i]) !=
		    NULL)))
			return 0;
	return n > 0;
}

/* What libcurl writes itself; a second one would break the framing. */
static int
is_own_header(const char *s, size_t n)
{
	static const char *const own[] = { "Host", "Content-Length",
		"Transfer-Encoding", "Connection", "Keep-Alive", "TE",
		"Trailer", "Upgrade", "Expect", "Proxy-Connection" };
	size_t i;

	for (i = 0; i < sizeof own / sizeof own[0]; i++)
		if (strlen(own[i]) == n && strncasecmp(own[i], s, n) == 0)
			return 1;
	return 0;
}

static int
add_header(struct sept_http *h, const char *line)
{
	struct curl_slist *l = curl_slist_append(h->headers, line);

	if (l == NULL)
		return -1;
	h->headers = l;
	return 0;
}

static int
take_header(struct sept_http *h, const char *line, struct err *e)
{
	const char *colon = strchr(line, ':'), *v;
	char *empty;
	size_t n;
	int r;

	if (colon == NULL || !is_token(line, (size_t)(colon - line)) ||
	    strpbrk(line, "\r\n") != NULL)
		return err_field(e, "headers", "a header is not of the form "
		    "\"Name: value\"");
	n = (size_t)(colon - line);
	if (is_own_header(line, n))
		return err_field(e, "headers", "the client sets %.*s itself",
		    (int)n, line);
	v = colon + 1 + strspn(colon + 1, " \t");
	if (*v != '\0')
		return add_header(h, line) != 0 ? err_nomem(e) : 0;
	/* To libcurl "Name:" means to leave it out, "Name;" an empty one. */
	empty = strndup(line, n + 1);
	if (empty == NULL)
		return err_nomem(e);
	empty[n] = ';';
	r = add_header(h, empty);
	free(empty);
	return r != 0 ? err_nomem(e) : 0;
}

static int
take_headers(struct sept_http *h, struct err *e)
{
	const char *const *l;
	int typed = 0;

	for (l = h->req.headers; l != NULL && *l != NULL; l++) {
		if (strncasecmp(*l, "Content-Type:", 13) == 0)
			typed = 1;
		if (take_header(h, *l, e) != 0)
			return -1;
	}
	/* Not to wait for "100 Continue", and no type that nobody gave. */
	if (add_header(h, "Expect:") != 0 ||
	    (!typed && add_header(h, "Content-Type:") != 0))
		return err_nomem(e);
	return 0;
}

/* Copies what is the caller's; h->req keeps numbers and functions. */
static int
take_request(struct sept_http *h, const struct sept_http_request *req,
    struct err *e)
{
	const char *m = req->method != NULL ? req->method : "GET";
	size_t n = req->size < sizeof h->req ? req->size : sizeof h->req;

	if (!SEPT_HAS(struct sept_http_request, req, on_done) ||
	    req->on_done == NULL || req->url == NULL)
		return err_set(e, ERR_VALIDATION, "an incomplete request");
	memcpy(&h->req, req, n);
	if (!is_token(m, strlen(m)) || strlen(m) > 20 ||
	    strcmp(m, "CONNECT") == 0 || strcmp(m, "TRACE") == 0)
		return err_field(e, "method", "a method that cannot be sent");
	/* Room for "GET", which it may become. */
	h->method = calloc(1, strlen(m) + 4);
	if (h->method == NULL)
		return err_nomem(e);
	memcpy(h->method, m, strlen(m));
	h->body_n = req->body.n;
	if (h->body_n > 0) {
		h->body = malloc(h->body_n);
		if (h->body == NULL)
			return err_nomem(e);
		memcpy(h->body, req->body.p, h->body_n);
	}
	if (h->req.max_body == 0)
		h->req.max_body = BODY_DEFAULT;
	if (h->req.max_body > SIZE_MAX / 4)
		h->req.max_body = SIZE_MAX / 4;
	if (h->req.deadline_ns == UINT64_MAX)
		h->req.deadline_ns = 0;
	h->idle_ns = h->req.idle_timeout_ms * MS;
	if (take_headers(h, e) != 0)
		return -1;
	h->req.headers = NULL;
	h->req.url = h->req.method = NULL;
	h->req.body.p = NULL;
	return hop_first(h, req->url, e);
}

int
http_client_request(struct http_client *c, const struct sept_http_request *req,
    struct sept_http **out, struct err *e)
{
	struct sept_http *h;
	uint64_t now = clock_mono_ns();

	if (c->closing)
		return err_set(e, ERR_UNAVAILABLE, "shutting down");
	h = calloc(1, sizeof *h);
	if (h == NULL)
		return err_nomem(e);
	h->client = c;
	h->last_ns = now;
	if (evtimer_assign(&h->timer, loop_base(c->loop), on_time, h) != 0) {
		free(h);
		return err_nomem(e);
	}
	if (take_request(h, req, e) != 0) {
		req_free(h);
		return -1;
	}
	if (h->req.deadline_ns != 0 && h->req.deadline_ns <= now)
		req_end(h, SEPT_ETIMEOUT, "the deadline has passed");
	arm_timer(h, now);
	c->stats.requests++;
	c->stats.active++;
	TAILQ_INSERT_TAIL(&c->all, h, link);
	req_wake(h);
	if (out != NULL)
		*out = h;
	return 0;
}

void
http_client_abort(struct sept_http *h)
{
	if (h->state == REQ_ENDED || h->state == REQ_GONE)
		return;
	req_end(h, SEPT_ECANCELLED, "cancelled");
	req_wake(h);
}

void
http_client_pause(struct sept_http *h, int paused)
{
	if (h->state == REQ_GONE)
		return;
	if (h->paused && !paused)
		/* The silence was of our own making. */
		h->last_ns = clock_mono_ns();
	h->paused = paused != 0;
	/* Pausing itself is done by the next piece, see reply_body(). */
	if (!paused && h->held)
		req_wake(h);
}

void
http_client_stats(const struct http_client *c, struct http_client_stats *out)
{
	*out = c->stats;
}

/* A copy of s, unless that is NULL or empty; -1: out of memory. */
static int
copy(char **to, const char *s)
{
	if (s == NULL || *s == '\0')
		return 0;
	*to = strdup(s);
	return *to != NULL ? 0 : -1;
}

static int
client_init(struct http_client *c, struct loop *l,
    const struct http_client_config *cfg, struct err *e)
{
	unsigned most = cfg->max_connections != 0 ? cfg->max_connections :
	    CONNECTIONS_DEFAULT;
	int i;

	c->loop = l;
	c->work = evtimer_new(loop_base(l), on_work, c);
	if (c->work == NULL)
		return err_nomem(e);
	if (cfg->allow != NULL && (c->allow = strdup(cfg->allow)) == NULL)
		return err_nomem(e);
	if (copy(&c->user_agent, cfg->user_agent) != 0 ||
	    copy(&c->ca_file, getenv("SSL_CERT_FILE")) != 0 ||
	    copy(&c->ca_dir, getenv("SSL_CERT_DIR")) != 0)
		return err_nomem(e);
	for (i = 0; i < POOL_MAX_; i++)
		if (curl_pool_init(&c->pools[i], c, most, e) != 0)
			return -1;
	return 0;
}

struct http_client *
http_client_new(struct loop *l, const struct http_client_config *cfg,
    struct err *e)
{
	struct http_client *c;

	(void)pthread_once(&once, global_init);
	if (global != CURLE_OK) {
		err_set(e, ERR_INTERNAL, "libcurl: %s",
		    curl_easy_strerror(global));
		return NULL;
	}
	if (!(curl_version_info(CURLVERSION_NOW)->features &
	    CURL_VERSION_ASYNCHDNS))
		log_warn("http", "this libcurl resolves names on the loop; "
		    "use one with the threaded resolver");
	c = calloc(1, sizeof *c);
	if (c == NULL) {
		err_nomem(e);
		return NULL;
	}
	TAILQ_INIT(&c->all);
	TAILQ_INIT(&c->todo);
	if (client_init(c, l, cfg, e) != 0) {
		http_client_free(c);
		return NULL;
	}
	return c;
}

void
http_client_free(struct http_client *c)
{
	struct sept_http *h;
	int i;

	if (c == NULL)
		return;
	c->closing = 1;
	while ((h = TAILQ_FIRST(&c->all)) != NULL) {
		req_end(h, SEPT_ECANCELLED, "shutting down");
		finish(h);
	}
	while (c->easy_n > 0)
		curl_easy_cleanup(c->easy[--c->easy_n]);
	for (i = 0; i < POOL_MAX_; i++)
		curl_pool_fini(&c->pools[i]);
	if (c->work != NULL)
		event_free(c->work);
	free(c->allow);
	free(c->user_agent);
	free(c->ca_file);
	free(c->ca_dir);
	free(c);
}

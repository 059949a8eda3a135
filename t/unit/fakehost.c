/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fakehost.c - see fakehost.h. Aborts the test program when it runs out of
 * memory: a test has nothing better to do.
 */
#include "fakehost.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reply {
	struct reply *next;
	int status;
	char *type, *body, *message;
	size_t n, at;
	sept_status end;
	int64_t retry;
};

struct sept_http {
	struct fake *fake;
	struct sept_call *call;
	struct sept_http_request rq;
	struct reply *reply;
	int paused, aborted, headed;
	/* Event stream state. */
	char *line, *data;
	size_t line_n, data_n;
	char event[64];
	int cr;
};

struct sept_timer {
	struct sept_timer *next;
	uint64_t at;
	void (*fn)(void *);
	void *arg;
};

struct secret {
	struct secret *next;
	char *name, *value;
};

struct fake_inner {
	struct reply *replies;
	struct sept_http *http; /* the one request in flight */
	struct sept_timer *timers;
	struct secret *secrets;
	struct sept_call *call; /* the last one, for on_writable */
	int quiesced;
};

static void *
need(void *p)
{
	if (p == NULL)
		abort();
	return p;
}

static char *
copy(const char *p, size_t n)
{
	char *s = need(malloc(n + 1));

	if (n > 0)
		memcpy(s, p, n);
	s[n] = '\0';
	return s;
}

static void
append(char **s, size_t *n, const char *p, size_t k)
{
	*s = need(realloc(*s, *n + k + 1));
	if (k > 0)
		memcpy(*s + *n, p, k);
	*n += k;
	(*s)[*n] = '\0';
}

static void
broke(struct fake *f, const char *what)
{
	if (f->broken[0] == '\0')
		(void)snprintf(f->broken, sizeof f->broken, "%s", what);
}

/* ---- sept.host.call ---- */

static void
note(struct sept_call *c, const char *p, size_t n)
{
	if (c->log_n + n + 1 > c->log_cap) {
		c->log_cap = (c->log_n + n + 1) * 2;
		c->log = need(realloc(c->log, c->log_cap));
	}
	if (n > 0)
		memcpy(c->log + c->log_n, p, n);
	c->log_n += n;
	c->log[c->log_n] = '\0';
}

static void
notes(struct sept_call *c, const char *s)
{
	note(c, s, strlen(s));
}

static void
note_start(struct sept_call *c, const struct sept_event *ev)
{
	if (c->kind != 0)
		broke(c->fake, "a block began inside a block");
	if (ev->index != c->block)
		broke(c->fake, "block indices are not in order");
	c->kind = ev->flags;
	if (ev->flags == SEPT_BLOCK_TOOL_USE) {
		notes(c, "<tool:");
		note(c, ev->text.p, ev->text.n);
		notes(c, "#");
		note(c, ev->id.p, ev->id.n);
		notes(c, ">");
	} else {
		notes(c, ev->flags == SEPT_BLOCK_TEXT ? "<text>" :
		    "<thinking>");
	}
}

static void
note_event(struct sept_call *c, const struct sept_event *ev)
{
	static const uint32_t kinds[] = { 0, 0, SEPT_BLOCK_TEXT,
	    SEPT_BLOCK_THINKING, SEPT_BLOCK_TOOL_USE };

	switch (ev->kind) {
	case SEPT_EV_BLOCK_START:
		note_start(c, ev);
		break;
	case SEPT_EV_TEXT:
	case SEPT_EV_THINKING:
	case SEPT_EV_TOOL_INPUT:
		if (c->kind != kinds[ev->kind] || ev->index != c->block)
			broke(c->fake, "a piece outside of its block");
		note(c, ev->text.p, ev->text.n);
		break;
	case SEPT_EV_BLOCK_META:
		if (c->kind == 0)
			broke(c->fake, "meta outside of a block");
		notes(c, "<meta ");
		note(c, ev->json.p, ev->json.n);
		notes(c, ">");
		break;
	case SEPT_EV_BLOCK_STOP:
		if (c->kind == 0 || ev->index != c->block)
			broke(c->fake, "a stop without a block");
		c->kind = 0;
		c->block++;
		notes(c, "</>");
		break;
	case SEPT_EV_USAGE:
		notes(c, "<usage ");
		note(c, ev->json.p, ev->json.n);
		notes(c, ">");
		break;
	default:
		broke(c->fake, "an unknown event");
	}
}

static sept_status
call_emit(struct sept_call *c, const struct sept_event *ev)
{
	struct fake *f = c->fake;

	if (c->completed)
		broke(f, "an event after the completion");
	if (ev->size != sizeof *ev)
		broke(f, "an event without its size");
	if (c->cancelled)
		return SEPT_ECANCELLED;
	if (!c->full && f->full_every != 0 &&
	    (c->events + c->refused) % f->full_every == f->full_every - 1)
		c->full = 1;
	if (c->full) {
		c->refused++;
		return SEPT_EAGAIN;
	}
	c->events++;
	note_event(c, ev);
	return SEPT_OK;
}

static sept_status
call_on_writable(struct sept_call *c, void (*cb)(void *), void *arg)
{
	if (c->writable != NULL)
		broke(c->fake, "on_writable asked twice");
	c->writable = cb;
	c->writable_arg = arg;
	return SEPT_OK;
}

static void
call_complete(struct sept_call *c, sept_status st, struct sept_slice json)
{
	if (c->completed)
		broke(c->fake, "completed twice");
	if (c->writable != NULL)
		broke(c->fake, "completed while on_writable is pending");
	if (st == SEPT_OK && c->kind != 0)
		broke(c->fake, "completed inside a block");
	if (c->user != NULL)
		broke(c->fake, "completed with the user pointer still set");
	c->completed = 1;
	c->status = st;
	free(c->result);
	c->result = copy(json.p, json.n);
}

static int32_t
call_cancelled(const struct sept_call *c)
{
	return c->cancelled;
}

static uint64_t
call_deadline(const struct sept_call *c)
{
	(void)c;
	return UINT64_MAX;
}

static const struct sept_call_info *
call_info(const struct sept_call *c)
{
	return &c->info;
}

static void
call_set_user(struct sept_call *c, void *p)
{
	c->user = p;
}

static void *
call_user(const struct sept_call *c)
{
	return c->user;
}

static const struct sept_host_call host_call = {
	.size = sizeof host_call,
	.emit = call_emit,
	.on_writable = call_on_writable,
	.complete = call_complete,
	.cancelled = call_cancelled,
	.deadline_ns = call_deadline,
	.info = call_info,
	.set_user = call_set_user,
	.user = call_user,
};

/* ---- sept.host.http ---- */

static sept_status
http_request(const struct sept_host *host, struct sept_call *call,
    const struct sept_http_request *rq, struct sept_http **out,
    struct sept_err *err)
{
	struct fake *f = host->impl;
	struct sept_http *h;
	size_t n = 0, i;

	(void)err;
	if (f->http_down || f->in->http != NULL)
		return SEPT_EUNAVAIL;
	free(f->url);
	free(f->body);
	free(f->headers);
	f->headers = NULL;
	f->url = copy(rq->url, strlen(rq->url));
	f->body = copy(rq->body.p, rq->body.n);
	f->body_n = rq->body.n;
	append(&f->headers, &n, "", 0);
	for (i = 0; rq->headers[i] != NULL; i++) {
		append(&f->headers, &n, rq->headers[i],
		    strlen(rq->headers[i]));
		append(&f->headers, &n, "\n", 1);
	}
	f->requests++;
	h = need(calloc(1, sizeof *h));
	h->fake = f;
	h->call = call;
	h->rq = *rq;
	h->reply = f->in->replies;
	if (h->reply != NULL)
		f->in->replies = h->reply->next;
	f->in->http = h;
	*out = h;
	return SEPT_OK;
}

static void
http_abort(struct sept_http *h)
{
	h->aborted = 1;
	h->fake->aborts++;
}

static void
http_pause(struct sept_http *h, int32_t paused)
{
	h->paused = paused;
	h->fake->pauses += paused != 0;
}

static const struct sept_host_http host_http = {
	.size = sizeof host_http,
	.request = http_request,
	.abort = http_abort,
	.pause = http_pause,
};

static void
sse_line(struct sept_http *h)
{
	struct sept_sse ev;
	char *v = strchr(h->line, ':');

	if (h->line_n == 0) {
		if (h->data_n > 0) {
			memset(&ev, 0, sizeof ev);
			ev.size = sizeof ev;
			ev.event = sept_str(h->event[0] != '\0' ? h->event :
			    "message");
			ev.data = sept_slice_of(h->data, h->data_n - 1);
			h->rq.on_sse(h->rq.user, &ev);
		}
		h->data_n = 0;
		h->event[0] = '\0';
		return;
	}
	if (v == h->line)
		return;
	if (v != NULL) {
		*v++ = '\0';
		if (*v == ' ')
			v++;
	}
	if (strcmp(h->line, "data") == 0) {
		if (v != NULL)
			append(&h->data, &h->data_n, v, h->line_n -
			    (size_t)(v - h->line));
		append(&h->data, &h->data_n, "\n", 1);
	} else if (strcmp(h->line, "event") == 0 && v != NULL) {
		(void)snprintf(h->event, sizeof h->event, "%s", v);
	}
}

static void
sse_feed(struct sept_http *h, const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (p[i] == '\n' && h->cr) {
			h->cr = 0;
			continue;
		}
		h->cr = p[i] == '\r';
		if (p[i] != '\n' && p[i] != '\r') {
			append(&h->line, &h->line_n, p + i, 1);
			continue;
		}
		append(&h->line, &h->line_n, "", 0);
		sse_line(h);
		h->line_n = 0;
	}
}

static void
http_done(struct sept_http *h, sept_status st, const char *msg,
    const struct sept_http_response *r)
{
	struct fake *f = h->fake;

	f->in->http = NULL;
	h->rq.on_done(h->rq.user, st, sept_str(msg), r);
	if (h->reply != NULL) {
		free(h->reply->type);
		free(h->reply->body);
		free(h->reply->message);
		free(h->reply);
	}
	free(h->line);
	free(h->data);
	free(h);
}

/* Plays a part of the reply; 0: nothing to do. */
static int
http_step(struct sept_http *h)
{
	struct reply *r = h->reply;
	struct sept_http_response rs;
	size_t n;

	memset(&rs, 0, sizeof rs);
	rs.size = sizeof rs;
	rs.retry_after_s = -1;
	if (h->headed) {
		rs.status = r->status;
		rs.content_type = sept_str(r->type);
		rs.retry_after_s = r->retry;
	}
	if (h->aborted) {
		http_done(h, SEPT_ECANCELLED, "aborted", &rs);
		return 1;
	}
	if (r == NULL || h->paused)
		return 0;
	if (!h->headed && r->status != 0) {
		h->headed = 1;
		rs.status = r->status;
		rs.content_type = sept_str(r->type);
		rs.retry_after_s = r->retry;
		if (h->rq.on_head != NULL)
			h->rq.on_head(h->rq.user, &rs);
		return 1;
	}
	if (r->at < r->n) {
		n = r->n - r->at;
		if (h->fake->chunk != 0 && n > h->fake->chunk)
			n = h->fake->chunk;
		if ((h->rq.flags & SEPT_HTTP_SSE) != 0 &&
		    r->status / 100 == 2 &&
		    strncmp(r->type, "text/event-stream", 17) == 0)
			sse_feed(h, r->body + r->at, n);
		else
			h->rq.on_data(h->rq.user,
			    sept_slice_of(r->body + r->at, n));
		r->at += n;
		return 1;
	}
	if (r->end == FAKE_HANG)
		return 0;
	http_done(h, r->end, r->message, &rs);
	return 1;
}

/* ---- the rest ---- */

static sept_status
secret_get(const struct sept_host *host, const char *name,
    struct sept_slice *out)
{
	struct fake *f = host->impl;
	struct secret *s;

	for (s = f->in->secrets; s != NULL; s = s->next) {
		if (strcmp(s->name, name) == 0) {
			*out = sept_str(s->value);
			return SEPT_OK;
		}
	}
	return SEPT_ENOTFOUND;
}

static sept_status
loop_timer(const struct sept_host *host, uint32_t ms, void (*fn)(void *),
    void *arg, struct sept_timer **out)
{
	struct fake *f = host->impl;
	struct sept_timer *t = need(calloc(1, sizeof *t)), **at;

	t->at = f->now_ns + (uint64_t)ms * 1000000;
	t->fn = fn;
	t->arg = arg;
	for (at = &f->in->timers; *at != NULL && (*at)->at <= t->at;
	    at = &(*at)->next)
		;
	t->next = *at;
	*at = t;
	*out = t;
	return SEPT_OK;
}

static sept_status
loop_post(const struct sept_host *host, void (*fn)(void *), void *arg)
{
	struct sept_timer *t;

	return loop_timer(host, 0, fn, arg, &t);
}

static void
loop_timer_cancel(struct sept_timer *t)
{
	/* Freed when it would have run; a cancelled one does nothing. */
	t->fn = NULL;
}

static const struct sept_host_secret host_secret = {
	.size = sizeof host_secret,
	.get = secret_get,
};

static const struct sept_host_loop host_loop = {
	.size = sizeof host_loop,
	.post = loop_post,
	.timer = loop_timer,
	.timer_cancel = loop_timer_cancel,
};

static const void *
host_get_ext(const struct sept_host *host, const char *id)
{
	(void)host;
	if (strcmp(id, SEPT_HOST_CALL) == 0)
		return &host_call;
	if (strcmp(id, SEPT_HOST_HTTP) == 0)
		return &host_http;
	if (strcmp(id, SEPT_HOST_SECRET) == 0)
		return &host_secret;
	if (strcmp(id, SEPT_HOST_LOOP) == 0)
		return &host_loop;
	return NULL;
}

static void
host_log(const struct sept_host *host, int32_t level, struct sept_slice msg)
{
	struct fake *f = host->impl;
	size_t n = strlen(f->log);

	(void)level;
	(void)snprintf(f->log + n, sizeof f->log - n, "%.*s\n", (int)msg.n,
	    msg.p);
}

static void
host_fail(struct sept_err *err, sept_status st, struct sept_slice msg)
{
	if (err == NULL)
		return;
	err->status = st;
	(void)snprintf(err->text, sizeof err->text, "%.*s", (int)msg.n,
	    msg.p);
}

static uint64_t
host_now(const struct sept_host *host)
{
	struct fake *f = host->impl;

	return f->now_ns;
}

static void
host_quiesced(struct sept_quiesce *q)
{
	((struct fake *)(void *)q)->in->quiesced++;
}

struct fake *
fake_new(void)
{
	struct fake *f = need(calloc(1, sizeof *f));

	f->in = need(calloc(1, sizeof *f->in));
	f->now_ns = 1000000000;
	f->host.size = sizeof f->host;
	f->host.abi_major = SEPT_ABI_MAJOR;
	f->host.abi_minor = SEPT_ABI_MINOR;
	f->host.impl = f;
	f->host.name = "fakehost";
	f->host.version = "0";
	f->host.get_ext = host_get_ext;
	f->host.log = host_log;
	f->host.fail = host_fail;
	f->host.now_ns = host_now;
	f->host.quiesced = host_quiesced;
	return f;
}

void
fake_free(struct fake *f)
{
	struct secret *s;
	struct sept_timer *t;

	if (f->plugin != NULL)
		f->plugin->destroy(f->plugin);
	while ((s = f->in->secrets) != NULL) {
		f->in->secrets = s->next;
		free(s->name);
		free(s->value);
		free(s);
	}
	while ((t = f->in->timers) != NULL) {
		f->in->timers = t->next;
		free(t);
	}
	free(f->url);
	free(f->headers);
	free(f->body);
	free(f->in);
	free(f);
}

void
fake_secret(struct fake *f, const char *name, const char *value)
{
	struct secret *s = need(calloc(1, sizeof *s));

	s->name = copy(name, strlen(name));
	s->value = copy(value, strlen(value));
	s->next = f->in->secrets;
	f->in->secrets = s;
}

sept_status
fake_load(struct fake *f, const char *config, struct sept_err *err)
{
	const struct sept_desc *d = september_plugin_v1();
	sept_status st;

	memset(err, 0, sizeof *err);
	st = d->create(&f->host, &f->plugin);
	if (st == SEPT_OK && f->plugin->configure != NULL)
		st = f->plugin->configure(f->plugin, sept_str(config), err);
	if (st == SEPT_OK && f->plugin->start != NULL)
		st = f->plugin->start(f->plugin, err);
	if (st == SEPT_OK)
		f->llm = f->plugin->get_ext(f->plugin, SEPT_EXT_LLM);
	return st;
}

void
fake_quiesce(struct fake *f)
{
	f->plugin->quiesce(f->plugin, (struct sept_quiesce *)(void *)f);
	if (f->in->quiesced != 1)
		broke(f, "quiesced was not called once");
}

void
fake_reply(struct fake *f, int status, const char *type, const char *body,
    size_t n)
{
	struct reply *r = need(calloc(1, sizeof *r)), **at;

	r->status = status;
	r->type = copy(type, strlen(type));
	r->body = copy(body, n);
	r->message = copy("", 0);
	r->n = n;
	r->retry = -1;
	for (at = &f->in->replies; *at != NULL; at = &(*at)->next)
		;
	*at = r;
}

static struct reply *
reply_last(struct fake *f)
{
	struct reply *r = f->in->replies;

	while (r != NULL && r->next != NULL)
		r = r->next;
	return need(r);
}

void
fake_reply_end(struct fake *f, sept_status st, const char *message)
{
	struct reply *r = reply_last(f);

	r->end = st;
	free(r->message);
	r->message = copy(message, strlen(message));
}

void
fake_reply_retry(struct fake *f, int64_t seconds)
{
	reply_last(f)->retry = seconds;
}

struct sept_call *
fake_call_new(struct fake *f)
{
	struct sept_call *c = need(calloc(1, sizeof *c));

	c->fake = f;
	c->info.size = sizeof c->info;
	c->info.attempt = 1;
	c->log = copy("", 0);
	c->result = copy("", 0);
	f->in->call = c;
	return c;
}

void
fake_call_free(struct sept_call *c)
{
	if (c->fake->in->call == c)
		c->fake->in->call = NULL;
	free(c->log);
	free(c->result);
	free(c);
}

void
fake_cancel(struct sept_call *c)
{
	struct fake *f = c->fake;

	c->cancelled = 1;
	if (f->plugin->cancel != NULL)
		f->plugin->cancel(f->plugin, c);
	if (f->in->http != NULL && f->in->http->call == c)
		f->in->http->aborted = 1;
}

sept_status
fake_generate(struct fake *f, struct sept_call *c, const char *model,
    const char *system, const char *tools, const char *messages,
    const char *params)
{
	struct sept_llm_request rq;

	memset(&rq, 0, sizeof rq);
	rq.size = sizeof rq;
	rq.model = sept_str(model);
	rq.system = sept_str(system);
	rq.tools = sept_str(tools);
	rq.messages = sept_str(messages);
	rq.params = sept_str(params);
	return f->llm->generate(f->plugin, c, &rq);
}

static int
timer_step(struct fake *f)
{
	struct sept_timer *t = f->in->timers;

	if (t == NULL)
		return 0;
	f->in->timers = t->next;
	if (t->fn != NULL) {
		if (t->at > f->now_ns)
			f->now_ns = t->at;
		t->fn(t->arg);
	}
	free(t);
	return 1;
}

int
fake_step(struct fake *f)
{
	struct sept_call *c = f->in->call;
	void (*cb)(void *);

	if (f->in->http != NULL && http_step(f->in->http))
		return 1;
	if (c != NULL && c->writable != NULL) {
		cb = c->writable;
		c->writable = NULL;
		c->full = 0;
		cb(c->writable_arg);
		return 1;
	}
	return timer_step(f);
}

void
fake_run(struct fake *f)
{
	while (fake_step(f))
		;
}

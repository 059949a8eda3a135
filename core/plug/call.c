/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call.c - the handle of a running call as the plugin sees it: events and
 * completion, from any thread. Nothing is delivered from here.
 *
 * Events are copied into one growing buffer per call; a post to the loop is
 * made only when none is under way, so a burst costs one wake-up and no
 * allocation.
 *
 * A handle whose call is over stays a valid, inert struct for a while (see
 * invoke.c): a second completion is logged, not a crash.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../base/clock.h"
#include "../base/json.h"
#include "../base/log.h"
#include "../base/utf8.h"
#include "call-internal.h"

int
call_init(struct sept_call *c)
{
	pthread_condattr_t attr;

	if (pthread_mutex_init(&c->lock, NULL) != 0)
		return -1;
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&c->room, &attr);
	(void)pthread_condattr_destroy(&attr);
	c->post.fn = call_deliver;
	c->post.arg = c;
	return 0;
}

void
call_strip(struct sept_call *c)
{
	free(c->text);
	free(c->queue.p);
	free(c->out.p);
	json_decref(c->result);
	c->text = NULL;
	c->queue.p = c->out.p = NULL;
	c->queue.cap = c->out.cap = 0;
	c->queue.n = c->out.n = 0;
	c->result = NULL;
	memset(&c->info, 0, sizeof c->info);
}

void
call_fini(struct sept_call *c)
{
	call_strip(c);
	(void)pthread_cond_destroy(&c->room);
	(void)pthread_mutex_destroy(&c->lock);
}

void
call_schedule(struct sept_call *c)
{
	if (c->posted)
		return;
	c->posted = 1;
	loop_post(c->plug->cfg.loop, &c->post);
}

/* --- events --- */

static struct sept_slice
field(const struct sept_slice *s)
{
	struct sept_slice none = { NULL, 0 };

	return s->p != NULL ? *s : none;
}

static int
queue_reserve(struct event_queue *q, size_t more)
{
	size_t cap = q->cap != 0 ? q->cap : 1024;
	char *p;

	if (q->cap - q->n >= more)
		return 0;
	while (cap - q->n < more)
		cap *= 2;
	p = realloc(q->p, cap);
	if (p == NULL)
		return -1;
	q->p = p;
	q->cap = cap;
	return 0;
}

static void
queue_add(struct event_queue *q, const struct sept_event *ev,
    struct sept_slice text, struct sept_slice id, struct sept_slice json)
{
	struct call_record r = { ev->kind, ev->index, ev->flags,
		(uint32_t)text.n, (uint32_t)id.n, (uint32_t)json.n };
	char *p = q->p + q->n;

	memcpy(p, &r, sizeof r);
	p += sizeof r;
	if (text.n > 0)
		memcpy(p, text.p, text.n);
	p += text.n;
	if (id.n > 0)
		memcpy(p, id.p, id.n);
	p += id.n;
	if (json.n > 0)
		memcpy(p, json.p, json.n);
	q->n += ALIGN8(sizeof r + text.n + id.n + json.n);
	q->events++;
}

/* An event over the limit is let into an empty queue. */
int
call_is_full(const struct sept_call *c, size_t more)
{
	const struct event_queue *q = &c->queue;

	return c->paused || q->events >= CALL_QUEUE_EVENTS ||
	    (q->events > 0 && q->n + more > CALL_QUEUE_BYTES);
}

static sept_status
hc_emit(struct sept_call *c, const struct sept_event *ev)
{
	struct sept_slice text, id, json;
	sept_status st = SEPT_OK;
	size_t n;

	if (c == NULL || ev == NULL || !SEPT_HAS(struct sept_event, ev, json))
		return SEPT_EINVAL;
	text = field(&ev->text);
	id = field(&ev->id);
	json = field(&ev->json);
	if (text.n > CALL_EVENT_MAX || id.n > CALL_EVENT_MAX ||
	    json.n > CALL_EVENT_MAX)
		return SEPT_ETOOBIG;
	n = ALIGN8(sizeof(struct call_record) + text.n + id.n + json.n);
	if (n > CALL_EVENT_MAX)
		return SEPT_ETOOBIG;
	(void)pthread_mutex_lock(&c->lock);
	if (c->completed || c->answered || c->at_rest)
		st = SEPT_ECANCELLED;
	else if (call_is_full(c, n)) {
		c->refused = n;
		st = atomic_load(&c->cancelled) ? SEPT_ECANCELLED :
		    SEPT_EAGAIN;
	} else if (queue_reserve(&c->queue, n) != 0)
		st = SEPT_ENOMEM;
	else {
		queue_add(&c->queue, ev, text, id, json);
		c->refused = 0;
		call_schedule(c);
	}
	(void)pthread_mutex_unlock(&c->lock);
	return st;
}

static sept_status
hc_on_writable(struct sept_call *c, void (*cb)(void *), void *arg)
{
	if (c == NULL || cb == NULL || !loop_here(c->plug->cfg.loop))
		return SEPT_EINVAL;
	(void)pthread_mutex_lock(&c->lock);
	if (c->completed || c->at_rest) {
		(void)pthread_mutex_unlock(&c->lock);
		return SEPT_ECANCELLED;
	}
	c->writable = cb;
	c->writable_arg = arg;
	call_schedule(c);
	(void)pthread_mutex_unlock(&c->lock);
	return SEPT_OK;
}

static sept_status
hc_wait_writable(struct sept_call *c, uint32_t timeout_ms)
{
	struct timespec until;
	sept_status st = SEPT_OK;
	int r = 0;

	/* Waiting on the loop for the loop would never end. */
	if (c == NULL || loop_here(c->plug->cfg.loop))
		return SEPT_EINVAL;
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(timeout_ms / 1000);
	until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	(void)pthread_mutex_lock(&c->lock);
	while (call_is_full(c, c->refused) && !c->answered && !c->at_rest &&
	    !atomic_load(&c->cancelled) && r != ETIMEDOUT)
		r = pthread_cond_timedwait(&c->room, &c->lock, &until);
	if (c->answered || c->at_rest || atomic_load(&c->cancelled))
		st = SEPT_ECANCELLED;
	else if (call_is_full(c, c->refused))
		st = SEPT_ETIMEOUT;
	(void)pthread_mutex_unlock(&c->lock);
	return st;
}

/* --- completion --- */

json_t *
call_error(const char *code, const char *text)
{
	return json_pack("{s:s, s:s}", "error", code, "output", text);
}

/* What the plugin gave, as an object; may change the status. */
static json_t *
parse_result(const struct sept_call *c, struct sept_slice json,
    sept_status *status)
{
	size_t n = json.n;
	char *mended = NULL;
	json_t *v;

	if (json.p == NULL || json.n == 0)
		return json_object();
	if (json.n > CALL_RESULT_MAX) {
		*status = SEPT_ETOOBIG;
		return call_error("result_too_big",
		    "the result is over 16 MiB");
	}
	if (!utf8_valid(json.p, json.n)) {
		mended = utf8_mend(json.p, json.n, &n);
		if (mended == NULL) {
			*status = SEPT_ENOMEM;
			return NULL;
		}
		json.p = mended;
	}
	v = json_loadb(json.p, n, JSON_REJECT_DUPLICATES, NULL);
	free(mended);
	if (json_is_object(v))
		return v;
	json_decref(v);
	log_warn("plugin", "%s: completed a call with malformed JSON",
	    c->names->id);
	*status = SEPT_EFAILED;
	return call_error("malformed_result",
	    "the plugin's result is not a JSON object");
}

/* Claims the completion; 0 when it was already made. */
static int
claim(struct sept_call *c)
{
	int first;

	(void)pthread_mutex_lock(&c->lock);
	first = !c->completed && !c->at_rest;
	c->completed = 1;
	c->writable = NULL;
	(void)pthread_mutex_unlock(&c->lock);
	return first;
}

static void
set_result(struct sept_call *c, sept_status status, json_t *result)
{
	(void)pthread_mutex_lock(&c->lock);
	c->status = status;
	c->result = result;
	c->ready = 1;
	call_schedule(c);
	(void)pthread_mutex_unlock(&c->lock);
}

static void
hc_complete(struct sept_call *c, sept_status status, struct sept_slice json)
{
	json_t *result;

	if (c == NULL)
		return;
	if (!claim(c)) {
		log_error("plugin", "%s: completed a call twice; the second "
		    "completion is ignored", c->names->id);
		return;
	}
	if (status > 0 || status < SEPT_ETOOBIG)
		status = SEPT_EFAILED;
	result = parse_result(c, json, &status);
	set_result(c, status, result);
}

void
call_refuse(struct sept_call *c, sept_status status, const char *text)
{
	if (!claim(c)) {
		log_error("plugin", "%s: completed a call and did not accept "
		    "it", c->names->id);
		return;
	}
	set_result(c, status, call_error(plug_status_name(status), text));
}

static int32_t
hc_cancelled(const struct sept_call *c)
{
	return atomic_load(&c->cancelled) || clock_mono_ns() >= c->deadline_ns;
}

static uint64_t
hc_deadline(const struct sept_call *c)
{
	return c->deadline_ns;
}

static const struct sept_call_info *
hc_info(const struct sept_call *c)
{
	return &c->info;
}

static void
hc_set_user(struct sept_call *c, void *user)
{
	atomic_store(&c->plugin_user, user);
}

static void *
hc_user(const struct sept_call *c)
{
	return atomic_load(&c->plugin_user);
}

static const struct sept_host_call call_table = {
	.size = sizeof call_table,
	.emit = hc_emit,
	.on_writable = hc_on_writable,
	.wait_writable = hc_wait_writable,
	.complete = hc_complete,
	.cancelled = hc_cancelled,
	.deadline_ns = hc_deadline,
	.info = hc_info,
	.set_user = hc_set_user,
	.user = hc_user,
};

const void *
host_call_table(void)
{
	return &call_table;
}

int
call_is_over(struct sept_call *c)
{
	int over;

	(void)pthread_mutex_lock(&c->lock);
	over = c->completed || c->answered || c->at_rest ||
	    atomic_load(&c->cancelled);
	(void)pthread_mutex_unlock(&c->lock);
	return over;
}

uint64_t
call_deadline(const struct sept_call *c)
{
	return c->deadline_ns;
}

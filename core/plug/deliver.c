/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deliver.c - the engine's side of a running call, on the loop: events and
 * the answer, cancel, deadline and grace.
 *
 * call_deliver() swaps the queue that emit() fills with its own and reads it
 * without the lock; a completion is seen together with every event before
 * it. The answer is given once: the plugin's, or after the grace time the
 * host's own, and then what the plugin still sends is dropped.
 */
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/log.h"
#include "call-internal.h"

#define QUEUE_KEEP (64 * 1024) /* a bigger buffer is not kept */

static void
deliver_events(struct sept_call *c)
{
	struct event_queue *q = &c->out;
	struct sept_event ev = { .size = sizeof ev };
	struct call_record r;
	size_t at = 0;
	const char *p;

	while (at < q->n && c->ops.event != NULL && !c->user_gone) {
		memcpy(&r, q->p + at, sizeof r);
		p = q->p + at + sizeof r;
		ev.kind = r.kind;
		ev.index = r.index;
		ev.flags = r.flags;
		ev.text.p = p;
		ev.text.n = r.text_n;
		ev.id.p = p + r.text_n;
		ev.id.n = r.id_n;
		ev.json.p = p + r.text_n + r.id_n;
		ev.json.n = r.json_n;
		at += ALIGN8(sizeof r + r.text_n + r.id_n + r.json_n);
		c->ops.event(c->user, &ev);
	}
	q->n = 0;
	q->events = 0;
	if (q->cap > QUEUE_KEEP) {
		free(q->p);
		q->p = NULL;
		q->cap = 0;
	}
}

/* Calls done(), which ends the engine's side of the handle. */
static void
answer(struct sept_call *c, sept_status status, json_t *result)
{
	loop_timer_cancel(c->timer);
	c->timer = NULL;
	(void)pthread_mutex_lock(&c->lock);
	c->answered = 1;
	(void)pthread_cond_broadcast(&c->room);
	(void)pthread_mutex_unlock(&c->lock);
	c->user_gone = 1;
	if (result == NULL)
		result = json_object();
	c->ops.done(c->user, status, result);
	json_decref(result);
}

static void
on_ready(struct sept_call *c)
{
	sept_status status = c->status;
	json_t *result = c->result;

	c->result = NULL;
	c->plugin_done = 1;
	/* Who asked for the end decides what the plugin's yes to it means. */
	if (status == SEPT_ECANCELLED && c->end == END_DEADLINE)
		status = SEPT_ETIMEOUT;
	if (c->user_gone)
		json_decref(result);
	else
		answer(c, status, result);
	call_settle(c);
}

static void
fire_writable(struct sept_call *c)
{
	void (*cb)(void *) = NULL;
	void *arg = NULL;
	const char *before;

	(void)pthread_mutex_lock(&c->lock);
	if (c->writable != NULL && (!call_is_full(c, c->refused) ||
	    c->answered || atomic_load(&c->cancelled))) {
		cb = c->writable;
		arg = c->writable_arg;
		c->writable = NULL;
	}
	if (!call_is_full(c, c->refused))
		(void)pthread_cond_broadcast(&c->room);
	(void)pthread_mutex_unlock(&c->lock);
	if (cb == NULL)
		return;
	before = gen_enter(c->gen, c->names->callback);
	cb(arg);
	gen_leave(c->gen, before);
}

void
call_deliver(void *arg)
{
	struct sept_call *c = arg;
	struct event_queue q;
	int ready;

	(void)pthread_mutex_lock(&c->lock);
	q = c->out;
	c->out = c->queue;
	c->queue = q;
	c->posted = 0;
	ready = c->ready;
	(void)pthread_mutex_unlock(&c->lock);
	deliver_events(c);
	if (ready)
		on_ready(c);
	else
		fire_writable(c);
}

void
plug_call_pause(struct plug_call *pc, int paused)
{
	struct sept_call *c = &pc->c;

	(void)pthread_mutex_lock(&c->lock);
	c->paused = paused;
	if (!paused)
		call_schedule(c);
	(void)pthread_mutex_unlock(&c->lock);
}

/* --- cancel and deadline --- */

static void
on_grace(void *arg)
{
	struct sept_call *c = arg;

	c->timer = NULL;
	if (c->user_gone)
		return;
	log_warn("plug", "plugin %s has not completed call %.*s %d s after "
	    "it was asked to; it is abandoned", c->names->id,
	    (int)c->info.call_id.n, c->info.call_id.p != NULL ?
	    c->info.call_id.p : "", PLUG_CANCEL_GRACE_MS / 1000);
	if (c->end == END_DEADLINE)
		answer(c, SEPT_ETIMEOUT, call_error("timeout",
		    "the deadline of the call passed"));
	else
		answer(c, SEPT_ECANCELLED, call_error("cancelled",
		    "the call was cancelled"));
	/* No longer a user, but the pin stays until the plugin completes. */
	c->is_user = 0;
	gen_unuse(c->gen);
}

static void
abort_requests(struct sept_call *c)
{
	struct host_request *r;

	for (;;) {
		LIST_FOREACH(r, &c->requests, call_link)
			if (!r->aborted)
				break;
		if (r == NULL)
			return;
		host_request_abort(r);
	}
}

static void
ask_to_end(struct sept_call *c, enum call_end why)
{
	struct generation *g = c->gen;
	const char *before;
	int entered;

	if (c->end != END_NONE || c->user_gone)
		return;
	c->end = why;
	loop_timer_cancel(c->timer);
	c->timer = NULL;
	(void)pthread_mutex_lock(&c->lock);
	atomic_store(&c->cancelled, 1);
	entered = c->entered && !c->completed;
	(void)pthread_cond_broadcast(&c->room);
	if (c->writable != NULL)
		call_schedule(c);
	(void)pthread_mutex_unlock(&c->lock);
	if (loop_timer(c->plug->cfg.loop, PLUG_CANCEL_GRACE_MS, on_grace, c,
	    &c->timer) != 0)
		log_error("plug", "no memory for the grace timer of a call");
	if (c->waiting) {
		call_unqueue(c);
		call_refuse(c, SEPT_ECANCELLED, "ended before it began");
		return;
	}
	abort_requests(c);
	if (!entered || g->inst->cancel == NULL)
		return;
	before = gen_enter(g, c->names->cancel);
	g->inst->cancel(g->inst, c);
	gen_leave(g, before);
}

static void
on_deadline(void *arg)
{
	struct sept_call *c = arg;

	c->timer = NULL;
	ask_to_end(c, END_DEADLINE);
}

int
call_arm(struct sept_call *c)
{
	uint64_t now = clock_mono_ns(), ms;

	if (c->deadline_ns == UINT64_MAX)
		return 0;
	ms = c->deadline_ns > now ?
	    (c->deadline_ns - now + 999999) / 1000000 : 0;
	return loop_timer(c->plug->cfg.loop, ms, on_deadline, c, &c->timer);
}

void
plug_call_cancel(struct plug_call *pc)
{
	ask_to_end(&pc->c, END_CANCEL);
}

void
call_add_request(struct sept_call *c, struct host_request *r)
{
	r->call = c;
	LIST_INSERT_HEAD(&c->requests, r, call_link);
}

void
call_drop_request(struct host_request *r)
{
	if (r->call != NULL)
		LIST_REMOVE(r, call_link);
	r->call = NULL;
}

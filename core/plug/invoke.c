/* SPDX-License-Identifier: Apache-2.0 */
/*
 * invoke.c - how a call begins, waits for its turn, enters the plugin and is
 * put to rest.
 *
 * A tool with max_parallel, and every blocking tool (at most
 * PLUG_BLOCKING_MAX of a plugin at once), waits in its generation's queue
 * until it has a slot; first come, first served among those that can run.
 *
 * Ended handles are kept, stripped, in a short list before they are freed, so
 * that a plugin's late mistake meets a handle that says so.
 */
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/log.h"
#include "call-internal.h"

static void start_waiting(struct generation *g);

/* --- entering the plugin --- */

static sept_status
enter_ext(struct sept_call *c)
{
	struct generation *g = c->gen;

	switch (c->kind) {
	case CALL_TOOL:
		return g->tool->invoke(g->inst, c->tool->index, c, c->args);
	case CALL_LLM:
		return g->llm->ext->generate(g->inst, c, &c->req);
	case CALL_SKILL:
		break;
	}
	return g->skill->scan(g->inst, c, c->args);
}

/* [any] Runs the entry unless the call was ended before. */
static sept_status
enter(struct sept_call *c)
{
	int go;

	(void)pthread_mutex_lock(&c->lock);
	go = !atomic_load(&c->cancelled);
	c->entered = go;
	(void)pthread_mutex_unlock(&c->lock);
	return go ? enter_ext(c) : SEPT_ECANCELLED;
}

static void
after_enter(struct sept_call *c, sept_status st)
{
	c->inside = 0;
	if (st != SEPT_OK)
		call_refuse(c, st, c->entered ?
		    "the plugin did not accept the call" :
		    "ended before it began");
	call_settle(c);
}

/* [pool] The pin is the trampoline's: completion may come before return. */
static void
pool_enter(void *arg)
{
	struct sept_call *c = arg;

	c->returned = enter(c);
}

static void
pool_left(void *arg)
{
	struct sept_call *c = arg;
	struct generation *g = c->gen;

	after_enter(c, c->returned);
	gen_unref(g, GEN_ENTER);
}

static int
is_blocking(const struct sept_call *c)
{
	return c->kind == CALL_SKILL || (c->kind == CALL_TOOL &&
	    (c->tool->info.flags & SEPT_TOOL_BLOCKING) != 0);
}

/* Runs c now; -1: the pool is full. */
static int
run(struct sept_call *c)
{
	struct generation *g = c->gen;
	const char *before;
	sept_status st;

	TAILQ_INSERT_TAIL(&g->calls, c, link);
	c->inside = 1;
	if (!is_blocking(c)) {
		before = gen_enter(g, c->names->invoke);
		st = enter(c);
		after_enter(c, st);
		gen_leave(g, before);
		return 0;
	}
	c->job.work = pool_enter;
	c->job.done = pool_left;
	c->job.arg = c;
	gen_ref(g, GEN_ENTER);
	if (pool_submit(g->plug->cfg.pool, &c->job) == 0)
		return 0;
	gen_unref(g, GEN_ENTER);
	c->inside = 0;
	TAILQ_REMOVE(&g->calls, c, link);
	return -1;
}

/* --- slots --- */

static int
take_slot(struct sept_call *c)
{
	struct generation *g = c->gen;
	const struct plug_tool *t = c->tool;

	if (is_blocking(c) && g->n_blocking >= PLUG_BLOCKING_MAX)
		return -1;
	if (t != NULL && t->info.max_parallel > 0 &&
	    t->running >= t->info.max_parallel)
		return -1;
	if (is_blocking(c))
		g->n_blocking++;
	if (c->tool != NULL)
		c->tool->running++;
	c->has_slot = 1;
	return 0;
}

static void
give_slot(struct sept_call *c)
{
	if (!c->has_slot)
		return;
	c->has_slot = 0;
	if (is_blocking(c))
		c->gen->n_blocking--;
	if (c->tool != NULL)
		c->tool->running--;
}

void
call_unqueue(struct sept_call *c)
{
	if (!c->waiting)
		return;
	c->waiting = 0;
	TAILQ_REMOVE(&c->gen->waiting, c, link);
	c->gen->n_waiting--;
	TAILQ_INSERT_TAIL(&c->gen->calls, c, link);
}

/* One that cannot run now lets later ones of other tools pass. */
static struct sept_call *
next_waiting(struct generation *g)
{
	struct sept_call *c;

	TAILQ_FOREACH(c, &g->waiting, link)
		if (take_slot(c) == 0)
			return c;
	return NULL;
}

static void
start_waiting(struct generation *g)
{
	struct sept_call *c;

	while ((c = next_waiting(g)) != NULL) {
		call_unqueue(c);
		TAILQ_REMOVE(&g->calls, c, link);
		if (run(c) == 0)
			continue;
		TAILQ_INSERT_TAIL(&g->calls, c, link);
		give_slot(c);
		call_refuse(c, SEPT_EUNAVAIL, "no worker is free");
	}
}

/* --- rest --- */

static void
bury(struct sept_call *c)
{
	struct plug *p = c->plug;

	call_strip(c);
	TAILQ_INSERT_TAIL(&p->dead, c, link);
	if (++p->n_dead <= PLUG_DEAD_MAX)
		return;
	c = TAILQ_FIRST(&p->dead);
	TAILQ_REMOVE(&p->dead, c, link);
	p->n_dead--;
	call_fini(c);
	free(c);
}

void
call_settle(struct sept_call *c)
{
	struct generation *g = c->gen;

	if (!c->user_gone || !c->plugin_done || c->inside)
		return;
	while (!LIST_EMPTY(&c->requests))
		call_drop_request(LIST_FIRST(&c->requests));
	(void)pthread_mutex_lock(&c->lock);
	c->at_rest = 1;
	(void)pthread_mutex_unlock(&c->lock);
	TAILQ_REMOVE(&g->calls, c, link);
	give_slot(c);
	start_waiting(g);
	if (c->is_user)
		gen_unuse(g);
	c->is_user = 0;
	bury(c);
	gen_unref(g, GEN_CALL);
}

/* --- beginning --- */

/* Copies s to *at and moves it on. */
static struct sept_slice
put(char **at, const char *s, size_t n)
{
	struct sept_slice r = { *at, n };

	if (n > 0)
		memcpy(*at, s, n);
	(*at)[n] = '\0';
	*at += n + 1;
	return r;
}

static size_t
len(const char *s)
{
	return s != NULL ? strlen(s) : 0;
}

/* One block for the caller's strings and `extra` bytes in `parts` pieces. */
static char *
copy_caller(struct sept_call *c, const struct plug_caller *w, size_t extra,
    size_t parts)
{
	struct sept_call_info *i = &c->info;
	size_t n = len(w->task_id) + len(w->turn_id) + len(w->call_id) +
	    len(w->agent) + len(w->workspace) + 5;
	char *at;

	at = c->text = malloc(n + extra + parts);
	if (at == NULL)
		return NULL;
	i->size = sizeof *i;
	i->attempt = w->attempt != 0 ? w->attempt : 1;
	i->task_id = put(&at, w->task_id, len(w->task_id));
	i->turn_id = put(&at, w->turn_id, len(w->turn_id));
	i->call_id = put(&at, w->call_id, len(w->call_id));
	i->agent = put(&at, w->agent, len(w->agent));
	i->workspace = put(&at, w->workspace, len(w->workspace));
	return at;
}

static struct sept_call *
call_new(struct generation *g, enum call_kind kind,
    const struct plug_call_ops *ops, void *user)
{
	struct plug_call *pc = calloc(1, sizeof *pc);
	struct sept_call *c;

	if (pc == NULL)
		return NULL;
	c = &pc->c;
	if (call_init(c) != 0) {
		free(pc);
		return NULL;
	}
	c->plug = g->plug;
	c->gen = g;
	c->names = g->names;
	c->kind = kind;
	c->ops = *ops;
	c->user = user;
	c->deadline_ns = UINT64_MAX;
	return c;
}

static struct plug_call *
call_drop(struct sept_call *c)
{
	if (c != NULL) {
		loop_timer_cancel(c->timer);
		call_fini(c);
		free(c);
	}
	return NULL;
}

/* Pins, then runs or queues; NULL and e: not begun, c is gone. */
static struct plug_call *
begin(struct sept_call *c, struct err *e)
{
	struct generation *g = c->gen;

	if (g->state != GEN_RUNNING) {
		err_set(e, ERR_UNAVAILABLE, "plugin %s is stopping",
		    g->names->id);
		return call_drop(c);
	}
	if (call_arm(c) != 0) {
		err_nomem(e);
		return call_drop(c);
	}
	if (take_slot(c) != 0) {
		if (g->n_waiting >= PLUG_WAITING_MAX) {
			err_set(e, ERR_UNAVAILABLE,
			    "too many calls wait for plugin %s",
			    g->names->id);
			return call_drop(c);
		}
		c->waiting = 1;
		TAILQ_INSERT_TAIL(&g->waiting, c, link);
		g->n_waiting++;
	}
	gen_use(g, GEN_CALL);
	c->is_user = 1;
	if (!c->waiting && run(c) != 0) {
		give_slot(c);
		gen_unuse(g);
		gen_unref(g, GEN_CALL);
		err_set(e, ERR_UNAVAILABLE, "no worker is free");
		return call_drop(c);
	}
	return (struct plug_call *)c;
}

struct plug_call *
plug_tool_invoke(const struct plug_tool *t, const struct plug_caller *who,
    const char *args, size_t args_n, const struct plug_call_ops *ops,
    void *user, struct err *e)
{
	struct generation *g = t->gen;
	struct sept_call *c = call_new(g, CALL_TOOL, ops, user);
	uint32_t ms = t->info.timeout_ms != 0 ? t->info.timeout_ms :
	    g->plug->cfg.default_timeout_ms;
	char *at = NULL;

	if (c != NULL)
		at = copy_caller(c, who, args_n, 1);
	if (at == NULL) {
		err_nomem(e);
		return call_drop(c);
	}
	c->tool = (struct plug_tool *)(uintptr_t)t;
	c->args = put(&at, args, args_n);
	if (who->deadline_ns != 0)
		c->deadline_ns = who->deadline_ns;
	else if (ms != 0)
		c->deadline_ns = clock_mono_ns() + ms * UINT64_C(1000000);
	return begin(c, e);
}

struct plug_call *
plug_llm_generate(const struct plug_llm *l, const struct plug_caller *who,
    const struct sept_llm_request *req, const struct plug_call_ops *ops,
    void *user, struct err *e)
{
	struct sept_call *c = call_new(l->gen, CALL_LLM, ops, user);
	char *at = NULL;

	/*
	 * The plugin may keep the slices until it completes, which may be
	 * after the engine has given the call up: so they are copied.
	 */
	if (c != NULL)
		at = copy_caller(c, who, req->model.n + req->system.n +
		    req->tools.n + req->messages.n + req->params.n, 5);
	if (at == NULL) {
		err_nomem(e);
		return call_drop(c);
	}
	c->req.size = sizeof c->req;
	c->req.flags = req->flags;
	c->req.model = put(&at, req->model.p, req->model.n);
	c->req.system = put(&at, req->system.p, req->system.n);
	c->req.tools = put(&at, req->tools.p, req->tools.n);
	c->req.messages = put(&at, req->messages.p, req->messages.n);
	c->req.params = put(&at, req->params.p, req->params.n);
	if (who->deadline_ns != 0)
		c->deadline_ns = who->deadline_ns;
	return begin(c, e);
}

/* --- skills: one reader after the other --- */

struct scan {
	struct plug_snapshot *snap;
	size_t next;
	char *dir;
	json_t *skills, *problems;
	struct err err;
	int failed;
	void (*done)(void *, json_t *, json_t *, const struct err *);
	void *user;
	struct loop_post post;
};

static void scan_step(void *arg);

static void
scan_done(void *user, sept_status status, json_t *result)
{
	struct scan *s = user;
	const char *text = json_string_value(json_object_get(result,
	    "output"));

	if (status == SEPT_OK) {
		(void)json_array_extend(s->skills, json_object_get(result,
		    "skills"));
		(void)json_array_extend(s->problems, json_object_get(result,
		    "problems"));
	} else if (!s->failed) {
		s->failed = 1;
		err_set(&s->err, ERR_CATALOG_INVALID,
		    "plugin %s could not read skills: %s",
		    s->snap->gens[s->next - 1]->names->id,
		    text != NULL ? text : plug_status_name(status));
	}
	scan_step(s);
}

static void
scan_end(struct scan *s)
{
	s->done(s->user, s->skills, s->problems, s->failed ? &s->err : NULL);
	json_decref(s->skills);
	json_decref(s->problems);
	plug_snapshot_unref(s->snap);
	free(s->dir);
	free(s);
}

/* Begins the next reader's scan, or reports. */
static void
scan_step(void *arg)
{
	static const struct plug_call_ops ops = { .done = scan_done };
	static const struct plug_caller nobody;
	struct scan *s = arg;
	struct generation *g = NULL;
	struct sept_call *c;
	char *at = NULL;
	size_t n = strlen(s->dir);

	while (s->next < s->snap->n_gens && g == NULL) {
		g = s->snap->gens[s->next++];
		if (g->skill == NULL)
			g = NULL;
	}
	if (g == NULL) {
		scan_end(s);
		return;
	}
	c = call_new(g, CALL_SKILL, &ops, s);
	if (c != NULL)
		at = copy_caller(c, &nobody, n, 1);
	if (at != NULL) {
		c->args = put(&at, s->dir, n);
		c->deadline_ns = clock_mono_ns() + UINT64_C(60000000000);
		if (begin(c, &s->err) != NULL)
			return;
	} else {
		(void)call_drop(c);
		err_nomem(&s->err);
	}
	s->failed = 1;
	scan_end(s);
}

int
plug_skill_scan(struct plug_snapshot *snap, const char *dir,
    void (*done)(void *user, json_t *skills, json_t *problems,
    const struct err *e), void *user, struct err *e)
{
	struct scan *s = calloc(1, sizeof *s);

	if (s != NULL) {
		s->dir = strdup(dir);
		s->skills = json_array();
		s->problems = json_array();
	}
	if (s == NULL || s->dir == NULL || s->skills == NULL ||
	    s->problems == NULL) {
		if (s != NULL) {
			json_decref(s->skills);
			json_decref(s->problems);
			free(s->dir);
		}
		free(s);
		return err_nomem(e);
	}
	s->snap = plug_snapshot_ref(snap);
	s->done = done;
	s->user = user;
	s->post.fn = scan_step;
	s->post.arg = s;
	loop_post(snap->plug->cfg.loop, &s->post);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host.c - the base host table and the small host extensions: loop, pool,
 * secrets. What a plugin registers here pins its generation until the last
 * callback has returned.
 */
#include <stdlib.h>
#include <string.h>

#include "config.h"

#include "../base/clock.h"
#include "../base/log.h"
#include "../base/utf8.h"
#include "plug-internal.h"

#define LOG_TEXT_MAX 3500

const char *
plug_status_name(sept_status status)
{
	static const char *const names[] = { "ok", "again", "cancelled",
		"invalid_argument", "out_of_memory", "unavailable", "timeout",
		"denied", "not_found", "io_error", "failed", "not_supported",
		"too_big" };

	if (status > 0 || -status >= (int)(sizeof names / sizeof names[0]))
		return "failed";
	return names[-status];
}

int
host_on_loop(const struct generation *g, const char *what)
{
	if (loop_here(g->plug->cfg.loop))
		return 1;
	log_error("plugin", "%s: called %s on a thread that is not the loop",
	    g->names->id, what);
	return 0;
}

static void
host_log(const struct sept_host *h, int32_t level, struct sept_slice msg)
{
	const struct generation *g = h->impl;
	enum log_level l = LOG_LEVEL_DEBUG;
	size_t n = msg.n;

	if (level >= SEPT_LOG_ERROR)
		l = LOG_LEVEL_ERROR;
	else if (level >= SEPT_LOG_WARNING)
		l = LOG_LEVEL_WARNING;
	else if (level >= SEPT_LOG_INFO)
		l = LOG_LEVEL_INFO;
	if (!log_on(l) || msg.p == NULL)
		return;
	if (n > LOG_TEXT_MAX)
		n = utf8_cut(msg.p, LOG_TEXT_MAX);
	log_msg(l, "plugin", NULL, "%s: %.*s", g->names->id, (int)n, msg.p);
}

static void
host_fail(struct sept_err *e, sept_status status, struct sept_slice msg)
{
	size_t n = msg.p != NULL ? msg.n : 0;

	if (e == NULL)
		return;
	e->status = status;
	if (n >= sizeof e->text)
		n = utf8_cut(msg.p, sizeof e->text - 1);
	if (n > 0)
		memcpy(e->text, msg.p, n);
	e->text[n] = '\0';
}

static uint64_t
host_now(const struct sept_host *h)
{
	(void)h;
	return clock_mono_ns();
}

static void
host_quiesced(struct sept_quiesce *q)
{
	struct generation *g = q->gen;

	if (!host_on_loop(g, "quiesced"))
		return;
	if (g->state != GEN_QUIESCING || q->fired) {
		log_error("plugin", "%s: called quiesced without a request "
		    "or twice", g->names->id);
		return;
	}
	q->fired = 1;
	loop_post(g->plug->cfg.loop, &g->post);
}

/* --- sept.host.loop/1 --- */

struct host_post {
	struct loop_post post;
	struct generation *gen;
	void (*fn)(void *);
	void *arg;
};

static void
run_post(void *arg)
{
	struct host_post *hp = arg;
	struct generation *g = hp->gen;
	const char *before = gen_enter(g, g->names->callback);

	hp->fn(hp->arg);
	gen_leave(g, before);
	free(hp);
	gen_unref(g, GEN_HOST);
}

static sept_status
hl_post(const struct sept_host *h, void (*fn)(void *), void *arg)
{
	struct generation *g = h->impl;
	struct host_post *hp;

	if (fn == NULL)
		return SEPT_EINVAL;
	hp = calloc(1, sizeof *hp);
	if (hp == NULL)
		return SEPT_ENOMEM;
	hp->gen = g;
	hp->fn = fn;
	hp->arg = arg;
	hp->post.fn = run_post;
	hp->post.arg = hp;
	gen_ref(g, GEN_HOST);
	loop_post(g->plug->cfg.loop, &hp->post);
	return SEPT_OK;
}

struct host_timer {
	LIST_ENTRY(host_timer) link;
	struct generation *gen;
	struct loop_timer *timer;
	void (*fn)(void *);
	void *arg;
};

static void
run_timer(void *arg)
{
	struct host_timer *t = arg;
	struct generation *g = t->gen;
	void (*fn)(void *) = t->fn;
	void *a = t->arg;
	const char *before;

	LIST_REMOVE(t, link);
	free(t);
	before = gen_enter(g, g->names->callback);
	fn(a);
	gen_leave(g, before);
	gen_unref(g, GEN_HOST);
}

static sept_status
hl_timer(const struct sept_host *h, uint32_t delay_ms, void (*fn)(void *),
    void *arg, struct sept_timer **out)
{
	struct generation *g = h->impl;
	struct host_timer *t;

	if (fn == NULL || out == NULL || !host_on_loop(g, "timer"))
		return SEPT_EINVAL;
	t = calloc(1, sizeof *t);
	if (t == NULL)
		return SEPT_ENOMEM;
	t->gen = g;
	t->fn = fn;
	t->arg = arg;
	if (loop_timer(g->plug->cfg.loop, delay_ms, run_timer, t, &t->timer)
	    != 0) {
		free(t);
		return SEPT_ENOMEM;
	}
	gen_ref(g, GEN_HOST);
	LIST_INSERT_HEAD(&g->timers, t, link);
	*out = (struct sept_timer *)t;
	return SEPT_OK;
}

static void
hl_timer_cancel(struct sept_timer *st)
{
	struct host_timer *t = (struct host_timer *)st;
	struct generation *g;

	if (t == NULL || !host_on_loop(t->gen, "timer_cancel"))
		return;
	g = t->gen;
	LIST_REMOVE(t, link);
	loop_timer_cancel(t->timer);
	free(t);
	gen_unref(g, GEN_HOST);
}

static const struct sept_host_loop loop_table = {
	.size = sizeof loop_table,
	.post = hl_post,
	.timer = hl_timer,
	.timer_cancel = hl_timer_cancel,
};

/* --- sept.host.pool/1 --- */

struct host_job {
	struct pool_job job;
	struct generation *gen;
	void (*work)(void *);
	void (*done)(void *);
	void *arg;
};

static void
job_work(void *arg)
{
	struct host_job *j = arg;

	j->work(j->arg);
}

static void
job_done(void *arg)
{
	struct host_job *j = arg;
	struct generation *g = j->gen;
	const char *before;

	if (j->done != NULL) {
		before = gen_enter(g, g->names->callback);
		j->done(j->arg);
		gen_leave(g, before);
	}
	free(j);
	gen_unref(g, GEN_HOST);
}

static sept_status
hp_submit(const struct sept_host *h, void (*work)(void *),
    void (*done)(void *), void *arg)
{
	struct generation *g = h->impl;
	struct host_job *j;

	if (work == NULL)
		return SEPT_EINVAL;
	j = calloc(1, sizeof *j);
	if (j == NULL)
		return SEPT_ENOMEM;
	j->gen = g;
	j->work = work;
	j->done = done;
	j->arg = arg;
	j->job.work = job_work;
	j->job.done = job_done;
	j->job.arg = j;
	gen_ref(g, GEN_HOST);
	if (pool_submit(g->plug->cfg.pool, &j->job) != 0) {
		gen_unref(g, GEN_HOST);
		free(j);
		return SEPT_EUNAVAIL;
	}
	return SEPT_OK;
}

static const struct sept_host_pool pool_table = {
	.size = sizeof pool_table,
	.submit = hp_submit,
};

/* --- sept.host.secret/1 --- */

static sept_status
hs_get(const struct sept_host *h, const char *name, struct sept_slice *out)
{
	struct generation *g = h->impl;
	const struct plug_config *cfg = &g->plug->cfg;
	const char *s = NULL;

	if (name == NULL || out == NULL || !host_on_loop(g, "secret"))
		return SEPT_EINVAL;
	if (!manifest_lists_secret(g->man, name))
		return SEPT_EDENIED;
	if (cfg->secret != NULL)
		s = cfg->secret(cfg->user, name);
	if (s == NULL || *s == '\0')
		return SEPT_ENOTFOUND;
	out->p = s;
	out->n = strlen(s);
	return SEPT_OK;
}

static const struct sept_host_secret secret_table = {
	.size = sizeof secret_table,
	.get = hs_get,
};

static const void *
host_get_ext(const struct sept_host *h, const char *id)
{
	const struct generation *g = h->impl;

	if (g->state < GEN_CONFIGURED || id == NULL)
		return NULL;
	if (strcmp(id, SEPT_HOST_CALL) == 0)
		return host_call_table();
	if (strcmp(id, SEPT_HOST_LOOP) == 0)
		return &loop_table;
	if (strcmp(id, SEPT_HOST_POOL) == 0)
		return &pool_table;
	if (strcmp(id, SEPT_HOST_HTTP) == 0 && g->plug->cfg.http != NULL &&
	    (g->man->caps & SEPT_CAP_NET) != 0)
		return host_http_table();
	if (strcmp(id, SEPT_HOST_MEMORY) == 0)
		return host_memory_table(g);
	if (strcmp(id, SEPT_HOST_PROC) == 0 &&
	    (g->man->caps & SEPT_CAP_EXEC) != 0)
		return host_proc_table();
	if (strcmp(id, SEPT_HOST_SECRET) == 0 &&
	    (g->man->caps & SEPT_CAP_SECRET) != 0)
		return &secret_table;
	return NULL;
}

void
host_init(struct generation *g)
{
	struct sept_host *h = &g->host;

	h->size = sizeof *h;
	h->abi_major = SEPT_ABI_MAJOR;
	h->abi_minor = SEPT_ABI_MINOR;
	h->impl = g;
	h->name = "september-engine";
	h->version = PACKAGE_VERSION;
	h->get_ext = host_get_ext;
	h->log = host_log;
	h->fail = host_fail;
	h->now_ns = host_now;
	h->quiesced = host_quiesced;
}

void
host_end_leftovers(struct generation *g)
{
	unsigned n = 0;

	while (!LIST_EMPTY(&g->timers)) {
		hl_timer_cancel((struct sept_timer *)LIST_FIRST(&g->timers));
		n++;
	}
	if (n > 0)
		log_warn("plug", "plugin %s left %u timers behind",
		    g->names->id, n);
	host_http_end(g);
	host_proc_end(g);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gen.c - the life of a generation: create, configure, start, quiesce,
 * destroy, and the pins that decide when.
 *
 * Invariants: the instance is destroyed only when no pin is left, from a
 * function of its own on the loop, never from inside a callback; no pin can
 * be taken once the sum is zero, as only a holder of one takes another.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/json.h"
#include "../base/log.h"
#include "plug-internal.h"

static struct plug_names *all_names;

static char *
name_of(const char *id, const char *what)
{
	char *s = NULL;

	return asprintf(&s, "plugin %s %s", id, what) < 0 ? NULL : s;
}

/*
 * The watchdog's thread may read a name after its plugin is gone, and a late
 * completion is logged with it; so names are never freed. There are as many
 * as there are plugin ids.
 */
const struct plug_names *
plug_names(const char *id)
{
	struct plug_names *n;

	for (n = all_names; n != NULL; n = n->next)
		if (strcmp(n->id, id) == 0)
			return n;
	n = calloc(1, sizeof *n);
	if (n == NULL)
		return NULL;
	n->id = strdup(id);
	n->life = name_of(id, "start or stop");
	n->invoke = name_of(id, "invoke");
	n->callback = name_of(id, "callback");
	n->cancel = name_of(id, "cancel");
	n->health = name_of(id, "health");
	if (n->id == NULL || n->life == NULL || n->invoke == NULL ||
	    n->callback == NULL || n->cancel == NULL || n->health == NULL) {
		free(n->id);
		free(n->life);
		free(n->invoke);
		free(n->callback);
		free(n->cancel);
		free(n->health);
		free(n);
		return NULL;
	}
	n->next = all_names;
	all_names = n;
	return n;
}

void
gen_ref(struct generation *g, enum gen_pin kind)
{
	atomic_fetch_add_explicit(&g->pin[kind], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&g->pins, 1, memory_order_relaxed);
}

void
gen_unref(struct generation *g, enum gen_pin kind)
{
	atomic_fetch_sub_explicit(&g->pin[kind], 1, memory_order_relaxed);
	if (atomic_fetch_sub_explicit(&g->pins, 1, memory_order_acq_rel) == 1)
		loop_post(g->plug->cfg.loop, &g->post_zero);
}

const char *
gen_enter(struct generation *g, const char *section)
{
	gen_ref(g, GEN_ENTER);
	return loop_section(g->plug->cfg.loop, section);
}

void
gen_leave(struct generation *g, const char *before)
{
	(void)loop_section(g->plug->cfg.loop, before);
	gen_unref(g, GEN_ENTER);
}

static void
gen_state(struct generation *g, enum gen_state to)
{
	static const char *const names[] = { "created", "configured",
		"running", "quiescing", "draining", "drained" };

	if (to <= g->state && to != GEN_CREATED)
		log_error("plug", "plugin %s cannot go from %s to %s",
		    g->names->id, names[g->state], names[to]);
	log_debug("plug", "plugin %s generation %u: %s", g->names->id,
	    g->number, names[to]);
	g->state = to;
}

static void
gen_free(struct generation *g)
{
	int unloaded = dso_close(&g->dso);

	if (!unloaded)
		g->plug->parked++;
	log_debug("plug", "plugin %s generation %u %s", g->names->id,
	    g->number, unloaded ? "unmapped" : "parked");
	LIST_REMOVE(g, link);
	gen_free_ext(g);
	manifest_free(g->man);
	free(g);
}

static void
on_zero(void *arg)
{
	struct generation *g = arg;
	const char *before;

	gen_state(g, GEN_DRAINED);
	before = loop_section(g->plug->cfg.loop, g->names->life);
	if (g->inst != NULL && g->inst->destroy != NULL)
		g->inst->destroy(g->inst);
	(void)loop_section(g->plug->cfg.loop, before);
	g->inst = NULL;
	gen_free(g);
}

/* The plugin is quiet: ends what it forgot, waits for the last pin. */
static void
after_quiesce(void *arg)
{
	struct generation *g = arg;

	loop_timer_cancel(g->quiesce_timer);
	g->quiesce_timer = NULL;
	gen_state(g, GEN_DRAINING);
	host_end_leftovers(g);
	gen_unref(g, GEN_LIFE);
}

static void
on_quiesce_late(void *arg)
{
	struct generation *g = arg;

	g->quiesce_timer = NULL;
	log_warn("plug", "plugin %s has not quiesced after %d s",
	    g->names->id, PLUG_QUIESCE_GRACE_MS / 1000);
}

static void
begin_quiesce(void *arg)
{
	struct generation *g = arg;
	const char *before;

	g->post.fn = after_quiesce;
	if (g->state != GEN_RUNNING || g->inst->quiesce == NULL) {
		loop_post(g->plug->cfg.loop, &g->post);
		return;
	}
	gen_state(g, GEN_QUIESCING);
	(void)loop_timer(g->plug->cfg.loop, PLUG_QUIESCE_GRACE_MS,
	    on_quiesce_late, g, &g->quiesce_timer);
	before = gen_enter(g, g->names->life);
	g->inst->quiesce(g->inst, &g->quiesce);
	gen_leave(g, before);
}

void
gen_retire(struct generation *g)
{
	/* Once: the function tells whether it was begun. */
	if (g->post.fn != NULL)
		return;
	g->post.fn = begin_quiesce;
	g->post.arg = g;
	loop_post(g->plug->cfg.loop, &g->post);
}

void
gen_force_quiesce(struct generation *g)
{
	gen_retire(g);
}

void
gen_use(struct generation *g, enum gen_pin kind)
{
	gen_ref(g, kind);
	g->users++;
}

void
gen_unuse(struct generation *g)
{
	if (--g->users == 0)
		gen_retire(g);
}

/* The operator's configuration over the manifest's. */
static char *
config_text(struct generation *g, size_t *n)
{
	json_t *own = NULL, *all = json_object();
	char *s = NULL;

	if (g->plug->cfg.configure != NULL)
		own = g->plug->cfg.configure(g->plug->cfg.user,
		    g->names->id);
	if (all != NULL && (g->man->config == NULL ||
	    json_object_update(all, g->man->config) == 0) &&
	    (own == NULL || json_object_update(all, own) == 0))
		s = json_line(all, n);
	json_decref(own);
	json_decref(all);
	return s;
}

static int
step_failed(struct generation *g, const char *step, sept_status st,
    const struct sept_err *se, struct err *e)
{
	return err_set(e, ERR_CATALOG_INVALID, "%s: %s failed (%s)%s%s",
	    g->names->id, step, plug_status_name(st),
	    se->text[0] != '\0' ? ": " : "", se->text);
}

static int
check_instance(struct generation *g, struct err *e)
{
	const struct sept_plugin *s = g->inst;

	if (s == NULL || s->size < offsetof(struct sept_plugin, get_ext) +
	    sizeof s->get_ext || s->destroy == NULL || s->get_ext == NULL) {
		g->inst = NULL;
		return err_set(e, ERR_CATALOG_INVALID,
		    "%s: create made an instance without size, destroy or "
		    "get_ext", g->names->id);
	}
	return 0;
}

static int
create_and_configure(struct generation *g, struct err *e)
{
	struct sept_err se = { .status = SEPT_OK };
	struct sept_slice json = { NULL, 0 };
	sept_status st;
	char *text = NULL;

	st = g->dso.desc->create(&g->host, &g->inst);
	if (st != SEPT_OK) {
		g->inst = NULL;
		return step_failed(g, "create", st, &se, e);
	}
	if (check_instance(g, e) != 0)
		return -1;
	gen_state(g, GEN_CREATED);
	if (g->inst->configure != NULL) {
		text = config_text(g, &json.n);
		if (text == NULL)
			return err_nomem(e);
		json.p = text;
		st = g->inst->configure(g->inst, json, &se);
		free(text);
		if (st != SEPT_OK)
			return step_failed(g, "configure", st, &se, e);
	}
	gen_state(g, GEN_CONFIGURED);
	return 0;
}

static int
start(struct generation *g, struct err *e)
{
	struct sept_err se = { .status = SEPT_OK };
	uint64_t t0 = clock_mono_ns(), ms;
	sept_status st = SEPT_OK;

	if (g->inst->start != NULL)
		st = g->inst->start(g->inst, &se);
	ms = (clock_mono_ns() - t0) / 1000000;
	if (ms > PLUG_START_BUDGET_MS)
		log_warn("plug", "plugin %s took %u ms to start, %d are "
		    "allowed", g->names->id, (unsigned)ms,
		    PLUG_START_BUDGET_MS);
	if (st != SEPT_OK)
		return step_failed(g, "start", st, &se, e);
	gen_state(g, GEN_RUNNING);
	return 0;
}

static int
granted(const char *id, uint64_t caps)
{
	if (strcmp(id, SEPT_HOST_HTTP) == 0)
		return (caps & SEPT_CAP_NET) != 0;
	if (strcmp(id, SEPT_HOST_PROC) == 0)
		return (caps & SEPT_CAP_EXEC) != 0;
	if (strcmp(id, SEPT_HOST_SECRET) == 0)
		return (caps & SEPT_CAP_SECRET) != 0;
	if (strcmp(id, SEPT_HOST_MEMORY) == 0)
		return (caps & (SEPT_CAP_MEM_READ | SEPT_CAP_MEM_WRITE)) != 0;
	return strcmp(id, SEPT_HOST_CALL) == 0 ||
	    strcmp(id, SEPT_HOST_LOOP) == 0 || strcmp(id, SEPT_HOST_POOL) == 0;
}

struct generation *
gen_new(struct plug *p, struct manifest *man, struct err *e)
{
	struct generation *g = calloc(1, sizeof *g);
	const char *before;
	int r;

	if (g != NULL)
		g->names = plug_names(man->id);
	if (g == NULL || g->names == NULL) {
		free(g);
		manifest_free(man);
		err_nomem(e);
		return NULL;
	}
	g->plug = p;
	g->man = man;
	g->number = ++p->counter;
	g->quiesce.gen = g;
	g->post_zero.fn = on_zero;
	g->post_zero.arg = g;
	TAILQ_INIT(&g->waiting);
	TAILQ_INIT(&g->calls);
	host_init(g);
	before = loop_section(p->cfg.loop, g->names->life);
	r = dso_open(&g->dso, man, p->state_dir, g->number, granted, e);
	if (r != 0) {
		(void)loop_section(p->cfg.loop, before);
		manifest_free(man);
		free(g);
		return NULL;
	}
	LIST_INSERT_HEAD(&p->gens, g, link);
	gen_ref(g, GEN_LIFE);
	if (create_and_configure(g, e) != 0 || start(g, e) != 0 ||
	    gen_read_ext(g, e) != 0) {
		gen_retire(g);
		g = NULL;
	}
	(void)loop_section(p->cfg.loop, before);
	return g;
}

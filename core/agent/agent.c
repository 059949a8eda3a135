/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent.c - the agent object: the snapshots in force, the turns that run, and
 * the way out (cancel, drain).
 */
#include <stdlib.h>
#include <string.h>

#include "agent-internal.h"

/* After the drain: for what was cut off to end. */
#define GIVE_UP_MS 5000

struct agent *
agent_new(const struct agent_config *cfg, struct err *e)
{
	struct agent *a = calloc(1, sizeof *a);

	if (a == NULL) {
		err_nomem(e);
		return NULL;
	}
	a->cfg = *cfg;
	a->stats.llm_ok = 1;
	return a;
}

void
agent_free(struct agent *a)
{
	if (a == NULL)
		return;
	loop_timer_cancel(a->drain_timer);
	toolset_cache_clear(&a->toolsets);
	catalog_unref(a->catalog);
	plug_snapshot_unref(a->plugs);
	free(a);
}

struct catalog *
agent_catalog(const struct agent *a)
{
	return a->catalog;
}

struct plug_snapshot *
agent_plugins(const struct agent *a)
{
	return a->plugs;
}

static struct turn *
find_turn(const struct agent *a, const char *task_id)
{
	struct turn *t;

	HASH_FIND_STR(a->turns, task_id, t);
	return t;
}

int
agent_busy(const struct agent *a, const char *task_id)
{
	return find_turn(a, task_id) != NULL;
}

unsigned
agent_running(const struct agent *a)
{
	return a->stats.running;
}

void
agent_stats(const struct agent *a, struct agent_stats *out)
{
	*out = a->stats;
}

/* Ends what works for the turn now; it comes back by itself. */
static void
interrupt(struct turn *t)
{
	switch (t->state) {
	case TS_MODEL:
		model_cancel(t);
		break;
	case TS_TOOLS:
		tools_cancel(t);
		break;
	case TS_NEW:
	case TS_CONTEXT:
	case TS_SAVE:
	case TS_FINISH:
	case TS_ENDED:
	case TS_STATES_:
		break; /* looks at the mark when it goes on */
	}
}

int
agent_cancel(struct agent *a, const char *task_id, char turn_id[ID_MAX],
    struct err *e)
{
	struct turn *t = find_turn(a, task_id);

	if (t == NULL || t->state == TS_FINISH || t->state == TS_ENDED)
		return err_set(e, ERR_TASK_NOT_RUNNING,
		    "no turn of this task is running");
	memcpy(turn_id, t->turn_id, ID_MAX);
	if (!t->cancelled) {
		t->cancelled = 1;
		interrupt(t);
	}
	return 0;
}

int
agent_starting(const struct agent *a)
{
	return a->catalog == NULL || a->resuming;
}

int
agent_draining(const struct agent *a)
{
	return a->draining;
}

void
agent_turn_gone(struct agent *a)
{
	void (*fn)(void *) = a->drained;

	if (fn == NULL || a->turns != NULL)
		return;
	a->drained = NULL;
	loop_timer_cancel(a->drain_timer);
	a->drain_timer = NULL;
	fn(a->drained_arg);
}

/* What is still there cannot be written; the next start finds it. */
static void
on_give_up(void *arg)
{
	struct agent *a = arg;
	void (*fn)(void *) = a->drained;

	a->drain_timer = NULL;
	a->drained = NULL;
	if (fn != NULL)
		fn(a->drained_arg);
}

static void
on_drain_over(void *arg)
{
	struct agent *a = arg;
	struct turn *t, *tmp;

	a->drain_timer = NULL;
	if (loop_timer(a->cfg.loop, GIVE_UP_MS, on_give_up, a,
	    &a->drain_timer) != 0)
		a->drain_timer = NULL;
	HASH_ITER(hh, a->turns, t, tmp) {
		t->stop_now = 1;
		interrupt(t);
	}
}

void
agent_drain(struct agent *a, uint64_t limit_ms, void (*done)(void *arg),
    void *arg)
{
	a->draining = 1;
	a->drained = done;
	a->drained_arg = arg;
	if (a->turns == NULL)
		agent_turn_gone(a);
	else if (loop_timer(a->cfg.loop, limit_ms, on_drain_over, a,
	    &a->drain_timer) != 0)
		on_drain_over(a);
}

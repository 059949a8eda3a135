/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent.h - the agent: turns on tasks, one at a time per task, and the
 * catalog and plugin snapshots that they run with. Loop thread only.
 */
#ifndef CORE_AGENT_AGENT_H
#define CORE_AGENT_AGENT_H

#include <jansson.h>
#include <stdint.h>

#include "../base/err.h"
#include "../base/ids.h"
#include "../catalog/catalog.h"
#include "../loop/loop.h"
#include "../loop/pool.h"
#include "../plug/plug.h"
#include "../store/brain.h"
#include "../store/journal.h"

struct agent;

struct agent_config {
	struct loop *loop;
	struct pool *pool;
	struct brain *brain;
	struct journal *journal;
	struct plug *plug;
	/* Strings are borrowed for the agent's life; any may be NULL. */
	const char *provider, *model, *fallback_model;
	const char *default_agent, *catalog_dir;
	const char *workspace;  /* absolute */
	int workspace_shared;   /* 1: every task in it, 0: a folder each */
	int64_t max_tokens, llm_timeout_s, llm_max_retries;
	int64_t tool_concurrency;
};

struct agent *agent_new(const struct agent_config *cfg, struct err *e);
/* After the drain; the loop must have delivered every callback. */
void agent_free(struct agent *a);

/*
 * Loads plugins and catalog and swaps both in, or leaves all as it was: done
 * gets the error and, with CATALOG_INVALID, the problems (borrowed). reply is
 * the body of /admin/reload-catalog (borrowed).
 */
typedef void (*agent_reload_done)(void *arg, const struct err *e,
    json_t *reply, json_t *problems);
int agent_reload(struct agent *a, agent_reload_done done, void *arg,
    struct err *e);
/* The same for core_soul.json alone. */
int agent_reload_soul(struct agent *a, agent_reload_done done, void *arg,
    struct err *e);
/* Reads the custom skills again after one was written. */
int agent_reload_skills(struct agent *a, agent_reload_done done, void *arg,
    struct err *e);
/* Borrowed; NULL before the first load. */
struct catalog *agent_catalog(const struct agent *a);
struct plug_snapshot *agent_plugins(const struct agent *a);

/* One POST /execute, already parsed and checked as to form. */
struct agent_exec {
	const char *task_id;
	const char *content;     /* JSON array of blocks; NULL with retry_id */
	const char *edit_id, *retry_id; /* or NULL */
	const char *agent;       /* or NULL */
	int direct, thinking;
	json_t *schema;          /* response_schema or NULL; borrowed */
	unsigned media;          /* SEPT_LLM_* that the content needs */
};

struct agent_started {
	int64_t task_no;
	int64_t first_id; /* of the `started` event */
	const char *turn_id;
};

/*
 * Begins a turn. -1: refused at once. Otherwise done comes once: with an
 * error (nothing was changed) or when `started` is committed; a reader that
 * is opened in done misses nothing.
 */
int agent_execute(struct agent *a, const struct agent_exec *x,
    void (*done)(void *arg, const struct err *e,
    const struct agent_started *s), void *arg, struct err *e);
/* 0 and the turn's id, or -1 and TASK_NOT_RUNNING. */
int agent_cancel(struct agent *a, const char *task_id, char turn_id[ID_MAX],
    struct err *e);
/* 1 while a turn of the task runs or is beginning. */
int agent_busy(const struct agent *a, const char *task_id);
unsigned agent_running(const struct agent *a);

/*
 * Goes on with the turns that were running when the process ended; called
 * once, after the first load. done when all have been taken up.
 */
int agent_resume(struct agent *a, void (*done)(void *arg,
    const struct err *e), void *arg, struct err *e);
/*
 * No new turns from now on. done when none runs any more, or after limit_ms
 * with what is left cut off (it goes on at the next start).
 */
void agent_drain(struct agent *a, uint64_t limit_ms,
    void (*done)(void *arg), void *arg);
int agent_draining(const struct agent *a);
/* No catalog yet, or turns of the last run still to be found: no /execute. */
int agent_starting(const struct agent *a);

/* One tool call without a task, for /rpc. result: new reference. */
int agent_rpc_tool(struct agent *a, const char *name, json_t *params,
    void (*done)(void *arg, const struct err *e, json_t *result), void *arg,
    struct err *e);
/* A skill's prompt with {{placeholders}} filled from params. */
json_t *agent_rpc_skill(struct agent *a, const char *name, json_t *params,
    struct err *e);
/* GET /tools: everything that some agent may use. New reference. */
json_t *agent_tool_list(struct agent *a);
/* Names of the tools an agent sees; new reference. */
json_t *agent_tool_names(struct agent *a, const struct catalog_agent *def);

struct agent_stats {
	uint64_t turns_started, turns_completed, turns_failed,
	    turns_cancelled;
	uint64_t model_calls, model_retries, model_failures;
	uint64_t tool_calls, tool_failures;
	uint64_t input_tokens, output_tokens, cache_hit_tokens;
	unsigned running;
	int llm_ok; /* the last model call did not fail (limits aside) */
};
void agent_stats(const struct agent *a, struct agent_stats *out);

#endif

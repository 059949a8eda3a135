/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plug.h - plugins as the rest of the engine sees them: an immutable,
 * counted snapshot of tools, backends and skill readers, and calls into them.
 *
 * Loop thread only, unless said. A snapshot pins the generation of each
 * plugin in it; a call pins its own.
 */
#ifndef CORE_PLUG_PLUG_H
#define CORE_PLUG_PLUG_H

#include <jansson.h>
#include <september/september.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/err.h"
#include "../loop/loop.h"
#include "../loop/pool.h"
#include "../net/http_client.h"

struct plug;          /* the loader and its host tables */
struct plug_snapshot; /* what is loaded at one moment */
struct plug_tool;
struct plug_llm;
struct plug_call;

/* What an operation does to the memory. */
#define PLUG_MEM_NONE 0
#define PLUG_MEM_READ 1
#define PLUG_MEM_WRITE 2

/* The memory, which lies above this folder. */
struct plug_memory {
	int32_t (*access)(const char *op);
	/* As memory_call(); done's reply is a new reference. */
	int (*call)(void *user, const char *op, json_t *params,
	    void (*done)(void *arg, const struct err *e, json_t *reply),
	    void *arg, struct err *e);
	void *user;
};

struct plug_config {
	struct loop *loop;
	struct pool *pool;
	struct http_client *http;
	const char *path;      /* PLUGIN_PATH: colon-separated directories */
	const char *state_dir; /* private copies; made with mode 0700 */
	/*
	 * Configuration object for a plugin id, borrowed by the plugin's
	 * configure(); new reference, or NULL for {}.
	 */
	json_t *(*configure)(void *user, const char *plugin_id);
	/* An operator's secret by name, or NULL; lives as long as plug. */
	const char *(*secret)(void *user, const char *name);
	const struct plug_memory *memory; /* or NULL; lives as long */
	void *user;
	uint32_t default_timeout_ms; /* of tool calls */
};

/* One plugin as GET /plugins and the log show it. */
struct plug_info {
	const char *id, *version, *state, *isolation, *file;
	const char *const *kinds; /* "tool", "llm", "skill"; NULL terminated */
	unsigned generation;
};

struct plug *plug_new(const struct plug_config *cfg, struct err *e);
/*
 * Quiesces and destroys everything, running the loop for at most 6 s; no call
 * may be running. Before the pool, the HTTP client and proc_fini() go. A
 * plugin that does not end is logged and left in place.
 */
void plug_free(struct plug *p);
/*
 * Reads the manifests of PLUGIN_PATH and publishes a snapshot: what is new is
 * loaded, what changed gets a new generation, what is gone is left out. Old
 * generations end when their snapshots and calls have. All or nothing: on -1
 * the snapshot stays and *problems (new reference, may be NULL) is an
 * array of {"file","line","message"}.
 */
int plug_load(struct plug *p, json_t **problems, struct err *e);

/* The current snapshot, one reference more; never NULL. */
struct plug_snapshot *plug_current(struct plug *p);
struct plug_snapshot *plug_snapshot_ref(struct plug_snapshot *s);
void plug_snapshot_unref(struct plug_snapshot *s);
size_t plug_count(const struct plug_snapshot *s);
void plug_get(const struct plug_snapshot *s, size_t i,
    struct plug_info *out);

/* Tools, in the order of their names; valid as long as the snapshot. */
size_t plug_tool_count(const struct plug_snapshot *s);
const struct plug_tool *plug_tool_at(const struct plug_snapshot *s,
    size_t i);
const struct plug_tool *plug_tool_find(const struct plug_snapshot *s,
    const char *name);
/* Copied from the plugin; strings live as long as the snapshot. */
const struct sept_tool_info *plug_tool_info(const struct plug_tool *t);
const char *plug_tool_plugin(const struct plug_tool *t); /* plugin id */

/* A backend by the name that LLM_PROVIDER gives, or NULL. */
const struct plug_llm *plug_llm_find(const struct plug_snapshot *s,
    const char *name);
const struct sept_llm *plug_llm_info(const struct plug_llm *l);
uint32_t plug_llm_window(const struct plug_llm *l, const char *model);

/* On whose behalf; strings are copied, any may be NULL. */
struct plug_caller {
	const char *task_id, *turn_id, *call_id, *agent, *workspace;
	uint32_t attempt;     /* 0 counts as 1 */
	uint64_t deadline_ns; /* absolute monotonic; 0: the default */
};

struct plug_call_ops {
	/* In order, before done; ev is borrowed. May be NULL. */
	void (*event)(void *user, const struct sept_event *ev);
	/*
	 * Exactly once, never from inside the function that began the call.
	 * result: the completion object, borrowed (mended UTF-8; an empty
	 * object when the plugin gave none). The handle is gone when it
	 * returns. A call that does not complete within its deadline and 2 s
	 * grace is answered with SEPT_ETIMEOUT (SEPT_ECANCELLED after a
	 * cancel) and what comes later is dropped.
	 */
	void (*done)(void *user, sept_status status, json_t *result);
};

/* Each returns NULL and e when the call was not begun; no callback then. */
struct plug_call *plug_tool_invoke(const struct plug_tool *t,
    const struct plug_caller *who, const char *args, size_t args_n,
    const struct plug_call_ops *ops, void *user, struct err *e);
struct plug_call *plug_llm_generate(const struct plug_llm *l,
    const struct plug_caller *who, const struct sept_llm_request *req,
    const struct plug_call_ops *ops, void *user, struct err *e);
/* Every skill reader scans dir, one call after the other; results merged. */
int plug_skill_scan(struct plug_snapshot *s, const char *dir,
    void (*done)(void *user, json_t *skills, json_t *problems,
    const struct err *e), void *user, struct err *e);
/* A request; done still comes, soon. */
void plug_call_cancel(struct plug_call *c);
/* Event consumer is behind (1) or has caught up (0): emit answers EAGAIN. */
void plug_call_pause(struct plug_call *c, int paused);

/* Tells every tool plugin that a turn has ended. */
void plug_turn_ended(struct plug_snapshot *s, const char *task_id,
    const char *turn_id);

/* "ok", or the reason of the first plugin whose health check fails. */
const char *plug_health(struct plug_snapshot *s, char *buf, size_t n);

#endif

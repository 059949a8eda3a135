/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plug-internal.h - what the files of this folder share.
 *
 * A generation is one private copy of one shared object, one instance in it
 * and its pins. Who keeps a pointer into the object, or is about to call it,
 * holds a pin:
 *
 *   GEN_LIFE     the host, until the plugin has been quiesced
 *   GEN_SNAPSHOT each snapshot that lists it
 *   GEN_CALL     each call, until its completion has been delivered
 *   GEN_ENTER    each call into the object, on whichever thread
 *   GEN_HOST     each timer, post, pool job, request and child of the plugin
 *
 * Snapshots and calls that are not abandoned are also counted as users: when
 * the last one is gone the plugin is quiesced, then what it left behind is
 * ended, and when the last pin is dropped it is destroyed, one round of the
 * loop later.
 *
 * Loop thread only, unless a function says otherwise.
 */
#ifndef CORE_PLUG_PLUG_INTERNAL_H
#define CORE_PLUG_PLUG_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "dso.h"
#include "manifest.h"
#include "plug.h"

#define PLUG_START_BUDGET_MS 50
#define PLUG_QUIESCE_GRACE_MS 5000
#define PLUG_CANCEL_GRACE_MS 2000
#define PLUG_BLOCKING_MAX 8      /* calls of one plugin on the pool */
#define PLUG_WAITING_MAX 256     /* calls that wait for their turn */
#define PLUG_DEAD_MAX 128        /* ended call handles kept, see call.c */

enum gen_state {
	GEN_CREATED,
	GEN_CONFIGURED,
	GEN_RUNNING,
	GEN_QUIESCING,
	GEN_DRAINING, /* waits for its last pin */
	GEN_DRAINED
};

enum gen_pin {
	GEN_LIFE,
	GEN_SNAPSHOT,
	GEN_CALL,
	GEN_ENTER,
	GEN_HOST,
	GEN_PIN_MAX_
};

/* Names for the watchdog; interned, live as long as the process. */
struct plug_names {
	struct plug_names *next;
	char *id;
	char *life, *invoke, *callback, *cancel, *health;
};

struct sept_err {
	sept_status status;
	char text[400];
};

struct sept_quiesce {
	struct generation *gen;
	int fired;
};

struct plug_tool {
	struct generation *gen;
	uint32_t index;
	unsigned running;
	struct sept_tool_info info;
	char *name, *description, *schema;
};

struct plug_llm {
	struct generation *gen;
	const struct sept_llm *ext;
	struct sept_llm info; /* copied */
	char *name, *model;
};

struct host_timer;
struct host_request;
struct host_child;

TAILQ_HEAD(call_list, sept_call);

struct generation {
	LIST_ENTRY(generation) link;
	struct plug *plug;
	const struct plug_names *names;
	struct manifest *man;
	struct dso dso;
	unsigned number;
	enum gen_state state;
	struct sept_host host;
	struct sept_plugin *inst;
	struct sept_quiesce quiesce;
	struct loop_timer *quiesce_timer;
	unsigned users;
	atomic_uint pins; /* the sum */
	atomic_uint pin[GEN_PIN_MAX_];
	struct loop_post post;      /* quiesce, then reap what is left */
	struct loop_post post_zero; /* the last pin was dropped */
	/* What it provides; copied at start. */
	const struct sept_tool *tool;
	const struct sept_skill *skill;
	const struct sept_health *health;
	struct plug_tool *tools;
	size_t n_tools;
	struct plug_llm *llm;
	/* Calls that wait for a slot, in order, and those that run. */
	struct call_list waiting, calls;
	unsigned n_waiting, n_blocking;
	LIST_HEAD(, host_timer) timers;
	LIST_HEAD(, host_request) requests;
	LIST_HEAD(, host_child) children;
};

struct plug_snapshot {
	unsigned refs;
	struct plug *plug;
	struct generation **gens;
	size_t n_gens;
	struct plug_tool **tools; /* sorted by name */
	size_t n_tools;
};

struct plug {
	struct plug_config cfg;
	char *path, *state_dir;
	unsigned counter; /* of private copies and generations */
	struct plug_snapshot *current;
	unsigned snapshots; /* alive */
	LIST_HEAD(, generation) gens;
	unsigned parked;
	struct call_list dead;
	unsigned n_dead;
};

/* gen.c */
/*
 * Loads, creates, configures and starts; NULL and e on failure. The result
 * has no user yet: give it to a snapshot, or gen_retire() it. Takes man over
 * in any case.
 */
struct generation *gen_new(struct plug *p, struct manifest *man,
    struct err *e);
void gen_retire(struct generation *g);
/* [any] */
void gen_ref(struct generation *g, enum gen_pin kind);
void gen_unref(struct generation *g, enum gen_pin kind);
/* A pin that is a user as well: GEN_SNAPSHOT, GEN_CALL. */
void gen_use(struct generation *g, enum gen_pin kind);
void gen_unuse(struct generation *g);
/* Quiesces though it still has users: at the end of the engine. */
void gen_force_quiesce(struct generation *g);
const struct plug_names *plug_names(const char *id);
/* Around each call into the object on the loop; names what holds it. */
const char *gen_enter(struct generation *g, const char *section);
void gen_leave(struct generation *g, const char *before);

/* ext.c: copies what the instance provides; checks it. */
int gen_read_ext(struct generation *g, struct err *e);
void gen_free_ext(struct generation *g);

/* host.c */
void host_init(struct generation *g);
void host_end_leftovers(struct generation *g);
/* 1 on the loop; otherwise logs whose mistake it is. */
int host_on_loop(const struct generation *g, const char *what);
const void *host_http_table(void);
/* NULL: not granted, or there is none. */
const void *host_memory_table(const struct generation *g);
const void *host_proc_table(void);
void host_http_end(struct generation *g);
void host_proc_end(struct generation *g);
const void *host_call_table(void);
const char *plug_status_name(sept_status status);

/* snapshot.c */
struct plug_snapshot *snapshot_new(struct plug *p, struct generation **gens,
    size_t n, json_t *problems, struct err *e);
void plug_problem(json_t *problems, const char *file, int line,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif

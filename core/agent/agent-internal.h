/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent-internal.h - the agent's and the turn's state, shared by the files of
 * this folder only.
 */
#ifndef CORE_AGENT_INTERNAL_H
#define CORE_AGENT_INTERNAL_H

/* Out of memory must fail the request, not the process. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "../base/buf.h"
#include "../store/rows.h"
#include "agent.h"
#include "reply.h"
#include "toolset.h"

#define HISTORY_MAX (256u << 20)    /* bytes of one request's messages */
#define TOOL_OUTPUT_MAX 200000      /* bytes of one result that go on */
#define SCHEMA_TRIES 3              /* answers that may miss the schema */

/*
 * States of a turn. A turn is in CALLS_OUT states (MODEL, TOOLS) while others
 * work for it and comes back to turn_step() from their callbacks.
 */
enum tstate {
	TS_NEW,       /* its first operation is with the brain */
	TS_CONTEXT,   /* the next request is to be built */
	TS_MODEL,     /* a model call runs, or waits to be repeated */
	TS_SAVE,      /* a step is with the brain */
	TS_TOOLS,     /* tool calls run */
	TS_FINISH,    /* the last operation is with the brain */
	TS_ENDED,     /* its last event is with the journal */
	TS_STATES_
};

enum outcome { OUT_NONE, OUT_COMPLETED, OUT_FAILED, OUT_CANCELLED };

/* One tool call of a reply. */
struct tool_run {
	struct turn *turn;
	const struct toolset_entry *tool; /* NULL: no such tool */
	const struct reply_block *block;  /* id, name, input text */
	json_t *input;
	struct plug_call *call;
	uint64_t started_ns;
	int state;        /* 0 waiting, 1 running, 2 done */
	int announced;    /* its tool_call event is in the journal (resume) */
	char *output;     /* NUL terminated */
	size_t output_n;
	char *error;      /* code, or NULL */
};

/* Rows of a turn that are written together, and with its events. */
struct save {
	void (*then)(struct turn *t);
	char *content;         /* message to insert, or NULL */
	char message_id[ID_MAX];
	const char *role;
	int effects;           /* write effect_start for the turn's runs */
	int usage;             /* write the usage row */
	int end;               /* end the turn and free the task */
};

struct turn {
	struct agent *agent;
	UT_hash_handle hh;     /* agent->turns by task_id */
	char turn_id[ID_MAX];
	char *task_id, *agent_name;
	int64_t task_no;
	enum tstate state;
	enum outcome outcome;
	struct err error;      /* of OUT_FAILED */
	json_t *error_details;
	int cancelled;
	int stop_now;          /* the drain has run out: leave it as it is */

	struct channel *channel;
	struct catalog *catalog;
	struct plug_snapshot *plugs;
	const struct catalog_agent *def;
	struct toolset *tools;
	const struct plug_llm *llm;

	int direct, thinking;
	json_t *schema;        /* response_schema */
	struct schema *schema_c;
	int schema_tries;
	int force_result;      /* next call must call submit_result */
	json_t *result;
	struct toolset_entry submit; /* submit_result, with a schema */
	char *tools_json;      /* the toolset's, and submit_result */

	struct buf messages;   /* "[{...},{...}" for the model */
	char last_role;        /* 'u', 'a' or 0 */

	/* The model call */
	struct reply reply;
	struct plug_call *call;
	struct loop_timer *timer;
	int attempt;           /* of this model, from 1 */
	int on_fallback;
	int streamed;          /* something of this call was emitted */
	char answered_by[128]; /* model of the last finished call */
	char *params;
	int block_base;        /* block_index of the call's first block */
	int calls;             /* model calls of this turn */
	struct buf hold;       /* text held back for scrubbing */
	const char *hold_type;
	int hold_key;          /* the text so far ends inside a private key */
	struct loop_timer *hold_timer;

	/* Tool calls */
	struct tool_run *runs;
	size_t runs_n, runs_next, runs_open;
	int used_tools;        /* some reply had tool calls */
	char *workspace;       /* made, or NULL */
	char *saved;           /* content on its way to the writer */

	struct save save;
	char answer_id[ID_MAX]; /* message id of the answer, or "" */
	char stop_reason[32];
	struct loop_post step; /* posts turn_step */
	int stepping;
};

struct agent {
	struct agent_config cfg;
	struct catalog *catalog;
	struct plug_snapshot *plugs;
	struct toolset_cache toolsets;
	struct turn *turns;    /* by task_id: the lock of each task */
	struct agent_stats stats;
	uint64_t generation;   /* of the catalog */
	uint64_t soul_version;
	struct reload *reloads; /* the one that runs, then those that wait */
	int draining;
	int resuming;          /* turns to be taken up are still looked for */
	struct closing *closings; /* rows that wait for a brain, ending.c */
	void (*drained)(void *arg);
	void *drained_arg;
	struct loop_timer *drain_timer;
};

/* turn.c */
struct turn *turn_new(struct agent *a, const char *task_id, struct err *e);
void turn_free(struct turn *t);
void turn_set_state(struct turn *t, enum tstate to);
void turn_step_later(struct turn *t);
void turn_fail(struct turn *t, const struct err *e, json_t *details);
void turn_finish(struct turn *t, enum outcome how, const char *stop_reason);
/* t->save goes to the writer with the events; then() when committed. */
void turn_save(struct turn *t, void (*then)(struct turn *t));
int turn_add_message(struct turn *t, const char *role, const char *content);

/* model.c */
void model_call(struct turn *t);
void model_cancel(struct turn *t);
void model_fini(struct turn *t);

/* tools.c */
void tools_begin(struct turn *t);
/* Makes t->runs from t->reply. -1: out of memory. */
int tools_prepare(struct turn *t);
/* Ends a run with an output (copied) and an error code or NULL. */
void tool_run_end(struct tool_run *r, const char *output,
    const char *error);
/* Takes a result that the journal had before the restart. */
int tool_run_known(struct tool_run *r, const char *output,
    const char *error);
void tools_run(struct turn *t);
void tools_cancel(struct turn *t);
void tools_fini(struct turn *t);
/* The tool results as content blocks; appended to b. */
int tools_content(struct turn *t, struct buf *b);

/* begin.c */
int turn_prepare(struct turn *t, const char *agent_name, struct err *e);

/* actions.c: what the engine itself does for a tool call. */
int action_run(struct tool_run *r);

/* wire.c: events of a turn; 0 or -1 when memory ran out. */
int wire_event(struct turn *t, const char *type, struct buf *members);
int wire_lifecycle(struct turn *t, const char *phase);
int wire_error(struct turn *t);
int wire_block(struct turn *t, int start, int index, const char *type);
int wire_tool_call(struct turn *t, const struct tool_run *r);
int wire_tool_result(struct turn *t, const struct tool_run *r,
    uint64_t duration_ms, int truncated);
int wire_usage(struct turn *t, const char *model);
int wire_started_members(struct buf *b, const char *task_id,
    const char *turn_id, const char *message_id, const char *agent);

/* agent.c */
void agent_turn_gone(struct agent *a);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows.h - the rows of tasks, messages, turns and tool calls ("effects").
 * Functions run inside a brain operation, on its thread. Text results are
 * malloc()ed copies; *_fini frees them. Times are Unix milliseconds.
 *
 * All return 0, or -1 and e, where nothing else is said. An each() gets its
 * row on loan and may stop the list by returning not 0, which is for want of
 * memory: the list then fails with that error.
 */
#ifndef CORE_STORE_ROWS_H
#define CORE_STORE_ROWS_H

#include <jansson.h>
#include <stdint.h>

#include "brain.h"

enum task_state {
	TASK_IDLE = 0,
	TASK_RUNNING = 1,
	TASK_WAITING_HUMAN = 2
};

struct task_row {
	int64_t task_no;
	char *task_id;
	char *agent;
	enum task_state state;
	int64_t created_at, updated_at;
	int64_t message_count;
	/* Of the journal, also counting what has been purged: */
	int64_t last_event_id, last_event_ts;
};
void task_row_fini(struct task_row *t);

/* 1 found, 0 not, -1 and e. */
int task_find(struct brain_db *db, const char *task_id, struct task_row *out,
    struct err *e);
/* The task with the newest event, purged or not. */
int task_newest(struct brain_db *db, struct task_row *out, struct err *e);
/* Makes the task; out gets task_no. */
int task_insert(struct brain_db *db, const char *task_id, const char *agent,
    int64_t now, int64_t *task_no, struct err *e);
int task_set(struct brain_db *db, int64_t task_no, enum task_state state,
    const char *agent /* NULL: keep */, int64_t now, struct err *e);
/* Newest first; total counts all. Calls each() for every row. */
int task_list(struct brain_db *db, int64_t limit, int64_t offset,
    int (*each)(void *arg, const struct task_row *t), void *arg,
    int64_t *total, struct err *e);
/* The task and all that belongs to it, its events too. */
int task_delete(struct brain_db *db, int64_t task_no, struct err *e);

struct message_row {
	int64_t msg_no;       /* order within the task */
	char *message_id;
	char *role;           /* "user", "assistant", "tool" */
	char *content;        /* JSON array of blocks, see september/llm.h */
	char *turn_id;
	int64_t created_at;
};
void message_row_fini(struct message_row *m);
/*
 * role "tool": results of tool calls, shown to the model in a user message.
 * Counts in the task's message_count.
 */
int message_insert(struct brain_db *db, int64_t task_no,
    const char *message_id, const char *role, const char *content,
    const char *turn_id, int64_t now, struct err *e);
/* Not voided ones, oldest first. */
int message_list(struct brain_db *db, int64_t task_no,
    int (*each)(void *arg, const struct message_row *m), void *arg,
    struct err *e);
/* 1 found and not voided, 0 not, -1 and e. */
int message_find(struct brain_db *db, int64_t task_no,
    const char *message_id, struct message_row *out, struct err *e);
/* Voids every message from msg_no on (kept for audit); adjusts the count. */
int message_void_from(struct brain_db *db, int64_t task_no, int64_t msg_no,
    int64_t now, struct err *e);

enum turn_state {
	TURN_RUNNING = 0,
	TURN_WAITING_HUMAN = 1,
	TURN_COMPLETED = 2,
	TURN_ERRORED = 3,
	TURN_CANCELLED = 4,
	TURN_INTERRUPTED = 5 /* the process ended while it ran */
};
struct turn_row {
	int64_t turn_no, task_no;
	char *turn_id, *task_id, *agent;
	char *options; /* JSON: what /execute asked for */
	enum turn_state state;
	char *detail;  /* of turn_end(), or NULL */
	int64_t started_at;
};
void turn_row_fini(struct turn_row *t);
int turn_insert(struct brain_db *db, int64_t task_no, const char *turn_id,
    const char *agent, const char *options, int64_t now, struct err *e);
/*
 * detail: how it ended; NULL leaves what is there. Also moves a turn between
 * RUNNING and WAITING_HUMAN. A turn that has ended stays as it is.
 */
int turn_end(struct brain_db *db, const char *turn_id,
    enum turn_state state, const char *detail, int64_t now, struct err *e);
/* Turns in state RUNNING or WAITING_HUMAN, oldest first. */
int turn_unfinished(struct brain_db *db,
    int (*each)(void *arg, const struct turn_row *t), void *arg,
    struct err *e);

/*
 * The ledger of tool calls: intended (started) and finished. The turn must be
 * under way. Finishing a call that is not open changes nothing.
 */
int effect_start(struct brain_db *db, const char *call_id,
    const char *turn_id, const char *tool, const char *input, int64_t now,
    struct err *e);
int effect_finish(struct brain_db *db, const char *call_id,
    const char *output, const char *error /* or NULL */, int64_t now,
    struct err *e);

struct effect_row {
	char *call_id, *tool, *input;
	char *output, *error; /* NULL: none, or not finished */
	int64_t started_at;
	int64_t finished_at;  /* 0: outcome unknown */
};
void effect_row_fini(struct effect_row *f);
/* The calls of a turn under way, in the order they were started. */
int effect_list(struct brain_db *db, const char *turn_id,
    int (*each)(void *arg, const struct effect_row *f), void *arg,
    struct err *e);

/* One row per model call. */
int usage_insert(struct brain_db *db, int64_t task_no, const char *turn_id,
    const char *model, int64_t input, int64_t output, int64_t cached,
    int64_t now, struct err *e);

int feedback_insert(struct brain_db *db, const char *feedback_id,
    int64_t task_no, const char *type, const char *message_id,
    const char *json, int64_t now, struct err *e);

/*
 * Small settings that outlive the process. *out: NULL when unset; setting to
 * NULL unsets.
 */
int meta_get(struct brain_db *db, const char *key, char **out,
    struct err *e);
int meta_set(struct brain_db *db, const char *key, const char *value,
    struct err *e);

/* Custom skills: one JSON object each (the shape of GET /skills/{name}). */
int skill_row_list(struct brain_db *db,
    int (*each)(void *arg, const char *name, const char *json), void *arg,
    struct err *e);
int skill_row_put(struct brain_db *db, const char *name, const char *json,
    int64_t now, struct err *e);
int skill_row_delete(struct brain_db *db, const char *name, struct err *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal.h - the event journal: every event gets its id and is committed
 * before a reader sees it; live stream, replay and reconnect are the same
 * reader with different start positions. Loop thread only, unless said.
 *
 * An event is kept as the bytes of its SSE frame
 *   id: 7\nevent: text_delta\ndata: {"timestamp":"...",...}\n\n
 * with "timestamp" always first in the object, so that a replay is
 * byte-identical by construction. Events appended in one round of the loop
 * are one row.
 *
 * Ids of a task grow by one; timestamps grow strictly (a second event in one
 * millisecond gets the next one; deltas in one millisecond are joined).
 */
#ifndef CORE_STORE_JOURNAL_H
#define CORE_STORE_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

#include "brain.h"

struct journal;
struct channel;        /* the living end of one task's events */
struct journal_reader;

struct journal_config {
	int64_t ttl_active_s; /* CHANNEL_STATE_TTL_ACTIVE */
	int64_t ttl_hitl_s;   /* CHANNEL_STATE_TTL_HITL */
};

struct journal *journal_new(struct loop *l, struct brain *b,
    const struct journal_config *cfg, struct err *e);
/*
 * Before brain_close(). Closes the readers and drops the channels that are
 * left, without callbacks; what they had handed to the brain is still stored.
 */
void journal_free(struct journal *j);

/*
 * The channel of a task that a turn is about to run on; from here on it is
 * live until channel_end(). last_id and last_ts come from the task's row
 * (task_find). One channel a task; a second open of a live one is a
 * programming error. NULL: out of memory.
 * The task's state is to be TASK_RUNNING while a channel is open (or
 * TASK_WAITING_HUMAN): events of a task that is IDLE expire.
 */
struct channel *channel_open(struct journal *j, int64_t task_no,
    const char *task_id, int64_t last_id, int64_t last_ts);
/*
 * [writer] The frame of the turn's first event, written in the caller's own
 * operation so that event and turn are one transaction; also fills what
 * channel_open_with() needs to publish it after the commit.
 */
struct journal_first {
	int64_t id, ts;
	char *frame;
	size_t n;
};
int journal_put_first(struct brain_db *db, int64_t task_no, int64_t last_id,
    int64_t last_ts, const char *type, const char *members, size_t n,
    struct journal_first *out, struct err *e);
/* channel_open() that begins with a committed event; takes out->frame. */
struct channel *channel_open_with(struct journal *j, int64_t task_no,
    const char *task_id, struct journal_first *first);

/*
 * Appends an event. members: the payload's JSON members without braces and
 * without timestamp ("\"tool\":\"bash\",..."), on one line, as json_add()
 * writes them; may be empty. Returns the id, or 0: out of memory.
 */
int64_t channel_event(struct channel *c, const char *type,
    const char *members, size_t n);
/*
 * Appends text to the pending delta of that type ("text_delta" or
 * "thinking_delta"), or begins one. Not delayed but for the rest of a
 * millisecond that already has a delta. -1: out of memory.
 */
int channel_delta(struct channel *c, const char *type, const char *text,
    size_t n);
/*
 * Runs fn(arg) once everything appended so far is committed (failed: e says
 * why), before readers get it; never from inside this call. After a failure
 * what was appended is kept and tried again, every 250 ms and in order, so a
 * later sync may succeed for all of it; readers of the channel have got
 * failed() and may come back. -1: out of memory.
 */
int channel_sync(struct channel *c, void (*fn)(void *arg,
    const struct err *e), void *arg);
/*
 * Has run(db, arg) done on the writer in one transaction with the events that
 * are not committed yet, before them: both or neither. One at a time, until
 * the fn of the next channel_sync() or the done of channel_end() has come.
 * When the transaction fails the sync is told and run is dropped; a channel
 * that is ending goes on until it has succeeded.
 */
void channel_with(struct channel *c, int (*run)(struct brain_db *db,
    void *arg, struct err *e), void *arg);
/* Id of the last event appended (pending deltas are appended first). */
int64_t channel_last_id(struct channel *c);
/*
 * The turn is over: readers end after the last event appended. done(arg) runs
 * when that event is committed and has been handed to the readers that were
 * waiting; slower ones go on by themselves. The channel is gone then. When
 * the brain fails three times over, the last events are given up.
 */
void channel_end(struct channel *c, void (*done)(void *arg), void *arg);
/* While paused on a human the other TTL counts. */
void channel_set_waiting(struct channel *c, int waiting);

/* Where a reader starts. */
struct journal_cursor {
	int64_t after_id; /* events with a greater id; used when >= 0 */
	int64_t after_ts; /* else events with a greater timestamp, ms */
};

struct journal_reader_ops {
	/*
	 * Whole frames, in order; the reader then waits for
	 * journal_reader_next(). At most 64 KiB unless one event is larger.
	 * p is valid during the call. May close the reader.
	 */
	void (*frames)(void *user, const char *p, size_t n);
	/* Nothing more will come. The reader is still to be closed. */
	void (*end)(void *user);
	/* The brain failed; as end. */
	void (*failed)(void *user, const struct err *e);
};

/*
 * A reader of one task. follow: go on live until the turn that is running now
 * has ended (when none is running: end after what is stored). Events older
 * than the TTL (counted from the task's last event) are not there. Callbacks
 * never come from inside this call. NULL: out of memory.
 */
struct journal_reader *journal_read(struct journal *j, int64_t task_no,
    const struct journal_cursor *from, int follow,
    const struct journal_reader_ops *ops, void *user);
void journal_reader_next(struct journal_reader *r);
/* Any time; no callback comes after it. */
void journal_reader_close(struct journal_reader *r);

/* Deletes what is past its TTL, in small pieces; called by a timer of j. */
struct journal_stats {
	uint64_t events, rows, readers;
	size_t tail_bytes; /* held in memory for live readers */
};
void journal_stats(const struct journal *j, struct journal_stats *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal-internal.h - between journal.c (registry, purge), channel.c (the
 * living end of a task), journal-reader.c, journal-frame.c (bytes) and
 * rows-event.c (rows).
 *
 * Loop thread, but for what is marked. Ownership: the journal owns channels
 * and readers; a tail is shared by its channel and its readers (counted);
 * a chunk belongs to one list at a time: pending, flying, the tail.
 */
#ifndef CORE_STORE_JOURNAL_INTERNAL_H
#define CORE_STORE_JOURNAL_INTERNAL_H

#include <sys/queue.h>

/* Out of memory must fail the request, not the process. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "../base/buf.h"
#include "brain-internal.h"
#include "journal.h"

#define JOURNAL_PAGE (64u << 10)      /* frames handed over at once; a row */
#define JOURNAL_TAIL_MAX (256u << 10) /* kept in memory for readers */
#define JOURNAL_PENDING_MAX (64u << 20) /* a channel's, not committed yet */
#define JOURNAL_TYPE_MAX 32
#define JOURNAL_LOG_ROWS 64           /* a channel's, then they are packed */

/* Frames of the events first_id..last_id: one row, later part of the tail. */
struct chunk {
	TAILQ_ENTRY(chunk) link;
	int64_t first_id, last_id, first_ts, last_ts;
	struct buf b;
};
TAILQ_HEAD(chunk_list, chunk);

/* Committed frames that readers may still want. */
struct tail {
	unsigned refs;
	struct journal *j;
	struct chunk_list chunks;
	size_t bytes;
	int64_t floor;   /* holds the events floor+1 .. last_id */
	int64_t last_id; /* committed */
	int ended;
	LIST_HEAD(, journal_reader) readers;
};

struct sync {
	TAILQ_ENTRY(sync) link;
	int64_t id;
	int with;        /* waits for what channel_with() gave, too */
	void (*fn)(void *arg, const struct err *e);
	void *arg;
};
TAILQ_HEAD(sync_list, sync);

struct channel {
	UT_hash_handle hh;       /* by task_no */
	struct journal *j;       /* NULL: the journal has gone */
	int64_t task_no;
	char *task_id;
	int64_t last_id, last_ts; /* appended */
	int waiting;             /* for a human */
	char delta_type[JOURNAL_TYPE_MAX];
	struct buf delta;        /* text not yet an event */
	int64_t delta_ms;        /* wall clock at the last delta's event */
	struct chunk_list pending, flying;
	size_t pending_bytes;
	int in_flight;           /* the writer has op and flying */
	int op_ends;             /* op holds the last event */
	int op_packs;            /* op leaves nothing of ours in the log */
	unsigned logged_n;       /* rows in the log */
	size_t logged_bytes;
	int64_t op_last_id, op_last_ts;
	struct brain_op op;
	struct sync_list syncs;
	struct tail *tail;
	int dirty, in_ms;        /* on these lists of the journal */
	TAILQ_ENTRY(channel) dirty_link, ms_link;
	struct loop_timer *retry;
	int (*with)(struct brain_db *db, void *arg, struct err *e);
	void *with_arg;
	int (*op_with)(struct brain_db *db, void *arg, struct err *e);
	void *op_with_arg;       /* what op runs, as with may change */
	int ending, end_tries;
	void (*end_fn)(void *arg);
	void *end_arg;
};

/* What the reader thread is asked for, and its answer. */
struct event_page {
	int64_t task_no;
	int64_t after_id, after_ts; /* both must be exceeded */
	int64_t limit_id;           /* nothing newer */
	int live, waiting;          /* a channel is open */
	int64_t now, ttl_active_ms, ttl_hitl_ms;
	struct buf b;
	int64_t last_id;            /* of the last frame in b */
	int more;
};

struct journal_reader {
	LIST_ENTRY(journal_reader) all;
	LIST_ENTRY(journal_reader) on_tail;
	TAILQ_ENTRY(journal_reader) ready_link;
	struct journal *j;
	int64_t task_no;
	int64_t limit_id;        /* without a tail: nothing newer */
	struct tail *tail;       /* NULL: reads rows only */
	const struct journal_reader_ops *ops;
	void *user;
	int64_t after_id;        /* -1: not known yet */
	int64_t after_ts;
	struct brain_op op;
	struct event_page page;
	struct err err;
	unsigned want:1, ready:1, reading:1, have_page:1, stored_all:1,
	    failed:1, over:1, closed:1;
};

struct purge {
	struct brain_op op;
	struct journal *j;       /* NULL: the journal has gone */
	int64_t task_no;         /* looked at last */
	int64_t now, ttl_active_ms, ttl_hitl_ms;
	int more;
	int busy;                /* handed over */
};

struct iso_cache {
	int64_t second;
	char text[32];
};

struct journal {
	struct loop *loop;
	struct brain *brain;
	int64_t ttl_active_ms, ttl_hitl_ms;
	struct channel *channels; /* hash */
	LIST_HEAD(, journal_reader) readers;
	TAILQ_HEAD(, channel) dirty, ms_wait;
	TAILQ_HEAD(, journal_reader) ready;
	unsigned ready_n;
	struct event *flush;     /* made active: runs at the end of a round */
	int flush_set;
	struct event *ms_timer;
	int ms_set;
	struct chunk_list spare;
	unsigned spare_n;
	struct buf scratch;
	struct iso_cache iso;
	struct purge *purge;
	struct loop_timer *purge_timer;
	struct journal_stats stats;
};

/* journal-frame.c: pure functions over bytes. [any] */

/* Appends a frame; on failure b is as before. members may be empty. */
int frame_event(struct buf *b, struct iso_cache *iso, int64_t id,
    const char *type, int64_t ts, const char *members, size_t n);
int frame_delta(struct buf *b, struct iso_cache *iso, int64_t id,
    const char *type, int64_t ts, const char *text, size_t n);
/*
 * Offset of the first frame with a greater id and a greater timestamp; n when
 * there is none.
 */
size_t frame_skip(const char *p, size_t n, int64_t after_id,
    int64_t after_ts);

/* rows-event.c: inside an operation. [brain] */

/* Appends a row to the log. */
int event_log(struct brain_db *db, int64_t task_no, const struct chunk *c,
    struct err *e);
/* Packs what the log has of the task, and then the list, into large rows. */
int event_pack(struct brain_db *db, int64_t task_no,
    const struct chunk_list *list, struct err *e);
/* Notes in the task's row how far its journal has come. */
int event_note_last(struct brain_db *db, int64_t task_no, int64_t last_id,
    int64_t last_ts, struct err *e);
/* Events up to last_id have expired. */
int event_expire(struct brain_db *db, int64_t task_no, int64_t last_id,
    struct err *e);
int event_read_page(struct brain_db *db, struct event_page *p,
    struct err *e);
/* A brain operation's run(); purge: struct purge. */
int event_purge(struct brain_db *db, void *purge, struct err *e);

/* journal.c */

/* Has flush run at the end of this round. */
void journal_wake(struct journal *j);
struct channel *journal_channel(struct journal *j, int64_t task_no);
struct chunk *chunk_new(struct journal *j);
void chunk_free(struct journal *j, struct chunk *c);

/* channel.c */

/* End of the round: hands over what the channel has. */
void channel_push(struct channel *c);
/* Waits for the next millisecond. */
void channel_ms_over(struct journal *j);
/* The journal goes: frees it, or has its operation do so. */
void channel_drop(struct channel *c);

/* journal-reader.c */

struct tail *tail_new(struct journal *j, int64_t last_id);
void tail_unref(struct tail *t);
/* Takes the chunks of a commit. */
void tail_add(struct tail *t, struct chunk_list *list);
/* Drops what no reader wants or what is too much. */
void tail_trim(struct tail *t);
/* Queues the readers that can go on. */
void tail_wake(struct tail *t);
/* All its readers end with failed(). */
void tail_fail(struct tail *t, const struct err *e);
void reader_run_ready(struct journal *j);

#endif

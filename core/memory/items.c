/* SPDX-License-Identifier: Apache-2.0 */
/*
 * items.c - facts and episodes: one in, one out.
 *
 * A write gives what it wants to set; the rest of an item that is there
 * stays. A changed fact is a new row, and the old one is superseded. An
 * episode says what happened, so it is corrected in place.
 */
#include <stdlib.h>
#include <string.h>

#include "memory-internal.h"

/* The item as it is, with the new members put over it. NULL and e. */
static json_t *
merged(json_t *old, const json_t *item, struct err *e)
{
	json_t *o = old != NULL ? old : json_object();

	if (o == NULL || json_object_update(o, (json_t *)(uintptr_t)item)
	    != 0) {
		json_decref(o);
		err_nomem(e);
		return NULL;
	}
	return o;
}

/* --- facts --------------------------------------------------------------- */

static int
get_fact(struct brain_db *db, const char *id, int64_t no, json_t **out,
    struct err *e)
{
	sqlite3_stmt *st = brain_stmt(db, id != NULL ?
	    "SELECT id, subject, content, type, confidence, source,"
	    " valid_from, valid_until FROM knowledge"
	    " WHERE id = ? AND superseded_at IS NULL" :
	    "SELECT id, subject, content, type, confidence, source,"
	    " valid_from, valid_until FROM knowledge WHERE no = ?", e);
	int r;

	if (st == NULL)
		return -1;
	if (id != NULL)
		mem_bind_text(st, 1, id);
	else
		(void)sqlite3_bind_int64(st, 1, no);
	r = brain_step(db, st, e);
	if (r > 0) {
		*out = json_pack("{s:o,s:o,s:o,s:o,s:f,s:o,s:o,s:o}",
		    "id", mem_json_text(st, 0),
		    "subject", mem_json_text(st, 1),
		    "content", mem_json_text(st, 2),
		    "type", mem_json_text(st, 3),
		    "confidence", sqlite3_column_double(st, 4),
		    "source", mem_json_text(st, 5),
		    "valid_from", mem_json_time(st, 6),
		    "valid_until", mem_json_time(st, 7));
		if (*out == NULL)
			r = err_nomem(e);
	}
	(void)sqlite3_reset(st);
	return r;
}

static int
supersede(struct brain_db *db, const char *id, int64_t now, struct err *e)
{
	sqlite3_stmt *st = brain_stmt(db, "UPDATE knowledge SET"
	    " superseded_at = ?2 WHERE id = ?1 AND superseded_at IS NULL",
	    e);

	if (st == NULL)
		return -1;
	mem_bind_text(st, 1, id);
	mem_bind_time(st, 2, now);
	if (brain_run(db, st, e) != 0)
		return -1;
	return sqlite3_changes(brain_handle(db)) > 0;
}

static int
insert_fact(struct brain_db *db, const json_t *o, const char *id,
    const char *where, int64_t now, struct err *e)
{
	const char *subject = "", *content = NULL, *type = "fact";
	const char *source = NULL;
	int64_t from = INT64_MIN, until = INT64_MIN;
	double confidence = 1;
	sqlite3_stmt *st;

	if (mem_str(o, where, "content", 1, &content, e) != 0 ||
	    mem_str(o, where, "subject", 0, &subject, e) != 0 ||
	    mem_str(o, where, "type", 0, &type, e) != 0 ||
	    mem_str(o, where, "source", 0, &source, e) != 0 ||
	    mem_num(o, where, "confidence", 0, 1, &confidence, e) != 0 ||
	    mem_time(o, where, "valid_from", &from, e) != 0 ||
	    mem_time(o, where, "valid_until", &until, e) != 0)
		return -1;
	st = brain_stmt(db, "INSERT INTO knowledge (id, type, confidence,"
	    " source, valid_from, valid_until, recorded_at, subject,"
	    " content) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", e);
	if (st == NULL)
		return -1;
	mem_bind_text(st, 1, id);
	mem_bind_text(st, 2, type);
	(void)sqlite3_bind_double(st, 3, confidence);
	mem_bind_text(st, 4, source);
	mem_bind_time(st, 5, from);
	mem_bind_time(st, 6, until);
	mem_bind_time(st, 7, now);
	mem_bind_text(st, 8, subject);
	mem_bind_text(st, 9, content);
	return brain_run(db, st, e);
}

static int
put_fact(struct brain_db *db, const json_t *item, const char *id,
    const char *where, int64_t now, struct err *e)
{
	json_t *old = NULL, *o;
	int r = get_fact(db, id, 0, &old, e);

	if (r < 0)
		return -1;
	if (r > 0 && supersede(db, id, now, e) < 0) {
		json_decref(old);
		return -1;
	}
	o = merged(old, item, e);
	if (o == NULL)
		return -1;
	r = insert_fact(db, o, id, where, now, e);
	json_decref(o);
	return r;
}

const struct mem_kind mem_knowledge = {
	"knowledge", "fact-", put_fact, get_fact, supersede
};

/* --- episodes ------------------------------------------------------------ */

static int
get_episode(struct brain_db *db, const char *id, int64_t no, json_t **out,
    struct err *e)
{
#define EPISODE "SELECT e.id, e.key, e.description, e.value, e.task_id," \
	" e.occurred_at, e.confidence, e.source, s.session, e.seq," \
	" e.speaker, e.facts FROM episodes e LEFT JOIN sessions s" \
	" USING (session_no) WHERE "
	sqlite3_stmt *st = brain_stmt(db, id != NULL ?
	    EPISODE "e.id = ?" : EPISODE "e.no = ?", e);
	int r;

	if (st == NULL)
		return -1;
	if (id != NULL)
		mem_bind_text(st, 1, id);
	else
		(void)sqlite3_bind_int64(st, 1, no);
	r = brain_step(db, st, e);
	if (r > 0) {
		*out = json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:f,s:o,s:o,s:I,"
		    "s:o,s:o}",
		    "id", mem_json_text(st, 0),
		    "key", mem_json_text(st, 1),
		    "description", mem_json_text(st, 2),
		    "value", mem_json_text(st, 3),
		    "task_id", mem_json_text(st, 4),
		    "occurred_at", mem_json_time(st, 5),
		    "confidence", sqlite3_column_double(st, 6),
		    "source", mem_json_text(st, 7),
		    "session", mem_json_text(st, 8),
		    "seq", (json_int_t)sqlite3_column_int64(st, 9),
		    "speaker", mem_json_text(st, 10),
		    "facts", mem_json_lines(st, 11));
		if (*out == NULL)
			r = err_nomem(e);
	}
	(void)sqlite3_reset(st);
	return r;
}

/* The session's number; one that is new is made. */
static int
session_number(struct brain_db *db, const char *session, int64_t *no,
    struct err *e)
{
	sqlite3_stmt *st;
	int r;

	*no = 0;
	if (session == NULL || *session == '\0')
		return 0;
	st = brain_stmt(db, "SELECT session_no FROM sessions"
	    " WHERE session = ?", e);
	if (st == NULL)
		return -1;
	mem_bind_text(st, 1, session);
	r = brain_step(db, st, e);
	if (r > 0)
		*no = sqlite3_column_int64(st, 0);
	(void)sqlite3_reset(st);
	if (r != 0)
		return r < 0 ? -1 : 0;
	st = brain_stmt(db, "INSERT INTO sessions (session) VALUES (?)", e);
	if (st == NULL)
		return -1;
	mem_bind_text(st, 1, session);
	if (brain_run(db, st, e) != 0)
		return -1;
	*no = sqlite3_last_insert_rowid(brain_handle(db));
	return 0;
}

struct episode {
	const char *key, *description, *value, *session, *speaker, *task_id;
	const char *source;
	char *facts;
	int64_t session_no, at;
	double seq, confidence;
};

static int
read_episode(const json_t *o, const char *where, struct episode *x,
    struct err *e)
{
	memset(x, 0, sizeof *x);
	x->key = x->description = x->speaker = "";
	x->at = INT64_MIN;
	x->seq = -1;
	x->confidence = 1;
	if (mem_str(o, where, "value", 1, &x->value, e) != 0 ||
	    mem_str(o, where, "key", 0, &x->key, e) != 0 ||
	    mem_str(o, where, "description", 0, &x->description, e) != 0 ||
	    mem_str(o, where, "session", 0, &x->session, e) != 0 ||
	    mem_str(o, where, "speaker", 0, &x->speaker, e) != 0 ||
	    mem_str(o, where, "task_id", 0, &x->task_id, e) != 0 ||
	    mem_str(o, where, "source", 0, &x->source, e) != 0 ||
	    mem_num(o, where, "seq", 0, 9007199254740992.0, &x->seq, e)
	    != 0 ||
	    mem_num(o, where, "confidence", 0, 1, &x->confidence, e) != 0 ||
	    mem_time(o, where, "occurred_at", &x->at, e) != 0)
		return -1;
	return mem_lines(o, where, "facts", &x->facts, e);
}

/* ?1 id ... ; a row of that id is changed. */
static int
write_episode(struct brain_db *db, const struct episode *x, const char *id,
    int64_t now, struct err *e)
{
	unsigned words;
	int flags = mem_text_flags(x->value, strlen(x->value), &words);
	sqlite3_stmt *st = brain_stmt(db, "INSERT INTO episodes (id,"
	    " session_no, seq, speaker, occurred_at, words, flags,"
	    " confidence, source, task_id, recorded_at, key, description,"
	    " facts, value) VALUES (?1, ?2, CASE WHEN ?3 >= 0 THEN ?3"
	    " ELSE coalesce((SELECT max(seq) + 1 FROM episodes"
	    " WHERE session_no = ?2), 0) END, ?4, ?5, ?6, ?7, ?8, ?9, ?10,"
	    " ?11, ?12, ?13, ?14, ?15) ON CONFLICT (id) DO UPDATE SET"
	    " session_no = excluded.session_no, seq = excluded.seq,"
	    " speaker = excluded.speaker,"
	    " occurred_at = excluded.occurred_at, words = excluded.words,"
	    " flags = excluded.flags, confidence = excluded.confidence,"
	    " source = excluded.source, task_id = excluded.task_id,"
	    " key = excluded.key, description = excluded.description,"
	    " facts = excluded.facts, value = excluded.value", e);

	if (st == NULL)
		return -1;
	mem_bind_text(st, 1, id);
	(void)sqlite3_bind_int64(st, 2, x->session_no);
	(void)sqlite3_bind_int64(st, 3, (int64_t)x->seq);
	mem_bind_text(st, 4, x->speaker);
	mem_bind_time(st, 5, x->at);
	(void)sqlite3_bind_int64(st, 6, words);
	(void)sqlite3_bind_int(st, 7, flags);
	(void)sqlite3_bind_double(st, 8, x->confidence);
	mem_bind_text(st, 9, x->source);
	mem_bind_text(st, 10, x->task_id);
	mem_bind_time(st, 11, now);
	mem_bind_text(st, 12, x->key);
	mem_bind_text(st, 13, x->description);
	mem_bind_text(st, 14, x->facts != NULL ? x->facts : "");
	mem_bind_text(st, 15, x->value);
	return brain_run(db, st, e);
}

static int
put_episode(struct brain_db *db, const json_t *item, const char *id,
    const char *where, int64_t now, struct err *e)
{
	json_t *old = NULL, *o;
	struct episode x = { .facts = NULL };
	int r = get_episode(db, id, 0, &old, e);

	if (r < 0)
		return -1;
	o = merged(old, item, e);
	if (o == NULL)
		return -1;
	r = read_episode(o, where, &x, e);
	if (r == 0)
		r = session_number(db, x.session, &x.session_no, e);
	if (r == 0)
		r = write_episode(db, &x, id, now, e);
	free(x.facts);
	json_decref(o);
	return r;
}

static int
remove_episode(struct brain_db *db, const char *id, int64_t now,
    struct err *e)
{
	sqlite3_stmt *st = brain_stmt(db, "DELETE FROM episodes WHERE id = ?",
	    e);

	(void)now;
	if (st == NULL)
		return -1;
	mem_bind_text(st, 1, id);
	if (brain_run(db, st, e) != 0)
		return -1;
	return sqlite3_changes(brain_handle(db)) > 0;
}

const struct mem_kind mem_episodes = {
	"episodes", "ep-", put_episode, get_episode, remove_episode
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows-task.c - tasks and their messages.
 *
 * A task row's last_event_id and last_event_ts are written when a turn begins
 * and ends and when events are purged; in between the newest stored events
 * are ahead of them, so they are read as the greatest of all.
 */
#include <stdlib.h>
#include <string.h>

#include "rows-internal.h"

#define TASK_COLUMNS \
	" t.task_no, t.task_id, t.agent, t.state, t.created_at," \
	" t.updated_at, t.message_count," \
	EVENT_LAST("last_id", "t.task_no", "t.last_event_id") \
	" AS newest_id," \
	EVENT_LAST("last_ts", "t.task_no", "t.last_event_ts") \
	" AS newest_ts "

void
task_row_fini(struct task_row *t)
{
	free(t->task_id);
	free(t->agent);
	memset(t, 0, sizeof *t);
}

static int
task_fill(struct row_stmt *s, struct task_row *out)
{
	int bad = 0;

	memset(out, 0, sizeof *out);
	out->task_no = row_get(s, 0);
	out->task_id = row_dup(s->st, 1, &bad);
	out->agent = row_dup(s->st, 2, &bad);
	out->state = (enum task_state)row_get(s, 3);
	out->created_at = row_get(s, 4);
	out->updated_at = row_get(s, 5);
	out->message_count = row_get(s, 6);
	out->last_event_id = row_get(s, 7);
	out->last_event_ts = row_get(s, 8);
	if (!bad)
		return 0;
	task_row_fini(out);
	return err_nomem(s->e);
}

/* The one row of a statement: 1, 0, -1. */
static int
task_one(struct row_stmt *s, struct task_row *out)
{
	int r = row_step(s);

	memset(out, 0, sizeof *out);
	if (r <= 0)
		return r;
	if (task_fill(s, out) != 0)
		r = -1;
	(void)sqlite3_reset(s->st);
	return r;
}

int
task_find(struct brain_db *db, const char *task_id, struct task_row *out,
    struct err *e)
{
	struct row_stmt s;

	row_stmt_init(&s, db, "SELECT" TASK_COLUMNS
	    "FROM tasks t WHERE t.task_id = ?", e);
	row_text(&s, task_id);
	return task_one(&s, out);
}

/*
 * Only a task with a turn under way can have events newer than its row says,
 * so the candidates are those few and the first by the index.
 */
int
task_newest(struct brain_db *db, struct task_row *out, struct err *e)
{
	struct row_stmt s;

	row_stmt_init(&s, db, "SELECT" TASK_COLUMNS "FROM tasks t"
	    " WHERE t.task_no IN (SELECT task_no FROM tasks WHERE state <> 0"
	    " UNION SELECT * FROM (SELECT task_no FROM tasks"
	    " ORDER BY last_event_ts DESC LIMIT 1))"
	    " ORDER BY newest_ts DESC, t.task_no DESC LIMIT 1", e);
	return task_one(&s, out);
}

int
task_insert(struct brain_db *db, const char *task_id, const char *agent,
    int64_t now, int64_t *task_no, struct err *e)
{
	struct row_stmt s;

	row_stmt_init(&s, db, "INSERT INTO tasks (task_id, agent, created_at,"
	    " updated_at) VALUES (?, ?, ?3, ?3)", e);
	row_text(&s, task_id);
	row_text(&s, agent);
	row_int(&s, now);
	if (row_run(&s) != 0)
		return -1;
	*task_no = sqlite3_last_insert_rowid(brain_handle(db));
	return 0;
}

int
task_set(struct brain_db *db, int64_t task_no, enum task_state state,
    const char *agent, int64_t now, struct err *e)
{
	struct row_stmt s;

	row_stmt_init(&s, db, "UPDATE tasks SET state = ?2,"
	    " agent = coalesce(?3, agent), updated_at = ?4"
	    " WHERE task_no = ?1", e);
	row_int(&s, task_no);
	row_int(&s, state);
	row_text(&s, agent);
	row_int(&s, now);
	return row_run(&s);
}

int
task_list(struct brain_db *db, int64_t limit, int64_t offset,
    int (*each)(void *arg, const struct task_row *t), void *arg,
    int64_t *total, struct err *e)
{
	struct row_stmt s;
	struct task_row t;
	int r;

	row_stmt_init(&s, db, "SELECT count(*) FROM tasks", e);
	r = row_step(&s);
	if (r < 0)
		return -1;
	*total = r > 0 ? row_get(&s, 0) : 0;
	(void)sqlite3_reset(s.st);

	row_stmt_init(&s, db, "SELECT" TASK_COLUMNS "FROM tasks t"
	    " ORDER BY t.updated_at DESC, t.task_no DESC LIMIT ? OFFSET ?",
	    e);
	row_int(&s, limit);
	row_int(&s, offset);
	while ((r = row_step(&s)) > 0) {
		if (task_fill(&s, &t) != 0) {
			r = -1;
			break;
		}
		r = each(arg, &t);
		task_row_fini(&t);
		if (r != 0) {
			r = err_nomem(e);
			break;
		}
	}
	if (s.st != NULL)
		(void)sqlite3_reset(s.st);
	return r;
}

int
task_delete(struct brain_db *db, int64_t task_no, struct err *e)
{
	static const char *const texts[] = {
		"DELETE FROM events WHERE task_no = ?",
		"DELETE FROM events_log WHERE task_no = ?",
		"DELETE FROM messages WHERE task_no = ?",
		"DELETE FROM effects WHERE task_no = ?",
		"DELETE FROM turns WHERE task_no = ?",
		"DELETE FROM usage WHERE task_no = ?",
		"DELETE FROM feedback WHERE task_no = ?",
		"DELETE FROM working_memory WHERE task_no = ?",
		"DELETE FROM tasks WHERE task_no = ?",
	};
	struct row_stmt s;
	size_t i;

	for (i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		row_stmt_init(&s, db, texts[i], e);
		row_int(&s, task_no);
		if (row_run(&s) != 0)
			return -1;
	}
	return 0;
}

void
message_row_fini(struct message_row *m)
{
	free(m->message_id);
	free(m->role);
	free(m->content);
	free(m->turn_id);
	memset(m, 0, sizeof *m);
}

#define MESSAGE_COLUMNS \
	" msg_no, message_id, role, content, turn_id, created_at "

static int
message_fill(struct row_stmt *s, struct message_row *out)
{
	int bad = 0;

	memset(out, 0, sizeof *out);
	out->msg_no = row_get(s, 0);
	out->message_id = row_dup(s->st, 1, &bad);
	out->role = row_dup(s->st, 2, &bad);
	out->content = row_dup(s->st, 3, &bad);
	out->turn_id = row_dup(s->st, 4, &bad);
	out->created_at = row_get(s, 5);
	if (!bad)
		return 0;
	message_row_fini(out);
	return err_nomem(s->e);
}

static int
count_messages(struct brain_db *db, int64_t task_no, int64_t add,
    struct err *e)
{
	struct row_stmt s;

	row_stmt_init(&s, db, "UPDATE tasks SET"
	    " message_count = message_count + ?2 WHERE task_no = ?1", e);
	row_int(&s, task_no);
	row_int(&s, add);
	return row_run(&s);
}

int
message_insert(struct brain_db *db, int64_t task_no, const char *message_id,
    const char *role, const char *content, const char *turn_id, int64_t now,
    struct err *e)
{
	struct row_stmt s;

	row_stmt_init(&s, db, "INSERT INTO messages (task_no, msg_no,"
	    " message_id, role, content, turn_id, created_at) VALUES (?1,"
	    " (SELECT coalesce(max(msg_no), 0) + 1 FROM messages"
	    " WHERE task_no = ?1), ?2, ?3, ?4, ?5, ?6)", e);
	row_int(&s, task_no);
	row_text(&s, message_id);
	row_text(&s, role);
	row_text(&s, content);
	row_text(&s, turn_id);
	row_int(&s, now);
	if (row_run(&s) != 0)
		return -1;
	return count_messages(db, task_no, 1, e);
}

int
message_list(struct brain_db *db, int64_t task_no,
    int (*each)(void *arg, const struct message_row *m), void *arg,
    struct err *e)
{
	struct row_stmt s;
	struct message_row m;
	int r;

	row_stmt_init(&s, db, "SELECT" MESSAGE_COLUMNS "FROM messages"
	    " WHERE task_no = ? AND voided_at IS NULL ORDER BY msg_no", e);
	row_int(&s, task_no);
	while ((r = row_step(&s)) > 0) {
		if (message_fill(&s, &m) != 0) {
			r = -1;
			break;
		}
		r = each(arg, &m);
		message_row_fini(&m);
		if (r != 0) {
			r = err_nomem(e);
			break;
		}
	}
	if (s.st != NULL)
		(void)sqlite3_reset(s.st);
	return r;
}

int
message_find(struct brain_db *db, int64_t task_no, const char *message_id,
    struct message_row *out, struct err *e)
{
	struct row_stmt s;
	int r;

	memset(out, 0, sizeof *out);
	row_stmt_init(&s, db, "SELECT" MESSAGE_COLUMNS "FROM messages"
	    " WHERE task_no = ? AND message_id = ? AND voided_at IS NULL"
	    " LIMIT 1", e);
	row_int(&s, task_no);
	row_text(&s, message_id);
	r = row_step(&s);
	if (r <= 0)
		return r;
	if (message_fill(&s, out) != 0)
		r = -1;
	(void)sqlite3_reset(s.st);
	return r;
}

int
message_void_from(struct brain_db *db, int64_t task_no, int64_t msg_no,
    int64_t now, struct err *e)
{
	struct row_stmt s;

	row_stmt_init(&s, db, "UPDATE messages SET voided_at = ?3"
	    " WHERE task_no = ?1 AND msg_no >= ?2 AND voided_at IS NULL", e);
	row_int(&s, task_no);
	row_int(&s, msg_no);
	row_int(&s, now);
	if (row_run(&s) != 0)
		return -1;
	return count_messages(db, task_no,
	    -(int64_t)sqlite3_changes(brain_handle(db)), e);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows-turn.c - turns and the ledger of tool calls.
 *
 * Turns and calls are found by their opaque ids only while they are under
 * way, so only those are indexed (partial indexes, a handful of entries).
 */
#include <stdlib.h>
#include <string.h>

#include "rows-internal.h"

void
turn_row_fini(struct turn_row *t)
{
	free(t->turn_id);
	free(t->task_id);
	free(t->agent);
	free(t->options);
	free(t->detail);
	memset(t, 0, sizeof *t);
}

int
turn_insert(struct brain_db *db, int64_t task_no, const char *turn_id,
    const char *agent, const char *options, int64_t now, struct err *e)
{
	struct row_stmt s;

	row_stmt_init(&s, db, "INSERT INTO turns (task_no, turn_no, turn_id,"
	    " agent, options, state, started_at) VALUES (?1,"
	    " (SELECT coalesce(max(turn_no), 0) + 1 FROM turns"
	    " WHERE task_no = ?1), ?2, ?3, ?4, 0, ?5)", e);
	row_int(&s, task_no);
	row_text(&s, turn_id);
	row_text(&s, agent);
	row_text(&s, options != NULL ? options : "{}");
	row_int(&s, now);
	return row_run(&s);
}

int
turn_end(struct brain_db *db, const char *turn_id, enum turn_state state,
    const char *detail, int64_t now, struct err *e)
{
	struct row_stmt s;

	row_stmt_init(&s, db, "UPDATE turns SET state = ?2,"
	    " detail = coalesce(?3, detail),"
	    " ended_at = CASE WHEN ?2 < 2 THEN NULL ELSE ?4 END"
	    " WHERE turn_id = ?1 AND state < 2", e);
	row_text(&s, turn_id);
	row_int(&s, state);
	row_text(&s, detail);
	row_int(&s, now);
	return row_run(&s);
}

static int
turn_fill(struct row_stmt *s, struct turn_row *out)
{
	int bad = 0;

	memset(out, 0, sizeof *out);
	out->turn_no = row_get(s, 0);
	out->task_no = row_get(s, 1);
	out->turn_id = row_dup(s->st, 2, &bad);
	out->task_id = row_dup(s->st, 3, &bad);
	out->agent = row_dup(s->st, 4, &bad);
	out->options = row_dup(s->st, 5, &bad);
	out->state = (enum turn_state)row_get(s, 6);
	out->started_at = row_get(s, 7);
	if (sqlite3_column_type(s->st, 8) != SQLITE_NULL)
		out->detail = row_dup(s->st, 8, &bad);
	if (!bad)
		return 0;
	turn_row_fini(out);
	return err_nomem(s->e);
}

int
turn_unfinished(struct brain_db *db,
    int (*each)(void *arg, const struct turn_row *t), void *arg,
    struct err *e)
{
	struct row_stmt s;
	struct turn_row t;
	int r;

	row_stmt_init(&s, db, "SELECT n.turn_no, n.task_no, n.turn_id,"
	    " t.task_id, n.agent, n.options, n.state, n.started_at,"
	    " n.detail"
	    " FROM turns n JOIN tasks t USING (task_no) WHERE n.state < 2"
	    " ORDER BY n.started_at, n.task_no, n.turn_no", e);
	while ((r = row_step(&s)) > 0) {
		if (turn_fill(&s, &t) != 0) {
			r = -1;
			break;
		}
		r = each(arg, &t);
		turn_row_fini(&t);
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
effect_start(struct brain_db *db, const char *call_id, const char *turn_id,
    const char *tool, const char *input, int64_t now, struct err *e)
{
	struct row_stmt s;

	row_stmt_init(&s, db, "INSERT INTO effects (task_no, turn_no,"
	    " effect_no, call_id, tool, input, started_at)"
	    " SELECT task_no, turn_no, (SELECT coalesce(max(effect_no), 0) + 1"
	    " FROM effects f WHERE f.task_no = n.task_no"
	    " AND f.turn_no = n.turn_no), ?2, ?3, ?4, ?5"
	    " FROM turns n WHERE turn_id = ?1 AND state < 2", e);
	row_text(&s, turn_id);
	row_text(&s, call_id);
	row_text(&s, tool);
	row_text(&s, input);
	row_int(&s, now);
	if (row_run(&s) != 0)
		return -1;
	if (sqlite3_changes(brain_handle(db)) != 1)
		return err_set(e, ERR_INTERNAL,
		    "tool call %s belongs to no turn under way", call_id);
	return 0;
}

/*
 * A provider may use a call id twice; the newest call still open is meant.
 */
int
effect_finish(struct brain_db *db, const char *call_id, const char *output,
    const char *error, int64_t now, struct err *e)
{
	struct row_stmt s;

	row_stmt_init(&s, db, "UPDATE effects SET finished_at = ?4,"
	    " output = ?2, error = ?3 WHERE (task_no, turn_no, effect_no) ="
	    " (SELECT task_no, turn_no, effect_no FROM effects"
	    " WHERE call_id = ?1 AND finished_at IS NULL"
	    " ORDER BY started_at DESC, effect_no DESC LIMIT 1)", e);
	row_text(&s, call_id);
	row_text(&s, output);
	row_text(&s, error);
	row_int(&s, now);
	return row_run(&s);
}

void
effect_row_fini(struct effect_row *f)
{
	free(f->call_id);
	free(f->tool);
	free(f->input);
	free(f->output);
	free(f->error);
	memset(f, 0, sizeof *f);
}

static int
effect_fill(struct row_stmt *s, struct effect_row *out)
{
	int bad = 0;

	memset(out, 0, sizeof *out);
	out->call_id = row_dup(s->st, 0, &bad);
	out->tool = row_dup(s->st, 1, &bad);
	out->input = row_dup(s->st, 2, &bad);
	if (sqlite3_column_type(s->st, 3) != SQLITE_NULL)
		out->output = row_dup(s->st, 3, &bad);
	if (sqlite3_column_type(s->st, 4) != SQLITE_NULL)
		out->error = row_dup(s->st, 4, &bad);
	out->started_at = row_get(s, 5);
	out->finished_at = row_get(s, 6);
	if (!bad)
		return 0;
	effect_row_fini(out);
	return err_nomem(s->e);
}

int
effect_list(struct brain_db *db, const char *turn_id,
    int (*each)(void *arg, const struct effect_row *f), void *arg,
    struct err *e)
{
	struct row_stmt s;
	struct effect_row f;
	int r;

	row_stmt_init(&s, db, "SELECT f.call_id, f.tool, f.input, f.output,"
	    " f.error, f.started_at, f.finished_at"
	    " FROM turns n JOIN effects f USING (task_no, turn_no)"
	    " WHERE n.turn_id = ? AND n.state < 2 ORDER BY f.effect_no", e);
	row_text(&s, turn_id);
	while ((r = row_step(&s)) > 0) {
		if (effect_fill(&s, &f) != 0) {
			r = -1;
			break;
		}
		r = each(arg, &f);
		effect_row_fini(&f);
		if (r != 0) {
			r = err_nomem(e);
			break;
		}
	}
	if (s.st != NULL)
		(void)sqlite3_reset(s.st);
	return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * social.c - people and other nodes of the social graph, and their relations.
 *
 * A relation that names its target by a name nobody has makes that node, so
 * that what is told about two people can be written at once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/ids.h"
#include "memory-internal.h"

#define RELATIONS_MAX 1000

static json_t *
relations(struct brain_db *db, int64_t no, struct err *e)
{
	sqlite3_stmt *st = brain_stmt(db, "SELECT r.predicate, n.id, n.name,"
	    " r.since FROM social_edges r JOIN social_nodes n"
	    " ON n.no = r.target_no WHERE r.source_no = ?"
	    " ORDER BY r.predicate, n.no", e);
	json_t *list = st == NULL ? NULL : json_array();
	int r = 0;

	if (list == NULL)
		return NULL;
	(void)sqlite3_bind_int64(st, 1, no);
	while ((r = brain_step(db, st, e)) > 0)
		if (json_array_append_new(list, json_pack(
		    "{s:o,s:o,s:o,s:o}", "predicate", mem_json_text(st, 0),
		    "target_id", mem_json_text(st, 1), "target",
		    mem_json_text(st, 2), "since", mem_json_text(st, 3)))
		    != 0) {
			r = err_nomem(e);
			break;
		}
	(void)sqlite3_reset(st);
	if (r != 0) {
		json_decref(list);
		return NULL;
	}
	return list;
}

static int
get_node(struct brain_db *db, const char *id, int64_t no, json_t **out,
    struct err *e)
{
	sqlite3_stmt *st = brain_stmt(db, id != NULL ?
	    "SELECT id, name, kind, description, aliases, no"
	    " FROM social_nodes WHERE id = ?" :
	    "SELECT id, name, kind, description, aliases, no"
	    " FROM social_nodes WHERE no = ?", e);
	json_t *rel;
	int r;

	if (st == NULL)
		return -1;
	if (id != NULL)
		mem_bind_text(st, 1, id);
	else
		(void)sqlite3_bind_int64(st, 1, no);
	r = brain_step(db, st, e);
	if (r > 0) {
		rel = relations(db, sqlite3_column_int64(st, 5), e);
		*out = rel == NULL ? NULL : json_pack(
		    "{s:o,s:o,s:o,s:o,s:o,s:o}", "id", mem_json_text(st, 0),
		    "name", mem_json_text(st, 1), "kind",
		    mem_json_text(st, 2), "description",
		    mem_json_text(st, 3), "aliases", mem_json_lines(st, 4),
		    "relations", rel);
		if (*out == NULL)
			r = rel == NULL ? -1 : err_nomem(e);
	}
	(void)sqlite3_reset(st);
	return r;
}

/* Number of a node by a text in ?1: 1 found, 0 not, -1. */
static int
number_of(struct brain_db *db, const char *sql, const char *text,
    int64_t *no, struct err *e)
{
	sqlite3_stmt *st = brain_stmt(db, sql, e);
	int r;

	if (st == NULL)
		return -1;
	mem_bind_text(st, 1, text);
	r = brain_step(db, st, e);
	if (r > 0)
		*no = sqlite3_column_int64(st, 0);
	(void)sqlite3_reset(st);
	return r;
}

static const char by_id[] = "SELECT no FROM social_nodes WHERE id = ?";
static const char by_name[] = "SELECT no FROM social_nodes"
    " WHERE name = ? COLLATE NOCASE ORDER BY no LIMIT 1";

static int
write_node(struct brain_db *db, const char *id, const char *name,
    const char *kind, const char *description, const char *aliases,
    int64_t now, struct err *e)
{
	sqlite3_stmt *st = brain_stmt(db, "INSERT INTO social_nodes (id,"
	    " kind, recorded_at, name, aliases, description)"
	    " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
	    " kind = excluded.kind, name = excluded.name,"
	    " aliases = excluded.aliases,"
	    " description = excluded.description", e);

	if (st == NULL)
		return -1;
	mem_bind_text(st, 1, id);
	mem_bind_text(st, 2, kind);
	mem_bind_time(st, 3, now);
	mem_bind_text(st, 4, name);
	mem_bind_text(st, 5, aliases != NULL ? aliases : "");
	mem_bind_text(st, 6, description);
	return brain_run(db, st, e);
}

static int
target_number(struct brain_db *db, const json_t *rel, const char *where,
    int64_t now, int64_t *no, struct err *e)
{
	const char *id = NULL, *name = NULL;
	char new_id[ID_MAX];
	int r;

	if (mem_str(rel, where, "target_id", 0, &id, e) != 0 ||
	    mem_str(rel, where, "target", id == NULL, &name, e) != 0)
		return -1;
	if (id != NULL) {
		r = number_of(db, by_id, id, no, e);
		if (r == 0)
			err_field(e, "relations", "%.60starget_id: there is "
			    "no such node", where);
		return r > 0 ? 0 : -1;
	}
	r = number_of(db, by_name, name, no, e);
	if (r != 0)
		return r > 0 ? 0 : -1;
	id_make(new_id, "node-");
	if (write_node(db, new_id, name, "unknown", "", NULL, now, e) != 0)
		return -1;
	return number_of(db, by_id, new_id, no, e) > 0 ? 0 : -1;
}

static int
add_relation(struct brain_db *db, int64_t no, const json_t *rel,
    const char *where, int64_t now, struct err *e)
{
	const char *predicate = NULL, *since = NULL;
	sqlite3_stmt *st;
	int64_t target;

	if (!json_is_object(rel))
		return err_field(e, "relations", "%.60sis not an object",
		    where);
	if (mem_str(rel, where, "predicate", 1, &predicate, e) != 0 ||
	    mem_str(rel, where, "since", 0, &since, e) != 0 ||
	    target_number(db, rel, where, now, &target, e) != 0)
		return -1;
	st = brain_stmt(db, "INSERT INTO social_edges (source_no, predicate,"
	    " target_no, since, recorded_at) VALUES (?, ?, ?, ?, ?)"
	    " ON CONFLICT DO UPDATE SET since = excluded.since", e);
	if (st == NULL)
		return -1;
	(void)sqlite3_bind_int64(st, 1, no);
	mem_bind_text(st, 2, predicate);
	(void)sqlite3_bind_int64(st, 3, target);
	mem_bind_text(st, 4, since);
	mem_bind_time(st, 5, now);
	return brain_run(db, st, e);
}

/* The list that is given is all there is then. */
static int
put_relations(struct brain_db *db, int64_t no, const json_t *item,
    const char *where, int64_t now, struct err *e)
{
	const json_t *list = json_object_get(item, "relations"), *rel;
	char name[96];
	sqlite3_stmt *st;
	size_t i;

	if (list == NULL || json_is_null(list))
		return 0;
	if (!json_is_array(list) || json_array_size(list) > RELATIONS_MAX)
		return err_field(e, "relations", "%.60srelations must be an "
		    "array of at most %d", where, RELATIONS_MAX);
	st = brain_stmt(db, "DELETE FROM social_edges WHERE source_no = ?",
	    e);
	if (st == NULL)
		return -1;
	(void)sqlite3_bind_int64(st, 1, no);
	if (brain_run(db, st, e) != 0)
		return -1;
	json_array_foreach(list, i, rel) {
		(void)snprintf(name, sizeof name, "%.40srelations[%zu].",
		    where, i);
		if (add_relation(db, no, rel, name, now, e) != 0)
			return -1;
	}
	return 0;
}

static int
put_node(struct brain_db *db, const json_t *item, const char *id,
    const char *where, int64_t now, struct err *e)
{
	const char *name = NULL, *kind = "person", *description = "";
	char *aliases = NULL;
	json_t *o = NULL;
	int64_t no;
	int r = get_node(db, id, 0, &o, e);

	if (r < 0)
		return -1;
	if (o == NULL)
		o = json_object();
	if (o == NULL || json_object_update(o, (json_t *)(uintptr_t)item)
	    != 0) {
		json_decref(o);
		return err_nomem(e);
	}
	r = -1;
	if (mem_str(o, where, "name", 1, &name, e) == 0 &&
	    mem_str(o, where, "kind", 0, &kind, e) == 0 &&
	    mem_str(o, where, "description", 0, &description, e) == 0 &&
	    mem_lines(o, where, "aliases", &aliases, e) == 0 &&
	    write_node(db, id, name, kind, description, aliases, now, e)
	    == 0 && number_of(db, by_id, id, &no, e) > 0)
		r = put_relations(db, no, item, where, now, e);
	free(aliases);
	json_decref(o);
	return r;
}

static int
remove_node(struct brain_db *db, const char *id, int64_t now, struct err *e)
{
	sqlite3_stmt *st = brain_stmt(db, "DELETE FROM social_nodes"
	    " WHERE id = ?", e);

	(void)now;
	if (st == NULL)
		return -1;
	mem_bind_text(st, 1, id);
	if (brain_run(db, st, e) != 0)
		return -1;
	return sqlite3_changes(brain_handle(db)) > 0;
}

const struct mem_kind mem_social = {
	"social", "node-", put_node, get_node, remove_node
};

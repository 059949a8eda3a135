/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.c - operations by name, and their way through the brain.
 *
 * A write of many items is one operation of the writer: all or none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/ids.h"
#include "../base/json.h"
#include "memory-internal.h"

#define GIVEN_ID_MAX 128

struct memory {
	struct brain *brain;
};

struct mem_op;

struct operation {
	const char *name;
	enum memory_access access;
	int (*run)(struct mem_op *o, struct brain_db *db, struct err *e);
	const struct mem_kind *kind;
	int (*search)(struct brain_db *db, const json_t *params,
	    json_t **out, struct err *e);
};

struct mem_op {
	struct brain_op op;
	const struct operation *what;
	json_t *params, *reply;
	void (*done)(void *arg, const struct err *e, json_t *reply);
	void *arg;
};

static int
run_search(struct mem_op *o, struct brain_db *db, struct err *e)
{
	return o->what->search(db, o->params, &o->reply, e);
}

/* The id that is given, or a new one in buf. */
static int
choose_id(const struct mem_kind *k, const json_t *item, const char *where,
    char buf[ID_MAX], const char **id, struct err *e)
{
	const unsigned char *p;

	*id = NULL;
	if (mem_str(item, where, "id", 0, id, e) != 0)
		return -1;
	if (*id == NULL) {
		id_make(buf, k->prefix);
		*id = buf;
		return 0;
	}
	for (p = (const unsigned char *)*id; *p >= 0x20 && *p != 0x7f; p++)
		;
	if (**id == '\0' || *p != '\0' || strlen(*id) > GIVEN_ID_MAX)
		return err_field(e, "id", "%sid must have 1 to %d characters "
		    "and no control characters", where, GIVEN_ID_MAX);
	return 0;
}

static int
write_one(const struct mem_kind *k, struct brain_db *db, const json_t *item,
    const char *where, int64_t now, json_t *ids, struct err *e)
{
	char buf[ID_MAX];
	const char *id;

	if (!json_is_object(item))
		return err_field(e, "items", "%sis not an object", where);
	if (choose_id(k, item, where, buf, &id, e) != 0 ||
	    k->put(db, item, id, where, now, e) != 0)
		return -1;
	return json_array_append_new(ids, json_string(id)) != 0 ?
	    err_nomem(e) : 0;
}

static int
run_write(struct mem_op *o, struct brain_db *db, struct err *e)
{
	const json_t *items = json_object_get(o->params, "items"), *item;
	int64_t now = clock_wall_ms();
	json_t *ids = json_array();
	char where[40];
	size_t i;
	int r = 0;

	if (ids == NULL)
		return err_nomem(e);
	if (items == NULL) {
		r = write_one(o->what->kind, db, o->params, "", now, ids, e);
	} else if (!json_is_array(items) ||
	    json_array_size(items) > MEMORY_ITEMS_MAX) {
		r = err_field(e, "items", "items must be an array of at most "
		    "%d", MEMORY_ITEMS_MAX);
	} else {
		json_array_foreach(items, i, item) {
			(void)snprintf(where, sizeof where, "items[%zu].", i);
			r = write_one(o->what->kind, db, item, where, now,
			    ids, e);
			if (r != 0)
				break;
		}
	}
	if (r == 0)
		o->reply = json_pack("{s:O}", "ids", ids);
	json_decref(ids);
	return r == 0 && o->reply == NULL ? err_nomem(e) : r;
}

static int
not_there(struct err *e)
{
	return err_set(e, ERR_ITEM_NOT_FOUND, "there is no such item");
}

static int
run_update(struct mem_op *o, struct brain_db *db, struct err *e)
{
	const struct mem_kind *k = o->what->kind;
	json_t *old = NULL;
	const char *id = NULL;
	int r;

	if (json_get_str(o->params, "id", 1, &id, e) != 0)
		return -1;
	r = k->get(db, id, 0, &old, e);
	json_decref(old);
	if (r <= 0)
		return r < 0 ? -1 : not_there(e);
	if (k->put(db, o->params, id, "", clock_wall_ms(), e) != 0)
		return -1;
	r = k->get(db, id, 0, &o->reply, e);
	return r < 0 ? -1 : r > 0 ? 0 : not_there(e);
}

static int
run_delete(struct mem_op *o, struct brain_db *db, struct err *e)
{
	const char *id = NULL;
	int r;

	if (json_get_str(o->params, "id", 1, &id, e) != 0)
		return -1;
	r = o->what->kind->remove(db, id, clock_wall_ms(), e);
	if (r <= 0)
		return r < 0 ? -1 : not_there(e);
	o->reply = json_pack("{s:s,s:s}", "status", "deleted", "id", id);
	return o->reply == NULL ? err_nomem(e) : 0;
}

static const struct operation operations[] = {
	{ "knowledge.search", MEMORY_READ, run_search, NULL,
	    mem_search_knowledge },
	{ "episodes.search", MEMORY_READ, run_search, NULL,
	    mem_search_episodes },
	{ "social.search", MEMORY_READ, run_search, NULL,
	    mem_search_social },
	{ "recall", MEMORY_READ, run_search, NULL, mem_recall },
	{ "knowledge.write", MEMORY_WRITE, run_write, &mem_knowledge, NULL },
	{ "episodes.write", MEMORY_WRITE, run_write, &mem_episodes, NULL },
	{ "social.write", MEMORY_WRITE, run_write, &mem_social, NULL },
	{ "knowledge.update", MEMORY_WRITE, run_update, &mem_knowledge,
	    NULL },
	{ "episodes.update", MEMORY_WRITE, run_update, &mem_episodes, NULL },
	{ "social.update", MEMORY_WRITE, run_update, &mem_social, NULL },
	{ "knowledge.delete", MEMORY_WRITE, run_delete, &mem_knowledge,
	    NULL },
	{ "episodes.delete", MEMORY_WRITE, run_delete, &mem_episodes, NULL },
	{ "social.delete", MEMORY_WRITE, run_delete, &mem_social, NULL },
};

static const struct operation *
find_operation(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof operations / sizeof operations[0]; i++)
		if (strcmp(operations[i].name, name) == 0)
			return &operations[i];
	return NULL;
}

struct memory *
memory_new(struct brain *b, struct err *e)
{
	struct memory *m = calloc(1, sizeof *m);

	if (m == NULL)
		err_nomem(e);
	else
		m->brain = b;
	return m;
}

void
memory_free(struct memory *m)
{
	free(m);
}

enum memory_access
memory_access(const char *op)
{
	const struct operation *what = find_operation(op);

	return what != NULL ? what->access : MEMORY_NONE;
}

static int
op_run(struct brain_db *db, void *arg, struct err *e)
{
	struct mem_op *o = arg;

	/* It may run again, in another transaction. */
	json_decref(o->reply);
	o->reply = NULL;
	return o->what->run(o, db, e);
}

static void
op_done(void *arg, const struct err *e)
{
	struct mem_op *o = arg;
	json_t *reply = o->reply;

	/* A commit that failed after run() leaves a reply nobody gets. */
	if (e->code != ERR_NONE) {
		json_decref(reply);
		reply = NULL;
	}
	o->done(o->arg, e, reply);
	json_decref(o->params);
	free(o);
}

int
memory_call(struct memory *m, const char *op, json_t *params,
    void (*done)(void *, const struct err *, json_t *), void *arg,
    struct err *e)
{
	const struct operation *what = find_operation(op);
	struct mem_op *o;

	if (what == NULL)
		return err_set(e, ERR_METHOD_NOT_FOUND,
		    "the memory has no operation %.100s", op);
	o = calloc(1, sizeof *o);
	if (o == NULL)
		return err_nomem(e);
	o->what = what;
	o->params = json_incref(params);
	o->done = done;
	o->arg = arg;
	o->op.run = op_run;
	o->op.done = op_done;
	o->op.arg = o;
	if (what->access == MEMORY_WRITE)
		brain_write(m->brain, &o->op);
	else
		brain_read(m->brain, &o->op);
	return 0;
}

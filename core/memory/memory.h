/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.h - what the engine remembers: facts, episodes, people, the soul.
 *
 * One entry for all who ask (HTTP, /rpc, plugins): an operation by name with
 * a JSON object, answered later on the loop. The work is done on the brain's
 * threads. Operations:
 *
 *   knowledge.search, episodes.search, social.search   {query, limit, as_of,
 *       filter} -> array of items with score, best first
 *       and, for episodes, ranking ("plain": by the words alone)
 *   recall     the three together -> {"items":[{kind, id, text, score, ...}]}
 *   knowledge.write, episodes.write, social.write      an item or {items}
 *       -> {"ids":[...]}
 *   knowledge.update, ...   {id, ...} -> the item; unknown: ITEM_NOT_FOUND
 *   knowledge.delete, ...   {id} -> {"status":"deleted","id"}
 *
 * Names and types of the fields are those of the HTTP interface.
 */
#ifndef CORE_MEMORY_MEMORY_H
#define CORE_MEMORY_MEMORY_H

#include <jansson.h>

#include "../store/brain.h"

struct memory;

#define MEMORY_ITEMS_MAX 10000

enum memory_access {
	MEMORY_NONE, /* no such operation */
	MEMORY_READ,
	MEMORY_WRITE
};

/* [loop] The brain is borrowed; every call ends before it is closed. */
struct memory *memory_new(struct brain *b, struct err *e);
void memory_free(struct memory *m);

/* [any] What an operation does to the memory. */
enum memory_access memory_access(const char *op);

/*
 * [loop] Begins an operation; params is borrowed until then and must not be
 * changed before done(). done() is entered once, on the loop, never from
 * inside: with an error, or with the reply (a new reference). -1 and e
 * (METHOD_NOT_FOUND) when there is no such operation.
 */
int memory_call(struct memory *m, const char *op, json_t *params,
    void (*done)(void *arg, const struct err *e, json_t *reply), void *arg,
    struct err *e);

/*
 * Inside an operation of the brain's writer: the soul, which follows `core`
 * (identity, values, patterns as the catalog has them now); a change is a
 * new version. *out: new reference, with version, updated_at and history
 * when `full`.
 */
int memory_soul(struct brain_db *db, const json_t *core, int full,
    json_t **out, struct err *e);

#endif

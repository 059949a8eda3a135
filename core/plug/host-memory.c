/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host-memory.c - sept.host.memory/1 over the memory that the engine gave
 * the loader: plugins know it only by operation names and JSON.
 *
 * A call pins its generation until its done() has returned.
 */
#include <stdlib.h>
#include <string.h>

#include "../base/json.h"
#include "plug-internal.h"

#define OP_MAX 40
#define PARAMS_MAX (4 * 1024 * 1024)

struct host_recall {
	struct generation *gen;
	void (*done)(void *, sept_status, struct sept_slice);
	void *arg;
};

static sept_status
status_of(enum err_code code)
{
	switch (code) {
	case ERR_NONE:
		return SEPT_OK;
	case ERR_BAD_REQUEST:
	case ERR_VALIDATION:
		return SEPT_EINVAL;
	case ERR_ITEM_NOT_FOUND:
	case ERR_METHOD_NOT_FOUND:
		return SEPT_ENOTFOUND;
	case ERR_UNAVAILABLE:
		return SEPT_EUNAVAIL;
	default:
		return SEPT_EFAILED;
	}
}

static void
on_done(void *arg, const struct err *e, json_t *reply)
{
	struct host_recall *r = arg;
	struct generation *g = r->gen;
	struct sept_slice out = { NULL, 0 };
	sept_status st = status_of(e->code);
	const char *before;
	char *text = NULL;

	if (st != SEPT_OK)
		reply = json_pack("{s:s,s:s}", "error", err_name(e->code),
		    "message", e->text);
	if (reply != NULL)
		text = json_line(reply, &out.n);
	json_decref(reply);
	if (text == NULL) {
		st = SEPT_ENOMEM;
		out.n = 0;
	}
	out.p = text;
	before = gen_enter(g, g->names->callback);
	r->done(r->arg, st, out);
	gen_leave(g, before);
	free(text);
	free(r);
	gen_unref(g, GEN_HOST);
}

static int
is_granted(const struct generation *g, int32_t access)
{
	return (g->man->caps & (access == PLUG_MEM_WRITE ?
	    SEPT_CAP_MEM_WRITE : SEPT_CAP_MEM_READ)) != 0;
}

static sept_status
hm_call(const struct sept_host *h, struct sept_slice op,
    struct sept_slice params, void (*done)(void *, sept_status,
    struct sept_slice), void *arg)
{
	struct generation *g = h->impl;
	const struct plug_memory *m = g->plug->cfg.memory;
	struct host_recall *r;
	char name[OP_MAX];
	int32_t access;
	json_t *v;
	struct err e;
	int bad;

	if (done == NULL || op.p == NULL || op.n >= sizeof name ||
	    params.p == NULL || !host_on_loop(g, "memory"))
		return SEPT_EINVAL;
	if (params.n > PARAMS_MAX)
		return SEPT_ETOOBIG;
	memcpy(name, op.p, op.n);
	name[op.n] = '\0';
	access = m->access(name);
	if (access == PLUG_MEM_NONE)
		return SEPT_ENOTFOUND;
	if (!is_granted(g, access))
		return SEPT_EDENIED;
	v = json_parse_object(params.p, params.n, JSON_REQUEST_DEPTH, &e);
	if (v == NULL)
		return SEPT_EINVAL;
	r = calloc(1, sizeof *r);
	if (r == NULL) {
		json_decref(v);
		return SEPT_ENOMEM;
	}
	r->gen = g;
	r->done = done;
	r->arg = arg;
	gen_ref(g, GEN_HOST);
	bad = m->call(m->user, name, v, on_done, r, &e);
	json_decref(v);
	if (bad == 0)
		return SEPT_OK;
	gen_unref(g, GEN_HOST);
	free(r);
	return status_of(e.code);
}

static const struct sept_host_memory memory_table = {
	.size = sizeof memory_table,
	.call = hm_call,
};

const void *
host_memory_table(const struct generation *g)
{
	if (g->plug->cfg.memory == NULL || (g->man->caps &
	    (SEPT_CAP_MEM_READ | SEPT_CAP_MEM_WRITE)) == 0)
		return NULL;
	return &memory_table;
}

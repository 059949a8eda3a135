/* SPDX-License-Identifier: Apache-2.0 */
/*
 * turns.c - all episodes in the order they were spoken, without their texts:
 * one pass over an index that holds nothing else. What ranking takes from
 * neighbours and sessions is then a matter of arrays.
 */
#include <stdlib.h>
#include <string.h>

#include "memory-internal.h"

#define TURNS_MAX 4000000

/* Names beyond TURN_NAMES are nobody's. */
static int
intern(struct mem_turns *t, const char *name, uint8_t *out)
{
	unsigned i;

	*out = 0;
	if (name == NULL || *name == '\0')
		return 0;
	for (i = 1; i <= t->n_names; i++)
		if (strcmp(t->name[i], name) == 0)
			break;
	if (i > t->n_names) {
		if (t->n_names == TURN_NAMES)
			return 0;
		t->name[i] = strdup(name);
		if (t->name[i] == NULL)
			return -1;
		t->n_names = i;
	}
	*out = (uint8_t)i;
	return 0;
}

static int
add_turn(struct mem_turns *t, sqlite3_stmt *st)
{
	struct mem_turn *p;
	size_t cap;

	if (t->n == t->cap) {
		cap = t->cap > 0 ? t->cap * 2 : 1024;
		p = cap <= TURNS_MAX ? realloc(t->turn, cap * sizeof *p) :
		    NULL;
		if (p == NULL)
			return -1;
		t->turn = p;
		t->cap = cap;
	}
	p = &t->turn[t->n];
	memset(p, 0, sizeof *p);
	p->session = sqlite3_column_int64(st, 0);
	p->no = sqlite3_column_int64(st, 2);
	p->at = sqlite3_column_type(st, 4) == SQLITE_NULL ? INT64_MIN :
	    sqlite3_column_int64(st, 4);
	p->words = (uint32_t)sqlite3_column_int(st, 5);
	p->flags = (uint8_t)sqlite3_column_int(st, 6);
	if (intern(t, (const char *)sqlite3_column_text(st, 3),
	    &p->speaker) != 0)
		return -1;
	t->n++;
	return 0;
}

static int
by_no(const void *a, const void *b, void *arg)
{
	const struct mem_turn *t = arg;
	int64_t x = t[*(const uint32_t *)a].no, y = t[*(const uint32_t *)b].no;

	return (x > y) - (x < y);
}

int
mem_turns_load(struct mem_turns *t, struct brain_db *db, struct err *e)
{
	sqlite3_stmt *st;
	uint32_t i;
	int r;

	memset(t, 0, sizeof *t);
	st = brain_stmt(db, "SELECT session_no, seq, no, speaker, occurred_at,"
	    " words, flags FROM episodes INDEXED BY episodes_line"
	    " ORDER BY session_no, seq, no", e);
	if (st == NULL)
		return -1;
	while ((r = brain_step(db, st, e)) > 0)
		if (add_turn(t, st) != 0) {
			r = err_nomem(e);
			break;
		}
	(void)sqlite3_reset(st);
	if (r != 0)
		return -1;
	t->by_no = malloc((t->n + 1) * sizeof *t->by_no);
	if (t->by_no == NULL)
		return err_nomem(e);
	for (i = 0; i < t->n; i++)
		t->by_no[i] = i;
	qsort_r(t->by_no, t->n, sizeof *t->by_no, by_no, t->turn);
	return 0;
}

void
mem_turns_fini(struct mem_turns *t)
{
	unsigned i;

	for (i = 1; i <= t->n_names; i++)
		free(t->name[i]);
	free(t->turn);
	free(t->by_no);
	memset(t, 0, sizeof *t);
}

struct mem_turn *
mem_turns_find(const struct mem_turns *t, int64_t no)
{
	size_t lo = 0, hi = t->n, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (t->turn[t->by_no[mid]].no < no)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == t->n || t->turn[t->by_no[lo]].no != no)
		return NULL;
	return &t->turn[t->by_no[lo]];
}

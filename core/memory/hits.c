/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hits.c - the rows that match an expression, each with the counts of its
 * words, and their BM25.
 *
 * An auxiliary function of FTS5 hands the counts over while the rows go by.
 * As the words are joined by OR, every row with a word is seen once, so the
 * number of rows that have it comes for nothing, where bm25() would read the
 * lists a second time. The formula and its constants are those of FTS5's
 * bm25() (k1 1.2, b 0.75), so the order is the same; ours is positive.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "memory-internal.h"

#define K1 1.2
#define B 0.75
#define IDF_MIN 1e-6
#define HITS_MAX 1000000 /* rows; what comes later is not looked at */
#define POINTER "sept_hits"

static int
grow(void *list, size_t *cap, size_t n, size_t size)
{
	void **p = list, *q;
	size_t want = *cap > 0 ? *cap * 2 : 256;

	if (n < *cap)
		return 0;
	q = realloc(*p, want * size);
	if (q == NULL)
		return -1;
	*p = q;
	*cap = want;
	return 0;
}

static double
weighted_count(const struct mem_hits *h, const Fts5ExtensionApi *api,
    Fts5Context *f, int word)
{
	Fts5PhraseIter it;
	double tf = 0;
	int col, off;

	if (api->xPhraseFirst(f, word, &it, &col, &off) != SQLITE_OK)
		return 0;
	for (; col >= 0; api->xPhraseNext(f, &it, &col, &off))
		tf += col < h->columns ? h->weights[col] : 0;
	return tf;
}

static int
add_hit(struct mem_hits *h, const Fts5ExtensionApi *api, Fts5Context *f)
{
	struct mem_hit *hit;
	int i, len = 0, words = api->xPhraseCount(f);
	double tf;

	if (grow(&h->hit, &h->cap, h->n, sizeof *h->hit) != 0)
		return -1;
	hit = &h->hit[h->n];
	if (api->xColumnSize(f, -1, &len) != SQLITE_OK)
		return -1;
	hit->no = api->xRowid(f);
	hit->first = (uint32_t)h->n_counts;
	hit->n = 0;
	hit->len = (uint32_t)len;
	hit->score = 0;
	for (i = 0; i < words; i++) {
		tf = weighted_count(h, api, f, i);
		if (tf <= 0)
			continue;
		if (grow(&h->count, &h->cap_counts, h->n_counts,
		    sizeof *h->count) != 0)
			return -1;
		h->count[h->n_counts].word = (uint32_t)i;
		h->count[h->n_counts++].tf = (float)tf;
		hit->n++;
	}
	h->n++;
	return 0;
}

static void
on_row(const Fts5ExtensionApi *api, Fts5Context *f, sqlite3_context *ctx,
    int n, sqlite3_value **v)
{
	struct mem_hits *h = n == 1 ? sqlite3_value_pointer(v[0], POINTER) :
	    NULL;

	if (h == NULL) {
		sqlite3_result_error(ctx, "not for you", -1);
		return;
	}
	if (h->n == 0 && (api->xRowCount(f, &h->rows) != SQLITE_OK ||
	    api->xColumnTotalSize(f, -1, &h->tokens) != SQLITE_OK))
		h->failed = 1;
	h->words = (unsigned)api->xPhraseCount(f);
	if (h->n < HITS_MAX && !h->failed && add_hit(h, api, f) != 0)
		h->failed = 1;
	sqlite3_result_int(ctx, 0);
}

static int
add_function(struct brain_db *db, struct err *e)
{
	fts5_api *api = NULL;
	sqlite3_stmt *st = NULL;
	sqlite3 *h = brain_handle(db);

	if (sqlite3_prepare_v2(h, "SELECT fts5(?1)", -1, &st, NULL) ==
	    SQLITE_OK && sqlite3_bind_pointer(st, 1, &api, "fts5_api_ptr",
	    NULL) == SQLITE_OK)
		(void)sqlite3_step(st);
	(void)sqlite3_finalize(st);
	if (api == NULL || api->xCreateFunction(api, "sept_hits", NULL,
	    on_row, NULL) != SQLITE_OK)
		return err_set(e, ERR_INTERNAL,
		    "the search function cannot be added");
	return 0;
}

double
mem_bm25(double tf, double len, double avg, double rows, double df)
{
	double idf = log((rows - df + 0.5) / (df + 0.5));

	if (idf <= 0)
		idf = IDF_MIN;
	return idf * tf * (K1 + 1) / (tf + K1 * (1 - B + B * len / avg));
}

static void
score_all(struct mem_hits *h)
{
	double df[QUERY_WORDS + 1] = { 0 };
	double avg = h->rows > 0 ? (double)h->tokens / (double)h->rows : 1;
	const struct mem_count *c;
	struct mem_hit *hit;
	size_t i;
	uint32_t k;

	for (i = 0; i < h->n_counts; i++)
		if (h->count[i].word <= QUERY_WORDS)
			df[h->count[i].word]++;
	if (avg <= 0)
		avg = 1;
	for (i = 0; i < h->n; i++) {
		hit = &h->hit[i];
		for (k = 0; k < hit->n; k++) {
			c = &h->count[hit->first + k];
			if (c->word <= QUERY_WORDS)
				hit->score += mem_bm25(c->tf, hit->len, avg,
				    (double)h->rows, df[c->word]);
		}
		if (hit->score > h->best)
			h->best = hit->score;
	}
}

int
mem_hits_find(struct mem_hits *h, struct brain_db *db, const char *sql,
    const char *match, const double *weights, int columns, struct err *e)
{
	sqlite3_stmt *st;
	int r;

	memset(h, 0, sizeof *h);
	h->weights = weights;
	h->columns = columns;
	/* A connection that was opened anew does not have it yet. */
	st = brain_stmt(db, sql, NULL);
	if (st == NULL) {
		if (add_function(db, e) != 0)
			return -1;
		st = brain_stmt(db, sql, e);
	}
	if (st == NULL)
		return -1;
	if (sqlite3_bind_text(st, 1, match, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_pointer(st, 2, h, POINTER, NULL) != SQLITE_OK)
		return err_nomem(e);
	while ((r = brain_step(db, st, e)) > 0)
		;
	(void)sqlite3_reset(st);
	(void)sqlite3_clear_bindings(st);
	if (r == 0 && h->failed)
		return err_nomem(e);
	if (r == 0)
		score_all(h);
	return r;
}

void
mem_hits_fini(struct mem_hits *h)
{
	free(h->hit);
	free(h->count);
	memset(h, 0, sizeof *h);
}

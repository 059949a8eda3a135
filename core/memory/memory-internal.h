/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory-internal.h - what the files of this folder share. All of it runs
 * inside an operation of the brain, on its thread.
 */
#ifndef CORE_MEMORY_INTERNAL_H
#define CORE_MEMORY_INTERNAL_H

#include <stdint.h>

#include "../base/buf.h"
#include "../base/err.h"
#include "memory.h"

/* --- query.c: what was asked --------------------------------------------- */

#define QUERY_WORDS 32     /* in the expression */
#define QUERY_TOKENS 256   /* looked at */
#define QUERY_BYTES 65536  /* of the question, looked at */

struct mem_token {
	char *text; /* folded, without diacritics */
	char *stem; /* as it stands in the index; NULL: as text */
	int upper;  /* began with an upper-case letter */
	int stop;   /* says nothing about the subject */
	int skip;   /* left out of the expression: a name */
};

struct mem_query {
	struct mem_token tok[QUERY_TOKENS];
	unsigned n;
};

/* Cuts the text as the index does. 0, or -1 and e; fini in any case. */
int mem_query_init(struct mem_query *q, struct brain_db *db,
    const char *text, size_t n, struct err *e);
void mem_query_fini(struct mem_query *q);
/*
 * The FTS5 expression: words that are no stop words and not skipped (any
 * words when there are no such), each in quotes, joined by OR; text of the
 * user is never syntax. NULL: out of memory, or no words at all (*n is 0).
 */
char *mem_query_match(const struct mem_query *q, unsigned *n);
/* Is word i followed by `text`, at most `within` words later? */
int mem_query_near(const struct mem_query *q, unsigned i, const char *text,
    unsigned within);
int mem_query_has(const struct mem_query *q, const char *text);

/* --- words.c: sets of words ---------------------------------------------- */

int mem_is_stop(const char *word);
/* Words that say the question is about what the assistant said. */
int mem_is_telling(const char *word);

#define MEM_ENDS_ASKING 1 /* the turn ends with a question mark */
#define MEM_TELLS_TIME 2  /* it has a word about time */
/* Looks at a text that is stored: MEM_* and the number of words. */
int mem_text_flags(const char *text, size_t n, unsigned *words);

/* --- hits.c: rows that match, with the counts of their words ------------- */

struct mem_hit {
	int64_t no;
	uint32_t first, n; /* in counts */
	uint32_t len;      /* words of the row */
	double score;      /* BM25, more is better */
};

struct mem_count {
	uint32_t word;     /* of the expression */
	float tf;          /* weighted by column */
};

struct mem_hits {
	const double *weights; /* a column each */
	int columns;
	struct mem_hit *hit;
	size_t n, cap;
	struct mem_count *count;
	size_t n_counts, cap_counts;
	unsigned words;
	sqlite3_int64 rows, tokens; /* of the whole index */
	double best;          /* of all scores */
	int failed;
};

/* Runs the search (a static text with MATCH ?1 and the collector as ?2). */
int mem_hits_find(struct mem_hits *h, struct brain_db *db, const char *sql,
    const char *match, const double *weights, int columns, struct err *e);
void mem_hits_fini(struct mem_hits *h);
/* The part of BM25 that one word adds. */
double mem_bm25(double tf, double len, double avg, double rows, double df);

/* --- turns.c: all episodes in the order they were spoken ----------------- */

#define TURN_NAMES 255

struct mem_turn {
	int64_t no, session, at; /* at: INT64_MIN when unknown */
	uint32_t words;
	uint8_t flags, speaker;  /* speaker: index into names, 0 none */
	double base, score;
};

struct mem_turns {
	struct mem_turn *turn; /* sessions together, in order */
	size_t n, cap;
	uint32_t *by_no;       /* positions, by no */
	char *name[TURN_NAMES + 1];
	unsigned n_names;
};

int mem_turns_load(struct mem_turns *t, struct brain_db *db, struct err *e);
void mem_turns_fini(struct mem_turns *t);
/* NULL: there is no such turn. */
struct mem_turn *mem_turns_find(const struct mem_turns *t, int64_t no);

/* --- dates.c: the times a question names --------------------------------- */

#define DATES_MAX 8

struct mem_dates {
	struct {
		int64_t from, to; /* Unix milliseconds, to exclusive */
	} range[DATES_MAX];
	unsigned n;
	unsigned months; /* bit m-1: named without a year */
	int asks_when;
};

void mem_dates_read(struct mem_dates *d, const struct mem_query *q,
    int64_t as_of);
int mem_dates_match(const struct mem_dates *d, int64_t at);

/* --- rank.c -------------------------------------------------------------- */

/* Scores the turns for the question; plain: by BM25 alone. 0, or -1 and e. */
int mem_rank(struct mem_turns *t, struct brain_db *db, struct mem_query *q,
    int64_t as_of, int plain, struct err *e);

/* --- fields.c: reading and writing JSON ---------------------------------- */

/* Fields of an item; a wrong one is VALIDATION_ERROR with `where`.name. */
int mem_str(const json_t *o, const char *where, const char *name,
    int required, const char **out, struct err *e);
int mem_num(const json_t *o, const char *where, const char *name,
    double min, double max, double *out, struct err *e);
/* Unix milliseconds of an ISO time or date; null clears (INT64_MIN). */
int mem_time(const json_t *o, const char *where, const char *name,
    int64_t *out, struct err *e);
/* An array of texts, one a line; *out (free()) stays when it is absent. */
int mem_lines(const json_t *o, const char *where, const char *name,
    char **out, struct err *e);
/* The other way; new references, NULL out of memory. */
json_t *mem_json_text(sqlite3_stmt *st, int col);
json_t *mem_json_time(sqlite3_stmt *st, int col);
json_t *mem_json_lines(sqlite3_stmt *st, int col);
json_t *mem_json_score(double score);
/* Binds: INT64_MIN and NULL as NULL. */
void mem_bind_time(sqlite3_stmt *st, int i, int64_t ms);
void mem_bind_text(sqlite3_stmt *st, int i, const char *s);

/* --- items.c, social.c: one item in, one item out ------------------------ */

struct mem_kind {
	const char *name, *prefix;
	/* Inserts or changes; `where` names the item in errors. */
	int (*put)(struct brain_db *db, const json_t *item, const char *id,
	    const char *where, int64_t now, struct err *e);
	/* 1 and the item, 0 none, -1. By id, or by no when id is NULL. */
	int (*get)(struct brain_db *db, const char *id, int64_t no,
	    json_t **out, struct err *e);
	/* 1 removed, 0 none, -1. */
	int (*remove)(struct brain_db *db, const char *id, int64_t now,
	    struct err *e);
};
extern const struct mem_kind mem_knowledge, mem_episodes, mem_social;

/* --- search.c ------------------------------------------------------------ */

int mem_search_knowledge(struct brain_db *db, const json_t *params,
    json_t **out, struct err *e);
int mem_search_episodes(struct brain_db *db, const json_t *params,
    json_t **out, struct err *e);
int mem_search_social(struct brain_db *db, const json_t *params,
    json_t **out, struct err *e);
int mem_recall(struct brain_db *db, const json_t *params, json_t **out,
    struct err *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * search.c - the searches: what is asked for, the ranking, the filter, the
 * items. Read operations of the brain; never on the loop thread.
 */
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/json.h"
#include "memory-internal.h"

#define NEIGHBOUR 0.2   /* of a node's score, to those it is related to */

struct request {
	struct mem_query q;
	int64_t limit, as_of; /* as_of: INT64_MIN when not given */
	int plain;             /* by the words alone, to compare with */
	const char *task_id, *session, *speaker, *type;
	int64_t since, until;
};

static int
read_filter(struct request *r, const json_t *params, struct err *e)
{
	static const char where[] = "filter.";
	const json_t *f = json_object_get(params, "filter");

	r->since = r->until = INT64_MIN;
	if (f == NULL || json_is_null(f))
		return 0;
	if (!json_is_object(f))
		return err_field(e, "filter", "filter must be an object");
	if (mem_str(f, where, "task_id", 0, &r->task_id, e) != 0 ||
	    mem_str(f, where, "session", 0, &r->session, e) != 0 ||
	    mem_str(f, where, "speaker", 0, &r->speaker, e) != 0 ||
	    mem_str(f, where, "type", 0, &r->type, e) != 0 ||
	    mem_time(f, where, "since", &r->since, e) != 0 ||
	    mem_time(f, where, "until", &r->until, e) != 0)
		return -1;
	return 0;
}

/* request_fini() in any case. */
static int
request_init(struct request *r, struct brain_db *db, const json_t *params,
    struct err *e)
{
	const json_t *q = json_object_get(params, "query");
	const char *s = NULL, *ranking = "full";

	memset(r, 0, sizeof *r);
	r->limit = 20;
	r->as_of = INT64_MIN;
	/* Longer than an item may be is no mistake here. */
	if (json_get_str(params, "query", 1, &s, e) != 0 ||
	    json_get_int(params, "limit", 0, 1, 100, &r->limit, e) != 0 ||
	    mem_time(params, "", "as_of", &r->as_of, e) != 0 ||
	    mem_str(params, "", "ranking", 0, &ranking, e) != 0 ||
	    read_filter(r, params, e) != 0)
		return -1;
	r->plain = strcmp(ranking, "plain") == 0;
	if (!r->plain && strcmp(ranking, "full") != 0)
		return err_field(e, "ranking",
		    "ranking must be full or plain");
	return mem_query_init(&r->q, db, s, json_string_length(q), e);
}

static void
request_fini(struct request *r)
{
	mem_query_fini(&r->q);
}

/* What has been found: rows by number, and what they are worth. */
struct found {
	int64_t no;
	double score;
};

static int
better(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	if (x->score != y->score)
		return x->score < y->score ? 1 : -1;
	return (x->no > y->no) - (x->no < y->no);
}

static int
is_text(const json_t *item, const char *name, const char *want)
{
	const char *s = json_string_value(json_object_get(item, name));

	return want == NULL || (s != NULL && strcmp(s, want) == 0);
}

/* Best first, until there are enough. */
static int
collect(struct brain_db *db, const struct request *r,
    const struct mem_kind *kind, struct found *f, size_t n, json_t **out,
    struct err *e)
{
	json_t *list = json_array(), *item;
	size_t i;
	int got;

	if (list == NULL)
		return err_nomem(e);
	qsort(f, n, sizeof *f, better);
	for (i = 0; i < n && (int64_t)json_array_size(list) < r->limit; i++) {
		item = NULL;
		got = kind->get(db, NULL, f[i].no, &item, e);
		if (got < 0)
			goto fail;
		if (got == 0 || !is_text(item, "task_id", r->task_id) ||
		    !is_text(item, "session", r->session) ||
		    !is_text(item, kind == &mem_social ? "kind" : "type",
		    r->type)) {
			json_decref(item);
			continue;
		}
		if (json_object_set_new(item, "score",
		    mem_json_score(f[i].score)) != 0 ||
		    json_array_append_new(list, item) != 0) {
			err_nomem(e);
			goto fail;
		}
	}
	*out = list;
	return 0;
fail:
	json_decref(list);
	return -1;
}

/* --- episodes ------------------------------------------------------------ */

static int
passes(const struct request *r, const struct mem_turns *t,
    const struct mem_turn *u)
{
	if (u->score <= 0)
		return 0;
	if (r->speaker != NULL && (u->speaker == 0 ||
	    strcmp(t->name[u->speaker], r->speaker) != 0))
		return 0;
	if (r->since != INT64_MIN && u->at < r->since)
		return 0;
	return r->until == INT64_MIN || (u->at != INT64_MIN &&
	    u->at < r->until);
}

int
mem_search_episodes(struct brain_db *db, const json_t *params, json_t **out,
    struct err *e)
{
	struct mem_turns t = { .turn = NULL };
	struct found *f = NULL;
	struct request r;
	size_t i, n = 0;
	int bad = request_init(&r, db, params, e);

	if (bad == 0)
		bad = mem_turns_load(&t, db, e);
	if (bad == 0)
		bad = mem_rank(&t, db, &r.q, r.as_of, r.plain, e);
	if (bad == 0) {
		f = malloc((t.n + 1) * sizeof *f);
		if (f == NULL)
			bad = err_nomem(e);
	}
	for (i = 0; bad == 0 && i < t.n; i++)
		if (passes(&r, &t, &t.turn[i])) {
			f[n].no = t.turn[i].no;
			f[n++].score = t.turn[i].score;
		}
	if (bad == 0)
		bad = collect(db, &r, &mem_episodes, f, n, out, e);
	free(f);
	mem_turns_fini(&t);
	request_fini(&r);
	return bad;
}

/* --- facts --------------------------------------------------------------- */

static const double fact_weights[] = { 1.0, 1.0 };
static const double node_weights[] = { 2.0, 2.0, 1.0 };

static int
hits_to_found(const struct mem_hits *h, struct found **f, struct err *e)
{
	size_t i;

	*f = malloc((h->n + 1) * sizeof **f);
	if (*f == NULL)
		return err_nomem(e);
	for (i = 0; i < h->n; i++) {
		(*f)[i].no = h->hit[i].no;
		(*f)[i].score = h->best > 0 ? h->hit[i].score / h->best : 0;
	}
	return 0;
}

/* 1 when the fact held at the time; its confidence weighs in. */
static int
holds(struct brain_db *db, const struct request *r, struct found *f,
    struct err *e)
{
	int64_t at = r->as_of != INT64_MIN ? r->as_of : clock_wall_ms();
	sqlite3_stmt *st = brain_stmt(db, "SELECT confidence FROM knowledge"
	    " WHERE no = ?1 AND (valid_from IS NULL OR valid_from <= ?2)"
	    " AND (valid_until IS NULL OR valid_until > ?2)"
	    " AND (?3 IS NULL OR coalesce(valid_from, recorded_at) >= ?3)"
	    " AND (?4 IS NULL OR coalesce(valid_from, recorded_at) < ?4)",
	    e);
	int got;

	if (st == NULL)
		return -1;
	(void)sqlite3_bind_int64(st, 1, f->no);
	mem_bind_time(st, 2, at);
	mem_bind_time(st, 3, r->since);
	mem_bind_time(st, 4, r->until);
	got = brain_step(db, st, e);
	if (got > 0)
		f->score *= 0.8 + 0.2 * sqlite3_column_double(st, 0);
	(void)sqlite3_reset(st);
	return got;
}

int
mem_search_knowledge(struct brain_db *db, const json_t *params, json_t **out,
    struct err *e)
{
	struct mem_hits h = { .hit = NULL };
	struct found *f = NULL;
	struct request r;
	char *match = NULL;
	size_t i, n = 0;
	unsigned words;
	int ok, bad = request_init(&r, db, params, e);

	if (bad == 0) {
		match = mem_query_match(&r.q, &words);
		if (match == NULL && words > 0)
			bad = err_nomem(e);
	}
	if (bad == 0 && match != NULL)
		bad = mem_hits_find(&h, db, "SELECT sept_hits(knowledge_fts,"
		    " ?2) FROM knowledge_fts WHERE knowledge_fts MATCH ?1",
		    match, fact_weights, 2, e);
	if (bad == 0)
		bad = hits_to_found(&h, &f, e);
	for (i = 0; bad == 0 && i < h.n; i++) {
		ok = holds(db, &r, &f[i], e);
		if (ok < 0)
			bad = -1;
		else if (ok > 0)
			f[n++] = f[i];
	}
	r.task_id = r.session = NULL; /* facts have none */
	if (bad == 0)
		bad = collect(db, &r, &mem_knowledge, f, n, out, e);
	free(f);
	free(match);
	mem_hits_fini(&h);
	request_fini(&r);
	return bad;
}

/* --- people -------------------------------------------------------------- */

/* Those who are related to a hit, in either direction, come after it. */
static int
add_neighbours(struct brain_db *db, struct found **f, size_t *n,
    struct err *e)
{
	sqlite3_stmt *st = brain_stmt(db, "SELECT target_no FROM social_edges"
	    " WHERE source_no = ?1 UNION SELECT source_no FROM social_edges"
	    " WHERE target_no = ?1", e);
	size_t i, k, hits = *n < 50 ? *n : 50, cap = *n;
	struct found *p;
	int got = 0;

	if (st == NULL)
		return -1;
	for (i = 0; i < hits; i++) {
		(void)sqlite3_bind_int64(st, 1, (*f)[i].no);
		while ((got = brain_step(db, st, e)) > 0) {
			for (k = 0; k < *n; k++)
				if ((*f)[k].no == sqlite3_column_int64(st, 0))
					break;
			if (k < *n || *n > 1000)
				continue;
			if (*n >= cap) {
				cap = *n * 2 + 16;
				p = realloc(*f, cap * sizeof *p);
				if (p == NULL) {
					(void)sqlite3_reset(st);
					return err_nomem(e);
				}
				*f = p;
			}
			(*f)[*n].no = sqlite3_column_int64(st, 0);
			(*f)[(*n)++].score = NEIGHBOUR * (*f)[i].score;
		}
		(void)sqlite3_reset(st);
		if (got < 0)
			return -1;
	}
	return 0;
}

int
mem_search_social(struct brain_db *db, const json_t *params, json_t **out,
    struct err *e)
{
	struct mem_hits h = { .hit = NULL };
	struct found *f = NULL;
	struct request r;
	char *match = NULL;
	size_t n = 0;
	unsigned words;
	int bad = request_init(&r, db, params, e);

	if (bad == 0) {
		match = mem_query_match(&r.q, &words);
		if (match == NULL && words > 0)
			bad = err_nomem(e);
	}
	if (bad == 0 && match != NULL)
		bad = mem_hits_find(&h, db, "SELECT sept_hits(social_fts, ?2)"
		    " FROM social_fts WHERE social_fts MATCH ?1", match,
		    node_weights, 3, e);
	if (bad == 0)
		bad = hits_to_found(&h, &f, e);
	if (bad == 0) {
		n = h.n;
		qsort(f, n, sizeof *f, better);
		bad = add_neighbours(db, &f, &n, e);
	}
	r.task_id = r.session = NULL;
	if (bad == 0)
		bad = collect(db, &r, &mem_social, f, n, out, e);
	free(f);
	free(match);
	mem_hits_fini(&h);
	request_fini(&r);
	return bad;
}

/* --- recall -------------------------------------------------------------- */

/* One line a model can read. */
static json_t *
in_words(const char *kind, const json_t *item)
{
	const char *a, *b;

	if (strcmp(kind, "knowledge") == 0) {
		a = json_string_value(json_object_get(item, "subject"));
		b = json_string_value(json_object_get(item, "content"));
	} else if (strcmp(kind, "episodes") == 0) {
		a = json_string_value(json_object_get(item, "speaker"));
		b = json_string_value(json_object_get(item, "value"));
	} else {
		a = json_string_value(json_object_get(item, "name"));
		b = json_string_value(json_object_get(item, "description"));
	}
	if (a == NULL || *a == '\0')
		return json_string(b != NULL ? b : "");
	return json_sprintf("%s: %s", a, b != NULL ? b : "");
}

static int
add_kind(json_t *all, const char *kind, const json_t *list)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
		if (json_array_append_new(all, json_pack(
		    "{s:s,s:O,s:o,s:O,s:O*,s:O*}", "kind", kind,
		    "id", json_object_get(item, "id"),
		    "text", in_words(kind, item),
		    "score", json_object_get(item, "score"),
		    "occurred_at", json_object_get(item, "occurred_at"),
		    "source", json_object_get(item, "source"))) != 0)
			return -1;
	return 0;
}

int
mem_recall(struct brain_db *db, const json_t *params, json_t **out,
    struct err *e)
{
	static const struct {
		const char *kind;
		int (*search)(struct brain_db *, const json_t *, json_t **,
		    struct err *);
	} parts[] = {
		{ "knowledge", mem_search_knowledge },
		{ "social", mem_search_social },
		{ "episodes", mem_search_episodes },
	};
	json_t *all = json_array(), *list;
	size_t i;
	int bad = all == NULL ? err_nomem(e) : 0;

	for (i = 0; bad == 0 && i < sizeof parts / sizeof parts[0]; i++) {
		list = NULL;
		bad = parts[i].search(db, params, &list, e);
		if (bad == 0 && add_kind(all, parts[i].kind, list) != 0)
			bad = err_nomem(e);
		json_decref(list);
	}
	if (bad == 0)
		*out = json_pack("{s:O}", "items", all);
	json_decref(all);
	return bad == 0 && *out == NULL ? err_nomem(e) : bad;
}

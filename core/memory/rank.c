/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rank.c - the order of episodes for a question.
 *
 * BM25 of the turn's text is the core. Added to it, all divided by the best
 * of their kind (adding scores was measured to be far better than fusing
 * ranks): what neighbours in the session have, most of all the answer to a
 * turn that asks; BM25 of the whole session; who is named, or which side the
 * question is about; times that are named. What does not fit the store (no
 * speakers, no times, no sessions) adds nothing by itself.
 *
 * The weights are one set for chats of people and for user and assistant.
 */
#include <stdlib.h>
#include <string.h>

#include "memory-internal.h"

#define BEFORE 0.3       /* the turn before a good one */
#define BEFORE_2 0.15
#define ANSWER 0.8       /* the turn after one that asks */
#define AFTER_2 0.15
#define BRAKE 80.0       /* long turns stand for themselves */
#define SESSION 0.4
#define NAMED 0.7
#define SIDE 0.5
#define DATED 1.0
#define TIMELY 0.3

/* Columns of episodes_fts: value, description, facts, key. */
static const double weights[] = { 1.0, 0.5, 0.5, 0.25 };

static int
same_session(const struct mem_turns *t, size_t i, size_t k)
{
	return t->turn[i].session != 0 &&
	    t->turn[i].session == t->turn[k].session;
}

/* What turn i receives from its neighbours. */
static double
received(const struct mem_turns *t, size_t i)
{
	const struct mem_turn *u = t->turn;
	double s = 0;

	if (i + 1 < t->n && same_session(t, i, i + 1))
		s += BEFORE * u[i + 1].base;
	if (i + 2 < t->n && same_session(t, i, i + 2))
		s += BEFORE_2 * u[i + 2].base;
	if (i >= 1 && same_session(t, i, i - 1) &&
	    (u[i - 1].flags & MEM_ENDS_ASKING) != 0)
		s += ANSWER * u[i - 1].base;
	if (i >= 2 && same_session(t, i, i - 2))
		s += AFTER_2 * u[i - 2].base;
	return s * BRAKE / (BRAKE + u[i].words);
}

/* --- sessions ------------------------------------------------------------ */

struct session {
	size_t first, end; /* turns */
	double len, score;
	double tf[QUERY_WORDS];
};

static size_t
count_sessions(const struct mem_turns *t)
{
	size_t i, n = 0;

	for (i = 0; i < t->n; i++)
		if (t->turn[i].session != 0 && (i == 0 ||
		    !same_session(t, i, i - 1)))
			n++;
	return n;
}

static size_t
list_sessions(const struct mem_turns *t, struct session *s)
{
	size_t i, n = 0;

	for (i = 0; i < t->n; i++) {
		if (t->turn[i].session == 0)
			continue;
		if (i == 0 || !same_session(t, i, i - 1))
			s[n++].first = i;
		s[n - 1].end = i + 1;
		s[n - 1].len += t->turn[i].words;
	}
	return n;
}

static struct session *
session_of(struct session *s, size_t n, size_t turn)
{
	size_t lo = 0, hi = n, mid;

	while (hi - lo > 1) {
		mid = lo + (hi - lo) / 2;
		if (s[mid].first <= turn)
			lo = mid;
		else
			hi = mid;
	}
	return n > 0 && turn >= s[lo].first && turn < s[lo].end ? &s[lo] :
	    NULL;
}

static void
score_sessions(struct mem_turns *t, struct session *s, size_t n)
{
	double df[QUERY_WORDS] = { 0 }, avg = 0, best = 0;
	size_t i, k;
	unsigned w;

	for (i = 0; i < n; i++) {
		avg += s[i].len / (double)n;
		for (w = 0; w < QUERY_WORDS; w++)
			df[w] += s[i].tf[w] > 0;
	}
	for (i = 0; i < n; i++) {
		for (w = 0; w < QUERY_WORDS; w++)
			if (s[i].tf[w] > 0)
				s[i].score += mem_bm25(s[i].tf[w], s[i].len,
				    avg > 0 ? avg : 1, (double)n, df[w]);
		if (s[i].score > best)
			best = s[i].score;
	}
	for (i = 0; i < n && best > 0; i++)
		for (k = s[i].first; k < s[i].end; k++)
			t->turn[k].score += SESSION * s[i].score / best;
}

/* BM25 of whole sessions, out of the counts of their turns. */
static int
add_sessions(struct mem_turns *t, const struct mem_hits *h)
{
	size_t i, n = count_sessions(t);
	const struct mem_count *c;
	const struct mem_turn *turn;
	struct session *s, *of;
	uint32_t k;

	if (n < 2)
		return 0;
	s = calloc(n, sizeof *s);
	if (s == NULL)
		return -1;
	n = list_sessions(t, s);
	for (i = 0; i < h->n; i++) {
		turn = mem_turns_find(t, h->hit[i].no);
		of = turn == NULL || turn->session == 0 ? NULL :
		    session_of(s, n, (size_t)(turn - t->turn));
		for (k = 0; of != NULL && k < h->hit[i].n; k++) {
			c = &h->count[h->hit[i].first + k];
			if (c->word < QUERY_WORDS)
				of->tf[c->word] += c->tf;
		}
	}
	score_sessions(t, s, n);
	free(s);
	return 0;
}

/* --- people and sides ---------------------------------------------------- */

static int
is_role(const char *name)
{
	return strcmp(name, "user") == 0 || strcmp(name, "assistant") == 0 ||
	    strcmp(name, "system") == 0 || strcmp(name, "tool") == 0;
}

/* Does word i of the question name this person (by a part of the name)? */
static int
is_named(const struct mem_token *t, const char *name)
{
	size_t n = strlen(t->text);
	const char *p = name;

	if (!t->upper || n < 2)
		return 0;
	for (; (p = strcasestr(p, t->text)) != NULL; p++)
		if ((p == name || p[-1] == ' ') && (p[n] == '\0' ||
		    p[n] == ' '))
			return 1;
	return 0;
}

/*
 * The one speaker that the question names, or 0; the name's words are taken
 * out of the search then, as it stands in half of what was said.
 */
static uint8_t
find_named(const struct mem_turns *t, struct mem_query *q)
{
	unsigned who = 0, i, k;

	for (k = 1; k <= t->n_names; k++) {
		if (is_role(t->name[k]))
			continue;
		for (i = 0; i < q->n; i++)
			if (is_named(&q->tok[i], t->name[k]))
				break;
		if (i == q->n)
			continue;
		if (who != 0)
			return 0;
		who = k;
	}
	for (i = 0; who != 0 && i < q->n; i++)
		if (is_named(&q->tok[i], t->name[who]))
			q->tok[i].skip = 1;
	return (uint8_t)who;
}

/* Is the question about what the assistant said? */
static int
asks_assistant(const struct mem_query *q)
{
	static const char *const talks[] = { "conversation", "chat",
		"discussion", "conversations", "chats" };
	unsigned i, k;

	for (i = 0; i < q->n; i++) {
		if (strcmp(q->tok[i].text, "you") == 0)
			for (k = i + 1; k < q->n && k <= i + 3; k++)
				if (mem_is_telling(q->tok[k].text))
					return 1;
		if (strcmp(q->tok[i].text, "remind") == 0 &&
		    mem_query_near(q, i, "me", 1))
			return 1;
		if (strcmp(q->tok[i].text, "our") != 0 &&
		    strcmp(q->tok[i].text, "previous") != 0)
			continue;
		for (k = 0; k < sizeof talks / sizeof talks[0]; k++)
			if (mem_query_near(q, i, talks[k], 2))
				return 1;
	}
	return 0;
}

/* The speaker whose turns count more in a store of user and assistant. */
static uint8_t
find_side(const struct mem_turns *t, const struct mem_query *q)
{
	uint8_t user = 0, assistant = 0;
	unsigned k;

	for (k = 1; k <= t->n_names; k++) {
		if (strcmp(t->name[k], "user") == 0)
			user = (uint8_t)k;
		else if (strcmp(t->name[k], "assistant") == 0)
			assistant = (uint8_t)k;
	}
	if (user == 0 || assistant == 0)
		return 0;
	return asks_assistant(q) ? assistant : user;
}

/* --- together ------------------------------------------------------------ */

static void
add_base(struct mem_turns *t, const struct mem_hits *h)
{
	struct mem_turn *turn;
	size_t i;

	for (i = 0; i < h->n && h->best > 0; i++) {
		turn = mem_turns_find(t, h->hit[i].no);
		if (turn != NULL)
			turn->base = h->hit[i].score / h->best;
	}
}

int
mem_rank(struct mem_turns *t, struct brain_db *db, struct mem_query *q,
    int64_t as_of, int plain, struct err *e)
{
	uint8_t named = plain ? 0 : find_named(t, q);
	uint8_t side = plain ? 0 : find_side(t, q);
	struct mem_turn *u = t->turn;
	struct mem_dates dates;
	struct mem_hits h;
	unsigned words;
	char *match = mem_query_match(q, &words);
	double got;
	size_t i;
	int r;

	if (match == NULL)
		return words > 0 ? err_nomem(e) : 0;
	r = mem_hits_find(&h, db, "SELECT sept_hits(episodes_fts, ?2)"
	    " FROM episodes_fts WHERE episodes_fts MATCH ?1", match, weights,
	    4, e);
	free(match);
	if (r == 0) {
		add_base(t, &h);
		if (!plain && add_sessions(t, &h) != 0)
			r = err_nomem(e);
	}
	mem_hits_fini(&h);
	if (r != 0)
		return -1;
	for (i = 0; plain && i < t->n; i++)
		u[i].score = u[i].base;
	if (plain)
		return 0;
	mem_dates_read(&dates, q, as_of);
	for (i = 0; i < t->n; i++) {
		got = u[i].base + received(t, i);
		if (got <= 0) {
			u[i].score = 0;
			continue;
		}
		u[i].score += got;
		if (named != 0 && u[i].speaker == named)
			u[i].score += NAMED;
		if (side != 0 && u[i].speaker == side)
			u[i].score += SIDE;
		if (mem_dates_match(&dates, u[i].at))
			u[i].score += DATED;
		if (dates.asks_when && (u[i].flags & MEM_TELLS_TIME) != 0)
			u[i].score += TIMELY;
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-memory-query.c - from questions to searches: whatever is asked, the
 * search is no error; our BM25 is FTS5's; words, dates and marks of texts.
 */
#include <math.h>
#include <stdint.h>

#include "../../core/base/clock.h"
#include "../../core/memory/memory-internal.h"
#include "store-util.h"

#define HOSTILE 24000

static struct brain *brain;
static uint64_t seed = 88172645463325252u;

static unsigned
pick(unsigned n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed % n);
}

static const char *const pieces[] = { "\"", "'", "*", "(", ")", "^", ":",
	"-", "+", "{", "}", "[", "]", "\\", ";", ",", ".", "?", "!", "%", "_",
	" ", "\t", "\n", " AND ", " OR ", " NOT ", "NEAR(", " NEAR/3 ",
	"value:", "rowid", "episodes_fts", "MATCH", "--", "/*", "*/", "?1",
	"@x", "$x", ":x", "boat", "Ana", "the", "\xc3\xa9t\xc3\xa9",
	"\xe6\x97\xa5\xe6\x9c\xac", "\xf0\x9f\x98\x80", "\xd8\xb9\xd8\xb1",
	"\xcc\x81", "\xe2\x80\x8b", "\xef\xbf\xbd", "\x7f", "\x01", "1",
	"2023-05-07", "May", "last week", "two weeks ago", "0x1F", "NULL",
	"DROP TABLE", "'; --", "\"\"", "\"\"\"" };
#define PIECES (sizeof pieces / sizeof pieces[0])

/* Pieces, and now and then bytes that are no UTF-8. */
static size_t
hostile(char *out, size_t max)
{
	size_t n = 0, k;
	unsigned parts = pick(24), i;
	const char *s;

	for (i = 0; i < parts; i++) {
		if (pick(12) == 0) {
			out[n++] = (char)(1 + pick(255));
			continue;
		}
		s = pieces[pick(PIECES)];
		k = strlen(s);
		if (n + k + 2 >= max)
			break;
		memcpy(out + n, s, k);
		n += k;
	}
	out[n] = '\0';
	return n;
}

static const char *const texts[] = {
	"Did you ever finish that boat you were building?",
	"I did, and we sailed the boat across the bay on Saturday.",
	"How wonderful. The weather was awful here, no boat went out.",
	"Next month I start a pottery class in the old harbour.",
	"\xe6\x97\xa5\xe6\x9c\xac \xc3\xa9t\xc3\xa9 pottery",
	"Classes in pottery, classes in sailing, classes in everything." };
#define TEXTS (sizeof texts / sizeof texts[0])

static int
fill(struct brain_db *db, void *arg, struct err *e)
{
	json_t *item;
	char id[16];
	size_t i;
	int r = 0;

	(void)arg;
	for (i = 0; i < TEXTS && r == 0; i++) {
		(void)snprintf(id, sizeof id, "ep-%zu", i);
		item = json_pack("{s:s,s:s,s:I,s:s}", "value", texts[i],
		    "session", "s", "seq", (json_int_t)i, "speaker",
		    i % 2 == 0 ? "Ana" : "Ben");
		r = item == NULL ? -1 : mem_episodes.put(db, item, id, "",
		    1, e);
		json_decref(item);
		item = json_pack("{s:s}", "content", texts[i]);
		if (r == 0)
			r = mem_knowledge.put(db, item, id, "", 1, e);
		json_decref(item);
		item = json_pack("{s:s}", "name", texts[i]);
		if (r == 0)
			r = mem_social.put(db, item, id, "", 1, e);
		json_decref(item);
	}
	return r;
}

/* What any text of the user goes through, without JSON before it. */
static int
ask(struct brain_db *db, const char *s, size_t n, struct err *e)
{
	static const double weights[] = { 1, 1, 1, 1 };
	struct mem_query q;
	struct mem_turns t = { .turn = NULL };
	struct mem_hits h = { .hit = NULL };
	char *match = NULL;
	unsigned words;
	int r = mem_query_init(&q, db, s, n, e);

	if (r == 0) {
		match = mem_query_match(&q, &words);
		if (words > QUERY_WORDS || (match == NULL && words > 0))
			r = err_set(e, ERR_INTERNAL, "%u words", words);
	}
	if (r == 0 && match != NULL)
		r = mem_hits_find(&h, db, "SELECT sept_hits(knowledge_fts,"
		    " ?2) FROM knowledge_fts WHERE knowledge_fts MATCH ?1",
		    match, weights, 2, e);
	if (r == 0)
		r = mem_turns_load(&t, db, e);
	if (r == 0)
		r = mem_rank(&t, db, &q, INT64_MIN, 0, e);
	mem_turns_fini(&t);
	mem_hits_fini(&h);
	free(match);
	mem_query_fini(&q);
	return r;
}

static int
ask_hostile(struct brain_db *db, void *arg, struct err *e)
{
	unsigned *bad = arg, i;
	char text[1024];
	size_t n;

	for (i = 0; i < HOSTILE; i++) {
		n = hostile(text, sizeof text);
		if (ask(db, text, n, e) == 0)
			continue;
		if ((*bad)++ < 5)
			printf("# %s: %s\n", e->text, text);
	}
	return 0;
}

/* Words nobody has, and one of two million letters. */
static int
ask_long(struct brain_db *db, void *arg, struct err *e)
{
	size_t n = 2 * 1024 * 1024, i;
	char *s = malloc(n + 1);
	uint64_t t0, *ms = arg;
	int r, k;

	if (s == NULL)
		return err_nomem(e);
	t0 = clock_mono_ns();
	for (r = 0, k = 0; r == 0 && k < 2; k++) {
		for (i = 0; i < n; i++)
			s[i] = k == 0 || i % 7 != 0 ? (char)('a' + i % 23) :
			    ' ';
		s[n] = '\0';
		r = ask(db, s, n, e);
	}
	*ms = (clock_mono_ns() - t0) / 1000000;
	free(s);
	return r;
}

/* The same rows in the same order as bm25(), with the same values. */
static int
compare_bm25(struct brain_db *db, void *arg, struct err *e)
{
	static const double weights[] = { 1, 1 };
	double *worst = arg, score;
	struct mem_hits h;
	sqlite3_stmt *st;
	size_t i, seen = 0;
	int r;

	r = mem_hits_find(&h, db, "SELECT sept_hits(knowledge_fts, ?2)"
	    " FROM knowledge_fts WHERE knowledge_fts MATCH ?1",
	    "\"pottery\" OR \"sailing\" OR \"weather\"", weights, 2, e);
	st = r != 0 ? NULL : brain_stmt(db, "SELECT rowid,"
	    " bm25(knowledge_fts) FROM knowledge_fts WHERE knowledge_fts"
	    " MATCH '\"pottery\" OR \"sailing\" OR \"weather\"'", e);
	while (st != NULL && (r = brain_step(db, st, e)) > 0) {
		score = -sqlite3_column_double(st, 1);
		for (i = 0; i < h.n; i++)
			if (h.hit[i].no == sqlite3_column_int64(st, 0)) {
				seen++;
				*worst = fmax(*worst, fabs(score -
				    h.hit[i].score));
			}
	}
	if (seen != h.n || seen < 4)
		*worst = 1;
	mem_hits_fini(&h);
	return r;
}

struct expect {
	const char *question, *match;
};

static int
build(struct brain_db *db, void *arg, struct err *e)
{
	static const struct expect cases[] = {
		{ "What did the boat do?", "\"boat\"" },
		{ "boats and a BOAT", "\"boats\"" },
		{ "Who are you?", "\"who\" OR \"are\" OR \"you\"" },
		{ "caf\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac",
		    "\"cafe\" OR \"\xe6\x97\xa5\xe6\x9c\xac\"" },
		{ "don't NEAR(x)", "\"near\" OR \"x\"" },
		{ "?!*", NULL },
	};
	struct mem_query q;
	unsigned words;
	size_t i;
	char *m;

	(void)arg;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		if (mem_query_init(&q, db, cases[i].question,
		    strlen(cases[i].question), e) != 0)
			return -1;
		m = mem_query_match(&q, &words);
		check_str(m, cases[i].match, cases[i].question);
		free(m);
		mem_query_fini(&q);
	}
	return 0;
}

static int64_t
ms(const char *iso)
{
	int64_t v = 0;

	(void)clock_parse_iso(iso, &v);
	return v;
}

static int
dates(struct brain_db *db, void *arg, struct err *e)
{
	static const struct {
		const char *q, *as_of, *in, *out;
	} cases[] = {
		{ "on 7 May 2023", NULL, "2023-05-08T10:00Z",
		    "2023-05-06T10:00Z" },
		{ "on May 7th, 2023?", NULL, "2023-05-07T00:00Z",
		    "2023-05-20T10:00Z" },
		{ "on 2023-05-07", NULL, "2023-05-07T10:00Z",
		    "2023-06-07T10:00Z" },
		{ "in 2022", NULL, "2022-03-01T10:00Z",
		    "2023-05-06T10:00Z" },
		{ "in May", NULL, "2019-05-31T23:59Z", "2019-06-01T00:00Z" },
		{ "in May", "2024-03-01T00:00Z", "2023-05-10T00:00Z",
		    "2022-05-10T00:00Z" },
		{ "it may rain", NULL, NULL, "2023-05-06T10:00Z" },
		{ "two weeks ago", "2023-05-30T18:40Z", "2023-05-16T12:00Z",
		    "2023-05-28T12:00Z" },
		{ "last Friday", "2023-05-30T18:40Z", "2023-05-26T12:00Z",
		    "2023-05-23T12:00Z" },
		{ "yesterday", "2024-03-01T10:00Z", "2024-02-29T12:00Z",
		    "2024-02-27T12:00Z" },
	};
	struct mem_dates d;
	struct mem_query q;
	size_t i;

	(void)arg;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		if (mem_query_init(&q, db, cases[i].q, strlen(cases[i].q), e)
		    != 0)
			return -1;
		mem_dates_read(&d, &q, cases[i].as_of != NULL ?
		    ms(cases[i].as_of) : INT64_MIN);
		check((cases[i].in == NULL || mem_dates_match(&d,
		    ms(cases[i].in))) && !mem_dates_match(&d,
		    ms(cases[i].out)), cases[i].q);
		mem_query_fini(&q);
	}
	return 0;
}

static void
test_words(void)
{
	static const char *const stops[] = { "a", "yours", "the", "may",
		"who" };
	unsigned words;
	size_t i;
	int ok = 1;

	for (i = 0; i < sizeof stops / sizeof stops[0]; i++)
		ok = ok && mem_is_stop(stops[i]);
	check(ok && !mem_is_stop("boat") && !mem_is_stop(""), "stop words");
	check(mem_is_telling("wrote") && mem_is_telling("advised") &&
	    mem_is_telling("told"), "words of telling");
	check_int(mem_text_flags("Did it end?\" ", 13, &words),
	    MEM_ENDS_ASKING, "a question");
	check_int(words, 3, "of three words");
	check_int(mem_text_flags("It was Decade 2019.", 19, &words),
	    MEM_TELLS_TIME, "a text with a time");
	check_int(mem_text_flags("", 0, &words), 0, "an empty text");
}

int
main(void)
{
	unsigned bad = 0;
	uint64_t took = 0;
	double worst = 0;
	struct err e;

	tap_start(300);
	set_up();
	brain = brain_open(loop, path, &e);
	if (brain == NULL) {
		printf("Bail out! %s\n", e.text);
		return 1;
	}
	test_words();
	if (!check_int(do_write(brain, fill, NULL, &e), ERR_NONE, "filled"))
		printf("# %s\n", e.text);
	check_int(do_read(brain, build, NULL, &e), ERR_NONE, "expressions");
	check_int(do_read(brain, dates, NULL, &e), ERR_NONE, "dates");
	check_int(do_read(brain, compare_bm25, &worst, &e), ERR_NONE, "bm25");
	check(worst < 1e-6, "our BM25 is FTS5's");
	check_int(do_read(brain, ask_hostile, &bad, &e), ERR_NONE, "asked");
	check_int(bad, 0, "24,000 hostile questions, no error");
	check_int(do_read(brain, ask_long, &took, &e), ERR_NONE, "2 MB");
	check(took < 2000, "are not read to the end");
	brain_close(brain);
	loop_free(loop);
	clean_up();
	return tap_done();
}

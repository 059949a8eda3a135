/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query.c - from a question to an FTS5 expression.
 *
 * The words are cut by FTS5's own tokenizer, so that what is asked is what
 * stands in the index, in every script. Only what it gives goes into the
 * expression, each word in quotes: text of the user is never syntax.
 * However long the question is, the work is bounded by QUERY_BYTES.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "../base/utf8.h"
#include "memory-internal.h"

#define TOKEN_BYTES 64

struct cutting {
	struct mem_query *q;
	const char *text;
	unsigned i;
	int stems;
	int nomem;
};

static fts5_api *
find_api(sqlite3 *h)
{
	fts5_api *api = NULL;
	sqlite3_stmt *st = NULL;

	if (sqlite3_prepare_v2(h, "SELECT fts5(?1)", -1, &st, NULL) !=
	    SQLITE_OK)
		return NULL;
	if (sqlite3_bind_pointer(st, 1, &api, "fts5_api_ptr", NULL) ==
	    SQLITE_OK)
		(void)sqlite3_step(st);
	(void)sqlite3_finalize(st);
	return api;
}

/* One word; ends the cutting when there are enough. */
static int
on_token(void *arg, int flags, const char *p, int n, int start, int end)
{
	struct cutting *c = arg;
	struct mem_token *t;
	char *s;

	(void)flags;
	(void)end;
	if (c->i >= QUERY_TOKENS || (c->stems && c->i >= c->q->n))
		return SQLITE_DONE;
	t = &c->q->tok[c->i++];
	/* The index has it whole, but nobody asks for such a word. */
	if (n > TOKEN_BYTES)
		n = (int)utf8_cut(p, TOKEN_BYTES);
	s = strndup(p, (size_t)n);
	if (s == NULL) {
		c->nomem = 1;
		return SQLITE_NOMEM;
	}
	if (c->stems) {
		t->stem = s;
		return SQLITE_OK;
	}
	t->text = s;
	t->upper = isupper((unsigned char)c->text[start]) != 0;
	t->stop = mem_is_stop(s);
	c->q->n = c->i;
	return SQLITE_OK;
}

static int
cut(fts5_api *api, const char *name, const char **args, int n_args,
    struct cutting *c, size_t n, struct err *e)
{
	fts5_tokenizer t;
	Fts5Tokenizer *tok = NULL;
	void *user = NULL;
	int rc;

	if (api->xFindTokenizer(api, name, &user, &t) != SQLITE_OK ||
	    t.xCreate(user, args, n_args, &tok) != SQLITE_OK)
		return err_set(e, ERR_INTERNAL, "no tokenizer %s", name);
	rc = t.xTokenize(tok, c, FTS5_TOKENIZE_QUERY, c->text, (int)n,
	    on_token);
	t.xDelete(tok);
	if (c->nomem || rc == SQLITE_NOMEM)
		return err_nomem(e);
	if (rc != SQLITE_OK && rc != SQLITE_DONE)
		return err_set(e, ERR_INTERNAL, "the tokenizer failed");
	return 0;
}

int
mem_query_init(struct mem_query *q, struct brain_db *db, const char *text,
    size_t n, struct err *e)
{
	static const char *inner[] = { "unicode61" };
	fts5_api *api = find_api(brain_handle(db));
	struct cutting c = { q, text, 0, 0, 0 };

	memset(q, 0, sizeof *q);
	if (api == NULL)
		return err_set(e, ERR_INTERNAL, "FTS5 is not there");
	if (n > QUERY_BYTES)
		n = utf8_cut(text, QUERY_BYTES);
	if (cut(api, "unicode61", NULL, 0, &c, n, e) != 0)
		return -1;
	c.i = 0;
	c.stems = 1;
	return cut(api, "porter", inner, 1, &c, n, e);
}

void
mem_query_fini(struct mem_query *q)
{
	unsigned i;

	for (i = 0; i < q->n; i++) {
		free(q->tok[i].text);
		free(q->tok[i].stem);
	}
	q->n = 0;
}

static const char *
stem(const struct mem_token *t)
{
	return t->stem != NULL ? t->stem : t->text;
}

/* Was the same word taken before? */
static int
seen(const struct mem_query *q, unsigned i, int stops, int skips)
{
	unsigned k;

	for (k = 0; k < i; k++)
		if ((stops || !q->tok[k].stop) && (skips ||
		    !q->tok[k].skip) && strcmp(stem(&q->tok[k]),
		    stem(&q->tok[i])) == 0)
			return 1;
	return 0;
}

static int
add_words(struct buf *b, const struct mem_query *q, int stops, int skips)
{
	const struct mem_token *t;
	const char *p;
	unsigned i, n = 0;

	for (i = 0; i < q->n && n < QUERY_WORDS; i++) {
		t = &q->tok[i];
		if ((t->stop && !stops) || (t->skip && !skips) ||
		    seen(q, i, stops, skips))
			continue;
		buf_adds(b, n > 0 ? " OR \"" : "\"");
		for (p = t->text; *p != '\0'; p++)
			buf_adds(b, *p == '"' ? "\"\"" :
			    (char[2]){ *p, '\0' });
		buf_addc(b, '"');
		n++;
	}
	return (int)n;
}

char *
mem_query_match(const struct mem_query *q, unsigned *n)
{
	struct buf b;
	size_t len;
	int k;

	buf_init(&b, 16384);
	k = add_words(&b, q, 0, 0);
	if (k == 0)
		k = add_words(&b, q, 1, 0);
	if (k == 0)
		k = add_words(&b, q, 1, 1);
	*n = (unsigned)k;
	if (k == 0) {
		buf_fini(&b);
		return NULL;
	}
	return buf_take(&b, &len);
}

int
mem_query_near(const struct mem_query *q, unsigned i, const char *text,
    unsigned within)
{
	unsigned k;

	for (k = i + 1; k < q->n && k <= i + within; k++)
		if (strcmp(q->tok[k].text, text) == 0)
			return 1;
	return 0;
}

int
mem_query_has(const struct mem_query *q, const char *text)
{
	unsigned k;

	for (k = 0; k < q->n; k++)
		if (strcmp(q->tok[k].text, text) == 0)
			return 1;
	return 0;
}

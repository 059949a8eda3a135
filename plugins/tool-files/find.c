/* SPDX-License-Identifier: Apache-2.0 */
/*
 * find.c - find (by pattern) and file_search (by fuzzy name).
 */
#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"

#define FIND_DEFAULT 200
#define FIND_MAX 1000
#define HITS_MAX 50u
#define QUERY_MAX 64u
#define SCORED 512u /* bytes at the end of a path that are scored */

struct find {
	const char *dir;
	struct glob *glob; /* or NULL */
	unsigned char type; /* DT_*, 0 any */
	int64_t max, found;
	struct tool_buf out;
};

static int
find_entry(struct walk *w, const struct entry *e)
{
	struct find *f = w->user;

	if ((f->type != 0 && e->type != f->type) || (f->glob != NULL &&
	    !glob_match(f->glob, e->name, e->rel)))
		return 0;
	if (f->found == f->max) {
		f->out.full = 1;
		return 1;
	}
	f->found++;
	show_path(&f->out, f->dir, e->rel);
	(void)tool_buf_str(&f->out, e->type == DT_DIR ? "/\n" : "\n");
	return f->out.full;
}

static int
find_args(struct job *j, struct find *f)
{
	const char *glob = NULL, *type = NULL;

	if (tool_arg_str(j->args, "path", 0, &f->dir, NULL) < 0 ||
	    tool_arg_str(j->args, "name", 0, &glob, NULL) < 0 ||
	    tool_arg_str(j->args, "type", 0, &type, NULL) < 0 ||
	    tool_arg_int(j->args, "max", 1, FIND_MAX, &f->max) < 0)
		return job_bad_args(j, "{path?, name?, type?, max?: "
		    "1..1000}");
	if (type != NULL) {
		f->type = strcmp(type, "file") == 0 ? DT_REG :
		    strcmp(type, "directory") == 0 ? DT_DIR :
		    strcmp(type, "symlink") == 0 ? DT_LNK : 0;
		if (f->type == 0)
			return job_bad_args(j, "type to be file, directory "
			    "or symlink");
	}
	if (glob != NULL && (f->glob = glob_new(j, glob)) == NULL)
		return -1;
	return 0;
}

json_t *
op_find(struct job *j)
{
	struct find f;
	struct walk w;
	struct tool_buf all;
	json_t *body = NULL;

	memset(&f, 0, sizeof f);
	memset(&w, 0, sizeof w);
	f.max = FIND_DEFAULT;
	tool_buf_init(&f.out, PAGE_MAX);
	tool_buf_init(&all, PAGE_MAX + 1024);
	w.j = j;
	w.user = &f;
	w.fn = find_entry;
	w.fd = -1;
	if (find_args(j, &f) != 0 || (w.fd = dir_open(j, f.dir)) < 0 ||
	    walk_run(&w) != 0)
		goto out;
	(void)tool_buf_add(&all, f.out.p != NULL ? f.out.p : "", f.out.n);
	if (f.found == 0)
		(void)tool_buf_str(&all, "Nothing found.\n");
	if (f.out.full)
		(void)tool_buf_str(&all, "[there is more; narrow the path or "
		    "the name]\n");
	walk_note(&w, &all);
	body = f.out.nomem ? (job_nomem(j), NULL) :
	    job_body(j, &all, f.out.full || w.limited);
out:
	if (w.fd >= 0)
		(void)close(w.fd);
	glob_free(f.glob);
	tool_buf_fini(&f.out);
	tool_buf_fini(&all);
	return body;
}

/* ---- file_search ---- */

struct hit {
	int score;
	char *rel;
};

struct search {
	const char *dir;
	unsigned char q[QUERY_MAX]; /* lower case, without blanks */
	size_t qn;
	struct hit hit[HITS_MAX]; /* best first */
	unsigned n, seen;
	int row[2][SCORED + 1], run[2][SCORED + 1];
};

static int
lower(char c)
{
	return tolower((unsigned char)c);
}

static int
subsequence(const struct search *s, const char *p, size_t n)
{
	size_t i, k = 0;

	for (i = 0; i < n && k < s->qn; i++)
		k += lower(p[i]) == s->q[k];
	return k == s->qn;
}

/* What a hit on p[i] is worth: names and starts of words count more. */
static int
worth(const char *p, size_t i, size_t base)
{
	int v = i >= base ? 6 : 2;

	if (i == base)
		v += 10;
	else if (i == 0 || strchr("/_-. ", p[i - 1]) != NULL)
		v += 8;
	else if (isupper((unsigned char)p[i]) &&
	    islower((unsigned char)p[i - 1]))
		v += 6;
	return v;
}

/*
 * The best way to find the query in p as a subsequence. row[k][i]: best sum
 * for the first k letters in the first i bytes; run: the same with a hit on
 * the last byte, to reward letters in a row.
 */
static int
score(struct search *s, const char *p, size_t n)
{
	const char *slash;
	size_t i, k, base, skip = n > SCORED ? n - SCORED : 0;
	int *now, *was, *now_run, *was_run, v;

	p += skip;
	n -= skip;
	slash = memrchr(p, '/', n);
	base = slash != NULL ? (size_t)(slash - p) + 1 : 0;
	if (!subsequence(s, p, n))
		return -1;
	for (i = 0; i <= n; i++) {
		s->row[0][i] = 0;
		s->run[0][i] = -1;
	}
	for (k = 1; k <= s->qn; k++) {
		was = s->row[(k - 1) & 1];
		was_run = s->run[(k - 1) & 1];
		now = s->row[k & 1];
		now_run = s->run[k & 1];
		now[0] = now_run[0] = -1;
		for (i = 1; i <= n; i++) {
			now_run[i] = -1;
			now[i] = now[i - 1];
			if (lower(p[i - 1]) != s->q[k - 1] || was[i - 1] < 0)
				continue;
			v = was[i - 1];
			if (was_run[i - 1] >= 0 && was_run[i - 1] + 8 > v)
				v = was_run[i - 1] + 8;
			now_run[i] = v + worth(p, i - 1, base);
			if (now_run[i] > now[i])
				now[i] = now_run[i];
		}
	}
	v = s->row[s->qn & 1][n];
	return v < 0 ? -1 : v * 16 - (int)n;
}

static int
search_entry(struct walk *w, const struct entry *e)
{
	struct search *s = w->user;
	unsigned i;
	char *copy;
	int v;

	if (e->type != DT_REG && e->type != DT_LNK)
		return 0;
	if (++s->seen % 256 == 0 && job_stopped(w->j) != 0)
		return -1;
	v = score(s, e->rel, strlen(e->rel));
	if (v == -1 || (s->n == HITS_MAX && s->hit[s->n - 1].score >= v))
		return 0;
	copy = strdup(e->rel);
	if (copy == NULL)
		return job_nomem(w->j);
	if (s->n == HITS_MAX)
		free(s->hit[--s->n].rel);
	for (i = s->n++; i > 0 && s->hit[i - 1].score < v; i--)
		s->hit[i] = s->hit[i - 1];
	s->hit[i].score = v;
	s->hit[i].rel = copy;
	return 0;
}

static int
search_args(struct job *j, struct search *s)
{
	const char *q = NULL;

	if (tool_arg_str(j->args, "query", 1, &q, NULL) != 0 ||
	    tool_arg_str(j->args, "path", 0, &s->dir, NULL) < 0)
		return job_bad_args(j, "{query, path?}");
	for (; *q != '\0'; q++) {
		if (*q == ' ')
			continue;
		if (s->qn == QUERY_MAX)
			return job_bad_args(j, "a query of at most 64 bytes");
		s->q[s->qn++] = (unsigned char)lower(*q);
	}
	return s->qn > 0 ? 0 : job_bad_args(j, "a query that is not blank");
}

json_t *
op_search(struct job *j)
{
	struct search *s = calloc(1, sizeof *s);
	struct tool_buf out;
	json_t *body = NULL;
	struct walk w;
	unsigned i;

	if (s == NULL) {
		(void)job_nomem(j);
		return NULL;
	}
	memset(&w, 0, sizeof w);
	w.j = j;
	w.user = s;
	w.fn = search_entry;
	w.fd = -1;
	tool_buf_init(&out, PAGE_MAX);
	if (search_args(j, s) != 0 || (w.fd = dir_open(j, s->dir)) < 0 ||
	    walk_run(&w) != 0)
		goto out;
	for (i = 0; i < s->n; i++) {
		show_path(&out, s->dir, s->hit[i].rel);
		(void)tool_buf_str(&out, "\n");
	}
	if (s->n == 0)
		(void)tool_buf_printf(&out, "Nothing found among %u "
		    "files.\n", s->seen);
	walk_note(&w, &out);
	body = job_body(j, &out, w.limited || s->n == HITS_MAX);
out:
	if (w.fd >= 0)
		(void)close(w.fd);
	for (i = 0; i < s->n; i++)
		free(s->hit[i].rel);
	tool_buf_fini(&out);
	free(s);
	return body;
}

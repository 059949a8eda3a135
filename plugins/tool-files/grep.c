/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grep.c - lines of files that match a regular expression (PCRE2).
 *
 * Bounded in every way: steps and memory of one match, length of a line,
 * number and size of the results, and the call's deadline between lines. A
 * pattern that keeps running into its limits is given up with an error.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"

#define MATCHES_MAX 100u
#define CONTEXT_MAX 10
#define LINE_SHOWN 400u
#define WINDOW (256u * 1024) /* longer lines are searched in pieces */
#define MATCH_STEPS 200000u
#define MATCH_HEAP_KIB 8192u
#define GIVE_UPS 20u
#define STOP_EVERY 64u

struct kept {
	uint64_t no;
	size_t n;
	int cut;
	char text[LINE_SHOWN];
};

struct grep {
	struct job *j;
	const char *dir;      /* as the caller wrote it, or NULL */
	struct glob *glob;    /* or NULL */
	pcre2_code *re;
	pcre2_match_data *md;
	pcre2_match_context *mc;
	struct tool_buf out;
	char *win;
	unsigned matches, files, gave_up, lines;
	int context;
	/* Of the file at hand: */
	const char *rel;
	struct kept before[CONTEXT_MAX];
	unsigned before_n;
	int after;            /* lines still to show after a match */
	uint64_t no, shown;   /* line number; last one shown */
};

static int
grep_full(const struct grep *g)
{
	return g->matches >= MATCHES_MAX || g->out.full;
}

/* "path:no:text"; sep ':' for a match, '-' for context. */
static void
show(struct grep *g, uint64_t no, const char *p, size_t n, int cut, char sep)
{
	char mark[32];

	if (g->context > 0 && g->shown > 0 && no > g->shown + 1)
		(void)tool_buf_str(&g->out, "--\n");
	show_path(&g->out, g->rel != NULL ? g->dir : NULL,
	    g->rel != NULL ? g->rel : g->dir);
	(void)snprintf(mark, sizeof mark, "%c%" PRIu64 "%c", sep, no, sep);
	(void)tool_buf_str(&g->out, mark);
	(void)tool_buf_mend(&g->out, p, n);
	(void)tool_buf_str(&g->out, cut ? "...\n" : "\n");
	g->shown = no;
}

/* The piece of a long line that holds the match at `at`. */
static void
show_line(struct grep *g, const char *p, size_t n, size_t at, char sep)
{
	size_t from = at > LINE_SHOWN - 100 ? at - 100 : 0, len;

	while (from > 0 && from < n && ((unsigned char)p[from] & 0xc0) ==
	    0x80)
		from--;
	len = n - from;
	if (len > LINE_SHOWN)
		len = tool_utf8_cut(p + from, LINE_SHOWN);
	show(g, g->no, p + from, len, from + len < n, sep);
}

static void
keep(struct grep *g, const char *p, size_t n)
{
	struct kept *k;

	if (g->context == 0)
		return;
	if (g->before_n == (unsigned)g->context) {
		memmove(g->before, g->before + 1, (g->before_n - 1) *
		    sizeof g->before[0]);
		g->before_n--;
	}
	k = &g->before[g->before_n++];
	k->no = g->no;
	k->cut = n > LINE_SHOWN;
	k->n = k->cut ? tool_utf8_cut(p, LINE_SHOWN) : n;
	memcpy(k->text, p, k->n);
}

/* One line without its end. 0, or -1 and the fault. */
static int
grep_line(struct grep *g, const char *p, size_t n)
{
	unsigned i;
	int rc;

	g->no++;
	if (++g->lines % STOP_EVERY == 0 && job_stopped(g->j) != 0)
		return -1;
	if (n > 0 && p[n - 1] == '\r')
		n--;
	rc = pcre2_match(g->re, (PCRE2_SPTR)p, n, 0, 0, g->md, g->mc);
	if (rc >= 0) {
		for (i = 0; i < g->before_n; i++)
			show(g, g->before[i].no, g->before[i].text,
			    g->before[i].n, g->before[i].cut, '-');
		g->before_n = 0;
		show_line(g, p, n, pcre2_get_ovector_pointer(g->md)[0], ':');
		g->matches++;
		g->after = g->context;
		return 0;
	}
	if (rc == PCRE2_ERROR_NOMEMORY)
		return job_nomem(g->j);
	if (rc != PCRE2_ERROR_NOMATCH && ++g->gave_up >= GIVE_UPS)
		return job_fault(g->j, SEPT_EFAILED, "pattern_too_complex",
		    "the pattern needs too many steps on %u lines; write it "
		    "without nested repetition", g->gave_up);
	if (g->after > 0) {
		g->after--;
		show_line(g, p, n, 0, '-');
	} else {
		keep(g, p, n);
	}
	return 0;
}

/* Lines of the window; *used bytes are done with. */
static int
grep_window(struct grep *g, size_t have, int last, size_t *used)
{
	const char *nl;
	size_t at = 0, n;

	while (at < have && !grep_full(g)) {
		nl = memchr(g->win + at, '\n', have - at);
		if (nl == NULL && !last && (at > 0 || have < WINDOW))
			break;
		n = nl != NULL ? (size_t)(nl - g->win) - at : have - at;
		if (grep_line(g, g->win + at, n) != 0)
			return -1;
		at += n + (nl != NULL);
	}
	*used = at;
	return 0;
}

static int
grep_fd(struct grep *g, int fd)
{
	size_t have = 0, used;
	int first = 1;
	ssize_t r;

	g->before_n = 0;
	g->after = 0;
	g->no = g->shown = 0;
	do {
		r = read(fd, g->win + have, WINDOW - have);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return 0; /* unreadable: as if it were not there */
		have += (size_t)r;
		if (first && tool_binary(g->win, have < SNIFF ? have :
		    SNIFF))
			return 0;
		first = 0;
		if (grep_window(g, have, r == 0, &used) != 0)
			return -1;
		memmove(g->win, g->win + used, have - used);
		have -= used;
	} while (r != 0 && !grep_full(g));
	return 0;
}

static int
grep_entry(struct walk *w, const struct entry *e)
{
	struct grep *g = w->user;
	struct stat st;
	int fd, rc;

	if (e->type != DT_REG || (g->glob != NULL &&
	    !glob_match(g->glob, e->name, e->rel)))
		return 0;
	if (job_stopped(g->j) != 0)
		return -1;
	fd = file_open_at(w->fd, e->rel, &st);
	if (fd < 0)
		return 0;
	g->files++;
	g->rel = e->rel;
	rc = grep_fd(g, fd);
	(void)close(fd);
	return rc != 0 ? -1 : grep_full(g);
}

static int
grep_compile(struct grep *g, const char *pattern, size_t n, int nocase)
{
	PCRE2_UCHAR why[128];
	PCRE2_SIZE at = 0;
	int e = 0;

	g->re = pcre2_compile((PCRE2_SPTR)pattern, n, PCRE2_UTF |
	    PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C |
	    (nocase ? PCRE2_CASELESS : 0u), &e, &at, NULL);
	if (g->re == NULL) {
		(void)pcre2_get_error_message(e, why, sizeof why);
		return job_fault(g->j, SEPT_EINVAL, "bad_pattern",
		    "not a regular expression, at byte %zu: %s", at,
		    (const char *)why);
	}
	g->md = pcre2_match_data_create_from_pattern(g->re, NULL);
	g->mc = pcre2_match_context_create(NULL);
	g->win = malloc(WINDOW);
	if (g->md == NULL || g->mc == NULL || g->win == NULL)
		return job_nomem(g->j);
	(void)pcre2_set_match_limit(g->mc, MATCH_STEPS);
	(void)pcre2_set_heap_limit(g->mc, MATCH_HEAP_KIB);
	return 0;
}

/* Searches a file or a tree. */
static int
grep_run(struct grep *g, struct walk *w)
{
	struct stat st;
	int fd, rc;

	w->j = g->j;
	w->user = g;
	w->fn = grep_entry;
	w->fd = dir_open(g->j, g->dir);
	if (w->fd >= 0) {
		rc = walk_run(w);
		(void)close(w->fd);
		return rc;
	}
	if (g->dir == NULL || strcmp(g->j->f.code, "not_a_directory") != 0)
		return -1;
	fd = file_open(g->j, g->dir, &st);
	if (fd < 0)
		return -1;
	g->files = 1;
	rc = grep_fd(g, fd);
	(void)close(fd);
	return rc;
}

static json_t *
grep_body(struct grep *g, const struct walk *w)
{
	struct tool_buf all;
	json_t *body;
	int cut = grep_full(g) || w->limited;

	tool_buf_init(&all, PAGE_MAX + 1024);
	(void)tool_buf_add(&all, g->out.p != NULL ? g->out.p : "", g->out.n);
	if (g->matches == 0)
		(void)tool_buf_printf(&all, "No matches in %u file%s.\n",
		    g->files, g->files == 1 ? "" : "s");
	if (g->out.full)
		(void)tool_buf_str(&all, "\n[output is full; narrow the "
		    "pattern or the path]\n");
	else if (g->matches >= MATCHES_MAX)
		(void)tool_buf_printf(&all, "[stopped at %u matches; narrow "
		    "the pattern or the path]\n", MATCHES_MAX);
	if (g->gave_up > 0)
		(void)tool_buf_printf(&all, "[%u line%s took too many steps "
		    "and were left out]\n", g->gave_up, g->gave_up == 1 ?
		    "" : "s");
	walk_note(w, &all);
	body = g->out.nomem ? (job_nomem(g->j), NULL) :
	    job_body(g->j, &all, cut);
	tool_buf_fini(&all);
	if (body != NULL && tool_set(body, "matches",
	    json_integer(g->matches)) != 0) {
		json_decref(body);
		body = NULL;
		(void)job_nomem(g->j);
	}
	return body;
}

json_t *
op_grep(struct job *j)
{
	struct grep *g = calloc(1, sizeof *g);
	const char *pattern = NULL, *glob = NULL;
	json_t *body = NULL;
	struct walk w;
	int64_t context = 0;
	int nocase = 0;
	size_t n = 0;

	memset(&w, 0, sizeof w);
	if (g == NULL) {
		(void)job_nomem(j);
		return NULL;
	}
	g->j = j;
	tool_buf_init(&g->out, PAGE_MAX);
	if (tool_arg_str(j->args, "pattern", 1, &pattern, &n) != 0 ||
	    n == 0 || n > 2000 ||
	    tool_arg_str(j->args, "path", 0, &g->dir, NULL) < 0 ||
	    tool_arg_str(j->args, "glob", 0, &glob, NULL) < 0 ||
	    tool_arg_bool(j->args, "ignore_case", &nocase) < 0 ||
	    tool_arg_int(j->args, "context", 0, CONTEXT_MAX, &context) < 0) {
		(void)job_bad_args(j, "{pattern (1..2000 bytes), path?, "
		    "glob?, ignore_case?, context?: 0..10}");
		goto out;
	}
	g->context = (int)context;
	if (glob != NULL && (g->glob = glob_new(j, glob)) == NULL)
		goto out;
	if (grep_compile(g, pattern, n, nocase) == 0 &&
	    grep_run(g, &w) == 0)
		body = grep_body(g, &w);
out:
	glob_free(g->glob);
	pcre2_code_free(g->re);
	pcre2_match_data_free(g->md);
	pcre2_match_context_free(g->mc);
	tool_buf_fini(&g->out);
	free(g->win);
	free(g);
	return body;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * glob.c - file name patterns: *, ?, [a-z], ** and {a,b}. Turned into regular
 * expressions by PCRE2 and matched under its limits, because fnmatch() takes
 * exponential time for some patterns.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"

#define ALTERNATIVES 32
#define PATTERN_MAX 1024u

struct glob {
	pcre2_code *re[ALTERNATIVES];
	size_t n;
	int whole; /* matched on the path, not on the name */
	pcre2_match_data *md;
	pcre2_match_context *mc;
};

static int
glob_compile(struct glob *g, const char *s, size_t n)
{
	PCRE2_UCHAR *conv = NULL;
	PCRE2_SIZE conv_n = 0, at;
	int e;

	if (g->n == ALTERNATIVES || pcre2_pattern_convert((PCRE2_SPTR)s, n,
	    PCRE2_CONVERT_GLOB, &conv, &conv_n, NULL) != 0)
		return -1;
	g->re[g->n] = pcre2_compile(conv, conv_n, PCRE2_DOTALL, &e, &at,
	    NULL);
	pcre2_converted_pattern_free(conv);
	return g->re[g->n] != NULL ? (g->n++, 0) : -1;
}

/* The '}' that ends the group at s[i], or 0; an escaped one counts not. */
static size_t
brace_end(const char *s, size_t i)
{
	int depth = 0;

	for (; s[i] != '\0'; i++) {
		if (s[i] == '\\' && s[i + 1] != '\0')
			i++;
		else if (s[i] == '{')
			depth++;
		else if (s[i] == '}' && --depth == 0)
			return i;
	}
	return 0;
}

/* Index of the first '{' with a partner, or of the end. */
static size_t
brace_start(const char *s)
{
	size_t i;

	for (i = 0; s[i] != '\0'; i++) {
		if (s[i] == '\\' && s[i + 1] != '\0')
			i++;
		else if (s[i] == '{' && brace_end(s, i) > 0)
			break;
	}
	return i;
}

/* Compiles s with its groups written out; depth bounds the recursion. */
static int
glob_expand(struct glob *g, const char *s, int depth)
{
	char one[PATTERN_MAX + 1];
	size_t open = brace_start(s), close, i, from;
	int nest = 0, n;

	if (s[open] == '\0')
		return glob_compile(g, s, strlen(s));
	if (depth == 0)
		return -1;
	close = brace_end(s, open);
	for (i = from = open + 1; i <= close; i++) {
		if (s[i] == '\\' && i + 1 < close) {
			i++;
			continue;
		}
		if (s[i] == '{')
			nest++;
		if (nest > 0 && s[i] == '}')
			nest--;
		else if (nest == 0 && (s[i] == ',' || i == close)) {
			n = snprintf(one, sizeof one, "%.*s%.*s%s",
			    (int)open, s, (int)(i - from), s + from,
			    s + close + 1);
			if (n < 0 || (size_t)n >= sizeof one ||
			    glob_expand(g, one, depth - 1) != 0)
				return -1;
			from = i + 1;
		}
	}
	return 0;
}

struct glob *
glob_new(struct job *j, const char *pattern)
{
	struct glob *g;

	if (*pattern == '\0' || strlen(pattern) > PATTERN_MAX) {
		(void)job_fault(j, SEPT_EINVAL, "bad_glob",
		    "a file name pattern has 1 to %u bytes", PATTERN_MAX);
		return NULL;
	}
	g = calloc(1, sizeof *g);
	if (g == NULL) {
		(void)job_nomem(j);
		return NULL;
	}
	g->whole = strchr(pattern, '/') != NULL;
	if (strncmp(pattern, "./", 2) == 0)
		pattern += 2;
	g->md = pcre2_match_data_create(1, NULL);
	g->mc = pcre2_match_context_create(NULL);
	if (g->md == NULL || g->mc == NULL) {
		glob_free(g);
		(void)job_nomem(j);
		return NULL;
	}
	(void)pcre2_set_match_limit(g->mc, 20000);
	(void)pcre2_set_heap_limit(g->mc, 4096);
	if (glob_expand(g, pattern, 8) != 0) {
		glob_free(g);
		(void)job_fault(j, SEPT_EINVAL, "bad_glob",
		    "not a file name pattern: %.300s", pattern);
		return NULL;
	}
	return g;
}

void
glob_free(struct glob *g)
{
	size_t i;

	if (g == NULL)
		return;
	for (i = 0; i < g->n; i++)
		pcre2_code_free(g->re[i]);
	pcre2_match_data_free(g->md);
	pcre2_match_context_free(g->mc);
	free(g);
}

int
glob_match(struct glob *g, const char *name, const char *rel)
{
	const char *s = g->whole ? rel : name;
	size_t i, n = strlen(s);

	for (i = 0; i < g->n; i++)
		if (pcre2_match(g->re[i], (PCRE2_SPTR)s, n, 0, 0, g->md,
		    g->mc) >= 0)
			return 1;
	return 0;
}

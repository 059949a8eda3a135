/* SPDX-License-Identifier: Apache-2.0 */
/*
 * directive.c - messages that say exactly what the reply shall be, for tests
 * and for trying out a client; README.md lists them.
 *
 * A message is a list of directives, one a line, or it is none at all. A
 * line `then` begins the directives of the next round of the same turn, that
 * is, of the reply after the tools have run.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "scripted.h"

#define TOKENS_MAX 1000000
#define PAUSE_MAX 60000

/* One line while it is read. */
struct line {
	const char *p, *end;
};

static void
blanks(struct line *l)
{
	while (l->p < l->end && (*l->p == ' ' || *l->p == '\t'))
		l->p++;
}

/* 1 and moved on when the next word is w. */
static int
word(struct line *l, const char *w)
{
	size_t n = strlen(w);

	blanks(l);
	if ((size_t)(l->end - l->p) < n || memcmp(l->p, w, n) != 0 ||
	    (l->p + n < l->end && !isspace((unsigned char)l->p[n]) &&
	    l->p[n] != ';'))
		return 0;
	l->p += n;
	blanks(l);
	return 1;
}

static int
number(struct line *l, long max, long *out)
{
	long v = 0;
	const char *from;

	blanks(l);
	from = l->p;
	while (l->p < l->end && isdigit((unsigned char)*l->p)) {
		v = v * 10 + (*l->p++ - '0');
		if (v > max)
			return 0;
	}
	*out = v;
	return l->p > from;
}

static int
done(struct line *l)
{
	blanks(l);
	return l->p == l->end;
}

static char *
rest(const struct line *l)
{
	return strndup(l->p, (size_t)(l->end - l->p));
}

static int
text_step(struct plan *p, struct line *l, enum step_kind kind)
{
	char *s = rest(l);

	if (s == NULL)
		p->failed = 1;
	else
		plan_add(p, kind, s, NULL);
	free(s);
	return 1;
}

static int
stream_step(struct plan *p, struct line *l)
{
	struct step *s;
	long n, ms = 0;

	if (!number(l, TOKENS_MAX, &n))
		return 0;
	if (word(l, "every") && (!number(l, PAUSE_MAX, &ms) ||
	    !word(l, "ms")))
		return 0;
	if (!done(l))
		return 0;
	plan_add(p, STEP_STREAM, "", NULL);
	s = plan_last(p);
	if (s != NULL) {
		s->n = n;
		s->ms = ms;
	}
	return 1;
}

/*
 * "TOOL JSON". For a tool of the request the input may be missing, or be no
 * JSON and is then sent as it stands: tests want to see that as well.
 */
static int
call_step(struct plan *p, const struct ask *a, struct line *l)
{
	const char *from = l->p;
	json_error_t je;
	json_t *v = NULL;
	char *name, *input = NULL;
	size_t n;
	int good = 0;

	while (l->p < l->end && !isspace((unsigned char)*l->p) &&
	    *l->p != ';')
		l->p++;
	n = (size_t)(l->p - from);
	if (n == 0)
		return 0;
	name = strndup(from, n);
	blanks(l);
	if (l->p == l->end || *l->p == ';') {
		input = strdup("{}");
	} else {
		v = json_loadb(l->p, (size_t)(l->end - l->p),
		    JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, &je);
		n = v != NULL ? (size_t)je.position :
		    (size_t)(l->end - l->p);
		input = strndup(l->p, n);
		l->p += n;
	}
	if (name == NULL || input == NULL) {
		p->failed = 1;
	} else if (v != NULL || plan_tool(a, name) != NULL) {
		plan_add(p, STEP_TOOL, name, input);
		good = 1;
	}
	json_decref(v);
	free(name);
	free(input);
	return good;
}

static int
calls(struct plan *p, const struct ask *a, struct line *l)
{
	do {
		if (!call_step(p, a, l))
			return 0;
		blanks(l);
		if (l->p == l->end)
			return 1;
		if (*l->p++ != ';')
			return 0;
	} while (word(l, "call"));
	return done(l);
}

/* "CODE [after N s] [times N] [on MODEL]" */
static int
fail_step(struct plan *p, const struct ask *a, struct line *l)
{
	static const char *const codes[] = { LLM_RATE_LIMITED,
	    LLM_PROVIDER_ERROR, LLM_TIMEOUT, LLM_CONTEXT_OVERFLOW };
	const char *code = NULL;
	long after = -1, times = 0;
	struct step *s;
	size_t i;
	int here = 1;

	for (i = 0; i < sizeof codes / sizeof codes[0]; i++)
		if (code == NULL && word(l, codes[i]))
			code = codes[i];
	if (code == NULL)
		return 0;
	if (word(l, "after") && (!number(l, 86400, &after) ||
	    !word(l, "s")))
		return 0;
	if (word(l, "times") && !number(l, 1000, &times))
		return 0;
	if (word(l, "on")) {
		here = word(l, a->model);
		l->p = l->end;
	}
	if (!done(l))
		return 0;
	if (!here || (times > 0 && a->attempt > (uint32_t)times)) {
		plan_add(p, STEP_SAY, "No failure this time.", NULL);
		return 1;
	}
	plan_add(p, STEP_FAIL, code, NULL);
	s = plan_last(p);
	if (s != NULL) {
		s->n = after;
		s->again = times > 0;
	}
	return 1;
}

/* "REASON": how the reply ends. */
static int
stop_step(struct plan *p, struct line *l)
{
	size_t n = (size_t)(l->end - l->p), i;

	if (n == 0 || n >= sizeof p->stop)
		return 0;
	for (i = 0; i < n; i++)
		if (l->p[i] != '_' && !islower((unsigned char)l->p[i]))
			return 0;
	memcpy(p->stop, l->p, n);
	p->stop[n] = '\0';
	return 1;
}

/* One line; 0: no directive. */
static int
line_plan(struct plan *p, const struct ask *a, struct line *l)
{
	if (l->end - l->p > 1 && *l->p == '[' && l->end[-1] == ']') {
		l->p++;
		l->end--;
	}
	if (word(l, "stream"))
		return stream_step(p, l);
	if (word(l, "call"))
		return calls(p, a, l);
	if (word(l, "fail"))
		return fail_step(p, a, l);
	if (word(l, "think"))
		return text_step(p, l, STEP_THINK);
	if (word(l, "say"))
		return text_step(p, l, STEP_SAY);
	if (word(l, "stop"))
		return stop_step(p, l);
	return 0;
}

static int
line_next(const char **at, struct line *l)
{
	const char *nl;

	do {
		if (**at == '\0')
			return 0;
		nl = *at + strcspn(*at, "\n");
		l->p = *at;
		l->end = nl;
		while (l->end > l->p && isspace((unsigned char)l->end[-1]))
			l->end--;
		blanks(l);
		*at = *nl == '\n' ? nl + 1 : nl;
	} while (l->p == l->end);
	return 1;
}

/* The line `then` alone. */
static int
is_then(const struct line *l)
{
	struct line probe = *l;

	return word(&probe, "then") && done(&probe);
}

int
directive_plan(struct plan *p, const struct ask *a, const char *text,
    size_t round)
{
	struct line l;
	size_t at = 0, before = p->n;
	int always;

	while (line_next(&text, &l)) {
		if (is_then(&l)) {
			at++;
			continue;
		}
		/* `always` stands for this round and all that follow. */
		always = word(&l, "always");
		if (at != round && !(always && at < round))
			continue;
		if (!line_plan(p, a, &l)) {
			plan_cut(p, before);
			p->stop[0] = '\0';
			return 0;
		}
	}
	return p->n > before;
}

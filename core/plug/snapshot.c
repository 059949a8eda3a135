/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot.c - what is loaded at one moment: immutable, counted, with the
 * tools in the order of their names.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plug-internal.h"

void
plug_problem(json_t *problems, const char *file, int line, const char *fmt,
    ...)
{
	char text[512];
	va_list ap;
	json_t *v;

	va_start(ap, fmt);
	if (vsnprintf(text, sizeof text, fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	v = json_pack("{s:s, s:i, s:s}", "file", file, "line", line,
	    "message", text);
	if (v == NULL)
		v = json_pack("{s:s, s:i, s:s}", "file", "?", "line", 0,
		    "message", "a problem that is not valid UTF-8");
	(void)json_array_append_new(problems, v);
}

static int
by_name(const void *a, const void *b)
{
	const struct plug_tool *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

/* Two plugins must not claim one name; says who does. */
static int
check_names(const struct plug_snapshot *s, json_t *problems)
{
	const struct generation *a, *b;
	size_t i, k;
	int bad = 0;

	for (i = 1; i < s->n_tools; i++)
		if (strcmp(s->tools[i - 1]->name, s->tools[i]->name) == 0) {
			bad = 1;
			plug_problem(problems,
			    s->tools[i]->gen->man->path, 1,
			    "tool %s is also in plugin %s",
			    s->tools[i]->name,
			    s->tools[i - 1]->gen->names->id);
		}
	for (i = 1; i < s->n_gens; i++)
		for (k = 0; k < i; k++) {
			a = s->gens[k];
			b = s->gens[i];
			if (a->llm == NULL || b->llm == NULL ||
			    strcmp(a->llm->name, b->llm->name) != 0)
				continue;
			bad = 1;
			plug_problem(problems, b->man->path, 1,
			    "backend %s is also in plugin %s", b->llm->name,
			    a->names->id);
		}
	return bad ? -1 : 0;
}

static void
snapshot_free(struct plug_snapshot *s)
{
	free(s->gens);
	free(s->tools);
	free(s);
}

static int
fill(struct plug_snapshot *s, struct generation **gens, size_t n)
{
	size_t i, k;

	s->gens = calloc(n + 1, sizeof *s->gens);
	for (i = 0; i < n; i++)
		s->n_tools += gens[i]->n_tools;
	s->tools = calloc(s->n_tools + 1, sizeof *s->tools);
	if (s->gens == NULL || s->tools == NULL)
		return -1;
	s->n_tools = 0;
	for (i = 0; i < n; i++) {
		s->gens[i] = gens[i];
		for (k = 0; k < gens[i]->n_tools; k++)
			s->tools[s->n_tools++] = &gens[i]->tools[k];
	}
	s->n_gens = n;
	qsort(s->tools, s->n_tools, sizeof s->tools[0], by_name);
	return 0;
}

struct plug_snapshot *
snapshot_new(struct plug *p, struct generation **gens, size_t n,
    json_t *problems, struct err *e)
{
	struct plug_snapshot *s = calloc(1, sizeof *s);
	size_t i;

	if (s == NULL || fill(s, gens, n) != 0) {
		err_nomem(e);
		goto fail;
	}
	if (check_names(s, problems) != 0) {
		err_set(e, ERR_CATALOG_INVALID, "two plugins share a name");
		goto fail;
	}
	s->refs = 1;
	s->plug = p;
	p->snapshots++;
	for (i = 0; i < n; i++)
		gen_use(gens[i], GEN_SNAPSHOT);
	return s;
fail:
	if (s != NULL)
		snapshot_free(s);
	return NULL;
}

struct plug_snapshot *
plug_current(struct plug *p)
{
	return plug_snapshot_ref(p->current);
}

struct plug_snapshot *
plug_snapshot_ref(struct plug_snapshot *s)
{
	s->refs++;
	return s;
}

void
plug_snapshot_unref(struct plug_snapshot *s)
{
	size_t i;

	if (s == NULL || --s->refs > 0)
		return;
	for (i = 0; i < s->n_gens; i++) {
		gen_unuse(s->gens[i]);
		gen_unref(s->gens[i], GEN_SNAPSHOT);
	}
	s->plug->snapshots--;
	snapshot_free(s);
}

size_t
plug_count(const struct plug_snapshot *s)
{
	return s->n_gens;
}

void
plug_get(const struct plug_snapshot *s, size_t i, struct plug_info *out)
{
	static const char *const states[] = { "created", "configured",
		"running", "quiescing", "draining", "drained" };
	const struct generation *g = s->gens[i];

	out->id = g->names->id;
	out->version = g->man->version;
	out->state = states[g->state];
	out->isolation = g->man->isolation;
	out->file = g->man->so_path;
	out->kinds = (const char *const *)g->man->kinds;
	out->generation = g->number;
}

size_t
plug_tool_count(const struct plug_snapshot *s)
{
	return s->n_tools;
}

const struct plug_tool *
plug_tool_at(const struct plug_snapshot *s, size_t i)
{
	return s->tools[i];
}

const struct plug_tool *
plug_tool_find(const struct plug_snapshot *s, const char *name)
{
	size_t lo = 0, hi = s->n_tools, mid;
	int r;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		r = strcmp(name, s->tools[mid]->name);
		if (r == 0)
			return s->tools[mid];
		if (r < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

const struct sept_tool_info *
plug_tool_info(const struct plug_tool *t)
{
	return &t->info;
}

const char *
plug_tool_plugin(const struct plug_tool *t)
{
	return t->gen->names->id;
}

const struct plug_llm *
plug_llm_find(const struct plug_snapshot *s, const char *name)
{
	size_t i;

	for (i = 0; i < s->n_gens; i++)
		if (s->gens[i]->llm != NULL &&
		    strcmp(s->gens[i]->llm->name, name) == 0)
			return s->gens[i]->llm;
	return NULL;
}

const struct sept_llm *
plug_llm_info(const struct plug_llm *l)
{
	return &l->info;
}

uint32_t
plug_llm_window(const struct plug_llm *l, const char *model)
{
	struct generation *g = l->gen;
	struct sept_slice m = { model, model != NULL ? strlen(model) : 0 };
	const char *before;
	uint32_t n;

	if (l->ext->context_window == NULL)
		return 0;
	before = gen_enter(g, g->names->callback);
	n = l->ext->context_window(g->inst, m);
	gen_leave(g, before);
	return n;
}

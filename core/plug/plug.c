/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plug.c - the loader: finds manifests, builds a whole new snapshot and
 * publishes it or nothing; and what goes to every plugin.
 *
 * A plugin whose manifest and shared object are unchanged keeps its
 * generation. One that changed gets a new generation beside the old one,
 * which lives on until the snapshots and calls that use it are gone.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/clock.h"
#include "../base/log.h"
#include "call-internal.h"

#define GENS_MAX 1024
#define END_WAIT_MS 6000

/* One plug_load under way. */
struct load {
	struct plug *plug;
	json_t *problems;
	struct manifest **man;
	size_t n_man;
	struct generation **gens; /* kept and new ones */
	unsigned char *is_new;
	size_t n_gens;
};

static int
make_state_dir(const char *path, struct err *e)
{
	struct stat st;

	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return err_set(e, ERR_INTERNAL, "cannot make %s: %s", path,
		    strerror(errno));
	if (lstat(path, &st) != 0 || !S_ISDIR(st.st_mode))
		return err_set(e, ERR_INTERNAL, "%s is not a folder", path);
	if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return err_set(e, ERR_INTERNAL,
		    "%s must belong to this user and be writable by no other",
		    path);
	return 0;
}

struct plug *
plug_new(const struct plug_config *cfg, struct err *e)
{
	struct plug *p = calloc(1, sizeof *p);

	if (p == NULL) {
		err_nomem(e);
		return NULL;
	}
	p->cfg = *cfg;
	TAILQ_INIT(&p->dead);
	p->path = strdup(cfg->path != NULL ? cfg->path : SEPT_PLUGIN_DIR);
	p->state_dir = strdup(cfg->state_dir);
	if (p->path == NULL || p->state_dir == NULL) {
		err_nomem(e);
		goto fail;
	}
	p->cfg.path = p->path;
	p->cfg.state_dir = p->state_dir;
	if (make_state_dir(p->state_dir, e) != 0)
		goto fail;
	dso_sweep(p->state_dir);
	p->current = snapshot_new(p, NULL, 0, NULL, e);
	if (p->current == NULL)
		goto fail;
	return p;
fail:
	free(p->path);
	free(p->state_dir);
	free(p);
	return NULL;
}

/* What would not go: said by name, left in place with its pins. */
static void
report_stuck(struct plug *p)
{
	struct generation *g;

	LIST_FOREACH(g, &p->gens, link) {
		log_error("plug", "plugin %s cannot be ended: %u calls, %u "
		    "entries, %u timers, requests, jobs or children, %u "
		    "snapshots", g->names->id,
		    atomic_load(&g->pin[GEN_CALL]),
		    atomic_load(&g->pin[GEN_ENTER]),
		    atomic_load(&g->pin[GEN_HOST]),
		    atomic_load(&g->pin[GEN_SNAPSHOT]));
		(void)unlink(g->dso.copy);
	}
}

void
plug_free(struct plug *p)
{
	struct generation *g;
	struct sept_call *c;
	uint64_t until;

	if (p == NULL)
		return;
	plug_snapshot_unref(p->current);
	p->current = NULL;
	loop_turn(p->cfg.loop, 0);
	/* What still has users now has them for ever. */
	LIST_FOREACH(g, &p->gens, link)
		gen_force_quiesce(g);
	until = clock_mono_ns() + END_WAIT_MS * UINT64_C(1000000);
	while (!LIST_EMPTY(&p->gens) && clock_mono_ns() < until)
		loop_turn(p->cfg.loop, 100);
	if (!LIST_EMPTY(&p->gens)) {
		/* Its threads may still come here: nothing is freed. */
		report_stuck(p);
		return;
	}
	while ((c = TAILQ_FIRST(&p->dead)) != NULL) {
		TAILQ_REMOVE(&p->dead, c, link);
		call_fini(c);
		free(c);
	}
	free(p->path);
	free(p->state_dir);
	free(p);
}

/* --- finding manifests --- */

static int
is_manifest(const struct dirent *de)
{
	size_t n = strlen(de->d_name);

	return n > 5 && de->d_name[0] != '.' &&
	    strcmp(de->d_name + n - 5, ".json") == 0;
}

/* Like alphasort, but the same in every locale. */
static int
by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static const struct manifest *
same_id(const struct load *l, const char *id)
{
	size_t i;

	for (i = 0; i < l->n_man; i++)
		if (strcmp(l->man[i]->id, id) == 0)
			return l->man[i];
	return NULL;
}

static void
add_manifest(struct load *l, const char *path)
{
	struct manifest *m = manifest_read(path, l->problems);
	const struct manifest *other;

	if (m == NULL)
		return;
	other = same_id(l, m->id);
	if (other != NULL)
		plug_problem(l->problems, path, 1, "id %s is also in %s",
		    m->id, other->path);
	else if (l->n_man == GENS_MAX)
		plug_problem(l->problems, path, 0, "over %d plugins",
		    GENS_MAX);
	else {
		l->man[l->n_man++] = m;
		return;
	}
	manifest_free(m);
}

static void
scan_dir(struct load *l, const char *dir)
{
	struct dirent **names = NULL;
	char *path = NULL;
	int n, i;

	n = scandir(dir, &names, is_manifest, by_bytes);
	if (n < 0) {
		if (errno != ENOENT || strcmp(dir, SEPT_PLUGIN_DIR) != 0)
			plug_problem(l->problems, dir, 0,
			    "cannot be read: %s", strerror(errno));
		return;
	}
	for (i = 0; i < n; i++) {
		if (asprintf(&path, "%s/%s", dir, names[i]->d_name) < 0)
			plug_problem(l->problems, dir, 0, "out of memory");
		else {
			add_manifest(l, path);
			free(path);
		}
		free(names[i]);
	}
	free(names);
}

static int
scan_path(struct load *l, const char *path)
{
	char *copy = strdup(path), *rest = copy, *dir;

	if (copy == NULL)
		return -1;
	while ((dir = strsep(&rest, ":")) != NULL)
		if (*dir != '\0')
			scan_dir(l, dir);
	free(copy);
	return 0;
}

/* --- building the new set --- */

/* The running generation that this manifest means, if nothing changed. */
static struct generation *
unchanged(const struct plug *p, const struct manifest *m)
{
	struct generation *g;
	size_t i;

	for (i = 0; i < p->current->n_gens; i++) {
		g = p->current->gens[i];
		if (strcmp(g->names->id, m->id) == 0)
			return strcmp(g->man->hash, m->hash) == 0 &&
			    strcmp(g->man->so_path, m->so_path) == 0 &&
			    dso_same_file(&g->dso, m->so_path) ? g : NULL;
	}
	return NULL;
}

static void
load_one(struct load *l, size_t i)
{
	struct manifest *m = l->man[i];
	struct generation *g = unchanged(l->plug, m);
	struct err e = { .text = "" };
	char *path;

	l->man[i] = NULL;
	if (g != NULL) {
		l->gens[l->n_gens++] = g;
		manifest_free(m);
		return;
	}
	path = strdup(m->path);
	g = gen_new(l->plug, m, &e);
	if (g == NULL)
		plug_problem(l->problems, path != NULL ? path : "?", 1, "%s",
		    e.text);
	else {
		l->is_new[l->n_gens] = 1;
		l->gens[l->n_gens++] = g;
	}
	free(path);
}

static void
load_fini(struct load *l, int failed)
{
	size_t i;

	for (i = 0; l->man != NULL && i < l->n_man; i++)
		manifest_free(l->man[i]);
	for (i = 0; failed && l->gens != NULL && i < l->n_gens; i++)
		if (l->is_new[i])
			gen_retire(l->gens[i]);
	free(l->man);
	free(l->gens);
	free(l->is_new);
}

static int
load_all(struct load *l, struct err *e)
{
	struct plug *p = l->plug;
	struct plug_snapshot *s, *old = p->current;
	size_t i;

	if (scan_path(l, p->path) != 0)
		return err_nomem(e);
	/* A bad manifest ends it before any code is run. */
	if (json_array_size(l->problems) == 0)
		for (i = 0; i < l->n_man; i++)
			load_one(l, i);
	if (json_array_size(l->problems) != 0)
		return err_set(e, ERR_CATALOG_INVALID,
		    "%zu plugin problems; the first: %s",
		    json_array_size(l->problems),
		    json_string_value(json_object_get(json_array_get(
		    l->problems, 0), "message")));
	s = snapshot_new(p, l->gens, l->n_gens, l->problems, e);
	if (s == NULL)
		return -1;
	p->current = s;
	plug_snapshot_unref(old);
	return 0;
}

int
plug_load(struct plug *p, json_t **problems, struct err *e)
{
	struct load l = { .plug = p };
	int r;

	if (problems != NULL)
		*problems = NULL;
	l.problems = json_array();
	l.man = calloc(GENS_MAX, sizeof *l.man);
	l.gens = calloc(GENS_MAX, sizeof *l.gens);
	l.is_new = calloc(GENS_MAX, 1);
	if (l.problems == NULL || l.man == NULL || l.gens == NULL ||
	    l.is_new == NULL)
		r = err_nomem(e);
	else
		r = load_all(&l, e);
	load_fini(&l, r != 0);
	if (r != 0 && problems != NULL)
		*problems = l.problems;
	else
		json_decref(l.problems);
	return r;
}

/* --- to every plugin --- */

void
plug_turn_ended(struct plug_snapshot *s, const char *task_id,
    const char *turn_id)
{
	struct sept_slice task = { task_id, task_id ? strlen(task_id) : 0 };
	struct sept_slice turn = { turn_id, turn_id ? strlen(turn_id) : 0 };
	struct generation *g;
	const char *before;
	size_t i;

	for (i = 0; i < s->n_gens; i++) {
		g = s->gens[i];
		if (g->tool == NULL || !SEPT_HAS(struct sept_tool, g->tool,
		    turn_ended) || g->tool->turn_ended == NULL ||
		    g->state != GEN_RUNNING)
			continue;
		before = gen_enter(g, g->names->callback);
		g->tool->turn_ended(g->inst, task, turn);
		gen_leave(g, before);
	}
}

const char *
plug_health(struct plug_snapshot *s, char *buf, size_t n)
{
	struct sept_err se;
	struct generation *g;
	const char *before;
	sept_status st;
	size_t i;

	for (i = 0; i < s->n_gens; i++) {
		g = s->gens[i];
		if (g->health == NULL || g->state != GEN_RUNNING)
			continue;
		memset(&se, 0, sizeof se);
		before = gen_enter(g, g->names->health);
		st = g->health->check(g->inst, &se);
		gen_leave(g, before);
		if (st == SEPT_OK)
			continue;
		(void)snprintf(buf, n, "plugin %s: %s", g->names->id,
		    se.text[0] != '\0' ? se.text : plug_status_name(st));
		return buf;
	}
	(void)snprintf(buf, n, "ok");
	return buf;
}

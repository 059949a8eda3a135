/* SPDX-License-Identifier: Apache-2.0 */
/*
 * skill-dir.c - the plugin org.september.skill-dir: sept.skill/1 over folders
 * in the Agent Skills format.
 *
 * It keeps no state between scans and needs nothing of the host but the call
 * table. Scanning runs on a pool thread and looks for a cancel between two
 * skills.
 */
#include <september/september.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "folder.h"

struct skill_dir {
	struct sept_plugin base; /* self points here */
	const struct sept_host *host;
	const struct sept_host_call *call;
};

static sept_status
skill_dir_start(struct sept_plugin *p, struct sept_err *err)
{
	struct skill_dir *s = p->self;

	s->call = s->host->get_ext(s->host, SEPT_HOST_CALL);
	if (s->call == NULL)
		return sept_fail(s->host, err, SEPT_ENOTSUP,
		    SEPT_HOST_CALL " is missing");
	return SEPT_OK;
}

static void
skill_dir_destroy(struct sept_plugin *p)
{
	free(p->self);
}

struct scan {
	const struct sept_host_call *table;
	struct sept_call *call;
};

static int
is_cancelled(void *arg)
{
	struct scan *s = arg;

	return s->table->cancelled(s->call);
}

/* Completes the call with what was found; its status when it cannot. */
static sept_status
finish(struct scan *s, json_t *skills, json_t *problems)
{
	json_t *o = json_pack("{s:O, s:O}", "skills", skills, "problems",
	    problems);
	char *text = o != NULL ? json_dumps(o, JSON_COMPACT) : NULL;

	json_decref(o);
	if (text == NULL)
		return SEPT_ENOMEM;
	s->table->complete(s->call, SEPT_OK, sept_str(text));
	free(text);
	return SEPT_OK;
}

static sept_status
skill_dir_scan(struct sept_plugin *p, struct sept_call *call,
    struct sept_slice dir)
{
	struct skill_dir *s = p->self;
	struct scan scan = { .table = s->call, .call = call };
	struct notes n = { 0 };
	char path[PATH_MAX];
	sept_status st;
	json_t *skills;

	if (dir.n == 0 || dir.n >= sizeof path || dir.p[0] != '/' ||
	    memchr(dir.p, '\0', dir.n) != NULL)
		return SEPT_EINVAL;
	memcpy(path, dir.p, dir.n);
	path[dir.n] = '\0';
	n.list = json_array();
	if (n.list == NULL)
		return SEPT_ENOMEM;
	skills = folder_scan(path, &n, is_cancelled, &scan);
	if (skills == NULL)
		st = n.nomem ? SEPT_ENOMEM : SEPT_ECANCELLED;
	else
		st = finish(&scan, skills, n.list);
	json_decref(skills);
	json_decref(n.list);
	return st;
}

static const struct sept_skill skill_table = {
	.size = sizeof skill_table,
	.scan = skill_dir_scan
};

static const void *
skill_dir_get_ext(struct sept_plugin *p, const char *id)
{
	(void)p;
	return strcmp(id, SEPT_EXT_SKILL) == 0 ? &skill_table : NULL;
}

static sept_status
skill_dir_create(const struct sept_host *host, struct sept_plugin **out)
{
	struct skill_dir *s = calloc(1, sizeof *s);

	if (s == NULL)
		return SEPT_ENOMEM;
	s->base.size = sizeof s->base;
	s->base.self = s;
	s->base.start = skill_dir_start;
	s->base.destroy = skill_dir_destroy;
	s->base.get_ext = skill_dir_get_ext;
	s->host = host;
	*out = &s->base;
	return SEPT_OK;
}

static const char *const provides[] = { SEPT_EXT_SKILL, NULL };
static const char *const needs[] = { SEPT_HOST_CALL, NULL };

static const struct sept_desc desc = {
	.size = sizeof desc,
	.abi_major = SEPT_ABI_MAJOR,
	.abi_minor = 0,
	.layout = SEPT_LAYOUT,
	.caps = SEPT_CAP_FS_READ,
	.id = "org.september.skill-dir",
	.version = "0.1.0",
	.provides = provides,
	.requires_ = needs,
	.create = skill_dir_create
};

const struct sept_desc *
september_plugin_v1(void)
{
	return &desc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-plugin.c - a plugin for the tests of core/plug: its life, a skill
 * reader and a backend.
 */
#include "test-plugin.h"

#include <stdlib.h>

#ifndef MAJOR
#define MAJOR SEPT_ABI_MAJOR
#endif
#ifndef CAPS
#define CAPS (SEPT_CAP_NET | SEPT_CAP_EXEC | SEPT_CAP_SECRET)
#endif

#ifndef FLAGS
#define FLAGS SEPT_F_UNLOADABLE
#endif

static sept_status
skill_scan(struct sept_plugin *p, struct sept_call *c, struct sept_slice dir)
{
	struct me *m = p->self;
	char text[512];

	(void)snprintf(text, sizeof text, "{\"skills\":[{\"name\":\"%s\","
	    "\"dir\":\"%.*s\"}],\"problems\":[]}", BUILD, (int)dir.n, dir.p);
	m->call->complete(c, SEPT_OK, sept_str(text));
	return SEPT_OK;
}

static const struct sept_skill skill_ext = {
	.size = sizeof skill_ext,
	.scan = skill_scan,
};

static sept_status
llm_generate(struct sept_plugin *p, struct sept_call *c,
    const struct sept_llm_request *req)
{
	struct me *m = p->self;
	struct sept_event ev = { .size = sizeof ev };
	struct sept_slice word;
	size_t i;

	ev.kind = SEPT_EV_BLOCK_START;
	ev.flags = SEPT_BLOCK_TEXT;
	(void)m->call->emit(c, &ev);
	ev.flags = 0;
	ev.kind = SEPT_EV_TEXT;
	for (i = 0; i < req->model.n; i++) {
		word = sept_slice_of(req->model.p + i, 1);
		ev.text = word;
		(void)m->call->emit(c, &ev);
	}
	ev.text = sept_str(NULL);
	ev.kind = SEPT_EV_BLOCK_STOP;
	(void)m->call->emit(c, &ev);
	m->call->complete(c, SEPT_OK,
	    sept_str("{\"stop_reason\":\"end_turn\"}"));
	return SEPT_OK;
}

static uint32_t
llm_window(struct sept_plugin *p, struct sept_slice model)
{
	(void)p;
	return sept_slice_eq(model, "big") ? 1000000 : 8000;
}

static const struct sept_llm llm_ext = {
	.size = sizeof llm_ext,
	.name = "test",
	.default_model = "small",
	.generate = llm_generate,
	.context_window = llm_window,
};

static sept_status
health_check(struct sept_plugin *p, struct sept_err *err)
{
	struct me *m = p->self;

	return m->sick ? sept_fail(m->host, err, SEPT_EFAILED, "feels ill") :
	    SEPT_OK;
}

static const struct sept_health health_ext = {
	.size = sizeof health_ext,
	.check = health_check,
};

static sept_status
configure(struct sept_plugin *p, struct sept_slice json, struct sept_err *err)
{
	struct me *m = p->self;
	size_t i, k = 0;

	for (i = 0; i < json.n && k < sizeof m->config - 1; i++)
		if (json.p[i] != '"')
			m->config[k++] = json.p[i];
	if (strstr(m->config, "bad") != NULL)
		return sept_fail(m->host, err, SEPT_EINVAL, "bad setting");
	m->early_ext = m->host->get_ext(m->host, SEPT_HOST_CALL) != NULL;
	return SEPT_OK;
}

static sept_status
start(struct sept_plugin *p, struct sept_err *err)
{
	struct me *m = p->self;

	m->call = m->host->get_ext(m->host, SEPT_HOST_CALL);
	m->loop = m->host->get_ext(m->host, SEPT_HOST_LOOP);
	m->pool = m->host->get_ext(m->host, SEPT_HOST_POOL);
	m->http = m->host->get_ext(m->host, SEPT_HOST_HTTP);
	m->proc = m->host->get_ext(m->host, SEPT_HOST_PROC);
	m->secret = m->host->get_ext(m->host, SEPT_HOST_SECRET);
#ifdef NO_START
	return sept_fail(m->host, err, SEPT_EIO, "will not start");
#else
	(void)err;
	sept_logf(m->host, SEPT_LOG_DEBUG, "build %s starts", BUILD);
	return SEPT_OK;
#endif
}

static void
cancel(struct sept_plugin *p, struct sept_call *c)
{
	struct me *m = p->self;

	if (m->call->user(c) == m)
		m->call->complete(c, SEPT_ECANCELLED, sept_str("{}"));
}

static void
quiet(void *arg)
{
	struct me *m = arg;
	int i;

	for (i = 0; i < m->n_stash; i++)
		m->call->complete(m->stash[i], SEPT_ECANCELLED,
		    sept_str("{}"));
	m->n_stash = 0;
	for (i = 0; i < m->n_threads; i++)
		(void)pthread_join(m->threads[i], NULL);
	m->host->quiesced(m->quiesce);
}

static void
quiesce(struct sept_plugin *p, struct sept_quiesce *q)
{
	struct me *m = p->self;
	struct sept_timer *t;

	m->quiesce = q;
#ifdef NO_QUIET
	return;
#endif
	if (m->loop->timer(m->host, 1, quiet, m, &t) != SEPT_OK)
		m->host->quiesced(q);
}

static void
destroy(struct sept_plugin *p)
{
	free(p->self);
}

static const void *
get_ext(struct sept_plugin *p, const char *id)
{
	(void)p;
	if (strcmp(id, SEPT_EXT_TOOL) == 0)
		return &test_tools;
	if (strcmp(id, SEPT_EXT_SKILL) == 0)
		return &skill_ext;
	if (strcmp(id, SEPT_EXT_LLM) == 0)
		return &llm_ext;
	if (strcmp(id, SEPT_EXT_HEALTH) == 0)
		return &health_ext;
	return NULL;
}

static sept_status
create(const struct sept_host *host, struct sept_plugin **out)
{
	struct me *m = calloc(1, sizeof *m);

	if (m == NULL)
		return SEPT_ENOMEM;
	m->host = host;
	m->plugin.size = sizeof m->plugin;
	m->plugin.self = m;
	m->plugin.configure = configure;
	m->plugin.start = start;
	m->plugin.cancel = cancel;
	m->plugin.quiesce = quiesce;
	m->plugin.destroy = destroy;
	m->plugin.get_ext = get_ext;
	*out = &m->plugin;
	return SEPT_OK;
}

static const char *const provides[] = { SEPT_EXT_TOOL, SEPT_EXT_SKILL,
	SEPT_EXT_LLM, SEPT_EXT_HEALTH, NULL };
#ifdef NEEDS
static const char *const needs[] = { SEPT_HOST_CALL, NEEDS, NULL };
#else
static const char *const needs[] = { SEPT_HOST_CALL, SEPT_HOST_LOOP, NULL };
#endif

static const struct sept_desc desc = {
	.size = sizeof desc,
	.abi_major = MAJOR,
	.abi_minor = 0,
	.layout = SEPT_LAYOUT,
	.flags = FLAGS,
	.caps = CAPS,
	.id = "test.plugin",
	.version = "1.0.0",
	.provides = provides,
	.requires_ = needs,
	.create = create,
};

const struct sept_desc *
september_plugin_v1(void)
{
	return &desc;
}

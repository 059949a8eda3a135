/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plugin.c - the instance of a network backend: configuration, host tables,
 * and generate(), which parses a request and starts a run.
 *
 * A missing key does not stop the start; the call that needs it fails.
 */
#include <stdlib.h>
#include <string.h>

#include "run-internal.h"

#define TIMEOUT_S 120
#define MAX_TOKENS 4096

/* Only what can stand in a URL, so that nothing slips into the request. */
static int
url_good(const char *s)
{
	const char *p;

	if (strncmp(s, "https://", 8) != 0 && strncmp(s, "http://", 7) != 0)
		return 0;
	for (p = s; *p != '\0'; p++)
		if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f ||
		    strchr("\"<>\\^`{}#?", *p) != NULL)
			return 0;
	return p - s > 8 && p - s < 2048;
}

static char *
base_of(const struct llm_provider *pv, const char *url)
{
	const char *const *t;
	size_t n = strlen(url), k;
	char *s;
	int again = 1;

	while (again) {
		again = 0;
		while (n > 0 && url[n - 1] == '/')
			n--;
		for (t = pv->trim; t != NULL && *t != NULL; t++) {
			k = strlen(*t);
			if (n > k && memcmp(url + n - k, *t, k) == 0) {
				n -= k;
				again = 1;
			}
		}
	}
	s = malloc(n + 1);
	if (s != NULL) {
		memcpy(s, url, n);
		s[n] = '\0';
	}
	return s;
}

static sept_status
plugin_configure(struct sept_plugin *base, struct sept_slice json,
    struct sept_err *err)
{
	struct llm_plugin *pl = base->self;
	const char *url, *model;
	sept_status st = SEPT_OK;
	json_t *conf, *v;

	conf = json_loadb(json.p != NULL ? json.p : "{}",
	    json.p != NULL ? json.n : 2, 0, NULL);
	if (!json_is_object(conf)) {
		json_decref(conf);
		return sept_fail(pl->host, err, SEPT_EINVAL,
		    "the configuration is not a JSON object");
	}
	url = llm_string(conf, "base_url");
	model = llm_string(conf, "model");
	if (*url == '\0')
		url = pl->pv->default_base;
	if (*model == '\0')
		model = pl->pv->default_model;
	if (!url_good(url)) {
		st = sept_fail(pl->host, err, SEPT_EINVAL,
		    "LLM_BASE_URL is not an http or https URL");
		goto out;
	}
	pl->base_url = base_of(pl->pv, url);
	pl->model = strdup(model);
	if (pl->base_url == NULL || pl->model == NULL) {
		st = sept_fail(pl->host, err, SEPT_ENOMEM, "out of memory");
		goto out;
	}
	pl->ext.default_model = pl->model;
	v = json_object_get(conf, "timeout_seconds");
	if (json_is_number(v) && json_number_value(v) >= 0.001 &&
	    json_number_value(v) <= 86400)
		pl->timeout_ms = (uint32_t)(json_number_value(v) * 1000);
	v = json_object_get(conf, "max_tokens");
	if (json_is_integer(v) && json_integer_value(v) > 0 &&
	    json_integer_value(v) < 100000000)
		pl->max_tokens = (long)json_integer_value(v);
out:
	json_decref(conf);
	return st;
}

static int
key_good(struct sept_slice key)
{
	size_t i;

	for (i = 0; i < key.n; i++)
		if ((unsigned char)key.p[i] <= ' ' ||
		    (unsigned char)key.p[i] >= 0x7f)
			return 0;
	return 1;
}

static sept_status
plugin_start(struct sept_plugin *base, struct sept_err *err)
{
	struct llm_plugin *pl = base->self;
	const struct sept_host *h = pl->host;
	const struct sept_host_secret *sec;

	pl->call = h->get_ext(h, SEPT_HOST_CALL);
	pl->http = h->get_ext(h, SEPT_HOST_HTTP);
	pl->loop = h->get_ext(h, SEPT_HOST_LOOP);
	sec = h->get_ext(h, SEPT_HOST_SECRET);
	if (pl->call == NULL || pl->http == NULL)
		return sept_fail(h, err, SEPT_EUNAVAIL,
		    "the host gives no calls or no HTTP client");
	if (pl->base_url == NULL) {
		pl->base_url = base_of(pl->pv, pl->pv->default_base);
		if (pl->base_url == NULL)
			return sept_fail(h, err, SEPT_ENOMEM,
			    "out of memory");
	}
	if (sec != NULL &&
	    sec->get(h, "LLM_API_KEY", &pl->key) != SEPT_OK &&
	    sec->get(h, pl->pv->key_name, &pl->key) != SEPT_OK)
		pl->key = sept_slice_of(NULL, 0);
	/* A line end from a file must not end the header line. */
	while (pl->key.n > 0 &&
	    (unsigned char)pl->key.p[pl->key.n - 1] <= ' ')
		pl->key.n--;
	if (pl->key.n > 0 && !key_good(pl->key))
		return sept_fail(h, err, SEPT_EINVAL, "the API key holds "
		    "characters that cannot stand in a header");
	return SEPT_OK;
}

static void
plugin_cancel(struct sept_plugin *base, struct sept_call *call)
{
	struct llm_plugin *pl = base->self;
	struct llm_run *run = pl->call->user(call);

	if (run != NULL)
		llm_run_cancel(run);
}

/* Running replies end by themselves; the host keeps us until they have. */
static void
plugin_quiesce(struct sept_plugin *base, struct sept_quiesce *q)
{
	struct llm_plugin *pl = base->self;

	pl->quiescing = 1;
	pl->host->quiesced(q);
}

static void
plugin_destroy(struct sept_plugin *base)
{
	struct llm_plugin *pl = base->self;

	llm_tools_unref(pl->tools);
	free(pl->base_url);
	free(pl->model);
	free(pl);
}

static const void *
plugin_get_ext(struct sept_plugin *base, const char *id)
{
	struct llm_plugin *pl = base->self;

	return strcmp(id, SEPT_EXT_LLM) == 0 ? &pl->ext : NULL;
}

static uint32_t
plugin_window(struct sept_plugin *base, struct sept_slice model)
{
	struct llm_plugin *pl = base->self;

	if (model.n == 0)
		model = sept_str(pl->ext.default_model);
	return pl->pv->context_window(model);
}

static void
req_params(struct llm_plugin *pl, struct llm_req *q)
{
	const json_t *v = json_object_get(q->params, "max_tokens");
	const json_t *choice = json_object_get(q->params, "tool_choice");

	q->max_tokens = pl->max_tokens;
	if (json_is_integer(v) && json_integer_value(v) > 0 &&
	    json_integer_value(v) < 100000000)
		q->max_tokens = (long)json_integer_value(v);
	q->thinking = json_is_true(json_object_get(q->params, "thinking"));
	if (json_is_string(choice))
		q->no_tools = strcmp(json_string_value(choice), "none") == 0;
	else
		q->force = json_string_value(json_object_get(choice, "name"));
	v = json_object_get(q->params, "response_schema");
	q->schema = json_is_object(v) ? v : NULL;
	v = json_object_get(q->params, "temperature");
	q->temperature = json_is_number(v) ? v : NULL;
	v = json_object_get(q->params, "stop_sequences");
	q->stop = json_array_size(v) > 0 ? v : NULL;
}

static json_t *
load(struct sept_slice s, const char *empty)
{
	if (s.n == 0)
		return json_loads(empty, 0, NULL);
	return json_loadb(s.p, s.n, JSON_ALLOW_NUL, NULL);
}

static void
generate_parsed(struct llm_plugin *pl, struct llm_run *run,
    const struct sept_llm_request *rq)
{
	struct llm_req q;
	char *model = NULL;

	memset(&q, 0, sizeof q);
	q.system = load(rq->system, "[]");
	q.messages = load(rq->messages, "[]");
	q.params = load(rq->params, "{}");
	run->tools = llm_tools_get(&pl->tools, rq->tools, pl->pv->tool);
	q.tools = run->tools;
	if (rq->model.n > 0)
		model = strndup(rq->model.p, rq->model.n);
	q.model = rq->model.n > 0 ? model : pl->ext.default_model;
	if (!json_is_array(q.system) || !json_is_array(q.messages) ||
	    !json_is_object(q.params) || q.tools == NULL || q.model == NULL)
		llm_fail_set(&run->fail, LLM_PROVIDER_ERROR, 0,
		    "the request is not well formed or memory is short");
	if (run->fail.code == NULL) {
		req_params(pl, &q);
		llm_run_start(run, &q);
	} else {
		llm_run_over(run);
	}
	json_decref(q.system);
	json_decref(q.messages);
	json_decref(q.params);
	free(model);
}

static sept_status
plugin_generate(struct sept_plugin *base, struct sept_call *call,
    const struct sept_llm_request *rq)
{
	struct llm_plugin *pl = base->self;
	struct llm_run *run;

	if (pl->quiescing)
		return SEPT_EUNAVAIL;
	run = llm_run_new(pl, call);
	if (run == NULL)
		return SEPT_ENOMEM;
	if (pl->pv->needs_key && pl->key.n == 0) {
		llm_fail_set(&run->fail, LLM_PROVIDER_ERROR, 0, "no API key "
		    "for %s: set LLM_API_KEY or %s", pl->pv->name,
		    pl->pv->key_name);
		llm_run_over(run);
		return SEPT_OK;
	}
	generate_parsed(pl, run, rq);
	return SEPT_OK;
}

sept_status
llm_plugin_new(const struct llm_provider *pv, const struct sept_host *host,
    struct sept_plugin **out)
{
	struct llm_plugin *pl;

	pl = calloc(1, sizeof *pl);
	if (pl == NULL)
		return SEPT_ENOMEM;
	pl->host = host;
	pl->pv = pv;
	pl->timeout_ms = TIMEOUT_S * 1000;
	pl->max_tokens = MAX_TOKENS;
	pl->base.size = sizeof pl->base;
	pl->base.self = pl;
	pl->base.configure = plugin_configure;
	pl->base.start = plugin_start;
	pl->base.cancel = plugin_cancel;
	pl->base.quiesce = plugin_quiesce;
	pl->base.destroy = plugin_destroy;
	pl->base.get_ext = plugin_get_ext;
	pl->ext.size = sizeof pl->ext;
	pl->ext.media = pv->media;
	pl->ext.name = pv->name;
	pl->ext.default_model = pv->default_model;
	pl->ext.generate = plugin_generate;
	pl->ext.context_window = plugin_window;
	*out = &pl->base;
	return SEPT_OK;
}

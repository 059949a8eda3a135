/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health.c - GET /health and GET /metrics: numbers that are at hand on the
 * loop; nothing is asked of the brain.
 */
#include <stdio.h>
#include <string.h>

#include "../base/buf.h"
#include "../base/clock.h"
#include "api-internal.h"

static double
uptime(const struct api *a)
{
	return (double)(clock_mono_ns() - a->started_ns) / 1e9;
}

/*
 * Written by hand: it is asked for often. `degraded`: work can be done, but
 * the last model call failed or a plugin is unwell.
 */
void
api_health(struct api_call *c)
{
	struct agent_stats st;
	struct brain_stats db;
	struct agent *a = c->api->cfg.agent;
	char why[128], body[512];
	int up = !agent_starting(a) && !agent_draining(a), plugs_ok, n;
	const char *state;

	agent_stats(a, &st);
	brain_stats(c->api->cfg.brain, &db);
	plugs_ok = agent_plugins(a) == NULL || strcmp(plug_health(
	    agent_plugins(a), why, sizeof why), "ok") == 0;
	state = !db.healthy ? "error" : agent_draining(a) ? "stopping" :
	    !up ? "starting" : !st.llm_ok || !plugs_ok ? "degraded" : "ok";
	n = snprintf(body, sizeof body, "{\"status\":\"%s\","
	    "\"uptime_seconds\":%.3f,\"subsystems\":{\"database\":\"%s\","
	    "\"llm_provider\":\"%s\",\"asset_directory\":\"ok\","
	    "\"plugins\":\"%s\"}}", state, uptime(c->api),
	    db.healthy ? "ok" : "error", st.llm_ok ? "ok" : "error",
	    plugs_ok ? "ok" : "error");
	http_reply_raw(c->req, db.healthy && up ? 200 : 503,
	    "application/json", body, (size_t)n);
}

static void
metric(struct buf *b, const char *name, const char *type, const char *help,
    double value)
{
	buf_addf(b, "# HELP september_%s %s\n# TYPE september_%s %s\n"
	    "september_%s %.15g\n", name, help, name, type, name, value);
}

#define COUNTER(name, help, value) \
	metric(&b, name, "counter", help, (double)(value))
#define GAUGE(name, help, value) \
	metric(&b, name, "gauge", help, (double)(value))

static void
add_turns(struct buf *out, const struct agent_stats *st)
{
	struct buf b = *out;

	COUNTER("turns_started_total", "Turns begun.", st->turns_started);
	COUNTER("turns_completed_total", "Turns completed.",
	    st->turns_completed);
	COUNTER("turns_failed_total", "Turns that ended with an error.",
	    st->turns_failed);
	COUNTER("turns_cancelled_total", "Turns cancelled.",
	    st->turns_cancelled);
	GAUGE("turns_running", "Turns running now.", st->running);
	COUNTER("model_calls_total", "Model calls.", st->model_calls);
	COUNTER("model_retries_total", "Model calls made again.",
	    st->model_retries);
	COUNTER("model_failures_total", "Model calls failed.",
	    st->model_failures);
	COUNTER("tool_calls_total", "Tool calls.", st->tool_calls);
	COUNTER("tool_failures_total", "Tool calls failed.",
	    st->tool_failures);
	COUNTER("input_tokens_total", "Tokens sent to models.",
	    st->input_tokens);
	COUNTER("output_tokens_total", "Tokens received from models.",
	    st->output_tokens);
	COUNTER("cache_hit_tokens_total", "Input tokens from a prompt cache.",
	    st->cache_hit_tokens);
	*out = b;
}

void
api_metrics(struct api_call *c)
{
	const struct api_config *cfg = &c->api->cfg;
	struct http_server_stats hs = { 0 };
	struct http_client_stats hc = { 0 };
	struct journal_stats js;
	struct brain_stats db;
	struct agent_stats st;
	struct buf b;

	agent_stats(cfg->agent, &st);
	brain_stats(cfg->brain, &db);
	journal_stats(cfg->journal, &js);
	if (c->api->server != NULL)
		http_server_stats(c->api->server, &hs);
	http_client_stats(cfg->client, &hc);
	buf_init(&b, 1u << 20);
	GAUGE("uptime_seconds", "Seconds since start.", uptime(c->api));
	add_turns(&b, &st);
	COUNTER("http_requests_total", "Requests that reached a handler.",
	    hs.requests);
	COUNTER("http_refused_total", "Requests refused below HTTP.",
	    hs.refused);
	GAUGE("http_connections", "Open connections.", hs.connections);
	GAUGE("http_streams", "Open SSE streams.", hs.streams);
	COUNTER("client_requests_total", "Requests made to other servers.",
	    hc.requests);
	COUNTER("client_failures_total", "Of these, failed.", hc.failed);
	COUNTER("client_connections_total", "Connections opened.",
	    hc.connections_opened);
	COUNTER("journal_events_total", "Events journaled.", js.events);
	COUNTER("journal_rows_total", "Rows they took.", js.rows);
	GAUGE("journal_readers", "Readers of the journal.", js.readers);
	GAUGE("journal_tail_bytes", "Events held for live readers.",
	    js.tail_bytes);
	COUNTER("brain_commits_total", "Commits.", db.commits);
	COUNTER("brain_operations_total", "Operations committed.", db.ops);
	COUNTER("brain_failures_total", "Operations failed.", db.failed);
	COUNTER("brain_checkpoints_total", "Checkpoints.", db.checkpoints);
	GAUGE("brain_queue", "Operations that wait.", db.queued);
	COUNTER("loop_stalls_total", "Times the loop was held.",
	    loop_stalls(cfg->loop));
	if (buf_failed(&b))
		http_reply_json(c->req, 200, NULL);
	else
		http_reply_raw(c->req, 200, "text/plain; version=0.0.4",
		    b.p, b.n);
	buf_fini(&b);
}

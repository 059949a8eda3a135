/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - the engine daemon: start order, signals, stop order.
 *
 * Everything is made bottom up before the loop runs. On the loop: the key is
 * read, the listener opened (it answers /health while the rest starts), the
 * first catalog loaded, unfinished turns taken up. SIGTERM and SIGINT drain, a
 * second one exits at once, SIGHUP reloads the catalog.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent.h"
#include "api/api.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "loop/pool.h"
#include "loop/proc.h"
#include "main-config.h"
#include "memory/memory.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "plug/plug.h"
#include "store/brain.h"
#include "store/journal.h"

#define POOL_THREADS 16
#define POOL_QUEUE 1024
#define MAX_CONNECTIONS 20000
#define WATCHDOG_MS 50
#define TOOL_TIMEOUT_MS 120000
#define STOP_SECONDS 8
#define FLUSH_MS 1000 /* for clients to get the ends of their streams */
#define FLUSH_STEP_MS 10

struct engine {
	struct config cfg;
	struct loop *loop;
	struct pool *pool;
	struct brain *brain;
	struct journal *journal;
	struct memory *memory;
	struct plug_memory plug_memory;
	struct http_client *client;
	struct plug *plug;
	struct agent *agent;
	struct api *api;
	struct http_server *server;
	struct event *signals[4];
	uint64_t started_ns;
	struct loop_timer *flush;
	unsigned flush_ms;
	int stopping;
	int failed; /* exit status */
};

static void
fail_start(struct engine *g, const char *why)
{
	log_error("main", "%s", why);
	g->failed = 1;
	loop_stop(g->loop);
}

/* --- what plugins are told ---------------------------------------------- */

static json_t *
split_roots(const char *list)
{
	json_t *a = json_array();
	const char *end;

	while (a != NULL && *list != '\0') {
		end = strchrnul(list, ',');
		if (end > list && json_array_append_new(a,
		    json_stringn(list, (size_t)(end - list))) != 0) {
			json_decref(a);
			return NULL;
		}
		list = *end != '\0' ? end + 1 : end;
	}
	return a;
}

/* The same for every plugin; none of it is secret. */
static json_t *
plugin_config(void *user, const char *plugin_id)
{
	const struct config *c = &((struct engine *)user)->cfg;

	(void)plugin_id;
	return json_pack("{s:s*,s:s*,s:I,s:I,s:s,s:o,s:s}", "base_url",
	    c->base_url, "model", c->model, "timeout_seconds",
	    (json_int_t)c->llm_timeout_s, "max_tokens",
	    (json_int_t)c->max_tokens, "catalog_dir", c->catalog_dir,
	    "allowed_roots", split_roots(c->allowed_roots), "workspace",
	    c->workspace);
}

static const char *
plugin_secret(void *user, const char *name)
{
	return config_get(&((struct engine *)user)->cfg, name);
}

static int32_t
memory_kind(const char *op)
{
	enum memory_access a = memory_access(op);

	return a == MEMORY_WRITE ? PLUG_MEM_WRITE :
	    a == MEMORY_READ ? PLUG_MEM_READ : PLUG_MEM_NONE;
}

static int
memory_begin(void *user, const char *op, json_t *params,
    void (*done)(void *, const struct err *, json_t *), void *arg,
    struct err *e)
{
	return memory_call(((struct engine *)user)->memory, op, params, done,
	    arg, e);
}

/* --- start -------------------------------------------------------------- */

static int
make_low(struct engine *g, struct err *e)
{
	struct journal_config jc;
	struct http_client_config hc;

	g->loop = loop_new(e);
	if (g->loop == NULL)
		return -1;
	g->pool = pool_new(g->loop, POOL_THREADS, POOL_QUEUE, e);
	g->brain = g->pool == NULL ? NULL :
	    brain_open(g->loop, g->cfg.db_path, e);
	if (g->brain == NULL)
		return -1;
	g->memory = memory_new(g->brain, e);
	if (g->memory == NULL)
		return -1;
	jc.ttl_active_s = g->cfg.ttl_active_s;
	jc.ttl_hitl_s = g->cfg.ttl_hitl_s;
	g->journal = journal_new(g->loop, g->brain, &jc, e);
	memset(&hc, 0, sizeof hc);
	hc.allow = g->cfg.network_allow;
	hc.user_agent = "september-engine/" SEPT_VERSION;
	g->client = g->journal == NULL ? NULL :
	    http_client_new(g->loop, &hc, e);
	return g->client == NULL ? -1 : 0;
}

static int
make_plug(struct engine *g, struct err *e)
{
	struct plug_config pc;

	memset(&pc, 0, sizeof pc);
	pc.loop = g->loop;
	pc.pool = g->pool;
	pc.http = g->client;
	pc.path = g->cfg.plugin_path;
	pc.state_dir = g->cfg.state_dir;
	pc.configure = plugin_config;
	pc.secret = plugin_secret;
	g->plug_memory.access = memory_kind;
	g->plug_memory.call = memory_begin;
	g->plug_memory.user = g;
	pc.memory = &g->plug_memory;
	pc.user = g;
	pc.default_timeout_ms = TOOL_TIMEOUT_MS;
	g->plug = plug_new(&pc, e);
	return g->plug == NULL ? -1 : 0;
}

static int
make_high(struct engine *g, struct err *e)
{
	const struct config *c = &g->cfg;
	struct agent_config ac;
	struct api_config pc;

	memset(&ac, 0, sizeof ac);
	ac.loop = g->loop;
	ac.pool = g->pool;
	ac.brain = g->brain;
	ac.journal = g->journal;
	ac.plug = g->plug;
	ac.provider = c->provider;
	ac.model = c->model;
	ac.fallback_model = c->fallback_model;
	ac.default_agent = c->default_agent;
	ac.catalog_dir = c->catalog_dir;
	ac.workspace = c->workspace;
	ac.workspace_shared = c->workspace_shared;
	ac.max_tokens = c->max_tokens;
	ac.llm_timeout_s = c->llm_timeout_s;
	ac.llm_max_retries = c->llm_max_retries;
	ac.tool_concurrency = c->tool_concurrency;
	g->agent = agent_new(&ac, e);
	if (g->agent == NULL)
		return -1;
	memset(&pc, 0, sizeof pc);
	pc.loop = g->loop;
	pc.brain = g->brain;
	pc.journal = g->journal;
	pc.plug = g->plug;
	pc.agent = g->agent;
	pc.memory = g->memory;
	pc.client = g->client;
	pc.key_hash = c->key_hash;
	pc.rotation_min_s = c->rotation_min_s;
	pc.rotation_max_s = c->rotation_max_s;
	pc.rotation_reject_old = c->rotation_reject_old;
	pc.provider = c->provider;
	pc.model = c->model;
	g->api = api_new(&pc, e);
	return g->api == NULL ? -1 : 0;
}

/* Whole or not at all: a reader never sees half a number. */
static int
write_port_file(const char *path, int port, struct err *e)
{
	char tmp[4096];
	FILE *f;
	int bad;

	if (snprintf(tmp, sizeof tmp, "%s.tmp", path) >= (int)sizeof tmp)
		return err_set(e, ERR_INTERNAL, "ENGINE_PORT_FILE: too long");
	f = fopen(tmp, "we");
	bad = f == NULL || fprintf(f, "%d\n", port) < 0;
	bad = (f != NULL && fclose(f) != 0) || bad;
	if (bad || rename(tmp, path) != 0)
		return err_set(e, ERR_INTERNAL,
		    "ENGINE_PORT_FILE: cannot write %s: %s", path,
		    strerror(errno));
	return 0;
}

static int
open_server(struct engine *g, struct err *e)
{
	struct http_server_config sc;
	json_t *extra;
	int port;

	memset(&sc, 0, sizeof sc);
	sc.host = g->cfg.host;
	sc.port = (int)g->cfg.port;
	sc.max_body = (size_t)g->cfg.max_body;
	sc.max_connections = MAX_CONNECTIONS;
	sc.head_timeout_ms = (unsigned)g->cfg.head_timeout_s * 1000;
	sc.body_timeout_ms = (unsigned)g->cfg.body_timeout_s * 1000;
	sc.idle_timeout_ms = (unsigned)g->cfg.idle_timeout_s * 1000;
	sc.check_head = api_check_head;
	sc.handle = api_handle;
	sc.user = g->api;
	g->server = http_server_new(g->loop, &sc, e);
	if (g->server == NULL)
		return -1;
	api_set_server(g->api, g->server);
	port = http_server_port(g->server);
	if (g->cfg.port_file != NULL &&
	    write_port_file(g->cfg.port_file, port, e) != 0)
		return -1;
	extra = json_pack("{s:s,s:i,s:f}", "host", g->cfg.host, "port", port,
	    "ms", (double)(clock_mono_ns() - g->started_ns) / 1e6);
	log_msg(LOG_LEVEL_INFO, "main",
	    &(struct log_ctx){ NULL, NULL, extra }, "listening on %s:%d",
	    g->cfg.host, port);
	json_decref(extra);
	return 0;
}

static void
log_problems(json_t *problems)
{
	json_t *p;
	size_t i;

	json_array_foreach(problems, i, p)
		log_error("catalog", "%s:%lld: %s",
		    json_string_value(json_object_get(p, "file")),
		    (long long)json_integer_value(json_object_get(p,
		    "line")), json_string_value(json_object_get(p,
		    "message")));
}

static void
on_resumed(void *arg, const struct err *e)
{
	(void)arg;
	if (e->code != ERR_NONE)
		log_error("main", "unfinished turns were not taken up: %s",
		    e->text);
}

static void
on_loaded(void *arg, const struct err *e, json_t *reply, json_t *problems)
{
	struct engine *g = arg;
	struct err why;

	(void)reply;
	if (e->code != ERR_NONE) {
		log_problems(problems);
		fail_start(g, e->text);
		return;
	}
	log_info("main", "ready after %.1f ms",
	    (double)(clock_mono_ns() - g->started_ns) / 1e6);
	if (agent_resume(g->agent, on_resumed, g, &why) != 0)
		on_resumed(g, &why);
}

static void
on_key(void *arg, const struct err *e)
{
	struct engine *g = arg;
	struct err why = *e;

	if (why.code != ERR_NONE || open_server(g, &why) != 0 ||
	    agent_reload(g->agent, on_loaded, g, &why) != 0)
		fail_start(g, why.text);
}

/* --- signals ------------------------------------------------------------ */

/* Turns have ended; their streams end when the clients have it all. */
static void
on_drained(void *arg)
{
	struct engine *g = arg;
	struct http_server_stats st = { 0 };

	g->flush = NULL;
	if (g->server != NULL)
		http_server_stats(g->server, &st);
	if (st.streams > 0 && g->flush_ms < FLUSH_MS) {
		g->flush_ms += FLUSH_STEP_MS;
		if (loop_timer(g->loop, FLUSH_STEP_MS, on_drained, g,
		    &g->flush) == 0)
			return;
	}
	loop_stop(g->loop);
}

static void
on_term(evutil_socket_t sig, short what, void *arg)
{
	struct engine *g = arg;

	(void)what;
	if (g->stopping)
		_exit(128 + (int)sig);
	g->stopping = 1;
	log_info("main", "stopping: %u turns run", agent_running(g->agent));
	agent_drain(g->agent, (uint64_t)g->cfg.drain_s * 1000, on_drained, g);
}

static void
on_hup_done(void *arg, const struct err *e, json_t *reply, json_t *problems)
{
	(void)arg;
	(void)reply;
	log_problems(problems);
	if (e->code != ERR_NONE)
		log_error("main", "the old catalog stays: %s", e->text);
	else
		log_info("main", "the catalog was reloaded");
}

static void
on_hup(evutil_socket_t sig, short what, void *arg)
{
	struct engine *g = arg;
	struct err e;

	(void)sig;
	(void)what;
	if (agent_reload(g->agent, on_hup_done, g, &e) != 0)
		log_error("main", "no reload: %s", e.text);
}

static int
add_signals(struct engine *g)
{
	static const int nums[] = { SIGTERM, SIGINT, SIGHUP };
	size_t i;

	for (i = 0; i < sizeof nums / sizeof nums[0]; i++) {
		g->signals[i] = evsignal_new(loop_base(g->loop), nums[i],
		    nums[i] == SIGHUP ? on_hup : on_term, g);
		if (g->signals[i] == NULL ||
		    event_add(g->signals[i], NULL) != 0)
			return -1;
	}
	return 0;
}

/* --- the life of the process -------------------------------------------- */

/* A worker that never comes back must not keep the process alive. */
static void
on_alarm(int sig)
{
	(void)sig;
	_exit(0);
}

static void
stop(struct engine *g)
{
	size_t i;

	for (i = 0; i < sizeof g->signals / sizeof g->signals[0]; i++)
		if (g->signals[i] != NULL)
			event_free(g->signals[i]);
	http_server_free(g->server);
	/* Callbacks of what is still under way need all that is above. */
	/* Its timers must not find a brain that is closed. */
	journal_free(g->journal);
	if (g->brain != NULL)
		brain_close(g->brain);
	/* All that matters is on disk; the rest has this long. */
	(void)signal(SIGALRM, on_alarm);
	(void)alarm(STOP_SECONDS);
	api_free(g->api);
	agent_free(g->agent);
	plug_free(g->plug);
	proc_fini();
	http_client_free(g->client);
	memory_free(g->memory);
	pool_free(g->pool);
	loop_free(g->loop);
	config_free(&g->cfg);
}

static int
start(struct engine *g, struct err *e)
{
	g->started_ns = clock_mono_ns();
	if (config_load(&g->cfg, e) != 0)
		return -1;
	if (log_set_level(g->cfg.log_level) != 0)
		return err_set(e, ERR_INTERNAL, "ENGINE_LOG_LEVEL: must be "
		    "DEBUG, INFO, WARNING or ERROR");
	if (make_low(g, e) != 0 || make_plug(g, e) != 0 ||
	    make_high(g, e) != 0)
		return -1;
	if (add_signals(g) != 0)
		return err_set(e, ERR_INTERNAL, "cannot watch signals");
	if (loop_watchdog_start(g->loop, WATCHDOG_MS, e) != 0)
		return -1;
	api_start(g->api, on_key, g);
	return 0;
}

int
main(int argc, char **argv)
{
	static struct engine g;
	struct err e;

	if (argc > 1) {
		if (strcmp(argv[1], "--version") == 0) {
			puts("september-engine " SEPT_VERSION);
			return 0;
		}
		fprintf(stderr, "usage: september-engine [--version]\n"
		    "Settings come from the environment and .env; see "
		    "september-engine(8).\n");
		return strcmp(argv[1], "--help") == 0 ? 0 : 2;
	}
	(void)umask(077);
	(void)signal(SIGPIPE, SIG_IGN);
	if (sodium_init() < 0) {
		fprintf(stderr, "september-engine: libsodium cannot start\n");
		return 1;
	}
	err_clear(&e);
	if (start(&g, &e) != 0) {
		fprintf(stderr, "september-engine: %s\n", e.text);
		g.failed = 1;
	} else if (loop_run(g.loop) != 0) {
		log_error("main", "the event loop failed");
		g.failed = 1;
	}
	if (!g.failed)
		log_info("main", "stopped");
	stop(&g);
	return g.failed;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shell.c - the tool bash: one command in a session of its own, its output
 * clipped, its deadline kept.
 *
 * Invariants: a call is completed once, from the loop, after everything that
 * the command started has been ended; the child sees nothing of the engine's
 * environment. Life of a run: spawned -> (timeout or cancel: killed) ->
 * exited -> swept on the pool -> completed.
 *
 * Judges no command: policy belongs to the host.
 */
#include <inttypes.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "shell.h"

#define OUTPUT_MAX 30000u
#define TIMEOUT_DEFAULT_MS 120000
#define TIMEOUT_MAX_MS 600000
#define GRACE_MS 500u      /* SIGTERM to SIGKILL; the host waits 2 s */
#define SWEEP_MS 1000u
#define ENV_SLOTS 12
#define CHILD_PATH \
	"/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"

enum why { WHY_NONE, WHY_TIMEOUT, WHY_CANCELLED };

struct run {
	LIST_ENTRY(run) link;
	struct shell *sh;
	struct tool_call c;
	struct sept_proc *proc;   /* NULL once ended */
	struct sept_timer *timer; /* NULL once run */
	struct tool_clip all, out, err;
	enum why why;
	int64_t timeout_ms;
	int code, sig;
	pid_t pid;
	int swept;
	char *marker; /* SEPTEMBER_CALL_ID=... of the child */
	char *turn;   /* turn id, or NULL */
};

/* A sweep after a turn. */
struct late {
	struct shell *sh;
	char *marker;
};

struct shell {
	struct sept_plugin base;
	const struct sept_host *host;
	const struct sept_host_call *hc;
	const struct sept_host_loop *loop;
	const struct sept_host_pool *pool;
	const struct sept_host_proc *proc;
	struct tool_config cfg;
	const char *program; /* static */
	char user[64];
	LIST_HEAD(, run) runs;
	unsigned late; /* sweeps under way that belong to no run */
	uint64_t serial;
	struct sept_quiesce *quiesce;
	int closing;
};

static const char schema[] =
    "{\"type\":\"object\",\"properties\":{"
    "\"command\":{\"type\":\"string\",\"minLength\":1,"
    "\"maxLength\":100000,\"description\":\"The command line, run by "
    "bash -c.\"},"
    "\"timeout_ms\":{\"type\":\"integer\",\"minimum\":1,"
    "\"maximum\":600000,\"default\":120000,\"description\":\"Time limit in "
    "milliseconds.\"},"
    "\"cwd\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":4095,"
    "\"description\":\"Directory to start in; relative to the workspace, "
    "which is the default.\"}},"
    "\"required\":[\"command\"],\"additionalProperties\":false}";

static const struct sept_tool_info info = {
	.size = sizeof info,
	.flags = SEPT_TOOL_DESTRUCTIVE,
	.name = "bash",
	.description =
	    "Runs a shell command in the task's workspace and returns what "
	    "it printed (standard output and error, in order) and its exit "
	    "code when that is not 0. Standard input is empty, there is no "
	    "terminal, and no state but files is kept between calls: "
	    "directory and variables start anew. Everything the command "
	    "started, background jobs too, is ended when the call ends. "
	    "Output over 30,000 bytes is cut in the middle. Prefer "
	    "read_file, edit_file, grep and find for work on files.",
	.input_schema = schema,
	.timeout_ms = TIMEOUT_MAX_MS + 5000,
	.max_parallel = 10,
};

static void
run_free(struct run *r)
{
	if (r == NULL)
		return;
	tool_clip_fini(&r->all);
	tool_clip_fini(&r->out);
	tool_clip_fini(&r->err);
	free(r->marker);
	free(r->turn);
	free(r);
}

static void
shell_quiet(struct shell *sh)
{
	struct sept_quiesce *q = sh->quiesce;

	if (q == NULL || !LIST_EMPTY(&sh->runs) || sh->late > 0)
		return;
	sh->quiesce = NULL;
	sh->host->quiesced(q);
}

/* How it ended, in words, at the end of the output. */
static void
report_end(const struct run *r, struct tool_buf *b)
{
	if (r->why == WHY_NONE && r->sig == 0 && r->code == 0 &&
	    r->swept >= 0)
		return;
	if (b->n > 0 && b->p[b->n - 1] != '\n')
		(void)tool_buf_str(b, "\n");
	if (r->why == WHY_TIMEOUT)
		(void)tool_buf_printf(b, "[timed out after %" PRId64
		    " ms; the command was ended]", r->timeout_ms);
	else if (r->why == WHY_CANCELLED)
		(void)tool_buf_str(b, "[cancelled; the command was ended]");
	else if (r->sig != 0)
		(void)tool_buf_printf(b, "[ended by signal %d (SIG%s)]",
		    r->sig, sigabbrev_np(r->sig) != NULL ?
		    sigabbrev_np(r->sig) : "?");
	else if (r->code != 0)
		(void)tool_buf_printf(b, "[exit code %d]", r->code);
	if (r->swept < 0)
		(void)tool_buf_str(b, "\n[some of its processes could not "
		    "be ended]");
}

static int
set_clip(json_t *body, const char *key, const struct tool_clip *c,
    const struct run *end, int64_t *cut)
{
	struct tool_buf b;
	json_t *v = NULL;

	tool_buf_init(&b, OUTPUT_MAX + 1024);
	*cut = tool_clip_render(c, &b);
	if (end != NULL)
		report_end(end, &b);
	if (*cut >= 0)
		v = tool_buf_json(&b);
	tool_buf_fini(&b);
	return v == NULL ? -1 : tool_set(body, key, v);
}

static json_t *
run_body(const struct run *r)
{
	json_t *body = json_object();
	int64_t cut, cut_out, cut_err;

	if (body == NULL)
		return NULL;
	if (set_clip(body, "output", &r->all, r, &cut) != 0 ||
	    set_clip(body, "stdout", &r->out, NULL, &cut_out) != 0 ||
	    set_clip(body, "stderr", &r->err, NULL, &cut_err) != 0 ||
	    tool_set(body, "exit_code", json_integer(r->code)) != 0 ||
	    tool_set(body, "truncated", json_boolean(cut > 0)) != 0 ||
	    (r->sig != 0 &&
	    tool_set(body, "signal", json_integer(r->sig)) != 0) ||
	    (r->why != WHY_NONE && tool_set(body, "error", json_string(
	    r->why == WHY_TIMEOUT ? "timeout" : "cancelled")) != 0)) {
		json_decref(body);
		return NULL;
	}
	return body;
}

/* [loop] The last step of a run. */
static void
run_finish(void *arg)
{
	struct run *r = arg;
	struct shell *sh = r->sh;
	sept_status st = r->why == WHY_TIMEOUT ? SEPT_ETIMEOUT :
	    r->why == WHY_CANCELLED ? SEPT_ECANCELLED : SEPT_OK;

	LIST_REMOVE(r, link);
	sh->hc->set_user(r->c.call, NULL);
	tool_complete(r->c, st, run_body(r));
	run_free(r);
	shell_quiet(sh);
}

/* [pool] */
static void
run_sweep(void *arg)
{
	struct run *r = arg;

	r->swept = sweep(r->marker, r->pid, SWEEP_MS);
}

static void
on_output(void *arg, int32_t fd, struct sept_slice s)
{
	struct run *r = arg;

	tool_clip_add(&r->all, s.p, s.n);
	tool_clip_add(fd == 2 ? &r->err : &r->out, s.p, s.n);
}

static void
on_exit_(void *arg, int32_t code, int32_t sig)
{
	struct run *r = arg;
	struct shell *sh = r->sh;

	r->proc = NULL;
	r->code = code;
	r->sig = sig;
	if (r->timer != NULL)
		sh->loop->timer_cancel(r->timer);
	r->timer = NULL;
	if (sh->pool->submit(sh->host, run_sweep, run_finish, r) == SEPT_OK)
		return;
	/* The pool is full: some milliseconds of the loop, nothing left. */
	run_sweep(r);
	run_finish(r);
}

static void
run_end(struct run *r, enum why why)
{
	if (r->proc == NULL || r->why != WHY_NONE)
		return;
	r->why = why;
	r->sh->proc->kill(r->proc, 0);
}

static void
on_timer(void *arg)
{
	struct run *r = arg;

	r->timer = NULL;
	run_end(r, WHY_TIMEOUT);
}

/* "NAME=value", allocated. */
static char *
env_pair(const char *name, const char *v, size_t n)
{
	size_t k = strlen(name);
	char *s = malloc(k + n + 2);

	if (s == NULL)
		return NULL;
	memcpy(s, name, k);
	s[k] = '=';
	if (n > 0)
		memcpy(s + k + 1, v, n);
	s[k + n + 1] = '\0';
	return s;
}

static void
env_free(char **env)
{
	size_t i;

	for (i = 0; i < ENV_SLOTS; i++)
		free(env[i]);
}

/* The whole environment of a child; -1 when out of memory. */
static int
env_make(const struct run *r, const char *workspace,
    const struct sept_call_info *ci, char **env)
{
	const struct {
		const char *name, *v;
	} fixed[] = {
		{ "PATH", CHILD_PATH }, { "HOME", workspace },
		{ "LANG", "C.UTF-8" }, { "LC_ALL", "C.UTF-8" },
		{ "TERM", "dumb" }, { "TMPDIR", workspace },
		{ "USER", r->sh->user },
	};
	size_t i, n = 0;

	memset(env, 0, ENV_SLOTS * sizeof *env);
	for (i = 0; i < sizeof fixed / sizeof fixed[0]; i++, n++)
		if ((env[n] = env_pair(fixed[i].name, fixed[i].v,
		    strlen(fixed[i].v))) == NULL)
			goto nomem;
	if ((env[n++] = env_pair("SEPTEMBER_TASK_ID", ci->task_id.p,
	    ci->task_id.n)) == NULL ||
	    (env[n++] = env_pair("SEPTEMBER_TURN_ID", ci->turn_id.p,
	    ci->turn_id.n)) == NULL ||
	    (env[n++] = strdup(r->marker)) == NULL)
		goto nomem;
	return 0;
nomem:
	env_free(env);
	return -1;
}

static struct run *
run_new(struct shell *sh, struct tool_call c, const struct sept_call_info *ci)
{
	struct run *r = calloc(1, sizeof *r);
	char own[64];

	if (r == NULL)
		return NULL;
	r->sh = sh;
	r->c = c;
	r->timeout_ms = TIMEOUT_DEFAULT_MS;
	tool_clip_init(&r->all, OUTPUT_MAX);
	tool_clip_init(&r->out, OUTPUT_MAX);
	tool_clip_init(&r->err, OUTPUT_MAX);
	/* An empty marker would match foreign processes. */
	(void)snprintf(own, sizeof own, "local-%ld-%" PRIu64 "-%" PRIu64,
	    (long)getpid(), sh->host->now_ns(sh->host), ++sh->serial);
	r->marker = ci->call_id.n > 0 ? env_pair("SEPTEMBER_CALL_ID",
	    ci->call_id.p, ci->call_id.n) :
	    env_pair("SEPTEMBER_CALL_ID", own, strlen(own));
	if (ci->turn_id.n > 0)
		r->turn = strndup(ci->turn_id.p, ci->turn_id.n);
	if (r->marker == NULL || (ci->turn_id.n > 0 && r->turn == NULL)) {
		run_free(r);
		return NULL;
	}
	return r;
}

/* Milliseconds until the time limit, which the host's deadline lowers. */
static uint32_t
run_limit(const struct run *r)
{
	uint64_t deadline = r->sh->hc->deadline_ns(r->c.call);
	uint64_t now = r->sh->host->now_ns(r->sh->host), left;
	uint64_t ms = (uint64_t)r->timeout_ms;

	if (deadline != UINT64_MAX) {
		left = deadline > now ? (deadline - now) / 1000000 : 0;
		if (left < ms)
			ms = left;
	}
	return (uint32_t)ms;
}

/* 0: running. -1: the call has been completed, r is the caller's again. */
static int
run_spawn(struct run *r, const char *command, const char *workspace,
    const char *cwd, const struct sept_call_info *ci)
{
	struct shell *sh = r->sh;
	const char *argv[] = { sh->program, "-c", command, NULL };
	struct sept_proc_spec spec;
	char *env[ENV_SLOTS];
	sept_status st;

	if (env_make(r, workspace, ci, env) != 0) {
		tool_complete(r->c, SEPT_ENOMEM, NULL);
		return -1;
	}
	memset(&spec, 0, sizeof spec);
	spec.size = sizeof spec;
	spec.path = sh->program;
	spec.argv = argv;
	spec.envp = (const char *const *)env;
	spec.cwd = cwd;
	spec.grace_ms = GRACE_MS;
	spec.user = r;
	spec.on_output = on_output;
	spec.on_exit = on_exit_;
	st = sh->proc->spawn(sh->host, &spec, &r->proc, NULL);
	env_free(env);
	if (st != SEPT_OK) {
		tool_fail(r->c, st, "spawn_failed",
		    "%s could not be started", sh->program);
		return -1;
	}
	r->pid = (pid_t)sh->proc->pid(r->proc);
	LIST_INSERT_HEAD(&sh->runs, r, link);
	sh->hc->set_user(r->c.call, r);
	if (sh->loop->timer(sh->host, run_limit(r), on_timer, r,
	    &r->timer) != SEPT_OK) {
		r->timer = NULL;
		r->why = WHY_TIMEOUT; /* without a clock it must not run */
		sh->proc->kill(r->proc, 1);
	}
	return 0;
}

static sept_status
shell_invoke(struct sept_plugin *p, uint32_t i, struct sept_call *call,
    struct sept_slice json)
{
	struct shell *sh = p->self;
	struct tool_call c = { sh->hc, call };
	const struct sept_call_info *ci = sh->hc->info(call);
	const char *command = NULL, *cwd = NULL, *why = "";
	char *ws = NULL, *dir = NULL;
	struct run *r = NULL;
	json_t *args;

	if (sh->closing)
		return SEPT_EUNAVAIL;
	if (i != 0)
		return SEPT_ENOTFOUND;
	args = tool_args(json);
	if ((ws = tool_workspace(&sh->cfg, ci)) == NULL) {
		tool_fail(c, SEPT_EUNAVAIL, "no_workspace",
		    "there is no workspace to run in");
		goto out;
	}
	if ((r = run_new(sh, c, ci)) == NULL) {
		tool_complete(c, SEPT_ENOMEM, NULL);
		goto out;
	}
	if (args == NULL || tool_arg_str(args, "command", 1, &command,
	    NULL) != 0 || tool_arg_str(args, "cwd", 0, &cwd, NULL) < 0 ||
	    tool_arg_int(args, "timeout_ms", 1, TIMEOUT_MAX_MS,
	    &r->timeout_ms) < 0) {
		tool_fail(c, SEPT_EINVAL, "invalid_arguments", "expected "
		    "{command, timeout_ms?: 1..600000, cwd?} with text that "
		    "holds no NUL");
		goto out;
	}
	dir = cwd_resolve(&sh->cfg, ws, cwd, &why);
	if (dir == NULL) {
		tool_fail(c, SEPT_EDENIED, "bad_cwd", "cwd \"%s\": %s",
		    cwd != NULL ? cwd : ws, why);
		goto out;
	}
	if (run_spawn(r, command, ws, dir, ci) == 0)
		r = NULL;
out:
	run_free(r);
	free(ws);
	free(dir);
	json_decref(args);
	return SEPT_OK;
}

static void
late_work(void *arg)
{
	struct late *l = arg;

	(void)sweep(l->marker, 0, SWEEP_MS);
}

static void
late_done(void *arg)
{
	struct late *l = arg;
	struct shell *sh = l->sh;

	free(l->marker);
	free(l);
	sh->late--;
	shell_quiet(sh);
}

static void
shell_turn_ended(struct sept_plugin *p, struct sept_slice task_id,
    struct sept_slice turn_id)
{
	struct shell *sh = p->self;
	struct late *l;
	struct run *r;

	(void)task_id;
	if (turn_id.n == 0)
		return;
	LIST_FOREACH(r, &sh->runs, link)
		if (r->turn != NULL && sept_slice_eq(turn_id, r->turn))
			run_end(r, WHY_CANCELLED);
	l = calloc(1, sizeof *l);
	if (l == NULL)
		return;
	l->sh = sh;
	l->marker = env_pair("SEPTEMBER_TURN_ID", turn_id.p, turn_id.n);
	sh->late++;
	if (l->marker == NULL || sh->pool->submit(sh->host, late_work,
	    late_done, l) != SEPT_OK)
		late_done(l);
}

static uint32_t
shell_count(struct sept_plugin *p)
{
	(void)p;
	return 1;
}

static const struct sept_tool_info *
shell_info(struct sept_plugin *p, uint32_t i)
{
	(void)p;
	return i == 0 ? &info : NULL;
}

static const struct sept_tool tool = {
	.size = sizeof tool,
	.count = shell_count,
	.info = shell_info,
	.invoke = shell_invoke,
	.turn_ended = shell_turn_ended,
};

static sept_status
shell_configure(struct sept_plugin *p, struct sept_slice json,
    struct sept_err *err)
{
	struct shell *sh = p->self;
	const char *why;
	sept_status st = tool_config_init(&sh->cfg, json, &why);

	return st == SEPT_OK ? st : sept_fail(sh->host, err, st, why);
}

static void
shell_user(struct shell *sh)
{
	char buf[1024];
	struct passwd pw, *found = NULL;

	(void)snprintf(sh->user, sizeof sh->user, "%ld", (long)geteuid());
	if (getpwuid_r(geteuid(), &pw, buf, sizeof buf, &found) == 0 &&
	    found != NULL && strlen(pw.pw_name) < sizeof sh->user)
		(void)snprintf(sh->user, sizeof sh->user, "%s", pw.pw_name);
}

static sept_status
shell_start(struct sept_plugin *p, struct sept_err *err)
{
	struct shell *sh = p->self;
	const struct sept_host *h = sh->host;

	sh->hc = h->get_ext(h, SEPT_HOST_CALL);
	sh->loop = h->get_ext(h, SEPT_HOST_LOOP);
	sh->pool = h->get_ext(h, SEPT_HOST_POOL);
	sh->proc = h->get_ext(h, SEPT_HOST_PROC);
	if (sh->hc == NULL || sh->loop == NULL || sh->pool == NULL ||
	    sh->proc == NULL)
		return sept_fail(h, err, SEPT_EDENIED,
		    "processes are not granted to this plugin");
	sh->program = access("/bin/bash", X_OK) == 0 ? "/bin/bash" :
	    "/bin/sh";
	shell_user(sh);
	return SEPT_OK;
}

static void
shell_cancel(struct sept_plugin *p, struct sept_call *call)
{
	struct shell *sh = p->self;
	struct run *r = sh->hc->user(call);

	if (r != NULL)
		run_end(r, WHY_CANCELLED);
}

static void
shell_quiesce(struct sept_plugin *p, struct sept_quiesce *q)
{
	struct shell *sh = p->self;
	struct run *r;

	sh->closing = 1;
	sh->quiesce = q;
	LIST_FOREACH(r, &sh->runs, link)
		run_end(r, WHY_CANCELLED);
	shell_quiet(sh);
}

static void
shell_destroy(struct sept_plugin *p)
{
	struct shell *sh = p->self;

	tool_config_fini(&sh->cfg);
	free(sh);
}

static const void *
shell_ext(struct sept_plugin *p, const char *id)
{
	(void)p;
	return strcmp(id, SEPT_EXT_TOOL) == 0 ? &tool : NULL;
}

static sept_status
shell_create(const struct sept_host *host, struct sept_plugin **out)
{
	struct shell *sh = calloc(1, sizeof *sh);

	if (sh == NULL)
		return SEPT_ENOMEM;
	sh->host = host;
	LIST_INIT(&sh->runs);
	sh->base.size = sizeof sh->base;
	sh->base.self = sh;
	sh->base.configure = shell_configure;
	sh->base.start = shell_start;
	sh->base.cancel = shell_cancel;
	sh->base.quiesce = shell_quiesce;
	sh->base.destroy = shell_destroy;
	sh->base.get_ext = shell_ext;
	*out = &sh->base;
	return SEPT_OK;
}

static const char *const provides[] = { SEPT_EXT_TOOL, NULL };
static const char *const requires[] = { SEPT_HOST_CALL, SEPT_HOST_LOOP,
	SEPT_HOST_POOL, SEPT_HOST_PROC, NULL };

static const struct sept_desc desc = {
	.size = sizeof desc,
	.abi_major = SEPT_ABI_MAJOR,
	.abi_minor = 0,
	.layout = SEPT_LAYOUT,
	.caps = SEPT_CAP_EXEC,
	.id = "org.september.tool-shell",
	.version = "0.1.0",
	.provides = provides,
	.requires_ = requires,
	.create = shell_create,
};

const struct sept_desc *
september_plugin_v1(void)
{
	return &desc;
}

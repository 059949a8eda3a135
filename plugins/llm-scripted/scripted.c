/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scripted.c - the backend without a model and without a network: the plugin
 * and the player of plans.
 *
 * Everything runs on the loop thread. A run pumps its plan until the host's
 * buffer is full, a pause is due or a slice of work is done, and goes on
 * from the callback it then waits for; it is freed when it waits for none.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scripted.h"

#define SLICE 512                      /* pieces emitted in one go */
#define RULES_MAX ((off_t)1 << 20)     /* bytes of the rule file */
#define WINDOW 200000

struct scripted {
	struct sept_plugin base;
	struct sept_llm ext;
	const struct sept_host *host;
	const struct sept_host_call *call;
	const struct sept_host_loop *loop;
	char *dir;
	json_t *rules;
	int quiescing;
};

struct run {
	struct scripted *sc;
	struct sept_call *call;
	struct sept_timer *timer;
	struct llm_out out;
	struct plan plan;
	size_t step, at;     /* where the player is: step, byte or token */
	size_t in_bytes, out_bytes;
	int called;          /* a tool was called */
	int cancelled, over;
	char model[64];
};

static void run_pump(struct run *run);

static void
run_complete(struct run *run)
{
	const struct sept_host_call *api = run->sc->call;
	const struct step *s = run->step < run->plan.n ?
	    &run->plan.v[run->step] : NULL;
	sept_status st = SEPT_OK;
	struct llm_fail f;
	struct llm_buf b;

	llm_buf_init(&b, 4096);
	llm_fail_init(&f);
	if (run->plan.failed || run->out.failed)
		llm_fail_set(&f, LLM_PROVIDER_ERROR, 0,
		    "the scripted backend ran out of memory");
	else if (s != NULL && s->kind == STEP_FAIL)
		llm_fail_set(&f, s->text, s->again,
		    "%s was asked for by the message", s->text);
	if (s != NULL && s->kind == STEP_FAIL)
		f.retry_after = s->n;
	if (run->cancelled || (run->out.over && f.code == NULL)) {
		st = SEPT_ECANCELLED;
		llm_buf_str(&b, "{}");
	} else if (f.code != NULL) {
		st = strcmp(f.code, LLM_TIMEOUT) == 0 ? SEPT_ETIMEOUT :
		    SEPT_EFAILED;
		llm_fail_json(&f, &b);
	} else {
		llm_buf_fmt(&b, "{\"stop_reason\":\"%s\",\"model\":",
		    run->plan.stop[0] != '\0' ? run->plan.stop :
		    run->called ? "tool_use" : "end_turn");
		llm_buf_quote(&b, run->model, strlen(run->model));
		llm_buf_str(&b, "}");
	}
	api->set_user(run->call, NULL);
	api->complete(run->call, st, sept_slice_of(b.p, b.n));
	llm_buf_fini(&b);
	plan_cut(&run->plan, 0);
	llm_out_fini(&run->out);
	free(run);
}

static void
run_resume(void *arg)
{
	run_pump(arg);
}

static void
run_timer(void *arg)
{
	struct run *run = arg;

	run->timer = NULL;
	run_pump(run);
}

/* Goes on in ms; 0 when it cannot wait and must go on now. */
static int
run_wait(struct run *run, long ms)
{
	return run->sc->loop->timer(run->sc->host, (uint32_t)ms, run_timer,
	    run, &run->timer) == SEPT_OK;
}

static void
run_text(struct run *run, int thinking, const char *p, size_t n)
{
	run->out_bytes += n;
	if (thinking)
		llm_out_thinking(&run->out, p, n);
	else
		llm_out_text(&run->out, p, n);
}

/* The next word of a text with the blanks behind it; 0 at its end. */
static int
play_word(struct run *run, const struct step *s)
{
	const char *p = s->text + run->at;
	size_t n = strcspn(p, " \n");

	n += strspn(p + n, " \n");
	if (n == 0)
		return 0;
	run_text(run, s->kind == STEP_THINK, p, n);
	run->at += n;
	return 1;
}

static int
play_token(struct run *run, const struct step *s)
{
	char tok[32];
	int n;

	if (run->at >= (size_t)s->n)
		return 0;
	n = snprintf(tok, sizeof tok, "%st%zu", run->at > 0 ? " " : "",
	    run->at + 1);
	run_text(run, 0, tok, (size_t)n);
	run->at++;
	return 1;
}

static void
play_tool(struct run *run, const struct step *s)
{
	run->called = 1;
	run->out_bytes += strlen(s->text) + strlen(s->input);
	llm_out_tool(&run->out, sept_slice_of(NULL, 0), sept_str(s->text));
	llm_out_input(&run->out, s->input, strlen(s->input));
}

/* One piece; 0: the plan is at its end, or at a failure. */
static int
run_piece(struct run *run, long *pause)
{
	const struct step *s;

	while (run->step < run->plan.n) {
		s = &run->plan.v[run->step];
		if (s->kind == STEP_FAIL)
			return 0;
		if (s->kind == STEP_TOOL) {
			play_tool(run, s);
			run->step++;
			return 1;
		}
		if (run->at == 0)
			llm_out_close(&run->out);
		if (s->kind == STEP_STREAM ? play_token(run, s) :
		    play_word(run, s)) {
			*pause = run->at < (size_t)s->n ? s->ms : 0;
			return 1;
		}
		run->step++;
		run->at = 0;
	}
	return 0;
}

static void
run_end(struct run *run)
{
	run->over = 1;
	if (run->step == run->plan.n && !run->plan.failed) {
		llm_out_close(&run->out);
		llm_out_usage(&run->out, (run->in_bytes + 3) / 4,
		    (run->out_bytes + 3) / 4, 0);
	}
	if (!run->out.armed)
		run_complete(run);
}

static void
run_pump(struct run *run)
{
	long pause;
	int n;

	for (n = 0; !run->over; n++) {
		if (run->out.armed || run->timer != NULL)
			return;
		if (n == SLICE && run_wait(run, 0))
			return;
		pause = 0;
		if (run->cancelled || run->out.over || run->out.failed ||
		    run->plan.failed || !run_piece(run, &pause)) {
			run_end(run);
			return;
		}
		if (pause > 0 && run_wait(run, pause))
			return;
	}
	if (!run->out.armed)
		run_complete(run);
}

/* "scripted-8k" has a window of 8,000 tokens. */
static uint32_t
window_of(const char *model)
{
	const char *p = strrchr(model, '-');
	char *end;
	long v;

	if (p == NULL || p[1] < '0' || p[1] > '9')
		return WINDOW;
	v = strtol(p + 1, &end, 10);
	return strcmp(end, "k") == 0 && v > 0 && v <= 1000 ?
	    (uint32_t)v * 1000 : WINDOW;
}

static uint32_t
scripted_window(struct sept_plugin *base, struct sept_slice model)
{
	char name[64];

	(void)base;
	if (model.n >= sizeof name)
		return WINDOW;
	if (model.n > 0)
		memcpy(name, model.p, model.n);
	name[model.n] = '\0';
	return window_of(name);
}

static json_t *
load(struct sept_slice s, const char *empty)
{
	if (s.n == 0)
		return json_loads(empty, 0, NULL);
	return json_loadb(s.p, s.n, JSON_ALLOW_NUL, NULL);
}

static void
run_plan(struct run *run, const struct sept_llm_request *rq)
{
	json_t *messages = load(rq->messages, "[]");
	json_t *params = load(rq->params, "{}");
	json_t *tools = load(rq->tools, "[]");
	const struct sept_call_info *info = run->sc->call->info(run->call);
	struct ask a;

	memset(&a, 0, sizeof a);
	a.rules = run->sc->rules;
	a.messages = messages;
	a.params = params;
	a.tools = tools;
	a.model = run->model;
	a.attempt = info != NULL && info->attempt > 0 ? info->attempt : 1;
	if (messages == NULL || params == NULL || tools == NULL)
		run->plan.failed = 1;
	else if ((run->in_bytes + 3) / 4 > window_of(run->model))
		plan_add(&run->plan, STEP_FAIL, LLM_CONTEXT_OVERFLOW, NULL);
	else
		plan_make(&run->plan, &a);
	json_decref(messages);
	json_decref(params);
	json_decref(tools);
}

static sept_status
scripted_generate(struct sept_plugin *base, struct sept_call *call,
    const struct sept_llm_request *rq)
{
	struct scripted *sc = base->self;
	struct sept_slice model = rq->model;
	struct run *run;

	if (sc->quiescing)
		return SEPT_EUNAVAIL;
	run = calloc(1, sizeof *run);
	if (run == NULL)
		return SEPT_ENOMEM;
	if (model.n == 0 || model.n >= sizeof run->model)
		model = sept_str(sc->ext.default_model);
	run->sc = sc;
	run->call = call;
	memcpy(run->model, model.p, model.n);
	run->in_bytes = rq->system.n + rq->tools.n + rq->messages.n;
	llm_out_init(&run->out, sc->call, call);
	run->out.drained = run_resume;
	run->out.user = run;
	sc->call->set_user(call, run);
	run_plan(run, rq);
	run_pump(run);
	return SEPT_OK;
}

static void
scripted_cancel(struct sept_plugin *base, struct sept_call *call)
{
	struct scripted *sc = base->self;
	struct run *run = sc->call->user(call);

	if (run == NULL)
		return;
	run->cancelled = 1;
	if (run->timer != NULL)
		sc->loop->timer_cancel(run->timer);
	run->timer = NULL;
	run_pump(run);
}

static sept_status
scripted_configure(struct sept_plugin *base, struct sept_slice json,
    struct sept_err *err)
{
	struct scripted *sc = base->self;
	const char *dir;
	json_t *conf;

	conf = load(json, "{}");
	if (!json_is_object(conf)) {
		json_decref(conf);
		return sept_fail(sc->host, err, SEPT_EINVAL,
		    "the configuration is not a JSON object");
	}
	dir = json_string_value(json_object_get(conf, "catalog_dir"));
	sc->dir = dir != NULL ? strdup(dir) : NULL;
	json_decref(conf);
	if (dir != NULL && sc->dir == NULL)
		return sept_fail(sc->host, err, SEPT_ENOMEM, "out of memory");
	return SEPT_OK;
}

/* The rule file's text in *b; -1: there is none that can be read. */
static int
read_rules(const char *dir, struct llm_buf *b)
{
	char path[4096], tmp[8192];
	struct stat sb;
	ssize_t n = -1;
	int fd;

	if (snprintf(path, sizeof path, "%s/scripted/rules.json", dir) >=
	    (int)sizeof path)
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1)
		return -1;
	if (fstat(fd, &sb) == 0 && S_ISREG(sb.st_mode) &&
	    sb.st_size <= RULES_MAX)
		while ((n = read(fd, tmp, sizeof tmp)) > 0)
			llm_buf_add(b, tmp, (size_t)n);
	(void)close(fd);
	return n == 0 && !b->failed ? 0 : -1;
}

static sept_status
scripted_start(struct sept_plugin *base, struct sept_err *err)
{
	struct scripted *sc = base->self;
	struct llm_buf b;

	sc->call = sc->host->get_ext(sc->host, SEPT_HOST_CALL);
	sc->loop = sc->host->get_ext(sc->host, SEPT_HOST_LOOP);
	if (sc->call == NULL || sc->loop == NULL)
		return sept_fail(sc->host, err, SEPT_EUNAVAIL,
		    "the host gives no calls or no timers");
	llm_buf_init(&b, (size_t)RULES_MAX);
	if (sc->dir != NULL && read_rules(sc->dir, &b) == 0) {
		sc->rules = rules_parse(b.p != NULL ? b.p : "", b.n);
		if (sc->rules == NULL)
			sept_logf(sc->host, SEPT_LOG_WARNING, "scripted/"
			    "rules.json holds no rules; the built-in ones "
			    "are used");
	}
	llm_buf_fini(&b);
	if (sc->rules == NULL)
		sc->rules = rules_builtin();
	if (sc->rules == NULL)
		return sept_fail(sc->host, err, SEPT_ENOMEM, "out of memory");
	return SEPT_OK;
}

static void
scripted_quiesce(struct sept_plugin *base, struct sept_quiesce *q)
{
	struct scripted *sc = base->self;

	sc->quiescing = 1;
	sc->host->quiesced(q);
}

static void
scripted_destroy(struct sept_plugin *base)
{
	struct scripted *sc = base->self;

	json_decref(sc->rules);
	free(sc->dir);
	free(sc);
}

static const void *
scripted_get_ext(struct sept_plugin *base, const char *id)
{
	struct scripted *sc = base->self;

	return strcmp(id, SEPT_EXT_LLM) == 0 ? &sc->ext : NULL;
}

static sept_status
scripted_create(const struct sept_host *host, struct sept_plugin **out)
{
	struct scripted *sc;

	sc = calloc(1, sizeof *sc);
	if (sc == NULL)
		return SEPT_ENOMEM;
	sc->host = host;
	sc->base.size = sizeof sc->base;
	sc->base.self = sc;
	sc->base.configure = scripted_configure;
	sc->base.start = scripted_start;
	sc->base.cancel = scripted_cancel;
	sc->base.quiesce = scripted_quiesce;
	sc->base.destroy = scripted_destroy;
	sc->base.get_ext = scripted_get_ext;
	sc->ext.size = sizeof sc->ext;
	sc->ext.media = SEPT_LLM_IMAGE | SEPT_LLM_DOCUMENT |
	    SEPT_LLM_MEDIA_URL | SEPT_LLM_FILE_URL | SEPT_LLM_THINKING;
	sc->ext.name = "scripted";
	sc->ext.default_model = "scripted";
	sc->ext.generate = scripted_generate;
	sc->ext.context_window = scripted_window;
	*out = &sc->base;
	return SEPT_OK;
}

static const char *const provides[] = { SEPT_EXT_LLM, NULL };
static const char *const needs[] = { SEPT_HOST_CALL, SEPT_HOST_LOOP, NULL };

static const struct sept_desc desc = {
	.size = sizeof desc,
	.abi_major = SEPT_ABI_MAJOR,
	.abi_minor = 0,
	.layout = SEPT_LAYOUT,
	.flags = SEPT_F_UNLOADABLE,
	.id = "org.september.llm-scripted",
	.version = "0.1.0",
	.provides = provides,
	.requires_ = needs,
	.create = scripted_create,
};

const struct sept_desc *
september_plugin_v1(void)
{
	return &desc;
}

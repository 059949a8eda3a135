/* SPDX-License-Identifier: Apache-2.0 */
/*
 * toolhost.c - calls, loop and pool of the test host. See toolhost.h.
 */
#include <event2/thread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "toolhost-internal.h"

struct sept_timer {
	struct event *ev;
	void (*fn)(void *);
	void *arg;
};

uint64_t
th_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void
th_on_loop(const struct toolhost *th, const char *what)
{
	if (!pthread_equal(pthread_self(), th->loop_thread))
		th_die("%s called off the loop", what);
}

static void
timer_cb(evutil_socket_t fd, short ev, void *arg)
{
	struct sept_timer *t = arg;
	void (*fn)(void *) = t->fn;
	void *a = t->arg;

	(void)fd;
	(void)ev;
	event_free(t->ev);
	free(t);
	fn(a);
}

struct sept_timer *
th_timer(struct toolhost *th, unsigned ms, void (*fn)(void *), void *arg)
{
	struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };
	struct sept_timer *t = calloc(1, sizeof *t);

	if (t == NULL)
		th_die("out of memory");
	t->fn = fn;
	t->arg = arg;
	t->ev = event_new(th->base, -1, 0, timer_cb, t);
	if (t->ev == NULL || event_add(t->ev, &tv) != 0)
		th_die("no timer");
	return t;
}

void
th_timer_cancel(struct sept_timer *t)
{
	event_free(t->ev);
	free(t);
}

void
th_post(struct toolhost *th, void (*fn)(void *), void *arg)
{
	/* libevent is set up for threads: a timer of 0 ms wakes the loop. */
	(void)th_timer(th, 0, fn, arg);
}

/* ---- sept.host.call/1 ---- */

static void
wake(void *arg)
{
	(void)arg;
}

static sept_status
call_emit(struct sept_call *c, const struct sept_event *ev)
{
	(void)ev;
	return atomic_load(&c->done) ? SEPT_ECANCELLED : SEPT_OK;
}

static sept_status
call_on_writable(struct sept_call *c, void (*cb)(void *), void *arg)
{
	th_post(c->th, cb, arg);
	return SEPT_OK;
}

static sept_status
call_wait_writable(struct sept_call *c, uint32_t ms)
{
	(void)c;
	(void)ms;
	return SEPT_OK;
}

static void
call_complete(struct sept_call *c, sept_status st, struct sept_slice json)
{
	if (atomic_load(&c->done))
		th_die("completed twice: %s", c->id);
	c->status = st;
	c->json = strndup(json.p, json.n);
	atomic_store(&c->done, 1);
	th_post(c->th, wake, NULL);
}

static int32_t
call_cancelled(const struct sept_call *c)
{
	return atomic_load(&c->cancelled) || th_now() >= c->deadline;
}

static uint64_t
call_deadline(const struct sept_call *c)
{
	return c->deadline;
}

static const struct sept_call_info *
call_info(const struct sept_call *c)
{
	return &c->info;
}

static void
call_set_user(struct sept_call *c, void *u)
{
	atomic_store(&c->user, (uintptr_t)u);
}

static void *
call_user(const struct sept_call *c)
{
	return (void *)atomic_load(&c->user);
}

static const struct sept_host_call calls = {
	.size = sizeof calls,
	.emit = call_emit,
	.on_writable = call_on_writable,
	.wait_writable = call_wait_writable,
	.complete = call_complete,
	.cancelled = call_cancelled,
	.deadline_ns = call_deadline,
	.info = call_info,
	.set_user = call_set_user,
	.user = call_user,
};

/* ---- loop and pool ---- */

static sept_status
loop_post_(const struct sept_host *h, void (*fn)(void *), void *arg)
{
	th_post(h->impl, fn, arg);
	return SEPT_OK;
}

static sept_status
loop_timer_(const struct sept_host *h, uint32_t ms, void (*fn)(void *),
    void *arg, struct sept_timer **out)
{
	th_on_loop(h->impl, "timer");
	*out = th_timer(h->impl, ms, fn, arg);
	return SEPT_OK;
}

static const struct sept_host_loop loops = {
	.size = sizeof loops,
	.post = loop_post_,
	.timer = loop_timer_,
	.timer_cancel = th_timer_cancel,
};

struct job {
	struct toolhost *th;
	void (*work)(void *), (*done)(void *);
	void *arg;
	pthread_t thread;
};

static void
job_done(void *arg)
{
	struct job *j = arg;

	(void)pthread_join(j->thread, NULL);
	if (j->done != NULL)
		j->done(j->arg);
	atomic_fetch_sub(&j->th->jobs, 1);
	free(j);
}

static void *
job_main(void *arg)
{
	struct job *j = arg;

	j->work(j->arg);
	th_post(j->th, job_done, j);
	return NULL;
}

static sept_status
pool_submit(const struct sept_host *h, void (*work)(void *),
    void (*done)(void *), void *arg)
{
	struct job *j = calloc(1, sizeof *j);

	if (j == NULL)
		th_die("out of memory");
	j->th = h->impl;
	j->work = work;
	j->done = done;
	j->arg = arg;
	atomic_fetch_add(&j->th->jobs, 1);
	if (pthread_create(&j->thread, NULL, job_main, j) != 0)
		th_die("no thread");
	return SEPT_OK;
}

static const struct sept_host_pool pools = {
	.size = sizeof pools,
	.submit = pool_submit,
};

/* ---- secrets and the base table ---- */

static sept_status
secret_get(const struct sept_host *h, const char *name,
    struct sept_slice *out)
{
	struct toolhost *th = h->impl;
	unsigned i;

	th_on_loop(th, "secret");
	for (i = 0; i < th->secrets_n; i++) {
		if (strcmp(th->secrets[i].name, name) != 0)
			continue;
		*out = sept_str(th->secrets[i].value);
		return out->n > 0 ? SEPT_OK : SEPT_ENOTFOUND;
	}
	return SEPT_ENOTFOUND;
}

static const struct sept_host_secret secrets = {
	.size = sizeof secrets,
	.get = secret_get,
};

static const void *
host_ext(const struct sept_host *h, const char *id)
{
	(void)h;
	if (strcmp(id, SEPT_HOST_CALL) == 0)
		return &calls;
	if (strcmp(id, SEPT_HOST_LOOP) == 0)
		return &loops;
	if (strcmp(id, SEPT_HOST_POOL) == 0)
		return &pools;
	if (strcmp(id, SEPT_HOST_SECRET) == 0)
		return &secrets;
	if (strcmp(id, SEPT_HOST_PROC) == 0)
		return &th_proc;
	if (strcmp(id, SEPT_HOST_HTTP) == 0)
		return &th_http_table;
	return NULL;
}

static void
host_log(const struct sept_host *h, int32_t level, struct sept_slice msg)
{
	(void)h;
	printf("# log %d: %.*s\n", (int)level, (int)msg.n, msg.p);
}

static void
host_fail(struct sept_err *e, sept_status st, struct sept_slice msg)
{
	if (e == NULL)
		return;
	((struct toolhost *)(void *)e)->why = st;
	printf("# fail %d: %.*s\n", (int)st, (int)msg.n, msg.p);
}

static uint64_t
host_now(const struct sept_host *h)
{
	(void)h;
	return th_now();
}

static void
host_quiesced(struct sept_quiesce *q)
{
	struct toolhost *th = (struct toolhost *)(void *)q;

	th_on_loop(th, "quiesced");
	if (th->quiet)
		th_die("quiesced twice");
	th->quiet = 1;
}

struct toolhost *
th_new(const struct sept_desc *d, json_t *config)
{
	struct toolhost *th = calloc(1, sizeof *th);
	char *json = config != NULL ? json_dumps(config, 0) : NULL;
	struct sept_err *e;
	sept_status st;

	if (th == NULL || evthread_use_pthreads() != 0)
		th_die("no memory or no threads");
	e = (struct sept_err *)(void *)th;
	json_decref(config);
	th->base = event_base_new();
	th->loop_thread = pthread_self();
	th->host = (struct sept_host){ .size = sizeof th->host,
	    .abi_major = SEPT_ABI_MAJOR, .abi_minor = SEPT_ABI_MINOR,
	    .impl = th, .name = "toolhost", .version = "0",
	    .get_ext = host_ext, .log = host_log, .fail = host_fail,
	    .now_ns = host_now, .quiesced = host_quiesced };
	th_workspace(th, "");
	th_ids(th, "task-1", "turn-1");
	if (th->base == NULL || d->size < sizeof *d ||
	    d->abi_major != SEPT_ABI_MAJOR || d->layout != SEPT_LAYOUT ||
	    d->create(&th->host, &th->plugin) != SEPT_OK)
		th_die("no instance");
	st = th->plugin->configure(th->plugin, sept_str(json != NULL ? json :
	    "{}"), e);
	free(json);
	if (st == SEPT_OK)
		st = th->plugin->start(th->plugin, e);
	if (st != SEPT_OK) {
		(void)th_free(th);
		return NULL;
	}
	th->tool = th->plugin->get_ext(th->plugin, SEPT_EXT_TOOL);
	if (th->tool == NULL)
		th_die("no tools");
	return th;
}

void
th_quiesce(struct toolhost *th)
{
	if (th->quiet || th->plugin->quiesce == NULL)
		return;
	th->plugin->quiesce(th->plugin, (struct sept_quiesce *)(void *)th);
	while (!th->quiet)
		(void)event_base_loop(th->base, EVLOOP_ONCE);
}

int
th_free(struct toolhost *th)
{
	int rc;

	if (th->tool != NULL)
		th_quiesce(th);
	while (atomic_load(&th->jobs) > 0)
		(void)event_base_loop(th->base, EVLOOP_ONCE);
	(void)event_base_loop(th->base, EVLOOP_NONBLOCK);
	rc = th->calls == 0 ? 0 : -1;
	th->plugin->destroy(th->plugin);
	event_base_free(th->base);
	free(th->workspace);
	free(th->task);
	free(th->turn);
	free(th->asked.body);
	free(th);
	return rc;
}

void
th_workspace(struct toolhost *th, const char *path)
{
	free(th->workspace);
	th->workspace = strdup(path);
}

void
th_ids(struct toolhost *th, const char *task, const char *turn)
{
	free(th->task);
	free(th->turn);
	th->task = strdup(task);
	th->turn = strdup(turn);
}

void
th_deadline(struct toolhost *th, unsigned ms)
{
	th->deadline_ms = ms;
}

void
th_secret(struct toolhost *th, const char *name, const char *value)
{
	unsigned i;

	for (i = 0; i < th->secrets_n; i++)
		if (strcmp(th->secrets[i].name, name) == 0)
			break;
	if (i == TH_SECRETS)
		th_die("too many secrets");
	th->secrets[i].name = name;
	th->secrets[i].value = value;
	if (i == th->secrets_n)
		th->secrets_n++;
}

static int
find_tool(struct toolhost *th, const char *name, uint32_t *i)
{
	uint32_t n = th->tool->count(th->plugin);

	for (*i = 0; *i < n; ++*i)
		if (strcmp(th->tool->info(th->plugin, *i)->name, name) == 0)
			return 0;
	return -1;
}

const struct sept_tool_info *
th_info(struct toolhost *th, const char *name)
{
	uint32_t i;

	return find_tool(th, name, &i) == 0 ? th->tool->info(th->plugin, i) :
	    NULL;
}

static void
call_run(struct sept_call *c)
{
	struct toolhost *th = c->th;
	sept_status st = th->tool->invoke(th->plugin, c->index, c,
	    sept_slice_of(c->args, c->args_n));

	/* What was not accepted is completed by the host. */
	if (st != SEPT_OK)
		call_complete(c, st, sept_str("{\"error\":\"refused\"}"));
}

static void *
call_main(void *arg)
{
	call_run(arg);
	return NULL;
}

static struct th_call *
begin_text(struct toolhost *th, const char *name, const char *args, size_t n)
{
	struct th_call *tc = calloc(1, sizeof *tc);
	struct sept_call *c = tc != NULL ? &tc->call : NULL;
	char *copy = malloc(n + 1);

	if (c == NULL || copy == NULL)
		th_die("out of memory");
	c->th = th;
	c->args = copy;
	memcpy(c->args, args, n);
	c->args_n = n;
	c->deadline = th->deadline_ms > 0 ? th_now() +
	    (uint64_t)th->deadline_ms * 1000000u : UINT64_MAX;
	(void)snprintf(c->id, sizeof c->id, "call-%ld-%u", (long)getpid(),
	    ++th->serial);
	c->info.size = sizeof c->info;
	c->info.attempt = 1;
	c->info.task_id = sept_str(th->task);
	c->info.turn_id = sept_str(th->turn);
	c->info.call_id = sept_str(c->id);
	c->info.agent = sept_str("default");
	c->info.workspace = sept_str(th->workspace);
	th->calls++;
	if (find_tool(th, name, &c->index) != 0)
		th_die("no such tool: %s", name);
	if (th->tool->info(th->plugin, c->index)->flags &
	    SEPT_TOOL_BLOCKING) {
		c->threaded = 1;
		if (pthread_create(&c->thread, NULL, call_main, c) != 0)
			th_die("no thread");
	} else {
		call_run(c);
	}
	return tc;
}

struct th_call *
th_begin(struct toolhost *th, const char *name, json_t *args)
{
	char *s = json_dumps(args, JSON_COMPACT);
	struct th_call *c;

	if (s == NULL)
		th_die("arguments are not JSON");
	json_decref(args);
	c = begin_text(th, name, s, strlen(s));
	free(s);
	return c;
}

struct th_result
th_wait(struct th_call *tc)
{
	struct sept_call *c = &tc->call;
	struct th_result r;

	while (!atomic_load(&c->done))
		(void)event_base_loop(c->th->base, EVLOOP_ONCE);
	if (c->threaded)
		(void)pthread_join(c->thread, NULL);
	r.status = c->status;
	r.body = json_loads(c->json, 0, NULL);
	if (!json_is_object(r.body))
		th_die("the completion is no JSON object: %.200s", c->json);
	c->th->calls--;
	free(c->json);
	free(c->args);
	free(tc);
	return r;
}

struct th_result
th_do(struct toolhost *th, const char *name, json_t *args)
{
	return th_wait(th_begin(th, name, args));
}

struct th_result
th_do_text(struct toolhost *th, const char *name, const char *args)
{
	return th_wait(begin_text(th, name, args, strlen(args)));
}

void
th_cancel(struct th_call *tc)
{
	struct sept_call *c = &tc->call;

	atomic_store(&c->cancelled, 1);
	if (c->th->plugin->cancel != NULL && !atomic_load(&c->done))
		c->th->plugin->cancel(c->th->plugin, c);
}

void
th_turn_ended(struct toolhost *th, const char *turn)
{
	if (th->tool->turn_ended != NULL)
		th->tool->turn_ended(th->plugin, sept_str(th->task),
		    sept_str(turn));
}

static void
spin_end(void *arg)
{
	*(int *)arg = 1;
}

void
th_spin(struct toolhost *th, unsigned ms)
{
	int over = 0;

	(void)th_timer(th, ms, spin_end, &over);
	while (!over)
		(void)event_base_loop(th->base, EVLOOP_ONCE);
}

const char *
th_str(const struct th_result *r, const char *key)
{
	const char *s = json_string_value(json_object_get(r->body, key));

	return s != NULL ? s : "";
}

long long
th_int(const struct th_result *r, const char *key)
{
	json_t *v = json_object_get(r->body, key);

	if (json_is_boolean(v))
		return json_is_true(v);
	return json_is_integer(v) ? (long long)json_integer_value(v) : -1;
}

void
th_drop(struct th_result *r)
{
	json_decref(r->body);
	r->body = NULL;
}

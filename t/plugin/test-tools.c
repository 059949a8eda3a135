/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-tools.c - tools that do what well and badly behaved tools do.
 */
#include "test-plugin.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define FLOOD 5000

#ifdef SECOND_EXPORT
SEPT_EXPORT const char *test_plugin_helper(void);
const char *
test_plugin_helper(void)
{
	return BUILD;
}
#define BUILD_NAME test_plugin_helper()
#else
#define BUILD_NAME BUILD
#endif

static void
done(struct me *m, struct sept_call *c, const char *json)
{
	m->call->complete(c, SEPT_OK, sept_str(json));
}

static void
t_echo(struct me *m, struct sept_call *c, struct sept_slice args)
{
	m->call->complete(c, SEPT_OK, args);
}

static void
t_build(struct me *m, struct sept_call *c, struct sept_slice args)
{
	char text[64];

	(void)args;
	(void)snprintf(text, sizeof text, "{\"output\":\"%s\"}", BUILD_NAME);
	done(m, c, text);
}

static void
t_never(struct me *m, struct sept_call *c, struct sept_slice args)
{
	(void)args;
	if (m->n_stash < STASH_MAX)
		m->stash[m->n_stash++] = c;
}

static void
t_release(struct me *m, struct sept_call *c, struct sept_slice args)
{
	struct sept_event ev = { .size = sizeof ev, .kind = SEPT_EV_TEXT };
	int i;

	(void)args;
	for (i = 0; i < m->n_stash; i++) {
		ev.text = sept_str("late");
		(void)m->call->emit(m->stash[i], &ev);
		done(m, m->stash[i], "{\"output\":\"late\"}");
	}
	m->n_stash = 0;
	done(m, c, "{\"output\":\"released\"}");
}

static void
t_twice(struct me *m, struct sept_call *c, struct sept_slice args)
{
	(void)args;
	done(m, c, "{\"output\":\"first\"}");
	done(m, c, "{\"output\":\"second\"}");
	m->late = c;
}

static void
t_again(struct me *m, struct sept_call *c, struct sept_slice args)
{
	struct sept_event ev = { .size = sizeof ev, .kind = SEPT_EV_TEXT };

	(void)args;
	if (m->late != NULL) {
		(void)m->call->emit(m->late, &ev);
		done(m, m->late, "{\"output\":\"third\"}");
	}
	done(m, c, "{}");
}

static void
t_patient(struct me *m, struct sept_call *c, struct sept_slice args)
{
	(void)args;
	/* Ends when asked to: cancel() finds it by its user pointer. */
	m->call->set_user(c, m);
}

struct job {
	struct me *m;
	struct sept_call *c;
	struct sept_http *h;
	int n, waits;
	char text[256];
};

static struct job *
job_new(struct me *m, struct sept_call *c)
{
	struct job *j = calloc(1, sizeof *j);

	if (j == NULL)
		abort();
	j->m = m;
	j->c = c;
	return j;
}

static void *
from_thread(void *arg)
{
	struct job *j = arg;
	struct sept_event ev = { .size = sizeof ev, .kind = SEPT_EV_TEXT };
	int i;

	for (i = 0; i < 100; i++) {
		ev.index = (uint32_t)i;
		ev.text = sept_str("piece");
		if (j->m->call->emit(j->c, &ev) != SEPT_OK)
			break;
	}
	done(j->m, j->c, "{\"output\":\"from a thread\"}");
	free(j);
	return NULL;
}

static void
t_thread(struct me *m, struct sept_call *c, struct sept_slice args)
{
	(void)args;
	if (m->n_threads == THREADS_MAX ||
	    pthread_create(&m->threads[m->n_threads], NULL, from_thread,
	    job_new(m, c)) != 0)
		abort();
	m->n_threads++;
}

static void
t_block(struct me *m, struct sept_call *c, struct sept_slice args)
{
	uint64_t until = m->host->now_ns(m->host) + UINT64_C(300000000);

	(void)args;
	while (m->host->now_ns(m->host) < until)
		;
	done(m, c, "{\"output\":\"held\"}");
}

static void
t_utf8(struct me *m, struct sept_call *c, struct sept_slice args)
{
	(void)args;
	done(m, c, "{\"output\":\"a\xff\xfe" "b\"}");
}

static void
t_malformed(struct me *m, struct sept_call *c, struct sept_slice args)
{
	(void)args;
	done(m, c, "{\"output\":");
}

static void
t_array(struct me *m, struct sept_call *c, struct sept_slice args)
{
	(void)args;
	done(m, c, "[1]");
}

static void
t_huge(struct me *m, struct sept_call *c, struct sept_slice args)
{
	size_t n = 100 << 20;
	char *p = malloc(n);

	(void)args;
	if (p == NULL)
		abort();
	memset(p, 'x', n);
	memcpy(p, "{\"output\":\"", 11);
	memcpy(p + n - 2, "\"}", 2);
	m->call->complete(c, SEPT_OK, sept_slice_of(p, n));
	free(p);
}

static void
flood(void *arg)
{
	struct job *j = arg;
	struct sept_event ev = { .size = sizeof ev, .kind = SEPT_EV_TEXT };
	sept_status st = SEPT_OK;

	ev.text = sept_str("0123456789");
	while (j->n < FLOOD && st == SEPT_OK) {
		ev.index = (uint32_t)j->n;
		st = j->m->call->emit(j->c, &ev);
		if (st == SEPT_OK)
			j->n++;
	}
	if (st == SEPT_EAGAIN) {
		j->waits++;
		(void)j->m->call->on_writable(j->c, flood, j);
		return;
	}
	if (st == SEPT_OK)
		done(j->m, j->c, j->waits > 0 ? "{\"output\":\"waited\"}" :
		    "{\"output\":\"never full\"}");
	else
		j->m->call->complete(j->c, st, sept_str("{}"));
	free(j);
}

static void
t_flood(struct me *m, struct sept_call *c, struct sept_slice args)
{
	(void)args;
	flood(job_new(m, c));
}

static void
t_flood_pool(struct me *m, struct sept_call *c, struct sept_slice args)
{
	struct sept_event ev = { .size = sizeof ev, .kind = SEPT_EV_TEXT };
	int i = 0, waits = 0;
	sept_status st;

	(void)args;
	ev.text = sept_str("0123456789");
	while (i < FLOOD) {
		ev.index = (uint32_t)i;
		st = m->call->emit(c, &ev);
		if (st == SEPT_OK)
			i++;
		else if (st != SEPT_EAGAIN ||
		    m->call->wait_writable(c, 10000) != SEPT_OK)
			break;
		else
			waits++;
	}
	done(m, c, i < FLOOD ? "{\"output\":\"lost\"}" : waits > 0 ?
	    "{\"output\":\"waited\"}" : "{\"output\":\"never full\"}");
}

static void
t_sleep(struct me *m, struct sept_call *c, struct sept_slice args)
{
	static int running, most;
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct timespec nap = { 0, 20000000 };
	char text[64];

	(void)args;
	(void)pthread_mutex_lock(&lock);
	if (++running > most)
		most = running;
	(void)pthread_mutex_unlock(&lock);
	(void)nanosleep(&nap, NULL);
	(void)pthread_mutex_lock(&lock);
	running--;
	(void)snprintf(text, sizeof text, "{\"output\":\"%d\"}", most);
	(void)pthread_mutex_unlock(&lock);
	done(m, c, text);
	/* Still in the plugin while the completion may be delivered. */
	(void)nanosleep(&nap, NULL);
}

static void
t_poll(struct me *m, struct sept_call *c, struct sept_slice args)
{
	struct timespec nap = { 0, 1000000 };

	(void)args;
	while (!m->call->cancelled(c))
		(void)nanosleep(&nap, NULL);
	m->call->complete(c, SEPT_ECANCELLED, sept_str("{}"));
}

static void
http_done(void *user, sept_status st, struct sept_slice msg,
    const struct sept_http_response *resp)
{
	struct job *j = user;

	(void)msg;
	(void)snprintf(j->text, sizeof j->text,
	    "{\"output\":\"http %d %d\"}", (int)st, (int)resp->status);
	if (j->c != NULL)
		j->m->call->complete(j->c, st, sept_str(j->text));
	free(j);
}

static void
t_http(struct me *m, struct sept_call *c, struct sept_slice args)
{
	struct sept_http_request req = { .size = sizeof req };
	struct job *j = job_new(m, c);

	(void)args;
	req.method = "GET";
	req.url = "http://127.0.0.1/";
	req.user = j;
	req.on_done = http_done;
	if (m->http == NULL || m->http->request(m->host, c, &req, &j->h,
	    NULL) != SEPT_OK) {
		free(j);
		done(m, c, "{\"output\":\"no http\"}");
	}
}

static void
proc_output(void *user, int32_t fd, struct sept_slice s)
{
	struct job *j = user;
	size_t n = s.n < 100 ? s.n : 100;

	if (fd == 1 && j->n == 0) {
		memcpy(j->text, s.p, n);
		j->n = (int)n;
	}
}

static void
proc_exit(void *user, int32_t code, int32_t sig)
{
	struct job *j = user;
	char text[320];

	(void)snprintf(text, sizeof text, "{\"output\":\"%.*s %d %d\"}", j->n,
	    j->text, (int)code, (int)sig);
	done(j->m, j->c, text);
	free(j);
}

static void
t_proc(struct me *m, struct sept_call *c, struct sept_slice args)
{
	static const char *const argv[] = { "echo", "-n", "child", NULL };
	struct sept_proc_spec spec = { .size = sizeof spec };
	struct sept_proc *p;
	struct job *j = job_new(m, c);

	(void)args;
	spec.path = "echo";
	spec.argv = argv;
	spec.user = j;
	spec.on_output = proc_output;
	spec.on_exit = proc_exit;
	if (m->proc == NULL || m->proc->spawn(m->host, &spec, &p, NULL) !=
	    SEPT_OK) {
		free(j);
		done(m, c, "{\"output\":\"no child\"}");
	}
}

static void
t_secret(struct me *m, struct sept_call *c, struct sept_slice args)
{
	struct sept_slice s = { NULL, 0 };
	char text[128];
	int a, b, d;

	(void)args;
	if (m->secret == NULL) {
		done(m, c, "{\"output\":\"no secrets\"}");
		return;
	}
	a = m->secret->get(m->host, "OTHER_KEY", &s);
	b = m->secret->get(m->host, "UNSET_KEY", &s);
	d = m->secret->get(m->host, "TEST_KEY", &s);
	(void)snprintf(text, sizeof text, "{\"output\":\"%d %d %d %.*s\"}",
	    a, b, d, (int)s.n, s.p != NULL ? s.p : "");
	done(m, c, text);
}

static void
t_info(struct me *m, struct sept_call *c, struct sept_slice args)
{
	const struct sept_call_info *i = m->call->info(c);
	char text[1024];

	(void)args;
	(void)snprintf(text, sizeof text, "{\"output\":\"%.*s %.*s %.*s %u "
	    "%d\",\"config\":\"%s\",\"turn\":\"%s\",\"early\":%d}",
	    (int)i->task_id.n, i->task_id.p, (int)i->call_id.n, i->call_id.p,
	    (int)i->workspace.n, i->workspace.p, (unsigned)i->attempt,
	    m->call->deadline_ns(c) != UINT64_MAX, m->config, m->turn,
	    m->early_ext);
	done(m, c, text);
}

static void
nothing(void *arg)
{
	(void)arg;
}

static void
t_leave(struct me *m, struct sept_call *c, struct sept_slice args)
{
	(void)args;
	m->sick = 1;
	(void)m->loop->timer(m->host, 3600000, nothing, NULL, &m->left);
	done(m, c, "{}");
}

static void
work_a_bit(void *arg)
{
	struct job *j = arg;

	j->n = 41;
}

static void
worked(void *arg)
{
	struct job *j = arg;

	j->n++;
	(void)snprintf(j->text, sizeof j->text, "{\"output\":\"%d\"}", j->n);
	done(j->m, j->c, j->text);
	free(j);
}

static void
timed(void *arg)
{
	struct job *j = arg;

	if (j->m->pool->submit(j->m->host, work_a_bit, worked, j) != SEPT_OK)
		abort();
}

static void
posted(void *arg)
{
	struct job *j = arg;
	struct sept_timer *t;

	if (j->m->loop->timer(j->m->host, 1, timed, j, &t) != SEPT_OK)
		abort();
}

/* A post, then a timer, then the pool, then done. */
static void
t_steps(struct me *m, struct sept_call *c, struct sept_slice args)
{
	(void)args;
	if (m->loop->post(m->host, posted, job_new(m, c)) != SEPT_OK)
		abort();
}

#define SCHEMA "{\"type\":\"object\"}"
#define TOOL(n, f, par) { sizeof(struct sept_tool_info), f, n, "a test", \
	SCHEMA, 0, par }

static const struct {
	struct sept_tool_info info;
	void (*run)(struct me *, struct sept_call *, struct sept_slice);
} tools[] = {
	{ TOOL("echo", SEPT_TOOL_READONLY, 0), t_echo },
	{ TOOL("build", 0, 0), t_build },
	{ TOOL("never", 0, 0), t_never },
	{ TOOL("release", 0, 0), t_release },
	{ TOOL("twice", 0, 0), t_twice },
	{ TOOL("again", 0, 0), t_again },
	{ TOOL("patient", 0, 0), t_patient },
	{ TOOL("thread", 0, 0), t_thread },
	{ TOOL("block", 0, 0), t_block },
	{ TOOL("utf8", 0, 0), t_utf8 },
	{ TOOL("malformed", 0, 0), t_malformed },
	{ TOOL("array", 0, 0), t_array },
	{ TOOL("huge", SEPT_TOOL_BLOCKING, 0), t_huge },
	{ TOOL("flood", 0, 0), t_flood },
	{ TOOL("flood_pool", SEPT_TOOL_BLOCKING, 0), t_flood_pool },
	{ TOOL("sleep", SEPT_TOOL_BLOCKING, 2), t_sleep },
	{ TOOL("poll", SEPT_TOOL_BLOCKING, 1), t_poll },
	{ TOOL("http", 0, 0), t_http },
	{ TOOL("proc", 0, 0), t_proc },
	{ TOOL("secret", 0, 0), t_secret },
	{ TOOL("info", 0, 0), t_info },
	{ TOOL("leave", 0, 0), t_leave },
	{ TOOL("steps", 0, 0), t_steps },
	{ TOOL("refuse", 0, 0), NULL },
};

static uint32_t
tool_count(struct sept_plugin *p)
{
	(void)p;
	return sizeof tools / sizeof tools[0];
}

static const struct sept_tool_info *
tool_info(struct sept_plugin *p, uint32_t i)
{
	(void)p;
	return &tools[i].info;
}

static sept_status
tool_invoke(struct sept_plugin *p, uint32_t i, struct sept_call *c,
    struct sept_slice args)
{
	if (tools[i].run == NULL)
		return SEPT_EINVAL;
	tools[i].run(p->self, c, args);
	return SEPT_OK;
}

static void
turn_ended(struct sept_plugin *p, struct sept_slice task,
    struct sept_slice turn)
{
	struct me *m = p->self;

	(void)task;
	(void)snprintf(m->turn, sizeof m->turn, "%.*s", (int)turn.n, turn.p);
}

const struct sept_tool test_tools = {
	.size = sizeof test_tools,
	.count = tool_count,
	.info = tool_info,
	.invoke = tool_invoke,
	.turn_ended = turn_ended,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run.c - one request of a network backend, see run.h.
 *
 * A run ends in one place, run_settle(): when HTTP is over and every event
 * has left. It is not freed while the host still owes a callback (on_done,
 * on_writable).
 */
#include "run.h"

#include <stdlib.h>
#include <string.h>

#include "run-internal.h"

/* What a provider may need to close the stream after its last event. */
#define CLOSE_MS 1000

static void run_settle(struct llm_run *run);

static void
run_free(struct llm_run *run)
{
	if (run->pl->pv->fini != NULL)
		run->pl->pv->fini(run);
	llm_tools_unref(run->tools);
	llm_out_fini(&run->out);
	llm_buf_fini(&run->body);
	free(run->state);
	free(run);
}

static void
run_blocked(void *arg, int on)
{
	struct llm_run *run = arg;

	if (run->http != NULL)
		run->pl->http->pause(run->http, on);
}

static void
run_drained(void *arg)
{
	run_settle(arg);
}

struct llm_run *
llm_run_new(struct llm_plugin *pl, struct sept_call *call)
{
	struct llm_run *run;

	run = calloc(1, sizeof *run);
	if (run == NULL)
		return NULL;
	run->state = calloc(1, pl->pv->state_size);
	if (run->state == NULL) {
		free(run);
		return NULL;
	}
	run->pl = pl;
	run->call = call;
	run->retry_after = -1;
	llm_out_init(&run->out, pl->call, call);
	run->out.blocked = run_blocked;
	run->out.drained = run_drained;
	run->out.user = run;
	llm_fail_init(&run->fail);
	llm_buf_init(&run->body, LLM_REPLY_MAX);
	pl->call->set_user(call, run);
	return run;
}

/* The one place where a call is completed. */
static void
run_complete(struct llm_run *run)
{
	const struct sept_host_call *api = run->pl->call;
	sept_status st = SEPT_OK;
	struct llm_buf b;

	llm_buf_init(&b, 8192);
	if (run->out.failed)
		llm_fail_set(&run->fail, LLM_PROVIDER_ERROR, 0,
		    "the reply could not be handed on: out of memory");
	if (run->cancelled || (run->out.over && run->fail.code == NULL)) {
		st = SEPT_ECANCELLED;
		llm_buf_str(&b, "{}");
	} else if (run->fail.code != NULL) {
		st = strcmp(run->fail.code, LLM_TIMEOUT) == 0 ?
		    SEPT_ETIMEOUT : SEPT_EFAILED;
		llm_fail_hide(&run->fail, run->pl->key.p, run->pl->key.n);
		llm_fail_json(&run->fail, &b);
	} else {
		llm_buf_fmt(&b, "{\"stop_reason\":\"%s\"", run->stop_reason);
		if (run->model[0] != '\0') {
			llm_buf_str(&b, ",\"model\":");
			llm_buf_quote(&b, run->model, strlen(run->model));
		}
		llm_buf_str(&b, "}");
	}
	api->set_user(run->call, NULL);
	api->complete(run->call, st, sept_slice_of(b.p, b.failed ? 0 : b.n));
	llm_buf_fini(&b);
	run_free(run);
}

static void
run_settle(struct llm_run *run)
{
	if (run->done && !run->out.armed)
		run_complete(run);
}

/* Nothing was sent and nothing will come. */
void
llm_run_over(struct llm_run *run)
{
	run->done = 1;
	run_settle(run);
}

static void
run_abort(struct llm_run *run)
{
	if (run->http != NULL)
		run->pl->http->abort(run->http);
}

void
llm_run_fail(struct llm_run *run, const char *code, int retryable,
    const char *text)
{
	llm_fail_set(&run->fail, code, retryable, "%s", text);
	run_abort(run);
}

void
llm_run_fail_object(struct llm_run *run, const json_t *root)
{
	llm_fail_object(&run->fail, root);
	run_abort(run);
}

void
llm_run_cancel(struct llm_run *run)
{
	run->cancelled = 1;
	run_abort(run);
}

static void
run_close_late(void *arg)
{
	struct llm_run *run = arg;

	run->timer = NULL;
	run_abort(run);
}

void
llm_run_finished(struct llm_run *run)
{
	if (run->finished)
		return;
	run->finished = 1;
	if (run->http == NULL || run->pl->loop == NULL)
		return;
	if (run->pl->loop->timer(run->pl->host, CLOSE_MS, run_close_late,
	    run, &run->timer) != SEPT_OK)
		run->timer = NULL;
}

static void
on_head(void *arg, const struct sept_http_response *r)
{
	struct llm_run *run = arg;

	run->status = r->status;
	run->retry_after = r->retry_after_s;
}

static void
on_data(void *arg, struct sept_slice s)
{
	struct llm_run *run = arg;

	if (run->fail.code == NULL && !run->body.failed)
		llm_buf_add(&run->body, s.p, s.n);
}

static void
on_sse(void *arg, const struct sept_sse *sse)
{
	struct llm_run *run = arg;

	if (run->fail.code != NULL || run->cancelled || run->out.over ||
	    sse->data.n == 0)
		return;
	run->pl->pv->event(run, sse->data.p, sse->data.n);
	if (run->out.failed)
		run_abort(run);
}

/* An event stream under a wrong content type: its events, one by one. */
static void
run_plain_stream(struct llm_run *run)
{
	const char *p = run->body.p, *end = p + run->body.n, *nl;
	struct llm_buf data;

	llm_buf_init(&data, LLM_REPLY_MAX);
	for (; p < end && run->fail.code == NULL; p = nl + 1) {
		size_t n;

		nl = memchr(p, '\n', (size_t)(end - p));
		if (nl == NULL)
			nl = end;
		n = (size_t)(nl - p);
		if (n > 0 && p[n - 1] == '\r')
			n--;
		if (n > 5 && memcmp(p, "data:", 5) == 0) {
			size_t skip = p[5] == ' ' ? 6 : 5;

			if (data.n > 0)
				llm_buf_add(&data, "\n", 1);
			llm_buf_add(&data, p + skip, n - skip);
		} else if (n == 0 && data.n > 0) {
			run->pl->pv->event(run, data.p, data.n);
			llm_buf_reset(&data);
		}
	}
	if (data.n > 0 && !data.failed && run->fail.code == NULL)
		run->pl->pv->event(run, data.p, data.n);
	llm_buf_fini(&data);
}

/* A 2xx reply with a body that did not come as events. */
static void
run_whole(struct llm_run *run)
{
	json_t *root;

	if (run->body.failed) {
		llm_run_fail(run, LLM_PROVIDER_ERROR, 0,
		    "the provider's reply is too large");
		return;
	}
	root = json_loadb(run->body.p, run->body.n, JSON_ALLOW_NUL, NULL);
	if (json_is_object(root))
		run->pl->pv->whole(run, root);
	else if (run->body.n > 5 && (memcmp(run->body.p, "data:", 5) == 0 ||
	    memcmp(run->body.p, "event", 5) == 0 || run->body.p[0] == ':'))
		run_plain_stream(run);
	else
		llm_run_fail(run, LLM_PROVIDER_ERROR, 1, "the provider's "
		    "reply is neither an event stream nor JSON");
	json_decref(root);
}

static void
run_transport(struct llm_run *run, sept_status st, struct sept_slice msg)
{
	const char *code = LLM_PROVIDER_ERROR;
	int again = st == SEPT_EIO || st == SEPT_EUNAVAIL;
	int n = msg.n < 400 ? (int)msg.n : 400;

	if (st == SEPT_ETIMEOUT) {
		code = LLM_TIMEOUT;
		again = 1;
	}
	if (n > 0)
		llm_fail_set(&run->fail, code, again, "%.*s", n, msg.p);
	else
		llm_fail_set(&run->fail, code, again, "%s",
		    st == SEPT_ETIMEOUT ? "the provider did not answer in "
		    "time" : "the connection to the provider failed");
}

static void
run_ended(struct llm_run *run, sept_status st, struct sept_slice msg)
{
	if (run->fail.code != NULL || run->cancelled || run->out.over ||
	    run->out.failed)
		return;
	if (st == SEPT_ECANCELLED && !run->finished) {
		run->cancelled = 1;
		return;
	}
	/* After the stream's own end the transport has no say any more. */
	if (st != SEPT_OK && !run->finished &&
	    (run->status == 0 || run->status / 100 == 2)) {
		run_transport(run, st, msg);
		return;
	}
	if (run->status / 100 != 2) {
		llm_fail_http(&run->fail, run->status, run->retry_after,
		    run->body.p, run->body.n);
		return;
	}
	if (run->body.n > 0)
		run_whole(run);
	if (run->fail.code != NULL)
		return;
	run->pl->pv->end(run);
	if (run->fail.code != NULL)
		return;
	if (run->stop_reason == NULL) {
		llm_fail_set(&run->fail, LLM_PROVIDER_ERROR, 1,
		    "the provider's reply was cut off");
		return;
	}
	llm_out_close(&run->out);
	if (run->usage)
		llm_out_usage(&run->out, run->in_tokens, run->out_tokens,
		    run->hit_tokens);
}

static void
on_done(void *arg, sept_status st, struct sept_slice msg,
    const struct sept_http_response *r)
{
	struct llm_run *run = arg;

	run->http = NULL;
	if (run->timer != NULL)
		run->pl->loop->timer_cancel(run->timer);
	run->timer = NULL;
	if (r != NULL && r->status != 0) {
		run->status = r->status;
		run->retry_after = r->retry_after_s;
	}
	run_ended(run, st, msg);
	run->done = 1;
	run_settle(run);
}

/* Sends; a failure here ends the run through run->fail. */
static void
run_send(struct llm_run *run, const char *url, const struct llm_buf *body)
{
	struct llm_plugin *pl = run->pl;
	const char *headers[6];
	struct sept_http_request rq;
	struct llm_buf auth;
	size_t n = 0;

	llm_buf_init(&auth, 8192);
	headers[n++] = "Content-Type: application/json";
	headers[n++] = "Accept: text/event-stream, application/json";
	if (pl->key.n > 0) {
		llm_buf_str(&auth, pl->pv->key_header);
		llm_buf_add(&auth, pl->key.p, pl->key.n);
		headers[n++] = llm_buf_cstr(&auth);
	}
	if (pl->pv->extra_header != NULL)
		headers[n++] = pl->pv->extra_header;
	headers[n] = NULL;
	memset(&rq, 0, sizeof rq);
	rq.size = sizeof rq;
	rq.flags = SEPT_HTTP_SSE;
	rq.method = "POST";
	rq.url = url;
	rq.headers = headers;
	rq.body = sept_slice_of(body->p, body->n);
	rq.idle_timeout_ms = pl->timeout_ms;
	rq.max_body = LLM_REPLY_MAX;
	rq.user = run;
	rq.on_head = on_head;
	rq.on_data = on_data;
	rq.on_sse = on_sse;
	rq.on_done = on_done;
	if (auth.failed || pl->http->request(pl->host, run->call, &rq,
	    &run->http, NULL) != SEPT_OK) {
		run->http = NULL;
		llm_run_fail(run, LLM_PROVIDER_ERROR, 0,
		    "the request to the provider could not be begun");
	} else {
		run->sent = 1;
	}
	llm_buf_fini(&auth);
}

void
llm_run_start(struct llm_run *run, const struct llm_req *req)
{
	struct llm_buf url, body;
	int rc;

	llm_buf_init(&url, 4096);
	llm_buf_init(&body, LLM_BODY_MAX);
	llm_buf_str(&url, run->pl->base_url);
	rc = run->pl->pv->build(run, req, &url, &body);
	if (rc == -1 || url.failed || body.failed)
		llm_run_fail(run, LLM_PROVIDER_ERROR, 0,
		    "the request could not be built: too large or out of "
		    "memory");
	if (run->fail.code == NULL)
		run_send(run, llm_buf_cstr(&url), &body);
	llm_buf_fini(&url);
	llm_buf_fini(&body);
	if (!run->sent)
		llm_run_over(run);
}

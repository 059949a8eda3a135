/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model.c - one model call of a turn: the request, the events of the reply as
 * they come, and what to do when it fails.
 *
 * A call is repeated (jittered back-off, then FALLBACK_MODEL) only while
 * nothing of it has been streamed; afterwards a failure fails the turn.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/json.h"
#include "../base/log.h"
#include "../base/scrub.h"
#include "agent-internal.h"
#include "result.h"

#define CALL_MAX_NS (UINT64_C(3600) * 1000000000)
#define BACKOFF_BASE_MS 500
#define BACKOFF_MAX_MS 30000
#define RETRY_AFTER_MAX_S 60   /* a longer wait is the client's decision */
#define HOLD_MS 200            /* contract: text is held back no longer */

static void start_attempt(struct turn *t);

static const char *
model_name(const struct turn *t)
{
	const struct agent_config *c = &t->agent->cfg;

	if (t->on_fallback)
		return c->fallback_model;
	if (t->def->model != NULL)
		return t->def->model;
	return c->model != NULL ? c->model : "";
}

/* --- text on its way to the journal ----------------------------------- */

static void
hold_flush(struct turn *t)
{
	loop_timer_cancel(t->hold_timer);
	t->hold_timer = NULL;
	if (t->hold.n == 0)
		return;
	(void)scrub_stream(t->hold.p, t->hold.n, &t->hold_key);
	if (channel_delta(t->channel, t->hold_type, t->hold.p,
	    t->hold.n) != 0)
		log_error("agent", "turn %s: text is lost: out of memory",
		    t->turn_id);
	buf_reset(&t->hold);
}

static void
on_hold_over(void *arg)
{
	struct turn *t = arg;

	t->hold_timer = NULL;
	hold_flush(t);
}

/*
 * Sends text on, but for a last word that may become a credential; that waits
 * for its end, at most HOLD_MS.
 */
static int
push_text(struct turn *t, const char *type, struct sept_slice s)
{
	size_t keep, send;

	if (t->hold_type != type) {
		hold_flush(t);
		t->hold_key = 0;
	}
	t->hold_type = type;
	if (t->hold.n == 0 && scrub_tail(s.p, s.n) == 0) {
		/* The usual case: nothing held, nothing to hold. */
		if (buf_add(&t->hold, s.p, s.n) != 0)
			return -1;
		hold_flush(t);
		return 0;
	}
	if (buf_add(&t->hold, s.p, s.n) != 0)
		return -1;
	keep = scrub_tail(t->hold.p, t->hold.n);
	send = t->hold.n - keep;
	if (send > 0) {
		(void)scrub_stream(t->hold.p, send, &t->hold_key);
		if (channel_delta(t->channel, type, t->hold.p, send) != 0)
			return -1;
		buf_drop(&t->hold, send);
	}
	if (keep > 0 && t->hold_timer == NULL)
		return loop_timer(t->agent->cfg.loop, HOLD_MS, on_hold_over,
		    t, &t->hold_timer);
	return 0;
}

/* --- events of the reply ----------------------------------------------- */

static const char *
kind_name(uint32_t kind)
{
	return kind == SEPT_BLOCK_TEXT ? "text" :
	    kind == SEPT_BLOCK_THINKING ? "thinking" : "tool_use";
}

static int
block_position(const struct turn *t, const struct reply_block *b)
{
	size_t i;

	for (i = t->reply.n; i-- > 0;)
		if (t->reply.blocks[i] == b)
			break;
	return t->block_base + (int)i;
}

/* The turn cannot go on with this reply: the call is ended, then it fails. */
static void
spoil(struct turn *t, const struct err *e)
{
	if (t->error.code == ERR_NONE)
		t->error = *e;
	t->streamed = 1;
	plug_call_cancel(t->call);
}

static void
on_event(void *user, const struct sept_event *ev)
{
	struct turn *t = user;
	struct reply_block *b = NULL;
	int fresh = 0, bad = 0;
	struct err e;

	if (t->cancelled || t->stop_now || t->error.code != ERR_NONE)
		return;
	if (reply_event(&t->reply, ev, &b, &fresh, &e) != 0) {
		spoil(t, &e);
		return;
	}
	if (b == NULL)
		return;
	t->streamed = 1;
	if (fresh) {
		hold_flush(t);
		t->hold_key = 0;
		bad = wire_block(t, 1, block_position(t, b),
		    kind_name(b->kind));
	}
	if (ev->kind == SEPT_EV_TEXT && ev->text.n > 0)
		bad |= push_text(t, "text_delta", ev->text);
	else if (ev->kind == SEPT_EV_THINKING && ev->text.n > 0)
		bad |= push_text(t, "thinking_delta", ev->text);
	else if (ev->kind == SEPT_EV_BLOCK_STOP) {
		hold_flush(t);
		bad |= wire_block(t, 0, block_position(t, b),
		    kind_name(b->kind));
	}
	if (bad != 0) {
		err_nomem(&e);
		spoil(t, &e);
	}
}

/* --- the end of a call -------------------------------------------------- */

/* What a backend's completion says of a failure. */
struct failure {
	struct err err;
	int retryable;
	json_int_t retry_after; /* seconds, -1: unknown */
	json_int_t http_status;
};

static void
read_failure(sept_status status, json_t *result, struct failure *f)
{
	const char *code = json_string_value(json_object_get(result, "code"));
	const char *msg = json_string_value(json_object_get(result,
	    "message"));
	json_t *after = json_object_get(result, "retry_after");
	enum err_code c = code != NULL ? err_from_name(code) : ERR_NONE;

	if (c == ERR_NONE)
		c = status == SEPT_ETIMEOUT ? ERR_LLM_TIMEOUT :
		    ERR_LLM_PROVIDER;
	err_set(&f->err, c, "%s", msg != NULL ? msg :
	    "the model backend failed");
	f->retryable = json_is_true(json_object_get(result, "retryable"));
	f->retry_after = json_is_number(after) ?
	    (json_int_t)(json_number_value(after) + 0.999) : -1;
	f->http_status = json_integer_value(json_object_get(result,
	    "http_status"));
}

static void
on_retry(void *arg)
{
	struct turn *t = arg;

	t->timer = NULL;
	start_attempt(t);
}

static uint64_t
backoff_ms(const struct turn *t, const struct failure *f)
{
	uint64_t ms = BACKOFF_BASE_MS;
	int i;

	if (f->retry_after >= 0)
		return (uint64_t)f->retry_after * 1000 +
		    randombytes_uniform(250);
	for (i = 1; i < t->attempt && ms < BACKOFF_MAX_MS; i++)
		ms *= 2;
	if (ms > BACKOFF_MAX_MS)
		ms = BACKOFF_MAX_MS;
	return ms / 2 + randombytes_uniform((uint32_t)(ms / 2 + 1));
}

/* 1 when the call will be made again. */
static int
try_again(struct turn *t, const struct failure *f)
{
	const struct agent_config *c = &t->agent->cfg;
	uint64_t wait;

	if (t->streamed || !f->retryable)
		return 0;
	if (t->attempt <= c->llm_max_retries &&
	    f->retry_after <= RETRY_AFTER_MAX_S) {
		wait = backoff_ms(t, f);
		t->attempt++;
	} else if (c->fallback_model != NULL && !t->on_fallback) {
		wait = 0;
		t->on_fallback = 1;
		t->attempt = 1;
	} else {
		return 0;
	}
	t->agent->stats.model_retries++;
	log_msg(LOG_LEVEL_WARNING, "agent",
	    &(struct log_ctx){ NULL, t->task_id, NULL },
	    "model call failed (%s), again in %llu ms with %s",
	    f->err.text, (unsigned long long)wait, model_name(t));
	return loop_timer(c->loop, wait, on_retry, t, &t->timer) == 0;
}

static void
call_failed(struct turn *t, sept_status status, json_t *result)
{
	json_t *details = NULL;
	struct failure f;

	if (t->error.code != ERR_NONE) {
		struct err e = t->error;

		turn_fail(t, &e, NULL);
		return;
	}
	read_failure(status, result, &f);
	if (f.err.code != ERR_LLM_RATE_LIMITED) {
		t->agent->stats.llm_ok = 0;
		t->agent->stats.model_failures++;
	}
	if (try_again(t, &f))
		return;
	if (f.retry_after >= 0 || f.http_status > 0) {
		details = json_object();
		if (f.retry_after >= 0)
			json_object_set_new(details, "retry_after",
			    json_integer(f.retry_after));
		if (f.http_status > 0)
			json_object_set_new(details, "http_status",
			    json_integer(f.http_status));
	}
	turn_fail(t, &f.err, details);
	json_decref(details);
}

/* Puts the reply into the turn's save, as an assistant message. */
static int
keep_reply(struct turn *t, int text_only)
{
	size_t n = 0;
	struct buf b;

	buf_init(&b, 8 * REPLY_MAX_BYTES);
	if (reply_content(&t->reply, text_only, &b, &n) != 0) {
		buf_fini(&b);
		return -1;
	}
	if (n == 0) {
		buf_fini(&b);
		return 0;
	}
	free(t->save.content);
	t->save.content = buf_take(&b, NULL);
	id_make(t->save.message_id, "msg-");
	t->save.role = "assistant";
	return t->save.content == NULL ? -1 : 1;
}

static void
call_cancelled(struct turn *t)
{
	if (keep_reply(t, 1) == 1)
		memcpy(t->answer_id, t->save.message_id, ID_MAX);
	turn_finish(t, OUT_CANCELLED, "cancelled");
}

/* Blocks that the backend did not end are ended here. */
static int
end_blocks(struct turn *t)
{
	struct reply_block *b;
	size_t i;
	int bad = 0;

	for (i = 0; i < t->reply.n; i++) {
		b = t->reply.blocks[i];
		if (b->stopped)
			continue;
		b->stopped = 1;
		bad |= wire_block(t, 0, t->block_base + (int)i,
		    kind_name(b->kind));
	}
	t->block_base += (int)t->reply.n;
	return bad;
}

static void
after_nudge(struct turn *t)
{
	turn_set_state(t, TS_CONTEXT);
	turn_step_later(t);
}

/* The reply is an answer, unless a result by schema is still owed. */
static void
answer(struct turn *t, const char *stop_reason)
{
	int kept = keep_reply(t, 0);
	struct err e;

	if (kept < 0) {
		err_nomem(&e);
		turn_fail(t, &e, NULL);
		return;
	}
	if (t->schema != NULL && t->result == NULL) {
		switch (result_from_text(t, &e)) {
		case RESULT_READY:
			break;
		case RESULT_AGAIN:
			turn_set_state(t, TS_SAVE);
			t->save.usage = 1;
			t->save.effects = 0;
			turn_save(t, after_nudge);
			return;
		case RESULT_FAILED:
			turn_fail(t, &e, NULL);
			return;
		}
	}
	if (kept == 1)
		memcpy(t->answer_id, t->save.message_id, ID_MAX);
	turn_finish(t, OUT_COMPLETED, stop_reason);
}

static void
call_done(struct turn *t, json_t *result)
{
	const char *stop = json_string_value(json_object_get(result,
	    "stop_reason"));
	const char *model = json_string_value(json_object_get(result,
	    "model"));
	struct agent_stats *st = &t->agent->stats;
	struct err e;

	st->llm_ok = 1;
	st->input_tokens += (uint64_t)t->reply.input_tokens;
	st->output_tokens += (uint64_t)t->reply.output_tokens;
	st->cache_hit_tokens += (uint64_t)t->reply.cache_hit_tokens;
	if (model == NULL || *model == '\0')
		model = *model_name(t) != '\0' ? model_name(t) :
		    plug_llm_info(t->llm)->default_model;
	(void)snprintf(t->answered_by, sizeof t->answered_by, "%s", model);
	if (end_blocks(t) != 0 || wire_usage(t, model) != 0) {
		err_nomem(&e);
		turn_fail(t, &e, NULL);
		return;
	}
	if (reply_count(&t->reply, SEPT_BLOCK_TOOL_USE) == 0) {
		answer(t, stop == NULL || strcmp(stop, "tool_use") == 0 ?
		    "end_turn" : stop);
		return;
	}
	if (keep_reply(t, 0) < 1) {
		err_nomem(&e);
		turn_fail(t, &e, NULL);
		return;
	}
	tools_begin(t);
}

static void
on_done(void *user, sept_status status, json_t *result)
{
	struct turn *t = user;

	t->call = NULL;
	t->messages.n--; /* the closing bracket of the request */
	hold_flush(t);
	if (t->stop_now)
		turn_finish(t, OUT_FAILED, "interrupted");
	else if (t->cancelled && t->error.code == ERR_NONE)
		call_cancelled(t);
	else if (status == SEPT_OK && t->error.code == ERR_NONE)
		call_done(t, result);
	else
		call_failed(t, status, result);
}

/* --- the request -------------------------------------------------------- */

static int
write_params(struct turn *t)
{
	struct buf b;

	buf_init(&b, 1u << 20);
	buf_addf(&b, "{\"max_tokens\":%lld",
	    (long long)t->agent->cfg.max_tokens);
	if (t->thinking)
		buf_adds(&b, ",\"thinking\":true");
	result_params(t, &b);
	buf_addc(&b, '}');
	free(t->params);
	t->params = buf_take(&b, NULL);
	return t->params == NULL ? -1 : 0;
}

static void
start_attempt(struct turn *t)
{
	static const struct plug_call_ops ops = { on_event, on_done };
	struct sept_llm_request req;
	struct plug_caller who;
	char call_id[ID_MAX];
	struct err e;

	memset(&req, 0, sizeof req);
	memset(&who, 0, sizeof who);
	err_clear(&e);
	id_make(call_id, "call-");
	who.task_id = t->task_id;
	who.turn_id = t->turn_id;
	who.call_id = call_id;
	who.agent = t->agent_name;
	who.attempt = (uint32_t)t->attempt;
	who.deadline_ns = clock_mono_ns() + CALL_MAX_NS;
	reply_fini(&t->reply);
	if (write_params(t) != 0 || buf_addc(&t->messages, ']') != 0) {
		err_nomem(&e);
		turn_fail(t, &e, NULL);
		return;
	}
	req.size = sizeof req;
	req.model = sept_str(model_name(t));
	req.system = sept_slice_of(t->tools->system_json, t->tools->system_n);
	req.tools = result_tools(t);
	req.messages = sept_slice_of(t->messages.p, t->messages.n);
	req.params = sept_str(t->params);
	t->agent->stats.model_calls++;
	t->call = plug_llm_generate(t->llm, &who, &req, &ops, t, &e);
	if (t->call == NULL) {
		t->messages.n--;
		if (e.code != ERR_INTERNAL)
			e.code = ERR_LLM_PROVIDER;
		t->agent->stats.llm_ok = 0;
		turn_fail(t, &e, NULL);
	}
}

void
model_call(struct turn *t)
{
	if (t->calls >= t->def->max_iterations) {
		turn_finish(t, OUT_COMPLETED, "max_iterations");
		return;
	}
	t->calls++;
	t->attempt = 1;
	t->on_fallback = 0;
	t->streamed = 0;
	start_attempt(t);
}

void
model_cancel(struct turn *t)
{
	if (t->call != NULL) {
		plug_call_cancel(t->call);
	} else if (t->timer != NULL) {
		loop_timer_cancel(t->timer);
		t->timer = NULL;
		turn_finish(t, t->stop_now ? OUT_FAILED : OUT_CANCELLED,
		    "cancelled");
	}
}

void
model_fini(struct turn *t)
{
	loop_timer_cancel(t->timer);
	loop_timer_cancel(t->hold_timer);
}

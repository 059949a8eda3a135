/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fail.c - see fail.h. Providers agree on little: the message is looked for
 * in every place they are known to put it, and the kind is decided by the
 * HTTP status first, by type and code strings where there is none.
 */
#include "fail.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A stranger's number; more than a day is of no use to a retry. */
#define RETRY_MAX 86400

struct fail_view {
	const char *message, *type, *code, *status;
	int number;         /* numeric code, 0: none */
	int64_t retry;      /* hint of the body, -1: none */
};

void
llm_fail_init(struct llm_fail *f)
{
	memset(f, 0, sizeof *f);
	f->retry_after = -1;
}

/* One line, no broken character at the end. */
static void
fail_tidy(struct llm_fail *f)
{
	size_t n = strlen(f->text), k;
	char *p;

	for (p = f->text; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
	for (k = n; k > 0 && n - k < 4; k--) {
		unsigned char c = (unsigned char)f->text[k - 1];
		size_t want;

		if (c < 0x80)
			break;
		if (c < 0xc0)
			continue;
		want = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
		if (n - (k - 1) < want)
			f->text[k - 1] = '\0';
		break;
	}
}

void
llm_fail_set(struct llm_fail *f, const char *code, int retryable,
    const char *fmt, ...)
{
	va_list ap;

	if (f->code != NULL)
		return;
	f->code = code;
	f->retryable = retryable;
	va_start(ap, fmt);
	if (vsnprintf(f->text, sizeof f->text, fmt, ap) < 0)
		f->text[0] = '\0';
	va_end(ap);
	fail_tidy(f);
}

static int
has(const char *s, const char *word)
{
	return s != NULL && strcasestr(s, word) != NULL;
}

static const char *
text_of(const json_t *obj, const char *key)
{
	const char *s = json_string_value(json_object_get(obj, key));

	return s != NULL && *s != '\0' ? s : NULL;
}

/* Seconds, rounded up, of "34s", "1.5s", "20ms", "6m0s", "2"; -1: none. */
static int64_t
duration(const char *s)
{
	double total = 0, v;
	char *end;
	int any = 0;

	while (isdigit((unsigned char)*s) && total <= RETRY_MAX) {
		v = strtod(s, &end);
		if (end == s)
			break;
		any = 1;
		s = end;
		if (strncmp(s, "ms", 2) == 0) {
			total += v / 1000;
			s += 2;
		} else if (*s == 'm') {
			total += v * 60;
			s++;
		} else if (*s == 'h') {
			total += v * 3600;
			s++;
		} else {
			total += v;
			if (*s != 's')
				break;
			s++;
		}
	}
	if (!any)
		return -1;
	if (!(total < RETRY_MAX))
		return RETRY_MAX;
	return (int64_t)total + ((double)(int64_t)total < total);
}

/* "... try again in 1.5s" in the message, or a field that says it. */
static int64_t
retry_hint(const json_t *root, const json_t *err, const char *message)
{
	static const char *const keys[] = { "retry_after",
	    "retry_after_seconds", "retryAfter" };
	const json_t *v, *d;
	const char *s;
	size_t i;

	for (i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		v = json_object_get(err, keys[i]);
		if (v == NULL)
			v = json_object_get(root, keys[i]);
		if (json_is_number(v) && json_number_value(v) >= 0 &&
		    json_number_value(v) < RETRY_MAX) {
			double x = json_number_value(v);

			return (int64_t)x + ((double)(int64_t)x < x);
		}
		if (json_is_string(v))
			return duration(json_string_value(v));
	}
	json_array_foreach(json_object_get(err, "details"), i, d) {
		s = text_of(d, "retryDelay");
		if (s != NULL)
			return duration(s);
	}
	s = message != NULL ? strcasestr(message, "try again in ") : NULL;
	if (s != NULL)
		return duration(s + strlen("try again in "));
	s = message != NULL ? strcasestr(message, "retry in ") : NULL;
	return s != NULL ? duration(s + strlen("retry in ")) : -1;
}

static void
fail_look(struct fail_view *v, const json_t *root)
{
	const json_t *err, *code, *first;

	memset(v, 0, sizeof *v);
	v->retry = -1;
	if (json_is_array(root))
		root = json_array_get(root, 0);
	err = json_object_get(root, "error");
	if (json_is_string(err))
		v->message = json_string_value(err);
	if (!json_is_object(err))
		err = root;
	if (v->message == NULL)
		v->message = text_of(err, "message");
	if (v->message == NULL)
		v->message = text_of(err, "detail");
	first = json_array_get(json_object_get(err, "detail"), 0);
	if (v->message == NULL && first != NULL)
		v->message = text_of(first, "msg");
	if (v->message == NULL)
		v->message = text_of(root, "message");
	v->type = text_of(err, "type");
	v->status = text_of(err, "status");
	code = json_object_get(err, "code");
	v->code = json_string_value(code);
	if (json_is_integer(code) && json_integer_value(code) >= 100 &&
	    json_integer_value(code) < 600)
		v->number = (int)json_integer_value(code);
	else if (v->code != NULL && strlen(v->code) == 3)
		v->number = (int)strtol(v->code, NULL, 10);
	v->retry = retry_hint(root, err, v->message);
}

/* The HTTP status that an error inside a stream stands for. */
static int
status_of(const struct fail_view *v)
{
	static const struct {
		const char *word;
		int status;
	} map[] = {
		{ "rate_limit", 429 }, { "RESOURCE_EXHAUSTED", 429 },
		{ "too_many_requests", 429 }, { "insufficient_quota", 429 },
		{ "overloaded", 529 }, { "UNAVAILABLE", 503 },
		{ "timeout", 408 }, { "DEADLINE_EXCEEDED", 408 },
		{ "authentication", 401 }, { "UNAUTHENTICATED", 401 },
		{ "permission", 403 }, { "billing", 403 },
		{ "not_found", 404 }, { "invalid_request", 400 },
		{ "INVALID_ARGUMENT", 400 }, { "request_too_large", 413 },
		{ "context_length", 400 }, { "BadRequest", 400 },
	};
	size_t i;

	if (v->number != 0)
		return v->number;
	for (i = 0; i < sizeof map / sizeof map[0]; i++)
		if (has(v->type, map[i].word) || has(v->code, map[i].word) ||
		    has(v->status, map[i].word))
			return map[i].status;
	return 500;
}

static int
is_overflow(const struct fail_view *v, int status)
{
	static const char *const words[] = {
		"context_length", "context length", "context window",
		"context size", "maximum context", "context limit",
		"prompt is too long", "input is too long", "too many tokens",
		"input token count", "reduce the length", "exceed_context",
		"request_too_large", "maximum number of tokens",
	};
	size_t i;

	if (status != 400 && status != 413 && status != 422 && status != 500)
		return 0;
	if (status == 413)
		return 1;
	for (i = 0; i < sizeof words / sizeof words[0]; i++)
		if (has(v->message, words[i]) || has(v->code, words[i]) ||
		    has(v->type, words[i]))
			return 1;
	return 0;
}

static void
fail_kind(struct llm_fail *f, const struct fail_view *v, int status,
    int64_t retry_after, const char *text)
{
	const char *code = LLM_PROVIDER_ERROR;
	int again = status >= 500 || status == 409 || status == 425;
	int quota = has(v->code, "insufficient_quota") ||
	    has(v->type, "insufficient_quota");

	if (f->code != NULL)
		return;
	if (is_overflow(v, status)) {
		code = LLM_CONTEXT_OVERFLOW;
		again = 0;
	} else if (status == 429) {
		/* An exhausted quota does not come back by waiting. */
		code = LLM_RATE_LIMITED;
		again = !quota;
	} else if (status == 408) {
		code = LLM_TIMEOUT;
		again = 1;
	}
	llm_fail_set(f, code, again, "%s", text);
	if (retry_after < 0)
		retry_after = v->retry;
	if (again && retry_after >= 0)
		f->retry_after = retry_after > RETRY_MAX ? RETRY_MAX :
		    retry_after;
}

/* A body that is not JSON: its first line, unless it is a page of HTML. */
static void
plain_text(char *out, size_t size, const char *body, size_t n)
{
	size_t i = 0, k = 0;

	while (i < n && isspace((unsigned char)body[i]))
		i++;
	if (i < n && body[i] == '<')
		i = n;
	for (; i < n && k + 1 < size && body[i] != '\n'; i++)
		out[k++] = (unsigned char)body[i] >= 0x80 ? '?' :
		    body[i] != '\0' ? body[i] : ' ';
	out[k] = '\0';
}

void
llm_fail_http(struct llm_fail *f, int status, int64_t retry_after,
    const char *body, size_t n)
{
	struct fail_view v;
	char text[512], plain[256];
	json_t *root = NULL;

	if (n > 0)
		root = json_loadb(body, n, 0, NULL);
	fail_look(&v, root);
	plain[0] = '\0';
	if (v.message == NULL && root == NULL)
		plain_text(plain, sizeof plain, body, n);
	if (v.message == NULL && plain[0] != '\0')
		v.message = plain;
	if (snprintf(text, sizeof text, "HTTP %d%s%s", status,
	    v.message != NULL ? ": " : " from the provider",
	    v.message != NULL ? v.message : "") < 0)
		text[0] = '\0';
	fail_kind(f, &v, status, retry_after, text);
	f->http = status;
	json_decref(root);
}

void
llm_fail_object(struct llm_fail *f, const json_t *root)
{
	struct fail_view v;
	const char *text;

	fail_look(&v, root);
	text = v.message != NULL ? v.message : v.type != NULL ? v.type :
	    "the provider reported an error without a message";
	fail_kind(f, &v, status_of(&v), -1, text);
}

void
llm_fail_hide(struct llm_fail *f, const char *secret, size_t n)
{
	char *p = f->text;
	size_t left;

	if (n < 4)
		return;
	while ((p = memmem(p, strlen(p), secret, n)) != NULL) {
		left = strlen(p + n);
		memcpy(p, "***", 3);
		memmove(p + 3, p + n, left + 1);
		p += 3;
	}
	/* The text may have been cut inside the secret. */
	left = strlen(f->text);
	for (n = n - 1 < left ? n - 1 : left; n >= 8; n--) {
		if (memcmp(f->text + left - n, secret, n) == 0) {
			memcpy(f->text + left - n, "***", 4);
			break;
		}
	}
}

void
llm_fail_json(const struct llm_fail *f, struct llm_buf *b)
{
	llm_buf_fmt(b, "{\"code\":\"%s\",\"message\":", f->code);
	llm_buf_quote(b, f->text, strlen(f->text));
	llm_buf_fmt(b, ",\"retryable\":%s", f->retryable ? "true" : "false");
	if (f->retry_after >= 0)
		llm_buf_fmt(b, ",\"retry_after\":%lld",
		    (long long)f->retry_after);
	if (f->http != 0)
		llm_buf_fmt(b, ",\"http_status\":%d", f->http);
	llm_buf_str(b, "}");
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * search.c - web_search: Brave when there is a key for it, Tavily when there
 * is one for that; the second also when the first fails.
 *
 * The addresses come from the operator, not from the model, so the guard for
 * tools does not apply. Keys go into headers only, never into a message.
 */
#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "web.h"

#define RESULTS_MAX 20
#define REPLY_MAX (1024u * 1024)
#define IDLE_MS 15000u

static int tavily_begin(struct op *op);

/* 0 and the key, NUL terminated and allocated; -1: none. */
static int
key_get(struct op *op, const char *name, char **out)
{
	const struct sept_host_secret *s = op->w->secret;
	struct sept_slice v = { NULL, 0 };

	*out = NULL;
	if (s == NULL || s->get(op->w->host, name, &v) != SEPT_OK ||
	    v.n == 0 || v.n > 512 || memchr(v.p, '\n', v.n) != NULL ||
	    memchr(v.p, '\r', v.n) != NULL)
		return -1;
	*out = strndup(v.p, v.n);
	return *out != NULL ? 0 : -1;
}

static int
results_add(json_t *list, struct tool_buf *text, json_t *item,
    const char *snippet_key)
{
	const char *title = json_string_value(json_object_get(item, "title"));
	const char *url = json_string_value(json_object_get(item, "url"));
	const char *raw = json_string_value(json_object_get(item,
	    snippet_key));
	struct tool_buf head, snip;
	json_t *v;

	if (url == NULL)
		return 0;
	tool_buf_init(&head, 300);
	tool_buf_init(&snip, 1500);
	if (title != NULL)
		(void)html_plain(title, strlen(title), &head);
	if (raw != NULL)
		(void)html_plain(raw, strlen(raw), &snip);
	(void)tool_buf_printf(text, "%zu. %s\n   %.900s\n",
	    json_array_size(list) + 1, head.n > 0 ? head.p : "(no title)",
	    url);
	if (snip.n > 0) {
		(void)tool_buf_str(text, "   ");
		(void)tool_buf_add(text, snip.p, snip.n);
		(void)tool_buf_str(text, "\n");
	}
	v = json_pack("{s:o,s:s,s:o}", "title", tool_buf_json(&head), "url",
	    url, "snippet", tool_buf_json(&snip));
	tool_buf_fini(&head);
	tool_buf_fini(&snip);
	return json_array_append_new(list, v);
}

/* The answer from an array of results. */
static int
results(struct op *op, json_t *items, const char *snippet_key,
    const char *service)
{
	struct tool_buf text;
	json_t *list = json_array(), *item, *body = NULL;
	size_t i;

	tool_buf_init(&text, PAGE_MAX);
	json_array_foreach(items, i, item) {
		if (json_array_size(list) >= (size_t)op->count)
			break;
		if (results_add(list, &text, item, snippet_key) != 0)
			goto out;
	}
	if (json_array_size(list) == 0)
		(void)tool_buf_str(&text, "No results.\n");
	body = json_object();
	if (body != NULL && (tool_set(body, "output",
	    tool_buf_json(&text)) != 0 ||
	    tool_set(body, "truncated", json_boolean(text.full)) != 0 ||
	    tool_set(body, "service", json_string(service)) != 0 ||
	    tool_set(body, "results", json_incref(list)) != 0)) {
		json_decref(body);
		body = NULL;
	}
out:
	json_decref(list);
	tool_buf_fini(&text);
	return op_done(op, SEPT_OK, body);
}

/* What is wrong with a reply, in words; NULL: nothing. */
static const char *
reply_fault(const struct op *op, sept_status st, char *buf, size_t cap)
{
	if (st == SEPT_ETIMEOUT)
		return "it did not answer in time";
	if (st == SEPT_ETOOBIG)
		return "its reply is too large";
	if (st != SEPT_OK)
		return "it could not be reached";
	if (op->status == 401 || op->status == 403)
		return "it refuses the key";
	if (op->status == 429)
		return "its rate limit is reached";
	if (op->status == 200)
		return NULL;
	(void)snprintf(buf, cap, "HTTP status %d", op->status);
	return buf;
}

/* The service failed: the next one, or the end. */
static int
give_up(struct op *op, const char *service, const char *why, sept_status st)
{
	char *key;

	if (st == SEPT_ECANCELLED)
		return op_fail(op, st, "cancelled", "cancelled");
	if (strcmp(service, "brave") == 0 &&
	    key_get(op, "TAVILY_API_KEY", &key) == 0) {
		free(key);
		(void)snprintf(op->first_error, sizeof op->first_error,
		    "brave: %s; ", why);
		return tavily_begin(op);
	}
	return op_fail(op, st == SEPT_ETIMEOUT ? st : SEPT_EFAILED,
	    "search_failed", "the search failed: %s%s: %s", op->first_error,
	    service, why);
}

static int
reply(struct op *op, sept_status st, const char *service)
{
	int brave = strcmp(service, "brave") == 0, rc;
	char buf[64];
	const char *why = reply_fault(op, st, buf, sizeof buf);
	json_t *doc = NULL, *items;

	if (why == NULL) {
		doc = json_loadb(op->body.p != NULL ? op->body.p : "",
		    op->body.n, 0, NULL);
		if (!json_is_object(doc))
			why = "its reply is no JSON object";
	}
	if (why != NULL) {
		json_decref(doc);
		return give_up(op, service, why, st);
	}
	items = brave ? json_object_get(json_object_get(doc, "web"),
	    "results") : json_object_get(doc, "results");
	rc = results(op, items, brave ? "description" : "content", service);
	json_decref(doc);
	return rc;
}

static int
brave_next(struct op *op, sept_status st, struct sept_slice why)
{
	(void)why;
	return reply(op, st, "brave");
}

static int
tavily_next(struct op *op, sept_status st, struct sept_slice why)
{
	(void)why;
	return reply(op, st, "tavily");
}

static void
request_init(struct sept_http_request *q, const char *method,
    const char *url, const char *const *headers)
{
	memset(q, 0, sizeof *q);
	q->size = sizeof *q;
	q->method = method;
	q->url = url;
	q->headers = headers;
	q->idle_timeout_ms = IDLE_MS;
	q->max_body = REPLY_MAX;
}

static int
brave_begin(struct op *op)
{
	const char *headers[] = { "Accept: application/json", NULL, NULL };
	struct sept_http_request q;
	char *key = NULL, *auth = NULL, *url = NULL, *enc = NULL;
	int rc = -1;

	if (key_get(op, "BRAVE_API_KEY", &key) == 0)
		enc = curl_easy_escape(NULL, op->query, 0);
	if (enc == NULL)
		goto out;
	if (asprintf(&auth, "X-Subscription-Token: %s", key) < 0) {
		auth = NULL;
		goto out;
	}
	if (asprintf(&url, "%s?q=%s&count=%" PRId64, op->w->brave_url, enc,
	    op->count) < 0) {
		url = NULL;
		goto out;
	}
	headers[1] = auth;
	request_init(&q, "GET", url, headers);
	op->next = brave_next;
	rc = op_request(op, &q);
out:
	curl_free(enc);
	free(key);
	free(auth);
	free(url);
	return rc == 0 ? 0 : give_up(op, "brave", "the request could not be "
	    "begun", SEPT_EUNAVAIL);
}

static int
tavily_begin(struct op *op)
{
	const char *headers[] = { "Accept: application/json",
		"Content-Type: application/json", NULL, NULL };
	struct sept_http_request q;
	char *key = NULL, *auth = NULL, *body = NULL;
	json_t *ask;
	int rc = -1;

	ask = json_pack("{s:s,s:I}", "query", op->query, "max_results",
	    (json_int_t)op->count);
	body = ask != NULL ? json_dumps(ask, JSON_COMPACT) : NULL;
	json_decref(ask);
	if (body == NULL || key_get(op, "TAVILY_API_KEY", &key) != 0)
		goto out;
	if (asprintf(&auth, "Authorization: Bearer %s", key) < 0) {
		auth = NULL;
		goto out;
	}
	headers[2] = auth;
	request_init(&q, "POST", op->w->tavily_url, headers);
	q.body = sept_str(body);
	op->next = tavily_next;
	rc = op_request(op, &q);
out:
	free(key);
	free(auth);
	free(body);
	return rc == 0 ? 0 : give_up(op, "tavily", "the request could not "
	    "be begun", SEPT_EUNAVAIL);
}

int
search_begin(struct op *op)
{
	char *key;

	op->count = 8;
	if (tool_arg_str(op->args, "query", 1, &op->query, NULL) != 0 ||
	    op->query[strspn(op->query, " \t\r\n")] == '\0' ||
	    strlen(op->query) > 1000 ||
	    tool_arg_int(op->args, "count", 1, RESULTS_MAX, &op->count) < 0)
		return op_fail(op, SEPT_EINVAL, "invalid_arguments",
		    "expected {query (not blank), count?: 1..20}");
	if (key_get(op, "BRAVE_API_KEY", &key) == 0) {
		free(key);
		return brave_begin(op);
	}
	if (key_get(op, "TAVILY_API_KEY", &key) == 0) {
		free(key);
		return tavily_begin(op);
	}
	return op_fail(op, SEPT_EUNAVAIL, "no_search_key", "web search is not "
	    "set up: neither BRAVE_API_KEY nor TAVILY_API_KEY is set");
}

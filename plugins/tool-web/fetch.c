/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch.c - web_fetch: a page as text. Which addresses may be reached is the
 * host's decision, made when it connects, after DNS and on each redirect.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "web.h"

#define REDIRECTS 5u
#define IDLE_MS 20000u
#define ERROR_SHOWN 2000u

/* A URL that can be meant: http or https, no blanks or control characters,
 * no password in it. NULL or what is wrong. */
static const char *
url_fault(const char *url)
{
	const char *host, *end, *p;

	if (strncasecmp(url, "http://", 7) == 0)
		host = url + 7;
	else if (strncasecmp(url, "https://", 8) == 0)
		host = url + 8;
	else
		return "only http:// and https:// addresses are fetched";
	if (strlen(url) > URL_MAX - 1)
		return "the address is too long";
	for (p = url; *p != '\0'; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f || *p == '\\')
			return "the address holds a blank, a backslash or a "
			    "control character";
	end = host + strcspn(host, "/?#");
	if (end == host)
		return "the address names no host";
	if (memchr(host, '@', (size_t)(end - host)) != NULL)
		return "an address with a user name in it is refused";
	return NULL;
}

static int
type_is(const char *type, const char *want)
{
	size_t n = strlen(want);

	return strncasecmp(type, want, n) == 0 && (want[n - 1] == '/' ||
	    type[n] == '\0' || type[n] == ';' || type[n] == ' ');
}

/* 1 text, 0 to be looked at, -1 never text. */
static int
type_class(const char *type)
{
	static const char *const yes[] = { "text/", "application/json",
		"application/xml", "application/xhtml+xml",
		"application/javascript", "application/ld+json",
		"application/rss+xml", "application/atom+xml",
		"application/x-ndjson", "application/yaml" };
	static const char *const no[] = { "image/", "audio/", "video/",
		"font/", "application/pdf", "application/zip",
		"application/gzip", "application/wasm" };
	size_t i;

	for (i = 0; i < sizeof yes / sizeof yes[0]; i++)
		if (type_is(type, yes[i]))
			return 1;
	if (type_is(type, "image/svg+xml"))
		return 1;
	for (i = 0; i < sizeof no / sizeof no[0]; i++)
		if (type_is(type, no[i]))
			return -1;
	return 0;
}

static int
is_html(const char *type, const char *p, size_t n)
{
	size_t i = 0;

	if (type_is(type, "text/html") ||
	    type_is(type, "application/xhtml+xml"))
		return 1;
	if (*type != '\0' && !type_is(type, "application/octet-stream"))
		return 0;
	while (i < n && isspace((unsigned char)p[i]))
		i++;
	return (n - i >= 14 && strncasecmp(p + i, "<!doctype html", 14) ==
	    0) || (n - i >= 5 && strncasecmp(p + i, "<html", 5) == 0);
}

static void
answer_fail(struct op *op, sept_status st, const char *code,
    const char *text)
{
	op->st = st;
	op->answer = json_pack("{s:s,s:s}", "error", code, "output", text);
}

static int
stopped(void *arg)
{
	struct op *op = arg;

	return op->w->hc->cancelled(op->c.call);
}

/* Text of the page into out; the answer is set when there is none. */
static int
page_text(struct op *op, int html, const char *p, size_t n,
    struct tool_buf *out, struct tool_buf *title)
{
	struct html h;
	int rc;

	if (!html || op->format == FORMAT_HTML) {
		(void)tool_buf_mend(out, p, n);
		return 0;
	}
	memset(&h, 0, sizeof h);
	h.p = p;
	h.n = n;
	h.base = op->url;
	h.markdown = op->format == FORMAT_MARKDOWN;
	h.stop = stopped;
	h.arg = op;
	h.out = out;
	h.title = title;
	rc = html_render(&h);
	if (rc == 0)
		return 0;
	if (rc > 0 && stopped(op))
		answer_fail(op, SEPT_ECANCELLED, "cancelled", "cancelled");
	else if (rc > 0)
		answer_fail(op, SEPT_EFAILED, "too_complex", "the page is "
		    "nested too deeply or too large to turn into text; try "
		    "format html");
	return -1;
}

static void
page_answer(struct op *op, const struct tool_buf *text,
    const struct tool_buf *title)
{
	struct tool_buf all;
	int bad = op->status < 200 || op->status > 299;
	size_t n = bad && text->n > ERROR_SHOWN ? tool_utf8_cut(text->p,
	    ERROR_SHOWN) : text->n;

	tool_buf_init(&all, PAGE_MAX + URL_MAX + 4096);
	if (bad)
		(void)tool_buf_printf(&all, "HTTP status %d\n", op->status);
	if (title->n > 0)
		(void)tool_buf_printf(&all, "Title: %.500s\n", title->p);
	if (all.n > 0) {
		(void)tool_buf_str(&all, "URL: ");
		(void)tool_buf_mend(&all, op->url, strlen(op->url));
		(void)tool_buf_str(&all, "\n\n");
	}
	(void)tool_buf_add(&all, n > 0 ? text->p : "", n);
	if (text->full && !bad)
		(void)tool_buf_printf(&all, "\n[cut after %zu bytes; the page "
		    "is longer]", text->n);
	op->st = bad ? SEPT_EFAILED : SEPT_OK;
	op->answer = json_object();
	if (op->answer != NULL && (text->nomem ||
	    tool_set(op->answer, "output", tool_buf_json(&all)) != 0 ||
	    tool_set(op->answer, "truncated", json_boolean(text->full)) != 0 ||
	    tool_set(op->answer, "status", json_integer(op->status)) != 0 ||
	    tool_set(op->answer, "url", tool_json_text(op->url,
	    strlen(op->url))) != 0 ||
	    tool_set(op->answer, "content_type", tool_json_text(op->type,
	    strlen(op->type))) != 0 ||
	    (title->n > 0 && tool_set(op->answer, "title",
	    tool_buf_json(title)) != 0) ||
	    (bad && tool_set(op->answer, "error",
	    json_string("http_status")) != 0))) {
		json_decref(op->answer);
		op->answer = NULL;
	}
	tool_buf_fini(&all);
}

/* [pool] */
static void
page_work(void *arg)
{
	struct op *op = arg;
	struct tool_buf text, title;
	const char *p = op->body.p != NULL ? op->body.p : "";
	int html = is_html(op->type, p, op->body.n);
	char *utf8 = NULL;
	size_t n = 0;

	op->answer = NULL;
	tool_buf_init(&text, op->max);
	tool_buf_init(&title, 1000);
	utf8 = charset_utf8(p, op->body.n, op->type, html, &n);
	if (utf8 == NULL)
		goto out;
	if (type_class(op->type) <= 0 && !html &&
	    tool_binary(p, op->body.n < 8192 ? op->body.n : 8192)) {
		answer_fail(op, SEPT_EFAILED, "binary_content",
		    "the address holds no text but binary data");
		goto out;
	}
	if (page_text(op, html, utf8, n, &text, &title) == 0)
		page_answer(op, &text, &title);
out:
	free(utf8);
	tool_buf_fini(&text);
	tool_buf_fini(&title);
}

/* [loop] */
static void
page_done(void *arg)
{
	struct op *op = arg;
	json_t *answer = op->answer;

	op->answer = NULL;
	(void)op_done(op, op->st, answer);
}

static int
fetch_next(struct op *op, sept_status st, struct sept_slice why)
{
	if (op->refused)
		return op_fail(op, SEPT_EFAILED, "binary_content",
		    "the address holds %.100s, not text", op->type);
	switch (st) {
	case SEPT_OK:
		break;
	case SEPT_ECANCELLED:
		return op_fail(op, st, "cancelled", "cancelled");
	case SEPT_ETIMEOUT:
		return op_fail(op, st, "timeout",
		    "the server did not answer in time");
	case SEPT_ETOOBIG:
		return op_fail(op, st, "too_large",
		    "the page is over %u MiB", BODY_MAX >> 20);
	case SEPT_EDENIED:
		return op_fail(op, st, "address_refused",
		    "this address may not be reached: %.*s",
		    (int)(why.n < 300 ? why.n : 300), why.p);
	default:
		return op_fail(op, st, "fetch_failed",
		    "the address could not be fetched: %.*s",
		    (int)(why.n < 300 ? why.n : 300), why.p);
	}
	if (op->w->pool->submit(op->w->host, page_work, page_done, op) !=
	    SEPT_OK)
		return op_fail(op, SEPT_EUNAVAIL, "busy",
		    "too much work at once; try again");
	return 0;
}

static void
on_head(void *user, const struct sept_http_response *r)
{
	struct op *op = user;
	char type[200];
	size_t n = r->content_type.n < sizeof type - 1 ? r->content_type.n :
	    sizeof type - 1;

	if (r->status < 200 || r->status > 299)
		return;
	if (n > 0)
		memcpy(type, r->content_type.p, n);
	type[n] = '\0';
	if (type_class(type) >= 0)
		return;
	op->refused = 1; /* spare the download */
	free(op->type);
	op->type = strdup(type);
	if (op->http != NULL)
		op->w->http->abort(op->http);
}

int
fetch_begin(struct op *op)
{
	static const char *const headers[] = {
		"Accept: text/html, text/plain, application/json, */*;q=0.5",
		"User-Agent: september-engine/0.1", NULL };
	const char *url = NULL, *format = "text", *fault;
	struct sept_http_request q;
	int64_t max = PAGE_MAX;

	if (tool_arg_str(op->args, "url", 1, &url, NULL) != 0 ||
	    tool_arg_str(op->args, "format", 0, &format, NULL) < 0 ||
	    tool_arg_int(op->args, "max_bytes", 100, PAGE_MAX, &max) < 0)
		return op_fail(op, SEPT_EINVAL, "invalid_arguments",
		    "expected {url, max_bytes?: 100..51200, format?}");
	if (strcmp(format, "text") == 0)
		op->format = FORMAT_TEXT;
	else if (strcmp(format, "markdown") == 0)
		op->format = FORMAT_MARKDOWN;
	else if (strcmp(format, "html") == 0)
		op->format = FORMAT_HTML;
	else
		return op_fail(op, SEPT_EINVAL, "invalid_arguments",
		    "format is text, markdown or html");
	fault = url_fault(url);
	if (fault != NULL)
		return op_fail(op, SEPT_EINVAL, "bad_url", "%s", fault);
	op->max = (size_t)max;
	op->next = fetch_next;
	memset(&q, 0, sizeof q);
	q.size = sizeof q;
	q.flags = SEPT_HTTP_TOOL | SEPT_HTTP_FOLLOW;
	q.method = "GET";
	q.url = url;
	q.headers = headers;
	q.idle_timeout_ms = IDLE_MS;
	q.max_redirects = REDIRECTS;
	q.max_body = BODY_MAX;
	q.on_head = on_head;
	if (op_request(op, &q) != 0)
		return op_fail(op, SEPT_EUNAVAIL, "fetch_failed",
		    "the request could not be begun");
	return 0;
}

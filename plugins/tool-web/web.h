/* SPDX-License-Identifier: Apache-2.0 */
/*
 * web.h - the parts of the web tools. Requests live on the loop; turning a
 * page into text happens on the pool.
 */
#ifndef PLUGINS_TOOL_WEB_WEB_H
#define PLUGINS_TOOL_WEB_WEB_H

#include <sys/queue.h>

#include "../tool-common/tool.h"

#define PAGE_MAX 51200u                /* bytes of text returned */
#define BODY_MAX (5u * 1024 * 1024)    /* bytes of a reply taken */
#define URL_MAX 8192u

enum format { FORMAT_TEXT, FORMAT_MARKDOWN, FORMAT_HTML };

struct web {
	struct sept_plugin base;
	const struct sept_host *host;
	const struct sept_host_call *hc;
	const struct sept_host_http *http;
	const struct sept_host_pool *pool;
	const struct sept_host_secret *secret; /* or NULL */
	char *brave_url, *tavily_url;
	LIST_HEAD(, op) ops;
	struct sept_quiesce *quiesce;
	int closing;
};

/* One call with the request it is waiting for. */
struct op {
	LIST_ENTRY(op) link;
	struct web *w;
	struct tool_call c;
	struct sept_http *http; /* NULL when none is running */
	struct tool_buf body;
	int status;             /* of HTTP */
	char *url;              /* the last one */
	char *type;             /* content type */
	json_t *args;
	int (*next)(struct op *, sept_status, struct sept_slice why);
	/* fetch: */
	enum format format;
	size_t max;
	int refused;            /* binary by its content type */
	/* search: */
	const char *query;
	int64_t count;
	char first_error[160];  /* of the service tried before */
	/* The answer, made on the pool: */
	sept_status st;
	json_t *answer;
};

/* ---- plugin.c ---- */

/*
 * [loop] Begins a request for op; its reply comes to op->next: 0 when op
 * lives on, 1 when it has been completed. -1: not begun.
 */
int op_request(struct op *op, struct sept_http_request *q);
/* [loop] Completes with answer (stolen), frees op. Returns 1. */
int op_done(struct op *op, sept_status st, json_t *answer);
/* [loop] Completes with an error, frees op. Returns 1. */
int op_fail(struct op *op, sept_status st, const char *code, const char *fmt,
    ...) TOOL_PRINTF(4, 5);

/* ---- fetch.c, search.c: 0 begun, 1 completed at once ---- */

int fetch_begin(struct op *op);
int search_begin(struct op *op);

/* ---- charset.c ---- */

/*
 * The text as UTF-8, allocated; from the byte order mark, the content type's
 * charset, for HTML the meta tag, else UTF-8 if it is well formed, else
 * windows-1252. What cannot be converted becomes U+FFFD. NULL: out of memory.
 */
char *charset_utf8(const char *p, size_t n, const char *type, int html,
    size_t *out_n);

/* ---- html.c, render.c ---- */

struct html {
	const char *p;     /* UTF-8 */
	size_t n;
	const char *base;  /* URL that links are relative to */
	int markdown;
	int (*stop)(void *); /* asked now and then; may be NULL */
	void *arg;
	struct tool_buf *out;
	struct tool_buf *title;
};

/*
 * Appends the readable text of a page. 0; -1 when out of memory; 1 when the
 * page takes too much time or memory, or stop said so.
 */
int html_render(const struct html *h);
/* Text of a short piece of HTML without tags and entities. */
int html_plain(const char *p, size_t n, struct tool_buf *out);

#endif

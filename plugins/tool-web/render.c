/* SPDX-License-Identifier: Apache-2.0 */
/*
 * render.c - the readable text of a parsed page: headings, paragraphs, lists,
 * tables as rows, links with their address. Scripts, styles, navigation and
 * form controls are left out.
 *
 * Walks by parent pointers, so the depth of a page costs nothing. Space is
 * collapsed as a browser does: what separates is remembered and written only
 * before the next text.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "render.h"

#define LISTS_MAX 32
#define HREF_MAX 2000u
#define STOP_EVERY 512u

struct render {
	const struct html *h;
	struct tool_buf *out;
	CURLU *base;         /* or NULL */
	int newlines;        /* due before the next text, 0..2 */
	int space;           /* due */
	int marker;          /* a list mark was written: no newline after it */
	int link;            /* a link has begun, without text so far */
	unsigned pre, cell;  /* depth */
	unsigned cells, rows; /* of the row, of the table at hand */
	unsigned lists;      /* depth; more than LISTS_MAX share the last */
	struct {
		int ordered;
		unsigned no;
	} list[LISTS_MAX];
};

static int
is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f';
}

/* Writes what is due. */
static void
flush(struct render *r)
{
	if (r->out->n == 0 || r->marker)
		r->newlines = r->space = 0;
	if (r->newlines > 0)
		(void)tool_buf_add(r->out, "\n\n", (size_t)r->newlines);
	else if (r->space)
		(void)tool_buf_str(r->out, " ");
	r->newlines = r->space = r->marker = 0;
	if (r->link) {
		r->link = 0;
		if (r->h->markdown)
			(void)tool_buf_str(r->out, "[");
	}
}

static void
block(struct render *r, int newlines)
{
	if (r->cell > 0 && r->pre == 0) {
		r->space = 1;
		return;
	}
	if (r->newlines < newlines)
		r->newlines = newlines;
}

static void
word(struct render *r, const char *s)
{
	flush(r);
	(void)tool_buf_str(r->out, s);
}

static void
text(struct render *r, const char *s)
{
	size_t from, i;

	if (r->pre > 0) {
		if (*s != '\0')
			word(r, s);
		return;
	}
	for (i = 0; s[i] != '\0';) {
		if (is_space(s[i])) {
			r->space = 1;
			i++;
			continue;
		}
		for (from = i; s[i] != '\0' && !is_space(s[i]); i++)
			;
		flush(r);
		(void)tool_buf_add(r->out, s + from, i - from);
	}
}

static const char *
attr(const GumboNode *n, const char *name)
{
	const GumboVector *v = &n->v.element.attributes;
	const GumboAttribute *a;
	unsigned i;

	/* A hostile tag may have very many. */
	for (i = 0; i < v->length && i < 256; i++) {
		a = v->data[i];
		if (strcasecmp(a->name, name) == 0)
			return a->value;
	}
	return NULL;
}

static int
skipped(const GumboNode *n)
{
	const char *s;

	switch (n->v.element.tag) {
	case GUMBO_TAG_SCRIPT:
	case GUMBO_TAG_STYLE:
	case GUMBO_TAG_NOSCRIPT:
	case GUMBO_TAG_TEMPLATE:
	case GUMBO_TAG_SVG:
	case GUMBO_TAG_IFRAME:
	case GUMBO_TAG_OBJECT:
	case GUMBO_TAG_EMBED:
	case GUMBO_TAG_CANVAS:
	case GUMBO_TAG_AUDIO:
	case GUMBO_TAG_VIDEO:
	case GUMBO_TAG_NAV:
	case GUMBO_TAG_SELECT:
	case GUMBO_TAG_BUTTON:
	case GUMBO_TAG_TEXTAREA:
		return 1;
	default:
		break;
	}
	if (attr(n, "hidden") != NULL)
		return 1;
	s = attr(n, "aria-hidden");
	if (s != NULL && strcasecmp(s, "true") == 0)
		return 1;
	s = attr(n, "style");
	return s != NULL && (strcasestr(s, "display:none") != NULL ||
	    strcasestr(s, "display: none") != NULL);
}

/* The absolute address, for curl_free(), or NULL when it says nothing. */
static char *
address(const struct render *r, const char *href)
{
	char *url = NULL;
	CURLU *u;

	if (href == NULL || *href == '\0' || *href == '#' ||
	    strlen(href) > HREF_MAX)
		return NULL;
	u = r->base != NULL ? curl_url_dup(r->base) : curl_url();
	if (u == NULL)
		return NULL;
	if (curl_url_set(u, CURLUPART_URL, href, CURLU_URLENCODE) !=
	    CURLUE_OK || curl_url_get(u, CURLUPART_URL, &url, 0) != CURLUE_OK)
		url = NULL;
	curl_url_cleanup(u);
	if (url != NULL && strncmp(url, "http://", 7) != 0 &&
	    strncmp(url, "https://", 8) != 0) {
		curl_free(url);
		url = NULL;
	}
	return url;
}

static void
link_end(struct render *r, const GumboNode *n)
{
	char *url;

	if (r->link) { /* a link without text */
		r->link = 0;
		return;
	}
	url = address(r, attr(n, "href"));
	if (r->h->markdown)
		(void)tool_buf_str(r->out, "](");
	else if (url != NULL)
		(void)tool_buf_str(r->out, " (");
	if (url != NULL)
		(void)tool_buf_str(r->out, url);
	if (url != NULL || r->h->markdown)
		(void)tool_buf_str(r->out, ")");
	curl_free(url);
}

static void
title(struct render *r, const GumboNode *n)
{
	const GumboVector *v = &n->v.element.children;
	const GumboNode *c = v->length > 0 ? v->data[0] : NULL;
	struct tool_buf *t = r->h->title;
	const char *s;

	if (t == NULL || t->n > 0 || c == NULL || c->type != GUMBO_NODE_TEXT)
		return;
	for (s = c->v.text.text; *s != '\0'; s++) {
		if (!is_space(*s))
			(void)tool_buf_add(t, s, 1);
		else if (t->n > 0 && t->p[t->n - 1] != ' ')
			(void)tool_buf_str(t, " ");
	}
	while (t->n > 0 && t->p[t->n - 1] == ' ')
		t->p[--t->n] = '\0';
}

static void
list_item(struct render *r)
{
	unsigned depth = r->lists < LISTS_MAX ? r->lists : LISTS_MAX, i;

	block(r, 1);
	if (r->cell > 0)
		return;
	flush(r);
	for (i = 1; i < depth; i++)
		(void)tool_buf_str(r->out, "  ");
	if (depth > 0 && r->list[depth - 1].ordered)
		(void)tool_buf_printf(r->out, "%u. ",
		    ++r->list[depth - 1].no);
	else
		(void)tool_buf_str(r->out, "- ");
	r->marker = 1;
}

static void
list_begin(struct render *r, int ordered)
{
	block(r, r->lists > 0 ? 1 : 2);
	if (r->lists < LISTS_MAX) {
		r->list[r->lists].ordered = ordered;
		r->list[r->lists].no = 0;
	}
	r->lists++;
}

static void
cell_begin(struct render *r)
{
	if (r->cell++ > 0)
		return;
	if (r->cells++ > 0) {
		r->space = r->newlines = 0;
		(void)tool_buf_str(r->out, " | ");
	} else if (r->h->markdown) {
		word(r, "| ");
	} else {
		return;
	}
	r->marker = 1; /* no space after the bar */
}

static void
row_end(struct render *r)
{
	unsigned i;

	if (r->cell > 0 || r->cells == 0)
		return;
	r->marker = 0;
	r->space = 0;
	if (r->h->markdown) {
		(void)tool_buf_str(r->out, " |");
		if (r->rows == 0) {
			(void)tool_buf_str(r->out, "\n|");
			for (i = 0; i < r->cells && i < 100; i++)
				(void)tool_buf_str(r->out, " --- |");
		}
	}
	r->rows++;
	r->cells = 0;
	block(r, 1);
}

static void
heading(struct render *r, unsigned level)
{
	static const char marks[] = "###### ";

	block(r, 2);
	if (r->cell > 0)
		return;
	flush(r);
	(void)tool_buf_str(r->out, marks + 6 - level);
	r->marker = 1;
}

/* Newlines around an element; 0 for one that is part of a line. */
static int
around(GumboTag tag)
{
	switch (tag) {
	case GUMBO_TAG_P:
	case GUMBO_TAG_H1:
	case GUMBO_TAG_H2:
	case GUMBO_TAG_H3:
	case GUMBO_TAG_H4:
	case GUMBO_TAG_H5:
	case GUMBO_TAG_H6:
	case GUMBO_TAG_BLOCKQUOTE:
	case GUMBO_TAG_FIGURE:
	case GUMBO_TAG_DL:
	case GUMBO_TAG_TABLE:
	case GUMBO_TAG_PRE:
	case GUMBO_TAG_SECTION:
	case GUMBO_TAG_ARTICLE:
		return 2;
	case GUMBO_TAG_DIV:
	case GUMBO_TAG_MAIN:
	case GUMBO_TAG_HEADER:
	case GUMBO_TAG_FOOTER:
	case GUMBO_TAG_ASIDE:
	case GUMBO_TAG_FORM:
	case GUMBO_TAG_FIELDSET:
	case GUMBO_TAG_ADDRESS:
	case GUMBO_TAG_DETAILS:
	case GUMBO_TAG_SUMMARY:
	case GUMBO_TAG_FIGCAPTION:
	case GUMBO_TAG_CAPTION:
	case GUMBO_TAG_DT:
	case GUMBO_TAG_DD:
	case GUMBO_TAG_LI:
	case GUMBO_TAG_TR:
	case GUMBO_TAG_BODY:
		return 1;
	default:
		return 0;
	}
}

static void
image(struct render *r, const GumboNode *n)
{
	const char *alt = attr(n, "alt");

	if (alt == NULL || *alt == '\0')
		return;
	word(r, "[image: ");
	text(r, alt);
	(void)tool_buf_str(r->out, "]");
}

static void
element_begin(struct render *r, const GumboNode *n)
{
	GumboTag tag = n->v.element.tag;

	switch (tag) {
	case GUMBO_TAG_H1: case GUMBO_TAG_H2: case GUMBO_TAG_H3:
	case GUMBO_TAG_H4: case GUMBO_TAG_H5: case GUMBO_TAG_H6:
		heading(r, (unsigned)(tag - GUMBO_TAG_H1) + 1);
		return;
	case GUMBO_TAG_BR:
		if (r->pre > 0)
			word(r, "\n");
		else
			block(r, r->newlines > 0 ? 2 : 1);
		return;
	case GUMBO_TAG_HR:
		block(r, 2);
		word(r, "---");
		block(r, 2);
		return;
	case GUMBO_TAG_UL:
	case GUMBO_TAG_OL:
		list_begin(r, tag == GUMBO_TAG_OL);
		return;
	case GUMBO_TAG_LI:
		list_item(r);
		return;
	case GUMBO_TAG_TABLE:
		if (r->cell == 0)
			r->rows = r->cells = 0;
		break;
	case GUMBO_TAG_TD:
	case GUMBO_TAG_TH:
		cell_begin(r);
		return;
	case GUMBO_TAG_A:
		r->link = 1;
		return;
	case GUMBO_TAG_IMG:
		image(r, n);
		return;
	case GUMBO_TAG_CODE:
		if (r->h->markdown && r->pre == 0)
			word(r, "`");
		return;
	case GUMBO_TAG_PRE:
		block(r, 2);
		if (r->h->markdown)
			word(r, "```\n");
		r->pre++;
		return;
	default:
		break;
	}
	if (around(tag) > 0)
		block(r, around(tag));
}

static void
element_end(struct render *r, const GumboNode *n)
{
	GumboTag tag = n->v.element.tag;

	switch (tag) {
	case GUMBO_TAG_UL:
	case GUMBO_TAG_OL:
		r->lists--;
		block(r, r->lists > 0 ? 1 : 2);
		return;
	case GUMBO_TAG_TD:
	case GUMBO_TAG_TH:
		r->cell--;
		return;
	case GUMBO_TAG_TR:
		row_end(r);
		return;
	case GUMBO_TAG_A:
		link_end(r, n);
		return;
	case GUMBO_TAG_CODE:
		if (r->h->markdown && r->pre == 0)
			(void)tool_buf_str(r->out, "`");
		return;
	case GUMBO_TAG_PRE:
		r->pre--;
		if (r->h->markdown)
			(void)tool_buf_str(r->out, r->out->n > 0 &&
			    r->out->p[r->out->n - 1] == '\n' ? "```" :
			    "\n```");
		break;
	default:
		break;
	}
	if (around(tag) > 0) {
		r->marker = 0;
		block(r, around(tag));
	}
}

static int
is_element(const GumboNode *n)
{
	return n->type == GUMBO_NODE_ELEMENT;
}

/* Begins a node; 1 when its children are to be visited. */
static int
node_begin(struct render *r, const GumboNode *n)
{
	switch (n->type) {
	case GUMBO_NODE_DOCUMENT:
		return 1;
	case GUMBO_NODE_TEXT:
	case GUMBO_NODE_CDATA:
	case GUMBO_NODE_WHITESPACE:
		text(r, n->v.text.text);
		return 0;
	case GUMBO_NODE_ELEMENT:
		break;
	default:
		return 0;
	}
	if (n->v.element.tag == GUMBO_TAG_TITLE) {
		title(r, n);
		return 0;
	}
	if (skipped(n))
		return 0;
	element_begin(r, n);
	return 1;
}

static const GumboVector *
children(const GumboNode *n)
{
	return n->type == GUMBO_NODE_DOCUMENT ? &n->v.document.children :
	    &n->v.element.children;
}

/* The node after n, whose children are done with; NULL at the end. */
static const GumboNode *
node_next(struct render *r, const GumboNode *n)
{
	const GumboVector *v;

	for (; n->parent != NULL; n = n->parent) {
		v = children(n->parent);
		if (n->index_within_parent + 1 < v->length)
			return v->data[n->index_within_parent + 1];
		if (is_element(n->parent))
			element_end(r, n->parent);
	}
	return NULL;
}

static int
walk(struct render *r, const GumboNode *doc)
{
	const GumboNode *n = doc;
	unsigned count = 0;

	while (n != NULL && !r->out->full && !r->out->nomem) {
		if (++count % STOP_EVERY == 0 && r->h->stop != NULL &&
		    r->h->stop(r->h->arg))
			return 1;
		if (node_begin(r, n)) {
			if (children(n)->length > 0) {
				n = children(n)->data[0];
				continue;
			}
			if (is_element(n))
				element_end(r, n);
		}
		n = node_next(r, n);
	}
	return r->out->nomem ? -1 : 0;
}

int
render(const struct html *h, const GumboNode *doc)
{
	struct render *r = calloc(1, sizeof *r);
	int rc;

	if (r == NULL)
		return -1;
	r->h = h;
	r->out = h->out;
	if (h->base != NULL && (r->base = curl_url()) != NULL &&
	    curl_url_set(r->base, CURLUPART_URL, h->base, 0) != CURLUE_OK) {
		curl_url_cleanup(r->base);
		r->base = NULL;
	}
	rc = walk(r, doc);
	curl_url_cleanup(r->base);
	free(r);
	return rc;
}

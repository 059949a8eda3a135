/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml-json.c - events of libyaml to values of jansson.
 *
 * Aliases are refused rather than counted: front matter has no use for them,
 * and a few of them make gigabytes. Recursion is bounded by YAML_MAX_DEPTH.
 * Lines are those that end in LF, as editors count them; libyaml also counts
 * a lone CR and U+2028.
 */
#include "yaml-json.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

struct conv {
	yaml_parser_t parser;
	const char *s;
	size_t n;
	struct yaml_result *r;
	size_t nodes;
	int failed;
};

static json_t *value_of(struct conv *c, yaml_event_t *ev, int depth);

/* Line, from 0, of byte i. */
static size_t
line_at_byte(const struct conv *c, size_t i)
{
	size_t k, line = 0;

	for (k = 0; k < i && k < c->n; k++)
		line += c->s[k] == '\n';
	return line;
}

/* The same of a mark, which counts characters. */
static size_t
line_at(const struct conv *c, const yaml_mark_t *m)
{
	size_t k, chars = 0;

	for (k = 0; k < c->n; k++) {
		chars += ((unsigned char)c->s[k] & 0xc0) != 0x80;
		if (chars > m->index)
			break;
	}
	return line_at_byte(c, k);
}

static json_t *
refuse(struct conv *c, size_t line, const char *why)
{
	if (!c->failed) {
		c->failed = 1;
		c->r->line = (int)line;
		(void)snprintf(c->r->text, sizeof c->r->text, "%s", why);
	}
	return NULL;
}

static int
next(struct conv *c, yaml_event_t *ev)
{
	char why[160];

	memset(ev, 0, sizeof *ev);
	if (yaml_parser_parse(&c->parser, ev))
		return 0;
	if (c->parser.error == YAML_MEMORY_ERROR) {
		c->failed = 1;
		return -1;
	}
	(void)snprintf(why, sizeof why, "malformed YAML: %s",
	    c->parser.problem != NULL ? c->parser.problem : "unreadable");
	(void)refuse(c, c->parser.error == YAML_READER_ERROR ?
	    line_at_byte(c, c->parser.problem_offset) :
	    line_at(c, &c->parser.problem_mark), why);
	return -1;
}

static json_t *
nomem(struct conv *c, json_t *v)
{
	json_decref(v);
	c->failed = 1;
	return NULL;
}

static json_t *
refuse_at(struct conv *c, const yaml_mark_t *m, const char *why)
{
	return refuse(c, line_at(c, m), why);
}

static json_t *
scalar(struct conv *c, const yaml_event_t *ev)
{
	json_t *v = json_stringn((const char *)ev->data.scalar.value,
	    ev->data.scalar.length);

	/* libyaml has checked the text. */
	return v != NULL ? v : nomem(c, v);
}

static json_t *
sequence(struct conv *c, int depth)
{
	json_t *v = json_array(), *item;
	yaml_event_t ev;
	int end;

	if (v == NULL)
		return nomem(c, v);
	while (next(c, &ev) == 0) {
		end = ev.type == YAML_SEQUENCE_END_EVENT;
		item = end ? NULL : value_of(c, &ev, depth + 1);
		yaml_event_delete(&ev);
		if (end)
			return v;
		if (item == NULL)
			break;
		if (json_array_append_new(v, item) != 0)
			return nomem(c, v);
	}
	json_decref(v);
	return NULL;
}

/* Puts key into v; the value follows. -1 when refused or no memory. */
static int
member(struct conv *c, json_t *v, const yaml_event_t *kev, int depth)
{
	const char *key = (const char *)kev->data.scalar.value;
	const yaml_mark_t *mark = &kev->start_mark;
	yaml_event_t ev;
	json_t *item;

	if (strlen(key) != kev->data.scalar.length || key[0] == '\0' ||
	    kev->data.scalar.anchor != NULL || kev->data.scalar.tag != NULL) {
		(void)refuse_at(c, mark, "a key must be plain text");
		return -1;
	}
	if (json_object_get(v, key) != NULL) {
		(void)refuse_at(c, mark, "a key comes twice");
		return -1;
	}
	if (next(c, &ev) != 0)
		return -1;
	item = value_of(c, &ev, depth + 1);
	yaml_event_delete(&ev);
	if (item == NULL)
		return -1;
	if (json_object_set_new(v, key, item) != 0 || (depth == 0 &&
	    json_object_set_new(c->r->lines, key,
	    json_integer((json_int_t)line_at(c, mark))) != 0)) {
		c->failed = 1;
		return -1;
	}
	return 0;
}

static json_t *
mapping(struct conv *c, int depth)
{
	json_t *v = json_object();
	yaml_event_t ev;
	int bad, end;

	if (v == NULL)
		return nomem(c, v);
	while (next(c, &ev) == 0) {
		end = ev.type == YAML_MAPPING_END_EVENT;
		bad = 0;
		if (!end && ev.type != YAML_SCALAR_EVENT) {
			bad = 1;
			(void)refuse_at(c, &ev.start_mark,
			    "a key must be plain text");
		} else if (!end)
			bad = member(c, v, &ev, depth);
		yaml_event_delete(&ev);
		if (end)
			return v;
		if (bad)
			break;
	}
	json_decref(v);
	return NULL;
}

static json_t *
value_of(struct conv *c, yaml_event_t *ev, int depth)
{
	const yaml_char_t *anchor, *tag;
	const yaml_mark_t *mark = &ev->start_mark;

	if (++c->nodes > YAML_MAX_NODES)
		return refuse_at(c, mark, "too many values");
	if (depth >= YAML_MAX_DEPTH)
		return refuse_at(c, mark, "nested too deeply");
	switch (ev->type) {
	case YAML_SCALAR_EVENT:
		anchor = ev->data.scalar.anchor;
		tag = ev->data.scalar.tag;
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = ev->data.sequence_start.anchor;
		tag = ev->data.sequence_start.tag;
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = ev->data.mapping_start.anchor;
		tag = ev->data.mapping_start.tag;
		break;
	default:
		return refuse_at(c, mark, "aliases are not supported");
	}
	if (anchor != NULL)
		return refuse_at(c, mark, "anchors are not supported");
	if (tag != NULL)
		return refuse_at(c, mark, "tags are not supported");
	if (ev->type == YAML_SCALAR_EVENT)
		return scalar(c, ev);
	return ev->type == YAML_MAPPING_START_EVENT ? mapping(c, depth) :
	    sequence(c, depth);
}

/* Past the start of stream and document; 0 when there is none. */
static int
start(struct conv *c, yaml_event_t *ev)
{
	int type;

	do {
		if (next(c, ev) != 0)
			return 0;
		type = (int)ev->type;
		if (type != YAML_STREAM_START_EVENT &&
		    type != YAML_DOCUMENT_START_EVENT)
			break;
		yaml_event_delete(ev);
	} while (1);
	if (type != YAML_STREAM_END_EVENT)
		return 1;
	yaml_event_delete(ev);
	(void)refuse(c, 0, "there is nothing in it");
	return 0;
}

/* After the value: the end of the document and of the stream. */
static int
finish(struct conv *c)
{
	yaml_event_t ev;
	size_t line;
	int type;

	do {
		if (next(c, &ev) != 0)
			return -1;
		type = (int)ev.type;
		line = line_at(c, &ev.start_mark);
		yaml_event_delete(&ev);
	} while (type == YAML_DOCUMENT_END_EVENT);
	if (type == YAML_STREAM_END_EVENT)
		return 0;
	(void)refuse(c, line, "a second document");
	return -1;
}

int
yaml_to_json(const char *s, size_t n, struct yaml_result *r)
{
	struct conv c = { .s = s, .n = n, .r = r };
	yaml_event_t ev;

	memset(r, 0, sizeof *r);
	r->lines = json_object();
	if (r->lines == NULL)
		return -1;
	if (!yaml_parser_initialize(&c.parser)) {
		json_decref(r->lines);
		r->lines = NULL;
		return -1;
	}
	yaml_parser_set_input_string(&c.parser, (const unsigned char *)s, n);
	yaml_parser_set_encoding(&c.parser, YAML_UTF8_ENCODING);
	if (start(&c, &ev)) {
		r->value = value_of(&c, &ev, 0);
		yaml_event_delete(&ev);
		if (r->value != NULL && finish(&c) != 0) {
			json_decref(r->value);
			r->value = NULL;
		}
	}
	yaml_parser_delete(&c.parser);
	if (r->value != NULL)
		return 0;
	json_decref(r->lines);
	r->lines = NULL;
	return -1;
}

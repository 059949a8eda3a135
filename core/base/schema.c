/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema.c - from a JSON document to nodes and rules.
 *
 * Every subschema that the known keywords name is compiled, whether it is
 * used or not, so that a mistake shows when the schema is loaded and not at
 * the first call. References are resolved last; what they point at may lie
 * where no keyword looks and is then compiled on the way.
 */
#include "schema.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema-internal.h"
#include "utf8.h"

static const struct {
	const char *uri;
	enum dialect dialect;
} dialects[] = {
	{ "https://json-schema.org/draft/2020-12/schema", DIALECT_2020 },
	{ "https://json-schema.org/draft/2019-09/schema", DIALECT_2019 },
	{ "http://json-schema.org/draft-07/schema", DIALECT_OLD },
	{ "https://json-schema.org/draft-07/schema", DIALECT_OLD },
	{ "http://json-schema.org/draft-06/schema", DIALECT_OLD },
	{ "http://json-schema.org/schema", DIALECT_NONE },
};

void
schema_mend(char *text)
{
	size_t k, n = strlen(text);

	for (; n > 0; text += k, n -= k) {
		k = utf8_seq(text, n);
		if (k == 0) {
			*text = '?';
			k = 1;
		}
	}
}

int
schema_refuse(struct compiler *c, const char *fmt, ...)
{
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	schema_mend(text);
	return err_field(c->e, c->path, "bad schema at %s: %s",
	    c->path[0] != '\0' ? c->path : "its root", text);
}

int
schema_has_key(const json_t *obj, const char *key)
{
	return json_object_get(obj, key) != NULL;
}

/* Appends "/key" in JSON Pointer form, cut at the end of the room. */
static void
path_push(struct compiler *c, const char *key)
{
	size_t n = c->npath, max = sizeof c->path - 3;

	if (key == NULL || n >= max)
		return;
	c->path[n++] = '/';
	for (; *key != '\0' && n < max; key++) {
		if (*key == '~' || *key == '/') {
			c->path[n++] = '~';
			c->path[n++] = *key == '~' ? '0' : '1';
		} else
			c->path[n++] = *key;
	}
	n = utf8_cut(c->path, n);
	c->path[n] = '\0';
	c->npath = n;
}

static int
node_new(struct compiler *c, json_t *src, struct node **out)
{
	struct node *n;

	if (++c->nnodes > SCHEMA_MAX_NODES)
		return schema_refuse(c, "over %d subschemas",
		    SCHEMA_MAX_NODES);
	n = calloc(1, sizeof *n);
	if (n == NULL)
		return err_nomem(c->e);
	n->src = src;
	HASH_ADD_PTR(c->s->nodes, src, n);
	if (n->hh.tbl == NULL) {
		free(n);
		return err_nomem(c->e);
	}
	*out = n;
	return 0;
}

/* One keyword of the node, at the end of its rules. */
static int
add_rule(struct compiler *c, struct node *n, const struct keyword *kw,
    json_t *arg)
{
	struct rule *r, **end;
	size_t npath = c->npath;

	r = calloc(1, sizeof *r);
	if (r == NULL)
		return err_nomem(c->e);
	for (end = &n->rules; *end != NULL; end = &(*end)->next)
		continue;
	*end = r;
	r->kw = kw;
	r->owner = n;
	r->kind = kw->kind;
	r->arg = arg;
	r->max = -1;
	path_push(c, kw->name);
	if (kw->compile(c, n, r) != 0)
		return -1;
	c->npath = npath;
	c->path[npath] = '\0';
	return 0;
}

static int
compile_keywords(struct compiler *c, struct node *n)
{
	const struct keyword *kw;
	json_t *arg;
	int only_ref;

	only_ref = c->dialect == DIALECT_OLD &&
	    json_is_string(json_object_get(n->src, "$ref"));
	for (kw = schema_keywords; kw->name != NULL; kw++) {
		if (only_ref && strcmp(kw->name, "$ref") != 0 &&
		    strcmp(kw->name, "definitions") != 0 &&
		    strcmp(kw->name, "$defs") != 0)
			continue;
		arg = json_object_get(n->src, kw->name);
		if (arg != NULL && add_rule(c, n, kw, arg) != 0)
			return -1;
	}
	return 0;
}

static int
compile_node(struct compiler *c, const struct resource *res, json_t *src,
    struct node **out)
{
	struct node *n;

	HASH_FIND_PTR(c->s->nodes, &src, n);
	if (n != NULL) {
		*out = n;
		return 0;
	}
	if (!json_is_object(src) && !json_is_boolean(src))
		return schema_refuse(c, "a schema is an object, true or "
		    "false");
	if (c->depth >= SCHEMA_MAX_DEPTH)
		return schema_refuse(c, "nested deeper than %d levels",
		    SCHEMA_MAX_DEPTH);
	if (node_new(c, src, out) != 0)
		return -1;
	n = *out;
	n->res = res;
	if (json_is_boolean(src))
		return 0;
	if (schema_add_resource(c, src, &n->res) != 0)
		return -1;
	c->depth++;
	if (compile_keywords(c, n) != 0)
		return -1;
	c->depth--;
	return 0;
}

int
schema_sub(struct compiler *c, const struct node *up, json_t *src,
    const char *key, const char *key2, struct node **out)
{
	size_t npath = c->npath;

	path_push(c, key);
	path_push(c, key2);
	if (compile_node(c, up->res, src, out) != 0)
		return -1;
	c->npath = npath;
	c->path[npath] = '\0';
	return 0;
}

/* Points the waiting references at their nodes; finds may add more. */
static int
resolve_pending(struct compiler *c)
{
	const struct resource *res;
	struct pending *p;
	json_t *target;
	int bad;

	while ((p = c->pending) != NULL) {
		c->pending = p->next;
		c->npath = 0;
		c->depth = 0;
		c->path[0] = '\0';
		bad = schema_resolve(c, p->node->res,
		    json_string_value(p->rule->arg), &target, &res) != 0 ||
		    compile_node(c, res, target, &p->rule->sub[0]) != 0;
		free(p);
		if (bad)
			return -1;
	}
	return 0;
}

static int
find_dialect(struct compiler *c)
{
	json_t *v = json_object_get(c->s->doc, "$schema");
	const char *uri;
	size_t i, n;

	c->dialect = DIALECT_NONE;
	if (v == NULL)
		return 0;
	uri = json_string_value(v);
	path_push(c, "$schema");
	if (uri == NULL)
		return schema_refuse(c, "a string expected");
	n = strcspn(uri, "#");
	for (i = 0; i < sizeof dialects / sizeof *dialects; i++)
		if (strlen(dialects[i].uri) == n && (uri[n] == '\0' ||
		    uri[n + 1] == '\0') &&
		    memcmp(uri, dialects[i].uri, n) == 0) {
			c->dialect = dialects[i].dialect;
			c->npath = 0;
			c->path[0] = '\0';
			return 0;
		}
	return schema_refuse(c, "unknown dialect %.100s", uri);
}

struct schema *
schema_new(json_t *doc, struct err *e)
{
	struct compiler c = { .e = e };
	struct pending *p;
	int bad;

	c.s = calloc(1, sizeof *c.s);
	if (c.s == NULL) {
		err_nomem(e);
		return NULL;
	}
	c.s->doc = json_incref(doc);
	bad = find_dialect(&c) != 0 ||
	    compile_node(&c, NULL, doc, &c.s->root) != 0 ||
	    resolve_pending(&c) != 0;
	while ((p = c.pending) != NULL) {
		c.pending = p->next;
		free(p);
	}
	if (bad) {
		schema_free(c.s);
		return NULL;
	}
	return c.s;
}

static void
rule_free(struct rule *r)
{
	size_t i;

	for (i = 0; i < r->npat; i++)
		pattern_free(r->pat[i]);
	free(r->pat);
	free(r->sub);
	free(r);
}

void
schema_free(struct schema *s)
{
	struct node *n, *tmp;
	struct rule *r;

	if (s == NULL)
		return;
	HASH_ITER(hh, s->nodes, n, tmp) {
		HASH_DEL(s->nodes, n);
		while ((r = n->rules) != NULL) {
			n->rules = r->next;
			rule_free(r);
		}
		free(n);
	}
	schema_free_resources(s);
	json_decref(s->doc);
	free(s);
}

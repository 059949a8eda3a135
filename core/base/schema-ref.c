/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema-ref.c - names inside a schema document: $id, $anchor and what $ref
 * can point at. Nothing is ever fetched: a URI counts only when a part of
 * the same document has it as its $id.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema-internal.h"

#define MAX_URI 1024

/* 1 when the reference begins with "scheme:". */
static int
has_scheme(const char *uri)
{
	size_t n = strcspn(uri, ":/?#");

	return n > 0 && uri[n] == ':';
}

/*
 * ref against base into out (without fragments), as RFC 3986 does it but for
 * dot segments, which names of schemas do not use. -1: too long.
 */
static int
join_uri(const char *base, const char *ref, char out[MAX_URI])
{
	size_t keep = 0, nref = strcspn(ref, "#"), nbase;
	const char *slash;

	nbase = strcspn(base, "#");
	if (nref == 0)
		keep = nbase;
	else if (!has_scheme(ref)) {
		slash = strstr(base, "://");
		keep = slash != NULL ? (size_t)(slash - base) + 3 : 0;
		if (ref[0] == '/')
			keep += strcspn(base + keep, "/#");
		else {
			slash = memchr(base, '/', nbase);
			while (slash != NULL) {
				keep = (size_t)(slash - base) + 1;
				slash = memchr(base + keep, '/',
				    nbase - keep);
			}
		}
	}
	if (keep > nbase)
		keep = nbase;
	if (keep + nref >= MAX_URI)
		return -1;
	memcpy(out, base, keep);
	memcpy(out + keep, ref, nref);
	out[keep + nref] = '\0';
	return 0;
}

static int
add_anchor(struct compiler *c, json_t *src, const struct resource *res,
    const char *name)
{
	struct anchor *a;

	for (a = c->s->anchors; a != NULL; a = a->next)
		if (a->res == res && strcmp(a->name, name) == 0)
			return schema_refuse(c, "anchor %.60s twice", name);
	a = calloc(1, sizeof *a);
	if (a == NULL)
		return err_nomem(c->e);
	a->res = res;
	a->name = name;
	a->target = src;
	a->next = c->s->anchors;
	c->s->anchors = a;
	return 0;
}

static int
add_resource(struct compiler *c, json_t *src, const char *id,
    const struct resource **res)
{
	char uri[MAX_URI];
	struct resource *r;

	if (join_uri(*res != NULL ? (*res)->uri : "", id, uri) != 0)
		return schema_refuse(c, "$id is too long");
	for (r = c->s->resources; uri[0] != '\0' && r != NULL; r = r->next)
		if (strcmp(r->uri, uri) == 0)
			return schema_refuse(c, "$id %.100s twice", uri);
	r = calloc(1, sizeof *r);
	if (r == NULL)
		return err_nomem(c->e);
	r->root = src;
	r->uri = strdup(uri);
	if (r->uri == NULL) {
		free(r);
		return err_nomem(c->e);
	}
	r->next = c->s->resources;
	c->s->resources = r;
	*res = r;
	return 0;
}

/*
 * Notes $id and anchors of a subschema. *res is the enclosing resource and
 * becomes the subschema's own; NULL stands for above the root.
 */
int
schema_add_resource(struct compiler *c, json_t *src,
    const struct resource **res)
{
	const char *id, *anchor, *dynamic;
	json_t *v = json_object_get(src, "$id");

	if (v != NULL && !json_is_string(v))
		return schema_refuse(c, "$id must be a string");
	id = json_string_value(v);
	if (id != NULL && c->dialect == DIALECT_OLD &&
	    schema_has_key(src, "$ref"))
		id = NULL; /* a sibling of $ref */
	if (*res == NULL || (id != NULL && id[0] != '#')) {
		if (add_resource(c, src, id != NULL && id[0] != '#' ? id : "",
		    res) != 0)
			return -1;
	}
	if (id != NULL && id[0] == '#' && id[1] != '\0' &&
	    add_anchor(c, src, *res, id + 1) != 0)
		return -1;
	anchor = json_string_value(json_object_get(src, "$anchor"));
	if (anchor != NULL && add_anchor(c, src, *res, anchor) != 0)
		return -1;
	dynamic = json_string_value(json_object_get(src, "$dynamicAnchor"));
	if (dynamic != NULL && (anchor == NULL ||
	    strcmp(anchor, dynamic) != 0) &&
	    add_anchor(c, src, *res, dynamic) != 0)
		return -1;
	return 0;
}

static int
hex(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undoes %XX in place; -1 when malformed. */
static int
unescape_uri(char *s)
{
	char *o = s;
	int a, b;

	for (; *s != '\0'; s++) {
		if (*s != '%') {
			*o++ = *s;
			continue;
		}
		a = hex(s[1]);
		b = a < 0 ? -1 : hex(s[2]);
		if (b < 0 || (a == 0 && b == 0))
			return -1;
		*o++ = (char)(a << 4 | b);
		s += 2;
	}
	*o = '\0';
	return 0;
}

/* ~1 and ~0 of a JSON Pointer token, in place. */
static void
unescape_token(char *s)
{
	char *o = s;

	for (; *s != '\0'; s++) {
		if (*s == '~' && (s[1] == '0' || s[1] == '1'))
			*o++ = *++s == '1' ? '/' : '~';
		else
			*o++ = *s;
	}
	*o = '\0';
}

/* Follows the tokens; the resource changes where a part has its own $id. */
static json_t *
follow(struct compiler *c, json_t *v, char *ptr, const struct resource **res)
{
	char *end, *tok = ptr;
	struct resource *r;
	json_int_t i;

	while (v != NULL && *tok == '/') {
		tok++;
		end = tok + strcspn(tok, "/");
		if (*end == '/')
			*end = '\0';
		else
			end = NULL;
		unescape_token(tok);
		if (json_is_array(v)) {
			i = tok[0] != '\0' && strspn(tok, "0123456789") ==
			    strlen(tok) && strlen(tok) < 9 ?
			    strtol(tok, NULL, 10) : -1;
			v = i < 0 ? NULL : json_array_get(v, (size_t)i);
		} else
			v = json_object_get(v, tok);
		for (r = c->s->resources; r != NULL; r = r->next)
			if (r->root == v && v != NULL)
				*res = r;
		if (end == NULL)
			return v;
		*end = '/';
		tok = end;
	}
	return v;
}

static const struct resource *
find_resource(struct compiler *c, const struct resource *from,
    const char *ref)
{
	char uri[MAX_URI];
	const struct resource *r;

	if (ref[0] == '#' || ref[0] == '\0')
		return from;
	if (join_uri(from->uri, ref, uri) != 0)
		return NULL;
	for (r = c->s->resources; r != NULL; r = r->next)
		if (strcmp(r->uri, uri) == 0)
			return r;
	return NULL;
}

int
schema_resolve(struct compiler *c, const struct resource *from,
    const char *ref, json_t **target, const struct resource **res)
{
	char frag[MAX_URI];
	const char *hash = strchr(ref, '#');
	struct anchor *a;

	*target = NULL;
	*res = find_resource(c, from, ref);
	if (*res == NULL)
		return schema_refuse(c, "$ref %.100s points outside of the "
		    "document; remote references are not fetched", ref);
	hash = hash != NULL ? hash + 1 : "";
	if (strlen(hash) >= sizeof frag)
		return schema_refuse(c, "$ref is too long");
	memcpy(frag, hash, strlen(hash) + 1);
	if (unescape_uri(frag) != 0)
		return schema_refuse(c, "$ref %.100s is malformed", ref);
	if (frag[0] == '\0')
		*target = (*res)->root;
	else if (frag[0] == '/')
		*target = follow(c, (*res)->root, frag, res);
	else
		for (a = c->s->anchors; a != NULL; a = a->next)
			if (a->res == *res && strcmp(a->name, frag) == 0)
				*target = a->target;
	if (*target == NULL)
		return schema_refuse(c, "$ref %.100s points at nothing", ref);
	return 0;
}

void
schema_free_resources(struct schema *s)
{
	struct resource *r;
	struct anchor *a;

	while ((r = s->resources) != NULL) {
		s->resources = r->next;
		free(r->uri);
		free(r);
	}
	while ((a = s->anchors) != NULL) {
		s->anchors = a->next;
		free(a);
	}
}

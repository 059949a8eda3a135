/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema-check.c - runs a value through the nodes: bounds, paths and texts.
 *
 * Every node visited, every comparison and every step of a pattern costs one
 * of SCHEMA_MAX_STEPS; when they are used up the run is over, whatever an
 * enclosing anyOf or not would have made of the failure. Levels bound the C
 * stack: they count schemas inside schemas, also those of $ref.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "schema-internal.h"
#include "schema.h"
#include "utf8.h"

static int
end_run(struct run *r, enum err_code code, const char *text)
{
	if (!r->over) {
		r->over = 1;
		err_set(r->e, code, "%s", text);
	}
	return -1;
}

int
schema_step(struct run *r, long n)
{
	if (r->over)
		return -1;
	r->steps -= n;
	if (r->steps < 0)
		return end_run(r, ERR_VALIDATION, "too complex: checking "
		    "this value against its schema takes too many steps");
	return 0;
}

int
schema_nomem(struct run *r)
{
	return end_run(r, ERR_INTERNAL, "out of memory");
}

/* Writes the pointer of `at` from its first token on; bounded by levels. */
static void
write_path(const struct at *at, char *buf, size_t size, size_t *n)
{
	const char *p;
	char num[24];
	size_t k;

	if (at == NULL || at->up == NULL)
		return;
	write_path(at->up, buf, size, n);
	p = at->key;
	if (p == NULL) {
		(void)snprintf(num, sizeof num, "%zu", at->index);
		p = num;
	}
	if (*n + 4 >= size)
		return;
	buf[(*n)++] = '/';
	for (k = strlen(p); k > 0 && *n + 3 < size; p++, k--) {
		if (*p == '~' || *p == '/') {
			buf[(*n)++] = '~';
			buf[(*n)++] = *p == '~' ? '0' : '1';
		} else
			buf[(*n)++] = *p;
	}
	*n = utf8_cut(buf, *n);
}

int
schema_fail(struct run *r, const struct at *at, const char *fmt, ...)
{
	char path[200], text[300];
	size_t n = 0;
	va_list ap;

	if (r->quiet > 0 || r->over || r->e == NULL)
		return -1;
	write_path(at, path, sizeof path, &n);
	path[n] = '\0';
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	schema_mend(text);
	return err_field(r->e, path, "%s: %s", n > 0 ? path : "the value",
	    text);
}

int
schema_node(struct run *r, const struct node *n, const json_t *v,
    const struct at *at)
{
	const struct rule *rule;
	int bad = 0;

	if (schema_step(r, 1) != 0)
		return -1;
	if (json_is_false(n->src))
		return schema_fail(r, at, "nothing is allowed here");
	if (r->levels >= SCHEMA_MAX_LEVELS)
		return end_run(r, ERR_VALIDATION, "too complex: value and "
		    "schema are nested too deeply");
	r->levels++;
	for (rule = n->rules; rule != NULL && !bad; rule = rule->next)
		bad = rule->kw->check != NULL &&
		    rule->kw->check(r, rule, v, at) != 0;
	r->levels--;
	return bad ? -1 : 0;
}

int
schema_try(struct run *r, const struct node *n, const json_t *v,
    const struct at *at)
{
	int k;

	r->quiet++;
	k = schema_node(r, n, v, at);
	r->quiet--;
	if (r->over)
		return -1;
	return k == 0;
}

int
schema_check(const struct schema *s, const json_t *v, struct err *e)
{
	struct err none;
	struct run r = { .steps = SCHEMA_MAX_STEPS, .e = e != NULL ? e :
	    &none };
	static const struct at root;

	return schema_node(&r, s->root, v, &root);
}

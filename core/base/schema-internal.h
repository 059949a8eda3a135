/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema-internal.h - the compiled form of a schema: nodes with rules, shared
 * by the files schema*.c.
 *
 * A node is compiled once for each subschema, found by the address of its
 * JSON value; $ref makes cycles of nodes. Everything is owned by the schema
 * and read-only after schema_new.
 */
#ifndef CORE_BASE_SCHEMA_INTERNAL_H
#define CORE_BASE_SCHEMA_INTERNAL_H

#include <jansson.h>

/* Out of memory must fail the schema, not the process. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "err.h"
#include "schema-pattern.h"

#define SCHEMA_MAX_DEPTH 64
#define SCHEMA_MAX_NODES 10000
#define SCHEMA_MAX_STEPS 2000000
#define SCHEMA_MAX_LEVELS 256

enum type_bit { TYPE_NULL = 1, TYPE_BOOLEAN = 2, TYPE_INTEGER = 4,
	TYPE_NUMBER = 8, TYPE_STRING = 16, TYPE_ARRAY = 32, TYPE_OBJECT = 64 };

enum dialect { DIALECT_NONE, DIALECT_OLD, DIALECT_2019, DIALECT_2020 };

struct node;
struct rule;
struct run;
struct at;
struct compiler;

/* What a rule does to its node; used by the pass for unevaluated*. */
enum rule_kind { RULE_PLAIN, RULE_ALL, RULE_ANY, RULE_IF, RULE_REF,
	RULE_DEPENDENT, RULE_PROPERTIES, RULE_PATTERNS, RULE_ALL_PROPERTIES,
	RULE_PREFIX, RULE_ALL_ITEMS, RULE_CONTAINS };

struct keyword {
	const char *name;
	enum rule_kind kind;
	/* Fills the rule from its argument; -1 and the compiler's e. */
	int (*compile)(struct compiler *, struct node *, struct rule *);
	/* 0 when v fits, -1 when not or when the run is over. */
	int (*check)(struct run *, const struct rule *, const json_t *v,
	    const struct at *);
};

struct rule {
	struct rule *next;
	const struct keyword *kw;
	const struct node *owner;
	enum rule_kind kind;    /* the keyword's, or what its form makes it */
	json_t *arg;            /* borrowed from the document */
	struct node **sub;      /* subschemas in the order of arg */
	struct pattern **pat;   /* patternProperties, pattern */
	size_t nsub, npat;
	const struct rule *peer;  /* another rule this one looks at */
	const struct rule *peer2;
	json_int_t min, max;    /* counts; max -1: none */
	unsigned types;         /* bits of enum type_bit */
};

/* A part of the document with its own $id. */
struct resource {
	struct resource *next;
	json_t *root;
	char *uri; /* absolute as far as known, "" for none */
};

struct node {
	json_t *src;
	struct rule *rules;
	const struct resource *res;
	UT_hash_handle hh;
};

struct anchor {
	struct anchor *next;
	const struct resource *res;
	const char *name;
	json_t *target;
};

struct schema {
	json_t *doc;
	struct node *nodes; /* hash by src */
	struct node *root;
	struct resource *resources;
	struct anchor *anchors;
};

/* A $ref that waits for all nodes to be there. */
struct pending {
	struct pending *next;
	struct node *node;
	struct rule *rule;
};

struct compiler {
	struct schema *s;
	enum dialect dialect;
	unsigned depth;
	size_t nnodes;
	struct pending *pending;
	char path[96]; /* JSON Pointer in the schema, cut when long */
	size_t npath;
	struct err *e;
};

/* The way to the value that is checked: a list on the C stack. */
struct at {
	const struct at *up; /* NULL: the whole value */
	const char *key;     /* NULL: an index */
	size_t index;
};

struct run {
	long steps;      /* left */
	unsigned levels;
	unsigned quiet;  /* > 0: failures are only tried, not told */
	int over;        /* steps, levels or memory ran out */
	struct err *e;
};

extern const struct keyword schema_keywords[];

/* schema.c: compiles src into *out; key extends the path for messages. */
int schema_sub(struct compiler *c, const struct node *up, json_t *src,
    const char *key, const char *key2, struct node **out);
/* Sets e with the path of the compiler; -1. */
int schema_refuse(struct compiler *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int schema_has_key(const json_t *obj, const char *key);
/* Replaces what cutting left of a character by '?'. */
void schema_mend(char *text);

/* schema-ref.c */
int schema_add_resource(struct compiler *c, json_t *src,
    const struct resource **res);
int schema_resolve(struct compiler *c, const struct resource *res,
    const char *ref, json_t **target, const struct resource **target_res);
void schema_free_resources(struct schema *s);

/* schema-value.c: equality and order as JSON Schema has them (1 == 1.0). */
int schema_equal(struct run *r, const json_t *a, const json_t *b);
int schema_compare(const json_t *a, const json_t *b);
int schema_is_integer(const json_t *v);
int schema_is_multiple(const json_t *v, const json_t *of);
/* 1, 0 (and the two indices), or -1 when the run is over. */
int schema_unique(struct run *r, const json_t *array, size_t *i, size_t *j);
size_t schema_length(const json_t *string);

/* schema-uneval.c: 1 evaluated, 0 not, -1 the run is over. */
int schema_key_evaluated(struct run *r, const struct node *n,
    const struct rule *self, const json_t *v, const struct at *at,
    const char *key);
int schema_item_evaluated(struct run *r, const struct node *n,
    const struct rule *self, const json_t *v, const struct at *at, size_t i);

/* schema-assert.c and schema-apply.c: the checks of the keywords. */
#define SCHEMA_CHECK(name) int schema_check_##name(struct run *, \
    const struct rule *, const json_t *, const struct at *)
SCHEMA_CHECK(type);
SCHEMA_CHECK(enum);
SCHEMA_CHECK(const);
SCHEMA_CHECK(minimum);
SCHEMA_CHECK(maximum);
SCHEMA_CHECK(above);
SCHEMA_CHECK(below);
SCHEMA_CHECK(multiple);
SCHEMA_CHECK(min_length);
SCHEMA_CHECK(max_length);
SCHEMA_CHECK(pattern);
SCHEMA_CHECK(min_items);
SCHEMA_CHECK(max_items);
SCHEMA_CHECK(unique);
SCHEMA_CHECK(min_properties);
SCHEMA_CHECK(max_properties);
SCHEMA_CHECK(required);
SCHEMA_CHECK(dependent_required);
SCHEMA_CHECK(ref);
SCHEMA_CHECK(all);
SCHEMA_CHECK(any);
SCHEMA_CHECK(one);
SCHEMA_CHECK(not);
SCHEMA_CHECK(if);
SCHEMA_CHECK(dependent);
SCHEMA_CHECK(properties);
SCHEMA_CHECK(patterns);
SCHEMA_CHECK(additional);
SCHEMA_CHECK(names);
SCHEMA_CHECK(prefix);
SCHEMA_CHECK(items);
SCHEMA_CHECK(contains);
SCHEMA_CHECK(unevaluated_items);
SCHEMA_CHECK(unevaluated_properties);

/* 1 when the rule's types (all when r is NULL) hold the value's. */
int schema_type_fits(const struct rule *r, const json_t *v);
/* 1 when a pattern of the rule fits the key, 0, -1 the run is over. */
int schema_key_matches(struct run *r, const struct rule *rule,
    const char *key);

/* schema-check.c */
int schema_node(struct run *r, const struct node *n, const json_t *v,
    const struct at *at);
/* The same without a word: 1 fits, 0 not, -1 the run is over. */
int schema_try(struct run *r, const struct node *n, const json_t *v,
    const struct at *at);
/* Takes n steps; -1 when there are none left. */
int schema_step(struct run *r, long n);
/* Ends the run for want of memory; -1. */
int schema_nomem(struct run *r);
/* Fails the check of the value at `at`; -1. */
int schema_fail(struct run *r, const struct at *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema-pattern-internal.h - what the parser, the code generator and the
 * matcher of patterns share: the syntax tree and the program.
 */
#ifndef CORE_BASE_SCHEMA_PATTERN_INTERNAL_H
#define CORE_BASE_SCHEMA_PATTERN_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "schema-pattern.h"

#define PATTERN_MAX_BYTES 1024
#define PATTERN_MAX_COUNT 1000   /* of {n,m} */
#define PATTERN_MAX_NEST 32      /* groups in groups */
#define PATTERN_MAX_CODE 10000   /* instructions */
#define PATTERN_MAX_CP 0x10ffffu

/* A set of code points: sorted ranges that do not touch. */
struct cpset {
	uint32_t *r; /* lo, hi, lo, hi, ... */
	size_t n;    /* number of ranges */
	size_t cap;
};

enum ptype { P_CHAR, P_SET, P_BOL, P_EOL, P_WORD, P_NOWORD, P_GROUP,
	P_BRANCH, P_REPEAT };

/* A node of the tree; links are indices into one array, -1 for none. */
struct pnode {
	enum ptype type;
	uint32_t ch;  /* P_CHAR: code point; P_SET: index of the set */
	int min, max; /* P_REPEAT; max -1: no end */
	int child;    /* first branch, first item or what is repeated */
	int next;     /* next item, or next branch */
};

struct ptree {
	struct pnode *node;
	size_t n, cap;
	struct cpset *set;
	size_t nset, setcap;
};

enum pop { OP_CHAR, OP_SET, OP_SPLIT, OP_JUMP, OP_BOL, OP_EOL, OP_WORD,
	OP_NOWORD, OP_MATCH };

struct pinst {
	enum pop op;
	uint32_t x; /* code point, set or first target */
	uint32_t y; /* second target of OP_SPLIT */
};

struct pattern {
	struct pinst *code;
	size_t n, cap;
	struct cpset *set;
	size_t nset;
	int anchored; /* can only match at the start */
};

/* Parses src; the index of the root group, or -1 and e. */
int ptree_parse(struct ptree *t, const char *src, struct err *e);
void ptree_fini(struct ptree *t);

int cpset_add(struct cpset *s, uint32_t lo, uint32_t hi);
/* Adds the set of \d, \w or \s (c: that letter; capital: all others). */
int cpset_add_class(struct cpset *s, char c);
/* Sorts and joins; negate: then takes the complement. */
int cpset_finish(struct cpset *s, int negate);
int cpset_has(const struct cpset *s, uint32_t c);
void cpset_fini(struct cpset *s);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema-pattern.c - patterns as programs: generated from the tree, run by
 * simulating all alternatives at once.
 *
 * Why not regcomp or PCRE2: schemas come from tool servers and clients, and
 * so do the strings. The C library's matcher keeps every state it has met,
 * without a limit, and a backtracking one can be made to take for ever. Here
 * time is at most instructions x characters and memory instructions.
 *
 * A pattern is immutable after pattern_new; a match allocates its own lists.
 */
#include "schema-pattern.h"

#include <stdlib.h>
#include <string.h>

#include "schema-pattern-internal.h"
#include "utf8.h"

struct gen {
	const struct ptree *t;
	struct pattern *p;
	long work; /* bounds repeated empty groups, which emit nothing */
	struct err *e;
};

static int gen_node(struct gen *g, int k);

static int
emit(struct gen *g, enum pop op, uint32_t x, uint32_t y)
{
	struct pattern *p = g->p;
	struct pinst *m;
	size_t cap;

	if (p->n >= PATTERN_MAX_CODE)
		return err_set(g->e, ERR_VALIDATION,
		    "bad pattern: it grows over %d steps", PATTERN_MAX_CODE);
	if (p->n == p->cap) {
		cap = p->cap != 0 ? p->cap * 2 : 32;
		m = realloc(p->code, cap * sizeof *m);
		if (m == NULL)
			return err_nomem(g->e);
		p->code = m;
		p->cap = cap;
	}
	p->code[p->n].op = op;
	p->code[p->n].x = x;
	p->code[p->n].y = y;
	p->n++;
	return 0;
}

static int
gen_items(struct gen *g, int k)
{
	for (; k >= 0; k = g->t->node[k].next)
		if (gen_node(g, k) != 0)
			return -1;
	return 0;
}

/*
 * One branch: "split here, next; here: items; jump end". Returns the place of
 * the jump, 0 for the last branch, which has none, or -1.
 */
static int
gen_branch(struct gen *g, int branch)
{
	const struct pnode *b = &g->t->node[branch];
	size_t split, jump;

	if (b->next < 0)
		return gen_items(g, b->child);
	split = g->p->n;
	if (emit(g, OP_SPLIT, (uint32_t)split + 1, 0) != 0 ||
	    gen_items(g, b->child) != 0)
		return -1;
	jump = g->p->n;
	if (emit(g, OP_JUMP, 0, 0) != 0)
		return -1;
	g->p->code[split].y = (uint32_t)g->p->n;
	return (int)jump;
}

/* The branches one after the other; their jumps are chained by x. */
static int
gen_branches(struct gen *g, int branch)
{
	uint32_t chain = UINT32_MAX, here;
	int r;

	for (; branch >= 0; branch = g->t->node[branch].next) {
		r = gen_branch(g, branch);
		if (r < 0)
			return -1;
		if (g->t->node[branch].next < 0)
			break;
		g->p->code[r].x = chain;
		chain = (uint32_t)r;
	}
	while (chain != UINT32_MAX) {
		here = chain;
		chain = g->p->code[here].x;
		g->p->code[here].x = (uint32_t)g->p->n;
	}
	return 0;
}

static int
gen_repeat(struct gen *g, const struct pnode *m)
{
	uint32_t chain = UINT32_MAX, here;
	int i;

	for (i = 0; i < m->min; i++)
		if (gen_node(g, m->child) != 0)
			return -1;
	if (m->max < 0) {
		here = (uint32_t)g->p->n;
		if (emit(g, OP_SPLIT, here + 1, 0) != 0 ||
		    gen_node(g, m->child) != 0 ||
		    emit(g, OP_JUMP, here, 0) != 0)
			return -1;
		g->p->code[here].y = (uint32_t)g->p->n;
		return 0;
	}
	for (; i < m->max; i++) {
		here = (uint32_t)g->p->n;
		if (emit(g, OP_SPLIT, here + 1, chain) != 0 ||
		    gen_node(g, m->child) != 0)
			return -1;
		chain = here;
	}
	while (chain != UINT32_MAX) {
		here = chain;
		chain = g->p->code[here].y;
		g->p->code[here].y = (uint32_t)g->p->n;
	}
	return 0;
}

static int
gen_node(struct gen *g, int k)
{
	const struct pnode *m = &g->t->node[k];

	if (++g->work > 10L * PATTERN_MAX_CODE)
		return err_set(g->e, ERR_VALIDATION,
		    "bad pattern: it grows over %d steps", PATTERN_MAX_CODE);
	switch (m->type) {
	case P_CHAR:
		return emit(g, OP_CHAR, m->ch, 0);
	case P_SET:
		return emit(g, OP_SET, m->ch, 0);
	case P_BOL:
		return emit(g, OP_BOL, 0, 0);
	case P_EOL:
		return emit(g, OP_EOL, 0, 0);
	case P_WORD:
		return emit(g, OP_WORD, 0, 0);
	case P_NOWORD:
		return emit(g, OP_NOWORD, 0, 0);
	case P_REPEAT:
		return gen_repeat(g, m);
	case P_GROUP:
		return gen_branches(g, m->child);
	case P_BRANCH:
		break;
	}
	return gen_items(g, m->child);
}

struct pattern *
pattern_new(const char *src, struct err *e)
{
	struct ptree t;
	struct gen g = { .t = &t, .e = e };
	int root, ok = 0;

	g.p = calloc(1, sizeof *g.p);
	if (g.p == NULL) {
		err_nomem(e);
		return NULL;
	}
	root = ptree_parse(&t, src, e);
	if (root < 0 || gen_node(&g, root) != 0 ||
	    emit(&g, OP_MATCH, 0, 0) != 0)
		goto out;
	g.p->set = t.set;
	g.p->nset = t.nset;
	t.set = NULL;
	t.nset = 0;
	g.p->anchored = g.p->code[0].op == OP_BOL;
	ok = 1;
out:
	ptree_fini(&t);
	if (!ok) {
		pattern_free(g.p);
		return NULL;
	}
	return g.p;
}

void
pattern_free(struct pattern *p)
{
	size_t i;

	if (p == NULL)
		return;
	for (i = 0; i < p->nset; i++)
		cpset_fini(&p->set[i]);
	free(p->set);
	free(p->code);
	free(p);
}

/* A run: the lists of live instructions before and after a character. */
struct run {
	const struct pattern *p;
	uint32_t *mem;
	uint32_t *now, *then, *stack;
	uint32_t *mark; /* round in which an instruction was listed */
	size_t nnow, nthen;
	uint32_t round;
	long *steps;
	int begin, end;  /* at the start, at the end of the text */
	int before, after; /* is the neighbour a word character */
};

static int
passes(const struct run *r, enum pop op)
{
	switch (op) {
	case OP_BOL:
		return r->begin;
	case OP_EOL:
		return r->end;
	case OP_WORD:
		return r->before != r->after;
	default:
		return r->before == r->after;
	}
}

/*
 * Lists pc and all it reaches without a character. Each instruction is
 * entered on the stack once a round, so the stack holds at most p->n.
 */
static int
add(struct run *r, uint32_t pc, uint32_t *list, size_t *n)
{
	const struct pinst *m;
	size_t top = 0;
	uint32_t to[2];
	int i, k;

	if (r->mark[pc] == r->round)
		return 0;
	r->mark[pc] = r->round;
	r->stack[top++] = pc;
	while (top > 0) {
		pc = r->stack[--top];
		m = &r->p->code[pc];
		if (--*r->steps < 0)
			return -1;
		k = 0;
		switch (m->op) {
		case OP_MATCH:
			return 1;
		case OP_CHAR:
		case OP_SET:
			list[(*n)++] = pc;
			break;
		case OP_SPLIT:
			to[k++] = m->y;
			to[k++] = m->x;
			break;
		case OP_JUMP:
			to[k++] = m->x;
			break;
		default:
			if (passes(r, m->op))
				to[k++] = pc + 1;
			break;
		}
		for (i = 0; i < k; i++)
			if (r->mark[to[i]] != r->round) {
				r->mark[to[i]] = r->round;
				r->stack[top++] = to[i];
			}
	}
	return 0;
}

static uint32_t
decode(const char *str, size_t n, size_t *len)
{
	const unsigned char *s = (const unsigned char *)str;

	*len = utf8_seq(str, n);
	switch (*len) {
	case 1:
		return s[0];
	case 2:
		return (s[0] & 0x1fu) << 6 | (s[1] & 0x3fu);
	case 3:
		return (s[0] & 0xfu) << 12 | (s[1] & 0x3fu) << 6 |
		    (s[2] & 0x3fu);
	case 4:
		return (s[0] & 7u) << 18 | (s[1] & 0x3fu) << 12 |
		    (s[2] & 0x3fu) << 6 | (s[3] & 0x3fu);
	default:
		*len = 1;
		return 0xfffd;
	}
}

static int
is_word(const char *s, size_t n)
{
	unsigned char c;

	if (n == 0)
		return 0;
	c = (unsigned char)s[0];
	return c == '_' || (c >= '0' && c <= '9') ||
	    ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* What can follow the live instructions after c, in the then list. */
static int
step(struct run *r, uint32_t c)
{
	const struct pinst *m;
	size_t i;
	int k;

	for (i = 0; i < r->nnow; i++) {
		m = &r->p->code[r->now[i]];
		if (m->op == OP_CHAR ? m->x != c :
		    !cpset_has(&r->p->set[m->x], c))
			continue;
		k = add(r, r->now[i] + 1, r->then, &r->nthen);
		if (k != 0)
			return k;
	}
	return 0;
}

static int
match(struct run *r, const char *s, size_t n)
{
	size_t i = 0, len;
	uint32_t c, *swap;
	int k;

	r->begin = 1;
	r->end = n == 0;
	r->after = is_word(s, n);
	r->round = 1;
	k = add(r, 0, r->now, &r->nnow);
	while (k == 0 && i < n) {
		if (r->nnow == 0 && r->p->anchored)
			return 0;
		c = decode(s + i, n - i, &len);
		r->begin = 0;
		r->before = is_word(s + i, n - i);
		i += len;
		r->end = i >= n;
		r->after = is_word(s + i, n - i);
		r->round++;
		r->nthen = 0;
		k = step(r, c);
		if (k == 0)
			k = add(r, 0, r->then, &r->nthen);
		swap = r->now;
		r->now = r->then;
		r->then = swap;
		r->nnow = r->nthen;
	}
	return k;
}

int
pattern_match(const struct pattern *p, const char *s, size_t n, long *steps)
{
	struct run r = { .p = p, .steps = steps };
	int k;

	/* Rounds are counted in 32 bits. */
	if (n >= UINT32_MAX / 2) {
		*steps = -1;
		return -1;
	}
	r.mem = calloc(p->n, 4 * sizeof *r.mem);
	if (r.mem == NULL)
		return -1;
	r.now = r.mem;
	r.then = r.now + p->n;
	r.stack = r.then + p->n;
	r.mark = r.stack + p->n;
	k = match(&r, s, n);
	free(r.mem);
	return k;
}

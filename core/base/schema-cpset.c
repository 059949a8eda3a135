/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema-cpset.c - sets of code points for patterns. A set is built range by
 * range, finished once and only read from then on. The classes \d, \w and \s
 * are those of ECMA-262 (\s holds U+FEFF and the Unicode blanks).
 */
#include <stdlib.h>
#include <string.h>

#include "schema-pattern-internal.h"

static const uint32_t digits[] = { '0', '9' };
static const uint32_t words[] = { '0', '9', 'A', 'Z', '_', '_', 'a', 'z' };
static const uint32_t blanks[] = {
	0x09, 0x0d, 0x20, 0x20, 0xa0, 0xa0, 0x1680, 0x1680, 0x2000, 0x200a,
	0x2028, 0x2029, 0x202f, 0x202f, 0x205f, 0x205f, 0x3000, 0x3000,
	0xfeff, 0xfeff
};

int
cpset_add(struct cpset *s, uint32_t lo, uint32_t hi)
{
	uint32_t *r;
	size_t cap;

	if (s->n == s->cap) {
		cap = s->cap != 0 ? s->cap * 2 : 4;
		r = realloc(s->r, cap * 2 * sizeof *r);
		if (r == NULL)
			return -1;
		s->r = r;
		s->cap = cap;
	}
	s->r[2 * s->n] = lo;
	s->r[2 * s->n + 1] = hi;
	s->n++;
	return 0;
}

/* The ranges of a class, or with `others` the gaps between them. */
static int
add_table(struct cpset *s, const uint32_t *t, size_t n, int others)
{
	uint32_t from = 0;
	size_t i;

	for (i = 0; i < n; i += 2) {
		if (!others) {
			if (cpset_add(s, t[i], t[i + 1]) != 0)
				return -1;
			continue;
		}
		if (t[i] > from && cpset_add(s, from, t[i] - 1) != 0)
			return -1;
		from = t[i + 1] + 1;
	}
	return others ? cpset_add(s, from, PATTERN_MAX_CP) : 0;
}

int
cpset_add_class(struct cpset *s, char c)
{
	int others = c == 'D' || c == 'W' || c == 'S';

	switch (c) {
	case 'd':
	case 'D':
		return add_table(s, digits, sizeof digits / sizeof *digits,
		    others);
	case 'w':
	case 'W':
		return add_table(s, words, sizeof words / sizeof *words,
		    others);
	default:
		return add_table(s, blanks, sizeof blanks / sizeof *blanks,
		    others);
	}
}

static int
by_start(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int
complement(struct cpset *s)
{
	struct cpset o = { 0 };
	uint32_t from = 0;
	size_t i;

	for (i = 0; i < s->n; i++) {
		if (s->r[2 * i] > from &&
		    cpset_add(&o, from, s->r[2 * i] - 1) != 0)
			goto nomem;
		from = s->r[2 * i + 1] + 1;
	}
	if (from <= PATTERN_MAX_CP && cpset_add(&o, from, PATTERN_MAX_CP) != 0)
		goto nomem;
	cpset_fini(s);
	*s = o;
	return 0;
nomem:
	cpset_fini(&o);
	return -1;
}

int
cpset_finish(struct cpset *s, int negate)
{
	size_t i, o = 0;

	if (s->n > 1)
		qsort(s->r, s->n, 2 * sizeof *s->r, by_start);
	for (i = 1; i < s->n; i++) {
		if (s->r[2 * i] <= s->r[2 * o + 1] + 1) {
			if (s->r[2 * i + 1] > s->r[2 * o + 1])
				s->r[2 * o + 1] = s->r[2 * i + 1];
			continue;
		}
		o++;
		s->r[2 * o] = s->r[2 * i];
		s->r[2 * o + 1] = s->r[2 * i + 1];
	}
	if (s->n > 0)
		s->n = o + 1;
	return negate ? complement(s) : 0;
}

int
cpset_has(const struct cpset *s, uint32_t c)
{
	size_t lo = 0, hi = s->n, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (c < s->r[2 * mid])
			hi = mid;
		else if (c > s->r[2 * mid + 1])
			lo = mid + 1;
		else
			return 1;
	}
	return 0;
}

void
cpset_fini(struct cpset *s)
{
	free(s->r);
	memset(s, 0, sizeof *s);
}

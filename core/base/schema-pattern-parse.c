/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema-pattern-parse.c - the syntax of patterns: from text to a tree.
 *
 * Follows ECMA-262 where it is understood; what is not is refused by name, so
 * that nobody relies on an expression that silently means something else.
 * As in browsers, a brace that is no quantifier stands for itself.
 * Recursion is bounded by PATTERN_MAX_NEST.
 */
#include <stdlib.h>
#include <string.h>

#include "schema-pattern-internal.h"
#include "utf8.h"

struct parse {
	struct ptree *t;
	const char *s;
	size_t n, i;
	unsigned nest;
	struct err *e;
};

static int parse_group(struct parse *p, int inner);

static int
refuse(struct parse *p, const char *why)
{
	return err_set(p->e, ERR_VALIDATION, "bad pattern at byte %zu: %s",
	    p->i, why);
}

static int
node_new(struct parse *p, enum ptype type)
{
	struct ptree *t = p->t;
	struct pnode *m;
	size_t cap;

	if (t->n == t->cap) {
		cap = t->cap != 0 ? t->cap * 2 : 32;
		m = realloc(t->node, cap * sizeof *m);
		if (m == NULL)
			return err_nomem(p->e);
		t->node = m;
		t->cap = cap;
	}
	m = &t->node[t->n];
	memset(m, 0, sizeof *m);
	m->type = type;
	m->child = m->next = -1;
	return (int)t->n++;
}

/* Takes over the set's memory in every case. */
static int
node_set(struct parse *p, struct cpset *s)
{
	struct ptree *t = p->t;
	struct cpset *m;
	size_t cap;
	int k;

	if (t->nset == t->setcap) {
		cap = t->setcap != 0 ? t->setcap * 2 : 8;
		m = realloc(t->set, cap * sizeof *m);
		if (m == NULL) {
			cpset_fini(s);
			return err_nomem(p->e);
		}
		t->set = m;
		t->setcap = cap;
	}
	t->set[t->nset++] = *s;
	k = node_new(p, P_SET);
	if (k >= 0)
		t->node[k].ch = (uint32_t)(t->nset - 1);
	return k;
}

/* The character at p->i, which moves on; the text is valid UTF-8. */
static uint32_t
take(struct parse *p)
{
	const unsigned char *s = (const unsigned char *)p->s + p->i;

	if (s[0] < 0x80) {
		p->i += 1;
		return s[0];
	}
	if (s[0] < 0xe0) {
		p->i += 2;
		return (s[0] & 0x1fu) << 6 | (s[1] & 0x3fu);
	}
	if (s[0] < 0xf0) {
		p->i += 3;
		return (s[0] & 0xfu) << 12 | (s[1] & 0x3fu) << 6 |
		    (s[2] & 0x3fu);
	}
	p->i += 4;
	return (s[0] & 7u) << 18 | (s[1] & 0x3fu) << 12 |
	    (s[2] & 0x3fu) << 6 | (s[3] & 0x3fu);
}

static int
peek(const struct parse *p)
{
	return p->i < p->n ? (unsigned char)p->s[p->i] : -1;
}

static int
hex_digit(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int
take_hex(struct parse *p, int digits, uint32_t *out)
{
	int d;

	*out = 0;
	for (; digits > 0; digits--) {
		d = p->i < p->n ? hex_digit(p->s[p->i]) : -1;
		if (d < 0)
			return refuse(p, "hexadecimal digits expected");
		*out = *out << 4 | (uint32_t)d;
		p->i++;
	}
	return 0;
}

/* After \u: four digits, a surrogate pair of two escapes, or {digits}. */
static int
take_unicode(struct parse *p, uint32_t *out)
{
	uint32_t low;
	int d;

	if (peek(p) == '{') {
		*out = 0;
		for (p->i++; (d = peek(p)) != '}'; p->i++) {
			d = d < 0 ? -1 : hex_digit(d);
			if (d < 0)
				return refuse(p, "bad \\u{...}");
			*out = *out << 4 | (uint32_t)d;
			if (*out > PATTERN_MAX_CP)
				return refuse(p, "no such character");
		}
		p->i++;
		return 0;
	}
	if (take_hex(p, 4, out) != 0)
		return -1;
	if (*out < 0xd800 || *out > 0xdbff)
		return 0;
	if (p->n - p->i < 2 || memcmp(p->s + p->i, "\\u", 2) != 0)
		return 0;
	p->i += 2;
	if (take_hex(p, 4, &low) != 0)
		return -1;
	if (low < 0xdc00 || low > 0xdfff)
		return refuse(p, "half a surrogate pair");
	*out = 0x10000 + ((*out - 0xd800) << 10) + (low - 0xdc00);
	return 0;
}

/*
 * After a backslash: one character into *out (returns 0), or a class letter
 * of dDwWsS into *out (returns 1).
 */
static int
take_escape(struct parse *p, uint32_t *out)
{
	static const char from[] = "nrtfv", to[] = "\n\r\t\f\v";
	const char *q;
	int c = peek(p);

	if (c < 0)
		return refuse(p, "a backslash at the end");
	if (strchr("dDwWsS", c) != NULL) {
		*out = (uint32_t)c;
		p->i++;
		return 1;
	}
	if (c == 'x' || c == 'u') {
		p->i++;
		return c == 'x' ? take_hex(p, 2, out) : take_unicode(p, out);
	}
	q = strchr(from, c);
	if (q != NULL) {
		*out = (unsigned char)to[q - from];
		p->i++;
		return 0;
	}
	if (c == 'c') {
		p->i++;
		c = peek(p) | 0x20;
		if (c < 'a' || c > 'z')
			return refuse(p, "a letter expected after \\c");
		*out = (uint32_t)(c & 0x1f);
		p->i++;
		return 0;
	}
	if (c == '0' && (p->i + 1 >= p->n || p->s[p->i + 1] < '0' ||
	    p->s[p->i + 1] > '9')) {
		*out = 0;
		p->i++;
		return 0;
	}
	if ((c >= '0' && c <= '9') || c == 'k')
		return refuse(p, "back references are not supported");
	if (c == 'p' || c == 'P')
		return refuse(p, "\\p{...} is not supported");
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
		return refuse(p, "unknown escape");
	*out = take(p);
	return 0;
}

/* One end of a range in a class; 1: it was a class letter, already added. */
static int
class_atom(struct parse *p, struct cpset *s, uint32_t *out)
{
	int k;

	if (peek(p) != '\\') {
		*out = take(p);
		return 0;
	}
	p->i++;
	if (peek(p) == 'b') {
		p->i++;
		*out = 8;
		return 0;
	}
	k = take_escape(p, out);
	if (k == 1 && cpset_add_class(s, (char)*out) != 0)
		return err_nomem(p->e);
	return k;
}

static int
class_range(struct parse *p, struct cpset *s)
{
	uint32_t lo, hi;
	int k, k2;

	k = class_atom(p, s, &lo);
	if (k < 0)
		return -1;
	if (peek(p) != '-' || p->i + 1 >= p->n || p->s[p->i + 1] == ']') {
		if (k == 0 && cpset_add(s, lo, lo) != 0)
			return err_nomem(p->e);
		return 0;
	}
	p->i++;
	k2 = class_atom(p, s, &hi);
	if (k2 < 0)
		return -1;
	if (k == 1 || k2 == 1) {
		/* [\w-x]: the hyphen stands for itself, as in browsers. */
		if (cpset_add(s, '-', '-') != 0 ||
		    (k == 0 && cpset_add(s, lo, lo) != 0) ||
		    (k2 == 0 && cpset_add(s, hi, hi) != 0))
			return err_nomem(p->e);
		return 0;
	}
	if (lo > hi)
		return refuse(p, "range out of order in a class");
	return cpset_add(s, lo, hi) != 0 ? err_nomem(p->e) : 0;
}

/* After "[". */
static int
parse_class(struct parse *p)
{
	struct cpset s = { 0 };
	int negate = 0;

	if (peek(p) == '^') {
		negate = 1;
		p->i++;
	}
	while (peek(p) != ']') {
		if (peek(p) < 0) {
			cpset_fini(&s);
			return refuse(p, "a class without its ]");
		}
		if (class_range(p, &s) != 0) {
			cpset_fini(&s);
			return -1;
		}
	}
	p->i++;
	if (cpset_finish(&s, negate) != 0) {
		cpset_fini(&s);
		return err_nomem(p->e);
	}
	return node_set(p, &s);
}

/* The dot (c '.'), or a class letter outside of a class. */
static int
parse_named(struct parse *p, uint32_t c)
{
	struct cpset s = { 0 };
	int bad;

	if (c == '.')
		bad = cpset_add(&s, '\n', '\n') != 0 ||
		    cpset_add(&s, '\r', '\r') != 0 ||
		    cpset_add(&s, 0x2028, 0x2029) != 0;
	else
		bad = cpset_add_class(&s, (char)c) != 0;
	if (bad || cpset_finish(&s, c == '.') != 0) {
		cpset_fini(&s);
		return err_nomem(p->e);
	}
	return node_set(p, &s);
}

static int
node_char(struct parse *p, uint32_t c)
{
	int k = node_new(p, P_CHAR);

	if (k >= 0)
		p->t->node[k].ch = c;
	return k;
}

/* After "(": the group's head, its branches and the closing parenthesis. */
static int
parse_paren(struct parse *p)
{
	int k;

	if (peek(p) == '?') {
		p->i++;
		k = peek(p);
		if (k == '=' || k == '!')
			return refuse(p, "look-ahead is not supported");
		if (k == '<') {
			p->i++;
			k = peek(p);
			if (k == '=' || k == '!')
				return refuse(p,
				    "look-behind is not supported");
			while (peek(p) != '>') {
				if (peek(p) < 0)
					return refuse(p, "bad group name");
				p->i++;
			}
		} else if (k != ':')
			return refuse(p, "inline flags are not supported");
		p->i++;
	}
	if (++p->nest > PATTERN_MAX_NEST)
		return refuse(p, "groups are nested too deeply");
	k = parse_group(p, 1);
	p->nest--;
	if (k < 0)
		return -1;
	if (peek(p) != ')')
		return refuse(p, "a group without its )");
	p->i++;
	return k;
}

static int
parse_atom(struct parse *p)
{
	uint32_t c = take(p);
	int k;

	switch (c) {
	case '^':
		return node_new(p, P_BOL);
	case '$':
		return node_new(p, P_EOL);
	case '.':
		return parse_named(p, '.');
	case '[':
		return parse_class(p);
	case '(':
		return parse_paren(p);
	case '*':
	case '+':
	case '?':
		return refuse(p, "nothing to repeat");
	case '\\':
		if (peek(p) == 'b' || peek(p) == 'B')
			return node_new(p, p->s[p->i++] == 'b' ? P_WORD :
			    P_NOWORD);
		k = take_escape(p, &c);
		if (k < 0)
			return -1;
		return k == 1 ? parse_named(p, c) : node_char(p, c);
	default:
		return node_char(p, c);
	}
}

static int
take_number(struct parse *p, size_t *i, int *out)
{
	long v = 0;
	size_t from = *i;

	while (*i < p->n && p->s[*i] >= '0' && p->s[*i] <= '9') {
		if (v <= PATTERN_MAX_COUNT)
			v = v * 10 + (p->s[*i] - '0');
		(*i)++;
	}
	*out = (int)v;
	return *i > from;
}

/* 1 with the bounds when a quantifier stands at p->i, 0 when none, -1. */
static int
take_quantifier(struct parse *p, int *min, int *max)
{
	size_t i = p->i + 1;
	int c = peek(p);

	if (c != '*' && c != '+' && c != '?' && c != '{')
		return 0;
	*min = c == '+';
	*max = c == '?' ? 1 : -1;
	if (c == '{') {
		if (!take_number(p, &i, min))
			return 0;
		*max = *min;
		if (i < p->n && p->s[i] == ',') {
			i++;
			if (!take_number(p, &i, max))
				*max = -1;
		}
		if (i >= p->n || p->s[i] != '}')
			return 0;
		i++;
		if (*min > PATTERN_MAX_COUNT || *max > PATTERN_MAX_COUNT)
			return refuse(p, "a count over 1000");
		if (*max >= 0 && *min > *max)
			return refuse(p, "counts out of order");
	}
	p->i = i;
	/* Lazy or greedy: the same question "does it match". */
	if (peek(p) == '?')
		p->i++;
	return 1;
}

static int
parse_item(struct parse *p)
{
	int k, q, min = 0, max = 0;
	enum ptype type;

	k = parse_atom(p);
	if (k < 0)
		return -1;
	type = p->t->node[k].type;
	q = take_quantifier(p, &min, &max);
	if (q <= 0)
		return q < 0 ? -1 : k;
	if (type == P_BOL || type == P_EOL || type == P_WORD ||
	    type == P_NOWORD)
		return refuse(p, "nothing to repeat");
	q = node_new(p, P_REPEAT);
	if (q < 0)
		return -1;
	p->t->node[q].child = k;
	p->t->node[q].min = min;
	p->t->node[q].max = max;
	return q;
}

static int
parse_branch(struct parse *p)
{
	int b, k, last = -1;

	b = node_new(p, P_BRANCH);
	if (b < 0)
		return -1;
	while (p->i < p->n && peek(p) != '|' && peek(p) != ')') {
		k = parse_item(p);
		if (k < 0)
			return -1;
		if (last < 0)
			p->t->node[b].child = k;
		else
			p->t->node[last].next = k;
		last = k;
	}
	return b;
}

static int
parse_group(struct parse *p, int inner)
{
	int g, b, last = -1;

	g = node_new(p, P_GROUP);
	if (g < 0)
		return -1;
	for (;;) {
		b = parse_branch(p);
		if (b < 0)
			return -1;
		if (last < 0)
			p->t->node[g].child = b;
		else
			p->t->node[last].next = b;
		last = b;
		if (peek(p) != '|')
			break;
		p->i++;
	}
	if (!inner && p->i < p->n)
		return refuse(p, "a ) without its group");
	return g;
}

int
ptree_parse(struct ptree *t, const char *src, struct err *e)
{
	struct parse p = { .t = t, .s = src, .n = strlen(src), .e = e };

	memset(t, 0, sizeof *t);
	if (p.n > PATTERN_MAX_BYTES)
		return err_set(e, ERR_VALIDATION,
		    "bad pattern: longer than %d bytes", PATTERN_MAX_BYTES);
	if (!utf8_valid(src, p.n))
		return err_set(e, ERR_VALIDATION, "bad pattern: not UTF-8");
	return parse_group(&p, 0);
}

void
ptree_fini(struct ptree *t)
{
	size_t i;

	for (i = 0; i < t->nset; i++)
		cpset_fini(&t->set[i]);
	free(t->set);
	free(t->node);
	memset(t, 0, sizeof *t);
}

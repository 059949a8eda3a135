/* SPDX-License-Identifier: Apache-2.0 */
/*
 * html.c - parses a page within limits of time and memory.
 *
 * The parser has neither: deep nesting makes it quadratic, it does not check
 * its allocations, and freeing a tree recurses. So it gets its memory from
 * an arena that is dropped as a whole, and the arena, asked at least once a
 * tag, leaves the parser with longjmp() when a limit is reached.
 */
#include <gumbo.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "render.h"

#define ARENA_MAX (192u * 1024 * 1024)
#define BLOCK (256u * 1024)
#define BUDGET_MS 2000u
#define LOOK_EVERY 32u

struct block {
	struct block *next;
	size_t used, cap;
	/* data follows, aligned */
};

#define HEAD ((sizeof(struct block) + 15) & ~(size_t)15)

struct arena {
	jmp_buf out;
	struct block *first;
	size_t total;
	unsigned calls;
	uint64_t until_ms;
	int nomem;
	const struct html *h;
};

static uint64_t
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void
arena_check(struct arena *a)
{
	if (++a->calls % LOOK_EVERY != 0)
		return;
	if (now_ms() > a->until_ms ||
	    (a->h->stop != NULL && a->h->stop(a->h->arg)))
		longjmp(a->out, 1);
}

static void *
arena_alloc(void *arg, size_t n)
{
	struct arena *a = arg;
	struct block *b = a->first;
	size_t cap;

	arena_check(a);
	n = (n + 15) & ~(size_t)15;
	if (b == NULL || b->cap - b->used < n) {
		cap = n > BLOCK / 4 ? n : BLOCK;
		if (cap > ARENA_MAX || a->total + cap > ARENA_MAX)
			longjmp(a->out, 1);
		b = malloc(HEAD + cap);
		if (b == NULL) {
			a->nomem = 1;
			longjmp(a->out, 1);
		}
		b->used = 0;
		b->cap = cap;
		a->total += cap;
		if (cap != BLOCK && a->first != NULL) {
			/* A large one: go on filling the block before. */
			b->next = a->first->next;
			a->first->next = b;
		} else {
			b->next = a->first;
			a->first = b;
		}
	}
	b->used += n;
	return (char *)b + HEAD + b->used - n;
}

static void
arena_free(void *arg, void *p)
{
	(void)arg;
	(void)p;
}

static void
arena_drop(struct arena *a)
{
	struct block *b, *next;

	for (b = a->first; b != NULL; b = next) {
		next = b->next;
		free(b);
	}
}

/* What may be left by longjmp: nothing but the arena is held here. */
static int
parse_render(struct arena *a, const struct html *h)
{
	GumboOptions opt = kGumboDefaultOptions;
	GumboOutput *tree;

	if (setjmp(a->out) != 0)
		return a->nomem ? -1 : 1;
	opt.allocator = arena_alloc;
	opt.deallocator = arena_free;
	opt.userdata = a;
	opt.max_errors = 0;
	tree = gumbo_parse_with_options(&opt, h->p, h->n);
	return render(h, tree->document);
}

int
html_render(const struct html *h)
{
	struct arena *a = calloc(1, sizeof *a);
	int rc;

	if (a == NULL)
		return -1;
	a->h = h;
	a->until_ms = now_ms() + BUDGET_MS;
	rc = parse_render(a, h);
	arena_drop(a);
	free(a);
	return rc;
}

int
html_plain(const char *p, size_t n, struct tool_buf *out)
{
	struct html h;

	memset(&h, 0, sizeof h);
	h.p = p;
	h.n = n;
	h.out = out;
	return html_render(&h);
}

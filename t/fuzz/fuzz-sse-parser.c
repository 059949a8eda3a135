/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz-sse-parser.c - the SSE parser must say the same of a stream however
 * it is cut, must keep to its maximum and must never read past a piece.
 *
 * The first byte chooses the maximum, the second the size of the pieces; the
 * rest is the stream. With libFuzzer: clang -fsanitize=fuzzer,address
 * -DSEPT_LIBFUZZER. Without it main() runs the corpus and variations of it
 * made by a fixed generator, so that `make check` does the same each time.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../core/net/sse_parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct sum {
	uint64_t hash;
	unsigned events;
	size_t most;
};

static void
mix(struct sum *s, const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		s->hash = (s->hash ^ (unsigned char)p[i]) *
		    UINT64_C(1099511628211);
	s->hash = (s->hash ^ 0x100) * UINT64_C(1099511628211);
}

static void
on_event(void *user, const struct sse_parser_event *ev)
{
	struct sum *s = user;
	size_t all = ev->data_n + strlen(ev->event) + strlen(ev->id);

	mix(s, ev->event, strlen(ev->event));
	mix(s, ev->data, ev->data_n);
	mix(s, ev->id, strlen(ev->id));
	s->events++;
	if (all > s->most)
		s->most = all;
	if (ev->data[ev->data_n] != '\0')
		abort();
}

/* Feeds copies of the pieces, each in memory of its own size. */
static int
run(size_t max, const uint8_t *p, size_t n, size_t piece, struct sum *s)
{
	struct sse_parser *sp;
	size_t k;
	char *copy;
	int r = 0;

	memset(s, 0, sizeof *s);
	sp = sse_parser_new(max, on_event, s);
	if (sp == NULL)
		abort();
	for (; n > 0 && r == 0; p += k, n -= k) {
		k = n < piece ? n : piece;
		copy = malloc(k);
		if (copy == NULL)
			abort();
		memcpy(copy, p, k);
		r = sse_parser_feed(sp, copy, k);
		free(copy);
	}
	sse_parser_free(sp);
	return r;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct sum a, b, c;
	size_t max, piece;
	int ra, rb, rc;

	if (n < 2)
		return 0;
	max = (size_t)data[0] * 4 + 1;
	piece = data[1] % 64u + 1;
	ra = run(max, data + 2, n - 2, SIZE_MAX, &a);
	rb = run(max, data + 2, n - 2, piece, &b);
	rc = run(max, data + 2, n - 2, 1, &c);
	if (ra != rb || ra != rc || a.events != b.events ||
	    a.events != c.events || a.hash != b.hash || a.hash != c.hash)
		abort();
	/* "message" stands for no name and is not counted. */
	if (a.most > max + strlen("message"))
		abort();
	return 0;
}

#ifndef SEPT_LIBFUZZER

#define ROUNDS 20000
#define FILES 200
#define FILE_MAX 4096

static struct {
	uint8_t p[FILE_MAX];
	size_t n;
} corpus[FILES];
static size_t corpus_n;
static uint64_t state = 88172645463325252u;

static uint32_t
rnd(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 32) % below;
}

static void
load(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	char path[1300];
	FILE *f;

	while (d != NULL && corpus_n < FILES && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		f = fopen(path, "rb");
		if (f == NULL)
			continue;
		corpus[corpus_n].n = fread(corpus[corpus_n].p, 1, FILE_MAX,
		    f);
		corpus_n++;
		(void)fclose(f);
	}
	if (d != NULL)
		(void)closedir(d);
}

/* Changes, drops, doubles or splices a little. */
static size_t
vary(uint8_t *to, size_t n)
{
	static const char marks[] = "\n\r: \0\xef\xbb\xbf" "dataeventidretry";
	uint32_t times = 1 + rnd(6), at, k, from;

	for (; times > 0 && n > 0; times--) {
		at = rnd((uint32_t)n);
		switch (rnd(4)) {
		case 0:
			to[at] = (uint8_t)marks[rnd(sizeof marks)];
			break;
		case 1:
			to[at] = (uint8_t)rnd(256);
			break;
		case 2:
			k = rnd((uint32_t)n - at) + 1;
			memmove(to + at, to + at + k, n - at - k);
			n -= k;
			break;
		default:
			from = rnd((uint32_t)n);
			k = rnd((uint32_t)(n - from)) + 1;
			if (n + k > FILE_MAX)
				break;
			memmove(to + at + k, to + at, n - at);
			n += k;
			if (from + k > n)
				k = (uint32_t)n - from;
			memmove(to + at, to + from, k);
			break;
		}
	}
	return n;
}

int
main(void)
{
	const char *src = getenv("SEPT_SRCDIR");
	static uint8_t b[FILE_MAX];
	char dir[1000];
	size_t i, n;

	(void)snprintf(dir, sizeof dir, "%s/t/fuzz/corpus/sse-parser",
	    src != NULL ? src : ".");
	load(dir);
	for (i = 0; i < corpus_n; i++)
		(void)LLVMFuzzerTestOneInput(corpus[i].p, corpus[i].n);
	printf("%sok 1 - %zu files of the corpus\n", corpus_n > 0 ? "" :
	    "not ", corpus_n);
	for (i = 0; i < ROUNDS && corpus_n > 0; i++) {
		n = corpus[i % corpus_n].n;
		memcpy(b, corpus[i % corpus_n].p, n);
		n = vary(b, n);
		(void)LLVMFuzzerTestOneInput(b, n);
	}
	printf("ok 2 - %d variations\n1..2\n", ROUNDS);
	return corpus_n == 0;
}

#endif

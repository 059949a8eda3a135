/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay.c - runs a fuzz target without a fuzzer: over its corpus and over
 * variations of it made by a fixed generator, so that `make check` does the
 * same each time. FUZZ_CORPUS names the corpus.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

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
	struct dirent **names = NULL;
	char path[1300];
	int i, n = scandir(dir, &names, NULL, alphasort);
	FILE *f;

	for (i = 0; i < n; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", dir,
		    names[i]->d_name);
		f = names[i]->d_name[0] != '.' && corpus_n < FILES ?
		    fopen(path, "rb") : NULL;
		if (f != NULL) {
			corpus[corpus_n].n = fread(corpus[corpus_n].p, 1,
			    FILE_MAX, f);
			corpus_n++;
			(void)fclose(f);
		}
		free(names[i]);
	}
	free(names);
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

	(void)alarm(120);
	(void)snprintf(dir, sizeof dir, "%s/t/fuzz/corpus/" FUZZ_CORPUS,
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

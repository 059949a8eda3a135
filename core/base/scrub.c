/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scrub.c - the credential forms and the scan over them. One pass; a form is
 * looked at only at the start of a word, so cost is linear in the text.
 *
 * Prefixes are the ones that the providers document for secret scanning.
 */
#include "scrub.h"

#include <string.h>

struct form {
	const char *prefix;
	unsigned min;  /* least length of what follows the prefix */
	unsigned keep; /* bytes of the prefix left readable */
};

static const struct form forms[] = {
	{ "sk-ant-", 20, 7 },
	{ "sk-proj-", 20, 8 },
	{ "sk-", 20, 3 },
	{ "AIza", 35, 4 },
	{ "AKIA", 16, 4 },
	{ "ASIA", 16, 4 },
	{ "ghp_", 30, 4 },
	{ "gho_", 30, 4 },
	{ "ghu_", 30, 4 },
	{ "ghs_", 30, 4 },
	{ "ghr_", 30, 4 },
	{ "github_pat_", 30, 11 },
	{ "glpat-", 20, 6 },
	{ "xoxb-", 20, 5 },
	{ "xoxp-", 20, 5 },
	{ "xoxa-", 20, 5 },
	{ "xapp-", 20, 5 },
	{ "hf_", 30, 3 },
	{ "npm_", 36, 4 },
	{ "tvly-", 20, 5 },
	{ "BSA", 27, 3 },
	{ "pk-sept-", 32, 8 },
	{ "eyJ", 60, 3 },
};

#define PEM_BEGIN "-----BEGIN "
#define PEM_MARK "PRIVATE KEY-----"
#define PEM_END "-----END "
#define PEM_HEAD_MAX 64 /* what may stand between BEGIN and its end */

static int
is_word(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	    (c >= 'a' && c <= 'z') || c == '_' || c == '-';
}

/* Word characters, and the dots inside a JSON web token. */
static size_t
run_length(const char *s, size_t n, int dots)
{
	size_t i = 0;

	while (i < n && (is_word((unsigned char)s[i]) ||
	    (dots && s[i] == '.')))
		i++;
	return i;
}

static const struct form *
match(const char *s, size_t n, size_t *len)
{
	size_t i, p, run;

	for (i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		p = strlen(forms[i].prefix);
		if (n < p || memcmp(s, forms[i].prefix, p) != 0)
			continue;
		run = run_length(s + p, n - p, forms[i].prefix[0] == 'e');
		if (run < forms[i].min)
			continue;
		*len = p + run;
		return &forms[i];
	}
	return NULL;
}

static const char *
find(const char *s, size_t n, const char *what)
{
	return memmem(s, n, what, strlen(what));
}

/* The length of a private key's head ("-----BEGIN ... KEY-----"), or 0. */
static size_t
pem_head(const char *s, size_t n)
{
	const char *mark;
	size_t head = strlen(PEM_BEGIN);

	if (n < head || memcmp(s, PEM_BEGIN, head) != 0)
		return 0;
	mark = find(s + head, n - head < PEM_HEAD_MAX ? n - head :
	    PEM_HEAD_MAX, PEM_MARK);
	return mark == NULL ? 0 : (size_t)(mark - s) + strlen(PEM_MARK);
}

/*
 * Covers a PEM body; JSON's \n escapes and real line ends stay, so that the
 * text around keeps its form. Where it stopped: at the end of a JSON string
 * at the latest.
 */
static size_t
cover_pem(char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n && s[i] != '"'; i++) {
		if (s[i] == '\\' && i + 1 < n)
			i++;
		else if (s[i] != '\n' && s[i] != '\r')
			s[i] = '*';
	}
	return i;
}

/* The body of a key whose head came before s: how much of s it takes. */
static size_t
pem_body(char *s, size_t n, int *inside)
{
	const char *end = find(s, n, PEM_END);
	size_t len = end != NULL ? (size_t)(end - s) : n;
	size_t got = cover_pem(s, len);

	*inside = end == NULL && got == n;
	return got;
}

/*
 * How much of a word at s is the letter of an escape: in JSON text "\nsk-"
 * is a line end and then a word.
 */
static size_t
escape_length(const char *s, size_t n)
{
	size_t i;

	if (*s != 'u')
		return memchr("bfnrt", *s, 5) != NULL ? 1 : 0;
	for (i = 1; i < 5; i++)
		if (i >= n || !((s[i] >= '0' && s[i] <= '9') ||
		    (s[i] >= 'a' && s[i] <= 'f') ||
		    (s[i] >= 'A' && s[i] <= 'F')))
			return 0;
	return 5;
}

size_t
scrub_stream(char *s, size_t n, int *inside)
{
	const struct form *f;
	size_t i = 0, len, count = 0;

	if (*inside) {
		i = pem_body(s, n, inside);
		count++;
	}
	while (i < n) {
		if (s[i] == '-' && (len = pem_head(s + i, n - i)) != 0) {
			i += len;
			i += pem_body(s + i, n - i, inside);
			count++;
			continue;
		}
		if (!is_word((unsigned char)s[i])) {
			i++;
			continue;
		}
		f = match(s + i, n - i, &len);
		if (f != NULL) {
			memset(s + i + f->keep, '*', len - f->keep);
			count++;
			i += len;
		} else if (s[i] == '-') {
			i++; /* a PEM head may start at the next dash */
		} else if (i > 0 && s[i - 1] == '\\' &&
		    (len = escape_length(s + i, n - i)) != 0) {
			i += len;
		} else {
			i += run_length(s + i, n - i, 0);
		}
	}
	return count;
}

size_t
scrub_in_place(char *s, size_t n)
{
	int inside = 0;

	return scrub_stream(s, n, &inside);
}

/* 1 when the word of n bytes at s begins, or is the beginning of, a form. */
static int
may_become(const char *s, size_t n)
{
	size_t k, p;

	for (k = 0; k < sizeof forms / sizeof forms[0]; k++) {
		p = strlen(forms[k].prefix);
		if (memcmp(s, forms[k].prefix, n < p ? n : p) == 0)
			return 1;
	}
	return 0;
}

/* 1 when the n bytes at s may become the head or the end of a PEM block. */
static int
may_frame(const char *s, size_t n)
{
	size_t head = strlen(PEM_BEGIN), end = strlen(PEM_END);
	size_t i;

	if (n <= end && memcmp(s, PEM_END, n) == 0)
		return 1;
	if (memcmp(s, PEM_BEGIN, n < head ? n : head) != 0)
		return 0;
	for (i = head; i < n; i++)
		if (!((s[i] >= 'A' && s[i] <= 'Z') || s[i] == ' ' ||
		    s[i] == '-'))
			return 0;
	return 1;
}

/* How much of the end of s may become the head or the end of a PEM block. */
static size_t
frame_tail(const char *s, size_t n)
{
	size_t most = strlen(PEM_BEGIN) + PEM_HEAD_MAX;
	size_t i = n > most ? n - most : 0, head;
	const char *dash;

	while (i < n && (dash = memchr(s + i, '-', n - i)) != NULL) {
		i = (size_t)(dash - s);
		head = pem_head(dash, n - i);
		if (head == 0 && may_frame(dash, n - i))
			return n - i;
		i += head != 0 ? head : 1;
	}
	return 0;
}

static size_t
word_tail(const char *s, size_t n)
{
	size_t i = n;

	while (i > 0 && (is_word((unsigned char)s[i - 1]) ||
	    s[i - 1] == '.'))
		i--;
	/* A dot is a part of some forms and before others a word ends. */
	for (; i < n; i++) {
		if (s[i] != '.' && may_become(s + i, n - i))
			return n - i;
		while (i < n && s[i] != '.')
			i++;
	}
	return 0;
}

size_t
scrub_tail(const char *s, size_t n)
{
	size_t frame = frame_tail(s, n), word = word_tail(s, n);

	return frame > word ? frame : word;
}

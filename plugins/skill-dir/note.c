/* SPDX-License-Identifier: Apache-2.0 */
/*
 * note.c - problems are collected, never printed; one bad skill does not keep
 * the others from being looked at.
 */
#include "note.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Length of the valid sequence at s, 0 when there is none (RFC 3629). */
static size_t
sequence(const unsigned char *s, size_t n)
{
	size_t k, len;

	if (s[0] < 0x80)
		return s[0] != 0;
	len = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (s[0] < 0xc2 || s[0] > 0xf4 || n < len)
		return 0;
	for (k = 1; k < len; k++)
		if ((s[k] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

size_t
note_bad_byte(const char *s, size_t n)
{
	size_t i, k;

	for (i = 0; i < n; i += k) {
		k = sequence((const unsigned char *)s + i, n - i);
		if (k == 0)
			break;
	}
	return i;
}

int
note_line(const char *s, size_t i)
{
	int line = 1;
	size_t k;

	for (k = 0; k < i; k++)
		line += s[k] == '\n';
	return line;
}

size_t
note_chars(const char *s, size_t n)
{
	size_t i, chars = 0;

	for (i = 0; i < n; i++)
		chars += ((unsigned char)s[i] & 0xc0) != 0x80;
	return chars;
}

/* Names of files and cut texts need not be UTF-8; JSON must be. */
static void
mend(char *s)
{
	size_t n = strlen(s), i;

	while ((i = note_bad_byte(s, n)) < n) {
		s[i] = '?';
		s += i;
		n -= i;
	}
}

void
note(struct notes *n, const char *file, int line, const char *fmt, ...)
{
	char text[600], *name;
	json_t *p = NULL;
	va_list ap;

	if (json_array_size(n->list) >= NOTE_MAX)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	mend(text);
	name = strdup(file);
	if (name != NULL) {
		mend(name);
		p = json_pack("{s:s, s:i, s:s}", "file", name, "line", line,
		    "message", text);
	}
	free(name);
	if (p == NULL || json_array_append_new(n->list, p) != 0)
		n->nomem = 1;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * utf8.c - UTF-8 after RFC 3629: no overlong forms, no surrogates, nothing
 * above U+10FFFF.
 */
#include "utf8.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

size_t
utf8_seq(const char *str, size_t n)
{
	const unsigned char *s = (const unsigned char *)str;

	if (n == 0)
		return 0;
	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	if (n < 2 || (s[1] & 0xc0) != 0x80)
		return 0;
	if (s[0] < 0xe0)
		return 2;
	if (s[0] < 0xf0) {
		if (n < 3 || (s[2] & 0xc0) != 0x80)
			return 0;
		if (s[0] == 0xe0 && s[1] < 0xa0)
			return 0;
		if (s[0] == 0xed && s[1] > 0x9f)
			return 0;
		return 3;
	}
	if (n < 4 || (s[2] & 0xc0) != 0x80 || (s[3] & 0xc0) != 0x80)
		return 0;
	if (s[0] == 0xf0 && s[1] < 0x90)
		return 0;
	if (s[0] == 0xf4 && s[1] > 0x8f)
		return 0;
	return 4;
}

int
utf8_valid(const char *s, size_t n)
{
	size_t i = 0, k;

	while (i < n) {
		/* Eight ASCII bytes at a time: most text is. */
		uint64_t w;

		if (n - i >= 8) {
			memcpy(&w, s + i, 8);
			if ((w & UINT64_C(0x8080808080808080)) == 0) {
				i += 8;
				continue;
			}
		}
		k = utf8_seq(s + i, n - i);
		if (k == 0)
			return 0;
		i += k;
	}
	return 1;
}

size_t
utf8_cut(const char *str, size_t n)
{
	const unsigned char *s = (const unsigned char *)str;
	size_t i = n, need;

	if (n == 0)
		return 0;
	/* Back to the start of the last character, at most 4 bytes. */
	do {
		i--;
	} while (i > 0 && n - i < 4 && (s[i] & 0xc0) == 0x80);
	if (s[i] < 0x80)
		need = 1;
	else if (s[i] >= 0xf0)
		need = 4;
	else if (s[i] >= 0xe0)
		need = 3;
	else if (s[i] >= 0xc0)
		need = 2;
	else
		return n; /* not UTF-8 anyway */
	return i + need <= n ? n : i;
}

char *
utf8_mend(const char *s, size_t n, size_t *out_n)
{
	size_t i, o = 0, k, bad = 0;
	char *r;

	for (i = 0; i < n; i += k != 0 ? k : 1) {
		k = utf8_seq(s + i, n - i);
		bad += k == 0;
	}
	if (bad > (SIZE_MAX - n - 1) / 2)
		return NULL;
	r = malloc(n + 2 * bad + 1);
	if (r == NULL)
		return NULL;
	for (i = 0; i < n; i += k != 0 ? k : 1) {
		k = utf8_seq(s + i, n - i);
		if (k == 0) {
			memcpy(r + o, "\xef\xbf\xbd", 3);
			o += 3;
		} else {
			memcpy(r + o, s + i, k);
			o += k;
		}
	}
	r[o] = '\0';
	if (out_n != NULL)
		*out_n = o;
	return r;
}

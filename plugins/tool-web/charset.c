/* SPDX-License-Identifier: Apache-2.0 */
/*
 * charset.c - which encoding a page is in, and UTF-8 from it. Only encodings
 * without state are taken from a page's own word; others count as
 * windows-1252, as an unknown label does.
 */
#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "web.h"

#define LABEL_MAX 32u
#define SNIFF 1024u

static const struct {
	const char *label, *name; /* name NULL: UTF-8 */
} known[] = {
	{ "utf-8", NULL }, { "utf8", NULL },
	{ "iso-8859-1", "WINDOWS-1252" }, { "latin1", "WINDOWS-1252" },
	{ "us-ascii", "WINDOWS-1252" }, { "ascii", "WINDOWS-1252" },
	{ "windows-1252", "WINDOWS-1252" }, { "cp1252", "WINDOWS-1252" },
	{ "iso-8859-2", "ISO-8859-2" }, { "iso-8859-5", "ISO-8859-5" },
	{ "iso-8859-7", "ISO-8859-7" }, { "iso-8859-9", "WINDOWS-1254" },
	{ "iso-8859-15", "ISO-8859-15" }, { "windows-1250", "WINDOWS-1250" },
	{ "windows-1251", "WINDOWS-1251" },
	{ "windows-1253", "WINDOWS-1253" },
	{ "windows-1254", "WINDOWS-1254" },
	{ "koi8-r", "KOI8-R" }, { "koi8-u", "KOI8-U" },
	{ "shift_jis", "SHIFT_JIS" }, { "shift-jis", "SHIFT_JIS" },
	{ "euc-jp", "EUC-JP" }, { "euc-kr", "EUC-KR" },
	{ "gb2312", "GB18030" }, { "gbk", "GB18030" },
	{ "gb18030", "GB18030" }, { "big5", "BIG5" },
	{ "utf-16", "UTF-16LE" }, { "utf-16le", "UTF-16LE" },
	{ "utf-16be", "UTF-16BE" },
};

/* The label after "charset=" in s; 1 when there is one. */
static int
label_in(const char *s, size_t n, char *label)
{
	static const char key[] = "charset=";
	size_t i, k = 0;

	for (i = 0; i + sizeof key - 1 < n; i++)
		if (strncasecmp(s + i, key, sizeof key - 1) == 0)
			break;
	i += sizeof key - 1;
	while (i < n && (s[i] == '"' || s[i] == '\'' || s[i] == ' '))
		i++;
	while (i < n && k < LABEL_MAX && s[i] != '\0' && strchr("\"' ;/>\t",
	    s[i]) == NULL)
		label[k++] = s[i++];
	label[k] = '\0';
	return k > 0;
}

static int
well_formed(const char *p, size_t n)
{
	size_t i, len;

	for (i = 0; i < n; i += len)
		if ((len = tool_utf8_len(p + i, n - i)) == 0)
			return 0;
	return 1;
}

/* Name for iconv, or NULL for UTF-8; *skip: bytes of a mark. */
static const char *
charset_of(const char *p, size_t n, const char *type, int html, size_t *skip)
{
	char label[LABEL_MAX + 1];
	size_t i;

	*skip = 0;
	if (n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) {
		*skip = 3;
		return NULL;
	}
	if (n >= 2 && (memcmp(p, "\xff\xfe", 2) == 0 ||
	    memcmp(p, "\xfe\xff", 2) == 0)) {
		*skip = 2;
		return p[0] == '\xff' ? "UTF-16LE" : "UTF-16BE";
	}
	if (label_in(type, strlen(type), label) ||
	    (html && label_in(p, n < SNIFF ? n : SNIFF, label)))
		for (i = 0; i < sizeof known / sizeof known[0]; i++)
			if (strcasecmp(label, known[i].label) == 0)
				return known[i].name;
	return well_formed(p, n) ? NULL : "WINDOWS-1252";
}

static int
convert(iconv_t cd, const char *p, size_t n, struct tool_buf *out)
{
	char tmp[4096], *in = (char *)(uintptr_t)p, *to;
	size_t left = n, room, r;

	while (left > 0) {
		to = tmp;
		room = sizeof tmp;
		r = iconv(cd, &in, &left, &to, &room);
		if (tool_buf_add(out, tmp, sizeof tmp - room) != 0)
			return -1;
		if (r != (size_t)-1 || errno == E2BIG)
			continue;
		if (errno != EILSEQ) /* ends inside a character */
			break;
		if (tool_buf_str(out, "\xef\xbf\xbd") != 0)
			return -1;
		in++;
		left--;
	}
	return 0;
}

char *
charset_utf8(const char *p, size_t n, const char *type, int html,
    size_t *out_n)
{
	struct tool_buf out;
	const char *from;
	iconv_t cd;
	size_t skip;
	int rc;

	tool_buf_init(&out, n * 3 + 16);
	from = charset_of(p, n, type, html, &skip);
	if (from == NULL) {
		rc = tool_buf_mend(&out, p + skip, n - skip);
	} else {
		cd = iconv_open("UTF-8", from);
		if (cd == (iconv_t)-1) {
			rc = tool_buf_mend(&out, p + skip, n - skip);
		} else {
			rc = convert(cd, p + skip, n - skip, &out);
			(void)iconv_close(cd);
		}
	}
	if (rc != 0 || (out.p == NULL && tool_buf_str(&out, "") != 0)) {
		tool_buf_fini(&out);
		return NULL;
	}
	*out_n = out.n;
	return out.p;
}

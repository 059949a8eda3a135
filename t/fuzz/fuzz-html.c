/* FUZZ-SOURCES: plugins/tool-web/html.c plugins/tool-web/render.c plugins/tool-web/charset.c plugins/tool-common/text.c */
/* FUZZ-LIBS: gumbo libcurl jansson */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz-html.c - any bytes as a page in any encoding: the text must be UTF-8
 * and within its bound.
 */
#include <stdlib.h>
#include <string.h>

#include "../../plugins/tool-web/web.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char *const types[] = { "text/html",
		"text/html; charset=windows-1252", "text/html; charset=big5",
		"text/html; charset=utf-16" };
	struct tool_buf out, title;
	struct html h;
	char *s;
	size_t len = 0, i, k;

	if (n < 1)
		return 0;
	tool_buf_init(&out, 4096);
	tool_buf_init(&title, 100);
	s = charset_utf8((const char *)p + 1, n - 1, types[p[0] & 3], 1,
	    &len);
	if (s == NULL)
		abort();
	memset(&h, 0, sizeof h);
	h.p = s;
	h.n = len;
	h.base = "https://example.org/a/b";
	h.markdown = p[0] >> 2 & 1;
	h.out = &out;
	h.title = &title;
	if (html_render(&h) < 0 || out.n > 4096)
		abort();
	for (i = 0; i < out.n; i += k)
		if ((k = tool_utf8_len(out.p + i, out.n - i)) == 0)
			abort();
	free(s);
	tool_buf_fini(&out);
	tool_buf_fini(&title);
	return 0;
}

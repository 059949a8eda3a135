/* FUZZ-SOURCES: plugins/tool-common/clip.c plugins/tool-common/text.c */
/* FUZZ-LIBS: jansson */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz-clip.c - any bytes in pieces of any size through the output clip: the
 * text must be UTF-8, bounded, and whole when it was short.
 */
#include <stdlib.h>
#include <string.h>

#include "../../plugins/tool-common/tool.h"

#define CAP 64u

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct tool_clip c;
	struct tool_buf out;
	size_t i, k;
	int64_t cut;

	if (n < 1)
		return 0;
	tool_clip_init(&c, CAP);
	tool_buf_init(&out, 4096);
	for (i = 1; i < n; i += k) {
		k = (size_t)p[0] + 1 < n - i ? (size_t)p[0] + 1 : n - i;
		tool_clip_add(&c, (const char *)p + i, k);
	}
	cut = tool_clip_render(&c, &out);
	if (cut < 0 || (uint64_t)cut > n - 1 || out.full ||
	    out.n > CAP + 64)
		abort();
	if (n - 1 <= CAP / 3 && cut != 0)
		abort();
	for (i = 0; i < out.n; i += k)
		if ((k = tool_utf8_len(out.p + i, out.n - i)) == 0)
			abort();
	if (cut == 0 && n > 1 && memchr(p + 1, 0, n - 1) == NULL &&
	    tool_utf8_len((const char *)p + 1, n - 1) == n - 1 &&
	    memcmp(out.p, p + 1, n - 1) != 0)
		abort();
	tool_clip_fini(&c);
	tool_buf_fini(&out);
	return 0;
}

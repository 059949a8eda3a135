/* FUZZ-SOURCES: core/agent/reply.c core/base/buf.c core/base/utf8.c core/base/json.c core/base/err.c core/base/ids.c */
/* FUZZ-LIBS: jansson libsodium */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz-reply.c - tool-call assembly: whatever a backend sends, in whatever
 * order, the content must be valid JSON with objects as tool inputs.
 *
 * Input: records of kind, index, flags, length and that many bytes, which
 * serve as text and as JSON.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../core/agent/reply.h"
#include "../../core/base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
check_content(const struct reply *r, int text_only)
{
	size_t i, written = 0;
	struct buf b;
	json_t *v, *block;

	buf_init(&b, 64u << 20);
	if (reply_content(r, text_only, &b, &written) != 0)
		abort();
	v = json_loads(b.p, 0, NULL);
	if (!json_is_array(v) || json_array_size(v) != written)
		abort();
	json_array_foreach(v, i, block) {
		const char *type = json_string_value(json_object_get(block,
		    "type"));

		if (type == NULL)
			abort();
		if (strcmp(type, "tool_use") == 0 &&
		    !json_is_object(json_object_get(block, "input")))
			abort();
	}
	json_decref(v);
	buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct sept_event ev;
	struct reply r;
	struct err e;
	size_t len;

	reply_init(&r);
	while (n >= 4) {
		memset(&ev, 0, sizeof ev);
		ev.size = sizeof ev;
		ev.kind = data[0] % 10;
		ev.index = data[1] % 4;
		ev.flags = data[2] % 5;
		len = data[3] < n - 4 ? data[3] : n - 4;
		data += 4;
		n -= 4;
		ev.text.p = (const char *)data;
		ev.text.n = len;
		ev.json = ev.text;
		data += len;
		n -= len;
		if (reply_event(&r, &ev, NULL, NULL, &e) != 0 &&
		    e.code == ERR_NONE)
			abort();
	}
	check_content(&r, 0);
	check_content(&r, 1);
	reply_fini(&r);
	return 0;
}

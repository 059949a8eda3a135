/* SPDX-License-Identifier: Apache-2.0 */
/* FUZZ-SOURCES: plugins/llm-openai/openai.c plugins/llm-openai/request.c plugins/llm-openai/stream.c plugins/llm-openai/fast.c plugins/llm-common/buf.c plugins/llm-common/fail.c plugins/llm-common/out.c plugins/llm-common/plugin.c plugins/llm-common/run.c plugins/llm-common/tools.c plugins/llm-common/util.c t/unit/fakehost.c */
/* FUZZ-LIBS: jansson */
/*
 * fuzz-llm-openai.c - chunks of a stream, one a line, become events. The
 * fast reader and the JSON reader must give the same events and the same
 * end, also with a host that refuses every second event, and no rule of the
 * call interface may be broken.
 */
#include <stdlib.h>
#include <string.h>

#include "../../plugins/llm-openai/openai.h"
#include "../unit/fakehost.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
tool_none(struct llm_buf *b, const char *name, const json_t *tool, int last)
{
	(void)tool;
	(void)last;
	llm_buf_quote(b, name, strlen(name));
}

/* One way of reading; the log of the call is the caller's to free. */
static char *
play(const char *p, size_t n, size_t full_every,
    void (*event)(struct llm_run *, const char *, size_t))
{
	static const char tools[] = "[{\"name\":\"srv.act\"}]";
	struct fake *f = fake_new();
	struct sept_call *c = fake_call_new(f);
	struct openai_state st;
	struct llm_plugin pl;
	struct llm_tools *cache = NULL;
	struct llm_run run;
	const char *end = p + n, *nl;
	struct llm_buf log;
	char *out;

	memset(&st, 0, sizeof st);
	memset(&pl, 0, sizeof pl);
	memset(&run, 0, sizeof run);
	f->full_every = full_every;
	pl.host = &f->host;
	pl.call = f->host.get_ext(&f->host, SEPT_HOST_CALL);
	run.pl = &pl;
	run.call = c;
	run.state = &st;
	run.tools = llm_tools_get(&cache, sept_str(tools), tool_none);
	llm_out_init(&run.out, pl.call, c);
	llm_fail_init(&run.fail);
	for (; p < end && run.fail.code == NULL; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (nl == NULL)
			nl = end;
		if (nl > p)
			event(&run, p, (size_t)(nl - p));
	}
	if (run.fail.code == NULL)
		openai_end(&run);
	llm_out_close(&run.out);
	fake_run(f);
	if (f->broken[0] != '\0' || run.out.armed)
		abort();
	llm_buf_init(&log, (size_t)64 << 20);
	llm_buf_add(&log, c->log, c->log_n);
	llm_buf_str(&log, run.fail.code != NULL ? run.fail.text : "-");
	llm_buf_str(&log, run.stop_reason != NULL ? run.stop_reason : "-");
	llm_buf_str(&log, run.model);
	out = strdup(llm_buf_cstr(&log));
	llm_buf_fini(&log);
	openai_fini(&run);
	llm_out_fini(&run.out);
	llm_tools_unref(run.tools);
	llm_tools_unref(cache);
	fake_call_free(c);
	fake_free(f);
	return out;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data;
	char *a, *b, *d;

	a = play(p, size, 0, openai_event);
	b = play(p, size, 0, openai_event_slow);
	d = play(p, size, 2, openai_event);
	if (a == NULL || b == NULL || d == NULL || strcmp(a, b) != 0 ||
	    strcmp(a, d) != 0)
		abort();
	free(a);
	free(b);
	free(d);
	return 0;
}

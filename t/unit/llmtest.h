/* SPDX-License-Identifier: Apache-2.0 */
/*
 * llmtest.h - what the tests of the network backends share: a recorded
 * stream with the events and the completion that must come of it, played in
 * several ways of cutting and with a host that refuses events.
 */
#ifndef T_UNIT_LLMTEST_H
#define T_UNIT_LLMTEST_H

#include <jansson.h>
#include <stdio.h>

#include "fakehost.h"
#include "tap.h"

#define SSE "text/event-stream"

struct llm_case {
	const char *name;
	const char *type; /* content type, NULL: event stream */
	int status;       /* 0: 200 */
	const char *body;
	const char *log;    /* wanted events */
	const char *result; /* wanted completion object; "~...": a part */
};

static inline struct fake *
llm_fake(const char *config)
{
	struct fake *f = fake_new();
	struct sept_err err;

	fake_secret(f, "LLM_API_KEY", "sk-canary-0123456789");
	if (fake_load(f, config, &err) != SEPT_OK)
		printf("# load failed: %s\n", err.text);
	return f;
}

static inline int
llm_result_is(const char *got, const char *want)
{
	json_t *a, *b;
	int same;

	if (want[0] == '~')
		return strstr(got, want + 1) != NULL;
	a = json_loads(got, 0, NULL);
	b = json_loads(want, 0, NULL);
	same = a != NULL && b != NULL && json_equal(a, b);
	json_decref(a);
	json_decref(b);
	return same;
}

/* 1 when everything came as wanted. */
static inline int
llm_play(const struct llm_case *t, size_t chunk, size_t full_every)
{
	struct fake *f = llm_fake("{}");
	struct sept_call *c = fake_call_new(f);
	int good;

	f->chunk = chunk;
	f->full_every = full_every;
	fake_reply(f, t->status != 0 ? t->status : 200,
	    t->type != NULL ? t->type : SSE, t->body, strlen(t->body));
	(void)fake_generate(f, c, "", "", "[{\"name\":\"srv.act\","
	    "\"description\":\"d\",\"input_schema\":{\"type\":\"object\"}}]",
	    "[{\"role\":\"user\",\"content\":[{\"type\":\"text\","
	    "\"text\":\"hi\"}]}]", "{}");
	fake_run(f);
	good = c->completed && strcmp(c->log, t->log) == 0 &&
	    llm_result_is(c->result, t->result) && f->broken[0] == '\0' &&
	    strstr(c->result, "canary") == NULL;
	if (!good)
		printf("# chunk %zu, full every %zu\n#    log: %s\n"
		    "#   want: %s\n# result: %s\n#   want: %s\n"
		    "# broken: %s\n", chunk, full_every, c->log, t->log,
		    c->result, t->result, f->broken);
	fake_call_free(c);
	fake_free(f);
	return good;
}

static inline void
llm_cases(const struct llm_case *t, size_t n)
{
	static const size_t chunks[] = { 0, 1, 7 };
	size_t i, k, full;
	int good;

	for (i = 0; i < n; i++) {
		good = 1;
		for (k = 0; k < 3 && good; k++)
			for (full = 0; full <= 3 && good; full++)
				if (full != 1)
					good = llm_play(&t[i], chunks[k],
					    full);
		(void)check(good, t[i].name);
	}
}

/*
 * The stream cut off after every byte: exactly one completion each time,
 * no rule broken, and not a success before `whole` bytes have come.
 */
static inline void
llm_cuts(const char *name, const char *body, size_t whole)
{
	size_t n, len = strlen(body), bad = 0;

	for (n = 0; n <= len; n++) {
		struct fake *f = llm_fake("{}");
		struct sept_call *c = fake_call_new(f);
		int ok;

		fake_reply(f, 200, SSE, body, n);
		(void)fake_generate(f, c, "", "", "", "[]", "{}");
		fake_run(f);
		ok = c->completed && f->broken[0] == '\0' &&
		    (c->status == SEPT_OK) == (n >= whole);
		if (ok && c->status != SEPT_OK)
			ok = strstr(c->result, "LLM_PROVIDER_ERROR") != NULL &&
			    strstr(c->result, "\"retryable\":true") != NULL;
		if (!ok && bad++ == 0)
			printf("# cut at %zu of %zu: %s %s\n", n, len,
			    c->result, f->broken);
		fake_call_free(c);
		fake_free(f);
	}
	(void)check(bad == 0, name);
}

/* The body that was sent, as JSON; the caller owns it. */
static inline json_t *
llm_sent(struct fake *f, const char *model, const char *system,
    const char *tools, const char *messages, const char *params)
{
	struct sept_call *c = fake_call_new(f);
	json_t *v;

	free(f->body);
	f->body = NULL;
	(void)fake_generate(f, c, model, system, tools, messages, params);
	fake_cancel(c);
	fake_run(f);
	v = f->body != NULL ? json_loads(f->body, 0, NULL) : NULL;
	if (v == NULL)
		printf("# nothing or no JSON was sent: %s\n", c->result);
	fake_call_free(c);
	return v;
}

/* Compares a member (path of keys and indices, "/"-separated). */
static inline void
llm_has(const json_t *v, const char *path, const char *want,
    const char *what)
{
	char key[128], *got, *wanted;
	const char *p = path;
	json_t *w;

	while (v != NULL && *p != '\0') {
		size_t n = strcspn(p, "/");

		(void)snprintf(key, sizeof key, "%.*s", (int)n, p);
		v = json_is_array(v) ? json_array_get(v,
		    (size_t)strtoul(key, NULL, 10)) : json_object_get(v, key);
		p += n + (p[n] == '/');
	}
	got = v != NULL ? json_dumps(v, JSON_SORT_KEYS | JSON_ENCODE_ANY |
	    JSON_COMPACT) : NULL;
	w = want != NULL ? json_loads(want, JSON_DECODE_ANY, NULL) : NULL;
	wanted = w != NULL ? json_dumps(w, JSON_SORT_KEYS | JSON_ENCODE_ANY |
	    JSON_COMPACT) : NULL;
	(void)check_str(got, wanted, what);
	free(got);
	free(wanted);
	json_decref(w);
}

#endif

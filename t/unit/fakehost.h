/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fakehost.h - a host for unit tests of plugins: calls, an HTTP client that
 * plays prepared replies, secrets, timers on a clock of its own. No network,
 * no threads; nothing happens but in fake_run().
 *
 * It also watches the rules: events after the end, pieces without a block,
 * a second completion and the like are put into fake->broken.
 */
#ifndef T_UNIT_FAKEHOST_H
#define T_UNIT_FAKEHOST_H

#include <september/september.h>

#define FAKE_HANG 1000 /* as a reply's end: never, until aborted */

struct sept_err {
	sept_status status;
	char text[256];
};

/* One call; what the plugin emitted is written down as text. */
struct sept_call {
	struct fake *fake;
	struct sept_call_info info;
	void *user;
	int cancelled, completed;
	sept_status status;
	char *result;      /* completion object */
	/*
	 * "<text>Hello</>", "<tool:NAME#ID>{...}</>", "<thinking>..</>",
	 * "<meta {...}>" inside a block, "<usage {...}>".
	 */
	char *log;
	size_t log_n, log_cap;
	size_t events;     /* taken */
	size_t refused;    /* answered with SEPT_EAGAIN */
	int full;          /* no event is taken until on_writable ran */
	uint32_t block, kind; /* next index; open kind */
	void (*writable)(void *);
	void *writable_arg;
};

struct fake {
	struct sept_host host;
	struct sept_plugin *plugin;
	const struct sept_llm *llm;
	/* Knobs. */
	size_t chunk;      /* bytes of a reply a step; 0: all */
	size_t full_every; /* every n-th event is refused first; 0: none */
	int http_down;     /* request() answers SEPT_EUNAVAIL */
	/* What the plugin asked for last. */
	char *url, *headers, *body; /* headers: one a line */
	size_t body_n;
	unsigned requests, aborts, pauses;
	uint64_t now_ns;
	char log[4096];    /* what the plugin logged */
	char broken[256];  /* the first broken rule, "" when none */
	struct fake_inner *in;
};

struct fake *fake_new(void);
void fake_free(struct fake *f); /* unloads the plugin too */
void fake_secret(struct fake *f, const char *name, const char *value);
/* create, configure, start. The failing step's status. */
sept_status fake_load(struct fake *f, const char *config,
    struct sept_err *err);
void fake_quiesce(struct fake *f);

/* The next reply: played for the next request. body is copied. */
void fake_reply(struct fake *f, int status, const char *type,
    const char *body, size_t n);
/* Details of the reply that was added last. */
void fake_reply_end(struct fake *f, sept_status st, const char *message);
void fake_reply_retry(struct fake *f, int64_t seconds);

struct sept_call *fake_call_new(struct fake *f);
void fake_call_free(struct sept_call *c);
/* As the host does it: flag, plugin's cancel(), requests aborted. */
void fake_cancel(struct sept_call *c);
/* One request to the backend; NULL fields are empty. */
sept_status fake_generate(struct fake *f, struct sept_call *c,
    const char *model, const char *system, const char *tools,
    const char *messages, const char *params);
/* One thing that is due; 0: nothing is. */
int fake_step(struct fake *f);
void fake_run(struct fake *f);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plug-fixture.h - a plugin folder in a temporary place, a loader on it, and
 * calls that are waited for. Shared by the tests of core/plug.
 */
#ifndef T_UNIT_PLUG_FIXTURE_H
#define T_UNIT_PLUG_FIXTURE_H

#include "../../core/plug/plug.h"

#define FIX_CAPS "\"net\",\"exec\",\"secret\""

struct fix {
	char dir[64];
	char plugins[96], state[96];
	struct loop *loop;
	struct pool *pool;
	struct http_client *http;
	struct plug *plug;
	const char *config; /* JSON for configure, or NULL */
};

/* One call and what came of it. */
struct result {
	struct plug_call *call;
	int done, events, after_done, disorder;
	sept_status status;
	json_t *json;
	uint64_t bytes;
	int pause_at; /* pauses its call at so many events, when > 0 */
};

extern unsigned fake_http_ms;
extern uint64_t fake_http_deadline;

/* All abort() when the machine is in the way. */
void fix_init(struct fix *f);
void fix_fini(struct fix *f);
/* Puts build NAME.so of the test plugins there as `as`.so. */
void fix_install(struct fix *f, const char *name, const char *as);
/* Writes a manifest; caps: inside of a JSON array. */
void fix_manifest(struct fix *f, const char *as, const char *id,
    const char *caps, const char *more);
void fix_write(struct fix *f, const char *file, const char *text);
/* Installs build "good-a" with its proper manifest and loads it. */
void fix_good(struct fix *f);
/* plug_load; the first problem's message, or "" when it went well. */
const char *fix_load(struct fix *f, char *buf, size_t n);
unsigned fix_state_files(const struct fix *f);

/* Begins a call of the current snapshot's tool; NULL call: not begun. */
void fix_begin(struct fix *f, struct result *r, const char *tool,
    const char *args, uint32_t timeout_ms, struct err *e);
void fix_wait(struct fix *f, struct result *r);
/* Both; the "output" of the result ("" when it has none). */
const char *fix_call(struct fix *f, struct result *r, const char *tool);
void result_fini(struct result *r);
const char *result_str(const struct result *r, const char *key);
/* Runs the loop for so long. */
void fix_run(struct fix *f, unsigned ms);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth.c - key check and rotation (contract, section 1).
 *
 * The brain keeps, under "auth", the digest in force, the one before with the
 * end of its overlap, and every digest that the environment has had or that
 * was rotated away: such a one never comes into force again by a restart.
 */
#include "auth.h"

#include <ctype.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/json.h"
#include "../store/rows.h"

#define DIGEST 32
#define SEEN_MAX 1000

struct auth {
	struct brain *brain;
	char env_hash[65];
	int64_t min_s, max_s;
	int reject_old;
	int loaded;
	unsigned char current[DIGEST], previous[DIGEST];
	int has_previous;
	int64_t until_ms;     /* wall clock */
	uint64_t until_ns;    /* monotonic: a clock set back adds nothing */
	json_t *seen;         /* array of hex digests */
	struct auth_op *newest; /* the last rotation that is being written */
};

/* One read or write of the state. */
struct auth_op {
	struct brain_op op;
	struct auth *auth;
	char *text;
	struct auth next;     /* what the rotation will put in force */
	void (*loaded)(void *arg, const struct err *e);
	void (*rotated)(void *arg, const struct err *e, int64_t until);
	void *arg;
};

struct auth *
auth_new(const struct api_config *cfg, struct err *e)
{
	struct auth *a = calloc(1, sizeof *a);

	if (a != NULL)
		a->seen = json_array();
	if (a == NULL || a->seen == NULL) {
		free(a);
		err_nomem(e);
		return NULL;
	}
	a->brain = cfg->brain;
	a->min_s = cfg->rotation_min_s;
	a->max_s = cfg->rotation_max_s;
	a->reject_old = cfg->rotation_reject_old;
	memcpy(a->env_hash, cfg->key_hash, sizeof a->env_hash);
	return a;
}

void
auth_free(struct auth *a)
{
	if (a == NULL)
		return;
	json_decref(a->seen);
	free(a);
}

static int
from_hex(const char *hex, unsigned char out[DIGEST])
{
	size_t n;

	return hex != NULL && strlen(hex) == 2 * DIGEST &&
	    sodium_hex2bin(out, DIGEST, hex, 2 * DIGEST, NULL, &n,
	    NULL) == 0 && n == DIGEST ? 0 : -1;
}

static int
overlap_open(const struct auth *a)
{
	return a->has_previous && clock_wall_ms() < a->until_ms &&
	    clock_mono_ns() < a->until_ns;
}

int
auth_check(struct auth *a, const char *key, struct err *e)
{
	unsigned char h[DIGEST];
	int now, old;

	if (key == NULL)
		key = "";
	(void)crypto_hash_sha256(h, (const unsigned char *)key, strlen(key));
	/* Both are always compared, so that time tells nothing. */
	now = sodium_memcmp(h, a->current, DIGEST) == 0;
	old = sodium_memcmp(h, a->previous, DIGEST) == 0;
	if (a->loaded && now)
		return 0;
	if (a->loaded && old && overlap_open(a)) {
		if (!a->reject_old)
			return 0;
		return err_set(e, ERR_KEY_ROTATION_PENDING,
		    "this key has been replaced");
	}
	return err_set(e, ERR_INVALID_KEY, "X-Engine-Key is missing or wrong");
}

/* --- the stored state --------------------------------------------------- */

static int
seen_has(const json_t *seen, const char *hex)
{
	size_t i;

	for (i = 0; i < json_array_size(seen); i++)
		if (strcmp(json_string_value(json_array_get(seen, i)),
		    hex) == 0)
			return 1;
	return 0;
}

static int
seen_add(json_t *seen, const char *hex)
{
	if (seen_has(seen, hex))
		return 0;
	if (json_array_size(seen) >= SEEN_MAX)
		(void)json_array_remove(seen, 0);
	return json_array_append_new(seen, json_string(hex));
}

static char *
state_text(const struct auth *a)
{
	char cur[65], prev[65];
	json_t *v;
	char *s;

	sodium_bin2hex(cur, sizeof cur, a->current, DIGEST);
	sodium_bin2hex(prev, sizeof prev, a->previous, DIGEST);
	v = json_pack("{s:s,s:s,s:I,s:O}", "current", cur, "previous",
	    a->has_previous ? prev : "", "until", (json_int_t)a->until_ms,
	    "seen", a->seen);
	s = v != NULL ? json_dumps(v, JSON_COMPACT) : NULL;
	json_decref(v);
	return s;
}

static int
run_store(struct brain_db *db, void *arg, struct err *e)
{
	struct auth_op *o = arg;

	return meta_set(db, "auth", o->text, e);
}

/* Takes over what was stored; a text that cannot be read counts as none. */
static void
take_state(struct auth *a, const char *text)
{
	json_t *v = text != NULL ? json_loads(text, 0, NULL) : NULL;
	json_t *list = json_object_get(v, "seen");
	const char *cur = json_string_value(json_object_get(v, "current"));
	int64_t left;
	size_t i;

	for (i = 0; i < json_array_size(list); i++)
		if (json_is_string(json_array_get(list, i)))
			(void)json_array_append(a->seen,
			    json_array_get(list, i));
	if (from_hex(cur, a->current) != 0 ||
	    (!seen_has(a->seen, a->env_hash) &&
	    strcmp(cur, a->env_hash) != 0)) {
		/* A new key in the environment: it replaces everything. */
		(void)from_hex(a->env_hash, a->current);
	} else if (from_hex(json_string_value(json_object_get(v,
	    "previous")), a->previous) == 0) {
		a->until_ms = json_integer_value(json_object_get(v, "until"));
		left = a->until_ms - clock_wall_ms();
		if (left > a->max_s * 1000)
			left = a->max_s * 1000;
		a->has_previous = left > 0;
		a->until_ns = clock_mono_ns() +
		    (uint64_t)(left > 0 ? left : 0) * 1000000;
	}
	json_decref(v);
}

static int
run_load(struct brain_db *db, void *arg, struct err *e)
{
	struct auth_op *o = arg;
	char *text = NULL;
	int r;

	if (meta_get(db, "auth", &text, e) != 0)
		return -1;
	take_state(o->auth, text);
	free(text);
	if (seen_add(o->auth->seen, o->auth->env_hash) != 0)
		return err_nomem(e);
	o->text = state_text(o->auth);
	if (o->text == NULL)
		return err_nomem(e);
	r = run_store(db, o, e);
	return r;
}

static void
load_done(void *arg, const struct err *e)
{
	struct auth_op *o = arg;

	o->auth->loaded = e->code == ERR_NONE;
	o->loaded(o->arg, e);
	free(o->text);
	free(o);
}

void
auth_load(struct auth *a, void (*done)(void *, const struct err *), void *arg)
{
	struct auth_op *o = calloc(1, sizeof *o);
	struct err e;

	if (o == NULL) {
		err_nomem(&e);
		done(arg, &e);
		return;
	}
	o->auth = a;
	o->loaded = done;
	o->arg = arg;
	o->op.run = run_load;
	o->op.done = load_done;
	o->op.arg = o;
	brain_write(a->brain, &o->op);
}

/* --- rotation ----------------------------------------------------------- */

static void
rotate_done(void *arg, const struct err *e)
{
	struct auth_op *o = arg;
	struct auth *a = o->auth;
	struct auth_op *newest = a->newest == o ? NULL : a->newest;

	a->newest = newest;
	if (e->code == ERR_NONE) {
		json_decref(a->seen);
		*a = o->next;
		a->newest = newest;
	} else {
		json_decref(o->next.seen);
	}
	o->rotated(o->arg, e, o->next.until_ms);
	free(o->text);
	free(o);
}

int
auth_rotate(struct auth *a, const char *new_hash, int64_t overlap_s,
    void (*done)(void *, const struct err *, int64_t), void *arg,
    struct err *e)
{
	/* Rotations at the same time build on each other. */
	const struct auth *from = a->newest != NULL ? &a->newest->next : a;
	unsigned char fresh[DIGEST];
	struct auth_op *o;
	char old[65];

	if (from_hex(new_hash, fresh) != 0)
		return err_field(e, "new_key_hash",
		    "new_key_hash must be 64 hex digits");
	if (overlap_s < a->min_s || overlap_s > a->max_s)
		return err_field(e, "overlap_seconds",
		    "overlap_seconds must be from %lld to %lld",
		    (long long)a->min_s, (long long)a->max_s);
	if (sodium_memcmp(fresh, from->current, DIGEST) == 0)
		return err_field(e, "new_key_hash",
		    "new_key_hash is the key in force");
	o = calloc(1, sizeof *o);
	if (o == NULL)
		return err_nomem(e);
	o->auth = a;
	o->next = *from;
	o->next.seen = json_deep_copy(from->seen);
	memcpy(o->next.previous, from->current, DIGEST);
	memcpy(o->next.current, fresh, DIGEST);
	o->next.has_previous = overlap_s > 0;
	o->next.until_ms = clock_wall_ms() + overlap_s * 1000;
	o->next.until_ns = clock_mono_ns() +
	    (uint64_t)overlap_s * UINT64_C(1000000000);
	sodium_bin2hex(old, sizeof old, from->current, DIGEST);
	if (o->next.seen == NULL || seen_add(o->next.seen, old) != 0 ||
	    (o->text = state_text(&o->next)) == NULL) {
		json_decref(o->next.seen);
		free(o);
		return err_nomem(e);
	}
	o->rotated = done;
	o->arg = arg;
	o->op.run = run_store;
	o->op.done = rotate_done;
	o->op.arg = o;
	a->newest = o;
	brain_write(a->brain, &o->op);
	return 0;
}

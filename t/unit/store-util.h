/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store-util.h - for the tests of the store: a brain in a folder of its own
 * (under TMPDIR, where that is set), operations that are waited for.
 */
#ifndef T_UNIT_STORE_UTIL_H
#define T_UNIT_STORE_UTIL_H

#include <ftw.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "../../core/loop/loop.h"
#include "../../core/store/brain.h"
#include "tap.h"

static struct loop *loop;
static char dir[256], path[PATH_MAX];

static inline int
remove_one(const char *p, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return remove(p);
}

static inline void
clean_up(void)
{
	(void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void
set_up(void)
{
	const char *tmp = getenv("TMPDIR");
	struct err e;

	/* In memory: no test here is about what a disk does at power loss. */
	if (tmp == NULL)
		tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	(void)snprintf(dir, sizeof dir, "%.200s/store-XXXXXX", tmp);
	loop = loop_new(&e);
	if (mkdtemp(dir) == NULL || loop == NULL) {
		printf("Bail out! no folder or loop\n");
		exit(1);
	}
	(void)snprintf(path, sizeof path, "%s/brain.db", dir);
}

/* Runs the loop a round at a time until *flag is set. */
static inline void
wait_for(const int *flag)
{
	while (!*flag)
		(void)event_base_loop(loop_base(loop), EVLOOP_ONCE);
}

struct call {
	struct brain_op op;
	int (*run)(struct brain_db *db, void *arg, struct err *e);
	void *arg;
	struct err e;
	int over;
};

static inline int
call_run_(struct brain_db *db, void *arg, struct err *e)
{
	struct call *c = arg;

	return c->run(db, c->arg, e);
}

static inline void
call_done_(void *arg, const struct err *e)
{
	struct call *c = arg;

	c->e = *e;
	c->over = 1;
}

static inline void
call_init(struct call *c, int (*run)(struct brain_db *, void *,
    struct err *), void *arg)
{
	memset(c, 0, sizeof *c);
	c->run = run;
	c->arg = arg;
	c->op.run = call_run_;
	c->op.done = call_done_;
	c->op.arg = c;
}

/* Hand an operation over and wait for it: its error code. */
static inline enum err_code
do_write(struct brain *b, int (*run)(struct brain_db *, void *,
    struct err *), void *arg, struct err *e)
{
	struct call c;

	call_init(&c, run, arg);
	brain_write(b, &c.op);
	wait_for(&c.over);
	if (e != NULL)
		*e = c.e;
	return c.e.code;
}

static inline enum err_code
do_read(struct brain *b, int (*run)(struct brain_db *, void *,
    struct err *), void *arg, struct err *e)
{
	struct call c;

	call_init(&c, run, arg);
	brain_read(b, &c.op);
	wait_for(&c.over);
	if (e != NULL)
		*e = c.e;
	return c.e.code;
}

#endif

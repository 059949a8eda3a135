/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host-proc.c - sept.host.proc/1 over the engine's child processes. A child
 * pins its generation until on_exit has returned.
 */
#include <stdlib.h>
#include <string.h>

#include "../base/log.h"
#include "../loop/proc.h"
#include "call-internal.h"

struct host_child {
	LIST_ENTRY(host_child) link;
	struct generation *gen;
	struct proc *proc;
	void *user;
	void (*on_output)(void *, int32_t, struct sept_slice);
	void (*on_exit)(void *, int32_t, int32_t);
};

static void
on_output(void *user, int fd, const char *p, size_t n)
{
	struct host_child *c = user;
	struct sept_slice s = { p, n };
	const char *before;

	if (c->on_output == NULL)
		return;
	before = gen_enter(c->gen, c->gen->names->callback);
	c->on_output(c->user, fd, s);
	gen_leave(c->gen, before);
}

static void
on_exit_(void *user, int code, int sig)
{
	struct host_child *c = user;
	struct generation *g = c->gen;
	const char *before = gen_enter(g, g->names->callback);

	c->on_exit(c->user, code, sig);
	gen_leave(g, before);
	LIST_REMOVE(c, link);
	free(c);
	gen_unref(g, GEN_HOST);
}

static sept_status
hp_spawn(const struct sept_host *h, const struct sept_proc_spec *spec,
    struct sept_proc **out, struct sept_err *se)
{
	struct generation *g = h->impl;
	struct proc_spec ps = { .path = NULL };
	struct err e = { .code = ERR_INTERNAL };
	struct host_child *c;

	if (spec == NULL || out == NULL || !SEPT_HAS(struct sept_proc_spec,
	    spec, on_exit) || spec->path == NULL || spec->argv == NULL ||
	    spec->on_exit == NULL || !host_on_loop(g, "spawn"))
		return SEPT_EINVAL;
	c = calloc(1, sizeof *c);
	if (c == NULL)
		return SEPT_ENOMEM;
	c->gen = g;
	c->user = spec->user;
	c->on_output = spec->on_output;
	c->on_exit = spec->on_exit;
	ps.path = spec->path;
	ps.argv = spec->argv;
	ps.envp = spec->envp;
	ps.cwd = spec->cwd;
	ps.input = spec->input.p;
	ps.input_n = spec->input.n;
	ps.keep_stdin = (spec->flags & SEPT_PROC_STDIN) != 0;
	ps.grace_ms = spec->grace_ms;
	ps.linger_ms = spec->linger_ms;
	ps.user = c;
	ps.on_output = on_output;
	ps.on_exit = on_exit_;
	c->proc = proc_spawn(g->plug->cfg.loop, &ps, &e);
	if (c->proc == NULL) {
		free(c);
		return host_explain(g, se, &e);
	}
	gen_ref(g, GEN_HOST);
	LIST_INSERT_HEAD(&g->children, c, link);
	*out = (struct sept_proc *)c;
	return SEPT_OK;
}

static sept_status
hp_write(struct sept_proc *p, struct sept_slice s)
{
	struct host_child *c = (struct host_child *)p;

	if (c == NULL || !host_on_loop(c->gen, "write"))
		return SEPT_EINVAL;
	return proc_write(c->proc, s.p, s.n) == 0 ? SEPT_OK : SEPT_EAGAIN;
}

static void
hp_close_stdin(struct sept_proc *p)
{
	struct host_child *c = (struct host_child *)p;

	if (c != NULL && host_on_loop(c->gen, "close_stdin"))
		proc_close_stdin(c->proc);
}

static void
hp_kill(struct sept_proc *p, int32_t force)
{
	struct host_child *c = (struct host_child *)p;

	if (c != NULL && host_on_loop(c->gen, "kill"))
		proc_kill(c->proc, force != 0);
}

static int32_t
hp_pid(const struct sept_proc *p)
{
	const struct host_child *c = (const struct host_child *)p;

	return (int32_t)proc_pid(c->proc);
}

static const struct sept_host_proc proc_table = {
	.size = sizeof proc_table,
	.spawn = hp_spawn,
	.write = hp_write,
	.close_stdin = hp_close_stdin,
	.kill = hp_kill,
	.pid = hp_pid,
};

const void *
host_proc_table(void)
{
	return &proc_table;
}

void
host_proc_end(struct generation *g)
{
	struct host_child *c;
	unsigned n = 0;

	LIST_FOREACH(c, &g->children, link) {
		proc_kill(c->proc, 1);
		n++;
	}
	if (n > 0)
		log_warn("plug", "plugin %s left %u child processes behind",
		    g->names->id, n);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proc-internal.h - between proc.c (a child and its pipes), proc-spawn.c
 * (starting one) and proc-reap.c (ends, orphans).
 */
#ifndef CORE_LOOP_PROC_INTERNAL_H
#define CORE_LOOP_PROC_INTERNAL_H

#include <sys/queue.h>

#include "../base/buf.h"
#include "proc.h"

#define PROC_MARK "SEPTEMBER_PROC="
#define PROC_MARK_MAX 64 /* with the name and the NUL */
#define PROC_QUEUE_MAX (1024 * 1024)
#define PROC_INPUT_MAX (64 * 1024 * 1024)

struct proc {
	TAILQ_ENTRY(proc) link;
	struct loop *loop;
	pid_t pid;
	char mark[PROC_MARK_MAX];
	int fd[3];           /* our ends; -1: closed */
	struct event *ev[3];
	struct buf in;       /* what standard input has still to get */
	size_t in_off;
	int keep_stdin;
	int exited;          /* seen as a zombie, not yet reaped */
	int terminated;      /* SIGTERM was sent */
	int over;            /* reaped: the pid is no longer ours */
	int code, signal;
	unsigned grace_ms, linger_ms;
	struct loop_timer *grace, *linger;
	void *user;
	void (*on_output)(void *user, int fd, const char *p, size_t n);
	void (*on_exit)(void *user, int code, int signal);
};

/*
 * Starts the program with the pipe ends given as its 0, 1, 2 (in[0] -1: the
 * null device). 0 and p->pid, or -1 and e.
 */
int proc_start(struct proc *p, const struct proc_spec *spec, int in, int out,
    int err, struct err *e);

/* Before the first child: SIGCHLD, adoption of orphans. */
int proc_reap_begin(struct loop *l, struct err *e);
void proc_reap_add(struct proc *p);
/*
 * Ends what is left of p's group and of its escaped descendants, reaps p and
 * forgets it.
 */
void proc_reap_end(struct proc *p);

/* From proc-reap.c: p has ended; code and signal are set. */
void proc_ended(struct proc *p);
void proc_free(struct proc *p);

#endif

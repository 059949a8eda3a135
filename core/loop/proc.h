/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proc.h - child processes on the loop: own session and process group, pipes,
 * an exit report that comes exactly once, and the end of the whole group.
 */
#ifndef CORE_LOOP_PROC_H
#define CORE_LOOP_PROC_H

#include <stddef.h>
#include <sys/types.h>

#include "loop.h"

struct proc;

struct proc_spec {
	const char *path;        /* without a slash: sought in envp's PATH */
	const char *const *argv; /* NULL terminated */
	const char *const *envp; /* NULL terminated: the environment */
	const char *cwd;         /* or NULL */
	const char *input;       /* written to stdin; copied */
	size_t input_n;
	int keep_stdin;          /* do not close stdin after input */
	unsigned grace_ms;       /* SIGTERM to SIGKILL; 0: 2000 */
	unsigned linger_ms;      /* pipes open after exit; 0: 200 */
	void *user;
	/* [loop] fd 1 or 2. May be NULL. */
	void (*on_output)(void *user, int fd, const char *p, size_t n);
	/* [loop] Once; code -1 when killed by signal. Handle gone after. */
	void (*on_exit)(void *user, int code, int signal);
};

/*
 * [loop] NULL and e on failure (program missing, out of processes, ...); no
 * callback comes then.
 */
struct proc *proc_spawn(struct loop *l, const struct proc_spec *spec,
    struct err *e);
/* [loop] 0, or -1 when over 1 MiB is queued, stdin is closed or memory. */
int proc_write(struct proc *p, const char *s, size_t n);
void proc_close_stdin(struct proc *p);
/* [loop] Ends the group; on_exit still comes. */
void proc_kill(struct proc *p, int force);
pid_t proc_pid(const struct proc *p);
/* [loop] Children of this process that have not been reported yet. */
unsigned proc_running(void);
/* [loop] Before loop_free(): kills what still runs; no callback comes. */
void proc_fini(void);

#endif

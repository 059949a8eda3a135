/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host-proc.h - sept.host.proc/1: child processes with pipes. Needs
 * SEPT_CAP_EXEC.
 *
 * A child gets its own session and process group, only the descriptors 0, 1
 * and 2, default signal dispositions and just the environment given. All
 * callbacks run on the loop, never from inside spawn(). on_exit comes exactly
 * once, after the process ended and both output pipes were drained or closed.
 */
#ifndef SEPTEMBER_HOST_PROC_H
#define SEPTEMBER_HOST_PROC_H

#include "call.h"

#ifdef __cplusplus
extern "C" {
#endif

struct sept_proc; /* opaque */

#define SEPT_PROC_STDIN (1u << 0) /* keep a pipe to write to; else null */

struct sept_proc_spec {
	uint32_t size;
	uint32_t flags;          /* SEPT_PROC_* */
	const char *path;        /* NUL terminated; searched in PATH of env
	                            when it has no slash */
	const char *const *argv; /* NULL terminated, argv[0] included */
	const char *const *envp; /* "NAME=value", NULL terminated: all of it */
	const char *cwd;         /* NUL terminated absolute path, or NULL */
	struct sept_slice input; /* written to standard input, then closed
	                            unless SEPT_PROC_STDIN; copied */
	uint32_t grace_ms;       /* between SIGTERM and SIGKILL; 0: 2000 */
	/*
	 * How long the pipes may stay open after the process has ended (a
	 * grandchild may hold them); then the group is killed. 0: 200 ms
	 */
	uint32_t linger_ms;
	void *user;
	/* [loop] fd is 1 or 2. */
	void (*on_output)(void *user, int32_t fd, struct sept_slice);
	/*
	 * [loop] exit_code: 0..255, or -1 when ended by `signal` (else 0).
	 * The handle is gone when it returns.
	 */
	void (*on_exit)(void *user, int32_t exit_code, int32_t signal);
};

#define SEPT_HOST_PROC "sept.host.proc/1"
struct sept_host_proc {
	uint32_t size;
	uint32_t reserved;
	/* [loop] err says what failed ("no such program: foo"). */
	sept_status (*spawn)(const struct sept_host *,
	    const struct sept_proc_spec *, struct sept_proc **out,
	    struct sept_err *);
	/* [loop] Queues bytes; SEPT_EAGAIN over 1 MiB queued. */
	sept_status (*write)(struct sept_proc *, struct sept_slice);
	/* [loop] Closes standard input after what is queued. */
	void (*close_stdin)(struct sept_proc *);
	/*
	 * [loop] Ends the whole process group: SIGTERM, after grace_ms
	 * SIGKILL; force: SIGKILL at once.
	 */
	void (*kill)(struct sept_proc *, int32_t force);
	/* [loop] Process id, for logs. */
	int32_t (*pid)(const struct sept_proc *);
};

#ifdef __cplusplus
}
#endif
#endif

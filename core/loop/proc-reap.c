/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proc-reap.c - the one place that waits for children.
 *
 * This process is a subreaper: what a child leaves behind becomes ours. A
 * child that has ended stays a zombie until its pipes are drained, so that
 * its process group's number cannot be taken by somebody else while we may
 * still signal the group; then it is reaped. Descendants that left the group
 * (setsid) are known by the mark in their environment: those whose process
 * is over are killed, orphans without a mark are only reaped.
 *
 * The SIGCHLD event lives as long as this process has children. Nobody else
 * in the process may wait for children.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc-internal.h"

#define ENVIRON_MAX (4 * 1024 * 1024)

static TAILQ_HEAD(, proc) procs = TAILQ_HEAD_INITIALIZER(procs);
static unsigned running;
static struct event *sigchld;

unsigned
proc_running(void)
{
	return running;
}

static struct proc *
by_pid(pid_t pid)
{
	struct proc *p;

	TAILQ_FOREACH(p, &procs, link)
		if (p->pid == pid)
			return p;
	return NULL;
}

static int
mark_lives(const char *mark)
{
	struct proc *p;

	TAILQ_FOREACH(p, &procs, link)
		if (strcmp(p->mark, mark) == 0)
			return 1;
	return 0;
}

/* Reads the whole of a small procfs file. */
static int
read_all(const char *path, struct buf *b)
{
	char piece[4096];
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	while ((n = read(fd, piece, sizeof piece)) > 0)
		if (buf_add(b, piece, (size_t)n) != 0)
			break;
	(void)close(fd);
	return n == 0 ? 0 : -1;
}

/* 1 when pid carries the mark of a process that is over. */
static int
is_escaped(pid_t pid)
{
	char path[64];
	const char *s, *end;
	struct buf b;
	int found = 0;

	buf_init(&b, ENVIRON_MAX);
	(void)snprintf(path, sizeof path, "/proc/%ld/environ", (long)pid);
	(void)read_all(path, &b);
	for (s = b.p, end = b.p + b.n; b.p != NULL && s < end && !found;
	    s += strlen(s) + 1)
		if (strncmp(s, PROC_MARK, strlen(PROC_MARK)) == 0)
			found = !mark_lives(s);
	buf_fini(&b);
	return found;
}

/* Kills the escaped among the pids in a list of numbers; how many. */
static unsigned
kill_listed(const char *s)
{
	unsigned n = 0;
	char *end;
	long pid;

	for (; s != NULL && *s != '\0'; s = end) {
		pid = strtol(s, &end, 10);
		if (end == s)
			break;
		if (pid <= 0 || by_pid((pid_t)pid) != NULL ||
		    !is_escaped((pid_t)pid))
			continue;
		if (kill((pid_t)pid, SIGKILL) == 0)
			n++;
	}
	return n;
}

/*
 * Our children, adopted ones included, are listed by thread: an orphan goes
 * to any thread of its reaper.
 */
static unsigned
kill_escaped(void)
{
	char path[64];
	struct dirent *de;
	struct buf b;
	unsigned n = 0;
	DIR *d = opendir("/proc/self/task");

	if (d == NULL)
		return 0;
	buf_init(&b, ENVIRON_MAX);
	while ((de = readdir(d)) != NULL) {
		if (!isdigit((unsigned char)de->d_name[0]))
			continue;
		(void)snprintf(path, sizeof path,
		    "/proc/self/task/%.20s/children", de->d_name);
		buf_reset(&b);
		if (read_all(path, &b) == 0)
			n += kill_listed(b.p);
	}
	(void)closedir(d);
	buf_fini(&b);
	return n;
}

/* Reaps orphans; stops at a zombie of ours that is not to be reaped yet. */
static unsigned
reap_orphans(void)
{
	siginfo_t si;
	unsigned n = 0;

	for (;;) {
		memset(&si, 0, sizeof si);
		if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) != 0 ||
		    si.si_pid == 0 || by_pid(si.si_pid) != NULL)
			return n;
		(void)waitid(P_PID, (id_t)si.si_pid, &si, WEXITED | WNOHANG);
		n++;
	}
}

static int
has_children(void)
{
	siginfo_t si;

	return waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) == 0 ||
	    errno != ECHILD;
}

static void
note_end(struct proc *p)
{
	siginfo_t si;

	memset(&si, 0, sizeof si);
	if (waitid(P_PID, (id_t)p->pid, &si, WEXITED | WNOHANG | WNOWAIT)
	    != 0 || si.si_pid == 0)
		return;
	p->exited = 1;
	p->code = si.si_code == CLD_EXITED ? si.si_status : -1;
	p->signal = si.si_code == CLD_EXITED ? 0 : si.si_status;
}

static void
on_sigchld(evutil_socket_t sig, short what, void *arg)
{
	struct proc *p;
	int again;

	(void)sig;
	(void)what;
	(void)arg;
	TAILQ_FOREACH(p, &procs, link)
		if (!p->exited)
			note_end(p);
	/* An end runs the owner's code, which may start or end others. */
	do {
		again = 0;
		TAILQ_FOREACH(p, &procs, link)
			if (p->exited == 1) {
				p->exited = 2;
				proc_ended(p);
				again = 1;
				break;
			}
	} while (again);
	/* The children of an orphan that has ended are ours now. */
	if (reap_orphans() > 0)
		(void)kill_escaped();
	if (TAILQ_EMPTY(&procs) && !has_children() && sigchld != NULL) {
		event_free(sigchld);
		sigchld = NULL;
	}
}

int
proc_reap_begin(struct loop *l, struct err *e)
{
	if (sigchld != NULL)
		return 0;
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0)
		return err_set(e, ERR_INTERNAL,
		    "cannot become the reaper of orphans: %s",
		    strerror(errno));
	sigchld = evsignal_new(loop_base(l), SIGCHLD, on_sigchld, NULL);
	if (sigchld == NULL || evsignal_add(sigchld, NULL) != 0) {
		if (sigchld != NULL)
			event_free(sigchld);
		sigchld = NULL;
		return err_set(e, ERR_INTERNAL, "cannot watch for SIGCHLD");
	}
	return 0;
}

void
proc_reap_add(struct proc *p)
{
	TAILQ_INSERT_TAIL(&procs, p, link);
	running++;
}

void
proc_reap_end(struct proc *p)
{
	siginfo_t si;

	/* The zombie still holds the number of its group. */
	(void)kill(-p->pid, SIGKILL);
	TAILQ_REMOVE(&procs, p, link);
	running--;
	(void)waitid(P_PID, (id_t)p->pid, &si, WEXITED | WNOHANG);
	/* Their own children become ours, and are met, when they have died. */
	(void)kill_escaped();
	/*
	 * A look at what was hidden behind this zombie. Only there orphans
	 * are reaped, as each may leave others to be met.
	 */
	if (sigchld != NULL)
		event_active(sigchld, EV_SIGNAL, 1);
}

void
proc_fini(void)
{
	struct proc *p;
	siginfo_t si;

	while ((p = TAILQ_FIRST(&procs)) != NULL) {
		(void)kill(-p->pid, SIGKILL);
		(void)waitid(P_PID, (id_t)p->pid, &si, WEXITED);
		TAILQ_REMOVE(&procs, p, link);
		running--;
		proc_free(p);
	}
	do
		(void)kill_escaped();
	while (reap_orphans() > 0);
	if (sigchld != NULL)
		event_free(sigchld);
	sigchld = NULL;
}

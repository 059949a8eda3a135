/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sweep.c - finds and ends what a command left behind: background jobs,
 * daemons, children in sessions of their own.
 *
 * A process group does not hold a child that called setsid(), but the
 * environment that it inherited names the call. A process is opened (pidfd)
 * before it is looked at, so a recycled id is never hit. Does not find a
 * daemon that cleared its environment, left its session and lost its parent;
 * for that a PID namespace is needed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <time.h>
#include <unistd.h>

#include "shell.h"

#define PROCS_MAX 65536u
#define ENV_MAX (256u * 1024)

struct seen {
	pid_t pid, ppid, sid;
	int ours;
};

struct table {
	struct seen *v;
	size_t n, cap;
};

/* A whole small file of /proc; the number of bytes, or -1. */
static ssize_t
proc_read(pid_t pid, const char *name, char *buf, size_t cap)
{
	char path[64];
	size_t n = 0;
	ssize_t r;
	int fd;

	(void)snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	while (n < cap) {
		r = read(fd, buf + n, cap - n);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			break;
		n += (size_t)r;
	}
	(void)close(fd);
	return (ssize_t)n;
}

/* 0 and parent and session; -1 when gone or a zombie. */
static int
proc_stat(pid_t pid, struct seen *s)
{
	char buf[1024], *p, state;
	int ppid, pgrp, sid;
	ssize_t n = proc_read(pid, "stat", buf, sizeof buf - 1);

	if (n <= 0)
		return -1;
	buf[n] = '\0';
	p = strrchr(buf, ')'); /* the name before may hold anything */
	if (p == NULL || sscanf(p + 1, " %c %d %d %d", &state, &ppid, &pgrp,
	    &sid) != 4 || state == 'Z' || state == 'X')
		return -1;
	s->pid = pid;
	s->ppid = ppid;
	s->sid = sid;
	return 0;
}

static int
proc_marked(pid_t pid, const char *marker, char *env)
{
	size_t m = strlen(marker), at, len;
	ssize_t n = proc_read(pid, "environ", env, ENV_MAX);

	for (at = 0; n > 0 && at + m <= (size_t)n; at += len + 1) {
		len = strnlen(env + at, (size_t)n - at);
		if (len == m && memcmp(env + at, marker, m) == 0)
			return 1;
	}
	return 0;
}

static int
table_add(struct table *t, const struct seen *s)
{
	size_t cap;
	struct seen *v;

	if (t->n == PROCS_MAX)
		return -1;
	if (t->n == t->cap) {
		cap = t->cap > 0 ? t->cap * 2 : 256;
		v = realloc(t->v, cap * sizeof *v);
		if (v == NULL)
			return -1;
		t->v = v;
		t->cap = cap;
	}
	t->v[t->n++] = *s;
	return 0;
}

/* All processes of the machine, ours marked. */
static int
table_fill(struct table *t, const char *marker, pid_t sid, char *env)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	struct seen s;
	char *end;
	long pid;

	if (d == NULL)
		return -1;
	t->n = 0;
	while ((e = readdir(d)) != NULL) {
		pid = strtol(e->d_name, &end, 10);
		if (*end != '\0' || pid <= 1 || pid == (long)getpid())
			continue;
		if (proc_stat((pid_t)pid, &s) != 0)
			continue;
		s.ours = (sid > 0 && s.sid == sid) ||
		    proc_marked(s.pid, marker, env);
		if (table_add(t, &s) != 0)
			break;
	}
	(void)closedir(d);
	return 0;
}

/* Children of ours are ours. */
static void
table_spread(struct table *t)
{
	size_t i, j;
	int more;

	do {
		more = 0;
		for (i = 0; i < t->n; i++) {
			if (!t->v[i].ours)
				continue;
			for (j = 0; j < t->n; j++)
				if (!t->v[j].ours &&
				    t->v[j].ppid == t->v[i].pid)
					t->v[j].ours = more = 1;
		}
	} while (more);
}

static uint64_t
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* 1 when it was ended, 0 when it was gone, -1 when it would not go. */
static int
end_one(const struct seen *s, uint64_t until)
{
	struct pollfd pf;
	struct seen again;
	uint64_t now;
	int rc = 0;

	pf.fd = pidfd_open(s->pid, 0);
	pf.events = POLLIN;
	if (pf.fd < 0)
		return 0;
	/* Another session: not what was looked at; the next round sees. */
	if (proc_stat(s->pid, &again) != 0 || again.sid != s->sid)
		goto out;
	if (pidfd_send_signal(pf.fd, SIGKILL, NULL, 0) != 0)
		goto out;
	now = now_ms();
	rc = now < until && poll(&pf, 1, (int)(until - now)) == 1 ? 1 : -1;
out:
	(void)close(pf.fd);
	return rc;
}

int
sweep(const char *marker, pid_t sid, unsigned max_ms)
{
	uint64_t until = now_ms() + max_ms;
	struct table t = { NULL, 0, 0 };
	char *env = malloc(ENV_MAX);
	int ended = 0, round, found, r;
	size_t i;

	/* Again until nothing is found: they may fork while we look. */
	for (round = 0; env != NULL && round < 50; round++) {
		if (table_fill(&t, marker, sid, env) != 0)
			break;
		table_spread(&t);
		found = 0;
		for (i = 0; i < t.n; i++) {
			if (!t.v[i].ours)
				continue;
			found = 1;
			r = end_one(&t.v[i], until);
			if (r < 0 || now_ms() >= until) {
				ended = -1;
				goto out;
			}
			ended += r;
		}
		if (!found)
			break;
	}
out:
	free(env);
	free(t.v);
	return ended;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workspace.c - making a task's directory. A task id that is a plain file
 * name is used as it is; any other becomes "task-" and the start of its
 * SHA-256.
 */
#include "workspace.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/ids.h"
#include "../base/log.h"
#include "agent-internal.h"

struct need {
	struct pool_job job;
	struct loop_post post;
	char path[PATH_MAX];
	int error; /* errno, 0: made */
	void (*done)(void *arg, const char *path);
	void *arg;
};

static int
is_plain(const char *id)
{
	size_t n = strspn(id, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.");

	return id[n] == '\0' && n > 0 && n <= 100 && id[0] != '.' &&
	    strncmp(id, "task-", 5) != 0;
}

static int
set_path(struct need *n, const struct agent *a, const char *task_id)
{
	const char *base = a->cfg.workspace;
	char hex[65];
	int r;

	if (a->cfg.workspace_shared || task_id == NULL)
		r = snprintf(n->path, sizeof n->path, "%s", base);
	else if (is_plain(task_id))
		r = snprintf(n->path, sizeof n->path, "%s/%s", base, task_id);
	else {
		id_sha256(task_id, strlen(task_id), hex);
		r = snprintf(n->path, sizeof n->path, "%s/task-%.24s", base,
		    hex);
	}
	return r < 0 || (size_t)r >= sizeof n->path ? -1 : 0;
}

/* Makes every missing part; 0 or errno. */
static int
make_path(char *path)
{
	char *p;

	for (p = path + 1; *p != '\0'; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(path, 0700) != 0 && errno != EEXIST) {
			int saved = errno;

			*p = '/';
			return saved;
		}
		*p = '/';
	}
	return mkdir(path, 0700) != 0 && errno != EEXIST ? errno : 0;
}

static void
work(void *arg)
{
	struct need *n = arg;

	n->error = make_path(n->path);
}

static void
finish(void *arg)
{
	struct need *n = arg;

	if (n->error != 0)
		log_error("agent", "cannot make the workspace %s: %s",
		    n->path, strerror(n->error));
	n->done(n->arg, n->error == 0 ? n->path : NULL);
	free(n);
}

void
workspace_need(struct agent *a, const char *task_id,
    void (*done)(void *arg, const char *path), void *arg)
{
	struct need *n = calloc(1, sizeof *n);

	if (n == NULL) {
		done(arg, NULL);
		return;
	}
	n->done = done;
	n->arg = arg;
	n->job.work = work;
	n->job.done = finish;
	n->job.arg = n;
	n->error = ENAMETOOLONG;
	if (set_path(n, a, task_id) == 0) {
		n->error = EAGAIN;
		if (pool_submit(a->cfg.pool, &n->job) == 0)
			return;
	}
	n->post.fn = finish;
	n->post.arg = n;
	loop_post(a->cfg.loop, &n->post);
}

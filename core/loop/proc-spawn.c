/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proc-spawn.c - starts one program with posix_spawn: own session, no signal
 * blocked or ignored, no descriptor but 0, 1 and 2, exactly the environment
 * given plus the mark by which its descendants are known.
 *
 * The program is looked up in the PATH of the child's environment, not of
 * ours, and only in absolute directories.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/ids.h"
#include "proc-internal.h"

#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"

static const char *
env_get(const char *const *envp, const char *name)
{
	size_t n = strlen(name);

	for (; envp != NULL && *envp != NULL; envp++)
		if (strncmp(*envp, name, n) == 0 && (*envp)[n] == '=')
			return *envp + n + 1;
	return NULL;
}

static int
is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	    access(path, X_OK) == 0;
}

/* Fills out with the path to run. */
static int
look_up(const struct proc_spec *spec, char out[PATH_MAX], struct err *e)
{
	const char *dir, *end, *path = env_get(spec->envp, "PATH");
	int n;

	if (strchr(spec->path, '/') != NULL) {
		n = snprintf(out, PATH_MAX, "%s", spec->path);
		if (n < 0 || n >= PATH_MAX)
			return err_set(e, ERR_BAD_REQUEST,
			    "the program's path is too long");
		return 0;
	}
	if (path == NULL)
		path = DEFAULT_PATH;
	for (dir = path; *spec->path != '\0'; dir = end + 1) {
		end = strchrnul(dir, ':');
		n = snprintf(out, PATH_MAX, "%.*s/%s", (int)(end - dir), dir,
		    spec->path);
		if (*dir == '/' && n > 0 && n < PATH_MAX && is_program(out))
			return 0;
		if (*end == '\0')
			break;
	}
	return err_set(e, ERR_NOT_FOUND, "no such program: %s", spec->path);
}

/* Says what a failed start means to the one who asked for it. */
static int
explain(int error, const struct proc_spec *spec, const char *path,
    struct err *e)
{
	struct stat st;

	if (spec->cwd != NULL && (stat(spec->cwd, &st) != 0 ||
	    !S_ISDIR(st.st_mode)))
		return err_set(e, ERR_NOT_FOUND, "no such directory: %s",
		    spec->cwd);
	switch (error) {
	case ENOENT:
		if (stat(path, &st) == 0)
			return err_set(e, ERR_NOT_FOUND,
			    "cannot run %s: its interpreter is missing",
			    path);
		return err_set(e, ERR_NOT_FOUND, "no such program: %s",
		    spec->path);
	case EACCES:
		return err_set(e, ERR_PERMISSION_DENIED,
		    "not permitted to run %s", path);
	case ENOEXEC:
		return err_set(e, ERR_BAD_REQUEST,
		    "%s is not a program this system can run", path);
	case E2BIG:
		return err_set(e, ERR_BAD_REQUEST,
		    "arguments and environment of %s are too long", path);
	case EAGAIN:
	case ENOMEM:
		return err_set(e, ERR_UNAVAILABLE,
		    "no room for another process");
	default:
		return err_set(e, ERR_INTERNAL, "cannot run %s: %s", path,
		    strerror(error));
	}
}

/* The environment given and the mark; free() the array only. */
static char **
marked_env(struct proc *p, const char *const *envp)
{
	char id[ID_MAX], **env;
	size_t n = 0, i, k = 0;

	id_make(id, "p-");
	(void)snprintf(p->mark, sizeof p->mark, "%s%s", PROC_MARK, id);
	while (envp != NULL && envp[n] != NULL)
		n++;
	env = calloc(n + 2, sizeof *env);
	if (env == NULL)
		return NULL;
	for (i = 0; i < n; i++)
		if (strncmp(envp[i], PROC_MARK, strlen(PROC_MARK)) != 0)
			env[k++] = (char *)(uintptr_t)envp[i];
	env[k] = p->mark;
	return env;
}

static int
set_actions(posix_spawn_file_actions_t *fa, const char *cwd, int in, int out,
    int err)
{
	int r;

	if (in >= 0)
		r = posix_spawn_file_actions_adddup2(fa, in, 0);
	else
		r = posix_spawn_file_actions_addopen(fa, 0, "/dev/null",
		    O_RDONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(fa, out, 1);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(fa, err, 2);
	if (r == 0)
		r = posix_spawn_file_actions_addclosefrom_np(fa, 3);
	if (r == 0 && cwd != NULL)
		r = posix_spawn_file_actions_addchdir_np(fa, cwd);
	return r;
}

static int
set_attributes(posix_spawnattr_t *attr)
{
	sigset_t none, all;
	int r;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	r = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSID |
	    POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	if (r == 0)
		r = posix_spawnattr_setsigmask(attr, &none);
	if (r == 0)
		r = posix_spawnattr_setsigdefault(attr, &all);
	return r;
}

int
proc_start(struct proc *p, const struct proc_spec *spec, int in, int out,
    int err, struct err *e)
{
	char path[PATH_MAX], **env = NULL;
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attr;
	int r;

	if (look_up(spec, path, e) != 0)
		return -1;
	env = marked_env(p, spec->envp);
	if (env == NULL)
		return err_nomem(e);
	if (posix_spawn_file_actions_init(&fa) != 0) {
		free(env);
		return err_nomem(e);
	}
	if (posix_spawnattr_init(&attr) != 0) {
		(void)posix_spawn_file_actions_destroy(&fa);
		free(env);
		return err_nomem(e);
	}
	r = set_actions(&fa, spec->cwd, in, out, err);
	if (r == 0)
		r = set_attributes(&attr);
	if (r == 0)
		r = posix_spawn(&p->pid, path, &fa, &attr,
		    (char *const *)(uintptr_t)spec->argv, env);
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&fa);
	free(env);
	return r == 0 ? 0 : explain(r, spec, path, e);
}

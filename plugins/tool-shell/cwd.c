/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cwd.c - where a command starts. A convenience with a check, no confinement:
 * the command itself may change its directory.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "shell.h"

static int
beneath(const char *dir, const char *root)
{
	char *real = realpath(root, NULL);
	size_t n;
	int yes;

	if (real == NULL)
		return 0;
	n = strlen(real);
	yes = strcmp(real, "/") == 0 || (strncmp(dir, real, n) == 0 &&
	    (dir[n] == '/' || dir[n] == '\0'));
	free(real);
	return yes;
}

static int
allowed(const struct tool_config *cfg, const char *workspace,
    const char *dir)
{
	size_t i;

	if (beneath(dir, workspace))
		return 1;
	for (i = 0; i < cfg->roots_n; i++)
		if (beneath(dir, cfg->roots[i]))
			return 1;
	return 0;
}

char *
cwd_resolve(const struct tool_config *cfg, const char *workspace,
    const char *cwd, const char **why)
{
	char joined[PATH_MAX], *real;
	struct stat st;
	int n;

	if (cwd == NULL)
		n = snprintf(joined, sizeof joined, "%s", workspace);
	else if (cwd[0] == '/')
		n = snprintf(joined, sizeof joined, "%s", cwd);
	else
		n = snprintf(joined, sizeof joined, "%s/%s", workspace, cwd);
	*why = "the path is too long";
	if (n < 0 || (size_t)n >= sizeof joined)
		return NULL;
	real = realpath(joined, NULL);
	*why = "no such directory";
	if (real == NULL || stat(real, &st) != 0 || !S_ISDIR(st.st_mode)) {
		free(real);
		return NULL;
	}
	if (!allowed(cfg, workspace, real)) {
		*why = "outside the allowed directories";
		free(real);
		return NULL;
	}
	return real;
}

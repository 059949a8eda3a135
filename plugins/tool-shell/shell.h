/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shell.h - the parts of the shell plugin that know of each other.
 */
#ifndef PLUGINS_TOOL_SHELL_SHELL_H
#define PLUGINS_TOOL_SHELL_SHELL_H

#include <sys/types.h>

#include "../tool-common/tool.h"

/*
 * [pool] Ends with SIGKILL every process whose environment holds marker
 * ("NAME=value", exactly) or that belongs to session sid (0: none), and what
 * descends from them. Waits until they are gone, at most max_ms. Returns how
 * many were ended, or -1 when some outlived max_ms.
 */
int sweep(const char *marker, pid_t sid, unsigned max_ms);

/*
 * [loop] The directory that cwd (NULL: the workspace itself) names, resolved;
 * relative to the workspace. NULL when it does not exist, is no directory or
 * lies outside the workspace and the roots; *why says which. Allocated.
 */
char *cwd_resolve(const struct tool_config *cfg, const char *workspace,
    const char *cwd, const char **why);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workspace.h - the directory a task works in: the shared one, or one of its
 * own below the workspace, made when the first tool runs.
 */
#ifndef CORE_AGENT_WORKSPACE_H
#define CORE_AGENT_WORKSPACE_H

#include "agent.h"

/*
 * [loop] Makes the directory on the pool; done gets its absolute path, or
 * NULL when it could not be made (logged). task_id NULL: the base.
 */
void workspace_need(struct agent *a, const char *task_id,
    void (*done)(void *arg, const char *path), void *arg);

#endif

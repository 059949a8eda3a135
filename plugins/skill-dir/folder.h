/* SPDX-License-Identifier: Apache-2.0 */
/*
 * folder.h - a folder of skills on disk.
 */
#ifndef SKILL_DIR_FOLDER_H
#define SKILL_DIR_FOLDER_H

#include <jansson.h>

#include "note.h"

#define FOLDER_MAX_SKILLS 2000
#define FOLDER_MAX_SKILL_MD (1024 * 1024) /* bytes of SKILL.md */
#define FOLDER_MAX_SCRIPT (256 * 1024)    /* bytes of a script */
#define FOLDER_MAX_SCRIPTS (2 * 1024 * 1024) /* bytes of all of a skill */
#define FOLDER_MAX_FILES 200              /* scripts, references: each */
#define FOLDER_MAX_DEPTH 4                /* folders in folders */

/*
 * [pool] Reads every <dir>/<name>/SKILL.md, in the order of the names. The
 * skills get the fields of front_parse, "dir" (absolute), "scripts" (path
 * below scripts/ -> text) and "references" (paths below references/, whose
 * texts are not read). Names that begin with a dot are not looked at. stop
 * is asked before each skill. A new array; NULL when out of memory
 * (n->nomem) or stopped.
 */
json_t *folder_scan(const char *dir, struct notes *n,
    int (*stop)(void *arg), void *arg);

#endif

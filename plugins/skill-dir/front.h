/* SPDX-License-Identifier: Apache-2.0 */
/*
 * front.h - a SKILL.md file: YAML front matter between two lines "---", then
 * the body in Markdown.
 *
 * Fields of the public Agent Skills format: name (a-z, 0-9 and single
 * hyphens, at most 64, equal to the folder's), description (1 to 1,024
 * characters), license, compatibility (at most 500), metadata (a map of
 * texts), allowed-tools (a list, or one text with blanks or commas between
 * the names). Others are ignored.
 */
#ifndef SKILL_DIR_FRONT_H
#define SKILL_DIR_FRONT_H

#include <jansson.h>
#include <stddef.h>

#include "note.h"

#define FRONT_MAX (64 * 1024) /* bytes of front matter */

/*
 * [any] The skill {"name","description","category","allowed_tools",
 * "capabilities","license","compatibility","metadata","body"}; license,
 * compatibility and metadata only when given. category is
 * metadata.category, else "general"; capabilities are the words of
 * metadata.capabilities. NULL when there were problems (all are noted) or no
 * memory is left (n->nomem). The caller owns it.
 */
json_t *front_parse(const char *text, size_t len, const char *folder,
    const char *file, struct notes *n);

#endif

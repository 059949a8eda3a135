/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prompt.h - the text that an agent is told before the conversation. Nothing
 * volatile (dates, ids) stands in it, so that prompt caches hit.
 */
#ifndef CORE_AGENT_PROMPT_H
#define CORE_AGENT_PROMPT_H

#include <stddef.h>

#include "../catalog/catalog.h"

/* 1 when the agent (NULL: any) may use the skill. */
int prompt_skill_visible(const struct catalog_agent *agent,
    const struct catalog_skill *skill);
int prompt_has_skills(const struct catalog *c,
    const struct catalog_agent *agent);
/*
 * The system part of a request, a JSON array of {"text","cache"}; new
 * memory, NULL when there is none.
 */
char *prompt_system(const struct catalog *c,
    const struct catalog_agent *agent, size_t *n);
/* The text of a skill as the model reads it; new memory. */
char *prompt_skill(const struct catalog_skill *skill, size_t *n);

#endif

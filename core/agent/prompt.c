/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prompt.c - soul, the agent's own prompt, and the list of skills, in that
 * order: what changes least comes first.
 */
#include "prompt.h"

#include <jansson.h>
#include <string.h>

#include "../base/buf.h"

#define PROMPT_MAX (8u << 20)

int
prompt_skill_visible(const struct catalog_agent *agent,
    const struct catalog_skill *skill)
{
	if (agent == NULL || agent->skills == NULL)
		return 1;
	return catalog_matches(agent->skills, skill->name);
}

int
prompt_has_skills(const struct catalog *c, const struct catalog_agent *agent)
{
	size_t i;

	for (i = 0; i < catalog_skill_count(c); i++)
		if (prompt_skill_visible(agent, catalog_skill_at(c, i)))
			return 1;
	return 0;
}

static void
add_list(struct buf *b, const char *head, const json_t *list)
{
	size_t i;

	if (json_array_size(list) == 0)
		return;
	buf_addf(b, "\n\n%s:\n", head);
	for (i = 0; i < json_array_size(list); i++)
		buf_addf(b, "%s- %s", i > 0 ? "\n" : "",
		    json_string_value(json_array_get(list, i)));
}

static void
add_skills(struct buf *b, const struct catalog *c,
    const struct catalog_agent *agent)
{
	const struct catalog_skill *s;
	size_t i;

	if (!prompt_has_skills(c, agent))
		return;
	buf_adds(b, "\n\nSkills (read one with use_skill before you begin "
	    "such a task):");
	for (i = 0; i < catalog_skill_count(c); i++) {
		s = catalog_skill_at(c, i);
		if (prompt_skill_visible(agent, s))
			buf_addf(b, "\n- %s: %s", s->name, s->description);
	}
}

char *
prompt_system(const struct catalog *c, const struct catalog_agent *agent,
    size_t *n)
{
	const struct catalog_soul *soul = catalog_soul(c);
	struct buf text, json;

	buf_init(&text, PROMPT_MAX);
	buf_init(&json, 7 * PROMPT_MAX);
	if (soul != NULL) {
		buf_adds(&text, soul->identity);
		add_list(&text, "Values", soul->values);
		add_list(&text, "Patterns", soul->patterns);
	}
	if (agent->system_prompt[0] != '\0')
		buf_addf(&text, "%s%s", text.n > 0 ? "\n\n" : "",
		    agent->system_prompt);
	add_skills(&text, c, agent);
	if (text.n == 0) {
		buf_adds(&json, "[]");
	} else {
		buf_adds(&json, "[{\"text\":");
		buf_add_json_str(&json, text.p, text.n);
		buf_adds(&json, ",\"cache\":true}]");
	}
	if (buf_failed(&text))
		json.failed = 1;
	buf_fini(&text);
	return buf_take(&json, n);
}

char *
prompt_skill(const struct catalog_skill *skill, size_t *n)
{
	struct buf b;
	const char *file;
	json_t *text;
	size_t i;

	buf_init(&b, PROMPT_MAX);
	buf_addf(&b, "# Skill: %s\n\n%s\n", skill->name, skill->body);
	if (json_object_size(skill->scripts) > 0) {
		buf_adds(&b, "\nScripts of this skill:\n");
		json_object_foreach(skill->scripts, file, text) {
			if (skill->dir != NULL && skill->dir[0] != '\0')
				buf_addf(&b, "- %s/scripts/%s\n", skill->dir,
				    file);
			else
				buf_addf(&b, "- %s:\n```\n%s\n```\n", file,
				    json_string_value(text));
		}
	}
	if (json_array_size(skill->references) > 0 && skill->dir != NULL) {
		buf_adds(&b, "\nFurther reading:\n");
		for (i = 0; i < json_array_size(skill->references); i++)
			buf_addf(&b, "- %s/references/%s\n", skill->dir,
			    json_string_value(json_array_get(
			    skill->references, i)));
	}
	return buf_take(&b, n);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * actions.c - tool calls that the engine answers itself, as they are about
 * the turn and not about the world: reading a skill, handing over a result.
 */
#include <stdlib.h>
#include <string.h>

#include "agent-internal.h"
#include "prompt.h"
#include "result.h"

/* A catalog tool of kind "skill" names its skill; use_skill is told it. */
static const char *
skill_name(const struct tool_run *r)
{
	const struct catalog_tool *ct;

	if (strcmp(r->tool->source, "skill") == 0) {
		ct = catalog_tool_find(r->turn->catalog, r->tool->name);
		return ct != NULL ? ct->ref : NULL;
	}
	return json_string_value(json_object_get(r->input, "name"));
}

static int
use_skill(struct tool_run *r)
{
	const char *name = skill_name(r);
	const struct catalog_skill *s = NULL;
	char *text;

	if (name != NULL)
		s = catalog_skill_find(r->turn->catalog, name);
	if (s == NULL || !prompt_skill_visible(r->turn->def, s)) {
		tool_run_end(r, "there is no skill of that name",
		    "not_found");
		return 0;
	}
	text = prompt_skill(s, NULL);
	if (text == NULL)
		return -1;
	tool_run_end(r, text, NULL);
	free(text);
	return 0;
}

int
action_run(struct tool_run *r)
{
	switch (r->tool->action) {
	case ACTION_USE_SKILL:
		return use_skill(r);
	case ACTION_SUBMIT_RESULT:
		if (result_from_tool(r->turn, r->input) != 0)
			return -1;
		tool_run_end(r, "The result has been taken.", NULL);
		return 0;
	case ACTION_NONE:
		break;
	}
	return -1;
}

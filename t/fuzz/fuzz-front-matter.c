/* FUZZ-SOURCES: plugins/skill-dir/front.c plugins/skill-dir/note.c plugins/skill-dir/yaml-json.c */
/* FUZZ-LIBS: jansson yaml-0.1 */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz-front-matter.c - any text as a SKILL.md: either a skill or at least
 * one problem, never both; a skill is complete and can be written as JSON,
 * lines of problems lie in the file.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../plugins/skill-dir/front.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
check_skill(const json_t *skill)
{
	char *text = json_dumps(skill, JSON_COMPACT);

	if (text == NULL ||
	    strcmp(json_string_value(json_object_get(skill, "name")), "a") !=
	    0 ||
	    json_string_length(json_object_get(skill, "description")) == 0 ||
	    !json_is_string(json_object_get(skill, "category")) ||
	    !json_is_string(json_object_get(skill, "body")) ||
	    !json_is_array(json_object_get(skill, "allowed_tools")) ||
	    !json_is_array(json_object_get(skill, "capabilities")))
		abort();
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct notes notes = { .list = json_array() };
	json_int_t lines = 2, line;
	json_t *skill, *p;
	size_t i;

	for (i = 0; i < n; i++)
		lines += data[i] == '\n';
	skill = front_parse((const char *)data, n, "a", "a/SKILL.md",
	    &notes);
	if (notes.nomem || (skill != NULL) ==
	    (json_array_size(notes.list) > 0))
		abort();
	json_array_foreach(notes.list, i, p) {
		line = json_integer_value(json_object_get(p, "line"));
		if (line < 1 || line > lines)
			abort();
	}
	if (skill != NULL)
		check_skill(skill);
	json_decref(skill);
	json_decref(notes.list);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml-json.h - the plain part of YAML as JSON values.
 */
#ifndef SKILL_DIR_YAML_JSON_H
#define SKILL_DIR_YAML_JSON_H

#include <jansson.h>
#include <stddef.h>

#define YAML_MAX_DEPTH 8
#define YAML_MAX_NODES 1000

struct yaml_result {
	json_t *value;  /* mapping as object, sequence as array, scalar as
	                   string; NULL on failure */
	json_t *lines;  /* object: top mapping's key -> line, from 0 */
	int line;       /* of the failure, from 0 */
	char text[200]; /* what is wrong; empty: out of memory */
};

/*
 * [any] Parses one document. All scalars are strings. Refused: anchors,
 * aliases, tags, keys that are no scalars or come twice, a second document,
 * more than YAML_MAX_DEPTH levels or YAML_MAX_NODES values. The caller owns
 * value and lines. 0 or -1.
 */
int yaml_to_json(const char *s, size_t n, struct yaml_result *r);

#endif

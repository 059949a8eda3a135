/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema.h - JSON Schema validation of tool inputs and structured results,
 * 2020-12 and draft-07: type, enum, const, numbers, strings, arrays, objects,
 * combinators, if/then/else, $ref inside the document. Remote references are
 * never fetched. Formats are not asserted. Compiled once, used on any thread.
 */
#ifndef CORE_BASE_SCHEMA_H
#define CORE_BASE_SCHEMA_H

#include <jansson.h>

#include "err.h"

struct schema;

/*
 * Compiles a schema (true, false or an object); keeps its own reference.
 * NULL and e: not a schema, an unknown $schema dialect, a remote or dangling
 * $ref, a bad pattern, over 64 deep or 10,000 subschemas.
 */
struct schema *schema_new(json_t *doc, struct err *e);
void schema_free(struct schema *s);
/*
 * 0, or -1 with VALIDATION_ERROR: e->field is the JSON Pointer of the value
 * that does not fit ("" for the whole), e->text names the path and what was
 * expected.
 */
int schema_check(const struct schema *s, const json_t *v, struct err *e);

#endif

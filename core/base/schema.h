/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema.h - JSON Schema validation of tool inputs and structured results,
 * 2020-12 and draft-07: type, enum, const, numbers, strings, arrays, objects,
 * combinators, if/then/else, unevaluated*, $ref inside the document. Remote
 * references are never fetched. Formats are not asserted. Compiled once, used
 * on any thread.
 *
 * Dialects by the root's $schema: 2020-12, 2019-09, draft-07, draft-06; none
 * means 2020-12 with the array form of "items" understood as well, as tool
 * authors mix them. Up to draft-07 the siblings of $ref are ignored. Keywords
 * of one draft also count in the others. Refused, as ignoring them would
 * accept what the author forbids: $dynamicRef (but to a plain anchor),
 * $recursiveRef. Patterns: see schema-pattern.h.
 */
#ifndef CORE_BASE_SCHEMA_H
#define CORE_BASE_SCHEMA_H

#include <jansson.h>

#include "err.h"

struct schema;

/*
 * [any] Compiles a schema (true, false or an object); keeps its own reference,
 * and the document must not be changed from then on. NULL and e: not a
 * schema, an unknown $schema dialect, a remote or dangling $ref, a bad
 * pattern, over 64 deep or 10,000 subschemas. e->field is then the JSON
 * Pointer of the place in the schema.
 */
struct schema *schema_new(json_t *doc, struct err *e);
/* [any] NULL is fine. */
void schema_free(struct schema *s);
/*
 * [any] 0, or -1 with VALIDATION_ERROR: e->field is the JSON Pointer of the
 * value that does not fit ("" for the whole), e->text names the path and what
 * was expected. A check that needs over two million steps or 256 levels of
 * schemas ends with the text "too complex".
 */
int schema_check(const struct schema *s, const json_t *v, struct err *e);

#endif

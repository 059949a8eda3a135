/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema-pattern.h - the regular expressions of JSON Schema ("pattern",
 * "patternProperties"): the common part of ECMA-262, matched in linear time.
 */
#ifndef CORE_BASE_SCHEMA_PATTERN_H
#define CORE_BASE_SCHEMA_PATTERN_H

#include <stddef.h>

#include "err.h"

struct pattern;

/*
 * [any] Compiles a NUL-terminated UTF-8 expression of at most 1,024 bytes.
 * Understood: literals, . ^ $ \b \B, classes, \d \D \w \W \s \S, escapes
 * (\n \r \t \f \v \0 \cX \xHH \uHHHH \u{H...}), groups, | and the quantifiers
 * * + ? {n} {n,} {n,m} up to 1,000, lazy or not. Refused with a text that
 * says why: look-around, back references, \p{...}, inline flags, and what
 * grows over 10,000 instructions. NULL and e on failure.
 */
struct pattern *pattern_new(const char *src, struct err *e);
void pattern_free(struct pattern *p);
/*
 * [any] 1 when the expression matches anywhere in the n bytes, 0 when not,
 * -1 when *steps ran out (it is then negative) or memory did. Subtracts the
 * work done from *steps: at most instructions x characters.
 */
int pattern_match(const struct pattern *p, const char *s, size_t n,
    long *steps);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.h - what the engine needs on top of jansson: strict parsing with
 * limits, the one-line form of the wire, and typed access to fields with the
 * contract's errors.
 *
 * A missing required field is BAD_REQUEST; a field of the wrong type or out
 * of range is VALIDATION_ERROR with the field's name.
 */
#ifndef CORE_BASE_JSON_H
#define CORE_BASE_JSON_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"

#define JSON_REQUEST_DEPTH 64

/*
 * [any] Parses n bytes as one JSON text. Refuses duplicate keys, NUL in
 * strings, invalid UTF-8 and nesting over max_depth (0: jansson's 2048).
 * NULL and BAD_REQUEST on failure; the caller owns the value.
 */
json_t *json_parse(const char *p, size_t n, unsigned max_depth,
    struct err *e);
/* The same, and the value must be an object. */
json_t *json_parse_object(const char *p, size_t n, unsigned max_depth,
    struct err *e);
/*
 * [any] Line (from 1) of the last jansson error position; for catalog files.
 * Parses like json_parse and stores the line of a failure in *line.
 */
json_t *json_parse_at(const char *p, size_t n, int *line, struct err *e);

/*
 * [any] Appends v on one line; U+0085, U+2028, U+2029 are escaped. 0, or -1
 * when the buffer failed.
 */
int json_add(struct buf *b, const json_t *v);
/* The same into new memory (free()); NULL: out of memory. */
char *json_line(const json_t *v, size_t *n);

/*
 * [any] Fields of a request. *out is borrowed from obj and is only written
 * when the field is there and not null. required: absent or null fails.
 */
int json_get_str(const json_t *obj, const char *key, int required,
    const char **out, struct err *e);
int json_get_bool(const json_t *obj, const char *key, int required, int *out,
    struct err *e);
int json_get_int(const json_t *obj, const char *key, int required,
    int64_t min, int64_t max, int64_t *out, struct err *e);
int json_get_array(const json_t *obj, const char *key, int required,
    json_t **out, struct err *e);
int json_get_object(const json_t *obj, const char *key, int required,
    json_t **out, struct err *e);

#endif

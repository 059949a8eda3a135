/* SPDX-License-Identifier: Apache-2.0 */
/* FUZZ-SOURCES: core/base/json.c core/base/buf.c core/base/err.c */
/* FUZZ-SOURCES: core/base/utf8.c */
/* FUZZ-LIBS: jansson */
/*
 * fuzz-request-json.c - request bodies. What is accepted is an object within
 * the depth limit, is written as one line and reads back as the same value.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../core/base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned
depth(const json_t *v)
{
	const char *key;
	json_t *item;
	unsigned max = 0, d;
	size_t i;

	if (json_is_object(v)) {
		json_object_foreach((json_t *)(uintptr_t)v, key, item) {
			d = depth(item);
			max = d > max ? d : max;
		}
	} else if (json_is_array(v)) {
		json_array_foreach(v, i, item) {
			d = depth(item);
			max = d > max ? d : max;
		}
	} else
		return 0;
	return max + 1;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = { 0 };
	json_t *v, *again;
	char *p = malloc(size + 1), *line;
	size_t n;

	if (p == NULL)
		return 0;
	memcpy(p, data, size);
	v = json_parse_object(p, size, JSON_REQUEST_DEPTH, &e);
	free(p);
	if (v == NULL) {
		assert(e.code != ERR_NONE && e.text[0] != '\0');
		return 0;
	}
	assert(json_is_object(v) && depth(v) <= JSON_REQUEST_DEPTH);
	line = json_line(v, &n);
	assert(line != NULL && memchr(line, '\n', n) == NULL);
	again = json_parse_object(line, n, JSON_REQUEST_DEPTH, &e);
	assert(again != NULL && json_equal(v, again));
	json_decref(again);
	json_decref(v);
	free(line);
	return 0;
}

/* FUZZ-SOURCES: core/base/schema.c core/base/schema-apply.c core/base/schema-assert.c core/base/schema-check.c core/base/schema-cpset.c core/base/schema-keywords.c core/base/schema-pattern.c core/base/schema-pattern-parse.c core/base/schema-ref.c core/base/schema-uneval.c core/base/schema-value.c core/base/err.c core/base/utf8.c */
/* FUZZ-LIBS: jansson */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz-schema.c - a schema on the first line, a value behind it. No crash, no
 * leak, bounded time; a value fits a schema or {"not": schema}, never both
 * and never neither (but for what is too complex); texts are UTF-8.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../core/base/schema.h"
#include "../../core/base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int
too_complex(const struct err *e)
{
	return strncmp(e->text, "too complex", 11) == 0;
}

static void
check_error(const struct err *e)
{
	if (e->code != ERR_VALIDATION || e->text[0] == '\0' ||
	    !utf8_valid(e->text, strlen(e->text)) ||
	    !utf8_valid(e->field, strlen(e->field)))
		abort();
}

static void
check_not(json_t *doc, const json_t *v, int fits)
{
	json_t *not = json_pack("{s:O}", "not", doc);
	struct err e = { 0 };
	struct schema *s;
	int k;

	s = not != NULL ? schema_new(not, &e) : NULL;
	if (s != NULL) {
		k = schema_check(s, v, &e);
		if (!(k == -1 && too_complex(&e)) && (k == 0) == fits)
			abort();
	}
	schema_free(s);
	json_decref(not);
}

static void
run(json_t *doc, const json_t *v)
{
	struct err e = { 0 };
	struct schema *s = schema_new(doc, &e);
	char *text;
	int fits;

	if (s == NULL) {
		check_error(&e);
		return;
	}
	fits = schema_check(s, v, &e) == 0;
	if (!fits)
		check_error(&e);
	schema_free(s);
	if (!fits && too_complex(&e))
		return;
	/* Inside of "not" a reference to the root means another schema. */
	text = json_dumps(doc, JSON_ENCODE_ANY);
	if (text != NULL && strstr(text, "$ref") == NULL &&
	    strstr(text, "$schema") == NULL)
		check_not(doc, v, fits);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *s = (const char *)data, *end = memchr(s, '\n', n);
	size_t k = end != NULL ? (size_t)(end - s) : n;
	json_t *doc = json_loadb(s, k, JSON_DECODE_ANY, NULL), *v = NULL;

	if (doc != NULL && end != NULL)
		v = json_loadb(end + 1, n - k - 1, JSON_DECODE_ANY, NULL);
	if (doc != NULL)
		run(doc, v != NULL ? v : doc);
	json_decref(doc);
	json_decref(v);
	return 0;
}

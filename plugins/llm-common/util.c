/* SPDX-License-Identifier: Apache-2.0 */
/*
 * util.c - small readers that every network backend needs, see run.h.
 */
#include <stdio.h>
#include <string.h>

#include "run.h"

void
llm_run_model(struct llm_run *run, const json_t *name)
{
	const char *s = json_string_value(name);

	if (s != NULL && run->model[0] == '\0' &&
	    strlen(s) < sizeof run->model)
		memcpy(run->model, s, strlen(s) + 1);
}

uint64_t
llm_count(const json_t *obj, const char *key)
{
	const json_t *v = json_object_get(obj, key);

	if (json_is_integer(v) && json_integer_value(v) > 0)
		return (uint64_t)json_integer_value(v);
	if (json_is_real(v) && json_real_value(v) > 0 &&
	    json_real_value(v) < 1e15)
		return (uint64_t)json_real_value(v);
	return 0;
}

const char *
llm_string(const json_t *obj, const char *key)
{
	const char *s = json_string_value(json_object_get(obj, key));

	return s != NULL ? s : "";
}

int
llm_model_is(const char *model, const char *prefix)
{
	const char *slash = strrchr(model, '/');

	if (slash != NULL)
		model = slash + 1;
	return strncmp(model, prefix, strlen(prefix)) == 0;
}

int
llm_media(struct llm_run *run, const json_t *block, struct llm_media *out)
{
	const json_t *src = json_object_get(block, "source");
	const json_t *data = json_object_get(src, "data");
	int inl = strcmp(llm_string(src, "type"), "base64") == 0;

	memset(out, 0, sizeof *out);
	out->type = llm_string(block, "type");
	out->mime = llm_string(src, "media_type");
	out->data = inl ? llm_string(src, "data") : "";
	out->data_n = inl ? json_string_length(data) : 0;
	out->url = inl ? "" : llm_string(src, "url");
	if (out->data_n == 0 && *out->url == '\0') {
		llm_run_fail(run, LLM_PROVIDER_ERROR, 0,
		    "a media block has neither data nor a URL");
		return -1;
	}
	return 0;
}

int
llm_base64(struct llm_buf *b, const char *p, size_t n)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *hit;
	uint32_t v = 0;
	int bits = 0;
	size_t i;
	char c;

	for (i = 0; i < n && p[i] != '='; i++) {
		if (p[i] == '\n' || p[i] == '\r')
			continue;
		hit = p[i] != '\0' ? strchr(set, p[i]) : NULL;
		if (hit == NULL)
			return -1;
		v = v << 6 | (uint32_t)(hit - set);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			c = (char)(v >> bits & 0xff);
			llm_buf_add(b, &c, 1);
		}
	}
	return b->failed ? -1 : 0;
}

int
llm_text_document(struct llm_run *run, const struct llm_media *m,
    struct llm_buf *b)
{
	json_t *probe = NULL;

	/* jansson refuses what is not UTF-8, as the provider would. */
	if (llm_base64(b, m->data, m->data_n) == 0)
		probe = json_stringn(b->p != NULL ? b->p : "", b->n);
	if (probe == NULL) {
		llm_run_fail(run, LLM_PROVIDER_ERROR, 0,
		    "a text document is not base64 of UTF-8 text");
		llm_buf_fini(b);
		return -1;
	}
	json_decref(probe);
	return 0;
}

void
llm_schema_words(struct llm_buf *b, const json_t *schema, int more)
{
	struct llm_buf text;

	llm_buf_init(&text, b->max);
	llm_buf_json(&text, schema);
	b->failed |= text.failed;
	llm_buf_str(b, more ? "\\n\\n" : "");
	llm_buf_str(b, "Answer with nothing but JSON that is valid under this "
	    "JSON Schema:\\n");
	llm_buf_escape(b, text.p, text.n);
	llm_buf_fini(&text);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools.c - see tools.h. Providers take [A-Za-z_][A-Za-z0-9_-]{0,63}. A name
 * that has to change and then meets another one, or is too long, gets a hash
 * of itself as a suffix; so the result depends on the set of names, not on
 * their order.
 */
#include "tools.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
good(char c, int first)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_')
		return 1;
	return !first && ((c >= '0' && c <= '9') || c == '-');
}

/* With a suffix of 9 bytes made from the whole name. */
static void
name_hashed(const char *ours, char *out)
{
	uint64_t h = UINT64_C(14695981039346656037);
	size_t n = strlen(out);
	const char *p;

	for (p = ours; *p != '\0'; p++) {
		h ^= (unsigned char)*p;
		h *= UINT64_C(1099511628211);
	}
	if (n > LLM_NAME_MAX - 9)
		n = LLM_NAME_MAX - 9;
	(void)snprintf(out + n, LLM_NAME_MAX + 1 - n, "_%08x",
	    (unsigned)(h ^ h >> 32));
}

/* 1 when the name had to change. */
static int
name_plain(const char *ours, char *out)
{
	size_t i, k = 0;
	int changed = 0;

	if (!good(ours[0], 1)) {
		out[k++] = 't';
		out[k++] = '_';
		changed = 1;
	}
	for (i = 0; ours[i] != '\0' && k < LLM_NAME_MAX; i++, k++) {
		out[k] = good(ours[i], 0) ? ours[i] : '_';
		changed |= out[k] != ours[i];
	}
	out[k] = '\0';
	if (ours[i] != '\0') {
		name_hashed(ours, out);
		changed = 1;
	}
	return changed;
}

static void
names_map(struct llm_tools *t)
{
	unsigned char *changed;
	size_t i, j;
	char other[LLM_NAME_MAX + 1];

	changed = calloc(t->n + 1, 1);
	for (i = 0; i < t->n; i++) {
		int c = name_plain(t->names[i].ours, t->names[i].theirs);

		if (changed != NULL)
			changed[i] = (unsigned char)c;
	}
	for (i = 0; i < t->n; i++) {
		if (changed != NULL && !changed[i])
			continue;
		if (!name_plain(t->names[i].ours, t->names[i].theirs))
			continue;
		for (j = 0; j < t->n; j++) {
			(void)name_plain(t->names[j].ours, other);
			if (j != i &&
			    strcmp(other, t->names[i].theirs) == 0) {
				name_hashed(t->names[i].ours,
				    t->names[i].theirs);
				break;
			}
		}
	}
	free(changed);
}

static int
tools_fill(struct llm_tools *t, const json_t *arr, llm_tool_fn fn)
{
	const json_t *v;
	const char *name;
	size_t i, n = json_array_size(arr);

	t->names = calloc(n + 1, sizeof *t->names);
	if (t->names == NULL)
		return -1;
	json_array_foreach(arr, i, v) {
		name = json_string_value(json_object_get(v, "name"));
		if (name == NULL || *name == '\0')
			return -1;
		t->names[i].ours = strdup(name);
		if (t->names[i].ours == NULL)
			return -1;
		t->n++;
	}
	names_map(t);
	if (n == 0)
		return 0;
	llm_buf_str(&t->text, "[");
	json_array_foreach(arr, i, v) {
		if (i > 0)
			llm_buf_str(&t->text, ",");
		fn(&t->text, t->names[i].theirs, v, i + 1 == n);
	}
	llm_buf_str(&t->text, "]");
	return t->text.failed ? -1 : 0;
}

static struct llm_tools *
tools_new(struct sept_slice src, llm_tool_fn fn)
{
	struct llm_tools *t;
	json_t *arr = NULL;
	int rc = -1;

	t = calloc(1, sizeof *t);
	if (t == NULL)
		return NULL;
	t->refs = 1;
	llm_buf_init(&t->text, (size_t)64 << 20);
	t->source = malloc(src.n + 1);
	if (t->source == NULL)
		goto out;
	if (src.n > 0) {
		memcpy(t->source, src.p, src.n);
		arr = json_loadb(src.p, src.n, JSON_ALLOW_NUL, NULL);
		if (!json_is_array(arr))
			goto out;
	}
	t->source_n = src.n;
	rc = tools_fill(t, arr, fn);
out:
	json_decref(arr);
	if (rc == -1) {
		llm_tools_unref(t);
		return NULL;
	}
	return t;
}

struct llm_tools *
llm_tools_get(struct llm_tools **cache, struct sept_slice src, llm_tool_fn fn)
{
	struct llm_tools *t = *cache;

	if (t == NULL || t->source_n != src.n ||
	    (src.n > 0 && memcmp(t->source, src.p, src.n) != 0)) {
		t = tools_new(src, fn);
		if (t == NULL)
			return NULL;
		llm_tools_unref(*cache);
		*cache = t;
	}
	t->refs++;
	return t;
}

void
llm_tools_unref(struct llm_tools *t)
{
	size_t i;

	if (t == NULL || --t->refs > 0)
		return;
	for (i = 0; t->names != NULL && i < t->n; i++)
		free(t->names[i].ours);
	free(t->names);
	free(t->source);
	llm_buf_fini(&t->text);
	free(t);
}

void
llm_tools_theirs(const struct llm_tools *t, const char *ours, char *out)
{
	size_t i;

	for (i = 0; i < t->n; i++) {
		if (strcmp(t->names[i].ours, ours) == 0) {
			memcpy(out, t->names[i].theirs, LLM_NAME_MAX + 1);
			return;
		}
	}
	(void)name_plain(ours, out);
}

struct sept_slice
llm_tools_ours(const struct llm_tools *t, const char *p, size_t n)
{
	struct sept_slice s = { p, n };
	size_t i;

	for (i = 0; i < t->n; i++) {
		if (strlen(t->names[i].theirs) == n &&
		    memcmp(t->names[i].theirs, p, n) == 0) {
			s.p = t->names[i].ours;
			s.n = strlen(s.p);
			break;
		}
	}
	return s;
}

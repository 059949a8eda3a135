/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply.c - arguments and configuration in, completion out.
 *
 * Invariant: every function that completes a call does so exactly once, also
 * when memory runs out. Does not check arguments against the schema (the host
 * has), only what the code relies on.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

#define NOMEM_BODY "{\"error\":\"out_of_memory\",\"output\":\"out of memory\"}"

json_t *
tool_args(struct sept_slice json)
{
	json_t *v;

	if (json.p == NULL)
		return NULL;
	v = json_loadb(json.p, json.n, JSON_ALLOW_NUL, NULL);
	if (v != NULL && !json_is_object(v)) {
		json_decref(v);
		v = NULL;
	}
	return v;
}

int
tool_arg_str(json_t *args, const char *key, int needed, const char **out,
    size_t *n)
{
	json_t *v = json_object_get(args, key);
	size_t len;

	if (v == NULL)
		return needed ? -1 : 1;
	if (!json_is_string(v))
		return -1;
	len = json_string_length(v);
	if (n == NULL && memchr(json_string_value(v), '\0', len) != NULL)
		return -1;
	*out = json_string_value(v);
	if (n != NULL)
		*n = len;
	return 0;
}

int
tool_arg_int(json_t *args, const char *key, int64_t min, int64_t max,
    int64_t *out)
{
	json_t *v = json_object_get(args, key);
	double d;

	if (v == NULL)
		return 1;
	if (json_is_real(v)) {
		/* JSON Schema counts 5.0 as an integer, so do we. */
		d = json_real_value(v);
		if (!(d >= (double)min && d <= (double)max) ||
		    (double)(int64_t)d != d)
			return -1;
		*out = (int64_t)d;
		return 0;
	}
	if (!json_is_integer(v) || json_integer_value(v) < min ||
	    json_integer_value(v) > max)
		return -1;
	*out = json_integer_value(v);
	return 0;
}

int
tool_arg_bool(json_t *args, const char *key, int *out)
{
	json_t *v = json_object_get(args, key);

	if (v == NULL)
		return 1;
	if (!json_is_boolean(v))
		return -1;
	*out = json_is_true(v);
	return 0;
}

void
tool_complete(struct tool_call c, sept_status st, json_t *body)
{
	char *s = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;

	if (s == NULL)
		c.hc->complete(c.call, SEPT_ENOMEM, sept_str(NOMEM_BODY));
	else
		c.hc->complete(c.call, st, sept_str(s));
	free(s);
	json_decref(body);
}

int
tool_set(json_t *body, const char *key, json_t *v)
{
	return json_object_set_new(body, key, v);
}

void
tool_fail(struct tool_call c, sept_status st, const char *code,
    const char *fmt, ...)
{
	char buf[1024];
	va_list ap;
	json_t *body;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, sizeof buf, fmt, ap);
	va_end(ap);
	if (n < 0)
		n = 0;
	if ((size_t)n >= sizeof buf)
		n = sizeof buf - 1;
	body = json_object();
	if (body != NULL && (tool_set(body, "error", json_string(code)) != 0 ||
	    tool_set(body, "output", tool_json_text(buf,
	    tool_utf8_cut(buf, (size_t)n))) != 0)) {
		json_decref(body);
		body = NULL;
	}
	tool_complete(c, st, body);
}

/* An absolute path without slashes at its end; "/" stays. */
static char *
root_copy(const char *s)
{
	size_t n = strlen(s);

	while (n > 1 && s[n - 1] == '/')
		n--;
	return strndup(s, n);
}

static sept_status
config_roots(struct tool_config *cfg, json_t *arr, const char **why)
{
	const char *s;
	json_t *v;
	size_t i;

	if (arr == NULL)
		return SEPT_OK;
	*why = "allowed_roots must be an array of absolute paths";
	if (!json_is_array(arr))
		return SEPT_EINVAL;
	cfg->roots = calloc(json_array_size(arr) + 1, sizeof *cfg->roots);
	if (cfg->roots == NULL)
		return SEPT_ENOMEM;
	json_array_foreach(arr, i, v) {
		s = json_string_value(v);
		if (s == NULL || s[0] != '/')
			return SEPT_EINVAL;
		cfg->roots[cfg->roots_n] = root_copy(s);
		if (cfg->roots[cfg->roots_n] == NULL)
			return SEPT_ENOMEM;
		cfg->roots_n++;
	}
	return SEPT_OK;
}

sept_status
tool_config_init(struct tool_config *cfg, struct sept_slice json,
    const char **why)
{
	sept_status st;
	json_t *v;

	memset(cfg, 0, sizeof *cfg);
	*why = "the configuration is not a JSON object";
	cfg->doc = json.n > 0 ? tool_args(json) : json_object();
	if (cfg->doc == NULL)
		return SEPT_EINVAL;
	st = config_roots(cfg, json_object_get(cfg->doc, "allowed_roots"),
	    why);
	v = json_object_get(cfg->doc, "workspace");
	if (st == SEPT_OK && v != NULL && !json_is_null(v)) {
		*why = "workspace must be an absolute path";
		if (!json_is_string(v) || json_string_value(v)[0] != '/')
			st = SEPT_EINVAL;
		else if ((cfg->workspace = root_copy(json_string_value(v))) ==
		    NULL)
			st = SEPT_ENOMEM;
	}
	if (st != SEPT_OK)
		tool_config_fini(cfg);
	return st;
}

void
tool_config_fini(struct tool_config *cfg)
{
	size_t i;

	for (i = 0; i < cfg->roots_n; i++)
		free(cfg->roots[i]);
	free(cfg->roots);
	free(cfg->workspace);
	json_decref(cfg->doc);
	memset(cfg, 0, sizeof *cfg);
}

char *
tool_workspace(const struct tool_config *cfg,
    const struct sept_call_info *info)
{
	if (info != NULL && info->workspace.n > 0 &&
	    info->workspace.p[0] == '/')
		return strndup(info->workspace.p, info->workspace.n);
	if (cfg->workspace != NULL)
		return strdup(cfg->workspace);
	return cfg->roots_n > 0 ? strdup(cfg->roots[0]) : NULL;
}

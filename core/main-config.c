/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main-config.c - reading and checking the configuration (contract, section
 * 5). A table gives name, kind, range and default; what depends on another
 * value (paths, the key) is worked out after it.
 */
#include "main-config.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uthash.h>

#include "base/buf.h"
#include "base/ids.h"
#include "base/utf8.h"

#define ENV_FILE_MAX (1024 * 1024)

/* A variable of the file, or a text made here and owned by the config. */
struct config_env {
	char *name, *value;
	UT_hash_handle hh;
};

enum kind { STR, INT, FLAG };

struct option {
	const char *name;
	enum kind kind;
	size_t offset;
	const char *dflt; /* NULL: unset */
	int64_t min, max;
};

#define OPT_STR(n, f, d) { n, STR, offsetof(struct config, f), d, 0, 0 }
#define OPT_INT(n, f, d, lo, hi) \
	{ n, INT, offsetof(struct config, f), d, lo, hi }
#define OPT_FLAG(n, f, d) { n, FLAG, offsetof(struct config, f), d, 0, 0 }

static const struct option options[] = {
	OPT_STR("ENGINE_HOST", host, "127.0.0.1"),
	OPT_INT("ENGINE_PORT", port, "8000", 0, 65535),
	OPT_STR("ENGINE_PORT_FILE", port_file, NULL),
	OPT_INT("ENGINE_MAX_BODY_BYTES", max_body, "33554432", 1024,
	    INT64_C(1) << 30),
	OPT_INT("BAP_KEY_ROTATION_MIN_OVERLAP_SECONDS", rotation_min_s, "0",
	    0, 86400),
	OPT_INT("BAP_KEY_ROTATION_MAX_OVERLAP_SECONDS", rotation_max_s,
	    "300", 0, 86400 * 30),
	OPT_FLAG("ENGINE_KEY_ROTATION_REJECT_OLD", rotation_reject_old,
	    "false"),
	OPT_STR("LLM_PROVIDER", provider, "scripted"),
	OPT_STR("LLM_MODEL", model, NULL),
	OPT_STR("LLM_BASE_URL", base_url, NULL),
	OPT_STR("PLANNER_MODEL", planner_model, NULL),
	OPT_STR("LIGHT_MODEL", light_model, NULL),
	OPT_STR("FALLBACK_MODEL", fallback_model, NULL),
	OPT_INT("MAX_TOKENS", max_tokens, "4096", 1, 10000000),
	OPT_INT("LLM_TIMEOUT_SECONDS", llm_timeout_s, "120", 1, 86400),
	OPT_INT("LLM_MAX_RETRIES", llm_max_retries, "3", 0, 20),
	OPT_STR("ENGINE_DEFAULT_AGENT", default_agent, "default"),
	OPT_INT("CLAUDE_CODE_MAX_TOOL_USE_CONCURRENCY", tool_concurrency,
	    "10", 1, 100),
	OPT_STR("SQLITE_DB_PATH", db_path, NULL),
	OPT_STR("CATALOG_DIR", catalog_dir, SEPT_CATALOG_DIR),
	OPT_STR("PLUGIN_PATH", plugin_path, SEPT_PLUGIN_DIR),
	OPT_STR("ALLOWED_ROOTS", allowed_roots, NULL),
	OPT_STR("ENGINE_NETWORK_ALLOW", network_allow, NULL),
	OPT_INT("CHANNEL_STATE_TTL_ACTIVE", ttl_active_s, "10800", 1,
	    INT64_C(315360000)),
	OPT_INT("CHANNEL_STATE_TTL_HITL", ttl_hitl_s, "259200", 1,
	    INT64_C(315360000)),
	OPT_STR("ENGINE_LOG_LEVEL", log_level, "INFO"),
	OPT_INT("ENGINE_DRAIN_SECONDS", drain_s, "30", 0, 3600),
	OPT_INT("ENGINE_HEAD_TIMEOUT_SECONDS", head_timeout_s, "10", 1, 3600),
	OPT_INT("ENGINE_BODY_TIMEOUT_SECONDS", body_timeout_s, "60", 1, 3600),
	OPT_INT("ENGINE_IDLE_TIMEOUT_SECONDS", idle_timeout_s, "75", 1, 3600),
};

/* Flags of the contract that later parts use: checked all the same. */
static const char *const flags_only[] = {
	"TOKEN_BUDGET_ENABLED", "REACTIVE_COMPACT_ENABLED",
	"PRE_TOOL_HOOKS_ENABLED", "POST_TOOL_HOOKS_ENABLED",
	"STOP_HOOKS_ENABLED",
};

static int
bad(struct err *e, const char *name, const char *why)
{
	return err_set(e, ERR_INTERNAL, "%s: %s", name, why);
}

static int
env_put(struct config *c, const char *name, const char *value)
{
	struct config_env *v, *old;

	v = calloc(1, sizeof *v);
	if (v == NULL)
		return -1;
	v->name = strdup(name);
	v->value = strdup(value);
	if (v->name == NULL || v->value == NULL) {
		free(v->name);
		free(v->value);
		free(v);
		return -1;
	}
	HASH_FIND_STR(c->env, name, old);
	if (old != NULL) {
		HASH_DEL(c->env, old);
		free(old->name);
		free(old->value);
		free(old);
	}
	HASH_ADD_KEYPTR(hh, c->env, v->name, strlen(v->name), v);
	return 0;
}

const char *
config_get(const struct config *c, const char *name)
{
	struct config_env *v;
	const char *s = getenv(name);

	if (s == NULL) {
		HASH_FIND_STR(c->env, name, v);
		s = v != NULL ? v->value : NULL;
	}
	return s != NULL && *s != '\0' ? s : NULL;
}

/*
 * A text made here, kept with the variables under a name that no variable can
 * have, so that config_free() finds it.
 */
static const char *
keep(struct config *c, const char *key, const char *text)
{
	struct config_env *v;

	if (env_put(c, key, text) != 0)
		return NULL;
	HASH_FIND_STR(c->env, key, v);
	return v != NULL ? v->value : NULL;
}

/* One line of the file: NAME=value, quotes optional, `export ` allowed. */
static int
env_line(struct config *c, char *line, const char *file, int no,
    struct err *e)
{
	char *eq, *end, *name = line, *value;

	while (isspace((unsigned char)*name))
		name++;
	if (*name == '\0' || *name == '#')
		return 0;
	if (strncmp(name, "export ", 7) == 0)
		name += 7;
	eq = strchr(name, '=');
	if (eq == NULL || eq == name)
		return err_set(e, ERR_INTERNAL, "%s:%d: not NAME=value", file,
		    no);
	*eq = '\0';
	for (end = eq; end > name && isspace((unsigned char)end[-1]);)
		*--end = '\0';
	value = eq + 1;
	while (isspace((unsigned char)*value))
		value++;
	end = value + strlen(value);
	while (end > value && isspace((unsigned char)end[-1]))
		*--end = '\0';
	if (end - value >= 2 && (*value == '"' || *value == '\'') &&
	    end[-1] == *value) {
		end[-1] = '\0';
		value++;
	}
	return env_put(c, name, value) != 0 ? err_nomem(e) : 0;
}

static int
env_file(struct config *c, struct err *e)
{
	const char *path = getenv("ENGINE_ENV_FILE");
	int named = path != NULL && *path != '\0', no = 0, r = 0;
	size_t cap = 0, total = 0;
	char *line = NULL;
	ssize_t n;
	FILE *f;

	if (!named)
		path = ".env";
	f = fopen(path, "re");
	if (f == NULL) {
		if (!named && errno == ENOENT)
			return 0;
		return err_set(e, ERR_INTERNAL,
		    "ENGINE_ENV_FILE: cannot read %s: %s", path,
		    strerror(errno));
	}
	while (r == 0 && (n = getline(&line, &cap, f)) >= 0) {
		total += (size_t)n;
		if (total > ENV_FILE_MAX || memchr(line, '\0', (size_t)n) ||
		    !utf8_valid(line, (size_t)n))
			r = err_set(e, ERR_INTERNAL,
			    "%s: too large or not text", path);
		else
			r = env_line(c, line, path, ++no, e);
	}
	free(line);
	(void)fclose(f);
	return r;
}

static int
parse_int(const char *s, int64_t min, int64_t max, int64_t *out)
{
	char *end;
	long long v;

	if (!isdigit((unsigned char)*s) && *s != '-')
		return -1;
	errno = 0;
	v = strtoll(s, &end, 10);
	if (errno != 0 || *end != '\0' || v < min || v > max)
		return -1;
	*out = v;
	return 0;
}

static int
parse_flag(const char *s, int *out)
{
	if (strcmp(s, "true") == 0)
		*out = 1;
	else if (strcmp(s, "false") == 0)
		*out = 0;
	else
		return -1;
	return 0;
}

static int
read_option(struct config *c, const struct option *o, struct err *e)
{
	void *at = (char *)c + o->offset;
	const char *s = config_get(c, o->name);

	if (s == NULL)
		s = o->dflt;
	switch (o->kind) {
	case STR:
		memcpy(at, &s, sizeof s);
		return 0;
	case INT:
		if (parse_int(s, o->min, o->max, at) != 0)
			return err_set(e, ERR_INTERNAL,
			    "%s must be a whole number from %lld to %lld",
			    o->name, (long long)o->min, (long long)o->max);
		return 0;
	case FLAG:
		if (parse_flag(s, at) != 0)
			return bad(e, o->name, "must be true or false");
		return 0;
	}
	return 0;
}

static int
load_key(struct config *c, struct err *e)
{
	const char *key = config_get(c, "ENGINE_API_KEY");
	const char *hash = config_get(c, "ENGINE_KEY_HASH");
	size_t i;

	if (key != NULL && hash != NULL)
		return bad(e, "ENGINE_API_KEY",
		    "set it or ENGINE_KEY_HASH, not both");
	if (key == NULL && hash == NULL)
		return bad(e, "ENGINE_API_KEY",
		    "it or ENGINE_KEY_HASH must be set");
	if (key != NULL) {
		id_sha256(key, strlen(key), c->key_hash);
		return 0;
	}
	if (strlen(hash) != 64)
		return bad(e, "ENGINE_KEY_HASH", "must be 64 hex digits");
	for (i = 0; i < 64; i++) {
		if (!isxdigit((unsigned char)hash[i]))
			return bad(e, "ENGINE_KEY_HASH",
			    "must be 64 hex digits");
		c->key_hash[i] = (char)tolower((unsigned char)hash[i]);
	}
	return 0;
}

/* $XDG_DATA_HOME/september-engine or ~/.local/share/september-engine. */
static int
data_dir(const struct config *c, char *out, size_t n, struct err *e)
{
	const char *xdg = config_get(c, "XDG_DATA_HOME");
	const char *home = config_get(c, "HOME");
	int r;

	if (xdg != NULL && *xdg == '/')
		r = snprintf(out, n, "%s/september-engine", xdg);
	else if (home != NULL && *home == '/')
		r = snprintf(out, n, "%s/.local/share/september-engine", home);
	else
		return bad(e, "SQLITE_DB_PATH",
		    "must be set where HOME and XDG_DATA_HOME are not");
	return r < 0 || (size_t)r >= n ? bad(e, "HOME", "too long") : 0;
}

/* An absolute form of path, which need not exist. */
static const char *
absolute(struct config *c, const char *key, const char *path, struct err *e)
{
	char cwd[PATH_MAX];
	const char *r = NULL;
	struct buf b;

	if (*path == '/')
		return path;
	if (getcwd(cwd, sizeof cwd) == NULL) {
		bad(e, key, "the working directory cannot be read");
		return NULL;
	}
	buf_init(&b, 2 * PATH_MAX);
	if (buf_addf(&b, "%s/%s", cwd, path) == 0)
		r = keep(c, key, b.p);
	buf_fini(&b);
	if (r == NULL)
		err_nomem(e);
	return r;
}

static int
check_roots(const char *roots, struct err *e)
{
	const char *p = roots;

	for (;;) {
		if (*p != '/')
			return bad(e, "ALLOWED_ROOTS",
			    "must be absolute paths, comma-separated");
		p = strchr(p, ',');
		if (p == NULL)
			return 0;
		p++;
	}
}

/* Folder of the brain: what is derived from it stands beside it. */
static int
derive(struct config *c, const char *key, const char **out, const char *dir,
    const char *name, struct err *e)
{
	char path[PATH_MAX + 64];

	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	*out = keep(c, key, path);
	return *out == NULL ? err_nomem(e) : 0;
}

static int
load_paths(struct config *c, struct err *e)
{
	char dir[PATH_MAX], first[PATH_MAX];
	const char *comma;
	size_t n;

	if (c->db_path == NULL) {
		if (data_dir(c, dir, sizeof dir, e) != 0 ||
		    derive(c, "=db", &c->db_path, dir, "brain.db", e) != 0)
			return -1;
	}
	c->db_path = absolute(c, "=db_abs", c->db_path, e);
	c->catalog_dir = absolute(c, "=catalog_abs", c->catalog_dir, e);
	if (c->db_path == NULL || c->catalog_dir == NULL)
		return -1;
	n = (size_t)(strrchr(c->db_path, '/') - c->db_path);
	if (n >= sizeof dir)
		return bad(e, "SQLITE_DB_PATH", "too long");
	memcpy(dir, c->db_path, n);
	dir[n] = '\0';
	if (derive(c, "=state", &c->state_dir, dir, "plugins", e) != 0)
		return -1;
	if (c->allowed_roots == NULL) {
		if (derive(c, "=work", &c->workspace, dir, "workspace",
		    e) != 0)
			return -1;
		c->allowed_roots = c->workspace;
		return 0;
	}
	if (check_roots(c->allowed_roots, e) != 0)
		return -1;
	comma = strchrnul(c->allowed_roots, ',');
	n = (size_t)(comma - c->allowed_roots);
	if (n >= sizeof first)
		return bad(e, "ALLOWED_ROOTS", "too long");
	memcpy(first, c->allowed_roots, n);
	first[n] = '\0';
	c->workspace = keep(c, "=work", first);
	c->workspace_shared = 1;
	return c->workspace == NULL ? err_nomem(e) : 0;
}

int
config_load(struct config *c, struct err *e)
{
	size_t i;
	int flag;
	const char *s;

	memset(c, 0, sizeof *c);
	if (env_file(c, e) != 0)
		return -1;
	for (i = 0; i < sizeof options / sizeof options[0]; i++)
		if (read_option(c, &options[i], e) != 0)
			return -1;
	for (i = 0; i < sizeof flags_only / sizeof flags_only[0]; i++) {
		s = config_get(c, flags_only[i]);
		if (s != NULL && parse_flag(s, &flag) != 0)
			return bad(e, flags_only[i], "must be true or false");
	}
	if (c->rotation_min_s > c->rotation_max_s)
		return bad(e, "BAP_KEY_ROTATION_MIN_OVERLAP_SECONDS",
		    "is above BAP_KEY_ROTATION_MAX_OVERLAP_SECONDS");
	if (load_key(c, e) != 0)
		return -1;
	return load_paths(c, e);
}

void
config_free(struct config *c)
{
	struct config_env *v, *tmp;

	HASH_ITER(hh, c->env, v, tmp) {
		HASH_DEL(c->env, v);
		free(v->name);
		free(v->value);
		free(v);
	}
	memset(c, 0, sizeof *c);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main-config.h - the configuration: the process environment over the file
 * `.env` (ENGINE_ENV_FILE names another), checked once at start.
 *
 * Strings live as long as the config. A bad or missing value is one line that
 * names the variable.
 */
#ifndef CORE_MAIN_CONFIG_H
#define CORE_MAIN_CONFIG_H

#include <stdint.h>

#include "base/err.h"

struct config {
	const char *host;
	int64_t port;
	const char *port_file;  /* where the bound port is written, or NULL */
	char key_hash[65];      /* lower-case SHA-256 of the API key */
	int64_t max_body;
	int64_t rotation_min_s, rotation_max_s;
	int rotation_reject_old;

	const char *provider, *model, *base_url;
	const char *planner_model, *light_model, *fallback_model;
	int64_t max_tokens, llm_timeout_s, llm_max_retries;
	const char *default_agent;
	int64_t tool_concurrency;

	const char *db_path, *catalog_dir, *plugin_path, *state_dir;
	const char *workspace;  /* where tasks work, absolute */
	int workspace_shared;   /* 1: all tasks in it, 0: a folder each */
	const char *allowed_roots; /* comma-separated, absolute */
	const char *network_allow; /* or NULL: unset */
	int64_t ttl_active_s, ttl_hitl_s;
	const char *log_level;
	int64_t drain_s;        /* how long running turns may go on */
	/* of a connection, see http_server.h */
	int64_t head_timeout_s, body_timeout_s, idle_timeout_s;
	struct config_env *env;
};

/* [main] -1 and e->text: the line to print. */
int config_load(struct config *c, struct err *e);
void config_free(struct config *c);
/* A variable's raw value (environment, then file), or NULL when empty. */
const char *config_get(const struct config *c, const char *name);

#endif

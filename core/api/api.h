/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api.h - the HTTP interface: routes, authentication, JSON in and out. Loop
 * thread only.
 */
#ifndef CORE_API_API_H
#define CORE_API_API_H

#include <stdint.h>

#include "../agent/agent.h"
#include "../memory/memory.h"
#include "../net/http_server.h"

struct api;

struct api_config {
	struct loop *loop;
	struct brain *brain;
	struct journal *journal;
	struct plug *plug;
	struct agent *agent;
	struct memory *memory;
	struct http_client *client;
	const char *key_hash;     /* of the environment's key, 64 hex digits */
	int64_t rotation_min_s, rotation_max_s;
	int rotation_reject_old;
	const char *provider, *model; /* borrowed, may be NULL */
};

struct api *api_new(const struct api_config *cfg, struct err *e);
void api_free(struct api *a);
/*
 * Reads what the brain knows of the key; done before the server is opened.
 */
void api_start(struct api *a, void (*done)(void *arg, const struct err *e),
    void *arg);
/* The two hooks of http_server_config; user is the api. */
int api_check_head(void *user, const char *method, const char *path,
    const char *(*header)(void *ctx, const char *name), void *ctx,
    struct err *e);
void api_handle(void *user, struct http_req *r);
/* For /metrics; the server is made after the api. */
void api_set_server(struct api *a, struct http_server *s);

#endif

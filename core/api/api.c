/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api.c - finding the route of a request, and the helpers of all handlers.
 * Authentication has been done on the head, before any body was read.
 */
#include "api.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/log.h"
#include "../base/utf8.h"
#include "api-internal.h"

#define ALLOW_MAX 64

struct api *
api_new(const struct api_config *cfg, struct err *e)
{
	struct api *a = calloc(1, sizeof *a);

	if (a == NULL) {
		err_nomem(e);
		return NULL;
	}
	a->cfg = *cfg;
	a->started_ns = clock_mono_ns();
	a->auth = auth_new(cfg, e);
	if (a->auth == NULL) {
		free(a);
		return NULL;
	}
	return a;
}

void
api_free(struct api *a)
{
	if (a == NULL)
		return;
	auth_free(a->auth);
	free(a);
}

void
api_start(struct api *a, void (*done)(void *, const struct err *), void *arg)
{
	auth_load(a->auth, done, arg);
}

void
api_set_server(struct api *a, struct http_server *s)
{
	a->server = s;
}

/* The only two routes that are open; see the contract, section 1. */
static int
is_open(const char *method, const char *path)
{
	return strcmp(method, "GET") == 0 && (strcmp(path, "/health") == 0 ||
	    strcmp(path, "/assets/oauth/callback") == 0);
}

int
api_check_head(void *user, const char *method, const char *path,
    const char *(*header)(void *ctx, const char *name), void *ctx,
    struct err *e)
{
	struct api *a = user;

	if (is_open(method, path))
		return 0;
	return auth_check(a->auth, header(ctx, "X-Engine-Key"), e);
}

void
api_fail(struct http_req *r, const struct err *e, json_t *details)
{
	if (e->code == ERR_UNAVAILABLE)
		(void)http_req_reply_header(r, "Retry-After", "5");
	http_reply_err(r, e, details);
}

/* --- routing ------------------------------------------------------------ */

/* Decodes a path segment into new memory; NULL: bad escape or NUL in it. */
static char *
decode_segment(const char *s, size_t n)
{
	char *out = malloc(n + 1), hex[3] = { 0 };
	size_t i, o = 0;
	unsigned long v;

	for (i = 0; out != NULL && i < n; i++) {
		if (s[i] != '%') {
			out[o++] = s[i];
			continue;
		}
		if (n - i < 3 || !isxdigit((unsigned char)s[i + 1]) ||
		    !isxdigit((unsigned char)s[i + 2]))
			goto bad;
		hex[0] = s[i + 1];
		hex[1] = s[i + 2];
		v = strtoul(hex, NULL, 16);
		if (v == 0)
			goto bad;
		out[o++] = (char)v;
		i += 2;
	}
	if (out != NULL)
		out[o] = '\0';
	if (out != NULL && !utf8_valid(out, o))
		goto bad;
	return out;
bad:
	free(out);
	return NULL;
}

/*
 * 1 when path has the form of the pattern; *param gets the start of the
 * segment that stands for {...} and *n its length.
 */
static int
matches(const char *pattern, const char *path, const char **param, size_t *n)
{
	*param = NULL;
	*n = 0;
	while (*pattern != '\0') {
		if (*pattern == '{') {
			*param = path;
			*n = strcspn(path, "/");
			if (*n == 0)
				return 0;
			path += *n;
			pattern = strchr(pattern, '}') + 1;
			continue;
		}
		if (*pattern != *path)
			return 0;
		pattern++;
		path++;
	}
	return *path == '\0';
}

static void
run_route(struct api *a, struct http_req *r, const struct route *route,
    const char *param, size_t n)
{
	struct api_call c = { a, r, NULL };
	char *decoded = NULL;
	struct err e;

	if (param != NULL) {
		decoded = decode_segment(param, n);
		if (decoded == NULL) {
			err_set(&e, ERR_BAD_REQUEST,
			    "the path is not valid text");
			api_fail(r, &e, NULL);
			return;
		}
		c.param = decoded;
	}
	route->handle(&c);
	free(decoded);
}

static void
add_allowed(char *allow, const char *method)
{
	size_t n = strlen(allow);

	if (n + strlen(method) + 3 > ALLOW_MAX)
		return;
	(void)snprintf(allow + n, ALLOW_MAX - n, "%s%s", n > 0 ? ", " : "",
	    method);
}

void
api_handle(void *user, struct http_req *r)
{
	struct api *a = user;
	const char *before, *param, *method = http_req_method(r);
	const char *path = http_req_raw_path(r);
	char allow[ALLOW_MAX] = "";
	const struct route *route;
	struct err e;
	size_t n;

	before = loop_section(a->cfg.loop, "api");
	for (route = api_routes; route->method != NULL; route++) {
		if (!matches(route->path, path, &param, &n))
			continue;
		if (strcmp(route->method, method) == 0)
			break;
		add_allowed(allow, route->method);
	}
	if (route->method != NULL) {
		run_route(a, r, route, param, n);
	} else if (allow[0] != '\0') {
		err_set(&e, ERR_METHOD_NOT_ALLOWED,
		    "this path takes %s", allow);
		(void)http_req_reply_header(r, "Allow", allow);
		api_fail(r, &e, NULL);
	} else {
		err_set(&e, ERR_NOT_FOUND, "there is no such path");
		api_fail(r, &e, NULL);
	}
	loop_section(a->cfg.loop, before);
}

/* --- for the handlers --------------------------------------------------- */

json_t *
api_body(struct api_call *c, int optional)
{
	struct err e;
	const char *p;
	json_t *v;
	size_t n;

	p = http_req_body(c->req, &n);
	if (optional && n == 0) {
		v = json_object();
		if (v == NULL)
			err_nomem(&e);
	} else {
		v = json_parse_object(p != NULL ? p : "", n,
		    JSON_REQUEST_DEPTH, &e);
	}
	if (v == NULL)
		api_fail(c->req, &e, NULL);
	return v;
}

int
api_query_int(struct api_call *c, const char *name, int64_t min, int64_t max,
    int64_t *out, struct err *e)
{
	const char *s = http_req_query(c->req, name);
	size_t n;

	if (s == NULL || *s == '\0')
		return 0;
	n = strspn(s, "0123456789");
	if (s[n] != '\0' || n > 18)
		return err_field(e, name, "%s must be a whole number", name);
	*out = strtoll(s, NULL, 10);
	if (*out < min || *out > max)
		return err_field(e, name, "%s must be from %lld to %lld",
		    name, (long long)min, (long long)max);
	return 0;
}

struct api_op *
api_op_new(struct api_call *c)
{
	struct api_op *o = calloc(1, sizeof *o);
	struct err e;

	if (o != NULL && c->param != NULL)
		o->id = strdup(c->param);
	if (o == NULL || (c->param != NULL && o->id == NULL)) {
		free(o);
		err_nomem(&e);
		api_fail(c->req, &e, NULL);
		return NULL;
	}
	o->api = c->api;
	o->req = c->req;
	return o;
}

void
api_op_free(struct api_op *o)
{
	json_decref(o->body);
	json_decref(o->reply);
	free(o->id);
	free(o);
}

static void
op_done(void *arg, const struct err *e)
{
	struct api_op *o = arg;

	if (e->code != ERR_NONE) {
		api_fail(o->req, e, NULL);
	} else if (o->then != NULL) {
		o->then(o);
		return;
	} else {
		http_reply_json(o->req, 200, o->reply);
		o->reply = NULL;
	}
	api_op_free(o);
}

static void
op_fill(struct api_op *o,
    int (*run)(struct brain_db *, void *, struct err *))
{
	o->op.run = run;
	o->op.done = op_done;
	o->op.arg = o;
}

void
api_op_read(struct api_op *o,
    int (*run)(struct brain_db *, void *, struct err *))
{
	op_fill(o, run);
	brain_read(o->api->cfg.brain, &o->op);
}

void
api_op_write(struct api_op *o,
    int (*run)(struct brain_db *, void *, struct err *))
{
	op_fill(o, run);
	brain_write(o->api->cfg.brain, &o->op);
}

void
api_later(struct api_call *c)
{
	struct err e;

	err_set(&e, ERR_NOT_IMPLEMENTED,
	    "this version does not have this part yet");
	api_fail(c->req, &e, NULL);
}

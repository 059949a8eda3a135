/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openapi.c - GET /openapi.json, made from the table of routes, so that it
 * names exactly what is served.
 */
#include <string.h>

#include "api-internal.h"

/* Every {name} of the path as a parameter. */
static json_t *
parameters(const char *path)
{
	json_t *list = json_array();
	const char *p = path, *end;

	while (list != NULL && (p = strchr(p, '{')) != NULL) {
		end = strchr(p, '}');
		if (json_array_append_new(list, json_pack(
		    "{s:s%,s:s,s:b,s:{s:s}}", "name", p + 1,
		    (size_t)(end - p - 1), "in", "path", "required", 1,
		    "schema", "type", "string")) != 0) {
			json_decref(list);
			return NULL;
		}
		p = end;
	}
	return list;
}

static json_t *
operation(const struct route *r)
{
	int stream = strncmp(r->path, "/execute", 8) == 0 &&
	    strcmp(r->path, "/execute/cancel") != 0;
	json_t *op;

	op = json_pack("{s:s,s:o,s:{s:{s:s,s:{s:{}}},s:{s:s,s:{s:{s:{s:s}}}}}"
	    "}", "summary", r->summary, "parameters", parameters(r->path),
	    "responses", "200", "description", stream ?
	    "A stream of server-sent events" : "Success", "content",
	    stream ? "text/event-stream" : "application/json", "default",
	    "description", "Failure", "content", "application/json",
	    "schema", "$ref", "#/components/schemas/Error");
	if (op != NULL && strcmp(r->method, "POST") == 0)
		json_object_set_new(op, "requestBody", json_pack(
		    "{s:{s:{s:{s:s}}}}", "content", "application/json",
		    "schema", "type", "object"));
	return op;
}

static int
add_route(json_t *paths, const struct route *r)
{
	json_t *item = json_object_get(paths, r->path);
	const char *method = strcmp(r->method, "GET") == 0 ? "get" :
	    strcmp(r->method, "POST") == 0 ? "post" :
	    strcmp(r->method, "PUT") == 0 ? "put" : "delete";

	if (item == NULL) {
		item = json_object();
		if (json_object_set_new(paths, r->path, item) != 0)
			return -1;
	}
	return json_object_set_new(item, method, operation(r));
}

void
api_openapi(struct api_call *c)
{
	json_t *doc, *paths = json_object();
	const struct route *r;
	int bad = paths == NULL;

	for (r = api_routes; !bad && r->method != NULL; r++)
		bad = add_route(paths, r) != 0;
	if (bad) {
		json_decref(paths);
		http_reply_json(c->req, 200, NULL);
		return;
	}
	doc = json_pack("{s:s,s:{s:s,s:s},s:[{s:[]}],s:o,s:{s:{s:{s:s,s:s,"
	    "s:s}},s:{s:{s:s,s:[s,s],s:{s:{s:s},s:{s:s},s:{s:s}}}}}}",
	    "openapi", "3.1.0", "info", "title", "September Engine",
	    "version", "1.0", "security", "EngineKey", "paths", paths,
	    "components", "securitySchemes", "EngineKey", "type", "apiKey",
	    "in", "header", "name", "X-Engine-Key", "schemas", "Error",
	    "type", "object", "required", "error", "message", "properties",
	    "error", "type", "string", "message", "type", "string",
	    "details", "type", "object");
	http_reply_json(c->req, 200, doc);
}

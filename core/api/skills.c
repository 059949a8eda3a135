/* SPDX-License-Identifier: Apache-2.0 */
/*
 * skills.c - skills: those of the catalog ("platform", read-only here) and
 * those written over the interface ("custom", kept in the brain).
 *
 * A write is committed first and the catalog's custom part read again after
 * it, so that what is answered is in force for the next turn.
 */
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "api-internal.h"

#define NAME_MAX_BYTES 64
#define CONFIDENCE 1.0 /* a written skill is certain */

static struct catalog *
catalog_of(struct api_call *c)
{
	struct catalog *cat = agent_catalog(c->api->cfg.agent);
	struct err e;

	if (cat == NULL) {
		err_set(&e, ERR_UNAVAILABLE, "the engine is starting");
		api_fail(c->req, &e, NULL);
	}
	return cat;
}

void
api_skills(struct api_call *c)
{
	struct catalog *cat = catalog_of(c);
	const struct catalog_skill *s;
	json_t *list;
	size_t i;

	if (cat == NULL)
		return;
	list = json_array();
	for (i = 0; list != NULL && i < catalog_skill_count(cat); i++) {
		s = catalog_skill_at(cat, i);
		if (json_array_append_new(list, json_pack(
		    "{s:s,s:s,s:s,s:s,s:f}", "name", s->name, "description",
		    s->description, "source", s->source, "category",
		    s->category, "confidence", CONFIDENCE)) != 0) {
			json_decref(list);
			list = NULL;
		}
	}
	http_reply_json(c->req, 200, list);
}

static json_t *
detail(const char *name, const char *description, const char *category,
    const char *prompt, json_t *scripts, json_t *capabilities,
    const char *source)
{
	return json_pack("{s:s,s:s,s:s,s:s,s:O,s:O,s:s}", "name", name,
	    "description", description, "category", category,
	    "prompt_template", prompt, "scripts", scripts, "capabilities",
	    capabilities, "source", source);
}

static void
no_skill(struct api_call *c)
{
	struct err e;

	err_set(&e, ERR_SKILL_NOT_FOUND, "there is no skill named %.100s",
	    c->param);
	api_fail(c->req, &e, NULL);
}

void
api_skill(struct api_call *c)
{
	struct catalog *cat = catalog_of(c);
	const struct catalog_skill *s;

	if (cat == NULL)
		return;
	s = catalog_skill_find(cat, c->param);
	if (s == NULL)
		no_skill(c);
	else
		http_reply_json(c->req, 200, detail(s->name, s->description,
		    s->category, s->body, s->scripts, s->capabilities,
		    s->source));
}

/* --- reading what is to be written -------------------------------------- */

static int
check_name(const char *name, struct err *e)
{
	size_t n = strlen(name);

	if (n == 0 || n > NAME_MAX_BYTES || name[0] == '-' ||
	    name[n - 1] == '-' || strstr(name, "--") != NULL ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != n)
		return err_field(e, "name", "name must be lower-case letters, "
		    "digits and single hyphens, at most %d",
		    NAME_MAX_BYTES);
	if (strcmp(name, "create") == 0)
		return err_field(e, "name", "the name create is reserved");
	return 0;
}

static int
check_scripts(const json_t *scripts, struct err *e)
{
	const char *file;
	json_t *text;

	json_object_foreach((json_t *)(uintptr_t)scripts, file, text) {
		if (*file == '\0' || *file == '.' ||
		    strchr(file, '/') != NULL || strlen(file) > 255)
			return err_field(e, "scripts",
			    "scripts: %.80s is not a file name", file);
		if (!json_is_string(text))
			return err_field(e, "scripts",
			    "scripts: %.80s must be a string", file);
	}
	return 0;
}

static int
check_strings(const json_t *list, const char *field, struct err *e)
{
	size_t i;

	for (i = 0; i < json_array_size(list); i++)
		if (!json_is_string(json_array_get(list, i)))
			return err_field(e, field,
			    "%s must be an array of strings", field);
	return 0;
}

/* The fields of a body over those of a skill that is there (or NULL). */
static json_t *
merge(const json_t *body, const char *name, const struct catalog_skill *old,
    struct err *e)
{
	const char *description = old != NULL ? old->description : "";
	const char *category = old != NULL ? old->category : "custom";
	const char *prompt = old != NULL ? old->body : NULL;
	json_t *scripts = old != NULL ? old->scripts : NULL;
	json_t *caps = old != NULL ? old->capabilities : NULL, *r;

	if (json_get_str(body, "description", 0, &description, e) != 0 ||
	    json_get_str(body, "category", 0, &category, e) != 0 ||
	    json_get_str(body, "prompt", 0, &prompt, e) != 0 ||
	    json_get_object(body, "scripts", 0, &scripts, e) != 0 ||
	    json_get_array(body, "capabilities", 0, &caps, e) != 0 ||
	    check_scripts(scripts, e) != 0 ||
	    check_strings(caps, "capabilities", e) != 0)
		return NULL;
	if (prompt == NULL && json_object_size(scripts) == 0) {
		err_set(e, ERR_BAD_REQUEST,
		    "missing required field: prompt (there are no scripts)");
		return NULL;
	}
	json_incref(scripts);
	json_incref(caps);
	if (scripts == NULL)
		scripts = json_object();
	if (caps == NULL)
		caps = json_array();
	r = detail(name, description, category, prompt != NULL ? prompt : "",
	    scripts, caps, "custom");
	json_decref(scripts);
	json_decref(caps);
	if (r == NULL)
		err_nomem(e);
	return r;
}

/* --- writing ------------------------------------------------------------ */

/* The catalog has the change: now the answer. */
static void
on_reloaded(void *arg, const struct err *e, json_t *reply, json_t *problems)
{
	struct api_op *o = arg;

	(void)reply;
	(void)problems;
	if (e->code != ERR_NONE) {
		api_fail(o->req, e, NULL);
	} else {
		http_reply_json(o->req, 200, o->reply);
		o->reply = NULL;
	}
	api_op_free(o);
}

static void
written(struct api_op *o)
{
	struct err e;

	if (agent_reload_skills(o->api->cfg.agent, on_reloaded, o, &e) != 0) {
		api_fail(o->req, &e, NULL);
		api_op_free(o);
	}
}

struct find {
	const char *name;
	int found;
};

static int
see_name(void *arg, const char *name, const char *json)
{
	struct find *f = arg;

	(void)json;
	if (strcmp(name, f->name) == 0)
		f->found = 1;
	return 0;
}

static int
put(struct brain_db *db, struct api_op *o, struct err *e)
{
	char *text = json_dumps(o->reply, JSON_COMPACT);
	int r;

	if (text == NULL)
		return err_nomem(e);
	r = skill_row_put(db, o->id, text, clock_wall_ms(), e);
	free(text);
	return r;
}

/* Looks again on the writer: two requests may want the same name. */
static int
create_run(struct brain_db *db, void *arg, struct err *e)
{
	struct api_op *o = arg;
	struct find f = { o->id, 0 };

	if (skill_row_list(db, see_name, &f, e) != 0)
		return -1;
	if (f.found)
		return err_set(e, ERR_SKILL_EXISTS,
		    "there is a skill named %s", o->id);
	return put(db, o, e);
}

static int
update_run(struct brain_db *db, void *arg, struct err *e)
{
	return put(db, arg, e);
}

static int
delete_run(struct brain_db *db, void *arg, struct err *e)
{
	struct api_op *o = arg;

	return skill_row_delete(db, o->id, e);
}

/* Starts a write; row: what is stored and answered (stolen). */
static void
start_write(struct api_call *c, json_t *row,
    int (*run)(struct brain_db *, void *, struct err *))
{
	struct api_op *o = api_op_new(c);

	if (o == NULL) {
		json_decref(row);
		return;
	}
	o->reply = row;
	o->then = written;
	api_op_write(o, run);
}

void
api_skill_create(struct api_call *c)
{
	struct catalog *cat = catalog_of(c);
	const char *name = NULL;
	json_t *body, *row = NULL;
	struct err e;

	if (cat == NULL)
		return;
	body = api_body(c, 0);
	if (body == NULL)
		return;
	if (json_get_str(body, "name", 1, &name, &e) == 0 &&
	    check_name(name, &e) == 0) {
		row = merge(body, name, NULL, &e);
		if (row != NULL && catalog_skill_find(cat, name) != NULL) {
			err_set(&e, ERR_SKILL_EXISTS,
			    "there is a skill named %s", name);
			json_decref(row);
			row = NULL;
		}
	}
	if (row != NULL) {
		c->param = name;
		start_write(c, row, create_run);
	} else {
		api_fail(c->req, &e, NULL);
	}
	json_decref(body);
}

/* The custom skill of the path, or NULL when the request was answered. */
static const struct catalog_skill *
custom_skill(struct api_call *c, struct catalog *cat)
{
	const struct catalog_skill *s = catalog_skill_find(cat, c->param);
	struct err e;

	if (s == NULL) {
		no_skill(c);
		return NULL;
	}
	if (strcmp(s->source, "custom") != 0) {
		err_set(&e, ERR_PERMISSION_DENIED,
		    "%s is a platform skill and cannot be changed", s->name);
		api_fail(c->req, &e, NULL);
		return NULL;
	}
	return s;
}

void
api_skill_update(struct api_call *c)
{
	struct catalog *cat = catalog_of(c);
	const struct catalog_skill *s;
	const char *name = NULL;
	json_t *body, *row = NULL;
	struct err e;

	if (cat == NULL || (s = custom_skill(c, cat)) == NULL)
		return;
	body = api_body(c, 0);
	if (body == NULL)
		return;
	if (json_get_str(body, "name", 0, &name, &e) == 0) {
		if (name != NULL && strcmp(name, c->param) != 0)
			err_field(&e, "name", "a skill cannot be renamed");
		else
			row = merge(body, c->param, s, &e);
	}
	if (row != NULL)
		start_write(c, row, update_run);
	else
		api_fail(c->req, &e, NULL);
	json_decref(body);
}

void
api_skill_delete(struct api_call *c)
{
	struct catalog *cat = catalog_of(c);

	if (cat == NULL || custom_skill(c, cat) == NULL)
		return;
	start_write(c, json_pack("{s:s,s:s}", "status", "deleted", "name",
	    c->param), delete_run);
}

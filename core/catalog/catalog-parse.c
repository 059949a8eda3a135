/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalog-parse.c - agents/, tools/ and core_soul.json: from files to
 * records. A file with a problem leaves no record. Unknown members are
 * ignored.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/schema.h"
#include "catalog-internal.h"

/* Room for one more of the array; -1: no memory. */
static int
grow(struct reader *rd, void *array, size_t n, size_t *room, size_t size)
{
	void **p = array, *q;
	size_t want = *room != 0 ? *room * 2 : 8;

	if (n < *room)
		return 0;
	q = realloc(*p, want * size);
	if (q == NULL) {
		rd->nomem = 1;
		return -1;
	}
	*p = q;
	*room = want;
	return 0;
}

static char *
path_of(struct reader *rd, const char *a, const char *b, const char *c)
{
	char *p;

	if (asprintf(&p, "%s/%s%s", a, b, c) < 0) {
		rd->nomem = 1;
		return NULL;
	}
	return p;
}

/* The agent's prompt into rec->prompt, when it has one. */
static void
read_prompt(struct fields *f, const char *folder, struct agent_rec *rec)
{
	const char *rel = fields_str(f, "system_prompt_path", 0, 1024);
	enum read_result r;
	struct text t;
	char *file;

	if (rel == NULL && f->bad > 0)
		return;
	if (rel != NULL && (rel[0] == '/' || rel[0] == '\0')) {
		fields_problem(f, "system_prompt_path", "system_prompt_path "
		    "must be relative to the agent's folder");
		return;
	}
	file = path_of(f->rd, folder, "", rel != NULL ? rel :
	    "system-prompt.md");
	if (file == NULL)
		return;
	r = reader_text(f->rd, file, &t);
	if (r == READ_OK)
		rec->prompt = t.p;
	else if (r == READ_BAD)
		f->bad++;
	else if (rel != NULL)
		fields_problem(f, "system_prompt_path",
		    "no such file: %s", rel);
	free(file);
}

static void
read_tool_lines(struct fields *f, struct agent_rec *rec)
{
	char place[40];
	size_t i, n = json_array_size(rec->pub.tools);

	if (n == 0)
		return;
	rec->tool_lines = calloc(n, sizeof *rec->tool_lines);
	if (rec->tool_lines == NULL) {
		f->rd->nomem = 1;
		return;
	}
	for (i = 0; i < n; i++) {
		(void)snprintf(place, sizeof place, "tools/%zu", i);
		rec->tool_lines[i] = fields_line(f, place);
	}
}

static void
fill_agent(struct fields *f, const char *folder, const char *folder_name,
    struct agent_rec *rec)
{
	struct catalog_agent *a = &rec->pub;
	json_t *v;

	a->name = fields_name(f, "name", 0);
	if (a->name != NULL && strcmp(a->name, folder_name) != 0)
		fields_problem(f, "name", "name \"%s\" differs from the "
		    "folder's, \"%s\"", a->name, folder_name);
	a->description = fields_str(f, "description", 1, 4096);
	a->model = fields_str(f, "model", 0, 256);
	if (a->model != NULL && a->model[0] == '\0')
		a->model = NULL;
	v = json_object_get(f->obj, "tools");
	a->has_tools = v != NULL && !json_is_null(v);
	a->tools = fields_strings(f, "tools");
	a->skills = fields_strings(f, "skills");
	a->planning = fields_bool(f, "planning", 0);
	a->max_iterations = fields_int(f, "max_iterations", 1, 10000,
	    CATALOG_ITERATIONS);
	a->permissions = json_object_get(f->obj, "permissions");
	if (a->permissions != NULL && !json_is_object(a->permissions) &&
	    !json_is_array(a->permissions))
		fields_problem(f, "permissions", "permissions must be an "
		    "object or an array");
	a->sandbox = json_object_get(f->obj, "sandbox");
	if (a->sandbox != NULL && !json_is_object(a->sandbox) &&
	    !json_is_string(a->sandbox) && !json_is_boolean(a->sandbox))
		fields_problem(f, "sandbox", "sandbox must be an object, a "
		    "string, true or false");
	read_prompt(f, folder, rec);
	a->system_prompt = rec->prompt != NULL ? rec->prompt : "";
	read_tool_lines(f, rec);
}

static void
agent_fini(struct agent_rec *rec)
{
	json_decref(rec->doc);
	free(rec->prompt);
	free(rec->file);
	free(rec->tool_lines);
}

static void
read_agent(struct reader *rd, struct catalog_files *fs, const char *name)
{
	char *folder = path_of(rd, "agents", name, "/");
	struct agent_rec rec = { 0 };
	struct fields f = { .rd = rd, .at = "" };
	enum read_result r;
	struct text t = { 0 };

	if (folder == NULL || (rec.file = path_of(rd, "agents", name,
	    "/agent.json")) == NULL)
		goto out;
	folder[strlen(folder) - 1] = '\0';
	r = reader_object(rd, rec.file, &t, &rec.doc);
	if (r == READ_MISSING)
		reader_problem(rd, rec.file, 1, "is missing");
	if (r != READ_OK)
		goto out;
	f.file = rec.file;
	f.text = &t;
	f.obj = rec.doc;
	fill_agent(&f, folder, name, &rec);
	if (f.bad == 0 && !rd->nomem && grow(rd, &fs->agents, fs->nagents,
	    &fs->cagents, sizeof rec) == 0) {
		fs->agents[fs->nagents++] = rec;
		memset(&rec, 0, sizeof rec);
	}
out:
	agent_fini(&rec);
	free(folder);
	free(t.p);
}

int
catalog_read_agents(struct reader *rd, struct catalog_files *fs)
{
	char **names = reader_names(rd, "agents", NULL), **p;

	for (p = names; p != NULL && *p != NULL && !rd->nomem; p++)
		read_agent(rd, fs, *p);
	reader_names_free(names);
	return rd->nomem ? -1 : 0;
}

static void
check_input_schema(struct fields *f, struct catalog_tool *t)
{
	struct err e = { 0 };
	struct schema *s;
	char place[140];
	json_t *type;

	t->input_schema = fields_object(f, "input_schema", 1);
	if (t->input_schema == NULL)
		return;
	type = json_object_get(t->input_schema, "type");
	if (type != NULL && (!json_is_string(type) ||
	    strcmp(json_string_value(type), "object") != 0))
		fields_problem(f, "input_schema/type", "the type of "
		    "input_schema must be \"object\"");
	s = schema_new(t->input_schema, &e);
	if (s == NULL && e.code == ERR_INTERNAL)
		f->rd->nomem = 1;
	else if (s == NULL) {
		(void)snprintf(place, sizeof place, "input_schema%s",
		    e.field);
		fields_problem(f, place, "input_schema: %s", e.text);
	}
	schema_free(s);
}

static void
fill_tool(struct fields *f, struct tool_rec *rec)
{
	static const char *const kinds[] = { "platform", "skill", "mcp",
		NULL };
	struct catalog_tool *t = &rec->pub;
	struct fields impl = *f;

	t->name = fields_name(f, "name", 1);
	t->description = fields_str(f, "description", 1, 65536);
	check_input_schema(f, t);
	t->requires_permission = fields_bool(f, "requires_permission", -1);
	t->high_cost = fields_bool(f, "high_cost", 0);
	rec->name_line = fields_line(f, "name");
	rec->ref_line = fields_line(f, "implementation/ref");
	impl.obj = fields_object(f, "implementation", 1);
	impl.at = "/implementation";
	impl.bad = f->bad;
	if (impl.obj == NULL)
		return;
	t->kind = fields_word(&impl, "kind", 1, kinds);
	t->ref = fields_str(&impl, "ref", 1, 256);
	f->bad = impl.bad;
}

static void
tool_fini(struct tool_rec *rec)
{
	json_decref(rec->doc);
	free(rec->file);
}

static void
read_tool(struct reader *rd, struct catalog_files *fs, const char *name)
{
	struct tool_rec rec = { 0 };
	struct fields f = { .rd = rd, .at = "" };
	struct text t = { 0 };

	rec.file = path_of(rd, "tools", name, "");
	if (rec.file == NULL ||
	    reader_object(rd, rec.file, &t, &rec.doc) != READ_OK)
		goto out;
	f.file = rec.file;
	f.text = &t;
	f.obj = rec.doc;
	fill_tool(&f, &rec);
	if (f.bad == 0 && !rd->nomem && grow(rd, &fs->tools, fs->ntools,
	    &fs->ctools, sizeof rec) == 0) {
		fs->tools[fs->ntools++] = rec;
		memset(&rec, 0, sizeof rec);
	}
out:
	tool_fini(&rec);
	free(t.p);
}

/* Equal names stay in the order of their files. */
static int
by_tool_name(const void *a, const void *b)
{
	const struct tool_rec *x = a, *y = b;
	int k = strcmp(x->pub.name, y->pub.name);

	return k != 0 ? k : strcmp(x->file, y->file);
}

int
catalog_read_tools(struct reader *rd, struct catalog_files *fs)
{
	char **names = reader_names(rd, "tools", ".json"), **p;

	for (p = names; p != NULL && *p != NULL && !rd->nomem; p++)
		read_tool(rd, fs, *p);
	reader_names_free(names);
	if (fs->ntools > 1)
		qsort(fs->tools, fs->ntools, sizeof *fs->tools,
		    by_tool_name);
	return rd->nomem ? -1 : 0;
}

/* The array of strings, or an empty one; -1: no memory. */
static int
soul_list(struct reader *rd, struct fields *f, const char *key, json_t **out)
{
	*out = f->obj != NULL ? fields_strings(f, key) : NULL;
	if (*out != NULL)
		json_incref(*out);
	else
		*out = json_array();
	if (*out == NULL)
		rd->nomem = 1;
	return rd->nomem ? -1 : 0;
}

/* NULL when there were problems or no memory is left (rd->nomem). */
struct catalog_soul_box *
catalog_read_soul(struct reader *rd)
{
	static const char file[] = "core_soul.json";
	struct catalog_soul_box *s = calloc(1, sizeof *s);
	struct fields f = { .rd = rd, .at = "", .file = file };
	struct text t = { 0 };
	enum read_result r;

	if (s == NULL) {
		rd->nomem = 1;
		return NULL;
	}
	atomic_init(&s->refs, 1);
	r = reader_object(rd, file, &t, &s->doc);
	f.text = &t;
	f.obj = s->doc;
	s->pub.identity = "";
	if (r == READ_OK && json_object_get(s->doc, "identity") != NULL) {
		s->pub.identity = fields_str(&f, "identity", 0,
		    CATALOG_MAX_FILE);
		if (s->pub.identity == NULL)
			s->pub.identity = "";
	}
	if (soul_list(rd, &f, "values", &s->pub.values) != 0 ||
	    soul_list(rd, &f, "patterns", &s->pub.patterns) != 0 ||
	    r == READ_BAD || f.bad > 0) {
		catalog_soul_unref(s);
		s = NULL;
	}
	free(t.p);
	return s;
}

void
catalog_soul_unref(struct catalog_soul_box *s)
{
	if (s == NULL || atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	json_decref(s->pub.values);
	json_decref(s->pub.patterns);
	json_decref(s->doc);
	free(s);
}

void
catalog_files_unref(struct catalog_files *fs)
{
	size_t i;

	if (fs == NULL || atomic_fetch_sub(&fs->refs, 1) != 1)
		return;
	for (i = 0; i < fs->nagents; i++)
		agent_fini(&fs->agents[i]);
	for (i = 0; i < fs->ntools; i++)
		tool_fini(&fs->tools[i]);
	for (i = 0; i < fs->nservers; i++) {
		json_decref(fs->servers[i].doc);
		free(fs->servers[i].file);
	}
	free(fs->agents);
	free(fs->tools);
	free(fs->servers);
	free(fs);
}

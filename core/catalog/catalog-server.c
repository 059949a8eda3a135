/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalog-server.c - servers/: the MCP servers that a user can connect to.
 * Whether one answers is found out when it is connected, not here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog-internal.h"

static const char *const transports[] = { "stdio", "http", "sse", NULL };
static const char *const auths[] = { "none", "static", "oauth", NULL };

/* 1 for an absolute http or https URL with a host. */
static int
is_url(const char *s)
{
	size_t n = strncmp(s, "https://", 8) == 0 ? 8 :
	    strncmp(s, "http://", 7) == 0 ? 7 : 0;

	return n > 0 && s[n] != '\0' && strchr("/?#", s[n]) == NULL &&
	    strpbrk(s, " \t\r\n") == NULL;
}

static void
check_url(struct fields *f, const char *key, int required)
{
	const char *s = fields_str(f, key, required, 2048);

	if (s != NULL && !is_url(s))
		fields_problem(f, key, "%s must be an http or https URL",
		    key);
}

static void
check_oauth(struct fields *f)
{
	struct fields o = *f;
	json_t *scopes;

	o.obj = fields_object(f, "oauth", 0);
	if (o.obj == NULL)
		return;
	o.at = "/oauth";
	o.bad = f->bad;
	check_url(&o, "authorize_url", 1);
	check_url(&o, "token_url", 1);
	check_url(&o, "revoke_url", 0);
	(void)fields_str(&o, "client_id", 1, 1024);
	(void)fields_str(&o, "client_secret", 0, 4096);
	scopes = json_object_get(o.obj, "scopes");
	if (!json_is_string(scopes))
		(void)fields_strings(&o, "scopes");
	f->bad = o.bad;
}

/* Puts a default where the member is absent or null. */
static void
put_default(struct fields *f, const char *key, const char *value)
{
	json_t *v = json_object_get(f->obj, key);

	if ((v == NULL || json_is_null(v)) &&
	    json_object_set_new(f->obj, key, json_string(value)) != 0)
		f->rd->nomem = 1;
}

static void
fill_server(struct fields *f, struct server_rec *rec)
{
	const char *transport;
	int stdio;

	rec->name_line = fields_line(f, "server_name");
	rec->name = fields_name(f, "server_name", 0);
	(void)fields_str(f, "display_name", 0, 256);
	transport = fields_word(f, "transport", 0, transports);
	(void)fields_word(f, "auth_method", 0, auths);
	stdio = transport != NULL ? strcmp(transport, "stdio") == 0 :
	    json_object_get(f->obj, "command") != NULL;
	(void)fields_str(f, "command", stdio, 4096);
	check_url(f, "url", !stdio);
	(void)fields_strings(f, "args");
	(void)fields_string_map(f, "env");
	(void)fields_str(f, "cwd", 0, 4096);
	(void)fields_string_map(f, "headers");
	check_oauth(f);
	if (f->bad > 0)
		return;
	put_default(f, "display_name", rec->name);
	put_default(f, "transport", stdio ? "stdio" : "http");
	put_default(f, "auth_method", "none");
}

static int
add_server(struct reader *rd, struct catalog_files *fs,
    struct server_rec *rec)
{
	size_t room = fs->cservers != 0 ? fs->cservers * 2 : 8;
	struct server_rec *v;

	if (fs->nservers == fs->cservers) {
		v = realloc(fs->servers, room * sizeof *v);
		if (v == NULL) {
			rd->nomem = 1;
			return -1;
		}
		fs->servers = v;
		fs->cservers = room;
	}
	fs->servers[fs->nservers++] = *rec;
	memset(rec, 0, sizeof *rec);
	return 0;
}

static void
read_server(struct reader *rd, struct catalog_files *fs, const char *name)
{
	struct server_rec rec = { 0 };
	struct fields f = { .rd = rd, .at = "" };
	struct text t = { 0 };

	if (asprintf(&rec.file, "servers/%s", name) < 0) {
		rec.file = NULL;
		rd->nomem = 1;
		return;
	}
	if (reader_object(rd, rec.file, &t, &rec.doc) == READ_OK) {
		f.file = rec.file;
		f.text = &t;
		f.obj = rec.doc;
		fill_server(&f, &rec);
		if (f.bad == 0 && !rd->nomem)
			(void)add_server(rd, fs, &rec);
	}
	json_decref(rec.doc);
	free(rec.file);
	free(t.p);
}

static int
by_server_name(const void *a, const void *b)
{
	const struct server_rec *x = a, *y = b;
	int k = strcmp(x->name, y->name);

	return k != 0 ? k : strcmp(x->file, y->file);
}

int
catalog_read_servers(struct reader *rd, struct catalog_files *fs)
{
	char **names = reader_names(rd, "servers", ".json"), **p;

	for (p = names; p != NULL && *p != NULL && !rd->nomem; p++)
		read_server(rd, fs, *p);
	reader_names_free(names);
	if (fs->nservers > 1)
		qsort(fs->servers, fs->nservers, sizeof *fs->servers,
		    by_server_name);
	return rd->nomem ? -1 : 0;
}

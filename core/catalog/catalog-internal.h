/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalog-internal.h - the parts of a catalog and what its files share.
 */
#ifndef CORE_CATALOG_CATALOG_INTERNAL_H
#define CORE_CATALOG_CATALOG_INTERNAL_H

#include <stdatomic.h>

#include "catalog.h"

#define CATALOG_MAX_FILE (1024 * 1024)
#define CATALOG_MAX_ENTRIES 10000
#define CATALOG_MAX_PROBLEMS 1000
#define CATALOG_NAME_MAX 64
#define CATALOG_ITERATIONS 50

struct agent_rec {
	struct catalog_agent pub; /* first: handed out by its address */
	json_t *doc;
	char *prompt;
	char *file;
	int *tool_lines; /* one for each of pub.tools */
};

struct tool_rec {
	struct catalog_tool pub; /* first */
	json_t *doc;
	char *file;
	int name_line, ref_line;
};

struct server_rec {
	json_t *doc;
	const char *name;
	char *file;
	int name_line;
};

/* What comes from agents/, tools/ and servers/; sorted by name. */
struct catalog_files {
	atomic_uint refs;
	struct agent_rec *agents;
	struct tool_rec *tools;
	struct server_rec *servers;
	size_t nagents, ntools, nservers;
	size_t cagents, ctools, cservers; /* room */
};

struct catalog_soul_box {
	atomic_uint refs;
	struct catalog_soul pub;
	json_t *doc;
};

struct skill_set {
	atomic_uint refs;
	struct catalog_skill *v;
	size_t n;
	json_t *keep; /* array: everything v points into */
};

struct catalog {
	atomic_uint refs;
	uint64_t generation;
	int sealed;
	struct catalog_files *files;
	struct catalog_soul_box *soul;
	struct skill_set *platform, *custom;
	const struct catalog_skill **skills; /* of both, sorted, each once */
	size_t nskills;
};

/* catalog-file.c */
struct reader {
	char *root;       /* resolved */
	json_t *problems; /* borrowed */
	int nomem;        /* sticks */
};

struct text {
	char *p; /* NUL terminated */
	size_t n;
};

enum read_result { READ_OK, READ_MISSING, READ_BAD };

/* -1 and e when dir cannot be read. */
int reader_init(struct reader *rd, const char *dir, json_t *problems,
    struct err *e);
void reader_fini(struct reader *rd);
/* Appends to problems; sets rd->nomem when that fails. */
void reader_problem(struct reader *rd, const char *file, int line,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/*
 * The file's text, checked to be UTF-8 without NUL. READ_MISSING tells
 * nothing to the user; READ_BAD has (or rd->nomem is set).
 */
enum read_result reader_text(struct reader *rd, const char *file,
    struct text *t);
/* The same, parsed: an object. */
enum read_result reader_object(struct reader *rd, const char *file,
    struct text *t, json_t **obj);
/*
 * Names in a folder, sorted, without those that begin with a dot: folders, or
 * files whose name ends in suffix. NULL terminated; free with reader_names_
 * free. NULL when there is none (or rd->nomem is set).
 */
char **reader_names(struct reader *rd, const char *folder,
    const char *suffix);
void reader_names_free(char **names);

/* catalog-line.c: line (from 1) of what a JSON Pointer names, or of the last
 * part of it that is there. The text is well-formed JSON. */
int catalog_line(const char *text, size_t n, const char *pointer);

/* catalog-fields.c: typed access to one file's members with problems. */
struct fields {
	struct reader *rd;
	const char *file;
	const struct text *text;
	json_t *obj;
	const char *at; /* JSON Pointer of obj, "" for the root */
	int bad;        /* problems so far */
};

void fields_problem(struct fields *f, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int fields_line(const struct fields *f, const char *key);
/* NULL when absent, null or wrong; max bytes, 0 bytes only when !required. */
const char *fields_str(struct fields *f, const char *key, int required,
    size_t max);
/* A string that is one of the words; NULL terminated. */
const char *fields_word(struct fields *f, const char *key, int required,
    const char *const *words);
/* [A-Za-z0-9_.-]{1,64}, dot only when allowed. */
const char *fields_name(struct fields *f, const char *key, int dots);
int fields_bool(struct fields *f, const char *key, int absent);
int fields_int(struct fields *f, const char *key, int min, int max,
    int absent);
json_t *fields_object(struct fields *f, const char *key, int required);
/* An array of strings that are not empty. */
json_t *fields_strings(struct fields *f, const char *key);
/* An object whose members are strings. */
json_t *fields_string_map(struct fields *f, const char *key);

/* catalog-parse.c and catalog-server.c */
int catalog_read_agents(struct reader *rd, struct catalog_files *fs);
int catalog_read_tools(struct reader *rd, struct catalog_files *fs);
int catalog_read_servers(struct reader *rd, struct catalog_files *fs);
struct catalog_soul_box *catalog_read_soul(struct reader *rd);
void catalog_files_unref(struct catalog_files *fs);
void catalog_soul_unref(struct catalog_soul_box *s);

/* catalog-skills.c */
struct skill_set *skill_set_new(void);
void skill_set_unref(struct skill_set *s);
int skill_set_add(struct skill_set *s, json_t *skills, const char *source);
/* Rebuilds c->skills from both sets. -1: out of memory. */
int catalog_index_skills(struct catalog *c);

#endif

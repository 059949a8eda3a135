/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files.h - the parts of the file tools. Everything here runs on the pool,
 * several calls at once; only the roots and the write lock are shared.
 *
 * Ownership: a function that returns a descriptor or a char * gives it away.
 */
#ifndef PLUGINS_TOOL_FILES_FILES_H
#define PLUGINS_TOOL_FILES_FILES_H

#include <pthread.h>
#include <sys/stat.h>

#include "../tool-common/tool.h"

#define PAGE_MAX 51200u             /* bytes of output of one call */
#define FILE_MAX (10u * 1024 * 1024) /* for what is held in memory whole */
#define SNIFF 8192u                 /* bytes that decide text or binary */

/* Why an operation failed. */
struct fault {
	sept_status st;
	const char *code; /* static */
	char text[512];
};

struct root {
	char *path; /* as configured */
	char *real; /* the same without links */
	int fd;     /* -1: not there yet */
};

struct files {
	struct sept_plugin base;
	const struct sept_host *host;
	const struct sept_host_call *hc;
	struct tool_config cfg;
	pthread_mutex_t lock;       /* of roots */
	pthread_mutex_t write_lock; /* one change at a time; taken first */
	struct root *roots;
	size_t roots_n;
};

/* One call. */
struct job {
	struct files *fs;
	struct tool_call c;
	json_t *args;
	struct fault f;
};

/* ---- fault.c ---- */

/* Fills j->f; returns -1, and NULL as a pointer. */
int job_fault(struct job *j, sept_status st, const char *code,
    const char *fmt, ...) TOOL_PRINTF(4, 5);
/* From errno e of an operation on path. */
int job_errno(struct job *j, int e, const char *path);
int job_nomem(struct job *j);
/* -1 and the fault when the call was cancelled or its time is over. */
int job_stopped(struct job *j);
int job_bad_args(struct job *j, const char *expected);

/* ---- roots.c ---- */

/* Resolves and opens what is there; -1 when out of memory. */
int roots_open(struct files *fs);
void roots_fini(struct files *fs);

/* Where a path begins: a directory and what is left to resolve beneath. */
struct place {
	int fd;     /* O_PATH */
	char *rest; /* never empty, never absolute */
};

/* 0, or -1 and the fault. path NULL: the workspace. */
int place_init(struct job *j, const char *path, struct place *p);
void place_fini(struct place *p);

/* ---- beneath.c ---- */

/*
 * openat2 that never leaves fd: RESOLVE_BENEATH and no magic links, and with
 * no_symlinks no links at all. Descriptor, or -1 and errno.
 */
int beneath_open(int fd, const char *path, int flags, unsigned mode,
    int no_symlinks);
/* Opens a regular file to read; -1 and the fault. */
int file_open(struct job *j, const char *path, struct stat *st);
/* The same beneath fd without links; -1 and errno (ENXIO: no file). */
int file_open_at(int fd, const char *rel, struct stat *st);
/* Opens a directory to read; -1 and the fault (ENOTDIR too). */
int dir_open(struct job *j, const char *path);
/* All of an open file, at most FILE_MAX, NUL terminated; NULL and fault. */
char *file_slurp(struct job *j, int fd, const char *path, size_t *n);

/* ---- target.c: changing files ---- */

struct target {
	int dir;         /* the parent directory */
	char *name;      /* last component */
	int exists;
	struct stat st;  /* when it exists */
};

/* mkdirs: make missing parents. Refuses what is no plain file of one name. */
int target_init(struct job *j, const char *path, int mkdirs,
    struct target *t);
void target_fini(struct target *t);
/* Replaces the file by n bytes at p, all or nothing. */
int target_write(struct job *j, const struct target *t, const char *path,
    const char *p, size_t n);

/* ---- glob.c ---- */

struct glob;

/* NULL and the fault when it is no pattern. */
struct glob *glob_new(struct job *j, const char *pattern);
void glob_free(struct glob *g);
/* A pattern with a slash is matched on rel, else on name. Not for use by
 * two threads at once. */
int glob_match(struct glob *g, const char *name, const char *rel);

/* ---- walk.c ---- */

struct entry {
	const char *rel;  /* from where the walk began */
	const char *name;
	unsigned char type; /* DT_* */
};

struct walk {
	struct job *j;
	int fd;            /* where it begins */
	void *user;
	/* 0: go on; 1: enough; -1: fault. */
	int (*fn)(struct walk *, const struct entry *);
	/* Out: */
	unsigned entries;
	int limited;       /* a bound was reached, not all was seen */
	unsigned unread;   /* directories that could not be opened */
};

/* Depth first, by name; enters no .git and follows no link. 0, or -1 and
 * the fault. */
int walk_run(struct walk *w);
/* Appends what the walk left out, for the reader. */
void walk_note(const struct walk *w, struct tool_buf *out);
/* "dir/rel" as the caller wrote dir (NULL and ".": nothing). */
void show_path(struct tool_buf *out, const char *dir, const char *rel);

/* ---- the tools: a completion object, or NULL and the fault ---- */

json_t *op_read(struct job *j);
json_t *op_write(struct job *j);
json_t *op_edit(struct job *j);
json_t *op_grep(struct job *j);
json_t *op_find(struct job *j);
json_t *op_search(struct job *j);
/* {"output","truncated"}; NULL and the fault when out of memory. */
json_t *job_body(struct job *j, const struct tool_buf *out, int truncated);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * write.c - write_file and edit_file. One change at a time in the whole
 * plugin, so that two edits of a file cannot lose each other.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"

#define DIFF_MAX 4096u
#define DIFF_AROUND 2
#define DIFF_LINES 40

static json_t *
said(struct job *j, const struct tool_buf *out)
{
	return job_body(j, out, 0);
}

static json_t *
write_locked(struct job *j, const char *path, const char *p, size_t n)
{
	struct target t;
	struct tool_buf out;
	json_t *body = NULL;

	if (target_init(j, path, 1, &t) != 0)
		return NULL;
	tool_buf_init(&out, 8192);
	if (target_write(j, &t, path, p, n) == 0) {
		(void)tool_buf_printf(&out, "%s ", t.exists ? "Replaced" :
		    "Created");
		(void)tool_buf_mend(&out, path, strlen(path));
		(void)tool_buf_printf(&out, " (%zu bytes)", n);
		body = said(j, &out);
	}
	tool_buf_fini(&out);
	target_fini(&t);
	return body;
}

json_t *
op_write(struct job *j)
{
	const char *path = NULL, *content = NULL;
	json_t *body;
	size_t n = 0;

	if (tool_arg_str(j->args, "path", 1, &path, NULL) != 0 ||
	    tool_arg_str(j->args, "content", 1, &content, &n) != 0 ||
	    n > FILE_MAX) {
		(void)job_bad_args(j, "{path, content}, content of at most "
		    "10 MiB");
		return NULL;
	}
	(void)pthread_mutex_lock(&j->fs->write_lock);
	body = write_locked(j, path, content, n);
	(void)pthread_mutex_unlock(&j->fs->write_lock);
	return body;
}

struct edit {
	const char *path, *old, *new_;
	size_t old_n, new_n;
	int all;
	const char *first; /* first hit in the old text */
	size_t hits;
};

static void
count_hits(struct edit *e, const char *text, size_t n)
{
	const char *p = text, *end = text + n;

	e->hits = 0;
	e->first = NULL;
	while ((p = memmem(p, (size_t)(end - p), e->old, e->old_n)) != NULL) {
		if (e->hits++ == 0)
			e->first = p;
		p += e->old_n;
	}
}

/* The new text, allocated; at most FILE_MAX. */
static char *
replace(struct job *j, const struct edit *e, const char *text, size_t n,
    size_t *out_n)
{
	uint64_t size = (uint64_t)n - (uint64_t)e->hits * e->old_n +
	    (uint64_t)e->hits * e->new_n;
	const char *p = text, *end = text + n, *hit;
	char *out, *w;

	if (size > FILE_MAX) {
		(void)job_fault(j, SEPT_ETOOBIG, "too_large",
		    "the file would grow over %u MiB", FILE_MAX >> 20);
		return NULL;
	}
	out = w = malloc((size_t)size + 1);
	if (out == NULL) {
		(void)job_nomem(j);
		return NULL;
	}
	while ((hit = memmem(p, (size_t)(end - p), e->old, e->old_n)) !=
	    NULL) {
		memcpy(w, p, (size_t)(hit - p));
		w += hit - p;
		memcpy(w, e->new_, e->new_n);
		w += e->new_n;
		p = hit + e->old_n;
	}
	memcpy(w, p, (size_t)(end - p));
	*out_n = (size_t)size;
	return out;
}

/* Lines of [p, end), each after mark; at most DIFF_LINES. */
static void
diff_lines(struct tool_buf *out, const char *mark, const char *p,
    const char *end)
{
	const char *nl;
	int i;

	for (i = 0; p < end; i++) {
		if (i == DIFF_LINES) {
			(void)tool_buf_printf(out, "%s...\n", mark);
			return;
		}
		nl = memchr(p, '\n', (size_t)(end - p));
		(void)tool_buf_str(out, mark);
		(void)tool_buf_mend(out, p, (size_t)((nl != NULL ? nl :
		    end) - p));
		(void)tool_buf_str(out, "\n");
		p = nl != NULL ? nl + 1 : end;
	}
}

/* Start of the line that is `lines` before the one of p. */
static const char *
line_back(const char *text, const char *p, int lines)
{
	while (p > text && (p[-1] != '\n' || lines-- > 0))
		p--;
	return p;
}

static const char *
line_on(const char *p, const char *end, int lines)
{
	while (p < end && (*p++ != '\n' || lines-- > 0))
		;
	return p;
}

/* The first change with the lines around it. */
static void
diff(struct tool_buf *out, const struct edit *e, const char *text, size_t n,
    const char *now, size_t now_n)
{
	const char *from = line_back(text, e->first, 0);
	const char *before = line_back(text, e->first, DIFF_AROUND);
	const char *hit_end = e->first + e->old_n;
	const char *to, *now_to, *p;
	size_t line = 1;

	/* To the end of the line in which the old text ends. */
	to = e->old_n > 0 && hit_end[-1] == '\n' ? hit_end :
	    line_on(hit_end, text + n, 0);
	now_to = now + (e->first - text) + e->new_n;
	if (to != hit_end || (e->new_n > 0 ? now_to[-1] != '\n' :
	    e->first != from))
		now_to = line_on(now_to, now + now_n, 0);
	for (p = text; p < before; p++)
		line += *p == '\n';
	(void)tool_buf_printf(out, "@@ line %zu @@\n", line);
	diff_lines(out, "  ", before, from);
	diff_lines(out, "- ", from, to);
	diff_lines(out, "+ ", now + (from - text), now_to);
	diff_lines(out, "  ", to, line_on(to, text + n, DIFF_AROUND - 1));
}

static int
edit_check(struct job *j, struct edit *e, const char *text, size_t n)
{
	if (tool_binary(text, n < SNIFF ? n : SNIFF))
		return job_fault(j, SEPT_EFAILED, "binary_file",
		    "%.400s is a binary file", e->path);
	count_hits(e, text, n);
	if (e->hits == 0)
		return job_fault(j, SEPT_EFAILED, "no_match", "old_string "
		    "does not occur in %.300s; it must match exactly, spaces "
		    "and line ends included", e->path);
	if (e->hits > 1 && !e->all)
		return job_fault(j, SEPT_EFAILED, "many_matches",
		    "old_string occurs %zu times in %.300s; give more of the "
		    "text around it, or set replace_all", e->hits, e->path);
	return 0;
}

static json_t *
edit_text(struct job *j, struct edit *e, const struct target *t,
    const char *text, size_t n)
{
	struct tool_buf out;
	json_t *body = NULL;
	size_t now_n = 0;
	char *now;

	if (edit_check(j, e, text, n) != 0)
		return NULL;
	now = replace(j, e, text, n, &now_n);
	if (now == NULL)
		return NULL;
	tool_buf_init(&out, DIFF_MAX);
	if (target_write(j, t, e->path, now, now_n) == 0) {
		(void)tool_buf_printf(&out, "Replaced %zu occurrence%s in "
		    "%.900s\n", e->hits, e->hits == 1 ? "" : "s", e->path);
		diff(&out, e, text, n, now, now_n);
		body = said(j, &out);
		if (body != NULL && tool_set(body, "replacements",
		    json_integer((json_int_t)e->hits)) != 0) {
			json_decref(body);
			body = NULL;
			(void)job_nomem(j);
		}
	}
	tool_buf_fini(&out);
	free(now);
	return body;
}

static json_t *
edit_locked(struct job *j, struct edit *e)
{
	struct target t;
	struct stat st;
	json_t *body = NULL;
	char *text = NULL;
	size_t n = 0;
	int fd = -1;

	if (target_init(j, e->path, 0, &t) != 0)
		return NULL;
	if (!t.exists) {
		(void)job_fault(j, SEPT_ENOTFOUND, "not_found",
		    "%.400s does not exist", e->path);
		goto out;
	}
	fd = file_open_at(t.dir, t.name, &st);
	if (fd < 0 || st.st_ino != t.st.st_ino) {
		(void)job_fault(j, SEPT_EFAILED, "changed",
		    "%.400s cannot be read or has just changed", e->path);
		goto out;
	}
	text = file_slurp(j, fd, e->path, &n);
	if (text != NULL)
		body = edit_text(j, e, &t, text, n);
out:
	free(text);
	if (fd >= 0)
		(void)close(fd);
	target_fini(&t);
	return body;
}

json_t *
op_edit(struct job *j)
{
	struct edit e;
	json_t *body;

	memset(&e, 0, sizeof e);
	if (tool_arg_str(j->args, "path", 1, &e.path, NULL) != 0 ||
	    tool_arg_str(j->args, "old_string", 1, &e.old, &e.old_n) != 0 ||
	    tool_arg_str(j->args, "new_string", 1, &e.new_, &e.new_n) != 0 ||
	    tool_arg_bool(j->args, "replace_all", &e.all) < 0 ||
	    e.old_n == 0) {
		(void)job_bad_args(j, "{path, old_string (not empty), "
		    "new_string, replace_all?}");
		return NULL;
	}
	if (e.old_n == e.new_n && memcmp(e.old, e.new_, e.old_n) == 0) {
		(void)job_fault(j, SEPT_EINVAL, "no_change",
		    "old_string and new_string are the same");
		return NULL;
	}
	(void)pthread_mutex_lock(&j->fs->write_lock);
	body = edit_locked(j, &e);
	(void)pthread_mutex_unlock(&j->fs->write_lock);
	return body;
}

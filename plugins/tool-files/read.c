/* SPDX-License-Identifier: Apache-2.0 */
/*
 * read.c - read_file: a page of a text file, cut between characters and,
 * where one is near, between lines.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"

/* Reads until n bytes or the end; -1 and errno. */
static ssize_t
read_at(int fd, char *p, size_t n, off_t at)
{
	size_t got = 0;
	ssize_t r;

	while (got < n) {
		r = pread(fd, p + got, n - got, at + (off_t)got);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -1;
		if (r == 0)
			break;
		got += (size_t)r;
	}
	return (ssize_t)got;
}

struct page {
	int64_t offset, limit, size;
	char *p;
	size_t n;
	int more;
};

/* Moves both borders of the page off the middle of a character. */
static void
page_trim(struct page *pg)
{
	size_t skip = 0, n, i;

	while (pg->offset > 0 && skip < 3 && skip < pg->n &&
	    ((unsigned char)pg->p[skip] & 0xc0) == 0x80)
		skip++;
	memmove(pg->p, pg->p + skip, pg->n - skip);
	pg->n -= skip;
	pg->offset += (int64_t)skip;
	if (pg->n > (size_t)pg->limit) {
		pg->more = 1;
		n = tool_utf8_cut(pg->p, (size_t)pg->limit);
		/* A limit below one character still has to get on. */
		if (n == 0)
			n = tool_utf8_len(pg->p, pg->n);
		pg->n = n > 0 ? n : 1;
	}
	if (!pg->more || pg->limit < 1024)
		return;
	for (i = pg->n; i > pg->n - pg->n / 4; i--)
		if (pg->p[i - 1] == '\n') {
			pg->n = i;
			return;
		}
}

static int
page_read(struct job *j, int fd, const char *path, struct page *pg)
{
	char head[SNIFF];
	ssize_t n = read_at(fd, head, sizeof head, 0);

	if (n < 0)
		return job_errno(j, errno, path);
	if (tool_binary(head, (size_t)n))
		goto binary;
	pg->p = malloc((size_t)pg->limit + 8);
	if (pg->p == NULL)
		return job_nomem(j);
	n = read_at(fd, pg->p, (size_t)pg->limit + 7, (off_t)pg->offset);
	if (n < 0)
		return job_errno(j, errno, path);
	pg->n = (size_t)n;
	page_trim(pg);
	if (memchr(pg->p, '\0', pg->n) != NULL)
		goto binary;
	return 0;
binary:
	return job_fault(j, SEPT_EFAILED, "binary_file", "%.400s is a binary "
	    "file of %" PRId64 " bytes; it is not shown as text", path,
	    pg->size);
}

static json_t *
page_body(struct job *j, const struct page *pg)
{
	struct tool_buf out;
	json_t *body;

	tool_buf_init(&out, (size_t)pg->limit * 3 + 1024);
	(void)tool_buf_mend(&out, pg->p, pg->n);
	if (pg->more)
		(void)tool_buf_printf(&out, "%s[bytes %" PRId64 " to %" PRId64
		    " of %" PRId64 "; go on with offset %" PRId64 "]",
		    pg->n > 0 && pg->p[pg->n - 1] == '\n' ? "" : "\n",
		    pg->offset, pg->offset + (int64_t)pg->n, pg->size,
		    pg->offset + (int64_t)pg->n);
	body = job_body(j, &out, pg->more);
	tool_buf_fini(&out);
	if (body == NULL)
		return NULL;
	if (tool_set(body, "offset", json_integer(pg->offset)) != 0 ||
	    tool_set(body, "size", json_integer(pg->size)) != 0 ||
	    (pg->more && tool_set(body, "next_offset", json_integer(
	    pg->offset + (int64_t)pg->n)) != 0)) {
		json_decref(body);
		(void)job_nomem(j);
		return NULL;
	}
	return body;
}

json_t *
op_read(struct job *j)
{
	struct page pg = { 0, PAGE_MAX, 0, NULL, 0, 0 };
	const char *path = NULL;
	json_t *body = NULL;
	struct stat st;
	int fd;

	if (tool_arg_str(j->args, "path", 1, &path, NULL) != 0 ||
	    tool_arg_int(j->args, "offset", 0, INT64_MAX / 2,
	    &pg.offset) < 0 ||
	    tool_arg_int(j->args, "limit", 1, PAGE_MAX, &pg.limit) < 0) {
		(void)job_bad_args(j, "{path, offset?: 0.., limit?: "
		    "1..51200}");
		return NULL;
	}
	fd = file_open(j, path, &st);
	if (fd < 0)
		return NULL;
	pg.size = (int64_t)st.st_size;
	if (pg.offset > 0 && pg.offset > pg.size)
		(void)job_fault(j, SEPT_EINVAL, "bad_offset", "offset %"
		    PRId64 " is past the end of %.400s, which has %" PRId64
		    " bytes", pg.offset, path, pg.size);
	else if (page_read(j, fd, path, &pg) == 0)
		body = page_body(j, &pg);
	free(pg.p);
	(void)close(fd);
	return body;
}

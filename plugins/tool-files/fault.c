/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fault.c - why a call failed, in words a model can act on.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "files.h"

int
job_fault(struct job *j, sept_status st, const char *code, const char *fmt,
    ...)
{
	va_list ap;

	j->f.st = st;
	j->f.code = code;
	va_start(ap, fmt);
	(void)vsnprintf(j->f.text, sizeof j->f.text, fmt, ap);
	va_end(ap);
	return -1;
}

int
job_nomem(struct job *j)
{
	return job_fault(j, SEPT_ENOMEM, "out_of_memory", "out of memory");
}

int
job_bad_args(struct job *j, const char *expected)
{
	return job_fault(j, SEPT_EINVAL, "invalid_arguments",
	    "expected %s", expected);
}

int
job_errno(struct job *j, int e, const char *path)
{
	static const struct {
		int e;
		sept_status st;
		const char *code, *text;
	} known[] = {
		{ ENOENT, SEPT_ENOTFOUND, "not_found", "does not exist" },
		{ EXDEV, SEPT_EDENIED, "outside_roots",
		    "leads out of the allowed directories" },
		{ ELOOP, SEPT_EDENIED, "link_refused",
		    "is or passes a link that may not be followed" },
		{ EACCES, SEPT_EDENIED, "access_denied",
		    "may not be accessed" },
		{ EPERM, SEPT_EDENIED, "access_denied",
		    "may not be accessed" },
		{ EROFS, SEPT_EDENIED, "access_denied",
		    "is on a read-only file system" },
		{ ENOTDIR, SEPT_EINVAL, "not_a_directory",
		    "uses a file as a directory" },
		{ EISDIR, SEPT_EINVAL, "is_a_directory", "is a directory" },
		{ ENXIO, SEPT_EDENIED, "not_a_file",
		    "is no regular file" },
		{ ENAMETOOLONG, SEPT_EINVAL, "bad_path", "is too long" },
		{ EAGAIN, SEPT_EUNAVAIL, "busy",
		    "changes too fast to be resolved; try again" },
		{ ENOSPC, SEPT_EIO, "no_space",
		    "cannot be written: the disk is full" },
		{ ENOSYS, SEPT_ENOTSUP, "unsupported",
		    "cannot be resolved safely: the kernel lacks openat2" },
	};
	size_t i;

	if (e == ENOMEM)
		return job_nomem(j);
	for (i = 0; i < sizeof known / sizeof known[0]; i++)
		if (known[i].e == e)
			return job_fault(j, known[i].st, known[i].code,
			    "%.400s %s", path, known[i].text);
	return job_fault(j, SEPT_EIO, "io_error", "%.400s: error %s", path,
	    strerrorname_np(e) != NULL ? strerrorname_np(e) : "?");
}

int
job_stopped(struct job *j)
{
	const struct sept_host_call *hc = j->fs->hc;

	if (!hc->cancelled(j->c.call))
		return 0;
	if (j->fs->host->now_ns(j->fs->host) >= hc->deadline_ns(j->c.call))
		return job_fault(j, SEPT_ETIMEOUT, "timeout",
		    "it took too long; narrow the path or the pattern");
	return job_fault(j, SEPT_ECANCELLED, "cancelled", "cancelled");
}

json_t *
job_body(struct job *j, const struct tool_buf *out, int truncated)
{
	json_t *body = json_object();

	if (body == NULL || tool_set(body, "output",
	    tool_buf_json(out)) != 0 ||
	    tool_set(body, "truncated", json_boolean(truncated)) != 0) {
		json_decref(body);
		(void)job_nomem(j);
		return NULL;
	}
	return body;
}

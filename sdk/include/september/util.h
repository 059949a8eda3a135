/* SPDX-License-Identifier: Apache-2.0 */
/*
 * util.h - static inline helpers for plugin authors; no storage, no symbols.
 */
#ifndef SEPTEMBER_UTIL_H
#define SEPTEMBER_UTIL_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "call.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A slice over a NUL-terminated string; NULL gives the empty slice. */
static inline struct sept_slice
sept_str(const char *s)
{
	struct sept_slice r;

	r.p = s;
	r.n = s != NULL ? strlen(s) : 0;
	return r;
}

static inline struct sept_slice
sept_slice_of(const char *p, size_t n)
{
	struct sept_slice r;

	r.p = p;
	r.n = n;
	return r;
}

/* 1 when the slice holds exactly the NUL-terminated string s. */
static inline int
sept_slice_eq(struct sept_slice a, const char *s)
{
	size_t n = strlen(s);

	return a.n == n && (n == 0 || memcmp(a.p, s, n) == 0);
}

/* [any] printf to the host's log, at most 1023 bytes. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
static inline void
sept_logf(const struct sept_host *host, int32_t level, const char *fmt, ...)
{
	char buf[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, sizeof buf, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	host->log(host, level, sept_slice_of(buf,
	    (size_t)n < sizeof buf ? (size_t)n : sizeof buf - 1));
}

/* Sets err and returns the status, for `return sept_fail(...)`. */
static inline sept_status
sept_fail(const struct sept_host *host, struct sept_err *err,
    sept_status status, const char *msg)
{
	host->fail(err, status, sept_str(msg));
	return status;
}

#ifdef __cplusplus
}
#endif
#endif

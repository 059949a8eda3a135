/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.c - the log. A line is built in one buffer and written with one write()
 * so that lines of several threads do not mix; a line that cannot be written
 * is dropped, the log never fails anything else. Text that looks like a
 * credential is scrubbed before it is written.
 */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "scrub.h"

#define LINE_MAX_BYTES 16384

static int threshold = LOG_LEVEL_INFO;

static const char *
level_name(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_DEBUG:
		return "DEBUG";
	case LOG_LEVEL_INFO:
		return "INFO";
	case LOG_LEVEL_WARNING:
		return "WARNING";
	case LOG_LEVEL_ERROR:
		return "ERROR";
	}
	return "INFO";
}

int
log_set_level(const char *name)
{
	static const enum log_level all[] = { LOG_LEVEL_DEBUG,
		LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };
	size_t i;

	for (i = 0; i < sizeof all / sizeof all[0]; i++)
		if (strcmp(name, level_name(all[i])) == 0) {
			threshold = all[i];
			return 0;
		}
	return -1;
}

int
log_on(enum log_level level)
{
	return (int)level >= threshold;
}

static void
add_field(struct buf *b, const char *key, const char *value)
{
	buf_addf(b, ",\"%s\":", key);
	if (value == NULL)
		buf_adds(b, "null");
	else
		buf_add_json_str(b, value, strlen(value));
}

void
log_msg(enum log_level level, const char *logger, const struct log_ctx *ctx,
    const char *fmt, ...)
{
	char text[4096], iso[CLOCK_ISO_LEN + 1];
	struct buf b;
	va_list ap;
	char *extra = NULL;
	ssize_t r;

	if (!log_on(level))
		return;
	va_start(ap, fmt);
	if (vsnprintf(text, sizeof text, fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	clock_iso(clock_wall_ms(), iso);
	buf_init(&b, LINE_MAX_BYTES);
	buf_addf(&b, "{\"timestamp\":\"%s\",\"level\":\"%s\"", iso,
	    level_name(level));
	add_field(&b, "logger", logger);
	add_field(&b, "request_id", ctx != NULL ? ctx->request_id : NULL);
	add_field(&b, "task_id", ctx != NULL ? ctx->task_id : NULL);
	add_field(&b, "message", text);
	if (ctx != NULL && ctx->extra != NULL)
		extra = json_dumps(ctx->extra, JSON_COMPACT);
	if (extra != NULL && strlen(extra) < LINE_MAX_BYTES / 2)
		buf_addf(&b, ",\"extra\":%s", extra);
	buf_adds(&b, "}\n");
	free(extra);
	if (!buf_failed(&b)) {
		scrub_in_place(b.p, b.n);
		r = write(STDERR_FILENO, b.p, b.n);
		(void)r; /* nowhere left to report to */
	}
	buf_fini(&b);
}

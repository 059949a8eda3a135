/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.h - JSON lines on standard error: timestamp, level, logger,
 * request_id, task_id, message, extra. One write() a line, any thread.
 */
#ifndef CORE_BASE_LOG_H
#define CORE_BASE_LOG_H

#include <jansson.h>

enum log_level {
	LOG_LEVEL_DEBUG = 10,
	LOG_LEVEL_INFO = 20,
	LOG_LEVEL_WARNING = 30,
	LOG_LEVEL_ERROR = 40
};

/* What a line is about; any member may be NULL. */
struct log_ctx {
	const char *request_id;
	const char *task_id;
	json_t *extra; /* borrowed */
};

/* [main, before threads] "DEBUG", "INFO", "WARNING", "ERROR"; -1: no such. */
int log_set_level(const char *name);
/* [any] 1 when a line of that level would be written. */
int log_on(enum log_level level);
/* [any] logger: the part that speaks ("http", "store", ...). */
void log_msg(enum log_level level, const char *logger,
    const struct log_ctx *ctx, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#define log_debug(logger, ...) \
	log_msg(LOG_LEVEL_DEBUG, (logger), NULL, __VA_ARGS__)
#define log_info(logger, ...) \
	log_msg(LOG_LEVEL_INFO, (logger), NULL, __VA_ARGS__)
#define log_warn(logger, ...) \
	log_msg(LOG_LEVEL_WARNING, (logger), NULL, __VA_ARGS__)
#define log_error(logger, ...) \
	log_msg(LOG_LEVEL_ERROR, (logger), NULL, __VA_ARGS__)

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err.h - the error value that travels from where a thing failed to the
 * reply: a code of the wire contract, a text for people, optionally the
 * field that was wrong.
 *
 * Functions that can fail return an int, 0 or -1, and fill `struct err *`
 * (which may be NULL when the caller does not care).
 */
#ifndef CORE_BASE_ERR_H
#define CORE_BASE_ERR_H

enum err_code {
	ERR_NONE = 0,
	ERR_BAD_REQUEST,
	ERR_INVALID_KEY,
	ERR_KEY_ROTATION_PENDING,
	ERR_MCP_TOKEN_EXPIRED,
	ERR_PERMISSION_DENIED,
	ERR_NOT_FOUND,
	ERR_TASK_NOT_FOUND,
	ERR_MESSAGE_NOT_FOUND,
	ERR_SKILL_NOT_FOUND,
	ERR_AGENT_NOT_FOUND,
	ERR_METHOD_NOT_FOUND,
	ERR_CONNECTION_NOT_FOUND,
	ERR_SERVER_NOT_FOUND,
	ERR_ITEM_NOT_FOUND,
	ERR_HITL_NOT_FOUND,
	ERR_METHOD_NOT_ALLOWED,
	ERR_TASK_BUSY,
	ERR_TASK_NOT_RUNNING,
	ERR_HITL_REQUIRED,
	ERR_SKILL_EXISTS,
	ERR_LC_RUNNING,
	ERR_BODY_TOO_LARGE,
	ERR_VALIDATION,
	ERR_CONTEXT_OVERFLOW,
	ERR_CATALOG_INVALID,
	ERR_LLM_RATE_LIMITED,
	ERR_INTERNAL,
	ERR_NOT_IMPLEMENTED,
	ERR_LLM_PROVIDER,
	ERR_MCP_CONNECTION_FAILED,
	ERR_UNAVAILABLE,
	ERR_MIGRATION_REQUIRED,
	ERR_LLM_TIMEOUT,
	ERR_HITL_EXPIRED,
	ERR_CANCELLED, /* never leaves the process */
	ERR_MAX_
};

struct err {
	enum err_code code;
	char field[96];  /* the wrong field, or empty */
	char text[400];  /* for people, UTF-8, no credentials */
};

/* [any] Name on the wire ("BAD_REQUEST") and HTTP status of a code. */
const char *err_name(enum err_code code);
int err_status(enum err_code code);
/* [any] The code of a wire name; ERR_NONE when there is no such. */
enum err_code err_from_name(const char *name);

void err_clear(struct err *e);
/* [any] Fills e (may be NULL); always returns -1, for `return err_set()`. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with VALIDATION_ERROR and the field's name. */
int err_field(struct err *e, const char *field, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* "out of memory" as INTERNAL. */
int err_nomem(struct err *e);

#endif

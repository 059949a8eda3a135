/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err.c - the table of the contract's codes (section 4) and how an error
 * value is filled. Texts are cut at the buffer, never in mid-character.
 */
#include "err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "utf8.h"

static const struct {
	const char *name;
	int status;
} table[ERR_MAX_] = {
	[ERR_NONE] = { "NONE", 200 },
	[ERR_BAD_REQUEST] = { "BAD_REQUEST", 400 },
	[ERR_INVALID_KEY] = { "INVALID_KEY", 401 },
	[ERR_KEY_ROTATION_PENDING] = { "KEY_ROTATION_PENDING", 401 },
	[ERR_MCP_TOKEN_EXPIRED] = { "MCP_TOKEN_EXPIRED", 401 },
	[ERR_PERMISSION_DENIED] = { "PERMISSION_DENIED", 403 },
	[ERR_NOT_FOUND] = { "NOT_FOUND", 404 },
	[ERR_TASK_NOT_FOUND] = { "TASK_NOT_FOUND", 404 },
	[ERR_MESSAGE_NOT_FOUND] = { "MESSAGE_NOT_FOUND", 404 },
	[ERR_SKILL_NOT_FOUND] = { "SKILL_NOT_FOUND", 404 },
	[ERR_AGENT_NOT_FOUND] = { "AGENT_NOT_FOUND", 404 },
	[ERR_METHOD_NOT_FOUND] = { "METHOD_NOT_FOUND", 404 },
	[ERR_CONNECTION_NOT_FOUND] = { "CONNECTION_NOT_FOUND", 404 },
	[ERR_SERVER_NOT_FOUND] = { "SERVER_NOT_FOUND", 404 },
	[ERR_ITEM_NOT_FOUND] = { "ITEM_NOT_FOUND", 404 },
	[ERR_HITL_NOT_FOUND] = { "HITL_NOT_FOUND", 404 },
	[ERR_METHOD_NOT_ALLOWED] = { "METHOD_NOT_ALLOWED", 405 },
	[ERR_TASK_BUSY] = { "TASK_BUSY", 409 },
	[ERR_TASK_NOT_RUNNING] = { "TASK_NOT_RUNNING", 409 },
	[ERR_HITL_REQUIRED] = { "HITL_REQUIRED", 409 },
	[ERR_SKILL_EXISTS] = { "SKILL_EXISTS", 409 },
	[ERR_LC_RUNNING] = { "LC_RUNNING", 409 },
	[ERR_BODY_TOO_LARGE] = { "BODY_TOO_LARGE", 413 },
	[ERR_VALIDATION] = { "VALIDATION_ERROR", 422 },
	[ERR_CONTEXT_OVERFLOW] = { "CONTEXT_OVERFLOW", 422 },
	[ERR_CATALOG_INVALID] = { "CATALOG_INVALID", 422 },
	[ERR_LLM_RATE_LIMITED] = { "LLM_RATE_LIMITED", 429 },
	[ERR_INTERNAL] = { "INTERNAL", 500 },
	[ERR_NOT_IMPLEMENTED] = { "NOT_IMPLEMENTED", 501 },
	[ERR_LLM_PROVIDER] = { "LLM_PROVIDER_ERROR", 502 },
	[ERR_MCP_CONNECTION_FAILED] = { "MCP_CONNECTION_FAILED", 502 },
	[ERR_UNAVAILABLE] = { "UNAVAILABLE", 503 },
	[ERR_MIGRATION_REQUIRED] = { "MIGRATION_REQUIRED", 503 },
	[ERR_LLM_TIMEOUT] = { "LLM_TIMEOUT", 504 },
	[ERR_HITL_EXPIRED] = { "HITL_EXPIRED", 409 },
	[ERR_CANCELLED] = { "CANCELLED", 500 },
};

const char *
err_name(enum err_code code)
{
	if ((unsigned)code >= ERR_MAX_)
		return "INTERNAL";
	return table[code].name;
}

int
err_status(enum err_code code)
{
	if ((unsigned)code >= ERR_MAX_)
		return 500;
	return table[code].status;
}

enum err_code
err_from_name(const char *name)
{
	int i;

	for (i = 1; i < ERR_MAX_; i++)
		if (strcmp(table[i].name, name) == 0)
			return (enum err_code)i;
	return ERR_NONE;
}

void
err_clear(struct err *e)
{
	if (e == NULL)
		return;
	e->code = ERR_NONE;
	e->field[0] = '\0';
	e->text[0] = '\0';
}

static void
fill_text(struct err *e, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

static void
fill_text(struct err *e, const char *fmt, va_list ap)
{
	int n = vsnprintf(e->text, sizeof e->text, fmt, ap);

	if (n < 0)
		e->text[0] = '\0';
	else if ((size_t)n >= sizeof e->text)
		e->text[utf8_cut(e->text, sizeof e->text - 1)] = '\0';
}

int
err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	if (e == NULL)
		return -1;
	e->code = code;
	e->field[0] = '\0';
	va_start(ap, fmt);
	fill_text(e, fmt, ap);
	va_end(ap);
	return -1;
}

int
err_field(struct err *e, const char *field, const char *fmt, ...)
{
	va_list ap;

	if (e == NULL)
		return -1;
	e->code = ERR_VALIDATION;
	if (strlen(field) < sizeof e->field)
		memcpy(e->field, field, strlen(field) + 1);
	else {
		memcpy(e->field, field, sizeof e->field - 1);
		e->field[utf8_cut(e->field, sizeof e->field - 1)] = '\0';
	}
	va_start(ap, fmt);
	fill_text(e, fmt, ap);
	va_end(ap);
	return -1;
}

int
err_nomem(struct err *e)
{
	return err_set(e, ERR_INTERNAL, "out of memory");
}

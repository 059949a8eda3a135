/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fail.h - why a reply failed: the codes of september/llm.h from what
 * providers say in statuses, headers, error bodies and error events.
 *
 * The text is for people: one line, valid UTF-8, bounded, without the key.
 */
#ifndef LLM_COMMON_FAIL_H
#define LLM_COMMON_FAIL_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

#define LLM_RATE_LIMITED "LLM_RATE_LIMITED"
#define LLM_PROVIDER_ERROR "LLM_PROVIDER_ERROR"
#define LLM_TIMEOUT "LLM_TIMEOUT"
#define LLM_CONTEXT_OVERFLOW "CONTEXT_OVERFLOW"

struct llm_fail {
	const char *code;    /* static; NULL: no failure */
	int retryable;
	int http;            /* HTTP status, 0: none */
	int64_t retry_after; /* seconds, -1: unknown */
	char text[512];
};

void llm_fail_init(struct llm_fail *f);
/* The first failure counts; later ones are ignored. */
void llm_fail_set(struct llm_fail *f, const char *code, int retryable,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/*
 * From a reply that is not 2xx. retry_after: seconds of the header or -1;
 * body: what came, JSON or not.
 */
void llm_fail_http(struct llm_fail *f, int status, int64_t retry_after,
    const char *body, size_t n);
/* From an object that carries an error, inside a stream or a 2xx reply. */
void llm_fail_object(struct llm_fail *f, const json_t *root);
/* Replaces every occurrence of a secret in the text. */
void llm_fail_hide(struct llm_fail *f, const char *secret, size_t n);
/* Appends the completion object. */
void llm_fail_json(const struct llm_fail *f, struct llm_buf *b);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * anthropic.c - the backend for the Messages interface: descriptor and what
 * is known about models.
 */
#include "anthropic.h"

#include <string.h>

static uint32_t
anthropic_window(struct sept_slice model)
{
	return model.n >= 6 && memmem(model.p, model.n, "claude", 6) != NULL ?
	    200000 : 0;
}

static const char *const trims[] = { "/messages", "/v1", NULL };

static const struct llm_provider anthropic = {
	.name = "anthropic",
	.default_model = "claude-sonnet-4-5",
	.default_base = "https://api.anthropic.com",
	.key_name = "ANTHROPIC_API_KEY",
	.key_header = "x-api-key: ",
	.extra_header = "anthropic-version: 2023-06-01",
	.trim = trims,
	.needs_key = 1,
	.media = SEPT_LLM_IMAGE | SEPT_LLM_DOCUMENT | SEPT_LLM_MEDIA_URL |
	    SEPT_LLM_FILE_URL | SEPT_LLM_THINKING,
	.state_size = sizeof(struct anthropic_state),
	.tool = anthropic_tool,
	.context_window = anthropic_window,
	.build = anthropic_build,
	.event = anthropic_event,
	.whole = anthropic_whole,
	.end = anthropic_end,
	.fini = anthropic_fini,
};

static sept_status
anthropic_create(const struct sept_host *host, struct sept_plugin **out)
{
	return llm_plugin_new(&anthropic, host, out);
}

static const char *const provides[] = { SEPT_EXT_LLM, NULL };
static const char *const needs[] = { SEPT_HOST_CALL, SEPT_HOST_HTTP, NULL };

static const struct sept_desc desc = {
	.size = sizeof desc,
	.abi_major = SEPT_ABI_MAJOR,
	.abi_minor = 0,
	.layout = SEPT_LAYOUT,
	.flags = SEPT_F_UNLOADABLE,
	.caps = SEPT_CAP_NET | SEPT_CAP_SECRET,
	.id = "org.september.llm-anthropic",
	.version = "0.1.0",
	.provides = provides,
	.requires_ = needs,
	.create = anthropic_create,
};

const struct sept_desc *
september_plugin_v1(void)
{
	return &desc;
}

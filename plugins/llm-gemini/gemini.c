/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gemini.c - the backend for the generateContent interface: descriptor and
 * what is known about models.
 */
#include "gemini.h"

#include <string.h>

static uint32_t
gemini_window(struct sept_slice model)
{
	char name[128];

	if (model.n >= sizeof name)
		return 0;
	memcpy(name, model.p, model.n);
	name[model.n] = '\0';
	if (llm_model_is(name, "gemini-1.5-pro"))
		return 2097152;
	if (llm_model_is(name, "gemini-"))
		return 1048576;
	return llm_model_is(name, "gemma-3") ? 131072 : 0;
}

static const char *const trims[] = { "/models", "/v1beta", "/v1", NULL };

static const struct llm_provider gemini = {
	.name = "gemini",
	.default_model = "gemini-2.5-flash",
	.default_base = "https://generativelanguage.googleapis.com",
	.key_name = "GEMINI_API_KEY",
	.key_header = "x-goog-api-key: ",
	.trim = trims,
	.needs_key = 1,
	.media = SEPT_LLM_IMAGE | SEPT_LLM_DOCUMENT | SEPT_LLM_AUDIO |
	    SEPT_LLM_MEDIA_URL | SEPT_LLM_FILE_URL | SEPT_LLM_THINKING |
	    SEPT_LLM_SCHEMA,
	.state_size = sizeof(struct gemini_state),
	.tool = gemini_tool,
	.context_window = gemini_window,
	.build = gemini_build,
	.event = gemini_event,
	.whole = gemini_whole,
	.end = gemini_end,
};

static sept_status
gemini_create(const struct sept_host *host, struct sept_plugin **out)
{
	return llm_plugin_new(&gemini, host, out);
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
	.id = "org.september.llm-gemini",
	.version = "0.1.0",
	.provides = provides,
	.requires_ = needs,
	.create = gemini_create,
};

const struct sept_desc *
september_plugin_v1(void)
{
	return &desc;
}

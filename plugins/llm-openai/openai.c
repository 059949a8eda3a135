/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openai.c - the backend for the Chat Completions interface, as spoken by
 * its inventor and by many hosted and local servers. Descriptor, and what
 * is known about models.
 */
#include "openai.h"

#include <string.h>

static const struct {
	const char *prefix;
	uint32_t tokens;
} windows[] = {
	{ "gpt-5", 400000 }, { "gpt-4.1", 1047576 }, { "gpt-4o", 128000 },
	{ "gpt-4-turbo", 128000 }, { "gpt-4-1106", 128000 },
	{ "gpt-4-0125", 128000 }, { "gpt-4-32k", 32768 }, { "gpt-4", 8192 },
	{ "gpt-3.5", 16385 }, { "o1-mini", 128000 },
	{ "o1-preview", 128000 }, { "o1", 200000 }, { "o3", 200000 },
	{ "o4", 200000 }, { "gpt-oss", 131072 },
};

static uint32_t
openai_window(struct sept_slice model)
{
	char name[128];
	size_t i;

	if (model.n >= sizeof name)
		return 0;
	memcpy(name, model.p, model.n);
	name[model.n] = '\0';
	for (i = 0; i < sizeof windows / sizeof windows[0]; i++)
		if (llm_model_is(name, windows[i].prefix))
			return windows[i].tokens;
	return 0;
}

static const char *const trims[] = { "/chat/completions", NULL };

static const struct llm_provider openai = {
	.name = "openai",
	.default_model = "gpt-5-mini",
	.default_base = "https://api.openai.com/v1",
	.key_name = "OPENAI_API_KEY",
	.key_header = "Authorization: Bearer ",
	.trim = trims,
	.media = SEPT_LLM_IMAGE | SEPT_LLM_DOCUMENT | SEPT_LLM_AUDIO |
	    SEPT_LLM_MEDIA_URL | SEPT_LLM_THINKING | SEPT_LLM_SCHEMA,
	.state_size = sizeof(struct openai_state),
	.tool = openai_tool,
	.context_window = openai_window,
	.build = openai_build,
	.event = openai_event,
	.whole = openai_whole,
	.end = openai_end,
	.fini = openai_fini,
};

static sept_status
openai_create(const struct sept_host *host, struct sept_plugin **out)
{
	return llm_plugin_new(&openai, host, out);
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
	.id = "org.september.llm-openai",
	.version = "0.1.0",
	.provides = provides,
	.requires_ = needs,
	.create = openai_create,
};

const struct sept_desc *
september_plugin_v1(void)
{
	return &desc;
}

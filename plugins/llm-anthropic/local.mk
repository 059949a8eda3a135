# Sources of this plugin; LLM_COMMON is set by llm-openai/local.mk.
LLM_ANTHROPIC = plugins/llm-anthropic/anthropic.c plugins/llm-anthropic/anthropic.h \
	plugins/llm-anthropic/request.c plugins/llm-anthropic/stream.c \
	$(LLM_COMMON)
if PLUGIN_LLM_ANTHROPIC
pluginexec_LTLIBRARIES += plugins/llm-anthropic.la
plugins_llm_anthropic_la_SOURCES = $(LLM_ANTHROPIC)
plugins_llm_anthropic_la_CFLAGS = $(MODULE_CFLAGS) $(JANSSON_CFLAGS)
plugins_llm_anthropic_la_LIBADD = $(JANSSON_LIBS)
plugins_llm_anthropic_la_LDFLAGS = $(MODULE_LINK)
dist_manifest_DATA += plugins/llm-anthropic/llm-anthropic.json
endif

# Sources of this plugin, and of what the backends share.
LLM_COMMON = plugins/llm-common/buf.c plugins/llm-common/buf.h \
	plugins/llm-common/fail.c plugins/llm-common/fail.h \
	plugins/llm-common/out.c plugins/llm-common/out.h \
	plugins/llm-common/plugin.c plugins/llm-common/run.c \
	plugins/llm-common/run.h plugins/llm-common/run-internal.h \
	plugins/llm-common/tools.c plugins/llm-common/tools.h \
	plugins/llm-common/util.c
LLM_OPENAI = plugins/llm-openai/fast.c plugins/llm-openai/openai.c \
	plugins/llm-openai/openai.h plugins/llm-openai/request.c \
	plugins/llm-openai/stream.c $(LLM_COMMON)
if PLUGIN_LLM_OPENAI
pluginexec_LTLIBRARIES += plugins/llm-openai.la
plugins_llm_openai_la_SOURCES = $(LLM_OPENAI)
plugins_llm_openai_la_CFLAGS = $(MODULE_CFLAGS) $(JANSSON_CFLAGS)
plugins_llm_openai_la_LIBADD = $(JANSSON_LIBS)
plugins_llm_openai_la_LDFLAGS = $(MODULE_LINK)
dist_manifest_DATA += plugins/llm-openai/llm-openai.json
endif

# Sources of this plugin; LLM_COMMON is set by llm-openai/local.mk.
LLM_GEMINI = plugins/llm-gemini/gemini.c plugins/llm-gemini/gemini.h \
	plugins/llm-gemini/request.c plugins/llm-gemini/schema.c \
	plugins/llm-gemini/stream.c $(LLM_COMMON)
if PLUGIN_LLM_GEMINI
pluginexec_LTLIBRARIES += plugins/llm-gemini.la
plugins_llm_gemini_la_SOURCES = $(LLM_GEMINI)
plugins_llm_gemini_la_CFLAGS = $(MODULE_CFLAGS) $(JANSSON_CFLAGS)
plugins_llm_gemini_la_LIBADD = $(JANSSON_LIBS)
plugins_llm_gemini_la_LDFLAGS = $(MODULE_LINK)
dist_manifest_DATA += plugins/llm-gemini/llm-gemini.json
endif

# Sources of this plugin, and its rules in the catalog.
LLM_SCRIPTED = plugins/llm-scripted/directive.c \
	plugins/llm-scripted/instance.c plugins/llm-scripted/plan.c \
	plugins/llm-scripted/rules.c plugins/llm-scripted/scripted.c \
	plugins/llm-scripted/scripted.h \
	plugins/llm-common/buf.c plugins/llm-common/buf.h \
	plugins/llm-common/fail.c plugins/llm-common/fail.h \
	plugins/llm-common/out.c plugins/llm-common/out.h
EXTRA_DIST += plugins/llm-scripted/README.md
if PLUGIN_LLM_SCRIPTED
pluginexec_LTLIBRARIES += plugins/llm-scripted.la
plugins_llm_scripted_la_SOURCES = $(LLM_SCRIPTED)
plugins_llm_scripted_la_CFLAGS = $(MODULE_CFLAGS) $(JANSSON_CFLAGS)
plugins_llm_scripted_la_LIBADD = $(JANSSON_LIBS) -lm
plugins_llm_scripted_la_LDFLAGS = $(MODULE_LINK)
dist_manifest_DATA += plugins/llm-scripted/llm-scripted.json
scriptedrulesdir = $(pkgdatadir)/catalog/scripted
dist_scriptedrules_DATA = catalog/scripted/rules.json
endif

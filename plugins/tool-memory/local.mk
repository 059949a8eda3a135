# Sources of this plugin.
TOOL_MEMORY_SOURCES = \
	plugins/tool-common/reply.c \
	plugins/tool-common/text.c \
	plugins/tool-common/tool.h \
	plugins/tool-memory/memory.c
if PLUGIN_TOOL_MEMORY
pluginexec_LTLIBRARIES += plugins/tool-memory.la
plugins_tool_memory_la_SOURCES = $(TOOL_MEMORY_SOURCES)
plugins_tool_memory_la_CFLAGS = $(MODULE_CFLAGS) $(JANSSON_CFLAGS)
plugins_tool_memory_la_LIBADD = $(JANSSON_LIBS)
plugins_tool_memory_la_LDFLAGS = $(MODULE_LINK)
dist_manifest_DATA += plugins/tool-memory/tool-memory.json
endif

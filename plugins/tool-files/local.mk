# Sources of this plugin.
TOOL_FILES_SOURCES = \
	plugins/tool-common/reply.c \
	plugins/tool-common/text.c \
	plugins/tool-common/tool.h \
	plugins/tool-files/beneath.c \
	plugins/tool-files/fault.c \
	plugins/tool-files/files.h \
	plugins/tool-files/find.c \
	plugins/tool-files/glob.c \
	plugins/tool-files/grep.c \
	plugins/tool-files/plugin.c \
	plugins/tool-files/read.c \
	plugins/tool-files/roots.c \
	plugins/tool-files/target.c \
	plugins/tool-files/walk.c \
	plugins/tool-files/write.c
if PLUGIN_TOOL_FILES
pluginexec_LTLIBRARIES += plugins/tool-files.la
plugins_tool_files_la_SOURCES = $(TOOL_FILES_SOURCES)
plugins_tool_files_la_CFLAGS = $(MODULE_CFLAGS) $(JANSSON_CFLAGS) \
	$(PCRE2_CFLAGS)
plugins_tool_files_la_LIBADD = $(JANSSON_LIBS) $(PCRE2_LIBS)
plugins_tool_files_la_LDFLAGS = $(MODULE_LINK)
dist_manifest_DATA += plugins/tool-files/tool-files.json
endif

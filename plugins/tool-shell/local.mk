# Sources of this plugin.
TOOL_SHELL_SOURCES = \
	plugins/tool-common/clip.c \
	plugins/tool-common/reply.c \
	plugins/tool-common/text.c \
	plugins/tool-common/tool.h \
	plugins/tool-shell/cwd.c \
	plugins/tool-shell/shell.c \
	plugins/tool-shell/shell.h \
	plugins/tool-shell/sweep.c
if PLUGIN_TOOL_SHELL
pluginexec_LTLIBRARIES += plugins/tool-shell.la
plugins_tool_shell_la_SOURCES = $(TOOL_SHELL_SOURCES)
plugins_tool_shell_la_CFLAGS = $(MODULE_CFLAGS) $(JANSSON_CFLAGS)
plugins_tool_shell_la_LIBADD = $(JANSSON_LIBS)
plugins_tool_shell_la_LDFLAGS = $(MODULE_LINK)
dist_manifest_DATA += plugins/tool-shell/tool-shell.json
endif

# Sources of this plugin.
TOOL_WEB_SOURCES = \
	plugins/tool-common/reply.c \
	plugins/tool-common/text.c \
	plugins/tool-common/tool.h \
	plugins/tool-web/charset.c \
	plugins/tool-web/fetch.c \
	plugins/tool-web/html.c \
	plugins/tool-web/plugin.c \
	plugins/tool-web/render.c \
	plugins/tool-web/render.h \
	plugins/tool-web/search.c \
	plugins/tool-web/web.h
if PLUGIN_TOOL_WEB
pluginexec_LTLIBRARIES += plugins/tool-web.la
plugins_tool_web_la_SOURCES = $(TOOL_WEB_SOURCES)
plugins_tool_web_la_CFLAGS = $(MODULE_CFLAGS) $(JANSSON_CFLAGS) \
	$(GUMBO_CFLAGS) $(CURL_CFLAGS)
plugins_tool_web_la_LIBADD = $(JANSSON_LIBS) $(GUMBO_LIBS) $(CURL_LIBS)
plugins_tool_web_la_LDFLAGS = $(MODULE_LINK)
dist_manifest_DATA += plugins/tool-web/tool-web.json
endif

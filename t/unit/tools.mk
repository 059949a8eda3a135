# Unit tests of this part.
TOOLHOST_SOURCES = t/unit/toolhost.c t/unit/toolhost-io.c \
	t/unit/toolhost.h t/unit/toolhost-internal.h
TOOLTEST_CFLAGS = $(AM_CFLAGS) $(EVENT_CFLAGS) $(JANSSON_CFLAGS)
TOOLTEST_LIBS = $(EVENT_LIBS) $(JANSSON_LIBS)

if PLUGIN_TOOL_SHELL
check_PROGRAMS += t/unit/test-tool-shell
t_unit_test_tool_shell_SOURCES = t/unit/test-tool-shell.c \
	$(TOOLHOST_SOURCES) $(TOOL_SHELL_SOURCES)
t_unit_test_tool_shell_CFLAGS = $(TOOLTEST_CFLAGS)
t_unit_test_tool_shell_LDADD = $(TOOLTEST_LIBS)
endif

if PLUGIN_TOOL_FILES
check_PROGRAMS += t/unit/test-tool-files t/unit/test-tool-paths
t_unit_test_tool_files_SOURCES = t/unit/test-tool-files.c \
	$(TOOLHOST_SOURCES) $(TOOL_FILES_SOURCES)
t_unit_test_tool_files_CFLAGS = $(TOOLTEST_CFLAGS) $(PCRE2_CFLAGS)
t_unit_test_tool_files_LDADD = $(TOOLTEST_LIBS) $(PCRE2_LIBS)
t_unit_test_tool_paths_SOURCES = t/unit/test-tool-paths.c \
	$(TOOLHOST_SOURCES) $(TOOL_FILES_SOURCES)
t_unit_test_tool_paths_CFLAGS = $(TOOLTEST_CFLAGS) $(PCRE2_CFLAGS)
t_unit_test_tool_paths_LDADD = $(TOOLTEST_LIBS) $(PCRE2_LIBS)
endif

if PLUGIN_TOOL_WEB
check_PROGRAMS += t/unit/test-tool-web
t_unit_test_tool_web_SOURCES = t/unit/test-tool-web.c \
	$(TOOLHOST_SOURCES) $(TOOL_WEB_SOURCES)
t_unit_test_tool_web_CFLAGS = $(TOOLTEST_CFLAGS) $(GUMBO_CFLAGS) \
	$(CURL_CFLAGS)
t_unit_test_tool_web_LDADD = $(TOOLTEST_LIBS) $(GUMBO_LIBS) $(CURL_LIBS)
endif

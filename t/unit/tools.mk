# Unit tests of this part.
TOOLHOST_SOURCES = t/unit/toolhost.c t/unit/toolhost-io.c \
	t/unit/toolhost.h t/unit/toolhost-internal.h
TOOL_COMMON_SOURCES = plugins/tool-common/clip.c \
	plugins/tool-common/reply.c plugins/tool-common/text.c
TOOLTEST_CFLAGS = $(AM_CFLAGS) $(EVENT_CFLAGS) $(JANSSON_CFLAGS)
TOOLTEST_LIBS = $(EVENT_LIBS) $(JANSSON_LIBS)

if PLUGIN_TOOL_SHELL
check_PROGRAMS += t/unit/test-tool-shell
t_unit_test_tool_shell_SOURCES = t/unit/test-tool-shell.c \
	$(TOOLHOST_SOURCES) $(TOOL_COMMON_SOURCES) \
	plugins/tool-shell/cwd.c plugins/tool-shell/shell.c \
	plugins/tool-shell/sweep.c
t_unit_test_tool_shell_CFLAGS = $(TOOLTEST_CFLAGS)
t_unit_test_tool_shell_LDADD = $(TOOLTEST_LIBS)
endif

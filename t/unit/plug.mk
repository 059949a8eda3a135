# Tests of core/plug and the plugins they load. A test plugin is linked like a
# real one; -rpath makes libtool build a shared object that is not installed.
PLUG_TEST_LINK = $(MODULE_LINK) -rpath $(abs_builddir)
PLUG_TEST_SOURCES = t/plugin/test-plugin.c t/plugin/test-plugin.h \
	t/plugin/test-tools.c
PLUG_TEST_PLUGINS = t/plugin/good-a.la t/plugin/good-b.la \
	t/plugin/major.la t/plugin/needs.la t/plugin/nostart.la \
	t/plugin/noentry.la t/plugin/plain.la t/plugin/stubborn.la
check_LTLIBRARIES += $(PLUG_TEST_PLUGINS)

# Two builds that export a helper of the same name beside the entry.
t_plugin_good_a_la_SOURCES = $(PLUG_TEST_SOURCES)
t_plugin_good_a_la_CPPFLAGS = $(AM_CPPFLAGS) -DBUILD='"a"' -DSECOND_EXPORT
t_plugin_good_a_la_CFLAGS = $(MODULE_CFLAGS)
t_plugin_good_a_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared \
	$(MODULE_LDFLAGS) -rpath $(abs_builddir)
t_plugin_good_b_la_SOURCES = $(PLUG_TEST_SOURCES)
t_plugin_good_b_la_CPPFLAGS = $(AM_CPPFLAGS) -DBUILD='"b"' -DSECOND_EXPORT
t_plugin_good_b_la_CFLAGS = $(MODULE_CFLAGS)
t_plugin_good_b_la_LDFLAGS = $(t_plugin_good_a_la_LDFLAGS)

t_plugin_major_la_SOURCES = $(PLUG_TEST_SOURCES)
t_plugin_major_la_CPPFLAGS = $(AM_CPPFLAGS) -DMAJOR=2
t_plugin_major_la_CFLAGS = $(MODULE_CFLAGS)
t_plugin_major_la_LDFLAGS = $(PLUG_TEST_LINK)
t_plugin_needs_la_SOURCES = $(PLUG_TEST_SOURCES)
t_plugin_needs_la_CPPFLAGS = $(AM_CPPFLAGS) -DNEEDS=SEPT_HOST_HTTP -DCAPS=0
t_plugin_needs_la_CFLAGS = $(MODULE_CFLAGS)
t_plugin_needs_la_LDFLAGS = $(PLUG_TEST_LINK)
t_plugin_nostart_la_SOURCES = $(PLUG_TEST_SOURCES)
t_plugin_nostart_la_CPPFLAGS = $(AM_CPPFLAGS) -DNO_START
t_plugin_nostart_la_CFLAGS = $(MODULE_CFLAGS)
t_plugin_nostart_la_LDFLAGS = $(PLUG_TEST_LINK)
t_plugin_plain_la_SOURCES = $(PLUG_TEST_SOURCES)
t_plugin_plain_la_CPPFLAGS = $(AM_CPPFLAGS) -DBUILD='"plain"' -DCAPS=0 \
	-DFLAGS=0
t_plugin_plain_la_CFLAGS = $(MODULE_CFLAGS)
t_plugin_plain_la_LDFLAGS = $(PLUG_TEST_LINK)
t_plugin_stubborn_la_SOURCES = $(PLUG_TEST_SOURCES)
t_plugin_stubborn_la_CPPFLAGS = $(AM_CPPFLAGS) -DNO_QUIET
t_plugin_stubborn_la_CFLAGS = $(MODULE_CFLAGS)
t_plugin_stubborn_la_LDFLAGS = $(PLUG_TEST_LINK)
t_plugin_noentry_la_SOURCES = t/plugin/no-entry.c
t_plugin_noentry_la_CFLAGS = $(MODULE_CFLAGS)
t_plugin_noentry_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared \
	-rpath $(abs_builddir)

PLUG_FIXTURE = t/unit/plug-fixture.c t/unit/plug-fixture.h \
	t/unit/fake-http-client.c
check_PROGRAMS += t/unit/test-plug t/unit/test-plug-call
t_unit_test_plug_SOURCES = t/unit/test-plug.c $(PLUG_FIXTURE)
t_unit_test_plug_CFLAGS = $(CORE_CFLAGS)
t_unit_test_plug_LDADD = $(CORE_LIBS)
t_unit_test_plug_DEPENDENCIES = core/libcore.a $(PLUG_TEST_PLUGINS)
t_unit_test_plug_call_SOURCES = t/unit/test-plug-call.c $(PLUG_FIXTURE)
t_unit_test_plug_call_CFLAGS = $(CORE_CFLAGS)
t_unit_test_plug_call_LDADD = $(CORE_LIBS)
t_unit_test_plug_call_DEPENDENCIES = core/libcore.a $(PLUG_TEST_PLUGINS)

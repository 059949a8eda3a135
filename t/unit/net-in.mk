# Unit tests of this part.
check_PROGRAMS += t/unit/test-http-filter t/unit/test-http-server
noinst_HEADERS += t/unit/http-requests.h t/unit/http-rig.h
t_unit_test_http_filter_SOURCES = t/unit/test-http-filter.c
t_unit_test_http_filter_CFLAGS = $(CORE_CFLAGS)
t_unit_test_http_filter_LDADD = $(CORE_LIBS)
t_unit_test_http_server_SOURCES = t/unit/test-http-server.c
t_unit_test_http_server_CFLAGS = $(CORE_CFLAGS)
t_unit_test_http_server_LDADD = $(CORE_LIBS)

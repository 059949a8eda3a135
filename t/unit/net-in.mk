# Unit tests of this part.
noinst_HEADERS += t/unit/http-requests.h t/unit/http-rig.h
check_PROGRAMS += t/unit/test-http-filter
t_unit_test_http_filter_SOURCES = t/unit/test-http-filter.c
t_unit_test_http_filter_CFLAGS = $(CORE_CFLAGS)
t_unit_test_http_filter_LDADD = $(CORE_LIBS)
check_PROGRAMS += t/unit/test-http-limits
t_unit_test_http_limits_SOURCES = t/unit/test-http-limits.c
t_unit_test_http_limits_CFLAGS = $(CORE_CFLAGS)
t_unit_test_http_limits_LDADD = $(CORE_LIBS)
check_PROGRAMS += t/unit/test-http-server
t_unit_test_http_server_SOURCES = t/unit/test-http-server.c
t_unit_test_http_server_CFLAGS = $(CORE_CFLAGS)
t_unit_test_http_server_LDADD = $(CORE_LIBS)
check_PROGRAMS += t/unit/test-sse-out
t_unit_test_sse_out_SOURCES = t/unit/test-sse-out.c
t_unit_test_sse_out_CFLAGS = $(CORE_CFLAGS)
t_unit_test_sse_out_LDADD = $(CORE_LIBS)

# Unit tests of this part: HTTP client, SSE parser, address guard.
check_PROGRAMS += t/unit/test-http-client
t_unit_test_http_client_SOURCES = t/unit/test-http-client.c \
	t/unit/http-got.c t/unit/http-got.h \
	t/unit/odd-server.c t/unit/odd-server.h
t_unit_test_http_client_CFLAGS = $(CORE_CFLAGS)
t_unit_test_http_client_LDADD = $(CORE_LIBS)
check_PROGRAMS += t/unit/test-http-guard
t_unit_test_http_guard_SOURCES = t/unit/test-http-guard.c \
	t/unit/http-got.c t/unit/http-got.h \
	t/unit/odd-server.c t/unit/odd-server.h
t_unit_test_http_guard_CFLAGS = $(CORE_CFLAGS)
t_unit_test_http_guard_LDADD = $(CORE_LIBS)
check_PROGRAMS += t/unit/test-http-tls
t_unit_test_http_tls_SOURCES = t/unit/test-http-tls.c \
	t/unit/http-got.c t/unit/http-got.h \
	t/unit/odd-server.c t/unit/odd-server.h
t_unit_test_http_tls_CFLAGS = $(CORE_CFLAGS)
t_unit_test_http_tls_LDADD = $(CORE_LIBS)
check_PROGRAMS += t/unit/test-sse-parser
t_unit_test_sse_parser_SOURCES = t/unit/test-sse-parser.c
t_unit_test_sse_parser_CFLAGS = $(CORE_CFLAGS)
t_unit_test_sse_parser_LDADD = $(CORE_LIBS)
check_PROGRAMS += t/unit/test-netguard
t_unit_test_netguard_SOURCES = t/unit/test-netguard.c
t_unit_test_netguard_CFLAGS = $(CORE_CFLAGS)
t_unit_test_netguard_LDADD = $(CORE_LIBS)
check_PROGRAMS += t/fuzz/fuzz-sse-parser
t_fuzz_fuzz_sse_parser_SOURCES = t/fuzz/fuzz-sse-parser.c t/fuzz/replay.c
t_fuzz_fuzz_sse_parser_CPPFLAGS = $(AM_CPPFLAGS) \
	-DFUZZ_CORPUS='"sse-parser"'
t_fuzz_fuzz_sse_parser_CFLAGS = $(CORE_CFLAGS)
t_fuzz_fuzz_sse_parser_LDADD = $(CORE_LIBS)
EXTRA_DIST += t/fuzz/corpus/sse-parser

# Unit tests of this part: the memory.
check_PROGRAMS += t/unit/test-memory-query
t_unit_test_memory_query_SOURCES = t/unit/test-memory-query.c
t_unit_test_memory_query_CFLAGS = $(CORE_CFLAGS)
t_unit_test_memory_query_LDADD = $(CORE_LIBS)
EXTRA_DIST += t/50-memory.t
TESTS += t/50-memory.t

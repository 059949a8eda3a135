check_PROGRAMS += t/unit/test-loop
t_unit_test_loop_SOURCES = t/unit/test-loop.c
t_unit_test_loop_CFLAGS = $(CORE_CFLAGS)
t_unit_test_loop_LDADD = $(CORE_LIBS)

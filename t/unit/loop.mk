check_PROGRAMS += t/unit/test-loop t/unit/test-proc
t_unit_test_loop_SOURCES = t/unit/test-loop.c
t_unit_test_loop_CFLAGS = $(CORE_CFLAGS)
t_unit_test_loop_LDADD = $(CORE_LIBS)
t_unit_test_proc_SOURCES = t/unit/test-proc.c
t_unit_test_proc_CFLAGS = $(CORE_CFLAGS)
t_unit_test_proc_LDADD = $(CORE_LIBS)

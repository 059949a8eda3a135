check_PROGRAMS += t/unit/test-base
t_unit_test_base_SOURCES = t/unit/test-base.c
t_unit_test_base_CFLAGS = $(CORE_CFLAGS)
t_unit_test_base_LDADD = $(CORE_LIBS)

# Unit tests of this part: the agent and the configuration.
check_PROGRAMS += t/unit/test-reply
t_unit_test_reply_SOURCES = t/unit/test-reply.c
t_unit_test_reply_CFLAGS = $(CORE_CFLAGS)
t_unit_test_reply_LDADD = $(CORE_LIBS)
check_PROGRAMS += t/unit/test-config
t_unit_test_config_SOURCES = t/unit/test-config.c core/main-config.c
t_unit_test_config_CPPFLAGS = $(AM_CPPFLAGS) $(CORE_PATHS)
t_unit_test_config_CFLAGS = $(CORE_CFLAGS)
t_unit_test_config_LDADD = $(CORE_LIBS)
check_PROGRAMS += t/fuzz/fuzz-reply
t_fuzz_fuzz_reply_SOURCES = t/fuzz/fuzz-reply.c t/fuzz/replay.c
t_fuzz_fuzz_reply_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_CORPUS='"reply"'
t_fuzz_fuzz_reply_CFLAGS = $(CORE_CFLAGS)
t_fuzz_fuzz_reply_LDADD = $(CORE_LIBS)
EXTRA_DIST += t/fuzz/corpus/reply

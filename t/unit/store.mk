# Unit tests of this part.
noinst_HEADERS += t/unit/store-util.h t/unit/journal-util.h
check_PROGRAMS += t/unit/test-brain
t_unit_test_brain_SOURCES = t/unit/test-brain.c
t_unit_test_brain_CFLAGS = $(CORE_CFLAGS)
t_unit_test_brain_LDADD = $(CORE_LIBS)
check_PROGRAMS += t/unit/test-rows
t_unit_test_rows_SOURCES = t/unit/test-rows.c
t_unit_test_rows_CFLAGS = $(CORE_CFLAGS)
t_unit_test_rows_LDADD = $(CORE_LIBS)
check_PROGRAMS += t/unit/test-journal
t_unit_test_journal_SOURCES = t/unit/test-journal.c
t_unit_test_journal_CFLAGS = $(CORE_CFLAGS)
t_unit_test_journal_LDADD = $(CORE_LIBS)
check_PROGRAMS += t/unit/test-journal-faults
t_unit_test_journal_faults_SOURCES = t/unit/test-journal-faults.c
t_unit_test_journal_faults_CFLAGS = $(CORE_CFLAGS)
t_unit_test_journal_faults_LDADD = $(CORE_LIBS)

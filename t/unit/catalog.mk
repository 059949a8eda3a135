check_PROGRAMS += t/unit/test-schema
t_unit_test_schema_SOURCES = t/unit/test-schema.c t/unit/schema-cases.h
t_unit_test_schema_CFLAGS = $(CORE_CFLAGS)
t_unit_test_schema_LDADD = $(CORE_LIBS)

check_PROGRAMS += t/unit/test-catalog
t_unit_test_catalog_SOURCES = t/unit/test-catalog.c
t_unit_test_catalog_CFLAGS = $(CORE_CFLAGS)
t_unit_test_catalog_LDADD = $(CORE_LIBS)

check_PROGRAMS += t/unit/test-schema
t_unit_test_schema_SOURCES = t/unit/test-schema.c t/unit/schema-cases.h
t_unit_test_schema_CFLAGS = $(CORE_CFLAGS)
t_unit_test_schema_LDADD = $(CORE_LIBS)

check_PROGRAMS += t/unit/test-catalog
t_unit_test_catalog_SOURCES = t/unit/test-catalog.c
t_unit_test_catalog_CFLAGS = $(CORE_CFLAGS)
t_unit_test_catalog_LDADD = $(CORE_LIBS)

if PLUGIN_SKILL_DIR
check_PROGRAMS += t/unit/test-skill-dir
t_unit_test_skill_dir_SOURCES = t/unit/test-skill-dir.c \
	plugins/skill-dir/folder.c plugins/skill-dir/front.c \
	plugins/skill-dir/note.c plugins/skill-dir/skill-dir.c \
	plugins/skill-dir/yaml-json.c
t_unit_test_skill_dir_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(YAML_CFLAGS)
t_unit_test_skill_dir_LDADD = $(JANSSON_LIBS) $(YAML_LIBS)
endif

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

check_PROGRAMS += t/fuzz/fuzz-schema
t_fuzz_fuzz_schema_SOURCES = t/fuzz/fuzz-schema.c t/fuzz/replay.c
t_fuzz_fuzz_schema_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_CORPUS='"schema"'
t_fuzz_fuzz_schema_CFLAGS = $(CORE_CFLAGS)
t_fuzz_fuzz_schema_LDADD = $(CORE_LIBS)
EXTRA_DIST += t/fuzz/corpus/schema

if PLUGIN_SKILL_DIR
check_PROGRAMS += t/fuzz/fuzz-front-matter
t_fuzz_fuzz_front_matter_SOURCES = t/fuzz/fuzz-front-matter.c \
	t/fuzz/replay.c plugins/skill-dir/front.c plugins/skill-dir/note.c \
	plugins/skill-dir/yaml-json.c
t_fuzz_fuzz_front_matter_CPPFLAGS = $(AM_CPPFLAGS) \
	-DFUZZ_CORPUS='"front-matter"'
t_fuzz_fuzz_front_matter_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) \
	$(YAML_CFLAGS)
t_fuzz_fuzz_front_matter_LDADD = $(JANSSON_LIBS) $(YAML_LIBS)
endif
EXTRA_DIST += t/fuzz/corpus/front-matter

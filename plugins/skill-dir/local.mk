if PLUGIN_SKILL_DIR
pluginexec_LTLIBRARIES += plugins/skill-dir.la
plugins_skill_dir_la_SOURCES = \
	plugins/skill-dir/folder.c plugins/skill-dir/folder.h \
	plugins/skill-dir/front.c plugins/skill-dir/front.h \
	plugins/skill-dir/note.c plugins/skill-dir/note.h \
	plugins/skill-dir/skill-dir.c \
	plugins/skill-dir/yaml-json.c plugins/skill-dir/yaml-json.h
plugins_skill_dir_la_CFLAGS = $(MODULE_CFLAGS) $(JANSSON_CFLAGS) \
	$(YAML_CFLAGS)
plugins_skill_dir_la_LIBADD = $(JANSSON_LIBS) $(YAML_LIBS)
plugins_skill_dir_la_LDFLAGS = $(MODULE_LINK)
dist_manifest_DATA += plugins/skill-dir/skill-dir.json
endif

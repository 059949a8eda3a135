# Fuzz targets: their runner and all seeds. Not the folder as a whole, as the
# one in the build tree holds objects. Targets that are also programs of make
# check have their rules beside the unit tests of their part.
EXTRA_DIST += t/fuzz/run t/fuzz/corpus t/fuzz/fuzz-clip.c \
	t/fuzz/fuzz-front-matter.c t/fuzz/fuzz-html.c \
	t/fuzz/fuzz-http-filter.c t/fuzz/fuzz-llm-openai.c \
	t/fuzz/fuzz-request-json.c t/fuzz/fuzz-schema.c

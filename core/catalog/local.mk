core_libcore_a_SOURCES += \
	core/catalog/catalog.c core/catalog/catalog.h \
	core/catalog/catalog-check.c \
	core/catalog/catalog-fields.c \
	core/catalog/catalog-file.c \
	core/catalog/catalog-internal.h \
	core/catalog/catalog-line.c \
	core/catalog/catalog-parse.c \
	core/catalog/catalog-server.c \
	core/catalog/catalog-skills.c

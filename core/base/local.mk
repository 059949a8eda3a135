core_libcore_a_SOURCES += \
	core/base/buf.c core/base/buf.h \
	core/base/clock.c core/base/clock.h \
	core/base/err.c core/base/err.h \
	core/base/ids.c core/base/ids.h \
	core/base/json.c core/base/json.h \
	core/base/log.c core/base/log.h \
	core/base/schema.c core/base/schema.h \
	core/base/schema-apply.c \
	core/base/schema-assert.c \
	core/base/schema-check.c \
	core/base/schema-cpset.c \
	core/base/schema-internal.h \
	core/base/schema-keywords.c \
	core/base/schema-pattern.c core/base/schema-pattern.h \
	core/base/schema-pattern-internal.h \
	core/base/schema-pattern-parse.c \
	core/base/schema-ref.c \
	core/base/schema-uneval.c \
	core/base/schema-value.c \
	core/base/scrub.c core/base/scrub.h \
	core/base/utf8.c core/base/utf8.h

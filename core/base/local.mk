core_libcore_a_SOURCES += \
	core/base/buf.c core/base/buf.h \
	core/base/clock.c core/base/clock.h \
	core/base/err.c core/base/err.h \
	core/base/ids.c core/base/ids.h \
	core/base/json.c core/base/json.h \
	core/base/log.c core/base/log.h \
	core/base/scrub.c core/base/scrub.h \
	core/base/utf8.c core/base/utf8.h

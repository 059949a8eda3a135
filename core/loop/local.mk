core_libcore_a_SOURCES += \
	core/loop/loop.c core/loop/loop.h \
	core/loop/pool.c core/loop/pool.h

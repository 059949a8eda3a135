core_libcore_a_SOURCES += \
	core/loop/loop.c core/loop/loop.h \
	core/loop/pool.c core/loop/pool.h \
	core/loop/proc.c core/loop/proc.h core/loop/proc-internal.h \
	core/loop/proc-spawn.c core/loop/proc-reap.c

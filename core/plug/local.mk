core_libcore_a_SOURCES += \
	core/plug/plug.c core/plug/plug.h core/plug/plug-internal.h \
	core/plug/manifest.c core/plug/manifest.h \
	core/plug/dso.c core/plug/dso.h \
	core/plug/gen.c core/plug/ext.c core/plug/snapshot.c \
	core/plug/host.c core/plug/host-http.c core/plug/host-memory.c core/plug/host-proc.c \
	core/plug/call.c core/plug/call-internal.h core/plug/deliver.c \
	core/plug/invoke.c

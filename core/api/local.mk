core_libcore_a_SOURCES += \
	core/api/admin.c \
	core/api/api-internal.h \
	core/api/api.c core/api/api.h \
	core/api/auth.c core/api/auth.h \
	core/api/execute.c \
	core/api/feedback.c \
	core/api/health.c \
	core/api/lists.c \
	core/api/memory.c \
	core/api/openapi.c \
	core/api/replay.c \
	core/api/routes.c \
	core/api/rpc.c \
	core/api/skills.c \
	core/api/stream.c \
	core/api/tasks.c

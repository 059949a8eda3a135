core_libcore_a_SOURCES += \
	core/agent/actions.c \
	core/agent/agent-internal.h \
	core/agent/agent.c core/agent/agent.h \
	core/agent/begin.c \
	core/agent/model.c \
	core/agent/prompt.c core/agent/prompt.h \
	core/agent/reload.c \
	core/agent/reply.c core/agent/reply.h \
	core/agent/result.c core/agent/result.h \
	core/agent/resume.c \
	core/agent/rpc.c \
	core/agent/tools.c \
	core/agent/toolset.c core/agent/toolset.h \
	core/agent/turn.c \
	core/agent/wire.c \
	core/agent/workspace.c core/agent/workspace.h

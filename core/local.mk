include core/base/local.mk
include core/loop/local.mk
include core/net/local.mk
include core/store/local.mk
include core/plug/local.mk
include core/catalog/local.mk
include core/memory/local.mk
include core/agent/local.mk
include core/api/local.mk

bin_PROGRAMS += september-engine
september_engine_SOURCES = core/main.c core/main-config.c core/main-config.h
september_engine_CFLAGS = $(CORE_CFLAGS)
september_engine_CPPFLAGS = $(AM_CPPFLAGS) $(CORE_PATHS)
september_engine_LDADD = $(CORE_LIBS)
september_engine_LDFLAGS = $(AM_LDFLAGS) $(DAEMON_LDFLAGS)

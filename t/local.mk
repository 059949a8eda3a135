include t/unit/base.mk
include t/unit/loop.mk
include t/unit/net-in.mk
include t/unit/net-out.mk
include t/unit/store.mk
include t/unit/plug.mk
include t/unit/catalog.mk
include t/unit/llm.mk
include t/unit/tools.mk
include t/unit/agent.mk
include t/unit/memory.mk
include t/fuzz/local.mk
include t/lint/local.mk
include t/blackbox.mk

noinst_HEADERS += t/unit/tap.h
TESTS += $(check_PROGRAMS)

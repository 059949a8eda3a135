core_libcore_a_SOURCES += \
	core/memory/dates.c \
	core/memory/fields.c \
	core/memory/hits.c \
	core/memory/items.c \
	core/memory/memory.c core/memory/memory.h \
	core/memory/memory-internal.h \
	core/memory/query.c \
	core/memory/rank.c \
	core/memory/search.c \
	core/memory/social.c \
	core/memory/soul.c \
	core/memory/turns.c \
	core/memory/words.c

# Sources of this folder.
core_libcore_a_SOURCES += \
	core/store/brain.c core/store/brain.h \
	core/store/brain-db.c core/store/brain-internal.h \
	core/store/brain-lock.c \
	core/store/brain-writer.c core/store/brain-thread.h \
	core/store/channel.c \
	core/store/journal.c core/store/journal.h \
	core/store/journal-frame.c core/store/journal-internal.h \
	core/store/journal-reader.c \
	core/store/journal-scan.c core/store/journal-scan.h \
	core/store/rows-event.c \
	core/store/rows.c core/store/rows.h core/store/rows-internal.h \
	core/store/rows-task.c core/store/rows-turn.c \
	core/store/schema.c core/store/schema-memory.c

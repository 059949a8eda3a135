/* SPDX-License-Identifier: Apache-2.0 */
/*
 * note.h - the list of problems of a scan, and text checks used with it.
 */
#ifndef SKILL_DIR_NOTE_H
#define SKILL_DIR_NOTE_H

#include <jansson.h>
#include <stddef.h>

#define NOTE_MAX 1000

struct notes {
	json_t *list; /* array of {"file","line","message"} */
	int nomem;    /* sticks */
};

/* [any] Appends a problem; line 0: the whole file. Over NOTE_MAX: dropped. */
void note(struct notes *n, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/*
 * [any] Offset of the first byte that is not UTF-8 or is a NUL; n when all is
 * well.
 */
size_t note_bad_byte(const char *s, size_t n);
/* [any] Line (from 1) of offset i. */
int note_line(const char *s, size_t i);
/* [any] Characters of a valid UTF-8 text. */
size_t note_chars(const char *s, size_t n);

#endif

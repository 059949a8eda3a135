/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal-scan.c - taking stored frames apart again. The form is the one of
 * journal-frame.c: `id: N`, `event: TYPE`, `data: {...}`, each on one line.
 */
#include "journal-scan.h"

#include <stdlib.h>
#include <string.h>

#include "rows-internal.h"

#define TYPE_MAX 64

/* What follows the word on the line at *p; moves *p to the next line. */
static const char *
line_value(const char **p, const char *end, const char *word, size_t *n)
{
	size_t w = strlen(word);
	const char *lf = memchr(*p, '\n', (size_t)(end - *p)), *v = *p + w;

	if (lf == NULL || (size_t)(lf - *p) < w || memcmp(*p, word, w) != 0)
		return NULL;
	*n = (size_t)(lf - v);
	*p = lf + 1;
	return v;
}

/* One frame at *p; 0, or -1 when it is not one. */
static int
parse_frame(const char **p, const char *end, char type[TYPE_MAX],
    struct journal_event *ev)
{
	const char *v;
	size_t n;

	v = line_value(p, end, "id: ", &n);
	if (v == NULL)
		return -1;
	ev->id = strtoll(v, NULL, 10);
	v = line_value(p, end, "event: ", &n);
	if (v == NULL || n >= TYPE_MAX)
		return -1;
	memcpy(type, v, n);
	type[n] = '\0';
	ev->type = type;
	ev->data = line_value(p, end, "data: ", &ev->data_n);
	if (ev->data == NULL || *p >= end || **p != '\n')
		return -1;
	(*p)++;
	return 0;
}

static int
scan_frames(const char *p, size_t n, int64_t after_id,
    int (*each)(void *, const struct journal_event *), void *arg,
    struct err *e)
{
	const char *end = p + n;
	struct journal_event ev;
	char type[TYPE_MAX];

	while (p < end) {
		if (parse_frame(&p, end, type, &ev) != 0)
			return err_set(e, ERR_INTERNAL,
			    "the journal holds bytes that are no event");
		if (ev.id > after_id && each(arg, &ev) != 0)
			return e->code != ERR_NONE ? -1 : err_nomem(e);
	}
	return 0;
}

int
journal_scan(struct brain_db *db, int64_t task_no, int64_t after_id,
    int (*each)(void *, const struct journal_event *), void *arg,
    struct err *e)
{
	struct row_stmt s;
	const char *blob;
	int r;

	row_stmt_init(&s, db, "SELECT frames FROM events WHERE task_no = ?1"
	    " AND last_id > ?2 ORDER BY first_id", e);
	row_int(&s, task_no);
	row_int(&s, after_id);
	while ((r = row_step(&s)) > 0) {
		blob = sqlite3_column_blob(s.st, 0);
		r = scan_frames(blob, (size_t)sqlite3_column_bytes(s.st, 0),
		    after_id, each, arg, e);
		if (r != 0)
			break;
	}
	if (s.st != NULL)
		(void)sqlite3_reset(s.st);
	return r < 0 ? -1 : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal-scan.h - reading a task's stored events one by one, for what has to
 * know what they say (resuming a turn). Inside a brain operation.
 */
#ifndef CORE_STORE_JOURNAL_SCAN_H
#define CORE_STORE_JOURNAL_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "brain.h"

struct journal_event {
	int64_t id;
	const char *type;  /* NUL terminated */
	const char *data;  /* the payload's JSON text */
	size_t data_n;
};

/*
 * Calls each() for every event with a greater id than after_id, oldest first;
 * it ends the scan with anything but 0. -1: the brain failed, or each() did.
 */
int journal_scan(struct brain_db *db, int64_t task_no, int64_t after_id,
    int (*each)(void *arg, const struct journal_event *ev), void *arg,
    struct err *e);

#endif

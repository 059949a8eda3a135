/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - the engine daemon.
 */
#include <sodium.h>

#include "base/log.h"

int
main(void)
{
	if (sodium_init() < 0)
		return 1;
	log_info("main", "nothing to serve yet");
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tap.h - the few macros of our C unit tests, which print TAP. One test
 * program a module: check(...) as often as needed, `return tap_done();`.
 */
#ifndef T_UNIT_TAP_H
#define T_UNIT_TAP_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int tap_count_, tap_bad_;

/* A test that hangs is ended; first line of every main(). */
static inline void
tap_start(unsigned seconds)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	(void)alarm(seconds);
}

static inline int
tap_ok_(int good, const char *what, const char *file, int line)
{
	tap_count_++;
	printf("%sok %d - %s\n", good ? "" : "not ", tap_count_, what);
	if (!good) {
		tap_bad_++;
		printf("# failed at %s:%d\n", file, line);
	}
	return good;
}

#define check(cond, what) tap_ok_(!!(cond), (what), __FILE__, __LINE__)

static inline int
tap_str_(const char *got, const char *want, const char *what,
    const char *file, int line)
{
	int good = got != NULL && want != NULL ? strcmp(got, want) == 0 :
	    got == want;

	tap_ok_(good, what, file, line);
	if (!good)
		printf("#  got: %s\n# want: %s\n", got != NULL ? got :
		    "(null)", want != NULL ? want : "(null)");
	return good;
}

#define check_str(got, want, what) \
	tap_str_((got), (want), (what), __FILE__, __LINE__)

static inline int
tap_int_(long long got, long long want, const char *what, const char *file,
    int line)
{
	int good = got == want;

	tap_ok_(good, what, file, line);
	if (!good)
		printf("#  got: %lld\n# want: %lld\n", got, want);
	return good;
}

#define check_int(got, want, what) \
	tap_int_((long long)(got), (long long)(want), (what), __FILE__, \
	    __LINE__)

static inline int
tap_done(void)
{
	printf("1..%d\n", tap_count_);
	return tap_bad_ != 0;
}

#endif

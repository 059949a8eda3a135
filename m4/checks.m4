# SPDX-License-Identifier: Apache-2.0
# Checks and switches of the build; one macro a topic.

# SEPT_CHECK_FTS5: a library without FTS5 has the same version, so a table is
# created. A cross build assumes yes; the engine checks again at start.
AC_DEFUN([SEPT_CHECK_FTS5],
[AC_CACHE_CHECK([whether SQLite has FTS5], [sept_cv_fts5],
[sept_save_LIBS=$LIBS; sept_save_CFLAGS=$CFLAGS
LIBS="$SQLITE_LIBS $LIBS"; CFLAGS="$SQLITE_CFLAGS $CFLAGS"
AC_RUN_IFELSE([AC_LANG_PROGRAM([[#include <sqlite3.h>]],
[[sqlite3 *db;
  if (sqlite3_open(":memory:", &db) != SQLITE_OK)
    return 1;
  return sqlite3_exec(db, "CREATE VIRTUAL TABLE t USING fts5(x)",
      0, 0, 0) != SQLITE_OK;]])],
[sept_cv_fts5=yes], [sept_cv_fts5=no], [sept_cv_fts5="yes (cross build)"])
LIBS=$sept_save_LIBS; CFLAGS=$sept_save_CFLAGS])
AS_IF([test "x$sept_cv_fts5" = xno],
	[AC_MSG_ERROR([SQLite was built without FTS5])])
])

# SEPT_SWITCHES: --enable-asan, --enable-tsan, --enable-werror,
# --enable-coverage. The user's CFLAGS are never touched.
AC_DEFUN([SEPT_SWITCHES],
[AC_ARG_ENABLE([asan], [AS_HELP_STRING([--enable-asan],
	[build with AddressSanitizer and UBSan])], [], [enable_asan=no])
AC_ARG_ENABLE([tsan], [AS_HELP_STRING([--enable-tsan],
	[build with ThreadSanitizer])], [], [enable_tsan=no])
AC_ARG_ENABLE([werror], [AS_HELP_STRING([--enable-werror],
	[make warnings fatal])], [], [enable_werror=no])
AC_ARG_ENABLE([coverage], [AS_HELP_STRING([--enable-coverage],
	[build with gcov counters])], [], [enable_coverage=no])
AC_ARG_WITH([systemdsystemunitdir],
	[AS_HELP_STRING([--with-systemdsystemunitdir=DIR],
	[where the unit goes (default PREFIX/lib/systemd/system, no: none)])],
	[], [with_systemdsystemunitdir=yes])
# Never what systemd's .pc says: that ignores our prefix, and an install as
# root into a test folder would write into the running system.
AS_IF([test "x$with_systemdsystemunitdir" = xyes],
	[with_systemdsystemunitdir='${prefix}/lib/systemd/system'])
AM_CONDITIONAL([WITH_SYSTEMD],
	[test "x$with_systemdsystemunitdir" != xno])
AC_SUBST([systemdsystemunitdir], [$with_systemdsystemunitdir])
sept_sanitizer=none
SEPT_SAN_FLAGS=
AS_IF([test "x$enable_asan" = xyes && test "x$enable_tsan" = xyes],
	[AC_MSG_ERROR([--enable-asan and --enable-tsan exclude each other])])
AS_IF([test "x$enable_asan" = xyes],
	[sept_sanitizer="address, undefined"
	SEPT_SAN_FLAGS="-fsanitize=address,undefined -fno-omit-frame-pointer"
	SEPT_SAN_FLAGS="$SEPT_SAN_FLAGS -fno-sanitize-recover=undefined"])
AS_IF([test "x$enable_tsan" = xyes],
	[sept_sanitizer=thread
	SEPT_SAN_FLAGS="-fsanitize=thread -fno-omit-frame-pointer"])
AS_IF([test "x$enable_coverage" = xyes],
	[SEPT_SAN_FLAGS="$SEPT_SAN_FLAGS --coverage"])
AC_SUBST([SEPT_SAN_FLAGS])
AM_CONDITIONAL([SANITIZED], [test "x$sept_sanitizer" != xnone])
SEPT_WARN_FLAGS="-Wall -Wextra -Wshadow -Wstrict-prototypes"
SEPT_WARN_FLAGS="$SEPT_WARN_FLAGS -Wmissing-prototypes -Wvla -Wformat=2"
AS_IF([test "x$enable_werror" = xyes],
	[SEPT_WARN_FLAGS="$SEPT_WARN_FLAGS -Werror"])
AC_SUBST([SEPT_WARN_FLAGS])
])

# SEPT_LINK_FLAGS: what modules are linked with, where the linker knows it.
AC_DEFUN([SEPT_TRY_LDFLAG],
[AC_CACHE_CHECK([whether the linker takes $1], [$2],
[sept_save_LDFLAGS=$LDFLAGS; LDFLAGS="$LDFLAGS $1"
AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [$2=yes], [$2=no])
LDFLAGS=$sept_save_LDFLAGS])])
AC_DEFUN([SEPT_LINK_FLAGS],
[SEPT_TRY_LDFLAG([-Wl,-z,defs], [sept_cv_ld_defs])
SEPT_TRY_LDFLAG([-Wl,-z,relro -Wl,-z,now], [sept_cv_ld_relro])
SEPT_TRY_LDFLAG([-Wl,--exclude-libs,ALL], [sept_cv_ld_exclude])
MODULE_LDFLAGS=
# An instrumented module resolves the sanitizer's symbols in the program.
AS_IF([test "x$sept_cv_ld_defs" = xyes && test "$sept_sanitizer" = none],
	[MODULE_LDFLAGS="-Wl,-z,defs"])
DAEMON_LDFLAGS=
AS_IF([test "x$sept_cv_ld_exclude" = xyes],
	[DAEMON_LDFLAGS="-Wl,--exclude-libs,ALL"])
AS_IF([test "x$sept_cv_ld_relro" = xyes],
	[MODULE_LDFLAGS="$MODULE_LDFLAGS -Wl,-z,relro -Wl,-z,now"
	DAEMON_LDFLAGS="$DAEMON_LDFLAGS -Wl,-z,relro -Wl,-z,now"])
AC_SUBST([MODULE_LDFLAGS])
AC_SUBST([DAEMON_LDFLAGS])
])

# SEPT_ABI_NUMBERS: read from the header, their only home.
AC_DEFUN([SEPT_ABI_NUMBERS],
[sept_hdr="$srcdir/sdk/include/september/plugin.h"
SEPT_ABI_MAJOR=`sed -n 's/^#define SEPT_ABI_MAJOR //p' "$sept_hdr"`
SEPT_ABI_MINOR=`sed -n 's/^#define SEPT_ABI_MINOR //p' "$sept_hdr"`
AS_IF([test -z "$SEPT_ABI_MAJOR" || test -z "$SEPT_ABI_MINOR"],
	[AC_MSG_ERROR([no ABI numbers in $sept_hdr])])
AC_SUBST([SEPT_ABI_MAJOR])
AC_SUBST([SEPT_ABI_MINOR])
])

# SEPT_PREFIX_MAP: debug information and __FILE__ name sources relative to the
# top, so that builds in two folders are equal.
AC_DEFUN([SEPT_PREFIX_MAP],
[AC_CACHE_CHECK([whether $CC takes -ffile-prefix-map], [sept_cv_prefix_map],
[sept_save_CFLAGS=$CFLAGS; CFLAGS="$CFLAGS -ffile-prefix-map=/x=. -Werror"
AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])], [sept_cv_prefix_map=yes],
	[sept_cv_prefix_map=no])
CFLAGS=$sept_save_CFLAGS])
SEPT_MAP_FLAGS=
AS_IF([test "x$sept_cv_prefix_map" = xyes],
	[SEPT_MAP_FLAGS='-ffile-prefix-map=$(abs_top_builddir)=.'
	SEPT_MAP_FLAGS="-ffile-prefix-map=\$(abs_top_srcdir)=. $SEPT_MAP_FLAGS"
	AS_IF([test "x$srcdir" != x.],
		[SEPT_MAP_FLAGS="$SEPT_MAP_FLAGS -ffile-prefix-map=\$(top_srcdir)=."])])
AC_SUBST([SEPT_MAP_FLAGS])
])

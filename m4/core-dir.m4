# SPDX-License-Identifier: Apache-2.0
# SEPT_CORE_DIR
# -------------
# configure's start-up and its exit trap remove a file named `core`, which
# prints an error for every test as our sources live in a folder of that name,
# and in a VPATH build leaves confdefs.h behind. This shell function drops
# the bare argument `core` when it is a directory and hands on the rest.
AC_DEFUN([SEPT_CORE_DIR],
[m4_divert_text([M4SH-INIT], [
rm ()
{
  sept_rm_first=:
  for sept_rm_arg
  do
    if $sept_rm_first; then set x; sept_rm_first=false; fi
    if test "x$sept_rm_arg" = xcore && test -d core; then :; else
      set "$][@" "$sept_rm_arg"
    fi
  done
  if test "$][#" -gt 0; then shift; fi
  command rm "$][@"
}
])])

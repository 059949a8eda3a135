# SPDX-License-Identifier: Apache-2.0
# SEPT_PLUGIN_SWITCHES
# --------------------
# --disable-plugin-NAME for each plugin; on unless switched off. A plugin whose
# library is missing is an error that names the switch: builds must not
# differ by machine.
AC_DEFUN([SEPT_PLUGIN],
[AC_ARG_ENABLE([plugin-$1], [AS_HELP_STRING([--disable-plugin-$1],
	[leave out the plugin $1])], [],
	[AS_VAR_SET([enable_plugin_]m4_translit([$1], [-], [_]), [yes])])
AS_IF([test "x$enable_plugin_]m4_translit([$1], [-], [_])[" != xno],
	[sept_plugins_on="$sept_plugins_on $1"
	$3],
	[sept_plugins_off="$sept_plugins_off $1"])
AM_CONDITIONAL([PLUGIN_]m4_translit([$1], [a-z-], [A-Z_]),
	[test "x$enable_plugin_]m4_translit([$1], [-], [_])[" != xno])
])
AC_DEFUN([SEPT_PLUGIN_SWITCHES],
[sept_plugins_on=
sept_plugins_off=
SEPT_PLUGIN([llm-scripted])
SEPT_PLUGIN([llm-openai])
SEPT_PLUGIN([llm-anthropic])
SEPT_PLUGIN([llm-gemini])
SEPT_PLUGIN([tool-shell])
SEPT_PLUGIN([tool-files], [],
	[PKG_CHECK_MODULES([PCRE2], [libpcre2-8], [],
	[AC_MSG_ERROR([libpcre2-8 is missing (or --disable-plugin-tool-files)])])])
SEPT_PLUGIN([tool-memory])
SEPT_PLUGIN([tool-web], [],
	[PKG_CHECK_MODULES([GUMBO], [gumbo], [],
	[AC_MSG_ERROR([gumbo is missing (or --disable-plugin-tool-web)])])])
SEPT_PLUGIN([skill-dir])
])

septincludedir = $(includedir)/september
septinclude_HEADERS = \
	sdk/include/september/call.h \
	sdk/include/september/health.h \
	sdk/include/september/host-http.h \
	sdk/include/september/host-loop.h \
	sdk/include/september/host-memory.h \
	sdk/include/september/host-proc.h \
	sdk/include/september/host-secret.h \
	sdk/include/september/llm.h \
	sdk/include/september/plugin.h \
	sdk/include/september/september.h \
	sdk/include/september/skill.h \
	sdk/include/september/tool.h \
	sdk/include/september/util.h

pkgconfigdir = $(libdir)/pkgconfig
pkgconfig_DATA = sdk/september-plugin.pc

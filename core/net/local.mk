# Sources of this folder.
# Out: HTTP client, SSE parser, address guard.
core_libcore_a_SOURCES += \
	core/net/http_client.c core/net/http_client.h \
	core/net/http_client_hop.c core/net/http_client_internal.h \
	core/net/http_client_multi.c core/net/http_client_reply.c \
	core/net/netguard.c core/net/netguard.h \
	core/net/sse_parser.c core/net/sse_parser.h

# Sources of this folder.
# Out: HTTP client, SSE parser, address guard.
core_libcore_a_SOURCES += \
	core/net/http_client.c core/net/http_client.h \
	core/net/http_client_hop.c core/net/http_client_internal.h \
	core/net/http_client_multi.c core/net/http_client_reply.c \
	core/net/netguard.c core/net/netguard.h \
	core/net/sse_parser.c core/net/sse_parser.h
core_libcore_a_SOURCES += \
	core/net/http_admit.c \
	core/net/http_answer.c \
	core/net/http_conn.c \
	core/net/http_filter.c core/net/http_filter.h \
	core/net/http-internal.h \
	core/net/http_query.c \
	core/net/http_req.c \
	core/net/http_server.c core/net/http_server.h \
	core/net/sse_out.c core/net/sse_out.h

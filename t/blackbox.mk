# Black-box tests over HTTP.
BLACKBOX = t/01-lib.t t/10-http.t t/20-execute.t t/21-replay.t
TESTS += $(BLACKBOX)
EXTRA_DIST += $(BLACKBOX) t/lib/September.pm t/lib/September/HTTP.pm \
	t/lib/September/MockLLM.pm t/lib/September/MockLLM/Forms.pm \
	t/lib/September/SSE.pm

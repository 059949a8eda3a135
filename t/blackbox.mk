# Black-box tests over HTTP.
TESTS += t/01-lib.t
EXTRA_DIST += t/01-lib.t t/lib/September.pm t/lib/September/HTTP.pm \
	t/lib/September/MockLLM.pm t/lib/September/MockLLM/Forms.pm \
	t/lib/September/SSE.pm

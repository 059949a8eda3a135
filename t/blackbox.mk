# Black-box tests over HTTP.
BLACKBOX = t/01-lib.t t/10-http.t t/20-execute.t t/21-replay.t \
	t/22-providers.t t/23-schema.t t/30-lists.t t/31-skills.t \
	t/32-rpc.t t/33-admin.t t/34-feedback.t t/35-scrub.t \
	t/24-resume.t t/40-framing.t t/41-clients.t t/42-disk.t
TESTS += $(BLACKBOX)
EXTRA_DIST += $(BLACKBOX) t/tsan.supp t/lib/oom.c t/lib/September.pm \
	t/lib/September/HTTP.pm \
	t/lib/September/MockLLM.pm t/lib/September/MockLLM/Forms.pm \
	t/lib/September/SSE.pm

# Checks of the source itself, and of what is written about it.
LINT_TESTS = t/lint/headers.t t/lint/layers.t t/lint/manifests.t \
	t/lint/settings.t t/lint/style.t t/lint/symbols.t t/lint/tree.t \
	t/80-readme.t
TESTS += $(LINT_TESTS)
EXTRA_DIST += $(LINT_TESTS) t/lint/Lint.pm

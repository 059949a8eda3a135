# Unit tests of the language model backends.
noinst_HEADERS += t/unit/fakehost.h t/unit/llmtest.h
LLM_TEST = t/unit/fakehost.c
check_PROGRAMS += t/unit/test-llm-openai
t_unit_test_llm_openai_SOURCES = t/unit/test-llm-openai.c $(LLM_TEST) \
	$(LLM_OPENAI)
t_unit_test_llm_openai_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
t_unit_test_llm_openai_LDADD = $(JANSSON_LIBS)
check_PROGRAMS += t/unit/test-llm-scripted
t_unit_test_llm_scripted_SOURCES = t/unit/test-llm-scripted.c $(LLM_TEST) \
	$(LLM_SCRIPTED)
t_unit_test_llm_scripted_CPPFLAGS = $(AM_CPPFLAGS) \
	-DSRCDIR='"$(abs_top_srcdir)"'
t_unit_test_llm_scripted_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
t_unit_test_llm_scripted_LDADD = $(JANSSON_LIBS) -lm
check_PROGRAMS += t/unit/test-llm-anthropic
t_unit_test_llm_anthropic_SOURCES = t/unit/test-llm-anthropic.c \
	$(LLM_TEST) $(LLM_ANTHROPIC)
t_unit_test_llm_anthropic_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
t_unit_test_llm_anthropic_LDADD = $(JANSSON_LIBS)
check_PROGRAMS += t/unit/test-llm-gemini
t_unit_test_llm_gemini_SOURCES = t/unit/test-llm-gemini.c $(LLM_TEST) \
	$(LLM_GEMINI)
t_unit_test_llm_gemini_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
t_unit_test_llm_gemini_LDADD = $(JANSSON_LIBS)
check_PROGRAMS += t/unit/test-llm-fast
t_unit_test_llm_fast_SOURCES = t/unit/test-llm-fast.c \
	plugins/llm-openai/fast.c plugins/llm-common/buf.c
t_unit_test_llm_fast_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
t_unit_test_llm_fast_LDADD = $(JANSSON_LIBS)

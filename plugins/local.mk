include plugins/llm-scripted/local.mk
include plugins/llm-openai/local.mk
include plugins/llm-anthropic/local.mk
include plugins/llm-gemini/local.mk
include plugins/tool-shell/local.mk
include plugins/tool-files/local.mk
include plugins/tool-web/local.mk
include plugins/skill-dir/local.mk

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-llm-anthropic.c - the Messages backend against recorded streams:
 * text, thinking with signatures, tools, usage, errors; and the request it
 * writes: cache breakpoints, thinking budgets, media, history.
 */
#include "llmtest.h"

#define E(type, rest) "event: " type "\ndata: {\"type\":\"" type "\"" rest \
	"}\n\n"
#define START E("message_start", ",\"message\":{\"model\":\"m-1\"," \
	"\"usage\":{\"input_tokens\":3,\"cache_read_input_tokens\":4," \
	"\"cache_creation_input_tokens\":5,\"output_tokens\":1}}")
#define BLOCK(b) E("content_block_start", ",\"index\":0," \
	"\"content_block\":" b)
#define DELTA(d) E("content_block_delta", ",\"index\":0,\"delta\":" d)
#define STOP E("content_block_stop", ",\"index\":0")
#define END(why) E("message_delta", ",\"delta\":{\"stop_reason\":\"" why \
	"\"},\"usage\":{\"output_tokens\":9}") E("message_stop", "")
#define TEXT(t) BLOCK("{\"type\":\"text\",\"text\":\"\"}") \
	DELTA("{\"type\":\"text_delta\",\"text\":\"" t "\"}") STOP
#define USAGE "<usage {\"input_tokens\":12,\"output_tokens\":9," \
	"\"cache_hit_tokens\":4}>"
#define OK(stop) "{\"stop_reason\":\"" stop "\",\"model\":\"m-1\"}"

static const struct llm_case streams[] = {
	{ "text, ping, an unknown event", NULL, 0,
	  START E("ping", "") E("news", ",\"x\":[]") TEXT("Hi \\u00e9")
	  END("end_turn"), "<text>Hi \xc3\xa9</>" USAGE, OK("end_turn") },
	{ "thinking with its signature, then a tool", NULL, 0,
	  START BLOCK("{\"type\":\"thinking\",\"thinking\":\"\"}")
	  DELTA("{\"type\":\"thinking_delta\",\"thinking\":\"hm\"}")
	  DELTA("{\"type\":\"signature_delta\",\"signature\":\"ab\"}")
	  DELTA("{\"type\":\"signature_delta\",\"signature\":\"cd=\"}") STOP
	  BLOCK("{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"srv_act\","
	  "\"input\":{}}")
	  DELTA("{\"type\":\"input_json_delta\",\"partial_json\":\"\"}")
	  DELTA("{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\"}")
	  DELTA("{\"type\":\"input_json_delta\",\"partial_json\":"
	  "\"\\\":1}\"}") STOP END("tool_use"),
	  "<thinking>hm<meta {\"signature\":\"abcd=\"}></>"
	  "<tool:srv.act#t1>{\"a\":1}</>" USAGE, OK("tool_use") },
	{ "a tool without input, two in a row", NULL, 0,
	  START BLOCK("{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\","
	  "\"input\":{}}") STOP
	  BLOCK("{\"type\":\"tool_use\",\"id\":\"t2\",\"name\":\"g\","
	  "\"input\":{\"k\":2}}") STOP END("tool_use"),
	  "<tool:f#t1>{}</><tool:g#t2>{\"k\":2}</>" USAGE, OK("tool_use") },
	{ "redacted thinking and a signature without text", NULL, 0,
	  START BLOCK("{\"type\":\"redacted_thinking\",\"data\":\"ZZ\"}")
	  STOP BLOCK("{\"type\":\"thinking\",\"thinking\":\"\","
	  "\"signature\":\"\"}")
	  DELTA("{\"type\":\"signature_delta\",\"signature\":\"s\"}") STOP
	  TEXT("x") END("end_turn"),
	  "<thinking><meta {\"redacted\":\"ZZ\"}></>"
	  "<thinking><meta {\"signature\":\"s\"}></><text>x</>" USAGE,
	  OK("end_turn") },
	{ "max_tokens", NULL, 0, START TEXT("x") END("max_tokens"),
	  "<text>x</>" USAGE, OK("max_tokens") },
	{ "stop_sequence", NULL, 0, START TEXT("x") END("stop_sequence"),
	  "<text>x</>" USAGE, OK("stop_sequence") },
	{ "refusal", NULL, 0, START END("refusal"), USAGE, OK("refusal") },
	{ "context exceeded while answering", NULL, 0, START TEXT("x")
	  END("model_context_window_exceeded"), "<text>x</>" USAGE,
	  OK("max_tokens") },
	{ "no block stop, no message_stop", NULL, 0,
	  START BLOCK("{\"type\":\"text\",\"text\":\"a\"}")
	  E("message_delta", ",\"delta\":{\"stop_reason\":\"end_turn\"}"),
	  "<text>a</><usage {\"input_tokens\":12,\"output_tokens\":1,"
	  "\"cache_hit_tokens\":4}>", OK("end_turn") },
	{ "overloaded in the stream", NULL, 0, START
	  BLOCK("{\"type\":\"text\",\"text\":\"a\"}")
	  E("error", ",\"error\":{\"type\":\"overloaded_error\","
	  "\"message\":\"Overloaded\"}"), "<text>a",
	  "{\"code\":\"LLM_PROVIDER_ERROR\",\"message\":\"Overloaded\","
	  "\"retryable\":true}" },
	{ "rate limit in the stream", NULL, 0, START
	  E("error", ",\"error\":{\"type\":\"rate_limit_error\","
	  "\"message\":\"Slow\"}"), "", "~LLM_RATE_LIMITED" },
	{ "a bad request in the stream", NULL, 0,
	  E("error", ",\"error\":{\"type\":\"invalid_request_error\","
	  "\"message\":\"no\"}"), "", "~\"retryable\":false" },
	{ "garbage", NULL, 0, "data: [1\n\n", "", "~no JSON object" },
	{ "a reply that was not streamed", "application/json", 0,
	  "{\"type\":\"message\",\"model\":\"m-1\",\"content\":[{\"type\":"
	  "\"text\",\"text\":\"a\"},{\"type\":\"tool_use\",\"id\":\"t\","
	  "\"name\":\"srv_act\",\"input\":{\"x\":1}}],\"stop_reason\":"
	  "\"tool_use\",\"usage\":{\"input_tokens\":12,\"output_tokens\":9}}",
	  "<text>a</><tool:srv.act#t>{\"x\":1}</><usage {\"input_tokens\":12"
	  ",\"output_tokens\":9,\"cache_hit_tokens\":0}>", OK("tool_use") },
	{ "an error that was not streamed", "application/json", 0,
	  "{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":"
	  "\"Internal\"}}", "", "~\"message\":\"Internal\"" },
	{ "529", "application/json", 529, "{\"type\":\"error\",\"error\":{"
	  "\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}", "",
	  "{\"code\":\"LLM_PROVIDER_ERROR\",\"message\":\"HTTP 529: "
	  "Overloaded\",\"retryable\":true,\"http_status\":529}" },
	{ "400: prompt too long", "application/json", 400,
	  "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\","
	  "\"message\":\"prompt is too long: 200001 tokens > 200000 "
	  "maximum\"}}", "", "~CONTEXT_OVERFLOW" },
	{ "413", "application/json", 413,
	  "{\"type\":\"error\",\"error\":{\"type\":\"request_too_large\","
	  "\"message\":\"too large\"}}", "", "~CONTEXT_OVERFLOW" },
	{ "429", "application/json", 429, "{\"type\":\"error\",\"error\":{"
	  "\"type\":\"rate_limit_error\",\"message\":\"n\"}}", "",
	  "~LLM_RATE_LIMITED" },
};

#define HI "[{\"role\":\"user\",\"content\":[{\"type\":\"text\"," \
	"\"text\":\"hi\"}]}]"
#define CACHE "\"cache_control\":{\"type\":\"ephemeral\"}"

static void
request_basics(void)
{
	struct fake *f = llm_fake("{\"base_url\":\"http://h:1/v1/\"}");
	json_t *v;

	v = llm_sent(f, "", "[{\"text\":\"S1\",\"cache\":true},{\"text\":"
	    "\"S2\"},{\"text\":\" \"}]", "[{\"name\":\"a.b\",\"description\":"
	    "\"d\",\"input_schema\":{\"type\":\"object\"}},{\"name\":\"c\"}]",
	    HI, "{\"tool_choice\":{\"name\":\"a.b\"},\"thinking\":true,"
	    "\"stop_sequences\":[\"q\"],\"temperature\":1}");
	check_str(f->url, "http://h:1/v1/messages", "URL");
	check(strstr(f->headers, "x-api-key: sk-canary-0123456789\n") !=
	    NULL && strstr(f->headers, "anthropic-version: 2023-06-01\n") !=
	    NULL, "headers");
	llm_has(v, "tools", "[{\"name\":\"a_b\",\"description\":\"d\","
	    "\"input_schema\":{\"type\":\"object\"}},{\"name\":\"c\","
	    "\"input_schema\":{\"type\":\"object\"}," CACHE "}]",
	    "tools, the last one marked");
	llm_has(v, "system", "[{\"type\":\"text\",\"text\":\"S1\"},"
	    "{\"type\":\"text\",\"text\":\"S2\"," CACHE "}]",
	    "system, the last block marked");
	llm_has(v, "messages", "[{\"role\":\"user\",\"content\":[{\"type\":"
	    "\"text\",\"text\":\"hi\"," CACHE "}]}]", "message, marked");
	llm_has(v, "tool_choice", "{\"type\":\"tool\",\"name\":\"a_b\"}",
	    "forced tool");
	llm_has(v, "thinking", NULL, "a forced tool rules out thinking");
	llm_has(v, "max_tokens", "4096", "max_tokens");
	llm_has(v, "temperature", "1", "temperature");
	llm_has(v, "stop_sequences", "[\"q\"]", "stop sequences");
	json_decref(v);
	fake_free(f);
}

static void
thinking(void)
{
	struct fake *f = llm_fake("{}");
	json_t *v;

	v = llm_sent(f, "claude-sonnet-4-5-20250929", "", "", HI,
	    "{\"thinking\":true,\"temperature\":0.1,\"max_tokens\":1000}");
	llm_has(v, "thinking", "{\"type\":\"enabled\",\"budget_tokens\":"
	    "16000}", "budget");
	llm_has(v, "max_tokens", "17000", "max_tokens is raised above it");
	llm_has(v, "temperature", NULL, "no temperature with thinking");
	json_decref(v);
	v = llm_sent(f, "claude-sonnet-4-20250514", "", "", HI,
	    "{\"thinking\":true,\"max_tokens\":30000}");
	llm_has(v, "thinking/budget_tokens", "15000",
	    "a large cap is shared");
	llm_has(v, "max_tokens", "30000", "and kept");
	json_decref(v);
	v = llm_sent(f, "claude-opus-4-6", "", "", HI, "{\"thinking\":true}");
	llm_has(v, "thinking", "{\"type\":\"adaptive\"}",
	    "later models choose themselves");
	json_decref(v);
	v = llm_sent(f, "claude-3-5-haiku-latest", "", "", HI,
	    "{\"thinking\":true}");
	llm_has(v, "thinking", NULL, "older models cannot");
	json_decref(v);
	v = llm_sent(f, "", "", "", "[{\"role\":\"user\",\"content\":[{"
	    "\"type\":\"text\",\"text\":\"q\"}]},{\"role\":\"assistant\","
	    "\"content\":[{\"type\":\"tool_use\",\"id\":\"a.b\",\"name\":"
	    "\"f\",\"input\":{}}]},{\"role\":\"user\",\"content\":[{\"type\":"
	    "\"text\",\"text\":\"also\"},{\"type\":\"tool_result\","
	    "\"tool_use_id\":\"a.b\",\"name\":\"f\",\"output\":\"o\"}]}]",
	    "{}");
	llm_has(v, "messages/1/content/0/id", "\"a_b\"", "an id is mended");
	llm_has(v, "messages/2/content", "[{\"type\":\"tool_result\","
	    "\"tool_use_id\":\"a_b\",\"content\":\"o\"},{\"type\":\"text\","
	    "\"text\":\"also\"," CACHE "}]", "results come first");
	json_decref(v);
	fake_free(f);
}

#define ROUND(first) "[{\"role\":\"user\",\"content\":[{\"type\":" \
	"\"text\",\"text\":\"q\"}]},{\"role\":\"assistant\",\"content\":[" \
	first "{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"f\"," \
	"\"input\":{\"k\":1}}]},{\"role\":\"user\",\"content\":[{\"type\":" \
	"\"tool_result\",\"tool_use_id\":\"a\",\"name\":\"f\",\"output\":" \
	"\"\",\"error\":\"timeout\"}]}]"

static void
history(void)
{
	struct fake *f = llm_fake("{}");
	json_t *v;

	v = llm_sent(f, "", "", "", ROUND("{\"type\":\"thinking\",\"text\":"
	    "\"t\",\"meta\":{\"signature\":\"s\"}},"), "{\"thinking\":true}");
	llm_has(v, "messages/1/content/0", "{\"type\":\"thinking\","
	    "\"thinking\":\"t\",\"signature\":\"s\"}",
	    "thinking goes back with its signature");
	llm_has(v, "thinking/type", "\"enabled\"", "and goes on");
	llm_has(v, "messages/2/content/0", "{\"type\":\"tool_result\","
	    "\"tool_use_id\":\"a\",\"content\":\"timeout\",\"is_error\":true,"
	    CACHE "}", "a failed tool");
	json_decref(v);
	v = llm_sent(f, "", "", "", ROUND("{\"type\":\"thinking\",\"text\":"
	    "\"t\"},{\"type\":\"text\",\"text\":\" \"},"),
	    "{\"thinking\":true}");
	llm_has(v, "messages/1/content/0/type", "\"tool_use\"",
	    "thinking without signature and blank text are left out");
	llm_has(v, "thinking", NULL, "a round begun without goes on without");
	json_decref(v);
	v = llm_sent(f, "", "", "", ROUND("{\"type\":\"thinking\",\"text\":"
	    "\"\",\"meta\":{\"redacted\":\"Z\"}},"), "{}");
	llm_has(v, "messages/1/content/0", "{\"type\":\"redacted_thinking\","
	    "\"data\":\"Z\"}", "redacted thinking goes back");
	json_decref(v);
	v = llm_sent(f, "", "", "", "[{\"role\":\"user\",\"content\":["
	    "{\"type\":\"image\",\"source\":{\"type\":\"base64\","
	    "\"media_type\":\"image/png\",\"data\":\"AAAA\"}},"
	    "{\"type\":\"document\",\"source\":{\"type\":\"url\",\"url\":"
	    "\"https://e.org/x.pdf\"}},"
	    "{\"type\":\"document\",\"source\":{\"type\":\"base64\","
	    "\"media_type\":\"text/markdown\",\"data\":\"aGk=\"}}]}]", "{}");
	llm_has(v, "messages/0/content", "[{\"type\":\"image\",\"source\":{"
	    "\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":"
	    "\"AAAA\"}},{\"type\":\"document\",\"source\":{\"type\":\"url\","
	    "\"url\":\"https://e.org/x.pdf\"}},{\"type\":\"document\","
	    "\"source\":{\"type\":\"text\",\"media_type\":\"text/plain\","
	    "\"data\":\"hi\"}," CACHE "}]", "media");
	json_decref(v);
	fake_free(f);
}

static void
no_key(void)
{
	struct fake *f = fake_new();
	struct sept_err err;
	struct sept_call *c;

	check_int(fake_load(f, "{}", &err), SEPT_OK, "starts without a key");
	c = fake_call_new(f);
	check_int(fake_generate(f, c, "", "", "", HI, "{}"), SEPT_OK,
	    "takes the call");
	check(c->completed && strstr(c->result, "no API key for anthropic: "
	    "set LLM_API_KEY or ANTHROPIC_API_KEY") != NULL &&
	    f->requests == 0, "and says what is missing");
	fake_call_free(c);
	fake_free(f);
	f = fake_new();
	fake_secret(f, "ANTHROPIC_API_KEY", "own-key-1");
	(void)fake_load(f, "{}", &err);
	json_decref(llm_sent(f, "", "", "", HI, "{}"));
	check(strstr(f->headers, "x-api-key: own-key-1\n") != NULL,
	    "the provider's own variable is the second choice");
	check_str(f->broken, "", "no rule was broken");
	fake_free(f);
}

int
main(void)
{
	static const char cut[] = START BLOCK("{\"type\":\"thinking\","
	    "\"thinking\":\"\"}") DELTA("{\"type\":\"signature_delta\","
	    "\"signature\":\"ab\"}") STOP TEXT("x") END("end_turn");

	tap_start(120);
	llm_cases(streams, sizeof streams / sizeof streams[0]);
	llm_cuts("cut anywhere before the stop reason: retryable failure",
	    cut, sizeof cut - 1 - strlen(E("message_stop", "")));
	request_basics();
	thinking();
	history();
	no_key();
	return tap_done();
}

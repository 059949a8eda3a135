/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-llm-openai.c - the Chat Completions backend against recorded streams:
 * each feature, each known misbehaviour of servers, errors, back-pressure,
 * cancel; and the request it writes.
 */
#include "../../plugins/llm-common/tools.h"
#include "llmtest.h"

#define D(delta) "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\"," \
	"\"created\":1,\"model\":\"m-1\",\"choices\":[{\"index\":0," \
	"\"delta\":" delta ",\"finish_reason\":null}]}\n\n"
#define F(why) "data: {\"id\":\"c1\",\"model\":\"m-1\",\"choices\":[{" \
	"\"index\":0,\"delta\":{},\"finish_reason\":\"" why "\"}]}\n\n"
#define U "data: {\"id\":\"c1\",\"choices\":[],\"usage\":{" \
	"\"prompt_tokens\":9,\"completion_tokens\":5," \
	"\"prompt_tokens_details\":{\"cached_tokens\":4}}}\n\n"
#define END "data: [DONE]\n\n"
#define TC(x) D("{\"tool_calls\":[" x "]}")
#define USAGE "<usage {\"input_tokens\":9,\"output_tokens\":5," \
	"\"cache_hit_tokens\":4}>"
#define OK(stop) "{\"stop_reason\":\"" stop "\",\"model\":\"m-1\"}"

static const struct llm_case streams[] = {
	{ "text with usage", NULL, 0,
	  D("{\"role\":\"assistant\",\"content\":\"\"}")
	  D("{\"content\":\"Hel\"}") D("{\"content\":\"lo \\u00e9\\n\"}")
	  F("stop") U END,
	  "<text>Hello \xc3\xa9\n</>" USAGE, OK("end_turn") },
	{ "null content, comments, CRLF, blank data", NULL, 0,
	  ": hi\r\n\r\ndata: {\"model\":\"m-1\",\"choices\":[{\"delta\":"
	  "{\"role\":\"assistant\",\"content\":null}}]}\r\n\r\n"
	  ": ping\r\n\r\ndata: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]"
	  "}\r\n\r\ndata: {\"choices\":[{\"delta\":{},\"finish_reason\":"
	  "\"length\"}]}\r\n\r\ndata: [DONE]\r\n\r\n",
	  "<text>x</>", OK("max_tokens") },
	{ "usage in the chunk that finishes", NULL, 0,
	  D("{\"content\":\"x\"}")
	  "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],"
	  "\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":5,"
	  "\"prompt_cache_hit_tokens\":4}}\n\n" END,
	  "<text>x</>" USAGE, OK("end_turn") },
	{ "no [DONE]", NULL, 0, D("{\"content\":\"x\"}") F("stop"),
	  "<text>x</>", OK("end_turn") },
	{ "no finish_reason", NULL, 0, D("{\"content\":\"x\"}") END,
	  "<text>x</>", OK("end_turn") },
	{ "content filter", NULL, 0, D("{\"content\":\"x\"}")
	  F("content_filter") END, "<text>x</>", OK("refusal") },
	{ "refusal", NULL, 0, D("{\"refusal\":\"No.\"}") F("stop") END,
	  "<text>No.</>", OK("refusal") },
	{ "reasoning_content, then text", NULL, 0,
	  D("{\"reasoning_content\":\"hm\",\"content\":null}")
	  D("{\"reasoning_content\":\"m\"}") D("{\"content\":\"a\"}")
	  F("stop") END, "<thinking>hmm</><text>a</>", OK("end_turn") },
	{ "reasoning", NULL, 0, D("{\"reasoning\":\"hm\"}")
	  D("{\"content\":\"a\",\"reasoning\":null}") F("stop") END,
	  "<thinking>hm</><text>a</>", OK("end_turn") },
	{ "content as parts", NULL, 0,
	  D("{\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"type\":"
	  "\"text\",\"text\":\"t\"}]},{\"type\":\"text\",\"text\":\"a\"}]}")
	  F("stop") END, "<thinking>t</><text>a</>", OK("end_turn") },
	{ "a tool call in pieces, name mapped back", NULL, 0,
	  TC("{\"index\":0,\"id\":\"c_1\",\"type\":\"function\","
	  "\"function\":{\"name\":\"srv_act\",\"arguments\":\"\"}}")
	  TC("{\"index\":0,\"function\":{\"arguments\":\"{\\\"a\"}}")
	  TC("{\"index\":0,\"function\":{\"arguments\":\"\\\":1}\"}}")
	  F("tool_calls") U END,
	  "<tool:srv.act#c_1>{\"a\":1}</>" USAGE, OK("tool_use") },
	{ "text, then calls whose pieces are mixed", NULL, 0,
	  D("{\"content\":\"go\"}")
	  TC("{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\"}}")
	  TC("{\"index\":1,\"id\":\"b\",\"function\":{\"name\":\"g\"}}")
	  TC("{\"index\":0,\"function\":{\"arguments\":\"{\\\"x\\\":\"}}")
	  TC("{\"index\":1,\"function\":{\"arguments\":\"{}\"}}")
	  TC("{\"index\":0,\"function\":{\"arguments\":\"1}\"}}")
	  F("tool_calls") END,
	  "<text>go</><tool:f#a>{\"x\":1}</><tool:g#b>{}</>",
	  OK("tool_use") },
	{ "whole calls in one delta, no index, finish stop", NULL, 0,
	  TC("{\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":"
	  "\"{}\"}},{\"id\":\"b\",\"function\":{\"name\":\"f\","
	  "\"arguments\":\"{}\"}}") F("stop") END,
	  "<tool:f#a>{}</><tool:f#b>{}</>", OK("tool_use") },
	{ "neither index nor id", NULL, 0,
	  TC("{\"function\":{\"name\":\"f\",\"arguments\":\"{\"}}")
	  TC("{\"function\":{\"arguments\":\"}\"}}")
	  TC("{\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}")
	  F("tool_calls") END, "<tool:f#>{}</><tool:g#>{}</>",
	  OK("tool_use") },
	{ "all calls under index 0", NULL, 0,
	  TC("{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\","
	  "\"arguments\":\"{}\"}}") TC("{\"index\":0,\"id\":\"b\","
	  "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}")
	  F("tool_calls") END, "<tool:f#a>{}</><tool:f#b>{}</>",
	  OK("tool_use") },
	{ "all calls under index 0, no ids", NULL, 0,
	  TC("{\"index\":0,\"function\":{\"name\":\"f\","
	  "\"arguments\":\"{}\"}}") TC("{\"index\":0,"
	  "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}")
	  F("tool_calls") END, "<tool:f#>{}</><tool:f#>{}</>",
	  OK("tool_use") },
	{ "a new id in each piece, name repeated", NULL, 0,
	  TC("{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\","
	  "\"arguments\":\"{\"}}") TC("{\"index\":0,\"id\":\"zz\","
	  "\"function\":{\"arguments\":\"}\"}}") F("tool_calls") END,
	  "<tool:f#a>{}</>", OK("tool_use") },
	{ "name repeated in each piece", NULL, 0,
	  TC("{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\","
	  "\"arguments\":\"{\"}}") TC("{\"index\":0,\"id\":\"a\","
	  "\"function\":{\"name\":\"f\",\"arguments\":\"}\"}}")
	  F("tool_calls") END, "<tool:f#a>{}</>", OK("tool_use") },
	{ "name in pieces", NULL, 0,
	  TC("{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"srv_\"}}")
	  TC("{\"index\":0,\"function\":{\"name\":\"act\"}}")
	  F("tool_calls") END, "<tool:srv.act#a>{}</>", OK("tool_use") },
	{ "arguments as an object", NULL, 0,
	  TC("{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\","
	  "\"arguments\":{\"b\":[1,2]}}}") F("tool_calls") END,
	  "<tool:f#a>{\"b\":[1,2]}</>", OK("tool_use") },
	{ "the old function_call", NULL, 0,
	  D("{\"function_call\":{\"name\":\"f\",\"arguments\":\"{\"}}")
	  D("{\"function_call\":{\"arguments\":\"}\"}}")
	  F("function_call") END, "<tool:f#>{}</>", OK("tool_use") },
	{ "error inside the stream", NULL, 0, D("{\"content\":\"x\"}")
	  "data: {\"error\":{\"message\":\"Boom\",\"type\":\"server_error\","
	  "\"code\":null}}\n\n",
	  "<text>x", "{\"code\":\"LLM_PROVIDER_ERROR\",\"message\":\"Boom\","
	  "\"retryable\":true}" },
	{ "rate limit inside the stream", NULL, 0,
	  "data: {\"error\":{\"message\":\"Slow down, try again in 1.2s\","
	  "\"code\":429}}\n\n", "",
	  "{\"code\":\"LLM_RATE_LIMITED\",\"message\":\"Slow down, try again "
	  "in 1.2s\",\"retryable\":true,\"retry_after\":2}" },
	{ "finish_reason error", NULL, 0, F("error"), "",
	  "~\"retryable\":true" },
	{ "a chunk that is no JSON", NULL, 0, "data: {oops\n\n", "",
	  "~no JSON object" },
	{ "empty stream", NULL, 0, "", "", "~cut off" },
	{ "only [DONE]", NULL, 0, END, "", "~cut off" },
	{ "JSON reply to a streamed request", "application/json", 0,
	  "{\"model\":\"m-1\",\"choices\":[{\"message\":{\"role\":"
	  "\"assistant\",\"content\":\"hi\",\"tool_calls\":[{\"id\":\"a\","
	  "\"function\":{\"name\":\"srv_act\",\"arguments\":\"{}\"}}]},"
	  "\"finish_reason\":\"tool_calls\"}],\"usage\":{\"prompt_tokens\":9,"
	  "\"completion_tokens\":5,\"prompt_tokens_details\":{"
	  "\"cached_tokens\":4}}}",
	  "<text>hi</><tool:srv.act#a>{}</>" USAGE, OK("tool_use") },
	{ "JSON error with status 200", "application/json", 0,
	  "{\"error\":\"model not loaded\"}", "", "~model not loaded" },
	{ "event stream under another type", "text/plain", 0,
	  D("{\"content\":\"x\"}") F("stop") END, "<text>x</>",
	  OK("end_turn") },
	{ "HTML with status 200", "text/html", 0, "<html>login</html>", "",
	  "~neither an event stream nor JSON" },
};

static const struct llm_case errors[] = {
	{ "401", "application/json", 401, "{\"error\":{\"message\":"
	  "\"Incorrect API key provided: sk-canary-0123456789.\","
	  "\"type\":\"invalid_request_error\",\"code\":"
	  "\"invalid_api_key\"}}", "",
	  "{\"code\":\"LLM_PROVIDER_ERROR\",\"message\":\"HTTP 401: "
	  "Incorrect API key provided: ***.\",\"retryable\":false,"
	  "\"http_status\":401}" },
	{ "404", "application/json", 404, "{\"error\":{\"message\":"
	  "\"no such model\"}}", "", "~\"retryable\":false" },
	{ "400 that is a full context", "application/json", 400,
	  "{\"error\":{\"message\":\"This model's maximum context length is "
	  "8192 tokens.\",\"code\":\"context_length_exceeded\"}}", "",
	  "~\"CONTEXT_OVERFLOW\"" },
	{ "400 of another kind", "application/json", 400,
	  "{\"object\":\"error\",\"message\":\"bad temperature\","
	  "\"code\":400}", "",
	  "{\"code\":\"LLM_PROVIDER_ERROR\",\"message\":\"HTTP 400: bad "
	  "temperature\",\"retryable\":false,\"http_status\":400}" },
	{ "422 with a detail array", "application/json", 422,
	  "{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"field required\"}]}",
	  "", "~HTTP 422: field required" },
	{ "429 with a hint in the text", "application/json", 429,
	  "{\"error\":{\"message\":\"Rate limit. Please try again in 6m0s.\""
	  ",\"code\":\"rate_limit_exceeded\"}}", "",
	  "~\"retryable\":true,\"retry_after\":360,\"http_status\":429" },
	{ "429 for an empty account", "application/json", 429,
	  "{\"error\":{\"message\":\"You exceeded your current quota\","
	  "\"code\":\"insufficient_quota\"}}", "",
	  "~\"LLM_RATE_LIMITED\"" },
	{ "500 with a page", "text/html", 500, "<html>oops</html>", "",
	  "{\"code\":\"LLM_PROVIDER_ERROR\",\"message\":\"HTTP 500 from the "
	  "provider\",\"retryable\":true,\"http_status\":500}" },
	{ "503 with a line of text", "text/plain", 503, "no healthy "
	  "upstream\n", "", "~HTTP 503: no healthy upstream" },
	{ "408", "text/plain", 408, "", "", "~\"LLM_TIMEOUT\"" },
	{ "302", "text/plain", 302, "", "", "~\"retryable\":false" },
};

static void
transport(void)
{
	struct fake *f = llm_fake("{\"timeout_seconds\":7}");
	struct sept_call *c = fake_call_new(f);

	fake_reply(f, 429, "text/plain", "", 0);
	fake_reply_retry(f, 33);
	(void)fake_generate(f, c, "", "", "", "[]", "{}");
	fake_run(f);
	check(strstr(c->result, "\"retry_after\":33") != NULL,
	    "Retry-After of the header is handed on");
	fake_call_free(c);

	c = fake_call_new(f);
	fake_reply(f, 0, "", "", 0);
	fake_reply_end(f, SEPT_ETIMEOUT, "");
	(void)fake_generate(f, c, "", "", "", "[]", "{}");
	fake_run(f);
	check(strstr(c->result, "LLM_TIMEOUT") != NULL &&
	    c->status == SEPT_ETIMEOUT, "a time-out is LLM_TIMEOUT");
	fake_call_free(c);

	c = fake_call_new(f);
	fake_reply(f, 200, SSE, D("{\"content\":\"x\"}"),
	    strlen(D("{\"content\":\"x\"}")));
	fake_reply_end(f, SEPT_EIO, "connection reset");
	(void)fake_generate(f, c, "", "", "", "[]", "{}");
	fake_run(f);
	check(strstr(c->result, "connection reset") != NULL &&
	    strstr(c->result, "\"retryable\":true") != NULL,
	    "a broken connection is retryable");
	fake_call_free(c);

	c = fake_call_new(f);
	f->http_down = 1;
	check_int(fake_generate(f, c, "", "", "", "[]", "{}"), SEPT_OK,
	    "a request that cannot begin is taken");
	check(c->completed && strstr(c->result, "LLM_PROVIDER_ERROR") != NULL,
	    "and completed at once");
	check_str(f->broken, "", "no rule was broken");
	fake_call_free(c);
	fake_free(f);
}

/* A server that says [DONE] and keeps the connection, and a cancel. */
static void
endings(void)
{
	static const char done[] = D("{\"content\":\"x\"}") F("stop") END;
	struct fake *f = llm_fake("{}");
	struct sept_call *c = fake_call_new(f);
	int i;

	fake_reply(f, 200, SSE, done, sizeof done - 1);
	fake_reply_end(f, FAKE_HANG, "");
	(void)fake_generate(f, c, "", "", "", "[]", "{}");
	fake_run(f);
	check(c->completed && c->status == SEPT_OK && f->aborts == 1,
	    "a stream that does not close is closed after its end");
	fake_call_free(c);

	c = fake_call_new(f);
	f->full_every = 2;
	fake_reply(f, 200, SSE, done, sizeof done - 1);
	fake_reply_end(f, FAKE_HANG, "");
	(void)fake_generate(f, c, "", "", "", "[]", "{}");
	for (i = 0; i < 2; i++)
		(void)fake_step(f);
	check(f->pauses > 0 && c->writable != NULL,
	    "a full host pauses the reading");
	fake_cancel(c);
	fake_run(f);
	check(c->completed && c->status == SEPT_ECANCELLED,
	    "a cancel while events are held back ends as cancelled");
	fake_call_free(c);

	c = fake_call_new(f);
	(void)fake_generate(f, c, "", "", "", "[]", "{}");
	fake_cancel(c);
	fake_run(f);
	check(c->completed && c->status == SEPT_ECANCELLED,
	    "a cancel before the reply ends as cancelled");
	fake_call_free(c);
	fake_quiesce(f);
	c = fake_call_new(f);
	check_int(fake_generate(f, c, "", "", "", "[]", "{}"), SEPT_EUNAVAIL,
	    "a quiescing backend refuses");
	check_str(f->broken, "", "no rule was broken");
	fake_call_free(c);
	fake_free(f);
}

#define HI "[{\"role\":\"user\",\"content\":[{\"type\":\"text\"," \
	"\"text\":\"hi\"}]}]"
#define TOOLS "[{\"name\":\"a.b\",\"description\":\"d\",\"input_schema\":" \
	"{\"type\":\"object\"}},{\"name\":\"a_b\",\"input_schema\":" \
	"{\"type\":\"object\"}}]"

static void
request_basics(void)
{
	struct fake *f = llm_fake("{\"base_url\":\"http://h:1/v1/\","
	    "\"model\":\"local\",\"max_tokens\":77}");
	json_t *v;

	v = llm_sent(f, "", "[{\"text\":\"S1\"},{\"text\":\"S2\","
	    "\"cache\":true}]", TOOLS, HI, "{}");
	check_str(f->url, "http://h:1/v1/chat/completions", "URL");
	check(strstr(f->headers, "Authorization: Bearer sk-canary-0123456789"
	    "\n") != NULL, "key in the header");
	llm_has(v, "model", "\"local\"", "configured model");
	llm_has(v, "max_tokens", "77", "configured max_tokens");
	llm_has(v, "stream_options", "{\"include_usage\":true}",
	    "usage is asked for");
	llm_has(v, "messages", "[{\"role\":\"system\",\"content\":"
	    "\"S1\\n\\nS2\"},{\"role\":\"user\",\"content\":\"hi\"}]",
	    "system and user message");
	llm_has(v, "tools/1/function/name", "\"a_b\"",
	    "a name that fits stays");
	llm_has(v, "tools/0/function/name", "\"a_b_e27bcb35\"",
	    "one that meets it gets a suffix");
	json_decref(v);
	v = llm_sent(f, "openai/o3", "", TOOLS, HI, "{\"thinking\":true,"
	    "\"max_tokens\":5,\"temperature\":0.5,\"tool_choice\":{\"name\":"
	    "\"a_b\"},\"stop_sequences\":[\"x\"]}");
	llm_has(v, "max_completion_tokens", "5", "o-series cap");
	llm_has(v, "max_tokens", NULL, "no old cap");
	llm_has(v, "reasoning_effort", "\"high\"", "super thinking");
	llm_has(v, "temperature", NULL, "no temperature for reasoning");
	llm_has(v, "tool_choice", "{\"type\":\"function\",\"function\":"
	    "{\"name\":\"a_b\"}}", "forced tool");
	json_decref(v);
	v = llm_sent(f, "gpt-4o", "", TOOLS, HI, "{\"thinking\":true,"
	    "\"temperature\":0.5,\"tool_choice\":\"none\","
	    "\"stop_sequences\":[\"x\"]}");
	llm_has(v, "reasoning_effort", NULL, "no effort for others");
	llm_has(v, "temperature", "0.5", "temperature");
	llm_has(v, "stop", "[\"x\"]", "stop sequences");
	llm_has(v, "tool_choice", "\"none\"", "no tool");
	json_decref(v);
	fake_free(f);
}

static void
request_schema(void)
{
	struct fake *f = llm_fake("{}");
	json_t *v;

	v = llm_sent(f, "", "", "", HI, "{\"response_schema\":{\"type\":"
	    "\"object\",\"properties\":{\"a\":{\"type\":\"string\"}},"
	    "\"required\":[\"a\"],\"additionalProperties\":false}}");
	llm_has(v, "response_format/json_schema/strict", "true",
	    "a schema that fits is strict");
	llm_has(v, "response_format/json_schema/schema/required", "[\"a\"]",
	    "and sent");
	json_decref(v);
	v = llm_sent(f, "", "", "", HI, "{\"response_schema\":{\"type\":"
	    "\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}}}");
	llm_has(v, "response_format/json_schema/strict", "false",
	    "an open one is not");
	json_decref(v);
	v = llm_sent(f, "", "[{\"text\":\"S\"}]", "", HI,
	    "{\"response_schema\":{\"type\":\"array\"}}");
	llm_has(v, "response_format", NULL, "an array has no native mode");
	llm_has(v, "messages/0/content", "\"S\\n\\nAnswer with nothing but "
	    "JSON that is valid under this JSON Schema:\\n"
	    "{\\\"type\\\":\\\"array\\\"}\"", "so the schema is in words");
	json_decref(v);
	fake_free(f);
}

static void
request_history(void)
{
	struct fake *f = llm_fake("{}");
	json_t *v;

	v = llm_sent(f, "", "", TOOLS, "[{\"role\":\"user\",\"content\":["
	    "{\"type\":\"text\",\"text\":\"q\"}]},"
	    "{\"role\":\"assistant\",\"content\":["
	    "{\"type\":\"thinking\",\"text\":\"t\"},"
	    "{\"type\":\"tool_use\",\"id\":\"i1\",\"name\":\"gone.x\","
	    "\"input\":{\"k\":\"v\\u0000w\"}}]},"
	    "{\"role\":\"user\",\"content\":["
	    "{\"type\":\"tool_result\",\"tool_use_id\":\"i1\",\"name\":"
	    "\"gone.x\",\"output\":\"bad\",\"error\":\"timeout\"},"
	    "{\"type\":\"text\",\"text\":\"and?\"}]}]", "{}");
	llm_has(v, "messages/1", "{\"role\":\"assistant\",\"content\":null,"
	    "\"tool_calls\":[{\"id\":\"i1\",\"type\":\"function\","
	    "\"function\":{\"name\":\"gone_x\",\"arguments\":"
	    "\"{\\\"k\\\":\\\"v\\\\u0000w\\\"}\"}}]}",
	    "a call of a tool that is gone");
	llm_has(v, "messages/2", "{\"role\":\"tool\",\"tool_call_id\":\"i1\","
	    "\"content\":\"Error: timeout\\nbad\"}", "its result");
	llm_has(v, "messages/3", "{\"role\":\"user\",\"content\":\"and?\"}",
	    "the text behind it");
	json_decref(v);
	v = llm_sent(f, "", "", "", "[{\"role\":\"user\",\"content\":["
	    "{\"type\":\"text\",\"text\":\"see\"},"
	    "{\"type\":\"image\",\"source\":{\"type\":\"base64\","
	    "\"media_type\":\"image/png\",\"data\":\"AAAA\"}},"
	    "{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":"
	    "\"https://e.org/x\"}},"
	    "{\"type\":\"audio\",\"source\":{\"type\":\"base64\","
	    "\"media_type\":\"audio/mpeg\",\"data\":\"BBBB\"}},"
	    "{\"type\":\"document\",\"source\":{\"type\":\"base64\","
	    "\"media_type\":\"application/pdf\",\"data\":\"CCCC\"}},"
	    "{\"type\":\"document\",\"source\":{\"type\":\"base64\","
	    "\"media_type\":\"text/plain\",\"data\":\"aGkK\"}}]}]", "{}");
	llm_has(v, "messages/0/content", "[{\"type\":\"text\",\"text\":"
	    "\"see\"},{\"type\":\"image_url\",\"image_url\":{\"url\":"
	    "\"data:image/png;base64,AAAA\"}},{\"type\":\"image_url\","
	    "\"image_url\":{\"url\":\"https://e.org/x\"}},{\"type\":"
	    "\"input_audio\",\"input_audio\":{\"data\":\"BBBB\",\"format\":"
	    "\"mp3\"}},{\"type\":\"file\",\"file\":{\"filename\":"
	    "\"document.pdf\",\"file_data\":\"data:application/pdf;base64,"
	    "CCCC\"}},{\"type\":\"text\",\"text\":\"hi\\n\"}]", "media");
	json_decref(v);
	fake_free(f);
}

static void
configuration(void)
{
	static const char *const bad[] = { "{\"base_url\":\"ftp://x/y\"}",
	    "{\"base_url\":\"http://h/a b\"}", "[]",
	    "{\"base_url\":\"http://h/\\r\\nX: y\"}" };
	struct sept_err err;
	struct fake *f;
	struct sept_call *c;
	size_t i;

	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		f = fake_new();
		check_int(fake_load(f, bad[i], &err), SEPT_EINVAL, bad[i]);
		fake_free(f);
	}
	f = fake_new();
	check_int(fake_load(f, "{}", &err), SEPT_OK, "starts without a key");
	c = fake_call_new(f);
	(void)fake_generate(f, c, "", "", "", "[]", "{}");
	check(strstr(f->headers, "Authorization") == NULL,
	    "no key: no Authorization header");
	check_str(f->url, "https://api.openai.com/v1/chat/completions",
	    "default URL");
	check_int(f->llm->context_window(f->plugin, sept_str("openai/o3-x")),
	    200000, "context window");
	fake_cancel(c);
	fake_run(f);
	fake_call_free(c);
	fake_free(f);
}

static void
keys(void)
{
	struct fake *f = fake_new();
	struct sept_err err;

	fake_secret(f, "OPENAI_API_KEY", "abcd\n");
	check_int(fake_load(f, "{}", &err), SEPT_OK,
	    "a key with a line end is taken without it");
	json_decref(llm_sent(f, "", "", "", HI, "{}"));
	check(strstr(f->headers, "Bearer abcd\n") != NULL &&
	    strstr(f->headers, "\n\n") == NULL, "and sent so");
	fake_free(f);
	f = fake_new();
	fake_secret(f, "OPENAI_API_KEY", "ab\r\nX-Evil: 1");
	check_int(fake_load(f, "{}", &err), SEPT_EINVAL,
	    "a key with a line break inside is refused");
	check(strstr(err.text, "Evil") == NULL, "and not shown");
	fake_free(f);
}

static void
add_tool(struct llm_buf *b, const char *name, const json_t *tool, int last)
{
	(void)tool;
	(void)last;
	llm_buf_quote(b, name, strlen(name));
}

/* Names go there and back, whatever they are and in whatever order. */
static void
names(void)
{
	static const char *const list[] = { "a.b", "a_b", "a-b", "a/b",
	    "7z", "", "\xc3\xa9t\xc3\xa9",
	    "srv.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1",
	    "srv.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa2",
	};
	size_t n = sizeof list / sizeof list[0], i, k, bad = 0;
	struct llm_tools *cache = NULL, *t[2], *again;
	char a[LLM_NAME_MAX + 1], b[LLM_NAME_MAX + 1];
	char text[2][1024];

	for (k = 0; k < 2; k++) {
		size_t len = 0;

		text[k][len++] = '[';
		for (i = 0; i < n; i++) {
			const char *s = list[k == 0 ? i : n - 1 - i];

			if (*s != '\0')
				len += (size_t)snprintf(text[k] + len,
				    sizeof text[k] - len, "%s{\"name\":"
				    "\"%s\"}", len > 1 ? "," : "", s);
		}
		(void)snprintf(text[k] + len, sizeof text[k] - len, "]");
		t[k] = llm_tools_get(&cache, sept_str(text[k]), add_tool);
	}
	again = llm_tools_get(&cache, sept_str(text[1]), add_tool);
	check(again == t[1] && t[0] != NULL && t[0] != t[1],
	    "the same text gives the same set");
	for (i = 0; i < n; i++) {
		if (*list[i] == '\0')
			continue;
		llm_tools_theirs(t[0], list[i], a);
		llm_tools_theirs(t[1], list[i], b);
		bad += strcmp(a, b) != 0 || strlen(a) > 64 ||
		    strspn(a, "abcdefghijklmnopqrstuvwxyz0123456789_-") !=
		    strlen(a) || !sept_slice_eq(llm_tools_ours(t[0], a,
		    strlen(a)), list[i]);
	}
	check(bad == 0, "names are mapped one to one, in any order");
	check(sept_slice_eq(llm_tools_ours(t[0], "nope", 4), "nope"),
	    "an unknown name stays as it is");
	llm_tools_unref(t[0]);
	llm_tools_unref(t[1]);
	llm_tools_unref(again);
	llm_tools_unref(cache);
}

int
main(void)
{
	static const char cut[] = D("{\"role\":\"assistant\"}")
	    D("{\"content\":\"Hi\"}")
	    TC("{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\","
	    "\"arguments\":\"{}\"}}") F("tool_calls") U END;

	tap_start(120);
	llm_cases(streams, sizeof streams / sizeof streams[0]);
	llm_cases(errors, sizeof errors / sizeof errors[0]);
	llm_cuts("cut anywhere before the finish: retryable failure", cut,
	    sizeof cut - 1 - strlen(U END));
	transport();
	endings();
	request_basics();
	request_schema();
	request_history();
	configuration();
	keys();
	names();
	return tap_done();
}

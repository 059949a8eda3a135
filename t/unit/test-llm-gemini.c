/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-llm-gemini.c - the generateContent backend against recorded streams,
 * and the request it writes: schemas cut down, signatures sent back, native
 * structured output.
 */
#include "../../plugins/llm-gemini/gemini.h"
#include "llmtest.h"

#define P(parts) "data: {\"candidates\":[{\"content\":{\"role\":\"model\"," \
	"\"parts\":[" parts "]}}],\"modelVersion\":\"m-1\"}\n\n"
#define FIN(why) "data: {\"candidates\":[{\"finishReason\":\"" why "\"}]," \
	"\"modelVersion\":\"m-1\",\"usageMetadata\":{\"promptTokenCount\":9," \
	"\"candidatesTokenCount\":3,\"thoughtsTokenCount\":2," \
	"\"cachedContentTokenCount\":4}}\n\n"
#define USAGE "<usage {\"input_tokens\":9,\"output_tokens\":5," \
	"\"cache_hit_tokens\":4}>"
#define OK(stop) "{\"stop_reason\":\"" stop "\",\"model\":\"m-1\"}"

static const struct llm_case streams[] = {
	{ "text", NULL, 0, P("{\"text\":\"Hel\"}")
	  P("{\"text\":\"lo\"},{\"text\":\"!\"}") FIN("STOP"),
	  "<text>Hello!</>" USAGE, OK("end_turn") },
	{ "thoughts, then text with a signature at its end", NULL, 0,
	  P("{\"text\":\"hm\",\"thought\":true}") P("{\"text\":\"a\"}")
	  P("{\"text\":\"\",\"thoughtSignature\":\"SS\"}") FIN("STOP"),
	  "<thinking>hm</><text>a<meta {\"thought_signature\":\"SS\"}></>"
	  USAGE, OK("end_turn") },
	{ "parallel calls, the first signed", NULL, 0,
	  P("{\"functionCall\":{\"name\":\"srv_act\",\"args\":{\"a\":1}},"
	  "\"thoughtSignature\":\"SS\"},{\"functionCall\":{\"id\":\"i2\","
	  "\"name\":\"g\"}}") FIN("STOP"),
	  "<tool:srv.act#>{\"a\":1}<meta {\"thought_signature\":\"SS\"}></>"
	  "<tool:g#i2>{}</>" USAGE, OK("tool_use") },
	{ "max tokens", NULL, 0, P("{\"text\":\"a\"}") FIN("MAX_TOKENS"),
	  "<text>a</>" USAGE, OK("max_tokens") },
	{ "safety", NULL, 0, P("{\"text\":\"a\"}") FIN("SAFETY"),
	  "<text>a</>" USAGE, OK("refusal") },
	{ "a malformed call", NULL, 0, FIN("MALFORMED_FUNCTION_CALL"), "",
	  "~MALFORMED_FUNCTION_CALL\",\"retryable\":true" },
	{ "a blocked prompt", NULL, 0,
	  "data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}\n\n", "",
	  "~blocked the prompt: SAFETY\",\"retryable\":false" },
	{ "no finish reason", NULL, 0, P("{\"text\":\"a\"}"), "<text>a",
	  "~cut off" },
	{ "an error in the stream", NULL, 0,
	  "data: {\"error\":{\"code\":503,\"message\":\"overloaded\","
	  "\"status\":\"UNAVAILABLE\"}}\n\n", "", "~\"retryable\":true" },
	{ "not streamed", "application/json", 0,
	  "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},"
	  "\"finishReason\":\"STOP\"}],\"modelVersion\":\"m-1\"}",
	  "<text>a</>", OK("end_turn") },
	{ "garbage", NULL, 0, "data: []\n\n", "", "~no JSON object" },
	{ "429 with a delay in the body", "application/json", 429,
	  "[{\"error\":{\"code\":429,\"message\":\"quota\",\"status\":"
	  "\"RESOURCE_EXHAUSTED\",\"details\":[{\"@type\":\"x\"},{\"@type\":"
	  "\"t/google.rpc.RetryInfo\",\"retryDelay\":\"34.1s\"}]}}]", "",
	  "{\"code\":\"LLM_RATE_LIMITED\",\"message\":\"HTTP 429: quota\","
	  "\"retryable\":true,\"retry_after\":35,\"http_status\":429}" },
	{ "400: too many tokens", "application/json", 400,
	  "{\"error\":{\"code\":400,\"message\":\"The input token count "
	  "(1200000) exceeds the maximum number of tokens allowed\",\"status\""
	  ":\"INVALID_ARGUMENT\"}}", "", "~CONTEXT_OVERFLOW" },
};

#define HI "[{\"role\":\"user\",\"content\":[{\"type\":\"text\"," \
	"\"text\":\"hi\"}]}]"
#define TOOLS "[{\"name\":\"a.b\",\"description\":\"d\",\"input_schema\":" \
	"{\"type\":\"object\",\"properties\":{\"x\":{\"type\":[\"string\"," \
	"\"null\"]}},\"additionalProperties\":false,\"required\":[\"x\"," \
	"\"y\"]}},{\"name\":\"c\",\"input_schema\":{\"type\":\"object\"}}]"

static void
request_basics(void)
{
	struct fake *f = llm_fake("{\"base_url\":\"http://h:1/v1beta/\"}");
	json_t *v;

	v = llm_sent(f, "models/gemini-2.5-pro", "[{\"text\":\"S\"}]", TOOLS,
	    HI, "{\"thinking\":true,\"tool_choice\":{\"name\":\"a.b\"},"
	    "\"max_tokens\":10,\"stop_sequences\":[\"q\"]}");
	check_str(f->url, "http://h:1/v1beta/models/gemini-2.5-pro:"
	    "streamGenerateContent?alt=sse", "URL");
	check(strstr(f->headers, "x-goog-api-key: sk-canary-0123456789\n") !=
	    NULL, "key in the header");
	llm_has(v, "contents", "[{\"role\":\"user\",\"parts\":[{\"text\":"
	    "\"hi\"}]}]", "contents");
	llm_has(v, "systemInstruction", "{\"parts\":[{\"text\":\"S\"}]}",
	    "system");
	llm_has(v, "tools", "[{\"functionDeclarations\":[{\"name\":\"a_b\","
	    "\"description\":\"d\",\"parameters\":{\"type\":\"object\","
	    "\"properties\":{\"x\":{\"type\":\"string\",\"nullable\":true}},"
	    "\"required\":[\"x\"]}},{\"name\":\"c\",\"description\":\"\"}]}]",
	    "tools, cut down");
	llm_has(v, "toolConfig", "{\"functionCallingConfig\":{\"mode\":"
	    "\"ANY\",\"allowedFunctionNames\":[\"a_b\"]}}", "forced tool");
	llm_has(v, "generationConfig", "{\"maxOutputTokens\":24586,"
	    "\"stopSequences\":[\"q\"],\"thinkingConfig\":{"
	    "\"includeThoughts\":true,\"thinkingBudget\":24576}}",
	    "settings, thinking");
	json_decref(v);
	v = llm_sent(f, "gemini-3-pro", "", "", HI, "{\"thinking\":true}");
	llm_has(v, "generationConfig/thinkingConfig/thinkingLevel",
	    "\"high\"", "the third generation takes a level");
	json_decref(v);
	v = llm_sent(f, "x?y", "", "", HI, "{\"thinking\":true}");
	llm_has(v, "generationConfig/thinkingConfig", NULL,
	    "others do not think");
	check_str(f->url, "http://h:1/v1beta/models/x%3Fy:"
	    "streamGenerateContent?alt=sse", "a name cannot leave the path");
	json_decref(v);
	fake_free(f);
}

static void
structured(void)
{
	static const char params[] = "{\"response_schema\":{\"type\":"
	    "\"object\",\"properties\":{\"n\":{\"type\":\"integer\","
	    "\"exclusiveMinimum\":0}}}}";
	struct fake *f = llm_fake("{}");
	json_t *v;

	v = llm_sent(f, "", "", "", HI, params);
	llm_has(v, "generationConfig/responseMimeType",
	    "\"application/json\"", "native mode");
	llm_has(v, "generationConfig/responseSchema", "{\"type\":\"object\","
	    "\"properties\":{\"n\":{\"type\":\"integer\"}}}", "its schema");
	json_decref(v);
	v = llm_sent(f, "", "", TOOLS, HI, params);
	llm_has(v, "generationConfig/responseMimeType", NULL,
	    "not together with tools");
	check(strstr(f->body, "valid under this JSON Schema") != NULL,
	    "then in words");
	json_decref(v);
	v = llm_sent(f, "gemini-3-flash", "", TOOLS, HI, params);
	llm_has(v, "generationConfig/responseMimeType",
	    "\"application/json\"", "but for the third generation");
	json_decref(v);
	fake_free(f);
}

static void
history(void)
{
	static const char msgs[] = "[{\"role\":\"user\",\"content\":["
	    "{\"type\":\"image\",\"source\":{\"type\":\"base64\","
	    "\"media_type\":\"image/png\",\"data\":\"AAAA\"}},{\"type\":"
	    "\"audio\",\"source\":{\"type\":\"url\",\"url\":"
	    "\"https://e.org/a.mp3\"}}]},{\"role\":\"assistant\",\"content\":"
	    "[{\"type\":\"thinking\",\"text\":\"t\"},{\"type\":\"text\","
	    "\"text\":\"a\",\"meta\":{\"thought_signature\":\"S1\"}},"
	    "{\"type\":\"tool_use\",\"id\":\"1\",\"name\":\"a.b\",\"input\":"
	    "{\"k\":1}},{\"type\":\"tool_use\",\"id\":\"2\",\"name\":\"c\","
	    "\"input\":{}}]},{\"role\":\"user\",\"content\":[{\"type\":"
	    "\"tool_result\",\"tool_use_id\":\"1\",\"name\":\"a.b\","
	    "\"output\":\"o\"},{\"type\":\"tool_result\",\"tool_use_id\":"
	    "\"2\",\"name\":\"c\",\"output\":\"no\",\"error\":\"denied\"}]}]";
	struct fake *f = llm_fake("{}");
	json_t *v;

	v = llm_sent(f, "gemini-3-pro", "", TOOLS, msgs, "{}");
	llm_has(v, "contents/0/parts", "[{\"inlineData\":{\"mimeType\":"
	    "\"image/png\",\"data\":\"AAAA\"}},{\"fileData\":{\"fileUri\":"
	    "\"https://e.org/a.mp3\"}}]", "media");
	llm_has(v, "contents/1", "{\"role\":\"model\",\"parts\":[{\"text\":"
	    "\"a\",\"thoughtSignature\":\"S1\"},{\"functionCall\":{\"name\":"
	    "\"a_b\",\"args\":{\"k\":1}},\"thoughtSignature\":"
	    "\"skip_thought_signature_validator\"},{\"functionCall\":{"
	    "\"name\":\"c\",\"args\":{}}}]}", "signatures go back");
	llm_has(v, "contents/2/parts", "[{\"functionResponse\":{\"name\":"
	    "\"a_b\",\"response\":{\"output\":\"o\"}}},{\"functionResponse\":"
	    "{\"name\":\"c\",\"response\":{\"error\":\"denied: no\"}}}]",
	    "results");
	json_decref(v);
	fake_free(f);
}

static void
schemas(void)
{
	static const struct {
		const char *in, *out;
	} t[] = {
		{ "{\"$schema\":\"x\",\"type\":\"string\",\"const\":\"a\"}",
		  "{\"enum\":[\"a\"],\"type\":\"string\"}" },
		{ "{\"enum\":[1,2],\"type\":\"integer\"}",
		  "{\"type\":\"integer\"}" },
		{ "{\"type\":[\"string\",\"integer\"]}",
		  "{\"anyOf\":[{\"type\":\"string\"},{\"type\":"
		  "\"integer\"}]}" },
		{ "{\"oneOf\":[{\"type\":\"null\"},{\"type\":\"number\"}]}",
		  "{\"nullable\":true,\"type\":\"number\"}" },
		{ "{\"allOf\":[{\"type\":\"string\"},{\"minLength\":2}]}",
		  "{\"minLength\":2,\"type\":\"string\"}" },
		{ "{\"type\":\"array\"}",
		  "{\"items\":{\"type\":\"string\"},\"type\":\"array\"}" },
		{ "{\"properties\":{\"p\":{\"$ref\":\"#/$defs/d\"}},"
		  "\"$defs\":{\"d\":{\"type\":\"boolean\"}}}",
		  "{\"properties\":{\"p\":{\"type\":\"boolean\"}},"
		  "\"type\":\"object\"}" },
		{ "{\"type\":\"string\",\"format\":\"uri\"}",
		  "{\"type\":\"string\"}" },
	};
	json_t *s, *v;
	char *got;
	size_t i;

	for (i = 0; i < sizeof t / sizeof t[0]; i++) {
		s = json_loads(t[i].in, 0, NULL);
		v = gemini_schema(s);
		got = json_dumps(v, JSON_COMPACT | JSON_SORT_KEYS);
		check_str(got, t[i].out, t[i].in);
		free(got);
		json_decref(v);
		json_decref(s);
	}
	/* Two references to itself in each node: bounded all the same. */
	s = json_loads("{\"properties\":{\"a\":{\"$ref\":\"#\"},\"b\":"
	    "{\"$ref\":\"#\"},\"c\":{\"$ref\":\"#\"}}}", 0, NULL);
	v = gemini_schema(s);
	check(v != NULL, "a schema that refers to itself ends");
	json_decref(v);
	json_decref(s);
}

int
main(void)
{
	static const char cut[] = P("{\"text\":\"a\"}")
	    P("{\"functionCall\":{\"name\":\"f\",\"args\":{}}}")
	    FIN("STOP");

	tap_start(120);
	llm_cases(streams, sizeof streams / sizeof streams[0]);
	llm_cuts("cut anywhere before the finish: retryable failure", cut,
	    sizeof cut - 1);
	request_basics();
	structured();
	history();
	schemas();
	return tap_done();
}

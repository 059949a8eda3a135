/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-llm-scripted.c - the scripted backend: rules of the catalog, tools
 * that are there or not, results, directives, structured answers, timers,
 * back-pressure, cancel.
 */
#include <jansson.h>

#include "../../plugins/llm-scripted/scripted.h"
#include "fakehost.h"
#include "tap.h"

#define TOOLS "[{\"name\":\"read_file\"},{\"name\":\"grep\"}," \
	"{\"name\":\"bash\"},{\"name\":\"web_search\"}," \
	"{\"name\":\"write_file\"}]"

static size_t full_every;

static struct fake *
loaded(void)
{
	struct fake *f = fake_new();
	struct sept_err err;
	const char *src = getenv("SEPT_SRCDIR");
	char conf[1024];

	(void)snprintf(conf, sizeof conf, "{\"catalog_dir\":\"%s/catalog\"}",
	    src != NULL ? src : SRCDIR);
	if (fake_load(f, conf, &err) != SEPT_OK)
		printf("# %s\n", err.text);
	f->full_every = full_every;
	return f;
}

/* Plays one request and compares log and a part of the completion. */
static void
ask(const char *messages, const char *tools, const char *params,
    const char *log, const char *result)
{
	struct fake *f = loaded();
	struct sept_call *c = fake_call_new(f);
	char *usage;

	(void)fake_generate(f, c, "", "", tools, messages, params);
	fake_run(f);
	usage = strstr(c->log, "<usage ");
	if (usage != NULL)
		*usage = '\0';
	check_str(c->log, log, messages);
	check(c->completed && strstr(c->result, result) != NULL &&
	    f->broken[0] == '\0', result);
	if (strstr(c->result, result) == NULL || f->broken[0] != '\0')
		printf("# %s %s\n", c->result, f->broken);
	fake_call_free(c);
	fake_free(f);
}

/* A user's text as messages. */
#define USER(t) "[{\"role\":\"user\",\"content\":[{\"type\":\"text\"," \
	"\"text\":\"" t "\"}]}]"
/* The same after one round of a tool. */
#define AFTER(t, results) "[{\"role\":\"user\",\"content\":[{\"type\":" \
	"\"text\",\"text\":\"" t "\"}]},{\"role\":\"assistant\"," \
	"\"content\":[{\"type\":\"tool_use\",\"id\":\"1\",\"name\":\"x\"," \
	"\"input\":{}}]},{\"role\":\"user\",\"content\":[" results "]}]"
#define RES(out) "{\"type\":\"tool_result\",\"tool_use_id\":\"1\"," \
	"\"name\":\"x\",\"output\":\"" out "\"}"
#define ERR(out) "{\"type\":\"tool_result\",\"tool_use_id\":\"1\"," \
	"\"name\":\"x\",\"output\":\"" out "\",\"error\":\"denied\"}"

static void
rules(void)
{
	ask(USER("ping"), "", "", "<text>pong</>", "end_turn");
	ask(USER("Please read `a b.txt`."), TOOLS, "{}",
	    "<text>I am the scripted backend, not a language model: I follow "
	    "fixed rules and have none for this. Say \"help\" to see them, or "
	    "set LLM_PROVIDER to use a model. You wrote: Please read `a "
	    "b.txt`.</>", "end_turn");
	ask(USER("Please read 'notes.txt'?"), TOOLS, "{}",
	    "<text>I will read notes.txt. </><tool:read_file#>"
	    "{\"path\":\"notes.txt\"}</>", "tool_use");
	ask(USER("read a and b"), TOOLS, "{}",
	    "<text>I will read both. </><tool:read_file#>{\"path\":\"a\"}</>"
	    "<tool:read_file#>{\"path\":\"b\"}</>", "tool_use");
	ask(USER("Search for to do in in src"), TOOLS, "{}",
	    "<text>I will search for to do in in src. </><tool:grep#>"
	    "{\"pattern\":\"to do in\",\"path\":\"src\"}</>", "tool_use");
	ask(USER("write \\\"a  b\\nc\\\" to x/y.txt"), TOOLS, "{}",
	    "<text>I will write x/y.txt. </><tool:write_file#>{\"path\":"
	    "\"x/y.txt\",\"content\":\"a  b\\nc\"}</>", "tool_use");
	ask(USER("search the web for cats"), "[]", "{}",
	    "<text>For this I would need the tool web_search, which I have "
	    "not been given.</>",
	    "end_turn");
	ask(USER("list files in /tmp"), TOOLS, "{}",
	    "<text>I will look into /tmp. </><tool:bash#>{\"command\":"
	    "\"ls -la -- /tmp\"}</>", "tool_use");
	ask(USER("list files in . "), TOOLS, "{}",
	    "<text>I will look into .. </><tool:bash#>{\"command\":"
	    "\"ls -la -- .\"}</>", "tool_use");
	ask(USER("list files in src."), TOOLS, "{}",
	    "<text>I will look into src. </><tool:bash#>{\"command\":"
	    "\"ls -la -- src\"}</>", "tool_use");
	ask(AFTER("read x", RES("line1\\nline2")), TOOLS, "{}",
	    "<text>x holds:\nline1\nline2</>", "end_turn");
	ask(AFTER("read x", ERR("no")), TOOLS, "{}",
	    "<text>That did not work: failed (denied): no</>", "end_turn");
	ask(AFTER("whatever", RES("a") "," ERR("b")), TOOLS, "{}",
	    "<text>The tools answered:\n- x: a\n- x: failed (denied): b</>",
	    "end_turn");
	ask(USER("ping"), "", "{\"thinking\":true}",
	    "<thinking>I follow fixed rules; I look for the one that fits "
	    "this message.</><text>pong</>", "end_turn");
}

static void
directives(void)
{
	ask(USER("stream 3"), "", "", "<text>t1 t2 t3</>", "end_turn");
	ask(USER("[stream 2 every 10 ms]"), "", "", "<text>t1 t2</>",
	    "end_turn");
	ask(USER("say a b\\nthink c\\nstop max_tokens"), "", "",
	    "<text>a b</><thinking>c</>", "\"stop_reason\":\"max_tokens\"");
	ask(USER("call x.y {\\\"a\\\":[1]}; call z {}"), "", "",
	    "<tool:x.y#>{\"a\":[1]}</><tool:z#>{}</>", "tool_use");
	ask(USER("call bash"), TOOLS, "", "<tool:bash#>{}</>", "tool_use");
	ask(USER("call bash {oops"), TOOLS, "", "<tool:bash#>{oops</>",
	    "tool_use");
	ask(USER("call mum now"), TOOLS, "", "<text>I am the scripted "
	    "backend, not a language model: I follow fixed rules and have "
	    "none for this. Say \"help\" to see them, or set LLM_PROVIDER to "
	    "use a model. You wrote: call mum now</>", "end_turn");
	ask(USER("fail LLM_TIMEOUT"), "", "", "",
	    "{\"code\":\"LLM_TIMEOUT\",\"message\":\"LLM_TIMEOUT was asked "
	    "for by the message\",\"retryable\":false}");
	ask(USER("fail LLM_RATE_LIMITED after 7 s times 1"), "", "", "",
	    "\"retryable\":true,\"retry_after\":7}");
	ask(USER("fail LLM_PROVIDER_ERROR on scripted"), "", "", "",
	    "LLM_PROVIDER_ERROR");
	ask(USER("fail LLM_PROVIDER_ERROR on other"), "", "",
	    "<text>No failure this time.</>", "end_turn");
	ask(USER("say x\\nfail CONTEXT_OVERFLOW"), "", "", "<text>x",
	    "CONTEXT_OVERFLOW");
	ask(AFTER("call x {}\\nthen\\nsay done", RES("o")), "", "",
	    "<text>done</>", "end_turn");
	ask(AFTER("call x {}", RES("o")), "", "",
	    "<text>The tool answered:\no</>", "end_turn");
	ask(AFTER("always call x {}", RES("o")), "", "", "<tool:x#>{}</>",
	    "tool_use");
	ask(USER("say hello\\nto everyone"), "", "", "<text>I am the "
	    "scripted backend, not a language model: I follow fixed rules "
	    "and have none for this. Say \"help\" to see them, or set "
	    "LLM_PROVIDER to use a model. You wrote: say hello\nto "
	    "everyone</>", "end_turn");
}

static void
structured(void)
{
	ask(USER("ping"), "[{\"name\":\"submit_result\",\"input_schema\":"
	    "{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\""
	    ",\"minimum\":3},\"s\":{\"type\":\"string\"},\"o\":{}},"
	    "\"required\":[\"n\",\"s\"]}}]", "{}",
	    "<text>pong</><tool:submit_result#>{\"n\":3,\"s\":\"\"}</>",
	    "tool_use");
	ask(USER("ping"), "[{\"name\":\"f\",\"input_schema\":{\"type\":"
	    "\"object\",\"properties\":{\"e\":{\"enum\":[\"b\",\"a\"]}},"
	    "\"required\":[\"e\"]}}]", "{\"tool_choice\":{\"name\":\"f\"}}",
	    "<tool:f#>{\"e\":\"b\"}</>", "tool_use");
	ask(USER("ping"), "", "{\"response_schema\":{\"type\":\"array\","
	    "\"minItems\":2,\"items\":{\"$ref\":\"#/$defs/b\"},\"$defs\":{"
	    "\"b\":{\"anyOf\":[{\"type\":\"boolean\"},{}]}}}}",
	    "<text>[false,false]</>", "end_turn");
}

static void
instances(void)
{
	static const struct {
		const char *schema, *want;
	} t[] = {
		{ "{\"type\":\"number\",\"exclusiveMinimum\":1}", "1.5" },
		{ "{\"type\":\"integer\",\"maximum\":-4}", "-4" },
		{ "{\"type\":\"integer\",\"minimum\":5,\"multipleOf\":4}",
		  "8" },
		{ "{\"type\":\"string\",\"minLength\":2}", "\"xx\"" },
		{ "{\"type\":[\"null\",\"string\"]}", "null" },
		{ "{\"const\":{\"a\":1}}", "{\"a\":1}" },
		{ "{\"allOf\":[{\"required\":[\"a\"],\"properties\":{\"a\":"
		  "{\"type\":\"null\"}}},{\"type\":\"object\",\"required\":"
		  "[\"b\"],\"properties\":{\"b\":{\"default\":7}}}]}",
		  "{\"a\":null,\"b\":7}" },
		{ "{\"$ref\":\"#\"}", "null" },
		{ "{\"type\":\"string\",\"format\":\"date\"}",
		  "\"2026-01-01\"" },
	};
	json_t *s, *v;
	char *got;
	size_t i;

	for (i = 0; i < sizeof t / sizeof t[0]; i++) {
		s = json_loads(t[i].schema, 0, NULL);
		v = instance_of(s);
		got = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT |
		    JSON_SORT_KEYS);
		check_str(got, t[i].want, t[i].schema);
		free(got);
		json_decref(v);
		json_decref(s);
	}
}

static void
patterns(void)
{
	static const struct {
		const char *pattern, *text;
		int hit;
	} t[] = {
		{ "a {x} b {y}", "a 1 b 2 b 3", 1 },
		{ "a {x!} b", "a 1 2 b", 0 }, { "a {x}", "a", 0 },
		{ "{x}", "", 0 }, { "hi", "HI!!", 1 }, { "hi", "high", 0 },
		{ "hi", "Could you please, hi?", 1 },
		{ "{a} {b} {c} {d}", "1 2 3 4", 0 }, { "", "x", 0 },
	};
	json_t *caught = json_object();
	char *big;
	size_t i;

	for (i = 0; i < sizeof t / sizeof t[0]; i++)
		check_int(rules_match(t[i].pattern, t[i].text, NULL),
		    t[i].hit, t[i].pattern);
	(void)rules_match("a {x} b {y}", "a \"q r\" b 2 b 3", caught);
	check_str(json_string_value(json_object_get(caught, "x")), "q r",
	    "captures without their quotes");
	json_decref(caught);
	big = calloc(1, 200001);
	for (i = 0; i < 100000; i++)
		memcpy(big + 2 * i, "a ", 2);
	check_int(rules_match("a {x} b", big, NULL), 0,
	    "a long text matches nothing, quickly");
	free(big);
}

/* Pieces, pauses, slices; the clock is the fake host's own. */
static void
playing(void)
{
	struct fake *f = loaded();
	struct sept_call *c = fake_call_new(f);
	uint64_t from = f->now_ns;

	(void)fake_generate(f, c, "", "", "", USER("stream 5 every 20 ms"),
	    "{}");
	check_int(c->events, 2, "the first token comes at once");
	fake_run(f);
	check_int((f->now_ns - from) / 1000000, 80, "four pauses of 20 ms");
	check_int(c->events, 8, "one event a token");
	fake_call_free(c);

	c = fake_call_new(f);
	(void)fake_generate(f, c, "", "", "", USER("stream 2000"), "{}");
	check(c->events < 1000 && !c->completed,
	    "a long stream gives the loop back in between");
	fake_run(f);
	check(c->completed && c->events == 2003, "and comes to its end");
	fake_call_free(c);

	c = fake_call_new(f);
	(void)fake_generate(f, c, "", "", "", USER("stream 9 every 99 ms"),
	    "{}");
	(void)fake_step(f);
	fake_cancel(c);
	check(c->completed && c->status == SEPT_ECANCELLED,
	    "a cancel ends a pause");
	fake_run(f);
	fake_call_free(c);

	f->full_every = 2;
	c = fake_call_new(f);
	(void)fake_generate(f, c, "", "", "", USER("stream 9"), "{}");
	fake_cancel(c);
	check(!c->completed, "the host still owes a callback");
	fake_run(f);
	check(c->completed && c->status == SEPT_ECANCELLED,
	    "a cancel while the host is full");
	fake_call_free(c);
	check_str(f->broken, "", "no rule was broken");
	fake_free(f);
}

static void
models(void)
{
	struct fake *f = loaded();
	struct sept_call *c = fake_call_new(f);
	char *big = calloc(1, 6000);

	check_int(f->llm->context_window(f->plugin,
	    sept_str("scripted-1k")), 1000, "a model with a small window");
	check_int(f->llm->context_window(f->plugin, sept_str("")), 200000,
	    "and the usual one");
	(void)snprintf(big, 6000, "[{\"role\":\"user\",\"content\":[{"
	    "\"type\":\"text\",\"text\":\"%05000d\"}]}]", 1);
	(void)fake_generate(f, c, "scripted-1k", "", "", big, "{}");
	fake_run(f);
	check(strstr(c->result, "CONTEXT_OVERFLOW") != NULL,
	    "a request over the window");
	fake_call_free(c);
	c = fake_call_new(f);
	c->info.attempt = 2;
	(void)fake_generate(f, c, "", "", "",
	    USER("fail LLM_TIMEOUT times 1"), "{}");
	fake_run(f);
	check_str(c->log, "<text>No failure this time.</><usage "
	    "{\"input_tokens\":20,\"output_tokens\":6,"
	    "\"cache_hit_tokens\":0}>", "the second attempt succeeds");
	fake_call_free(c);
	fake_quiesce(f);
	c = fake_call_new(f);
	check_int(fake_generate(f, c, "", "", "", "[]", "{}"), SEPT_EUNAVAIL,
	    "a quiescing backend refuses");
	fake_call_free(c);
	fake_free(f);
	free(big);
}

static void
without_rules(void)
{
	struct fake *f = fake_new();
	struct sept_err err;
	struct sept_call *c;

	check_int(fake_load(f, "{\"catalog_dir\":\"/nonexistent\"}", &err),
	    SEPT_OK, "starts without a rule file");
	c = fake_call_new(f);
	(void)fake_generate(f, c, "", "", TOOLS, USER("run ls -l"), "{}");
	fake_run(f);
	check(strstr(c->log, "<tool:bash#>{\"command\":\"ls -l\"}</>") !=
	    NULL, "and has rules of its own");
	fake_call_free(c);
	fake_free(f);
}

int
main(void)
{
	tap_start(60);
	for (full_every = 0; full_every <= 3; full_every += 2 -
	    (full_every == 2)) {
		rules();
		directives();
		structured();
	}
	full_every = 0;
	instances();
	patterns();
	playing();
	models();
	without_rules();
	return tap_done();
}

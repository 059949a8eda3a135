/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.c - the tools of the memory: remember, recall, knowledge_search,
 * forget. Thin: what is kept and how it is found is the host's matter.
 *
 * invoke() runs on the loop and hands the operation to the host; the call is
 * completed when the answer comes. The host waits for calls, so there is
 * nothing to quiesce. What is remembered has the turn as its source.
 */
#include <stdlib.h>
#include <string.h>

#include "../tool-common/tool.h"

#define OUTPUT_MAX 16384
#define LIMIT_DEFAULT 8
#define OPEN "{\"type\":\"object\",\"properties\":{"
#define CLOSE(needed) "},\"required\":[" needed "]," \
	"\"additionalProperties\":false}"
#define QUERY "\"query\":{\"type\":\"string\",\"minLength\":1," \
	"\"description\":\"What to look for, in plain words.\"}," \
	"\"limit\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":50," \
	"\"default\":8,\"description\":\"Most results.\"}"

struct memory {
	struct sept_plugin base;
	const struct sept_host *host;
	const struct sept_host_call *hc;
	const struct sept_host_memory *hm;
};

/* One call under way. */
struct job {
	struct tool_call c;
	json_t *(*answer)(json_t *reply);
};

/* --- answers ------------------------------------------------------------- */

static json_t *
body_of(const struct tool_buf *b)
{
	json_t *body = json_object();

	if (body == NULL || tool_set(body, "output", tool_buf_json(b)) != 0 ||
	    tool_set(body, "truncated", json_boolean(b->full)) != 0) {
		json_decref(body);
		return NULL;
	}
	return body;
}

static const char *
text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "";
}

static void
add_line(struct tool_buf *b, const char *id, const char *subject,
    const char *text, const char *when)
{
	(void)tool_buf_str(b, b->n > 0 ? "\n- [" : "- [");
	(void)tool_buf_str(b, id);
	(void)tool_buf_str(b, "] ");
	if (*subject != '\0') {
		(void)tool_buf_str(b, subject);
		(void)tool_buf_str(b, ": ");
	}
	(void)tool_buf_str(b, text);
	if (strlen(when) >= 10) {
		(void)tool_buf_str(b, " (");
		(void)tool_buf_add(b, when, 10);
		(void)tool_buf_str(b, ")");
	}
}

static json_t *
finish_list(struct tool_buf *b)
{
	json_t *body;

	if (b->n == 0)
		(void)tool_buf_str(b, "Nothing is known about that.");
	body = body_of(b);
	tool_buf_fini(b);
	return body;
}

static json_t *
answer_recall(json_t *reply)
{
	struct tool_buf b;
	json_t *item;
	size_t i;

	tool_buf_init(&b, OUTPUT_MAX);
	json_array_foreach(json_object_get(reply, "items"), i, item)
		add_line(&b, text_of(item, "id"), "", text_of(item, "text"),
		    text_of(item, "occurred_at"));
	return finish_list(&b);
}

static json_t *
answer_search(json_t *reply)
{
	struct tool_buf b;
	json_t *item;
	size_t i;

	tool_buf_init(&b, OUTPUT_MAX);
	json_array_foreach(reply, i, item)
		add_line(&b, text_of(item, "id"), text_of(item, "subject"),
		    text_of(item, "content"), text_of(item, "valid_from"));
	return finish_list(&b);
}

static json_t *
answer_remember(json_t *reply)
{
	const char *id = json_string_value(json_array_get(
	    json_object_get(reply, "ids"), 0));
	struct tool_buf b;
	json_t *body;

	tool_buf_init(&b, OUTPUT_MAX);
	(void)tool_buf_printf(&b, "Remembered as %s.", id != NULL ? id : "?");
	body = body_of(&b);
	tool_buf_fini(&b);
	return body;
}

static json_t *
answer_forget(json_t *reply)
{
	struct tool_buf b;
	json_t *body;

	tool_buf_init(&b, OUTPUT_MAX);
	(void)tool_buf_printf(&b, "Forgot %s.", text_of(reply, "id"));
	body = body_of(&b);
	tool_buf_fini(&b);
	return body;
}

/* --- questions ----------------------------------------------------------- */

static json_t *
ask_search(json_t *args, const struct sept_call_info *info, const char **op)
{
	const char *query = NULL;
	int64_t limit = LIMIT_DEFAULT;

	(void)info;
	(void)op;
	if (tool_arg_str(args, "query", 1, &query, NULL) != 0 ||
	    tool_arg_int(args, "limit", 1, 50, &limit) < 0)
		return NULL;
	return json_pack("{s:s,s:I}", "query", query, "limit",
	    (json_int_t)limit);
}

static json_t *
ask_remember(json_t *args, const struct sept_call_info *info,
    const char **op)
{
	const char *content = NULL, *subject = "", *type = "fact";

	(void)op;
	if (tool_arg_str(args, "content", 1, &content, NULL) != 0 ||
	    tool_arg_str(args, "subject", 0, &subject, NULL) < 0 ||
	    tool_arg_str(args, "type", 0, &type, NULL) < 0)
		return NULL;
	return json_pack("{s:s,s:s,s:s,s:s%}", "content", content, "subject",
	    subject, "type", type, "source", info->turn_id.n > 0 ?
	    info->turn_id.p : "rpc", info->turn_id.n > 0 ?
	    info->turn_id.n : (size_t)3);
}

/* The id says what kind of item it is. */
static json_t *
ask_forget(json_t *args, const struct sept_call_info *info, const char **op)
{
	const char *id = NULL;

	(void)info;
	if (tool_arg_str(args, "id", 1, &id, NULL) != 0)
		return NULL;
	if (strncmp(id, "ep-", 3) == 0)
		*op = "episodes.delete";
	else if (strncmp(id, "node-", 5) == 0)
		*op = "social.delete";
	return json_pack("{s:s}", "id", id);
}

struct op {
	struct sept_tool_info info;
	const char *name; /* of the host's operation */
	json_t *(*ask)(json_t *args, const struct sept_call_info *info,
	    const char **op);
	json_t *(*answer)(json_t *reply);
};

static const struct op ops[] = {
	{ { .size = sizeof(struct sept_tool_info), .flags = 0,
	.name = "remember",
	.description = "Keeps a lasting fact or preference in memory, one "
	    "sentence that can be understood without this conversation.",
	.input_schema = OPEN
	    "\"content\":{\"type\":\"string\",\"minLength\":1,"
	    "\"maxLength\":20000,\"description\":\"The fact.\"},"
	    "\"subject\":{\"type\":\"string\",\"maxLength\":500,"
	    "\"description\":\"Whom or what it is about.\"},"
	    "\"type\":{\"type\":\"string\",\"maxLength\":100,"
	    "\"default\":\"fact\",\"description\":\"Kind, such as fact or "
	    "preference.\"}" CLOSE("\"content\""),
	.timeout_ms = 30000 }, "knowledge.write", ask_remember,
	    answer_remember },
	{ { .size = sizeof(struct sept_tool_info),
	.flags = SEPT_TOOL_READONLY | SEPT_TOOL_IDEMPOTENT,
	.name = "recall",
	.description = "Looks into memory: facts, people and past "
	    "conversations. Each line begins with the id.",
	.input_schema = OPEN QUERY CLOSE("\"query\""),
	.timeout_ms = 30000 }, "recall", ask_search, answer_recall },
	{ { .size = sizeof(struct sept_tool_info),
	.flags = SEPT_TOOL_READONLY | SEPT_TOOL_IDEMPOTENT,
	.name = "knowledge_search",
	.description = "Looks for facts in memory, and for nothing else.",
	.input_schema = OPEN QUERY CLOSE("\"query\""),
	.timeout_ms = 30000 }, "knowledge.search", ask_search,
	    answer_search },
	{ { .size = sizeof(struct sept_tool_info),
	.flags = SEPT_TOOL_DESTRUCTIVE | SEPT_TOOL_IDEMPOTENT,
	.name = "forget",
	.description = "Removes one item from memory by its id, as recall "
	    "shows it.",
	.input_schema = OPEN
	    "\"id\":{\"type\":\"string\",\"minLength\":1,"
	    "\"maxLength\":128,\"description\":\"Such as fact-...\"}"
	    CLOSE("\"id\""),
	.timeout_ms = 30000 }, "knowledge.delete", ask_forget,
	    answer_forget },
};

#define OPS (sizeof ops / sizeof ops[0])

/* --- calls --------------------------------------------------------------- */

static void
on_done(void *arg, sept_status st, struct sept_slice json)
{
	struct job *j = arg;
	struct tool_call c = j->c;
	json_t *reply = json.p != NULL ? json_loadb(json.p, json.n,
	    JSON_DECODE_ANY, NULL) : NULL;
	json_t *(*answer)(json_t *) = j->answer;

	free(j);
	if (st == SEPT_OK && reply != NULL)
		tool_complete(c, SEPT_OK, answer(reply));
	else if (st == SEPT_ENOTFOUND)
		tool_fail(c, st, "not_found", "There is no such item.");
	else
		tool_fail(c, st != SEPT_OK ? st : SEPT_ENOMEM,
		    "memory_failed", "%s", reply != NULL ?
		    text_of(reply, "message") : "out of memory");
	json_decref(reply);
}

static sept_status
begin(struct memory *m, struct tool_call c, const struct op *op,
    json_t *args)
{
	const char *name = op->name;
	json_t *params = op->ask(args, m->hc->info(c.call), &name);
	char *text = params != NULL ? json_dumps(params, JSON_COMPACT) : NULL;
	struct job *j = calloc(1, sizeof *j);
	sept_status st = SEPT_ENOMEM;

	if (params == NULL)
		st = SEPT_EINVAL;
	if (text != NULL && j != NULL) {
		j->c = c;
		j->answer = op->answer;
		st = m->hm->call(m->host, sept_str(name), sept_str(text),
		    on_done, j);
	}
	if (st != SEPT_OK)
		free(j);
	free(text);
	json_decref(params);
	return st;
}

static uint32_t
memory_count(struct sept_plugin *p)
{
	(void)p;
	return OPS;
}

static const struct sept_tool_info *
memory_info(struct sept_plugin *p, uint32_t i)
{
	(void)p;
	return i < OPS ? &ops[i].info : NULL;
}

static sept_status
memory_invoke(struct sept_plugin *p, uint32_t i, struct sept_call *call,
    struct sept_slice json)
{
	struct memory *m = p->self;
	struct tool_call c = { m->hc, call };
	json_t *args;
	sept_status st;

	if (i >= OPS)
		return SEPT_ENOTFOUND;
	args = tool_args(json);
	st = args != NULL ? begin(m, c, &ops[i], args) : SEPT_EINVAL;
	json_decref(args);
	if (st != SEPT_OK)
		tool_fail(c, st, "memory_failed", "The memory cannot be "
		    "asked (%d).", (int)st);
	return SEPT_OK;
}

static const struct sept_tool tool = {
	.size = sizeof tool,
	.count = memory_count,
	.info = memory_info,
	.invoke = memory_invoke,
	.turn_ended = NULL,
};

static sept_status
memory_start(struct sept_plugin *p, struct sept_err *err)
{
	struct memory *m = p->self;

	m->hc = m->host->get_ext(m->host, SEPT_HOST_CALL);
	m->hm = m->host->get_ext(m->host, SEPT_HOST_MEMORY);
	if (m->hc == NULL || m->hm == NULL)
		return sept_fail(m->host, err, SEPT_ENOTSUP,
		    "the host has no memory");
	return SEPT_OK;
}

static void
memory_destroy(struct sept_plugin *p)
{
	free(p->self);
}

static const void *
memory_ext(struct sept_plugin *p, const char *id)
{
	(void)p;
	return strcmp(id, SEPT_EXT_TOOL) == 0 ? &tool : NULL;
}

static sept_status
memory_create(const struct sept_host *host, struct sept_plugin **out)
{
	struct memory *m = calloc(1, sizeof *m);

	if (m == NULL)
		return SEPT_ENOMEM;
	m->host = host;
	m->base.size = sizeof m->base;
	m->base.self = m;
	m->base.start = memory_start;
	m->base.destroy = memory_destroy;
	m->base.get_ext = memory_ext;
	*out = &m->base;
	return SEPT_OK;
}

static const char *const provides[] = { SEPT_EXT_TOOL, NULL };
static const char *const requires[] = { SEPT_HOST_CALL, SEPT_HOST_MEMORY,
	NULL };

static const struct sept_desc desc = {
	.size = sizeof desc,
	.abi_major = SEPT_ABI_MAJOR,
	.abi_minor = 0,
	.layout = SEPT_LAYOUT,
	.caps = SEPT_CAP_MEM_READ | SEPT_CAP_MEM_WRITE,
	.id = "org.september.tool-memory",
	.version = "0.1.0",
	.provides = provides,
	.requires_ = requires,
	.create = memory_create,
};

const struct sept_desc *
september_plugin_v1(void)
{
	return &desc;
}

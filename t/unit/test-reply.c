/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-reply.c - a model's reply put together from a backend's events.
 */
#include <sodium.h>

#include "../../core/agent/reply.h"
#include "../../core/base/json.h"
#include "tap.h"

static struct err e;

static int
send_ev(struct reply *r, uint32_t kind, uint32_t index, uint32_t flags,
    const char *text, const char *json, struct reply_block **b, int *fresh)
{
	struct sept_event ev;

	memset(&ev, 0, sizeof ev);
	ev.size = sizeof ev;
	ev.kind = kind;
	ev.index = index;
	ev.flags = flags;
	ev.text.p = text;
	ev.text.n = text != NULL ? strlen(text) : 0;
	ev.json.p = json;
	ev.json.n = json != NULL ? strlen(json) : 0;
	err_clear(&e);
	return reply_event(r, &ev, b, fresh, &e);
}

static json_t *
content(struct reply *r, int text_only, size_t *n)
{
	struct buf b;
	json_t *v = NULL;

	buf_init(&b, 1u << 20);
	if (reply_content(r, text_only, &b, n) == 0)
		v = json_loads(b.p, 0, NULL);
	buf_fini(&b);
	return v;
}

static const char *
field(json_t *blocks, size_t i, const char *key)
{
	return json_string_value(json_object_get(json_array_get(blocks, i),
	    key));
}

static void
test_order(void)
{
	struct reply r;
	json_t *v, *input;
	char *text;
	size_t n;
	int fresh = 0;

	reply_init(&r);
	send_ev(&r, SEPT_EV_THINKING, 0, 0, "hm", NULL, NULL, &fresh);
	check_int(fresh, 1, "a piece begins its block");
	send_ev(&r, SEPT_EV_BLOCK_META, 0, 0, NULL, "{\"signature\":\"s\"}",
	    NULL, NULL);
	send_ev(&r, SEPT_EV_BLOCK_STOP, 0, 0, NULL, NULL, NULL, NULL);
	send_ev(&r, SEPT_EV_BLOCK_START, 1, SEPT_BLOCK_TEXT, NULL, NULL,
	    NULL, NULL);
	send_ev(&r, SEPT_EV_TEXT, 1, 0, "Let me ", NULL, NULL, &fresh);
	check_int(fresh, 0, "a later piece does not");
	send_ev(&r, SEPT_EV_BLOCK_START, 2, SEPT_BLOCK_TOOL_USE, "bash", NULL,
	    NULL, NULL);
	send_ev(&r, SEPT_EV_TOOL_INPUT, 2, 0, "{\"comm", NULL, NULL, NULL);
	send_ev(&r, SEPT_EV_TEXT, 1, 0, "look.", NULL, NULL, NULL);
	send_ev(&r, SEPT_EV_TOOL_INPUT, 2, 0, "and\":\"ls\"}", NULL, NULL,
	    NULL);
	v = content(&r, 0, &n);
	check_int(n, 3, "three blocks");
	check_str(field(v, 0, "type"), "thinking", "in the order they began");
	check_str(field(v, 1, "text"), "Let me look.", "pieces are joined");
	check_str(field(v, 2, "name"), "bash", "a tool's name");
	input = json_object_get(json_array_get(v, 2), "input");
	check_str(json_string_value(json_object_get(input, "command")), "ls",
	    "its input from pieces");
	check(strncmp(field(v, 2, "id"), "call-", 5) == 0, "an id of ours");
	check_str(json_string_value(json_object_get(json_object_get(
	    json_array_get(v, 0), "meta"), "signature")), "s",
	    "what the backend wants back");
	json_decref(v);
	v = content(&r, 1, &n);
	check(n == 1 && json_array_size(v) == 1, "text only");
	json_decref(v);
	text = reply_text(&r);
	check_str(text, "Let me look.", "all text");
	free(text);
	check_int(reply_count(&r, SEPT_BLOCK_TOOL_USE), 1, "one call");
	reply_fini(&r);
}

static void
test_bad(void)
{
	struct reply r;
	json_t *v;
	size_t n, i;
	int bad = 0;
	char *big;

	reply_init(&r);
	check_int(send_ev(&r, SEPT_EV_TOOL_INPUT, 5, 0, "{}", NULL, NULL,
	    NULL), -1, "input without a call");
	check(e.code == ERR_LLM_PROVIDER, "is the provider's fault");
	send_ev(&r, SEPT_EV_BLOCK_START, 0, SEPT_BLOCK_TOOL_USE, "x", NULL,
	    NULL, NULL);
	send_ev(&r, SEPT_EV_TOOL_INPUT, 0, 0, "{\"a\":", NULL, NULL, NULL);
	v = content(&r, 0, &n);
	check(v != NULL && json_object_size(json_object_get(
	    json_array_get(v, 0), "input")) == 0,
	    "a broken input becomes an empty object");
	json_decref(v);
	check_int(send_ev(&r, 99, 0, 0, "?", NULL, NULL, NULL), 0,
	    "an unknown kind is passed over");
	check_int(send_ev(&r, SEPT_EV_BLOCK_META, 77, 0, NULL, "{}", NULL,
	    NULL), 0, "meta of no block");
	check_int(send_ev(&r, SEPT_EV_USAGE, 0, 0, NULL, "{\"input_tokens\":"
	    "-5,\"output_tokens\":7}", NULL, NULL), 0, "usage");
	check(r.input_tokens == 0 && r.output_tokens == 7,
	    "a negative count is none");
	check_int(send_ev(&r, SEPT_EV_USAGE, 0, 0, NULL, "{broken", NULL,
	    NULL), 0, "broken usage fails nothing");
	reply_fini(&r);
	reply_init(&r);
	for (i = 0; i < REPLY_MAX_BLOCKS + 1; i++)
		bad += send_ev(&r, SEPT_EV_BLOCK_START, (uint32_t)i,
		    SEPT_BLOCK_TEXT, NULL, NULL, NULL, NULL) != 0;
	check_int(bad, 1, "the number of blocks is bounded");
	reply_fini(&r);
	reply_init(&r);
	big = malloc(REPLY_MAX_BYTES + 1);
	if (big == NULL)
		abort();
	memset(big, 'x', REPLY_MAX_BYTES);
	big[REPLY_MAX_BYTES] = '\0';
	check_int(send_ev(&r, SEPT_EV_TEXT, 0, 0, big, NULL, NULL, NULL), 0,
	    "text up to the limit");
	check_int(send_ev(&r, SEPT_EV_TEXT, 0, 0, "x", NULL, NULL, NULL), -1,
	    "not one byte more");
	free(big);
	reply_fini(&r);
}

int
main(void)
{
	tap_start(60);
	if (sodium_init() < 0)
		return 1;
	test_order();
	test_bad();
	return tap_done();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply.c - assembling a model's reply. Blocks keep the order in which they
 * began; a backend's index only says which block a piece belongs to.
 */
#include "reply.h"

#include <stdlib.h>
#include <string.h>

#include "../base/json.h"

/* Far below jansson's limit: it becomes part of larger values. */
#define INPUT_DEPTH 256

void
reply_init(struct reply *r)
{
	memset(r, 0, sizeof *r);
}

static void
block_free(struct reply_block *b)
{
	if (b == NULL)
		return;
	free(b->name);
	buf_fini(&b->text);
	json_decref(b->meta);
	free(b);
}

void
reply_fini(struct reply *r)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		block_free(r->blocks[i]);
	free(r->blocks);
	reply_init(r);
}

/* The open block of that index and kind; the newest when several had it. */
static struct reply_block *
find_block(const struct reply *r, uint32_t index, uint32_t kind)
{
	size_t i;

	for (i = r->n; i-- > 0;)
		if (r->blocks[i]->index == index &&
		    r->blocks[i]->kind == kind && !r->blocks[i]->stopped)
			return r->blocks[i];
	return NULL;
}

static char *
copy_slice(struct sept_slice s)
{
	char *p = malloc(s.n + 1);

	if (p == NULL)
		return NULL;
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return p;
}

static struct reply_block *
add_block(struct reply *r, uint32_t index, uint32_t kind,
    struct sept_slice name, struct err *e)
{
	struct reply_block *b, **all;

	if (r->n >= REPLY_MAX_BLOCKS) {
		err_set(e, ERR_LLM_PROVIDER,
		    "the reply has more than %d content blocks",
		    REPLY_MAX_BLOCKS);
		return NULL;
	}
	all = realloc(r->blocks, (r->n + 1) * sizeof *all);
	if (all == NULL) {
		err_nomem(e);
		return NULL;
	}
	r->blocks = all;
	b = calloc(1, sizeof *b);
	if (b == NULL) {
		err_nomem(e);
		return NULL;
	}
	b->index = index;
	b->kind = kind;
	buf_init(&b->text, REPLY_MAX_BYTES);
	if (kind == SEPT_BLOCK_TOOL_USE) {
		id_make(b->id, "call-");
		b->name = copy_slice(name);
		if (b->name == NULL || strlen(b->name) != name.n) {
			err_set(e, ERR_LLM_PROVIDER,
			    "a tool call has no usable name");
			block_free(b);
			return NULL;
		}
	}
	r->blocks[r->n++] = b;
	return b;
}

static int
add_piece(struct reply *r, struct reply_block *b, struct sept_slice s,
    struct err *e)
{
	if (s.n > REPLY_MAX_BYTES - r->bytes)
		return err_set(e, ERR_LLM_PROVIDER,
		    "the reply is larger than %u bytes", REPLY_MAX_BYTES);
	if (s.n > 0 && buf_add(&b->text, s.p, s.n) != 0)
		return err_nomem(e);
	r->bytes += s.n;
	return 0;
}

static int64_t
token_count(json_t *usage, const char *key)
{
	json_int_t v = json_integer_value(json_object_get(usage, key));

	return v > 0 ? v : 0;
}

static int
take_usage(struct reply *r, struct sept_slice json)
{
	json_t *u = json_loadb(json.p, json.n, 0, NULL);

	/* Usage is for accounting: a broken one is not worth a failure. */
	if (!json_is_object(u)) {
		json_decref(u);
		return 0;
	}
	r->input_tokens = token_count(u, "input_tokens");
	r->output_tokens = token_count(u, "output_tokens");
	r->cache_hit_tokens = token_count(u, "cache_hit_tokens");
	r->has_usage = 1;
	json_decref(u);
	return 0;
}

static int
take_meta(struct reply *r, const struct sept_event *ev, struct err *e)
{
	json_t *meta;
	size_t i;

	for (i = r->n; i-- > 0;)
		if (r->blocks[i]->index == ev->index)
			break;
	if (i == (size_t)-1)
		return 0;
	if (ev->json.n > REPLY_MAX_BYTES - r->bytes)
		return err_set(e, ERR_LLM_PROVIDER, "the reply is too large");
	meta = json_parse(ev->json.p, ev->json.n, INPUT_DEPTH, NULL);
	if (meta == NULL)
		return 0;
	r->bytes += ev->json.n;
	json_decref(r->blocks[i]->meta);
	r->blocks[i]->meta = meta;
	return 0;
}

/* The block that a piece of that kind belongs to; begun when it was not. */
static struct reply_block *
block_for(struct reply *r, const struct sept_event *ev, uint32_t kind,
    int *fresh, struct err *e)
{
	struct sept_slice none = { NULL, 0 };
	struct reply_block *b = find_block(r, ev->index, kind);

	if (b != NULL)
		return b;
	if (kind == SEPT_BLOCK_TOOL_USE) {
		err_set(e, ERR_LLM_PROVIDER,
		    "input for a tool call that was not begun");
		return NULL;
	}
	*fresh = 1;
	return add_block(r, ev->index, kind, none, e);
}

static int
take_stop(struct reply *r, const struct sept_event *ev,
    struct reply_block **block)
{
	size_t i;

	for (i = r->n; i-- > 0;)
		if (r->blocks[i]->index == ev->index &&
		    !r->blocks[i]->stopped) {
			r->blocks[i]->stopped = 1;
			*block = r->blocks[i];
			return 0;
		}
	return 0;
}

int
reply_event(struct reply *r, const struct sept_event *ev,
    struct reply_block **block, int *fresh, struct err *e)
{
	struct reply_block *b = NULL;
	uint32_t kind;
	int f = 0, ret = 0;

	switch (ev->kind) {
	case SEPT_EV_BLOCK_START:
		if (ev->flags < SEPT_BLOCK_TEXT ||
		    ev->flags > SEPT_BLOCK_TOOL_USE)
			break;
		f = 1;
		b = add_block(r, ev->index, ev->flags, ev->text, e);
		ret = b == NULL ? -1 : 0;
		break;
	case SEPT_EV_TEXT:
	case SEPT_EV_THINKING:
	case SEPT_EV_TOOL_INPUT:
		kind = ev->kind == SEPT_EV_TEXT ? SEPT_BLOCK_TEXT :
		    ev->kind == SEPT_EV_THINKING ? SEPT_BLOCK_THINKING :
		    SEPT_BLOCK_TOOL_USE;
		b = block_for(r, ev, kind, &f, e);
		ret = b == NULL ? -1 : add_piece(r, b, ev->text, e);
		break;
	case SEPT_EV_BLOCK_META:
		ret = take_meta(r, ev, e);
		break;
	case SEPT_EV_BLOCK_STOP:
		ret = take_stop(r, ev, &b);
		break;
	case SEPT_EV_USAGE:
		ret = take_usage(r, ev->json);
		break;
	default:
		break; /* a kind of a later ABI */
	}
	if (block != NULL)
		*block = b;
	if (fresh != NULL)
		*fresh = f && b != NULL;
	return ret;
}

size_t
reply_count(const struct reply *r, uint32_t kind)
{
	size_t i, n = 0;

	for (i = 0; i < r->n; i++)
		if (r->blocks[i]->kind == kind &&
		    (kind == SEPT_BLOCK_TOOL_USE || r->blocks[i]->text.n > 0))
			n++;
	return n;
}

json_t *
reply_input(const struct reply_block *b, struct err *e)
{
	if (b->text.n == 0)
		return json_object();
	return json_parse_object(b->text.p, b->text.n, INPUT_DEPTH, e);
}

static int
is_object(const struct reply_block *b)
{
	json_t *v = reply_input(b, NULL);
	int yes = v != NULL;

	json_decref(v);
	return yes && b->text.n > 0;
}

static void
add_meta(struct buf *b, const struct reply_block *k)
{
	if (k->meta != NULL) {
		buf_adds(b, ",\"meta\":");
		json_add(b, k->meta);
	}
	buf_addc(b, '}');
}

static void
content_block(const struct reply_block *k, struct buf *b)
{
	if (k->kind == SEPT_BLOCK_TOOL_USE) {
		buf_addf(b, "{\"type\":\"tool_use\",\"id\":\"%s\",\"name\":",
		    k->id);
		buf_add_json_str(b, k->name, strlen(k->name));
		buf_adds(b, ",\"input\":");
		if (is_object(k))
			buf_add(b, k->text.p, k->text.n);
		else
			buf_adds(b, "{}");
	} else {
		buf_addf(b, "{\"type\":\"%s\",\"text\":",
		    k->kind == SEPT_BLOCK_TEXT ? "text" : "thinking");
		buf_add_json_str(b, k->text.p != NULL ? k->text.p : "",
		    k->text.n);
	}
	add_meta(b, k);
}

int
reply_content(const struct reply *r, int text_only, struct buf *b,
    size_t *written)
{
	const struct reply_block *k;
	size_t i, n = 0;

	buf_addc(b, '[');
	for (i = 0; i < r->n; i++) {
		k = r->blocks[i];
		if (text_only && k->kind != SEPT_BLOCK_TEXT)
			continue;
		if (k->kind != SEPT_BLOCK_TOOL_USE && k->text.n == 0 &&
		    k->meta == NULL)
			continue;
		if (k->kind == SEPT_BLOCK_TEXT && k->text.n == 0)
			continue;
		if (n++ > 0)
			buf_addc(b, ',');
		content_block(k, b);
	}
	*written = n;
	return buf_addc(b, ']');
}

char *
reply_text(const struct reply *r)
{
	struct buf b;
	size_t i;

	buf_init(&b, REPLY_MAX_BYTES);
	for (i = 0; i < r->n; i++)
		if (r->blocks[i]->kind == SEPT_BLOCK_TEXT)
			buf_add(&b, r->blocks[i]->text.p,
			    r->blocks[i]->text.n);
	return buf_take(&b, NULL);
}

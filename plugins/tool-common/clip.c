/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clip.c - keeps the head and the tail of output of any size in a fixed
 * piece of memory: the head says what ran, the tail how it ended.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

void
tool_clip_init(struct tool_clip *c, size_t cap)
{
	memset(c, 0, sizeof *c);
	c->cap = cap & ~(size_t)1;
}

void
tool_clip_fini(struct tool_clip *c)
{
	free(c->p);
	c->p = NULL;
}

void
tool_clip_add(struct tool_clip *c, const char *p, size_t n)
{
	size_t half = c->cap / 2, take, at;

	if (c->p == NULL && (c->nomem || (c->p = malloc(c->cap)) == NULL)) {
		c->nomem = 1;
		return;
	}
	if (c->total < half) {
		take = half - (size_t)c->total;
		take = take < n ? take : n;
		memcpy(c->p + c->total, p, take);
		c->total += take;
		p += take;
		n -= take;
	}
	if (n > half) { /* only the last half can stay */
		c->total += n - half;
		p += n - half;
		n = half;
	}
	while (n > 0) {
		at = (size_t)((c->total - half) % half);
		take = half - at < n ? half - at : n;
		memcpy(c->p + half + at, p, take);
		c->total += take;
		p += take;
		n -= take;
	}
}

/* Bytes of mended text that the character at p becomes; *len its own. */
static size_t
mended_at(const char *p, size_t n, size_t *len)
{
	size_t k = *p != '\0' ? tool_utf8_len(p, n) : 0;

	*len = k > 0 ? k : 1;
	return k > 0 ? k : 3;
}

/* How many bytes from the front become at most max; *size what they become. */
static size_t
fit_front(const char *p, size_t n, size_t max, size_t *size)
{
	size_t i, len, k;

	*size = 0;
	for (i = 0; i < n; i += len) {
		k = mended_at(p + i, n - i, &len);
		if (*size + k > max)
			break;
		*size += k;
	}
	return i;
}

/* How many bytes to leave out at the front so that the rest fits. */
static size_t
fit_back(const char *p, size_t n, size_t max)
{
	size_t i, len, size;

	(void)fit_front(p, n, SIZE_MAX, &size);
	for (i = 0; i < n && size > max; i += len)
		size -= mended_at(p + i, n - i, &len);
	return i;
}

/* The two halves as plain memory, in order; *tn bytes of the second. */
static char *
clip_linear(const struct tool_clip *c, size_t *hn, size_t *tn)
{
	size_t half = c->cap / 2, kept, at;
	char *s = malloc(c->cap);

	if (s == NULL)
		return NULL;
	*hn = c->total < half ? (size_t)c->total : half;
	kept = (size_t)(c->total - *hn < half ? c->total - *hn : half);
	*tn = kept;
	memcpy(s, c->p, *hn);
	if (c->total <= c->cap) {
		memcpy(s + *hn, c->p + half, kept);
		return s;
	}
	at = (size_t)((c->total - half) % half);
	memcpy(s + *hn, c->p + half + at, half - at);
	memcpy(s + *hn + half - at, c->p + half, at);
	return s;
}

int64_t
tool_clip_render(const struct tool_clip *c, struct tool_buf *out)
{
	size_t hn, tn, size, front, skip, half = c->cap / 2;
	int64_t cut = 0;
	char *s;

	if (c->nomem)
		return -1;
	if (c->total == 0)
		return 0;
	s = clip_linear(c, &hn, &tn);
	if (s == NULL)
		return -1;
	if (c->total <= c->cap &&
	    fit_front(s, hn + tn, c->cap, &size) == hn + tn) {
		(void)tool_buf_mend(out, s, hn + tn);
		goto out;
	}
	if (c->total <= c->cap) { /* too long only when mended */
		size = hn + tn;
		hn = size / 2;
		tn = size - hn;
		while (hn > 0 && ((unsigned char)s[hn] & 0xc0) == 0x80 &&
		    tn < c->cap) {
			hn--;
			tn++;
		}
	}
	front = fit_front(s, tool_utf8_cut(s, hn), half, &size);
	skip = 0; /* the tail may begin inside a character */
	while (skip < 3 && skip < tn &&
	    ((unsigned char)s[hn + skip] & 0xc0) == 0x80)
		skip++;
	skip += fit_back(s + hn + skip, tn - skip, half);
	cut = (int64_t)(c->total - front - (tn - skip));
	(void)tool_buf_mend(out, s, front);
	(void)tool_buf_printf(out, "\n[... %" PRId64 " bytes cut ...]\n", cut);
	(void)tool_buf_mend(out, s + hn + skip, tn - skip);
out:
	free(s);
	return out->nomem ? -1 : cut;
}

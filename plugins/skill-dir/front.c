/* SPDX-License-Identifier: Apache-2.0 */
/*
 * front.c - finds the front matter, checks its fields, cuts off the body.
 * Lines of problems are those of the file.
 */
#include "front.h"

#include <stdlib.h>
#include <string.h>

#include "yaml-json.h"

#define NAME_MAX_CHARS 64
#define DESCRIPTION_MAX_CHARS 1024
#define COMPATIBILITY_MAX_CHARS 500

struct front {
	const char *file;
	struct notes *n;
	json_t *in;    /* the front matter */
	json_t *lines; /* key -> line from 0, counted after the first --- */
	json_t *out;
	int bad;
};

/* Length of the line at s with its end, at most n. */
static size_t
line_length(const char *s, size_t n)
{
	const char *end = memchr(s, '\n', n);

	return end != NULL ? (size_t)(end - s) + 1 : n;
}

/* 1 for "---" and blanks. */
static int
is_fence(const char *s, size_t len)
{
	while (len > 3 && strchr(" \t\r\n", s[len - 1]) != NULL)
		len--;
	return len == 3 && memcmp(s, "---", 3) == 0;
}

/* Line of a key in the file; the front matter starts in line 2. */
static int
line_of(const struct front *f, const char *key)
{
	json_t *v = json_object_get(f->lines, key);

	return v != NULL ? (int)json_integer_value(v) + 2 : 1;
}

/* The field's text or NULL; tells what is wrong. */
static const char *
text_field(struct front *f, const char *key, int required, size_t max)
{
	json_t *v = json_object_get(f->in, key);
	int bad = f->bad;

	if (v == NULL && !required)
		return NULL;
	f->bad = 1;
	if (v == NULL)
		note(f->n, f->file, 1, "%s is missing", key);
	else if (!json_is_string(v))
		note(f->n, f->file, line_of(f, key), "%s must be a text",
		    key);
	else if (required && json_string_length(v) == 0)
		note(f->n, f->file, line_of(f, key), "%s is empty", key);
	else if (strlen(json_string_value(v)) != json_string_length(v))
		note(f->n, f->file, line_of(f, key), "%s holds a NUL", key);
	else if (note_chars(json_string_value(v), json_string_length(v)) >
	    max)
		note(f->n, f->file, line_of(f, key), "%s is longer than %zu "
		    "characters", key, max);
	else {
		f->bad = bad;
		return json_string_value(v);
	}
	return NULL;
}

static void
put(struct front *f, const char *key, json_t *v)
{
	if (json_object_set_new(f->out, key, v) != 0)
		f->n->nomem = 1;
}

static void
take_name(struct front *f, const char *folder)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
	const char *s = text_field(f, "name", 1, NAME_MAX_CHARS);
	size_t n;

	if (s == NULL)
		return;
	n = strlen(s);
	if (strspn(s, chars) != n || s[0] == '-' || s[n - 1] == '-' ||
	    strstr(s, "--") != NULL) {
		f->bad = 1;
		note(f->n, f->file, line_of(f, "name"), "name \"%s\" may "
		    "only hold a-z, 0-9 and single hyphens between them", s);
	} else if (strcmp(s, folder) != 0) {
		f->bad = 1;
		note(f->n, f->file, line_of(f, "name"), "name \"%s\" differs "
		    "from the folder's, \"%s\"", s, folder);
	} else
		put(f, "name", json_string(s));
}

static void
take_text(struct front *f, const char *key, int required, size_t max)
{
	const char *s = text_field(f, key, required, max);

	if (s != NULL)
		put(f, key, json_string(s));
}

/*
 * Appends the words of s, which are parted by blanks or commas outside of
 * parentheses: "Bash(git log:*) Read".
 */
static int
split_words(const char *s, json_t *list)
{
	const char *from;
	int nest;

	for (;;) {
		s += strspn(s, " \t\r\n,");
		if (*s == '\0')
			return 0;
		nest = 0;
		for (from = s; *s != '\0'; s++) {
			if (*s == '(')
				nest++;
			else if (*s == ')' && nest > 0)
				nest--;
			else if (nest == 0 && strchr(" \t\r\n,", *s) != NULL)
				break;
		}
		if (json_array_append_new(list, json_stringn(from,
		    (size_t)(s - from))) != 0)
			return -1;
	}
}

static void
take_tools(struct front *f)
{
	json_t *v = json_object_get(f->in, "allowed-tools"), *item;
	json_t *list = json_array();
	size_t i;

	put(f, "allowed_tools", list);
	if (v == NULL || f->n->nomem)
		return;
	if (json_is_string(v) && split_words(json_string_value(v), list) !=
	    0)
		f->n->nomem = 1;
	if (json_is_object(v)) {
		f->bad = 1;
		note(f->n, f->file, line_of(f, "allowed-tools"),
		    "allowed-tools must be a list or a text");
	}
	json_array_foreach(v, i, item) {
		if (!json_is_string(item) || json_string_length(item) == 0) {
			f->bad = 1;
			note(f->n, f->file, line_of(f, "allowed-tools"),
			    "allowed-tools must hold names of tools");
			return;
		}
		if (json_array_append(list, item) != 0)
			f->n->nomem = 1;
	}
}

static void
take_metadata(struct front *f)
{
	json_t *v = json_object_get(f->in, "metadata"), *item;
	json_t *caps = json_array();
	const char *key, *s, *category = "general";

	put(f, "capabilities", caps);
	if (v != NULL && !json_is_object(v) &&
	    (!json_is_string(v) || json_string_length(v) > 0)) {
		f->bad = 1;
		note(f->n, f->file, line_of(f, "metadata"),
		    "metadata must be a map");
	}
	json_object_foreach(v, key, item) {
		s = json_string_value(item);
		if (s == NULL) {
			f->bad = 1;
			note(f->n, f->file, line_of(f, "metadata"),
			    "metadata.%s must be a text", key);
		} else if (strcmp(key, "category") == 0 && s[0] != '\0')
			category = s;
		else if (strcmp(key, "capabilities") == 0 && !f->n->nomem &&
		    split_words(s, caps) != 0)
			f->n->nomem = 1;
	}
	put(f, "category", json_string(category));
	if (json_is_object(v))
		put(f, "metadata", json_incref(v));
}

static void
take_fields(struct front *f, const char *folder)
{
	if (!json_is_object(f->in)) {
		f->bad = 1;
		note(f->n, f->file, 2, "the front matter must be a map");
		return;
	}
	take_name(f, folder);
	take_text(f, "description", 1, DESCRIPTION_MAX_CHARS);
	take_text(f, "license", 0, DESCRIPTION_MAX_CHARS);
	take_text(f, "compatibility", 0, COMPATIBILITY_MAX_CHARS);
	take_tools(f);
	take_metadata(f);
}

/*
 * Finds the front matter: *head and *nhead, and where the body starts. -1
 * and a note when there is none.
 */
static int
find_front(const char *text, size_t len, const char *file, struct notes *n,
    const char **head, size_t *nhead, size_t *body)
{
	size_t i, k;

	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
		*body = 3;
	} else
		*body = 0;
	k = line_length(text, len);
	if (!is_fence(text, k)) {
		note(n, file, 1, "does not start with front matter (a line "
		    "---)");
		return -1;
	}
	*head = text + k;
	for (i = k; i < len; i += k) {
		k = line_length(text + i, len - i);
		if (is_fence(text + i, k)) {
			*nhead = (size_t)(text + i - *head);
			*body += i + k;
			if (*nhead <= FRONT_MAX)
				return 0;
			note(n, file, 1, "front matter is larger than %d "
			    "bytes", FRONT_MAX);
			return -1;
		}
	}
	note(n, file, 1, "the front matter has no end (a line ---)");
	return -1;
}

json_t *
front_parse(const char *text, size_t len, const char *folder,
    const char *file, struct notes *n)
{
	struct front f = { .file = file, .n = n };
	struct yaml_result y;
	const char *head = NULL;
	size_t bad = note_bad_byte(text, len), nhead = 0, body = 0;

	if (bad < len) {
		note(n, file, note_line(text, bad), text[bad] == '\0' ?
		    "holds a NUL byte" : "is not valid UTF-8");
		return NULL;
	}
	if (find_front(text, len, file, n, &head, &nhead, &body) != 0)
		return NULL;
	if (yaml_to_json(head, nhead, &y) != 0) {
		if (y.text[0] == '\0')
			n->nomem = 1;
		else
			note(n, file, y.line + 2, "front matter: %s", y.text);
		return NULL;
	}
	f.in = y.value;
	f.lines = y.lines;
	f.out = json_object();
	if (f.out != NULL)
		take_fields(&f, folder);
	else
		n->nomem = 1;
	while (body < len && (text[body] == '\n' || text[body] == '\r'))
		body++;
	if (f.out != NULL)
		put(&f, "body", json_stringn(text + body, len - body));
	json_decref(y.value);
	json_decref(y.lines);
	if (!f.bad && !n->nomem)
		return f.out;
	json_decref(f.out);
	return NULL;
}

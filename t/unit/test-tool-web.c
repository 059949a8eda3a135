/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-tool-web.c - pages to text, refusals, limits, and search with and
 * without keys. Replies are canned; the host's address guard has its own
 * tests, here only that it is asked for.
 */
#include <time.h>

#include "tap.h"
#include "toolhost.h"

static struct toolhost *th;

#define DO(tool, ...) th_do(th, (tool), json_pack(__VA_ARGS__))
#define HTML "text/html; charset=utf-8"
#define URL "https://example.org/dir/page.html"

static void
canned(int http, const char *type, const char *body)
{
	struct th_reply r = { SEPT_OK, http, type, NULL, body, 0 };

	th_http(th, &r);
}

static void
failing(sept_status st)
{
	struct th_reply r = { st, 0, "", NULL, "", 0 };

	th_http(th, &r);
}

static void
fails(struct th_result r, sept_status st, const char *code, const char *what)
{
	check_int(r.status, st, what);
	check_str(th_str(&r, "error"), code, "  error code");
	check(th_str(&r, "output")[0] != '\0', "  says why");
	th_drop(&r);
}

/* A page in one format becomes want. */
static void
page(const char *html, const char *format, const char *want)
{
	struct th_result r;

	canned(200, HTML, html);
	r = DO("web_fetch", "{s:s,s:s}", "url", URL, "format", format);
	check_int(r.status, SEPT_OK, html);
	check_str(th_str(&r, "output"), want, "  as text");
	th_drop(&r);
}

static void
test_text(void)
{
	page("<p>one</p><p>two\n  three</p>", "text", "one\n\ntwo three");
	page("<h1>Top</h1><p>x</p><h3>Sub</h3>y", "text",
	    "# Top\n\nx\n\n### Sub\n\ny");
	page("<p>a <a href=/x?y=1>link</a>, <a href='#z'>here</a> <a href="
	    "'javascript:alert(1)'>js</a> <a href=q></a>b</p>", "text",
	    "a link (https://example.org/x?y=1), here js b");
	page("<ul><li>a<li>b<ul><li>c</ul></ul><ol><li>x<li>y</ol>z", "text",
	    "- a\n- b\n  - c\n\n1. x\n2. y\n\nz");
	page("<table><tr><th>A<th>B<tr><td>1<td><p>2</p></table>end", "text",
	    "A | B\n1 | 2\n\nend");
	page("<script>bad()</script><style>x{}</style><nav>menu</nav><noscript"
	    ">n</noscript><div hidden>h</div><p style='display:none'>d</p>"
	    "<p aria-hidden=true>a</p><svg><text>s</text></svg>"
	    "<button>b</button><p>good</p>", "text", "good");
	page("a<br>b<br><br>c<hr>d", "text", "a\nb\n\nc\n\n---\n\nd");
	page("<pre>  x\n    y</pre>", "text", "  x\n    y");
	page("caf&eacute; &lt;b&gt; &#8364; &amp;amp;", "text",
	    "caf\xc3\xa9 <b> \xe2\x82\xac &amp;");
	page("<img alt='a cat' src=x><img src=y>", "text", "[image: a cat]");
	page("", "text", "");
	page("<p>unclosed <b>bold <i>both</p> after", "text",
	    "unclosed bold both\n\nafter");
	page("<html><head><title> My\n page </title></head><body>x", "text",
	    "Title: My page\nURL: " URL "\n\nx");
}

static void
test_markdown(void)
{
	page("<p>a <a href=x>link <b>t</b></a> <code>c()</code></p>",
	    "markdown", "a [link t](https://example.org/dir/x) `c()`");
	page("<table><tr><th>A<th>B<tr><td>1<td>2</table>", "markdown",
	    "| A | B |\n| --- | --- |\n| 1 | 2 |");
	page("<pre>int x;\n</pre>", "markdown", "```\nint x;\n```");
	page("<a href=x></a>y", "markdown", "y");
	page("<p>x</p>", "html", "<p>x</p>");
}

static void
test_types(void)
{
	static const char *const binary[] = { "image/png", "video/mp4",
		"application/pdf", "application/zip", "audio/ogg",
		"font/woff2" };
	struct th_result r;
	size_t i;

	canned(200, "application/json", "{\"a\":[1,2]}");
	r = DO("web_fetch", "{s:s}", "url", URL);
	check_str(th_str(&r, "output"), "{\"a\":[1,2]}", "JSON as it is");
	check_str(th_str(&r, "content_type"), "application/json", "its type");
	th_drop(&r);
	canned(200, "text/plain", "<b>plain</b>");
	r = DO("web_fetch", "{s:s}", "url", URL);
	check_str(th_str(&r, "output"), "<b>plain</b>", "plain text too");
	th_drop(&r);
	canned(200, "", "  <!DOCTYPE html><p>sniffed");
	r = DO("web_fetch", "{s:s}", "url", URL);
	check_str(th_str(&r, "output"), "sniffed", "HTML without a type");
	th_drop(&r);
	for (i = 0; i < sizeof binary / sizeof binary[0]; i++) {
		canned(200, binary[i], "abc");
		fails(DO("web_fetch", "{s:s}", "url", URL), SEPT_EFAILED,
		    "binary_content", binary[i]);
	}
	th_http(th, &(struct th_reply){ SEPT_OK, 200,
	    "application/octet-stream", NULL, "\x7f" "ELF\0\0\1", 7 });
	fails(DO("web_fetch", "{s:s}", "url", URL), SEPT_EFAILED,
	    "binary_content", "a NUL in unknown data");
}

static void
test_charsets(void)
{
	static const struct {
		const char *type, *body, *want;
	} v[] = {
		{ "text/plain; charset=ISO-8859-1", "gr\xfc\xdf" "e \x80",
		    "gr\xc3\xbc\xc3\x9f" "e \xe2\x82\xac" },
		{ "text/plain", "gr\xfc\xdf" "e", "gr\xc3\xbc\xc3\x9f" "e" },
		{ "text/plain", "gr\xc3\xbc", "gr\xc3\xbc" },
		{ "text/plain; charset=utf-8", "a\xff" "b",
		    "a\xef\xbf\xbd" "b" },
		{ "text/plain; charset=\"KOI8-R\"", "\xd0\xd2",
		    "\xd0\xbf\xd1\x80" },
		{ "text/plain; charset=no-such", "x\xe9", "x\xc3\xa9" },
		{ "text/plain", "\xef\xbb\xbf" "bom", "bom" },
		{ "text/html", "<meta charset=windows-1251><p>\xcf\xf0",
		    "\xd0\x9f\xd1\x80" },
		{ "text/plain; charset=shift_jis", "\x83\x65\x83",
		    "\xe3\x83\x86" },
		{ "text/plain; charset=windows-1252", "a\x81" "b",
		    "a\xef\xbf\xbd" "b" },
	};
	struct th_result r;
	size_t i;

	for (i = 0; i < sizeof v / sizeof v[0]; i++) {
		canned(200, v[i].type, v[i].body);
		r = DO("web_fetch", "{s:s}", "url", URL);
		check_str(th_str(&r, "output"), v[i].want, v[i].type);
		th_drop(&r);
	}
	th_http(th, &(struct th_reply){ SEPT_OK, 200, "text/plain", NULL,
	    "\xff\xfeh\0i\0", 6 });
	r = DO("web_fetch", "{s:s}", "url", URL);
	check_str(th_str(&r, "output"), "hi", "UTF-16 by its mark");
	th_drop(&r);
}

static void
test_requests(void)
{
	static const char *const bad[] = { "ftp://x/", "file:///etc/passwd",
		"http://", "https:///x", "http://u:p@host/", "http://a b/",
		"javascript:alert(1)", "gopher://x/1", "http://a\nb/",
		"http://h\\@evil/", "//host/x", "HTTP:/x/", "data:text/html,x",
		"http://h/\x7f" };
	const struct th_asked *a = th_asked(th);
	struct th_result r;
	unsigned before = a->count;
	char url[8300];
	size_t i;

	for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
		fails(DO("web_fetch", "{s:s}", "url", bad[i]), SEPT_EINVAL,
		    "bad_url", bad[i]);
	(void)snprintf(url, sizeof url, "http://h/");
	memset(url + 9, 'a', sizeof url - 10);
	url[sizeof url - 1] = '\0';
	fails(DO("web_fetch", "{s:s}", "url", url), SEPT_EINVAL, "bad_url",
	    "a very long address");
	fails(th_do_text(th, "web_fetch", "{\"url\":\"http://a.org\\u0000"
	    ".evil/\"}"), SEPT_EINVAL, "invalid_arguments", "a NUL");
	fails(DO("web_fetch", "{}"), SEPT_EINVAL, "invalid_arguments",
	    "no address");
	fails(DO("web_fetch", "{s:s,s:s}", "url", URL, "format", "pdf"),
	    SEPT_EINVAL, "invalid_arguments", "an unknown format");
	check_int(a->count, before, "none of them asked the network");
	canned(200, "text/plain", "x");
	r = DO("web_fetch", "{s:s}", "url", URL);
	th_drop(&r);
	check_str(a->method, "GET", "a GET");
	check_str(a->url, URL, "of the address");
	check_int(a->flags, SEPT_HTTP_TOOL | SEPT_HTTP_FOLLOW,
	    "under the host's guard for tools");
	check_int(a->max_body, 5 << 20, "with a size limit");
	canned(404, HTML, "<p>not here</p>");
	r = DO("web_fetch", "{s:s}", "url", URL);
	check_int(r.status, SEPT_EFAILED, "a 404 is a failure");
	check_str(th_str(&r, "error"), "http_status", "error code");
	check_str(th_str(&r, "output"), "HTTP status 404\nURL: " URL
	    "\n\nnot here", "with what the server says");
	th_drop(&r);
	failing(SEPT_EDENIED);
	fails(DO("web_fetch", "{s:s}", "url", "http://127.0.0.1/"),
	    SEPT_EDENIED, "address_refused", "the guard's refusal");
	failing(SEPT_ETIMEOUT);
	fails(DO("web_fetch", "{s:s}", "url", URL), SEPT_ETIMEOUT, "timeout",
	    "a time-out");
	failing(SEPT_EIO);
	fails(DO("web_fetch", "{s:s}", "url", URL), SEPT_EIO,
	    "fetch_failed", "no connection");
}

static double
now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* A page of n bytes made of piece repeated. */
static char *
many(const char *piece, size_t n)
{
	size_t k = strlen(piece), i;
	char *s = malloc(n + 1);

	if (s == NULL)
		abort();
	for (i = 0; i + k <= n; i += k)
		memcpy(s + i, piece, k);
	s[i] = '\0';
	return s;
}

/* One tag with n attributes. */
static char *
attributes(unsigned n)
{
	size_t cap = (size_t)n * 12 + 16, at;
	char *s = malloc(cap);
	unsigned i;

	if (s == NULL)
		abort();
	at = (size_t)snprintf(s, cap, "<p");
	for (i = 0; i < n; i++)
		at += (size_t)snprintf(s + at, cap - at, " a%u", i);
	(void)snprintf(s + at, cap - at, ">x");
	return s;
}

static void
test_limits(void)
{
	static const char *const evil[] = { "<div>", "<table><tr><td>",
		"<font color=a><b>", "<ul><li>", "</p>", "&#x41;", "<x a",
		"<!--", "<template>", "<a><b></a>" };
	struct th_result r;
	char *s;
	double t;
	size_t i;

	s = many("\xe2\x82\xac ", 100000);
	canned(200, "text/plain", s);
	r = DO("web_fetch", "{s:s}", "url", URL);
	check_int(th_int(&r, "truncated"), 1, "output is cut");
	check(strlen(th_str(&r, "output")) < 51300, "at 50 KB");
	check(strstr(th_str(&r, "output"), "\xef\xbf\xbd") == NULL,
	    "between characters");
	check(strstr(th_str(&r, "output"), "the page is longer") != NULL,
	    "with a note");
	th_drop(&r);
	canned(200, HTML, s);
	r = DO("web_fetch", "{s:s,s:i}", "url", URL, "max_bytes", 100);
	check(strlen(th_str(&r, "output")) < 200, "or sooner when asked");
	th_drop(&r);
	free(s);
	s = many("x", 6u << 20);
	canned(200, "text/plain", s);
	fails(DO("web_fetch", "{s:s}", "url", URL), SEPT_ETOOBIG,
	    "too_large", "6 MiB");
	free(s);
	for (i = 0; i < sizeof evil / sizeof evil[0]; i++) {
		s = many(evil[i], 1u << 20);
		canned(200, HTML, s);
		t = now();
		r = DO("web_fetch", "{s:s}", "url", URL);
		check(r.status == SEPT_OK || strcmp(th_str(&r, "error"),
		    "too_complex") == 0, evil[i]);
		check(now() - t < 15, "  1 MiB of it end");
		th_drop(&r);
		free(s);
	}
	/* One tag with very many attributes. */
	s = attributes(150000);
	canned(200, HTML, s);
	t = now();
	r = DO("web_fetch", "{s:s}", "url", URL);
	check(r.status == SEPT_OK || strcmp(th_str(&r, "error"),
	    "too_complex") == 0, "150,000 attributes");
	check(now() - t < 15, "  end");
	th_drop(&r);
	free(s);
}

static void
test_cancel(void)
{
	char *s = many("<div>", 2u << 20);
	struct th_result r;
	struct th_call *c;

	canned(200, HTML, s);
	c = th_begin(th, "web_fetch", json_pack("{s:s}", "url", URL));
	th_cancel(c);
	r = th_wait(c);
	check_int(r.status, SEPT_ECANCELLED, "cancelled while it loads");
	th_drop(&r);
	canned(200, HTML, s);
	c = th_begin(th, "web_fetch", json_pack("{s:s}", "url", URL));
	th_spin(th, 100);
	th_cancel(c);
	r = th_wait(c);
	check(r.status == SEPT_ECANCELLED || r.status == SEPT_OK,
	    "cancelled while it is read");
	th_drop(&r);
	free(s);
}

#define BRAVE_REPLY "{\"web\":{\"results\":[" \
	"{\"title\":\"A &amp; <b>B</b>\",\"url\":\"https://a.org/\"," \
	"\"description\":\"x <strong>y</strong>\"}," \
	"{\"title\":\"C\",\"url\":\"https://c.org/\"}," \
	"{\"title\":\"no url\"}," \
	"{\"title\":\"D\",\"url\":\"https://d.org/\"}]}}"
#define TAVILY_REPLY "{\"results\":[{\"title\":\"T\",\"url\":" \
	"\"https://t.org/\",\"content\":\"text\",\"score\":0.9}]}"

static void
test_search(void)
{
	const struct th_asked *a = th_asked(th);
	struct th_result r;
	unsigned before = a->count;

	fails(DO("web_search", "{s:s}", "query", "x"), SEPT_EUNAVAIL,
	    "no_search_key", "without a key");
	fails(DO("web_search", "{s:s}", "query", "  "), SEPT_EINVAL,
	    "invalid_arguments", "a blank query");
	fails(DO("web_search", "{s:s,s:i}", "query", "x", "count", 21),
	    SEPT_EINVAL, "invalid_arguments", "too many");
	check_int(a->count, before, "none asked the network");
	th_secret(th, "TAVILY_API_KEY", "tvly-key-1");
	canned(200, "application/json", TAVILY_REPLY);
	r = DO("web_search", "{s:s}", "query", "a \"b\"");
	check_str(th_str(&r, "output"), "1. T\n   https://t.org/\n   text\n",
	    "Tavily alone");
	check_str(a->method, "POST", "a POST");
	check_str(a->url, "http://tavily.test/search", "to the configured "
	    "address");
	check_str(a->body, "{\"query\":\"a \\\"b\\\"\",\"max_results\":8}",
	    "its body");
	check(strstr(a->headers, "Authorization: Bearer tvly-key-1\n") !=
	    NULL, "with the key");
	th_drop(&r);
	th_secret(th, "BRAVE_API_KEY", "brave-key-1");
	canned(200, "application/json", BRAVE_REPLY);
	r = DO("web_search", "{s:s,s:i}", "query", "a&b c", "count", 2);
	check_str(th_str(&r, "output"), "1. A & B\n   https://a.org/\n"
	    "   x y\n2. C\n   https://c.org/\n", "Brave comes first");
	check_str(a->url, "http://brave.test/s?q=a%26b%20c&count=2",
	    "its query is encoded");
	check(strstr(a->headers, "X-Subscription-Token: brave-key-1\n") !=
	    NULL, "with the key");
	check_int(json_array_size(json_object_get(r.body, "results")), 2,
	    "the results as data");
	th_drop(&r);
	canned(429, "application/json", "{}");
	canned(200, "application/json", TAVILY_REPLY);
	r = DO("web_search", "{s:s}", "query", "x");
	check_str(th_str(&r, "service"), "tavily", "Tavily when Brave fails");
	th_drop(&r);
	failing(SEPT_EIO);
	canned(401, "application/json", "{\"detail\":\"tvly-key-1\"}");
	r = DO("web_search", "{s:s}", "query", "x");
	check_str(th_str(&r, "output"), "the search failed: brave: it could "
	    "not be reached; tavily: it refuses the key", "both fail");
	check_str(th_str(&r, "error"), "search_failed", "error code");
	th_drop(&r);
	canned(200, "application/json", "not json");
	canned(200, "application/json", "[]");
	fails(DO("web_search", "{s:s}", "query", "x"), SEPT_EFAILED,
	    "search_failed", "replies that are no JSON object");
	canned(200, "application/json", "{\"web\":{\"results\":7}}");
	r = DO("web_search", "{s:s}", "query", "x");
	check_str(th_str(&r, "output"), "No results.\n", "an odd reply");
	th_drop(&r);
	failing(SEPT_ECANCELLED);
	fails(DO("web_search", "{s:s}", "query", "x"), SEPT_ECANCELLED,
	    "cancelled", "a cancel tries no other");
}

static void
test_end(void)
{
	struct th_call *c;
	struct th_result r;
	json_t *schema;

	schema = json_loads(th_info(th, "web_fetch")->input_schema, 0, NULL);
	check(json_is_object(schema), "web_fetch has a schema");
	json_decref(schema);
	schema = json_loads(th_info(th, "web_search")->input_schema, 0,
	    NULL);
	check(json_is_object(schema), "web_search has a schema");
	json_decref(schema);
	canned(200, HTML, "x");
	c = th_begin(th, "web_fetch", json_pack("{s:s}", "url", URL));
	th_quiesce(th);
	r = th_wait(c);
	check_int(r.status, SEPT_ECANCELLED, "quiesce ends what runs");
	th_drop(&r);
	r = DO("web_fetch", "{s:s}", "url", URL);
	check_int(r.status, SEPT_EUNAVAIL, "and refuses what comes");
	th_drop(&r);
	check_int(th_free(th), 0, "no call is left");
}

int
main(void)
{
	tap_start(400);
	th = th_new(september_plugin_v1(), json_pack("{s:s,s:s}", "brave_url",
	    "http://brave.test/s", "tavily_url",
	    "http://tavily.test/search"));
	if (th == NULL)
		return 99;
	test_text();
	test_markdown();
	test_types();
	test_charsets();
	test_requests();
	test_limits();
	test_cancel();
	test_search();
	test_end();
	return tap_done();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-http-guard.c - what requests on a tool's behalf must not reach, by
 * address, name, redirect, kept connection or proxy.
 */
#include "http-got.h"
#include "tap.h"

static void
denied(const char *url, unsigned flags, const char *in_msg, const char *what)
{
	struct got *g = fetch(url, flags);

	if (!check(g->st == SEPT_EDENIED && g->body_n == 0 &&
	    strstr(g->msg, in_msg) != NULL, what))
		printf("# %d %s\n", (int)g->st, g->msg);
}

static void
test_guard_forms(void)
{
	static const char *const hosts[] = { "127.0.0.1", "127.1",
		"0x7f.0.0.1", "0x7f000001", "2130706433", "017700000001",
		"0", "0.0.0.0", "localhost", "LOCALHOST",
		"[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
		"[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
		"127.0.0.2", "%31%32%37.0.0.1", "[fe80::1]", "10.0.0.1",
		"192.168.1.1", "172.31.255.255", "169.254.169.254",
		"100.64.0.1", "224.0.0.1", "255.255.255.255", "198.18.0.1",
		"[fc00::1]", "[ff02::1]", "[2001:db8::1]" };
	char url[200], what[300];
	size_t i;
	int before = odd_connections(server);

	for (i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
		(void)snprintf(url, sizeof url, "http://%s:%d/ok", hosts[i],
		    odd_port(server));
		(void)snprintf(what, sizeof what, "not dialled: %s",
		    hosts[i]);
		denied(url, i & 1 ? SEPT_HTTP_PUBLIC : SEPT_HTTP_TOOL,
		    "not a public one", what);
	}
	check_int(odd_connections(server), before, "no connection came");
}

static void
test_guard(void)
{
	unsigned f = SEPT_HTTP_FOLLOW;
	struct got *g;
	int before;

	fresh(NULL);
	denied(at("/ok"), SEPT_HTTP_PUBLIC, "127.0.0.1", "names the address");
	test_guard_forms();
	fresh("127.0.0.1, *.example.org");
	g = fetch("/ok", SEPT_HTTP_TOOL);
	check_int(g->st, SEPT_OK, "a listed host may be loopback");
	/* The connection to 127.0.0.1 is kept alive. */
	denied(at("/ok"), SEPT_HTTP_PUBLIC, "127.0.0.1",
	    "a listed host's connection is not reused for a checked one");
	g = fetch("/ok", 0);
	check_int(g->st, SEPT_OK, "a plain request is free");
	denied(at("/ok"), SEPT_HTTP_PUBLIC, "127.0.0.1",
	    "nor is a plain one's");
	g = fetch(to(302, "127.0.0.1", "/ok"), f | SEPT_HTTP_TOOL);
	check_int(g->st, SEPT_OK, "a redirect to a listed host");
	before = odd_requests(server);
	denied(to(302, "localhost", "/ok"), f | SEPT_HTTP_TOOL, "localhost",
	    "a redirect to an unlisted one");
	denied(to(302, "[::1]", "/ok"), f | SEPT_HTTP_TOOL, "::1",
	    "to another form of it");
	check_int(odd_requests(server) - before, 2, "none was followed");
	denied("http://example.org/", SEPT_HTTP_TOOL, "example.org",
	    "a wildcard does not cover its parent");
	denied("http://127.0.0.1.nip.example/", SEPT_HTTP_TOOL, "nip",
	    "a host that begins like a listed one");
	denied("http://evil.test/?x=127.0.0.1", SEPT_HTTP_TOOL, "evil.test",
	    "a listed name in the query");
	fresh("");
	denied(at("/ok"), SEPT_HTTP_TOOL, "127.0.0.1", "an empty list");
}

static void
test_proxy(void)
{
	struct sept_http_request q = { .idle_timeout_ms = 1000 };
	char proxy[64];
	struct got *g;
	int before = odd_requests(server);

	(void)snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d",
	    odd_port(server));
	fresh(NULL);
	(void)setenv("http_proxy", proxy, 1);
	g = fetch("http://name.invalid/", 0);
	check(g->status == 404 && odd_requests(server) == before + 1,
	    "a plain request uses the environment's proxy");
	/* A resolver without network may take its time. */
	g = fetch_with("http://name.invalid/", SEPT_HTTP_PUBLIC, &q);
	check((g->st == SEPT_EIO || g->st == SEPT_ETIMEOUT) &&
	    g->heads == 0 && odd_requests(server) == before + 1,
	    "a guarded one never");
	(void)unsetenv("http_proxy");
}

int
main(void)
{
	tap_start(60);
	got_start();
	test_guard();
	test_proxy();
	got_stop();
	return tap_done();
}

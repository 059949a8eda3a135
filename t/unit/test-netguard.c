/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-netguard.c - the address and host tables, at and beside every border.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "../../core/net/netguard.h"
#include "tap.h"

static int
ask(const char *text)
{
	struct sockaddr_in a;
	struct sockaddr_in6 b;

	memset(&a, 0, sizeof a);
	memset(&b, 0, sizeof b);
	a.sin_family = AF_INET;
	b.sin6_family = AF_INET6;
	if (inet_pton(AF_INET, text, &a.sin_addr) == 1)
		return netguard_public((struct sockaddr *)&a);
	if (inet_pton(AF_INET6, text, &b.sin6_addr) == 1)
		return netguard_public((struct sockaddr *)&b);
	printf("# not an address: %s\n", text);
	abort();
}

static const char *const special[] = {
	"0.0.0.0", "0.0.0.1", "0.255.255.255", "10.0.0.0", "10.1.2.3",
	"10.255.255.255", "100.64.0.0", "100.100.100.100",
	"100.127.255.255", "127.0.0.0", "127.0.0.1", "127.0.0.53",
	"127.255.255.255", "169.254.0.0", "169.254.169.254",
	"169.254.170.2", "169.254.255.255", "172.16.0.0", "172.17.0.1",
	"172.31.255.255", "192.0.0.0", "192.0.0.8", "192.0.0.9",
	"192.0.0.170", "192.0.0.192", "192.0.0.255", "192.0.2.0",
	"192.0.2.255", "192.31.196.1", "192.52.193.1", "192.88.99.0",
	"192.88.99.255", "192.168.0.0", "192.168.0.1", "192.168.1.254",
	"192.168.255.255", "192.175.48.1", "198.18.0.0", "198.18.0.1",
	"198.19.255.255", "198.51.100.0", "198.51.100.255", "203.0.113.0",
	"203.0.113.255", "224.0.0.0", "224.0.0.251", "233.252.0.1",
	"239.255.255.255", "240.0.0.0", "247.1.2.3", "255.255.255.254",
	"255.255.255.255",
	"::", "::1", "::2", "::7f00:1", "::127.0.0.1", "::8.8.8.8",
	"::ffff:0.0.0.0", "::ffff:10.0.0.1", "::ffff:100.64.0.1",
	"::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:172.16.0.1",
	"::ffff:192.168.0.1", "::ffff:198.18.0.1", "::ffff:224.0.0.1",
	"::ffff:255.255.255.255", "::ffff:192.0.2.1",
	"::ffff:0:127.0.0.1", "::ffff:0:8.8.8.8", "64:ff9b::7f00:1",
	"64:ff9b::8.8.8.8", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1",
	"64:ff9b:1:ffff::1", "100::", "100::1", "100:0:0:1::1",
	"2001::", "2001::1", "2001:0:7f00:1::", "2001:1::1", "2001:1::2",
	"2001:2::", "2001:2::1", "2001:3::1", "2001:4:112::1",
	"2001:10::1", "2001:1f:ffff::1", "2001:20::1", "2001:2f::1",
	"2001:30::1", "2001:1ff:ffff::1", "2001:db8::", "2001:db8::1",
	"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2002::", "2002:7f00:1::",
	"2002:a9fe:a9fe::1", "2002:c0a8:1::1", "2002:808:808::1",
	"2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2620:4f:8000::1",
	"3ffe::1", "3fff::", "3fff::1", "3fff:fff:ffff::1", "4000::",
	"5f00::", "5f00::1", "8000::1", "c000::1", "e000::1", "fc00::",
	"fc00::1", "fd00::1", "fd00:ec2::254", "fdff:ffff::1", "fe00::1",
	"fe80::", "fe80::1", "fe80::a9fe:a9fe", "febf:ffff::1", "fec0::1",
	"feff::1", "ff00::", "ff01::1", "ff02::1", "ff02::fb", "ff05::2",
	"ff0e::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	"0:0:0:0:0:ffff:7f00:1", "1fff:ffff::1", "1::1", "400::1",
};

static const char *const plain[] = {
	"1.0.0.0", "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0",
	"100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
	"169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0",
	"191.255.255.255", "192.0.1.0", "192.0.1.255", "192.0.3.0",
	"192.31.195.255", "192.31.197.0", "192.52.192.255",
	"192.52.194.0", "192.88.98.255", "192.88.100.0",
	"192.167.255.255", "192.169.0.0", "192.175.47.255",
	"192.175.49.0", "198.17.255.255", "198.20.0.0", "198.51.99.255",
	"198.51.101.0", "203.0.112.255", "203.0.114.0",
	"223.255.255.255", "::ffff:8.8.8.8", "::ffff:1.1.1.1",
	"::ffff:100.128.0.0", "2000::1", "2001:200::1", "2001:4860::8888",
	"2001:4860:4860::8888", "2001:db7:ffff::1", "2001:db9::1",
	"2003::1", "2400:cb00::1", "2606:4700:4700::1111", "2620:4f::1",
	"2620:4f:7fff::1", "2620:4f:8001::1", "2620:fe::fe", "2a00:1450::1",
	"3ffd:ffff::1", "2a06:98c1::1",
};

static const struct {
	const char *list, *host;
	int want;
} listed[] = {
	{ "example.org", "example.org", 1 },
	{ "example.org", "EXAMPLE.Org", 1 },
	{ "Example.ORG", "example.org", 1 },
	{ "example.org", "example.org.", 1 },
	{ "example.org.", "example.org", 1 },
	{ "example.org", "example.org..", 0 },
	{ "example.org", "www.example.org", 0 },
	{ "example.org", "notexample.org", 0 },
	{ "example.org", "example.org.evil.test", 0 },
	{ "example.org", "example.or", 0 },
	{ "example.org", "", 0 },
	{ "", "example.org", 0 },
	{ ",", "example.org", 0 },
	{ ", ,", "", 0 },
	{ "a.test,example.org", "example.org", 1 },
	{ " a.test , example.org ", "example.org", 1 },
	{ "a.test\t,\texample.org", "a.test", 1 },
	{ "a.test example.org", "example.org", 0 },
	{ "*.example.org", "example.org", 0 },
	{ "*.example.org", ".example.org", 0 },
	{ "*.example.org", "www.example.org", 1 },
	{ "*.example.org", "a.b.example.org", 1 },
	{ "*.EXAMPLE.org", "WWW.example.ORG.", 1 },
	{ "*.example.org", "wwwexample.org", 0 },
	{ "*.example.org", "www.example.org.evil.test", 0 },
	{ "*.example.org", "*.example.org", 0 },
	{ "*", "example.org", 0 },
	{ "*.", "example.org", 0 },
	{ "**.example.org", "www.example.org", 0 },
	{ "www.*.org", "www.example.org", 0 },
	{ "*example.org", "www.example.org", 0 },
	{ "*.*", "example.org", 0 },
	{ "127.0.0.1", "127.0.0.1", 1 },
	{ "*.0.0.1", "127.0.0.1", 0 },
	{ "*.1", "127.0.0.1", 0 },
	{ "127.0.0.1", "127.0.0.10", 0 },
	{ "::1", "[::1]", 1 },
	{ "[::1]", "::1", 1 },
	{ "[::1]", "[::1]", 1 },
	{ "::1", "::11", 0 },
	{ "localhost", "[localhost]", 0 },
	{ "localhost", "localhost", 1 },
	{ "localhost", "localhost:80", 0 },
	{ "example.org", "example.org\\.evil.test", 0 },
	{ "example.org", "example.org%00.evil.test", 0 },
	{ "example.org", "evil.test/example.org", 0 },
	{ "example.org", "evil.test@example.org", 0 },
	{ "*.example.org", "evil.test/.example.org", 0 },
	{ "*.example.org", "evil.test?.example.org", 0 },
	{ "*.example.org", "evil.test#.example.org", 0 },
	{ "*.example.org", "evil.test%2f.example.org", 0 },
	{ "*.example.org", "evil.test\n.example.org", 0 },
	{ "*.example.org", "evil.test .example.org", 0 },
	{ "*.example.org", "evil\x7f.example.org", 0 },
	{ "*.example.org", "ev\xc3\xadl.example.org", 0 },
	{ "*.example.org", "x\xef\xbc\x8e" "example.org", 0 },
	{ "*.example.org", "a..example.org", 0 },
	{ "*.example.org", "a_b-1.example.org", 1 },
	{ "xn--bcher-kva.example", "xn--bcher-kva.example", 1 },
};

int
main(void)
{
	char what[200], big[600];
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	size_t i;

	tap_start(30);
	for (i = 0; i < sizeof special / sizeof special[0]; i++) {
		(void)snprintf(what, sizeof what, "special: %s", special[i]);
		check_int(ask(special[i]), 0, what);
	}
	for (i = 0; i < sizeof plain / sizeof plain[0]; i++) {
		(void)snprintf(what, sizeof what, "public: %s", plain[i]);
		check_int(ask(plain[i]), 1, what);
	}
	check_int(netguard_public((struct sockaddr *)&un), 0, "a socket file");
	check_int(netguard_public(&none), 0, "no family");
	check_int(netguard_public(NULL), 0, "nothing");
	for (i = 0; i < sizeof listed / sizeof listed[0]; i++) {
		(void)snprintf(what, sizeof what, "row %zu: %d", i,
		    listed[i].want);
		if (check_int(netguard_listed(listed[i].list, listed[i].host),
		    listed[i].want, what) == 0)
			printf("# [%s] [%s]\n", listed[i].list,
			    listed[i].host);
	}
	check_int(netguard_listed(NULL, "a"), 0, "no list");
	check_int(netguard_listed("a", NULL), 0, "no host");
	memset(big, 'a', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	check_int(netguard_listed(big, big), 0, "a host of 599 letters");
	return tap_done();
}

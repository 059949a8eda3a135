/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netguard.c - the tables behind "may this address be dialled for a tool".
 *
 * Both answers are fail-closed: an address family, a host byte or a list
 * entry that is not understood gives 0. IPv6 is refused unless it lies in
 * 2000::/3, the only block from which global unicast addresses are handed
 * out; so NAT64, link-local, unique local, multicast, SRv6 SIDs and whatever
 * IANA opens next are out without being named.
 *
 * It resolves no names: the caller asks about the address that is dialled.
 */
#include "netguard.h"

#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

/* IANA IPv4 special-purpose registry, multicast and reserved space. */
static const struct {
	uint32_t net;
	unsigned bits;
} special4[] = {
	{ 0x00000000, 8 },  /* this network */
	{ 0x0a000000, 8 },  /* private */
	{ 0x64400000, 10 }, /* carrier-grade NAT */
	{ 0x7f000000, 8 },  /* loopback */
	{ 0xa9fe0000, 16 }, /* link-local, cloud metadata */
	{ 0xac100000, 12 }, /* private */
	{ 0xc0000000, 24 }, /* protocol assignments */
	{ 0xc0000200, 24 }, /* documentation */
	{ 0xc01fc400, 24 }, /* AS112: answered by the nearest resolver */
	{ 0xc034c100, 24 }, /* AMT */
	{ 0xc0586300, 24 }, /* 6to4 relay anycast */
	{ 0xc0a80000, 16 }, /* private */
	{ 0xc0af3000, 24 }, /* AS112 */
	{ 0xc6120000, 15 }, /* benchmarking */
	{ 0xc6336400, 24 }, /* documentation */
	{ 0xcb007100, 24 }, /* documentation */
	{ 0xe0000000, 3 },  /* multicast, reserved, broadcast */
};

/* What inside 2000::/3 is no ordinary unicast. */
static const struct {
	unsigned char net[6];
	unsigned bits;
} special6[] = {
	{ { 0x20, 0x01, 0x00, 0x00 }, 23 }, /* Teredo, ORCHID, benchmarking */
	{ { 0x20, 0x01, 0x0d, 0xb8 }, 32 }, /* documentation */
	{ { 0x20, 0x02 }, 16 },             /* 6to4 */
	{ { 0x26, 0x20, 0x00, 0x4f, 0x80, 0x00 }, 48 }, /* AS112 */
	{ { 0x3f, 0xfe }, 16 },             /* 6bone, returned */
	{ { 0x3f, 0xff, 0x00 }, 20 },       /* documentation */
};

static int
public4(uint32_t a)
{
	size_t i;

	for (i = 0; i < sizeof special4 / sizeof special4[0]; i++)
		if ((a ^ special4[i].net) >> (32 - special4[i].bits) == 0)
			return 0;
	return 1;
}

static int
has_prefix(const unsigned char *a, const unsigned char *net, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a, net, whole) != 0)
		return 0;
	return rest == 0 || (a[whole] ^ net[whole]) >> (8 - rest) == 0;
}

static int
public6(const unsigned char a[16])
{
	static const unsigned char mapped[12] = {
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff
	};
	size_t i;

	if (memcmp(a, mapped, sizeof mapped) == 0)
		return public4((uint32_t)a[12] << 24 | (uint32_t)a[13] << 16 |
		    (uint32_t)a[14] << 8 | a[15]);
	if (a[0] >> 5 != 1)
		return 0;
	for (i = 0; i < sizeof special6 / sizeof special6[0]; i++)
		if (has_prefix(a, special6[i].net, special6[i].bits))
			return 0;
	return 1;
}

int
netguard_public(const struct sockaddr *sa)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	if (sa == NULL)
		return 0;
	/* Copied: the caller's memory need not be aligned for the type. */
	if (sa->sa_family == AF_INET) {
		memcpy(&in, sa, sizeof in);
		return public4(ntohl(in.sin_addr.s_addr));
	}
	if (sa->sa_family == AF_INET6) {
		memcpy(&in6, sa, sizeof in6);
		return public6(in6.sin6_addr.s6_addr);
	}
	return 0;
}

static int
is_host_byte(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
	    c == ':';
}

/*
 * Cuts what only decorates a host: the brackets of an IPv6 literal and one
 * trailing dot. 0 when nothing that could be a host is left.
 */
static int
trim_host(const char **s, size_t *n)
{
	size_t i;

	if (*n >= 2 && (*s)[0] == '[' && (*s)[*n - 1] == ']') {
		(*s)++;
		*n -= 2;
		if (memchr(*s, ':', *n) == NULL)
			return 0;
	} else if (*n > 0 && (*s)[*n - 1] == '.') {
		(*n)--;
	}
	if (*n == 0 || *n > 253 || (*s)[0] == '.')
		return 0;
	for (i = 0; i < *n; i++) {
		if (!is_host_byte((unsigned char)(*s)[i]))
			return 0;
		if ((*s)[i] == '.' && i + 1 < *n && (*s)[i + 1] == '.')
			return 0;
	}
	return (*s)[*n - 1] != '.';
}

/* A literal address has no names below a domain: no wildcard covers it. */
static int
is_literal(const char *h, size_t n)
{
	size_t i;

	if (memchr(h, ':', n) != NULL)
		return 1;
	for (i = n; i > 0 && h[i - 1] != '.'; i--)
		if (h[i - 1] < '0' || h[i - 1] > '9')
			return 0;
	return 1;
}

static int
entry_matches(const char *e, size_t en, const char *h, size_t hn)
{
	int wild = 0;

	if (en > 2 && e[0] == '*' && e[1] == '.') {
		wild = 1;
		e += 2;
		en -= 2;
	}
	if (!trim_host(&e, &en))
		return 0;
	if (!wild)
		return en == hn && strncasecmp(e, h, hn) == 0;
	return hn > en + 1 && h[hn - en - 1] == '.' && !is_literal(h, hn) &&
	    strncasecmp(e, h + hn - en, en) == 0;
}

int
netguard_listed(const char *list, const char *host)
{
	size_t hn, n;

	if (list == NULL || host == NULL)
		return 0;
	hn = strlen(host);
	if (!trim_host(&host, &hn))
		return 0;
	for (;;) {
		list += strspn(list, " \t,");
		if (*list == '\0')
			return 0;
		n = strcspn(list, ",");
		while (n > 0 && (list[n - 1] == ' ' || list[n - 1] == '\t'))
			n--;
		if (entry_matches(list, n, host, hn))
			return 1;
		list += strcspn(list, ",");
	}
}

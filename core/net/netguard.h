/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netguard.h - which addresses and hosts may be reached on a tool's behalf.
 * Pure functions, any thread.
 */
#ifndef CORE_NET_NETGUARD_H
#define CORE_NET_NETGUARD_H

#include <sys/socket.h>

/*
 * 1 when the address is a public unicast one: not loopback, private,
 * link-local, CGNAT, multicast, unspecified, documentation, benchmarking,
 * 6to4, Teredo, NAT64 or an IPv4-mapped form of any of these (IANA special
 * purpose registries).
 */
int netguard_public(const struct sockaddr *sa);
/*
 * 1 when host matches an entry of the comma-separated list; "*.example.org"
 * matches every name below, not example.org itself. Case is ignored, a
 * trailing dot too. A host with bytes that no host name has never matches.
 */
int netguard_listed(const char *list, const char *host);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ids.c - random ids from libsodium; sodium_init() has run in main.
 */
#include "ids.h"

#include <sodium.h>
#include <string.h>

void
id_make(char out[ID_MAX], const char *prefix)
{
	static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
	unsigned char rnd[24];
	size_t n = strlen(prefix), i;

	if (n > ID_MAX - 25)
		n = ID_MAX - 25;
	memcpy(out, prefix, n);
	randombytes_buf(rnd, sizeof rnd);
	for (i = 0; i < sizeof rnd; i++)
		out[n + i] = alphabet[rnd[i] & 31];
	out[n + sizeof rnd] = '\0';
}

void
id_sha256(const void *p, size_t n, char out[65])
{
	unsigned char h[crypto_hash_sha256_BYTES];

	(void)crypto_hash_sha256(h, p, n);
	(void)sodium_bin2hex(out, 65, h, sizeof h);
}

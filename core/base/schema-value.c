/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema-value.c - values as JSON Schema sees them: numbers are equal by
 * value (1 and 1.0), strings have a length in code points, objects no order.
 *
 * Equality counts its work in the run. Integers and reals are compared
 * exactly, without the rounding of a cast.
 */
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "schema-internal.h"

#define TWO63 9223372036854775808.0

/* An integer against a real that may be larger than any integer. */
static int
compare_mixed(json_int_t i, double d)
{
	double whole;
	json_int_t k;

	if (d >= TWO63)
		return -1;
	if (d < -TWO63)
		return 1;
	whole = floor(d);
	k = (json_int_t)whole;
	if (i != k)
		return i < k ? -1 : 1;
	return d > whole ? -1 : 0;
}

int
schema_compare(const json_t *a, const json_t *b)
{
	json_int_t i, j;
	double x, y;

	if (json_is_integer(a) && json_is_integer(b)) {
		i = json_integer_value(a);
		j = json_integer_value(b);
		return (i > j) - (i < j);
	}
	if (json_is_integer(a))
		return compare_mixed(json_integer_value(a),
		    json_real_value(b));
	if (json_is_integer(b))
		return -compare_mixed(json_integer_value(b),
		    json_real_value(a));
	x = json_real_value(a);
	y = json_real_value(b);
	return (x > y) - (x < y);
}

int
schema_is_integer(const json_t *v)
{
	double d;

	if (json_is_integer(v))
		return 1;
	if (!json_is_real(v))
		return 0;
	d = json_real_value(v);
	return isfinite(d) && floor(d) == d;
}

int
schema_is_multiple(const json_t *v, const json_t *of)
{
	double a, b, q;

	if (json_is_integer(v) && json_is_integer(of)) {
		/* INT64_MIN % -1 overflows; the divisor is positive. */
		return json_integer_value(v) % json_integer_value(of) == 0;
	}
	a = json_number_value(v);
	b = json_number_value(of);
	if (a == 0.0)
		return 1;
	q = a / b;
	/* Where the quotient holds no fraction, the remainder is exact. */
	if (!isfinite(q) || fabs(q) >= 1.0 / DBL_EPSILON)
		return fmod(a, b) == 0.0;
	/* 0.0075 is a multiple of 0.0001 for people: allow rounding. */
	return fabs(q - round(q)) <= 4.0 * DBL_EPSILON * fabs(q);
}

size_t
schema_length(const json_t *string)
{
	const char *s = json_string_value(string);
	size_t i, n = json_string_length(string), chars = 0;

	for (i = 0; i < n; i++)
		chars += ((unsigned char)s[i] & 0xc0) != 0x80;
	return chars;
}

static int
equal_objects(struct run *r, const json_t *a, const json_t *b)
{
	json_t *obj = (json_t *)(uintptr_t)a, *m, *o;
	const char *key;
	int k;

	if (json_object_size(a) != json_object_size(b))
		return 0;
	json_object_foreach(obj, key, m) {
		o = json_object_get(b, key);
		if (o == NULL)
			return 0;
		k = schema_equal(r, m, o);
		if (k != 1)
			return k;
	}
	return 1;
}

/* 1, 0, or -1 when the run is over. Depth is that of parsed documents. */
int
schema_equal(struct run *r, const json_t *a, const json_t *b)
{
	size_t i, n;
	int k;

	if (schema_step(r, 1) != 0)
		return -1;
	if (json_is_number(a) && json_is_number(b))
		return schema_compare(a, b) == 0;
	if (json_typeof(a) != json_typeof(b))
		return 0;
	switch (json_typeof(a)) {
	case JSON_STRING:
		n = json_string_length(a);
		if (n != json_string_length(b))
			return 0;
		if (schema_step(r, (long)(n / 64)) != 0)
			return -1;
		return memcmp(json_string_value(a), json_string_value(b),
		    n) == 0;
	case JSON_ARRAY:
		n = json_array_size(a);
		if (n != json_array_size(b))
			return 0;
		for (i = 0; i < n; i++) {
			k = schema_equal(r, json_array_get(a, i),
			    json_array_get(b, i));
			if (k != 1)
				return k;
		}
		return 1;
	case JSON_OBJECT:
		return equal_objects(r, a, b);
	default:
		return 1;
	}
}

static uint64_t
mix(uint64_t h, uint64_t x)
{
	h ^= x + UINT64_C(0x9e3779b97f4a7c15) + (h << 6) + (h >> 2);
	return h * UINT64_C(0xff51afd7ed558ccd);
}

static uint64_t
hash_bytes(const char *s, size_t n)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	size_t i;

	for (i = 0; i < n; i++)
		h = (h ^ (unsigned char)s[i]) * UINT64_C(0x100000001b3);
	return h;
}

/* Equal values have equal hashes; a sum makes the order of keys not count. */
static uint64_t
hash_value(struct run *r, const json_t *v)
{
	json_t *obj = (json_t *)(uintptr_t)v, *m;
	const char *key;
	uint64_t h, sum = 0;
	double d;
	size_t i;

	if (schema_step(r, 1) != 0)
		return 0;
	h = json_is_number(v) ? 1 : (uint64_t)json_typeof(v) + 2;
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		json_object_foreach(obj, key, m)
			sum += mix(hash_bytes(key, strlen(key)),
			    hash_value(r, m));
		return mix(h, sum);
	case JSON_ARRAY:
		for (i = 0; i < json_array_size(v); i++)
			h = mix(h, hash_value(r, json_array_get(v, i)));
		return h;
	case JSON_STRING:
		return mix(h, hash_bytes(json_string_value(v),
		    json_string_length(v)));
	case JSON_INTEGER:
	case JSON_REAL:
		d = json_number_value(v) + 0.0; /* -0.0 becomes 0.0 */
		memcpy(&sum, &d, sizeof sum);
		return mix(h, sum);
	default:
		return h;
	}
}

struct hashed {
	uint64_t hash;
	size_t index;
};

static int
by_hash(const void *a, const void *b)
{
	const struct hashed *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return (x->index > y->index) - (x->index < y->index);
}

int
schema_unique(struct run *r, const json_t *array, size_t *a, size_t *b)
{
	size_t i, j, n = json_array_size(array);
	struct hashed *h;
	int k = 0;

	if (n < 2)
		return 1;
	h = calloc(n, sizeof *h);
	if (h == NULL)
		return schema_nomem(r);
	for (i = 0; i < n; i++) {
		h[i].hash = hash_value(r, json_array_get(array, i));
		h[i].index = i;
	}
	qsort(h, n, sizeof *h, by_hash);
	for (i = 0; i < n && k == 0; i++)
		for (j = i + 1; j < n && h[j].hash == h[i].hash; j++) {
			k = schema_equal(r, json_array_get(array, h[i].index),
			    json_array_get(array, h[j].index));
			if (k == 0)
				continue;
			*a = h[i].index;
			*b = h[j].index;
			break;
		}
	free(h);
	if (r->over)
		return -1;
	return k == 0;
}

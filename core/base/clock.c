/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.c - times. The civil-date arithmetic is the usual era method for the
 * proleptic Gregorian calendar; timegm() is avoided as it would read the
 * environment's zone files through the C library.
 */
#include "clock.h"

#include <ctype.h>
#include <string.h>
#include <time.h>

uint64_t
clock_mono_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * UINT64_C(1000000000) +
	    (uint64_t)ts.tv_nsec;
}

int64_t
clock_wall_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int64_t
days_from_civil(int64_t y, int64_t m, int64_t d)
{
	int64_t era, yoe, doy, doe;

	y -= m <= 2;
	era = (y >= 0 ? y : y - 399) / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
	return era * 146097 + doe - 719468;
}

static void
civil_from_days(int64_t z, int *y, int *m, int *d)
{
	int64_t era, doe, yoe, doy, mp;

	z += 719468;
	era = (z >= 0 ? z : z - 146096) / 146097;
	doe = z - era * 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	*d = (int)(doy - (153 * mp + 2) / 5 + 1);
	*m = (int)(mp + (mp < 10 ? 3 : -9));
	*y = (int)(yoe + era * 400 + (*m <= 2));
}

static char *
put(char *p, int value, int width)
{
	int i;

	for (i = width - 1; i >= 0; i--) {
		p[i] = (char)('0' + value % 10);
		value /= 10;
	}
	return p + width;
}

void
clock_iso(int64_t ms, char out[CLOCK_ISO_LEN + 1])
{
	int64_t day = ms / 86400000, rest = ms % 86400000;
	int y, m, d;
	char *p = out;

	if (rest < 0) {
		rest += 86400000;
		day--;
	}
	civil_from_days(day, &y, &m, &d);
	p = put(p, y, 4);
	*p++ = '-';
	p = put(p, m, 2);
	*p++ = '-';
	p = put(p, d, 2);
	*p++ = 'T';
	p = put(p, (int)(rest / 3600000), 2);
	*p++ = ':';
	p = put(p, (int)(rest / 60000 % 60), 2);
	*p++ = ':';
	p = put(p, (int)(rest / 1000 % 60), 2);
	*p++ = '.';
	p = put(p, (int)(rest % 1000), 3);
	*p++ = 'Z';
	*p = '\0';
}

/* Reads exactly `width` digits; NULL when they are not there. */
static const char *
get(const char *s, int width, int64_t *value)
{
	int i;

	if (s == NULL)
		return NULL;
	*value = 0;
	for (i = 0; i < width; i++) {
		if (!isdigit((unsigned char)s[i]))
			return NULL;
		*value = *value * 10 + (s[i] - '0');
	}
	return s + width;
}

static const char *
skip(const char *s, const char *set)
{
	if (s == NULL || *s == '\0' || strchr(set, *s) == NULL)
		return NULL;
	return s + 1;
}

static const char *
get_fraction(const char *s, int64_t *ms)
{
	int64_t scale = 100;

	*ms = 0;
	if (s == NULL || (*s != '.' && *s != ','))
		return s;
	s++;
	if (!isdigit((unsigned char)*s))
		return NULL;
	for (; isdigit((unsigned char)*s); s++) {
		*ms += (*s - '0') * scale;
		scale /= 10;
	}
	return s;
}

static const char *
get_zone(const char *s, int64_t *offset_min)
{
	int64_t h = 0, m = 0;
	int sign;

	*offset_min = 0;
	if (s == NULL || *s == '\0')
		return s;
	if (*s == 'Z' || *s == 'z')
		return s + 1;
	if (*s != '+' && *s != '-')
		return NULL;
	sign = *s == '-' ? -1 : 1;
	s = get(s + 1, 2, &h);
	if (s != NULL && *s == ':')
		s++;
	s = get(s, 2, &m);
	if (s == NULL || h > 23 || m > 59)
		return NULL;
	*offset_min = sign * (h * 60 + m);
	return s;
}

static int64_t
days_in_month(int64_t y, int64_t mo)
{
	static const int len[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31,
		30, 31 };
	int leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;

	return len[mo - 1] + (mo == 2 && leap);
}

int
clock_parse_iso(const char *s, int64_t *out)
{
	int64_t y, mo, d, h, mi, sec, ms, off;

	s = skip(get(s, 4, &y), "-");
	s = skip(get(s, 2, &mo), "-");
	s = skip(get(s, 2, &d), "Tt ");
	s = skip(get(s, 2, &h), ":");
	s = get(s, 2, &mi);
	sec = 0;
	if (s != NULL && *s == ':')
		s = get(s + 1, 2, &sec);
	s = get_zone(get_fraction(s, &ms), &off);
	if (s == NULL || *s != '\0')
		return -1;
	if (mo < 1 || mo > 12 || d < 1 || d > days_in_month(y, mo) ||
	    h > 23 || mi > 59 || sec > 60)
		return -1;
	*out = ((days_from_civil(y, mo, d) * 24 + h) * 60 + mi - off) *
	    60000 + sec * 1000 + ms;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dates.c - the times that a question names: "2023-05-07", "7 May 2023",
 * "May 7th", "in May 2023", "in 2022", and, with the time of asking,
 * "yesterday", "last week", "two weeks ago", "last Saturday".
 *
 * English only, like the lists of words. People tell what happened a little
 * later than it did, so a range reaches some days beyond what was named.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "memory-internal.h"

#define DAY INT64_C(86400000)
#define AFTER_DAY 3  /* days a thing may be told later */
#define AFTER_LONG 7

static const char *const months[] = { "january", "february", "march",
	"april", "may", "june", "july", "august", "september", "october",
	"november", "december" };
static const char *const short_months[] = { "jan", "feb", "mar", "apr",
	"may", "jun", "jul", "aug", "sep", "oct", "nov", "dec" };
static const char *const weekdays[] = { "thursday", "friday", "saturday",
	"sunday", "monday", "tuesday", "wednesday" }; /* day 0 of the epoch */
static const char *const numbers[] = { "zero", "one", "two", "three", "four",
	"five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve" };

static int
index_of(const char *const *list, size_t n, const char *s)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(list[i], s) == 0)
			return (int)i;
	return -1;
}

/* Days since 1970 of the first of a month; month counts on beyond 12. */
static int64_t
days_of(int64_t year, int64_t month)
{
	int64_t y = year + (month - 1) / 12, m = (month - 1) % 12 + 1;
	int64_t era, yoe, doy;

	y -= m <= 2;
	era = y / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void
add(struct mem_dates *d, int64_t from_day, int64_t to_day)
{
	if (d->n == DATES_MAX)
		return;
	d->range[d->n].from = from_day * DAY;
	d->range[d->n++].to = to_day * DAY;
}

/* A number with nothing behind it but "st", "nd", "rd", "th"; or -1. */
static int
number(const char *s)
{
	int v = 0, n = 0, i;

	i = index_of(numbers, 13, s);
	if (i >= 0)
		return i;
	for (; isdigit((unsigned char)*s) && n < 5; s++, n++)
		v = v * 10 + (*s - '0');
	if (n == 0 || n > 4)
		return -1;
	if (*s != '\0' && strcmp(s, "st") != 0 && strcmp(s, "nd") != 0 &&
	    strcmp(s, "rd") != 0 && strcmp(s, "th") != 0)
		return -1;
	return v;
}

static const char *
word(const struct mem_query *q, unsigned i)
{
	return i < q->n ? q->tok[i].text : "";
}

static int
is_year(int v)
{
	return v >= 1900 && v < 2200;
}

static int
month_at(const struct mem_query *q, unsigned i)
{
	const char *s = word(q, i);
	int m = index_of(months, 12, s);

	/* "may" and "march" are words too; a name is written large. */
	if ((m == 4 || m == 2) && !q->tok[i].upper)
		return 0;
	if (m < 0 && strlen(s) == 3)
		m = index_of(short_months, 12, s);
	return m + 1;
}

static void
read_month(struct mem_dates *d, const struct mem_query *q, unsigned i, int m,
    int64_t as_of)
{
	int before = i > 0 ? number(word(q, i - 1)) : -1;
	int after = number(word(q, i + 1)), third = number(word(q, i + 2));
	int day = -1, year = -1;
	int64_t first;

	if (i > 1 && before < 0 && strcmp(word(q, i - 1), "of") == 0)
		before = number(word(q, i - 2));
	if (before >= 1 && before <= 31)
		day = before;
	if (is_year(after))
		year = after;
	else if (after >= 1 && after <= 31 && day < 0)
		day = after;
	if (year < 0 && day == after && is_year(third))
		year = third;
	if (year < 0 && as_of == INT64_MIN) {
		d->months |= 1u << (m - 1);
		return;
	}
	if (year < 0) {
		/* The last such month before it was asked. */
		for (year = 1970; days_of(year + 1, m) * DAY <= as_of; year++)
			;
	}
	first = days_of(year, m);
	if (day > 0)
		add(d, first + day - 1, first + day + AFTER_DAY);
	else
		add(d, first, days_of(year, m + 1) + AFTER_LONG);
}

/* "N days|weeks|months|years ago"; how far it may be off grows with it. */
static void
read_ago(struct mem_dates *d, const struct mem_query *q, unsigned i,
    int64_t today)
{
	const char *unit = word(q, i);
	int n = i > 0 ? number(word(q, i - 1)) : -1;
	int64_t days, off;

	if (i > 0 && (strcmp(word(q, i - 1), "a") == 0 ||
	    strcmp(word(q, i - 1), "an") == 0))
		n = 1;
	if (n < 0 || n > 1000 || strcmp(word(q, i + 1), "ago") != 0)
		return;
	if (strncmp(unit, "day", 3) == 0) {
		days = n;
		off = 1;
	} else if (strncmp(unit, "week", 4) == 0) {
		days = n * 7;
		off = 3;
	} else if (strncmp(unit, "month", 5) == 0) {
		days = n * 30;
		off = 10;
	} else if (strncmp(unit, "year", 4) == 0) {
		days = n * 365;
		off = 60;
	} else {
		return;
	}
	add(d, today - days - off, today - days + off + 1);
}

/* The weekday before today: "last Saturday", "on Saturday". */
static void
read_weekday(struct mem_dates *d, int day, int64_t today)
{
	int64_t back = ((today - day) % 7 + 7) % 7;

	if (back == 0)
		back = 7;
	add(d, today - back, today - back + 2);
}

static void
read_relative(struct mem_dates *d, const struct mem_query *q, unsigned i,
    int64_t today)
{
	const char *s = word(q, i), *next = word(q, i + 1);
	int last = strcmp(s, "last") == 0 || strcmp(s, "past") == 0;
	int n, day = index_of(weekdays, 7, s);

	if (strcmp(s, "yesterday") == 0)
		add(d, today - 1, today + 1);
	else if (strcmp(s, "today") == 0)
		add(d, today, today + 1);
	else if (day >= 0)
		read_weekday(d, day, today);
	if (!last)
		return;
	n = number(next);
	if (n > 0)
		next = word(q, i + 2);
	else
		n = 1;
	if (strncmp(next, "week", 4) == 0)
		add(d, today - 7 * (n + (n == 1)), today + 1);
	else if (strncmp(next, "month", 5) == 0)
		add(d, today - 31 * (n + (n == 1)), today + 1);
	else if (strncmp(next, "day", 3) == 0)
		add(d, today - n, today + 1);
	else if (strncmp(next, "year", 4) == 0)
		add(d, today - 365 * (n + (n == 1)), today + 1);
}

/* "2023-05-07" arrives as three words. */
static int
read_iso(struct mem_dates *d, const struct mem_query *q, unsigned i, int year)
{
	int m = number(word(q, i + 1)), day = number(word(q, i + 2));
	int64_t first;

	if (strlen(word(q, i + 1)) != 2 || strlen(word(q, i + 2)) != 2 ||
	    m < 1 || m > 12 || day < 1 || day > 31)
		return 0;
	first = days_of(year, m);
	add(d, first + day - 1, first + day + AFTER_DAY);
	return 1;
}

static void
read_year(struct mem_dates *d, const struct mem_query *q, unsigned i)
{
	int year = number(word(q, i));

	if (!is_year(year) || strlen(word(q, i)) != 4 ||
	    read_iso(d, q, i, year))
		return;
	/* Behind a month it has been taken. */
	if ((i > 0 && month_at(q, i - 1) > 0) ||
	    (i > 1 && month_at(q, i - 2) > 0))
		return;
	add(d, days_of(year, 1), days_of(year + 1, 1) + AFTER_LONG);
}

void
mem_dates_read(struct mem_dates *d, const struct mem_query *q, int64_t as_of)
{
	int64_t now = as_of != INT64_MIN ? as_of : clock_wall_ms();
	int64_t today = now / DAY;
	unsigned i;
	int m;

	memset(d, 0, sizeof *d);
	for (i = 0; i < q->n; i++) {
		m = month_at(q, i);
		if (m > 0)
			read_month(d, q, i, m, as_of);
		else
			read_year(d, q, i);
		read_ago(d, q, i, today);
		read_relative(d, q, i, today);
		if (strcmp(word(q, i), "when") == 0 ||
		    (strcmp(word(q, i), "how") == 0 &&
		    strcmp(word(q, i + 1), "long") == 0) ||
		    (strcmp(word(q, i), "what") == 0 &&
		    (strcmp(word(q, i + 1), "date") == 0 ||
		    strcmp(word(q, i + 1), "year") == 0 ||
		    strcmp(word(q, i + 1), "month") == 0)))
			d->asks_when = 1;
	}
}

/* Month (1..12) of a time. */
static int
month_of(int64_t at)
{
	int64_t z = at / DAY - (at % DAY < 0) + 719468;
	int64_t doe = z - (z >= 0 ? z : z - 146096) / 146097 * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t mp = (5 * (doe - (365 * yoe + yoe / 4 - yoe / 100)) + 2) /
	    153;

	return (int)(mp < 10 ? mp + 3 : mp - 9);
}

int
mem_dates_match(const struct mem_dates *d, int64_t at)
{
	unsigned i;

	if (at == INT64_MIN)
		return 0;
	for (i = 0; i < d->n; i++)
		if (at >= d->range[i].from && at < d->range[i].to)
			return 1;
	return d->months != 0 && (d->months >> (month_of(at) - 1) & 1);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * words.c - sets of English words: those that say nothing about the subject
 * of a question, those about telling, those about time; and what is noted of
 * a text when it is stored.
 *
 * The lists are sorted. Words are as the tokenizer gives them: lower case,
 * cut at the apostrophe ("don", "t").
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "memory-internal.h"

static const char *const stop[] = { "a", "about", "after", "again", "all",
	"also", "am", "an", "and", "any", "are", "aren", "as", "at", "be",
	"because", "been", "before", "being", "both", "but", "by", "can",
	"could", "couldn", "d", "did", "didn", "do", "does", "doesn",
	"doing", "don", "during", "each", "few", "for", "from", "further",
	"had", "hadn", "has", "hasn", "have", "haven", "having", "he", "her",
	"here", "hers", "him", "his", "how", "i", "if", "in", "into", "is",
	"isn", "it", "its", "just", "ll", "m", "many", "may", "me", "might",
	"more", "most", "much", "must", "my", "no", "nor", "not", "now", "of",
	"off", "on", "once", "only", "or", "other", "our", "ours", "out",
	"over", "own", "please", "re", "s", "same", "she", "should",
	"shouldn", "so", "some", "such", "t", "than", "that", "the", "their",
	"theirs", "them", "then", "there", "these", "they", "this", "those",
	"through", "to", "too", "under", "until", "up", "ve", "very", "was",
	"wasn", "we", "were", "weren", "what", "when", "where", "which",
	"while", "who", "whom", "whose", "why", "will", "with", "won",
	"would", "wouldn", "you", "your", "yours" };

static const char *const telling[] = { "advised", "came", "created",
	"described", "explained", "gave", "generated", "listed", "made",
	"mentioned", "named", "offered", "proposed", "provided",
	"recommended", "said", "sent", "shared", "showed", "suggested",
	"taught", "told", "wrote" };

static const char *const timely[] = { "ago", "april", "august",
	"birthday", "century", "day", "days", "decade", "december", "evening",
	"february", "friday", "hour", "hours", "january", "july", "june",
	"last", "march", "minutes", "monday", "month", "months", "morning",
	"next", "night", "november", "october", "recently", "saturday",
	"september", "since", "soon", "summer", "sunday", "thursday", "today",
	"tomorrow", "tonight", "tuesday", "wednesday", "week", "weekend",
	"weeks", "winter", "year", "years", "yesterday" };

static int
by_text(const void *a, const void *b)
{
	return strcmp(a, *(const char *const *)b);
}

#define IN(set, word) (bsearch((word), (set), \
	sizeof (set) / sizeof (set)[0], sizeof (set)[0], by_text) != NULL)

int
mem_is_stop(const char *word)
{
	return IN(stop, word);
}

int
mem_is_telling(const char *word)
{
	return IN(telling, word);
}

static int
is_letter(char c)
{
	return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

/* A year of four digits, or a word about time. */
static int
is_timely(const char *p, size_t n)
{
	char word[16];
	size_t i;

	if (n == 4 && (memcmp(p, "19", 2) == 0 || memcmp(p, "20", 2) == 0) &&
	    isdigit((unsigned char)p[2]) && isdigit((unsigned char)p[3]))
		return 1;
	if (n >= sizeof word)
		return 0;
	for (i = 0; i < n; i++)
		word[i] = (char)tolower((unsigned char)p[i]);
	word[n] = '\0';
	return IN(timely, word);
}

int
mem_text_flags(const char *text, size_t n, unsigned *words)
{
	size_t i, from;
	int flags = 0;

	*words = 0;
	for (i = 0; i < n;) {
		if (!is_letter(text[i])) {
			i++;
			continue;
		}
		for (from = i; i < n && is_letter(text[i]); i++)
			;
		(*words)++;
		if (!(flags & MEM_TELLS_TIME) && is_timely(text + from,
		    i - from))
			flags |= MEM_TELLS_TIME;
	}
	while (n > 0 && (isspace((unsigned char)text[n - 1]) ||
	    text[n - 1] == '"' || text[n - 1] == ')'))
		n--;
	if (n > 0 && text[n - 1] == '?')
		flags |= MEM_ENDS_ASKING;
	return flags;
}

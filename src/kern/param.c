/* SPDX-License-Identifier: MIT */
/*
 * Boot parameters: cut the command line into words, find each word's parser, call it.
 *
 * Words are cut in place: a zero byte ends each name and each value, so parsers may keep pointers
 * into the buffer. What a value means is decided beside the code that it steers, not here.
 */
#include <string.h>

#include "kern/param.h"
#include "kern/log.h"
#include "lib/types.h"

/* How much of a word a complaint repeats: the rule and the remedy must still fit one log line. */
#define SHOWN_NAME  "%.32s"
#define SHOWN_VALUE "%.48s"

/* Longest name that a suggestion is worked out for, and how many typing errors it may hold. */
#define GUESS_NAME_MAX   31
#define GUESS_ERRORS_MAX 2

struct word {
	char *name;
	char *value; /* NULL when the word has no '=' */
};

/* What is remembered for help. The number is several times that of all parameters. */
#define REMEMBERED_MAX 64

static struct boot_param_word remembered[REMEMBERED_MAX];
static unsigned int word_count; /* of all, also those that found no room */

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static char *skip_space(char *cursor)
{
	while (is_space(*cursor))
		cursor++;
	return cursor;
}

/* The first white space outside quotes, or the end of the text. */
static char *find_word_end(char *cursor)
{
	bool quoted = false;

	for (; *cursor && (quoted || !is_space(*cursor)); cursor++) {
		if (*cursor == '"')
			quoted = !quoted;
	}
	return cursor;
}

/* Take off a quote that opens the text and the one that closes it; quotes inside stay. A quote
 * alone is both: an empty text remains. */
static char *strip_quotes(char *text)
{
	size_t length = strlen(text);

	if (*text != '"')
		return text;
	if (text[length - 1] == '"')
		text[length - 1] = '\0';
	return text + 1;
}

/* Cut the word at cursor, which is not white space, out of the line; returns where the next is. */
static char *cut_word(char *cursor, struct word *word)
{
	char *end = find_word_end(cursor);
	char *next = *end ? skip_space(end + 1) : end;
	char *equals;

	*end = '\0';
	word->name = strip_quotes(cursor); /* "name=a b" is quoted as a whole */
	word->value = NULL;
	equals = strchr(word->name, '=');
	if (equals) {
		*equals = '\0';
		word->value = strip_quotes(equals + 1);
	}
	return next;
}

static bool same_name_char(char a, char b)
{
	return (a == '-' ? '_' : a) == (b == '-' ? '_' : b);
}

static bool same_name(const char *a, const char *b)
{
	for (; *a && *b; a++, b++) {
		if (!same_name_char(*a, *b))
			return false;
	}
	return *a == *b;
}

static const struct boot_param *find_param(const char *name)
{
	const struct boot_param *param;

	for_each_table_entry(param, boot_params) {
		if (same_name(param->name, name))
			return param;
	}
	return NULL;
}

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int smaller = a < b ? a : b;

	return smaller < c ? smaller : c;
}

/*
 * How many letters must be typed, removed or changed to turn one name into the other. row[i] holds
 * the answer for the first i letters of typed against the letters of known seen so far.
 */
static unsigned int typing_errors(const char *typed, const char *known)
{
	unsigned int row[GUESS_NAME_MAX + 1];
	unsigned int length = 0;

	for (; typed[length]; length++) {
		if (length == GUESS_NAME_MAX)
			return GUESS_ERRORS_MAX + 1;
		row[length] = length;
	}
	row[length] = length;
	for (; *known; known++) {
		unsigned int diagonal = row[0]++;

		for (unsigned int i = 1; i <= length; i++) {
			unsigned int change = diagonal + !same_name_char(typed[i - 1], *known);

			diagonal = row[i];
			row[i] = min3(change, row[i] + 1, row[i - 1] + 1);
		}
	}
	return row[length];
}

/* The parameter that an unknown name most likely means; NULL when none is close. */
static const struct boot_param *guess_param(const char *name)
{
	const struct boot_param *param, *best = NULL;
	unsigned int best_errors = GUESS_ERRORS_MAX + 1;

	for_each_table_entry(param, boot_params) {
		unsigned int errors = typing_errors(name, param->name);

		if (errors < best_errors) {
			best_errors = errors;
			best = param;
		}
	}
	return best;
}

/* One complaint about one word; what follows the colon is the rule and the remedy. */
static void complain(const struct word *word, const char *rule, const char *remedy)
{
	if (word->value)
		pr_warn("boot argument " SHOWN_NAME "=" SHOWN_VALUE " ignored: %s%s\n", word->name,
			word->value, rule, remedy);
	else
		pr_warn("boot argument " SHOWN_NAME " ignored: %s%s\n", word->name, rule, remedy);
}

static void complain_unknown(const struct word *word)
{
	const struct boot_param *guess = guess_param(word->name);

	if (guess)
		complain(word, "no such parameter, perhaps you mean ", guess->name);
	else
		complain(word, "no such parameter, remove it or correct its name", "");
}

static void remember(const struct word *word, const struct boot_param *param, const char *objection)
{
	if (word_count < REMEMBERED_MAX) {
		remembered[word_count] = (struct boot_param_word){
			.name = word->name,
			.value = word->value,
			.param = param,
			.objection = objection,
		};
	}
	word_count++;
}

static void apply_word(const struct word *word)
{
	const struct boot_param *param = find_param(word->name);
	const char *objection;

	if (!param) {
		complain_unknown(word);
		remember(word, NULL, NULL);
		return;
	}
	objection = param->parse(word->value);
	if (objection)
		complain(word, objection, "");
	remember(word, param, objection);
}

void boot_params_parse(char *cmdline)
{
	char *cursor = skip_space(cmdline);

	word_count = 0;
	while (*cursor) {
		struct word word;

		cursor = cut_word(cursor, &word);
		if (!word.value && strcmp(word.name, "--") == 0)
			return;
		apply_word(&word);
	}
}

const struct boot_param_word *boot_param_words(unsigned int *count)
{
	*count = word_count - boot_param_words_left_out();
	return remembered;
}

unsigned int boot_param_words_left_out(void)
{
	return word_count > REMEMBERED_MAX ? word_count - REMEMBERED_MAX : 0;
}

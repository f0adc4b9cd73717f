/* SPDX-License-Identifier: MIT */
#include "kern/fail_point.h"

#include <string.h>

#include "kern/backtrace.h"
#include "kern/symbols.h"
#include "lib/size.h"

/* As many functions up the stack are looked at. */
#define CALLERS_MOST 16

/* Each setting begins the same row of numbers: who sets it again sees the same refusals again. */
#define FIRST_RANDOM 2463534242U

static const char rule[] = "expects nth:N, every:N, probability:PERCENT, min_order:N, times:N and "
			   "caller:FUNCTION, separated by commas, such as probability:5,times:100";

/* --- settings -------------------------------------------------------------------------------- */

static bool parse_number_of(const char *word, size_t length, const char *name, uint32_t *number)
{
	size_t name_length = strlen(name);
	const char *rest = word + name_length + 1;
	uint64_t value;

	if (length <= name_length + 1 || strncmp(word, name, name_length) != 0 ||
	    word[name_length] != ':' || !parse_number(&rest, &value) || rest != word + length ||
	    value == 0 || value > UINT32_MAX)
		return false;
	*number = (uint32_t)value;
	return true;
}

static bool parse_caller(const char *word, size_t length, char *caller)
{
	if (length <= 7 || strncmp(word, "caller:", 7) != 0 || length - 7 >= FAIL_CALLER_BYTES)
		return false;
	memcpy(caller, word + 7, length - 7);
	caller[length - 7] = '\0';
	return true;
}

static bool parse_word(const char *word, size_t length, struct fail_point *fail)
{
	return parse_number_of(word, length, "nth", &fail->nth) ||
	       parse_number_of(word, length, "every", &fail->every) ||
	       (parse_number_of(word, length, "probability", &fail->percent) &&
		fail->percent <= 100) ||
	       parse_number_of(word, length, "min_order", &fail->min_order) ||
	       parse_number_of(word, length, "times", &fail->times) ||
	       parse_caller(word, length, fail->caller);
}

const char *fail_point_parse(struct fail_point *point, const char *text)
{
	struct fail_point parsed = { .random_state = FIRST_RANDOM };

	for (;;) {
		size_t length = strcspn(text, ",");

		if (!parse_word(text, length, &parsed))
			return rule;
		text += length;
		if (*text == '\0')
			break;
		text++;
	}
	*point = parsed;
	return NULL;
}

/* --- deciding -------------------------------------------------------------------------------- */

static uint32_t next_random(struct fail_point *point)
{
	point->random_state ^= point->random_state << 13;
	point->random_state ^= point->random_state >> 17;
	point->random_state ^= point->random_state << 5;
	return point->random_state;
}

/* Whoever asks by way of others is meant as well. */
static bool is_caller(const struct fail_point *point)
{
	uintptr_t pc[CALLERS_MOST];
	struct symbol symbol;
	unsigned int count;

	if (point->caller[0] == '\0')
		return true;
	count = backtrace_capture(pc, CALLERS_MOST, 0, 0);
	for (unsigned int i = 0; i < count; i++)
		if (symbol_lookup(pc[i] - 2, &symbol) && strcmp(symbol.name, point->caller) == 0)
			return true;
	return false;
}

bool fail_point_decide(struct fail_point *point, unsigned int order)
{
	if (order < point->min_order || !is_caller(point))
		return false;
	point->asked++;
	if ((point->nth != 0 && point->asked != point->nth) ||
	    (point->every != 0 && point->asked % point->every != 0) ||
	    (point->percent != 0 && next_random(point) % 100 >= point->percent) ||
	    (point->times != 0 && point->failed >= point->times))
		return false;
	point->failed++;
	return true;
}

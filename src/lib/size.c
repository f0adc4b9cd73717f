/* SPDX-License-Identifier: MIT */
/*
 * Numbers and sizes as people type them.
 *
 * Everything is checked before anything is written, so a refused text leaves the caller's cursor
 * and value alone. Signs and leading blanks are not part of a number.
 */
#include <string.h>

#include "lib/size.h"

/* What a character is worth as a digit; larger than any base for one that is no digit. */
static unsigned int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned int)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned int)(c - 'A') + 10;
	return 255;
}

/* "0x" counts as a prefix only before a hexadecimal digit; otherwise it is a zero and an 'x'. */
static unsigned int number_base(const char *text)
{
	if (text[0] != '0')
		return 10;
	if ((text[1] == 'x' || text[1] == 'X') && digit_value(text[2]) < 16)
		return 16;
	return 8;
}

bool parse_number(const char **text, uint64_t *value)
{
	unsigned int base = number_base(*text);
	const char *cursor = *text + (base == 16 ? 2 : 0);
	uint64_t number = 0;

	if (digit_value(*cursor) >= base)
		return false;
	for (; digit_value(*cursor) < base; cursor++) {
		if (__builtin_mul_overflow(number, (uint64_t)base, &number) ||
		    __builtin_add_overflow(number, (uint64_t)digit_value(*cursor), &number))
			return false;
	}
	*text = cursor;
	*value = number;
	return true;
}

/* How far a suffix shifts a number to the left; 0 for a character that is no suffix. */
static unsigned int suffix_shift(char c)
{
	switch (c) {
	case 'K':
	case 'k':
		return 10;
	case 'M':
	case 'm':
		return 20;
	case 'G':
	case 'g':
		return 30;
	case 'T':
	case 't':
		return 40;
	case 'P':
	case 'p':
		return 50;
	case 'E':
	case 'e':
		return 60;
	default:
		return 0;
	}
}

bool parse_size(const char **text, uint64_t *bytes)
{
	const char *cursor = *text;
	unsigned int shift;
	uint64_t number;

	if (!parse_number(&cursor, &number))
		return false;
	shift = suffix_shift(*cursor);
	if (number > UINT64_MAX >> shift)
		return false;
	*text = cursor + (shift != 0);
	*bytes = number << shift;
	return true;
}

bool parse_size_or_bits(const char *text, uint64_t *bytes)
{
	const char *cursor = text;
	uint64_t number;

	if (parse_number(&cursor, &number) && strcmp(cursor, "bits") == 0) {
		if (number > 63)
			return false;
		*bytes = (uint64_t)1 << number;
		return true;
	}
	cursor = text;
	if (!parse_size(&cursor, &number) || *cursor)
		return false;
	*bytes = number;
	return true;
}

const char *parse_switch(const char *text, bool *on)
{
	bool is_on = text == NULL || strcmp(text, "1") == 0 || strcmp(text, "on") == 0;

	if (!is_on && strcmp(text, "0") != 0 && strcmp(text, "off") != 0)
		return "expects 1 or 0, or on or off";
	*on = is_on;
	return NULL;
}

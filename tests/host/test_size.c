/* SPDX-License-Identifier: MIT */
/*
 * Numbers and sizes as people type them: what is read, how far, and what is refused untouched.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/size.h"

#define UNTOUCHED 0x5555555555555555ULL

struct reading {
	const char *text;
	uint64_t value;
	unsigned int length; /* characters read; 0: refused */
};

static void check_reading(bool (*parse)(const char **, uint64_t *), const struct reading *want)
{
	const char *cursor = want->text;
	uint64_t value = UNTOUCHED;

	if (parse(&cursor, &value) != (want->length > 0))
		fail_msg("\"%s\" was %s", want->text, want->length ? "refused" : "accepted");
	if (value != (want->length ? want->value : UNTOUCHED))
		fail_msg("\"%s\" gave %#llx", want->text, (unsigned long long)value);
	if (cursor != want->text + want->length)
		fail_msg("\"%s\": read %d characters", want->text, (int)(cursor - want->text));
}

static void test_parse_number(void **state)
{
	static const struct reading rows[] = {
		{ "0", 0, 1 },
		{ "7", 7, 1 },
		{ "1234567890", 1234567890, 10 },
		{ "0x1f", 0x1f, 4 },
		{ "0X1Fg", 0x1f, 4 },
		{ "0xabcdefABCDEF", 0xabcdefabcdefULL, 14 },
		{ "010", 8, 3 },
		{ "01440000000", 0xc800000, 11 },
		{ "08", 0, 1 }, /* 8 is no octal digit */
		{ "0x", 0, 1 }, /* a zero and an 'x' */
		{ "0xg", 0, 1 },
		{ "12ab", 12, 2 },
		{ "9%", 9, 1 },
		{ "18446744073709551615", UINT64_MAX, 20 },
		{ "0xffffffffffffffff", UINT64_MAX, 18 },
		{ "01777777777777777777777", UINT64_MAX, 23 },
		{ "18446744073709551616", 0, 0 },
		{ "0x10000000000000000", 0, 0 },
		{ "02000000000000000000000", 0, 0 },
		{ "99999999999999999999999", 0, 0 },
		{ "", 0, 0 },
		{ "x1", 0, 0 },
		{ "-1", 0, 0 },
		{ "+1", 0, 0 },
		{ " 1", 0, 0 },
		{ "K", 0, 0 },
		{ "a", 0, 0 },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++)
		check_reading(parse_number, &rows[i]);
}

static void test_parse_size(void **state)
{
	static const struct reading rows[] = {
		{ "0", 0, 1 },
		{ "512", 512, 3 },
		{ "1K", 1ULL << 10, 2 },
		{ "1k", 1ULL << 10, 2 },
		{ "3M", 3ULL << 20, 2 },
		{ "3m", 3ULL << 20, 2 },
		{ "4096G", 1ULL << 42, 5 },
		{ "1g", 1ULL << 30, 2 },
		{ "1T", 1ULL << 40, 2 },
		{ "1t", 1ULL << 40, 2 },
		{ "1P", 1ULL << 50, 2 },
		{ "1p", 1ULL << 50, 2 },
		{ "1E", 1ULL << 60, 2 },
		{ "1e", 1ULL << 60, 2 },
		{ "15E", 15ULL << 60, 3 },
		{ "0x1E", 0x1e, 4 }, /* E is a digit here */
		{ "0x10M", 16ULL << 20, 5 },
		{ "010K", 8ULL << 10, 4 },
		{ "512MB", 512ULL << 20, 4 },
		{ "801M@0x40000000", 801ULL << 20, 4 },
		{ "5B", 5, 1 },
		{ "17179869183G", 17179869183ULL << 30, 12 },
		{ "17179869184G", 0, 0 },
		{ "16E", 0, 0 },
		{ "18446744073709551615", UINT64_MAX, 20 },
		{ "18446744073709551615K", 0, 0 },
		{ "M", 0, 0 },
		{ "", 0, 0 },
		{ "-5M", 0, 0 },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++)
		check_reading(parse_size, &rows[i]);
}

static void test_parse_size_or_bits(void **state)
{
	static const struct {
		const char *text;
		bool accepted;
		uint64_t bytes;
	} rows[] = {
		{ "256M", true, 256ULL << 20 },
		{ "0", true, 0 },
		{ "0x1000", true, 4096 },
		{ "0bits", true, 1 },
		{ "28bits", true, 1ULL << 28 },
		{ "32bits", true, 1ULL << 32 },
		{ "63bits", true, 1ULL << 63 },
		{ "64bits", false, 0 },
		{ "18446744073709551615bits", false, 0 },
		{ "28bit", false, 0 },
		{ "28bitss", false, 0 },
		{ "28Bits", false, 0 },
		{ "28 bits", false, 0 },
		{ "1Kbits", false, 0 },
		{ "bits", false, 0 },
		{ "256MB", false, 0 },
		{ "256M ", false, 0 },
		{ "", false, 0 },
		{ "-1", false, 0 },
		{ "16E", false, 0 },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t bytes = UNTOUCHED;

		if (parse_size_or_bits(rows[i].text, &bytes) != rows[i].accepted)
			fail_msg("\"%s\" was judged wrongly", rows[i].text);
		assert_int_equal(bytes, rows[i].accepted ? rows[i].bytes : UNTOUCHED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_number),
		cmocka_unit_test(test_parse_size),
		cmocka_unit_test(test_parse_size_or_bits),
	};

	return cmocka_run_group_tests_name("size", tests, NULL, NULL);
}

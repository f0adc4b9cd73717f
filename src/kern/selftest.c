/* SPDX-License-Identifier: MIT */
#include "kern/selftest.h"

#include <string.h>

#include "kern/console.h"

const char *(*selftest_check_hook)(void);

static unsigned int failures; /* of the test at hand */
static bool stopped;          /* by who sits at the console */

void selftest_failed(const char *file, int line, const char *text)
{
	failures++;
	if (failures <= 8)
		console_printf("    # %s:%d: expected %s\n", file, line, text);
}

/* The first entry of each suite stands for the suite. */
static bool is_first(const struct selftest *entry)
{
	const struct selftest *other;

	for_each_table_entry(other, selftests)
		if (strcmp(other->suite, entry->suite) == 0)
			return other == entry;
	return false;
}

static bool is_wanted(const struct selftest *entry, const char *suite)
{
	return is_first(entry) && (suite == NULL || strcmp(suite, entry->suite) == 0);
}

static unsigned int count_tests(const char *suite)
{
	const struct selftest *entry;
	unsigned int count = 0;

	for_each_table_entry(entry, selftests)
		count += strcmp(entry->suite, suite) == 0;
	return count;
}

static bool run_suite(const char *suite)
{
	const struct selftest *entry;
	unsigned int number = 0;
	bool good = true;

	console_printf("    KTAP version 1\n    # Subtest: %s\n    1..%u\n", suite,
		       count_tests(suite));
	for_each_table_entry(entry, selftests) {
		if (strcmp(entry->suite, suite) != 0)
			continue;
		failures = 0;
		entry->run();
		good = good && failures == 0;
		console_printf("    %s %u %s\n", failures == 0 ? "ok" : "not ok", ++number,
			       entry->name);
		if (console_interrupted()) {
			stopped = true;
			return false;
		}
	}
	return good;
}

/* A suite whose tests passed but that left something broken has failed. */
static bool system_is_sound(const char *suite)
{
	const char *broken = selftest_check_hook != NULL ? selftest_check_hook() : NULL;

	if (broken != NULL)
		console_printf("# after %s: %s\n", suite, broken);
	return broken == NULL;
}

bool selftest_run(const char *suite)
{
	const struct selftest *entry;
	unsigned int suites = 0, number = 0;
	bool good = true;

	stopped = false;
	for_each_table_entry(entry, selftests)
		suites += is_wanted(entry, suite);
	if (suites == 0) {
		console_printf("selftest: no suite named %s\n", suite != NULL ? suite : "anything");
		return false;
	}
	console_printf("KTAP version 1\n1..%u\n", suites);
	for_each_table_entry(entry, selftests) {
		bool passed;

		if (!is_wanted(entry, suite))
			continue;
		passed = run_suite(entry->suite);
		if (stopped) {
			console_printf("Bail out! Ctrl-C\n");
			return false;
		}
		passed = system_is_sound(entry->suite) && passed;
		good = good && passed;
		console_printf("%s %u %s\n", passed ? "ok" : "not ok", ++number, entry->suite);
	}
	return good;
}

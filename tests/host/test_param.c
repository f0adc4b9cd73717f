/* SPDX-License-Identifier: MIT */
/*
 * Boot parameters: how a line is cut into words, what is complained about and how, and the three
 * parameters of the zone layout.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "kern/log.h"
#include "kern/param.h"
#include "mm/phys/zone_params.h"

/* ---- what was logged, and what the test's own parameters were given ---- */

static char logged[2048];
static unsigned int logged_lines;
static char given[512];
static char *kept;

void printk(enum log_level level, const char *format, ...)
{
	size_t length = strlen(logged);
	va_list args;
	int written;

	assert_int_equal(level, LOG_WARNING);
	va_start(args, format);
	written = vsnprintf(logged + length, sizeof(logged) - length, format, args);
	va_end(args);
	assert_true(written < 256); /* the log cuts longer ones */
	assert_int_equal(logged[length + (size_t)written - 1], '\n');
	assert_ptr_equal(strchr(logged + length, '\n'), logged + length + written - 1);
	logged_lines++;
}

static void note(const char *name, const char *value)
{
	size_t length = strlen(given);

	snprintf(given + length, sizeof(given) - length, "%s=%s|", name, value ? value : "(bare)");
}

static const char *parse_run(const char *value)
{
	note("run", value);
	kept = (char *)(uintptr_t)value;
	return NULL;
}
BOOT_PARAM(run, parse_run, "COMMANDS", "test");

static const char *parse_two_words(const char *value)
{
	note("two_words", value);
	return NULL;
}
BOOT_PARAM(two_words, parse_two_words, "ANYTHING", "test");

static const char *parse_never(const char *value)
{
	(void)value;
	return "nothing is ever right, leave it out";
}
BOOT_PARAM(never, parse_never, "", "test");

static char line[1024];

static void parse(const char *text)
{
	logged[0] = '\0';
	logged_lines = 0;
	given[0] = '\0';
	kept = NULL;
	zone_params_reset();
	assert_true(strlen(text) < sizeof(line));
	strcpy(line, text);
	boot_params_parse(line);
}

/* ---- words ---- */

static void test_words(void **state)
{
	static const struct {
		const char *text;
		const char *given;
	} rows[] = {
		{ "", "" },
		{ "   \t\n ", "" },
		{ "run=a", "run=a|" },
		{ "  run=a\trun=b\nrun=c  ", "run=a|run=b|run=c|" },
		{ "run", "run=(bare)|" },
		{ "run=", "run=|" },
		{ "run=a=b", "run=a=b|" },
		{ "run==", "run==|" },
		/* quotes */
		{ "run=\"a;b\"", "run=a;b|" },
		{ "run=\"a b\" run=c", "run=a b|run=c|" },
		{ "\"run=a b\" run=c", "run=a b|run=c|" },
		{ "run=\"a b", "run=a b|" },
		{ "\"run=a b", "run=a b|" },
		{ "run=\"\"", "run=|" },
		{ "run=\"", "run=|" },
		{ "run=\"a\" run=\"b\"", "run=a|run=b|" },
		{ "run=a\" \"b", "run=a\" \"b|" }, /* inside a value quotes only hold it together */
		{ "run=\"a\"b", "run=a\"b|" },
		{ "\"run\"", "run=(bare)|" },
		/* '-' and '_' */
		{ "two-words=1 two_words=2", "two_words=1|two_words=2|" },
		/* "--" ends what is ours */
		{ "run=a -- run=b never", "run=a|" },
		{ "-- ", "" },
		{ "run=-- run=b", "run=--|run=b|" },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		parse(rows[i].text);
		assert_string_equal(given, rows[i].given);
		assert_string_equal(logged, "");
	}
}

/* A parser may keep what it was given: it points into the caller's buffer. */
static void test_value_stays_in_the_buffer(void **state)
{
	(void)state;
	parse("never run=\"keep me\" run-on");
	assert_in_range((uintptr_t)kept, (uintptr_t)line, (uintptr_t)line + sizeof(line) - 1);
	assert_string_equal(kept, "keep me");
}

/* ---- complaints ---- */

static void test_complaints(void **state)
{
	static const struct {
		const char *text;
		const char *line;
	} rows[] = {
		{ "never=5",
		  "boot argument never=5 ignored: nothing is ever right, leave it out\n" },
		{ "never", "boot argument never ignored: nothing is ever right, leave it out\n" },
		{ "--=5", "boot argument --=5 ignored: no such parameter, remove it or correct its "
			  "name\n" },
		{ "nonsense", "boot argument nonsense ignored: no such parameter, remove it or "
			      "correct its name\n" },
		{ "console=ttyAMA0", "boot argument console=ttyAMA0 ignored: no such parameter, "
				     "remove it or correct its name\n" },
		{ "kernelcor=512M", "boot argument kernelcor=512M ignored: no such parameter, "
				    "perhaps you mean kernelcore\n" },
		{ "kernelcores=1", "boot argument kernelcores=1 ignored: no such parameter, "
				   "perhaps you mean kernelcore\n" },
		{ "kernalcore", "boot argument kernalcore ignored: no such parameter, "
				"perhaps you mean kernelcore\n" },
		{ "vmaloc=1M", "boot argument vmaloc=1M ignored: no such parameter, "
			       "perhaps you mean vmalloc\n" },
		{ "KERNELCORE=1", "boot argument KERNELCORE=1 ignored: no such parameter, "
				  "remove it or correct its name\n" },
		{ "two-word", "boot argument two-word ignored: no such parameter, "
			      "perhaps you mean two_words\n" },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		parse(rows[i].text);
		assert_string_equal(logged, rows[i].line);
		assert_string_equal(given, "");
	}
}

/* The words around a wrong one are still obeyed. */
static void test_complaint_stops_nothing(void **state)
{
	(void)state;
	parse("run=a never=1 nonsense run=b");
	assert_string_equal(given, "run=a|run=b|");
	assert_int_equal(logged_lines, 2);
}

/* A very long word must not push the rule out of the line (printk above checks the length). */
static void test_long_words(void **state)
{
	char text[900];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	parse(text);
	assert_int_equal(logged_lines, 1);
	assert_non_null(strstr(logged, "remove it or correct its name"));
	for (unsigned int length = 30; length <= 34; length++) {
		parse(text + sizeof(text) - 1 - length);
		assert_int_equal(logged_lines, 1);
	}
	memcpy(text, "kernelcore=", 11);
	parse(text);
	assert_int_equal(logged_lines, 1);
	assert_non_null(strstr(logged, "or mirror\n"));
	memset(text, 'x', 11);
	text[400] = '=';
	parse(text);
	assert_int_equal(logged_lines, 1);
	assert_non_null(strstr(logged, "remove it or correct its name"));
}

/* ---- kernelcore=, movablecore=, vmalloc= ---- */

static void expect_core(struct core_size got, enum core_size_kind kind, uint64_t value)
{
	assert_int_equal(got.kind, kind);
	assert_int_equal(got.value, value);
}

static void expect_lowmem(enum lowmem_kind kind, uint64_t bytes)
{
	assert_int_equal(zone_params.lowmem.kind, kind);
	assert_int_equal(zone_params.lowmem.bytes, bytes);
}

static void test_defaults(void **state)
{
	(void)state;
	parse("kernelcore=1M movablecore=1M vmalloc=1M lowmem=1M");
	parse("");
	expect_core(zone_params.kernelcore, CORE_SIZE_NONE, 0);
	expect_core(zone_params.movablecore, CORE_SIZE_NONE, 0);
	assert_int_equal(zone_params.vmalloc_bytes, VMALLOC_DEFAULT_BYTES);
	expect_lowmem(LOWMEM_MOST, 0);
}

static void test_core_sizes(void **state)
{
	static const struct {
		const char *value;
		enum core_size_kind kind;
		uint64_t number;
	} rows[] = {
		{ "512M", CORE_SIZE_BYTES, 512ULL << 20 },
		{ "0", CORE_SIZE_BYTES, 0 },
		{ "1", CORE_SIZE_BYTES, 1 },
		{ "0x20000000", CORE_SIZE_BYTES, 0x20000000 },
		{ "01440000000", CORE_SIZE_BYTES, 0xc800000 },
		{ "4096G", CORE_SIZE_BYTES, 1ULL << 42 },
		{ "1E", CORE_SIZE_BYTES, 1ULL << 60 },
		{ "\"2g\"", CORE_SIZE_BYTES, 2ULL << 30 },
		{ "40%", CORE_SIZE_PERCENT, 40 },
		{ "0%", CORE_SIZE_PERCENT, 0 },
		{ "100%", CORE_SIZE_PERCENT, 100 },
		{ "250%", CORE_SIZE_PERCENT, 250 },
		{ "0x10%", CORE_SIZE_PERCENT, 16 },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[128];

		snprintf(text, sizeof(text), "kernelcore=%s movablecore=%s", rows[i].value,
			 rows[i].value);
		parse(text);
		assert_string_equal(logged, "");
		expect_core(zone_params.kernelcore, rows[i].kind, rows[i].number);
		expect_core(zone_params.movablecore, rows[i].kind, rows[i].number);
	}
}

/* One line each, and what an earlier word said stays. */
static void test_malformed_values(void **state)
{
	static const char *const values[] = {
		"=",
		"=abc",
		"=-1",
		"=800MB",
		"=80%x",
		"=80%%",
		"=%",
		"",
		"=M",
		"=0x",
		"=08",
		"=1.5G",
		"=+1",
		"=16E",
		"=\" 1\"",
		"=Mirror",
		"=mirrors",
		"=512M,mirror",
		"=99999999999999999999%",
	};
	static const char *const names[] = { "kernelcore", "movablecore", "vmalloc", "lowmem" };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(values) * ARRAY_SIZE(names); i++) {
		const char *name = names[i % ARRAY_SIZE(names)];
		char text[256];

		snprintf(text, sizeof(text),
			 "kernelcore=7M movablecore=8%% vmalloc=99M lowmem=5M %s%s", name,
			 values[i / ARRAY_SIZE(names)]);
		parse(text);
		assert_int_equal(logged_lines, 1);
		assert_non_null(strstr(logged, name));
		assert_non_null(strstr(logged, " ignored: the value must be a size such as "));
		expect_core(zone_params.kernelcore, CORE_SIZE_BYTES, 7 << 20);
		expect_core(zone_params.movablecore, CORE_SIZE_PERCENT, 8);
		assert_int_equal(zone_params.vmalloc_bytes, 99 << 20);
		expect_lowmem(LOWMEM_SIZE, 5 << 20);
	}
}

static void test_later_words_win(void **state)
{
	(void)state;
	parse("kernelcore=800M kernelcore=900M movablecore=1M movablecore=2M vmalloc=1 vmalloc=2");
	expect_core(zone_params.kernelcore, CORE_SIZE_BYTES, 900 << 20);
	expect_core(zone_params.movablecore, CORE_SIZE_BYTES, 2 << 20);
	assert_int_equal(zone_params.vmalloc_bytes, 2);
	parse("kernelcore=900M kernelcore=80%");
	expect_core(zone_params.kernelcore, CORE_SIZE_PERCENT, 80);
	parse("kernelcore=80% kernelcore=900M");
	expect_core(zone_params.kernelcore, CORE_SIZE_BYTES, 900 << 20);
	parse("kernelcore=80% kernelcore=0");
	expect_core(zone_params.kernelcore, CORE_SIZE_BYTES, 0);
	parse("kernelcore=80% kernelcore=0%");
	expect_core(zone_params.kernelcore, CORE_SIZE_PERCENT, 0);
	assert_string_equal(logged, "");
}

/* The two cases where Linux lets the earlier word stand. */
static void test_earlier_words_that_stand(void **state)
{
	(void)state;
	parse("kernelcore=mirror kernelcore=512M");
	assert_int_equal(zone_params.kernelcore.kind, CORE_SIZE_MIRROR);
	parse("kernelcore=512M kernelcore=mirror");
	assert_int_equal(zone_params.kernelcore.kind, CORE_SIZE_MIRROR);
	parse("kernelcore=512M kernelcore=0%");
	expect_core(zone_params.kernelcore, CORE_SIZE_BYTES, 512 << 20);
	parse("movablecore=512M movablecore=79% movablecore=0%");
	expect_core(zone_params.movablecore, CORE_SIZE_BYTES, 512 << 20);
	parse("movablecore=79% movablecore=512M movablecore=0%");
	expect_core(zone_params.movablecore, CORE_SIZE_BYTES, 512 << 20);
	parse("movablecore=79% movablecore=0%");
	expect_core(zone_params.movablecore, CORE_SIZE_PERCENT, 0);
	assert_string_equal(logged, "");
}

static void test_mirror_is_for_kernelcore_only(void **state)
{
	(void)state;
	parse("movablecore=mirror vmalloc=mirror vmalloc=40%");
	assert_int_equal(logged_lines, 3);
	expect_core(zone_params.movablecore, CORE_SIZE_NONE, 0);
	assert_int_equal(zone_params.vmalloc_bytes, VMALLOC_DEFAULT_BYTES);
}

/* Clamping is the layout's business: the parser hands on what was asked for. */
static void test_vmalloc(void **state)
{
	(void)state;
	parse("vmalloc=128M");
	assert_int_equal(zone_params.vmalloc_bytes, 128 << 20);
	parse("vmalloc=0");
	assert_int_equal(zone_params.vmalloc_bytes, 0);
	parse("vmalloc=4G");
	assert_int_equal(zone_params.vmalloc_bytes, 4ULL << 30);
	parse("vmalloc=100000001");
	assert_int_equal(zone_params.vmalloc_bytes, 100000001);
	assert_string_equal(logged, "");
}

/* One decision, by two names: the later word counts. No size of highmem=, which ARM does not have. */
static void test_lowmem(void **state)
{
	static const char *const refused[] = { "highmem",          "highmem=",    "highmem=64M",
					       "highmem=0",        "highmem=ALL", "highmem=all,64M",
					       "highmem=\"all \"", "highmem=100%" };

	(void)state;
	parse("lowmem=64M");
	expect_lowmem(LOWMEM_SIZE, 64 << 20);
	parse("lowmem=0");
	expect_lowmem(LOWMEM_SIZE, 0);
	parse("lowmem=16383P lowmem=0x100000001");
	expect_lowmem(LOWMEM_SIZE, 0x100000001);
	parse("lowmem=64M highmem=all");
	expect_lowmem(LOWMEM_LEAST, 0);
	parse("highmem=all lowmem=64M");
	expect_lowmem(LOWMEM_SIZE, 64 << 20);
	assert_string_equal(logged, "");
	for (unsigned int i = 0; i < ARRAY_SIZE(refused); i++) {
		char text[64];

		snprintf(text, sizeof(text), "lowmem=64M %s", refused[i]);
		parse(text);
		assert_int_equal(logged_lines, 1);
		assert_non_null(strstr(logged, " ignored: the value must be all; "));
		expect_lowmem(LOWMEM_SIZE, 64 << 20);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_value_stays_in_the_buffer),
		cmocka_unit_test(test_complaints),
		cmocka_unit_test(test_complaint_stops_nothing),
		cmocka_unit_test(test_long_words),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_core_sizes),
		cmocka_unit_test(test_malformed_values),
		cmocka_unit_test(test_later_words_win),
		cmocka_unit_test(test_earlier_words_that_stand),
		cmocka_unit_test(test_mirror_is_for_kernelcore_only),
		cmocka_unit_test(test_vmalloc),
		cmocka_unit_test(test_lowmem),
	};

	return cmocka_run_group_tests_name("param", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* The boot parameters min_free_kbytes= and lowmem_reserve_ratio=: what they take and refuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "kern/log.h"
#include "kern/param.h"
#include "mm/phys/watermark.h"

static char logged[1024];
static unsigned int logged_lines;

void printk(enum log_level level, const char *format, ...)
{
	size_t length = strlen(logged);
	va_list args;

	assert_int_equal(level, LOG_WARNING);
	va_start(args, format);
	vsnprintf(logged + length, sizeof(logged) - length, format, args);
	va_end(args);
	logged_lines++;
}

/* Each line starts from the defaults. */
static void parse(const char *text)
{
	static char line[256];

	watermark_settings = (struct watermark_settings)WATERMARK_DEFAULTS;
	logged[0] = '\0';
	logged_lines = 0;
	assert_true(strlen(text) < sizeof(line));
	strcpy(line, text);
	boot_params_parse(line);
}

static void expect_settings(uint32_t kbytes, uint32_t dma, uint32_t normal, uint32_t highmem,
			    uint32_t movable)
{
	assert_int_equal(watermark_settings.min_free_kbytes, kbytes);
	assert_int_equal(watermark_settings.lowmem_reserve_ratio[ZONE_DMA], dma);
	assert_int_equal(watermark_settings.lowmem_reserve_ratio[ZONE_NORMAL], normal);
	assert_int_equal(watermark_settings.lowmem_reserve_ratio[ZONE_HIGHMEM], highmem);
	assert_int_equal(watermark_settings.lowmem_reserve_ratio[ZONE_MOVABLE], movable);
}

static void test_min_free_kbytes(void **state)
{
	static const struct {
		const char *text;
		uint32_t kbytes;
	} rows[] = {
		{ "", 0 },
		{ "min_free_kbytes=1", 1 },
		{ "min-free-kbytes=4096", 4096 },
		{ "min_free_kbytes=262144", 262144 },
		{ "min_free_kbytes=0x1000", 4096 },
		{ "min_free_kbytes=\"77\"", 77 },
		{ "min_free_kbytes=5 min_free_kbytes=6", 6 },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		parse(rows[i].text);
		expect_settings(rows[i].kbytes, 256, 32, 0, 0);
		assert_int_equal(logged_lines, 0);
	}
}

static void test_ratios(void **state)
{
	static const struct {
		const char *text;
		uint32_t ratios[MAX_NR_ZONES];
	} rows[] = {
		{ "lowmem_reserve_ratio=1", { 1, 32, 0, 0 } },
		{ "lowmem_reserve_ratio=0", { 0, 32, 0, 0 } },
		{ "lowmem_reserve_ratio=9,8", { 9, 8, 0, 0 } },
		{ "lowmem_reserve_ratio=9,8,7", { 9, 8, 7, 0 } },
		{ "lowmem_reserve_ratio=9,8,7,6", { 9, 8, 7, 6 } },
		{ "lowmem_reserve_ratio=0,0,0,0", { 0, 0, 0, 0 } },
		{ "lowmem_reserve_ratio=4294967295,0x10", { UINT32_MAX, 16, 0, 0 } },
		{ "lowmem-reserve-ratio=9,8 lowmem_reserve_ratio=7", { 7, 8, 0, 0 } },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		const uint32_t *ratios = rows[i].ratios;

		parse(rows[i].text);
		expect_settings(0, ratios[0], ratios[1], ratios[2], ratios[3]);
		assert_int_equal(logged_lines, 0);
	}
}

/* One line each, with the remedy; nothing is changed, not even what came before the slip. */
static void test_malformed_values(void **state)
{
	static const char *const words[] = {
		"min_free_kbytes",
		"min_free_kbytes=",
		"min_free_kbytes=0",
		"min_free_kbytes=-1",
		"min_free_kbytes=262145",
		"min_free_kbytes=4294967297",
		"min_free_kbytes=18446744073709551617",
		"min_free_kbytes=4M",
		"min_free_kbytes=12x",
		"min_free_kbytes=1,2",
		"min_free_kbytes=\"1 2\"",
		"lowmem_reserve_ratio",
		"lowmem_reserve_ratio=",
		"lowmem_reserve_ratio=,",
		"lowmem_reserve_ratio=,1",
		"lowmem_reserve_ratio=1,",
		"lowmem_reserve_ratio=1,2,3,4,",
		"lowmem_reserve_ratio=1,,3",
		"lowmem_reserve_ratio=1,2,3,4,5",
		"lowmem_reserve_ratio=-1",
		"lowmem_reserve_ratio=1,x",
		"lowmem_reserve_ratio=1;2",
		"lowmem_reserve_ratio=1,2M",
		"lowmem_reserve_ratio=1,4294967296",
		"lowmem_reserve_ratio=\"1, 2\"",
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(words); i++) {
		parse(words[i]);
		expect_settings(0, 256, 32, 0, 0);
		assert_int_equal(logged_lines, 1);
		assert_non_null(strstr(logged, "such as"));
		assert_non_null(strstr(logged, words[i][0] == 'm' ? "min_free_kbytes=4096"
								  : "lowmem_reserve_ratio=256,32"));
	}
}

/* What they do: more is kept free, but never more than a quarter of the kernel's memory. */
static void test_what_they_steer(void **state)
{
	const uint32_t managed_pages[MAX_NR_ZONES] = { 2500, 7500, 3200, 0 };
	struct zone_watermarks marks[MAX_NR_ZONES];

	(void)state;
	parse("min_free_kbytes=4000 lowmem_reserve_ratio=100,0");
	assert_int_equal(watermarks_compute(managed_pages, true, 1, &watermark_settings, marks),
			 4000);
	assert_int_equal(marks[ZONE_DMA].min_pages, 250);
	assert_int_equal(marks[ZONE_NORMAL].min_pages, 750);
	assert_int_equal(marks[ZONE_DMA].protection[ZONE_NORMAL], 75);
	assert_int_equal(marks[ZONE_DMA].protection[ZONE_HIGHMEM], 107);
	assert_int_equal(marks[ZONE_NORMAL].protection[ZONE_HIGHMEM], 0);
	parse("min_free_kbytes=10000");
	assert_int_equal(watermarks_compute(managed_pages, true, 1, &watermark_settings, marks),
			 10000);
	parse("min_free_kbytes=10001");
	assert_int_equal(watermarks_compute(managed_pages, true, 1, &watermark_settings, marks),
			 10000);
	parse("min_free_kbytes=3");
	watermarks_compute(managed_pages, true, 1, &watermark_settings, marks);
	assert_int_equal(marks[ZONE_NORMAL].min_pages, 0);
	parse("");
	assert_int_equal(watermarks_compute(managed_pages, true, 1, &watermark_settings, marks),
			 800);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_min_free_kbytes),
		cmocka_unit_test(test_ratios),
		cmocka_unit_test(test_malformed_values),
		cmocka_unit_test(test_what_they_steer),
	};

	return cmocka_run_group_tests_name("watermark parameters", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Watermarks, protection and per-CPU sizes: each formula at its edges, with figures worked out by
 * hand. Whole machines as Linux reported them are in test_oracle.c.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "mm/phys/watermark.h"

static const struct watermark_settings defaults = WATERMARK_DEFAULTS;
static struct zone_watermarks marks[MAX_NR_ZONES];

/* Compute for one processor with every field filled with rubbish first. */
static uint32_t compute(uint32_t dma, uint32_t normal, uint32_t highmem, uint32_t movable,
			bool movable_is_highmem)
{
	const uint32_t managed_pages[MAX_NR_ZONES] = { dma, normal, highmem, movable };

	memset(marks, 0xa5, sizeof(marks));
	return watermarks_compute(managed_pages, movable_is_highmem, 1, &defaults, marks);
}

static void expect_marks(enum zone_type zone, uint32_t min, uint32_t low, uint32_t high)
{
	assert_int_equal(marks[zone].min_pages, min);
	assert_int_equal(marks[zone].low_pages, low);
	assert_int_equal(marks[zone].high_pages, high);
}

static void test_min_free_kbytes(void **state)
{
	static const struct {
		uint32_t pages;
		uint32_t kbytes;
	} rows[] = {
		{ 0, 128 },
		{ 1, 128 },
		{ 255, 128 }, /* the root is 127 */
		{ 256, 128 }, /* and here it is exactly 128 */
		{ 260, 128 }, /* root of 16640 is 128.99 */
		{ 261, 129 }, /* root of 16704 is 129.2 */
		{ 10000, 800 },
		{ 9999, 799 },
		{ 190712, 3493 },
		{ 0x100000, 8192 },
		{ 0x3fffffff, 262143 }, /* beyond any 32-bit machine: the product must not wrap */
		{ 0x40000000, 262144 },
		{ 0xffffffff, 262144 },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(compute(0, rows[i].pages, 0, 0, true), rows[i].kbytes);
		assert_int_equal(compute(rows[i].pages, 0, 0, 0, true), rows[i].kbytes);
	}
}

/* DMA and Normal are added; HighMem and Movable, whatever it is made of, are not. */
static void test_which_zones_count(void **state)
{
	(void)state;
	assert_int_equal(compute(5000, 5000, 0, 0, true), 800);
	assert_int_equal(compute(5000, 5000, 50000, 0, true), 800);
	assert_int_equal(compute(5000, 5000, 0, 50000, true), 800);
	assert_int_equal(compute(5000, 5000, 0, 50000, false), 800);
}

/* 10000 pages: 800 KiB, 200 pages. */
static void test_shares(void **state)
{
	(void)state;
	compute(2500, 7500, 0, 0, true);
	expect_marks(ZONE_DMA, 50, 62, 74);
	expect_marks(ZONE_NORMAL, 150, 187, 224);
	/* rounded down at each step: 200 * 3333 / 10000 = 66.66, a quarter of 66 = 16.5 */
	compute(3333, 6667, 0, 0, true);
	expect_marks(ZONE_DMA, 66, 82, 98);
	expect_marks(ZONE_NORMAL, 133, 166, 199);
}

/* Movable made of lowmem has a share of its own and makes the others' smaller. */
static void test_movable_of_lowmem(void **state)
{
	(void)state;
	compute(0, 10000, 0, 10000, false);
	expect_marks(ZONE_NORMAL, 100, 125, 150);
	expect_marks(ZONE_MOVABLE, 100, 125, 150);
}

/* Highmem has a token min; its distances come from the share that it would have had. */
static void test_highmem(void **state)
{
	(void)state;
	compute(0, 10000, 50 * 1024, 10000, true);
	expect_marks(ZONE_NORMAL, 200, 250, 300);
	expect_marks(ZONE_HIGHMEM, 50, 50 + 256, 50 + 512); /* 200 * 51200 / 10000 / 4 */
	expect_marks(ZONE_MOVABLE, 32, 82, 132);
	compute(0, 10000, 32 * 1024 - 1, 0, true);
	assert_int_equal(marks[ZONE_HIGHMEM].min_pages, 32);
	compute(0, 10000, 33 * 1024, 0, true);
	assert_int_equal(marks[ZONE_HIGHMEM].min_pages, 33);
	compute(0, 10000, 127 * 1024, 0, true);
	assert_int_equal(marks[ZONE_HIGHMEM].min_pages, 127);
	compute(0, 10000, 129 * 1024, 0, true);
	assert_int_equal(marks[ZONE_HIGHMEM].min_pages, 128);
}

/* The distance is a thousandth of the zone where that is more than a quarter of its share. */
static void test_distance(void **state)
{
	(void)state;
	compute(0, 262144, 0, 0,
		true); /* 4096 KiB, 1024 pages: a quarter is 256, a thousandth 262 */
	expect_marks(ZONE_NORMAL, 1024, 1024 + 262, 1024 + 524);
	compute(0, 250000, 0, 0, true); /* 4000 KiB, 1000 pages: 250 both ways */
	expect_marks(ZONE_NORMAL, 1000, 1250, 1500);
	compute(0, 249999, 0, 0, true); /* 3999 KiB, 999 pages: 249 both ways */
	expect_marks(ZONE_NORMAL, 999, 1248, 1497);
}

/* A product beyond 32 bits, and no lowmem at all. */
static void test_extremes(void **state)
{
	(void)state;
	compute(0, 10000, 0x02000000, 0, true); /* 200 * 2^25 is more than 2^32 */
	assert_int_equal(marks[ZONE_HIGHMEM].low_pages, 128 + 167772);
	assert_int_equal(compute(0, 0, 5000, 0, true), 128);
	expect_marks(ZONE_HIGHMEM, 32, 37, 42);
	expect_marks(ZONE_NORMAL, 0, 0, 0);
	assert_int_equal(compute(0, 0, 0, 0, true), 128);
	expect_marks(ZONE_HIGHMEM, 32, 32, 32);
	expect_marks(ZONE_MOVABLE, 32, 32, 32);
	compute(0, 0, 0, 0, false);
	expect_marks(ZONE_MOVABLE, 0, 0, 0);
}

static void expect_protection(enum zone_type zone, const uint32_t want[MAX_NR_ZONES])
{
	for (unsigned int other = 0; other < MAX_NR_ZONES; other++)
		assert_int_equal(marks[zone].protection[other], want[other]);
}

static void test_protection(void **state)
{
	static const uint32_t none[MAX_NR_ZONES];

	(void)state;
	compute(1000, 256000, 25600, 2560, true);
	expect_protection(ZONE_DMA, (uint32_t[]){ 0, 1000, 1100, 1110 });
	expect_protection(ZONE_NORMAL, (uint32_t[]){ 0, 0, 800, 880 });
	expect_protection(ZONE_HIGHMEM, none);
	expect_protection(ZONE_MOVABLE, none);
	/* rounded down from the sum, not the sum of rounded parts */
	compute(1000, 255, 255, 255, true);
	expect_protection(ZONE_DMA, (uint32_t[]){ 0, 0, 1, 2 });
	/* a zone without pages keeps nothing back; without DMA Normal's ratio is the same */
	compute(0, 256000, 25600, 0, true);
	expect_protection(ZONE_DMA, none);
	expect_protection(ZONE_NORMAL, (uint32_t[]){ 0, 0, 800, 800 });
	compute(1000, 0, 25600, 0, true);
	expect_protection(ZONE_DMA, (uint32_t[]){ 0, 0, 100, 100 });
	expect_protection(ZONE_NORMAL, none);
}

static void test_pcp_batch(void **state)
{
	static const struct {
		uint32_t pages;
		uint32_t batch;
	} rows[] = {
		{ 0, 1 },
		{ 1, 1 },
		{ 7 * 1024, 1 },
		{ 8 * 1024 - 1, 1 },
		{ 8 * 1024, 1 }, /* basis 2, 3 with its half, down to 2, less 1 */
		{ 12 * 1024 - 1, 1 },
		{ 12 * 1024, 3 },     /* basis 3, 4 with its half */
		{ 24 * 1024 - 1, 3 }, /* basis 5, 7 with its half */
		{ 24 * 1024, 7 },     /* basis 6, 9 with its half */
		{ 44 * 1024, 15 },    /* basis 11, 16 with its half */
		{ 44 * 1024 - 1, 7 }, /* basis 10, 15 with its half */
		{ 172 * 1024, 63 },
		{ 256 * 1024, 63 }, /* basis 64, 96 with its half */
		{ 0x100000, 63 },   /* the basis is capped */
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		compute(0, rows[i].pages, 0, 0, true);
		assert_int_equal(marks[ZONE_NORMAL].pcp_batch_pages, rows[i].batch);
	}
}

static void test_pcp_high(void **state)
{
	const uint32_t managed_pages[MAX_NR_ZONES] = { 0, 10000, 0, 0 };

	(void)state;
	watermarks_compute(managed_pages, true, 1, &defaults, marks);
	assert_int_equal(marks[ZONE_NORMAL].pcp_high_pages, 250); /* low */
	assert_int_equal(marks[ZONE_HIGHMEM].pcp_high_pages, 32);
	watermarks_compute(managed_pages, true, 4, &defaults, marks);
	assert_int_equal(marks[ZONE_NORMAL].pcp_high_pages, 62);
	watermarks_compute(managed_pages, true, 100, &defaults, marks);
	assert_int_equal(marks[ZONE_NORMAL].pcp_high_pages, 4); /* four batches of one */
}

/* A later count moves protection and per-CPU sizes, and leaves the watermarks alone. */
static void test_refresh(void **state)
{
	const uint32_t later[MAX_NR_ZONES] = { 6400, 44 * 1024, 0, 0 };

	(void)state;
	compute(2500, 7500, 0, 0, true);
	watermarks_refresh(later, 2, &defaults, marks);
	expect_marks(ZONE_NORMAL, 150, 187, 224);
	assert_int_equal(marks[ZONE_NORMAL].pcp_batch_pages, 15);
	assert_int_equal(marks[ZONE_NORMAL].pcp_high_pages, 93);
	expect_protection(ZONE_DMA, (uint32_t[]){ 0, 176, 176, 176 });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_min_free_kbytes), cmocka_unit_test(test_which_zones_count),
		cmocka_unit_test(test_shares),          cmocka_unit_test(test_movable_of_lowmem),
		cmocka_unit_test(test_highmem),         cmocka_unit_test(test_distance),
		cmocka_unit_test(test_extremes),        cmocka_unit_test(test_protection),
		cmocka_unit_test(test_pcp_batch),       cmocka_unit_test(test_pcp_high),
		cmocka_unit_test(test_refresh),
	};

	return cmocka_run_group_tests_name("watermark", tests, NULL, NULL);
}

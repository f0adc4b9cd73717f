/* SPDX-License-Identifier: MIT */
/*
 * The DMA limit: which of dma_zone=, dma-ranges, simdma= and dma_limit= decides, and when one that
 * cannot be met is said instead of obeyed. The rules are those of docs/layout.md.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "kern/log.h"
#include "kern/param.h"
#include "mm/phys/dma_limit.h"
#include "mm/phys/zone_layout.h"

#define BASE 0x40000000ULL
#define GIB  0x40000000ULL

static unsigned int complaints;
static char line[1024]; /* the limit points into nothing of it, but parsers may keep it */
static struct dma_limit limit;

void printk(enum log_level level, const char *format, ...)
{
	(void)level;
	(void)format;
	complaints++;
}

static uint64_t bus_of_ram_base(const char *device, uint64_t ram_base)
{
	return strncmp(device, "bus", 3) == 0 ? 0xc0000000 : ram_base;
}

static void decide(const char *arguments, const struct dma_window *windows, unsigned int count)
{
	struct dma_limit_input input = {
		.windows = windows,
		.window_count = count,
		.ram_base = BASE,
		.ram_end = BASE + GIB,
		.bus_of_ram_base = bus_of_ram_base,
	};

	dma_limit_reset();
	complaints = 0;
	snprintf(line, sizeof(line), "%s", arguments);
	boot_params_parse(line);
	memset(&limit, 0xa5, sizeof(limit));
	dma_limit_compute(&input, &limit);
}

static void expect(uint64_t bytes, enum dma_limit_source source)
{
	assert_int_equal(limit.bytes, bytes);
	assert_int_equal(limit.source, source);
}

static void expect_none(void)
{
	expect(DMA_LIMIT_NONE, DMA_LIMIT_FROM_NOTHING);
}

static void test_arguments(void **state)
{
	static const struct {
		const char *arguments;
		uint64_t bytes;
		enum dma_limit_source source;
	} rows[] = {
		{ "", DMA_LIMIT_NONE, DMA_LIMIT_FROM_NOTHING },
		{ "dma_zone=64M", 64 << 20, DMA_LIMIT_FROM_DMA_ZONE },
		{ "dma_zone=28bits", 1 << 28, DMA_LIMIT_FROM_DMA_ZONE },
		{ "dma_zone=0", 0, DMA_LIMIT_FROM_DMA_ZONE },
		{ "dma_zone=8G", 8 * GIB * 1, DMA_LIMIT_FROM_DMA_ZONE },
		{ "dma_zone=64M dma_zone=32M", 32 << 20, DMA_LIMIT_FROM_DMA_ZONE },
		/* it decides whatever the others say */
		{ "dma_zone=512M simdma=20 dma_limit=a:20bits", 512 << 20,
		  DMA_LIMIT_FROM_DMA_ZONE },
		{ "simdma", DMA_LIMIT_NONE, DMA_LIMIT_FROM_NOTHING },
		{ "simdma=12", 4096, DMA_LIMIT_FROM_SIMDMA },
		{ "simdma=28", 1 << 28, DMA_LIMIT_FROM_SIMDMA },
		{ "simdma=28bits", 1 << 28, DMA_LIMIT_FROM_SIMDMA },
		{ "simdma=29", 1 << 29, DMA_LIMIT_FROM_SIMDMA },
		/* equal to RAM, or more: reaches everything */
		{ "simdma=30", DMA_LIMIT_NONE, DMA_LIMIT_FROM_NOTHING },
		{ "simdma=31", DMA_LIMIT_NONE, DMA_LIMIT_FROM_NOTHING },
		{ "simdma=32", DMA_LIMIT_NONE, DMA_LIMIT_FROM_NOTHING },
		{ "dma_limit=a:30bits", DMA_LIMIT_NONE, DMA_LIMIT_FROM_NOTHING },
		{ "dma_limit=a:63bits", DMA_LIMIT_NONE, DMA_LIMIT_FROM_NOTHING },
		{ "dma_limit=a:29bits", 1 << 29, DMA_LIMIT_FROM_DEVICE },
		/* a device named again replaces; several devices: the smallest */
		{ "dma_limit=a:24bits dma_limit=a:28bits", 1 << 28, DMA_LIMIT_FROM_DEVICE },
		{ "dma_limit=a:24bits dma_limit=b:28bits", 1 << 24, DMA_LIMIT_FROM_DEVICE },
		{ "dma_limit=ab:24bits dma_limit=a:28bits", 1 << 24, DMA_LIMIT_FROM_DEVICE },
		{ "simdma=20 dma_limit=a:24bits", 1 << 20, DMA_LIMIT_FROM_SIMDMA },
		{ "simdma=24 dma_limit=a:20bits", 1 << 20, DMA_LIMIT_FROM_DEVICE },
		{ "simdma=24 dma_limit=a:24bits", 1 << 24, DMA_LIMIT_FROM_SIMDMA },
		/* masks and windows are bus addresses */
		{ "dma_limit=a:0x4fffffff", 0x10000000, DMA_LIMIT_FROM_DEVICE },
		{ "dma_limit=bus:0xc7ffffff", 1 << 27, DMA_LIMIT_FROM_DEVICE },
		{ "dma_limit=a:0x7ffffffe", 0x3fffffff, DMA_LIMIT_FROM_DEVICE },
		{ "dma_limit=a:0x7fffffff", DMA_LIMIT_NONE, DMA_LIMIT_FROM_NOTHING },
		{ "dma_limit=a:0xffffffffffffffff", DMA_LIMIT_NONE, DMA_LIMIT_FROM_NOTHING },
		{ "dma_limit=a:0x40000000", 1, DMA_LIMIT_FROM_DEVICE },
		{ "dma_limit=bus:64M@0xc0000000", 64 << 20, DMA_LIMIT_FROM_DEVICE },
		{ "dma_limit=bus:128M@0xbc000000", 64 << 20, DMA_LIMIT_FROM_DEVICE },
		{ "dma_limit=a:0x100000000@0", DMA_LIMIT_NONE, DMA_LIMIT_FROM_NOTHING },
		{ "dma_limit=a:0xffffffff00000000@0x100000000", DMA_LIMIT_NONE,
		  DMA_LIMIT_FROM_NOTHING },
		{ "dma_limit=/soc/usb@1:24bits", 1 << 24, DMA_LIMIT_FROM_DEVICE },
		{ "dma_limit=a:b:24bits", 1 << 24, DMA_LIMIT_FROM_DEVICE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		decide(rows[i].arguments, NULL, 0);
		if (limit.bytes != rows[i].bytes || limit.source != rows[i].source || complaints)
			fail_msg("%s: %#llx from %u, %u complaints", rows[i].arguments,
				 (unsigned long long)limit.bytes, limit.source, complaints);
	}
}

static void test_refused(void **state)
{
	static const char *const rows[] = {
		"dma_zone",
		"dma_zone=",
		"dma_zone=x",
		"dma_zone=1Mx",
		"dma_zone=64bits",
		"simdma=",
		"simdma=11",
		"simdma=33",
		"simdma=28x",
		"simdma=28bit",
		"simdma=-1",
		"dma_limit",
		"dma_limit=",
		"dma_limit=a",
		"dma_limit=:28bits",
		"dma_limit=a:",
		"dma_limit=a:64bits",
		"dma_limit=a:28bitsx",
		"dma_limit=a:256M",
		"dma_limit=a:256M@",
		"dma_limit=a:0@0",
		"dma_limit=a:1M@0x10x",
		"dma_limit=a:0x20@0xfffffffffffffff0",
		"dma_limit=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:28bits", /* 48 letters */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		decide(rows[i], NULL, 0);
		if (complaints != 1 || limit.source != DMA_LIMIT_FROM_NOTHING)
			fail_msg("%s: %u complaints, source %u", rows[i], complaints, limit.source);
		assert_int_equal(limit.missing_device_count, 0);
	}
	/* What is refused leaves what was there. */
	decide("simdma=24 simdma=50", NULL, 0);
	expect(1 << 24, DMA_LIMIT_FROM_SIMDMA);
	assert_int_equal(dma_limit_simdma_bits(), 24);
	decide("dma_limit=a:24bits dma_limit=a:nonsense", NULL, 0);
	expect(1 << 24, DMA_LIMIT_FROM_DEVICE);
	decide("", NULL, 0);
	assert_int_equal(dma_limit_simdma_bits(), 0);
	/* 47 letters are accepted and kept. */
	decide("dma_limit=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab:28bits", NULL, 0);
	assert_string_equal(limit.reach.device, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab");
}

static void test_nine_devices(void **state)
{
	(void)state;
	decide("dma_limit=a:29bits dma_limit=b:28bits dma_limit=c:27bits dma_limit=d:26bits "
	       "dma_limit=e:25bits dma_limit=f:24bits dma_limit=g:23bits dma_limit=h:22bits "
	       "dma_limit=i:21bits dma_limit=a:20bits",
	       NULL, 0);
	assert_int_equal(complaints, 1);
	expect(1 << 20, DMA_LIMIT_FROM_DEVICE);
	assert_string_equal(limit.reach.device, "a");
}

/* A reach that does not hold the RAM base limits nothing, and is told. */
static void test_missing_devices(void **state)
{
	(void)state;
	decide("dma_limit=a:0x3fffffff dma_limit=bus:64M@0xc0000001 dma_limit=bus2:64M@0xbc000000 "
	       "dma_limit=b:28bits",
	       NULL, 0);
	assert_int_equal(limit.missing_device_count, 3);
	assert_string_equal(limit.missing_devices[0], "a");
	assert_string_equal(limit.missing_devices[1], "bus");
	assert_string_equal(limit.missing_devices[2], "bus2");
	expect(1 << 28, DMA_LIMIT_FROM_DEVICE);
}

static void test_windows(void **state)
{
	static const struct dma_window windows[] = {
		{ BASE, BASE + 0x10000000, 0, 1 }, /* 256 MiB */
		{ 0, BASE + 0x8000000, 0, 2 },     /* from below RAM: 128 MiB of it */
		{ BASE, BASE + GIB, 0, 3 },        /* all */
		{ BASE, BASE + 0x4000000, 0, 4 },
		{ BASE + 0x4000000, BASE + 0x6000000, 0, 4 }, /* unite: 96 MiB */
		{ BASE + 0x1000, BASE + 0x2000, 0, 5 },       /* without the base: no limit */
		{ 0, UINT64_MAX, 0, 6 },
		{ 0, BASE, 0, 7 }, /* ends where RAM begins */
	};

	(void)state;
	decide("", windows, 1);
	expect(0x10000000, DMA_LIMIT_FROM_DMA_RANGES);
	assert_int_equal(limit.reach.node, 1);
	decide("", windows, 2);
	expect(0x8000000, DMA_LIMIT_FROM_DMA_RANGES);
	assert_int_equal(limit.reach.node, 2);
	decide("", windows + 2, 1);
	expect_none();
	decide("", windows, ARRAY_SIZE(windows));
	expect(0x6000000, DMA_LIMIT_FROM_DMA_RANGES);
	assert_int_equal(limit.reach.node, 4);
	assert_int_equal(limit.missing_node_count, 2);
	assert_int_equal(limit.missing_nodes[0], 5);
	assert_int_equal(limit.missing_nodes[1], 7);
	decide("", windows + 5, 2);
	expect_none();
	/* The first of equals is named. */
	decide("simdma=28", windows, 1);
	expect(1 << 28, DMA_LIMIT_FROM_DMA_RANGES);
	decide("simdma=27 dma_limit=a:26bits", windows, 1);
	expect(1 << 26, DMA_LIMIT_FROM_DEVICE);
	decide("dma_zone=0", windows, 1);
	expect(0, DMA_LIMIT_FROM_DMA_ZONE);
}

static void test_windows_order_within_node(void **state)
{
	static const struct dma_window windows[] = {
		{ BASE + 0x4000000, BASE + 0x6000000, 0, 4 },
		{ BASE, BASE + 0x4000000, 0, 4 },
	};

	(void)state;
	decide("", windows, 2);
	expect(0x6000000, DMA_LIMIT_FROM_DMA_RANGES);
	assert_int_equal(limit.missing_node_count, 0);
}

static void test_many_missing_nodes(void **state)
{
	struct dma_window windows[DMA_LIMIT_MISSES_MAX + 2];

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(windows); i++)
		windows[i] = (struct dma_window){ 0, 1, 0, i };
	decide("", windows, ARRAY_SIZE(windows));
	assert_int_equal(limit.missing_node_count, DMA_LIMIT_MISSES_MAX);
	assert_int_equal(limit.missing_nodes[DMA_LIMIT_MISSES_MAX - 1], DMA_LIMIT_MISSES_MAX - 1);
	assert_int_equal(limit.missing_device_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_nine_devices),
		cmocka_unit_test(test_missing_devices),
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_windows_order_within_node),
		cmocka_unit_test(test_many_missing_nodes),
	};

	return cmocka_run_group_tests_name("dma_limit", tests, NULL, NULL);
}

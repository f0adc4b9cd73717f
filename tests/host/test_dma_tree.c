/* SPDX-License-Identifier: MIT */
/*
 * From device trees to reach, pools and the DMA limit: the buses of real boards, and trees with
 * misleading windows, one kind of it each.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "boot/blob.h"
#include "boot/dma_tree.h"
#include "fdt_builder.h"
#include "mm/dma/bounce.h"
#include "mm/phys/memblock.h"
#include "plan_harness.h"

#define BASE 0x40000000ULL

static struct dma_device device;

void harness_failed(const char *file, int line, const char *what)
{
	print_error("%s\n", what);
	_fail(file, line);
	abort();
}

static int drop_blob(void **state)
{
	(void)state;
	harness_take(NULL);
	harness_reset();
	return 0;
}

/* The tree's plan under these arguments, with 1 GiB at BASE. `rest` is the rest of the root. */
#define BOARD(rest)                                    \
	"/ { #address-cells = <1>; #size-cells = <1>;" \
	"  memory { device_type = \"memory\"; reg = <0x40000000 0x40000000>; }; " rest " };"

static void plan_it(const char *arguments, const char *source)
{
	harness_reset();
	harness_take(fdt_build(source));
	assert_true(harness_plan(arguments, strlen(arguments), 0xc0000000));
}

static bool said(const char *text)
{
	return strstr(logged, text) != NULL;
}

/* Describe a device of the tree at hand, with all limits. */
static void describe(const char *name)
{
	assert_true(dma_tree_named(&tree, blob, name, plan.ram_base, &device));
}

static void shows(uint64_t phys, uint64_t bytes, uint64_t bus)
{
	uint64_t got;

	assert_true(dma_reaches(&device, phys, bytes, UINT64_MAX, &got));
	assert_int_equal(got, bus);
	assert_false(dma_reaches(&device, phys, bytes + 1, UINT64_MAX, &got));
	assert_false(dma_reaches(&device, phys - 1, 1, UINT64_MAX, &got));
}

static void reaches_nothing(void)
{
	uint64_t bus;

	assert_true(device.cut_off);
	assert_false(dma_reaches(&device, BASE, 1, UINT64_MAX, &bus));
	assert_false(dma_reaches(&device, 0, 1, UINT64_MAX, &bus));
}

static void reaches_all(void)
{
	uint64_t bus;

	assert_int_equal(device.window_count, 0);
	assert_true(dma_reaches(&device, BASE, 0x40000000, UINT64_MAX, &bus));
	assert_int_equal(bus, BASE);
}

/* --- boards ---------------------------------------------------------------------------------- */

static void no_windows(void **state)
{
	(void)state;
	plan_it("", BOARD("usb@1000 { reg = <0x1000 0x10>; };"));
	describe("usb@1000");
	reaches_all();
	assert_false(device.coherent);
	assert_int_equal(plan.pool_count, 0); /* no limit, no pool */
}

static void pi_2(void **state)
{
	uint64_t bus;
	size_t bytes;
	void *pi;

	(void)state;
	harness_reset();
	pi = fdt_load("build/dts/bcm2836-rpi-2-b.dtb", &bytes);
	harness_take(pi);
	assert_true(harness_plan("dma_limit=mmc@7e300000:28bits", 29, 0x80000000));
	describe("/soc/mmc@7e202000");
	assert_int_equal(device.window_count, 1);
	assert_int_equal(device.windows[0].phys, 0);
	assert_int_equal(device.windows[0].bus, 0xc0000000);
	assert_int_equal(device.windows[0].bytes, 0x3f000000);
	describe("mmc@7e300000");
	assert_true(dma_reaches(&device, 0, 1 << 28, UINT64_MAX, &bus));
	assert_int_equal(bus, 0xc0000000);
	assert_false(dma_reaches(&device, 1 << 28, 1, UINT64_MAX, &bus));
	assert_int_equal(plan.dma.bytes, 1 << 28);
	assert_int_equal(plan.pool_count, 1);
	assert_true(plan.pools[0].base + plan.pools[0].bytes <= 1 << 28);
	assert_int_equal(plan.pools[0].bytes, BOUNCE_POOL_MOST);
}

/* Two buses on the way, each with a view of its own. */
static void joined(void **state)
{
	(void)state;
	plan_it("", BOARD("outer { #address-cells = <1>; #size-cells = <1>;"
			  "  dma-ranges = <0x80000000 0x40000000 0x20000000>;"
			  "  inner { #address-cells = <1>; #size-cells = <1>;"
			  "    dma-ranges = <0x1000000 0x90000000 0x8000000>;"
			  "    mmc@0 { reg = <0 1>; }; }; eth@0 { reg = <0 1>; }; };"));
	describe("mmc@0");
	shows(0x50000000, 0x8000000, 0x1000000);
	describe("eth@0");
	shows(0x40000000, 0x20000000, 0x80000000);
	assert_int_equal(plan.dma.bytes, 0x20000000);
}

/* An address of 64 bits on the inner bus, and of PCI's three cells. */
static void wide_cells(void **state)
{
	(void)state;
	plan_it("", BOARD("pcie { #address-cells = <3>; #size-cells = <2>;"
			  "  dma-ranges = <0x2000000 0x4 0x00000000 0x40000000 0x0 0x40000000>;"
			  "  dev@0 { reg = <0 0 0 0 1>; }; };"));
	describe("dev@0");
	shows(0x40000000, 0x40000000, 0x400000000);
	assert_false(dma_reaches(&device, BASE, 1, dma_streaming_mask(&device), &(uint64_t){ 0 }));
}

/* Entries that go on are one; an alias names it; an empty dma-ranges passes on. */
static void entries_join(void **state)
{
	(void)state;
	plan_it("", BOARD("aliases { eth0 = \"/a/b/eth@0\"; };"
			  "a { #address-cells = <1>; #size-cells = <1>;"
			  "  dma-ranges = <0x0 0x40000000 0x1000000"
			  "                0x1000000 0x41000000 0x1000000>;"
			  "  b { #address-cells = <1>; #size-cells = <1>; dma-ranges;"
			  "    eth@0 { reg = <0 1>; }; }; };"));
	describe("eth0");
	assert_int_equal(device.window_count, 1);
	shows(0x40000000, 0x2000000, 0);
}

static void coherence(void **state)
{
	(void)state;
	plan_it("", BOARD("a { dma-coherent; own { }; b { dma-noncoherent; not { };"
			  "  again { dma-coherent; }; }; }; plain { };"));
	describe("/a");
	assert_true(device.coherent);
	describe("/a/own");
	assert_true(device.coherent);
	describe("/a/b/not");
	assert_false(device.coherent);
	describe("/a/b/again");
	assert_true(device.coherent);
	describe("/plain");
	assert_false(device.coherent);
}

/* --- misleading windows, one kind each --------------------------------------------------------- */

#define BUS(ranges)                                                           \
	"bus { #address-cells = <1>; #size-cells = <1>; dma-ranges = " ranges \
	"; dev@0 { reg = <0 1>; }; };"

/* Above an empty reach another bus that would pass it: still nothing. */
static void parent_passes_nothing(void **state)
{
	(void)state;
	plan_it("",
		BOARD("outer { #address-cells = <1>; #size-cells = <1>;"
		      "  dma-ranges = <0x80000000 0x40000000 0x1000>;"
		      "  inner { #address-cells = <1>; #size-cells = <1>;"
		      "    dma-ranges = <0 0x10000000 0x1000000>; dev@0 { reg = <0 1>; }; }; };"));
	describe("dev@0");
	reaches_nothing();
}

static void parent_cuts(void **state)
{
	(void)state;
	plan_it("", BOARD("outer { #address-cells = <1>; #size-cells = <1>;"
			  "  dma-ranges = <0x80000000 0x40000000 0x1000>;"
			  "  inner { #address-cells = <1>; #size-cells = <1>;"
			  "    dma-ranges = <0 0x80000800 0x1000>; dev@0 { reg = <0 1>; }; }; };"));
	describe("dev@0");
	shows(0x40000800, 0x800, 0);
}

static void window_of_nothing(void **state)
{
	(void)state;
	plan_it("", BOARD(BUS("<0 0x40000000 0>")));
	describe("dev@0");
	reaches_nothing();
}

/* No multiple of an entry: as if it were not there. */
static void window_cut_short(void **state)
{
	(void)state;
	plan_it("", BOARD(BUS("<0 0x40000000>")));
	describe("dev@0");
	reaches_all();
}

/* Of I/O registers only: it reaches no RAM, and sets no limit. */
static void window_of_registers(void **state)
{
	uint64_t bus;

	(void)state;
	plan_it("", BOARD(BUS("<0x7e000000 0x3f000000 0x1000000>")));
	describe("dev@0");
	assert_false(dma_reaches(&device, BASE, 1, UINT64_MAX, &bus));
	assert_true(dma_reaches(&device, 0x3f000000, 4, UINT64_MAX, &bus));
	assert_int_equal(plan.dma.bytes, DMA_LIMIT_NONE);
	assert_int_equal(plan.pool_count, 0); /* where should it be? */
}

/* Of I/O registers too, before and behind RAM's: the limit is RAM's, a hole is no reach. */
static void windows_with_a_hole(void **state)
{
	uint64_t bus;

	(void)state;
	plan_it("", BOARD(BUS("<0x0 0x40000000 0x1000000  0x7e000000 0x3f000000 0x1000000"
			      " 0x2000000 0x44000000 0x1000000>")));
	describe("dev@0");
	assert_int_equal(device.window_count, 3);
	assert_true(dma_reaches(&device, 0x40ffffff, 1, UINT64_MAX, &bus));
	assert_false(dma_reaches(&device, 0x41000000, 1, UINT64_MAX, &bus));
	assert_true(dma_reaches(&device, 0x44000000, 1, UINT64_MAX, &bus));
	assert_int_equal(bus, 0x2000000);
	/* The highest address counts for the zone; the pool is where it is reached. */
	assert_int_equal(plan.dma.bytes, 0x5000000);
	assert_int_equal(plan.pool_count, 1);
	assert_true(
		dma_reaches(&device, plan.pools[0].base, plan.pools[0].bytes, UINT64_MAX, &bus));
}

/* To the end of RAM, so there is no limit; for what lies in the gap there is a pool all the same. */
static void windows_with_a_gap(void **state)
{
	uint64_t bus;

	(void)state;
	plan_it("", BOARD(BUS("<0x0 0x40000000 0x4000000  0x20000000 0x60000000 0x20000000>")));
	describe("dev@0");
	assert_int_equal(plan.dma.bytes, DMA_LIMIT_NONE);
	assert_int_equal(plan.pool_count, 1);
	assert_string_equal(plan.pools[0].name, "/bus");
	assert_true(
		dma_reaches(&device, plan.pools[0].base, plan.pools[0].bytes, UINT64_MAX, &bus));
	/* One that is asked for and lies in the gap is no use: a second one. */
	plan_it("swiotlb=1M dma_zone=128M", BOARD(BUS("<0x0 0x40000000 0x4000000"
						      " 0x20000000 0x60000000 0x20000000>")));
	describe("dev@0");
	assert_int_equal(plan.pool_count, 2);
	assert_false(
		dma_reaches(&device, plan.pools[0].base, plan.pools[0].bytes, UINT64_MAX, &bus));
	assert_true(
		dma_reaches(&device, plan.pools[1].base, plan.pools[1].bytes, UINT64_MAX, &bus));
	/* All of RAM, in two pieces that join: none. */
	plan_it("", BOARD(BUS("<0x0 0x40000000 0x4000000  0x4000000 0x44000000 0x3c000000>")));
	assert_int_equal(plan.pool_count, 0);
}

/* The start of RAM is left out: no limit, and a pool of its own. */
static void window_without_start(void **state)
{
	(void)state;
	plan_it("", BOARD(BUS("<0 0x50000000 0x8000000>")));
	describe("dev@0");
	shows(0x50000000, 0x8000000, 0);
	assert_int_equal(plan.dma.bytes, DMA_LIMIT_NONE);
	assert_int_equal(plan.pool_count, 1);
	assert_string_equal(plan.pools[0].name, "/bus");
	assert_int_equal(plan.pools[0].bytes, 0x8000000 / 64);
	assert_in_range(plan.pools[0].base, 0x50000000, 0x58000000 - plan.pools[0].bytes);
	assert_true(memblock_is_region_reserved((phys_addr_t)plan.pools[0].base, PAGE_SIZE));
	assert_true(said("DMA bounce pool: 2048 KiB"));
}

/* Overlapping views: every byte of RAM twice. */
static void windows_overlap(void **state)
{
	uint64_t bus;

	(void)state;
	plan_it("", BOARD(BUS("<0x0 0x40000000 0x2000000  0x80000000 0x41000000 0x2000000>")));
	describe("dev@0");
	assert_true(dma_reaches(&device, 0x41ffffff, 1, UINT64_MAX, &bus));
	assert_int_equal(bus, 0x1ffffff);
	assert_true(dma_reaches(&device, 0x41ffffff, 2, UINT64_MAX, &bus));
	assert_int_equal(bus, 0x80ffffff);
	assert_false(dma_reaches(&device, 0x40ffffff, 0x1000003, UINT64_MAX, &bus));
}

/* More than are kept: those that are left out are out of reach, and that is said. */
static void too_many_windows(void **state)
{
	uint64_t bus;

	(void)state;
	plan_it("", BOARD(BUS("<0x00000000 0x40000000 0x1000  0x10000000 0x40001000 0x1000"
			      " 0x20000000 0x40002000 0x1000  0x30000000 0x40003000 0x1000"
			      " 0x40000000 0x40004000 0x1000  0x50000000 0x40005000 0x1000"
			      " 0x60000000 0x40006000 0x1000  0x70000000 0x40007000 0x1000"
			      " 0x80000000 0x40008000 0x1000>")));
	describe("dev@0");
	assert_int_equal(device.window_count, DMA_WINDOWS_MOST);
	assert_true(dma_reaches(&device, 0x40007fff, 1, UINT64_MAX, &bus));
	assert_false(dma_reaches(&device, 0x40008000, 1, UINT64_MAX, &bus));
	assert_true(said("dev@0: its bus has more than 8 windows for DMA: memory from 0x40008000"));
}

static void window_ends_past_everything(void **state)
{
	uint64_t bus;

	(void)state;
	plan_it("", "/ { #address-cells = <2>; #size-cells = <2>;"
		    "  memory { device_type = \"memory\"; reg = <0 0x40000000 0 0x40000000>; };"
		    "  bus { #address-cells = <2>; #size-cells = <2>;"
		    "    dma-ranges = <0 0x40000000 0 0x40000000 0xffffffff 0xffffffff>;"
		    "    dev@0 { }; }; };");
	describe("dev@0");
	assert_true(dma_reaches(&device, BASE, 0x40000000, UINT64_MAX, &bus));
	assert_int_equal(bus, BASE);
}

/* --- dma_limit=, dma_zone=, swiotlb= ----------------------------------------------------------- */

static void limits_of_devices(void **state)
{
	(void)state;
	plan_it("dma_limit=dev@0:24bits", BOARD(BUS("<0 0x40000000 0x40000000>")));
	describe("/bus/dev@0"); /* by another name than the rule's */
	shows(0x40000000, 1 << 24, 0);
	assert_int_equal(plan.dma.bytes, 1 << 24);
	assert_int_equal(plan.pools[0].bytes, BOUNCE_POOL_LEAST);
	/* A window that leaves out the start of RAM, in bus addresses. */
	plan_it("dma_limit=/bus/dev@0:16M@0x10000000", BOARD(BUS("<0 0x40000000 0x40000000>")));
	describe("dev@0");
	shows(0x50000000, 1 << 24, 0x10000000);
	assert_int_equal(plan.dma.bytes, DMA_LIMIT_NONE);
	assert_int_equal(plan.pool_count, 1);
	assert_string_equal(plan.pools[0].name, "/bus/dev@0");
	assert_in_range(plan.pools[0].base, 0x50000000, 0x51000000 - BOUNCE_POOL_LEAST);
}

static void simulated_device(void **state)
{
	(void)state;
	plan_it("dma_limit=simdma:24bits", BOARD(""));
	describe("simdma");
	shows(0x40000000, 1 << 24, 0);
	assert_int_equal(plan.dma.bytes, 1 << 24);
	assert_false(said("no such device"));
	assert_false(dma_tree_named(&tree, blob, "other", plan.ram_base, &device));
	plan_it("dma_limit=other:24bits", BOARD(""));
	assert_true(said("dma_limit=other: no such device in the tree"));
}

#define SIMDMA(rest) "simdma { compatible = \"strata,simdma\"; " rest " };"

/* The tree's wins over the argument, wherever it stands. */
static void simulated_device_of_the_tree(void **state)
{
	(void)state;
	plan_it("simdma=28", BOARD(SIMDMA("strata,address-bits = <24>;")));
	assert_int_equal(plan.dma.bytes, 1 << 24);
	assert_string_equal(boot_plan_dma_source(&plan, blob), "address lines of /simdma");
	assert_true(said("simdma=28: the tree has /simdma with 24 address lines"));
	describe("/simdma");
	shows(0x40000000, 0xc0000000, 0);
	plan_it("simdma=28", BOARD(SIMDMA("")));
	assert_int_equal(plan.dma.bytes, DMA_LIMIT_NONE);
	plan_it("", BOARD(SIMDMA("strata,address-bits = <11>;")));
	assert_true(said("/simdma: strata,address-bits must be one number from 12 to 32"));
	assert_int_equal(plan.dma.bytes, DMA_LIMIT_NONE);
	plan_it("", BOARD(SIMDMA("strata,address-bits = <24 0>;")));
	assert_true(said("/simdma: strata,address-bits must be"));
	plan_it("", BOARD(SIMDMA("strata,address-bits = <33>;")));
	assert_true(said("/simdma: strata,address-bits must be"));
	/* One that is not there, by itself or by its bus. */
	plan_it("simdma=28", BOARD(SIMDMA("status = \"disabled\"; strata,address-bits = <24>;")));
	assert_int_equal(plan.dma.bytes, 1 << 28);
	plan_it("simdma=28",
		BOARD("off { status = \"disabled\"; " SIMDMA("strata,address-bits = <24>;") " };"));
	assert_int_equal(plan.dma.bytes, 1 << 28);
	/* Behind windows that do not show RAM: it has its own. */
	plan_it("", BOARD("b { #address-cells = <1>; #size-cells = <1>; "
			  "dma-ranges = <0 0x50000000 0x1000000>; " SIMDMA(
				  "strata,address-bits = <24>;") " };"));
	describe("/b/simdma");
	shows(0x40000000, 0xc0000000, 0);
	assert_int_equal(plan.dma.bytes, 1 << 24);
}

/* One line that names both, and the pool stays within the shorter one. */
static void zone_wider_than_reach(void **state)
{
	(void)state;
	plan_it("dma_zone=512M dma_limit=dev@0:26bits", BOARD(BUS("<0 0x40000000 0x40000000>")));
	assert_int_equal(plan.dma.bytes, 512U << 20);
	assert_true(said("dma_zone= is wider than what dma_limit=dev@0 reaches, 65536 KiB"));
	assert_true(plan.pools[0].base + plan.pools[0].bytes <= BASE + (1U << 26));
	assert_int_equal(plan.pools[0].bytes, BOUNCE_POOL_MOST);
	plan_it("dma_zone=16M dma_limit=dev@0:26bits", BOARD(BUS("<0 0x40000000 0x40000000>")));
	assert_false(said("is wider than"));
	plan_it("dma_zone=512M", BOARD(BUS("<0 0x40000000 0x8000000>")));
	assert_true(said("dma_zone= is wider than what dma-ranges of /bus reaches, 131072 KiB"));
}

static void pool_sizes(void **state)
{
	(void)state;
	plan_it("swiotlb=1M", BOARD("")); /* without a limit, when asked for */
	assert_int_equal(plan.pool_count, 1);
	assert_int_equal(plan.pools[0].bytes, 1 << 20);
	plan_it("swiotlb=0 simdma=28", BOARD(""));
	assert_int_equal(plan.pool_count, 0);
	plan_it("swiotlb=0", BOARD(BUS("<0 0x50000000 0x8000000>")));
	assert_int_equal(plan.pool_count, 0);
	plan_it("swiotlb=64K", BOARD(BUS("<0 0x50000000 0x8000000>")));
	assert_int_equal(plan.pool_count, 2);
	assert_int_equal(plan.pools[1].bytes, 64 << 10);
	plan_it("simdma=24", BOARD(""));
	assert_int_equal(plan.pools[0].bytes, BOUNCE_POOL_LEAST);
	plan_it("simdma=27", BOARD(""));
	assert_int_equal(plan.pools[0].bytes, (1U << 27) / 64);
	plan_it("simdma=29", BOARD(""));
	assert_int_equal(plan.pools[0].bytes, BOUNCE_POOL_MOST);
	/* The boot needs some as well. */
	plan_it("simdma=24 swiotlb=15M", BOARD(""));
	assert_true(said("swiotlb=: more than half of what is free for swiotlb, or than its "
			 "largest piece: lowered to"));
	assert_in_range(plan.pools[0].bytes, 1, 8U << 20);
	assert_true(plan.pools[0].base + plan.pools[0].bytes <= BASE + (1U << 24));
	/* What is free lies in two pieces, and half of it is more than either. */
	plan_it("simdma=24 swiotlb=15M",
		BOARD("reserved-memory { #address-cells = <1>; #size-cells = <1>; ranges;"
		      "  hole@40700000 { reg = <0x40700000 0x200000>; };"
		      "  hole@40400000 { reg = <0x40400000 0x100000>; };"
		      "  hole@40c00000 { reg = <0x40c00000 0x100000>; }; };"));
	assert_int_equal(plan.pool_count, 1);
	assert_in_range(plan.pools[0].bytes, 2U << 20, 3U << 20);
	plan_it("swiotlb=1000", BOARD(""));
	assert_int_equal(plan.pool_count, 0);
	assert_true(said("swiotlb=1000"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_windows),
		cmocka_unit_test(pi_2),
		cmocka_unit_test(joined),
		cmocka_unit_test(wide_cells),
		cmocka_unit_test(entries_join),
		cmocka_unit_test(coherence),
		cmocka_unit_test(parent_passes_nothing),
		cmocka_unit_test(parent_cuts),
		cmocka_unit_test(window_of_nothing),
		cmocka_unit_test(window_cut_short),
		cmocka_unit_test(window_of_registers),
		cmocka_unit_test(windows_with_a_hole),
		cmocka_unit_test(windows_with_a_gap),
		cmocka_unit_test(window_without_start),
		cmocka_unit_test(windows_overlap),
		cmocka_unit_test(too_many_windows),
		cmocka_unit_test(window_ends_past_everything),
		cmocka_unit_test(limits_of_devices),
		cmocka_unit_test(simulated_device),
		cmocka_unit_test(simulated_device_of_the_tree),
		cmocka_unit_test(zone_wider_than_reach),
		cmocka_unit_test(pool_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, drop_blob);
}

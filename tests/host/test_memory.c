/* SPDX-License-Identifier: MIT */
/*
 * From a tree and its boot arguments to memblock and the plan: mem=, reservations, no-map, dynamic
 * regions, and what is said of those that cannot be had. At the end trees are damaged at random and
 * taken all the way; whatever happens, memblock stays sound and the zones add up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/memory.h"
#include "fdt_builder.h"
#include "plan_harness.h"
#include "mm/phys/memblock.h"

#define BASE   0x40000000U
#define MIB(n) ((uint64_t)(n) << 20)

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

/* The whole way for a sound tree. */
static void boot(const char *arguments, const char *source)
{
	harness_reset();
	harness_take(fdt_build(source));
	assert_int_equal(boot_tree_scan(blob, &tree), TREE_WHOLE);
	harness_parse(arguments, strlen(arguments));
	harness_fill(boot_tree_ram_base(&tree));
}

/* One bank of 1 GiB at BASE; `rest` comes behind it. */
#define BOARD(rest) \
	"/ { memory { device_type = \"memory\"; reg = <0x40000000 0x40000000>; }; " rest " };"
#define WITH_RESERVED(nodes) BOARD("reserved-memory { ranges; " nodes " };")

static bool said(const char *text)
{
	return strstr(logged, text) != NULL;
}

static void expect_piece(unsigned long index, uint64_t base, uint64_t end, bool no_map)
{
	const struct memblock_region *region = &memblock.memory.regions[index];

	assert_true(index < memblock.memory.cnt);
	assert_int_equal(region->base, base);
	assert_int_equal(region->base + region->size, end);
	assert_int_equal(memblock_is_nomap(region), no_map);
}

static void expect_one_bank(uint64_t base, uint64_t end)
{
	assert_int_equal(memblock.memory.cnt, 1);
	expect_piece(0, base, end, false);
}

/* ---- banks ---- */

static void test_first_page_and_image(void **state)
{
	(void)state;
	boot("", BOARD(""));
	expect_one_bank(BASE, 0x80000000);
	assert_int_equal(memblock.reserved.cnt, 2);
	assert_int_equal(memblock.reserved.regions[0].base, BASE);
	assert_int_equal(memblock.reserved.regions[0].size, PAGE_SIZE);
	assert_int_equal(memblock.reserved.regions[1].base, BASE + SZ_2M);
	assert_int_equal(memblock.reserved.regions[1].size, IMAGE_BYTES);
	assert_string_equal(logged, "");
}

#define MEMORY(reg) "/ { memory { device_type = \"memory\"; reg = <" reg ">; }; };"
#define WIDE(reg)                                                                                \
	"/ { #address-cells = <2>; #size-cells = <2>; memory { device_type = \"memory\"; reg = " \
	"<" reg ">; }; };"

static void test_banks(void **state)
{
	(void)state;
	/* overlapping, touching, unsorted */
	boot("", MEMORY("0x50000000 0x1000000 0x40000000 0x8000000 0x47000000 0x2000000 "
			"0x49000000 0x1000"));
	assert_int_equal(memblock.memory.cnt, 2);
	expect_piece(0, 0x40000000, 0x49001000, false);
	expect_piece(1, 0x50000000, 0x51000000, false);
	/* base up, end down to pages; below 2 MiB is cut */
	boot("", MEMORY("0x40000801 0x10000000 0x60000001 0xffe 0x70000800 0x2000"));
	assert_int_equal(memblock.memory.cnt, 2);
	expect_piece(0, 0x40200000, 0x50000000, false);
	expect_piece(1, 0x70001000, 0x70002000, false);
	assert_true(said("begins below the RAM base"));
	/* the last page below 4 GiB is lost, silently as in Linux */
	boot("", MEMORY("0xc0000000 0x40000000"));
	expect_one_bank(0xc0000000, 0xfffff000);
	assert_string_equal(logged, "");
	/* above 4 GiB */
	boot("", WIDE("0 0xc0000000 0 0x80000000 1 0x80000000 0 0x1000"));
	expect_one_bank(0xc0000000, 0xfffff000);
	assert_true(said("reaches above 4 GiB"));
	assert_true(said("lies above 4 GiB"));
	boot("", WIDE("0 0x40000000 0xffffffff 0xffffffff"));
	expect_one_bank(0x40000000, 0xfffff000);
}

/* ---- mem= ---- */

static void test_mem(void **state)
{
	static const struct {
		const char *arguments;
		uint64_t ends[6]; /* base, end, base, end, ... */
	} rows[] = {
		{ "mem=512M", { BASE, 0x60000000 } },
		{ "mem=512M@0x40000000", { BASE, 0x60000000 } },
		{ "mem=64M mem=64M@0x50000000", { BASE, 0x44000000, 0x50000000, 0x54000000 } },
		{ "mem=64M@0x50000000 mem=64M", { BASE, 0x44000000, 0x50000000, 0x54000000 } },
		{ "mem=64M@0x42000000 mem=64M", { BASE, 0x46000000 } },
		{ "mem=64M mem=64M@0x44000000", { BASE, 0x48000000 } },
		{ "mem=256M mem=1M@0x41000000", { BASE, 0x50000000 } },
		{ "mem=16M mem=4M@0x7fc00000 mem=4M@0x50000000",
		  { BASE, 0x41000000, 0x50000000, 0x50400000, 0x7fc00000, 0x80000000 } },
		{ "mem=1048577K@0x3ffffc00", { BASE, 0x80000000 } },
		{ "mem=67109888", { BASE, 0x44000000 } }, /* down to pages */
		{ "mem=0x4000800@0x3ffff900", { BASE, 0x44000000 } },
		{ "mem=64M mem=100@0x50000010", { BASE, 0x44000000 } }, /* not a page: nothing */
		{ "mem=4M@0x40200000", { 0x40200000, 0x40600000 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unsigned long count = 0;

		boot(rows[i].arguments, BOARD(""));
		while (count < 3 && rows[i].ends[2 * count + 1] != 0)
			count++;
		if (memblock.memory.cnt != count)
			fail_msg("%s: %lu regions", rows[i].arguments, memblock.memory.cnt);
		for (unsigned long j = 0; j < count; j++)
			expect_piece(j, rows[i].ends[2 * j], rows[i].ends[2 * j + 1], false);
		assert_false(said("leaves out"));
	}
}

static void test_mem_beyond_ram(void **state)
{
	(void)state;
	boot("mem=8G", BOARD(""));
	expect_one_bank(BASE, 0x80000000);
	assert_true(said("is not all RAM"));
	boot("mem=2G mem=1M@0x100000000 mem=1M@0xfffffffffff00000", BOARD(""));
	expect_one_bank(BASE, 0x80000000);
	boot("mem=256M", MEMORY("0x40000000 0x8000000 0x4c000000 0x10000000"));
	assert_int_equal(memblock.memory.cnt, 2);
	expect_piece(0, 0x40000000, 0x48000000, false);
	expect_piece(1, 0x4c000000, 0x50000000, false);
	assert_true(said("0x40000000-0x4fffffff is not all RAM"));
	boot("mem=512M", BOARD(""));
	assert_false(said("is not all RAM"));
}

static void test_mem_refused(void **state)
{
	static const char *const without_image[] = {
		"mem=2M",
		"mem=2303K",
		"mem=64M@0x50000000",
		"mem=1K",
		"mem=2M mem=64M@0x40201000",
		"mem=64M@0x30000000",
		"mem=1K@0xfffffffffffff800",
		"mem=1T@0x100000000",
	};
	static const char *const malformed[] = {
		"mem",       "mem=",       "mem=0",
		"mem=x",     "mem=64Mx",   "mem=64M@",
		"mem=64M@x", "mem=64M@1x", "mem=0x1000@0xfffffffffffff001",
		"mem=16E",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(without_image); i++) {
		boot(without_image[i], BOARD(""));
		if (memblock.memory.cnt != 1 || !said("leaves out the running image"))
			fail_msg("%s: %s", without_image[i], logged);
		expect_one_bank(BASE, 0x80000000);
	}
	for (size_t i = 0; i < ARRAY_SIZE(malformed); i++) {
		boot(malformed[i], BOARD(""));
		if (!said(" ignored: "))
			fail_msg("%s: %s", malformed[i], logged);
		expect_one_bank(BASE, 0x80000000);
	}
	/* What is left out of the rest counts all the same. */
	boot("mem=64M mem=x", BOARD(""));
	expect_one_bank(BASE, 0x44000000);
	boot("mem=2304K", BOARD(""));
	expect_one_bank(BASE, BASE + 2304 * 1024);
}

static void test_mem_seventeen(void **state)
{
	char arguments[512] = "mem=8M";

	(void)state;
	for (unsigned int i = 1; i < 17; i++)
		snprintf(arguments + strlen(arguments), sizeof(arguments) - strlen(arguments),
			 " mem=1M@%#x", BASE + (i << 24));
	boot(arguments, BOARD(""));
	assert_int_equal(memblock.memory.cnt, 16);
	expect_piece(15, BASE + (15 << 24), BASE + (15 << 24) + MIB(1), false);
	assert_true(said("the 17th mem="));
}

/* ---- reservations ---- */

static void test_memreserve(void **state)
{
	(void)state;
	boot("",
	     "/memreserve/ 0x50000000 0x1001; /memreserve/ 0x20000000 0x1000;"
	     "/memreserve/ 0x7fffff00 0xffffffffffffffff; /memreserve/ 0x100000000 0x1000;" BOARD(
		     ""));
	assert_true(memblock_is_region_reserved(0x50001000, 1));
	assert_false(memblock_is_region_reserved(0x50001001, 1));
	assert_true(memblock_is_reserved(0x7fffffff));
	assert_true(said("/memreserve/: 0x20000000 size 0x1000: not RAM"));
	assert_true(said("/memreserve/: 0x100000000 size 0x1000: not RAM"));
	assert_false(said("0x50000000"));
}

static void test_reserved_static(void **state)
{
	(void)state;
	boot("", WITH_RESERVED("a { reg = <0x50000000 0x1000 0x60000000 0x1000>; };"
			       "b { reg = <0x70000000 0x1000>; no-map; };"
			       "c { reg = <0x71000000 0x1000>; reusable; };"
			       "d { reg = <0x20000000 0x1000>; };"
			       "e { reg = <0x20000000 0x1000>; no-map; };"));
	assert_true(memblock_is_reserved(0x50000fff));
	assert_true(memblock_is_reserved(0x60000000));
	assert_int_equal(memblock.memory.cnt, 3);
	expect_piece(1, 0x70000000, 0x70001000, true);
	assert_false(memblock_is_reserved(0x71000000));
	assert_true(said("/reserved-memory/c: reusable region"));
	assert_true(said("/reserved-memory/d: reserved region 0x20000000 size 0x1000: not RAM"));
	assert_true(said("/reserved-memory/e: reserved region 0x20000000 size 0x1000: not RAM"));
}

/* An image without a mapping ends the boot; a region listed twice did so elsewhere. */
static void test_no_map_over_memory_in_use(void **state)
{
	(void)state;
	boot("", WITH_RESERVED("a { reg = <0x40000000 0x400000>; no-map; };"));
	expect_one_bank(BASE, 0x80000000);
	assert_true(memblock_is_reserved(0x403fffff));
	assert_true(said("only reserved, stays mapped"));
	boot("", "/memreserve/ 0x50000000 0x1000;" WITH_RESERVED(
			 "a { reg = <0x50000000 0x1000>; no-map; };"));
	expect_one_bank(BASE, 0x80000000);
	assert_true(said("only reserved, stays mapped"));
	/* Touching is not overlapping. */
	boot("", WITH_RESERVED("a { reg = <0x40240000 0x1000>; no-map; };"));
	assert_int_equal(memblock.memory.cnt, 3);
}

/* Firmware often keeps the start of RAM for itself: our own first page is no reason to map it. */
static void test_no_map_at_ram_start(void **state)
{
	(void)state;
	boot("", WITH_RESERVED("a { reg = <0x40000000 0x100000>; no-map; };"));
	assert_int_equal(memblock.memory.cnt, 2);
	expect_piece(0, BASE, BASE + MIB(1), true);
	assert_true(memblock_is_reserved(BASE));
	assert_string_equal(logged, "");
	boot_plan_compute(&tree, blob, BASE, 0xc0000000, &plan);
	harness_check_memblock();
	assert_int_equal(plan.layout.lost_head_base, BASE + MIB(1));
	assert_int_equal(plan.layout.lost_head_size, MIB(1));
}

/* A page that is no-map in part is neither: the plan takes it out of memblock as well. */
static void test_no_map_inside_a_page(void **state)
{
	(void)state;
	boot("", WITH_RESERVED("a { reg = <0x50000800 0x2000>; no-map; };"));
	boot_plan_compute(&tree, blob, BASE, 0xc0000000, &plan);
	harness_check_memblock();
	assert_int_equal(memblock.memory.cnt, 3);
	expect_piece(0, BASE, 0x50000000, false);
	expect_piece(1, 0x50001000, 0x50002000, true);
	expect_piece(2, 0x50003000, 0x80000000, false);
}

/* Found by fuzzing: the lost head joined the no-map piece to a whole page that no zone had. */
static void test_no_map_inside_the_first_page(void **state)
{
	(void)state;
	boot("", WITH_RESERVED("a { reg = <0x40000000 0x50>; no-map; };"));
	boot_plan_compute(&tree, blob, BASE, 0xc0000000, &plan);
	harness_check_memblock();
	harness_check_layout();
	assert_int_equal(plan.layout.lost_head_base, BASE + PAGE_SIZE);
}

static void test_dynamic(void **state)
{
	(void)state;
	boot("", WITH_RESERVED("a { size = <0x10001>; };"));
	assert_true(memblock_is_region_reserved(0x7ffef000, 1));
	assert_false(memblock_is_region_reserved(0x7ffeefff, 1));
	assert_true(said("/reserved-memory/a: placed at 0x7ffef000 size 0x11000"));
	boot("", WITH_RESERVED("a { size = <0x1000>; alignment = <0x10000000>; no-map; };"));
	assert_int_equal(memblock.memory.cnt, 3);
	expect_piece(1, 0x70000000, 0x70001000, true);
	/* A place that is fixed goes first, whatever the order of the nodes. */
	boot("", WITH_RESERVED("a { size = <0x1000>; }; b { reg = <0x7ffff000 0x1000>; };"));
	assert_true(said("placed at 0x7fffe000"));
	/* The first of alloc-ranges that has room. */
	boot("", WITH_RESERVED("a { size = <0x2000>; alloc-ranges = <0x10000000 0x1000000"
			       " 0x40000000 0x1000 0x50000000 0x1000 0x60000000 0x2000"
			       " 0x70000000 0x10000>; };"));
	assert_true(said("placed at 0x60000000"));
	boot("", WITH_RESERVED("a { size = <0x1000>; reusable; };"));
	assert_int_equal(memblock.reserved.cnt, 2);
	assert_true(said("given out as ordinary memory"));
}

static void test_dynamic_refused(void **state)
{
	static const struct {
		const char *node, *text;
	} rows[] = {
		{ "size = <0x1000>; alignment = <0x3000>;", "no power of two" },
		{ "size = <0x1000>; alloc-ranges = <0x10000000 0x1000>;", "no room for 0x1000" },
		{ "size = <0x1000>; alloc-ranges = <0x50000000>;", "no room for" },
		{ "size = <0x1000>; alloc-ranges = <0x50000000 0>;", "no room for" },
		{ "size = <0x1000>; alloc-ranges = <0x40000000 0x1000>;", "no room for" },
		{ "size = <0x40000000>;", "no room for" },
		{ "size = <0xffffffff>;", "no room for" },
		{ "size = <0>;", "of size zero" },
		{ "size = <0x1000>; alignment = <0x80000000>;", "no room for" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char source[512];

		snprintf(source, sizeof(source), WITH_RESERVED("a { %s };"), rows[i].node);
		boot("", source);
		if (!said(rows[i].text))
			fail_msg("%s: %s", rows[i].node, logged);
		expect_one_bank(BASE, 0x80000000);
		assert_int_equal(memblock.reserved.cnt, 2);
	}
}

static void test_initrd(void **state)
{
	(void)state;
	boot("", BOARD("chosen { linux,initrd-start = <0x48000000>;"
		       "    linux,initrd-end = <0x48000801>; };"));
	assert_true(memblock_is_reserved(0x48000800));
	assert_false(memblock_is_reserved(0x48000801));
	assert_string_equal(logged, "");
	boot("", BOARD("chosen { linux,initrd-start = <0x20000000>;"
		       "    linux,initrd-end = <0x20001000>; };"));
	assert_true(said("initrd 0x20000000-0x20000fff: not RAM"));
	boot("mem=128M", BOARD("chosen { linux,initrd-start = <0x50000000>;"
			       "    linux,initrd-end = <0x50001000>; };"));
	assert_true(said("initrd"));
	/* Half of it is left is not all of it. */
	boot("mem=128M", BOARD("chosen { linux,initrd-start = <0x47fff000>;"
			       "    linux,initrd-end = <0x48001000>; };"));
	assert_true(said("initrd"));
}

/* Cuts a table of 128 too often: the boot stops instead of giving out what somebody owns. */
static void test_too_many_pieces(void **state)
{
	static char source[0x8000];
	char memory[4096] = "";

	(void)state;
	for (unsigned int i = 0; i < 64; i++)
		snprintf(memory + strlen(memory), sizeof(memory) - strlen(memory), "0x%x 0x%x ",
			 BASE + 0x1000000 * i, i == 0 ? 0xf00000 : 0x800000);
	harness_reset();
	snprintf(source, sizeof(source),
		 "/ { memory { device_type = \"memory\"; reg = <%s>; }; reserved-memory {", memory);
	for (unsigned int i = 0; i < 64; i++)
		snprintf(source + strlen(source), sizeof(source) - strlen(source),
			 "r { no-map; reg = <0x%x 0x1000>; };", BASE + 0x1000000 * i + 0x400000);
	strcat(source, "}; };");
	harness_take(fdt_build(source));
	assert_int_equal(boot_tree_scan(blob, &tree), TREE_WHOLE);
	may_stop = true;
	if (setjmp(stopped) == 0) {
		harness_fill(BASE);
		fail_msg("%lu pieces, and no word of it", memblock.memory.cnt);
	}
	may_stop = false;
	harness_check_memblock();
}

/* ---- damage at random ---- */

#define MUTATIONS 20000
#define SEED      20240601U

static uint32_t random_state;

static uint32_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state;
}

struct victim {
	void *blob;
	size_t bytes;
};

static uint32_t interesting(void)
{
	static const uint32_t values[] = { 0,          1,          2,          3,
					   4,          9,          0xd00dfeed, 0x7fffffff,
					   0x80000000, 0xffffffff, 0xfffffff4, 0xfffffffc,
					   0xfffff000, 0x40000000, 0x1000 };

	return next_random() % 4 == 0 ? next_random() : values[next_random() % ARRAY_SIZE(values)];
}

static void damage_once(char *copy, size_t bytes)
{
	size_t at = next_random() % bytes;

	switch (next_random() % 5) {
	case 0:
		copy[at] ^= (char)(1U << next_random() % 8);
		break;
	case 1:
		fdt32_st(copy + (at & ~3U) % (bytes - 3), interesting());
		break;
	case 2: /* inside the structure: the header kept whole */
		fdt32_st(copy + 40 + ((at & ~3U) % (bytes - 44)), interesting());
		break;
	case 3:
		memmove(copy + at, copy + bytes / 2,
			min_u64(next_random() % 32, bytes - at) % (bytes / 2));
		break;
	default:
		fdt_set_size_dt_struct(copy, next_random() % (uint32_t)bytes & ~3U);
		break;
	}
}

static void test_damaged_trees(void **state)
{
	struct victim victims[4] = { { fdt_build(kitchen_sink), 0 } };
	static const uint32_t splits[] = { 0xc0000000, 0x80000000, 0x40000000 };
	static _Alignas(8) char damaged[0x10000];
	unsigned int ends[3] = { 0 };

	(void)state;
	victims[0].bytes = fdt_totalsize(victims[0].blob);
	victims[1].blob = fdt_load("tests/oracle/dtb/t01583f9eee.dtb", &victims[1].bytes);
	victims[2].blob = fdt_load("build/dts/bcm2836-rpi-2-b.dtb", &victims[2].bytes);
	victims[3] = (struct victim){ fdt_build(BOARD("")), 0 };
	victims[3].bytes = fdt_totalsize(victims[3].blob);
	for (unsigned int round = 0; round < MUTATIONS; round++) {
		/* Mostly the tree that has everything; each round can be repeated by its number. */
		const struct victim *victim = &victims[round % 8 < 4 ? round % 4 : 0];

		random_state = SEED + round * 2654435761U;
		random_state += random_state == 0;
		memcpy(damaged, victim->blob, victim->bytes);
		for (unsigned int i = 1 + next_random() % 4; i > 0; i--)
			damage_once(damaged, victim->bytes);
		harness_take_copy(damaged, victim->bytes);
		ends[harness_run(NULL, 0, splits[next_random() % 3])]++;
	}
	print_message("seed %u: %u mutations, %u planned, %u stopped\n", SEED, MUTATIONS,
		      ends[ENDED_PLANNED], ends[ENDED_FATAL]);
	assert_true(ends[ENDED_PLANNED] > MUTATIONS / 8);
	for (unsigned int i = 0; i < ARRAY_SIZE(victims); i++)
		free(victims[i].blob);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, drop_blob)
	const struct CMUnitTest tests[] = {
		TEST(test_first_page_and_image),
		TEST(test_banks),
		TEST(test_mem),
		TEST(test_mem_beyond_ram),
		TEST(test_mem_refused),
		TEST(test_mem_seventeen),
		TEST(test_memreserve),
		TEST(test_reserved_static),
		TEST(test_no_map_over_memory_in_use),
		TEST(test_no_map_at_ram_start),
		TEST(test_no_map_inside_a_page),
		TEST(test_no_map_inside_the_first_page),
		TEST(test_dynamic),
		TEST(test_dynamic_refused),
		TEST(test_initrd),
		TEST(test_too_many_pieces),
		TEST(test_damaged_trees),
	};

	return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}

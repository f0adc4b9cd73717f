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

#include "arch/linear.h"
#include "boot/blob.h"
#include "boot/devices.h"
#include "boot/dtlint.h"
#include "boot/mem_param.h"
#include "boot/memory.h"
#include "boot/plan.h"
#include "boot/tree_report.h"
#include "fdt_builder.h"
#include "kern/driver.h"
#include "kern/fatal.h"
#include "kern/log.h"
#include "kern/param.h"
#include "mm/phys/memblock.h"
#include "mm/phys/zone_params.h"

#define IMAGE_BYTES 0x40000U
#define BASE        0x40000000U
#define MIB(n)      ((uint64_t)(n) << 20)

uintptr_t linear_offset;

static void *blob;
static struct boot_tree tree;
static struct boot_plan plan;
static char line[4096];
static char logged[16384];
static jmp_buf stopped;
static bool may_stop;

void printk(enum log_level level, const char *format, ...)
{
	size_t length = strlen(logged);
	va_list args;

	(void)level;
	va_start(args, format);
	vsnprintf(logged + length, sizeof(logged) - length, format, args);
	va_end(args);
}

void fatal(const char *format, ...)
{
	size_t length = strlen(logged);
	va_list args;

	va_start(args, format);
	vsnprintf(logged + length, sizeof(logged) - length, format, args);
	va_end(args);
	if (!may_stop)
		fail_msg("fatal: %s", logged + length);
	longjmp(stopped, 1);
}

static void empty_type(struct memblock_type *type)
{
	memset(type->regions, 0, type->max * sizeof(*type->regions));
	type->cnt = 1;
	type->total_size = 0;
}

static void reset(void)
{
	empty_type(&memblock.memory);
	empty_type(&memblock.reserved);
	memblock.bottom_up = false;
	mem_param_reset();
	dma_limit_reset();
	zone_params_reset();
	finding_reset();
	logged[0] = '\0';
}

static int drop_blob(void **state)
{
	(void)state;
	free(blob);
	blob = NULL;
	reset();
	return 0;
}

static void take(void *built)
{
	free(blob);
	blob = built;
}

static void check_memblock(void)
{
	const char *broken = memblock_validate();

	if (broken != NULL)
		fail_msg("%s", broken);
}

static void parse(const char *arguments, size_t length)
{
	length = length < sizeof(line) ? length : sizeof(line) - 1;
	memcpy(line, arguments, length);
	line[length] = '\0';
	boot_params_parse(line);
}

static void fill(uint64_t ram_base)
{
	struct boot_occupied occupied = {
		.image = { ram_base + IMAGE_OFFSET, IMAGE_BYTES },
	};

	if (boot_tree_is_ram(&tree, tree.initrd_start, tree.initrd_end - tree.initrd_start)) {
		occupied.initrd.base = tree.initrd_start;
		occupied.initrd.size = tree.initrd_end - tree.initrd_start;
	}
	boot_memory_init(&tree, blob, &occupied, ram_base);
	check_memblock();
}

/* The whole way for a sound tree. */
static void boot(const char *arguments, const char *source)
{
	reset();
	take(fdt_build(source));
	assert_int_equal(boot_tree_scan(blob, &tree), TREE_WHOLE);
	parse(arguments, strlen(arguments));
	fill(boot_tree_ram_base(&tree));
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
	check_memblock();
	assert_int_equal(plan.layout.lost_head_base, BASE + MIB(1));
	assert_int_equal(plan.layout.lost_head_size, MIB(1));
}

/* A page that is no-map in part is neither: the plan takes it out of memblock as well. */
static void test_no_map_inside_a_page(void **state)
{
	(void)state;
	boot("", WITH_RESERVED("a { reg = <0x50000800 0x2000>; no-map; };"));
	boot_plan_compute(&tree, blob, BASE, 0xc0000000, &plan);
	check_memblock();
	assert_int_equal(memblock.memory.cnt, 3);
	expect_piece(0, BASE, 0x50000000, false);
	expect_piece(1, 0x50001000, 0x50002000, true);
	expect_piece(2, 0x50003000, 0x80000000, false);
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
	reset();
	snprintf(source, sizeof(source),
		 "/ { memory { device_type = \"memory\"; reg = <%s>; }; reserved-memory {", memory);
	for (unsigned int i = 0; i < 64; i++)
		snprintf(source + strlen(source), sizeof(source) - strlen(source),
			 "r { no-map; reg = <0x%x 0x1000>; };", BASE + 0x1000000 * i + 0x400000);
	strcat(source, "}; };");
	take(fdt_build(source));
	assert_int_equal(boot_tree_scan(blob, &tree), TREE_WHOLE);
	may_stop = true;
	if (setjmp(stopped) == 0) {
		fill(BASE);
		fail_msg("%lu pieces, and no word of it", memblock.memory.cnt);
	}
	may_stop = false;
	check_memblock();
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

static const char kitchen_sink[] =
	"/memreserve/ 0x48000000 0x1000; /memreserve/ 0x50000000 0x123;"
	"/ { #address-cells = <1>; #size-cells = <1>; model = \"Everything\";"
	"    aliases { serial0 = \"/soc/serial@1000\"; };"
	"    chosen { bootargs = \"mem=512M mem=64M@0x70000000 kernelcore=40% simdma=28 "
	"dma_limit=serial0:0x4fffffff vmalloc=300M\"; linux,initrd-start = <0x44000000>;"
	"        linux,initrd-end = <0x44100000>; stdout-path = \"serial0:115200\"; };"
	"    memory@40000000 { device_type = \"memory\"; reg = <0x40000000 0x20000000>; };"
	"    memory@60000000 { device_type = \"memory\"; reg = <0x60000000 0x40000000>; };"
	"    reserved-memory { ranges; a { reg = <0x41000000 0x100000>; no-map; };"
	"        b { size = <0x100000>; alignment = <0x10000>;"
	"            alloc-ranges = <0x50000000 0x1000000>; no-map; };"
	"        c { reg = <0x42000000 0x1000 0x43000000 0x1000>; }; d { reusable; size = <9>; }; "
	"};"
	"    soc { ranges = <0 0x9000000 0x10000>; dma-ranges = <0 0x40000000 0x20000000>;"
	"        serial@1000 { compatible = \"arm,pl011\"; reg = <0x1000 0x1000>; };"
	"        bus { ranges; dma-ranges = <0 0 0x10000000 0x10000000 0x10000000 0x1000>;"
	"            dev { compatible = \"test,any\"; reg = <5 1>; }; }; }; };";

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

static void probe_any(const struct device *device)
{
	assert_non_null(device->name);
}

static const char *const any_compatible[] = { "test,any", "arm,pl011", NULL };
DRIVER(any, any_compatible, probe_any);

/* What is asked of the tree later, of each of its first nodes. */
static void ask_everything(void)
{
	unsigned int asked = 0;

	devices_probe(blob);
	blob_find_node(blob, "serial0", 7);
	blob_find_node(blob, "/soc/serial", 11);
	for (int node = 0; node >= 0 && asked < 24; node = fdt_next_node(blob, node, NULL)) {
		uint64_t address;

		blob_register_address(blob, node, &address);
		assert_true(strlen(blob_node_path(blob, (uint32_t)node)) < 128);
		asked++;
	}
}

/* Zones follow each other, span at least what they have, and have what memblock has. */
static void check_layout(void)
{
	uint64_t present = 0, pages = 0, next_pfn = 0;
	struct memblock_region *region;

	for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++) {
		const struct zone_span *span = &plan.layout.zones[zone];

		assert_true(span->present_pages <= span->spanned_pages);
		present += span->present_pages;
		if (span->spanned_pages == 0)
			continue;
		assert_true(span->start_pfn >= next_pfn);
		next_pfn = (uint64_t)span->start_pfn + span->spanned_pages;
		assert_true(strlen(boot_plan_reason(&plan, span->end_reason)) > 0);
	}
	for_each_mem_region(region) {
		uint64_t base = ALIGN_UP((uint64_t)region->base, PAGE_SIZE);
		uint64_t end = ALIGN_DOWN((uint64_t)region->base + region->size, PAGE_SIZE);

		pages += base < end ? (end - base) / PAGE_SIZE : 0;
	}
	assert_int_equal(present, pages);
	assert_true(next_pfn <= SZ_4G / PAGE_SIZE);
}

static void count_finding(const struct finding *finding, const void *whose, void *context)
{
	char text[FINDING_LINE_MAX];

	finding_line(finding, whose, text, sizeof(text));
	assert_non_null(strstr(text, ": "));
	++*(unsigned int *)context;
}

static void lint_damaged(void)
{
	unsigned int seen = 0, told = dtlint_judge(&tree, blob, count_finding, &seen);

	assert_int_equal(told, seen);
}

/* Returns whether there was a plan. */
static bool boot_damaged(void)
{
	static const uint32_t splits[] = { 0xc0000000, 0x80000000, 0x40000000 };
	uint64_t ram_base;

	boot_tree_scan(blob, &tree);
	if (tree.state != TREE_WHOLE && tree.state != TREE_TRUNCATED)
		return false;
	boot_tree_seal(blob, &tree);
	tree_report(&tree, blob);
	dtlint_tree(&tree, blob);
	lint_damaged();
	ask_everything();
	if (tree.bootargs.bytes != 0)
		parse((char *)blob + tree.bootargs.offset,
		      strnlen((char *)blob + tree.bootargs.offset, tree.bootargs.bytes));
	ram_base = boot_tree_ram_base(&tree);
	if (ram_base >= SZ_4G || !boot_tree_is_ram(&tree, ram_base + IMAGE_OFFSET, IMAGE_BYTES) ||
	    ram_base + IMAGE_OFFSET + IMAGE_BYTES > SZ_4G)
		return false;
	fill(ram_base);
	boot_plan_compute(&tree, blob, ram_base, splits[next_random() % 3], &plan);
	dtlint_places(&tree, blob, &(struct boot_occupied){ .blob = { ram_base, SZ_1M } }, &plan);
	check_memblock();
	lint_damaged();
	check_layout();
	assert_true(strlen(boot_plan_dma_source(&plan, blob)) > 0);
	return true;
}

static void test_damaged_trees(void **state)
{
	struct victim victims[4] = { { fdt_build(kitchen_sink), 0 } };
	static unsigned int planned, fatals;

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
		reset();
		take(malloc(victim->bytes));
		memcpy(blob, victim->blob, victim->bytes);
		for (unsigned int i = 1 + next_random() % 4; i > 0; i--)
			damage_once(blob, victim->bytes);
		/* Memory ends with the file. */
		if (fdt_totalsize(blob) > victim->bytes)
			fdt_set_totalsize(blob, (uint32_t)victim->bytes);
		may_stop = true;
		if (setjmp(stopped) == 0)
			planned += boot_damaged();
		else
			fatals++;
		may_stop = false;
		check_memblock();
	}
	print_message("seed %u: %u mutations, %u planned, %u stopped\n", SEED, MUTATIONS, planned,
		      fatals);
	assert_true(planned > MUTATIONS / 8);
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
		TEST(test_dynamic),
		TEST(test_dynamic_refused),
		TEST(test_initrd),
		TEST(test_too_many_pieces),
		TEST(test_damaged_trees),
	};

	return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}

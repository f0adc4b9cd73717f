/* SPDX-License-Identifier: MIT */
/*
 * Where the image goes and what must get out of its way: the firmware's own code, on a piece of
 * this process's memory that lies where a board's RAM would. Only what needs the target is doubled:
 * the linker's symbols and the cache.
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
#include <sys/mman.h>

/* Physical addresses are numbers of 32 bits there, and pointers here. */
#pragma GCC diagnostic ignored "-Wint-to-pointer-cast"
#include "boot/early/place.c"

#include "fdt_builder.h"

#define RAM         0x40000000U
#define RAM_BYTES   0x2000000U
#define IMAGE       0x40000U
#define IMAGE_PLACE (RAM + IMAGE_OFFSET)
#define MIB(n)      ((uint64_t)(n) << 20)

static char image[IMAGE] __attribute__((used));
__asm__(".globl __image_start, __image_end\n"
	".set __image_start, image\n"
	".set __image_end, image + 0x40000\n");

static unsigned int invalidated;
static void *blob;
static struct boot_tree tree;

void invalidate_range(uint32_t phys, uint32_t bytes)
{
	(void)phys;
	invalidated += bytes != 0;
}

/* The board has RAM up to here, whatever the tree says. */
static uint64_t real_ram_end;

uint32_t early_readable(uint32_t phys)
{
	return phys >= RAM && phys < real_ram_end;
}

uint32_t early_probe(uint32_t phys)
{
	return phys >= RAM && phys < real_ram_end;
}

static int take_ram(void **state)
{
	void *ram = mmap((void *)RAM, RAM_BYTES, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	(void)state;
	return ram == (void *)RAM ? 0 : -1;
}

static int reset(void **state)
{
	(void)state;
	free(blob);
	blob = NULL;
	real_ram_end = RAM + RAM_BYTES;
	memset(&boot_info, 0, sizeof(boot_info));
	memset((void *)RAM, 0, RAM_BYTES);
	invalidated = 0;
	return 0;
}

static void scan(const char *source)
{
	free(blob);
	blob = fdt_build(source);
	assert_int_equal(boot_tree_scan(blob, &tree), TREE_WHOLE);
}

#define MEMORY(reg) "memory { device_type = \"memory\"; reg = <" reg ">; };"
#define WIDE        "#address-cells = <2>; #size-cells = <2>; "

static uint64_t find(uint64_t from, uint64_t size)
{
	return early_find_place(&tree, blob, NULL, 0, from, size);
}

static void test_find_lowest(void **state)
{
	(void)state;
	scan("/ { " MEMORY("0x50000000 0x100000 0x40000000 0x100000 0x60000800 0x10000") " };");
	assert_int_equal(find(0x40000000, 0x1000), 0x40000000);
	assert_int_equal(find(0x40001000, 0x1000), 0x40001000);
	assert_int_equal(find(0x400ff000, 0x1000), 0x400ff000);
	assert_int_equal(find(0x400ff000, 0x1001), 0x50000000);
	assert_int_equal(find(0, 0x1000), 0x40000000);
	assert_int_equal(find(0x48000000, 0x1000), 0x50000000);
	assert_int_equal(find(0x50100000, 0x1000), 0x60001000); /* up to a page */
	assert_int_equal(find(0x50100000, 0xf800), 0x60001000);
	assert_int_equal(find(0x50100000, 0xf801), UINT64_MAX);
	assert_int_equal(find(0x61000000, 1), UINT64_MAX);
	assert_int_equal(find(0x40000000, 0x100001), UINT64_MAX);
}

static void test_find_around_what_is_taken(void **state)
{
	struct early_range busy[] = { { 0x40000000, 0x1000 },
				      { 0x40002000, 1 },
				      { 0x40005000, 0 } };

	(void)state;
	scan("/memreserve/ 0x40010000 0x800; /memreserve/ 0x40001000 0x1000;"
	     "/ { " MEMORY("0x40000000 0x100000 0x40100000 0x1000") "  reserved-memory { a { reg = "
								    "<0x40004000 0x1000>; no-map; "
								    "}; b { size = <5>; };"
								    "      c { reg = <0x40020000 "
								    "0xe0000>; reusable; }; }; };");
	assert_int_equal(early_find_place(&tree, blob, busy, 3, 0x40000000, 0x1000), 0x40003000);
	assert_int_equal(early_find_place(&tree, blob, busy, 3, 0x40000000, 0x2000), 0x40005000);
	assert_int_equal(early_find_place(&tree, blob, busy, 3, 0x4000f000, 0x1001), 0x40011000);
	assert_int_equal(early_find_place(&tree, blob, busy, 3, 0x40000000, 0x10000), UINT64_MAX);
	/* Without the blob nobody knows of /memreserve/. */
	assert_int_equal(early_find_place(&tree, NULL, busy, 3, 0x40000000, 0x1000), 0x40001000);
	assert_int_equal(find(0x40100000, 0x1000), 0x40100000);
}

static void test_find_below_4_gib(void **state)
{
	(void)state;
	scan("/ { " WIDE MEMORY("1 0 0 0x1000000 0 0xfff00000 0 0x1000000") " };");
	assert_int_equal(find(0, 0xff000), 0xfff00000); /* the last page is nobody's */
	assert_int_equal(find(0, 0x100000), UINT64_MAX);
	assert_int_equal(find(0xfff01000, 0xff000), UINT64_MAX);
}

/* A region that wraps, or ends at the very top, leads nowhere: not to an address beyond. */
static void test_find_past_the_top(void **state)
{
	(void)state;
	scan("/ { " WIDE MEMORY(
		"0 0x40000000 0 0x1000000") " reserved-memory { a { reg = <0 0x40000000 0xffffffff "
					    "0xbffff000>; }; }; };");
	assert_int_equal(find(0x40000000, 0x2000), UINT64_MAX);
	scan("/memreserve/ 0x40000000 0xffffffffbffff000;"
	     "/ { " WIDE MEMORY("0 0x40000000 0 0x1000000") " };");
	assert_int_equal(find(0x40000000, 0x2000), UINT64_MAX);
	scan("/ { " WIDE MEMORY(
		"0 0x40000000 0 0x1000000") " reserved-memory { a { reg = <0 0x40000000 0xffffffff "
					    "0xffffffff>; }; }; };");
	assert_int_equal(find(0x40000000, 0x2000), UINT64_MAX);
}

/* ---- the whole of it ---- */

#define BOARD_TREE                                                                                \
	"/memreserve/ 0x40240000 0x1000; / { " MEMORY(                                            \
		"0x40000000 0x2000000") " chosen { %s }; "                                        \
					"reserved-memory { a { reg = <0x40242000 0x1000>; }; }; " \
					"};"

/* Put a board's tree at `blob_at`, the image at `load`, and run what runs before the MMU is on. */
static void start(uint32_t load, uint32_t blob_at, uint32_t r2, const char *chosen)
{
	free(blob);
	blob = fdt_buildf(BOARD_TREE, chosen);
	memcpy((void *)blob_at, blob, fdt_totalsize(blob));
	early_read(load, 0, r2, 0x1d3);
}

static void expect_blob_at(uint32_t phys)
{
	assert_int_equal(boot_info.blob_phys, phys);
	assert_memory_equal((void *)phys, blob, fdt_totalsize(blob));
	assert_int_equal(boot_info.tree.blob_bytes, fdt_totalsize(blob));
}

static void test_nothing_in_the_way(void **state)
{
	(void)state;
	start(IMAGE_PLACE, RAM, 0, "");
	assert_int_equal(boot_info.place, PLACE_AS_PLANNED);
	assert_int_equal(boot_info.ram_base, RAM);
	assert_int_equal(boot_info.image_phys, IMAGE_PLACE);
	assert_int_equal(invalidated, 0);
	expect_blob_at(RAM);
	assert_int_equal(early_next_place(IMAGE_PLACE), IMAGE_PLACE);
	assert_int_equal(boot_info.hops, 0);
}

static void test_blob_in_the_way(void **state)
{
	(void)state;
	/* Behind the image come a /memreserve/, a free page and a reserved region. */
	start(RAM + 0x8000, IMAGE_PLACE + 0x3fff8, IMAGE_PLACE + 0x3fff8, "");
	assert_int_equal(boot_info.place, PLACE_AS_PLANNED);
	assert_int_equal(boot_info.blob_from, IMAGE_PLACE + 0x3fff8);
	assert_int_equal(invalidated, 1);
	assert_int_equal(boot_info.blob_phys % PAGE_SIZE, 0xff8);
	assert_true(boot_info.blob_phys >= 0x40243000);
	expect_blob_at(boot_info.blob_phys);
	assert_int_equal(early_next_place(RAM + 0x8000), IMAGE_PLACE);
	assert_int_equal(boot_info.hops, 1);
}

static void test_initrd_in_the_way(void **state)
{
	(void)state;
	memcpy((void *)0x40201123, "INITRD", 6);
	start(RAM + 0x8000, IMAGE_PLACE, IMAGE_PLACE,
	      "linux,initrd-start = <0x40201123>; linux,initrd-end = <0x40201200>;");
	assert_int_equal(boot_info.initrd_bytes, 0xdd);
	assert_int_equal(boot_info.initrd_from, 0x40201123);
	assert_int_equal(boot_info.initrd_phys % PAGE_SIZE, 0x123);
	assert_memory_equal((void *)boot_info.initrd_phys, "INITRD", 6);
	assert_int_equal(invalidated, 2);
	/* The blob took the free page behind the image, so the initrd has to look further. */
	assert_int_equal(boot_info.blob_phys, 0x40241000);
	expect_blob_at(boot_info.blob_phys);
	assert_int_equal(boot_info.initrd_phys, 0x40243123);
}

static void test_initrd_outside_ram(void **state)
{
	(void)state;
	start(IMAGE_PLACE, RAM, RAM,
	      "linux,initrd-start = <0x41fff000>; linux,initrd-end = <0x42001000>;");
	assert_int_equal(boot_info.place, PLACE_AS_PLANNED);
	assert_int_equal(boot_info.initrd_bytes, 0);
}

/* Old and new place overlap: a third, on which nothing lies. */
static void test_third_place(void **state)
{
	uint32_t third;

	(void)state;
	start(IMAGE_PLACE + 0x1000, RAM, RAM, "");
	third = early_next_place(IMAGE_PLACE + 0x1000);
	assert_false(overlaps(third, IMAGE, IMAGE_PLACE, IMAGE + 0x1000));
	assert_false(overlaps(third, IMAGE, 0x40242000, 0x1000));
	assert_int_equal(early_next_place(third), IMAGE_PLACE);
	assert_int_equal(boot_info.hops, 2);
}

static void test_no_tree(void **state)
{
	(void)state;
	early_read(RAM + 0x8000, 0, RAM, 0x1d3);
	assert_int_equal(boot_info.place, PLACE_NO_TREE);
	assert_int_equal(boot_info.tree.state, TREE_NO_MAGIC);
	assert_int_equal(boot_info.image_phys, IMAGE_PLACE);
}

static void test_bank_too_small(void **state)
{
	(void)state;
	free(blob);
	blob = fdt_build("/ { " MEMORY("0x40000000 0x220000") " };");
	memcpy((void *)RAM, blob, fdt_totalsize(blob));
	early_read(RAM + 0x100000, 0, RAM, 0x1d3);
	assert_int_equal(boot_info.place, PLACE_NOT_RAM);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, reset, reset)
	const struct CMUnitTest tests[] = {
		TEST(test_find_lowest),        TEST(test_find_around_what_is_taken),
		TEST(test_find_below_4_gib),   TEST(test_find_past_the_top),
		TEST(test_nothing_in_the_way), TEST(test_blob_in_the_way),
		TEST(test_initrd_in_the_way),  TEST(test_initrd_outside_ram),
		TEST(test_third_place),        TEST(test_no_tree),
		TEST(test_bank_too_small),
	};

	return cmocka_run_group_tests_name("place", tests, take_ram, NULL);
}

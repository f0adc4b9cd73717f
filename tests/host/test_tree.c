/* SPDX-License-Identifier: MIT */
/*
 * The walk of the device tree, and the questions that are put to the tree later: which table a tree
 * becomes, what is noted of one that breaks the rules, and that no damage makes it read beyond the
 * blob. Blobs have a malloc of exactly their size, so AddressSanitizer is part of each test.
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

#include "boot/blob.h"
#include "boot/devices.h"
#include "boot/early/tree.h"
#include "boot/tree_report.h"
#include "fdt_builder.h"
#include "kern/driver.h"
#include "kern/log.h"

#define RPI2_TREE   "build/dts/bcm2836-rpi-2-b.dtb"
#define NO_MAP_TREE "tests/oracle/dtb/t01583f9eee.dtb"

static void *blob;
static struct boot_tree tree;
static unsigned int logged_lines;

void printk(enum log_level level, const char *format, ...)
{
	char text[LOG_TEXT_MAX];
	va_list args;
	int length;

	(void)level;
	va_start(args, format);
	length = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	/* One whole line each; long names may be cut, the log does that itself. */
	assert_true(length > 0);
	assert_true(length >= (int)sizeof(text) || strchr(text, '\n') == text + length - 1);
	logged_lines++;
}

static int drop_blob(void **state)
{
	(void)state;
	free(blob);
	blob = NULL;
	return 0;
}

static void take(void *built)
{
	free(blob);
	blob = built;
}

static void scan(const char *source)
{
	take(fdt_build(source));
	assert_int_equal(boot_tree_scan(blob, &tree), TREE_WHOLE);
}

#define scanf_tree(...)                                                    \
	do {                                                               \
		take(fdt_buildf(__VA_ARGS__));                             \
		assert_int_equal(boot_tree_scan(blob, &tree), TREE_WHOLE); \
	} while (0)

static unsigned int notes_of(enum tree_note_code code)
{
	unsigned int count = 0;

	for (uint32_t i = 0; i < tree.note_count && i < TREE_NOTES_MAX; i++)
		count += tree.notes[i].code == code;
	return count;
}

/* One note of this kind and no other. */
static void expect_only_note(enum tree_note_code code, uint64_t value)
{
	assert_int_equal(tree.note_count, 1);
	assert_int_equal(tree.notes[0].code, code);
	assert_int_equal(tree.notes[0].value, value);
	logged_lines = 0;
	tree_report(&tree, blob);
	assert_int_equal(logged_lines, 1);
}

static void expect_bank(uint32_t index, uint64_t base, uint64_t size)
{
	assert_true(index < tree.memory_count);
	assert_int_equal(tree.memory[index].base, base);
	assert_int_equal(tree.memory[index].size, size);
}

static void expect_reserved(uint32_t index, uint64_t base, uint64_t size, uint32_t flags)
{
	assert_true(index < tree.reserved_count);
	assert_int_equal(tree.reserved[index].base, base);
	assert_int_equal(tree.reserved[index].size, size);
	assert_int_equal(tree.reserved[index].flags, flags);
}

static void expect_window(uint32_t index, uint64_t base, uint64_t end, uint64_t bus_base)
{
	assert_true(index < tree.window_count);
	assert_int_equal(tree.windows[index].base, base);
	assert_int_equal(tree.windows[index].end, end);
	assert_int_equal(tree.windows[index].bus_base, bus_base);
}

/* ---- memory ---- */

static void test_memory_every_node_and_entry(void **state)
{
	(void)state;
	scan("/ { #address-cells = <1>; #size-cells = <1>;"
	     "    memory@80000000 { device_type = \"memory\";"
	     "        reg = <0x80000000 0x1000 0x60000000 0x2000>; };"
	     "    memory { reg = <0 0x3000>; device_type = \"memory\"; };"
	     "    dram { device_type = \"memory\"; reg = <0x40000000 0x4000 0x50000000 0>; }; };");
	assert_int_equal(tree.memory_count, 4);
	expect_bank(0, 0x80000000, 0x1000);
	expect_bank(1, 0x60000000, 0x2000);
	expect_bank(2, 0, 0x3000);
	expect_bank(3, 0x40000000, 0x4000);
	assert_int_equal(tree.note_count, 0);
	assert_int_equal(boot_tree_ram_base(&tree), 0);
	assert_int_equal(tree.memory[3].node, fdt_path_offset(blob, "/dram"));
}

static void test_memory_cells(void **state)
{
	static const struct {
		const char *cells; /* properties of the root */
		const char *reg;
		uint64_t base, size;
	} rows[] = {
		{ "", "1 2", 1, 2 }, /* one and one when nobody says */
		{ "#address-cells = <2>;", "1 2 3", 0x100000002, 3 },
		{ "#size-cells = <2>;", "1 2 3", 1, 0x200000003 },
		{ "#address-cells = <2>; #size-cells = <2>;", "1 2 3 4", 0x100000002, 0x300000004 },
		{ "#address-cells = <3>; #size-cells = <2>;", "0 1 2 3 4", 0x100000002,
		  0x300000004 },
		{ "#address-cells = <3>; #size-cells = <4>;", "0 0 2 0 0 3 4", 2, 0x300000004 },
		{ "#address-cells = <4>; #size-cells = <1>;", "0 0 1 2 9", 0x100000002, 9 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scanf_tree("/ { %s memory { device_type = \"memory\"; reg = <%s>; }; };",
			   rows[i].cells, rows[i].reg);
		assert_int_equal(tree.memory_count, 1);
		expect_bank(0, rows[i].base, rows[i].size);
		assert_int_equal(tree.note_count, 0);
	}
}

static void test_memory_unusable_cells(void **state)
{
	(void)state;
	scan("/ { #address-cells = <0>; memory { device_type = \"memory\"; reg = <5>; }; };");
	expect_only_note(NOTE_CELLS, 1);
	scan("/ { #size-cells = <0>; memory { device_type = \"memory\"; reg = <5>; }; };");
	expect_only_note(NOTE_CELLS, 0);
	/* Nonsense is as if it were not there. */
	scan("/ { #size-cells = <5>; memory { device_type = \"memory\"; reg = <5 6>; }; };");
	expect_only_note(NOTE_CELLS, 5);
	expect_bank(0, 5, 6);
	scan("/ { #size-cells = [01]; memory { device_type = \"memory\"; reg = <5 6>; }; };");
	expect_only_note(NOTE_CELLS, UINT32_MAX);
	expect_bank(0, 5, 6);
	scan("/ { #address-cells = <3>; memory { device_type = \"memory\"; reg = <1 0 0 6>; }; };");
	expect_only_note(NOTE_REG_WIDE, 0);
	assert_int_equal(tree.memory_count, 0);
	assert_int_equal(boot_tree_ram_base(&tree), UINT64_MAX);
}

static void test_memory_reg_length(void **state)
{
	(void)state;
	scan("/ { memory { device_type = \"memory\"; reg = <1 2 3>; }; };");
	assert_int_equal(tree.memory_count, 1);
	expect_only_note(NOTE_REG_LENGTH, 4);
	scan("/ { memory { device_type = \"memory\"; reg = [01 02 03]; }; };");
	assert_int_equal(tree.memory_count, 0);
	expect_only_note(NOTE_REG_LENGTH, 3);
	scan("/ { memory { device_type = \"memory\"; reg; }; };");
	assert_int_equal(tree.memory_count, 0);
	assert_int_equal(tree.note_count, 0);
}

static void test_memory_top_of_64_bits(void **state)
{
	(void)state;
	scan("/ { #address-cells = <2>; #size-cells = <2>; memory { device_type = \"memory\";"
	     " reg = <0xffffffff 0xfffff000 0 0xfff 0xffffffff 0xfffff000 0 0x2000>; }; };");
	expect_bank(0, 0xfffffffffffff000, 0xfff);
	expect_bank(1, 0xfffffffffffff000, 0xfff);
	expect_only_note(NOTE_MEMORY_WRAPS, 0xfffffffffffff000);
	assert_int_equal(boot_tree_ram_base(&tree), UINT64_MAX);
	assert_true(boot_tree_is_ram(&tree, 0xfffffffffffff000, 0xfff));
	assert_false(boot_tree_is_ram(&tree, 0xfffffffffffff000, 0x2000));
}

/* Linux 6.1's rules: device_type decides, the name does not; disabled nodes do not count. */
static void test_memory_which_nodes(void **state)
{
	static const struct {
		const char *node;
		unsigned int banks, notes;
	} rows[] = {
		{ "memory@0 { device_type = \"memory\"; reg = <1 2>; };", 1, 0 },
		{ "memory@0 { reg = <1 2>; };", 0, 1 },
		{ "memory { device_type = \"Memory\"; reg = <1 2>; };", 0, 1 },
		{ "memory { device_type = \"memory\", \"x\"; reg = <1 2>; };", 1, 0 },
		{ "memory { device_type = [6d 65 6d 6f 72 79]; reg = <1 2>; };", 0, 1 },
		{ "memory-controller@0 { reg = <1 2>; };", 0, 0 },
		{ "memoryx { reg = <1 2>; };", 0, 0 },
		{ "a { device_type = \"memory\"; reg = <1 2>; };", 1, 0 },
		{ "a { b { device_type = \"memory\"; reg = <1 2>; }; };", 0, 0 },
		{ "a { memory { reg = <1 2>; }; };", 0, 0 },
		{ "memory { device_type = \"memory\"; status = \"ok\"; reg = <1 2>; };", 1, 0 },
		{ "memory { device_type = \"memory\"; status = \"okay\"; reg = <1 2>; };", 1, 0 },
		{ "memory { device_type = \"memory\"; status = \"okay2\"; reg = <1 2>; };", 0, 0 },
		{ "memory { device_type = \"memory\"; status = \"disabled\"; reg = <1 2>; };", 0,
		  0 },
		{ "memory { device_type = \"memory\"; status; reg = <1 2>; };", 0, 0 },
		{ "memory { device_type = \"memory\"; status = [6f 6b]; reg = <1 2>; };", 0, 0 },
		{ "memory { status = \"disabled\"; reg = <1 2>; };", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scanf_tree("/ { %s };", rows[i].node);
		if (tree.memory_count != rows[i].banks || tree.note_count != rows[i].notes)
			fail_msg("%s: %u banks, %u notes", rows[i].node, tree.memory_count,
				 tree.note_count);
		assert_int_equal(notes_of(NOTE_MEMORY_TYPE), rows[i].notes);
	}
}

static void test_memory_usable_property_wins(void **state)
{
	(void)state;
	scan("/ { memory { device_type = \"memory\"; reg = <0 0x1000>;"
	     "    linux,usable-memory = <0x100 0x200 0x400 0x100>; }; };");
	assert_int_equal(tree.memory_count, 2);
	expect_bank(0, 0x100, 0x200);
	/* Even an empty one: nothing is usable. */
	scan("/ { memory { device_type = \"memory\"; linux,usable-memory; reg = <0 0x1000>; }; };");
	assert_int_equal(tree.memory_count, 0);
}

/* `count` entries of two cells, at multiples of 64 KiB. */
static const char *many_regs(unsigned int count)
{
	static char text[0x4000];
	size_t length = 0;

	for (unsigned int i = 0; i < count; i++)
		length += (size_t)snprintf(text + length, sizeof(text) - length, "%#x 0x1000 ",
					   i << 16);
	return text;
}

static void test_memory_table_is_full(void **state)
{
	(void)state;
	scanf_tree("/ { memory { device_type = \"memory\"; reg = <%s>; }; };",
		   many_regs(TREE_MEMORY_MAX));
	assert_int_equal(tree.memory_count, TREE_MEMORY_MAX);
	assert_int_equal(tree.note_count, 0);
	scanf_tree("/ { memory { device_type = \"memory\"; reg = <%s>; }; };",
		   many_regs(TREE_MEMORY_MAX + 1));
	assert_int_equal(tree.memory_count, TREE_MEMORY_MAX);
	expect_bank(TREE_MEMORY_MAX - 1, (TREE_MEMORY_MAX - 1) << 16, 0x1000);
	expect_only_note(NOTE_TOO_MANY_BANKS, TREE_MEMORY_MAX);
	assert_int_equal(tree.reserved_count, 0);
}

static void test_notes_are_full(void **state)
{
	(void)state;
	scanf_tree("/ { memory { device_type = \"memory\"; reg = <%s>; }; };",
		   many_regs(TREE_MEMORY_MAX + TREE_NOTES_MAX));
	assert_int_equal(tree.note_count, TREE_NOTES_MAX);
	logged_lines = 0;
	tree_report(&tree, blob);
	assert_int_equal(logged_lines, TREE_NOTES_MAX);
	scanf_tree("/ { memory { device_type = \"memory\"; reg = <%s>; }; };",
		   many_regs(TREE_MEMORY_MAX + TREE_NOTES_MAX + 1));
	assert_int_equal(tree.note_count, TREE_NOTES_MAX + 1);
	logged_lines = 0;
	tree_report(&tree, blob);
	assert_int_equal(logged_lines, TREE_NOTES_MAX + 1);
	/* What stands behind the table is as it was. */
	assert_int_equal(tree.bootargs.bytes, 0);
	assert_int_equal(tree.initrd_end, 0);
}

static void test_is_ram(void **state)
{
	(void)state;
	scan("/ { #size-cells = <2>; memory { device_type = \"memory\";"
	     "    reg = <0x30000 0 0x10000 0x20000 0 0x10000 0x10000 0 0x8000>; }; };");
	assert_true(boot_tree_is_ram(&tree, 0x20000, 0x20000));
	assert_true(boot_tree_is_ram(&tree, 0x2ffff, 2));
	assert_true(boot_tree_is_ram(&tree, 0x3ffff, 1));
	assert_false(boot_tree_is_ram(&tree, 0x20000, 0x20001));
	assert_false(boot_tree_is_ram(&tree, 0x1ffff, 2));
	assert_false(boot_tree_is_ram(&tree, 0x10000, 0x10000));
	assert_false(boot_tree_is_ram(&tree, 0x17fff, 2));
	assert_false(boot_tree_is_ram(&tree, 0x38000, UINT64_MAX));
	assert_false(boot_tree_is_ram(&tree, UINT64_MAX - 1, 2));
	assert_true(boot_tree_is_ram(&tree, 5, 0));
	assert_int_equal(boot_tree_ram_base(&tree), SZ_2M);
}

/* ---- reserved-memory ---- */

#define RESERVED(nodes) \
	"/ { #address-cells = <1>; #size-cells = <1>; reserved-memory { ranges; " nodes " }; };"

static void test_reserved_kinds(void **state)
{
	(void)state;
	scan(RESERVED("a { reg = <0x1000 0x100>; }; b { no-map; reg = <0x2000 0x100>; };"
		      "c { reg = <0x3000 1>; reusable; }; d { no-map; reusable; reg = <4 5>; };"
		      "e { status = \"disabled\"; reg = <0x5000 1>; };"
		      "f { reg = <0x6000 1 0x7000 2 0x8000 0>; no-map; };"
		      "g { status = \"okay\"; reg = <0x9000 1>; h { reg = <1 2>; }; };"));
	assert_int_equal(tree.reserved_count, 7);
	expect_reserved(0, 0x1000, 0x100, 0);
	expect_reserved(1, 0x2000, 0x100, RESERVED_NO_MAP);
	expect_reserved(2, 0x3000, 1, RESERVED_REUSABLE);
	expect_reserved(3, 4, 5, RESERVED_REUSABLE | RESERVED_NO_MAP);
	expect_reserved(4, 0x6000, 1, RESERVED_NO_MAP);
	expect_reserved(5, 0x7000, 2, RESERVED_NO_MAP);
	expect_reserved(6, 0x9000, 1, 0);
	assert_int_equal(tree.note_count, 0);
}

static void test_reserved_own_cells(void **state)
{
	(void)state;
	scan("/ { reserved-memory@0 { #address-cells = <2>; a { reg = <1 2 3>; }; }; };");
	expect_reserved(0, 0x100000002, 3, 0);
	/* A region that wraps reaches to the end. */
	scan("/ { reserved-memory { #address-cells = <2>; #size-cells = <2>;"
	     "    a { reg = <0 0x4000 0xffffffff 0xffffffff>; }; }; };");
	expect_reserved(0, 0x4000, UINT64_MAX - 0x4000, 0);
	scan("/ { reserved-memory { #size-cells = <0>; a { reg = <1>; }; }; };");
	expect_only_note(NOTE_CELLS, 0);
	/* Only that of the root is meant. */
	scan("/ { a { reserved-memory { b { reg = <1 2>; }; }; }; };");
	assert_int_equal(tree.reserved_count, 0);
	scan("/ { reserved-memory { status = \"disabled\"; b { reg = <1 2>; }; }; };");
	assert_int_equal(tree.reserved_count, 0);
}

static void test_reserved_dynamic(void **state)
{
	(void)state;
	scan(RESERVED("a { size = <0x10000>; alignment = <0x2000>; no-map;"
		      "    alloc-ranges = <0x40000000 0x1000 0x50000000 0x1000>; };"
		      "b { size = <5>; reusable; }; c { size = <6>; reg = <7 8>; };"));
	assert_int_equal(tree.reserved_count, 3);
	expect_reserved(0, 0, 0x10000, RESERVED_DYNAMIC | RESERVED_NO_MAP);
	assert_int_equal(tree.reserved[0].alignment, 0x2000);
	assert_int_equal(tree.reserved[0].alloc_ranges_bytes, 16);
	assert_memory_equal((char *)blob + tree.reserved[0].alloc_ranges,
			    "\x40\0\0\0\0\0\x10\0\x50", 9);
	assert_int_equal(tree.reserved[0].address_cells, 1);
	assert_int_equal(tree.reserved[0].size_cells, 1);
	expect_reserved(1, 0, 5, RESERVED_DYNAMIC | RESERVED_REUSABLE);
	assert_int_equal(tree.reserved[1].alignment, 0);
	assert_int_equal(tree.reserved[1].alloc_ranges_bytes, 0);
	expect_reserved(2, 7, 8, 0); /* a place given is the place */
	assert_int_equal(tree.reserved[2].alloc_ranges_bytes, 0);
}

static void test_reserved_malformed(void **state)
{
	(void)state;
	scan(RESERVED("a { no-map; };"));
	expect_only_note(NOTE_RESERVED_EMPTY, 0);
	scan(RESERVED("a { size = <1 2>; };"));
	expect_only_note(NOTE_RESERVED_SIZE, 8);
	scan(RESERVED("a { size = <1>; alignment = <1 2>; };"));
	expect_only_note(NOTE_RESERVED_SIZE, 4);
	scan(RESERVED("a { size; };"));
	expect_only_note(NOTE_RESERVED_SIZE, 0);
	scan(RESERVED("#size-cells = <4>; a { size = <1 0 0 0>; };"));
	assert_int_equal(notes_of(NOTE_REG_WIDE), 1);
	scan(RESERVED("a { reg = <1 2 3>; };"));
	expect_only_note(NOTE_REG_LENGTH, 4);
	assert_int_equal(tree.reserved_count, 1);
}

static void test_reserved_table_is_full(void **state)
{
	(void)state;
	scanf_tree(RESERVED("a { reg = <%s>; };"), many_regs(TREE_RESERVED_MAX + 1));
	assert_int_equal(tree.reserved_count, TREE_RESERVED_MAX);
	expect_only_note(NOTE_TOO_MANY_RESERVED, TREE_RESERVED_MAX);
	scanf_tree(RESERVED("a { reg = <%s>; }; b { size = <1>; };"), many_regs(TREE_RESERVED_MAX));
	assert_int_equal(tree.reserved_count, TREE_RESERVED_MAX);
	expect_only_note(NOTE_TOO_MANY_RESERVED, TREE_RESERVED_MAX);
	expect_reserved(TREE_RESERVED_MAX - 1, (TREE_RESERVED_MAX - 1) << 16, 0x1000, 0);
}

/* ---- chosen ---- */

static void test_initrd(void **state)
{
	static const struct {
		const char *properties;
		uint64_t start, end;
		unsigned int notes;
	} rows[] = {
		{ "linux,initrd-start = <1>; linux,initrd-end = <2>;", 1, 2, 0 },
		{ "linux,initrd-start = <1 2>; linux,initrd-end = <1 3>;", 0x100000002, 0x100000003,
		  0 },
		{ "linux,initrd-start = <0x48000000>; linux,initrd-end = <0 0x49000000>;",
		  0x48000000, 0x49000000, 0 },
		{ "linux,initrd-end = <5>; linux,initrd-start = <0 5>;", 5, 5, 0 },
		{ "linux,initrd-start = <1>;", 0, 0, 1 },
		{ "linux,initrd-end = <1>;", 0, 0, 1 },
		{ "linux,initrd-start = [01 02]; linux,initrd-end = <9>;", 0, 0, 1 },
		{ "linux,initrd-start = <1>; linux,initrd-end;", 0, 0, 1 },
		{ "linux,initrd-start = <1>; linux,initrd-end = <0 0 2>;", 0, 0, 1 },
		{ "linux,initrd-start = <9>; linux,initrd-end = <2>;", 9, 9, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scanf_tree("/ { chosen { %s }; };", rows[i].properties);
		assert_int_equal(tree.initrd_start, rows[i].start);
		assert_int_equal(tree.initrd_end, rows[i].end);
		assert_int_equal(notes_of(NOTE_INITRD), rows[i].notes);
		assert_int_equal(tree.note_count, rows[i].notes);
	}
	scan("/ { a { linux,initrd-start = <1>; linux,initrd-end = <2>; }; };");
	assert_int_equal(tree.initrd_end, 0);
}

static void expect_text(const struct tree_text *text, const void *bytes, uint32_t count)
{
	assert_int_equal(text->bytes, count);
	assert_true(text->offset + text->bytes <= tree.blob_bytes);
	assert_memory_equal((char *)blob + text->offset, bytes, count);
}

static void test_chosen_texts(void **state)
{
	(void)state;
	scan("/ { model = \"Board\"; chosen@0 { bootargs = \"mem=1G\"; stdout-path = \"uart0\";"
	     "    linux,stdout-path = \"old\"; model = \"no\"; }; other { bootargs = \"x\"; }; };");
	expect_text(&tree.model, "Board", 6);
	expect_text(&tree.bootargs, "mem=1G", 7);
	expect_text(&tree.stdout_path, "uart0", 6);
	/* The old name counts when the new one is missing, whichever comes first. */
	scan("/ { chosen { linux,stdout-path = \"old\"; stdout-path = \"new\"; }; };");
	expect_text(&tree.stdout_path, "new", 4);
	scan("/ { chosen { linux,stdout-path = \"old\"; }; };");
	expect_text(&tree.stdout_path, "old", 4);
	/* The table has bytes; who reads them looks for the end. */
	scan("/ { chosen { bootargs = [61 62 63]; stdout-path = [2f]; }; a { chosen { }; }; };");
	expect_text(&tree.bootargs, "abc", 3);
	expect_text(&tree.stdout_path, "/", 1);
	scan("/ { chosen { bootargs; }; };");
	assert_int_equal(tree.bootargs.bytes, 0);
}

/* ---- depth ---- */

/* A tree whose innermost node is at `depth` (the root is 0), with a bus window in each. */
static void scan_nested(unsigned int depth, const char *innermost)
{
	char open[2048] = "", close[256] = "";

	for (unsigned int i = 1; i <= depth; i++) {
		strcat(open, "n { ");
		strcat(close, "}; ");
	}
	scanf_tree("/ { %s %s %s memory { device_type = \"memory\"; reg = <1 2>; }; };", open,
		   innermost, close);
}

static void test_depth(void **state)
{
	(void)state;
	scan_nested(15, "dma-ranges = <0 0x1000 0x100>;");
	assert_int_equal(tree.note_count, 0);
	expect_window(0, 0x1000, 0x1100, 0);
	scan_nested(16, "dma-ranges = <0 0x1000 0x100>; a { b { }; }; c { };");
	expect_only_note(NOTE_DEPTH, TREE_DEPTH_MAX);
	assert_int_equal(tree.window_count, 0);
	assert_int_equal(tree.memory_count, 1);
	scan_nested(40, "");
	expect_only_note(NOTE_DEPTH, TREE_DEPTH_MAX);
	assert_int_equal(tree.node_count, 42);
}

/* ---- uarts ---- */

static void expect_uart(bool found, uint32_t address)
{
	assert_int_equal(tree.uart_count, found);
	if (found)
		assert_int_equal(tree.uarts[0].address, address);
}

/* The walk's answer and the later one of boot/blob.c are the same. */
static void expect_address(const char *path, bool found, uint64_t address)
{
	uint64_t answer = 0;

	if (found && address <= UINT32_MAX)
		expect_uart(true, (uint32_t)address);
	else
		expect_uart(false, 0);
	assert_int_equal(blob_register_address(blob, fdt_path_offset(blob, path), &answer), found);
	if (found)
		assert_int_equal(answer, address);
}

#define PL011 "compatible = \"brcm,x\", \"arm,pl011\", \"arm,primecell\";"

static void test_uart_translation(void **state)
{
	static const struct {
		const char *bus; /* properties of /a and of /a/b above the UART */
		const char *inner;
		const char *reg;
		bool found;
		uint64_t address;
	} rows[] = {
		{ "ranges;", "ranges;", "0x9000000 1", true, 0x9000000 },
		{ "ranges;", "", "0x9000000 1", false, 0 },
		{ "", "ranges;", "0x9000000 1", false, 0 },
		{ "ranges = <0x7e000000 0x3f000000 0x1000000>;", "ranges;", "0x7e201000 1", true,
		  0x3f201000 },
		{ "ranges = <0x7e000000 0x3f000000 0x1000000>;",
		  "ranges = <0 0x1000 0x100 0x1000 0x7e200000 0x2000>;", "0x2fff 1", true,
		  0x3f201fff },
		{ "ranges = <0x7e000000 0x3f000000 0x1000000>;",
		  "ranges = <0 0x1000 0x100 0x1000 0x7e200000 0x2000>;", "0x3000 1", false, 0 },
		{ "ranges = <0x7e000000 0x3f000000 0x1000000>;", "ranges;", "0x7f000000 1", false,
		  0 },
		/* the first that holds the address */
		{ "ranges = <0 5 1 0 0x100 0x100 0 0x200 0x100>;", "ranges;", "1 1", true, 0x101 },
		/* an entry cut short is none */
		{ "ranges = <0 0x100 0x100 0x7000 0x8000>;", "ranges;", "0x7000 1", false, 0 },
		/* cells are inherited, and each level may have its own */
		{ "#address-cells = <2>; ranges = <0 0x10 0x2000 0x100>;", "ranges;", "0 0x11 1",
		  true, 0x2001 },
		{ "#address-cells = <2>; ranges = <1 0x10 0x2000 0x100>;",
		  "#address-cells = <1>; ranges = <0 1 0x10 0x100>;", "7 1", true, 0x2007 },
		{ "#size-cells = <2>; ranges = <0 0x2000 0 0x100>;", "ranges;", "7 0 1", true,
		  0x2007 },
		/* beyond what 32 bits reach */
		{ "#address-cells = <2>; ranges;", "ranges;", "1 0 1", true, SZ_4G },
		{ "ranges;", "ranges;", "", false, 0 },
		{ "ranges;", "#address-cells = <2>; ranges;", "1", false, 0 },
		{ "ranges;", "#address-cells = <0>; ranges = <0 0>;", "", false, 0 },
		{ "ranges;", "#size-cells = <0>; ranges = <0 0 0 0>;", "0", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scanf_tree("/ { a { %s b { %s serial { " PL011 " reg = <%s>; }; }; }; };",
			   rows[i].bus, rows[i].inner, rows[i].reg);
		if ((rows[i].found && rows[i].address <= UINT32_MAX) != (tree.uart_count == 1))
			print_error("row %zu\n", i);
		expect_address("/a/b/serial", rows[i].found, rows[i].address);
	}
}

/* A bus whose cells are all 0 has entries of no length: the walk must end all the same. */
static void test_uart_no_cells_at_all(void **state)
{
	(void)state;
	scan("/ { #address-cells = <0>; #size-cells = <0>; a { ranges = <1 2 3>;"
	     "    serial { " PL011 " reg = <1>; }; }; };");
	expect_address("/a/serial", false, 0);
	scan("/ { #address-cells = <0>; #size-cells = <0>; a { ranges = <1 2 3>;"
	     "    b { #address-cells = <1>; ranges; serial { " PL011 " reg = <1>; }; }; }; };");
	expect_address("/a/b/serial", false, 0);
	scan("/ { #address-cells = <0>; serial { " PL011 " }; };");
	expect_address("/serial", false, 0);
}

static void test_uart_which(void **state)
{
	(void)state;
	scan("/ { serial { " PL011 " reg = <0x9000000 1>; }; };");
	expect_address("/serial", true, 0x9000000);
	scan("/ { serial { " PL011 " reg = <1 1>; status = \"disabled\"; }; };");
	assert_int_equal(tree.uart_count, 0);
	scan("/ { a { status = \"disabled\"; ranges; serial { " PL011 " reg = <1 1>; }; }; };");
	assert_int_equal(tree.uart_count, 0);
	scan("/ { a { compatible = \"arm,pl011x\"; reg = <1 1>; };"
	     "    b { compatible = [61 72 6d 2c 70 6c 30 31 31]; reg = <1 1>; };"
	     "    c { compatible; reg = <1 1>; }; d { compatible = \"\"; reg = <1 1>; }; };");
	assert_int_equal(tree.uart_count, 0);
	/* The ninth is left out; the table after it is whole. */
	scan("/ { a { " PL011 " reg = <1 1>; }; b { " PL011 " reg = <2 1>; };"
	     "    c { " PL011 " reg = <3 1>; }; d { " PL011 " reg = <4 1>; };"
	     "    e { " PL011 " reg = <5 1>; }; f { " PL011 " reg = <6 1>; };"
	     "    g { " PL011 " reg = <7 1>; }; h { " PL011 " reg = <8 1>; };"
	     "    i { " PL011 " reg = <9 1>; }; };");
	assert_int_equal(tree.uart_count, TREE_UARTS_MAX);
	assert_int_equal(tree.uarts[7].address, 8);
	assert_int_equal(tree.note_count, 0);
}

/* An entry that does not fit 64 bits says nothing about its neighbours. */
static void test_uart_beside_wide_range(void **state)
{
	(void)state;
	scan("/ { #address-cells = <1>; a { #address-cells = <3>; #size-cells = <1>;"
	     "    ranges = <9 0 0 0x1000 0x100 0 0 0x10 0x2000 0x100>;"
	     "    serial { " PL011 " reg = <0 0 0x11 1>; }; }; };");
	expect_uart(true, 0x2001);
}

/* ---- dma-ranges ---- */

static void test_windows_of_one_node(void **state)
{
	(void)state;
	scan("/ { soc { dma-ranges = <0xc0000000 0 0x3f000000 0x7e000000 0x3f000000 0x1000000"
	     "    5 6 0>; }; };");
	assert_int_equal(tree.window_count, 2);
	expect_window(0, 0, 0x3f000000, 0xc0000000);
	expect_window(1, 0x3f000000, 0x40000000, 0x7e000000);
	assert_int_equal(tree.windows[0].node, fdt_path_offset(blob, "/soc"));
	assert_int_equal(tree.windows[1].node, fdt_path_offset(blob, "/soc"));
	assert_int_equal(tree.note_count, 0);
}

static void test_windows_which_nodes(void **state)
{
	(void)state;
	scan("/ { dma-ranges = <1 2 3>; a { dma-ranges; }; b { };"
	     "    c { status = \"disabled\"; dma-ranges = <0 0 5>;"
	     "        d { dma-ranges = <0 0 4>; }; }; e { dma-ranges = <0 7 1>; }; };");
	assert_int_equal(tree.window_count, 1);
	expect_window(0, 7, 8, 0);
}

static void test_windows_pci(void **state)
{
	(void)state;
	/* Three cells below, the first of them flags; two above. */
	scan("/ { #address-cells = <2>; #size-cells = <2>; pcie { #address-cells = <3>;"
	     "    dma-ranges = <0x02000000 0 0x10 0 0x40000000 0 0xc0000000>; }; };");
	assert_int_equal(tree.window_count, 1);
	expect_window(0, 0x40000000, 0x100000000, 0x10);
	/* Below PCI: the parent has the flags. */
	scan("/ { #address-cells = <2>; #size-cells = <2>; pcie { #address-cells = <3>;"
	     "    dma-ranges = <0x02000000 0 0 0 0x40000000 0 0x1000>;"
	     "    bridge { dma-ranges = <0x02000000 0 5 0x02000000 0 0x800 0 0x1000>; }; }; };");
	assert_int_equal(tree.window_count, 2);
	expect_window(1, 0x40000800, 0x40001000, 5);
	assert_int_equal(tree.note_count, 0);
}

static void test_windows_cut_by_parents(void **state)
{
	(void)state;
	/* The parent passes on 0x1000..0x3000 of its bus to 0x40000000: cut on both sides. */
	scan("/ { a { dma-ranges = <0x1000 0x40000000 0x2000>; b { c {"
	     "    dma-ranges = <0 0 0x10000>; }; }; }; };");
	assert_int_equal(tree.window_count, 2);
	expect_window(0, 0x40000000, 0x40002000, 0x1000);
	expect_window(1, 0x40000000, 0x40002000, 0x1000);
	/* In two pieces, to different places. */
	scan("/ { a { dma-ranges = <0 0x40000000 0x1000 0x4000 0x50000000 0x1000>;"
	     "    b { dma-ranges = <0x100 0x800 0x4000>; }; }; };");
	assert_int_equal(tree.window_count, 4);
	expect_window(2, 0x40000800, 0x40001000, 0x100);
	expect_window(3, 0x50000000, 0x50000800, 0x3900);
	/* What no parent passes on is gone. */
	scan("/ { a { dma-ranges = <0 0x40000000 0x1000>; b { dma-ranges = <0 0x1000 0x100>; }; };"
	     "    };");
	assert_int_equal(tree.window_count, 1);
	/* A parent with an empty one, or without, passes everything. */
	scan("/ { a { dma-ranges; b { c { dma-ranges = <1 2 3>; }; }; }; };");
	assert_int_equal(tree.window_count, 1);
	expect_window(0, 2, 5, 1);
	/* Three levels. */
	scan("/ { a { dma-ranges = <0 0x10000 0x10000>; b { dma-ranges = <0 0x1000 0x10000>;"
	     "    c { dma-ranges = <0 0x100 0x100>; }; }; }; };");
	expect_window(2, 0x11100, 0x11200, 0);
}

static void test_windows_at_the_top(void **state)
{
	(void)state;
	scan("/ { #address-cells = <2>; #size-cells = <2>;"
	     "    a { dma-ranges = <0 0 0 0 0xffffffff 0xffffffff>; };"
	     "    b { dma-ranges = <0 0 0xffffffff 0xfffff000 0 0x1000>; };"
	     "    c { dma-ranges = <0 0 0xffffffff 0xfffff000 0 0x2000>; };"
	     "    d { dma-ranges = <0 5 0 6 0xffffffff 0xffffffff>; }; };");
	assert_int_equal(tree.window_count, 4);
	expect_window(0, 0, UINT64_MAX, 0);
	expect_window(1, 0xfffffffffffff000, UINT64_MAX, 0);
	expect_window(2, 0xfffffffffffff000, UINT64_MAX, 0);
	expect_window(3, 6, UINT64_MAX, 5);
	/* A parent's entry that ends at 2^64, and one that wraps and passes nothing on. */
	scan("/ { #address-cells = <2>; #size-cells = <2>;"
	     "    a { dma-ranges = <0xffffffff 0xffff0000 0 0 0 0x10000>;"
	     "        b { dma-ranges = <0 0 0xffffffff 0xfffff000 0 0x1000>; }; }; };");
	expect_window(1, 0xf000, 0x10000, 0);
	scan("/ { #address-cells = <2>; #size-cells = <2>;"
	     "    a { dma-ranges = <0xffffffff 0xffff0000 0 0 0 0x20000>;"
	     "        b { dma-ranges = <0 0 0xffffffff 0xfffff000 0 0x1000>; }; }; };");
	assert_int_equal(tree.window_count, 1);
	/* Moved up past 2^64: nothing arrives. */
	scan("/ { #address-cells = <2>; #size-cells = <2>;"
	     "    a { dma-ranges = <0 0 0xffffffff 0xffff0000 0 0x20000>;"
	     "        b { dma-ranges = <0 0 0 0x8000 0 0x10000>; }; }; };");
	assert_int_equal(tree.window_count, 1);
}

static void test_windows_malformed(void **state)
{
	(void)state;
	scan("/ { a { dma-ranges = <1 2>; }; };");
	expect_only_note(NOTE_RANGES_LENGTH, 8);
	scan("/ { a { #size-cells = <0>; dma-ranges = <1 2 1 2>; }; };");
	expect_only_note(NOTE_RANGES_LENGTH, 16);
	assert_int_equal(tree.window_count, 0);
	/* Ignored is ignored: the buses below do not fall silent with it. */
	scan("/ { a { dma-ranges = <1 2 3 4>; b { dma-ranges = <0 0x1000 0x100>; }; }; };");
	expect_only_note(NOTE_RANGES_LENGTH, 16);
	assert_int_equal(tree.window_count, 1);
	expect_window(0, 0x1000, 0x1100, 0);
	/* All cells 0: entries without length. */
	scan("/ { #address-cells = <0>; #size-cells = <0>; a { dma-ranges = <1 2>;"
	     "    b { #address-cells = <1>; #size-cells = <1>; dma-ranges = <1 2>; }; }; };");
	assert_int_equal(notes_of(NOTE_RANGES_LENGTH), 1);
	assert_int_equal(notes_of(NOTE_WORK), 0);
	expect_window(0, 0, 2, 1);
}

static void test_windows_table_is_full(void **state)
{
	static char text[0x4000];
	size_t length = 0;

	(void)state;
	for (unsigned int i = 0; i < 65; i++)
		length += (size_t)snprintf(text + length, sizeof(text) - length, "0 %#x 1 ", i);
	scanf_tree("/ { a { dma-ranges = <%s>; }; };", text);
	assert_int_equal(tree.window_count, TREE_WINDOWS_MAX);
	expect_window(63, 63, 64, 0);
	expect_only_note(NOTE_TOO_MANY_WINDOWS, TREE_WINDOWS_MAX);
}

/* Each of twelve buses sees its parent eight times: 8^12 windows if anybody followed them all. */
static void test_windows_work_is_bounded(void **state)
{
	static const char ranges[] =
		"dma-ranges = <0 0 8 0 0 8 0 0 8 0 0 8 0 0 8 0 0 8 0 0 8 0 0 8>;";
	char open[2048] = "", close[64] = "";

	(void)state;
	for (unsigned int i = 0; i < 12; i++) {
		strcat(strcat(open, "n { "), ranges);
		strcat(close, "}; ");
	}
	scanf_tree("/ { %s %s };", open, close);
	assert_int_equal(tree.window_count, TREE_WINDOWS_MAX);
	assert_true(tree.note_count < 4096);
	/* The same where the outermost passes nothing on, so that no other note hides this one. */
	scanf_tree("/ { bus { dma-ranges = <100 0 8>; %s %s }; };", open, close);
	expect_only_note(NOTE_WORK, 4096);
	assert_int_equal(tree.window_count, 1);
}

/* ---- damage ---- */

static void test_header(void **state)
{
	static const struct {
		size_t offset;
		uint32_t value;
		enum tree_state state;
	} rows[] = {
		{ offsetof(struct fdt_header, magic), 0, TREE_NO_MAGIC },
		{ offsetof(struct fdt_header, magic), 0xedfe0dd0, TREE_NO_MAGIC },
		{ offsetof(struct fdt_header, magic), ~FDT_MAGIC, TREE_NO_MAGIC },
		{ offsetof(struct fdt_header, totalsize), 0, TREE_BAD_HEADER },
		{ offsetof(struct fdt_header, totalsize), 39, TREE_BAD_HEADER },
		{ offsetof(struct fdt_header, totalsize), 40, TREE_BAD_HEADER },
		{ offsetof(struct fdt_header, totalsize), TREE_BYTES_MAX + 1, TREE_TOO_LARGE },
		{ offsetof(struct fdt_header, totalsize), 0xffffffff, TREE_TOO_LARGE },
		{ offsetof(struct fdt_header, off_dt_struct), 0, TREE_BAD_HEADER },
		{ offsetof(struct fdt_header, off_dt_struct), 58, TREE_BAD_HEADER },
		{ offsetof(struct fdt_header, off_dt_struct), 0xfffffff0, TREE_BAD_HEADER },
		{ offsetof(struct fdt_header, size_dt_struct), 0xfffffff0, TREE_BAD_HEADER },
		{ offsetof(struct fdt_header, size_dt_struct), 0x10000, TREE_BAD_HEADER },
		{ offsetof(struct fdt_header, size_dt_struct), 0, TREE_TRUNCATED },
		{ offsetof(struct fdt_header, off_dt_strings), 0, TREE_BAD_HEADER },
		{ offsetof(struct fdt_header, off_dt_strings), 0xfffffff0, TREE_BAD_HEADER },
		{ offsetof(struct fdt_header, size_dt_strings), 0xfffffff0, TREE_BAD_HEADER },
		{ offsetof(struct fdt_header, size_dt_strings), 0x10000, TREE_BAD_HEADER },
		{ offsetof(struct fdt_header, size_dt_strings), 0, TREE_TRUNCATED },
		{ offsetof(struct fdt_header, size_dt_strings), 1, TREE_BAD_HEADER }, /* no NUL */
		{ offsetof(struct fdt_header, off_mem_rsvmap), 0, TREE_BAD_HEADER },
		{ offsetof(struct fdt_header, off_mem_rsvmap), 0x10000, TREE_BAD_HEADER },
		{ offsetof(struct fdt_header, off_mem_rsvmap), 42, TREE_BAD_HEADER },
		{ offsetof(struct fdt_header, off_mem_rsvmap), 44, TREE_BAD_HEADER },
		{ offsetof(struct fdt_header, version), 16, TREE_VERSION },
		{ offsetof(struct fdt_header, version), 3, TREE_VERSION },
		{ offsetof(struct fdt_header, version), 0, TREE_VERSION },
		{ offsetof(struct fdt_header, version), 18, TREE_WHOLE }, /* reads as 17 */
		{ offsetof(struct fdt_header, last_comp_version), 18, TREE_VERSION },
		{ offsetof(struct fdt_header, last_comp_version), 17, TREE_WHOLE },
		{ offsetof(struct fdt_header, boot_cpuid_phys), 0xffffffff, TREE_WHOLE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		take(fdt_build("/ { memory { device_type = \"memory\"; reg = <1 2>; }; };"));
		fdt32_st((char *)blob + rows[i].offset, rows[i].value);
		if (boot_tree_scan(blob, &tree) != rows[i].state)
			fail_msg("header field at %zu = %#x: state %u", rows[i].offset,
				 rows[i].value, tree.state);
		assert_int_equal(tree.memory_count, rows[i].state == TREE_WHOLE);
		assert_true(strlen(tree_state_text(tree.state)) > 4);
		logged_lines = 0;
		tree_report(&tree, blob);
		assert_int_equal(logged_lines, rows[i].state != TREE_WHOLE);
	}
}

/* Also a header whose last comparable version is newer than its own. */
static void test_header_versions_contradict(void **state)
{
	(void)state;
	take(fdt_build("/ { };"));
	fdt_set_version(blob, 17);
	fdt_set_last_comp_version(blob, 17);
	assert_int_equal(boot_tree_scan(blob, &tree), TREE_WHOLE);
	assert_int_equal(tree.node_count, 1);
	assert_int_equal(boot_tree_ram_base(&tree), UINT64_MAX);
}

static void test_unaligned(void **state)
{
	size_t bytes;
	void *shifted;

	(void)state;
	take(fdt_build("/ { };"));
	bytes = fdt_totalsize(blob);
	for (size_t shift = 1; shift < 8; shift++) {
		shifted = malloc(bytes + shift);
		memcpy((char *)shifted + shift, blob, bytes);
		assert_int_equal(boot_tree_scan((char *)shifted + shift, &tree), TREE_UNALIGNED);
		assert_int_equal(tree.blob_bytes, 0);
		free(shifted);
	}
}

/* Whether every offset in the table lies in the blob, and every count in its array. */
static void check_table(void)
{
	assert_true(tree.memory_count <= TREE_MEMORY_MAX);
	assert_true(tree.reserved_count <= TREE_RESERVED_MAX);
	assert_true(tree.window_count <= TREE_WINDOWS_MAX);
	assert_true(tree.uart_count <= TREE_UARTS_MAX);
	assert_true(tree.bootargs.offset + tree.bootargs.bytes <= tree.blob_bytes);
	assert_true(tree.stdout_path.offset + tree.stdout_path.bytes <= tree.blob_bytes);
	assert_true(tree.model.offset + tree.model.bytes <= tree.blob_bytes);
	for (uint32_t i = 0; i < tree.reserved_count; i++)
		assert_true(tree.reserved[i].alloc_ranges + tree.reserved[i].alloc_ranges_bytes <=
			    tree.blob_bytes);
	tree_report(&tree, blob);
}

/* The file ends early: every length, with the header saying so and without the rest in memory. */
static void test_truncated_structure(void **state)
{
	static const char *const files[] = { RPI2_TREE, NO_MAP_TREE };

	(void)state;
	for (size_t file = 0; file < ARRAY_SIZE(files); file++) {
		size_t bytes;
		void *whole = fdt_load(files[file], &bytes);
		uint32_t structure_bytes = fdt_size_dt_struct(whole);

		take(malloc(bytes));
		for (uint32_t left = 0; left <= structure_bytes; left += 4) {
			memcpy(blob, whole, bytes);
			fdt_set_size_dt_struct(blob, left);
			assert_int_equal(boot_tree_scan(blob, &tree),
					 left == structure_bytes ? TREE_WHOLE : TREE_TRUNCATED);
			assert_true(left == structure_bytes || tree.damage_offset <= left);
			check_table();
		}
		free(whole);
	}
}

/* The strings block first, so that the structure is the last thing before the end of the malloc. */
static void *structure_last(const void *whole)
{
	uint32_t strings = fdt_size_dt_strings(whole), structure = fdt_size_dt_struct(whole);
	uint32_t structure_at = ALIGN_UP(56 + strings, 8);
	char *moved = calloc(1, structure_at + structure);

	memcpy(moved, whole, 40);
	memcpy(moved + 56, (const char *)whole + fdt_off_dt_strings(whole), strings);
	memcpy(moved + structure_at, (const char *)whole + fdt_off_dt_struct(whole), structure);
	fdt_set_off_mem_rsvmap(moved, 40);
	fdt_set_off_dt_strings(moved, 56);
	fdt_set_off_dt_struct(moved, structure_at);
	fdt_set_totalsize(moved, structure_at + structure);
	return moved;
}

/* The same with nothing readable behind the cut: AddressSanitizer sees a byte too far. */
static void test_truncated_memory(void **state)
{
	size_t bytes;
	void *whole = fdt_load(RPI2_TREE, &bytes);
	void *arranged = structure_last(whole);
	uint32_t structure = fdt_size_dt_struct(arranged);
	uint32_t before = fdt_totalsize(arranged) - structure;

	(void)state;
	for (uint32_t left = 0; left <= structure; left += 4) {
		take(malloc(before + left));
		memcpy(blob, arranged, before + left);
		fdt_set_totalsize(blob, before + left);
		fdt_set_size_dt_struct(blob, left);
		boot_tree_scan(blob, &tree);
		assert_int_equal(tree.state, left == structure ? TREE_WHOLE : TREE_TRUNCATED);
		check_table();
	}
	free(arranged);
	free(whole);
}

/* The word of a property's header at `word` (1: length, 2: name) becomes `value`. */
static void scan_with_property_word(unsigned int word, uint32_t value)
{
	const struct fdt_property *property;
	int node;

	take(fdt_build(
		"/ { memory { device_type = \"memory\"; reg = <1 2>; }; "
		"a { x = <1>; y = <2>; }; z { device_type = \"memory\"; reg = <3 4>; }; };"));
	node = fdt_path_offset(blob, "/a");
	property = fdt_get_property(blob, node, "x", NULL);
	fdt32_st((char *)(uintptr_t)property + 4 * word, value);
	boot_tree_scan(blob, &tree);
	boot_tree_seal(blob, &tree);
	check_table();
}

static void test_property_lengths_wrap(void **state)
{
	static const uint32_t lengths[] = { 0x1000,     0x7ffffff0, 0x7fffffff, 0x80000000,
					    0xfffffff0, 0xfffffff4, 0xfffffff5, 0xfffffff8,
					    0xfffffffb, 0xfffffffc, 0xffffffff };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		scan_with_property_word(1, lengths[i]);
		assert_int_equal(tree.state, TREE_TRUNCATED);
		assert_int_equal(tree.memory_count, 1);
		assert_true(tree.damage_offset > (uint32_t)fdt_path_offset(blob, "/memory"));
		/* What comes later goes through libfdt. */
		devices_probe(blob);
	}
}

static void test_property_name_out_of_range(void **state)
{
	static const uint32_t names[] = { 0x1000, 0x7fffffff, 0x80000000, 0xffffffff };
	uint32_t strings;

	(void)state;
	scan_with_property_word(2, 0);
	assert_int_equal(tree.state, TREE_WHOLE);
	strings = fdt_size_dt_strings(blob);
	scan_with_property_word(2, strings - 1); /* an empty name, but inside */
	assert_int_equal(tree.state, TREE_WHOLE);
	scan_with_property_word(2, strings);
	assert_int_equal(tree.state, TREE_TRUNCATED);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		scan_with_property_word(2, names[i]);
		assert_int_equal(tree.state, TREE_TRUNCATED);
		assert_int_equal(tree.memory_count, 1);
		devices_probe(blob);
	}
}

/* A structure block of these words: what no compiler would write. */
static enum tree_state scan_words(const uint32_t *words, unsigned int count)
{
	uint32_t *built;

	take(fdt_build("/ { a = <1>; };"));
	built = calloc(1, 64 + 4 * count);
	memcpy(built, blob, 40);
	memcpy((char *)built + 56, "reg", 4);
	fdt_set_off_mem_rsvmap(built, 40);
	fdt_set_off_dt_strings(built, 56);
	fdt_set_size_dt_strings(built, 4);
	fdt_set_off_dt_struct(built, 64);
	fdt_set_size_dt_struct(built, 4 * count);
	fdt_set_totalsize(built, 64 + 4 * count);
	for (unsigned int i = 0; i < count; i++)
		fdt32_st(&built[16 + i], words[i]);
	take(built);
	boot_tree_scan(blob, &tree);
	boot_tree_seal(blob, &tree);
	check_table();
	devices_probe(blob);
	return tree.state;
}

static void test_structures_without_sense(void **state)
{
	static const struct {
		uint32_t words[8];
		unsigned int count;
		enum tree_state state;
	} rows[] = {
		{ { 1, 0, 2, 9 }, 4, TREE_WHOLE },
		{ { 4, 1, 0, 4, 2, 4, 9 }, 7, TREE_WHOLE },
		{ { 9 }, 1, TREE_TRUNCATED },                   /* no root */
		{ { 2, 9 }, 2, TREE_TRUNCATED },                /* an end before a beginning */
		{ { 3, 0, 0, 9 }, 4, TREE_TRUNCATED },          /* a property of nothing */
		{ { 1, 0, 9 }, 3, TREE_TRUNCATED },             /* the root stays open */
		{ { 1, 0, 2 }, 3, TREE_TRUNCATED },             /* no end */
		{ { 1, 0, 2, 1, 0, 2, 9 }, 7, TREE_TRUNCATED }, /* two roots */
		{ { 1, 0, 2, 3, 0, 0, 9 }, 7, TREE_TRUNCATED },
		{ { 1, 0, 5, 2, 9 }, 5, TREE_TRUNCATED }, /* no such tag */
		{ { 1, 0, 2, 2, 9 }, 5, TREE_TRUNCATED },
		{ { 1, 0x61616161 }, 2, TREE_TRUNCATED }, /* a name without end */
		{ { 1, 0, 3, 0 }, 4, TREE_TRUNCATED },    /* half a property */
		{ { 1, 0, 3, 4, 0 }, 5, TREE_TRUNCATED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (scan_words(rows[i].words, rows[i].count) != rows[i].state)
			fail_msg("row %zu: state %u", i, tree.state);
}

/* A property after a child breaks the format; the node was judged without it. */
static void test_property_behind_child(void **state)
{
	static const uint32_t words[] = { 1, 0, 1, 0x61000000, 2, 3, 4, 0, 7, 2, 9 };

	(void)state;
	assert_int_equal(scan_words(words, ARRAY_SIZE(words)), TREE_WHOLE);
	assert_int_equal(tree.node_count, 2);
}

/* ---- boot/blob.c ---- */

static int find(const char *name)
{
	return blob_find_node(blob, name, strlen(name));
}

static void test_find_node(void **state)
{
	(void)state;
	take(fdt_build("/ { aliases { uart0 = \"/soc/serial@1\"; loop = \"loop\"; two = \"uart0\";"
		       "    cut = [2f 73 6f 63]; none; dead = \"/soc/nobody\"; };"
		       "  soc { serial@1 { }; }; };"));
	assert_true(find("/soc/serial@1") > 0);
	assert_int_equal(find("/soc/serial"), find("/soc/serial@1"));
	assert_int_equal(find("uart0"), find("/soc/serial@1"));
	assert_int_equal(blob_find_node(blob, "uart0:115200", 5), find("uart0"));
	assert_int_equal(find("/"), 0);
	assert_true(find("loop") < 0);
	assert_true(find("two") < 0);
	assert_true(find("cut") < 0);
	assert_true(find("none") < 0);
	assert_true(find("dead") < 0);
	assert_true(find("uart") < 0);
	assert_true(find("") < 0);
	assert_true(find("/soc/x") < 0);
	take(fdt_build("/ { };"));
	assert_true(find("uart0") < 0);
}

static void test_node_path(void **state)
{
	char name[130];

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	take(fdt_buildf("/ { soc { serial@1 { }; }; %s { }; };", name));
	assert_string_equal(blob_node_path(blob, (uint32_t)find("/soc/serial@1")), "/soc/serial@1");
	assert_string_equal(blob_node_path(blob, 0), "/");
	assert_true(strlen(blob_node_path(blob, (uint32_t)find("/soc") + 4)) > 0);
	assert_string_equal(blob_node_path(blob, 0x7fffffff), blob_node_path(blob, 0xffffffff));
}

/* ---- boot/devices.c ---- */

static unsigned int probed_first, probed_second;
static struct device last;
static char last_name[64];

static void remember(const struct device *device)
{
	last = *device;
	snprintf(last_name, sizeof(last_name), "%s", device->name);
}

uint32_t irq_map(const struct irq_chip *chip, uint32_t line, enum irq_trigger trigger)
{
	(void)chip;
	(void)trigger;
	return IRQ_FIRST + line;
}

static void probe_first(const struct device *device)
{
	probed_first++;
	remember(device);
}

static void probe_second(const struct device *device)
{
	probed_second++;
	remember(device);
}

static const char *const first_compatible[] = { "test,first", "test,other", NULL };
static const char *const second_compatible[] = { "test,second", NULL };
DRIVER(first, first_compatible, probe_first);
DRIVER(second, second_compatible, probe_second);

static void probe(const char *source)
{
	probed_first = 0;
	probed_second = 0;
	take(fdt_build(source));
	devices_probe(blob);
}

static void test_devices(void **state)
{
	(void)state;
	probe("/ { soc { ranges = <0 0x40000000 0x10000>;"
	      "    a@5 { compatible = \"x\", \"test,other\"; reg = <5 1>; }; }; };");
	assert_int_equal(probed_first, 1);
	assert_string_equal(last_name, "/soc/a@5");
	assert_int_equal(last.register_count, 1);
	assert_int_equal(last.registers[0], 0x40000005);
	/* The node's own order decides, once. */
	probe("/ { a { compatible = \"test,second\", \"test,first\"; }; };");
	assert_int_equal(probed_first, 0);
	assert_int_equal(probed_second, 1);
	assert_int_equal(last.register_count, 0);
	/* The root is a node as well. */
	probe("/ { compatible = \"test,first\"; };");
	assert_int_equal(probed_first, 1);
}

static void test_devices_left_alone(void **state)
{
	(void)state;
	probe("/ { a { compatible = \"test,firs\"; }; b { compatible = \"test,first2\"; };"
	      "  c { compatible; }; d { compatible = [74 65 73 74 2c 66 69 72 73 74]; };"
	      "  e { compatible = \"test,first\"; status = \"disabled\"; };"
	      "  f { compatible = \"test,first\"; status; };"
	      "  g { status = \"disabled\"; h { compatible = \"test,first\";"
	      "      status = \"okay\"; i { compatible = \"test,second\"; }; }; };"
	      "  j { compatible = \"test,second\"; status = \"ok\"; }; };");
	assert_int_equal(probed_first, 0);
	assert_int_equal(probed_second, 1);
	assert_string_equal(last_name, "/j");
}

static void test_devices_out_of_reach(void **state)
{
	(void)state;
	probe("/ { #address-cells = <2>; a { compatible = \"test,first\"; reg = <1 0 1>; }; };");
	assert_int_equal(probed_first, 1);
	assert_int_equal(last.register_count, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, drop_blob)
	const struct CMUnitTest tests[] = {
		TEST(test_memory_every_node_and_entry),
		TEST(test_memory_cells),
		TEST(test_memory_unusable_cells),
		TEST(test_memory_reg_length),
		TEST(test_memory_top_of_64_bits),
		TEST(test_memory_which_nodes),
		TEST(test_memory_usable_property_wins),
		TEST(test_memory_table_is_full),
		TEST(test_notes_are_full),
		TEST(test_is_ram),
		TEST(test_reserved_kinds),
		TEST(test_reserved_own_cells),
		TEST(test_reserved_dynamic),
		TEST(test_reserved_malformed),
		TEST(test_reserved_table_is_full),
		TEST(test_initrd),
		TEST(test_chosen_texts),
		TEST(test_depth),
		TEST(test_uart_translation),
		TEST(test_uart_no_cells_at_all),
		TEST(test_uart_which),
		TEST(test_uart_beside_wide_range),
		TEST(test_windows_of_one_node),
		TEST(test_windows_which_nodes),
		TEST(test_windows_pci),
		TEST(test_windows_cut_by_parents),
		TEST(test_windows_at_the_top),
		TEST(test_windows_malformed),
		TEST(test_windows_table_is_full),
		TEST(test_windows_work_is_bounded),
		TEST(test_header),
		TEST(test_header_versions_contradict),
		TEST(test_unaligned),
		TEST(test_truncated_structure),
		TEST(test_truncated_memory),
		TEST(test_property_lengths_wrap),
		TEST(test_property_name_out_of_range),
		TEST(test_structures_without_sense),
		TEST(test_property_behind_child),
		TEST(test_find_node),
		TEST(test_node_path),
		TEST(test_devices),
		TEST(test_devices_left_alone),
		TEST(test_devices_out_of_reach),
	};

	return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}

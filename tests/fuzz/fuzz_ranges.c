/* SPDX-License-Identifier: MIT */
/*
 * Address translation, twice: the walk's (early/tree.c, for the console's UART before memory) and
 * the one that asks libfdt (blob.c, for drivers later). The input is read as orders to libfdt's
 * writer, so each tree is sound; every PL011 in it must have the same address, or none, by both.
 */
#include <libfdt.h>

#include "boot/blob.h"
#include "fuzz.h"

#define BLOB_BYTES 0x4000
#define DEPTH_MAX  10

static const uint8_t *input, *input_end;

static uint32_t next_byte(void)
{
	return input < input_end ? *input++ : 0;
}

/* A cell that is often small, often alike, and sometimes anything. */
static uint32_t next_cell(void)
{
	uint32_t kind = next_byte();

	if (kind < 0x60)
		return 0;
	if (kind < 0xa0)
		return kind & 7;
	if (kind < 0xe0)
		return (kind & 15) << 28;
	return kind << 24 | next_byte() << 16 | next_byte() << 8 | next_byte();
}

static void write_cells_property(void *writer, const char *name)
{
	uint32_t cells = next_byte() % 8;

	/* Mostly sensible, sometimes absent, sometimes 5 or 0xff. */
	if (cells == 7)
		return;
	fdt_property_u32(writer, name, cells < 5 ? cells : cells == 5 ? 5 : 0xff);
}

static void write_numbers(void *writer, const char *name)
{
	uint32_t cells = next_byte() % 25;
	fdt32_t *value;

	if (cells == 24 ||
	    fdt_property_placeholder(writer, name, (int)(4 * cells), (void **)&value))
		return;
	for (uint32_t i = 0; i < cells; i++)
		fdt32_st(&value[i], next_cell());
}

static void write_properties(void *writer, bool is_uart)
{
	write_cells_property(writer, "#address-cells");
	write_cells_property(writer, "#size-cells");
	write_numbers(writer, "ranges");
	write_numbers(writer, "reg");
	if (is_uart)
		fdt_property_string(writer, "compatible", "arm,pl011");
}

/* Buses within buses; each order opens one, closes one, or puts a UART. */
static bool write_tree(void *writer)
{
	int depth = 0;

	fdt_create(writer, BLOB_BYTES);
	fdt_finish_reservemap(writer);
	fdt_begin_node(writer, "");
	write_properties(writer, false);
	while (input < input_end) {
		uint32_t order = next_byte() % 4;

		if (order == 0 && depth > 0) {
			fdt_end_node(writer);
			depth--;
		} else if (order <= 2 && depth < DEPTH_MAX) {
			fdt_begin_node(writer, "bus");
			write_properties(writer, order == 2);
			depth++;
		} else {
			fdt_begin_node(writer, "uart");
			write_properties(writer, true);
			fdt_end_node(writer);
		}
	}
	for (; depth >= 0; depth--)
		fdt_end_node(writer);
	return fdt_finish(writer) == 0;
}

static void compare(int node, unsigned int *seen)
{
	uint64_t address;

	if (*seen == TREE_UARTS_MAX || !blob_register_address(blob, node, &address) ||
	    address > UINT32_MAX)
		return;
	HARNESS_CHECK(*seen < tree.uart_count);
	HARNESS_CHECK(tree.uarts[*seen].node == (uint32_t)node);
	HARNESS_CHECK(tree.uarts[*seen].address == address);
	(*seen)++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static _Alignas(8) char writer[BLOB_BYTES];
	unsigned int seen = 0;
	int node = -1;

	input = data;
	input_end = data + size;
	if (!write_tree(writer))
		return 0; /* full */
	harness_reset();
	harness_take_copy(writer, fdt_totalsize(writer));
	HARNESS_CHECK(boot_tree_scan(blob, &tree) == TREE_WHOLE);
	while ((node = fdt_node_offset_by_compatible(blob, node, "arm,pl011")) >= 0)
		compare(node, &seen);
	HARNESS_CHECK(seen == tree.uart_count);
	return 0;
}

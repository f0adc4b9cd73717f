/* SPDX-License-Identifier: MIT */
/* dma_debug=1: each kind of wrong use is told once, with the mapping it is about; right use is not. */
#include "dma_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arch/unwind.h"
#include "mm/obj/slab.h"

static struct dma_device device;
static char *buffer; /* three pages of Normal, allocated */
static struct page *high;

static void start_with(unsigned int bits, bool coherent)
{
	static uint64_t records[64 << 10];

	dma_start();
	assert_true(dma_debug_record_bytes() <= sizeof(records));
	memset(records, 0, sizeof(records));
	dma_debug_start(records);
	dma_pool_low(BOUNCE_POOL_LEAST);
	dma_make_device(&device, bits, coherent);
	buffer = page_address(alloc_pages(GFP_KERNEL, 2));
	high = alloc_page(GFP_HIGHUSER);
	assert_non_null(buffer);
	assert_non_null(high);
	memset(buffer, 1, 4 * PAGE_SIZE);
}

static void start(void)
{
	start_with(32, false);
}

static dma_addr_t map(size_t offset, size_t bytes, enum dma_data_direction direction)
{
	return dma_map_single(&device, buffer + offset, bytes, direction);
}

static void expect_about(enum dma_misuse_kind kind, dma_addr_t bus, size_t bytes)
{
	dma_expect_misuse(kind);
	assert_int_equal(dma_last_misuse.mapping.bus, bus);
	assert_int_equal(dma_last_misuse.mapping.bytes, bytes);
	assert_int_not_equal(dma_last_misuse.mapping.caller, 0);
}

/* --- right use ------------------------------------------------------------------------------- */

static void right_use(void **state)
{
	struct scatterlist list[2];
	dma_addr_t bus, other;

	(void)state;
	for (unsigned int bits = 24; bits <= 32; bits += 8) {
		start_with(bits, bits == 32);
		bus = map(0, 100, DMA_TO_DEVICE);
		other = map(0, 100, DMA_TO_DEVICE); /* both may read it */
		dma_unmap_single(&device, other, 100, DMA_TO_DEVICE);
		dma_sync_single_for_cpu(&device, bus, 100, DMA_TO_DEVICE);
		buffer[5]++;
		dma_sync_single_for_device(&device, bus, 100, DMA_TO_DEVICE);
		dma_unmap_single(&device, bus, 100, DMA_TO_DEVICE);
		bus = map(64, 128, DMA_BIDIRECTIONAL);
		/* For one direction of both; the halves one after the other. */
		dma_sync_single_for_cpu(&device, bus, 64, DMA_FROM_DEVICE);
		dma_sync_single_for_cpu(&device, bus + 64, 64, DMA_FROM_DEVICE);
		dma_sync_single_for_device(&device, bus, 128, DMA_TO_DEVICE);
		dma_unmap_single(&device, bus, 128, DMA_BIDIRECTIONAL);
		sg_set_buf(&list[0], buffer, 64);
		sg_set_page(&list[1], high, PAGE_SIZE, 0);
		assert_int_equal(dma_map_sg(&device, list, 2, DMA_FROM_DEVICE), 2);
		dma_sync_sg_for_cpu(&device, list, 2, DMA_FROM_DEVICE);
		dma_unmap_sg(&device, list, 2, DMA_FROM_DEVICE);
		assert_int_equal(dma_misuses_told, 0);
		dma_device_unregister(&device);
		dma_check_idle(&device);
	}
}

static void snapshots(void **state)
{
	struct dma_mapping mapping;
	uint32_t number = 0;
	dma_addr_t bus[3];

	(void)state;
	start();
	for (unsigned int i = 0; i < 3; i++)
		bus[i] = map(i * PAGE_SIZE, 100 + i, DMA_TO_DEVICE);
	dma_unmap_single(&device, bus[1], 101, DMA_TO_DEVICE);
	assert_true(dma_debug_snapshot(&number, &mapping));
	assert_int_equal(mapping.bus, bus[0]);
	assert_int_equal(mapping.phys, virt_to_phys(buffer));
	assert_true(dma_debug_snapshot(&number, &mapping));
	assert_int_equal(mapping.bytes, 102);
	assert_false(dma_debug_snapshot(&number, &mapping));
	dma_unmap_single(&device, bus[0], 100, DMA_TO_DEVICE);
	dma_unmap_single(&device, bus[2], 102, DMA_TO_DEVICE);
	dma_check_idle(&device);
}

/* --- unmap ----------------------------------------------------------------------------------- */

static void unmap_unknown(void **state)
{
	dma_addr_t bus;

	(void)state;
	start();
	bus = map(0, 100, DMA_TO_DEVICE);
	dma_unmap_single(&device, bus + 64, 36, DMA_TO_DEVICE); /* inside, but no start */
	dma_expect_misuse(DMA_UNMAP_UNKNOWN);
	assert_int_equal(device.live_mappings, 1);
	dma_unmap_single(&device, bus, 100, DMA_TO_DEVICE);
	dma_unmap_single(&device, bus, 100, DMA_TO_DEVICE);
	dma_expect_misuse(DMA_UNMAP_UNKNOWN);
	dma_check_idle(&device);
}

/* It is undone as it was mapped, whatever the call said: no slot is left. */
static void unmap_otherwise(void **state)
{
	dma_addr_t bus;

	(void)state;
	for (unsigned int bits = 24; bits <= 32; bits += 8) {
		start_with(bits, false);
		bus = map(0, 5000, DMA_TO_DEVICE);
		dma_unmap_single(&device, bus, 5001, DMA_TO_DEVICE);
		expect_about(DMA_UNMAP_SIZE, bus, 5000);
		bus = map(0, 5000, DMA_TO_DEVICE);
		dma_unmap_single(&device, bus, 64, DMA_TO_DEVICE);
		expect_about(DMA_UNMAP_SIZE, bus, 5000);
		bus = map(0, 5000, DMA_TO_DEVICE);
		dma_unmap_single(&device, bus, 5000, DMA_BIDIRECTIONAL);
		expect_about(DMA_UNMAP_DIRECTION, bus, 5000);
		bus = map(0, 5000, DMA_TO_DEVICE);
		dma_unmap_page(&device, bus, 5000, DMA_TO_DEVICE);
		expect_about(DMA_UNMAP_KIND, bus, 5000);
		bus = dma_map_page(&device, high, 0, 64, DMA_FROM_DEVICE);
		dma_unmap_single(&device, bus, 64, DMA_FROM_DEVICE);
		expect_about(DMA_UNMAP_KIND, bus, 64);
		dma_check_idle(&device);
	}
}

/* Of two mappings at one address the one that fits. */
static void unmap_of_two(void **state)
{
	dma_addr_t bus, other;

	(void)state;
	start();
	bus = map(0, 100, DMA_TO_DEVICE);
	other = map(0, 200, DMA_TO_DEVICE);
	assert_int_equal(bus, other);
	dma_unmap_single(&device, other, 200, DMA_TO_DEVICE);
	dma_unmap_single(&device, bus, 100, DMA_TO_DEVICE);
	dma_check_idle(&device);
}

/* --- sync ------------------------------------------------------------------------------------ */

static void sync_unknown(void **state)
{
	dma_addr_t bus;

	(void)state;
	start();
	bus = map(0, 100, DMA_FROM_DEVICE);
	dma_sync_single_for_cpu(&device, bus + 100, 1, DMA_FROM_DEVICE);
	dma_expect_misuse(DMA_SYNC_UNKNOWN);
	dma_sync_single_for_cpu(&device, bus + 64, 37, DMA_FROM_DEVICE);
	expect_about(DMA_SYNC_RANGE, bus, 100);
	dma_sync_single_for_cpu(&device, bus, 100, DMA_TO_DEVICE);
	expect_about(DMA_SYNC_DIRECTION, bus, 100);
	dma_unmap_single(&device, bus, 100, DMA_FROM_DEVICE);
	dma_sync_single_for_device(&device, bus, 100, DMA_FROM_DEVICE);
	dma_expect_misuse(DMA_SYNC_UNKNOWN);
	dma_check_idle(&device);
}

static void sync_twice(void **state)
{
	dma_addr_t bus;

	(void)state;
	start();
	bus = map(0, 100, DMA_FROM_DEVICE);
	dma_sync_single_for_device(&device, bus, 100, DMA_FROM_DEVICE);
	expect_about(DMA_SYNC_TWICE, bus, 100);
	dma_sync_single_for_cpu(&device, bus, 100, DMA_FROM_DEVICE);
	dma_sync_single_for_cpu(&device, bus, 100, DMA_FROM_DEVICE);
	expect_about(DMA_SYNC_TWICE, bus, 100);
	dma_unmap_single(&device, bus, 100, DMA_FROM_DEVICE);
	dma_check_idle(&device);
}

/* The CPU writes to what is the device's: seen at the next call. */
static void sync_missing(void **state)
{
	dma_addr_t bus;

	(void)state;
	for (unsigned int bits = 24; bits <= 32; bits += 8) {
		start_with(bits, false);
		bus = map(0, 5000, DMA_TO_DEVICE);
		buffer[4999]++;
		dma_unmap_single(&device, bus, 5000, DMA_TO_DEVICE);
		expect_about(DMA_SYNC_MISSING, bus, 5000);
		bus = map(0, 5000, DMA_TO_DEVICE);
		buffer[0]++;
		dma_sync_single_for_device(&device, bus, 5000, DMA_TO_DEVICE);
		expect_about(DMA_SYNC_MISSING, bus, 5000); /* not TWICE as well */
		buffer[0]++;
		dma_sync_single_for_cpu(&device, bus, 5000, DMA_TO_DEVICE);
		expect_about(DMA_SYNC_MISSING, bus, 5000);
		buffer[0]++; /* the CPU's by now */
		dma_unmap_single(&device, bus, 5000, DMA_TO_DEVICE);
		dma_check_idle(&device);
	}
}

/* --- memory ---------------------------------------------------------------------------------- */

static void stacks(void **state)
{
	dma_addr_t bus;

	(void)state;
	start();
	unwind_image.stacks[2] = (struct unwind_range){ (uintptr_t)buffer + PAGE_SIZE,
							(uintptr_t)buffer + 2 * PAGE_SIZE };
	bus = map(PAGE_SIZE - 64, 64, DMA_TO_DEVICE);
	dma_unmap_single(&device, bus, 64, DMA_TO_DEVICE);
	bus = map(2 * PAGE_SIZE, 64, DMA_TO_DEVICE);
	dma_unmap_single(&device, bus, 64, DMA_TO_DEVICE);
	assert_int_equal(dma_misuses_told, 0);
	bus = map(PAGE_SIZE - 64, 65, DMA_TO_DEVICE);
	dma_expect_misuse(DMA_MAP_STACK);
	dma_unmap_single(&device, bus, 65, DMA_TO_DEVICE);
	bus = map(2 * PAGE_SIZE - 1, 64, DMA_TO_DEVICE);
	dma_expect_misuse(DMA_MAP_STACK);
	dma_unmap_single(&device, bus, 64, DMA_TO_DEVICE);
	unwind_image.stacks[2] = (struct unwind_range){ 0, 0 };
	dma_check_idle(&device);
}

static void map_freed(const void *address, size_t bytes, bool freed)
{
	dma_addr_t bus = dma_map_single(&device, address, bytes, DMA_TO_DEVICE);

	assert_false(dma_mapping_error(&device, bus));
	if (freed)
		dma_expect_misuse(DMA_MAP_FREED);
	dma_unmap_single(&device, bus, bytes, DMA_TO_DEVICE);
	dma_check_idle(&device);
}

static void freed_memory(void **state)
{
	char *pages, *object;

	(void)state;
	start();
	pages = page_address(alloc_pages(GFP_KERNEL, 1));
	map_freed(pages, 2 * PAGE_SIZE, false);
	free_pages((unsigned long)(uintptr_t)pages, 1);
	map_freed(pages, 64, true);
	/* The end only. */
	pages = page_address(alloc_pages(GFP_KERNEL, 2));
	split_page(virt_to_page(pages), 2);
	free_pages((unsigned long)(uintptr_t)(pages + 3 * PAGE_SIZE), 0);
	map_freed(pages, 3 * PAGE_SIZE, false);
	map_freed(pages + PAGE_SIZE, 2 * PAGE_SIZE + 1, true);
	object = kmalloc(256, GFP_KERNEL);
	map_freed(object, 256, false);
	kfree(object);
	map_freed(object, 256, true);
}

static void shared_lines(void **state)
{
	dma_addr_t first, second;

	(void)state;
	start();
	first = map(0, 100, DMA_FROM_DEVICE);
	second = map(128, 64, DMA_FROM_DEVICE); /* the next line */
	assert_int_equal(dma_misuses_told, 0);
	dma_unmap_single(&device, second, 64, DMA_FROM_DEVICE);
	second = map(127, 1, DMA_TO_DEVICE);
	expect_about(DMA_MAP_SHARED_LINE, first, 100);
	dma_unmap_single(&device, second, 1, DMA_TO_DEVICE);
	dma_unmap_single(&device, first, 100, DMA_FROM_DEVICE);
	/* It ends in the line that another one begins in the middle of. */
	assert_int_equal(dma_misuses_told, 0);
	first = map(202, 50, DMA_FROM_DEVICE);
	second = map(128, 70, DMA_FROM_DEVICE);
	expect_about(DMA_MAP_SHARED_LINE, first, 50);
	dma_unmap_single(&device, second, 70, DMA_FROM_DEVICE);
	dma_unmap_single(&device, first, 50, DMA_FROM_DEVICE);
	/* Slots do not share lines, however the buffers lie. */
	start_with(24, false);
	first = map(0, 10, DMA_FROM_DEVICE);
	second = map(10, 10, DMA_FROM_DEVICE);
	assert_int_equal(dma_misuses_told, 0);
	dma_unmap_single(&device, first, 10, DMA_FROM_DEVICE);
	dma_unmap_single(&device, second, 10, DMA_FROM_DEVICE);
	/* Nor does a device mind that sees the caches. */
	start_with(32, true);
	first = map(0, 10, DMA_FROM_DEVICE);
	second = map(10, 10, DMA_FROM_DEVICE);
	assert_int_equal(dma_misuses_told, 0);
	dma_unmap_single(&device, first, 10, DMA_FROM_DEVICE);
	dma_unmap_single(&device, second, 10, DMA_FROM_DEVICE);
	dma_check_idle(&device);
}

/* --- a device goes; too many ----------------------------------------------------------------- */

static void left_mapped(void **state)
{
	dma_addr_t bus;

	(void)state;
	start();
	bus = map(0, 100, DMA_TO_DEVICE);
	dma_device_unregister(&device);
	expect_about(DMA_LEFT_MAPPED, bus, 100);
	dma_device_unregister(&device);
	assert_int_equal(dma_misuses_told, 0);
}

static void too_many(void **state)
{
	static dma_addr_t bus[DMA_DEBUG_ENTRIES + 3];

	(void)state;
	start();
	for (unsigned int i = 0; i < ARRAY_SIZE(bus); i++)
		bus[i] = map(0, 64, DMA_TO_DEVICE);
	dma_expect_misuse(DMA_NOT_WATCHED);
	assert_int_equal(device.live_mappings, ARRAY_SIZE(bus));
	for (unsigned int i = 0; i < DMA_DEBUG_ENTRIES; i++)
		dma_unmap_single(&device, bus[i], 64, DMA_TO_DEVICE);
	assert_int_equal(dma_misuses_told, 0);
	/* As many calls as nobody watched are let through. */
	for (unsigned int i = DMA_DEBUG_ENTRIES; i < ARRAY_SIZE(bus); i++)
		dma_unmap_single(&device, bus[i], 64, DMA_TO_DEVICE);
	assert_int_equal(dma_misuses_told, 0);
	bus[1] = map(128, 64, DMA_TO_DEVICE);
	dma_unmap_single(&device, bus[0], 64, DMA_TO_DEVICE);
	dma_expect_misuse(DMA_UNMAP_UNKNOWN);
	dma_unmap_single(&device, bus[1], 64, DMA_TO_DEVICE);
	dma_check_idle(&device);
}

/* What is not watched works all the same: bytes arrive, slots come back. */
static void not_watched(void **state)
{
	static dma_addr_t bus[DMA_DEBUG_ENTRIES];
	static uint8_t written[PAGE_SIZE];
	dma_addr_t last;

	(void)state;
	start_with(24, false);
	for (unsigned int i = 0; i < ARRAY_SIZE(bus); i++)
		bus[i] = dma_map_page(&device, phys_to_page((phys_addr_t)(RAM_BASE + SZ_2M)), 0, 64,
				      DMA_TO_DEVICE);
	dma_misuses_told = 0; /* it is nobody's memory */
	last = dma_map_page(&device, high, 0, PAGE_SIZE, DMA_FROM_DEVICE);
	dma_misuses_told = 0;
	memset(written, 0x5c, sizeof(written));
	device_writes(RAM_BASE + last, written, PAGE_SIZE);
	dma_sync_single_for_cpu(&device, last, PAGE_SIZE, DMA_FROM_DEVICE);
	assert_memory_equal(harness_page_data(high), written, PAGE_SIZE);
	memset(written, 0x5d, sizeof(written));
	dma_sync_single_for_device(&device, last, PAGE_SIZE, DMA_FROM_DEVICE);
	device_writes(RAM_BASE + last, written, PAGE_SIZE);
	dma_unmap_page(&device, last, PAGE_SIZE, DMA_FROM_DEVICE);
	assert_memory_equal(harness_page_data(high), written, PAGE_SIZE);
	for (unsigned int i = 0; i < ARRAY_SIZE(bus); i++)
		dma_unmap_page(&device, bus[i], 64, DMA_TO_DEVICE);
	dma_check_idle(&device);
}

static int make_machine(void **state)
{
	(void)state;
	dma_start();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right_use),     cmocka_unit_test(snapshots),
		cmocka_unit_test(unmap_unknown), cmocka_unit_test(unmap_otherwise),
		cmocka_unit_test(unmap_of_two),  cmocka_unit_test(sync_unknown),
		cmocka_unit_test(sync_twice),    cmocka_unit_test(sync_missing),
		cmocka_unit_test(stacks),        cmocka_unit_test(freed_memory),
		cmocka_unit_test(shared_lines),  cmocka_unit_test(left_mapped),
		cmocka_unit_test(too_many),      cmocka_unit_test(not_watched),
	};

	return cmocka_run_group_tests(tests, make_machine, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Mappings against a cache that forgives nothing: what the CPU wrote reaches the device and what the
 * device wrote the CPU, from every zone, within reach and bounced; slots that run out; refusals.
 */
#include "dma_harness.h"
#include "thread_double.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arch/irqflags.h"
#include "mm/virt/highmem.h"
#include "mm/virt/kmap.h"
#include "mm/phys/dma_limit.h"

#define SLOT BOUNCE_SLOT_BYTES
#define RUN  ((size_t)BOUNCE_RUN_MOST * SLOT)
#define BUF  0x3000U
#define POOL BOUNCE_POOL_LEAST

static struct dma_device device;
static uint8_t scratch[SZ_1M];

/* --- a device and a buffer ------------------------------------------------------------------- */

/* Where the device's bus address leads, by the window that dma_make_device gave it. */
static uint64_t phys_of(dma_addr_t bus)
{
	return RAM_BASE + bus;
}

static void start(unsigned int bits, bool coherent, size_t pool_bytes)
{
	dma_start();
	if (pool_bytes != 0)
		dma_pool_low(pool_bytes);
	dma_make_device(&device, bits, coherent);
}

/* A page of a zone, well away from the pool; the machine has 16 + 16 + 8 MiB. */
static struct page *page_in(enum zone_type zone)
{
	static const uint64_t offsets[] = {
		[ZONE_DMA] = SZ_1M,
		[ZONE_NORMAL] = DMA_BYTES + SZ_1M,
		[ZONE_HIGHMEM] = DMA_BYTES + NORMAL_BYTES + SZ_1M,
	};

	return phys_to_page((phys_addr_t)(RAM_BASE + offsets[zone]));
}

/* Devices that see the caches read what the CPU wrote, wherever it is. */
static void device_gets(dma_addr_t bus, void *to, size_t bytes)
{
	if (device.coherent)
		memcpy(to,
		       (char *)harness_page_data(phys_to_page((phys_addr_t)phys_of(bus))) +
			       phys_of(bus) % PAGE_SIZE,
		       bytes);
	else
		device_reads(phys_of(bus), to, bytes);
}

static void device_puts(dma_addr_t bus, const void *from, size_t bytes)
{
	if (device.coherent)
		memcpy((char *)harness_page_data(phys_to_page((phys_addr_t)phys_of(bus))) +
			       phys_of(bus) % PAGE_SIZE,
		       from, bytes);
	else
		device_writes(phys_of(bus), from, bytes);
}

static uint8_t pattern(size_t i, uint8_t seed)
{
	return (uint8_t)(i * 7 + (i >> 8) + seed);
}

static void fill(void *to, size_t bytes, uint8_t seed)
{
	for (size_t i = 0; i < bytes; i++)
		((uint8_t *)to)[i] = pattern(i, seed);
}

static void expect(const void *from, size_t bytes, uint8_t seed)
{
	for (size_t i = 0; i < bytes; i++)
		assert_int_equal(((const uint8_t *)from)[i], pattern(i, seed));
}

static void *data_of(const struct page *page, size_t offset)
{
	return (char *)harness_page_data(page) + offset;
}

/* --- there and back -------------------------------------------------------------------------- */

static void to_device(struct page *page, size_t offset, size_t bytes)
{
	dma_addr_t bus;

	fill(data_of(page, offset), bytes, 1);
	bus = dma_map_page(&device, page, offset, bytes, DMA_TO_DEVICE);
	assert_false(dma_mapping_error(&device, bus));
	assert_true(bus + bytes - 1 <= device.mask);
	device_gets(bus, scratch, bytes);
	expect(scratch, bytes, 1);
	dma_unmap_page(&device, bus, bytes, DMA_TO_DEVICE);
	expect(data_of(page, offset), bytes, 1);
}

static void from_device(struct page *page, size_t offset, size_t bytes)
{
	dma_addr_t bus;

	fill(data_of(page, offset), bytes, 2);
	bus = dma_map_page(&device, page, offset, bytes, DMA_FROM_DEVICE);
	assert_false(dma_mapping_error(&device, bus));
	assert_true(bus + bytes - 1 <= device.mask);
	fill(scratch, bytes, 3);
	device_puts(bus, scratch, bytes);
	dma_unmap_page(&device, bus, bytes, DMA_FROM_DEVICE);
	expect(data_of(page, offset), bytes, 3);
}

/* The device reads, then writes the lower half. */
static void both_ways(struct page *page, size_t offset, size_t bytes)
{
	dma_addr_t bus;

	fill(data_of(page, offset), bytes, 4);
	bus = dma_map_page(&device, page, offset, bytes, DMA_BIDIRECTIONAL);
	assert_false(dma_mapping_error(&device, bus));
	device_gets(bus, scratch, bytes);
	expect(scratch, bytes, 4);
	fill(scratch, bytes / 2, 5);
	device_puts(bus, scratch, bytes / 2);
	dma_unmap_page(&device, bus, bytes, DMA_BIDIRECTIONAL);
	expect(data_of(page, offset), bytes / 2, 5);
	for (size_t i = bytes / 2; i < bytes; i++)
		assert_int_equal(*(uint8_t *)data_of(page, offset + i), pattern(i, 4));
}

/* What lies around a buffer is not touched, whatever the ends of its lines. */
static void with_neighbours(struct page *page, size_t offset, size_t bytes)
{
	uint8_t *all = data_of(page, 0);
	dma_addr_t bus;

	memset(all, 0x5a, BUF);
	bus = dma_map_page(&device, page, offset, bytes, DMA_FROM_DEVICE);
	fill(scratch, bytes, 6);
	device_puts(bus, scratch, bytes);
	dma_unmap_page(&device, bus, bytes, DMA_FROM_DEVICE);
	for (size_t i = 0; i < BUF; i++)
		assert_int_equal(all[i], i - offset < bytes ? pattern(i - offset, 6) : 0x5a);
}

static void every_size(enum zone_type zone)
{
	static const size_t sizes[] = { 1,    63,       64,   65,   128,  1500, SLOT - 1,
					SLOT, SLOT + 1, 4095, 4096, 4097, 8192 };
	static const size_t offsets[] = { 0, 1, 32, 64, 100, 4032, 4095 };
	struct page *page = page_in(zone);

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++)
		for (unsigned int j = 0; j < ARRAY_SIZE(offsets); j++) {
			if (offsets[j] + sizes[i] > BUF)
				continue;
			to_device(page, offsets[j], sizes[i]);
			from_device(page, offsets[j], sizes[i]);
			both_ways(page, offsets[j], sizes[i]);
			with_neighbours(page, offsets[j], sizes[i]);
		}
	dma_check_idle(&device);
}

static void every_zone(unsigned int bits, bool coherent)
{
	for (enum zone_type zone = ZONE_DMA; zone <= ZONE_HIGHMEM; zone++) {
		start(bits, coherent, POOL);
		every_size(zone);
	}
}

static void within_reach(void **state)
{
	(void)state;
	every_zone(32, false);
	every_zone(32, true);
}

static void out_of_reach(void **state)
{
	(void)state;
	every_zone(24, false);
	every_zone(24, true);
}

/* A pool that has no linear address either. */
static void pool_in_highmem(void **state)
{
	(void)state;
	for (unsigned int coherent = 0; coherent < 2; coherent++) {
		dma_start();
		dma_pool_at(RAM_BASE + DMA_BYTES + NORMAL_BYTES + 4 * SZ_1M, POOL);
		dma_make_device(&device, 32, coherent != 0);
		device.limit_first_bus = DMA_BYTES + NORMAL_BYTES + 4 * SZ_1M;
		dma_device_update(&device);
		assert_non_null(device.pool);
		every_size(ZONE_HIGHMEM);
		every_size(ZONE_DMA);
	}
}

/* The device wrote less than all of it: the rest is as it was. */
static void short_write(void **state)
{
	struct page *page = page_in(ZONE_NORMAL);
	dma_addr_t bus;

	(void)state;
	start(24, false, POOL);
	/* A slot that had somebody else's bytes. */
	fill(scratch, SLOT, 9);
	device_writes(device.pool->phys, scratch, SLOT);
	cache_double_start();
	fill(data_of(page, 0), 1000, 7);
	bus = dma_map_page(&device, page, 0, 1000, DMA_FROM_DEVICE);
	fill(scratch, 100, 8);
	device_puts(bus, scratch, 100);
	dma_unmap_page(&device, bus, 1000, DMA_FROM_DEVICE);
	expect(data_of(page, 0), 100, 8);
	for (size_t i = 100; i < 1000; i++)
		assert_int_equal(*(uint8_t *)data_of(page, i), pattern(i, 7));
	dma_check_idle(&device);
}

static void linear_addresses(void **state)
{
	char *buffer;
	dma_addr_t bus;

	(void)state;
	for (unsigned int bits = 24; bits <= 32; bits += 8)
		for (unsigned int coherent = 0; coherent < 2; coherent++) {
			start(bits, coherent != 0, POOL);
			buffer = data_of(page_in(ZONE_NORMAL), 0);
			fill(buffer, 5000, 1);
			bus = dma_map_single(&device, buffer, 5000, DMA_BIDIRECTIONAL);
			assert_false(dma_mapping_error(&device, bus));
			assert_int_equal(device.live_mappings, 1);
			device_gets(bus, scratch, 5000);
			expect(scratch, 5000, 1);
			fill(scratch, 5000, 2);
			device_puts(bus, scratch, 5000);
			dma_unmap_single(&device, bus, 5000, DMA_BIDIRECTIONAL);
			expect(buffer, 5000, 2);
			dma_check_idle(&device);
		}
}

/* --- syncs ----------------------------------------------------------------------------------- */

static void ping_pong(enum dma_data_direction direction)
{
	struct page *page = page_in(ZONE_HIGHMEM);
	uint8_t *data = data_of(page, 0x10);
	dma_addr_t bus = dma_map_page(&device, page, 0x10, 5000, direction);

	assert_false(dma_mapping_error(&device, bus));
	for (uint8_t round = 0; round < 5; round++) {
		if (direction != DMA_TO_DEVICE) {
			fill(scratch, 5000, round);
			device_puts(bus, scratch, 5000);
		}
		dma_sync_single_for_cpu(&device, bus, 5000, direction);
		if (direction != DMA_TO_DEVICE)
			expect(data, 5000, round);
		if (direction != DMA_FROM_DEVICE)
			fill(data, 5000, (uint8_t)(round + 100));
		dma_sync_single_for_device(&device, bus, 5000, direction);
		if (direction != DMA_FROM_DEVICE) {
			device_gets(bus, scratch, 5000);
			expect(scratch, 5000, (uint8_t)(round + 100));
		}
	}
	dma_unmap_page(&device, bus, 5000, direction);
	dma_check_idle(&device);
}

/* A part in the middle, by the bus address of it. */
static void part_of_a_mapping(void)
{
	struct page *page = page_in(ZONE_NORMAL);
	dma_addr_t bus;

	fill(data_of(page, 0), 8192, 1);
	bus = dma_map_page(&device, page, 0, 8192, DMA_BIDIRECTIONAL);
	fill(scratch, 512, 2);
	device_puts(bus + 4096, scratch, 512);
	dma_sync_single_for_cpu(&device, bus + 4096, 512, DMA_BIDIRECTIONAL);
	expect(data_of(page, 4096), 512, 2);
	fill(data_of(page, 4096), 512, 3);
	dma_sync_single_for_device(&device, bus + 4096, 512, DMA_BIDIRECTIONAL);
	device_gets(bus + 4096, scratch, 512);
	expect(scratch, 512, 3);
	dma_unmap_page(&device, bus, 8192, DMA_BIDIRECTIONAL);
	expect(data_of(page, 0), 4096, 1);
	expect(data_of(page, 4096), 512, 3);
	dma_check_idle(&device);
}

static void syncs(void **state)
{
	(void)state;
	for (unsigned int bits = 24; bits <= 32; bits += 8)
		for (unsigned int coherent = 0; coherent < 2; coherent++) {
			start(bits, coherent != 0, POOL);
			for (enum dma_data_direction d = DMA_BIDIRECTIONAL; d < DMA_NONE; d++)
				ping_pong(d);
			part_of_a_mapping();
		}
}

/* --- lists ----------------------------------------------------------------------------------- */

static void make_list(struct scatterlist *list)
{
	sg_set_page(&list[0], page_in(ZONE_DMA), 3000, 64);
	sg_set_page(&list[1], page_in(ZONE_HIGHMEM), 4096, 0);
	sg_set_buf(&list[2], data_of(page_in(ZONE_NORMAL), 0x40), 9000);
	assert_int_equal(sg_phys(&list[2]), page_to_phys(page_in(ZONE_NORMAL)) + 0x40);
}

static void *piece(const struct scatterlist *sg)
{
	return data_of(sg->page, sg->offset);
}

static void lists(void **state)
{
	struct scatterlist list[3];

	(void)state;
	start(24, false, POOL);
	make_list(list);
	for (unsigned int i = 0; i < 3; i++)
		fill(piece(&list[i]), list[i].length, (uint8_t)i);
	assert_int_equal(dma_map_sg(&device, list, 3, DMA_BIDIRECTIONAL), 3);
	assert_int_equal(device.live_mappings, 3);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(sg_dma_len(&list[i]), list[i].length);
		device_gets(sg_dma_address(&list[i]), scratch, list[i].length);
		expect(scratch, list[i].length, (uint8_t)i);
		fill(scratch, list[i].length, (uint8_t)(i + 10));
		device_puts(sg_dma_address(&list[i]), scratch, list[i].length);
	}
	dma_sync_sg_for_cpu(&device, list, 3, DMA_BIDIRECTIONAL);
	for (unsigned int i = 0; i < 3; i++) {
		expect(piece(&list[i]), list[i].length, (uint8_t)(i + 10));
		fill(piece(&list[i]), list[i].length, (uint8_t)(i + 20));
	}
	dma_sync_sg_for_device(&device, list, 3, DMA_BIDIRECTIONAL);
	for (unsigned int i = 0; i < 3; i++) {
		device_gets(sg_dma_address(&list[i]), scratch, list[i].length);
		expect(scratch, list[i].length, (uint8_t)(i + 20));
	}
	dma_unmap_sg(&device, list, 3, DMA_BIDIRECTIONAL);
	dma_check_idle(&device);
}

/* The piece that is refused takes the others with it. */
static void list_refused(void **state)
{
	struct scatterlist list[3];

	(void)state;
	start(24, false, POOL);
	for (unsigned int bad = 0; bad < 3; bad++) {
		make_list(list);
		list[bad].length = 0;
		assert_int_equal(dma_map_sg(&device, list, 3, DMA_TO_DEVICE), 0);
		dma_expect_refusal(DMA_BAD_REQUEST);
		for (unsigned int i = 0; i < 3; i++)
			assert_true(i >= bad || list[i].dma_length == 0);
		dma_check_idle(&device);
	}
	assert_int_equal(dma_map_sg(&device, list, 0, DMA_TO_DEVICE), 0);
}

/* --- exhaustion ------------------------------------------------------------------------------ */

static void slots_run_out(void **state)
{
	struct page *page = page_in(ZONE_NORMAL);
	static dma_addr_t bus[RUN / SLOT];
	struct bounce_snapshot snapshot;

	(void)state;
	start(24, false, POOL);
	fill(data_of(page, 0), 100, 1);
	for (unsigned int i = 0; i < ARRAY_SIZE(bus); i++) {
		bus[i] = dma_map_page(&device, page, 0, 100, DMA_TO_DEVICE);
		assert_false(dma_mapping_error(&device, bus[i]));
	}
	bounce_snapshot(device.pool, &snapshot);
	assert_int_equal(snapshot.used_slots, RUN / SLOT);
	assert_int_equal(snapshot.used_slots_most, RUN / SLOT);
	assert_int_equal(snapshot.largest_free_run, 0);
	assert_true(dma_mapping_error(&device, dma_map_page(&device, page, 0, 1, DMA_TO_DEVICE)));
	dma_expect_refusal(DMA_POOL_FULL);
	assert_int_equal(device.live_mappings, ARRAY_SIZE(bus));
	/* Every second one back: many slots, no run of two. */
	for (unsigned int i = 0; i < ARRAY_SIZE(bus); i += 2)
		dma_unmap_page(&device, bus[i], 100, DMA_TO_DEVICE);
	assert_true(dma_mapping_error(&device,
				      dma_map_page(&device, page, 0, SLOT + 1, DMA_TO_DEVICE)));
	dma_expect_refusal(DMA_POOL_FULL);
	bounce_snapshot(device.pool, &snapshot);
	assert_int_equal(snapshot.largest_free_run, 1);
	assert_int_equal(snapshot.refused_runs, 2);
	/* One more makes a run of three, from an odd slot on: a page begins at an even one. */
	dma_unmap_page(&device, bus[1], 100, DMA_TO_DEVICE);
	bus[1] = dma_map_page(&device, page, 0, PAGE_SIZE, DMA_TO_DEVICE);
	assert_false(dma_mapping_error(&device, bus[1]));
	assert_true(IS_ALIGNED(bus[1], PAGE_SIZE));
	dma_unmap_page(&device, bus[1], PAGE_SIZE, DMA_TO_DEVICE);
	for (unsigned int i = 3; i < ARRAY_SIZE(bus); i += 2)
		dma_unmap_page(&device, bus[i], 100, DMA_TO_DEVICE);
	bounce_snapshot(device.pool, &snapshot);
	assert_int_equal(snapshot.largest_free_run, RUN / SLOT);
	dma_check_idle(&device);
}

/* Not the first slot that is free, for a device that is given the page's number. */
static void pages_stay_pages(void **state)
{
	dma_addr_t small, page;

	(void)state;
	start(24, true, POOL);
	small = dma_map_page(&device, page_in(ZONE_NORMAL), 0, 100, DMA_TO_DEVICE);
	page = dma_map_page(&device, page_in(ZONE_NORMAL), 0, PAGE_SIZE, DMA_TO_DEVICE);
	assert_int_equal(page, small + PAGE_SIZE);
	dma_unmap_page(&device, small, 100, DMA_TO_DEVICE);
	dma_unmap_page(&device, page, PAGE_SIZE, DMA_TO_DEVICE);
	dma_check_idle(&device);
}

static void longest_run(void **state)
{
	struct page *page = page_in(ZONE_NORMAL);
	dma_addr_t bus;

	(void)state;
	start(24, false, 2 * POOL);
	assert_int_equal(dma_max_mapping_size(&device), RUN);
	bus = dma_map_page(&device, page, 0, RUN, DMA_TO_DEVICE);
	assert_false(dma_mapping_error(&device, bus));
	dma_unmap_page(&device, bus, RUN, DMA_TO_DEVICE);
	bus = dma_map_page(&device, page, 0, RUN + 1, DMA_TO_DEVICE);
	assert_true(dma_mapping_error(&device, bus));
	dma_expect_refusal(DMA_TOO_LARGE);
	/* Within reach there is no such limit. */
	bus = dma_map_page(&device, page_in(ZONE_DMA), 0, 4 * RUN, DMA_TO_DEVICE);
	assert_false(dma_mapping_error(&device, bus));
	dma_unmap_page(&device, bus, 4 * RUN, DMA_TO_DEVICE);
	dma_check_idle(&device);
	/* A smaller pool, all RAM in reach, no pool. */
	start(24, false, 0);
	assert_int_equal(dma_max_mapping_size(&device), SIZE_MAX);
	dma_pool_low(64 * 1024);
	assert_int_equal(dma_max_mapping_size(&device), 64 * 1024);
	assert_int_equal(dma_set_mask(&device, DMA_BIT_MASK(32)), 0);
	assert_int_equal(dma_max_mapping_size(&device), SIZE_MAX);
}

/* Random runs against a map of who has what. */
static void random_runs(void **state)
{
	enum { MOST = 64 };
	static struct {
		dma_addr_t bus;
		size_t bytes;
		struct page *page;
		uint8_t seed;
	} runs[MOST];
	uint32_t random = 99, refused = 0;

	(void)state;
	start(24, false, 3 * POOL);
	memset(runs, 0, sizeof(runs));
	for (unsigned int i = 0; i < 20000; i++) {
		unsigned int at = harness_random(&random) % MOST;
		struct page *page = page_in(ZONE_NORMAL) + at * 32;

		if (runs[at].bytes != 0) {
			device_gets(runs[at].bus, scratch, runs[at].bytes);
			expect(scratch, runs[at].bytes, runs[at].seed);
			dma_unmap_page(&device, runs[at].bus, runs[at].bytes, DMA_TO_DEVICE);
			runs[at].bytes = 0;
			continue;
		}
		runs[at].seed = (uint8_t)harness_random(&random);
		runs[at].bytes = 1 + harness_random(&random) % 40000;
		fill(data_of(page, 0), runs[at].bytes, runs[at].seed);
		runs[at].bus = dma_map_page(&device, page, 0, runs[at].bytes, DMA_TO_DEVICE);
		if (dma_mapping_error(&device, runs[at].bus)) {
			refused++;
			runs[at].bytes = 0;
		}
		assert_null(bounce_check());
	}
	assert_in_range(refused, 10, 10000);
	dma_refusals_told = 0;
	for (unsigned int at = 0; at < MOST; at++)
		if (runs[at].bytes != 0)
			dma_unmap_page(&device, runs[at].bus, runs[at].bytes, DMA_TO_DEVICE);
	dma_check_idle(&device);
}

/* A handler between two steps takes the very run that was found. */
static struct page *stolen_page;
static dma_addr_t stolen[8];
static unsigned int steals;

static void steal(void)
{
	double_irq_masking = double_irq_unmasked = NULL;
	if (steals < ARRAY_SIZE(stolen))
		stolen[steals++] = dma_map_page(&device, stolen_page, 0, 100, DMA_TO_DEVICE);
	if (steals < ARRAY_SIZE(stolen))
		double_irq_masking = double_irq_unmasked = steal;
}

static void handlers_map_as_well(void **state)
{
	struct page *page = page_in(ZONE_HIGHMEM);
	dma_addr_t bus;

	(void)state;
	start(24, false, POOL);
	stolen_page = page_in(ZONE_NORMAL);
	fill(data_of(stolen_page, 0), 100, 1);
	fill(data_of(page, 0), 3 * SLOT, 2);
	steals = 0;
	double_irq_masking = double_irq_unmasked = steal;
	bus = dma_map_page(&device, page, 0, 3 * SLOT, DMA_TO_DEVICE);
	double_irq_masking = double_irq_unmasked = NULL;
	assert_in_range(steals, 2, ARRAY_SIZE(stolen));
	assert_false(dma_mapping_error(&device, bus));
	device_gets(bus, scratch, 3 * SLOT);
	expect(scratch, 3 * SLOT, 2);
	for (unsigned int i = 0; i < steals; i++) {
		device_gets(stolen[i], scratch, 100);
		expect(scratch, 100, 1);
		dma_unmap_page(&device, stolen[i], 100, DMA_TO_DEVICE);
	}
	dma_unmap_page(&device, bus, 3 * SLOT, DMA_TO_DEVICE);
	dma_check_idle(&device);
}

/* Who has a slot, since when, for what. */
static void slots_have_owners(void **state)
{
	struct bounce_slot first, second;
	uint32_t number = 0;
	dma_addr_t bus[2];

	(void)state;
	start(24, false, POOL);
	bus[0] = dma_map_page(&device, page_in(ZONE_NORMAL), 5, 100, DMA_TO_DEVICE);
	double_now_ns += 1000;
	bus[1] = dma_map_page(&device, page_in(ZONE_HIGHMEM), 0, 5000, DMA_FROM_DEVICE);
	assert_true(bounce_run_snapshot(device.pool, &number, &first));
	assert_true(bounce_run_snapshot(device.pool, &number, &second));
	assert_false(bounce_run_snapshot(device.pool, &number, &first));
	assert_ptr_equal(first.device, &device);
	assert_int_equal(first.original, page_to_phys(page_in(ZONE_NORMAL)) + 5);
	assert_int_equal(first.bytes, 100);
	assert_int_equal(first.run_slots, 1);
	assert_int_equal(second.run_slots, 3);
	assert_int_equal(second.direction, DMA_FROM_DEVICE);
	assert_int_equal(second.taken_ns - first.taken_ns, 1000);
	assert_int_not_equal(second.caller, 0);
	dma_unmap_page(&device, bus[0], 100, DMA_TO_DEVICE);
	fill(scratch, 5000, 1);
	device_puts(bus[1], scratch, 5000);
	dma_unmap_page(&device, bus[1], 5000, DMA_FROM_DEVICE);
	dma_check_idle(&device);
}

/* --- refusals -------------------------------------------------------------------------------- */

static void refused(dma_addr_t bus, enum dma_refusal_reason reason)
{
	assert_int_equal(bus, DMA_MAPPING_ERROR);
	dma_expect_refusal(reason);
	assert_ptr_equal(dma_last_refusal.device, &device);
	dma_check_idle(&device);
}

static void refusals(void **state)
{
	char *low;
	int local;

	(void)state;
	for (unsigned int coherent = 0; coherent < 2; coherent++) {
		start(24, coherent != 0, 0);
		low = data_of(page_in(ZONE_DMA), 0);
		refused(dma_map_single(&device, low, 0, DMA_TO_DEVICE), DMA_BAD_REQUEST);
		refused(dma_map_single(&device, low, 1, DMA_NONE), DMA_BAD_REQUEST);
		refused(dma_map_single(&device, low, SIZE_MAX, DMA_TO_DEVICE), DMA_NOT_LINEAR);
		refused(dma_map_single(&device, &local, 4, DMA_TO_DEVICE), DMA_NOT_LINEAR);
		refused(dma_map_single(&device, NULL, 4, DMA_TO_DEVICE), DMA_NOT_LINEAR);
		refused(dma_map_single(&device, data_of(page_in(ZONE_HIGHMEM), 0), 4,
				       DMA_TO_DEVICE),
			DMA_NOT_LINEAR);
		/* From lowmem into highmem. */
		refused(dma_map_single(&device, low + DMA_BYTES + NORMAL_BYTES - 2 * SZ_1M,
				       3 * SZ_1M, DMA_TO_DEVICE),
			DMA_NOT_LINEAR);
		refused(dma_map_page(&device, pfn_to_page(0x100), 0, 4, DMA_TO_DEVICE),
			DMA_NOT_RAM);
		refused(dma_map_page(&device, page_in(ZONE_HIGHMEM), 0, HIGH_BYTES, DMA_TO_DEVICE),
			DMA_NOT_RAM);
		refused(dma_map_page(&device, page_in(ZONE_NORMAL), 0, 4, DMA_TO_DEVICE),
			DMA_OUT_OF_REACH);
		/* Its end only. */
		refused(dma_map_page(&device, phys_to_page((phys_addr_t)(RAM_BASE + DMA_BYTES)) - 1,
				     0, PAGE_SIZE + 1, DMA_TO_DEVICE),
			DMA_OUT_OF_REACH);
		refused(dma_map_resource(&device, (phys_addr_t)RAM_BASE, 4, DMA_TO_DEVICE),
			DMA_IS_RAM);
		refused(dma_map_resource(&device, 0x9000000, 4, DMA_TO_DEVICE), DMA_OUT_OF_REACH);
	}
}

/* The last byte of the bus may be reached; DMA_MAPPING_ERROR is no address. */
static void top_of_the_bus(void **state)
{
	char *end = NULL;
	dma_addr_t bus;

	(void)state;
	for (unsigned int coherent = 0; coherent < 2; coherent++) {
		dma_start();
		dma_make_device(&device, 32, coherent != 0);
		device.windows[0] = (struct dma_reach_window){ .phys = RAM_BASE,
							       .bytes = DMA_BYTES,
							       .bus = SZ_4G - DMA_BYTES };
		dma_device_update(&device);
		end = (char *)data_of(page_in(ZONE_DMA), 0) + DMA_BYTES - SZ_1M;
		bus = dma_map_single(&device, end - 64, 64, DMA_TO_DEVICE);
		assert_int_equal(bus, (dma_addr_t)-64);
		dma_unmap_single(&device, bus, 64, DMA_TO_DEVICE);
		bus = dma_map_single(&device, end - 2, 1, DMA_TO_DEVICE);
		assert_int_equal(bus, (dma_addr_t)-2);
		dma_unmap_single(&device, bus, 1, DMA_TO_DEVICE);
		refused(dma_map_single(&device, end - 1, 1, DMA_TO_DEVICE), DMA_OUT_OF_REACH);
	}
}

/* With every window of this core open, highmem cannot be touched. */
static void no_window(void **state)
{
	struct page *page = page_in(ZONE_HIGHMEM);
	void *open[16];
	unsigned int count = 0;

	(void)state;
	for (unsigned int bits = 24; bits <= 32; bits += 8) {
		start(bits, false, POOL);
		count = 0;
		while ((open[count] = kmap_local_page(page)) != NULL)
			count++;
		assert_int_equal(dma_map_page(&device, page, 0, 4, DMA_TO_DEVICE),
				 DMA_MAPPING_ERROR);
		dma_expect_refusal(DMA_NO_WINDOW);
		while (count != 0)
			kunmap_local(open[--count]);
		dma_check_idle(&device);
	}
}

static void resources(void **state)
{
	dma_addr_t bus;

	(void)state;
	start(32, false, 0);
	device.windows[1] =
		(struct dma_reach_window){ .phys = 0x9000000, .bytes = 0x1000, .bus = 0x7e000000 };
	device.window_count = 2;
	dma_device_update(&device);
	cache_operations = 0;
	bus = dma_map_resource(&device, 0x9000010, 4, DMA_TO_DEVICE);
	assert_int_equal(bus, 0x7e000010);
	assert_int_equal(device.live_mappings, 1);
	dma_unmap_resource(&device, bus, 4, DMA_TO_DEVICE);
	assert_int_equal(cache_operations, 0);
	refused(dma_map_resource(&device, 0x9000ffe, 4, DMA_TO_DEVICE), DMA_OUT_OF_REACH);
}

/* dma_check=off: what somebody would do who does not look. */
static void unchecked(void **state)
{
	dma_addr_t bus;

	(void)state;
	start(24, true, POOL);
	assert_true(dma_param("dma_check", "off"));
	bus = dma_map_page(&device, page_in(ZONE_NORMAL), 0, 4, DMA_TO_DEVICE);
	assert_int_equal(bus, DMA_BYTES + SZ_1M); /* more lines than it has */
	assert_true(bus > device.mask);
	dma_unmap_page(&device, DMA_MAPPING_ERROR, 4, DMA_TO_DEVICE);
	dma_expect_misuse(DMA_UNMAP_UNKNOWN);
	dma_unmap_page(&device, bus, 4, DMA_TO_DEVICE);
	dma_check_idle(&device);
}

/* --- wrong use that is seen without dma_debug=1 ------------------------------------------------ */

static void misuse(void **state)
{
	dma_addr_t bus;

	(void)state;
	start(24, true, POOL);
	dma_unmap_single(&device, 0x1000, 4, DMA_TO_DEVICE); /* nothing is mapped at all */
	dma_expect_misuse(DMA_UNMAP_UNKNOWN);
	bus = dma_map_page(&device, page_in(ZONE_NORMAL), 0, 5000, DMA_TO_DEVICE);
	dma_unmap_page(&device, DMA_MAPPING_ERROR, 4, DMA_TO_DEVICE);
	dma_expect_misuse(DMA_UNMAP_UNKNOWN);
	dma_unmap_page(&device, bus + SLOT, 4, DMA_TO_DEVICE); /* in the middle of a run */
	dma_expect_misuse(DMA_UNMAP_UNKNOWN);
	dma_unmap_page(&device, bus, 5001, DMA_TO_DEVICE);
	dma_expect_misuse(DMA_UNMAP_UNKNOWN);
	dma_sync_single_for_cpu(&device, bus + 4999, 2, DMA_TO_DEVICE);
	dma_expect_misuse(DMA_SYNC_UNKNOWN);
	dma_sync_single_for_cpu(&device, 0xf0000000, 2, DMA_TO_DEVICE);
	dma_expect_misuse(DMA_SYNC_UNKNOWN);
	assert_int_equal(device.live_mappings, 1);
	dma_unmap_page(&device, bus, 5000, DMA_TO_DEVICE);
	dma_unmap_page(&device, bus, 5000, DMA_TO_DEVICE); /* twice */
	dma_expect_misuse(DMA_UNMAP_UNKNOWN);
	dma_check_idle(&device);
	/* A driver that goes and leaves one. */
	dma_map_page(&device, page_in(ZONE_DMA), 0, 5000, DMA_TO_DEVICE);
	dma_device_unregister(&device);
	dma_expect_misuse(DMA_LEFT_MAPPED);
	assert_int_equal(dma_last_misuse.call.bytes, 1);
}

/* What cannot be a mapping's is told, and never taken for one that is: that one comes to its end. */
static void wrong_calls_count_nothing(void **state)
{
	static uint8_t expected[PAGE_SIZE];
	struct scatterlist list = { .page = page_in(ZONE_DMA), .length = 64 };
	dma_addr_t bus;

	(void)state;
	start(32, false, POOL);
	device.window_count = 0; /* bus addresses are the CPU's */
	device.mask = RAM_BASE + DMA_BYTES - 1;
	dma_device_update(&device);
	bus = dma_map_page(&device, page_in(ZONE_NORMAL), 0, PAGE_SIZE, DMA_FROM_DEVICE);
	dma_unmap_page(&device, DMA_MAPPING_ERROR, PAGE_SIZE, DMA_FROM_DEVICE);
	dma_expect_misuse(DMA_UNMAP_UNKNOWN);
	dma_unmap_page(&device, bus, 0, DMA_FROM_DEVICE);
	dma_expect_misuse(DMA_UNMAP_UNKNOWN);
	dma_unmap_page(&device, 0x9000000, 4, DMA_TO_DEVICE); /* no RAM */
	dma_expect_misuse(DMA_UNMAP_UNKNOWN);
	dma_unmap_resource(&device, (dma_addr_t)RAM_BASE, 4, DMA_TO_DEVICE);
	dma_expect_misuse(DMA_UNMAP_UNKNOWN);
	dma_sync_single_for_cpu(&device, 0x9000000, 4, DMA_TO_DEVICE);
	dma_expect_misuse(DMA_SYNC_UNKNOWN);
	assert_int_equal(dma_map_sg(&device, &list, 1, DMA_TO_DEVICE), 1);
	dma_unmap_sg(&device, &list, 1, DMA_TO_DEVICE);
	dma_unmap_sg(&device, &list, 1, DMA_TO_DEVICE);
	dma_expect_misuse(DMA_UNMAP_UNKNOWN);
	/* This one could be a mapping, and is counted as the one that is. */
	dma_unmap_page(&device, (dma_addr_t)RAM_BASE + SZ_2M, 64, DMA_TO_DEVICE);
	assert_int_equal(device.live_mappings, 0);
	fill(expected, PAGE_SIZE, 5);
	device_writes(bus, expected, PAGE_SIZE);
	dma_unmap_page(&device, bus, PAGE_SIZE, DMA_FROM_DEVICE);
	expect(data_of(page_in(ZONE_NORMAL), 0), PAGE_SIZE, 5);
	dma_check_idle(&device);
}

/* --- the cache model itself ------------------------------------------------------------------ */

/* The model sees what it is there for. */
static void model_sees(void **state)
{
	struct page *page = page_in(ZONE_DMA);
	dma_addr_t bus;

	(void)state;
	/* A missing clean: the device reads without a mapping. */
	start(32, false, 0);
	fill(data_of(page, 0), 64, 1);
	device_gets((dma_addr_t)(page_to_phys(page) - RAM_BASE), scratch, 64);
	assert_int_equal(cache_missed_cleans, 1);
	/* A missing invalidate: no unmap. */
	start(32, false, 0);
	bus = dma_map_page(&device, page, 0, 256, DMA_FROM_DEVICE);
	fill(scratch, 256, 2);
	device_puts(bus, scratch, 256);
	assert_int_equal(cache_missed_invalidates(), 4);
	/* The CPU writes between map and unmap: before the device does, or after. */
	start(32, false, 0);
	bus = dma_map_page(&device, page, 0, 256, DMA_FROM_DEVICE);
	*(uint8_t *)data_of(page, 70) ^= 1;
	device_puts(bus, scratch, 256);
	assert_int_equal(cache_cpu_writes, 1);
	start(32, false, 0);
	bus = dma_map_page(&device, page, 0, 256, DMA_FROM_DEVICE);
	device_puts(bus, scratch, 256);
	*(uint8_t *)data_of(page, 70) ^= 1;
	dma_unmap_page(&device, bus, 256, DMA_FROM_DEVICE);
	assert_int_equal(cache_cpu_writes, 1);
}

/* A device that sees the caches costs no maintenance. */
static void coherent_is_left_alone(void **state)
{
	(void)state;
	start(32, true, 0);
	cache_operations = 0;
	to_device(page_in(ZONE_DMA), 0, 100);
	from_device(page_in(ZONE_HIGHMEM), 0, 5000);
	assert_int_equal(cache_operations, 0);
	dma_check_idle(&device);
}

/* page_in works before a test starts its own. */
static int make_machine(void **state)
{
	(void)state;
	dma_start();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(model_sees),
		cmocka_unit_test(within_reach),
		cmocka_unit_test(out_of_reach),
		cmocka_unit_test(pool_in_highmem),
		cmocka_unit_test(short_write),
		cmocka_unit_test(linear_addresses),
		cmocka_unit_test(syncs),
		cmocka_unit_test(lists),
		cmocka_unit_test(list_refused),
		cmocka_unit_test(slots_run_out),
		cmocka_unit_test(pages_stay_pages),
		cmocka_unit_test(longest_run),
		cmocka_unit_test(random_runs),
		cmocka_unit_test(handlers_map_as_well),
		cmocka_unit_test(slots_have_owners),
		cmocka_unit_test(refusals),
		cmocka_unit_test(top_of_the_bus),
		cmocka_unit_test(no_window),
		cmocka_unit_test(resources),
		cmocka_unit_test(unchecked),
		cmocka_unit_test(misuse),
		cmocka_unit_test(wrong_calls_count_nothing),
		cmocka_unit_test(coherent_is_left_alone),
	};

	return cmocka_run_group_tests(tests, make_machine, NULL);
}

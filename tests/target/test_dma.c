/* SPDX-License-Identifier: MIT */
/*
 * Streaming DMA on the real linear map, windows and caches. There is no device here: the test writes and
 * reads where the bus address leads, as a device would. What a cache could hide is tried on the host
 * (tests/host/test_dma.c).
 */
#include <errno.h>
#include <string.h>

#include "arch/cache.h"
#include "arch/irqflags.h"
#include "kern/selftest.h"
#include "mm/dma/bounce.h"
#include "mm/dma/debug.h"
#include "mm/dma/explain.h"
#include "mm/dma/map.h"
#include "mm/dma/options.h"
#include "mm/obj/slab.h"
#include "mm/phys/memblock.h"
#include "mm/virt/highmem.h"
#include "mm/virt/vmalloc.h"

#include "page_watch.h"

#include "insist.h"

#define POOL_ORDER 6U /* 256 KiB */
#define POOL_BYTES ((size_t)PAGE_SIZE << POOL_ORDER)
#define BUS_BASE \
	0x20000000U /* where the device sees the first byte of RAM; no split's RAM is there */

static struct dma_device device;
static struct bounce_pool pool;
static struct page *pool_pages;
/* Not of kmalloc: a slab would stay, and the zones would not be as before. */
static uint64_t pool_records[1024];
static unsigned int told_refusals, told_misuses;
static struct dma_refusal refusal;
static struct dma_misuse dma_misuse;
static bool unchecked_before;
static void (*refusal_hook_before)(const struct dma_refusal *told);
static void (*misuse_hook_before)(const struct dma_misuse *told);

static void note_refusal(const struct dma_refusal *told)
{
	refusal = *told;
	told_refusals++;
}

static void note_misuse(const struct dma_misuse *told)
{
	dma_misuse = *told;
	told_misuses++;
}

/* --- a device -------------------------------------------------------------------------------- */

/* It reaches all RAM, or nothing but a pool of the test's own. False: no memory for that. */
static bool start(bool coherent, bool pool_only)
{
	uint64_t base = memblock_start_of_DRAM();

	begin();
	refusal_hook_before = dma_refusal_hook;
	misuse_hook_before = dma_misuse_hook;
	dma_refusal_hook = note_refusal;
	dma_misuse_hook = note_misuse;
	told_refusals = told_misuses = 0;
	unchecked_before = dma_options.unchecked;
	dma_options.unchecked = false;
	pool_pages = NULL;
	dma_device_init(&device, "selftest");
	device.coherent = coherent;
	device.windows[0] = (struct dma_reach_window){ .phys = base,
						       .bytes = memblock_end_of_DRAM() - base,
						       .bus = BUS_BASE };
	device.window_count = 1;
	device.mask = DMA_BIT_MASK(33);
	if (pool_only) {
		pool_pages = alloc_pages(GFP_KERNEL, POOL_ORDER);
		EXPECT(bounce_pool_record_bytes(POOL_BYTES) <= sizeof(pool_records));
		if (pool_pages == NULL)
			return false;
		memset(pool_records, 0, sizeof(pool_records));
		bounce_pool_add(&pool, "selftest", page_to_phys(pool_pages), POOL_BYTES,
				pool_records);
		device.limit_first_bus = page_to_phys(pool_pages) - base + BUS_BASE;
		device.limit_last_bus = device.limit_first_bus + POOL_BYTES - 1;
	}
	dma_device_register(&device);
	return true;
}

static void stop(void)
{
	if (pool_pages != NULL && device.pool == &pool) {
		EXPECT(pool.used_slots == 0);
		bounce_pool_remove(&pool);
	}
	EXPECT(device.live_mappings == 0);
	dma_device_unregister(&device);
	if (pool_pages != NULL)
		__free_pages(pool_pages, POOL_ORDER);
	dma_options.unchecked = unchecked_before;
	dma_refusal_hook = refusal_hook_before;
	dma_misuse_hook = misuse_hook_before;
	EXPECT(told_misuses == 0);
	end();
}

/* Where a device's access at a bus address would go. */
static struct page *page_at(dma_addr_t bus, size_t *offset)
{
	uint64_t phys = bus - BUS_BASE + memblock_start_of_DRAM();

	*offset = (size_t)(phys % PAGE_SIZE);
	return phys_to_page((phys_addr_t)phys);
}

static uint8_t pattern(size_t i, uint8_t seed)
{
	return (uint8_t)(i * 13 + (i >> 8) + seed);
}

/* What of so many bytes from here lies in one page: a window each. */
static size_t in_page(size_t at, size_t bytes)
{
	return bytes < PAGE_SIZE - at % PAGE_SIZE ? bytes : PAGE_SIZE - at % PAGE_SIZE;
}

/* Byte by byte, through a window where there is no linear address. */
static void put(struct page *page, size_t offset, size_t bytes, uint8_t seed)
{
	for (size_t done = 0, piece; done < bytes; done += piece) {
		size_t at = offset + done;
		char *window = kmap_local_page(page + at / PAGE_SIZE);

		piece = in_page(at, bytes - done);
		for (size_t i = 0; i < piece; i++)
			window[at % PAGE_SIZE + i] = (char)pattern(done + i, seed);
		kunmap_local(window);
	}
}

static bool holds(struct page *page, size_t offset, size_t bytes, uint8_t seed)
{
	bool right = true;

	for (size_t done = 0, piece; done < bytes; done += piece) {
		size_t at = offset + done;
		const char *window = kmap_local_page(page + at / PAGE_SIZE);

		piece = in_page(at, bytes - done);
		for (size_t i = 0; i < piece; i++)
			right &= (uint8_t)window[at % PAGE_SIZE + i] == pattern(done + i, seed);
		kunmap_local(window);
	}
	return right;
}

static void device_puts(dma_addr_t bus, size_t bytes, uint8_t seed)
{
	size_t offset;
	struct page *page = page_at(bus, &offset);

	put(page, offset, bytes, seed);
}

static bool device_sees(dma_addr_t bus, size_t bytes, uint8_t seed)
{
	size_t offset;
	struct page *page = page_at(bus, &offset);

	return holds(page, offset, bytes, seed);
}

/* --- there and back -------------------------------------------------------------------------- */

static bool is_reached(dma_addr_t bus, size_t bytes)
{
	return bus >= device.limit_first_bus && bus + (bytes - 1) <= device.limit_last_bus;
}

static void there(struct page *page, size_t offset, size_t bytes)
{
	dma_addr_t bus;

	put(page, offset, bytes, 1);
	bus = dma_map_page(&device, page, offset, bytes, DMA_TO_DEVICE);
	EXPECT(!dma_mapping_error(&device, bus));
	if (dma_mapping_error(&device, bus))
		return;
	EXPECT(is_reached(bus, bytes));
	EXPECT(device_sees(bus, bytes, 1));
	dma_sync_single_for_cpu(&device, bus, bytes, DMA_TO_DEVICE);
	put(page, offset, bytes, 2);
	dma_sync_single_for_device(&device, bus, bytes, DMA_TO_DEVICE);
	EXPECT(device_sees(bus, bytes, 2));
	dma_unmap_page(&device, bus, bytes, DMA_TO_DEVICE);
	EXPECT(holds(page, offset, bytes, 2));
}

static void back(struct page *page, size_t offset, size_t bytes)
{
	dma_addr_t bus = dma_map_page(&device, page, offset, bytes, DMA_FROM_DEVICE);

	EXPECT(!dma_mapping_error(&device, bus));
	if (dma_mapping_error(&device, bus))
		return;
	EXPECT(is_reached(bus, bytes));
	device_puts(bus, bytes, 3);
	dma_sync_single_for_cpu(&device, bus, bytes, DMA_FROM_DEVICE);
	EXPECT(holds(page, offset, bytes, 3));
	dma_sync_single_for_device(&device, bus, bytes, DMA_FROM_DEVICE);
	device_puts(bus, bytes, 4);
	dma_unmap_page(&device, bus, bytes, DMA_FROM_DEVICE);
	EXPECT(holds(page, offset, bytes, 4));
}

static void every_class(void)
{
	static const gfp_t classes[] = { GFP_DMA, GFP_KERNEL, GFP_HIGHUSER, GFP_HIGHUSER_MOVABLE };
	static const size_t offsets[] = { 0, 1, 60, 4000 };
	static const size_t sizes[] = { 1, 64, 100, 2048, 5000 };

	for (unsigned int class = 0; class < ARRAY_SIZE(classes); class ++) {
		struct page *page = alloc_pages(classes[class], 2);

		/* Without a ZONE_DMA, or a Movable, there are no such pages. */
		if (page == NULL)
			continue;
		for (unsigned int i = 0; i < ARRAY_SIZE(offsets); i++)
			for (unsigned int j = 0; j < ARRAY_SIZE(sizes); j++) {
				there(page, offsets[i], sizes[j]);
				back(page, offsets[i], sizes[j]);
			}
		__free_pages(page, 2);
	}
}

SELFTEST(dma, buffers_within_reach)
{
	for (unsigned int coherent = 0; coherent < 2; coherent++) {
		if (start(coherent != 0, false))
			every_class();
		EXPECT(told_refusals == 0);
		stop();
	}
}

SELFTEST(dma, buffers_out_of_reach)
{
	for (unsigned int coherent = 0; coherent < 2; coherent++) {
		if (start(coherent != 0, true)) {
			every_class();
			EXPECT(pool.taken_runs != 0);
			EXPECT(told_refusals == 0);
			EXPECT(bounce_check() == NULL);
		}
		stop();
	}
}

SELFTEST(dma, lists_of_pieces)
{
	struct scatterlist list[2];
	struct page *low, *high;

	if (start(false, true)) {
		low = alloc_page(GFP_KERNEL);
		high = alloc_pages(GFP_HIGHUSER, 1);
		sg_set_page(&list[0], low, 3000, 500);
		sg_set_page(&list[1], high, 2 * PAGE_SIZE, 0);
		put(low, 500, 3000, 1);
		put(high, 0, 2 * PAGE_SIZE, 2);
		EXPECT(dma_map_sg(&device, list, 2, DMA_BIDIRECTIONAL) == 2);
		EXPECT(device_sees(sg_dma_address(&list[0]), 3000, 1));
		EXPECT(device_sees(sg_dma_address(&list[1]), 2 * PAGE_SIZE, 2));
		device_puts(sg_dma_address(&list[1]), 2 * PAGE_SIZE, 3);
		dma_sync_sg_for_cpu(&device, list, 2, DMA_BIDIRECTIONAL);
		EXPECT(holds(high, 0, 2 * PAGE_SIZE, 3));
		dma_sync_sg_for_device(&device, list, 2, DMA_BIDIRECTIONAL);
		device_puts(sg_dma_address(&list[0]), 3000, 4);
		dma_unmap_sg(&device, list, 2, DMA_BIDIRECTIONAL);
		EXPECT(holds(low, 500, 3000, 4));
		EXPECT(holds(high, 0, 2 * PAGE_SIZE, 3));
		__free_pages(high, 1);
		__free_page(low);
	}
	stop();
}

/* Slots run out: refused with the reason; what is there goes on, and all come back. */
SELFTEST(dma, slots_run_out)
{
	static dma_addr_t bus[POOL_BYTES / BOUNCE_SLOT_BYTES];
	struct page *page;

	if (start(true, true)) {
		page = alloc_page(GFP_KERNEL);
		put(page, 0, 64, 1);
		for (unsigned int i = 0; i < ARRAY_SIZE(bus); i++)
			bus[i] = dma_map_page(&device, page, 0, 64, DMA_TO_DEVICE);
		EXPECT(told_refusals == 0);
		EXPECT(pool.used_slots == ARRAY_SIZE(bus));
		EXPECT(dma_mapping_error(&device,
					 dma_map_page(&device, page, 0, 64, DMA_TO_DEVICE)));
		EXPECT(told_refusals == 1 && refusal.reason == DMA_POOL_FULL);
		for (unsigned int i = 0; i < ARRAY_SIZE(bus); i++) {
			EXPECT(device_sees(bus[i], 64, 1));
			dma_unmap_page(&device, bus[i], 64, DMA_TO_DEVICE);
		}
		EXPECT(pool.used_slots_most == ARRAY_SIZE(bus));
		__free_page(page);
	}
	stop();
}

/* With interrupts masked, as a handler would; only for as long as the calls take. */
SELFTEST(dma, in_atomic_context)
{
	struct page *page;
	dma_addr_t bus;
	uint32_t irq;

	if (start(false, true)) {
		page = alloc_page(GFP_HIGHUSER);
		put(page, 0, 64, 1);
		irq = local_irq_save();
		bus = dma_map_page(&device, page, 0, 64, DMA_BIDIRECTIONAL);
		local_irq_restore(irq);
		EXPECT(device_sees(bus, 64, 1));
		device_puts(bus, 64, 2);
		irq = local_irq_save();
		dma_unmap_page(&device, bus, 64, DMA_BIDIRECTIONAL);
		local_irq_restore(irq);
		EXPECT(holds(page, 0, 64, 2));
		__free_page(page);
	}
	stop();
}

/* --- refusals -------------------------------------------------------------------------------- */

static void expect_refused(dma_addr_t bus, enum dma_refusal_reason reason)
{
	EXPECT(dma_mapping_error(&device, bus));
	EXPECT(told_refusals == 1 && refusal.reason == reason);
	told_refusals = 0;
}

SELFTEST(dma, what_is_refused)
{
	char *area = INSIST(vmalloc(PAGE_SIZE), NULL);
	struct page *page;

	for (unsigned int coherent = 0; coherent < 2; coherent++) {
		start(coherent != 0, false);
		page = alloc_page(GFP_KERNEL);
		expect_refused(dma_map_single(&device, area, 4, DMA_TO_DEVICE), DMA_NOT_LINEAR);
		expect_refused(dma_map_single(&device, NULL, 4, DMA_TO_DEVICE), DMA_NOT_LINEAR);
		expect_refused(dma_map_single(&device, (void *)0xffff0000, 4, DMA_TO_DEVICE),
			       DMA_NOT_LINEAR);
		expect_refused(dma_map_single(&device, page_address(page), 0, DMA_TO_DEVICE),
			       DMA_BAD_REQUEST);
		expect_refused(dma_map_single(&device, page_address(page), 4, DMA_NONE),
			       DMA_BAD_REQUEST);
		expect_refused(dma_map_resource(&device, page_to_phys(page), 4, DMA_TO_DEVICE),
			       DMA_IS_RAM);
		/* Lines too few for where RAM is. */
		EXPECT(dma_set_mask(&device, BUS_BASE - 1) == -EIO);
		expect_refused(DMA_MAPPING_ERROR, DMA_MASK_IN_VAIN);
		EXPECT(device.mask == DMA_BIT_MASK(33));
		/* Its last page only, and no pool. */
		if (bounce_pools() != NULL) {
			__free_page(page);
			stop();
			continue;
		}
		EXPECT(dma_set_mask(&device, BUS_BASE + PAGE_SIZE - 1) == 0);
		expect_refused(dma_map_page(&device, page, 0, 4, DMA_TO_DEVICE), DMA_OUT_OF_REACH);
		__free_page(page);
		stop();
	}
	vfree(area);
}

/* --- the quick way --------------------------------------------------------------------------- */

/* All of lowmem that the device reaches needs nothing done, when it sees the caches. */
SELFTEST(dma, quick_way_is_the_same)
{
	char *object;
	dma_addr_t bus;

	start(true, false);
	object = INSIST(kmalloc(1000, GFP_KERNEL), NULL);
	if (object != NULL) {
		bus = dma_map_single(&device, object, 1000, DMA_TO_DEVICE);
		EXPECT(bus == virt_to_phys(object) - memblock_start_of_DRAM() + BUS_BASE);
		EXPECT(device.live_mappings == 1);
		dma_unmap_single(&device, bus, 1000, DMA_TO_DEVICE);
		kfree(object);
	}
	EXPECT(dma_debug || dma_options.coherent_allowed == (device.direct_bytes != 0));
	stop();
}

/* --- caches ---------------------------------------------------------------------------------- */

SELFTEST(dma, caches_keep_what_was_written)
{
	size_t line = cache_line_bytes();
	char *bytes = INSIST(kmalloc(1024, GFP_KERNEL), NULL);

	EXPECT(line >= 16 && line <= 128 && (line & (line - 1)) == 0);
	if (bytes == NULL)
		return;
	for (size_t start_ = 0; start_ < 2 * line; start_ += 7)
		for (size_t count = 0; count < 4 * line; count += 13) {
			memset(bytes, 0x5a, 1024);
			cache_clean(bytes + start_, count);
			cache_clean_invalidate(bytes + start_, count);
			/* Clean by now; the ends' other bytes are dirty again. */
			bytes[start_] = (char)start_;
			bytes[start_ + count] = (char)count;
			cache_clean(bytes, 1024);
			cache_invalidate(bytes + start_, count);
			EXPECT(bytes[start_ + count] == (char)count);
			for (size_t i = 0; i < 1024; i++)
				EXPECT(bytes[i] == 0x5a || i == start_ || i == start_ + count);
		}
	kfree(bytes);
}

/* --- zones ----------------------------------------------------------------------------------- */

/* What dma_zone_for says is what the pages of that zone are. */
SELFTEST(dma, zone_by_mask)
{
	uint64_t first, end, bus;
	struct page *page;
	int zone;

	start(true, false);
	for (unsigned int bits = 21; bits < 33; bits++) {
		uint64_t mask = BUS_BASE + (1ULL << bits) - 1;

		zone = dma_zone_for(&device, mask);
		if (zone >= 0) {
			page = alloc_page(GFP_KERNEL | (gfp_t)zone);
			EXPECT(page == NULL ||
			       dma_reaches(&device, page_to_phys(page), PAGE_SIZE, mask, &bus));
			if (page != NULL)
				__free_page(page);
		} else {
			EXPECT(dma_reach_range(&device, mask, &first, &end));
			EXPECT(first == memblock_start_of_DRAM());
			EXPECT(dma_reaches(&device, first, end - first, mask, &bus));
		}
	}
	stop();
}

/* --- wrong use ------------------------------------------------------------------------------- */

/* Whether it was watching is as before; what others have mapped meanwhile would not be known: nothing has. */
SELFTEST(dma, wrong_use_is_told)
{
	void *records = INSIST(kvzalloc(dma_debug_record_bytes(), GFP_KERNEL), NULL);
	char *object = INSIST(kmalloc(256, GFP_KERNEL), NULL);
	dma_addr_t bus;

	if (!dma_debug && records != NULL && object != NULL) {
		dma_debug_start(records);
		start(true, false);
		bus = dma_map_single(&device, object, 256, DMA_TO_DEVICE);
		dma_unmap_single(&device, bus, 255, DMA_TO_DEVICE);
		EXPECT(told_misuses == 1 && dma_misuse.kind == DMA_UNMAP_SIZE);
		dma_unmap_single(&device, bus, 256, DMA_TO_DEVICE);
		EXPECT(told_misuses == 2 && dma_misuse.kind == DMA_UNMAP_UNKNOWN);
		bus = dma_map_single(&device, __builtin_frame_address(0), 8, DMA_TO_DEVICE);
		/* The boot stack is in the image; a thread's is in vmalloc, and refused. */
		EXPECT(dma_mapping_error(&device, bus)
			       ? told_refusals == 1 && refusal.reason == DMA_NOT_LINEAR
			       : told_misuses == 3 && dma_misuse.kind == DMA_MAP_STACK);
		if (!dma_mapping_error(&device, bus))
			dma_unmap_single(&device, bus, 8, DMA_TO_DEVICE);
		told_misuses = 0;
		stop();
		dma_debug_start(NULL);
	}
	kfree(object);
	kvfree(records);
}

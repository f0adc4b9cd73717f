/* SPDX-License-Identifier: MIT */
/*
 * The first blocks: what memblock knows, cut into aligned powers of two.
 *
 *	unit      |<------- 4 MiB ------->|<------- 4 MiB ------->|   (not backed)
 *	RAM           xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
 *	reserved      rrrr                          rrrr
 *	blocks    hhhh rrrr ffffffffffffffff fffffff rrrr ffff hhhhhh
 *
 * Each unit that touches RAM is covered whole, holes too, so that page_block_head finds a head for
 * any frame of it. Only heads are written: the cost is a head for each 4 MiB, and a few dozen for
 * each edge.
 *
 * From the top down: lists are stacks, so the lowest free block of each order comes to lie on top
 * and is given out first, as Linux does after its boot.
 */
#include <string.h>

#include "lib/bits.h"
#include "mm/phys/buddy.h"
#include "mm/phys/memblock.h"
#include "mm/phys/zone.h"

/* The largest aligned block that ends at end_pfn and does not begin below start_pfn. */
static unsigned int top_order(uint32_t start_pfn, uint32_t end_pfn)
{
	return min_u32(min_u32(lowest_bit(end_pfn), highest_bit(end_pfn - start_pfn)),
		       PAGE_ORDER_MAX);
}

/* A run of one kind in one zone. */
static void make_heads(uint32_t start_pfn, uint32_t end_pfn, enum page_type type,
		       enum zone_type zone)
{
	while (end_pfn > start_pfn) {
		unsigned int order = top_order(start_pfn, end_pfn);
		uint32_t blocks = 1;

		/* Most of RAM is here. */
		if (order == PAGE_ORDER_MAX)
			blocks = (end_pfn - start_pfn) >> PAGE_ORDER_MAX;
		end_pfn -= blocks << order;
		if (type == PAGE_FREE)
			buddy_give_row(&zones[zone], pfn_to_page(end_pfn), blocks, order,
				       MIGRATE_MOVABLE);
		else
			for (uint32_t i = 0; i < blocks; i++)
				pfn_to_page(end_pfn + (i << order))->flags =
					page_flags(type, order, zone, MIGRATE_UNMOVABLE);
	}
}

/* The same across zones: blocks never do. Frames between zones are holes. */
static void make_blocks(uint32_t start_pfn, uint32_t end_pfn, enum page_type type)
{
	if (type == PAGE_HOLE) {
		make_heads(start_pfn, end_pfn, type, ZONE_DMA);
		return;
	}
	for (int zone = MAX_NR_ZONES - 1; zone >= 0; zone--) {
		const struct zone_span *span = &zones[zone].span;
		uint32_t from = max_u32(start_pfn, span->start_pfn);
		uint32_t to = min_u32(end_pfn, span->start_pfn + span->spanned_pages);

		if (from >= to)
			continue;
		make_heads(from, to, type, (enum zone_type)zone);
		if (type == PAGE_FREE)
			zones[zone].managed_pages += to - from;
	}
}

/* The free runs of one piece of RAM and what lies between, top down. */
static void make_ram(uint32_t ram_start_pfn, uint32_t ram_end_pfn)
{
	phys_addr_t start, end;
	uint64_t i;

	for_each_free_mem_range_reverse(i, NUMA_NO_NODE, MEMBLOCK_NONE, &start, &end, NULL) {
		uint32_t from = max_u32(PFN_UP(start), ram_start_pfn);
		uint32_t to = min_u32(PFN_DOWN(end), ram_end_pfn);

		if (PFN_DOWN(end) <= ram_start_pfn)
			break;
		if (from >= to)
			continue;
		make_blocks(to, ram_end_pfn, PAGE_RESERVED);
		make_blocks(from, to, PAGE_FREE);
		ram_end_pfn = from;
	}
	make_blocks(ram_start_pfn, ram_end_pfn, PAGE_RESERVED);
}

#define UNIT_DOWN(pfn) ALIGN_DOWN(pfn, VMEMMAP_UNIT_PAGES)
#define UNIT_UP(pfn)   ALIGN_UP(pfn, VMEMMAP_UNIT_PAGES)

/* All RAM, and the holes of every unit that has some. */
static void make_all(void)
{
	const struct memblock_region *first = memblock.memory.regions;
	uint32_t done_pfn = 1U << 20; /* from here on every unit is covered */

	for (const struct memblock_region *ram = first + memblock.memory.cnt; ram-- > first;) {
		uint32_t start_pfn = PFN_UP(ram->base);
		uint32_t end_pfn = PFN_DOWN((uint64_t)ram->base + ram->size);
		uint32_t upper_pfn = max_u32(UNIT_DOWN(done_pfn), end_pfn);

		if (start_pfn >= end_pfn)
			continue;
		make_blocks(upper_pfn, done_pfn, PAGE_HOLE);
		make_blocks(end_pfn, min_u32(UNIT_UP(end_pfn), upper_pfn), PAGE_HOLE);
		make_ram(start_pfn, end_pfn);
		done_pfn = start_pfn;
	}
	make_blocks(UNIT_DOWN(done_pfn), done_pfn, PAGE_HOLE);
}

/*
 * Another number than the boot before had: its heads are where ours will be, if RAM kept them. From 1 to
 * below the first byte of PAGE_OFFSET: a cache's key (mm/obj/) has the number on top, and may not be
 * the address of an object, whose mark would then be 0.
 */
static void count_boots(void)
{
	const struct memblock_region *ram = memblock.memory.regions;
	uint32_t flags = pfn_to_page(PFN_UP(ram->base))->flags;
	uint32_t number = (flags >> PAGE_BOOT_SHIFT & PAGE_BOOT_MASK) + 1;

	if (number >= CONFIG_PAGE_OFFSET >> 24)
		number = 1;
	page_boot_number = number << PAGE_BOOT_SHIFT;
}

void zone_blocks_init(void)
{
	count_boots();
	memset(pageblock_types, MIGRATE_MOVABLE, sizeof(pageblock_types));
	make_all();
	memblock_hand_over();
}

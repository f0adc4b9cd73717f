/* SPDX-License-Identifier: MIT */
/*
 * The page allocator on the machine: what it gives out is there, once, and comes back.
 *
 * Pages are written in a first round and read in a second one, so that two pages that are one
 * frame, and a window that shows another frame than it should, are seen. Taken pages are chained
 * through their own struct pages, so all of memory can be taken and no other memory is needed.
 */
#include <inttypes.h>
#include <string.h>

#include "arch/layout.h"
#include "arch/mmu.h"
#include "kern/selftest.h"
#include "mm/phys/magazine.h"
#include "mm/phys/memblock.h"
#include "mm/virt/kmap.h"

#include "page_watch.h"

#include "insist.h"

/* --- what is promised of a block -------------------------------------------------------------- */

static bool is_in_ram(uint32_t pfn)
{
	phys_addr_t phys = (phys_addr_t)PFN_PHYS(pfn);

	return memblock_is_map_memory(phys) && !memblock_is_reserved(phys) &&
	       memblock_is_map_memory(phys + PAGE_SIZE - 1) &&
	       !memblock_is_reserved(phys + PAGE_SIZE - 1);
}

static bool is_as_promised(struct page *head, unsigned int order, enum zone_type class_zone)
{
	uint32_t pfn = page_to_pfn(head);
	enum zone_type type = page_zone_index(head);
	const struct zone_span *span = &zones[type].span;

	return page_type(head) == PAGE_ALLOCATED && page_order(head) == order &&
	       page_count(head) == 1 && IS_ALIGNED(pfn, 1U << order) && type <= class_zone &&
	       pfn >= span->start_pfn &&
	       pfn + (1U << order) <= span->start_pfn + span->spanned_pages && is_in_ram(pfn) &&
	       is_in_ram(pfn + (1U << order) - 1) &&
	       (page_address(head) == NULL) == zones[type].highmem;
}

/* --- chains of taken blocks ------------------------------------------------------------------- */

struct chain {
	uint32_t first_pfn;
	uint32_t blocks;
	uint32_t pages[MAX_NR_ZONES];
};

/* Another one for each frame and chain, and each boot: RAM keeps what it held. */
static uint32_t chain_mark(uint32_t pfn)
{
	return pattern_word(pfn, 0xffff) ^ page_boot_number;
}

static void chain_add(struct chain *chain, struct page *head, unsigned int order)
{
	uint32_t pfn = page_to_pfn(head);
	bool given_twice = head->link[1] == chain_mark(pfn);

	EXPECT(!given_twice);
	if (given_twice)
		return;
	head->link[0] = chain->first_pfn;
	head->link[1] = chain_mark(pfn);
	chain->first_pfn = pfn;
	chain->blocks++;
	chain->pages[page_zone_index(head)] += 1U << order;
}

/* Call `visit` for each block; it may change the block's struct page. True: all said yes. */
static bool chain_visit(const struct chain *chain, bool (*visit)(struct page *head))
{
	uint32_t pfn = chain->first_pfn;
	bool good = true;

	for (uint32_t i = 0; i < chain->blocks; i++) {
		struct page *head = pfn_to_page(pfn);

		if (head->link[1] != chain_mark(pfn))
			return false;
		pfn = head->link[0];
		good = visit(head) && good;
	}
	return good && pfn == 0;
}

/* A page of the block, another one in each: all of them would take too long. */
static struct page *sample_of(struct page *head)
{
	unsigned int order = page_order(head);

	return head + ((page_to_pfn(head) >> order) * 5 + 3) % (1U << order);
}

static bool visit_write(struct page *head)
{
	write_page(sample_of(head));
	return true;
}

static bool visit_read(struct page *head)
{
	return page_is_as_written(sample_of(head));
}

static bool visit_free(struct page *head)
{
	head->link[1] = 0;
	__free_pages(head, page_order(head));
	return true;
}

/* All written, only then all read, all given back. */
static void use_and_free(const struct chain *chain)
{
	EXPECT(chain_visit(chain, visit_write));
	EXPECT(chain_visit(chain, visit_read));
	EXPECT(chain_visit(chain, visit_free));
	pattern_seed++;
}

/* --- all of memory ---------------------------------------------------------------------------- */

/* From the class that may use most to the one that may use least: each leaves something. */
static const gfp_t all_classes[] = { __GFP_HIGHMEM | __GFP_MOVABLE, __GFP_HIGHMEM, 0, __GFP_DMA };

static void take_all_of(struct chain *chain, gfp_t gfp, unsigned int order)
{
	struct page *page;

	while ((page = alloc_pages(gfp, order)) != NULL) {
		EXPECT(is_as_promised(page, order, class_zone_of(gfp)));
		chain_add(chain, page, order);
	}
}

/* Single pages until the class is refused: it got to its floor in each zone, not further. */
static void take_to_the_floor(struct chain *chain, gfp_t gfp)
{
	struct zone_snapshot before[MAX_NR_ZONES], after;

	for (enum zone_type type = 0; type <= class_zone_of(gfp); type++)
		zone_snapshot(type, &before[type]);
	take_all_of(chain, gfp, 0);
	for (enum zone_type type = 0; type <= class_zone_of(gfp); type++) {
		zone_snapshot(type, &after);
		EXPECT(after.cached_pages == 0);
		EXPECT(after.free_pages ==
		       min_u32(before[type].free_pages + before[type].cached_pages,
			       floor_of(&before[type], gfp)));
	}
}

/* What no request may have, by frame number: contiguous ranges know no watermarks. */
static void take_the_rest(struct chain *chain, struct zone *zone)
{
	for (unsigned int migrate = 0; migrate < MIGRATE_TYPES; migrate++)
		for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++)
			while (zone->lists[migrate][order].anchor.count != 0) {
				uint32_t pfn =
					page_to_pfn(free_list_first(&zone->lists[migrate][order]));
				bool taken =
					alloc_contig_range(pfn, pfn + (1U << order), NULL) == 0;

				EXPECT(taken);
				if (!taken)
					return;
				for (uint32_t i = 0; i < 1U << order; i++)
					chain_add(chain, pfn_to_page(pfn + i), 0);
			}
}

SELFTEST(pages, every_page_of_every_zone)
{
	struct page_check_result before, taken;
	struct chain chain = { .blocks = 0 };

	begin();
	EXPECT(pages_are_sound(&before));
	for (unsigned int i = 0; i < ARRAY_SIZE(all_classes); i++)
		take_to_the_floor(&chain, GFP_ATOMIC | __GFP_NOWARN | all_classes[i]);
	for (enum zone_type type = 0; type < MAX_NR_ZONES; type++)
		take_the_rest(&chain, &zones[type]);

	EXPECT(pages_are_sound(&taken));
	for (enum zone_type type = 0; type < MAX_NR_ZONES; type++) {
		EXPECT(taken.zones[type].free_pages == 0 && taken.zones[type].cached_pages == 0);
		EXPECT(taken.zones[type].allocated_pages ==
		       before.zones[type].allocated_pages + chain.pages[type]);
		EXPECT(chain.pages[type] == before.zones[type].free_pages);
	}
	use_and_free(&chain);
	end();
}

/* True when the zone could serve the request after all. */
static bool could_serve(enum zone_type type, gfp_t gfp, unsigned int order)
{
	struct zone_snapshot zone;
	bool has_block = false;

	zone_snapshot(type, &zone);
	for (unsigned int migrate = 0; migrate < MIGRATE_TYPES; migrate++)
		for (unsigned int larger = order; larger < NR_PAGE_ORDERS; larger++)
			has_block |= zone.blocks[migrate][larger] != 0;
	return has_block && zone.free_pages >= floor_of(&zone, gfp) + (1U << order);
}

static void take_all_blocks(gfp_t gfp, unsigned int order)
{
	struct chain chain = { .blocks = 0 };
	struct page_check_result result;

	for (unsigned int i = 0; i < ARRAY_SIZE(all_classes); i++) {
		gfp_t wanted = gfp | all_classes[i];

		take_all_of(&chain, wanted, order);
		for (enum zone_type type = 0; type <= class_zone_of(wanted); type++)
			EXPECT(!could_serve(type, wanted, order));
	}
	EXPECT(refusals == 0);
	EXPECT(pages_are_sound(&result));
	use_and_free(&chain);
}

/* Atomic blocks leave pageblocks set aside behind; other requests get those before going without. */
SELFTEST(pages, every_block_of_order_3_and_of_the_largest)
{
	begin();
	take_all_blocks(GFP_ATOMIC | __GFP_NOWARN, 3);
	EXPECT(state_is_as_before());
	take_all_blocks(GFP_USER | __GFP_NOWARN, PAGE_ORDER_MAX);
	end();
}

/* --- random ----------------------------------------------------------------------------------- */

static uint32_t random_state;

static uint32_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state;
}

#define HELD_BLOCKS 256U

static struct held {
	struct page *head; /* NULL: none */
	unsigned int order;
	bool compound;
} held[HELD_BLOCKS];

static void take_random(struct held *block)
{
	gfp_t gfp = request_kinds[next_random() % REQUEST_KINDS] | __GFP_NOWARN;

	/* Half are single pages, a quarter are pairs, and so on. */
	block->order = lowest_bit(next_random() | 1U << PAGE_ORDER_MAX);
	block->compound = (gfp & __GFP_COMP) != 0 && block->order != 0;
	block->head = alloc_pages(gfp, block->order);
	if (block->head == NULL)
		return;
	EXPECT(is_as_promised(block->head, block->order, class_zone_of(gfp)));
	if ((gfp & __GFP_ZERO) != 0)
		EXPECT(page_is_all(block->head + (1U << block->order) - 1, 0));
	write_block(block->head, block->order);
}

/* By each way there is. */
static void free_random(struct held *block)
{
	struct page *head = block->head;
	unsigned int order = block->order;

	EXPECT(block_is_as_written(head, order));
	block->head = NULL;
	switch (next_random() % 4) {
	case 0:
		get_page(block->compound ? head + (1U << order) - 1 : head);
		EXPECT(page_count(head) == 2);
		__free_pages(head, order);
		put_page(head);
		break;
	case 1:
		if (block->compound) {
			put_page(head + (1U << order) / 2);
			break;
		}
		split_page(head, order);
		for (uint32_t i = 0; i < 1U << order; i++)
			__free_page(head + i);
		break;
	default:
		if (page_address(head) != NULL)
			free_pages((uintptr_t)page_address(head), order);
		else
			__free_pages(head, order);
	}
}

SELFTEST(pages, random_operations)
{
	struct page_check_result result;

	begin();
	random_state = 0x600dcafe;
	memset(held, 0, sizeof(held));
	for (unsigned int i = 0; i < 8000; i++) {
		struct held *block = &held[next_random() % HELD_BLOCKS];

		if (block->head == NULL)
			take_random(block);
		else
			free_random(block);
		if (i % 500 == 499)
			EXPECT(pages_are_sound(&result));
	}
	for (unsigned int i = 0; i < HELD_BLOCKS; i++)
		if (held[i].head != NULL)
			free_random(&held[i]);
	pattern_seed++;
	end();
}

/* --- contents --------------------------------------------------------------------------------- */

#define ZERO_BLOCKS 16U

static void fill_block(struct page *head, unsigned int order, int byte)
{
	for (uint32_t i = 0; i < 1U << order; i++) {
		void *address = kmap_local_page(head + i);

		memset(address, byte, PAGE_SIZE);
		kunmap_local(address);
	}
}

static void take_some(struct page *blocks[ZERO_BLOCKS], gfp_t gfp, unsigned int order)
{
	for (unsigned int i = 0; i < ZERO_BLOCKS; i++)
		blocks[i] = alloc_pages(gfp, order);
}

static void free_some(struct page *blocks[ZERO_BLOCKS], unsigned int order)
{
	for (unsigned int i = 0; i < ZERO_BLOCKS; i++)
		if (blocks[i] != NULL)
			__free_pages(blocks[i], order);
}

static bool is_among(const struct page *head, struct page *blocks[ZERO_BLOCKS])
{
	for (unsigned int i = 0; i < ZERO_BLOCKS; i++)
		if (blocks[i] == head)
			return true;
	return false;
}

/* Blocks full of ones come back as zeros, every word of them. */
static void expect_zeros(gfp_t gfp, unsigned int order)
{
	struct page *dirty[ZERO_BLOCKS], *clean[ZERO_BLOCKS];
	unsigned int served = 0, again = 0;

	take_some(dirty, gfp | __GFP_NOWARN, order);
	for (unsigned int i = 0; i < ZERO_BLOCKS; i++)
		if (dirty[i] != NULL)
			fill_block(dirty[i], order, 0xff);
	free_some(dirty, order);
	take_some(clean, gfp | __GFP_NOWARN | __GFP_ZERO, order);
	for (unsigned int i = 0; i < ZERO_BLOCKS; i++) {
		if (clean[i] == NULL)
			continue;
		served++;
		again += is_among(clean[i], dirty);
		for (uint32_t page = 0; page < 1U << order; page++)
			EXPECT(page_is_all(clean[i] + page, 0));
	}
	free_some(clean, order);
	EXPECT(served == 0 || again != 0);
}

SELFTEST(pages, zeroed_in_lowmem_and_highmem)
{
	static const unsigned int orders[] = { 0, 1, 3, 4 };

	begin();
	for (unsigned int i = 0; i < ARRAY_SIZE(orders); i++) {
		expect_zeros(GFP_KERNEL, orders[i]);
		expect_zeros(GFP_DMA, orders[i]);
		expect_zeros(GFP_HIGHUSER, orders[i]);
		expect_zeros(GFP_HIGHUSER_MOVABLE, orders[i]);
	}
	end();
}

SELFTEST(pages, get_zeroed_page_is_zero)
{
	uintptr_t first, second;

	begin();
	first = __get_free_page(GFP_KERNEL);
	EXPECT(first != 0);
	memset((void *)first, 0xff, PAGE_SIZE);
	free_page(first);
	second = get_zeroed_page(GFP_KERNEL);
	EXPECT(second == first); /* what was freed last is still in the cache */
	EXPECT(page_is_all(virt_to_page((void *)second), 0));
	free_page(second);
	end();
}

/* --- addresses -------------------------------------------------------------------------------- */

static void expect_address(uintptr_t address, unsigned int order)
{
	struct page *head = virt_to_page((void *)address);
	struct mapping mapping;
	phys_addr_t phys;

	EXPECT(IS_ALIGNED(__pa(address), PAGE_SIZE << order));
	EXPECT(__va(__pa(address)) == (void *)address && page_address(head) == (void *)address);
	EXPECT(page_to_pfn(head) < zones_lowmem_end_pfn());
	for (uint32_t i = 0; i < 1U << order; i++) {
		EXPECT(mmu_translate(address + i * PAGE_SIZE, true, &phys));
		EXPECT(phys == page_to_phys(head + i));
	}
	EXPECT(mmu_query(address, &mapping) && mapping.kind == MEMORY_NORMAL &&
	       mapping.rights == RIGHTS_WRITE);
}

/* Highmem is never given by address, whatever the flags say. */
SELFTEST(pages, an_address_is_that_of_the_page)
{
	begin();
	for (unsigned int order = 0; order <= PAGE_ORDER_MAX; order++)
		for (unsigned int i = 0; i < REQUEST_KINDS; i++) {
			gfp_t gfp = request_kinds[i] | __GFP_NOWARN;
			uintptr_t address = __get_free_pages(gfp, order);

			/* A small machine may be out of large blocks, and may have no DMA zone. */
			EXPECT(address != 0 || order > 3 || class_zone_of(gfp) == ZONE_DMA);
			if (address == 0)
				continue;
			expect_address(address, order);
			EXPECT(is_as_promised(virt_to_page((void *)address), order,
					      class_zone_of(gfp & ~__GFP_HIGHMEM)));
			free_pages(address, order);
		}
	end();
}

SELFTEST(pages, an_exact_size_keeps_no_more_than_its_pages)
{
	static const size_t sizes[] = { 1, PAGE_SIZE, PAGE_SIZE + 1, 5 * PAGE_SIZE,
					37 * PAGE_SIZE - 1 };
	struct page_check_result before, taken;

	begin();
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint32_t allocated_pages = 0, pages = PFN_UP(sizes[i]);
		char *address;

		EXPECT(pages_are_sound(&before));
		address = alloc_pages_exact(sizes[i], GFP_KERNEL);
		EXPECT(address != NULL);
		if (address == NULL)
			continue;
		memset(address, 0x5a, sizes[i]);
		EXPECT(pages_are_sound(&taken));
		for (enum zone_type type = 0; type < MAX_NR_ZONES; type++)
			allocated_pages += taken.zones[type].allocated_pages -
					   before.zones[type].allocated_pages;
		EXPECT(allocated_pages == pages);
		free_pages_exact(address, sizes[i]);
	}
	end();
}

/* --- zones ------------------------------------------------------------------------------------ */

/* The header's table once more, by hand. */
static const struct {
	gfp_t gfp;
	enum zone_type zone;
	enum migrate_type migrate;
} kinds[] = {
	{ GFP_DMA, ZONE_DMA, MIGRATE_UNMOVABLE },
	{ GFP_KERNEL, ZONE_NORMAL, MIGRATE_UNMOVABLE },
	{ GFP_ATOMIC, ZONE_NORMAL, MIGRATE_UNMOVABLE },
	{ GFP_NOWAIT, ZONE_NORMAL, MIGRATE_UNMOVABLE },
	{ GFP_USER, ZONE_NORMAL, MIGRATE_UNMOVABLE },
	{ GFP_KERNEL | __GFP_RECLAIMABLE, ZONE_NORMAL, MIGRATE_RECLAIMABLE },
	{ GFP_KERNEL | __GFP_MOVABLE, ZONE_NORMAL, MIGRATE_MOVABLE },
	{ GFP_HIGHUSER, ZONE_HIGHMEM, MIGRATE_UNMOVABLE },
	{ GFP_HIGHUSER_MOVABLE, ZONE_MOVABLE, MIGRATE_MOVABLE },
};

SELFTEST(pages, each_kind_of_request_has_its_zone_and_type)
{
	begin();
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		gfp_t gfp = kinds[i].gfp | __GFP_NOWARN;
		int expected = expected_zone(kinds[i].zone, gfp);
		struct page *page = alloc_page(gfp);

		EXPECT((page != NULL) == (expected >= 0));
		if (page == NULL)
			continue;
		EXPECT((int)page_zone_index(page) == expected);
		EXPECT(page_migrate_type(page) == kinds[i].migrate);
		__free_page(page);
		magazines_drain_all();
	}
	end();
}

/* One page after the other: a zone is left at its low mark, and the next lower one goes on. */
SELFTEST(pages, highmem_is_used_up_first_by_user_requests)
{
	gfp_t gfp = GFP_HIGHUSER_MOVABLE | __GFP_NOWARN;
	struct chain chain = { .blocks = 0 };
	enum zone_type lowest = ZONE_MOVABLE;
	struct page *page;

	begin();
	while ((page = alloc_pages(gfp, 3)) != NULL) {
		enum zone_type type = page_zone_index(page);
		bool above_low = zones[type].free_pages >=
				 (int32_t)(zones[type].marks.low_pages +
					   zones[type].marks.protection[ZONE_MOVABLE]);

		chain_add(&chain, page, 3);
		/* Below low all zones are tried once more from the top. */
		if (!above_low)
			break;
		EXPECT(type <= lowest);
		lowest = min_u32(lowest, type);
	}
	EXPECT(chain_visit(&chain, visit_free));
	pattern_seed++;
	end();
}

/* SPDX-License-Identifier: MIT */
/* Given frames on the machine: contiguous ranges, isolated pageblocks. */
#include <errno.h>

#include "arch/linear.h"
#include "kern/selftest.h"
#include "lib/bits.h"
#include "mm/phys/magazine.h"

#include "page_watch.h"

#include "insist.h"

extern char __text_start[];

static void expect_range(uint32_t start_pfn, uint32_t end_pfn)
{
	uint32_t busy_pfn = 0;

	EXPECT(alloc_contig_range(start_pfn, end_pfn, NULL) == 0);
	for (uint32_t pfn = start_pfn; pfn < end_pfn; pfn++) {
		EXPECT(page_type(pfn_to_page(pfn)) == PAGE_ALLOCATED);
		EXPECT(page_order(pfn_to_page(pfn)) == 0 && page_count(pfn_to_page(pfn)) == 1);
		write_page(pfn_to_page(pfn));
	}
	EXPECT(alloc_contig_range(start_pfn, end_pfn, &busy_pfn) == -EBUSY &&
	       busy_pfn == start_pfn);
	EXPECT(alloc_contig_range(start_pfn - 2, start_pfn + 1, &busy_pfn) == -EBUSY &&
	       busy_pfn == start_pfn);
	for (uint32_t pfn = start_pfn; pfn < end_pfn; pfn++)
		EXPECT(page_is_as_written(pfn_to_page(pfn)));
	free_contig_range(start_pfn, end_pfn - start_pfn);
	EXPECT(state_is_as_before());
}

static const gfp_t classes[] = { __GFP_HIGHMEM | __GFP_MOVABLE, __GFP_HIGHMEM, 0, __GFP_DMA };

SELFTEST(pages, a_contiguous_range_of_each_zone)
{
	begin();
	for (unsigned int i = 0; i < ARRAY_SIZE(classes); i++) {
		struct page *block = alloc_pages(GFP_USER | __GFP_NOWARN | classes[i], 7);
		uint32_t pfn = page_to_pfn(block);

		if (block == NULL)
			continue;
		__free_pages(block, 7);
		expect_range(pfn + 2, pfn + 3);
		expect_range(pfn + 5, pfn + 51);
		expect_range(pfn + 64, pfn + 128);
	}
	EXPECT(alloc_contig_range(1, 1, NULL) == -EINVAL);
	EXPECT(alloc_contig_range(2, 1, NULL) == -EINVAL);
	for (enum zone_type type = 0; type < MAX_NR_ZONES; type++) {
		uint32_t end_pfn = zones[type].span.start_pfn + zones[type].span.spanned_pages;

		EXPECT(alloc_contig_range(end_pfn - 1, end_pfn + 1, NULL) == -EINVAL);
	}
	EXPECT(alloc_contig_range(PFN_DOWN(virt_to_phys(__text_start)),
				  PFN_DOWN(virt_to_phys(__text_start)) + 1, NULL) == -EBUSY);
	end();
}

/* A whole pageblock, free: nothing of it is given out. */
SELFTEST(pages, an_isolated_pageblock_gives_nothing)
{
	struct page *block = alloc_pages(GFP_KERNEL, PAGE_ORDER_MAX), *page;
	struct page_check_result result;
	struct zone_snapshot zone;

	EXPECT(block != NULL);
	if (block == NULL)
		return;
	__free_pages(block, PAGE_ORDER_MAX);
	begin();
	EXPECT(isolate_pageblock(page_to_pfn(block) + 17));
	EXPECT(!isolate_pageblock(page_to_pfn(block)));
	zone_snapshot(page_zone_index(block), &zone);
	EXPECT(zone.isolated_pages == 1U << PAGE_ORDER_MAX);
	EXPECT(state_is_as_before() && pages_are_sound(&result));
	for (unsigned int order = 0; order <= PAGE_ORDER_MAX; order++) {
		page = alloc_pages(GFP_KERNEL | __GFP_NOWARN, order);
		EXPECT(page != NULL || order > 4);
		if (page == NULL)
			continue;
		EXPECT(page < block || page >= block + (1U << PAGE_ORDER_MAX));
		__free_pages(page, order);
	}
	EXPECT(unisolate_pageblock(page_to_pfn(block), MIGRATE_MOVABLE));
	EXPECT(!unisolate_pageblock(page_to_pfn(block), MIGRATE_MOVABLE));
	zone_snapshot(page_zone_index(block), &zone);
	EXPECT(zone.isolated_pages == 0);
	end();
}

/*
 * Where a zone ends inside a pageblock, the two share its type. Isolated or not, what the upper one
 * frees there can be had again.
 */
SELFTEST(pages, a_pageblock_of_two_zones)
{
	begin();
	for (enum zone_type type = ZONE_NORMAL; type < MAX_NR_ZONES; type++) {
		uint32_t pfn = zones[type].span.start_pfn;
		uint32_t pages = 1U << lowest_bit(pfn | 1U << PAGE_ORDER_MAX);
		bool isolated;

		if (pages == 1U << PAGE_ORDER_MAX || zones[type].managed_pages < pages)
			continue;
		isolated = isolate_pageblock(pfn - 1);
		if (alloc_contig_range(pfn, pfn + pages, NULL) == 0)
			free_contig_range(pfn, pages);
		magazines_drain_all();
		if (isolated)
			EXPECT(unisolate_pageblock(pfn - 1, MIGRATE_MOVABLE));
		for (enum zone_type any = 0; any < MAX_NR_ZONES; any++)
			EXPECT(*zone_set_aside(&zones[any], MIGRATE_ISOLATE) == 0);
	}
	end();
}

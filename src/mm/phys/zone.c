/* SPDX-License-Identifier: MIT */
#include "mm/phys/zone.h"

#include "lib/bits.h"
#include "mm/phys/buddy.h"
#include "mm/phys/magazine.h"
#include "mm/phys/page_alloc.h"

struct zone zones[MAX_NR_ZONES];

static uint32_t lowmem_start_pfn, lowmem_end_pfn;
static uint32_t min_free_kbytes;

uint32_t zones_lowmem_end_pfn(void)
{
	return lowmem_end_pfn;
}

bool zones_is_lowmem(uint32_t pfn)
{
	return pfn - lowmem_start_pfn < lowmem_end_pfn - lowmem_start_pfn;
}

uint32_t zones_min_free_kbytes(void)
{
	return min_free_kbytes;
}

/* --- set-up ---------------------------------------------------------------------------------- */

static void set_watermarks(bool movable_is_highmem)
{
	struct zone_watermarks marks[MAX_NR_ZONES];
	uint32_t managed_pages[MAX_NR_ZONES];

	for (unsigned int type = 0; type < MAX_NR_ZONES; type++)
		managed_pages[type] = zones[type].managed_pages;
	min_free_kbytes = watermarks_compute(managed_pages, movable_is_highmem, 1,
					     &watermark_settings, marks);
	for (unsigned int type = 0; type < MAX_NR_ZONES; type++)
		zones[type].marks = marks[type];
}

/* Beyond lowmem for a zone without pages, and for highmem. */
static uint32_t first_pfn(const struct zone *zone)
{
	return zone->span.spanned_pages != 0 ? zone->span.start_pfn : lowmem_end_pfn;
}

void zones_init(const struct zone_layout *layout)
{
	bool movable_is_highmem = layout->movable_zone == ZONE_HIGHMEM;

	lowmem_start_pfn = lowmem_end_pfn = PFN_DOWN(layout->lowmem_end);
	for (enum zone_type type = 0; type < MAX_NR_ZONES; type++) {
		zones[type] = (struct zone){
			.type = type,
			.highmem = type == ZONE_HIGHMEM ||
				   (type == ZONE_MOVABLE && movable_is_highmem),
			.span = layout->zones[type],
		};
		buddy_init(&zones[type]);
		lowmem_start_pfn = min_u32(lowmem_start_pfn, first_pfn(&zones[type]));
	}
	zone_blocks_init();
	set_watermarks(movable_is_highmem);
	page_alloc_init();
}

bool zone_has_pageblock(const struct zone *zone, uint32_t pfn)
{
	uint32_t start_pfn = ALIGN_DOWN(pfn, 1U << PAGE_ORDER_MAX);

	return start_pfn >= zone->span.start_pfn &&
	       start_pfn + (1U << PAGE_ORDER_MAX) <=
		       zone->span.start_pfn + zone->span.spanned_pages;
}

/* --- asking ---------------------------------------------------------------------------------- */

void zone_snapshot(enum zone_type type, struct zone_snapshot *snapshot)
{
	struct zone *zone = &zones[type];
	uint32_t irq = spin_lock_irqsave(&zone->lock);
	int32_t highatomic_pages = *zone_set_aside(zone, MIGRATE_HIGHATOMIC);

	*snapshot = (struct zone_snapshot){
		.name = zone_names[type],
		.span = zone->span,
		.highmem = zone->highmem,
		.managed_pages = zone->managed_pages,
		.free_pages = (uint32_t)(zone->free_pages + highatomic_pages),
		.highatomic_pages = (uint32_t)highatomic_pages,
		.isolated_pages = (uint32_t)*zone_set_aside(zone, MIGRATE_ISOLATE),
		.cached_pages = magazines_cached_pages(type),
		.cached_pages_most = magazines_room_pages(type),
		.batch_pages = magazine_batch(0),
		.fallbacks = zone->fallbacks,
		.claims = zone->claims,
		.marks = zone->marks,
	};
	for (unsigned int migrate = 0; migrate < MIGRATE_TYPES; migrate++)
		for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++)
			snapshot->blocks[migrate][order] = zone->lists[migrate][order].anchor.count;
	spin_unlock_irqrestore(&zone->lock, irq);
}

uint32_t zones_available_pages(enum zone_type class_zone)
{
	uint32_t available = 0;

	for (unsigned int type = 0; type <= class_zone; type++) {
		const struct zone *zone = &zones[type];
		int32_t pages =
			zone->free_pages + (int32_t)magazines_cached_pages(type) -
			(int32_t)(zone->marks.min_pages + zone->marks.protection[class_zone]);

		if (pages > 0)
			available += (uint32_t)pages;
	}
	return available;
}

void zone_count_pageblocks(enum zone_type type, uint32_t counts[MIGRATE_TYPES])
{
	const struct zone_span *span = &zones[type].span;
	uint32_t end_pfn = span->start_pfn + span->spanned_pages;

	for (unsigned int migrate = 0; migrate < MIGRATE_TYPES; migrate++)
		counts[migrate] = 0;
	for (uint32_t pfn = span->start_pfn; pfn < end_pfn;
	     pfn = ALIGN_DOWN(pfn, 1U << PAGE_ORDER_MAX) + (1U << PAGE_ORDER_MAX))
		if (page_block_head(pfn) != NULL)
			counts[pageblock_type(pfn_to_page(pfn))]++;
}

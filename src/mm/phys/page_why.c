/* SPDX-License-Identifier: MIT */
#include "mm/phys/page_why.h"

#include <inttypes.h>
#include <stdio.h>

#include "lib/bits.h"
#include "mm/phys/buddy.h"
#include "mm/phys/magazine.h"
#include "mm/phys/page_alloc.h"

/* --- one zone -------------------------------------------------------------------------------- */

/* A free block's largest order among what requests may have; -1: there is none. */
static int largest_order(const struct zone *zone)
{
	uint32_t orders = 0;

	for (unsigned int migrate = 0; migrate <= MIGRATE_HIGHATOMIC; migrate++)
		orders |= zone->orders[migrate];
	return orders != 0 ? (int)highest_bit(orders) : -1;
}

static int32_t usable_pages(const struct zone *zone)
{
	return zone->free_pages + zone->set_aside_pages[MIGRATE_HIGHATOMIC - MIGRATE_PCPTYPES];
}

/* A zone that the flags allow: what the allocator asks of it, in its order. */
static enum zone_verdict judge_allowed(const struct zone *zone, unsigned int order,
				       struct zone_why *why)
{
	int32_t size = 1 << order, left = usable_pages(zone) - size;
	int32_t isolated = zone->set_aside_pages[MIGRATE_ISOLATE - MIGRATE_PCPTYPES];
	int32_t wanted = (int32_t)(why->min_pages + why->held_back_pages);

	if (left >= wanted)
		return why->largest_order >= (int)order ? VERDICT_SERVES : VERDICT_FRAGMENTED;
	why->missing_pages = (uint32_t)(wanted - left);
	if (left + isolated >= wanted)
		return VERDICT_ISOLATED;
	return left >= (int32_t)why->min_pages ? VERDICT_HELD_BACK : VERDICT_BELOW_MIN;
}

static void judge(const struct zone *zone, gfp_t gfp, unsigned int order, struct zone_why *why)
{
	const struct gfp_class *class = &gfp_classes[gfp & GFP_CLASS_MASK];

	*why = (struct zone_why){
		.free_pages = (uint32_t)usable_pages(zone),
		.min_pages = page_min_for(zone, gfp),
		.held_back_pages = zone->marks.protection[class->zone],
		.largest_order = largest_order(zone),
	};
	if (zone->managed_pages == 0)
		why->verdict = VERDICT_EMPTY;
	else if (zone->type <= class->zone)
		why->verdict = judge_allowed(zone, order, why);
	else
		why->verdict =
			zone->type == ZONE_MOVABLE ? VERDICT_MOVABLE_ONLY : VERDICT_NOT_ALLOWED;
}

/* The allocator's first look, at low marks: the zone that it would take, -1: none. */
static int serves_at_low(gfp_t gfp, unsigned int order)
{
	const struct route_stop *stop = zone_routes[gfp & GFP_CLASS_MASK].stops;

	for (; stop->zone != NULL; stop++)
		if (stop->zone->free_pages - stop->low_pages >= 1 << order &&
		    buddy_has_block(stop->zone, order, false))
			return (int)stop->zone->type;
	return -1;
}

/* The same at min, without what is set aside for atomic blocks or with it. */
static int serves_at_min(gfp_t gfp, unsigned int order, bool highatomic)
{
	enum zone_type class_zone = gfp_classes[gfp & GFP_CLASS_MASK].zone;
	const struct route_stop *stop = zone_routes[gfp & GFP_CLASS_MASK].stops;

	for (; stop->zone != NULL; stop++) {
		const struct zone *zone = stop->zone;
		int32_t pages = highatomic ? usable_pages(zone) : zone->free_pages;
		int32_t wanted =
			(int32_t)(page_min_for(zone, gfp) + zone->marks.protection[class_zone]);

		if (pages - (1 << order) >= wanted && buddy_has_block(zone, order, highatomic))
			return (int)zone->type;
	}
	return -1;
}

/*
 * Which zone would serve a request in the end, -1: none. Who is not atomic gets what is set aside
 * only when no zone serves without.
 */
static int would_serve(gfp_t gfp, unsigned int order)
{
	int zone = serves_at_low(gfp, order);

	if (zone < 0 && (gfp & __GFP_ATOMIC) == 0)
		zone = serves_at_min(gfp, order, false);
	return zone >= 0 ? zone : serves_at_min(gfp, order, true);
}

/* --- the remedy ------------------------------------------------------------------------------ */

static bool try_flags(struct page_why *why, gfp_t gfp, enum why_remedy remedy)
{
	int zone = gfp_classes[gfp & GFP_CLASS_MASK].valid ? would_serve(gfp, why->order) : -1;

	if (zone < 0)
		return false;
	why->remedy = remedy;
	why->zone = (enum zone_type)zone;
	return true;
}

static bool try_smaller_order(struct page_why *why)
{
	for (unsigned int order = why->order; order-- > 0;) {
		int zone = would_serve(why->gfp, order);

		if (zone < 0)
			continue;
		why->remedy = REMEDY_ORDER;
		why->zone = (enum zone_type)zone;
		why->remedy_order = order;
		return true;
	}
	return false;
}

/* Other flags that the caller might be able to live with. A request for DMA is not for highmem. */
static bool try_other_flags(struct page_why *why)
{
	gfp_t gfp = why->gfp;

	if ((gfp & (__GFP_DMA | __GFP_HIGHMEM)) == 0 &&
	    try_flags(why, gfp | __GFP_HIGHMEM, REMEDY_HIGHMEM))
		return true;
	if ((gfp & (__GFP_DMA | __GFP_RECLAIMABLE)) == 0 &&
	    try_flags(why, gfp | __GFP_HIGHMEM | __GFP_MOVABLE, REMEDY_MOVABLE))
		return true;
	return try_flags(why, gfp | GFP_ATOMIC, REMEDY_ATOMIC);
}

/* Less held back helps where the block itself is there. */
static bool ratio_helps(const struct zone_why *zone, unsigned int order)
{
	return zone->verdict == VERDICT_HELD_BACK && zone->largest_order >= (int)order;
}

static bool freeing_helps(const struct zone_why *zone, unsigned int order)
{
	(void)order;
	return zone->verdict == VERDICT_BELOW_MIN || zone->verdict == VERDICT_ISOLATED;
}

/* Of the zones that it helps, the one that misses the fewest pages. */
static bool cheapest(struct page_why *why,
		     bool (*helps)(const struct zone_why *zone, unsigned int order),
		     enum why_remedy remedy)
{
	bool found = false;

	for (unsigned int type = 0; type < MAX_NR_ZONES; type++) {
		const struct zone_why *zone = &why->zones[type];

		if (!helps(zone, why->order) || (found && zone->missing_pages >= why->pages))
			continue;
		why->remedy = remedy;
		why->zone = (enum zone_type)type;
		why->pages = zone->missing_pages;
		found = true;
	}
	return found;
}

/*
 * Freed pages need not lie side by side: for more than one page it is the least that must be freed.
 * Where there are pages enough but in pieces, there is a smaller order that would be served.
 */
static void find_remedy(struct page_why *why)
{
	if (try_smaller_order(why) || try_other_flags(why) ||
	    cheapest(why, ratio_helps, REMEDY_RATIO) || cheapest(why, freeing_helps, REMEDY_FREE))
		return;
	why->remedy = REMEDY_FLAGS;
}

void page_why(gfp_t gfp, unsigned int order, struct page_why *why)
{
	*why = (struct page_why){ .gfp = gfp, .order = order, .served_by = -1 };
	magazines_drain_all();
	if (order > PAGE_ORDER_MAX || !gfp_classes[gfp & GFP_CLASS_MASK].valid) {
		why->remedy = REMEDY_FLAGS;
		return;
	}
	for (unsigned int type = 0; type < MAX_NR_ZONES; type++)
		judge(&zones[type], gfp, order, &why->zones[type]);
	why->served_by = would_serve(gfp, order);
	if (why->served_by < 0)
		find_remedy(why);
}

/* --- words ----------------------------------------------------------------------------------- */

/* What is held back on top does not put it further below min. */
static void describe_below_min(const struct zone_why *zone, unsigned int order, char *text,
			       size_t bytes)
{
	uint32_t below_pages = zone->min_pages + (1U << order) - zone->free_pages;
	char held_back[32] = "";

	if (zone->held_back_pages != 0)
		snprintf(held_back, sizeof(held_back), ", %" PRIu32 " more held back",
			 zone->held_back_pages);
	snprintf(text, bytes,
		 "would be %" PRIu32 " pages below min: %" PRIu32 " free, min %" PRIu32 "%s",
		 below_pages, zone->free_pages, zone->min_pages, held_back);
}

const char *page_why_zone_text(const struct page_why *why, enum zone_type zone, char *text,
			       size_t bytes)
{
	const struct zone_why *z = &why->zones[zone];

	switch (z->verdict) {
	case VERDICT_SERVES:
		snprintf(text, bytes,
			 (int)zone == why->served_by ? "serves it" : "could serve it as well");
		break;
	case VERDICT_EMPTY:
		snprintf(text, bytes, "has no pages");
		break;
	case VERDICT_NOT_ALLOWED:
		snprintf(text, bytes, "not allowed for this request; %" PRIu32 " pages are free",
			 z->free_pages);
		break;
	case VERDICT_MOVABLE_ONLY:
		snprintf(text, bytes, "only for movable blocks; %" PRIu32 " pages are free",
			 z->free_pages);
		break;
	case VERDICT_BELOW_MIN:
		describe_below_min(z, why->order, text, bytes);
		break;
	case VERDICT_HELD_BACK:
		snprintf(text, bytes,
			 "held back by lowmem_reserve: %" PRIu32 " free, %" PRIu32
			 " kept for requests that have no other zone, %" PRIu32 " missing",
			 z->free_pages, z->held_back_pages, z->missing_pages);
		break;
	case VERDICT_FRAGMENTED:
		snprintf(text, bytes,
			 "enough pages (%" PRIu32 "), but none of order %u: the largest is %d",
			 z->free_pages, why->order, z->largest_order);
		break;
	case VERDICT_ISOLATED:
		snprintf(text, bytes,
			 "enough pages only in isolated pageblocks; %" PRIu32 " missing",
			 z->missing_pages);
		break;
	}
	return text;
}

const char *page_why_remedy_text(const struct page_why *why, char *text, size_t bytes)
{
	const char *zone = zone_names[why->zone];

	switch (why->remedy) {
	case REMEDY_NONE:
		snprintf(text, bytes, "it would be served by %s", zone_names[why->served_by]);
		break;
	case REMEDY_FLAGS:
		if (why->order > PAGE_ORDER_MAX)
			snprintf(text, bytes, "the largest order is %d: ask for less",
				 PAGE_ORDER_MAX);
		else if (gfp_is_contradictory(why->gfp))
			snprintf(text, bytes, "the flags contradict each other: drop one");
		else
			snprintf(text, bytes, "none of its zones has any pages: other flags");
		break;
	case REMEDY_ORDER:
		snprintf(text, bytes, "order %u would be served, by %s", why->remedy_order, zone);
		break;
	case REMEDY_HIGHMEM:
		snprintf(text, bytes,
			 "with __GFP_HIGHMEM %s would serve it, if no linear address is needed",
			 zone);
		break;
	case REMEDY_MOVABLE:
		snprintf(text, bytes,
			 "as GFP_HIGHUSER_MOVABLE %s would serve it, if it can be moved", zone);
		break;
	case REMEDY_ATOMIC:
		snprintf(text, bytes, "with GFP_ATOMIC %s would serve it, out of its reserves",
			 zone);
		break;
	case REMEDY_RATIO:
		snprintf(text, bytes,
			 "%" PRIu32 " pages less held back by %s would do: lowmem_reserve_ratio=",
			 why->pages, zone);
		break;
	case REMEDY_FREE:
		snprintf(text, bytes, "%" PRIu32 " pages freed in %s would do", why->pages, zone);
		break;
	}
	return text;
}

/* --- fragmentation --------------------------------------------------------------------------- */

/* What the two indexes are made of: free pages, free blocks, and blocks that suffice for an order. */
struct block_sums {
	uint64_t pages, blocks, suitable;
};

static struct block_sums sum_blocks(enum zone_type zone, unsigned int order)
{
	struct block_sums sums = { 0 };

	for (unsigned int migrate = 0; migrate <= MIGRATE_HIGHATOMIC; migrate++)
		for (unsigned int o = 0; o < NR_PAGE_ORDERS; o++) {
			uint32_t blocks = zones[zone].lists[migrate][o].anchor.count;

			sums.pages += (uint64_t)blocks << o;
			sums.blocks += blocks;
			if (o >= order)
				sums.suitable += (uint64_t)blocks << (o - order);
		}
	return sums;
}

int page_fragmentation_index(enum zone_type zone, unsigned int order)
{
	struct block_sums sums = sum_blocks(zone, order);

	if (sums.blocks == 0)
		return 0;
	if (sums.suitable != 0)
		return -1000;
	return 1000 - (int)((1000 + sums.pages * 1000 / (1U << order)) / sums.blocks);
}

unsigned int page_unusable_index(enum zone_type zone, unsigned int order)
{
	struct block_sums sums = sum_blocks(zone, order);

	if (sums.pages == 0)
		return 1000;
	return (unsigned int)((sums.pages - (sums.suitable << order)) * 1000 / sums.pages);
}

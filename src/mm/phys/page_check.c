/* SPDX-License-Identifier: MIT */
#include "mm/phys/page_check.h"

#include "lib/bits.h"
#include "mm/phys/magazine.h"
#include "mm/phys/memblock.h"

/* The first thing wrong is the one to repair. */
static bool complain(struct page_check_result *result, uint32_t pfn, const char *broken)
{
	if (result->broken == NULL) {
		result->broken = broken;
		result->pfn = pfn;
	}
	return false;
}

/* --- blocks ---------------------------------------------------------------------------------- */

static bool in_zone(uint32_t pfn, unsigned int order, unsigned int zone)
{
	const struct zone_span *span = &zones[zone].span;

	return pfn >= span->start_pfn &&
	       pfn + (1U << order) <= span->start_pfn + span->spanned_pages;
}

static bool can_be_joined(struct page *head, unsigned int order)
{
	return order < PAGE_ORDER_MAX && page_type(page_buddy(head, order)) == PAGE_FREE &&
	       page_order(page_buddy(head, order)) == order &&
	       page_zone_index(page_buddy(head, order)) == page_zone_index(head);
}

static bool check_free(struct page_check_result *result, struct page *head)
{
	struct page_tally *tally = &result->zones[page_zone_index(head)];
	unsigned int order = page_order(head);

	if (can_be_joined(head, order))
		return complain(result, page_to_pfn(head), "two free buddies are not joined");
	if (page_migrate_type(head) >= MIGRATE_TYPES)
		return complain(result, page_to_pfn(head), "a free block has no migrate type");
	tally->free_pages += 1U << order;
	tally->free_blocks++;
	return true;
}

/* Whoever frees an object finds its slab by the struct page that the object lies in. */
static bool check_slab_pages(struct page_check_result *result, const struct page *head)
{
	for (uint32_t i = 1; i < 1U << page_order(head); i++)
		if (head[i].flags != head->flags)
			return complain(result, page_to_pfn(head + i),
					"a page of a slab does not say so");
	return true;
}

static bool check_ram(struct page_check_result *result, struct page *head)
{
	uint32_t pfn = page_to_pfn(head), pages = 1U << page_order(head);
	struct page_tally *tally = &result->zones[page_zone_index(head)];

	if (!in_zone(pfn, page_order(head), page_zone_index(head)))
		return complain(result, pfn, "a block leaves its zone");
	switch (page_type(head)) {
	case PAGE_FREE:
		return check_free(result, head);
	case PAGE_CACHED:
		tally->cached_pages += pages;
		return true;
	case PAGE_ALLOCATED:
		tally->allocated_pages += pages;
		tally->allocated_blocks++;
		if ((head->count & PAGE_COUNT_REFS_MASK) == 0)
			return complain(result, pfn, "an allocated block is held by nobody");
		return true;
	case PAGE_SLAB:
		tally->allocated_pages += pages;
		tally->allocated_blocks++;
		return check_slab_pages(result, head);
	case PAGE_QUARANTINED:
		tally->quarantined_pages += pages;
		return true;
	case PAGE_RESERVED:
		tally->reserved_pages += pages;
		return true;
	default:
		return complain(result, pfn, "a block of RAM has no type");
	}
}

/* A block of a unit that has some RAM; *pfn moves behind it. */
static bool check_block(struct page_check_result *result, uint32_t *pfn)
{
	struct page *head = pfn_to_page(*pfn);
	unsigned int order = page_order(head);

	if (((head->flags ^ page_boot_number) >> PAGE_BOOT_SHIFT & PAGE_BOOT_MASK) != 0)
		return complain(result, *pfn, "a head is of another boot: there is a gap");
	if (order > PAGE_ORDER_MAX || !IS_ALIGNED(*pfn, 1U << order))
		return complain(result, *pfn, "a block is not aligned to its size");
	if (page_block_head(*pfn + (1U << order) - 1) != head)
		return complain(result, *pfn, "a block's last page does not lead to its head");
	if (page_type(head) != PAGE_HOLE && !check_ram(result, head))
		return false;
	*pfn += 1U << order;
	return true;
}

/* All units that touch a piece of RAM, from `from` on; returns where it got to, 0 for broken. */
static uint32_t check_units(struct page_check_result *result, uint32_t from_pfn, uint32_t end_pfn)
{
	uint32_t pfn = from_pfn;

	while (pfn < end_pfn)
		if (!check_block(result, &pfn))
			return 0;
	return pfn;
}

static bool check_blocks(struct page_check_result *result)
{
	unsigned long start_pfn, end_pfn;
	uint32_t done_pfn = 0;
	int i;

	for_each_mem_pfn_range(i, MAX_NUMNODES, &start_pfn, &end_pfn, NULL) {
		uint32_t from =
			max_u32(ALIGN_DOWN((uint32_t)start_pfn, VMEMMAP_UNIT_PAGES), done_pfn);
		uint32_t to = ALIGN_UP((uint32_t)end_pfn, VMEMMAP_UNIT_PAGES);

		if (from >= to)
			continue;
		done_pfn = check_units(result, from, to);
		if (done_pfn == 0)
			return false;
	}
	return true;
}

/* --- lists ----------------------------------------------------------------------------------- */

/* A link that was overwritten may lead anywhere; only what lies in vmemmap is looked at. */
static bool is_struct_page(const struct page *page)
{
	uintptr_t offset = (uintptr_t)page - (uintptr_t)vmemmap;

	return offset < sizeof(struct page) << 20 && IS_ALIGNED(offset, sizeof(struct page));
}

/* One list; a list that leads in a circle would be longer than it counts. */
static bool check_list(struct page_check_result *result, const struct zone *zone,
		       enum migrate_type migrate, unsigned int order)
{
	const struct page *anchor = &zone->lists[migrate][order].anchor, *previous = anchor;
	const struct page *head = linked_page(anchor->link[LINK_NEXT]);
	uint32_t wanted = page_flags(PAGE_FREE, order, zone->type, migrate), blocks = 0;

	for (; head != anchor && blocks <= anchor->count; blocks++) {
		if (!is_struct_page(head) || head->flags != wanted)
			return complain(result, page_to_pfn(head),
					"a list holds a block that is not its own");
		if (linked_page(head->link[LINK_PREVIOUS]) != previous)
			return complain(result, page_to_pfn(head), "a list is not linked back");
		previous = head;
		head = linked_page(head->link[LINK_NEXT]);
	}
	if (blocks != anchor->count || linked_page(anchor->link[LINK_PREVIOUS]) != previous)
		return complain(result, zone->span.start_pfn, "a list is not as long as it counts");
	if ((zone->orders[migrate] >> order & 1) != (blocks != 0))
		return complain(result, zone->span.start_pfn, "a list's bit is wrong");
	return true;
}

static bool check_lists(struct page_check_result *result, const struct zone *zone)
{
	int32_t pages[MIGRATE_TYPES] = { 0 };
	uint32_t blocks = 0;

	for (unsigned int migrate = 0; migrate < MIGRATE_TYPES; migrate++)
		for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++) {
			if (!check_list(result, zone, (enum migrate_type)migrate, order))
				return false;
			blocks += zone->lists[migrate][order].anchor.count;
			pages[migrate < MIGRATE_PCPTYPES ? 0 : migrate] +=
				(int32_t)(zone->lists[migrate][order].anchor.count << order);
		}
	if (blocks != result->zones[zone->type].free_blocks)
		return complain(result, zone->span.start_pfn, "a free block is on no list");
	if (pages[0] != zone->free_pages)
		return complain(result, zone->span.start_pfn, "free_pages is wrong");
	for (unsigned int migrate = MIGRATE_PCPTYPES; migrate < MIGRATE_TYPES; migrate++)
		if (pages[migrate] != zone->set_aside_pages[migrate - MIGRATE_PCPTYPES])
			return complain(result, zone->span.start_pfn, "set_aside_pages is wrong");
	return true;
}

/* --- magazines ------------------------------------------------------------------------------- */

static bool check_magazine(struct page_check_result *result, const struct magazine *magazine)
{
	if (magazine->count > MAGAZINE_ITEMS || magazine->limit > MAGAZINE_ITEMS)
		return complain(result, 0, "a magazine is overfull");
	for (uint32_t i = 0; i < magazine->count; i++) {
		if (magazine->items[i]->flags != magazine->flags)
			return complain(result, page_to_pfn(magazine->items[i]),
					"a magazine holds a block that is not its own");
		for (uint32_t j = 0; j < i; j++)
			if (magazine->items[i] == magazine->items[j])
				return complain(result, page_to_pfn(magazine->items[i]),
						"a magazine holds a block twice");
	}
	return true;
}

static bool check_magazines(struct page_check_result *result, enum zone_type zone)
{
	struct page_magazines *magazines = this_cpu_ptr(&page_magazines);

	for (unsigned int migrate = 0; migrate <= PAGE_MIGRATE_MASK; migrate++)
		for (unsigned int order = 0; order < MAGAZINE_ORDERS; order++)
			if (!check_magazine(result, &magazines->sets[migrate][zone].orders[order]))
				return false;
	if (magazines_cached_pages(zone) != result->zones[zone].cached_pages)
		return complain(result, zones[zone].span.start_pfn,
				"a per-CPU block is in no magazine");
	return true;
}

/* --- all ------------------------------------------------------------------------------------- */

static bool check_zone(struct page_check_result *result, enum zone_type type)
{
	const struct zone *zone = &zones[type];
	const struct page_tally *tally = &result->zones[type];
	uint32_t managed = tally->free_pages + tally->cached_pages + tally->allocated_pages +
			   tally->quarantined_pages;

	if (!check_lists(result, zone) || !check_magazines(result, type))
		return false;
	if (managed != zone->managed_pages)
		return complain(result, zone->span.start_pfn,
				"free + per-CPU + allocated is not what is managed");
	if (managed + tally->reserved_pages != zone->span.present_pages)
		return complain(result, zone->span.start_pfn,
				"free + per-CPU + allocated + reserved is not what is present");
	return true;
}

bool page_check(struct page_check_result *result)
{
	*result = (struct page_check_result){ .broken = NULL };
	if (!check_blocks(result))
		return false;
	for (enum zone_type type = 0; type < MAX_NR_ZONES; type++)
		if (!check_zone(result, type))
			return false;
	return true;
}

/* SPDX-License-Identifier: MIT */
#include "mm/phys/buddy.h"

#include "lib/bits.h"
#include "mm/phys/page_list.h"

/* Half of a pageblock free in one piece: it is more ours than theirs. */
#define CLAIM_ORDER (PAGE_ORDER_MAX - 1)

/* Where a type looks when its own lists are empty; Linux's order. */
static const uint8_t fallback_types[MIGRATE_PCPTYPES][MIGRATE_PCPTYPES - 1] = {
	[MIGRATE_UNMOVABLE] = { MIGRATE_RECLAIMABLE, MIGRATE_MOVABLE },
	[MIGRATE_MOVABLE] = { MIGRATE_RECLAIMABLE, MIGRATE_UNMOVABLE },
	[MIGRATE_RECLAIMABLE] = { MIGRATE_UNMOVABLE, MIGRATE_MOVABLE },
};

/* --- lists ----------------------------------------------------------------------------------- */

void buddy_init(struct zone *zone)
{
	for (unsigned int migrate = 0; migrate < MIGRATE_TYPES; migrate++)
		for (unsigned int order = 0; order < FREE_LISTS; order++)
			page_list_init(&zone->lists[migrate][order].anchor);
}

static inline void unlink_block(struct zone *zone, struct page *head, unsigned int order,
				enum migrate_type migrate)
{
	page_list_unlink(head);
	if (--zone->lists[migrate][order].anchor.count == 0)
		zone->orders[migrate] &= ~(1U << order);
}

static inline struct page *pop_block(struct zone *zone, unsigned int order,
				     enum migrate_type migrate)
{
	struct page *head = free_list_first(&zone->lists[migrate][order]);

	unlink_block(zone, head, order, migrate);
	return head;
}

/*
 * Cut a block of 2^from pages down to 2^to; the upper halves go to the lists of `migrate`, which
 * have no blocks of these orders: they were searched from the smallest up, or have none at all.
 */
static void split_block(struct zone *zone, struct page *head, unsigned int from, unsigned int to,
			enum migrate_type migrate)
{
	uint32_t flags = (head->flags & PAGE_PLACE_MASK) + PAGE_FREE +
			 ((uint32_t)migrate << PAGE_MIGRATE_SHIFT);
	struct free_list *list = &zone->lists[migrate][from];

	zone->orders[migrate] |= (1U << from) - (1U << to);
	do {
		struct page *upper = head + (1U << --from);

		flags -= 1U << PAGE_ORDER_SHIFT;
		list--;
		upper->flags = flags;
		upper->link[LINK_NEXT] = upper->link[LINK_PREVIOUS] = page_link(&list->anchor);
		list->anchor.link[LINK_NEXT] = list->anchor.link[LINK_PREVIOUS] = page_link(upper);
		list->anchor.count = 1;
	} while (from > to);
}

/* --- taking ---------------------------------------------------------------------------------- */

/* The smallest block that is large enough, cut to size. `fitting`: the orders that are. */
static struct page *take_smallest(struct zone *zone, uint32_t fitting, unsigned int order,
				  enum migrate_type migrate)
{
	unsigned int found = lowest_bit(fitting);
	struct page *head = pop_block(zone, found, migrate);

	if (found != order)
		split_block(zone, head, found, order, migrate);
	return head;
}

/*
 * The largest block of another type, so that few pageblocks are mixed and what is left over serves
 * the next request of this type. The type's own lists are empty from `order` up, so what is cut off
 * finds them so.
 */
static __attribute__((noinline)) struct page *take_fallback(struct zone *zone, unsigned int order,
							    enum migrate_type migrate)
{
	enum migrate_type other = (enum migrate_type)fallback_types[migrate][0];
	enum migrate_type second = (enum migrate_type)fallback_types[migrate][1];
	uint32_t orders = zone->orders[other] >> order;
	uint32_t second_orders = zone->orders[second] >> order;
	unsigned int found;
	struct page *head;

	if ((orders | second_orders) == 0)
		return NULL;
	/* Linux's preference where both have one as large. */
	if (orders == 0 || (second_orders != 0 && highest_bit(second_orders) > highest_bit(orders)))
		other = second;
	found = highest_bit(zone->orders[other]);
	head = pop_block(zone, found, other);
	zone->fallbacks++;
	if (found >= CLAIM_ORDER && pageblock_type(head) < MIGRATE_PCPTYPES) {
		set_pageblock_type(head, migrate);
		zone->claims++;
	}
	if (found != order)
		split_block(zone, head, found, order, migrate);
	return head;
}

struct page *buddy_take(struct zone *zone, unsigned int order, enum migrate_type migrate)
{
	uint32_t fitting = zone->orders[migrate] >> order << order;
	struct page *head;

	if (likely(fitting != 0))
		head = take_smallest(zone, fitting, order, migrate);
	else
		head = take_fallback(zone, order, migrate);
	if (head != NULL)
		zone->free_pages -= 1 << order;
	return head;
}

/* The whole run is cut out of the list at once: one end to mend, however many there are. */
uint32_t buddy_take_singles(struct zone *zone, unsigned int order, enum migrate_type migrate,
			    uint32_t flags, uint32_t most, struct page **items)
{
	struct page *anchor = &zone->lists[migrate][order].anchor;
	uint32_t count = min_u32(anchor->count, most), link = anchor->link[LINK_NEXT];

	for (struct page **item = items + count; item > items;) {
		struct page *head = linked_page(link);

		*--item = head;
		head->flags = flags;
		link = head->link[LINK_NEXT];
	}
	anchor->link[LINK_NEXT] = link;
	linked_page(link)->link[LINK_PREVIOUS] = page_link(anchor);
	anchor->count -= count;
	if (anchor->count == 0)
		zone->orders[migrate] &= ~(1U << order);
	zone->free_pages -= (int32_t)(count << order);
	return count;
}

struct page *buddy_take_highatomic(struct zone *zone, unsigned int order)
{
	uint32_t fitting = zone->orders[MIGRATE_HIGHATOMIC] >> order << order;

	if (fitting == 0)
		return NULL;
	*zone_set_aside(zone, MIGRATE_HIGHATOMIC) -= 1 << order;
	return take_smallest(zone, fitting, order, MIGRATE_HIGHATOMIC);
}

static int32_t *count_of(struct zone *zone, enum migrate_type migrate)
{
	return migrate < MIGRATE_PCPTYPES ? &zone->free_pages : zone_set_aside(zone, migrate);
}

void buddy_take_block(struct zone *zone, struct page *head)
{
	enum migrate_type migrate = page_migrate_type(head);
	unsigned int order = page_order(head);

	unlink_block(zone, head, order, migrate);
	*count_of(zone, migrate) -= 1 << order;
}

/* --- giving ---------------------------------------------------------------------------------- */

void buddy_give_row(struct zone *zone, struct page *lowest, uint32_t blocks, unsigned int order,
		    enum migrate_type migrate)
{
	struct page *anchor = &zone->lists[migrate][order].anchor;
	uint32_t flags = page_flags(PAGE_FREE, order, zone->type, migrate);
	uint32_t first = anchor->link[LINK_NEXT];
	struct page *head = lowest, *previous = anchor;

	for (uint32_t left = blocks; left > 0; left--, head += 1U << order) {
		head->flags = flags;
		head->link[LINK_PREVIOUS] = page_link(previous);
		previous->link[LINK_NEXT] = page_link(head);
		previous = head;
	}
	previous->link[LINK_NEXT] = first;
	linked_page(first)->link[LINK_PREVIOUS] = page_link(previous);
	anchor->count += blocks;
	zone->orders[migrate] |= 1U << order;
	*count_of(zone, migrate) += (int32_t)(blocks << order);
}

/*
 * A joined buddy was on another type's list than the block will be: a fragment of a pageblock that
 * changed its type. What was counted as set aside is counted with the block from now on.
 */
static __attribute__((noinline)) void join_other(struct zone *zone, struct page *buddy)
{
	enum migrate_type other = page_migrate_type(buddy);
	unsigned int order = page_order(buddy);

	unlink_block(zone, buddy, order, other);
	if (other >= MIGRATE_PCPTYPES) {
		*zone_set_aside(zone, other) -= 1 << order;
		zone->free_pages += 1 << order;
	}
}

/* Into a pageblock of HighAtomic or Isolate: rare, so counted block by block. */
static __attribute__((noinline)) void give_aside(struct zone *zone, struct page *head,
						 uint32_t flags)
{
	enum migrate_type migrate = pageblock_type(head);
	unsigned int order = flags >> PAGE_ORDER_SHIFT & PAGE_ORDER_MASK;

	for (; order < PAGE_ORDER_MAX; order++, flags += 1U << PAGE_ORDER_SHIFT) {
		struct page *buddy = page_buddy(head, order);

		head->flags = flags;
		if (((buddy->flags ^ flags) & ~(PAGE_MIGRATE_MASK << PAGE_MIGRATE_SHIFT)) != 0)
			break;
		buddy_take_block(zone, buddy);
		head = head < buddy ? head : buddy;
	}
	head->flags = flags | (uint32_t)migrate << PAGE_MIGRATE_SHIFT;
	page_list_push(&zone->lists[migrate][order].anchor, head);
	zone->orders[migrate] |= 1U << order;
	*zone_set_aside(zone, migrate) += 1 << order;
}

/*
 * A buddy is whatever half of the block above this one is not; that block was split, so there is a
 * head. It can be joined when it is free, whole, and of the same zone. The longest chain joins
 * PAGE_ORDER_MAX times, so this loop is the worst case of every free: what can be kept in step with
 * the order is (size, flags, anchor), and the bits of lists that became empty are cleared at the
 * end, all at once.
 */
void buddy_give(struct zone *zone, struct page *head, uint32_t flags)
{
	uintptr_t size = sizeof(struct page) << (flags >> PAGE_ORDER_SHIFT & PAGE_ORDER_MASK);
	enum migrate_type migrate = pageblock_type(head);
	struct page *anchor =
		&zone->lists[migrate][flags >> PAGE_ORDER_SHIFT & PAGE_ORDER_MASK].anchor;
	int32_t pages = (int32_t)(size / sizeof(struct page));
	uintptr_t emptied = 0;

	if (unlikely(migrate >= MIGRATE_PCPTYPES)) {
		give_aside(zone, head, flags);
		return;
	}
	flags |= (uint32_t)migrate << PAGE_MIGRATE_SHIFT;
	/* Where this is joined to a lower buddy it becomes a tail, and must not look allocated. */
	head->flags = flags;
	zone->free_pages += pages;
	for (; size < sizeof(struct page) << PAGE_ORDER_MAX;
	     size <<= 1, flags += 1U << PAGE_ORDER_SHIFT, anchor++) {
		struct page *buddy = (struct page *)((uintptr_t)head ^ size);

		if (likely(buddy->flags == flags)) {
			page_list_unlink(buddy);
			if (--anchor->count == 0)
				emptied |= size;
		} else if (unlikely(((buddy->flags ^ flags) &
				     ~(PAGE_MIGRATE_MASK << PAGE_MIGRATE_SHIFT)) == 0)) {
			join_other(zone, buddy);
		} else {
			break;
		}
		head = (struct page *)((uintptr_t)head & ~size);
	}
	head->flags = flags;
	page_list_push(anchor, head);
	zone->orders[migrate] =
		(zone->orders[migrate] & ~(uint32_t)(emptied / sizeof(struct page))) |
		(uint32_t)(size / sizeof(struct page));
}

/* --- HighAtomic ------------------------------------------------------------------------------ */

bool buddy_unreserve_highatomic(struct zone *zone, enum migrate_type migrate)
{
	uint32_t orders = zone->orders[MIGRATE_HIGHATOMIC];
	struct page *head;
	unsigned int order;

	if (orders == 0)
		return false;
	order = highest_bit(orders);
	head = free_list_first(&zone->lists[MIGRATE_HIGHATOMIC][order]);
	buddy_take_block(zone, head);
	if (pageblock_type(head) == MIGRATE_HIGHATOMIC) {
		set_pageblock_type(head, migrate);
		zone->highatomic_blocks--;
	}
	buddy_give(zone, head, page_free_flags(head));
	return true;
}

bool buddy_has_block(const struct zone *zone, unsigned int order, bool highatomic)
{
	uint32_t orders = 0;

	for (unsigned int migrate = 0; migrate < MIGRATE_PCPTYPES; migrate++)
		orders |= zone->orders[migrate];
	if (highatomic)
		orders |= zone->orders[MIGRATE_HIGHATOMIC];
	return orders >> order != 0;
}

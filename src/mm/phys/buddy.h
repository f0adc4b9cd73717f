/* SPDX-License-Identifier: MIT */
/*
 * The free blocks of a zone: taking one, splitting it, giving it back, joining it with its buddy.
 *
 * All of these run under the zone's lock. No loop is longer than the number of orders, so each has
 * a bound: at most PAGE_ORDER_MAX splits, at most PAGE_ORDER_MAX joins.
 *
 * Migrate types. Each pageblock (4 MiB) has one, Movable at first. What is freed goes to the list
 * of its pageblock's type. When a type has nothing left, the largest free block of another type is
 * taken; if that was at least half of its pageblock, the pageblock changes its type. Free fragments
 * of a pageblock that changed its type stay on the lists that their own flags name, until they are
 * taken or joined: nobody walks the pageblock.
 */
#ifndef STRATA_MM_PHYS_BUDDY_H
#define STRATA_MM_PHYS_BUDDY_H

#include "mm/phys/zone.h"

/* Empty lists. */
void buddy_init(struct zone *zone);

/*
 * Take a block of 2^order pages for a request of one of the first three migrate types, from its own
 * lists or, if those have none, from another's. NULL: there is no block so large. The block belongs
 * to the caller, who writes its head's flags before the lock is released.
 */
struct page *buddy_take(struct zone *zone, unsigned int order, enum migrate_type migrate);

/*
 * Take up to `most` blocks of just this order and type, of which there is one at least, write `flags`
 * to their heads and put them into `items`, the one that lies on top last. Returns how many.
 */
uint32_t buddy_take_singles(struct zone *zone, unsigned int order, enum migrate_type migrate,
			    uint32_t flags, uint32_t most, struct page **items);

/* The same from HighAtomic's lists alone. */
struct page *buddy_take_highatomic(struct zone *zone, unsigned int order);

/* Take out a block that is free, whatever its list; its order and flags stay as they are. */
void buddy_take_block(struct zone *zone, struct page *head);

/*
 * Make a block free, on the list of its pageblock's type, joined with free buddies of the same
 * zone. free_flags: its head's as page_free_flags makes them, so that who gives back many of a kind
 * makes them once.
 */
void buddy_give(struct zone *zone, struct page *head, uint32_t free_flags);

/* The same for one block, by whoever does not hold the lock: its zone's is taken here. */
static inline void buddy_give_back(struct page *head)
{
	struct zone *zone = &zones[page_zone_index(head)];
	uint32_t irq = spin_lock_irqsave(&zone->lock);

	buddy_give(zone, head, page_free_flags(head));
	spin_unlock_irqrestore(&zone->lock, irq);
}

/*
 * Make blocks of one order free, side by side from the lowest head, on a given list, joined with
 * nothing; the lowest comes to lie on top. For building the lists: seven instructions a block.
 */
void buddy_give_row(struct zone *zone, struct page *lowest, uint32_t blocks, unsigned int order,
		    enum migrate_type migrate);

/* Turn one free block of HighAtomic into a block of another type, pageblock included; false: none. */
bool buddy_unreserve_highatomic(struct zone *zone, enum migrate_type migrate);

/* Whether ordinary requests of this type and order find a block, and for those that may, HighAtomic's. */
bool buddy_has_block(const struct zone *zone, unsigned int order, bool highatomic);

#endif

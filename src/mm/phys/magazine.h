/* SPDX-License-Identifier: MIT */
/*
 * Magazines: small stacks of blocks that are ready to be handed out, of one zone, migrate type and
 * order, a set for each core. A hot allocation is a pop and a hot free a push, with interrupts
 * masked for a few instructions and no lock; the buddy behind is visited in batches.
 *
 * A magazine belongs to its core, and is touched with interrupts masked. The blocks in it are
 * PAGE_CACHED with exactly the flags that the magazine names, so a pop can see by one comparison
 * that nobody wrote to a free block's head.
 *
 * Watermarks: pages in a magazine were taken from the buddy while the zone was above the mark, so a
 * pop looks at none; an empty magazine does. What a magazine may hold is little (some 80 pages of a
 * kind, less in a small zone), and the allocator's slow path empties them all before it refuses.
 */
#ifndef STRATA_MM_PHYS_MAGAZINE_H
#define STRATA_MM_PHYS_MAGAZINE_H

#include "kern/percpu.h"
#include "lib/bits.h"
#include "mm/phys/gfp.h"
#include "mm/phys/zone.h"

#define MAGAZINE_ORDER_MAX CONFIG_MAGAZINE_ORDER_MAX
#define MAGAZINE_ORDERS    (MAGAZINE_ORDER_MAX + 1)
#define MAGAZINE_ITEMS     CONFIG_MAGAZINE_ITEMS

/* Blocks that one visit gives back, at most: so many times the bound of buddy_give. */
#define MAGAZINE_DRAIN_MOST 4U

struct magazine {
	uint32_t count;                     /* items in use */
	uint32_t limit;                     /* how many may be, at most MAGAZINE_ITEMS; 0: closed */
	uint32_t flags;                     /* of every block in it */
	struct page *items[MAGAZINE_ITEMS]; /* the oldest first */
};

/* The four orders of a kind side by side, so that one address serves all. */
struct magazine_set {
	struct magazine orders[MAGAZINE_ORDERS];
};

/*
 * One stop of a request on its way down the zones: where it pops, what it takes from, and how many
 * pages that must leave free (low watermark and what the zone keeps back from this class).
 */
struct route_stop {
	struct magazine_set *set; /* behind the last zone: one that is always empty */
	struct zone *zone;        /* behind the last zone: NULL */
	int32_t low_pages;
};

/* The populated zones of a class, the highest first. Aligned, so that an index is a shift. */
struct route {
	struct route_stop stops[MAX_NR_ZONES + 1];
} __attribute__((aligned(64)));

struct page_magazines {
	struct route routes[GFP_CLASSES]; /* by class of request */
	/* By migrate type and zone, as in struct page's flags. Those of HighAtomic and Isolate are
	 * always closed: such pages go back to the buddy. */
	struct magazine_set sets[PAGE_MIGRATE_MASK + 1][MAX_NR_ZONES];
};

/* This core's; with interrupts masked. */
extern struct page_magazines page_magazines;

/* The same routes for the slow path, which no diversion changes. */
extern struct route zone_routes[GFP_CLASSES];

static inline struct route *route_of(gfp_t gfp)
{
	return &this_cpu_ptr(&page_magazines)->routes[gfp & GFP_CLASS_MASK];
}

static inline struct zone *magazine_zone(const struct magazine *magazine)
{
	return &zones[(magazine->flags >> PAGE_ZONE_SHIFT) & PAGE_ZONE_MASK];
}

static inline unsigned int magazine_order(const struct magazine *magazine)
{
	return (magazine->flags >> PAGE_ORDER_SHIFT) & PAGE_ORDER_MASK;
}

/* The set that blocks with these flags belong to. */
static inline struct magazine_set *magazine_set_of(struct page_magazines *magazines, uint32_t flags)
{
	uint32_t index =
		(flags >> PAGE_ZONE_SHIFT) &
		(PAGE_ZONE_MASK | PAGE_MIGRATE_MASK << (PAGE_MIGRATE_SHIFT - PAGE_ZONE_SHIFT));

	return &magazines->sets[0][0] + index;
}

/* A block, or NULL when the magazine is empty. */
static inline struct page *magazine_pop(struct magazine *magazine)
{
	uint32_t count = magazine->count;

	if (unlikely(count == 0))
		return NULL;
	magazine->count = --count;
	return magazine->items[count];
}

/* Set up this core's magazines and routes from the zones. Called again when watermarks changed. */
void magazines_init(void);

/*
 * A block for an empty magazine from its zone's buddy, and some more into the magazine, at most
 * pages_most in all (but one block). NULL: the zone has none. The block is PAGE_CACHED as if it had
 * been popped. Interrupts masked; takes the zone's lock.
 */
struct page *magazine_refill(struct magazine *magazine, int32_t pages_most);

/*
 * Give up to MAGAZINE_DRAIN_MOST of a magazine's oldest blocks back to the buddy. Interrupts masked;
 * takes the zone's lock.
 */
void magazine_drain(struct magazine *magazine);

/* Empty all of this core's magazines, a few blocks at a time. True: something was given back. */
bool magazines_drain_all(void);

/* While diverted, all routes lead nowhere and all magazines are closed and empty. */
void magazines_divert(bool on);

/*
 * While a zone's magazines are closed, what is freed goes to the buddy at once. Nests. For whoever
 * must see every free page of the zone on its lists.
 */
void magazines_close(enum zone_type zone);
void magazines_reopen(enum zone_type zone);

/* Pages that this core's magazines of a zone hold; and how many they would. */
uint32_t magazines_cached_pages(enum zone_type zone);
uint32_t magazines_room_pages(enum zone_type zone);

/* Blocks that a refill of this order fetches, at most. */
unsigned int magazine_batch(unsigned int order);

#endif

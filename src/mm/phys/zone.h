/* SPDX-License-Identifier: MIT */
/*
 * The zones as they are: spans, watermarks, free lists, counts.
 *
 * Counting equation, exact whenever the zone's lock is free and no core is inside the allocator
 * (the walker in page_check.h verifies it head by head):
 *
 *	present = reserved + managed
 *	managed = free_pages + set_aside_pages + per-CPU + allocated + quarantined
 *
 * where per-CPU is what magazines hold; allocated, with what little was quarantined, is the rest.
 * Nothing counts allocated pages themselves: a hot allocation touches its magazine and its struct
 * page only.
 */
#ifndef STRATA_MM_PHYS_ZONE_H
#define STRATA_MM_PHYS_ZONE_H

#include "kern/spinlock.h"
#include "mm/phys/page.h"
#include "mm/phys/watermark.h"
#include "mm/phys/zone_layout.h"

/*
 * The free blocks of one migrate type and order: a ring through the heads' links and through an
 * anchor, which is a struct page too, though not in vmemmap. So a block is taken out without asking
 * whether it is the first or the last. The anchor's count says how many blocks there are.
 */
struct free_list {
	struct page anchor;
};

static inline struct page *free_list_first(const struct free_list *list)
{
	return linked_page(list->anchor.link[LINK_NEXT]);
}

/* Lists a migrate type, used or not: a power of two, so that an address is two additions. */
#define FREE_LISTS 16

struct zone {
	/* Pages on the lists of the first three migrate types: what ordinary requests may have.
	 * Read without the lock by whoever only wants to know whether it is worth trying. */
	int32_t free_pages;

	/* Guarded by the lock, as free_pages when written. */
	struct spinlock lock;
	int32_t set_aside_pages[MIGRATE_TYPES - MIGRATE_PCPTYPES]; /* HighAtomic's, Isolate's */
	uint32_t highatomic_blocks;                                /* pageblocks of that type */
	/* Bit n is set exactly when the type's list of order n is not empty. */
	uint32_t orders[MIGRATE_TYPES];
	struct free_list lists[MIGRATE_TYPES][FREE_LISTS];

	/* Fixed after zones_init. */
	enum zone_type type;
	bool highmem; /* no page of it has a linear address */
	struct zone_span span;
	uint32_t managed_pages;
	struct zone_watermarks marks;

	/* What happened, for people; written under the lock. */
	uint32_t fallbacks; /* blocks taken from another type's lists */
	uint32_t claims;    /* pageblocks that changed their type by that */
};

extern struct zone zones[MAX_NR_ZONES];

static inline int32_t *zone_set_aside(struct zone *zone, enum migrate_type migrate)
{
	return &zone->set_aside_pages[migrate - MIGRATE_PCPTYPES];
}

/*
 * Make the zones of a layout and hand them what memblock has free: every frame of RAM gets into a
 * block, all free ones movable. To be called once, when memblock's reservations are complete:
 * memblock allocates nothing afterwards. Cost: a few instructions for each 4 MiB of RAM and for each
 * reservation.
 */
void zones_init(const struct zone_layout *layout);

/*
 * The part of it in zone_blocks.c: every frame of a backed unit into a block, free ones onto lists,
 * managed pages counted. The zones' spans must stand.
 */
void zone_blocks_init(void);

/*
 * Whether the pageblock that holds a frame lies in this zone whole. Where two zones meet inside one,
 * its type is both's: then neither sets it aside for atomic blocks, which each counts by itself.
 */
bool zone_has_pageblock(const struct zone *zone, uint32_t pfn);

/* Lowmem as the layout says, from the first zone's start: other pages have no linear address. */
uint32_t zones_lowmem_end_pfn(void);
bool zones_is_lowmem(uint32_t pfn);

/* min_free_kbytes as the watermarks were computed from. */
uint32_t zones_min_free_kbytes(void);

/* What zoneinfo shows of a zone. Invariant: free + cached <= managed <= present <= spanned. */
struct zone_snapshot {
	const char *name;
	struct zone_span span;
	bool highmem;
	uint32_t managed_pages;
	uint32_t free_pages;       /* on free lists, highatomic's included, isolated not */
	uint32_t highatomic_pages; /* of those, set aside for atomic blocks */
	uint32_t isolated_pages;
	uint32_t cached_pages;      /* in this core's magazines */
	uint32_t cached_pages_most; /* how many would fit in them */
	uint32_t batch_pages;       /* what an empty magazine fetches at once, at most */
	uint32_t blocks[MIGRATE_TYPES][NR_PAGE_ORDERS]; /* free, by type and order */
	uint32_t fallbacks;
	uint32_t claims;
	struct zone_watermarks marks;
};

void zone_snapshot(enum zone_type type, struct zone_snapshot *snapshot);

/*
 * Pages that requests of a class could still have, one by one: what its zones hold above min and
 * above what they keep back from it, per-CPU pages included.
 */
uint32_t zones_available_pages(enum zone_type class_zone);

/* How many pageblocks of each type touch a zone, so one at a border counts in both. A byte a block. */
void zone_count_pageblocks(enum zone_type type, uint32_t counts[MIGRATE_TYPES]);

#endif

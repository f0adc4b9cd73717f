/* SPDX-License-Identifier: MIT */
/*
 * Why a request is served, or is not: the allocator's own decision, zone by zone, and the smallest
 * change with which it would be served.
 *
 * It is asked after the magazines were drained, so it sees what the slow path sees before it refuses;
 * reclaim and compaction, if anybody hung them in, are not foreseen.
 */
#ifndef STRATA_MM_PHYS_PAGE_WHY_H
#define STRATA_MM_PHYS_PAGE_WHY_H

#include "mm/phys/gfp.h"

enum zone_verdict {
	VERDICT_SERVES,       /* has the block */
	VERDICT_EMPTY,        /* no pages at all */
	VERDICT_NOT_ALLOWED,  /* above what the request's flags may use */
	VERDICT_MOVABLE_ONLY, /* ZONE_MOVABLE, and the request is not movable */
	VERDICT_BELOW_MIN,    /* would fall below its min mark */
	VERDICT_HELD_BACK, /* above min, but it keeps pages back from requests that have other zones */
	VERDICT_FRAGMENTED, /* pages enough, but no block so large: `largest_order` is */
	VERDICT_ISOLATED,   /* pages enough only with those of isolated pageblocks */
};

struct zone_why {
	enum zone_verdict verdict;
	uint32_t free_pages; /* that requests may have: isolated ones not, HighAtomic's included */
	uint32_t min_pages;  /* how far down this request may go, */
	uint32_t held_back_pages; /* and what is kept back from it above that */
	uint32_t missing_pages;   /* BELOW_MIN, HELD_BACK, ISOLATED: so many more free would do */
	int largest_order;        /* of a free block; -1: there is none */
};

/* The smallest change. Of several that would do, the first of this list. */
enum why_remedy {
	REMEDY_NONE,  /* it is served as it is */
	REMEDY_FLAGS, /* contradictory flags, or an order above PAGE_ORDER_MAX: nothing else helps */
	REMEDY_ORDER,   /* order `order` would be served */
	REMEDY_HIGHMEM, /* with __GFP_HIGHMEM zone `zone` would serve: no linear address needed? */
	REMEDY_MOVABLE, /* with GFP_HIGHUSER_MOVABLE zone `zone` would serve: can it move? */
	REMEDY_ATOMIC,  /* with GFP_ATOMIC zone `zone` would serve, out of its reserves */
	REMEDY_RATIO,   /* `pages` less held back by zone `zone` would do (lowmem_reserve_ratio=) */
	REMEDY_FREE,    /* `pages` pages freed in zone `zone` would do */
};

struct page_why {
	gfp_t gfp;
	unsigned int order;
	int served_by; /* a zone, or -1 */
	struct zone_why zones[MAX_NR_ZONES];
	enum why_remedy remedy;
	enum zone_type zone;
	unsigned int remedy_order;
	uint32_t pages;
};

/* Fill *why for a request. Drains this core's magazines; allocates nothing. */
void page_why(gfp_t gfp, unsigned int order, struct page_why *why);

#define WHY_TEXT_MAX 160

/*
 * A sentence for people about one zone, and one about the remedy, without a full stop. Cut to
 * `bytes`. Returns `text`.
 */
const char *page_why_zone_text(const struct page_why *why, enum zone_type zone, char *text,
			       size_t bytes);
const char *page_why_remedy_text(const struct page_why *why, char *text, size_t bytes);

/*
 * Linux's external fragmentation index of a zone for an order, in thousandths: towards 0 a refusal
 * is for want of memory, towards 1000 for fragmentation; negative: a request would be served (-1000,
 * a block is there). mm/vmstat.c's formula.
 */
int page_fragmentation_index(enum zone_type zone, unsigned int order);

/* Thousandths of the zone's free pages that are in blocks too small for the order. */
unsigned int page_unusable_index(enum zone_type zone, unsigned int order);

#endif

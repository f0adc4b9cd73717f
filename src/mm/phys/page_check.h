/* SPDX-License-Identifier: MIT */
/*
 * The walker: looks at every block of RAM, every list and every magazine, and says whether they
 * agree. For tests, for `mmcheck`, and for whoever suspects something. It takes time that grows
 * with the number of blocks and expects that nobody else allocates meanwhile.
 */
#ifndef STRATA_MM_PHYS_PAGE_CHECK_H
#define STRATA_MM_PHYS_PAGE_CHECK_H

#include "mm/phys/page.h"
#include "mm/phys/zone_layout.h"

/* Pages of a zone, by what its heads say. Their sum is what the zone has present. */
struct page_tally {
	uint32_t free_pages;
	uint32_t cached_pages;
	uint32_t allocated_pages;
	uint32_t reserved_pages;
	uint32_t quarantined_pages;
	uint32_t free_blocks;
	uint32_t allocated_blocks;
};

struct page_check_result {
	const char
		*broken; /* NULL: all is well; else a sentence on the first rule that is broken */
	uint32_t pfn;    /* where */
	struct page_tally zones[MAX_NR_ZONES];
};

/*
 * What is checked:
 *	- heads tile each 4 MiB that touches RAM, aligned to their size, with this boot's number;
 *	- every frame of RAM is in a block of its zone, and of no other type than free, per-CPU,
 *	  allocated, reserved or quarantined; the tallies are what the zones' counters say, and present;
 *	- no two free buddies of a zone could be joined;
 *	- each list is linked both ways, holds blocks of its own order, zone and type, as many as it
 *	  counts, and together all free blocks; its bit in `orders` is set exactly when it is not empty;
 *	- each magazine holds no more blocks than there is room, all with its flags and none twice,
 *	  and together all per-CPU blocks.
 * True: nothing is broken.
 */
bool page_check(struct page_check_result *result);

#endif

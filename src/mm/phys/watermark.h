/* SPDX-License-Identifier: MIT */
/*
 * Watermarks, lowmem protection and per-CPU list sizes by Linux 6.1's formulas: pure functions of
 * how many pages each zone manages.
 */
#ifndef STRATA_MM_PHYS_WATERMARK_H
#define STRATA_MM_PHYS_WATERMARK_H

#include "mm/phys/zone_layout.h"

struct zone_watermarks {
	uint32_t min_pages;
	uint32_t low_pages;
	uint32_t high_pages;
	/* protection[j]: pages kept back from a request that may also use zone j, as zoneinfo
	 * prints */
	uint32_t protection[MAX_NR_ZONES];
	uint32_t pcp_batch_pages; /* as Linux would size its per-CPU lists */
	uint32_t pcp_high_pages;
};

/*
 * managed_pages: what each zone manages when watermarks are set. movable_is_highmem: Movable was
 * cut from HighMem (then it counts as highmem for min_free_kbytes and min). Returns
 * min_free_kbytes. online_cpus is at least 1.
 */
uint32_t watermarks_compute(const uint32_t managed_pages[MAX_NR_ZONES], bool movable_is_highmem,
			    unsigned int online_cpus, struct zone_watermarks zones[MAX_NR_ZONES]);

/* Protection and per-CPU sizes alone, from a later count of managed pages (Linux recomputes them).
 */
void watermarks_refresh(const uint32_t managed_pages[MAX_NR_ZONES], unsigned int online_cpus,
			struct zone_watermarks zones[MAX_NR_ZONES]);

#endif

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

/* What a person may ask for, as vm.min_free_kbytes and vm.lowmem_reserve_ratio do in Linux. */
#define MIN_FREE_KBYTES_MOST 262144U

struct watermark_settings {
	uint32_t min_free_kbytes; /* 0: by the formula */
	/* A zone keeps one page back for every so many of the zones above; 0: none. */
	uint32_t lowmem_reserve_ratio[MAX_NR_ZONES];
};

#define WATERMARK_DEFAULTS                                                        \
	{                                                                         \
		.lowmem_reserve_ratio = { [ZONE_DMA] = 256, [ZONE_NORMAL] = 32 }, \
	}

/* Written by the parameters min_free_kbytes= and lowmem_reserve_ratio=, WATERMARK_DEFAULTS else. */
extern struct watermark_settings watermark_settings;

/*
 * managed_pages: what each zone manages when watermarks are set. movable_is_highmem: Movable was
 * cut from HighMem (then it counts as highmem for min_free_kbytes and min). Returns
 * min_free_kbytes, which is at most a quarter of what DMA and Normal manage. online_cpus is at
 * least 1.
 */
uint32_t watermarks_compute(const uint32_t managed_pages[MAX_NR_ZONES], bool movable_is_highmem,
			    unsigned int online_cpus, const struct watermark_settings *settings,
			    struct zone_watermarks zones[MAX_NR_ZONES]);

/* Protection and per-CPU sizes alone, from a later count of managed pages (Linux recomputes them).
 */
void watermarks_refresh(const uint32_t managed_pages[MAX_NR_ZONES], unsigned int online_cpus,
			const struct watermark_settings *settings,
			struct zone_watermarks zones[MAX_NR_ZONES]);

#endif

/* SPDX-License-Identifier: MIT */
/* Reach in terms of zones: which pages to ask for. */
#include "mm/dma/device.h"
#include "mm/phys/gfp.h"
#include "mm/phys/memblock.h"
#include "mm/phys/zone.h"

static bool reaches_zone(const struct dma_device *device, uint64_t mask, enum zone_type type)
{
	uint64_t start = PFN_PHYS(zones[type].span.start_pfn);

	return dma_reaches_ram(device, start, start + PFN_PHYS(zones[type].span.spanned_pages),
			       mask);
}

int dma_zone_for(const struct dma_device *device, uint64_t mask)
{
	static const int flags[] = {
		[ZONE_DMA] = (int)__GFP_DMA,
		[ZONE_NORMAL] = 0,
		[ZONE_HIGHMEM] = (int)__GFP_HIGHMEM,
	};
	int best = -1;

	for (enum zone_type type = ZONE_DMA; type <= ZONE_HIGHMEM; type++) {
		if (zones[type].span.present_pages == 0)
			continue;
		if (!reaches_zone(device, mask, type))
			break;
		best = flags[type];
	}
	return best;
}

bool dma_reach_range(const struct dma_device *device, uint64_t mask, uint64_t *first_phys,
		     uint64_t *end_phys)
{
	uint64_t best = UINT64_MAX, bus, phys, end;

	for (uint32_t i = 0; i < max_u64(device->window_count, 1); i++) {
		phys = memblock_start_of_DRAM();
		end = PFN_PHYS(zones_lowmem_end_pfn());
		if (!dma_window_part(device, i, mask, &phys, &end, &bus) || phys >= best)
			continue;
		best = *first_phys = phys;
		*end_phys = end;
	}
	return best != UINT64_MAX;
}

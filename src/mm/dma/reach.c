/* SPDX-License-Identifier: MIT */
/*
 * Reach as arithmetic on one device. Ends are inclusive in here: a window may end at 2^64.
 */
#include "mm/dma/device.h"

#include "mm/phys/gfp.h"
#include "mm/phys/memblock.h"
#include "mm/phys/zone.h"

/* A device without windows has one: everything, shown as it is. */
static bool window_of(const struct dma_device *device, uint32_t number,
		      struct dma_reach_window *window)
{
	if (device->cut_off)
		return false;
	if (device->window_count == 0 && number == 0) {
		*window = (struct dma_reach_window){ .bytes = UINT64_MAX };
		return true;
	}
	if (number >= device->window_count)
		return false;
	*window = device->windows[number];
	return window->bytes != 0;
}

/* The highest bus address that mask and dma_limit= leave. */
static uint64_t last_bus_of(const struct dma_device *device, uint64_t mask)
{
	return min_u64(mask, device->limit_last_bus);
}

bool dma_bus_of_phys(const struct dma_device *device, uint64_t phys, uint64_t *bus)
{
	struct dma_reach_window window;

	for (uint32_t i = 0; window_of(device, i, &window); i++)
		if (phys - window.phys < window.bytes) {
			*bus = window.bus + (phys - window.phys);
			return true;
		}
	return false;
}

bool dma_phys_of_bus(const struct dma_device *device, uint64_t bus, uint64_t *phys)
{
	struct dma_reach_window window;

	for (uint32_t i = 0; window_of(device, i, &window); i++)
		if (bus - window.bus < window.bytes) {
			*phys = window.phys + (bus - window.bus);
			return true;
		}
	return false;
}

/* The last CPU address of the window, from phys up, that shows phys at bus. False: none does. */
static bool show_at(const struct dma_device *device, uint64_t phys, uint64_t bus, uint64_t *last)
{
	struct dma_reach_window window;

	for (uint32_t i = 0; window_of(device, i, &window); i++) {
		uint64_t offset = phys - window.phys;

		if (offset < window.bytes && window.bus + offset == bus) {
			*last = window.phys + (window.bytes - 1);
			return true;
		}
	}
	return false;
}

/* Whether [phys, last] is shown from bus on without a break: by this window, or others that go on. */
static bool is_shown(const struct dma_device *device, uint64_t phys, uint64_t last, uint64_t bus)
{
	uint64_t end;

	while (show_at(device, phys, bus, &end)) {
		if (end >= last)
			return true;
		bus += end - phys + 1;
		phys = end + 1;
	}
	return false;
}

bool dma_reaches(const struct dma_device *device, uint64_t phys, uint64_t bytes, uint64_t mask,
		 uint64_t *bus)
{
	uint64_t most = last_bus_of(device, mask), last = phys + (bytes - 1);
	struct dma_reach_window window;

	if (bytes == 0 || last < phys)
		return false;
	for (uint32_t i = 0; window_of(device, i, &window); i++) {
		uint64_t start = window.bus + (phys - window.phys);

		if (phys - window.phys >= window.bytes || start < device->limit_first_bus ||
		    start > most || bytes - 1 > most - start)
			continue;
		if (is_shown(device, phys, last, start)) {
			*bus = start;
			return true;
		}
	}
	return false;
}

bool dma_window_part(const struct dma_device *device, uint32_t number, uint64_t mask,
		     uint64_t *phys, uint64_t *end, uint64_t *bus)
{
	uint64_t most = last_bus_of(device, mask), first, last;
	struct dma_reach_window window;

	if (*end <= *phys || !window_of(device, number, &window))
		return false;
	first = max_u64(window.bus, device->limit_first_bus);
	last = min_u64(window.bus + (window.bytes - 1), most);
	if (first > last)
		return false;
	*bus = first;
	first = window.phys + (first - window.bus);
	last = window.phys + (last - window.bus);
	if (first < *phys) {
		*bus += *phys - first;
		first = *phys;
	}
	last = min_u64(last, *end - 1);
	if (first > last)
		return false;
	*phys = first;
	*end = last + 1;
	return true;
}

/* --- zones ----------------------------------------------------------------------------------- */

/*
 * Every piece of RAM in the zone in one piece, since a block of pages may lie anywhere in it: holes
 * between banks need not be reached.
 */
static bool reaches_zone(const struct dma_device *device, uint64_t mask, enum zone_type type)
{
	uint64_t start = PFN_PHYS(zones[type].span.start_pfn);
	uint64_t end = start + PFN_PHYS(zones[type].span.spanned_pages);
	struct memblock_region *region;

	for_each_mem_region(region) {
		uint64_t from = max_u64(start, region->base);
		uint64_t to = min_u64(end, (uint64_t)region->base + region->size);
		uint64_t bus;

		if (from < to && !memblock_is_nomap(region) &&
		    !dma_reaches(device, from, to - from, mask, &bus))
			return false;
	}
	return true;
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

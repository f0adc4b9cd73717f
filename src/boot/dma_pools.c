/* SPDX-License-Identifier: MIT */
#include "boot/dma_pools.h"

#include <inttypes.h>
#include <stdio.h>

#include "boot/blob.h"
#include "boot/dma_tree.h"
#include "kern/log.h"
#include "mm/dma/bounce.h"
#include "mm/dma/options.h"
#include "mm/phys/memblock.h"

#define POOL_SHARE \
	64U /* of what is reached; Linux's pool is a fixed 64 MiB, too much for a small board */

struct range {
	uint64_t start, end;
};

/* --- sizes ----------------------------------------------------------------------------------- */

/* In all, and the most in one piece of whole pages. */
static void find_free(const struct range *range, uint64_t *bytes, uint64_t *largest)
{
	phys_addr_t base, end;
	uint64_t i;

	*bytes = *largest = 0;
	for_each_free_mem_range(i, NUMA_NO_NODE, MEMBLOCK_NONE, &base, &end, NULL) {
		uint64_t from = ALIGN_UP(max_u64(base, range->start), PAGE_SIZE);
		uint64_t to = ALIGN_DOWN(min_u64(end, range->end), PAGE_SIZE);

		if (from >= to)
			continue;
		*bytes += to - from;
		*largest = max_u64(*largest, to - from);
	}
}

static uint64_t clamp(uint64_t bytes)
{
	bytes = min_u64(max_u64(bytes, BOUNCE_POOL_LEAST), BOUNCE_POOL_MOST);
	return ALIGN_DOWN(bytes, PAGE_SIZE);
}

/* The boot needs memory there as well. */
static uint64_t leave_half(const struct range *range, uint64_t bytes, const char *name)
{
	uint64_t most, largest;

	find_free(range, &most, &largest);
	most = min_u64(ALIGN_DOWN(most / 2, PAGE_SIZE), largest);
	if (bytes > most && dma_options.swiotlb_given)
		pr_warn("swiotlb=: more than half of what is free for %s, or than its largest "
			"piece: lowered to %" PRIu64 " KiB\n",
			name, most >> 10);
	return min_u64(bytes, most);
}

/* --- placing --------------------------------------------------------------------------------- */

/* Where blocks of pages would be split: none more than needs be. */
static phys_addr_t find_place(const struct range *range, uint64_t bytes)
{
	uint64_t alignment = BOUNCE_POOL_MOST;
	phys_addr_t place;

	while (alignment > bytes && alignment > PAGE_SIZE)
		alignment /= 2;
	place = memblock_phys_alloc_range((phys_addr_t)bytes, (phys_addr_t)alignment,
					  (phys_addr_t)range->start, (phys_addr_t)range->end);
	if (place == 0)
		place = memblock_phys_alloc_range((phys_addr_t)bytes, PAGE_SIZE,
						  (phys_addr_t)range->start,
						  (phys_addr_t)range->end);
	return place;
}

static void add_pool(struct boot_plan *plan, const char *name, const struct range *range,
		     uint64_t bytes)
{
	struct boot_pool *pool = &plan->pools[plan->pool_count];

	bytes = leave_half(range, bytes, name);
	if (bytes == 0) {
		pr_warn("no DMA bounce pool for %s: too little is free in [mem %#" PRIx64
			"-%#" PRIx64 "]\n",
			name, range->start, range->end - 1);
		return;
	}
	if (plan->pool_count < BOOT_POOLS_MAX)
		pool->base = find_place(range, bytes);
	if (plan->pool_count == BOOT_POOLS_MAX || pool->base == 0) {
		pr_warn("DMA bounce pool of %" PRIu64 " KiB for %s: no room in [mem %#" PRIx64
			"-%#" PRIx64 "]; see swiotlb=\n",
			bytes >> 10, name, range->start, range->end - 1);
		return;
	}
	pool->bytes = bytes;
	snprintf(pool->name, sizeof(pool->name), "%s", name);
	plan->pool_count++;
	pr_info("DMA bounce pool: %" PRIu64 " KiB at %#" PRIx64 " for %s\n", bytes >> 10,
		pool->base, name);
}

/* --- whose ----------------------------------------------------------------------------------- */

/* For all that reach the start of RAM: in ZONE_DMA, and no further than the shortest reach. */
static void plan_common(struct boot_plan *plan)
{
	const struct zone_span *dma = &plan->layout.zones[ZONE_DMA];
	struct range range = { plan->ram_base, plan->layout.lowmem_end };
	uint64_t zone_bytes = PFN_PHYS(dma->spanned_pages);
	uint64_t bytes = zone_bytes != 0 ? clamp(zone_bytes / POOL_SHARE) : 0;

	if (dma_options.swiotlb_given)
		bytes = dma_options.swiotlb_bytes;
	if (zone_bytes != 0)
		range.end = min_u64(range.end, plan->ram_base + zone_bytes);
	if (plan->dma.reach.bytes != DMA_LIMIT_NONE)
		range.end = min_u64(range.end, plan->ram_base + plan->dma.reach.bytes);
	range.end = ALIGN_DOWN(range.end, PAGE_SIZE);
	if (bytes != 0 && range.start < range.end)
		add_pool(plan, "swiotlb", &range, bytes);
}

static bool has_pool(const struct boot_plan *plan, const struct dma_device *device)
{
	uint64_t bus;

	for (unsigned int i = 0; i < plan->pool_count; i++)
		if (dma_reaches(device, plan->pools[i].base, plan->pools[i].bytes,
				dma_streaming_mask(device), &bus))
			return true;
	return false;
}

/* The largest piece of RAM that one of the windows shows, and how much RAM all of them do. */
static bool find_reached(const struct dma_device *device, struct range *best, uint64_t *bytes)
{
	struct memblock_region *region;
	uint64_t bus;

	*best = (struct range){ 0, 0 };
	*bytes = 0;
	for_each_mem_region(region) {
		for (uint32_t i = 0; i < max_u64(device->window_count, 1); i++) {
			struct range part = { region->base, (uint64_t)region->base + region->size };

			if (!dma_window_part(device, i, dma_streaming_mask(device), &part.start,
					     &part.end, &bus))
				continue;
			*bytes += part.end - part.start;
			if (part.end - part.start > best->end - best->start)
				*best = part;
		}
	}
	best->start = ALIGN_UP(best->start, PAGE_SIZE);
	best->end = ALIGN_DOWN(best->end, PAGE_SIZE);
	return best->start < best->end;
}

/* For whoever reaches none of the pools so far. */
static void plan_own(struct boot_plan *plan, const struct dma_device *device)
{
	struct range range;
	uint64_t bytes;

	if ((dma_options.swiotlb_given && dma_options.swiotlb_bytes == 0) ||
	    has_pool(plan, device) || !find_reached(device, &range, &bytes))
		return;
	add_pool(plan, device->name, &range,
		 dma_options.swiotlb_given ? dma_options.swiotlb_bytes : clamp(bytes / POOL_SHARE));
}

void dma_pools_plan(const struct boot_tree *tree, const void *blob, struct boot_plan *plan)
{
	const struct dma_limit *dma = &plan->dma;
	struct dma_device device;

	plan->pool_count = 0;
	plan_common(plan);
	/* Windows that leave out the start of RAM, or some of it in between. */
	for (unsigned int i = 0; i < tree->window_count; i++) {
		uint32_t node = tree->windows[i].node;

		if (i > 0 && node == tree->windows[i - 1].node)
			continue;
		dma_device_init(&device, "");
		dma_tree_windows(tree, blob, node, &device);
		if (dma_reaches_ram(&device, 0, UINT64_MAX, dma_streaming_mask(&device)))
			continue;
		device.name = blob_node_path(blob, node); /* which looks through the whole tree */
		plan_own(plan, &device);
	}
	for (unsigned int i = 0; i < dma->missing_device_count; i++)
		if (dma_tree_named(tree, blob, dma->missing_devices[i], plan->ram_base, &device))
			plan_own(plan, &device);
}

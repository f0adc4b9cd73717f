/* SPDX-License-Identifier: MIT */
#include "mm/phys/zone.h"

#include "mm/phys/memblock.h"

static struct zone_span spans[MAX_NR_ZONES];
static uint32_t managed_pages[MAX_NR_ZONES];
static struct zone_watermarks marks[MAX_NR_ZONES];
static uint32_t min_free_kbytes;

static uint32_t overlap_pages(const struct zone_span *span, uint32_t start_pfn, uint32_t end_pfn)
{
	uint32_t span_end = span->start_pfn + span->spanned_pages;
	uint32_t from = start_pfn > span->start_pfn ? start_pfn : span->start_pfn;
	uint32_t to = end_pfn < span_end ? end_pfn : span_end;

	return to > from ? to - from : 0;
}

/* Whole pages that memblock has free, zone by zone. */
static void count_free(uint32_t free_pages[MAX_NR_ZONES])
{
	phys_addr_t start, end;
	uint64_t i;

	for (enum zone_type zone = 0; zone < MAX_NR_ZONES; zone++)
		free_pages[zone] = 0;
	for_each_free_mem_range(i, NUMA_NO_NODE, MEMBLOCK_NONE, &start, &end, NULL) {
		uint32_t from = PFN_UP(start), to = PFN_DOWN(end);

		for (enum zone_type zone = 0; zone < MAX_NR_ZONES && from < to; zone++)
			free_pages[zone] += overlap_pages(&spans[zone], from, to);
	}
}

void zones_init(const struct zone_layout *layout)
{
	for (enum zone_type zone = 0; zone < MAX_NR_ZONES; zone++)
		spans[zone] = layout->zones[zone];
	count_free(managed_pages);
	min_free_kbytes =
		watermarks_compute(managed_pages, layout->movable_zone == ZONE_HIGHMEM, 1, marks);
}

void zone_snapshot(enum zone_type zone, struct zone_snapshot *snapshot)
{
	uint32_t free_pages[MAX_NR_ZONES];

	count_free(free_pages);
	snapshot->name = zone_names[zone];
	snapshot->span = spans[zone];
	snapshot->managed_pages = managed_pages[zone];
	snapshot->free_pages = free_pages[zone];
	snapshot->marks = marks[zone];
}

uint32_t zones_min_free_kbytes(void)
{
	return min_free_kbytes;
}

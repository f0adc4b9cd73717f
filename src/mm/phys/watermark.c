/* SPDX-License-Identifier: MIT */
/*
 * Watermarks, lowmem protection and per-CPU list sizes.
 *
 * Integer arithmetic throughout, rounding down where Linux rounds down, so that every figure can
 * be compared. min_free_kbytes grows with the root of the memory that plain kernel requests can
 * use; the zones share it by size; the distances to low and high are a quarter of a zone's share,
 * or a thousandth of the zone where that is more.
 */
#include "mm/phys/watermark.h"

#include "lib/bits.h"

#define MIN_FREE_KBYTES_LEAST 128U

/* min of a zone made of highmem: the kernel itself never needs it, so a token amount will do. */
#define HIGHMEM_MIN_LEAST 32U
#define HIGHMEM_MIN_MOST  128U

/* A magazine refill moves at most a quarter of this many pages (1 MiB). */
#define BATCH_BASIS_MOST 256U

static uint32_t clamp_u32(uint32_t value, uint32_t least, uint32_t most)
{
	if (value < least)
		return least;
	return value < most ? value : most;
}

/* The largest root with root * root <= square, a bit at a time from the top. */
static uint32_t integer_sqrt(uint64_t square)
{
	uint64_t root = 0;

	for (uint64_t bit = (uint64_t)1 << 31; bit; bit >>= 1) {
		if ((root + bit) * (root + bit) <= square)
			root += bit;
	}
	return (uint32_t)root;
}

/* Plain kernel requests never use Movable, not even one made of lowmem. */
static uint32_t decide_min_free_kbytes(const uint32_t managed_pages[MAX_NR_ZONES],
				       uint32_t asked_kbytes)
{
	uint64_t kernel_pages = (uint64_t)managed_pages[ZONE_DMA] + managed_pages[ZONE_NORMAL];

	/* More than a quarter would leave little but reserves; Linux lets that happen. */
	if (asked_kbytes != 0)
		return (uint32_t)min_u64(asked_kbytes, kernel_pages);
	return clamp_u32(integer_sqrt(64 * kernel_pages), MIN_FREE_KBYTES_LEAST,
			 MIN_FREE_KBYTES_MOST);
}

static bool is_highmem(enum zone_type zone, bool movable_is_highmem)
{
	return zone == ZONE_HIGHMEM || (zone == ZONE_MOVABLE && movable_is_highmem);
}

static uint64_t count_lowmem_pages(const uint32_t managed_pages[MAX_NR_ZONES],
				   bool movable_is_highmem)
{
	uint64_t pages = 0;

	for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++) {
		if (!is_highmem(zone, movable_is_highmem))
			pages += managed_pages[zone];
	}
	return pages;
}

/* A zone's part of all minimum pages. Highmem's is reckoned too: its distances come from it. */
static uint32_t share_pages(uint32_t pages_min, uint32_t managed_pages, uint64_t lowmem_pages)
{
	if (lowmem_pages == 0)
		return 0;
	return (uint32_t)((uint64_t)pages_min * managed_pages / lowmem_pages);
}

static void set_marks(struct zone_watermarks *zone, uint32_t managed_pages, uint32_t share,
		      bool highmem)
{
	uint32_t distance_pages = max_u32(share / 4, managed_pages / 1000);

	zone->min_pages = share;
	if (highmem)
		zone->min_pages =
			clamp_u32(managed_pages / 1024, HIGHMEM_MIN_LEAST, HIGHMEM_MIN_MOST);
	zone->low_pages = zone->min_pages + distance_pages;
	zone->high_pages = zone->low_pages + distance_pages;
}

static void set_protection(const uint32_t managed_pages[MAX_NR_ZONES], enum zone_type zone,
			   uint32_t ratio, uint32_t protection[MAX_NR_ZONES])
{
	uint32_t above_pages = 0;

	for (unsigned int other = 0; other < MAX_NR_ZONES; other++) {
		if (other > zone)
			above_pages += managed_pages[other];
		protection[other] = ratio && managed_pages[zone] ? above_pages / ratio : 0;
	}
}

static uint32_t round_down_power_of_two(uint32_t value)
{
	return 1U << (31 - __builtin_clz(value));
}

static uint32_t decide_batch_pages(uint32_t managed_pages)
{
	uint32_t basis_pages = clamp_u32(managed_pages / 1024, 4, BATCH_BASIS_MOST) / 4;

	return max_u32(round_down_power_of_two(basis_pages + basis_pages / 2) - 1, 1);
}

/* A full set of per-CPU lists must not pull a zone below its low mark by itself. */
static void set_pcp(struct zone_watermarks *zone, uint32_t managed_pages, unsigned int online_cpus)
{
	zone->pcp_batch_pages = decide_batch_pages(managed_pages);
	zone->pcp_high_pages = max_u32(zone->low_pages / online_cpus, 4 * zone->pcp_batch_pages);
}

void watermarks_refresh(const uint32_t managed_pages[MAX_NR_ZONES], unsigned int online_cpus,
			const struct watermark_settings *settings,
			struct zone_watermarks zones[MAX_NR_ZONES])
{
	for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++) {
		set_protection(managed_pages, zone, settings->lowmem_reserve_ratio[zone],
			       zones[zone].protection);
		set_pcp(&zones[zone], managed_pages[zone], online_cpus);
	}
}

uint32_t watermarks_compute(const uint32_t managed_pages[MAX_NR_ZONES], bool movable_is_highmem,
			    unsigned int online_cpus, const struct watermark_settings *settings,
			    struct zone_watermarks zones[MAX_NR_ZONES])
{
	uint32_t min_free_kbytes = decide_min_free_kbytes(managed_pages, settings->min_free_kbytes);
	uint32_t pages_min = min_free_kbytes / (PAGE_SIZE / 1024);
	uint64_t lowmem_pages = count_lowmem_pages(managed_pages, movable_is_highmem);

	for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++) {
		uint32_t share = share_pages(pages_min, managed_pages[zone], lowmem_pages);

		set_marks(&zones[zone], managed_pages[zone], share,
			  is_highmem(zone, movable_is_highmem));
	}
	watermarks_refresh(managed_pages, online_cpus, settings, zones);
	return min_free_kbytes;
}

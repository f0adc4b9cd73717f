/* SPDX-License-Identifier: MIT */
#include "boot/mem_param.h"

#include <inttypes.h>

#include "kern/log.h"
#include "kern/param.h"
#include "lib/size.h"
#include "mm/phys/memblock.h"

#define MEM_RANGES_MAX 16

/* [base, end) of one mem=; without a start it is filled in when the RAM base is known. */
struct mem_range {
	uint64_t base;
	uint64_t end; /* the size until then */
	bool has_start;
};

static struct mem_range ranges[MEM_RANGES_MAX];
static unsigned int range_count;

static const char *parse_mem(const char *value)
{
	const char *text = value;
	struct mem_range range = { 0 };

	if (value == NULL || !parse_size(&text, &range.end) || range.end == 0)
		return "expects SIZE or SIZE@START such as 512M or 256M@0x60000000";
	if (*text == '@') {
		text++;
		range.has_start = true;
		if (!parse_size(&text, &range.base))
			return "expects an address after the @, such as 256M@0x60000000";
	}
	if (*text != '\0')
		return "has something behind the size; write SIZE or SIZE@START";
	if (range.base + range.end < range.base)
		return "reaches beyond 64 bits; make it smaller";
	if (range_count == MEM_RANGES_MAX)
		return "is the 17th mem=; 16 ranges are the limit";
	ranges[range_count++] = range;
	return NULL;
}

BOOT_PARAM(mem, parse_mem, "SIZE[@START]",
	   "use only this RAM; may be given several times, START defaults to the RAM base");

void mem_param_reset(void)
{
	range_count = 0;
}

/* Base up, size down to pages, as the tree's banks. */
static void place_ranges(struct mem_range *placed, uint64_t ram_base)
{
	for (unsigned int i = 0; i < range_count; i++) {
		uint64_t base = ranges[i].has_start ? ranges[i].base : ram_base;
		uint64_t end = base + ranges[i].end;

		if (end < base)
			end = UINT64_MAX;
		placed[i].base = ALIGN_UP(min_u64(base, UINT64_MAX - PAGE_SIZE), PAGE_SIZE);
		placed[i].end = ALIGN_DOWN(end, PAGE_SIZE);
	}
}

static void sort_ranges(struct mem_range *placed)
{
	for (unsigned int i = 1; i < range_count; i++)
		for (unsigned int j = i; j > 0 && placed[j].base < placed[j - 1].base; j--) {
			struct mem_range swapped = placed[j];

			placed[j] = placed[j - 1];
			placed[j - 1] = swapped;
		}
}

/* Where the union of the sorted ranges, followed from `base`, first has a hole. */
static uint64_t covered_to(const struct mem_range *placed, uint64_t base)
{
	for (unsigned int i = 0; i < range_count; i++)
		if (placed[i].base <= base && placed[i].end > base)
			base = placed[i].end;
	return base;
}

static void remove_between(uint64_t base, uint64_t end)
{
	end = min_u64(end, SZ_4G - 1);
	if (base < end)
		memblock_remove((phys_addr_t)base, (phys_addr_t)(end - base));
}

/* Say how much of what was asked for is not there. */
static void report_clipped(const struct mem_range *placed)
{
	for (unsigned int i = 0; i < range_count; i++) {
		uint64_t base = placed[i].base, end = placed[i].end;

		if (base < end &&
		    (end > SZ_4G ||
		     !memblock_is_region_memory((phys_addr_t)base, (phys_addr_t)(end - base))))
			pr_warn("mem=: %#" PRIx64 "-%#" PRIx64
				" is not all RAM: only what the device tree lists is used\n",
				base, end - 1);
	}
}

void mem_param_apply(const struct early_range *image, uint64_t ram_base)
{
	struct mem_range placed[MEM_RANGES_MAX];
	uint64_t kept_to = 0;

	if (range_count == 0)
		return;
	place_ranges(placed, ram_base);
	sort_ranges(placed);
	if (covered_to(placed, image->base) < image->base + image->size) {
		pr_warn("mem= leaves out the running image at %#" PRIx64 "-%#" PRIx64
			": refused, all RAM is used; include it\n",
			image->base, image->base + image->size - 1);
		return;
	}
	report_clipped(placed);
	for (unsigned int i = 0; i < range_count; i++) {
		remove_between(kept_to, placed[i].base);
		kept_to = max_u64(kept_to, placed[i].end);
	}
	remove_between(kept_to, SZ_4G);
}

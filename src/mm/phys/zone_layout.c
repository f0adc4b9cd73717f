/* SPDX-License-Identifier: MIT */
/*
 * Which page frame belongs to which zone.
 *
 * Six decisions, each taken in one place from the answers before it:
 *
 *	vmalloc size ─▶ lost head ─▶ lowmem limit ─▶ lowmem end ─▶ zone limits ─▶ Movable start ─▶ zones
 *
 * Bytes are 64 bits wide until they have become page frame numbers: the vmalloc limit can lie
 * beyond 4 GiB. Only lowmem's end looks at which RAM is usable; everything after it counts pages,
 * and to those a no-map piece is RAM like any other.
 */
#include "mm/phys/zone_layout.h"

#include "lib/bits.h"
#include "mm/phys/page.h"

const char *const zone_names[MAX_NR_ZONES] = { "DMA", "Normal", "HighMem", "Movable" };

/* ---- the vmalloc area and where lowmem must end at the latest ---- */

static void decide_vmalloc(const struct zone_layout_input *input, struct zone_layout *layout)
{
	uint64_t most = VMALLOC_END - input->page_offset - LOWMEM_MIN_BYTES - VMALLOC_GAP_BYTES;

	layout->vmalloc_bytes = input->vmalloc_bytes;
	layout->vmalloc_outcome = VMALLOC_AS_ASKED;
	if (input->vmalloc_bytes < VMALLOC_MIN_BYTES) {
		layout->vmalloc_bytes = VMALLOC_MIN_BYTES;
		layout->vmalloc_outcome = VMALLOC_RAISED;
	} else if (input->vmalloc_bytes > most) {
		layout->vmalloc_bytes = most;
		layout->vmalloc_outcome = VMALLOC_LOWERED;
	}
	layout->vmalloc_limit = VMALLOC_END - layout->vmalloc_bytes - VMALLOC_GAP_BYTES -
				input->page_offset + input->ram_base;
}

/* ---- usable RAM ---- */

/*
 * The part of a range that is usable RAM at or above floor; false when there is none. floor is the
 * end of the lost head: nothing below it is usable.
 */
static bool usable_part(const struct layout_range *range, uint64_t floor, uint64_t *base,
			uint64_t *end)
{
	*base = max_u64(range->base, floor);
	*end = range->end;
	return !range->no_map && *base < *end;
}

/* Where usable RAM at or above floor begins; UINT64_MAX when there is none. */
static uint64_t first_usable(const struct zone_layout_input *input, uint64_t floor)
{
	uint64_t base, end;

	for (unsigned int i = 0; i < input->range_count; i++) {
		if (usable_part(&input->ranges[i], floor, &base, &end))
			return base;
	}
	return UINT64_MAX;
}

/* Where RAM that begins below limit ends, limit at most: what a lost head can really cover. */
static uint64_t ram_end_below(const struct zone_layout_input *input, uint64_t limit)
{
	uint64_t end = 0;

	for (unsigned int i = 0; i < input->range_count; i++) {
		if (input->ranges[i].base < limit)
			end = min_u64(input->ranges[i].end, limit);
	}
	return end;
}

/*
 * Linux looks twice for a first piece that does not begin on 2 MiB, each time losing its start up
 * to the next 2 MiB: once before it knows of no-map pieces, once after. Both looks matter: a first
 * bank that lies wholly inside the first lost head exposes the start of the second bank.
 */
static void decide_lost_head(const struct zone_layout_input *input, struct zone_layout *layout)
{
	/* Whole pages: the layout and memblock must agree on a page that is no-map in part. */
	uint64_t head_base = ALIGN_UP(first_usable(input, 0), PAGE_SIZE);
	uint64_t head_end = ALIGN_UP(input->ranges[0].base, SZ_2M);
	uint64_t second_base = first_usable(input, head_end);

	if (second_base != UINT64_MAX && !IS_ALIGNED(second_base, SZ_2M))
		head_end = ALIGN_UP(second_base, SZ_2M);
	head_end = ram_end_below(input, head_end);
	if (head_base < head_end) {
		layout->lost_head_base = head_base;
		layout->lost_head_size = head_end - head_base;
	}
}

/* ---- the end of lowmem ---- */

static uint64_t ram_end(const struct zone_layout_input *input)
{
	return input->ranges[input->range_count - 1].end;
}

/* Below it nothing is usable. */
static uint64_t lost_end(const struct zone_layout *layout)
{
	return layout->lost_head_base + layout->lost_head_size;
}

/* The highest end, cut to the limit, of usable RAM that begins below that limit. */
static uint64_t find_lowmem_end(const struct zone_layout_input *input,
				const struct zone_layout *layout, uint64_t limit)
{
	uint64_t lowmem_end = input->ram_base;
	uint64_t base, end;

	for (unsigned int i = 0; i < input->range_count; i++) {
		if (usable_part(&input->ranges[i], lost_end(layout), &base, &end) && base < limit)
			lowmem_end = max_u64(lowmem_end, min_u64(end, limit));
	}
	return lowmem_end;
}

/* Struct pages of every 4 MiB that touches RAM, no-map or not. */
static uint64_t struct_page_bytes(const struct zone_layout_input *input)
{
	uint64_t units = 0, done = 0; /* units below `done` are counted */

	for (unsigned int i = 0; i < input->range_count; i++) {
		uint64_t first = PFN_DOWN(input->ranges[i].base) / VMEMMAP_UNIT_PAGES;
		uint64_t end = PFN_DOWN(input->ranges[i].end - 1) / VMEMMAP_UNIT_PAGES + 1;

		first = max_u64(first, done);
		if (first < end) {
			units += end - first;
			done = end;
		}
	}
	return units * VMEMMAP_UNIT_PAGES * sizeof(struct page);
}

/*
 * Second-level tables, 1 KiB each: one for each megabyte of the vmemmap, and two for each piece of
 * RAM, which can begin and end inside a megabyte of the linear map.
 */
static uint64_t page_table_bytes(const struct zone_layout_input *input)
{
	return (SZ_16M / SZ_1M + 2ULL * input->range_count) * SZ_1K;
}

/*
 * Where lowmem may end at the earliest: as much RAM as the boot needs lies free between the image and
 * there, in whole blocks of the largest order: of crumbs between reservations nobody could have one.
 * UINT64_MAX: there is not so much RAM.
 */
static uint64_t find_least_lowmem_end(const struct zone_layout_input *input,
				      const struct zone_layout *layout)
{
	uint64_t need = struct_page_bytes(input) + page_table_bytes(input) + LOWMEM_WORK_BYTES;
	uint64_t floor = max_u64(lost_end(layout), input->ram_base + LOWMEM_IMAGE_BYTES);
	uint64_t block = PFN_PHYS(PAGEBLOCK_PAGES), left = ALIGN_UP(need, block);

	for (unsigned int i = 0; i < input->free_count; i++) {
		uint64_t base = ALIGN_UP(max_u64(input->free_ranges[i].base, floor), block);
		uint64_t end = ALIGN_DOWN(input->free_ranges[i].end, block);

		if (base >= end)
			continue;
		if (left <= end - base)
			return base + left;
		left -= end - base;
	}
	return UINT64_MAX;
}

/* What lowmem= and highmem=all make of the vmalloc limit: never more, never less than is needed. */
static void decide_lowmem_limit(const struct zone_layout_input *input, struct zone_layout *layout)
{
	uint64_t most = find_lowmem_end(input, layout, layout->vmalloc_limit);
	uint64_t least = min_u64(find_least_lowmem_end(input, layout), most);
	uint64_t asked = least;

	if (input->lowmem.kind == LOWMEM_SIZE)
		asked = input->ram_base + min_u64(input->lowmem.bytes, UINT32_MAX);
	layout->lowmem_most_end = most;
	layout->lowmem_least_end = least;
	if (input->lowmem.kind == LOWMEM_MOST)
		return;
	if (asked >= most)
		layout->lowmem_outcome = LOWMEM_NO_EFFECT;
	else
		layout->lowmem_outcome = asked < least ? LOWMEM_RAISED : LOWMEM_AS_ASKED;
	if (max_u64(asked, least) < most)
		layout->lowmem_limit = max_u64(asked, least);
}

static bool no_map_begins_at(const struct zone_layout_input *input, uint64_t address)
{
	for (unsigned int i = 0; i < input->range_count; i++) {
		if (input->ranges[i].no_map && input->ranges[i].base == address)
			return true;
	}
	return false;
}

static enum layout_reason explain_lowmem_end(const struct zone_layout_input *input,
					     const struct zone_layout *layout)
{
	if (layout->lowmem_end == input->ram_base)
		return REASON_NOTHING;
	if (layout->lowmem_end == ram_end(input))
		return REASON_RAM_END;
	if (layout->lowmem_end == layout->vmalloc_limit)
		return REASON_VMALLOC_LIMIT;
	if (layout->lowmem_end == layout->lowmem_limit)
		return input->lowmem.kind == LOWMEM_LEAST || layout->lowmem_outcome == LOWMEM_RAISED
			       ? REASON_LOWMEM_LEAST
			       : REASON_LOWMEM_ASKED;
	return no_map_begins_at(input, layout->lowmem_end) ? REASON_NO_MAP : REASON_BANK_END;
}

/* The vmalloc area follows lowmem in the address space, after a gap. */
static void set_lowmem_end(const struct zone_layout_input *input, struct zone_layout *layout,
			   uint64_t lowmem_end)
{
	uint64_t linear_end = input->page_offset + (lowmem_end - input->ram_base);

	layout->lowmem_end = lowmem_end;
	layout->vmalloc_start =
		(uint32_t)ALIGN_DOWN(linear_end + VMALLOC_GAP_BYTES, VMALLOC_GAP_BYTES);
}

/* ---- the zones before Movable is cut out ---- */

/* Without a limit there is no DMA zone: its end lies at the RAM base. */
static uint32_t dma_end_pfn(const struct zone_layout_input *input, uint32_t lowmem_end_pfn)
{
	uint64_t lowmem_bytes = PFN_PHYS(lowmem_end_pfn) - input->ram_base;

	if (input->dma_limit_bytes == DMA_LIMIT_NONE)
		return PFN_DOWN(input->ram_base);
	if (input->dma_limit_bytes >= lowmem_bytes)
		return lowmem_end_pfn;
	return PFN_DOWN(input->ram_base + input->dma_limit_bytes);
}

/* Each zone begins where the one below ends, the first at the first page of RAM. */
static void decide_arch_limits(const struct zone_layout_input *input, struct zone_layout *layout)
{
	uint32_t lowmem_end_pfn = PFN_DOWN(layout->lowmem_end);
	uint32_t end_pfn[MAX_NR_ZONES] = {
		[ZONE_DMA] = dma_end_pfn(input, lowmem_end_pfn),
		[ZONE_NORMAL] = lowmem_end_pfn,
		[ZONE_HIGHMEM] = PFN_DOWN(ram_end(input)),
	};
	uint32_t start_pfn = PFN_UP(input->ranges[0].base);

	for (unsigned int zone = ZONE_DMA; zone < ZONE_MOVABLE; zone++) {
		layout->arch_start_pfn[zone] = start_pfn;
		layout->arch_end_pfn[zone] = max_u32(start_pfn, end_pfn[zone]);
		start_pfn = layout->arch_end_pfn[zone];
	}
}

static bool zone_is_empty(const struct zone_layout *layout, enum zone_type zone)
{
	return layout->arch_start_pfn[zone] == layout->arch_end_pfn[zone];
}

/* ---- ZONE_MOVABLE ---- */

/* Pages of RAM, no-map ones too, within [start_pfn, end_pfn). */
static uint32_t present_pages(const struct zone_layout_input *input, uint32_t start_pfn,
			      uint32_t end_pfn)
{
	uint32_t pages = 0;

	for (unsigned int i = 0; i < input->range_count; i++) {
		uint32_t from = max_u32(PFN_UP(input->ranges[i].base), start_pfn);
		uint32_t to = min_u32(PFN_DOWN(input->ranges[i].end), end_pfn);

		if (from < to)
			pages += to - from;
	}
	return pages;
}

/*
 * What kernelcore= or movablecore= comes to, rounded down to whole pages and cut at total: beyond
 * that nothing changes any more. A product of total and 100 stays far below 2^32.
 */
static uint32_t core_size_pages(const struct core_size *size, uint32_t total_pages)
{
	if (size->kind == CORE_SIZE_PERCENT)
		return total_pages * (uint32_t)min_u64(size->value, 100) / 100;
	if (size->kind == CORE_SIZE_BYTES)
		return (uint32_t)min_u64(size->value >> PAGE_SHIFT, total_pages);
	return 0;
}

/* How many pages stay out of Movable, and who said so. */
struct core_decision {
	enum movable_outcome outcome; /* MOVABLE_PLACED: worth a walk */
	uint32_t core_pages;
	enum layout_reason reason;
};

static bool is_asked(const struct core_size *size)
{
	return size->kind != CORE_SIZE_NONE;
}

/*
 * The larger share of the kernel wins when both are given. movablecore= is rounded up to whole
 * page blocks first; one that comes to no page at all counts as not given.
 */
static struct core_decision decide_core(const struct zone_layout_input *input, uint32_t total_pages)
{
	uint32_t core_pages = core_size_pages(&input->kernelcore, total_pages);
	uint32_t movable_pages = core_size_pages(&input->movablecore, total_pages);
	struct core_decision decision = { MOVABLE_PLACED, core_pages, REASON_KERNELCORE };

	if (movable_pages > 0) {
		movable_pages = min_u32(ALIGN_UP(movable_pages, PAGEBLOCK_PAGES), total_pages);
		if (total_pages - movable_pages > core_pages) {
			decision.core_pages = total_pages - movable_pages;
			decision.reason = REASON_MOVABLECORE;
		}
	}
	if (!is_asked(&input->kernelcore) && !is_asked(&input->movablecore))
		decision.outcome = MOVABLE_NOT_ASKED;
	else if (input->kernelcore.kind == CORE_SIZE_MIRROR)
		decision.outcome = MOVABLE_MIRROR;
	else if (decision.core_pages == 0)
		decision.outcome = movable_pages > 0 ? MOVABLE_CORE_ZERO : MOVABLE_ASKED_ZERO;
	else if (decision.core_pages >= total_pages)
		decision.outcome = MOVABLE_CORE_ALL;
	return decision;
}

/*
 * Walk RAM upward until core_pages are counted and return the page after the last counted one.
 * What lies below floor_pfn, the start of the zone to be cut, counts but cannot become Movable: if
 * it was enough already, the answer is the first page of RAM at or above floor_pfn. A count that
 * comes out exactly at the end of a range stays there, in front of the hole.
 */
static uint32_t find_core_end(const struct zone_layout_input *input, uint32_t core_pages,
			      uint32_t floor_pfn)
{
	uint32_t below_pages = present_pages(input, 0, floor_pfn);
	uint32_t left_pages = core_pages > below_pages ? core_pages - below_pages : 0;
	uint32_t core_end_pfn = floor_pfn;

	for (unsigned int i = 0; i < input->range_count; i++) {
		uint32_t from = max_u32(PFN_UP(input->ranges[i].base), floor_pfn);
		uint32_t to = PFN_DOWN(input->ranges[i].end);

		if (from >= to)
			continue;
		core_end_pfn = from + min_u32(left_pages, to - from);
		left_pages -= core_end_pfn - from;
		if (left_pages == 0)
			break;
	}
	return core_end_pfn;
}

/* The highest zone that holds anything; DMA when none does. */
static enum zone_type highest_zone(const struct zone_layout *layout)
{
	for (unsigned int zone = ZONE_HIGHMEM; zone > ZONE_DMA; zone--) {
		if (!zone_is_empty(layout, zone))
			return zone;
	}
	return ZONE_DMA;
}

/* Returns why Movable begins where it begins; REASON_NOTHING when there is none. */
static enum layout_reason decide_movable(const struct zone_layout_input *input,
					 struct zone_layout *layout)
{
	uint32_t total_pages = present_pages(input, 0, UINT32_MAX);
	struct core_decision core = decide_core(input, total_pages);
	uint32_t start_pfn;

	layout->movable_zone = highest_zone(layout);
	layout->movable_outcome = core.outcome;
	if (core.outcome != MOVABLE_PLACED)
		return REASON_NOTHING;
	start_pfn =
		find_core_end(input, core.core_pages, layout->arch_start_pfn[layout->movable_zone]);
	start_pfn = ALIGN_UP(start_pfn, PAGEBLOCK_PAGES);
	if (start_pfn >= layout->arch_end_pfn[layout->movable_zone]) {
		layout->movable_outcome = MOVABLE_PAST_END;
		return REASON_NOTHING;
	}
	layout->movable_start_pfn = start_pfn;
	return core.reason;
}

/* ---- the zones ---- */

static void set_zone(const struct zone_layout_input *input, struct zone_span *zone,
		     uint32_t start_pfn, uint32_t end_pfn)
{
	*zone = (struct zone_span){ 0 };
	if (start_pfn >= end_pfn)
		return;
	zone->start_pfn = start_pfn;
	zone->spanned_pages = end_pfn - start_pfn;
	zone->present_pages = present_pages(input, start_pfn, end_pfn);
}

static enum layout_reason explain_start(const struct zone_layout_input *input,
					const struct zone_layout *layout, enum zone_type zone)
{
	if (layout->arch_start_pfn[zone] == PFN_UP(input->ranges[0].base))
		return REASON_RAM_START;
	return zone == ZONE_HIGHMEM ? REASON_LOWMEM_END : REASON_ZONE_BELOW;
}

static enum layout_reason explain_end(const struct zone_layout *layout, enum zone_type zone)
{
	if (zone == ZONE_HIGHMEM)
		return REASON_RAM_END;
	if (layout->arch_end_pfn[zone] < PFN_DOWN(layout->lowmem_end))
		return REASON_DMA_LIMIT;
	return layout->lowmem_reason;
}

static void decide_arch_zone(const struct zone_layout_input *input, struct zone_layout *layout,
			     enum zone_type zone)
{
	struct zone_span *span = &layout->zones[zone];
	uint32_t end_pfn = layout->arch_end_pfn[zone];
	bool cut = layout->movable_start_pfn > 0 && layout->movable_start_pfn < end_pfn;

	if (cut)
		end_pfn = layout->movable_start_pfn;
	set_zone(input, span, layout->arch_start_pfn[zone], end_pfn);
	if (span->spanned_pages == 0)
		return;
	span->start_reason = explain_start(input, layout, zone);
	span->end_reason = cut ? REASON_MOVABLE_START : explain_end(layout, zone);
}

static void decide_movable_zone(const struct zone_layout_input *input, struct zone_layout *layout,
				enum layout_reason start_reason)
{
	struct zone_span *span = &layout->zones[ZONE_MOVABLE];

	if (start_reason == REASON_NOTHING)
		return;
	set_zone(input, span, layout->movable_start_pfn,
		 layout->arch_end_pfn[layout->movable_zone]);
	span->start_reason = start_reason;
	span->end_reason = REASON_RAM_END;
}

static bool has_usable_ram(const struct zone_layout_input *input)
{
	return first_usable(input, 0) != UINT64_MAX;
}

void zone_layout_compute(const struct zone_layout_input *input, struct zone_layout *layout)
{
	enum layout_reason movable_reason;

	*layout = (struct zone_layout){ 0 };
	decide_vmalloc(input, layout);
	layout->lowmem_limit = layout->vmalloc_limit;
	layout->lowmem_most_end = layout->lowmem_least_end = input->ram_base;
	set_lowmem_end(input, layout, input->ram_base);
	if (!has_usable_ram(input))
		return;
	decide_lost_head(input, layout);
	decide_lowmem_limit(input, layout);
	set_lowmem_end(input, layout, find_lowmem_end(input, layout, layout->lowmem_limit));
	layout->lowmem_reason = explain_lowmem_end(input, layout);
	decide_arch_limits(input, layout);
	movable_reason = decide_movable(input, layout);
	for (unsigned int zone = ZONE_DMA; zone < ZONE_MOVABLE; zone++)
		decide_arch_zone(input, layout, zone);
	decide_movable_zone(input, layout, movable_reason);
}

/* SPDX-License-Identifier: MIT */
/*
 * memblock: see the header for what it promises.
 *
 * The idea: every change is first counted, then given room, then made. Room is the only thing that
 * can fail, and it is one search for memory, so there is nothing to undo. Places in the sorted
 * arrays are found by halving; a change moves the tail of an array once and merges only around the
 * place where it happened.
 */
#include "mm/phys/memblock.h"

#include <errno.h>
#include <string.h>

#include "arch/linear.h"

static struct memblock_region first_memory_regions[INIT_MEMBLOCK_REGIONS];
static struct memblock_region first_reserved_regions[INIT_MEMBLOCK_REGIONS];

struct memblock memblock = {
	.current_limit = MEMBLOCK_ALLOC_ANYWHERE,
	.memory = { .cnt = 1,
		    .max = INIT_MEMBLOCK_REGIONS,
		    .regions = first_memory_regions,
		    .name = "memory" },
	.reserved = { .cnt = 1,
		      .max = INIT_MEMBLOCK_REGIONS,
		      .regions = first_reserved_regions,
		      .name = "reserved" },
};

/* Weak, so that whoever has the boot argument (or the test) owns the variable. */
__attribute__((weak)) bool movable_node_enabled;
__attribute__((weak)) bool mirrored_kernelcore;

static bool can_resize;
static bool some_memory_is_mirrored;

/* [base, end) */
struct span {
	phys_addr_t base;
	phys_addr_t end;
};

static phys_addr_t lower(phys_addr_t a, phys_addr_t b)
{
	return a < b ? a : b;
}

static phys_addr_t higher(phys_addr_t a, phys_addr_t b)
{
	return a > b ? a : b;
}

static phys_addr_t region_end(const struct memblock_region *region)
{
	return region->base + region->size;
}

/* The range as both lists can hold it: cut where base + size would wrap. */
static struct span capped_span(phys_addr_t base, phys_addr_t size)
{
	return (struct span){ base, base + lower(size, PHYS_ADDR_MAX - base) };
}

/* cnt without the placeholder of an empty type. */
static unsigned long regions_used(const struct memblock_type *type)
{
	return type->regions[0].size ? type->cnt : 0;
}

/* Index of the first region that reaches above addr; regions_used() if none does. */
static unsigned long first_ending_above(const struct memblock_type *type, phys_addr_t addr)
{
	unsigned long low = 0;
	unsigned long high = regions_used(type);

	while (low < high) {
		unsigned long middle = (low + high) / 2;

		if (region_end(&type->regions[middle]) > addr)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static const struct memblock_region *region_at(const struct memblock_type *type, phys_addr_t addr)
{
	unsigned long index = first_ending_above(type, addr);

	if (index == regions_used(type) || type->regions[index].base > addr)
		return NULL;
	return &type->regions[index];
}

/*
 * --- Changing an array that has room ------------------------------------------------------------
 */

static void insert_region(struct memblock_type *type, unsigned long index,
			  const struct memblock_region *region)
{
	struct memblock_region *place = &type->regions[index];
	unsigned long used = regions_used(type);

	memmove(place + 1, place, (used - index) * sizeof(*place));
	*place = *region;
	type->cnt = used + 1;
	type->total_size += region->size;
}

/* Remove regions [first, last), whose bytes are already out of total_size. */
static void close_gap(struct memblock_type *type, unsigned long first, unsigned long last)
{
	memmove(&type->regions[first], &type->regions[last],
		(type->cnt - last) * sizeof(type->regions[0]));
	type->cnt -= last - first;
	if (!type->cnt) {
		type->cnt = 1;
		memset(&type->regions[0], 0, sizeof(type->regions[0]));
	}
}

static void delete_regions(struct memblock_type *type, unsigned long first, unsigned long last)
{
	if (first == last)
		return;
	for (unsigned long i = first; i < last; i++)
		type->total_size -= type->regions[i].size;
	close_gap(type, first, last);
}

static bool can_merge(const struct memblock_region *low, const struct memblock_region *high)
{
	return region_end(low) == high->base && low->flags == high->flags &&
	       memblock_get_region_node(low) == memblock_get_region_node(high);
}

/* Merge what has become alike after regions [first, last) changed, their neighbours included. */
static void merge_around(struct memblock_type *type, unsigned long first, unsigned long last)
{
	struct memblock_region *regions = type->regions;
	unsigned long kept = first ? first - 1 : 0;
	unsigned long end = last < regions_used(type) ? last + 1 : regions_used(type);
	unsigned long next = kept + 1;

	for (; next < end; next++) {
		if (can_merge(&regions[kept], &regions[next]))
			regions[kept].size += regions[next].size;
		else
			regions[++kept] = regions[next];
	}
	if (kept + 1 < next)
		close_gap(type, kept + 1, next);
}

static bool is_crossed(const struct memblock_type *type, phys_addr_t addr)
{
	const struct memblock_region *region = region_at(type, addr);

	return region && region->base < addr;
}

/* Make a region that crosses addr two regions. */
static void split_at(struct memblock_type *type, phys_addr_t addr)
{
	unsigned long index = first_ending_above(type, addr);
	struct memblock_region *high = &type->regions[index];
	struct memblock_region low;

	if (!is_crossed(type, addr))
		return;
	low = *high;
	low.size = addr - low.base;
	high->base = addr;
	high->size -= low.size;
	type->total_size -= low.size;
	insert_region(type, index, &low);
}

/* Walks the parts of a span that no region covers. */
struct hole_walk {
	struct span rest;    /* not looked at yet */
	unsigned long index; /* first region that can cover some of it */
	struct span hole;    /* what the last step found; it belongs in front of regions[index] */
};

static struct hole_walk holes_of(const struct memblock_type *type, struct span span)
{
	return (struct hole_walk){ .rest = span, .index = first_ending_above(type, span.base) };
}

static bool next_hole(const struct memblock_type *type, struct hole_walk *walk)
{
	while (walk->rest.base < walk->rest.end) {
		const struct memblock_region *region = &type->regions[walk->index];
		bool last = walk->index >= regions_used(type);

		if (!last && region->base <= walk->rest.base) {
			walk->rest.base = region_end(region);
			walk->index++;
			continue;
		}
		walk->hole.base = walk->rest.base;
		walk->hole.end = last ? walk->rest.end : lower(walk->rest.end, region->base);
		walk->rest.base = walk->hole.end;
		return true;
	}
	return false;
}

static unsigned long count_holes(const struct memblock_type *type, struct span span)
{
	struct hole_walk walk = holes_of(type, span);
	unsigned long holes = 0;

	while (next_hole(type, &walk))
		holes++;
	return holes;
}

static void fill_holes(struct memblock_type *type, struct span span, int nid,
		       enum memblock_flags flags)
{
	struct hole_walk walk = holes_of(type, span);
	unsigned long first = walk.index;

	while (next_hole(type, &walk)) {
		struct memblock_region region = {
			.base = walk.hole.base,
			.size = walk.hole.end - walk.hole.base,
			.flags = flags,
		};

		memblock_set_region_node(&region, nid);
		insert_region(type, walk.index++, &region);
	}
	merge_around(type, first, walk.index);
}

/* Remove the span; a region that reaches out of it on both sides has been split before. */
static void cut_out(struct memblock_type *type, struct span span)
{
	unsigned long first = first_ending_above(type, span.base);
	unsigned long used = regions_used(type);
	unsigned long last;

	if (first < used && type->regions[first].base < span.base) {
		struct memblock_region *region = &type->regions[first++];

		type->total_size -= region_end(region) - span.base;
		region->size = span.base - region->base;
	}
	last = first;
	while (last < used && region_end(&type->regions[last]) <= span.end)
		last++;
	if (last < used && type->regions[last].base < span.end) {
		struct memblock_region *region = &type->regions[last];
		phys_addr_t lost = span.end - region->base;

		type->total_size -= lost;
		region->base += lost;
		region->size -= lost;
	}
	delete_regions(type, first, last);
}

/*
 * --- Finding free memory ------------------------------------------------------------------------
 */

static bool is_hidden(const struct memblock_type *type, const struct memblock_region *region,
		      int nid, unsigned int flags)
{
	unsigned int only_if_named = MEMBLOCK_NOMAP | MEMBLOCK_DRIVER_MANAGED;

	if (!region->size)
		return true;
	if (type != &memblock.memory)
		return false;
	if (movable_node_enabled)
		only_if_named |= MEMBLOCK_HOTPLUG;
	if (region->flags & only_if_named & ~flags)
		return true;
	if (flags & MEMBLOCK_MIRROR & ~region->flags)
		return true;
	return nid != NUMA_NO_NODE && nid != MAX_NUMNODES &&
	       nid != memblock_get_region_node(region);
}

/* What lies below regions[index] of the type, and above the last one; no type: everything. */
static struct span gap_before(const struct memblock_type *type, unsigned long index)
{
	struct span gap = { 0, PHYS_ADDR_MAX };

	if (type && index > 0)
		gap.base = region_end(&type->regions[index - 1]);
	if (type && index < type->cnt)
		gap.end = type->regions[index].base;
	return gap;
}

static uint64_t pack_cursor(unsigned long index, unsigned long gap_index)
{
	return (uint64_t)gap_index << 32 | (uint32_t)index;
}

static void report_overlap(const struct memblock_region *region, struct span gap,
			   phys_addr_t *out_start, phys_addr_t *out_end, int *out_nid)
{
	if (out_start)
		*out_start = higher(region->base, gap.base);
	if (out_end)
		*out_end = lower(region_end(region), gap.end);
	if (out_nid)
		*out_nid = memblock_get_region_node(region);
}

uint64_t memblock_next_range(uint64_t cursor, int nid, enum memblock_flags flags,
			     const struct memblock_type *type_a, const struct memblock_type *type_b,
			     phys_addr_t *out_start, phys_addr_t *out_end, int *out_nid)
{
	uint32_t index = (uint32_t)cursor;
	uint32_t gap_index = (uint32_t)(cursor >> 32);

	while (index < type_a->cnt) {
		const struct memblock_region *region = &type_a->regions[index];
		struct span gap = gap_before(type_b, gap_index);

		if (is_hidden(type_a, region, nid, flags) || region_end(region) <= gap.base) {
			index++;
		} else if (gap.end <= higher(region->base, gap.base)) {
			gap_index++;
		} else {
			report_overlap(region, gap, out_start, out_end, out_nid);
			if (region_end(region) <= gap.end)
				return pack_cursor(index + 1, gap_index);
			return pack_cursor(index, gap_index + 1);
		}
	}
	return MEMBLOCK_WALK_END;
}

uint64_t memblock_next_range_rev(uint64_t cursor, int nid, enum memblock_flags flags,
				 const struct memblock_type *type_a,
				 const struct memblock_type *type_b, phys_addr_t *out_start,
				 phys_addr_t *out_end, int *out_nid)
{
	/* Counts how many regions are left: the next one to look at is regions[left - 1]. */
	uint32_t left = (uint32_t)cursor;
	uint32_t gap_index = (uint32_t)(cursor >> 32);

	if (cursor == MEMBLOCK_WALK_END) {
		left = (uint32_t)type_a->cnt;
		gap_index = type_b ? (uint32_t)type_b->cnt : 0;
	}
	while (left) {
		const struct memblock_region *region = &type_a->regions[left - 1];
		struct span gap = gap_before(type_b, gap_index);

		if (is_hidden(type_a, region, nid, flags) || gap.end <= region->base) {
			left--;
		} else if (lower(region_end(region), gap.end) <= gap.base) {
			gap_index--;
		} else {
			report_overlap(region, gap, out_start, out_end, out_nid);
			if (gap.base <= region->base)
				return pack_cursor(left - 1, gap_index);
			return pack_cursor(left, gap_index - 1);
		}
	}
	return MEMBLOCK_WALK_END;
}

void __next_mem_pfn_range(int *idx, int nid, unsigned long *out_start_pfn,
			  unsigned long *out_end_pfn, int *out_nid)
{
	int count = (int)memblock.memory.cnt;

	for (int i = *idx + 1; i < count; i++) {
		const struct memblock_region *region = &memblock.memory.regions[i];
		unsigned long start_pfn = memblock_region_memory_base_pfn(region);
		unsigned long end_pfn = memblock_region_memory_end_pfn(region);
		int region_nid = memblock_get_region_node(region);

		if (start_pfn >= end_pfn || (nid != MAX_NUMNODES && nid != region_nid))
			continue;
		if (out_start_pfn)
			*out_start_pfn = start_pfn;
		if (out_end_pfn)
			*out_end_pfn = end_pfn;
		if (out_nid)
			*out_nid = region_nid;
		*idx = i;
		return;
	}
	*idx = -1;
}

struct request {
	phys_addr_t size;
	phys_addr_t align;
	struct span bounds; /* literal addresses */
	int nid;
	enum memblock_flags flags;
};

static struct span clip(struct span span, struct span bounds)
{
	return (struct span){ higher(span.base, bounds.base), lower(span.end, bounds.end) };
}

/* Where the request fits lowest (highest) in the span; 0: nowhere. */
static phys_addr_t lowest_fit(struct span span, const struct request *request)
{
	/* Rounding up past the top of the address space gives 0, which is the right answer. */
	phys_addr_t place = ALIGN_UP(span.base, request->align);

	if (place >= span.end || span.end - place < request->size)
		return 0;
	return place;
}

static phys_addr_t highest_fit(struct span span, const struct request *request)
{
	phys_addr_t place;

	if (span.end < span.base || span.end - span.base < request->size)
		return 0;
	place = ALIGN_DOWN(span.end - request->size, request->align);
	return place >= span.base ? place : 0;
}

/* Free memory for the request, not yet reserved; 0: none. */
static phys_addr_t find_free(const struct request *request)
{
	phys_addr_t place;
	struct span span;
	uint64_t i;

	if (memblock.bottom_up) {
		for_each_free_mem_range(i, request->nid, request->flags, &span.base, &span.end,
					NULL) {
			place = lowest_fit(clip(span, request->bounds), request);
			if (place)
				return place;
		}
		return 0;
	}
	for_each_free_mem_range_reverse(i, request->nid, request->flags, &span.base, &span.end,
					NULL) {
		place = highest_fit(clip(span, request->bounds), request);
		if (place)
			return place;
	}
	return 0;
}

static enum memblock_flags preferred_flags(void)
{
	return some_memory_is_mirrored ? MEMBLOCK_MIRROR : MEMBLOCK_NONE;
}

/*
 * --- Room for more regions ----------------------------------------------------------------------
 */

/*
 * What growing may itself add to `reserved`, or to the holes that a waiting reservation must fill:
 * the new arrays, which lie side by side, and a hole where each of two old ones was.
 */
#define SLOTS_FOR_GROWING 3

static bool has_grown(const struct memblock_type *type)
{
	return type->regions != first_memory_regions && type->regions != first_reserved_regions;
}

static phys_addr_t array_bytes(unsigned long max)
{
	return ALIGN_UP((phys_addr_t)max * sizeof(struct memblock_region), PAGE_SIZE);
}

static unsigned long grown_max(const struct memblock_type *type, unsigned long slots)
{
	unsigned long max = type->max * 2;

	while (max < type->cnt + slots)
		max *= 2;
	return max;
}

/* Free pages outside avoid, preferably above it as in Linux; 0: none. */
static phys_addr_t find_array_space(phys_addr_t bytes, struct span avoid, enum memblock_flags flags)
{
	phys_addr_t limit = memblock.current_limit;
	struct request request = {
		.size = bytes,
		.align = PAGE_SIZE,
		.bounds = { higher(avoid.end, PAGE_SIZE), limit },
		.nid = NUMA_NO_NODE,
		.flags = flags,
	};
	phys_addr_t place = find_free(&request);

	if (place)
		return place;
	request.bounds = (struct span){ PAGE_SIZE, lower(avoid.base, limit) };
	return find_free(&request);
}

/* Put the array where there is space; the old one is the caller's to free. */
static struct span move_array(struct memblock_type *type, phys_addr_t place, unsigned long max)
{
	struct span old = { 0, 0 };

	if (has_grown(type))
		old = capped_span(virt_to_phys(type->regions), array_bytes(type->max));
	type->regions =
		memcpy(phys_to_virt(place), type->regions, type->cnt * sizeof(type->regions[0]));
	type->max = max;
	return old;
}

static int remove_range(struct memblock_type *type, phys_addr_t base, phys_addr_t size);

/*
 * Replace the array by one with `slots` more regions to spare. When `reserved` is too full to note
 * where the array of `memory` went, it grows in the same step into the same piece of memory.
 */
static int grow(struct memblock_type *type, unsigned long slots, struct span avoid)
{
	struct memblock_type *reserved = &memblock.reserved;
	unsigned long notes = has_grown(type) ? 2 : 1;
	bool both = type != reserved && reserved->cnt + notes > reserved->max;
	unsigned long max = grown_max(type, slots + SLOTS_FOR_GROWING);
	unsigned long reserved_max = grown_max(reserved, SLOTS_FOR_GROWING);
	phys_addr_t bytes = array_bytes(max);
	phys_addr_t all_bytes = bytes + (both ? array_bytes(reserved_max) : 0);
	struct span old_reserved = { 0, 0 };
	struct span old;
	phys_addr_t place;

	if (!can_resize)
		return -ENOMEM;
	place = find_array_space(all_bytes, avoid, preferred_flags());
	if (!place)
		place = find_array_space(all_bytes, avoid, MEMBLOCK_NONE);
	if (!place)
		return -ENOMEM;
	if (both)
		old_reserved = move_array(reserved, place + bytes, reserved_max);
	old = move_array(type, place, max);
	/* There is room now: none of these can fail. */
	remove_range(reserved, old.base, old.end - old.base);
	remove_range(reserved, old_reserved.base, old_reserved.end - old_reserved.base);
	memblock_reserve(place, all_bytes);
	return 0;
}

static int make_room(struct memblock_type *type, unsigned long slots, struct span avoid)
{
	return regions_used(type) + slots <= type->max ? 0 : grow(type, slots, avoid);
}

/*
 * --- Describing memory --------------------------------------------------------------------------
 */

static int add_range(struct memblock_type *type, phys_addr_t base, phys_addr_t size, int nid,
		     enum memblock_flags flags)
{
	struct span span = capped_span(base, size);
	struct span avoid = span;
	int error;

	/* New memory is no place for an array yet; old memory is one, even inside the range. */
	if (type == &memblock.memory)
		avoid.base = avoid.end = 0;
	error = make_room(type, count_holes(type, span), avoid);
	if (!error)
		fill_holes(type, span, nid, flags);
	return error;
}

static int remove_range(struct memblock_type *type, phys_addr_t base, phys_addr_t size)
{
	struct span span = capped_span(base, size);
	const struct memblock_region *region;

	if (span.base == span.end)
		return 0;
	region = region_at(type, span.base);
	if (region && region->base < span.base && region_end(region) > span.end) {
		int error = make_room(type, 1, span);

		if (error)
			return error;
		split_at(type, span.end);
	}
	cut_out(type, span);
	return 0;
}

/* Make the span's ends ends of regions; [*first, *last) are then the regions inside. */
static int isolate_range(struct memblock_type *type, struct span span, unsigned long *first,
			 unsigned long *last)
{
	unsigned long splits = is_crossed(type, span.base) + is_crossed(type, span.end);
	int error = span.base < span.end ? make_room(type, splits, span) : 0;

	*first = *last = 0;
	if (error || span.base == span.end)
		return error;
	split_at(type, span.base);
	split_at(type, span.end);
	*first = first_ending_above(type, span.base);
	*last = first_ending_above(type, span.end);
	return 0;
}

static int change_flags(phys_addr_t base, phys_addr_t size, unsigned int set, unsigned int clear)
{
	struct memblock_type *type = &memblock.memory;
	unsigned long first, last;
	int error = isolate_range(type, capped_span(base, size), &first, &last);

	if (error)
		return error;
	for (unsigned long i = first; i < last; i++)
		type->regions[i].flags = (type->regions[i].flags & ~clear) | set;
	merge_around(type, first, last);
	return 0;
}

int memblock_add(phys_addr_t base, phys_addr_t size)
{
	return add_range(&memblock.memory, base, size, MAX_NUMNODES, MEMBLOCK_NONE);
}

int memblock_add_node(phys_addr_t base, phys_addr_t size, int nid, enum memblock_flags flags)
{
	return add_range(&memblock.memory, base, size, nid, flags);
}

int memblock_reserve(phys_addr_t base, phys_addr_t size)
{
	return add_range(&memblock.reserved, base, size, MAX_NUMNODES, MEMBLOCK_NONE);
}

int memblock_remove(phys_addr_t base, phys_addr_t size)
{
	return remove_range(&memblock.memory, base, size);
}

int memblock_phys_free(phys_addr_t base, phys_addr_t size)
{
	return remove_range(&memblock.reserved, base, size);
}

void memblock_free(void *ptr, size_t size)
{
	if (ptr)
		memblock_phys_free(virt_to_phys(ptr), (phys_addr_t)size);
}

int memblock_mark_hotplug(phys_addr_t base, phys_addr_t size)
{
	return change_flags(base, size, MEMBLOCK_HOTPLUG, 0);
}

int memblock_clear_hotplug(phys_addr_t base, phys_addr_t size)
{
	return change_flags(base, size, 0, MEMBLOCK_HOTPLUG);
}

int memblock_mark_mirror(phys_addr_t base, phys_addr_t size)
{
	int error;

	if (!mirrored_kernelcore)
		return 0;
	error = change_flags(base, size, MEMBLOCK_MIRROR, 0);
	if (!error)
		some_memory_is_mirrored = true;
	return error;
}

int memblock_mark_nomap(phys_addr_t base, phys_addr_t size)
{
	return change_flags(base, size, MEMBLOCK_NOMAP, 0);
}

int memblock_clear_nomap(phys_addr_t base, phys_addr_t size)
{
	return change_flags(base, size, 0, MEMBLOCK_NOMAP);
}

int memblock_set_node(phys_addr_t base, phys_addr_t size, struct memblock_type *type, int nid)
{
	unsigned long first, last;
	int error;

	if (MAX_NUMNODES == 1)
		return 0;
	error = isolate_range(type, capped_span(base, size), &first, &last);
	if (error)
		return error;
	for (unsigned long i = first; i < last; i++)
		memblock_set_region_node(&type->regions[i], nid);
	merge_around(type, first, last);
	return 0;
}

/* Shrink regions[index] to what lies inside the span; true if something is left of it. */
static bool shrink_region(struct memblock_type *type, unsigned long index, struct span span)
{
	struct memblock_region *region = &type->regions[index];
	struct span kept = clip((struct span){ region->base, region_end(region) }, span);

	if (kept.base >= kept.end)
		return false;
	type->total_size -= region->size - (kept.end - kept.base);
	region->base = kept.base;
	region->size = kept.end - kept.base;
	return true;
}

void memblock_trim_memory(phys_addr_t align)
{
	struct memblock_type *type = &memblock.memory;

	for (unsigned long i = regions_used(type); i-- > 0;) {
		struct memblock_region *region = &type->regions[i];
		struct span whole = { ALIGN_UP(region->base, align),
				      ALIGN_DOWN(region_end(region), align) };

		/* A base rounded past the top wraps to 0; then the end lies below the region. */
		if (!shrink_region(type, i, whole))
			delete_regions(type, i, i + 1);
	}
}

/* The address below which lie `bytes` bytes of memory; PHYS_ADDR_MAX: there are not so many. */
static phys_addr_t end_of_lowest(phys_addr_t bytes)
{
	const struct memblock_region *region;

	for_each_mem_region(region) {
		if (bytes <= region->size)
			return region->base + bytes;
		bytes -= region->size;
	}
	return PHYS_ADDR_MAX;
}

void memblock_enforce_memory_limit(phys_addr_t limit)
{
	phys_addr_t end = end_of_lowest(limit);

	if (!limit || end == PHYS_ADDR_MAX)
		return;
	/* Nothing lies above the range, so nothing is split and neither call can fail. */
	memblock_remove(end, PHYS_ADDR_MAX);
	memblock_phys_free(end, PHYS_ADDR_MAX);
}

void memblock_cap_memory_range(phys_addr_t base, phys_addr_t size)
{
	struct memblock_type *type = &memblock.memory;
	struct span span = capped_span(base, size);

	if (!size || !type->total_size)
		return;
	for (unsigned long i = regions_used(type); i-- > 0;) {
		if (memblock_is_nomap(&type->regions[i]))
			continue;
		if (!shrink_region(type, i, span))
			delete_regions(type, i, i + 1);
	}
	memblock_phys_free(0, span.base);
	memblock_phys_free(span.end, PHYS_ADDR_MAX);
}

void memblock_mem_limit_remove_map(phys_addr_t limit)
{
	phys_addr_t end = end_of_lowest(limit);

	if (limit && end != PHYS_ADDR_MAX)
		memblock_cap_memory_range(0, end);
}

void memblock_allow_resize(void)
{
	can_resize = true;
}

/*
 * --- Allocating ---------------------------------------------------------------------------------
 */

static bool handed_over;

void memblock_hand_over(void)
{
	handed_over = true;
	can_resize = false;
}

static phys_addr_t find_and_reserve(const struct request *request)
{
	phys_addr_t place = handed_over ? 0 : find_free(request);

	return place && !memblock_reserve(place, request->size) ? place : 0;
}

/* On the node asked for, then on any other unless it must be that one. */
static phys_addr_t alloc_near(struct request request, bool exact_nid)
{
	phys_addr_t place = find_and_reserve(&request);

	if (place || exact_nid || request.nid == NUMA_NO_NODE)
		return place;
	request.nid = NUMA_NO_NODE;
	return find_and_reserve(&request);
}

phys_addr_t memblock_alloc_range_nid(phys_addr_t size, phys_addr_t align, phys_addr_t start,
				     phys_addr_t end, int nid, bool exact_nid)
{
	bool accessible = end == MEMBLOCK_ALLOC_ACCESSIBLE || end == MEMBLOCK_ALLOC_NOLEAKTRACE;
	struct request request = {
		.size = size,
		.align = align ? align : SMP_CACHE_BYTES,
		/* Address 0 says "failed", and the vectors may lie in its page. */
		.bounds = { higher(start, PAGE_SIZE), accessible ? memblock.current_limit : end },
		.nid = nid == MAX_NUMNODES ? NUMA_NO_NODE : nid,
		.flags = preferred_flags(),
	};
	phys_addr_t place = alloc_near(request, exact_nid);

	if (place || request.flags == MEMBLOCK_NONE)
		return place;
	request.flags = MEMBLOCK_NONE;
	return alloc_near(request, exact_nid);
}

phys_addr_t memblock_phys_alloc_range(phys_addr_t size, phys_addr_t align, phys_addr_t start,
				      phys_addr_t end)
{
	return memblock_alloc_range_nid(size, align, start, end, NUMA_NO_NODE, false);
}

phys_addr_t memblock_phys_alloc_try_nid(phys_addr_t size, phys_addr_t align, int nid)
{
	return memblock_alloc_range_nid(size, align, 0, MEMBLOCK_ALLOC_ACCESSIBLE, nid, false);
}

static void *alloc_linear(phys_addr_t size, phys_addr_t align, phys_addr_t min_addr,
			  phys_addr_t max_addr, int nid, bool exact_nid)
{
	phys_addr_t end = lower(max_addr, memblock.current_limit);
	phys_addr_t place = memblock_alloc_range_nid(size, align, min_addr, end, nid, exact_nid);

	if (!place && min_addr)
		place = memblock_alloc_range_nid(size, align, 0, end, nid, exact_nid);
	return place ? phys_to_virt(place) : NULL;
}

void *memblock_alloc_exact_nid_raw(phys_addr_t size, phys_addr_t align, phys_addr_t min_addr,
				   phys_addr_t max_addr, int nid)
{
	return alloc_linear(size, align, min_addr, max_addr, nid, true);
}

void *memblock_alloc_try_nid_raw(phys_addr_t size, phys_addr_t align, phys_addr_t min_addr,
				 phys_addr_t max_addr, int nid)
{
	return alloc_linear(size, align, min_addr, max_addr, nid, false);
}

void *memblock_alloc_try_nid(phys_addr_t size, phys_addr_t align, phys_addr_t min_addr,
			     phys_addr_t max_addr, int nid)
{
	void *memory = alloc_linear(size, align, min_addr, max_addr, nid, false);

	return memory ? memset(memory, 0, (size_t)size) : NULL;
}

void memblock_set_current_limit(phys_addr_t limit)
{
	memblock.current_limit = limit;
}

phys_addr_t memblock_get_current_limit(void)
{
	return memblock.current_limit;
}

/*
 * --- Asking -------------------------------------------------------------------------------------
 */

phys_addr_t memblock_phys_mem_size(void)
{
	return memblock.memory.total_size;
}

phys_addr_t memblock_reserved_size(void)
{
	return memblock.reserved.total_size;
}

phys_addr_t memblock_start_of_DRAM(void)
{
	return memblock.memory.regions[0].base;
}

phys_addr_t memblock_end_of_DRAM(void)
{
	return region_end(&memblock.memory.regions[memblock.memory.cnt - 1]);
}

bool memblock_is_memory(phys_addr_t addr)
{
	return region_at(&memblock.memory, addr);
}

bool memblock_is_map_memory(phys_addr_t addr)
{
	const struct memblock_region *region = region_at(&memblock.memory, addr);

	return region && !memblock_is_nomap(region);
}

bool memblock_is_reserved(phys_addr_t addr)
{
	return region_at(&memblock.reserved, addr);
}

bool memblock_is_region_memory(phys_addr_t base, phys_addr_t size)
{
	const struct memblock_region *region = region_at(&memblock.memory, base);

	return region && capped_span(base, size).end <= region_end(region);
}

bool memblock_is_region_reserved(phys_addr_t base, phys_addr_t size)
{
	return memblock_overlaps_region(&memblock.reserved, base, size);
}

unsigned long memblock_addrs_overlap(phys_addr_t base1, phys_addr_t size1, phys_addr_t base2,
				     phys_addr_t size2)
{
	/* Each base lies below the other's end, said without sums that could wrap. */
	return (base1 < base2 || base1 - base2 < size2) && (base2 < base1 || base2 - base1 < size1);
}

bool memblock_overlaps_region(struct memblock_type *type, phys_addr_t base, phys_addr_t size)
{
	unsigned long index = first_ending_above(type, base);

	return index < regions_used(type) &&
	       type->regions[index].base < capped_span(base, size).end;
}

int memblock_search_pfn_nid(unsigned long pfn, unsigned long *start_pfn, unsigned long *end_pfn)
{
	const struct memblock_region *region;

	if (pfn > memblock_pfn_down(PHYS_ADDR_MAX))
		return -1;
	region = region_at(&memblock.memory, (phys_addr_t)pfn << PAGE_SHIFT);
	if (!region)
		return -1;
	*start_pfn = memblock_pfn_down(region->base);
	*end_pfn = memblock_pfn_down(region_end(region));
	return memblock_get_region_node(region);
}

/*
 * --- Checking -----------------------------------------------------------------------------------
 */

static const char *validate_region(const struct memblock_type *type, unsigned long index)
{
	const struct memblock_region *region = &type->regions[index];

	if (!region->size)
		return "a region is empty";
	if (region->size > PHYS_ADDR_MAX - region->base)
		return "a region reaches past PHYS_ADDR_MAX";
	if (index == 0)
		return NULL;
	if (region[-1].base > region->base)
		return "regions are not sorted by base";
	if (region_end(&region[-1]) > region->base)
		return "two regions overlap";
	if (can_merge(&region[-1], region))
		return "two regions that touch and are alike are not merged";
	return NULL;
}

static const char *validate_array(const struct memblock_type *type)
{
	struct span array;

	if (type->cnt < 1 || type->cnt > type->max)
		return "cnt is not between 1 and max";
	if (!has_grown(type))
		return type->max == INIT_MEMBLOCK_REGIONS
			       ? NULL
			       : "max is not the size of the first array";
	array = capped_span(virt_to_phys(type->regions), array_bytes(type->max));
	if (count_holes(&memblock.reserved, array))
		return "an array that has grown is not reserved";
	return NULL;
}

static const char *validate_empty(const struct memblock_type *type)
{
	const struct memblock_region *region = &type->regions[0];

	if (type->cnt != 1 || region->base || region->flags)
		return "an empty type is not cnt 1 with a zero region";
	return type->total_size ? "total_size of an empty type is not 0" : NULL;
}

static const char *validate_type(const struct memblock_type *type)
{
	const char *broken = validate_array(type);
	phys_addr_t total = 0;

	if (broken)
		return broken;
	if (!type->regions[0].size)
		return validate_empty(type);
	for (unsigned long i = 0; i < type->cnt; i++) {
		broken = validate_region(type, i);
		if (broken)
			return broken;
		total += type->regions[i].size;
	}
	return total == type->total_size ? NULL : "total_size is not the sum of the sizes";
}

const char *memblock_validate(void)
{
	const char *broken = validate_type(&memblock.memory);

	return broken ? broken : validate_type(&memblock.reserved);
}

/* SPDX-License-Identifier: MIT */
#include "picture.h"

#include <stdlib.h>
#include <string.h>

#include "arch/layout.h"
#include "mm/phys/memblock.h"

#define RAM_HEIGHT    660.0 /* all RAM in use together, where nothing is too thin */
#define PIECE_MINIMUM 4.0
#define AREA_MINIMUM  17.0 /* a line of text */
#define EMPTY_MAXIMUM 70.0 /* holes and RAM left out */
#define AREA_MAXIMUM  240.0

/* --- physical -------------------------------------------------------------------------------- */

struct cuts {
	uint64_t *at;
	unsigned int count;
};

static void cut(struct cuts *cuts, uint64_t address)
{
	cuts->at = realloc(cuts->at, (cuts->count + 1) * sizeof(*cuts->at));
	if (cuts->at == NULL)
		abort();
	cuts->at[cuts->count++] = min_u64(address, SZ_4G);
}

static int order(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

static void cut_everywhere(const struct run *run, struct cuts *cuts)
{
	const struct zone_layout *layout = &run->plan.layout;
	struct memblock_region *region;

	for (uint32_t i = 0; i < run->tree.memory_count; i++) {
		const struct tree_bank *bank = &run->tree.memory[i];

		if (bank->size == 0 || bank->base >= SZ_4G)
			continue;
		cut(cuts, bank->base);
		cut(cuts, bank->base + bank->size);
	}
	for_each_mem_region(region) {
		if (region->size == 0)
			continue;
		cut(cuts, region->base);
		cut(cuts, (uint64_t)region->base + region->size);
	}
	for (enum zone_type type = 0; type < MAX_NR_ZONES; type++) {
		const struct zone_span *zone = &layout->zones[type];

		if (zone->spanned_pages == 0)
			continue;
		cut(cuts, PFN_PHYS(zone->start_pfn));
		cut(cuts, PFN_PHYS((uint64_t)zone->start_pfn + zone->spanned_pages));
	}
	cut(cuts, run->plan.ram_base);
	cut(cuts, layout->lowmem_end);
	qsort(cuts->at, cuts->count, sizeof(*cuts->at), order);
}

static enum piece_kind kind_of(const struct run *run, uint64_t address)
{
	struct memblock_region *region;

	for_each_mem_region(region)
		if (region->base <= address && address < (uint64_t)region->base + region->size)
			return memblock_is_nomap(region) ? PIECE_NO_MAP : PIECE_RAM;
	return boot_tree_is_ram(&run->tree, address, 1) ? PIECE_LEFT_OUT : PIECE_HOLE;
}

static void make_pieces(const struct run *run, struct picture *picture)
{
	struct cuts cuts = { 0 };

	cut_everywhere(run, &cuts);
	picture->pieces = calloc(cuts.count, sizeof(*picture->pieces));
	if (picture->pieces == NULL)
		abort();
	for (unsigned int i = 0; i + 1 < cuts.count; i++) {
		struct piece *piece = &picture->pieces[picture->piece_count];

		if (cuts.at[i] == cuts.at[i + 1])
			continue;
		piece->base = cuts.at[i];
		piece->end = cuts.at[i + 1];
		piece->kind = kind_of(run, piece->base);
		picture->piece_count++;
	}
	free(cuts.at);
}

static double choose_scale(const struct picture *picture)
{
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < picture->piece_count; i++)
		if (picture->pieces[i].kind <= PIECE_NO_MAP)
			bytes += picture->pieces[i].end - picture->pieces[i].base;
	return RAM_HEIGHT / ((double)max_u64(bytes, SZ_1M) / SZ_1M);
}

/* The height of `bytes` and what was done to it. */
static double height_of(const struct picture *picture, uint64_t bytes, double minimum,
			double maximum, enum piece_scale *scale)
{
	double height = (double)bytes / SZ_1M * picture->px_per_mib;

	*scale = height < minimum ? TALLER : height > maximum ? SHORTER : TO_SCALE;
	return *scale == TALLER ? minimum : *scale == SHORTER ? maximum : height;
}

/* From 0 at the lowest address upwards, which is towards negative y. */
static void stack_pieces(struct picture *picture)
{
	double y = 0;

	for (unsigned int i = 0; i < picture->piece_count; i++) {
		struct piece *piece = &picture->pieces[i];
		double maximum = piece->kind <= PIECE_NO_MAP ? 1e9 : EMPTY_MAXIMUM;

		piece->bottom = y;
		y -= height_of(picture, piece->end - piece->base, PIECE_MINIMUM, maximum,
			       &piece->scale);
		piece->top = y;
	}
}

double picture_y(const struct picture *picture, uint64_t address)
{
	const struct piece *piece = picture->pieces;

	if (picture->piece_count == 0)
		return 0;
	if (address <= piece->base)
		return piece->bottom;
	for (unsigned int i = 0; i < picture->piece_count; i++, piece++)
		if (address <= piece->end)
			return piece->bottom - (piece->bottom - piece->top) *
						       (double)(address - piece->base) /
						       (double)(piece->end - piece->base);
	return piece[-1].top;
}

enum zone_type picture_zone(const struct boot_plan *plan, const struct piece *piece)
{
	enum zone_type type;

	for (type = 0; type < MAX_NR_ZONES; type++) {
		const struct zone_span *zone = &plan->layout.zones[type];
		uint64_t start = PFN_PHYS(zone->start_pfn);

		if (zone->spanned_pages != 0 && start <= piece->base &&
		    piece->end <= start + PFN_PHYS(zone->spanned_pages))
			break;
	}
	return type;
}

/* --- virtual --------------------------------------------------------------------------------- */

static struct area *add_area(struct picture *picture, const char *name, uint64_t start,
			     uint64_t end, const char *why)
{
	struct area *area = &picture->areas[picture->area_count];

	if (start >= end)
		return NULL;
	picture->area_count++;
	area->name = name;
	area->start = start;
	area->end = end;
	area->why = why;
	area->used = true;
	return area;
}

static void add_unused(struct picture *picture, const char *name, uint64_t start, uint64_t end,
		       const char *why)
{
	struct area *area = add_area(picture, name, start, end, why);

	if (area != NULL)
		area->used = false;
}

/* Below PAGE_OFFSET, from there down. arch/layout.h names these for the one split it is built for. */
static void add_areas_below(struct picture *picture, uint64_t page_offset)
{
	add_area(picture, "pkmap", page_offset - SZ_4M, page_offset,
		 "window for lasting mappings of highmem: the 4 MiB below PAGE_OFFSET");
	add_unused(picture, "spare", page_offset - SZ_16M, page_offset - SZ_4M, "between the two");
	add_area(picture, "vmemmap", page_offset - SZ_32M, page_offset - SZ_16M,
		 "struct page of each frame: the 32 to 16 MiB below PAGE_OFFSET");
	add_unused(picture, "user space", 0, page_offset - SZ_32M, "not the kernel's");
}

static void add_areas_above(struct picture *picture, const struct boot_plan *plan)
{
	uint64_t lowmem_end = plan->page_offset + (plan->layout.lowmem_end - plan->ram_base);

	add_unused(picture, "gap", lowmem_end, plan->layout.vmalloc_start,
		   "8 MiB that catch overruns, less what vmalloc's start is rounded down");
	add_area(picture, "vmalloc", plan->layout.vmalloc_start, VMALLOC_END,
		 "from the end of lowmem + 8 MiB, rounded down to 8 MiB, to a fixed end");
	add_unused(picture, "spare", VMALLOC_END, BLOB_WINDOW, "kept free");
	add_area(picture, "blob", BLOB_WINDOW, BLOB_WINDOW_END,
		 "the device tree, read-only; a fixed place");
	add_unused(picture, "spare", BLOB_WINDOW_END, FIXMAP_BASE, "kept free");
	add_area(picture, "fixmap", FIXMAP_BASE, FIXMAP_END,
		 "early device windows, kmap_local's window to highmem; a fixed place");
	add_unused(picture, "spare", FIXMAP_END, VECTORS_BASE, "kept free");
	add_area(picture, "vectors", VECTORS_BASE, (uint64_t)VECTORS_BASE + PAGE_SIZE,
		 "where the core goes on an exception (high vectors)");
	add_unused(picture, "spare", (uint64_t)VECTORS_BASE + PAGE_SIZE, SZ_4G, "kept free");
}

static double area_height(const struct picture *picture, struct area *area)
{
	bool user = area->start == 0;

	return height_of(picture, area->end - area->start, AREA_MINIMUM,
			 user ? 2 * AREA_MINIMUM : AREA_MAXIMUM, &area->scale);
}

/* Away from the linear map in both directions. */
static void stack_areas(struct picture *picture, const struct boot_plan *plan)
{
	double up = picture_y(picture, plan->layout.lowmem_end);
	double down = picture_y(picture, plan->ram_base);
	unsigned int below;

	add_areas_above(picture, plan);
	for (unsigned int i = 0; i < picture->area_count; i++) {
		struct area *area = &picture->areas[i];

		area->bottom = up;
		area->top = up -= area_height(picture, area);
	}
	below = picture->area_count;
	add_areas_below(picture, plan->page_offset);
	for (unsigned int i = below; i < picture->area_count; i++) {
		struct area *area = &picture->areas[i];

		area->top = down;
		area->bottom = down += area_height(picture, area);
	}
}

/* --- both ------------------------------------------------------------------------------------ */

static void shift(struct picture *picture, double by)
{
	for (unsigned int i = 0; i < picture->piece_count; i++) {
		picture->pieces[i].top += by;
		picture->pieces[i].bottom += by;
	}
	for (unsigned int i = 0; i < picture->area_count; i++) {
		picture->areas[i].top += by;
		picture->areas[i].bottom += by;
	}
}

static double least(double a, double b)
{
	return a < b ? a : b;
}

void picture_make(const struct run *run, double top, struct picture *picture)
{
	double highest = 0, lowest = 0;

	memset(picture, 0, sizeof(*picture));
	make_pieces(run, picture);
	picture->px_per_mib = choose_scale(picture);
	stack_pieces(picture);
	stack_areas(picture, &run->plan);
	for (unsigned int i = 0; i < picture->piece_count; i++)
		highest = least(highest, picture->pieces[i].top);
	for (unsigned int i = 0; i < picture->area_count; i++) {
		highest = least(highest, picture->areas[i].top);
		lowest = -least(-lowest, -picture->areas[i].bottom);
	}
	shift(picture, top - highest);
	picture->top = top;
	picture->bottom = top - highest + lowest;
}

void picture_free(struct picture *picture)
{
	free(picture->pieces);
}

/* SPDX-License-Identifier: MIT */
/*
 * Mapping, unmapping and protecting at random against an array that says what each page should be:
 * every page is compared with the tables and with what the core itself translates (ATS1C) after each
 * operation. In the spare addresses between vmemmap and pkmap; the frames are one block of our own.
 */
#include <inttypes.h>
#include <string.h>

#include "arch/layout.h"
#include "arch/mmu.h"
#include "kern/console.h"
#include "kern/selftest.h"
#include "mm/obj/cache.h"
#include "mm/virt/page_tables.h"

#include "bench.h"
#include "page_watch.h"

#include "insist.h"

#define START      VMEMMAP_END
#define PAGES      1024U /* 4 MiB */
#define OPERATIONS 250U

_Static_assert(START + PAGES * PAGE_SIZE <= PKMAP_BASE, "what is spare");

static struct {
	bool mapped;
	uint8_t rights;
	uint16_t frame; /* of the block */
} model[PAGES];

static phys_addr_t block;

/* Of the tables, and of the core: what a read and what a write would find. */
static bool page_is_right(uint32_t page)
{
	uintptr_t virt = START + page * PAGE_SIZE;
	phys_addr_t wanted = block + model[page].frame * PAGE_SIZE, phys = 0;
	struct mapping mapping;
	bool writes = model[page].mapped && model[page].rights == RIGHTS_WRITE;

	if (mmu_query(virt, &mapping) != model[page].mapped ||
	    mmu_translate(virt, false, &phys) != model[page].mapped)
		return false;
	if (model[page].mapped &&
	    (phys != wanted || mapping.phys + (virt - mapping.virt) != wanted ||
	     mapping.rights != (enum memory_rights)model[page].rights))
		return false;
	return mmu_translate(virt, true, &phys) == writes;
}

static bool all_is_right(void)
{
	for (uint32_t page = 0; page < PAGES; page++)
		if (!page_is_right(page)) {
			console_printf("    # page %" PRIu32 " is not as it should be\n", page);
			return false;
		}
	return true;
}

/* A length in pages that begins and ends where large pages and sections do, often. */
static uint32_t draw_pages(uint32_t *state, uint32_t most)
{
	static const uint32_t steps[] = { 1, 1, 3, 16, 16, 40, 256, 256, 512 };
	uint32_t pages = steps[bench_next(state) % ARRAY_SIZE(steps)];

	return pages < most ? pages : most;
}

static uint32_t draw_start(uint32_t *state)
{
	static const uint32_t units[] = { 1, 16, 16, 256 };

	return ALIGN_DOWN(bench_next(state) % PAGES, units[bench_next(state) % ARRAY_SIZE(units)]);
}

static void unmap(uint32_t first, uint32_t pages)
{
	if (!mmu_unmap(START + first * PAGE_SIZE, pages * PAGE_SIZE, table_take))
		return; /* no memory for a table: nothing has changed */
	for (uint32_t page = first; page < first + pages; page++)
		model[page].mapped = false;
}

static void map(uint32_t first, uint32_t pages, uint32_t frame, enum memory_rights rights)
{
	unmap(first, pages);
	for (uint32_t page = first; page < first + pages; page++)
		if (model[page].mapped)
			return;
	if (!mmu_map(START + first * PAGE_SIZE, block + frame * PAGE_SIZE, pages * PAGE_SIZE,
		     MEMORY_NORMAL, rights, table_take))
		return;
	for (uint32_t i = 0; i < pages; i++) {
		model[first + i].mapped = true;
		model[first + i].rights = (uint8_t)rights;
		model[first + i].frame = (uint16_t)(frame + i);
	}
}

static void protect(uint32_t first, uint32_t pages, enum memory_rights rights)
{
	if (!mmu_protect(START + first * PAGE_SIZE, pages * PAGE_SIZE, rights, table_take))
		return;
	for (uint32_t page = first; page < first + pages; page++)
		if (model[page].mapped)
			model[page].rights = (uint8_t)rights;
}

static void operate(uint32_t *state)
{
	uint32_t first = draw_start(state), pages = draw_pages(state, PAGES - first);
	uint32_t kind = bench_next(state) % 8;
	enum memory_rights rights = (enum memory_rights)(bench_next(state) % MEMORY_RIGHTS);

	/* As large as it can be where the frame has the same place in its megabyte. */
	if (kind < 3)
		map(first, pages,
		    bench_next(state) % 2 == 0 ? first : bench_next(state) % (PAGES - pages + 1),
		    rights);
	else if (kind < 5)
		unmap(first, pages);
	else
		protect(first, pages, rights);
}

SELFTEST(mapping_model, random_operations)
{
	uint32_t state = BENCH_SEED;
	struct page *frames;
	bool right = true;

	caches_shrink(GFP_KERNEL, 0);
	begin();
	memset(model, 0, sizeof(model));
	frames = alloc_pages(GFP_KERNEL | __GFP_NOWARN, 10);
	if (frames != NULL) {
		block = page_to_phys(frames);
		for (unsigned int i = 0; i < OPERATIONS && right; i++) {
			operate(&state);
			right = all_is_right();
		}
		EXPECT(right);
		unmap(0, PAGES);
		EXPECT(all_is_right());
		__free_pages(frames, 10);
	}
	caches_shrink(GFP_KERNEL, 0);
	end();
}

/* SPDX-License-Identifier: MIT */
/*
 * vmemmap in units: 4 MiB of RAM have 1024 struct pages, 16 KiB, four pages of vmemmap. Where 64
 * units in a row are backed, 256 MiB of RAM, a section maps them: one entry to write and one in the
 * TLB.
 */
#include <string.h>

#include "arch/linear.h"
#include "arch/mmu.h"
#include "mm/phys/memblock.h"
#include "mm/phys/page.h"
#include "mm/virt/linear_map.h"

#define UNIT_RAM_BYTES (VMEMMAP_UNIT_PAGES * PAGE_SIZE)
#define UNIT_BYTES     (VMEMMAP_UNIT_PAGES * sizeof(struct page))
#define SECTION_UNITS  (SECTION_SIZE / UNIT_BYTES)
#define UNITS          (SZ_4G / UNIT_RAM_BYTES)

static phys_addr_t supply_table(void)
{
	return memblock_phys_alloc(1024, 1024);
}

static uintptr_t unit_address(uint32_t unit)
{
	return VMEMMAP_BASE + unit * UNIT_BYTES;
}

static bool back_run(uint32_t first, uint32_t last, phys_addr_t alignment)
{
	size_t bytes = (last - first) * UNIT_BYTES;
	phys_addr_t phys;

	if (first >= last)
		return true;
	phys = memblock_phys_alloc(bytes, alignment);
	return phys != 0 &&
	       mmu_map(unit_address(first), phys, bytes, MEMORY_NORMAL, RIGHTS_WRITE, supply_table);
}

/* By halves where there is no room in a row: a small lowmem may be full of reservations. */
static bool back_pieces(uint32_t first, uint32_t last)
{
	uint32_t middle = first + (last - first) / 2;

	if (back_run(first, last, PAGE_SIZE))
		return true;
	return middle != first && back_pieces(first, middle) && back_pieces(middle, last);
}

/* Whole megabytes of vmemmap on whole megabytes of RAM, what is left at both ends by small pages. */
static bool back_units(uint32_t first, uint32_t last)
{
	uint32_t from = ALIGN_UP(first, SECTION_UNITS), to = ALIGN_DOWN(last, SECTION_UNITS);

	/* Lowmem may be too crowded for megabytes in a row and still have room for pages. */
	if (from < to && back_run(from, to, SECTION_SIZE))
		return back_pieces(first, from) && back_pieces(to, last);
	return back_pieces(first, last);
}

static bool leave_units_empty(uint32_t first, uint32_t last, phys_addr_t zeros)
{
	return mmu_map_repeated(unit_address(first), zeros, (last - first) * UNIT_BYTES,
				MEMORY_NORMAL, RIGHTS_READ, supply_table);
}

/* Ranges are sorted, but two may share a unit: `done` is the first unit not yet decided. */
bool vmemmap_init(void)
{
	void *zeros = memblock_alloc(PAGE_SIZE, PAGE_SIZE);
	struct memblock_region snapshot;
	uint32_t done = 0;

	if (zeros == NULL)
		return false;
	/* Backing reserves memory but never changes memblock.memory: walking it stays sound. */
	for (unsigned long i = 0; i < memblock.memory.cnt; i++) {
		uint32_t first, last;

		snapshot = memblock.memory.regions[i];
		if (snapshot.size == 0)
			continue;
		first = (uint32_t)(snapshot.base / UNIT_RAM_BYTES);
		last = (uint32_t)((snapshot.base + (snapshot.size - 1)) / UNIT_RAM_BYTES) + 1;
		if (first < done)
			first = done;
		if (first >= last)
			continue;
		if (first > done && !leave_units_empty(done, first, virt_to_phys(zeros)))
			return false;
		if (!back_units(first, last))
			return false;
		done = last;
	}
	return done == UNITS || leave_units_empty(done, UNITS, virt_to_phys(zeros));
}

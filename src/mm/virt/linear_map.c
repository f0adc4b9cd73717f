/* SPDX-License-Identifier: MIT */
#include "mm/virt/linear_map.h"

#include "arch/linear.h"
#include "arch/mmu.h"
#include "mm/phys/memblock.h"

#define TABLE_BYTES 1024U /* a second-level table */

/* Where tables may come from: the longest run that is mapped by sections already. */
static phys_addr_t tables_base, tables_end;

static phys_addr_t supply_table(void)
{
	return memblock_phys_alloc_range(TABLE_BYTES, TABLE_BYTES, tables_base, tables_end);
}

static bool map_linear(uint64_t base, uint64_t end)
{
	return base >= end ||
	       mmu_map((uintptr_t)phys_to_virt((phys_addr_t)base), (phys_addr_t)base,
		       (size_t)(end - base), MEMORY_NORMAL, RIGHTS_WRITE, supply_table);
}

/* Whole sections need no table, so they come first and give room for the tables of the rest. */
static void map_sections(uint64_t base, uint64_t end)
{
	uint64_t first = ALIGN_UP(base, SECTION_SIZE), last = ALIGN_DOWN(end, SECTION_SIZE);

	if (first >= last)
		return;
	map_linear(first, last);
	if (last - first > tables_end - tables_base) {
		tables_base = (phys_addr_t)first;
		tables_end = (phys_addr_t)last;
	}
}

/* What map_sections left over at both ends. */
static bool map_edges(uint64_t base, uint64_t end)
{
	uint64_t first = ALIGN_UP(base, SECTION_SIZE), last = ALIGN_DOWN(end, SECTION_SIZE);

	if (first >= last)
		return map_linear(base, end);
	return map_linear(base, first) && map_linear(last, end);
}

/* Do `map` for a range without the image, which is mapped by its own rights and in use. */
static void around_image(uint64_t base, uint64_t end, uint64_t image_base, uint64_t image_end,
			 bool (*map)(uint64_t, uint64_t), bool *good)
{
	if (base < image_base)
		*good &= map(base, min_u64(end, image_base));
	if (end > image_end)
		*good &= map(max_u64(base, image_end), end);
}

static bool map_sections_step(uint64_t base, uint64_t end)
{
	map_sections(base, end);
	return true;
}

static bool map_all(uint64_t lowmem_end, uint32_t image_phys, uint32_t image_bytes,
		    bool (*map)(uint64_t, uint64_t))
{
	uint64_t image_end = (uint64_t)image_phys + image_bytes;
	phys_addr_t start, end;
	bool good = true;
	uint64_t i;

	for_each_mem_range(i, &start, &end)
		around_image(ALIGN_UP(start, PAGE_SIZE),
			     min_u64(ALIGN_DOWN(end, PAGE_SIZE), lowmem_end), image_phys, image_end,
			     map, &good);
	return good;
}

void linear_map_sections(uint64_t lowmem_end, uint32_t image_phys, uint32_t image_bytes)
{
	map_all(lowmem_end, image_phys, image_bytes, map_sections_step);
}

bool linear_map_rest(uint64_t lowmem_end, uint32_t image_phys, uint32_t image_bytes)
{
	if (!map_all(lowmem_end, image_phys, image_bytes, map_edges))
		return false;
	memblock_set_current_limit((phys_addr_t)lowmem_end);
	memblock_allow_resize();
	return true;
}

/* SPDX-License-Identifier: MIT */
/* The memory map as it is on this machine: what memblock, zones and tables say must agree. */
#include "arch/layout.h"
#include "arch/linear.h"
#include "arch/mmu.h"
#include "kern/exception.h"
#include "kern/resource.h"
#include "kern/selftest.h"
#include "mm/dma/coherent.h"
#include "mm/phys/memblock.h"
#include "mm/phys/page_alloc.h"
#include "mm/phys/zone.h"

#include "insist.h"

extern char __boot_stack_guard[], __exception_stack_guard[], __interrupt_stack_guard[],
	__idle_stack_guard[];

SELFTEST(memblock, invariants_hold)
{
	EXPECT(memblock_validate() == NULL);
	EXPECT(memblock_phys_mem_size() != 0);
}

SELFTEST(memblock, first_page_is_not_given_out)
{
	phys_addr_t first = virt_to_phys((void *)CONFIG_PAGE_OFFSET);

	EXPECT(memblock_is_reserved(first));
}

/* A section of the image outside every reservation would be handed out as free memory. */
SELFTEST(memblock, everything_with_a_name_is_reserved)
{
	unsigned int count;
	const struct resource *resources = resource_list(&count);

	EXPECT(count >= 3);
	for (unsigned int i = 0; i < count; i++) {
		if (!memblock_is_memory((phys_addr_t)resources[i].base))
			continue;
		for (uint64_t at = resources[i].base; at < resources[i].end; at += PAGE_SIZE)
			EXPECT(memblock_is_reserved((phys_addr_t)at));
		EXPECT(memblock_is_reserved((phys_addr_t)(resources[i].end - 1)));
	}
}

/* What is free belongs to the page allocator: memblock gives nothing out twice. */
SELFTEST(memblock, allocates_nothing_after_the_hand_over)
{
	EXPECT(memblock_alloc(PAGE_SIZE, PAGE_SIZE) == NULL);
	EXPECT(memblock_phys_alloc_range(64, 64, 0, MEMBLOCK_ALLOC_ANYWHERE) == 0);
}

/* --- zones ----------------------------------------------------------------------------------- */

SELFTEST(zones, present_adds_up_to_memory)
{
	uint64_t present = 0, memory = 0;
	unsigned long start, end;
	struct zone_snapshot zone;
	int i;

	for (enum zone_type type = 0; type < MAX_NR_ZONES; type++) {
		zone_snapshot(type, &zone);
		present += zone.span.present_pages;
		EXPECT(zone.free_pages + zone.cached_pages <= zone.managed_pages);
		EXPECT(zone.managed_pages <= zone.span.present_pages);
		EXPECT(zone.span.present_pages <= zone.span.spanned_pages);
	}
	for_each_mem_pfn_range(i, MAX_NUMNODES, &start, &end, NULL)
		memory += end - start;
	EXPECT(present == memory);
}

SELFTEST(zones, do_not_overlap)
{
	struct zone_snapshot zone;
	uint32_t end_pfn = 0;

	for (enum zone_type type = 0; type < MAX_NR_ZONES; type++) {
		zone_snapshot(type, &zone);
		if (zone.span.spanned_pages == 0)
			continue;
		EXPECT(zone.span.start_pfn >= end_pfn);
		end_pfn = zone.span.start_pfn + zone.span.spanned_pages;
	}
}

/* --- the linear map -------------------------------------------------------------------------- */

static bool is_coherent(uint64_t phys)
{
	struct coherent_snapshot block;
	uint32_t number = 0;

	while (coherent_snapshot(&number, &block))
		if (phys - block.phys < (uint64_t)block.pages * PAGE_SIZE)
			return true;
	return false;
}

/* The hardware's own answer must be the tables' answer, and the tables' must be the linear map's. */
static void expect_linear(uint64_t at)
{
	uintptr_t virt = (uintptr_t)phys_to_virt((phys_addr_t)at);
	struct mapping mapping;
	phys_addr_t phys;

	EXPECT(mmu_translate(virt, false, &phys) && phys == at);
	EXPECT(mmu_query(virt, &mapping) && mapping.phys + (virt - mapping.virt) == at);
	EXPECT(mapping.kind == (is_coherent(at) ? MEMORY_NONCACHED : MEMORY_NORMAL));
	EXPECT(mmu_translate(virt, true, &phys) == (mapping.rights == RIGHTS_WRITE));
}

/* The first and last page of each megabyte. */
static void expect_mapped(uint64_t base, uint64_t end)
{
	for (uint64_t at = base; at < end; at = ALIGN_DOWN(at, SECTION_SIZE) + SECTION_SIZE) {
		expect_linear(at);
		expect_linear(min_u64(ALIGN_DOWN(at, SECTION_SIZE) + SECTION_SIZE, end) - 1);
	}
}

SELFTEST(linear_map, every_megabyte_of_lowmem_translates)
{
	uint64_t limit = ((phys_addr_t)PFN_PHYS(zones_lowmem_end_pfn()));
	phys_addr_t start, end;
	uint64_t i;

	for_each_mem_range(i, &start, &end)
		expect_mapped(start, min_u64(end, limit));
}

/* Text executes and is never written, all else the other way round; the guard pages are not there. */
SELFTEST(linear_map, the_image_has_its_rights)
{
	static const char constant[] = "a constant";
	static char variable;
	struct mapping mapping;

	EXPECT(mmu_query((uintptr_t)expect_linear, &mapping) && mapping.rights == RIGHTS_EXECUTE);
	EXPECT(mmu_query((uintptr_t)constant, &mapping) && mapping.rights == RIGHTS_READ);
	EXPECT(mmu_query((uintptr_t)&variable, &mapping) && mapping.rights == RIGHTS_WRITE);
	EXPECT(mmu_query((uintptr_t)&mapping, &mapping) && mapping.rights == RIGHTS_WRITE);
	EXPECT(!mmu_query((uintptr_t)__boot_stack_guard, &mapping));
	EXPECT(!mmu_query((uintptr_t)__exception_stack_guard, &mapping));
	EXPECT(!mmu_query((uintptr_t)__interrupt_stack_guard, &mapping));
	EXPECT(!mmu_query((uintptr_t)__idle_stack_guard, &mapping));
}

/* A frame past the end of lowmem has no linear address, and no-map memory has none either. */
SELFTEST(linear_map, nothing_else_is_mapped)
{
	const struct memblock_region *region;
	phys_addr_t phys;

	for_each_mem_region(region) {
		if (!memblock_is_nomap(region) ||
		    region->base >= ((phys_addr_t)PFN_PHYS(zones_lowmem_end_pfn())) ||
		    !IS_ALIGNED(region->base, PAGE_SIZE))
			continue;
		EXPECT(!mmu_translate((uintptr_t)phys_to_virt(region->base), false, &phys));
	}
	EXPECT(!mmu_translate(
		(uintptr_t)phys_to_virt(((phys_addr_t)PFN_PHYS(zones_lowmem_end_pfn()))), false,
		&phys));
	EXPECT(!mmu_translate(0, false, &phys) || CONFIG_PAGE_OFFSET == 0);
}

/* --- changing mappings ------------------------------------------------------------------------ */

#define SCRATCH_VIRT 0xfe000000UL /* in the vmalloc area, which nobody uses yet */

/* A table stays with the MMU; the megabyte of SCRATCH_VIRT and the split section need one each, once. */
static phys_addr_t supply_table(void)
{
	struct page *page = alloc_page(GFP_KERNEL);

	return page != NULL ? page_to_phys(page) : 0;
}

/* One frame at two addresses: what is written through one is read through the other. */
SELFTEST(mmu, a_second_window_shows_the_same_frame)
{
	uint32_t *linear = (uint32_t *)__get_free_page(GFP_KERNEL);
	volatile uint32_t *window = (volatile uint32_t *)SCRATCH_VIRT;
	phys_addr_t phys;

	EXPECT(linear != NULL && !mmu_translate(SCRATCH_VIRT, false, &phys));
	EXPECT(mmu_map(SCRATCH_VIRT, virt_to_phys(linear), PAGE_SIZE, MEMORY_NORMAL, RIGHTS_WRITE,
		       supply_table));
	window[5] = 0x600df00d;
	EXPECT(((volatile uint32_t *)linear)[5] == 0x600df00d);
	EXPECT(mmu_protect(SCRATCH_VIRT, PAGE_SIZE, RIGHTS_READ, NULL));
	EXPECT(mmu_translate(SCRATCH_VIRT, false, &phys) && phys == virt_to_phys(linear));
	EXPECT(!mmu_translate(SCRATCH_VIRT, true, &phys));
	EXPECT(mmu_unmap(SCRATCH_VIRT, PAGE_SIZE, NULL));
	EXPECT(!mmu_translate(SCRATCH_VIRT, false, &phys));
	free_page((uintptr_t)linear);
}

/* A frame changed under a window: a TLB that was not told would show the old one. */
SELFTEST(mmu, no_stale_translation_after_a_change)
{
	volatile uint32_t *window = (volatile uint32_t *)SCRATCH_VIRT;
	uint32_t *frames[2] = { (uint32_t *)__get_free_page(GFP_KERNEL),
				(uint32_t *)__get_free_page(GFP_KERNEL) };

	EXPECT(frames[0] != NULL && frames[1] != NULL);
	frames[0][0] = 1;
	frames[1][0] = 2;
	for (unsigned int i = 0; i < 64; i++) {
		EXPECT(mmu_map(SCRATCH_VIRT, virt_to_phys(frames[i & 1]), PAGE_SIZE, MEMORY_NORMAL,
			       RIGHTS_WRITE, supply_table));
		EXPECT(*window == 1 + (i & 1));
		EXPECT(mmu_unmap(SCRATCH_VIRT, PAGE_SIZE, NULL));
	}
	free_page((uintptr_t)frames[0]);
	free_page((uintptr_t)frames[1]);
}

/* A live section of lowmem, split by taking rights from one page of it; its neighbours keep theirs. */
SELFTEST(mmu, a_live_section_is_split)
{
	char *megabyte = (char *)__get_free_pages(GFP_KERNEL, 8);
	uintptr_t page = (uintptr_t)megabyte + 7 * PAGE_SIZE;
	struct mapping mapping;
	phys_addr_t phys;

	EXPECT(megabyte != NULL && mmu_query(page, &mapping));
	megabyte[7 * PAGE_SIZE] = 42;
	EXPECT(mmu_protect(page, PAGE_SIZE, RIGHTS_READ, supply_table));
	EXPECT(mmu_query(page, &mapping) && mapping.bytes == PAGE_SIZE);
	EXPECT(!mmu_translate(page, true, &phys) && mmu_translate(page, false, &phys));
	EXPECT(mmu_translate(page - PAGE_SIZE, true, &phys));
	EXPECT(mmu_translate(page + PAGE_SIZE, true, &phys));
	EXPECT(mmu_query(page + LARGE_PAGE_SIZE, &mapping) && mapping.bytes == LARGE_PAGE_SIZE);
	EXPECT(*(volatile char *)page == 42);
	EXPECT(mmu_protect(page, PAGE_SIZE, RIGHTS_WRITE, NULL));
	EXPECT(mmu_translate(page, true, &phys) && *(volatile char *)page == 42);
	EXPECT(mmu_query(page, &mapping) && mapping.bytes >= LARGE_PAGE_SIZE);
	free_pages((uintptr_t)megabyte, 8);
}

/* Every page of a window shows its frame of the block, written through one and read by the other. */
static void expect_same_block(uintptr_t window, uintptr_t linear, uint32_t mark)
{
	phys_addr_t phys;

	for (uint32_t at = 0; at < LARGE_PAGE_SIZE; at += PAGE_SIZE) {
		EXPECT(mmu_translate(window + at, true, &phys) &&
		       phys == virt_to_phys((void *)(linear + at)));
		*(volatile uint32_t *)(window + at) = mark + at;
		EXPECT(*(volatile uint32_t *)(linear + at) == mark + at);
	}
}

/* The hardware reads sixteen descriptors as one page; split and joined again it shows the same. */
SELFTEST(mmu, a_large_page_is_split_and_joined)
{
	uintptr_t linear = (uintptr_t)__get_free_pages(GFP_KERNEL, 4);
	uintptr_t window = SCRATCH_VIRT + LARGE_PAGE_SIZE, page = window + 9 * PAGE_SIZE;
	struct mapping mapping;
	phys_addr_t phys;

	EXPECT(linear != 0);
	EXPECT(mmu_map(window, virt_to_phys((void *)linear), LARGE_PAGE_SIZE, MEMORY_NORMAL,
		       RIGHTS_WRITE, supply_table));
	EXPECT(mmu_query(page, &mapping) && mapping.virt == window &&
	       mapping.bytes == LARGE_PAGE_SIZE);
	expect_same_block(window, linear, 1);
	EXPECT(mmu_protect(page, PAGE_SIZE, RIGHTS_READ, NULL));
	EXPECT(!mmu_translate(page, true, &phys) && mmu_translate(page, false, &phys));
	EXPECT(mmu_translate(page - PAGE_SIZE, true, &phys));
	EXPECT(mmu_protect(page, PAGE_SIZE, RIGHTS_WRITE, NULL));
	EXPECT(mmu_query(page, &mapping) && mapping.bytes == LARGE_PAGE_SIZE);
	expect_same_block(window, linear, 2);
	EXPECT(mmu_unmap(page, PAGE_SIZE, NULL));
	EXPECT(!mmu_translate(page, false, &phys));
	EXPECT(mmu_translate(page + PAGE_SIZE, true, &phys));
	EXPECT(mmu_unmap(window, LARGE_PAGE_SIZE, NULL));
	EXPECT(!mmu_translate(window, false, &phys));
	free_pages(linear, 4);
}

/*
 * At the start of a page: QEMU's raspi2b looks up translated code by KiB, and TLB maintenance by a
 * page's address makes it forget the first of four.
 */
static __attribute__((noinline, aligned(PAGE_SIZE))) void do_nothing(void)
{
	__asm__ volatile("");
}

/* The block of text that holds a function, as a large page elsewhere: called there, and refused. */
SELFTEST(mmu, a_large_page_executes_only_when_it_may)
{
	uintptr_t text = ALIGN_DOWN((uintptr_t)do_nothing, LARGE_PAGE_SIZE);
	uintptr_t window = SCRATCH_VIRT + LARGE_PAGE_SIZE;
	uintptr_t alias = window + ((uintptr_t)do_nothing - text);
	struct exception_info info;
	struct mapping mapping;
	phys_addr_t phys;

	EXPECT(mmu_map(window, virt_to_phys((void *)text), LARGE_PAGE_SIZE, MEMORY_NORMAL,
		       RIGHTS_EXECUTE, supply_table));
	EXPECT(mmu_query(alias, &mapping) && mapping.bytes == LARGE_PAGE_SIZE);
	EXPECT(exception_try_execute(alias, 0, &info));
	EXPECT(!mmu_translate(alias, true, &phys));
	EXPECT(mmu_protect(window, LARGE_PAGE_SIZE, RIGHTS_READ, NULL));
	EXPECT(!exception_try_execute(alias, 0, &info));
	EXPECT(mmu_translate(alias, false, &phys) && !mmu_translate(alias, true, &phys));
	EXPECT(mmu_query(alias, &mapping) && mapping.bytes == LARGE_PAGE_SIZE);
	EXPECT(mmu_unmap(window, LARGE_PAGE_SIZE, NULL));
}

/* Cleared and flushed, a range shows what is mapped there next. */
SELFTEST(mmu, cleared_and_flushed_is_gone)
{
	volatile uint32_t *window = (volatile uint32_t *)SCRATCH_VIRT;
	uint32_t *pages = (uint32_t *)__get_free_pages(GFP_KERNEL, 1);

	EXPECT(pages != NULL);
	for (uint32_t i = 0; i < 64; i++) {
		uint32_t *page = pages + (i & 1) * (PAGE_SIZE / 4);

		EXPECT(mmu_map(SCRATCH_VIRT, virt_to_phys(page), PAGE_SIZE, MEMORY_NORMAL,
			       RIGHTS_WRITE, supply_table));
		*page = i;
		EXPECT(*window == i);
		mmu_clear(SCRATCH_VIRT, PAGE_SIZE);
		mmu_flush(SCRATCH_VIRT, PAGE_SIZE);
	}
	free_pages((uintptr_t)pages, 1);
}

#define SPARE_WINDOW (FIXMAP_BASE - PAGE_SIZE) /* in the fixmap's megabyte, which has a table */

SELFTEST(mmu, a_window_shows_one_frame_after_another)
{
	volatile uint32_t *window = (volatile uint32_t *)SPARE_WINDOW;
	uint32_t *pages = (uint32_t *)__get_free_pages(GFP_KERNEL, 1);
	uint32_t *entry = mmu_window_entry(SPARE_WINDOW);
	phys_addr_t phys;

	EXPECT(pages != NULL);
	for (uint32_t i = 0; i < 64; i++) {
		uint32_t *page = pages + (i & 1) * (PAGE_SIZE / 4);

		*page = i;
		mmu_window_open(entry, virt_to_phys(page));
		EXPECT(*window == i);
		*window = ~i;
		EXPECT(*page == ~i);
		mmu_window_close(entry, SPARE_WINDOW);
		EXPECT(!mmu_translate(SPARE_WINDOW, false, &phys));
	}
	free_pages((uintptr_t)pages, 1);
}

/* --- vmemmap --------------------------------------------------------------------------------- */

static void expect_backed(uint32_t pfn)
{
	struct page *page = pfn_to_page(pfn);
	struct page before = *page;
	phys_addr_t phys;

	EXPECT(page_to_pfn(page) == pfn);
	EXPECT(mmu_translate((uintptr_t)page, true, &phys));
	*(volatile uint32_t *)&page->link[1] = pfn ^ 0x5a5a5a5a;
	EXPECT(*(volatile uint32_t *)&page->link[1] == (pfn ^ 0x5a5a5a5a));
	*page = before;
}

SELFTEST(vmemmap, every_4_mib_of_ram_has_its_own_struct_pages)
{
	phys_addr_t last_phys = 0, phys;
	unsigned long start, end;
	int i;

	for_each_mem_pfn_range(i, MAX_NUMNODES, &start, &end, NULL) {
		for (unsigned long pfn = start; pfn < end; pfn = ALIGN_DOWN(pfn, 1024) + 1024) {
			expect_backed((uint32_t)pfn);
			EXPECT(mmu_translate((uintptr_t)pfn_to_page((uint32_t)pfn), false, &phys));
			EXPECT(phys != last_phys);
			EXPECT(memblock_is_reserved(phys));
			last_phys = phys;
		}
		expect_backed((uint32_t)end - 1);
	}
}

/* Where there is no RAM the struct page reads as type 0, for every 4 MiB of the 32-bit space. */
SELFTEST(vmemmap, holes_read_as_nothing_and_cannot_be_written)
{
	phys_addr_t phys;

	for (uint32_t unit = 0; unit < 1024; unit++) {
		uint32_t pfn = unit * 1024;
		struct page *page = pfn_to_page(pfn);

		if (memblock_overlaps_region(&memblock.memory, (phys_addr_t)PFN_PHYS(pfn),
					     unit == 1023 ? SZ_4M - 1 : SZ_4M))
			continue;
		EXPECT(page_type(page) == PAGE_NONE && page->count == 0);
		EXPECT(page_type(pfn_to_page(pfn + 1023)) == PAGE_NONE);
		EXPECT(page_block_head(pfn + 5) == NULL);
		EXPECT(!mmu_translate((uintptr_t)page, true, &phys));
	}
}

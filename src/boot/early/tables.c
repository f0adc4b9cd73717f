/* SPDX-License-Identifier: MIT */
/*
 * The first page tables, built with the MMU off. What they map they map for good: nothing that runs
 * may change under itself.
 *
 *	where the image is, one to one     by sections, read-only: only head.S runs there, until
 *	                                   mmu_init takes it away
 *	PAGE_OFFSET + 2 MiB                the image where it is linked, by small pages: text executes,
 *	                                   constants are read-only, data never executes, the pages
 *	                                   below the stacks are not mapped
 *	BLOB_WINDOW                        the device tree, read-only, its pages only
 *	VECTORS_BASE                       the page of the exception vectors
 *	FIXMAP_BASE                        an empty table
 *
 * Where physical equals virtual (virt with VMSPLIT_1G) the linked place is the one-to-one mapping,
 * and there is no other. arch/arm/mmu.c adds the rest of lowmem once there is a memory map.
 */
#include "arch/arm/tables.h"
#include "arch/arm/descriptor.h"
#include "boot/early/early.h"

#define PAGE_EXECUTE (PAGE_NORMAL | PAGE_AP_RO)
#define PAGE_READ    (PAGE_NORMAL | PAGE_AP_RO | PAGE_XN)
#define PAGE_WRITE   (PAGE_NORMAL | PAGE_XN)

#pragma GCC visibility push(hidden)
extern char __image_start[], __text_end[], __rodata_end[], __image_end[];
extern char __boot_stack_guard[], __exception_stack_guard[], __interrupt_stack_guard[],
	__idle_stack_guard[];
extern char __vectors_start[];
#pragma GCC visibility pop

struct kernel_tables kernel_tables __attribute__((aligned(16384), section(".bss.kernel_tables")));

static void clear_tables(void)
{
	uint32_t *word = (uint32_t *)&kernel_tables;

	for (uint32_t i = 0; i < sizeof(kernel_tables) / sizeof(*word); i++)
		word[i] = 0;
}

static void link_table(uint32_t virt, const uint32_t *table)
{
	kernel_tables.first[virt >> SECTION_SHIFT] = (uint32_t)(uintptr_t)table | L1_TABLE;
}

static uint32_t *page_entry(uint32_t (*tables)[L2_ENTRIES], uint32_t base, uint32_t virt)
{
	uint32_t page = (virt - ALIGN_DOWN(base, SECTION_SIZE)) >> PAGE_SHIFT;

	return &tables[page / L2_ENTRIES][page % L2_ENTRIES];
}

static void map_one_to_one(uint32_t here, uint32_t bytes)
{
	for (uint32_t at = ALIGN_DOWN(here, SECTION_SIZE); at < here + bytes; at += SECTION_SIZE)
		kernel_tables.first[at >> SECTION_SHIFT] = at | SECTION_NORMAL | SECTION_AP_RO;
}

/* How the page of the image at `offset` is mapped; 0: not at all. */
static uint32_t image_page(uint32_t offset)
{
	const char *at = __image_start + offset;

	if (at == __boot_stack_guard || at == __exception_stack_guard ||
	    at == __interrupt_stack_guard || at == __idle_stack_guard)
		return 0;
	if (at < __text_end)
		return PAGE_EXECUTE;
	return at < __rodata_end ? PAGE_READ : PAGE_WRITE;
}

static void map_image(uint32_t here, uint32_t bytes)
{
	uint32_t virt = CONFIG_PAGE_OFFSET + IMAGE_OFFSET;

	for (uint32_t i = 0; i < IMAGE_TABLES; i++)
		link_table(virt + i * SECTION_SIZE, kernel_tables.image[i]);
	for (uint32_t offset = 0; offset < bytes; offset += PAGE_SIZE) {
		uint32_t attributes = image_page(offset);

		if (attributes != 0)
			*page_entry(kernel_tables.image, virt, virt + offset) =
				(here + offset) | attributes;
	}
}

static void map_blob(uint32_t phys, uint32_t bytes)
{
	uint32_t virt = BLOB_WINDOW + (phys & (SECTION_SIZE - 1) & PAGE_MASK);
	uint32_t last = (phys & (PAGE_SIZE - 1)) + bytes;

	for (uint32_t i = 0; i < BLOB_TABLES; i++)
		link_table(BLOB_WINDOW + i * SECTION_SIZE, kernel_tables.blob[i]);
	for (uint32_t offset = 0; offset < last; offset += PAGE_SIZE)
		*page_entry(kernel_tables.blob, BLOB_WINDOW, virt + offset) =
			((phys & PAGE_MASK) + offset) | PAGE_READ;
}

uint32_t early_tables(uint32_t here)
{
	const struct boot_info *info = &boot_info;
	uint32_t vectors = here + (uint32_t)(__vectors_start - __image_start);

	clear_tables();
	if (here != CONFIG_PAGE_OFFSET + IMAGE_OFFSET)
		map_one_to_one(here, info->image_bytes);
	map_image(here, info->image_bytes);
	if (info->tree.blob_bytes != 0)
		map_blob(info->blob_phys, info->tree.blob_bytes);
	link_table(FIXMAP_BASE, kernel_tables.fixmap);
	link_table(VECTORS_BASE, kernel_tables.vectors);
	kernel_tables.vectors[(VECTORS_BASE >> PAGE_SHIFT) % L2_ENTRIES] = vectors | PAGE_EXECUTE;
	return (uint32_t)(uintptr_t)kernel_tables.first;
}

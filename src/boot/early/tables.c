/* SPDX-License-Identifier: MIT */
/*
 * The first page tables: just enough to run at the linked address and to read the blob.
 *
 *	where the image is, one to one          so that turning the MMU on does not pull the floor
 *away PAGE_OFFSET + 2 MiB                     the image where it is linked BLOB_WINDOW the device
 *tree, read-only the megabyte of the fixmap              by small pages, all empty yet
 *
 * Everything by sections but the fixmap. arch/arm/mmu.c adds lowmem and the rest once there is a
 *memory map.
 */
#include "boot/early/early.h"
#include "arch/arm/descriptor.h"
#include "arch/layout.h"

uint32_t first_table[4096] __attribute__((aligned(16384), section(".bss.first_table")));

static void map_sections(uint32_t virt, uint32_t phys, uint32_t bytes, uint32_t attributes)
{
	uint32_t first = phys >> SECTION_SHIFT;
	uint32_t last = (phys + bytes - 1) >> SECTION_SHIFT;

	for (uint32_t i = 0; i <= last - first; i++)
		first_table[(virt >> SECTION_SHIFT) + i] =
			((first + i) << SECTION_SHIFT) | attributes;
}

uint32_t early_tables(uint32_t here)
{
	const struct boot_info *info = &boot_info;

	for (uint32_t i = 0; i < ARRAY_SIZE(first_table); i++)
		first_table[i] = 0;
	map_sections(here, here, info->image_bytes, SECTION_NORMAL_RWX);
	map_sections(CONFIG_PAGE_OFFSET + IMAGE_OFFSET, here, info->image_bytes,
		     SECTION_NORMAL_RWX);
	if (info->tree.blob_bytes != 0)
		map_sections(BLOB_WINDOW, info->blob_phys, info->tree.blob_bytes,
			     SECTION_NORMAL_RO);
	return (uint32_t)(uintptr_t)first_table;
}

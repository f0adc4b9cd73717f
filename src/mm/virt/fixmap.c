/* SPDX-License-Identifier: MIT */
#include "mm/virt/fixmap.h"
#include "arch/mmu.h"
#include "arch/layout.h"

/* Every other page, so that running over a window's end hits nothing. */
static uintptr_t slot_address(enum fixmap_slot slot)
{
	return FIXMAP_BASE + 2 * PAGE_SIZE * slot;
}

volatile void *fixmap_open(enum fixmap_slot slot, phys_addr_t phys)
{
	uintptr_t virt = slot_address(slot);

	fixmap_close(slot);
	/* The table under the fixmap is static: no supplier, no failure. */
	mmu_map(virt, ALIGN_DOWN(phys, PAGE_SIZE), PAGE_SIZE, MEMORY_DEVICE, RIGHTS_WRITE, NULL);
	return (volatile void *)(virt + (phys & (PAGE_SIZE - 1)));
}

void fixmap_close(enum fixmap_slot slot)
{
	mmu_unmap(slot_address(slot), PAGE_SIZE, NULL);
}

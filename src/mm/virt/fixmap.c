/* SPDX-License-Identifier: MIT */
#include "mm/virt/fixmap.h"
#include "arch/mmu.h"
#include "arch/layout.h"

/* Every other page, so that running over a window's end hits nothing. */
uintptr_t fixmap_address(enum fixmap_slot slot)
{
	return FIXMAP_BASE + FIXMAP_SLOT_BYTES * slot;
}

_Static_assert(FIXMAP_BASE + FIXMAP_SLOT_BYTES * FIXMAP_SLOTS <=
		       ALIGN_DOWN(FIXMAP_BASE, SECTION_SIZE) + SECTION_SIZE,
	       "all slots lie in the megabyte that has a table");

static uintptr_t open_as(enum fixmap_slot slot, phys_addr_t phys, enum memory_kind kind)
{
	uintptr_t virt = fixmap_address(slot);

	fixmap_close(slot);
	/* The table under the fixmap is static: no supplier, no failure. */
	mmu_map(virt, ALIGN_DOWN(phys, PAGE_SIZE), PAGE_SIZE, kind, RIGHTS_WRITE, NULL);
	return virt + (phys & (PAGE_SIZE - 1));
}

volatile void *fixmap_open(enum fixmap_slot slot, phys_addr_t phys)
{
	return (volatile void *)open_as(slot, phys, MEMORY_DEVICE);
}

void *fixmap_open_memory(enum fixmap_slot slot, phys_addr_t phys)
{
	return (void *)open_as(slot, phys, MEMORY_NORMAL);
}

void fixmap_close(enum fixmap_slot slot)
{
	mmu_unmap(fixmap_address(slot), PAGE_SIZE, NULL);
}

/* --- for people ------------------------------------------------------------------------------ */

bool fixmap_shows(enum fixmap_slot slot, phys_addr_t *phys)
{
	struct mapping mapping;

	if (!mmu_query(fixmap_address(slot), &mapping))
		return false;
	*phys = mapping.phys;
	return true;
}

const char *fixmap_name(enum fixmap_slot slot)
{
	static const char *const names[] = {
		[FIX_CONSOLE] = "console",
		[FIX_PROBE] = "probe",
		[FIX_POWER] = "power",
	};

	return slot < ARRAY_SIZE(names) ? names[slot] : "kmap_local";
}

bool fixmap_stays_open(enum fixmap_slot slot)
{
	return slot == FIX_CONSOLE || slot == FIX_POWER;
}

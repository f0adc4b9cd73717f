/* SPDX-License-Identifier: MIT */
/*
 * The contract with the MMU: kernel mappings.
 *
 * Addresses and lengths are multiples of PAGE_SIZE; ranges do not wrap. A mapping is visible to the
 * caller's next access when a function returns. All of this is for one core before others run;
 * TLB maintenance is broadcast all the same.
 *
 * Whatever the caller says, device memory never executes.
 */
#ifndef STRATA_ARCH_MMU_H
#define STRATA_ARCH_MMU_H

#include "lib/types.h"

enum memory_kind {
	MEMORY_NORMAL,    /* write-back, write-allocate, shareable */
	MEMORY_NONCACHED, /* Normal, but not in any cache: coherent DMA */
	MEMORY_DEVICE,    /* Device: in order, no speculation, no unaligned access */
	MEMORY_KINDS,
};

enum memory_rights {
	RIGHTS_READ,
	RIGHTS_WRITE,   /* read and write, never execute */
	RIGHTS_EXECUTE, /* read and execute, never write */
	MEMORY_RIGHTS,
};

/*
 * Gives the physical address of 1 KiB, aligned to its size, for a second-level table, reachable
 * through the linear map; its old contents do not matter. Returns 0 when there is none.
 */
typedef phys_addr_t (*table_supplier)(void);

/*
 * Take over from the first tables: the one-to-one mapping of the image goes (unless it is the
 * linear map's own), the fixmap's table comes. Call once, first of all, at the linked address.
 */
void mmu_init(uint32_t image_phys, uint32_t image_bytes);

/*
 * Map [virt, virt + bytes) to phys, by sections where both addresses and the rest of the length
 * allow it, by small pages elsewhere. The range must not be mapped yet. False when the supplier
 * ran dry: then nothing of the range is mapped, tables that were taken stay for later use.
 */
bool mmu_map(uintptr_t virt, phys_addr_t phys, size_t bytes, enum memory_kind kind,
	     enum memory_rights rights, table_supplier supplier);

/*
 * The same with one frame behind every page of the range: a floor of zeros under what is not there.
 * By small pages only.
 */
bool mmu_map_repeated(uintptr_t virt, phys_addr_t frame, size_t bytes, enum memory_kind kind,
		      enum memory_rights rights, table_supplier supplier);

/* Remove whatever small pages and whole sections the range maps. Tables stay. */
void mmu_unmap(uintptr_t virt, size_t bytes);

/*
 * What the hardware itself says of a privileged read (or write) at virt: ATS1CPR, ATS1CPW. False
 * when it would fault; *phys is untouched then.
 */
bool mmu_translate(uintptr_t virt, bool write, phys_addr_t *phys);

#endif

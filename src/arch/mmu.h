/* SPDX-License-Identifier: MIT */
/*
 * The contract with the MMU: kernel mappings.
 *
 * Addresses and lengths are multiples of PAGE_SIZE; ranges do not wrap. Sections (1 MiB) and small
 * pages (4 KiB) are chosen by alignment and nobody above sees which, but for what mmu_query tells.
 *
 * Maintenance is done in here, for a real core (ARM DDI 0406C B3.10.1): when a function returns, the
 * caller's next access uses the new tables, and no core's TLB holds what was there before. A live
 * entry is never replaced by another: it is taken away, the TLBs are told, then the new one is
 * written. So what executes, its stack and its data must not lie in a range that is changed; the
 * image is never in a section, so splitting one cannot pull the floor away. Callers hold off other
 * users of the range; interrupts that touch it must be masked.
 *
 * Whatever the caller says, writable memory never executes, and device memory neither.
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
 * through the linear map and not inside the range at hand; its old contents do not matter. Returns
 * 0 when there is none. A table, once given, stays with the MMU.
 */
typedef phys_addr_t (*table_supplier)(void);

/* What is mapped at an address: the page or section that holds it. */
struct mapping {
	uintptr_t virt; /* its first address */
	phys_addr_t phys;
	size_t bytes; /* PAGE_SIZE or SECTION_SIZE */
	enum memory_kind kind;
	enum memory_rights rights;
};

/*
 * Take over from early_tables: set linear_offset, take the one-to-one mapping of the image away
 * (unless it is the linear map's own). Call once, first of all, at the linked address.
 */
void mmu_init(uint32_t image_phys, uint32_t image_bytes);

/*
 * Map [virt, virt + bytes) to phys, by sections where both addresses and the rest of the length
 * allow it, by small pages elsewhere. Nothing in the range may be mapped yet. False when the
 * supplier ran dry, or when a section is in the way: then nothing of the range was mapped.
 */
bool mmu_map(uintptr_t virt, phys_addr_t phys, size_t bytes, enum memory_kind kind,
	     enum memory_rights rights, table_supplier supplier);

/*
 * The same with one frame behind every page of the range: a floor of zeros under what is not there.
 * By small pages only.
 */
bool mmu_map_repeated(uintptr_t virt, phys_addr_t frame, size_t bytes, enum memory_kind kind,
		      enum memory_rights rights, table_supplier supplier);

/*
 * Remove what the range maps; holes in it are no error. A section that is only partly in the range
 * is split. False when the supplier had no table for that: then nothing was changed.
 */
bool mmu_unmap(uintptr_t virt, size_t bytes, table_supplier supplier);

/*
 * Give what the range maps other rights, splitting sections at its ends. Holes stay holes. False,
 * with nothing changed, when the supplier had no table.
 */
bool mmu_protect(uintptr_t virt, size_t bytes, enum memory_rights rights, table_supplier supplier);

/* What the tables say of virt. False: nothing is mapped, and *mapping is untouched. */
bool mmu_query(uintptr_t virt, struct mapping *mapping);

/* The first mapping that ends above virt, so a walk goes on at virt + bytes. False: there is none. */
bool mmu_query_from(uintptr_t virt, struct mapping *mapping);

/*
 * What the hardware itself says of a privileged read (or write) at virt: ATS1CPR, ATS1CPW. False
 * when it would fault; *phys is untouched then.
 */
bool mmu_translate(uintptr_t virt, bool write, phys_addr_t *phys);

/* The descriptors that a walk for virt reads: *second is 0 when the first level decides. */
void mmu_descriptors(uintptr_t virt, uint32_t *first, uint32_t *second);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The contract with the MMU: kernel mappings.
 *
 * Addresses and lengths are multiples of PAGE_SIZE; ranges do not wrap. Sections (1 MiB), large pages
 * (64 KiB) and small pages (4 KiB) are chosen by alignment and nobody above sees which, but for what
 * mmu_query tells.
 *
 * Maintenance is done in here, for a real core (ARM DDI 0406C B3.10.1): when a function returns, the
 * caller's next access uses the new tables, and no core's TLB holds what was there before, except
 * after mmu_clear and mmu_window_clear. A live entry is never replaced by another: it is taken away,
 * the TLBs are told, then the new one is written, with this core's interrupts masked in between. What
 * is split or joined goes away whole for that moment. So what executes, its stack and its data must
 * not lie in a range that is changed nor in the megabytes at its ends, and other cores must keep off
 * those; the image's pages are never joined, so it cannot pull the floor away from itself.
 *
 * Callers hold off other users of the range, and each other where ranges share a megabyte: it has one
 * table.
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
 * 0 when there is none. A table, once given, stays with the MMU until nothing in its megabyte is
 * mapped any more or a section can stand for it; then it goes back to its owner.
 */
typedef phys_addr_t (*table_supplier)(void);

/*
 * Whose tables they are: `owns` says whether a table (its physical address) may be given back, `give`
 * takes it. Set once. A table that nobody owns, of the image or of the boot, stays where it is.
 */
void mmu_set_table_owner(bool (*owns)(phys_addr_t table), void (*give)(phys_addr_t table));

/* What is mapped at an address: the page or section that holds it. */
struct mapping {
	uintptr_t virt; /* its first address */
	phys_addr_t phys;
	size_t bytes; /* PAGE_SIZE, LARGE_PAGE_SIZE or SECTION_SIZE */
	enum memory_kind kind;
	enum memory_rights rights;
};

/*
 * Take over from early_tables: set linear_offset, take the one-to-one mapping of the image away
 * (unless it is the linear map's own). Call once, first of all, at the linked address.
 */
void mmu_init(uint32_t image_phys, uint32_t image_bytes);

/*
 * Map [virt, virt + bytes) to phys, by sections and large pages where both addresses and the rest of
 * the length allow it, by small pages elsewhere. Nothing in the range may be mapped yet. False when
 * the supplier ran dry, or when a section is in the way: then nothing of the range was mapped.
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
 * Remove what the range maps; holes in it are no error. What is only partly in the range is split.
 * False when the supplier had no table to split a section with: then nothing was changed. Without
 * sections at its ends it cannot fail.
 */
bool mmu_unmap(uintptr_t virt, size_t bytes, table_supplier supplier);

/*
 * Give what the range maps other rights, splitting at its ends. Holes stay holes. False, with nothing
 * changed, when the supplier had no table.
 *
 * Afterwards what is alike is joined: pages to large pages in each 64 KiB that the range touches, a
 * megabyte that it touches to a section, if its table has an owner. It asks not whose they are: leave
 * a page between areas that are cleared apart.
 */
bool mmu_protect(uintptr_t virt, size_t bytes, enum memory_rights rights, table_supplier supplier);

/*
 * The part of it that takes a table, for who lets interrupts in before the rest: sections that lie only
 * partly in the range become tables. False, with nothing changed, when the supplier had none.
 */
bool mmu_split(uintptr_t virt, size_t bytes, table_supplier supplier);

/*
 * Make the megabyte of the linear map at virt, read and written so far, another kind: MEMORY_NORMAL or
 * MEMORY_NONCACHED. Nobody may use it meanwhile, but cores may still speculate: what caches hold of it
 * is in memory and forgotten, on return as well. Its bytes stay. False, with nothing changed: its entry
 * is no section, or has other rights. Long, but interrupts are let in while lines are cleaned.
 */
bool mmu_section_kind(uintptr_t virt, enum memory_kind kind);

/*
 * Empty what the range maps, which must be whole mappings: nothing is split. The TLBs are not told:
 * until mmu_flush has run for the range some core may still use what was there, and nothing else may
 * be mapped there. Cannot fail.
 */
void mmu_clear(uintptr_t virt, size_t bytes);

/*
 * Tell all cores' TLBs that the range's emptied entries are gone, and give back tables in it that are
 * empty now. Several cleared ranges are flushed by one call that covers them all: up to 64 pages go
 * address by address, for more the TLBs forget everything.
 */
void mmu_flush(uintptr_t virt, size_t bytes);

/*
 * The same in parts, for who lets interrupts in between: first, part by part, the tables, where nothing
 * is mapped meanwhile; then the whole. `tables` is 0 at first, then what the part before returned.
 */
phys_addr_t mmu_flush_part(uintptr_t virt, size_t bytes, phys_addr_t tables);
void mmu_flush_whole(uintptr_t virt, size_t bytes, phys_addr_t tables);

/*
 * Windows: single pages whose entries the caller keeps. A window's entry is asked for once, of an
 * address whose first level has a table, which stays in place for good from then on. To open, the
 * entry must be empty and the TLBs must know: Normal memory, read and write, never execute. To close
 * empties it and tells the TLBs.
 */
uint32_t *mmu_window_entry(uintptr_t virt);
void mmu_window_open(uint32_t *entry, phys_addr_t phys);
void mmu_window_close(uint32_t *entry, uintptr_t virt);

/* Closing without telling the TLBs, for a window that is opened again only after mmu_flush. */
void mmu_window_clear(uint32_t *entry);

/* What the tables say of virt. False: nothing is mapped, and *mapping is untouched. */
bool mmu_query(uintptr_t virt, struct mapping *mapping);

/* The first mapping that ends above virt, so a walk goes on at virt + bytes. False: there is none. */
bool mmu_query_from(uintptr_t virt, struct mapping *mapping);

/*
 * What the hardware itself says of a privileged read (or write) at virt: ATS1CPR, ATS1CPW. False
 * when it would fault; *phys is untouched then. A handler that asks in between would leave its own
 * answer: with interrupts masked where handlers ask.
 */
bool mmu_translate(uintptr_t virt, bool write, phys_addr_t *phys);

/* The descriptors that a walk for virt reads: *second is 0 when the first level decides. */
void mmu_descriptors(uintptr_t virt, uint32_t *first, uint32_t *second);

#endif

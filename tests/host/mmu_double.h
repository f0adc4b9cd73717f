/* SPDX-License-Identifier: MIT */
/*
 * The double of the MMU: arch/mmu.h over a stretch of the host's addresses, page by page, as real
 * mappings of the harness's memory. What is mapped is read and written through its address; what is
 * not, faults.
 *
 * It fails the test when something is mapped where something is, or where something was and no flush
 * has been since; when what is cleared is only a part of a mapping; when a range is not of whole pages.
 * Small pages need a table for each megabyte, from the supplier, and it goes back when it is empty
 * after a flush.
 */
#ifndef STRATA_TESTS_MMU_DOUBLE_H
#define STRATA_TESTS_MMU_DOUBLE_H

#include "arch/mmu.h"

#define DOUBLE_MMU_BYTES SZ_128M /* of addresses */

/* Nothing is mapped. Returns the first address, aligned to 16 MiB. */
uintptr_t double_mmu_start(void);

/* Pages that are mapped; that were, and TLBs may remember; tables; flushes since the start. */
struct double_mmu_counts {
	uint32_t mapped, stale, tables, flushes;
};

extern struct double_mmu_counts double_mmu;

/* The mapping that shows a page, sections and large pages told apart. */
size_t double_mmu_entry_bytes(uintptr_t virt);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * highmem_debug=1: who opened each window, and who closed it; for the files of this room.
 *
 * While it is on, no window shows a page that nobody uses: kmap's are emptied with the last kunmap,
 * and the TLBs told. A closed window is used again as late as can be. So a pointer that outlives its
 * window is a fault, and the report says which page it was and who closed it.
 */
#ifndef STRATA_MM_VIRT_KMAP_DEBUG_H
#define STRATA_MM_VIRT_KMAP_DEBUG_H

#include "mm/virt/fixmap.h"
#include "mm/virt/kmap.h"

struct kmap_misuse;

struct kmap_record {
	struct owner_stack opened, closed;
	uint32_t pfn; /* what it shows, or showed last */
	bool known;
};

/* A record for each window of pkmap, then for each kmap_local slot. NULL: not watched. */
extern struct kmap_record *kmap_records;

#define KMAP_RECORDS (PKMAP_WINDOWS + CONFIG_NR_CPUS * KMAP_SLOTS)

static inline struct kmap_record *kmap_local_record(uint32_t slot)
{
	return kmap_records + PKMAP_WINDOWS + slot;
}

/* Take memory from memblock for the records if highmem_debug=1 said so. False: there is none. */
bool kmap_debug_start(void);

/* Only while watched. */
void kmap_debug_opened(struct kmap_record *record, uint32_t pfn);
void kmap_debug_closed(struct kmap_record *record);

/* Fill in what a record (NULL: none) knows of a window, of the page it showed if it is empty. */
void kmap_debug_describe(const struct kmap_record *record, struct kmap_window *window);

/* How many windows of this core are open; the slot of any core that an address lies in: for kmap_report.c. */
uint32_t kmap_local_depth(void);
bool kmap_local_find(uintptr_t address, struct kmap_window *window);

/* Tell a misuse, if anybody listens. */
void kmap_tell(const struct kmap_misuse *misuse, const struct kmap_record *record);

#endif

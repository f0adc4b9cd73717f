/* SPDX-License-Identifier: MIT */
/*
 * struct page: sixteen bytes for each page frame, at a fixed virtual address (vmemmap).
 *
 * There is a struct page for every frame of the 4 GiB space. Those of a 4 MiB unit that holds any
 * RAM are backed by memory of their own; all others are one shared read-only page of zeros. So the
 * struct page of any 32-bit address can be read, and type 0 says that nothing is there.
 */
#ifndef STRATA_MM_PHYS_PAGE_H
#define STRATA_MM_PHYS_PAGE_H

#include "arch/layout.h"
#include "lib/types.h"

struct page {
	uint32_t flags; /* type 4 bits, order 4, zone 2, migrate type 3, pkmap window 10, spare 9 */
	uint32_t count; /* references 16, mappings 16 */
	uint32_t link[2]; /* by type: a free block's list, a slab's state, a user page's owner */
};

_Static_assert(sizeof(struct page) == 16, "sixteen bytes, on the target and on the host");

#define PAGE_TYPE_MASK 15U
#define PAGE_TYPE_NONE 0U /* no RAM, or not backed */

#define vmemmap        ((struct page *)(uintptr_t)VMEMMAP_BASE)

static inline struct page *pfn_to_page(uint32_t pfn)
{
	return vmemmap + pfn;
}

static inline uint32_t page_to_pfn(const struct page *page)
{
	return (uint32_t)(page - vmemmap);
}

#endif

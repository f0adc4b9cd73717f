/* SPDX-License-Identifier: MIT */
/*
 * Windows to highmem: a page that has no linear address is shown at one for a while.
 *
 *	uint32_t *words = kmap_local_page(page);
 *	words[0] = 1;
 *	kunmap_local(words);
 *
 * Windows are this core's and are a stack: the last one opened is the first one closed, and no more
 * than KMAP_LOCAL_DEPTH are open at a time (an interrupt handler's on top of those that it found).
 */
#ifndef STRATA_MM_VIRT_KMAP_H
#define STRATA_MM_VIRT_KMAP_H

#include "mm/phys/page.h"

/* From now on __GFP_ZERO serves highmem. Once the zones stand. */
void kmap_init(void);

/* The page's linear address if it has one; else a window. NULL: all of this core's are open. */
void *kmap_local_page(struct page *page);

/* Any address in the page that kmap_local_page showed; nothing to do for a linear address. */
void kunmap_local(const void *address);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Touching physical memory, wherever it lies: lowmem at its linear address, highmem through this core's
 * windows, a page at a time. [phys, phys + bytes) is RAM.
 *
 * False: every window of this core is open; what came before was done.
 */
#ifndef STRATA_MM_DMA_TOUCH_H
#define STRATA_MM_DMA_TOUCH_H

#include "lib/types.h"

typedef void dma_toucher(const void *address, size_t bytes, void *context);

/* Call for each piece, from the lowest on. */
bool dma_touch(phys_addr_t phys, size_t bytes, dma_toucher *touch, void *context);

/* arch/cache.h's operations. */
bool dma_touch_clean(phys_addr_t phys, size_t bytes);
bool dma_touch_invalidate(phys_addr_t phys, size_t bytes);

/* Ranges that do not overlap. Two windows, where both are highmem. */
bool dma_touch_copy(phys_addr_t to, phys_addr_t from, size_t bytes);

#endif

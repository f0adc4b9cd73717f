/* SPDX-License-Identifier: MIT */
/*
 * Registers and memory of devices, at addresses of vmalloc's. Names and edges are Linux 6.1's.
 *
 *	volatile uint32_t *uart = ioremap(0x09000000, 0x1000);
 *	iounmap(uart);
 *
 * NULL: of nothing, of what reaches past 4 GiB, of RAM that the linear map shows (it would be mapped
 * twice, with attributes that disagree), of what is mapped already as memory of another kind; no
 * addresses, no memory for tables. vmalloc_misuse_hook or the page allocator has said why. RAM that
 * the linear map leaves out, highmem and no-map regions, may be mapped. Not from interrupt handlers.
 */
#ifndef STRATA_MM_VIRT_IOREMAP_H
#define STRATA_MM_VIRT_IOREMAP_H

#include "lib/types.h"

/* Device memory: in order, no speculation. The address need not be aligned; its offset is kept. */
volatile void *ioremap(phys_addr_t phys, size_t bytes);

/* The same not cached, but writes may be gathered: frame buffers. */
volatile void *ioremap_wc(phys_addr_t phys, size_t bytes);

/* The same as ordinary memory, cached. */
volatile void *ioremap_cache(phys_addr_t phys, size_t bytes);

/* What one of them returned, or another address of its first page. NULL is ignored. */
void iounmap(volatile const void *address);

#endif

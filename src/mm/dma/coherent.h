/* SPDX-License-Identifier: MIT */
/*
 * Coherent DMA: memory that CPU and device share without maintenance, for descriptors and rings. Names
 * and meanings are Linux's.
 *
 *	ring = dma_alloc_coherent(device, bytes, &bus, GFP_KERNEL);
 *	...the CPU writes, device_barrier(), the device reads, and back...
 *	dma_free_coherent(device, bytes, ring, bus);
 *
 * For a device that does not see the caches it comes out of megabytes of the linear map whose section is
 * Normal non-cacheable: the linear address is the buffer's, and there is no second mapping of another
 * kind, which the ARM manual forbids to use. The first ones are made at boot (coherent_pool=) and stay;
 * more are taken while a caller may wait, and go back when they are empty. What is known of them lies
 * elsewhere.
 *
 *	record -> [megabyte, 256 pages]   a bit for each page in use, one for each first page
 *	record -> [2 or 4 megabytes]      one buffer
 *	record -> nothing                 records stay, for who walks along them without a lock
 *
 * For a device that sees the caches it is ordinary memory within reach.
 */
#ifndef STRATA_MM_DMA_COHERENT_H
#define STRATA_MM_DMA_COHERENT_H

#include "mm/dma/map.h"
#include "mm/phys/gfp.h"

#define COHERENT_BYTES_MOST SZ_4M

/*
 * A zeroed buffer of whole pages, aligned to the power of two that holds it, which the device reaches
 * under its coherent mask: its linear address, and in *bus the device's. NULL: dma_refusal_hook was
 * told, *bus is as before. Of gfp only __GFP_DIRECT_RECLAIM, __GFP_HIGH, __GFP_ATOMIC and __GFP_NOWARN
 * count (with the last the hook is not told); zones are what the mask needs. Anywhere; what may not wait
 * gets what there is.
 */
void *dma_alloc_coherent(struct dma_device *device, size_t bytes, dma_addr_t *bus, gfp_t gfp);

/*
 * Give it back, with the device, size and bus address it was taken for. Anywhere; in threads empty
 * megabytes go back. What is no such buffer, of whatever kind of device, is told to dma_misuse_hook
 * (DMA_FREE_UNKNOWN) and left alone. NULL: nothing.
 */
void dma_free_coherent(struct dma_device *device, size_t bytes, void *address, dma_addr_t bus);

/*
 * The pool of the boot: so many megabytes of ZONE_DMA, or of other lowmem where that has none. Returns
 * how many there were. In threads, or before there are any.
 */
uint32_t coherent_start(uint32_t megabytes);

/* Give back what is empty and was not made by coherent_start. In threads. */
void coherent_trim(void);

/* --- for people ------------------------------------------------------------------------------ */

struct coherent_snapshot {
	const void *base;
	phys_addr_t phys;
	uint32_t pages, used_pages;
	bool kept; /* of coherent_start */
};

/* The next megabyte (or two, or four) at record *number or behind. False: there is none. */
bool coherent_snapshot(uint32_t *number, struct coherent_snapshot *snapshot);

struct coherent_counts {
	uint32_t taken, refused;  /* buffers */
	uint32_t grown, returned; /* blocks of megabytes */
};

void coherent_counts(struct coherent_counts *counts);

/* NULL, or what does not agree. Nobody may take or give meanwhile. */
const char *coherent_check(void);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Streaming DMA: memory that is the device's from map to unmap. Names and meanings are Linux's.
 *
 *	bus = dma_map_single(device, buffer, bytes, DMA_FROM_DEVICE);
 *	if (dma_mapping_error(device, bus))
 *		return -ENOMEM;
 *	...device_barrier(), then tell the device to begin; it says that it is done...
 *	dma_unmap_single(device, bus, bytes, DMA_FROM_DEVICE);
 *
 *	CPU's ---- map ----> device's ---- unmap ----> CPU's
 *	             <- dma_sync_*_for_device  dma_sync_*_for_cpu ->
 *
 * While it is the device's the CPU does not write to it, and does not read what the device writes. A
 * device that does not see the caches finds in memory what the CPU wrote, and the CPU what the device
 * wrote: what it takes is done by map, unmap and sync. Where the device does not reach the memory, they
 * copy, through a slot that it reaches (mm/dma/bounce.h); the address that it gets is always one that
 * it reaches.
 *
 * Nothing in here waits, ever: to be called in any context. What is copied or cleaned is so with
 * interrupts as they were.
 *
 * Of a mapping that is refused, DMA_MAPPING_ERROR is the address, dma_refusal_hook has been told, and
 * nothing is left. All memory may be mapped that has a struct page: highmem through windows of
 * kmap_local, of which two must be free.
 *
 * A buffer that a device writes to begins and ends with a cache line, as kmalloc's and whole pages do.
 */
#ifndef STRATA_MM_DMA_MAP_H
#define STRATA_MM_DMA_MAP_H

#include "mm/dma/device.h"
#include "mm/dma/scatterlist.h"

enum dma_data_direction {
	DMA_BIDIRECTIONAL,
	DMA_TO_DEVICE,
	DMA_FROM_DEVICE,
	DMA_NONE, /* never right */
};

/* --- masks ----------------------------------------------------------------------------------- */

/*
 * The highest bus address that the device can name; for streaming mappings, for coherent memory, or
 * both. 0; -EIO: nothing of RAM would be reached under it, and the mask is as before. What is mapped
 * stays mapped. In threads.
 */
int dma_set_mask(struct dma_device *device, uint64_t mask);
int dma_set_coherent_mask(struct dma_device *device, uint64_t mask);
int dma_set_mask_and_coherent(struct dma_device *device, uint64_t mask);

/* --- one buffer ------------------------------------------------------------------------------ */

/* Of lowmem: linear addresses. Memory of vmalloc is in pieces: dma_map_sg. */
dma_addr_t dma_map_single(struct dma_device *device, const void *address, size_t bytes,
			  enum dma_data_direction direction);
void dma_unmap_single(struct dma_device *device, dma_addr_t bus, size_t bytes,
		      enum dma_data_direction direction);

/* Of any page; offset + bytes may reach into the pages behind it, of the same block. */
dma_addr_t dma_map_page(struct dma_device *device, const struct page *page, size_t offset,
			size_t bytes, enum dma_data_direction direction);
void dma_unmap_page(struct dma_device *device, dma_addr_t bus, size_t bytes,
		    enum dma_data_direction direction);

/* Registers of another device, say a FIFO: no RAM, so nothing is cleaned and nothing can be copied. */
dma_addr_t dma_map_resource(struct dma_device *device, phys_addr_t phys, size_t bytes,
			    enum dma_data_direction direction);
void dma_unmap_resource(struct dma_device *device, dma_addr_t bus, size_t bytes,
			enum dma_data_direction direction);

/* The buffer, or a part of it, is the CPU's for a while; and the device's again. */
void dma_sync_single_for_cpu(struct dma_device *device, dma_addr_t bus, size_t bytes,
			     enum dma_data_direction direction);
void dma_sync_single_for_device(struct dma_device *device, dma_addr_t bus, size_t bytes,
				enum dma_data_direction direction);

static inline bool dma_mapping_error(const struct dma_device *device, dma_addr_t bus)
{
	(void)device;
	return bus == DMA_MAPPING_ERROR;
}

/* The longest mapping that is not refused for its length. SIZE_MAX: no limit but memory's pieces. */
size_t dma_max_mapping_size(const struct dma_device *device);

/* --- many pieces ----------------------------------------------------------------------------- */

/*
 * All `count` pieces, each by itself: pieces are never joined. Returns count; 0: one was refused, or
 * there is none, and then none is mapped. Unmap and sync with the count that was mapped.
 */
unsigned int dma_map_sg(struct dma_device *device, struct scatterlist *list, unsigned int count,
			enum dma_data_direction direction);
void dma_unmap_sg(struct dma_device *device, struct scatterlist *list, unsigned int count,
		  enum dma_data_direction direction);
void dma_sync_sg_for_cpu(struct dma_device *device, struct scatterlist *list, unsigned int count,
			 enum dma_data_direction direction);
void dma_sync_sg_for_device(struct dma_device *device, struct scatterlist *list, unsigned int count,
			    enum dma_data_direction direction);

/* --- refusals -------------------------------------------------------------------------------- */

enum dma_refusal_reason {
	DMA_BAD_REQUEST, /* no bytes, past the end of addresses, or no direction */
	DMA_NOT_LINEAR, /* dma_map_single of what is no lowmem: a stack, vmalloc, a user's address */
	DMA_NOT_RAM,    /* dma_map_page of what is no RAM */
	DMA_IS_RAM,     /* dma_map_resource of RAM */
	DMA_NO_WINDOW,  /* all windows of this core are open, and it is highmem */
	DMA_OUT_OF_REACH, /* and there is no pool that the device reaches; or it is no RAM */
	DMA_TOO_LARGE,    /* for a slot of the pool */
	DMA_POOL_FULL,    /* no run of slots is free that is long enough */
	DMA_MASK_IN_VAIN, /* dma_set_mask: nothing of RAM is reached */
	/* Of dma_alloc_coherent; `phys` is 0. */
	DMA_COHERENT_SIZE,      /* no bytes, or more than COHERENT_BYTES_MOST */
	DMA_COHERENT_UNREACHED, /* no lowmem in one piece is reached under the coherent mask */
	DMA_COHERENT_ATOMIC,    /* the caller may not wait, and what there is is in use */
	DMA_COHERENT_NO_BLOCK,  /* no block of pages that is large enough is free within reach */
	DMA_REFUSALS,
};

struct dma_refusal {
	enum dma_refusal_reason reason;
	const struct dma_device *device;
	uint64_t phys; /* of what was to be mapped; of NOT_LINEAR, the address as it was passed */
	size_t bytes;
	uint64_t mask;
	uintptr_t caller;
};

/* In the context of the call. May neither wait nor map. */
extern void (*dma_refusal_hook)(const struct dma_refusal *refusal);

/* For this room: tell the hook, if there is one. */
void dma_refuse(const struct dma_refusal *refusal);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Wrong use of DMA: what is told of it, and dma_debug=1, which remembers every mapping to find it.
 *
 * Without dma_debug=1 only what costs nothing is seen: an address that cannot be a mapping's, a device
 * that goes with mappings left, a window that was not to be had. With it each call is compared with the
 * mapping that it is about, and the memory with what a device could bear.
 */
#ifndef STRATA_MM_DMA_DEBUG_H
#define STRATA_MM_DMA_DEBUG_H

#include "mm/dma/map.h"

/* Mappings remembered at a time; those above are not watched, which is told once, and while there are any
 * an unmapping or sync of what is not known is taken to be about them. */
#define DMA_DEBUG_ENTRIES 2048U

/* Which calls a mapping is made and undone by. */
enum dma_map_kind { DMA_MAP_SINGLE, DMA_MAP_PAGE, DMA_MAP_SG, DMA_MAP_RESOURCE, DMA_MAP_KINDS };

enum dma_misuse_kind {
	/* Of unmap. UNKNOWN: nothing was done; else it was undone as it had been mapped. */
	DMA_UNMAP_UNKNOWN, /* nothing is mapped there: unmapped twice, or never mapped */
	DMA_UNMAP_SIZE,
	DMA_UNMAP_DIRECTION,
	DMA_UNMAP_KIND,
	/* Of sync. */
	DMA_SYNC_UNKNOWN,
	DMA_SYNC_RANGE, /* past the end of the mapping */
	DMA_SYNC_DIRECTION,
	DMA_SYNC_TWICE,   /* for whom it was already */
	DMA_SYNC_MISSING, /* the CPU wrote to it while it was the device's */
	/* Of map; it was obeyed. */
	DMA_MAP_STACK,
	DMA_MAP_FREED,
	DMA_MAP_SHARED_LINE, /* a cache line of it belongs to another mapping as well */
	/* Of any. */
	DMA_WINDOWS_OPEN, /* the CPU's or the device's bytes were not moved: no window of this core free */
	DMA_LEFT_MAPPED,   /* of dma_device_unregister */
	DMA_FREE_UNKNOWN,  /* of dma_free_coherent, which did nothing; `phys` is the address */
	DMA_LEFT_COHERENT, /* of dma_device_unregister: `bytes` is how many buffers */
	DMA_NOT_WATCHED,   /* more than DMA_DEBUG_ENTRIES */
	DMA_MISUSES,
};

/* A mapping as it is remembered. */
struct dma_mapping {
	const struct dma_device *device;
	uint64_t phys; /* of the caller's memory */
	dma_addr_t bus;
	size_t bytes;
	enum dma_data_direction direction;
	enum dma_map_kind kind;
	uintptr_t caller;
};

struct dma_misuse {
	enum dma_misuse_kind kind;
	/* As it was passed, `bytes` 0 where a call has none. Of LEFT_MAPPED without dma_debug=1, `bytes` is
	 * how many mappings. */
	struct dma_mapping call;
	/* The mapping that it is about, or that it meets; bytes 0: not known. */
	struct dma_mapping mapping;
};

/* In the context of the call. May neither wait nor map. */
extern void (*dma_misuse_hook)(const struct dma_misuse *misuse);

/* Begin to watch, with zeroed memory for the records; NULL: stop and forget. Devices that are registered
 * already: dma_device_update. Nobody may map meanwhile. */
size_t dma_debug_record_bytes(void);
void dma_debug_start(void *records);

/* The next mapping at *number or behind, in no order. False: there is none, or nobody is watching. */
bool dma_debug_snapshot(uint32_t *number, struct dma_mapping *mapping);

/* --- for this room --------------------------------------------------------------------------- */

extern bool dma_debug;

void dma_tell(enum dma_misuse_kind kind, const struct dma_mapping *call,
	      const struct dma_mapping *mapping);

/* target: where the device works, the memory itself or a slot. */
void dma_debug_mapped(const struct dma_mapping *mapping, uint64_t target);
/* Whether the call may go on: an unmapping as it was mapped, whatever *call said. */
bool dma_debug_unmapped(struct dma_mapping *call);
bool dma_debug_synced(const struct dma_mapping *call, bool for_cpu);
void dma_debug_device_gone(const struct dma_device *device);

#endif

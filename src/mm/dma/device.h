/* SPDX-License-Identifier: MIT */
/*
 * What a device can reach: the one answer that mapping, coherent memory, pools and the reports ask for.
 *
 * A device puts bus addresses on its bus. Two things limit them, and an access must pass both:
 *
 *	windows   what its bus leads where: `dma-ranges` of the tree from the device up to the root, joined;
 *	          none: bus address and CPU address are the same
 *	mask      the address lines that the device itself has: the highest bus address it can name
 *
 *	CPU physical   40000000 ---- RAM ---- 80000000
 *	                    \ window: + 80000000
 *	bus            c0000000 ------------ 100000000
 *	mask                ...dfffffff                  reached: 40000000 to 5fffffff
 *
 * `N bits` in dma_limit= and simdma= means 2^N bytes counted from the bus address of the first byte of
 * RAM; a mask set by a driver, and SIZE@BUSADDR, are absolute.
 */
#ifndef STRATA_MM_DMA_DEVICE_H
#define STRATA_MM_DMA_DEVICE_H

#include "lib/types.h"

typedef uint32_t dma_addr_t; /* a bus address; what lies above 4 GiB no 32-bit RAM is seen at */
#define DMA_MAPPING_ERROR  ((dma_addr_t)~0U)
#define DMA_BIT_MASK(n)    ((n) >= 64 ? ~0ULL : (1ULL << (n)) - 1)

#define DMA_WINDOWS_MOST   8U

struct dma_reach_window {
	uint64_t phys; /* CPU address of its first byte */
	uint64_t bytes;
	uint64_t bus; /* bus address of its first byte */
};

struct dma_device {
	const char *name; /* the node's path, or the driver's word; lives as long as the device */
	uint64_t mask;          /* for streaming mappings; highest bus address as 2^n - 1, or any number */
	uint64_t coherent_mask; /* for dma_alloc_coherent and dma_pool */
	bool coherent;          /* it sees the caches: no maintenance, cached memory */
	uint32_t window_count;  /* 0: no translation */
	struct dma_reach_window windows[DMA_WINDOWS_MOST];
	/* Limits pretended by dma_limit=: a narrower mask, and a window of bus addresses. */
	uint64_t limit_first_bus, limit_last_bus; /* 0 and UINT64_MAX: none */
	struct dma_device *next; /* of all registered */
	uint32_t live_mappings, live_coherent;
};

/*
 * Whether the device reaches every byte of [phys, phys + bytes) with bus addresses up to `mask`, in one
 * piece: neighbouring windows that do not continue each other's bus addresses do not join. On true
 * *bus is the bus address of the first byte.
 */
bool dma_reaches(const struct dma_device *device, uint64_t phys, uint64_t bytes, uint64_t mask,
		 uint64_t *bus);

/* The way back: the CPU address of a bus address; false: no window shows it. */
bool dma_phys_of_bus(const struct dma_device *device, uint64_t bus, uint64_t *phys);

/*
 * The highest zone whose every page the device reaches under `mask`, as GFP flags (0, __GFP_DMA or
 * __GFP_HIGHMEM); -1: no zone is reached whole, so pages must be taken by range
 * (dma_reach_range gives the first range of lowmem that is reached).
 */
int dma_zone_for(const struct dma_device *device, uint64_t mask);
bool dma_reach_range(const struct dma_device *device, uint64_t mask, uint64_t *first_phys,
		     uint64_t *end_phys);

#endif

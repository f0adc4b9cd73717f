/* SPDX-License-Identifier: MIT */
/*
 * Pools of small coherent buffers of one size, for descriptors. Names and meanings are Linux's.
 *
 *	pool = dma_pool_create("td", device, 64, 64, 0);
 *	td = dma_pool_zalloc(pool, GFP_ATOMIC, &bus);
 *	dma_pool_free(pool, td, bus);
 *	dma_pool_destroy(pool);
 *
 * Blocks are cut out of pages of dma_alloc_coherent, which stay until the pool is destroyed. Which are
 * free is kept outside of them: what a device or a wrong write leaves in a free block breaks nothing.
 */
#ifndef STRATA_MM_DMA_POOL_H
#define STRATA_MM_DMA_POOL_H

#include "mm/dma/coherent.h"

#define DMA_POOL_BYTES_MOST SZ_1M

struct dma_pool;

/*
 * Blocks of `bytes`, each at a multiple of `alignment` (a power of two; 0: 1), none across a multiple of
 * `boundary` (0, or a power of two that is not less than the block). The name and the device stay while
 * the pool does. NULL: the numbers contradict each other, or are more than DMA_POOL_BYTES_MOST; or no
 * memory. In threads.
 */
struct dma_pool *dma_pool_create(const char *name, struct dma_device *device, size_t bytes,
				 size_t alignment, size_t boundary);

/*
 * A block and in *bus its address for the device; with zalloc, zeroed. NULL: none is free, and no more
 * coherent memory is to be had, which dma_alloc_coherent has told. Anywhere; gfp as there.
 */
void *dma_pool_alloc(struct dma_pool *pool, gfp_t gfp, dma_addr_t *bus);
void *dma_pool_zalloc(struct dma_pool *pool, gfp_t gfp, dma_addr_t *bus);

/* Anywhere. What is no block in use is told to dma_pool_misuse_hook and left alone. */
void dma_pool_free(struct dma_pool *pool, void *block, dma_addr_t bus);

/* Give all back, but chunks with blocks in use: those are told, and stay with the device for good. NULL:
 * nothing. In threads; nobody may use the pool meanwhile. */
void dma_pool_destroy(struct dma_pool *pool);

/* --- wrong use ------------------------------------------------------------------------------- */

enum dma_pool_misuse_kind {
	DMA_POOL_FOREIGN,     /* the address is no block's of this pool */
	DMA_POOL_DOUBLE_FREE, /* the block is free */
	DMA_POOL_WRONG_BUS,   /* the block has another bus address */
	DMA_POOL_LEFT,        /* of dma_pool_destroy: `blocks` are in use */
	DMA_POOL_MISUSES,
};

struct dma_pool_misuse {
	enum dma_pool_misuse_kind kind;
	const char *name;
	const struct dma_device *device;
	const void *block;
	dma_addr_t bus;
	uint32_t blocks;
	uintptr_t caller;
};

/* In the context of the call. May neither wait nor map. */
extern void (*dma_pool_misuse_hook)(const struct dma_pool_misuse *misuse);

/* --- for people ------------------------------------------------------------------------------ */

struct dma_pool_snapshot {
	const char *name;
	const struct dma_device *device;
	size_t block_bytes;
	uint32_t chunks, blocks, used_blocks;
};

/* The pool of this number in the order of their making. False: there is none. */
bool dma_pool_snapshot(uint32_t number, struct dma_pool_snapshot *snapshot);

#endif

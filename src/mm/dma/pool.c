/* SPDX-License-Identifier: MIT */
/*
 * A chunk is a page, or the pages of one large block. Its record has a stack of the numbers of free
 * blocks, and a byte for each block that says whether it is in use; the pool has the offset of each
 * number, so that taking one divides nothing. Freeing finds the chunk by the number of its page.
 *
 *	page   [segment: block block block .] [segment: block block block .]   none across a boundary
 */
#include "mm/dma/pool.h"

#include <string.h>

#include "kern/spinlock.h"
#include "lib/bits.h"
#include "mm/obj/slab.h"

#define CALLER      ((uintptr_t)__builtin_return_address(0))
#define ROWS        32U
#define BLOCK_LEAST 4U

struct chunk {
	struct chunk *next_in_row;
	struct chunk *next_with_room; /* while free_count is not 0 */
	char *base;
	dma_addr_t bus;
	uint32_t free_count;
	uint8_t *used;
	uint16_t free[]; /* a stack of free_count numbers; behind it the bytes of `used` */
};

struct dma_pool {
	struct spinlock lock;
	/* Guarded by it. */
	struct chunk *with_room;
	struct chunk *rows[ROWS];
	uint32_t used_blocks, chunks;

	/* Set once. */
	size_t block_bytes, chunk_bytes;
	uint32_t stride;                       /* from block to block */
	uint32_t segment_bytes, segment_shift; /* 2^shift; of one large block: the chunk */
	uint32_t segment_blocks, blocks;       /* in a segment, in a chunk */
	const char *name;
	struct dma_device *device;
	struct dma_pool *next; /* guarded by pools_lock */
	uint16_t offsets[];    /* of each block of a chunk */
};

void (*dma_pool_misuse_hook)(const struct dma_pool_misuse *misuse);

static struct dma_pool *pools;
static struct spinlock pools_lock;

/* --- making ---------------------------------------------------------------------------------- */

static bool is_power(size_t number)
{
	return number != 0 && (number & (number - 1)) == 0;
}

/* How blocks lie in a chunk, which begins at a multiple of the power of two that holds it. */
static bool lay_out(struct dma_pool *pool, size_t bytes, size_t alignment, size_t boundary)
{
	if (alignment == 0)
		alignment = 1;
	if (bytes == 0 || bytes > DMA_POOL_BYTES_MOST || !is_power(alignment) ||
	    alignment > DMA_POOL_BYTES_MOST)
		return false;
	pool->block_bytes = bytes;
	pool->stride = (uint32_t)ALIGN_UP(bytes < BLOCK_LEAST ? BLOCK_LEAST : bytes, alignment);
	if (boundary != 0 && (boundary < pool->stride || !is_power(boundary)))
		return false;
	pool->chunk_bytes = ALIGN_UP(pool->stride, PAGE_SIZE);
	pool->segment_bytes = PAGE_SIZE;
	if (boundary != 0 && boundary < PAGE_SIZE)
		pool->segment_bytes = (uint32_t)boundary;
	while (pool->segment_bytes < pool->stride)
		pool->segment_bytes *= 2;
	pool->segment_shift = highest_bit(pool->segment_bytes);
	pool->segment_blocks = pool->segment_bytes / pool->stride;
	pool->blocks = pool->segment_blocks;
	if (pool->segment_bytes < PAGE_SIZE)
		pool->blocks *= PAGE_SIZE / pool->segment_bytes;
	if (pool->chunk_bytes > PAGE_SIZE)
		pool->blocks = pool->segment_blocks = 1;
	return true;
}

static void list(struct dma_pool *pool)
{
	struct dma_pool **place = &pools;
	uint32_t irq = spin_lock_irqsave(&pools_lock);

	while (*place != NULL)
		place = &(*place)->next;
	*place = pool;
	spin_unlock_irqrestore(&pools_lock, irq);
}

static void unlist(struct dma_pool *pool)
{
	struct dma_pool **place = &pools;
	uint32_t irq = spin_lock_irqsave(&pools_lock);

	while (*place != NULL && *place != pool)
		place = &(*place)->next;
	if (*place != NULL)
		*place = pool->next;
	spin_unlock_irqrestore(&pools_lock, irq);
}

struct dma_pool *dma_pool_create(const char *name, struct dma_device *device, size_t bytes,
				 size_t alignment, size_t boundary)
{
	struct dma_pool layout = { .name = name, .device = device }, *pool;

	if (!lay_out(&layout, bytes, alignment, boundary))
		return NULL;
	pool = kzalloc(sizeof(*pool) + layout.blocks * sizeof(pool->offsets[0]), GFP_KERNEL);
	if (pool == NULL)
		return NULL;
	*pool = layout;
	for (uint32_t i = 0; i < pool->blocks; i++)
		pool->offsets[i] = (uint16_t)((i / pool->segment_blocks << pool->segment_shift) +
					      i % pool->segment_blocks * pool->stride);
	list(pool);
	return pool;
}

/* --- chunks ---------------------------------------------------------------------------------- */

static struct chunk **row_of(struct dma_pool *pool, const void *address)
{
	return &pool->rows[((uintptr_t)address >> PAGE_SHIFT) % ROWS];
}

static struct chunk *make_chunk(struct dma_pool *pool, gfp_t gfp)
{
	size_t stack_bytes = pool->blocks * sizeof(uint16_t);
	struct chunk *chunk = kzalloc(sizeof(*chunk) + stack_bytes + pool->blocks, gfp);

	if (chunk == NULL)
		return NULL;
	chunk->base = dma_alloc_coherent(pool->device, pool->chunk_bytes, &chunk->bus, gfp);
	if (chunk->base == NULL) {
		kfree(chunk);
		return NULL;
	}
	chunk->used = (uint8_t *)chunk->free + stack_bytes;
	chunk->free_count = pool->blocks;
	for (uint32_t i = 0; i < pool->blocks; i++)
		chunk->free[i] = (uint16_t)(pool->blocks - 1 - i);
	return chunk;
}

static void add_chunk(struct dma_pool *pool, struct chunk *chunk)
{
	struct chunk **row = row_of(pool, chunk->base);

	chunk->next_in_row = *row;
	*row = chunk;
	chunk->next_with_room = pool->with_room;
	pool->with_room = chunk;
	pool->chunks++;
}

/* --- blocks ---------------------------------------------------------------------------------- */

/* Of the first chunk that has room. */
static inline void *take(struct dma_pool *pool, struct chunk *chunk, dma_addr_t *bus)
{
	uint32_t number = chunk->free[--chunk->free_count], offset = pool->offsets[number];

	if (chunk->free_count == 0)
		pool->with_room = chunk->next_with_room;
	chunk->used[number] = 1;
	pool->used_blocks++;
	*bus = chunk->bus + offset;
	return chunk->base + offset;
}

/* Who comes first takes what a new chunk has: the one that made it takes a block at once. */
static __attribute__((noinline)) void *take_from_new(struct dma_pool *pool, gfp_t gfp,
						     dma_addr_t *bus)
{
	struct chunk *chunk = make_chunk(pool, gfp);
	uint32_t irq;
	void *block;

	if (chunk == NULL)
		return NULL;
	irq = spin_lock_irqsave(&pool->lock);
	add_chunk(pool, chunk);
	block = take(pool, chunk, bus);
	spin_unlock_irqrestore(&pool->lock, irq);
	return block;
}

void *dma_pool_alloc(struct dma_pool *pool, gfp_t gfp, dma_addr_t *bus)
{
	uint32_t irq = spin_lock_irqsave(&pool->lock);
	struct chunk *chunk = pool->with_room;
	void *block;

	if (__builtin_expect(chunk == NULL, 0)) {
		spin_unlock_irqrestore(&pool->lock, irq);
		return take_from_new(pool, gfp, bus);
	}
	block = take(pool, chunk, bus);
	spin_unlock_irqrestore(&pool->lock, irq);
	return block;
}

void *dma_pool_zalloc(struct dma_pool *pool, gfp_t gfp, dma_addr_t *bus)
{
	void *block = dma_pool_alloc(pool, gfp, bus);

	if (block != NULL)
		memset(block, 0, pool->block_bytes);
	return block;
}

/* --- back ------------------------------------------------------------------------------------ */

static struct chunk *chunk_of(struct dma_pool *pool, const void *block)
{
	struct chunk *chunk = *row_of(pool, block);

	while (chunk != NULL && (uintptr_t)block - (uintptr_t)chunk->base >= pool->chunk_bytes)
		chunk = chunk->next_in_row;
	return chunk;
}

/* DMA_POOL_MISUSES: nothing is wrong, and it is free. Under the lock. */
static inline enum dma_pool_misuse_kind put(struct dma_pool *pool, const void *block,
					    dma_addr_t bus)
{
	struct chunk *chunk = chunk_of(pool, block);
	uint32_t offset, rest, number;

	if (chunk == NULL)
		return DMA_POOL_FOREIGN;
	offset = (uint32_t)((uintptr_t)block - (uintptr_t)chunk->base);
	rest = offset & (pool->segment_bytes - 1);
	number = rest / pool->stride;
	if (rest != number * pool->stride || number >= pool->segment_blocks)
		return DMA_POOL_FOREIGN;
	number += (offset >> pool->segment_shift) * pool->segment_blocks;
	if (chunk->used[number] == 0)
		return DMA_POOL_DOUBLE_FREE;
	if (bus != chunk->bus + offset)
		return DMA_POOL_WRONG_BUS;
	chunk->used[number] = 0;
	if (chunk->free_count == 0) {
		chunk->next_with_room = pool->with_room;
		pool->with_room = chunk;
	}
	chunk->free[chunk->free_count++] = (uint16_t)number;
	pool->used_blocks--;
	return DMA_POOL_MISUSES;
}

static void tell(const struct dma_pool *pool, enum dma_pool_misuse_kind kind, const void *block,
		 dma_addr_t bus, uintptr_t caller)
{
	const struct dma_pool_misuse misuse = {
		.kind = kind,
		.name = pool->name,
		.device = pool->device,
		.block = block,
		.bus = bus,
		.blocks = pool->used_blocks,
		.caller = caller,
	};

	if (dma_pool_misuse_hook != NULL)
		dma_pool_misuse_hook(&misuse);
}

void dma_pool_free(struct dma_pool *pool, void *block, dma_addr_t bus)
{
	uint32_t irq = spin_lock_irqsave(&pool->lock);
	enum dma_pool_misuse_kind wrong = put(pool, block, bus);

	spin_unlock_irqrestore(&pool->lock, irq);
	if (__builtin_expect(wrong != DMA_POOL_MISUSES, 0))
		tell(pool, wrong, block, bus, CALLER);
}

void dma_pool_destroy(struct dma_pool *pool)
{
	if (pool == NULL)
		return;
	unlist(pool);
	if (pool->used_blocks != 0)
		tell(pool, DMA_POOL_LEFT, NULL, 0, CALLER);
	for (uint32_t row = 0; row < ROWS; row++) {
		struct chunk *chunk = pool->rows[row], *next;

		for (; chunk != NULL; chunk = next) {
			next = chunk->next_in_row;
			if (chunk->free_count == pool->blocks)
				dma_free_coherent(pool->device, pool->chunk_bytes, chunk->base,
						  chunk->bus);
			kfree(chunk);
		}
	}
	kfree(pool);
}

/* --- for people ------------------------------------------------------------------------------ */

bool dma_pool_snapshot(uint32_t number, struct dma_pool_snapshot *snapshot)
{
	uint32_t irq = spin_lock_irqsave(&pools_lock);
	const struct dma_pool *pool = pools;

	for (; pool != NULL && number != 0; number--)
		pool = pool->next;
	if (pool != NULL)
		*snapshot = (struct dma_pool_snapshot){
			.name = pool->name,
			.device = pool->device,
			.block_bytes = pool->block_bytes,
			.chunks = pool->chunks,
			.blocks = pool->chunks * pool->blocks,
			.used_blocks = pool->used_blocks,
		};
	spin_unlock_irqrestore(&pools_lock, irq);
	return pool != NULL;
}

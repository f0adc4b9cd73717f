/* SPDX-License-Identifier: MIT */
/*
 * A chunk is a page, or the pages of one large block. Blocks begin at multiples of the largest power of
 * two that divides their distance: those places have numbers. The chunk's record has a stack of the places
 * of free blocks, and a byte for each place that says what is there, so that freeing divides nothing.
 *
 *	page   [segment: block block block .] [segment: block block block .]   none across a boundary
 */
#include "mm/dma/pool.h"

#include <string.h>

#include "kern/spinlock.h"
#include "lib/bits.h"
#include "mm/obj/slab.h"

#define CALLER ((uintptr_t)__builtin_return_address(0))
#define ROWS   32U
#define GRAIN  4U /* of distances between blocks */

enum { NO_BLOCK, BLOCK_FREE, BLOCK_USED };

struct chunk {
	char *base;
	struct chunk *next_in_row;
	struct chunk *next_with_room; /* while free_count is not 0 */
	dma_addr_t bus;
	uint32_t free_count;
	uint8_t *states;        /* by place in the first page */
	uint16_t free_places[]; /* a stack; behind it the bytes of `states` */
};

struct dma_pool {
	struct spinlock lock;
	/* Guarded by it, and the chunks too. */
	struct chunk *with_room;
	struct chunk *rows[ROWS];
	uint32_t chunks;

	/* Set once. */
	uint32_t place_shift;
	size_t block_bytes, chunk_bytes;
	uint32_t stride;         /* from block to block */
	uint32_t segment_bytes;  /* a power of two */
	uint32_t segment_blocks; /* in a segment */
	uint32_t blocks;         /* in a chunk */
	const char *name;
	struct dma_device *device;
	struct dma_pool *next; /* guarded by pools_lock */
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
	pool->stride = (uint32_t)ALIGN_UP(ALIGN_UP(bytes, GRAIN), alignment);
	if (boundary != 0 && (boundary < pool->stride || !is_power(boundary)))
		return false;
	pool->chunk_bytes = ALIGN_UP(pool->stride, PAGE_SIZE);
	pool->segment_bytes = PAGE_SIZE;
	if (boundary != 0 && boundary < PAGE_SIZE)
		pool->segment_bytes = (uint32_t)boundary;
	while (pool->segment_bytes < pool->stride)
		pool->segment_bytes *= 2;
	pool->place_shift = min_u32(lowest_bit(pool->stride), PAGE_SHIFT);
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
	struct dma_pool *pool = kzalloc(sizeof(*pool), GFP_KERNEL);

	if (pool == NULL)
		return NULL;
	pool->name = name;
	pool->device = device;
	if (!lay_out(pool, bytes, alignment, boundary)) {
		kfree(pool);
		return NULL;
	}
	list(pool);
	return pool;
}

/* --- chunks ---------------------------------------------------------------------------------- */

static struct chunk **row_of(struct dma_pool *pool, const void *address)
{
	return &pool->rows[((uintptr_t)address >> PAGE_SHIFT) % ROWS];
}

/* The lowest address is on top. */
static void fill_stack(const struct dma_pool *pool, struct chunk *chunk)
{
	for (uint32_t i = 0; i < pool->blocks; i++) {
		uint32_t block = pool->blocks - 1 - i;
		uint32_t offset = block / pool->segment_blocks * pool->segment_bytes +
				  block % pool->segment_blocks * pool->stride;
		uint32_t place = offset >> pool->place_shift;

		chunk->free_places[i] = (uint16_t)place;
		chunk->states[place] = BLOCK_FREE;
	}
	chunk->free_count = pool->blocks;
}

static struct chunk *make_chunk(struct dma_pool *pool, gfp_t gfp)
{
	size_t stack_bytes = pool->blocks * sizeof(uint16_t);
	struct chunk *chunk =
		kzalloc(sizeof(*chunk) + stack_bytes + (PAGE_SIZE >> pool->place_shift), gfp);

	if (chunk == NULL)
		return NULL;
	chunk->base = dma_alloc_coherent(pool->device, pool->chunk_bytes, &chunk->bus, gfp);
	if (chunk->base == NULL) {
		kfree(chunk);
		return NULL;
	}
	chunk->states = (uint8_t *)chunk->free_places + stack_bytes;
	fill_stack(pool, chunk);
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
	uint32_t place = chunk->free_places[--chunk->free_count];
	uint32_t offset = place << pool->place_shift;

	if (chunk->free_count == 0)
		pool->with_room = chunk->next_with_room;
	chunk->states[place] = BLOCK_USED;
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

/* By its first page, in which all blocks begin. */
static inline struct chunk *chunk_of(struct dma_pool *pool, const void *block)
{
	const char *page = (const char *)ALIGN_DOWN((uintptr_t)block, PAGE_SIZE);
	struct chunk *chunk = *row_of(pool, block);

	while (chunk != NULL && chunk->base != page)
		chunk = chunk->next_in_row;
	return chunk;
}

static inline bool is_used(const struct dma_pool *pool, const struct chunk *chunk, uint32_t offset,
			   dma_addr_t bus)
{
	uint32_t place = offset >> pool->place_shift;

	return chunk != NULL && place << pool->place_shift == offset &&
	       chunk->states[place] == BLOCK_USED && bus == chunk->bus + offset;
}

static inline void put(struct dma_pool *pool, struct chunk *chunk, uint32_t offset)
{
	uint32_t place = offset >> pool->place_shift;

	chunk->states[place] = BLOCK_FREE;
	if (__builtin_expect(chunk->free_count == 0, 0)) {
		chunk->next_with_room = pool->with_room;
		pool->with_room = chunk;
	}
	chunk->free_places[chunk->free_count++] = (uint16_t)place;
}

/* Under the lock. */
static uint32_t count_used(const struct dma_pool *pool)
{
	uint32_t used = pool->chunks * pool->blocks;

	for (const struct chunk *chunk = pool->with_room; chunk != NULL;
	     chunk = chunk->next_with_room)
		used -= chunk->free_count;
	return used;
}

static __attribute__((noinline)) void tell(const struct dma_pool *pool,
					   enum dma_pool_misuse_kind kind, const void *block,
					   dma_addr_t bus, uintptr_t caller)
{
	const struct dma_pool_misuse misuse = {
		.kind = kind,
		.name = pool->name,
		.device = pool->device,
		.block = block,
		.bus = bus,
		.blocks = kind == DMA_POOL_LEFT ? count_used(pool) : 0,
		.caller = caller,
	};

	if (dma_pool_misuse_hook != NULL)
		dma_pool_misuse_hook(&misuse);
}

/* Under the lock. What is in use now has been free when it was looked at first. */
static enum dma_pool_misuse_kind find_wrong(struct dma_pool *pool, const void *block,
					    dma_addr_t bus)
{
	const struct chunk *chunk = chunk_of(pool, block);
	uint32_t offset = (uintptr_t)block % PAGE_SIZE, place = offset >> pool->place_shift;

	if (chunk == NULL || offset != place << pool->place_shift ||
	    chunk->states[place] == NO_BLOCK)
		return DMA_POOL_FOREIGN;
	if (chunk->states[place] == BLOCK_USED && bus != chunk->bus + offset)
		return DMA_POOL_WRONG_BUS;
	return DMA_POOL_DOUBLE_FREE;
}

static __attribute__((noinline)) void tell_wrong(struct dma_pool *pool, const void *block,
						 dma_addr_t bus, uintptr_t caller)
{
	uint32_t irq = spin_lock_irqsave(&pool->lock);
	enum dma_pool_misuse_kind wrong = find_wrong(pool, block, bus);

	spin_unlock_irqrestore(&pool->lock, irq);
	tell(pool, wrong, block, bus, caller);
}

void dma_pool_free(struct dma_pool *pool, void *block, dma_addr_t bus)
{
	uint32_t irq = spin_lock_irqsave(&pool->lock), offset = (uintptr_t)block % PAGE_SIZE;
	struct chunk *chunk = chunk_of(pool, block);

	if (__builtin_expect(!is_used(pool, chunk, offset, bus), 0)) {
		spin_unlock_irqrestore(&pool->lock, irq);
		tell_wrong(pool, block, bus, CALLER);
		return;
	}
	put(pool, chunk, offset);
	spin_unlock_irqrestore(&pool->lock, irq);
}

void dma_pool_destroy(struct dma_pool *pool)
{
	if (pool == NULL)
		return;
	unlist(pool);
	if (count_used(pool) != 0)
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
	struct dma_pool *pool = pools;

	for (; pool != NULL && number != 0; number--)
		pool = pool->next;
	if (pool != NULL) {
		spin_lock(&pool->lock);
		*snapshot = (struct dma_pool_snapshot){
			.name = pool->name,
			.device = pool->device,
			.block_bytes = pool->block_bytes,
			.chunks = pool->chunks,
			.blocks = pool->chunks * pool->blocks,
			.used_blocks = count_used(pool),
		};
		spin_unlock(&pool->lock);
	}
	spin_unlock_irqrestore(&pools_lock, irq);
	return pool != NULL;
}

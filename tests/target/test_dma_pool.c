/* SPDX-License-Identifier: MIT */
/* Pools of coherent blocks: where blocks lie, that none is given twice, and what is told. */
#include <string.h>

#include "arch/linear.h"
#include "kern/selftest.h"
#include "mm/dma/pool.h"
#include "mm/phys/memblock.h"

#include "insist.h"

#define MOST 600U

static struct dma_device device;
static unsigned int told;
static struct dma_pool_misuse misuse;
static void (*hook_before)(const struct dma_pool_misuse *told);
static char *blocks[MOST];
static dma_addr_t buses[MOST];

static void note(const struct dma_pool_misuse *misused)
{
	misuse = *misused;
	told++;
}

static void start(void)
{
	hook_before = dma_pool_misuse_hook;
	dma_pool_misuse_hook = note;
	told = 0;
	dma_device_init(&device, "selftest");
	dma_device_register(&device);
}

static void stop(void)
{
	EXPECT(device.live_coherent == 0);
	dma_device_unregister(&device);
	dma_pool_misuse_hook = hook_before;
}

static unsigned int take_all(struct dma_pool *pool, unsigned int most)
{
	unsigned int taken = 0;

	while (taken < most && INSIST(blocks[taken] = dma_pool_alloc(
					      pool, GFP_KERNEL | __GFP_NOWARN, &buses[taken]),
				      NULL) != NULL)
		taken++;
	return taken;
}

/* Each is filled with its number; at the end each has it still. */
static void try_layout(size_t bytes, size_t alignment, size_t boundary, unsigned int most)
{
	struct dma_pool *pool =
		INSIST(dma_pool_create("selftest", &device, bytes, alignment, boundary), NULL);
	unsigned int taken;

	EXPECT(pool != NULL);
	if (pool == NULL)
		return;
	taken = take_all(pool, most);
	EXPECT(taken > 0);
	for (unsigned int i = 0; i < taken; i++) {
		uintptr_t first = (uintptr_t)blocks[i], last = first + bytes - 1;

		EXPECT(alignment == 0 || IS_ALIGNED(first, alignment));
		EXPECT(boundary == 0 || first / boundary == last / boundary);
		EXPECT(buses[i] == virt_to_phys(blocks[i]));
		memset(blocks[i], (int)(i & 0xff), bytes);
	}
	for (unsigned int i = 0; i < taken; i++)
		EXPECT(blocks[i][0] == (char)i && blocks[i][bytes - 1] == (char)i);
	for (unsigned int i = 0; i < taken; i += 2)
		dma_pool_free(pool, blocks[i], buses[i]);
	for (unsigned int i = 1; i < taken; i += 2)
		dma_pool_free(pool, blocks[i], buses[i]);
	EXPECT(told == 0);
	dma_pool_destroy(pool);
	EXPECT(told == 0 && device.live_coherent == 0);
}

SELFTEST(coherent, pool_layouts)
{
	start();
	try_layout(64, 64, 0, MOST);
	try_layout(1, 0, 0, MOST);
	try_layout(100, 4, 256, MOST);
	try_layout(48, 16, 128, 200);
	try_layout(1000, 8, 4096, 50);
	try_layout(PAGE_SIZE, PAGE_SIZE, 0, 20);
	try_layout(3 * PAGE_SIZE, 32, 4 * PAGE_SIZE, 5);
	stop();
}

SELFTEST(coherent, pool_contradictions)
{
	start();
	EXPECT(dma_pool_create("selftest", &device, 0, 0, 0) == NULL);
	EXPECT(dma_pool_create("selftest", &device, 64, 3, 0) == NULL);
	EXPECT(dma_pool_create("selftest", &device, 64, 128, 64) == NULL);
	EXPECT(dma_pool_create("selftest", &device, 64, 0, 96) == NULL);
	EXPECT(dma_pool_create("selftest", &device, SZ_1M + 1, 0, 0) == NULL);
	stop();
}

SELFTEST(coherent, pool_wrong_frees)
{
	struct dma_pool *pool, *other;
	struct dma_pool_snapshot snapshot;

	start();
	pool = INSIST(dma_pool_create("selftest", &device, 24, 8, 32), NULL);
	other = INSIST(dma_pool_create("other", &device, 24, 8, 32), NULL);
	if (pool == NULL || other == NULL || take_all(pool, 2) != 2) {
		dma_pool_destroy(other);
		dma_pool_destroy(pool);
		stop();
		return;
	}
	dma_pool_free(pool, blocks[0] + 8, buses[0] + 8);
	EXPECT(told == 1 && misuse.kind == DMA_POOL_FOREIGN);
	dma_pool_free(pool, blocks[0] + 24, buses[0] + 24); /* no block is behind it */
	EXPECT(told == 2 && misuse.kind == DMA_POOL_FOREIGN);
	dma_pool_free(other, blocks[0], buses[0]);
	EXPECT(told == 3 && misuse.kind == DMA_POOL_FOREIGN && misuse.name[0] == 'o');
	dma_pool_free(pool, blocks[0], buses[0] + 32);
	EXPECT(told == 4 && misuse.kind == DMA_POOL_WRONG_BUS);
	memset(blocks[0], 0xff, 24);
	dma_pool_free(pool, blocks[0], buses[0]);
	EXPECT(told == 4);
	dma_pool_free(pool, blocks[0], buses[0]);
	EXPECT(told == 5 && misuse.kind == DMA_POOL_DOUBLE_FREE);
	blocks[0] = dma_pool_zalloc(pool, GFP_ATOMIC, &buses[0]);
	EXPECT(blocks[0] != NULL && blocks[0][0] == 0 && blocks[0][23] == 0);
	EXPECT(told == 5 && dma_pool_snapshot(0, &snapshot));
	dma_pool_free(pool, blocks[0], buses[0]);
	/* With a block in use its page stays; the test knows where it is. */
	dma_pool_destroy(other);
	dma_pool_destroy(pool);
	EXPECT(told == 6 && misuse.kind == DMA_POOL_LEFT && misuse.blocks == 1);
	EXPECT(device.live_coherent == 1);
	dma_free_coherent(&device, PAGE_SIZE, (void *)ALIGN_DOWN((uintptr_t)blocks[1], PAGE_SIZE),
			  ALIGN_DOWN(buses[1], PAGE_SIZE));
	stop();
}

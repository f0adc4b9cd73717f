/* SPDX-License-Identifier: MIT */
/* Streaming DMA, within reach and bounced, for devices that see the caches and that do not; coherent DMA. */
#include "bench.h"
#include "mm/dma/bounce.h"
#include "mm/dma/map.h"
#include "mm/dma/pool.h"
#include "mm/phys/magazine.h"
#include "mm/phys/memblock.h"
#include "mm/phys/page_alloc.h"

#define POOL_ORDER 6U
#define BYTES      4096U

static struct dma_device device;
static struct bounce_pool pool;
static uint64_t pool_records[1024];
static struct bench_row *maps, *unmaps;

static bool begin(void)
{
	maps = bench_row_new();
	unmaps = bench_row_new();
	if (maps == NULL || unmaps == NULL) {
		bench_fact("rows", "no_memory_for_them", 1);
		return false;
	}
	bench_begin(maps);
	bench_begin(unmaps);
	return true;
}

static void end(void)
{
	bench_row_free(unmaps);
	bench_row_free(maps);
	magazines_drain_all();
}

/* Two windows, so that the second one is what counts, as on a board whose bus has a hole. */
static void make_device(bool coherent, const struct page *reached)
{
	uint64_t base = memblock_start_of_DRAM();

	dma_device_init(&device, "bench");
	device.coherent = coherent;
	device.windows[0] = (struct dma_reach_window){ .bytes = SZ_1M };
	device.windows[1] = (struct dma_reach_window){ .phys = base,
						       .bytes = memblock_end_of_DRAM() - base,
						       .bus = SZ_16M };
	device.window_count = 2;
	if (reached != NULL) {
		device.limit_first_bus = page_to_phys(reached) - base + SZ_16M;
		device.limit_last_bus = device.limit_first_bus + (PAGE_SIZE << POOL_ORDER) - 1;
	}
	dma_device_register(&device);
}

static void measure(const char *name, const void *buffer, size_t bytes)
{
	dma_addr_t bus;

	for (unsigned int i = 0; i < 1016; i++) {
		if (i == 16) {
			bench_begin(maps);
			bench_begin(unmaps);
		}
		BENCH_MEASURE(maps, bus = dma_map_single(&device, buffer, bytes, DMA_TO_DEVICE));
		if (dma_mapping_error(&device, bus))
			bench_fact(name, "refused", 1);
		BENCH_MEASURE(unmaps, dma_unmap_single(&device, bus, bytes, DMA_TO_DEVICE));
	}
	bench_print(maps, name, "map");
	bench_print(unmaps, name, "unmap");
	bench_begin(maps);
	bench_begin(unmaps);
}

BENCH(dma, streaming)
{
	struct page *buffer = alloc_page(GFP_KERNEL), *slots = alloc_pages(GFP_KERNEL, POOL_ORDER);

	if (begin() && buffer != NULL && slots != NULL) {
		make_device(true, NULL);
		measure("dma_coherent_4K", page_address(buffer), BYTES);
		dma_device_unregister(&device);
		make_device(false, NULL);
		measure("dma_cleaned_4K", page_address(buffer), BYTES);
		measure("dma_cleaned_64", page_address(buffer), 64);
		dma_device_unregister(&device);
		bounce_pool_add(&pool, "bench", page_to_phys(slots), PAGE_SIZE << POOL_ORDER,
				pool_records);
		make_device(true, slots);
		measure("dma_bounced_64", page_address(buffer), 64);
		measure("dma_bounced_4K", page_address(buffer), BYTES);
		dma_device_unregister(&device);
		bounce_pool_remove(&pool);
	}
	__free_pages(slots, POOL_ORDER);
	__free_page(buffer);
	end();
}

static void measure_coherent(const char *name, size_t bytes)
{
	dma_addr_t bus;
	void *buffer;

	for (unsigned int i = 0; i < 1016; i++) {
		if (i == 16) {
			bench_begin(maps);
			bench_begin(unmaps);
		}
		BENCH_MEASURE(maps, buffer = dma_alloc_coherent(&device, bytes, &bus, GFP_KERNEL));
		if (buffer == NULL)
			bench_fact(name, "refused", 1);
		BENCH_MEASURE(unmaps, dma_free_coherent(&device, bytes, buffer, bus));
	}
	bench_print(maps, name, "alloc");
	bench_print(unmaps, name, "free");
	bench_begin(maps);
	bench_begin(unmaps);
}

static void measure_pool(const char *name)
{
	struct dma_pool *blocks = dma_pool_create(name, &device, 64, 64, 0);
	dma_addr_t bus;
	void *block;

	for (unsigned int i = 0; blocks != NULL && i < 1016; i++) {
		if (i == 16) {
			bench_begin(maps);
			bench_begin(unmaps);
		}
		BENCH_MEASURE(maps, block = dma_pool_alloc(blocks, GFP_ATOMIC, &bus));
		if (block == NULL)
			bench_fact(name, "refused", 1);
		BENCH_MEASURE(unmaps, dma_pool_free(blocks, block, bus));
	}
	dma_pool_destroy(blocks);
	bench_print(maps, name, "alloc");
	bench_print(unmaps, name, "free");
}

BENCH(dma, coherent)
{
	if (begin()) {
		make_device(false, NULL);
		measure_coherent("dma_uncached_4K", BYTES);
		measure_coherent("dma_uncached_64K", 16 * PAGE_SIZE);
		measure_pool("dma_pool_64");
		dma_device_unregister(&device);
	}
	end();
}

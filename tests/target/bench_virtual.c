/* SPDX-License-Identifier: MIT */
/* Figures of vmalloc: as Linux was measured, 200 times the same size, each freed before the next. */
#include "mm/obj/cache.h"
#include "mm/phys/magazine.h"
#include "mm/virt/vmalloc.h"
#include "bench.h"

static void measure(struct bench_row *allocs, struct bench_row *frees, const char *test,
		    size_t bytes)
{
	void *area;

	vm_unmap_aliases();
	bench_begin(allocs);
	bench_begin(frees);
	for (unsigned int i = 0; i < 200; i++) {
		BENCH_MEASURE(allocs, area = vmalloc(bytes));
		BENCH_MEASURE(frees, vfree(area));
	}
	bench_print(allocs, test, "alloc");
	bench_print(frees, test, "free");
}

BENCH(virtual, vmalloc)
{
	struct bench_row *allocs = bench_row_new(), *frees = bench_row_new();

	if (allocs != NULL && frees != NULL) {
		measure(allocs, frees, "vmalloc_4K", PAGE_SIZE);
		measure(allocs, frees, "vmalloc_64K", 65536);
		measure(allocs, frees, "vmalloc_1M", SZ_1M);
	}
	if (frees != NULL)
		bench_row_free(frees);
	if (allocs != NULL)
		bench_row_free(allocs);
	vm_unmap_aliases();
	caches_shrink(GFP_KERNEL, 0);
	magazines_drain_all();
}

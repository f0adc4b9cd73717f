/* SPDX-License-Identifier: MIT */
/*
 * Windows to highmem: what Linux was measured with, call for call; and the worst case of each
 * operation, brought about on purpose.
 */
#include "bench.h"
#include "mm/phys/magazine.h"
#include "mm/phys/page_alloc.h"
#include "mm/virt/kmap.h"

#define FRESH 2048U

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

static void print(const char *test, const char *map, const char *unmap)
{
	bench_print(maps, test, map);
	bench_print(unmaps, test, unmap);
	bench_begin(maps);
	bench_begin(unmaps);
}

static void end(void)
{
	bench_row_free(unmaps);
	bench_row_free(maps);
	magazines_drain_all();
}

/* The same page again and again. */
#define HOT(name, map, unmap)                                   \
	do {                                                    \
		void *window_;                                  \
		for (unsigned int i_ = 0; i_ < 1016; i_++) {    \
			if (i_ == 16) {                         \
				bench_begin(maps);              \
				bench_begin(unmaps);            \
			}                                       \
			BENCH_MEASURE(maps, window_ = map);     \
			BENCH_MEASURE(unmaps, unmap);           \
			if (window_ == NULL)                    \
				bench_fact(name, "refused", 1); \
		}                                               \
		print(name, "map", "unmap");                    \
	} while (0)

BENCH(virtual, kmap)
{
	struct page *low = alloc_page(GFP_KERNEL), *high = alloc_page(GFP_HIGHUSER);

	if (!begin())
		return;
	HOT("kmap_local_lowmem", kmap_local_page(low), kunmap_local(window_));
	HOT("kmap_lowmem", kmap(low), kunmap(low));
	if (high >= kmap_highmem) {
		HOT("kmap_local_highmem", kmap_local_page(high), kunmap_local(window_));
		HOT("kmap_highmem_same", kmap(high), kunmap(high));
	}
	__free_page(high);
	__free_page(low);
	end();
}

/* --- many pages ------------------------------------------------------------------------------ */

static struct page **pages;

static uint32_t take_pages(void)
{
	uint32_t count = 0;

	pages = (struct page **)__get_free_pages(GFP_KERNEL, get_order(FRESH * sizeof(*pages)));
	while (pages != NULL && count < FRESH) {
		pages[count] = alloc_page(GFP_HIGHUSER);
		if (pages[count] == NULL || pages[count] < kmap_highmem)
			break;
		count++;
	}
	return count;
}

static void fresh_pages(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		BENCH_MEASURE(maps, kmap(pages[i]));
		BENCH_MEASURE(unmaps, kunmap(pages[i]));
	}
	print("kmap_highmem_fresh2048", "map", "unmap");
}

/*
 * Every window in use but those of the last portion that is looked at; then every window in use: the
 * longest ways to a window and to none.
 */
static void worst_cases(void)
{
	void *window;

	kmap_flush_unused();
	for (uint32_t i = 0; i < PKMAP_WINDOWS; i++)
		kmap(pages[i]);
	for (unsigned int round = 0; round < 16; round++) {
		uint32_t first = round % (PKMAP_WINDOWS / 64) * 64;

		for (uint32_t i = first; i < first + 64U; i++)
			kunmap(pages[i]);
		/* Room is made here, and behind it nowhere: the next look begins behind it. */
		BENCH_MEASURE(maps, window = kmap(pages[PKMAP_WINDOWS]));
		kunmap(pages[PKMAP_WINDOWS]);
		kmap_flush_unused();
		for (uint32_t i = first; i < first + 64U; i++)
			kmap(pages[i]);
		if (window == NULL)
			bench_fact("kmap_worst", "no_window", 1);
	}
	for (unsigned int round = 0; round < 16; round++) {
		BENCH_MEASURE(unmaps, window = kmap(pages[PKMAP_WINDOWS]));
		if (window != NULL)
			bench_fact("kmap_refused", "a_window", 1);
	}
	bench_print(maps, "kmap_worst", "map");
	bench_print(unmaps, "kmap_worst", "refused");
	bench_begin(maps);
	bench_begin(unmaps);
	for (uint32_t i = 0; i < PKMAP_WINDOWS; i++)
		kunmap(pages[i]);
}

/* A block of any order with as many windows as there are, kept all. */
static void free_large(void)
{
	struct page *block = alloc_pages(GFP_HIGHUSER, PAGE_ORDER_MAX);

	if (block != NULL && block >= kmap_highmem)
		for (uint32_t i = 0; i < PKMAP_WINDOWS; i++) {
			kmap(block + i);
			kunmap(block + i);
		}
	BENCH_MEASURE(unmaps, __free_pages(block, PAGE_ORDER_MAX));
	bench_print(unmaps, "kmap_kept_block", "free");
	bench_begin(unmaps);
}

BENCH(virtual, kmap_many)
{
	uint32_t count;

	if (!begin())
		return;
	count = take_pages();
	if (count > PKMAP_WINDOWS) {
		fresh_pages(count);
		worst_cases();
		free_large();
	}
	/* With its window kept: what that adds to a free. */
	for (uint32_t i = 0; i < count; i++) {
		kmap(pages[i]);
		kunmap(pages[i]);
		BENCH_MEASURE(unmaps, __free_page(pages[i]));
	}
	bench_print(unmaps, "kmap_kept_page", "free");
	free_pages((uintptr_t)pages, get_order(FRESH * sizeof(*pages)));
	end();
}

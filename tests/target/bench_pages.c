/* SPDX-License-Identifier: MIT */
/*
 * The page allocator's figures: the tests and traces that Linux and the other page allocators were
 * measured with, call for call; and the worst case of each operation, brought about on purpose.
 */
#include "arch/clock.h"
#include "boot/info.h"
#include "mm/phys/magazine.h"
#include "mm/phys/page_alloc.h"
#include "bench.h"

/* As recorded for Linux: highmem first, no reclaim, no line when refused. */
#define GFP_TRACE_B ((GFP_HIGHUSER_MOVABLE & ~__GFP_RECLAIM) | __GFP_NOWARN)

static struct bench_row *allocs, *frees, *refusals;

/* False, with a line, when there is no memory for the rows. */
static bool begin(void)
{
	allocs = bench_row_new();
	frees = bench_row_new();
	refusals = bench_row_new();
	if (allocs == NULL || frees == NULL || refusals == NULL) {
		bench_fact("rows", "no_memory_for_them", 1);
		return false;
	}
	bench_begin(allocs);
	bench_begin(frees);
	bench_begin(refusals);
	return true;
}

static void print(const char *test)
{
	bench_print(allocs, test, "alloc");
	bench_print(frees, test, "free");
	bench_print(refusals, test, "refused");
	bench_begin(allocs);
	bench_begin(frees);
	bench_begin(refusals);
}

static void end(void)
{
	bench_row_free(refusals);
	bench_row_free(frees);
	bench_row_free(allocs);
	magazines_drain_all();
}

/* --- hot: the same block again and again ----------------------------------------------------- */

#define HOT(name, gfp, order)                                                    \
	do {                                                                     \
		struct page *page_;                                              \
		unsigned int order_ = order;                                     \
		for (unsigned int i_ = 0; i_ < 1016; i_++) {                     \
			if (i_ == 16) {                                          \
				bench_begin(allocs);                             \
				bench_begin(frees);                              \
			}                                                        \
			BENCH_MEASURE(allocs, page_ = alloc_pages(gfp, order_)); \
			BENCH_MEASURE(frees, __free_pages(page_, order_));       \
		}                                                                \
		print(name);                                                     \
	} while (0)

BENCH(pages, hot)
{
	if (!begin())
		return;
	HOT("hot_o0", GFP_KERNEL, 0);
	HOT("hot_o1", GFP_KERNEL, 1);
	HOT("hot_o2", GFP_KERNEL, 2);
	HOT("hot_o3", GFP_KERNEL, 3);
	HOT("hot_o4", GFP_KERNEL, 4);
	HOT("hot_o9", GFP_KERNEL, 9);
	HOT("hot_o10", GFP_KERNEL, 10);
	HOT("hot_o0_highuser_movable", GFP_TRACE_B, 0);
	HOT("hot_o0_atomic", GFP_ATOMIC, 0);
	end();
}

/* --- batches --------------------------------------------------------------------------------- */

#define BATCH_MOST 10000U

static struct page **batch;

static void shuffle(struct page **pages, uint32_t count)
{
	uint32_t state = BENCH_SEED;

	for (uint32_t i = count - 1; i > 0; i--) {
		uint32_t j = bench_next(&state) % (i + 1);
		struct page *page = pages[i];

		pages[i] = pages[j];
		pages[j] = page;
	}
}

static void fill_batch(uint32_t count, unsigned int order)
{
	for (uint32_t i = 0; i < count; i++)
		BENCH_MEASURE(allocs, batch[i] = alloc_pages(GFP_KERNEL, order));
}

/* step: 1 upwards, -1 downwards. */
static void free_batch(uint32_t count, unsigned int order, int step)
{
	for (uint32_t i = 0; i < count; i++) {
		struct page *page = batch[step > 0 ? i : count - 1 - i];

		BENCH_MEASURE(frees, __free_pages(page, order));
	}
}

static void run_batch(const char *name, uint32_t count, unsigned int order, int step, bool shuffled)
{
	fill_batch(count, order);
	if (shuffled)
		shuffle(batch, count);
	free_batch(count, order, step);
	print(name);
}

BENCH(pages, batches)
{
	unsigned int order = get_order(BATCH_MOST * sizeof(*batch));

	if (!begin())
		return;
	batch = (struct page **)__get_free_pages(GFP_KERNEL, order);
	run_batch("lifo_o0", BATCH_MOST, 0, -1, false);
	run_batch("fifo_o0", BATCH_MOST, 0, 1, false);
	run_batch("rand_o0", BATCH_MOST, 0, 1, true);
	run_batch("batch_o3", 1000, 3, 1, true);
	run_batch("batch_o9", 64, 9, 1, true);
	run_batch("batch_o10", 32, 10, 1, true);
	free_pages((uintptr_t)batch, order);
	end();
}

/* --- traces ---------------------------------------------------------------------------------- */

struct slot {
	struct page *page;
	uint32_t order;
};

static unsigned int trace_order(uint32_t draw)
{
	static const uint16_t below[] = { 800, 880, 930, 970, 980, 986, 990, 993, 995, 999 };
	unsigned int order = 0;

	while (order < ARRAY_SIZE(below) && draw >= below[order])
		order++;
	return order;
}

/* `page` is what the call returned: a refusal counts by itself, its cost was noted as an alloc's. */
static struct page *measured_alloc(bool highuser, unsigned int order)
{
	uint32_t start, cost;
	struct page *page;

	if (highuser) {
		start = cycle_counter();
		page = alloc_pages(GFP_TRACE_B, order);
		cost = cycle_counter() - start - 1;
	} else {
		start = cycle_counter();
		page = alloc_pages(GFP_KERNEL, order);
		cost = cycle_counter() - start - 1;
	}
	bench_note(page != NULL ? allocs : refusals, cost);
	return page;
}

static void trace_step(struct slot *slot, unsigned int order, bool highuser, uint32_t *live_pages)
{
	if (slot->page != NULL) {
		BENCH_MEASURE(frees, __free_pages(slot->page, slot->order));
		*live_pages -= 1U << slot->order;
		slot->page = NULL;
		return;
	}
	slot->page = measured_alloc(highuser, order);
	slot->order = order;
	if (slot->page != NULL)
		*live_pages += 1U << order;
}

static void run_trace(const char *name, uint32_t slots, uint32_t operations, bool highuser)
{
	unsigned int order = get_order(slots * sizeof(struct slot));
	struct slot *slot = (struct slot *)__get_free_pages(GFP_KERNEL | __GFP_ZERO, order);
	uint32_t state = BENCH_SEED, live_pages = 0, peak_pages = 0;

	for (uint32_t i = 0; i < operations; i++) {
		uint32_t which = (bench_next(&state) >> 8) & (slots - 1);

		trace_step(&slot[which], trace_order(bench_next(&state) % 1000), highuser,
			   &live_pages);
		if (live_pages > peak_pages)
			peak_pages = live_pages;
	}
	bench_fact(name, "refused", refusals->samples);
	bench_fact(name, "peak_pages", peak_pages);
	print(name);
	for (uint32_t i = 0; i < slots; i++)
		if (slot[i].page != NULL)
			__free_pages(slot[i].page, slot[i].order);
	free_pages((uintptr_t)slot, order);
}

BENCH(pages, trace_a)
{
	if (!begin())
		return;
	run_trace("traceA", 16384, 100000, false);
	end();
}

BENCH(pages, trace_b)
{
	if (!begin())
		return;
	run_trace("traceB", 65536, 400000, true);
	end();
}

/* --- 95 % full and fragmented ---------------------------------------------------------------- */

static struct page **live;
static uint32_t live_count;

static void fill_up(void)
{
	struct page *page;

	for (live_count = 0; (page = alloc_page(GFP_TRACE_B)) != NULL; live_count++)
		live[live_count] = page;
}

/* One page for another, a random one: a refused request only frees. */
static void replace_pages(uint32_t count)
{
	uint32_t state = BENCH_SEED ^ 0x5bd1e995U;

	for (uint32_t i = 0; i < count; i++) {
		struct page *page = measured_alloc(true, 0), *old;
		uint32_t j = bench_next(&state) % live_count;

		old = live[j];
		live[j] = page != NULL ? page : live[--live_count];
		BENCH_MEASURE(frees, __free_pages(old, 0));
	}
}

static void burst(struct page **pages, uint32_t count)
{
	uint32_t taken = 0;

	for (uint32_t i = 0; i < count; i++) {
		pages[taken] = measured_alloc(true, 0);
		taken += pages[taken] != NULL;
	}
	shuffle(pages, taken);
	for (uint32_t i = 0; i < taken; i++)
		BENCH_MEASURE(frees, __free_pages(pages[i], 0));
}

static void sixteen(const char *name, unsigned int order)
{
	struct page *pages[16];

	for (unsigned int i = 0; i < 16; i++)
		pages[i] = measured_alloc(true, order);
	for (unsigned int i = 0; i < 16; i++)
		if (pages[i] != NULL)
			BENCH_MEASURE(frees, __free_pages(pages[i], order));
	print(name);
}

/* A magazine of random pages of the fragmented arena, drained by one visit: what each page costs. */
static void drain_pages(unsigned int times)
{
	struct magazine *magazine = &route_of(GFP_TRACE_B)->stops->set->orders[0];

	for (unsigned int i = 0; i < times; i++) {
		uint32_t irq, start, cost, before;

		while (magazine->count < magazine->limit)
			__free_pages(live[--live_count], 0);
		irq = local_irq_save();
		before = magazine->count;
		start = cycle_counter();
		magazine_drain(magazine);
		cost = cycle_counter() - start - 1;
		bench_note(frees, cost / (before - magazine->count));
		local_irq_restore(irq);
	}
	bench_print(frees, "drain", "page");
	bench_begin(frees);
}

BENCH(pages, fragmented)
{
	/* Room for a pointer to each page of 4 GiB, as far as there are blocks so large. */
	unsigned int order = get_order(300000 * sizeof(*live));
	uint32_t freed;

	if (!begin())
		return;
	live = (struct page **)__get_free_pages(GFP_KERNEL, order);
	fill_up();
	shuffle(live, live_count);
	freed = live_count / 20;
	for (uint32_t i = 0; i < freed; i++)
		__free_pages(live[--live_count], 0);
	replace_pages(10000);
	print("frag95");
	burst(live + live_count, 2000);
	print("frag95_burst");
	sixteen("frag95_o1", 1);
	sixteen("frag95_o3", 3);
	sixteen("frag95_o9", 9);
	drain_pages(100);
	while (live_count > 0)
		__free_pages(live[--live_count], 0);
	run_trace("traceB_after_frag95", 65536, 400000, true);
	free_pages((uintptr_t)live, order);
	end();
}

/* --- refusals -------------------------------------------------------------------------------- */

/* All that movable user requests may have, chained through the pages' own links. */
BENCH(refusal, four_zones)
{
	struct page *chain = NULL, *page, *set_aside;

	if (!begin())
		return;
	while ((page = alloc_page(GFP_TRACE_B)) != NULL) {
		page->link[0] = chain != NULL ? page_to_pfn(chain) : 0;
		chain = page;
	}
	for (unsigned int order = 0; order <= PAGE_ORDER_MAX; order++)
		for (unsigned int i = 0; i < 100; i++)
			measured_alloc(true, order);
	print("refusal");
	/* From here on there is something set aside to be looked at, too. */
	set_aside = alloc_pages(GFP_ATOMIC | __GFP_HIGHMEM | __GFP_MOVABLE | __GFP_NOWARN, 1);
	magazines_drain_all();
	for (unsigned int order = 0; order <= PAGE_ORDER_MAX; order++)
		for (unsigned int i = 0; i < 100; i++)
			measured_alloc(true, order);
	print("refusal_set_aside");
	if (set_aside != NULL)
		__free_pages(set_aside, 1);
	while (chain != NULL) {
		page = chain;
		chain = page->link[0] != 0 ? pfn_to_page(page->link[0]) : NULL;
		__free_pages(page, 0);
	}
	end();
}

/* --- worst cases, brought about -------------------------------------------------------------- */

#define WORST_BLOCKS MAGAZINE_DRAIN_MOST

/* A whole largest block as single pages of which only the first is kept: freeing it joins all. */
static struct page *one_page_missing(void)
{
	struct page *block = alloc_pages(GFP_KERNEL, PAGE_ORDER_MAX);

	if (block == NULL)
		return NULL;
	split_page(block, PAGE_ORDER_MAX);
	for (uint32_t i = 1; i < 1U << PAGE_ORDER_MAX; i++)
		__free_page(block + i);
	return block;
}

/*
 * The oldest pages of a full magazine are all the last of their blocks: the next free drains them,
 * ten joins each.
 */
static void worst_free(void)
{
	struct page *last[WORST_BLOCKS], *others[MAGAZINE_ITEMS + 1];
	uint32_t limit = route_of(GFP_KERNEL)->stops->set->orders[0].limit;

	/* Before, or they would come out of the blocks. */
	for (unsigned int i = 0; i < ARRAY_SIZE(others); i++)
		others[i] = alloc_page(GFP_KERNEL);
	for (unsigned int i = 0; i < WORST_BLOCKS; i++)
		last[i] = one_page_missing();
	magazines_drain_all();
	for (unsigned int i = 0; i < WORST_BLOCKS; i++)
		__free_page(last[i]);
	for (unsigned int i = 0; i < limit - WORST_BLOCKS; i++)
		__free_page(others[i]);
	BENCH_MEASURE(frees, __free_pages(others[limit - WORST_BLOCKS], 0));
	for (unsigned int i = limit - WORST_BLOCKS + 1; i < ARRAY_SIZE(others); i++)
		__free_page(others[i]);
}

/* Nobody has asked for reclaimable pages: the first comes out of another type's largest block. */
static void worst_alloc(void)
{
	struct page *page;

	magazines_drain_all();
	BENCH_MEASURE(allocs, page = alloc_pages(GFP_KERNEL | __GFP_RECLAIMABLE, 0));
	__free_page(page);
}

BENCH(pages, worst)
{
	if (!begin())
		return;
	worst_alloc();
	worst_free();
	print("worst");
	end();
}

/* One page of each drain that a page's block was fetched for; what a drain costs a page. */
BENCH(pages, drain)
{
	struct page *last;
	uint32_t flags;

	if (!begin())
		return;
	last = one_page_missing();
	/* A closed magazine's free is one give-back: lock, ten joins, unlock. */
	magazines_drain_all();
	magazines_close((enum zone_type)page_zone_index(last));
	flags = page_zone_index(last);
	BENCH_MEASURE(frees, __free_pages(last, 0));
	magazines_reopen((enum zone_type)flags);
	print("give_back_ten_joins");
	end();
}

/* --- boot ------------------------------------------------------------------------------------ */

/* Sixteen instructions are a tick of the counter, which starts with the board. */
BENCH(boot, first_page)
{
	bench_fact("boot", "first_page", boot_first_page_ticks * 16);
}

/* SPDX-License-Identifier: MIT */
/*
 * The object allocator's figures: the tests and the trace that Linux and other heaps were measured
 * with, call for call; and the worst case of each operation, brought about on purpose.
 */
#include <stdio.h>
#include <string.h>

#include "mm/obj/cache.h"
#include "mm/obj/object_check.h"
#include "mm/phys/magazine.h"
#include "mm/phys/page_alloc.h"
#include "bench.h"

static struct bench_row *allocs, *frees;

static bool begin(void)
{
	allocs = bench_row_new();
	frees = bench_row_new();
	if (allocs == NULL || frees == NULL) {
		bench_fact("rows", "no_memory_for_them", 1);
		return false;
	}
	bench_begin(allocs);
	bench_begin(frees);
	return true;
}

static void print(const char *test, const char *alloc, const char *free)
{
	bench_print(allocs, test, alloc);
	bench_print(frees, test, free);
	bench_begin(allocs);
	bench_begin(frees);
}

static void end(void)
{
	bench_row_free(frees);
	bench_row_free(allocs);
	caches_shrink(GFP_KERNEL, 0);
	magazines_drain_all();
}

/* --- hot: the same object again and again ---------------------------------------------------- */

#define HOT(name, alloc, free)                                  \
	do {                                                    \
		void *object_;                                  \
		for (unsigned int i_ = 0; i_ < 1016; i_++) {    \
			if (i_ == 16) {                         \
				bench_begin(allocs);            \
				bench_begin(frees);             \
			}                                       \
			BENCH_MEASURE(allocs, object_ = alloc); \
			BENCH_MEASURE(frees, free);             \
		}                                               \
		print(name, "alloc", "free");                   \
	} while (0)

static void construct(void *object)
{
	memset(object, 1, 192);
}

static void hot_caches(void)
{
	struct kmem_cache *plain = kmem_cache_create("bench-192", 192, 0, 0, NULL);
	struct kmem_cache *odd = kmem_cache_create("bench-200", 200, 0, 0, NULL);
	struct kmem_cache *constructed = kmem_cache_create("bench-ctor", 192, 0, 0, construct);

	HOT("kmem_cache_192", kmem_cache_alloc(plain, GFP_KERNEL), kmem_cache_free(plain, object_));
	HOT("kmem_cache_200", kmem_cache_alloc(odd, GFP_KERNEL), kmem_cache_free(odd, object_));
	HOT("kmem_cache_ctor_192", kmem_cache_alloc(constructed, GFP_KERNEL),
	    kmem_cache_free(constructed, object_));
	kmem_cache_destroy(plain);
	kmem_cache_destroy(odd);
	kmem_cache_destroy(constructed);
}

/* Of sizes that the compiler does not know. */
static void hot_sizes(bool live)
{
	volatile size_t sizes[] = { 16, 64, 192, 1024, 8080 };
	size_t size;

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		char name[32];

		size = sizes[i];
		snprintf(name, sizeof(name), "kmalloc_%s%zu", live ? "live_" : "", size);
		HOT(name, kmalloc(size, GFP_KERNEL), kfree(object_));
	}
}

BENCH(objects, hot)
{
	if (!begin())
		return;
	hot_caches();
	hot_sizes(false);
	HOT("kmalloc_const_16", kmalloc(16, GFP_KERNEL), kfree(object_));
	HOT("kmalloc_const_1024", kmalloc(1024, GFP_ATOMIC), kfree(object_));
	HOT("kmalloc_const_8080", kmalloc(8080, GFP_KERNEL), kfree(object_));
	HOT("kmalloc_64k", kmalloc(65536, GFP_KERNEL), kfree(object_));
	end();
}

/* --- many live objects, freed in random order -------------------------------------------------- */

#define BATCH 10000U

static void **objects;

static void shuffle(void)
{
	uint32_t state = BENCH_SEED;

	for (uint32_t i = BATCH - 1; i > 0; i--) {
		uint32_t j = bench_next(&state) % (i + 1);
		void *object = objects[i];

		objects[i] = objects[j];
		objects[j] = object;
	}
}

BENCH(objects, batch)
{
	unsigned int order = get_order(BATCH * sizeof(*objects));
	struct kmem_cache *cache = kmem_cache_create("bench-192", 192, 0, 0, NULL);

	if (!begin())
		return;
	objects = (void **)__get_free_pages(GFP_KERNEL, order);
	for (uint32_t i = 0; i < BATCH; i++)
		BENCH_MEASURE(allocs, objects[i] = kmem_cache_alloc(cache, GFP_KERNEL));
	shuffle();
	for (uint32_t i = 0; i < BATCH; i++)
		BENCH_MEASURE(frees, kmem_cache_free(cache, objects[i]));
	print("kmem_cache_192_10k", "alloc", "free");
	free_pages((uintptr_t)objects, order);
	kmem_cache_destroy(cache);
	end();
}

/* --- trace H ----------------------------------------------------------------------------------- */

#define SLOTS      4096U
#define OPERATIONS 100000U

struct slot {
	void *object;
	uint32_t bytes;
};

/* All three values are drawn at every operation, whether they are used or not. */
static uint32_t trace_size(uint32_t *state)
{
	uint32_t kind = bench_next(state) % 100, x = bench_next(state);

	if (kind < 30)
		return 8 + x % 25;
	if (kind < 55)
		return 33 + x % 96;
	if (kind < 75)
		return 129 + x % 384;
	if (kind < 87)
		return 513 + x % 512;
	if (kind < 95)
		return 1025 + x % 3072;
	if (kind < 99)
		return 4097 + x % 4096;
	return 8193 + x % 57344;
}

/* Pages that slabs and large blocks hold, what is cached in empty slabs and magazines included. */
static uint32_t pages_held(const struct slot *slots)
{
	struct object_check_result result;
	uint32_t pages = 0;

	object_check(&result);
	for (uint32_t i = 0; i < SLOTS; i++)
		if (slots[i].object != NULL && slots[i].bytes > KMALLOC_MAX_CACHE_SIZE)
			pages += 1U << get_order(slots[i].bytes);
	return pages + result.slab_pages;
}

BENCH(objects, trace)
{
	unsigned int order = get_order(SLOTS * sizeof(struct slot));
	struct slot *slots;
	uint32_t state = BENCH_SEED, live = 0, peak = 0, refused = 0, before, held;

	if (!begin())
		return;
	slots = (struct slot *)__get_free_pages(GFP_KERNEL | __GFP_ZERO, order);
	before = pages_held(slots);
	for (uint32_t i = 0; i < OPERATIONS; i++) {
		struct slot *slot = &slots[bench_next(&state) >> 8 & (SLOTS - 1)];
		uint32_t bytes = trace_size(&state);

		void *object = slot->object;

		if (object != NULL) {
			BENCH_MEASURE(frees, kfree(object));
			slot->object = NULL;
			live -= slot->bytes;
			continue;
		}
		BENCH_MEASURE(allocs, object = kmalloc(bytes, GFP_KERNEL));
		slot->object = object;
		slot->bytes = bytes;
		refused += object == NULL;
		live += bytes;
		if (live > peak)
			peak = live;
	}
	held = (pages_held(slots) - before) * PAGE_SIZE;
	bench_print_both(allocs, frees, "traceH", "all");
	print("traceH", "alloc", "free");
	bench_fact("traceH", "refused", refused);
	bench_fact("traceH", "peak_live_bytes", peak);
	bench_fact("traceH", "end_live_bytes", live);
	bench_fact("traceH", "held_bytes", held);
	hot_sizes(true);
	for (uint32_t i = 0; i < SLOTS; i++)
		kfree(slots[i].object);
	free_pages((uintptr_t)slots, order);
	end();
}

/* --- worst cases, brought about ---------------------------------------------------------------- */

/*
 * Magazine empty, no slab with a free object, the page allocator's magazine empty as well: a slab is
 * made, which costs most with the smallest objects. masked: as in a handler.
 */
static void worst_alloc(const char *test, size_t bytes, bool masked)
{
	struct kmem_cache *cache = kmem_cache_create(test, bytes, 0, 0, NULL);
	void *object;

	for (unsigned int i = 0; i < 16; i++) {
		uint32_t irq;

		magazines_drain_all();
		irq = masked ? local_irq_save() : 0;
		BENCH_MEASURE(allocs, object = kmem_cache_alloc(cache, GFP_ATOMIC));
		if (masked)
			local_irq_restore(irq);
		kmem_cache_free(cache, object);
		kmem_cache_shrink(cache);
	}
	bench_print(allocs, test, "alloc");
	bench_begin(allocs);
	kmem_cache_destroy(cache);
}

/* Pages to fill the page allocator's magazine with. */
static struct page *kept[1024];

/* So that the next free of a page drains it. */
static void fill_page_magazine(void)
{
	const struct magazine *magazine = &route_of(GFP_KERNEL)->stops->set->orders[0];
	struct page *pages[2 * MAGAZINE_ITEMS];

	for (unsigned int i = 0; i < ARRAY_SIZE(pages); i++)
		pages[i] = alloc_page(GFP_KERNEL);
	for (unsigned int i = 0; i < ARRAY_SIZE(pages); i++)
		__free_page(pages[i]);
	/* Whatever the drains among those left. */
	for (unsigned int i = 0; magazine->count < magazine->limit && i < ARRAY_SIZE(kept); i++)
		if (kept[i] != NULL) {
			__free_page(kept[i]);
			kept[i] = NULL;
		}
}

/*
 * A full magazine, each of whose objects is the last one live of its slab: the drain makes as many
 * slabs empty as it gives back, and two of them go to the page allocator, whose magazine is full.
 */
static void worst_free(const char *test, bool masked)
{
	struct kmem_cache *cache = kmem_cache_create("bench-worst", 192, 0, 0, NULL);
	const uint32_t each = cache->store->objects_each, slabs = cache->store->limit + 1;
	uint32_t count = each * slabs;

	for (unsigned int i = 0; i < ARRAY_SIZE(kept); i++)
		kept[i] = alloc_page(GFP_KERNEL);
	for (uint32_t i = 0; i < count; i++)
		objects[i] = kmem_cache_alloc(cache, GFP_KERNEL);
	for (uint32_t i = 0; i < count; i++)
		if (i % each != 0)
			kmem_cache_free(cache, objects[i]);
	for (uint32_t i = 0; i < count; i += each) {
		uint32_t irq;

		fill_page_magazine();
		irq = masked ? local_irq_save() : 0;
		BENCH_MEASURE(frees, kmem_cache_free(cache, objects[i]));
		if (masked)
			local_irq_restore(irq);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(kept); i++)
		if (kept[i] != NULL)
			__free_page(kept[i]);
	bench_print(frees, test, "free");
	bench_begin(frees);
	kmem_cache_destroy(cache);
}

BENCH(objects, worst)
{
	unsigned int order = get_order(BATCH * sizeof(*objects));

	if (!begin())
		return;
	objects = (void **)__get_free_pages(GFP_KERNEL, order);
	worst_alloc("objects_worst", 64, false);
	worst_alloc("objects_worst_8_bytes", 8, false);
	worst_free("objects_worst", false);
	worst_alloc("objects_worst_masked", 64, true);
	worst_free("objects_worst_masked", true);
	free_pages((uintptr_t)objects, order);
	end();
}

/* SPDX-License-Identifier: MIT */
/* Objects on the running system: right use, wrong use, all memory used up; everything comes back. */
#include <inttypes.h>
#include <string.h>

#include "arch/irqflags.h"
#include "arch/linear.h"
#include "kern/console.h"
#include "kern/selftest.h"
#include "lib/bits.h"
#include "mm/obj/cache.h"
#include "mm/obj/misuse.h"
#include "mm/obj/object_check.h"
#include "mm/obj/object_fail.h"
#include "mm/obj/object_stats.h"
#include "mm/obj/slab_debug.h"
#include "mm/phys/page_debug.h"
#include "mm/phys/zone.h"

#include "bench.h"
#include "page_watch.h"

#include "insist.h"

extern char __text_start[];

/* --- around each test ------------------------------------------------------------------------- */

static unsigned int object_misuses;
static struct object_misuse last_object_misuse;
static void (*object_hook_before)(const struct object_misuse *misuse);

static void note_object_misuse(const struct object_misuse *misuse)
{
	last_object_misuse = *misuse;
	object_misuses++;
}

/* Slabs that are kept empty would look like memory that is gone. */
static void objects_begin(void)
{
	caches_shrink(GFP_KERNEL, 0);
	begin();
	object_hook_before = object_misuse_hook;
	object_misuse_hook = note_object_misuse;
	object_misuses = 0;
}

static void objects_end(void)
{
	struct object_check_result result;

	EXPECT(object_misuses == 0);
	EXPECT(object_check(&result));
	if (result.broken != NULL)
		console_printf("    # %s, %#" PRIxPTR ": %s\n",
			       result.cache != NULL ? result.cache : "none", result.address,
			       result.broken);
	caches_shrink(GFP_KERNEL, 0);
	object_misuse_hook = object_hook_before;
	end();
}

/* Told once, of this kind. */
static bool told(enum object_misuse_kind kind)
{
	bool right = object_misuses == 1 && last_object_misuse.kind == kind;

	object_misuses = 0;
	return right;
}

/* Once more when it was refused on purpose, as alloc_pages here (insist.h). */
static uint32_t failed_on_purpose(void)
{
	return page_fail.failed + object_fail.failed;
}

#define INSIST_OBJECT(expression)                                           \
	({                                                                  \
		uint32_t failed_;                                           \
		void *value_;                                               \
		do {                                                        \
			failed_ = failed_on_purpose();                      \
			value_ = (expression);                              \
		} while (value_ == NULL && failed_on_purpose() != failed_); \
		value_;                                                     \
	})

static void *take(size_t bytes, gfp_t gfp)
{
	return INSIST_OBJECT(kmalloc(bytes, gfp | __GFP_NOWARN));
}

static void *take_of(struct kmem_cache *cache, gfp_t gfp)
{
	return INSIST_OBJECT(kmem_cache_alloc(cache, gfp | __GFP_NOWARN));
}

/* --- contents --------------------------------------------------------------------------------- */

/* Every word of an object holds what depends on its address and its size. */
static void write_object(void *object, size_t bytes)
{
	uint32_t *word = object;

	for (size_t i = 0; i < bytes / 4; i++)
		word[i] = (uint32_t)(uintptr_t)&word[i] * 2654435761U + (uint32_t)bytes;
}

static bool object_is_as_written(const void *object, size_t bytes)
{
	const uint32_t *word = object;

	for (size_t i = 0; i < bytes / 4; i++)
		if (word[i] != (uint32_t)(uintptr_t)&word[i] * 2654435761U + (uint32_t)bytes)
			return false;
	return true;
}

/* --- right use -------------------------------------------------------------------------------- */

static size_t class_of(size_t bytes)
{
	size_t size = 64;

	if (bytes > 128 && bytes <= 192)
		return 192;
	while (size < bytes)
		size *= 2;
	return size < PAGE_SIZE && size >= bytes ? size : ALIGN_UP(size, PAGE_SIZE);
}

SELFTEST(objects, each_size_has_its_class)
{
	objects_begin();
	for (size_t bytes = 1; bytes <= KMALLOC_MAX_SIZE; bytes += bytes / 7 + 1) {
		void *object = take(bytes, GFP_KERNEL);

		EXPECT(object != NULL || bytes > SZ_1M);
		if (object == NULL)
			continue;
		EXPECT(IS_ALIGNED((uintptr_t)object, 64));
		EXPECT(ksize(object) == class_of(bytes));
		write_object(object, ksize(object));
		EXPECT(object_is_as_written(object, ksize(object)));
		kfree(object);
	}
	EXPECT(kmalloc(0, GFP_KERNEL) == ZERO_SIZE_PTR && ksize(ZERO_SIZE_PTR) == 0);
	kfree(ZERO_SIZE_PTR);
	kfree(NULL);
	EXPECT(kmalloc(KMALLOC_MAX_SIZE + 1, GFP_KERNEL | __GFP_NOWARN) == NULL);
	EXPECT(kmalloc(KMALLOC_MAX_SIZE + 1, GFP_KERNEL) == NULL && told(KMALLOC_TOO_LARGE));
	objects_end();
}

#define MANY 2048U

static struct {
	void *object;
	size_t bytes;
} many[MANY];

static void take_many(uint32_t *state)
{
	for (unsigned int i = 0; i < MANY; i++) {
		many[i].bytes = 4 + bench_next(state) % (i % 16 == 0 ? 12000 : 700);
		many[i].object = take(many[i].bytes, GFP_KERNEL);
		if (many[i].object != NULL)
			write_object(many[i].object, many[i].bytes);
	}
}

static void give_many(uint32_t *state)
{
	for (unsigned int i = MANY; i > 0; i--) {
		unsigned int j = bench_next(state) % i;

		EXPECT(many[j].object == NULL ||
		       object_is_as_written(many[j].object, many[j].bytes));
		kfree(many[j].object);
		many[j] = many[i - 1];
	}
}

SELFTEST(objects, no_two_share_a_byte)
{
	uint32_t state = BENCH_SEED;

	objects_begin();
	take_many(&state);
	give_many(&state);
	take_many(&state);
	give_many(&state);
	objects_end();
}

SELFTEST(objects, zeroed_ones_are_zero)
{
	static const char zeros[512];

	objects_begin();
	for (unsigned int round = 0; round < 3; round++)
		for (size_t bytes = 8; bytes <= sizeof(zeros); bytes += 56) {
			char *object = take(bytes, GFP_KERNEL | __GFP_ZERO);

			EXPECT(object != NULL && memcmp(object, zeros, bytes) == 0);
			if (object == NULL)
				continue;
			memset(object, 0xff, bytes);
			kfree(object);
		}
	objects_end();
}

static bool lies_in_dma(const void *object)
{
	return page_zone_index(page_block_head(PFN_DOWN(virt_to_phys(object)))) == ZONE_DMA;
}

SELFTEST(objects, dma_memory_is_in_its_zone)
{
	objects_begin();
	for (size_t bytes = 10; bytes < 100000; bytes *= 3) {
		void *object = take(bytes, GFP_DMA);

		EXPECT(object == NULL ? zones[ZONE_DMA].managed_pages < 64 : lies_in_dma(object));
		kfree(object);
	}
	objects_end();
}

static unsigned int constructed;

static void construct(void *object)
{
	memset(object, 0xc0, 100);
	constructed++;
}

static bool is_constructed(const void *object)
{
	const unsigned char *byte = object;

	for (unsigned int i = 0; i < 100; i++)
		if (byte[i] != 0xc0)
			return false;
	return true;
}

SELFTEST(objects, constructed_once_for_good)
{
	struct kmem_cache *cache = kmem_cache_create("test-ctor", 100, 0, 0, construct);
	void *objects[100];
	unsigned int before;

	objects_begin();
	constructed = 0;
	for (unsigned int i = 0; i < ARRAY_SIZE(objects); i++) {
		objects[i] = take_of(cache, GFP_KERNEL);
		EXPECT(objects[i] == NULL || is_constructed(objects[i]));
	}
	before = constructed;
	for (unsigned int round = 0; round < 3; round++)
		for (unsigned int i = 0; i < ARRAY_SIZE(objects); i++) {
			if (objects[i] != NULL)
				kmem_cache_free(cache, objects[i]);
			objects[i] = take_of(cache, GFP_KERNEL);
			EXPECT(objects[i] == NULL || is_constructed(objects[i]));
		}
	EXPECT(constructed == before);
	EXPECT(kmem_cache_zalloc(cache, GFP_KERNEL) == NULL && told(OBJECT_GFP));
	for (unsigned int i = 0; i < ARRAY_SIZE(objects); i++)
		if (objects[i] != NULL)
			kmem_cache_free(cache, objects[i]);
	kmem_cache_destroy(cache);
	objects_end();
}

SELFTEST(objects, bulk_is_all_or_nothing)
{
	struct kmem_cache *cache = kmem_cache_create("test-bulk", 200, 0, 0, NULL);
	static void *objects[500];
	size_t count;

	objects_begin();
	for (size_t wanted = 0; wanted <= ARRAY_SIZE(objects); wanted += 125) {
		count = kmem_cache_alloc_bulk(cache, GFP_KERNEL | __GFP_NOWARN, wanted, objects);
		/* One refusal in a row of many is enough. */
		EXPECT(count == wanted || (count == 0 && failed_on_purpose() != 0));
		for (size_t i = 0; i < count; i++)
			write_object(objects[i], 200);
		for (size_t i = 0; i < count; i++)
			EXPECT(object_is_as_written(objects[i], 200));
		kmem_cache_free_bulk(wanted % 2 == 0 ? cache : NULL, count, objects);
	}
	kmem_cache_destroy(cache);
	objects_end();
}

SELFTEST(objects, resized_ones_keep_their_contents)
{
	static const size_t sizes[] = { 10, 64, 65, 500, 4000, 9000, 70000, 300, 1 };
	char *object, *copy;

	objects_begin();
	object = take(8, GFP_KERNEL);
	EXPECT(object != NULL);
	memcpy(object, "strata", 7);
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes) && object != NULL; i++) {
		copy = INSIST_OBJECT(krealloc(object, sizes[i] + 7, GFP_KERNEL | __GFP_NOWARN));
		EXPECT(copy != NULL && strcmp(copy, "strata") == 0);
		object = copy != NULL ? copy : object;
	}
	copy = INSIST_OBJECT(kstrdup(object, GFP_KERNEL | __GFP_NOWARN));
	EXPECT(copy != NULL && copy != object && strcmp(copy, "strata") == 0);
	kfree(copy);
	EXPECT(krealloc(object, 0, GFP_KERNEL) == ZERO_SIZE_PTR);
	objects_end();
}

SELFTEST(objects, with_interrupts_masked)
{
	objects_begin();
	for (size_t bytes = 1; bytes < 20000; bytes += 333) {
		uint32_t irq = local_irq_save();

		kfree(take(bytes, GFP_ATOMIC));
		EXPECT(irqs_masked());
		local_irq_restore(irq);
	}
	objects_end();
}

/* --- all of it -------------------------------------------------------------------------------- */

/* A list through the objects themselves. */
static uint32_t fill_memory(size_t bytes, void **list)
{
	uint32_t count = 0;
	void **object;

	*list = NULL;
	while ((object = take(bytes, GFP_KERNEL)) != NULL) {
		object[0] = *list;
		object[1] = (void *)((uintptr_t)object ^ bytes);
		*list = object;
		count++;
	}
	return count;
}

static uint32_t empty_memory(size_t bytes, void *list)
{
	uint32_t count = 0;

	while (list != NULL) {
		void **object = list;

		EXPECT(object[1] == (void *)((uintptr_t)object ^ bytes));
		list = object[0];
		kfree(object);
		count++;
	}
	return count;
}

SELFTEST(objects, all_of_lowmem_and_back)
{
	static const size_t sizes[] = { SZ_4M, 8192, 2048, SZ_4M };
	struct cache_snapshot cache;
	void *list;

	objects_begin();
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint32_t count = fill_memory(sizes[i], &list);

		EXPECT(count > 0);
		EXPECT(empty_memory(sizes[i], list) == count);
	}
	for (unsigned int i = 0; i < KMEM_CACHES; i++)
		if (cache_snapshot(i, &cache))
			EXPECT(cache.quarantined == 0);
	objects_end();
}

/* What caches keep in empty slabs and magazines serves a request for pages before it is refused. */
SELFTEST(objects, pressure_takes_empty_slabs)
{
	struct page *page, *list = NULL;
	struct cache_snapshot cache;
	uint32_t state = BENCH_SEED;

	objects_begin();
	take_many(&state);
	give_many(&state);
	while ((page = alloc_page(GFP_KERNEL | __GFP_NOWARN)) != NULL) {
		page->link[LINK_NEXT] = page_link(list);
		list = page;
	}
	for (unsigned int i = 0; i < KMEM_CACHES; i++)
		if (cache_snapshot(i, &cache))
			EXPECT(cache.slabs == 0 || cache.live != 0);
	while (list != NULL) {
		page = list;
		list = page->link[LINK_NEXT] != page_link(NULL) ? page_list_next(page) : NULL;
		__free_page(page);
	}
	objects_end();
}

/* --- wrong use -------------------------------------------------------------------------------- */

static void expect_refused(const void *object, enum object_misuse_kind kind)
{
	kfree(object);
	EXPECT(told(kind) && last_object_misuse.address == (uintptr_t)object);
}

SELFTEST(objects, freed_twice)
{
	objects_begin();
	for (size_t bytes = 20; bytes < 9000; bytes *= 2) {
		char *object = take(bytes, GFP_KERNEL), *other = take(bytes, GFP_KERNEL);

		EXPECT(object != NULL && other != NULL);
		if (object == NULL || other == NULL)
			continue;
		kfree(object);
		expect_refused(object, bytes <= KMALLOC_MAX_CACHE_SIZE ? OBJECT_FREED_TWICE
								       : OBJECT_NOT_OWNED);
		kmem_cache_shrink(&kmem_caches[kmalloc_index(bytes <= 8192 ? bytes : 8192)]);
		kfree(object);
		EXPECT(object_misuses == 1); /* on its slab's list now, or the slab is gone */
		object_misuses = 0;
		kfree(other);
	}
	objects_end();
}

SELFTEST(objects, pointers_that_are_none)
{
	char *object = take(300, GFP_KERNEL), *block = take(20000, GFP_KERNEL);
	char *page = (char *)__get_free_page(GFP_KERNEL);
	struct kmem_cache *cache = kmem_cache_create("test-other", 300, 0, 0, NULL);

	objects_begin();
	for (unsigned int offset = 1; offset < 300; offset += 13)
		expect_refused(object + offset, OBJECT_MIDDLE);
	expect_refused(block + 4096, OBJECT_NOT_OWNED);
	expect_refused(block + 64, OBJECT_NOT_OWNED);
	expect_refused(page, OBJECT_NOT_OWNED);
	expect_refused(__text_start, OBJECT_NOT_OWNED);
	expect_refused(&object_misuses, OBJECT_NOT_OWNED);
	/* User space, struct pages, the vectors; nothing that need be mapped. */
	for (uintptr_t address = 0x1000; address >= 0x1000; address += 0x0fff000)
		if (address - CONFIG_PAGE_OFFSET >= 0xc0000000U ||
		    zones_is_lowmem(PFN_DOWN(virt_to_phys((void *)address))) == false)
			expect_refused((void *)address, OBJECT_NOT_OWNED);
	kmem_cache_free(cache, object);
	EXPECT(told(OBJECT_WRONG_CACHE) && strcmp(last_object_misuse.wanted, "test-other") == 0);
	kmem_cache_free(cache, NULL);
	EXPECT(told(OBJECT_NOT_OWNED));
	objects_end();
	kmem_cache_destroy(cache);
	free_page((uintptr_t)page);
	kfree(block);
	kfree(object);
}

SELFTEST(objects, its_pages_are_not_freed)
{
	char *object = take(3000, GFP_KERNEL);
	struct page *page = virt_to_page(object);

	objects_begin();
	for (unsigned int order = 0; order < 5; order++) {
		__free_pages(page, order);
		EXPECT(misuses == 1 && last_misuse.kind == MISUSE_SLAB);
		misuses = 0;
	}
	objects_end();
	kfree(object);
}

/* The object stays out of use; so does its slab, which is why these have a cache of their own. */
SELFTEST(objects, written_after_free)
{
	struct kmem_cache *cache = kmem_cache_create("test-written", 64, 0, 0, NULL);
	uint32_t *objects[40], *written;
	unsigned int managed = zones[ZONE_NORMAL].managed_pages;

	if (cache_is_watched(cache->store)) {
		kmem_cache_destroy(
			cache); /* its mark lies elsewhere, its slabs are used otherwise */
		return;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(objects); i++)
		objects[i] = take_of(cache, GFP_KERNEL);
	written = objects[20];
	object_hook_before = object_misuse_hook;
	object_misuse_hook = note_object_misuse;
	object_misuses = 0;
	for (unsigned int i = 0; i < ARRAY_SIZE(objects); i++)
		kmem_cache_free(cache, objects[i]);
	*written = 0x41414141;
	for (unsigned int i = 0; i < ARRAY_SIZE(objects); i++) {
		objects[i] = take_of(cache, GFP_KERNEL);
		EXPECT(objects[i] != NULL && objects[i] != written);
	}
	if (object_misuses == 0)
		kmem_cache_shrink(cache); /* it still waited in the magazine */
	EXPECT(told(OBJECT_WRITTEN_AFTER_FREE) && last_object_misuse.object == (uintptr_t)written &&
	       last_object_misuse.offset == 0 && last_object_misuse.found[0] == 0x41);
	kmem_cache_free(cache, written);
	EXPECT(told(OBJECT_FREED_TWICE));
	for (unsigned int i = 0; i < ARRAY_SIZE(objects); i++)
		kmem_cache_free(cache, objects[i]);
	kmem_cache_destroy(cache);
	EXPECT(object_misuses == 0 && zones[ZONE_NORMAL].managed_pages == managed);
	/* Its page is quarantined; nobody writes there any more, so it may be had back. */
	EXPECT(page_unquarantine(virt_to_page(written)));
	object_misuse_hook = object_hook_before;
}

SELFTEST(objects, watched_ones_tell_more)
{
	struct kmem_cache *cache = kmem_cache_create(
		"test-watched", 30, 0, SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER, NULL);
	char *object;

	objects_begin();
	object = take_of(cache, GFP_KERNEL);
	EXPECT(object != NULL);
	object[30] = 'x';
	kmem_cache_free(cache, object);
	EXPECT(told(OBJECT_RIGHT_RED_ZONE) && last_object_misuse.object == (uintptr_t)object &&
	       last_object_misuse.offset == 30 && last_object_misuse.wrong_bytes == 1 &&
	       last_object_misuse.found[0] == 'x' &&
	       last_object_misuse.expected[0] == RED_ZONE_ALLOCATED);
	EXPECT(last_object_misuse.taken.frames > 0 && last_object_misuse.given.frames > 0);
	object = take_of(cache, GFP_KERNEL);
	object[-1] = 0;
	EXPECT(slab_debug_validate(cache) == 1 && told(OBJECT_LEFT_RED_ZONE));
	EXPECT(slab_debug_validate(cache) == 0);
	kmem_cache_destroy(cache);
	EXPECT(object_misuses == 2 && last_object_misuse.kind == CACHE_STILL_LIVE &&
	       last_object_misuse.address == (uintptr_t)object);
	object_misuses = 0;
	kmem_cache_free(cache, object);
	kmem_cache_destroy(cache);
	objects_end();
}

SELFTEST(objects, caches_that_cannot_be)
{
	struct kmem_cache *cache;

	objects_begin();
	EXPECT(kmem_cache_create("test", 0, 0, 0, NULL) == NULL && told(CACHE_REFUSED));
	EXPECT(kmem_cache_create("test", KMALLOC_MAX_SIZE + 1, 0, 0, NULL) == NULL &&
	       told(CACHE_REFUSED));
	EXPECT(kmem_cache_create("test", 8, 3, 0, NULL) == NULL && told(CACHE_REFUSED));
	EXPECT(kmem_cache_create("", 8, 0, 0, NULL) == NULL && told(CACHE_REFUSED));
	EXPECT(kmem_cache_create("test", 8, 0, 1, NULL) == NULL && told(CACHE_REFUSED));
	cache = kmem_cache_create("test", 8, 0, 0, NULL);
	kmem_cache_destroy(cache);
	kmem_cache_destroy(cache);
	EXPECT(told(CACHE_UNKNOWN));
	EXPECT(kmem_cache_alloc(cache, GFP_KERNEL) == NULL && told(CACHE_UNKNOWN));
	kmem_cache_destroy(kmem_caches);
	EXPECT(told(CACHE_UNKNOWN));
	kmem_cache_destroy(NULL);
	objects_end();
}

/* SPDX-License-Identifier: MIT */
/*
 * The object allocator used wrongly, interrupted, and damaged, in its ordinary build: wrong frees are
 * told and change nothing, what was written to after it was freed is never handed out again, handlers
 * may allocate wherever interrupts are let in, and the walker sees each thing that it says it checks.
 */
#include "object_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arch/irqflags.h"
#include "mm/obj/object.h"

#define BASE        HARNESS_BASE_PFN
#define NEVER_OWNED (KMALLOC_KINDS * KMALLOC_SIZES)

/* --- kinds of caches ---------------------------------------------------------------------------- */

#define CONSTRUCTED 0xc7

/* What a constructor leaves, for all sizes: its first and last byte. */
static uint32_t constructed_bytes;

static void construct(void *object)
{
	memset(object, CONSTRUCTED, constructed_bytes);
}

static const struct kind {
	const char *name;
	size_t size, align;
	uint32_t flags;
	bool constructor;
} kinds[] = {
	{ "eight", 8, 0, 0, false },
	{ "odd", 20, 0, 0, false },
	{ "constructed", 40, 0, 0, true },
	{ "hundred", 100, 0, 0, false },
	{ "line", 192, 0, SLAB_HWCACHE_ALIGN, false },
	{ "constructed-192", 184, 0, 0, true },
	{ "dma", 328, 0, SLAB_CACHE_DMA, false },
	{ "large", 1000, 0, SLAB_RECLAIM_ACCOUNT, false },
	{ "aligned", 300, 512, 0, false },
	{ "page", 4096, 0, 0, false },
	{ "pages", 5000, 0, 0, false },
	{ "constructed-large", 1016, 0, 0, true },
};

static struct kmem_cache *create(const struct kind *kind)
{
	constructed_bytes = (uint32_t)kind->size;
	return kmem_cache_create(kind->name, kind->size, kind->align, kind->flags,
				 kind->constructor ? construct : NULL);
}

static struct kmem_cache *start_kind(const struct kind *kind)
{
	objects_start(NULL, NULL);
	return create(kind);
}

static void *take(struct kmem_cache *cache)
{
	void *object = kmem_cache_alloc(cache, GFP_KERNEL);

	assert_non_null(object);
	return object;
}

/* What is in the magazine goes onto its slabs' lists; the oldest first, so the newest leads. */
static void drain(struct kmem_cache *cache)
{
	uint32_t irq = local_irq_save();

	magazine_give(cache, UINT32_MAX);
	local_irq_restore(irq);
}

/* --- what a report says ------------------------------------------------------------------------- */

static struct object_check_result before;
static struct page_check_result pages_before;

static void watch(void)
{
	assert_int_equal(objects_misuses, 0);
	assert_int_equal(harness_misuses, 0);
	objects_check(&before);
	harness_check(&pages_before);
}

static void expect_same_text(const char *found, const char *wanted)
{
	if (wanted == NULL)
		assert_null(found);
	else
		assert_string_equal(found, wanted);
}

static void expect_nothing_changed(void)
{
	struct object_check_result after;
	struct page_check_result pages_after;

	objects_check(&after);
	assert_int_equal(after.slabs, before.slabs);
	assert_int_equal(after.slab_pages, before.slab_pages);
	assert_int_equal(after.objects, before.objects);
	assert_int_equal(after.live, before.live);
	assert_int_equal(after.listed, before.listed);
	assert_int_equal(after.cached, before.cached);
	assert_int_equal(after.quarantined, before.quarantined);
	harness_check(&pages_after);
	assert_memory_equal(&pages_before, &pages_after, sizeof(pages_before));
	assert_int_equal(harness_misuses, 0);
	assert_int_equal(double_irq_flags, 0);
}

/* Exactly one: this kind, of this address, in this object of this cache (NULL, 0: none is known). */
static void expect_told(enum object_misuse_kind kind, uintptr_t address, uintptr_t object,
			const struct kmem_cache *cache)
{
	const struct object_misuse *misuse = &objects_last_misuse;

	objects_expect(kind);
	assert_int_equal(misuse->address, address);
	assert_int_equal(misuse->object, object);
	expect_same_text(misuse->cache, cache != NULL ? cache->store->name : NULL);
	assert_int_equal(misuse->bytes, cache != NULL ? cache->store->object_bytes : 0);
	assert_int_equal(misuse->wrong_bytes, 0);
	assert_int_not_equal(misuse->caller, 0);
	if (kind != OBJECT_WRONG_CACHE)
		assert_null(misuse->wanted);
}

/* A free that must be refused, with kmem_cache_free and with kfree. */
static void expect_refused(enum object_misuse_kind kind, struct kmem_cache *cache,
			   uintptr_t address, uintptr_t object)
{
	const struct kmem_cache *known = kind == OBJECT_NOT_OWNED ? NULL : cache;

	watch();
	kmem_cache_free(cache, (void *)address);
	expect_told(kind, address, object, known);
	if (!ZERO_OR_NULL_PTR(address)) {
		kfree((void *)address);
		expect_told(kind, address, object, known);
	}
	expect_nothing_changed();
}

static void expect_freed_twice(struct kmem_cache *cache, void *object)
{
	expect_refused(OBJECT_FREED_TWICE, cache, (uintptr_t)object, (uintptr_t)object);
}

static void expect_unowned(struct kmem_cache *cache, const void *address)
{
	expect_refused(OBJECT_NOT_OWNED, cache, (uintptr_t)address, 0);
}

/* --- nothing is handed out twice ---------------------------------------------------------------- */

#define ALL_MOST 2048

/* Marked with its number, so that an object that somebody else has as well shows. */
static void stamp(void *object, uint32_t bytes, uint32_t number)
{
	memset(object, (int)(number % 251), bytes);
	memcpy(object, &number, sizeof(number));
}

static void expect_stamp(const void *object, uint32_t bytes, uint32_t number)
{
	uint32_t found;

	memcpy(&found, object, sizeof(found));
	assert_int_equal(found, number);
	if (bytes > sizeof(number))
		assert_int_equal(((const uint8_t *)object)[bytes - 1], number % 251);
}

/* More than all that its slabs and its magazine hold; each must be another one, and not `banned`. */
static void expect_all_distinct(struct kmem_cache *cache, const void *banned)
{
	static void *all[ALL_MOST];
	struct cache_store *store = cache->store;
	uint32_t bytes = store->object_bytes, count = store->objects + store->objects_each + 1;

	assert_true(count <= ALL_MOST);
	for (uint32_t i = 0; i < count; i++) {
		all[i] = take(cache);
		assert_ptr_not_equal(all[i], banned);
		if (store->constructor != NULL) {
			assert_int_equal(((uint8_t *)all[i])[0], CONSTRUCTED);
			assert_int_equal(((uint8_t *)all[i])[bytes - 1], CONSTRUCTED);
		}
		stamp(all[i], bytes, i);
	}
	for (uint32_t i = 0; i < count; i++)
		expect_stamp(all[i], bytes, i);
	for (uint32_t i = 0; i < count; i++) {
		if (store->constructor != NULL)
			memset(all[i], CONSTRUCTED, bytes);
		kmem_cache_free(cache, all[i]);
	}
	assert_int_equal(objects_misuses, 0);
	objects_check(NULL);
}

/* --- freed twice -------------------------------------------------------------------------------- */

/* In the magazine, on the slab's list, in an empty slab that is kept, and when that is gone. */
static void free_twice_everywhere(struct kmem_cache *cache)
{
	void *anchor = take(cache), *objects[3];

	for (unsigned int i = 0; i < ARRAY_SIZE(objects); i++)
		objects[i] = take(cache);
	for (unsigned int i = 0; i < ARRAY_SIZE(objects); i++)
		kmem_cache_free(cache, objects[i]);
	for (unsigned int i = 0; i < ARRAY_SIZE(objects); i++)
		expect_freed_twice(cache, objects[i]);
	drain(cache);
	assert_int_equal(magazine_count(cache), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(objects); i++)
		expect_freed_twice(cache, objects[i]);
	kmem_cache_free(cache, anchor);
	drain(cache);
	assert_int_not_equal(cache->store->empty_slabs, 0);
	expect_freed_twice(cache, anchor);
	for (unsigned int i = 0; i < ARRAY_SIZE(objects); i++)
		expect_freed_twice(cache, objects[i]);
	expect_all_distinct(cache, NULL);
	kmem_cache_shrink(cache);
	assert_int_equal(cache->store->slabs, 0);
	expect_unowned(cache, anchor);
	for (unsigned int i = 0; i < ARRAY_SIZE(objects); i++)
		expect_unowned(cache, objects[i]);
	expect_all_distinct(cache, NULL);
}

static void test_freed_twice(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++)
		free_twice_everywhere(start_kind(&kinds[i]));
}

static void test_freed_twice_of_kmalloc(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < KMALLOC_KINDS * KMALLOC_SIZES; i++) {
		objects_start(NULL, NULL);
		free_twice_everywhere(&kmem_caches[i]);
	}
}

/* Each object of a slab, whatever its place: first, last, behind a page's edge. */
static void test_freed_twice_each_of_a_slab(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct kmem_cache *cache = start_kind(&kinds[i]);
		uint32_t count = cache->store->objects_each;
		void **objects = calloc(count, sizeof(*objects));

		for (uint32_t j = 0; j < count; j++)
			objects[j] = take(cache);
		assert_int_equal(cache->store->slabs, 1);
		for (uint32_t j = 1; j < count; j++)
			kmem_cache_free(cache, objects[j]);
		for (uint32_t j = 1; j < count; j++) {
			kmem_cache_free(cache, objects[j]);
			expect_told(OBJECT_FREED_TWICE, (uintptr_t)objects[j],
				    (uintptr_t)objects[j], cache);
			kfree(objects[j]);
			expect_told(OBJECT_FREED_TWICE, (uintptr_t)objects[j],
				    (uintptr_t)objects[j], cache);
		}
		objects_check(NULL);
		kmem_cache_free(cache, objects[0]);
		free(objects);
		expect_all_distinct(cache, NULL);
	}
}

/* A, B, A: the one on top is not the one that is freed again. */
static void test_freed_twice_with_another_between(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct kmem_cache *cache = start_kind(&kinds[i]);
		void *one = take(cache), *other = take(cache);

		kfree(one);
		kfree(other);
		expect_freed_twice(cache, one);
		expect_freed_twice(cache, other);
		expect_all_distinct(cache, NULL);
	}
}

/* While all magazines are closed, what is freed goes onto its slab's list at once. */
static void test_freed_twice_while_diverted(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct kmem_cache *cache = start_kind(&kinds[i]);
		void *anchor = take(cache), *one = take(cache), *other = take(cache);

		caches_divert(true);
		kmem_cache_free(cache, one);
		kmem_cache_free(cache, other);
		assert_int_equal(magazine_count(cache), 0);
		expect_freed_twice(cache, one);
		expect_freed_twice(cache, other);
		caches_divert(false);
		expect_freed_twice(cache, one);
		kmem_cache_free(cache, anchor);
		expect_all_distinct(cache, NULL);
	}
}

/* Never handed out: fresh in its slab. It carries the mark as well. */
static void test_never_allocated(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct kmem_cache *cache = start_kind(&kinds[i]);
		struct page *head;

		take(cache);
		head = slab_next(cache->store, NULL);
		for (uint32_t j = 1; j < slab_objects(cache->store, head); j += 7)
			expect_freed_twice(cache, (void *)slab_object(cache->store, head, j));
		expect_all_distinct(cache, NULL);
	}
}

/* Whole pages of kmalloc: from its smallest to its largest block. */
static void test_pages_freed_twice(void **state)
{
	(void)state;
	for (size_t bytes = KMALLOC_MAX_CACHE_SIZE + 1; bytes <= KMALLOC_MAX_SIZE; bytes += bytes) {
		char *one, *other, *next;

		objects_start(NULL, NULL);
		one = kmalloc(bytes, GFP_KERNEL);
		other = kmalloc(bytes, GFP_KERNEL);
		kfree(one);
		expect_unowned(&kmem_caches[0], one);
		kfree(other);
		expect_unowned(&kmem_caches[0], one);
		expect_unowned(&kmem_caches[0], other);
		magazines_drain_all();
		expect_unowned(&kmem_caches[0], one);
		one = kmalloc(bytes, GFP_KERNEL);
		next = kmalloc(bytes, GFP_KERNEL);
		assert_ptr_not_equal(one, next);
		kfree(one);
		kfree(next);
		assert_int_equal(objects_misuses + harness_misuses, 0);
		objects_check(NULL);
	}
}

/* What asks about an object looks at it as well. */
static void test_questions_about_what_is_free(void **state)
{
	char *object, *pages;

	(void)state;
	objects_start(NULL, NULL);
	object = kmalloc(100, GFP_KERNEL);
	pages = kmalloc(KMALLOC_MAX_CACHE_SIZE + 1, GFP_KERNEL);
	kfree(object);
	kfree(pages);
	watch();
	assert_int_equal(ksize(object), 0);
	expect_told(OBJECT_FREED_TWICE, (uintptr_t)object, (uintptr_t)object, &kmem_caches[1]);
	assert_null(krealloc(object, 110, GFP_KERNEL));
	expect_told(OBJECT_FREED_TWICE, (uintptr_t)object, (uintptr_t)object, &kmem_caches[1]);
	assert_null(krealloc(object, 1000, GFP_KERNEL));
	expect_told(OBJECT_FREED_TWICE, (uintptr_t)object, (uintptr_t)object, &kmem_caches[1]);
	assert_int_equal(ksize(object + 8), 0);
	expect_told(OBJECT_MIDDLE, (uintptr_t)object + 8, (uintptr_t)object, &kmem_caches[1]);
	assert_int_equal(ksize(pages), 0);
	expect_told(OBJECT_NOT_OWNED, (uintptr_t)pages, 0, NULL);
	assert_null(krealloc(pages, 1000, GFP_KERNEL));
	expect_told(OBJECT_NOT_OWNED, (uintptr_t)pages, 0, NULL);
	expect_nothing_changed();
}

/* Nobody listens: it is refused all the same. */
static void test_without_a_hook(void **state)
{
	struct kmem_cache *cache;
	char *object;

	(void)state;
	cache = start_kind(&kinds[3]);
	object = take(cache);
	take(cache);
	kmem_cache_free(cache, object);
	watch();
	object_misuse_hook = NULL;
	kmem_cache_free(cache, object);
	kfree(object + 1);
	kfree(harness_page_data(pfn_to_page(BASE)));
	kmem_cache_free(&kmem_caches[0], object);
	assert_int_equal(ksize(object), 0);
	expect_nothing_changed();
	kmem_cache_destroy(cache); /* the other one is live */
	memset(object, 0xee, 4);
	assert_ptr_not_equal(take(cache), object);
	objects_check(NULL);
	assert_int_equal(cache->store->quarantined, 1);
}

/* --- pointers that are none --------------------------------------------------------------------- */

/* Frames from the base of what is not plain RAM; all in Normal. */
enum { RESERVED_AT = 5000, HOLE_AT = 5005, NO_MAP_AT = 5010, HIGHMEM_AT = 16384, END_AT = 20480 };

static void start_with_pieces(void)
{
	objects_start(&(struct harness_machine){ .zone_pages = { 4096, 12288, 4096, 0 },
						 .pieces = { { RESERVED_AT, 5, PIECE_RESERVED },
							     { HOLE_AT, 3, PIECE_HOLE },
							     { NO_MAP_AT, 2, PIECE_NO_MAP } } },
		      NULL);
	harness_clear_watermarks();
}

static char *address_of(uint32_t page)
{
	return phys_to_virt((phys_addr_t)PFN_PHYS(BASE + page));
}

static void test_null(void **state)
{
	struct kmem_cache *cache;

	(void)state;
	cache = start_kind(&kinds[3]);
	expect_unowned(cache, NULL);
	expect_unowned(cache, ZERO_SIZE_PTR);
	kfree(NULL);
	kfree(ZERO_SIZE_PTR);
	kmem_cache_destroy(NULL);
	assert_int_equal(objects_misuses, 0);
	take(cache);
	expect_unowned(cache, NULL);
}

/* Every byte of a slab with all objects live: none but their starts is freed. */
static void expect_only_starts(struct kmem_cache *cache)
{
	struct cache_store *store = cache->store;
	struct page *head;
	uint32_t bytes;

	for (uint32_t i = 0; i < store->objects_each; i++)
		take(cache);
	head = slab_next(store, NULL);
	assert_int_equal(slab_free_objects(head), 0);
	bytes = PAGE_SIZE << page_order(head);
	watch();
	for (uint32_t at = 0; at < bytes; at++) {
		uint32_t index = at / store->slot_bytes;
		uintptr_t address = slab_address(head) + at, object;

		if (at % store->slot_bytes == 0 && index < store->objects_each)
			continue;
		object = index < store->objects_each ? slab_object(store, head, index) : 0;
		kmem_cache_free(cache, (void *)address);
		expect_told(OBJECT_MIDDLE, address, object, cache);
		if (object != 0)
			assert_int_equal(objects_last_misuse.offset, address - object);
		kfree((void *)address);
		expect_told(OBJECT_MIDDLE, address, object, cache);
	}
	expect_nothing_changed();
}

static void test_middle_of_a_slab(void **state)
{
	bool rest = false;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct kmem_cache *cache = start_kind(&kinds[i]);

		rest = rest || (PAGE_SIZE << cache->store->order) % cache->store->slot_bytes != 0;
		expect_only_starts(cache);
	}
	assert_true(rest); /* or there was nothing behind a last slot */
}

static void test_middle_of_kmalloc(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < KMALLOC_SIZES; i++) {
		objects_start(NULL, NULL);
		expect_only_starts(&kmem_caches[i]);
	}
}

static void test_memory_that_is_no_slab(void **state)
{
	struct kmem_cache *cache;
	struct page *page;
	char *address;

	(void)state;
	start_with_pieces();
	cache = create(&kinds[3]);
	take(cache);
	for (unsigned int order = 0; order <= 2; order++) {
		address = (char *)__get_free_pages(GFP_KERNEL, order);
		for (uint32_t i = 0; i < 1U << order; i++)
			expect_unowned(cache, address + i * PAGE_SIZE);
		expect_unowned(cache, address + 8);
		page = virt_to_page(address);
		__free_pages(page, order);
		expect_unowned(cache, address);
	}
	page = alloc_pages(GFP_KERNEL | __GFP_COMP, 1);
	expect_unowned(cache, page_address(page));
	expect_unowned(cache, page_address(page + 1));
	page = alloc_pages(GFP_HIGHUSER, 0);
	assert_true(page_to_pfn(page) >= BASE + HIGHMEM_AT);
	expect_unowned(cache, phys_to_virt(page_to_phys(page)));
}

static void test_frames_that_are_nobodys(void **state)
{
	static const uint32_t pages[] = { 0,
					  RESERVED_AT,
					  RESERVED_AT + 4,
					  HOLE_AT,
					  HOLE_AT + 2,
					  NO_MAP_AT,
					  NO_MAP_AT + 1,
					  HIGHMEM_AT,
					  END_AT - 1,
					  END_AT,
					  END_AT + 1,
					  0x30000,
					  -1U,
					  -(BASE / 2U),
					  -BASE };
	struct kmem_cache *cache;

	(void)state;
	start_with_pieces();
	cache = create(&kinds[3]);
	take(cache);
	for (unsigned int i = 0; i < ARRAY_SIZE(pages); i++) {
		uint32_t pfn = BASE + pages[i];
		char *address = phys_to_virt((phys_addr_t)PFN_PHYS(pfn));

		expect_unowned(cache, address);
		expect_unowned(cache, address + 104);
		expect_unowned(cache, address + PAGE_SIZE - 1);
		expect_unowned(&kmem_caches[0], address);
	}
}

/* Of a large block only its start is freed: no tail, no byte in between. */
static void test_middle_of_large_blocks(void **state)
{
	(void)state;
	for (size_t bytes = KMALLOC_MAX_CACHE_SIZE + 1; bytes <= KMALLOC_MAX_SIZE; bytes += bytes) {
		char *block;
		size_t size;

		objects_start(NULL, NULL);
		block = kmalloc(bytes, GFP_KERNEL);
		size = ksize(block);
		assert_true(size >= bytes);
		for (size_t at = PAGE_SIZE; at < size;
		     at += at < 16 * PAGE_SIZE ? PAGE_SIZE : size / 16)
			expect_unowned(&kmem_caches[3], block + at);
		expect_unowned(&kmem_caches[3], block + 1);
		expect_unowned(&kmem_caches[3], block + 64);
		expect_unowned(&kmem_caches[3], block + bytes - 1);
		watch();
		kmem_cache_free(&kmem_caches[KMALLOC_SIZES - 1], block); /* no cache's at all */
		expect_told(OBJECT_NOT_OWNED, (uintptr_t)block, 0, NULL);
		expect_nothing_changed();
		kfree(block);
		assert_int_equal(objects_misuses + harness_misuses, 0);
	}
}

/* Somebody else holds the block as well: kfree gives up its own part, once. */
static void test_large_block_that_is_shared(void **state)
{
	char *block;
	struct page *page;

	(void)state;
	objects_start(NULL, NULL);
	block = kmalloc(KMALLOC_MAX_CACHE_SIZE + 1, GFP_KERNEL);
	page = virt_to_page(block);
	get_page(page + 1);
	kfree(block);
	assert_int_equal(page_count(page), 1);
	expect_unowned(&kmem_caches[0], block);
	assert_int_equal(page_count(page), 1);
	put_page(page + 1);
	expect_unowned(&kmem_caches[0], block);
	assert_int_equal(harness_misuses, 0);
	objects_shrink_all();
	assert_int_equal(harness_spare_pages(ZONE_NORMAL), zones[ZONE_NORMAL].managed_pages);
	objects_check(NULL);
}

static void expect_wrong_cache(struct kmem_cache *wanted, struct kmem_cache *owner, void *object)
{
	watch();
	kmem_cache_free(wanted, object);
	expect_told(OBJECT_WRONG_CACHE, (uintptr_t)object, (uintptr_t)object, owner);
	assert_string_equal(objects_last_misuse.wanted, wanted->store->name);
	expect_nothing_changed();
}

/* Sizes alone do not make an object another cache's. */
static void test_wrong_cache(void **state)
{
	struct kmem_cache *caches[3];
	void *objects[3], *own;

	(void)state;
	objects_start(NULL, NULL);
	for (unsigned int i = 0; i < ARRAY_SIZE(caches); i++) {
		caches[i] = kmem_cache_create(i == 0   ? "first"
					      : i == 1 ? "second"
						       : "third",
					      64, 0, 0, i == 2 ? construct : NULL);
		constructed_bytes = 64;
		objects[i] = take(caches[i]);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(caches); i++) {
		for (unsigned int j = 0; j < ARRAY_SIZE(caches); j++)
			if (i != j)
				expect_wrong_cache(caches[i], caches[j], objects[j]);
		for (unsigned int j = 0; j < KMALLOC_KINDS * KMALLOC_SIZES; j++) {
			own = take(&kmem_caches[j]);
			expect_wrong_cache(caches[i], &kmem_caches[j], own);
			expect_wrong_cache(&kmem_caches[j], caches[i], objects[i]);
			kfree(own);
		}
		kmem_cache_free(caches[i], objects[i]);
		expect_all_distinct(caches[i], NULL);
	}
	objects_check(NULL);
}

/* That it is another cache's counts, whatever else is wrong with it. */
static void test_wrong_cache_and_free(void **state)
{
	struct kmem_cache *cache;
	char *object;

	(void)state;
	cache = start_kind(&kinds[3]);
	object = take(cache);
	kmem_cache_free(cache, object);
	expect_wrong_cache(&kmem_caches[1], cache, object);
	watch();
	kmem_cache_free(&kmem_caches[1], object + 9);
	expect_told(OBJECT_WRONG_CACHE, (uintptr_t)object + 9, (uintptr_t)object, cache);
	expect_nothing_changed();
}

/* A slab's pages are its cache's, head and tails, whatever order is said. */
static void test_pages_of_a_slab(void **state)
{
	bool tails = false;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct kmem_cache *cache = start_kind(&kinds[i]);
		char *object = take(cache);
		struct page *head = slab_next(cache->store, NULL);

		tails = tails || page_order(head) != 0;
		objects_check(&before);
		harness_check(&pages_before);
		for (uint32_t j = 0; j < 1U << page_order(head); j++)
			for (unsigned int order = 0; order <= page_order(head); order++) {
				__free_pages(head + j, order);
				assert_int_equal(harness_misuses, 1);
				assert_int_equal(harness_last_misuse.kind, MISUSE_SLAB);
				assert_int_equal(harness_last_misuse.pfn, page_to_pfn(head + j));
				assert_int_equal(harness_last_misuse.head_pfn, page_to_pfn(head));
				assert_false(harness_last_misuse.quarantined);
				harness_misuses = 0;
			}
		expect_nothing_changed();
		free_pages((uintptr_t)object, page_order(head));
		assert_int_equal(harness_misuses, 1);
		harness_misuses = 0;
		kmem_cache_free(cache, object);
		expect_all_distinct(cache, NULL);
	}
	assert_true(tails);
}

/* --- memory that has become somebody else's ----------------------------------------------------- */

#define OLD_MOST 64

/* Some objects of one slab, freed, and the slab given back. */
static struct kmem_cache *start_with_old_objects(const struct kind *kind, void **old,
						 uint32_t *count)
{
	struct kmem_cache *cache = start_kind(kind);

	*count = min_u32(cache->store->objects_each, OLD_MOST);
	for (uint32_t i = 0; i < *count; i++)
		old[i] = take(cache);
	for (uint32_t i = 0; i < *count; i++)
		kmem_cache_free(cache, old[i]);
	assert_true(kmem_cache_shrink(cache));
	assert_false(kmem_cache_shrink(cache));
	assert_int_equal(cache->store->slabs, 0);
	return cache;
}

/* As plain pages, with their contents still as the cache left them. */
static void test_reused_as_pages(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		gfp_t gfp = kinds[i].flags & SLAB_CACHE_DMA ? GFP_DMA : GFP_KERNEL;
		void *old[OLD_MOST];
		uint32_t count;
		struct kmem_cache *cache = start_with_old_objects(&kinds[i], old, &count);
		struct page *page;

		if (kinds[i].flags & SLAB_RECLAIM_ACCOUNT)
			gfp |= __GFP_RECLAIMABLE;
		do {
			page = __alloc_pages(gfp, 0);
			assert_non_null(page);
		} while (page != virt_to_page(old[0]));
		for (uint32_t j = 0; j < count; j++)
			expect_unowned(cache, old[j]);
		__free_page(page);
		assert_int_equal(harness_misuses, 0);
		objects_check(NULL);
	}
}

/* As a block of kmalloc's: where it starts it may be freed, nowhere else. */
static void test_reused_as_a_large_block(void **state)
{
	void *old[OLD_MOST];
	uint32_t count;
	struct kmem_cache *cache;
	char *block;

	(void)state;
	cache = start_with_old_objects(&kinds[5], old, &count);
	magazines_drain_all();
	do
		block = kmalloc(KMALLOC_MAX_CACHE_SIZE + 1, GFP_KERNEL);
	while ((uintptr_t)old[0] - (uintptr_t)block >= ksize(block));
	for (uint32_t i = 0; i < count; i++)
		if (old[i] != block)
			expect_unowned(cache, old[i]);
	kfree(block);
	assert_int_equal(objects_misuses, 0);
	objects_check(NULL);
}

/* As another cache's slab. What happens to start where one of its objects does is free there. */
static void test_reused_in_another_cache(void **state)
{
	void *old[OLD_MOST];
	uint32_t count, middles = 0;
	struct kmem_cache *cache, *other;
	struct object_place place;

	(void)state;
	cache = start_with_old_objects(&kinds[3], old, &count);
	other = kmem_cache_create("other", 136, 0, 0, NULL);
	do {
		take(other);
		object_find((uintptr_t)old[0], &place);
	} while (place.store != other->store);
	for (uint32_t i = 0; i < count; i++) {
		object_find((uintptr_t)old[i], &place);
		watch();
		kmem_cache_free(cache, old[i]);
		expect_told(OBJECT_WRONG_CACHE, (uintptr_t)old[i], place.object, other);
		assert_string_equal(objects_last_misuse.wanted, cache->store->name);
		if (place.object != (uintptr_t)old[i]) {
			kfree(old[i]);
			expect_told(OBJECT_MIDDLE, (uintptr_t)old[i], place.object, other);
			middles++;
		}
		expect_nothing_changed();
	}
	assert_int_not_equal(middles, 0);
}

/* A cache that was destroyed: its objects are nobody's, itself is none, another may take its place. */
static void test_destroyed_cache(void **state)
{
	void *old[OLD_MOST];
	uint32_t count;
	struct kmem_cache *cache, *next;

	(void)state;
	cache = start_with_old_objects(&kinds[7], old, &count);
	kmem_cache_destroy(cache);
	assert_int_equal(objects_misuses, 0);
	for (uint32_t i = 0; i < 3; i++) {
		assert_null(kmem_cache_alloc(cache, GFP_KERNEL));
		objects_expect(CACHE_UNKNOWN);
		assert_int_equal(objects_last_misuse.address, (uintptr_t)cache);
	}
	kmem_cache_destroy(cache);
	objects_expect(CACHE_UNKNOWN);
	assert_false(kmem_cache_shrink(cache));
	objects_expect(CACHE_UNKNOWN);
	caches_shrink(GFP_KERNEL, 0);
	for (uint32_t i = 0; i < count; i++) {
		kmem_cache_free(cache, old[i]);
		objects_expect(CACHE_UNKNOWN);
	}
	kmem_cache_free(cache, phys_to_virt(0)); /* no RAM: what its struct page says is nothing */
	objects_expect(CACHE_UNKNOWN);
	next = create(&kinds[1]);
	assert_ptr_equal(next, cache);
	kmem_cache_free(next, old[1]);
	objects_expect(OBJECT_NOT_OWNED);
	expect_all_distinct(next, NULL);
}

/*
 * The same of a cache that left pages behind, which are out of use. Who comes to its place has the
 * same number, and yet none of its objects.
 */
static void test_destroyed_cache_with_quarantine(void **state)
{
	struct kmem_cache *cache;
	char *objects[8];

	(void)state;
	cache = start_kind(&kinds[7]);
	for (unsigned int i = 0; i < 8; i++)
		objects[i] = take(cache);
	assert_ptr_not_equal(virt_to_page(objects[0]), virt_to_page(objects[7]));
	for (unsigned int i = 0; i < 8; i++)
		kmem_cache_free(cache, objects[i]);
	drain(cache);
	objects[7][0] ^= 1;
	kmem_cache_free(cache, take(cache));
	objects_expect(OBJECT_WRITTEN_AFTER_FREE);
	kmem_cache_destroy(cache);
	assert_null(kmem_cache_alloc(cache, GFP_KERNEL));
	objects_expect(CACHE_UNKNOWN);
	caches_shrink(GFP_KERNEL, 0);
	assert_ptr_equal(create(&kinds[7]), cache);
	take(cache);
	for (unsigned int i = 0; i < 8; i++) {
		expect_unowned(cache, objects[i]);
		memset(objects[i], 0, 8); /* as if it were live */
		expect_unowned(cache, objects[i]);
	}
	expect_all_distinct(cache, objects[7]);
}

static void test_pointers_that_are_no_cache(void **state)
{
	(void)state;
	objects_start(NULL, NULL);
	watch();
	kmem_cache_destroy((struct kmem_cache *)((char *)&kmem_caches[NEVER_OWNED] + 8));
	objects_expect(CACHE_UNKNOWN);
	kmem_cache_destroy(&kmem_caches[0]); /* kmalloc's stay */
	objects_expect(CACHE_UNKNOWN);
	kmem_cache_destroy(&kmem_caches[NEVER_OWNED]);
	objects_expect(CACHE_UNKNOWN);
	kmem_cache_destroy((struct kmem_cache *)&before);
	objects_expect(CACHE_UNKNOWN);
	assert_false(kmem_cache_shrink((struct kmem_cache *)&before));
	objects_expect(CACHE_UNKNOWN);
	expect_nothing_changed();
}

/* Destroying a cache with live objects is refused, told once for all and once for each of the first. */
static uint32_t told_live;
static uintptr_t told_objects[16];

static void note_live(const struct object_misuse *misuse)
{
	assert_int_equal(misuse->kind, CACHE_STILL_LIVE);
	assert_string_equal(misuse->cache, "hundred");
	assert_int_equal(misuse->live, 10);
	assert_int_not_equal(misuse->caller, 0);
	assert_true(told_live < ARRAY_SIZE(told_objects));
	told_objects[told_live++] = misuse->object;
}

static void test_destroyed_while_live(void **state)
{
	struct kmem_cache *cache;
	void *objects[10];

	(void)state;
	cache = start_kind(&kinds[3]);
	for (unsigned int i = 0; i < ARRAY_SIZE(objects); i++)
		objects[i] = take(cache);
	kmem_cache_free(cache, take(cache));
	object_misuse_hook = note_live;
	told_live = 0;
	kmem_cache_destroy(cache);
	assert_int_equal(told_live, 9);
	assert_int_equal(told_objects[0], 0);
	for (unsigned int i = 1; i < told_live; i++) {
		unsigned int j = 0;

		while (j < ARRAY_SIZE(objects) && (uintptr_t)objects[j] != told_objects[i])
			j++;
		assert_true(j < ARRAY_SIZE(objects));
		objects[j] = NULL; /* none twice */
	}
	objects_check(NULL);
	assert_int_equal(objects_live(cache), 10);
	take(cache);
	assert_int_equal(objects_live(cache), 11);
}

/* --- written to after it was freed -------------------------------------------------------------- */

#define FREED 5 /* a full magazine of the tiny configuration */

/* Where the five freed objects are when one is written to; the newest is the top, and leads a list. */
enum stage { IN_MAGAZINE, ON_LIST, STAGES };
/* Who finds it. */
enum finder { FOUND_BY_ALLOC, FOUND_BY_BULK, FOUND_BY_DRAIN, FINDERS };

/* Bytes of an object, from its start. */
struct damage {
	int32_t from, to;
};

/* A slab that is all taken but for these, the last of them freed last. */
struct scene {
	struct kmem_cache *cache;
	void *live[SLAB_OBJECTS_MOST];
	uint32_t live_count;
	void *freed[FREED];
	/* What lies at the mark of the one that is damaged. */
	uint8_t was[8], expected[8], found[8];
};

static void set_scene(struct scene *scene, const struct kind *kind, enum stage stage)
{
	struct kmem_cache *cache = start_kind(kind);

	*scene = (struct scene){ .cache = cache };
	assert_true(cache->store->limit >= FREED && cache->store->objects_each > FREED);
	for (unsigned int i = 0; i < FREED; i++)
		scene->freed[i] = take(cache);
	for (uint32_t i = FREED; i < cache->store->objects_each; i++)
		scene->live[scene->live_count++] = take(cache);
	assert_int_equal(cache->store->slabs, 1);
	assert_int_equal(magazine_count(cache), 0);
	for (unsigned int i = 0; i < FREED; i++)
		kmem_cache_free(cache, scene->freed[i]);
	if (stage == ON_LIST)
		drain(cache);
	objects_check(NULL);
}

/* Flip bits of it, and remember what the mark and the link were. No link is a good one afterwards. */
static void write_after_free(struct scene *scene, char *object, struct damage damage)
{
	struct cache_store *store = scene->cache->store;
	uint32_t mark = mark_value(scene->cache, (uintptr_t)object), *link;

	memcpy(scene->was, mark_of(store, (uintptr_t)object), 8);
	memcpy(scene->expected, scene->was, 8);
	link = mark_of(store, (uintptr_t)object) + 1;
	*link ^= (slab_next_free(store, (uintptr_t)object, mark) ^ SLAB_NO_INDEX) * 0x10001;
	memcpy(scene->expected + 4, link, 4);
	memcpy(link, scene->was + 4, 4);
	for (int32_t i = damage.from; i < damage.to; i++)
		object[i] ^= 0xa5;
	memcpy(scene->found, mark_of(store, (uintptr_t)object), 8);
}

/* What the report says of bytes: the mark's, or the mark's and the link's. */
static void expect_bytes(const struct scene *scene, uintptr_t object, uint32_t looked_at)
{
	const struct object_misuse *misuse = &objects_last_misuse;
	uint32_t first = 0, last = 0;

	while (scene->found[first] == scene->expected[first])
		first++;
	for (uint32_t i = first; i < looked_at; i++)
		if (scene->found[i] != scene->expected[i])
			last = i;
	objects_expect(OBJECT_WRITTEN_AFTER_FREE);
	assert_int_equal(misuse->address, object);
	assert_int_equal(misuse->object, object);
	assert_string_equal(misuse->cache, scene->cache->store->name);
	assert_int_equal(misuse->bytes, scene->cache->store->object_bytes);
	assert_int_equal(misuse->offset, scene->cache->store->mark_bytes + first);
	assert_int_equal(misuse->wrong_bytes, last - first + 1);
	for (uint32_t i = 0; i < misuse->wrong_bytes; i++) {
		assert_int_equal(misuse->found[i], scene->found[first + i]);
		assert_int_equal(misuse->expected[i], scene->expected[first + i]);
	}
}

static void find(struct kmem_cache *cache, enum finder finder, void **objects)
{
	switch (finder) {
	case FOUND_BY_DRAIN:
	case FOUND_BY_ALLOC:
		for (unsigned int i = 0; i < FREED; i++)
			objects[i] = take(cache);
		break;
	default:
		assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL, FREED, objects), FREED);
	}
}

/* Which objects stay out of use: those behind a broken link as well. */
static uint32_t lost_objects(const struct scene *scene, enum stage stage, unsigned int which)
{
	bool mark = memcmp(scene->found, scene->was, 4) != 0;
	bool link = memcmp(scene->found + 4, scene->was + 4, 4) != 0;

	if (stage == ON_LIST && link)
		return which + 1;
	return mark ? 1 : 0;
}

static void expect_out_of_use(struct scene *scene, enum stage stage, unsigned int which,
			      uint32_t lost)
{
	struct object_check_result result;

	objects_check(&result);
	assert_int_equal(result.quarantined, lost);
	assert_int_equal(scene->cache->store->quarantined, lost);
	assert_int_equal(result.objects,
			 result.live + result.listed + result.cached + result.quarantined);
	assert_int_equal(result.live, scene->live_count + FREED);
	if (lost != 0)
		expect_freed_twice(scene->cache, scene->freed[which]);
	for (unsigned int i = 0; i < which && lost > 1 && stage == ON_LIST; i++)
		expect_freed_twice(scene->cache, scene->freed[i]);
	expect_all_distinct(scene->cache, lost != 0 ? scene->freed[which] : NULL);
}

/* All go back but what is damaged; with the cache its pages leave use for good. */
static void expect_pages_quarantined(struct scene *scene, void **objects, void *damaged,
				     uint32_t lost)
{
	struct cache_store *store = scene->cache->store;
	uint32_t pages, quarantined = 0;

	for (uint32_t i = 0; i < scene->live_count; i++)
		kmem_cache_free(scene->cache, scene->live[i]);
	for (unsigned int i = 0; i < FREED; i++)
		kmem_cache_free(scene->cache, objects[i]);
	kmem_cache_shrink(scene->cache);
	pages = store->slab_pages;
	assert_int_equal(pages != 0, lost != 0);
	assert_int_equal(store->objects - store->free_objects, lost);
	kmem_cache_destroy(scene->cache);
	assert_int_equal(objects_misuses, 0);
	objects_check(NULL);
	harness_check(&pages_before);
	for (enum zone_type zone = ZONE_DMA; zone <= ZONE_NORMAL; zone++)
		quarantined += pages_before.zones[zone].quarantined_pages;
	assert_int_equal(quarantined, pages);
	kfree(damaged);
	objects_expect(OBJECT_NOT_OWNED);
	assert_int_equal(harness_misuses, 0);
}

static void play(const struct kind *kind, enum stage stage, unsigned int which,
		 struct damage damage, enum finder finder)
{
	static struct scene scene;
	void *objects[FREED], *damaged;
	uint32_t lost;

	set_scene(&scene, kind, stage);
	damaged = scene.freed[which];
	write_after_free(&scene, damaged, damage);
	lost = lost_objects(&scene, stage, which);
	if (finder == FOUND_BY_DRAIN) { /* on its way to the slab, not later */
		drain(scene.cache);
		assert_int_equal(objects_misuses, stage == IN_MAGAZINE && lost != 0);
	}
	find(scene.cache, finder, objects);
	if (lost != 0)
		expect_bytes(
			&scene, (uintptr_t)damaged,
			memcmp(scene.found + 4, scene.was + 4, 4) != 0 && stage == ON_LIST ? 8 : 4);
	assert_int_equal(objects_misuses, 0);
	for (unsigned int i = 0; i < FREED && lost != 0; i++)
		assert_ptr_not_equal(objects[i], damaged);
	expect_out_of_use(&scene, stage, which, lost);
	if (kind->constructor) /* what was done to the object itself, nobody can know */
		memset(damaged, CONSTRUCTED, kind->size);
	expect_pages_quarantined(&scene, objects, damaged, lost);
}

static void play_everywhere(const struct kind *kind, struct damage damage)
{
	for (unsigned int stage = 0; stage < STAGES; stage++)
		for (unsigned int which = 0; which < FREED; which += 2)
			for (unsigned int finder = 0; finder < FINDERS; finder++)
				play(kind, (enum stage)stage, which, damage, (enum finder)finder);
}

/* The mark and the link where the object starts. */
static void test_written_after_free(void **state)
{
	static const unsigned int tried[] = { 0, 1, 3, 7 };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(tried); i++) {
		const struct kind *kind = &kinds[tried[i]];
		int32_t size = (int32_t)kind->size;

		play_everywhere(kind, (struct damage){ 0, 4 });
		play_everywhere(kind, (struct damage){ 4, 8 });
		play_everywhere(kind, (struct damage){ 0, size });
		play_everywhere(kind, (struct damage){ size - 4, size });
		play_everywhere(kind, (struct damage){ size - 1, size });
		for (int32_t byte = 0; byte < 4; byte++)
			play(kind, (enum stage)(byte % 2), 2, (struct damage){ byte, byte + 1 },
			     FOUND_BY_ALLOC);
	}
}

/* With a constructor they lie behind the object, which is its owner's even while it is free. */
static void test_written_after_free_beside_an_object(void **state)
{
	static const unsigned int tried[] = { 2, 5 };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(tried); i++) {
		const struct kind *kind = &kinds[tried[i]];
		int32_t size = (int32_t)kind->size, mark = ALIGN_UP(size, 4);

		play_everywhere(kind, (struct damage){ mark, mark + 4 });
		play_everywhere(kind, (struct damage){ mark + 4, mark + 8 });
		play_everywhere(kind, (struct damage){ mark, mark + 8 });
		play_everywhere(kind, (struct damage){ mark + 3, mark + 4 });
	}
}

static void test_written_inside_a_constructed_object(void **state)
{
	static struct scene scene;

	(void)state;
	for (unsigned int stage = 0; stage < STAGES; stage++)
		for (unsigned int which = 0; which < FREED; which++) {
			set_scene(&scene, &kinds[2], (enum stage)stage);
			memset(scene.freed[which], 0xee, kinds[2].size);
			for (unsigned int i = 0; i < FREED; i++)
				take(scene.cache);
			assert_int_equal(objects_misuses, 0);
			assert_int_equal(scene.cache->store->quarantined, 0);
			objects_check(NULL);
		}
}

/* kmalloc's ways in: a size that the compiler knows, one that it does not, odd flags. */
static void *kmalloc_by(unsigned int way, size_t bytes)
{
	gfp_t odd = GFP_KERNEL | __GFP_NOWARN;

	__asm__("" : "+r"(odd)); /* the compiler shall not know these flags */
	switch (way) {
	case 0:
		return kmalloc(100, GFP_KERNEL);
	case 1:
		return kmalloc(bytes, GFP_KERNEL);
	case 2:
		return kmalloc(bytes, odd);
	default:
		return kzalloc(bytes, GFP_KERNEL);
	}
}

static void test_written_after_kfree(void **state)
{
	(void)state;
	for (unsigned int way = 0; way < 4; way++)
		for (unsigned int which = 0; which < 3; which++) {
			uint32_t *objects[3], *anchor;
			struct object_check_result result;

			objects_start(NULL, NULL);
			anchor = kmalloc(100, GFP_KERNEL);
			for (unsigned int i = 0; i < 3; i++)
				objects[i] = kmalloc(100, GFP_KERNEL);
			for (unsigned int i = 0; i < 3; i++)
				kfree(objects[i]);
			*objects[which] ^= UINT32_MAX;
			for (unsigned int i = 0; i < 3; i++)
				assert_ptr_not_equal(kmalloc_by(way, 100), objects[which]);
			objects_expect(OBJECT_WRITTEN_AFTER_FREE);
			assert_int_equal(objects_last_misuse.object, (uintptr_t)objects[which]);
			assert_int_equal(objects_last_misuse.offset, 0);
			assert_int_equal(objects_last_misuse.wrong_bytes, 4);
			objects_check(&result);
			assert_int_equal(result.quarantined, 1);
			kfree(objects[which]);
			objects_expect(OBJECT_FREED_TWICE);
			kfree(anchor);
			expect_all_distinct(&kmem_caches[1], objects[which]);
		}
}

/* All that a magazine and its slabs hold is damaged: each is told once, and a new slab serves. */
static void test_everything_written_after_free(void **state)
{
	static struct scene scene;
	struct cache_store *store;

	(void)state;
	set_scene(&scene, &kinds[3], IN_MAGAZINE);
	store = scene.cache->store;
	for (unsigned int i = 0; i < FREED; i++)
		memset(scene.freed[i], 0, kinds[3].size);
	take(scene.cache);
	assert_int_equal(objects_misuses, FREED);
	assert_int_equal(store->quarantined, FREED);
	assert_int_equal(store->slabs, 2);
	objects_misuses = 0;
	objects_check(NULL);
	expect_all_distinct(scene.cache, scene.freed[0]);
	set_scene(&scene, &kinds[3], ON_LIST);
	for (unsigned int i = 0; i < FREED; i++)
		memset(scene.freed[i], 0, 4);
	take(scene.cache);
	assert_int_equal(objects_misuses, FREED);
	objects_misuses = 0;
	objects_check(NULL);
	expect_all_distinct(scene.cache, scene.freed[0]);
}

/* In an empty slab that the cache keeps: some of it stays out of use, so the slab is not empty. */
static void test_written_in_an_empty_slab(void **state)
{
	struct kmem_cache *cache;
	struct object_check_result result;
	char *objects[4];

	(void)state;
	cache = start_kind(&kinds[3]);
	for (unsigned int i = 0; i < 4; i++)
		objects[i] = take(cache);
	for (unsigned int i = 0; i < 4; i++)
		kmem_cache_free(cache, objects[i]);
	drain(cache);
	assert_int_equal(cache->store->empty_slabs, 1);
	objects[2][4] ^= 0x80; /* the link of the second in the list */
	objects[2][7] ^= 0x80;
	take(cache);
	take(cache);
	objects_expect(OBJECT_WRITTEN_AFTER_FREE);
	assert_int_equal(objects_last_misuse.object, (uintptr_t)objects[2]);
	objects_check(&result);
	assert_int_equal(result.quarantined, cache->store->objects_each - 1);
	kmem_cache_shrink(cache);
	objects_check(&result);
	assert_int_equal(result.live, 2);
	expect_all_distinct(cache, objects[2]);
}

static uint32_t *link_of(struct kmem_cache *cache, void *object)
{
	return mark_of(cache->store, (uintptr_t)object) + 1;
}

/* The same link with another index in it. */
static uint32_t link_to(struct kmem_cache *cache, void *object, uint32_t index)
{
	uint32_t mark = mark_value(cache, (uintptr_t)object);

	uint32_t other = slab_next_free(cache->store, (uintptr_t)object, mark) ^ index;

	return *link_of(cache, object) ^ other * 0x10001; /* it stands there twice */
}

/* A link that says what one could say, but not this one: one slot too far, an end too early or none. */
static void test_links_that_are_nearly_good(void **state)
{
	(void)state;
	for (unsigned int which = 0; which < FREED; which++)
		for (unsigned int what = 0; what < 3; what++) {
			static struct scene scene;
			struct kmem_cache *cache;
			uint32_t each, link[3];

			set_scene(&scene, &kinds[3], ON_LIST);
			cache = scene.cache;
			each = cache->store->objects_each;
			link[0] = link_to(cache, scene.freed[which], each);
			link[1] = link_to(cache, scene.freed[which], SLAB_NO_INDEX - 1);
			link[2] = link_to(cache, scene.freed[which],
					  which == 0 ? each - 1 : SLAB_NO_INDEX);
			*link_of(cache, scene.freed[which]) = link[what];
			for (unsigned int i = 0; i < FREED; i++)
				assert_ptr_not_equal(take(cache), scene.freed[which]);
			assert_int_equal(objects_misuses, 1);
			assert_int_equal(objects_last_misuse.kind, OBJECT_WRITTEN_AFTER_FREE);
			assert_int_equal(objects_last_misuse.object, (uintptr_t)scene.freed[which]);
			objects_misuses = 0;
			expect_out_of_use(&scene, ON_LIST, which, which + 1);
		}
}

/* --- interrupts --------------------------------------------------------------------------------- */

/* A handler, and whom it interrupts: each keeps some objects, marked with the owner and the size. */
#define HELD_MOST 96
#define SHARED    3

static struct kmem_cache *shared[SHARED];

struct actor {
	uint32_t seed, number, count, runs;
	gfp_t gfp;
	struct {
		uint8_t *object;
		struct kmem_cache *cache; /* NULL: kmalloc's */
		size_t bytes;
	} held[HELD_MOST];
};

static struct actor worker, interrupter;

static void hold(struct actor *actor, struct kmem_cache *cache, void *object, size_t bytes)
{
	if (object == NULL)
		return;
	memset(object, (int)actor->number, bytes);
	actor->held[actor->count].object = object;
	actor->held[actor->count].cache = cache;
	actor->held[actor->count++].bytes = bytes;
}

static void expect_own(const struct actor *actor, uint32_t i)
{
	for (size_t byte = 0; byte < actor->held[i].bytes; byte += 1 + byte / 8)
		assert_int_equal(actor->held[i].object[byte], actor->number);
}

static void act_alloc(struct actor *actor)
{
	static const size_t sizes[] = { 1, 64, 100, 190, 500, 1000, 3000, 8192, 9000 };
	uint32_t choice = harness_random(&actor->seed) % 8;
	struct kmem_cache *cache = shared[choice % SHARED];
	size_t bytes = sizes[harness_random(&actor->seed) % ARRAY_SIZE(sizes)];
	void *bulk[5];
	size_t count;

	if (actor->count + ARRAY_SIZE(bulk) > HELD_MOST)
		return;
	if (choice < 4) {
		hold(actor, cache, kmem_cache_alloc(cache, actor->gfp), kmem_cache_size(cache));
	} else if (choice < 7) {
		hold(actor, NULL, kmalloc(bytes, actor->gfp), bytes);
	} else {
		count = kmem_cache_alloc_bulk(cache, actor->gfp, ARRAY_SIZE(bulk), bulk);
		for (size_t i = 0; i < count; i++)
			hold(actor, cache, bulk[i], kmem_cache_size(cache));
	}
}

static void act_free(struct actor *actor)
{
	uint32_t i;

	if (actor->count == 0)
		return;
	i = harness_random(&actor->seed) % actor->count;
	expect_own(actor, i);
	/* Off the list first: a handler may come while it is freed. */
	{
		void *object = actor->held[i].object;
		struct kmem_cache *cache = actor->held[i].cache;

		actor->held[i] = actor->held[--actor->count];
		if (cache != NULL && harness_random(&actor->seed) % 2)
			kmem_cache_free(cache, object);
		else
			kfree(object);
	}
}

static void interrupt(void)
{
	assert_int_equal(double_irq_flags, 0);
	double_irq_flags = DOUBLE_IRQ_MASKED;
	for (uint32_t i = harness_random(&interrupter.seed) % 4; i > 0; i--)
		if (harness_random(&interrupter.seed) % 2)
			act_alloc(&interrupter);
		else
			act_free(&interrupter);
	assert_int_equal(double_irq_flags, DOUBLE_IRQ_MASKED);
	double_irq_flags = 0;
	interrupter.runs++;
}

static void act(struct actor *actor, bool may_shrink)
{
	uint32_t choice = harness_random(&actor->seed) % 64;

	if (choice == 0 && may_shrink)
		kmem_cache_shrink(shared[harness_random(&actor->seed) % SHARED]);
	else if (choice == 1 && may_shrink)
		caches_shrink(GFP_KERNEL, 0);
	else if (choice == 2 && may_shrink)
		caches_divert(harness_random(&actor->seed) % 2);
	else if (choice < 34)
		act_alloc(actor);
	else
		act_free(actor);
}

static void start_actors(uint32_t round)
{
	objects_start(NULL, NULL);
	shared[0] = create(&kinds[3]);
	shared[1] = create(&kinds[7]);
	shared[2] = create(&kinds[2]); /* last: its constructor writes as much as the last one's */
	worker = (struct actor){ .seed = 7907 * round, .number = 1, .gfp = GFP_KERNEL };
	interrupter = (struct actor){ .seed = 104729 * round, .number = 2, .gfp = GFP_ATOMIC };
}

static void expect_all_returns(void)
{
	double_irq_unmasked = NULL;
	caches_divert(false);
	assert_int_equal(double_irq_flags, 0);
	for (uint32_t i = 0; i < worker.count; i++)
		expect_own(&worker, i);
	for (uint32_t i = 0; i < interrupter.count; i++)
		expect_own(&interrupter, i);
	while (worker.count > 0)
		act_free(&worker);
	while (interrupter.count > 0)
		act_free(&interrupter);
	objects_shrink_all();
	for (enum zone_type zone = 0; zone < MAX_NR_ZONES; zone++)
		assert_int_equal(harness_spare_pages(zone), zones[zone].managed_pages);
	assert_int_equal(objects_misuses + harness_misuses, 0);
	objects_check(NULL);
}

static void test_interrupted(void **state)
{
	(void)state;
	for (uint32_t round = 1; round <= 6; round++) {
		start_actors(round);
		double_irq_unmasked = interrupt;
		for (uint32_t i = 0; i < 4000; i++) {
			act(&worker, true);
			if (i % 200 == 0) {
				double_irq_unmasked = NULL;
				objects_check(NULL);
				double_irq_unmasked = interrupt;
			}
		}
		assert_true(interrupter.runs > 4000);
		expect_all_returns();
	}
}

/* All that may be done with interrupts masked works so, and leaves them masked. */
static void test_masked(void **state)
{
	(void)state;
	start_actors(9);
	worker.gfp = GFP_ATOMIC;
	double_irq_flags = DOUBLE_IRQ_MASKED;
	for (uint32_t i = 0; i < 6000; i++) {
		act(&worker, false);
		assert_int_equal(double_irq_flags, DOUBLE_IRQ_MASKED);
	}
	double_irq_flags = 0;
	expect_all_returns();
}

/* Wrong use with interrupts masked leaves them so as well, whoever tells of it. */
static void test_misuse_while_masked(void **state)
{
	static struct scene scene;

	(void)state;
	set_scene(&scene, &kinds[3], IN_MAGAZINE);
	double_irq_flags = DOUBLE_IRQ_MASKED;
	kfree(scene.freed[0]);
	objects_expect(OBJECT_FREED_TWICE);
	kfree((char *)scene.freed[0] + 1);
	objects_expect(OBJECT_MIDDLE);
	kmem_cache_free(&kmem_caches[0], scene.live[0]);
	objects_expect(OBJECT_WRONG_CACHE);
	kfree(address_of(0));
	objects_expect(OBJECT_NOT_OWNED);
	memset(scene.freed[FREED - 1], 0, 4);
	take(scene.cache);
	objects_expect(OBJECT_WRITTEN_AFTER_FREE);
	kfree(NULL);
	assert_int_equal(double_irq_flags, DOUBLE_IRQ_MASKED);
	double_irq_flags = 0;
	objects_check(NULL);
}

/* --- the walker --------------------------------------------------------------------------------- */

static void expect_broken(const char *sentence)
{
	struct object_check_result result;

	assert_false(object_check(&result));
	assert_string_equal(result.broken, sentence);
}

/* A word that is changed for a moment. */
static void expect_damage_seen(uint32_t *word, uint32_t value, const char *sentence)
{
	uint32_t was = *word;

	assert_int_not_equal(was, value);
	*word = value;
	expect_broken(sentence);
	*word = was;
	objects_check(NULL);
}

static void test_walker_sees_heads(void **state)
{
	static struct scene scene;
	struct page *head;
	uint32_t objects, count;

	(void)state;
	set_scene(&scene, &kinds[3], ON_LIST);
	head = slab_next(scene.cache->store, NULL);
	objects = slab_objects(scene.cache->store, head);
	count = head->count;
	expect_damage_seen(&head->count, (objects + 1) << 16 | (count & 0xffff),
			   "a slab has more free objects than it has objects");
	expect_damage_seen(&head->count, count + (1U << 16),
			   "a slab's list is not as long as it says");
	expect_damage_seen(&head->count, count - (1U << 16),
			   "a slab's list is not as long as it says");
	expect_damage_seen(&head->count, (count & ~0xffffU) | SLAB_NO_INDEX,
			   "a slab's list is not as long as it says");
	expect_damage_seen(&head->count, (count & ~0xffffU) | objects,
			   "a slab's list is not as long as it says");
	expect_damage_seen(&head->count, SLAB_NO_INDEX,
			   "a list of slabs holds one that is not its own");
	expect_damage_seen(&head->flags, head->flags ^ 1U << PAGE_BOOT_SHIFT,
			   "a slab's flags are damaged");
	expect_damage_seen(&head->flags, head->flags | PAGE_WINDOW_MASK << PAGE_WINDOW_SHIFT,
			   "a slab belongs to no cache");
	expect_damage_seen(&head->flags, head->flags - PAGE_SLAB + PAGE_ALLOCATED,
			   "slabs are not as many as all caches count");
}

static uint32_t index_of(void *object)
{
	struct object_place place;

	object_find((uintptr_t)object, &place);
	assert_int_equal(place.object, (uintptr_t)object);
	return place.index;
}

static void test_walker_sees_lists(void **state)
{
	static const unsigned int tried[] = { 1, 2 };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(tried); i++) {
		static struct scene scene;
		struct kmem_cache *cache;
		void **freed = scene.freed;
		const char *sentence = "a slab's list is not as long as it says";

		set_scene(&scene, &kinds[tried[i]], ON_LIST);
		cache = scene.cache;
		/* too short, a circle, a loop of one, behind the last slot */
		expect_damage_seen(link_of(cache, freed[2]),
				   link_to(cache, freed[2], SLAB_NO_INDEX), sentence);
		expect_damage_seen(link_of(cache, freed[0]),
				   link_to(cache, freed[0], index_of(freed[3])), sentence);
		expect_damage_seen(link_of(cache, freed[4]),
				   link_to(cache, freed[4], index_of(freed[4])), sentence);
		expect_damage_seen(link_of(cache, freed[3]),
				   link_to(cache, freed[3], cache->store->objects_each), sentence);
		/* into somebody's object, whose link is none */
		expect_damage_seen(link_of(cache, freed[0]),
				   link_to(cache, freed[0], index_of(scene.live[0])), sentence);
		expect_damage_seen(mark_of(cache->store, (uintptr_t)freed[1]), 0,
				   "a free object was written to");
	}
}

static void test_walker_sees_marks(void **state)
{
	static struct scene scene;

	(void)state;
	set_scene(&scene, &kinds[3], IN_MAGAZINE);
	expect_damage_seen(scene.freed[1], 0, "a free object was written to");
	expect_damage_seen(scene.freed[4], 0, "a free object was written to");
	/* somebody's object with the mark of a free one */
	expect_damage_seen(scene.live[3], mark_value(scene.cache, (uintptr_t)scene.live[3]),
			   "objects are not as many as counted");
}

static void test_walker_sees_counts(void **state)
{
	static struct scene scene;
	struct cache_store *store, *other;

	(void)state;
	set_scene(&scene, &kinds[3], ON_LIST);
	store = scene.cache->store;
	other = take(&kmem_caches[0]) != NULL ? kmem_caches[0].store : NULL;
	for (int32_t by = -1; by <= 1; by += 2) {
		const char *objects = "objects are not as many as counted";
		const char *slabs = "slabs are not as many as counted";

		expect_damage_seen(&store->objects, store->objects + by, objects);
		expect_damage_seen(&store->free_objects, store->free_objects + by, objects);
		expect_damage_seen(&store->quarantined, store->quarantined + by, objects);
		expect_damage_seen(&store->slab_pages, store->slab_pages + by, slabs);
		expect_damage_seen(&store->empty_slabs, store->empty_slabs + by, slabs);
		expect_damage_seen(&store->slabs, store->slabs + by,
				   "slabs are not as many as all caches count");
		expect_damage_seen(&store->partial.count, store->partial.count + by,
				   "a list of slabs is not as long as it counts");
		/* in the sum of all caches it would not show */
		other->slabs += 5;
		store->slabs += 1 - 5;
		store->slabs -= 1;
		expect_broken(slabs);
		other->slabs -= 5;
		store->slabs += 5;
		objects_check(NULL);
	}
}

static void test_walker_sees_slabs_of_no_cache(void **state)
{
	static struct scene scene;
	char *name;

	(void)state;
	set_scene(&scene, &kinds[3], ON_LIST);
	name = scene.cache->store->name;
	name[0] ^= 'h';
	expect_broken("a slab belongs to no cache");
	name[0] ^= 'h';
	objects_check(NULL);
}

/* A full slab, one with free objects, an empty one: in this order of their addresses or another. */
static void test_walker_sees_lists_of_slabs(void **state)
{
	struct kmem_cache *cache;
	struct page *anchor, *partial, *empty, *full;
	uint32_t each;
	void *first, *last = NULL;

	(void)state;
	cache = start_kind(&kinds[3]);
	each = cache->store->objects_each;
	first = take(cache);
	full = virt_to_page(first);
	for (uint32_t i = 1; i < 3 * each; i++) {
		last = take(cache);
		if (i >= 2 * each) /* the third slab's go back */
			kfree(last);
		if (i >= 2 * each)
			drain(cache);
	}
	anchor = &cache->store->partial;
	empty = page_list_previous(anchor);
	kfree(first);
	drain(cache);
	partial = page_list_next(anchor);
	full = slab_next(cache->store, NULL);
	while (full == slab_head(partial) || full == slab_head(empty))
		full = slab_next(cache->store, full);
	assert_int_equal(slab_free_objects(full), 0);
	assert_int_equal(slab_free_objects(partial), 1);
	assert_int_equal(slab_free_objects(empty), each);
	objects_check(NULL);
	/* the empty one first */
	page_list_unlink(empty);
	page_list_link(empty, anchor, partial);
	expect_broken("an empty slab is not at the end of its list");
	page_list_unlink(empty);
	expect_broken("a list of slabs is not as long as it counts");
	page_list_link(empty, partial, anchor);
	objects_check(NULL);
	page_list_link(full, anchor, partial);
	expect_broken("a list of slabs holds one that is not its own");
	page_list_unlink(full);
	objects_check(NULL);
	expect_damage_seen(&empty->link[LINK_PREVIOUS], page_link(full),
			   "a list of slabs holds one that is not its own");
	expect_damage_seen(&empty->link[LINK_NEXT], page_link(partial),
			   "an empty slab is not at the end of its list");
	expect_damage_seen(&empty->link[LINK_NEXT], page_link(empty),
			   "a list of slabs is not as long as it counts");
}

static void test_walker_sees_magazines(void **state)
{
	static struct scene scene;
	struct kmem_cache *cache;
	uintptr_t *bottom, item;

	(void)state;
	set_scene(&scene, &kinds[3], IN_MAGAZINE);
	cache = scene.cache;
	bottom = magazine_bottom(cache);
	item = bottom[1];
	bottom[1] = bottom[0];
	expect_broken("a magazine holds an object twice");
	bottom[1] = (uintptr_t)take(&kmem_caches[0]);
	expect_broken("a magazine holds what is no object of its cache");
	bottom[1] = item + 8;
	expect_broken("a magazine holds what is no object of its cache");
	bottom[1] = (uintptr_t)address_of(7000);
	expect_broken("a magazine holds what is no object of its cache");
	bottom[1] = (uintptr_t)scene.live[0];
	expect_broken("a free object was written to");
	bottom[1] = item;
	objects_check(NULL);
	cache->stack.first -= sizeof(uintptr_t); /* one is lost: it looks quarantined */
	expect_broken("objects are not as many as counted");
	cache->stack.first += sizeof(uintptr_t);
	objects_check(NULL);
}

static void test_walker_sees_overfull_magazines(void **state)
{
	struct kmem_cache *cache;
	void *objects[KMEM_CACHE_ITEMS];
	uint32_t limit;

	(void)state;
	cache = start_kind(&kinds[0]);
	limit = cache->store->limit;
	assert_int_equal(limit, KMEM_CACHE_ITEMS - 1);
	for (uint32_t i = 0; i < limit; i++)
		objects[i] = take(cache);
	drain(cache);
	for (uint32_t i = 0; i < limit; i++)
		kfree(objects[i]);
	assert_int_equal(magazine_count(cache), limit);
	cache->stack.first += sizeof(uintptr_t);
	expect_broken("a magazine is overfull");
	cache->stack.first -= sizeof(uintptr_t);
	objects_check(NULL);
}

static void test_walker_sees_what_is_listed_and_cached(void **state)
{
	static struct scene scene;
	uintptr_t *bottom, item;

	(void)state;
	set_scene(&scene, &kinds[3], ON_LIST);
	kmem_cache_free(scene.cache, scene.live[0]);
	kmem_cache_free(scene.cache, scene.live[1]);
	bottom = magazine_bottom(scene.cache);
	item = bottom[0];
	bottom[0] = (uintptr_t)scene.freed[2];
	expect_broken("an object is on a list and in a magazine");
	bottom[0] = item;
	objects_check(NULL);
}

/* Told by the walker of pages: kfree looks at the struct page that an address lies in. */
static void test_walker_sees_tails_of_slabs(void **state)
{
	struct kmem_cache *cache;
	struct page_check_result result;
	struct page *head;

	(void)state;
	cache = start_kind(&kinds[7]);
	take(cache);
	head = slab_next(cache->store, NULL);
	assert_int_not_equal(page_order(head), 0);
	for (uint32_t i = 1; i < 1U << page_order(head); i++) {
		head[i].flags ^= 1U << PAGE_WINDOW_SHIFT;
		assert_false(page_check(&result));
		assert_string_equal(result.broken, "a page of a slab does not say so");
		assert_int_equal(result.pfn, page_to_pfn(head + i));
		head[i].flags ^= 1U << PAGE_WINDOW_SHIFT;
		objects_check(NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_freed_twice),
		cmocka_unit_test(test_freed_twice_of_kmalloc),
		cmocka_unit_test(test_freed_twice_each_of_a_slab),
		cmocka_unit_test(test_freed_twice_with_another_between),
		cmocka_unit_test(test_freed_twice_while_diverted),
		cmocka_unit_test(test_never_allocated),
		cmocka_unit_test(test_pages_freed_twice),
		cmocka_unit_test(test_questions_about_what_is_free),
		cmocka_unit_test(test_without_a_hook),
		cmocka_unit_test(test_null),
		cmocka_unit_test(test_middle_of_a_slab),
		cmocka_unit_test(test_middle_of_kmalloc),
		cmocka_unit_test(test_memory_that_is_no_slab),
		cmocka_unit_test(test_frames_that_are_nobodys),
		cmocka_unit_test(test_middle_of_large_blocks),
		cmocka_unit_test(test_large_block_that_is_shared),
		cmocka_unit_test(test_wrong_cache),
		cmocka_unit_test(test_wrong_cache_and_free),
		cmocka_unit_test(test_pages_of_a_slab),
		cmocka_unit_test(test_reused_as_pages),
		cmocka_unit_test(test_reused_as_a_large_block),
		cmocka_unit_test(test_reused_in_another_cache),
		cmocka_unit_test(test_pointers_that_are_no_cache),
		cmocka_unit_test(test_destroyed_while_live),
		cmocka_unit_test(test_written_after_free),
		cmocka_unit_test(test_written_after_free_beside_an_object),
		cmocka_unit_test(test_written_inside_a_constructed_object),
		cmocka_unit_test(test_written_after_kfree),
		cmocka_unit_test(test_everything_written_after_free),
		cmocka_unit_test(test_written_in_an_empty_slab),
		cmocka_unit_test(test_links_that_are_nearly_good),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_masked),
		cmocka_unit_test(test_misuse_while_masked),
		cmocka_unit_test(test_walker_sees_heads),
		cmocka_unit_test(test_walker_sees_lists),
		cmocka_unit_test(test_walker_sees_marks),
		cmocka_unit_test(test_walker_sees_counts),
		cmocka_unit_test(test_walker_sees_slabs_of_no_cache),
		cmocka_unit_test(test_walker_sees_lists_of_slabs),
		cmocka_unit_test(test_walker_sees_magazines),
		cmocka_unit_test(test_walker_sees_overfull_magazines),
		cmocka_unit_test(test_walker_sees_what_is_listed_and_cached),
		cmocka_unit_test(test_walker_sees_tails_of_slabs),
		cmocka_unit_test(test_destroyed_cache),
		cmocka_unit_test(test_destroyed_cache_with_quarantine),
	};

	return cmocka_run_group_tests_name("objects: misuse", tests, NULL, NULL);
}

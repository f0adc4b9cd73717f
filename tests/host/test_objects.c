/* SPDX-License-Identifier: MIT */
/* Caches and kmalloc as their callers see them: sizes, alignment, edges, bulk, constructors. */
#include "object_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define QUIET          (GFP_KERNEL | __GFP_NOWARN)
#define KMALLOC_CACHES (KMALLOC_KINDS * KMALLOC_SIZES)

/* Little enough to be used up, in two zones of lowmem. */
#define SMALL_PAGES 320U

static const struct harness_machine small = {
	.zone_pages = { [ZONE_DMA] = 64, [ZONE_NORMAL] = SMALL_PAGES - 64 },
};

/*
 * A live object holds a zero where its mark was, and is taken for free if that is its mark: if its
 * address is its cache's key. Where memory lies is chance on a host, so that has to be looked for: a
 * key is the boot's number and some lower bits.
 */
static bool keys_are_addresses(void)
{
	uint32_t keys = page_boot_number << SLAB_FLAGS_SHIFT, keys_bytes = 1U << 24;
	uint32_t memory = (uint32_t)(uintptr_t)phys_to_virt(PFN_PHYS(HARNESS_BASE_PFN));
	uint32_t memory_bytes = (zones_lowmem_end_pfn() - HARNESS_BASE_PFN) * PAGE_SIZE;

	return keys - memory < memory_bytes || memory - keys < keys_bytes;
}

static void start(void)
{
	do
		objects_start(NULL, NULL);
	while (keys_are_addresses());
}

static void start_small(void)
{
	do
		objects_start(&small, NULL);
	while (keys_are_addresses());
	harness_clear_watermarks();
}

/* What the compiler does not know, so that kmalloc cannot decide by it. */
static gfp_t variable(gfp_t gfp)
{
	volatile gfp_t any = gfp;

	return any;
}

static size_t variable_size(size_t bytes)
{
	volatile size_t any = bytes;

	return any;
}

/* Pages that nobody has, of the zones that objects come from. */
static uint32_t spare(void)
{
	return harness_spare_pages(ZONE_DMA) + harness_spare_pages(ZONE_NORMAL);
}

static uint32_t managed(void)
{
	return zones[ZONE_DMA].managed_pages + zones[ZONE_NORMAL].managed_pages;
}

/* Both walkers are content, and nobody was told of anything that was not expected. */
static void expect_good(void)
{
	objects_check(NULL);
	assert_int_equal(objects_misuses, 0);
	assert_int_equal(harness_misuses, 0);
}

/* No object is live, and all memory is the page allocator's again. */
static void expect_nothing_missing(void)
{
	struct object_check_result result;

	expect_good();
	objects_check(&result);
	assert_int_equal(result.live, 0);
	assert_int_equal(result.quarantined, 0);
	objects_shrink_all();
	expect_good();
	assert_int_equal(spare(), managed());
}

/* Bytes that tell one object from the next. Odd ones, as no mark is. */
static uint8_t byte_of(uint32_t number)
{
	return (uint8_t)(number % 127 * 2 + 1);
}

static void fill(void *object, size_t bytes, uint32_t number)
{
	memset(object, byte_of(number), bytes);
}

static void expect_bytes(const void *object, size_t bytes, uint8_t value)
{
	const uint8_t *data = object;

	if (bytes == 0)
		return;
	assert_int_equal(data[0], value);
	assert_int_equal(memcmp(data, data + 1, bytes - 1), 0);
}

static void expect_filled(const void *object, size_t bytes, uint32_t number)
{
	expect_bytes(object, bytes, byte_of(number));
}

/* NULL: no slab is there. */
static const struct kmem_cache *cache_of(const void *object)
{
	struct object_place place;

	object_find((uintptr_t)object, &place);
	return place.store != NULL ? &kmem_caches[cache_index(place.store)] : NULL;
}

static struct kmem_cache *create(size_t size)
{
	struct kmem_cache *cache = kmem_cache_create("test", size, 0, 0, NULL);

	assert_non_null(cache);
	return cache;
}

/* Objects that a test keeps; enough for all of a small machine in the smallest. */
static void *many[SMALL_PAGES * PAGE_SIZE / 8 + 1];

/* --- kmalloc: sizes --------------------------------------------------------------------------- */

static const size_t classes[KMALLOC_SIZES] = { 64, 128, 192, 256, 512, 1024, 2048, 4096, 8192 };

static size_t class_of(size_t bytes)
{
	size_t pages = PAGE_SIZE;

	for (unsigned int i = 0; i < KMALLOC_SIZES; i++)
		if (bytes <= classes[i])
			return classes[i];
	while (pages < bytes)
		pages *= 2;
	return pages;
}

/* Around each class's size, around the smallest block of pages, and up to the largest. */
#define EDGES (3 * (KMALLOC_SIZES + 2))

static size_t edge(unsigned int i)
{
	static const size_t more[] = { 2 * KMALLOC_MAX_CACHE_SIZE, KMALLOC_MAX_SIZE - 1 };
	unsigned int middle = i / 3;

	return (middle < KMALLOC_SIZES ? classes[middle] : more[middle - KMALLOC_SIZES]) + i % 3 -
	       1;
}

/* One byte at a time up to 8200, then around each power of two. */
static size_t next_size(size_t bytes)
{
	if (bytes < 8200)
		return bytes + 1;
	return (bytes & (bytes - 1)) == 0 ? bytes + 1
	       : bytes % 2 == 1           ? 2 * (bytes - 1)
					  : bytes + 1;
}

static void test_sizes(void **state)
{
	(void)state;
	start();
	for (size_t bytes = 1; bytes <= KMALLOC_MAX_SIZE; bytes = next_size(bytes)) {
		unsigned char *object = kmalloc(bytes, GFP_KERNEL);
		size_t usable = ksize(object);

		assert_non_null(object);
		assert_int_equal(usable, class_of(bytes));
		assert_int_equal((uintptr_t)object % CACHE_LINE_BYTES, 0);
		if ((usable & (usable - 1)) == 0)
			assert_int_equal(virt_to_phys(object) % usable, 0);
		memset(object, 0xee, usable);
		kfree(object);
	}
	expect_nothing_missing();
}

/* What class and kind it is, and back with it. */
static void expect_class(void *object, size_t bytes, enum kmalloc_kind kind)
{
	const struct kmem_cache *cache = cache_of(object);

	assert_non_null(object);
	assert_int_equal(ksize(object), class_of(bytes));
	if (bytes > KMALLOC_MAX_CACHE_SIZE) {
		assert_null(cache);
	} else {
		assert_int_equal((cache - kmem_caches) / KMALLOC_SIZES, kind);
		assert_int_equal(kmem_cache_size(cache), class_of(bytes));
	}
	kfree(object);
}

/* Whatever the compiler knows, the cache is the same. */
#define EXPECT_CLASS(bytes, gfp, kind)                                                  \
	do {                                                                            \
		expect_class(kmalloc(bytes, gfp), bytes, kind);                         \
		expect_class(kmalloc(variable_size(bytes), gfp), bytes, kind);          \
		expect_class(kmalloc(bytes, variable(gfp)), bytes, kind);               \
		expect_class(kzalloc(bytes, gfp), bytes, kind);                         \
		expect_class(kmalloc_array(1, variable_size(bytes), gfp), bytes, kind); \
	} while (0)

#define EXPECT_CLASSES_AROUND(size)                                                  \
	do {                                                                         \
		EXPECT_CLASS((size)-1, GFP_KERNEL, KMALLOC_NORMAL);                  \
		EXPECT_CLASS(size, GFP_KERNEL, KMALLOC_NORMAL);                      \
		EXPECT_CLASS((size) + 1, GFP_KERNEL, KMALLOC_NORMAL);                \
		EXPECT_CLASS(size, GFP_ATOMIC, KMALLOC_NORMAL);                      \
		EXPECT_CLASS(size, GFP_DMA, KMALLOC_DMA);                            \
		EXPECT_CLASS(size, GFP_KERNEL | __GFP_RECLAIMABLE, KMALLOC_RECLAIM); \
		EXPECT_CLASS((size) + 1, GFP_DMA | __GFP_RECLAIMABLE, KMALLOC_DMA);  \
	} while (0)

static void test_constant_sizes(void **state)
{
	(void)state;
	start();
	EXPECT_CLASS(1, GFP_KERNEL, KMALLOC_NORMAL);
	EXPECT_CLASSES_AROUND(64);
	EXPECT_CLASSES_AROUND(128);
	EXPECT_CLASSES_AROUND(192);
	EXPECT_CLASSES_AROUND(256);
	EXPECT_CLASSES_AROUND(512);
	EXPECT_CLASSES_AROUND(1024);
	EXPECT_CLASSES_AROUND(2048);
	EXPECT_CLASSES_AROUND(4096);
	EXPECT_CLASSES_AROUND(8192);
	EXPECT_CLASS(KMALLOC_MAX_SIZE - 1, GFP_KERNEL, KMALLOC_NORMAL);
	EXPECT_CLASS(KMALLOC_MAX_SIZE, GFP_KERNEL, KMALLOC_NORMAL);
	expect_nothing_missing();
}

/* Zero bytes are not NULL, and can be given to all that takes what kmalloc gave. */
static void test_nothing(void **state)
{
	(void)state;
	start();
	assert_ptr_equal(kmalloc(0, GFP_KERNEL), ZERO_SIZE_PTR);
	assert_ptr_equal(kmalloc(0, variable(GFP_ATOMIC)), ZERO_SIZE_PTR);
	assert_ptr_equal(kmalloc(variable_size(0), GFP_DMA), ZERO_SIZE_PTR);
	assert_ptr_equal(kmalloc(variable_size(0), GFP_KERNEL), ZERO_SIZE_PTR);
	assert_ptr_equal(kzalloc(0, GFP_KERNEL), ZERO_SIZE_PTR);
	assert_ptr_equal(kcalloc(0, 100, GFP_KERNEL), ZERO_SIZE_PTR);
	assert_ptr_equal(kcalloc(variable_size(100), 0, GFP_KERNEL), ZERO_SIZE_PTR);
	assert_ptr_equal(kmalloc_array(0, SIZE_MAX, GFP_KERNEL), ZERO_SIZE_PTR);
	kfree(ZERO_SIZE_PTR);
	kfree(NULL);
	assert_int_equal(ksize(ZERO_SIZE_PTR), 0);
	assert_int_equal(ksize(NULL), 0);
	assert_int_equal(spare(), managed());
	expect_nothing_missing();
}

static void expect_too_large(const void *object, size_t bytes, gfp_t gfp)
{
	assert_null(object);
	objects_expect(KMALLOC_TOO_LARGE);
	assert_int_equal(objects_last_misuse.bytes, bytes);
	assert_int_equal(objects_last_misuse.gfp, gfp);
}

/* Told once by kmalloc itself, which does not even ask for pages. */
static void test_too_much(void **state)
{
	const size_t large = KMALLOC_MAX_SIZE + 1;
	size_t all = SIZE_MAX;

	(void)state;
	start();
	expect_too_large(kmalloc(large, GFP_KERNEL), large, GFP_KERNEL);
	expect_too_large(kmalloc(variable_size(large), GFP_ATOMIC), large, GFP_ATOMIC);
	expect_too_large(kmalloc(large, variable(GFP_DMA)), large, GFP_DMA);
	expect_too_large(kzalloc(large, GFP_KERNEL), large, GFP_KERNEL | __GFP_ZERO);
	expect_too_large(kmalloc(variable_size(all), GFP_KERNEL), all, GFP_KERNEL);
	expect_too_large(kmalloc_array(2, all / 2, GFP_KERNEL), all - 1, GFP_KERNEL);
	assert_null(kmalloc(large, QUIET));
	assert_null(kzalloc(variable_size(all), QUIET));
	assert_null(kmalloc(large, variable(QUIET)));
	assert_int_equal(harness_refusals, 0);
	assert_int_equal(spare(), managed());
	expect_nothing_missing();
}

/* As Linux does: no report, for who passes such numbers has looked for NULL anyway. */
static void test_array_that_overflows(void **state)
{
	const size_t half = (size_t)1 << (sizeof(size_t) * 4);

	(void)state;
	start();
	assert_null(kmalloc_array(half, half, GFP_KERNEL));
	assert_null(kcalloc(half, half, GFP_KERNEL));
	assert_null(kmalloc_array(variable_size(SIZE_MAX), 2, GFP_KERNEL));
	assert_null(kcalloc(2, variable_size(SIZE_MAX), variable(GFP_KERNEL)));
	assert_null(kcalloc(SIZE_MAX / 2 + 2, 2, GFP_KERNEL));
	assert_int_equal(harness_refusals, 0);
	expect_class(kmalloc_array(3, 43, GFP_KERNEL), 129, KMALLOC_NORMAL);
	expect_class(kcalloc(variable_size(43), 3, GFP_KERNEL), 129, KMALLOC_NORMAL);
	expect_nothing_missing();
}

/* --- kmalloc: flags --------------------------------------------------------------------------- */

static const struct page *page_of(const void *object)
{
	return virt_to_page(object);
}

/* Each class and each kind, and whole pages: where they lie, and as what they are counted. */
static void test_kinds(void **state)
{
	static const gfp_t gfps[] = { GFP_KERNEL, GFP_DMA, GFP_KERNEL | __GFP_RECLAIMABLE };
	static const enum zone_type wanted[] = { ZONE_NORMAL, ZONE_DMA, ZONE_NORMAL };

	(void)state;
	start();
	for (unsigned int i = 0; i < EDGES; i++)
		for (unsigned int kind = 0; kind < KMALLOC_KINDS; kind++) {
			void *object = kmalloc(edge(i), gfps[kind]);
			const struct page *page = page_of(object);

			assert_int_equal(page_zone_index(page), wanted[kind]);
			assert_int_equal(page_migrate_type(page), kind == KMALLOC_RECLAIM
									  ? MIGRATE_RECLAIMABLE
									  : MIGRATE_UNMOVABLE);
			fill(object, edge(i), i);
			object = krealloc(object, KMALLOC_MAX_SIZE, gfps[kind]);
			assert_int_equal(page_zone_index(page_of(object)), wanted[kind]);
			expect_filled(object, edge(i), i);
			kfree(object);
		}
	expect_nothing_missing();
}

/* As often as there is DMA memory, and then no more, though there is other. */
static void test_dma_memory_ends(void **state)
{
	uint32_t count = 0;

	(void)state;
	start_small();
	while ((many[count] = kmalloc(2048, GFP_DMA | __GFP_NOWARN)) != NULL)
		assert_int_equal(page_zone_index(page_of(many[count++])), ZONE_DMA);
	assert_int_equal(count, 2 * zones[ZONE_DMA].managed_pages);
	assert_int_equal(harness_spare_pages(ZONE_NORMAL), zones[ZONE_NORMAL].managed_pages);
	kmem_cache_free_bulk(NULL, count, many);
	expect_nothing_missing();
}

/* Served without the flags that make no sense, and told once. */
static void expect_sensible(void *object, size_t bytes, gfp_t gfp)
{
	const struct page *page = page_of(object);

	objects_expect(OBJECT_GFP);
	assert_int_equal(objects_last_misuse.gfp, gfp);
	assert_int_equal(objects_last_misuse.bytes, bytes);
	assert_non_null(object);
	assert_int_not_equal(page_zone_index(page), ZONE_HIGHMEM);
	assert_int_not_equal(page_migrate_type(page), MIGRATE_MOVABLE);
	kfree(object);
}

static void test_flags_that_objects_cannot_have(void **state)
{
	static const gfp_t wrong[] = { __GFP_HIGHMEM, __GFP_MOVABLE, SLAB_GFP_WRONG,
				       __GFP_HIGHMEM | __GFP_DMA,
				       __GFP_MOVABLE | __GFP_RECLAIMABLE };
	struct kmem_cache *cache;

	(void)state;
	start();
	cache = create(100);
	for (unsigned int i = 0; i < ARRAY_SIZE(wrong); i++) {
		gfp_t gfp = variable(GFP_KERNEL | wrong[i]);

		for (unsigned int j = 0; j < EDGES; j++)
			expect_sensible(kmalloc(edge(j), gfp), edge(j), gfp);
		expect_sensible(kzalloc(100, gfp), 100, gfp | __GFP_ZERO);
		expect_sensible(krealloc(NULL, 200, gfp), 200, gfp);
		expect_sensible(kstrdup("four", gfp), 5, gfp);
		if ((gfp & __GFP_DMA) == 0)
			expect_sensible(kmem_cache_alloc(cache, gfp), 100, gfp);
	}
	expect_nothing_missing();
}

/* Pages of kmalloc that somebody else holds, by any of them, outlive kfree. */
static void test_large_memory_that_is_held(void **state)
{
	static const gfp_t gfps[] = { GFP_KERNEL, GFP_KERNEL | __GFP_ZERO, GFP_ATOMIC };

	(void)state;
	start();
	for (unsigned int i = 0; i < ARRAY_SIZE(gfps); i++) {
		size_t bytes = 2 * KMALLOC_MAX_CACHE_SIZE;
		char *memory = kmalloc(bytes, gfps[i]);
		struct page *page = virt_to_page(memory);

		get_page(page + 1);
		kfree(memory);
		assert_int_equal(page_count(page), 1);
		assert_int_equal(managed() - spare(), bytes / PAGE_SIZE);
		put_page(page + 3);
		assert_int_equal(page_count(page), 0);
		expect_nothing_missing();
	}
}

/* kmalloc makes compound blocks anyway: saying so changes nothing. */
static void test_large_memory_asked_for_as_compound(void **state)
{
	static const gfp_t gfps[] = { 0, __GFP_ZERO, __GFP_DMA, __GFP_ZERO | __GFP_RECLAIMABLE };

	(void)state;
	start();
	for (unsigned int i = 0; i < ARRAY_SIZE(gfps); i++)
		for (unsigned int j = 0; j < EDGES; j++)
			expect_class(kmalloc(edge(j), GFP_KERNEL | __GFP_COMP | gfps[i]), edge(j),
				     kmalloc_kind(gfps[i]));
	expect_nothing_missing();
}

/* --- kmalloc: memory -------------------------------------------------------------------------- */

/* Each of them writes to the lines that it has a byte of, as a device does. */
static void test_no_line_is_shared(void **state)
{
	uint32_t seed = 7, count = 3000;
	size_t bytes[3000];

	(void)state;
	start();
	for (uint32_t i = 0; i < count; i++) {
		bytes[i] = 1 + harness_random(&seed) % (i % 10 == 0 ? 5000 : 300);
		many[i] = kmalloc(bytes[i], GFP_KERNEL);
		assert_int_equal((uintptr_t)many[i] % CACHE_LINE_BYTES, 0);
		fill(many[i], ALIGN_UP(bytes[i], CACHE_LINE_BYTES), i);
	}
	for (uint32_t i = 0; i < count; i++)
		expect_filled(many[i], ALIGN_UP(bytes[i], CACHE_LINE_BYTES), i);
	for (uint32_t i = 0; i < count; i++)
		kfree(many[i]);
	expect_nothing_missing();
}

static struct page *taken[SMALL_PAGES];

/* All pages one by one, as rubbish. Returns how many there were. */
static uint32_t take_all_pages(gfp_t gfp)
{
	uint32_t count = 0;

	while ((taken[count] = alloc_page(gfp)) != NULL)
		memset(harness_page_data(taken[count++]), 0xee, PAGE_SIZE);
	return count;
}

static void free_pages_taken(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		__free_page(taken[i]);
}

static void expect_zero_and_free(void *object)
{
	assert_non_null(object);
	expect_bytes(object, ksize(object), 0);
	memset(object, 0xee, ksize(object));
	kfree(object);
}

/* All that ksize says, for who grows it in place later; memory that was never used, or just now. */
static void test_zeroed_memory(void **state)
{
	(void)state;
	start_small();
	free_pages_taken(take_all_pages(QUIET));
	for (unsigned int i = 0; i < EDGES; i++) {
		size_t bytes = edge(i) < SMALL_PAGES / 8 * PAGE_SIZE ? edge(i) : 1;

		for (unsigned int again = 0; again < 100; again++)
			expect_zero_and_free(kzalloc(bytes, GFP_KERNEL));
		expect_zero_and_free(kcalloc(1, bytes, GFP_KERNEL));
		expect_zero_and_free(kcalloc(bytes, 1, variable(GFP_DMA)));
		expect_zero_and_free(kmalloc(bytes, variable(GFP_ATOMIC | __GFP_ZERO)));
		expect_zero_and_free(krealloc(NULL, bytes, GFP_KERNEL | __GFP_ZERO));
	}
	expect_nothing_missing();
}

static void test_zeroed_objects(void **state)
{
	(void)state;
	start_small();
	free_pages_taken(take_all_pages(QUIET));
	for (size_t bytes = 1; bytes <= 3 * PAGE_SIZE; bytes += 1 + bytes / 5) {
		struct kmem_cache *cache = create(bytes);

		for (unsigned int again = 0; again < 100; again++)
			expect_zero_and_free(kmem_cache_zalloc(cache, variable(GFP_KERNEL)));
		expect_zero_and_free(kmem_cache_zalloc(cache, GFP_ATOMIC));
		assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL | __GFP_ZERO, 5, many), 5);
		for (unsigned int i = 0; i < 5; i++)
			expect_zero_and_free(many[i]);
		kmem_cache_destroy(cache);
	}
	expect_nothing_missing();
}

/* Zeroing one object leaves those beside it alone. */
static void test_zeroing_leaves_neighbours(void **state)
{
	(void)state;
	start();
	for (unsigned int i = 0; i < KMALLOC_SIZES; i++) {
		for (uint32_t j = 0; j < 9; j++) {
			many[j] = kmalloc(classes[i], GFP_KERNEL);
			fill(many[j], classes[i], j);
		}
		kfree(many[4]);
		many[4] = kzalloc(classes[i] - 1, GFP_KERNEL);
		for (uint32_t j = 0; j < 9; j++)
			if (j != 4)
				expect_filled(many[j], classes[i], j);
		expect_bytes(many[4], classes[i], 0);
		kmem_cache_free_bulk(NULL, 9, many);
	}
	expect_nothing_missing();
}

/* What is warm in the data cache is handed out first, in every class. */
static void test_what_was_freed_last_comes_first(void **state)
{
	(void)state;
	start();
	for (unsigned int i = 0; i < KMALLOC_SIZES; i++) {
		void *first = kmalloc(classes[i], GFP_KERNEL);
		void *second = kmalloc(classes[i], GFP_KERNEL);

		kfree(first);
		kfree(second);
		assert_ptr_equal(kmalloc(classes[i], GFP_KERNEL), second);
		assert_ptr_equal(kmalloc(classes[i], GFP_KERNEL), first);
		kfree(first);
		kfree(second);
	}
	expect_nothing_missing();
}

/* --- krealloc --------------------------------------------------------------------------------- */

static void test_resizing_nothing(void **state)
{
	void *object;

	(void)state;
	start();
	expect_class(krealloc(NULL, 100, GFP_KERNEL), 100, KMALLOC_NORMAL);
	expect_class(krealloc(ZERO_SIZE_PTR, 5000, GFP_DMA), 5000, KMALLOC_DMA);
	assert_ptr_equal(krealloc(NULL, 0, GFP_KERNEL), ZERO_SIZE_PTR);
	assert_ptr_equal(krealloc(ZERO_SIZE_PTR, 0, GFP_KERNEL), ZERO_SIZE_PTR);
	expect_nothing_missing();
	for (unsigned int i = 0; i < EDGES; i++) {
		object = kmalloc(edge(i), GFP_KERNEL);
		assert_ptr_equal(krealloc(object, 0, GFP_KERNEL), ZERO_SIZE_PTR);
	}
	expect_nothing_missing();
}

static void expect_resized(size_t from, size_t to)
{
	char *object = kmalloc(from, GFP_KERNEL), *resized;

	fill(object, from, (uint32_t)from);
	resized = krealloc(object, to, GFP_KERNEL);
	assert_non_null(resized);
	assert_true(ksize(resized) >= to);
	expect_filled(resized, from < to ? from : to, (uint32_t)from);
	if (to <= class_of(from))
		assert_ptr_equal(resized, object);
	else
		assert_int_equal(ksize(resized), class_of(to));
	fill(resized, to, 3);
	kfree(resized);
}

/* From each class to each, into whole pages and back. */
static void test_resizing(void **state)
{
	(void)state;
	start();
	for (unsigned int from = 0; from < EDGES; from++) {
		for (unsigned int to = 0; to < EDGES; to++)
			expect_resized(edge(from), edge(to));
		expect_good();
	}
	expect_nothing_missing();
}

/* One object through all sizes, a byte after each is its own. */
static void test_growing_step_by_step(void **state)
{
	size_t bytes = 1;
	uint8_t *object;

	(void)state;
	start();
	object = kmalloc(bytes, GFP_KERNEL);
	object[0] = 1;
	while (bytes < 3 * KMALLOC_MAX_CACHE_SIZE) {
		size_t before = bytes;

		bytes += 1 + bytes / 16;
		object = krealloc(object, bytes, GFP_KERNEL);
		for (size_t i = before; i < bytes; i++)
			object[i] = (uint8_t)(i * 7 + 1);
	}
	for (size_t i = 0; i < bytes; i++)
		assert_int_equal(object[i], (uint8_t)(i * 7 + 1));
	kfree(object);
	expect_nothing_missing();
}

/* An object of any cache may grow into kmalloc's. */
static void test_resizing_an_object_of_a_cache(void **state)
{
	struct kmem_cache *cache;
	void *object, *resized;

	(void)state;
	start();
	cache = create(100);
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	assert_int_equal(ksize(object), 100);
	fill(object, 100, 5);
	assert_ptr_equal(krealloc(object, 100, GFP_KERNEL), object);
	resized = krealloc(object, 101, GFP_KERNEL);
	assert_ptr_not_equal(resized, object);
	expect_filled(resized, 100, 5);
	assert_int_equal(objects_live(cache), 0);
	kfree(resized);
	kmem_cache_destroy(cache);
	expect_nothing_missing();
}

/* What lies behind the old ksize is zero; what is the caller's stays. */
static void test_growing_with_zeroes(void **state)
{
	(void)state;
	start();
	for (unsigned int from = 0; from < EDGES; from++)
		for (unsigned int to = from + 1; to < EDGES; to++) {
			size_t before = class_of(edge(from));
			char *dirty = kmalloc(edge(to), GFP_KERNEL), *object;

			memset(dirty, 0xee, ksize(dirty));
			kfree(dirty);
			object = kmalloc(edge(from), GFP_KERNEL);
			fill(object, before, from);
			object = krealloc(object, edge(to), GFP_KERNEL | __GFP_ZERO);
			expect_filled(object, before, from);
			if (ksize(object) > before)
				expect_bytes(object + before, ksize(object) - before, 0);
			kfree(object);
		}
	expect_nothing_missing();
}

static void refuse_objects(const char *which)
{
	assert_null(fail_point_parse(&object_fail, which));
	objects_fail_set(true);
}

static void refuse_pages(const char *which)
{
	assert_null(fail_point_parse(&page_fail, which));
	assert_true(page_debug_set(PAGE_DEBUG_FAIL, true));
}

static void refuse_nothing(void)
{
	objects_fail_set(false);
	assert_true(page_debug_set(PAGE_DEBUG_FAIL, false));
}

/* Who is refused more still has what was there. */
static void test_growing_that_is_refused(void **state)
{
	void *objects[EDGES];

	(void)state;
	start();
	for (unsigned int i = 0; i < EDGES; i++) {
		objects[i] = kmalloc(edge(i), GFP_KERNEL);
		fill(objects[i], edge(i), i);
	}
	refuse_objects("every:1");
	refuse_pages("every:1");
	for (unsigned int i = 0; i < EDGES; i++) {
		size_t more = ksize(objects[i]) + 1;

		assert_null(krealloc(objects[i], more, GFP_KERNEL | __GFP_NOWARN));
		assert_int_equal(ksize(objects[i]), more - 1);
		assert_ptr_equal(krealloc(objects[i], more - 1, GFP_KERNEL), objects[i]);
		expect_filled(objects[i], edge(i), i);
	}
	expect_too_large(krealloc(objects[0], KMALLOC_MAX_SIZE + 1, GFP_KERNEL),
			 KMALLOC_MAX_SIZE + 1, GFP_KERNEL);
	expect_filled(objects[0], edge(0), 0);
	refuse_nothing();
	kmem_cache_free_bulk(NULL, EDGES, objects);
	expect_nothing_missing();
}

static void test_copies_of_strings(void **state)
{
	static char text[3 * KMALLOC_MAX_CACHE_SIZE];
	char *copy;

	(void)state;
	start();
	assert_null(kstrdup(NULL, GFP_KERNEL));
	for (size_t length = 0; length < sizeof(text) - 1; length += 1 + length / 8) {
		memset(text, 'x', length);
		text[length] = '\0';
		copy = kstrdup(text, GFP_KERNEL);
		assert_ptr_not_equal(copy, text);
		assert_string_equal(copy, text);
		assert_int_equal(ksize(copy), class_of(length + 1));
		kfree(copy);
	}
	/* Exactly full: the end counts. */
	memset(text, 'y', 64);
	text[63] = '\0';
	copy = kstrdup(text, GFP_ATOMIC);
	assert_int_equal(ksize(copy), 64);
	kfree(copy);
	text[63] = 'y';
	text[64] = '\0';
	expect_class(kstrdup(text, GFP_DMA), 65, KMALLOC_DMA);
	refuse_objects("nth:1");
	assert_null(kstrdup(text, GFP_KERNEL));
	refuse_nothing();
	expect_nothing_missing();
}

/* --- making caches ---------------------------------------------------------------------------- */

static void do_nothing(void *object)
{
	(void)object;
}

static void expect_refused(const char *name, size_t size, size_t align, uint32_t flags,
			   void (*constructor)(void *object))
{
	assert_null(kmem_cache_create(name, size, align, flags, constructor));
	objects_expect(CACHE_REFUSED);
	assert_ptr_equal(objects_last_misuse.cache, name);
	assert_int_equal(objects_last_misuse.bytes, size);
	assert_non_null(objects_last_misuse.text);
	assert_int_not_equal(objects_last_misuse.text[0], '\0');
}

/* As many caches as there is room for. Returns how many. */
static uint32_t fill_table(struct kmem_cache **caches)
{
	uint32_t count = 0;

	while (count < KMEM_CACHES &&
	       (caches[count] = kmem_cache_create("full", 10, 0, 0, NULL)) != NULL)
		count++;
	objects_expect(CACHE_REFUSED);
	return count;
}

/* Each rule, just across it. Nothing stays behind: all of the table can be used. */
static void test_refused_caches(void **state)
{
	struct kmem_cache *caches[KMEM_CACHES];

	(void)state;
	start();
	expect_refused(NULL, 100, 0, 0, NULL);
	expect_refused("", 100, 0, 0, NULL);
	expect_refused("empty", 0, 0, 0, NULL);
	expect_refused("large", KMALLOC_MAX_SIZE + 1, 0, 0, NULL);
	expect_refused("huge", SIZE_MAX, 0, 0, NULL);
	expect_refused("with what is kept behind", KMALLOC_MAX_SIZE, 0, 0, do_nothing);
	expect_refused("with what is kept behind", KMALLOC_MAX_SIZE - 7, 0, 0, do_nothing);
	expect_refused("with what is kept behind", KMALLOC_MAX_SIZE, 0, SLAB_RED_ZONE, NULL);
	for (size_t align = 3; align < KMALLOC_MAX_CACHE_SIZE; align *= 2)
		expect_refused("not a power of two", 100, align, 0, NULL);
	expect_refused("alignment", 100, 2 * KMALLOC_MAX_CACHE_SIZE, 0, NULL);
	expect_refused("alignment", 100, SIZE_MAX, 0, NULL);
	expect_refused("alignment", 100, (SIZE_MAX >> 1) + 1, 0, NULL);
	expect_refused("flags", 100, 0, 1, NULL);
	expect_refused("flags", 100, 0, SLAB_HWCACHE_ALIGN | 1U << 31, NULL);
	assert_int_equal(fill_table(caches), KMEM_CACHES - KMALLOC_CACHES);
	assert_int_equal(spare(), managed());
	expect_nothing_missing();
}

/* A full table refuses, and takes one more as soon as one is gone. */
static void test_full_table(void **state)
{
	struct kmem_cache *caches[KMEM_CACHES];
	uint32_t count;
	void *object;

	(void)state;
	start();
	count = fill_table(caches);
	assert_int_equal(count, KMEM_CACHES - KMALLOC_CACHES);
	for (uint32_t i = 0; i < count; i++)
		many[i] = kmem_cache_alloc(caches[i], GFP_KERNEL);
	kmem_cache_free(caches[count / 2], many[count / 2]);
	kmem_cache_destroy(caches[count / 2]);
	caches[count / 2] = kmem_cache_create("next", 5000, 0, 0, NULL);
	assert_non_null(caches[count / 2]);
	object = kmem_cache_alloc(caches[count / 2], GFP_KERNEL);
	assert_int_equal(ksize(object), 5000);
	expect_refused("too many", 10, 0, 0, NULL);
	kmem_cache_free(caches[count / 2], object);
	for (uint32_t i = 0; i < count; i++) {
		if (i != count / 2)
			kmem_cache_free(caches[i], many[i]);
		kmem_cache_destroy(caches[i]);
	}
	assert_int_equal(fill_table(caches), count);
	expect_nothing_missing();
}

/* Copied, and cut where it does not fit; the caller may use its own again. */
static void test_names(void **state)
{
	char name[] = "a name that is as long as there is room, and then some";
	char cut[CACHE_NAME_BYTES];
	struct kmem_cache *cache, *same;

	(void)state;
	start();
	memcpy(cut, name, sizeof(cut) - 1);
	cut[sizeof(cut) - 1] = '\0';
	cache = kmem_cache_create(name, 10, 0, 0, NULL);
	same = kmem_cache_create(cut, 20, 0, 0, NULL);
	memset(name, 'x', sizeof(name) - 1);
	assert_string_equal(kmem_cache_name(cache), cut);
	assert_string_equal(kmem_cache_name(same), cut);
	assert_ptr_not_equal(cache, same);
	cut[sizeof(cut) - 2] = '\0';
	assert_string_equal(kmem_cache_name(kmem_cache_create(cut, 10, 0, 0, NULL)), cut);
	assert_string_equal(kmem_cache_name(create(1)), "test");
	assert_string_equal(kmem_cache_name(kmem_caches), "kmalloc-64");
	assert_string_equal(kmem_cache_name(&kmem_caches[5]), "kmalloc-1k");
	assert_string_equal(kmem_cache_name(&kmem_caches[KMALLOC_SIZES + 4]), "dma-kmalloc-512");
	assert_string_equal(kmem_cache_name(&kmem_caches[KMALLOC_CACHES - 1]), "kmalloc-rcl-8k");
	expect_nothing_missing();
}

/* --- objects of caches ------------------------------------------------------------------------ */

/* In one slab of this cache, from where an object starts. */
static void expect_object(const struct kmem_cache *cache, void *object, size_t size, size_t align)
{
	char *last = (char *)object + size - 1;
	struct object_place place;

	assert_non_null(object);
	assert_int_equal(virt_to_phys(object) % align, 0);
	object_find((uintptr_t)object, &place);
	assert_ptr_equal(place.store, cache->store);
	assert_int_equal(place.offset, 0);
	object_find((uintptr_t)last, &place);
	assert_ptr_equal(place.object, object);
	assert_ptr_equal(slab_head(virt_to_page(object)), slab_head(virt_to_page(last)));
	assert_int_equal(ksize(object), size);
}

/* Enough for several slabs, unless they are large. */
static uint32_t enough(size_t size)
{
	return 3 + 4 * PAGE_SIZE / (uint32_t)(size + PAGE_SIZE / 64);
}

static void check_cache(size_t size, size_t align, uint32_t flags, void (*constructor)(void *),
			size_t wanted)
{
	struct kmem_cache *cache = kmem_cache_create("sizes", size, align, flags, constructor);
	uint32_t count = enough(size);

	assert_non_null(cache);
	assert_int_equal(kmem_cache_size(cache), size);
	if (constructor == NULL)
		assert_int_equal(cache->store->slot_bytes, ALIGN_UP(size, wanted));
	for (uint32_t i = 0; i < count; i++) {
		many[i] = kmem_cache_alloc(cache, GFP_KERNEL);
		expect_object(cache, many[i], size, wanted);
		fill(many[i], size, i);
	}
	for (uint32_t i = 0; i < count; i++)
		expect_filled(many[i], size, i);
	for (uint32_t i = 0; i < count; i++) {
		kmem_cache_free(cache, many[i]);
		if (i + 1 < count)
			expect_filled(many[i + 1], size, i + 1);
	}
	assert_int_equal(objects_live(cache), 0);
	kmem_cache_destroy(cache);
	magazines_drain_all();
	assert_int_equal(spare(), managed());
}

/* Every small size, then larger ones with what is beside them. */
static size_t next_cache_size(size_t size)
{
	if (size < 140)
		return size + 1;
	if (size < KMALLOC_MAX_SIZE && size + size / 4 > KMALLOC_MAX_SIZE)
		return KMALLOC_MAX_SIZE;
	return size % 3 != 0 ? size + 1 : size + size / 4 / 8 * 8;
}

static void test_cache_sizes_and_alignments(void **state)
{
	static const size_t aligns[] = { 0, 1, 8, 16, 64, 256, PAGE_SIZE, KMALLOC_MAX_CACHE_SIZE };

	(void)state;
	start();
	for (size_t size = 1; size <= KMALLOC_MAX_SIZE; size = next_cache_size(size))
		for (unsigned int i = 0; i < ARRAY_SIZE(aligns); i++) {
			size_t wanted = aligns[i] < 8 ? 8 : aligns[i];

			check_cache(size, aligns[i], 0, NULL, wanted);
			if (ALIGN_UP(size + 11, wanted) <= KMALLOC_MAX_SIZE)
				check_cache(size, aligns[i], 0, do_nothing, wanted);
		}
	expect_nothing_missing();
}

/* To a line; what fits a half, a quarter or an eighth of one, to that. Or to more, if asked. */
static void test_alignment_to_cache_lines(void **state)
{
	(void)state;
	start();
	for (size_t size = 1; size <= 300; size++) {
		size_t line = CACHE_LINE_BYTES;

		while (line > 8 && size <= line / 2)
			line /= 2;
		check_cache(size, 0, SLAB_HWCACHE_ALIGN, NULL, line);
		check_cache(size, 8, SLAB_HWCACHE_ALIGN, do_nothing, line);
		check_cache(size, 256, SLAB_HWCACHE_ALIGN, NULL, 256);
	}
	expect_nothing_missing();
}

struct request {
	uint16_t number;
	uint64_t sector;
};

/* The macro takes a structure's name, size and alignment. */
static void test_cache_of_a_structure(void **state)
{
	struct kmem_cache *cache;

	(void)state;
	start();
	cache = KMEM_CACHE(request, SLAB_HWCACHE_ALIGN);
	assert_string_equal(kmem_cache_name(cache), "request");
	assert_int_equal(kmem_cache_size(cache), sizeof(struct request));
	kmem_cache_destroy(cache);
	expect_nothing_missing();
}

/* Of an order: whether eight fit, and no more than a sixteenth is left over. */
static bool is_good_order(unsigned int order, size_t size)
{
	uint32_t bytes = PAGE_SIZE << order;

	return bytes / size >= 8 && bytes % size * 16 <= bytes;
}

/* Slabs hold eight at least where order 3 can, and waste little where any order does. */
static void test_objects_in_a_slab(void **state)
{
	const unsigned int most = min_u32(3, PAGE_ORDER_MAX);

	(void)state;
	start();
	for (size_t size = 8; size <= 4 * PAGE_SIZE; size += 8) {
		struct kmem_cache *cache = create(size);
		unsigned int order = 0, good = 0;
		uint32_t count = 0;

		do
			many[count++] = kmem_cache_alloc(cache, GFP_KERNEL);
		while (cache->store->slabs == 1);
		order = page_order(page_of(many[0]));
		assert_int_equal(cache->store->slabs, 2);
		assert_int_equal(cache->store->slab_pages, 2U << order);
		assert_int_equal(count - 1, (PAGE_SIZE << order) / size);
		while (good <= most && !is_good_order(good, size))
			good++;
		if (good <= most)
			assert_int_equal(order, good);
		else if (size <= (PAGE_SIZE << most) / 8)
			assert_true(count - 1 >= 8);
		kmem_cache_free_bulk(cache, count, many);
		kmem_cache_destroy(cache);
	}
	expect_nothing_missing();
}

/* Of a cache with these flags, whatever the request says that it may. */
static void expect_place(uint32_t flags, enum zone_type zone, enum migrate_type migrate)
{
	struct kmem_cache *cache = kmem_cache_create("place", 700, 0, flags, NULL);
	const gfp_t more = (flags & SLAB_CACHE_DMA) != 0 ? __GFP_DMA : 0;
	const gfp_t gfps[] = { GFP_KERNEL, GFP_ATOMIC, GFP_KERNEL | __GFP_ZERO, GFP_KERNEL | more,
			       GFP_KERNEL | __GFP_RECLAIMABLE };

	for (uint32_t i = 0; i < 10 * ARRAY_SIZE(gfps); i++) {
		many[i] = kmem_cache_alloc(cache, variable(gfps[i % ARRAY_SIZE(gfps)]));
		assert_int_equal(page_zone_index(page_of(many[i])), zone);
		assert_int_equal(page_migrate_type(page_of(many[i])), migrate);
	}
	kmem_cache_free_bulk(cache, 10 * ARRAY_SIZE(gfps), many);
	kmem_cache_destroy(cache);
}

static void test_where_slabs_come_from(void **state)
{
	(void)state;
	start();
	expect_place(0, ZONE_NORMAL, MIGRATE_UNMOVABLE);
	expect_place(SLAB_CACHE_DMA, ZONE_DMA, MIGRATE_UNMOVABLE);
	expect_place(SLAB_RECLAIM_ACCOUNT, ZONE_NORMAL, MIGRATE_RECLAIMABLE);
	expect_place(SLAB_RECLAIM_ACCOUNT | SLAB_CACHE_DMA, ZONE_DMA, MIGRATE_RECLAIMABLE);
	expect_nothing_missing();
}

static void expect_flags_refused(struct kmem_cache *cache, gfp_t gfp)
{
	void *objects[3] = { NULL };

	assert_null(kmem_cache_alloc(cache, variable(gfp)));
	objects_expect(OBJECT_GFP);
	assert_int_equal(objects_last_misuse.gfp, gfp);
	assert_ptr_equal(objects_last_misuse.cache, kmem_cache_name(cache));
	assert_int_equal(kmem_cache_alloc_bulk(cache, gfp, 3, objects), 0);
	objects_expect(OBJECT_GFP);
	assert_null(objects[0]);
	assert_int_equal(cache->store->slabs, 0);
}

/* Memory where a device cannot reach it, or zeroes over what was constructed, help nobody. */
static void test_flags_that_a_cache_cannot_fulfil(void **state)
{
	struct kmem_cache *plain, *constructed;

	(void)state;
	start();
	plain = create(100);
	constructed = kmem_cache_create("constructed", 100, 0, SLAB_CACHE_DMA, do_nothing);
	expect_flags_refused(plain, GFP_DMA);
	expect_flags_refused(plain, GFP_KERNEL | __GFP_DMA | __GFP_ZERO);
	expect_flags_refused(constructed, GFP_KERNEL | __GFP_ZERO);
	assert_null(kmem_cache_alloc(plain, GFP_DMA));
	objects_expect(OBJECT_GFP);
	assert_null(kmem_cache_zalloc(constructed, GFP_KERNEL));
	objects_expect(OBJECT_GFP);
	kmem_cache_free(constructed, kmem_cache_alloc(constructed, GFP_DMA));
	kmem_cache_free(plain, kmem_cache_zalloc(plain, GFP_KERNEL));
	expect_nothing_missing();
}

/* --- constructors ----------------------------------------------------------------------------- */

#define CONSTRUCTED 0xc0

static uint32_t constructed_count;
static size_t constructed_bytes;
static void *constructed[4096];

static void construct(void *object)
{
	assert_true(constructed_count < ARRAY_SIZE(constructed));
	constructed[constructed_count++] = object;
	memset(object, CONSTRUCTED, constructed_bytes);
}

/* Once for each, however often it was made. */
static void expect_all_constructed(const struct kmem_cache *cache)
{
	assert_int_equal(constructed_count, cache->store->objects);
	for (uint32_t i = 0; i < constructed_count; i++) {
		struct object_place place;

		object_find((uintptr_t)constructed[i], &place);
		assert_ptr_equal(place.store, cache->store);
		assert_ptr_equal(place.object, constructed[i]);
		for (uint32_t j = 0; j < i; j++)
			assert_ptr_not_equal(constructed[i], constructed[j]);
	}
}

/* Takes and gives for a while; what is given is as constructed, and so must be what is taken. */
static void use_constructed(struct kmem_cache *cache, uint32_t most)
{
	uint32_t seed = 11, count = 0;

	for (unsigned int step = 0; step < 2000; step++) {
		if (count < most && harness_random(&seed) % 2 == 0) {
			many[count] = kmem_cache_alloc(cache, GFP_KERNEL);
			expect_bytes(many[count], constructed_bytes, CONSTRUCTED);
			memset(many[count++], 0x11, constructed_bytes);
		} else if (count > 0) {
			memset(many[--count], CONSTRUCTED, constructed_bytes);
			kmem_cache_free(cache, many[count]);
		}
	}
	while (count > 0) {
		memset(many[--count], CONSTRUCTED, constructed_bytes);
		kfree(many[count]);
	}
}

static void test_constructors(void **state)
{
	static const size_t sizes[] = { 1, 3, 4, 8, 13, 24, 64, 100, 1000, 4096, 5001 };

	(void)state;
	start();
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct kmem_cache *cache;

		constructed_bytes = sizes[i];
		constructed_count = 0;
		cache = kmem_cache_create("constructed", sizes[i], 0, 0, construct);
		assert_int_equal(constructed_count, 0);
		/* No more than what is kept in empty slabs: nothing is made twice. */
		use_constructed(cache, cache->store->objects_each);
		expect_all_constructed(cache);
		kmem_cache_shrink(cache);
		constructed_count = 0;
		kmem_cache_free(cache, kmem_cache_alloc(cache, GFP_KERNEL));
		expect_all_constructed(cache);
		kmem_cache_destroy(cache);
	}
	expect_nothing_missing();
}

/* --- many at once ----------------------------------------------------------------------------- */

static void test_bulk(void **state)
{
	static const uint32_t counts[] = { 0, 1, 2, 3, 15, 16, 17, 33, 100, 257 };
	struct kmem_cache *cache;

	(void)state;
	start();
	cache = create(60);
	for (unsigned int i = 0; i < ARRAY_SIZE(counts); i++) {
		uint32_t count = counts[i];
		void *object = kmem_cache_alloc(cache, GFP_KERNEL);

		many[count] = NULL;
		assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL, count, many), count);
		assert_null(many[count]);
		assert_int_equal(objects_live(cache), count + 1);
		for (uint32_t j = 0; j < count; j++)
			fill(many[j], 60, j);
		memset(object, 0, 60);
		for (uint32_t j = 0; j < count; j++)
			expect_filled(many[j], 60, j);
		kmem_cache_free_bulk(i % 2 == 0 ? cache : NULL, count, many);
		assert_int_equal(objects_live(cache), 1);
		kmem_cache_free(cache, object);
		expect_good();
	}
	kmem_cache_destroy(cache);
	expect_nothing_missing();
}

/* None, and those that were there already go back; with live ones beside. */
static void test_bulk_of_more_than_there_is(void **state)
{
	static const size_t sizes[] = { 64, 100, 1000, 4096 };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct kmem_cache *cache;
		uint32_t most;
		void *object;

		start_small();
		cache = create(sizes[i]);
		most = managed() * PAGE_SIZE / (uint32_t)sizes[i] + 1;
		object = kmem_cache_alloc(cache, GFP_KERNEL);
		fill(object, sizes[i], i);
		assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL, most, many), 0);
		assert_int_equal(harness_refusals, 1);
		assert_int_equal(kmem_cache_alloc_bulk(cache, QUIET, most, many), 0);
		assert_int_equal(harness_refusals, 1);
		assert_int_equal(objects_live(cache), 1);
		expect_filled(object, sizes[i], i);
		kmem_cache_free(cache, object);
		kmem_cache_destroy(cache);
		expect_nothing_missing();
	}
}

/* Each knows where it belongs: objects of all caches, pages, and what is nothing. */
static void test_bulk_free_of_anything(void **state)
{
	struct kmem_cache *cache;
	uint32_t count = 0;

	(void)state;
	start();
	cache = create(24);
	for (unsigned int i = 0; i < EDGES; i++) {
		many[count++] = kmalloc(edge(i), GFP_KERNEL);
		many[count++] = kmalloc(edge(i), GFP_DMA);
		many[count++] = kmem_cache_alloc(cache, GFP_KERNEL);
		many[count++] = i % 2 == 0 ? NULL : ZERO_SIZE_PTR;
	}
	kmem_cache_free_bulk(NULL, count, many);
	kmem_cache_destroy(cache);
	expect_nothing_missing();
}

/* --- giving memory back ----------------------------------------------------------------------- */

static void test_shrink(void **state)
{
	static const size_t sizes[] = { 8, 64, 100, 1024, 5000, KMALLOC_MAX_SIZE / 2 };

	(void)state;
	start();
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct kmem_cache *cache = create(sizes[i]);
		uint32_t count = enough(sizes[i]);

		assert_false(kmem_cache_shrink(cache));
		assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL, count, many), count);
		kmem_cache_free_bulk(cache, count, many);
		assert_int_not_equal(cache->store->slabs, 0);
		assert_true(kmem_cache_shrink(cache));
		assert_int_equal(cache->store->slabs, 0);
		magazines_drain_all();
		assert_int_equal(spare(), managed());
		assert_false(kmem_cache_shrink(cache));
		expect_good();
		kmem_cache_destroy(cache);
	}
	expect_nothing_missing();
}

/* Every slab that is left has a live object, and that is as it was. */
static void test_shrink_leaves_what_is_live(void **state)
{
	struct kmem_cache *cache;
	struct page *head = NULL;

	(void)state;
	start();
	cache = create(72);
	for (uint32_t i = 0; i < 3000; i++) {
		many[i] = kmem_cache_alloc(cache, GFP_KERNEL);
		fill(many[i], 72, i);
	}
	for (uint32_t i = 0; i < 3000; i++)
		if (i % 97 != 0)
			kmem_cache_free(cache, many[i]);
	kmem_cache_shrink(cache);
	while ((head = slab_next(cache->store, head)) != NULL)
		assert_true(slab_free_objects(head) < slab_objects(cache->store, head));
	assert_int_equal(objects_live(cache), 31);
	expect_good();
	for (uint32_t i = 0; i < 3000; i += 97) {
		expect_filled(many[i], 72, i);
		kmem_cache_free(cache, many[i]);
	}
	assert_true(kmem_cache_shrink(cache));
	expect_nothing_missing();
}

/* Freeing gives most empty slabs back by itself, but a few that the next request will want. */
static void test_few_empty_slabs_are_kept(void **state)
{
	(void)state;
	start();
	for (unsigned int i = 0; i < KMALLOC_SIZES; i++) {
		const struct cache_store *store = &cache_stores[i];
		uint32_t pages = 512, count = pages * PAGE_SIZE / (uint32_t)classes[i];

		for (uint32_t j = 0; j < count; j++)
			many[j] = kmalloc(classes[i], GFP_KERNEL);
		assert_true(store->slab_pages >= pages);
		kmem_cache_free_bulk(NULL, count, many);
		assert_in_range(store->slab_pages, 1, pages / 8);
		assert_int_not_equal(store->empty_slabs, 0);
		expect_good();
	}
	expect_nothing_missing();
}

/* Pages of slabs in which nothing is live and nothing in a magazine. */
static uint32_t empty_slab_pages(void)
{
	struct page *head = NULL;
	uint32_t pages = 0;

	while ((head = slab_next(NULL, head)) != NULL) {
		uint32_t index = head->flags >> PAGE_WINDOW_SHIFT & PAGE_WINDOW_MASK;

		if (slab_free_objects(head) == slab_objects(&cache_stores[index], head))
			pages += 1U << page_order(head);
	}
	return pages;
}

/* Caches that keep empty slabs and magazines, each with one live object, which is returned. */
static void use_all_classes(void *live[KMALLOC_SIZES])
{
	for (unsigned int i = 0; i < KMALLOC_SIZES; i++) {
		uint32_t count = 12 * PAGE_SIZE / (uint32_t)classes[i];

		for (uint32_t j = 0; j < count; j++)
			many[j] = kmalloc(classes[i], GFP_KERNEL);
		live[i] = many[0];
		fill(live[i], classes[i], i);
		kmem_cache_free_bulk(NULL, count - 1, many + 1);
	}
}

static void free_all_classes(void *live[KMALLOC_SIZES])
{
	for (unsigned int i = 0; i < KMALLOC_SIZES; i++) {
		expect_filled(live[i], classes[i], i);
		kfree(live[i]);
	}
}

/* Who may wait gets all that is not live, from the magazines, too. */
static void test_pressure(void **state)
{
	void *live[KMALLOC_SIZES];
	uint32_t count, left = 0;

	(void)state;
	start_small();
	use_all_classes(live);
	assert_int_not_equal(empty_slab_pages(), 0);
	count = take_all_pages(QUIET);
	expect_good();
	for (unsigned int i = 0; i < KMALLOC_CACHES; i++) {
		left += cache_stores[i].slab_pages;
		assert_int_equal(cache_stores[i].slabs, i < KMALLOC_SIZES ? 1 : 0);
	}
	assert_int_equal(count, managed() - left);
	free_pages_taken(count);
	free_all_classes(live);
	expect_nothing_missing();
}

/* Who may not wait gets what is free for the taking. */
static void test_pressure_by_who_may_not_wait(void **state)
{
	void *live[KMALLOC_SIZES];
	uint32_t count, there;

	(void)state;
	start_small();
	use_all_classes(live);
	assert_int_not_equal(empty_slab_pages(), 0);
	there = spare() + empty_slab_pages();
	count = take_all_pages(GFP_ATOMIC | __GFP_NOWARN);
	assert_int_equal(count, there);
	assert_int_equal(empty_slab_pages(), 0);
	expect_good();
	free_pages_taken(count);
	free_all_classes(live);
	expect_nothing_missing();
}

/* What one cache keeps in empty slabs, another may have before it is refused. */
static void test_pressure_by_another_cache(void **state)
{
	void *object;
	uint32_t count, pages;

	(void)state;
	start_small();
	for (count = 0; count < 2 * PAGE_SIZE / 64; count++)
		many[count] = kmalloc(64, GFP_KERNEL);
	pages = take_all_pages(QUIET);
	assert_null(kmalloc(256, QUIET));
	kmem_cache_free_bulk(NULL, count, many);
	object = kmalloc(256, GFP_KERNEL);
	assert_non_null(object);
	assert_int_equal(harness_refusals, 0);
	kfree(object);
	free_pages_taken(pages);
	expect_nothing_missing();
}

/* --- giving caches up ------------------------------------------------------------------------- */

static struct object_misuse told[16];
static uint32_t told_count;

static void note_all(const struct object_misuse *misuse)
{
	assert_true(told_count < ARRAY_SIZE(told));
	told[told_count++] = *misuse;
}

static bool is_among(uintptr_t address, void **objects, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if ((uintptr_t)objects[i] == address)
			return true;
	return false;
}

/* One report with the number, then one for each of the first eight. */
static void expect_still_live(struct kmem_cache *cache, void **objects, uint32_t live)
{
	uint32_t named = min_u32(live, 8);

	told_count = 0;
	kmem_cache_destroy(cache);
	assert_int_equal(told_count, 1 + named);
	for (uint32_t i = 0; i <= named; i++) {
		assert_int_equal(told[i].kind, CACHE_STILL_LIVE);
		assert_int_equal(told[i].live, live);
		assert_string_equal(told[i].cache, "test");
		if (i == 0)
			continue;
		assert_true(is_among(told[i].address, objects, live));
		for (uint32_t j = 1; j < i; j++)
			assert_int_not_equal(told[i].address, told[j].address);
	}
	expect_good();
}

static void test_destroy_with_live_objects(void **state)
{
	static const uint32_t counts[] = { 300, 9, 8, 7, 1 };
	struct kmem_cache *cache;
	uint32_t live = 400;

	(void)state;
	start();
	object_misuse_hook = note_all;
	cache = create(200);
	assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL, live, many), live);
	for (uint32_t i = 0; i < live; i++)
		fill(many[i], 200, i);
	for (unsigned int i = 0; i < ARRAY_SIZE(counts); i++) {
		while (live > counts[i])
			kmem_cache_free(cache, many[--live]);
		expect_still_live(cache, many, live);
		/* It serves as before. */
		kmem_cache_free(cache, kmem_cache_zalloc(cache, GFP_KERNEL));
		for (uint32_t j = 0; j < live; j++)
			expect_filled(many[j], 200, j);
	}
	kmem_cache_free(cache, many[0]);
	told_count = 0;
	kmem_cache_destroy(cache);
	assert_int_equal(told_count, 0);
	assert_null(kmem_cache_alloc(cache, GFP_KERNEL));
	assert_int_equal(told[0].kind, CACHE_UNKNOWN);
	expect_nothing_missing();
}

static void expect_unknown(const void *cache)
{
	objects_expect(CACHE_UNKNOWN);
	assert_int_equal(objects_last_misuse.address, (uintptr_t)cache);
}

/* Nothing happens but the report. */
static void test_destroy_of_what_is_no_cache(void **state)
{
	struct kmem_cache *cache;
	void *wild[6];

	(void)state;
	start();
	cache = create(100);
	wild[0] = kmem_caches;
	wild[1] = &kmem_caches[KMALLOC_CACHES - 1];
	wild[2] = &kmem_caches[KMEM_CACHES];
	wild[3] = cache->items;
	wild[4] = &kmem_caches[KMEM_CACHES - 1];
	wild[5] = &cache;
	kmem_cache_destroy(NULL);
	for (unsigned int i = 0; i < ARRAY_SIZE(wild); i++) {
		kmem_cache_destroy(wild[i]);
		expect_unknown(wild[i]);
		if (i >= 2) {
			kmem_cache_shrink(wild[i]);
			expect_unknown(wild[i]);
		}
	}
	expect_class(kmalloc(64, GFP_KERNEL), 64, KMALLOC_NORMAL);
	kmem_cache_free(cache, kmem_cache_alloc(cache, GFP_KERNEL));
	kmem_cache_destroy(cache);
	kmem_cache_destroy(cache);
	expect_unknown(cache);
	expect_nothing_missing();
}

/* However often, and whatever the magazine still holds of former times. */
static void test_use_of_a_destroyed_cache(void **state)
{
	struct kmem_cache *cache;
	void *objects[40];

	(void)state;
	start();
	cache = create(64);
	assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL, 40, objects), 40);
	kmem_cache_free_bulk(cache, 40, objects);
	kmem_cache_destroy(cache);
	for (unsigned int i = 0; i < KMEM_CACHE_ITEMS + 2; i++) {
		assert_null(kmem_cache_alloc(cache, GFP_KERNEL));
		expect_unknown(cache);
	}
	assert_null(kmem_cache_zalloc(cache, GFP_KERNEL));
	expect_unknown(cache);
	assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL, 3, objects), 0);
	expect_unknown(cache);
	assert_false(kmem_cache_shrink(cache));
	expect_unknown(cache);
	expect_nothing_missing();
}

/* Freed once more, each is told and stays as it is. */
static void expect_not_owned(struct kmem_cache *cache, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		char before[16];

		memcpy(before, many[i], sizeof(before));
		kfree(many[i]);
		objects_expect(OBJECT_NOT_OWNED);
		kmem_cache_free(cache, many[i]);
		objects_expect(cache->store->name[0] == '\0' ? CACHE_UNKNOWN : OBJECT_NOT_OWNED);
		assert_memory_equal(before, many[i], sizeof(before));
	}
}

/* Objects of a cache that is gone: the memory, which is somebody else's, is not touched. */
static void test_objects_of_a_destroyed_cache(void **state)
{
	static const size_t sizes[] = { 24, 64, 1000, 1024, 5000 };

	(void)state;
	start_small();
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct kmem_cache *cache = create(sizes[i]);
		uint32_t count = enough(sizes[i]), pages;

		assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL, count, many), count);
		kmem_cache_free_bulk(cache, count, many);
		kmem_cache_destroy(cache);
		expect_not_owned(cache, count);
		assert_null(kmem_cache_alloc(cache, GFP_KERNEL));
		expect_unknown(cache);
		pages = take_all_pages(QUIET);
		expect_not_owned(cache, count);
		for (uint32_t j = 0; j < pages; j++)
			expect_bytes(harness_page_data(taken[j]), PAGE_SIZE, 0xee);
		free_pages_taken(pages);
		expect_nothing_missing();
	}
}

/* The same of a slab that went back while its cache stays, wherever in the new block they point. */
static void test_objects_of_a_slab_that_went_back(void **state)
{
	static const size_t sizes[] = { 64, 1000, 1024, 5000 };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct kmem_cache *cache;
		uint32_t count = enough(sizes[i]), pages = 0;
		unsigned int order;

		start_small();
		cache = create(sizes[i]);
		assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL, count, many), count);
		order = page_order(page_of(many[0]));
		kmem_cache_free_bulk(cache, count, many);
		kmem_cache_shrink(cache);
		expect_not_owned(cache, count);
		while ((taken[pages] = alloc_pages(variable(QUIET), order)) != NULL)
			memset(harness_page_data(taken[pages++]), 0xee, PAGE_SIZE << order);
		expect_not_owned(cache, count);
		while (pages > 0) {
			expect_bytes(harness_page_data(taken[--pages]), PAGE_SIZE << order, 0xee);
			__free_pages(taken[pages], order);
		}
		expect_nothing_missing();
	}
}

/* --- when memory is out ----------------------------------------------------------------------- */

/* In the order they came, the other way round, or any. */
enum order { FORWARD, BACKWARD, RANDOM, ORDERS };

static void free_in_order(uint32_t count, enum order order)
{
	uint32_t seed = 19;

	for (uint32_t left = count; left > 0; left--) {
		uint32_t chosen = order == FORWARD    ? count - left
				  : order == BACKWARD ? left - 1
						      : harness_random(&seed) % left;

		kfree(many[chosen]);
		if (order == RANDOM)
			many[chosen] = many[left - 1];
	}
}

static void exhaust(size_t size, enum order order)
{
	struct kmem_cache *cache;
	uint32_t count = 0, slots;

	start_small();
	cache = create(size);
	for (; (many[count] = kmem_cache_alloc(cache, QUIET)) != NULL; count++)
		fill(many[count], size, count);
	expect_good();
	slots = cache->store->objects_each * cache->store->slabs;
	assert_true(count <= slots);
	/* What divides a page leaves not one unused. */
	if (PAGE_SIZE % size == 0)
		assert_int_equal(count, managed() * (PAGE_SIZE / size));
	for (uint32_t i = 0; i < count; i++)
		expect_filled(many[i], size, i);
	free_in_order(count, order);
	assert_int_equal(objects_live(cache), 0);
	kmem_cache_destroy(cache);
	expect_nothing_missing();
}

static void test_exhaustion(void **state)
{
	static const size_t sizes[] = { 8,    16,   40,   64,   100,  192,   512,   1000,  1024,
					2048, 3000, 4096, 4104, 8192, 12288, 16384, 20000, 32768 };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++)
		for (enum order order = 0; order < ORDERS; order++)
			exhaust(sizes[i], order);
}

/* All of kmalloc at once: sizes by chance, until nothing at all is left. */
static void test_exhaustion_by_kmalloc(void **state)
{
	uint32_t seed = 23, count;

	(void)state;
	for (enum order order = 0; order < ORDERS; order++) {
		size_t most = 2 * KMALLOC_MAX_CACHE_SIZE;

		start_small();
		for (count = 0; most > 0;) {
			size_t bytes = 1 + harness_random(&seed) % most;

			many[count] = kmalloc(bytes, QUIET);
			if (many[count] == NULL)
				most = bytes - 1;
			else
				fill(many[count], ksize(many[count]), count), count++;
		}
		assert_null(kmalloc(1, QUIET));
		assert_int_equal(spare(), 0);
		for (uint32_t i = 0; i < count; i++)
			expect_filled(many[i], ksize(many[i]), i);
		free_in_order(count, order);
		expect_nothing_missing();
	}
}

/* Single pages, none beside another: slabs of powers of two do with one page. */
static void test_fragmented_memory(void **state)
{
	static const size_t sizes[] = { 512, 1024, 2048, 4096 };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint32_t pages, kept = 0, count = 0;

		start_small();
		pages = take_all_pages(QUIET);
		for (uint32_t j = 0; j < pages; j++)
			if (page_to_pfn(taken[j]) % 2 == 0)
				taken[kept++] = taken[j];
			else
				__free_page(taken[j]);
		for (; (many[count] = kmalloc(sizes[i], QUIET)) != NULL; count++)
			fill(many[count], sizes[i], count);
		assert_int_equal(count, (pages - kept) * (PAGE_SIZE / sizes[i]));
		for (uint32_t j = 0; j < count; j++)
			expect_filled(many[j], sizes[i], j);
		expect_good();
		assert_null(kmalloc(KMALLOC_MAX_CACHE_SIZE, QUIET));
		free_in_order(count, RANDOM);
		assert_null(kmalloc(KMALLOC_MAX_CACHE_SIZE, QUIET));
		free_pages_taken(kept);
		expect_nothing_missing();
	}
}

/* A refused try at a larger slab is nobody's business; the refusal that counts is told once. */
static void test_refusals_are_told_once(void **state)
{
	uint32_t pages;

	(void)state;
	start_small();
	pages = take_all_pages(QUIET);
	assert_null(kmalloc(1024, GFP_KERNEL));
	assert_int_equal(harness_refusals, 1);
	assert_int_equal(harness_last_refusal.order, 0);
	assert_null(kmalloc(2 * KMALLOC_MAX_CACHE_SIZE, GFP_KERNEL));
	assert_int_equal(harness_refusals, 2);
	assert_null(kmalloc(64, QUIET));
	assert_null(kzalloc(64, QUIET));
	assert_null(kstrdup("text", QUIET));
	assert_int_equal(harness_refusals, 2);
	free_pages_taken(pages);
	expect_nothing_missing();
}

/* --- one refusal at a time -------------------------------------------------------------------- */

/* What a driver might have; NULL where it was refused. */
struct goods {
	struct kmem_cache *cache;
	void *bulk[40];
	size_t bulk_count;
	void *objects[EDGES];
	char *text, *grown;
};

/* Returns how many requests were refused. */
static uint32_t buy(struct goods *goods)
{
	uint32_t refused = 0;
	char *grown;

	goods->cache = create(500);
	goods->bulk_count = kmem_cache_alloc_bulk(goods->cache, QUIET, 40, goods->bulk);
	refused += goods->bulk_count == 0;
	for (unsigned int i = 0; i < EDGES; i++) {
		goods->objects[i] = kmalloc(edge(i), QUIET);
		if (goods->objects[i] != NULL)
			fill(goods->objects[i], edge(i), i);
		refused += goods->objects[i] == NULL;
	}
	goods->text = kstrdup("some text", QUIET);
	refused += goods->text == NULL;
	goods->grown = kzalloc(100, QUIET);
	refused += goods->grown == NULL;
	for (size_t bytes = 200; bytes < KMALLOC_MAX_SIZE; bytes *= 2) {
		grown = krealloc(goods->grown, bytes, QUIET | __GFP_ZERO);
		if (grown != NULL)
			goods->grown = grown;
		refused += grown == NULL;
	}
	return refused;
}

static void sell(struct goods *goods)
{
	kmem_cache_free_bulk(goods->cache, goods->bulk_count, goods->bulk);
	for (unsigned int i = 0; i < EDGES; i++)
		if (goods->objects[i] != NULL) {
			expect_filled(goods->objects[i], edge(i), i);
			kfree(goods->objects[i]);
		}
	if (goods->text != NULL)
		assert_string_equal(goods->text, "some text");
	kfree(goods->text);
	if (goods->grown != NULL)
		expect_bytes(goods->grown, 100, 0);
	kfree(goods->grown);
	kmem_cache_destroy(goods->cache);
}

/* The first request refused, then the second and so on, until all are served. */
static void test_each_object_refused(void **state)
{
	struct goods goods;

	(void)state;
	start();
	for (unsigned int n = 1; true; n++) {
		uint32_t refused;
		char which[16];

		snprintf(which, sizeof(which), "nth:%u", n);
		refuse_objects(which);
		refused = buy(&goods);
		assert_int_equal(refused, object_fail.failed);
		refuse_nothing();
		sell(&goods);
		expect_nothing_missing();
		if (refused == 0) {
			/* Each that is no whole pages has passed. */
			assert_true(n > 40 + 3 * KMALLOC_SIZES);
			break;
		}
	}
}

static void test_each_block_refused(void **state)
{
	struct goods goods;

	(void)state;
	start();
	for (unsigned int n = 1; true; n++) {
		uint32_t refused, failed;
		char which[16];

		snprintf(which, sizeof(which), "nth:%u", n);
		refuse_pages(which);
		refused = buy(&goods);
		failed = page_fail.failed;
		/* Of a refused try at a large slab nobody hears. */
		assert_true(refused <= failed);
		expect_good();
		refuse_nothing();
		sell(&goods);
		expect_nothing_missing();
		if (failed == 0) {
			assert_true(n > KMALLOC_SIZES);
			break;
		}
	}
}

/* --- interrupts ------------------------------------------------------------------------------- */

static void expect_interrupts(uint32_t flags)
{
	assert_int_equal(double_irq_flags, flags);
}

/* By whatever way a call goes, interrupts are afterwards as they were. */
static void use_with_interrupts(uint32_t flags)
{
	double_irq_flags = flags;
	for (unsigned int i = 0; i < EDGES; i++) {
		for (uint32_t j = 0; j < 60; j++) {
			many[j] = kmalloc(edge(i), variable(GFP_ATOMIC | __GFP_NOWARN));
			expect_interrupts(flags);
		}
		for (uint32_t j = 0; j < 60; j++) {
			kfree(many[j]);
			expect_interrupts(flags);
		}
		many[0] = krealloc(kzalloc(100, GFP_ATOMIC), edge(i), GFP_ATOMIC | __GFP_NOWARN);
		expect_interrupts(flags);
		kfree(many[0]);
	}
	assert_null(kmalloc(KMALLOC_MAX_SIZE + 1, QUIET));
	kmem_cache_alloc_bulk(kmem_caches, GFP_ATOMIC, 100, many);
	expect_interrupts(flags);
	kmem_cache_free_bulk(NULL, 100, many);
	kfree(NULL);
	expect_interrupts(flags);
	double_irq_flags = 0;
}

static void test_interrupts_are_as_before(void **state)
{
	(void)state;
	start();
	use_with_interrupts(0);
	expect_nothing_missing();
	use_with_interrupts(DOUBLE_IRQ_MASKED);
	expect_nothing_missing();
}

#define HANDLED_MOST 40U

static struct {
	bool inside;
	uint32_t seed, calls, count;
	void *objects[HANDLED_MOST];
} handler;

/* Takes and gives objects of the classes that the test uses, with interrupts masked. */
static void handle(void)
{
	if (handler.inside || handler.calls++ % 7 != 0)
		return;
	handler.inside = true;
	double_irq_flags = DOUBLE_IRQ_MASKED;
	if (handler.count < HANDLED_MOST && harness_random(&handler.seed) % 2 == 0) {
		void *object =
			kmalloc(1 + harness_random(&handler.seed) % 300, variable(GFP_ATOMIC));

		assert_non_null(object);
		fill(object, ksize(object), 77);
		handler.objects[handler.count++] = object;
	} else if (handler.count > 0) {
		void *object = handler.objects[--handler.count];

		expect_filled(object, ksize(object), 77);
		kfree(object);
	}
	double_irq_flags = 0;
	handler.inside = false;
}

/* At every place where interrupts are let in, a handler uses the same caches. */
static void test_handlers_in_between(void **state)
{
	uint32_t seed = 31, count = 0;

	(void)state;
	start();
	memset(&handler, 0, sizeof(handler));
	handler.seed = 37;
	double_irq_unmasked = handle;
	for (unsigned int step = 0; step < 40000; step++) {
		if (count < 700 && harness_random(&seed) % 100 < (step / 4000 % 2 == 0 ? 60 : 40)) {
			many[count] = kmalloc(1 + harness_random(&seed) % 300, GFP_KERNEL);
			fill(many[count], ksize(many[count]), 3);
			count++;
		} else if (count > 0) {
			count--;
			expect_filled(many[count], ksize(many[count]), 3);
			kfree(many[count]);
		}
		if (step % 5000 == 0)
			objects_shrink_all();
	}
	double_irq_unmasked = NULL;
	assert_true(handler.calls > 40000);
	kmem_cache_free_bulk(NULL, count, many);
	kmem_cache_free_bulk(NULL, handler.count, handler.objects);
	expect_nothing_missing();
}

/* --- as heaps are tested ---------------------------------------------------------------------- */

/* LittleKernel's: what was taken from the system for a large block goes back to it. */
static void test_large_memory_goes_back_at_once(void **state)
{
	(void)state;
	start();
	for (size_t bytes = KMALLOC_MAX_CACHE_SIZE + 1; bytes <= KMALLOC_MAX_SIZE; bytes *= 2) {
		void *memory = kmalloc(bytes, GFP_KERNEL);

		assert_int_equal(managed() - spare(), class_of(bytes) / PAGE_SIZE);
		memset(memory, 0xee, ksize(memory));
		kfree(memory);
		assert_int_equal(spare(), managed());
	}
	expect_nothing_missing();
}

/* Blocks with a token at both ends: who writes too far, or gets a part of another, breaks one. */
struct block {
	size_t bytes;
	uint32_t token;
	char *memory;
};

static struct block blocks[SMALL_PAGES * PAGE_SIZE / KMALLOC_MIN_SIZE];

static bool take_block(struct block *block, uint32_t token, size_t bytes)
{
	block->memory = kmalloc(bytes, QUIET);
	if (block->memory == NULL)
		return false;
	block->bytes = bytes;
	block->token = token;
	memcpy(block->memory, &token, sizeof(token));
	memcpy(block->memory + bytes - sizeof(token), &token, sizeof(token));
	return true;
}

static void give_block(const struct block *block)
{
	size_t end = block->bytes - sizeof(block->token);

	assert_memory_equal(block->memory, &block->token, sizeof(block->token));
	assert_memory_equal(block->memory + end, &block->token, sizeof(block->token));
	kfree(block->memory);
}

/* Most small, some large, as programs ask. */
static size_t some_bytes(uint32_t *seed)
{
	static const uint32_t most[] = { 50, 50, 200, 200, 200, 1000, 1000, 4000, 9000, 30000 };

	return 2 * sizeof(uint32_t) +
	       harness_random(seed) % most[harness_random(seed) % ARRAY_SIZE(most)];
}

/* Blocks come and go by chance around a fill of so many percent of all memory. */
static void stress(uint32_t percent, uint32_t seed)
{
	size_t target = (size_t)managed() * PAGE_SIZE / 100 * percent, used = 0;
	uint32_t count = 0, refused = 0;

	for (uint32_t step = 0; step < 20000; step++) {
		size_t bytes = some_bytes(&seed);

		if (used + bytes <= target && take_block(&blocks[count], step, bytes)) {
			used += blocks[count++].bytes;
			continue;
		}
		refused += used + bytes <= target;
		for (uint32_t i = 0; i < 3 && count > 0; i++) {
			uint32_t chosen = harness_random(&seed) % count;

			give_block(&blocks[chosen]);
			used -= blocks[chosen].bytes;
			blocks[chosen] = blocks[--count];
		}
		if (step % 4000 == 0)
			expect_good();
	}
	/* Half of memory is always to be had; all of it never, for sizes are rounded up. */
	if (percent >= 100)
		assert_int_not_equal(refused, 0);
	else
		assert_true(refused < 200);
	while (count > 0)
		give_block(&blocks[--count]);
	expect_nothing_missing();
}

static void test_stress(void **state)
{
	static const uint32_t percents[] = { 5, 50, 100 };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(percents); i++)
		for (uint32_t seed = 1; seed <= 3; seed++) {
			start_small();
			stress(percents[i], seed);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_constant_sizes),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_too_much),
		cmocka_unit_test(test_array_that_overflows),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_dma_memory_ends),
		cmocka_unit_test(test_flags_that_objects_cannot_have),
		cmocka_unit_test(test_large_memory_that_is_held),
		cmocka_unit_test(test_large_memory_asked_for_as_compound),
		cmocka_unit_test(test_no_line_is_shared),
		cmocka_unit_test(test_zeroed_memory),
		cmocka_unit_test(test_zeroed_objects),
		cmocka_unit_test(test_zeroing_leaves_neighbours),
		cmocka_unit_test(test_what_was_freed_last_comes_first),
		cmocka_unit_test(test_resizing_nothing),
		cmocka_unit_test(test_resizing),
		cmocka_unit_test(test_growing_step_by_step),
		cmocka_unit_test(test_resizing_an_object_of_a_cache),
		cmocka_unit_test(test_growing_with_zeroes),
		cmocka_unit_test(test_growing_that_is_refused),
		cmocka_unit_test(test_copies_of_strings),
		cmocka_unit_test(test_refused_caches),
		cmocka_unit_test(test_full_table),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_cache_sizes_and_alignments),
		cmocka_unit_test(test_alignment_to_cache_lines),
		cmocka_unit_test(test_cache_of_a_structure),
		cmocka_unit_test(test_objects_in_a_slab),
		cmocka_unit_test(test_where_slabs_come_from),
		cmocka_unit_test(test_flags_that_a_cache_cannot_fulfil),
		cmocka_unit_test(test_constructors),
		cmocka_unit_test(test_bulk),
		cmocka_unit_test(test_bulk_of_more_than_there_is),
		cmocka_unit_test(test_bulk_free_of_anything),
		cmocka_unit_test(test_shrink),
		cmocka_unit_test(test_shrink_leaves_what_is_live),
		cmocka_unit_test(test_few_empty_slabs_are_kept),
		cmocka_unit_test(test_pressure),
		cmocka_unit_test(test_pressure_by_who_may_not_wait),
		cmocka_unit_test(test_pressure_by_another_cache),
		cmocka_unit_test(test_destroy_with_live_objects),
		cmocka_unit_test(test_destroy_of_what_is_no_cache),
		cmocka_unit_test(test_use_of_a_destroyed_cache),
		cmocka_unit_test(test_objects_of_a_destroyed_cache),
		cmocka_unit_test(test_objects_of_a_slab_that_went_back),
		cmocka_unit_test(test_exhaustion),
		cmocka_unit_test(test_exhaustion_by_kmalloc),
		cmocka_unit_test(test_fragmented_memory),
		cmocka_unit_test(test_refusals_are_told_once),
		cmocka_unit_test(test_each_object_refused),
		cmocka_unit_test(test_each_block_refused),
		cmocka_unit_test(test_interrupts_are_as_before),
		cmocka_unit_test(test_handlers_in_between),
		cmocka_unit_test(test_large_memory_goes_back_at_once),
		cmocka_unit_test(test_stress),
	};

	return cmocka_run_group_tests_name("objects", tests, NULL, NULL);
}

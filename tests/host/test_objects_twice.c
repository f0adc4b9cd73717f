/* SPDX-License-Identifier: MIT */
/*
 * Freed twice in every way that could get past the mark: by a handler in between, with a write in
 * between, while the slab is being made or given back. Whatever happens, no object has two owners, what
 * is live is not written to, and the counts are exact.
 */
#include "object_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "arch/irqflags.h"

/* --- a handler frees it as well --------------------------------------------------------------- */

static void *shared;

static void free_shared(void)
{
	void *object = shared;

	shared = NULL;
	if (object != NULL)
		kfree(object);
}

/* All objects from now on are different ones, and none is in use already. */
static void expect_no_two_owners(size_t bytes, const void *live)
{
	void *objects[100];

	for (unsigned int i = 0; i < ARRAY_SIZE(objects); i++) {
		objects[i] = kmalloc(bytes, GFP_KERNEL);
		assert_non_null(objects[i]);
		assert_ptr_not_equal(objects[i], live);
		for (unsigned int j = 0; j < i; j++)
			assert_ptr_not_equal(objects[i], objects[j]);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(objects); i++)
		kfree(objects[i]);
}

static void free_beside_handler(const char *slab_debug, size_t bytes)
{
	void *object;

	objects_start(NULL, slab_debug);
	object = kmalloc(bytes, GFP_KERNEL);
	shared = object;
	double_irq_unmasked = free_shared;
	kfree(object);
	double_irq_unmasked = NULL;
	objects_expect(bytes <= KMALLOC_MAX_CACHE_SIZE ? OBJECT_FREED_TWICE : OBJECT_NOT_OWNED);
	assert_int_equal(harness_misuses, 0);
	expect_no_two_owners(bytes, NULL);
	assert_int_equal(objects_misuses, 0);
	objects_check(NULL);
}

static void test_handler_frees_as_well(void **state)
{
	static const char *const watched[] = { NULL, "U", "F", "FZPU" };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(watched); i++) {
		free_beside_handler(watched[i], 64);
		free_beside_handler(watched[i], 8192);
		free_beside_handler(watched[i], 20000);
	}
}

/* While a slab is made of a page that held the object before: what is old in it is no live object. */
static struct kmem_cache *cache;
static unsigned int constructed;

static void free_stale_in_the_middle(void *object)
{
	void *stale = shared;

	(void)object;
	if (++constructed != 3 || stale == NULL)
		return;
	shared = NULL;
	kmem_cache_free(cache, stale);
}

static void test_freed_while_its_slab_is_made(void **state)
{
	void *objects[36], *stale;

	(void)state;
	objects_start(NULL, NULL);
	cache = kmem_cache_create("made", 100, 0, 0, free_stale_in_the_middle);
	stale = kmem_cache_alloc(cache, GFP_KERNEL);
	kmem_cache_free(cache, stale);
	kmem_cache_shrink(cache);
	memset(stale, 0x55, 128); /* somebody else's use of the page */
	shared = stale;
	constructed = 0;
	for (unsigned int i = 0; i < ARRAY_SIZE(objects); i++)
		objects[i] = kmem_cache_alloc(cache, GFP_KERNEL);
	objects_expect(OBJECT_FREED_TWICE);
	for (unsigned int i = 0; i < ARRAY_SIZE(objects); i++)
		for (unsigned int j = 0; j < i; j++)
			assert_ptr_not_equal(objects[i], objects[j]);
	objects_check(NULL);
}

/* --- with a write in between ---------------------------------------------------------------------- */

/* The second free cannot be told from a first. Who gets it then keeps it, unharmed and alone. */
static void test_written_between_two_frees(void **state)
{
	uint32_t *object, *owner;

	(void)state;
	objects_start(NULL, NULL);
	object = kmalloc(64, GFP_KERNEL);
	kfree(object);
	object[0] = 1;
	kfree(object);
	owner = kmalloc(64, GFP_KERNEL);
	assert_ptr_equal(owner, object);
	owner[0] = 0x1234;
	expect_no_two_owners(64, owner);
	objects_expect(OBJECT_WRITTEN_AFTER_FREE);
	assert_int_equal(owner[0], 0x1234);
	kfree(owner); /* out of use by now: nobody shall get it */
	objects_expect(OBJECT_FREED_TWICE);
	expect_no_two_owners(64, owner);
	objects_check(NULL);
}

/* Both copies go back to the slab: the second one is there already. */
static void test_both_are_drained(void **state)
{
	struct object_check_result result;
	uint32_t *object, *live, irq;

	(void)state;
	objects_start(NULL, NULL);
	live = kmalloc(64, GFP_KERNEL);
	object = kmalloc(64, GFP_KERNEL);
	kfree(object);
	object[0] = 1;
	kfree(object);
	irq = local_irq_save();
	magazine_give(&kmem_caches[0], UINT32_MAX);
	local_irq_restore(irq);
	objects_expect(OBJECT_FREED_TWICE);
	assert_int_equal(objects_last_misuse.address, (uintptr_t)object);
	objects_check(&result);
	assert_int_equal(result.live, 1);
	expect_no_two_owners(64, live);
	kfree(live);
	kmem_cache_shrink(&kmem_caches[0]);
	objects_check(&result);
	assert_int_equal(result.objects, 0);
}

/* One that was found and set aside stays there, whatever is written to it. */
static void test_set_aside_for_good(void **state)
{
	struct object_check_result result;
	uint32_t *object;

	(void)state;
	objects_start(NULL, NULL);
	object = kmalloc(64, GFP_KERNEL);
	kfree(object);
	object[0] = 1;
	expect_no_two_owners(64, object);
	objects_expect(OBJECT_WRITTEN_AFTER_FREE);
	for (uint32_t value = 2; value < 5; value++) {
		object[0] = value;
		kfree(object);
		objects_expect(OBJECT_FREED_TWICE);
		expect_no_two_owners(64, object);
	}
	kmem_cache_shrink(&kmem_caches[0]);
	objects_check(&result);
	assert_int_equal(result.quarantined, 1);
	assert_int_equal(result.live, 0);
}

/* --- caches that are none ------------------------------------------------------------------------- */

static void expect_no_cache(struct kmem_cache *none)
{
	void *objects[3], *object = kmalloc(64, GFP_KERNEL);

	for (unsigned int i = 0; i < 100; i++) {
		assert_null(kmem_cache_alloc(none, GFP_KERNEL));
		objects_expect(CACHE_UNKNOWN);
	}
	assert_int_equal(kmem_cache_alloc_bulk(none, GFP_KERNEL, 3, objects), 0);
	objects_expect(CACHE_UNKNOWN);
	kmem_cache_free(none, object);
	objects_expect(CACHE_UNKNOWN);
	kmem_cache_destroy(none);
	objects_expect(CACHE_UNKNOWN);
	assert_int_equal(kmem_cache_size(none), 0);
	kfree(object);
	assert_int_equal(objects_misuses, 0);
	objects_check(NULL);
}

static void test_caches_that_are_none(void **state)
{
	struct kmem_cache *destroyed;

	(void)state;
	objects_start(NULL, NULL);
	expect_no_cache(&kmem_caches[KMEM_CACHES - 1]); /* there never was one */
	destroyed = kmem_cache_create("destroyed", 100, 0, 0, NULL);
	kmem_cache_free(destroyed, kmem_cache_alloc(destroyed, GFP_KERNEL));
	kmem_cache_destroy(destroyed);
	kmem_cache_destroy(destroyed);
	objects_expect(CACHE_UNKNOWN);
}

/* --- a try for a larger slab gives nothing up ------------------------------------------------------ */

static void test_a_try_gives_nothing_up(void **state)
{
	static struct page *pages[20000];
	struct kmem_cache *other;
	uint32_t count = 0, cached_pages, irq;

	(void)state;
	objects_start(NULL, NULL);
	other = kmem_cache_create("other", 64, 0, 0, NULL);
	for (struct page *page; (page = alloc_pages(GFP_KERNEL | __GFP_NOWARN, 0)) != NULL;)
		pages[count++] = page;
	/* Every other page: none has its neighbour. */
	for (uint32_t i = 0; i < count; i++)
		if (page_to_pfn(pages[i]) % 2 == 1)
			__free_pages(pages[i], 0);
	kmem_cache_free(other, kmem_cache_alloc(other, GFP_KERNEL));
	irq = local_irq_save();
	magazine_give(other, UINT32_MAX);
	local_irq_restore(irq);
	assert_int_equal(other->store->empty_slabs, 1);
	cached_pages = magazines_cached_pages(ZONE_NORMAL);
	assert_non_null(kmalloc(2048, GFP_ATOMIC));
	assert_int_equal(other->store->empty_slabs, 1);
	assert_true(magazines_cached_pages(ZONE_NORMAL) + 1 >= cached_pages);
	objects_check(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handler_frees_as_well),
		cmocka_unit_test(test_freed_while_its_slab_is_made),
		cmocka_unit_test(test_written_between_two_frees),
		cmocka_unit_test(test_both_are_drained),
		cmocka_unit_test(test_set_aside_for_good),
		cmocka_unit_test(test_caches_that_are_none),
		cmocka_unit_test(test_a_try_gives_nothing_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Watched caches: what slab_debug= means, that each letter finds what it says and where, that memory
 * is put right and everything goes on, and that watched memory is as good as any other.
 */
#include "object_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "arch/irqflags.h"
#include "mm/obj/object.h"

#define ALL_FLAGS (SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER)
#define F         SLAB_CONSISTENCY_CHECKS
#define Z         SLAB_RED_ZONE
#define P         SLAB_POISON
#define U         SLAB_STORE_USER

/* Small, so that looking at all of it takes no time. */
static const struct harness_machine small = {
	.zone_pages = { [ZONE_DMA] = 1024, [ZONE_NORMAL] = 3072 },
};

static void start(const char *text)
{
	objects_start(&small, text);
	harness_clear_watermarks();
}

#define CONSTRUCTED 0xc7

static uint32_t constructed_bytes, constructed_objects;

static void construct(void *object)
{
	memset(object, CONSTRUCTED, constructed_bytes);
	constructed_objects++;
}

static void *take(struct kmem_cache *cache)
{
	void *object = kmem_cache_alloc(cache, GFP_KERNEL);

	assert_non_null(object);
	return object;
}

static struct kmem_cache *create(size_t size, size_t align)
{
	return kmem_cache_create("watched", size, align, 0, NULL);
}

/* All that was found is expected, and both walkers are content. */
static void finish(void)
{
	assert_int_equal(objects_misuses, 0);
	assert_int_equal(harness_misuses, 0);
	objects_check(NULL);
}

static uint32_t quarantined(void)
{
	struct object_check_result result;

	objects_check(&result);
	assert_int_equal(result.objects,
			 result.live + result.listed + result.cached + result.quarantined);
	return result.quarantined;
}

static void expect_all_memory_back(void)
{
	objects_shrink_all();
	for (enum zone_type zone = 0; zone < MAX_NR_ZONES; zone++)
		assert_int_equal(harness_spare_pages(zone), zones[zone].managed_pages);
	finish();
}

/* --- what slab_debug= means --------------------------------------------------------------------- */

static void test_texts(void **state)
{
	static const struct {
		const char *text, *name;
		bool constructor;
		uint32_t flags;
	} cases[] = {
		{ "-", "any", false, 0 },
		{ "-", "kmalloc-64", false, 0 },
		{ NULL, "any", false, ALL_FLAGS },
		{ NULL, "any", true, F | Z | U },
		{ "F", "any", false, F },
		{ "Z", "any", false, Z },
		{ "P", "any", false, P },
		{ "P", "any", true, 0 },
		{ "U", "any", true, U },
		{ "f", "any", false, F },
		{ "zpu", "any", false, Z | P | U },
		{ "FF", "any", false, F },
		{ "UPZF", "any", false, ALL_FLAGS },
		{ "FZ", "any", true, F | Z },
		{ "FZ,one", "one", false, F | Z },
		{ "FZ,one", "on", false, 0 },
		{ "FZ,one", "one2", false, 0 },
		{ "FZ,one", "One", false, 0 },
		{ "FZ,one,two", "two", false, F | Z },
		{ "FZ,one,two", "one,two", false, 0 },
		{ "FZ,one*", "one", false, F | Z },
		{ "FZ,one*", "one2", false, F | Z },
		{ "FZ,one*", "on", false, 0 },
		{ "FZ,one*", "anyone", false, 0 },
		{ "FZ,*", "any", false, F | Z },
		{ ",one", "one", false, ALL_FLAGS },
		{ ",one", "two", false, 0 },
		{ "FZ,kmalloc-*;P", "kmalloc-64", false, F | Z },
		{ "FZ,kmalloc-*;P", "kmalloc-rcl-64", false, F | Z },
		{ "FZ,kmalloc-*;P", "dma-kmalloc-64", false, P },
		{ "FZPU,kmalloc-*,request;P", "request", false, ALL_FLAGS },
		{ "FZPU,kmalloc-*,request;P", "requests", false, P },
		{ "-,one;FZ", "one", false, 0 },
		{ "-,one;FZ", "two", false, F | Z },
		{ "F,one;Z,one;P,two", "one", false, F },
		{ "F,one;Z,one;P,two", "two", false, P },
		{ "F,one;Z,one;P,two", "three", false, 0 },
		{ "F;Z,one", "one", false, Z }, /* a group without names is for the others, */
		{ "F;Z,one", "two", false, F },
		{ "F;Z", "two", false, Z }, /* the last one, */
		{ "FZ,one;", "one", false, F | Z },
		{ "FZ,one;", "two", false, 0 }, /* and an empty group is none */
	};

	(void)state;
	start(NULL);
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_null(slab_debug_parse(cases[i].text));
		assert_int_equal(slab_debug_flags(cases[i].name, cases[i].constructor),
				 cases[i].flags);
	}
	finish();
}

/* Refused as a whole: what was set before stays. */
static void test_texts_that_are_refused(void **state)
{
	static const char *const texts[] = { "X",   "FX",          "XF",       " F",        "F ",
					     "F-",  "--",          "-F",       "A",         "1",
					     "F;X", "F,one;X,two", "F,one;-Z", "FZPUT,one", "*" };
	char large[129];

	(void)state;
	start(NULL);
	memset(large, 'n', sizeof(large));
	memcpy(large, "F,", 2);
	for (unsigned int i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_null(slab_debug_parse("Z,one;P"));
		assert_non_null(slab_debug_parse(texts[i]));
		assert_int_equal(slab_debug_flags("one", false), Z);
		assert_int_equal(slab_debug_flags("two", false), P);
	}
	large[128] = '\0';
	assert_non_null(slab_debug_parse(large));
	assert_int_equal(slab_debug_flags("one", false), Z);
	large[127] = '\0';
	assert_null(slab_debug_parse(large));
	assert_int_equal(slab_debug_flags(large + 2, false), F);
	assert_int_equal(slab_debug_flags("one", false), 0);
	finish();
}

/* Which caches have closed magazines is what was asked for; kmalloc's are made from it, too. */
static void test_caches_that_are_named(void **state)
{
	struct kmem_cache *one, *two;

	(void)state;
	start("FZ,kmalloc-64,one;U,dma-*");
	one = kmem_cache_create("one", 100, 0, 0, NULL);
	two = kmem_cache_create("two", 100, 0, 0, NULL);
	assert_int_equal(one->store->flags & ALL_FLAGS, F | Z);
	assert_int_equal(two->store->flags & ALL_FLAGS, 0);
	for (unsigned int i = 0; i < KMALLOC_KINDS * KMALLOC_SIZES; i++) {
		uint32_t flags = i == 0 ? F | Z : i / KMALLOC_SIZES == KMALLOC_DMA ? U : 0;

		assert_int_equal(cache_stores[i].flags & ALL_FLAGS, flags);
		assert_int_equal(cache_is_watched(&cache_stores[i]), flags != 0);
	}
	kmem_cache_free(one, take(one));
	kmem_cache_free(two, take(two));
	kfree(kmalloc(60, GFP_KERNEL));
	kfree(kmalloc(100, GFP_KERNEL));
	assert_int_equal(magazine_count(one) + magazine_count(&kmem_caches[0]), 0);
	assert_int_not_equal(magazine_count(two), 0);
	assert_int_not_equal(magazine_count(&kmem_caches[1]), 0);
	/* a cache stays as it was made */
	assert_null(slab_debug_parse("-"));
	assert_true(cache_is_watched(one->store));
	finish();
}

/* Who makes a cache may ask for it as well. */
static void test_caches_that_ask_for_it(void **state)
{
	static const uint32_t flags[] = { F, Z, P, U };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(flags); i++) {
		struct kmem_cache *cache, *constructed;

		start(NULL);
		assert_null(slab_debug_parse("-"));
		cache = kmem_cache_create("asks", 40, 0, flags[i], NULL);
		constructed_bytes = 40;
		constructed = kmem_cache_create("constructed", 40, 0, flags[i], construct);
		assert_int_equal(cache->store->flags & ALL_FLAGS, flags[i]);
		assert_int_equal(constructed->store->flags & ALL_FLAGS, flags[i] & ~P);
		for (unsigned int j = 0; j < 300; j++) {
			uint8_t *object = take(constructed);

			memset(take(cache), 0xee, 40);
			assert_int_equal(object[0], CONSTRUCTED);
			assert_int_equal(object[39], CONSTRUCTED);
			if (j % 2)
				kfree(object);
		}
		finish();
	}
}

/* --- every byte of a slot ----------------------------------------------------------------------- */

/* What a byte beside an object must be, or inside one that is free. */
struct byte_rule {
	bool known; /* else anything may be there */
	enum object_misuse_kind kind;
	uint8_t value;
};

static uint32_t padding_start(const struct cache_store *store)
{
	return store->record_bytes + 8 +
	       ((store->flags & U) != 0 ? 2 * (uint32_t)sizeof(struct owner_stack) : 0);
}

static struct byte_rule rule_of(const struct cache_store *store, int32_t at, bool live,
				uint32_t asked)
{
	uint8_t zone = live ? RED_ZONE_ALLOCATED : RED_ZONE_FREE;
	bool red = (store->flags & Z) != 0, poison = (store->flags & P) != 0;
	int32_t object = (int32_t)store->object_bytes, used = live ? (int32_t)asked : object;

	if (at < 0)
		return (struct byte_rule){ red, OBJECT_LEFT_RED_ZONE, zone };
	if (at < used)
		return (struct byte_rule){ poison && !live, OBJECT_WRITTEN_AFTER_FREE,
					   at == object - 1 ? POISON_END : POISON_FREE };
	if (at < (int32_t)store->mark_bytes)
		return (struct byte_rule){ red, OBJECT_RIGHT_RED_ZONE, zone };
	if (at < (int32_t)padding_start(store))
		return (struct byte_rule){ false, OBJECT_MISUSES, 0 };
	return (struct byte_rule){ poison, OBJECT_PADDING, POISON_PADDING };
}

/* One byte is wrong. */
static void expect_byte(const struct byte_rule *rule, const struct kmem_cache *cache,
			const uint8_t *object, int32_t at, uint8_t found)
{
	const struct object_misuse *misuse = &objects_last_misuse;

	objects_expect(rule->kind);
	assert_string_equal(misuse->cache, cache->store->name);
	assert_int_equal(misuse->object, (uintptr_t)object);
	assert_int_equal(misuse->address, (uintptr_t)object);
	assert_int_equal(misuse->bytes, cache->store->object_bytes);
	assert_int_equal(misuse->offset, at);
	assert_int_equal(misuse->wrong_bytes, 1);
	assert_int_equal(misuse->found[0], found);
	assert_int_equal(misuse->expected[0], rule->value);
}

/* Found by slab_debug_validate, put right, and not found again. */
static void damage_for_validate(struct kmem_cache *cache, uint8_t *object, int32_t at, bool live,
				uint32_t asked)
{
	struct byte_rule rule = rule_of(cache->store, at, live, asked);

	if (!rule.known)
		return;
	assert_int_equal(object[at], rule.value);
	object[at] ^= 0x11;
	assert_int_equal(slab_debug_validate(cache), 1);
	expect_byte(&rule, cache, object, at, rule.value ^ 0x11);
	assert_int_equal(object[at], rule.value);
	assert_int_equal(slab_debug_validate(cache), 0);
}

static uint8_t *take_asked(struct kmem_cache *cache, uint32_t asked)
{
	uint8_t *object;

	if (cache_index(cache->store) >= KMALLOC_KINDS * KMALLOC_SIZES)
		return take(cache);
	object = kmalloc_of_cache(cache, GFP_KERNEL, asked);
	assert_non_null(object);
	return object;
}

/* A live object that is damaged is told of when it is freed; it is as good as new afterwards. */
static uint8_t *damage_for_free(struct kmem_cache *cache, uint8_t *object, int32_t at,
				uint32_t asked)
{
	struct byte_rule rule = rule_of(cache->store, at, true, asked);
	uint8_t *again;

	if (!rule.known)
		return object;
	object[at] ^= 0x11;
	kfree(object);
	expect_byte(&rule, cache, object, at, rule.value ^ 0x11);
	assert_int_equal(slab_debug_validate(cache), 0);
	again = take_asked(cache, asked);
	assert_ptr_equal(again, object);
	assert_int_equal(objects_misuses, 0);
	return again;
}

/* A free one when it is taken: then it is kept out of use if it was the object that was written to. */
static uint8_t *damage_for_alloc(struct kmem_cache *cache, uint8_t *object, int32_t at,
				 uint32_t asked)
{
	struct byte_rule rule = rule_of(cache->store, at, false, asked);
	uint32_t before = cache->store->quarantined;
	bool lost = rule.kind == OBJECT_WRITTEN_AFTER_FREE;
	uint8_t *again;

	if (!rule.known)
		return object;
	kfree(object);
	object[at] ^= 0x11;
	again = take_asked(cache, asked);
	expect_byte(&rule, cache, object, at, rule.value ^ 0x11);
	assert_int_equal(again != object, lost);
	assert_int_equal(cache->store->quarantined, before + lost);
	if (lost) {
		kfree(object);
		objects_expect(OBJECT_FREED_TWICE);
	}
	return again;
}

static void damage_each_byte(struct kmem_cache *cache, uint32_t asked)
{
	struct cache_store *store = cache->store;
	int32_t from = -(int32_t)store->left_bytes;
	int32_t to = from + (int32_t)store->slot_bytes;
	uint8_t *keep = take_asked(cache, asked), *object = take_asked(cache, asked);

	for (int32_t at = from; at < to; at++)
		damage_for_validate(cache, object, at, true, asked);
	for (int32_t at = from; at < to; at++)
		object = damage_for_free(cache, object, at, asked);
	for (int32_t at = from; at < to; at++)
		object = damage_for_alloc(cache, object, at, asked);
	kfree(object);
	for (int32_t at = from; at < to; at++)
		damage_for_validate(cache, object, at, false, asked);
	assert_int_equal(quarantined(), cache->store->quarantined);
	kfree(keep);
	finish();
}

static const char *text_of(uint32_t letters)
{
	static char text[5];
	char *end = text;

	for (unsigned int i = 0; i < 4; i++)
		if (letters >> i & 1)
			*end++ = "FZPU"[i];
	*end = '\0';
	return text;
}

#define LETTER_SETS 16

static void test_each_byte_of_a_cache(void **state)
{
	static const struct {
		size_t size, align;
	} shapes[] = { { 64, 0 }, { 13, 0 }, { 1, 0 }, { 40, 64 }, { 100, 256 } };

	(void)state;
	for (uint32_t letters = 1; letters < LETTER_SETS; letters++)
		for (unsigned int i = 0; i < ARRAY_SIZE(shapes); i++) {
			start(text_of(letters));
			damage_each_byte(create(shapes[i].size, shapes[i].align),
					 (uint32_t)shapes[i].size);
		}
}

static void test_each_byte_with_a_constructor(void **state)
{
	(void)state;
	for (uint32_t letters = 1; letters < LETTER_SETS; letters++) {
		start(text_of(letters));
		constructed_bytes = 36;
		damage_each_byte(kmem_cache_create("watched", 36, 0, 0, construct), 36);
	}
}

static void test_each_byte_of_kmalloc(void **state)
{
	static const uint32_t asked[] = { 1, 13, 63, 64 };

	(void)state;
	for (uint32_t letters = 1; letters < LETTER_SETS; letters++)
		for (unsigned int i = 0; i < ARRAY_SIZE(asked); i++) {
			start(text_of(letters));
			damage_each_byte(&kmem_caches[0], asked[i]);
		}
}

/* --- Linux's slub_kunit, and what is like it ---------------------------------------------------- */

static void expect_bytes(enum object_misuse_kind kind, const void *object, int32_t offset,
			 uint32_t wrong_bytes, const uint8_t *found, uint8_t expected)
{
	const struct object_misuse *misuse = &objects_last_misuse;

	objects_expect(kind);
	assert_int_equal(misuse->object, (uintptr_t)object);
	assert_int_equal(misuse->offset, offset);
	assert_int_equal(misuse->wrong_bytes, wrong_bytes);
	for (uint32_t i = 0; i < min_u32(wrong_bytes, MISUSE_BYTES); i++) {
		assert_int_equal(misuse->found[i], found[i]);
		assert_int_equal(misuse->expected[i], expected);
	}
}

/* TestSlub_RZ_alloc: its first byte, and its last. */
static void test_clobber_red_zone(void **state)
{
	static const uint8_t found[] = { 0x12 };
	struct kmem_cache *cache;
	uint8_t *object;

	(void)state;
	start("FZPU");
	cache = create(64, 0);
	object = take(cache);
	object[64] = 0x12;
	kmem_cache_free(cache, object);
	expect_bytes(OBJECT_RIGHT_RED_ZONE, object, 64, 1, found, RED_ZONE_ALLOCATED);
	assert_ptr_equal(take(cache), object);
	object[cache->store->mark_bytes - 1] = 0x12;
	assert_int_equal(slab_debug_validate(cache), 1);
	expect_bytes(OBJECT_RIGHT_RED_ZONE, object, 71, 1, found, RED_ZONE_ALLOCATED);
	object[-1] = 0x12;
	kmem_cache_free(cache, object);
	expect_bytes(OBJECT_LEFT_RED_ZONE, object, -1, 1, found, RED_ZONE_ALLOCATED);
	assert_int_equal(slab_debug_validate(cache), 0);
	finish();
}

/* Several bytes, with a good one in between: from the first wrong one to the last. */
static void test_several_bytes(void **state)
{
	static const uint8_t some[] = { 0, RED_ZONE_ALLOCATED, 2, 3 };
	static const uint8_t many[] = { 9, 9, 9, 9, 9, 9, 9, 9 };
	uint8_t *object;

	(void)state;
	start("Z");
	object = kmalloc(100, GFP_KERNEL);
	memcpy(object + 101, some, sizeof(some));
	kfree(object);
	expect_bytes(OBJECT_RIGHT_RED_ZONE, object, 101, 4, some, RED_ZONE_ALLOCATED);
	object = kmalloc(100, GFP_KERNEL);
	memset(object + 110, 9, 20);
	kfree(object);
	expect_bytes(OBJECT_RIGHT_RED_ZONE, object, 110, 20, many, RED_ZONE_ALLOCATED);
	finish();
}

/* Both sides at once are two reports. */
static void test_both_red_zones(void **state)
{
	struct kmem_cache *cache;
	uint8_t *object;

	(void)state;
	start("FZPU");
	cache = create(24, 0);
	object = take(cache);
	object[-1] = object[24] = 0;
	kmem_cache_free(cache, object);
	assert_int_equal(objects_misuses, 2);
	objects_misuses = 0;
	object[-8] = object[31] = 0;
	assert_ptr_equal(take(cache), object);
	assert_int_equal(objects_misuses, 2);
	objects_misuses = 0;
	finish();
}

/* TestSlub_next_ptr_free: a free object's link, or its mark. */
static void test_clobber_mark_and_link(void **state)
{
	struct kmem_cache *cache;
	uint8_t *objects[3], *mark;

	(void)state;
	for (unsigned int word = 0; word < 2; word++) {
		start("FZPU");
		cache = create(64, 0);
		for (unsigned int i = 0; i < 3; i++)
			objects[i] = take(cache);
		kfree(objects[2]);
		kfree(objects[1]);
		mark = (uint8_t *)mark_of(cache->store, (uintptr_t)objects[1]);
		mark[word * 4 + 3] ^= 0x12;
		mark[word * 4] ^= 0x34;
		assert_ptr_not_equal(take(cache), objects[1]);
		objects_expect(OBJECT_WRITTEN_AFTER_FREE);
		assert_int_equal(objects_last_misuse.object, (uintptr_t)objects[1]);
		assert_in_range(objects_last_misuse.offset, cache->store->mark_bytes + word * 4,
				cache->store->mark_bytes + word * 4 + 3);
		assert_int_equal(slab_debug_validate(cache), 0);
		kfree(objects[1]);
		objects_expect(OBJECT_FREED_TWICE);
		/* behind the link lay objects[2] and the fresh ones */
		assert_int_equal(quarantined(), word == 0 ? 1 : cache->store->objects_each - 1);
		finish();
	}
}

/* TestSlub_clobber_1st_byte and _50th_byte, and the last one, which has a value of its own. */
static void test_clobber_poison(void **state)
{
	static const int32_t places[] = { 0, 50, 62, 63 };
	static const uint8_t found[] = { 0x78 };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(places); i++) {
		struct kmem_cache *cache;
		uint8_t *object;

		start("FZPU");
		cache = create(64, 0);
		object = take(cache);
		kmem_cache_free(cache, object);
		object[places[i]] = 0x78;
		assert_ptr_not_equal(take(cache), object);
		expect_bytes(OBJECT_WRITTEN_AFTER_FREE, object, places[i], 1, found,
			     places[i] == 63 ? POISON_END : POISON_FREE);
		assert_int_equal(quarantined(), 1);
		for (uint32_t j = 0; j < 2U * cache->store->objects_each; j++)
			assert_ptr_not_equal(take(cache), object);
		finish();
	}
}

/* TestSlub_kmalloc_redzone: from the first byte behind what was asked for. */
static void test_kmalloc_red_zone(void **state)
{
	static const uint8_t found[] = { 0x9a };

	(void)state;
	start("FZPU");
	for (uint32_t bytes = 1; bytes <= 1024; bytes += bytes < 70 ? 1 : 61) {
		uint8_t *object = kmalloc(bytes, GFP_KERNEL);

		memset(object, 0x55, bytes);
		kfree(object);
		assert_int_equal(objects_misuses, 0);
		assert_ptr_equal(kmalloc(bytes, GFP_KERNEL), object);
		object[bytes] = 0x9a;
		kfree(object);
		expect_bytes(OBJECT_RIGHT_RED_ZONE, object, (int32_t)bytes, 1, found,
			     RED_ZONE_ALLOCATED);
	}
	finish();
}

/* Behind the last slot: told when the slab goes, of the last object. */
static void test_clobber_rest(void **state)
{
	static const uint8_t found[] = { 0x44 };

	(void)state;
	for (unsigned int last = 0; last < 2; last++) {
		struct kmem_cache *cache;
		struct page *head;
		uint8_t *end, *object;
		uint32_t rest, objects;

		start("P");
		cache = create(72, 0);
		object = take(cache);
		head = slab_next(cache->store, NULL);
		objects = slab_objects(cache->store, head);
		end = (uint8_t *)slab_address(head) + (PAGE_SIZE << page_order(head));
		rest = (PAGE_SIZE << page_order(head)) - objects * cache->store->slot_bytes;
		assert_int_not_equal(rest, 0);
		end -= last ? 1 : rest;
		assert_int_equal(*end, POISON_PADDING);
		*end = 0x44;
		kmem_cache_free(cache, object);
		assert_true(kmem_cache_shrink(cache));
		object = (uint8_t *)slab_object(cache->store, head, objects - 1);
		expect_bytes(OBJECT_PADDING, object, (int32_t)(end - object), 1, found,
			     POISON_PADDING);
		expect_all_memory_back();
	}
}

/* Everything at once, in each object of a slab: as many as are wrong, then none. */
static void test_validate_counts_objects(void **state)
{
	struct kmem_cache *cache;
	uint8_t *objects[6];

	(void)state;
	start("FZPU");
	cache = create(24, 0);
	for (unsigned int i = 0; i < 6; i++)
		objects[i] = take(cache);
	for (unsigned int i = 0; i < 3; i++)
		kfree(objects[i]);
	assert_int_equal(slab_debug_validate(cache), 0);
	objects[0][-1] = objects[0][10] = objects[0][24] = 0;
	objects[1][23] = 0;
	objects[3][-3] = 0;
	objects[4][26] = objects[4][-1] = 0;
	assert_int_equal(slab_debug_validate(cache), 4);
	assert_int_equal(objects_misuses, 7);
	objects_misuses = 0;
	assert_int_equal(slab_debug_validate(cache), 0);
	for (unsigned int i = 3; i < 6; i++)
		kfree(objects[i]);
	finish();
}

/* All of a free object: its last byte has a value of its own, and is looked at as well. */
static void test_validate_a_free_object(void **state)
{
	struct kmem_cache *cache;
	uint8_t *object;

	(void)state;
	start("P");
	cache = create(64, 0);
	object = take(cache);
	take(cache);
	kfree(object);
	memset(object, 0, 64);
	assert_int_equal(slab_debug_validate(cache), 1);
	assert_in_range(objects_misuses, 1, 2);
	objects_misuses = 0;
	assert_int_equal(slab_debug_validate(cache), 0);
	finish();
}

/* So far out of an object that even the record of its size is gone: what is in it stays as it is. */
static void run_over_the_record(struct kmem_cache *cache, uint8_t *object)
{
	memset(object, 0x55, 64);
	memset(object + 64, 0, cache->store->record_bytes + 8 - 64);
	assert_int_equal(slab_debug_validate(cache), 1);
	objects_expect(OBJECT_RIGHT_RED_ZONE);
	assert_int_equal(objects_last_misuse.object, (uintptr_t)object);
	assert_int_equal(objects_last_misuse.offset, 64);
	for (unsigned int i = 0; i < 64; i++)
		assert_int_equal(object[i], 0x55);
	assert_int_equal(slab_debug_validate(cache), 0);
	kfree(object);
	finish();
}

static void test_record_overwritten(void **state)
{
	struct kmem_cache *cache;

	(void)state;
	start("FZPU");
	cache = create(64, 0);
	run_over_the_record(cache, take(cache));
	run_over_the_record(&kmem_caches[0], kmalloc(64, GFP_KERNEL));
}

static void test_validate_of_the_unwatched(void **state)
{
	struct kmem_cache *cache;

	(void)state;
	start("-");
	cache = create(24, 0);
	memset(take(cache), 0, 24);
	kfree(take(cache));
	assert_int_equal(slab_debug_validate(cache), 0);
	finish();
}

/* Damaged and never given out again: with the cache the pages leave use for good. */
static void test_destroyed_with_damage(void **state)
{
	struct kmem_cache *cache;
	struct page_check_result pages;
	uint8_t *object, *other;
	uint32_t slab_pages;

	(void)state;
	start("FZPU");
	cache = create(500, 0);
	object = take(cache);
	kfree(object);
	object[17] = 0;
	other = take(cache);
	objects_expect(OBJECT_WRITTEN_AFTER_FREE);
	kfree(other);
	kmem_cache_shrink(cache);
	slab_pages = cache->store->slab_pages;
	assert_int_not_equal(slab_pages, 0);
	kmem_cache_destroy(cache);
	finish();
	harness_check(&pages);
	assert_int_equal(pages.zones[ZONE_NORMAL].quarantined_pages, slab_pages);
	kfree(object);
	objects_expect(OBJECT_NOT_OWNED);
	cache = create(500, 0); /* the same place serves again */
	kfree(take(cache));
	finish();
}

/* --- wrong frees -------------------------------------------------------------------------------- */

/* The same rules as unwatched; an address beside the object is in its slot. */
static void test_wrong_frees(void **state)
{
	(void)state;
	for (uint32_t letters = 1; letters < LETTER_SETS; letters++) {
		struct kmem_cache *cache;
		uint8_t *object, *freed;
		int32_t from, to;

		start(text_of(letters));
		cache = create(100, 0);
		object = take(cache);
		freed = take(cache);
		kfree(freed);
		from = -(int32_t)cache->store->left_bytes;
		to = from + (int32_t)cache->store->slot_bytes;
		for (int32_t at = from; at < to; at++) {
			if (at == 0)
				continue;
			kfree(object + at);
			objects_expect(OBJECT_MIDDLE);
			assert_int_equal(objects_last_misuse.object, (uintptr_t)object);
			assert_int_equal(objects_last_misuse.offset, at);
		}
		kfree(freed);
		objects_expect(OBJECT_FREED_TWICE);
		assert_int_equal(objects_last_misuse.object, (uintptr_t)freed);
		kmem_cache_free(&kmem_caches[1], object);
		objects_expect(OBJECT_WRONG_CACHE);
		assert_int_equal(slab_debug_validate(cache), 0);
		assert_int_equal(objects_live(cache), 1);
		kmem_cache_free(cache, object);
		expect_all_memory_back();
		kfree(object);
		objects_expect(OBJECT_NOT_OWNED);
	}
}

/* --- watched memory is as good as any ----------------------------------------------------------- */

#define HELD_MOST 400

static struct held {
	uint8_t *object;
	size_t bytes;
} held[HELD_MOST];

static void fill(uint32_t i, uint8_t *object, size_t bytes)
{
	held[i] = (struct held){ object, bytes };
	memset(object, (int)(i % 251 + 1), bytes);
}

/* What others did has not touched it. */
static void expect_filled(uint32_t i)
{
	for (size_t byte = 0; byte < held[i].bytes; byte++)
		assert_int_equal(held[i].object[byte], i % 251 + 1);
}

static void expect_alignment(const void *object, size_t size)
{
	assert_int_equal((uintptr_t)object % 64, 0);
	if ((size & (size - 1)) == 0)
		assert_int_equal(virt_to_phys(object) % size, 0);
}

static void use_kmalloc(gfp_t gfp)
{
	static const size_t sizes[] = { 64, 128, 192, 256, 512, 1024, 2048, 4096, 8192 };
	uint32_t count = 0;

	for (unsigned int round = 0; round < 12; round++)
		for (unsigned int i = 0; i < KMALLOC_SIZES; i++) {
			size_t bytes = sizes[i] - (round % 4) * (round + 1);
			uint8_t *object = __kmalloc(bytes, gfp);

			assert_non_null(object);
			expect_alignment(object, sizes[i]);
			if ((gfp & __GFP_DMA) != 0)
				assert_int_equal(page_zone_index(virt_to_page(object)), ZONE_DMA);
			fill(count++, object, bytes);
		}
	for (uint32_t i = 0; i < count; i += 2)
		kfree(held[i].object);
	for (uint32_t i = 0; i < count; i += 2) {
		held[i].object = __kmalloc(held[i].bytes, gfp);
		fill(i, held[i].object, held[i].bytes);
	}
	objects_check(NULL);
	for (uint32_t i = 0; i < count; i++)
		expect_filled(i);
	for (uint32_t i = 0; i < count; i++)
		kfree(held[i].object);
	expect_all_memory_back();
}

static void test_use_of_kmalloc(void **state)
{
	(void)state;
	for (uint32_t letters = 1; letters < LETTER_SETS; letters++) {
		start(text_of(letters));
		use_kmalloc(GFP_KERNEL);
		use_kmalloc(GFP_DMA);
		use_kmalloc(GFP_KERNEL | __GFP_RECLAIMABLE);
	}
}

static void use_cache(struct kmem_cache *cache, uint32_t count)
{
	struct cache_store *store = cache->store;

	for (uint32_t i = 0; i < count; i++) {
		uint8_t *object = take(cache);

		assert_int_equal((uintptr_t)object % store->align, 0);
		if (store->constructor != NULL)
			for (uint32_t j = 0; j < store->object_bytes; j++)
				assert_int_equal(object[j], CONSTRUCTED);
		fill(i, object, store->object_bytes);
	}
	assert_int_equal(objects_live(cache), count);
	for (uint32_t i = 0; i < count; i++)
		expect_filled(i);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t which = (i * 7) % count; /* prime to all counts used */

		if (store->constructor != NULL)
			memset(held[which].object, CONSTRUCTED, held[which].bytes);
		if (i % 2)
			kfree(held[which].object);
		else
			kmem_cache_free(cache, held[which].object);
		assert_int_equal(magazine_count(cache) != 0 && cache_is_watched(store), false);
	}
	assert_int_equal(objects_live(cache), 0);
	objects_check(NULL);
}

static void test_use_of_caches(void **state)
{
	static const struct {
		size_t size, align;
		uint32_t flags;
		bool constructor;
		uint32_t count;
	} shapes[] = {
		{ 1, 0, 0, false, 400 },
		{ 8, 0, 0, true, 400 },
		{ 21, 0, SLAB_HWCACHE_ALIGN, false, 300 },
		{ 100, 0, SLAB_CACHE_DMA, false, 100 },
		{ 120, 128, 0, true, 100 },
		{ 700, 1024, SLAB_RECLAIM_ACCOUNT, false, 50 },
		{ 24, 4096, 0, false, 30 },
		{ 5000, 8192, 0, true, 10 },
		{ 9000, 0, 0, false, 10 },
	};

	(void)state;
	for (uint32_t letters = 1; letters < LETTER_SETS; letters++)
		for (unsigned int i = 0; i < ARRAY_SIZE(shapes); i++) {
			struct kmem_cache *cache;

			start(text_of(letters));
			constructed_bytes = (uint32_t)shapes[i].size;
			constructed_objects = 0;
			cache = kmem_cache_create("shape", shapes[i].size, shapes[i].align,
						  shapes[i].flags,
						  shapes[i].constructor ? construct : NULL);
			use_cache(cache, shapes[i].count);
			if (shapes[i].constructor) /* once each */
				assert_true(constructed_objects >= shapes[i].count);
			use_cache(cache, shapes[i].count);
			assert_int_equal(slab_debug_validate(cache), 0);
			kmem_cache_destroy(cache);
			expect_all_memory_back();
		}
}

/* Bulk calls go through the same doors. */
static void test_bulk(void **state)
{
	struct kmem_cache *cache;
	uint8_t *objects[50];

	(void)state;
	start("FZPU");
	cache = create(40, 0);
	assert_int_equal(
		kmem_cache_alloc_bulk(cache, GFP_KERNEL | __GFP_ZERO, 50, (void **)objects), 50);
	for (unsigned int i = 0; i < 50; i++) {
		for (unsigned int j = 0; j < 40; j++)
			assert_int_equal(objects[i][j], 0);
		fill(i, objects[i], 40);
	}
	for (unsigned int i = 0; i < 50; i++)
		expect_filled(i);
	objects[49][40] = 1;
	kmem_cache_free_bulk(cache, 50, (void **)objects);
	objects_expect(OBJECT_RIGHT_RED_ZONE);
	expect_all_memory_back();
}

/* A free object holds its poison, a live one what was there: taking it does not write to it. */
static void test_contents_of_free_objects(void **state)
{
	struct kmem_cache *cache;
	uint8_t *object;

	(void)state;
	start("P");
	cache = create(40, 0);
	object = take(cache);
	memset(object, 1, 40);
	kmem_cache_free(cache, object);
	for (unsigned int i = 0; i < 39; i++)
		assert_int_equal(object[i], POISON_FREE);
	assert_int_equal(object[39], POISON_END);
	assert_ptr_equal(take(cache), object);
	assert_int_equal(object[0], POISON_FREE);
	kmem_cache_free(cache, object);
	assert_ptr_equal(kmem_cache_zalloc(cache, GFP_KERNEL), object);
	for (unsigned int i = 0; i < 40; i++)
		assert_int_equal(object[i], 0);
	kmem_cache_free(cache, object);
	finish();
}

/* --- the size that was asked for ---------------------------------------------------------------- */

static void expect_zeros(const uint8_t *bytes, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		assert_int_equal(bytes[i], 0);
}

/* Who asks how much there is may use it all. */
static void test_ksize(void **state)
{
	static const uint8_t found[] = { 1 };
	uint8_t *object;

	(void)state;
	start("FZPU");
	object = kmalloc(13, GFP_KERNEL);
	assert_int_equal(ksize(object), 64);
	memset(object, 0xee, 64);
	assert_int_equal(slab_debug_validate(&kmem_caches[0]), 0);
	object[64] = 1;
	kfree(object);
	expect_bytes(OBJECT_RIGHT_RED_ZONE, object, 64, 1, found, RED_ZONE_ALLOCATED);
	/* what ran out of it before is told first */
	object = kmalloc(13, GFP_KERNEL);
	object[20] = 1;
	assert_int_equal(ksize(object), 64);
	expect_bytes(OBJECT_RIGHT_RED_ZONE, object, 20, 1, found, RED_ZONE_ALLOCATED);
	object[20] = 1;
	kfree(object);
	finish();
}

static void test_krealloc_moves_the_red_zone(void **state)
{
	static const uint8_t found[] = { 1 };

	(void)state;
	start("FZPU");
	for (uint32_t bytes = 1; bytes <= 64; bytes++) {
		uint8_t *object = kmalloc(33, GFP_KERNEL);

		memset(object, 0xee, 33);
		assert_ptr_equal(krealloc(object, bytes, GFP_KERNEL), object);
		for (uint32_t i = 0; i < min_u32(bytes, 33); i++)
			assert_int_equal(object[i], 0xee);
		memset(object, 0xdd, bytes);
		assert_int_equal(slab_debug_validate(&kmem_caches[0]), 0);
		object[bytes] = 1;
		kfree(object);
		expect_bytes(OBJECT_RIGHT_RED_ZONE, object, (int32_t)bytes, 1, found,
			     RED_ZONE_ALLOCATED);
	}
	finish();
}

static void test_krealloc_to_another_object(void **state)
{
	(void)state;
	for (uint32_t letters = 1; letters < LETTER_SETS; letters++) {
		uint8_t *object, *larger;

		start(text_of(letters));
		object = kmalloc(13, GFP_KERNEL);
		memset(object, 0xee, 13);
		larger = krealloc(object, 200, GFP_KERNEL | __GFP_ZERO);
		assert_ptr_not_equal(larger, object);
		for (unsigned int i = 0; i < 13; i++)
			assert_int_equal(larger[i], 0xee);
		if (strchr(text_of(letters), 'Z') != NULL)
			expect_zeros(larger, 13, 200);
		expect_zeros(larger, 64, 200);
		kfree(object);
		objects_expect(OBJECT_FREED_TWICE);
		kfree(larger);
		expect_all_memory_back();
	}
}

/* Zero as far as was asked for, and no further: behind it is a red zone. */
static void test_kzalloc(void **state)
{
	static const size_t sizes[] = { 1, 10, 63, 64, 65, 191, 1000, 8000, 8192 };

	(void)state;
	for (uint32_t letters = 1; letters < LETTER_SETS; letters++) {
		start(text_of(letters));
		for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
			uint8_t *object = kmalloc(sizes[i], GFP_KERNEL);

			memset(object, 0xee, ksize(object));
			kfree(object);
			object = kzalloc(sizes[i], GFP_KERNEL);
			expect_zeros(object, 0, sizes[i]);
			kfree(object);
		}
		expect_all_memory_back();
	}
}

/* Grown in place: what comes into use is zero, whatever was there before. */
static void test_krealloc_zero(void **state)
{
	(void)state;
	for (uint32_t letters = 1; letters < LETTER_SETS; letters++) {
		uint8_t *object;

		start(text_of(letters));
		object = kmalloc(64, GFP_KERNEL);
		memset(object, 0xee, 64);
		kfree(object);
		assert_ptr_equal(kzalloc(10, GFP_KERNEL), object);
		assert_ptr_equal(krealloc(object, 20, GFP_KERNEL | __GFP_ZERO), object);
		expect_zeros(object, 0, 20);
		assert_ptr_equal(krealloc(object, 64, GFP_KERNEL | __GFP_ZERO), object);
		expect_zeros(object, 0, 64);
		object = krealloc(object, 100, GFP_KERNEL | __GFP_ZERO);
		expect_zeros(object, 0, 100);
		kfree(object);
		expect_all_memory_back();
	}
}

/* --- who ---------------------------------------------------------------------------------------- */

static struct owner_stack stack_of(uint32_t frames, uintptr_t from)
{
	struct owner_stack stack = { .frames = frames };

	for (uint32_t i = 0; i < frames; i++)
		stack.pc[i] = from + i;
	return stack;
}

static void expect_stack(const struct owner_stack *stack, uint32_t frames, uintptr_t from)
{
	assert_int_equal(stack->frames, frames);
	for (uint32_t i = 0; i < frames; i++)
		assert_int_equal(stack->pc[i], from + i);
}

static void test_users(void **state)
{
	struct owner_stack taken, given;
	struct kmem_cache *cache;
	uint8_t *object;

	(void)state;
	for (uint32_t letters = 8; letters < LETTER_SETS; letters++) {
		start(text_of(letters));
		cache = create(50, 0);
		harness_stack = stack_of(3, 0x1000);
		object = take(cache);
		slab_debug_tracks(cache->store, (uintptr_t)object, &taken, &given);
		expect_stack(&taken, 3, 0x1000);
		expect_stack(&given, 0, 0);
		harness_stack = stack_of(OWNER_FRAMES, 0x2000);
		kmem_cache_free(cache, object);
		slab_debug_tracks(cache->store, (uintptr_t)object, &taken, &given);
		expect_stack(&taken, 3, 0x1000);
		expect_stack(&given, OWNER_FRAMES, 0x2000);
		harness_stack = stack_of(1, 0x3000);
		kfree(object);
		objects_expect(OBJECT_FREED_TWICE);
		expect_stack(&objects_last_misuse.taken, 3, 0x1000);
		expect_stack(&objects_last_misuse.given, OWNER_FRAMES, 0x2000);
		assert_ptr_equal(take(cache), object);
		kfree(object + 1);
		objects_expect(OBJECT_MIDDLE);
		expect_stack(&objects_last_misuse.taken, 1, 0x3000);
		expect_stack(&objects_last_misuse.given, OWNER_FRAMES, 0x2000);
		finish();
	}
}

/* In reports on bytes, too: of the object whose bytes they are. */
static void test_users_of_damage(void **state)
{
	struct kmem_cache *cache;
	uint8_t *object, *other;

	(void)state;
	start("ZPU");
	cache = create(50, 0);
	harness_stack = stack_of(2, 0x4000);
	object = take(cache);
	harness_stack = stack_of(2, 0x5000);
	other = take(cache);
	object[50] = 0;
	assert_int_equal(slab_debug_validate(cache), 1);
	objects_expect(OBJECT_RIGHT_RED_ZONE);
	expect_stack(&objects_last_misuse.taken, 2, 0x4000);
	kmem_cache_free(cache, other);
	other[7] = 0;
	harness_stack = stack_of(2, 0x6000);
	assert_ptr_not_equal(take(cache), other);
	objects_expect(OBJECT_WRITTEN_AFTER_FREE);
	expect_stack(&objects_last_misuse.taken, 2, 0x5000);
	expect_stack(&objects_last_misuse.given, 2, 0x5000);
	finish();
}

/* Without the letter nothing is known. */
static void test_no_users(void **state)
{
	struct owner_stack taken, given;
	struct kmem_cache *cache;
	void *object;

	(void)state;
	for (uint32_t letters = 1; letters < 8; letters++) {
		start(text_of(letters));
		cache = create(50, 0);
		harness_stack = stack_of(3, 0x1000);
		object = take(cache);
		kfree(object);
		slab_debug_tracks(cache->store, (uintptr_t)object, &taken, &given);
		assert_int_equal(taken.frames + given.frames, 0);
		kfree(object);
		objects_expect(OBJECT_FREED_TWICE);
		assert_int_equal(objects_last_misuse.taken.frames, 0);
		finish();
	}
}

/* A record that was written to may claim any number of frames. */
static void test_users_overwritten(void **state)
{
	struct owner_stack taken, given;
	struct kmem_cache *cache;
	uint8_t *object;

	(void)state;
	start("FZU");
	cache = create(50, 0);
	object = take(cache);
	memset(object + cache->store->record_bytes, 0xff, 8 + 2 * sizeof(struct owner_stack));
	slab_debug_tracks(cache->store, (uintptr_t)object, &taken, &given);
	assert_true(taken.frames <= OWNER_FRAMES && given.frames <= OWNER_FRAMES);
	kfree(object);
	kfree(object);
	objects_expect(OBJECT_FREED_TWICE);
	assert_true(objects_last_misuse.taken.frames <= OWNER_FRAMES);
	assert_ptr_equal(take(cache), object);
	finish();
}

static uint32_t told_live;
static uint8_t *live_objects[12];

static void note_live(const struct object_misuse *misuse)
{
	assert_int_equal(misuse->kind, CACHE_STILL_LIVE);
	assert_int_equal(misuse->live, ARRAY_SIZE(live_objects));
	if (told_live++ == 0) {
		assert_int_equal(misuse->object, 0);
		return;
	}
	for (uint32_t i = 0; i < ARRAY_SIZE(live_objects); i++)
		if (misuse->object == (uintptr_t)live_objects[i]) {
			expect_stack(&misuse->taken, 2, 0x100 * (i + 1));
			assert_int_equal(misuse->given.frames, 0);
			return;
		}
	fail();
}

static void test_destroyed_while_live(void **state)
{
	struct kmem_cache *cache;

	(void)state;
	start("U");
	cache = create(50, 0);
	for (uint32_t i = 0; i < ARRAY_SIZE(live_objects); i++) {
		harness_stack = stack_of(2, 0x100 * (i + 1));
		live_objects[i] = take(cache);
	}
	object_misuse_hook = note_live;
	told_live = 0;
	kmem_cache_destroy(cache);
	assert_int_equal(told_live, 1 + 8);
	finish();
	for (uint32_t i = 0; i < ARRAY_SIZE(live_objects); i++)
		kfree(live_objects[i]);
	kmem_cache_destroy(cache);
	assert_int_equal(told_live, 1 + 8);
	expect_all_memory_back();
}

/* --- lists that are followed -------------------------------------------------------------------- */

#define FREED 5

/* A slab that is all taken but for these; the last one leads its list. */
static struct kmem_cache *start_with_list(const char *text, uint8_t **freed, uint8_t **live)
{
	struct kmem_cache *cache;
	uint8_t *first[8];

	start(text);
	cache = create(120, 0);
	assert_true(cache->store->objects_each > FREED + 2);
	for (uint32_t i = 0; i < cache->store->objects_each; i++)
		first[min_u32(i, 7)] = take(cache);
	for (unsigned int i = 0; i < FREED; i++)
		freed[i] = first[i];
	live[0] = first[5];
	live[1] = first[6];
	for (unsigned int i = 0; i < FREED; i++)
		kfree(freed[i]);
	assert_int_equal(cache->store->slabs, 1);
	objects_check(NULL);
	return cache;
}

static void break_link(struct kmem_cache *cache, uint8_t *object)
{
	mark_of(cache->store, (uintptr_t)object)[1] ^= 0xa5a50000;
}

static void expect_broken_link(struct kmem_cache *cache, uint8_t *object, uint32_t lost)
{
	objects_expect(OBJECT_WRITTEN_AFTER_FREE);
	assert_int_equal(objects_last_misuse.object, (uintptr_t)object);
	assert_in_range(objects_last_misuse.offset, cache->store->mark_bytes + 4,
			cache->store->mark_bytes + 7);
	assert_int_equal(cache->store->quarantined, lost);
	assert_int_equal(quarantined(), lost);
}

/* Wherever it is broken: found at the next request, and all before it is still good. */
static void test_list_is_followed_at_alloc(void **state)
{
	(void)state;
	for (unsigned int which = 0; which < FREED; which++) {
		uint8_t *freed[FREED], *live[2], *object;
		struct kmem_cache *cache = start_with_list("F", freed, live);

		break_link(cache, freed[which]);
		object = take(cache);
		expect_broken_link(cache, freed[which], which + 1);
		for (unsigned int i = FREED; i-- > which + 1;) {
			assert_ptr_equal(object, freed[i]);
			object = take(cache);
		}
		assert_int_equal(cache->store->slabs, 2);
		for (unsigned int i = 0; i <= which; i++) {
			kfree(freed[i]);
			objects_expect(OBJECT_FREED_TWICE);
		}
		kfree(live[0]);
		assert_ptr_not_equal(object, live[0]);
		finish();
	}
}

static void test_list_is_followed_at_free(void **state)
{
	(void)state;
	for (unsigned int which = 0; which < FREED; which++) {
		uint8_t *freed[FREED], *live[2];
		struct kmem_cache *cache = start_with_list("F", freed, live);

		break_link(cache, freed[which]);
		kfree(live[0]);
		expect_broken_link(cache, freed[which], which + 1);
		kfree(live[1]);
		assert_ptr_equal(take(cache), live[1]);
		assert_ptr_equal(take(cache), live[0]);
		for (unsigned int i = FREED; i-- > which + 1;)
			assert_ptr_equal(take(cache), freed[i]);
		finish();
	}
}

/* Of the slab that is freed into, and of no other. */
static void test_other_lists_are_not_followed(void **state)
{
	uint8_t *freed[FREED], *live[2], *other;
	struct kmem_cache *cache;

	(void)state;
	cache = start_with_list("F", freed, live);
	for (unsigned int i = 0; i < FREED; i++)
		take(cache);
	other = take(cache);
	assert_int_equal(cache->store->slabs, 2);
	for (unsigned int i = 0; i < FREED; i++)
		kfree(freed[i]);
	break_link(cache, freed[1]);
	kfree(other);
	assert_int_equal(objects_misuses, 0);
	kfree(live[0]);
	expect_broken_link(cache, freed[1], 2);
	finish();
}

/* Without F it is found when it is reached. */
static void test_list_is_not_followed(void **state)
{
	uint8_t *freed[FREED], *live[2];
	struct kmem_cache *cache;

	(void)state;
	cache = start_with_list("Z", freed, live);
	break_link(cache, freed[2]);
	kfree(live[0]);
	assert_ptr_equal(take(cache), live[0]);
	assert_ptr_equal(take(cache), freed[4]);
	assert_ptr_equal(take(cache), freed[3]);
	assert_int_equal(objects_misuses, 0);
	take(cache);
	expect_broken_link(cache, freed[2], 3);
	finish();
}

/* validate follows lists whatever the letters. */
static void test_list_is_followed_by_validate(void **state)
{
	(void)state;
	for (uint32_t letters = 1; letters < LETTER_SETS; letters++)
		for (unsigned int which = 0; which < FREED; which++) {
			uint8_t *freed[FREED], *live[2];
			struct kmem_cache *cache = start_with_list(text_of(letters), freed, live);

			break_link(cache, freed[which]);
			assert_int_equal(slab_debug_validate(cache), 1);
			expect_broken_link(cache, freed[which], which + 1);
			assert_int_equal(slab_debug_validate(cache), 0);
			finish();
		}
}

/* In a slab that was empty: it is so no longer, and is not given back. */
static void test_empty_slab_with_a_broken_link(void **state)
{
	for (unsigned int at = 0; at < 3; at++) {
		struct kmem_cache *cache;
		uint8_t *objects[3];

		(void)state;
		start("F");
		cache = create(120, 0);
		for (unsigned int i = 0; i < 3; i++)
			objects[i] = take(cache);
		for (unsigned int i = 3; i-- > 0;)
			kfree(objects[i]);
		assert_int_equal(cache->store->empty_slabs, 1);
		break_link(cache, objects[at]);
		assert_int_equal(take(cache) == objects[0], at != 0);
		expect_broken_link(cache, objects[at], cache->store->objects_each - at);
		assert_int_equal(kmem_cache_shrink(cache), false);
		finish();
	}
}

/* --- interrupts --------------------------------------------------------------------------------- */

static struct kmem_cache *shared;
static uint8_t *handlers[16];
static uint32_t handler_seed, handler_runs;

/* An object of the shared cache or of kmalloc's, with some number in it. */
static void exchange(uint8_t **place, uint32_t *seed, gfp_t gfp)
{
	uint8_t *old = *place;

	if (old != NULL) {
		*place = NULL;
		for (unsigned int i = 1; i < 40; i++)
			assert_int_equal(old[i], old[0]);
		kfree(old);
		return;
	}
	old = harness_random(seed) % 2 ? kmem_cache_alloc(shared, gfp) : kmalloc(40, gfp);
	assert_non_null(old);
	memset(old, (int)harness_random(seed), 40);
	*place = old;
}

static void interrupt(void)
{
	assert_int_equal(double_irq_flags, 0);
	double_irq_flags = DOUBLE_IRQ_MASKED;
	exchange(&handlers[harness_random(&handler_seed) % ARRAY_SIZE(handlers)], &handler_seed,
		 GFP_ATOMIC);
	assert_int_equal(double_irq_flags, DOUBLE_IRQ_MASKED);
	double_irq_flags = 0;
	handler_runs++;
}

static void exchange_all(uint8_t **places, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (places[i] != NULL)
			exchange(&places[i], &handler_seed, GFP_ATOMIC);
}

static void test_interrupted(void **state)
{
	static uint8_t *mine[64];

	(void)state;
	for (uint32_t letters = 1; letters < LETTER_SETS; letters++)
		for (unsigned int masked = 0; masked < 2; masked++) {
			uint32_t seed = 7907 * letters;

			start(text_of(letters));
			shared = create(40, 0);
			handler_seed = 104729 * letters;
			handler_runs = 0;
			double_irq_unmasked = masked ? NULL : interrupt;
			double_irq_flags = masked ? DOUBLE_IRQ_MASKED : 0;
			for (uint32_t i = 0; i < 600; i++)
				exchange(&mine[harness_random(&seed) % ARRAY_SIZE(mine)], &seed,
					 masked ? GFP_ATOMIC : GFP_KERNEL);
			assert_int_equal(double_irq_flags, masked ? DOUBLE_IRQ_MASKED : 0);
			assert_true(masked || handler_runs > 600);
			double_irq_unmasked = NULL;
			double_irq_flags = 0;
			assert_int_equal(slab_debug_validate(shared), 0);
			exchange_all(mine, ARRAY_SIZE(mine));
			exchange_all(handlers, ARRAY_SIZE(handlers));
			expect_all_memory_back();
		}
}

/* --- failslab ----------------------------------------------------------------------------------- */

static void test_failing_requests(void **state)
{
	(void)state;
	for (uint32_t letters = 0; letters < LETTER_SETS; letters++) {
		struct kmem_cache *cache;
		uint32_t refused = 0;
		void *bulk[10];

		start(letters != 0 ? text_of(letters) : "-");
		cache = create(60, 0);
		kfree(take(cache));
		assert_null(fail_point_parse(&object_fail, "every:3"));
		objects_fail_set(true);
		for (uint32_t i = 0; i < 90; i++) {
			held[i].object = i % 2 ? kmem_cache_alloc(cache, GFP_KERNEL)
					       : kmalloc(60, GFP_KERNEL);
			refused += held[i].object == NULL;
		}
		assert_int_equal(refused, 30);
		assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL, 10, bulk), 0);
		objects_check(NULL);
		objects_fail_set(false);
		assert_int_equal(cache->store->limit == 0, letters != 0);
		assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL, 10, bulk), 10);
		kmem_cache_free_bulk(NULL, 10, bulk);
		for (uint32_t i = 0; i < 90; i++)
			kfree(held[i].object);
		expect_all_memory_back();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_texts_that_are_refused),
		cmocka_unit_test(test_caches_that_are_named),
		cmocka_unit_test(test_caches_that_ask_for_it),
		cmocka_unit_test(test_each_byte_of_a_cache),
		cmocka_unit_test(test_each_byte_with_a_constructor),
		cmocka_unit_test(test_each_byte_of_kmalloc),
		cmocka_unit_test(test_clobber_red_zone),
		cmocka_unit_test(test_several_bytes),
		cmocka_unit_test(test_both_red_zones),
		cmocka_unit_test(test_clobber_mark_and_link),
		cmocka_unit_test(test_clobber_poison),
		cmocka_unit_test(test_kmalloc_red_zone),
		cmocka_unit_test(test_clobber_rest),
		cmocka_unit_test(test_validate_counts_objects),
		cmocka_unit_test(test_validate_a_free_object),
		cmocka_unit_test(test_record_overwritten),
		cmocka_unit_test(test_validate_of_the_unwatched),
		cmocka_unit_test(test_destroyed_with_damage),
		cmocka_unit_test(test_wrong_frees),
		cmocka_unit_test(test_use_of_kmalloc),
		cmocka_unit_test(test_use_of_caches),
		cmocka_unit_test(test_bulk),
		cmocka_unit_test(test_contents_of_free_objects),
		cmocka_unit_test(test_ksize),
		cmocka_unit_test(test_krealloc_moves_the_red_zone),
		cmocka_unit_test(test_krealloc_to_another_object),
		cmocka_unit_test(test_kzalloc),
		cmocka_unit_test(test_krealloc_zero),
		cmocka_unit_test(test_users),
		cmocka_unit_test(test_users_of_damage),
		cmocka_unit_test(test_no_users),
		cmocka_unit_test(test_users_overwritten),
		cmocka_unit_test(test_destroyed_while_live),
		cmocka_unit_test(test_list_is_followed_at_alloc),
		cmocka_unit_test(test_list_is_followed_at_free),
		cmocka_unit_test(test_other_lists_are_not_followed),
		cmocka_unit_test(test_list_is_not_followed),
		cmocka_unit_test(test_list_is_followed_by_validate),
		cmocka_unit_test(test_empty_slab_with_a_broken_link),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_failing_requests),
	};

	return cmocka_run_group_tests_name("objects: watched", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* kmalloc's rare cases, and what is made of kmalloc. The hot paths are in object.c. */
#include <string.h>

#include "mm/obj/cache.h"
#include "mm/obj/object.h"
#include "mm/obj/slab_debug.h"
#include "mm/phys/page_alloc.h"

#define STEPS_4(i)  i, i, i, i
#define STEPS_16(i) STEPS_4(i), STEPS_4(i), STEPS_4(i), STEPS_4(i)

/* A step is 64 bytes: 64, 128, 192, 256, to 512, 1024, 2048, 4096, 8192. */
const uint8_t kmalloc_indexes[KMALLOC_MAX_CACHE_SIZE / KMALLOC_MIN_SIZE] = {
	0,           1,           2,           3,           STEPS_4(4),  STEPS_4(5),  STEPS_4(5),
	STEPS_16(6), STEPS_16(7), STEPS_16(7), STEPS_16(8), STEPS_16(8), STEPS_16(8), STEPS_16(8),
};

/* --- flags and sizes ------------------------------------------------------------------------- */

static __attribute__((noinline)) void tell_request(enum object_misuse_kind kind, size_t bytes,
						   gfp_t gfp, uintptr_t caller)
{
	const struct object_misuse misuse = {
		.kind = kind, .bytes = bytes, .gfp = gfp, .caller = caller
	};

	if (object_misuse_hook != NULL)
		object_misuse_hook(&misuse);
}

/* Objects are neither in highmem nor movable: told, and gone on without, as in Linux. */
static gfp_t sensible(gfp_t gfp, size_t bytes, uintptr_t caller)
{
	if (likely((gfp & SLAB_GFP_WRONG) == 0))
		return gfp;
	tell_request(OBJECT_GFP, bytes, gfp, caller);
	return gfp & ~SLAB_GFP_WRONG;
}

static void *take_pages(size_t bytes, gfp_t gfp, uintptr_t caller)
{
	struct page *page;

	if (bytes == 0)
		return ZERO_SIZE_PTR;
	if (bytes > KMALLOC_MAX_SIZE) {
		if ((gfp & __GFP_NOWARN) == 0)
			tell_request(KMALLOC_TOO_LARGE, bytes, gfp, caller);
		return NULL;
	}
	gfp &= ~__GFP_COMP; /* it is in any case */
	page = (gfp & __GFP_ZERO) != 0 ? __alloc_pages(gfp, get_order(bytes))
				       : __alloc_pages_plain(gfp, get_order(bytes));
	if (page == NULL)
		return NULL;
	page->flags += KMALLOC_PAGES;
	return phys_to_virt(page_to_phys(page));
}

__attribute__((noinline)) void *kmalloc_pages_for(size_t bytes, gfp_t gfp)
{
	return take_pages(bytes, gfp, (uintptr_t)__builtin_return_address(0));
}

static bool has_red_zone(const struct cache_store *store)
{
	return store != NULL && (store->flags & SLAB_RED_ZONE) != 0;
}

/* Of any flags. `caller` is who shall be named, whichever function he called. */
static void *kmalloc_any(size_t bytes, gfp_t gfp, uintptr_t caller)
{
	struct kmem_cache *cache;
	void *object;

	gfp = sensible(gfp, bytes, caller);
	if (bytes - 1 >= KMALLOC_MAX_CACHE_SIZE)
		return take_pages(bytes, gfp, caller);
	cache = &kmem_caches[kmalloc_kind(gfp) * KMALLOC_SIZES +
			     kmalloc_indexes[(bytes - 1) / KMALLOC_MIN_SIZE]];
	object = kmalloc_of_cache(cache, gfp & ~SLAB_GFP_ODD, bytes);
	/* All of it, for who grows it in place later; a red zone behind what was asked for stays. */
	if ((gfp & __GFP_ZERO) != 0 && object != NULL)
		memset(object, 0, has_red_zone(cache->store) ? bytes : cache->store->object_bytes);
	return object;
}

void *__kmalloc(size_t bytes, gfp_t gfp)
{
	return kmalloc_any(bytes, gfp, (uintptr_t)__builtin_return_address(0));
}

/* --- what is there ----------------------------------------------------------------------------- */

/* How much of it may be used, and its store if it is an object; 0, told: it is neither of both. */
static size_t usable(const void *object, struct cache_store **store, uintptr_t caller)
{
	struct object_misuse misuse = { .address = (uintptr_t)object, .caller = caller };
	struct page *page = kmalloc_pages((uintptr_t)object);
	struct object_place place;
	int wrong;

	*store = NULL;
	if (page != NULL)
		return (size_t)PAGE_SIZE << page_order(page);
	wrong = object_find_misuse(NULL, (uintptr_t)object, &place);
	if (likely(wrong < 0)) {
		*store = place.store;
		return place.store->object_bytes;
	}
	misuse.kind = (enum object_misuse_kind)wrong;
	if (place.object != 0)
		misuse.offset = (int32_t)place.offset;
	object_fill_in(&misuse, place.store, place.object);
	if (object_misuse_hook != NULL)
		object_misuse_hook(&misuse);
	return 0;
}

/* Who asks means to use it all. */
size_t ksize(const void *object)
{
	struct cache_store *store;
	size_t bytes;

	if (ZERO_OR_NULL_PTR(object))
		return 0;
	bytes = usable(object, &store, (uintptr_t)__builtin_return_address(0));
	if (has_red_zone(store))
		slab_debug_ask(store, (uintptr_t)object, bytes);
	return bytes;
}

/* --- growing and copying ----------------------------------------------------------------------- */

/* Where it is. A red zone moves; what comes into use behind it is zeroed if that was asked for. */
static void *resize_in_place(const void *object, struct cache_store *store, size_t bytes, gfp_t gfp)
{
	if (has_red_zone(store)) {
		size_t before = slab_debug_asked(store, (uintptr_t)object);

		slab_debug_ask(store, (uintptr_t)object, bytes);
		if ((gfp & __GFP_ZERO) != 0 && bytes > before)
			memset((char *)object + before, 0, bytes - before);
	}
	return (void *)object;
}

void *krealloc(const void *object, size_t bytes, gfp_t gfp)
{
	uintptr_t caller = (uintptr_t)__builtin_return_address(0);
	struct cache_store *store;
	size_t before;
	void *copy;

	if (bytes == 0) {
		kfree(object);
		return ZERO_SIZE_PTR;
	}
	if (ZERO_OR_NULL_PTR(object))
		return kmalloc_any(bytes, gfp, caller);
	before = usable(object, &store, caller);
	if (before == 0)
		return NULL;
	if (bytes <= before)
		return resize_in_place(object, store, bytes, gfp);
	copy = kmalloc_any(bytes, gfp, caller);
	if (copy == NULL)
		return NULL;
	memcpy(copy, object,
	       has_red_zone(store) ? slab_debug_asked(store, (uintptr_t)object) : before);
	kfree(object);
	return copy;
}

static void *copy_of(const void *memory, size_t bytes, gfp_t gfp, uintptr_t caller)
{
	void *copy = kmalloc_any(bytes, gfp, caller);

	return copy != NULL ? memcpy(copy, memory, bytes) : NULL;
}

void *kmemdup(const void *memory, size_t bytes, gfp_t gfp)
{
	return copy_of(memory, bytes, gfp, (uintptr_t)__builtin_return_address(0));
}

char *kstrdup(const char *text, gfp_t gfp)
{
	return text == NULL ? NULL
			    : copy_of(text, strlen(text) + 1, gfp,
				      (uintptr_t)__builtin_return_address(0));
}

char *kstrndup(const char *text, size_t most, gfp_t gfp)
{
	size_t bytes = text != NULL ? strnlen(text, most) : 0;
	char *copy;

	if (text == NULL)
		return NULL;
	copy = kmalloc_any(bytes + 1, gfp, (uintptr_t)__builtin_return_address(0));
	if (copy == NULL)
		return NULL;
	copy[bytes] = '\0';
	return memcpy(copy, text, bytes);
}

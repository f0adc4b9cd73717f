/* SPDX-License-Identifier: MIT */
/*
 * Allocating and freeing objects, fastest way first:
 *
 *	this core's magazine       hot: no lock; a pop and a push with all checks, interrupts masked
 *	the cache's slabs          in batches, under the cache's lock
 *	a new slab                 from the page allocator
 *
 * Watched caches (slab_debug=) have closed magazines and take another way from there.
 */
#include <string.h>

#include "kern/context.h"
#include "mm/obj/atomic_sleep.h"
#include "mm/obj/cache.h"
#include "mm/obj/object.h"
#include "mm/obj/object_fail.h"
#include "mm/obj/slab_debug.h"
#include "mm/phys/page_alloc.h"

/* --- allocating, when the magazine does not help ------------------------------------------------- */

/*
 * The hot path popped something that is no marked object: either the magazine is empty, or what lay
 * on top was written to while it was free. Set that aside; true: there was such a thing.
 */
static bool mend_magazine(struct kmem_cache *mine)
{
	uintptr_t *top = (uintptr_t *)mine->stack.first;
	struct cache_store *store = mine->store;

	if (top < magazine_bottom(mine)) {
		mine->stack.first = (uintptr_t)magazine_bottom(mine);
		return false;
	}
	spin_lock(&store->lock);
	slab_set_aside(mine, *top);
	spin_unlock(&store->lock);
	return true;
}

/* Who keeps interrupts out anyway makes no long stretch longer for the sake of those who come later. */
#define BATCH_MASKED 4U

/* How many objects go between magazine and slabs. irq: how interrupts will be when this is over. */
static uint32_t batch_for(const struct cache_store *store, uint32_t irq)
{
	return irqs_masked_flags(irq) ? min_u32(BATCH_MASKED, store->batch) : store->batch;
}

/* One object from the slabs, and a batch for the magazine, the first taken on top. 0: none. */
static uintptr_t refill(struct kmem_cache *mine, uint32_t irq)
{
	struct cache_store *store = mine->store;
	uintptr_t *bottom = magazine_bottom(mine), batch[KMEM_CACHE_ITEMS], object;
	uint32_t taken;

	spin_lock(&store->lock);
	taken = slab_take(mine, batch_for(store, irq), batch);
	spin_unlock(&store->lock);
	if (taken == 0)
		return 0;
	object = batch[0];
	for (uint32_t i = 1; i < taken; i++)
		bottom[taken - 1 - i] = batch[i];
	mine->stack.first = (uintptr_t)(bottom + taken - 1);
	return object;
}

/* The next object that is as it was left, from the magazine or behind it. 0: a new slab is needed. */
static uintptr_t next_object(struct kmem_cache *mine, uint32_t irq)
{
	while (magazine_count(mine) > 0) {
		uintptr_t object = *(uintptr_t *)(mine->stack.first -= sizeof(uintptr_t));

		if (likely(*mark_of(mine->store, object) == mark_value(mine, object)))
			return object;
		mend_magazine(mine);
	}
	return refill(mine, irq);
}

/* From the slabs. Interrupts are as the caller had them. */
static void *alloc_behind(struct kmem_cache *cache, gfp_t gfp)
{
	for (;;) {
		uint32_t irq = local_irq_save();
		uintptr_t object = next_object(this_cpu_ptr(cache), irq);

		if (likely(object != 0))
			*mark_of(cache->store, object) = 0;
		local_irq_restore(irq);
		if (likely(object != 0))
			return (void *)object;
		if (!slab_grow(cache, gfp))
			return NULL;
	}
}

/* `bytes`: what the caller asked kmalloc for; 0: the whole object. */
static __attribute__((noinline)) void *alloc_slow(struct kmem_cache *cache, gfp_t gfp, uint32_t irq,
						  size_t bytes)
{
	if (unlikely(cache->store->name[0] == '\0')) {
		/* As it was, or the next request would look further down. */
		this_cpu_ptr(cache)->stack.first += sizeof(uintptr_t);
		local_irq_restore(irq);
		cache_tell_unknown(cache, (uintptr_t)__builtin_return_address(0));
		return NULL;
	}
	mend_magazine(this_cpu_ptr(cache));
	local_irq_restore(irq);
	if (unlikely(atomic_sleep_checked) && (gfp & __GFP_DIRECT_RECLAIM) != 0)
		might_sleep("kmalloc or kmem_cache_alloc without GFP_ATOMIC");
	if (unlikely(objects_fail) && fail_point_decide(&object_fail, 0))
		return NULL;
	if (unlikely(cache_is_watched(cache->store)))
		return slab_debug_alloc(cache, gfp, bytes);
	return alloc_behind(cache, gfp);
}

/* --- allocating: the hot path ----------------------------------------------------------------- */

/*
 * 17 instructions, so written with the compiler's output in view. The top is stored before the look
 * at the mark: alloc_slow sees by it what was wrong.
 */
static inline __attribute__((always_inline)) void *pop(struct kmem_cache *cache, gfp_t gfp,
						       size_t mark_bytes, size_t bytes)
{
	uint32_t irq = local_irq_save();
	struct kmem_cache *mine = this_cpu_ptr(cache);
	LOAD_PAIR(top, key, &mine->stack, "r4", "r5");
	uintptr_t object;
	uint32_t *mark;

	top -= sizeof(uintptr_t);
	object = *(uintptr_t *)top;
	mine->stack.first = top;
	mark = (uint32_t *)(object + mark_bytes);
	if (unlikely((uint32_t)(*mark ^ key) != (uint32_t)object))
		return alloc_slow(cache, gfp, irq, bytes);
	*mark = 0;
	local_irq_restore(irq);
	return (void *)object;
}

void *kmem_cache_alloc_plain(struct kmem_cache *cache, gfp_t gfp)
{
	return pop(cache, gfp, cache->start.second, 0);
}

/* kmalloc's caches have no constructors, and only watched ones, whose magazines are closed, keep the
 * mark elsewhere than at the object's start. */
void *kmalloc_of_cache(struct kmem_cache *cache, gfp_t gfp, size_t bytes)
{
	return pop(cache, gfp, 0, bytes);
}

void *kmalloc_plain(size_t bytes, gfp_t gfp)
{
	size_t last = bytes - 1;

	if (unlikely(last >= KMALLOC_MAX_CACHE_SIZE))
		return kmalloc_pages_for(bytes, gfp);
	return pop(&kmem_caches[kmalloc_indexes[last / KMALLOC_MIN_SIZE]], gfp, 0, bytes);
}

/* --- allocating: whatever the flags say ------------------------------------------------------- */

/* Without what makes no sense; false, told, when nothing sensible is left. */
static bool accept_flags(const struct cache_store *store, gfp_t *gfp, uintptr_t caller)
{
	struct object_misuse misuse = { .kind = OBJECT_GFP,
					.cache = store->name,
					.bytes = store->object_bytes,
					.gfp = *gfp,
					.caller = caller };
	bool refused = ((*gfp & __GFP_DMA) != 0 && (store->flags & SLAB_CACHE_DMA) == 0) ||
		       ((*gfp & __GFP_ZERO) != 0 && store->constructor != NULL);

	if ((refused || (*gfp & SLAB_GFP_WRONG) != 0) && object_misuse_hook != NULL)
		object_misuse_hook(&misuse);
	*gfp &= ~GFP_CLASS_MASK;
	return !refused;
}

void *__kmem_cache_alloc(struct kmem_cache *cache, gfp_t gfp)
{
	struct cache_store *store = cache->store;
	void *object;

	if ((gfp & GFP_CLASS_MASK) != 0 || ((gfp & __GFP_ZERO) != 0 && store->constructor != NULL))
		if (!accept_flags(store, &gfp, (uintptr_t)__builtin_return_address(0)))
			return NULL;
	object = kmem_cache_alloc_plain(cache, gfp);
	if ((gfp & __GFP_ZERO) != 0 && object != NULL)
		memset(object, 0, store->object_bytes);
	return object;
}

/* As many as there are without a new slab, up to `most`. */
static size_t pop_some(struct kmem_cache *cache, size_t most, void **objects)
{
	uint32_t irq = local_irq_save();
	struct kmem_cache *mine = this_cpu_ptr(cache);
	size_t count = 0;

	while (count < most) {
		uintptr_t object = next_object(mine, irq);

		if (object == 0)
			break;
		*mark_of(mine->store, object) = 0;
		objects[count++] = (void *)object;
	}
	local_irq_restore(irq);
	return count;
}

/* Interrupts are masked for so many at a time. */
#define BULK_AT_ONCE 16U

static size_t alloc_some(struct kmem_cache *cache, gfp_t gfp, size_t most, void **objects)
{
	size_t count = 0;

	/* Watched or failing ones pass through the same doors as single ones. */
	if (cache->store->limit != 0)
		count = pop_some(cache, most, objects);
	if (count == 0) {
		objects[0] = kmem_cache_alloc_plain(cache, gfp & ~(SLAB_GFP_ODD));
		return objects[0] != NULL;
	}
	return count;
}

size_t kmem_cache_alloc_bulk(struct kmem_cache *cache, gfp_t gfp, size_t count, void **objects)
{
	size_t done = 0;

	if (!accept_flags(cache->store, &gfp, (uintptr_t)__builtin_return_address(0)))
		return 0;
	while (done < count) {
		size_t most = count - done < BULK_AT_ONCE ? count - done : BULK_AT_ONCE;
		size_t some = alloc_some(cache, gfp, most, objects + done);

		if (some == 0) {
			kmem_cache_free_bulk(cache, done, objects);
			return 0;
		}
		done += some;
	}
	for (size_t i = 0; i < count && (gfp & __GFP_ZERO) != 0; i++)
		memset(objects[i], 0, cache->store->object_bytes);
	return count;
}

/* --- freeing, when the magazine does not take it ---------------------------------------------- */

static void tell_wrong_free(enum object_misuse_kind kind, const struct kmem_cache *wanted,
			    uintptr_t address, const struct object_place *place, uintptr_t caller)
{
	struct object_misuse misuse = { .kind = kind, .address = address, .caller = caller };

	if (wanted != NULL && wanted->store->name[0] == '\0') {
		cache_tell_unknown(wanted, caller);
		return;
	}
	if (object_misuse_hook == NULL)
		return;
	if (kind == OBJECT_WRONG_CACHE)
		misuse.wanted = wanted->store->name;
	if (place->object != 0)
		misuse.offset = (int32_t)place->offset;
	object_fill_in(&misuse, place->store, place->object);
	object_misuse_hook(&misuse);
}

/* Make room in this core's magazine and put it there; or straight into its slab, if that is closed. */
static void free_behind(struct kmem_cache *mine, uintptr_t object, uint32_t irq)
{
	struct cache_store *store = mine->store;

	*mark_of(store, object) = mark_value(mine, object);
	if (store->limit == 0) {
		spin_lock(&store->lock);
		slab_give(mine, object);
		spin_unlock(&store->lock);
		return;
	}
	if (magazine_count(mine) == store->limit)
		magazine_give(mine, batch_for(store, irq));
	*(uintptr_t *)mine->stack.first = object;
	mine->stack.first += sizeof(uintptr_t);
}

/* Empty slabs that one free gives back to the page allocator, at most. */
#define RELEASE_MOST 2U

/* Called last of all by those below, so that its caller is theirs. */
static __attribute__((noinline)) void free_slow(struct kmem_cache *wanted, uintptr_t address,
						uint32_t irq)
{
	uintptr_t caller = (uintptr_t)__builtin_return_address(0);
	struct object_place place;
	struct kmem_cache *cache;
	int misuse = object_find_misuse(wanted, address, &place);

	if (unlikely(misuse >= 0)) {
		local_irq_restore(irq);
		tell_wrong_free((enum object_misuse_kind)misuse, wanted, address, &place, caller);
		return;
	}
	cache = &kmem_caches[cache_index(place.store)];
	if (unlikely(cache_is_watched(place.store))) {
		if (!slab_debug_free(cache, address, irq)) {
			tell_wrong_free(OBJECT_FREED_TWICE, wanted, address, &place, caller);
			return;
		}
	} else {
		free_behind(this_cpu_ptr(cache), address, irq);
		local_irq_restore(irq);
	}
	if (place.store->empty_slabs > place.store->keep_empty)
		slab_release(cache, place.store->keep_empty,
			     irqs_masked_flags(irq) ? 1 : RELEASE_MOST);
}

static __attribute__((noinline)) void kfree_slow(uintptr_t address, uint32_t irq)
{
	struct page *page;

	if (ZERO_OR_NULL_PTR(address)) {
		local_irq_restore(irq);
		return;
	}
	page = kmalloc_pages(address);
	if (page == NULL) {
		free_slow(NULL, address, irq);
		return;
	}
	/* If it is nobody else's, it goes the quick way that simple blocks go. Before interrupts are let
	 * in: who frees it once more from there finds no block of kmalloc. */
	page->flags -= page->count == 1 ? KMALLOC_PAGES : KMALLOC_PAGES - PAGE_COMPOUND;
	local_irq_restore(irq);
	__free_pages(page, page_order(page));
}

/* --- freeing: the hot path ----------------------------------------------------------------------- */

/* What the struct page says of an address, which may be anything: those of all addresses can be read. */
static inline __attribute__((always_inline)) uint32_t flags_at(const struct kmem_cache *cache,
							       uintptr_t address, uint32_t *phys)
{
	LOAD_PAIR(offset, struct_pages, &cache->place, "r2", "r3");

	*phys = (uint32_t)(address - offset);
	return ((const struct page *)struct_pages + (*phys >> PAGE_SHIFT))->flags;
}

/*
 * Into the magazine, once it is sure that this is an object of the magazine's cache, from its start,
 * and not free already. False: not sure, or no room. 33 instructions in kfree, so written with the
 * compiler's output in view.
 */
static inline __attribute__((always_inline)) bool push(struct kmem_cache *mine, uintptr_t object,
						       uint32_t phys, uint32_t flags)
{
	LOAD_PAIR(top, key, &mine->stack, "r4", "r5");
	uint32_t *mark;

	if (unlikely(slab_key(flags) != (uint32_t)key))
		return false;
	OPAQUE(key);
	{
		LOAD_PAIR(inverse, mark_bytes, &mine->start, "r6", "r7");
		LOAD_PAIR(objects, rotation, &mine->count, "r2", "r3");

		if (unlikely(!is_object_start(phys, (uint32_t)inverse, (uint32_t)rotation,
					      (uint32_t)objects)))
			return false;
		mark = (uint32_t *)(object + mark_bytes);
	}
	if (unlikely(*mark == (uint32_t)(object ^ key)))
		return false;
	if (unlikely(top % sizeof(struct kmem_cache) == 0))
		return false;
	*mark = (uint32_t)(object ^ key);
	*(uintptr_t *)top = object;
	mine->stack.first = top + sizeof(uintptr_t);
	return true;
}

void kmem_cache_free(struct kmem_cache *cache, void *object)
{
	uint32_t irq = local_irq_save();
	struct kmem_cache *mine = this_cpu_ptr(cache);
	uint32_t phys, flags = flags_at(mine, (uintptr_t)object, &phys);

	if (likely(push(mine, (uintptr_t)object, phys, flags)))
		local_irq_restore(irq);
	else
		free_slow(cache, (uintptr_t)object, irq);
}

/* The cache is the one that the struct page names; push sees whether that is true. */
void kfree(const void *object)
{
	uint32_t irq = local_irq_save();
	uint32_t phys, flags = flags_at(kmem_caches, (uintptr_t)object, &phys);
	struct kmem_cache *mine;

	mine = this_cpu_ptr(&kmem_caches[(flags >> PAGE_WINDOW_SHIFT) % KMEM_CACHES]);
	if (likely(push(mine, (uintptr_t)object, phys, flags)))
		local_irq_restore(irq);
	else
		kfree_slow((uintptr_t)object, irq);
}

void kmem_cache_free_bulk(struct kmem_cache *cache, size_t count, void **objects)
{
	for (size_t i = 0; i < count; i++)
		if (cache != NULL)
			kmem_cache_free(cache, objects[i]);
		else
			kfree(objects[i]);
}

/* SPDX-License-Identifier: MIT */
/* Slabs: blocks of pages that hold a cache's objects. cache.h draws one. */
#include "mm/obj/cache.h"
#include "mm/obj/slab_debug.h"
#include "mm/phys/page_alloc.h"
#include "mm/phys/zone.h"

/* --- free objects ---------------------------------------------------------------------------- */

/*
 * A link: the next free object's index in both halves, so that hardly anything else that is written
 * there passes for one; mangled with the mark's middle, so that it looks like no address.
 */
static inline uint32_t mangled(uint32_t word, uint32_t mark)
{
	return word ^ (mark >> 13 | mark << 19);
}

static inline uint32_t link_word(uint32_t index)
{
	return index << 16 | index;
}

static inline uint32_t linked_index(uint32_t link, uint32_t mark)
{
	uint32_t word = mangled(link, mark);

	return word == (word >> 16 | word << 16) ? word & 0xffff : SLAB_BAD_INDEX;
}

uint32_t slab_next_free(const struct cache_store *store, uintptr_t object, uint32_t mark)
{
	return linked_index(mark_of(store, object)[1], mark);
}

static inline void set_state(struct page *head, uint32_t first_free, uint32_t free_objects)
{
	head->count = free_objects << 16 | first_free;
}

/* --- out of use ------------------------------------------------------------------------------- */

/*
 * Objects that were written to while they were free, so that a mark in them says nothing any more; one
 * may even be somebody's, freed twice with a write in between. What is here is never freed again. When
 * it is full, the mark is written anew instead.
 */
#define ASIDE_MOST 128U

static struct spinlock aside_lock; /* inside a store's */
static uintptr_t aside[ASIDE_MOST];
static uint32_t aside_count;

bool slab_is_aside(const struct page *head, uintptr_t object)
{
	if (likely((head->flags & SLAB_HAS_ASIDE) == 0))
		return false;
	for (uint32_t i = 0; i < aside_count; i++)
		if (aside[i] == object)
			return true;
	return false;
}

/* From now on frees into this slab do not match its cache's key, so all of them take the slow path. */
static void put_aside(struct kmem_cache *cache, struct page *head, uintptr_t object)
{
	spin_lock(&aside_lock);
	if (aside_count < ASIDE_MOST)
		aside[aside_count++] = object;
	else
		*mark_of(cache->store, object) = mark_value(cache, object);
	spin_unlock(&aside_lock);
	for (uint32_t i = 0; i < 1U << page_order(head); i++)
		head[i].flags |= SLAB_HAS_ASIDE;
}

void slab_forget_aside(const struct page *head)
{
	uintptr_t start = head != NULL ? slab_address(head) : 0;
	uintptr_t bytes = head != NULL ? (uintptr_t)PAGE_SIZE << page_order(head) : UINTPTR_MAX;
	uint32_t irq = spin_lock_irqsave(&aside_lock), kept = 0;

	for (uint32_t i = 0; i < aside_count; i++)
		if (aside[i] - start >= bytes)
			aside[kept++] = aside[i];
	aside_count = kept;
	spin_unlock_irqrestore(&aside_lock, irq);
}

void slab_set_aside(struct kmem_cache *cache, uintptr_t object)
{
	uint32_t mark = mark_value(cache, object), *word = mark_of(cache->store, object);

	cache->store->quarantined++;
	object_tell_bytes(OBJECT_WRITTEN_AFTER_FREE, cache->store, object, (const uint8_t *)word,
			  (const uint8_t *)&mark, sizeof(mark));
	put_aside(cache, slab_head(virt_to_page((const void *)object)), object);
}

/*
 * This free object's link was written to, so nobody knows what follows: it and the `left` - 1 behind
 * it stay out of use for good.
 */
static __attribute__((noinline)) void give_up(struct kmem_cache *cache, uintptr_t object,
					      uint32_t left)
{
	struct cache_store *store = cache->store;
	uint32_t mark = mark_value(cache, object);
	/* What the link should be is not known; the last one's is as good as any. */
	const uint32_t wanted[2] = { mark, mangled(link_word(SLAB_NO_INDEX), mark) };

	store->quarantined += left;
	store->free_objects -= left;
	object_tell_bytes(OBJECT_WRITTEN_AFTER_FREE, store, object,
			  (const uint8_t *)mark_of(store, object), (const uint8_t *)wanted,
			  sizeof(wanted));
	put_aside(cache, slab_head(virt_to_page((const void *)object)), object);
}

/* --- taking ------------------------------------------------------------------------------------ */

/* Whether `next` can be the link of a free object with left - 1 behind it. */
static inline bool link_is_good(uint32_t next, uint32_t left, uint32_t objects)
{
	return left > 1 ? next < objects : next == SLAB_NO_INDEX;
}

/* Up to `most` from this slab, which has some. Returns how many: fewer when some were damaged. */
static inline uint32_t take_from(struct kmem_cache *cache, struct page *head, uint32_t most,
				 uintptr_t *items)
{
	struct cache_store *store = cache->store;
	uintptr_t start = slab_address(head) + store->left_bytes;
	uint32_t index = slab_first_free(head), left = slab_free_objects(head);
	uint32_t objects = slab_objects(store, head), before = left, taken = 0;

	if (left == objects)
		store->empty_slabs--;
	while (taken < most && left > 0) {
		uintptr_t object = start + index * store->slot_bytes;
		uint32_t *words = mark_of(store, object), mark = mark_value(cache, object);

		index = linked_index(words[1], mark);
		if (unlikely(!link_is_good(index, left, objects))) {
			give_up(cache, object, left);
			before -= left;
			index = SLAB_NO_INDEX;
			left = 0;
			break;
		}
		left--;
		if (likely(words[0] == mark)) {
			words[1] = 0; /* no link: it is on no list */
			items[taken++] = object;
		} else {
			slab_set_aside(cache, object);
		}
	}
	store->free_objects -= before - left;
	set_state(head, index, left);
	return taken;
}

uint32_t slab_take(struct kmem_cache *cache, uint32_t most, uintptr_t *items)
{
	struct page *anchor = &cache->store->partial;
	uint32_t taken = 0;

	while (taken < most && anchor->count != 0) {
		struct page *head = page_list_next(anchor);

		taken += take_from(cache, head, most - taken, items + taken);
		if (slab_free_objects(head) == 0) {
			page_list_unlink(head);
			anchor->count--;
		}
	}
	return taken;
}

/* --- giving ------------------------------------------------------------------------------------ */

/*
 * A slab that was full comes first, to be filled again before emptier ones; one that is all free goes
 * to the end, where slab_release finds it.
 */
static __attribute__((noinline)) void move_in_list(struct cache_store *store, struct page *head,
						   uint32_t left)
{
	if (left == 1)
		page_list_push(&store->partial, head);
	if (left == slab_objects(store, head)) {
		store->empty_slabs++;
		page_list_unlink(head);
		page_list_link(head, page_list_previous(&store->partial), &store->partial);
	}
}

/* All objects of a slab lie in the 2^n bytes that it is aligned to: no need to know where it begins. */
static inline void give(struct cache_store *store, uintptr_t object, uint32_t mark)
{
	struct page *head = slab_head(virt_to_page((const void *)object));
	uint32_t in_slab = (uint32_t)virt_to_phys((const void *)object) &
			   ((PAGE_SIZE << page_order(head)) - 1);
	uint32_t state = head->count;
	uint32_t left = (state >> 16) + 1;

	mark_of(store, object)[1] = mangled(link_word(state & 0xffff), mark);
	set_state(head, in_slab / store->slot_bytes, left);
	if (unlikely(left == 1 || left >= store->objects_least))
		move_in_list(store, head, left);
}

void slab_give(struct kmem_cache *cache, uintptr_t object)
{
	give(cache->store, object, mark_value(cache, object));
	cache->store->free_objects++;
}

static bool is_listed(struct kmem_cache *cache, const struct page *head, uintptr_t object)
{
	uint32_t index = slab_first_free(head);

	for (uint32_t left = slab_free_objects(head);
	     left > 0 && index < slab_objects(cache->store, head); left--) {
		uintptr_t listed = slab_object(cache->store, head, index);

		if (listed == object)
			return true;
		index = slab_next_free(cache->store, listed, mark_value(cache, listed));
	}
	return false;
}

/*
 * What comes out of a magazine has no link, unless it is on its slab's list already: then it was freed
 * twice, and its mark written to in between.
 */
static __attribute__((noinline)) bool refuse_listed(struct kmem_cache *cache, uintptr_t object)
{
	struct object_misuse misuse = { .kind = OBJECT_FREED_TWICE, .address = object };

	if (!is_listed(cache, slab_head(virt_to_page((const void *)object)), object))
		return false;
	object_fill_in(&misuse, cache->store, object);
	if (object_misuse_hook != NULL)
		object_misuse_hook(&misuse);
	return true;
}

void slab_give_marked(struct kmem_cache *cache, const uintptr_t *items, uint32_t count)
{
	struct cache_store *store = cache->store;
	uint32_t given = count;

	for (const uintptr_t *item = items; item < items + count; item++) {
		uint32_t mark = mark_value(cache, *item), *words = mark_of(store, *item);

		if (unlikely(words[0] != mark)) {
			slab_set_aside(cache, *item);
			given--;
		} else if (unlikely(linked_index(words[1], mark) != SLAB_BAD_INDEX &&
				    refuse_listed(cache, *item))) {
			given--;
		} else {
			give(store, *item, mark);
		}
	}
	store->free_objects += given;
}

bool slab_check_list(struct kmem_cache *cache, struct page *head)
{
	struct cache_store *store = cache->store;
	uint32_t left = slab_free_objects(head), all = left, index = slab_first_free(head);
	uint32_t *link_before = NULL, mark_before = 0;

	for (; left > 0; left--) {
		uintptr_t object = slab_object(store, head, index);
		uint32_t mark = mark_value(cache, object), *words = mark_of(store, object);

		index = linked_index(words[1], mark);
		if (!link_is_good(index, left, slab_objects(store, head)))
			break;
		link_before = &words[1];
		mark_before = mark;
	}
	if (left == 0)
		return true;
	/* The list ends before the broken one. */
	give_up(cache,
		link_before != NULL
			? slab_object(store, head, linked_index(*link_before, mark_before))
			: slab_object(store, head, slab_first_free(head)),
		left);
	if (all == slab_objects(store, head))
		store->empty_slabs--;
	if (link_before != NULL)
		*link_before = mangled(link_word(SLAB_NO_INDEX), mark_before);
	set_state(head, link_before != NULL ? slab_first_free(head) : SLAB_NO_INDEX, all - left);
	/* Away from the empty ones at the end. */
	page_list_unlink(head);
	store->partial.count--;
	if (all != left)
		page_list_push(&store->partial, head);
	return false;
}

/* --- making and giving back ------------------------------------------------------------------ */

/* What else a free object has: as constructed, painted. */
static void prepare(struct cache_store *store, struct page *head)
{
	for (uint32_t i = 0; i < slab_objects(store, head); i++) {
		uintptr_t object = slab_object(store, head, i);

		if (store->constructor != NULL)
			store->constructor((void *)object);
		if (cache_is_watched(store))
			slab_debug_free_pattern(store, object);
	}
	if (cache_is_watched(store))
		slab_debug_rest_pattern(store, head);
}

/* Marks, and links from each slot to the next. Nobody else knows the slab yet. */
static void fill(struct kmem_cache *cache, struct page *head)
{
	struct cache_store *store = cache->store;
	uint32_t objects = slab_objects(store, head), slot_bytes = store->slot_bytes;
	uint32_t key = (uint32_t)cache->stack.second;
	uint32_t word = link_word(1), next_word = link_word(1);
	uintptr_t object = slab_object(store, head, 0), end = object + objects * slot_bytes;
	uintptr_t last = end - slot_bytes;
	/* By two distances from one address, and from each link to the next: eight instructions an
	 * object. */
	uintptr_t mark_bytes = store->mark_bytes, link_bytes = mark_bytes + sizeof(uint32_t);

	OPAQUE(next_word);
	for (; object != end; object += slot_bytes, word += next_word) {
		uint32_t mark = (uint32_t)object ^ key;

		*(uint32_t *)(object + mark_bytes) = mark;
		*(uint32_t *)(object + link_bytes) = mangled(word, mark);
	}
	mark_of(store, last)[1] = mangled(link_word(SLAB_NO_INDEX), mark_value(cache, last));
	set_state(head, 0, objects);
}

static struct page *ask_for_pages(const struct cache_store *store, gfp_t gfp)
{
	struct page *head;

	gfp = (gfp & ~(GFP_CLASS_MASK | __GFP_ZERO | __GFP_COMP)) | store->gfp;
	if (store->order > store->min_order) {
		/* A try: a smaller slab will do as well. */
		head = alloc_pages((gfp | __GFP_NOWARN | __GFP_NORETRY) & ~__GFP_DIRECT_RECLAIM,
				   store->order);
		if (head != NULL)
			return head;
	}
	return alloc_pages(gfp, store->min_order);
}

uint32_t caches_with_slabs[(KMEM_CACHES + 31) / 32];

/* Atomic: other caches have other locks. */
void slab_note_any(const struct cache_store *store)
{
	uint32_t *word = &caches_with_slabs[cache_index(store) / 32];
	uint32_t bit = 1U << (cache_index(store) % 32);

	if (store->slabs == 0) {
		__atomic_fetch_and(word, ~bit, __ATOMIC_RELAXED);
		__atomic_fetch_sub(&page_shrinkables, 1, __ATOMIC_RELAXED);
	} else {
		__atomic_fetch_or(word, bit, __ATOMIC_RELAXED);
		__atomic_fetch_add(&page_shrinkables, 1, __ATOMIC_RELAXED);
	}
}

bool slab_grow(struct kmem_cache *cache, gfp_t gfp)
{
	struct cache_store *store = cache->store;
	struct page *head = ask_for_pages(store, gfp);
	uint32_t pages, flags, irq;

	if (head == NULL)
		return false;
	pages = 1U << page_order(head);
	/* Marks first: what a struct page says is a slab's object must not look live. */
	fill(cache, head);
	flags = head->flags + store->page_flags;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	for (uint32_t i = 0; i < pages; i++)
		head[i].flags = flags;
	if (store->constructor != NULL || cache_is_watched(store))
		prepare(store, head);
	irq = spin_lock_irqsave(&store->lock);
	page_list_link(head, page_list_previous(&store->partial), &store->partial);
	store->partial.count++;
	store->empty_slabs++;
	if (store->slabs++ == 0)
		slab_note_any(store);
	store->slab_pages += pages;
	store->objects += slab_objects(store, head);
	store->free_objects += slab_objects(store, head);
	spin_unlock_irqrestore(&store->lock, irq);
	return true;
}

/* Pages of their own again: no tail may look like a slab's any more. */
static void give_back(struct cache_store *store, struct page *head)
{
	unsigned int order = page_order(head);

	if (cache_is_watched(store))
		slab_debug_check_rest(store, head);
	for (uint32_t i = 1; i < 1U << order; i++)
		head[i].flags = 0;
	head->flags -= store->page_flags;
	head->count = 1;
	__free_pages(head, order);
}

bool slab_is_of(const struct cache_store *store, const struct page *head)
{
	return page_type(head) == PAGE_SLAB &&
	       (store == NULL ||
		(head->flags >> PAGE_WINDOW_SHIFT & PAGE_WINDOW_MASK) == cache_index(store));
}

struct page *slab_next(const struct cache_store *store, struct page *head)
{
	uint32_t pfn = head != NULL ? page_to_pfn(head) + (1U << page_order(head)) : 0;

	for (enum zone_type type = ZONE_DMA; type <= ZONE_NORMAL; type++) {
		uint32_t end_pfn = zones[type].span.start_pfn + zones[type].span.spanned_pages;

		for (pfn = max_u32(pfn, zones[type].span.start_pfn); pfn < end_pfn;) {
			head = page_block_head(pfn);
			if (head == NULL) {
				pfn = ALIGN_DOWN(pfn, VMEMMAP_UNIT_PAGES) + VMEMMAP_UNIT_PAGES;
				continue;
			}
			if (slab_is_of(store, head))
				return head;
			pfn = page_to_pfn(head) + (1U << page_order(head));
		}
	}
	return NULL;
}

uint32_t slab_release(struct kmem_cache *cache, uint32_t keep, uint32_t most)
{
	struct cache_store *store = cache->store;
	uint32_t released = 0;

	while (released < most && store->empty_slabs > keep) {
		uint32_t irq = spin_lock_irqsave(&store->lock);
		struct page *head = page_list_previous(&store->partial);
		bool empty = store->empty_slabs > keep;

		if (empty) {
			uint32_t objects = slab_objects(store, head);

			page_list_unlink(head);
			store->partial.count--;
			store->empty_slabs--;
			if (--store->slabs == 0)
				slab_note_any(store);
			store->slab_pages -= 1U << page_order(head);
			store->objects -= objects;
			store->free_objects -= objects;
		}
		spin_unlock_irqrestore(&store->lock, irq);
		if (!empty)
			break;
		give_back(store, head);
		released++;
	}
	return released;
}

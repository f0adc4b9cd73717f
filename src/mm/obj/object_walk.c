/* SPDX-License-Identifier: MIT */
#include "mm/obj/object_walk.h"

#include <string.h>

#include "mm/obj/cache.h"

const char *const object_state_names[OBJECT_STATES] = {
	[OBJECT_LIVE] = "live",
	[OBJECT_LISTED] = "free in its slab",
	[OBJECT_CACHED] = "free in a magazine",
	[OBJECT_ASIDE] = "quarantined",
};

/* Of a slab's slots: 4096 bytes hold 512 of the smallest, and only larger ones have larger slabs. */
struct slot_set {
	uint32_t words[SLAB_OBJECTS_MOST / 32];
};

static bool is_in(const struct slot_set *set, uint32_t index)
{
	return set->words[index / 32] >> (index % 32) & 1;
}

static void put_in(struct slot_set *set, uint32_t index)
{
	set->words[index / 32] |= 1U << (index % 32);
}

/*
 * Interrupts are let in after so many links or objects, and for visits. Nobody should take or free objects while
 * caches are walked; where somebody does, the slab's list is looked at anew.
 */
#define LINKS_AT_ONCE   32U
#define OBJECTS_AT_ONCE 8U

/* Under the lock. The slab is as it was: of this cache, with as many free, the same first. */
static bool is_unchanged(const struct cache_store *store, const struct page *head, uint32_t state)
{
	return slab_is_of(store, head) && head->count == state;
}

/* From *index on as far as links lead; one that leads in a circle is not followed twice. Returns how many are left. */
static uint32_t follow_links(const struct cache_store *store, const struct page *head,
			     uint32_t *index, uint32_t left, struct slot_set *listed)
{
	const struct kmem_cache *cache = &kmem_caches[cache_index(store)];

	for (unsigned int links = 0; left > 0 && links < LINKS_AT_ONCE; left--, links++) {
		uintptr_t object;

		if (*index >= slab_objects(store, head))
			return 0;
		object = slab_object(store, head, *index);
		put_in(listed, *index);
		*index = slab_next_free(store, object, mark_value(cache, object));
	}
	return left;
}

/* False: the slab changed meanwhile. */
static bool find_listed(struct cache_store *store, const struct page *head, uint32_t state,
			struct slot_set *listed)
{
	uint32_t index = state & 0xffff, left = state >> 16;
	bool unchanged;

	memset(listed, 0, sizeof(*listed));
	do {
		uint32_t irq = spin_lock_irqsave(&store->lock);

		unchanged = is_unchanged(store, head, state);
		if (unchanged)
			left = follow_links(store, head, &index, left, listed);
		spin_unlock_irqrestore(&store->lock, irq);
	} while (unchanged && left > 0);
	return unchanged;
}

static void find_cached(const struct cache_store *store, const struct page *head,
			struct slot_set *cached)
{
	const struct kmem_cache *mine = this_cpu_ptr(&kmem_caches[cache_index(store)]);
	const uintptr_t *item = magazine_bottom(mine);
	uintptr_t start = slab_address(head), bytes = (uintptr_t)PAGE_SIZE << page_order(head);

	memset(cached, 0, sizeof(*cached));
	for (uint32_t i = 0; i < magazine_count(mine); i++)
		if (item[i] - start < bytes)
			put_in(cached, (uint32_t)(item[i] - start) / store->slot_bytes);
}

static enum object_state state_of(const struct object_place *place, const struct slot_set *listed,
				  const struct slot_set *cached)
{
	if (is_in(listed, place->index))
		return OBJECT_LISTED;
	if (is_in(cached, place->index))
		return OBJECT_CACHED;
	return object_is_free(place) || slab_is_aside(place->head, place->object) ? OBJECT_ASIDE
										  : OBJECT_LIVE;
}

/* Some more objects. False: the slab changed since `listed` was found. */
static bool visit_some(struct object_place *place, uint32_t slab_state,
		       const struct slot_set *listed, object_visitor *visit, void *context)
{
	struct cache_store *store = place->store;
	uint32_t irq = spin_lock_irqsave(&store->lock), objects = slab_objects(store, place->head);
	bool unchanged = is_unchanged(store, place->head, slab_state);
	uint32_t first = place->index, end = min_u32(first + OBJECTS_AT_ONCE, objects);
	enum object_state states[OBJECTS_AT_ONCE];
	struct slot_set cached;

	if (unchanged)
		find_cached(store, place->head, &cached);
	for (; unchanged && place->index < end; place->index++) {
		place->object = slab_object(store, place->head, place->index);
		states[place->index - first] = state_of(place, listed, &cached);
	}
	spin_unlock_irqrestore(&store->lock, irq);
	for (place->index = first; unchanged && place->index < end; place->index++) {
		place->object = slab_object(store, place->head, place->index);
		visit(place, states[place->index - first], context);
	}
	return unchanged;
}

/* A handler may have given the slab back since it was found. */
static void walk_slab(struct cache_store *store, struct page *head, object_visitor *visit,
		      void *context)
{
	struct object_place place = { .store = store, .head = head };
	struct slot_set listed;

	while (slab_is_of(store, head) && place.index < slab_objects(store, head)) {
		uint32_t state = head->count;

		if (!find_listed(store, head, state, &listed))
			continue;
		while (place.index < slab_objects(store, head) &&
		       visit_some(&place, state, &listed, visit, context))
			;
	}
}

void object_walk(const struct cache_store *store, object_visitor *visit, void *context)
{
	struct page *head = NULL;

	while ((head = slab_next(store, head)) != NULL)
		walk_slab(&cache_stores[cache_index(store)], head, visit, context);
}

enum object_state object_state_of(const struct object_place *place)
{
	struct slot_set listed, cached;

	if (!find_listed(place->store, place->head, place->head->count, &listed))
		memset(&listed, 0, sizeof(listed));
	find_cached(place->store, place->head, &cached);
	return state_of(place, &listed, &cached);
}

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

/* As far as links lead; one that leads in a circle is not followed twice. */
static void find_listed(const struct cache_store *store, const struct page *head,
			struct slot_set *listed)
{
	const struct kmem_cache *cache = &kmem_caches[cache_index(store)];
	uint32_t index = slab_first_free(head);

	memset(listed, 0, sizeof(*listed));
	for (uint32_t left = slab_free_objects(head); left > 0; left--) {
		uintptr_t object;

		if (index >= slab_objects(store, head))
			return;
		object = slab_object(store, head, index);
		put_in(listed, index);
		index = slab_next_free(store, object, mark_value(cache, object));
	}
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

/* One slab at a time stands still; a handler may have given it back since it was found. */
static void walk_slab(struct cache_store *store, struct page *head, object_visitor *visit,
		      void *context)
{
	struct object_place place = { .store = store, .head = head };
	uint32_t irq = spin_lock_irqsave(&store->lock);
	struct slot_set listed, cached;

	if (slab_is_of(store, head)) {
		find_listed(store, head, &listed);
		find_cached(store, head, &cached);
		for (; place.index < slab_objects(store, head); place.index++) {
			place.object = slab_object(store, head, place.index);
			visit(&place, state_of(&place, &listed, &cached), context);
		}
	}
	spin_unlock_irqrestore(&store->lock, irq);
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

	find_listed(place->store, place->head, &listed);
	find_cached(place->store, place->head, &cached);
	return state_of(place, &listed, &cached);
}

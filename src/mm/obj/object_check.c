/* SPDX-License-Identifier: MIT */
#include "mm/obj/object_check.h"

#include "mm/obj/cache.h"
#include "mm/obj/object_walk.h"
#include "mm/phys/zone.h"

/* What one cache's slabs add up to. */
struct cache_tally {
	struct object_check_result *result;
	uint32_t slabs, slab_pages, empty_slabs, partial_slabs;
	uint32_t objects, states[OBJECT_STATES];
};

static bool complain(struct object_check_result *result, const struct cache_store *store,
		     uintptr_t address, const char *broken)
{
	if (result->broken == NULL) {
		result->broken = broken;
		result->cache = store != NULL ? store->name : NULL;
		result->address = address;
	}
	return false;
}

static void check_object(const struct object_place *place, enum object_state state, void *context)
{
	struct cache_tally *tally = context;

	tally->objects++;
	tally->states[state]++;
	if (state != OBJECT_LIVE && state != OBJECT_ASIDE && !object_is_free(place))
		complain(tally->result, place->store, place->object,
			 "a free object was written to");
}

/* As many on the list as the slab says. */
static void check_list(struct cache_tally *tally, const struct cache_store *store,
		       const struct page *head)
{
	const struct kmem_cache *cache = &kmem_caches[cache_index(store)];
	uint32_t index = slab_first_free(head), left = slab_free_objects(head);

	for (; left > 0 && index < slab_objects(store, head); left--) {
		uintptr_t object = slab_object(store, head, index);

		index = slab_next_free(store, object, mark_value(cache, object));
	}
	if (left != 0 || index != SLAB_NO_INDEX)
		complain(tally->result, store, slab_address(head),
			 "a slab's list is not as long as it says");
}

static void check_slab(struct cache_tally *tally, const struct cache_store *store,
		       const struct page *head)
{
	uint32_t free_objects = slab_free_objects(head);

	tally->slabs++;
	tally->slab_pages += 1U << page_order(head);
	tally->partial_slabs += free_objects != 0;
	tally->empty_slabs += free_objects == slab_objects(store, head);
	if (slab_key(head->flags & ~SLAB_HAS_ASIDE) !=
	    (uint32_t)kmem_caches[cache_index(store)].stack.second)
		complain(tally->result, store, slab_address(head), "a slab's flags are damaged");
	if (free_objects > slab_objects(store, head))
		complain(tally->result, store, slab_address(head),
			 "a slab has more free objects than it has objects");
	else
		check_list(tally, store, head);
}

/* The slabs with free objects, those that are all free at the end. */
static bool check_partial(struct cache_tally *tally, const struct cache_store *store)
{
	const struct page *anchor = &store->partial, *head = page_list_next(anchor);
	uint32_t length = 0, empty = 0;

	for (; head != anchor && length <= anchor->count; length++) {
		uint32_t free_objects = slab_free_objects(head);
		bool all_free = free_objects == slab_objects(store, head);

		if (page_list_next(page_list_previous(head)) != head || free_objects == 0)
			return complain(tally->result, store, slab_address(head),
					"a list of slabs holds one that is not its own");
		if (empty != 0 && !all_free)
			return complain(tally->result, store, slab_address(head),
					"an empty slab is not at the end of its list");
		empty += all_free;
		head = page_list_next(head);
	}
	if (length != anchor->count || length != tally->partial_slabs)
		return complain(tally->result, store, 0,
				"a list of slabs is not as long as it counts");
	return true;
}

static bool check_magazine(struct cache_tally *tally, const struct cache_store *store)
{
	const struct kmem_cache *mine = this_cpu_ptr(&kmem_caches[cache_index(store)]);
	const uintptr_t *item = magazine_bottom(mine);
	struct object_place place;

	for (uint32_t i = 0; i < magazine_count(mine); i++) {
		object_find(item[i], &place);
		if (place.store != store || place.object != item[i])
			return complain(tally->result, store, item[i],
					"a magazine holds what is no object of its cache");
		for (uint32_t j = 0; j < i; j++)
			if (item[j] == item[i])
				return complain(tally->result, store, item[i],
						"a magazine holds an object twice");
	}
	/* One that a list has as well counts there. */
	if (tally->states[OBJECT_CACHED] != magazine_count(mine))
		return complain(tally->result, store, 0,
				"an object is on a list and in a magazine");
	return true;
}

static bool check_counts(const struct cache_tally *tally, const struct cache_store *store)
{
	if (tally->slabs != store->slabs || tally->slab_pages != store->slab_pages ||
	    tally->empty_slabs != store->empty_slabs)
		return complain(tally->result, store, 0, "slabs are not as many as counted");
	if (tally->objects != store->objects ||
	    tally->states[OBJECT_LISTED] != store->free_objects ||
	    tally->states[OBJECT_ASIDE] != store->quarantined)
		return complain(tally->result, store, 0, "objects are not as many as counted");
	return true;
}

static void check_cache(struct object_check_result *result, const struct cache_store *store)
{
	struct cache_tally tally = { .result = result };
	struct page *head = NULL;

	/* Without slabs there is nothing to look for, but nothing may be counted either. */
	if (store->slabs == 0) {
		check_counts(&tally, store);
		return;
	}
	if (magazine_count(this_cpu_ptr(&kmem_caches[cache_index(store)])) > store->limit)
		complain(result, store, 0, "a magazine is overfull");
	while ((head = slab_next(store, head)) != NULL)
		check_slab(&tally, store, head);
	if (result->broken != NULL)
		return;
	object_walk(store, check_object, &tally);
	if (!check_partial(&tally, store) || !check_magazine(&tally, store) ||
	    !check_counts(&tally, store))
		return;
	result->slabs += tally.slabs;
	result->slab_pages += tally.slab_pages;
	result->objects += tally.objects;
	result->live += tally.states[OBJECT_LIVE];
	result->listed += tally.states[OBJECT_LISTED];
	result->cached += tally.states[OBJECT_CACHED];
	result->quarantined += tally.states[OBJECT_ASIDE];
}

/* Once over all of RAM, so that only caches with slabs need to look for theirs. */
static void check_all_slabs(struct object_check_result *result)
{
	struct page *head = NULL;
	uint32_t counted = 0, found = 0;

	for (unsigned int i = 0; i < KMEM_CACHES; i++)
		counted += cache_stores[i].name[0] != '\0' ? cache_stores[i].slabs : 0;
	while ((head = slab_next(NULL, head)) != NULL) {
		uint32_t index = head->flags >> PAGE_WINDOW_SHIFT & PAGE_WINDOW_MASK;

		found++;
		if (index >= KMEM_CACHES || cache_stores[index].name[0] == '\0')
			complain(result, NULL, slab_address(head), "a slab belongs to no cache");
	}
	if (found != counted)
		complain(result, NULL, 0, "slabs are not as many as all caches count");
}

bool object_check(struct object_check_result *result)
{
	*result = (struct object_check_result){ .broken = NULL };
	check_all_slabs(result);
	for (unsigned int i = 0; i < KMEM_CACHES && result->broken == NULL; i++)
		if (cache_stores[i].name[0] != '\0')
			check_cache(result, &cache_stores[i]);
	return result->broken == NULL;
}

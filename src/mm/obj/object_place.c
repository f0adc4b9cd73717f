/* SPDX-License-Identifier: MIT */
#include "mm/obj/object.h"

#include "mm/obj/cache.h"
#include "mm/obj/slab_debug.h"

void (*object_misuse_hook)(const struct object_misuse *misuse);

/* --- finding --------------------------------------------------------------------------------- */

/* The cache that a struct page says it is a slab of. Stale ones say another boot, or a cache that
 * does not exist. */
static struct cache_store *store_of(const struct page *page)
{
	uint32_t index = page->flags >> PAGE_WINDOW_SHIFT & PAGE_WINDOW_MASK;

	if (page_type(page) != PAGE_SLAB || index >= KMEM_CACHES ||
	    cache_stores[index].name[0] == '\0' ||
	    slab_key(page->flags & ~SLAB_HAS_ASIDE) != (uint32_t)kmem_caches[index].stack.second)
		return NULL;
	return &cache_stores[index];
}

const char *slab_cache_name(const struct page *head)
{
	const struct cache_store *store = store_of(head);

	return store != NULL ? store->name : "(none)";
}

void object_find(uintptr_t address, struct object_place *place)
{
	struct page *page = page_at(address);
	uint32_t in_slab;

	*place = (struct object_place){ .head = NULL };
	if (page == NULL)
		return;
	place->head = page_block_head(page_to_pfn(page));
	place->store = store_of(page);
	if (place->store == NULL || place->head != slab_head(page)) {
		place->store = NULL;
		return;
	}
	in_slab = (uint32_t)(address - slab_address(place->head));
	place->index = in_slab / place->store->slot_bytes;
	if (place->index >= slab_objects(place->store, place->head))
		return;
	place->object = slab_object(place->store, place->head, place->index);
	place->offset = (uint32_t)(address - place->object);
}

bool object_is_free(const struct object_place *place)
{
	return *mark_of(place->store, place->object) ==
	       mark_value(&kmem_caches[cache_index(place->store)], place->object);
}

int object_find_misuse(const struct kmem_cache *wanted, uintptr_t address,
		       struct object_place *place)
{
	object_find(address, place);
	if (place->store == NULL)
		return OBJECT_NOT_OWNED;
	if (wanted != NULL && wanted != &kmem_caches[cache_index(place->store)])
		return OBJECT_WRONG_CACHE;
	if (place->object != address)
		return OBJECT_MIDDLE;
	return object_is_free(place) || slab_is_aside(place->head, address) ? OBJECT_FREED_TWICE
									    : -1;
}

/* --- telling --------------------------------------------------------------------------------- */

void object_fill_in(struct object_misuse *misuse, const struct cache_store *store, uintptr_t object)
{
	misuse->object = object;
	if (store == NULL)
		return;
	misuse->cache = store->name;
	misuse->bytes = store->object_bytes;
	if (object != 0)
		slab_debug_tracks(store, object, &misuse->taken, &misuse->given);
}

void object_tell_bytes(enum object_misuse_kind kind, const struct cache_store *store,
		       uintptr_t object, const uint8_t *found, const uint8_t *expected,
		       uint32_t count)
{
	struct object_misuse misuse = { .kind = kind, .address = object };
	uint32_t first = 0, last = 0;

	while (first < count && found[first] == expected[first])
		first++;
	for (uint32_t i = first; i < count; i++)
		if (found[i] != expected[i])
			last = i;
	misuse.offset = (int32_t)((uintptr_t)found + first - object);
	misuse.wrong_bytes = first < count ? last - first + 1 : 0;
	for (uint32_t i = 0; i < min_u32(misuse.wrong_bytes, MISUSE_BYTES); i++) {
		misuse.found[i] = found[first + i];
		misuse.expected[i] = expected[first + i];
	}
	object_fill_in(&misuse, store, object);
	if (object_misuse_hook != NULL)
		object_misuse_hook(&misuse);
}

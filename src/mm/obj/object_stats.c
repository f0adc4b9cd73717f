/* SPDX-License-Identifier: MIT */
#include "mm/obj/object_stats.h"

#include <string.h>

#include "mm/obj/cache.h"
#include "mm/obj/object_walk.h"
#include "mm/obj/slab_debug.h"

/* --- caches ---------------------------------------------------------------------------------- */

bool cache_snapshot(unsigned int index, struct cache_snapshot *snapshot)
{
	struct cache_store *store = &cache_stores[index];
	uint32_t irq;

	if (index >= KMEM_CACHES || store->name[0] == '\0')
		return false;
	irq = spin_lock_irqsave(&store->lock);
	*snapshot = (struct cache_snapshot){
		.flags = store->flags,
		.object_bytes = store->object_bytes,
		.slot_bytes = store->slot_bytes,
		.objects_each = store->objects_each,
		.pages_each = 1U << store->order,
		.magazine_limit = store->limit,
		.magazine_batch = store->batch,
		.slabs = store->slabs,
		.empty_slabs = store->empty_slabs,
		.slab_pages = store->slab_pages,
		.objects = store->objects,
		.listed = store->free_objects,
		.cached = magazine_count(this_cpu_ptr(&kmem_caches[index])),
		.quarantined = store->quarantined,
	};
	memcpy(snapshot->name, store->name, sizeof(snapshot->name));
	spin_unlock_irqrestore(&store->lock, irq);
	snapshot->live =
		snapshot->objects - snapshot->listed - snapshot->cached - snapshot->quarantined;
	return true;
}

void slab_pages_count(uint32_t *pages, uint32_t *reclaimable_pages)
{
	*pages = *reclaimable_pages = 0;
	for (unsigned int i = 0; i < KMEM_CACHES; i++) {
		const struct cache_store *store = &cache_stores[i];

		if (store->name[0] == '\0')
			continue;
		*pages += store->slab_pages;
		if ((store->flags & SLAB_RECLAIM_ACCOUNT) != 0)
			*reclaimable_pages += store->slab_pages;
	}
}

/* --- one address ----------------------------------------------------------------------------- */

void object_info(uintptr_t address, struct object_info *info)
{
	struct object_place place;

	*info = (struct object_info){ .where = OBJECT_INFO_NO_RAM };
	object_find(address, &place);
	if (place.head == NULL)
		return;
	info->block = slab_address(place.head);
	info->order = page_order(place.head);
	info->page_type = page_type_name(place.head->flags);
	info->where = kmalloc_pages(info->block) != NULL ? OBJECT_INFO_KMALLOC : OBJECT_INFO_PAGE;
	if (place.store == NULL)
		return;
	info->where = OBJECT_INFO_SLAB;
	info->cache = place.store->name;
	info->objects = slab_objects(place.store, place.head);
	info->free_objects = slab_free_objects(place.head);
	info->index = place.index;
	info->object = place.object;
	if (place.object == 0)
		return;
	info->object_bytes = place.store->object_bytes;
	info->offset = (int32_t)place.offset;
	info->state = object_state_names[object_state_of(&place)];
	slab_debug_tracks(place.store, place.object, &info->taken, &info->given);
}

/* --- users ----------------------------------------------------------------------------------- */

struct gathering {
	struct object_user *users;
	unsigned int count, most;
	uint32_t left_objects;
};

static bool same_way(const struct owner_stack *a, const struct owner_stack *b)
{
	return a->frames == b->frames && memcmp(a->pc, b->pc, a->frames * sizeof(a->pc[0])) == 0;
}

static struct object_user *user_of(struct gathering *gathering, const char *cache,
				   const struct owner_stack *taken)
{
	struct object_user *user = gathering->users;

	for (; user < gathering->users + gathering->count; user++)
		if (user->cache == cache && same_way(&user->taken, taken))
			return user;
	if (gathering->count == gathering->most)
		return NULL;
	gathering->count++;
	*user = (struct object_user){ .cache = cache, .taken = *taken };
	return user;
}

static void gather(const struct object_place *place, enum object_state state, void *context)
{
	struct gathering *gathering = context;
	struct owner_stack taken, given;
	struct object_user *user;

	if (state != OBJECT_LIVE)
		return;
	slab_debug_tracks(place->store, place->object, &taken, &given);
	user = user_of(gathering, place->store->name, &taken);
	if (user == NULL) {
		gathering->left_objects++;
		return;
	}
	user->objects++;
	user->bytes += slab_debug_asked(place->store, place->object);
}

static void sort(struct object_user *users, unsigned int count)
{
	for (unsigned int i = 1; i < count; i++) {
		struct object_user user = users[i];
		unsigned int j = i;

		for (; j > 0 && users[j - 1].bytes < user.bytes; j--)
			users[j] = users[j - 1];
		users[j] = user;
	}
}

unsigned int object_users(const char *cache, struct object_user *users, unsigned int most,
			  uint32_t *left_objects)
{
	struct gathering gathering = { .users = users, .most = most };

	for (unsigned int i = 0; i < KMEM_CACHES; i++) {
		const struct cache_store *store = &cache_stores[i];

		if (store->name[0] != '\0' && store->slabs != 0 &&
		    (store->flags & SLAB_STORE_USER) != 0 &&
		    (cache == NULL || strcmp(cache, store->name) == 0))
			object_walk(store, gather, &gathering);
	}
	sort(users, gathering.count);
	*left_objects = gathering.left_objects;
	return gathering.count;
}

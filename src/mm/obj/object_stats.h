/* SPDX-License-Identifier: MIT */
/* What there is, in numbers: for slabinfo, slabtop, leaks and meminfo. Snapshots, to be printed by others. */
#ifndef STRATA_MM_OBJ_OBJECT_STATS_H
#define STRATA_MM_OBJ_OBJECT_STATS_H

#include "mm/obj/slab.h"
#include "mm/phys/page_owner.h"

struct cache_snapshot {
	char name[CACHE_NAME_BYTES];
	uint32_t flags; /* SLAB_*, slab_debug's among them */
	uint32_t object_bytes, slot_bytes, objects_each, pages_each;
	uint32_t magazine_limit, magazine_batch;
	uint32_t slabs, empty_slabs, slab_pages;
	/* objects = live + listed + cached + quarantined */
	uint32_t objects, live, listed, cached, quarantined;
};

/* Of entry `index` of the table; false: no cache is there. */
bool cache_snapshot(unsigned int index, struct cache_snapshot *snapshot);

/* Pages of all slabs; of those, what may be had back by freeing objects under pressure. */
void slab_pages_count(uint32_t *pages, uint32_t *reclaimable_pages);

/* What is known of an address. */
struct object_info {
	enum { OBJECT_INFO_NO_RAM, OBJECT_INFO_PAGE, OBJECT_INFO_KMALLOC, OBJECT_INFO_SLAB } where;
	/* Of a page, of kmalloc's block of whole pages, of a slab. */
	uintptr_t block;
	unsigned int order;
	const char *page_type;
	/* Of a slab. */
	const char *cache;
	uint32_t objects, free_objects, index;
	uintptr_t object; /* 0: behind the last one */
	uint32_t object_bytes;
	int32_t offset; /* of the address in the object */
	const char *state;
	struct owner_stack taken, given; /* no frames: not known */
};

void object_info(uintptr_t address, struct object_info *info);

/* Live objects of watched caches that were taken by the same way. */
struct object_user {
	const char *cache;
	uint32_t objects;
	size_t bytes; /* as asked for */
	struct owner_stack taken;
};

/*
 * The users of one cache, or of all that have SLAB_STORE_USER for NULL, who has most bytes first.
 * Returns how many; *left_objects counts those for whom there was no room. Takes time that grows with
 * RAM and objects.
 */
unsigned int object_users(const char *cache, struct object_user *users, unsigned int most,
			  uint32_t *left_objects);

#endif

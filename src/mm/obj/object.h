/* SPDX-License-Identifier: MIT */
/* Where an address lies among slabs and objects; for this room, for reports and for people. */
#ifndef STRATA_MM_OBJ_OBJECT_H
#define STRATA_MM_OBJ_OBJECT_H

#include "mm/obj/misuse.h"

struct cache_store;

struct object_place {
	struct cache_store *store; /* NULL: no slab is there */
	struct page *head;         /* of the slab; of the block where there is no slab, or NULL */
	uint32_t index;            /* the slot's number */
	uintptr_t object;          /* its object's start; 0: behind the last slot */
	uint32_t offset; /* of the address in the slot's object; negative in its left red zone */
};

/* The name of the cache that a struct page of type PAGE_SLAB belongs to. */
const char *slab_cache_name(const struct page *head);

/* Any address at all, without a fault. */
void object_find(uintptr_t address, struct object_place *place);

/* Whether an object carries the mark of a free one. */
bool object_is_free(const struct object_place *place);

/* What is wrong with freeing this as an object of `wanted` (NULL: of any cache); negative: nothing. */
int object_find_misuse(const struct kmem_cache *wanted, uintptr_t address,
		       struct object_place *place);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Watched caches: `slab_debug=` in Linux's letters (Documentation/mm/slub.rst), for all caches or
 * for those that are named.
 *
 *	F  sanity: a slab's list of free objects is followed at each call
 *	Z  red zones: what runs out of an object, to the left or the right, is found when it is freed;
 *	   for kmalloc from the last byte that was asked for
 *	P  poison: free objects hold 0x6b and 0xa5 at the end; one that was written to is found when it
 *	   is taken
 *	U  users: who took each object and who freed it last, with the way there; `leaks` lists them
 *
 *	slab_debug            all of them, for all caches
 *	slab_debug=FZ         these, for all
 *	slab_debug=FZPU,kmalloc-*,request;P    all for those whose names match, P for the others
 *	slab_debug=-          none
 *
 * A cache is watched from when it is made, for good. What is found is told, put right, and the call
 * goes on; a free object that turns out to have been written to when it is taken is kept out of use.
 */
#ifndef STRATA_MM_OBJ_SLAB_DEBUG_H
#define STRATA_MM_OBJ_SLAB_DEBUG_H

#include "mm/obj/misuse.h"

struct cache_store;

/* Linux's bytes. */
#define POISON_FREE        0x6b
#define POISON_END         0xa5
#define POISON_PADDING     0x5a
#define RED_ZONE_FREE      0xbb
#define RED_ZONE_ALLOCATED 0xcc

/* Set from text as above; NULL, or what is wrong with it, and then nothing changed. NULL: all. */
const char *slab_debug_parse(const char *text);

/* SLAB_* flags that a new cache of this name gets. Poison is not for those with a constructor. */
uint32_t slab_debug_flags(const char *name, bool has_constructor);

/* --- for the allocator, of watched caches ----------------------------------------------------- */

/* Set the store's slot, mark, record and left red zone from its object's size and alignment. */
void slab_debug_layout(struct cache_store *store);

/* Paint a free object and what belongs to it; what is left of a slab behind its slots. */
void slab_debug_free_pattern(struct cache_store *store, uintptr_t object);
void slab_debug_rest_pattern(struct cache_store *store, struct page *head);
bool slab_debug_check_rest(struct cache_store *store, struct page *head);

void *slab_debug_alloc(struct kmem_cache *cache, gfp_t gfp, size_t bytes);
/*
 * With interrupts masked by the caller, on return as `irq` says. False: somebody has freed it since the
 * caller looked.
 */
bool slab_debug_free(struct kmem_cache *cache, uintptr_t object, uint32_t irq);

/* What was asked for last, and asking for more or less of the same object: the red zone moves. */
size_t slab_debug_asked(const struct cache_store *store, uintptr_t object);
void slab_debug_ask(struct cache_store *store, uintptr_t object, size_t bytes);

/* --- for people --------------------------------------------------------------------------------- */

/* Who had an object; no frames where that is not known. */
void slab_debug_tracks(const struct cache_store *store, uintptr_t object, struct owner_stack *taken,
		       struct owner_stack *given);

/* Look at every object of a watched cache, live or free, and at what lies between them. How many had
 * something wrong; it was told and put right. */
uint32_t slab_debug_validate(struct kmem_cache *cache);

/* The same of all watched caches, or of those of one name. Returns how many caches these are. */
unsigned int slab_debug_validate_all(const char *name, uint32_t *wrong);

#endif

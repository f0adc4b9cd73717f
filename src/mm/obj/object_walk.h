/* SPDX-License-Identifier: MIT */
/*
 * Every object of a cache, and what state it is in. For reports, for people, and for the walker in
 * object_check.c. It takes time that grows with RAM and expects that nobody else allocates meanwhile.
 */
#ifndef STRATA_MM_OBJ_OBJECT_WALK_H
#define STRATA_MM_OBJ_OBJECT_WALK_H

#include "mm/obj/object.h"

enum object_state {
	OBJECT_LIVE,
	OBJECT_LISTED, /* free, on its slab's list */
	OBJECT_CACHED, /* free, in a magazine */
	OBJECT_ASIDE,  /* quarantined */
	OBJECT_STATES,
};

/* It may neither allocate nor free of the cache that is walked. */
typedef void object_visitor(const struct object_place *place, enum object_state state,
			    void *context);

void object_walk(const struct cache_store *store, object_visitor *visit, void *context);

/* Of one object. */
enum object_state object_state_of(const struct object_place *place);

/* "live" and so on. */
extern const char *const object_state_names[OBJECT_STATES];

#endif

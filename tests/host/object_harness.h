/* SPDX-License-Identifier: MIT */
/*
 * The object allocator on the host: page_harness's machine, with kmalloc on top. Objects are written
 * through their own addresses.
 */
#ifndef STRATA_TESTS_OBJECT_HARNESS_H
#define STRATA_TESTS_OBJECT_HARNESS_H

#include "mm/obj/cache.h"
#include "mm/obj/object_check.h"
#include "mm/obj/object_fail.h"
#include "mm/obj/object_walk.h"
#include "mm/obj/slab_debug.h"
#include "page_harness.h"

/*
 * A machine as at power-on (NULL: 16 MiB of DMA, 48 MiB of Normal, 16 MiB of HighMem, no watermarks),
 * caches as slab_debug= with this text makes them (NULL: as without it), hooks recording.
 */
void objects_start(const struct harness_machine *machine, const char *slab_debug);

/* What object_misuse_hook was told since objects_start, and the last thing. */
extern uint32_t objects_misuses;
extern struct object_misuse objects_last_misuse;

/* Exactly one misuse of this kind was told since the last look; it is taken off the count. */
void objects_expect(enum object_misuse_kind kind);

/* Both walkers; a broken rule fails the test with its sentence. Fills *result if given. */
void objects_check(struct object_check_result *result);

/* A cache's counts as its walker finds them. */
uint32_t objects_live(const struct kmem_cache *cache);

/* All memory that holds no live object goes back to the page allocator, and the buddy's lists. */
void objects_shrink_all(void);

#endif

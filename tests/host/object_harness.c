/* SPDX-License-Identifier: MIT */
#include "object_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "kern/fatal.h"

const char __object_text_start[1], __object_text_end[1];

uint32_t objects_misuses;
struct object_misuse objects_last_misuse;

/* Whoever makes a cache with SLAB_PANIC. */
void fatal(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	fail();
	abort();
}

static void note(const struct object_misuse *misuse)
{
	objects_misuses++;
	objects_last_misuse = *misuse;
}

static const struct harness_machine ordinary = {
	.zone_pages = { [ZONE_DMA] = 4096, [ZONE_NORMAL] = 12288, [ZONE_HIGHMEM] = 4096 },
};

void objects_start(const struct harness_machine *machine, const char *slab_debug)
{
	memset(cache_stores, 0, sizeof(cache_stores));
	memset(kmem_caches, 0, sizeof(kmem_caches));
	memset(caches_with_slabs, 0, sizeof(caches_with_slabs));
	page_shrinkables = 0;
	objects_fail = false;
	memset(&object_fail, 0, sizeof(object_fail));
	assert_null(slab_debug_parse(slab_debug != NULL ? slab_debug : "-"));
	harness_start(machine != NULL ? machine : &ordinary);
	if (machine == NULL)
		harness_clear_watermarks();
	object_misuse_hook = note;
	objects_misuses = 0;
	slab_init();
}

void objects_expect(enum object_misuse_kind kind)
{
	assert_int_equal(objects_misuses, 1);
	assert_int_equal(objects_last_misuse.kind, kind);
	objects_misuses = 0;
}

void objects_check(struct object_check_result *result)
{
	struct object_check_result own;

	harness_check(NULL);
	if (result == NULL)
		result = &own;
	if (object_check(result))
		return;
	printf("object_check: cache %s, %#lx: %s\n", result->cache != NULL ? result->cache : "none",
	       (unsigned long)result->address, result->broken);
	fail();
}

static void count_live(const struct object_place *place, enum object_state state, void *context)
{
	(void)place;
	*(uint32_t *)context += state == OBJECT_LIVE;
}

uint32_t objects_live(const struct kmem_cache *cache)
{
	uint32_t live = 0;

	object_walk(cache->store, count_live, &live);
	return live;
}

void objects_shrink_all(void)
{
	caches_shrink(GFP_KERNEL, 0);
	magazines_drain_all();
}

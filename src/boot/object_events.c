/* SPDX-License-Identifier: MIT */
#include "boot/object_events.h"

#include <inttypes.h>
#include <stdio.h>

#include "boot/page_events.h"
#include "kern/log.h"
#include "kern/symbols.h"
#include "mm/obj/misuse.h"
#include "mm/phys/gfp_names.h"

static const char *const texts[OBJECT_MISUSES] = {
	[OBJECT_NOT_OWNED] = "no cache owns it, and no block of kmalloc begins there",
	[OBJECT_MIDDLE] = "it is not where an object starts",
	[OBJECT_WRONG_CACHE] = "it is an object of another cache",
	[OBJECT_FREED_TWICE] = "it is free already",
	[OBJECT_WRITTEN_AFTER_FREE] = "it was written to while it was free",
	[OBJECT_LEFT_RED_ZONE] = "something wrote before its start",
	[OBJECT_RIGHT_RED_ZONE] = "something wrote behind its end",
	[OBJECT_PADDING] = "something wrote between objects",
};

static void append_bytes(char *text, size_t size, const uint8_t *bytes, uint32_t count)
{
	for (uint32_t i = 0; i < count && i < MISUSE_BYTES; i++)
		snprintf(text + 3 * i, size - 3 * i, " %02x", bytes[i]);
}

static void say_bytes(const struct object_misuse *misuse)
{
	char found[3 * MISUSE_BYTES + 1] = "", expected[3 * MISUSE_BYTES + 1] = "";

	if (misuse->wrong_bytes == 0)
		return;
	append_bytes(found, sizeof(found), misuse->found, misuse->wrong_bytes);
	append_bytes(expected, sizeof(expected), misuse->expected, misuse->wrong_bytes);
	pr_err("  %" PRIu32 " bytes from offset %" PRId32 " on: found%s%s, expected%s\n",
	       misuse->wrong_bytes, misuse->offset, found,
	       misuse->wrong_bytes > MISUSE_BYTES ? " ..." : "", expected);
}

/* Bad memory and bad pointers: which object, what is wrong with it, who had it. */
static void say_object(const struct object_misuse *misuse)
{
	pr_err("BUG: object %#" PRIxPTR ": %s\n", misuse->address, texts[misuse->kind]);
	if (misuse->cache != NULL)
		pr_err("  cache %s, objects of %zu bytes%s%s\n", misuse->cache, misuse->bytes,
		       misuse->wanted != NULL ? "; it was freed to cache " : "",
		       misuse->wanted != NULL ? misuse->wanted : "");
	if (misuse->object != 0 && misuse->object != misuse->address)
		pr_err("  it is %" PRId32 " bytes into the object at %#" PRIxPTR "\n",
		       misuse->offset, misuse->object);
	say_bytes(misuse);
	if (misuse->caller != 0)
		pr_err("  from %s\n", symbol_text(misuse->caller));
	page_events_say_stack("taken", &misuse->taken);
	page_events_say_stack("given back", &misuse->given);
	switch (misuse->kind) {
	case OBJECT_WRITTEN_AFTER_FREE:
		pr_err("  it stays out of use\n");
		break;
	case OBJECT_LEFT_RED_ZONE:
	case OBJECT_RIGHT_RED_ZONE:
	case OBJECT_PADDING:
		pr_err("  the bytes were put right\n");
		break;
	default:
		pr_err("  nothing was done\n");
	}
}

static void say_request(const struct object_misuse *misuse)
{
	char text[GFP_TEXT_MAX];

	gfp_describe(misuse->gfp, text, sizeof(text));
	if (misuse->kind == KMALLOC_TOO_LARGE)
		pr_warn("kmalloc refused: %zu bytes; the largest is %u, use vmalloc for more; from "
			"%s\n",
			misuse->bytes, KMALLOC_MAX_SIZE, symbol_text(misuse->caller));
	else if (misuse->cache == NULL)
		pr_err("BUG: kmalloc of %zu bytes with %s: objects are in lowmem and do not move; "
		       "gone on without HIGHMEM and MOVABLE; from %s\n",
		       misuse->bytes, text, symbol_text(misuse->caller));
	else
		pr_err("BUG: object of cache %s with %s: it cannot be that; DMA needs "
		       "SLAB_CACHE_DMA, ZERO a cache without constructor; from %s\n",
		       misuse->cache, text, symbol_text(misuse->caller));
}

static void say_live(const struct object_misuse *misuse)
{
	if (misuse->object == 0) {
		pr_err("BUG: cache %s is not destroyed: %" PRIu32
		       " objects of it are live; from %s\n",
		       misuse->cache, misuse->live, symbol_text(misuse->caller));
		return;
	}
	pr_err("  object %#" PRIxPTR " is live\n", misuse->object);
	page_events_say_stack("taken", &misuse->taken);
}

static void say(const struct object_misuse *misuse)
{
	switch (misuse->kind) {
	case OBJECT_GFP:
	case KMALLOC_TOO_LARGE:
		say_request(misuse);
		break;
	case CACHE_REFUSED:
		pr_err("cache %s of %zu bytes refused: %s\n",
		       misuse->cache != NULL ? misuse->cache : "(no name)", misuse->bytes,
		       misuse->text);
		break;
	case CACHE_STILL_LIVE:
		say_live(misuse);
		break;
	case CACHE_UNKNOWN:
		pr_err("BUG: %#" PRIxPTR " is no cache that this can be done to: none, destroyed, "
		       "or kmalloc's own; from %s\n",
		       misuse->address, symbol_text(misuse->caller));
		break;
	default:
		say_object(misuse);
	}
}

void object_events_attach(void)
{
	object_misuse_hook = say;
}

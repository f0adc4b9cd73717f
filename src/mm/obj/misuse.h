/* SPDX-License-Identifier: MIT */
/* What the object allocator has to tell: wrong use, damage found, requests that make no sense. */
#ifndef STRATA_MM_OBJ_MISUSE_H
#define STRATA_MM_OBJ_MISUSE_H

#include "mm/obj/slab.h"
#include "mm/phys/page_owner.h"

enum object_misuse_kind {
	/* Of a pointer that was freed; nothing was done. */
	OBJECT_NOT_OWNED,   /* no slab, and not kmalloc's pages either */
	OBJECT_MIDDLE,      /* inside an object, or between two */
	OBJECT_WRONG_CACHE, /* another cache's */
	OBJECT_FREED_TWICE, /* it carries the mark of a free object */
	/* Of a free object: it is kept out of use. */
	OBJECT_WRITTEN_AFTER_FREE, /* its mark, its link or its poison is not what was left there */
	/* Under slab_debug=: what was there is put right, and the call goes on. */
	OBJECT_LEFT_RED_ZONE,  /* something ran out of the object before it, */
	OBJECT_RIGHT_RED_ZONE, /* or out of this one */
	OBJECT_PADDING, /* what lies behind the objects' records, or behind the last object */
	/* Of a request; it is refused, or goes on without what makes no sense. */
	OBJECT_GFP,        /* flags that this cache cannot fulfil */
	KMALLOC_TOO_LARGE, /* more than KMALLOC_MAX_SIZE */
	CACHE_REFUSED,     /* kmem_cache_create; `text` says which rule */
	CACHE_STILL_LIVE, /* kmem_cache_destroy, `live` objects; told again for the first few of them */
	CACHE_UNKNOWN, /* a pointer that is no cache, or one that was destroyed */
	OBJECT_MISUSES,
};

/* The first bytes that are wrong. */
#define MISUSE_BYTES 8

struct object_misuse {
	enum object_misuse_kind kind;
	const char *cache;  /* name; NULL: none is known */
	const char *wanted; /* of WRONG_CACHE: the cache that was given */
	const char *text;   /* of CACHE_REFUSED: the rule */
	uintptr_t address;  /* what was passed; the object where nothing was */
	uintptr_t object;   /* its start; 0: none is known */
	size_t bytes;       /* of the object; of the request */
	gfp_t gfp;
	uint32_t live;
	uintptr_t caller; /* 0: not known */
	/* Where bytes are wrong: the first one's distance from the object's start, how many from there
	 * to the last of the 64 that were compared, what the first ones are and should be. wrong_bytes 0:
	 * not about bytes. */
	int32_t offset;
	uint32_t wrong_bytes;
	uint8_t found[MISUSE_BYTES], expected[MISUSE_BYTES];
	/* Under slab_debug=U: who had it, and who freed it last. No frames: not known. */
	struct owner_stack taken, given;
};

/* In the context of the call. May not allocate. */
extern void (*object_misuse_hook)(const struct object_misuse *misuse);

#endif

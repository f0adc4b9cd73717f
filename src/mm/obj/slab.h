/* SPDX-License-Identifier: MIT */
/*
 * Less than a page: caches of objects of one size, and kmalloc, which has a cache for each of its
 * sizes. Names and edges are Linux 6.1's.
 *
 *	struct kmem_cache *cache = kmem_cache_create("request", sizeof(struct request), 0, 0, NULL);
 *	struct request *request = kmem_cache_alloc(cache, GFP_KERNEL);
 *	kmem_cache_free(cache, request);
 *
 *	char *text = kmalloc(bytes, GFP_ATOMIC);
 *	kfree(text);
 *
 * All of it from slab_init on. Allocating and freeing may be done with interrupts masked and from interrupt handlers; creating,
 * shrinking and destroying caches may not. A request that cannot be served returns NULL and changes
 * nothing; the page allocator has said why, unless the flags say __GFP_NOWARN.
 *
 * Wrong use is told to object_misuse_hook, in every build: an object freed twice, a pointer that no
 * cache owns, the middle of an object, another cache's object are not freed; an object that was written
 * to while it was free is never handed out again. `slab_debug=` finds more (slab_debug.h).
 *
 * Objects are in lowmem: their linear address is their address, and physically they lie in one piece.
 */
#ifndef STRATA_MM_OBJ_SLAB_H
#define STRATA_MM_OBJ_SLAB_H

#include "arch/pair.h"
#include "lib/bits.h"
#include "mm/phys/gfp.h"

/* --- caches ---------------------------------------------------------------------------------- */

#define SLAB_CONSISTENCY_CHECKS 0x00000100U /* slab_debug's F */
#define SLAB_RED_ZONE           0x00000400U /* its Z */
#define SLAB_POISON             0x00000800U /* its P */
#define SLAB_HWCACHE_ALIGN      0x00002000U /* aligned to a cache line; small ones to a part of it */
#define SLAB_CACHE_DMA          0x00004000U /* in ZONE_DMA */
#define SLAB_STORE_USER         0x00010000U /* its U */
#define SLAB_RECLAIM_ACCOUNT \
	0x00020000U /* whose objects can be freed under pressure: Reclaimable */
#define SLAB_PANIC            0x00040000U /* a cache that is refused stops the boot */

#define CACHE_NAME_BYTES      32
#define KMEM_CACHES           CONFIG_OBJECT_CACHES
#define CACHE_LINE_BYTES      64U /* of a Cortex-A7's data cache */

#define KMEM_CACHE_WORDS      CONFIG_OBJECT_CACHE_WORDS
#define KMEM_CACHE_HEAD_WORDS 10
#define KMEM_CACHE_ITEMS      (KMEM_CACHE_WORDS - KMEM_CACHE_HEAD_WORDS)

/*
 * One core's part of a cache; the first core's stands for the cache itself. For the two hot paths,
 * which read it in pairs of words.
 *
 * The magazine is a stack that ends where the structure ends, so that a full one is seen by its
 * address alone. Below its bottom lies a pointer to a word that is no mark: who pops it finds out by
 * the comparison that is made anyway.
 *
 *	items:  |  unused  | no mark | object | object |  free places  |
 *	                             bottom           top              end of the structure
 *
 * A free object carries a mark, its address ^ the cache's key. The key is what its slabs' struct
 * pages say, without what differs among them.
 */
struct kmem_cache {
	struct word_pair stack; /* top: where the next object goes; key */
	struct word_pair
		start; /* inverse of the slot's size; the mark's distance from the object */
	struct word_pair count; /* objects a slab; rotation: is_object_start in cache.h */
	struct word_pair place; /* linear_offset; vmemmap */
	struct cache_store *store;
	uint32_t no_mark;
	uintptr_t items[KMEM_CACHE_ITEMS];
} __attribute__((aligned(sizeof(uintptr_t) * KMEM_CACHE_WORDS)));

_Static_assert(sizeof(struct kmem_cache) == sizeof(uintptr_t) * KMEM_CACHE_WORDS,
	       "a full magazine is seen by its top's address");

/* This core's; entry 0 is kmalloc-64. */
extern struct kmem_cache kmem_caches[KMEM_CACHES];

/*
 * A cache for objects of `size` bytes, from 1 to KMALLOC_MAX_SIZE. align: 0, or a power of two up to
 * 8192; objects are aligned to 8 at least. The constructor runs once for each object when its slab
 * is made, not at each allocation, and must leave no trace elsewhere; who frees an object leaves it
 * constructed. The name is copied, cut to CACHE_NAME_BYTES - 1.
 *
 * NULL: refused, and object_misuse_hook has the reason. No memory is taken before the first object.
 */
struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align, uint32_t flags,
				     void (*constructor)(void *object));

#define KMEM_CACHE(struct_, flags_)                                                              \
	kmem_cache_create(#struct_, sizeof(struct struct_), __alignof__(struct struct_), flags_, \
			  NULL)

/*
 * Give all memory back and the cache with it. While objects are live it is refused, the report names
 * them, and the cache stays usable. NULL is ignored.
 */
void kmem_cache_destroy(struct kmem_cache *cache);

/* Give back all memory that holds no live object. True: there was some. (Linux's returns 0 when nothing
 * is left.) */
bool kmem_cache_shrink(struct kmem_cache *cache);

size_t kmem_cache_size(const struct kmem_cache *cache); /* as given to kmem_cache_create */
const char *kmem_cache_name(const struct kmem_cache *cache);

/* kmem_cache_alloc of any flags; the plain one is for none of SLAB_GFP_ODD. */
void *__kmem_cache_alloc(struct kmem_cache *cache, gfp_t gfp);
void *kmem_cache_alloc_plain(struct kmem_cache *cache, gfp_t gfp);

void objects_have_linear_addresses(void) __attribute__((
	error("an object is never in highmem and does not move: leave HIGHMEM and MOVABLE out")));

/* What a hot path does not look at. */
#define SLAB_GFP_ODD (__GFP_ZERO | GFP_CLASS_MASK)
/* What objects cannot be. */
#define SLAB_GFP_WRONG (__GFP_HIGHMEM | __GFP_MOVABLE)

/*
 * An object, contents as found, or as constructed, or zero with __GFP_ZERO. GFP_DMA is for caches of
 * SLAB_CACHE_DMA only, and __GFP_ZERO for those without a constructor; else it is refused with a
 * report.
 */
static inline __attribute__((always_inline)) void *kmem_cache_alloc(struct kmem_cache *cache,
								    gfp_t gfp)
{
	if (!__builtin_constant_p(gfp))
		return __kmem_cache_alloc(cache, gfp);
	if ((gfp & SLAB_GFP_WRONG) != 0)
		objects_have_linear_addresses();
	return (gfp & SLAB_GFP_ODD) != 0 ? __kmem_cache_alloc(cache, gfp)
					 : kmem_cache_alloc_plain(cache, gfp);
}

static inline __attribute__((always_inline)) void *kmem_cache_zalloc(struct kmem_cache *cache,
								     gfp_t gfp)
{
	return kmem_cache_alloc(cache, gfp | __GFP_ZERO);
}

/* object: of this cache, and live. */
void kmem_cache_free(struct kmem_cache *cache, void *object);

/* `count` objects or none. Returns count, or 0. Interrupts are masked for a few objects at a time. */
size_t kmem_cache_alloc_bulk(struct kmem_cache *cache, gfp_t gfp, size_t count, void **objects);
/* cache may be NULL: then each object knows its own, as with kfree. */
void kmem_cache_free_bulk(struct kmem_cache *cache, size_t count, void **objects);

/* --- kmalloc --------------------------------------------------------------------------------- */

/* The smallest size is a cache line, so that no two buffers share one (DMA). */
#define KMALLOC_MIN_SIZE       64U
#define KMALLOC_MAX_CACHE_SIZE 8192U                         /* above: whole pages */
#define KMALLOC_MAX_SIZE       (PAGE_SIZE << PAGE_ORDER_MAX) /* above: vmalloc */
#define KMALLOC_SIZES          9U

/* The caches of kmalloc come first: KMALLOC_SIZES of each kind. */
enum kmalloc_kind { KMALLOC_NORMAL, KMALLOC_DMA, KMALLOC_RECLAIM, KMALLOC_KINDS };

/* What kmalloc(0) returns: not NULL, and nothing may be read or written there. */
#define ZERO_SIZE_PTR       ((void *)16)
#define ZERO_OR_NULL_PTR(x) ((uintptr_t)(x) <= (uintptr_t)ZERO_SIZE_PTR)

void *__kmalloc(size_t bytes, gfp_t gfp);
void *kmalloc_plain(size_t bytes, gfp_t gfp);
void *kmalloc_of_cache(struct kmem_cache *cache, gfp_t gfp, size_t bytes);

/* Which of a kind's caches serves so many bytes, 1 to KMALLOC_MAX_CACHE_SIZE. Folds for a constant. */
static inline __attribute__((always_inline)) unsigned int kmalloc_index(size_t bytes)
{
	if (bytes <= 128)
		return bytes <= 64 ? 0 : 1;
	if (bytes <= 256)
		return bytes <= 192 ? 2 : 3;
	return bytes <= 512 ? 4 : bytes <= 1024 ? 5 : bytes <= 2048 ? 6 : bytes <= 4096 ? 7 : 8;
}

static inline __attribute__((always_inline)) enum kmalloc_kind kmalloc_kind(gfp_t gfp)
{
	if (likely((gfp & (__GFP_DMA | __GFP_RECLAIMABLE)) == 0))
		return KMALLOC_NORMAL;
	return (gfp & __GFP_DMA) != 0 ? KMALLOC_DMA : KMALLOC_RECLAIM;
}

/*
 * Memory of at least so many bytes, aligned to 64; to its size when that is a power of two. GFP_DMA:
 * in ZONE_DMA. kmalloc(0) is ZERO_SIZE_PTR. NULL: none, or more than KMALLOC_MAX_SIZE (use vmalloc).
 */
static inline __attribute__((always_inline)) void *kmalloc(size_t bytes, gfp_t gfp)
{
	if (!__builtin_constant_p(gfp))
		return __kmalloc(bytes, gfp);
	if ((gfp & SLAB_GFP_WRONG) != 0)
		objects_have_linear_addresses();
	if (!__builtin_constant_p(bytes))
		return (gfp & SLAB_GFP_ODD) != 0 ? __kmalloc(bytes, gfp)
						 : kmalloc_plain(bytes, gfp);
	if (bytes == 0 || bytes > KMALLOC_MAX_CACHE_SIZE || (gfp & __GFP_ZERO) != 0)
		return __kmalloc(bytes, gfp);
	return kmalloc_of_cache(
		&kmem_caches[kmalloc_kind(gfp) * KMALLOC_SIZES + kmalloc_index(bytes)], gfp, bytes);
}

static inline __attribute__((always_inline)) void *kzalloc(size_t bytes, gfp_t gfp)
{
	return kmalloc(bytes, gfp | __GFP_ZERO);
}

/* count * bytes; NULL when that overflows, without a word, as in Linux. */
static inline __attribute__((always_inline)) void *kmalloc_array(size_t count, size_t bytes,
								 gfp_t gfp)
{
	size_t all;

	return __builtin_mul_overflow(count, bytes, &all) ? NULL : kmalloc(all, gfp);
}

static inline __attribute__((always_inline)) void *kcalloc(size_t count, size_t bytes, gfp_t gfp)
{
	return kmalloc_array(count, bytes, gfp | __GFP_ZERO);
}

/*
 * What kmalloc gave, or an object of any cache. NULL and ZERO_SIZE_PTR are ignored.
 */
void kfree(const void *object);

/*
 * The same memory with another size, contents kept; in place where ksize allows. NULL: refused, and
 * `object` is as it was. krealloc(NULL, n) is kmalloc(n); krealloc(p, 0) frees p and returns
 * ZERO_SIZE_PTR. With __GFP_ZERO what lies beyond the old ksize is zero.
 */
void *krealloc(const void *object, size_t bytes, gfp_t gfp);

/* How many bytes of it may be used: more than was asked for, often. 0 for NULL and ZERO_SIZE_PTR. */
size_t ksize(const void *object);

/* The same for count * bytes; NULL, and `object` as it was, when that overflows. */
static inline __attribute__((always_inline)) void *krealloc_array(const void *object, size_t count,
								  size_t bytes, gfp_t gfp)
{
	size_t all;

	return __builtin_mul_overflow(count, bytes, &all) ? NULL : krealloc(object, all, gfp);
}

/* A copy of memory; of a string, or of at most so many characters of one; NULL for NULL. */
void *kmemdup(const void *memory, size_t bytes, gfp_t gfp);
char *kstrdup(const char *text, gfp_t gfp);
char *kstrndup(const char *text, size_t most, gfp_t gfp);

/* Once, when pages are served; `slab_debug=` has been read. */
void slab_init(void);

#endif

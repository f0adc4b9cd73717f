/* SPDX-License-Identifier: MIT */
/*
 * What lies behind a cache's magazines; for the files of this room.
 *
 * Slabs. Blocks of pages, cut into slots of one size with an object in each:
 *
 *	      slot 0          slot 1                       rest
 *	     |object         |object         | ...        |    |
 *
 * The object fills its slot, unless the cache has a constructor or is watched:
 *
 *	     |left red zone|object|right red zone|mark|link|taken|given|padding|
 *	                    ^ aligned              (8 bytes)  tracks, with U
 *
 * Every struct page of a slab has the head's flags: type, cache, zone and so on. The head's count holds the slab's state: the first free object's index in the low half, how many are free
 * in the high one. A free object's mark lies at the object's start, or behind it as drawn; the next
 * word is the link, the next free object's index mangled with the mark.
 *
 * A slab with free objects is on its cache's list, those that are all free at the end.
 *
 * Counting equation, whenever nobody is inside (object_check.h):
 *
 *	objects = free in slabs + in magazines + live + quarantined
 */
#ifndef STRATA_MM_OBJ_CACHE_H
#define STRATA_MM_OBJ_CACHE_H

#include "arch/linear.h"
#include "kern/percpu.h"
#include "kern/spinlock.h"
#include "mm/obj/misuse.h"
#include "mm/obj/slab.h"
#include "mm/phys/page_list.h"

struct cache_store {
	struct spinlock lock;
	/* Guarded by the lock. */
	struct page partial; /* anchor of the slabs with free objects */
	uint32_t slabs, empty_slabs, slab_pages;
	uint32_t objects, free_objects, quarantined;

	/* Fixed while the cache exists. */
	uint32_t slot_bytes, object_bytes;
	uint32_t left_bytes;   /* from the slot's start to the object */
	uint32_t mark_bytes;   /* from the object's start to the mark */
	uint32_t record_bytes; /* from the object's start to struct object_record; 0: none */
	uint32_t align;
	uint32_t flags;           /* SLAB_* */
	gfp_t gfp;                /* what requests for slabs add */
	uint32_t page_flags;      /* what slabs' struct pages have over those of other blocks */
	uint16_t objects_each;    /* a slab of the preferred order */
	uint16_t objects_least;   /* of the smallest; as many free ones may be all */
	uint8_t order, min_order; /* different only where slots are powers of two */
	uint8_t limit, batch;     /* of magazines: items; moved at a time */
	uint8_t keep_empty;
	void (*constructor)(void *object);
	char name[CACHE_NAME_BYTES]; /* empty: not in use */
};

extern struct cache_store cache_stores[KMEM_CACHES];

/* A bit for each cache that has slabs, so that a request about to be refused looks at no other. */
extern uint32_t caches_with_slabs[(KMEM_CACHES + 31) / 32];

static inline uint32_t cache_index(const struct cache_store *store)
{
	return (uint32_t)(store - cache_stores);
}

/* While watched, a cache's magazines are closed: each object passes through slab_debug.c. */
static inline bool cache_is_watched(const struct cache_store *store)
{
	return (store->flags &
		(SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER)) != 0;
}

/* --- marks and starts ------------------------------------------------------------------------ */

/* What of flags differs among the slabs of a cache: order, zone and migrate type. */
#define SLAB_FLAGS_SHIFT 9

static inline uint32_t slab_key(uint32_t flags)
{
	return flags << SLAB_FLAGS_SHIFT;
}

_Static_assert(PAGE_ORDER_SHIFT + SLAB_FLAGS_SHIFT == 32, "order and all above is left out");

/*
 * Whether a physical address is where an object starts. With slots of odd * 2^k bytes in slabs of 2^b,
 * multiplying by the odd part's inverse modulo 2^32, shifted up by 32 - b, leaves of the address only
 * its place in the slab, and makes of a multiple of the odd part the quotient; rotated down by
 * 32 - b + k that is the object's number, and of anything else a larger number. Slots that are powers
 * of two need no slab: they are aligned to their size, b is 32 and the limit does not count.
 */
static inline bool is_object_start(uint32_t phys, uint32_t inverse, uint32_t rotation,
				   uint32_t objects)
{
	uint32_t product = phys * inverse;

	return (product >> rotation | product << (32 - rotation)) < objects;
}

/* In the flags of a slab some of whose objects are out of use: then it does not match its cache's key. */
#define SLAB_HAS_ASIDE PAGE_COMPOUND

static inline uint32_t *mark_of(const struct cache_store *store, uintptr_t object)
{
	return (uint32_t *)(object + store->mark_bytes);
}

static inline uint32_t mark_value(const struct kmem_cache *cache, uintptr_t object)
{
	return (uint32_t)(object ^ cache->stack.second);
}

/* The struct page of an address that may be anything; NULL: on a host, no physical address. */
static inline struct page *page_at(uintptr_t address)
{
	uint32_t phys = (uint32_t)(address - linear_offset);

	return (uintptr_t)phys_to_virt(phys) == address ? pfn_to_page(phys >> PAGE_SHIFT) : NULL;
}

/*
 * What kmalloc adds to the flags of a block that it takes from the page allocator: compound, and in the
 * window's bits a number that is no cache's. Whoever frees the block clears them, so no struct page
 * but such a block's head has them, whatever has become of it since.
 */
#define KMALLOC_PAGES (PAGE_WINDOW_MASK << PAGE_WINDOW_SHIFT | PAGE_COMPOUND)

/* Such a block, by its address; NULL: it is none. */
static inline struct page *kmalloc_pages(uintptr_t address)
{
	struct page *page = page_at(address);

	if (page == NULL || !IS_ALIGNED(address, PAGE_SIZE) ||
	    slab_key(page->flags - PAGE_ALLOCATED - KMALLOC_PAGES) != slab_key(page_boot_number))
		return NULL;
	return page;
}

/* --- slabs: slab.c; under the store's lock ------------------------------------------------------- */

#define SLAB_NO_INDEX     0xffffU /* behind the last one */
#define SLAB_BAD_INDEX    0xfffeU /* what a link that was written to leads to */
#define SLAB_OBJECTS_MOST 512U    /* of 8 bytes in a page; larger slabs have larger objects */

static inline uint32_t slab_first_free(const struct page *head)
{
	return head->count & 0xffff;
}

static inline uint32_t slab_free_objects(const struct page *head)
{
	return head->count >> 16;
}

static inline uint32_t slab_objects(const struct cache_store *store, const struct page *head)
{
	unsigned int order = page_order(head);

	return order == store->order ? store->objects_each
				     : (PAGE_SIZE << order) / store->slot_bytes;
}

/* The head of the slab that a struct page of type PAGE_SLAB belongs to. */
static inline struct page *slab_head(struct page *page)
{
	uintptr_t size = sizeof(struct page) << page_order(page);

	return (struct page *)((uintptr_t)page & ~(size - 1));
}

static inline uintptr_t slab_address(const struct page *head)
{
	return (uintptr_t)phys_to_virt(page_to_phys(head));
}

static inline uintptr_t slab_object(const struct cache_store *store, const struct page *head,
				    uint32_t index)
{
	return slab_address(head) + index * store->slot_bytes + store->left_bytes;
}

/* Next free object's index behind this free one, unmangled; may be anything if it was written to. */
uint32_t slab_next_free(const struct cache_store *store, uintptr_t object, uint32_t mark);

/* Up to `most` free objects from the cache's slabs, each looked at. Returns how many. */
uint32_t slab_take(struct kmem_cache *cache, uint32_t most, uintptr_t *items);

/* A marked object back to its slab; many, of which those that lost their mark are set aside. */
void slab_give(struct kmem_cache *cache, uintptr_t object);
void slab_give_marked(struct kmem_cache *cache, const uintptr_t *items, uint32_t count);

/* An object that is on no list and in no magazine, and was written to while it was free: told, and
 * out of use for good. */
void slab_set_aside(struct kmem_cache *cache, uintptr_t object);

/* Whether an object is out of use; forgetting those of a slab that is no cache's any more, or all. */
bool slab_is_aside(const struct page *head, uintptr_t object);
void slab_forget_aside(const struct page *head);

/*
 * Follow a slab's list of free objects to its end. A broken link is told, and what lies behind it is
 * out of use for good; false then. The walker's and slab_debug=F's.
 */
bool slab_check_list(struct kmem_cache *cache, struct page *head);

/* Whether a block is a slab of this cache (NULL: of any). */
bool slab_is_of(const struct cache_store *store, const struct page *head);

/* The slab of a cache (NULL: of any) behind this one, by address; after NULL the first. NULL: there is
 * none. */
struct page *slab_next(const struct cache_store *store, struct page *head);

/* Keep caches_with_slabs right when a cache's first slab has come or its last one gone. Under its lock. */
void slab_note_any(const struct cache_store *store);

/* Without the lock: a new slab from the page allocator; false: refused. */
bool slab_grow(struct kmem_cache *cache, gfp_t gfp);

/* Without the lock: give back empty slabs until `keep` are left, `most` at most. Returns how many. */
uint32_t slab_release(struct kmem_cache *cache, uint32_t keep, uint32_t most);

/* --- magazines: cache.c; interrupts masked, this core's --------------------------------------- */

static inline uintptr_t *magazine_bottom(const struct kmem_cache *mine)
{
	return (uintptr_t *)mine->items + KMEM_CACHE_ITEMS - mine->store->limit;
}

static inline uint32_t magazine_count(const struct kmem_cache *mine)
{
	return (uint32_t)((uintptr_t *)mine->stack.first - magazine_bottom(mine));
}

/* Up to `most` of the oldest back to their slabs. Takes the lock. */
void magazine_give(struct kmem_cache *mine, uint32_t most);

/* --- all caches: cache.c ----------------------------------------------------------------------- */

/*
 * While diverted, all magazines are closed: every call takes the slow path. They stay so as long as
 * object_fail.h or atomic_sleep.h wants it, whatever `on` says.
 */
void caches_divert(bool on);

/* The page allocator's page_shrink_hook. */
bool caches_shrink(gfp_t gfp, unsigned int order);

void cache_tell_unknown(const struct kmem_cache *cache, uintptr_t caller);

/* --- for kmalloc.c ---------------------------------------------------------------------------------- */

/* By (bytes - 1) / KMALLOC_MIN_SIZE: kmalloc_index, for sizes that the compiler does not know. */
extern const uint8_t kmalloc_indexes[KMALLOC_MAX_CACHE_SIZE / KMALLOC_MIN_SIZE];

/* What no cache serves: nothing, whole pages, too much. */
void *kmalloc_pages_for(size_t bytes, gfp_t gfp);

/* --- telling ------------------------------------------------------------------------------------ */

/* What is known of an object for a report; both may be unknown, NULL and 0. */
void object_fill_in(struct object_misuse *misuse, const struct cache_store *store,
		    uintptr_t object);

/* `count` bytes of an object or of what belongs to it, some of which are not what they should be. */
void object_tell_bytes(enum object_misuse_kind kind, const struct cache_store *store,
		       uintptr_t object, const uint8_t *found, const uint8_t *expected,
		       uint32_t count);

#endif

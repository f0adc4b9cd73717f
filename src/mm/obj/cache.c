/* SPDX-License-Identifier: MIT */
/* Caches: made, shrunk, given up; their magazines. */
#include "mm/obj/cache.h"

#include <string.h>

#include "kern/fatal.h"
#include "mm/obj/atomic_sleep.h"
#include "mm/obj/object_fail.h"
#include "mm/obj/object_walk.h"
#include "mm/obj/slab_debug.h"
#include "mm/phys/page_alloc.h"

DEFINE_PER_CPU(struct kmem_cache, kmem_caches[KMEM_CACHES]);
struct cache_store cache_stores[KMEM_CACHES];

_Static_assert(KMEM_CACHES <= PAGE_WINDOW_MASK,
	       "a cache's number fits the window's bits, and is not KMALLOC_PAGES'");
_Static_assert((KMEM_CACHES & (KMEM_CACHES - 1)) == 0, "kfree masks what a struct page says");

static struct spinlock caches_lock; /* for taking an entry */

/* Caches whose magazines are closed all at once. */
static bool diverted;

/* --- sizes ----------------------------------------------------------------------------------- */

/* Slabs have at least so many objects where order 3, Linux's largest by itself, can hold them. */
#define OBJECTS_WANTED      8U
#define ORDER_MOST          min_u32(3, PAGE_ORDER_MAX)

#define MAGAZINE_BYTES_MOST 0x10000U

/* Memory that a cache keeps in empty slabs for the next request. */
#define KEEP_EMPTY_PAGES 4U

static bool is_power_of_two(uint32_t number)
{
	return (number & (number - 1)) == 0;
}

/*
 * The smallest order with enough objects that wastes at most a sixteenth; if there is none, an eighth
 * or a quarter; then any that holds one.
 */
static unsigned int order_for(uint32_t slot_bytes)
{
	unsigned int smallest = get_order(slot_bytes);

	for (uint32_t part = 16; part >= 4; part /= 2)
		for (unsigned int order = smallest; order <= ORDER_MOST; order++) {
			uint32_t bytes = PAGE_SIZE << order;

			if ((bytes / slot_bytes >= OBJECTS_WANTED || order == ORDER_MOST) &&
			    bytes % slot_bytes * part <= bytes)
				return order;
		}
	return smallest;
}

/* How many a magazine holds: what a core keeps of a size is 64 KiB at most. */
static uint32_t limit_for(const struct cache_store *store)
{
	if (cache_is_watched(store) || diverted)
		return 0;
	return min_u32(MAGAZINE_BYTES_MOST / store->slot_bytes, KMEM_CACHE_ITEMS - 1);
}

static uint32_t alignment(size_t size, size_t align, uint32_t flags)
{
	uint32_t least = 8, line = CACHE_LINE_BYTES;

	if ((flags & SLAB_HWCACHE_ALIGN) != 0) {
		while (size <= line / 2 && line > 8)
			line /= 2;
		least = line;
	}
	return max_u32(least, (uint32_t)align);
}

/* Where in its slot the object lies, and what lies behind it. */
static void lay_out(struct cache_store *store)
{
	if (cache_is_watched(store)) {
		slab_debug_layout(store);
	} else if (store->constructor != NULL) {
		store->mark_bytes = ALIGN_UP(store->object_bytes, 4);
		store->slot_bytes = ALIGN_UP(store->mark_bytes + 8, store->align);
	} else {
		store->slot_bytes = ALIGN_UP(max_u32(store->object_bytes, 8), store->align);
	}
}

/* kmalloc's hot path looks for the mark where the object starts, watched or not. */
static uint32_t mark_looked_for(const struct cache_store *store)
{
	return cache_index(store) < KMALLOC_KINDS * KMALLOC_SIZES ? 0 : store->mark_bytes;
}

/* --- magazines ------------------------------------------------------------------------------- */

/* An empty magazine, with the pointer below it that pops find no mark behind. */
static void set_magazine(struct kmem_cache *mine)
{
	uintptr_t *bottom, none = (uintptr_t)&mine->no_mark - mark_looked_for(mine->store);

	mine->store->limit = (uint8_t)limit_for(mine->store);
	mine->store->batch = (uint8_t)max_u32(mine->store->limit / 3, 1);
	bottom = magazine_bottom(mine);
	bottom[-1] = none;
	mine->no_mark = ~mark_value(mine, none);
	mine->stack.first = (uintptr_t)bottom;
}

void magazine_give(struct kmem_cache *mine, uint32_t most)
{
	uintptr_t *bottom = magazine_bottom(mine);
	struct cache_store *store = mine->store;
	uint32_t count = magazine_count(mine), given = min_u32(most, count);

	spin_lock(&store->lock);
	slab_give_marked(mine, bottom, given);
	spin_unlock(&store->lock);
	for (uint32_t i = given; i < count; i++)
		bottom[i - given] = bottom[i];
	mine->stack.first = (uintptr_t)(bottom + count - given);
}

/* Interrupts are let in between: each visit has the bound of one. */
static bool empty_magazine(struct kmem_cache *cache)
{
	bool some = false;

	for (bool again = true; again;) {
		uint32_t irq = local_irq_save();
		struct kmem_cache *mine = this_cpu_ptr(cache);

		again = magazine_count(mine) != 0;
		some = some || again;
		if (again)
			magazine_give(mine, mine->store->batch);
		local_irq_restore(irq);
	}
	return some;
}

static void reopen_magazine(struct kmem_cache *cache)
{
	uint32_t irq;

	empty_magazine(cache);
	irq = local_irq_save();
	/* A handler may have freed something meanwhile. */
	magazine_give(this_cpu_ptr(cache), UINT32_MAX);
	set_magazine(this_cpu_ptr(cache));
	local_irq_restore(irq);
}

void caches_divert(bool on)
{
	diverted = on || objects_fail || atomic_sleep_checked;
	for (unsigned int i = 0; i < KMEM_CACHES; i++)
		if (cache_stores[i].name[0] != '\0')
			reopen_magazine(&kmem_caches[i]);
}

/* --- making ---------------------------------------------------------------------------------- */

/* Of an odd number modulo 2^32: each round doubles the bits that are right, of which three are. */
static uint32_t inverse_of(uint32_t odd)
{
	uint32_t inverse = odd;

	for (unsigned int round = 0; round < 4; round++)
		inverse *= 2 - odd * inverse;
	return inverse;
}

/* What the hot paths know of slots and slabs; cache.h says why. */
static void set_constants(struct kmem_cache *cache)
{
	struct cache_store *store = cache->store;
	unsigned int shift = lowest_bit(store->slot_bytes);
	unsigned int slab_bits = PAGE_SHIFT + store->order;

	if (is_power_of_two(store->slot_bytes)) {
		cache->start.first = 1;
		cache->count = (struct word_pair){ 1U << (32 - shift), shift };
		store->min_order = (uint8_t)get_order(store->slot_bytes);
	} else {
		cache->start.first =
			(uint32_t)(inverse_of(store->slot_bytes >> shift) << (32 - slab_bits));
		cache->count = (struct word_pair){ store->objects_each, 32 - slab_bits + shift };
		store->min_order = store->order;
	}
	store->objects_least = (uint16_t)((PAGE_SIZE << store->min_order) / store->slot_bytes);
	cache->start.second = mark_looked_for(store);
	cache->place = (struct word_pair){ linear_offset, (uintptr_t)vmemmap };
}

/* All that the store's size, alignment, flags and constructor determine. */
static void set_up(struct kmem_cache *cache)
{
	struct cache_store *store = cache->store;
	uint32_t number = cache_index(store) << PAGE_WINDOW_SHIFT;

	store->order = (uint8_t)order_for(store->slot_bytes);
	store->objects_each = (uint16_t)((PAGE_SIZE << store->order) / store->slot_bytes);
	store->keep_empty = (uint8_t)max_u32(KEEP_EMPTY_PAGES >> store->order, 1);
	store->gfp = ((store->flags & SLAB_CACHE_DMA) != 0 ? __GFP_DMA : 0) |
		     ((store->flags & SLAB_RECLAIM_ACCOUNT) != 0 ? __GFP_RECLAIMABLE : 0);
	store->page_flags = PAGE_SLAB - PAGE_ALLOCATED + number;
	page_list_init(&store->partial);
	cache->stack.second = slab_key(page_boot_number + PAGE_SLAB + number);
	set_constants(cache);
	set_magazine(cache);
}

#define FLAGS_KNOWN                                                                   \
	(SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_HWCACHE_ALIGN | \
	 SLAB_CACHE_DMA | SLAB_STORE_USER | SLAB_RECLAIM_ACCOUNT | SLAB_PANIC)

/* Why a cache cannot be made; NULL: it can. */
static const char *find_fault(const char *name, size_t size, size_t align, uint32_t flags)
{
	if (name == NULL || name[0] == '\0')
		return "a cache has a name";
	if (size == 0 || size > KMALLOC_MAX_SIZE)
		return "objects have 1 byte to 4 MiB; larger memory comes from vmalloc";
	if (!is_power_of_two((uint32_t)align) || align > KMALLOC_MAX_CACHE_SIZE)
		return "an alignment is 0 or a power of two up to 8192";
	if ((flags & ~FLAGS_KNOWN) != 0)
		return "there is a flag that slab.h does not have";
	return NULL;
}

/* An entry that nobody has, with its name, from `first` on. */
static struct cache_store *take_entry(const char *name, unsigned int first)
{
	uint32_t irq = spin_lock_irqsave(&caches_lock);
	struct cache_store *store = NULL;

	for (unsigned int i = first; i < KMEM_CACHES && store == NULL; i++)
		if (cache_stores[i].name[0] == '\0')
			store = &cache_stores[i];
	if (store != NULL) {
		memset(store, 0, sizeof(*store));
		strncpy(store->name, name, CACHE_NAME_BYTES - 1);
	}
	spin_unlock_irqrestore(&caches_lock, irq);
	return store;
}

static struct kmem_cache *refuse(const char *name, size_t size, uint32_t flags, const char *text)
{
	const struct object_misuse misuse = {
		.kind = CACHE_REFUSED, .cache = name, .bytes = size, .text = text
	};

	if (object_misuse_hook != NULL)
		object_misuse_hook(&misuse);
	if ((flags & SLAB_PANIC) != 0)
		fatal("cache %s: %s", name != NULL ? name : "(no name)", text);
	return NULL;
}

static struct kmem_cache *make(unsigned int first, const char *name, size_t size, size_t align,
			       uint32_t flags, void (*constructor)(void *object))
{
	const char *fault = find_fault(name, size, align, flags);
	struct cache_store *store;
	struct kmem_cache *cache;

	if (fault != NULL)
		return refuse(name, size, flags, fault);
	store = take_entry(name, first);
	if (store == NULL)
		return refuse(name, size, flags,
			      "there are as many caches as CONFIG_OBJECT_CACHES allows");
	store->object_bytes = (uint32_t)size;
	store->align = alignment(size, align, flags);
	store->constructor = constructor;
	store->flags = flags | slab_debug_flags(store->name, constructor != NULL);
	lay_out(store);
	if (store->slot_bytes > KMALLOC_MAX_SIZE) {
		store->name[0] = '\0';
		return refuse(name, size, flags,
			      "with what is kept behind each object it is more than 4 MiB");
	}
	cache = &kmem_caches[cache_index(store)];
	cache->store = store;
	set_up(cache);
	return cache;
}

struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align, uint32_t flags,
				     void (*constructor)(void *object))
{
	return make(KMALLOC_KINDS * KMALLOC_SIZES, name, size, align, flags, constructor);
}

/* --- kmalloc's caches ------------------------------------------------------------------------ */

static const struct {
	const char *prefix;
	uint32_t flags;
} kinds[KMALLOC_KINDS] = {
	[KMALLOC_NORMAL] = { "kmalloc-", 0 },
	[KMALLOC_DMA] = { "dma-kmalloc-", SLAB_CACHE_DMA },
	[KMALLOC_RECLAIM] = { "kmalloc-rcl-", SLAB_RECLAIM_ACCOUNT },
};

/* Linux's names: kmalloc-64 ... kmalloc-512, kmalloc-1k ... */
static void name_cache(char *name, const char *prefix, uint32_t size)
{
	uint32_t number = size < 1024 ? size : size / 1024;
	char *end = stpcpy(name, prefix);

	for (uint32_t unit = 100; unit > 0; unit /= 10)
		if (number >= unit)
			*end++ = (char)('0' + number / unit % 10);
	if (size >= 1024)
		*end++ = 'k';
	*end = '\0';
}

/* Nobody's: its magazine is closed, its key is no slab's (0 is that of frames without RAM). */
static void close_entry(struct kmem_cache *cache)
{
	cache->store->flags |= SLAB_CONSISTENCY_CHECKS;
	cache->stack.second = slab_key(PAGE_TYPE_MASK);
	set_magazine(cache);
	cache->store->name[0] = '\0';
}

void slab_init(void)
{
	static const uint16_t sizes[KMALLOC_SIZES] = { 64,   128,  192,  256, 512,
						       1024, 2048, 4096, 8192 };
	char name[CACHE_NAME_BYTES];

	slab_forget_aside(NULL);
	for (unsigned int i = 0; i < KMEM_CACHES; i++) {
		kmem_caches[i].store = &cache_stores[i];
		kmem_caches[i].place = (struct word_pair){ linear_offset, (uintptr_t)vmemmap };
		close_entry(&kmem_caches[i]);
	}
	for (unsigned int kind = 0; kind < KMALLOC_KINDS; kind++)
		for (unsigned int i = 0; i < KMALLOC_SIZES; i++) {
			uint32_t align = sizes[i] & -(uint32_t)sizes[i];

			name_cache(name, kinds[kind].prefix, sizes[i]);
			make(kind * KMALLOC_SIZES + i, name, sizes[i], align, kinds[kind].flags,
			     NULL);
		}
	page_shrink_hook = caches_shrink;
	objects_fail_set(objects_fail);
}

/* --- giving memory back ---------------------------------------------------------------------- */

static bool is_cache(const struct kmem_cache *cache)
{
	uintptr_t offset = (uintptr_t)cache - (uintptr_t)kmem_caches;

	return offset < sizeof(kmem_caches) && offset % sizeof(*cache) == 0 &&
	       cache->store->name[0] != '\0';
}

void cache_tell_unknown(const struct kmem_cache *cache, uintptr_t caller)
{
	const struct object_misuse misuse = { .kind = CACHE_UNKNOWN,
					      .address = (uintptr_t)cache,
					      .caller = caller };

	if (object_misuse_hook != NULL)
		object_misuse_hook(&misuse);
}

bool kmem_cache_shrink(struct kmem_cache *cache)
{
	if (!is_cache(cache)) {
		cache_tell_unknown(cache, (uintptr_t)__builtin_return_address(0));
		return false;
	}
	empty_magazine(cache);
	return slab_release(cache, 0, UINT32_MAX) != 0;
}

/*
 * A step of the page allocator's slow path. Who may not wait gets what is free for the taking; for
 * others the magazines are emptied, too.
 */
bool caches_shrink(gfp_t gfp, unsigned int order)
{
	bool released = false;

	(void)order;
	for (unsigned int i = 0; i < ARRAY_SIZE(caches_with_slabs); i++) {
		uint32_t left = caches_with_slabs[i];

		for (; left != 0; left &= left - 1) {
			struct kmem_cache *cache = &kmem_caches[32 * i + lowest_bit(left)];

			if ((gfp & __GFP_DIRECT_RECLAIM) != 0)
				empty_magazine(cache);
			if (slab_release(cache, 0, UINT32_MAX) != 0)
				released = true;
		}
	}
	return released;
}

/* Live objects that a report of kmem_cache_destroy names, at most. */
#define NAMED_MOST 8U

struct live_report {
	struct object_misuse misuse;
	const struct cache_store *store;
	uint32_t named;
};

static void name_live(const struct object_place *place, enum object_state state, void *context)
{
	struct live_report *report = context;

	if (state != OBJECT_LIVE || report->named == NAMED_MOST)
		return;
	report->named++;
	report->misuse.address = place->object;
	object_fill_in(&report->misuse, place->store, place->object);
	object_misuse_hook(&report->misuse);
}

static void tell_live(const struct cache_store *store, uint32_t live, uintptr_t caller)
{
	struct live_report report = { .store = store };

	if (object_misuse_hook == NULL)
		return;
	report.misuse = (struct object_misuse){ .kind = CACHE_STILL_LIVE,
						.cache = store->name,
						.bytes = store->object_bytes,
						.live = live,
						.caller = caller };
	object_misuse_hook(&report.misuse);
	object_walk(store, name_live, &report);
}

/* Slabs that hold nothing live, but what was written to after it was freed: out of use for good. */
static void quarantine_slabs(struct cache_store *store)
{
	struct page *head = NULL;

	while ((head = slab_next(store, head)) != NULL) {
		uint32_t pages = 1U << page_order(head);

		slab_forget_aside(head);
		for (uint32_t i = 1; i < pages; i++)
			head[i].flags = 0;
		head->flags = page_flags(PAGE_QUARANTINED, page_order(head), page_zone_index(head),
					 page_migrate_type(head));
	}
}

void kmem_cache_destroy(struct kmem_cache *cache)
{
	uintptr_t caller = (uintptr_t)__builtin_return_address(0);
	struct cache_store *store;
	uint32_t live;

	if (cache == NULL)
		return;
	if (!is_cache(cache) || cache_index(cache->store) < KMALLOC_KINDS * KMALLOC_SIZES) {
		cache_tell_unknown(cache, caller);
		return;
	}
	store = cache->store;
	kmem_cache_shrink(cache);
	live = store->objects - store->free_objects - store->quarantined;
	if (live != 0) {
		tell_live(store, live, caller);
		return;
	}
	if (store->slabs != 0) {
		quarantine_slabs(store);
		store->slabs = 0;
		slab_note_any(store);
	}
	close_entry(cache);
}

size_t kmem_cache_size(const struct kmem_cache *cache)
{
	return cache->store->object_bytes;
}

const char *kmem_cache_name(const struct kmem_cache *cache)
{
	return cache->store->name;
}

/* SPDX-License-Identifier: MIT */
/*
 * Serving requests, fastest way first:
 *
 *	magazine of the class's first zone     hot: no lock, no watermark
 *	down the zones above their low marks   magazine, or the buddy by way of a refill
 *	the slow path                          down to min and below; then each step of a short table
 *	                                       that may set memory free, and another try
 *	refusal                                a record for the hook
 *
 * Freeing: into the magazine of the block's own zone and migrate type; a full one is drained a few
 * blocks first. Orders above the magazines' go to the buddy.
 */
#include "mm/phys/page_alloc.h"

#include <string.h>

#include "kern/context.h"
#include "mm/phys/buddy.h"
#include "mm/phys/magazine.h"
#include "mm/phys/page_debug.h"

void (*page_refusal_hook)(const struct page_refusal *refusal);
bool (*page_shrink_hook)(gfp_t gfp, unsigned int order);
uint32_t page_shrinkables;
bool (*page_reclaim_hook)(gfp_t gfp, unsigned int order);
bool (*page_compact_hook)(gfp_t gfp, unsigned int order);
void *(*page_window_open_hook)(struct page *page);
void (*page_window_close_hook)(const void *address);
bool (*page_forget_window_hook)(struct page *page, void *caller);
void (*page_split_window_hook)(struct page *page, unsigned int order);
void (*page_misuse_hook)(const struct page_misuse *misuse);

static uint32_t refusals;

/* How many want hot paths closed. */
static uint32_t diversions;

/* Something was set aside since boot: only then is it worth looking for. */
static bool highatomic_used;

static __attribute__((noinline)) struct page *alloc_slow(gfp_t gfp, unsigned int order);

/* --- wrong use ------------------------------------------------------------------------------- */

__attribute__((noinline)) void page_report_misuse(enum page_misuse_kind kind, struct page *page,
						  unsigned int order, void *caller)
{
	struct page *head = page_block_head(page_to_pfn(page));
	struct page_misuse misuse = {
		.kind = kind,
		.quarantined = kind == MISUSE_HEAD_WRITTEN,
		.pfn = page_to_pfn(page),
		.order = order,
		.caller = (uintptr_t)caller,
	};

	if (head == NULL) /* no RAM; or a head that was written to says so */
		head = page;
	misuse.head_pfn = page_to_pfn(head);
	misuse.flags = head->flags;
	misuse.count = head->count;
	/* Who freed it once more may still write to it: nobody else shall get it. */
	if (kind == MISUSE_NOT_ALLOCATED)
		misuse.quarantined = page_quarantine(page, order);
	if (page_misuse_hook != NULL)
		page_misuse_hook(&misuse);
}

/* A free block that is not as it was left: it is kept out of everybody's hands. */
static __attribute__((noinline)) struct page *alloc_instead(struct page *page, uint32_t flags,
							    gfp_t gfp, unsigned int order)
{
	page_report_misuse(MISUSE_HEAD_WRITTEN, page, order, __builtin_return_address(0));
	page->flags = flags + (PAGE_QUARANTINED - PAGE_CACHED); /* its own may name any zone */
	return __alloc_pages_plain(gfp, order);
}

/* --- refusing --------------------------------------------------------------------------------- */

static __attribute__((noinline)) void tell_refusal(gfp_t gfp, unsigned int order, uint32_t count,
						   bool on_purpose, const struct page_wait *wait)
{
	const struct page_refusal refusal = {
		.gfp = gfp,
		.order = order,
		.contradictory = order > PAGE_ORDER_MAX || !gfp_classes[gfp & GFP_CLASS_MASK].valid,
		.on_purpose = on_purpose,
		.count = count,
		.wait = *wait,
	};

	page_refusal_hook(&refusal);
}

static const struct page_wait not_waited;

static struct page *refuse(gfp_t gfp, unsigned int order, bool on_purpose,
			   const struct page_wait *wait)
{
	uint32_t count = __atomic_add_fetch(&refusals, 1, __ATOMIC_RELAXED);

	if (page_refusal_hook != NULL && (gfp & __GFP_NOWARN) == 0)
		tell_refusal(gfp, order, count, on_purpose, wait);
	return NULL;
}

/* --- allocating ------------------------------------------------------------------------------ */

/* What came out of a magazine with these flags becomes the caller's. */
static inline struct page *hand_out(struct page *page, uint32_t flags, gfp_t gfp,
				    unsigned int order)
{
	if (unlikely(page->flags != flags))
		return alloc_instead(page, flags, gfp, order);
	page->flags = flags + (PAGE_ALLOCATED - PAGE_CACHED);
	page->count = 1;
	return page;
}

/* The first magazine was empty. Interrupts are masked, `irq` says what they were. */
static __attribute__((noinline)) struct page *
alloc_down_the_zones(gfp_t gfp, unsigned int order, const struct route_stop *stop, uint32_t irq)
{
	for (; stop->zone != NULL; stop++) {
		int32_t spare_pages = stop->zone->free_pages - stop->low_pages;
		struct magazine *magazine = &stop->set->orders[order];
		struct page *page;

		if (spare_pages < 1 << order)
			continue;
		page = magazine_pop(magazine);
		if (page == NULL)
			page = magazine_refill(magazine, spare_pages);
		if (likely(page != NULL)) {
			local_irq_restore(irq);
			return hand_out(page, magazine->flags, gfp, order);
		}
	}
	local_irq_restore(irq);
	return alloc_slow(gfp, order);
}

/* A block straight from a zone's lists; for what magazines do not hold. */
static inline struct page *alloc_block(struct zone *zone, unsigned int order, uint32_t flags)
{
	uint32_t irq = spin_lock_irqsave(&zone->lock);
	struct page *page =
		buddy_take(zone, order,
			   (enum migrate_type)((flags >> PAGE_MIGRATE_SHIFT) & PAGE_MIGRATE_MASK));

	if (likely(page != NULL)) {
		page->flags = flags + (order << PAGE_ORDER_SHIFT);
		page->count = 1;
	}
	spin_unlock_irqrestore(&zone->lock, irq);
	return page;
}

static __attribute__((noinline)) struct page *alloc_large(gfp_t gfp, unsigned int order)
{
	const struct route_stop *stop = route_of(gfp)->stops;

	if (unlikely(order > PAGE_ORDER_MAX))
		return alloc_slow(gfp, order);
	for (; stop->zone != NULL; stop++) {
		struct page *page;

		if (stop->zone->free_pages - stop->low_pages < 1 << order)
			continue;
		/* The magazine of order 0 names the zone and the migrate type already. */
		page = alloc_block(stop->zone, order,
				   stop->set->orders[0].flags + (PAGE_ALLOCATED - PAGE_CACHED));
		if (likely(page != NULL))
			return page;
	}
	return alloc_slow(gfp, order);
}

struct page *__alloc_pages_plain(gfp_t gfp, unsigned int order)
{
	const struct route_stop *stop;
	struct magazine *magazine;
	struct page *page;
	uint32_t irq, count;

	if (unlikely(order > MAGAZINE_ORDER_MAX))
		return alloc_large(gfp, order);
	irq = local_irq_save();
	stop = route_of(gfp)->stops;
	magazine = &stop->set->orders[order];
	count = magazine->count - 1;
	if (unlikely((int32_t)count < 0))
		return alloc_down_the_zones(gfp, order, stop, irq);
	magazine->count = count;
	page = magazine->items[count];
	local_irq_restore(irq);
	return hand_out(page, magazine->flags, gfp, order);
}

/* --- contents and compounds ------------------------------------------------------------------ */

void *page_window_open(struct page *page)
{
	void *address = page_address(page);

	if (address != NULL || page_window_open_hook == NULL)
		return address;
	return page_window_open_hook(page);
}

void page_window_close(const void *address)
{
	if (page_window_close_hook != NULL)
		page_window_close_hook(address);
}

static bool clear_pages(struct page *page, unsigned int order)
{
	void *address = page_address(page);

	if (address != NULL) {
		memset(address, 0, (size_t)PAGE_SIZE << order);
		return true;
	}
	for (uint32_t i = 0; i < 1U << order; i++) {
		address = page_window_open(page + i);
		if (address == NULL)
			return false;
		memset(address, 0, PAGE_SIZE);
		page_window_close(address);
	}
	return true;
}

struct page *__alloc_pages(gfp_t gfp, unsigned int order)
{
	struct page *page = __alloc_pages_plain(gfp, order);

	if (page == NULL)
		return NULL;
	if ((gfp & __GFP_ZERO) != 0 && !clear_pages(page, order)) {
		__free_pages(page, order);
		return refuse(gfp, order, false, &not_waited);
	}
	if ((gfp & __GFP_COMP) != 0 && order > 0)
		page->flags |= PAGE_COMPOUND;
	return page;
}

uintptr_t __get_free_pages(gfp_t gfp, unsigned int order)
{
	struct page *page = __alloc_pages(gfp & ~__GFP_HIGHMEM, order);

	return page != NULL ? (uintptr_t)page_address(page) : 0;
}

uintptr_t get_zeroed_page(gfp_t gfp)
{
	return __get_free_pages(gfp | __GFP_ZERO, 0);
}

/* --- the slow path --------------------------------------------------------------------------- */

/*
 * How far down a request may go: Linux's rules. __GFP_HIGH halves min, __GFP_ATOMIC takes another
 * quarter and may have what is set aside for atomic blocks.
 */
static inline int32_t min_for(const struct zone *zone, gfp_t gfp)
{
	int32_t min_pages = (int32_t)zone->marks.min_pages;

	if ((gfp & __GFP_HIGH) != 0)
		min_pages -= min_pages / 2;
	if ((gfp & __GFP_ATOMIC) != 0)
		min_pages -= min_pages / 4;
	return min_pages;
}

uint32_t page_min_for(const struct zone *zone, gfp_t gfp)
{
	return (uint32_t)min_for(zone, gfp);
}

/* Linux's bound: a hundredth of the zone and one pageblock. */
static bool reserve_highatomic(struct zone *zone, const struct page *page)
{
	if (zone->highatomic_blocks << PAGE_ORDER_MAX >=
		    zone->managed_pages / 100 + (1U << PAGE_ORDER_MAX) ||
	    pageblock_type(page) >= MIGRATE_PCPTYPES ||
	    !zone_has_pageblock(zone, page_to_pfn(page)))
		return false;
	set_pageblock_type(page, MIGRATE_HIGHATOMIC);
	zone->highatomic_blocks++;
	highatomic_used = true;
	return true;
}

/* Under the zone's lock. Atomic blocks of several pages take what is set aside for them first. */
static struct page *take_for(struct zone *zone, gfp_t gfp, unsigned int order,
			     enum migrate_type *migrate)
{
	bool atomic = (gfp & __GFP_ATOMIC) != 0;
	struct page *page = NULL;

	if (atomic && order > 0)
		page = buddy_take_highatomic(zone, order);
	if (page == NULL) {
		page = buddy_take(zone, order, *migrate);
		if (page != NULL && atomic && order > 0 && reserve_highatomic(zone, page))
			*migrate = MIGRATE_HIGHATOMIC;
		if (page != NULL || !atomic)
			return page;
		page = buddy_take_highatomic(zone, order);
	}
	*migrate = MIGRATE_HIGHATOMIC;
	return page;
}

/* Whether a zone keeps min and its protection, with what is set aside for atomic blocks or without. */
static inline bool stays_above_min(struct zone *zone, gfp_t gfp, unsigned int order, bool set_aside)
{
	enum zone_type class_zone = gfp_classes[gfp & GFP_CLASS_MASK].zone;
	int32_t usable_pages = zone->free_pages;

	if (set_aside)
		usable_pages += *zone_set_aside(zone, MIGRATE_HIGHATOMIC);
	return usable_pages - (1 << order) >=
	       min_for(zone, gfp) + (int32_t)zone->marks.protection[class_zone];
}

static struct page *alloc_at_min(gfp_t gfp, unsigned int order)
{
	const struct route_stop *stop = zone_routes[gfp & GFP_CLASS_MASK].stops;

	for (; stop->zone != NULL; stop++) {
		struct zone *zone = stop->zone;
		enum migrate_type migrate = gfp_classes[gfp & GFP_CLASS_MASK].migrate;
		struct page *page;
		uint32_t irq;

		if (!stays_above_min(zone, gfp, order, (gfp & __GFP_ATOMIC) != 0))
			continue;
		irq = spin_lock_irqsave(&zone->lock);
		page = take_for(zone, gfp, order, &migrate);
		if (page != NULL) {
			page->flags = page_flags(PAGE_ALLOCATED, order, zone->type, migrate);
			page->count = 1;
		}
		spin_unlock_irqrestore(&zone->lock, irq);
		if (page != NULL)
			return page;
	}
	return NULL;
}

static bool drain_magazines(gfp_t gfp, unsigned int order)
{
	(void)gfp;
	(void)order;
	return magazines_drain_all();
}

/* What a hook freed may lie in magazines by now. */
static bool shrink(gfp_t gfp, unsigned int order)
{
	return page_shrinkables != 0 && page_shrink_hook(gfp, order) &&
	       (magazines_drain_all(), true);
}

static bool reclaim(gfp_t gfp, unsigned int order)
{
	return page_reclaim_hook != NULL && page_reclaim_hook(gfp, order) &&
	       (magazines_drain_all(), true);
}

static bool compact(gfp_t gfp, unsigned int order)
{
	return order > 0 && page_compact_hook != NULL && page_compact_hook(gfp, order) &&
	       (magazines_drain_all(), true);
}

/*
 * Of what was set aside for atomic blocks, one block, before somebody else goes without: the largest,
 * and only where it is what the request lacks. Neighbours join whatever their type, so giving up
 * more would not make a larger one.
 */
static struct page *alloc_from_set_aside(gfp_t gfp, unsigned int order)
{
	const struct route_stop *stop = zone_routes[gfp & GFP_CLASS_MASK].stops;
	enum migrate_type migrate = gfp_classes[gfp & GFP_CLASS_MASK].migrate;
	struct page *page = NULL;

	for (; stop->zone != NULL && page == NULL; stop++) {
		struct zone *zone = stop->zone;
		uint32_t irq;

		if (*zone_set_aside(zone, MIGRATE_HIGHATOMIC) == 0 ||
		    !stays_above_min(zone, gfp, order, true))
			continue;
		irq = spin_lock_irqsave(&zone->lock);
		if (buddy_has_block(zone, order, false) ||
		    (buddy_has_block(zone, order, true) &&
		     buddy_unreserve_highatomic(zone, migrate)))
			page = buddy_take(zone, order, migrate);
		if (page != NULL) {
			page->flags = page_flags(PAGE_ALLOCATED, order, zone->type, migrate);
			page->count = 1;
		}
		spin_unlock_irqrestore(&zone->lock, irq);
	}
	return page;
}

/* The cheapest first. A step that freed something is followed by another try. */
static const struct {
	bool (*run)(gfp_t gfp, unsigned int order);
	bool dear; /* only for who may wait, and did not say __GFP_NORETRY */
} slow_steps[] = {
	{ drain_magazines, false },
	{ shrink, false },
	{ reclaim, true },
	{ compact, true },
};

/* Down the zones above their low marks: what the hot path does, while that is closed. */
static struct page *alloc_at_low(gfp_t gfp, unsigned int order)
{
	const struct route_stop *stop = zone_routes[gfp & GFP_CLASS_MASK].stops;
	enum migrate_type migrate = gfp_classes[gfp & GFP_CLASS_MASK].migrate;
	struct page *page = NULL;

	for (; stop->zone != NULL && page == NULL; stop++)
		if (stop->zone->free_pages - stop->low_pages >= 1 << order)
			page = alloc_block(
				stop->zone, order,
				page_flags(PAGE_ALLOCATED, 0, stop->zone->type, migrate));
	return page;
}

static struct page *alloc_with_steps(gfp_t gfp, unsigned int order)
{
	bool patient = (gfp & __GFP_DIRECT_RECLAIM) != 0 && (gfp & __GFP_NORETRY) == 0;
	struct page *page = alloc_at_min(gfp, order);

	/* A try for a large block by who takes a smaller one as well: nothing is given up for it. */
	if (order > 0 && (gfp & (__GFP_DIRECT_RECLAIM | __GFP_NORETRY)) == __GFP_NORETRY)
		return page;

	for (unsigned int i = 0; page == NULL && i < ARRAY_SIZE(slow_steps); i++)
		if ((patient || !slow_steps[i].dear) && slow_steps[i].run(gfp, order))
			page = alloc_at_min(gfp, order);
	return page == NULL && highatomic_used ? alloc_from_set_aside(gfp, order) : page;
}

/* One that is watched and turns out to be damaged is replaced by another. */
static struct page *alloc_any(gfp_t gfp, unsigned int order)
{
	struct page *page;

	do {
		page = diversions != 0 ? alloc_at_low(gfp, order) : NULL;
		if (page == NULL)
			page = alloc_with_steps(gfp, order);
	} while (page != NULL && page_debug != 0 && !page_debug_taken(page, order, gfp));
	return page;
}

static struct page *alloc_or_wait(gfp_t gfp, unsigned int order)
{
	struct page_wait wait = not_waited;
	struct page *page = alloc_any(gfp, order);

	if (page == NULL && page_wait_is_worth_it(gfp, order))
		page = page_wait_for(gfp, order, alloc_any, &wait);
	if (page != NULL)
		return page;
	page_debug_refused(gfp, order);
	return refuse(gfp, order, false, &wait);
}

static __attribute__((noinline)) struct page *alloc_slow(gfp_t gfp, unsigned int order)
{
	/* Flags that contradict each other have a route without zones: nothing is tried for them. */
	if (order > PAGE_ORDER_MAX || zone_routes[gfp & GFP_CLASS_MASK].stops->zone == NULL)
		return refuse(gfp, order, false, &not_waited);
	if ((gfp & __GFP_DIRECT_RECLAIM) != 0)
		might_sleep("alloc_pages without GFP_ATOMIC");
	if (unlikely(page_debug != 0) && page_debug_fails(order))
		return refuse(gfp, order, true, &not_waited);
	return alloc_or_wait(gfp, order);
}

/* --- freeing --------------------------------------------------------------------------------- */

/* To the buddy at once: closed magazines, odd cases, and while pages are watched. */
static void free_watched(struct page *page)
{
	if (page_debug != 0)
		page_debug_given(page, page_order(page));
	buddy_give_back(page);
	if (somebody_waits_for_pages())
		page_wait_tell();
}

/* The magazine is full, or closed. Interrupts are masked, `irq` says what they were. */
static __attribute__((noinline)) void free_to_full(struct page *page, struct magazine *magazine,
						   uint32_t irq)
{
	if (magazine->limit == 0) {
		local_irq_restore(irq); /* filling pages takes long */
		free_watched(page);
		return;
	}
	magazine_drain(magazine);
	page->flags = magazine->flags;
	magazine->items[magazine->count++] = page;
	local_irq_restore(irq);
}

int page_find_misuse(struct page *page, unsigned int order)
{
	struct page *head = page_block_head(page_to_pfn(page));

	if (head != NULL && page_type(head) == PAGE_SLAB)
		return MISUSE_SLAB;
	if (head == NULL || page_type(head) != PAGE_ALLOCATED)
		return MISUSE_NOT_ALLOCATED;
	if (head != page)
		return MISUSE_TAIL;
	if (page_order(head) != order)
		return MISUSE_WRONG_ORDER;
	return -1;
}

/* Take one reference away if there is any. Returns how many are left, negative if there was none. */
static int drop_reference(struct page *page)
{
	uint32_t count = __atomic_load_n(&page->count, __ATOMIC_RELAXED);

	do {
		if ((count & PAGE_COUNT_REFS_MASK) == 0)
			return -1;
	} while (!__atomic_compare_exchange_n(&page->count, &count, count - 1, false,
					      __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
	return (int)((count - 1) & PAGE_COUNT_REFS_MASK);
}

/* The last reference goes to a block of which a window may show something. */
static bool is_shown_last(const struct page *page)
{
	return page_forget_window_hook != NULL && (page->flags & PAGE_WINDOW_BITS) != 0 &&
	       (__atomic_load_n(&page->count, __ATOMIC_RELAXED) & PAGE_COUNT_REFS_MASK) == 1;
}

/*
 * What is neither an ordinary block with one reference nor a mistake: shared, compound, shown in a
 * window, or all of that.
 */
static __attribute__((noinline)) void free_slow(struct page *page, unsigned int order)
{
	void *caller = __builtin_return_address(0); /* of who freed: this is called last of all */
	int misuse = page_find_misuse(page, order), left;

	if (misuse >= 0) {
		page_report_misuse((enum page_misuse_kind)misuse, page, order, caller);
		return;
	}
	if (unlikely(is_shown_last(page))) {
		if (page_forget_window_hook(page, caller))
			__free_pages(page, order); /* an ordinary block now */
		return;
	}
	left = drop_reference(page);
	if (left < 0)
		page_report_misuse(MISUSE_NOT_HELD, page, order, caller);
	else if (left == 0)
		free_watched(page);
}

/*
 * What an allocated block's flags are but for order, zone and migrate type; while pages are watched,
 * nothing that any block has.
 */
static uint32_t large_flags;

void page_alloc_divert(bool on)
{
	preempt_disable(); /* two threads of which each carries out half would disagree */
	diversions += on ? 1U : -1U;
	large_flags = diversions != 0 ? 0 : page_boot_number | PAGE_ALLOCATED;
	magazines_divert(diversions != 0);
	preempt_enable();
}

void page_alloc_init(void)
{
	magazines_init();
	diversions = 0;
	large_flags = page_boot_number | PAGE_ALLOCATED;
	magazines_divert(false);
}

/* A block that magazines do not hold. The comparison is the one of small blocks. */
static __attribute__((noinline)) void free_large(struct page *page, unsigned int order)
{
	uint32_t flags = page->flags;
	uint32_t wanted = large_flags | order << PAGE_ORDER_SHIFT;

	/* Of an order that is none, the bits that are compared may be a real one's. */
	if (likely(order <= PAGE_ORDER_MAX &&
		   (flags & ~(PAGE_ZONE_MASK << PAGE_ZONE_SHIFT |
			      PAGE_MIGRATE_MASK << PAGE_MIGRATE_SHIFT)) == wanted &&
		   page->count == 1))
		buddy_give_back(page);
	else
		free_slow(page, order);
}

/*
 * One comparison sees type, order, zone, migrate type, this boot's number and that neither window
 * nor comp is set: the flags must be those of the magazine's blocks but for the type.
 */
void __free_pages(struct page *page, unsigned int order)
{
	uint32_t flags, refs, irq, count;
	struct magazine *magazine;

	if (unlikely(order > MAGAZINE_ORDER_MAX)) {
		free_large(page, order);
		return;
	}
	flags = page->flags;
	refs = page->count;
	irq = local_irq_save();
	magazine = &magazine_set_of(this_cpu_ptr(&page_magazines), flags)->orders[order];
	count = magazine->count;
	if (unlikely(flags - (PAGE_ALLOCATED - PAGE_CACHED) != magazine->flags || refs != 1)) {
		local_irq_restore(irq);
		free_slow(page, order);
	} else if (unlikely(count >= magazine->limit)) {
		free_to_full(page, magazine, irq);
	} else {
		magazine->items[count] = page;
		magazine->count = count + 1;
		page->flags = magazine->flags;
		local_irq_restore(irq);
	}
}

void free_pages(uintptr_t address, unsigned int order)
{
	if (address != 0)
		__free_pages(virt_to_page((const void *)address), order);
}

/* --- references ------------------------------------------------------------------------------ */

struct page *compound_head(struct page *page)
{
	struct page *head = page_block_head(page_to_pfn(page));

	return head != NULL && (head->flags & PAGE_COMPOUND) != 0 &&
			       page_type(head) == PAGE_ALLOCATED
		       ? head
		       : page;
}

/* The block that a reference to this page counts for; NULL: there is none to be held. */
static struct page *held_head(struct page *page)
{
	struct page *head = page_block_head(page_to_pfn(page));

	if (head == NULL || page_type(head) != PAGE_ALLOCATED)
		return NULL;
	return head == page || (head->flags & PAGE_COMPOUND) != 0 ? head : NULL;
}

unsigned int page_count(struct page *page)
{
	struct page *head = held_head(page);

	return head != NULL ? __atomic_load_n(&head->count, __ATOMIC_RELAXED) & PAGE_COUNT_REFS_MASK
			    : 0;
}

/* A page without a reference to be counted: nobody's, or a tail. */
static enum page_misuse_kind kind_of_unheld(struct page *page)
{
	struct page *head = page_block_head(page_to_pfn(page));

	if (head != NULL && page_type(head) == PAGE_SLAB)
		return MISUSE_SLAB;
	return head != NULL && page_type(head) == PAGE_ALLOCATED ? MISUSE_TAIL : MISUSE_NOT_HELD;
}

void get_page(struct page *page)
{
	struct page *head = held_head(page);
	uint32_t count, refs;

	if (head == NULL) {
		page_report_misuse(kind_of_unheld(page), page, 0, __builtin_return_address(0));
		return;
	}
	count = __atomic_load_n(&head->count, __ATOMIC_RELAXED);
	do {
		refs = count & PAGE_COUNT_REFS_MASK;
		if (refs == 0 || refs == PAGE_COUNT_REFS_MASK) {
			page_report_misuse(MISUSE_NOT_HELD, page, 0, __builtin_return_address(0));
			return;
		}
	} while (!__atomic_compare_exchange_n(&head->count, &count, count + 1, false,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
}

void put_page(struct page *page)
{
	struct page *head = held_head(page);

	if (head == NULL)
		page_report_misuse(kind_of_unheld(page), page, 0, __builtin_return_address(0));
	else
		__free_pages(head, page_order(head));
}

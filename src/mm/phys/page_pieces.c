/* SPDX-License-Identifier: MIT */
/* Blocks in pieces: splitting what was allocated, exact sizes, given frames, isolated pageblocks. */
#include <errno.h>

#include "lib/bits.h"
#include "mm/phys/buddy.h"
#include "mm/phys/magazine.h"
#include "mm/phys/page_alloc.h"
#include "mm/phys/page_debug.h"

/* --- splitting ------------------------------------------------------------------------------- */

/*
 * Tails first and the head last: whoever looks in between sees the whole block, never a gap. The
 * flags differ from the head's in the order alone, which is 0.
 */
void split_page(struct page *page, unsigned int order)
{
	uint32_t single =
		page_flags(PAGE_ALLOCATED, 0, page_zone_index(page), page_migrate_type(page));
	bool shown = (page->flags & PAGE_WINDOW_BITS) != 0;
	int misuse = page_find_misuse(page, order);

	if (misuse < 0 && (page->count != 1 || (page->flags & PAGE_COMPOUND) != 0))
		misuse = MISUSE_NOT_HELD;
	if (misuse >= 0) {
		page_report_misuse((enum page_misuse_kind)misuse, page, order,
				   __builtin_return_address(0));
		return;
	}
	for (uint32_t i = (1U << order) - 1; i > 0; i--) {
		page[i].flags = single;
		page[i].count = 1;
	}
	__atomic_thread_fence(__ATOMIC_RELEASE);
	page->flags = single;
	if (shown && page_split_window_hook != NULL)
		page_split_window_hook(page, order);
}

unsigned int get_order(size_t bytes)
{
	size_t pages = (bytes >> PAGE_SHIFT) + ((bytes & (PAGE_SIZE - 1)) != 0);

	if (pages == 0 || pages > 1U << PAGE_ORDER_MAX)
		return NR_PAGE_ORDERS;
	return pages == 1 ? 0 : highest_bit((uint32_t)pages - 1) + 1;
}

void *alloc_pages_exact(size_t bytes, gfp_t gfp)
{
	unsigned int order = get_order(bytes);
	uintptr_t address = __get_free_pages(gfp & ~__GFP_COMP, order);

	if (address == 0)
		return NULL;
	split_page(virt_to_page((void *)address), order);
	free_pages_exact((void *)(address + ALIGN_UP(bytes, PAGE_SIZE)),
			 ((size_t)PAGE_SIZE << order) - ALIGN_UP(bytes, PAGE_SIZE));
	return (void *)address;
}

void free_pages_exact(void *address, size_t bytes)
{
	for (size_t done = 0; done < bytes; done += PAGE_SIZE)
		free_page((uintptr_t)address + done);
}

/* --- given frames ---------------------------------------------------------------------------- */

/* The zone that has both ends of a range; NULL: none has. */
static struct zone *zone_of_range(uint32_t start_pfn, uint32_t end_pfn)
{
	for (unsigned int type = 0; type < MAX_NR_ZONES; type++) {
		const struct zone_span *span = &zones[type].span;

		if (start_pfn >= span->start_pfn && start_pfn < end_pfn &&
		    end_pfn - span->start_pfn <= span->spanned_pages)
			return &zones[type];
	}
	return NULL;
}

/*
 * A block that was taken out: what lies in [from, to) is kept, in blocks of `kept_flags` and their
 * order, the rest goes back. Both halves get their heads before either is looked at, so no frame is
 * ever without one; at most two halves an order are cut again.
 */
static void keep_range(struct zone *zone, uint32_t pfn, unsigned int order, uint32_t kept_flags,
		       uint32_t from_pfn, uint32_t to_pfn)
{
	uint32_t end_pfn = pfn + (1U << order), half;

	pfn_to_page(pfn)->flags = kept_flags + (order << PAGE_ORDER_SHIFT);
	pfn_to_page(pfn)->count = 1;
	if (pfn >= from_pfn && end_pfn <= to_pfn)
		return;
	if (end_pfn <= from_pfn || pfn >= to_pfn) {
		buddy_give(zone, pfn_to_page(pfn), page_free_flags(pfn_to_page(pfn)));
		return;
	}
	half = 1U << (order - 1);
	pfn_to_page(pfn + half)->flags = kept_flags + ((order - 1) << PAGE_ORDER_SHIFT);
	pfn_to_page(pfn)->flags = kept_flags + ((order - 1) << PAGE_ORDER_SHIFT);
	keep_range(zone, pfn, order - 1, kept_flags, from_pfn, to_pfn);
	keep_range(zone, pfn + half, order - 1, kept_flags, from_pfn, to_pfn);
}

/*
 * Take the free block that holds pfn and keep of it what lies in [pfn, end_pfn), as blocks of type
 * `kept`. Returns where that ends; pfn itself when the block is not free.
 */
static uint32_t take_free_block(struct zone *zone, uint32_t pfn, uint32_t end_pfn,
				enum page_type kept)
{
	uint32_t irq = spin_lock_irqsave(&zone->lock), taken_pfn = pfn;
	struct page *head = page_block_head(pfn);

	if (head != NULL && page_type(head) == PAGE_FREE) {
		enum migrate_type migrate = page_migrate_type(head);
		unsigned int order = page_order(head);

		taken_pfn = min_u32(page_to_pfn(head) + (1U << order), end_pfn);
		buddy_take_block(zone, head);
		if (migrate >= MIGRATE_PCPTYPES)
			migrate = MIGRATE_MOVABLE;
		keep_range(zone, page_to_pfn(head), order, page_flags(kept, 0, zone->type, migrate),
			   pfn, taken_pfn);
	}
	spin_unlock_irqrestore(&zone->lock, irq);
	return taken_pfn;
}

/*
 * The blocks of [pfn, end_pfn) are ours and end there. Returns where the singles end: before a block
 * that was found damaged, and then the blocks behind it went back.
 */
static uint32_t split_range(uint32_t pfn, uint32_t end_pfn)
{
	while (pfn < end_pfn) {
		struct page *head = pfn_to_page(pfn);
		unsigned int order = page_order(head);

		if (page_debug != 0 && !page_debug_taken(head, order, 0))
			break;
		split_page(head, order);
		pfn += 1U << order;
	}
	for (uint32_t rest = pfn; rest < end_pfn;) {
		struct page *head = pfn_to_page(rest);

		rest += 1U << page_order(head);
		if (page_type(head) == PAGE_ALLOCATED)
			buddy_give_back(head); /* for who watches it was never taken */
	}
	return pfn;
}

/*
 * Block by block, a lock at a time, so that interrupts wait for one block at most. The magazines of
 * the zone are closed meanwhile: what they held is on the lists, what is freed goes there.
 */
int alloc_contig_range(uint32_t start_pfn, uint32_t end_pfn, uint32_t *busy_pfn)
{
	struct zone *zone = zone_of_range(start_pfn, end_pfn);
	uint32_t pfn = start_pfn;

	if (zone == NULL)
		return -EINVAL;
	magazines_close(zone->type);
	while (pfn < end_pfn) {
		uint32_t block_pfn = pfn;
		uint32_t next_pfn = take_free_block(zone, pfn, end_pfn, PAGE_ALLOCATED);

		pfn = split_range(block_pfn, next_pfn);
		if (pfn == block_pfn || pfn != next_pfn)
			break;
	}
	if (pfn < end_pfn)
		free_contig_range(start_pfn, pfn - start_pfn);
	magazines_reopen(zone->type);
	if (pfn == end_pfn)
		return 0;
	if (busy_pfn != NULL)
		*busy_pfn = pfn;
	return -EBUSY;
}

void free_contig_range(uint32_t start_pfn, uint32_t pages)
{
	for (uint32_t i = 0; i < pages; i++)
		__free_page(pfn_to_page(start_pfn + i));
}

/* --- quarantine ------------------------------------------------------------------------------ */

bool page_quarantine(struct page *page, unsigned int order)
{
	uint32_t pfn = page_to_pfn(page);
	struct page *head = page_block_head(pfn);

	if (head != NULL && page_type(head) == PAGE_CACHED) {
		magazines_drain_all();
		head = page_block_head(pfn);
	}
	if (head == NULL || page_type(head) != PAGE_FREE)
		return false;
	/* No more than is free here, and no less than the page itself. */
	if (order > page_order(head) || !IS_ALIGNED(pfn, 1U << order))
		order = 0;
	return take_free_block(&zones[page_zone_index(head)], pfn, pfn + (1U << order),
			       PAGE_QUARANTINED) != pfn;
}

bool page_unquarantine(struct page *page)
{
	struct page *head = page_block_head(page_to_pfn(page));
	unsigned int order;

	if (head != page || page_type(head) != PAGE_QUARANTINED)
		return false;
	order = page_order(head);
	head->flags = page_flags(PAGE_ALLOCATED, order, page_zone_index(head), MIGRATE_UNMOVABLE);
	head->count = 1;
	__free_pages(head, order);
	return true;
}

/* --- isolation ------------------------------------------------------------------------------- */

/* Move the pageblock's free blocks to the list of its new type, a lock at a time. */
static void move_free_blocks(struct zone *zone, uint32_t start_pfn)
{
	uint32_t pfn = start_pfn;

	while (pfn < start_pfn + (1U << PAGE_ORDER_MAX)) {
		uint32_t irq = spin_lock_irqsave(&zone->lock);
		struct page *head = page_block_head(pfn);
		unsigned int order = page_order(head);

		if (page_type(head) == PAGE_FREE && page_zone_index(head) == zone->type &&
		    page_migrate_type(head) != pageblock_type(head)) {
			buddy_take_block(zone, head);
			buddy_give(zone, head, page_free_flags(head));
		}
		pfn = page_to_pfn(head) + (1U << order);
		spin_unlock_irqrestore(&zone->lock, irq);
	}
}

/* Whether a zone has frames of a pageblock: mostly one does, at a border two or more. */
static bool has_some(const struct zone *zone, uint32_t start_pfn)
{
	return start_pfn < zone->span.start_pfn + zone->span.spanned_pages &&
	       start_pfn + (1U << PAGE_ORDER_MAX) > zone->span.start_pfn;
}

/* Whoever has the pageblock's first frames guards its type. */
static struct zone *guarding_zone(uint32_t start_pfn)
{
	for (unsigned int type = 0; type < MAX_NR_ZONES; type++)
		if (has_some(&zones[type], start_pfn))
			return &zones[type];
	return NULL;
}

/* False when the pageblock is what it shall become already. */
static bool change_type(struct zone *zone, uint32_t start_pfn, bool isolate,
			enum migrate_type migrate)
{
	struct page *page = pfn_to_page(start_pfn);
	uint32_t irq = spin_lock_irqsave(&zone->lock);
	bool changes = (pageblock_type(page) == MIGRATE_ISOLATE) != isolate;

	if (changes && pageblock_type(page) == MIGRATE_HIGHATOMIC)
		zone->highatomic_blocks--;
	if (changes)
		set_pageblock_type(page, migrate);
	if (changes && migrate == MIGRATE_HIGHATOMIC)
		zone->highatomic_blocks++;
	spin_unlock_irqrestore(&zone->lock, irq);
	return changes;
}

/* A hole never changes, so it can be looked at without a lock. */
static bool change_pageblock(uint32_t pfn, bool isolate, enum migrate_type migrate)
{
	uint32_t start_pfn = ALIGN_DOWN(pfn, 1U << PAGE_ORDER_MAX);
	struct zone *zone = guarding_zone(start_pfn);
	struct page *head = page_block_head(pfn);

	if (zone == NULL || head == NULL || page_type(head) == PAGE_HOLE)
		return false;
	return change_type(zone, start_pfn, isolate, migrate);
}

/* A zone's magazines stay closed as long as it has an isolated pageblock. */
bool isolate_pageblock(uint32_t pfn)
{
	uint32_t start_pfn = ALIGN_DOWN(pfn, 1U << PAGE_ORDER_MAX);

	if (!change_pageblock(pfn, true, MIGRATE_ISOLATE))
		return false;
	for (enum zone_type type = 0; type < MAX_NR_ZONES; type++)
		if (has_some(&zones[type], start_pfn)) {
			magazines_close(type);
			move_free_blocks(&zones[type], start_pfn);
		}
	return true;
}

bool unisolate_pageblock(uint32_t pfn, enum migrate_type migrate)
{
	uint32_t start_pfn = ALIGN_DOWN(pfn, 1U << PAGE_ORDER_MAX);

	if (!change_pageblock(pfn, false, migrate))
		return false;
	for (enum zone_type type = 0; type < MAX_NR_ZONES; type++)
		if (has_some(&zones[type], start_pfn)) {
			move_free_blocks(&zones[type], start_pfn);
			magazines_reopen(type);
		}
	return true;
}

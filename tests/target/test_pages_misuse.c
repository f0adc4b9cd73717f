/* SPDX-License-Identifier: MIT */
/* The page allocator used wrongly: refused, told, and nothing has changed. */
#include "arch/layout.h"
#include "arch/linear.h"
#include "kern/selftest.h"
#include "lib/bits.h"
#include "mm/obj/atomic_sleep.h"
#include "mm/phys/magazine.h"
#include "mm/phys/memblock.h"
#include "mm/phys/page_debug.h"

#include "page_watch.h"

#include "insist.h"

extern char __text_start[];

/* --- refusals --------------------------------------------------------------------------------- */

static void expect_refusal(gfp_t gfp, unsigned int order)
{
	uint32_t count = last_refusal.count;

	refusals = 0;
	EXPECT(alloc_pages(gfp | __GFP_NOWARN, order) == NULL && refusals == 0);
	EXPECT(alloc_pages(gfp, order) == NULL && refusals == 1);
	EXPECT(last_refusal.gfp == gfp && last_refusal.order == order &&
	       last_refusal.contradictory);
	EXPECT(count == 0 || last_refusal.count == count + 2);
	EXPECT(state_is_as_before());
}

/* Contradictions that the compiler sees do not compile; these it does not see. */
SELFTEST(pages, a_refusal_changes_nothing)
{
	begin();
	last_refusal.count = 0;
	expect_refusal(GFP_KERNEL, PAGE_ORDER_MAX + 1);
	expect_refusal(GFP_HIGHUSER_MOVABLE | __GFP_ZERO | __GFP_COMP, PAGE_ORDER_MAX + 1);
	expect_refusal(GFP_KERNEL, 32);
	expect_refusal(GFP_KERNEL, UINT32_MAX);
	for (unsigned int order = 0; order <= PAGE_ORDER_MAX; order += 5) {
		expect_refusal(GFP_KERNEL | __GFP_DMA | __GFP_HIGHMEM, order);
		expect_refusal(GFP_ATOMIC | __GFP_MOVABLE | __GFP_RECLAIMABLE, order);
	}
	EXPECT(__get_free_pages(GFP_KERNEL | __GFP_NOWARN, PAGE_ORDER_MAX + 1) == 0);
	EXPECT(alloc_pages_exact(0, GFP_KERNEL | __GFP_NOWARN) == NULL);
	EXPECT(alloc_pages_exact((PAGE_SIZE << PAGE_ORDER_MAX) + 1, GFP_KERNEL | __GFP_NOWARN) ==
	       NULL);
	end();
}

/* --- wrong use -------------------------------------------------------------------------------- */

/* Told once, of the right page, and the page is as it was. */
static void expect_told(enum page_misuse_kind kind, const struct page *page, struct page was)
{
	EXPECT(misuses == 1 && last_misuse.kind == kind && last_misuse.pfn == page_to_pfn(page));
	EXPECT(page->flags == was.flags && page->count == was.count);
	misuses = 0;
}

/* What was free already is out of use now, all of it that was freed; take it back for the next. */
static void expect_quarantined(uint32_t pfn, unsigned int order)
{
	uint32_t start_pfn = pfn, end_pfn = pfn + (1U << order);

	EXPECT(misuses == 1 && last_misuse.kind == MISUSE_NOT_ALLOCATED && last_misuse.pfn == pfn);
	misuses = 0;
	while (pfn < end_pfn && page_type(pfn_to_page(pfn)) == PAGE_QUARANTINED) {
		struct page *head = pfn_to_page(pfn);

		pfn += 1U << page_order(head);
		EXPECT(page_block_head(pfn - 1) == head);
		EXPECT(page_unquarantine(head) && !page_unquarantine(head));
	}
	/* Of a block that is not all free, the first page alone. */
	EXPECT(pfn == end_pfn || pfn == start_pfn + 1);
}

static void expect_misuse(enum page_misuse_kind kind, struct page *page, unsigned int order)
{
	struct page was = *page;

	__free_pages(page, order);
	EXPECT(last_misuse.order == order);
	if (last_misuse.quarantined)
		expect_quarantined(page_to_pfn(page), order <= PAGE_ORDER_MAX ? order : 0);
	else
		expect_told(kind, page, was);
}

/* Nobody's page can be held or let go of either. */
static void expect_nobodys(struct page *page)
{
	struct page was;

	for (unsigned int order = 0; order <= PAGE_ORDER_MAX + 1; order++)
		expect_misuse(MISUSE_NOT_ALLOCATED, page, order);
	EXPECT(page_count(page) == 0);
	was = *page;
	get_page(page);
	expect_told(MISUSE_NOT_HELD, page, was);
	put_page(page);
	expect_told(MISUSE_NOT_HELD, page, was);
}

SELFTEST(pages, freed_twice)
{
	static const unsigned int orders[] = { 0, 3, 4, PAGE_ORDER_MAX };

	begin();
	for (unsigned int i = 0; i < ARRAY_SIZE(orders); i++) {
		struct page *page = alloc_pages(GFP_KERNEL | __GFP_NOWARN, orders[i]);

		EXPECT(page != NULL || orders[i] > 4);
		if (page == NULL)
			continue;
		__free_pages(page, orders[i]);
		expect_nobodys(page);
		magazines_drain_all(); /* now it is on a list, perhaps as a tail */
		expect_nobodys(page);
		EXPECT(state_is_as_before());
	}
	end();
}

SELFTEST(pages, freeing_nothing_does_nothing)
{
	begin();
	free_page(0);
	free_pages(0, 3);
	end();
}

static void expect_wrong_orders(struct page *head, unsigned int right)
{
	for (unsigned int order = 0; order <= PAGE_ORDER_MAX + 1; order++)
		if (order != right)
			expect_misuse(MISUSE_WRONG_ORDER, head, order);
}

SELFTEST(pages, wrong_order_and_tails)
{
	begin();
	for (unsigned int order = 0; order <= 6; order++) {
		struct page *head = alloc_pages(GFP_KERNEL, order);

		EXPECT(head != NULL);
		if (head == NULL)
			continue;
		write_block(head, order);
		expect_wrong_orders(head, order);
		for (uint32_t i = 1; i < 1U << order; i += i) {
			struct page was = head[i];

			expect_misuse(MISUSE_TAIL, head + i, lowest_bit(i));
			expect_misuse(MISUSE_TAIL, head + i, 0);
			get_page(head + i);
			expect_told(MISUSE_TAIL, head + i, was);
			put_page(head + i);
			expect_told(MISUSE_TAIL, head + i, was);
		}
		EXPECT(page_count(head) == 1 && block_is_as_written(head, order));
		__free_pages(head, order);
	}
	end();
}

/*
 * To be run first after boot, when tails hold what RAM held: heads of the boot before, perhaps.
 * A suite of its own, since the others leave their own traces in tails.
 */
SELFTEST(tails, of_an_earlier_boot_are_no_blocks)
{
	begin();
	for (unsigned int order = 9; order > 0; order--) {
		struct page *head = alloc_pages(GFP_KERNEL, order);

		EXPECT(head != NULL);
		if (head == NULL)
			continue;
		for (uint32_t i = 1; i < 1U << order; i++)
			expect_misuse(MISUSE_TAIL, head + i, 0);
		__free_pages(head, order);
	}
	end();
}

/* The first frame of a type in all of the 32-bit space, holes included; NULL: there is none. */
static struct page *find_page(enum page_type type)
{
	for (uint32_t pfn = 0; pfn < 1U << 20;) {
		struct page *head = page_block_head(pfn);

		if (head == NULL && type == PAGE_NONE)
			return pfn_to_page(pfn);
		if (head != NULL && page_type(head) == type)
			return head;
		pfn += head != NULL ? 1U << page_order(head) : VMEMMAP_UNIT_PAGES;
	}
	return NULL;
}

SELFTEST(pages, what_was_never_given_out)
{
	struct page *hole = find_page(PAGE_HOLE);

	begin();
	EXPECT(find_page(PAGE_RESERVED) != NULL && find_page(PAGE_NONE) != NULL);
	expect_nobodys(find_page(PAGE_RESERVED));
	expect_nobodys(find_page(PAGE_NONE));
	if (hole != NULL)
		expect_nobodys(hole);
	expect_nobodys(virt_to_page((void *)CONFIG_PAGE_OFFSET));
	expect_nobodys(virt_to_page(__text_start));
	expect_nobodys(phys_to_page(memblock_start_of_DRAM()));
	end();
}

SELFTEST(pages, references_of_a_compound)
{
	struct page *head = alloc_pages(GFP_KERNEL | __GFP_COMP, 4);
	struct page *single = alloc_page(GFP_KERNEL);

	EXPECT(head != NULL && single != NULL);
	if (head == NULL || single == NULL)
		return;
	__free_page(single);
	__free_pages(head, 4);
	begin();
	head = alloc_pages(GFP_KERNEL | __GFP_COMP, 4);
	EXPECT(compound_head(head + 15) == head && compound_head(head) == head);
	for (unsigned int i = 0; i < 16; i++)
		get_page(head + i);
	EXPECT(page_count(head) == 17 && page_count(head + 9) == 17);
	expect_misuse(MISUSE_TAIL, head + 9, 0);
	expect_misuse(MISUSE_WRONG_ORDER, head, 3);
	for (unsigned int i = 0; i < 16; i++)
		put_page(head + 15 - i);
	EXPECT(page_count(head + 3) == 1 && page_type(head) == PAGE_ALLOCATED);
	put_page(head + 5);
	EXPECT(page_count(head) == 0 && compound_head(head + 5) == head + 5);

	single = alloc_page(GFP_KERNEL);
	for (unsigned int i = 1; i < PAGE_COUNT_REFS_MASK; i++)
		get_page(single);
	EXPECT(page_count(single) == PAGE_COUNT_REFS_MASK && misuses == 0);
	get_page(single); /* one more would be none */
	EXPECT(misuses == 1 && last_misuse.kind == MISUSE_NOT_HELD);
	misuses = 0;
	for (unsigned int i = 1; i < PAGE_COUNT_REFS_MASK; i++)
		put_page(single);
	EXPECT(page_count(single) == 1);
	put_page(single);
	end();
}

/* A page that waits is written to: told by whoever tells at run time, set aside, and never given out. */
static void write_to_waiting_head(uint32_t flip)
{
	struct page *page = alloc_page(GFP_KERNEL), *other;
	uint32_t flags;

	EXPECT(page != NULL);
	flags = page->flags;
	__free_page(page);
	page->flags ^= flip;
	other = alloc_page(GFP_KERNEL);
	EXPECT(other != NULL && other != page && page_type(page) == PAGE_QUARANTINED);
	EXPECT(misuses == 1 && last_misuse.kind == MISUSE_HEAD_WRITTEN &&
	       last_misuse.pfn == page_to_pfn(page));
	tell_as_usual();
	misuses = 0;
	expect_misuse(MISUSE_NOT_ALLOCATED, page, 0);
	__free_page(other);
	/* As if it had never happened. */
	page->flags = flags;
	page->count = 1;
	__free_page(page);
}

/* Somebody wrote to a page's struct page after giving it back: it is kept out of all hands. */
SELFTEST(pages, a_damaged_head_is_not_given_out)
{
	static const uint32_t flips[] = { PAGE_COMPOUND, 1, 7, PAGE_TYPE_MASK, UINT32_MAX };

	/* Only what waits in a magazine is looked at, and while requests are watched none does. */
	if (page_debug != 0 || atomic_sleep_checked)
		return;
	begin();
	for (unsigned int i = 0; i < ARRAY_SIZE(flips); i++)
		write_to_waiting_head(flips[i]);
	end();
}

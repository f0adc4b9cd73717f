/* SPDX-License-Identifier: MIT */
/*
 * The page allocator between start and refusal: blocks that split and join, migrate types, what is
 * set aside for atomic requests, isolated pageblocks, magazines, and every zone to its last page
 * and back.
 */
#include "page_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "mm/phys/buddy.h"

#define BLOCK   (1U << PAGE_ORDER_MAX)
#define BASE    HARNESS_BASE_PFN
#define MOST    (1U << 16)

#define MOVABLE (GFP_NOWAIT | __GFP_MOVABLE)
#define KERNEL  (GFP_KERNEL | __GFP_NOWARN)

static struct page *held[MOST];
static struct zone *const normal = &zones[ZONE_NORMAL];

static struct page *ask(gfp_t gfp, unsigned int order)
{
	return __alloc_pages(gfp, order);
}

static uint32_t listed(enum migrate_type migrate, unsigned int order)
{
	return normal->lists[migrate][order].anchor.count;
}

/* Normal alone without watermarks: `blocks` pageblocks and the one with the first page. */
static void start_normal(uint32_t blocks)
{
	harness_start(&(struct harness_machine){ .zone_pages = { 0, (blocks + 1) * BLOCK, 0, 0 } });
	harness_clear_watermarks();
}

/* Everything allocated, in the pieces there are: what a test frees is then all that is free. */
static void take_everything(void)
{
	for (int order = PAGE_ORDER_MAX; order >= 0; order--)
		while (ask(MOVABLE | __GFP_NOWARN, (unsigned int)order) != NULL)
			;
	magazines_drain_all();
	assert_int_equal(normal->free_pages, 0);
	harness_check(NULL);
}

/* A frame of the nth whole pageblock. */
static struct page *frame(uint32_t block, uint32_t offset)
{
	return pfn_to_page(BASE + (block + 1) * BLOCK + offset);
}

/* Make an allocated block into smaller ones, each held once. */
static void cut(struct page *page, unsigned int from, unsigned int to)
{
	for (uint32_t i = 0; i < 1U << from; i += 1U << to) {
		page[i].flags = page_flags(PAGE_ALLOCATED, to, page_zone_index(page),
					   page_migrate_type(page));
		page[i].count = 1;
	}
}

static void free_at_once(struct page *page, unsigned int order)
{
	__free_pages(page, order);
	magazines_drain_all();
}

/* --- splitting and joining -------------------------------------------------------------------- */

/* One whole block, each order taken out of it, and back: only the way down to it is split. */
static void test_split_and_join(void **state)
{
	(void)state;
	for (unsigned int order = 0; order <= PAGE_ORDER_MAX; order++) {
		struct page *page;
		uint32_t irq;

		start_normal(3);
		take_everything();
		free_at_once(frame(1, 0), PAGE_ORDER_MAX);
		irq = spin_lock_irqsave(&normal->lock);
		page = buddy_take(normal, order, MIGRATE_MOVABLE);
		page->flags = page_flags(PAGE_ALLOCATED, order, ZONE_NORMAL, MIGRATE_MOVABLE);
		page->count = 1;
		spin_unlock_irqrestore(&normal->lock, irq);
		assert_ptr_equal(page, frame(1, 0));
		for (unsigned int other = 0; other <= PAGE_ORDER_MAX; other++)
			assert_int_equal(listed(MIGRATE_MOVABLE, other),
					 other >= order && other < PAGE_ORDER_MAX);
		harness_check(NULL);
		free_at_once(page, order);
		assert_int_equal(listed(MIGRATE_MOVABLE, PAGE_ORDER_MAX), 1);
		assert_int_equal(normal->free_pages, BLOCK);
		harness_check(NULL);
	}
}

/* Two blocks side by side that are no buddies stay two; buddies become one, from either side. */
static void test_only_buddies_join(void **state)
{
	(void)state;
	for (unsigned int order = 0; order < PAGE_ORDER_MAX; order++) {
		uint32_t size = 1U << order, first = BLOCK - 2 * size;

		start_normal(3);
		take_everything();
		cut(frame(0, 0), PAGE_ORDER_MAX, order);
		cut(frame(1, 0), PAGE_ORDER_MAX, order);
		free_at_once(frame(0, BLOCK - size), order);
		free_at_once(frame(1, 0), order);
		assert_int_equal(listed(MIGRATE_MOVABLE, order), 2);
		harness_check(NULL);
		free_at_once(frame(0, first), order);
		assert_int_equal(listed(MIGRATE_MOVABLE, order), 1);
		assert_int_equal(listed(MIGRATE_MOVABLE, order + 1), 1);
		free_at_once(frame(1, size), order);
		assert_int_equal(listed(MIGRATE_MOVABLE, order), 0);
		assert_int_equal(listed(MIGRATE_MOVABLE, order + 1), 2);
		harness_check(NULL);
	}
}

/* A zone's border keeps buddies apart. */
static void test_zones_do_not_join(void **state)
{
	const struct harness_machine machine = { .zone_pages = { 2 * BLOCK + BLOCK / 2,
								 BLOCK + BLOCK / 2, 0, 0 } };

	(void)state;
	harness_start(&machine);
	harness_clear_watermarks();
	for (int i = 0; i < 2; i++) {
		assert_int_equal(
			zones[ZONE_DMA].lists[MIGRATE_MOVABLE][PAGE_ORDER_MAX - 1].anchor.count, 2);
		assert_int_equal(normal->lists[MIGRATE_MOVABLE][PAGE_ORDER_MAX - 1].anchor.count,
				 1);
		/* both out and in again */
		held[0] = ask(GFP_DMA | __GFP_MOVABLE, PAGE_ORDER_MAX - 1);
		held[1] = ask(GFP_DMA | __GFP_MOVABLE, PAGE_ORDER_MAX - 1);
		held[2] = ask(MOVABLE, PAGE_ORDER_MAX - 1);
		assert_int_equal(page_zone_index(held[2]), ZONE_NORMAL);
		for (int j = 0; j < 3; j++)
			free_at_once(held[j], PAGE_ORDER_MAX - 1);
		harness_check(NULL);
	}
}

static void test_has_block(void **state)
{
	(void)state;
	for (unsigned int order = 0; order <= PAGE_ORDER_MAX; order++) {
		start_normal(3);
		take_everything();
		assert_false(buddy_has_block(normal, 0, true));
		cut(frame(0, 0), PAGE_ORDER_MAX, order);
		free_at_once(frame(0, 0), order);
		for (unsigned int asked = 0; asked <= PAGE_ORDER_MAX; asked++)
			assert_int_equal(buddy_has_block(normal, asked, false), asked <= order);
		set_pageblock_type(frame(1, 0), MIGRATE_HIGHATOMIC);
		free_at_once(frame(1, 0), PAGE_ORDER_MAX);
		assert_int_equal(buddy_has_block(normal, PAGE_ORDER_MAX, false),
				 order == PAGE_ORDER_MAX);
		assert_true(buddy_has_block(normal, PAGE_ORDER_MAX, true));
	}
}

/* --- migrate types ---------------------------------------------------------------------------- */

/* A block of at least half a pageblock turns the pageblock, a smaller one does not. */
static void expect_fallback(unsigned int order, gfp_t gfp, enum migrate_type migrate)
{
	bool claims = order >= PAGE_ORDER_MAX - 1;
	enum migrate_type type = claims ? migrate : MIGRATE_MOVABLE;
	struct page *page;

	start_normal(3);
	take_everything();
	cut(frame(1, 0), PAGE_ORDER_MAX, order);
	free_at_once(frame(1, 0), order);
	normal->fallbacks = normal->claims = 0;
	page = ask(gfp, 0);
	assert_ptr_equal(page, frame(1, 0));
	assert_int_equal(page_migrate_type(page), migrate);
	assert_int_equal(pageblock_type(page), type);
	assert_int_equal(normal->fallbacks, 1);
	assert_int_equal(normal->claims, claims);
	/* what was cut off serves the next request of this type */
	for (unsigned int other = 0; other <= PAGE_ORDER_MAX; other++)
		assert_int_equal(listed(MIGRATE_MOVABLE, other), 0);
	harness_check(NULL);
	free_at_once(page, 0);
	assert_int_equal(listed(type, order), 1);
	assert_int_equal(normal->free_pages, 1 << order);
	harness_check(NULL);
}

static void test_fallback(void **state)
{
	(void)state;
	for (unsigned int order = 0; order <= PAGE_ORDER_MAX; order++) {
		expect_fallback(order, KERNEL, MIGRATE_UNMOVABLE);
		expect_fallback(order, KERNEL | __GFP_RECLAIMABLE, MIGRATE_RECLAIMABLE);
	}
}

/* Where a type looks: the larger block; among equals Linux's order. */
static void expect_choice(gfp_t gfp, enum migrate_type first, enum migrate_type second)
{
	for (int larger = -1; larger <= 1; larger++) {
		unsigned int first_order = larger < 0 ? PAGE_ORDER_MAX - 1 : PAGE_ORDER_MAX;
		unsigned int second_order = larger > 0 ? PAGE_ORDER_MAX - 1 : PAGE_ORDER_MAX;

		start_normal(4);
		take_everything();
		set_pageblock_type(frame(0, 0), second);
		set_pageblock_type(frame(2, 0), first);
		cut(frame(0, 0), PAGE_ORDER_MAX, second_order);
		cut(frame(2, 0), PAGE_ORDER_MAX, first_order);
		free_at_once(frame(2, 0), first_order);
		free_at_once(frame(0, 0), second_order);
		assert_ptr_equal(ask(gfp, PAGE_ORDER_MAX - 1), frame(larger < 0 ? 0 : 2, 0));
		harness_check(NULL);
	}
}

static void test_choice_of_fallback(void **state)
{
	(void)state;
	expect_choice(KERNEL, MIGRATE_RECLAIMABLE, MIGRATE_MOVABLE);
	expect_choice(KERNEL | __GFP_RECLAIMABLE, MIGRATE_UNMOVABLE, MIGRATE_MOVABLE);
	expect_choice(MOVABLE, MIGRATE_RECLAIMABLE, MIGRATE_UNMOVABLE);
}

/* Its own lists first, however small what they have and however large what others have. */
static void test_own_type_first(void **state)
{
	(void)state;
	for (unsigned int order = 0; order <= PAGE_ORDER_MAX; order++) {
		start_normal(4);
		take_everything();
		set_pageblock_type(frame(0, 0), MIGRATE_UNMOVABLE);
		cut(frame(0, 0), PAGE_ORDER_MAX, order);
		free_at_once(frame(0, 0), order);
		free_at_once(frame(2, 0), PAGE_ORDER_MAX);
		assert_ptr_equal(ask(KERNEL, order), frame(0, 0));
		assert_int_equal(listed(MIGRATE_MOVABLE, PAGE_ORDER_MAX), 1);
		/* and the smallest that fits */
		start_normal(4);
		take_everything();
		cut(frame(0, 0), PAGE_ORDER_MAX, order);
		free_at_once(frame(0, 0), order);
		free_at_once(frame(2, 0), PAGE_ORDER_MAX);
		assert_non_null(ask(MOVABLE, order));
		assert_int_not_equal(page_type(frame(order < PAGE_ORDER_MAX ? 0 : 2, 0)),
				     PAGE_FREE);
	}
}

/* A claim leaves the pageblock's other fragments on their list until they are joined. */
static void test_fragments_stay_on_their_list(void **state)
{
	struct page *claimed;

	(void)state;
	start_normal(3);
	take_everything();
	cut(frame(1, 0), PAGE_ORDER_MAX, PAGE_ORDER_MAX - 2);
	free_at_once(frame(1, BLOCK / 2), PAGE_ORDER_MAX - 2);
	free_at_once(frame(1, 0), PAGE_ORDER_MAX - 2);
	free_at_once(frame(1, BLOCK / 4), PAGE_ORDER_MAX - 2);
	claimed = ask(KERNEL, PAGE_ORDER_MAX - 1);
	assert_ptr_equal(claimed, frame(1, 0));
	assert_int_equal(pageblock_type(claimed), MIGRATE_UNMOVABLE);
	assert_int_equal(listed(MIGRATE_MOVABLE, PAGE_ORDER_MAX - 2), 1);
	assert_int_equal(page_migrate_type(frame(1, BLOCK / 2)), MIGRATE_MOVABLE);
	harness_check(NULL);
	/* what is freed goes where the pageblock belongs now, and takes the fragment along */
	free_at_once(frame(1, BLOCK / 4 * 3), PAGE_ORDER_MAX - 2);
	assert_int_equal(listed(MIGRATE_MOVABLE, PAGE_ORDER_MAX - 2), 0);
	assert_int_equal(listed(MIGRATE_UNMOVABLE, PAGE_ORDER_MAX - 1), 1);
	free_at_once(claimed, PAGE_ORDER_MAX - 1);
	assert_int_equal(listed(MIGRATE_UNMOVABLE, PAGE_ORDER_MAX), 1);
	harness_check(NULL);
}

/* Movable gives to movable requests of users alone, even when there is nothing else. */
static void test_movable_zone(void **state)
{
	static const gfp_t others[] = { GFP_KERNEL,
					GFP_ATOMIC,
					GFP_DMA,
					GFP_HIGHUSER,
					GFP_KERNEL | __GFP_MOVABLE,
					GFP_KERNEL | __GFP_RECLAIMABLE };

	(void)state;
	harness_start(&(struct harness_machine){ .zone_pages = { 0, 2, 0, 4 * BLOCK } });
	harness_clear_watermarks();
	assert_int_equal(page_zone_index(ask(GFP_KERNEL, 0)), ZONE_NORMAL);
	for (unsigned int i = 0; i < ARRAY_SIZE(others); i++)
		assert_null(ask(others[i], 0));
	assert_int_equal(page_zone_index(ask(GFP_HIGHUSER_MOVABLE, 0)), ZONE_MOVABLE);
}

/* --- set aside for atomic blocks -------------------------------------------------------------- */

/* Low so high that every request goes by the slow path, where atomic ones are told apart. */
static void start_below_low(uint32_t blocks)
{
	start_normal(blocks);
	take_everything();
	normal->marks.low_pages = MOST;
	magazines_init();
}

static void test_highatomic_is_set_aside(void **state)
{
	struct zone_snapshot snapshot;
	struct page *page;

	(void)state;
	start_below_low(6);
	free_at_once(frame(1, 0), PAGE_ORDER_MAX);
	free_at_once(frame(3, 0), PAGE_ORDER_MAX);
	page = ask(GFP_ATOMIC, PAGE_ORDER_MAX);
	assert_int_equal(pageblock_type(page), MIGRATE_HIGHATOMIC);
	assert_int_equal(normal->highatomic_blocks, 1);
	harness_check(NULL);
	/* what is freed there is kept from ordinary requests */
	free_at_once(page, PAGE_ORDER_MAX);
	zone_snapshot(ZONE_NORMAL, &snapshot);
	assert_int_equal(snapshot.highatomic_pages, BLOCK);
	assert_int_equal(snapshot.free_pages, 2 * BLOCK);
	assert_int_equal(snapshot.blocks[MIGRATE_HIGHATOMIC][PAGE_ORDER_MAX], 1);
	assert_int_equal(normal->free_pages, BLOCK);
	assert_ptr_not_equal(ask(KERNEL, PAGE_ORDER_MAX), page);
	/* an atomic block comes from there, is marked so, and goes back there */
	held[0] = ask(GFP_ATOMIC, 1);
	assert_ptr_equal(held[0], page);
	assert_int_equal(page_migrate_type(held[0]), MIGRATE_HIGHATOMIC);
	harness_check(NULL);
	__free_pages(held[0], 1);
	assert_int_equal(*zone_set_aside(normal, MIGRATE_HIGHATOMIC), BLOCK);
	assert_int_equal(listed(MIGRATE_HIGHATOMIC, PAGE_ORDER_MAX), 1);
	harness_check(NULL);
}

/* Atomic blocks take it first, single atomic pages last, others only by way of giving it up. */
static void test_who_may_have_highatomic(void **state)
{
	(void)state;
	start_below_low(6);
	free_at_once(frame(1, 0), PAGE_ORDER_MAX);
	__free_pages(ask(GFP_ATOMIC, PAGE_ORDER_MAX), PAGE_ORDER_MAX);
	cut(frame(3, 0), PAGE_ORDER_MAX, 0);
	free_at_once(frame(3, 0), 0);
	assert_int_equal(*zone_set_aside(normal, MIGRATE_HIGHATOMIC), BLOCK);
	assert_ptr_equal(ask(GFP_ATOMIC, 0), frame(3, 0));
	held[0] = ask(GFP_ATOMIC, 0);
	assert_int_equal(page_migrate_type(held[0]), MIGRATE_HIGHATOMIC);
	__free_page(held[0]);
	assert_int_equal(normal->free_pages, 0);
	assert_int_equal(normal->highatomic_blocks, 1);
	held[0] = ask(KERNEL, 0);
	assert_ptr_equal(held[0], frame(1, 0));
	assert_int_equal(normal->highatomic_blocks, 0);
	assert_int_equal(pageblock_type(held[0]), MIGRATE_UNMOVABLE);
	assert_int_equal(*zone_set_aside(normal, MIGRATE_HIGHATOMIC), 0);
	assert_int_equal(normal->free_pages, BLOCK - 1);
	harness_check(NULL);
}

/* Linux counts what is set aside against everybody else. */
static void test_highatomic_and_watermarks(void **state)
{
	(void)state;
	start_below_low(8);
	free_at_once(frame(1, 0), PAGE_ORDER_MAX);
	__free_pages(ask(GFP_ATOMIC, PAGE_ORDER_MAX), PAGE_ORDER_MAX);
	free_at_once(frame(3, 0), PAGE_ORDER_MAX);
	normal->marks.min_pages = BLOCK;
	magazines_init();
	page_reclaim_hook = NULL;
	/* High and Atomic: 1 + 3 * BLOCK / 8 at most must stay; both blocks count for it */
	held[0] = ask(GFP_ATOMIC, PAGE_ORDER_MAX);
	assert_ptr_equal(held[0], frame(1, 0));
	assert_null(ask(GFP_ATOMIC | __GFP_NOWARN, PAGE_ORDER_MAX));
	/* a kernel request leaves BLOCK, of the ordinary ones alone */
	assert_null(ask(KERNEL, 0));
	harness_check(NULL);
}

/* A hundredth of the zone and one pageblock, as in Linux, may be set aside; then no more. */
static void test_highatomic_is_bounded(void **state)
{
	uint32_t blocks, pages;

	(void)state;
	start_below_low(20);
	for (uint32_t i = 0; i < 20; i++)
		free_at_once(frame(i, 0), PAGE_ORDER_MAX);
	for (uint32_t i = 0; i < 20; i++)
		assert_non_null(ask(GFP_ATOMIC, PAGE_ORDER_MAX));
	pages = normal->managed_pages / 100 + BLOCK;
	blocks = (pages + BLOCK - 1) / BLOCK;
	assert_int_equal(normal->highatomic_blocks, blocks);
	harness_check(NULL);
}

/* A pageblock of which some is free on ordinary lists is set aside as it is freed. */
static void test_highatomic_takes_fragments_along(void **state)
{
	struct page *page;

	(void)state;
	start_below_low(4);
	free_at_once(frame(1, 0), PAGE_ORDER_MAX);
	page = ask(GFP_ATOMIC, PAGE_ORDER_MAX - 2);
	assert_int_equal(pageblock_type(page), MIGRATE_HIGHATOMIC);
	assert_int_equal(normal->free_pages, BLOCK - BLOCK / 4);
	assert_int_equal(*zone_set_aside(normal, MIGRATE_HIGHATOMIC), 0);
	harness_check(NULL);
	free_at_once(page, PAGE_ORDER_MAX - 2);
	assert_int_equal(normal->free_pages, 0);
	assert_int_equal(*zone_set_aside(normal, MIGRATE_HIGHATOMIC), BLOCK);
	harness_check(NULL);
}

/* Two zones share a pageblock: what one sets aside the other cannot give up. */
static void test_highatomic_in_a_shared_pageblock(void **state)
{
	const struct harness_machine machine = { .zone_pages = { BLOCK + BLOCK / 2,
								 BLOCK / 2 + BLOCK, 0, 0 } };
	const unsigned int half = PAGE_ORDER_MAX - 1;
	struct page *dma, *atomic;

	(void)state;
	harness_start(&machine);
	harness_clear_watermarks();
	do
		dma = ask(GFP_DMA | __GFP_MOVABLE, half);
	while (page_to_pfn(dma) != BASE + BLOCK);
	normal->marks.low_pages = MOST;
	magazines_init();
	assert_non_null(ask(KERNEL, PAGE_ORDER_MAX));
	atomic = ask(GFP_ATOMIC, half);
	assert_int_equal(page_to_pfn(atomic), BASE + BLOCK + BLOCK / 2);
	__free_pages(dma, half);
	magazines_drain_all();
	while (ask(GFP_DMA | __GFP_DIRECT_RECLAIM | __GFP_NOWARN, 0) != NULL)
		;
	__free_pages(atomic, half);
	magazines_drain_all();
	while (ask(KERNEL, 0) != NULL)
		;
	harness_check(NULL);
	assert_int_equal(normal->free_pages + *zone_set_aside(normal, MIGRATE_HIGHATOMIC), 0);
	assert_true(zones[ZONE_DMA].highatomic_blocks <= 1);
	assert_true(normal->highatomic_blocks <= 1);
}

/* --- isolated pageblocks ---------------------------------------------------------------------- */

static uint32_t isolated(void)
{
	return (uint32_t)*zone_set_aside(normal, MIGRATE_ISOLATE);
}

static bool in_block(const struct page *page, uint32_t block)
{
	return page >= frame(block, 0) && page < frame(block + 1, 0);
}

/* No page of it is given out, whoever asks; what is freed there stays there. */
static void test_isolated_pageblock(void **state)
{
	uint32_t pages, counts[MIGRATE_TYPES];
	struct page *inside;

	(void)state;
	start_normal(4);
	do
		inside = ask(MOVABLE, 0);
	while (!in_block(inside, 1));
	held[0] = ask(MOVABLE, 0); /* and some are in the magazine */
	__free_page(held[0]);
	pages = harness_spare_pages(ZONE_NORMAL);
	assert_true(isolate_pageblock(page_to_pfn(inside)));
	assert_false(isolate_pageblock(page_to_pfn(frame(1, BLOCK - 1))));
	assert_int_equal(isolated(), BLOCK - 1);
	assert_int_equal(harness_spare_pages(ZONE_NORMAL), pages);
	zone_count_pageblocks(ZONE_NORMAL, counts);
	assert_int_equal(counts[MIGRATE_ISOLATE], 1);
	harness_check(NULL);
	for (uint32_t left = pages - isolated(); left > 0; left--)
		assert_false(in_block(ask(GFP_ATOMIC, 0), 1));
	assert_null(ask(KERNEL, 0));
	assert_null(ask(GFP_ATOMIC | __GFP_NOWARN, 0));
	__free_page(inside);
	assert_int_equal(isolated(), BLOCK);
	assert_int_equal(listed(MIGRATE_ISOLATE, PAGE_ORDER_MAX), 1);
	assert_null(ask(KERNEL, 0));
	harness_check(NULL);

	assert_true(unisolate_pageblock(page_to_pfn(inside), MIGRATE_MOVABLE));
	assert_false(unisolate_pageblock(page_to_pfn(inside), MIGRATE_MOVABLE));
	assert_int_equal(isolated(), 0);
	assert_int_equal(normal->free_pages, BLOCK);
	assert_int_equal(listed(MIGRATE_MOVABLE, PAGE_ORDER_MAX), 1);
	assert_ptr_equal(ask(KERNEL, PAGE_ORDER_MAX), frame(1, 0));
	harness_check(NULL);
}

/* Isolated twice over, magazines open again only after the last; each type can come back. */
static void test_isolation_nests_and_types_come_back(void **state)
{
	uint32_t room;

	(void)state;
	start_normal(1024 / BLOCK + 4);
	room = magazines_room_pages(ZONE_NORMAL);
	assert_true(room > 0);
	for (enum migrate_type type = 0; type < MIGRATE_PCPTYPES; type++) {
		assert_true(isolate_pageblock(page_to_pfn(frame(0, 0))));
		assert_true(isolate_pageblock(page_to_pfn(frame(2, 0))));
		assert_int_equal(magazines_room_pages(ZONE_NORMAL), 0);
		assert_true(unisolate_pageblock(page_to_pfn(frame(0, 1)), type));
		assert_int_equal(pageblock_type(frame(0, 0)), type);
		assert_int_equal(magazines_room_pages(ZONE_NORMAL), 0);
		assert_true(unisolate_pageblock(page_to_pfn(frame(2, 1)), type));
		assert_int_equal(magazines_room_pages(ZONE_NORMAL), room);
		harness_check(NULL);
	}
	assert_false(isolate_pageblock(BASE - 1));
	assert_false(isolate_pageblock(1U << 19));
	assert_false(unisolate_pageblock(1U << 19, MIGRATE_MOVABLE));
}

/* What was set aside for atomic blocks, isolated and back as that. */
static void test_isolated_highatomic(void **state)
{
	(void)state;
	start_below_low(4);
	free_at_once(frame(1, 0), PAGE_ORDER_MAX);
	__free_pages(ask(GFP_ATOMIC, PAGE_ORDER_MAX), PAGE_ORDER_MAX);
	assert_true(isolate_pageblock(page_to_pfn(frame(1, 0))));
	assert_int_equal(normal->highatomic_blocks, 0);
	assert_int_equal(*zone_set_aside(normal, MIGRATE_HIGHATOMIC), 0);
	assert_true(unisolate_pageblock(page_to_pfn(frame(1, 0)), MIGRATE_HIGHATOMIC));
	assert_int_equal(*zone_set_aside(normal, MIGRATE_HIGHATOMIC), BLOCK);
	assert_int_equal(normal->highatomic_blocks, 1);
	assert_ptr_equal(ask(KERNEL, 0), frame(1, 0));
	assert_int_equal(normal->highatomic_blocks, 0);
	harness_check(NULL);
}

/* A pageblock of two zones: all its free pages are out of reach, whichever frame named it. */
static void test_isolated_across_zones(void **state)
{
	const struct harness_machine machine = { .zone_pages = { 4096 + BLOCK / 2, BLOCK / 2 + 4096,
								 0, 0 } };
	uint32_t rooms[2];
	uint32_t pfn = BASE + 4096;

	(void)state;
	harness_start(&machine);
	harness_clear_watermarks();
	rooms[0] = magazines_room_pages(ZONE_DMA);
	rooms[1] = magazines_room_pages(ZONE_NORMAL);
	assert_true(isolate_pageblock(pfn));
	harness_check(NULL);
	assert_int_equal(*zone_set_aside(&zones[ZONE_DMA], MIGRATE_ISOLATE), BLOCK / 2);
	assert_int_equal(*zone_set_aside(normal, MIGRATE_ISOLATE), BLOCK / 2);
	assert_true(unisolate_pageblock(pfn + BLOCK - 1, MIGRATE_MOVABLE));
	harness_check(NULL);
	assert_int_equal(*zone_set_aside(&zones[ZONE_DMA], MIGRATE_ISOLATE), 0);
	assert_int_equal(*zone_set_aside(normal, MIGRATE_ISOLATE), 0);
	assert_int_equal(magazines_room_pages(ZONE_DMA), rooms[0]);
	assert_int_equal(magazines_room_pages(ZONE_NORMAL), rooms[1]);
}

/* --- magazines -------------------------------------------------------------------------------- */

static struct magazine *magazine_of(enum migrate_type migrate, unsigned int order)
{
	return &page_magazines.sets[migrate][ZONE_NORMAL].orders[order];
}

/* A zone so large that no magazine is small for want of pages. */
static void start_large(void)
{
	harness_start(&(struct harness_machine){ .zone_pages = { 0, 24000, 0, 0 } });
	harness_clear_watermarks();
}

/* The first request fetches a batch, the next ones come from it without touching the buddy. */
static void test_refill(void **state)
{
	(void)state;
	for (unsigned int order = 0; order <= MAGAZINE_ORDER_MAX; order++) {
		uint32_t batch = magazine_batch(order), pages;

		assert_in_range(batch, 1, MAGAZINE_ITEMS);
		start_large();
		pages = (uint32_t)normal->free_pages;
		for (uint32_t i = 0; i < batch; i++) {
			held[i] = ask(KERNEL, order);
			assert_int_equal(normal->free_pages, pages - (batch << order));
			assert_int_equal(magazine_of(MIGRATE_UNMOVABLE, order)->count,
					 batch - i - 1);
			assert_int_equal(magazines_cached_pages(ZONE_NORMAL), (batch - i - 1)
										      << order);
			/* out of one larger block, upwards */
			assert_ptr_equal(held[i], held[0] + (i << order));
			harness_check(NULL);
		}
	}
}

/* Up to the limit what is freed stays; then the oldest go, MAGAZINE_DRAIN_MOST at most. */
static void test_full_magazine(void **state)
{
	(void)state;
	for (unsigned int order = 0; order <= MAGAZINE_ORDER_MAX; order++) {
		struct magazine *magazine = magazine_of(MIGRATE_UNMOVABLE, order);
		uint32_t limit, pages, drained;

		start_large();
		limit = magazine->limit;
		assert_in_range(limit, 1, MAGAZINE_ITEMS);
		for (uint32_t i = 0; i <= limit; i++)
			held[i] = ask(KERNEL, order);
		magazines_drain_all();
		pages = (uint32_t)normal->free_pages;
		for (uint32_t i = 0; i < limit; i++) {
			__free_pages(held[i], order);
			assert_int_equal(magazine->count, i + 1);
		}
		assert_int_equal(normal->free_pages, pages);
		__free_pages(held[limit], order);
		drained = limit + 1 - magazine->count;
		assert_in_range(drained, 1, MAGAZINE_DRAIN_MOST);
		assert_int_equal(normal->free_pages, pages + (drained << order));
		/* the newest comes first */
		assert_ptr_equal(magazine->items[magazine->count - 1], held[limit]);
		for (uint32_t i = 0; i < drained; i++)
			assert_int_equal(page_type(page_block_head(page_to_pfn(held[i]))),
					 PAGE_FREE);
		assert_ptr_equal(ask(KERNEL, order), held[limit]);
		assert_ptr_equal(ask(KERNEL, order), held[limit - 1]);
		harness_check(NULL);
	}
}

/* Each type's pages to its own magazine, each order's to its own. */
static void test_magazine_of_its_own(void **state)
{
	static const gfp_t gfps[MIGRATE_PCPTYPES] = { KERNEL, MOVABLE, KERNEL | __GFP_RECLAIMABLE };

	(void)state;
	start_large();
	for (unsigned int type = 0; type < MIGRATE_PCPTYPES; type++)
		for (unsigned int order = 0; order <= MAGAZINE_ORDER_MAX; order++) {
			struct magazine *magazine = magazine_of(type, order);
			uint32_t count;

			held[0] = ask(gfps[type], order);
			count = magazine->count;
			__free_pages(held[0], order);
			assert_int_equal(magazine->count, count + 1);
			assert_ptr_equal(magazine->items[count], held[0]);
			assert_int_equal(page_type(held[0]), PAGE_CACHED);
		}
	for (unsigned int order = MAGAZINE_ORDER_MAX + 1; order <= PAGE_ORDER_MAX; order++) {
		uint32_t pages = harness_spare_pages(ZONE_NORMAL), cached;

		cached = magazines_cached_pages(ZONE_NORMAL);
		held[0] = ask(KERNEL, order);
		__free_pages(held[0], order);
		assert_int_equal(page_type(held[0]), PAGE_FREE);
		assert_int_equal(magazines_cached_pages(ZONE_NORMAL), cached);
		assert_int_equal(harness_spare_pages(ZONE_NORMAL), pages);
	}
	harness_check(NULL);
}

static void test_drain_all(void **state)
{
	(void)state;
	start_large();
	assert_false(magazines_drain_all());
	for (unsigned int order = 0; order <= MAGAZINE_ORDER_MAX; order++) {
		ask(KERNEL, order);
		ask(MOVABLE, order);
	}
	assert_true(magazines_cached_pages(ZONE_NORMAL) > 0);
	assert_true(magazines_drain_all());
	assert_int_equal(magazines_cached_pages(ZONE_NORMAL), 0);
	assert_false(magazines_drain_all());
	harness_check(NULL);
}

/* The smaller the zone, the less its magazines keep: each a part in 128, or nothing. */
static void test_limits_follow_the_zone(void **state)
{
	(void)state;
	for (uint32_t pages = 2; pages < 8192; pages += pages / 2 + 1) {
		uint32_t room = 0;

		harness_start(&(struct harness_machine){ .zone_pages = { 0, pages, 0, 0 } });
		harness_clear_watermarks();
		for (unsigned int type = 0; type < MIGRATE_PCPTYPES; type++)
			for (unsigned int order = 0; order <= MAGAZINE_ORDER_MAX; order++) {
				const struct magazine *magazine = magazine_of(type, order);

				assert_true(magazine->limit <= MAGAZINE_ITEMS);
				assert_true(magazine->limit << order <= pages / 128);
				room += magazine->limit << order;
			}
		assert_int_equal(magazines_room_pages(ZONE_NORMAL), room);
		for (uint32_t i = 0; i < pages / 2; i++)
			held[i] = ask(KERNEL, 0);
		for (uint32_t i = 0; i < pages / 2; i++) {
			__free_page(held[i]);
			assert_true(magazines_cached_pages(ZONE_NORMAL) <= room);
		}
		harness_check(NULL);
	}
}

/* Closed, and twice closed, nothing stays in a magazine; an open one works as before. */
static void test_closed_magazines(void **state)
{
	(void)state;
	start_large();
	held[0] = ask(KERNEL, 0);
	magazines_close(ZONE_NORMAL);
	assert_int_equal(magazines_cached_pages(ZONE_NORMAL), 0);
	held[1] = ask(KERNEL, 0);
	assert_int_equal(magazines_cached_pages(ZONE_NORMAL), 0);
	magazines_close(ZONE_NORMAL);
	__free_page(held[0]);
	assert_int_equal(magazines_cached_pages(ZONE_NORMAL), 0);
	magazines_init(); /* watermarks changed meanwhile: still closed */
	magazines_reopen(ZONE_NORMAL);
	__free_page(held[1]);
	assert_int_equal(magazines_cached_pages(ZONE_NORMAL), 0);
	harness_check(NULL);
	magazines_reopen(ZONE_NORMAL);
	__free_page(ask(KERNEL, 0));
	assert_true(magazines_cached_pages(ZONE_NORMAL) > 0);
	harness_check(NULL);
}

/* --- everything and back ---------------------------------------------------------------------- */

static const struct harness_machine four_zones = {
	.zone_pages = { 2 * BLOCK + 3, 3 * BLOCK + 1, 2 * BLOCK - 1, 3 * BLOCK + BLOCK / 2 },
	.pieces = { { BLOCK + 5, 3, PIECE_RESERVED }, { 6 * BLOCK, 2, PIECE_HOLE } },
};

static const gfp_t widest[MAX_NR_ZONES] = { GFP_DMA, KERNEL, GFP_HIGHUSER, GFP_HIGHUSER_MOVABLE };

/* What each page is filled with: its own number. */
static void write_block(const struct page *page, unsigned int order)
{
	for (uint32_t i = 0; i < 1U << order; i++)
		memset(harness_page_data(page + i), (int)(page_to_pfn(page + i) % 251), PAGE_SIZE);
}

static void expect_written(const struct page *page, unsigned int order)
{
	for (uint32_t i = 0; i < 1U << order; i++) {
		const uint8_t *data = harness_page_data(page + i);
		uint8_t byte = (uint8_t)(page_to_pfn(page + i) % 251);

		assert_int_equal(data[0], byte);
		assert_int_equal(memcmp(data, data + 1, PAGE_SIZE - 1), 0);
	}
}

/* A page given out twice would have another's bytes. */
static uint32_t take_all(gfp_t gfp, unsigned int order)
{
	uint32_t count = 0;
	struct page *page;

	while ((page = ask(gfp | __GFP_NOWARN, order)) != NULL) {
		uint32_t pfn = page_to_pfn(page), zone = page_zone_index(page);

		assert_true(IS_ALIGNED(pfn, 1U << order));
		assert_true(pfn >= zones[zone].span.start_pfn);
		assert_true(pfn + (1U << order) <=
			    zones[zone].span.start_pfn + zones[zone].span.spanned_pages);
		write_block(page, order);
		held[count++] = page;
	}
	return count;
}

static void give_all(uint32_t count, unsigned int order, uint32_t *seed)
{
	for (uint32_t i = 0; i < count; i++)
		expect_written(held[i], order);
	while (count > 0) {
		uint32_t chosen = harness_random(seed) % count;

		__free_pages(held[chosen], order);
		held[chosen] = held[--count];
		if (count % 64 == 0)
			harness_check(NULL);
	}
}

/* Free blocks by order, whatever their type. */
static void count_orders(uint32_t orders[MAX_NR_ZONES][NR_PAGE_ORDERS])
{
	for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++) {
		struct zone_snapshot snapshot;

		zone_snapshot(zone, &snapshot);
		for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++) {
			orders[zone][order] = 0;
			for (unsigned int type = 0; type < MIGRATE_TYPES; type++)
				orders[zone][order] += snapshot.blocks[type][order];
		}
	}
}

static void test_everything_and_back(void **state)
{
	uint32_t before[MAX_NR_ZONES][NR_PAGE_ORDERS], after[MAX_NR_ZONES][NR_PAGE_ORDERS];
	uint32_t seed = 4711;

	(void)state;
	harness_start(&four_zones);
	harness_clear_watermarks();
	count_orders(before);
	for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++)
		for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++) {
			struct page_check_result full;
			uint32_t count = take_all(widest[zone], order), pages = 0;

			harness_check(&full);
			for (unsigned int other = 0; other <= zone; other++)
				pages += full.zones[other].allocated_pages;
			assert_int_equal(pages, count << order);
			for (unsigned int other = 0; other <= zone && order == 0; other++)
				assert_int_equal(zones[other].free_pages, 0);
			give_all(count, order, &seed);
			magazines_drain_all();
			harness_check(NULL);
			count_orders(after);
			assert_memory_equal(before, after, sizeof(before));
		}
	assert_int_equal(harness_misuses, 0);
}

/* All as single pages, all freed: then whole blocks again, though magazines held some of each. */
static void test_whole_blocks_come_back(void **state)
{
	uint32_t whole;
	uint32_t seed = 99;

	(void)state;
	start_large();
	whole = listed(MIGRATE_MOVABLE, PAGE_ORDER_MAX);
	for (int round = 0; round < 2; round++) {
		uint32_t count = 0;

		while ((held[count] = ask(count % 3 ? KERNEL : MOVABLE | __GFP_NOWARN, 0)) != NULL)
			count++;
		assert_int_equal(count, normal->managed_pages);
		while (count > 0) {
			uint32_t chosen = harness_random(&seed) % count;

			__free_page(held[chosen]);
			held[chosen] = held[--count];
		}
		assert_true(magazines_cached_pages(ZONE_NORMAL) > 0);
		for (uint32_t i = 0; i < whole; i++)
			assert_non_null(held[i] = ask(GFP_KERNEL, PAGE_ORDER_MAX));
		assert_null(ask(KERNEL, PAGE_ORDER_MAX));
		for (uint32_t i = 0; i < whole; i++)
			__free_pages(held[i], PAGE_ORDER_MAX);
		harness_check(NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split_and_join),
		cmocka_unit_test(test_only_buddies_join),
		cmocka_unit_test(test_zones_do_not_join),
		cmocka_unit_test(test_has_block),
		cmocka_unit_test(test_fallback),
		cmocka_unit_test(test_choice_of_fallback),
		cmocka_unit_test(test_own_type_first),
		cmocka_unit_test(test_fragments_stay_on_their_list),
		cmocka_unit_test(test_movable_zone),
		cmocka_unit_test(test_highatomic_is_set_aside),
		cmocka_unit_test(test_who_may_have_highatomic),
		cmocka_unit_test(test_highatomic_and_watermarks),
		cmocka_unit_test(test_highatomic_is_bounded),
		cmocka_unit_test(test_highatomic_takes_fragments_along),
		cmocka_unit_test(test_highatomic_in_a_shared_pageblock),
		cmocka_unit_test(test_isolated_pageblock),
		cmocka_unit_test(test_isolation_nests_and_types_come_back),
		cmocka_unit_test(test_isolated_highatomic),
		cmocka_unit_test(test_isolated_across_zones),
		cmocka_unit_test(test_refill),
		cmocka_unit_test(test_full_magazine),
		cmocka_unit_test(test_magazine_of_its_own),
		cmocka_unit_test(test_drain_all),
		cmocka_unit_test(test_limits_follow_the_zone),
		cmocka_unit_test(test_closed_magazines),
		cmocka_unit_test(test_everything_and_back),
		cmocka_unit_test(test_whole_blocks_come_back),
	};

	return cmocka_run_group_tests_name("pages: types and magazines", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * The page allocator's answers to a request: which zones it may use and in which order, down to
 * which page, and what is tried and said when there is none.
 */
#include "page_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "mm/phys/buddy.h"

#define BLOCK (1U << PAGE_ORDER_MAX)
#define BASE  HARNESS_BASE_PFN

static struct page *held[100];

/* Flags that the compiler cannot see through. */
static struct page *ask(gfp_t gfp, unsigned int order)
{
	return __alloc_pages(gfp, order);
}

/* The machine that runs, without pieces: where its zones begin, and what they can give at most. */
static const struct harness_machine *machine_now;

static uint32_t zone_start(unsigned int zone)
{
	uint32_t pfn = BASE;

	while (zone-- > 0)
		pfn += machine_now->zone_pages[zone];
	return pfn;
}

static uint32_t count_blocks(enum zone_type zone, unsigned int order)
{
	uint32_t start = zone_start(zone), end = zone_start(zone + 1);

	if (start == BASE && end > BASE)
		start++; /* the first page is reserved */
	start = ALIGN_UP(start, 1U << order);
	end = ALIGN_DOWN(end, 1U << order);
	return start < end ? (end - start) >> order : 0;
}

/* --- which zones, which type ------------------------------------------------------------------ */

#define NONE MAX_NR_ZONES

/* The table of gfp.h, written out: zones in their order, and the type. */
static const struct {
	gfp_t gfp;
	enum zone_type zones[MAX_NR_ZONES + 1];
	enum migrate_type migrate;
} classes[] = {
	{ GFP_KERNEL, { ZONE_NORMAL, ZONE_DMA, NONE }, MIGRATE_UNMOVABLE },
	{ GFP_ATOMIC, { ZONE_NORMAL, ZONE_DMA, NONE }, MIGRATE_UNMOVABLE },
	{ GFP_NOWAIT, { ZONE_NORMAL, ZONE_DMA, NONE }, MIGRATE_UNMOVABLE },
	{ GFP_USER, { ZONE_NORMAL, ZONE_DMA, NONE }, MIGRATE_UNMOVABLE },
	{ GFP_KERNEL | __GFP_RECLAIMABLE, { ZONE_NORMAL, ZONE_DMA, NONE }, MIGRATE_RECLAIMABLE },
	{ GFP_KERNEL | __GFP_MOVABLE, { ZONE_NORMAL, ZONE_DMA, NONE }, MIGRATE_MOVABLE },
	{ GFP_DMA, { ZONE_DMA, NONE }, MIGRATE_UNMOVABLE },
	{ GFP_DMA | GFP_KERNEL, { ZONE_DMA, NONE }, MIGRATE_UNMOVABLE },
	{ GFP_DMA | GFP_ATOMIC, { ZONE_DMA, NONE }, MIGRATE_UNMOVABLE },
	{ GFP_DMA | __GFP_MOVABLE, { ZONE_DMA, NONE }, MIGRATE_MOVABLE },
	{ GFP_DMA | __GFP_RECLAIMABLE, { ZONE_DMA, NONE }, MIGRATE_RECLAIMABLE },
	{ GFP_HIGHUSER, { ZONE_HIGHMEM, ZONE_NORMAL, ZONE_DMA, NONE }, MIGRATE_UNMOVABLE },
	{ GFP_HIGHUSER | __GFP_RECLAIMABLE,
	  { ZONE_HIGHMEM, ZONE_NORMAL, ZONE_DMA, NONE },
	  MIGRATE_RECLAIMABLE },
	{ GFP_HIGHUSER_MOVABLE,
	  { ZONE_MOVABLE, ZONE_HIGHMEM, ZONE_NORMAL, ZONE_DMA, NONE },
	  MIGRATE_MOVABLE },
};

static const struct harness_machine four_zones = {
	.zone_pages = { 2 * BLOCK + 3, 3 * BLOCK + 1, 2 * BLOCK - 1, 3 * BLOCK + BLOCK / 2 },
};

/* The highest of the class's zones that has such a block on its lists. */
static const enum zone_type *next_zone(const enum zone_type *zone, unsigned int order)
{
	while (*zone != NONE && !buddy_has_block(&zones[*zone], order, false))
		zone++;
	return zone;
}

static void expect_page_of_class(const struct page *page, unsigned int class, unsigned int order)
{
	assert_int_equal(page_type(page), PAGE_ALLOCATED);
	assert_int_equal(page_order(page), order);
	assert_int_equal(page_migrate_type(page), classes[class].migrate);
	assert_true(page_to_pfn(page) >= zone_start(page_zone_index(page)));
	assert_true(page_to_pfn(page) + (1U << order) <= zone_start(page_zone_index(page) + 1));
	assert_int_equal(page->count, 1);
}

/*
 * While a zone has a block on its lists, none below it serves; what is left in its magazines then
 * may come later, as Linux's per-CPU pages do. In the end each has given all, and no other any.
 */
static void expect_zones_in_order(unsigned int class, unsigned int order)
{
	uint32_t blocks[MAX_NR_ZONES] = { 0 };
	const enum zone_type *zone = classes[class].zones;

	for (;;) {
		const enum zone_type *next = next_zone(zone, order);
		struct page *page = ask(classes[class].gfp, order);

		if (page == NULL)
			break;
		expect_page_of_class(page, class, order);
		blocks[page_zone_index(page)]++;
		if (*next != NONE)
			assert_true(page_zone_index(page) >= *next);
	}
	assert_int_equal(harness_refusals, 1);
	for (; *zone != NONE; zone++) {
		assert_int_equal(blocks[*zone], count_blocks(*zone, order));
		blocks[*zone] = 0;
	}
	for (unsigned int other = 0; other < MAX_NR_ZONES; other++)
		assert_int_equal(blocks[other], 0);
}

static void test_zones_run_out_one_after_another(void **state)
{
	(void)state;
	machine_now = &four_zones;
	for (unsigned int class = 0; class < ARRAY_SIZE(classes); class ++)
		for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++) {
			harness_start(&four_zones);
			harness_clear_watermarks();
			expect_zones_in_order(class, order);
			harness_check(NULL);
		}
}

/* Zones that are not there are passed over; Movable may be made of lowmem. */
static void test_missing_zones(void **state)
{
	static const uint32_t have[] = { 1, 2, 4, 8, 3, 5, 6, 9, 10, 11, 12, 13, 14 };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(have); i++) {
		struct harness_machine machine = { .zone_pages = { 0 } };

		for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++)
			if (have[i] >> zone & 1)
				machine.zone_pages[zone] = four_zones.zone_pages[zone];
		machine_now = &machine;
		for (unsigned int class = 0; class < ARRAY_SIZE(classes); class ++) {
			harness_start(&machine);
			harness_clear_watermarks();
			expect_zones_in_order(class, 1);
			harness_check(NULL);
		}
	}
}

/* The plain call, whose flags the compiler sees, gives what the general one gives. */
static void test_constant_flags(void **state)
{
	(void)state;
	harness_start(&four_zones);
	harness_clear_watermarks();
	assert_int_equal(page_zone_index(alloc_page(GFP_KERNEL)), ZONE_NORMAL);
	assert_int_equal(page_zone_index(alloc_page(GFP_DMA)), ZONE_DMA);
	assert_int_equal(page_zone_index(alloc_page(GFP_HIGHUSER)), ZONE_HIGHMEM);
	assert_int_equal(page_zone_index(alloc_page(GFP_HIGHUSER_MOVABLE)), ZONE_MOVABLE);
	assert_int_equal(page_migrate_type(alloc_page(GFP_KERNEL | __GFP_RECLAIMABLE)),
			 MIGRATE_RECLAIMABLE);
	assert_null(alloc_pages(GFP_KERNEL, NR_PAGE_ORDERS));
	assert_true(harness_last_refusal.contradictory);
	assert_true((alloc_pages(GFP_KERNEL | __GFP_COMP, 1)->flags & PAGE_COMPOUND) != 0);
	harness_check(NULL);
}

/* --- refusals --------------------------------------------------------------------------------- */

static void expect_refused_at_once(gfp_t gfp, unsigned int order)
{
	uint32_t refusals = harness_refusals, count = harness_last_refusal.count;

	assert_null(ask(gfp, order));
	assert_int_equal(harness_refusals, refusals + 1);
	assert_int_equal(harness_last_refusal.gfp, gfp);
	assert_int_equal(harness_last_refusal.order, order);
	assert_true(harness_last_refusal.contradictory);
	if (refusals != 0)
		assert_int_equal(harness_last_refusal.count, count + 1);
	assert_null(ask(gfp | __GFP_NOWARN, order));
	assert_int_equal(harness_refusals, refusals + 1);
	if (refusals != 0)
		harness_last_refusal.count = count + 2;
	else
		harness_last_refusal.count++;
}

static bool contradicts(gfp_t gfp)
{
	return ((gfp & __GFP_DMA) && (gfp & __GFP_HIGHMEM)) ||
	       ((gfp & __GFP_MOVABLE) && (gfp & __GFP_RECLAIMABLE));
}

/* All combinations of the class's bits, with and without what does not belong to it. */
static void test_contradictory_flags(void **state)
{
	struct page_check_result before, after;

	(void)state;
	harness_start(&four_zones);
	harness_check(&before);
	for (gfp_t class = 0; class < GFP_CLASSES; class ++) {
		if ((class & ~GFP_CLASS_MASK) != 0)
			continue;
		assert_int_equal(gfp_is_contradictory(class), contradicts(class));
		assert_int_equal(gfp_classes[class].valid, !contradicts(class));
		if (!contradicts(class))
			continue;
		for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++) {
			expect_refused_at_once(class, order);
			expect_refused_at_once(class | GFP_KERNEL | __GFP_ZERO, order);
			expect_refused_at_once(class | GFP_ATOMIC | __GFP_COMP, order);
		}
		assert_int_equal(__get_free_pages(class | __GFP_RECLAIMABLE | __GFP_MOVABLE, 0), 0);
	}
	harness_check(&after);
	assert_memory_equal(&before, &after, sizeof(before));
}

static void test_orders_that_are_too_large(void **state)
{
	static const unsigned int orders[] = { NR_PAGE_ORDERS, NR_PAGE_ORDERS + 1, 31, 32, 33, 64,
					       UINT32_MAX };
	struct page_check_result before, after;

	(void)state;
	harness_start(&four_zones);
	harness_check(&before);
	for (unsigned int i = 0; i < ARRAY_SIZE(orders); i++)
		for (unsigned int class = 0; class < ARRAY_SIZE(classes); class ++)
			expect_refused_at_once(classes[class].gfp, orders[i]);
	harness_check(&after);
	assert_memory_equal(&before, &after, sizeof(before));
}

static void expect_same_owners(const struct page_check_result *before,
			       const struct page_check_result *after)
{
	for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++) {
		const struct page_tally *a = &before->zones[zone], *b = &after->zones[zone];

		assert_int_equal(a->free_pages + a->cached_pages, b->free_pages + b->cached_pages);
		assert_int_equal(a->allocated_pages, b->allocated_pages);
		assert_int_equal(a->allocated_blocks, b->allocated_blocks);
		assert_int_equal(a->quarantined_pages, b->quarantined_pages);
	}
}

/* Out of memory: nobody's page changes hands, and the record says what was asked for. */
static void test_refused_for_want_of_memory(void **state)
{
	struct page_check_result before, after;

	(void)state;
	harness_start(&four_zones);
	while (ask(GFP_KERNEL | __GFP_NOWARN, 0) != NULL)
		;
	assert_int_equal(harness_refusals, 0);
	harness_check(&before);
	for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++) {
		assert_null(ask(GFP_KERNEL, order));
		assert_int_equal(harness_refusals, order + 1);
		assert_int_equal(harness_last_refusal.gfp, GFP_KERNEL);
		assert_int_equal(harness_last_refusal.order, order);
		assert_false(harness_last_refusal.contradictory);
	}
	assert_int_equal(__get_free_pages(GFP_KERNEL, 0), 0);
	assert_int_equal(get_zeroed_page(GFP_KERNEL), 0);
	assert_int_equal(harness_refusals, NR_PAGE_ORDERS + 2);
	harness_check(&after);
	expect_same_owners(&before, &after);
	page_refusal_hook = NULL;
	assert_null(ask(GFP_KERNEL, 0));
}

/* --- what is tried before a refusal ----------------------------------------------------------- */

static char tried[16];
static struct page *to_be_freed;
static unsigned int order_to_be_freed;

static bool try_reclaim(gfp_t gfp, unsigned int order)
{
	(void)gfp;
	(void)order;
	/* Magazines come first. */
	for (enum zone_type zone = 0; zone < MAX_NR_ZONES; zone++)
		assert_int_equal(magazines_cached_pages(zone), 0);
	strcat(tried, "r");
	if (to_be_freed == NULL)
		return false;
	__free_pages(to_be_freed, order_to_be_freed);
	to_be_freed = NULL;
	return true;
}

static bool try_compact(gfp_t gfp, unsigned int order)
{
	(void)gfp;
	(void)order;
	strcat(tried, "c");
	return false;
}

static void expect_tried(gfp_t gfp, unsigned int order, const char *steps)
{
	tried[0] = '\0';
	assert_null(ask(gfp | __GFP_NOWARN, order));
	assert_string_equal(tried, steps);
}

static void test_steps_of_the_slow_path(void **state)
{
	struct page *some;

	(void)state;
	harness_start(&four_zones);
	some = ask(GFP_KERNEL, PAGE_ORDER_MAX - 1);
	while (ask(GFP_KERNEL | __GFP_NOWARN, 0) != NULL)
		;
	page_reclaim_hook = try_reclaim;
	page_compact_hook = try_compact;
	expect_tried(GFP_KERNEL, 0, "r"); /* single pages need no compaction */
	expect_tried(GFP_KERNEL, 1, "rc");
	expect_tried(GFP_KERNEL | __GFP_NORETRY, 1, "");
	expect_tried(GFP_NOWAIT, 1, "");
	while (ask(GFP_ATOMIC | __GFP_NOWARN, 0) != NULL)
		;
	expect_tried(GFP_ATOMIC, 1, "");
	expect_tried(GFP_KERNEL, NR_PAGE_ORDERS, "");
	expect_tried(GFP_KERNEL | __GFP_MOVABLE | __GFP_RECLAIMABLE, 1, "");
	tried[0] = '\0';
	harness_clear_watermarks();
	while (ask(GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY, 0) != NULL)
		;
	to_be_freed = some;
	order_to_be_freed = PAGE_ORDER_MAX - 1;
	assert_ptr_equal(ask(GFP_KERNEL, PAGE_ORDER_MAX - 1), some);
	assert_string_equal(tried, "r");
	harness_check(NULL);
}

/* --- watermarks ------------------------------------------------------------------------------- */

/* Normal alone, or DMA and Normal, or Normal and some HighMem. */
static const struct harness_machine one_zone = { .zone_pages = { 0, 16 * BLOCK, 0, 0 } };
static const struct harness_machine two_zones = { .zone_pages = { 12 * BLOCK, 16 * BLOCK, 0, 0 } };
static const struct harness_machine highmem = { .zone_pages = { 0, 16 * BLOCK, BLOCK, 0 } };

/* Use pages of a zone up until exactly so many are left, all of them on its lists. */
static void leave_free(enum zone_type type, uint32_t pages)
{
	gfp_t gfp = type == ZONE_DMA ? GFP_DMA : type == ZONE_NORMAL ? GFP_KERNEL : GFP_HIGHUSER;

	harness_clear_watermarks();
	while (harness_spare_pages(type) >= pages + BLOCK && ask(gfp, PAGE_ORDER_MAX) != NULL)
		;
	while (harness_spare_pages(type) > pages)
		assert_int_equal(page_zone_index(ask(gfp, 0)), type);
	magazines_drain_all();
	assert_int_equal(zones[type].free_pages, pages);
}

static void set_marks(enum zone_type type, uint32_t min_pages, uint32_t low_pages)
{
	zones[type].marks.min_pages = min_pages;
	zones[type].marks.low_pages = low_pages;
	magazines_init();
}

/* Served with so many pages left, and not with one less. */
static void expect_least(gfp_t gfp, unsigned int order, uint32_t least, uint32_t min_pages)
{
	uint32_t pages = least + (1U << order);

	harness_start(&one_zone);
	leave_free(ZONE_NORMAL, pages);
	set_marks(ZONE_NORMAL, min_pages, min_pages + 9);
	assert_non_null(ask(gfp, order));
	harness_check(NULL);

	harness_start(&one_zone);
	leave_free(ZONE_NORMAL, pages - 1);
	set_marks(ZONE_NORMAL, min_pages, min_pages + 9);
	assert_null(ask(gfp, order));
	assert_int_equal(harness_refusals, 1);
	assert_int_equal(zones[ZONE_NORMAL].free_pages, pages - 1);
	harness_check(NULL);
}

/* Linux's zone_watermark_ok: what is left must not be below min, which High and Atomic lower. */
static void test_least_pages(void **state)
{
	(void)state;
	for (uint32_t min = 6 * BLOCK + 1; min < 6 * BLOCK + 5; min++) {
		uint32_t half = min - min / 2;

		for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++) {
			expect_least(GFP_KERNEL, order, min, min);
			expect_least(GFP_USER, order, min, min);
			expect_least(GFP_NOWAIT, order, min, min);
			expect_least(GFP_KERNEL | __GFP_MOVABLE, order, min, min);
			expect_least(GFP_KERNEL | __GFP_HIGH, order, half, min);
			expect_least(GFP_ATOMIC, order, half - half / 4, min);
			expect_least(__GFP_ATOMIC, order, min - min / 4, min);
		}
	}
}

/* Above low the higher zone serves, down to low exactly; then the lower one does. */
static void expect_low(unsigned int order, uint32_t low)
{
	for (uint32_t missing = 0; missing < 2; missing++) {
		struct page *page;

		harness_start(&two_zones);
		leave_free(ZONE_NORMAL, low + (1U << order) - missing);
		set_marks(ZONE_NORMAL, low / 2, low);
		page = ask(GFP_KERNEL, order);
		assert_int_equal(page_zone_index(page), missing ? ZONE_DMA : ZONE_NORMAL);
		assert_true(zones[ZONE_NORMAL].free_pages >= (int32_t)(low - missing));
		harness_check(NULL);
	}
}

static void test_low_watermark_passes_on_to_the_zone_below(void **state)
{
	(void)state;
	for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++)
		expect_low(order, 4 * BLOCK + 1);
}

/* When all are below low, the highest is asked first again, down to min. */
static void test_min_starts_at_the_top_again(void **state)
{
	(void)state;
	for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++) {
		harness_start(&two_zones);
		leave_free(ZONE_DMA, 5 * BLOCK);
		leave_free(ZONE_NORMAL, 5 * BLOCK);
		set_marks(ZONE_DMA, 3 * BLOCK, 6 * BLOCK);
		set_marks(ZONE_NORMAL, 3 * BLOCK, 6 * BLOCK);
		assert_int_equal(page_zone_index(ask(GFP_KERNEL, order)), ZONE_NORMAL);
	}
}

/* A refill for one page takes no more than lies above low. */
static void test_refill_stays_above_low(void **state)
{
	(void)state;
	for (uint32_t spare = 1; spare <= 20; spare++) {
		harness_start(&two_zones);
		leave_free(ZONE_NORMAL, 4 * BLOCK + spare);
		set_marks(ZONE_NORMAL, BLOCK, 4 * BLOCK);
		for (uint32_t i = 0; i < spare; i++)
			assert_int_equal(page_zone_index(ask(GFP_KERNEL, 0)), ZONE_NORMAL);
		assert_int_equal(page_zone_index(ask(GFP_KERNEL, 0)), ZONE_DMA);
		assert_int_equal(zones[ZONE_NORMAL].free_pages, 4 * BLOCK);
	}
}

static void expect_protected(gfp_t gfp, enum zone_type class, unsigned int order)
{
	uint32_t least = 3 * BLOCK + 5 + 10 * class;

	for (uint32_t missing = 0; missing < 2; missing++) {
		harness_start(&highmem);
		leave_free(ZONE_HIGHMEM, 0);
		leave_free(ZONE_NORMAL, least + (1U << order) - missing);
		for (uint32_t zone = 0; zone < MAX_NR_ZONES; zone++)
			zones[ZONE_NORMAL].marks.protection[zone] = 5 + 10 * zone;
		set_marks(ZONE_NORMAL, 3 * BLOCK, 4 * BLOCK);
		if (missing)
			assert_null(ask(gfp, order));
		else
			assert_int_equal(page_zone_index(ask(gfp, order)), ZONE_NORMAL);
		harness_check(NULL);
	}
}

/* What a zone keeps back depends on the highest zone that the request could have had. */
static void test_protection_at_min(void **state)
{
	(void)state;
	for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++) {
		expect_protected(GFP_KERNEL, ZONE_NORMAL, order);
		expect_protected(GFP_HIGHUSER, ZONE_HIGHMEM, order);
		expect_protected(GFP_HIGHUSER_MOVABLE, ZONE_MOVABLE, order);
	}
}

/* And at low: a user request leaves Normal for DMA that much earlier. */
static void test_protection_at_low(void **state)
{
	const struct harness_machine machine = { .zone_pages = { 8 * BLOCK, 8 * BLOCK, BLOCK, 0 } };

	(void)state;
	for (uint32_t missing = 0; missing < 2; missing++) {
		harness_start(&machine);
		leave_free(ZONE_HIGHMEM, 0);
		leave_free(ZONE_NORMAL, 3 * BLOCK + 17 + 1 - missing);
		zones[ZONE_NORMAL].marks.protection[ZONE_HIGHMEM] = 17;
		set_marks(ZONE_NORMAL, BLOCK, 3 * BLOCK);
		assert_int_equal(page_zone_index(ask(GFP_HIGHUSER, 0)),
				 missing ? ZONE_DMA : ZONE_NORMAL);
		assert_int_equal(page_zone_index(ask(GFP_KERNEL, 0)), ZONE_NORMAL);
	}
}

static uint32_t use_up(gfp_t gfp)
{
	uint32_t pages = 0;

	while (ask(gfp | __GFP_NOWARN, 0) != NULL)
		pages++;
	return pages;
}

/* A machine with the marks of the formulas, used up by the humble first: each leaves its due. */
static void test_marks_by_the_formulas(void **state)
{
	const struct harness_machine machine = { .zone_pages = { 3000, 9000, 6000, 2048 } };
	const struct zone_watermarks *dma = &zones[ZONE_DMA].marks;
	const struct zone_watermarks *normal = &zones[ZONE_NORMAL].marks;
	uint32_t half;

	(void)state;
	harness_start(&machine);
	/* root of 64 * 11999 is 876 KiB, 219 pages; shares by size; 14000 and 8048 pages above */
	assert_int_equal(zones_min_free_kbytes(), 876);
	assert_int_equal(dma->min_pages, 219 * 2999 / 11999);
	assert_int_equal(normal->min_pages, 219 * 9000 / 11999);
	assert_int_equal(dma->protection[ZONE_NORMAL], 9000 / 256);
	assert_int_equal(dma->protection[ZONE_HIGHMEM], 15000 / 256);
	assert_int_equal(normal->protection[ZONE_HIGHMEM], 6000 / 32);
	assert_int_equal(normal->protection[ZONE_MOVABLE], 8048 / 32);

	use_up(GFP_HIGHUSER_MOVABLE);
	assert_int_equal(zones[ZONE_MOVABLE].free_pages, zones[ZONE_MOVABLE].marks.min_pages);
	assert_int_equal(zones[ZONE_HIGHMEM].free_pages, zones[ZONE_HIGHMEM].marks.min_pages);
	assert_int_equal(zones[ZONE_NORMAL].free_pages,
			 normal->min_pages + normal->protection[ZONE_MOVABLE]);
	assert_int_equal(zones[ZONE_DMA].free_pages,
			 dma->min_pages + dma->protection[ZONE_MOVABLE]);
	assert_int_equal(zones_available_pages(ZONE_MOVABLE), 0);
	assert_int_equal(zones_available_pages(ZONE_NORMAL), normal->protection[ZONE_MOVABLE] +
								     dma->protection[ZONE_MOVABLE] -
								     dma->protection[ZONE_NORMAL]);

	assert_int_equal(use_up(GFP_KERNEL), normal->protection[ZONE_MOVABLE] +
						     dma->protection[ZONE_MOVABLE] -
						     dma->protection[ZONE_NORMAL]);
	assert_int_equal(zones[ZONE_NORMAL].free_pages, normal->min_pages);
	use_up(GFP_ATOMIC);
	half = normal->min_pages - normal->min_pages / 2;
	assert_int_equal(zones[ZONE_NORMAL].free_pages, half - half / 4);
	half = dma->min_pages - dma->min_pages / 2;
	assert_int_equal(zones[ZONE_DMA].free_pages,
			 half - half / 4 + dma->protection[ZONE_NORMAL]);
	use_up(GFP_DMA | GFP_ATOMIC);
	assert_int_equal(zones[ZONE_DMA].free_pages, half - half / 4);
	harness_check(NULL);
}

/* zones_available_pages is what a class really gets, magazines included. */
static void test_available_pages(void **state)
{
	static const struct {
		enum zone_type class;
		gfp_t gfp;
	} rows[] = { { ZONE_DMA, GFP_DMA | __GFP_DIRECT_RECLAIM },
		     { ZONE_NORMAL, GFP_KERNEL },
		     { ZONE_HIGHMEM, GFP_HIGHUSER },
		     { ZONE_MOVABLE, GFP_HIGHUSER_MOVABLE } };
	const struct harness_machine machine = { .zone_pages = { 3000, 9000, 6000, 2048 } };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		uint32_t available;

		harness_start(&machine);
		for (uint32_t j = 0; j < 100; j++)
			held[j] = ask(rows[i].gfp, 0);
		for (uint32_t j = 0; j < 50; j++)
			__free_page(held[j]);
		available = zones_available_pages(rows[i].class);
		assert_int_equal(use_up(rows[i].gfp), available);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zones_run_out_one_after_another),
		cmocka_unit_test(test_missing_zones),
		cmocka_unit_test(test_constant_flags),
		cmocka_unit_test(test_contradictory_flags),
		cmocka_unit_test(test_orders_that_are_too_large),
		cmocka_unit_test(test_refused_for_want_of_memory),
		cmocka_unit_test(test_steps_of_the_slow_path),
		cmocka_unit_test(test_least_pages),
		cmocka_unit_test(test_low_watermark_passes_on_to_the_zone_below),
		cmocka_unit_test(test_min_starts_at_the_top_again),
		cmocka_unit_test(test_refill_stays_above_low),
		cmocka_unit_test(test_protection_at_min),
		cmocka_unit_test(test_protection_at_low),
		cmocka_unit_test(test_marks_by_the_formulas),
		cmocka_unit_test(test_available_pages),
	};

	return cmocka_run_group_tests_name("pages: requests", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Watching pages: poison, zeroing, owners, quarantine, failing on purpose, recording, counting. Each
 * is turned on and off while the allocator is in use, and must leave it whole: the walker looks after
 * every step, and free pages are counted before and after.
 */
#include "page_harness.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "lib/bits.h"
#include "mm/phys/page_map.h"
#include "mm/phys/page_trace.h"

#define BLOCK_PAGES (1U << PAGE_ORDER_MAX)

/* Zones that begin and end inside pageblocks; about 27 MiB. */
static const struct harness_machine machine = { .zone_pages = { 1000, 3000, 2000, 1024 } };

/* A few pageblocks, for what walks often; and some pages more, for what is kept back at least. */
static const struct harness_machine little = {
	.zone_pages = { 2 * BLOCK_PAGES, 8 * BLOCK_PAGES + 192, 4 * BLOCK_PAGES + 96, BLOCK_PAGES },
};
#define LITTLE_BLOCKS (15 + 192 / BLOCK_PAGES + 96 / BLOCK_PAGES)

static const gfp_t lowmem = GFP_KERNEL, highmem = GFP_HIGHUSER;

static void turn(uint32_t options, bool on)
{
	assert_true(page_debug_set(options, on));
	assert_int_equal((page_debug & options) != 0, on);
}

/* Whatever a test left on would stay with the next machine. */
static int teardown(void **state)
{
	(void)state;
	page_debug_set(UINT32_MAX, false);
	page_trace_forget();
	return 0;
}

/* Free pages of all zones, in magazines or not. */
static uint32_t free_pages_now(void)
{
	uint32_t pages = 0;

	for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++)
		pages += (uint32_t)(zones[zone].free_pages +
				    *zone_set_aside(&zones[zone], MIGRATE_HIGHATOMIC) +
				    *zone_set_aside(&zones[zone], MIGRATE_ISOLATE)) +
			 magazines_cached_pages((enum zone_type)zone);
	return pages;
}

static struct page *take(gfp_t gfp, unsigned int order)
{
	struct page *page = __alloc_pages(gfp, order);

	assert_non_null(page);
	assert_int_equal(page_order(page), order);
	return page;
}

static uint32_t quarantined_pages(void)
{
	struct page_check_result result;
	uint32_t pages = 0;

	harness_check(&result);
	for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++)
		pages += result.zones[zone].quarantined_pages;
	return pages;
}

static void fill(struct page *page, unsigned int order, uint8_t value)
{
	for (uint32_t i = 0; i < 1U << order; i++)
		memset(harness_page_data(page + i), value, PAGE_SIZE);
}

static void expect_filled(struct page *page, unsigned int order, uint8_t value)
{
	for (uint32_t i = 0; i < 1U << order; i++) {
		const uint8_t *bytes = harness_page_data(page + i);

		for (uint32_t j = 0; j < PAGE_SIZE; j++)
			if (bytes[j] != value)
				fail_msg("page %u, offset %u: %#x, not %#x", i, j, bytes[j], value);
	}
}

/* The smallest zone of a few pages holds no more than this order beside what is kept back. */
static unsigned int order_most(void)
{
	return min_u32(PAGE_ORDER_MAX, 6);
}

/* --- poison ---------------------------------------------------------------------------------- */

/* Freed, written to at one place, taken again: reported there, quarantined, another one given. */
static void check_written(gfp_t gfp, unsigned int order, uint32_t tail, uint32_t offset)
{
	struct page *page, *other;
	uint32_t free_before;

	harness_start(&little);
	turn(PAGE_DEBUG_POISON, true);
	page = take(gfp, order);
	fill(page, order, 0x55);
	__free_pages(page, order);
	expect_filled(page, order, PAGE_POISON);
	free_before = free_pages_now();
	((uint8_t *)harness_page_data(page + tail))[offset] = 0xab;

	other = take(gfp, order);
	assert_ptr_not_equal(other, page);
	assert_int_equal(page_zone_index(other), page_zone_index(page));
	assert_int_equal(harness_misuses, 1);
	assert_int_equal(harness_last_misuse.kind, MISUSE_WRITTEN_AFTER_FREE);
	assert_int_equal(harness_last_misuse.pfn, page_to_pfn(page) + tail);
	assert_int_equal(harness_last_misuse.head_pfn, page_to_pfn(page));
	assert_int_equal(harness_last_misuse.order, order);
	assert_int_equal(harness_last_misuse.offset, offset);
	assert_int_equal(harness_last_misuse.found, 0xab);
	assert_true(harness_last_misuse.quarantined);
	assert_int_equal(harness_last_misuse.flags & PAGE_TYPE_MASK, PAGE_FREE);
	assert_int_equal(page_type(page), PAGE_QUARANTINED);
	assert_int_equal(quarantined_pages(), 1U << order);
	__free_pages(other, order);
	assert_int_equal(free_pages_now(), free_before - (1U << order));
	assert_int_equal(harness_refusals, 0);
}

static void test_poison_finds_each_byte(void **state)
{
	static const uint32_t offsets[] = {
		0, 1, 3, 4, 63, 64, 2047, 2048, PAGE_SIZE - 2, PAGE_SIZE - 1
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(offsets); i++) {
		check_written(lowmem, 0, 0, offsets[i]);
		check_written(highmem, 0, 0, offsets[i]);
	}
}

static void test_poison_finds_each_page(void **state)
{
	(void)state;
	for (unsigned int order = 1; order <= PAGE_ORDER_MAX; order++)
		for (unsigned int i = 0; i < 3; i++) {
			uint32_t tail = i == 0 ? 0 : i == 1 ? 1U << (order - 1) : (1U << order) - 1;

			check_written(lowmem, order, tail, PAGE_SIZE - 1);
			check_written(highmem, order, tail, 0);
		}
}

/* One bit; and of several bytes the first. */
static void test_poison_names_the_first(void **state)
{
	struct page *page;
	uint8_t *bytes;

	(void)state;
	harness_start(&little);
	turn(PAGE_DEBUG_POISON, true);
	page = take(lowmem, 1);
	__free_pages(page, 1);
	bytes = harness_page_data(page + 1);
	bytes[100] = PAGE_POISON ^ 1;
	bytes[101] = bytes[4095] = 0;
	take(lowmem, 1);
	assert_int_equal(harness_last_misuse.pfn, page_to_pfn(page) + 1);
	assert_int_equal(harness_last_misuse.offset, 100);
	assert_int_equal(harness_last_misuse.found, PAGE_POISON ^ 1);
	harness_check(NULL);
}

/* Every block of a zone is damaged: each is set aside in its turn, and then there is none. */
static void test_poison_all_damaged(void **state)
{
	uint32_t free_before, pfn;

	(void)state;
	harness_start(&(struct harness_machine){ .zone_pages = { 0, 4 * BLOCK_PAGES, 0, 0 } });
	turn(PAGE_DEBUG_POISON, true);
	free_before = free_pages_now();
	pfn = zones[ZONE_NORMAL].span.start_pfn;
	for (uint32_t i = 1; i < 4 * BLOCK_PAGES; i++)
		*(uint8_t *)harness_page_data(pfn_to_page(pfn + i)) = 1;
	assert_null(alloc_pages(GFP_ATOMIC, 0));
	assert_int_equal(harness_refusals, 1);
	assert_int_equal(harness_misuses, quarantined_pages());
	assert_int_equal(quarantined_pages() + free_pages_now(), free_before);
}

/* Blocks are out and magazines are full when it is turned on, and when it is turned off. */
static void test_poison_at_run_time(void **state)
{
	struct page *out[3], *cached[MAGAZINE_ITEMS], *page;
	uint32_t free_before;

	(void)state;
	harness_start(&machine);
	free_before = free_pages_now();
	for (unsigned int i = 0; i < 3; i++)
		fill(out[i] = take(i == 1 ? highmem : lowmem, i), i, 0x11);
	for (unsigned int i = 0; i < MAGAZINE_ITEMS; i++)
		fill(cached[i] = take(lowmem, 0), 0, 0x22);
	for (unsigned int i = 0; i < MAGAZINE_ITEMS; i++)
		__free_page(cached[i]);
	assert_int_not_equal(magazines_cached_pages(ZONE_NORMAL), 0);

	turn(PAGE_DEBUG_POISON, true);
	assert_int_equal(magazines_cached_pages(ZONE_NORMAL), 0);
	for (unsigned int i = 0; i < MAGAZINE_ITEMS; i++)
		expect_filled(cached[i], 0, PAGE_POISON);
	for (unsigned int i = 0; i < 3; i++)
		expect_filled(out[i], i, 0x11);
	page = take(lowmem, 2);
	for (unsigned int i = 0; i < 3; i++)
		__free_pages(out[i], i);
	harness_check(NULL);

	/* What changes while it is off is nobody's fault once it is on again. */
	turn(PAGE_DEBUG_POISON, false);
	for (unsigned int i = 0; i < 3; i++)
		fill(out[i], i, 0x33);
	__free_pages(page, 2);
	turn(PAGE_DEBUG_POISON, true);
	for (unsigned int i = 0; i < 3; i++)
		out[i] = take(i == 1 ? highmem : lowmem, i);
	for (unsigned int i = 0; i < 3; i++)
		__free_pages(out[i], i);
	assert_int_equal(harness_misuses, 0);
	assert_int_equal(free_pages_now(), free_before);
	harness_check(NULL);
}

/* All that is free, to the last page of all zones, HighAtomic's and isolated ones too. */
static void test_poison_fills_all(void **state)
{
	(void)state;
	harness_start(&little);
	assert_true(isolate_pageblock(zones[ZONE_NORMAL].span.start_pfn));
	turn(PAGE_DEBUG_POISON, true);
	for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++)
		for (uint32_t i = 0; i < zones[zone].span.spanned_pages; i++) {
			struct page *page = pfn_to_page(zones[zone].span.start_pfn + i);

			if (page_type(page_block_head(page_to_pfn(page))) == PAGE_FREE)
				expect_filled(page, 0, PAGE_POISON);
		}
	assert_true(unisolate_pageblock(zones[ZONE_NORMAL].span.start_pfn, MIGRATE_MOVABLE));
	harness_check(NULL);
}

/*
 * A handler takes a page, and gives back one that was out before: while the rest is being filled,
 * and of a zone that is already, or is still to be.
 */
static struct page *handlers[64];
static unsigned int handler_runs;

static void run_handler(void)
{
	double_irq_unmasked = NULL;
	if (handler_runs < ARRAY_SIZE(handlers)) {
		struct page *page = alloc_page(GFP_ATOMIC | (handler_runs / 2 % 2 ? GFP_DMA : 0));

		__free_page(handlers[handler_runs]);
		handlers[handler_runs] = page;
	}
	handler_runs++;
	double_irq_unmasked = run_handler;
}

static void test_poison_while_handlers_run(void **state)
{
	struct page *page;

	(void)state;
	harness_start(&machine);
	for (unsigned int i = 0; i < ARRAY_SIZE(handlers); i++)
		fill(handlers[i] = take(i % 2 != 0 ? GFP_DMA : lowmem, 0), 0, 0x44);
	magazines_drain_all();
	handler_runs = 0;
	double_irq_unmasked = run_handler;
	turn(PAGE_DEBUG_POISON, true);
	double_irq_unmasked = NULL;
	assert_true(handler_runs > ARRAY_SIZE(handlers) / 4);
	for (unsigned int i = 0; i < ARRAY_SIZE(handlers); i++)
		__free_page(handlers[i]);
	while ((page = alloc_page(GFP_ATOMIC | __GFP_NOWARN)) != NULL)
		;
	while ((page = alloc_page(GFP_ATOMIC | GFP_DMA | __GFP_NOWARN)) != NULL)
		;
	assert_int_equal(harness_misuses, 0);
	harness_check(NULL);
}

/* A page that cannot be shown is neither filled nor looked at. */
static void test_poison_without_windows(void **state)
{
	struct page *page;

	(void)state;
	harness_start(&little);
	page_window_open_hook = NULL;
	turn(PAGE_DEBUG_POISON | PAGE_DEBUG_INIT_ON_ALLOC, true);
	fill(page = take(highmem, 1), 1, 0x66);
	__free_pages(page, 1);
	page = take(highmem, 1);
	assert_int_equal(harness_misuses, 0);
	__free_pages(page, 1);
	harness_check(NULL);
}

/* Pages that were taken, less those that were given back, as the trace has it. */
static int32_t traced_pages(void)
{
	uint32_t count, left_out;
	const struct trace_event *events = page_trace_events(&count, &left_out);
	int32_t pages = 0;

	for (uint32_t i = 0; i < count; i++)
		pages += events[i].kind == TRACE_FREE ? -(1 << events[i].order)
						      : 1 << events[i].order;
	return pages;
}

/*
 * A page of a range that was asked for by number is damaged: nothing of the range is lost but its
 * block, and nobody is said to have given back what he never had.
 */
static void check_damaged_in_range(uint32_t bad)
{
	/* Neither end at a block's: pieces of all orders. */
	uint32_t pages = 2 * BLOCK_PAGES + 6, start_pfn, busy_pfn = 0, free_before;

	harness_start(&little);
	start_pfn = zones[ZONE_NORMAL].span.start_pfn + 2 * BLOCK_PAGES - 3;
	turn(PAGE_DEBUG_POISON | PAGE_DEBUG_TRACE, true);
	free_before = free_pages_now();
	((uint8_t *)harness_page_data(pfn_to_page(start_pfn + bad)))[9] = 0;
	assert_int_equal(alloc_contig_range(start_pfn, start_pfn + pages, &busy_pfn), -EBUSY);
	assert_int_equal(harness_misuses, 1);
	assert_int_equal(traced_pages(), 0);
	assert_int_equal(harness_last_misuse.pfn, start_pfn + bad);
	assert_in_range(start_pfn + bad, busy_pfn,
			busy_pfn + (1U << harness_last_misuse.order) - 1);
	assert_int_equal(free_pages_now() + quarantined_pages(), free_before);
	assert_int_equal(quarantined_pages(), 1U << harness_last_misuse.order);
}

static void test_poison_in_a_range(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		check_damaged_in_range(i);
		check_damaged_in_range(2 * BLOCK_PAGES + 3 + i);
	}
	for (uint32_t bad = 3; bad < 2 * BLOCK_PAGES + 3; bad += max_u32(BLOCK_PAGES / 16, 1))
		check_damaged_in_range(bad);
}

/* --- zeroing --------------------------------------------------------------------------------- */

static void test_init_on_alloc(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 4; i++)
		for (unsigned int order = 0; order <= order_most(); order++) {
			gfp_t gfp = i % 2 != 0 ? highmem : lowmem;
			struct page *page;

			harness_start(&machine);
			turn(PAGE_DEBUG_INIT_ON_ALLOC | (i / 2 != 0 ? PAGE_DEBUG_POISON : 0), true);
			fill(page = take(gfp, order), order, 0x77);
			__free_pages(page, order);
			if (i / 2 == 0)
				fill(page, order, 0x78);
			assert_ptr_equal(take(gfp, order), page);
			expect_filled(page, order, 0);
			turn(PAGE_DEBUG_INIT_ON_ALLOC, false);
			harness_check(NULL);
		}
}

static void test_init_on_free(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 2; i++)
		for (unsigned int order = 0; order <= order_most(); order++) {
			gfp_t gfp = i % 2 != 0 ? highmem : lowmem;
			struct page *page;

			harness_start(&machine);
			fill(page = take(gfp, order), order, 0x77);
			turn(PAGE_DEBUG_INIT_ON_FREE, true);
			expect_filled(page, order, 0x77);
			__free_pages(page, order);
			expect_filled(page, order, 0);
			turn(PAGE_DEBUG_INIT_ON_FREE, false);
			fill(page = take(gfp, order), order, 0x77);
			__free_pages(page, order);
			expect_filled(page, order, 0x77);
			harness_check(NULL);
		}
}

/* A reference that is not the last leaves the bytes alone; so does a free that is refused. */
static void test_given_only_when_free(void **state)
{
	struct page *page;

	(void)state;
	harness_start(&machine);
	turn(PAGE_DEBUG_INIT_ON_FREE, true);
	fill(page = take(lowmem, 1), 1, 0x77);
	get_page(page);
	__free_pages(page, 1);
	expect_filled(page, 1, 0x77);
	__free_pages(page, 0);
	assert_int_equal(harness_last_misuse.kind, MISUSE_WRONG_ORDER);
	expect_filled(page, 1, 0x77);
	put_page(page);
	expect_filled(page, 1, 0);
	harness_check(NULL);
}

/* --- owners ---------------------------------------------------------------------------------- */

/* A backtrace of so many frames, different from that of any other number. */
static void stand_at(uintptr_t number, uint32_t frames)
{
	harness_stack.frames = frames;
	for (uint32_t i = 0; i < frames; i++)
		harness_stack.pc[i] = 0x1000 * number + i;
}

/* Frames 0: nothing is known of it. */
static void expect_stack(const struct owner_stack *stack, uintptr_t number, uint32_t frames)
{
	assert_int_equal(stack->frames, frames);
	for (uint32_t i = 0; i < frames; i++)
		assert_int_equal(stack->pc[i], 0x1000 * number + i);
}

static void expect_owner(const struct page *page, gfp_t gfp, uintptr_t taken, uintptr_t given)
{
	struct page_owner owner;

	assert_true(page_owner_get(page_to_pfn(page), &owner));
	assert_int_equal(owner.gfp, gfp);
	expect_stack(&owner.taken, taken, taken != 0 ? 3 : 0);
	expect_stack(&owner.given, given, given != 0 ? 3 : 0);
}

static void expect_owners(const struct page *page, unsigned int order, gfp_t gfp, uintptr_t taken,
			  uintptr_t given)
{
	for (uint32_t i = 0; i < 1U << order; i++)
		expect_owner(page + i, gfp, taken, given);
}

static void test_owner_taken_and_given(void **state)
{
	struct page_owner owner;

	(void)state;
	for (unsigned int order = 0; order <= order_most(); order++) {
		struct page *page;

		harness_start(&machine);
		turn(PAGE_DEBUG_OWNER, true);
		stand_at(1, 3);
		page = take(highmem | __GFP_ZERO, order);
		expect_owners(page, order, highmem | __GFP_ZERO, 1, 0);
		stand_at(2, 3);
		__free_pages(page, order);
		expect_owners(page, order, highmem | __GFP_ZERO, 1, 2);
		stand_at(3, 3);
		assert_ptr_equal(take(highmem, order), page);
		expect_owners(page, order, highmem, 3, 2);
		/* Not of others. */
		assert_false(page_owner_get(page_to_pfn(page) + (1U << order), &owner));
		assert_false(page_owner_get(0, &owner));
		assert_false(page_owner_get((1U << 20) - 1, &owner));
		harness_check(NULL);
	}
}

/* Blocks from before it was turned on: only who gives them back. */
static void test_owner_of_before(void **state)
{
	struct page_owner owner;
	struct page *page;

	(void)state;
	harness_start(&machine);
	page = take(lowmem, 1);
	assert_false(page_owner_get(page_to_pfn(page), &owner));
	turn(PAGE_DEBUG_OWNER, true);
	assert_false(page_owner_get(page_to_pfn(page), &owner));
	stand_at(7, 3);
	__free_pages(page, 1);
	expect_owners(page, 1, 0, 0, 7);
}

static void test_owner_after_split(void **state)
{
	struct page *page;

	(void)state;
	harness_start(&machine);
	turn(PAGE_DEBUG_OWNER, true);
	stand_at(1, 3);
	page = take(lowmem, 3);
	stand_at(2, 3);
	split_page(page, 3);
	expect_owners(page, 3, lowmem, 1, 0);
	__free_page(page + 5);
	expect_owner(page + 5, lowmem, 1, 2);
	expect_owner(page + 6, lowmem, 1, 0);
	harness_check(NULL);
}

static void test_owner_of_pieces(void **state)
{
	uint32_t start_pfn, pages = BLOCK_PAGES + 5;
	void *exact;

	(void)state;
	harness_start(&little);
	turn(PAGE_DEBUG_OWNER, true);
	start_pfn = zones[ZONE_HIGHMEM].span.start_pfn - pages - 3; /* the owners' own are low */
	stand_at(4, 3);
	assert_int_equal(alloc_contig_range(start_pfn, start_pfn + pages, NULL), 0);
	for (uint32_t i = 0; i < pages; i++)
		expect_owner(pfn_to_page(start_pfn + i), 0, 4, 0);
	stand_at(5, 3);
	free_contig_range(start_pfn, pages);
	for (uint32_t i = 0; i < pages; i++)
		expect_owner(pfn_to_page(start_pfn + i), 0, 4, 5);
	harness_start(&machine);
	turn(PAGE_DEBUG_OWNER, true);
	stand_at(6, 3);
	exact = alloc_pages_exact(5 * PAGE_SIZE, lowmem);
	assert_non_null(exact);
	for (uint32_t i = 0; i < 5; i++)
		expect_owner(virt_to_page(exact) + i, lowmem, 6, 0);
	expect_owner(virt_to_page(exact) + 5, lowmem, 6, 6); /* taken with them, and given back */
	harness_check(NULL);
}

/* All frames count; a way that is a part of another is another way. */
static void test_owner_stacks_differ(void **state)
{
	struct page *page[OWNER_FRAMES];
	struct page_owner owner;

	(void)state;
	harness_start(&machine);
	turn(PAGE_DEBUG_OWNER, true);
	for (uint32_t i = 0; i < OWNER_FRAMES; i++) {
		stand_at(1, i + 1);
		page[i] = take(lowmem, 0);
	}
	for (uint32_t i = 0; i < OWNER_FRAMES; i++) {
		assert_true(page_owner_get(page_to_pfn(page[i]), &owner));
		expect_stack(&owner.taken, 1, i + 1);
	}
}

/* When a way finds no place, what is known stays, what is new is not known. */
static void test_owner_table_full(void **state)
{
	struct page_owner owner;
	struct page *page, *first;
	uint32_t known = 1;

	(void)state;
	harness_start(&machine);
	turn(PAGE_DEBUG_OWNER, true);
	stand_at(1, 3);
	first = take(lowmem, 0);
	page = take(lowmem, 0);
	for (; known < 5000; known++) {
		stand_at(2 * known, 3);
		__free_page(page);
		assert_true(page_owner_get(page_to_pfn(page), &owner));
		if (owner.given.frames == 0)
			break;
		stand_at(1, 3);
		assert_ptr_equal(take(lowmem, 0), page);
	}
	assert_true(known >= 128 && known < 5000); /* half of the tiny table, at the least */
	expect_owner(first, lowmem, 1, 0);
	stand_at(2, 3);
	__free_page(first);
	expect_owner(first, lowmem, 1, 2);
	harness_check(NULL);
}

/* Its memory is given back when it is turned off, and what it knew is gone. */
static void test_owner_off(void **state)
{
	struct page_owner owner;
	struct page *page;
	uint32_t free_before, records;

	(void)state;
	harness_start(&machine);
	free_before = free_pages_now();
	turn(PAGE_DEBUG_OWNER, true);
	records = free_before - free_pages_now();
	/* Eight bytes a page, or a page for each pageblock where those are small. */
	assert_true(records >= 7024 * 8 / PAGE_SIZE);
	stand_at(1, 3);
	page = take(lowmem, 0);
	turn(PAGE_DEBUG_OWNER, false);
	assert_int_equal(free_pages_now(), free_before - 1);
	assert_false(page_owner_get(page_to_pfn(page), &owner));
	turn(PAGE_DEBUG_OWNER, true);
	assert_int_equal(free_before - 1 - free_pages_now(), records);
	assert_false(page_owner_get(page_to_pfn(page), &owner));
	turn(PAGE_DEBUG_OWNER, false);
	__free_page(page);
	assert_int_equal(free_pages_now(), free_before);
	harness_check(NULL);
}

/* No memory for it: said, and what else was asked for is on. */
static void test_owner_without_memory(void **state)
{
	(void)state;
	harness_start(&machine);
	while (alloc_page(GFP_KERNEL | __GFP_NOWARN) != NULL)
		;
	page_debug_wanted = PAGE_DEBUG_OWNER | PAGE_DEBUG_POISON | PAGE_DEBUG_INIT_ON_ALLOC;
	assert_false(page_debug_start());
	page_debug_wanted = 0;
	assert_int_equal(page_debug, PAGE_DEBUG_POISON | PAGE_DEBUG_INIT_ON_ALLOC);
	harness_check(NULL);
}

/* --- quarantine ------------------------------------------------------------------------------ */

static void expect_misuse(enum page_misuse_kind kind, const struct page *page, bool quarantined)
{
	assert_int_equal(harness_last_misuse.kind, kind);
	assert_int_equal(harness_last_misuse.pfn, page_to_pfn(page));
	assert_int_equal(harness_last_misuse.quarantined, quarantined);
}

/* Freed twice: nobody gets it any more, and nothing else is out of use. */
static void check_double_free(gfp_t gfp, unsigned int order)
{
	struct page *page, *other[4];
	uint32_t free_before;

	harness_start(&little);
	free_before = free_pages_now();
	page = take(gfp, order);
	__free_pages(page, order);
	__free_pages(page, order);
	expect_misuse(MISUSE_NOT_ALLOCATED, page, true);
	assert_int_equal(page_type(page), PAGE_QUARANTINED);
	assert_int_equal(quarantined_pages(), 1U << order);
	assert_int_equal(free_pages_now(), free_before - (1U << order));
	/* Once more: it is out of use already. */
	__free_pages(page, order);
	expect_misuse(MISUSE_NOT_ALLOCATED, page, false);
	assert_int_equal(harness_misuses, 2);
	assert_int_equal(quarantined_pages(), 1U << order);
	for (unsigned int i = 0; i < ARRAY_SIZE(other); i++) {
		other[i] = __alloc_pages(gfp | __GFP_NOWARN, order);
		assert_ptr_not_equal(other[i], page);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(other); i++)
		if (other[i] != NULL)
			__free_pages(other[i], order);
	assert_int_equal(free_pages_now(), free_before - (1U << order));
	harness_check(NULL);
}

static void test_double_free(void **state)
{
	(void)state;
	for (unsigned int order = 0; order <= PAGE_ORDER_MAX; order++) {
		check_double_free(lowmem, order);
		check_double_free(highmem, order);
		check_double_free(GFP_DMA, order);
	}
}

/* Freed, joined with its buddies, freed again: just it is cut out. */
static void test_double_free_merged(void **state)
{
	(void)state;
	for (uint32_t again = 0; again < 8; again++) {
		struct page *page;
		uint32_t free_before;

		harness_start(&little);
		free_before = free_pages_now();
		page = take(lowmem, 3);
		split_page(page, 3);
		for (uint32_t i = 0; i < 8; i++)
			__free_page(page + i);
		magazines_drain_all();
		__free_page(page + again);
		expect_misuse(MISUSE_NOT_ALLOCATED, page + again, true);
		assert_int_equal(quarantined_pages(), 1);
		assert_int_equal(page_type(page + again), PAGE_QUARANTINED);
		assert_int_equal(free_pages_now(), free_before - 1);
	}
}

/* The first half of what is freed again is somebody's: only what is free is the matter. */
static void test_double_free_of_less(void **state)
{
	struct page *page;
	uint32_t free_before;

	(void)state;
	harness_start(&little);
	free_before = free_pages_now();
	page = take(lowmem, 2);
	split_page(page, 2);
	__free_page(page);
	magazines_drain_all();
	__free_pages(page, 2);
	expect_misuse(MISUSE_NOT_ALLOCATED, page, true);
	assert_int_equal(quarantined_pages(), 1);
	for (uint32_t i = 1; i < 4; i++)
		__free_page(page + i);
	assert_int_equal(harness_misuses, 1);
	assert_int_equal(free_pages_now(), free_before - 1);
	harness_check(NULL);
}

/* Orders that no block has, of frames that are free, reserved or no RAM. */
static void test_quarantine_of_rubbish(void **state)
{
	static const unsigned int orders[] = { 0,  1,  PAGE_ORDER_MAX, PAGE_ORDER_MAX + 1, 15,
					       31, 32, UINT32_MAX };
	struct page *reserved;

	(void)state;
	harness_start(&little);
	reserved = pfn_to_page(zones[ZONE_DMA].span.start_pfn);
	for (unsigned int i = 0; i < ARRAY_SIZE(orders); i++) {
		assert_false(page_quarantine(reserved, orders[i]));
		assert_false(page_quarantine(pfn_to_page(0), orders[i]));
	}
	assert_int_equal(quarantined_pages(), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(orders); i++) {
		uint32_t pfn = zones[ZONE_NORMAL].span.start_pfn + 1 + 2 * i, before;

		before = quarantined_pages();
		assert_true(page_quarantine(pfn_to_page(pfn), orders[i])); /* an odd frame */
		assert_int_equal(quarantined_pages(), before + 1);
	}
}

/* The struct page of a free block was written to: what it says of its place is not believed. */
static void test_head_written(void **state)
{
	struct page *page;
	uint32_t free_before;

	(void)state;
	harness_start(&machine);
	free_before = free_pages_now();
	page = take(lowmem, 0);
	__free_page(page);
	page->flags = UINT32_MAX;
	assert_ptr_not_equal(take(lowmem, 0), page);
	expect_misuse(MISUSE_HEAD_WRITTEN, page, true);
	assert_int_equal(quarantined_pages(), 1);
	assert_int_equal(page_zone_index(page), ZONE_NORMAL);
	assert_int_equal(free_pages_now(), free_before - 2);
}

/* While pages are watched a free block goes to the lists; it is quarantined all the same. */
static void test_double_free_watched(void **state)
{
	struct page_owner owner;
	struct page *page;

	(void)state;
	harness_start(&machine);
	turn(PAGE_DEBUG_OWNER | PAGE_DEBUG_POISON | PAGE_DEBUG_TRACE, true);
	stand_at(1, 3);
	page = take(lowmem, 0);
	stand_at(2, 3);
	__free_page(page);
	stand_at(3, 3);
	__free_page(page);
	expect_misuse(MISUSE_NOT_ALLOCATED, page, true);
	/* Who did it first is still known: the second time was none. */
	assert_true(page_owner_get(page_to_pfn(page), &owner));
	expect_stack(&owner.given, 2, 3);
	assert_int_equal(quarantined_pages(), 1);
}

/* --- failing on purpose ---------------------------------------------------------------------- */

static void test_fail_parse(void **state)
{
	struct fail_point expected = { .nth = 7,
				       .every = 100,
				       .percent = 5,
				       .min_order = 1,
				       .times = 3,
				       .caller = "at_1000",
				       .random_state = 2463534242U };

	(void)state;
	assert_null(fail_point_parse(&page_fail,
				     "nth:7,every:100,probability:5,min_order:1,times:3,"
				     "caller:at_1000"));
	assert_memory_equal(&page_fail, &expected, sizeof(expected));
	assert_null(fail_point_parse(&page_fail, "times:4294967295"));
	expected = (struct fail_point){ .times = UINT32_MAX, .random_state = 2463534242U };
	assert_memory_equal(&page_fail, &expected, sizeof(expected));
	assert_null(fail_point_parse(&page_fail, "nth:1,nth:0x20"));
	assert_int_equal(page_fail.nth, 32);
	assert_null(fail_point_parse(&page_fail, "probability:100"));
	assert_null(fail_point_parse(&page_fail,
				     "caller:12345678901234567890123456789012345678901234567"));
	assert_int_equal(strlen(page_fail.caller), FAIL_CALLER_BYTES - 1);
}

static void test_fail_parse_malformed(void **state)
{
	static const char *const malformed[] = {
		"",
		",",
		"nth",
		"nth:",
		"nth:0",
		"nth:x",
		"nth:1x",
		"nth:-1",
		"nth: 1",
		" nth:1",
		"nth:4294967296",
		"nth:99999999999999999999",
		"nth=1",
		"nth:1,",
		",nth:1",
		"nth:1,,every:1",
		"nth:1;every:1",
		"probability:101",
		"probability:0",
		"prob:5",
		"caller:",
		"caller",
		"callerx",
		"min_order:",
		"every:1 ",
		"Nth:1",
		"nthx:1",
		"on",
		"caller:123456789012345678901234567890123456789012345678",
		"nth:1,caller:",
	};
	struct fail_point before;

	(void)state;
	assert_null(fail_point_parse(&page_fail, "nth:3,caller:somebody"));
	page_fail.asked = 11;
	page_fail.failed = 12;
	before = page_fail;
	for (unsigned int i = 0; i < ARRAY_SIZE(malformed); i++) {
		const char *wrong = fail_point_parse(&page_fail, malformed[i]);

		if (wrong == NULL)
			fail_msg("taken for good: \"%s\"", malformed[i]);
		assert_non_null(strstr(wrong, "probability:"));
		assert_memory_equal(&page_fail, &before, sizeof(before));
	}
}

static void fail_as(const char *how)
{
	assert_null(fail_point_parse(&page_fail, how));
	assert_int_equal(page_fail.asked + page_fail.failed, 0);
	turn(PAGE_DEBUG_FAIL, true);
}

/* Ask so many times; a bit of the result for each refusal, the first one lowest. */
static uint64_t refusals_of(unsigned int requests, unsigned int order)
{
	uint64_t refused = 0;

	for (unsigned int i = 0; i < requests; i++) {
		struct page *page = alloc_pages(GFP_KERNEL, order);

		if (page == NULL) {
			assert_true(harness_last_refusal.on_purpose);
			assert_int_equal(harness_last_refusal.order, order);
			refused |= (uint64_t)1 << i;
		} else {
			__free_pages(page, order);
		}
	}
	assert_int_equal(harness_refusals, page_fail.failed);
	harness_check(NULL);
	return refused;
}

static uint64_t refusals_as(const char *how, unsigned int requests, unsigned int order)
{
	uint64_t refused;

	harness_start(&machine);
	fail_as(how);
	refused = refusals_of(requests, order);
	assert_int_equal(page_fail.failed, __builtin_popcountll(refused));
	return refused;
}

static void test_fail_counting(void **state)
{
	(void)state;
	assert_int_equal(refusals_as("nth:1", 10, 0), 0x1);
	assert_int_equal(refusals_as("nth:4", 10, 0), 0x8);
	assert_int_equal(page_fail.asked, 10);
	assert_int_equal(refusals_as("every:1", 10, 0), 0x3ff);
	assert_int_equal(refusals_as("every:3", 10, 0), 0x124);
	assert_int_equal(refusals_as("every:3,times:2", 10, 0), 0x24);
	assert_int_equal(refusals_as("every:3,nth:6", 10, 0), 0x20);
	assert_int_equal(refusals_as("every:3,nth:7", 10, 0), 0);
	assert_int_equal(refusals_as("times:4", 10, 0), 0xf);
}

static void test_fail_min_order(void **state)
{
	(void)state;
	assert_int_equal(refusals_as("min_order:2", 5, 1), 0);
	assert_int_equal(page_fail.asked, 0); /* does not fit */
	assert_int_equal(refusals_as("min_order:2", 5, 2), 0x1f);
	assert_int_equal(refusals_as("min_order:2,nth:2", 5, 3), 0x2);
}

/* A fixed seed: the same each time; and about as many as it says. */
static void test_fail_probability(void **state)
{
	uint64_t refused;
	unsigned int failed = 0;

	(void)state;
	refused = refusals_as("probability:25", 64, 0);
	assert_int_equal(refusals_as("probability:25", 64, 0), refused);
	assert_true(refused != 0 && refused != UINT64_MAX);
	assert_int_equal(refusals_as("probability:100", 64, 0), UINT64_MAX);
	harness_start(&machine);
	fail_as("probability:25");
	for (unsigned int i = 0; i < 64; i++)
		failed += (unsigned int)__builtin_popcountll(refusals_of(64, 0));
	assert_in_range(failed, 1024 - 100, 1024 + 100); /* of 4096; 27.7 is a deviation */
	refused = refusals_as("probability:50,times:3", 64, 0);
	assert_int_equal(__builtin_popcountll(refused), 3);
}

/* Names of the double: at_ and the address, that is two bytes before the return address. */
static void test_fail_caller(void **state)
{
	(void)state;
	harness_start(&machine);
	fail_as("caller:at_5000,every:2");
	stand_at(5, 3); /* at_4ffe, at_4fff, at_5000 */
	assert_int_equal(refusals_of(4, 0), 0xa);
	stand_at(5, 2);
	assert_int_equal(refusals_of(4, 0), 0);
	assert_int_equal(page_fail.asked, 4); /* another's do not count */
	harness_stack.frames = 0;
	assert_int_equal(refusals_of(4, 0), 0);
	stand_at(5, 8);
	assert_int_equal(refusals_of(4, 0), 0xa);
}

static void test_fail_off(void **state)
{
	(void)state;
	harness_start(&machine);
	fail_as("every:1");
	assert_int_equal(refusals_of(3, 0), 7);
	turn(PAGE_DEBUG_FAIL, false);
	harness_refusals = page_fail.failed = 0;
	assert_int_equal(refusals_of(3, 0), 0);
}

/* --- the n-th failure, for every n ----------------------------------------------------------- */

/* Something of several requests: true when all was served; it gives back what it took. */
typedef bool operation_fn(void);

static bool exact_pages(void)
{
	size_t bytes = 5 * PAGE_SIZE + 1;
	void *memory = alloc_pages_exact(bytes, GFP_KERNEL | __GFP_ZERO), *other;

	if (memory == NULL)
		return false;
	other = alloc_pages_exact(PAGE_SIZE, GFP_KERNEL);
	if (other != NULL)
		free_pages_exact(other, PAGE_SIZE);
	free_pages_exact(memory, bytes);
	return other != NULL;
}

static bool zeroed_pages(void)
{
	bool good = true;

	for (unsigned int order = 0; order <= 3; order++) {
		uintptr_t address = __get_free_pages(GFP_KERNEL | __GFP_ZERO, order);

		good = good && address != 0;
		if (address != 0)
			expect_filled(virt_to_page((void *)address), order, 0);
		free_pages(address, order);
	}
	return good;
}

static bool shared_compound(void)
{
	struct page *page = alloc_pages(GFP_HIGHUSER | __GFP_COMP, 2), *other;

	if (page == NULL)
		return false;
	get_page(page + 3);
	other = alloc_pages(GFP_KERNEL, 1);
	if (other != NULL)
		__free_pages(other, 1);
	__free_pages(page, 2);
	put_page(page + 1);
	return other != NULL;
}

/* Takes frames by number: no request that could be refused, and so served at once. */
static bool given_frames(void)
{
	uint32_t start_pfn = zones[ZONE_NORMAL].span.start_pfn + 5 * BLOCK_PAGES - 3;

	uintptr_t buffer;

	assert_int_equal(alloc_contig_range(start_pfn, start_pfn + BLOCK_PAGES, NULL), 0);
	buffer = __get_free_page(GFP_KERNEL);
	free_contig_range(start_pfn, BLOCK_PAGES);
	free_page(buffer);
	return buffer != 0;
}

static bool start_owners(void)
{
	if (!page_debug_set(PAGE_DEBUG_OWNER, true)) {
		assert_int_equal(page_debug, PAGE_DEBUG_FAIL);
		return false;
	}
	return page_debug_set(PAGE_DEBUG_OWNER, false);
}

/* The trace's room is the last that is taken: owners must not stay when it fails. */
static bool start_owners_and_trace(void)
{
	uint32_t options = PAGE_DEBUG_OWNER | PAGE_DEBUG_TRACE | PAGE_DEBUG_POISON;

	if (!page_debug_set(options, true)) {
		assert_int_equal(page_debug, PAGE_DEBUG_FAIL);
		return false;
	}
	page_debug_set(options, false);
	page_trace_forget();
	return true;
}

static void check_every_failure(operation_fn *run, uint32_t failures_least)
{
	uint32_t free_before, n = 0;
	bool done = false;
	char how[32];

	harness_start(&little);
	magazines_drain_all();
	free_before = free_pages_now();
	while (!done) {
		snprintf(how, sizeof(how), "nth:%u", ++n);
		fail_as(how);
		done = run();
		assert_int_equal(page_fail.failed, done ? 0 : 1);
		turn(PAGE_DEBUG_FAIL, false);
		assert_int_equal(free_pages_now(), free_before);
		harness_check(NULL);
		assert_true(n < 1000);
	}
	assert_int_equal(harness_misuses, 0);
	assert_int_equal(quarantined_pages(), 0);
	assert_true(n > failures_least);
}

static void test_every_failure(void **state)
{
	(void)state;
	check_every_failure(exact_pages, 2);
	check_every_failure(zeroed_pages, 4);
	check_every_failure(shared_compound, 2);
	check_every_failure(given_frames, 1);
	check_every_failure(start_owners,
			    1 + LITTLE_BLOCKS); /* the stacks, and each pageblock's records */
	check_every_failure(start_owners_and_trace, 1 + LITTLE_BLOCKS + 1);
}

/* The same with the n-th window that cannot be opened. */
static uint32_t windows_left;

static void *open_some_windows(struct page *page)
{
	return windows_left-- == 0 ? NULL : harness_page_data(page);
}

static void test_every_window(void **state)
{
	struct page *page = NULL;
	uint32_t free_before, n = 0;

	(void)state;
	harness_start(&machine);
	page_window_open_hook = open_some_windows;
	free_before = free_pages_now();
	for (; page == NULL; n++) {
		windows_left = n;
		page = alloc_pages(GFP_HIGHUSER | __GFP_ZERO, 3);
		assert_int_equal(free_pages_now(), free_before - (page != NULL ? 8 : 0));
		harness_check(NULL);
	}
	assert_int_equal(n, 9);
	__free_pages(page, 3);
}

/* --- the hot paths --------------------------------------------------------------------------- */

static uint32_t cached_all(void)
{
	uint32_t pages = 0;

	for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++)
		pages += magazines_cached_pages((enum zone_type)zone);
	return pages;
}

/* Closed while any option is on, open when the last one is off. */
static void test_hot_paths(void **state)
{
	static const uint32_t options[] = { PAGE_DEBUG_POISON,       PAGE_DEBUG_OWNER,
					    PAGE_DEBUG_TRACE,        PAGE_DEBUG_INIT_ON_ALLOC,
					    PAGE_DEBUG_INIT_ON_FREE, PAGE_DEBUG_FAIL };
	uint32_t room;

	(void)state;
	harness_start(&machine);
	assert_null(fail_point_parse(&page_fail, "nth:1000000"));
	room = magazines_room_pages(ZONE_NORMAL);
	assert_true(room > 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(options); i++) {
		uint32_t second = options[(i + 1) % ARRAY_SIZE(options)];

		__free_page(take(lowmem, 0));
		assert_int_not_equal(cached_all(), 0);
		turn(options[i], true);
		turn(second, true);
		turn(options[i], false); /* one is left */
		__free_page(take(lowmem, 0));
		__free_pages(take(highmem, 1), 1);
		assert_int_equal(cached_all() + magazines_room_pages(ZONE_NORMAL), 0);
		turn(second, false);
		assert_int_equal(page_debug, 0);
		assert_int_equal(magazines_room_pages(ZONE_NORMAL), room);
		__free_page(take(lowmem, 0));
		__free_pages(take(highmem, 1), 1);
		assert_int_not_equal(magazines_cached_pages(ZONE_NORMAL), 0);
		harness_check(NULL);
		magazines_drain_all();
	}
	/* Large ones: freed without a look again, which count 2 would need. */
	page_trace_forget();
	__free_pages(take(lowmem, PAGE_ORDER_MAX), PAGE_ORDER_MAX);
	assert_int_equal(harness_misuses, 0);
	harness_check(NULL);
}

/* A zone that is closed for another reason stays closed when watching ends. */
static void test_hot_paths_of_closed_zones(void **state)
{
	(void)state;
	harness_start(&machine);
	magazines_close(ZONE_NORMAL);
	turn(PAGE_DEBUG_INIT_ON_FREE, true);
	turn(PAGE_DEBUG_INIT_ON_FREE, false);
	assert_int_equal(magazines_room_pages(ZONE_NORMAL), 0);
	assert_true(magazines_room_pages(ZONE_HIGHMEM) > 0);
	turn(PAGE_DEBUG_INIT_ON_FREE, true);
	magazines_reopen(ZONE_NORMAL);
	assert_int_equal(magazines_room_pages(ZONE_NORMAL), 0);
	turn(PAGE_DEBUG_INIT_ON_FREE, false);
	assert_true(magazines_room_pages(ZONE_NORMAL) > 0);
	harness_check(NULL);
}

/* Turning off what is off, and on what is on, changes nothing. */
static void test_turning_twice(void **state)
{
	uint32_t free_before, count, left_out;

	(void)state;
	harness_start(&machine);
	turn(PAGE_DEBUG_OWNER | PAGE_DEBUG_TRACE, true);
	free_before = free_pages_now();
	__free_page(take(lowmem, 0));
	turn(PAGE_DEBUG_OWNER | PAGE_DEBUG_TRACE, true);
	page_trace_events(&count, &left_out);
	assert_int_equal(count, 2); /* not begun again */
	assert_int_equal(free_pages_now(), free_before);
	turn(PAGE_DEBUG_OWNER | PAGE_DEBUG_TRACE, false);
	turn(PAGE_DEBUG_OWNER | PAGE_DEBUG_TRACE, false);
	harness_check(NULL);
}

/* Watched or not, the same requests are served and refused: at low first, then down to min. */
static void test_watched_decides_as_hot(void **state)
{
	uint32_t served[2] = { 0 }, zone_served[2][MAX_NR_ZONES] = { 0 }, first_other[2] = { 0 };

	(void)state;
	for (unsigned int watched = 0; watched < 2; watched++) {
		struct page *page;

		harness_start(&machine);
		zones[ZONE_MOVABLE].marks.low_pages = 400;
		magazines_init();
		if (watched != 0)
			turn(PAGE_DEBUG_INIT_ON_FREE, true);
		while ((page = alloc_pages(GFP_HIGHUSER_MOVABLE | __GFP_NOWARN, 1)) != NULL) {
			zone_served[watched][page_zone_index(page)]++;
			if (first_other[watched] == 0 && page_zone_index(page) != ZONE_MOVABLE)
				first_other[watched] = served[watched];
			served[watched]++;
		}
		harness_check(NULL);
	}
	/* Magazines hold a few blocks that they took while the zone was above its mark. */
	assert_in_range(served[0], served[1], served[1] + MAGAZINE_ITEMS);
	assert_int_equal(first_other[1], (1024 - 400) / 2);
	assert_in_range(first_other[0], first_other[1], first_other[1] + MAGAZINE_ITEMS);
	for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++)
		assert_in_range(zone_served[0][zone], zone_served[1][zone],
				zone_served[1][zone] + MAGAZINE_ITEMS);
}

/* Flags that contradict each other: refused at once, nothing is tried for them. */
static bool reclaim_asked;

static bool note_reclaim(gfp_t gfp, unsigned int order)
{
	(void)gfp;
	(void)order;
	reclaim_asked = true;
	return false;
}

static void test_contradictory_changes_nothing(void **state)
{
	gfp_t contradictory = GFP_KERNEL | __GFP_MOVABLE | __GFP_RECLAIMABLE;

	(void)state;
	harness_start(&machine);
	page_reclaim_hook = note_reclaim;
	reclaim_asked = false;
	__free_page(take(lowmem, 0));
	assert_null(__alloc_pages(contradictory, 0));
	assert_int_not_equal(cached_all(), 0);
	assert_false(reclaim_asked);
	assert_true(harness_last_refusal.contradictory);
	harness_check(NULL);
}

/* A pageblock set aside for atomic blocks, isolated and put back as it was, is counted as before. */
static void test_isolated_highatomic(void **state)
{
	struct zone *zone = &zones[ZONE_NORMAL];
	struct page *page;

	(void)state;
	harness_start(&little);
	zones[ZONE_DMA].marks.low_pages = zone->marks.low_pages = 1U << 20;
	magazines_init();
	page = take(GFP_ATOMIC, 1);
	assert_int_equal(zone->highatomic_blocks, 1);
	__free_pages(page, 1);
	assert_true(isolate_pageblock(page_to_pfn(page)));
	assert_int_equal(zone->highatomic_blocks, 0);
	harness_check(NULL);
	assert_true(unisolate_pageblock(page_to_pfn(page), MIGRATE_HIGHATOMIC));
	assert_int_equal(zone->highatomic_blocks, 1);
	harness_check(NULL);
	zone->marks.min_pages = 0;
	while (alloc_page(GFP_KERNEL | __GFP_NOWARN) != NULL)
		;
	assert_int_equal(zone->highatomic_blocks, 0);
	harness_check(NULL);
}

/* --- the trace ------------------------------------------------------------------------------- */

static void expect_event(const struct trace_event *event, enum trace_kind kind,
			 const struct page *page, unsigned int order, gfp_t gfp)
{
	assert_int_equal(event->kind, kind);
	assert_int_equal(event->pfn, page != NULL ? page_to_pfn(page) : 0);
	assert_int_equal(event->order, order);
	assert_int_equal(event->gfp, gfp);
}

static void test_trace(void **state)
{
	const struct trace_event *events;
	struct page *page[3];
	uint32_t count, left_out;

	(void)state;
	harness_start(&machine);
	page[0] = take(lowmem, 0); /* before it is on */
	turn(PAGE_DEBUG_TRACE, true);
	page[1] = take(GFP_HIGHUSER | __GFP_ZERO, 2);
	__free_page(page[0]);
	fail_as("nth:1"); /* refused on purpose: not the allocator's doing */
	assert_null(alloc_page(GFP_KERNEL));
	turn(PAGE_DEBUG_FAIL, false);
	assert_null(alloc_pages(GFP_DMA | __GFP_NOWARN, PAGE_ORDER_MAX + 1)); /* no request */
	page[2] = take(GFP_DMA, 1);
	split_page(page[2], 1);
	__free_page(page[2] + 1);
	get_page(page[1]);
	__free_pages(page[1], 2);
	put_page(page[1]);
	events = page_trace_events(&count, &left_out);
	assert_int_equal(count, 5);
	assert_int_equal(left_out, 0);
	expect_event(&events[0], TRACE_ALLOC, page[1], 2, GFP_HIGHUSER | __GFP_ZERO);
	expect_event(&events[1], TRACE_FREE, page[0], 0, 0);
	expect_event(&events[2], TRACE_ALLOC, page[2], 1, GFP_DMA);
	expect_event(&events[3], TRACE_FREE, page[2] + 1, 0, 0);
	expect_event(&events[4], TRACE_FREE, page[1], 2, 0);

	while (alloc_pages(GFP_DMA | __GFP_NOWARN, PAGE_ORDER_MAX) != NULL)
		;
	page_trace_events(&count, &left_out);
	expect_event(&events[count - 1], TRACE_REFUSED, NULL, PAGE_ORDER_MAX,
		     GFP_DMA | __GFP_NOWARN);
	turn(PAGE_DEBUG_TRACE, false);
	__free_page(page[2]);
	page_trace_events(&left_out, &left_out);
	assert_ptr_equal(page_trace_events(&left_out, &left_out), events); /* to be dumped still */
	turn(PAGE_DEBUG_TRACE, true);                                      /* from the beginning */
	page_trace_events(&count, &left_out);
	assert_int_equal(count + left_out, 0);
	harness_check(NULL);
}

static void test_trace_full(void **state)
{
	const uint32_t room = (PAGE_SIZE << min_u32(PAGE_ORDER_MAX, 8)) / 8;
	const struct trace_event *events;
	struct page *page;
	uint32_t count, left_out;

	(void)state;
	harness_start(&machine);
	turn(PAGE_DEBUG_TRACE, true);
	for (uint32_t i = 0; i < room / 2 + 3; i++)
		__free_page(page = take(lowmem, 0));
	events = page_trace_events(&count, &left_out);
	assert_int_equal(count, room);
	assert_int_equal(left_out, 6);
	expect_event(&events[room - 1], TRACE_FREE, page, 0, 0);
	harness_check(NULL);
}

static void test_trace_forget(void **state)
{
	uint32_t free_before, count, left_out;

	(void)state;
	harness_start(&machine);
	free_before = free_pages_now();
	turn(PAGE_DEBUG_TRACE, true);
	assert_int_equal(free_pages_now(), free_before - (1U << min_u32(PAGE_ORDER_MAX, 8)));
	__free_page(take(lowmem, 0));
	turn(PAGE_DEBUG_TRACE, false);
	page_trace_forget();
	page_trace_forget();
	assert_int_equal(free_pages_now(), free_before);
	page_trace_events(&count, &left_out);
	assert_int_equal(count + left_out, 0);
	harness_check(NULL);
}

/* --- what memory is used for ----------------------------------------------------------------- */

/* The same, page by page. */
static struct page_use count_slowly(uint32_t start_pfn, uint32_t end_pfn)
{
	struct page_use use = { 0 };

	for (uint32_t pfn = start_pfn; pfn < end_pfn; pfn++) {
		const struct page *head = page_block_head(pfn);
		enum page_type type = head != NULL ? page_type(head) : PAGE_HOLE;

		use.hole_pages += type == PAGE_HOLE;
		use.reserved_pages += type == PAGE_RESERVED;
		use.free_pages += type == PAGE_FREE || type == PAGE_CACHED;
		use.quarantined_pages += type == PAGE_QUARANTINED;
		if (type == PAGE_ALLOCATED)
			use.allocated_pages[page_migrate_type(head)]++;
	}
	return use;
}

/* The letter by another road: of the kinds in the order of preference the first that has most. */
static char letter_slowly(const struct page_use *use)
{
	const uint32_t pages[] = { use->reserved_pages,     use->allocated_pages[0],
				   use->allocated_pages[1], use->allocated_pages[2],
				   use->allocated_pages[3], use->allocated_pages[4] };
	uint32_t used = 0;
	unsigned int most = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(pages); i++) {
		used += pages[i];
		most = pages[i] > pages[most] ? i : most;
	}
	if (use->quarantined_pages > 0)
		return 'x';
	if (used == 0)
		return use->free_pages > 0 ? '.' : ' ';
	return (2 * used >= used + use->free_pages ? "RUMEHI" : "rumehi")[most];
}

static void expect_use(uint32_t start_pfn, uint32_t end_pfn)
{
	struct page_use use, slow = count_slowly(start_pfn, end_pfn);
	uint32_t sum = 0;

	page_use_count(start_pfn, end_pfn, &use);
	assert_memory_equal(&use, &slow, sizeof(use));
	for (unsigned int i = 0; i < sizeof(use) / sizeof(uint32_t); i++)
		sum += ((const uint32_t *)&use)[i];
	assert_int_equal(sum, end_pfn - start_pfn);
	assert_int_equal(page_use_letter(&use), letter_slowly(&use));
}

/* Reserved, no map, holes smaller and larger than what is backed at a time. */
static const struct harness_machine holes = {
	.zone_pages = { 1500, 5000, 4000, 1024 },
	.pieces = { { 100, 33, PIECE_RESERVED },
		    { 700, 5, PIECE_NO_MAP },
		    { 1100, 100, PIECE_HOLE },
		    { 3000, 2500, PIECE_HOLE },
		    { 9000, 1, PIECE_RESERVED } },
};

static void test_use_counted(void **state)
{
	const uint32_t end_pfn = HARNESS_BASE_PFN + 11524;
	static const gfp_t kinds[] = { GFP_KERNEL, GFP_HIGHUSER_MOVABLE, GFP_DMA,
				       GFP_KERNEL | __GFP_RECLAIMABLE };
	uint32_t random = 5;

	(void)state;
	harness_start(&holes);
	for (unsigned int i = 0; i < 300; i++) {
		unsigned int order = harness_random(&random) % 4;
		struct page *page = __alloc_pages(kinds[i % 4] | __GFP_NOWARN, order);

		if (page != NULL && harness_random(&random) % 3 == 0)
			__free_pages(page, order);
		if (page != NULL && i % 50 == 9) {
			__free_pages(page, order);
			__free_pages(page, order); /* quarantined, if it was free at all */
		}
	}
	for (unsigned int i = 0; i < 2000; i++) {
		uint32_t a = HARNESS_BASE_PFN - 2000 + harness_random(&random) % 13000;
		uint32_t pages = 1U << harness_random(&random) % 11;

		expect_use(a, min_u32(a + pages, end_pfn + 1000));
	}
	expect_use(HARNESS_BASE_PFN, end_pfn);
	expect_use(0, 0);
	expect_use((1U << 20) - 5, 1U << 20);
	expect_use(end_pfn, end_pfn);
}

static void expect_letter(struct page_use use, char letter)
{
	assert_int_equal(page_use_letter(&use), letter);
}

static void test_use_letters(void **state)
{
	(void)state;
	expect_letter((struct page_use){ .hole_pages = 9 }, ' ');
	expect_letter((struct page_use){ .hole_pages = 9, .free_pages = 1 }, '.');
	expect_letter((struct page_use){ .reserved_pages = 1, .free_pages = 9 }, 'r');
	expect_letter((struct page_use){ .reserved_pages = 5, .free_pages = 5 }, 'R');
	expect_letter((struct page_use){ .reserved_pages = 4, .free_pages = 5 }, 'r');
	expect_letter((struct page_use){ .allocated_pages = { 1, 2, 0, 0, 0 } }, 'M');
	expect_letter((struct page_use){ .allocated_pages = { 2, 2, 0, 0, 0 } }, 'U');
	expect_letter((struct page_use){ .allocated_pages = { 1, 1, 2, 0, 0 } }, 'E');
	expect_letter((struct page_use){ .allocated_pages = { 0, 0, 0, 1, 0 } }, 'H');
	expect_letter((struct page_use){ .allocated_pages = { 0, 0, 0, 0, 1 }, .free_pages = 2 },
		      'i');
	expect_letter(
		(struct page_use){ .allocated_pages = { 9, 9, 9, 9, 9 }, .quarantined_pages = 1 },
		'x');
}

#define WATCHED(test) cmocka_unit_test_teardown(test, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WATCHED(test_poison_finds_each_byte),
		WATCHED(test_poison_finds_each_page),
		WATCHED(test_poison_names_the_first),
		WATCHED(test_poison_all_damaged),
		WATCHED(test_poison_at_run_time),
		WATCHED(test_poison_fills_all),
		WATCHED(test_poison_while_handlers_run),
		WATCHED(test_poison_without_windows),
		WATCHED(test_poison_in_a_range),
		WATCHED(test_init_on_alloc),
		WATCHED(test_init_on_free),
		WATCHED(test_given_only_when_free),
		WATCHED(test_owner_taken_and_given),
		WATCHED(test_owner_of_before),
		WATCHED(test_owner_after_split),
		WATCHED(test_owner_of_pieces),
		WATCHED(test_owner_stacks_differ),
		WATCHED(test_owner_table_full),
		WATCHED(test_owner_off),
		WATCHED(test_owner_without_memory),
		WATCHED(test_double_free),
		WATCHED(test_double_free_merged),
		WATCHED(test_double_free_of_less),
		WATCHED(test_quarantine_of_rubbish),
		WATCHED(test_head_written),
		WATCHED(test_double_free_watched),
		WATCHED(test_fail_parse),
		WATCHED(test_fail_parse_malformed),
		WATCHED(test_fail_counting),
		WATCHED(test_fail_min_order),
		WATCHED(test_fail_probability),
		WATCHED(test_fail_caller),
		WATCHED(test_fail_off),
		WATCHED(test_every_failure),
		WATCHED(test_every_window),
		WATCHED(test_hot_paths),
		WATCHED(test_hot_paths_of_closed_zones),
		WATCHED(test_turning_twice),
		WATCHED(test_watched_decides_as_hot),
		WATCHED(test_contradictory_changes_nothing),
		WATCHED(test_isolated_highatomic),
		WATCHED(test_trace),
		WATCHED(test_trace_full),
		WATCHED(test_trace_forget),
		WATCHED(test_use_counted),
		WATCHED(test_use_letters),
	};

	return cmocka_run_group_tests_name("pages_debug", tests, NULL, NULL);
}

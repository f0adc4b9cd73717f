/* SPDX-License-Identifier: MIT */
/*
 * Windows to highmem against a double of the page tables: each state that a window can have, wrong
 * use, windows that run out, pages that are freed with windows; and a naive model over random
 * operations.
 *
 *	test_kmap [OPERATIONS [SEED]]     of the model
 */
#include "page_harness.h"
#include "window_double.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arch/irqflags.h"
#include "arch/mmu.h"
#include "kern/param.h"
#include "mm/virt/fixmap.h"
#include "mm/virt/highmem.h"
#include "mm/virt/kmap.h"
#include "mm/virt/kmap_debug.h"
#include "mm/virt/kmap_misuse.h"

#define BLOCK    (1U << PAGE_ORDER_MAX)
#define HIGHMEM  ALIGN_UP(3U * PKMAP_WINDOWS, BLOCK)
#define GFP_HIGH (GFP_HIGHUSER | __GFP_NOWARN)

const char __virt_text_start[1], __virt_text_end[1];

static uint32_t misuses;
static struct kmap_misuse last_misuse;

static uint32_t operations = 100000, seed = 20240607;

static void note(const struct kmap_misuse *misuse)
{
	misuses++;
	last_misuse = *misuse;
}

/* --- start and end --------------------------------------------------------------------------- */

/* False: the value was refused. */
static bool set_debug(const char *value)
{
	const struct boot_param *param;

	for_each_table_entry(param, boot_params)
		if (strcmp(param->name, "highmem_debug") == 0)
			return param->parse(value) == NULL;
	return false;
}

static void take_memory(void)
{
	assert_true(kmap_take_memory());
}

static void start_windows(void)
{
	harness_start(&(struct harness_machine){ .zone_pages = { [ZONE_DMA] = 2 * BLOCK + 1,
								 [ZONE_NORMAL] = 16 * BLOCK + 3,
								 [ZONE_HIGHMEM] = HIGHMEM + 4 } });
	harness_clear_watermarks();
	kmap_misuse_hook = note;
	kmap_wait_hook = NULL;
	misuses = 0;
	kmap_init();
}

/* Memblock gives memory to the first machine only; the records of later ones are the test's. */
static void start_watched(bool watched)
{
	static struct kmap_record records[KMAP_RECORDS];

	double_windows_reset();
	memset(records, 0, sizeof(records));
	kmap_records = watched ? records : NULL;
	start_windows();
}

static void start(void)
{
	start_watched(false);
}

static void check(void)
{
	const char *broken = kmap_check();

	if (broken != NULL)
		fail_msg("kmap_check: %s", broken);
	harness_check(NULL);
	assert_int_equal(harness_misuses, 0);
}

static void expect_misuse(enum kmap_misuse_kind kind)
{
	assert_int_equal(misuses, 1);
	assert_int_equal(last_misuse.kind, kind);
	misuses = 0;
	check();
}

/* Every test ends so: nothing open, nothing missing, nothing told that was not expected. */
static void end(void)
{
	struct kmap_window open;

	assert_int_equal(misuses, 0);
	assert_true(kmap_check_closed(&open));
	kmap_flush_unused();
	magazines_drain_all();
	check();
	assert_int_equal(harness_spare_pages(ZONE_HIGHMEM), zones[ZONE_HIGHMEM].managed_pages);
}

static void expect_windows(uint32_t used, uint32_t kept)
{
	struct kmap_snapshot snapshot;

	kmap_snapshot(&snapshot);
	assert_int_equal(snapshot.used, used);
	assert_int_equal(snapshot.kept, kept);
	assert_int_equal(snapshot.empty, PKMAP_WINDOWS - used - kept);
}

static struct page *take(unsigned int order)
{
	struct page *page = alloc_pages(GFP_HIGH, order);

	assert_non_null(page);
	assert_null(page_address(page));
	return page;
}

static uint32_t window_bits(const struct page *page)
{
	return page->flags >> PAGE_WINDOW_SHIFT & PAGE_WINDOW_MASK;
}

/* The window shows the page: what is written on one side is read on the other. */
static void expect_shows(void *window, struct page *page)
{
	static uint32_t value;
	uint32_t *words = window, *data = harness_page_data(page);

	assert_non_null(window);
	words[1] = ++value;
	assert_int_equal(data[1], value);
	data[PAGE_SIZE / 4 - 1] = ++value;
	assert_int_equal(words[PAGE_SIZE / 4 - 1], value);
}

/* --- kmap ------------------------------------------------------------------------------------ */

static void test_one_window_a_page(void **state)
{
	struct page *page, *other;
	void *window;

	(void)state;
	start();
	page = take(0);
	other = take(0);
	window = kmap(page);
	expect_shows(window, page);
	assert_ptr_equal(kmap(page), window);
	assert_ptr_not_equal(kmap(other), window);
	expect_windows(2, 0);
	kunmap(page);
	expect_windows(2, 0);
	expect_shows(window, page);
	kunmap(page);
	kunmap(other);
	expect_windows(0, 2);
	check();
	/* Kept: shown again where it was, the tables untouched. */
	assert_ptr_equal(kmap(page), window);
	expect_windows(1, 1);
	assert_int_equal(double_flushes, 0);
	kunmap(page);
	kmap_flush_unused();
	expect_windows(0, 0);
	assert_int_equal(double_flushes, 1);
	assert_int_equal(window_bits(page), 0);
	__free_page(page);
	__free_page(other);
	end();
}

static void test_lowmem_needs_none(void **state)
{
	struct page *page;

	(void)state;
	start();
	page = alloc_page(GFP_KERNEL);
	assert_ptr_equal(kmap(page), page_address(page));
	assert_ptr_equal(kmap_local_page(page), page_address(page));
	kunmap(page);
	kunmap(page);
	kunmap_local(page_address(page));
	expect_windows(0, 0);
	assert_int_equal(kmap_local_depth(), 0);
	__free_page(page);
	end();
}

/* The first of all tests: what the boot does, with highmem_debug=1 and without. */
static void test_memory_is_taken(void **state)
{
	(void)state;
	double_windows_reset();
	assert_int_equal(set_debug("perhaps"), false);
	set_debug("off");
	assert_true(kmap_debug_start());
	assert_null(kmap_records);
	assert_true(set_debug(NULL));
	harness_more_memory = take_memory;
	start_windows();
	assert_int_equal(double_tables, 4);
	assert_non_null(kmap_records);
	assert_false(kmap_records[KMAP_RECORDS - 1].known);
	/* Memblock is done: no second time. */
	assert_false(kmap_take_memory());
	kmap_records = NULL;
	kmap_init();
	end();
}

static struct page *pages[3 * PKMAP_WINDOWS];

static void take_many(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		pages[i] = take(0);
}

static void free_many(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		__free_page(pages[i]);
}

static unsigned int waits;

static bool wait_in_vain(void)
{
	return ++waits < 3;
}

static bool wait_for_one(void)
{
	if (++waits == 2)
		kunmap(pages[7]);
	return true;
}

static void test_all_windows_in_use(void **state)
{
	void *window;

	(void)state;
	start();
	take_many(PKMAP_WINDOWS + 1);
	for (uint32_t i = 0; i < PKMAP_WINDOWS; i++)
		expect_shows(kmap(pages[i]), pages[i]);
	expect_windows(PKMAP_WINDOWS, 0);
	assert_null(kmap(pages[PKMAP_WINDOWS]));
	assert_non_null(kmap(pages[3])); /* one that is shown needs none */
	kunmap(pages[3]);
	waits = 0;
	kmap_wait_hook = wait_in_vain;
	assert_null(kmap(pages[PKMAP_WINDOWS]));
	assert_int_equal(waits, 3);
	check();
	waits = 0;
	kmap_wait_hook = wait_for_one;
	window = kmap(pages[PKMAP_WINDOWS]);
	expect_shows(window, pages[PKMAP_WINDOWS]);
	assert_int_equal(waits, 2);
	check();
	kunmap(pages[PKMAP_WINDOWS]);
	kmap_wait_hook = NULL;
	assert_ptr_equal(kmap(pages[7]), window); /* the only one that was kept */
	assert_null(kmap(pages[PKMAP_WINDOWS]));
	for (uint32_t i = 0; i < PKMAP_WINDOWS; i++)
		kunmap(pages[i]);
	free_many(PKMAP_WINDOWS + 1);
	end();
}

/* Kept windows make room, a flush for many of them; used ones stay. */
static void test_room_is_made(void **state)
{
	struct kmap_snapshot snapshot;

	(void)state;
	start();
	take_many(3 * PKMAP_WINDOWS);
	for (uint32_t i = 0; i < 3 * PKMAP_WINDOWS; i++) {
		expect_shows(kmap(pages[i]), pages[i]);
		if (i % PKMAP_WINDOWS != 5 || i > PKMAP_WINDOWS)
			kunmap(pages[i]);
		if (i % 16 == 0)
			check();
	}
	kmap_snapshot(&snapshot);
	assert_int_equal(double_flushes, snapshot.portions);
	assert_true(snapshot.portions * 2 <= 2 * PKMAP_WINDOWS);
	assert_int_equal(snapshot.used, 1);
	kunmap(pages[5]);
	free_many(3 * PKMAP_WINDOWS);
	expect_windows(0, 0);
	end();
}

/* Wherever the only kept window is, and wherever the look begins. */
static void test_the_only_kept_one_is_found(void **state)
{
	uint32_t step = PKMAP_WINDOWS > 64 ? 13 : 1;

	(void)state;
	start();
	take_many(PKMAP_WINDOWS + 1);
	for (uint32_t i = 0; i < PKMAP_WINDOWS; i++)
		kmap(pages[i]);
	for (uint32_t i = 0; i < PKMAP_WINDOWS; i += step)
		for (uint32_t j = 0; j < PKMAP_WINDOWS; j += 3 * step) {
			struct page *page = pages[(i + j) % PKMAP_WINDOWS];

			kunmap(page);
			expect_shows(kmap(pages[PKMAP_WINDOWS]), pages[PKMAP_WINDOWS]);
			assert_null(kmap(page));
			kunmap(pages[PKMAP_WINDOWS]);
			expect_shows(kmap(page), page);
			expect_windows(PKMAP_WINDOWS, 0);
		}
	check();
	for (uint32_t i = 0; i < PKMAP_WINDOWS; i++)
		kunmap(pages[i]);
	free_many(PKMAP_WINDOWS + 1);
	end();
}

/* --- pages that go --------------------------------------------------------------------------- */

static void test_free_forgets_a_kept_window(void **state)
{
	struct page *page;

	(void)state;
	start();
	page = take(0);
	kmap(page);
	kunmap(page);
	assert_int_not_equal(window_bits(page), 0);
	__free_page(page);
	expect_windows(0, 0);
	assert_int_equal(double_flushes, 1);
	assert_int_equal(window_bits(page), 0);
	assert_true(page_type(page) == PAGE_CACHED || page_type(page) == PAGE_FREE);
	end();
}

static void test_free_while_shown(void **state)
{
	struct page *page;
	void *window;

	(void)state;
	start();
	page = take(0);
	window = kmap(page);
	kmap(page);
	__free_page(page);
	assert_int_equal(last_misuse.users, 2);
	assert_int_equal(last_misuse.pfn, page_to_pfn(page));
	assert_int_equal(last_misuse.address, (uintptr_t)window);
	assert_int_not_equal(last_misuse.caller, 0);
	expect_misuse(KMAP_FREED);
	assert_int_equal(page_count(page), 1);
	expect_shows(window, page);
	/* References but the last one may go. */
	get_page(page);
	put_page(page);
	assert_int_equal(misuses, 0);
	put_page(page);
	expect_misuse(KMAP_FREED);
	kunmap(page);
	kunmap(page);
	put_page(page);
	end();
}

/* The struct pages of tails are rubbish, and any of them may have a window. */
static void test_tails(void **state)
{
	(void)state;
	for (uint32_t rubbish = 1; rubbish < 20; rubbish++) {
		struct page *block;

		harness_dirty_struct_pages(rubbish * 77);
		start();
		block = take(3);
		expect_shows(kmap(block + 5), block + 5);
		assert_ptr_equal(kmap(block + 5), kmap(block + 5));
		expect_shows(kmap(block + 6), block + 6);
		assert_int_equal(window_bits(block), PAGE_WINDOW_BLOCK);
		check();
		kunmap(block + 6);
		kunmap(block + 5);
		kunmap(block + 5);
		__free_pages(block, 3);
		assert_int_equal(last_misuse.pfn, page_to_pfn(block + 5));
		assert_int_equal(last_misuse.users, 1);
		expect_misuse(KMAP_FREED);
		kunmap(block + 5);
		__free_pages(block, 3);
		expect_windows(0, 0);
		end();
	}
}

/* The head's own window goes first; that a tail is shown must not be forgotten with it. */
static void test_head_and_tail(void **state)
{
	struct page *block;

	(void)state;
	start();
	block = take(2);
	expect_shows(kmap(block), block);
	expect_shows(kmap(block + 3), block + 3);
	check();
	kunmap(block);
	kmap_flush_unused();
	expect_windows(1, 0);
	assert_int_equal(window_bits(block), PAGE_WINDOW_BLOCK);
	__free_pages(block, 2);
	expect_misuse(KMAP_FREED);
	expect_shows(kmap(block), block);
	kunmap(block);
	kunmap(block + 3);
	kmap_flush_unused();
	__free_pages(block, 2); /* the mark alone is left */
	end();
}

static void test_compound(void **state)
{
	struct page *block;

	(void)state;
	start();
	block = alloc_pages(GFP_HIGH | __GFP_COMP, 2);
	expect_shows(kmap(block + 2), block + 2);
	kunmap(block + 2);
	get_page(block + 1);
	put_page(block + 1);
	put_page(block + 3);
	expect_windows(0, 0);
	end();
}

static void test_split(void **state)
{
	struct page *block;
	void *windows[3];

	(void)state;
	start();
	block = take(3);
	windows[0] = kmap(block);
	windows[1] = kmap(block + 1);
	windows[2] = kmap(block + 7);
	kunmap(block + 7);
	split_page(block, 3);
	check();
	assert_ptr_equal(kmap(block), windows[0]);
	assert_ptr_equal(kmap(block + 1), windows[1]);
	assert_ptr_equal(kmap(block + 7), windows[2]);
	expect_windows(3, 0);
	__free_page(block + 7);
	expect_misuse(KMAP_FREED);
	kunmap(block + 7);
	for (unsigned int i = 0; i < 2; i++) {
		kunmap(block);
		kunmap(block + 1);
	}
	for (unsigned int i = 0; i < 8; i++)
		__free_page(block + i);
	expect_windows(0, 0);
	end();
}

/* Blocks of the largest order, until one of them has the frame. Returns it; the others are kept. */
static struct page *take_block_around(const struct page *page, struct page **blocks,
				      uint32_t *count)
{
	for (*count = 0; *count < HIGHMEM / BLOCK; (*count)++) {
		blocks[*count] = take(PAGE_ORDER_MAX);
		if ((uint32_t)(page - blocks[*count]) < BLOCK)
			return blocks[(*count)++];
	}
	fail();
	return NULL;
}

/* What was an allocated page once and is another block's tail now must not be taken for a head. */
static void test_former_head(void **state)
{
	static struct page *blocks[HIGHMEM / BLOCK];
	struct page *pair, *block;
	uint32_t count;

	(void)state;
	start();
	page_debug_set(PAGE_DEBUG_POISON, true); /* frees go straight to the buddy */
	pair = take(1);
	split_page(pair, 1);
	__free_page(pair);
	__free_page(pair +
		    1); /* joins the lower half, so that its own struct page stays as it is */
	block = take_block_around(pair, blocks, &count);
	expect_shows(kmap(pair + 1), pair + 1);
	check();
	__free_pages(block, PAGE_ORDER_MAX);
	expect_misuse(KMAP_FREED);
	kunmap(pair + 1);
	while (count-- > 0)
		__free_pages(blocks[count], PAGE_ORDER_MAX);
	expect_windows(0, 0);
	page_debug_set(PAGE_DEBUG_POISON, false);
	end();
}

/* Of a block of many windows, some at a time. */
static void test_large_block(void **state)
{
	struct page *block;
	uint32_t shown = BLOCK < PKMAP_WINDOWS ? BLOCK : PKMAP_WINDOWS;

	(void)state;
	start();
	block = take(PAGE_ORDER_MAX);
	for (uint32_t i = 0; i < shown; i++)
		kmap(block + i);
	for (uint32_t i = 0; i < shown; i++)
		if (i != shown / 2)
			kunmap(block + i);
	__free_pages(block, PAGE_ORDER_MAX);
	expect_misuse(KMAP_FREED);
	assert_int_equal(last_misuse.pfn, page_to_pfn(block) + shown / 2);
	kunmap(block + shown / 2);
	__free_pages(block, PAGE_ORDER_MAX);
	expect_windows(0, 0);
	end();
}

static void test_frames_that_were_shown(void **state)
{
	struct page *page;
	uint32_t pfn, busy;

	(void)state;
	start();
	page = take(0);
	pfn = page_to_pfn(page);
	kmap(page);
	assert_int_equal(alloc_contig_range(pfn, pfn + 1, &busy), -16);
	kunmap(page);
	__free_page(page);
	assert_int_equal(alloc_contig_range(pfn, pfn + 1, NULL), 0);
	expect_shows(kmap(page), page);
	kunmap(page);
	free_contig_range(pfn, 1);
	expect_windows(0, 0);
	end();
}

/* Poison is written through the allocator's own windows while kmap's of the page is gone already. */
static void test_watched_pages(void **state)
{
	struct page *page;
	unsigned char *data;

	(void)state;
	start();
	page_debug_set(PAGE_DEBUG_POISON | PAGE_DEBUG_OWNER, true);
	page = take(0);
	data = harness_page_data(page);
	memset(kmap(page), 7, PAGE_SIZE);
	kunmap(page);
	__free_page(page);
	expect_windows(0, 0);
	assert_int_equal(data[0], PAGE_POISON);
	assert_int_equal(data[PAGE_SIZE - 1], PAGE_POISON);
	page_debug_set(PAGE_DEBUG_POISON | PAGE_DEBUG_OWNER, false);
	end();
}

/* --- wrong use of kmap ----------------------------------------------------------------------- */

static void test_kmap_misuse(void **state)
{
	struct page *page;

	(void)state;
	start();
	page = take(0);
	kunmap(page);
	expect_misuse(KMAP_NOT_SHOWN);
	kmap(page);
	kunmap(page);
	kunmap(page);
	expect_misuse(KMAP_NOT_SHOWN);
	expect_windows(0, 1);
	kmap_flush_unused();
	kunmap(page);
	expect_misuse(KMAP_NOT_SHOWN);
	__free_page(page);
	assert_null(kmap(page)); /* per-CPU */
	expect_misuse(KMAP_NO_PAGE);
	magazines_drain_all();
	assert_null(kmap(page)); /* free */
	expect_misuse(KMAP_NO_PAGE);
	assert_null(kmap(pfn_to_page(0xfffff))); /* no RAM */
	expect_misuse(KMAP_NO_PAGE);
	assert_int_equal(last_misuse.pfn, 0xfffff);
	expect_windows(0, 0);
	end();
}

/* --- kmap_local ------------------------------------------------------------------------------ */

static void test_local_nests(void **state)
{
	void *windows[KMAP_LOCAL_DEPTH];

	(void)state;
	start();
	take_many(KMAP_LOCAL_DEPTH + 1);
	for (unsigned int i = 0; i < KMAP_LOCAL_DEPTH; i++) {
		windows[i] = kmap_local_page(pages[i]);
		expect_shows(windows[i], pages[i]);
		assert_int_equal(kmap_local_depth(), i + 1);
	}
	assert_null(kmap_local_page(pages[KMAP_LOCAL_DEPTH]));
	assert_null(kmap_local_pfn(page_to_pfn(pages[0])));
	/* The allocator has its own. */
	__free_page(alloc_page(GFP_HIGH | __GFP_ZERO));
	for (unsigned int i = KMAP_LOCAL_DEPTH; i-- > 0;) {
		expect_shows(windows[i], pages[i]);
		kunmap_local((char *)windows[i] + (i % 2 != 0 ? PAGE_SIZE - 1 : 0));
	}
	assert_int_equal(kmap_local_depth(), 0);
	/* A linear address is no reason for kmap_local_pfn not to open a window. */
	windows[0] = kmap_local_pfn(HARNESS_BASE_PFN + 1);
	expect_shows(windows[0], pfn_to_page(HARNESS_BASE_PFN + 1));
	assert_int_equal(kmap_local_depth(), 1);
	kunmap_local(windows[0]);
	free_many(KMAP_LOCAL_DEPTH + 1);
	end();
}

static unsigned int switches;

/* Other threads: all the windows are theirs, and while watched each closing changes the slots' order. */
static void others(void)
{
	void *windows[KMAP_LOCAL_DEPTH];

	switches++;
	assert_int_equal(kmap_local_depth(), 0);
	for (unsigned int i = 0; i < KMAP_LOCAL_DEPTH; i++) {
		windows[i] = kmap_local_page(pages[i]);
		expect_shows(windows[i], pages[i]);
	}
	for (unsigned int i = KMAP_LOCAL_DEPTH; i-- > 0;)
		kunmap_local(windows[i]);
}

/* However many windows a thread has open, they are put away and come back where they were. */
static void switch_with_open(bool watched)
{
	void *windows[KMAP_LOCAL_DEPTH];

	start_watched(watched);
	take_many(KMAP_LOCAL_DEPTH);
	switches = 0;
	for (unsigned int count = 0; count <= KMAP_LOCAL_DEPTH; count++) {
		for (unsigned int i = 0; i < count; i++)
			windows[i] = kmap_local_page(pages[KMAP_LOCAL_DEPTH - 1 - i]);
		double_switch_threads(others);
		assert_int_equal(kmap_local_depth(), count);
		for (unsigned int i = count; i-- > 0;) {
			expect_shows(windows[i], pages[KMAP_LOCAL_DEPTH - 1 - i]);
			kunmap_local(windows[i]);
		}
		check();
	}
	assert_int_equal(switches, KMAP_LOCAL_DEPTH + 1);
	free_many(KMAP_LOCAL_DEPTH);
	end();
}

static void test_local_switch(void **state)
{
	(void)state;
	switch_with_open(false);
	switch_with_open(true);
}

static void test_local_misuse(void **state)
{
	char *first, *second;
	int on_stack;

	(void)state;
	start();
	take_many(2);
	kunmap_local(NULL);
	expect_misuse(KMAP_NO_WINDOW);
	assert_int_equal(last_misuse.top, 0);
	kunmap_local(&on_stack);
	expect_misuse(KMAP_NO_WINDOW);
	kunmap_local((void *)1);
	expect_misuse(KMAP_NO_WINDOW);
	kunmap_local((void *)fixmap_address(FIX_KMAP));
	expect_misuse(KMAP_NOT_OPEN);
	first = kmap_local_page(pages[0]);
	second = kmap_local_page(pages[1]);
	kunmap_local(first + 17);
	assert_int_equal(last_misuse.address, (uintptr_t)first + 17);
	assert_int_equal(last_misuse.pfn, page_to_pfn(pages[0]));
	assert_int_equal(last_misuse.top, (uintptr_t)second);
	assert_int_equal(last_misuse.top_pfn, page_to_pfn(pages[1]));
	expect_misuse(KMAP_OUT_OF_ORDER);
	kunmap_local(second + PAGE_SIZE); /* its guard page */
	expect_misuse(KMAP_NO_WINDOW);
	kunmap_local(second - 1); /* that of the one before */
	expect_misuse(KMAP_NO_WINDOW);
	kunmap_local(kmap(pages[0]));
	expect_misuse(KMAP_NO_WINDOW);
	kunmap(pages[0]);
	assert_int_equal(kmap_local_depth(), 2);
	expect_shows(first, pages[0]);
	expect_shows(second, pages[1]);
	kunmap_local(second);
	kunmap_local(second);
	expect_misuse(KMAP_NOT_OPEN);
	kunmap_local(first);
	free_many(2);
	end();
}

static void test_left_open(void **state)
{
	struct kmap_window open;
	void *window;

	(void)state;
	start();
	take_many(1);
	assert_true(kmap_check_closed(&open));
	window = kmap(pages[0]);
	assert_false(kmap_check_closed(&open));
	assert_int_equal(open.address, (uintptr_t)window);
	assert_int_equal(open.pfn, page_to_pfn(pages[0]));
	kunmap(pages[0]);
	assert_true(kmap_check_closed(&open));
	window = kmap_local_page(pages[0]);
	assert_false(kmap_check_closed(&open));
	assert_true(open.local);
	assert_int_equal(open.address, (uintptr_t)window);
	kunmap_local(window);
	free_many(1);
	end();
}

/* --- finding windows ------------------------------------------------------------------------- */

static void test_find(void **state)
{
	struct kmap_window window;
	uintptr_t local, shared;

	(void)state;
	start();
	take_many(2);
	local = (uintptr_t)kmap_local_page(pages[0]);
	shared = (uintptr_t)kmap(pages[1]);
	assert_true(kmap_window_find(local + 5, &window));
	assert_true(window.local && !window.guard && window.state == KMAP_USED);
	assert_int_equal(window.pfn, page_to_pfn(pages[0]));
	assert_true(kmap_window_find(shared + PAGE_SIZE, &window));
	assert_true(!window.local && window.guard && window.state == KMAP_USED);
	assert_int_equal(window.pfn, page_to_pfn(pages[1]));
	assert_int_equal(window.address, shared);
	assert_false(kmap_window_find(local - FIXMAP_SLOT_BYTES, &window));
	assert_false(kmap_window_find(0, &window));
	kunmap(pages[1]);
	assert_true(kmap_window_find(shared, &window) && window.state == KMAP_KEPT);
	kunmap_local((void *)local);
	assert_true(kmap_window_find(local, &window));
	assert_true(window.state == KMAP_EMPTY && !window.pfn_known);
	free_many(2);
	end();
}

static void test_fixmap(void **state)
{
	phys_addr_t phys = 0;

	(void)state;
	start();
	assert_false(fixmap_shows(FIX_PROBE, &phys));
	assert_int_equal((uintptr_t)fixmap_open(FIX_PROBE, PFN_PHYS(HARNESS_BASE_PFN) + 12),
			 fixmap_address(FIX_PROBE) + 12);
	assert_true(fixmap_shows(FIX_PROBE, &phys));
	assert_int_equal(phys, PFN_PHYS(HARNESS_BASE_PFN));
	fixmap_close(FIX_PROBE);
	fixmap_close(FIX_PROBE);
	assert_false(fixmap_shows(FIX_PROBE, &phys));
	assert_string_equal(fixmap_name(FIX_PROBE), "probe");
	assert_string_equal(fixmap_name(FIX_KMAP), "kmap_local");
	assert_true(fixmap_stays_open(FIX_CONSOLE) && !fixmap_stays_open(FIX_PROBE));
	end();
}

/* --- watched --------------------------------------------------------------------------------- */

static void stand_at(uintptr_t pc)
{
	harness_stack.frames = 1;
	harness_stack.pc[0] = pc;
}

static void test_watched_window(void **state)
{
	struct kmap_window window;
	uintptr_t address;

	(void)state;
	start_watched(true);
	take_many(1);
	stand_at(0x1000);
	address = (uintptr_t)kmap(pages[0]);
	stand_at(0x2000);
	kmap(pages[0]);
	assert_true(kmap_window_find(address, &window));
	assert_int_equal(window.opened.pc[0], 0x1000);
	assert_int_equal(window.closed.frames, 0);
	assert_int_equal(window.users, 2);
	__free_page(pages[0]);
	assert_int_equal(last_misuse.opened.pc[0], 0x1000);
	assert_int_equal(last_misuse.users, 2);
	expect_misuse(KMAP_FREED);
	kunmap(pages[0]);
	expect_windows(1, 0);
	stand_at(0x3000);
	kunmap(pages[0]);
	expect_windows(0, 0); /* none is kept */
	assert_int_equal(double_flushes, 1);
	assert_true(kmap_window_find(address + 8, &window));
	assert_true(window.state == KMAP_EMPTY && window.pfn_known);
	assert_int_equal(window.pfn, page_to_pfn(pages[0]));
	assert_int_equal(window.opened.pc[0], 0x1000);
	assert_int_equal(window.closed.pc[0], 0x3000);
	kunmap(pages[0]);
	expect_misuse(KMAP_NOT_SHOWN);
	/* All others are used before it is used again. */
	for (uint32_t i = 1; i < PKMAP_WINDOWS; i++) {
		assert_int_not_equal((uintptr_t)kmap(pages[0]), address);
		kunmap(pages[0]);
	}
	assert_int_equal((uintptr_t)kmap(pages[0]), address);
	kunmap(pages[0]);
	free_many(1);
	end();
}

static void test_watched_local(void **state)
{
	struct kmap_window window;
	uintptr_t outer, address;

	(void)state;
	start_watched(true);
	take_many(2);
	outer = (uintptr_t)kmap_local_page(pages[1]);
	stand_at(0x1000);
	address = (uintptr_t)kmap_local_page(pages[0]);
	stand_at(0x2000);
	kunmap_local((void *)address);
	assert_true(kmap_window_find(address, &window));
	assert_true(window.local && window.state == KMAP_EMPTY && window.pfn_known);
	assert_int_equal(window.pfn, page_to_pfn(pages[0]));
	assert_int_equal(window.opened.pc[0], 0x1000);
	assert_int_equal(window.closed.pc[0], 0x2000);
	kunmap_local((void *)address);
	assert_int_equal(last_misuse.pfn, page_to_pfn(pages[0]));
	assert_int_equal(last_misuse.closed.pc[0], 0x2000);
	expect_misuse(KMAP_NOT_OPEN);
	for (uint32_t i = 2; i < KMAP_SLOTS; i++) {
		void *again = kmap_local_page(pages[0]);

		assert_int_not_equal((uintptr_t)again, address);
		expect_shows(again, pages[0]);
		kunmap_local(again);
	}
	assert_int_equal((uintptr_t)kmap_local_page(pages[0]), address);
	kunmap_local((void *)address);
	kunmap_local((void *)outer);
	free_many(2);
	end();
}

/* --- highmem.h ------------------------------------------------------------------------------- */

static void test_helpers(void **state)
{
	char buffer[64], *high, *low;

	(void)state;
	start();
	pages[0] = take(0);
	pages[1] = alloc_page(GFP_KERNEL);
	high = harness_page_data(pages[0]);
	low = harness_page_data(pages[1]);
	for (unsigned int i = 0; i < PAGE_SIZE; i++)
		high[i] = low[i] = 1;
	memcpy_to_page(pages[0], PAGE_SIZE - 3, "abc", 3);
	assert_memory_equal(high + PAGE_SIZE - 4, "\1abc", 4);
	memcpy_from_page(buffer, pages[0], PAGE_SIZE - 3, 3);
	assert_memory_equal(buffer, "abc", 3);
	copy_highpage(pages[1], pages[0]);
	assert_memory_equal(low, high, PAGE_SIZE);
	memcpy_page(pages[0], 8, pages[0], PAGE_SIZE - 3, 3);
	assert_memory_equal(high + 7, "\1abc\1", 5);
	memset_page(pages[0], 10, 'x', 5);
	assert_memory_equal(high + 8, "abxxxxx\1", 8);
	zero_user(pages[0], 11, 2);
	assert_memory_equal(high + 10, "x\0\0xx\1", 6);
	zero_user_segment(pages[0], 9, 10);
	assert_memory_equal(high + 8, "a\0x", 3);
	zero_user_segments(pages[0], 0, 8, PAGE_SIZE - 2, PAGE_SIZE);
	assert_memory_equal(high, "\0\0\0\0\0\0\0\0a", 9);
	assert_memory_equal(high + PAGE_SIZE - 4, "\1a\0\0", 4);
	zero_user_segments(pages[0], 8, 8, 9, 9);
	assert_int_equal(high[8], 'a');
	memzero_page(pages[0], 8, 1);
	assert_int_equal(high[8], 0);
	memcpy_to_page(pages[0], PAGE_SIZE, "", 0);
	memcpy_to_page(pages[1], 0, "low", 3);
	assert_memory_equal(low, "low", 3);
	clear_highpage(pages[0]);
	for (unsigned int i = 0; i < PAGE_SIZE; i++)
		assert_int_equal(high[i], 0);
	assert_int_equal(kmap_local_depth(), 0);
	free_many(2);
	end();
}

static void test_helpers_refuse(void **state)
{
	void *windows[KMAP_LOCAL_DEPTH];

	(void)state;
	start();
	take_many(2);
	memcpy_to_page(pages[0], PAGE_SIZE - 2, "abc", 3);
	expect_misuse(KMAP_PAST_END);
	memset_page(pages[0], 1, 0, SIZE_MAX);
	expect_misuse(KMAP_PAST_END);
	memcpy_page(pages[0], 1, pages[1], 0, PAGE_SIZE);
	expect_misuse(KMAP_PAST_END);
	zero_user_segment(pages[0], 3, 2);
	expect_misuse(KMAP_PAST_END);
	assert_int_equal(last_misuse.pfn, page_to_pfn(pages[0]));
	for (unsigned int i = 0; i < KMAP_LOCAL_DEPTH - 1; i++)
		windows[i] = kmap_local_page(pages[0]);
	copy_highpage(pages[0], pages[1]);
	expect_misuse(KMAP_NO_SLOT);
	assert_int_equal(kmap_local_depth(), KMAP_LOCAL_DEPTH - 1);
	windows[KMAP_LOCAL_DEPTH - 1] = kmap_local_page(pages[0]);
	clear_highpage(pages[1]);
	expect_misuse(KMAP_NO_SLOT);
	for (unsigned int i = KMAP_LOCAL_DEPTH; i-- > 0;)
		kunmap_local(windows[i]);
	free_many(2);
	end();
}

/* --- a naive model --------------------------------------------------------------------------- */

#define MODEL_PAGES (2 * PKMAP_WINDOWS + PKMAP_WINDOWS / 2)

static struct model {
	struct page *page; /* NULL: nobody's */
	struct page *head;
	unsigned int order; /* of the head's block */
	uint32_t users;
	void *window;
	uint32_t value;
} model[MODEL_PAGES];

static struct {
	struct model *shown;
	void *window;
} local[KMAP_LOCAL_DEPTH];

static uint32_t random_state, local_depth, used_windows;
static bool going; /* pages are given back: the model does not know yet */

static uint32_t draw(uint32_t below)
{
	return harness_random(&random_state) % below;
}

static struct model *draw_page(void)
{
	return &model[draw(MODEL_PAGES)];
}

static void look(struct model *entry, void *window)
{
	uint32_t *words = window;

	assert_int_equal(words[3], entry->value);
	entry->value = harness_random(&random_state);
	words[3] = entry->value;
	assert_int_equal(((uint32_t *)harness_page_data(entry->page))[3], entry->value);
}

static void model_map(struct model *entry)
{
	void *window;

	if (entry->page == NULL)
		return;
	window = kmap(entry->page);
	if (window == NULL) {
		assert_true(entry->users == 0 && used_windows == PKMAP_WINDOWS);
		return;
	}
	if (entry->users++ == 0) {
		assert_true(used_windows++ < PKMAP_WINDOWS);
		entry->window = window;
	}
	assert_ptr_equal(window, entry->window);
	look(entry, window);
}

static void model_unmap(struct model *entry)
{
	if (entry->page == NULL)
		return;
	if (entry->users > 0)
		look(entry, entry->window);
	kunmap(entry->page);
	if (entry->users == 0)
		expect_misuse(KMAP_NOT_SHOWN);
	else if (--entry->users == 0)
		used_windows--;
}

/* Entries of a block's pages lie side by side. */
static void model_take(struct model *entry)
{
	unsigned int order = draw(4) == 0 ? draw(4) : 0;
	struct page *head;

	for (uint32_t i = 0; i < 1U << order; i++)
		if (entry + i >= model + MODEL_PAGES || entry[i].page != NULL)
			return;
	head = alloc_pages(GFP_HIGH, order);
	if (head == NULL || page_address(head) != NULL) {
		if (head != NULL)
			__free_pages(head, order);
		return;
	}
	for (uint32_t i = 0; i < 1U << order; i++) {
		entry[i] = (struct model){ .page = head + i, .head = head, .order = order };
		entry[i].value = ((uint32_t *)harness_page_data(head + i))[3];
	}
}

static bool is_local(const struct page *page)
{
	for (uint32_t i = 0; i < local_depth; i++)
		if (local[i].shown->page == page)
			return true;
	return false;
}

static void model_free(struct model *entry)
{
	struct model *first;
	uint32_t users = 0;

	if (entry->page == NULL)
		return;
	first = entry - (entry->page - entry->head);
	for (uint32_t i = 0; i < 1U << first->order; i++) {
		if (is_local(first[i].page))
			return;
		users += first[i].users;
	}
	going = true;
	__free_pages(first->page, first->order);
	going = false;
	if (users > 0) {
		expect_misuse(KMAP_FREED);
		return;
	}
	for (unsigned int order = first->order, i = 0; i < 1U << order; i++)
		first[i].page = NULL;
}

static void model_split(struct model *entry)
{
	struct model *first;
	unsigned int order;

	if (entry->page == NULL || entry->order == 0)
		return;
	first = entry - (entry->page - entry->head);
	order = first->order;
	split_page(first->page, order);
	for (uint32_t i = 0; i < 1U << order; i++) {
		first[i].head = first[i].page;
		first[i].order = 0;
	}
}

static void model_open_local(struct model *entry)
{
	void *window;

	if (entry->page == NULL)
		return;
	window = kmap_local_page(entry->page);
	if (local_depth == KMAP_LOCAL_DEPTH) {
		assert_null(window);
		return;
	}
	look(entry, window);
	local[local_depth].shown = entry;
	local[local_depth++].window = window;
}

static void model_close_local(void)
{
	if (local_depth == 0)
		return;
	if (local_depth > 1 && draw(8) == 0) {
		kunmap_local(local[local_depth - 2].window);
		expect_misuse(KMAP_OUT_OF_ORDER);
	}
	local_depth--;
	look(local[local_depth].shown, local[local_depth].window);
	kunmap_local((char *)local[local_depth].window + draw(PAGE_SIZE));
}

/* Whenever interrupts are let in, a handler may come, and does something of its own. */
static void handler(void)
{
	static bool inside;
	struct model *entry = draw_page();
	void *window;

	if (inside || going || draw(4) != 0 || entry->page == NULL)
		return;
	inside = true;
	window = kmap_local_page(entry->page);
	if (window != NULL) {
		assert_int_equal(((uint32_t *)window)[3],
				 ((uint32_t *)harness_page_data(entry->page))[3]);
		kunmap_local(window);
	}
	if (entry->users > 0 || used_windows + 1 < PKMAP_WINDOWS) {
		window = kmap(entry->page);
		if (window != NULL)
			kunmap(entry->page);
	}
	inside = false;
}

static void step(void)
{
	uint32_t kind = draw(100);

	if (kind < 34)
		model_map(draw_page());
	else if (kind < 66)
		model_unmap(draw_page());
	else if (kind < 78)
		model_take(draw_page());
	else if (kind < 86)
		model_free(draw_page());
	else if (kind < 88)
		model_split(draw_page());
	else if (kind < 94)
		model_open_local(draw_page());
	else if (kind < 99)
		model_close_local();
	else if (draw(20) == 0)
		kmap_flush_unused();
}

static void check_model(void)
{
	struct kmap_snapshot snapshot;

	check();
	assert_int_equal(misuses, 0);
	kmap_snapshot(&snapshot);
	assert_int_equal(snapshot.used, used_windows);
	assert_int_equal(snapshot.local_depth, local_depth);
}

static void run_model(bool watched, void (*interrupt)(void))
{
	harness_dirty_struct_pages(seed);
	start_watched(watched);
	memset(model, 0, sizeof(model));
	local_depth = used_windows = 0;
	random_state = seed;
	double_irq_unmasked = interrupt;
	for (uint32_t i = 0; i < operations; i++) {
		step();
		if (i % 512 == 0)
			check_model();
	}
	double_irq_unmasked = NULL;
	while (local_depth > 0)
		model_close_local();
	for (uint32_t i = 0; i < MODEL_PAGES; i++)
		while (model[i].page != NULL && model[i].users > 0)
			model_unmap(&model[i]);
	for (uint32_t i = 0; i < MODEL_PAGES; i++)
		model_free(&model[i]);
	end();
}

static void test_model(void **state)
{
	(void)state;
	run_model(false, NULL);
}

static void test_model_watched(void **state)
{
	(void)state;
	run_model(true, NULL);
}

static void test_model_interrupted(void **state)
{
	(void)state;
	run_model(false, handler);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_is_taken),
		cmocka_unit_test(test_one_window_a_page),
		cmocka_unit_test(test_lowmem_needs_none),
		cmocka_unit_test(test_all_windows_in_use),
		cmocka_unit_test(test_room_is_made),
		cmocka_unit_test(test_the_only_kept_one_is_found),
		cmocka_unit_test(test_free_forgets_a_kept_window),
		cmocka_unit_test(test_free_while_shown),
		cmocka_unit_test(test_tails),
		cmocka_unit_test(test_head_and_tail),
		cmocka_unit_test(test_compound),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_former_head),
		cmocka_unit_test(test_large_block),
		cmocka_unit_test(test_frames_that_were_shown),
		cmocka_unit_test(test_watched_pages),
		cmocka_unit_test(test_kmap_misuse),
		cmocka_unit_test(test_local_nests),
		cmocka_unit_test(test_local_switch),
		cmocka_unit_test(test_local_misuse),
		cmocka_unit_test(test_left_open),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_fixmap),
		cmocka_unit_test(test_watched_window),
		cmocka_unit_test(test_watched_local),
		cmocka_unit_test(test_helpers),
		cmocka_unit_test(test_helpers_refuse),
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_model_watched),
		cmocka_unit_test(test_model_interrupted),
	};

	if (argc > 1)
		operations = (uint32_t)strtoul(argv[1], NULL, 0);
	if (argc > 2)
		seed = (uint32_t)strtoul(argv[2], NULL, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Windows to highmem on the real tables and TLB; what goes on inside is tested on the host
 * (tests/host/test_kmap.c). Without highmem (VMSPLIT_1G) most tests have nothing to do.
 */
#include <string.h>

#include "arch/irqflags.h"
#include "arch/layout.h"
#include "arch/mmu.h"
#include "kern/exception.h"
#include "kern/selftest.h"
#include "mm/virt/fixmap.h"
#include "mm/virt/highmem.h"
#include "mm/virt/kmap.h"
#include "mm/virt/kmap_debug.h"
#include "mm/virt/kmap_misuse.h"

#include "page_watch.h"

#include "insist.h"

#define MANY (PKMAP_WINDOWS + 1)

static struct page *some[MANY];

static unsigned int kmap_misuses;
static struct kmap_misuse last;
static void (*hook_before)(const struct kmap_misuse *misuse);

static void note(const struct kmap_misuse *misuse)
{
	last = *misuse;
	kmap_misuses++;
}

static void free_some(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		__free_page(some[i]);
}

/* Begin a test with so many pages of highmem. False: there are not so many, and the test is over. */
static bool begin_with(unsigned int count)
{
	begin();
	hook_before = kmap_misuse_hook;
	kmap_misuse_hook = note;
	kmap_misuses = 0;
	for (unsigned int i = 0; i < count; i++) {
		some[i] = alloc_page(GFP_HIGHUSER);
		if (some[i] != NULL && some[i] >= kmap_highmem)
			continue;
		free_some(some[i] != NULL ? i + 1 : i);
		kmap_misuse_hook = hook_before;
		end();
		return false;
	}
	return true;
}

static void end_with(unsigned int count)
{
	struct kmap_window open;

	free_some(count);
	EXPECT(kmap_misuses == 0);
	EXPECT(kmap_check() == NULL);
	EXPECT(kmap_check_closed(&open));
	kmap_misuse_hook = hook_before;
	end();
}

/* While watched, windows are not kept. */
static uint32_t kept(uint32_t windows)
{
	return kmap_records == NULL ? windows : 0;
}

static bool windows_are(uint32_t used, uint32_t kept_ones)
{
	struct kmap_snapshot snapshot;

	kmap_snapshot(&snapshot);
	return snapshot.used == used && snapshot.kept == kept(kept_ones);
}

static uint32_t window_bits(const struct page *page)
{
	return page->flags & PAGE_WINDOW_BITS;
}

/* --- what the hardware sees ------------------------------------------------------------------ */

/* A page, read and write and never executed, with nothing before and behind it. */
static void expect_window(const void *window, const struct page *page)
{
	uintptr_t at = (uintptr_t)window;
	struct exception_info info;
	phys_addr_t phys;

	EXPECT(mmu_translate(at, true, &phys) && phys == page_to_phys(page));
	EXPECT(!exception_try_execute(at, 0, &info) && info.cause == FAULT_PERMISSION);
	EXPECT(!exception_try_read32(at + PAGE_SIZE, &(uint32_t){ 0 }, &info) &&
	       info.cause == FAULT_TRANSLATION);
	EXPECT(!exception_try_write32(at + 2 * PAGE_SIZE - 4, 0, NULL));
	EXPECT(!exception_try_read32(at - 4, &(uint32_t){ 0 }, NULL));
}

static void expect_nothing(const void *window)
{
	struct exception_info info;

	EXPECT(!exception_try_read32((uintptr_t)window, &(uint32_t){ 0 }, &info) &&
	       info.cause == FAULT_TRANSLATION);
	EXPECT(!exception_try_write32((uintptr_t)window + PAGE_SIZE - 4, 0, NULL));
}

SELFTEST(kmap, one_frame_in_two_windows)
{
	volatile uint32_t *shared, *local, *nested;

	if (!begin_with(1))
		return;
	shared = kmap(some[0]);
	local = kmap_local_page(some[0]);
	nested = kmap_local_pfn(page_to_pfn(some[0]));
	EXPECT(shared != local && local != nested);
	expect_window((const void *)shared, some[0]);
	expect_window((const void *)local, some[0]);
	for (unsigned int i = 0; i < PAGE_WORDS; i += 5) {
		shared[i] = i;
		EXPECT(local[i] == i);
		local[i] = ~i;
		EXPECT(nested[i] == ~i);
		nested[i] = i + 1;
		EXPECT(shared[i] == i + 1);
	}
	kunmap_local((const void *)nested);
	expect_nothing((const void *)nested);
	EXPECT(local[5] == 6);
	kunmap_local((const void *)local);
	expect_nothing((const void *)local);
	EXPECT(shared[5] == 6);
	kunmap(some[0]);
	end_with(1);
}

SELFTEST(kmap, a_kept_window_is_closed_for_good_by_a_flush)
{
	uint32_t *window;

	if (!begin_with(1))
		return;
	kmap_flush_unused();
	window = kmap(some[0]);
	EXPECT(kmap(some[0]) == window && windows_are(1, 0));
	window[7] = 7;
	kunmap(some[0]);
	expect_window(window, some[0]);
	kunmap(some[0]);
	EXPECT(windows_are(0, 1));
	kmap_flush_unused();
	EXPECT(windows_are(0, 0));
	expect_nothing(window);
	EXPECT(window_bits(some[0]) == 0);
	window = kmap(some[0]);
	EXPECT(window[7] == 7);
	kunmap(some[0]);
	end_with(1);
}

/* One address, one frame after the other: a TLB that was not told would show the former. */
SELFTEST(kmap, a_window_shows_what_it_is_opened_for)
{
	if (!begin_with(MANY))
		return;
	for (unsigned int round = 0; round < 3; round++)
		for (unsigned int i = 0; i < MANY; i++) {
			volatile uint32_t *window = kmap(some[i]);

			if (round > 0)
				EXPECT(window[3] == i * 77 + round - 1);
			window[3] = i * 77 + round;
			kunmap(some[i]);
		}
	end_with(MANY);
}

SELFTEST(kmap, a_page_that_is_freed_has_no_window)
{
	void *window;

	if (!begin_with(2))
		return;
	kmap_flush_unused();
	window = kmap(some[1]);
	kunmap(some[1]);
	EXPECT(window_bits(some[1]) != 0 || kmap_records != NULL);
	__free_page(some[1]);
	EXPECT(window_bits(some[1]) == 0 && windows_are(0, 0));
	expect_nothing(window);
	end_with(1);
}

/* --- running out ----------------------------------------------------------------------------- */

SELFTEST(kmap, all_windows_in_use)
{
	unsigned int wrong = 0;

	if (!begin_with(MANY))
		return;
	for (unsigned int i = 0; i < PKMAP_WINDOWS; i++) {
		uint32_t *window = kmap(some[i]);

		EXPECT(window != NULL);
		if (window != NULL)
			window[i] = i;
	}
	EXPECT(windows_are(PKMAP_WINDOWS, 0));
	EXPECT(kmap(some[PKMAP_WINDOWS]) == NULL);
	for (unsigned int i = 0; i < PKMAP_WINDOWS; i++) {
		expect_window(kmap(some[i]), some[i]);
		kunmap(some[i]);
	}
	kunmap(some[9]);
	EXPECT(kmap(some[PKMAP_WINDOWS]) != NULL);
	EXPECT(kmap(some[9]) == NULL);
	kunmap(some[PKMAP_WINDOWS]);
	EXPECT(kmap(some[9]) != NULL);
	for (unsigned int i = 0; i < PKMAP_WINDOWS; i++) {
		wrong += ((uint32_t *)kmap(some[i]))[i] != i;
		kunmap(some[i]);
		kunmap(some[i]);
	}
	EXPECT(wrong == 0);
	EXPECT(windows_are(0, PKMAP_WINDOWS));
	kmap_flush_unused();
	EXPECT(windows_are(0, 0));
	end_with(MANY);
}

SELFTEST(kmap, all_slots_of_this_core_in_use)
{
	void *windows[KMAP_LOCAL_DEPTH];

	if (!begin_with(KMAP_LOCAL_DEPTH))
		return;
	for (unsigned int i = 0; i < KMAP_LOCAL_DEPTH; i++) {
		uint32_t irq = local_irq_save(); /* as in a handler */

		windows[i] = kmap_local_page(some[i]);
		local_irq_restore(irq);
		EXPECT(windows[i] != NULL);
		expect_window(windows[i], some[i]);
	}
	EXPECT(kmap_local_page(some[0]) == NULL);
	clear_highpage(some[0]);
	EXPECT(kmap_misuses == 1 && last.kind == KMAP_NO_SLOT);
	kmap_misuses = 0;
	EXPECT(kmap(some[0]) != NULL); /* these are others */
	kunmap(some[0]);
	for (unsigned int i = KMAP_LOCAL_DEPTH; i-- > 0;) {
		kunmap_local(windows[i]);
		expect_nothing(windows[i]);
	}
	end_with(KMAP_LOCAL_DEPTH);
}

/* --- every frame ----------------------------------------------------------------------------- */

static void write_through(struct page **pages, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint32_t *words = kmap(pages[i]), pfn = page_to_pfn(pages[i]);

		words[0] = words[PAGE_WORDS - 1] = pattern_word(pfn, 0);
	}
	for (uint32_t i = 0; i < count; i++)
		kunmap(pages[i]);
}

static uint32_t wrong_through(struct page **pages, uint32_t count)
{
	uint32_t wrong = 0;

	for (uint32_t i = 0; i < count; i++) {
		const uint32_t *words = kmap(pages[i]);
		uint32_t value = pattern_word(page_to_pfn(pages[i]), 0);

		wrong += words[0] != value || words[PAGE_WORDS - 1] != value;
	}
	for (uint32_t i = 0; i < count; i++)
		kunmap(pages[i]);
	return wrong;
}

/* All of it that is free, as many windows at a time as there are, then in other groups. */
static void each_frame(struct page **pages, uint32_t most)
{
	uint32_t count = 0, wrong = 0;

	while (count < most) {
		pages[count] = alloc_page(GFP_HIGHUSER | __GFP_NOWARN);
		if (pages[count] == NULL)
			break;
		if (pages[count++] < kmap_highmem)
			break;
	}
	EXPECT(count > 0 && count <= most);
	for (uint32_t i = 0; i < count; i += PKMAP_WINDOWS)
		write_through(pages + i, min_u32(count - i, PKMAP_WINDOWS));
	for (uint32_t i = 0; i < count; i += PKMAP_WINDOWS - 5)
		wrong += wrong_through(pages + i, min_u32(count - i, PKMAP_WINDOWS - 5));
	EXPECT(wrong == 0);
	for (uint32_t i = 0; i < count; i++)
		__free_page(pages[i]);
}

SELFTEST(kmap, every_frame_of_highmem)
{
	struct zone_snapshot zone;
	struct page **pages;
	uint32_t most = 1; /* the first one that is lowmem */

	if (!begin_with(1))
		return;
	for (enum zone_type type = 0; type < MAX_NR_ZONES; type++) {
		zone_snapshot(type, &zone);
		most += zone.highmem ? zone.managed_pages : 0;
	}
	pages = (struct page **)__get_free_pages(GFP_KERNEL, get_order(most * sizeof(*pages)));
	EXPECT(pages != NULL);
	if (pages != NULL) {
		each_frame(pages, most);
		free_pages((uintptr_t)pages, get_order(most * sizeof(*pages)));
	}
	end_with(1);
}

/* --- blocks ---------------------------------------------------------------------------------- */

SELFTEST(kmap, pages_of_a_block)
{
	struct page *block;

	if (!begin_with(1))
		return;
	block = alloc_pages(GFP_HIGHUSER, 4);
	EXPECT(block != NULL);
	if (block >= kmap_highmem) {
		for (uint32_t i = 0; i < 16; i++)
			*(uint32_t *)kmap(block + i) = i;
		__free_pages(block, 4);
		EXPECT(kmap_misuses == 1 && last.kind == KMAP_FREED);
		kmap_misuses = 0;
		for (uint32_t i = 0; i < 16; i++) {
			EXPECT(*(uint32_t *)kmap(block + i) == i);
			kunmap(block + i);
			kunmap(block + i);
		}
	}
	__free_pages(block, 4);
	EXPECT(kmap_check() == NULL);
	end_with(1);
}

SELFTEST(kmap, a_block_that_is_split_while_shown)
{
	struct page *block;
	void *window;

	if (!begin_with(1))
		return;
	block = alloc_pages(GFP_HIGHUSER, 2);
	EXPECT(block != NULL);
	if (block >= kmap_highmem) {
		window = kmap(block + 1);
		split_page(block, 2);
		EXPECT(kmap(block + 1) == window);
		EXPECT(kmap_check() == NULL);
		kunmap(block + 1);
		kunmap(block + 1);
		for (uint32_t i = 0; i < 4; i++)
			__free_page(block + i);
		EXPECT(window_bits(block + 1) == 0);
	} else {
		__free_pages(block, 2);
	}
	end_with(1);
}

/* --- wrong use ------------------------------------------------------------------------------- */

/* Told once, and nothing changed. */
static void expect_told(enum kmap_misuse_kind kind, uint32_t used, uint32_t depth)
{
	struct kmap_snapshot snapshot;

	kmap_snapshot(&snapshot);
	EXPECT(kmap_misuses == 1 && last.kind == kind && last.caller != 0);
	EXPECT(snapshot.used == used && snapshot.local_depth == depth);
	EXPECT(kmap_check() == NULL);
	if (hook_before != NULL && kmap_misuses == 1)
		hook_before(&last); /* what it looks like */
	kmap_misuses = 0;
}

SELFTEST(kmap, wrong_use_is_told)
{
	char *first, *second;

	if (!begin_with(2))
		return;
	kunmap(some[0]);
	expect_told(KMAP_NOT_SHOWN, 0, 0);
	kmap(some[0]);
	__free_page(some[0]);
	expect_told(KMAP_FREED, 1, 0);
	EXPECT(page_count(some[0]) == 1);
	kunmap_local(kmap(some[0]));
	expect_told(KMAP_NO_WINDOW, 1, 0);
	kunmap(some[0]);
	kunmap(some[0]);
	first = kmap_local_page(some[0]);
	second = kmap_local_page(some[1]);
	kunmap_local(first);
	expect_told(KMAP_OUT_OF_ORDER, 0, 2);
	kunmap_local(second + PAGE_SIZE);
	expect_told(KMAP_NO_WINDOW, 0, 2);
	kunmap_local(second);
	kunmap_local(second);
	expect_told(KMAP_NOT_OPEN, 0, 1);
	kunmap_local(first);
	EXPECT(kmap(pfn_to_page(0xfffff)) == NULL);
	expect_told(KMAP_NO_PAGE, 0, 0);
	__free_page(some[1]);
	EXPECT(kmap(some[1]) == NULL);
	expect_told(KMAP_NO_PAGE, 0, 0);
	memcpy_to_page(some[0], PAGE_SIZE - 1, "ab", 2);
	expect_told(KMAP_PAST_END, 0, 0);
	end_with(1);
}

/* --- at random ------------------------------------------------------------------------------- */

#define RANDOM_PAGES (PKMAP_WINDOWS + 1)
#define RANDOM_STEPS 40000U

static uint32_t users[RANDOM_PAGES], random_state;

static uint32_t draw(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state % below;
}

/* What a page holds is its number and how often it was shown, wherever it was shown. */
static void show_once_more(uint32_t number, uint32_t *shown)
{
	uint32_t *window = kmap(some[number]);

	if (window == NULL) {
		EXPECT(users[number] == 0);
		return;
	}
	users[number]++;
	EXPECT(window[number] == number + *shown);
	(*shown)++;
	memset_page(some[number], number * 4, 0, 4);
	EXPECT(window[number] == 0);
	window[number] = number + *shown;
}

SELFTEST(kmap, at_random)
{
	static uint32_t shown[RANDOM_PAGES];
	struct kmap_snapshot snapshot;
	uint32_t used = 0;

	if (!begin_with(RANDOM_PAGES))
		return;
	memset(users, 0, sizeof(users));
	memset(shown, 0, sizeof(shown));
	random_state = 20240607;
	for (uint32_t i = 0; i < RANDOM_PAGES; i++)
		memcpy_to_page(some[i], i * 4, (const char *)&i, 4);
	for (uint32_t i = 0; i < RANDOM_STEPS; i++) {
		uint32_t number = draw(RANDOM_PAGES);

		if (draw(100) < 55)
			show_once_more(number, &shown[number]);
		else if (users[number] > 0 && users[number]-- > 0)
			kunmap(some[number]);
		if (i % 4096 == 0)
			EXPECT(kmap_check() == NULL);
	}
	for (uint32_t i = 0; i < RANDOM_PAGES; i++) {
		used += users[i] > 0;
		while (users[i] > 0 && users[i]-- > 0)
			kunmap(some[i]);
	}
	/* Of the last ones that were emptied, some are empty still. */
	kmap_snapshot(&snapshot);
	EXPECT(used <= PKMAP_WINDOWS && snapshot.used == 0 && snapshot.kept <= kept(PKMAP_WINDOWS));
	end_with(RANDOM_PAGES);
}

/* --- lowmem, fixmap -------------------------------------------------------------------------- */

SELFTEST(kmap, lowmem_has_no_window)
{
	struct page *page;

	begin();
	page = alloc_page(GFP_KERNEL);
	EXPECT(page != NULL && kmap(page) == page_address(page));
	kunmap(page);
	copy_highpage(page, page);
	clear_highpage(page);
	EXPECT(page_is_all(page, 0));
	memcpy_to_page(page, 1, "abc", 3);
	EXPECT(memcmp((char *)page_address(page) + 1, "abc", 3) == 0);
	__free_page(page);
	end();
}

SELFTEST(kmap, windows_of_the_boot_are_closed)
{
	phys_addr_t phys;

	for (enum fixmap_slot slot = 0; slot < FIXMAP_SLOTS; slot++)
		EXPECT(fixmap_stays_open(slot) || !fixmap_shows(slot, &phys));
	EXPECT(fixmap_shows(FIX_CONSOLE, &phys));
}

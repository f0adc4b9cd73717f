/* SPDX-License-Identifier: MIT */
/*
 * Windows to highmem.
 *
 * On hardware as in QEMU: all mappings of RAM are Normal, write-back, shareable, and the data
 * caches of the Cortex-A7 are physically tagged, so a window needs no cache maintenance; what a
 * window that is opened again could show wrongly is what the TLB remembers.
 */
#include "arch/mmu.h"
#include "kern/exception.h"
#include "kern/selftest.h"
#include "mm/virt/fixmap.h"
#include "mm/virt/kmap.h"

#include "page_watch.h"

#include "insist.h"

static struct page *window_pages[KMAP_LOCAL_DEPTH + 1];

/* One more page than windows. False: this machine has no highmem to show. */
static bool take_window_pages(void)
{
	bool highmem = true;

	for (unsigned int i = 0; i <= KMAP_LOCAL_DEPTH; i++) {
		window_pages[i] = alloc_page(GFP_HIGHUSER);
		EXPECT(window_pages[i] != NULL);
		highmem = highmem && page_address(window_pages[i]) == NULL;
	}
	EXPECT(highmem == (expected_zone(ZONE_HIGHMEM, GFP_HIGHUSER) == ZONE_HIGHMEM));
	return highmem;
}

static void free_window_pages(void)
{
	for (unsigned int i = 0; i <= KMAP_LOCAL_DEPTH; i++)
		__free_page(window_pages[i]);
}

/* As every other mapping of RAM: Normal, never executable. */
static void expect_window(const void *window, const struct page *page)
{
	struct mapping mapping;
	phys_addr_t phys;

	EXPECT(mmu_translate((uintptr_t)window, true, &phys) && phys == page_to_phys(page));
	EXPECT(mmu_query((uintptr_t)window, &mapping) && mapping.kind == MEMORY_NORMAL &&
	       mapping.rights == RIGHTS_WRITE && mapping.bytes == PAGE_SIZE);
	EXPECT(!exception_try_read32((uintptr_t)window - 4, &(uint32_t){ 0 }, NULL));
	EXPECT(!exception_try_read32((uintptr_t)window + PAGE_SIZE, &(uint32_t){ 0 }, NULL));
}

static void expect_closed(const void *window)
{
	phys_addr_t phys;

	EXPECT(!exception_try_read32((uintptr_t)window, &(uint32_t){ 0 }, NULL));
	EXPECT(!mmu_translate((uintptr_t)window, false, &phys));
}

SELFTEST(pages, windows_nest_to_their_depth)
{
	volatile uint32_t *windows[KMAP_LOCAL_DEPTH];

	begin();
	if (take_window_pages()) {
		for (unsigned int i = 0; i < KMAP_LOCAL_DEPTH; i++) {
			windows[i] = kmap_local_page(window_pages[i]);
			expect_window((const void *)windows[i], window_pages[i]);
			windows[i][i] = 100 + i;
		}
		EXPECT(kmap_local_page(window_pages[KMAP_LOCAL_DEPTH]) == NULL);
		EXPECT(kmap_local_page(virt_to_page(window_pages)) != NULL);
		/* The allocator has its own: to zero a page, and to poison it when it is free. */
		__free_page(alloc_page(GFP_HIGHUSER | __GFP_ZERO));
		for (unsigned int i = KMAP_LOCAL_DEPTH; i-- > 0;) {
			EXPECT(windows[i][i] == 100 + i);
			/* Any address in the page will do. */
			kunmap_local((const char *)windows[i] + PAGE_SIZE - 1);
			expect_closed((const void *)windows[i]);
			if (i > 0)
				EXPECT(windows[i - 1][i - 1] == 100 + i - 1);
		}
		__free_page(alloc_page(GFP_HIGHUSER)); /* page_poison=1 looks at it */
	}
	free_window_pages();
	end();
}

/* Closing one window must not close another one's sight of the frame. */
SELFTEST(pages, one_frame_in_two_windows)
{
	begin();
	if (take_window_pages()) {
		volatile uint32_t *outer = kmap_local_page(window_pages[0]);
		volatile uint32_t *inner = kmap_local_page(window_pages[0]);

		EXPECT(outer != inner);
		for (unsigned int i = 0; i < PAGE_WORDS; i += 7) {
			outer[i] = i;
			EXPECT(inner[i] == i);
			inner[i] = ~i;
			EXPECT(outer[i] == ~i);
		}
		kunmap_local((const void *)inner);
		expect_closed((const void *)inner);
		EXPECT(outer[7] == ~7U);
		kunmap_local((const void *)outer);
		expect_closed((const void *)outer);
	}
	free_window_pages();
	end();
}

/* The same address shows one frame after the other: a TLB that was not told shows the old. */
SELFTEST(pages, a_window_forgets_what_it_showed)
{
	begin();
	if (take_window_pages()) {
		for (unsigned int round = 0; round < 64; round++) {
			unsigned int number = round % (KMAP_LOCAL_DEPTH + 1);
			volatile uint32_t *window = kmap_local_page(window_pages[number]);

			if (round > KMAP_LOCAL_DEPTH)
				EXPECT(window[3] == number);
			window[3] = number;
			kunmap_local((const void *)window);
			expect_closed((const void *)window);
		}
	}
	free_window_pages();
	end();
}

SELFTEST(pages, lowmem_needs_no_window)
{
	struct page *page;
	void *address;

	begin();
	page = alloc_page(GFP_KERNEL);
	EXPECT(page != NULL);
	address = kmap_local_page(page);
	EXPECT(address == page_address(page) && address != NULL);
	kunmap_local(address);
	*(volatile uint32_t *)address = 1; /* still there */
	__free_page(page);
	end();
}

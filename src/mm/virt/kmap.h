/* SPDX-License-Identifier: MIT */
/*
 * Windows to highmem: a page that has no linear address is shown at one for a while.
 *
 *	uint32_t *words = kmap_local_page(page);       uint32_t *words = kmap(page);
 *	words[0] = 1;                                   words[0] = 1;
 *	kunmap_local(words);                            kunmap(page);
 *
 * kmap_local_page's windows are this core's, in the fixmap, and are a stack: the last one opened is
 * the first one closed, and no more than KMAP_LOCAL_DEPTH are open at a time (an interrupt handler's
 * on top of those that it found). To be used in interrupt handlers as well.
 *
 * kmap's windows are everybody's, in pkmap: PKMAP_WINDOWS of them, with a guard page behind each.
 *
 *	PKMAP_BASE + 8K * w    window w        a page, read and write, never executed
 *	           + 4K        guard page      nothing, ever
 *
 * A page has one window however often it is kmapped; it counts. At 0 the window is kept as it is, so
 * that the same page is shown again without touching the tables. When no window is empty, some of the
 * kept ones are emptied at once and the TLBs told once: not so many that it would be a long wait.
 *
 * A page in lowmem needs no window: both give its linear address, without a call.
 *
 * Which page has which window is said on both sides: the window knows its page, and the page's flags
 * hold the window's number + 1. The page's word alone is not believed, for a tail's struct page may
 * hold anything; so kmap of a block's tail works too, and writes its number there. When a block of
 * more than one page is shown in part, its head holds PAGE_WINDOW_BLOCK, or its own window: whoever
 * frees or splits the block sees by it that windows are to be looked for.
 *
 * Wrong use is told to kmap_misuse_hook (mm/virt/kmap_misuse.h), and nothing is done.
 */
#ifndef STRATA_MM_VIRT_KMAP_H
#define STRATA_MM_VIRT_KMAP_H

#include "lib/bits.h"
#include "mm/phys/page.h"
#include "mm/phys/page_owner.h"

#define PKMAP_WINDOWS      CONFIG_PKMAP_WINDOWS
#define PKMAP_WINDOW_BYTES (2 * PAGE_SIZE)

/* Struct pages from here on have no linear address. Fixed once the zones stand. */
extern struct page *kmap_highmem;

/*
 * Take a page from memblock for kmap's tables, and memory for highmem_debug=1, for good. Before the
 * zones stand. False: lowmem is too small.
 */
bool kmap_take_memory(void);

/* Once the zones stand, for the core that calls it: all of this works, and the page allocator can zero
 * highmem. */
void kmap_init(void);

/* --- windows of this core ---------------------------------------------------------------------- */

void *kmap_local_window(uint32_t pfn);
void kunmap_local_window(const void *address);

/* The page's linear address if it has one; else a window. NULL: all of this core's are open. */
static inline void *kmap_local_page(struct page *page)
{
	if (likely(page < kmap_highmem))
		return phys_to_virt(page_to_phys(page));
	return kmap_local_window(page_to_pfn(page));
}

/* Always a window, even where the frame has a struct page and a linear address. NULL as above. */
static inline void *kmap_local_pfn(uint32_t pfn)
{
	return kmap_local_window(pfn);
}

/* Any address in the page that one of these showed; nothing to do for a linear address. */
static inline void kunmap_local(const void *address)
{
	if (unlikely((uintptr_t)address - CONFIG_PAGE_OFFSET >= FIXMAP_BASE - CONFIG_PAGE_OFFSET))
		kunmap_local_window(address);
}

/* --- windows of everybody ------------------------------------------------------------------------ */

void *kmap_high(struct page *page);
void kunmap_high(struct page *page);

/*
 * The page's linear address if it has one; else its window, counted. The page is allocated or
 * reserved. NULL: it is neither, or every window is in use and the caller may not wait.
 */
static inline void *kmap(struct page *page)
{
	if (likely(page < kmap_highmem))
		return phys_to_virt(page_to_phys(page));
	return kmap_high(page);
}

/* Once for each kmap of the page. */
static inline void kunmap(struct page *page)
{
	if (unlikely(page >= kmap_highmem))
		kunmap_high(page);
}

/*
 * Asked when every window is in use: lets others run until one may be free again. False: the caller
 * may not wait. NULL: nobody may.
 */
extern bool (*kmap_wait_hook)(void);

/* Empty all windows that nobody uses: no more sight of a page than is counted. Linux's name. */
void kmap_flush_unused(void);

/* --- for people ---------------------------------------------------------------------------------- */

enum kmap_state {
	KMAP_EMPTY, /* shows nothing */
	KMAP_KEPT,  /* shows a page, nobody uses it */
	KMAP_USED,
};

struct kmap_window {
	uintptr_t address;
	enum kmap_state state;
	bool local;
	bool guard;     /* of kmap_window_find: the address lies in the guard page behind it */
	uint32_t pfn;   /* what it shows; of an empty one, what it showed last, if that is known */
	bool pfn_known; /* not of one that was empty all the time, or while nobody was watching */
	uint32_t users; /* of KMAP_USED */
	/* With highmem_debug=1; no frames: not known. */
	struct owner_stack opened, closed;
};

struct kmap_snapshot {
	uint32_t used, kept, empty; /* of PKMAP_WINDOWS */
	uint32_t local_depth; /* this core's open windows, the page allocator's own included */
	uint32_t portions;    /* how often since boot room was made */
};

void kmap_snapshot(struct kmap_snapshot *snapshot);

/* A window of pkmap by its number; the open windows of this core from the first opened on. */
void kmap_window_snapshot(uint32_t number, struct kmap_window *window);
bool kmap_local_snapshot(uint32_t number, struct kmap_window *window);

/* The window that an address lies in, or behind whose end. False: there are no windows there. */
bool kmap_window_find(uintptr_t address, struct kmap_window *window);

/* An open window where none may be: between self-tests, say. True: there is none. */
bool kmap_check_closed(struct kmap_window *open);

/* Every rule about windows and pages. NULL: all hold; else a sentence about the first that does not. */
const char *kmap_check(void);

#endif

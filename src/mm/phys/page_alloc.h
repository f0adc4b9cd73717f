/* SPDX-License-Identifier: MIT */
/*
 * The page allocator: blocks of 2^order pages, order 0 to PAGE_ORDER_MAX, aligned to their size.
 *
 * All of these may be called with interrupts masked and from interrupt handlers. None waits. A
 * request that cannot be served returns NULL (or 0), changes nothing, and is told to
 * page_refusal_hook unless it says __GFP_NOWARN. A wrong free is told to page_misuse_hook and not
 * done: an allocated block stays whose it was, a page that was free already is quarantined, for its
 * last owner seems to use it still.
 *
 * Costs and bounds, in instructions: docs/performance.md.
 */
#ifndef STRATA_MM_PHYS_PAGE_ALLOC_H
#define STRATA_MM_PHYS_PAGE_ALLOC_H

#include "mm/phys/gfp.h"
#include "mm/phys/page_wait.h"

/* alloc_pages of any flags; the plain one is for valid flags without __GFP_ZERO and __GFP_COMP. */
struct page *__alloc_pages(gfp_t gfp, unsigned int order);
struct page *__alloc_pages_plain(gfp_t gfp, unsigned int order);

void gfp_flags_contradict_each_other(void) __attribute__((
	error("DMA with HIGHMEM, or MOVABLE with RECLAIMABLE: these flags contradict each other")));

/*
 * A block of 2^order pages, with one reference, contents as found unless __GFP_ZERO. Its zone and
 * migrate type are what gfp_classes says. NULL: nothing free that the request may use, the order is
 * more than PAGE_ORDER_MAX, or the flags contradict each other.
 */
static inline __attribute__((always_inline)) struct page *alloc_pages(gfp_t gfp, unsigned int order)
{
	if (!__builtin_constant_p(gfp))
		return __alloc_pages(gfp, order);
	if (gfp_is_contradictory(gfp))
		gfp_flags_contradict_each_other();
	if ((gfp & (__GFP_ZERO | __GFP_COMP)) != 0)
		return __alloc_pages(gfp, order);
	return __alloc_pages_plain(gfp, order);
}

static inline __attribute__((always_inline)) struct page *alloc_page(gfp_t gfp)
{
	return alloc_pages(gfp, 0);
}

/*
 * Drop a reference to a block as alloc_pages returned it, with the same order; with the last one
 * the block is free. page is not NULL (that read is a fault, as in Linux).
 */
void __free_pages(struct page *page, unsigned int order);

static inline void __free_page(struct page *page)
{
	__free_pages(page, 0);
}

/*
 * The same by linear address: never highmem, whatever the flags say. 0: refused. Linux's
 * get_free_pages, whose results are numbers.
 */
uintptr_t __get_free_pages(gfp_t gfp, unsigned int order);
uintptr_t get_zeroed_page(gfp_t gfp);
void free_pages(uintptr_t address, unsigned int order);

static inline uintptr_t __get_free_page(gfp_t gfp)
{
	return __get_free_pages(gfp, 0);
}

static inline void free_page(uintptr_t address)
{
	free_pages(address, 0);
}

/* --- references ------------------------------------------------------------------------------ */

/* How many hold the page; of a compound block's tail, how many hold the block. 0: it is free. */
unsigned int page_count(struct page *page);

/*
 * Hold a page, and let go of it; the last one to let go frees the block, whatever its order. Atomic.
 * A tail of a compound block stands for the block; a tail of another is its head's owner's alone and
 * is told as MISUSE_TAIL. At most 65535 may hold a page.
 */
void get_page(struct page *page);
void put_page(struct page *page);

/* The head of a compound block's tail; any other page is its own. */
struct page *compound_head(struct page *page);

/* --- pieces ---------------------------------------------------------------------------------- */

/*
 * Make a block of 2^order pages, held once and not compound, into single pages, each held once and
 * to be freed by itself. Writes 2^order struct pages. A block that is none, or has another order, is
 * told to page_misuse_hook and stays as it is.
 */
void split_page(struct page *page, unsigned int order);

/* The smallest order of a block that holds `bytes`; of 0 and of too much, more than any. */
unsigned int get_order(size_t bytes);

/*
 * Single pages in a row, as many as hold `bytes`, by linear address: the rest of the block goes
 * back at once. NULL: refused. To be freed by free_pages_exact with the same size, or page by page.
 */
void *alloc_pages_exact(size_t bytes, gfp_t gfp);
void free_pages_exact(void *address, size_t bytes);

/*
 * The very frames [start_pfn, end_pfn), in one zone, as single pages held once. For now only what
 * is free is taken, nothing moves. 0, -EINVAL (an empty range, or it leaves its zone) or -EBUSY (a
 * page of it is not free); then nothing was taken, and *busy_pfn, if given, says which.
 */
int alloc_contig_range(uint32_t start_pfn, uint32_t end_pfn, uint32_t *busy_pfn);
void free_contig_range(uint32_t start_pfn, uint32_t pages);

/*
 * Take a pageblock's free pages out of reach, and what is freed in it from now on; put it back as
 * the type it was. The block that holds the frame. False: it is (or is not) isolated already.
 */
bool isolate_pageblock(uint32_t pfn);
bool unisolate_pageblock(uint32_t pfn, enum migrate_type migrate);

/* --- when memory is out ---------------------------------------------------------------------- */

/* How far down a request may take a zone, without what the zone keeps back from its class. */
struct zone;
uint32_t page_min_for(const struct zone *zone, gfp_t gfp);

/* What became of a request that was refused. */
struct page_refusal {
	gfp_t gfp;
	unsigned int order;
	bool contradictory;    /* the flags are, or the order is too large: nothing could help */
	bool on_purpose;       /* by fail_page_alloc= */
	uint32_t count;        /* refusals so far, silent ones too, this one included */
	struct page_wait wait; /* how long it waited before that */
};

/* Told of each refusal without __GFP_NOWARN, in the context of the request. May not allocate. */
extern void (*page_refusal_hook)(const struct page_refusal *refusal);

/*
 * What may make memory free before a request is refused, in this order: draining magazines is
 * built in; giving back empty slabs (for any request), reclaim and compaction (for those that may
 * wait) hang themselves in. True: something was freed; the magazines are drained once more and the
 * request is tried again.
 */
extern bool (*page_shrink_hook)(gfp_t gfp, unsigned int order);
/* How many have something that the hook could give back; at 0 it is not asked. */
extern uint32_t page_shrinkables;
extern bool (*page_reclaim_hook)(gfp_t gfp, unsigned int order);
extern bool (*page_compact_hook)(gfp_t gfp, unsigned int order);

/*
 * Show a page that has no linear address for a while, and stop showing it; set by whoever has
 * windows. Without them __GFP_ZERO refuses highmem.
 */
extern void *(*page_window_open_hook)(struct page *page);
extern void (*page_window_close_hook)(const void *address);

/* The page's bytes, by its linear address or through a window; NULL: there is no window. */
void *page_window_open(struct page *page);
void page_window_close(const void *address);

/*
 * The last reference to a block goes whose head's window bits are set: its windows are to be closed,
 * and the bits cleared. False: one is in use, that was told, and the block stays allocated.
 */
extern bool (*page_forget_window_hook)(struct page *page, void *caller);

/* A block whose head's window bits were set is single pages now: each is to have its own. */
extern void (*page_split_window_hook)(struct page *page, unsigned int order);

/*
 * While on, hot paths are closed: every request and every free takes the slow path. For page_debug.c
 * and page_wait.c. The magazines are empty then. Nests.
 */
void page_alloc_divert(bool on);

/* Once, when the zones are set up. */
void page_alloc_init(void);

/* --- wrong use ------------------------------------------------------------------------------- */

enum page_misuse_kind {
	MISUSE_NOT_ALLOCATED,      /* freed twice, reserved, no RAM, or never allocated */
	MISUSE_WRONG_ORDER,        /* the block has another order than the caller says */
	MISUSE_TAIL,               /* inside a block */
	MISUSE_NOT_HELD,           /* the count is 0 already, or would wrap */
	MISUSE_HEAD_WRITTEN,       /* a free block's head was written to: it is quarantined */
	MISUSE_WRITTEN_AFTER_FREE, /* so was a page of a free block: it is quarantined */
	MISUSE_SLAB,               /* a cache's: its objects are freed, not its pages */
};

struct page_misuse {
	enum page_misuse_kind kind;
	uint32_t pfn;
	uint32_t head_pfn; /* of the block that holds pfn */
	uint32_t flags;    /* the head's */
	uint32_t count;
	unsigned int order; /* as the caller gave it */
	uintptr_t caller;
	bool quarantined; /* the block (or, of a free one, what was freed again) is out of use now */
	/* Of WRITTEN_AFTER_FREE: the first byte of the page that is not PAGE_POISON. */
	uint32_t offset;
	uint8_t found;
};

extern void (*page_misuse_hook)(const struct page_misuse *misuse);

/*
 * For the files of this room: what is wrong with taking this for an allocated block of this order
 * (negative: nothing), and telling it.
 */
int page_find_misuse(struct page *page, unsigned int order);
void page_report_misuse(enum page_misuse_kind kind, struct page *page, unsigned int order,
			void *caller);

/*
 * Take 2^order frames that are free out of use for good; only the first where not all are in one
 * block. False: it is not free.
 */
bool page_quarantine(struct page *page, unsigned int order);

/* Give a quarantined block back, by its head, for who knows better. False: it is not quarantined. */
bool page_unquarantine(struct page *page);

#endif

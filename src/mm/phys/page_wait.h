/* SPDX-License-Identifier: MIT */
/*
 * Waiting for memory: a request that may wait, of an order up to PAGE_COSTLY_ORDER and without
 * __GFP_NORETRY, waits for at most alloc_timeout= before it is refused, as long as another thread goes
 * on that may free something, or waits for memory as well and may have to give up first.
 *
 * While anybody waits, the magazines are closed: what is freed goes to the buddy at once, and those
 * who wait look again. When the last thread that went on starts to wait as well, the youngest of
 * those who wait for memory goes without (kern/thread.h).
 */
#ifndef STRATA_MM_PHYS_PAGE_WAIT_H
#define STRATA_MM_PHYS_PAGE_WAIT_H

#include "kern/wait.h"
#include "mm/phys/gfp.h"

#define PAGE_COSTLY_ORDER 3U /* Linux's name and value: larger ones are not worth waiting for */

struct page;

/* Who waits; when it is not empty, who frees calls page_wait_tell. */
extern struct wait_queue page_waiters;

static inline bool somebody_waits_for_pages(void)
{
	return !wait_queue_is_empty(&page_waiters);
}

void page_wait_tell(void);

bool page_wait_would_help(gfp_t gfp, unsigned int order);

/*
 * Whether this request, that nothing was found for, may wait here: nothing of it is against it, the
 * caller can, it could be served if all was free, and another thread goes on or waits for memory.
 */
static inline bool page_wait_is_worth_it(gfp_t gfp, unsigned int order)
{
	return (gfp & (__GFP_DIRECT_RECLAIM | __GFP_NORETRY)) == __GFP_DIRECT_RECLAIM &&
	       order <= PAGE_COSTLY_ORDER && page_wait_would_help(gfp, order);
}

/* How it ended. */
struct page_wait {
	uint32_t waited_ms;
	bool gave_up; /* every thread waited, and this was the youngest that waited for memory */
};

/* Try and wait until it is served, the time is up, or nobody goes on. NULL: the last two. */
struct page *page_wait_for(gfp_t gfp, unsigned int order,
			   struct page *(*try)(gfp_t gfp, unsigned int order),
			   struct page_wait *wait);

/* Milliseconds; 0: nobody waits. */
uint32_t page_wait_timeout_ms(void);

#endif

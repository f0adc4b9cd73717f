/* SPDX-License-Identifier: MIT */
/*
 * Watching every page that is taken and given back: poison, owners, zeroing, failing on purpose,
 * recording. All off by default, and then they cost nothing: while any of them is on, magazines are
 * closed and the routes lead nowhere, so that each request and each free takes the slow path, which
 * alone looks here.
 */
#ifndef STRATA_MM_PHYS_PAGE_DEBUG_H
#define STRATA_MM_PHYS_PAGE_DEBUG_H

#include "kern/fail_point.h"
#include "mm/phys/gfp.h"

enum page_debug_option {
	PAGE_DEBUG_POISON = 1, /* free pages hold PAGE_POISON, looked at when they are taken */
	PAGE_DEBUG_OWNER = 2,  /* who took each block, and who gave it back last */
	PAGE_DEBUG_INIT_ON_ALLOC = 4, /* every block is zeroed when taken, */
	PAGE_DEBUG_INIT_ON_FREE = 8,  /* or when given back */
	PAGE_DEBUG_FAIL = 16,         /* some requests are refused on purpose */
	PAGE_DEBUG_TRACE = 32,        /* requests and frees are recorded */
};

#define PAGE_POISON 0xaa /* Linux's byte */

/* What is on: options or-ed. Read by the slow path; changed by page_debug_set. */
extern uint32_t page_debug;

/* What boot parameters asked for; page_debug_start turns it on. */
extern uint32_t page_debug_wanted;

/* What PAGE_DEBUG_FAIL refuses. */
extern struct fail_point page_fail;

/*
 * Once the allocator serves, turn on what the boot parameters asked for, but for failing. False: no
 * memory for it.
 */
bool page_debug_start(void);

/* That, at the end of the boot: it is there to test who uses memory, not to leave the boot without it. */
void page_debug_start_failing(void);

/*
 * Turn options on or off. Turning poison on fills all that is free, which takes its time. Turning
 * owners off forgets them and gives their memory back; a trace stays until page_trace_forget. False,
 * with nothing changed, when there is no memory for owners or the trace.
 */
bool page_debug_set(uint32_t options, bool on);

/* --- for the allocator ----------------------------------------------------------------------- */

/* Whether a request shall be refused on purpose. */
bool page_debug_fails(unsigned int order);

/*
 * A block was taken: look at its poison, zero it, note who. False: it was written to while free; it
 * was reported and is quarantined now, and the caller must take another.
 */
bool page_debug_taken(struct page *page, unsigned int order, gfp_t gfp);

/* A block is about to be free: note who, zero or poison it. */
void page_debug_given(struct page *page, unsigned int order);

/* A request was refused. */
void page_debug_refused(gfp_t gfp, unsigned int order);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * fail_page_alloc=: requests that are refused on purpose, to see what becomes of those who ask.
 *
 *	nth:7              the seventh from now on, and no other
 *	every:100          each hundredth
 *	probability:5      five in a hundred, by a generator with a fixed seed
 *	caller:FUNCTION    only requests of that function and of what it calls
 *	min_order:1        only blocks of at least that order
 *	times:3            at most so many
 *
 * separated by commas; all conditions must hold.
 */
#ifndef STRATA_MM_PHYS_PAGE_FAIL_H
#define STRATA_MM_PHYS_PAGE_FAIL_H

#include "mm/phys/gfp.h"

#define FAIL_CALLER_BYTES 48

struct page_fail {
	uint32_t nth, every, percent, min_order, times;
	char caller[FAIL_CALLER_BYTES]; /* empty: anybody */
	/* What happened since it was set. */
	uint32_t asked, failed;
};

/* The settings and the counts. */
extern struct page_fail page_fail;

/* Set from text as above; NULL, or what is wrong with it, and then nothing changed. */
const char *page_fail_parse(const char *text);

/* Whether this request fails. Counts it. */
bool page_fail_decide(unsigned int order);

#endif

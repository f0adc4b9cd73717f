/* SPDX-License-Identifier: MIT */
/*
 * Points where requests are refused on purpose, to see what becomes of those who ask: pages with
 * fail_page_alloc=, objects with failslab=.
 *
 *	nth:7              the seventh from now on, and no other
 *	every:100          each hundredth
 *	probability:5      five in a hundred, by a generator with a fixed seed
 *	caller:FUNCTION    only requests of that function and of what it calls
 *	min_order:1        only blocks of at least that order; objects have none
 *	times:3            at most so many
 *
 * separated by commas; all conditions must hold.
 */
#ifndef STRATA_KERN_FAIL_POINT_H
#define STRATA_KERN_FAIL_POINT_H

#include "lib/types.h"

#define FAIL_CALLER_BYTES 48

struct fail_point {
	uint32_t nth, every, percent, min_order, times;
	char caller[FAIL_CALLER_BYTES]; /* empty: anybody */
	/* What happened since it was set. */
	uint32_t asked, failed;
	uint32_t random_state;
};

/* Set from text as above; NULL, or what is wrong with it, and then nothing changed. */
const char *fail_point_parse(struct fail_point *point, const char *text);

/* Whether this request fails. Counts it. */
bool fail_point_decide(struct fail_point *point, unsigned int order);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * For self-tests that also run under fail_page_alloc=: a request that was refused on purpose is made
 * again, any other refusal is the answer. Included last, it takes the allocator's names.
 *
 *	#include "insist.h"
 *	page = alloc_pages(GFP_KERNEL, 0);    NULL only if memory is out
 */
#ifndef STRATA_TESTS_TARGET_INSIST_H
#define STRATA_TESTS_TARGET_INSIST_H

#include "mm/phys/page_alloc.h"
#include "mm/phys/page_debug.h"

/* The value of an expression that asks for memory; `none` is what it is when it was refused. */
#define INSIST(expression, none)                                            \
	({                                                                  \
		uint32_t refused_;                                          \
		__typeof__(expression) value_;                              \
		do {                                                        \
			refused_ = page_fail.failed;                        \
			value_ = (expression);                              \
		} while (value_ == (none) && page_fail.failed != refused_); \
		value_;                                                     \
	})

#define alloc_pages(gfp, order)       INSIST(alloc_pages(gfp, order), NULL)
#define alloc_page(gfp)               INSIST(alloc_page(gfp), NULL)
#define __get_free_pages(gfp, order)  INSIST(__get_free_pages(gfp, order), 0)
#define __get_free_page(gfp)          INSIST(__get_free_page(gfp), 0)
#define get_zeroed_page(gfp)          INSIST(get_zeroed_page(gfp), 0)
#define alloc_pages_exact(bytes, gfp) INSIST(alloc_pages_exact(bytes, gfp), NULL)

#endif

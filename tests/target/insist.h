/* SPDX-License-Identifier: MIT */
/*
 * For self-tests that also run under fail_page_alloc= and failslab=: a request that was refused on purpose is made
 * again, any other refusal is the answer. Included last, it takes the allocator's names.
 *
 *	#include "insist.h"
 *	page = alloc_pages(GFP_KERNEL, 0);    NULL only if memory is out
 */
#ifndef STRATA_TESTS_TARGET_INSIST_H
#define STRATA_TESTS_TARGET_INSIST_H

#include "mm/obj/object_fail.h"
#include "mm/phys/page_alloc.h"
#include "mm/phys/page_debug.h"

/* A request that asks for memory several times may never get through with every:N. */
#define INSIST_MOST 50U

/* The value of an expression that asks for memory; `none` is what it is when it was refused. */
#define INSIST(expression, none)                                             \
	({                                                                   \
		uint32_t refused_, tries_ = 0;                               \
		__typeof__(expression) value_;                               \
		do {                                                         \
			refused_ = page_fail.failed + object_fail.failed;    \
			value_ = (expression);                               \
		} while (value_ == (none) && ++tries_ < INSIST_MOST &&       \
			 page_fail.failed + object_fail.failed != refused_); \
		value_;                                                      \
	})

/* Whether requests are refused on purpose at all: then some that insist may still go without. */
static inline bool refused_on_purpose(void)
{
	return page_fail.failed + object_fail.failed != 0;
}

#define alloc_pages(gfp, order)       INSIST(alloc_pages(gfp, order), NULL)
#define alloc_page(gfp)               INSIST(alloc_page(gfp), NULL)
#define __get_free_pages(gfp, order)  INSIST(__get_free_pages(gfp, order), 0)
#define __get_free_page(gfp)          INSIST(__get_free_page(gfp), 0)
#define get_zeroed_page(gfp)          INSIST(get_zeroed_page(gfp), 0)
#define alloc_pages_exact(bytes, gfp) INSIST(alloc_pages_exact(bytes, gfp), NULL)

#endif

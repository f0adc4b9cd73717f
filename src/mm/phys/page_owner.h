/* SPDX-License-Identifier: MIT */
/*
 * page_owner=1: who took each block and who gave it back last, with the way there. Eight bytes for
 * each page frame, in blocks of their own, and each different backtrace once.
 */
#ifndef STRATA_MM_PHYS_PAGE_OWNER_H
#define STRATA_MM_PHYS_PAGE_OWNER_H

#include "mm/phys/gfp.h"

#define OWNER_FRAMES 8

struct owner_stack {
	uint32_t frames; /* how many of these are known */
	uintptr_t pc[OWNER_FRAMES];
};

/* What is known of a page; a stack without frames: nothing. */
struct page_owner {
	struct owner_stack taken, given;
	gfp_t gfp;
};

/* Memory for it, for all RAM. False: there is none; nothing was taken. */
bool page_owner_start(void);
/* Give that back; what was known is forgotten. Nobody may note anything meanwhile. */
void page_owner_stop(void);

/* All pages of a block have its owner: then a split leaves nothing to do, and a tail tells as well. */
void page_owner_taken(const struct page *page, unsigned int order, gfp_t gfp);
void page_owner_given(const struct page *page, unsigned int order);

/* False when owners are not kept, or nothing is known of this page. */
bool page_owner_get(uint32_t pfn, struct page_owner *owner);

#endif

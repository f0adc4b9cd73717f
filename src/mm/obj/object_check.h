/* SPDX-License-Identifier: MIT */
/*
 * The walker of objects: looks at every slab, every list and every magazine, and says whether they
 * agree. For tests, for `mmcheck`; page_check.h is the same for pages. Expects that nobody else
 * allocates meanwhile.
 */
#ifndef STRATA_MM_OBJ_OBJECT_CHECK_H
#define STRATA_MM_OBJ_OBJECT_CHECK_H

#include "mm/obj/slab.h"

struct object_check_result {
	const char
		*broken; /* NULL: all is well; else a sentence on the first rule that is broken */
	const char *cache;
	uintptr_t address; /* where */
	uint32_t slabs, slab_pages;
	uint32_t objects, live, listed, cached, quarantined;
};

/*
 * What is checked, cache by cache:
 *	- a slab's list holds as many objects as its state says, each with the mark, none twice; a slab
 *	  is on its cache's list exactly when it has free objects, those that are all free at the end;
 *	- a magazine holds objects of its cache, each with the mark, none twice and none that a list has;
 *	- slabs, pages, objects, free, quarantined and empty ones are as many as the cache counts;
 *	- no struct page says that it belongs to a slab of a cache that does not exist.
 * True: nothing is broken.
 */
bool object_check(struct object_check_result *result);

#endif

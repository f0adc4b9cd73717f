/* SPDX-License-Identifier: MIT */
/* What a stretch of physical memory is used for: for pictures. */
#ifndef STRATA_MM_PHYS_PAGE_MAP_H
#define STRATA_MM_PHYS_PAGE_MAP_H

#include "mm/phys/page.h"

/* Pages of a range by what their blocks are; the sum is the range's length. */
struct page_use {
	uint32_t hole_pages;
	uint32_t reserved_pages;
	uint32_t free_pages; /* per-CPU ones included */
	uint32_t allocated_pages[MIGRATE_TYPES];
	uint32_t quarantined_pages;
};

/* Count [start_pfn, end_pfn), at most 2^20. A snapshot: nobody is held off meanwhile. */
void page_use_count(uint32_t start_pfn, uint32_t end_pfn, struct page_use *use);

/*
 * One character for it: ' ' no RAM, '.' all free, 'x' some quarantined; else the letter of what
 * takes most, R reserved or Linux's letter of a migrate type (U, M, E, H, I), a capital when half of
 * it or more is in use.
 */
char page_use_letter(const struct page_use *use);

#endif

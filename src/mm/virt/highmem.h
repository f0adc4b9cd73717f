/* SPDX-License-Identifier: MIT */
/*
 * Touching a page wherever it is, through a window that is closed again: names and meanings of Linux's
 * include/linux/highmem.h. To be used in interrupt handlers as well.
 *
 * offset + bytes is at most PAGE_SIZE. What lies outside, and a call that finds all windows of this
 * core open (two are needed where there are two pages), is told to kmap_misuse_hook; nothing is done.
 */
#ifndef STRATA_MM_VIRT_HIGHMEM_H
#define STRATA_MM_VIRT_HIGHMEM_H

#include "mm/virt/kmap.h"

void memcpy_from_page(char *to, struct page *page, size_t offset, size_t bytes);
void memcpy_to_page(struct page *page, size_t offset, const char *from, size_t bytes);

/* From one page to another, or within one, where the bytes must not overlap. */
void memcpy_page(struct page *to, size_t to_offset, struct page *from, size_t from_offset,
		 size_t bytes);

void memset_page(struct page *page, size_t offset, int value, size_t bytes);

static inline void memzero_page(struct page *page, size_t offset, size_t bytes)
{
	memset_page(page, offset, 0, bytes);
}

/* Whole pages. */
static inline void clear_highpage(struct page *page)
{
	memset_page(page, 0, 0, PAGE_SIZE);
}

static inline void copy_highpage(struct page *to, struct page *from)
{
	memcpy_page(to, 0, from, 0, PAGE_SIZE);
}

/* Parts of a page become zero: the bytes from start on; from start to end; two such pieces. */
static inline void zero_user(struct page *page, unsigned int start, unsigned int bytes)
{
	memset_page(page, start, 0, bytes);
}

static inline void zero_user_segment(struct page *page, unsigned int start, unsigned int end)
{
	memset_page(page, start, 0, (size_t)end - start);
}

static inline void zero_user_segments(struct page *page, unsigned int start1, unsigned int end1,
				      unsigned int start2, unsigned int end2)
{
	if (end1 > start1)
		zero_user_segment(page, start1, end1);
	if (end2 > start2)
		zero_user_segment(page, start2, end2);
}

#endif

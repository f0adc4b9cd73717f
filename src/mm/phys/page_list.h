/* SPDX-License-Identifier: MIT */
/*
 * Rings of struct pages, linked by page_link. The anchor is a struct page itself, so nothing asks
 * whether one is the first or the last; its count says how many there are. Under whatever lock the
 * ring has.
 */
#ifndef STRATA_MM_PHYS_PAGE_LIST_H
#define STRATA_MM_PHYS_PAGE_LIST_H

#include "mm/phys/page.h"

static inline void page_list_init(struct page *anchor)
{
	anchor->link[LINK_NEXT] = anchor->link[LINK_PREVIOUS] = page_link(anchor);
	anchor->count = 0;
}

static inline struct page *page_list_next(const struct page *page)
{
	return linked_page(page->link[LINK_NEXT]);
}

static inline struct page *page_list_previous(const struct page *page)
{
	return linked_page(page->link[LINK_PREVIOUS]);
}

/* In between these two neighbours; the count is the caller's. */
static inline void page_list_link(struct page *page, struct page *previous, struct page *next)
{
	page->link[LINK_NEXT] = page_link(next);
	page->link[LINK_PREVIOUS] = page_link(previous);
	next->link[LINK_PREVIOUS] = page_link(page);
	previous->link[LINK_NEXT] = page_link(page);
}

static inline void page_list_push(struct page *anchor, struct page *page)
{
	page_list_link(page, anchor, page_list_next(anchor));
	anchor->count++;
}

/* Out of the ring; the anchor's count is the caller's. */
static inline void page_list_unlink(struct page *page)
{
	uint32_t next = page->link[LINK_NEXT], previous = page->link[LINK_PREVIOUS];

	linked_page(next)->link[LINK_PREVIOUS] = previous;
	linked_page(previous)->link[LINK_NEXT] = next;
}

#endif

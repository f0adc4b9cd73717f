/* SPDX-License-Identifier: MIT */
/*
 * kmap's windows; for the files of this room.
 *
 *	empty   shows nothing, no TLB remembers anything: users is WINDOW_SHUT; in a list
 *	used    users is how many, at least 1
 *	kept    users is 0, the page is shown still; no window is while they are watched
 *
 *	empty --kmap--> used <--kmap, kunmap--> kept --making room, freeing the page--> empty
 *
 * From used to kept and back nobody holds the lock: users is counted up and down as one word, and a
 * window that shows the wanted page while users is not WINDOW_SHUT goes on showing it, since who
 * wants to empty it puts WINDOW_SHUT in the place of 0 first, and fails when it is not 0. All else is
 * done under the lock. While windows are watched, users has WINDOW_WATCHED on top: then the last one
 * to leave does not find the 1 that it expects, and takes the slow way, which empties the window.
 */
#ifndef STRATA_MM_VIRT_PKMAP_H
#define STRATA_MM_VIRT_PKMAP_H

#include "kern/spinlock.h"
#include "mm/virt/kmap.h"
#include "mm/virt/kmap_debug.h"

#define WINDOW_SHUT    0x80000000U
#define WINDOW_WATCHED 0x40000000U

struct pkmap_window {
	uint32_t users;
	union {
		struct page *page;
		struct pkmap_window *next_empty; /* of an empty one; never a page's address */
	};
};

struct pkmap {
	struct spinlock lock;
	/* Guarded by the lock: the empty windows, the one longest empty first. */
	struct pkmap_window *first_empty, *last_empty; /* no first: the last means nothing */
	struct pkmap_window *cursor; /* where the next look for kept windows begins */
	uint32_t portions;           /* how often room was made */

	/* Fixed. */
	uint32_t *entries;    /* the first window's; the others' follow, a guard's between */
	uint32_t first_users; /* what users is when a window was opened */
	uint32_t single_key;  /* pkmap_key of an allocated single page that names no window */
};

extern struct pkmap pkmap;
extern struct pkmap_window pkmap_windows[PKMAP_WINDOWS];

static inline uint32_t pkmap_number(const struct pkmap_window *window)
{
	return (uint32_t)(window - pkmap_windows);
}

static inline uintptr_t pkmap_address(const struct pkmap_window *window)
{
	return PKMAP_BASE + pkmap_number(window) * PKMAP_WINDOW_BYTES;
}

/*
 * What of flags is the same for all single pages but for the window's number: all but zone and migrate
 * type, as one comparison with a shifted operand.
 */
#define PKMAP_KEY_SHIFT (32 - PAGE_ZONE_SHIFT)

static inline uint32_t pkmap_key(uint32_t flags)
{
	return flags << PKMAP_KEY_SHIFT;
}

static inline bool pkmap_is_empty(const struct pkmap_window *window)
{
	return window->users == WINDOW_SHUT;
}

/* Of a window that is not empty. */
static inline uint32_t pkmap_users(const struct pkmap_window *window)
{
	return window->users & ~WINDOW_WATCHED;
}

static inline struct kmap_record *pkmap_record(const struct pkmap_window *window)
{
	return kmap_records != NULL ? kmap_records + pkmap_number(window) : NULL;
}

/* The window that a page's flags name, if it shows the page. */
static inline struct pkmap_window *pkmap_named_window(const struct page *page)
{
	uint32_t number = (page->flags >> PAGE_WINDOW_SHIFT & PAGE_WINDOW_MASK) - 1;

	if (unlikely(number >= PKMAP_WINDOWS || pkmap_windows[number].page != page))
		return NULL;
	return &pkmap_windows[number];
}

/* kmap_init's part: all windows are empty. */
void pkmap_init(void);

/* The head of the block that has a page; NULL: there is no RAM. */
struct page *pkmap_head_of(struct page *page);

/* Allocated or reserved. */
bool pkmap_can_show(struct page *page);

#endif

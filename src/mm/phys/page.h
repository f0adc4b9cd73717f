/* SPDX-License-Identifier: MIT */
/*
 * struct page: sixteen bytes for each page frame, at a fixed virtual address (vmemmap).
 *
 * There is a struct page for every frame of the 4 GiB space. Those of a 4 MiB unit that holds any
 * RAM are backed by memory of their own; all others are one shared read-only page of zeros. So the
 * struct page of any 32-bit address can be read, and type 0 says that nothing is there.
 *
 * Blocks and heads. All frames of a backed unit belong to blocks: 2^order pages, aligned to their
 * size, never across a zone's end. Only a block's first struct page, its head, means anything; it
 * says what the block is and keeps the order as long as the block is one, free or not. A tail's
 * struct page holds whatever RAM held, unless the block's owner fills it. So nothing at boot grows
 * with RAM but the heads, and splitting a block writes the head of its upper half and nothing else.
 *
 *	pfn   0       512     768 832 896     1024
 *	      |  9    |   8   | 6 | 6 |   7   |      page_block_head(700): the head at 0 has order 9
 *	      H.......H.......H...H...H.......|      and does not cover 700; of the upper half, 512,
 *	                                             order 8 does: 512 it is
 *
 * At every half that a descent reaches there is a head: whoever split the block above wrote it.
 *
 * What was an allocated block's head never stays one as a tail: whoever frees a block writes its head
 * first. So a struct page that says "allocated, in this boot" is a head, but for rubbish that says it
 * by chance.
 */
#ifndef STRATA_MM_PHYS_PAGE_H
#define STRATA_MM_PHYS_PAGE_H

#include "arch/layout.h"
#include "arch/linear.h"
#include "lib/types.h"

/* Orders go from 0 to PAGE_ORDER_MAX: blocks of 4 KiB to 4 MiB. */
#define PAGE_ORDER_MAX CONFIG_PAGE_ORDER_MAX
#define NR_PAGE_ORDERS (PAGE_ORDER_MAX + 1)

/*
 * flags: what the block is. While it is free, window and comp are zero.
 *
 *	31     29 28 27 26  23 22      15  14  13    4 3    0
 *	| migrate| zone| order| this boot|comp|window | type |
 *
 * What differs among blocks of one use is at the top, so that one shift leaves it out of a comparison.
 * The window's bits are the owner's: a slab's hold its cache; in highmem they say where kmap shows the
 * page, and of a head, whether it may show any page of the block (mm/virt/kmap.h).
 *
 * "This boot" is a number that the boot before had another of: RAM keeps its contents over a reset,
 * and the tails with them, which then look like heads of long ago. One that is freed by mistake is
 * told apart by it.
 */
struct page {
	uint32_t flags;
	/* While allocated: references in the low half, mappings in the high one. Else garbage. */
	uint32_t count;
	/* While free: the next and the previous struct page in the list, by page_link.
	 * While allocated: the owner's. */
	uint32_t link[2];
};

_Static_assert(sizeof(struct page) == 16, "sixteen bytes, on the target and on the host");

enum page_type {
	PAGE_NONE,     /* not backed: no RAM here or near */
	PAGE_HOLE,     /* backed, but no RAM */
	PAGE_RESERVED, /* RAM that was taken before there was a page allocator, or that has no map */
	PAGE_FREE,     /* on a free list of its zone */
	PAGE_CACHED,   /* in a magazine of some core */
	PAGE_ALLOCATED,   /* somebody's */
	PAGE_SLAB,        /* allocated, and a cache's: its tails are PAGE_SLAB as well (mm/obj/) */
	PAGE_QUARANTINED, /* was found damaged: nobody's for good */
	PAGE_TYPES,
};

#define PAGE_TYPE_MASK     15U
#define PAGE_WINDOW_SHIFT  4
#define PAGE_WINDOW_MASK   1023U
#define PAGE_WINDOW_BLOCK  1022U /* of a block's head: some page of it may be shown in a window */
#define PAGE_WINDOW_BITS   (PAGE_WINDOW_MASK << PAGE_WINDOW_SHIFT)
#define PAGE_COMPOUND      (1U << 14) /* asked for with __GFP_COMP: tails stand for the head */
#define PAGE_BOOT_SHIFT    15
#define PAGE_BOOT_MASK     0xffU
#define PAGE_ORDER_SHIFT   23
#define PAGE_ORDER_MASK    15U
#define PAGE_ZONE_SHIFT    27
#define PAGE_ZONE_MASK     3U
#define PAGE_MIGRATE_SHIFT 29
#define PAGE_MIGRATE_MASK  7U
/* Order, zone and this boot's number: what stays when a block changes hands. */
#define PAGE_PLACE_MASK                                                            \
	(PAGE_ORDER_MASK << PAGE_ORDER_SHIFT | PAGE_ZONE_MASK << PAGE_ZONE_SHIFT | \
	 PAGE_BOOT_MASK << PAGE_BOOT_SHIFT)

#define PAGE_COUNT_REFS_MASK 0xffffU

/*
 * How pages that may or may not be moved are kept apart, by pageblock of PAGE_ORDER_MAX. The first
 * three are what requests ask for; order and names are Linux's.
 */
enum migrate_type {
	MIGRATE_UNMOVABLE,
	MIGRATE_MOVABLE,
	MIGRATE_RECLAIMABLE,
	MIGRATE_PCPTYPES,                      /* the number of types that magazines hold */
	MIGRATE_HIGHATOMIC = MIGRATE_PCPTYPES, /* set aside for blocks that must not wait */
	MIGRATE_ISOLATE,                       /* never given out */
	MIGRATE_TYPES,
};

/* What vmemmap is backed by at a time: the struct pages of 4 MiB of RAM. */
#define VMEMMAP_UNIT_PAGES 1024U

#define vmemmap            ((struct page *)(uintptr_t)VMEMMAP_BASE)

/*
 * Links are addresses cut to 32 bits: on the target that is all of them; a 64-bit host knows the
 * rest, since whatever is linked lies within 2 GiB of vmemmap.
 */
enum { LINK_NEXT, LINK_PREVIOUS };

static inline uint32_t page_link(const struct page *page)
{
	return (uint32_t)(uintptr_t)page;
}

static inline struct page *linked_page(uint32_t link)
{
	int32_t distance = (int32_t)(link - (uint32_t)(uintptr_t)vmemmap);

	return (struct page *)((uintptr_t)vmemmap + (uintptr_t)(intptr_t)distance);
}

static inline struct page *pfn_to_page(uint32_t pfn)
{
	return vmemmap + pfn;
}

static inline uint32_t page_to_pfn(const struct page *page)
{
	return (uint32_t)(page - vmemmap);
}

static inline phys_addr_t page_to_phys(const struct page *page)
{
	return (phys_addr_t)PFN_PHYS(page_to_pfn(page));
}

static inline struct page *phys_to_page(phys_addr_t phys)
{
	return pfn_to_page(PFN_DOWN(phys));
}

/* Linux's short names. Valid in lowmem only. */
#define __pa(virt) virt_to_phys((const void *)(virt))
#define __va(phys) phys_to_virt(phys)

/* Any address of the linear map: the page that holds it. */
static inline struct page *virt_to_page(const void *virt)
{
	return phys_to_page(virt_to_phys(virt));
}

/* The linear address of a page in lowmem; NULL for highmem, which has none of its own. */
void *page_address(const struct page *page);

static inline enum page_type page_type(const struct page *page)
{
	return (enum page_type)(page->flags & PAGE_TYPE_MASK);
}

static inline unsigned int page_order(const struct page *page)
{
	return (page->flags >> PAGE_ORDER_SHIFT) & PAGE_ORDER_MASK;
}

static inline unsigned int page_zone_index(const struct page *page)
{
	return (page->flags >> PAGE_ZONE_SHIFT) & PAGE_ZONE_MASK;
}

static inline enum migrate_type page_migrate_type(const struct page *page)
{
	return (enum migrate_type)((page->flags >> PAGE_MIGRATE_SHIFT) & PAGE_MIGRATE_MASK);
}

/* This boot's number in its place. Set once, before the first block is made. */
extern uint32_t page_boot_number;

/* The flags of a head. */
static inline uint32_t page_flags(enum page_type type, unsigned int order, unsigned int zone,
				  enum migrate_type migrate)
{
	return page_boot_number | (uint32_t)type | (uint32_t)order << PAGE_ORDER_SHIFT |
	       (uint32_t)zone << PAGE_ZONE_SHIFT | (uint32_t)migrate << PAGE_MIGRATE_SHIFT;
}

/* What a head's flags become when its block is free, but for the migrate type. */
static inline uint32_t page_free_flags(const struct page *head)
{
	return (head->flags & PAGE_PLACE_MASK) | PAGE_FREE;
}

/* The other half of the block that this block of 2^order pages is a half of. */
static inline struct page *page_buddy(struct page *page, unsigned int order)
{
	return (struct page *)((uintptr_t)page ^ (sizeof(struct page) << order));
}

/*
 * The head of the block that holds a frame, in at most PAGE_ORDER_MAX steps. NULL where no struct
 * page is backed. Right while nobody splits or merges the block: under its zone's lock, or when the
 * caller owns it.
 */
struct page *page_block_head(uint32_t pfn);

/* The migrate type of a pageblock, and setting it: under the zone's lock. */
extern uint8_t pageblock_types[1U << (20 - PAGE_ORDER_MAX)];

static inline enum migrate_type pageblock_type(const struct page *page)
{
	return (enum migrate_type)pageblock_types[page_to_pfn(page) >> PAGE_ORDER_MAX];
}

static inline void set_pageblock_type(const struct page *page, enum migrate_type type)
{
	pageblock_types[page_to_pfn(page) >> PAGE_ORDER_MAX] = (uint8_t)type;
}

/* "Unmovable" and so on, as pagetypeinfo prints them. */
extern const char *const migrate_type_names[MIGRATE_TYPES];

/* What flags say: "free" and so on; the migrate type. "damaged" for what none has, as after a write. */
const char *page_type_name(uint32_t flags);
const char *page_migrate_name(uint32_t flags);

#endif

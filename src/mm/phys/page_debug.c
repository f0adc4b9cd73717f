/* SPDX-License-Identifier: MIT */
#include "mm/phys/page_debug.h"
#include <string.h>

#include "kern/param.h"
#include "lib/size.h"
#include "mm/phys/buddy.h"
#include "mm/phys/magazine.h"
#include "mm/phys/page_alloc.h"
#include "mm/phys/page_owner.h"
#include "mm/phys/page_trace.h"

uint32_t page_debug, page_debug_wanted;
struct fail_point page_fail;

/* All that is free holds poison. While it is turned on, what handlers give back does, other not. */
static bool all_poisoned;

/* --- boot parameters ------------------------------------------------------------------------- */

static const char *parse_option(const char *value, uint32_t option)
{
	bool on = false;
	const char *wrong = parse_switch(value, &on);

	if (wrong == NULL)
		page_debug_wanted = on ? page_debug_wanted | option : page_debug_wanted & ~option;
	return wrong;
}

static const char *parse_page_poison(const char *value)
{
	return parse_option(value, PAGE_DEBUG_POISON);
}
BOOT_PARAM(page_poison, parse_page_poison, "0|1",
	   "free pages hold a pattern; one that was written to is found when it is taken");

static const char *parse_page_owner(const char *value)
{
	return parse_option(value, PAGE_DEBUG_OWNER);
}
BOOT_PARAM(page_owner, parse_page_owner, "0|1",
	   "remember who took each page and who gave it back last, for reports and pageinfo");

static const char *parse_init_on_alloc(const char *value)
{
	return parse_option(value, PAGE_DEBUG_INIT_ON_ALLOC);
}
BOOT_PARAM(init_on_alloc, parse_init_on_alloc, "0|1", "pages are zeroed when they are taken");

static const char *parse_init_on_free(const char *value)
{
	return parse_option(value, PAGE_DEBUG_INIT_ON_FREE);
}
BOOT_PARAM(init_on_free, parse_init_on_free, "0|1", "pages are zeroed when they are given back");

static const char *parse_fail_page_alloc(const char *value)
{
	const char *wrong = fail_point_parse(&page_fail, value != NULL ? value : "");

	if (wrong == NULL)
		page_debug_wanted |= PAGE_DEBUG_FAIL;
	return wrong;
}
BOOT_PARAM(fail_page_alloc, parse_fail_page_alloc, "nth:N,every:N,probability:P,caller:F,...",
	   "refuse page requests on purpose, to see what becomes of who asks");

/* --- contents -------------------------------------------------------------------------------- */

static bool is_filled(const unsigned char *bytes, unsigned char value, uint32_t *offset)
{
	for (uint32_t i = 0; i < PAGE_SIZE; i++)
		if (bytes[i] != value) {
			*offset = i;
			return false;
		}
	return true;
}

/* Fill a page wherever it is; one that cannot be shown is left as it is. */
static void fill_page(struct page *page, unsigned char value)
{
	void *address = page_window_open(page);

	if (address == NULL)
		return;
	memset(address, value, PAGE_SIZE);
	page_window_close(address);
}

static void fill_block(struct page *page, unsigned int order, unsigned char value)
{
	for (uint32_t i = 0; i < 1U << order; i++)
		fill_page(page + i, value);
}

/* The first byte that is not poison; false: all are. */
static bool find_written(struct page *page, unsigned int order, struct page_misuse *misuse)
{
	for (uint32_t i = 0; i < 1U << order; i++) {
		const unsigned char *bytes = page_window_open(page + i);
		bool whole;

		if (bytes == NULL)
			continue;
		whole = is_filled(bytes, PAGE_POISON, &misuse->offset);
		misuse->found = bytes[misuse->offset];
		page_window_close(bytes);
		if (!whole) {
			misuse->pfn = page_to_pfn(page) + i;
			return true;
		}
	}
	return false;
}

/* What is free when poison is turned on: block by block, a lock at a time. */
static void poison_zone(struct zone *zone)
{
	uint32_t end_pfn = zone->span.start_pfn + zone->span.spanned_pages;

	for (uint32_t pfn = zone->span.start_pfn; pfn < end_pfn;) {
		uint32_t irq = spin_lock_irqsave(&zone->lock);
		struct page *head = page_block_head(pfn);
		unsigned int order = head != NULL ? page_order(head) : 0;

		if (head != NULL && page_type(head) == PAGE_FREE)
			fill_block(head, order, PAGE_POISON);
		pfn = head != NULL ? page_to_pfn(head) + (1U << order)
				   : ALIGN_DOWN(pfn, VMEMMAP_UNIT_PAGES) + VMEMMAP_UNIT_PAGES;
		spin_unlock_irqrestore(&zone->lock, irq);
	}
}

/* --- on and off ------------------------------------------------------------------------------ */

/* Memory for what is turned on now, all or none. */
static bool prepare(uint32_t options)
{
	bool owner = (options & PAGE_DEBUG_OWNER) != 0;

	if (owner && !page_owner_start())
		return false;
	if ((options & PAGE_DEBUG_TRACE) == 0 || page_trace_start())
		return true;
	if (owner)
		page_owner_stop();
	return false;
}

static void poison_all(void)
{
	for (unsigned int type = 0; type < MAX_NR_ZONES; type++)
		poison_zone(&zones[type]);
	all_poisoned = true;
}

bool page_debug_set(uint32_t options, bool on)
{
	uint32_t before = page_debug, after = on ? before | options : before & ~options;

	if (on && !prepare(options & ~before))
		return false;
	if (before == 0 && after != 0)
		page_alloc_divert(true);
	if ((before & ~after & PAGE_DEBUG_POISON) != 0)
		all_poisoned = false;
	page_debug = after;
	if ((after & ~before & PAGE_DEBUG_POISON) != 0)
		poison_all();
	if ((before & ~after & PAGE_DEBUG_OWNER) != 0)
		page_owner_stop();
	if (before != 0 && after == 0)
		page_alloc_divert(false);
	return true;
}

bool page_debug_start(void)
{
	uint32_t wanted = page_debug_wanted & ~PAGE_DEBUG_FAIL;

	if (wanted == 0 || page_debug_set(wanted, true))
		return true;
	/* Memory is lacking for the owners alone: the rest needs none. */
	page_debug_set(wanted & ~PAGE_DEBUG_OWNER, true);
	return false;
}

void page_debug_start_failing(void)
{
	page_debug_set(page_debug_wanted & PAGE_DEBUG_FAIL, true);
}

/* --- for the allocator ----------------------------------------------------------------------- */

bool page_debug_fails(unsigned int order)
{
	return (page_debug & PAGE_DEBUG_FAIL) != 0 && fail_point_decide(&page_fail, order);
}

bool page_debug_taken(struct page *page, unsigned int order, gfp_t gfp)
{
	struct page_misuse misuse = {
		.kind = MISUSE_WRITTEN_AFTER_FREE,
		.head_pfn = page_to_pfn(page),
		.flags = page_free_flags(page), /* what it was when it was written to */
		.order = order,
		.quarantined = true,
	};

	if ((page_debug & PAGE_DEBUG_POISON) != 0 && all_poisoned &&
	    find_written(page, order, &misuse)) {
		page->flags = page_flags(PAGE_QUARANTINED, order, page_zone_index(page),
					 MIGRATE_UNMOVABLE);
		if (page_misuse_hook != NULL)
			page_misuse_hook(&misuse);
		return false;
	}
	if ((page_debug & PAGE_DEBUG_INIT_ON_ALLOC) != 0)
		fill_block(page, order, 0);
	if ((page_debug & PAGE_DEBUG_OWNER) != 0)
		page_owner_taken(page, order, gfp);
	if ((page_debug & PAGE_DEBUG_TRACE) != 0)
		page_trace_note(TRACE_ALLOC, page_to_pfn(page), order, gfp);
	return true;
}

void page_debug_given(struct page *page, unsigned int order)
{
	if ((page_debug & PAGE_DEBUG_POISON) != 0)
		fill_block(page, order, PAGE_POISON);
	else if ((page_debug & PAGE_DEBUG_INIT_ON_FREE) != 0)
		fill_block(page, order, 0);
	if ((page_debug & PAGE_DEBUG_OWNER) != 0)
		page_owner_given(page, order);
	if ((page_debug & PAGE_DEBUG_TRACE) != 0)
		page_trace_note(TRACE_FREE, page_to_pfn(page), order, 0);
}

void page_debug_refused(gfp_t gfp, unsigned int order)
{
	if ((page_debug & PAGE_DEBUG_TRACE) != 0 && order <= PAGE_ORDER_MAX)
		page_trace_note(TRACE_REFUSED, 0, order, gfp);
}

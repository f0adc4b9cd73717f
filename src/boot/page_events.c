/* SPDX-License-Identifier: MIT */
/*
 * What the page allocator has to say, in lines of the log: it never prints itself.
 */
#include "boot/page_events.h"

#include <inttypes.h>

#include "arch/clock.h"
#include "kern/log.h"
#include "kern/symbols.h"
#include "mm/phys/gfp_names.h"
#include "mm/phys/page_alloc.h"

/* --- refusals -------------------------------------------------------------------------------- */

/* Linux's limit: so many lines in five seconds; who allocates in a loop would say nothing new. */
#define LINES_MOST     10U
#define WINDOW_SECONDS 5U

static bool may_say_more(void)
{
	static uint64_t window_start;
	static uint32_t lines;
	uint64_t now = clock_ticks();
	uint64_t window_ticks = (uint64_t)WINDOW_SECONDS * clock_frequency_hz();

	if (lines == 0 || now - window_start > window_ticks) {
		window_start = now;
		lines = 0;
	}
	return ++lines <= LINES_MOST;
}

static void say_refusal(const struct page_refusal *refusal)
{
	char text[GFP_TEXT_MAX];

	if (!may_say_more())
		return;
	gfp_describe(refusal->gfp, text, sizeof(text));
	if (refusal->order > PAGE_ORDER_MAX)
		pr_warn("page allocation refused: order:%u, mode:%#" PRIx32
			"(%s): the largest order is %d; ask for less, or for several blocks\n",
			refusal->order, refusal->gfp, text, PAGE_ORDER_MAX);
	else if (refusal->contradictory)
		pr_warn("page allocation refused: order:%u, mode:%#" PRIx32
			"(%s): the flags contradict each other; see mm/phys/gfp.h\n",
			refusal->order, refusal->gfp, text);
	else
		pr_warn("page allocation refused: order:%u, mode:%#" PRIx32
			"(%s): no zone that may serve it has such a block above its reserves; "
			"zoneinfo and buddyinfo show what is left\n",
			refusal->order, refusal->gfp, text);
}

/* --- wrong use ------------------------------------------------------------------------------- */

static const char *misuse_text(enum page_misuse_kind kind)
{
	static const char *const texts[] = {
		[MISUSE_NOT_ALLOCATED] = "it is not allocated: freed twice, or never allocated",
		[MISUSE_WRONG_ORDER] = "it has another order",
		[MISUSE_TAIL] = "it is inside a block; free the block by its first page",
		[MISUSE_NOT_HELD] = "nobody holds it, or too many do",
		[MISUSE_HEAD_WRITTEN] = "its struct page was written to while it was free",
	};

	return texts[kind];
}

static void say_misuse(const struct page_misuse *misuse)
{
	pr_err("BUG: page %#" PRIx32 ", order %u: %s; its block: %#" PRIx32 ", %s, order %" PRIu32
	       ", count %" PRIu32 "; from %s; nothing was done\n",
	       misuse->pfn, misuse->order, misuse_text(misuse->kind), misuse->head_pfn,
	       page_type_names[misuse->flags & PAGE_TYPE_MASK],
	       (misuse->flags >> PAGE_ORDER_SHIFT) & PAGE_ORDER_MASK,
	       misuse->count & PAGE_COUNT_REFS_MASK, symbol_text(misuse->caller));
}

void page_events_attach(void)
{
	page_refusal_hook = say_refusal;
	page_misuse_hook = say_misuse;
}

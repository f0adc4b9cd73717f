/* SPDX-License-Identifier: MIT */
/*
 * What the page allocator has to say, in lines of the log: it never prints itself.
 */
#include "boot/page_events.h"

#include <inttypes.h>

#include "boot/rate.h"
#include "kern/log.h"
#include "kern/symbols.h"
#include "kern/thread.h"
#include "mm/phys/gfp_names.h"
#include "mm/phys/page_alloc.h"
#include "mm/phys/page_debug.h"
#include "mm/phys/page_owner.h"
#include "mm/phys/page_why.h"

/* --- refusals -------------------------------------------------------------------------------- */

/* The line that says what would help, then one for each zone. */
static void say_why(const struct page_refusal *refusal, const char *flags)
{
	struct page_why why;
	char text[WHY_TEXT_MAX];

	if (refusal->wait.gave_up)
		pr_warn("thread %s goes without memory: all others wait, too, and it is the "
			"youngest "
			"that waits for memory\n",
			thread_name(thread_current()));
	else if (refusal->wait.waited_ms != 0)
		pr_warn("thread %s waited %" PRIu32 " ms for memory (alloc_timeout=)\n",
			thread_name(thread_current()), refusal->wait.waited_ms);
	page_why(refusal->gfp, refusal->order, &why);
	page_why_remedy_text(&why, text, sizeof(text));
	pr_warn("page allocation refused: order:%u, mode:%#" PRIx32 "(%s): %s\n", refusal->order,
		refusal->gfp, flags, text);
	for (enum zone_type zone = 0; zone < MAX_NR_ZONES; zone++)
		if (why.zones[zone].verdict != VERDICT_EMPTY)
			pr_warn("  %-8s %s\n", zone_names[zone],
				page_why_zone_text(&why, zone, text, sizeof(text)));
}

static void say_refusal(const struct page_refusal *refusal)
{
	static struct rate rate;
	char text[GFP_TEXT_MAX];

	if (!rate_allows(&rate))
		return;
	gfp_describe(refusal->gfp, text, sizeof(text));
	if (refusal->order > PAGE_ORDER_MAX)
		pr_warn("page allocation refused: order:%u, mode:%#" PRIx32
			"(%s): the largest order is %d; ask for less, or for several blocks\n",
			refusal->order, refusal->gfp, text, PAGE_ORDER_MAX);
	else if (refusal->on_purpose)
		pr_warn("page allocation refused: order:%u, mode:%#" PRIx32
			"(%s): on purpose, by fail_page_alloc\n",
			refusal->order, refusal->gfp, text);
	else if (refusal->contradictory)
		pr_warn("page allocation refused: order:%u, mode:%#" PRIx32
			"(%s): the flags contradict each other; see mm/phys/gfp.h\n",
			refusal->order, refusal->gfp, text);
	else
		say_why(refusal, text);
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
		[MISUSE_WRITTEN_AFTER_FREE] = "it was written to while it was free",
		[MISUSE_SLAB] = "it is a slab's; free the object in it with kfree or "
				"kmem_cache_free",
	};

	return texts[kind];
}

void page_events_say_stack(const char *what, const struct owner_stack *stack)
{
	if (stack->frames == 0)
		return;
	pr_err("  %s by:\n", what);
	for (uint32_t i = 0; i < stack->frames; i++)
		pr_err("    %s\n", symbol_text(stack->pc[i]));
}

static void say_owners(uint32_t pfn)
{
	struct page_owner owner;
	char text[GFP_TEXT_MAX];

	if (!page_owner_get(pfn, &owner))
		return;
	pr_err("  last asked for with %s\n", gfp_describe(owner.gfp, text, sizeof(text)));
	page_events_say_stack("taken", &owner.taken);
	page_events_say_stack("given back", &owner.given);
}

static void say_misuse(const struct page_misuse *misuse)
{
	pr_err("BUG: page %#" PRIx32 ", order %u: %s\n", misuse->pfn, misuse->order,
	       misuse_text(misuse->kind));
	if (misuse->kind == MISUSE_WRITTEN_AFTER_FREE)
		pr_err("  at offset %#" PRIx32 " there is %#x and not %#x\n", misuse->offset,
		       misuse->found, PAGE_POISON);
	pr_err("  its block %#" PRIx32 ": %s, order %" PRIu32 ", zone %s, count %" PRIu32 "\n",
	       misuse->head_pfn, page_type_name(misuse->flags),
	       (misuse->flags >> PAGE_ORDER_SHIFT) & PAGE_ORDER_MASK,
	       zone_names[(misuse->flags >> PAGE_ZONE_SHIFT) & PAGE_ZONE_MASK],
	       misuse->count & PAGE_COUNT_REFS_MASK);
	if (misuse->caller != 0)
		pr_err("  from %s\n", symbol_text(misuse->caller));
	say_owners(misuse->pfn);
	pr_err("  %s\n", misuse->quarantined ? "it is quarantined" : "nothing was done");
}

void page_events_attach(void)
{
	page_refusal_hook = say_refusal;
	page_misuse_hook = say_misuse;
}

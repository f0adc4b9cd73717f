/* SPDX-License-Identifier: MIT */
/* What windows to highmem have to say, in lines of the log: mm never prints. */
#include "boot/kmap_events.h"

#include <inttypes.h>
#include <stdio.h>

#include "boot/page_events.h"
#include "kern/exception.h"
#include "kern/log.h"
#include "kern/symbols.h"
#include "mm/virt/fixmap.h"
#include "mm/virt/kmap.h"
#include "mm/virt/kmap_misuse.h"

/* --- wrong use ------------------------------------------------------------------------------- */

static const char *const texts[KMAP_MISUSES] = {
	[KMAP_NO_WINDOW] = "kunmap_local: no window of this core lies there",
	[KMAP_NOT_OPEN] = "kunmap_local: the window is not open; each kmap_local is closed once",
	[KMAP_OUT_OF_ORDER] = "kunmap_local: closed out of order; the last one opened comes first",
	[KMAP_NO_PAGE] = "kmap: the page is free, or no RAM at all; allocate it first",
	[KMAP_NOT_SHOWN] = "kunmap: no window shows the page; each kmap is closed once",
	[KMAP_FREED] = "it was freed while a window to it is in use; kunmap it first",
	[KMAP_PAST_END] = "the bytes do not lie in one page",
	[KMAP_NO_SLOT] = "all windows of this core are open; close some",
};

static void say(const struct kmap_misuse *misuse)
{
	if (misuse->kind <= KMAP_OUT_OF_ORDER)
		pr_err("BUG: window %#" PRIxPTR ": %s\n", misuse->address, texts[misuse->kind]);
	else
		pr_err("BUG: page %#" PRIx32 ": %s\n", misuse->pfn, texts[misuse->kind]);
	if (misuse->kind == KMAP_OUT_OF_ORDER)
		pr_err("  it shows page %#" PRIx32 "; the last one opened is %#" PRIxPTR
		       ", page %#" PRIx32 "\n",
		       misuse->pfn, misuse->top, misuse->top_pfn);
	if (misuse->kind == KMAP_FREED)
		pr_err("  the window is %#" PRIxPTR ", counted %" PRIu32 " times\n",
		       misuse->address, misuse->users);
	if (misuse->caller != 0)
		pr_err("  from %s\n", symbol_text(misuse->caller));
	page_events_say_stack("opened", &misuse->opened);
	page_events_say_stack("closed", &misuse->closed);
	pr_err("  nothing was done\n");
}

/* --- faults ---------------------------------------------------------------------------------- */

static void say_place(uintptr_t address)
{
	struct kmap_window window;

	if (!kmap_window_find(address, &window))
		return;
	if (window.guard)
		pr_err("  that is behind the end of the window at %#" PRIxPTR "\n", window.address);
	if (window.state == KMAP_EMPTY && !window.pfn_known)
		pr_err("  a window to highmem that is closed (highmem_debug=1 tells more)\n");
	else
		pr_err("  the window %s page %#" PRIx32 "%s\n",
		       window.state == KMAP_EMPTY ? "showed" : "shows", window.pfn,
		       window.state == KMAP_EMPTY ? " until it was closed" : "");
	page_events_say_stack("opened", &window.opened);
	page_events_say_stack("closed", &window.closed);
}

void kmap_events_attach(void)
{
	kmap_misuse_hook = say;
	exception_place_hook = say_place;
}

/* --- checks ---------------------------------------------------------------------------------- */

const char *kmap_events_check(void)
{
	static char text[96];
	const char *broken = kmap_check();
	struct kmap_window open;

	if (broken != NULL || kmap_check_closed(&open))
		return broken;
	snprintf(text, sizeof(text), "the window %#" PRIxPTR " to page %#" PRIx32 " was left open",
		 open.address, open.pfn);
	page_events_say_stack("opened", &open.opened);
	return text;
}

void kmap_events_say_forgotten(void)
{
	phys_addr_t phys;

	for (enum fixmap_slot slot = 0; slot < FIXMAP_SLOTS; slot++)
		if (!fixmap_stays_open(slot) && fixmap_shows(slot, &phys))
			pr_warn("fixmap: the window \"%s\" to %#" PRIx64
				" is open still; whoever opened it closes it\n",
				fixmap_name(slot), (uint64_t)phys);
}

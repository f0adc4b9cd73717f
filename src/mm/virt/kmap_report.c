/* SPDX-License-Identifier: MIT */
/* What windows show, for people; and whether all rules about them hold. */
#include "arch/mmu.h"
#include "kern/context.h"
#include "mm/virt/pkmap.h"

/* --- for people ------------------------------------------------------------------------------ */

static void describe(const struct pkmap_window *window, struct kmap_window *described)
{
	*described = (struct kmap_window){ .address = pkmap_address(window), .state = KMAP_EMPTY };
	if (!pkmap_is_empty(window)) {
		described->users = pkmap_users(window);
		described->state = described->users == 0 ? KMAP_KEPT : KMAP_USED;
		described->pfn = page_to_pfn(window->page);
		described->pfn_known = true;
	}
	kmap_debug_describe(pkmap_record(window), described);
}

void kmap_window_snapshot(uint32_t number, struct kmap_window *window)
{
	uint32_t irq = spin_lock_irqsave(&pkmap.lock);

	describe(&pkmap_windows[number], window);
	spin_unlock_irqrestore(&pkmap.lock, irq);
}

void kmap_snapshot(struct kmap_snapshot *snapshot)
{
	struct kmap_window window;

	*snapshot = (struct kmap_snapshot){
		.local_depth = kmap_local_depth(),
		.portions = pkmap.portions,
	};
	for (uint32_t number = 0; number < PKMAP_WINDOWS; number++) {
		kmap_window_snapshot(number, &window);
		snapshot->used += window.state == KMAP_USED;
		snapshot->kept += window.state == KMAP_KEPT;
		snapshot->empty += window.state == KMAP_EMPTY;
	}
}

bool kmap_window_find(uintptr_t address, struct kmap_window *window)
{
	uintptr_t offset = address - PKMAP_BASE;

	if (offset >= PKMAP_WINDOWS * PKMAP_WINDOW_BYTES)
		return kmap_local_find(address, window);
	/* Without the lock: whoever reports a fault may have been interrupted under it. */
	describe(&pkmap_windows[offset / PKMAP_WINDOW_BYTES], window);
	window->guard = offset % PKMAP_WINDOW_BYTES >= PAGE_SIZE;
	return true;
}

/* --- checking -------------------------------------------------------------------------------- */

bool kmap_check_closed(struct kmap_window *open)
{
	if (kmap_local_snapshot(0, open))
		return false;
	for (uint32_t number = 0; number < PKMAP_WINDOWS; number++) {
		kmap_window_snapshot(number, open);
		if (open->state == KMAP_USED)
			return false;
	}
	return true;
}

static const char *check_window(const struct pkmap_window *window)
{
	struct mapping mapping;
	bool shows = mmu_query(pkmap_address(window), &mapping);

	if (mmu_query(pkmap_address(window) + PAGE_SIZE, &(struct mapping){ 0 }))
		return "something is mapped in a window's guard page";
	if (shows == pkmap_is_empty(window))
		return "a window and its table entry differ";
	if (!shows)
		return NULL;
	if (mapping.phys != page_to_phys(window->page) || mapping.bytes != PAGE_SIZE ||
	    mapping.kind != MEMORY_NORMAL || mapping.rights != RIGHTS_WRITE)
		return "a window's table entry shows something else than its page";
	if (pkmap_named_window(window->page) != window)
		return "a page that is shown does not name its window";
	if (!pkmap_can_show(window->page))
		return "a page that is nobody's is shown";
	return (pkmap_head_of(window->page)->flags & PAGE_WINDOW_BITS) != 0
		       ? NULL
		       : "a block's head does not say that a page of it is shown";
}

static const char *check_empty(void)
{
	const struct pkmap_window *window = pkmap.first_empty, *last = pkmap.last_empty;
	uint32_t empty = 0, listed = 0;

	for (uint32_t number = 0; number < PKMAP_WINDOWS; number++)
		empty += pkmap_is_empty(&pkmap_windows[number]);
	for (; window != NULL && listed <= empty; window = window->next_empty, listed++) {
		if (!pkmap_is_empty(window))
			return "the list of empty windows holds one that is not";
		last = window;
	}
	if (listed != empty)
		return "an empty window is not in the list of them, or one is twice";
	return last == pkmap.last_empty ? NULL : "the list of empty windows ends elsewhere";
}

static const char *check_locked(const struct pkmap_window *window)
{
	uint32_t irq = spin_lock_irqsave(&pkmap.lock);
	const char *broken = check_window(window);

	spin_unlock_irqrestore(&pkmap.lock, irq);
	return broken;
}

/* No other thread has its turn meanwhile; the list is not for handlers that use kmap to change. */
const char *kmap_check(void)
{
	const char *broken;

	preempt_disable();
	broken = check_empty();
	for (uint32_t number = 0; number < PKMAP_WINDOWS && broken == NULL; number++)
		broken = check_locked(&pkmap_windows[number]);
	preempt_enable();
	return broken;
}

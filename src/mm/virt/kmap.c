/* SPDX-License-Identifier: MIT */
#include "mm/virt/kmap.h"

#include "arch/irqflags.h"
#include "kern/fatal.h"
#include "kern/percpu.h"
#include "mm/phys/page_alloc.h"
#include "mm/virt/fixmap.h"

/* How many windows of this core are open. */
static DEFINE_PER_CPU(uint32_t, kmap_depth);

/* One core so far, so its slots are the first. */
static enum fixmap_slot slot_of(uint32_t depth)
{
	return (enum fixmap_slot)(FIX_KMAP + depth);
}

static void *open_window(struct page *page, uint32_t most_open)
{
	void *address = page_address(page);
	uint32_t irq, *depth;

	if (address != NULL)
		return address;
	irq = local_irq_save();
	depth = this_cpu_ptr(&kmap_depth);
	if (*depth < most_open)
		address = fixmap_open_memory(slot_of((*depth)++), page_to_phys(page));
	local_irq_restore(irq);
	return address;
}

void *kmap_local_page(struct page *page)
{
	return open_window(page, KMAP_LOCAL_DEPTH);
}

/* Pages are zeroed, poisoned and looked at however many windows users have open. */
static void *open_own_window(struct page *page)
{
	return open_window(page, KMAP_SLOTS);
}

void kunmap_local(const void *address)
{
	uint32_t irq, *depth;

	if ((uintptr_t)address < FIXMAP_BASE || (uintptr_t)address >= FIXMAP_END)
		return;
	irq = local_irq_save();
	depth = this_cpu_ptr(&kmap_depth);
	if (*depth == 0)
		fatal("kunmap_local(%p): no window is open; each kmap_local_page is closed once",
		      address);
	fixmap_close(slot_of(--*depth));
	local_irq_restore(irq);
}

void kmap_init(void)
{
	page_window_open_hook = open_own_window;
	page_window_close_hook = kunmap_local;
}

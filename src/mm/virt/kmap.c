/* SPDX-License-Identifier: MIT */
/*
 * kmap_local_page: a stack of fixmap slots for each core.
 *
 * A handler that interrupts somebody between any two instructions here leaves the stack as it found
 * it; interrupts are masked all the same, since this core's part is only this core's as long as they
 * are (kern/percpu.h).
 */
#include "mm/virt/kmap.h"

#include "arch/irqflags.h"
#include "arch/mmu.h"
#include "kern/percpu.h"
#include "kern/thread.h"
#include "mm/phys/page_alloc.h"
#include "mm/phys/zone.h"
#include "mm/virt/fixmap.h"
#include "mm/virt/kmap_misuse.h"
#include "mm/virt/pkmap.h"

struct page *kmap_highmem;

struct local_slot {
	uintptr_t address;
	uint32_t *entry;
};

/*
 * All slots: the open ones in the order of their opening up to *top, then the closed ones, to be used
 * from the first on. The one below all is no slot, and no page has its address. Closing leaves a slot
 * the first of the closed ones, so that few TLB entries are in use.
 */
struct kmap_local {
	struct local_slot *top;
	struct local_slot slots[1 + KMAP_SLOTS];
};

static DEFINE_PER_CPU(struct kmap_local, kmap_local);

static uint32_t depth_of(const struct kmap_local *mine)
{
	return (uint32_t)(mine->top - mine->slots);
}

static uint32_t number_of(uintptr_t address)
{
	return (uint32_t)(address - fixmap_address(FIX_KMAP)) / FIXMAP_SLOT_BYTES;
}

static struct kmap_record *record_of(uintptr_t address)
{
	return kmap_records != NULL ? kmap_local_record(number_of(address)) : NULL;
}

/* --- opening --------------------------------------------------------------------------------- */

static inline void *open_window(uint32_t pfn, uint32_t most_open)
{
	uint32_t irq = local_irq_save();
	struct kmap_local *mine = this_cpu_ptr(&kmap_local);
	struct local_slot *slot = mine->top + 1;

	if (unlikely(slot > &mine->slots[most_open])) {
		local_irq_restore(irq);
		return NULL;
	}
	mine->top = slot;
	mmu_window_open(slot->entry, (phys_addr_t)PFN_PHYS(pfn));
	if (unlikely(kmap_records != NULL))
		kmap_debug_opened(record_of(slot->address), pfn);
	local_irq_restore(irq);
	return (void *)slot->address;
}

void *kmap_local_window(uint32_t pfn)
{
	return open_window(pfn, KMAP_LOCAL_DEPTH);
}

/* Pages are zeroed, poisoned and looked at however many windows users have open. */
static void *open_own_window(struct page *page)
{
	return open_window(page_to_pfn(page), KMAP_SLOTS);
}

/* --- closing --------------------------------------------------------------------------------- */

/* The slot whose page an address lies in; NULL: there is none. */
static const struct local_slot *find_slot(const struct kmap_local *mine, uintptr_t address)
{
	for (uint32_t i = 1; i <= KMAP_SLOTS; i++)
		if (mine->slots[i].address == ALIGN_DOWN(address, PAGE_SIZE))
			return &mine->slots[i];
	return NULL;
}

static uint32_t shown_pfn(const struct local_slot *slot)
{
	phys_addr_t phys = 0;

	fixmap_shows((enum fixmap_slot)(FIX_KMAP + number_of(slot->address)), &phys);
	return PFN_DOWN(phys);
}

/* Interrupts are masked. */
static __attribute__((noinline)) void tell(const struct kmap_local *mine, const void *address,
					   void *caller)
{
	const struct local_slot *slot = find_slot(mine, (uintptr_t)address);
	const struct kmap_record *record = slot != NULL ? record_of(slot->address) : NULL;
	struct kmap_misuse misuse = {
		.kind = KMAP_NO_WINDOW,
		.address = (uintptr_t)address,
		.caller = (uintptr_t)caller,
	};

	if (slot != NULL && slot <= mine->top) {
		misuse.kind = KMAP_OUT_OF_ORDER;
		misuse.pfn = shown_pfn(slot);
	} else if (slot != NULL) {
		misuse.kind = KMAP_NOT_OPEN;
		misuse.pfn = record != NULL ? record->pfn : 0;
	}
	if (depth_of(mine) > 0) {
		misuse.top = mine->top->address;
		misuse.top_pfn = shown_pfn(mine->top);
	}
	kmap_tell(&misuse, record);
}

/* While watched: a slot that was closed, the first of these, goes behind all others. */
static __attribute__((noinline)) void use_last(struct kmap_local *mine)
{
	struct local_slot closed = mine->top[1];

	kmap_debug_closed(record_of(closed.address));
	for (struct local_slot *slot = mine->top + 1; slot < &mine->slots[KMAP_SLOTS]; slot++)
		slot[0] = slot[1];
	mine->slots[KMAP_SLOTS] = closed;
}

void kunmap_local_window(const void *address)
{
	uint32_t irq = local_irq_save();
	struct kmap_local *mine = this_cpu_ptr(&kmap_local);
	struct local_slot *slot = mine->top;

	if (likely(ALIGN_DOWN((uintptr_t)address, PAGE_SIZE) == slot->address)) {
		mmu_window_close(slot->entry, slot->address);
		mine->top = slot - 1;
		if (unlikely(kmap_records != NULL))
			use_last(mine);
	} else {
		tell(mine, address, __builtin_return_address(0));
	}
	local_irq_restore(irq);
}

static void close_own_window(const void *address)
{
	kunmap_local(address);
}

/* --- another thread's turn ------------------------------------------------------------------- */

/* An open window of a thread that does not run. */
struct put_away {
	struct local_slot slot;
	uint32_t pfn;
};

static uint32_t close_all(struct kmap_local *mine, struct put_away *away)
{
	uint32_t count = depth_of(mine);

	for (uint32_t i = 0; i < count; i++) {
		away[i].slot = mine->slots[1 + i];
		away[i].pfn = shown_pfn(&away[i].slot);
		mmu_window_close(away[i].slot.entry, away[i].slot.address);
	}
	mine->top = mine->slots;
	return count;
}

/* All are closed, but may have changed places. */
static void reopen(struct kmap_local *mine, const struct put_away *away, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct local_slot *place = &mine->slots[1 + i], *slot = place;

		while (slot->address != away[i].slot.address)
			slot++;
		*slot = *place;
		*place = away[i].slot;
		mmu_window_open(place->entry, (phys_addr_t)PFN_PHYS(away[i].pfn));
		/* Somebody else's pages were seen there meanwhile. */
		if (unlikely(kmap_records != NULL))
			kmap_debug_opened(record_of(place->address), away[i].pfn);
	}
	mine->top = &mine->slots[count];
}

/* What a thread sees when it goes on is what it saw, at the same addresses. Interrupts are masked. */
static void put_away(void (*go_on)(void))
{
	struct put_away away[KMAP_SLOTS];
	uint32_t count = close_all(this_cpu_ptr(&kmap_local), away);

	go_on();
	reopen(this_cpu_ptr(&kmap_local), away, count);
}

/* --- start ----------------------------------------------------------------------------------- */

/* One core so far, so its slots are the first. */
void kmap_init(void)
{
	struct kmap_local *mine = this_cpu_ptr(&kmap_local);

	mine->top = mine->slots;
	mine->slots[0] = (struct local_slot){ .address = 1 };
	for (uint32_t number = 0; number < KMAP_SLOTS; number++) {
		uintptr_t address = fixmap_address((enum fixmap_slot)(FIX_KMAP + number));

		mine->slots[1 + number] = (struct local_slot){
			.address = address,
			.entry = mmu_window_entry(address),
		};
	}
	kmap_highmem = pfn_to_page(zones_lowmem_end_pfn());
	pkmap_init();
	page_window_open_hook = open_own_window;
	page_window_close_hook = close_own_window;
	thread_set_switch_watch(&(struct thread_switch_watch){
		.word = (uintptr_t *)&mine->top,
		.idle = (uintptr_t)mine->slots,
		.put_away = put_away,
	});
}

/* --- for people ------------------------------------------------------------------------------ */

static void describe(uint32_t number, struct kmap_window *window)
{
	enum fixmap_slot slot = (enum fixmap_slot)(FIX_KMAP + number);
	phys_addr_t phys;

	*window = (struct kmap_window){ .address = fixmap_address(slot), .local = true };
	if (fixmap_shows(slot, &phys)) {
		window->state = KMAP_USED;
		window->users = 1;
		window->pfn = PFN_DOWN(phys);
		window->pfn_known = true;
	}
	kmap_debug_describe(record_of(window->address), window);
}

uint32_t kmap_local_depth(void)
{
	uint32_t irq = local_irq_save(), depth = depth_of(this_cpu_ptr(&kmap_local));

	local_irq_restore(irq);
	return depth;
}

bool kmap_local_snapshot(uint32_t number, struct kmap_window *window)
{
	uint32_t irq = local_irq_save();
	const struct kmap_local *mine = this_cpu_ptr(&kmap_local);
	bool open = number < depth_of(mine);

	if (open)
		describe(number_of(mine->slots[1 + number].address), window);
	local_irq_restore(irq);
	return open;
}

bool kmap_local_find(uintptr_t address, struct kmap_window *window)
{
	uintptr_t offset = address - fixmap_address(FIX_KMAP);

	if (offset >= CONFIG_NR_CPUS * KMAP_SLOTS * FIXMAP_SLOT_BYTES)
		return false;
	describe(number_of(address), window);
	window->guard = offset % FIXMAP_SLOT_BYTES >= PAGE_SIZE;
	return true;
}

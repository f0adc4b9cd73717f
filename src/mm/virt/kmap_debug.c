/* SPDX-License-Identifier: MIT */
#include "mm/virt/kmap_debug.h"

#include "kern/backtrace.h"
#include "kern/param.h"
#include "lib/size.h"
#include "mm/phys/memblock.h"
#include "mm/virt/kmap_misuse.h"

void (*kmap_misuse_hook)(const struct kmap_misuse *misuse);
struct kmap_record *kmap_records;

/* This room's text: who opened a window is the first caller outside. */
extern const char __virt_text_start[], __virt_text_end[];

static bool wanted;

static const char *parse_highmem_debug(const char *value)
{
	return parse_switch(value, &wanted);
}
BOOT_PARAM(highmem_debug, parse_highmem_debug, "0|1",
	   "remember who opened and closed each window to highmem, for reports and kmapinfo");

bool kmap_debug_start(void)
{
	if (!wanted)
		return true;
	kmap_records = memblock_alloc(KMAP_RECORDS * sizeof(*kmap_records), PAGE_SIZE);
	return kmap_records != NULL;
}

static void capture(struct owner_stack *stack)
{
	stack->frames = backtrace_capture(stack->pc, OWNER_FRAMES, (uintptr_t)__virt_text_start,
					  (uintptr_t)__virt_text_end);
}

void kmap_debug_opened(struct kmap_record *record, uint32_t pfn)
{
	record->pfn = pfn;
	record->known = true;
	record->closed.frames = 0;
	capture(&record->opened);
}

void kmap_debug_closed(struct kmap_record *record)
{
	capture(&record->closed);
}

void kmap_debug_describe(const struct kmap_record *record, struct kmap_window *window)
{
	if (record == NULL || !record->known)
		return;
	window->opened = record->opened;
	window->closed = record->closed;
	if (window->state != KMAP_EMPTY)
		return;
	window->pfn = record->pfn;
	window->pfn_known = true;
}

void kmap_tell(const struct kmap_misuse *misuse, const struct kmap_record *record)
{
	struct kmap_misuse told = *misuse;

	if (kmap_misuse_hook == NULL)
		return;
	if (record != NULL && record->known) {
		told.opened = record->opened;
		told.closed = record->closed;
	}
	kmap_misuse_hook(&told);
}

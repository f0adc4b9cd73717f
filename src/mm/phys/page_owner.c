/* SPDX-License-Identifier: MIT */
#include "mm/phys/page_owner.h"

#include <string.h>

#include "kern/backtrace.h"
#include "kern/spinlock.h"
#include "mm/phys/page_alloc.h"
#include "mm/phys/zone.h"

/* This room's text: how many of its frames lie on top of a way depends on the way and the compiler. */
extern const char __page_text_start[], __page_text_end[];

/* Stacks are numbered from 1; 0: not known. */
struct owner_record {
	uint16_t taken, given;
	gfp_t gfp;
};

#define UNITS      (1U << 20 >> PAGE_ORDER_MAX)
#define UNIT_BYTES (sizeof(struct owner_record) << PAGE_ORDER_MAX)

/* A power of two, and no more than a block holds; when it is full, further ways are not known. */
#define STACKS       (PAGE_ORDER_MAX < 8 ? 256U : 1024U)
#define STACKS_TRIED 32U /* places looked at, interrupts masked; a way without one is not kept */
#define STACKS_BYTES (STACKS * sizeof(struct owner_stack))

static struct owner_record *records[UNITS]; /* of a pageblock; NULL: no RAM, or not started */
static struct owner_stack *stacks;
static struct spinlock stacks_lock;

/* --- memory ---------------------------------------------------------------------------------- */

static void *take_zeroed(size_t bytes)
{
	return (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN, get_order(bytes));
}

void page_owner_stop(void)
{
	for (unsigned int unit = 0; unit < UNITS; unit++) {
		free_pages((uintptr_t)records[unit], get_order(UNIT_BYTES));
		records[unit] = NULL;
	}
	free_pages((uintptr_t)stacks, get_order(STACKS_BYTES));
	stacks = NULL;
}

static bool take_units(const struct zone_span *span)
{
	uint32_t end_pfn = span->start_pfn + span->spanned_pages;

	if (span->spanned_pages == 0)
		return true;
	for (uint32_t unit = span->start_pfn >> PAGE_ORDER_MAX;
	     unit <= (end_pfn - 1) >> PAGE_ORDER_MAX; unit++) {
		if (records[unit] != NULL ||
		    page_type(pfn_to_page(unit << PAGE_ORDER_MAX)) == PAGE_NONE)
			continue;
		records[unit] = take_zeroed(UNIT_BYTES);
		if (records[unit] == NULL)
			return false;
	}
	return true;
}

bool page_owner_start(void)
{
	bool good = true;

	if (stacks != NULL)
		return true;
	stacks = take_zeroed(STACKS_BYTES);
	for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++)
		good = good && stacks != NULL && take_units(&zones[zone].span);
	if (!good)
		page_owner_stop();
	return good;
}

/* --- stacks ---------------------------------------------------------------------------------- */

static uint32_t hash(const struct owner_stack *stack)
{
	uint32_t value = 2166136261U; /* FNV-1a */

	for (uint32_t i = 0; i < stack->frames; i++)
		value = (value ^ (uint32_t)stack->pc[i]) * 16777619U;
	return value ^
	       value >> 16; /* the low bits are those of the addresses alone: multiples of 4 */
}

/* The number of a way that was gone before, or of a new one. Under the lock. */
static uint16_t find_stack(const struct owner_stack *stack)
{
	uint32_t at = hash(stack);

	for (uint32_t tried = 0; tried < STACKS_TRIED; tried++, at++) {
		struct owner_stack *known = &stacks[at & (STACKS - 1)];

		if (known->frames == 0)
			*known = *stack;
		if (memcmp(known, stack, sizeof(*stack)) == 0)
			return (uint16_t)((at & (STACKS - 1)) + 1);
	}
	return 0;
}

static uint16_t note_stack(void)
{
	struct owner_stack stack = { 0 };
	uint16_t number;
	uint32_t irq;

	stack.frames = backtrace_capture(stack.pc, OWNER_FRAMES, (uintptr_t)__page_text_start,
					 (uintptr_t)__page_text_end);
	irq = spin_lock_irqsave(&stacks_lock);
	number = stack.frames != 0 ? find_stack(&stack) : 0;
	spin_unlock_irqrestore(&stacks_lock, irq);
	return number;
}

/* --- records --------------------------------------------------------------------------------- */

static struct owner_record *record_of(uint32_t pfn)
{
	struct owner_record *unit = records[pfn >> PAGE_ORDER_MAX];

	return unit != NULL ? &unit[pfn & ((1U << PAGE_ORDER_MAX) - 1)] : NULL;
}

void page_owner_taken(const struct page *page, unsigned int order, gfp_t gfp)
{
	struct owner_record *record = record_of(page_to_pfn(page));
	uint16_t stack = record != NULL ? note_stack() : 0;

	for (uint32_t i = 0; record != NULL && i < 1U << order; i++) {
		record[i].taken = stack;
		record[i].gfp = gfp;
	}
}

void page_owner_given(const struct page *page, unsigned int order)
{
	struct owner_record *record = record_of(page_to_pfn(page));
	uint16_t stack = record != NULL ? note_stack() : 0;

	for (uint32_t i = 0; record != NULL && i < 1U << order; i++)
		record[i].given = stack;
}

bool page_owner_get(uint32_t pfn, struct page_owner *owner)
{
	const struct owner_record *record = record_of(pfn);

	if (record == NULL || (record->taken == 0 && record->given == 0))
		return false;
	memset(owner, 0, sizeof(*owner));
	owner->gfp = record->gfp;
	if (record->taken != 0)
		owner->taken = stacks[record->taken - 1];
	if (record->given != 0)
		owner->given = stacks[record->given - 1];
	return true;
}

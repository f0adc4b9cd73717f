/* SPDX-License-Identifier: MIT */
#include "kern/irqsoff.h"

#include "arch/counter.h"
#include "arch/irqflags.h"
#include "kern/param.h"
#include "lib/size.h"

bool (*irqsoff_patch_hook)(uintptr_t address, uint32_t instruction);

static bool wanted;

static const char *parse_irqsoff(const char *value)
{
	return parse_switch(value, &wanted);
}
BOOT_PARAM(irqsoff, parse_irqsoff, "0|1",
	   "measure how long interrupts are masked, from the start of the threads on");

bool irqsoff_wanted(void)
{
	return wanted;
}

/* Of this core. Touched in detours alone, with interrupts masked. */
static struct {
	bool open;
	uint32_t start;       /* what the counter showed, later by what nested detours cost */
	uintptr_t began;      /* in which detour */
	uint32_t nested_cost; /* of a pair of detours inside a stretch, but for what is seen here */
	uint32_t own_cost;    /* what the counter shows for a stretch of nothing */
	struct irqsoff_snapshot found;
} irqsoff;

/* --- in the detours ----------------------------------------------------------------------------- */

void irqsoff_note_masked(uint32_t unused, uintptr_t place)
{
	uint32_t now = cycle_counter();

	(void)unused;
	if (irqsoff.open) {
		irqsoff.start += cycle_counter() - now;
		return;
	}
	irqsoff.open = true;
	irqsoff.began = place;
	irqsoff.start = cycle_counter();
}

static void note_stretch(uint32_t cycles, uintptr_t place)
{
	struct irqsoff_stretch *longest = irqsoff.found.longest;
	unsigned int i = 0;

	cycles = cycles > irqsoff.own_cost ? cycles - irqsoff.own_cost : 0;
	irqsoff.found.stretches++;
	if (cycles <= longest[IRQSOFF_PLACES - 1].cycles)
		return;
	/* It takes the place of the one that began there, else of the shortest; then it rises. */
	while (i < IRQSOFF_PLACES - 1 && longest[i].began != irqsoff.began)
		i++;
	if (longest[i].began == irqsoff.began && longest[i].cycles >= cycles)
		return;
	for (; i > 0 && longest[i - 1].cycles < cycles; i--)
		longest[i] = longest[i - 1];
	longest[i] = (struct irqsoff_stretch){ cycles, irqsoff.began, place };
}

void irqsoff_note_unmasking(uint32_t flags, uintptr_t place)
{
	uint32_t now = cycle_counter();

	if (!irqsoff.open)
		return;
	if (irqs_masked_flags(flags)) {
		irqsoff.start += cycle_counter() - now + irqsoff.nested_cost;
		return;
	}
	irqsoff.open = false;
	note_stretch(now - irqsoff.start, place);
}

/* --- on and off --------------------------------------------------------------------------------- */

#define BRANCH 0xea000000U /* ARM DDI 0406C A8.8.18, encoding A1: always */

static uint32_t branch_to(uint32_t from, uint32_t to)
{
	return BRANCH | ((to - from - 8) >> 2 & 0xffffff);
}

/* The sites that begin a stretch, or those that end one. */
static bool patch(bool begins, bool on)
{
	const struct irqsoff_site *site;
	bool good = irqsoff_patch_hook != NULL;

	for_each_table_entry(site, irqsoff_sites)
		if (good && (site->begins != 0) == begins)
			good = irqsoff_patch_hook(
				site->address, on ? branch_to(site->address, site->detour)
						  : *(const uint32_t *)(uintptr_t)site->original);
	return good;
}

/* Ends before beginnings, and the other way round: so that none seems to last until the next end. */
static bool patch_all(bool on)
{
	return on ? patch(false, on) && patch(true, on) : patch(true, on) && patch(false, on);
}

static __attribute__((noinline)) uint32_t measured(bool nested)
{
	uint32_t irq, inner;

	irqsoff.found = (struct irqsoff_snapshot){ .on = true };
	irq = local_irq_save();
	if (nested) {
		inner = local_irq_save();
		local_irq_restore(inner);
	}
	local_irq_restore(irq);
	return irqsoff.found.longest[0].cycles;
}

/* An empty stretch shall have 0, and a pair inside a stretch what its three instructions take. */
static void calibrate(void)
{
	uint32_t empty, nested;

	irqsoff.own_cost = irqsoff.nested_cost = 0;
	empty = measured(false);
	nested = measured(true);
	irqsoff.own_cost = empty;
	irqsoff.nested_cost = nested > empty + 3 ? nested - empty - 3 : 0;
	irqsoff.found = (struct irqsoff_snapshot){ .on = true };
}

bool irqsoff_set(bool on)
{
	if (!on) {
		irqsoff.found.on = false;
		return patch_all(false);
	}
	cycle_counter_start();
	if (!patch_all(true)) {
		patch_all(false);
		return false;
	}
	calibrate();
	return true;
}

/* --- for people --------------------------------------------------------------------------------- */

/* The site whose detour was left at `place`. */
static uintptr_t site_of(uintptr_t place)
{
	const struct irqsoff_site *site, *best = NULL;

	for_each_table_entry(site, irqsoff_sites)
		if (site->detour <= place && (best == NULL || site->detour > best->detour))
			best = site;
	return best != NULL && place != 0 ? best->address : 0;
}

void irqsoff_snapshot(struct irqsoff_snapshot *snapshot)
{
	uint32_t irq = local_irq_save();

	*snapshot = irqsoff.found;
	local_irq_restore(irq);
	for (unsigned int i = 0; i < IRQSOFF_PLACES; i++) {
		snapshot->longest[i].began = site_of(snapshot->longest[i].began);
		snapshot->longest[i].ended = site_of(snapshot->longest[i].ended);
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * How long interrupts are masked: the longest stretches since the measuring began, each with where it
 * began and where it ended, in cycles of the core's counter. Under QEMU's -icount shift=0 a cycle is
 * an instruction; without it, a nanosecond of the host.
 *
 * A stretch is from the instruction that masks to the one that lets in; for an interrupt from the
 * handler's beginning to its end, and on to where the thread that runs next lets interrupts in. What the
 * measuring itself costs is taken away. Not counted are the wait for an interrupt and the printing of
 * a report, as in Linux's irqsoff tracer; nor exceptions, that are faults.
 *
 * Off, it costs nothing: arch/irqflags.h says how.
 */
#ifndef STRATA_KERN_IRQSOFF_H
#define STRATA_KERN_IRQSOFF_H

#include "lib/table.h"
#include "lib/types.h"

struct irqsoff_site {
	uint32_t address; /* of the instruction that a detour may stand in for */
	uint32_t detour;
	uint32_t original; /* address of a copy of the instruction */
	uint32_t begins;   /* 1: a stretch; 0: ends one */
};

TABLE_DECLARE(struct irqsoff_site, irqsoff_sites);

/*
 * Measure from now on, from nothing; or stop. May be called again. False: a site could not be written
 * to, and nothing is measured.
 */
bool irqsoff_set(bool on);

/* What the boot parameter irqsoff= says. */
bool irqsoff_wanted(void);

#define IRQSOFF_PLACES 8U

struct irqsoff_stretch {
	uint32_t cycles;
	uintptr_t began, ended; /* 0: there is no such stretch */
};

/* The longest first; of those that began at the same place, the longest alone. */
struct irqsoff_snapshot {
	bool on;
	uint32_t stretches; /* in all */
	struct irqsoff_stretch longest[IRQSOFF_PLACES];
};

void irqsoff_snapshot(struct irqsoff_snapshot *snapshot);

/* Write an instruction over another. Set by the boot: the image's text is read-only where it runs. */
extern bool (*irqsoff_patch_hook)(uintptr_t address, uint32_t instruction);

/* From arch/arm/irqsoff.S. */
void irqsoff_note_masked(uint32_t unused, uintptr_t place);
void irqsoff_note_unmasking(uint32_t flags, uintptr_t place);

#endif

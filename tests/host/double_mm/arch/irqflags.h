/* SPDX-License-Identifier: MIT */
/*
 * The double of arch/irqflags.h for the host: the test sees whether interrupts are masked, and how
 * often, and may have something run in between as a handler would.
 */
#ifndef STRATA_ARCH_IRQFLAGS_H
#define STRATA_ARCH_IRQFLAGS_H

#include "lib/types.h"

#define DOUBLE_IRQ_MASKED 0x80U

extern uint32_t double_irq_flags;         /* 0, or DOUBLE_IRQ_MASKED */
extern void (*double_irq_unmasked)(void); /* called when interrupts are let in again */
extern void (*double_irq_masking)(void);  /* called when they are about to be masked */

static inline uint32_t local_irq_save(void)
{
	uint32_t flags = double_irq_flags;

	if (flags == 0 && double_irq_masking != NULL)
		double_irq_masking();
	double_irq_flags = DOUBLE_IRQ_MASKED;
	return flags;
}

static inline void local_irq_restore(uint32_t flags)
{
	double_irq_flags = flags;
	if (flags == 0 && double_irq_unmasked != NULL)
		double_irq_unmasked();
}

static inline bool irqs_masked(void)
{
	return double_irq_flags != 0;
}

static inline bool irqs_masked_flags(uint32_t flags)
{
	return flags != 0;
}

static inline void irqsoff_stretch_ends(void)
{
}

static inline void irqsoff_stretch_begins(void)
{
}

#endif

/* SPDX-License-Identifier: MIT */
/* arch/irqflags.h of the desktop, where nothing interrupts: the planner and tests that need no more. */
#ifndef STRATA_ARCH_IRQFLAGS_H
#define STRATA_ARCH_IRQFLAGS_H

#include "lib/types.h"

static inline uint32_t local_irq_save(void)
{
	return 0;
}

static inline void local_irq_restore(uint32_t flags)
{
	(void)flags;
}

static inline bool irqs_masked(void)
{
	return false;
}

static inline void irqsoff_stretch_ends(void)
{
}

static inline void irqsoff_stretch_begins(void)
{
}

#endif

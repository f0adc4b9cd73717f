/* SPDX-License-Identifier: MIT */
/*
 * The double of arch/irqflags.h for the model of the core: it sees what happens while interrupts are
 * masked, and lets a handler in when they no longer are.
 */
#ifndef STRATA_ARCH_IRQFLAGS_H
#define STRATA_ARCH_IRQFLAGS_H

#include "lib/types.h"

uint32_t model_irq_save(void);
void model_irq_restore(uint32_t flags);

static inline uint32_t local_irq_save(void)
{
	return model_irq_save();
}

static inline void local_irq_restore(uint32_t flags)
{
	model_irq_restore(flags);
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Masking interrupts on this core. Pairs nest: what was masked before stays so.
 *
 *	uint32_t flags = local_irq_save();
 *	...
 *	local_irq_restore(flags);
 *
 * Both keep the compiler from moving memory accesses across; the core needs no barrier for what it
 * alone sees.
 */
#ifndef STRATA_ARCH_IRQFLAGS_H
#define STRATA_ARCH_IRQFLAGS_H

#include "lib/types.h"

static inline uint32_t local_irq_save(void)
{
	uint32_t flags;

	__asm__ volatile("mrs %0, cpsr\n\t"
			 "cpsid i"
			 : "=r"(flags)
			 :
			 : "memory");
	return flags;
}

static inline void local_irq_restore(uint32_t flags)
{
	__asm__ volatile("msr cpsr_c, %0" : : "r"(flags) : "memory");
}

#endif

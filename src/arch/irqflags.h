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

/* Whether the core takes interrupts at this moment. */
static inline bool irqs_masked(void)
{
	uint32_t flags;

	__asm__ volatile("mrs %0, cpsr" : "=r"(flags));
	return (flags & 0x80) != 0;
}

/* The same of what local_irq_save gave. */
static inline bool irqs_masked_flags(uint32_t flags)
{
	return (flags & 0x80) != 0;
}

/* Not for nesting: for the few places that know what was before. */
static inline void local_irq_disable(void)
{
	__asm__ volatile("cpsid i" ::: "memory");
}

static inline void local_irq_enable(void)
{
	__asm__ volatile("cpsie i" ::: "memory");
}

#endif

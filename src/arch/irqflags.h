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

/*
 * Every instruction here that masks interrupts or lets them in is a site, listed in the table
 * irqsoff_sites with a detour: code outside the function that does the same and tells kern/irqsoff.c.
 * While somebody measures, a branch to the detour stands in the instruction's place; else nothing of it costs anything.
 *
 *	site      1:  cpsid i             b 2f
 *	detour    2:                      cpsid i; call irqsoff_masked; b 1b + 4
 *
 * `inline`: the compiler shall not count the detour when it decides what is worth inlining.
 */
#define IRQ_SITE(begins_, first_, then_, call_, original_) \
	".pushsection .text.irqsoff, \"ax\"\n"             \
	"2:\t" first_ "\n\t"                               \
	"push {r0, lr}\n\t" then_ "\n\t"                   \
	"bl " call_ "\n\t"                                 \
	"pop {r0, lr}\n"                                   \
	"3:\t" original_ "\n\t"                            \
	"b 1b + 4\n"                                       \
	".popsection\n"                                    \
	".pushsection irqsoff_sites, \"a\"\n\t"            \
	".long 1b, 2b, 3b, " begins_ "\n"                  \
	".popsection"

#define IRQ_SITE_MASKS   IRQ_SITE("1", "cpsid i", "", "irqsoff_masked", "cpsid i")
#define IRQ_SITE_LETS_IN IRQ_SITE("0", "", "mov r0, #0", "irqsoff_unmasking", "cpsie i")
/* Nothing is changed at these two: the stretch is said to begin, or to end. */
#define IRQ_SITE_BEGINS IRQ_SITE("1", "", "", "irqsoff_masked", "nop")
#define IRQ_SITE_ENDS   IRQ_SITE("0", "", "mov r0, #0", "irqsoff_unmasking", "nop")

static inline uint32_t local_irq_save(void)
{
	uint32_t flags;

	__asm__ inline volatile("mrs %0, cpsr\n"
				"1:\tcpsid i\n" IRQ_SITE_MASKS
				: "=r"(flags)
				:
				: "memory");
	return flags;
}

static inline void local_irq_restore(uint32_t flags)
{
	__asm__ inline volatile("1:\tmsr cpsr_c, %0\n" IRQ_SITE("0", "", "mov r0, %0",
								"irqsoff_unmasking",
								"msr cpsr_c, %0")
				:
				: "r"(flags)
				: "memory");
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
	__asm__ inline volatile("1:\tcpsid i\n" IRQ_SITE_MASKS ::: "memory");
}

static inline void local_irq_enable(void)
{
	__asm__ inline volatile("1:\tcpsie i\n" IRQ_SITE_LETS_IN ::: "memory");
}

/*
 * For what is not to count as masked although it is: the wait for an interrupt, a report being
 * printed. And where the hardware masked them.
 */
static inline void irqsoff_stretch_ends(void)
{
	__asm__ inline volatile("1:\tnop\n" IRQ_SITE_ENDS ::: "memory");
}

static inline void irqsoff_stretch_begins(void)
{
	__asm__ inline volatile("1:\tnop\n" IRQ_SITE_BEGINS ::: "memory");
}

#endif

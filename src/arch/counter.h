/* SPDX-License-Identifier: MIT */
/*
 * The core's cycle counter (PMCCNTR, ARM DDI 0406C C12.8.6). Under QEMU's -icount shift=0 it counts
 * executed instructions, exactly; on hardware, cycles. It wraps: differences of 32 bits are right for
 * less than 2^32 of them.
 */
#ifndef STRATA_ARCH_COUNTER_H
#define STRATA_ARCH_COUNTER_H

#include "lib/types.h"

/* Let it run from 0: PMCR.E and .C, PMCNTENSET.C, no division. */
static inline void cycle_counter_start(void)
{
	__asm__ volatile("mcr p15, 0, %0, c9, c12, 0\n\t"
			 "mcr p15, 0, %1, c9, c12, 1\n\t"
			 "isb"
			 :
			 : "r"(5), "r"(0x80000000U)
			 : "memory");
}

/* No instruction but the read itself, and the compiler moves no memory access across. */
static inline uint32_t cycle_counter(void)
{
	uint32_t cycles;

	__asm__ volatile("mrc p15, 0, %0, c9, c13, 0" : "=r"(cycles) : : "memory");
	return cycles;
}

#endif

/* SPDX-License-Identifier: MIT */
/* Single instructions that C has no word for. ARM DDI 0406C B3.17 names the registers. */
#ifndef STRATA_ARCH_ARM_CP15_H
#define STRATA_ARCH_ARM_CP15_H

#include "lib/types.h"

#define CP15_READ(name, op1, crn, crm, op2)                                                     \
	static inline uint32_t cp15_read_##name(void)                                           \
	{                                                                                       \
		uint32_t value;                                                                 \
		asm volatile("mrc p15, " #op1 ", %0, " #crn ", " #crm ", " #op2 : "=r"(value)); \
		return value;                                                                   \
	}

#define CP15_WRITE(name, op1, crn, crm, op2)                                    \
	static inline void cp15_write_##name(uint32_t value)                    \
	{                                                                       \
		asm volatile("mcr p15, " #op1 ", %0, " #crn ", " #crm ", " #op2 \
			     :                                                  \
			     : "r"(value)                                       \
			     : "memory");                                       \
	}

CP15_READ(midr, 0, c0, c0, 0)
CP15_READ(ctr, 0, c0, c0, 1)
CP15_READ(sctlr, 0, c1, c0, 0)
CP15_READ(ttbr0, 0, c2, c0, 0)
CP15_READ(dfsr, 0, c5, c0, 0)
CP15_READ(ifsr, 0, c5, c0, 1)
CP15_READ(dfar, 0, c6, c0, 0)
CP15_READ(ifar, 0, c6, c0, 2)
CP15_READ(par, 0, c7, c4, 0)
CP15_READ(id_mmfr3, 0, c0, c1, 7)
CP15_READ(cbar, 4, c15, c0, 0)
CP15_WRITE(vbar, 0, c12, c0, 0)
CP15_WRITE(ats1cpr, 0, c7, c8, 0)
CP15_WRITE(ats1cpw, 0, c7, c8, 1)
CP15_WRITE(dccmvau, 0, c7, c11, 1)
CP15_WRITE(dcimvac, 0, c7, c6, 1)
CP15_WRITE(dccmvac, 0, c7, c10, 1)
CP15_WRITE(dccimvac, 0, c7, c14, 1)
CP15_WRITE(tlbiallis, 0, c8, c3, 0)
CP15_WRITE(tlbimvaais, 0, c8, c3, 3)
CP15_WRITE(bpiallis, 0, c7, c1, 6)
CP15_WRITE(icialluis, 0, c7, c1, 0)

static inline void dsb_ish(void)
{
	asm volatile("dsb ish" ::: "memory");
}

static inline void isb(void)
{
	asm volatile("isb" ::: "memory");
}

#endif

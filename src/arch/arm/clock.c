/* SPDX-License-Identifier: MIT */
/* The generic timer's virtual count, ARM DDI 0406C B8.1: readable in SVC whoever owns HYP. */
#include "arch/clock.h"

uint64_t clock_ticks(void)
{
	uint64_t ticks;

	/* CNTVCT may be read ahead of the instructions before it, but not ahead of an isb. */
	asm volatile("isb\n\tmrrc p15, 1, %Q0, %R0, c14" : "=r"(ticks) : : "memory");
	return ticks;
}

uint32_t clock_frequency_hz(void)
{
	uint32_t frequency_hz;

	asm volatile("mrc p15, 0, %0, c14, c0, 0" : "=r"(frequency_hz)); /* CNTFRQ */
	return frequency_hz;
}

/* SPDX-License-Identifier: MIT */
/*
 * The generic timer's virtual count and virtual timer, ARM DDI 0406C B8.1: usable in SVC whoever owns
 * HYP, and in either security state.
 */
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

#define CNTV_CTL_ENABLE  (1U << 0)
#define CNTV_CTL_ISTATUS (1U << 2)

static void write_control(uint32_t control)
{
	/* The isb: what is set has its effect before the caller goes on, and unmasks for example. */
	asm volatile("mcr p15, 0, %0, c14, c3, 1\n\tisb" : : "r"(control) : "memory");
}

/* Both are written before either has an effect; a comparison with the old time could only be early. */
void timer_set(uint64_t ticks)
{
	asm volatile("mcrr p15, 3, %Q0, %R0, c14" : : "r"(ticks) : "memory"); /* CNTV_CVAL */
	write_control(CNTV_CTL_ENABLE);
}

void timer_off(void)
{
	write_control(0);
}

bool timer_is_due(void)
{
	uint32_t control;

	/* CNTV_CTL: the condition as it is now, not ahead of what stands before. */
	asm volatile("isb\n\tmrc p15, 0, %0, c14, c3, 1" : "=r"(control) : : "memory");
	return (control & (CNTV_CTL_ENABLE | CNTV_CTL_ISTATUS)) ==
	       (CNTV_CTL_ENABLE | CNTV_CTL_ISTATUS);
}

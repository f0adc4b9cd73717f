/* SPDX-License-Identifier: MIT */
/*
 * The core's own clock: a counter that all cores see alike and that only goes up, from when the
 * board was switched on or its firmware started it. A restart of the board need not stop it.
 */
#ifndef STRATA_ARCH_CLOCK_H
#define STRATA_ARCH_CLOCK_H

#include "lib/types.h"

/* Read in program order: not before what stands before it was done. */
uint64_t clock_ticks(void);

/* The same but for that: it may be read some instructions early. CNTVCT, ARM DDI 0406C B8.1.3. */
static inline uint64_t clock_ticks_about(void)
{
	uint32_t low, high;

	__asm__ volatile("mrrc p15, 1, %0, %1, c14" : "=r"(low), "=r"(high));
	return (uint64_t)high << 32 | low;
}

/*
 * Ticks in a second as the firmware wrote it down, which is its duty. 0: it did not, as on some
 * starts of a Raspberry Pi; nothing tells how fast the counter is then.
 */
uint32_t clock_frequency_hz(void);

/*
 * The timer that belongs to the counter: it keeps its interrupt raised from when the counter reaches
 * `ticks`, at once if it has, until it is set anew or off.
 */
void timer_set(uint64_t ticks);
void timer_off(void);

/* Whether it is raised now. */
bool timer_is_due(void);

#endif

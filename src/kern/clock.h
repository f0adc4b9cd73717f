/* SPDX-License-Identifier: MIT */
/*
 * Time: nanoseconds since the core's counter started, and short waits that spend them.
 *
 * The counter's frequency is what the firmware wrote down (CNTFRQ) or the timer's node in the device
 * tree says; where neither does, CLOCK_ASSUMED_HZ is taken and the boot says so.
 */
#ifndef STRATA_KERN_CLOCK_H
#define STRATA_KERN_CLOCK_H

#include "lib/types.h"

#define CLOCK_ASSUMED_HZ 19200000U /* a Raspberry Pi 2's crystal */

#define NS_PER_US        1000ULL
#define NS_PER_MS        1000000ULL
#define NS_PER_S         1000000000ULL

/*
 * Works from the first instruction of C on. Never goes back. Wraps after 584 years. Less than 2 ns
 * behind the counter, however long it has counted.
 */
uint64_t clock_ns(void);

/*
 * How long so many ticks take, rounded down, at most 1 ns too little. The least number of ticks that
 * take so long by that count, so that a wait is never too short; UINT64_MAX when there are more.
 */
uint64_t clock_ticks_to_ns(uint64_t ticks);
uint64_t clock_ns_to_ticks(uint64_t ns);

/* What the counter (arch/clock.h) shows when clock_ns first reaches ns. */
uint64_t clock_ticks_at(uint64_t ns);

/* By the timer's driver, when the tree knows better. Not 0. clock_ns does not go back at that. */
void clock_set_frequency(uint32_t frequency_hz);
uint32_t clock_frequency(void);

/* Spend at least so long, without letting another thread run but by interrupts. In any context. */
void ndelay(uint64_t ns);
void udelay(uint32_t us);
void mdelay(uint32_t ms);

#endif

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

#define NS_PER_US 1000ULL
#define NS_PER_MS 1000000ULL
#define NS_PER_S  1000000000ULL

/* Works from the first instruction of C on. Never goes back. Wraps after 584 years. */
uint64_t clock_ns(void);

/* The conversions that clock_ns uses; ticks are rounded up, so that a wait is never too short. */
uint64_t clock_ticks_to_ns(uint64_t ticks);
uint64_t clock_ns_to_ticks(uint64_t ns);

/* Set by the timer's driver when the tree knows better. Never 0. */
void clock_set_frequency(uint32_t frequency_hz);
uint32_t clock_frequency(void);

/* Spend at least so long, without letting another thread run but by interrupts. In any context. */
void ndelay(uint64_t ns);
void udelay(uint32_t us);
void mdelay(uint32_t ms);

#endif

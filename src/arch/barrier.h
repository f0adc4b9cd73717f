/* SPDX-License-Identifier: MIT */
/* Order, where the compiler and the core would not keep it. */
#ifndef STRATA_ARCH_BARRIER_H
#define STRATA_ARCH_BARRIER_H

/*
 * Everything before is done, devices included, before anything after begins: between two devices
 * that may answer out of order, as on the BCM283x, and before a device is told to look at memory.
 */
static inline void device_barrier(void)
{
	__asm__ volatile("dsb sy" ::: "memory");
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Where this core's copies of per-CPU variables are: their distance from the first copy, kept in
 * TPIDRPRW (ARM DDI 0406C B4.1.150), which nothing else uses.
 */
#ifndef STRATA_ARCH_PERCPU_H
#define STRATA_ARCH_PERCPU_H

#include "lib/types.h"

/* Volatile: read anew after a thread may have moved to another core. */
static inline uintptr_t percpu_offset(void)
{
	uintptr_t offset;

	__asm__ volatile("mrc p15, 0, %0, c13, c0, 4" : "=r"(offset));
	return offset;
}

/* Once, when a core starts: a boot loader leaves anything there. */
static inline void percpu_set_offset(uintptr_t offset)
{
	__asm__ volatile("mcr p15, 0, %0, c13, c0, 4" : : "r"(offset) : "memory");
}

#endif

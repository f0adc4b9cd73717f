/* SPDX-License-Identifier: MIT */
/* The double of arch/barrier.h for the host: a test of a driver counts them. */
#ifndef STRATA_ARCH_BARRIER_H
#define STRATA_ARCH_BARRIER_H

#include "lib/types.h"

extern uint32_t double_device_barriers;

static inline void device_barrier(void)
{
	double_device_barriers++;
}

#endif

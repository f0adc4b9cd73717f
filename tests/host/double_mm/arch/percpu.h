/* SPDX-License-Identifier: MIT */
/* The double of arch/percpu.h for the host: one core. */
#ifndef STRATA_ARCH_PERCPU_H
#define STRATA_ARCH_PERCPU_H

#include "lib/types.h"

static inline uintptr_t percpu_offset(void)
{
	return 0;
}

#endif

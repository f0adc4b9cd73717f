/* SPDX-License-Identifier: MIT */
/* The double of arch/cpu.h for the host: nobody else is there to send an event. */
#ifndef STRATA_ARCH_CPU_H
#define STRATA_ARCH_CPU_H

#include <stdlib.h>

#include "arch/irqflags.h"

/* Waiting for a lock that nobody can release. */
static inline void cpu_wait_for_event(void)
{
	abort();
}

/* Called by whoever unlocks: a lock is held with interrupts masked. */
static inline void cpu_send_event(void)
{
	if (double_irq_flags == 0)
		abort();
}

#endif

/* SPDX-License-Identifier: MIT */
/* The double of arch/cpu.h for the host: nobody else is there to send an event. */
#ifndef STRATA_ARCH_CPU_H
#define STRATA_ARCH_CPU_H

#include <stdlib.h>

/* Waiting for a lock that nobody can release. */
static inline void cpu_wait_for_event(void)
{
	abort();
}

static inline void cpu_send_event(void)
{
}

#endif
